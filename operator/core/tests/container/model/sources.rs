//! What Proxmox VE does for the sources of guests: snapshots of a guest that is copied, downloads, backups, templates.

use super::World;
use super::pve::{digest_of, new_guest, put};
use crate::fixture::{VMID, Whose, node, vmid};
use std::collections::BTreeMap;
use zentoria_core::Fact;
use zentoria_core::container::plan::{chosen, may_restore};
use zentoria_core::container::seen::{Backup, CloneOrigin, Guest, Restorable, Snapshot};
use zentoria_core::container::step::{Pull, Restore, TakeSnapshot};
use zentoria_core::container::want::Source;
use zentoria_types::vmid::Vmid;

/// A backup with what is in it.
#[derive(Clone)]
pub struct Archive {
    pub volume: String,
    pub made_at: &'static str,
    pub guest: Guest,
}

impl Archive {
    /// A backup of a guest with these options.
    pub fn new(number: u32, at: &'static str, whose: Whose, options: &[(&str, &str)]) -> Self {
        let mut guest = new_guest(number, options);
        let description = whose.description("as it was");
        guest.config.current.insert("description".into(), description);
        let date = at.replace(['-', ':'], "_").replace('T', "-").replace('Z', "");
        Self { volume: format!("tank:backup/vzdump-lxc-{number}-{date}.tar.zst"), made_at: at, guest }
    }

    /// One of the container under test, as it was with another address.
    pub fn of_the_own_vmid() -> Self {
        let options = [
            ("onboot", "1"),
            ("net0", "name=eth0,bridge=vmbr0,gw=10.10.0.1,hwaddr=BC:24:11:AA:04:04,ip=10.10.40.99/16,type=veth"),
            ("net1", "name=eth1,bridge=vmbr1,hwaddr=BC:24:11:AA:04:05,ip=10.20.40.99/16,type=veth"),
            ("mp0", "tank:subvol-404-disk-1,mp=/data,size=2G"),
        ];
        Self::new(VMID, "2026-05-01T02:00:00Z", Whose::Ours, &options)
    }

    fn listed(&self) -> Backup {
        Backup {
            volume: self.volume.clone(),
            vmid: self.guest.vmid,
            made_at: self.made_at.parse().unwrap(),
            size: 1 << 20,
            notes: String::new(),
            protected: false,
        }
    }
}

/// What is seen of the guest that is copied.
pub fn origin(world: &World, source: Vmid) -> Option<CloneOrigin> {
    let guest = world.others.get(&source)?;
    Some(CloneOrigin {
        vmid: source,
        node: guest.node.clone(),
        running: guest.running.clone(),
        ours: guest.config.description().contains("ns=zentoria vmid=400 -->"),
        template: guest.config.current.get("template").is_some_and(|value| value == "1"),
        lock: guest.config.lock().map(str::to_owned),
        snapshots: guest.snapshots.clone(),
        can_snapshot: Some(true),
    })
}

/// What is seen of the backups.
pub fn restorable(world: &World) -> Option<Restorable> {
    let want = world.want().ok()?;
    let Some(Source::Backup(from)) = &want.source else { return None };
    let names = &world.seen.cluster.vmids_by_name;
    let is_there = crate::fixture::guest_of(&world.seen).is_some();
    if is_there || !may_restore(&want, world.seen.recorded.vmid, names, from.vmid()) {
        return None;
    }
    let of_guest = world.archives.iter().filter(|archive| archive.guest.vmid == from.vmid());
    let there = of_guest.filter(|archive| archive.volume.starts_with(&format!("{}:", from.storage())));
    let backups: Vec<Backup> = there.map(Archive::listed).collect();
    let volume = chosen(from, &backups).map(|backup| backup.volume.clone());
    let content = volume.map(|volume| Fact::Known(archive(world, &volume).guest.config.clone()));
    Some(Restorable { backups: Fact::Known(backups), content })
}

fn archive<'a>(world: &'a World, volume: &str) -> &'a Archive {
    world.archives.iter().find(|archive| archive.volume == volume).expect("a backup that is there")
}

/// `vzrestore`: the given options over those of the backup, with its interfaces, volumes and firewall.
pub fn restored(world: &World, target: Vmid, restore: &Restore) -> Guest {
    let old = &archive(world, &restore.archive).guest.config.current;
    let mut guest = new_guest(target.get(), &[]);
    guest.config.current.clear();
    for (key, value) in old {
        if key != "unprivileged" && (restore.unique && key.starts_with("net") || !restore.options.contains_key(key)) {
            guest.config.current.insert(key.clone(), value.clone());
        }
    }
    let unprivileged = restore.unprivileged.map(|on| u8::from(on).to_string());
    let unprivileged = unprivileged.or_else(|| old.get("unprivileged").cloned()).unwrap_or_else(|| "0".to_owned());
    guest.config.current.insert("unprivileged".into(), unprivileged);
    for (key, value) in &mut guest.config.current {
        if key == "rootfs" || key.starts_with("mp") {
            let rest = value.split_once(',').map_or("", |(_, rest)| rest).to_owned();
            *value = format!("{}:subvol-{target}-disk-{key},{rest}", restore.storage);
        }
        if restore.unique && key.starts_with("net") {
            let kept: Vec<&str> = value.split(',').filter(|part| !part.starts_with("hwaddr=")).collect();
            *value = format!("{},hwaddr=BC:24:11:FF:FF:FF", kept.join(","));
        }
    }
    let given: BTreeMap<String, String> = restore
        .options
        .iter()
        .filter(|(key, _)| !(restore.unique && key.starts_with("net")))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    put(&mut guest, &given, &[], &[]);
    guest
}

/// A template or an image comes to its storage.
pub fn pulled(world: &mut World, pull: &Pull) {
    let facts = world.seen.cluster.nodes.get_mut(&pull.node).expect("a node that is there");
    let new = facts.templates.get_or_insert_default().insert(pull.volume.clone());
    assert!(new, "Proxmox VE overwrites no file");
}

fn other(world: &mut World, of: Vmid) -> &mut Guest {
    world.others.get_mut(&of).expect("a source that is there")
}

/// A snapshot of the source of a copy.
pub fn snapshot(world: &mut World, snapshot: &TakeSnapshot) {
    let guest = other(world, snapshot.of);
    assert_eq!(guest.node, snapshot.node);
    let Fact::Known(list) = &mut guest.snapshots else { panic!("snapshots that are not known") };
    assert!(!list.iter().any(|known| known.name == snapshot.name), "a snapshot of this name is there");
    let (name, description) = (snapshot.name.clone(), snapshot.description.clone());
    list.push(Snapshot { name, taken_at: None, description });
}

/// And its end.
pub fn delete_snapshot(world: &mut World, of: Vmid, name: &str) {
    let Fact::Known(list) = &mut other(world, of).snapshots else { panic!("snapshots that are not known") };
    let before = list.len();
    list.retain(|snapshot| snapshot.name != name);
    assert_eq!(list.len() + 1, before, "there is no such snapshot");
}

/// `pct template`.
pub fn convert(guest: &mut Guest) {
    assert_eq!(guest.running, Fact::Known(false), "Proxmox VE converts no running guest");
    assert!(!guest.config.current.contains_key("parent"), "nor one with snapshots");
    assert!(guest.config.current.insert("template".into(), "1".into()).is_none_or(|value| value == "0"));
    guest.config.digest = digest_of(&guest.config);
}

/// A guest of this namespace that may be copied: `golden`.
pub fn golden(running: bool) -> Guest {
    let mut guest = new_guest(400, &[("memory", "1024"), ("mp0", "tank:subvol-400-disk-1,mp=/data,size=1G")]);
    let mark = "<!-- zentoria.ai/v1 cp=1a2b3c4d estate=home name=golden ns=zentoria vmid=400 -->\n";
    guest.config.current.insert("description".into(), mark.into());
    (guest.running, guest.node) = (Fact::Known(running), node("pve1"));
    assert_eq!(guest.vmid, vmid(400));
    guest.config.digest = digest_of(&guest.config);
    guest
}
