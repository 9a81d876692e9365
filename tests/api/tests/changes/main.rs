//! Dangerous changes under control: reboots by policy, window and approval; what is kept before; guests made anew.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod approval;
mod kept;
mod replacement;
mod windows;

use serde_json::{Value, json};
use zentoria_api::ZentoriaContainer;
use zentoria_api::conditions::UP_TO_DATE;
use zentoria_api::container::PendingChange;
use zentoria_api_tests::World;
use zentoria_api_tests::pve::Request;
use zentoria_api_tests::world::{Builder, Conditions, condition};

/// A world whose operator may snapshot, back up and make privileged guests, with a storage `dir` that takes no snapshots.
fn builder(test: &str) -> Builder {
    let build = World::builder(test).seed(|seed| {
        let more =
            [json!(["zentoria@pve", "/", "Sys.Modify"]), json!(["zentoria@pve", "/vms", "VM.Backup", "VM.Snapshot"])];
        seed["grants"].as_array_mut().unwrap().extend(more);
        seed["storages"]["dir"] = json!({"type": "dir", "path": "/srv/dir", "content": "rootdir", "total": 1u64 << 40});
    });
    build.cluster(|spec| {
        spec.access[0].allow.privileged = true;
        spec.access[0].allow.storages.extend(["dir".parse().unwrap()]);
        spec.safety.max_destroys_per_hour = 10;
    })
}

/// Another name server: a change that waits for a reboot.
fn nameserver(address: &str) -> Value {
    json!({"network": {"dns": {"nameservers": [address]}}})
}

async fn until_pending(world: &World, name: &str, reason: &str) -> (ZentoriaContainer, Vec<PendingChange>) {
    let container =
        world.until(&format!("UpToDate says {reason}"), name, |container| container.reason(UP_TO_DATE) == reason).await;
    let pending = container.status.clone().unwrap().pending_changes;
    assert!(!pending.is_empty());
    (container, pending)
}

async fn approve(world: &World, name: &str, digest: &str) {
    world.annotate(name, "zentoria.ai/approve", Some(digest)).await;
}

/// What UpToDate says.
fn told(container: &ZentoriaContainer) -> String {
    condition(&container.status.as_ref().unwrap().conditions, UP_TO_DATE).map(|c| c.message.clone()).unwrap_or_default()
}

async fn up_to_date(world: &World, name: &str) -> ZentoriaContainer {
    world.until("is up to date", name, |container| container.truth(UP_TO_DATE) == "True").await
}

/// The writes so far, as `POST snapshot`.
async fn acts(world: &World, vmid: u32) -> Vec<String> {
    let writes = world.pve.writes().await;
    let act = |request: &Request| {
        let last = request.path.rsplit('/').next().unwrap_or_default().to_owned();
        let last = if last.starts_with("zentoria-") { "(our snapshot)".to_owned() } else { last };
        let last = if request.path.contains("/content/") { "(backup)".to_owned() } else { last };
        format!("{} {last}", request.method)
    };
    let about = |request: &&Request| {
        request.path.contains(&vmid.to_string()) || request.param("vmid") == Some(vmid.to_string())
    };
    writes.iter().filter(about).map(act).collect()
}
