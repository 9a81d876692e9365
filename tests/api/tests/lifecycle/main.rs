//! One container's life: made, kept as the spec says, changed, lost, and let go.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod changes;
mod creation;
mod deletion;
mod drift;
mod power;

use zentoria_api_tests::pve::Request;

/// The calls as lines: `PUT /nodes/pve1/lxc/400/config`.
fn lines(requests: &[Request]) -> Vec<String> {
    requests.iter().map(Request::line).collect()
}
