//! A person at the node: what happens behind the operator's back.

use crate::pve::Pve;
use serde_json::{Value, json};

impl Pve {
    /// One act of root@pam on a guest, until its task has ended: `stop`, `start`, `migrate` with `{"to": "pve2"}`, ...
    ///
    /// # Panics
    /// Where the task fails.
    pub async fn person(&self, act: &str, vmid: u32, more: Value) {
        self.person_as("root@pam", act, vmid, more).await;
    }

    /// As [`Self::person`], by another user.
    ///
    /// # Panics
    /// Where the task fails.
    pub async fn person_as(&self, user: &str, act: &str, vmid: u32, more: Value) {
        let mut body = json!({"act": act, "vmid": vmid, "user": user, "wait": true});
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        let answer = self.ctl.json("POST", "/ctl/person", Some(&body)).await;
        let end = answer["exitstatus"].as_str().unwrap_or("OK");
        assert!(end == "OK" || end.starts_with("WARNINGS"), "{act} of guest {vmid}: {end}");
    }

    /// A person sets options of a guest.
    pub async fn person_sets(&self, vmid: u32, config: Value) {
        self.person("set", vmid, json!({"config": config})).await;
    }
}
