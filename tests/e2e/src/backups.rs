//! What a person does with backups, and waits for.

use crate::stage::{POD_TIME, Stage, condition};
use k8s_openapi::api::batch::v1::Job;
use zentoria_api::backup::{BackupPolicy, BackupRepository, BackupRestore, RestorePhase, SnapshotSeen};
use zentoria_api::wire::RUN_ANNOTATION;
use zentoria_api_tests::wait::within;
use zentoria_api_tests::workspace;

impl Stage {
    /// Applies a file of the demo's backups.
    ///
    /// # Panics
    /// Where it is not there, or refused.
    pub fn apply_file(&self, name: &str) {
        let path = workspace().join("hack/demo/backup").join(name);
        self.apply(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    }

    /// Waits until a repository is Ready, and returns its id.
    pub async fn repository_ready(&self, name: &str) -> String {
        self.until(&format!("BackupRepository {name} is Ready"), name, |repository: &BackupRepository| {
            let status = repository.status.as_ref()?;
            let (ready, _) = condition(&status.conditions, "Ready")?;
            status.repository_id.clone().filter(|_| ready == "True")
        })
        .await
    }

    /// Waits until a condition of a repository has this reason, and returns its message.
    pub async fn repository_says(&self, name: &str, type_: &str, reason: &str) -> String {
        let what = format!("BackupRepository {name} says {type_}: {reason}");
        self.until(&what, name, |repository: &BackupRepository| {
            let conditions = &repository.status.as_ref()?.conditions;
            let found = conditions.iter().find(|c| c.type_ == type_ && c.reason == reason)?;
            Some(found.message.clone())
        })
        .await
    }

    /// Starts a backup of a tier by the annotation, and returns its snapshot when the policy's status shows it.
    pub async fn back_up(&self, policy: &str, tier: &str, word: &str) -> SnapshotSeen {
        let wanted = format!("{word}/{tier}");
        let before = self.newest(policy, tier).await;
        self.annotate_run(policy, &wanted);
        self.until(&format!("BackupPolicy {policy} has a new snapshot of {tier}"), policy, |policy: &BackupPolicy| {
            let status = policy.status.as_ref()?;
            let newest = status.tiers.get(tier)?.snapshot.clone()?;
            (status.run.as_deref() == Some(wanted.as_str()) && before.as_ref() != Some(&newest)).then_some(newest)
        })
        .await
    }

    /// Asks for a backup of a tier, as `WORD/TIER`.
    pub fn annotate_run(&self, policy: &str, value: &str) {
        let _ = self.kubectl(&["annotate", "--overwrite", "bp", policy, &format!("{RUN_ANNOTATION}={value}")]);
    }

    /// The newest snapshot of a tier, as the status has it.
    pub async fn newest(&self, policy: &str, tier: &str) -> Option<SnapshotSeen> {
        let policy = self.api::<BackupPolicy>().get(policy).await.ok()?;
        policy.status?.tiers.remove(tier)?.snapshot
    }

    /// Starts a CronJob now, as `kubectl create job --from` does, and waits until the Job has ended; whether it succeeded.
    pub async fn run_cron_job(&self, cron: &str, job: &str) -> bool {
        let _ = self.kubectl(&["create", "job", job, &format!("--from=cronjob/{cron}")]);
        self.job_ended(job).await
    }

    /// Waits until a Job has ended; whether it succeeded.
    pub async fn job_ended(&self, job: &str) -> bool {
        self.until(&format!("Job {job} has ended"), job, |job: &Job| {
            let conditions = job.status.as_ref()?.conditions.as_ref()?;
            let ended =
                conditions.iter().find(|c| c.status == "True" && (c.type_ == "Complete" || c.type_ == "Failed"))?;
            Some(ended.type_ == "Complete")
        })
        .await
    }

    /// Waits until a restore has ended.
    pub async fn restored(&self, name: &str) -> BackupRestore {
        self.until(&format!("BackupRestore {name} has ended"), name, |restore: &BackupRestore| {
            let phase = restore.status.as_ref()?.phase;
            matches!(phase, RestorePhase::Succeeded | RestorePhase::Failed).then(|| restore.clone())
        })
        .await
    }

    /// Waits until the shell line says something in the storage pod, and returns that.
    pub async fn storage_says(&self, what: &str, line: &str) -> String {
        within(POD_TIME, what, || async {
            let said = self.storage(line);
            if said.is_empty() { Err("nothing".to_owned()) } else { Ok(said) }
        })
        .await
    }
}
