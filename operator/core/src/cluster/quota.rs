//! What the containers of one namespace may have in all on a cluster.

use crate::container::siting::{UNNAMED_CORES, UNNAMED_MEMORY};
use std::fmt;
use zentoria_api::cluster::Quota;
use zentoria_types::size::Bytes;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Number of containers.
    Count,
    /// Cores.
    Cores,
    /// Memory, without swap.
    Memory,
    /// Root disks and volumes.
    Disk,
}

impl Resource {
    const ALL: [Self; 4] = [Self::Count, Self::Cores, Self::Memory, Self::Disk];

    fn limit(self, quota: &Quota) -> Option<u64> {
        // The schema knows sizes; one that cannot be read limits to nothing rather than not at all.
        let bytes = |size: &zentoria_api::common::Size| Bytes::parse_quantity(&size.0).map_or(0, |bytes| bytes.0);
        match self {
            Self::Count => quota.count.map(u64::from),
            Self::Cores => quota.cores.map(u64::from),
            Self::Memory => quota.memory.as_ref().map(bytes),
            Self::Disk => quota.disk.as_ref().map(bytes),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Count => "containers",
            Self::Cores => "cores",
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }
}

/// What a guest has, or is to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Cores.
    pub cores: u64,
    /// Memory, without swap.
    pub memory: Bytes,
    /// Root disk and volumes.
    pub disk: Bytes,
}

impl Usage {
    fn of(&self, resource: Resource) -> u64 {
        match resource {
            Resource::Count => 1,
            Resource::Cores => self.cores,
            Resource::Memory => self.memory.0,
            Resource::Disk => self.disk.0,
        }
    }
}

/// What a spec asks for, as far as it names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Cores.
    pub cores: Option<u32>,
    /// Memory.
    pub memory: Option<Bytes>,
    /// The root disk.
    pub root_disk: Option<Bytes>,
    /// The volumes of its mounts.
    pub volumes: Bytes,
}

/// A container of the namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What its spec asks for.
    pub asked: Asked,
    /// What its guest has, or, for one that is to be copied, what its source has.
    pub has: Option<Usage>,
    /// Whether a guest of it was made, or is being made.
    pub holds: bool,
    /// When it was created, in seconds of the Unix epoch, then its uid: the older comes first.
    pub age: (i64, String),
}

impl Member {
    /// What it will have once its spec is carried out.
    fn wanted(&self) -> Usage {
        let Asked { cores, memory, root_disk, volumes } = self.asked;
        let has = self.has;
        let disk = match (root_disk, has) {
            (Some(root), _) => Bytes(root.0.saturating_add(volumes.0)),
            (None, Some(has)) => has.disk.max(volumes),
            (None, None) => volumes,
        };
        let or_has =
            |asked: Option<u64>, had: fn(Usage) -> u64, unnamed: u64| asked.or(has.map(had)).unwrap_or(unnamed);
        Usage {
            cores: or_has(cores.map(u64::from), |usage| usage.cores, u64::from(UNNAMED_CORES)),
            memory: Bytes(or_has(memory.map(|memory| memory.0), |usage| usage.memory.0, UNNAMED_MEMORY.0)),
            disk,
        }
    }

    /// What it takes of the quota now. Of a guest that was not read yet the others think that it has what it asks for,
    /// and it itself that it has nothing: neither can then take what is not there.
    fn holding(&self, resource: Resource, is_mine: bool) -> u64 {
        match (self.holds, self.has, is_mine) {
            (true, Some(has), _) => has.of(resource),
            (true, None, false) => self.wanted().of(resource),
            (true, None, true) | (false, _, _) => 0,
        }
    }

    /// What it asks for on top of that.
    fn claim(&self, resource: Resource, is_mine: bool) -> u64 {
        self.wanted().of(resource).saturating_sub(self.holding(resource, is_mine))
    }
}

/// One resource of which there is too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    /// Of what.
    pub resource: Resource,
    /// What is used, this container's own guest included.
    pub used: u64,
    /// What may be used.
    pub limit: u64,
    /// What this one asks for on top.
    pub asks: u64,
    /// Whether it has a guest that is to grow.
    pub grows: bool,
}

/// What of the namespace's quota a container exceeds. Displayed it is one line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverQuota {
    /// The namespace.
    pub namespace: String,
    /// Never empty.
    pub excesses: Vec<Excess>,
}

impl OverQuota {
    /// Whether there is too little of this.
    #[must_use]
    pub fn is_over(&self, resource: Resource) -> bool {
        self.excesses.iter().any(|excess| excess.resource == resource)
    }
}

/// What the container `mine` asks for beyond the quotas, all of which must hold.
///
/// Guests that are there count first, with what they have. Then come the claims, one after the other: of those who hold
/// a guest before the others, of the older before the younger. One that does not fit takes nothing, so that a smaller
/// one after it may.
#[must_use]
pub fn over_quota(quotas: &[Quota], namespace: &str, mine: &str, members: &[Member]) -> Option<OverQuota> {
    let limits: Vec<(Resource, u64)> = Resource::ALL
        .into_iter()
        .filter_map(|resource| Some((resource, quotas.iter().filter_map(|quota| resource.limit(quota)).min()?)))
        .collect();
    let mut used: Vec<u64> = limits
        .iter()
        .map(|(resource, _)| {
            let holdings = members.iter().map(|member| member.holding(*resource, member.name == mine));
            holdings.fold(0, u64::saturating_add)
        })
        .collect();
    let mut claims: Vec<&Member> = members.iter().collect();
    claims.sort_by_key(|member| (!member.holds, &member.age));
    for member in claims {
        let is_mine = member.name == mine;
        let excesses: Vec<Excess> = limits
            .iter()
            .zip(&used)
            .map(|(&(resource, limit), &used)| Excess {
                resource,
                used,
                limit,
                asks: member.claim(resource, is_mine),
                grows: member.holds,
            })
            .filter(|excess| excess.asks > 0 && excess.used.saturating_add(excess.asks) > excess.limit)
            .collect();
        if is_mine {
            let namespace = namespace.to_owned();
            return (!excesses.is_empty()).then_some(OverQuota { namespace, excesses });
        }
        // A guest grows where it may; a new one is made with all of it, or not at all.
        let refused = |resource| excesses.iter().any(|excess| !member.holds || excess.resource == resource);
        for ((resource, _), used) in limits.iter().zip(&mut used) {
            if !refused(*resource) {
                *used = used.saturating_add(member.claim(*resource, is_mine));
            }
        }
    }
    None
}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.excesses.iter().map(ToString::to_string).collect();
        write!(
            f,
            "namespace {} has too little left: {}; ask for less, free some, or raise access[].quota of the ProxmoxCluster",
            self.namespace,
            lines.join("; ")
        )
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, used, limit, asks, grows } = *self;
        let over = used.saturating_add(asks).saturating_sub(limit);
        let more = if grows { " more" } else { "" };
        let word = resource.word();
        match resource {
            Resource::Count => write!(f, "{word}: {used} of {limit} used: {over} too many"),
            Resource::Cores => {
                write!(f, "{word}: {used} of {limit} used, this one asks for {asks}{more}: {over} too many")
            }
            Resource::Memory | Resource::Disk => {
                let [used, limit, asks, over] = [used, limit, asks, over].map(Bytes);
                write!(f, "{word}: {used} of {limit} used, this one asks for {asks}{more}: {over} too much")
            }
        }
    }
}
