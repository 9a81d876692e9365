//! Paths of the API: percent-encoding of a segment, and what a path is about.

/// Encodes one segment: everything but RFC 3986's unreserved characters.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// The node that a path is about: `/nodes/pve1/lxc` -> `pve1`.
pub(crate) fn node_of(path: &str) -> Option<&str> {
    path.strip_prefix("/nodes/")?.split('/').next().filter(|node| !node.is_empty())
}

/// The guest that a path is about: `/nodes/pve1/lxc/101/config` -> `101`.
pub(crate) fn vmid_of(path: &str) -> Option<&str> {
    let mut rest = path.strip_prefix("/nodes/")?.split('/').skip(1);
    match (rest.next(), rest.next()) {
        (Some("lxc" | "qemu"), Some(vmid)) => Some(vmid),
        _ => None,
    }
}

/// The path with its variable segments replaced by names, so that metrics have few series.
pub(crate) fn template(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut before = ("", "");
    for part in path.split('/').skip(1) {
        let name = match before {
            ("", "nodes") => "{node}",
            // Before the rest: a node may be named like a part of the API.
            ("nodes" | "", _) => part,
            (_, "lxc" | "qemu") => "{vmid}",
            (_, "tasks") => "{upid}",
            (_, "rules") => "{pos}",
            (_, "ipset" | "aliases" | "snapshot" | "groups") => "{name}",
            ("ipset", _) => "{cidr}",
            (_, "storage") => "{storage}",
            (_, "content") => "{volume}",
            ("cluster", "backup") => "{id}",
            _ => part,
        };
        out.push('/');
        out.push_str(name);
        before = (before.1, part);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_its_template() {
        let table = [
            ("/version", "/version"),
            ("/cluster/resources", "/cluster/resources"),
            ("/nodes/pve1/lxc", "/nodes/{node}/lxc"),
            ("/nodes/lxc/lxc/101/config", "/nodes/{node}/lxc/{vmid}/config"),
            ("/nodes/pve1/lxc/101", "/nodes/{node}/lxc/{vmid}"),
            ("/nodes/pve1/lxc/101/status/current", "/nodes/{node}/lxc/{vmid}/status/current"),
            ("/nodes/pve1/tasks/UPID%3Apve1/status", "/nodes/{node}/tasks/{upid}/status"),
            ("/nodes/pve1/tasks", "/nodes/{node}/tasks"),
            ("/nodes/pve1/lxc/101/snapshot", "/nodes/{node}/lxc/{vmid}/snapshot"),
            ("/nodes/pve1/lxc/101/snapshot/before", "/nodes/{node}/lxc/{vmid}/snapshot/{name}"),
            ("/nodes/pve1/storage", "/nodes/{node}/storage"),
            ("/nodes/pve1/storage/local/content", "/nodes/{node}/storage/{storage}/content"),
            ("/nodes/pve1/lxc/101/firewall/rules/3", "/nodes/{node}/lxc/{vmid}/firewall/rules/{pos}"),
            (
                "/nodes/pve1/lxc/101/firewall/ipset/peers/10.0.0.0%2F24",
                "/nodes/{node}/lxc/{vmid}/firewall/ipset/{name}/{cidr}",
            ),
            ("/nodes/pve1/lxc/101/firewall/aliases/gate", "/nodes/{node}/lxc/{vmid}/firewall/aliases/{name}"),
            ("/cluster/firewall/groups/web", "/cluster/firewall/groups/{name}"),
            ("/nodes/pve1/qemu/105/firewall/options", "/nodes/{node}/qemu/{vmid}/firewall/options"),
            ("/cluster/backup/zentoria-1", "/cluster/backup/{id}"),
            ("/access/ticket", "/access/ticket"),
        ];
        for (path, want) in table {
            assert_eq!(template(path), want);
        }
    }

    #[test]
    fn a_path_names_its_node_and_guest() {
        assert_eq!(node_of("/nodes/pve1/lxc/101/config"), Some("pve1"));
        assert_eq!(vmid_of("/nodes/pve1/lxc/101/config"), Some("101"));
        assert_eq!(vmid_of("/nodes/pve1/storage/101"), None);
        assert_eq!(node_of("/cluster/resources"), None);
    }

    #[test]
    fn a_segment_is_encoded_down_to_unreserved_characters() {
        assert_eq!(segment("UPID:pve1:op@pve!t:"), "UPID%3Apve1%3Aop%40pve%21t%3A");
        assert_eq!(segment("10.10.40.0/24"), "10.10.40.0%2F24");
    }
}
