//! What is done about a model that was looked at.

use super::want::{Model, WantModel};
use crate::conditions::is_true;
use jiff::Timestamp;
use zentoria_api::conditions::PULLED;
use zentoria_api::model::{ModelPullStatus, PullTrouble};
use zentoria_types::model::OllamaName;

/// A model as its server shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// As the server calls it.
    pub name: String,
    /// Its digest, where the server has one.
    pub digest: Option<String>,
    /// Bytes.
    pub bytes: Option<u64>,
    /// The commit, where it is known.
    pub revision: Option<String>,
}

/// The model among those of a server.
#[must_use]
pub fn find<'a>(model: &Model, list: &'a [Installed]) -> Option<&'a Installed> {
    list.iter().find(|installed| match model {
        Model::Ollama { name, .. } => {
            installed.name.parse::<OllamaName>().is_ok_and(|it| it.to_string().eq_ignore_ascii_case(name))
        }
        Model::Whisper { repository, .. } => installed.name.eq_ignore_ascii_case(repository),
    })
}

/// Why a model is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is not there.
    Absent,
    /// Something else is there under its name than what is pinned, or another revision.
    Different,
    /// Its refresh is due.
    Refresh,
}

impl Why {
    /// For people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Absent => "it is not there",
            Self::Different => "what is there is not what the spec asks for",
            Self::Refresh => "its refresh is due",
        }
    }
}

/// What follows from a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is as wanted.
    Rest,
    /// It is there, and somebody replaced it since it was pulled: that is said, and nothing done.
    Replaced {
        /// The digest that it had.
        was: String,
    },
    /// It is pulled.
    Pull(Why),
    /// It should be pulled, but that failed and is not due again.
    Hold,
}

/// Decides. `status` is the one before.
#[must_use]
pub fn decide(
    want: &WantModel,
    status: &ModelPullStatus,
    made: Timestamp,
    installed: Option<&Installed>,
    now: Timestamp,
) -> Decision {
    let why = match installed {
        None => Some(Why::Absent),
        Some(installed) if !is_pinned(&want.model, installed) => Some(Why::Different),
        Some(_) if is_of_another_branch(want, status) => Some(Why::Different),
        Some(_) if refresh_due(want, status, made).is_some_and(|due| due <= now) => Some(Why::Refresh),
        Some(_) => None,
    };
    match (why, held(want, status, now)) {
        (Some(Why::Refresh), true) => Decision::Rest,
        (Some(_), true) => Decision::Hold,
        (Some(why), false) => Decision::Pull(why),
        (None, _) => match (replaced(want, status, installed), &want.refresh) {
            (Some(was), None) if want.model.pin().is_none() => Decision::Replaced { was },
            (Some(_) | None, _) => Decision::Rest,
        },
    }
}

/// Whether what is there is what the spec pins.
#[must_use]
pub fn is_pinned(model: &Model, installed: &Installed) -> bool {
    match model {
        Model::Ollama { digest: Some(digest), .. } => installed.digest.as_deref() == Some(digest),
        Model::Whisper { pin: Some(pin), .. } => installed.revision.as_deref() == Some(pin),
        Model::Ollama { digest: None, .. } | Model::Whisper { pin: None, .. } => true,
    }
}

/// Whether what is there may be of another branch or tag than the spec names: no server tells of which it is. What was there
/// before the resource, and what was seen or pulled under this very spec, is taken to be right.
fn is_of_another_branch(want: &WantModel, status: &ModelPullStatus) -> bool {
    let names_one = matches!(&want.model, Model::Whisper { revision: Some(_), pin: None, .. });
    let was_there = speaks_of(want, status) && is_true(&status.conditions, PULLED);
    names_one && status.model.is_some() && !was_there
}

/// The failure that the last try of this very wish ended with.
#[must_use]
pub fn trouble<'a>(want: &WantModel, status: &'a ModelPullStatus) -> Option<&'a PullTrouble> {
    status.trouble.as_ref().filter(|trouble| trouble.wish == want.wish)
}

/// Whether the status speaks of this model on this server.
#[must_use]
pub fn speaks_of(want: &WantModel, status: &ModelPullStatus) -> bool {
    status.model.as_deref() == Some(&want.model.words()) && status.target.as_deref() == Some(&want.target)
}

/// When it is pulled again though it is there.
#[must_use]
pub fn refresh_due(want: &WantModel, status: &ModelPullStatus, made: Timestamp) -> Option<Timestamp> {
    let plan = want.refresh.as_ref()?;
    let last = status.last_pull_time.as_ref().filter(|_| speaks_of(want, status));
    let next = plan.runs.next(last.map_or(made, |last| last.0))?;
    Some(next.checked_add(plan.delay).unwrap_or(Timestamp::MAX))
}

fn held(want: &WantModel, status: &ModelPullStatus, now: Timestamp) -> bool {
    trouble(want, status).is_some() && status.retry_at.as_ref().is_some_and(|retry| now < retry.0)
}

fn replaced(want: &WantModel, status: &ModelPullStatus, installed: Option<&Installed>) -> Option<String> {
    let was = status.pulled_digest.as_ref().filter(|_| speaks_of(want, status))?;
    let is = installed?.digest.as_ref()?;
    (was != is).then(|| was.clone())
}
