//! Repositories.

use super::pod;
use super::problem::{Problem, claim, has_key, secret_key, span, there_are};
use crate::backup::keep;
use crate::backup::names::{self, Operation};
use crate::backup::schedule::{Runs, check_time_zone};
use crate::backup::surroundings::Surroundings;
use crate::backup::want::{
    CredentialsUse, DrillTimes, Owner, Place, RepositoryUse, Upkeep, WantCheck, WantCopy, WantDrill, WantMaintenance,
    WantRepository,
};
use crate::estate::is_paused;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::BTreeSet;
use std::sync::Arc;
use zentoria_api::backup::{Backend, BackupPolicy, BackupRepository, BackupRepositorySpec, Copy, Drill, S3Backend};
use zentoria_api::conditions::RepositoryReason;
use zentoria_types::backup_job::Location;

/// How many reports of drills are kept where the spec has no drill.
const REPORTS: usize = 12;

/// Checks a repository.
///
/// # Errors
/// InvalidSpec, Conflict, NotFound, SecretNotFound. CronJobs that exist are then left as they are.
pub fn repository(
    repository: &BackupRepository,
    around: &Surroundings,
) -> Result<WantRepository, (RepositoryReason, String)> {
    conflict(repository, around).map_or(Ok(()), |message| Err((RepositoryReason::Conflict, message)))?;
    checked(repository, around).map_err(Problem::of_repository)
}

fn checked(repository: &BackupRepository, around: &Surroundings) -> Result<WantRepository, Problem> {
    let BackupRepositorySpec {
        backend: _,
        password_secret_ref: _,
        credentials_secret_ref: _,
        ca_secret_ref: _,
        check,
        maintenance,
        copies,
        drill,
        time_zone,
        job,
        suspend,
    } = &repository.spec;
    let usable = usable(repository, around, "spec")?;
    let zone = time_zone.as_deref();
    zone_of("spec.timeZone", zone)?;
    let retry_lock = span("spec.maintenance.retryLock", &maintenance.retry_lock)?;
    let (cron, runs) = schedule("spec.check.schedule", &check.schedule, zone)?;
    let check = WantCheck { cron, runs, parts: check.parts };
    let (cron, runs) = schedule("spec.maintenance.schedule", &maintenance.schedule, zone)?;
    let keep = keep::rules(&usable.name, &around.repositories, &around.policies);
    let maintenance = WantMaintenance { cron, runs, retry_lock, keep };
    if let Some(drill) = drill {
        schedule("spec.drill.schedule", &drill.schedule, zone)?;
    }
    Ok(WantRepository {
        owner: Owner::of_repository(repository),
        time_zone: zone.unwrap_or("UTC").to_owned(),
        check,
        maintenance,
        copies: copies.iter().map(|copy| want_copy(copy, &usable.name, zone, around)).collect::<Result<_, _>>()?,
        drill: want_drill(drill.as_ref()),
        pod: pod::wish(&[("spec.job", job)])?,
        suspend: *suspend || is_paused(&repository.metadata),
        repository: usable,
    })
}

fn want_drill(drill: Option<&Drill>) -> WantDrill {
    match drill {
        Some(Drill { schedule: _, selector, keep_reports }) => WantDrill {
            selector: selector.clone().unwrap_or_default(),
            keep_reports: usize::try_from(*keep_reports).unwrap_or(usize::MAX).max(1),
        },
        None => WantDrill { selector: LabelSelector::default(), keep_reports: REPORTS },
    }
}

/// What a repository says of itself.
#[must_use]
pub fn upkeep(repository: &BackupRepository, around: &Surroundings) -> Upkeep {
    let spec = &repository.spec;
    let zone = spec.time_zone.as_deref();
    let name = repository.metadata.name.as_deref().unwrap_or_default();
    let read = |text: &str| Runs::parse(text, zone).ok();
    let goes_here = |policy: &&Arc<BackupPolicy>| policy.spec.repository_ref.as_ref().is_some_and(|to| to.name == name);
    let drill = spec.drill.as_ref().and_then(|drill| {
        let words = format!("{} {}", drill.schedule, zone.unwrap_or("UTC"));
        read(&drill.schedule).map(|runs| DrillTimes { words, runs })
    });
    Upkeep {
        target: target(&spec.backend),
        policies: u32::try_from(around.policies.values().filter(goes_here).count()).unwrap_or(u32::MAX),
        check: read(&spec.check.schedule),
        parts: spec.check.parts,
        maintenance: read(&spec.maintenance.schedule),
        copies: spec.copies.iter().map(|copy| (copy.name.clone(), read(&copy.schedule))).collect(),
        drill,
        suspend: spec.suspend || is_paused(&repository.metadata),
    }
}

fn want_copy(copy: &Copy, own: &str, zone: Option<&str>, around: &Surroundings) -> Result<WantCopy, Problem> {
    let Copy { name, to, schedule: text } = copy;
    let field = format!("spec.copies[{name}]");
    if to.name == own {
        return Err(Problem::Invalid(format!("{field}.to names this repository itself: name another one")));
    }
    let target = around.repositories.get(&to.name).ok_or_else(|| {
        let there = there_are(&around.repositories);
        Problem::NotFound(format!("{field}.to: there is no BackupRepository {:?} in this namespace ({there})", to.name))
    })?;
    let (cron, runs) = schedule(&format!("{field}.schedule"), text, zone)?;
    Ok(WantCopy { name: name.clone(), cron, runs, to: usable(target, around, &format!("{field}.to: spec"))? })
}

/// A schedule, as Kubernetes takes it, and read.
pub(super) fn schedule(field: &str, text: &str, zone: Option<&str>) -> Result<(String, Runs), Problem> {
    let runs = Runs::parse(text, zone).map_err(|error| Problem::Invalid(format!("{field} {text:?}: {error}")))?;
    Ok((text.split_whitespace().collect::<Vec<_>>().join(" "), runs))
}

/// That a time zone is known.
pub(super) fn zone_of(field: &str, zone: Option<&str>) -> Result<(), Problem> {
    let Some(zone) = zone else { return Ok(()) };
    check_time_zone(zone).map_err(|error| Problem::Invalid(format!("{field} {zone:?}: {error}")))
}

/// How Jobs get at a repository. `field` is where its spec stands, for messages.
pub(super) fn usable(
    repository: &BackupRepository,
    around: &Surroundings,
    field: &str,
) -> Result<RepositoryUse, Problem> {
    let spec = &repository.spec;
    if let Backend::Pvc(pvc) = &spec.backend {
        claim(around, &format!("{field}.backend.pvc.claimName"), &pvc.claim_name)?;
    }
    let credentials = match (&spec.credentials_secret_ref, &spec.backend) {
        (Some(secret), Backend::S3(_)) => Some((secret.name.clone(), vec!["accessKeyId", "secretAccessKey"])),
        (Some(secret), Backend::Rest(_)) => Some((secret.name.clone(), vec!["username", "password"])),
        (Some(_), Backend::Pvc(_)) => {
            return Err(Problem::Invalid(format!("{field}.credentialsSecretRef: a pvc takes none: leave it out")));
        }
        (None, Backend::S3(_)) => {
            return Err(Problem::Invalid(format!(
                "{field}.credentialsSecretRef: s3 needs a Secret with the keys accessKeyId and secretAccessKey"
            )));
        }
        (None, Backend::Rest(_) | Backend::Pvc(_)) => None,
    };
    if let Some((secret, keys)) = &credentials {
        for key in keys {
            has_key(around, &format!("{field}.credentialsSecretRef"), secret, key)?;
        }
    }
    let ca_field = format!("{field}.caSecretRef");
    if spec.ca_secret_ref.is_some() && !speaks_tls(&spec.backend) {
        let message = format!("{ca_field}: the backend is not reached by https, so that no certificate is looked at");
        return Err(Problem::Invalid(message));
    }
    Ok(RepositoryUse {
        name: repository.metadata.name.clone().unwrap_or_default(),
        place: place(&spec.backend),
        password: secret_key(around, &format!("{field}.passwordSecretRef"), &spec.password_secret_ref)?,
        credentials: credentials.map(|(secret, keys)| CredentialsUse { secret, keys }),
        ca: spec.ca_secret_ref.as_ref().map(|key| secret_key(around, &ca_field, key)).transpose()?,
        id: repository.status.as_ref().and_then(|status| status.repository_id.clone()),
        target: target(&spec.backend),
    })
}

fn speaks_tls(backend: &Backend) -> bool {
    match backend {
        Backend::Pvc(_) => false,
        Backend::Rest(rest) => rest.url.starts_with("https://"),
        Backend::S3(s3) => s3.endpoint.starts_with("https://"),
    }
}

fn place(backend: &Backend) -> Place {
    match backend {
        Backend::Pvc(pvc) => Place::Claim { claim: pvc.claim_name.clone(), path: pvc.path.clone().unwrap_or_default() },
        Backend::Rest(rest) => Place::Server(Location::Rest(rest.url.clone())),
        Backend::S3(S3Backend { endpoint, bucket, prefix, region }) => Place::Server(Location::S3 {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            bucket: bucket.clone(),
            prefix: prefix.clone().unwrap_or_default(),
            region: region.clone(),
        }),
    }
}

/// Where a repository is, for people: and the same for two that lie at one place.
fn target(backend: &Backend) -> String {
    let joined = |base: String, rest: &Option<String>| match rest {
        Some(rest) => format!("{base}/{rest}"),
        None => base,
    };
    match backend {
        Backend::Pvc(pvc) => joined(format!("pvc:{}", pvc.claim_name), &pvc.path),
        Backend::Rest(rest) => format!("rest:{}", rest.url.trim_end_matches('/')),
        Backend::S3(s3) => joined(format!("s3:{}/{}", s3.endpoint.trim_end_matches('/'), s3.bucket), &s3.prefix),
    }
}

/// Why another repository has the better right to the place, or to the names of the Jobs: it is older.
fn conflict(repository: &BackupRepository, around: &Surroundings) -> Option<String> {
    let own = target(&repository.spec.backend);
    let own_names = object_names(repository);
    let age = |one: &BackupRepository| {
        let made = one.metadata.creation_timestamp.as_ref().map(|time| time.0);
        (made, one.metadata.name.clone())
    };
    around.repositories.values().filter(|other| age(other) < age(repository)).find_map(|other| {
        let name = other.metadata.name.as_deref().unwrap_or_default();
        if target(&other.spec.backend) == own {
            return Some(format!(
                "spec.backend: the BackupRepository {name} has the same place, and is older: give this one a place of its \
                 own, or delete it and let policies name {name}"
            ));
        }
        let names = object_names(other);
        let same = own_names.intersection(&names).next()?;
        Some(format!("its Job {same} would have the name of one of the BackupRepository {name}: give it another name"))
    })
}

fn object_names(repository: &BackupRepository) -> BTreeSet<String> {
    let name = repository.metadata.name.as_deref().unwrap_or_default();
    let copies = repository.spec.copies.iter().map(|copy| Operation::Copy(copy.name.clone()));
    let all = [Operation::Init, Operation::Check, Operation::Maintain].into_iter().chain(copies);
    all.map(|operation| names::of_repository(name, &operation)).collect()
}
