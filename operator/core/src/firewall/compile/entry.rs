//! What is asked of one guest, before it is written as rules of PVE.

use crate::container::want::Key;
use crate::firewall::guest::Way;
use crate::firewall::nets::Nets;
use crate::firewall::ports::Services;
use std::fmt;
use zentoria_api::firewall::{Action, LogLevel};

/// One thing that is asked of a guest's firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// Into it or out of it.
    pub(super) way: Way,
    /// Where it stands among the others.
    pub(super) rank: Rank,
    /// What happens.
    pub(super) action: Action,
    /// Log of what matches.
    pub(super) log: Option<LogLevel>,
    /// Who asks.
    pub(super) owner: Owner<'a>,
    /// Protocols and ports.
    pub(super) services: Services,
    /// The other end.
    pub(super) nets: Nets,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner<'a> {
    /// A need that nobody wrote down.
    Derived(Cause),
    /// A rule.
    Rule(&'a Key),
}

/// A need that nobody wrote down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// The control plane reaches its guests.
    ControlPlane,
}

impl Cause {
    const fn word(self) -> &'static str {
        match self {
            Self::ControlPlane => "control-plane",
        }
    }

    /// Where it stands. The control plane comes before all rules: none may lock it out.
    pub(super) fn rank(self) -> Rank {
        match self {
            Self::ControlPlane => Rank { priority: 0, order: 0, quiet: 0 },
        }
    }
}

impl fmt::Display for Owner<'_> {
    /// As in comments: `derived/control-plane`, `zentoria/db-from-backend`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Derived(cause) => write!(f, "derived/{}", cause.word()),
            Self::Rule(key) => key.fmt(f),
        }
    }
}

/// Where something stands: a lower one comes first, and the first match decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// 0 is before all rules; a rule has its own plus one.
    pub(super) priority: u32,
    /// Drop, Reject, Allow.
    order: u8,
    /// What is logged comes before what is not: a packet that both match is logged.
    quiet: u8,
}

impl Rank {
    /// That of a rule.
    pub(super) fn of_rule(priority: u32, action: Action, log: Option<LogLevel>) -> Self {
        let order = match action {
            Action::Drop => 0,
            Action::Reject => 1,
            Action::Allow => 2,
        };
        let quiet = match log {
            None | Some(LogLevel::Nolog) => u8::MAX,
            Some(LogLevel::Emerg) => 0,
            Some(LogLevel::Alert) => 1,
            Some(LogLevel::Crit) => 2,
            Some(LogLevel::Err) => 3,
            Some(LogLevel::Warning) => 4,
            Some(LogLevel::Notice) => 5,
            Some(LogLevel::Info) => 6,
            Some(LogLevel::Debug) => 7,
        };
        Self { priority: priority + 1, order, quiet }
    }
}
