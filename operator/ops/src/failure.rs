//! What a failed call means for the container: a reason for its conditions, and a message that says what to do.

use zentoria_api::conditions::ContainerReason;
use zentoria_core::container::devices;
use zentoria_core::container::step::Verdict;
use zentoria_pve::PveError;

/// A failure that ends an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Said in the status; its reason decides when to look again.
    Say(Verdict),
    /// What the plan rested on has changed: observe and plan again, now.
    Replan(String),
    /// We may not write any more; say nothing.
    Fenced,
}

/// Reads an error of a call about one guest. `doing` names what was tried: `start guest 404 on node pve1`.
#[must_use]
pub fn read(doing: &str, error: &PveError) -> Failure {
    use ContainerReason as Reason;
    let say = |reason, message: String| Failure::Say(Verdict::new(reason, message));
    let text = format!("{doing}: {error}");
    if let Some(device) = devices::missing(&text) {
        let node = doing.rsplit(' ').next().unwrap_or_default();
        return Failure::Say(devices::missing_verdict(device, node));
    }
    match error {
        PveError::Fenced { .. } => Failure::Fenced,
        PveError::DigestMismatch | PveError::Exists { .. } | PveError::WrongState { .. } | PveError::Absent { .. } => {
            Failure::Replan(text)
        }
        PveError::Forbidden { .. } if error.needs_root() => say(
            Reason::NeedsRootCredential,
            format!("{text}: only root@pam may do this; set credentials.rootSecretRef of the ProxmoxCluster"),
        ),
        PveError::RootRefused { .. } => say(
            Reason::NeedsRootCredential,
            format!("{text}: correct the Secret that credentials.rootSecretRef of the ProxmoxCluster names"),
        ),
        PveError::Forbidden { .. } => {
            say(Reason::PermissionDenied, format!("{text}: grant it to the operator's token (pveum acl modify)"))
        }
        PveError::Rejected { .. } => say(Reason::Rejected, text),
        PveError::Unauthenticated { .. } | PveError::Certificate { .. } | PveError::NotMapped { .. } => {
            say(Reason::ClusterNotReady, text)
        }
        PveError::NodeUnreachable { node, .. } => Failure::Say(Verdict::about(Reason::NodeOffline, node.clone(), text)),
        PveError::Locked { lock } => {
            let message =
                format!("{text}; goes on when the lock is gone (one that stays without a task: `pct unlock`)");
            Failure::Say(Verdict::about(Reason::GuestLocked, lock.clone(), message))
        }
        // A snapshot, a storage, a template: somebody has to make it, or name another.
        PveError::Unexpected { reason, .. } if reason.contains("does not exist") => say(Reason::NotFound, text),
        PveError::NoQuorum { .. } => say(Reason::NoQuorum, text),
        PveError::TaskFailed { .. } => say(Reason::TaskFailed, text),
        PveError::Transport { .. }
        | PveError::Timeout { .. }
        | PveError::Busy { .. }
        | PveError::Payload { .. }
        | PveError::Unexpected { .. } => say(Reason::PveError, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(error: &PveError) -> Option<ContainerReason> {
        match read("start guest 404 on node pve1", error) {
            Failure::Say(verdict) => Some(verdict.reason),
            Failure::Replan(_) | Failure::Fenced => None,
        }
    }

    #[test]
    fn each_failure_has_its_reason() {
        let message = || "x".to_owned();
        let cases = [
            (PveError::NoQuorum { message: message() }, Some(ContainerReason::NoQuorum)),
            (PveError::Locked { lock: "backup".into() }, Some(ContainerReason::GuestLocked)),
            (PveError::Busy { message: message() }, Some(ContainerReason::PveError)),
            (PveError::DigestMismatch, None),
            (PveError::Unauthenticated { reason: message() }, Some(ContainerReason::ClusterNotReady)),
            (PveError::RootRefused { reason: message() }, Some(ContainerReason::NeedsRootCredential)),
            (PveError::NodeUnreachable { node: "pve2".into(), reason: message() }, Some(ContainerReason::NodeOffline)),
        ];
        for (error, expected) in cases {
            assert_eq!(reason(&error), expected, "{error}");
        }
    }

    #[test]
    fn a_device_that_the_node_lacks_is_named_with_what_to_do() {
        let error = PveError::Unexpected {
            status: 500,
            reason: "Device /dev/dri/renderD128 does not exist".into(),
            body: String::new(),
        };
        let Failure::Say(verdict) = read("configure guest 160 on node pve1", &error) else {
            unreachable!("a missing device is said")
        };
        assert_eq!(verdict.reason, ContainerReason::NotFound);
        assert!(verdict.message.contains("/dev/dri/renderD128 does not exist on node pve1"), "{verdict:?}");
    }

    #[test]
    fn a_missing_privilege_is_named_with_its_path() {
        let error = PveError::Forbidden {
            path: Some("/vms/160".into()),
            privilege: Some("VM.Config.Memory".into()),
            message: "Permission check failed (/vms/160, VM.Config.Memory)".into(),
        };
        let Failure::Say(verdict) = read("configure guest 160 on node pve1", &error) else {
            unreachable!("a missing privilege is said")
        };
        assert!(verdict.message.contains("VM.Config.Memory") && verdict.message.contains("/vms/160"), "{verdict:?}");
    }
}
