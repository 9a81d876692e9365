"""Faults that a test can turn on; the guests stay as they are."""

import asyncio

from aiohttp import web

TASK_MODES = ('before', 'after', 'leave', 'warn')


class Faults:
    """Mixin: answers that are nonsense, tasks that fail, and clear()."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.task_faults = []
        self.raw_answers = []
        self.firewall_lock = asyncio.Lock()

    def task_fault(self, type=None, vmid=None, message='injected task failure', times=1, mode='before', node=None):
        """Fail the next `times` tasks (None: all) of this type and guest.

        'before': nothing of the work is done, and a create or clone is rolled back; 'after': all of it is done;
        'leave': a half-created guest stays, locked; 'warn': all is done and the task ends with "WARNINGS: 1".
        """
        if mode not in TASK_MODES:
            raise ValueError('mode is one of ' + ', '.join(TASK_MODES))
        self.task_faults.append({'type': type, 'vmid': vmid, 'node': node, 'message': message, 'mode': mode,
                                 'times': times})

    def take_task_fault(self, node, ttype, ids):
        """The fault for a task of this type about these guests, or None; counts it off."""
        for fault in self.task_faults:
            if fault['type'] in (None, ttype) and fault['node'] in (None, node) and (
                    fault['vmid'] is None or str(fault['vmid']) in ids):
                if fault['times'] is not None:
                    fault['times'] -= 1
                    if fault['times'] <= 0:
                        self.task_faults.remove(fault)
                return fault
        return None

    def answer_with(self, method, path, status=200, reason=None, body='', content_type='application/json',
                    truncate=False, process=False, times=1):
        """Answer the next `times` calls (None: all) whose path ends with `path` with exactly this.

        `truncate` promises more bytes than are sent and cuts the connection; `process` lets the call do its work first.
        """
        self.raw_answers.append({'method': method, 'path': path, 'status': status, 'reason': reason, 'body': body,
                                 'content_type': content_type, 'truncate': truncate, 'process': process,
                                 'times': times})

    async def raw_answer(self, request):
        """The answer that answer_with() prepared for this call, or None."""
        rule = next((r for r in self.raw_answers
                     if r['method'] == request.method and request.path.endswith(r['path'])), None)
        if rule is None:
            return None
        if rule['times'] is not None:
            rule['times'] -= 1
            if rule['times'] <= 0:
                self.raw_answers.remove(rule)
        if rule['process']:
            await request.match_info.handler(request)
        body = rule['body'].encode()
        if not rule['truncate']:
            return web.Response(status=rule['status'], reason=rule['reason'], body=body,
                                headers={'Content-Type': rule['content_type']})
        answer = web.StreamResponse(status=rule['status'], reason=rule['reason'], headers={
            'Content-Type': rule['content_type'], 'Content-Length': str(len(body) + 64)})
        await answer.prepare(request)
        await answer.write(body)
        request.transport.close()
        return answer

    def forget_tasks(self, vmid=None, type=None):
        """Lose finished and running tasks of a guest or type: their UPIDs are unknown from now on."""
        lost = [t for t in self.tasklog if vmid in (None, int(t['id'] or 0)) and type in (None, t['type'])]
        for task in lost:
            self.tasklog.remove(task)
            self.tasks.pop(task['upid'], None)

    def clear(self):
        """Drop every fault and go back to the settings of the start; the guests stay."""
        self.failures.clear()
        self.task_faults.clear()
        self.raw_answers.clear()
        self.network.update(latency=0.0, jitter=0.0, node_latency={}, drop_rate=0.0, hang_rate=0.0)
        self.restore_settings()
        self.restore_access()
        for node in self.nodes.values():
            node['online'] = True
        for guest in self._guests():
            self.release(guest, 'scenario')
