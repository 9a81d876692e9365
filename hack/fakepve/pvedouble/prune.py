"""Which backups a retention keeps, and the calls that ask for it."""

import time

from fakepve import PveError
from fakepve.routing import split_list

# The name of a period -> what the backups of one such period have in common.
PERIODS = (('keep-hourly', '%Y/%m/%d/%H'), ('keep-daily', '%Y/%m/%d'), ('keep-weekly', '%G/%V'),
           ('keep-monthly', '%Y/%m'), ('keep-yearly', '%Y'))


def retention(text):
    """{"keep-daily": "7"} of "keep-daily=7"."""
    return dict(part.split('=', 1) for part in split_list(text) if '=' in part)


def marks(volumes, keep):
    """{volume name: "keep" | "remove" | "protected"} of one guest's archives under a retention."""
    keep = {key: int(count) for key, count in retention(keep).items()}
    out = {name: 'protected' for name, volume in volumes.items() if volume.get('protected')}
    newest = sorted((name for name in volumes if name not in out), key=lambda name: -volumes[name]['ctime'])
    if keep.get('keep-all') or not any(keep.values()):
        out.update(dict.fromkeys(newest, 'keep'))
        return out
    for name in newest[:keep.get('keep-last', 0)]:
        out[name] = 'keep'
    for key, form in PERIODS:
        period = {name: time.strftime(form, time.gmtime(volumes[name]['ctime'])) for name in newest}
        covered = {period[name] for name in newest if name in out}
        fresh = []
        for name in newest:
            if name not in out and period[name] not in covered and period[name] not in fresh:
                if len(fresh) == keep.get(key, 0):
                    break
                fresh.append(period[name])
                out[name] = 'keep'
    for name in newest:
        out.setdefault(name, 'remove')
    return out


class Prune:
    """Mixin: /storage/{storage}/prunebackups."""

    def _routes_prune(self):
        path = '/nodes/{node}/storage/{storage}/prunebackups'
        return [('GET', path, self._prune_plan), ('DELETE', path, self._prune_now)]

    def _prunable(self, v):
        """[(volume name, volume, mark)] in the order of guests and times."""
        store = self._active_store(v['storage'], v['node'])
        keep = v.get('prune-backups') or store.get('prune-backups')
        if not keep:
            raise PveError(500, 'no prune-backups options configured for storage \'{0}\''.format(v['storage']))
        groups = {}
        for name, volume in store.get('volumes', {}).items():
            if volume['content'] == 'backup' and v.get('vmid') in (None, volume.get('vmid')):
                groups.setdefault(volume.get('vmid'), {})[name] = volume
        rows = []
        for _, volumes in sorted(groups.items()):
            mark = marks(volumes, keep)
            rows += [(name, volumes[name], mark[name]) for name in sorted(volumes, key=lambda n: volumes[n]['ctime'])]
        return rows

    async def _prune_plan(self, v, user):
        return [{'volid': '{0}:{1}'.format(v['storage'], name), 'ctime': volume['ctime'], 'mark': mark, 'type': 'lxc',
                 'vmid': volume['vmid']} for name, volume, mark in self._prunable(v)]

    async def _prune_now(self, v, user):
        if not (v.get('vmid') and self.allowed(user, '/vms/{0}'.format(v['vmid']), 'VM.Backup')):
            self.require(user, '/storage/' + v['storage'], 'Datastore.Allocate')
        self._prunable(v)

        async def body():
            for name, _, mark in self._prunable(v):
                if mark == 'remove':
                    del self.storages[v['storage']]['volumes'][name]
        return await self.task(v['node'], 'prunebackups', v['storage'], user, body, lock=False)
