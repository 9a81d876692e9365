//! Observe and act: the only crate that changes the outside world. What to do is decided in the core; here it is carried
//! out, one task per guest at a time, and what was seen is turned into the core's facts.

pub mod cluster;
pub mod container;
pub mod failure;
pub mod firewall;
pub mod journal;
pub mod model;
pub mod slots;
pub mod vzdump;

use std::sync::Arc;
use zentoria_core::container::want::Key;

/// Wakes the reconcile of a container: its task ended, its slot is free, its guest changed.
pub type Waker = Arc<dyn Fn(&Key) + Send + Sync>;
