//! The options of a guest: what is wished, what differs, and what a difference takes.
//!
//! Which options Proxmox VE changes while a guest runs was recorded on a real node: memory, swap, cores, cpulimit,
//! cpuunits, hostname, net*, tags, description, onboot, startup and protection hold at once; nameserver, searchdomain,
//! features and timezone wait for the next stop or reboot.

mod environment;

use super::devices;
use super::interfaces::{Layout, layout};
use super::seen::Config;
use super::step::Configure;
use super::want::{Keys, Options};
use crate::digest::of_parts;
use std::collections::BTreeMap;
use zentoria_api::container::{ChangeClass, ConsoleMode, PendingChange};
use zentoria_types::mark::{Description, Mark};
use zentoria_types::property::PropertyString;
use zentoria_types::tags::Tags;

/// One managed option: where it stands in the spec, and what it should be.
#[derive(Clone, Debug, PartialEq)]
struct Wish<'a> {
    /// PVE's option.
    key: &'a str,
    /// The field of the spec.
    field: &'a str,
    class: ChangeClass,
    value: Value,
}

/// How a wished value is compared and written.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    /// The whole value as text; `default` is what an absent option means.
    Text { want: String, default: &'static str },
    /// A number; `1.5` and `1.50` are the same.
    Number { want: f64, default: Option<f64> },
    /// Some keys of a property string.
    Keys(Keys),
    /// Some keys of `startup`, whose order may stand without its key.
    Startup(Keys),
    /// A set of tags.
    Tags(Tags),
    /// Some variables of an environment; the others stay.
    Env(BTreeMap<String, String>),
    /// The text above the mark, with the mark that stays.
    Notes { text: Option<String>, mark: Option<Mark> },
}

/// Whether a running guest takes the option up at its next reboot only.
#[must_use]
pub fn waits_for_reboot(key: &str) -> bool {
    const AT_REBOOT: [&str; 9] =
        ["cmode", "console", "entrypoint", "env", "features", "nameserver", "searchdomain", "timezone", "tty"];
    AT_REBOOT.contains(&key)
}

/// What differs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// What one PUT sets right.
    pub configure: Option<Configure>,
    /// Changes of managed options that are stored and wait for a reboot.
    pub pending: Vec<PendingChange>,
}

fn wishes<'a>(options: &Options, interfaces: &'a Layout<'_>) -> Vec<Wish<'a>> {
    use ChangeClass::{Hot, Reboot};
    let number = |want: f64, default: Option<f64>| Value::Number { want, default };
    let text = |want: &str, default: &'static str| Value::Text { want: want.to_owned(), default };
    let switch = |on: bool| Value::Number { want: f64::from(u8::from(on)), default: Some(0.0) };
    let list: [(&'static str, &'static str, ChangeClass, Option<Value>); 17] = [
        ("cores", "resources.cores", Hot, options.cores.map(|n| number(f64::from(n), None))),
        ("cpulimit", "resources.cpuLimit", Hot, options.cpu_limit.map(|n| number(n, Some(0.0)))),
        ("cpuunits", "resources.cpuUnits", Hot, options.cpu_units.map(|n| number(f64::from(n), None))),
        ("memory", "resources.memory", Hot, options.memory_mib.map(|n| number(n as f64, Some(512.0)))),
        ("swap", "resources.swap", Hot, options.swap_mib.map(|n| number(n as f64, Some(512.0)))),
        ("hostname", "hostname", Hot, options.hostname.as_ref().map(|name| text(name.as_str(), ""))),
        ("onboot", "startup.onBoot", Hot, options.on_boot.map(switch)),
        ("startup", "startup", Hot, (!options.startup.0.is_empty()).then(|| Value::Startup(options.startup.clone()))),
        ("protection", "protection", Hot, options.protection.map(switch)),
        ("hookscript", "hookscript", Hot, options.hookscript.as_ref().map(|script| text(script, ""))),
        (
            "console",
            "console.enabled",
            Reboot,
            options.console.enabled.map(|on| number(f64::from(u8::from(on)), Some(1.0))),
        ),
        ("tty", "console.tty", Reboot, options.console.tty.map(|count| number(f64::from(count), Some(2.0)))),
        ("cmode", "console.mode", Reboot, options.console.mode.map(|mode| text(mode_of(mode), "tty"))),
        (
            "nameserver",
            "network.dns.nameservers",
            Reboot,
            options
                .nameservers
                .as_ref()
                .map(|list| text(&list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), "")),
        ),
        ("searchdomain", "network.dns.searchDomain", Reboot, options.search_domain.as_ref().map(|d| text(d, ""))),
        ("timezone", "timezone", Reboot, options.timezone.as_ref().map(|zone| text(zone, ""))),
        ("features", "features", Reboot, options.features.as_ref().and_then(|wish| keys(&wish.keys()))),
    ];
    let nets = interfaces.placed.iter().map(|net| Wish {
        key: &net.slot,
        field: &net.field,
        class: Hot,
        value: Value::Keys(net.wish.keys.clone()),
    });
    list.into_iter()
        .filter_map(|(key, field, class, value)| value.map(|value| Wish { key, field, class, value }))
        .chain(nets)
        .collect()
}

/// What an image is run with. It is no part of a creation, for there Proxmox VE puts the image's own over it.
fn of_image(options: &Options) -> Vec<Wish<'_>> {
    let text = |want: &String| Value::Text { want: want.clone(), default: "/sbin/init" };
    let list = [
        ("entrypoint", "source.image.entrypoint", options.entrypoint.as_ref().map(text)),
        ("env", "source.image.env", options.env.clone().map(Value::Env)),
    ];
    let wish = |(key, field, value): (_, _, Option<Value>)| {
        value.map(|value| Wish { key, field, class: ChangeClass::Reboot, value })
    };
    list.into_iter().filter_map(wish).collect()
}

/// `cmode`.
const fn mode_of(mode: ConsoleMode) -> &'static str {
    match mode {
        ConsoleMode::Tty => "tty",
        ConsoleMode::Console => "console",
        ConsoleMode::Shell => "shell",
    }
}

fn keys(keys: &Keys) -> Option<Value> {
    (!keys.0.is_empty()).then(|| Value::Keys(keys.clone()))
}

/// `2` is short for `order=2`.
fn startup_of(have: Option<&str>) -> PropertyString {
    let have = have.unwrap_or("");
    let named = |order: &str| have.replacen(order, &format!("order={order}"), 1);
    let short = PropertyString::parse(have).ok().and_then(|startup| startup.keyless().map(named));
    PropertyString::parse(short.as_deref().unwrap_or(have)).unwrap_or_default()
}

impl Value {
    /// Whether `have` (an option's value, or its absence) says the same.
    fn holds(&self, have: Option<&str>) -> bool {
        match self {
            Self::Text { want, default } => have.unwrap_or(default).trim_end() == want,
            Self::Number { want, default } => {
                let have = have.map_or(*default, |text| text.trim().parse().ok());
                have.is_some_and(|have| (have - want).abs() < 1e-9)
            }
            Self::Keys(keys) => PropertyString::parse(have.unwrap_or("")).is_ok_and(|have| keys.hold_in(&have)),
            Self::Startup(keys) => keys.hold_in(&startup_of(have)),
            Self::Tags(want) => *want == Tags::parse(have.unwrap_or("")),
            Self::Env(want) => environment::holds(want, have.unwrap_or("")),
            Self::Notes { text, mark } => Description::parse(have.unwrap_or(""))
                .is_ok_and(|have| have.mark == *mark && text.as_ref().is_none_or(|text| same_text(&have.text, text))),
        }
    }

    /// The value to write over `have`; empty means that the option is to be deleted.
    fn over(&self, have: Option<&str>) -> String {
        match self {
            Self::Text { want, .. } => want.clone(),
            Self::Number { want, .. } => want.to_string(),
            Self::Keys(keys) => {
                let have = PropertyString::parse(have.unwrap_or("")).unwrap_or_default();
                keys.over(&have).to_string()
            }
            Self::Startup(keys) => keys.over(&startup_of(have)).to_string(),
            Self::Tags(want) => want.to_string(),
            Self::Env(want) => environment::over(want, have.unwrap_or("")),
            Self::Notes { text, mark } => {
                let have = Description::parse(have.unwrap_or("")).map(|d| d.text).unwrap_or_default();
                describe(text.as_deref().unwrap_or(&have), mark.as_ref())
            }
        }
    }
}

/// Whether only root@pam may write these features: a token may change nesting alone.
#[must_use]
pub fn needs_root(features: &str) -> bool {
    features.split(',').any(|part| !part.starts_with("nesting="))
}

/// Whether only root@pam may change the guest's features to these. What other features it has may stay.
fn change_needs_root(features: &str, config: &Config) -> bool {
    let privileged = config.current.get("unprivileged").is_none_or(|value| value != "1");
    let now = config.current.get("features").map_or("", String::as_str);
    let has = |features: &str, part: &str| features.split(',').any(|other| other == part);
    let added = features.split(',').filter(|part| !has(now, part));
    let removed = now.split(',').filter(|part| !part.is_empty() && !has(features, part));
    privileged || added.chain(removed).any(needs_root)
}

/// Whether both say the same to a reader: neither the end nor the kind of newline makes a difference.
pub(super) fn same_text(have: &str, want: &str) -> bool {
    have.trim_end().lines().eq(want.trim_end().lines())
}

/// The description: the user's text and the mark.
#[must_use]
pub fn describe(text: &str, mark: Option<&Mark>) -> String {
    match mark {
        Some(mark) => Description::with_mark(text, mark),
        None => text.to_owned(),
    }
}

/// What differs between the wish and the guest's configuration. The mark in the description is kept as it is.
#[must_use]
pub fn difference(options: &Options, config: &Config, mark: &Mark) -> Difference {
    let layout = layout(options, config);
    let mut wishes = wishes(options, &layout);
    if let Some(text) = &options.description {
        let value = Value::Notes { text: Some(text.clone()), mark: Some(mark.clone()) };
        wishes.push(Wish { key: "description", field: "description", class: ChangeClass::Hot, value });
    }
    if let Some(tags) = &options.tags {
        wishes.push(Wish { key: "tags", field: "tags", class: ChangeClass::Hot, value: Value::Tags(tags.clone()) });
    }
    wishes.extend(of_image(options));
    let mut configure = Configure::default();
    let mut pending = Vec::new();
    for wish in &wishes {
        let (now, then) = (config.current.get(wish.key).map(String::as_str), config.effective(wish.key));
        match (wish.value.holds(now), wish.value.holds(then)) {
            (true, true) => {}
            // Stored, and in force after the next stop or reboot.
            (false, true) => pending.push(pending_change(wish, now)),
            // In force, but something else is stored: a person's change that would undo ours.
            (true, false) => {
                configure.changes.push(format!("{}: pending {} taken back", wish.field, shown(then)));
                configure.revert.push(wish.key.to_owned());
            }
            (false, false) => change(&mut configure, wish, then),
        }
    }
    if options.interfaces_only {
        remove(&mut configure, &layout.others, config);
    }
    configure.as_root = configure.set.get("features").is_some_and(|features| change_needs_root(features, config))
        || configure.touches("hookscript");
    if let Some(devices) = &options.devices {
        pending.extend(devices::difference(devices, config, &mut configure));
    }
    Difference { configure: (!configure.is_empty()).then_some(configure), pending }
}

/// Interfaces that the spec does not have go. One whose removal is pending already goes by itself.
fn remove(configure: &mut Configure, interfaces: &[String], config: &Config) {
    for key in interfaces {
        if let Some(have) = config.effective(key) {
            configure.changes.push(format!("network.interfaces {} -> (removed)", shown(Some(have))));
            configure.delete.push(key.clone());
        }
    }
}

fn change(configure: &mut Configure, wish: &Wish<'_>, have: Option<&str>) {
    let value = wish.value.over(have);
    configure.changes.push(format!("{} {} -> {}", wish.field, shown(have), shown(Some(&value))));
    if value.is_empty() {
        configure.delete.push(wish.key.to_owned());
    } else {
        configure.set.insert(wish.key.to_owned(), value);
    }
}

fn pending_change(wish: &Wish<'_>, have: Option<&str>) -> PendingChange {
    let (from, to) = (shown(have), shown(Some(&wish.value.over(have))));
    PendingChange {
        digest: of_parts([wish.key, &from, &to]),
        field: wish.field.to_owned(),
        message: "stored in Proxmox VE; it takes effect at the next reboot of the guest".to_owned(),
        class: ChangeClass::Reboot,
        from,
        to,
    }
}

/// A value for people: one line, absent as `(unset)`.
fn shown(value: Option<&str>) -> String {
    let text = value.unwrap_or("").trim_end().replace('\0', " ");
    let first = text.lines().next().unwrap_or("");
    match first {
        "" => "(unset)".to_owned(),
        line if line.len() < text.len() => format!("{line} ..."),
        line => line.to_owned(),
    }
}

/// The changes of a PUT as pending changes, for a mode that only shows.
#[must_use]
pub fn as_shown(configure: &Configure) -> Vec<PendingChange> {
    let drift = |change: &String| {
        let (field, values) = change.split_once(' ').unwrap_or((change, ""));
        let (from, to) = values.split_once(" -> ").unwrap_or(("", values));
        PendingChange {
            field: field.trim_end_matches(':').to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            class: ChangeClass::Hot,
            digest: of_parts([field, from, to]),
            message: "not done, because the mode is Observe".to_owned(),
        }
    };
    configure.changes.iter().map(drift).collect()
}

/// The options of a create call.
#[must_use]
pub fn for_creation(options: &Options, description: String) -> BTreeMap<String, String> {
    let layout = layout(options, &Config::default());
    let mut set: BTreeMap<String, String> = wishes(options, &layout)
        .into_iter()
        .map(|wish| (wish.key.to_owned(), wish.value.over(None)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    set.extend(options.devices.iter().flatten().enumerate().map(|(slot, value)| (format!("dev{slot}"), value.clone())));
    set.insert("description".to_owned(), description);
    if let Some(tags) = &options.tags {
        set.insert("tags".to_owned(), tags.to_string());
    }
    set
}
