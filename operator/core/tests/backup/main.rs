//! Backups: schedules, what is kept, what is refused and with which words, the objects of Kubernetes, what runs mean for
//! status, locks, and restores.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod calendar;
mod drills;
mod fixture;
mod folding;
mod keep;
mod locks;
mod names;
mod objects;
mod policies;
mod properties;
mod reading;
mod reasons;
mod refusals;
mod repositories;
mod restores;
