//! The answer for people.

use super::judge::{Findings, Pair, Side};
use crate::gather::Gathered;
use crate::manifests::key;
use crate::matrix::words::{firewall_of, printable};
use crate::paint::Paint;
use crate::table::wrap;
use zentoria_api::FirewallRule;
use zentoria_core::firewall::evaluate::Verdict;
use zentoria_core::firewall::guest::Way;
use zentoria_core::firewall::reach::Judged;

/// The page.
pub fn page(findings: &Findings, gathered: &Gathered, who_may: &[String], paint: Paint) -> String {
    let Findings { from, to, port, pairs, notes } = findings;
    let (word, may) = match findings.passes() {
        Some(true) => (paint.good("yes"), "can connect to"),
        Some(false) => (paint.bad("no"), "cannot connect to"),
        None => (paint.warn("not known"), "and"),
    };
    let mut page = format!("{word}: {from} {may} {to} at {port}\n");
    for pair in pairs {
        page.push_str(&of_pair(pair, gathered, paint));
    }
    if findings.passes() == Some(false) && !who_may.is_empty() {
        page.push_str(&wrap(2, 4, &format!("open to: {}", who_may.join(", "))));
    }
    for note in notes {
        page.push_str(&wrap(2, 4, &format!("note: {note}")));
    }
    page
}

fn of_pair(pair: &Pair, gathered: &Gathered, paint: Paint) -> String {
    let mut page = format!("  {} -> {}\n", pair.source, pair.dest);
    if pair.sides.is_empty() {
        page.push_str("    it stays in the container, where no firewall is\n");
    }
    for side in &pair.sides {
        page.push_str(&of_side(side, gathered, paint));
    }
    page
}

fn of_side(side: &Side, gathered: &Gathered, paint: Paint) -> String {
    let place = match side.way {
        Way::Out => format!("out of {}", side.guest.name),
        Way::In => format!("into {}", side.guest.name),
    };
    let (word, why) = told(side);
    let painted = match side.judged.passes() {
        Some(true) => paint.good(word),
        Some(false) => paint.bad(word),
        None => paint.warn(word),
    };
    // Painted after it is broken into lines: colours take no room.
    let mut page = wrap(4, 6, &format!("{place}: {word}, {why}")).replacen(word, &painted, 1);
    for owner in &side.owners {
        let rule = gathered.rules.iter().find(|rule| key(&rule.metadata).to_string() == *owner);
        page.push_str(&wrap(6, 8, &owner_told(owner, rule)));
    }
    page
}

/// What happens and why; the word first.
fn told(side: &Side) -> (&'static str, String) {
    let default = match side.way {
        Way::In => "firewall.inbound",
        Way::Out => "firewall.outbound",
    };
    match &side.judged {
        Judged::NotManaged => ("passes", "its firewall.mode is Off".to_owned()),
        Judged::NotKnown(why) => ("not known", why.clone()),
        Judged::By(decision) => {
            let by = |verdict: &str, why: &str| match (decision.rule, why.starts_with("policy_"), side.owners.len()) {
                (Some(_), _, 1) => "by the rule".to_owned(),
                (Some(_), _, 2..) => "by a rule of".to_owned(),
                (None, true, _) => format!("no rule names it, and {default} is {verdict}"),
                (_, _, _) => format!("by {}", printable(why)),
            };
            match &decision.verdict {
                Verdict::Accept(why) => ("passes", by("Accept", why)),
                Verdict::Drop(why) => ("dropped", by("Drop", why)),
                Verdict::Reject(why) => ("rejected", by("Reject", why)),
                Verdict::Unknown(why) => ("not known", why.clone()),
            }
        }
    }
}

/// A rule by its name, with what it is for.
fn owner_told(owner: &str, rule: Option<&FirewallRule>) -> String {
    match (firewall_of(owner), rule.and_then(|rule| rule.spec.description.as_deref())) {
        (name, Some(description)) => format!("{name}: {}", printable(description)),
        (name, None) => name,
    }
}
