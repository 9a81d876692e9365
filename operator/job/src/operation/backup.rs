//! Backs a source up: each part as a snapshot, then the evidence, which makes them a backup.

use crate::cancel::Cancel;
use crate::contract::{Held, Part, PartKind, Source, StoredPart};
use crate::evidence::{self, Evidence};
use crate::failure::Failure;
use crate::restic::{Finished, Restic, calls};
use crate::runs::{self, Listed, Run};
use crate::setup::Setup;
use crate::stream::{Digested, Streamed};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use zentoria_types::Secret;
use zentoria_types::backup_job::{JobError, Outcome};

/// What is wished for.
pub struct Wish<'a> {
    /// Whose.
    pub policy: &'a str,
    /// Of which tier.
    pub tier: &'a str,
    /// Nothing is to be made where nothing changed.
    pub only_if_changed: bool,
}

/// Backs the source up, and puts what was made into the outcome.
///
/// # Errors
/// Then there may be parts in the repository, but no backup: nothing restores them, and the retention removes them.
pub async fn backup(
    setup: &Setup,
    restic: &Restic,
    source: &dyn Source,
    wish: &Wish<'_>,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let parts = setup.cancel.or(source.parts()).await?;
    if parts.is_empty() {
        return Err(Failure::new(JobError::SourceGone, "the source has nothing that could be backed up"));
    }
    if wish.only_if_changed {
        if !source.repeatable() {
            outcome
                .warnings
                .push("onlyIfChanged has no effect: this kind of source cannot tell what changed".to_owned());
        } else if unchanged(setup, restic, source, wish, &parts).await? {
            return Ok(());
        }
    }
    let run = runs::run_name(setup.started);
    let mut stored = Vec::new();
    let mut made = Vec::new();
    for part in &parts {
        let (listed, told) = store(setup, restic, source, part, &tags(wish, &run, &part.kind))
            .await
            .map_err(|failure| named(failure, part))?;
        made.push(listed);
        stored.push(told);
    }
    let parts = made.len();
    let evidence = Evidence { policy: wish.policy.to_owned(), tier: wish.tier.to_owned(), run, parts: stored };
    let last = store_evidence(setup, restic, wish, &evidence, parts).await?;
    made.sort_by(|a, b| a.paths.cmp(&b.paths));
    let run = Run { policy: evidence.policy, tier: evidence.tier, time: last.time, parts: made, evidence: Some(last) };
    outcome.snapshot = Some(run.told());
    Ok(())
}

/// A failure of the source says which part it is about.
fn named(failure: Failure, part: &Part) -> Failure {
    match failure.error {
        JobError::SourceUnreachable
        | JobError::SourceAccessDenied
        | JobError::SourceGone
        | JobError::SourceFailed
        | JobError::Other => failure.during(&part.name),
        JobError::RepositoryUnreachable
        | JobError::RepositoryGone
        | JobError::RepositorySwapped
        | JobError::WrongPassword
        | JobError::RepositoryAccessDenied
        | JobError::Locked
        | JobError::StorageFull
        | JobError::Damaged
        | JobError::SnapshotNotFound
        | JobError::Mismatch
        | JobError::TargetFailed
        | JobError::Setup
        | JobError::Cancelled => failure,
    }
}

fn tags(wish: &Wish<'_>, run: &str, kind: &PartKind) -> Vec<String> {
    let kind = match kind {
        PartKind::Data => "data",
        PartKind::Roles => "roles",
    };
    all_tags(wish, run, kind)
}

fn all_tags(wish: &Wish<'_>, run: &str, kind: &str) -> Vec<String> {
    [("policy", wish.policy), ("tier", wish.tier), ("run", run), ("kind", kind)]
        .map(|(key, value)| format!("{key}={value}"))
        .to_vec()
}

/// One part: held, streamed into the repository, counted.
async fn store(
    setup: &Setup,
    restic: &Restic,
    source: &dyn Source,
    part: &Part,
    tags: &[String],
) -> Result<(Listed, StoredPart), Failure> {
    let held = setup.cancel.or(source.hold(part)).await?;
    let child = Child::of(setup, part, held.as_ref())?;
    let host = runs::host(&setup.spec.namespace);
    let wish = calls::Wish {
        host: &host,
        tags,
        time: setup.started,
        path: &part.path,
        content: calls::Content::Command(child.command),
    };
    let finished = restic.backup(&wish)?.run().await?;
    let streamed = whole(restic, &finished, report(&child.report))?;
    let listed = Restic::made(&wish, &finished.out)?;
    if listed.summary.total_bytes_processed != streamed.bytes {
        return Err(Failure::new(
            JobError::SourceFailed,
            format!(
                "{} bytes were read and {} stored: the backup is not whole",
                streamed.bytes, listed.summary.total_bytes_processed
            ),
        ));
    }
    let facts = setup.cancel.or(held.facts()).await?;
    let stored = StoredPart {
        part: part.clone(),
        snapshot: listed.id.clone(),
        bytes: streamed.bytes,
        sha256: streamed.sha256,
        facts,
    };
    Ok((listed, stored))
}

/// Whose failure it is, when one is: that of the source, when restic only says that the command failed.
fn whole(restic: &Restic, finished: &Finished, report: Option<Streamed>) -> Result<Digested, Failure> {
    let command_failed = finished.said.iter().any(|line| line.contains("command failed"));
    match (finished.code, report) {
        (Some(0), Some(Streamed::Whole(digested))) => Ok(digested),
        (_, Some(Streamed::Failed(failure))) if finished.code == Some(0) || command_failed => Err(failure),
        (Some(0), _) | (_, None) if finished.code == Some(0) || command_failed => {
            Err(Failure::new(JobError::SourceFailed, "the process that reads the source was ended from outside"))
        }
        _ => Err(restic.failed(finished)),
    }
}

fn report(path: &Path) -> Option<Streamed> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

/// The process that streams a part.
struct Child {
    command: Vec<OsString>,
    report: PathBuf,
}

impl Child {
    fn of(setup: &Setup, part: &Part, held: &dyn Held) -> Result<Self, Failure> {
        let broken = |error: &dyn std::fmt::Display| Failure::new(JobError::Setup, error.to_string());
        let program = std::env::current_exe().map_err(|error| broken(&error))?;
        let text = serde_json::to_string(part).map_err(|error| broken(&error))?;
        let report = setup.private_dir("stream")?.join("report.json");
        // one of an earlier part says nothing of this one
        match std::fs::remove_file(&report) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(broken(&error)),
            Ok(()) | Err(_) => {}
        }
        let mut command: Vec<OsString> = vec![program.into(), "source".into()];
        for (name, value) in [
            ("--spec", setup.spec_path.clone().into_os_string()),
            ("--secrets", setup.secrets.directory().into()),
            ("--scratch", setup.scratch.clone().into_os_string()),
            ("--at", setup.started.to_string().into()),
            ("--part", text.into()),
            ("--token", held.token().into()),
            ("--report", report.clone().into_os_string()),
        ] {
            command.extend([name.into(), value]);
        }
        Ok(Self { command, report })
    }
}

/// Whether every part is the same, byte by byte, as in the newest backup of this tier. The source is read for it, and
/// nothing is written.
async fn unchanged(
    setup: &Setup,
    restic: &Restic,
    source: &dyn Source,
    wish: &Wish<'_>,
    parts: &[Part],
) -> Result<bool, Failure> {
    let listed = restic.snapshots().await?;
    let runs = runs::runs(&listed, &setup.spec.namespace);
    let Some(last) = runs::newest(&runs).remove(&(wish.policy, wish.tier)) else { return Ok(false) };
    let evidence = evidence::read(restic, last).await?;
    if evidence.parts.len() != parts.len() {
        return Ok(false);
    }
    for part in parts {
        let Some(then) = evidence.parts.iter().find(|stored| stored.part == *part) else { return Ok(false) };
        let held = setup.cancel.or(source.hold(part)).await?;
        let now = digest(setup, part, held.as_ref()).await.map_err(|failure| named(failure, part))?;
        if now.sha256 != then.sha256 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads a part as for a backup, and keeps nothing of it.
async fn digest(setup: &Setup, part: &Part, held: &dyn Held) -> Result<Digested, Failure> {
    let child = Child::of(setup, part, held)?;
    let (program, args) = child.command.split_first().ok_or_else(Cancel::failure)?;
    let mut command = tokio::process::Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let reading = async {
        command.status().await.map_err(|error| Failure::new(JobError::Setup, format!("{}: {error}", program.display())))
    };
    setup.cancel.or(reading).await?;
    match report(&child.report) {
        Some(Streamed::Whole(digested)) => Ok(digested),
        Some(Streamed::Failed(failure)) => Err(failure),
        None => Err(Failure::new(JobError::SourceFailed, "the process that reads the source was ended from outside")),
    }
}

async fn store_evidence(
    setup: &Setup,
    restic: &Restic,
    wish: &Wish<'_>,
    evidence: &Evidence,
    parts: usize,
) -> Result<Listed, Failure> {
    let text = serde_json::to_string_pretty(evidence)
        .map_err(|error| Failure::new(JobError::Other, format!("the evidence cannot be written: {error}")))?;
    let file = setup.write_private("stream", "evidence.json", &Secret::new(text))?;
    let mut tags = all_tags(wish, &evidence.run, "evidence");
    tags.push(format!("parts={parts}"));
    let host = runs::host(&setup.spec.namespace);
    let path = evidence::path(wish.policy);
    let wish =
        calls::Wish { host: &host, tags: &tags, time: setup.started, path: &path, content: calls::Content::File(file) };
    let finished = restic.backup(&wish)?.run().await?;
    if finished.code != Some(0) {
        return Err(restic.failed(&finished));
    }
    Restic::made(&wish, &finished.out)
}
