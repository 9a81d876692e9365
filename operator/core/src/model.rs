//! Models, purely: what a ModelPull asks for, what is done about it, and what its status says.
//!
//! The way through: the controller gathers [`surroundings::Surroundings`]; [`validate`] makes a wish of a spec ([`want`]),
//! or says why not; the server is looked at; [`decide`] says what follows; [`machine`] says where it stands then, and
//! [`report`] writes it down.

pub mod conflict;
pub mod decide;
pub mod machine;
pub mod progress;
pub mod report;
pub mod surroundings;
pub mod tries;
pub mod validate;
pub mod want;
