//! Condition types and reasons of every kind, and what each reason means for Ready, Reconciling and Stalled.
//!
//! A reason appears in conditions, events, metrics and the STATUS column; the controllers write from this table and
//! docs and tests read it.

use std::fmt;

/// The object does what its spec says.
pub const READY: &str = "Ready";
/// The operator is at work on it (kstatus).
pub const RECONCILING: &str = "Reconciling";
/// A person must change something (kstatus).
pub const STALLED: &str = "Stalled";
/// The guest exists and is ours.
pub const CREATED: &str = "Created";
/// The guest runs.
pub const RUNNING: &str = "Running";
/// Nothing differs from the spec.
pub const UP_TO_DATE: &str = "UpToDate";
/// The API of Proxmox VE answers.
pub const REACHABLE: &str = "Reachable";
/// The credentials are valid and hold every privilege that is needed.
pub const AUTHORIZED: &str = "Authorized";

/// The firewall of the guest holds what the rules say.
pub const FIREWALL_ENFORCED: &str = "FirewallEnforced";
/// The rule can be carried out.
pub const ACCEPTED: &str = "Accepted";
/// The rule is in force on every guest that it is for.
pub const ENFORCED: &str = "Enforced";

/// The repository exists and is the one that was initialised.
pub const INITIALISED: &str = "Initialised";
/// The integrity check of a repository, or the restore test of a policy, succeeded the last time it was due.
pub const VERIFIED: &str = "Verified";
/// The last restore drill of a repository succeeded, and none is overdue.
pub const DRILLED: &str = "Drilled";
/// The repository of a policy can be used.
pub const REPOSITORY_READY: &str = "RepositoryReady";
/// The newest backup is younger than the promise.
pub const FRESH: &str = "Fresh";

/// The model was on the server when it was last looked at.
pub const PULLED: &str = "Pulled";

/// What a reason means for the three conditions that every kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Ready=True.
    Settled,
    /// Ready=False, Reconciling=True: the operator is at work.
    Progressing,
    /// Ready=False, Reconciling=True: something else has to happen first, and wakes us.
    Waiting,
    /// Ready keeps its last value (Unknown where there is none), Reconciling=True: the next try may succeed.
    Retrying,
    /// Ready=False, Stalled=True: a person must change something.
    Stalled,
    /// Ready=False, neither Reconciling nor Stalled: a person wanted it so.
    Resting,
    /// Nothing is written: Ready keeps its value.
    Silent,
}

/// Makes an enum of reasons.
macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $vdoc:literal])+ $variant:ident => $phase:ident,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $vdoc])+ $variant,)+ }

        impl $name {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }

            /// What it means for Ready, Reconciling and Stalled.
            #[must_use]
            pub const fn phase(self) -> Phase {
                match self { $(Self::$variant => Phase::$phase,)+ }
            }

            /// What it says, for people: the text of the reference.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($vdoc),+).trim_ascii(),)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

pub(crate) use reasons;

pub use crate::backup::reasons::{PolicyReason, RepositoryReason, RestoreReason};
pub use crate::model::reasons::ModelReason;

reasons! {
    /// Reasons of a ZentoriaContainer.
    ContainerReason {
        /// The guest runs as the spec says.
        Running => Settled,
        /// The guest is stopped, as the spec says.
        Stopped => Settled,
        /// An adopted guest whose power is not managed.
        Observed => Settled,
        /// First sight: nothing was asked or done yet.
        Pending => Progressing,
        /// The guest is being made.
        Creating => Progressing,
        /// Its template is being downloaded, or its image pulled.
        Pulling => Progressing,
        /// It is being backed up, or a snapshot of it is made or removed.
        Securing => Progressing,
        /// One of its disks moves to another storage.
        MovingVolume => Progressing,
        /// It moves to another node.
        Migrating => Progressing,
        /// It is being destroyed to be made anew.
        Replacing => Progressing,
        /// The guest is being configured.
        Configuring => Progressing,
        /// Its disk grows.
        Resizing => Progressing,
        /// It starts.
        Starting => Progressing,
        /// It shuts down.
        ShuttingDown => Progressing,
        /// It reboots.
        Rebooting => Progressing,
        /// An existing guest is being taken over or taken back.
        Adopting => Progressing,
        /// It is being destroyed or let go.
        Deleting => Progressing,
        /// A container of `dependsOn` is not there yet.
        WaitingFor => Waiting,
        /// All task slots of the node, storage or cluster are taken.
        WaitingForSlot => Waiting,
        /// No node has room for it, or the nodes that have are offline.
        NoCapacity => Waiting,
        /// Proxmox VE holds a lock on the guest (backup, snapshot, migration) or runs a task on it.
        GuestLocked => Waiting,
        /// The node of the guest is offline.
        NodeOffline => Waiting,
        /// The cluster has no quorum.
        NoQuorum => Waiting,
        /// The ProxmoxCluster is not usable; its own status says why.
        ClusterNotReady => Retrying,
        /// A call failed and is tried again.
        PveError => Retrying,
        /// A task of Proxmox VE failed and is tried again.
        TaskFailed => Retrying,
        /// The guest crashed and is started again.
        CrashLoop => Retrying,
        /// A person stopped the guest.
        StoppedExternally => Resting,
        /// `spec.suspend` or the annotation `zentoria.ai/paused`.
        Paused => Silent,
        /// The ProxmoxCluster does not exist.
        ClusterNotFound => Stalled,
        /// The ProxmoxCluster lets this namespace do less than the spec asks for.
        AccessDenied => Stalled,
        /// The namespace's quota is used up.
        QuotaExceeded => Stalled,
        /// The creation, or the pending change that was asked for, waits for an approval.
        ApprovalRequired => Stalled,
        /// This version of Proxmox VE cannot do it.
        NotSupported => Stalled,
        /// Its backup source, template or image cannot be used: it fails its checksum, or nobody may download it.
        SourceUnusable => Stalled,
        /// A field of the spec cannot work.
        InvalidSpec => Stalled,
        /// Another container of this namespace or cluster claims the same VMID, address or host name.
        Conflict => Stalled,
        /// The VMID belongs to a guest that is not ours.
        VmidTaken => Stalled,
        /// The guest at this VMID is a copy of a managed guest, made by a person.
        CopyOf => Stalled,
        /// The guest's mark cannot be read.
        MarkUnreadable => Stalled,
        /// The guest carries the mark of another control plane.
        ForeignControlPlane => Stalled,
        /// The guest carries our mark and `adoption: Never` forbids to take it back.
        AdoptionForbidden => Stalled,
        /// No free VMID in the namespace's ranges.
        NoFreeVmid => Stalled,
        /// There is no guest and no source to make one from.
        NoSource => Stalled,
        /// Template, storage, bridge, node or clone source does not exist.
        NotFound => Stalled,
        /// The guest is gone.
        GuestMissing => Stalled,
        /// Dependencies form a cycle.
        DependencyCycle => Stalled,
        /// A container of `dependsOn` does not exist.
        DependencyMissing => Stalled,
        /// The credentials lack a privilege.
        PermissionDenied => Stalled,
        /// Only root@pam may do this, and the cluster has no root credential.
        NeedsRootCredential => Stalled,
        /// Proxmox VE refused the values.
        Rejected => Stalled,
        /// Not done because the mode is Observe.
        ObserveOnly => Stalled,
        /// A breaker of the ProxmoxCluster holds all writes.
        BreakerOpen => Stalled,
        /// The guest is locked and no task holds the lock.
        StaleLock => Stalled,
        /// The guest is under PVE's HA; its power is HA's.
        ManagedByHA => Stalled,
        /// The guest has replication jobs, which a move or a destruction would break.
        Replicated => Stalled,
        /// The guest is a template of Proxmox VE, as the spec says.
        Template => Settled,
        /// Deletion waits: `safety.finalBackup` asks for a backup, and there is no storage for one.
        FinalBackupNotAvailable => Stalled,
        /// Deletion waits: volumes hang on the guest that would be destroyed with it.
        RetainedVolumes => Stalled,
        /// Deletion waits: the guest is protected.
        Protected => Stalled,
        /// Deletion waits: enough was destroyed within the hour.
        DeletionBreaker => Waiting,
        /// The SSH key Secret cannot be used.
        SecretInvalid => Stalled,
        /// The guard refused a step: a fault of the operator.
        Bug => Stalled,
    }
}

reasons! {
    /// Reasons of the condition UpToDate.
    UpToDateReason {
        /// Nothing differs.
        NoDifference => Settled,
        /// The guest is not made yet: that waits for an approval.
        ApprovalRequired => Settled,
        /// A change waits for a reboot.
        RebootRequired => Settled,
        /// A change waits for the next maintenance window.
        WaitingForWindow => Settled,
        /// A change is held because nothing can be kept of the guest before it.
        BeforeChangeImpossible => Settled,
        /// A change would take a new guest.
        ReplaceRequired => Settled,
        /// A change cannot be done.
        ChangeImpossible => Settled,
        /// Changes are shown and not done, because the mode is Observe.
        DriftObserved => Settled,
        /// Changes are being made.
        Changing => Progressing,
        /// Nothing is known of the guest.
        NotKnown => Retrying,
    }
}

reasons! {
    /// Reasons of a ProxmoxCluster.
    ClusterReason {
        /// Reached, authorised, quorate.
        Ready => Settled,
        /// First sight.
        Connecting => Progressing,
        /// No endpoint answers.
        Unreachable => Retrying,
        /// The server sends what is not the API of Proxmox VE.
        NotProxmoxVE => Retrying,
        /// The cluster has no quorum.
        NoQuorum => Waiting,
        /// The certificate is not the pinned one, or not of the CA.
        CertificateChanged => Stalled,
        /// The token is refused.
        Unauthenticated => Stalled,
        /// Privileges are missing.
        MissingPermissions => Stalled,
        /// A Secret is missing.
        SecretNotFound => Stalled,
        /// A Secret lacks a key or holds what cannot be used.
        SecretInvalid => Stalled,
        /// A field of the spec cannot work.
        InvalidSpec => Stalled,
        /// This version of Proxmox VE is too old.
        NotSupported => Stalled,
        /// Another cluster answers than before.
        IdentityChanged => Stalled,
        /// Many managed guests are gone at once.
        MissingGuests => Stalled,
        /// Containers still refer to it.
        InUse => Waiting,
        /// `spec.suspend` or the annotation `zentoria.ai/paused`.
        Paused => Silent,
    }
}

reasons! {
    /// Reasons of the condition FirewallEnforced of a ZentoriaContainer. It has no say in Ready.
    FirewallReason {
        /// The firewall holds what the rules say, and a port that answered before still does.
        Enforced => Settled,
        /// It holds what the rules say; no port answered before, so that none could be tried after.
        NotProbed => Settled,
        /// Its mode is Off.
        Off => Settled,
        /// Its mode is Observe: what would be written is shown.
        ObserveOnly => Settled,
        /// It is being written.
        Enforcing => Progressing,
        /// A call failed and is tried again.
        PveError => Retrying,
        /// There is no guest yet, or it cannot be read.
        NotKnown => Waiting,
        /// The datacenter's firewall is off, so that no rule of any guest has effect.
        DatacenterFirewallDisabled => Stalled,
        /// An interface of the guest does not pass through the firewall.
        InterfaceUnfiltered => Stalled,
        /// A rule that a person made opens more than the manifests.
        ForeignRuleWidens => Stalled,
        /// A port that answered before did not answer any more: the policy was taken back.
        WouldLockOut => Stalled,
        /// The ProxmoxCluster names no `controlPlaneCIDRs`.
        ControlPlaneUnknown => Stalled,
        /// A field of `spec.firewall` cannot work.
        InvalidSpec => Stalled,
        /// The credentials lack a privilege.
        PermissionDenied => Stalled,
        /// More rules than Proxmox VE can hold for one guest.
        TooManyRules => Stalled,
        /// The guard refused a step: a fault of the operator.
        Bug => Stalled,
    }
}

reasons! {
    /// Reasons of a FirewallRule.
    RuleReason {
        /// In force on every guest that it is for.
        Enforced => Settled,
        /// It is shown on guests whose firewall is in mode Observe, and in force on the others.
        ObserveOnly => Settled,
        /// First sight.
        Pending => Progressing,
        /// It is being written.
        Enforcing => Progressing,
        /// A peer has no address yet. Nothing is opened for it.
        Unresolved => Waiting,
        /// `spec.suspend` or the annotation `zentoria.ai/paused`.
        Paused => Silent,
        /// A field of the spec cannot work.
        InvalidSpec => Stalled,
        /// A container, service, zone or host that it names does not exist. Nothing is opened for it.
        NotFound => Stalled,
        /// It matches no container.
        MatchesNothing => Stalled,
        /// Another rule says the opposite of the same flow at the same priority.
        Conflict => Stalled,
        /// Rules that come before it decide everything that it matches.
        Shadowed => Settled,
        /// A guest that it is for cannot enforce it; its condition FirewallEnforced says why.
        NotEnforced => Stalled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_a_camel_case_word() {
        let words = ContainerReason::ALL.iter().map(|r| r.as_str());
        let words = words.chain(ClusterReason::ALL.iter().map(|r| r.as_str()));
        let words = words.chain(FirewallReason::ALL.iter().map(|r| r.as_str()));
        let words = words.chain(RuleReason::ALL.iter().map(|r| r.as_str()));
        let words = words.chain(RepositoryReason::ALL.iter().map(|r| r.as_str()));
        let words = words.chain(PolicyReason::ALL.iter().map(|r| r.as_str()));
        let words = words.chain(RestoreReason::ALL.iter().map(|r| r.as_str()));
        let words = words.chain(ModelReason::ALL.iter().map(|r| r.as_str()));
        let words = words.chain(UpToDateReason::ALL.iter().map(|r| r.as_str()));
        for word in words {
            assert!(word.starts_with(|c: char| c.is_ascii_uppercase()), "{word}");
            assert!(word.chars().all(|c| c.is_ascii_alphanumeric()), "{word}");
        }
    }
}
