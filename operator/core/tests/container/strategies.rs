//! Generators: specs, guests as they are found on real nodes, and whole worlds.

use crate::fixture::Whose;
use crate::fixture::{CLONE_SOURCE, OLD_CP, VMID, created, spec, vmid};
use crate::model::{World, digest_of, new_guest, with_guest};
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use zentoria_api::common::{Mode, Size, VmidField};
use zentoria_api::container::{
    Adoption, CloneSource, Console, Device, Features, Interface, Mount, OnExternalStop, OnMissing, Origin, Power,
    PowerState, PowerStatus, RebootPolicy, Resources, RootDisk, RunState, Source, Startup, Tag, TemplateSource,
    ZentoriaContainerSpec,
};
use zentoria_api::firewall::FirewallMode;
use zentoria_core::Fact;
use zentoria_core::container::seen::{DependencyState, Guest, GuestFact, Recorded, StopCause, TaskFact};
use zentoria_types::mark::ControlPlaneId;

/// Notes as people write them.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        3 => "[ -~]{1,30}",
        2 => "([ -~]{0,12}\n){1,3}[ -~]{0,12}",
        1 => Just("first line\r\nsecond line\r\n".to_owned()),
        1 => Just("# Größe\n\n- a\n- b\n\n\n".to_owned()),
        1 => Just("<img src='x'/> <!-- a comment -->".to_owned()),
    ]
}

pub fn whose() -> impl Strategy<Value = Whose> {
    prop_oneof![3 => Just(Whose::Ours), 7 => select(Whose::ALL.to_vec())]
}

/// Options as real guests have them, those that nobody here knows among them.
pub fn options() -> impl Strategy<Value = BTreeMap<String, String>> {
    const REAL: [(&str, &[&str]); 30] = [
        ("cores", &["1", "2", "4"]),
        ("cpulimit", &["0", "1.5", "2"]),
        ("cpuunits", &["100", "1024"]),
        ("memory", &["128", "512", "2048"]),
        ("swap", &["0", "512", "1024"]),
        ("hostname", &["zentoria-db", "old-name", "web.example.test"]),
        (
            "net0",
            &[
                "name=eth0,bridge=vmbr0,firewall=1,gw=10.10.0.1,hwaddr=BC:24:11:05:04:62,ip=10.10.40.4/16,type=veth",
                "name=eth0,bridge=vmbr1,hwaddr=BC:24:11:05:04:63,ip=dhcp,ip6=auto,tag=20,type=veth",
                "name=veth7,bridge=vmbr0,gw=10.10.40.9,hwaddr=BC:24:11:05:04:64,ip=10.10.40.9/22,link_down=1,mtu=1400,rate=5,trunks=1;2,type=veth",
            ],
        ),
        ("net1", &["name=eth1,bridge=vmbr1,hwaddr=BC:24:11:05:04:65,ip=manual,type=veth"]),
        (
            "rootfs",
            &[
                "local-zfs:subvol-404-disk-0,size=8G",
                "local-dir:404/vm-404-disk-0.raw,size=256M",
                "tank:subvol-404-disk-0,mountoptions=noatime;discard,size=40G",
            ],
        ),
        ("mp0", &["tank:subvol-404-disk-1,mp=/data,backup=1,size=102M", "/srv/data,mp=/data"]),
        ("unused0", &["tank:subvol-404-disk-7"]),
        ("lxc", &["lxc.apparmor.profile = unconfined", "lxc.cgroup2.devices.allow = c 226:* rwm"]),
        ("dev0", &["/dev/dri/renderD128,gid=104"]),
        ("features", &["nesting=1", "nesting=1,keyctl=1", "fuse=1,mount=nfs;cifs", "nesting=0"]),
        ("startup", &["order=2", "order=2,up=10,down=20", "up=0"]),
        ("onboot", &["0", "1"]),
        ("protection", &["0", "1"]),
        ("tags", &[" ", "web;prod", "zentoria", "estate;zentoria"]),
        ("nameserver", &["10.10.0.53", "1.1.1.1 9.9.9.9"]),
        ("searchdomain", &["example.test", "home.arpa"]),
        ("timezone", &["host", "Europe/Amsterdam"]),
        ("unprivileged", &["0", "1"]),
        ("hookscript", &["local:snippets/hook.sh"]),
        ("tty", &["1", "3"]),
        ("console", &["0"]),
        ("cmode", &["shell"]),
        ("env", &["A=1"]),
        ("parent", &["before-upgrade"]),
        ("future-option", &["x=1,y"]),
        ("template", &["0"]),
    ];
    let one = select(REAL.to_vec())
        .prop_flat_map(|(key, values)| (Just(key.to_owned()), select(values.to_vec()).prop_map(str::to_owned)));
    proptest::collection::vec(one, 0..12).prop_map(|list| list.into_iter().collect())
}

/// Changes that wait for a reboot, ours or a person's.
fn pending() -> impl Strategy<Value = BTreeMap<String, Option<String>>> {
    let key = select(vec![
        ("nameserver", "8.8.8.8"),
        ("searchdomain", "other.test"),
        ("features", "nesting=1"),
        ("timezone", "UTC"),
        ("tty", "2"),
    ]);
    let one = (key, any::<bool>()).prop_map(|((key, value), set)| (key.to_owned(), set.then(|| value.to_owned())));
    proptest::collection::vec(one, 0..3).prop_map(|list| list.into_iter().collect())
}

fn size(values: &'static [&'static str]) -> impl Strategy<Value = Option<Size>> {
    option::of(select(values).prop_map(|text| Size(text.to_owned())))
}

/// Up to three interfaces, of which each can be beside the others, in any order.
pub fn interfaces() -> BoxedStrategy<Vec<Interface>> {
    let list = (option::of(interface("eth0", 0)), option::of(interface("eth1", 1)), option::of(interface("lan", 2)));
    list.prop_map(|(a, b, c)| [a, b, c].into_iter().flatten().collect::<Vec<_>>()).prop_shuffle().boxed()
}

/// An interface whose addresses no other number has; only the first names a gateway.
fn interface(name: &'static str, number: usize) -> BoxedStrategy<Interface> {
    const V4: [&[&str]; 3] = [
        &["10.10.40.4/16", "10.10.40.4/22, gateway: 10.10.40.1", "dhcp", "manual"],
        &["10.10.41.4/16", "10.10.41.5/24", "dhcp"],
        &["10.10.42.4/16", "manual"],
    ];
    const V6: [&[&str]; 3] = [&["'fd00::4/64'", "auto"], &["'fd00::5/64'", "dhcp"], &["'fd00::6/64'", "manual"]];
    let address = |text: &&str| format!("{{address: {text}}}");
    let ipv4 = option::of(select(V4[number].iter().map(address).collect::<Vec<_>>()));
    let ipv6 = option::of(select(V6[number].iter().map(address).collect::<Vec<_>>()));
    let bridge = option::of(select(vec!["vmbr0", "vmbr1"]));
    let mac = option::weighted(0.2, Just(format!("bc:24:11:00:00:0{number}")));
    let switches = (option::of(any::<bool>()), option::weighted(0.2, any::<bool>()));
    let vlans = (option::weighted(0.3, select(vec![20u32, 100])), select(vec![vec![], vec![], vec![101, 100]]));
    let limits = (option::weighted(0.2, select(vec![0.0, 2.5])), option::weighted(0.2, Just(1400)));
    (ipv4, ipv6, bridge, mac, switches, vlans, limits)
        .prop_map(move |(ipv4, ipv6, bridge, mac, (firewall, link_down), (vlan, trunks), (rate, mtu))| Interface {
            name: name.into(),
            bridge: bridge.map(str::to_owned),
            ipv4: ipv4.map(|text| serde_saphyr::from_str(&text).unwrap()),
            ipv6: ipv6.map(|text| serde_saphyr::from_str(&text).unwrap()),
            mac,
            firewall,
            link_down,
            vlan,
            trunks,
            rate,
            mtu,
            ..Interface::default()
        })
        .boxed()
}

fn source() -> impl Strategy<Value = Option<Source>> {
    let clone = |vmid, container: Option<&str>, full| {
        Some(Source::Clone(CloneSource { vmid, container: container.map(str::to_owned), full, snapshot: None }))
    };
    prop_oneof![
        Just(None),
        Just(Some(Source::Template(TemplateSource {
            volume: Some(crate::fixture::TEMPLATE.into()),
            ..TemplateSource::default()
        }))),
        any::<bool>().prop_map(move |full| clone(Some(VmidField(CLONE_SOURCE)), None, full)),
        Just(clone(None, Some("golden"), true)),
        Just(read(
            "{template: {name: new.tar.zst, storage: local, url: 'http://10.10.0.9/x', checksum: \
                   'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}}"
        )),
        Just(read(
            "{image: {reference: 'docker.io/library/nginx:1.29', storage: local, entrypoint: /run, env: {A: b}}}"
        )),
        Just(read("{backup: {storage: tank, vmid: 404}}")),
    ]
}

fn read(source: &str) -> Option<Source> {
    Some(serde_saphyr::from_str(source).unwrap_or_else(|error| panic!("{source}: {error}")))
}

fn features() -> impl Strategy<Value = Features> {
    let switch = || option::of(any::<bool>());
    (switch(), switch(), option::weighted(0.2, any::<bool>())).prop_map(|(nesting, keyctl, fuse)| Features {
        nesting,
        keyctl,
        fuse,
        ..Features::default()
    })
}

/// Mounts of a spec, each with a name and a path of its own.
pub fn mounts() -> impl Strategy<Value = Vec<Mount>> {
    const MOUNTS: [&str; 6] = [
        "name: data, path: /data, volume: {size: 1Gi}",
        "name: logs, path: /logs, volume: {size: 8Gi, storage: tank}, backup: true",
        "name: cache, path: /var/cache, slot: 7, volume: {size: 2Gi}, reclaimPolicy: Delete",
        "name: media, path: /media, bind: {path: /srv/data/media}, readOnly: true",
        "name: more, path: /more, volume: {size: 4Gi, storage: local-zfs}, readOnly: true",
        "name: spool, path: /var/spool, slot: 3, volume: {size: 1Gi}, backup: false",
    ];
    let chosen = proptest::sample::subsequence(MOUNTS.to_vec(), 0..4).prop_shuffle();
    chosen
        .prop_map(|list| list.into_iter().map(|text| serde_saphyr::from_str(&format!("{{{text}}}")).unwrap()).collect())
}

fn devices() -> impl Strategy<Value = Vec<Device>> {
    const DEVICES: [&str; 3] = [
        "path: /dev/dri/renderD128, gid: 104",
        "path: /dev/kfd",
        "path: /dev/dri/card0, mode: '0660', denyWrite: true",
    ];
    proptest::sample::subsequence(DEVICES.to_vec(), 0..4)
        .prop_map(|list| list.into_iter().map(|text| serde_saphyr::from_str(&format!("{{{text}}}")).unwrap()).collect())
}

fn of_node() -> impl Strategy<Value = (Option<&'static str>, Option<Console>)> {
    let console = option::weighted(0.3, (option::of(any::<bool>()), option::of(0u32..4)));
    let script = option::weighted(0.2, select(vec!["", "local:snippets/hook.sh"]));
    (script, console.prop_map(|console| console.map(|(enabled, tty)| Console { enabled, tty, mode: None })))
}

/// Specs that are well-formed and allowed.
pub fn specs() -> impl Strategy<Value = ZentoriaContainerSpec> {
    let resources = (
        option::of(1u32..9),
        option::of(select(vec![0.0, 0.5, 1.5, 2.0])),
        option::of(8u32..2000),
        size(&["64Mi", "512Mi", "2Gi"]),
        size(&["0", "512Mi"]),
    )
        .prop_map(|(cores, cpu_limit, cpu_units, memory, swap)| Resources {
            cores,
            cpu_limit,
            cpu_units,
            memory,
            swap,
        });
    let startup = (option::of(any::<bool>()), option::of(0u32..4), option::of(0u32..3), option::of(0u32..3)).prop_map(
        |(on_boot, order, up_delay_seconds, down_delay_seconds)| Startup {
            on_boot,
            order,
            up_delay_seconds,
            down_delay_seconds,
        },
    );
    let tags = option::of(proptest::collection::vec("[a-z]{1,5}", 0..3))
        .prop_map(|tags| tags.map(|tags| tags.into_iter().map(Tag).collect::<Vec<_>>()));
    let words = (
        option::of(select(vec!["zentoria-db", "db.example.test"])),
        option::of(text()),
        option::of(select(vec!["Europe/Amsterdam", "host"])),
        option::of(select(vec!["{nameservers: [10.10.0.53]}", "{searchDomain: example.test}", "{searchDomain: ''}"])),
    );
    let policies = (
        select(vec![Adoption::Never, Adoption::IfMarked, Adoption::IfExists]),
        select(vec![OnMissing::Stall, OnMissing::Recreate]),
        option::of(select(vec![PowerState::Running, PowerState::Stopped])),
        select(vec![OnExternalStop::Respect, OnExternalStop::Restart]),
        select(vec![RebootPolicy::Never, RebootPolicy::Automatic]),
    );
    let parts = (
        (resources, option::of(startup), tags, option::of(features()), interfaces()),
        words,
        policies,
        (source(), option::weighted(0.8, select(vec!["1Gi", "8Gi", "20Gi"])), option::of(any::<bool>())),
        (option::weighted(0.2, Just("tank")), mounts(), option::weighted(0.3, devices()), of_node()),
    );
    parts.prop_map(|((resources, startup, tags, features, interfaces), words, policies, made, held)| {
        let (source, disk, protection) = made;
        let (storage, mounts, devices, (hookscript, console)) = held;
        let (hostname, description, timezone, dns) = words;
        let (adoption, on_missing, state, on_external_stop, reboot_policy) = policies;
        let mut spec = spec(&format!("vmid: {VMID}"));
        (spec.resources, spec.startup, spec.tags, spec.features) = (resources, startup, tags, features);
        spec.network.interfaces = interfaces;
        spec.network.dns = dns.map(|text| serde_saphyr::from_str(text).unwrap());
        (spec.hostname, spec.description) = (hostname.map(str::to_owned), description);
        spec.timezone = timezone.map(str::to_owned);
        (spec.adoption, spec.on_missing, spec.reboot_policy) = (adoption, on_missing, reboot_policy);
        spec.power = Power { state, on_external_stop };
        spec.root_disk = disk.map(|size| RootDisk { storage: storage.map(str::to_owned), size: Size(size.into()) });
        (spec.mounts, spec.devices) = (mounts, devices);
        (spec.hookscript, spec.console) = (hookscript.map(str::to_owned), console);
        (spec.source, spec.protection) = (source, protection);
        spec
    })
}

/// A guest at the VMID, whoever's.
pub fn guests() -> impl Strategy<Value = (Whose, Guest)> {
    guests_with(options())
}

/// A guest with few options, of those that a safeguard looks at.
pub fn plain_guests() -> impl Strategy<Value = (Whose, Guest)> {
    let option = |key: &str, value: &str| {
        let (key, value) = (key.to_owned(), value.to_owned());
        prop::bool::weighted(0.2).prop_map(move |there| there.then(|| (key.clone(), value.clone())))
    };
    let options = (
        option("mp0", "tank:subvol-404-disk-1,mp=/data,size=1G"),
        option("unused0", "tank:subvol-404-disk-7"),
        option("protection", "1"),
        option("tags", "web"),
    );
    guests_with(options.prop_map(|(a, b, c, d)| [a, b, c, d].into_iter().flatten().collect()))
}

fn guests_with(options: impl Strategy<Value = BTreeMap<String, String>>) -> impl Strategy<Value = (Whose, Guest)> {
    let running = prop_oneof![
        4 => Just(Fact::Known(true)),
        4 => Just(Fact::Known(false)),
        1 => Just(Fact::Unknown("no answer".to_owned())),
    ];
    let lock = option::weighted(0.15, select(vec!["backup", "create", "migrate"]));
    (whose(), text(), options, pending(), running, any::<bool>(), prop::bool::weighted(0.15), lock).prop_map(
        |(whose, text, options, pending, running, has_pending, ha, lock)| {
            let mut guest = new_guest(VMID, &[]);
            guest.config.current.extend(options);
            // A stopped guest has nothing pending.
            if running == Fact::Known(true) && has_pending {
                guest.config.pending = pending;
                let current = guest.config.current.clone();
                guest.config.pending.retain(|key, value| value.is_some() || current.contains_key(key));
            }
            let description = whose.description(&text);
            if !description.is_empty() {
                guest.config.current.insert("description".into(), description);
            }
            guest.config.current.extend(lock.map(|lock| ("lock".to_owned(), lock.to_owned())));
            (guest.running, guest.ha) = (running, ha);
            guest.config.digest = digest_of(&guest.config);
            (whose, guest)
        },
    )
}

fn causes() -> impl Strategy<Value = StopCause> {
    prop_oneof![
        Just(StopCause::Person("ops@pve".into())),
        Just(StopCause::Ours),
        Just(StopCause::NodeShutdown),
        Just(StopCause::Crash),
    ]
}

/// What status remembers of a guest.
fn records() -> impl Strategy<Value = Recorded> {
    let origin = select(vec![Origin::Template, Origin::Clone, Origin::Adopted, Origin::TakenBack]);
    let power = option::of(select(vec![RunState::Running, RunState::Stopped]));
    option::weighted(0.7, (origin, prop::bool::weighted(0.7), power)).prop_map(|record| match record {
        None => Recorded::default(),
        Some((origin, finished, power)) => Recorded {
            vmid: Some(vmid(VMID)),
            created: Some(created(origin, finished)),
            defaults: None,
            power: power.filter(|_| finished).map(|state| PowerStatus { state, stopped_by: None }),
            ..Recorded::default()
        },
    })
}

/// Everything that can be seen, at any moment.
pub fn worlds() -> impl Strategy<Value = (Option<Whose>, World)> {
    let there = prop_oneof![8 => guests().prop_map(Some), 2 => Just(None)];
    let facts = (
        prop::bool::weighted(0.3),                                     // root credential
        prop::bool::weighted(0.5),                                     // takeover
        prop::bool::weighted(0.1),                                     // permissions
        prop::bool::weighted(0.15),                                    // observe
        select(vec![None, None, None, None, Some(false), Some(true)]), // failed or conflict
        select(vec![None, Some(DependencyState::Met), Some(DependencyState::Missing)]),
        select(vec![None, Some(FirewallMode::Enforce), Some(FirewallMode::Enforce), Some(FirewallMode::Observe)]),
    );
    (specs(), there, records(), causes(), facts).prop_map(|(spec, there, recorded, cause, facts)| {
        let (root, takeover, denied, observe, trouble, dependency, filtered) = facts;
        let mut world = World::new(spec);
        let whose = there.as_ref().map(|(whose, _)| *whose);
        if let Some((_, guest)) = there {
            world.seen.guest = GuestFact::Present(Box::new(guest));
        }
        (world.seen.recorded, world.cause) = (recorded, cause);
        world.seen.firewall = filtered.map(|mode| crate::fixture::compiled(mode, Ok(crate::fixture::firewall(5432))));
        world.seen.cluster.root_credential = root;
        world.seen.cluster.takeover = takeover.then(|| ControlPlaneId::new(OLD_CP).unwrap());
        if denied {
            world.seen.cluster.missing_permissions = vec!["/vms: VM.Allocate".into()];
        }
        if observe {
            world.cluster.mode = Mode::Observe;
        }
        match trouble {
            Some(true) => world.seen.conflict = Some("vmid 404 is claimed by zentoria/other already".into()),
            Some(false) => {
                let (action, message) = (zentoria_api::container::TaskAction::Start, "exit 1".to_owned());
                world.seen.task = TaskFact::Failed { action, message };
            }
            None => {}
        }
        if let Some(state) = dependency {
            let name = "zentoria-net".to_owned();
            world.spec.depends_on = vec![zentoria_api::container::Dependency {
                name: name.clone(),
                condition: zentoria_api::container::DependencyCondition::Ready,
                soft: false,
            }];
            world.seen.dependencies.insert(name, state);
        }
        world.look();
        (whose, world)
    })
}

/// Worlds with a plain wish, for judging plans that nobody planned.
pub fn plain_worlds() -> impl Strategy<Value = (Option<Whose>, World)> {
    let there = prop_oneof![8 => plain_guests().prop_map(Some), 1 => Just(None)];
    let adoption = select(vec![Adoption::IfMarked, Adoption::IfExists]);
    let origin = select(vec![None, Some(Origin::Template), Some(Origin::Adopted), Some(Origin::TakenBack)]);
    let wish = (adoption, origin);
    (there, wish, any::<bool>(), prop::bool::weighted(0.1)).prop_map(
        |(there, (adoption, origin), takeover, observe)| {
            let mut world = World::new(spec("vmid: 404"));
            world.spec.adoption = adoption;
            world.seen.recorded.created = origin.map(|origin| created(origin, true));
            let whose = there.as_ref().map(|(whose, _)| *whose);
            if let Some((_, guest)) = there {
                world.seen.guest = GuestFact::Present(Box::new(guest));
            }
            world.seen.cluster.takeover = takeover.then(|| ControlPlaneId::new(OLD_CP).unwrap());
            if observe {
                world.cluster.mode = Mode::Observe;
            }
            (whose, world)
        },
    )
}

/// Worlds in which nothing stands in the way: a container that is to be made, or whose guest is or becomes ours.
pub fn open_worlds() -> impl Strategy<Value = World> {
    let there = prop_oneof![1 => Just(None), 3 => guests().prop_map(Some)];
    let cause = prop_oneof![Just(StopCause::Ours), Just(StopCause::NodeShutdown), Just(StopCause::Crash)];
    let start = select(vec![None, Some(Origin::Template), Some(Origin::Adopted), Some(Origin::TakenBack)]);
    (specs(), there, cause, start, any::<bool>()).prop_map(|(mut spec, there, cause, origin, finished)| {
        if spec.adoption == Adoption::Never || there.is_none() {
            spec.adoption = Adoption::IfMarked;
        }
        spec.root_disk.get_or_insert(RootDisk { storage: None, size: Size("8Gi".into()) });
        let Some((whose, guest)) = there else {
            if matches!(spec.source, Some(Source::Backup(_))) && spec.network.interfaces.is_empty() {
                // The backup has a static address.
                spec.network.interfaces = vec![Interface { name: "eth0".into(), ..Interface::default() }];
            }
            let mut world = World::new(spec);
            (world.cause, world.seen.cluster.root_credential) = (cause, true);
            world.others.get_mut(&vmid(400)).unwrap().running = Fact::Known(finished);
            return world;
        };
        let whose = match whose {
            Whose::Copy | Whose::OtherObject | Whose::OtherEstate | Whose::Unreadable | Whose::TwoMarks => {
                Whose::Nobody
            }
            Whose::Ours
            | Whose::OursRetained
            | Whose::OursTrashed
            | Whose::OursOfALaterVersion
            | Whose::OldControlPlane
            | Whose::Nobody => whose,
        };
        if whose == Whose::Nobody {
            spec.adoption = Adoption::IfExists;
        }
        for interface in &mut spec.network.interfaces {
            // One that the guest lacks can be added where its bridge is named.
            interface.bridge.get_or_insert_with(|| "vmbr0".to_owned());
        }
        let mut world = with_guest(spec, "", &[], false);
        let there = crate::fixture::guest_mut(&mut world.seen).unwrap();
        *there = guest;
        there.ha = false;
        if there.running.known().is_none() {
            there.running = Fact::Known(true);
        }
        there.config.current.remove("lock");
        let text = there.config.description().lines().filter(|line| !line.contains("zentoria.ai/v1"));
        let text = text.collect::<Vec<_>>().join("\n");
        there.config.current.insert("description".into(), whose.description(&text));
        there.config.digest = digest_of(&there.config);
        (world.cause, world.seen.cluster.root_credential) = (cause, true);
        world.seen.cluster.takeover = Some(ControlPlaneId::new(OLD_CP).unwrap());
        if whose.is_ours() {
            world.seen.recorded.vmid = origin.map(|_| vmid(VMID));
            // Nothing is let go while it is being made.
            let finished = finished || matches!(whose, Whose::OursRetained | Whose::OursTrashed);
            world.seen.recorded.created = origin.map(|origin| created(origin, finished));
        }
        world
    })
}

/// Options of a change that nobody planned.
pub fn any_option() -> impl Strategy<Value = BTreeMap<String, String>> {
    let key = select(vec!["memory", "rootfs", "mp0", "lock", "description", "net0", "unused0", "tags"]);
    btree_map(key.prop_map(str::to_owned), "[a-z0-9=:;-]{1,8}", 0..3)
}
