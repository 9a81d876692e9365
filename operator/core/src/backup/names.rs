//! Names of Jobs, CronJobs and ConfigMaps. One name each for the ConfigMap and the (Cron)Job of an operation.

use crate::digest;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The longest name of a CronJob: Kubernetes appends 11 characters for its Jobs.
pub const LONGEST: usize = 52;

/// What a Job does: the value of the label `zentoria.ai/operation`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `backup-TIER`
    Backup(String),
    /// `restore-test`
    RestoreTest,
    /// `init`
    Init,
    /// `check`
    Check,
    /// `maintain`
    Maintain,
    /// `copy-NAME`
    Copy(String),
    /// `inspect`
    Inspect,
    /// `unlock`
    Unlock,
    /// `restore.POLICY` (with a dot: a policy may be called `test`)
    Restore(String),
    /// `secure.POLICY`: the backup before a restore over the source
    Secure(String),
}

impl Operation {
    /// The value of the label. At most 63 characters: names longer than that are refused by the schema.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::Backup(tier) => format!("backup-{tier}"),
            Self::RestoreTest => "restore-test".to_owned(),
            Self::Init => "init".to_owned(),
            Self::Check => "check".to_owned(),
            Self::Maintain => "maintain".to_owned(),
            Self::Copy(name) => format!("copy-{name}"),
            Self::Inspect => "inspect".to_owned(),
            Self::Unlock => "unlock".to_owned(),
            Self::Restore(policy) => format!("restore.{policy}"),
            Self::Secure(policy) => format!("secure.{policy}"),
        }
    }

    /// Reads a label; `None` for what is none.
    #[must_use]
    pub fn parse(label: &str) -> Option<Self> {
        Some(match label {
            "restore-test" => Self::RestoreTest,
            "init" => Self::Init,
            "check" => Self::Check,
            "maintain" => Self::Maintain,
            "inspect" => Self::Inspect,
            "unlock" => Self::Unlock,
            other => {
                let (word, rest) = other.split_at_checked(other.find(['-', '.'])? + 1)?;
                if rest.is_empty() {
                    return None;
                }
                match word {
                    "backup-" => Self::Backup(rest.to_owned()),
                    "copy-" => Self::Copy(rest.to_owned()),
                    "restore." => Self::Restore(rest.to_owned()),
                    "secure." => Self::Secure(rest.to_owned()),
                    _ => return None,
                }
            }
        })
    }
}

/// The longest name of a BackupRestore: names of its Jobs are made of it.
const LONGEST_RESTORE: usize = 50;

/// A name of at most [`LONGEST`] characters: the whole where it fits, else its beginning and a digest of the whole.
#[must_use]
pub fn fitted(whole: &str) -> String {
    fitted_to(whole, LONGEST)
}

fn fitted_to(whole: &str, longest: usize) -> String {
    if whole.len() <= longest {
        return whole.to_owned();
    }
    let digest = digest::of_parts([whole]);
    let digest = digest.get(..8).unwrap_or(&digest);
    let room = longest.saturating_sub(1 + digest.len());
    let beginning: String = whole.chars().take(room).collect();
    format!("{}-{digest}", beginning.trim_end_matches(['-', '.']))
}

/// Of a tier: `bp-POLICY-TIER`.
#[must_use]
pub fn tier(policy: &str, tier: &str) -> String {
    fitted(&format!("bp-{policy}-{tier}"))
}

/// Of the restore test: `bp-POLICY-restore-test`. (A tier of that name is refused.)
#[must_use]
pub fn restore_test(policy: &str) -> String {
    fitted(&format!("bp-{policy}-restore-test"))
}

/// Of a run that a person asked for: `bp-POLICY-run-DIGEST`, by the policy's uid, the tier and the word of the annotation.
#[must_use]
pub fn manual_run(policy: &str, uid: &str, tier: &str, word: &str) -> String {
    fitted(&format!("bp-{policy}-run-{}", digest::of_parts([uid, tier, word])))
}

/// Of an operation of a repository: `br-REPOSITORY-init|check|maintain|copy-NAME`.
#[must_use]
pub fn of_repository(repository: &str, operation: &Operation) -> String {
    fitted(&format!("br-{repository}-{}", operation.label()))
}

/// Of a single Job of a repository that may come again: `br-REPOSITORY-unlock|inspect-DIGEST`, by what caused it.
#[must_use]
pub fn of_repository_once(repository: &str, uid: &str, operation: &Operation, cause: &str) -> String {
    fitted(&format!("br-{repository}-{}-{}", operation.label(), digest::of_parts([uid, cause])))
}

/// Of one policy's restore: `brs-RESTORE-POLICY-DIGEST`. The digest is of the restore's uid: a restore that is made anew
/// under the same name never meets the Job of the one before.
#[must_use]
pub fn restore(restore: &str, uid: &str, policy: &str) -> String {
    once("brs", restore, uid, policy)
}

/// Of the backup before it: `brss-RESTORE-POLICY-DIGEST`.
#[must_use]
pub fn secure(restore: &str, uid: &str, policy: &str) -> String {
    once("brss", restore, uid, policy)
}

fn once(prefix: &str, restore: &str, uid: &str, policy: &str) -> String {
    let digest = digest::of_parts([uid, policy]);
    let whole = format!("{prefix}-{restore}-{policy}");
    let room = LONGEST - 1 - digest.len();
    let beginning: String = whole.chars().take(room).collect();
    format!("{}-{digest}", beginning.trim_end_matches(['-', '.']))
}

/// Of the Lease under which a repository is unlocked, and of its NetworkPolicy: `br-REPOSITORY`.
#[must_use]
pub fn lease(repository: &str) -> String {
    fitted(&format!("br-{repository}"))
}

/// Of the BackupRestore of a drill that was due then, and of its report: `drill-REPOSITORY-20260201-0800`. The same time is
/// always the same name, so that no two are made for it.
#[must_use]
pub fn drill_due(repository: &str, due: Timestamp) -> String {
    drill(repository, &due.to_zoned(TimeZone::UTC).strftime("%Y%m%d-%H%M").to_string())
}

/// Of a drill that a person asked for: `drill-REPOSITORY-DIGEST`, by the repository's uid and the word of the annotation.
#[must_use]
pub fn drill_asked(repository: &str, uid: &str, word: &str) -> String {
    let digest = digest::of_parts([uid, word]);
    drill(repository, digest.get(..10).unwrap_or(&digest))
}

fn drill(repository: &str, ending: &str) -> String {
    let room = LONGEST_RESTORE.saturating_sub("drill--".len() + ending.len());
    format!("drill-{}-{ending}", fitted_to(repository, room))
}
