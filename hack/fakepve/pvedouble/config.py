"""How a container's configuration is written and read back, where fakepve differs from the recordings."""

import copy
import functools
import hashlib
import re

from fakepve import PveError, lxc
from fakepve.lxc import FakeCt, parse_mount, parse_size, split_props
from fakepve.routing import param_error

NET = re.compile(r'^net\d+$')
DEV = re.compile(r'^dev\d+$')
_fakepve_normalise = lxc.normalise


def stored_description(text):
    """A description as PVE gives it back: lines, each with its end; None for an empty one (the option goes)."""
    text = str(text).rstrip('\n')
    return text + '\n' if text else None


def normalise(key, value):
    """A value as PVE writes it back: description with "\\n", tags emptied to " ", a fraction as a string."""
    if key == 'description':
        return stored_description(value) or ''
    if key == 'tags':
        return _fakepve_normalise(key, value) or ' '
    if key == 'cpulimit':
        return format(float(value), 'g')
    if key == 'features':
        return value
    return _fakepve_normalise(key, value)


def print_mount(mount, rootfs=False):
    """A rootfs or mpN value: the volume, the path, then the other options by name."""
    rest = sorted(key for key in mount if key not in ('volume', 'mp'))
    path = ['mp=' + mount['mp']] if 'mp' in mount and not rootfs else []
    return ','.join([mount['volume'], *path, *('{0}={1}'.format(key, mount[key]) for key in rest)])


@functools.lru_cache(maxsize=8192)
def bridge_of(net):
    """The bridge in a netN value, or None."""
    return split_props(net)[1].get('bridge')


@functools.lru_cache(maxsize=8192)
def volume_size(value):
    """(storage, bytes) of a rootfs or mpN value; (None, 0) for what is no volume."""
    mount = parse_mount(value)
    storage, colon, _ = mount.get('volume', '').partition(':')
    return (storage, parse_size(mount.get('size', '')) or 0) if colon else (None, 0)


class Guest(FakeCt):
    """A container that knows what it was created with and how long its own power tasks take.

    A duration of its own that is None is the one of all (setting ct_secs).
    """

    home = None     # the double, set once: there is one in a process

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.start_secs = self.stop_secs = self.shutdown_secs = None
        self.created_with = {}
        self.starts = 0

    def _seconds(name):
        def get(self):
            own = self.__dict__.get(name)
            return self.home.ct_secs[name.partition('_')[0]] if own is None else own

        def put(self, value):
            self.__dict__[name] = value
        return property(get, put, doc='PVE seconds; None for those of all guests.')

    start_secs, stop_secs, shutdown_secs = _seconds('start_secs'), _seconds('stop_secs'), _seconds('shutdown_secs')

    @property
    def start_error(self):
        """Why a start fails: what a test set, else a bridge or a device that does not exist."""
        own = self.__dict__.get('_start_error')
        bridge, device = self.missing_bridge(), self.missing_device()
        return own or (bridge and missing_bridge_text(bridge)) or (device and missing_device_text(device))

    @start_error.setter
    def start_error(self, value):
        self.__dict__['_start_error'] = value

    def missing_bridge(self, config=None):
        """The first bridge that a net of the configuration names and no node has, or None."""
        config = self.config if config is None else config
        for key in sorted(config):
            if NET.match(key):
                bridge = bridge_of(config[key])
                if bridge and bridge not in self.home.bridges and bridge not in self.home.vnets:
                    return bridge
        return None

    def missing_device(self, config=None):
        """The first path of a devN of the configuration that no node has (setting `missing_devices`), or None."""
        config = self.config if config is None else config
        for key in sorted(config):
            path = device_path(config[key]) if DEV.match(key) else None
            if path in self.home.missing_devices:
                return path
        return None

    def digest(self):
        """The sha1 of the whole file: the same text again gives the same digest."""
        text = repr((sorted(self.config.items()), sorted(self.pending.items(), key=lambda kv: kv[0]), self.snapshots))
        return hashlib.sha1(text.encode()).hexdigest()


def device_path(value):
    """The path in a devN value: the key may be left out."""
    first, props = split_props(value)
    return props.get('path') or first


def missing_device_text(path):
    """PVE's words for a device that is not there."""
    return 'Device {0} does not exist'.format(path)


def missing_bridge_text(bridge):
    """PVE's words for a bridge that is not there."""
    return "bridge '{0}' does not exist".format(bridge)


def install():
    """Put these rules in the place of fakepve's own; its lxc module looks the names up at each call."""
    lxc.normalise = normalise
    lxc.print_mount = print_mount
    lxc.FakeCt = Guest


class Config:
    """Mixin: PUT config and /pending."""

    def _realise(self, vmid, key, value, taken, default_storage=None):
        """New volumes have whole MiB."""
        found = lxc.NEW_DISK.match(parse_mount(value).get('volume', ''))
        if found:
            whole = int(float(found.group(2)) * 1024) / 1024
            value = value.replace(found.group(0), '{0}:{1}'.format(found.group(1), whole), 1)
        return super()._realise(vmid, key, value, taken, default_storage)

    async def _lxc_pending(self, user, v):
        rows = await super()._lxc_pending(user, v)
        ct = self._find_ct(v['node'], v['vmid'])
        # Every plain key of the configuration file is listed, its digest and its lock among them.
        lock = [{'key': 'lock', 'value': ct.lock}] if ct.lock else []
        # Raw lxc.* lines are a list, which is left out here.
        rows = [row for row in rows if row['key'] != 'lock' and not isinstance(row.get('value'), list)]
        return rows + lock + [{'key': 'digest', 'value': ct.digest()}]

    async def _update_config(self, ct, user, values, deletes, reverts):
        values, deletes = dict(values), list(deletes)
        if 'description' in values and stored_description(values['description']) is None:
            del values['description']
            deletes.append('description')
        # Deleting what is only pending leaves it pending: `revert` is for that.
        deletes = [key for key in deletes if key in ct.config]
        running = ct.status == 'running'
        nets = {key: value for key, value in values.items() if NET.match(key)}
        if running:
            for key in sorted(nets):
                bridge = ct.missing_bridge({key: nets[key]})
                if bridge:      # and nothing of this PUT is stored
                    raise param_error(**{key: 'unable to hotplug {0}: {1}\n'.format(key, missing_bridge_text(bridge))})
        device = ct.missing_device(values)
        if device:      # unlike a create, which finds out at its start
            raise PveError(500, missing_device_text(device))
        before = copy.deepcopy((ct.config, ct.pending))
        try:
            await super()._update_config(ct, user, values, deletes, reverts)
        except PveError:
            ct.config, ct.pending = before
            raise
        if not running and ct.missing_bridge():
            # Stored all the same, and so fails every PUT until the net is deleted.
            raise PveError(500, missing_bridge_text(ct.missing_bridge()))
