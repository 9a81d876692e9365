//! Several ModelPulls of one model on one server: each may be, unless two pin it to different things.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// What one ModelPull wants of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// `namespace/name`.
    pub who: String,
    /// Uid of the resource.
    pub uid: String,
    /// When the resource was made.
    pub made: Option<Time>,
    /// The server, as [`super::want::Server::key`] has it.
    pub server: String,
    /// The model, as the server calls it.
    pub model: String,
    /// What it is pinned to.
    pub pin: Option<String>,
}

impl Claim {
    fn same_model(&self, other: &Self) -> bool {
        self.uid != other.uid && self.server == other.server && self.model == other.model
    }

    fn age(&self) -> (Option<jiff::Timestamp>, &str) {
        (self.made.as_ref().map(|made| made.0), &self.uid)
    }
}

/// The older ModelPull that pins the same model to something else.
#[must_use]
pub fn rival<'a>(mine: &Claim, others: &'a [Claim]) -> Option<&'a Claim> {
    let pinned_else =
        |other: &&Claim| mine.same_model(other) && mine.pin.is_some() && other.pin.is_some() && mine.pin != other.pin;
    others.iter().filter(pinned_else).filter(|other| other.age() < mine.age()).min_by_key(|other| other.age())
}

/// Another ModelPull that wants the same model to be there.
#[must_use]
pub fn shared<'a>(mine: &Claim, others: &'a [Claim]) -> Option<&'a Claim> {
    others.iter().filter(|other| mine.same_model(other)).min_by_key(|other| other.age())
}
