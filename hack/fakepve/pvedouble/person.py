"""What a person does behind the operator's back: real tasks under their own name, or none at all."""

from fakepve import PveError

from .lifecycle import HIDDEN
from .stores import at

ROOT = 'root@pam'


class Person:
    """Mixin: acts on one guest, as from PVE's web interface or a shell on the node."""

    def _the_ct(self, vmid):
        ct = self.ct(int(vmid))
        if ct is None:
            raise PveError(500, 'there is no container {0}'.format(vmid))
        return ct

    async def act(self, act, vmid, user=ROOT, **more):
        """One act; returns the UPID of the task that it started, or None.

        start, stop, shutdown, reboot, destroy (by force), migrate (to=NODE), set (config={...}, delete="a,b"),
        resize (disk, size), template, snapshot (name), backup (storage, mode, ...),
        move (volume, storage, delete), restore (archive, storage; where there is no guest): through PVE, as `user`. crash: the container ends by itself,
        no task. vanish: its configuration file is removed by hand. edit (config={...}, drop=[...]): the file is
        edited by hand, no rule is applied. lock (lock="backup"), unlock: `pct unlock`. copy (newid): a full clone.
        """
        if act == 'restore':
            return await self._restore_by_hand(int(vmid), user, more)
        ct = self._the_ct(vmid)
        with at(ct.node):
            return await self._act(act, ct, user, more)

    async def _act(self, act, ct, user, more):
        where = {'node': ct.node, 'vmid': ct.vmid}
        if act in ('start', 'stop', 'shutdown', 'reboot'):
            return await getattr(self, '_lxc_' + act)(user, dict(where, **more))
        if act == 'destroy':
            return await self._lxc_destroy(user, dict(where, force=1, **more))
        if act == 'migrate':
            return await self._lxc_migrate(user, dict(where, target=more['to'], restart=1))
        if act == 'set':
            extra = {'delete': more['delete']} if 'delete' in more else {}
            return await self._lxc_config_put(user, dict(where, **more.get('config', {}), **extra))
        if act == 'resize':
            return await self._lxc_resize(user, dict(where, disk=more['disk'], size=more['size']))
        if act == 'template':
            return await self._lxc_template(user, where)
        if act == 'snapshot':
            return await self._lxc_snapshot(user, dict(where, snapname=more['name']))
        if act == 'backup':
            return await self._vzdump(dict({'node': ct.node, 'vmid': str(ct.vmid), 'compress': 'zstd'}, **more), user)
        if act == 'move':
            return await self._move_volume(dict(where, **more), user)
        if act == 'copy':
            return await self._lxc_clone(user, dict(where, newid=more['newid'], full=1))
        return self._without_pve(act, ct, more)

    async def _restore_by_hand(self, vmid, user, more):
        node = more.get('node') or next(iter(self.nodes))
        with at(node):
            return await self._lxc_create(user, {'node': node, 'vmid': vmid, 'restore': 1,
                                                 'ostemplate': more['archive'], 'storage': more['storage']})

    def _without_pve(self, act, ct, more):
        if act == 'lease':      # {"interface": "eth0", "inet": "10.10.9.7/16"}: what a DHCP server gave
            leases = dict(getattr(ct, 'leases', {}))
            leases[more['interface']] = {family: more[family] for family in ('inet', 'inet6') if family in more}
            ct.leases = leases
        elif act == 'crash':
            self.stop_by_itself(ct)
        elif act == 'vanish':
            self._drop(ct)
        elif act == 'edit':
            ct.config.update(more.get('config', {}))
            for key in more.get('drop', ()):
                ct.config.pop(key, None)
        elif act in ('lock', 'unlock'):
            ct.lock = more.get('lock', 'backup') if act == 'lock' else None
        else:
            raise ValueError('not an act: {0}'.format(act))

    async def _lxc_interfaces(self, user, v):
        rows = await super()._lxc_interfaces(user, v)
        leases = getattr(self._find_ct(v['node'], v['vmid']), 'leases', {})
        for row in rows or ():
            for family, cidr in leases.get(row['name'], {}).items():
                address, prefix = cidr.split('/', 1)
                row[family] = cidr
                row['ip-addresses'].append({'ip-address-type': family, 'ip-address': address, 'prefix': prefix})
        return rows

    def describe(self, ct):
        """A guest as the control port shows it: everything, also what the API does not."""
        return {'vmid': ct.vmid, 'node': ct.node, 'status': ct.status, 'lock': ct.lock, 'config': dict(ct.config),
                'pending': dict(ct.pending), 'digest': ct.digest(), 'starts': ct.starts, 'pool': ct.pool,
                'created_with': {key: value for key, value in ct.created_with.items() if key not in HIDDEN},
                'ssh_public_keys': ct.created_with.get('ssh-public-keys'),
                'snapshots': sorted(ct.snapshots),
                'firewall': self._firewall_file(ct.vmid)}

    def _firewall_file(self, vmid):
        """None where there is nothing in it: fakepve makes an empty one for whoever reads it."""
        file = self._fw()['guests'].get(vmid)
        return file if file and any(file.values()) else None
