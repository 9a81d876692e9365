"""Tasks: how they run, fail and are listed, in the forms of a recorded node."""

import asyncio
import re
import time

from aiohttp import web
from fakepve import TaskError
from fakepve.routing import param_error
from fakepve.server import USER, ok

from .params import params

UPID = re.compile(r'^UPID:[A-Za-z0-9-]+:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:\s]+:[^:\s]*:[^:\s]+:$')
STOPPING = ('vzstop', 'vzshutdown', 'vzreboot')
NO_SUCH_TASK = 'no such task'
LOG_MISSING = 'unable to open file - No such file or directory'


class Tasks:
    """Mixin: fakepve's task() and the routes under /nodes/{node}/tasks."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._running = {}
        self.tasks_peak = 0

    @property
    def tasks_running(self):
        """How many tasks run now."""
        return len(self._running)

    # ---------------------------------------------------------------- running

    async def task(self, node, ttype, tid, user, body, vm=None, lock=True, log=()):
        """Start a task; returns its UPID. body() may wait, and raises TaskError to fail."""
        record = self.add_task(node, ttype, tid, user, log=log)
        fault = self.take_task_fault(node, ttype, {str(tid), str(getattr(vm, 'vmid', tid))})
        run = self._run(record, self._with_fault(fault, body, vm, record), vm, lock)
        if self.time_scale:
            self._running[record['upid']] = asyncio.ensure_future(run)
            self.tasks_peak = max(self.tasks_peak, len(self._running))
        else:
            await run
        return record['upid']

    def add_task(self, node, ttype, tid, user, log=(), exitstatus=None):
        """Put a task on record: running, or finished with `exitstatus` (a node's shutdown, somebody's backup).

        A list given as `log` is the task's own from then on: what its body adds shows at once.
        """
        upid, pid, start = self._upid(node, ttype, tid, user)
        record = {'upid': upid, 'node': node, 'pid': pid, 'pstart': pid * 7, 'starttime': start, 'type': ttype,
                  'id': str(tid), 'user': user, 'status': 'running', 'log': log if isinstance(log, list) else list(log)}
        self.tasks[upid] = record
        if exitstatus is not None:
            self._end(record, exitstatus)
        else:
            self.tasklog.append(record)
        return record

    def _end(self, record, status):
        """A task's end; the list of tasks is in the order of their ends."""
        record.update(status='stopped', exitstatus=status, endtime=int(time.time()))
        if status == 'OK' or status.startswith('WARNINGS'):
            record['log'].append('TASK ' + status)
        elif status != 'unexpected status':
            record['log'].append('TASK ERROR: ' + status)
        if record in self.tasklog:
            self.tasklog.remove(record)
        self.tasklog.append(record)

    async def _run(self, record, body, vm, lock):
        upid = record['upid']
        status = 'OK'
        try:
            if vm is not None and lock:
                await self.acquire(vm, upid)
            try:
                note = await body()
                if isinstance(note, str) and note.startswith('WARNINGS'):
                    status = note
                elif note:
                    record['log'].append(note)
            finally:
                if vm is not None and lock:
                    self.release(vm, upid)
        except TaskError as error:
            status = str(error)
        except asyncio.CancelledError:
            status = 'unexpected status'
            record['log'].append('received interrupt')
        finally:
            self._running.pop(upid, None)
            if upid in self.tasks:
                self._end(record, status)

    def _with_fault(self, fault, body, vm, record):
        """The body with an injected fault, and with what the end of each kind of task brings about."""
        async def work():
            if fault is None or fault['mode'] in ('after', 'warn'):
                note = await body()
                self.after_task(record, vm)
                if fault is None:
                    return note
                if fault['mode'] == 'warn':
                    record['log'].append('WARN: ' + fault['message'])
                    return 'WARNINGS: 1'
            elif fault['mode'] == 'before':
                self.roll_back(record, vm)
            raise TaskError(fault['message'])
        return work

    def after_task(self, record, vm):
        """A guest that stops takes its pending changes with it."""
        if record['type'] in STOPPING and vm is not None and vm.status == 'stopped':
            self._apply(vm)

    def roll_back(self, record, vm):
        """A create or clone that fails leaves no guest, and its source unlocked."""
        if vm is not None and vm.lock == 'create':
            self._drop(vm)
            source = self.guest(int(record['id']))
            if source is not None and source.lock == 'disk':
                source.lock = None

    # ---------------------------------------------------------------- reading

    @staticmethod
    def _owner(task):
        """The user and, for a token's task, tokenid."""
        user, bang, token = task['user'].partition('!')
        return dict({'user': user}, **({'tokenid': token} if bang else {}))

    def _listed(self, task, active):
        """A row of the task list; the active list has another form."""
        row = {key: task[key] for key in ('upid', 'node', 'pid', 'pstart', 'starttime', 'type', 'id')}
        if task['status'] == 'running':
            return dict(row, user=task['user'], status='RUNNING', saved='0')
        row.update(self._owner(task), endtime=task['endtime'], status=task['exitstatus'])
        if active:
            row['saved'] = '1'
        return row

    async def _task_list(self, request):
        user, node = request[USER], request.match_info['node']
        given = self._verify(request, await params(request))
        source = given.get('source', 'archive')
        audit = self.allowed(user, '/nodes/' + node, 'Sys.Audit')
        rows = []
        for task in reversed(self.tasklog):
            running = task['status'] == 'running'
            if task['node'] == node and (audit or self._task_owner(user, task)) and source in (
                    ('active', 'all') if running else ('archive', 'all')) and self._selected(task, given):
                rows.append(task)
        start, limit = given.get('start', 0), given.get('limit', 50)
        page = rows[start:start + limit] if limit else rows[start:]
        return web.json_response({'data': [self._listed(task, source == 'active') for task in page],
                                  'total': len(rows)})

    @staticmethod
    def _selected(task, given):
        """The filters of the list, ANDed."""
        status = task.get('exitstatus', 'RUNNING')
        kind = 'ok' if status == 'OK' else 'warning' if status.startswith('WARNINGS') else \
            'unknown' if status in ('RUNNING', 'unexpected status') else 'error'
        wanted = [word for word in re.split(r'[\s,;]+', str(given.get('statusfilter') or '')) if word]
        return (('vmid' not in given or task['id'] == str(given['vmid']))
                and ('since' not in given or task['starttime'] >= int(given['since']))
                and ('until' not in given or task['starttime'] <= int(given['until']))
                and ('typefilter' not in given or task['type'] == given['typefilter'])
                and given.get('userfilter', '').lower() in task['user'].lower()
                and (not wanted or kind in wanted) and not (given.get('errors') and status == 'OK'))

    def _get_task(self, request):
        upid = request.match_info['upid']
        if not UPID.match(upid):
            raise param_error(upid='unable to parse worker upid')
        task = self.tasks.get(upid)
        owner = {'user': upid.split(':')[7]} if task is None else task
        if not self._task_owner(request[USER], owner):
            self.require(request[USER], '/nodes/' + request.match_info['node'], 'Sys.Audit')
        return task

    async def _task_status(self, request):
        self._verify(request, await params(request))
        task = self._get_task(request)
        if task is None:
            raise param_error(upid=NO_SUCH_TASK)
        keys = ('upid', 'node', 'pid', 'pstart', 'starttime', 'type', 'id', 'status', 'exitstatus')
        return ok(dict({key: task[key] for key in keys if key in task}, **self._owner(task)))

    async def _task_log(self, request):
        given = self._verify(request, await params(request))
        task = self._get_task(request)
        lines = [LOG_MISSING] if task is None else task['log']
        if given.get('download'):
            return web.Response(text=''.join(line + '\n' for line in lines))
        start, limit = given.get('start', 0), given.get('limit', 50)
        rows = [{'n': n, 't': text} for n, text in enumerate(lines, 1)][start:]
        return web.json_response({'data': rows[:limit] if limit else rows, 'total': len(lines)})

    def _routes_tasks(self):
        return [('DELETE', '/nodes/{node}/tasks/{upid}', self._task_abort)]

    async def _task_abort(self, values, user):
        task = self.tasks.get(values['upid'])
        if task is None:
            raise param_error(upid=NO_SUCH_TASK if UPID.match(values['upid']) else 'unable to parse worker upid')
        if not self._task_owner(user, task):
            self.require(user, '/nodes/' + task['node'], 'Sys.Modify')
        running = self._running.get(values['upid'])
        if running is not None:
            running.cancel()
