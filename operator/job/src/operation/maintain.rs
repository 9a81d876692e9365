//! Forgets what nothing keeps any longer, and frees its room.

use super::inspect;
use crate::failure::Failure;
use crate::restic::Restic;
use crate::retention;
use crate::runs;
use crate::setup::Setup;
use zentoria_types::backup_job::{KeepRule, Outcome};

/// Forgets by the rules, prunes once, and tells what is left.
pub(super) async fn maintain(
    setup: &Setup,
    restic: &Restic,
    keep: &[KeepRule],
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let listed = restic.snapshots().await?;
    let now = jiff::Timestamp::from_second(setup.started).unwrap_or_default();
    let verdict = retention::judge(&runs::runs(&listed, &setup.spec.namespace), keep, now)?;
    if verdict.of_the_future > 0 {
        outcome.warnings.push(format!(
            "{} backups are dated later than now: a clock was wrong. They are kept, and nothing is counted from them; look \
             at them and remove them with restic",
            verdict.of_the_future
        ));
    }
    let gone = verdict.forgotten;
    restic.forget(&gone).await?;
    restic.prune().await?;
    let left: Vec<_> = listed.into_iter().filter(|one| gone.binary_search(&one.id).is_err()).collect();
    inspect::tell(setup, &left, outcome);
    outcome.repository_bytes = Some(restic.bytes().await?);
    Ok(())
}
