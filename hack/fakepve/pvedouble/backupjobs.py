"""/cluster/backup: scheduled jobs, which are kept and shown and never run by themselves."""

import time
import uuid

from fakepve import PveError
from fakepve.routing import split_list

from .prune import retention

# A schedule is not read: a job's next run is shown an hour from now.
NEXT_RUN = 3600


class BackupJobs:
    """Mixin: backup jobs and the guests that none of them covers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.backup_jobs = {}

    def _routes_backup_jobs(self):
        jobs, job = '/cluster/backup', '/cluster/backup/{id}'
        return [('GET', jobs, self._jobs), ('POST', jobs, self._job_create), ('GET', job, self._job_get),
                ('PUT', job, self._job_update), ('DELETE', job, self._job_delete),
                ('GET', '/cluster/backup-info/not-backed-up', self._not_backed_up)]

    async def _jobs(self, v, user):
        return [dict(self._shown(job), **({'next-run': int(time.time()) + NEXT_RUN} if job['enabled'] else {}))
                for job in self.backup_jobs.values()]

    @staticmethod
    def _shown(job):
        return dict(job, **({'prune-backups': retention(job['prune-backups'])} if 'prune-backups' in job else {}))

    def _job(self, name):
        if name not in self.backup_jobs:
            raise PveError(500, "400 Parameter verification failed.\nid: No such job '{0}'".format(name))
        return self.backup_jobs[name]

    async def _job_create(self, v, user):
        name = v.get('id') or str(uuid.uuid4())
        if name in self.backup_jobs:
            raise PveError(500, "400 Parameter verification failed.\nid: Job '{0}' already exists".format(name))
        self.backup_jobs[name] = dict({'enabled': 1, 'type': 'vzdump'}, **dict(v, id=name))

    async def _job_get(self, v, user):
        return self._shown(self._job(v['id']))

    async def _job_update(self, v, user):
        job = self._job(v['id'])
        for key in split_list(v.get('delete')):
            job.pop(key, None)
        job.update({key: value for key, value in v.items() if key not in ('delete', 'id')})

    async def _job_delete(self, v, user):
        self._job(v['id'])
        del self.backup_jobs[v['id']]

    async def _not_backed_up(self, v, user):
        covered = set()
        for job in self.backup_jobs.values():
            left_out = {int(vmid) for vmid in split_list(job.get('exclude'))}
            named = {int(vmid) for vmid in split_list(job.get('vmid'))}
            named |= self.pools.get(job.get('pool'), set())
            covered |= {ct.vmid for ct in self.cts if job.get('all')} - left_out | named
        return [{'type': 'lxc', 'vmid': ct.vmid, 'name': ct.name} for ct in self.cts
                if ct.vmid not in covered and self.allowed(user, '/vms/{0}'.format(ct.vmid), 'VM.Audit')]
