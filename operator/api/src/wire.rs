//! Annotations, labels, finalizers and well-known names: the contract with users and other tools.

/// `"true"`: the operator looks away from this object (as `spec.suspend`, but without a change of spec).
pub const PAUSED_ANNOTATION: &str = "zentoria.ai/paused";
/// On a ProxmoxCluster: the `cp=` of the old control plane whose guests are to be re-bound to this one.
pub const TAKEOVER_ANNOTATION: &str = "zentoria.ai/takeover";
/// On a ProxmoxCluster: the digest of the state (missing guests, changed identity) that a person has looked at and accepts.
pub const ACKNOWLEDGE_ANNOTATION: &str = "zentoria.ai/acknowledge";
/// On a ZentoriaContainer: the digests of the pending changes that a person approves, separated by commas.
pub const APPROVE_ANNOTATION: &str = "zentoria.ai/approve";
/// On a BackupPolicy: a word of your own; a new one starts a backup of the first tier now, `WORD/TIER` of that tier
/// (`kubectl zentoria backup run`).
pub const RUN_ANNOTATION: &str = "zentoria.ai/run";
/// On a BackupRepository: a word of your own; a new one starts a restore drill now (`kubectl zentoria drill run`).
pub const DRILL_ANNOTATION: &str = "zentoria.ai/drill";
/// On the BackupRestore of a drill: the time of the schedule that it is for, RFC 3339.
pub const DRILL_DUE_ANNOTATION: &str = "zentoria.ai/drill-due";
/// On a BackupRepository: when it was last part of a recovery kit (`kubectl zentoria recovery-kit`), RFC 3339.
pub const RECOVERY_KIT_ANNOTATION: &str = "zentoria.ai/recovery-kit";
/// On CronJobs, Jobs and pods of backups: the object that they belong to, `policy.NAME`, `repository.NAME`, `restore.NAME`.
pub const BACKUP_OWNER_LABEL: &str = "zentoria.ai/backup-owner";
/// On CronJobs, Jobs and pods of backups: the BackupRepository that they use.
pub const BACKUP_REPOSITORY_LABEL: &str = "zentoria.ai/backup-repository";
/// On CronJobs, Jobs and pods of backups: what they do, such as `backup-hourly`, `check`, `maintain`, `restore-test`; on
/// BackupRestores and reports of restore drills: [`DRILL_OPERATION`].
pub const OPERATION_LABEL: &str = "zentoria.ai/operation";
/// See [`OPERATION_LABEL`].
pub const DRILL_OPERATION: &str = "drill";
/// On objects that the operator applies beside its own kinds: the digest of what it applied.
pub const APPLIED_ANNOTATION: &str = "zentoria.ai/applied";
/// Held on a ZentoriaContainer until its deletion policy is carried out.
pub const CONTAINER_FINALIZER: &str = "zentoria.ai/container";
/// Held on a ProxmoxCluster while containers refer to it.
pub const CLUSTER_FINALIZER: &str = "zentoria.ai/proxmox-cluster";
/// Finalizer of a BackupPolicy for which Proxmox VE keeps a job.
pub const BACKUP_JOB_FINALIZER: &str = "zentoria.ai/backup-job";
/// Finalizer of a ModelPull whose model is deleted with it.
pub const MODEL_FINALIZER: &str = "zentoria.ai/model";
/// Name of the Secret that holds a namespace's SSH key pair.
pub const SSH_SECRET_NAME: &str = "zentoria-ssh";
/// Key of the private key in an SSH Secret (as in Secrets of type `kubernetes.io/ssh-auth`).
pub const SSH_PRIVATE_KEY: &str = "ssh-privatekey";
/// Key of the public key in an SSH Secret.
pub const SSH_PUBLIC_KEY: &str = "ssh-publickey";
/// Key of the API token's id (`user@realm!name`) in the token Secret.
pub const TOKEN_ID_KEY: &str = "tokenId";
/// Key of the API token's secret (a UUID) in the token Secret.
pub const TOKEN_SECRET_KEY: &str = "secret";
/// Key of root@pam's password in the root Secret.
pub const ROOT_PASSWORD_KEY: &str = "password";
/// Key of the CA bundle (PEM) in the CA Secret.
pub const CA_KEY: &str = "ca.crt";
/// The tag that every managed guest gets. Decoration for people, never a check.
pub const GUEST_TAG: &str = "zentoria";
/// Name under which the operator acts in events and managed fields.
pub const CONTROLLER_NAME: &str = "zentoria-operator";
