"""Create, clone, resize and destroy, where fakepve differs from the recordings."""

import copy
import re

from fakepve import PveError, TaskError
from fakepve.lxc import parse_mount

from .config import stored_description, volume_size

PUBLIC_KEY = re.compile(r'^(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-[\w@.-]+) [A-Za-z0-9+/=]+( .*)?$')
# Parameters of a create call that are shown on the control port as "created_with"; passwords are not.
HIDDEN = frozenset(('password', 'node', 'vmid'))
MISSING = 'property is missing and it is not optional'
MOUNTS = re.compile(r'^(rootfs|mp\d+|unused\d+)$')


class VolumesInUse:
    """What fakepve asks when it looks for a free volume name, without reading all configurations first."""

    def __init__(self, cts):
        self._cts = cts
        self._new = set()

    def __contains__(self, volume):
        if volume in self._new:
            return True
        return any(str(value).partition(',')[0] == volume for ct in self._cts
                   for config in (ct.config, ct.pending, *ct.snapshots.values())
                   for key, value in config.items() if value and MOUNTS.match(key))

    def add(self, volume):
        """Reserve a name."""
        self._new.add(volume)


class Lifecycle:
    """Mixin: the calls that make and unmake containers."""

    def ct(self, vmid):
        """The container with this id, or None."""
        for ct in reversed(self.cts):   # the newest first: most calls are about it
            if ct.vmid == vmid:
                return ct
        return None

    def _taken_volumes(self):
        return VolumesInUse(self.cts)

    # ---------------------------------------------------------------- create

    async def _lxc_create(self, user, v):
        keys = v.get('ssh-public-keys')
        if keys is not None and not all(PUBLIC_KEY.match(line) for line in str(keys).splitlines()
                                        if line.strip() and not line.startswith('#')):
            raise PveError(500, 'SSH public key validation error')
        if 'description' in v and stored_description(v['description']) is None:
            v = {key: value for key, value in v.items() if key != 'description'}
        made = self.ct(int(v['vmid']))
        upid = await super()._lxc_create(user, v)
        ct = self.ct(int(v['vmid']))
        if ct is not None and ct is not made:
            ct.created_with = {key: value for key, value in v.items() if key not in HIDDEN}
        return upid

    def after_task(self, record, vm):
        """A new disk without room on its storage, or a device that is not there, fails the task.

        Nothing of the guest is left then.
        """
        super().after_task(record, vm)
        if record['type'] not in ('vzcreate', 'vzclone') or vm is None:
            return
        for key, value in vm.config.items():
            mount = parse_mount(value) if key.startswith('mp') else {}
            if mount.get('volume') in self.missing_devices:
                self._drop(vm)
                raise TaskError("unable to create CT {0} - command 'mount {1} /var/lib/lxc/{0}/rootfs/{2}' failed: exit "
                                'code 32'.format(vm.vmid, mount['volume'], mount['mp']))
            storage = volume_size(value)[0] if key == 'rootfs' or key.startswith('mp') else None
            if storage in self.storages and self._space(self.storages[storage])[2] < 0:
                self._drop(vm)
                why = self._no_space_reason(storage, str(value).partition(',')[0])
                raise TaskError('unable to create CT {0} - {1}'.format(vm.vmid, why)
                                if record['type'] == 'vzcreate' else why)

    def _no_space_reason(self, storage, volume):
        kind, name = self.storages[storage].get('type'), volume.partition(':')[2]
        if kind == 'zfspool':
            pool = self.storages[storage].get('pool', 'rpool/data')
            return "zfs error: cannot create '{0}/{1}': out of space".format(pool, name)
        return 'unable to create image: qemu-img: {0}: No space left on device'.format(name)

    async def _start_steps(self, ct, user, skiplock=False):
        await super()._start_steps(ct, user, skiplock)
        ct.starts += 1

    # ---------------------------------------------------------------- clone

    async def _lxc_clone(self, user, v):
        upid = await super()._lxc_clone(user, v)
        new = self.ct(int(v['newid']))
        if new is None:
            return upid
        if new.config.get('description'):
            new.config['description'] = stored_description(new.config['description'])
        guests = self._fw()['guests']
        rules = guests.get(int(v['vmid']))
        if rules is not None:       # a clone takes its source's firewall file along
            guests[new.vmid] = copy.deepcopy(rules)
        new.created_with = {key: value for key, value in v.items() if key not in HIDDEN}
        return upid

    async def _lxc_template(self, user, v):
        """Turning into a template answers without a UPID."""
        await super()._lxc_template(user, v)

    # ---------------------------------------------------------------- resize, destroy

    async def _lxc_resize(self, user, v):
        ct = self._here(v)
        if ct is not None and v['disk'] not in ct.config and not ct.lock:
            raise PveError(500, 'format error', {'volume': MISSING, 'mp': MISSING})
        return await super()._lxc_resize(user, v)

    def _drop(self, ct):
        """The guest's firewall file goes with it."""
        super()._drop(ct)
        self._fw()['guests'].pop(ct.vmid, None)

    def stop_by_itself(self, ct):
        """The container's init ends: no task, and pending changes are applied as at every stop."""
        ct.status, ct.pid = 'stopped', None
        self._apply(ct)
