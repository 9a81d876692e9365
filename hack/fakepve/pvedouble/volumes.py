"""Storage content in the forms of a recorded node."""


class Volumes:
    """Mixin: rows of /content and what a single volume tells."""

    def _item(self, name, volname, vol):
        item = super()._item(name, volname, vol)
        if vol['content'] == 'backup':
            item['subtype'] = 'lxc'
        if not item.get('protected'):
            item.pop('protected', None)
        return item
