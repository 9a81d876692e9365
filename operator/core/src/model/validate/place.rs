//! Where a model is to be: a service of a container, a URL, or a directory of a container.

use super::{Refused, invalid, ssh_key};
use crate::model::surroundings::{ContainerSeen, Surroundings};
use crate::model::want::{Http, Hub, Server};
use std::net::IpAddr;
use zentoria_api::conditions::ModelReason;
use zentoria_api::firewall::{Protocol, Service};
use zentoria_api::model::{HubDownload, ModelPullSpec, ModelServerRef};

/// The port of SSH.
const SSH: u32 = 22;

/// A server, as it was found.
pub(super) struct Place {
    pub server: Server,
    pub container: Option<String>,
    pub target: String,
}

/// The address of a container, by its name.
type Address = fn(&str, &ContainerSeen) -> Result<IpAddr, Refused>;

/// Where it is, and can be asked.
pub(super) fn find(spec: &ModelPullSpec, around: &Surroundings) -> Result<Place, Refused> {
    place(spec, around, running_address)
}

/// Where it is, whether it runs or not: it stays the same server.
pub(super) fn wherever(spec: &ModelPullSpec, around: &Surroundings) -> Result<Place, Refused> {
    place(spec, around, address)
}

fn place(spec: &ModelPullSpec, around: &Surroundings, address: Address) -> Result<Place, Refused> {
    match (&spec.container_ref, &spec.url) {
        (Some(named), None) => in_container(spec, named, around, address),
        (None, Some(url)) => {
            let authority = authority(url)?;
            Ok(Place { server: http(spec, url.trim_end_matches('/').to_owned()), container: None, target: authority })
        }
        (Some(_), Some(_)) | (None, None) => {
            Err(invalid("spec: name the model server by exactly one of containerRef and url".to_owned()))
        }
    }
}

fn in_container(
    spec: &ModelPullSpec,
    named: &ModelServerRef,
    around: &Surroundings,
    address: Address,
) -> Result<Place, Refused> {
    let name = &named.name;
    let Some(container) = around.containers.get(name) else {
        let there: Vec<&str> = around.containers.keys().map(String::as_str).take(8).collect();
        let there =
            if there.is_empty() { "there is none".to_owned() } else { format!("there are {}", there.join(", ")) };
        let message = format!("spec.containerRef: there is no ZentoriaContainer {name:?} in this namespace ({there})");
        return Err((ModelReason::NotFound, message));
    };
    let download = spec.whisper.as_ref().and_then(|whisper| whisper.download.as_ref());
    if let Some(download) = download {
        let address = address(name, container)?;
        return Ok(Place {
            target: format!("{name}:{}", download.directory.trim_end_matches('/')),
            server: Server::Hub(Box::new(hub(download, address)?)),
            container: Some(name.clone()),
        });
    }
    let service = service(spec, named, container)?;
    let address = address(name, container)?;
    let scheme = if spec.tls.is_some() { "https" } else { "http" };
    let host = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    Ok(Place {
        server: http(spec, format!("{scheme}://{host}:{}", service.port)),
        container: Some(name.clone()),
        target: format!("{name}/{}", service.name),
    })
}

/// The service, before the address: that one is missing has to be said at once.
fn service<'a>(
    spec: &ModelPullSpec,
    named: &ModelServerRef,
    container: &'a ContainerSeen,
) -> Result<&'a Service, Refused> {
    let tcp = |service: &&Service| matches!(service.protocol, None | Some(Protocol::TCP));
    let services: Vec<&Service> = container.services.iter().filter(tcp).collect();
    let usual = if spec.ollama.is_some() { "ollama" } else { "whisper" };
    let by_name = |name: &str| services.iter().find(|service| service.name == name).copied();
    let found = match (&named.service, services.as_slice()) {
        (Some(name), _) => by_name(name),
        (None, [only]) => Some(*only),
        (None, _) => by_name(usual),
    };
    found.ok_or_else(|| {
        let container = &named.name;
        let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
        let has = if names.is_empty() { "has none".to_owned() } else { format!("has {}", names.join(", ")) };
        let message = match &named.service {
            Some(name) => format!(
                "spec.containerRef.service: the container {container} has no TCP service {name:?} (it {has}): add it to its \
                 spec.services, or name another"
            ),
            None => format!(
                "spec.containerRef: the container {container} {has} of TCP services, and none is named {usual}: name the \
                 model server's in spec.containerRef.service"
            ),
        };
        (ModelReason::ServiceNotFound, message)
    })
}

fn running_address(name: &str, container: &ContainerSeen) -> Result<IpAddr, Refused> {
    let found = address(name, container)?;
    if container.running {
        Ok(found)
    } else {
        Err((ModelReason::WaitingFor, format!("the container {name} does not run")))
    }
}

fn address(name: &str, container: &ContainerSeen) -> Result<IpAddr, Refused> {
    let found = container.addresses.first().copied();
    found.ok_or_else(|| (ModelReason::WaitingFor, format!("the container {name} has no address yet")))
}

fn http(spec: &ModelPullSpec, base: String) -> Server {
    let http = Http {
        base,
        ca: spec.tls.as_ref().and_then(|tls| tls.ca_secret_ref.clone()),
        token: spec.token_secret_ref.clone(),
    };
    if spec.ollama.is_some() { Server::Ollama(http) } else { Server::Speaches(http) }
}

fn hub(download: &HubDownload, address: IpAddr) -> Result<Hub, Refused> {
    let HubDownload { ssh, port, directory, client, endpoint, token_secret_ref } = download;
    let climbs = |path: &String| path.split('/').any(|part| part == ".." || part == ".");
    if let Some(path) = [Some(directory), client.as_ref()].into_iter().flatten().find(|path| climbs(path)) {
        return Err(invalid(format!("spec.whisper.download: {path:?} has a . or .. in it: write the path itself")));
    }
    let port = port.unwrap_or(SSH);
    Ok(Hub {
        host: address.to_string(),
        port: u16::try_from(port).map_err(|_| invalid(format!("spec.whisper.download.port {port} is no port")))?,
        user: ssh.user.clone(),
        key: ssh_key(download),
        known_hosts: ssh.known_hosts.clone(),
        directory: directory.clone(),
        client: client.clone(),
        endpoint: endpoint.clone(),
        token: token_secret_ref.clone(),
    })
}

/// Host and port of a URL, for people.
pub(super) fn authority(url: &str) -> Result<String, Refused> {
    // The URL itself is not repeated: it may hold a password.
    let refuse = |why: &str| invalid(format!("spec.url is not one: {why}"));
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let rest = rest.ok_or_else(|| refuse("it begins with http:// or https://"))?;
    if rest.contains('@') {
        return Err(refuse("it holds a user or password: put a token into a Secret and name it in tokenSecretRef"));
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let after_host = if authority.starts_with('[') {
        authority.split(']').nth(1)
    } else {
        authority.find(':').and_then(|at| authority.get(at..))
    };
    let host = if authority.starts_with('[') {
        authority.split(']').next().unwrap_or_default()
    } else {
        authority.split(':').next().unwrap_or_default()
    };
    if host.trim_start_matches('[').is_empty() {
        return Err(refuse("it names no host"));
    }
    let port = after_host.unwrap_or_default();
    if !port.is_empty() && port.strip_prefix(':').is_none_or(|port| port.parse::<u16>().is_err()) {
        return Err(refuse("what follows the host's colon is no port"));
    }
    Ok(authority.to_owned())
}
