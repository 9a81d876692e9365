//! What a policy, a repository and a restore ask for, checked and with everything that they name looked up.

mod upkeep;

pub use upkeep::{DrillTimes, Upkeep, WantCopy, WantDrill};

use super::keep::Keeping;
use super::schedule::Runs;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use zentoria_api::backup::{BackupRepository, SecretKey, VzdumpMode};
use zentoria_types::backup_job::{KeepRule, Location, SnapshotWish, SourceSpec};

/// The kinds that own Jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnerKind {
    /// A BackupPolicy.
    Policy,
    /// A BackupRepository.
    Repository,
    /// A BackupRestore.
    Restore,
}

/// The object that Jobs belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Of which kind.
    pub kind: OwnerKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

impl OwnerKind {
    /// The kind on the wire.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Policy => "BackupPolicy",
            Self::Repository => "BackupRepository",
            Self::Restore => "BackupRestore",
        }
    }

    /// What the value of the label `zentoria.ai/backup-owner` begins with.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Repository => "repository",
            Self::Restore => "restore",
        }
    }
}

impl Owner {
    /// A repository.
    #[must_use]
    pub fn of_repository(repository: &BackupRepository) -> Self {
        Self::of(OwnerKind::Repository, &repository.metadata)
    }

    /// An object of a kind.
    #[must_use]
    pub fn of(kind: OwnerKind, metadata: &ObjectMeta) -> Self {
        Self {
            kind,
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
        }
    }

    /// The value of the label `zentoria.ai/backup-owner`: `policy.NAME`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}.{}", self.kind.word(), self.name)
    }

    /// A controlling reference: what it owns is deleted with it.
    #[must_use]
    pub fn reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: "zentoria.ai/v1alpha1".to_owned(),
            block_owner_deletion: None,
            controller: Some(true),
            kind: self.kind.kind().to_owned(),
            name: self.name.clone(),
            uid: self.uid.clone(),
        }
    }
}

/// The pods of Jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodWish {
    /// Image in place of the operator's own.
    pub image: Option<String>,
    /// Limits, and requests of the same: Kubernetes quantities by resource.
    pub limits: BTreeMap<String, String>,
    /// Size of the scratch volume, as a Kubernetes quantity.
    pub scratch: String,
    /// Labels of the nodes that they may run on.
    pub node_selector: BTreeMap<String, String>,
    /// How long a run may take.
    pub timeout: Duration,
}

/// A repository as its Jobs need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryUse {
    /// Name of the BackupRepository.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// Its password.
    pub password: SecretKey,
    /// Credentials for its server: the Secret, and the keys of it that are mounted.
    pub credentials: Option<CredentialsUse>,
    /// CA of its server.
    pub ca: Option<SecretKey>,
    /// Its pinned id; `None` before it was initialised.
    pub id: Option<String>,
    /// Where it is, for people.
    pub target: String,
}

/// Keys of one Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsUse {
    /// Name of the Secret.
    pub secret: String,
    /// Its keys; files get the same names.
    pub keys: Vec<&'static str>,
}

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a PersistentVolumeClaim.
    Claim {
        /// Its name.
        claim: String,
        /// Directory in it; empty: the volume itself.
        path: String,
    },
    /// On a server.
    Server(Location),
}

/// What a source needs as files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceSecrets {
    /// Password, token or API key.
    pub password: Option<SecretKey>,
    /// Credentials of an S3 server.
    pub credentials: Option<CredentialsUse>,
    /// CA of the server.
    pub ca: Option<SecretKey>,
    /// Private SSH key.
    pub ssh_key: Option<SecretKey>,
    /// They may be missing: a restore elsewhere connects to no source, which may be gone with its Secrets.
    pub optional: bool,
}

/// A policy, checked.
#[derive(Clone, Debug)]
pub struct WantPolicy {
    /// The policy.
    pub owner: Owner,
    /// What is backed up, and to where.
    pub what: What,
    /// Its schedules, in the order of the spec. At least one.
    pub tiers: Vec<WantTier>,
    /// IANA name of the time zone.
    pub time_zone: String,
    /// How much later than scheduled a run may begin.
    pub jitter: Duration,
    /// The age at which the newest backup is late.
    pub promise: Duration,
    /// The pods of its Jobs.
    pub pod: PodWish,
    /// None of its Jobs is started.
    pub suspend: bool,
    /// What is backed up, for people: `postgres zentoria-db`.
    pub source: String,
    /// Where to, for people.
    pub target: String,
}

/// What a policy says by itself, whatever lies around it: when it runs, and what it promises.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// Its schedules, in the order of the spec. At least one.
    pub tiers: Vec<WantTier>,
    /// How much later than scheduled a run may begin.
    pub jitter: Duration,
    /// The age at which the newest backup is late.
    pub promise: Duration,
    /// When the restore test runs.
    pub restore_test: Option<Runs>,
    /// None of its Jobs is started.
    pub suspend: bool,
    /// What is backed up, for people: `postgres zentoria-db`.
    pub source: String,
    /// Where to, for people.
    pub target: String,
}

/// What is backed up, and who does it.
#[derive(Clone, Debug)]
pub enum What {
    /// Jobs do, into a repository.
    Jobs(Box<WantJobs>),
    /// Proxmox VE does: there are no Jobs.
    Vzdump(WantVzdump),
}

/// A backup by Jobs.
#[derive(Clone, Debug)]
pub struct WantJobs {
    /// Where to.
    pub repository: RepositoryUse,
    /// What.
    pub source: SourceSpec,
    /// What the source needs as files.
    pub secrets: SourceSecrets,
    /// The restore test.
    pub restore_test: Option<WantRestoreTest>,
}

/// One schedule of a policy.
#[derive(Clone, Debug)]
pub struct WantTier {
    /// Its name.
    pub name: String,
    /// The schedule as Kubernetes takes it.
    pub cron: String,
    /// When it runs.
    pub runs: Runs,
    /// How long its snapshots are kept.
    pub keep: Keeping,
    /// A run that finds nothing changed makes no snapshot.
    pub only_if_changed: bool,
}

/// The restore test of a policy.
#[derive(Clone, Debug)]
pub struct WantRestoreTest {
    /// The schedule as Kubernetes takes it.
    pub cron: String,
    /// When it runs.
    pub runs: Runs,
    /// Image of the scratch PostgreSQL; `None` for other sources.
    pub postgres_image: Option<String>,
}

/// A backup by vzdump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantVzdump {
    /// Who runs it.
    pub mode: VzdumpMode,
    /// The storage; `None` (with `Observe`): all.
    pub storage: Option<String>,
    /// The containers that it matches, by name, with their cluster and VMID. One without a VMID is not made yet.
    pub guests: BTreeMap<String, VzdumpGuest>,
}

/// A container that a vzdump policy matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VzdumpGuest {
    /// Its ProxmoxCluster.
    pub cluster: String,
    /// Its VMID.
    pub vmid: Option<u32>,
}

/// A repository, checked.
#[derive(Clone, Debug)]
pub struct WantRepository {
    /// The BackupRepository.
    pub owner: Owner,
    /// How Jobs get at it.
    pub repository: RepositoryUse,
    /// IANA name of the time zone.
    pub time_zone: String,
    /// The integrity check.
    pub check: WantCheck,
    /// Forgetting and pruning.
    pub maintenance: WantMaintenance,
    /// Copies to other repositories.
    pub copies: Vec<WantCopy>,
    /// The restore drill.
    pub drill: WantDrill,
    /// The pods of its Jobs.
    pub pod: PodWish,
    /// None of its Jobs is started.
    pub suspend: bool,
}

/// The integrity check.
#[derive(Clone, Debug)]
pub struct WantCheck {
    /// The schedule as Kubernetes takes it.
    pub cron: String,
    /// When it runs.
    pub runs: Runs,
    /// In how many parts the data is read.
    pub parts: u32,
}

/// Forgetting and pruning.
#[derive(Clone, Debug)]
pub struct WantMaintenance {
    /// The schedule as Kubernetes takes it.
    pub cron: String,
    /// When it runs.
    pub runs: Runs,
    /// How long it waits for a lock.
    pub retry_lock: Duration,
    /// What is kept.
    pub keep: Vec<KeepRule>,
}

/// A restore, checked.
#[derive(Clone, Debug)]
pub struct WantRestore {
    /// The BackupRestore.
    pub owner: Owner,
    /// What is restored, in this order: waves of containers that depend on each other, then by name.
    pub items: Vec<RestoreItem>,
    /// Of what a selector selects: what cannot be restored, and why. The others are, unless it goes over the sources.
    pub refused: BTreeMap<String, String>,
    /// Whether what is there now is backed up first.
    pub secure: bool,
    /// The policy, or how many, for people.
    pub policy: String,
    /// Where to, for people.
    pub into: String,
}

/// The restore of one policy's backup.
#[derive(Clone, Debug)]
pub struct RestoreItem {
    /// Name of the policy.
    pub policy: String,
    /// Its wave: a restore begins when those of lower waves have succeeded.
    pub wave: u32,
    /// Where from.
    pub repository: RepositoryUse,
    /// What it is a backup of. For a restore elsewhere its host may be a placeholder.
    pub source: SourceSpec,
    /// What the source needs as files.
    pub secrets: SourceSecrets,
    /// Which snapshot.
    pub snapshot: SnapshotWish,
    /// When the policy last found the source to be as its newest snapshot has it, or made that one: where that snapshot is
    /// restored, and a tier makes none while nothing changes.
    pub seen_equal: Option<Timestamp>,
    /// Where to.
    pub into: ItemInto,
    /// Only these parts.
    pub only: Vec<String>,
    /// The pods of its Jobs.
    pub pod: PodWish,
}

/// Where one restore goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemInto {
    /// A scratch place; with the image of the PostgreSQL where it is one.
    Scratch {
        /// Image of the scratch PostgreSQL.
        postgres_image: Option<String>,
    },
    /// A directory of a claim.
    Directory {
        /// Name of the claim.
        claim: String,
        /// Directory in it.
        path: String,
    },
    /// Over the source.
    Source,
}

/// Names of Secrets, each with the keys that are needed of it and the field that names it.
pub type NeededSecrets = BTreeMap<String, BTreeSet<(String, &'static str)>>;
