//! Backups: where they lie ([`BackupRepository`]), what is backed up when ([`BackupPolicy`]), and what is brought back
//! ([`BackupRestore`]).

mod job;
mod policy;
pub mod reasons;
mod repository;
mod restore;
mod source;
mod status;

pub use job::{JobSettings, PodSecret, SecretKey};
pub use policy::{BackupPolicy, BackupPolicySpec, Keep, RestoreTest, Tier, Verify};
pub use repository::{
    Backend, BackupRepository, BackupRepositorySpec, Check, Copy, Drill, Maintenance, PvcBackend, RestBackend,
    S3Backend,
};
pub use restore::{
    BackupRestore, BackupRestoreSpec, DirectoryTarget, Into, ScratchTarget, SnapshotChoice, SourceTarget,
};
pub use source::{
    CommandSource, Endpoint, FilesSource, PostgresSource, QdrantSource, RedisSource, S3Source, Source, Ssh, SslMode,
    VaultSource, VzdumpMode, VzdumpSource,
};
pub use status::{
    BackupPolicyStatus, BackupRepositoryStatus, BackupRestoreStatus, DrillStatus, Evidence, GuestBackup, LockSeen,
    OperationStatus, RestorePhase, RestoreResult, SnapshotSeen, TierStatus, Trouble,
};
