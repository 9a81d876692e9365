//! Backups, purely: what a policy, a repository and a restore ask for, which Kubernetes objects carry it out, what the
//! runs of Jobs mean for status, and what may be done about locks.
//!
//! The way through: the controller gathers [`surroundings::Surroundings`]; [`validate`] makes a wish of a spec
//! ([`want`]), or says why not, and then [`rest`] what may not go on; [`jobs`] makes the objects of a wish; [`runs`] reads
//! finished Jobs; [`outcome`] folds them into status, as often as one likes and in any order; [`report`] writes conditions
//! and the texts for people.

mod clocks;
pub mod drill;
pub mod jitter;
pub mod jobs;
pub mod keep;
pub mod locks;
pub mod names;
pub mod outcome;
pub mod report;
pub mod rest;
pub mod restore;
pub mod runs;
pub mod schedule;
pub mod surroundings;
pub mod validate;
pub mod vzdump;
pub mod want;
