//! What the operator is compared with: a client that creates and starts the guests and looks at nothing but its tasks,
//! as a person's script would.

use crate::calls::Tally;
use crate::estate::{self, PARALLEL};
use futures::{StreamExt, stream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zentoria_api_tests::pve::{OPERATOR, Pve, TEMPLATE, TOKEN_SECRET};
use zentoria_pve::{ApiToken, Client, ClientConfig, CreateLxc, Dialer, Limits, TaskOutcome, TaskStatus, Trust};
use zentoria_types::names::NodeName;
use zentoria_types::secret::Secret;
use zentoria_types::upid::Upid;
use zentoria_types::vmid::Vmid;

/// How often it asks about a task. A script is not shy.
pub const EVERY: Duration = Duration::from_millis(50);

/// One run.
pub struct Run {
    /// From the first call to the end of the last task.
    pub wall: Duration,
    /// Its calls.
    pub calls: Tally,
}

/// Creates and starts the estate on an empty double.
///
/// # Panics
/// Where a call or a task fails.
pub async fn run(pve: &Pve, size: u32) -> Run {
    let client = client(pve);
    // The connection is made before the clock runs, as the operator's is.
    client.version().await.expect("the double answers");
    pve.forget_requests().await;
    let started = Instant::now();
    stream::iter(estate::vmids(size)).for_each_concurrent(PARALLEL, |vmid| make(&client, vmid)).await;
    let wall = started.elapsed();
    Run { wall, calls: Tally::of(&pve.requests().await) }
}

async fn make(client: &Client, number: u32) {
    let node: NodeName = "pve1".parse().expect("a node");
    let vmid = Vmid::new(number).expect("a VMID");
    let what = CreateLxc {
        vmid,
        ostemplate: TEMPLATE.to_owned(),
        options: estate::options(number),
        ssh_public_keys: Vec::new(),
        pool: None,
    };
    done(client, client.create(&node, &what).await.expect("create")).await;
    done(client, client.start(&node, vmid).await.expect("start")).await;
}

async fn done(client: &Client, upid: Upid) {
    loop {
        tokio::time::sleep(EVERY).await;
        match client.task_status(&upid).await.expect("the task") {
            TaskStatus::Running => {}
            TaskStatus::Stopped { exit } => {
                assert!(TaskOutcome::from_exit(&exit, Vec::new()).is_success(), "{upid}: {exit}");
                return;
            }
            TaskStatus::Unknown => panic!("{upid} is not known"),
        }
    }
}

fn client(pve: &Pve) -> Client {
    let secret = Secret::new(TOKEN_SECRET);
    Client::new(ClientConfig {
        endpoints: vec![format!("https://127.0.0.1:{}", pve.port).parse().expect("an endpoint")],
        trust: Trust::CaBundle(pve.ca.clone()),
        token: ApiToken::new(OPERATOR, &secret).expect("a token"),
        root_password: None,
        dialer: Dialer::direct(),
        fence: Arc::new(|| true),
        observer: None,
        limits: Limits::default(),
    })
    .expect("a client")
}
