//! When an object of backups is looked at again.

use crate::context::Context;
pub(super) use crate::report::{Saying, write};
use jiff::Timestamp;
use kube::runtime::controller::Action;
use std::time::Duration;

/// However quiet it is, so often each object is looked at: for what no watch tells of, such as a Secret that is deleted.
const RESYNC: Duration = Duration::from_mins(30);
/// What is missing is looked for at least so often.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// When an object is looked at again: at `look_again`, where something is missing or to be tried soon, and else now and
/// then.
pub(super) fn again(
    context: &Context,
    key: &(&'static str, String, String),
    trying: bool,
    look_again: Option<Timestamp>,
    now: Timestamp,
) -> Action {
    let mut wait = RESYNC;
    if trying {
        wait = wait.min(context.backups.pauses.failed(key).wait).min(LONGEST_WAIT);
    } else {
        context.backups.pauses.reset(key);
    }
    if let Some(moment) = look_again {
        // A moment later, so that it has passed.
        let until = Duration::try_from(moment.duration_since(now)).unwrap_or_default() + Duration::from_millis(500);
        wait = wait.min(until);
    }
    Action::requeue(wait)
}
