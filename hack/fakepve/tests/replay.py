"""Replays a recording of a real PVE against the double and tells where the answers differ.

A recording is one JSON object a line: name, request {method, path, params, auth, ...}, response {status, reason, body},
and `before`: what happened before it that was not recorded, as calls of the control port. The first line of a file has
the containers that were there at its start.
UPIDs and digests of the recording are translated into those of the double as they appear; random MAC addresses and ids,
times, process ids and usage are not compared.
"""

import http.client
import json
import re
import urllib.parse

from client import Answer

MAC = re.compile(r'[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}')
VOLATILE = frozenset((
    'pid', 'pstart', 'starttime', 'endtime', 'upid', 'uptime', 'mem', 'disk', 'cpu', 'netin', 'netout', 'diskread',
    'diskwrite', 'digest', 'maxdisk', 'memhost', 'ssl_fingerprint', 'cgroup-mode', 'ctime', 'used', 'parent', 'size',
    'maxmem', 'avail', 'total', 'used_fraction', 'ip', 'repoid', 'next-run', 'snaptime'))
UUID = re.compile(r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}')
TEMPORARY = re.compile(r'\.tmp\.\d+')
# What tells the rows of a list apart.
NAMES = ('key', 'volid', 'storage', 'vmid', 'iface', 'name')
PRESSURE = re.compile(r'^pressure')


class Replay:
    """The state of one replay."""

    def __init__(self, double, auths):
        self.double = double
        self.auths = auths
        self.names = {}     # of the recording -> of the double: UPIDs and digests
        self.sent = set()   # MAC addresses that requests named

    def _translate(self, value):
        if isinstance(value, str):
            for old, new in self.names.items():
                if old in value:
                    value = value.replace(old, new)
        return value

    def _learn(self, recorded, got):
        """Pair digests and UPIDs of two answers."""
        if isinstance(recorded, dict) and isinstance(got, dict):
            if recorded.get('key') == 'digest' == got.get('key'):
                self.names[recorded['value']] = got['value']
            data = recorded.get('data')
            if isinstance(data, str) and data.startswith('UPID:') and isinstance(got.get('data'), str):
                self.names[data] = got['data']
                self.names[urllib.parse.quote(data, safe='')] = urllib.parse.quote(got['data'], safe='')
            for key in recorded.keys() & got.keys():
                if key == 'digest' and isinstance(recorded[key], str):
                    self.names[recorded[key]] = got[key]
                else:
                    self._learn(recorded[key], got[key])
        elif isinstance(recorded, list) and isinstance(got, list):
            by_key = {row.get('key'): row for row in got if isinstance(row, dict)}
            for index, row in enumerate(recorded):
                if isinstance(row, dict) and 'key' in row:
                    self._learn(row, by_key.get(row['key']))
                elif index < len(got):
                    self._learn(row, got[index])

    def _plain(self, value):
        """A value without what differs from run to run."""
        if isinstance(value, dict):
            if value.get('key') == 'digest':
                return {'key': 'digest'}
            return {key: item if key == 'errors' else
                    sorted(item.split(',')) if key == 'content' and isinstance(item, str) else     # a set
                    self._plain(item) for key, item in value.items()
                    if key not in VOLATILE and not PRESSURE.match(key)}
        if isinstance(value, list):
            rows = [self._plain(item) for item in value]
            if rows and all(isinstance(row, dict) and set(NAMES) & row.keys() for row in rows):
                rows.sort(key=lambda row: next(str(row[name]) for name in NAMES if row.get(name)))
            return rows
        if isinstance(value, str):
            if value.startswith('UPID:'):
                return 'UPID ' + ' '.join(value.split(':')[5:8])
            value = TEMPORARY.sub('.tmp.N', value)
            return UUID.sub('UUID', MAC.sub(lambda m: m[0] if m[0] in self.sent else 'MAC', value))
        return value

    def _clean_up(self, record):
        """The guests that a record made were removed before the next one, which was not recorded."""
        request, reason = record['request'], record['response']['reason']
        makes = request['method'] == 'POST' and request['path'].endswith(('/lxc', '/clone'))
        given = request.get('params') or {}
        over = given.get('force') and given.get('restore')
        if not makes or over or 'already exists' in reason:
            return
        vmid = given.get('newid' if request['path'].endswith('/clone') else 'vmid')
        if any(guest['vmid'] == vmid for guest in self.double.ctl('GET', '/ctl/guests')):
            self.double.ctl('POST', '/ctl/person', {'act': 'vanish', 'vmid': vmid})

    def send(self, record):
        """Send a record's request."""
        request = record['request']
        params = {key: self._translate(value) for key, value in (request.get('params') or {}).items()}
        self.sent.update(MAC.findall(json.dumps(params)))
        headers = dict(self.auths[request['auth']], **request.get('headers', {}))
        if request.get('csrf') == 'omitted':
            headers.pop('CSRFPreventionToken', None)
        try:
            return self.double.call(request['method'], self._translate(request['path']), params, headers=headers,
                                    body=request.get('raw_body'),
                                    content_type=request.get('content_type', 'application/x-www-form-urlencoded'))
        except (http.client.RemoteDisconnected, ConnectionResetError):
            return Answer(0, '(connection closed without a response: RemoteDisconnected)', None)

    def play(self, record):
        """Send, and return a list of differences (empty: the same)."""
        self._clean_up(record)
        for path, body in record.get('before', ()):
            self.double.ctl('POST', '/ctl/' + path, body)
        got, recorded = self.send(record), record['response']
        differences = []
        if (got.status, got.reason) != (recorded['status'], recorded['reason']):
            differences.append('status: {0} {1} instead of {2} {3}'.format(
                got.status, got.reason, recorded['status'], recorded['reason']))
        want, have = recorded['body'], got.body
        if record['name'].endswith('.task-log'):
            want, have = last_line(want), last_line(have)
        want, have = self._plain(want), self._plain(have)
        differences += list(tell(want, have, 'body'))
        self._learn(recorded['body'], got.body)
        if got.status == 200 and isinstance(got.body, dict) and str(got.body.get('data')).startswith('UPID:'):
            self.double.finish(got.body['data'])
        return differences


def tell(want, have, where):
    """The places where two values differ."""
    if want == have:
        return
    if isinstance(want, dict) and isinstance(have, dict):
        for key in sorted(want.keys() | have.keys()):
            yield from tell(want.get(key), have.get(key), '{0}.{1}'.format(where, key))
    elif isinstance(want, list) and isinstance(have, list) and len(want) == len(have):
        for index, (one, other) in enumerate(zip(want, have, strict=True)):
            yield from tell(one, other, '{0}[{1}]'.format(where, index))
    else:
        yield '{0}: {1} instead of {2}'.format(where, json.dumps(have), json.dumps(want))


def last_line(body):
    """Of a task's log only its end is the same everywhere."""
    lines = body.get('data') if isinstance(body, dict) else None
    return lines[-1]['t'] if lines else body


def load(path):
    """The records of a file."""
    with open(path, encoding='utf-8') as file:
        return [json.loads(line) for line in file if line.strip()]
