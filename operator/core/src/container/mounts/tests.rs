use super::*;
use zentoria_api::container::ReclaimPolicy;
use zentoria_types::size::Bytes;

fn wish(name: &str, path: &str, slot: Option<u32>) -> MountWish {
    MountWish {
        name: name.into(),
        slot,
        path: path.into(),
        what: Mounted::Volume { storage: "tank".parse().unwrap(), size: Bytes(8 << 30) },
        storage_named: true,
        read_only: false,
        backup: None,
        reclaim: ReclaimPolicy::Retain,
    }
}

fn remembered(name: &str, slot: &str, volume: &str) -> MountStatus {
    MountStatus { name: name.into(), slot: slot.into(), volume: volume.into(), reclaim_policy: ReclaimPolicy::Retain }
}

fn config(current: &[(&str, &str)]) -> Config {
    let current = current.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Config { current, ..Config::default() }
}

fn slots(wishes: &[MountWish], recorded: &[MountStatus], current: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let placed = place(wishes, recorded, &config(current)).map_err(|refusal| refusal.message)?;
    Ok(placed.into_iter().map(|placed| format!("{} {}", placed.wish.name, placed.slot)).collect())
}

#[test]
fn new_mounts_take_the_first_free_slots_beside_those_that_are_named() {
    let wishes = [wish("a", "/a", None), wish("b", "/b", Some(0)), wish("c", "/c", None)];
    let have = [("mp1", "tank:subvol-404-disk-9,mp=/other")];
    assert_eq!(slots(&wishes, &[], &have).unwrap(), ["a mp2", "b mp0", "c mp3"]);
}

#[test]
fn a_mount_keeps_its_slot_whatever_the_order_of_the_spec_and_whoever_goes() {
    let recorded = [remembered("a", "mp0", "tank:v-1"), remembered("b", "mp1", "tank:v-2")];
    let have = [("mp0", "tank:v-1,mp=/a"), ("mp1", "tank:v-2,mp=/b")];
    let (a, b) = (wish("a", "/a", None), wish("b", "/b", None));
    assert_eq!(slots(&[b.clone(), a], &recorded, &have).unwrap(), ["b mp1", "a mp0"]);
    assert_eq!(slots(&[b], &recorded, &have).unwrap(), ["b mp1"]);
    // Swapped paths swap paths, and no volumes.
    let crossed = [wish("a", "/b", None), wish("b", "/a", None)];
    assert_eq!(slots(&crossed, &recorded, &have).unwrap(), ["a mp0", "b mp1"]);
}

#[test]
fn what_nobody_remembers_is_found_by_its_path() {
    let have = [("mp4", "tank:v-1,mp=/a/")];
    assert_eq!(slots(&[wish("a", "/a", None)], &[], &have).unwrap(), ["a mp4"]);
    // Another name for the same path is the same mount.
    let recorded = [remembered("old", "mp4", "tank:v-1")];
    let renamed = [wish("new", "/a", None)];
    assert_eq!(slots(&renamed, &recorded, &have).unwrap(), ["new mp4"]);
    let placed = place(&renamed, &recorded, &config(&have)).unwrap();
    assert_eq!(removed(&placed, &recorded, &config(&have)), []);
}

#[test]
fn a_slot_of_something_else_is_taken_and_what_is_there_is_named() {
    let have = [("mp0", "tank:v-7,mp=/other")];
    let named = slots(&[wish("a", "/a", Some(0))], &[], &have).unwrap_err();
    assert!(named.contains("spec.mounts[a]: slot mp0 is taken by tank:v-7,mp=/other"), "{named}");
    let replaced = slots(&[wish("a", "/a", None)], &[remembered("a", "mp0", "tank:v-1")], &have).unwrap_err();
    assert!(replaced.contains("slot mp0 is taken"), "{replaced}");
    let twice = slots(&[wish("a", "/a", None), wish("b", "/b", Some(0))], &[], &[("mp0", "tank:v,mp=/a")]).unwrap_err();
    assert!(twice.contains("spec.mounts[b]: slot mp0 is taken"), "{twice}");
}

#[test]
fn a_volume_that_somebody_detached_is_lost_and_not_replaced() {
    let recorded = [remembered("a", "mp0", "tank:v-1")];
    let wishes = [wish("a", "/a", None)];
    let have = config(&[("unused0", "tank:v-1")]);
    assert_eq!(place(&wishes, &recorded, &have).unwrap()[0].lost(), Some("tank:v-1"));
    assert_eq!(place(&wishes, &[], &have).unwrap()[0].lost(), None);
}

#[test]
fn only_a_mount_of_ours_with_its_own_volume_counts_as_removed() {
    let recorded = [remembered("a", "mp0", "tank:v-1"), remembered("b", "mp1", "tank:v-2")];
    let have = config(&[("mp0", "tank:v-1,mp=/a"), ("mp1", "tank:v-9,mp=/b"), ("mp2", "tank:v-3,mp=/c")]);
    let gone: Vec<&str> = removed(&[], &recorded, &have).into_iter().map(|(mount, _)| mount.name.as_str()).collect();
    assert_eq!(gone, ["a"]);
}

#[test]
fn values_of_proxmox_ve_are_read_and_written_back_with_everything_in_them() {
    let point = |value| MountPoint::parse(value).unwrap();
    assert_eq!(point("tank:subvol-404-disk-1,mp=/a,size=8G").kind(), Kind::Stored { storage: "tank" });
    assert_eq!(point("tank:8,mp=/a").kind(), Kind::Requested { storage: "tank", size: Bytes(8 << 30) });
    assert_eq!(point("/srv/a:8,mp=/a").kind(), Kind::OfNode);
    assert_eq!(point("volume=tank:v-1,mp=/a").volume(), "tank:v-1");
    let have = point("tank:v-1,mp=/a,backup=1,mountoptions=noatime,ro=1,size=8G");
    let next = have.with(&MountWish { backup: Some(false), ..wish("a", "/b", None) });
    assert_eq!(next.to_pve(), "tank:v-1,mp=/b,mountoptions=noatime,size=8G");
    let bind = MountWish { what: Mounted::Bind { path: "/srv/b".into() }, read_only: true, ..wish("a", "/a", None) };
    assert_eq!(point("/srv/a,mp=/a,shared=1").with(&bind).to_pve(), "/srv/b,mp=/a,shared=1,ro=1");
    assert_eq!(MountPoint::new(&bind).unwrap().to_pve(), "/srv/b,mp=/a,ro=1");
    assert_eq!(MountPoint::new(&wish("a", "/a", None)).unwrap().to_pve(), "tank:8,mp=/a");
    assert_eq!(MountPoint::parse("mp=/a"), None);
}
