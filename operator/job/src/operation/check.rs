//! Checks that the repository is whole.

use crate::failure::Failure;
use crate::restic::Restic;
use crate::setup::Setup;
use zentoria_types::backup_job::Outcome;

/// Its structure whole, and of its data the part whose turn it is: after as many checks as there are parts, everything was
/// read. Which part that is follows from the clock alone, so that nothing has to be remembered.
pub(super) async fn check(
    setup: &Setup,
    restic: &Restic,
    (parts, period): (u32, u64),
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let part = turn(setup.started, parts, period);
    outcome.part = Some(part);
    restic.check(part, parts.max(1)).await?;
    outcome.repository_bytes = Some(restic.bytes().await?);
    Ok(())
}

/// Which part, from 1.
fn turn(now: i64, parts: u32, period: u64) -> u32 {
    let periods = u64::try_from(now).unwrap_or(0) / period.max(1);
    u32::try_from(periods % u64::from(parts.max(1))).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::turn;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Checks that keep their period read every part in as many runs as there are parts, a little late or not.
        #[test]
        fn all_parts_have_their_turn(start in 0i64..4_000_000_000, parts in 1u32..60, period in 2u64..700_000, late in 0.0f64..1.0) {
            let begin = start / period as i64 * period as i64;
            let late = (late * (period - 1) as f64) as i64;
            let read: BTreeSet<u32> =
                (0..i64::from(parts)).map(|run| turn(begin + run * period as i64 + late, parts, period)).collect();
            prop_assert_eq!(read, (1..=parts).collect::<BTreeSet<u32>>());
        }
    }

    #[test]
    fn nothing_is_divided_by_zero() {
        assert_eq!(turn(-5, 0, 0), 1);
    }
}
