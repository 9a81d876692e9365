"""POST move_volume: a volume of a stopped guest gets to another storage."""

import re

from fakepve import PveError, TaskError
from fakepve.lxc import parse_mount, print_mount
from fakepve.routing import check_digest, split_list

from .config import volume_size
from .lifecycle import MISSING


class Moving:
    """Mixin: move_volume, and volumes that no mount point names any more."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._unused_sizes = {}     # volume id -> bytes: an unusedN in a configuration does not tell

    def _routes_moving(self):
        return [('POST', '/nodes/{node}/lxc/{vmid}/move_volume', self._move_volume)]

    async def _move_volume(self, v, user):
        key, storage = v['volume'], v.get('storage')
        if v.get('target-vmid'):
            raise PveError(500, 'the double does not give volumes to other guests')
        if not storage:
            raise PveError(500, "both 'storage' and 'target-vmid' missing, either needs to be set")
        self.require(user, '/storage/' + storage, 'Datastore.AllocateSpace')
        ct = self._find_ct(v['node'], v['vmid'])
        await self._config_lock(ct)
        try:
            self._check_move(ct, key, v)
            ct.lock = 'disk'
        finally:
            self.release(ct, 'config')

        async def body():
            try:
                self._check_target(storage)
                await self.pause(self.ct_secs['move'])
                self._put_on(ct, key, storage, bool(v.get('delete')))
            finally:
                if ct.lock == 'disk':
                    ct.lock = None
        return await self.task(v['node'], 'move_volume', ct.vmid, user, body, lock=False)

    def _check_move(self, ct, key, v):
        self._ct_check_lock(ct)
        if ct.status == 'running':
            raise PveError(500, 'cannot move volumes of a running container')
        if key.startswith('unused'):
            raise PveError(500, "cannot move volume '{0}', only configured volumes can be moved to another "
                                'storage'.format(key))
        if key not in ct.config:
            raise PveError(500, 'format error', {'volume': MISSING, 'mp': MISSING})
        volume = parse_mount(ct.config[key])['volume']
        if v.get('delete') and any(parse_mount(snapshot.get(key, '')).get('volume') == volume
                                   for snapshot in ct.snapshots.values()):
            raise PveError(500, "you can't move a volume with snapshots and delete the source")
        check_digest(ct.digest(), v.get('digest'))

    def _check_target(self, storage):
        if storage not in self.storages:
            raise TaskError("storage '{0}' does not exist".format(storage))
        if 'rootdir' not in split_list(self.storages[storage].get('content')):
            raise TaskError("content type 'rootdir' is not available on storage '{0}'".format(storage))

    def _put_on(self, ct, key, storage, delete):
        mount, size = parse_mount(ct.config[key]), volume_size(ct.config[key])[1]
        old, new = mount['volume'], self._allocate(ct.vmid, storage, self._taken_volumes())
        if size > self._space(self.storages[storage])[2]:
            raise TaskError(self._no_space_reason(storage, new))
        ct.config[key] = print_mount(dict(mount, volume=new), key == 'rootfs')
        if not delete:
            self._unused_sizes[old] = size
            ct.config[self._unused_key(ct.config)] = old

    # ---------------------------------------------------------------- unused volumes

    def _apply(self, ct, selection=None, running=False):
        """A mount point that is taken away leaves its volume, whose size is kept in mind."""
        before = {parse_mount(value)['volume']: volume_size(value)[1] for key, value in ct.config.items()
                  if re.match(r'^mp\d+$', key)}
        super()._apply(ct, selection, running)
        for key, value in ct.config.items():
            if key.startswith('unused') and value in before:
                self._unused_sizes[value] = before[value]

    def unused_size(self, volid):
        """The bytes of a volume that an unusedN names."""
        return self._unused_sizes.get(volid, 0)

    def _volumes(self, name):
        """What an unusedN names is a container's volume like any other."""
        volumes = super()._volumes(name)
        for value in {value for ct in self.cts for key, value in ct.config.items() if key.startswith('unused')}:
            storage, _, volname = value.partition(':')
            if storage == name and volname in volumes:
                volumes[volname] = dict(volumes[volname], content='rootdir', size=self.unused_size(value))
        return volumes
