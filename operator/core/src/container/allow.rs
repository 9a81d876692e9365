//! What of a node a namespace may reach into: directories, devices and hook scripts. Validation and guard ask the same.

use super::want::Grant;

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

    proptest! {
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
