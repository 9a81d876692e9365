//! What a failed test prints: the statuses, the Events, the writes to Proxmox VE, and the end of the operator's log.

use crate::http::Http;
use crate::kubernetes::connect;
use crate::process::tail;
use crate::world::Conditions;
use crate::world::waits::lines;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::Value;
use std::path::PathBuf;
use zentoria_api::{ProxmoxCluster, ZentoriaContainer};

/// Where to look.
pub struct Scene {
    /// The API server.
    pub kubeconfig: PathBuf,
    /// Namespace of the containers.
    pub namespace: String,
    /// The ProxmoxCluster.
    pub cluster: String,
    /// The double's control port.
    pub ctl: Http,
    /// The operator's log.
    pub log: String,
}

impl Scene {
    /// Prints it to standard error.
    pub async fn print(&self) {
        eprintln!("==== {}", self.namespace);
        self.objects().await;
        self.calls().await;
        eprintln!("---- the operator's last lines\n{}", tail(&self.log, 60));
    }

    async fn objects(&self) {
        let client = connect(&self.kubeconfig).await;
        if let Ok(cluster) = Api::<ProxmoxCluster>::all(client.clone()).get(&self.cluster).await {
            eprintln!("---- ProxmoxCluster\n{}", lines(cluster.conditions()));
        }
        let containers: Api<ZentoriaContainer> = Api::namespaced(client.clone(), &self.namespace);
        for container in containers.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default() {
            eprintln!("---- {}\n{}", container.name_any(), lines(container.conditions()));
        }
        let events: Api<Event> = Api::namespaced(client, &self.namespace);
        let mut events = events.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
        events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
        eprintln!("---- Events");
        for event in events.iter().rev().take(30).rev() {
            let about = event.regarding.as_ref().and_then(|object| object.name.clone()).unwrap_or_default();
            let (reason, note) = (event.reason.as_deref(), event.note.as_deref());
            eprintln!("  {about}: {} {}", reason.unwrap_or_default(), note.unwrap_or_default());
        }
    }

    async fn calls(&self) {
        let Ok((200, text)) = self.ctl.send("GET", "/ctl/requests", None).await else {
            eprintln!("---- the PVE double does not answer");
            return;
        };
        let rows: Vec<Value> = serde_json::from_str(&text).unwrap_or_default();
        eprintln!("---- the last of {} calls of Proxmox VE", rows.len());
        for row in rows.iter().rev().take(40).rev() {
            let word = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
            let params = if row["method"] == "GET" { String::new() } else { row["params"].to_string() };
            let time = row["time"].as_f64().unwrap_or_default() % 1000.0;
            eprintln!("  {} {time:.3} {} {} -> {} {params}", row["n"], word("method"), word("path"), row["status"]);
        }
    }
}
