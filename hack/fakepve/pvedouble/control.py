"""The control port: HTTP and JSON on loopback, without any security (README.md lists it with examples)."""

import asyncio
import inspect
import json

from aiohttp import web
from fakepve import PveError, TaskError

from . import seed
from .settings import GUEST

# Methods of the double that POST /ctl/call may name.
CALLS = frozenset((
    'add_node', 'set_node_offline', 'lose_quorum', 'regain_quorum', 'hold_config_lock', 'release_config_lock',
    'snapshot_lock', 'unlock', 'backup', 'fail', 'flaky_network', 'slow_network', 'revoke_tickets', 'grant',
    'store_file', 'ceph_slow', 'ceph_down', 'ceph_recover', 'task_fault', 'answer_with', 'forget_tasks', 'clear',
    'revoke_token', 'restore_token', 'disable_user', 'set_grants', 'revoke_privilege', 'restore_access', 'go_down',
    'listen', 'replace_certificate', 'change_identity', 'add_task', 'act', 'restore_settings',
    'plant_duties'))
LONGEST_POLL = 300.0


class Control:
    """The routes of the control port of one double."""

    def __init__(self, double):
        self.double = double

    def app(self):
        """The aiohttp application."""
        app = web.Application(middlewares=[self._errors])
        app.router.add_routes([
            web.get('/ctl/requests', self.requests), web.delete('/ctl/requests', self.requests),
            web.post('/ctl/reset-requests', self.forget), web.post('/ctl/reset', self.reset),
            web.post('/ctl/call', self.call),
            web.get('/ctl/set', self.settings), web.post('/ctl/set', self.change),
            web.get('/ctl/barrier', self.barrier), web.post('/ctl/barrier', self.arm),
            web.delete('/ctl/barrier', self.release), web.post('/ctl/person', self.person),
            web.get('/ctl/guests', self.guests), web.post('/ctl/guests', self.add_guest),
            web.get('/ctl/guests/{vmid}', self.guest), web.get('/ctl/tasks', self.tasks),
            web.get('/ctl/stats', self.stats), web.get('/ctl/grants', self.grants), web.put('/ctl/grants', self.grants),
            web.get('/ctl/tls', self.tls), web.get('/ctl/backups', self.backups),
            web.get('/ctl/backup-jobs', self.backup_jobs), web.post('/ctl/backup-jobs', self.change_backup_jobs)])
        return app

    @web.middleware
    async def _errors(self, request, handler):
        try:
            return await handler(request)
        except (ValueError, TypeError, KeyError, PveError, TaskError) as error:
            return web.json_response({'error': '{0}: {1}'.format(type(error).__name__, error)}, status=400)

    @staticmethod
    async def _body(request):
        data = await request.json() if request.can_read_body else {}
        if not isinstance(data, dict):
            raise ValueError('the body must be a JSON object')
        return data

    # ---------------------------------------------------------------- journal

    async def requests(self, request):
        """The calls seen, filtered by the query: mutating=1, user, method, path (a part), since (an entry's n)."""
        query, journal = request.query, self.double.journal
        rows = [row for row in journal.entries
                if query.get('user') in (None, row['user']) and query.get('method') in (None, row['method'])
                and query.get('path', '') in row['path'] and row['n'] > int(query.get('since', 0))
                and (query.get('mutating') != '1' or row['method'] != 'GET')]
        if request.method == 'DELETE':
            journal.clear()
        return web.json_response(rows)

    async def reset(self, request):
        """Everything as at the start, or as the seed in the body says."""
        await self.double.reset(await self._body(request) or None)
        return web.json_response({})

    async def forget(self, request):
        """Forget the calls and the peak of tasks."""
        self.double.journal.clear()
        self.double.tasks_peak = self.double.tasks_running
        return web.json_response({})

    async def stats(self, request):
        """Counts: guests, calls since the last reset, tasks running and their peak."""
        double = self.double
        return web.json_response({'guests': len(double.cts), 'requests': double.journal.count,
                                  'running': sum(ct.status == 'running' for ct in double.cts),
                                  'tasks_running': double.tasks_running, 'tasks_peak': double.tasks_peak,
                                  'tasks': len(double.tasklog)})

    async def tasks(self, request):
        """Every task with its log, oldest end first."""
        return web.json_response([dict(task, log=list(task['log'])) for task in self.double.tasklog])

    # ---------------------------------------------------------------- barrier

    async def barrier(self, request):
        """The barrier's state; ?wait=SECONDS answers at once when it is hit, else after that time."""
        seconds = min(float(request.query.get('wait', 0)), LONGEST_POLL)
        return web.json_response(await self.double.barrier.wait(seconds) if seconds else self.double.barrier.state())

    async def arm(self, request):
        """Arm it: {"at", "when", "mutating_only", "user", "method", "path"}."""
        self.double.barrier.arm(**await self._body(request))
        return web.json_response(self.double.barrier.state())

    async def release(self, request):
        """Cut the held connections and let calls pass; the answer is the state before."""
        return web.json_response(self.double.barrier.release())

    # ---------------------------------------------------------------- faults and settings

    async def call(self, request):
        """{"call", "args", "kwargs"}: a method of the double by name."""
        body = await self._body(request)
        if body.get('call') not in CALLS:
            raise ValueError('not a call: {0}; known: {1}'.format(body.get('call'), ', '.join(sorted(CALLS))))
        result = getattr(self.double, body['call'])(*body.get('args', []), **body.get('kwargs', {}))
        if inspect.isawaitable(result):
            result = await result
        if body['call'] in ('clear', 'restore_settings'):
            self.double.start_looking()
        return web.json_response({'result': result}, dumps=lambda data: json.dumps(data, default=str))

    async def settings(self, request):
        """All settings."""
        return web.json_response(self.double.settings())

    async def change(self, request):
        """Change settings, or with "vmid" attributes of one container."""
        body = await self._body(request)
        if 'vmid' not in body:
            self.double.change_settings(body)
            self.double.start_looking()
            return web.json_response(self.double.settings())
        ct = self._ct(body.pop('vmid'))
        unknown = sorted(set(body) - set(GUEST))
        if unknown:
            raise ValueError('not an attribute of a container: ' + ', '.join(unknown))
        for key, value in body.items():
            setattr(ct, key, value)
        return web.json_response(self.double.describe(ct))

    async def grants(self, request):
        """All grants; PUT {"grants": [[user, path, privilege...]], "user": ...} replaces them."""
        if request.method == 'PUT':
            body = await self._body(request)
            self.double.set_grants(body['grants'], body.get('user'))
        acl = self.double.acl or {}
        return web.json_response([[user, path, *sorted(privileges)] for user, rows in sorted(acl.items())
                                  for path, privileges in rows])

    async def backups(self, request):
        """All archives: [{"volid", "vmid", "ctime", "notes", "protected"}]."""
        rows = [dict({key: volume.get(key) for key in ('vmid', 'ctime', 'notes', 'protected')}, volid=storage + ':' + name)
                for storage, store in self.double.storages.items()
                for name, volume in store.get('volumes', {}).items() if volume.get('content') == 'backup']
        return web.json_response(sorted(rows, key=lambda row: (row['ctime'], row['volid'])))

    async def backup_jobs(self, request):
        return web.json_response(list(self.double.backup_jobs.values()))

    async def change_backup_jobs(self, request):
        """A person's job, or a person's change of one: {"id": ..., ...}; null takes an option away."""
        body = await request.json()
        job = self.double.backup_jobs.setdefault(body['id'], {'enabled': 1, 'type': 'vzdump'})
        for key, value in body.items():
            if value is None:
                job.pop(key, None)
            else:
                job[key] = value
        return web.json_response(job)

    async def tls(self, request):
        """The certificate of now: {"url", "fingerprint", "ca"}."""
        identity = self.double.identity
        return web.json_response({'url': self.double.url, 'fingerprint': identity.fingerprint, 'ca': identity.ca_pem})

    # ---------------------------------------------------------------- guests

    def _ct(self, vmid):
        ct = self.double.ct(int(vmid))
        if ct is None:
            raise ValueError('there is no container {0}'.format(vmid))
        return ct

    async def guests(self, request):
        """All containers."""
        return web.json_response([self.double.describe(ct) for ct in self.double.cts])

    async def guest(self, request):
        """One container; 404 when there is none."""
        ct = self.double.ct(int(request.match_info['vmid']))
        if ct is None:
            return web.json_response({'error': 'no such container'}, status=404)
        return web.json_response(self.double.describe(ct))

    async def add_guest(self, request):
        """Add a container, in the form of the seed's."""
        body = await self._body(request)
        seed.add_container(self.double, body)
        return web.json_response(self.double.describe(self._ct(body['vmid'])))

    async def person(self, request):
        """{"act", "vmid", "user", ...}: see Person.act; {"wait": true} waits for the task's end."""
        body = await self._body(request)
        wait = body.pop('wait', False)
        upid = await self.double.act(**body)
        task = self.double.tasks.get(upid)
        while wait and task is not None and task['status'] == 'running':
            await asyncio.sleep(0.005)
        return web.json_response({'upid': upid, 'exitstatus': task.get('exitstatus') if task else None})
