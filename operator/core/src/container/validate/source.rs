//! What a new guest is made from, and what status remembers of it.

use super::{AsIf, Input, invalid, optional, parse_vmid};
use crate::container::want::{BackupFrom, CloneFrom, Download, Options, Refusal, Source};
use jiff::Timestamp;
use zentoria_api::container::{
    Adoption, BackupSource, CloneSource, ImageSource, PullPolicy, RecordedDefaults, Source as SpecSource,
    TemplateSource, ZentoriaContainerSpec,
};
use zentoria_types::names::StorageName;
use zentoria_types::vmid::Vmid;

/// The source; a template of the cluster's defaults where the spec names none.
pub(super) fn source(input: &Input<'_>, defaults: &RecordedDefaults) -> Result<Option<Source>, Refusal> {
    match &input.spec.source {
        Some(SpecSource::Template(spec)) => template(spec).map(Some),
        Some(SpecSource::Image(spec)) => image(spec).map(Some),
        Some(SpecSource::Backup(spec)) => backup(spec).map(Source::Backup).map(Some),
        Some(SpecSource::Clone(spec)) => clone(spec).map(Some),
        None => {
            // What it was made from need not be a template; another guest made in its place is made of the cluster's.
            let recorded = defaults.template.as_ref().filter(|volume| is_template(volume));
            let default = input.cluster.defaults.template.as_ref();
            let anew = defaults.template.is_some() && recorded.is_none() && !is_finished(input);
            let volume = recorded.or(default.filter(|_| anew)).cloned();
            Ok(volume.map(|volume| Source::Template { volume, download: None }))
        }
    }
}

/// There is a guest, and the spec's source does not matter any more.
fn is_finished(input: &Input<'_>) -> bool {
    let created = input.status.and_then(|status| status.created.as_ref());
    input.as_if != AsIf::New && created.is_some_and(|created| created.finished_at.is_some())
}

fn is_template(volume: &str) -> bool {
    volume.contains(":vztmpl/")
}

/// What status records of the source, as far as the spec tells it: a copy and a backup are resolved when they are made.
pub(super) fn recorded(spec: &ZentoriaContainerSpec, cluster_default: Option<&String>) -> Option<String> {
    match &spec.source {
        Some(SpecSource::Template(template)) => volume_of(template),
        Some(SpecSource::Clone(_)) => None,
        Some(SpecSource::Image(image)) => Some(image.reference.clone()),
        Some(SpecSource::Backup(backup)) => backup.volume.clone(),
        None if spec.adoption == Adoption::IfExists => None,
        None => cluster_default.cloned(),
    }
}

/// What an OCI image is run with. It holds for a guest that is not made of one as well, where the spec says so.
pub(super) fn run_with(spec: &ZentoriaContainerSpec, options: &mut Options) -> Result<(), Refusal> {
    let Some(SpecSource::Image(ImageSource { reference: _, storage: _, pull: _, entrypoint, env })) = &spec.source
    else {
        return Ok(());
    };
    let is_control = |c: char| c.is_control() && c != '\t';
    if let Some(entrypoint) = entrypoint.as_ref().filter(|text| text.contains(is_control)) {
        return Err(invalid(format!("spec.source.image.entrypoint: {entrypoint:?} holds a control character")));
    }
    for (name, value) in env {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(good) {
            return Err(invalid(format!(
                "spec.source.image.env: {name:?} is not a name: Proxmox VE takes letters, digits and _"
            )));
        }
        if value.contains(is_control) || value.contains('\t') {
            return Err(invalid(format!("spec.source.image.env.{name}: the value holds a control character")));
        }
    }
    options.entrypoint.clone_from(entrypoint);
    options.env = (!env.is_empty()).then(|| env.clone());
    Ok(())
}

/// The volume of a template, named or to be downloaded.
fn volume_of(template: &TemplateSource) -> Option<String> {
    let downloaded = || Some(format!("{}:vztmpl/{}", template.storage.as_ref()?, template.name.as_ref()?));
    template.volume.clone().or_else(downloaded)
}

fn template(spec: &TemplateSource) -> Result<Source, Refusal> {
    let volume =
        volume_of(spec).ok_or_else(|| invalid("spec.source.template: name it by volume, or by name and storage"))?;
    let download = match (&spec.url, &spec.checksum, spec.pull) {
        (Some(url), Some(checksum), PullPolicy::IfNotPresent) => {
            let (algorithm, checksum) = checksum.split_once(':').ok_or_else(|| {
                invalid(format!("spec.source.template.checksum: {checksum} is not sha256:<hex> or sha512:<hex>"))
            })?;
            let (algorithm, checksum) = (algorithm.to_owned(), checksum.to_owned());
            Some(Download { url: url.clone(), algorithm, checksum })
        }
        (Some(_), None, PullPolicy::IfNotPresent) => {
            return Err(invalid("spec.source.template: url needs a checksum: what is downloaded is checked"));
        }
        (_, _, PullPolicy::Never) | (None, _, PullPolicy::IfNotPresent) => None,
    };
    Ok(Source::Template { volume, download })
}

fn image(spec: &ImageSource) -> Result<Source, Refusal> {
    let storage: Option<StorageName> = optional("spec.source.image.storage", Some(&spec.storage))?;
    let storage = storage.ok_or_else(|| invalid("spec.source.image.storage: name a storage"))?;
    Ok(Source::Image { reference: spec.reference.clone(), storage, pull: spec.pull == PullPolicy::IfNotPresent })
}

fn clone(spec: &CloneSource) -> Result<Source, Refusal> {
    let from = match (spec.vmid, &spec.container) {
        (Some(vmid), None) => CloneFrom::Vmid(parse_vmid("spec.source.clone.vmid", vmid.0)?),
        (None, Some(name)) => CloneFrom::Container(name.clone()),
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid("spec.source.clone: name the source by exactly one of vmid and container"));
        }
    };
    Ok(Source::Clone { from, full: spec.full, snapshot: spec.snapshot.clone() })
}

fn backup(spec: &BackupSource) -> Result<BackupFrom, Refusal> {
    match (&spec.volume, &spec.storage, spec.vmid) {
        (Some(volume), None, None) => {
            let vmid = made_of(volume).ok_or_else(|| {
                invalid(format!(
                    "spec.source.backup.volume: {volume} does not tell of which container it is a backup \
                     (STORAGE:backup/vzdump-lxc-VMID-..., or STORAGE:backup/ct/VMID/... of a Proxmox Backup Server)"
                ))
            })?;
            Ok(BackupFrom::Volume { volume: volume.clone(), vmid })
        }
        (None, Some(storage), Some(vmid)) => {
            let storage: Option<StorageName> = optional("spec.source.backup.storage", Some(storage))?;
            let storage = storage.ok_or_else(|| invalid("spec.source.backup.storage: name a storage"))?;
            let vmid = parse_vmid("spec.source.backup.vmid", vmid.0)?;
            Ok(BackupFrom::Newest { storage, vmid, not_after: not_after(spec.time.as_ref())? })
        }
        (Some(_), _, _) | (None, _, _) => {
            Err(invalid("spec.source.backup: name the backup by volume, or by storage and vmid"))
        }
    }
}

fn not_after(time: Option<&String>) -> Result<Option<Timestamp>, Refusal> {
    match time.map(String::as_str) {
        None | Some("latest") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            invalid(format!(
                "spec.source.backup.time: {text} is neither latest nor an instant such as 2026-11-01T02:00:00Z"
            ))
        }),
    }
}

/// The guest that a backup was made of, by the name that vzdump or a Proxmox Backup Server gave it.
fn made_of(volume: &str) -> Option<Vmid> {
    let (storage, name) = volume.split_once(":backup/")?;
    storage.parse::<StorageName>().ok()?;
    let rest = name.strip_prefix("vzdump-lxc-").map(|rest| rest.split_once('-'));
    let (number, rest) = rest.or_else(|| name.strip_prefix("ct/").map(|rest| rest.split_once('/')))??;
    // Of two VMIDs in one path, the second would be the one that is read.
    if rest.contains('/') {
        return None;
    }
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| number.parse().ok().and_then(|number| Vmid::new(number).ok())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_name_of_a_backup_tells_whose_it_is() {
        let table = [
            ("nas:backup/vzdump-lxc-404-2026_11_01-02_00_00.tar.zst", Some(404)),
            ("local:backup/vzdump-lxc-103-2026_11_21-09_16_28.tar", Some(103)),
            ("pbs:backup/ct/404/2026-11-01T02:00:00Z", Some(404)),
            ("nas:backup/vzdump-qemu-404-2026_11_01-02_00_00.vma.zst", None),
            ("pbs:backup/vm/404/2026-11-01T02:00:00Z", None),
            ("nas:backup/vzdump-lxc-404", None),
            ("nas:backup/vzdump-lxc--404-x.tar", None),
            ("nas:backup/vzdump-lxc-+404-x.tar", None),
            ("nas:backup/vzdump-lxc-4-x.tar", None),
            ("nas:backup/../../vzdump-lxc-404-x.tar", None),
            ("nas:backup/vzdump-lxc-404-x/../vzdump-lxc-405-x.tar", None),
            ("pbs:backup/ct/404/../405/2026-11-01T02:00:00Z", None),
            ("nas:vztmpl/vzdump-lxc-404-x.tar", None),
            ("vzdump-lxc-404-x.tar", None),
        ];
        for (volume, expected) in table {
            assert_eq!(made_of(volume).map(Vmid::get), expected, "{volume}");
        }
    }

    #[test]
    fn a_time_is_an_instant_or_latest() {
        assert_eq!(not_after(None).unwrap(), None);
        assert_eq!(not_after(Some(&"latest".to_owned())).unwrap(), None);
        let instant = not_after(Some(&"2026-11-01T02:00:00Z".to_owned())).unwrap().unwrap();
        assert_eq!(instant.to_string(), "2026-11-01T02:00:00Z");
        let message = not_after(Some(&"2026-11-01Tsoon".to_owned())).unwrap_err().message;
        assert!(message.starts_with("spec.source.backup.time: 2026-11-01Tsoon"), "{message}");
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic_and_what_is_read_stands_in_the_name(volume in "([a-z]{2,6}:backup/)?(vzdump-lxc-|ct/)?\\PC{0,20}") {
            if let Some(vmid) = made_of(&volume) {
                prop_assert!(volume.contains(&vmid.to_string()));
            }
        }
    }
}
