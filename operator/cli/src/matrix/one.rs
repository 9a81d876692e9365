//! One guest: its options, rules and IP sets as Proxmox VE gets them, with the names behind them.

use super::text::heading;
use super::view::{GuestView, View};
use super::words::{owner_short, printable};
use crate::paint::Paint;
use crate::table::{columns, wrap};
use std::collections::BTreeSet;
use zentoria_core::firewall::flows::{End, service_told};
use zentoria_core::firewall::guest::{Ends, GuestFirewall, Options, Rule, Way, action_word, log_word, plain};

/// The page.
pub fn page(view: &View<'_>, paint: Paint) -> String {
    let mut page = String::new();
    for note in view.notes {
        page.push_str(&wrap(0, 2, &format!("note: {note}")));
    }
    for guest in view.clusters.iter().flat_map(|cluster| &cluster.guests) {
        page.push_str(&heading(guest, paint));
        match &guest.compiled.wish {
            Ok(wish) => page.push_str(&of(guest, wish, paint)),
            Err((reason, why)) => page.push_str(&wrap(2, 4, &format!("{reason}: {why}"))),
        }
    }
    page
}

fn of(guest: &GuestView<'_>, wish: &GuestFirewall, paint: Paint) -> String {
    let mut page = format!("\n{}\n", paint.head("OPTIONS"));
    page.push_str(&wrap(2, 4, &options(&wish.options)));
    page.push_str(&format!("\n{}\n", paint.head("RULES, in their order: the first match decides")));
    let mut rows = vec![["TYPE", "ACTION", "PORTS", "SOURCE OR DEST", "BY"].map(str::to_owned).to_vec()];
    rows.extend(wish.rules.iter().map(|rule| row(guest, rule)));
    page.push_str(&columns(2, &rows));
    if !wish.ipsets.is_empty() {
        page.push_str(&format!("\n{}\n", paint.head("IP SETS")));
    }
    for (name, set) in &wish.ipsets {
        page.push_str(&format!("  {name}  {}\n", paint.faint(&printable(&set.comment))));
        let entries = set.entries.iter().map(|net| {
            let named = guest.names.of(&BTreeSet::from([*net]));
            match named.first() {
                Some(End::Net(_)) | None => plain(net),
                Some(end) => format!("{} {}", plain(net), end.told(&guest.key.namespace)),
            }
        });
        page.push_str(&wrap(4, 4, &entries.collect::<Vec<_>>().join(", ")));
    }
    page
}

fn row(guest: &GuestView<'_>, rule: &Rule) -> Vec<String> {
    let way = match rule.way {
        Way::In => "in",
        Way::Out => "out",
    };
    let peer = match &rule.peer {
        Ends::Any => "any".to_owned(),
        Ends::Set(name) => format!("+{name}"),
        Ends::Addresses(nets) => {
            let named = guest.names.of(nets);
            named.iter().map(|end| end.told(&guest.key.namespace)).collect::<Vec<_>>().join(", ")
        }
    };
    let owners = guest.compiled.owners.get(&rule.comment);
    let owners = owners.into_iter().flatten().map(|owner| owner_short(owner, &guest.key.namespace));
    let mut by = owners.collect::<Vec<_>>().join(", ");
    if let Some(level) = rule.log {
        by = format!("{by} (log {})", log_word(level));
    }
    vec![way.to_owned(), action_word(rule.action).to_owned(), service_told(&rule.service), peer, by]
}

/// The options that are written, in words of Proxmox VE.
fn options(options: &Options) -> String {
    let written = zentoria_core::firewall::reach::options(options);
    written.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}
