//! What is said of restore drills.

use crate::backup::drill::overdue_from;
use crate::backup::want::Upkeep;
use crate::conditions::{Conditions, Truth};
use crate::words::moment;
use jiff::Timestamp;
use zentoria_api::backup::DrillStatus;
use zentoria_api::conditions::DRILLED;

/// Sets the condition Drilled; says when it has to be looked at again. It is not there where no drill is wished and none was
/// ever done.
pub(super) fn set(
    conditions: &mut Conditions<'_>,
    status: Option<&DrillStatus>,
    upkeep: &Upkeep,
    now: Timestamp,
) -> Option<Timestamp> {
    let Some(status) = status.filter(|status| upkeep.drill.is_some() || status.last.is_some()) else {
        conditions.remove(DRILLED);
        return None;
    };
    let overdue = upkeep.drill.as_ref().and_then(|times| overdue_from(status, times, now));
    let (truth, reason, message) = match (&status.message, overdue, &status.last_success) {
        (Some(message), ..) => {
            let report = status.last.as_deref().unwrap_or_default();
            let see = format!("kubectl zentoria drill report {report}");
            (Truth::False, "DrillFailed", format!("the last drill failed: {message}; {see}"))
        }
        (None, Some(overdue), _) if now >= overdue => {
            (Truth::False, "Overdue", format!("no drill has succeeded by {}", moment(overdue)))
        }
        (None, _, Some(_)) => (Truth::True, "Drilled", "the last drill restored everything".to_owned()),
        (None, _, None) => (Truth::Unknown, "NotYet", "there was no drill yet".to_owned()),
    };
    conditions.set(DRILLED, truth, reason, &message);
    overdue.filter(|overdue| *overdue > now)
}
