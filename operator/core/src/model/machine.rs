//! Where a model stands, and what moves it on. One table; the documentation draws it.

use zentoria_api::model::ModelPhase;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The spec, or something that it names, cannot work.
    Refused,
    /// Its container has no address, or does not run.
    NotReady,
    /// A look at the server showed it as wanted.
    Present,
    /// A look at the server showed that it has to be pulled; it waits for its turn.
    Queued,
    /// A pull began, or got on.
    Downloading,
    /// The pull has all bytes.
    AllThere,
    /// The server could not be looked at.
    NotSeen,
    /// The pull failed, and is tried again.
    FailedForNow,
    /// The pull failed, and a person must change something.
    FailedForGood,
    /// The pull was broken off, as somebody wished.
    BrokenOff,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Refused,
        Self::NotReady,
        Self::Present,
        Self::Queued,
        Self::Downloading,
        Self::AllThere,
        Self::NotSeen,
        Self::FailedForNow,
        Self::FailedForGood,
        Self::BrokenOff,
    ];
}

/// Where it stands after an event.
#[must_use]
pub const fn next(phase: ModelPhase, event: Event) -> ModelPhase {
    match event {
        Event::Refused | Event::FailedForGood => ModelPhase::Stalled,
        Event::NotReady => ModelPhase::Waiting,
        Event::Present => ModelPhase::Ready,
        Event::Queued => ModelPhase::Pending,
        Event::Downloading => ModelPhase::Pulling,
        Event::AllThere => ModelPhase::Verifying,
        Event::FailedForNow => ModelPhase::Failed,
        // What was there is taken to be there until a look shows otherwise.
        Event::NotSeen => match phase {
            ModelPhase::Ready => ModelPhase::Ready,
            ModelPhase::Pending
            | ModelPhase::Waiting
            | ModelPhase::Pulling
            | ModelPhase::Verifying
            | ModelPhase::Failed
            | ModelPhase::Stalled => ModelPhase::Failed,
        },
        Event::BrokenOff => match phase {
            ModelPhase::Pulling | ModelPhase::Verifying => ModelPhase::Pending,
            ModelPhase::Pending
            | ModelPhase::Waiting
            | ModelPhase::Ready
            | ModelPhase::Failed
            | ModelPhase::Stalled => phase,
        },
    }
}
