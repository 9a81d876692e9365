//! What must never pass, stated over a guard (or a planner) that is given: the real one holds, mutants must not.

use crate::fixture::{CP, VMID, Whose, guest_of, vmid};
use crate::model::World;
use crate::strategies::{any_option, plain_worlds, text, worlds};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config as Settings, RngAlgorithm, TestError, TestRng, TestRunner};
use zentoria_api::common::Mode;
use zentoria_api::container::{Adoption, Origin, RebootPolicy, RecordedDefaults};
use zentoria_core::Fact;
use zentoria_core::container::seen::{Guest, Seen};
use zentoria_core::container::step::{
    CloneGuest, Configure, Create, MarkGuest, MarkPurpose, Plan, Step, TakeSnapshot, Target,
};
use zentoria_core::container::want::Want;
use zentoria_types::size::Bytes;
use zentoria_types::vmid::Vmid;

/// A guard.
pub type Guard<'a> = &'a dyn Fn(Plan, &Want, &Seen) -> Plan;
/// A guard of deletions.
/// A planner.
pub type Planner<'a> = &'a dyn Fn(&Want, &Seen) -> Plan;

/// A runner that always takes the same way, so that a mutant is found today and tomorrow.
pub fn runner(cases: u32) -> TestRunner {
    let settings = Settings { cases, failure_persistence: None, max_shrink_iters: 0, ..Settings::default() };
    TestRunner::new_with_rng(settings, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// The first line of a counterexample, where there is one.
pub fn outcome<T: std::fmt::Debug>(result: Result<(), TestError<T>>) -> Result<(), String> {
    result.map_err(|error| match error {
        TestError::Fail(reason, _) => reason.message().to_owned(),
        TestError::Abort(reason) => panic!("the test itself gave up: {reason}"),
    })
}

/// A description somebody might write: whoever's mark, over whichever text.
fn descriptions() -> impl Strategy<Value = Option<String>> {
    let whose = select(Whose::ALL.to_vec());
    prop_oneof![
        1 => Just(None),
        3 => select(Whose::ALL.to_vec()).prop_map(|whose| Some(whose.description(SAME))),
        3 => Just(Some(Whose::Ours.description(SAME))),
        3 => (whose, text()).prop_map(|(whose, text)| Some(whose.description(&text))),
    ]
}

/// Stands for the text that the guest has.
const SAME: &str = "@the same text@";

/// The plan with the guest's own text where it stands for it.
pub fn over(plan: Plan, description: &str) -> Plan {
    let lines: Vec<&str> = description.lines().filter(|line| !line.starts_with("<!-- zentoria.ai/")).collect();
    let text = lines.join("\n");
    let fill = |description: &mut String| {
        let same = if text.is_empty() { format!("{SAME}\n") } else { SAME.to_owned() };
        *description = description.replace(&same, &text);
    };
    let mut plan = plan;
    for step in &mut plan.steps {
        match step {
            Step::Create(create) => create.options.get_mut("description").into_iter().for_each(fill),
            Step::Clone(clone) => fill(&mut clone.description),
            Step::Mark(mark) => mark.description.iter_mut().for_each(fill),
            Step::Configure(configure) => configure.set.get_mut("description").into_iter().for_each(fill),
            Step::Restore(restore) => restore.options.get_mut("description").into_iter().for_each(fill),
            Step::ClearFirewall
            | Step::WriteFirewall(_)
            | Step::Finish
            | Step::Pull(_)
            | Step::Resize { .. }
            | Step::MoveVolume { .. }
            | Step::Migrate { .. }
            | Step::Snapshot(_)
            | Step::DeleteSnapshot { .. }
            | Step::Backup(_)
            | Step::DeleteBackup { .. }
            | Step::ConvertToTemplate
            | Step::Start
            | Step::Shutdown
            | Step::Reboot
            | Step::Destroy { .. }
            | Step::ForgetVmid => {}
        }
    }
    plan
}

fn steps() -> impl Strategy<Value = Step> {
    let purpose = select(vec![
        MarkPurpose::Adopt,
        MarkPurpose::TakeBack,
        MarkPurpose::Rebind,
        MarkPurpose::Retain,
        MarkPurpose::Trash,
    ]);
    let mark = (purpose, descriptions(), option_of(vec!["zentoria", "web;zentoria"])).prop_map(
        |(purpose, description, tags)| {
            let tags = tags.map(str::to_owned);
            Step::Mark(MarkGuest { purpose, description, tags, on_boot: None })
        },
    );
    let delete = proptest::collection::vec(select(vec!["description", "memory", "mp0", "net1", "tags"]), 0..2);
    let configure = (any_option(), delete, descriptions()).prop_map(|(mut set, delete, description)| {
        set.extend(description.map(|text| ("description".to_owned(), text)));
        let delete = delete.into_iter().map(str::to_owned).collect();
        Step::Configure(Configure { set, delete, ..Configure::default() })
    });
    let create = (descriptions(), select(vec!["local-zfs:8", "tank:subvol-101-disk-0"])).prop_map(|(text, rootfs)| {
        let mut options = std::collections::BTreeMap::from([("rootfs".to_owned(), rootfs.to_owned())]);
        options.extend(text.map(|text| ("description".to_owned(), text)));
        Step::Create(Create {
            template: crate::fixture::TEMPLATE.into(),
            options,
            ssh_keys: Vec::new(),
            defaults: RecordedDefaults::default(),
            storage: "local-zfs".into(),
            pool: None,
            origin: zentoria_api::container::Origin::Template,
        })
    });
    let clone = (descriptions(), select(vec![VMID, 900])).prop_map(|(description, source)| {
        Step::Clone(CloneGuest {
            source: vmid(source),
            source_node: crate::fixture::node("pve1"),
            full: true,
            snapshot: None,
            storage: None,
            hostname: "copy".into(),
            description: description.unwrap_or_default(),
            pool: None,
            defaults: RecordedDefaults::default(),
        })
    });
    let plain = select(vec![
        Step::ClearFirewall,
        Step::WriteFirewall(Box::new(crate::fixture::firewall(5432))),
        Step::Finish,
        Step::Resize { disk: "rootfs".into(), to: Bytes(20 << 30) },
        Step::Start,
        Step::Shutdown,
        Step::Reboot,
        Step::Destroy { replacing: None },
        Step::Destroy { replacing: Some(zentoria_api::container::Replacing::default()) },
        Step::Migrate { to: crate::fixture::node("pve2"), restart: true },
        Step::DeleteSnapshot { of: vmid(VMID), node: crate::fixture::node("pve1"), name: "by-hand".into() },
        Step::DeleteBackup { volume: "nas:backup/vzdump-lxc-404-0.tar.zst".into() },
        Step::ForgetVmid,
    ]);
    prop_oneof![3 => mark, 3 => configure, 1 => create, 1 => clone, 6 => plain]
}

fn option_of(list: Vec<&'static str>) -> impl Strategy<Value = Option<&'static str>> {
    proptest::option::of(select(list))
}

/// Plans that no planner made: any steps, mostly aimed at the guest, sometimes at another.
pub fn plans() -> impl Strategy<Value = Plan> {
    let target = prop_oneof![
        8 => Just(Some((VMID, "pve1"))),
        1 => Just(Some((405, "pve1"))),
        1 => Just(Some((VMID, "pve2"))),
        1 => Just(None),
    ];
    let finished = steps().prop_map(|step| vec![step, Step::Finish]);
    let steps = prop_oneof![
        4 => steps().prop_map(|step| vec![step]),
        2 => finished,
        1 => Just(vec![Step::Destroy { replacing: None }]),
        3 => proptest::collection::vec(steps(), 1..4),
    ];
    (target, steps).prop_map(|(target, steps)| {
        let say = zentoria_core::container::step::Verdict::new(
            zentoria_api::conditions::ContainerReason::Configuring,
            "nobody planned this",
        );
        let target =
            target.map(|(number, name)| Target { vmid: vmid(number), node: crate::fixture::node(name), digest: None });
        Plan { target, steps, ..Plan::say(say) }
    })
}

/// The mark of ours on a description, as bytes.
pub fn has_our_mark(description: &str) -> bool {
    let wanted = [format!("cp={CP}"), "estate=home".into(), "name=zentoria-db".into(), format!("vmid={VMID}")];
    let marks: Vec<&str> = description.lines().filter(|line| line.starts_with("<!-- zentoria.ai/")).collect();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    marks.len() == 1 && wanted.iter().all(|word| words(marks[0]).contains(word)) && marks[0].ends_with(" -->")
}

/// The steps that reach Proxmox VE.
pub fn written(plan: &Plan) -> Vec<&Step> {
    plan.steps.iter().filter(|step| step.writes()).collect()
}

/// What is wrong with letting this plan through, where something is. `whose` is the truth.
fn harm(whose: Option<Whose>, world: &World, plan: &Plan) -> Option<String> {
    let written = written(plan);
    if written.is_empty() {
        return None;
    }
    if world.cluster.mode == Mode::Observe {
        return Some("wrote in Observe".into());
    }
    let making = |description: &str| (!has_our_mark(description)).then(|| "made a guest without our mark".to_owned());
    let Some(guest) = guest_of(&world.seen) else {
        return match written.as_slice() {
            [Step::Create(create)] => making(create.options.get("description").map_or("", String::as_str)),
            [Step::Clone(clone)] => making(&clone.description),
            [Step::Restore(restore)] => making(restore.options.get("description").map_or("", String::as_str)),
            // Nobody's: a file comes to a storage.
            [Step::Pull(_)] => None,
            [Step::Snapshot(TakeSnapshot { of, name, .. })] if is_source(world, *of, name) => None,
            _ => Some("touched a guest that nobody saw".into()),
        };
    };
    let target = plan.target.as_ref()?;
    if (target.vmid, &target.node) != (guest.vmid, &guest.node) {
        return Some("touched another guest than the one looked at".into());
    }
    if guest.config.lock().is_some() {
        return Some("touched a locked guest".into());
    }
    if let [.., Step::Snapshot(TakeSnapshot { of, name, .. }) | Step::DeleteSnapshot { of, name, .. }] =
        written.as_slice()
        && *of != target.vmid
        && !is_source(world, *of, name)
    {
        return Some("touched the snapshots of a guest of others".into());
    }
    let taken = match whose? {
        Whose::Ours | Whose::OursRetained | Whose::OursTrashed | Whose::OursOfALaterVersion => true,
        Whose::Nobody => world.spec.adoption == Adoption::IfExists && is_one_mark(&written),
        Whose::OldControlPlane => world.seen.cluster.takeover.is_some() && is_one_mark(&written),
        Whose::Copy | Whose::OtherObject | Whose::OtherEstate | Whose::Unreadable | Whose::TwoMarks => false,
    };
    if !taken {
        return Some(format!("touched a guest that is not ours ({:?})", whose?));
    }
    // Nothing was approved in these worlds, and no window is open.
    let reboots = |step: &&Step| matches!(step, Step::Reboot | Step::Migrate { restart: true, .. });
    if world.spec.reboot_policy != RebootPolicy::Automatic && written.iter().any(reboots) {
        return Some("rebooted without permission".into());
    }
    let created = world.seen.recorded.created.as_ref();
    let made = created.is_some_and(|created| created.origin == Origin::Template || created.origin == Origin::Clone);
    written.iter().find_map(|step| harm_of_step(step, guest, made))
}

/// A snapshot for a copy, of a container of ours.
fn is_source(world: &World, of: Vmid, name: &str) -> bool {
    of == vmid(400) && name.starts_with("zentoria-") && world.others.contains_key(&of)
}

fn is_one_mark(written: &[&Step]) -> bool {
    matches!(written, [Step::Mark(mark)] if mark.description.is_some())
}

fn harm_of_step(step: &Step, guest: &Guest, made: bool) -> Option<String> {
    let text = |whole: &str| {
        let lines = whole.lines().filter(|line| !line.starts_with("<!-- zentoria.ai/"));
        lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
    };
    match step {
        Step::Create(_) | Step::Clone(_) | Step::Restore(_) => Some("made a guest where there is one".into()),
        Step::Destroy { .. } => Some("destroyed a guest of an object that lives".into()),
        Step::Mark(mark) => {
            let description = mark.description.as_deref().unwrap_or(guest.config.description());
            let changed = text(description) != text(guest.config.description());
            (changed || !has_our_mark(description)).then(|| "a mark took text away, or was none of ours".to_owned())
        }
        Step::Configure(configure) => {
            let unmarks = configure.set.get("description").is_some_and(|text| !has_our_mark(text));
            let touched = configure.set.keys().chain(&configure.delete);
            let data = touched.into_iter().find(|key| ["rootfs", "unused0", "lock"].contains(&key.as_str()));
            if !made && configure.delete.iter().any(|key| key.starts_with("net")) {
                return Some("took an interface from a guest that we did not make".to_owned());
            }
            let deleted = configure.delete.iter().any(|key| key == "description" || key == "mp0");
            let mounts = configure.set.iter().filter(|(key, _)| key.starts_with("mp"));
            let other = mounts.into_iter().any(|(key, value)| is_other_volume(guest.config.current.get(key), value));
            (unmarks || deleted || other || data.is_some())
                .then(|| "a change took the mark or a volume away".to_owned())
        }
        Step::Start | Step::Shutdown | Step::Reboot | Step::Migrate { .. } => {
            guest.ha.then(|| "worked against HA".to_owned())
        }
        Step::MoveVolume { .. } | Step::ConvertToTemplate => {
            (guest.running != Fact::Known(false)).then(|| "took the disk of a running guest".to_owned())
        }
        Step::WriteFirewall(_) => {
            (guest.running == Fact::Known(true)).then(|| "wrote the whole firewall of a guest that runs".to_owned())
        }
        Step::ClearFirewall
        | Step::Finish
        | Step::Pull(_)
        | Step::Resize { .. }
        | Step::Snapshot(_)
        | Step::Backup(_)
        | Step::ForgetVmid => None,
        Step::DeleteSnapshot { .. } | Step::DeleteBackup { .. } => Some("removed what somebody else kept".into()),
    }
}

/// Whether a mount would lose its volume, or get one that exists already.
fn is_other_volume(before: Option<&String>, value: &str) -> bool {
    let volume = |value: &str| value.split(',').next().unwrap_or_default().to_owned();
    match before {
        Some(before) if !before.starts_with('/') => volume(before) != volume(value),
        Some(_) | None => {
            let size = volume(value).split_once(':').map(|(_, size)| size.to_owned());
            let is_new = size.is_some_and(|size| size.parse::<f64>().is_ok());
            !is_new && !value.starts_with("/srv/data")
        }
    }
}

/// No plan, however absurd, harms anybody once the guard has seen it.
pub fn guard_protects(guard: Guard<'_>) -> Result<(), String> {
    outcome(runner(6_000).run(&(plain_worlds(), plans()), |((whose, world), plan)| {
        let want = world.want().unwrap();
        let plan = over(plan, guest_of(&world.seen).map_or("", |guest| guest.config.description()));
        let passed = guard(plan, &want, &world.seen);
        match harm(whose, &world, &passed) {
            None => Ok(()),
            Some(harm) => Err(TestCaseError::fail(harm)),
        }
    }))
}

/// What a planner makes harms nobody, whatever the guard thinks of it.
pub fn planner_protects(plan: Planner<'_>, guard: Guard<'_>) -> Result<(), String> {
    outcome(runner(1_000).run(&worlds(), |(whose, world)| {
        let want = world.want().unwrap();
        let passed = guard(plan(&want, &world.seen), &want, &world.seen);
        match harm(whose, &world, &passed) {
            None => Ok(()),
            Some(harm) => Err(TestCaseError::fail(harm)),
        }
    }))
}
