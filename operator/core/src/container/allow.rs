//! What of a node a namespace may reach into: directories, devices and hook scripts, and the hosts that a node fetches
//! files from on its behalf. Validation and guard ask the same.

use super::want::Grant;
use std::net::Ipv6Addr;

/// An absolute path without doubled, trailing or dot components; `None` for what is no absolute path, or has `..` in it.
#[must_use]
pub fn normal_path(text: &str) -> Option<String> {
    let rest = text.strip_prefix('/')?;
    let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") || text.contains(',') || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    Some(format!("/{}", parts.join("/")))
}

impl Grant {
    /// Whether the directory, or one above it, is granted. `/srv/data` grants `/srv/data/x`, and not `/srv/database`.
    #[must_use]
    pub fn allows_bind(&self, path: &str) -> bool {
        let Some(path) = normal_path(path) else { return false };
        self.bind_paths.iter().filter_map(|granted| normal_path(granted)).any(|granted| {
            let below = if granted == "/" { Some(path.as_str()) } else { path.strip_prefix(granted.as_str()) };
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    /// Whether the device is granted: by its path, or by one that ends in `*`.
    #[must_use]
    pub fn allows_device(&self, path: &str) -> bool {
        let normal = normal_path(path).is_some_and(|normal| normal == path && normal.starts_with("/dev/"));
        normal
            && self.devices.iter().any(|granted| match granted.strip_suffix('*') {
                Some(start) => path.starts_with(start) && path.len() > start.len(),
                None => path == granted,
            })
    }

    /// Whether the hook script is granted.
    #[must_use]
    pub fn allows_hookscript(&self, volume: &str) -> bool {
        self.hookscripts.contains(volume)
    }

    /// Whether a node may fetch from this host, as [`host_of_url`] and [`registry_of`] tell it.
    #[must_use]
    pub fn allows_download(&self, host: &str) -> bool {
        self.download_hosts.contains(host)
    }
}

/// The host of an `http` or `https` URL in lower case, with its port where that is not the scheme's own. `None` for
/// whatever two readers of a URL could take for different hosts: a user before the host, a backslash, an escape.
#[must_use]
pub fn host_of_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let own_port = match scheme.to_ascii_lowercase().as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?.to_ascii_lowercase();
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            let is_address = address.parse::<Ipv6Addr>().is_ok();
            (is_address.then(|| format!("[{address}]"))?, port)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at_checked(end)?;
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            ((!host.is_empty() && host.chars().all(plain)).then(|| host.to_owned())?, port)
        }
    };
    if port.is_empty() {
        return Some(host);
    }
    let digits = port.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?;
    let port: u16 = digits.parse().ok()?;
    Some(if port == own_port { host } else { format!("{host}:{port}") })
}

/// The registry of an image's reference, with its port where it names one. As in every reference of an image, a first
/// part without dot or port is no host: such an image comes from `docker.io`.
#[must_use]
pub fn registry_of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        Some(_) | None => "docker.io",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grant(binds: &[&str], devices: &[&str]) -> Grant {
        let set = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Grant { bind_paths: set(binds), devices: set(devices), ..Grant::default() }
    }

    #[test]
    fn a_directory_is_granted_with_what_is_below_it_and_nothing_beside_it() {
        let cases = [
            ("/srv/data", true),
            ("/srv/data/", true),
            ("/srv//data/x", true),
            ("/srv/data/./x", true),
            ("/srv", false),
            ("/srv/database", false),
            ("/srv/data/../../etc", false),
            ("/srv/data/..", false),
            ("srv/data", false),
            ("/", false),
            ("", false),
            ("/srv/data,mp=/x", false),
        ];
        for (path, allowed) in cases {
            assert_eq!(grant(&["/srv/data/"], &[]).allows_bind(path), allowed, "{path}");
        }
        assert!(grant(&["/"], &[]).allows_bind("/etc"));
        assert!(!grant(&["/srv/../etc"], &[]).allows_bind("/etc"));
        assert!(!grant(&[], &[]).allows_bind("/srv"));
    }

    #[test]
    fn a_device_is_granted_by_its_name_or_by_what_its_name_begins_with() {
        let grant = grant(&[], &["/dev/kfd", "/dev/dri/render*"]);
        let cases = [
            ("/dev/kfd", true),
            ("/dev/kfd0", false),
            ("/dev/dri/renderD128", true),
            ("/dev/dri/render", false),
            ("/dev/dri/card0", false),
            ("/dev/dri/render/../../sda", false),
            ("/dev/dri//renderD128", false),
            ("/dev/sda", false),
        ];
        for (path, allowed) in cases {
            assert_eq!(grant.allows_device(path), allowed, "{path}");
        }
    }

    #[test]
    fn the_host_of_a_url_is_one_that_every_reader_of_it_sees() {
        let table = [
            ("https://downloads.example.org/x.tar", Some("downloads.example.org")),
            ("HTTPS://Downloads.Example.ORG:443", Some("downloads.example.org")),
            ("http://downloads.example.org:80/x", Some("downloads.example.org")),
            ("http://downloads.example.org:443/x", Some("downloads.example.org:443")),
            ("http://10.10.0.9:8006?x", Some("10.10.0.9:8006")),
            ("http://[fd00::1]/x", Some("[fd00::1]")),
            ("http://[fd00::1]:8080#x", Some("[fd00::1]:8080")),
            ("https://downloads.example.org./x", Some("downloads.example.org.")),
            ("https://downloads.example.org@10.0.0.1/x", None),
            ("https://10.0.0.1\\@downloads.example.org/x", None),
            ("https://10.0.0.1%2f@downloads.example.org/x", None),
            ("https://downloads.example.org:/x", None),
            ("https://downloads.example.org:+443/x", None),
            ("https://downloads.example.org:443:8006/x", None),
            ("https://[10.0.0.1]/x", None),
            ("https://[fd00::1]8006/x", None),
            ("https:///x", None),
            ("file:///etc/shadow", None),
            ("downloads.example.org/x", None),
        ];
        for (url, host) in table {
            assert_eq!(host_of_url(url).as_deref(), host, "{url}");
        }
    }

    #[test]
    fn an_image_without_a_registry_is_of_docker_io() {
        let table = [
            ("docker.io/library/redis:7", "docker.io"),
            ("library/redis:7", "docker.io"),
            ("registry.example.org/a/b:1", "registry.example.org"),
            ("registry:5000/a:1", "registry:5000"),
            ("localhost/a:1", "localhost"),
            ("127.0.0.1:5000/a/b:1", "127.0.0.1:5000"),
        ];
        for (reference, registry) in table {
            assert_eq!(registry_of(reference), registry, "{reference}");
        }
    }

    proptest! {
        #[test]
        fn a_host_of_a_url_stands_right_behind_its_scheme(url in "(https?|ftp)://\\PC{0,12}([.:/@\\\\?#]\\PC{0,6}){0,3}") {
            if let Some(host) = host_of_url(&url) {
                let name = host.rsplit_once(':').filter(|_| !host.ends_with(']')).map_or(host.as_str(), |(name, _)| name);
                let (_, rest) = url.split_once("://").unwrap();
                prop_assert!(rest.to_ascii_lowercase().starts_with(name));
            }
        }

        #[test]
        fn whatever_is_allowed_lies_below_what_is_granted(path in "(/(srv|data|etc|\\.|\\.\\.|x)?){0,6}") {
            if grant(&["/srv/data"], &[]).allows_bind(&path) {
                let mut place: Vec<&str> = Vec::new();
                for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
                    if part == ".." { place.pop(); } else { place.push(part); }
                }
                prop_assert!(place.starts_with(&["srv", "data"]), "{path}");
            }
        }
    }
}
