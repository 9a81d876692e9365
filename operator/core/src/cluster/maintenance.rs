//! The maintenance windows of a ProxmoxCluster.

use crate::container::seen::Window;
use crate::windows::{WindowSpec, WindowState, Windows};
use jiff::Timestamp;
use zentoria_api::cluster::ProxmoxClusterSpec;

/// The windows as the spec has them.
///
/// # Errors
/// What is wrong with which of them.
pub fn windows(spec: &ProxmoxClusterSpec) -> Result<Windows, String> {
    let specs = spec.maintenance_windows.iter().map(|window| WindowSpec {
        schedule: &window.schedule,
        duration: &window.duration,
        time_zone: window.time_zone.as_deref(),
    });
    Windows::parse(specs).map_err(|error| format!("spec.{error}"))
}

/// Where a moment stands to them.
#[must_use]
pub fn window(spec: &ProxmoxClusterSpec, now: Timestamp) -> Window {
    if spec.maintenance_windows.is_empty() {
        return Window::None;
    }
    match windows(spec).map(|windows| windows.at(now)) {
        Err(why) => Window::Unusable(why),
        Ok(WindowState::Open { .. }) => Window::Open,
        Ok(WindowState::Closed { next }) => Window::Closed(next),
    }
}
