//! What a test waits for: a status, a guest, an event, some polls.

use super::World;
use super::objects::Conditions;
use crate::pve::{Guest, OPERATOR, Request};
use crate::wait::{DEADLINE, eventually, when};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use std::collections::BTreeMap;
use std::time::Instant;
use zentoria_api::conditions::{READY, RECONCILING, STALLED};
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};

impl World {
    /// Waits until a container is as `holds` says.
    pub async fn until(&self, what: &str, name: &str, holds: impl Fn(&ZentoriaContainer) -> bool) -> ZentoriaContainer {
        eventually(&format!("{name}: {what}"), || async {
            let container = self.containers().get(name).await.map_err(|error| error.to_string())?;
            if holds(&container) { Ok(container) } else { Err(told(&container)) }
        })
        .await
    }

    /// Waits until a container is Ready, by a status that speaks of its current spec.
    pub async fn ready(&self, name: &str) -> ZentoriaContainer {
        self.until("is Ready", name, |container| current(container) && container.truth(READY) == "True").await
    }

    /// Waits until Ready has this reason, by a status that speaks of the current spec.
    ///
    /// # Panics
    /// Where both Reconciling and Stalled are True then.
    pub async fn says(&self, name: &str, reason: &str) -> ZentoriaContainer {
        let container = self
            .until(&format!("Ready says {reason}"), name, |container| {
                current(container) && container.reason(READY) == reason
            })
            .await;
        let both = container.truth(RECONCILING) == "True" && container.truth(STALLED) == "True";
        assert!(!both, "Reconciling and Stalled at once: {}", told(&container));
        container
    }

    /// Waits until the operator looks away from a container, and what it had begun before is over.
    pub async fn paused(&self, name: &str) -> ZentoriaContainer {
        let summary =
            |container: &ZentoriaContainer| container.status.as_ref().and_then(|status| status.summary.clone());
        let container = self.until("is paused", name, |c| summary(c).as_deref() == Some("Paused")).await;
        self.polls(2).await;
        container
    }

    /// Waits until a container is stalled for this reason, and an Event says so.
    ///
    /// # Panics
    /// Where the three conditions do not say Stalled, or the message lacks a part of `message`.
    pub async fn refused(&self, name: &str, reason: &str, message: &[&str]) -> ZentoriaContainer {
        let container = self.says(name, reason).await;
        let truths = [READY, RECONCILING, STALLED].map(|kind| container.truth(kind).to_owned());
        assert_eq!(truths, ["False", "False", "True"], "{}", told(&container));
        for part in message {
            assert!(container.message().contains(part), "{part:?} is not in {:?}", container.message());
        }
        self.event(name, reason).await;
        container
    }

    /// Waits for an Event about an object of the containers' namespace.
    pub async fn event(&self, name: &str, reason: &str) -> Event {
        eventually(&format!("an Event {reason} about {name}"), || async {
            let events = self.events(name).await;
            let reasons: Vec<_> = events.iter().filter_map(|event| event.reason.clone()).collect();
            let found = events.into_iter().find(|event| event.reason.as_deref() == Some(reason));
            found.ok_or_else(|| format!("{reasons:?}"))
        })
        .await
    }

    /// Waits until an object of the containers' namespace is gone.
    pub async fn gone(&self, name: &str) {
        eventually(&format!("the object {name} is gone"), || async {
            match self.containers().get_opt(name).await {
                Ok(None) => Ok(()),
                Ok(Some(container)) => Err(told(&container)),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }

    /// Waits until the ProxmoxCluster is as `holds` says.
    pub async fn cluster_until(&self, what: &str, holds: impl Fn(&ProxmoxCluster) -> bool) -> ProxmoxCluster {
        eventually(&format!("ProxmoxCluster {what}"), || async {
            let cluster = self.clusters().get(&self.cluster).await.map_err(|error| error.to_string())?;
            if holds(&cluster) { Ok(cluster) } else { Err(lines(cluster.conditions())) }
        })
        .await
    }

    /// Waits until the ProxmoxCluster's Ready has this reason, by a status that speaks of its current spec.
    pub async fn cluster_says(&self, reason: &str) -> ProxmoxCluster {
        self.cluster_until(&format!("says {reason}"), |cluster| {
            cluster.observed() == cluster.metadata.generation && cluster.reason(READY) == reason
        })
        .await
    }

    /// Waits until a guest is as `holds` says.
    pub async fn guest_until(&self, what: &str, vmid: u32, holds: impl Fn(&Guest) -> bool) -> Guest {
        eventually(&format!("guest {vmid} {what}"), || async {
            let guest = self.pve.find(vmid).await.ok_or_else(|| "there is none".to_owned())?;
            when(guest, &holds)
        })
        .await
    }

    /// Waits until a guest is gone from Proxmox VE.
    pub async fn guest_gone(&self, vmid: u32) {
        eventually(&format!("guest {vmid} is gone"), || async {
            self.pve.find(vmid).await.map_or(Ok(()), |guest| Err(format!("{guest:#?}")))
        })
        .await;
    }

    /// Waits until the barrier is hit, or until there is nothing left that could hit it; the call that it was hit by.
    ///
    /// # Panics
    /// Where neither is so within [`DEADLINE`].
    pub async fn hit_or_done(&self, done: impl AsyncFn() -> bool) -> Option<Request> {
        let start = Instant::now();
        loop {
            let hit = self.pve.barrier_hit(1).await;
            if hit.is_some() || done().await {
                return hit;
            }
            assert!(
                start.elapsed() < DEADLINE,
                "waited {DEADLINE:?} for a call at the barrier, or the end of the work"
            );
        }
    }

    /// Waits until the operator has looked at the cluster so many more times: the first look may have begun before, so
    /// one more is waited for.
    pub async fn polls(&self, count: usize) {
        let path = "/cluster/resources";
        let polled = async || {
            let requests = self.pve.requests().await;
            let mine = |user: Option<&str>| user == Some(OPERATOR);
            requests.iter().filter(|r| r.path == path && r.status.is_some() && mine(r.user.as_deref())).count()
        };
        let before = polled().await;
        eventually(&format!("{count} more polls of Proxmox VE"), || async {
            when(polled().await, |now| *now > before + count).map(|_| ())
        })
        .await;
    }

    /// Waits until two polls in a row bring no write to the API server, and returns what the objects' versions are then.
    /// After a change the last word of a status comes a poll or two after Ready, later where much is going on.
    pub async fn settled(&self) -> BTreeMap<String, String> {
        let mut before = self.versions().await;
        let start = Instant::now();
        loop {
            self.polls(2).await;
            let now = self.versions().await;
            if now == before {
                return now;
            }
            let changed = now.iter().filter(|(name, version)| before.get(*name) != Some(version)).collect::<Vec<_>>();
            assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for two polls without a write; last: {changed:?}");
            before = now;
        }
    }
}

/// Whether the status speaks of the current spec.
fn current(container: &ZentoriaContainer) -> bool {
    container.observed().is_some() && container.observed() == container.metadata.generation
}

/// What a container says, for a failure.
fn told(container: &ZentoriaContainer) -> String {
    let status = container.status.clone().unwrap_or_default();
    let (generation, observed) = (container.metadata.generation, status.observed_generation);
    let rest = format!(
        "generation {generation:?} (observed {observed:?}), task {:?}, pending {:?}",
        status.task, status.pending_changes
    );
    format!("{}\n  {rest}", lines(&status.conditions))
}

/// Conditions, a line each.
#[must_use]
pub fn lines(conditions: &[Condition]) -> String {
    let line = |c: &Condition| format!("  {}={} {} {:?}", c.type_, c.status, c.reason, c.message);
    conditions.iter().map(line).collect::<Vec<_>>().join("\n")
}
