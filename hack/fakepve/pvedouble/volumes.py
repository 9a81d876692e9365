"""Storage content in the forms of a recorded node."""

import re

from fakepve import storage
from fakepve.routing import die

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
