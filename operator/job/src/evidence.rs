//! What was counted when a backup was made: the last snapshot of a run, without which it does not count.

use crate::contract::StoredPart;
use crate::failure::Failure;
use crate::restic::Restic;
use crate::runs::Run;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use zentoria_types::backup_job::JobError;

/// The file of a run's last snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Whose.
    pub policy: String,
    /// Of which tier.
    pub tier: String,
    /// The value of the tag `run`.
    pub run: String,
    /// Its parts, in the order in which they were backed up.
    pub parts: Vec<StoredPart>,
}

/// Path of the evidence in its snapshot.
#[must_use]
pub fn path(policy: &str) -> String {
    format!("/evidence/{policy}.json")
}

/// Reads the evidence of a run. The ids of its parts are those of the repository that was read.
///
/// # Errors
/// [`JobError::SnapshotNotFound`], when the run was never finished; [`JobError::Damaged`], when it cannot be understood.
pub async fn read(restic: &Restic, run: &Run) -> Result<Evidence, Failure> {
    let (Some(stored), true) = (&run.evidence, run.is_whole()) else {
        return Err(Failure::new(
            JobError::SnapshotNotFound,
            format!("the backup of {} of {} was never finished, or parts of it were removed", run.policy, run.time),
        ));
    };
    let mut reading = restic.dump(&stored.id, &path(&run.policy))?;
    let mut text = Vec::new();
    let read = reading.read_to_end(&mut text).await;
    reading.finish(restic).await?;
    let broken = |why: String| {
        Failure::new(JobError::Damaged, format!("the evidence of the backup of {} of {}: {why}", run.policy, run.time))
    };
    read.map_err(|error| broken(error.to_string()))?;
    let mut evidence: Evidence = serde_json::from_slice(&text).map_err(|error| broken(error.to_string()))?;
    for stored in &mut evidence.parts {
        let listed = run.parts.iter().find(|listed| listed.paths.contains(&stored.part.path));
        let listed = listed.ok_or_else(|| broken(format!("it tells of {}, which is not there", stored.part.path)))?;
        stored.snapshot.clone_from(&listed.id);
    }
    Ok(evidence)
}
