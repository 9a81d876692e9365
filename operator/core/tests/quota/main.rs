//! What a namespace may have in all: who is refused, by how much, and that no order of events gives more than there is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use proptest::prelude::*;
use zentoria_api::cluster::Quota;
use zentoria_api::common::Size;
use zentoria_core::cluster::quota::{Asked, Member, OverQuota, Resource, Usage, over_quota};
use zentoria_types::size::Bytes;

fn gib(gib: u64) -> Bytes {
    Bytes(gib << 30)
}

fn asked(cores: u32, memory: u64, disk: u64) -> Asked {
    Asked { cores: Some(cores), memory: Some(gib(memory)), root_disk: Some(gib(disk)), volumes: Bytes(0) }
}

fn usage(cores: u64, memory: u64, disk: u64) -> Usage {
    Usage { cores, memory: gib(memory), disk: gib(disk) }
}

/// One that is to be made.
fn new(name: &str, age: i64, asked: Asked) -> Member {
    Member { name: name.into(), asked, has: None, holds: false, age: (age, name.into()) }
}

/// One that has what it asks for.
fn there(name: &str, age: i64, cores: u32, memory: u64, disk: u64) -> Member {
    let has = Some(usage(u64::from(cores), memory, disk));
    Member { has, holds: true, ..new(name, age, asked(cores, memory, disk)) }
}

fn cores(limit: u32) -> Quota {
    Quota { cores: Some(limit), ..Quota::default() }
}

fn told(quotas: &[Quota], mine: &str, members: &[Member]) -> String {
    over_quota(quotas, "tenant", mine, members).map_or_else(|| "fits".to_owned(), |over| lines(&over))
}

fn lines(over: &OverQuota) -> String {
    over.excesses.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn what_is_too_much_is_said_with_numbers() {
    let members = [there("a", 1, 8, 14, 90), there("b", 2, 4, 1, 5), new("c", 3, asked(4, 4, 10))];
    let all =
        Quota { count: Some(2), cores: Some(10), memory: Some(Size("16Gi".into())), disk: Some(Size("100Gi".into())) };
    assert_eq!(
        told(&[all], "c", &members),
        "containers: 2 of 2 used: 1 too many; cores: 12 of 10 used, this one asks for 4: 6 too many; \
         memory: 15Gi of 16Gi used, this one asks for 4Gi: 3Gi too much; \
         disk: 95Gi of 100Gi used, this one asks for 10Gi: 5Gi too much"
    );
    let over = over_quota(&[cores(10)], "tenant", "c", &members).unwrap();
    assert!(over.is_over(Resource::Cores) && !over.is_over(Resource::Memory));
    let text = over.to_string();
    assert!(text.starts_with("namespace tenant has too little left: ") && text.contains("access[].quota"), "{text}");
}

#[test]
fn without_a_limit_nothing_is_too_much_and_of_several_the_smallest_holds() {
    let members = [there("a", 1, 8, 1, 1), new("b", 2, asked(4, 1, 1))];
    assert_eq!(told(&[], "b", &members), "fits");
    assert_eq!(told(&[Quota::default()], "b", &members), "fits");
    assert_eq!(told(&[cores(12)], "b", &members), "fits");
    assert_eq!(told(&[cores(12), cores(11)], "b", &members), "cores: 8 of 11 used, this one asks for 4: 1 too many");
}

#[test]
fn what_is_not_named_counts_with_what_proxmox_ve_gives_or_the_source_has() {
    let quota = Quota { memory: Some(Size("512Mi".into())), ..cores(1) };
    assert_eq!(told(std::slice::from_ref(&quota), "a", &[new("a", 1, Asked::default())]), "fits");
    let copy = Member { has: Some(usage(2, 1, 8)), ..new("a", 1, Asked::default()) };
    assert_eq!(
        told(&[quota], "a", &[copy]),
        "cores: 0 of 1 used, this one asks for 2: 1 too many; memory: 0 of 512Mi used, this one asks for 1Gi: 512Mi too much"
    );
}

#[test]
fn who_holds_a_guest_comes_first_then_the_older() {
    let growing = Member { asked: asked(4, 1, 1), ..there("growing", 9, 2, 1, 1) };
    let members = [new("old", 1, asked(2, 1, 1)), new("young", 2, asked(2, 1, 1)), growing];
    // 2 there, 2 of growth, 2 of the old one.
    assert_eq!(told(&[cores(6)], "growing", &members), "fits");
    assert_eq!(told(&[cores(6)], "old", &members), "fits");
    assert_eq!(told(&[cores(6)], "young", &members), "cores: 6 of 6 used, this one asks for 2: 2 too many");
    assert_eq!(told(&[cores(3)], "growing", &members), "cores: 2 of 3 used, this one asks for 2 more: 1 too many");
}

#[test]
fn one_that_does_not_fit_does_not_keep_out_one_that_does() {
    let members = [new("large", 1, asked(8, 1, 1)), new("small", 2, asked(2, 1, 1))];
    assert_eq!(told(&[cores(4)], "large", &members), "cores: 0 of 4 used, this one asks for 8: 4 too many");
    assert_eq!(told(&[cores(4)], "small", &members), "fits");
}

#[test]
fn a_guest_grows_where_it_may_and_shrinks_always() {
    let quota = Quota { memory: Some(Size("4Gi".into())), ..cores(4) };
    let grown = |name: &str| Member { asked: asked(4, 2, 1), ..there(name, 1, 2, 1, 1) };
    let members = [grown("a"), there("b", 2, 2, 1, 1)];
    let over = over_quota(std::slice::from_ref(&quota), "tenant", "a", &members).unwrap();
    assert_eq!(lines(&over), "cores: 4 of 4 used, this one asks for 2 more: 2 too many");
    // Its memory grows, and counts for the others.
    let next = [grown("a"), there("b", 2, 2, 1, 1), new("c", 3, asked(0, 2, 1))];
    assert_eq!(
        told(std::slice::from_ref(&quota), "c", &next),
        "memory: 3Gi of 4Gi used, this one asks for 2Gi: 1Gi too much"
    );
    let shrinking = Member { asked: asked(1, 1, 1), ..there("a", 1, 8, 1, 1) };
    assert_eq!(told(&[quota], "a", &[shrinking]), "fits");
}

#[test]
fn what_is_not_known_of_a_guest_gives_nobody_more() {
    let unread = |name: &str, age| Member { has: None, ..there(name, age, 2, 1, 1) };
    // It fits as a whole.
    assert_eq!(told(&[cores(4)], "a", &[unread("a", 1), unread("b", 2)]), "fits");
    let growing = Member { asked: asked(4, 1, 1), ..unread("a", 1) };
    assert_eq!(
        told(&[cores(4)], "a", &[growing, unread("b", 2)]),
        "cores: 2 of 4 used, this one asks for 4 more: 2 too many"
    );
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let member = (0u32..6, prop::option::of(0u64..6), any::<bool>(), 0i64..3);
    prop::collection::vec(member, 1..8).prop_map(|list| {
        let made = list.into_iter().enumerate().map(|(i, (wants, has, holds, age))| Member {
            holds,
            has: has.filter(|_| holds).map(|has| usage(has, 1, 1)),
            ..new(&format!("c{i}"), age, asked(wants, 1, 1))
        });
        made.collect()
    })
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

    /// All that are told to go on may do so at once: what is there and what comes stays within the quota, unless what is
    /// there exceeded it before.
    #[test]
    fn those_that_may_go_on_fit_together(members in members(), limit in 0u32..20, count in 0u32..9) {
        let quota = [Quota { count: Some(count), ..cores(limit) }];
        let goes_on = |member: &Member| over_quota(&quota, "tenant", &member.name, &members).is_none();
        // Of a guest that was not read yet, what it asks for is the most that it can come to have by us.
        let had = |m: &Member| if m.holds { m.has.map_or(u64::from(m.asked.cores.unwrap()), |has| has.cores) } else { 0 };
        let will = |m: &Member| if goes_on(m) { had(m).max(u64::from(m.asked.cores.unwrap())) } else { had(m) };
        let (before, after): (u64, u64) = (members.iter().map(had).sum(), members.iter().map(will).sum());
        prop_assert!(after <= u64::from(limit).max(before), "{before} -> {after} of {limit}");
        let holders = members.iter().filter(|m| m.holds).count();
        let made = members.iter().filter(|m| m.holds || goes_on(m)).count();
        prop_assert!(made <= (count as usize).max(holders), "{made} of {count}");
    }

    #[test]
    fn nothing_depends_on_the_order_of_the_list(members in members(), limit in 0u32..20) {
        let mut turned = members.clone();
        turned.reverse();
        for member in &members {
            let one = over_quota(&[cores(limit)], "tenant", &member.name, &members);
            prop_assert_eq!(one, over_quota(&[cores(limit)], "tenant", &member.name, &turned));
        }
    }
}
