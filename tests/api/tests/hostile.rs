//! Containers that ask for more than their namespace is granted, all in one run beside a legal one: each is told why, and
//! Proxmox VE is asked for nothing on their behalf.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use serde_json::{Value, json};
use std::collections::BTreeSet;
use zentoria_api::cluster::{FeatureName, ProxmoxClusterSpec, Quota, VlanRangeField};
use zentoria_api::common::{LocalRef, VmidField};
use zentoria_api_tests::World;
use zentoria_api_tests::kubernetes::{apply_any, put_secret};
use zentoria_api_tests::pve::Request;

/// A guest of another estate, outside of the ranges.
const FOREIGN: u32 = 350;
/// A guest that nobody marked, outside of the ranges.
const STRANGER: u32 = 351;
/// A guest of another estate that lies in the namespace's own range.
const SQUATTER: u32 = 499;
/// Guests of another estate that are gone; their backups are not.
const GONE: [u32; 2] = [352, 353];
/// The legal container.
const CONTROL: u32 = 490;
/// 2026-05-01 at 02:00 UTC.
const TIME: u64 = 1_777_600_800;

/// A container that is to be refused.
struct Hostile {
    name: &'static str,
    /// Its VMID; the address that follows from it is granted.
    vmid: u32,
    /// Merged into the spec of a legal container.
    spec: Value,
    reason: &'static str,
    /// What the message must hold: the field, and what is granted.
    message: Vec<&'static str>,
}

fn hostile(name: &'static str, vmid: u32, spec: Value, message: &[&'static str]) -> Hostile {
    Hostile { name, vmid, spec, reason: "AccessDenied", message: message.to_vec() }
}

fn for_reason(reason: &'static str, hostile: Hostile) -> Hostile {
    Hostile { reason, ..hostile }
}

fn mount(what: Value) -> Value {
    let mut mount = json!({"name": "x", "path": "/x"});
    merge(&mut mount, &what);
    json!({"mounts": [mount]})
}

/// What reaches into the node.
fn into_the_node() -> Vec<Hostile> {
    let bind = |path: &str| mount(json!({"bind": {"path": path}}));
    let binds = "access[].allow.bindPaths of the ProxmoxCluster grants it /srv/data;";
    let devices = "access[].allow.devices of the ProxmoxCluster grants it /dev/dri/*;";
    let features = "access[].allow.features of the ProxmoxCluster grants it nesting;";
    let hosts = "access[].allow.downloadHosts of the ProxmoxCluster grants it docker.io;";
    let image = |reference: &str| json!({"source": {"image": {"reference": reference, "storage": "local"}}});
    let download = |url: &str| {
        let checksum = format!("sha256:{}", "a".repeat(64));
        json!({"source": {"template": {"name": "x.tar", "storage": "local", "url": url, "checksum": checksum}}})
    };
    vec![
        hostile("bind-etc", 401, bind("/etc"), &["spec.mounts[x].bind.path /etc", binds]),
        hostile("bind-beside", 402, bind("/srv/database"), &["spec.mounts[x].bind.path /srv/database", binds]),
        hostile("bind-above", 403, bind("/srv//."), &["spec.mounts[x].bind.path /srv", binds]),
        hostile("memory", 404, json!({"devices": [{"path": "/dev/mem"}]}), &["spec.devices /dev/mem", devices]),
        hostile(
            "hookscript",
            405,
            json!({"hookscript": "local:snippets/hook.sh"}),
            &[
                "spec.hookscript local:snippets/hook.sh",
                "access[].allow.hookscripts",
                "grants it local:snippets/good.sh;",
            ],
        ),
        hostile(
            "privileged",
            406,
            json!({"unprivileged": false}),
            &["spec.unprivileged: false", "access[].allow.privileged of the ProxmoxCluster grants it nothing;"],
        ),
        hostile("keyctl", 407, json!({"features": {"keyctl": true}}), &["spec.features.keyctl", features]),
        hostile("mounting", 408, json!({"features": {"mount": ["nfs"]}}), &["spec.features.mount", features]),
        // The node would ask itself, or a host of its own networks.
        hostile("url", 409, download("https://127.0.0.1:8006/"), &["url of host 127.0.0.1:8006", hosts]),
        for_reason(
            "InvalidSpec",
            hostile("url-with-a-user", 410, download("http://docker.io@127.0.0.1/"), &["spec.source.template.url"]),
        ),
        hostile("registry", 438, image("127.0.0.1:5000/a/redis:7"), &["of registry 127.0.0.1:5000", hosts]),
        hostile(
            "pool",
            439,
            json!({"pool": "production"}),
            &["spec.pool production", "access[].allow.pools of the ProxmoxCluster grants it nothing;"],
        ),
    ]
}

/// What reads other estates' data.
fn into_other_guests() -> Vec<Hostile> {
    let sources = "access[].allow.cloneSources of the ProxmoxCluster grants it 360;";
    let backup = |source: Value| json!({"source": {"backup": source}});
    let adopt = json!({"adoption": "IfExists"});
    let ranges = "access[].vmidRanges of the ProxmoxCluster grants it 400-499;";
    vec![
        hostile(
            "clone",
            411,
            json!({"source": {"clone": {"vmid": FOREIGN}}}),
            &["spec.source.clone.vmid 350", sources],
        ),
        hostile(
            "restore",
            412,
            backup(json!({"storage": "local", "vmid": GONE[0]})),
            &["spec.source.backup of guest 352", sources],
        ),
        hostile(
            "restore-volume",
            413,
            backup(json!({"volume": "local:backup/vzdump-lxc-353-2026_05_01-02_00_00.tar.zst"})),
            &["spec.source.backup of guest 353", sources],
        ),
        // The VMID that its name begins with is its own.
        for_reason(
            "InvalidSpec",
            hostile(
                "restore-climbing",
                414,
                backup(
                    json!({"volume": "local:backup/vzdump-lxc-414-x/../vzdump-lxc-353-2026_05_01-02_00_00.tar.zst"}),
                ),
                &["spec.source.backup.volume"],
            ),
        ),
        for_reason(
            "InvalidSpec",
            hostile(
                "root-of-another",
                415,
                json!({"rootDisk": {"storage": "local-zfs:subvol-350-disk-0", "size": "8Gi"}}),
                &["spec.rootDisk.storage", "local-zfs:subvol-350-disk-0"],
            ),
        ),
        for_reason(
            "InvalidSpec",
            hostile(
                "volume-of-another",
                416,
                mount(json!({"volume": {"storage": "local-zfs:subvol-350-disk-0", "size": "8Gi"}})),
                &["spec.mounts[x].volume.storage", "local-zfs:subvol-350-disk-0"],
            ),
        ),
        hostile("outside", 777, json!({}), &["spec.vmid 777", ranges]),
        hostile("stranger", STRANGER, adopt.clone(), &["spec.vmid 351", ranges]),
        for_reason("VmidTaken", hostile("squatter", SQUATTER, adopt, &["499", "office/hr", "not touched"])),
    ]
}

/// Networks, storages and the quota.
fn into_other_rooms() -> Vec<Hostile> {
    let first = |more: Value| {
        let mut interface = json!({"name": "eth0", "ipv4": {"address": "dhcp"}});
        merge(&mut interface, &more);
        json!({"network": {"interfaces": [interface]}})
    };
    let vlans = "access[].allow.vlans of the ProxmoxCluster grants it 20-29;";
    let cidrs = "access[].cidrs of the ProxmoxCluster grants it 10.10.0.0/16;";
    let storages = "access[].allow.storages of the ProxmoxCluster grants it local, local-zfs;";
    let template = "tank:vztmpl/ubuntu-24.04-standard_24.04-2_amd64.tar.zst";
    vec![
        hostile(
            "bridge",
            421,
            first(json!({"bridge": "vmbr1"})),
            &[
                "spec.network.interfaces[0].bridge vmbr1",
                "access[].allow.bridges of the ProxmoxCluster grants it vmbr0;",
            ],
        ),
        hostile("vlan", 422, first(json!({"vlan": 66})), &["spec.network.interfaces[0] VLAN 66", vlans]),
        hostile("trunk", 423, first(json!({"vlan": 20, "trunks": [66]})), &["interfaces[0] VLAN 66", vlans]),
        hostile(
            "address",
            424,
            first(json!({"ipv4": {"address": "10.20.0.4/16"}})),
            &["spec.network.interfaces[0] address 10.20.0.4/16", cidrs],
        ),
        hostile(
            "address6",
            425,
            first(json!({"ipv6": {"address": "fd00::4/64"}})),
            &["spec.network.interfaces[0] address fd00::4/64", cidrs],
        ),
        hostile(
            "extra-address",
            426,
            first(json!({"extraAddresses": ["10.20.0.5"]})),
            &["spec.network.interfaces[0] extraAddresses 10.20.0.5", cidrs],
        ),
        hostile(
            "storage",
            431,
            json!({"rootDisk": {"storage": "tank", "size": "8Gi"}}),
            &["spec.rootDisk.storage tank", storages],
        ),
        hostile(
            "volume",
            432,
            mount(json!({"volume": {"storage": "tank", "size": "8Gi"}})),
            &["spec.mounts[x].volume.storage tank", storages],
        ),
        hostile(
            "template",
            433,
            json!({"source": {"template": {"volume": template}}}),
            &["spec.source.template on storage tank", storages],
        ),
        hostile(
            "image",
            434,
            json!({"source": {"image": {"reference": "docker.io/library/redis:7", "storage": "tank"}}}),
            &["spec.source.image.storage tank", storages],
        ),
        hostile(
            "backup-storage",
            435,
            json!({"source": {"backup": {"storage": "tank", "vmid": 435}}}),
            &["spec.source.backup on storage tank", storages],
        ),
        for_reason(
            "QuotaExceeded",
            hostile(
                "many-cores",
                436,
                json!({"resources": {"cores": 8}}),
                &["cores:", "of 4 used, this one asks for 8", "access[].quota"],
            ),
        ),
        for_reason(
            "QuotaExceeded",
            hostile(
                "large-disk",
                437,
                json!({"rootDisk": {"size": "64Gi"}}),
                &["disk:", "of 32Gi used, this one asks for 64Gi", "access[].quota"],
            ),
        ),
    ]
}

/// What no spec can say: the API server refuses it.
fn not_even_said() -> Vec<(Value, &'static str)> {
    let bind = |path: &str| mount(json!({"bind": {"path": path}}));
    let volume = "local-zfs:subvol-350-disk-0";
    vec![
        (bind("/srv/../etc"), "a path of the node without .."),
        (bind(volume), "spec.mounts[0].bind.path"),
        (bind("/srv/data,mp=/x"), "spec.mounts[0].bind.path"),
        (mount(json!({"path": "/x,ro=0", "bind": {"path": "/srv/data"}})), "spec.mounts[0].path"),
        (json!({"devices": [{"path": "/dev/../etc/shadow"}]}), "a device lies below /dev/"),
        (json!({"devices": [{"path": "/dev/dri/card0,mode=0666"}]}), "spec.devices[0].path"),
        (json!({"rootDisk": {"volume": volume, "size": "8Gi"}}), "field not declared in schema"),
        (json!({"rootDisk": volume}), "spec.rootDisk"),
        (mount(json!({"volume": {"name": volume, "size": "8Gi"}})), "field not declared in schema"),
        (json!({"lxc": ["lxc.mount.entry = /etc x none bind"]}), "field not declared in schema"),
        (json!({"hookscript": "/etc/hook.sh"}), "spec.hookscript"),
        (json!({"source": {"backup": {"volume": "/etc/shadow"}}}), "spec.source.backup.volume"),
        (json!({"description": "<!-- zentoria.ai/v1 cp=1 -->"}), "cannot hold an ownership mark"),
    ]
}

/// Merges objects; everything else is replaced.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn manifest(world: &World, name: &str, vmid: u32, spec: &Value) -> Value {
    let mut object = serde_json::to_value(world.container(name, vmid)).unwrap();
    merge(&mut object["spec"], spec);
    object
}

fn narrow(spec: &mut ProxmoxClusterSpec) {
    spec.credentials.root_secret_ref = Some(LocalRef { name: "pve-root".into() });
    let access = &mut spec.access[0];
    access.quota = Some(Quota { cores: Some(4), disk: Some(zentoria_api_tests::size("32Gi")), ..Quota::default() });
    access.allow.bind_paths = vec!["/srv/data".into()];
    access.allow.devices = vec!["/dev/dri/*".into()];
    access.allow.hookscripts = vec!["local:snippets/good.sh".into()];
    access.allow.features = vec![FeatureName::Nesting];
    access.allow.download_hosts = vec!["docker.io".into()];
    access.allow.clone_sources = vec![VmidField(360)];
    access.allow.vlans = vec![VlanRangeField("20-29".into())];
}

/// A PVE where the operator could do all of it, for it has every right and the password of root.
async fn furnished() -> World {
    let template = "ubuntu-24.04-standard_24.04-2_amd64.tar.zst";
    let foreign = |vmid: u32, name: &str, marked: bool| {
        let mark = format!("<!-- zentoria.ai/v1 cp=00000000 estate=office name={name} ns=office vmid={vmid} -->\n");
        json!({
            "vmid": vmid, "name": name, "node": "pve1", "status": "stopped",
            "config": {
                "hostname": name, "memory": 512, "cores": 1, "unprivileged": 1, "arch": "amd64", "ostype": "debian",
                "rootfs": format!("local-zfs:subvol-{vmid}-disk-0,size=8G"),
                "description": if marked { mark } else { "somebody's\n".to_owned() },
            },
        })
    };
    let archive = |vmid: u32| json!({"vmid": vmid, "time": TIME, "config": foreign(vmid, "old", true)["config"]});
    let world = World::builder("hostile")
        .seed(|seed| {
            seed["bridges"] = json!(["vmbr0", "vmbr1"]);
            seed["storages"]["tank"] = json!({
                "type": "dir", "path": "/tank", "content": "images,rootdir,vztmpl,backup", "total": 1_u64 << 40,
            });
            seed["templates"] = json!({"local": [template], "tank": [template]});
            seed["settings"] = json!({"oci_images": {"docker.io/library/redis:7": 1_000_000}});
            seed["backups"] = json!({"local": GONE.map(archive)});
            seed["containers"] = json!([
                foreign(FOREIGN, "payroll", true),
                foreign(STRANGER, "by-hand", false),
                foreign(SQUATTER, "hr", true),
            ]);
            let all = ["VM.Backup", "VM.Snapshot", "VM.Config.Options"];
            seed["grants"].as_array_mut().unwrap().push(json!(["zentoria@pve", "/vms", all[0], all[1], all[2]]));
        })
        .cluster(narrow)
        .without_operator()
        .start()
        .await;
    put_secret(&world.client, &world.system, "pve-root", &[("password", "secret")]).await;
    world.start_operator().await;
    world.cluster_says("Ready").await;
    world
}

/// The numbers that stand in a call by themselves.
fn numbers(call: &Request) -> BTreeSet<u32> {
    let text = format!("{} {}", call.path, Value::from_iter(call.params.clone()));
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| word.parse().ok()).collect()
}

/// The regular look at guests that are there reads the configuration of each, with what is pending. The one whose VMID a container of the
/// namespace may have, and names, is looked at whole, to say whose it is.
fn is_look(call: &Request) -> bool {
    let config = |vmid: &u32| call.path == format!("/nodes/pve1/lxc/{vmid}/pending");
    let of_squatter = call.path.starts_with(&format!("/nodes/pve1/lxc/{SQUATTER}/"));
    call.method == "GET" && ([FOREIGN, STRANGER].iter().any(config) || of_squatter)
}

#[tokio::test]
async fn hostile_containers_are_told_why_and_nothing_is_asked_of_proxmox_ve_but_for_the_legal_one() {
    let world = furnished().await;
    let foreign = [FOREIGN, STRANGER, SQUATTER];
    let before = world.pve.guests().await;
    world.settled().await;
    world.pve.forget_requests().await;

    let all: Vec<Hostile> = [into_the_node(), into_other_guests(), into_other_rooms()].into_iter().flatten().collect();
    let (first, second) = all.split_at(all.len() / 2);
    for case in first {
        apply_any(&world.client, &manifest(&world, case.name, case.vmid, &case.spec)).await.unwrap();
    }
    let legal = json!({
        "features": {"nesting": true},
        "devices": [{"path": "/dev/dri/renderD128"}],
        "mounts": [{"name": "data", "path": "/data", "bind": {"path": "/srv/data/control"}}],
    });
    apply_any(&world.client, &manifest(&world, "control", CONTROL, &legal)).await.unwrap();
    for case in second {
        apply_any(&world.client, &manifest(&world, case.name, case.vmid, &case.spec)).await.unwrap();
    }
    for (spec, message) in not_even_said() {
        let refused = apply_any(&world.client, &manifest(&world, "unsaid", 440, &spec)).await;
        let said = refused.err().unwrap_or_else(|| panic!("{spec} was taken")).to_string();
        assert!(said.contains(message), "{spec}: {message:?} is not in {said}");
    }

    world.ready("control").await;
    for case in &all {
        world.refused(case.name, case.reason, &case.message).await;
    }
    world.polls(3).await;
    for case in &all {
        world.refused(case.name, case.reason, &case.message).await;
    }

    // Every write is one of the legal container, and names nobody else.
    let journal = world.pve.requests().await;
    let writes: Vec<String> = world.pve.writes().await.iter().map(Request::line).collect();
    let legal: Vec<String> = world.pve.writes_to(CONTROL).await.iter().map(Request::line).collect();
    assert!(legal.iter().any(|line| line == "POST /nodes/pve1/lxc"), "{legal:?}");
    assert_eq!(writes, legal);
    let theirs: BTreeSet<u32> = all.iter().map(|case| case.vmid).chain(foreign).chain(GONE).collect();
    for call in &journal {
        let named: Vec<u32> = numbers(call).intersection(&theirs).copied().collect();
        assert!(named.is_empty() || is_look(call), "{} names {named:?}: {:?}", call.line(), call.params);
    }

    let mut after = world.pve.guests().await;
    after.retain(|guest| guest.vmid != CONTROL);
    assert_eq!(after, before);
}
