//! The scratch PostgreSQL of a restore: a sidecar that starts before the Job's container and ends with it. It listens to
//! the pod alone, and keeps nothing: it need not survive a crash.

use super::pod::{empty_dir, mount, resources, unprivileged, variable};
use crate::backup::want::PodWish;
use k8s_openapi::api::core::v1::{Container, ExecAction, Probe, Volume};

/// Where it listens, on 127.0.0.1.
pub(super) const PORT: u16 = 5432;
/// `postgres` of the official images.
const USER: i64 = 999;
/// How long it may take until it answers: 60 times 5 seconds.
const PATIENCE: (i32, i32) = (60, 5);

/// The container. As an init container that is always restarted it is a sidecar: the Job ends although it runs.
pub(super) fn sidecar(image: &str, pod: &PodWish) -> Container {
    let port = PORT.to_string();
    let settings = [
        "listen_addresses=127.0.0.1",
        &format!("port={port}"),
        "fsync=off",
        "full_page_writes=off",
        "synchronous_commit=off",
        // /dev/shm of a pod is small, and indexes of vectors are built in parallel.
        "dynamic_shared_memory_type=mmap",
    ];
    let mut args = vec!["postgres".to_owned()];
    args.extend(settings.iter().flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
    let ready = ["pg_isready", "--host=127.0.0.1", "--username=postgres", &format!("--port={port}")];
    let (failures, period) = PATIENCE;
    Container {
        name: "scratch-postgres".to_owned(),
        image: Some(image.to_owned()),
        args: Some(args),
        env: Some(vec![
            variable("PGDATA", "/var/lib/postgresql/scratch/data"),
            // Nobody but the Job's own container gets at it.
            variable("POSTGRES_HOST_AUTH_METHOD", "trust"),
        ]),
        resources: Some(resources(&pod.limits)),
        restart_policy: Some("Always".to_owned()),
        security_context: Some(unprivileged(Some(USER))),
        startup_probe: Some(Probe {
            exec: Some(ExecAction { command: Some(ready.map(str::to_owned).to_vec()) }),
            failure_threshold: Some(failures),
            period_seconds: Some(period),
            ..Probe::default()
        }),
        volume_mounts: Some(vec![
            mount("postgres-data", "/var/lib/postgresql/scratch", false),
            mount("postgres-run", "/var/run/postgresql", false),
            mount("postgres-tmp", "/tmp", false),
        ]),
        ..Container::default()
    }
}

/// Its volumes.
pub(super) fn volumes(pod: &PodWish) -> [Volume; 3] {
    [empty_dir("postgres-data", &pod.scratch), empty_dir("postgres-run", "16Mi"), empty_dir("postgres-tmp", "256Mi")]
}
