//! What differs from the wish, and what a difference takes.

use super::{Case, check, made};
use crate::fixture::{Whose, guest_mut};
use zentoria_api::common::Mode;
use zentoria_api::container::Origin;
use zentoria_core::Fact;

const NET: &str =
    "name=eth0,bridge=vmbr0,firewall=1,gw=10.10.0.1,hwaddr=BC:24:11:05:04:62,ip=10.10.40.9/16,rate=5,type=veth";

fn drifted(title: &'static str, wish: &'static str, options: &[(&str, &str)]) -> Case {
    made(title, wish, options, |_| {})
}

#[test]
fn drift() {
    let address =
        "vmid: 404, network: {interfaces: [{bridge: vmbr0, ipv4: {address: 10.10.40.4/16, gateway: 10.10.0.1}}]}";
    check(
        "drift",
        vec![
            drifted(
                "nothing differs",
                "vmid: 404, resources: {cores: 2, cpuLimit: 1.5, memory: 512Mi}",
                &[("cores", "2"), ("cpulimit", "1.50")],
            ),
            drifted("cores", "vmid: 404, resources: {cores: 2}", &[("cores", "4")]),
            drifted("cores that were unlimited", "vmid: 404, resources: {cores: 2}", &[]),
            drifted("cpuLimit", "vmid: 404, resources: {cpuLimit: 1.5}", &[("cpulimit", "2")]),
            drifted("cpuUnits", "vmid: 404, resources: {cpuUnits: 200}", &[("cpuunits", "100")]),
            drifted("memory", "vmid: 404, resources: {memory: 4Gi}", &[]),
            drifted("swap", "vmid: 404, resources: {swap: 0}", &[]),
            drifted("hostname", "vmid: 404, hostname: db.example.test", &[]),
            drifted("address; the MAC and what nobody named are kept", address, &[("net0", NET)]),
            drifted("bridge", "vmid: 404, network: {interfaces: [{bridge: vmbr1}]}", &[("net0", NET)]),
            drifted("no network yet", address, &[]),
            drifted("tags", "vmid: 404, tags: [db]", &[("tags", "stray;zentoria")]),
            drifted(
                "tags in another order are no difference",
                "vmid: 404, tags: [db, a]",
                &[("tags", "zentoria;DB;a")],
            ),
            made("description", "vmid: 404, description: new", &[], |world| {
                let guest = guest_mut(&mut world.seen).unwrap();
                guest.config.current.insert("description".into(), Whose::Ours.description("old"));
            }),
            made("a description that nobody named is a person's", "vmid: 404", &[], |world| {
                let guest = guest_mut(&mut world.seen).unwrap();
                guest.config.current.insert("description".into(), Whose::Ours.description("a person's notes"));
            }),
            drifted("onBoot", "vmid: 404, startup: {onBoot: true}", &[("onboot", "0")]),
            drifted(
                "startup; what nobody named is kept",
                "vmid: 404, startup: {order: 3}",
                &[("startup", "order=2,up=10")],
            ),
            drifted("a boot order of 0 is not the absence of one", "vmid: 404, startup: {order: 0}", &[]),
            drifted("protection", "vmid: 404, protection: true", &[("protection", "0")]),
            drifted(
                "nameserver",
                "vmid: 404, network: {dns: {nameservers: [10.10.0.53, 1.1.1.1]}}",
                &[("nameserver", "8.8.8.8")],
            ),
            drifted("searchdomain", "vmid: 404, network: {dns: {searchDomain: example.test}}", &[]),
            drifted("timezone", "vmid: 404, timezone: host", &[("timezone", "UTC")]),
            drifted("features", "vmid: 404, features: {nesting: true}", &[]),
            drifted(
                "a feature that is off in both ways",
                "vmid: 404, features: {nesting: true, keyctl: false}",
                &[("features", "nesting=1")],
            ),
            drifted(
                "nesting beside features that a person set needs no root",
                "vmid: 404, features: {nesting: false}",
                &[("features", "nesting=1,keyctl=1")],
            ),
            drifted("features of root without root", "vmid: 404, features: {fuse: true}", &[]),
            made("features of root with root", "vmid: 404, features: {fuse: true}", &[], |world| {
                world.seen.cluster.root_credential = true;
            }),
            made("drift under Observe", "vmid: 404, resources: {cores: 2, memory: 4Gi}", &[], |world| {
                world.cluster.mode = Mode::Observe;
            }),
        ],
    );
}

#[test]
fn pending() {
    let pending = |title, wish, current: &[(&str, &str)], pending: Option<&'static str>| {
        made(title, wish, current, |world| {
            let guest = guest_mut(&mut world.seen).unwrap();
            guest.config.pending.insert("nameserver".into(), pending.map(str::to_owned));
        })
    };
    let wish = "vmid: 404, network: {dns: {nameservers: [10.10.0.53]}}";
    let reboot = "vmid: 404, network: {dns: {nameservers: [10.10.0.53]}}, rebootPolicy: Automatic";
    check(
        "pending",
        vec![
            pending("stored, and waits for a reboot", wish, &[("nameserver", "8.8.8.8")], Some("10.10.0.53")),
            pending("a person's pending change is taken back", wish, &[("nameserver", "10.10.0.53")], Some("9.9.9.9")),
            pending("a pending removal is taken back", wish, &[("nameserver", "10.10.0.53")], None),
            pending("neither what holds nor what is stored", wish, &[("nameserver", "8.8.8.8")], Some("9.9.9.9")),
            pending(
                "of what nobody named, nothing is said",
                "vmid: 404",
                &[("nameserver", "8.8.8.8")],
                Some("9.9.9.9"),
            ),
            pending("a reboot is allowed", reboot, &[("nameserver", "8.8.8.8")], Some("10.10.0.53")),
            made("a change and the reboot that it needs", reboot, &[("nameserver", "8.8.8.8")], |_| {}),
            made(
                "a change that needs no reboot",
                "vmid: 404, resources: {cores: 2}, rebootPolicy: Automatic",
                &[],
                |_| {},
            ),
        ],
    );
}

#[test]
fn disks_and_what_cannot_be_changed() {
    let volume =
        |title, size: &'static str| made(title, "vmid: 404, rootDisk: {size: 20Gi}", &[("rootfs", size)], |_| {});
    let template = "vmid: 404, source: {template: {volume: 'local:vztmpl/debian-14.tar.zst'}}";
    check(
        "disks",
        vec![
            volume("a disk grows", "local-zfs:subvol-404-disk-0,size=8G"),
            volume("a disk does not shrink", "local-zfs:subvol-404-disk-0,size=40G"),
            volume("the same size in another unit", "local-zfs:subvol-404-disk-0,size=20480M"),
            volume("a disk of no known size", "local-zfs:subvol-404-disk-0"),
            made("privileged was asked for", "vmid: 404, unprivileged: false", &[], |world| {
                world.cluster.access[0].allow.privileged = true;
            }),
            made("another storage", "vmid: 404, rootDisk: {storage: tank, size: 8Gi}", &[], |_| {}),
            made("another template than it was made from", template, &[], |world| {
                let defaults = world.seen.recorded.defaults.as_mut().unwrap();
                defaults.template = Some(crate::fixture::TEMPLATE.into());
            }),
            made("of an adopted guest the source says nothing", template, &[], |world| {
                world.seen.recorded.created = Some(crate::fixture::created(Origin::Adopted, true));
                guest_mut(&mut world.seen).unwrap().running = Fact::Known(true);
            }),
        ],
    );
}
