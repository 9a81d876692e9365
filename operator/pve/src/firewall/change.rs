//! What is written to a guest's firewall. PVE takes a lock of the whole cluster for each of these calls, and waits up to
//! 10 s for it: make them one after another.

use std::collections::BTreeMap;

use http::Method;
use serde::de::IgnoredAny;
use zentoria_types::{NodeName, Vmid};

use crate::client::{Client, Parameters, encode};
use crate::error::PveError;
use crate::lxc::guest_path;
use crate::path::segment;

impl Client {
    /// Makes an empty IP set.
    ///
    /// # Errors
    /// [`PveError::Rejected`] (`errors.name`) when there is one of this name.
    pub async fn create_firewall_ipset(
        &self,
        node: &NodeName,
        vmid: Vmid,
        name: &str,
        comment: &str,
    ) -> Result<(), PveError> {
        let path = guest_path(node, vmid, "/firewall/ipset");
        self.write(Method::POST, &path, &[("name", name), ("comment", comment)]).await
    }

    /// Adds an address or a network to an IP set. PVE drops the prefix of a single address and masks host bits.
    ///
    /// # Errors
    /// [`PveError::Rejected`] (`errors.cidr`) for prefix 0 and for an entry that is there already;
    /// [`PveError::Unexpected`] when there is no such set.
    pub async fn add_firewall_ipset_entry(
        &self,
        node: &NodeName,
        vmid: Vmid,
        name: &str,
        cidr: &str,
    ) -> Result<(), PveError> {
        let path = guest_path(node, vmid, &format!("/firewall/ipset/{}", segment(name)));
        self.write(Method::POST, &path, &[("cidr", cidr)]).await
    }

    /// Removes an entry of an IP set, as it is listed, when the entries still have this digest. That it is not there is
    /// no error to PVE.
    ///
    /// # Errors
    /// [`PveError::DigestMismatch`] when the entries changed.
    pub async fn remove_firewall_ipset_entry(
        &self,
        node: &NodeName,
        vmid: Vmid,
        name: &str,
        cidr: &str,
        digest: &str,
    ) -> Result<(), PveError> {
        let path = guest_path(node, vmid, &format!("/firewall/ipset/{}/{}", segment(name), segment(cidr)));
        self.write(Method::DELETE, &path, &[("digest", digest)]).await
    }

    /// Sets and removes fields of the rule at a position, when the file still has this digest. Fields that are not
    /// named stay.
    ///
    /// # Errors
    /// [`PveError::DigestMismatch`] when the file changed; [`PveError::Rejected`] for a wrong field.
    pub async fn update_firewall_rule(
        &self,
        node: &NodeName,
        vmid: Vmid,
        pos: u64,
        set: &BTreeMap<String, String>,
        delete: &[String],
        digest: &str,
    ) -> Result<(), PveError> {
        let delete = delete.join(",");
        let mut form: Vec<(&str, &str)> = set.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        if !delete.is_empty() {
            form.push(("delete", &delete));
        }
        form.push(("digest", digest));
        self.write(Method::PUT, &guest_path(node, vmid, &format!("/firewall/rules/{pos}")), &form).await
    }

    /// Moves the rule at `pos` before the one that is at `to` now; `to` = number of rules puts it last. PVE ignores
    /// every other change in such a call, so there is none.
    ///
    /// # Errors
    /// [`PveError::DigestMismatch`] when the file changed.
    pub async fn move_firewall_rule(
        &self,
        node: &NodeName,
        vmid: Vmid,
        pos: u64,
        to: u64,
        digest: &str,
    ) -> Result<(), PveError> {
        let path = guest_path(node, vmid, &format!("/firewall/rules/{pos}"));
        self.write(Method::PUT, &path, &[("moveto", &to.to_string()), ("digest", digest)]).await
    }

    /// A write whose answer says nothing. proxmox-api checks rules against closed lists that later versions extend; an
    /// own form does not.
    pub(super) async fn write(&self, method: Method, path: &str, form: &[(&str, &str)]) -> Result<(), PveError> {
        let form = encode(form)?;
        let parameters = if method == Method::DELETE { Parameters::Query(form) } else { Parameters::Form(form) };
        self.send::<IgnoredAny>(method, path, parameters).await.map(|_| ())
    }
}
