//! docs/disaster-recovery.md, command by command: the page's own text is run by a shell, with kubectl, our program and the
//! real restic, against an API server that was emptied and a Proxmox VE that is new.

use super::{ID, Kcm, apply, backed_up, empty, policy, says};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::task::JoinHandle;
use zentoria_api::backup::{BackupPolicy, BackupRepository, BackupRestore, RestorePhase};
use zentoria_api::wire::{OPERATION_LABEL, PAUSED_ANNOTATION};
use zentoria_api_tests::World;
use zentoria_api_tests::kubernetes::{apply_any, put_secret};
use zentoria_api_tests::operator::variable;
use zentoria_api_tests::process::Process;
use zentoria_api_tests::pve::{ADDRESS, Pve, TOKEN_SECRET, seed};
use zentoria_api_tests::wait::eventually;
use zentoria_types::backup_job::{Outcome, Proof};

const PAGE: &str = include_str!("../../../../docs/disaster-recovery.md");
const KEY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
const PUBLIC_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f db";
const PASSWORD: &str = "it's-a long word";
/// How long one block of the page may take.
const LONGEST: Duration = Duration::from_secs(300);

/// The blocks of commands of one section of the page.
fn blocks(section: &str) -> Vec<String> {
    let heading = PAGE.split("\n## ").find(|part| part.starts_with(section));
    let heading = heading.unwrap_or_else(|| panic!("the page has no section {section:?}"));
    let found: Vec<String> =
        heading.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).map(ToOwned::to_owned).collect();
    assert!(!found.is_empty(), "section {section:?} has no commands");
    found
}

/// What the commands are run on.
struct Scene {
    world: World,
    kcm: Arc<Kcm>,
    dir: PathBuf,
    old: String,
    rest: Option<Rest>,
    player: Option<JoinHandle<()>>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(player) = &self.player {
            player.abort();
        }
    }
}

/// The real server of the repository, and the real restic.
struct Rest {
    url: String,
    restic: PathBuf,
    _server: Process,
}

fn component(name: &str) -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hack/tools/components.sh");
    let output = std::process::Command::new(script).arg(name).output().expect("components.sh runs");
    match output.status.code() {
        Some(0) => Some(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())),
        Some(77) => {
            eprintln!("== SKIPPED: what needs {name}");
            None
        }
        _ => panic!("{name}: {}", String::from_utf8_lossy(&output.stderr)),
    }
}

impl Rest {
    /// A server with one backup of the policy `postgresql` in it, as the Jobs make them.
    async fn start(dir: &Path) -> Option<Self> {
        let (program, restic) = (component("rest-server")?, component("restic")?);
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its number").port();
        let mut command = std::process::Command::new(program);
        command.args(["--no-auth", "--listen", &format!("127.0.0.1:{port}"), "--path"]).arg(dir.join("rest"));
        let server = Process::start("rest-server", &mut command, &dir.join("rest.log"));
        let url = format!("http://127.0.0.1:{port}/minio/");
        let rest = Self { url, restic, _server: server };
        eventually("the REST server answers", || async {
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await.map(drop).map_err(|error| error.to_string())
        })
        .await;
        rest.run(dir, &["init"], "").await;
        let tags = |kind: &str| format!("policy=postgresql,tier=hourly,run=20260501T030000Z,kind={kind}");
        for (kind, file, text) in
            [("data", "/postgresql/app.dump", "PGDMP"), ("evidence", "/evidence/postgresql.json", "{\"rows\": 12}")]
        {
            rest.run(dir, &["backup", "--stdin", "--stdin-filename", file, "--tag", &tags(kind)], text).await;
        }
        Some(rest)
    }

    async fn run(&self, dir: &Path, args: &[&str], input: &str) {
        let mut command = Command::new(&self.restic);
        command
            .args(["--repo", &format!("rest:{}", self.url)])
            .args(args)
            .env("RESTIC_PASSWORD", PASSWORD)
            .env("HOME", dir);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("restic runs");
        let mut stdin = child.stdin.take().expect("its input");
        tokio::io::AsyncWriteExt::write_all(&mut stdin, input.as_bytes()).await.expect("it reads");
        drop(stdin);
        let output = child.wait_with_output().await.expect("restic ends");
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Scene {
    /// An estate with a container, a repository and a policy; its kit, in the directory in which the page is followed; and
    /// then nothing but the kit, the backups, and the guests of Proxmox VE.
    async fn after_the_disaster(test: &str) -> Self {
        let mut world = World::fresh(test).await;
        let dir = world.dir().join("page");
        furnish(&dir);
        let rest = Rest::start(&dir).await;
        if let Some(rest) = &rest {
            std::os::unix::fs::symlink(&rest.restic, dir.join("bin/restic")).unwrap();
        }
        let kcm = Kcm::of(&world.client, &world.namespace).await;
        estate(&world, rest.as_ref()).await;
        kcm.ends(&kcm.job("br-minio-init").await, &empty()).await;
        says::<BackupRepository>(&world, "minio", "Ready").await;
        let guest = world.pve.guest(404).await;
        let mark = guest.mark().expect("a mark");
        let old = mark.split("cp=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a control plane").to_owned();
        let kit = dir.join("kit.age");
        let kit = kit.to_str().expect("a path");
        let args = ["recovery-kit", "-A", "--operator-namespace", &world.system, "-o", kit, "--recipient", RECIPIENT];
        world.kubectl_zentoria(&args).await.with(0).has("Keep it away");
        world.stop_operator().await;
        world.empty_etcd().await;
        let kcm = Arc::new(Kcm::of(&world.client, &world.namespace).await);
        Self { world, kcm, dir, old, rest, player: None }
    }

    /// Follows one section.
    async fn follow(&mut self, section: &str) {
        for block in blocks(section) {
            self.shell(&block).await;
            // No pods run here: what the manifests install, the test starts.
            if block.contains("-k manifests/install") {
                self.world.start_operator().await;
                self.player = Some(tokio::spawn(play(Arc::clone(&self.kcm))));
            }
        }
    }

    /// The text of the page with the names of this world.
    fn concrete(&self, block: &str) -> String {
        let World { namespace, system, cluster, .. } = &self.world;
        let kit = format!("recovery-kit -A --operator-namespace {system} ");
        [
            ("zentoria-system", system.as_str()),
            ("-n zentoria ", &format!("-n {namespace} ")),
            ("-n zentoria\n", &format!("-n {namespace}\n")),
            ("--confirm zentoria ", &format!("--confirm {namespace} ")),
            ("zentoria/minio", &format!("{namespace}/minio")),
            ("proxmoxcluster pve ", &format!("proxmoxcluster {cluster} ")),
            ("pxc/pve", &format!("pxc/{cluster}")),
            (" OLD\n", &format!(" {}\n", self.old)),
            ("age1...", RECIPIENT),
            ("192.0.2.21", ADDRESS),
            ("recovery-kit -A ", &kit),
        ]
        .iter()
        .fold(block.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    async fn shell(&self, block: &str) {
        let text = self.concrete(block);
        let path = format!("{}:{}", self.dir.join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", &text]).current_dir(&self.dir).stdin(Stdio::null()).kill_on_drop(true);
        command.env("PATH", path).env("HOME", &self.dir).env("KUBECONFIG", &self.world.kubeconfig);
        let output = tokio::time::timeout(LONGEST, command.output()).await;
        let output = output.unwrap_or_else(|_| panic!("it takes too long:\n{text}")).expect("bash runs");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{text}\n{}\n{}", said(&output.stdout), said(&output.stderr));
    }
}

/// What the page says that one has.
fn furnish(dir: &Path) {
    std::fs::create_dir_all(dir.join("bin")).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    for name in ["crds", "manifests"] {
        std::os::unix::fs::symlink(root.join(name), dir.join(name)).unwrap();
    }
    std::os::unix::fs::symlink(variable("ZENTORIA_CLI_BIN"), dir.join("bin/kubectl-zentoria")).unwrap();
    std::fs::write(dir.join("kit.key"), format!("# the key of the kit\n{KEY}\n")).unwrap();
    std::fs::write(dir.join("token-secret.txt"), TOKEN_SECRET).unwrap();
}

/// The estate before the disaster.
async fn estate(world: &World, rest: Option<&Rest>) {
    put_secret(&world.client, &world.namespace, "own-key", &[("ssh-publickey", PUBLIC_KEY)]).await;
    let mut container = world.container("db", 404);
    let provision = json!({"sshKeySecretRef": {"name": "own-key"}});
    container.spec.provision = Some(serde_json::from_value(provision).unwrap());
    world.apply(&container).await;
    world.ready("db").await;
    put_secret(&world.client, &world.namespace, "repository", &[("password", PASSWORD)]).await;
    put_secret(&world.client, &world.namespace, "db", &[("password", "x")]).await;
    let url = rest.map_or("http://127.0.0.1:9/minio/", |rest| rest.url.as_str());
    let spec =
        json!({"backend": {"rest": {"url": url}}, "passwordSecretRef": {"name": "repository", "key": "password"}});
    apply(world, "BackupRepository", "minio", spec).await;
    let object = json!({
        "apiVersion": "zentoria.ai/v1alpha1", "kind": "BackupPolicy",
        "metadata": {"name": "postgresql", "namespace": world.namespace, "labels": {"platform": "zentoria"}},
        "spec": policy("minio", &[("hourly", "0 * * * *")]),
    });
    apply_any(&world.client, &object).await.unwrap();
}

/// kube-controller-manager and the pods of the Jobs: each succeeds.
async fn play(kcm: Arc<Kcm>) {
    let jobs: Api<Job> = kcm.api();
    loop {
        let there = jobs.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
        let is_new = |job: &&Job| job.status.as_ref().is_none_or(|status| status.conditions.is_none());
        for job in there.iter().filter(is_new) {
            let operation = job.labels().get(OPERATION_LABEL).map(String::as_str).unwrap_or_default();
            let proof = Proof { compared: "1 database, 4 tables, 12 rows, schema equal".into(), seconds: 2 };
            let restored = operation.starts_with("restore");
            let outcome = Outcome { proof: restored.then_some(proof), snapshots: Some(2), ..backed_up("aa") };
            kcm.ends(job, &outcome).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The sections that a person follows, and in this order.
const NEW_HOST: [&str; 7] = ["1.", "2.", "3.", "4.", "5.", "6.", "7."];
const HOST_SURVIVED: [&str; 4] = ["1.", "3.", "5.", "Only the control plane"];

#[test]
fn every_section_with_commands_is_followed_by_a_test() {
    for section in PAGE.split("\n## ").skip(1).filter(|section| section.contains("```")) {
        let heading = section.lines().next().unwrap_or_default();
        assert!(NEW_HOST.iter().chain(&HOST_SURVIVED).any(|known| section.starts_with(known)), "{heading}");
    }
    assert_eq!(PAGE.matches("```").count(), 2 * PAGE.matches("```sh\n").count(), "all blocks are commands");
    assert!(!PAGE.lines().any(|line| line.starts_with("    ")), "and no command is elsewhere");
}

#[tokio::test]
async fn a_new_host_and_a_new_control_plane_are_made_from_the_kit_and_the_backups() {
    let mut scene = Scene::after_the_disaster("disaster").await;
    let elsewhere = scene.world.dir().join("new");
    std::fs::create_dir(&elsewhere).unwrap();
    scene.world.pve = Pve::start(&seed(), &elsewhere).await;
    scene.world.launch.dial_map = vec![scene.world.pve.dial_map()];
    std::fs::write(scene.dir.join("pve-root-ca.pem"), &scene.world.pve.ca).unwrap();
    for section in NEW_HOST {
        if section == "2." && scene.rest.is_none() {
            std::fs::create_dir(scene.dir.join("rescue")).unwrap();
            std::fs::write(scene.dir.join("restic.env"), "").unwrap();
            continue;
        }
        scene.follow(section).await;
        match section {
            "1." => {
                let mode = std::fs::metadata(scene.dir.join("kit.yaml")).unwrap().permissions();
                assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
            }
            "2." => {
                let dump = std::fs::read_to_string(scene.dir.join("rescue/postgresql/app.dump")).unwrap();
                assert_eq!(dump, "PGDMP", "restored by the password of the kit");
            }
            "3." => {
                let secrets: Api<Secret> = scene.kcm.api();
                let key = secrets.get("own-key").await.expect("the key pair of the container was in the kit");
                assert_eq!(key.data.unwrap()["ssh-publickey"].0, PUBLIC_KEY.as_bytes());
            }
            "5." => {
                let repository = says::<BackupRepository>(&scene.world, "minio", "Ready").await;
                assert_eq!(repository.status.unwrap().repository_id.as_deref(), Some(ID));
            }
            "6." => after_the_restores(&scene).await,
            _ => {}
        }
    }
    assert_eq!(scene.world.pve.guest(404).await.status, "running", "made anew on the new host");
    assert!(!scene.dir.join("kit.yaml").exists() && scene.dir.join("kit-new.age").exists());
    let policies: Api<BackupPolicy> = scene.kcm.api();
    let policy = policies.get("postgresql").await.unwrap();
    assert!(!policy.annotations().contains_key(PAUSED_ANNOTATION));
    let drills = scene.world.kubectl_zentoria(&["drill", "report"]).await.with(0);
    drills.has("restored 1 of 1");
}

/// Both restores have succeeded, and were about the time before the disaster.
async fn after_the_restores(scene: &Scene) {
    let restores: Api<BackupRestore> = scene.kcm.api();
    let all = restores.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(all.len(), 2);
    for restore in all {
        let time = restore.spec.snapshot.time.as_ref().map(|time| time.0.to_string());
        assert_eq!(time.as_deref(), Some("2026-05-01T04:00:00Z"));
        assert_eq!(restore.status.unwrap().phase, RestorePhase::Succeeded);
    }
    let jobs = scene.kcm.names::<Job>().await;
    assert!(
        !jobs.iter().any(|job| job.starts_with("brss-") || job.starts_with("bp-")),
        "no backup was taken: {jobs:?}"
    );
}

#[tokio::test]
async fn a_new_control_plane_takes_the_guests_over_that_live() {
    let mut scene = Scene::after_the_disaster("disaster survived").await;
    let before = scene.world.pve.guest(404).await;
    for section in HOST_SURVIVED {
        scene.follow(section).await;
    }
    let after = scene.world.pve.guest(404).await;
    assert_ne!(after.mark(), before.mark());
    assert_eq!(after.starts, before.starts, "it was not touched otherwise");
}
