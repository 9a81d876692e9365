//! Policies.

use super::problem::{Problem, span, there_are};
use super::repository::{schedule, usable, zone_of};
use super::source::{self, Need};
use super::{pod, vzdump};
use crate::backup::keep::Keeping;
use crate::backup::names;
use crate::backup::rest::is_suspended;
use crate::backup::schedule::default_promise;
use crate::backup::surroundings::Surroundings;
use crate::backup::want::{Owner, OwnerKind, Timetable, WantJobs, WantPolicy, WantRestoreTest, WantTier, What};
use crate::words::in_units;
use std::collections::BTreeSet;
use std::time::Duration;
use zentoria_api::backup::{
    BackupPolicy, BackupPolicySpec, BackupRepository, JobSettings, RestoreTest, Source, Tier, Verify, VzdumpMode,
    VzdumpSource,
};
use zentoria_api::common::Span;
use zentoria_api::conditions::PolicyReason;
use zentoria_types::backup_job::SECURING_TIER;

/// The scratch PostgreSQL where a restore test names none.
pub const POSTGRES_IMAGE: &str = "docker.io/pgvector/pgvector:pg17";

/// How much later than scheduled a run may begin where the spec says nothing.
const JITTER: Duration = Duration::from_secs(60);

/// Checks a policy.
///
/// # Errors
/// The first thing that it cannot work with: InvalidSpec, NotFound, SecretNotFound, RepositoryNotReady (not initialised
/// yet), WaitingFor (a container without address, or stopped), MatchesNothing, NotAllowed. CronJobs that exist are then
/// left as they are, but those that rest ([`crate::backup::rest`]).
pub fn policy(policy: &BackupPolicy, around: &Surroundings) -> Result<WantPolicy, (PolicyReason, String)> {
    if let Some(message) = names_taken(policy, around) {
        return Err((PolicyReason::InvalidSpec, message));
    }
    if let Source::Vzdump(source) = &policy.spec.source {
        let times = timetable(policy).map_err(Problem::of_policy)?;
        no_changes_alone(&policy.spec).map_err(Problem::of_policy)?;
        let what = What::Vzdump(vzdump::want(source, around)?);
        return together(policy, times, what, &[]).map_err(Problem::of_policy);
    }
    by_jobs(policy, around).map_err(Problem::of_policy)
}

fn by_jobs(policy: &BackupPolicy, around: &Surroundings) -> Result<WantPolicy, Problem> {
    let spec = &policy.spec;
    let times = timetable(policy)?;
    no_changes_alone(spec)?;
    let to = repository_of(policy, around)?;
    let repository = usable(to, around, &format!("BackupRepository {}", to.metadata.name.as_deref().unwrap_or("?")))?;
    let Some((source, secrets)) = source::look_up(&spec.source, around, Need::Source)? else {
        return Err(Problem::Invalid("spec.source: vzdump makes no Jobs".to_owned()));
    };
    source::not_into_itself(&spec.source, &source, &repository)?;
    let Verify { restore_test } = spec.verify.clone().unwrap_or_default();
    let restore_test = restore_test.map(|test| want_test(&test, spec)).transpose()?;
    if repository.id.is_none() {
        return Err(Problem::RepositoryNotReady(format!(
            "the BackupRepository {} is not initialised yet: see its status",
            repository.name
        )));
    }
    let what = What::Jobs(Box::new(WantJobs { repository, source, secrets, restore_test }));
    together(policy, times, what, &[("BackupRepository spec.job", &to.spec.job)])
}

fn together(
    policy: &BackupPolicy,
    times: Timetable,
    what: What,
    below: &[(&str, &JobSettings)],
) -> Result<WantPolicy, Problem> {
    let Timetable { tiers, jitter, promise, restore_test: _, suspend, source, target } = times;
    let metadata = &policy.metadata;
    let settings: Vec<_> = below.iter().copied().chain([("spec.job", &policy.spec.job)]).collect();
    Ok(WantPolicy {
        owner: Owner {
            kind: OwnerKind::Policy,
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
        },
        what,
        tiers,
        time_zone: policy.spec.time_zone.clone().unwrap_or_else(|| "UTC".to_owned()),
        jitter,
        promise,
        pod: pod::wish(&settings)?,
        suspend,
        source,
        target,
    })
}

/// The repository that a policy goes to.
pub(super) fn repository_of<'a>(
    policy: &BackupPolicy,
    around: &'a Surroundings,
) -> Result<&'a BackupRepository, Problem> {
    let Some(to) = &policy.spec.repository_ref else {
        return Err(Problem::Invalid(
            "spec.repositoryRef is missing: name the BackupRepository that it goes to".into(),
        ));
    };
    around.repositories.get(&to.name).map(AsRef::as_ref).ok_or_else(|| {
        let there = there_are(&around.repositories);
        Problem::NotFound(format!(
            "spec.repositoryRef: there is no BackupRepository {:?} in this namespace ({there})",
            to.name
        ))
    })
}

fn want_test(test: &RestoreTest, spec: &BackupPolicySpec) -> Result<WantRestoreTest, Problem> {
    let RestoreTest { schedule: text, image } = test;
    let (cron, runs) = schedule("spec.verify.restoreTest.schedule", text, spec.time_zone.as_deref())?;
    let is_postgres = matches!(spec.source, Source::Postgres(_));
    if image.is_some() && !is_postgres {
        let message = "spec.verify.restoreTest.image goes with postgres alone: leave it out";
        return Err(Problem::Invalid(message.to_owned()));
    }
    let postgres_image = is_postgres.then(|| image.clone().unwrap_or_else(|| POSTGRES_IMAGE.to_owned()));
    Ok(WantRestoreTest { cron, runs, postgres_image })
}

/// What a policy says by itself.
pub(in crate::backup) fn timetable(policy: &BackupPolicy) -> Result<Timetable, Problem> {
    let spec = &policy.spec;
    let zone = spec.time_zone.as_deref();
    zone_of("spec.timeZone", zone)?;
    let tiers: Vec<WantTier> = spec.tiers.iter().map(|tier| want_tier(tier, zone)).collect::<Result<_, _>>()?;
    let gap = tiers.iter().map(|tier| tier.runs.longest_gap()).min();
    let default = default_promise(tiers.iter().map(|tier| &tier.runs));
    let (Some(gap), Some(default)) = (gap, default) else {
        return Err(Problem::Invalid("spec.tiers is empty: write at least one schedule".to_owned()));
    };
    let jitter = spec.jitter.as_ref().map(|jitter| span("spec.jitter", jitter)).transpose()?;
    let jitter = jitter.unwrap_or(JITTER.min(gap / 2));
    if jitter >= gap {
        let (jitter, gap) = (in_units(jitter), in_units(gap));
        let message = format!("spec.jitter {jitter} is as long as the time between two runs ({gap}): write less");
        return Err(Problem::Invalid(message));
    }
    let test = spec.verify.as_ref().and_then(|verify| verify.restore_test.as_ref());
    let test = test.map(|test| want_test(test, spec)).transpose()?;
    Ok(Timetable {
        jitter,
        promise: spec.promise.as_ref().map(|promise| promised(promise, gap)).transpose()?.unwrap_or(default),
        restore_test: test.map(|test| test.runs),
        suspend: is_suspended(policy),
        source: source::words(&spec.source),
        target: target(spec),
        tiers,
    })
}

fn target(spec: &BackupPolicySpec) -> String {
    match (&spec.source, &spec.repository_ref) {
        (Source::Vzdump(source), _) => vzdump_target(source),
        (_, Some(repository)) => repository.name.clone(),
        (_, None) => String::new(),
    }
}

fn want_tier(tier: &Tier, zone: Option<&str>) -> Result<WantTier, Problem> {
    let Tier { name, schedule: text, keep, only_if_changed } = tier;
    let field = format!("spec.tiers[{name}]");
    if name == "restore-test" || name == SECURING_TIER || name.starts_with("run-") {
        let message = format!("{field}.name: the operator itself uses that name: write another one");
        return Err(Problem::Invalid(message));
    }
    let (cron, runs) = schedule(&format!("{field}.schedule"), text, zone)?;
    let keep = Keeping::parse(keep).map_err(|why| Problem::Invalid(format!("{field}.keep {:?} {why}", keep.0)))?;
    Ok(WantTier { name: name.clone(), cron, runs, keep, only_if_changed: *only_if_changed })
}

fn promised(promise: &Span, gap: Duration) -> Result<Duration, Problem> {
    let age = span("spec.promise", promise)?;
    if age > gap {
        return Ok(age);
    }
    Err(Problem::Invalid(format!(
        "spec.promise {:?}: the most frequent tier runs every {}, so that it would be broken before each run: write more \
         than that, or a more frequent schedule",
        promise.0,
        in_units(gap)
    )))
}

/// A backup that says when it was made differs each time: nothing can be skipped.
fn no_changes_alone(spec: &BackupPolicySpec) -> Result<(), Problem> {
    let why = match &spec.source {
        Source::Files(_) | Source::Command(_) => return Ok(()),
        Source::Vzdump(_) => "vzdump always makes a whole backup".to_owned(),
        Source::Postgres(_) | Source::Redis(_) | Source::Qdrant(_) | Source::Vault(_) | Source::S3(_) => {
            format!("a backup of {} differs each time, whether anything changed or not", source::kind(&spec.source))
        }
    };
    match spec.tiers.iter().find(|tier| tier.only_if_changed) {
        None => Ok(()),
        Some(tier) => Err(Problem::Invalid(format!("spec.tiers[{}].onlyIfChanged: {why}: leave it out", tier.name))),
    }
}

fn vzdump_target(source: &VzdumpSource) -> String {
    match (&source.storage, source.mode) {
        (Some(storage), _) => format!("storage {storage}"),
        (None, VzdumpMode::Observe) => "any storage".to_owned(),
        (None, VzdumpMode::PveJob | VzdumpMode::Operator) => "no storage".to_owned(),
    }
}

/// An older policy whose Jobs would have the same name: `a-b` with the tier `c`, and `a` with the tier `b-c`.
fn names_taken(policy: &BackupPolicy, around: &Surroundings) -> Option<String> {
    let age =
        |one: &BackupPolicy| (one.metadata.creation_timestamp.as_ref().map(|time| time.0), one.metadata.name.clone());
    let own = object_names(policy);
    around.policies.values().filter(|other| age(other) < age(policy)).find_map(|other| {
        let other_names = object_names(other);
        let same = own.intersection(&other_names).next()?;
        let name = other.metadata.name.as_deref().unwrap_or_default();
        Some(format!("spec.tiers: the Job {same} belongs to the BackupPolicy {name}: give the tier another name"))
    })
}

fn object_names(policy: &BackupPolicy) -> BTreeSet<String> {
    let name = policy.metadata.name.as_deref().unwrap_or_default();
    let tiers = policy.spec.tiers.iter().map(|tier| names::tier(name, &tier.name));
    tiers.chain([names::restore_test(name)]).collect()
}
