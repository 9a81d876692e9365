"""POST /lxc with restore=1: a guest out of an archive."""

import copy
import re

from fakepve import PveError, TaskError
from fakepve.lxc import CREATE_ONLY, MOUNT_KEY, mount_type, normalise, parse_mount, parse_size, print_mount, \
    random_mac, split_props

from .config import NET, Guest, volume_size
from .lifecycle import HIDDEN

GIB = 1024 ** 3
MOUNT = re.compile(r'^(rootfs|mp\d+)$')
# What of an archived configuration does not come back by itself.
NOT_MERGED = re.compile(r'^(digest|rootfs|snapshots|unprivileged|parent|template|lock|lxc|mp\d+|unused\d+)$')


class Restore:
    """Mixin: the other half of POST /nodes/{node}/lxc."""

    async def _lxc_create(self, user, v):
        if not v.get('restore'):
            return await super()._lxc_create(user, v)
        node, vmid = v['node'], int(v['vmid'])
        self.need_quorum()
        old = self.ct(vmid)
        old = old if old is not None and old.node == node and v.get('force') else None
        self._may_restore(user, v, vmid, old)
        given, mounts = self._given(user, v, vmid)
        ct = old or Guest(vmid, node=node, defaults=False, config={})
        if old is None:
            self.cts.append(ct)
        else:
            self._ct_check_lock(ct)
        ct.lock = 'create'
        ct.restoring_over = old is not None

        async def body():
            try:
                await self._restore(user, v, ct, given, mounts)
            except (TaskError, PveError) as error:
                self._give_up(ct)
                text = str(error) if isinstance(error, TaskError) else error.message
                raise TaskError('unable to restore CT {0} - {1}'.format(vmid, text)) from None
            ct.created_with = {key: value for key, value in v.items() if key not in HIDDEN}
            if v.get('pool'):
                self._pool_join(v['pool'], vmid)
            if v.get('start'):
                await self._start_steps(ct, user)
        return await self.task(node, 'vzrestore', vmid, user, body, vm=ct, log=[
            "recovering backed-up configuration from '{0}'".format(v['ostemplate'])])

    def roll_back(self, record, vm):
        """A restore that fails leaves the guest that it was to replace."""
        if getattr(vm, 'restoring_over', False):
            vm.lock = None
        else:
            super().roll_back(record, vm)

    def _give_up(self, ct):
        if ct.restoring_over:
            ct.lock = None
        else:
            self._drop(ct)

    # ---------------------------------------------------------------- before the task

    def _may_restore(self, user, v, vmid, old):
        pool, where = v.get('pool'), '/vms/{0}'.format(vmid)
        if old is not None:
            if old.status == 'running':
                raise PveError(500, "can't overwrite running container")
            self._check_protection(old, 'unable to restore CT {0}'.format(vmid))
        else:
            self._check_vmid_unused(vmid)
        if v.get('unprivileged') == 0:
            self.require(user, '/', 'Sys.Modify')
        if pool and pool not in self.pools:
            raise PveError(403, "Permission check failed (pool '{0}' does not exist)".format(pool))
        if v.get('start'):
            self._vm_perm(user, vmid, pool, 'VM.PowerMgmt')
        if not (self._may_make(user, vmid, pool) or (old is not None and self.allowed(user, where, 'VM.Backup'))):
            raise PveError(403, 'Permission check failed')
        self._check_template(user, v['ostemplate'], True)
        if ':' in v['ostemplate']:
            sid, _, volid, _, vtype, owner, _ = self._volume_target({'volume': v['ostemplate']})
            if owner != vmid:
                self._check_access(user, sid, vtype, owner, volid)

    def _may_make(self, user, vmid, pool):
        return self.allowed(user, '/vms/{0}'.format(vmid), 'VM.Allocate') or (
            bool(pool) and self.allowed(user, '/pool/' + pool, 'VM.Allocate'))

    def _given(self, user, v, vmid):
        """(options, mounts) that the call itself names."""
        values = {key: value for key, value in v.items() if key not in CREATE_ONLY}
        self._check_modify_perm(user, vmid, v.get('pool'), None, values, [], v.get('unprivileged', 1))
        storage = v.get('storage') or 'local'
        mounts = {key: '{0}:{1}'.format(storage, value) if re.fullmatch(r'\d+(\.\d+)?', str(value)) else str(value)
                  for key, value in values.items() if MOUNT.match(key)}
        if mounts and 'rootfs' not in mounts:
            raise PveError(500, "mount points configured, but 'rootfs' not set - aborting")
        for value in mounts.values():
            volume = parse_mount(value).get('volume', '')
            if mount_type(volume) == 'volume':
                self._storage_for(volume.partition(':')[0], user, vmid)
            elif user != 'root@pam':
                raise PveError(500, 'Only root can pass arbitrary filesystem paths.')
        if not mounts:
            self._storage_for(storage, user, vmid)
        return {key: normalise(key, value) for key, value in values.items() if not MOUNT_KEY.match(key)}, mounts

    # ---------------------------------------------------------------- the task

    async def _restore(self, user, v, ct, given, mounts):
        archive = self.archive_of(v['ostemplate'])
        if archive is None:
            raise TaskError("volume '{0}' does not exist".format(v['ostemplate']))
        old = archive['config']
        privileged = not v['unprivileged'] if 'unprivileged' in v else not old.get('unprivileged')
        if privileged and 'unprivileged' not in v:
            self._vm_perm(user, ct.vmid, v.get('pool'), 'VM.Allocate')
        mounts = mounts or self._mounts_of(user, old, v.get('storage') or 'local')
        final = self._merge(user, old, given, bool(v.get('unique')), user == 'root@pam')
        if not privileged:
            final['unprivileged'] = 1
        taken = self._taken_volumes()
        for key in sorted(mounts, key=lambda name: (name != 'rootfs', name)):
            final[key] = self._realise(ct.vmid, key, mounts[key], taken)
        self._need_space(ct, final)
        await self.pause(self.ct_secs['restore'])
        ct.config, ct.pending, ct.snapshots = final, {}, {}
        if archive['firewall'] is not None and self._may_make(user, ct.vmid, v.get('pool')):
            self._fw()['guests'][ct.vmid] = copy.deepcopy(archive['firewall'])

    @staticmethod
    def _mounts_of(user, old, storage):
        """The archive's own volumes, each new on the storage with the size that it had."""
        mounts = {}
        for key, value in old.items():
            if not MOUNT.match(key):
                continue
            mount = parse_mount(value)
            kind = mount_type(mount.get('volume', ''))
            if kind == 'volume':
                size = parse_size(mount.pop('size', ''))
                if not size:
                    raise TaskError('unable to detect disk size - please specify {0} (size)'.format(key))
                mounts[key] = print_mount(dict(mount, volume='{0}:{1}'.format(storage, size / GIB)), key == 'rootfs')
            elif user != 'root@pam':
                raise TaskError("restoring '{0}' to {1} mount is only possible for root".format(key, kind))
            else:
                mounts[key] = value
        if 'rootfs' not in mounts:
            raise TaskError('unable to detect disk size - please specify rootfs (size)')
        return mounts

    def _merge(self, user, old, given, unique, root):
        """The archived options under the given ones; unique=1 gives each archived net a new MAC address.

        As in PVE, a net of the archive wins over a given one of the same slot when unique=1.
        """
        final = dict(given)
        for key, value in old.items():
            if key == 'lxc' and root:
                final[key] = value
            if NOT_MERGED.match(key):
                continue
            if NET.match(key) and (key not in given or unique):
                self._check_bridge(user, value)
                if unique:
                    props = dict(split_props(value)[1], hwaddr=random_mac())
                    final[key] = normalise(key, ','.join('{0}={1}'.format(*prop) for prop in props.items()))
            final.setdefault(key, value)
        return final

    def _need_space(self, ct, final):
        needed = {}
        for key, value in final.items():
            if MOUNT.match(key):
                storage, size = volume_size(value)
                needed[storage] = needed.get(storage, 0) + size
        for storage, size in needed.items():
            if storage in self.storages and size > self._space(self.storages[storage])[2]:
                volume = next(str(value).partition(',')[0] for key, value in sorted(final.items())
                              if MOUNT.match(key) and volume_size(value)[0] == storage)
                raise TaskError(self._no_space_reason(storage, volume))
