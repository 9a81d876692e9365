//! What lies ahead of a container, with calls, downtime and data at risk.

use super::{Case, bare, compare, found, made, stopped};
use crate::fixture::{Whose, guest_of, identity, labels};
use crate::model::{World, status};
use crate::strategies::open_worlds;
use proptest::prelude::*;
use proptest::test_runner::Config as Settings;
use std::fmt::Write;
use zentoria_api::common::Mode;
use zentoria_api::conditions::ContainerReason;
use zentoria_core::Fact;
use zentoria_core::container::forecast::{Course, NowOrPending, call, course};
use zentoria_core::container::seen::DependencyState;
use zentoria_core::container::step::Step;
use zentoria_core::container::validate::{AsIf, Input};

fn ahead(world: &mut World) -> Course {
    world.look();
    let stopped = guest_of(&world.seen).is_some_and(|guest| guest.running == Fact::Known(false));
    world.seen.stop_cause = stopped.then(|| Fact::Known(world.cause.clone()));
    let status = status(&world.seen.recorded);
    let (labels, identity) = (labels(), identity());
    let input = Input {
        identity,
        spec: &world.spec,
        status: Some(&status),
        cluster: &world.cluster,
        namespace_labels: &labels,
        wave: world.wave,
        as_if: AsIf::Recorded,
    };
    course(&input, &world.seen).unwrap()
}

fn page(cases: Vec<Case>) -> String {
    let mut page = String::new();
    for Case { title, wish, mut world } in cases {
        let course = ahead(&mut world);
        assert_ne!(course.verdict.reason, ContainerReason::Bug, "{title}: {}", course.verdict.message);
        writeln!(page, "# {title}\nwish: {wish}\nseen: {}", super::words::seen(&world)).unwrap();
        for name in &course.after {
            writeln!(page, "after: {name}").unwrap();
        }
        let mut last = None;
        for line in &course.lines {
            let data = line.data_at_risk.as_deref().unwrap_or("none");
            let (from, to) = (&line.from, &line.to);
            let class = line.class;
            writeln!(page, "- {}: {from:?} -> {to:?} ({class:?}; downtime {}; data {data})", line.field, line.downtime)
                .unwrap();
            match &line.done {
                NowOrPending::Now => {}
                NowOrPending::Pending { why, .. } => writeln!(page, "  waits: {why}").unwrap(),
            }
            if line.call.is_some() && line.call != last {
                writeln!(page, "  {}", line.call.as_deref().unwrap_or_default()).unwrap();
            }
            last.clone_from(&line.call);
        }
        writeln!(page, "then: {}: {}\n", course.verdict.reason, course.verdict.message).unwrap();
    }
    page
}

#[test]
fn forecast() {
    let net = "network: {interfaces: [{ipv4: {address: 10.10.40.4/16}}]}";
    let wish = "vmid: 404, rootDisk: {size: 8Gi}, resources: {cores: 2, memory: 1Gi}, features: {nesting: true}";
    let cases = vec![
        bare("a new guest", "vmid: 404, rootDisk: {size: 8Gi}, dependsOn: [{name: web}]", |world| {
            let coming = DependencyState::NotYet { can_come: true, reason: "Creating".into() };
            world.seen.dependencies.insert("web".into(), coming);
        }),
        bare("a new guest, which waits for what does not come", "vmid: 404, dependsOn: [{name: web}]", |world| {
            world.seen.dependencies.insert("web".into(), DependencyState::Missing);
        }),
        bare("under Observe", "vmid: 404, rootDisk: {size: 8Gi}", |world| world.cluster.mode = Mode::Observe),
        bare("a copy", "vmid: 404, source: {clone: {vmid: 900}}", |world| {
            world.spec.network = crate::fixture::spec(net).network;
        }),
        made("nothing differs", "vmid: 404", &[], |_| {}),
        made("hot, reboot, and a larger disk", wish, &[("cores", "1"), ("rootfs", "local-zfs:d,size=4G")], |_| {}),
        made("a reboot is allowed", "vmid: 404, timezone: host, rebootPolicy: Automatic", &[], |_| {}),
        made("what cannot be done", "vmid: 404, rootDisk: {size: 2Gi}, unprivileged: false", &[], |world| {
            world.cluster.access[0].allow.privileged = true;
        }),
        made("a stop that is wished", "vmid: 404, power: {state: Stopped}", &[], |_| {}),
        made("a start after a crash", "vmid: 404", &[], stopped),
        found("taken over, then set right", "vmid: 404, adoption: IfExists, resources: {cores: 2}", Whose::Nobody, &[]),
        found("taken back, then set right", "vmid: 404, resources: {cores: 2}", Whose::Ours, &[("cores", "1")]),
        found("a stranger", "vmid: 404", Whose::Nobody, &[]),
    ];
    compare("forecast", &page(cases));
}

proptest! {
    #![proptest_config(Settings { failure_persistence: None, ..Settings::default() })]

    /// What is forecast is what comes: the calls are those of a node that carries the plans out one after the other.
    #[test]
    fn the_forecast_is_what_comes(mut world in open_worlds()) {
        let forecast = ahead(&mut world.clone());
        let mut came = Vec::new();
        let mut copied = false;
        for _ in 0..12 {
            let plan = world.round();
            if plan.steps.is_empty() {
                break;
            }
            let target = plan.target.clone().unwrap();
            came.extend(plan.steps.iter().filter_map(|step| call(step, &target)));
            // What a copy or a backup brings along is not known before it is there.
            copied |= plan.steps.iter().any(|step| matches!(step, Step::Clone(_) | Step::Restore(_)));
            if copied {
                break;
            }
        }
        let mut told: Vec<String> = forecast.lines.into_iter().filter_map(|line| line.call).collect();
        told.dedup();
        prop_assert_eq!(told, came);
    }
}
