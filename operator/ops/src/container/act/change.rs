//! Changes of a guest that are no task: its mark, its options, its firewall.

use super::Run;
use crate::failure::Failure;
use crate::firewall::act::{Stop, Subject, first};
use zentoria_api::conditions::{ContainerReason, FirewallReason};
use zentoria_api::container::Origin;
use zentoria_core::container::step::{Configure, MarkGuest, MarkPurpose, Target, Verdict};
use zentoria_core::firewall::guest::GuestFirewall;
use zentoria_pve::ConfigChange;

impl Run<'_> {
    /// One PUT of description and tags. The mark that stands there now was read in this act.
    pub(super) async fn mark(&mut self, mark: &MarkGuest) -> Result<(), Failure> {
        let digest = self.read_again(|_| true).await?;
        let mut change = ConfigChange::new(digest);
        change.set.extend(mark.description.clone().map(|text| ("description".to_owned(), text)));
        change.set.extend(mark.tags.clone().map(|tags| ("tags".to_owned(), tags)));
        change.set.extend(mark.on_boot.map(|on| ("onboot".to_owned(), u8::from(on).to_string())));
        if !change.is_empty() {
            self.put("mark", &change, false).await?;
        }
        let origin = match mark.purpose {
            MarkPurpose::Adopt => Origin::Adopted,
            MarkPurpose::TakeBack | MarkPurpose::Rebind => Origin::TakenBack,
            MarkPurpose::Retain | MarkPurpose::Trash => return Ok(()),
        };
        self.actor.journal.finished(self.target.vmid, &self.target.node, Some(origin));
        Ok(())
    }

    pub(super) async fn configure(&mut self, configure: &Configure) -> Result<(), Failure> {
        let digest = self.verified().await?;
        let change = ConfigChange {
            set: configure.set.clone(),
            delete: configure.delete.clone(),
            revert: configure.revert.clone(),
            digest,
        };
        self.put("configure", &change, configure.as_root).await?;
        self.changes.extend(configure.changes.iter().cloned());
        Ok(())
    }

    async fn put(&mut self, doing: &str, change: &ConfigChange, as_root: bool) -> Result<(), Failure> {
        let client = self.actor.cluster.client();
        let client = if as_root { client.as_root().unwrap_or_else(|| client.clone()) } else { client.clone() };
        let answer = client.set_config(&self.target.node, self.target.vmid, change).await;
        self.digest = None;
        self.actor.cluster.invalidate_config(self.target.vmid);
        answer.map_err(|error| self.failed(doing, &error))
    }

    pub(super) async fn clear_firewall(&mut self) -> Result<(), Failure> {
        self.verified().await?;
        let target = self.target;
        let cluster = self.actor.cluster;
        let turn = cluster.firewall_turn().await;
        let answer = cluster.client().clear_guest_firewall(&target.node, target.vmid).await;
        drop(turn);
        let removed = answer.map_err(|error| self.failed("clear the firewall of", &error))?;
        if removed > 0 {
            self.changes.push(format!("{removed} leftover firewall settings removed"));
        }
        Ok(())
    }

    /// The whole firewall of a guest that never ran, into the file that was cleared just now.
    pub(super) async fn write_firewall(&mut self, firewall: &GuestFirewall) -> Result<(), Failure> {
        self.verified().await?;
        let Target { node, vmid, .. } = self.target;
        let subject = Subject { cluster: self.actor.cluster, identity: self.actor.identity, node, vmid: *vmid };
        let written = first(&subject, firewall).await.map_err(|stop| match stop {
            Stop::Replan(why) => Failure::Replan(why),
            Stop::Fenced => Failure::Fenced,
            Stop::Say(reason, message) => Failure::Say(Verdict::new(reason_of(reason), message)),
        })?;
        self.changes.push(format!("firewall written before the first start, in {written} calls"));
        Ok(())
    }
}

/// Why a guest is not started: its firewall could not be written.
const fn reason_of(reason: FirewallReason) -> ContainerReason {
    match reason {
        FirewallReason::PermissionDenied => ContainerReason::PermissionDenied,
        FirewallReason::Bug => ContainerReason::Bug,
        FirewallReason::Enforced
        | FirewallReason::NotProbed
        | FirewallReason::Off
        | FirewallReason::ObserveOnly
        | FirewallReason::Enforcing
        | FirewallReason::PveError
        | FirewallReason::NotKnown
        | FirewallReason::DatacenterFirewallDisabled
        | FirewallReason::InterfaceUnfiltered
        | FirewallReason::ForeignRuleWidens
        | FirewallReason::WouldLockOut
        | FirewallReason::ControlPlaneUnknown
        | FirewallReason::InvalidSpec
        | FirewallReason::TooManyRules => ContainerReason::PveError,
    }
}
