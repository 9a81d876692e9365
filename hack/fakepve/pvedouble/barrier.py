"""The barrier: stops the client's world at exactly one call.

Armed with `at` N it counts the API calls that fit (all, or only writes; all users, or one) and stops at the N-th:
"before" never processes it, "after" processes it fully (its task goes on) and never answers. From that moment every
call that fits the user is held unprocessed too, so that a client that is about to be killed cannot do more. Dropping
the barrier cuts all held connections.
"""

import asyncio

WRITES = frozenset(('POST', 'PUT', 'DELETE'))


class Dropped(ConnectionResetError):
    """The call was held and its connection is to be cut."""


class Barrier:
    """At most one armed at a time; without one, calls pass."""

    def __init__(self):
        self._at = None
        self._reset({})

    def _reset(self, spec):
        self._spec = spec
        self._at = spec.get('at')
        self._seen = 0
        self._hit = None
        self._held = 0
        self._was_hit = asyncio.Event()
        self._released = asyncio.Event()

    def arm(self, at, when='before', mutating_only=False, user=None, method=None, path=None):
        """Stop at the at-th call from now on; `user`, `method` and `path` (a part of it) narrow what is counted."""
        if when not in ('before', 'after') or not isinstance(at, int) or at < 1:
            raise ValueError('at must be 1 or more, when is before or after')
        self.release()
        self._reset({'at': at, 'when': when, 'mutating_only': bool(mutating_only), 'user': user, 'method': method,
                     'path': path})

    def release(self):
        """Cut what is held and let calls pass again; returns the state before."""
        state = self.state()
        self._released.set()
        self._reset({})
        return state

    def state(self):
        """{"armed", "hit", "seen", "held", "entry", ...}: entry is the journal's of the call that was hit."""
        return dict(self._spec, armed=self._at is not None, hit=self._hit is not None, seen=self._seen,
                    held=self._held, entry=self._hit)

    async def wait(self, seconds):
        """The state, at the latest after this many real seconds, at once when hit."""
        if self._at is not None and self._hit is None:
            try:
                await asyncio.wait_for(self._was_hit.wait(), seconds)
            except asyncio.TimeoutError:
                pass
        return self.state()

    def _fits_user(self, user):
        wanted = self._spec.get('user')
        return wanted is None or user == wanted

    def _counts(self, entry):
        spec = self._spec
        return ((not spec['mutating_only'] or entry['method'] in WRITES)
                and spec['method'] in (None, entry['method']) and (spec['path'] or '') in entry['path'])

    async def _hold(self, released):
        self._held += 1
        await released.wait()
        raise Dropped('dropped by the barrier')

    async def before(self, entry, user):
        """Called when a call has been read in full; what it returns, unless None, goes to after() with the answer."""
        if self._at is None or not self._fits_user(user):
            return None
        if self._hit is not None:
            entry['held'] = 'frozen'
            await self._hold(self._released)
        if not self._counts(entry):
            return None
        self._seen += 1
        if self._seen < self._at:
            return None
        self._hit = entry
        if self._spec['when'] == 'after':
            return self._released
        entry['held'] = 'before'
        self._was_hit.set()
        return await self._hold(self._released)

    async def after(self, released, entry, status):
        """The call that was hit has been processed; its answer is never sent."""
        entry.update(held='after', processed=status)
        if not released.is_set():
            self._was_hit.set()
        await self._hold(released)
