//! Steps as calls of Proxmox VE, for people. What nobody should read in a terminal's history (keys, an image's
//! environment) and what says little (the description with the mark) is named, and not shown.

use crate::container::step::{Configure, Create, Pulled, Restore, Step, Target};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The call that carries a step out; `None` where it takes none, or only clears up what an earlier guest left behind.
#[must_use]
pub fn call(step: &Step, target: &Target) -> Option<String> {
    let (node, vmid) = (&target.node, target.vmid);
    let guest = |verb: &str, rest: &str| Call::new(verb, format!("/nodes/{node}/lxc/{vmid}{rest}"));
    let call = match step {
        Step::Create(create) => creation(create, target),
        Step::Restore(restore) => restoration(restore, target),
        Step::Clone(clone) => Call::new("POST", format!("/nodes/{}/lxc/{}/clone", clone.source_node, clone.source))
            .with("newid", vmid)
            .with("full", u8::from(clone.full))
            .maybe("snapname", clone.snapshot.as_ref())
            .maybe("storage", clone.storage.as_ref())
            .with("hostname", &clone.hostname)
            .maybe("pool", clone.pool.as_ref())
            .option("description", &clone.description),
        Step::Pull(pull) => {
            let (storage, file) = pull.volume.split_once(":vztmpl/").unwrap_or((&pull.volume, ""));
            let at = |what: &str| Call::new("POST", format!("/nodes/{}/storage/{storage}/{what}", pull.node));
            match &pull.what {
                Pulled::Template(download) => at("download-url")
                    .with("content", "vztmpl")
                    .with("filename", file)
                    .with("url", &download.url)
                    .with("checksum-algorithm", &download.algorithm)
                    .with("checksum", &download.checksum),
                Pulled::Image(reference) => at("oci-registry-pull").with("reference", reference).with("filename", file),
            }
        }
        Step::Mark(mark) => {
            let call = guest("PUT", "/config").maybe("onboot", mark.on_boot.map(u8::from));
            let call = mark.tags.iter().fold(call, |call, tags| call.option("tags", tags));
            let call = mark.description.iter().fold(call, |call, text| call.option("description", text));
            if call.parameters.is_empty() {
                return None;
            }
            call
        }
        Step::Configure(configure) => configuration(guest("PUT", "/config"), configure),
        Step::Resize { disk, to } => guest("PUT", "/resize").with("disk", disk).with("size", to.to_pve()),
        Step::MoveVolume { disk, storage } => {
            guest("POST", "/move_volume").with("volume", disk).with("storage", storage).with("delete", 1)
        }
        Step::Migrate { to, restart } => {
            guest("POST", "/migrate").with("target", to).maybe("restart", restart.then_some(1))
        }
        Step::Snapshot(snapshot) => Call::new("POST", format!("/nodes/{}/lxc/{}/snapshot", snapshot.node, snapshot.of))
            .with("snapname", &snapshot.name),
        Step::DeleteSnapshot { of, node, name } => {
            Call::new("DELETE", format!("/nodes/{node}/lxc/{of}/snapshot/{name}"))
        }
        Step::Backup(backup) => Call::new("POST", format!("/nodes/{node}/vzdump"))
            .with("vmid", vmid)
            .with("storage", &backup.storage)
            .with("mode", "snapshot"),
        Step::DeleteBackup { volume } => {
            let storage = volume.split(':').next().unwrap_or_default();
            Call::new("DELETE", format!("/nodes/{node}/storage/{storage}/content/{volume}"))
        }
        Step::ConvertToTemplate => guest("POST", "/template"),
        Step::Start => guest("POST", "/status/start"),
        Step::Shutdown => guest("POST", "/status/shutdown"),
        Step::Reboot => guest("POST", "/status/reboot"),
        Step::Destroy { .. } => guest("DELETE", "").with("purge", 1).with("destroy-unreferenced-disks", 0),
        Step::ClearFirewall | Step::WriteFirewall(_) | Step::Finish | Step::ForgetVmid => return None,
    };
    Some(call.text())
}

fn creation(create: &Create, target: &Target) -> Call {
    let keys = (!create.ssh_keys.is_empty()).then(|| format!("({})", create.ssh_keys.len()));
    Call::new("POST", format!("/nodes/{}/lxc", target.node))
        .with("vmid", target.vmid)
        .with("ostemplate", &create.template)
        .options(&create.options)
        .maybe("pool", create.pool.as_ref())
        .maybe("ssh-public-keys", keys)
}

fn restoration(restore: &Restore, target: &Target) -> Call {
    Call::new("POST", format!("/nodes/{}/lxc", target.node))
        .with("vmid", target.vmid)
        .with("restore", 1)
        .with("ostemplate", &restore.archive)
        .with("storage", &restore.storage)
        .options(&restore.options)
        .maybe("unprivileged", restore.unprivileged.map(u8::from))
        .maybe("pool", restore.pool.as_ref())
}

fn configuration(call: Call, configure: &Configure) -> Call {
    let list = |keys: &[String]| (!keys.is_empty()).then(|| keys.join(","));
    call.options(&configure.set).maybe("delete", list(&configure.delete)).maybe("revert", list(&configure.revert))
}

/// A call in the making.
struct Call {
    line: String,
    parameters: String,
}

impl Call {
    fn new(verb: &str, path: String) -> Self {
        Self { line: format!("{verb} {path}"), parameters: String::new() }
    }

    fn with(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        let value = value.to_string();
        let quote = if value.is_empty() || value.contains([' ', '\n', '"']) { "'" } else { "" };
        // Writing to a String does not fail.
        let _ = write!(self.parameters, " {key}={quote}{}{quote}", value.replace('\n', "\\n"));
        self
    }

    fn maybe(self, key: &str, value: Option<impl std::fmt::Display>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    fn option(self, key: &str, value: &str) -> Self {
        match key {
            "description" if value.contains("zentoria.ai/v1") => self.with(key, "(text+mark)"),
            "description" => self.with(key, "(text)"),
            "env" => self.with(key, "(not shown)"),
            _ => self.with(key, value),
        }
    }

    fn options(self, options: &BTreeMap<String, String>) -> Self {
        options.iter().fold(self, |call, (key, value)| call.option(key, value))
    }

    fn text(self) -> String {
        self.line + &self.parameters
    }
}
