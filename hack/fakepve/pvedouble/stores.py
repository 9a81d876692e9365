"""A storage that every node has for itself: the same name, other files."""

import contextlib
import contextvars

# The node that a call or task is about; None for what is about no node.
NODE = contextvars.ContextVar('node', default=None)
# Of these types there is one for all nodes even without the option `shared`.
ALWAYS_SHARED = frozenset(('nfs', 'cifs', 'cephfs', 'rbd', 'pbs', 'iscsi', 'glusterfs'))


@contextlib.contextmanager
def at(node):
    """What happens inside is about this node."""
    token = NODE.set(node)
    try:
        yield
    finally:
        NODE.reset(token)


def is_shared(store):
    """True if all nodes see the same files on it."""
    return bool(store.get('shared')) or store.get('type') in ALWAYS_SHARED


class Store(dict):
    """The options of a storage, and as `volumes` the files on it as the node of now sees them.

    Where no node is meant, those of the first node are seen.
    """

    def __init__(self, options, first):
        options = dict(options)
        files = options.pop('volumes', {})
        super().__init__(options)
        self._first = first
        self._files = {first: files}

    def _volumes(self):
        where = self._first if is_shared(self) else NODE.get() or self._first
        return self._files.setdefault(where, {})

    def __getitem__(self, key):
        return self._volumes() if key == 'volumes' else super().__getitem__(key)

    def get(self, key, default=None):
        """An option, or the volumes."""
        return self._volumes() if key == 'volumes' else super().get(key, default)

    def setdefault(self, key, default=None):
        """An option, or the volumes, which are always there."""
        return self._volumes() if key == 'volumes' else super().setdefault(key, default)
