//! Backup jobs that PVE keeps and runs by itself (`/cluster/backup`), and the time zone that their schedules are read in.

use std::collections::BTreeSet;

use http::Method;
use zentoria_types::{NodeName, StorageName, Vmid};

use crate::client::{Client, Parameters, encode};
use crate::decode::{Call, payload};
use crate::error::PveError;
use crate::lenient::Row;
use crate::path::segment;
use crate::wire::invalid;

const JOBS: &str = "/cluster/backup";

/// A backup job (`GET /cluster/backup`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BackupJob {
    /// Its id.
    pub id: String,
    /// The comment that people see.
    pub comment: Option<String>,
    /// A calendar event of systemd's kind, in the time zone of the node.
    pub schedule: Option<String>,
    /// Where to.
    pub storage: Option<String>,
    /// The guests that it names.
    pub vmids: BTreeSet<Vmid>,
    /// Whether it runs.
    pub enabled: bool,
    /// `snapshot`, `suspend` or `stop`.
    pub mode: Option<String>,
    /// The notes of its backups.
    pub notes_template: Option<String>,
    /// Whether it prunes the storage when it has run. PVE's default is to do so.
    pub remove: bool,
    /// Whether it has a rule of its own for pruning.
    pub prunes: bool,
    /// Whether it takes all guests, or those of a pool, or all but some.
    pub others: bool,
}

/// A job as we keep one: it names its guests, never prunes and is compressed with zstd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupJobWish {
    /// Its id: a letter, then letters, digits, `-` and `_`.
    pub id: String,
    /// The comment that people see.
    pub comment: String,
    /// A calendar event of systemd's kind.
    pub schedule: String,
    /// Where to.
    pub storage: StorageName,
    /// The guests. At least one.
    pub vmids: BTreeSet<Vmid>,
    /// The notes of its backups.
    pub notes_template: String,
}

impl BackupJobWish {
    /// Whether a job is as this wish has it. What it says about notifications, bandwidth and the like is its own affair.
    #[must_use]
    pub fn is_met_by(&self, job: &BackupJob) -> bool {
        let Self { id, comment, schedule, storage, vmids, notes_template } = self;
        job.id == *id
            && job.comment.as_ref() == Some(comment)
            && job.schedule.as_ref() == Some(schedule)
            && job.storage.as_deref() == Some(storage.as_str())
            && job.vmids == *vmids
            && job.notes_template.as_ref() == Some(notes_template)
            && job.enabled
            && job.mode.as_deref().is_none_or(|mode| mode == "snapshot")
            && !job.remove
            && !job.prunes
            && !job.others
    }

    fn form(&self, is_new: bool) -> Result<Vec<(&'static str, String)>, PveError> {
        let Self { id, comment, schedule, storage, vmids, notes_template } = self;
        if vmids.is_empty() {
            return Err(invalid("vmid", "a job without guests would back up nothing"));
        }
        let vmids: Vec<String> = vmids.iter().map(Vmid::to_string).collect();
        let mut form = vec![
            ("comment", comment.clone()),
            ("compress", "zstd".to_owned()),
            ("enabled", "1".to_owned()),
            ("mode", "snapshot".to_owned()),
            ("notes-template", notes_template.clone()),
            ("remove", "0".to_owned()),
            ("schedule", schedule.clone()),
            ("storage", storage.to_string()),
            ("vmid", vmids.join(",")),
        ];
        if is_new {
            form.push(("id", id.clone()));
        }
        Ok(form)
    }
}

impl Client {
    /// The backup jobs of the cluster (needs `Sys.Audit` on `/`).
    ///
    /// # Errors
    /// [`PveError::Forbidden`]; [`PveError::Payload`] for a job without an id: it must not be taken for none.
    pub async fn backup_jobs(&self) -> Result<Vec<BackupJob>, PveError> {
        let rows: Vec<Row> = self.get(JOBS).await?;
        rows.iter().map(|row| BackupJob::from_row(Call { method: "GET", path: JOBS }, row)).collect()
    }

    /// Makes a job (needs `Sys.Modify` on `/`, and the rights of a backup by hand).
    ///
    /// # Errors
    /// [`PveError::Forbidden`]; [`PveError::Rejected`] or [`PveError::Unexpected`] where there is one of this id.
    pub async fn create_backup_job(&self, job: &BackupJobWish) -> Result<(), PveError> {
        let form = encode(&job.form(true)?)?;
        self.send::<()>(Method::POST, JOBS, Parameters::Form(form)).await.map(|_| ())
    }

    /// Makes a job equal to the wish, whatever it was before: what would widen it is deleted (needs `Sys.Modify` on `/`).
    ///
    /// # Errors
    /// As [`Client::create_backup_job`]; where there is none of this id.
    pub async fn set_backup_job(&self, seen: &BackupJob, job: &BackupJobWish) -> Result<(), PveError> {
        let mut form = job.form(false)?;
        let mut delete = Vec::new();
        if seen.prunes {
            delete.push("prune-backups");
        }
        if seen.others {
            delete.extend(["all", "exclude", "pool"]);
        }
        if !delete.is_empty() {
            form.push(("delete", delete.join(",")));
        }
        let path = format!("{JOBS}/{}", segment(&job.id));
        self.send::<()>(Method::PUT, &path, Parameters::Form(encode(&form)?)).await.map(|_| ())
    }

    /// Removes a job (needs `Sys.Modify` on `/`). The backups that it made stay.
    ///
    /// # Errors
    /// [`PveError::Forbidden`]; where there is none of this id.
    pub async fn delete_backup_job(&self, id: &str) -> Result<(), PveError> {
        let path = format!("{JOBS}/{}", segment(id));
        self.send::<()>(Method::DELETE, &path, Parameters::Query(String::new())).await.map(|_| ())
    }

    /// The time zone of a node (`GET /nodes/{node}/time`, needs `Sys.Audit` on the node), by its IANA name.
    ///
    /// # Errors
    /// [`PveError`] when the node cannot say.
    pub async fn time_zone(&self, node: &NodeName) -> Result<String, PveError> {
        let path = format!("/nodes/{node}/time");
        let row: Row = self.get(&path).await?;
        row.word("timezone").ok_or_else(|| payload(Call { method: "GET", path: &path }, "no time zone", b""))
    }
}

impl BackupJob {
    pub(crate) fn from_row(call: Call<'_>, row: &Row) -> Result<Self, PveError> {
        let id = row.word("id").ok_or_else(|| payload(call, "a backup job without an id", b""))?;
        let vmids = row.word("vmid").unwrap_or_default();
        let others = row.flag("all").unwrap_or(false) || row.word("pool").is_some() || row.word("exclude").is_some();
        Ok(Self {
            id,
            comment: row.word("comment"),
            schedule: row.word("schedule"),
            storage: row.word("storage"),
            vmids: vmids.split([',', ';', ' ']).filter_map(|vmid| vmid.trim().parse().ok()).collect(),
            enabled: row.flag("enabled").unwrap_or(true),
            mode: row.word("mode"),
            notes_template: row.word("notes-template"),
            remove: row.flag("remove").unwrap_or(true),
            // In an answer it is an object.
            prunes: row.0.contains_key("prune-backups"),
            others,
        })
    }
}
