//! What is shown of backups: the figures that alerts look at.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Mutex, PoisonError};

#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct PolicyLabels {
    namespace: String,
    policy: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct TierLabels {
    namespace: String,
    policy: String,
    tier: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct RepositoryLabels {
    namespace: String,
    repository: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct RunLabels {
    namespace: String,
    owner: String,
    operation: String,
    result: String,
}

type Level<L> = Family<L, Gauge<i64, AtomicI64>>;

/// What is shown of one policy. Times are seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyFigures {
    /// Begin of the newest backup.
    pub last_success: Option<i64>,
    /// The age at which it is late, in seconds.
    pub promise: Option<i64>,
    /// Whether it is late.
    pub late: bool,
    /// Whether it is Ready.
    pub ready: bool,
    /// The last verified restore.
    pub verified: Option<i64>,
    /// Its tiers.
    pub tiers: BTreeMap<String, TierFigures>,
}

/// What is shown of one tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TierFigures {
    /// End of the last run that succeeded.
    pub last_success: Option<i64>,
    /// Seconds that it took.
    pub duration: Option<i64>,
    /// Bytes of the source.
    pub bytes: Option<i64>,
    /// Bytes that were new in the repository.
    pub added: Option<i64>,
}

/// What is shown of one repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepositoryFigures {
    /// Whether it is Ready.
    pub ready: bool,
    /// How many snapshots it holds.
    pub snapshots: Option<i64>,
    /// End of the last check that succeeded.
    pub checked: Option<i64>,
    /// End of the last maintenance that succeeded.
    pub maintained: Option<i64>,
    /// When it was last part of a recovery kit.
    pub recovery_kit: Option<i64>,
    /// Bytes that it takes.
    pub bytes: Option<i64>,
    /// Its restore drills.
    pub drill: DrillFigures,
}

/// What is shown of the restore drills of one repository. Times are seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrillFigures {
    /// End of the last one that succeeded.
    pub last_success: Option<i64>,
    /// 1 where the last one failed.
    pub failed: Option<i64>,
    /// Seconds that a recovery took.
    pub recovery: Option<i64>,
    /// Seconds of data that it would have lost.
    pub data_age: Option<i64>,
    /// From when on one is overdue.
    pub overdue_from: Option<i64>,
}

/// The figures of all backups.
#[derive(Default)]
pub(super) struct BackupMetrics {
    last_success: Level<PolicyLabels>,
    promise: Level<PolicyLabels>,
    late: Level<PolicyLabels>,
    ready: Level<PolicyLabels>,
    verified: Level<PolicyLabels>,
    tier_success: Level<TierLabels>,
    duration: Level<TierLabels>,
    bytes: Level<TierLabels>,
    added: Level<TierLabels>,
    repository_ready: Level<RepositoryLabels>,
    snapshots: Level<RepositoryLabels>,
    checked: Level<RepositoryLabels>,
    maintained: Level<RepositoryLabels>,
    recovery_kit: Level<RepositoryLabels>,
    repository_bytes: Level<RepositoryLabels>,
    drill_success: Level<RepositoryLabels>,
    drill_failed: Level<RepositoryLabels>,
    drill_recovery: Level<RepositoryLabels>,
    drill_data_age: Level<RepositoryLabels>,
    drill_overdue_from: Level<RepositoryLabels>,
    runs: Family<RunLabels, Counter<u64, AtomicU64>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    policies: BTreeSet<PolicyLabels>,
    tiers: BTreeSet<TierLabels>,
    repositories: BTreeSet<RepositoryLabels>,
}

/// A figure that is not known is not shown: an alert must not take it for 1970.
fn show<L>(family: &Level<L>, labels: &L, value: Option<i64>)
where
    L: Clone + std::hash::Hash + Eq,
{
    match value {
        Some(value) => {
            family.get_or_create(labels).set(value);
        }
        None => {
            family.remove(labels);
        }
    }
}

impl BackupMetrics {
    pub(super) fn set_policy(&self, namespace: &str, policy: &str, figures: &PolicyFigures) {
        let labels = PolicyLabels { namespace: namespace.to_owned(), policy: policy.to_owned() };
        show(&self.last_success, &labels, figures.last_success);
        show(&self.promise, &labels, figures.promise);
        show(&self.late, &labels, Some(i64::from(figures.late)));
        show(&self.ready, &labels, Some(i64::from(figures.ready)));
        show(&self.verified, &labels, figures.verified);
        let mut known = self.known();
        known.policies.insert(labels);
        let tier = |name: &str| TierLabels {
            namespace: namespace.to_owned(),
            policy: policy.to_owned(),
            tier: name.to_owned(),
        };
        known.tiers.retain(|known| {
            let stays =
                known.namespace != namespace || known.policy != policy || figures.tiers.contains_key(&known.tier);
            if !stays {
                self.forget_tier(known);
            }
            stays
        });
        for (name, figures) in &figures.tiers {
            let labels = tier(name);
            show(&self.tier_success, &labels, figures.last_success);
            show(&self.duration, &labels, figures.duration);
            show(&self.bytes, &labels, figures.bytes);
            show(&self.added, &labels, figures.added);
            known.tiers.insert(labels);
        }
    }

    pub(super) fn set_repository(&self, namespace: &str, repository: &str, figures: &RepositoryFigures) {
        let labels = RepositoryLabels { namespace: namespace.to_owned(), repository: repository.to_owned() };
        for (family, value) in self.of_repository(figures) {
            show(family, &labels, value);
        }
        self.known().repositories.insert(labels);
    }

    fn of_repository(&self, figures: &RepositoryFigures) -> [(&Level<RepositoryLabels>, Option<i64>); 11] {
        let RepositoryFigures { ready, snapshots, checked, maintained, recovery_kit, bytes, drill } = figures;
        let DrillFigures { last_success, failed, recovery, data_age, overdue_from } = drill;
        [
            (&self.repository_ready, Some(i64::from(*ready))),
            (&self.snapshots, *snapshots),
            (&self.checked, *checked),
            (&self.maintained, *maintained),
            (&self.recovery_kit, *recovery_kit),
            (&self.repository_bytes, *bytes),
            (&self.drill_success, *last_success),
            (&self.drill_failed, *failed),
            (&self.drill_recovery, *recovery),
            (&self.drill_data_age, *data_age),
            (&self.drill_overdue_from, *overdue_from),
        ]
    }

    pub(super) fn count_run(&self, namespace: &str, owner: &str, operation: &str, succeeded: bool) {
        let result = if succeeded { "success" } else { "failure" };
        let labels = RunLabels {
            namespace: namespace.to_owned(),
            owner: owner.to_owned(),
            operation: operation.to_owned(),
            result: result.to_owned(),
        };
        self.runs.get_or_create(&labels).inc();
    }

    /// Removes the figures of what is gone.
    pub(super) fn retain(
        &self,
        policy_is_there: impl Fn(&str, &str) -> bool,
        repository_is_there: impl Fn(&str, &str) -> bool,
    ) {
        let mut known = self.known();
        known.policies.retain(|labels| {
            let stays = policy_is_there(&labels.namespace, &labels.policy);
            if !stays {
                for family in [&self.last_success, &self.promise, &self.late, &self.ready, &self.verified] {
                    family.remove(labels);
                }
            }
            stays
        });
        known.tiers.retain(|labels| {
            let stays = policy_is_there(&labels.namespace, &labels.policy);
            if !stays {
                self.forget_tier(labels);
            }
            stays
        });
        known.repositories.retain(|labels| {
            let stays = repository_is_there(&labels.namespace, &labels.repository);
            if !stays {
                for (family, _) in self.of_repository(&RepositoryFigures::default()) {
                    family.remove(labels);
                }
            }
            stays
        });
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let last_success = "Begin of the newest backup of a policy, in seconds since 1970";
        registry.register("zentoria_backup_last_success_timestamp_seconds", last_success, self.last_success.clone());
        let promise = "Age of the newest backup at which a policy is late";
        registry.register("zentoria_backup_promise_seconds", promise, self.promise.clone());
        registry.register("zentoria_backup_late", "1 where the newest backup is too old", self.late.clone());
        registry.register("zentoria_backup_ready", "1 where a policy is Ready", self.ready.clone());
        let verified = "Last verified restore of a backup of a policy, in seconds since 1970";
        registry.register("zentoria_backup_verified_timestamp_seconds", verified, self.verified.clone());
        let tier = "End of the last run of a tier that succeeded, in seconds since 1970";
        registry.register("zentoria_backup_tier_last_success_timestamp_seconds", tier, self.tier_success.clone());
        registry.register("zentoria_backup_duration_seconds", "Duration of that run", self.duration.clone());
        registry.register("zentoria_backup_bytes", "Bytes of the source in that run", self.bytes.clone());
        let added = "Bytes that the run added to the repository";
        registry.register("zentoria_backup_added_bytes", added, self.added.clone());
        let runs = "Runs of Jobs of backups by result, as this process has seen them end";
        registry.register("zentoria_backup_runs", runs, self.runs.clone());
        let ready = "1 where a repository is Ready";
        registry.register("zentoria_backup_repository_ready", ready, self.repository_ready.clone());
        registry.register("zentoria_backup_repository_snapshots", "Snapshots of a repository", self.snapshots.clone());
        let checked = "End of the last check that succeeded, in seconds since 1970";
        registry.register("zentoria_backup_repository_checked_timestamp_seconds", checked, self.checked.clone());
        let maintained = "End of the last maintenance that succeeded, in seconds since 1970";
        registry.register(
            "zentoria_backup_repository_maintained_timestamp_seconds",
            maintained,
            self.maintained.clone(),
        );
        let kit = "When a repository was last part of a recovery kit, in seconds since 1970";
        registry.register("zentoria_backup_repository_recovery_kit_timestamp_seconds", kit, self.recovery_kit.clone());
        registry.register("zentoria_backup_repository_bytes", "Bytes of a repository", self.repository_bytes.clone());
        let success = "End of the last restore drill that succeeded, in seconds since 1970";
        registry.register("zentoria_backup_drill_last_success_timestamp_seconds", success, self.drill_success.clone());
        registry.register("zentoria_backup_drill_failed", "1 where the last drill failed", self.drill_failed.clone());
        let recovery = "What a recovery took in the last drill that succeeded";
        registry.register("zentoria_backup_drill_recovery_seconds", recovery, self.drill_recovery.clone());
        let age = "Age of the oldest of the newest backups in that drill: what a recovery would have lost";
        registry.register("zentoria_backup_drill_data_age_seconds", age, self.drill_data_age.clone());
        let overdue = "From when on a restore drill is overdue, in seconds since 1970";
        registry.register(
            "zentoria_backup_drill_overdue_from_timestamp_seconds",
            overdue,
            self.drill_overdue_from.clone(),
        );
    }

    fn forget_tier(&self, labels: &TierLabels) {
        for family in [&self.tier_success, &self.duration, &self.bytes, &self.added] {
            family.remove(labels);
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::metrics::{BuildInfo, Metrics};

    fn figures(tiers: &[&str]) -> PolicyFigures {
        let tier = TierFigures { last_success: Some(8), duration: Some(3), bytes: Some(100), added: None };
        let tiers = tiers.iter().map(|name| ((*name).to_owned(), tier)).collect();
        PolicyFigures { last_success: Some(5), promise: Some(7200), tiers, ..PolicyFigures::default() }
    }

    #[test]
    fn what_is_known_is_shown_what_is_not_known_is_not_and_what_is_gone_disappears() {
        let metrics = Metrics::new(BuildInfo { version: "1", revision: "a" });
        metrics.set_backup_policy("ns", "db", &figures(&["hourly", "daily"]));
        metrics.count_backup_run("ns", "policy/db", "backup-hourly", false);
        let repository = RepositoryFigures { ready: true, snapshots: Some(4), ..RepositoryFigures::default() };
        metrics.set_backup_repository("ns", "main", &repository);
        let text = metrics.encode().unwrap();
        for line in [
            "zentoria_backup_last_success_timestamp_seconds{namespace=\"ns\",policy=\"db\"} 5",
            "zentoria_backup_promise_seconds{namespace=\"ns\",policy=\"db\"} 7200",
            "zentoria_backup_late{namespace=\"ns\",policy=\"db\"} 0",
            "zentoria_backup_duration_seconds{namespace=\"ns\",policy=\"db\",tier=\"daily\"} 3",
            "zentoria_backup_bytes{namespace=\"ns\",policy=\"db\",tier=\"hourly\"} 100",
            "zentoria_backup_repository_snapshots{namespace=\"ns\",repository=\"main\"} 4",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\nis missing in\n{text}");
        }
        assert!(text.contains("zentoria_backup_runs_total{") && text.contains("result=\"failure\"} 1"), "{text}");
        assert!(
            !text.contains("zentoria_backup_added_bytes{") && !text.contains("checked_timestamp_seconds{"),
            "{text}"
        );
        metrics.set_backup_policy("ns", "db", &figures(&["daily"]));
        assert!(!metrics.encode().unwrap().contains("tier=\"hourly\""));
        metrics.retain_backups(|_, _| false, |_, name| name == "main");
        let text = metrics.encode().unwrap();
        assert!(!text.contains("policy=\"db\",tier") && !text.contains("zentoria_backup_late{"), "{text}");
        assert!(text.contains("zentoria_backup_repository_ready{namespace=\"ns\",repository=\"main\"} 1"), "{text}");
    }
}
