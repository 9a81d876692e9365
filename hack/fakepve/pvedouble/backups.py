"""vzdump: backups as volumes of a storage, each of which keeps the guest's configuration and firewall file."""

import copy
import re
import time
import urllib.parse

from fakepve import PveError, TaskError
from fakepve.lxc import SNAPSHOT_STORAGE, parse_mount
from fakepve.routing import param_error, split_list

from .config import volume_size
from .prune import marks

EXTENSIONS = {'zstd': '.zst', 'gzip': '.gz', '1': '.lzo', 'lzo': '.lzo', '0': ''}
ROOT_ONLY = ('tmpdir', 'dumpdir', 'script', 'job-id')
# How many bytes of an archive come of a byte of disk; nothing is really archived.
PACKED, UNPACKED = 0.004, 0.009
NOT_ARCHIVED = frozenset(('lock', 'parent', 'pending', 'snapshots', 'digest'))


def stamp(seconds):
    """A time as it stands in an archive's name."""
    return time.strftime('%Y_%m_%d-%H_%M_%S', time.gmtime(seconds))


def readable(seconds):
    """A time as it stands in a log."""
    return time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seconds))


def encode_line(text):
    """A line of a description as the configuration file has it."""
    return urllib.parse.quote(text, safe=''.join(chr(code) for code in range(0x20, 0x7f) if chr(code) != '%'))


def config_text(config):
    """A configuration as the text of its file."""
    lines = ['#' + encode_line(line) for line in str(config.get('description', '')).splitlines()]
    lines += ['{0}: {1}'.format(key, config[key]) for key in sorted(config) if key not in ('description', 'lxc')]
    lines += ['{0}: {1}'.format(key, value) for key, value in config.get('lxc', ())]
    return ''.join(line + '\n' for line in lines)


class Backups:
    """Mixin: POST vzdump and what reads an archive's configuration."""

    def _routes_backups(self):
        node = '/nodes/{node}/vzdump'
        return [('POST', node, self._vzdump), ('GET', node + '/defaults', self._vzdump_defaults),
                ('GET', node + '/extractconfig', self._vzdump_config)]

    def now(self):
        """The time that archives are named after: the setting `clock`, else that of this machine."""
        return time.time() if self.clock is None else self.clock

    # ---------------------------------------------------------------- the call

    async def _vzdump(self, v, user):
        sid = v.get('storage') or 'local'
        if user != 'root@pam':
            for key in ROOT_ONLY:
                if key in v:
                    raise param_error(**{key: 'Only root may set this option.'})
            if any(key in v for key in ('bwlimit', 'ionice', 'performance')):
                self.require(user, '/', 'Sys.Modify')
            self.require(user, '/storage/' + sid, 'Datastore.AllocateSpace')
            if 'prune-backups' in v:
                self.require(user, '/storage/' + sid, 'Datastore.Allocate')
        vmids = self._vmids_to_back_up(v, user)
        if not vmids:
            return 'OK'
        log = []

        async def body():
            await self._back_up_all(v, user, sid, vmids, log)
        tid = vmids[0] if len(vmids) == 1 else ''
        return await self.task(v['node'], 'vzdump', tid, user, body, lock=False, log=log)

    def _vmids_to_back_up(self, v, user):
        """The guests of the call that are on its node, or nowhere (those fail in the task)."""
        if v.get('vmid'):
            wanted = [int(vmid) for vmid in split_list(v['vmid'])]
            return [vmid for vmid in wanted if self.guest(vmid) is None or self.guest(vmid).node == v['node']]
        if v.get('pool'):
            self.require(user, '/pool/' + v['pool'], 'Pool.Audit')
            members = self.pools.get(v['pool'], ())
            return sorted(vmid for vmid in members if self.ct(vmid) is not None and self.ct(vmid).node == v['node'])
        if not v.get('all'):
            raise param_error(vmid='property is missing')
        left_out = {int(vmid) for vmid in split_list(v.get('exclude'))}
        return sorted(ct.vmid for ct in self.cts if ct.node == v['node'] and ct.vmid not in left_out
                      and self.allowed(user, '/vms/{0}'.format(ct.vmid), 'VM.Backup'))

    def _backup_store(self, sid, node):
        """The storage, or the end of the task when it takes no backups."""
        try:
            store = self._active_store(sid, node)
            if 'backup' not in split_list(store.get('content')):
                raise PveError(500, "can't use storage '{0}' for backups - wrong content type".format(sid))
        except PveError as error:
            raise TaskError("could not get storage information for '{0}': {1}".format(sid, error.message)) from None
        return store

    async def _back_up_all(self, v, user, sid, vmids, log):
        store = self._backup_store(sid, v['node'])
        for vmid in vmids:
            try:
                self.require(user, '/vms/{0}'.format(vmid), 'VM.Backup')
            except PveError as error:
                raise TaskError('403 ' + error.message) from None
        options = ' '.join('--{0} {1}'.format(key, v[key]) for key in sorted(v) if key not in ('vmid', 'all'))
        log.append('INFO: starting new backup job: vzdump {0} {1}'.format(' '.join(map(str, vmids)), options))
        failed = False
        for vmid in vmids:
            try:
                await self._back_up(v, user, sid, store, vmid, log)
                log.append('INFO: Backup finished at ' + readable(self.now()))
            except TaskError as error:
                failed = True
                log += ['ERROR: Backup of VM {0} failed - {1}'.format(vmid, error),
                        'INFO: Failed at ' + readable(self.now())]
        log.append('INFO: Backup job finished ' + ('with errors' if failed else 'successfully'))
        if failed:
            raise TaskError('job errors')

    # ---------------------------------------------------------------- one guest

    async def _back_up(self, v, user, sid, store, vmid, log):
        ct = self.ct(vmid)
        if ct is None:
            raise TaskError("unable to find VM '{0}'".format(vmid))
        running = ct.status == 'running'
        log += ['INFO: Starting Backup of VM {0} (lxc)'.format(vmid),
                'INFO: Backup started at ' + readable(self.now()), 'INFO: status = ' + ct.status]
        self._task_lock(ct)
        ct.lock = 'backup'
        stopped = False
        try:
            mode = self._backup_mode(ct, v.get('mode', 'snapshot'), log)
            log += ['INFO: backup mode: ' + mode, 'INFO: ionice priority: {0}'.format(v.get('ionice', 7)),
                    'INFO: CT Name: ' + ct.name]
            stopped = running and mode == 'stop'
            if stopped:
                log.append('INFO: stopping virtual guest')
                await self.pause(ct.stop_secs)
                self.stop_by_itself(ct)
            await self._archive(v, sid, store, ct, log)
        finally:
            if ct.lock == 'backup':
                ct.lock = None
            if stopped and ct in self.cts:
                log.append('INFO: restarting vm')
                await self._start_steps(ct, user, skiplock=True)
        log.append('INFO: Finished Backup of VM {0} (00:00:00)'.format(vmid))

    def _backup_mode(self, ct, mode, log):
        """What the mode comes down to: a stopped guest is always "stop"."""
        if ct.status != 'running':
            return 'stop'
        if mode != 'snapshot':
            return mode
        if all(self._store_type(mount) in SNAPSHOT_STORAGE for _, mount in ct.volumes()):
            return mode
        log += ['INFO: mode failure - some volumes do not support snapshots',
                "INFO: trying 'suspend' mode instead"]
        return 'suspend'

    def _store_type(self, mount):
        return self.storages.get(mount['volume'].partition(':')[0], {}).get('type')

    async def _archive(self, v, sid, store, ct, log):
        """Write the archive: what the guest is now, once it is finished."""
        compress = str(v.get('compress', store.get('compress', '0')))
        begun = self._free_second(store, ct.vmid, int(self.now()), EXTENSIONS[compress])
        name = 'vzdump-lxc-{0}-{1}.tar{2}'.format(ct.vmid, stamp(begun), EXTENSIONS[compress])
        path = '{0}/dump/{1}'.format(self._base_path(sid), name)
        config = {key: copy.deepcopy(value) for key, value in ct.config.items() if key not in NOT_ARCHIVED}
        size = self._archive_size(config, compress, log)
        log.append("INFO: creating vzdump archive '{0}'".format(path))
        await self.pause(self.ct_secs['backup'])
        if self._space(store)[2] < size:
            raise TaskError("command 'set -o pipefail && tar cpf - ... >{0}.dat' failed: exit code 1".format(
                path[:-len(EXTENSIONS[compress])] if EXTENSIONS[compress] else path))
        log += ['INFO: Total bytes written: {0}'.format(size), 'INFO: archive file size: {0}MB'.format(size >> 20)]
        volume = self.keep_backup(sid, name, ct.vmid, config, self._fw()['guests'].get(ct.vmid), size=size, ctime=begun)
        if v.get('notes-template'):
            log.append('INFO: adding notes to backup')
            volume['notes'] = self._notes(v['notes-template'], ct)
        if v.get('protected'):
            log.append('INFO: marking backup as protected')
            volume['protected'] = True
        self._prune_after(v, store, ct.vmid, log)

    def _free_second(self, store, vmid, second, extension):
        """The first second from this one on without an archive of the guest; with a set clock it is that one.

        A real node overwrites an archive of the same second, but its backups take longer than the double's.
        """
        while self.clock is None and 'backup/vzdump-lxc-{0}-{1}.tar{2}'.format(
                vmid, stamp(second), extension) in store.get('volumes', {}):
            second += 1
        return second

    @staticmethod
    def _archive_size(config, compress, log):
        size = 1 << 20
        for key, value in sorted(config.items()):
            mount = parse_mount(value) if re.match(r'^(rootfs|mp\d+)$', key) else None
            if mount is None:
                continue
            if key == 'rootfs' or mount.get('backup') == '1':
                size += int(volume_size(value)[1] * (UNPACKED if compress == '0' else PACKED))
            where = "{0} ('{1}')".format(key, mount.get('mp', '/'))
            log.append('INFO: including mount point {0} in backup'.format(where)
                       if key == 'rootfs' or mount.get('backup') == '1' else
                       'INFO: excluding volume mount point {0} from backup (disabled)'.format(where))
        return size

    def keep_backup(self, sid, name, vmid, config, firewall=None, **more):
        """Put an archive on a storage; the volume it became."""
        volume = dict({'content': 'backup', 'format': 'tar' + name.partition('.tar')[2], 'vmid': vmid,
                       'ctime': int(self.now()), 'size': 1 << 20}, **more)
        volume['archive'] = {'config': dict(config), 'firewall': copy.deepcopy(firewall)}
        self.storages[sid].setdefault('volumes', {})['backup/' + name] = volume
        return volume

    def _notes(self, template, ct):
        known = {'cluster': self.cluster_name or 'standalone', 'guestname': ct.name, 'node': ct.node,
                 'vmid': str(ct.vmid)}
        text = template.replace('\\n', '\n').replace('\\\\', '\\')
        return re.sub(r'\{\{([^{}]*)\}\}', lambda found: known.get(found.group(1), found.group(0)), text)

    def _prune_after(self, v, store, vmid, log):
        """What `prune-backups` of the call, else of the storage, does not keep of this guest goes."""
        keep = v.get('prune-backups') or store.get('prune-backups')
        if not keep or not v.get('remove', 1):
            return
        own = {name: volume for name, volume in store['volumes'].items() if volume.get('vmid') == vmid}
        for name, mark in marks(own, keep).items():
            if mark == 'remove':
                log.append("INFO: removing backup '{0}'".format(name))
                del store['volumes'][name]

    # ---------------------------------------------------------------- reading

    async def _vzdump_defaults(self, v, user):
        defaults = {'all': 0, 'bwlimit': 0, 'compress': '0', 'fleecing': {'enabled': 0}, 'ionice': 7, 'lockwait': 180,
                    'mailnotification': 'always', 'mode': 'snapshot', 'notification-mode': 'auto',
                    'performance': {'max-workers': 16, 'pbs-entries-max': 1048576}, 'pigz': 0,
                    'prune-backups': 'keep-all=1', 'quiet': 0, 'remove': 1, 'stdexcludes': 1, 'stop': 0,
                    'stopwait': 10, 'zstd': 1}
        if v.get('storage'):
            defaults.update(storage=v['storage'], dumpdir=self._base_path(v['storage']) + '/dump')
        return defaults

    def archive_of(self, volid):
        """What an archive keeps ({"config", "firewall"}), or None when there is none of that name."""
        sid, _, name = str(volid).partition(':')
        volume = self.storages.get(sid, {}).get('volumes', {}).get(name)
        if volume is None or volume['content'] != 'backup':
            return None
        return volume.get('archive', {'config': {}, 'firewall': None})

    async def _vzdump_config(self, v, user):
        sid, _, volid, _, vtype, owner, _ = self._volume_target({'volume': v['volume']})
        self._check_access(user, sid, vtype, owner, volid)
        archive = self.archive_of(volid)
        if archive is None:
            raise PveError(500, "volume '{0}' does not exist".format(volid))
        return config_text(archive['config'])
