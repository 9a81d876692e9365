//! Worlds and plans as text for people.

use crate::fixture::Whose;
use crate::model::{World, new_guest};
use std::fmt::Write;
use zentoria_core::Fact;
use zentoria_core::container::seen::{Guest, GuestFact, Seen, TaskFact};
use zentoria_core::container::step::{Plan, Step};

/// One line, with names for the marks.
fn marks(text: &str) -> String {
    named(text.replace('\n', "\\n").replace('\0', "\\0"))
}

fn named(mut text: String) -> String {
    for whose in
        [Whose::Ours, Whose::OursRetained, Whose::OursTrashed, Whose::OldControlPlane, Whose::Copy, Whose::OtherObject]
    {
        if let Some(line) = whose.line() {
            text = text.replace(&line, &format!("<mark {whose:?}>"));
        }
    }
    text
}

/// The guest, with the options that are not the usual ones.
pub fn guest(guest: &Guest) -> String {
    let running = match &guest.running {
        Fact::Known(true) => "running".to_owned(),
        Fact::Known(false) => "stopped".to_owned(),
        Fact::Unknown(why) => format!("power unknown ({why})"),
    };
    let mut text = format!("guest {} on {}, {running}", guest.vmid, guest.node);
    if guest.ha {
        text.push_str(", under HA");
    }
    let usual = new_guest(guest.vmid.get(), &[]).config.current;
    for (key, value) in guest.config.current.iter().filter(|(key, value)| usual.get(*key) != Some(*value)) {
        write!(text, "; {key}={}", marks(value)).unwrap();
    }
    for (key, value) in &guest.config.pending {
        write!(text, "; pending {key}={}", value.as_deref().unwrap_or("(deleted)")).unwrap();
    }
    text
}

pub fn seen(world: &World) -> String {
    let Seen {
        guest: fact,
        task,
        stop_cause,
        cluster,
        dependencies,
        cycle,
        conflict,
        recorded,
        siting,
        over_quota,
        ..
    } = &world.seen;
    let mut text = match fact {
        GuestFact::NoVmid => "no VMID yet".to_owned(),
        GuestFact::Absent => "no guest".to_owned(),
        GuestFact::OtherKind => "a virtual machine".to_owned(),
        GuestFact::Unknown { why, .. } => format!("unknown ({why})"),
        GuestFact::Present(present) => guest(present),
    };
    let mut more = |words: String| write!(text, "; {words}").unwrap();
    if let Some(created) = &recorded.created {
        more(format!(
            "status: {:?}, {}",
            created.origin,
            if recorded.is_finished() { "finished" } else { "in the making" }
        ));
    }
    match task {
        TaskFact::None => {}
        TaskFact::Running(upid) => more(format!("task {upid} runs")),
        TaskFact::NotStarted => more("the task never began".to_owned()),
        TaskFact::Done(action) => more(format!("task {action:?} is done")),
        TaskFact::Failed { action, message } => more(format!("task {action:?} failed: {message}")),
    }
    if let Some(cause) = stop_cause {
        more(format!("stopped by {cause:?}"));
    }
    if let Some(takeover) = &cluster.takeover {
        more(format!("takeover {takeover}"));
    }
    for (name, state) in dependencies {
        more(format!("{name} is {state:?}"));
    }
    if let Some(cycle) = cycle {
        more(format!("cycle {}", cycle.join(" ")));
    }
    if let Some(conflict) = conflict {
        more(format!("conflict: {conflict}"));
    }
    for (name, node) in siting.iter().flat_map(|siting| &siting.room.nodes) {
        let memory = node.memory.map(|memory| memory.to_string()).unwrap_or_default();
        let state = if node.online { "" } else { ", offline" };
        more(format!(
            "{name} has promised {} of {memory}, {} neighbours{state}",
            node.allocated_memory, node.estate_guests
        ));
    }
    for term in siting.iter().flat_map(|siting| &siting.apart) {
        let peers: Vec<String> = term.peers_by_node.iter().map(|(node, peers)| format!("{peers} on {node}")).collect();
        more(format!(
            "{} share a node with {}",
            if term.required { "must not" } else { "should not" },
            peers.join(", ")
        ));
    }
    if let Some(over) = over_quota {
        more(format!("over the quota: {over}"));
    }
    for vmid in &cluster.replicated {
        more(format!("replication of {vmid}"));
    }
    text
}

pub fn plan(plan: &Plan) -> String {
    let Plan { target, steps, pending, verdict, notes } = plan;
    let mut text = format!("says: {}", verdict.reason);
    if let Some(subject) = &verdict.subject {
        write!(text, " {subject}").unwrap();
    }
    writeln!(text, ": {}", verdict.message).unwrap();
    if let Some(parked) = verdict.parked {
        writeln!(text, "UpToDate says: {parked}").unwrap();
    }
    for change in pending {
        let (from, to) = (marks(&change.from), marks(&change.to));
        writeln!(text, "pending {:?}: {} {from} -> {to}: {}", change.class, change.field, change.message).unwrap();
    }
    for note in notes {
        writeln!(text, "note: {note}").unwrap();
    }
    for step in steps {
        let target = target.as_ref().map(|target| format!("{} on {}", target.vmid, target.node)).unwrap_or_default();
        writeln!(text, "do {target}: {}", named(step.to_string())).unwrap();
        match step {
            Step::Mark(mark) => {
                for (key, value) in [("description", &mark.description), ("tags", &mark.tags)] {
                    if let Some(value) = value {
                        writeln!(text, "    {key}={}", marks(value)).unwrap();
                    }
                }
            }
            Step::Configure(configure) => {
                for (key, value) in &configure.set {
                    writeln!(text, "    {key}={}", marks(value)).unwrap();
                }
                for (word, keys) in [("delete", &configure.delete), ("revert", &configure.revert)] {
                    if !keys.is_empty() {
                        writeln!(text, "    {word} {}", keys.join(" ")).unwrap();
                    }
                }
                if configure.as_root {
                    writeln!(text, "    as root@pam").unwrap();
                }
            }
            Step::Create(_)
            | Step::Clone(_)
            | Step::Restore(_)
            | Step::ClearFirewall
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
    text
}
