//! Restore drills: begun when they are due or asked for, reported when they ended, and cleared away.

use super::objects;
use crate::context::Context;
use crate::runtime::events::{Event, EventType};
use crate::runtime::metrics::DrillFigures;
use crate::runtime::write::{FIELD_MANAGER, WriteError};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use tracing::info;
use zentoria_api::backup::{BackupRepository, BackupRestore, DrillStatus};
use zentoria_api::wire::DRILL_ANNOTATION;
use zentoria_core::backup::drill::{self, Cause, Drill, Drills, report};
use zentoria_core::backup::want::{Owner, Upkeep, WantRepository};

/// Does what is next about the drills of a repository. `want` is `None` where its spec cannot be carried out: then those
/// that ended are reported, and none begins.
pub(super) async fn look(
    context: &Context,
    object: &BackupRepository,
    want: Option<&WantRepository>,
    upkeep: &Upkeep,
    now: Timestamp,
) -> Result<Drills, WriteError> {
    let before = object.status.as_ref().and_then(|status| status.drill.clone()).unwrap_or_default();
    let restores = restores(context, object, &before).await?;
    let mut drills = Drills { all: restores.iter().map(|restore| Drill::read(restore, now)).collect(), asked: None };
    if let Some(running) = &before.running
        && !drills.all.iter().any(|drill| drill.name == *running)
    {
        drills.all.push(Drill::vanished(running, now));
    }
    if upkeep.suspend {
        return Ok(drills);
    }
    write_report(context, object, &before, &drills, &restores).await?;
    if let Some(want) = want {
        begin(context, object, want, upkeep, &before, &mut drills, now).await?;
        clear(context, object, want, &drills, &restores).await?;
    }
    Ok(drills)
}

/// The BackupRestores of its drills: those of the cache, and the one that it has begun and that the cache may not show yet.
async fn restores(
    context: &Context,
    object: &BackupRepository,
    before: &DrillStatus,
) -> Result<Vec<Arc<BackupRestore>>, WriteError> {
    let namespace = object.namespace().unwrap_or_default();
    let kind = &context.backups.restores;
    let mut found = kind.within(&namespace);
    found.retain(|restore| drill::is_of(&restore.metadata, object) && !kind.latest.is_gone(restore));
    if let Some(running) = &before.running
        && !found.iter().any(|restore| restore.name_any() == *running)
    {
        let api: Api<BackupRestore> = Api::namespaced(context.client.clone(), &namespace);
        let there = context.writer.read(api.get_opt(running)).await?;
        found.extend(there.filter(|restore| drill::is_of(&restore.metadata, object)).map(Arc::new));
    }
    Ok(found)
}

/// Begins the drill that is due, or that a person asks for.
async fn begin(
    context: &Context,
    object: &BackupRepository,
    want: &WantRepository,
    upkeep: &Upkeep,
    before: &DrillStatus,
    drills: &mut Drills,
    now: Timestamp,
) -> Result<(), WriteError> {
    let asked = object.annotations().get(DRILL_ANNOTATION).map(String::as_str);
    let Some(cause) = drill::cause(before, upkeep, drills, asked, now) else { return Ok(()) };
    // Where this operator serves some objects alone, it serves this one, too.
    let labels: BTreeMap<String, String> = context.selector.iter().cloned().collect();
    let wanted = drill::object(want, &cause, labels);
    let name = wanted.name_any();
    let api: Api<BackupRestore> = Api::namespaced(context.client.clone(), &want.owner.namespace);
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    let made = match context.writer.send(api.create(&params, &wanted)).await {
        Ok(made) => {
            info!(namespace = want.owner.namespace, drill = name, "begun");
            let why = match &cause {
                Cause::Due(_) => "it is due",
                Cause::Asked(_) => "a person asked for it",
            };
            let note = format!("BackupRestore {name}: {why}");
            tell(context, object, EventType::Normal, "DrillBegun", note);
            made
        }
        // Another operator was faster, or this one before it was restarted. One of another owner is about to go with it.
        Err(WriteError::AlreadyExists) => match context.writer.read(api.get_opt(&name)).await? {
            Some(there) if drill::is_of(&there.metadata, object) => there,
            Some(_) | None => return Err(WriteError::Conflict),
        },
        Err(error) => Err(error)?,
    };
    drills.all.push(Drill::read(&made, now));
    if let Cause::Asked(word) = cause {
        drills.asked = Some(word);
    }
    context.backups.restores.latest.wrote(made);
    Ok(())
}

/// Writes the report of the last drill that ended, and tells of it once.
async fn write_report(
    context: &Context,
    object: &BackupRepository,
    before: &DrillStatus,
    drills: &Drills,
    restores: &[Arc<BackupRestore>],
) -> Result<(), WriteError> {
    let Some((drill, end)) = drills.last() else { return Ok(()) };
    let restore = restores.iter().find(|restore| restore.name_any() == drill.name);
    let owner = Owner::of_repository(object);
    let report = report::of(&owner, drill, end, restore.map(Arc::as_ref));
    objects::apply_config(context, &report::config_map(&owner, &report)).await?;
    if before.last.as_ref() == Some(&drill.name) {
        return Ok(());
    }
    let (type_, reason) =
        if end.succeeded { (EventType::Normal, "DrillSucceeded") } else { (EventType::Warning, "DrillFailed") };
    tell(context, object, type_, reason, format!("{}; report: ConfigMap {}", end.message, drill.name));
    context.metrics.count_backup_run(
        &owner.namespace,
        &format!("BackupRepository/{}", owner.name),
        zentoria_api::wire::DRILL_OPERATION,
        end.succeeded,
    );
    Ok(())
}

/// Deletes the reports beyond those that are kept, and the BackupRestores, with their Jobs, of drills that are reported.
async fn clear(
    context: &Context,
    object: &BackupRepository,
    want: &WantRepository,
    drills: &Drills,
    restores: &[Arc<BackupRestore>],
) -> Result<(), WriteError> {
    for restore in restores {
        if drills.spent().contains(&restore.name_any().as_str()) {
            objects::delete(context, restore.as_ref()).await?;
            context.backups.restores.latest.forget(restore);
        }
    }
    let mut reports: Vec<Arc<ConfigMap>> = context.backups.configs.state();
    reports.retain(|config| drill::is_of(&config.metadata, object) && config.metadata.deletion_timestamp.is_none());
    // That of the last one is written anew wherever it is missing: it is kept, whatever the clock says.
    let last = drills.last().map(|(drill, _)| drill.name.as_str());
    let is_last = |config: &ConfigMap| config.metadata.name.as_deref() == last;
    let ended = |config: &ConfigMap| report::read(config).map(|report| (report.ended, report.begun));
    reports.sort_by_cached_key(|config| std::cmp::Reverse((is_last(config), ended(config), config.name_any())));
    for report in reports.iter().skip(want.drill.keep_reports) {
        objects::delete(context, report.as_ref()).await?;
    }
    Ok(())
}

fn tell(context: &Context, object: &BackupRepository, type_: EventType, reason: &'static str, note: String) {
    let event = Event { type_, reason: reason.into(), action: "Drill".into(), note };
    context.events.publish(object.object_ref(&()), event);
}

/// What is shown of the drills of a repository.
pub(super) fn figures(status: Option<&DrillStatus>, upkeep: &Upkeep, now: Timestamp) -> DrillFigures {
    let Some(status) = status else { return DrillFigures::default() };
    let whole = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let overdue = upkeep.drill.as_ref().and_then(|times| drill::overdue_from(status, times, now));
    DrillFigures {
        last_success: status.last_success.as_ref().map(|time| time.0.as_second()),
        failed: status.last.as_ref().map(|_| i64::from(status.message.is_some())),
        recovery: status.seconds.map(whole),
        data_age: status.data_age_seconds.map(whole),
        overdue_from: overdue.map(Timestamp::as_second),
    }
}
