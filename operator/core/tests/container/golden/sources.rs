//! What guests are made from.

use super::{Case, bare, check, made, stopped};
use crate::fixture::{VMID, Whose, created, guest_mut, identity, vmid};
use crate::model::{Archive, World};
use zentoria_api::container::{Origin, TaskAction};
use zentoria_core::Fact;
use zentoria_core::container::plan::copy_snapshot;
use zentoria_core::container::pull::PullFailure;
use zentoria_core::container::seen::{Capabilities, PullFact, TaskFact};
use zentoria_core::container::want::Key;

fn not_made(world: &mut World) {
    world.seen.recorded = Default::default();
}

const DOWNLOAD: &str = "vmid: 404, rootDisk: {size: 8Gi}, source: {template: {name: debian-13.tar.zst, storage: local, \
url: 'http://10.10.0.9/debian-13.tar.zst', checksum: 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}}";
const IMAGE: &str = "vmid: 404, rootDisk: {size: 8Gi}, source: {image: {reference: 'docker.io/library/nginx:1.29', \
storage: local, entrypoint: /bin/run, env: {MODE: quiet}}}";

fn pull(title: &'static str, wish: &'static str, fact: PullFact) -> Case {
    bare(title, wish, |world| {
        not_made(world);
        world.seen.pull = fact;
    })
}

fn failed(message: &str) -> PullFact {
    PullFact::Failed(PullFailure::read(message))
}

fn running() -> PullFact {
    let upid = "UPID:pve1:0000367B:00073424:6B0160A8:download:debian-13.tar.zst:ops@pve!op:";
    PullFact::Running(Some(upid.parse().unwrap()))
}

fn has(world: &mut World, volume: &str) {
    let node = world.seen.cluster.nodes.values_mut().next().unwrap();
    node.templates.get_or_insert_default().insert(volume.to_owned());
}

#[test]
fn templates_to_download() {
    let never = "vmid: 404, rootDisk: {size: 8Gi}, source: {template: {name: debian-13.tar.zst, storage: local, \
url: 'http://10.10.0.9/x', checksum: 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', pull: Never}}";
    let refused = "download failed: Connecting to 10.10.0.9:80... failed: Connection refused.";
    check(
        "source-template",
        vec![
            pull("nobody has it", DOWNLOAD, PullFact::None),
            pull("somebody fetches it already", DOWNLOAD, running()),
            bare("it is there", DOWNLOAD, |world| {
                not_made(world);
                has(world, "local:vztmpl/debian-13.tar.zst");
            }),
            bare("the token may not", DOWNLOAD, |world| {
                not_made(world);
                let node = world.seen.cluster.nodes.values_mut().next().unwrap();
                node.pull_lacks = ["/nodes/pve1: Sys.AccessNetwork", "/storage/local: Datastore.AllocateTemplate"]
                    .map(str::to_owned)
                    .to_vec();
            }),
            pull("a person uploads it", never, PullFact::None),
            pull("something else came", DOWNLOAD, failed("checksum mismatch: got 'a' != expect 'b'")),
            pull("there is no such file", DOWNLOAD, failed("download failed: ERROR 404: Not Found.")),
            pull("nobody answers", DOWNLOAD, failed(refused)),
        ],
    );
}

#[test]
fn images() {
    let by_hand = "vmid: 404, rootDisk: {size: 8Gi}, source: {image: {reference: 'docker.io/library/nginx:1.29', storage: local, pull: Never}}";
    let file = "local:vztmpl/nginx_1.29-a0bf1c5ecd1ce4a4b1c0b1de.tar";
    check(
        "source-image",
        vec![
            pull("nobody has it", IMAGE, PullFact::None),
            bare("it is there", IMAGE, |world| {
                not_made(world);
                let volume = world.plan().steps.iter().find_map(|step| match step {
                    zentoria_core::container::step::Step::Pull(pull) => Some(pull.volume.clone()),
                    _ => None,
                });
                has(world, &volume.unwrap_or_else(|| file.to_owned()));
            }),
            bare("another registry's image of this name is there", IMAGE, |world| {
                not_made(world);
                has(world, "local:vztmpl/nginx_1.29.tar");
            }),
            bare("a person pulled it", by_hand, |world| {
                not_made(world);
                has(world, "local:vztmpl/nginx_1.29.tar");
            }),
            pull("a person has not pulled it", by_hand, PullFact::None),
            pull("there is no such image", IMAGE, failed("exit code 1 (log: reading manifest: manifest unknown)")),
            pull("the registry does not answer", IMAGE, failed("command 'skopeo copy' failed: exit code 1")),
            bare("an old Proxmox VE", IMAGE, |world| {
                not_made(world);
                world.seen.cluster.version = "8.4.1".into();
                world.seen.cluster.capabilities = Capabilities::default();
            }),
            made(
                "made, and run as the spec says from its first start on",
                IMAGE,
                &[
                    ("entrypoint", "/docker-entrypoint.sh nginx"),
                    ("env", "PATH=/bin\0MODE=loud"),
                    ("ostype", "unmanaged"),
                ],
                |world| {
                    stopped(world);
                    world.seen.recorded.power = None;
                    world.seen.recorded.created = Some(created(Origin::Image, false));
                },
            ),
        ],
    );
}

const RESTORE: &str = "vmid: 404, hostname: db2, network: {interfaces: [{bridge: vmbr0, ipv4: {address: 10.10.40.4/16}}]}, \
source: {backup: {storage: tank, vmid: 404}}";

fn backups(world: &mut World) {
    not_made(world);
    let plain = [("net0", "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:00:01,ip=dhcp,type=veth")];
    let other = [("net0", "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:00:02,ip=10.10.40.7/16,type=veth")];
    world.archives.extend([
        Archive::new(VMID, "2026-05-02T02:00:00Z", Whose::Ours, &plain),
        Archive::new(405, "2026-05-02T02:00:00Z", Whose::OtherEstate, &other),
        Archive::new(400, "2026-05-03T02:00:00Z", Whose::OtherObject, &other),
        Archive::new(900, "2026-05-04T02:00:00Z", Whose::Nobody, &[("features", "keyctl=1,mount=nfs"), plain[0]]),
    ]);
}

const BY_VOLUME: &str =
    "vmid: 404, source: {backup: {volume: 'tank:backup/vzdump-lxc-404-2026_05_20-02_00_00.tar.zst'}}";
const COPIED: &str = "vmid: 404, source: {backup: {storage: tank, vmid: 900}}";

fn unmarked(world: &mut World) {
    backups(world);
    let net = [("net0", "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:00:01,ip=dhcp,type=veth")];
    world.archives.push(Archive::new(VMID, "2026-05-20T02:00:00Z", Whose::Nobody, &net));
}

/// What the backups have for a network.
fn on(world: &mut World, network: &str) {
    backups(world);
    let net = format!("name=eth0,bridge={network},hwaddr=BC:24:11:AA:00:01,ip=dhcp,type=veth");
    for (vmid, whose) in [(VMID, Whose::Ours), (900, Whose::Nobody)] {
        world.archives.push(Archive::new(vmid, "2026-05-20T02:00:00Z", whose, &[("net0", net.as_str())]));
    }
}

#[test]
fn backups_to_restore() {
    let case = |title, wish| bare(title, wish, backups);
    check(
        "source-backup",
        vec![
            case("the latest", RESTORE),
            case(
                "as it was at a time, with the MAC address that was its own",
                "vmid: 404, network: {interfaces: [{ipv4: {address: 10.10.40.4/16}}]}, source: {backup: {storage: tank, vmid: 404, time: '2026-05-01T12:00:00Z'}}",
            ),
            case(
                "too old a time",
                "vmid: 404, source: {backup: {storage: tank, vmid: 404, time: '2026-04-01T12:00:00Z'}}",
            ),
            case("a storage without any", "vmid: 404, source: {backup: {storage: local-zfs, vmid: 404}}"),
            case(
                "by its volume",
                "vmid: 404, source: {backup: {volume: 'tank:backup/vzdump-lxc-404-2026_05_02-02_00_00.tar.zst'}}",
            ),
            case(
                "a volume that is not there",
                "vmid: 404, source: {backup: {volume: 'tank:backup/vzdump-lxc-404-2026_01_01-02_00_00.tar.zst'}}",
            ),
            case(
                "a static address that nobody names",
                "vmid: 404, source: {backup: {storage: tank, vmid: 404, time: '2026-05-01T12:00:00Z'}}",
            ),
            case("of a guest of somebody else", "vmid: 404, source: {backup: {storage: tank, vmid: 405}}"),
            case(
                "of somebody else's guest that had this VMID before",
                "vmid: 405, network: {interfaces: [{}]}, source: {backup: {storage: tank, vmid: 405}}",
            ),
            case(
                "of a container of the namespace, as another guest",
                "vmid: 404, network: {interfaces: [{}]}, source: {backup: {storage: tank, vmid: 400}}",
            ),
            case("one that the cluster allows to copy", "vmid: 404, source: {backup: {storage: tank, vmid: 900}}"),
            bare(
                "features that the namespace may not have",
                "vmid: 404, adoption: IfExists, source: {backup: {storage: tank, vmid: 900}}",
                |world| {
                    backups(world);
                    world.cluster.access[0].allow.clone_sources.clear();
                    world.seen.cluster.vmids_by_name.insert("nfs".into(), vmid(900));
                },
            ),
            bare("without a mark, the latest of whoever had the VMID", RESTORE, unmarked),
            bare(
                "without a mark, as a guest without one would be taken over",
                "vmid: 404, adoption: IfExists, source: {backup: {storage: tank, vmid: 404}}",
                unmarked,
            ),
            bare("without a mark, by its volume", BY_VOLUME, unmarked),
            bare("on a VLAN that the namespace may not have", BY_VOLUME, |world| on(world, "vmbr0,tag=21")),
            bare("on VLANs that it may have", BY_VOLUME, |world| on(world, "vmbr1,tag=20,trunks=100;199")),
            bare("with a trunk that it may not have", BY_VOLUME, |world| on(world, "vmbr0,tag=20,trunks=100;200")),
            bare("on a bridge that it may not have, of a guest that may be copied", COPIED, |world| on(world, "vmbr9")),
            bare("the storage cannot be read", RESTORE, |world| {
                backups(world);
                world.spec.placement.node = Some("pve1".into());
                world.archives.clear();
            }),
            made(
                "restored: nothing of the backup goes live",
                RESTORE,
                &[
                    ("hostname", "db2"),
                    (
                        "net0",
                        "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:05:04:62,ip=10.10.40.4/16,gw=10.10.0.1,firewall=1,type=veth",
                    ),
                    ("net1", "name=eth1,bridge=vmbr1,hwaddr=BC:24:11:AA:04:05,ip=10.20.40.99/16,type=veth"),
                    ("mp0", "tank:subvol-404-disk-1,mp=/data,size=2G"),
                    ("onboot", "0"),
                ],
                |world| {
                    stopped(world);
                    world.seen.recorded.power = None;
                    world.seen.recorded.created = Some(created(Origin::Backup, false));
                },
            ),
        ],
    );
}

fn from_golden(title: &'static str, wish: &'static str, change: fn(&mut World)) -> Case {
    bare(title, wish, move |world| {
        not_made(world);
        let golden = world.others.get_mut(&vmid(400)).unwrap();
        golden.running = Fact::Known(true);
        change(world);
    })
}

/// A guest of ours with the snapshot for a copy, and one of a person, and what of such is wanted.
fn left(title: &'static str, wanted: fn(String) -> Option<std::collections::BTreeSet<String>>) -> Case {
    made(title, "vmid: 404", &[], move |world| {
        let snapshot = |name: &str| zentoria_core::container::seen::Snapshot {
            name: name.to_owned(),
            taken_at: None,
            description: String::new(),
        };
        let key = Key { namespace: "zentoria".into(), name: "copy".into() };
        let name = copy_snapshot(&identity().estate, &key);
        let guest = guest_mut(&mut world.seen).unwrap();
        guest.snapshots = Fact::Known(vec![snapshot("by-hand"), snapshot(&name)]);
        world.seen.cluster.copy_snapshots = wanted(name);
    })
}

#[test]
fn copies_of_what_runs() {
    const WISH: &str = "vmid: 404, source: {clone: {container: golden}}, network: {interfaces: [{}]}";
    let with_snapshot = |world: &mut World| {
        let Some(zentoria_core::container::step::Step::Snapshot(taken)) = world.plan().steps.first().cloned() else {
            return;
        };
        let golden = world.others.get_mut(&vmid(400)).unwrap();
        golden.snapshots = Fact::Known(vec![zentoria_core::container::seen::Snapshot {
            name: taken.name,
            taken_at: None,
            description: taken.description,
        }]);
    };
    check(
        "source-clone",
        vec![
            from_golden("a snapshot comes first", WISH, |_| {}),
            from_golden("then the copy of it", WISH, with_snapshot),
            made(
                "a copy on a bridge that the namespace may not have is not started",
                "vmid: 404, source: {clone: {vmid: 900}}",
                &[("net0", "name=eth0,bridge=vmbr9,hwaddr=BC:24:11:05:04:62,ip=dhcp,type=veth")],
                |world| {
                    stopped(world);
                    world.seen.recorded.power = None;
                    world.seen.recorded.created = Some(created(Origin::Clone, false));
                },
            ),
            left("one that is left where the object of its copy was deleted goes", |_| Some([].into())),
            left("one whose copy is still made stays", |name| Some([name].into())),
            left("one of which it is not known stays", |_| None),
            made("and the snapshot goes before the copy is finished", WISH, &[], move |world| {
                world.seen.guest = zentoria_core::container::seen::GuestFact::NoVmid;
                let guest = crate::model::new_guest(
                    VMID,
                    &[
                        ("hostname", "zentoria-db"),
                        ("net0", "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:05:04:62,firewall=1"),
                        ("nameserver", "10.10.0.53"),
                    ],
                );
                world.seen.recorded = Default::default();
                world.others.get_mut(&vmid(400)).unwrap().running = Fact::Known(true);
                with_snapshot(world);
                let mut defaults = world.want().unwrap().defaults;
                defaults.template = Some("clone 400 (golden)".into());
                world.seen.recorded.vmid = Some(vmid(VMID));
                world.seen.recorded.created = Some(created(Origin::Clone, false));
                world.seen.recorded.defaults = Some(defaults);
                world.seen.guest = zentoria_core::container::seen::GuestFact::Present(Box::new(guest));
                let there = guest_mut(&mut world.seen).unwrap();
                there.config.current.insert("description".into(), Whose::Ours.description(""));
                there.config.current.insert("tags".into(), "estate;zentoria".into());
            }),
            from_golden("of a guest that is not ours", "vmid: 404, source: {clone: {vmid: 900}}", |world| {
                let source = world.others.get_mut(&vmid(900)).unwrap();
                source.running = Fact::Known(true);
                source.config.current.remove("template");
            }),
            from_golden(
                "a snapshot that is not there",
                "vmid: 404, source: {clone: {vmid: 900, snapshot: monday}}",
                |_| {},
            ),
            from_golden("while it is backed up", WISH, move |world| {
                world.others.get_mut(&vmid(400)).unwrap().config.current.insert("lock".into(), "backup".into());
            }),
            from_golden("while it is copied already", WISH, move |world| {
                world.others.get_mut(&vmid(400)).unwrap().config.current.insert("lock".into(), "disk".into());
            }),
            from_golden("its power is not known", WISH, |world| {
                world.others.get_mut(&vmid(400)).unwrap().running = Fact::Unknown("no answer".into());
            }),
            from_golden("its storage takes no snapshots", WISH, |world| {
                let message = "snapshot feature is not available".to_owned();
                world.seen.task = TaskFact::Failed { action: TaskAction::Snapshot, message };
            }),
        ],
    );
}

#[test]
fn templates_of_containers() {
    const WISH: &str = "vmid: 404, template: true";
    let fresh = |world: &mut World| {
        stopped(world);
        world.seen.recorded.power = None;
        world.seen.recorded.created = Some(created(Origin::Template, false));
    };
    check(
        "source-made",
        vec![
            made("finished, it becomes a template and is never started", WISH, &[], fresh),
            made("it is one", WISH, &[("template", "1")], stopped),
            made("it is one, and the spec says nothing of it", "vmid: 404", &[("template", "1")], stopped),
            made("a guest that runs", WISH, &[], |_| {}),
            made("a guest with snapshots", WISH, &[("parent", "monday")], stopped),
        ],
    );
}

#[test]
fn another_source_afterwards() {
    let of = |title, wish, origin, recorded: &'static str| {
        made(title, wish, &[], move |world| {
            world.seen.recorded.created = Some(created(origin, true));
            let defaults = world.seen.recorded.defaults.get_or_insert_default();
            defaults.template = Some(recorded.to_owned());
        })
    };
    check(
        "source-changed",
        vec![
            of("another template", DOWNLOAD, Origin::Template, "local:vztmpl/debian-12.tar.zst"),
            of("the same template", DOWNLOAD, Origin::Template, "local:vztmpl/debian-13.tar.zst"),
            of("an image in the place of a template", IMAGE, Origin::Template, "local:vztmpl/debian-13.tar.zst"),
            of(
                "another tag",
                "vmid: 404, source: {image: {reference: 'docker.io/library/nginx:1.30', storage: local}}",
                Origin::Image,
                "docker.io/library/nginx:1.29",
            ),
            of("another copy", "vmid: 404, source: {clone: {vmid: 900}}", Origin::Clone, "clone 400 (golden)"),
            of("the same copy", "vmid: 404, source: {clone: {container: golden}}", Origin::Clone, "clone 400 (golden)"),
            of(
                "another backup",
                "vmid: 404, source: {backup: {storage: tank, vmid: 400}}",
                Origin::Backup,
                "tank:backup/vzdump-lxc-404-2026_05_02-02_00_00.tar.zst",
            ),
            of("a source that is not named any more", "vmid: 404", Origin::Clone, "clone 400 (golden)"),
            of("adopted", DOWNLOAD, Origin::Adopted, "x"),
        ],
    );
}
