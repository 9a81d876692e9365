"""What a version of PVE has: calls and parameters that came later are unknown to an earlier one."""

import re

from aiohttp import web
from fakepve import PveError
from fakepve.lxc import split_props

UNKNOWN = 'property is not defined in schema and the schema does not allow additional properties'
NET = re.compile(r'^net\d+$')
# The first version that has the calls at a path.
CALLS = ((re.compile(r'^/cluster/ha/rules'), (9, 0)), (re.compile(r'^/cluster/sdn/fabrics'), (9, 0)),
         (re.compile(r'/oci-registry-pull$|/query-oci-repo-tags$'), (9, 1)),
         (re.compile(r'^/cluster/ha/status/(dis)?arm-ha$'), (9, 2)))
# The first version that knows an option of a container, and of its interfaces.
OPTIONS = {'entrypoint': (9, 1), 'env': (9, 1)}
NET_OPTIONS = {'host-managed': (9, 1)}
CONTAINER = re.compile(r'^/nodes/\{node\}/lxc(/\{vmid\}/config)?$')
# Status fields of a container that 9.0 brought.
PRESSURE = re.compile(r'^pressure')


def number(version):
    """(9, 2) of "9.2.11"."""
    return tuple(int(part) for part in re.findall(r'\d+', version)[:2])


class Versions:
    """Mixin: the version of the cluster (setting `version`), and of a node that has its own (seed key `nodes`)."""

    def version_of(self, node=None):
        """The version on a node, or of the cluster's calls."""
        return self.nodes.get(node, {}).get('version') or self.version

    def version_answer(self, node=None):
        """What a call for the version answers."""
        version = self.version_of(node)
        return {'version': version, 'release': '.'.join(map(str, number(version))), 'repoid': '14a22df35955d97d'}

    async def answer(self, request, match, params, user, call=None):
        """The data for a request, refused where its version does not have it."""
        if match is not None:
            version = number(self.version_of(match.params.get('node')))
            if any(version < first and pattern.search(match.template) for pattern, first in CALLS):
                raise web.HTTPNotFound
            if request.method in ('POST', 'PUT') and CONTAINER.match(match.template):
                self._refuse_options(version, params)
        return await super().answer(request, match, params, user, call)

    @staticmethod
    def _refuse_options(version, params):
        errors = {key: UNKNOWN for key in params if version < OPTIONS.get(key, version)}
        for key, value in params.items():
            later = [name for name in split_props(str(value))[1] if version < NET_OPTIONS.get(name, version)] \
                if NET.match(key) else []
            if later:
                errors[key] = 'invalid format - format error\n' + ''.join(
                    '{0}.{1}: {2}\n'.format(key, name, UNKNOWN) for name in later)
        if errors:
            raise PveError(400, 'Parameter verification failed.', errors)

    def _status(self, ct):
        status = super()._status(ct)
        if number(self.version_of(ct.node)) < (9, 0):
            status = {key: value for key, value in status.items() if not PRESSURE.match(key)}
        return status
