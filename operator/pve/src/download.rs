//! What a node fetches onto a storage by itself: templates by URL, and OCI images from a registry.

use proxmox_api::nodes::node::storage::storage::download_url::{
    ChecksumAlgorithm as Algorithm, Content, PostParams as DownloadParams,
};
use proxmox_api::nodes::node::storage::storage::oci_registry_pull::PostParams as PullParams;
use zentoria_types::{Checksum, ChecksumAlgorithm, NodeName, StorageName, Upid};

use crate::client::Client;
use crate::decode::Call;
use crate::error::PveError;
use crate::lxc::parse_upid;
use crate::path::segment;
use crate::wire::invalid;

/// A template fetched by URL (`POST .../download-url`). PVE verifies the server's certificate and the checksum, and
/// leaves nothing behind when either is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadTemplate {
    /// The name on the storage, `debian-13-standard_13.1-2_amd64.tar.zst`; the volume is `STORAGE:vztmpl/NAME`.
    pub filename: String,
    /// From where, `http://` or `https://`.
    pub url: String,
    /// What it must be.
    pub checksum: Option<Checksum>,
}

/// An OCI image fetched from a registry (`POST .../oci-registry-pull`, PVE 9.1 and newer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullImage {
    /// `docker.io/library/nginx:1.29`: the tag is needed, and a digest (`@sha256:`) is refused by PVE.
    pub reference: String,
    /// The name on the storage, without `.tar`; else PVE makes it of the reference, `nginx_1.29`. The volume's real
    /// name is the id of the task ([`Upid::id`]), `nginx_1.29.tar`.
    pub filename: Option<String>,
}

impl Client {
    /// Fetches a template onto a storage (needs `Datastore.AllocateTemplate` on the storage, and on top
    /// `Sys.AccessNetwork` on the node, or both `Sys.Audit` and `Sys.Modify` on `/`). An address that gives nothing
    /// and a wrong checksum are told by the task: see [`PveError::task_problem`].
    ///
    /// # Errors
    /// [`PveError::Forbidden`] without the privileges; PVE does not say which one is missing.
    pub async fn download_template(
        &self,
        node: &NodeName,
        storage: &StorageName,
        what: &DownloadTemplate,
    ) -> Result<Upid, PveError> {
        let DownloadTemplate { filename, url, checksum } = what;
        let filename = filename.clone().try_into().map_err(|why| invalid("filename", why))?;
        let url = url.clone().try_into().map_err(|why| invalid("url", why))?;
        let mut params = DownloadParams::new(Content::Vztmpl, filename, url);
        if let Some(checksum) = checksum {
            params.checksum = Some(checksum.value().to_owned());
            params.checksum_algorithm = Some(algorithm(checksum.algorithm()));
        }
        let upid = self.node(node).storage().storage(&segment(storage.as_str())).download_url().post(params).await?;
        let path = format!("/nodes/{node}/storage/{storage}/download-url");
        parse_upid(Call { method: "POST", path: &path }, &upid)
    }

    /// Fetches an OCI image onto a storage (needs `Datastore.AllocateTemplate` on the storage and `Sys.AccessNetwork`
    /// on the node). An image that does not exist and a registry that does not answer are told by the task: see
    /// [`PveError::task_problem`].
    ///
    /// # Errors
    /// [`PveError::Rejected`] for a reference without a tag or with a digest; [`PveError::Unexpected`] when the storage
    /// holds no templates, and before PVE 9.1 ([`PveError::is_not_implemented`]).
    pub async fn pull_image(&self, node: &NodeName, storage: &StorageName, what: &PullImage) -> Result<Upid, PveError> {
        let PullImage { reference, filename } = what;
        let reference = reference.clone().try_into().map_err(|why| invalid("reference", why))?;
        let mut params = PullParams::new(reference);
        params.filename = match filename {
            Some(filename) => Some(filename.clone().try_into().map_err(|why| invalid("filename", why))?),
            None => None,
        };
        let storage_client = self.node(node).storage().storage(&segment(storage.as_str()));
        let upid = storage_client.oci_registry_pull().post(params).await?;
        let path = format!("/nodes/{node}/storage/{storage}/oci-registry-pull");
        parse_upid(Call { method: "POST", path: &path }, &upid)
    }
}

fn algorithm(algorithm: ChecksumAlgorithm) -> Algorithm {
    match algorithm {
        ChecksumAlgorithm::Md5 => Algorithm::Md5,
        ChecksumAlgorithm::Sha1 => Algorithm::Sha1,
        ChecksumAlgorithm::Sha224 => Algorithm::Sha224,
        ChecksumAlgorithm::Sha256 => Algorithm::Sha256,
        ChecksumAlgorithm::Sha384 => Algorithm::Sha384,
        ChecksumAlgorithm::Sha512 => Algorithm::Sha512,
    }
}
