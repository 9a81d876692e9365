"""Storage content in the forms of a recorded node."""

import re

from fakepve import storage
from fakepve.routing import die

from .stores import NODE, at, is_shared

COMPRESSED = re.compile(r'\.tar\.(gz|xz|zst|bz2)$')


def install():
    """Images of registries are templates without compression, which fakepve does not know."""
    storage.TEMPLATE_EXT = r'\.tar(?:\.(?:gz|xz|zst|bz2))?'


class Volumes:
    """Mixin: rows of /content and what a single volume tells."""

    def _item(self, name, volname, vol):
        item = super()._item(name, volname, vol)
        if vol['content'] == 'backup':
            item['subtype'] = 'lxc'
            if 'verification' in vol:
                item['verification'] = vol['verification']
        elif vol['content'] == 'vztmpl':
            packed = COMPRESSED.search(volname)
            item['format'] = 't' + packed.group(1) if packed else 'tar'
        elif vol['content'] == 'snippets':
            item['format'] = 'snippet'
        if not item.get('protected'):
            item.pop('protected', None)
        return item

    async def _content_info(self, v, user):
        info = await super()._content_info(v, user)
        vtype = self._volume_target(v)[4]
        return info if vtype in ('images', 'rootdir') else dict(info, format='raw')

    def _active_store(self, name, node):
        store = self._check_enabled(name, node)
        if not store.get('active', 1) and 'path' in store:
            raise die("unable to activate storage '{0}' - directory '{1}' does not exist or is unreachable".format(
                name, store['path']))
        return super()._active_store(name, node)

    # ---------------------------------------------------------------- by node

    @staticmethod
    def is_seen(store, guest):
        """True if the node of now sees this guest's volumes on a storage."""
        return NODE.get() in (None, guest.node) or is_shared(store)

    def _volumes(self, name):
        """Of the guests' volumes a node sees those of its own guests, unless the storage is shared."""
        volumes, store = super()._volumes(name), self.storages[name]
        away = {guest.vmid for guest in self._guests() if not self.is_seen(store, guest)}
        files = store.get('volumes', {})
        return {volname: volume for volname, volume in volumes.items()
                if volname in files or volume.get('vmid') not in away} if away else volumes

    def store_file(self, storage, name, size, content='iso'):
        """Put a file on a storage: of the node of now, else of every node."""
        for node in [NODE.get()] if NODE.get() else sorted(self.nodes):
            with at(node):
                super().store_file(storage, name, size, content)
