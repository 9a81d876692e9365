//! Our transport under proxmox-api's paths and request types.

use http::Method;
use proxmox_api::client::{Client as ProxmoxClient, Method as ProxmoxMethod};
use proxmox_api::nodes::NodesClient;
use proxmox_api::nodes::node::NodeClient;
use proxmox_api::nodes::node::lxc::vmid::VmidClient;
use proxmox_api::types::VmId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zentoria_types::{NodeName, Vmid};

use crate::client::{Client, Parameters, encode};
use crate::error::PveError;

/// A [`Client`] as proxmox-api wants one. Only its paths and parameters are used; answers are our own types.
#[derive(Clone, Copy)]
pub(crate) struct Wire<'a>(&'a Client);

impl ProxmoxClient for Wire<'_> {
    type Error = PveError;

    fn request_with_body_and_query<B, Q, R>(
        &self,
        method: ProxmoxMethod,
        path: &str,
        body: Option<&B>,
        query: Option<&Q>,
    ) -> impl Future<Output = Result<R, PveError>>
    where
        B: Serialize,
        Q: Serialize,
        R: DeserializeOwned,
    {
        let client = self.0;
        let parameters = parameters(method, body, query);
        let path = path.to_owned();
        async move { client.send(method_of(method), &path, parameters?).await.map(|decoded| decoded.data) }
    }
}

/// DELETE and GET never have a body: PVE answers 501 to one.
fn parameters<B: Serialize, Q: Serialize>(
    method: ProxmoxMethod,
    body: Option<&B>,
    query: Option<&Q>,
) -> Result<Parameters, PveError> {
    let query = query.map(encode).transpose()?.unwrap_or_default();
    let body = body.map(encode).transpose()?.unwrap_or_default();
    Ok(match method {
        ProxmoxMethod::Get | ProxmoxMethod::Delete if body.is_empty() => Parameters::Query(query),
        ProxmoxMethod::Get | ProxmoxMethod::Delete => Parameters::Query(body),
        ProxmoxMethod::Post | ProxmoxMethod::Put => Parameters::Form(body),
    })
}

fn method_of(method: ProxmoxMethod) -> Method {
    match method {
        ProxmoxMethod::Get => Method::GET,
        ProxmoxMethod::Post => Method::POST,
        ProxmoxMethod::Put => Method::PUT,
        ProxmoxMethod::Delete => Method::DELETE,
    }
}

impl Client {
    pub(crate) fn node(&self, node: &NodeName) -> NodeClient<Wire<'_>> {
        NodesClient::new(Wire(self)).node(node.as_str())
    }

    pub(crate) fn guest(&self, node: &NodeName, vmid: Vmid) -> Result<VmidClient<Wire<'_>>, PveError> {
        let id = VmId::try_from(i128::from(vmid.get())).map_err(|why| invalid("vmid", why))?;
        Ok(self.node(node).lxc().vmid(id))
    }
}

/// A parameter that proxmox-api's types refuse before anything is sent.
pub(crate) fn invalid(parameter: &str, why: impl std::fmt::Display) -> PveError {
    PveError::Rejected {
        message: "refused before sending".to_owned(),
        errors: [(parameter.to_owned(), why.to_string())].into(),
    }
}
