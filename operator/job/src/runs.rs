//! Snapshots of a repository, and the runs that they are parts of.
//!
//! A run makes one snapshot for each part, all with the same time, and at the end one of the evidence, which says how many
//! parts there are. Only a run that has them all counts: half a run is never the newest.

use serde::Deserialize;
use std::collections::BTreeMap;
use zentoria_types::backup_job::Snapshot;

/// A snapshot, as `restic snapshots --json` lists it.
#[derive(Clone, Debug, Deserialize)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// When it was made, or was told to be made.
    pub time: jiff::Timestamp,
    /// Which estate's namespace it is of: see [`host`].
    #[serde(default)]
    pub hostname: String,
    /// `key=value`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What is in it: one path.
    #[serde(default)]
    pub paths: Vec<String>,
    /// What the backup counted.
    #[serde(default)]
    pub summary: Summary,
    /// The snapshot that it is a copy of.
    #[serde(default)]
    pub original: Option<String>,
}

/// What a backup counted.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Summary {
    /// Bytes that were new in the repository, as stored.
    #[serde(default)]
    pub data_added_packed: u64,
    /// Files in it.
    #[serde(default)]
    pub total_files_processed: u64,
    /// Bytes in it.
    #[serde(default)]
    pub total_bytes_processed: u64,
}

impl Listed {
    /// The value of a tag.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find_map(|tag| tag.strip_prefix(key)?.strip_prefix('='))
    }
}

/// What snapshots of this namespace carry as their host.
#[must_use]
pub fn host(namespace: &str) -> String {
    format!("zentoria-{namespace}")
}

/// The value of the tag `run`: `20260102T030405Z`.
#[must_use]
pub fn run_name(started: i64) -> String {
    let time = jiff::Timestamp::from_second(started).unwrap_or_default();
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// One run of a tier of a policy.
#[derive(Clone, Debug)]
pub struct Run {
    /// Whose.
    pub policy: String,
    /// Of which tier.
    pub tier: String,
    /// When it began.
    pub time: jiff::Timestamp,
    /// Its parts, without the evidence.
    pub parts: Vec<Listed>,
    /// The evidence.
    pub evidence: Option<Listed>,
}

impl Run {
    /// Whether nothing of it is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let told = self.evidence.as_ref().and_then(|evidence| evidence.tag("parts")?.parse().ok());
        told == Some(self.parts.len())
    }

    /// All of its snapshots.
    pub fn snapshots(&self) -> impl Iterator<Item = &Listed> {
        self.parts.iter().chain(&self.evidence)
    }

    /// Whether one of its snapshots, or what that is a copy of, has an id that begins so.
    #[must_use]
    pub fn has_id(&self, beginning: &str) -> bool {
        self.snapshots().any(|one| {
            one.id.starts_with(beginning) || one.original.as_ref().is_some_and(|id| id.starts_with(beginning))
        })
    }

    /// What is told of it.
    #[must_use]
    pub fn told(&self) -> Snapshot {
        let sum = |of: fn(&Summary) -> u64| self.parts.iter().map(|part| of(&part.summary)).sum();
        Snapshot {
            id: self.parts.first().map(|part| short(&part.id)).unwrap_or_default(),
            time: self.time.as_second(),
            bytes: sum(|summary| summary.total_bytes_processed),
            added: sum(|summary| summary.data_added_packed),
            files: sum(|summary| summary.total_files_processed),
            parts: u32::try_from(self.parts.len()).unwrap_or(u32::MAX),
        }
    }
}

/// The beginning of an id, as restic shows it to people. Long enough to be unique, and what `snapshot.id` takes.
#[must_use]
pub fn short(id: &str) -> String {
    id.chars().take(16).collect()
}

/// The runs of this namespace, oldest first. Snapshots that others made are none.
#[must_use]
pub fn runs(listed: &[Listed], namespace: &str) -> Vec<Run> {
    let host = host(namespace);
    let mut runs: BTreeMap<(jiff::Timestamp, &str, &str, &str), Run> = BTreeMap::new();
    for one in listed.iter().filter(|one| one.hostname == host) {
        let (Some(policy), Some(tier), Some(run)) = (one.tag("policy"), one.tag("tier"), one.tag("run")) else {
            continue;
        };
        let found = runs.entry((one.time, policy, tier, run)).or_insert_with(|| Run {
            policy: policy.to_owned(),
            tier: tier.to_owned(),
            time: one.time,
            parts: Vec::new(),
            evidence: None,
        });
        if one.tag("kind") == Some("evidence") {
            found.evidence = Some(one.clone());
        } else {
            found.parts.push(one.clone());
        }
    }
    let mut runs: Vec<Run> = runs.into_values().collect();
    for run in &mut runs {
        run.parts.sort_by(|a, b| a.paths.cmp(&b.paths));
    }
    runs
}

/// The newest whole run of each tier of each policy.
#[must_use]
pub fn newest(runs: &[Run]) -> BTreeMap<(&str, &str), &Run> {
    let mut newest: BTreeMap<(&str, &str), &Run> = BTreeMap::new();
    // oldest first: the last one stays
    for run in runs.iter().filter(|run| run.is_whole()) {
        newest.insert((&run.policy, &run.tier), run);
    }
    newest
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A snapshot of policy `db`, tier `hourly`, host `zentoria-ns`.
    pub(crate) fn snapshot(id: &str, second: i64, path: &str, extra: &[&str]) -> Listed {
        let mut tags: Vec<String> =
            ["policy=db".to_owned(), "tier=hourly".to_owned(), format!("run={}", run_name(second))].to_vec();
        tags.extend(extra.iter().map(|&tag| tag.to_owned()));
        Listed {
            id: id.to_owned(),
            time: jiff::Timestamp::from_second(second).unwrap(),
            hostname: host("ns"),
            tags,
            paths: vec![path.to_owned()],
            summary: Summary { data_added_packed: 1, total_files_processed: 1, total_bytes_processed: 10 },
            original: None,
        }
    }

    /// A run of one part; whole or half.
    pub(crate) fn run(second: i64, whole: bool) -> Vec<Listed> {
        let mut made = vec![snapshot(&format!("d{second}"), second, "/postgres/a.dump", &["kind=data"])];
        if whole {
            made.push(snapshot(&format!("e{second}"), second, "/evidence/db.json", &["kind=evidence", "parts=1"]));
        }
        made
    }

    #[test]
    fn half_a_run_is_never_the_newest() {
        let listed: Vec<Listed> = [run(100, true), run(200, false)].concat();
        let runs = runs(&listed, "ns");
        assert_eq!(runs.len(), 2);
        let newest = newest(&runs);
        assert_eq!(newest[&("db", "hourly")].time.as_second(), 100);
    }

    #[test]
    fn a_run_that_lost_a_part_is_not_whole() {
        let mut listed = run(100, true);
        listed.extend(run(200, true).into_iter().filter(|one| one.tag("kind") == Some("evidence")));
        let runs = runs(&listed, "ns");
        assert_eq!(runs.iter().map(Run::is_whole).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn snapshots_of_others_are_no_runs() {
        let mut foreign = snapshot("f", 100, "/home", &[]);
        foreign.hostname = "laptop".to_owned();
        let mut untagged = snapshot("u", 100, "/home", &[]);
        untagged.tags.clear();
        assert!(runs(&[foreign, untagged], "ns").is_empty());
    }

    #[test]
    fn a_run_is_found_by_the_id_of_a_part_or_of_what_it_is_a_copy_of() {
        let mut listed = run(100, true);
        listed[0].original = Some("abcdef".to_owned());
        let runs = runs(&listed, "ns");
        assert!(runs[0].has_id("d100") && runs[0].has_id("e1") && runs[0].has_id("abcd"));
        assert!(!runs[0].has_id("d2"));
    }

    #[test]
    fn what_is_told_adds_the_parts_up_without_the_evidence() {
        let mut listed = run(100, true);
        listed.push(snapshot("b100", 100, "/postgres/b.dump", &["kind=data"]));
        let told = runs(&listed, "ns")[0].told();
        assert_eq!((told.id.as_str(), told.time, told.bytes, told.files, told.parts), ("d100", 100, 20, 2, 2));
    }

    #[test]
    fn a_run_is_named_by_its_time_in_utc() {
        assert_eq!(run_name(1_767_323_045), "20260102T030405Z");
    }
}
