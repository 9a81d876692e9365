//! Every way in which a call to PVE can fail, and what each means.

use std::collections::BTreeMap;
use std::time::Duration;

use zentoria_types::Upid;

use crate::transport::Fingerprint;

/// A failed call to PVE. One variant for each place it can break and each answer that decides something.
///
/// Texts are PVE's own where PVE gave one: the reason of the status line, without its trailing newline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PveError {
    /// The connection failed or broke: refused, reset, closed without an answer.
    #[error("cannot talk to {endpoint}: {message}")]
    Transport {
        /// The endpoint (`host:port`) tried last.
        endpoint: String,
        /// What the connection said.
        message: String,
        /// Whether the request may have reached PVE. A mutating call with `true` may have taken effect.
        maybe_sent: bool,
    },
    /// No complete answer within the deadline. A mutating call may have taken effect.
    #[error("no answer to {call} within {after:?}")]
    Timeout {
        /// Method and path.
        call: String,
        /// The deadline.
        after: Duration,
    },
    /// The API answered, but could not reach the node that the call is for (595 to 599, or a name that does not resolve).
    #[error("node {node} cannot be reached: {reason}")]
    NodeUnreachable {
        /// The node's name, or `?` when the path names none.
        node: String,
        /// PVE's words.
        reason: String,
    },
    /// PVE, or our own limit for the node, is busy: lock contention, 429, 502 to 504.
    #[error("busy: {message}")]
    Busy {
        /// Who waits for what.
        message: String,
    },
    /// 401: the token or the ticket is not accepted.
    #[error("PVE does not accept the credentials ({reason}): check the token's id, secret and expiry")]
    Unauthenticated {
        /// PVE's words.
        reason: String,
    },
    /// root@pam cannot log in: its password is wrong, or it has a second factor.
    #[error("the password of root@pam was refused ({reason}); the API token is not concerned")]
    RootRefused {
        /// PVE's words, or what else stands in the way.
        reason: String,
    },
    /// 403: a privilege is missing, or the option is for root@pam alone.
    #[error("{}", forbidden_text(path.as_deref(), privilege.as_deref(), message))]
    Forbidden {
        /// The ACL path, such as `/vms/160`, when PVE names it.
        path: Option<String>,
        /// The privilege, such as `VM.Config.Memory`; alternatives are parted by `|`.
        privilege: Option<String>,
        /// PVE's words.
        message: String,
    },
    /// PVE has proved that the guest of this call has no configuration **on the asked node**.
    #[error("{what} does not exist")]
    Absent {
        /// What is not there, as `CT 160 on node pve1`.
        what: String,
    },
    /// The VMID is taken.
    #[error("already exists: {message}")]
    Exists {
        /// PVE's words.
        message: String,
    },
    /// The guest's configuration carries a lock.
    #[error("the guest is locked ({lock})")]
    Locked {
        /// The lock: `create`, `backup`, `migrate`, ...
        lock: String,
    },
    /// The configuration changed since the digest was read; nothing was written.
    #[error("the configuration was changed by somebody else since it was read")]
    DigestMismatch,
    /// The guest is not in the state that the call needs (already running, not running, protected).
    #[error("{message}")]
    WrongState {
        /// PVE's words.
        message: String,
    },
    /// The cluster has no quorum; PVE refuses every write.
    #[error("the PVE cluster has no quorum: {message}")]
    NoQuorum {
        /// PVE's words.
        message: String,
    },
    /// 400: a parameter is wrong.
    #[error("{}", rejected_text(message, errors))]
    Rejected {
        /// PVE's words.
        message: String,
        /// What PVE says of each parameter.
        errors: BTreeMap<String, String>,
    },
    /// The call was accepted but its task failed.
    #[error("task {} of guest {} failed: {exit}", upid.task_type(), upid.id())]
    TaskFailed {
        /// The task.
        upid: Upid,
        /// Its exit status.
        exit: String,
        /// The last lines of its log.
        log_tail: Vec<String>,
    },
    /// An answer that is not what the call gives: HTML, a cut body, null, another shape.
    #[error("nonsense in the answer to {call}: {problem} (it begins with {start:?})")]
    Payload {
        /// Method and path.
        call: String,
        /// What is wrong.
        problem: String,
        /// The first bytes of the body.
        start: String,
    },
    /// The endpoint's certificate is not the one that is trusted.
    #[error("{}", certificate_text(endpoint, expected.as_ref(), found, reason))]
    Certificate {
        /// The endpoint (`host:port`).
        endpoint: String,
        /// The pinned fingerprint; none when a CA is trusted.
        expected: Option<Fingerprint>,
        /// The fingerprint of the certificate that was presented.
        found: Fingerprint,
        /// Why it was refused.
        reason: String,
    },
    /// The dial map names no target for this address, and with a dial map nothing else is contacted.
    #[error("{address} is not in the dial map, and with a dial map no other address is contacted")]
    NotMapped {
        /// The address that was asked for.
        address: String,
    },
    /// The fence is down (leadership lost, shutdown): the write was not sent.
    #[error("not sent: this process may not write now ({call})")]
    Fenced {
        /// Method and path.
        call: String,
    },
    /// Any other answer.
    #[error("unexpected answer {status}: {reason}")]
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// The reason of the status line.
        reason: String,
        /// The first bytes of the body.
        body: String,
    },
}

impl PveError {
    /// A short, stable word for metrics and logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Transport { .. } => "transport",
            Self::Timeout { .. } => "timeout",
            Self::NodeUnreachable { .. } => "node_unreachable",
            Self::Busy { .. } => "busy",
            Self::Unauthenticated { .. } => "unauthenticated",
            Self::RootRefused { .. } => "root_refused",
            Self::Forbidden { .. } => "forbidden",
            Self::Absent { .. } => "absent",
            Self::Exists { .. } => "exists",
            Self::Locked { .. } => "locked",
            Self::DigestMismatch => "digest_mismatch",
            Self::WrongState { .. } => "wrong_state",
            Self::NoQuorum { .. } => "no_quorum",
            Self::Rejected { .. } => "rejected",
            Self::TaskFailed { .. } => "task_failed",
            Self::Payload { .. } => "payload",
            Self::Certificate { .. } => "certificate",
            Self::NotMapped { .. } => "not_mapped",
            Self::Fenced { .. } => "fenced",
            Self::Unexpected { .. } => "unexpected",
        }
    }

    /// Whether PVE refuses this option to every token, so that only the `root@pam` ticket passes.
    #[must_use]
    pub fn needs_root(&self) -> bool {
        matches!(self, Self::Forbidden { message, .. } if message.contains("only allowed for root@pam"))
    }

    /// The parameters that this PVE does not know: it is older, or the name is wrong.
    pub fn unknown_parameters(&self) -> impl Iterator<Item = &str> {
        let errors = if let Self::Rejected { errors, .. } = self { Some(errors) } else { None };
        let unknown = |text: &String| text.contains("property is not defined in schema");
        errors.into_iter().flatten().filter(move |(_, text)| unknown(text)).map(|(parameter, _)| parameter.as_str())
    }

    /// Whether this PVE has no such call: it is older, or lacks a part.
    #[must_use]
    pub fn is_not_implemented(&self) -> bool {
        matches!(self, Self::Unexpected { status: 501, .. })
    }

    /// Whether a mutating call that failed so may nevertheless have taken effect.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Transport { maybe_sent, .. } => *maybe_sent,
            // PVE stores a network of a stopped guest although it answers 500 (missing bridge).
            Self::Timeout { .. } | Self::Payload { .. } | Self::Unexpected { .. } | Self::NodeUnreachable { .. } => {
                true
            }
            Self::Busy { .. } | Self::TaskFailed { .. } => true,
            Self::Unauthenticated { .. }
            | Self::RootRefused { .. }
            | Self::Forbidden { .. }
            | Self::Absent { .. }
            | Self::Exists { .. }
            | Self::Locked { .. }
            | Self::DigestMismatch
            | Self::WrongState { .. }
            | Self::NoQuorum { .. }
            | Self::Rejected { .. }
            | Self::Certificate { .. }
            | Self::NotMapped { .. }
            | Self::Fenced { .. } => false,
        }
    }
}

fn forbidden_text(path: Option<&str>, privilege: Option<&str>, message: &str) -> String {
    match (path, privilege) {
        (Some(path), Some(privilege)) => {
            format!("missing privilege {} on {path}", privilege.replace('|', " or "))
        }
        _ => format!("refused by PVE: {message}"),
    }
}

fn rejected_text(message: &str, errors: &BTreeMap<String, String>) -> String {
    let mut text = message.to_owned();
    for (parameter, problem) in errors {
        text.push_str(&format!(" {parameter}: {problem};"));
    }
    text.trim_end_matches(';').to_owned()
}

fn certificate_text(endpoint: &str, expected: Option<&Fingerprint>, found: &Fingerprint, reason: &str) -> String {
    match expected {
        Some(expected) => {
            format!("the certificate of {endpoint} is not the pinned one: expected {expected}, found {found}")
        }
        None => format!("the certificate of {endpoint} is not trusted: {reason}; its SHA-256 fingerprint is {found}"),
    }
}
