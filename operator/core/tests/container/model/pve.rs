//! What Proxmox VE does to a guest's configuration.

use crate::fixture::{node, vmid};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use zentoria_core::Fact;
use zentoria_core::container::options::needs_root;
use zentoria_core::container::seen::{Config, Guest, Snapshot, is_numbered};
use zentoria_core::container::step::{CloneGuest, Configure, Create};
use zentoria_types::digest::ConfigDigest;
use zentoria_types::names::NodeName;
use zentoria_types::size::Bytes;
use zentoria_types::vmid::Vmid;

/// What a running guest takes up at its next start.
const PENDING: [&str; 12] = [
    "arch",
    "cmode",
    "console",
    "debug",
    "entrypoint",
    "env",
    "features",
    "nameserver",
    "ostype",
    "searchdomain",
    "timezone",
    "tty",
];

/// A digest over everything, as Proxmox VE's over the file.
pub fn digest_of(config: &Config) -> Option<ConfigDigest> {
    let mut hasher = DefaultHasher::new();
    (&config.current, &config.pending).hash(&mut hasher);
    ConfigDigest::new(&format!("{:016x}", hasher.finish()))
}

/// A stopped guest with these options over the usual ones.
pub fn new_guest(number: u32, options: &[(&str, &str)]) -> Guest {
    let rootfs = format!("local-zfs:subvol-{number}-disk-0,size=8G");
    let usual =
        [("arch", "amd64"), ("memory", "512"), ("ostype", "debian"), ("rootfs", &rootfs), ("unprivileged", "1")];
    let current = usual.iter().chain(options).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let mut config = Config { digest: None, current, pending: BTreeMap::new() };
    config.digest = digest_of(&config);
    Guest {
        vmid: vmid(number),
        node: node("pve1"),
        config,
        running: Fact::Known(false),
        ha: false,
        snapshots: Fact::Known(Vec::new()),
        leased: Fact::Known(Vec::new()),
    }
}

pub fn created(vmid: Vmid, node: &NodeName, options: &BTreeMap<String, String>) -> Guest {
    let mut guest = new_guest(vmid.get(), &[]);
    guest.node = node.clone();
    guest.config.current.remove("memory");
    put(&mut guest, options, &[], &[]);
    let rootfs = &options["rootfs"];
    let (storage, size) = rootfs.split_once(':').unwrap();
    let rootfs = format!("{storage}:subvol-{vmid}-disk-0,size={size}G");
    guest.config.current.insert("rootfs".into(), rootfs);
    guest.config.digest = digest_of(&guest.config);
    guest
}

pub fn cloned(source: &Guest, vmid: Vmid, clone: &CloneGuest) -> Guest {
    assert_eq!(source.config.lock(), None, "Proxmox VE copies no locked guest");
    assert!(
        source.running == Fact::Known(false) || clone.snapshot.is_some(),
        "a running guest is copied from a snapshot"
    );
    let mut guest = source.clone();
    guest.snapshots = Fact::Known(Vec::new());
    guest.vmid = vmid;
    guest.running = Fact::Known(false);
    guest.config.pending.clear();
    for key in ["lock", "template", "parent"] {
        guest.config.current.remove(key);
    }
    let volume = |value: &String| {
        let (volume, rest) = value.split_once(',').unwrap_or((value, ""));
        let (storage, name) = volume.split_once(':').unwrap();
        let storage = clone.storage.as_deref().unwrap_or(storage);
        format!("{storage}:{},{rest}", name.replace(&source.vmid.to_string(), &vmid.to_string()))
    };
    for (key, value) in &mut guest.config.current {
        if key == "rootfs" || key.starts_with("mp") {
            *value = volume(value);
        }
        if key.starts_with("net") && key != "nettype" {
            *value = value.split(',').filter(|part| !part.starts_with("hwaddr=")).collect::<Vec<_>>().join(",");
            *value = net(value, vmid);
        }
    }
    guest.config.current.insert("hostname".into(), clone.hostname.clone());
    guest.config.current.insert("description".into(), format!("{}\n", clone.description));
    guest.config.digest = digest_of(&guest.config);
    guest
}

/// As Proxmox VE writes it: name and bridge first, then by key, with a type, and with a new MAC where none is named.
fn net(value: &str, vmid: Vmid) -> String {
    let mut keys: BTreeMap<&str, &str> = value.split(',').filter_map(|part| part.split_once('=')).collect();
    // A new one for whatever is new about it.
    let mut hasher = DefaultHasher::new();
    (vmid, value).hash(&mut hasher);
    let [a, b, c, ..] = hasher.finish().to_be_bytes();
    let mac = format!("BC:24:11:{a:02X}:{b:02X}:{c:02X}");
    keys.entry("hwaddr").or_insert(&mac);
    keys.insert("type", "veth");
    let rank = |key: &str| match key {
        "name" => 0,
        "bridge" => 1,
        _ => 2,
    };
    let mut parts: Vec<(&str, &str)> = keys.into_iter().collect();
    parts.sort_by_key(|(key, _)| (rank(key), *key));
    parts.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

/// How a value is stored.
fn stored(key: &str, value: &str, vmid: Vmid) -> String {
    match key {
        "description" => format!("{}\n", value.strip_suffix('\n').unwrap_or(value)),
        "tags" => {
            let mut tags: Vec<String> = value.split(';').map(str::to_lowercase).collect();
            tags.sort();
            tags.dedup();
            tags.join(";")
        }
        key if is_numbered(key, "net") => net(value, vmid),
        _ => value.to_owned(),
    }
}

/// `PUT config`.
pub fn put(guest: &mut Guest, set: &BTreeMap<String, String>, delete: &[String], revert: &[String]) {
    assert_eq!(guest.config.lock(), None, "Proxmox VE changes no locked guest");
    let running = guest.running == Fact::Known(true);
    let Config { digest: _, current, pending } = &mut guest.config;
    for key in revert {
        assert!(pending.remove(key).is_some(), "nothing of {key} to revert");
    }
    for (key, value) in set {
        assert!(!value.is_empty(), "{key} is set to nothing");
        assert!(!delete.contains(key) && !revert.contains(key), "{key} is both set and taken away");
        assert!(key == "description" || !value.contains('\n'), "{key} holds a newline");
        let value = stored(key, value, guest.vmid);
        let value = if is_mount(key) { mounted(guest.vmid, key, &value, current.get(key)) } else { value };
        let waits = PENDING.contains(&key.as_str()) || (holds_slot(key) && current.contains_key(key));
        if running && waits {
            pending.insert(key.clone(), Some(value));
        } else {
            pending.remove(key);
            current.insert(key.clone(), value);
        }
    }
    for key in delete {
        // What is only pending stays so.
        if running && (PENDING.contains(&key.as_str()) || holds_slot(key)) {
            if current.contains_key(key) {
                pending.insert(key.clone(), None);
            }
        } else {
            detach(current, key);
        }
    }
    if !running {
        apply_pending(guest);
    }
    guest.config.digest = digest_of(&guest.config);
}

/// What is hot where its slot is free, and else waits.
fn holds_slot(key: &str) -> bool {
    is_mount(key) || (key.starts_with("dev") && key.len() > 3)
}

fn apply_pending(guest: &mut Guest) {
    for (key, value) in std::mem::take(&mut guest.config.pending) {
        match value {
            Some(value) => guest.config.current.insert(key, value),
            None => {
                detach(&mut guest.config.current, &key);
                None
            }
        };
    }
    guest.config.digest = digest_of(&guest.config);
}

pub fn start(guest: &mut Guest) {
    assert_eq!(guest.running, Fact::Known(false), "already running");
    apply_pending(guest);
    guest.running = Fact::Known(true);
}

pub fn stop(guest: &mut Guest) {
    assert_eq!(guest.running, Fact::Known(true), "not running");
    apply_pending(guest);
    guest.running = Fact::Known(false);
}

pub fn resize(guest: &mut Guest, disk: &str, to: Bytes) {
    let value = &guest.config.current[disk];
    let now = value.split(',').find_map(|part| part.strip_prefix("size=")).unwrap();
    assert!(Bytes::parse_pve(now).unwrap() < to, "Proxmox VE grows disks only");
    let next = value.replace(&format!("size={now}"), &format!("size={}", to.to_pve()));
    guest.config.current.insert(disk.into(), next);
    guest.config.digest = digest_of(&guest.config);
}

pub fn move_volume(guest: &mut Guest, disk: &str, storage: &str) {
    assert_eq!(guest.running, Fact::Known(false), "cannot move volumes of a running container");
    assert_eq!(
        guest.snapshots,
        Fact::Known(Vec::new()),
        "you can't move a volume with snapshots and delete the source"
    );
    let (volume, rest) = guest.config.current[disk].split_once(',').map(|(v, r)| (v.to_owned(), r.to_owned())).unwrap();
    let (old, name) = volume.split_once(':').unwrap();
    assert_ne!(old, storage, "moved to where it is");
    guest.config.current.insert(disk.into(), format!("{storage}:{name}m,{rest}"));
    guest.config.digest = digest_of(&guest.config);
}

/// What reaches into the node is root@pam's alone.
pub fn check_of_node(configure: &Configure) {
    for (key, value) in &configure.set {
        let of_node =
            key == "hookscript" || key.starts_with("dev") || (key.starts_with("mp") && value.starts_with('/'));
        assert!(!of_node || configure.as_root, "403: {key} by a token");
    }
    let deleted =
        configure.delete.iter().chain(&configure.revert).any(|key| key == "hookscript" || key.starts_with("dev"));
    assert!(!deleted || configure.as_root, "403: a device taken away by a token");
}

fn is_mount(key: &str) -> bool {
    key.strip_prefix("mp").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
}

/// A mount as it is stored: a new volume is made, an existing one must be the guest's own in that very slot.
fn mounted(vmid: Vmid, key: &str, value: &str, before: Option<&String>) -> String {
    let (volume, rest) = value.split_once(',').unwrap();
    let Some((storage, name)) = volume.split_once(':').filter(|_| !volume.starts_with('/')) else {
        return value.to_owned();
    };
    if name.parse::<f64>().is_err() {
        let own = before.is_some_and(|before| before.split(',').next() == Some(volume));
        assert!(own, "{key} names a volume that is not its own: {value}");
        return value.to_owned();
    }
    assert!(before.is_none(), "{key} is replaced by a new volume: {before:?} by {value}");
    format!("{storage}:subvol-{vmid}-disk-{key},{rest},size={name}G")
}

fn detach(current: &mut BTreeMap<String, String>, key: &str) {
    let Some(value) = current.remove(key).filter(|value| is_mount(key) && !value.starts_with('/')) else { return };
    let unused = (0..).map(|number| format!("unused{number}")).find(|key| !current.contains_key(key)).unwrap();
    current.insert(unused, value.split(',').next().unwrap().to_owned());
}

/// Features at creation: a token may set `nesting=1` of an unprivileged guest and nothing else.
pub fn check_created_features(create: &Create, root: bool) {
    let Some(features) = create.options.get("features") else { return };
    let unprivileged = create.options["unprivileged"] == "1";
    let token_may = features == "nesting=1" && unprivileged;
    assert!(token_may || (root && create.as_root()), "403: {features} by a token");
    assert!(!needs_root(features) || create.as_root());
}

/// Features in place: Proxmox VE compares them key by key as text, absent as empty.
pub fn check_changed_features(configure: &Configure, guest: &Guest) {
    let Some(next) = configure.set.get("features") else { return };
    let parse = |text: &str| -> BTreeMap<String, String> {
        text.split(',').filter_map(|part| part.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    let old = parse(guest.config.current.get("features").map_or("", String::as_str));
    let new = parse(next);
    let changed = old.keys().chain(new.keys()).any(|key| key != "nesting" && old.get(key) != new.get(key));
    let privileged = guest.config.current.get("unprivileged").is_none_or(|value| value != "1");
    assert!(configure.as_root || !(changed || privileged), "403: {old:?} to {next} by a token");
}

/// `POST snapshot`: the configuration names the newest.
pub fn snapshot(guest: &mut Guest, name: &str, description: &str, now: jiff::Timestamp) {
    let Fact::Known(list) = &mut guest.snapshots else { panic!("unknown snapshots") };
    assert!(list.iter().all(|snapshot| snapshot.name != name), "a snapshot of this name is there already");
    list.push(Snapshot { name: name.to_owned(), taken_at: Some(now), description: description.to_owned() });
    guest.config.current.insert("parent".into(), name.into());
    guest.config.digest = digest_of(&guest.config);
}

pub fn delete_snapshot(guest: &mut Guest, name: &str) {
    let Fact::Known(list) = &mut guest.snapshots else { panic!("unknown snapshots") };
    let at = list.iter().position(|snapshot| snapshot.name == name).expect("no such snapshot");
    list.remove(at);
    match list.last().map(|snapshot| snapshot.name.clone()) {
        Some(parent) => guest.config.current.insert("parent".into(), parent),
        None => guest.config.current.remove("parent"),
    };
    guest.config.digest = digest_of(&guest.config);
}
