//! Which privileges a new guest is asked for, by its spec.

use crate::fixture::{spec, vmid};
use crate::model::World;
use zentoria_core::cluster::permissions::{Permissions, Zones, missing_for_guest, missing_for_live_copy};

fn held(list: &[(&str, &[&str])]) -> Permissions {
    list.iter().map(|(path, list)| ((*path).into(), list.iter().map(|p| (*p).to_owned()).collect())).collect()
}

#[test]
fn a_new_guest_is_asked_for_what_its_spec_uses_now_or_later() {
    const DISK: &str = "/storage/local-zfs: Datastore.AllocateSpace";
    const TANK: &str = "/storage/tank: Datastore.AllocateSpace";
    const BRIDGE: &str = "/sdn/zones/localnetwork/vmbr0: SDN.Use";
    const SNAPSHOT: &str = "/vms: VM.Snapshot";
    let mounts = "mounts: [{name: a, path: /a, volume: {size: 1Gi, storage: tank}}, \
                  {name: b, path: /b, volume: {size: 1Gi}}, {name: c, path: /c, volume: {size: 1Gi, storage: tank}}, \
                  {name: d, path: /d, bind: {path: /srv/data}}]";
    let cases: [(&str, &[&str]); 9] = [
        ("hostname: a", &[DISK]),
        ("rootDisk: {size: 8Gi, storage: tank}", &[TANK]),
        (mounts, &[DISK, TANK]),
        ("network: {interfaces: [{bridge: vmbr0}]}", &[DISK, BRIDGE]),
        ("placement: {enforce: true}", &[DISK, "/vms: VM.Migrate"]),
        ("placement: {nodes: [pve1, pve2]}", &[DISK]),
        ("beforeChange: {}", &[DISK, SNAPSHOT]),
        ("beforeChange: {method: Snapshot, classes: [Hot]}", &[DISK, SNAPSHOT]),
        ("beforeChange: {method: Auto, classes: [Replace]}", &[DISK]),
    ];
    for (wish, missing) in cases {
        let want = World::new(spec(&format!("vmid: 404, {wish}"))).want().unwrap();
        assert_eq!(missing_for_guest(&want, &held(&[("/vms", &[])]), &Zones::new()), missing, "{wish}");
        let all = held(&[("/", &["Datastore.AllocateSpace", "SDN.Use", "VM.Migrate", "VM.Snapshot"])]);
        assert!(missing_for_guest(&want, &all, &Zones::new()).is_empty(), "{wish}");
    }
    let vzdump = World::new(spec("vmid: 404, beforeChange: {method: Vzdump}")).want().unwrap();
    assert_eq!(missing_for_guest(&vzdump, &Permissions::new(), &Zones::new()), [DISK]);
}

#[test]
fn the_copy_of_a_guest_that_runs_is_asked_for_its_snapshot() {
    let held = held(&[("/vms", &["VM.Snapshot"]), ("/vms/401", &["VM.Audit"])]);
    assert_eq!(missing_for_live_copy(vmid(400), &held), None);
    assert_eq!(missing_for_live_copy(vmid(401), &held).as_deref(), Some("/vms/401: VM.Snapshot"));
}
