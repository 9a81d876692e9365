//! The calls of a run without a crash: a kill point each.

/// Every call from the operator's start until a new container is Ready.
pub const CREATE_CALLS: [&str; 23] = [
    "GET /version",
    "GET /cluster/status",
    "GET /nodes/pve1/version",
    "GET /nodes/pve1/query-oci-repo-tags",
    "GET /cluster/ha/rules",
    "GET /cluster/replication",
    "GET /access/permissions",
    "GET /cluster/resources",
    "GET /nodes/pve1/lxc/450/pending",
    "GET /nodes/pve1/network",
    "GET /nodes/pve1/storage/local/content",
    "POST /nodes/pve1/lxc",
    "GET :vzcreate:",
    "GET /nodes/pve1/lxc/400/pending",
    "GET /nodes/pve1/lxc/400/firewall/rules",
    "DELETE /nodes/pve1/lxc/400/firewall/rules/0",
    "GET /nodes/pve1/lxc/400/firewall/ipset",
    "GET /nodes/pve1/lxc/400/firewall/aliases",
    "GET /nodes/pve1/lxc/400/firewall/options",
    "PUT /nodes/pve1/lxc/400/firewall/options",
    "POST /nodes/pve1/lxc/400/status/start",
    "GET :vzstart:",
    "GET /nodes/pve1/lxc/400/status/current",
];
pub const CREATE_WRITES: [&str; 4] = [
    "POST /nodes/pve1/lxc",
    "DELETE /nodes/pve1/lxc/400/firewall/rules/0",
    "PUT /nodes/pve1/lxc/400/firewall/options",
    "POST /nodes/pve1/lxc/400/status/start",
];

/// The same for a clone.
pub const CLONE_CALLS: [&str; 24] = [
    "GET /version",
    "GET /cluster/status",
    "GET /nodes/pve1/version",
    "GET /nodes/pve1/query-oci-repo-tags",
    "GET /cluster/ha/rules",
    "GET /cluster/replication",
    "GET /access/permissions",
    "GET /cluster/resources",
    "GET /nodes/pve1/lxc/450/pending",
    "GET /nodes/pve1/network",
    "POST /nodes/pve1/lxc/450/clone",
    "GET :vzclone:",
    "GET /nodes/pve1/lxc/400/pending",
    "PUT /nodes/pve1/lxc/400/config",
    "GET /nodes/pve1/lxc/400/pending #2",
    "GET /nodes/pve1/lxc/400/firewall/rules",
    "DELETE /nodes/pve1/lxc/400/firewall/rules/0",
    "GET /nodes/pve1/lxc/400/firewall/ipset",
    "GET /nodes/pve1/lxc/400/firewall/aliases",
    "GET /nodes/pve1/lxc/400/firewall/options",
    "PUT /nodes/pve1/lxc/400/firewall/options",
    "POST /nodes/pve1/lxc/400/status/start",
    "GET :vzstart:",
    "GET /nodes/pve1/lxc/400/status/current",
];
pub const CLONE_WRITES: [&str; 5] = [
    "POST /nodes/pve1/lxc/450/clone",
    "PUT /nodes/pve1/lxc/400/config",
    "DELETE /nodes/pve1/lxc/400/firewall/rules/0",
    "PUT /nodes/pve1/lxc/400/firewall/options",
    "POST /nodes/pve1/lxc/400/status/start",
];
