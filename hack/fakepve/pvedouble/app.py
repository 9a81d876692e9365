"""The double itself: fakepve with every mixin of this package, and its listener."""

from aiohttp import web
from fakepve import FakePve

from . import config, params, seed, snapshots, volumes
from .access import Access
from .backupjobs import BackupJobs
from .backups import Backups
from .config import Config, Guest
from .downloads import Downloads
from .duties import Duties
from .faults import Faults
from .firewall import Firewall
from .lifecycle import Lifecycle
from .moving import Moving
from .node import Node
from .oci import Oci
from .person import Person
from .prune import Prune
from .resources import Resources
from .restore import Restore
from .settings import Settings
from .snapshots import Snapshots
from .tasks import Tasks
from .tls import Identity
from .versions import Versions
from .volumes import Volumes
from .wire import Wire


class Double(Settings, Wire, Faults, Versions, Duties, Oci, Restore, Lifecycle, Tasks, Access, Resources, Config, Node,
             Backups, Prune, BackupJobs, Moving, Snapshots, Volumes, Downloads, Firewall, Person, FakePve):
    """A Proxmox VE API on one address; one in a process."""

    def __init__(self, host='127.0.0.1', port=0, names=()):
        config.install()
        params.install()
        volumes.install()
        snapshots.install()
        super().__init__(host=host, port=port)
        Guest.home = self
        self.identity = Identity((host, *names))
        self._site = None
        self._seed = {}

    def plant(self, data):
        """Fill it from a seed file's dict (see seed.py), which reset() goes back to."""
        self._seed = data
        seed.plant(self, data)
        self.keep_settings()

    async def reset(self, data=None):
        """As at the start, or as another seed says: guests, tasks, faults, users and journal; not the certificate."""
        fresh = Double(self.host, self.port)
        fresh.plant(self._seed if data is None else data)
        self.barrier.release()
        for running in [*self._running.values(), *([self._looker] if self._looker else [])]:
            running.cancel()
        kept = {name: getattr(self, name) for name in ('runner', '_site', 'identity', 'host', 'port')}
        vars(self).clear()
        vars(self).update(vars(fresh), **kept)
        Guest.home = self
        self.start_looking()
        await self.listen()

    async def open(self):
        """Start to answer; the port is known afterwards."""
        self.runner = web.AppRunner(self._build_app(), access_log=None, max_line_size=65536, max_field_size=65536)
        await self.runner.setup()
        await self.listen()
        self.start_looking()

    async def listen(self):
        """Take connections, with the certificate of now."""
        if self._site is not None:
            return
        self._site = web.TCPSite(self.runner, self.host, self.port, ssl_context=self.identity.context(), backlog=1024)
        await self._site.start()
        if not self.port:
            self.port = self.runner.addresses[0][1]

    async def go_down(self):
        """The whole PVE is down: connections are refused and open ones cut; tasks go on. listen() ends it."""
        if self._site is not None:
            # The runner forgets a stopped site; its server keeps the open connections.
            await self._site.stop()
            self._site = None
        for connection in list(self.runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()

    async def replace_certificate(self, authority='new'):
        """Another certificate from now on: of the same CA ("same"), or of a new one. Open connections are cut."""
        if authority == 'new':
            self.identity.new_authority()
        elif authority == 'same':
            self.identity.renew()
        else:
            raise ValueError('authority is new or same')
        await self.go_down()
        await self.listen()
        return {'fingerprint': self.identity.fingerprint, 'ca': self.identity.ca_pem}

    async def change_identity(self, cluster_name=None, node=None):
        """Another PVE stands at this address: a new CA, and another cluster's or node's name; guests stay."""
        if cluster_name is not None:
            self.cluster_name = cluster_name
        if node is not None:
            old = sorted(self.nodes)[0]
            self.nodes[node] = self.nodes.pop(old)
            for guest in self._guests():
                guest.node = node if guest.node == old else guest.node
        return await self.replace_certificate('new')
