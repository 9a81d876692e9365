"""What a node says of itself: bridges, capacity, certificates and the space of its storages."""

import collections

from .config import volume_size
from .stores import NODE, is_shared


class Node:
    """Mixin: routes under /nodes/{node}, and storage space that counts the guests' disks."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._usage = None      # while one answer asks for the space of many storages: disks_used() of its start

    def _routes_node(self):
        node = '/nodes/{node}'
        return [
            ('GET', '/cluster/options', self._options), ('GET', '/cluster/tasks', self._cluster_tasks),
            ('GET', node + '/network', self._network_list), ('GET', node + '/status', self._node_status),
            ('GET', node + '/version', self._node_version), ('GET', node + '/time', self._node_time), ('GET', node + '/certificates/info', self._certificates)]

    async def _network_list(self, v, user):
        if v.get('type') not in (None, 'bridge', 'any_bridge', 'any_local_bridge', 'include_sdn'):
            return []
        audit = self.allowed(user, '/nodes/' + v['node'], 'Sys.Audit')
        return [{'iface': name, 'type': 'bridge', 'method': 'static', 'method6': 'manual', 'families': ['inet'],
                 'priority': number, 'active': 1, 'autostart': 1, 'bridge_ports': '', 'bridge_stp': 'off',
                 'bridge_fd': '0'}
                for number, name in enumerate(self.bridges, 3) if audit or any(
                    self.allowed(user, '/sdn/zones/localnetwork/' + name, p) for p in ('SDN.Audit', 'SDN.Use'))
                ] + (self.vnet_interfaces(user) if v.get('type') in ('any_bridge', 'include_sdn') else [])

    async def _node_status(self, v, user):
        size = self.node_sizes(v['node'])
        free = size['maxmem'] - size['mem']
        disk = size['maxdisk'] - size['disk']
        return {'uptime': size['uptime'], 'cpu': size['cpu'], 'wait': 0, 'idle': 0, 'loadavg': ['0.10', '0.10', '0.10'],
                'memory': {'total': size['maxmem'], 'used': size['mem'], 'free': free, 'available': free},
                'swap': {'total': 0, 'used': 0, 'free': 0}, 'ksm': {'shared': 0},
                'rootfs': {'total': size['maxdisk'], 'used': size['disk'], 'free': disk, 'avail': disk},
                'cpuinfo': {'cpus': size['maxcpu'], 'cores': size['maxcpu'], 'sockets': 1, 'model': 'CPU model'},
                'kversion': 'Linux 6.14 (double)',
                'pveversion': 'pve-manager/{0}/14a22df35955d97d'.format(self.version_of(v['node']))}

    async def _options(self, v, user):
        return {'description': '', 'mac_prefix': 'BC:24:11', 'allowed-tags': []}

    async def _cluster_tasks(self, v, user):
        audit = self.allowed(user, '/', 'Sys.Audit')
        rows = []
        for task in reversed(self.tasklog[-500:]):
            if audit or self._task_owner(user, task):
                row = {key: task[key] for key in ('upid', 'node', 'pid', 'starttime', 'type', 'id')}
                row.update(self._owner(task))
                if task['status'] != 'running':
                    row.update(endtime=task['endtime'], status=task['exitstatus'], saved='1')
                rows.append(row)
        return rows

    async def _node_version(self, v, user):
        return self.version_answer(v['node'])

    async def _node_time(self, v, user):
        now = int(self.now())
        return {'localtime': now, 'time': now, 'timezone': self.timezone}

    async def _certificates(self, v, user):
        return self.identity.certificates()

    # ---------------------------------------------------------------- storage

    def _space(self, store):
        """(total, used, avail) in bytes: files and the guests' disks, every one at its full size.

        A storage that nodes do not share has its size on each of them, and there holds the guests of that node alone.
        """
        name = next((key for key, value in self.storages.items() if value is store), None)
        used = sum(int(volume.get('size') or 0) for volume in store.get('volumes', {}).values())
        here = None if is_shared(store) else NODE.get()
        for (storage, node), size in (self._usage or self.disks_used()).items():
            if storage == name and here in (None, node):
                used += size
        total = store.get('total', 100 * 1024 ** 3)
        return total, used, total - used

    def disks_used(self):
        """{(storage, node): bytes} of the guests' disks, the unused ones too."""
        usage = collections.Counter()
        for ct in self.cts:
            for key, value in ct.config.items():
                if key == 'rootfs' or key.startswith('mp'):
                    storage, size = volume_size(value)
                    usage[storage, ct.node] += size
                elif key.startswith('unused'):
                    usage[value.partition(':')[0], ct.node] += self.unused_size(value)
        return usage

    def _status_item(self, name, node, formats=False):
        item = super()._status_item(name, node, formats)
        item['avail'] = max(item['avail'], 0)
        return item
