//! Restores.

use super::pod;
use super::policy::{POSTGRES_IMAGE, repository_of};
use super::problem::{Problem, claim, there_are};
use super::repository::usable;
use super::source::{self, Need, kind};
use crate::backup::drill;
use crate::backup::surroundings::Surroundings;
use crate::backup::want::{ItemInto, Owner, OwnerKind, RestoreItem, WantRestore};
use crate::cluster::access::selects;
use crate::container::dependencies::Graph;
use jiff::Timestamp;
use std::collections::BTreeMap;
use zentoria_api::backup::{
    BackupPolicy, BackupRestore, BackupRestoreSpec, DirectoryTarget, Into, ScratchTarget, SnapshotChoice, Source,
    SourceTarget,
};
use zentoria_api::conditions::RestoreReason;
use zentoria_types::backup_job::SnapshotWish;

type Refused = (RestoreReason, String);

/// Checks a restore.
///
/// # Errors
/// InvalidSpec, NotFound, ConfirmationRequired, NotSupported, RepositoryNotReady.
pub fn restore(restore: &BackupRestore, around: &Surroundings) -> Result<WantRestore, Refused> {
    let spec = &restore.spec;
    let chosen = chosen(spec, around).map_err(Problem::of_restore)?;
    let alone = spec.policy_ref.is_some();
    let is_drill = drill::is_drill(&restore.metadata);
    let stays =
        |policy: &BackupPolicy| has_a_way(&policy.spec.source, &spec.into) && !(is_drill && policy.spec.suspend);
    let (chosen, left_out): (BTreeMap<_, _>, BTreeMap<_, _>) =
        chosen.into_iter().partition(|(_, policy)| alone || stays(policy));
    if chosen.is_empty() {
        let message = "spec.selector selects nothing that can be restored there: a container that vzdump backed up is \
                       restored by `source.backup` of a ZentoriaContainer, and what a command printed into a directory";
        return Err((RestoreReason::NotSupported, message.to_owned()));
    }
    let goes_over = matches!(spec.into, Into::Source(_));
    for (name, policy) in chosen.iter().filter(|_| alone || goes_over) {
        supported(name, policy, spec)?;
    }
    confirmed(restore)?;
    let waves = waves(around);
    let mut items = Vec::new();
    let mut refused: BTreeMap<String, Refused> = BTreeMap::new();
    for (name, policy) in &chosen {
        let item = supported(name, policy, spec)
            .and_then(|()| item(name, policy, spec, alone, &waves, around).map_err(Problem::of_restore));
        match item {
            Ok(item) => items.push(item),
            // Elsewhere the others are restored all the same, so that all is told of all; over the sources nothing is
            // begun that cannot be ended.
            Err(why) if alone || goes_over => return Err(why),
            Err(why) => {
                refused.insert((*name).to_owned(), why);
            }
        }
    }
    if items.is_empty()
        && let Some((_, first)) = refused.pop_first()
    {
        return Err(first);
    }
    items.sort_by(|one, other| (one.wave, &one.policy).cmp(&(other.wave, &other.policy)));
    let metadata = &restore.metadata;
    Ok(WantRestore {
        owner: Owner {
            kind: OwnerKind::Restore,
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
        },
        secure: matches!(spec.into, Into::Source(SourceTarget { without_backup: false })),
        policy: policy_words(&items, refused.len(), &left_out_words(&left_out, &spec.into)),
        into: into_words(&spec.into),
        refused: refused.into_iter().map(|(policy, (_, why))| (policy, why)).collect(),
        items,
    })
}

/// Whether a backup of this kind can be restored there at all. With a selector the others are left out.
fn has_a_way(source: &Source, into: &Into) -> bool {
    match (source, into) {
        (Source::Vzdump(_), _) | (Source::Command(_), Into::Source(_)) => false,
        (
            Source::Postgres(_)
            | Source::Redis(_)
            | Source::Qdrant(_)
            | Source::Vault(_)
            | Source::S3(_)
            | Source::Files(_)
            | Source::Command(_),
            Into::Scratch(_) | Into::Directory(_) | Into::Source(_),
        ) => true,
    }
}

/// What was left out, by its kind: `1 of vzdump`.
fn left_out_words(left_out: &BTreeMap<&str, &BackupPolicy>, into: &Into) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for BackupPolicy { spec, .. } in left_out.values() {
        let suspended = spec.suspend && has_a_way(&spec.source, into);
        let word = if suspended { "suspended".to_owned() } else { format!("of {}", kind(&spec.source)) };
        *counts.entry(word).or_default() += 1;
    }
    counts.into_iter().map(|(word, count)| format!("{count} {word}")).collect()
}

/// The policies whose backups are restored, by name.
fn chosen<'a>(
    spec: &BackupRestoreSpec,
    around: &'a Surroundings,
) -> Result<BTreeMap<&'a str, &'a BackupPolicy>, Problem> {
    let there = || there_are(&around.policies);
    match (&spec.policy_ref, &spec.selector) {
        (Some(policy), None) => around
            .policies
            .get_key_value(&policy.name)
            .map(|(name, policy)| BTreeMap::from([(name.as_str(), policy.as_ref())]))
            .ok_or_else(|| {
                let name = &policy.name;
                let there = there();
                Problem::NotFound(format!(
                    "spec.policyRef: there is no BackupPolicy {name:?} in this namespace ({there})"
                ))
            }),
        (None, Some(selector)) => {
            let none = BTreeMap::new();
            let selected: BTreeMap<&str, &BackupPolicy> = around
                .policies
                .iter()
                .filter(|(_, policy)| selects(selector, policy.metadata.labels.as_ref().unwrap_or(&none)))
                .map(|(name, policy)| (name.as_str(), policy.as_ref()))
                .collect();
            if selected.is_empty() {
                let there = there();
                return Err(Problem::NotFound(format!(
                    "spec.selector selects no BackupPolicy of this namespace ({there}): label them, or change it"
                )));
            }
            Ok(selected)
        }
        (Some(_), Some(_)) | (None, None) => {
            Err(Problem::Invalid("spec: name what is restored by exactly one of policyRef and selector".to_owned()))
        }
    }
}

/// That a backup of this kind can go there, in parts where the spec names parts.
fn supported(name: &str, policy: &BackupPolicy, spec: &BackupRestoreSpec) -> Result<(), Refused> {
    let source = &policy.spec.source;
    let kind = kind(source);
    let refuse = |message: String| Err((RestoreReason::NotSupported, message));
    if matches!(source, Source::Vzdump(_)) {
        return refuse(format!(
            "the BackupPolicy {name} is of vzdump: restore a container by `source.backup` of a ZentoriaContainer"
        ));
    }
    match (&spec.into, source) {
        (Into::Source(_), Source::Command(_)) => {
            return refuse(format!(
                "spec.into.source: what a command printed has no way back that is known here ({name}): restore into a \
                 directory, and import it from there"
            ));
        }
        (Into::Scratch(ScratchTarget { image: Some(_) }), source) if !matches!(source, Source::Postgres(_)) => {
            let message = format!("spec.into.scratch.image goes with postgres alone, and {name} is of {kind}");
            return Err((RestoreReason::InvalidSpec, message));
        }
        (Into::Source(_) | Into::Scratch(_) | Into::Directory(_), _) => {}
    }
    match source {
        Source::Redis(_) | Source::Vault(_) | Source::Command(_) if !spec.only.is_empty() => {
            refuse(format!("spec.only: a backup of {kind} has no parts ({name}): leave it out"))
        }
        Source::Postgres(_)
        | Source::Redis(_)
        | Source::Qdrant(_)
        | Source::Vault(_)
        | Source::S3(_)
        | Source::Files(_)
        | Source::Command(_)
        | Source::Vzdump(_) => Ok(()),
    }
}

/// That who writes over what is there has said so.
fn confirmed(restore: &BackupRestore) -> Result<(), Refused> {
    let spec = &restore.spec;
    let Into::Source(_) = spec.into else {
        return match &spec.confirm {
            None => Ok(()),
            Some(_) => {
                let message = "spec.confirm goes with into.source alone: nothing is written over: leave it out";
                Err((RestoreReason::InvalidSpec, message.to_owned()))
            }
        };
    };
    let (expected, what) = match &spec.policy_ref {
        Some(policy) => (policy.name.clone(), "the policy"),
        None => (restore.metadata.namespace.clone().unwrap_or_default(), "this namespace"),
    };
    match &spec.confirm {
        Some(said) if *said == expected => Ok(()),
        said => {
            let said = said.as_ref().map_or_else(|| "is missing".to_owned(), |said| format!("is {said:?}"));
            let message = format!(
                "spec.confirm {said}: into.source writes over what is there now: make the restore anew with `confirm: \
                 {expected}` (the name of {what}), or restore into a directory"
            );
            Err((RestoreReason::ConfirmationRequired, message))
        }
    }
}

fn item(
    name: &str,
    policy: &BackupPolicy,
    spec: &BackupRestoreSpec,
    alone: bool,
    waves: &BTreeMap<String, u32>,
    around: &Surroundings,
) -> Result<RestoreItem, Problem> {
    let to = repository_of(policy, around)?;
    let repository_name = to.metadata.name.as_deref().unwrap_or("?");
    let repository = usable(to, around, &format!("BackupRepository {repository_name}"))?;
    if repository.id.is_none() {
        let message = format!("the BackupRepository {repository_name} is not initialised yet: see its status");
        return Err(Problem::RepositoryNotReady(message));
    }
    let need = match spec.into {
        Into::Source(_) => Need::Source,
        Into::Scratch(_) | Into::Directory(_) => Need::KindAlone,
    };
    let Some((source, secrets)) = source::look_up(&policy.spec.source, around, need)? else {
        return Err(Problem::Invalid(format!("the BackupPolicy {name} is of vzdump")));
    };
    let container = source::server(&policy.spec.source).and_then(|server| server.container_ref.as_ref());
    let settings = [
        ("BackupRepository spec.job", &to.spec.job),
        ("BackupPolicy spec.job", &policy.spec.job),
        ("spec.job", &spec.job),
    ];
    Ok(RestoreItem {
        policy: name.to_owned(),
        wave: container.and_then(|container| waves.get(&container.name)).copied().unwrap_or(1),
        repository,
        source,
        secrets,
        snapshot: snapshot(&spec.snapshot, alone)?,
        seen_equal: seen_equal(policy, &spec.snapshot),
        into: into(name, policy, &spec.into, alone, around)?,
        only: spec.only.clone(),
        pod: pod::wish(&settings)?,
    })
}

fn seen_equal(policy: &BackupPolicy, choice: &SnapshotChoice) -> Option<Timestamp> {
    let skips = policy.spec.tiers.iter().any(|tier| tier.only_if_changed);
    let last = policy.status.as_ref().and_then(|status| status.last_success.as_ref()).map(|time| time.0);
    last.filter(|_| skips && *choice == SnapshotChoice::default())
}

fn snapshot(choice: &SnapshotChoice, alone: bool) -> Result<SnapshotWish, Problem> {
    match (&choice.id, &choice.time) {
        (None, None) => Ok(SnapshotWish::Latest),
        (Some(id), None) if alone => Ok(SnapshotWish::Id(id.clone())),
        (Some(_), None) => Err(Problem::Invalid(
            "spec.snapshot.id goes with one policy: with a selector, use snapshot.time".to_owned(),
        )),
        (None, Some(time)) => Ok(SnapshotWish::Before(time.0.as_second())),
        (Some(_), Some(_)) => Err(Problem::Invalid("spec.snapshot: either id or time, not both".to_owned())),
    }
}

fn into(
    name: &str,
    policy: &BackupPolicy,
    into: &Into,
    alone: bool,
    around: &Surroundings,
) -> Result<ItemInto, Problem> {
    Ok(match into {
        Into::Source(_) => ItemInto::Source,
        Into::Directory(DirectoryTarget { claim_name, path }) => {
            claim(around, "spec.into.directory.claimName", claim_name)?;
            let path = if alone { path.clone() } else { format!("{path}/{name}") };
            ItemInto::Directory { claim: claim_name.clone(), path }
        }
        Into::Scratch(ScratchTarget { image }) => {
            let test = policy.spec.verify.as_ref().and_then(|verify| verify.restore_test.as_ref());
            let tested = test.and_then(|test| test.image.clone());
            let image = || image.clone().or(tested).unwrap_or_else(|| POSTGRES_IMAGE.to_owned());
            ItemInto::Scratch { postgres_image: matches!(policy.spec.source, Source::Postgres(_)).then(image) }
        }
    })
}

/// When each container comes, by what depends on what.
fn waves(around: &Surroundings) -> BTreeMap<String, u32> {
    let mut graph = Graph::default();
    for (name, seen) in &around.containers {
        graph.insert(name, &seen.depends_on);
    }
    graph.waves()
}

fn policy_words(items: &[RestoreItem], refused: usize, left_out: &[String]) -> String {
    let left_out = if left_out.is_empty() { String::new() } else { format!(" ({} left out)", left_out.join(", ")) };
    match (items, refused) {
        ([item], 0) => format!("{}{left_out}", item.policy),
        (items, refused) => format!("{} policies{left_out}", items.len() + refused),
    }
}

fn into_words(into: &Into) -> String {
    match into {
        Into::Scratch(_) => "scratch".to_owned(),
        Into::Directory(DirectoryTarget { claim_name, path }) => format!("pvc:{claim_name}/{path}"),
        Into::Source(_) => "source".to_owned(),
    }
}
