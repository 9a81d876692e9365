//! What happens to a change, by class, policy, window and approval: one table; and what never happens, by properties.

use crate::fixture::{guest_mut, guest_of, spec};
use crate::model::{World, digest_of, with_guest};
use crate::strategies::open_worlds;
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config as Settings;
use std::fmt::Write;
use zentoria_api::cluster::FinalBackup;
use zentoria_api::conditions::UpToDateReason;
use zentoria_api::container::{
    Approval, BeforeChange, ChangeClass, GuardedClass, KeepMethod, OnImpossible, Origin, PowerStatus, RebootPolicy,
    ReplacePolicy, RunState,
};
use zentoria_core::Fact;
use zentoria_core::container::guard::guard;
use zentoria_core::container::plan::plan;
use zentoria_core::container::seen::Window;
use zentoria_core::container::step::Step;
use zentoria_core::container::want::Want;

fn opens() -> Timestamp {
    "2026-06-07T02:00:00Z".parse().unwrap()
}

/// A running guest of ours in a cluster that allows everything.
fn running(fields: &str) -> World {
    let description = crate::fixture::Whose::Ours.description("");
    let usual = [("hostname", "zentoria-db"), ("tags", "zentoria"), ("nameserver", "8.8.8.8"), ("onboot", "1")];
    let mut world = with_guest(spec(fields), &description, &usual, true);
    world.cluster.access[0].allow.privileged = true;
    world.seen.cluster.root_credential = true;
    world.seen.cluster.destroys_left = 2;
    world.seen.cluster.final_backup = FinalBackup::None;
    let recorded = &mut world.seen.recorded;
    recorded.vmid = Some(crate::fixture::vmid(crate::fixture::VMID));
    recorded.created = Some(crate::fixture::created(Origin::Template, true));
    let defaults = zentoria_api::container::RecordedDefaults {
        template: Some(crate::fixture::TEMPLATE.into()),
        storage: Some("local-zfs".into()),
        ..Default::default()
    };
    recorded.defaults = Some(defaults);
    recorded.power = Some(PowerStatus { state: RunState::Running, stopped_by: None });
    world
}

/// What is done, in a word.
fn done(steps: &[Step], parked: Option<UpToDateReason>) -> String {
    match (steps.last(), parked) {
        (Some(Step::Configure(_)), _) => "changed at once".into(),
        (Some(Step::Reboot), _) => "reboots".into(),
        (Some(Step::Shutdown), _) => "replaced".into(),
        (Some(step), _) => step.to_string(),
        (None, Some(reason)) => format!("parked: {reason}"),
        (None, None) => "pending".into(),
    }
}

/// class | its policy | window | approved -> what happens.
#[test]
fn what_happens_to_a_change() {
    const TABLE: &str = "
Hot     | Never     | none   | no  -> changed at once
Reboot  | Never     | none   | no  -> pending
Reboot  | Never     | open   | no  -> pending
Reboot  | Never     | closed | no  -> pending
Reboot  | Never     | none   | yes -> reboots
Reboot  | Never     | closed | yes -> reboots
Reboot  | Window    | none   | no  -> pending
Reboot  | Window    | open   | no  -> reboots
Reboot  | Window    | closed | no  -> parked: WaitingForWindow
Reboot  | Window    | none   | yes -> reboots
Reboot  | Window    | closed | yes -> reboots
Reboot  | Automatic | none   | no  -> reboots
Reboot  | Automatic | closed | no  -> reboots
Replace | Never     | none   | no  -> pending
Replace | Never     | open   | no  -> pending
Replace | Never     | none   | yes -> replaced
Replace | Recreate  | none   | no  -> replaced
Replace | Recreate  | closed | no  -> replaced
Impossible | Never  | open   | yes -> pending
";
    let mut page = String::from("\n");
    for row in TABLE.lines().filter(|line| !line.is_empty()) {
        let (asked, _) = row.split_once(" -> ").unwrap();
        let words: Vec<&str> = asked.split('|').map(str::trim).collect();
        let [class, policy, window, approved] = words.as_slice() else { panic!("{row}") };
        let change = match *class {
            "Hot" => "resources: {memory: 4Gi}".to_owned(),
            "Reboot" => format!("network: {{dns: {{nameservers: [10.10.0.53]}}}}, rebootPolicy: {policy}"),
            "Replace" => format!("unprivileged: false, replacePolicy: {policy}"),
            "Impossible" => "rootDisk: {size: 4Gi}".to_owned(),
            other => panic!("{other}"),
        };
        let disk = if *class == "Impossible" { "" } else { ", rootDisk: {size: 8Gi}" };
        let mut world = running(&format!("vmid: 404, {change}{disk}"));
        world.seen.window = match *window {
            "none" => Window::None,
            "open" => Window::Open,
            _ => Window::Closed(Some(opens())),
        };
        if *class == "Reboot" {
            // Stored already; only the reboot is left.
            guest_mut(&mut world.seen).unwrap().config.pending.insert("nameserver".into(), Some("10.10.0.53".into()));
        }
        let before = world.plan();
        if *approved == "yes" {
            world.seen.approved = before.pending.iter().map(|change| change.digest.clone()).collect();
        }
        let plan = world.plan();
        writeln!(page, "{asked} -> {}", done(&plan.steps, plan.verdict.parked)).unwrap();
    }
    assert_eq!(page, TABLE);
}

#[test]
fn one_reboot_applies_everything_so_everything_must_be_approved() {
    let mut world =
        running("vmid: 404, timezone: host, network: {dns: {nameservers: [10.10.0.53]}}, rootDisk: {size: 8Gi}");
    world.round();
    let pending = world.plan().pending;
    assert_eq!(pending.len(), 2);
    world.seen.approved.insert(pending[0].digest.clone());
    assert_eq!(world.plan().steps, []);
    world.seen.approved.insert(pending[1].digest.clone());
    assert_eq!(world.plan().steps, [Step::Reboot]);
    // What is stored in the same act was not there to be approved.
    world.spec.network.dns.as_mut().unwrap().search_domain = Some("example.test".into());
    assert!(world.plan().steps.iter().all(|step| matches!(step, Step::Configure(_))));
}

fn before_change() -> impl Strategy<Value = Option<BeforeChange>> {
    let classes = select(vec![
        vec![GuardedClass::Reboot, GuardedClass::Replace],
        vec![GuardedClass::Hot],
        vec![GuardedClass::Hot, GuardedClass::Reboot, GuardedClass::Replace],
    ]);
    let method = select(vec![KeepMethod::Auto, KeepMethod::Snapshot, KeepMethod::Vzdump]);
    let impossible = select(vec![OnImpossible::Refuse, OnImpossible::Proceed]);
    let before = (classes, method, impossible, 1u32..3).prop_map(|(classes, method, on_impossible, keep)| {
        BeforeChange { classes, method, on_impossible, keep, max_age: None }
    });
    proptest::option::of(before)
}

/// Worlds with every policy, in which a guest may be asked to become privileged.
fn dangerous_worlds() -> impl Strategy<Value = World> {
    let policies = (
        select(vec![RebootPolicy::Never, RebootPolicy::Window, RebootPolicy::Automatic]),
        select(vec![ReplacePolicy::Never, ReplacePolicy::Recreate]),
        select(vec![Approval::None, Approval::Required]),
        select(vec![Window::None, Window::Open, Window::Closed(None)]),
    );
    let cluster = (
        select(vec![FinalBackup::Required, FinalBackup::IfPossible, FinalBackup::None]),
        any::<bool>(),
        0u32..3,
        any::<bool>(),
        any::<bool>(),
    );
    (open_worlds(), policies, before_change(), cluster, proptest::option::of(any::<bool>())).prop_map(
        |(mut world, (reboot, replace, approval, window), before, (backup, storage, left, can, all), privileged)| {
            (world.spec.reboot_policy, world.spec.replace_policy) = (reboot, replace);
            (world.spec.approval, world.spec.before_change) = (approval, before);
            world.spec.unprivileged = privileged;
            world.cluster.access[0].allow.privileged = true;
            world.seen.window = window;
            let facts = &mut world.seen.cluster;
            (facts.final_backup, facts.destroys_left) = (backup, left);
            facts.backup_storage = storage.then(|| "nas".to_owned());
            world.can_snapshot = can;
            if all {
                // A person approves whatever is pending at the first look.
                let pending = world.plan().pending;
                world.seen.approved.extend(pending.into_iter().map(|change| change.digest));
            }
            world
        },
    )
}

/// Every byte of what could be lost.
fn treasures(world: &World) -> Vec<String> {
    let Some(guest) = guest_of(&world.seen) else { return Vec::new() };
    let mut keys: Vec<String> =
        guest.config.current.keys().filter(|key| key.starts_with("mp") || key.starts_with("unused")).cloned().collect();
    keys.extend(guest.snapshots.known().into_iter().flatten().map(|snapshot| snapshot.name.clone()));
    keys
}

proptest! {
    #![proptest_config(Settings { failure_persistence: None, ..Settings::default() })]

    #[test]
    fn nothing_reboots_without_permission_and_no_guest_with_data_is_lost(mut world in dangerous_worlds()) {
        for _ in 0..12 {
            let before = world.clone();
            let plan = world.round();
            prop_assert!(plan.verdict.reason != zentoria_api::conditions::ContainerReason::Bug, "{}", plan.verdict.message);
            let approved = |class: ChangeClass| {
                let mut of_class = plan.pending.iter().filter(|change| change.class == class).peekable();
                of_class.peek().is_some() && of_class.all(|change| world.seen.approved.contains(&change.digest))
            };
            for step in &plan.steps {
                match step {
                    Step::Reboot => {
                        let by_policy = match before.spec.reboot_policy {
                            RebootPolicy::Automatic => true,
                            RebootPolicy::Window => before.seen.window == Window::Open,
                            RebootPolicy::Never => false,
                        };
                        prop_assert!(by_policy || approved(ChangeClass::Reboot), "{:?}", plan.pending);
                    }
                    Step::Destroy { replacing } => {
                        prop_assert!(replacing.is_some());
                        prop_assert_eq!(treasures(&before), Vec::<String>::new());
                        prop_assert!(before.seen.cluster.destroys_left > 0);
                        let by_policy = before.spec.replace_policy == ReplacePolicy::Recreate
                            && before.spec.approval == Approval::None;
                        let digest = &replacing.as_ref().unwrap().digest;
                        prop_assert!(by_policy || before.seen.approved.contains(digest));
                        let kept = before.backups.iter().any(|backup| backup.notes.contains(digest.as_str()));
                        let required = before.seen.cluster.final_backup == FinalBackup::Required;
                        prop_assert!(kept || !required);
                    }
                    _ => {}
                }
            }
            if plan.steps.is_empty() {
                break;
            }
        }
        // Whatever was begun is finished: there is a guest, or none was ever allowed to be made.
        let there = guest_of(&world.seen).is_some();
        prop_assert!(there || world.spec.approval == Approval::Required, "{:?}", world.plan());
        prop_assert!(!there || world.seen.recorded.replacing.is_none());
    }

    #[test]
    fn before_a_guarded_change_something_is_kept_or_it_was_impossible(mut world in dangerous_worlds()) {
        for _ in 0..12 {
            let before = world.clone();
            let plan = world.round();
            let Some(asked) = &before.spec.before_change else { break };
            let guarded = asked.classes.contains(&GuardedClass::Reboot) && asked.on_impossible == OnImpossible::Refuse;
            if guarded && before.seen.recorded.is_finished() && plan.steps.contains(&Step::Reboot) {
                let ours = |name: &str| name.starts_with("zentoria-");
                let guest = guest_of(&before.seen).unwrap();
                let snapshot = guest.snapshots.known().into_iter().flatten().any(|snapshot| ours(&snapshot.name));
                prop_assert!(snapshot || !before.backups.is_empty());
            }
            if plan.steps.is_empty() {
                break;
            }
        }
    }
}

#[test]
fn a_replacement_keeps_the_vmid_and_the_mac_and_ends() {
    let mut world = running(
        "vmid: 404, unprivileged: false, replacePolicy: Recreate, rootDisk: {size: 8Gi}, network: {interfaces: [{bridge: vmbr0, ipv4: {address: dhcp}}]}",
    );
    world.seen.cluster.final_backup = FinalBackup::Required;
    world.seen.cluster.backup_storage = Some("nas".into());
    let guest = guest_mut(&mut world.seen).unwrap();
    guest
        .config
        .current
        .insert("net0".into(), "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:BB:CC,ip=dhcp,type=veth".into());
    guest.config.digest = digest_of(&guest.config);
    let mut said = Vec::new();
    for _ in 0..12 {
        let plan = world.round();
        if plan.steps.is_empty() {
            break;
        }
        said.extend(plan.steps.iter().map(|step| step.to_string().lines().next().unwrap().to_owned()));
    }
    assert_eq!(
        said,
        [
            "back up to nas",
            "shutdown",
            "destroy, to be made anew",
            "create from local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst",
            "clear leftover firewall configuration",
            "note as made",
            "start"
        ]
    );
    let guest = guest_of(&world.seen).unwrap();
    assert_eq!((guest.vmid.get(), guest.running.clone()), (404, Fact::Known(true)));
    assert!(guest.config.current["net0"].contains("hwaddr=BC:24:11:AA:BB:CC"), "{:?}", guest.config.current);
    assert_eq!(guest.config.current["unprivileged"], "0");
    assert_eq!(world.backups.len(), 1);
}

/// The guard reads for itself: of everything that a replacement needs, one thing after the other is taken away once it
/// was planned.
#[test]
fn the_guard_lets_no_replacement_through_that_lacks_anything() {
    let mut world = running(
        "vmid: 404, unprivileged: false, replacePolicy: Recreate, rootDisk: {size: 8Gi}, network: {interfaces: \
         [{bridge: vmbr0, ipv4: {address: dhcp}}]}",
    );
    world.seen.cluster.final_backup = FinalBackup::Required;
    world.seen.cluster.backup_storage = Some("nas".into());
    let guest = guest_mut(&mut world.seen).unwrap();
    guest
        .config
        .current
        .insert("net0".into(), "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:AA:BB:CC,ip=dhcp,type=veth".into());
    guest.config.digest = digest_of(&guest.config);
    world.round();
    world.round();
    world.look();
    let want = world.want().unwrap();
    let planned = plan(&want, &world.seen);
    assert!(matches!(planned.steps.as_slice(), [Step::Destroy { replacing: Some(_) }]), "{:?}", planned.steps);
    assert_eq!(guard(planned.clone(), &want, &world.seen), planned);

    type Change = fn(&mut Want, &mut zentoria_core::container::seen::Seen);
    let lacks: [(&str, Change); 13] = [
        ("a policy", |want, _| want.replace_policy = ReplacePolicy::Never),
        ("an approval", |want, _| want.approval = Approval::Required),
        ("a wish", |want, _| want.unprivileged = true),
        ("a wish that is named", |want, _| want.unprivileged_named = false),
        ("a source", |want, _| want.source = None),
        ("a backup", |_, seen| seen.backups = Some(Fact::Known(Vec::new()))),
        ("a look at the backups", |_, seen| seen.backups = None),
        ("a ration", |_, seen| seen.cluster.destroys_left = 0),
        ("an end of replication", |_, seen| seen.cluster.replicated = [crate::fixture::vmid(404)].into()),
        ("an end of snapshots", |_, seen| guest_mut(seen).unwrap().snapshots = Fact::Unknown("?".into())),
        ("an end of protection", |_, seen| {
            guest_mut(seen).unwrap().config.current.insert("protection".into(), "1".into());
        }),
        ("an end of mounts", |_, seen| {
            guest_mut(seen).unwrap().config.current.insert("mp0".into(), "tank:x,mp=/data".into());
        }),
        ("its MAC", |_, seen| {
            let net = "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:00,type=veth";
            guest_mut(seen).unwrap().config.current.insert("net0".into(), net.into());
        }),
    ];
    for (what, take_away) in lacks {
        let (mut want, mut seen) = (want.clone(), world.seen.clone());
        take_away(&mut want, &mut seen);
        let judged = guard(planned.clone(), &want, &seen);
        assert!(judged.steps.is_empty(), "lets it through without {what}");
    }
}
