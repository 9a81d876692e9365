//! When to look again.

use crate::context::Context;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use std::time::Duration;
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::{ContainerReason, Phase};
use zentoria_ops::container::act::Done;
use zentoria_ops::failure::Failure;

/// Waiting is ended by an event; this is the backstop.
const WAIT: Duration = Duration::from_secs(300);
/// A person must change something, which is an event, too.
pub(super) const STALL: Duration = Duration::from_secs(1800);
/// So many changes in a row are looked at again without a pause: taking over and correcting are two.
const AT_ONCE: u32 = 3;
/// A task's end wakes; this is the backstop.
const TASK: Duration = Duration::from_secs(60);

/// When to look again at a container that says this, after it was acted on like that.
pub fn next(
    context: &Context,
    object: &ObjectRef<ZentoriaContainer>,
    reason: ContainerReason,
    done: Option<&Done>,
) -> Action {
    let backoff = &context.containers.backoff;
    match done {
        // No reset: a task may fail again and again.
        Some(Done::InFlight(..) | Done::Queued) => return Action::requeue(TASK),
        Some(Done::Changed(_)) => {
            // Somebody who changes it back at once is not fought at full speed.
            let delay = backoff.failed(object);
            return Action::requeue(if delay.failures <= AT_ONCE { Duration::ZERO } else { delay.wait });
        }
        Some(Done::Failed(Failure::Replan(_))) => return Action::requeue(backoff.failed(object).wait.min(REPLAN)),
        Some(Done::Failed(Failure::Fenced)) => return Action::await_change(),
        Some(Done::Failed(Failure::Say(_)) | Done::Nothing) | None => {}
    }
    match reason.phase() {
        Phase::Retrying => Action::requeue(backoff.failed(object).wait),
        Phase::Settled | Phase::Resting | Phase::Silent => {
            backoff.reset(object);
            Action::await_change()
        }
        Phase::Progressing => Action::requeue(TASK),
        Phase::Waiting => Action::requeue(if reason == ContainerReason::WaitingFor { WAIT } else { TASK }),
        // The Secrets of the containers' namespaces are not watched: the right to see them all is not asked for.
        Phase::Stalled if reason == ContainerReason::SecretInvalid => Action::requeue(backoff.failed(object).wait),
        Phase::Stalled if is_mended_outside(reason) => Action::requeue(MENDED),
        Phase::Stalled => Action::requeue(STALL),
    }
}

/// The longest that is waited at once: the clock of the machine may be set, and a pause of weeks helps nobody.
const LONGEST: Duration = Duration::from_secs(3600);

/// The same, but no later than in this time.
pub(super) fn not_later(next: Action, wait: Option<Duration>) -> Action {
    let Some(wait) = wait.map(|wait| wait.min(LONGEST)) else { return next };
    let at = Action::requeue(wait);
    if next == Action::await_change() { at } else { next }
}

/// Between two looks for what a person mends in Proxmox VE, where no event of Kubernetes tells it.
const MENDED: Duration = Duration::from_secs(60);

/// Whether the remedy is in Proxmox VE: a template that is uploaded, a source that is stopped, a bridge that is made, a lock that is taken off.
fn is_mended_outside(reason: ContainerReason) -> bool {
    matches!(
        reason,
        ContainerReason::NotFound
            | ContainerReason::SourceUnusable
            | ContainerReason::VmidTaken
            | ContainerReason::CopyOf
            | ContainerReason::MarkUnreadable
            | ContainerReason::StaleLock
            | ContainerReason::ManagedByHA
            | ContainerReason::Protected
            | ContainerReason::RetainedVolumes
            | ContainerReason::PermissionDenied
            | ContainerReason::NoFreeVmid
    )
}

/// What a plan rested on has changed: look again soon, but not in a circle at full speed.
const REPLAN: Duration = Duration::from_secs(2);
