//! Before each write: the guest is still the one that was planned for.

use super::Run;
use crate::failure::Failure;
use zentoria_api::conditions::ContainerReason;
use zentoria_core::container::ownership::{Ownership, ownership};
use zentoria_core::container::step::Verdict;
use zentoria_types::digest::ConfigDigest;

impl Run<'_> {
    /// The digest of a configuration that carries our mark, read in this act.
    pub(super) async fn verified(&mut self) -> Result<ConfigDigest, Failure> {
        if let Some(digest) = &self.digest {
            return Ok(digest.clone());
        }
        let (identity, vmid) = (self.actor.identity, self.target.vmid);
        let ours = |description: &str| matches!(ownership(identity, vmid, description), Ownership::Ours(_));
        self.read_again(ours).await
    }

    /// Reads the configuration again. Where it is not the one that was planned for, nothing is written: after a change
    /// of our own in this act the mark alone has to be right.
    pub(super) async fn read_again(&mut self, right: impl Fn(&str) -> bool) -> Result<ConfigDigest, Failure> {
        if let Some(digest) = &self.digest {
            return Ok(digest.clone());
        }
        let target = self.target;
        let answer = self.actor.cluster.read_config(target.vmid, &target.node).await;
        let config = answer.map_err(|error| self.failed("look at", &error))?;
        let planned = self.changes.is_empty() && target.digest.is_some();
        if planned && config.digest != target.digest {
            return Err(Failure::Replan(format!("guest {} was changed since it was looked at", target.vmid)));
        }
        if !right(config.description()) {
            return Err(Failure::Replan(format!("guest {} does not carry our mark any more", target.vmid)));
        }
        if let Some(lock) = config.lock() {
            let message = format!("guest {} was locked ({lock}) since it was looked at", target.vmid);
            return Err(Failure::Say(Verdict::about(ContainerReason::GuestLocked, lock.to_owned(), message)));
        }
        let digest = config.digest.ok_or_else(|| Failure::Replan("the configuration has no digest".to_owned()))?;
        self.digest = Some(digest.clone());
        Ok(digest)
    }
}
