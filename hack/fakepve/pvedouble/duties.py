"""What PVE itself does with guests, to be read: high availability, replication, virtual networks."""

import time

from fakepve import PveError, TaskError
from fakepve.lxc import MOUNT_KEY, mount_type, parse_mount, split_props
from fakepve.routing import split_list

from .versions import number

GROUPS_GONE = 'cannot index groups: ha groups have been migrated to rules'


class Duties:
    """Mixin: HA resources, replication jobs, vnets, and the calls that they change."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.ha_groups = {}     # vmid -> the group that an HA resource is in (PVE 8)
        self.replication = []   # jobs, as /cluster/replication lists them
        self.vnets = {}         # name -> {"zone", "tag", ...}

    def _routes_duties(self):
        return [('GET', '/cluster/ha/resources', self._ha_resources), ('GET', '/cluster/ha/groups', self._ha_groups),
                ('GET', '/cluster/ha/rules', self._ha_rules), ('GET', '/cluster/ha/status/current', self._ha_state),
                ('GET', '/cluster/replication', self._replication_jobs),
                ('GET', '/nodes/{node}/replication', self._replication_state),
                ('GET', '/cluster/sdn/zones', self._sdn_zones), ('GET', '/cluster/sdn/vnets', self._sdn_vnets)]

    # ---------------------------------------------------------------- seed

    def plant_duties(self, ha=(), replication=(), vnets=None):
        """Add what the seed, or a test, says.

        `ha`: sids or {"sid", "state", "group"}; `replication`: jobs ({"guest", "target", ...}); `vnets`: by name.
        """
        for entry in ha:
            entry = entry if isinstance(entry, dict) else {'sid': entry}
            ct = self.ct(int(entry['sid'].partition(':')[2]))
            if ct is None:
                raise ValueError('ha: there is no container {0}'.format(entry['sid']))
            ct.ha_state = entry.get('state', 'started' if ct.status == 'running' else 'stopped')
            if entry.get('group'):
                self.ha_groups[ct.vmid] = entry['group']
        for job in replication:
            ct = self.ct(int(job['guest']))
            made = dict({'jobnum': 0, 'type': 'local', 'schedule': '*/15', 'source': ct.node if ct else None}, **job)
            self.replication.append(dict(made, id='{guest}-{jobnum}'.format(**made)))
        self.vnets.update((name, dict({'vnet': name, 'type': 'vnet'}, **vnet)) for name, vnet in (vnets or {}).items())

    # ---------------------------------------------------------------- high availability

    async def _ha_resources(self, v, user):
        return [dict({'sid': 'ct:{0}'.format(ct.vmid), 'type': 'ct', 'state': ct.ha_state, 'max_restart': 1,
                      'max_relocate': 1}, **({'group': self.ha_groups[ct.vmid]} if ct.vmid in self.ha_groups else {}))
                for ct in self.cts if ct.ha_managed and v.get('type') in (None, 'ct')]

    async def _ha_groups(self, v, user):
        if number(self.version) >= (9, 0):
            raise PveError(500, GROUPS_GONE)
        return [{'group': name, 'type': 'group', 'nodes': ','.join(sorted(self.nodes))}
                for name in sorted(set(self.ha_groups.values()))]

    async def _ha_rules(self, v, user):
        return []

    async def _ha_state(self, v, user):
        first = sorted(self.nodes)[0]
        rows = [{'id': 'quorum', 'type': 'quorum', 'node': first, 'quorate': 1 if self.quorate else 0,
                 'status': 'OK' if self.quorate else 'No quorum'}]
        return rows + [{'id': 'service:ct:{0}'.format(ct.vmid), 'type': 'service', 'sid': 'ct:{0}'.format(ct.vmid),
                        'node': ct.node, 'state': ct.ha_state, 'status': '{0} ({1})'.format(ct.node, ct.ha_state)}
                       for ct in self.cts if ct.ha_managed]

    # ---------------------------------------------------------------- replication

    def _jobs_seen(self, user):
        return [job for job in self.replication if self.allowed(user, '/vms/{0}'.format(job['guest']), 'VM.Audit')]

    async def _replication_jobs(self, v, user):
        return self._jobs_seen(user)

    async def _replication_state(self, v, user):
        now = int(time.time())
        return [dict(job, vmtype='lxc', duration=1.5, fail_count=0, last_try=now - 60, last_sync=now - 60,
                     next_sync=now + 840)
                for job in self._jobs_seen(user) if self.guest(int(job['guest'])) is not None
                and self.guest(int(job['guest'])).node == v['node'] and v.get('guest') in (None, job['guest'])]

    async def _lxc_destroy(self, user, v):
        """A guest with replication jobs goes with purge=1 alone, which takes it out of jobs of every kind."""
        vmid = int(v['vmid'])
        job = next((job for job in self.replication if int(job['guest']) == vmid), None)
        if job is not None and not v.get('purge') and self.ct(vmid) is not None:
            raise PveError(500, "There is a replication job '{0}' for guest '{1}' - Please remove that first.".format(
                job['id'], vmid))
        return await super()._lxc_destroy(user, v)

    def after_task(self, record, vm):
        super().after_task(record, vm)
        if record['type'] == 'vzdestroy' and vm is not None and vm not in self.cts:
            self.replication = [job for job in self.replication if int(job['guest']) != vm.vmid]
            self.ha_groups.pop(vm.vmid, None)

    # ---------------------------------------------------------------- virtual networks

    async def _sdn_zones(self, v, user):
        zones = sorted({vnet.get('zone') for vnet in self.vnets.values()} - {None})
        return [{'zone': zone, 'type': 'simple'} for zone in zones
                if any(self.allowed(user, '/sdn/zones/' + zone, right) for right in ('SDN.Audit', 'SDN.Allocate'))]

    async def _sdn_vnets(self, v, user):
        return [vnet for name, vnet in sorted(self.vnets.items())
                if self.allowed(user, self._bridge_path(name), 'SDN.Audit')]

    def vnet_interfaces(self, user):
        """The vnets as /nodes/{node}/network lists them."""
        return [{'iface': name, 'type': 'vnet', 'active': 1} for name in sorted(self.vnets) if any(
            self.allowed(user, self._bridge_path(name), right) for right in ('SDN.Audit', 'SDN.Use'))]

    def _bridge_path(self, name):
        return '/sdn/zones/{0}/{1}'.format(self.vnets.get(name, {}).get('zone', 'localnetwork'), name)

    def _check_bridge(self, user, net):
        """SDN.Use on the bridge or vnet, or on each VLAN of it that the interface is in."""
        props = split_props(net)[1]
        if not props.get('bridge'):
            return
        vlans = [props['tag']] if props.get('tag') else []
        vlans += split_list(props.get('trunks'))
        path = self._bridge_path(props['bridge'])
        for vlan in vlans:
            self.require(user, '{0}/{1}'.format(path, vlan), 'SDN.Use')
        if not vlans:
            self.require(user, path, 'SDN.Use')

    # ---------------------------------------------------------------- migration

    async def _lxc_migrate(self, user, v):
        ct, target = self._here(v), v['target']
        if ct is None or target not in self.nodes or target == v['node']:
            return await super()._lxc_migrate(user, v)
        why = None
        if not self.nodes[target].get('online', True):
            why = "Can't connect to destination address using public key"
        for name in self._away(ct, target):
            why = why or "storage '{0}' is not available on node '{1}'".format(name, target)
        if why is None:
            return await super()._lxc_migrate(user, v)

        async def body():
            raise TaskError('migration aborted')
        return await self.task(v['node'], 'vzmigrate', ct.vmid, user, body, lock=False, log=[
            "starting migration of CT {0} to node '{1}'".format(ct.vmid, target),
            'ERROR: migration aborted (duration 00:00:00): ' + why])

    def _away(self, ct, target):
        """The storages of a guest's volumes that a node does not have."""
        mounts = [parse_mount(value) for key, value in ct.config.items() if MOUNT_KEY.match(key)]
        used = {mount['volume'].partition(':')[0] for mount in mounts if mount_type(mount['volume']) == 'volume'}
        return sorted(name for name in used if name in self.storages and not self._storage_enabled(name, target))
