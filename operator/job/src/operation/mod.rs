//! What a Job does, one file each.

pub mod backup;
mod check;
mod copy;
mod init;
mod inspect;
mod maintain;
pub mod restore;
mod unlock;

use crate::failure::Failure;
use crate::restic::{Restic, location};
use crate::setup::Setup;
use std::time::{Duration, Instant};
use zentoria_types::backup_job::{JobError, Operation, Outcome};

/// Does what the spec says. Always comes back with an outcome.
pub async fn run(setup: &Setup) -> Outcome {
    let mut outcome = Outcome { started: setup.started, ..Outcome::default() };
    let delay = Duration::from_secs(setup.spec.delay_seconds);
    let begun = Instant::now();
    let delayed = async {
        tokio::time::sleep(delay).await;
        Ok(())
    };
    let done = match setup.cancel.or(delayed).await {
        Ok(()) => with_repository(setup, &mut outcome).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = done {
        crate::outcome::put_failure(&mut outcome, failure);
    }
    outcome.seconds = begun.elapsed().saturating_sub(delay).as_secs();
    outcome
}

async fn with_repository(setup: &Setup, outcome: &mut Outcome) -> Result<(), Failure> {
    let restic = Restic::open(setup, &setup.spec.repository, location::REPOSITORY)?;
    let done = operate(setup, &restic, outcome).await;
    restic.settled().await;
    match done {
        Err(failure) if failure.error == JobError::Locked && failure.locks.is_empty() => {
            Err(with_locks(&restic, failure).await)
        }
        done => done,
    }
}

/// Who holds the lock decides what is done about it.
async fn with_locks(restic: &Restic, mut failure: Failure) -> Failure {
    match restic.locks().await {
        Ok(locks) => failure.locks = locks,
        Err(error) => failure.message = format!("{}; who holds it cannot be told: {error}", failure.message),
    }
    failure
}

async fn operate(setup: &Setup, restic: &Restic, outcome: &mut Outcome) -> Result<(), Failure> {
    match &setup.spec.operation {
        Operation::Init => init::init(setup, restic, outcome).await,
        Operation::Backup { policy, tier, source: spec, only_if_changed } => {
            let source = (setup.sources)(spec, setup)?;
            let wish = backup::Wish { policy, tier, only_if_changed: *only_if_changed };
            identify(setup, restic, outcome).await?;
            backup::backup(setup, restic, source.as_ref(), &wish, outcome).await
        }
        Operation::Inspect => {
            identify(setup, restic, outcome).await?;
            inspect::inspect(setup, restic, outcome).await
        }
        Operation::Check { parts, period_seconds } => {
            identify(setup, restic, outcome).await?;
            check::check(setup, restic, (*parts, *period_seconds), outcome).await
        }
        Operation::Maintain { keep } => {
            identify(setup, restic, outcome).await?;
            maintain::maintain(setup, restic, keep, outcome).await
        }
        Operation::Unlock { hosts } => {
            identify(setup, restic, outcome).await?;
            unlock::unlock(restic, hosts).await
        }
        Operation::Copy { to, to_id } => {
            identify(setup, restic, outcome).await?;
            copy::copy(setup, restic, (to, to_id), outcome).await
        }
        Operation::Restore { policy, snapshot, source: spec, into, only, secured } => {
            let source = (setup.sources)(spec, setup)?;
            identify(setup, restic, outcome).await?;
            let wish = restore::Wish { policy, snapshot, into, only, secured: secured.then_some(spec) };
            restore::restore(setup, restic, source.as_ref(), &wish, outcome).await
        }
    }
}

/// Makes sure that the repository is the one that it was.
async fn identify(setup: &Setup, restic: &Restic, outcome: &mut Outcome) -> Result<(), Failure> {
    let expected = setup.spec.repository_id.as_deref().ok_or_else(|| {
        Failure::new(JobError::Setup, "the Job was not told which id the repository has: only `Init` goes without")
    })?;
    outcome.repository_id = Some(is_the_one(restic, expected).await?);
    Ok(())
}

/// The id of the repository, when it is the expected one.
async fn is_the_one(restic: &Restic, expected: &str) -> Result<String, Failure> {
    match restic.id().await? {
        Some(id) if id == expected => Ok(id),
        Some(id) => Err(swapped(restic, expected, &id)),
        None => Err(gone(restic)),
    }
}

fn swapped(restic: &Restic, expected: &str, id: &str) -> Failure {
    let short = |id: &str| crate::runs::short(id);
    Failure::new(
        JobError::RepositorySwapped,
        format!(
            "another repository lies at {}: it has the id {} and should have {}. Nothing was written. Bring the right one \
             back, or delete the BackupRepository and make a new one",
            restic.shown(),
            short(id),
            short(expected)
        ),
    )
}

fn gone(restic: &Restic) -> Failure {
    Failure::new(
        JobError::RepositoryGone,
        format!(
            "there is no repository at {} any more. Nothing was made in its place: bring it back, or delete the \
             BackupRepository and make a new one",
            restic.shown()
        ),
    )
}
