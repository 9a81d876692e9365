"""Files that come from outside: download-url, query-url-metadata, upload, the appliance list."""

import asyncio
import hashlib
import re
import time
import urllib.parse

import aiohttp
from fakepve import PveError, TaskError
from fakepve.routing import param_error, split_list
from fakepve.server import USER, ok
from fakepve.storage import StorageTransfer, die

from .backups import readable
from .params import bare_error, params

# Only what runs on this machine is ever fetched: a test serves it.
REACHABLE = frozenset(('127.0.0.1', 'localhost', '::1'))
EXTENSIONS = {'iso': re.compile(r'[^/]+\.(?:iso|img)$', re.IGNORECASE),
              'vztmpl': re.compile(r'[^/]+\.tar(?:\.(?:gz|xz|zst|bz2))?$'),
              'import': re.compile(r'[^/]+\.(?:ova|qcow2|raw|vmdk)$')}
FOLDERS = {'iso': 'template/iso', 'vztmpl': 'template/cache', 'import': 'import'}
ALGORITHMS = ('md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512')
LONGEST = aiohttp.ClientTimeout(total=600, connect=10)


def digests(data):
    """{algorithm: hexadecimal digest} of some bytes, for all that PVE knows."""
    return {name: hashlib.new(name, data).hexdigest() for name in ALGORITHMS}


def file_name(text):
    """A file's name as PVE stores it: the last part of a path, nothing but plain characters."""
    return re.sub(r'[^a-zA-Z0-9_.-]', '_', re.sub(r'^.*[/\\]', '', text.strip()))


def connect_failure(url, error):
    """The last line that wget writes about a server that cannot be reached."""
    where = urllib.parse.urlsplit(url)
    port = where.port or (443 if where.scheme == 'https' else 80)
    why = {ConnectionRefusedError: 'Connection refused', asyncio.TimeoutError: 'Connection timed out'}.get(
        type(getattr(error, 'os_error', error)), 'No route to host')
    return 'Connecting to {0}:{1}... failed: {2}.'.format(where.hostname, port, why)


class Downloads:
    """Mixin: how files get onto a storage."""

    def _routes_downloads(self):
        node = '/nodes/{node}'
        return [('GET', node + '/query-url-metadata', self._url_metadata), ('GET', node + '/aplinfo', self._aplinfo),
                ('POST', node + '/aplinfo', self._aplinfo_download)]

    # ---------------------------------------------------------------- download-url

    def file_target(self, name, node, content, filename):
        """The store and the path of a file to be; PVE's refusals of storages and names."""
        store = self._check_enabled(name, node)
        self._need_file_storage(store, "can't upload to storage type '{0}', not a file based storage!")
        if content not in split_list(store.get('content')):
            raise die("storage '{0}' is not configured for content-type '{1}'".format(name, content))
        if not EXTENSIONS[content].match(filename):
            raise param_error(filename='wrong file extension')
        self._active_store(name, node)
        return store, '{0}/{1}/{2}'.format(self._base_path(name), FOLDERS[content], filename)

    async def _download_url(self, request):
        given = self._verify(request, await params(request))
        user, name, node = request[USER], given['storage'], given['node']
        info = self.resolve(request, '/api2/json').methods['POST']
        self.check_permissions(user, info.get('permissions'), given)
        filename = file_name(given['filename'])
        store, path = self.file_target(name, node, given['content'], filename)
        log = ['downloading {0} to {1}'.format(given['url'], path)]

        async def body():
            volname = '{0}/{1}'.format(given['content'], filename)
            if self._correct_already(store, volname, path, given):
                return 'OK, got correct file already, no need to download'
            log.append('--{0}--  {1}'.format(readable(time.time()), given['url']))
            data = await self._fetch(given['url'], given.get('verify-certificates', 1))
            await self.pause(self.ct_secs['download'])
            self._check_sum(digests(data), given, log)
            if len(data) > self._space(store)[2]:
                raise TaskError('download failed: {0}: No space left on device'.format(path))
            self.store_file(name, filename, len(data), given['content'])
            store['volumes'][volname]['digests'] = digests(data)
            return "download of '{0}' to '{1}' finished".format(given['url'], path)
        return ok(await self.task(node, 'download', filename, user, body, log=log))

    @staticmethod
    def _correct_already(store, volname, path, given):
        """True if the file is there with the right checksum; another one there fails the task."""
        volume = store.get('volumes', {}).get(volname)
        if volume is None:
            return False
        if not given.get('checksum'):
            raise TaskError("refusing to override existing file '{0}'".format(path))
        # Of a file that the seed put there without digests only its name is known.
        got = volume.get('digests', digests(volname.encode()))[given['checksum-algorithm']]
        if got != given['checksum'].lower():
            raise TaskError("mismatch (got '{0}' != expect '{1}'), aborting".format(got, given['checksum']))
        return True

    @staticmethod
    def _check_sum(found, given, log):
        if not given.get('checksum'):
            return
        got = found[given['checksum-algorithm']]
        if got != given['checksum'].lower():
            raise TaskError("checksum mismatch: got '{0}' != expect '{1}'".format(got, given['checksum']))
        log.append('calculating checksum...OK, checksum verified')

    async def _fetch(self, url, verify):
        """The bytes behind an address of this machine; anything else does not resolve."""
        host = urllib.parse.urlsplit(url).hostname
        if host not in REACHABLE:
            raise TaskError("download failed: wget: unable to resolve host address '{0}'".format(host))
        try:
            async with aiohttp.ClientSession(timeout=LONGEST, auto_decompress=False) as session:
                async with session.get(url, ssl=None if verify else False) as response:
                    if response.status != 200:
                        raise TaskError('download failed: {0} ERROR {1}: {2}.'.format(
                            readable(time.time()), response.status, response.reason))
                    return await response.read()
        except aiohttp.ClientConnectorCertificateError:
            raise TaskError("download failed: ERROR: cannot verify {0}'s certificate".format(host)) from None
        except aiohttp.ClientPayloadError:
            raise TaskError('download failed: Read error at byte 0, connection closed.') from None
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise TaskError('download failed: ' + connect_failure(url, error)) from None

    # ---------------------------------------------------------------- query-url-metadata

    async def _url_metadata(self, v, user):
        where = urllib.parse.urlsplit(v['url'])
        unreachable = "invalid server response: '500 Can't connect to {0}:{1} ({2})'".format(
            where.hostname, where.port or (443 if where.scheme == 'https' else 80), '{0}')
        if where.hostname not in REACHABLE:
            raise PveError(500, unreachable.format('Name or service not known'))
        try:
            async with aiohttp.ClientSession(timeout=LONGEST) as session:
                async with session.head(v['url'], ssl=None if v.get('verify-certificates', 1) else False) as response:
                    head, status = response.headers, (response.status, response.reason)
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError):
            raise PveError(500, unreachable.format('Connection refused')) from None
        if status[0] != 200:
            raise PveError(500, "invalid server response: '{0} {1}'".format(*status))
        named = re.search(r'filename="?([^";]*)', head.get('Content-Disposition', ''))
        name = named.group(1) if named else where.path.rpartition('/')[2]
        found = {'filename': name, 'size': int(head.get('Content-Length') or 0),
                 'mimetype': head.get('Content-Type', '').partition(';')[0]}
        return {key: value for key, value in found.items() if value}

    # ---------------------------------------------------------------- appliances

    async def _aplinfo(self, v, user):
        return []

    async def _aplinfo_download(self, v, user):
        raise param_error(template='no such template')

    # ---------------------------------------------------------------- upload

    async def _upload(self, request):
        """pveproxy takes uploads by itself, with refusals of its own."""
        name = request.match_info['storage']
        try:
            self.require(request[USER], '/storage/' + name, 'Datastore.AllocateTemplate')
        except PveError as error:
            await self.pause(self.auth_delay)
            return bare_error(403, error.message)
        body = await request.read()
        fields = {found.group(1).decode(): found.group(2).decode() for found in re.finditer(
            rb'name="(content|filename)"(?:; filename="([^"]+)")?', body) if found.group(2)}
        content = re.search(rb'name="content"\r\n\r\n(\w+)', body)
        if content and content.group(1).decode() in EXTENSIONS and 'filename' in fields:
            self.file_target(name, request.match_info['node'], content.group(1).decode(), file_name(fields['filename']))
        return await StorageTransfer._upload(self, request)
