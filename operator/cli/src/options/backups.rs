//! The verbs about backups.

use super::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `backup`.
#[derive(Clone, Debug, Subcommand)]
pub enum Backup {
    /// Begin a backup of a BackupPolicy now.
    Run(BackupRun),
}

/// `backup run`.
#[derive(Clone, Debug, Args)]
pub struct BackupRun {
    /// The BackupPolicy: NAME or bp/NAME.
    #[arg(value_name = "[bp/]NAME")]
    pub policy: String,

    /// By which of its tiers it is kept; default the first.
    #[arg(long)]
    pub tier: Option<String>,
}

/// `restore`.
#[derive(Clone, Debug, Default, Args)]
pub struct Restore {
    /// The BackupPolicy whose backup is restored: NAME or bp/NAME.
    #[arg(value_name = "[bp/]NAME", required_unless_present = "selector")]
    pub policy: Option<String>,

    /// All BackupPolicies of the namespace with these labels (KEY=VALUE,...), in the order in which their containers
    /// depend on each other.
    #[arg(short = 'l', long, conflicts_with = "policy")]
    pub selector: Option<String>,

    /// Where to: scratch (proves that it can be restored, and ends), source (over what is there), or CLAIM/DIRECTORY of a
    /// PersistentVolumeClaim.
    #[arg(long, value_name = "scratch|source|CLAIM/DIRECTORY")]
    pub into: String,

    /// The id of the snapshot, at least eight characters; default the newest.
    #[arg(long, value_name = "ID", conflicts_with_all = ["time", "selector"])]
    pub snapshot: Option<String>,

    /// The newest snapshot that was made then or before, such as 2026-05-01T04:00:00Z.
    #[arg(long)]
    pub time: Option<String>,

    /// Only this part: a database, a collection, a bucket, a path (can be repeated).
    #[arg(long, value_name = "PART")]
    pub only: Vec<String>,

    /// With --into source: the name of the policy once more (with a selector: of the namespace), instead of being asked.
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,

    /// With --into source: take no backup of what is there now, because it is broken or gone.
    #[arg(long)]
    pub without_backup: bool,

    /// The name of the BackupRestore; default one that tells the time.
    #[arg(long)]
    pub name: Option<String>,

    /// Labels of the BackupRestore (KEY=VALUE,...): an operator that serves objects with a label alone looks for it.
    #[arg(long, value_name = "LABELS")]
    pub labels: Option<String>,

    /// Wait for the end, and show what was restored.
    #[arg(long)]
    pub wait: bool,
}

/// `drill`.
#[derive(Clone, Debug, Subcommand)]
pub enum Drill {
    /// Begin a restore drill now: the newest backups of the whole namespace, into scratch places.
    Run(DrillRun),
    /// Show what a drill came to: what a recovery takes, what it would lose, and what could not be restored.
    Report(DrillReport),
}

/// `drill run`.
#[derive(Clone, Debug, Default, Args)]
pub struct DrillRun {
    /// The BackupRepository whose drill it is (NAME or br/NAME); default the one of the namespace that has `spec.drill`.
    #[arg(value_name = "[br/]NAME")]
    pub repository: Option<String>,

    /// Wait for the end, and show the report.
    #[arg(long)]
    pub wait: bool,
}

/// `drill report`.
#[derive(Clone, Debug, Default, Args)]
pub struct DrillReport {
    /// The name of the drill; default the newest report of the namespace.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// The form of the answer.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// `recovery-kit`.
#[derive(Clone, Debug, Default, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(group = clap::ArgGroup::new("lock").required(true).args(["recipients", "passphrase_file", "passphrase"]))]
pub struct RecoveryKit {
    /// Something else than to write one.
    #[command(subcommand)]
    pub verb: Option<Kit>,

    /// The file. One that exists is not overwritten.
    #[arg(short, long, value_name = "FILE", required = true)]
    pub output: Option<PathBuf>,

    /// Encrypt to this key of age (age1...; can be repeated: each opens it).
    #[arg(long = "recipient", value_name = "KEY")]
    pub recipients: Vec<String>,

    /// Encrypt by the passphrase in this file, at least 12 characters; /dev/fd/3 is what the shell has opened as 3.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,

    /// Encrypt by a passphrase that is asked for at the terminal.
    #[arg(long)]
    pub passphrase: bool,

    /// Of all namespaces.
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// The operator's own namespace, where the Secrets of ProxmoxClusters are.
    #[arg(long, default_value = "zentoria-system")]
    pub operator_namespace: String,
}

/// `recovery-kit VERB`.
#[derive(Clone, Debug, Subcommand)]
pub enum Kit {
    /// Decrypt a recovery kit, as `age -d` does: for `kubectl apply -f -`, or for restic where there is no cluster.
    Open(KitOpen),
}

/// `recovery-kit open`.
#[derive(Clone, Debug, Default, Args)]
pub struct KitOpen {
    /// The recovery kit.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// A file with a private key (AGE-SECRET-KEY-...; can be repeated). Without one, and without a file with a passphrase, a
    /// passphrase is asked for at the terminal.
    #[arg(short, long = "identity", value_name = "FILE")]
    pub identities: Vec<PathBuf>,

    /// The passphrase is in this file; /dev/fd/3 is what the shell has opened as 3.
    #[arg(long, value_name = "FILE", conflicts_with = "identities")]
    pub passphrase_file: Option<PathBuf>,

    /// Instead of the manifests: what a shell has to set so that restic opens this repository.
    #[arg(long, value_name = "NAMESPACE/REPOSITORY")]
    pub restic_env: Option<String>,

    /// Write into this file, which only its owner can read, and which must not exist; default standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
