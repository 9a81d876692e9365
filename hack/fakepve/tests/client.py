"""A small client of the double: the API over TLS and the control port, with the standard library alone."""

import http.client
import json
import ssl
import subprocess
import sys
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
TOKEN = {'Authorization': 'PVEAPIToken=zentoria@pve!operator=5eed0000-0000-4000-8000-0000000000d0'}
TEMPLATE = 'local:vztmpl/ubuntu-24.04-standard_24.04-2_amd64.tar.zst'
FORM = 'application/x-www-form-urlencoded'


@dataclass
class Answer:
    """An answer of the API; body is parsed JSON, else the text, None when empty."""

    status: int
    reason: str
    body: object
    headers: dict = field(default_factory=dict)

    @property
    def data(self):
        """The `data` of a success."""
        assert self.status == 200, (self.status, self.reason, self.body)
        return self.body['data']


class Double:
    """A running double (a process of its own)."""

    def __init__(self, folder, seed, *args):
        self.ca = folder / 'ca.pem'
        seed_file = folder / 'seed.json'
        seed_file.write_text(json.dumps(seed))
        self.process = subprocess.Popen([sys.executable, '-m', 'pvedouble', '--seed', seed_file, '--ca-out', self.ca,
                                         *args], stdout=subprocess.PIPE, cwd=HERE.parent, text=True)
        line = self.process.stdout.readline()
        assert line, 'the double did not start'
        self.info = json.loads(line)
        self.trust()

    def trust(self):
        """Trust the CA that the control port shows now."""
        self.ca.write_text(self.ctl('GET', '/ctl/tls')['ca'])
        self.context = ssl.create_default_context(cafile=str(self.ca))

    def reset(self, seed):
        """As at the start, with this seed."""
        self.ctl('POST', '/ctl/reset', seed)
        self.trust()

    def stop(self):
        """End the process."""
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()

    def connect(self, timeout=10):
        """A new connection to the API."""
        address = urllib.parse.urlsplit(self.info['url'])
        return http.client.HTTPSConnection(address.hostname, address.port, context=self.context, timeout=timeout)

    def call(self, method, path, params=None, headers=TOKEN, body=None, content_type=FORM, timeout=10, connection=None):
        """One call; params go into the query of GET and DELETE, else into the form."""
        own = connection is None
        connection = connection or self.connect(timeout)
        headers = dict(headers or {})
        if not path.startswith('/api2'):
            path = '/api2/json' + path
        if params:
            text = urllib.parse.urlencode(params, doseq=True)
            if method in ('GET', 'DELETE'):
                path += '?' + text
            else:
                body = text
        if body is not None and content_type:
            headers['Content-Type'] = content_type
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            if own:
                connection.close()
        try:
            parsed = json.loads(text) if text else None
        except ValueError:
            parsed = text
        return Answer(response.status, response.reason, parsed, {k.lower(): v for k, v in response.getheaders()})

    def get(self, path, **params):
        """The data of a GET."""
        return self.call('GET', path, params).data

    def ctl(self, method, path, body=None):
        """A call of the control port; its errors are raised."""
        address = urllib.parse.urlsplit(self.info['ctl'])
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        try:
            connection.request(method, path, body=None if body is None else json.dumps(body),
                               headers={'Content-Type': 'application/json'})
            response = connection.getresponse()
            data = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(data.get('error'))
        return data

    def do(self, name, *args, **kwargs):
        """POST /ctl/call."""
        return self.ctl('POST', '/ctl/call', {'call': name, 'args': args, 'kwargs': kwargs})['result']

    def until(self, what, condition, seconds=10):
        """Poll until condition() is true; its value."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < deadline, 'waited {0} s for {1}'.format(seconds, what)
            time.sleep(0.01)

    def finish(self, upid):
        """Wait for a task's end; its exit status."""
        def ended():
            return next((t['exitstatus'] for t in self.ctl('GET', '/ctl/tasks')
                         if t['upid'] == upid and t['status'] == 'stopped'), None)
        return self.until('the end of ' + upid, ended)

    def root(self):
        """Request headers with the ticket of root@pam."""
        login = self.call('POST', '/access/ticket', {'username': 'root@pam', 'password': 'secret'}, headers={}).data
        return {'Cookie': 'PVEAuthCookie=' + login['ticket'], 'CSRFPreventionToken': login['CSRFPreventionToken']}

    def create(self, vmid, **params):
        """Create a container and wait; the task's exit status."""
        given = {'vmid': vmid, 'ostemplate': TEMPLATE, 'rootfs': 'local-zfs:1', 'hostname': 'ct{0}'.format(vmid)}
        return self.finish(self.call('POST', '/nodes/pve1/lxc', dict(given, **params)).data)
