"""HTTP as pveproxy speaks it, around fakepve's handlers: refusals before the API, empty 401s, closed connections."""

import asyncio

from aiohttp import web
from fakepve import PveError
from fakepve.server import API

from .barrier import Barrier, Dropped
from .journal import Journal
from .params import BadBody, bare_error, message_error
from .stores import NODE

METHODS = frozenset(('GET', 'POST', 'PUT', 'DELETE'))
LOGIN = API + '/access/ticket'
# What pveproxy answers by itself while pvedaemon is down.
ALWAYS_UP = frozenset((API + '/version', API + '/cluster/resources'))


class Wire:
    """Mixin: the outermost middleware, authentication, and which answers close the connection."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.journal = Journal()
        self.barrier = Barrier()
        self._protected = {}

    def _build_app(self):
        app = super()._build_app()
        app.middlewares.insert(0, self._wire)
        return app

    def _record(self, request, body):
        """Replaces fakepve's record of requests: the journal keeps them."""

    # ---------------------------------------------------------------- the way of a call

    @web.middleware
    async def _wire(self, request, handler):
        body = await request.read() if request.can_read_body else b''
        entry = self.journal.open(request, body)
        user = self._who(request)
        try:
            after = await self.barrier.before(entry, user)
            response = await self._respond(request, handler, body)
            if after is not None:
                await self.barrier.after(after, entry, response.status)
        except ConnectionResetError as error:
            self.journal.close(entry, 0, user)
            if request.transport is not None:
                request.transport.abort()
            if isinstance(error, Dropped):
                return web.Response(status=500)     # goes nowhere: the connection is gone
            raise
        self.journal.close(entry, response.status, user)
        return response

    async def _respond(self, request, handler, body):
        refusal = self._refuse(request, body)
        if refusal is not None:
            refusal.force_close()
            return refusal
        if request.path.endswith('/upload') and request.content_type != 'multipart/form-data':
            raise Dropped   # pveproxy closes the connection without a word
        try:
            response = await handler(request)
        except BadBody as error:
            response = error.response()
        except PveError as error:
            response = message_error(error.status, error.message, error.errors)
        except web.HTTPException as error:
            response = self._not_in_api(request) if error.status in (404, 405) else \
                message_error(error.status, error.reason)
        return await self._finish(request, response)

    @staticmethod
    def _refuse(request, body):
        """What pveproxy refuses before it looks at rights or paths."""
        if request.method not in METHODS:
            return bare_error(501, "method '{0}' not available".format(request.method))
        if not request.path.startswith('/api2/'):
            text = "no such file '{0}'".format(request.path)
            return bare_error(500, text, text + '\n')
        if body and request.method in ('GET', 'DELETE'):
            text = "Unexpected content for method '{0}'".format(request.method)
            return bare_error(501, text, text)
        return None

    @staticmethod
    def _not_in_api(request):
        if not request.path.startswith(API):
            _, _, kind, *rest = request.path.split('/')
            text = 'no formatter for uri /{0}, {1}'.format('/'.join(rest), kind)
            return bare_error(501, text, text)
        path = request.path[len(API):] or '/'
        return message_error(501, "Method '{0} {1}' not implemented".format(request.method, path), newline=False)

    async def _finish(self, request, response):
        if response.prepared:
            return response
        if response.status == 401:
            await self.pause(self.auth_delay)
            if request.path != LOGIN:
                response = bare_error(401, response.reason)
        elif response.status == 595:
            response = bare_error(595, response.reason)
        elif response.status == 501 and response.content_type == 'application/json':
            response = self._not_in_api(request)
        if response.status >= 400 or (self.close_protected and self._is_protected(request)):
            response.force_close()
        response.headers['Server'] = 'pve-api-daemon/3.0'
        return response

    def _is_protected(self, request):
        """True if the schema has pvedaemon answer this method."""
        resource = request.match_info.route.resource
        key = (request.method, resource.canonical if resource is not None else None)
        if key not in self._protected or 'tail' in request.match_info:
            match = self.resolve(request, API)
            info = match.methods.get(request.method) if match else None
            self._protected[key] = bool(info and info.get('protected'))
        return self._protected[key]

    # ---------------------------------------------------------------- who calls

    def _who(self, request):
        """The user or token of a call, or None."""
        try:
            return self._authenticate(request)
        except PveError:
            return None

    def _authenticate(self, request):
        if request.path == LOGIN:
            return None
        auth = request.headers.get('Authorization', '')
        if auth.startswith('PVEAPIToken='):
            token, _, secret = auth[len('PVEAPIToken='):].partition('=')
            if self.token_secret(token) != secret:
                raise PveError(401, 'Authentication failed!')
            return token
        cookie = request.cookies.get('PVEAuthCookie')
        if not cookie:
            raise PveError(401, 'No ticket')
        session = self.session(cookie)
        if session is None:
            raise PveError(401, 'Authentication failed!')
        if request.method != 'GET' and request.headers.get('CSRFPreventionToken') != session['csrf']:
            raise PveError(401, 'Permission denied - invalid csrf token')
        return session['user']

    # ---------------------------------------------------------------- between authentication and handler

    async def _answer(self, request, handler, generic, path_node):
        NODE.set(path_node if path_node in self.nodes else None)
        raw = await self.raw_answer(request)
        if raw is not None:
            return raw
        if self.daemon_down and request.path not in ALWAYS_UP:
            return bare_error(595, 'Connection refused')
        if path_node and path_node not in self.nodes:
            return message_error(500, "hostname lookup '{0}' failed - failed to get address info for: {0}: Temporary "
                                      'failure in name resolution'.format(path_node))
        if self.fw_write_secs and request.method != 'GET' and '/firewall/' in request.path:
            return await self._serial_firewall_write(
                lambda: super(Wire, self)._answer(request, handler, generic, path_node))
        return await super()._answer(request, handler, generic, path_node)

    async def _serial_firewall_write(self, call):
        """All firewall files share one lock of the cluster."""
        lock = self.firewall_lock
        try:
            await asyncio.wait_for(lock.acquire(), self.fw_lock_wait * (self.time_scale or 1))
        except asyncio.TimeoutError:
            return message_error(500, "can't lock file '/etc/pve/firewall/.lock' - got timeout")
        try:
            await self.pause(self.fw_write_secs)
            return await call()
        finally:
            lock.release()
