"""Parameters of a call as PVE takes them, and errors as it words them.

install() puts params() in the place of fakepve's own, which loses empty values of a form.
"""

import json
import re
import urllib.parse

from aiohttp import web
from fakepve import PveError, schema, server

FORM = 'application/x-www-form-urlencoded'
LARGEST_FORM = 512 * 1024


def reason_of(message):
    """A message as it fits into a status line."""
    return re.sub(r'[^\x20-\x7e]', '?', message.splitlines()[0] if message else '')[:500]


def message_error(status, message, errors=None, newline=True):
    """An API error: the message as reason and in the body, where PVE ends it with a line feed."""
    body = {'data': None, 'message': message + ('\n' if newline else '')}
    if errors:
        body['errors'] = errors
    return web.json_response(body, status=status, reason=reason_of(message))


def bare_error(status, reason, text=''):
    """A refusal of pveproxy itself: the reason alone, or as text."""
    return web.Response(status=status, reason=reason_of(reason), text=text)


class BadBody(web.HTTPException):
    """A body that pveproxy refuses as text, not as JSON."""

    status_code = 500

    def __init__(self, status, reason, end=''):
        super().__init__(reason=reason_of(reason))
        self.answer = (status, reason, reason + end)

    def response(self):
        """What is sent."""
        return bare_error(*self.answer)


def _from_json(body):
    try:
        data = json.loads(body)
    except ValueError:
        raise BadBody(500, 'malformed JSON string, neither tag, array, object, number, string or atom', '\n') from None
    if not isinstance(data, dict):
        raise BadBody(500, 'Not a HASH reference at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 978.', '\n')
    return [(key, int(value) if isinstance(value, bool) else value) for key, value in data.items() if value is not None]


async def params(request):
    """Query, form and JSON parameters of a request as one dict."""
    given = server.collect(request.query.items())
    body = await request.read()
    if not body or request.content_type == 'multipart/form-data':
        return given
    if request.content_type == 'application/json':
        pairs = _from_json(body)
    elif request.content_type in (FORM, 'application/octet-stream'):   # the latter: no content type at all
        if len(body) > LARGEST_FORM:
            raise BadBody(501, 'for data too large')
        pairs = urllib.parse.parse_qsl(body.decode(errors='replace'), keep_blank_values=True)
    else:
        raise BadBody(506, "upload 'Content-Type '{0}' not implemented".format(request.content_type))
    for key, value in pairs:
        in_path = request.match_info.get(key)
        if in_path is not None and str(value) != in_path:
            raise PveError(400, 'Parameter verification failed.', {
                key: 'duplicate parameter (already defined in URI) with conflicting values!'})
    given.update(server.collect(pairs))
    return given


def _check(sch, val, path, errs, _original=schema._check):
    """fakepve's check of one value; of booleans only 0 and 1 are known, and lists have no quotes."""
    if sch.get('type') == 'boolean' and isinstance(val, str) and val not in ('0', '1'):
        errs[path] = "type check ('boolean') failed - got '{0}'".format(val)
        return val
    out = _original(sch, val, path, errs)
    if isinstance(val, list) and path in errs:
        errs[path] = errs[path].replace("'ARRAY'", 'ARRAY')
    return out


def _property_string(sub, text, path, _original=schema._property_string):
    """Property strings keep Perl's parse_boolean, which knows words."""
    sub = {key: dict(entry, type='string') if entry.get('type') == 'boolean' else entry for key, entry in sub.items()}
    return _original(sub, text, path)


def install():
    """Replace fakepve's functions; its modules look them up at each call."""
    server.params = params
    schema._check = _check
    schema._property_string = _property_string
