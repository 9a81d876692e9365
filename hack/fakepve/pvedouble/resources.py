"""/cluster/resources with pvestatd's lag, /cluster/status and /nodes."""

import asyncio

from fakepve.server import USER, ok

from .params import params
from .stores import at

GIB = 1024 ** 3
# Shorter rounds than this are not worth a timer: the answer is live.
SHORTEST_ROUND = 0.02


class Resources:
    """Mixin: the cluster-wide views.

    Presence, lock, tags and pool of a guest are known at once; name, status and sizes come from pvestatd, which looks
    every `resource_lag` seconds: until its first look a new guest is "unknown" and has no name.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._seen = {}
        self._looker = None

    # ---------------------------------------------------------------- pvestatd

    def start_looking(self):
        """Start (or restart, after a change of the lag) the rounds of pvestatd."""
        if self._looker is not None:
            self._looker.cancel()
        self._looker = None
        self.look()
        period = self.resource_lag * self.time_scale
        if period >= SHORTEST_ROUND:
            self._looker = asyncio.ensure_future(self._look_every(period))

    async def _look_every(self, period):
        while True:
            await asyncio.sleep(period)
            self.look()

    def look(self):
        """One round: note what every guest on a reachable node is like."""
        seen = {}
        for ct in self.cts:
            if self.nodes.get(ct.node, {}).get('online', True):
                if ct.lock != 'create':
                    seen[ct.vmid] = self._look_at(ct)
            elif ct.vmid in self._seen:
                seen[ct.vmid] = self._seen[ct.vmid]
        self._seen = seen

    def _look_at(self, ct):
        state = self._status(ct)
        out = {key: state[key] for key in ('name', 'status', 'cpu', 'mem', 'maxmem', 'disk', 'maxdisk', 'uptime',
                                           'netin', 'netout', 'diskread', 'diskwrite')}
        return dict(out, maxcpu=state['cpus'], memhost=out['mem'], template=1 if ct.template else 0)

    # ---------------------------------------------------------------- guests

    def ct_resources(self, user, kind=None):
        """The containers as /cluster/resources lists them."""
        if kind not in (None, 'vm'):
            return []
        live = self._looker is None
        rows = []
        for ct in self.cts:
            if not self.allowed(user, '/vms/%d' % ct.vmid, 'VM.Audit'):
                continue
            row = {'id': 'lxc/%d' % ct.vmid, 'type': 'lxc', 'node': ct.node, 'vmid': ct.vmid, 'status': 'unknown'}
            known = (self._look_at(ct) if ct.lock != 'create' else None) if live else self._seen.get(ct.vmid)
            if known is not None:
                row.update(known)
                if not self.nodes.get(ct.node, {}).get('online', True):
                    row['status'] = 'unknown'
            for key, value in (('lock', ct.lock), ('tags', ct.config.get('tags')), ('pool', ct.pool),
                               ('hastate', ct.ha_state)):
                if value:
                    row[key] = value
            rows.append(row)
        return rows

    async def _resources(self, request):
        kind = self._verify(request, await params(request)).get('type')
        user = request[USER]
        rows = self.ct_resources(user, kind)
        if kind in (None, 'node'):
            rows += [dict(self._node_row(user, name), **{'cgroup-mode': 2}) for name in sorted(self.nodes)]
        if kind in (None, 'storage'):
            rows += self._storage_resources(user)
        return ok(rows)

    def _storage_resources(self, user):
        self._usage = self.disks_used()
        try:
            seen = [name for name in self.storages if self._can_audit(user, name)]
            rows = [self._storage_resource(node, name) for node in sorted(self.nodes) for name in seen]
        finally:
            self._usage = None
        return [row for row in rows if row]

    def _storage_resource(self, node, name):
        row = super()._storage_resource(node, name)
        if row and row['status'] == 'available':
            with at(node):
                total, used, _ = self._space(self.storages[name])
            row.update(maxdisk=total, disk=used)
        return row

    # ---------------------------------------------------------------- nodes

    def node_sizes(self, name):
        """Capacity and use of a node: its own numbers from the seed over these."""
        sizes = {'maxcpu': 32, 'maxmem': 128 * GIB, 'maxdisk': 100 * GIB, 'mem': 4 * GIB, 'disk': 8 * GIB, 'cpu': 0.02,
                 'uptime': 86400}
        sizes.update({key: value for key, value in self.nodes[name].items() if key in sizes})
        return sizes

    def _node_row(self, user, name):
        online = self.nodes[name].get('online', True)
        row = {'id': 'node/' + name, 'type': 'node', 'node': name, 'level': '',
               'status': 'online' if online else 'offline'}
        if online and self.allowed(user, '/nodes/' + name, 'Sys.Audit'):
            row.update(self.node_sizes(name))
        return row

    async def _nodes(self, request):
        self._verify(request, await params(request))
        return ok([dict(self._node_row(request[USER], name), ssl_fingerprint=self.identity.fingerprint)
                   for name in sorted(self.nodes)])

    async def _cluster_status(self, request):
        self.require(request[USER], '/', 'Sys.Audit')
        clustered = self.cluster_name is not None
        rows = []
        for number, name in enumerate(sorted(self.nodes), 1):
            rows.append({'type': 'node', 'id': 'node/' + name, 'name': name, 'nodeid': number if clustered else 0,
                         'level': '', 'ip': '192.0.2.{0}'.format(10 + number), 'local': 1 if number == 1 else 0,
                         'online': 1 if self.nodes[name].get('online', True) else 0})
        if clustered:
            rows.insert(0, {'type': 'cluster', 'id': 'cluster', 'name': self.cluster_name, 'nodes': len(self.nodes),
                            'quorate': 1 if self.quorate else 0, 'version': 1 + len(self.nodes)})
        return ok(rows)

    def _cpus(self, ct):
        """A guest's CPUs: its cores, else its limit, else all of its node."""
        return ct.config.get('cores') or ct.config.get('cpulimit') or self.node_sizes(ct.node)['maxcpu']
