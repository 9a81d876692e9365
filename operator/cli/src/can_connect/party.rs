//! Who is meant.

use crate::error::Error;
use crate::gather::{Gathered, Matrix};
use crate::manifests::key;
use std::collections::BTreeSet;
use std::net::IpAddr;
use zentoria_api::ZentoriaContainer;
use zentoria_core::container::want::Key;
use zentoria_core::firewall::reach::somebody_outside;

/// One end of a connection.
#[derive(Clone, Debug)]
pub struct Party<'a> {
    /// Its name for people.
    pub name: String,
    /// Its addresses, with what stands behind them where that is not plain.
    pub addresses: Vec<IpAddr>,
    /// The container that it is, with its matrix.
    pub container: Option<Own<'a>>,
    /// What a reader should know.
    pub note: Option<String>,
}

/// A container, and the matrix that it is in.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// Its object.
    pub object: &'a ZentoriaContainer,
    /// The matrix of its ProxmoxCluster.
    pub matrix: &'a Matrix<'a>,
}

impl Own<'_> {
    /// Its namespace and name.
    pub fn key(&self) -> Key {
        key(&self.object.metadata)
    }
}

/// Where names are looked up.
pub struct Book<'a> {
    /// The objects.
    pub gathered: &'a Gathered,
    /// The matrices.
    pub matrices: &'a [Matrix<'a>],
}

impl<'a> Book<'a> {
    /// Finds who is meant: a container, an outsider, an address. `external` needs to know in whose eyes.
    ///
    /// # Errors
    /// Where nobody, or more than one, has that name.
    pub fn find(&self, text: &str) -> Result<Party<'a>, Error> {
        let text = text.strip_prefix("zc/").unwrap_or(text);
        if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Ok(self.at(address));
        }
        match text.split_once('/') {
            Some((namespace, name)) => {
                let wanted = Key { namespace: namespace.to_owned(), name: name.to_owned() };
                self.container(&wanted)
            }
            None if matches!(text, "external" | "internet" | "Internet") => Ok(self.outside()),
            None => self.named(text),
        }
    }

    /// A name without a namespace: a container of the namespace that is meant, an outsider, the only container of that
    /// name.
    fn named(&self, name: &str) -> Result<Party<'a>, Error> {
        let all: Vec<Key> =
            self.gathered.containers.iter().map(|c| key(&c.metadata)).filter(|k| k.name == name).collect();
        if let Some(here) = all.iter().find(|key| Some(&key.namespace) == self.gathered.namespace.as_ref()) {
            return self.container(here);
        }
        if let Some(host) = self.host(name) {
            return Ok(host);
        }
        match all.as_slice() {
            [one] => self.container(one),
            [] => Err(Error::NotFound(format!(
                "there is no container {name}{}, and no ProxmoxCluster has it in spec.hosts; write NAME, NAMESPACE/NAME, an \
                 IP address, or external",
                self.gathered.namespace.as_ref().map(|n| format!(" in namespace {n}")).unwrap_or_default()
            ))),
            several => {
                let several: Vec<String> = several.iter().map(ToString::to_string).collect();
                Err(Error::Refused(format!("{name} may be {}: name one of them", several.join(" or "))))
            }
        }
    }

    fn container(&self, wanted: &Key) -> Result<Party<'a>, Error> {
        let object = self.gathered.containers.iter().find(|container| key(&container.metadata) == *wanted);
        let object = object
            .ok_or_else(|| Error::NotFound(format!("there is no container {wanted}; kubectl get zc -A shows all")))?;
        let matrix = self.matrices.iter().find(|matrix| matrix.estate.containers.contains_key(wanted));
        let matrix = matrix.ok_or_else(|| {
            Error::NotFound(format!(
                "there is no ProxmoxCluster {}, which {wanted} refers to",
                object.spec.cluster_ref.name
            ))
        })?;
        let addresses: BTreeSet<IpAddr> =
            matrix.estate.containers.get(wanted).map(|container| container.addresses.clone()).unwrap_or_default();
        if addresses.is_empty() {
            return Err(Error::Refused(format!(
                "no address of {wanted} is known: the spec has no static one, and the status none that the guest reports"
            )));
        }
        let name = self.gathered.told(wanted);
        Ok(Party {
            name,
            addresses: addresses.into_iter().collect(),
            container: Some(Own { object, matrix }),
            note: None,
        })
    }

    fn host(&self, name: &str) -> Option<Party<'a>> {
        let (nets, _) = self.matrices.iter().find_map(|matrix| matrix.estate.hosts.get(name))?;
        let first = |net: &ipnet::IpNet| net.hosts().next().unwrap_or_else(|| net.addr());
        let wide = nets.iter().find(|net| net.prefix_len() != net.max_prefix_len());
        let note = wide.map(|net| format!("host {name} is a network, {net}: its first address stands for all of it"));
        Some(Party { name: format!("host {name}"), addresses: nets.iter().map(first).collect(), container: None, note })
    }

    fn at(&self, address: IpAddr) -> Party<'a> {
        let found = self.matrices.iter().find_map(|matrix| {
            let (key, _) = matrix.estate.containers.iter().find(|(_, c)| c.addresses.contains(&address))?;
            self.container(key).ok()
        });
        match found {
            Some(party) => Party { addresses: vec![address], ..party },
            None => Party { name: address.to_string(), addresses: vec![address], container: None, note: None },
        }
    }

    /// Somebody outside of every estate.
    fn outside(&self) -> Party<'a> {
        let find = |v6| self.matrices.iter().find_map(|matrix| somebody_outside(&matrix.estate, v6));
        let addresses: Vec<IpAddr> = [find(false), find(true)].into_iter().flatten().collect();
        let note = match addresses.is_empty() {
            true => "nothing is external: spec.networks of the ProxmoxCluster is empty or covers everything".to_owned(),
            false => "external: one address outside of spec.networks stands for all of them".to_owned(),
        };
        Party { name: "external".to_owned(), addresses, container: None, note: Some(note) }
    }
}
