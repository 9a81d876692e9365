//! Makes the repository, exactly once.

use super::{gone, swapped};
use crate::failure::Failure;
use crate::restic::Restic;
use crate::setup::Setup;
use zentoria_types::backup_job::{JobError, Outcome};

/// One that is there is taken as it is, when it is the expected one or none is expected. One that was there once is never
/// made anew.
pub(super) async fn init(setup: &Setup, restic: &Restic, outcome: &mut Outcome) -> Result<(), Failure> {
    let expected = setup.spec.repository_id.as_deref();
    let id = match (restic.id().await, expected) {
        (Ok(Some(id)), None) => id,
        (Ok(Some(id)), Some(expected)) if id == expected => id,
        (Ok(Some(id)), Some(expected)) => return Err(swapped(restic, expected, &id)),
        (Ok(None), Some(_)) => return Err(gone(restic)),
        (Ok(None), None) => make(restic).await?,
        (Err(failure), _) => return Err(failure),
    };
    outcome.repository_id = Some(id);
    Ok(())
}

/// Another Job may have been quicker: then its repository is taken, if the password opens it.
async fn make(restic: &Restic) -> Result<String, Failure> {
    match restic.init().await {
        Ok(id) => Ok(id),
        Err(failure) if failure.error == JobError::Other => restic.id().await?.ok_or(failure),
        Err(failure) => Err(failure),
    }
}
