//! Restores a backup, and proves it: what is read has to be what was stored, and what is there then what was counted.

use crate::contract::{PartKind, Place, Source, StoredPart};
use crate::evidence;
use crate::failure::Failure;
use crate::restic::Restic;
use crate::runs::{self, Run};
use crate::setup::Setup;
use crate::stream::{Digested, Digesting};
use std::path::Path;
use std::time::Instant;
use zentoria_types::backup_job::{JobError, Outcome, Proof, RestoreInto, SECURING_TIER, SnapshotWish, SourceSpec};

/// What is wished for.
pub struct Wish<'a> {
    /// Whose backup.
    pub policy: &'a str,
    /// Which.
    pub snapshot: &'a SnapshotWish,
    /// Where to.
    pub into: &'a RestoreInto,
    /// Only these parts; empty: all.
    pub only: &'a [String],
    /// What was backed up right before, where that was asked for: nothing else is written over.
    pub secured: Option<&'a SourceSpec>,
}

/// Restores, and puts what was restored, and into a scratch place what that proved, into the outcome.
///
/// # Errors
/// [`JobError::Mismatch`], when it is not what was backed up.
pub async fn restore(
    setup: &Setup,
    restic: &Restic,
    source: &dyn Source,
    wish: &Wish<'_>,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let listed = restic.snapshots().await?;
    let runs = runs::runs(&listed, &setup.spec.namespace);
    let run = chosen(&runs, wish.policy, wish.snapshot)?;
    outcome.snapshot = Some(run.told());
    let evidence = setup.cancel.or(evidence::read(restic, run)).await?;
    let parts = wanted(evidence.parts, wish.only)?;
    if let Some(spec) = wish.secured {
        all_secured(&parts, spec)?;
    }
    let place = prepared(setup, wish.into)?;
    if place == Place::Source {
        // what is there now is not touched before everything was seen to be whole
        for part in &parts {
            let read = setup.cancel.or(read_through(restic, part)).await?;
            same(part, &read)?;
        }
    }
    for part in &parts {
        let restored = setup.cancel.or(one(restic, source, part, &place)).await;
        outcome.warnings = source.warnings();
        restored?;
    }
    if matches!(wish.into, RestoreInto::Scratch { .. }) {
        outcome.proof = Some(Proof { compared: source.compared(&parts), seconds: begun.elapsed().as_secs() });
    }
    Ok(())
}

/// The run that is wished for. One that was never finished is none.
fn chosen<'a>(runs: &'a [Run], policy: &str, wish: &SnapshotWish) -> Result<&'a Run, Failure> {
    let missing = |what: String| Err(Failure::new(JobError::SnapshotNotFound, what));
    let of_policy = || runs.iter().rev().filter(|run| run.policy == policy);
    // What was there before a restore is no backup that "the newest" means: a restore would bring back what it replaces.
    let made = || of_policy().filter(|run| run.tier != SECURING_TIER);
    match wish {
        SnapshotWish::Latest => match made().find(|run| run.is_whole()) {
            Some(run) => Ok(run),
            None => missing(format!("there is no backup of {policy} in the repository yet")),
        },
        SnapshotWish::Before(then) => match made().find(|run| run.is_whole() && run.time.as_second() <= *then) {
            Some(run) => Ok(run),
            None => missing(match made().rev().find(|run| run.is_whole()) {
                Some(first) => format!("the oldest backup of {policy} is of {}, which is later than that", first.time),
                None => format!("there is no backup of {policy} in the repository yet"),
            }),
        },
        SnapshotWish::Id(id) => {
            let found: Vec<&Run> = of_policy().filter(|run| run.has_id(id)).collect();
            match found.as_slice() {
                [run] if run.is_whole() => Ok(run),
                [run] => missing(format!("{id} is of a backup of {} that was never finished", run.time)),
                [] => {
                    missing(format!("no snapshot of {policy} has an id that begins with {id}: status shows the newest"))
                }
                [_, _, ..] => missing(format!("several snapshots have ids that begin with {id}: write more of it")),
            }
        }
    }
}

/// The parts that are asked for, in the order of the backup.
fn wanted(parts: Vec<StoredPart>, only: &[String]) -> Result<Vec<StoredPart>, Failure> {
    if let Some(missing) = only.iter().find(|name| !parts.iter().any(|stored| stored.part.name == **name)) {
        let there: Vec<&str> = parts.iter().map(|stored| stored.part.name.as_str()).collect();
        return Err(Failure::new(
            JobError::SnapshotNotFound,
            format!("the backup holds no {missing}; it holds {}", there.join(", ")),
        ));
    }
    Ok(parts.into_iter().filter(|stored| only.is_empty() || only.contains(&stored.part.name)).collect())
}

/// That the backup before the restore holds all that the restore writes over: a policy that was changed since may name less
/// than it did then.
fn all_secured(parts: &[StoredPart], spec: &SourceSpec) -> Result<(), Failure> {
    let (safe, lost): (Vec<_>, Vec<_>) = parts.iter().partition(|stored| is_secured(stored, spec));
    if lost.is_empty() {
        return Ok(());
    }
    let names = |some: &[&StoredPart]| some.iter().map(|one| one.part.name.as_str()).collect::<Vec<_>>().join(", ");
    let rest =
        if safe.is_empty() { String::new() } else { format!("name in `only` what it does ({}), or ", names(&safe)) };
    Err(Failure::new(
        JobError::TargetFailed,
        format!(
            "nothing was written: the policy does not back up {} any more, so what is there of it now would be lost: {rest}\
             take it into the policy again, or restore with `withoutBackup`",
            names(&lost)
        ),
    ))
}

/// Whether a backup of the source as it is described now holds this part.
fn is_secured(stored: &StoredPart, spec: &SourceSpec) -> bool {
    let name = &stored.part.name;
    match spec {
        // of roles, only those are made that are not there
        SourceSpec::Postgres { databases, .. } => {
            stored.part.kind == PartKind::Roles || databases.is_empty() || databases.contains(name)
        }
        SourceSpec::Qdrant { collections, .. } => collections.is_empty() || collections.contains(name),
        SourceSpec::S3 { buckets, .. } => buckets.contains(name),
        SourceSpec::Files { paths, .. } => paths.contains(name),
        SourceSpec::Redis { .. } | SourceSpec::Vault { .. } | SourceSpec::Command { .. } => true,
    }
}

fn prepared(setup: &Setup, into: &RestoreInto) -> Result<Place, Failure> {
    match into {
        RestoreInto::Scratch { postgres_port } => {
            Ok(Place::Scratch { postgres_port: *postgres_port, directory: setup.private_dir("restored")? })
        }
        RestoreInto::Directory(path) => {
            let path = Path::new(path);
            empty(path).map_err(|why| {
                Failure::new(JobError::TargetFailed, format!("nothing was restored into {}: {why}", path.display()))
            })?;
            Ok(Place::Directory(path.to_owned()))
        }
        RestoreInto::Source => Ok(Place::Source),
    }
}

/// Makes it, unless it is there and empty.
fn empty(path: &Path) -> Result<(), String> {
    std::fs::create_dir_all(path).map_err(|error| error.to_string())?;
    // what a new file system has by itself
    let is_content =
        |entry: std::io::Result<std::fs::DirEntry>| entry.map_or(true, |one| one.file_name() != "lost+found");
    match std::fs::read_dir(path).map_err(|error| error.to_string())?.any(is_content) {
        true => Err("it is not empty; name a directory that is not there yet".to_owned()),
        false => Ok(()),
    }
}

async fn read_through(restic: &Restic, part: &StoredPart) -> Result<Digested, Failure> {
    let mut reading = restic.dump(&part.snapshot, &part.part.path)?;
    let mut through = Digesting::new(tokio::io::sink());
    let copied = tokio::io::copy(&mut reading, &mut through).await;
    reading.finish(restic).await?;
    copied.map_err(|error| Failure::new(JobError::Other, format!("{}: {error}", part.part.name)))?;
    Ok(through.finish())
}

/// Restores one part, and compares.
async fn one(restic: &Restic, source: &dyn Source, part: &StoredPart, place: &Place) -> Result<(), Failure> {
    let mut reading = Digesting::new(restic.dump(&part.snapshot, &part.part.path)?);
    let restored = source.restore(part, &mut reading, place).await;
    let differences = match restored {
        Ok(differences) => differences,
        Err(failure) => {
            let (reading, _) = reading.into_parts();
            // a source that was given half a part fails as well: what broke off first counts
            let first = reading.broken_off(restic).await;
            return Err(first.unwrap_or_else(|| failure.during(format!("restoring {}", part.part.name))));
        }
    };
    // what the source had no need to read still has to be right
    let rest = tokio::io::copy(&mut reading, &mut tokio::io::sink()).await;
    let (reading, read) = reading.into_parts();
    reading.finish(restic).await?;
    rest.map_err(|error| Failure::new(JobError::Other, format!("{}: {error}", part.part.name)))?;
    same(part, &read)?;
    if differences.is_empty() {
        return Ok(());
    }
    let shown: Vec<&str> = differences.iter().take(5).map(String::as_str).collect();
    let more = differences.len() - shown.len();
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Err(Failure::new(
        JobError::Mismatch,
        format!("{} is not what was backed up: {}{more}", part.part.name, shown.join("; ")),
    ))
}

fn same(part: &StoredPart, read: &Digested) -> Result<(), Failure> {
    if part.sha256 == read.sha256 && part.bytes == read.bytes {
        return Ok(());
    }
    Err(Failure::new(
        JobError::Mismatch,
        format!(
            "{} is not what was backed up: {} bytes were stored and {} read{}",
            part.part.name,
            part.bytes,
            read.bytes,
            if part.bytes == read.bytes { ", with another content" } else { "" }
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::Listed;
    use crate::runs::tests::run;

    fn error(runs: &[Run], wish: SnapshotWish) -> String {
        let failure = chosen(runs, "db", &wish).unwrap_err();
        assert_eq!(failure.error, JobError::SnapshotNotFound);
        failure.message
    }

    #[test]
    fn the_newest_whole_run_is_chosen_by_time_or_id() {
        let listed: Vec<Listed> = [run(100, true), run(200, true), run(300, false)].concat();
        let runs = runs::runs(&listed, "ns");
        let time = |wish: &SnapshotWish| chosen(&runs, "db", wish).unwrap().time.as_second();
        assert_eq!(time(&SnapshotWish::Latest), 200);
        assert_eq!(time(&SnapshotWish::Before(199)), 100);
        assert_eq!(time(&SnapshotWish::Before(200)), 200);
        assert_eq!(time(&SnapshotWish::Id("d100".to_owned())), 100);
        assert!(error(&runs, SnapshotWish::Before(99)).contains("oldest backup of db"));
        assert!(error(&runs, SnapshotWish::Id("d300".to_owned())).contains("never finished"));
        assert!(error(&runs, SnapshotWish::Id("d".to_owned())).contains("write more of it"));
        assert!(error(&runs, SnapshotWish::Id("f00".to_owned())).contains("begins with f00"));
        assert!(error(&[], SnapshotWish::Latest).contains("no backup of db"));
        assert!(chosen(&runs, "other", &SnapshotWish::Latest).is_err());
    }

    #[test]
    fn what_was_there_before_a_restore_is_found_by_its_id_alone() {
        let listed: Vec<Listed> = [run(100, true), run(200, true)].concat();
        let mut runs = runs::runs(&listed, "ns");
        runs.iter_mut().filter(|run| run.time.as_second() == 200).for_each(|run| run.tier = SECURING_TIER.to_owned());
        let time = |wish: &SnapshotWish| chosen(&runs, "db", wish).unwrap().time.as_second();
        assert_eq!(time(&SnapshotWish::Latest), 100);
        assert_eq!(time(&SnapshotWish::Before(300)), 100);
        assert_eq!(time(&SnapshotWish::Id("d200".to_owned())), 200);
    }
}
