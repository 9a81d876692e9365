//! Tasks: a 200 with a UPID proves nothing; what the task ends with does.

use zentoria_types::{NodeName, Upid, Vmid};

use crate::client::Client;
use crate::decode::{Call, payload};
use crate::error::PveError;
use crate::lenient::Row;
use crate::path::segment;
use crate::wire::invalid;

/// How many lines of a failed task's log are kept.
const TAIL: usize = 20;
/// How many lines are read at once.
const PAGE: u64 = 500;

/// Where a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskStatus {
    /// It runs.
    Running,
    /// It ended.
    Stopped {
        /// `OK`, `WARNINGS: n`, or the text of the error.
        exit: String,
    },
    /// PVE knows no such task (its record was rotated away, or the node was replaced).
    Unknown,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskOutcome {
    /// It worked.
    Ok,
    /// It worked, with this many warnings.
    Warnings(u32),
    /// It failed.
    Failed {
        /// PVE's exit status; `unexpected status` for an aborted task.
        exit: String,
        /// The last lines of its log.
        log_tail: Vec<String>,
    },
    /// Nobody can tell any more: observe the guest.
    Unknown,
}

impl TaskOutcome {
    /// Reads an exit status.
    #[must_use]
    pub fn from_exit(exit: &str, log_tail: Vec<String>) -> Self {
        let exit = exit.trim();
        if exit == "OK" {
            return Self::Ok;
        }
        match exit.strip_prefix("WARNINGS:").and_then(|count| count.trim().parse().ok()) {
            Some(count) => Self::Warnings(count),
            None => Self::Failed { exit: exit.to_owned(), log_tail },
        }
    }

    /// Whether it worked (also with warnings).
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self {
            Self::Ok | Self::Warnings(_) => true,
            Self::Failed { .. } | Self::Unknown => false,
        }
    }

    /// The failure as an error; an unknown outcome is none.
    #[must_use]
    pub fn error(&self, upid: &Upid) -> Option<PveError> {
        match self {
            Self::Failed { exit, log_tail } => {
                Some(PveError::TaskFailed { upid: upid.clone(), exit: exit.clone(), log_tail: log_tail.clone() })
            }
            Self::Ok | Self::Warnings(_) | Self::Unknown => None,
        }
    }
}

/// A row of a node's task list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// The task.
    pub upid: Upid,
    /// Its kind: `vzcreate`, `vzstop`, ...
    pub kind: String,
    /// What it is about, mostly a VMID.
    pub id: Option<String>,
    /// Who started it: `user@realm`, or `user@realm!token`.
    pub user: String,
    /// Seconds since 1970.
    pub started: u64,
    /// Seconds since 1970; none while it runs.
    pub ended: Option<u64>,
    /// The exit status; none while it runs.
    pub exit: Option<String>,
}

/// Which of the tasks are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TaskSource {
    /// The finished ones.
    #[default]
    Archive,
    /// The running ones.
    Active,
    /// Both.
    All,
}

impl TaskSource {
    fn word(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Active => "active",
            Self::All => "all",
        }
    }
}

/// What to list of a node's tasks. Tasks of others are seen only with `Sys.Audit` on the node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskFilter {
    /// Only those of one guest.
    pub vmid: Option<Vmid>,
    /// Only those that started at or after this second since 1970.
    pub since: Option<u64>,
    /// Finished, running or both.
    pub source: TaskSource,
    /// Only those of this kind, such as `vzstop`.
    pub typefilter: Option<String>,
    /// At most so many (PVE's default is 50), newest first.
    pub limit: Option<u32>,
}

impl TaskFilter {
    fn query(&self) -> Vec<(&'static str, String)> {
        let Self { vmid, since, source, typefilter, limit } = self;
        let mut query = vec![("source", source.word().to_owned())];
        query.extend(vmid.map(|vmid| ("vmid", vmid.to_string())));
        query.extend(since.map(|since| ("since", since.to_string())));
        query.extend(typefilter.clone().map(|kind| ("typefilter", kind)));
        query.extend(limit.map(|limit| ("limit", limit.to_string())));
        query
    }
}

impl Client {
    /// Where a task stands.
    ///
    /// # Errors
    /// [`PveError`] when its node cannot say; that PVE knows no such task is not an error.
    pub async fn task_status(&self, upid: &Upid) -> Result<TaskStatus, PveError> {
        let path = task_path(upid, "/status")?;
        let call = Call { method: "GET", path: &path };
        TaskStatus::read(call, self.get::<Row>(&path).await)
    }

    /// How a task ended, with the tail of its log when it failed; none while it runs.
    ///
    /// # Errors
    /// As [`Client::task_status`]. A log that cannot be read is left out.
    pub async fn task_outcome(&self, upid: &Upid) -> Result<Option<TaskOutcome>, PveError> {
        let exit = match self.task_status(upid).await? {
            TaskStatus::Running => return Ok(None),
            TaskStatus::Unknown => return Ok(Some(TaskOutcome::Unknown)),
            TaskStatus::Stopped { exit } => exit,
        };
        let outcome = TaskOutcome::from_exit(&exit, Vec::new());
        match outcome {
            TaskOutcome::Failed { .. } => {
                let tail = self.task_log_tail(upid, TAIL).await.unwrap_or_default();
                Ok(Some(TaskOutcome::from_exit(&exit, tail)))
            }
            TaskOutcome::Ok | TaskOutcome::Warnings(_) | TaskOutcome::Unknown => Ok(Some(outcome)),
        }
    }

    /// The last `lines` lines of a task's log. Of an unknown task PVE gives one line, "unable to open file".
    ///
    /// # Errors
    /// [`PveError`] when its node cannot say.
    pub async fn task_log_tail(&self, upid: &Upid, lines: usize) -> Result<Vec<String>, PveError> {
        let path = task_path(upid, "/log")?;
        let page = |start: u64| [("start", start.to_string()), ("limit", PAGE.to_string())];
        let mut log = self.get_counted::<Vec<Row>>(&path, &page(0)).await?;
        if let Some(total) = log.total.filter(|total| *total > PAGE) {
            let wanted = u64::try_from(lines).unwrap_or(PAGE).min(PAGE);
            log = self.get_counted(&path, &page(total.saturating_sub(wanted))).await?;
        }
        Ok(tail(&log.data, lines))
    }

    /// The tasks of a node, newest first.
    ///
    /// # Errors
    /// [`PveError`] when the node cannot say. Rows that cannot be read are left out.
    pub async fn node_tasks(&self, node: &NodeName, filter: &TaskFilter) -> Result<Vec<TaskRow>, PveError> {
        let rows: Vec<Row> = self.get_query(&format!("/nodes/{node}/tasks"), &filter.query()).await?;
        Ok(rows.iter().filter_map(TaskRow::from_row).collect())
    }
}

impl TaskStatus {
    pub(crate) fn read(call: Call<'_>, answer: Result<Row, PveError>) -> Result<Self, PveError> {
        let row = match answer {
            Ok(row) => row,
            Err(PveError::Rejected { errors, .. })
                if errors.get("upid").is_some_and(|problem| problem.contains("no such task")) =>
            {
                return Ok(Self::Unknown);
            }
            Err(other) => return Err(other),
        };
        match (row.word("status").as_deref(), row.text("exitstatus")) {
            (Some("running"), _) => Ok(Self::Running),
            (Some("stopped"), exit) => {
                Ok(Self::Stopped { exit: exit.unwrap_or_else(|| "unexpected status".to_owned()) })
            }
            (Some(_) | None, _) => Err(payload(call, "neither running nor stopped", b"")),
        }
    }
}

impl TaskRow {
    pub(crate) fn from_row(row: &Row) -> Option<Self> {
        let user = row.word("user")?;
        let ended = row.unsigned("endtime");
        Some(Self {
            upid: row.parse("upid")?,
            kind: row.word("type")?,
            id: row.word("id"),
            // The active list has the token in `user`, the archive beside it.
            user: match row.word("tokenid") {
                Some(token) if !user.contains('!') => format!("{user}!{token}"),
                Some(_) | None => user,
            },
            started: row.unsigned("starttime")?,
            ended,
            exit: row.text("status").filter(|status| ended.is_some() || !status.eq_ignore_ascii_case("running")),
        })
    }
}

pub(crate) fn tail(rows: &[Row], lines: usize) -> Vec<String> {
    let all: Vec<String> = rows.iter().filter_map(|row| row.text("t")).filter(|line| !line.is_empty()).collect();
    all[all.len().saturating_sub(lines)..].to_vec()
}

fn task_path(upid: &Upid, below: &str) -> Result<String, PveError> {
    let node = upid.node().ok_or_else(|| invalid("upid", "it names no node"))?;
    Ok(format!("/nodes/{node}/tasks/{}{below}", segment(upid.as_str())))
}
