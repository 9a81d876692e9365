//! Whether a guest is as the wish has it, read without the code under test.

use crate::fixture::guest_of;
use std::collections::{BTreeMap, BTreeSet};
use zentoria_core::container::seen::{Config, Seen};
use zentoria_core::container::want::{Options, Want};

/// What of the wish the guest does not have: now, or (`later`) once everything pending is applied.
pub fn unmet(want: &Want, seen: &Seen, later: bool) -> Vec<String> {
    let Some(guest) = guest_of(seen) else { return vec!["there is no guest".to_owned()] };
    let get = |key: &str| read(&guest.config, key, later);
    let mut unmet: Vec<String> = numbers(&want.options)
        .into_iter()
        .filter(|(key, wish, default)| {
            let have = get(key).and_then(|text| text.parse::<f64>().ok()).or(*default);
            have != Some(*wish)
        })
        .map(|(key, wish, _)| format!("{key} is {:?}, not {wish}", get(key)))
        .collect();
    for (key, wish) in texts(&want.options) {
        if get(key).unwrap_or_default() != wish {
            unmet.push(format!("{key} is {:?}, not {wish:?}", get(key)));
        }
    }
    unmet.extend(properties(&want.options, &get));
    for (name, value) in want.options.env.iter().flatten() {
        let env = get("env").unwrap_or_default();
        if !env.split('\0').any(|entry| entry == format!("{name}={value}")) {
            unmet.push(format!("env is {env:?} without {name}={value}"));
        }
    }
    if let Some(tags) = &want.options.tags {
        let set = |text: &str| text.split(';').map(str::to_owned).collect::<BTreeSet<_>>();
        if set(&get("tags").unwrap_or_default()) != set(&tags.to_string()) {
            unmet.push(format!("tags are {:?}, not {tags}", get("tags")));
        }
    }
    if let Some(text) = &want.options.description {
        let description = get("description").unwrap_or_default();
        let have: Vec<&str> = description.lines().filter(|line| !line.starts_with("<!-- zentoria.ai/v1")).collect();
        if have.join("\n").trim_end() != text.lines().collect::<Vec<_>>().join("\n").trim_end() {
            unmet.push(format!("the description is {have:?}, not {text:?}"));
        }
    }
    unmet
}

fn read(config: &Config, key: &str, later: bool) -> Option<String> {
    match config.pending.get(key).filter(|_| later) {
        Some(pending) => pending.clone(),
        None => config.current.get(key).cloned(),
    }
}

fn numbers(options: &Options) -> Vec<(&'static str, f64, Option<f64>)> {
    let switch = |on: Option<bool>| on.map(|on| if on { 1.0 } else { 0.0 });
    let list = [
        ("cores", options.cores.map(f64::from), None),
        ("cpulimit", options.cpu_limit, Some(0.0)),
        ("cpuunits", options.cpu_units.map(f64::from), None),
        ("memory", options.memory_mib.map(|mib| mib as f64), Some(512.0)),
        ("swap", options.swap_mib.map(|mib| mib as f64), Some(512.0)),
        ("onboot", switch(options.on_boot), Some(0.0)),
        ("protection", switch(options.protection), Some(0.0)),
        ("console", switch(options.console.enabled), Some(1.0)),
        ("tty", options.console.tty.map(f64::from), Some(2.0)),
    ];
    list.into_iter().filter_map(|(key, wish, default)| wish.map(|wish| (key, wish, default))).collect()
}

fn texts(options: &Options) -> Vec<(&'static str, String)> {
    let servers = |list: &Vec<std::net::IpAddr>| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let list = [
        ("hostname", options.hostname.as_ref().map(ToString::to_string)),
        ("nameserver", options.nameservers.as_ref().map(servers)),
        ("searchdomain", options.search_domain.clone()),
        ("timezone", options.timezone.clone()),
        ("entrypoint", options.entrypoint.clone()),
        ("hookscript", options.hookscript.clone()),
    ];
    list.into_iter().filter_map(|(key, wish)| wish.map(|wish| (key, wish))).collect()
}

/// Each interface is where its name stands.
fn interfaces(options: &Options, get: &dyn Fn(&str) -> Option<String>) -> Vec<(String, Wishes)> {
    let named = |name: &str| {
        let slots = (0..32).map(|slot| format!("net{slot}"));
        let is = |slot: &String| get(slot).is_some_and(|net| net.split(',').any(|part| part == format!("name={name}")));
        slots.into_iter().find(is).unwrap_or_else(|| format!("the interface {name}"))
    };
    options.interfaces.iter().map(|wish| (named(&wish.name), wish.keys.0.clone())).collect()
}

fn surplus(options: &Options, get: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let there = (0..32).filter(|slot| get(&format!("net{slot}")).is_some()).count();
    let surplus = options.interfaces_only && there != options.interfaces.len();
    surplus.then(|| format!("{there} interfaces, not {}", options.interfaces.len())).into_iter().collect()
}

type Wishes = BTreeMap<&'static str, Option<String>>;

fn properties(options: &Options, get: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let features = options.features.as_ref().map(|features| features.keys().0).unwrap_or_default();
    let mut unmet = surplus(options, get);
    let mut all = interfaces(options, get);
    all.extend([("features".to_owned(), features), ("startup".to_owned(), options.startup.0.clone())]);
    for (option, wishes) in all {
        let text = get(&option).unwrap_or_default();
        let have: BTreeMap<&str, &str> = text.split(',').filter_map(|part| part.split_once('=')).collect();
        for (key, wish) in wishes {
            // Switches that are off may be absent.
            let off = ["nesting", "keyctl", "fuse", "mknod", "firewall", "link_down", "host-managed"]
                .contains(&key)
                .then_some("0");
            let found = have.get(key).copied().or(off).map(str::to_uppercase);
            let wish = wish.as_deref().map(str::to_uppercase);
            if found != wish {
                unmet.push(format!("{option}.{key} is {found:?}, not {wish:?}"));
            }
        }
    }
    unmet
}
