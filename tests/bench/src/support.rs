//! What the tests of the Jobs start real servers with.

#[path = "../../../operator/job/tests/sources/support/process.rs"]
#[allow(dead_code)]
pub mod process;
#[path = "../../../operator/job/tests/sources/support/wait.rs"]
pub mod wait;
