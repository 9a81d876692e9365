//! What holds for every wish and whatever a guest's firewall holds.

use crate::model::{Pve, interface};
use crate::strategies::{Scene, scenes};
use proptest::prelude::*;
use proptest::test_runner::Config as Settings;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use zentoria_core::firewall::enforce::{guard, plan};
use zentoria_core::firewall::evaluate::{Datacenter, Packet, Verdict, decide};
use zentoria_core::firewall::guest::{Rule, SetName, Way, plain};
use zentoria_core::firewall::seen::sets;

/// As many cases as `PROPTEST_CASES` says.
fn settings() -> Settings {
    Settings { failure_persistence: None, ..Settings::default() }
}

/// What the datacenter has, of which the planner knows nothing.
fn datacenter() -> Datacenter {
    let group =
        ["type=in action=ACCEPT proto=tcp dport=80 enable=1", "type=out action=DROP proto=tcp dport=443 enable=1"];
    Datacenter {
        enabled: true,
        groups: [("web".to_owned(), group.map(crate::model::fields).into())].into(),
        ..Datacenter::default()
    }
}

/// One packet of each kind that the scenes tell apart.
fn packets() -> Vec<(Way, Packet)> {
    let own: IpAddr = "10.10.40.4".parse().unwrap();
    let mut packets = Vec::new();
    for peer in ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.1.1", "10.1.0.1", "192.0.2.1"] {
        let peer: IpAddr = peer.parse().unwrap();
        for way in [Way::In, Way::Out] {
            let (source, dest) = if way == Way::In { (peer, own) } else { (own, peer) };
            let ports = [80, 81, 443, 5432].map(|port| ("tcp", Some(port)));
            for (proto, dport) in ports.into_iter().chain([("udp", Some(53)), ("icmp", None)]) {
                let packet = Packet { source, dest, proto: proto.to_owned(), sport: None, dport, icmp_type: None };
                packets.push((way, packet));
            }
        }
    }
    packets
}

fn verdicts(pve: &Pve) -> Vec<Verdict> {
    let (guest, interface, datacenter) = (pve.guest(), interface(), datacenter());
    let judge = |(way, packet): &(Way, Packet)| decide(Some(&datacenter), &guest, &interface, *way, packet).verdict;
    packets().iter().map(judge).collect()
}

/// Everything the plan does, and every state on the way.
fn states(scene: &Scene) -> Vec<Pve> {
    let planned = plan(&scene.want, &scene.there.seen(), scene.foreign);
    let mut states = vec![scene.there.clone()];
    for step in &planned.steps {
        let mut next = states.last().unwrap().clone();
        next.carry_out(step).unwrap_or_else(|why| panic!("PVE refuses {step:?}: {why}\nof {:#?}", planned.steps));
        states.push(next);
    }
    states
}

/// Whether a person changed both rules of ours and the entries of a set that they name, while the wish still has the set.
/// The one cannot be put right before the other without opening what neither lets through, so for some calls less passes.
fn contested(scene: &Scene) -> bool {
    let wished: Vec<_> = scene.want.rules.iter().map(Rule::fields).collect();
    let places: Vec<Option<usize>> =
        scene.there.rules.iter().map(|rule| wished.iter().position(|wish| wish == rule)).collect();
    let ordered = places.iter().flatten().collect::<Vec<_>>().windows(2).all(|pair| pair[0] < pair[1]);
    let changed = |name: &str| {
        let wish = scene.want.ipsets.get(&SetName(name.to_owned())).map(|set| set.entries.iter().map(plain).collect());
        let there = scene.there.ipsets.get(name).map(|set| set.entries.keys().cloned().collect::<BTreeSet<_>>());
        wish.is_some_and(|wish: BTreeSet<_>| there.as_ref() != Some(&wish))
    };
    let strays = scene.there.rules.iter().zip(places).filter(|(_, place)| place.is_none() || !ordered);
    strays.flat_map(|(rule, _)| sets(rule)).any(changed)
}

/// Whether rules that do different things read the same set: no order of single writes does right by both of them.
fn crossed(scene: &Scene) -> bool {
    let wished: Vec<_> = scene.want.rules.iter().map(Rule::fields).collect();
    let mut actions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rule in scene.there.rules.iter().chain(&wished) {
        let action = &rule["action"];
        sets(rule).for_each(|set| {
            actions.entry(set.to_owned()).or_default().insert(action.clone());
        });
    }
    actions.values().any(|actions| actions.len() > 1)
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn after_the_plan_nothing_is_left_to_do(scene in scenes()) {
        let end = states(&scene).pop().unwrap();
        let again = plan(&scene.want, &end.seen(), scene.foreign);
        prop_assert_eq!(&again.steps, &vec![], "end: {:#?}", end);
        prop_assert_eq!(again.differences, Vec::<String>::new());
    }

    #[test]
    fn a_plan_has_steps_exactly_where_it_has_differences(scene in scenes()) {
        let planned = plan(&scene.want, &scene.there.seen(), scene.foreign);
        prop_assert_eq!(planned.steps.is_empty(), planned.differences.is_empty(), "{:#?}", planned);
    }

    #[test]
    fn the_end_holds_the_wish_and_what_others_made(scene in scenes()) {
        let end = states(&scene).pop().unwrap();
        let ours = |rule: &&BTreeMap<String, String>| rule.get("comment").is_some_and(|text| text.starts_with("zentoria:"));
        let held: Vec<_> = end.rules.iter().filter(ours).cloned().collect();
        let wished: Vec<_> = scene.want.rules.iter().map(|rule| rule.fields()).collect();
        prop_assert_eq!(held, wished);
        let foreign = |pve: &Pve| pve.rules.iter().filter(|rule| !ours(rule)).cloned().collect::<Vec<_>>();
        match scene.foreign {
            zentoria_api::firewall::ForeignRules::Keep => prop_assert_eq!(foreign(&end), foreign(&scene.there)),
            zentoria_api::firewall::ForeignRules::Remove => prop_assert_eq!(foreign(&end), Vec::<BTreeMap<_, _>>::new()),
        }
        for (name, set) in &scene.want.ipsets {
            let entries: Vec<_> = end.ipsets[&name.0].entries.iter().map(|(cidr, not)| (cidr.clone(), *not)).collect();
            let mut wished: Vec<_> =
                set.entries.iter().map(|net| (plain(net), false)).collect();
            wished.sort();
            prop_assert_eq!(entries, wished);
        }
    }

    #[test]
    fn between_any_two_calls_what_before_and_after_agree_on_holds(scene in scenes()) {
        prop_assume!(!crossed(&scene));
        let states = states(&scene);
        let (before, after) = (verdicts(&states[0]), verdicts(states.last().unwrap()));
        for (number, state) in states.iter().enumerate() {
            for (((way, packet), now), (before, after)) in
                packets().iter().zip(verdicts(state)).zip(before.iter().zip(&after))
            {
                let steps = || plan(&scene.want, &scene.there.seen(), scene.foreign).steps;
                let opens = now.accepts() && !before.accepts() && !after.accepts();
                prop_assert!(!opens, "step {number} opens {way:?} {packet:?} by {now:?}: before {before:?}, after {after:?}\n{:#?}\n{state:#?}", steps());
                let shuts = !now.accepts() && before.accepts() && after.accepts() && !contested(&scene);
                prop_assert!(!shuts, "step {number} shuts {way:?} {packet:?} by {now:?}: before {before:?}, after {after:?}\n{:#?}\n{state:#?}", steps());
            }
        }
    }

    #[test]
    fn a_plan_that_is_cut_off_anywhere_is_brought_to_its_end_by_the_next(scene in scenes(), cut in any::<prop::sample::Index>()) {
        let states = states(&scene);
        let there = states[cut.index(states.len())].clone();
        let resumed = Scene { there, ..scene };
        let end = self::states(&resumed).pop().unwrap();
        prop_assert_eq!(plan(&resumed.want, &end.seen(), resumed.foreign).steps, vec![]);
    }

    #[test]
    fn the_second_reader_has_nothing_against_any_plan(scene in scenes()) {
        let seen = scene.there.seen();
        let planned = plan(&scene.want, &seen, scene.foreign);
        prop_assert_eq!(guard(&planned.steps, &scene.want, &seen, scene.foreign), Ok(()));
    }

    #[test]
    fn the_same_input_gives_the_same_plan(scene in scenes()) {
        let seen = scene.there.seen();
        prop_assert_eq!(plan(&scene.want, &seen, scene.foreign), plan(&scene.want, &seen, scene.foreign));
    }

    #[test]
    fn a_foreign_rule_that_opens_more_is_said_to_widen(scene in scenes()) {
        let end = states(&scene).pop().unwrap();
        let ours = |rule: &BTreeMap<String, String>| rule.get("comment").is_some_and(|text| text.starts_with("zentoria:"));
        let mut alone = end.clone();
        alone.rules.retain(ours);
        let opened = verdicts(&end).iter().zip(verdicts(&alone)).any(|(with, alone)| with.accepts() && !alone.accepts());
        let told = plan(&scene.want, &end.seen(), scene.foreign).foreign.iter().any(|foreign| foreign.widens.is_some());
        prop_assert!(told || !opened, "{:#?}", end);
    }
}
