//! Start at boot of the node: as the spec says, else so that after a power cut the estate comes back by itself, in the order
//! of its dependencies, while the control plane is still down.

use crate::container::want::Keys;
use zentoria_api::container::{PowerState, Startup, ZentoriaContainerSpec};

/// `onboot`. A guest of ours starts with its node while it is to run; a template never starts.
pub(super) fn on_boot(spec: &ZentoriaContainerSpec, made_by_us: bool) -> Option<bool> {
    let runs = spec.power.state.unwrap_or(PowerState::Running) == PowerState::Running;
    let named = spec.startup.as_ref().and_then(|startup| startup.on_boot);
    named.or((made_by_us && !spec.template).then_some(runs))
}

/// `startup`: the order that the spec names, else the container's wave.
pub(super) fn startup(spec: &ZentoriaContainerSpec, wave: Option<u32>) -> Keys {
    let Startup { on_boot: _, order, up_delay_seconds, down_delay_seconds } = spec.startup.clone().unwrap_or_default();
    let order = order.or(wave.filter(|_| !spec.template));
    let parts = [("order", order), ("up", up_delay_seconds), ("down", down_delay_seconds)];
    Keys(parts.into_iter().filter_map(|(key, value)| value.map(|value| (key, Some(value.to_string())))).collect())
}
