//! A rule, read from its object. The schema refuses most of what is refused here; manifests that are judged before they
//! are applied have not met it.

use super::network;
use super::words::{self, Words};
use crate::container::want::Key;
use crate::estate::is_paused;
use crate::firewall::guest::PortRange;
use crate::firewall::ports::has_ports;
use ipnet::IpNet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use zentoria_api::firewall::{Action, Direction, FirewallRule, LogLevel, Peer, Port, Protocol};

/// A rule of the matrix.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its ends and ports, for people.
    pub words: Words,
    /// What it says shall happen.
    pub action: Action,
    /// What it asks for. `None` where it is looked away from, or where an `Allow` cannot be read whole: what opens is
    /// opened as it is written or not at all. Of a `Drop` or `Reject` what can be read is left, so that a slip of the pen
    /// does not lift it.
    pub wish: Option<Wish>,
    /// Fields that cannot work: `spec.ports[0]: ...`.
    pub problems: Vec<String>,
    /// Whether it is looked away from.
    pub suspended: bool,
}

/// What a rule asks for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Which way.
    pub direction: Direction,
    /// Whom it comes from, with the field.
    pub from: Vec<(String, End)>,
    /// Whom it reaches, with the field.
    pub to: Vec<(String, End)>,
    /// At which ports, with the field. None: the services that the target declares.
    pub ports: Vec<(String, PortWish)>,
    /// What happens.
    pub action: Action,
    /// Lower comes first.
    pub priority: u32,
    /// Log of what matches.
    pub log: Option<LogLevel>,
}

/// One end of a flow.
#[derive(Clone, Debug)]
pub enum End {
    /// A container of the rule's namespace.
    Container(String),
    /// Containers by their labels, of the rule's namespace or of the namespaces with these labels.
    Selector(LabelSelector, Option<LabelSelector>),
    /// The containers of the rule's namespace in this zone.
    Zone(String),
    /// An outsider.
    Host(String),
    /// A network.
    Cidr(IpNet),
    /// Every address.
    Any,
    /// Every address outside the estate's networks.
    External,
    /// Every container of the rule's namespace.
    All,
}

/// Ports that a rule names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortWish {
    /// Ports of TCP, UDP or SCTP.
    Ports(Protocol, PortRange),
    /// A service of the target.
    Service(String),
    /// A protocol without ports.
    Whole(Protocol),
}

/// Reads one.
pub(super) fn read(rule: &FirewallRule) -> Row {
    let spec = &rule.spec;
    let mut problems = Vec::new();
    let from = ends("from", &spec.from, spec.direction == Direction::Egress, &mut problems);
    let to = ends("to", &spec.to, spec.direction == Direction::Ingress, &mut problems);
    let mut ports = Vec::new();
    for (index, port) in spec.ports.iter().enumerate() {
        let field = format!("spec.ports[{index}]");
        match port_wish(port) {
            Ok(wish) => ports.push((field, wish)),
            Err(why) => problems.push(format!("{field}: {why}")),
        }
    }
    if spec.direction == Direction::Egress && to.iter().any(|(_, end)| !end.is_containers()) {
        problems.extend(undeclared(&ports));
    }
    if spec.priority > 1000 {
        problems.push(format!("spec.priority: {} is not between 0 and 1000", spec.priority));
    }
    if let ([(_, End::Container(from))], [(_, End::Container(to))]) = (&*from, &*to)
        && from == to
    {
        let name = key(rule).name;
        problems.push(format!(
            "spec.from: rule {name} lets {from} reach itself; what a container says to itself never meets a firewall: \
             name another container, or remove the rule"
        ));
    }
    let wish = Wish {
        direction: spec.direction,
        from,
        to,
        ports,
        action: spec.action,
        priority: spec.priority.min(1000),
        log: spec.log.filter(|level| *level != LogLevel::Nolog),
    };
    let suspended = spec.suspend || is_paused(&rule.metadata);
    // A Drop whose only port cannot be read is no Drop of all services.
    let lifted = !spec.ports.is_empty() && wish.ports.is_empty();
    let left = problems.is_empty() || (spec.action != Action::Allow && !lifted);
    Row { words: words::of(spec), action: spec.action, wish: (left && !suspended).then_some(wish), problems, suspended }
}

/// What a rule out to addresses leaves open: containers declare services, addresses do not.
fn undeclared(ports: &[(String, PortWish)]) -> Option<String> {
    if ports.is_empty() {
        let text = "spec.ports: an Egress rule to addresses names its ports, for addresses declare no services";
        return Some(text.to_owned());
    }
    let (field, _) = ports.iter().find(|(_, port)| matches!(port, PortWish::Service(_)))?;
    Some(format!("{field}: a service's name needs containers alone in to: addresses declare none"))
}

fn key(rule: &FirewallRule) -> Key {
    let of = |text: &Option<String>| text.clone().unwrap_or_default();
    Key { namespace: of(&rule.metadata.namespace), name: of(&rule.metadata.name) }
}

/// The ends that can be read. `ours`: those that the rule opens or lets out, which are containers of its own namespace.
fn ends(list: &str, peers: &[Peer], ours: bool, problems: &mut Vec<String>) -> Vec<(String, End)> {
    if peers.is_empty() {
        problems.push(format!("spec.{list}: nobody is named; for every address write any: {{}}"));
    }
    let mut ends = Vec::new();
    for (index, peer) in peers.iter().enumerate() {
        let field = format!("spec.{list}[{index}]");
        match end(peer) {
            Ok(end) if ours && !end.is_own() => problems.push(format!(
                "{field}: a rule opens, or lets out, containers of its own namespace: name container, zone, all, or \
                 selector without namespaceSelector"
            )),
            Ok(end) => ends.push((field, end)),
            Err(why) => problems.push(format!("{field}{why}")),
        }
    }
    ends
}

fn end(peer: &Peer) -> Result<End, String> {
    let Peer { container, selector, namespace_selector, zone, host, cidr, any, external, all } = peer;
    let mut named: Vec<End> = Vec::new();
    named.extend(container.clone().map(End::Container));
    if let Some(selector) = selector {
        let known = [Some(selector), namespace_selector.as_ref()];
        let operators = known.into_iter().flatten().flat_map(|selector| selector.match_expressions.iter().flatten());
        if let Some(unknown) = operators.map(|one| &one.operator).find(|one| !OPERATORS.contains(&one.as_str())) {
            return Err(format!(".selector: operator {unknown} is none of {}", OPERATORS.join(", ")));
        }
        named.push(End::Selector(selector.clone(), namespace_selector.clone()));
    } else if namespace_selector.is_some() {
        return Err(
            ": namespaceSelector needs selector; an empty one, selector: {}, means every container there".into()
        );
    }
    named.extend(zone.clone().map(End::Zone));
    named.extend(host.clone().map(End::Host));
    if let Some(text) = cidr {
        named.push(End::Cidr(network(text).map_err(|why| format!(".cidr: {why}"))?));
    }
    named.extend(any.map(|_| End::Any));
    named.extend(external.map(|_| End::External));
    named.extend(all.map(|_| End::All));
    match (named.pop(), named.is_empty()) {
        (Some(end), true) => Ok(end),
        _ => Err(": a peer is exactly one of container, selector, zone, host, cidr, any, external and all".into()),
    }
}

const OPERATORS: [&str; 4] = ["In", "NotIn", "Exists", "DoesNotExist"];

impl End {
    /// Whether it means containers.
    pub(crate) fn is_containers(&self) -> bool {
        match self {
            Self::Container(_) | Self::Selector(..) | Self::Zone(_) | Self::All => true,
            Self::Host(_) | Self::Cidr(_) | Self::Any | Self::External => false,
        }
    }

    /// Whether it means containers of the rule's own namespace.
    fn is_own(&self) -> bool {
        self.is_containers() && !matches!(self, Self::Selector(_, Some(_)))
    }
}

fn port_wish(port: &Port) -> Result<PortWish, String> {
    match port {
        Port { port: Some(first), end_port, service: None, protocol } => {
            let protocol = protocol.unwrap_or_default();
            let ports = range(*first, *end_port)?;
            if has_ports(protocol) {
                Ok(PortWish::Ports(protocol, ports))
            } else {
                Err("ICMP and ICMPv6 have no ports: leave port out".into())
            }
        }
        Port { port: None, end_port: None, service: Some(name), protocol: None } => Ok(PortWish::Service(name.clone())),
        Port { port: None, end_port: None, service: None, protocol: Some(protocol) } if !has_ports(*protocol) => {
            Ok(PortWish::Whole(*protocol))
        }
        Port { port: Some(_), service: Some(_), .. } => Err("either port or service, not both".into()),
        Port { service: Some(_), protocol: Some(_), .. } => {
            Err("the service says its protocol: leave protocol out".into())
        }
        Port { end_port: Some(_), .. } => Err("endPort needs port".into()),
        Port { .. } => Err("name a port, a service, or protocol ICMP or ICMPv6".into()),
    }
}

/// A range of ports.
pub(super) fn range(first: u32, last: Option<u32>) -> Result<PortRange, String> {
    let port = |number: u32| match u16::try_from(number) {
        Ok(0) | Err(_) => Err(format!("port {number} is not between 1 and 65535")),
        Ok(number) => Ok(number),
    };
    let (first, last) = (port(first)?, port(last.unwrap_or(first))?);
    if last < first {
        return Err(format!("endPort {last} is lower than port {first}: swap them"));
    }
    Ok(PortRange { first, last })
}
