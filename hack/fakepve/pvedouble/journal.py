"""The journal: every API call that arrived, in order, with what came of it.

Entries are plain dicts: n (1, 2, ...), method, path, params (query and body, secrets replaced), user, time (Unix
seconds), status (None while it is held or still at work) and ms. Headers are never recorded.
"""

import collections
import json
import time
import urllib.parse

SECRETS = frozenset(('password', 'new-password', 'confirmation-password', 'ticket', 'vncticket', 'otp', 'tfa-challenge',
                     'secret'))
# Enough for hours of polling; the oldest go first.
LIMIT = 200_000


def call_params(query, content_type, body):
    """Query and body parameters of a call as one dict, secrets replaced by ***."""
    out = dict(query)
    if body:
        try:
            if content_type == 'application/json':
                data = json.loads(body)
                out.update(data if isinstance(data, dict) else {'(body)': data})
            elif content_type != 'multipart/form-data':
                out.update(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
        except ValueError:
            out['(body)'] = 'cannot be parsed'
    return {key: '***' if key in SECRETS else value for key, value in out.items()}


class Journal:
    """The calls seen, oldest first."""

    def __init__(self):
        self.entries = collections.deque(maxlen=LIMIT)
        self.count = 0

    def open(self, request, body):
        """Note that a call has arrived."""
        self.count += 1
        entry = {'n': self.count, 'method': request.method, 'path': request.path.removeprefix('/api2/json'),
                 'params': call_params(request.query, request.content_type, body), 'user': None, 'time': time.time(),
                 'status': None, 'ms': None}
        self.entries.append(entry)
        return entry

    @staticmethod
    def close(entry, status, user):
        """Note what was answered; status 0 stands for a connection that was cut."""
        entry.update(status=status, user=user, ms=round((time.time() - entry['time']) * 1000, 1))

    def clear(self):
        """Forget all and count from 1 again."""
        self.entries.clear()
        self.count = 0
