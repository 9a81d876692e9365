//! Guests as people have made them over the years, taken over: one PUT each, and every byte of them but notes and tags stays.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::READY;
use zentoria_api::container::{Adoption, Origin};
use zentoria_api_tests::World;
use zentoria_api_tests::pve::{Guest, Request};
use zentoria_api_tests::wait::within;
use zentoria_api_tests::world::Conditions;

const COUNT: u32 = 40;

/// Random numbers that are the same every time (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    /// True once in so many times.
    fn once_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        let sides = u64::try_from(list.len()).unwrap();
        list[usize::try_from(self.roll(sides)).unwrap()].clone()
    }

    fn mac(&mut self) -> String {
        let mut byte = || self.roll(256);
        format!("BC:24:11:{:02X}:{:02X}:{:02X}", byte(), byte(), byte())
    }
}

/// Notes that people write, all as Proxmox VE gives them back.
const NOTES: [&str; 10] = [
    "",
    "web server\n",
    "Küche, Büro & Straße – fragt Jürgen 🦀\n",
    "# Title\r\n\r\n* first\r\n* second\r\n",
    "two\n\n\nblank lines, and a trailing blank \n",
    "<div align='center'><b>zentoria</b></div>\n<!-- made by a helper script -->\n",
    "100% = %25, a+b, \"quoted\" and 'single' \\ back\\slash\\n\n",
    "tab\there, colon: comma, equals=sign #hash\n",
    "\n\nbegins with blank lines\n",
    "vmid=404 name=db estate=home\n",
];

const TAGS: [&str; 6] = ["", "prod", "prod;web", "z-last;a-first", "under_score;dot.dot;plus+", "1st;anna;zentorium"];

fn nets(dice: &mut Dice, config: &mut Map<String, Value>, vmid: u32) {
    for slot in 0..dice.roll(4) {
        let mut net = format!("name=eth{slot},bridge={}", dice.pick(&["vmbr0", "vmbr1"]));
        if dice.once_in(3) {
            net.push_str(",firewall=1");
        }
        net.push_str(&format!(",hwaddr={}", dice.mac()));
        net.push_str(&match dice.roll(4) {
            0 => ",ip=dhcp".to_owned(),
            1 => format!(",gw=10.20.0.1,ip=10.20.{slot}.{}/16", vmid - 300),
            2 => ",ip=manual,ip6=auto".to_owned(),
            _ => String::new(),
        });
        for (sides, part) in
            [(5, ",link_down=1"), (4, ",mtu=1450"), (5, ",rate=12.5"), (3, ",tag=66"), (6, ",trunks=7;8")]
        {
            if dice.once_in(sides) {
                net.push_str(part);
            }
        }
        net.push_str(",type=veth");
        // Slots with gaps, as they come about when one is deleted.
        config.insert(format!("net{}", slot * 2), json!(net));
    }
}

fn mounts(dice: &mut Dice, config: &mut Map<String, Value>, vmid: u32) {
    let options = dice.pick(&["", ",mountoptions=discard;noatime", ",quota=1", ",acl=1,replicate=0"]);
    config
        .insert("rootfs".into(), json!(format!("local-zfs:subvol-{vmid}-disk-0{options},size={}G", 4 + dice.roll(60))));
    let slots = [0, 1, 3, 7, 200];
    let count = usize::try_from(dice.roll(4)).unwrap();
    for (index, slot) in slots.iter().enumerate().take(count) {
        let mount = match dice.roll(3) {
            0 => format!("/srv/share {index},mp=/mnt/share{index},ro=1").replace(' ', "-"),
            1 => format!("tank:subvol-{vmid}-disk-{},mp=/data{index},backup=1,size=512M", index + 1),
            _ => format!("local-zfs:subvol-{vmid}-disk-{},mp=/var/lib/x{index},size=8G", index + 1),
        };
        config.insert(format!("mp{slot}"), json!(mount));
    }
    if dice.once_in(3) {
        config.insert("unused0".into(), json!(format!("local-zfs:subvol-{vmid}-disk-9")));
    }
}

fn options(dice: &mut Dice, config: &mut Map<String, Value>) {
    let rare = [
        ("cpulimit", json!("1.5")),
        ("cpuunits", json!(50)),
        ("timezone", json!("Europe/Amsterdam")),
        ("timezone", json!("host")),
        ("hookscript", json!("local:snippets/hook.sh")),
        ("features", json!("nesting=1,keyctl=1")),
        ("features", json!("fuse=1,mount=nfs;cifs")),
        ("nameserver", json!("9.9.9.9 1.1.1.1")),
        ("searchdomain", json!("example.org")),
        ("startup", json!("order=3,up=20,down=60")),
        ("onboot", json!(1)),
        ("protection", json!(1)),
        ("debug", json!(1)),
        ("cmode", json!("shell")),
        ("console", json!(0)),
        ("tty", json!(4)),
        ("dev0", json!("/dev/dri/renderD128,gid=104,mode=0660")),
        ("dev3", json!("/dev/ttyUSB0")),
        (
            "lxc",
            json!([
                ["lxc.apparmor.profile", "unconfined"],
                ["lxc.cgroup2.devices.allow", "c 10:200 rwm"],
                ["lxc.mount.entry", "/dev/net/tun dev/net/tun none bind,create=file"],
                ["lxc.environment", "TOKEN=swordfish"],
            ]),
        ),
        ("lxc", json!([["lxc.idmap", "u 0 100000 1000"], ["lxc.idmap", "g 0 100000 1000"]])),
    ];
    for (key, value) in rare {
        if dice.once_in(4) {
            config.insert(key.into(), value);
        }
    }
}

/// A guest that somebody made.
fn guest(dice: &mut Dice, vmid: u32) -> Value {
    let mut config = Map::new();
    config.insert("arch".into(), json!(dice.pick(&["amd64", "i386", "arm64"])));
    config.insert("ostype".into(), json!(dice.pick(&["debian", "ubuntu", "alpine", "archlinux", "unmanaged"])));
    config.insert("hostname".into(), json!(dice.pick(&["db", "Web-1", "mail.example.org", "CT"])));
    config.insert("memory".into(), json!(dice.pick(&[16, 512, 1000, 3072, 65536])));
    config.insert("swap".into(), json!(dice.pick(&[0, 512, 777])));
    for (key, value) in [("cores", json!(1 + dice.roll(8))), ("unprivileged", json!(1))] {
        if !dice.once_in(4) {
            config.insert(key.into(), value);
        }
    }
    mounts(dice, &mut config, vmid);
    nets(dice, &mut config, vmid);
    options(dice, &mut config);
    let (notes, tags) = (dice.pick(&NOTES), dice.pick(&TAGS));
    for (key, value) in [("description", notes), ("tags", tags)] {
        if !value.is_empty() {
            config.insert(key.into(), json!(value));
        }
    }
    let status = dice.pick(&["running", "stopped"]);
    json!({"vmid": vmid, "name": config["hostname"].clone(), "node": "pve1", "status": status, "config": config})
}

/// A container that names a VMID and nothing else.
fn bare(world: &World, vmid: u32) -> ZentoriaContainer {
    let mut container = world.container(&format!("guest-{vmid}"), vmid);
    container.spec.resources = Default::default();
    container.spec.root_disk = None;
    container.spec.network.interfaces.clear();
    container.spec.adoption = Adoption::IfExists;
    container
}

/// All of a guest but what adoption may change.
fn the_rest(mut guest: Guest) -> Guest {
    guest.config.remove("description");
    guest.config.remove("tags");
    // The double makes an empty file where one is read that is not there.
    if !guest.is_filtered() {
        guest.firewall = None;
    }
    guest
}

fn tags(guest: &Guest) -> BTreeSet<String> {
    guest.option("tags").split([';', ' ']).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

async fn all_guests(world: &World) -> BTreeMap<u32, Guest> {
    world.pve.guests().await.into_iter().map(|guest| (guest.vmid, guest)).collect()
}

async fn furnished() -> World {
    let mut dice = Dice(0x5EED_2026);
    let guests: Vec<Value> = (400..400 + COUNT).map(|vmid| guest(&mut dice, vmid)).collect();
    let world = World::builder("adopt many")
        .seed(|seed| {
            seed["bridges"] = json!(["vmbr0", "vmbr1"]);
            seed["storages"]["tank"] = json!({
                "type": "zfspool", "pool": "tank", "content": "images,rootdir", "total": 1_u64 << 40,
            });
            seed["containers"] = Value::Array(guests);
        })
        .start()
        .await;
    // A change that waits for a reboot stays one.
    let waiting = world.pve.guests().await.into_iter().find(|guest| guest.runs()).unwrap().vmid;
    world.pve.set(json!({"vmid": waiting, "pending": {"hostname": "after-the-reboot"}})).await;
    world.cluster_says("Ready").await;
    world
}

fn is_the_one_put(calls: &[&Request], vmid: u32) {
    let lines: Vec<String> = calls.iter().map(|call| call.line()).collect();
    assert_eq!(lines, [format!("PUT /nodes/pve1/lxc/{vmid}/config")], "guest {vmid}");
    let keys: Vec<&str> = calls[0].params.keys().map(String::as_str).collect();
    assert!(keys.contains(&"description") && keys.contains(&"digest"), "guest {vmid}: {keys:?}");
    assert!(keys.iter().all(|key| ["description", "digest", "tags"].contains(key)), "guest {vmid}: {keys:?}");
}

#[tokio::test]
async fn forty_guests_that_people_made_are_taken_over_by_one_put_each_and_keep_every_byte() {
    let world = furnished().await;
    let before = all_guests(&world).await;
    assert_eq!(before.len(), usize::try_from(COUNT).unwrap());
    world.pve.forget_requests().await;
    for vmid in before.keys() {
        world.apply(&bare(&world, *vmid)).await;
    }
    within(Duration::from_secs(120), "40 guests are taken over", || async {
        let all = world.all().await;
        let late: Vec<String> = all
            .iter()
            .filter(|container| container.truth(READY) != "True")
            .map(|container| format!("{:?}: {}", container.metadata.name, container.message()))
            .collect();
        if late.is_empty() { Ok(()) } else { Err(late.join("\n")) }
    })
    .await;
    world.polls(3).await;

    let writes = world.pve.writes().await;
    let after = all_guests(&world).await;
    for (vmid, old) in &before {
        let path = format!("/nodes/pve1/lxc/{vmid}/config");
        is_the_one_put(&writes.iter().filter(|call| call.path == path).collect::<Vec<_>>(), *vmid);
        let new = &after[vmid];
        let text = old.option("description");
        let mark = new.mark().unwrap_or_else(|| panic!("guest {vmid} has no mark: {new:?}"));
        assert_eq!(new.option("description"), format!("{text}{mark}\n"), "guest {vmid}");
        let mut expected = tags(old);
        expected.insert("zentoria".to_owned());
        assert_eq!(tags(new), expected, "guest {vmid}");
        assert_eq!(the_rest(new.clone()), the_rest(old.clone()), "guest {vmid}");
        let container = world.get(&format!("guest-{vmid}")).await;
        assert_eq!(container.status.as_ref().unwrap().created.as_ref().unwrap().origin, Origin::Adopted);
    }
    assert_eq!(
        writes.len(),
        before.len(),
        "no other write: {:?}",
        writes.iter().map(Request::line).collect::<Vec<_>>()
    );
}
