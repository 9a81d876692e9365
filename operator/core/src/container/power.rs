//! Power: whether a guest is to be started or shut down, and whose stop is respected.

use super::seen::{Guest, Seen, StopCause};
use super::step::{Step, Verdict};
use super::want::Want;
use crate::Fact;
use zentoria_api::conditions::ContainerReason;
use zentoria_api::container::{OnExternalStop, PowerState};

/// What to do about the power of a guest of ours: at most one step, and what to say.
#[must_use]
pub fn power(want: &Want, seen: &Seen, guest: &Guest) -> (Option<Step>, Verdict) {
    let running = match &guest.running {
        Fact::Known(running) => *running,
        Fact::Unknown(why) => return (None, Verdict::new(ContainerReason::PveError, why.clone())),
    };
    match (want.power, running) {
        (None, true) => (None, Verdict::new(ContainerReason::Observed, "runs; its power is not managed")),
        (None, false) => (None, Verdict::new(ContainerReason::Observed, "is stopped; its power is not managed")),
        (Some(PowerState::Running), true) => (None, Verdict::new(ContainerReason::Running, "runs")),
        (Some(PowerState::Stopped), false) => {
            (None, Verdict::new(ContainerReason::Stopped, "is stopped, as power.state asks"))
        }
        (Some(_), _) if guest.ha => (None, under_ha(guest)),
        (Some(PowerState::Stopped), true) => {
            (Some(Step::Shutdown), Verdict::new(ContainerReason::ShuttingDown, "shuts down, as power.state asks"))
        }
        (Some(PowerState::Running), false) => stopped(want, seen),
    }
}

fn under_ha(guest: &Guest) -> Verdict {
    let message = format!(
        "guest {} is under PVE's HA, which decides over its power: set its state there (ha-manager set ct:{} --state ...)",
        guest.vmid, guest.vmid
    );
    Verdict::new(ContainerReason::ManagedByHA, message)
}

/// A guest that should run and does not.
fn stopped(want: &Want, seen: &Seen) -> (Option<Step>, Verdict) {
    let start = |message: &str| (Some(Step::Start), Verdict::new(ContainerReason::Starting, message));
    let known_by = seen.recorded.power.as_ref().and_then(|power| power.stopped_by.clone());
    let cause = match (known_by, needs_cause(seen)) {
        (Some(user), _) => StopCause::Person(user),
        (None, false) => return start("starts"),
        (None, true) => match &seen.stop_cause {
            Some(Fact::Known(cause)) => cause.clone(),
            Some(Fact::Unknown(why)) => {
                let message = format!("is stopped, and why could not be found out: {why}");
                return (None, Verdict::new(ContainerReason::PveError, message));
            }
            None => return (None, Verdict::new(ContainerReason::PveError, "is stopped; looking for the reason")),
        },
    };
    match cause {
        StopCause::Person(user) => match want.on_external_stop {
            OnExternalStop::Restart => start(&format!("was stopped by {user}; power.onExternalStop is Restart")),
            OnExternalStop::Respect => {
                let message = format!(
                    "was stopped by {user} and stays stopped; start it in Proxmox VE, or set power.onExternalStop"
                );
                (None, Verdict::about(ContainerReason::StoppedExternally, user, message))
            }
        },
        StopCause::Ours => start("starts"),
        StopCause::NodeShutdown => start("starts again after its node was shut down"),
        StopCause::Crash => start("starts again: it stopped without anybody's task"),
    }
}

/// Whether the reason of a stop has to be known before a start: not for a guest that was never started by us.
#[must_use]
pub fn needs_cause(seen: &Seen) -> bool {
    use zentoria_api::container::Origin;
    let ran = seen.recorded.ran();
    let taken_back = seen.recorded.power.is_none()
        && seen.recorded.created.as_ref().is_some_and(|created| created.origin == Origin::TakenBack);
    ran || taken_back
}
