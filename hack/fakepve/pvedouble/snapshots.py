"""Snapshots, linked clones, and what the storages of a guest are capable of."""

from fakepve import lxc
from fakepve.lxc import SNAPSHOT_STORAGE

from .config import Guest, stored_description

_fakepve_os_base = lxc.os_base


def can_link(volume):
    """True if a linked clone of this volume is possible: a template's base, or anything on btrfs."""
    store = Guest.home.storages.get(volume.partition(':')[0], {})
    return _fakepve_os_base(volume) or store.get('type') == 'btrfs'


def install():
    """Put this rule in the place of fakepve's own; its lxc module looks the name up at each call."""
    lxc.os_base = can_link


class Snapshots:
    """Mixin: forms of snapshots' descriptions, and GET feature."""

    def _routes_snapshots(self):
        return [('GET', '/nodes/{node}/lxc/{vmid}/feature', self._lxc_feature)]

    async def _lxc_snapshot(self, user, v):
        return await super()._lxc_snapshot(user, self._with_description(v))

    async def _lxc_snapshot_config_put(self, user, v):
        return await super()._lxc_snapshot_config_put(user, self._with_description(v))

    @staticmethod
    def _with_description(v):
        text = v.get('description')
        return v if text is None else dict(v, description=stored_description(text) or '')

    async def _lxc_feature(self, v, user):
        ct = self._find_ct(v['node'], v['vmid'])
        volumes = [mount['volume'] for _, mount in ct.volumes()]
        if v['feature'] == 'snapshot':
            types = {self.storages.get(volume.partition(':')[0], {}).get('type') for volume in volumes}
            able = not ct.template and types <= set(SNAPSHOT_STORAGE)
        else:
            able = v['feature'] == 'copy' or all(map(can_link, volumes))
        return {'hasFeature': 1 if able else 0}
