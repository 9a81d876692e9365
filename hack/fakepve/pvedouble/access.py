"""Users, tokens and privileges: PVE's ACL rules, changed at run time."""

import copy
import time
import urllib.parse

from fakepve import PveError, shapes
from fakepve.server import ok

from .params import params

# The paths that /access/permissions shows besides those of the ACLs.
TOP = ('/', '/access', '/access/groups', '/nodes', '/pool', '/sdn', '/storage', '/vms')
EVERYTHING = frozenset(shapes.PRIVILEGES)


def prefixes(path):
    """'/', '/a', '/a/b' of '/a/b'."""
    parts = [part for part in path.split('/') if part]
    return ['/'] + ['/' + '/'.join(parts[:n]) for n in range(1, len(parts) + 1)]


class Access:
    """Mixin: what users and tokens hold.

    An ACL on a path replaces what is inherited from above (it does not add to it). A token with `privsep` holds what
    both it and its user were given, another one what its user was.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.privsep = set()
        self.revoked = set()
        self.disabled = set()
        self._held = {}
        self._start_access = None

    # ---------------------------------------------------------------- credentials

    def token_secret(self, token):
        """The secret of a token that may log in, or None."""
        if token in self.revoked or token.split('!')[0] in self.disabled:
            return None
        return self.apitokens.get(token)

    def session(self, cookie):
        """The session of a ticket, percent-encoded or not, or None when it is unknown, expired or its user disabled."""
        session = self.tickets.get(cookie) or self.tickets.get(urllib.parse.unquote(cookie))
        if session is None or session['expires'] < time.time() or session['user'] in self.disabled:
            return None
        return session

    def check_password(self, user, password):
        """A password, or a valid ticket of that user in its place (how tickets are renewed)."""
        session = self.session(password) if str(password).startswith('PVE:') else None
        if session is not None:
            return session['user'] == user
        return user not in self.disabled and super().check_password(user, password)

    async def _ticket(self, request):
        given = self._verify(request, await params(request))
        user = str(given['username'])
        if '@' not in user:
            user += '@' + given.get('realm', 'pam')
        if not self.check_password(user, given['password']):
            raise PveError(401, 'authentication failure')
        ticket, csrf = self.issue_ticket(user)
        return ok({'ticket': ticket, 'CSRFPreventionToken': csrf, 'username': user, 'cap': {}})

    def revoke_token(self, token):
        """Take a token away; restore_token() gives it back with the same secret."""
        self._known_token(token)
        self.revoked.add(token)

    def restore_token(self, token, secret=None):
        """Give a revoked token back, with another secret if one is given."""
        self._known_token(token)
        self.revoked.discard(token)
        if secret is not None:
            self.apitokens[token] = secret

    def disable_user(self, user):
        """Disable a user: passwords, tickets and tokens of it are refused until restore_access()."""
        self.disabled.add(user)

    def _known_token(self, token):
        if token not in self.apitokens:
            raise ValueError('no such token')

    # ---------------------------------------------------------------- privileges

    def set_grants(self, grants, user=None):
        """Replace all grants, or those of one user or token, by [[user, path, privilege...], ...]."""
        self.acl = {name: rows for name, rows in (self.acl or {}).items() if user is not None and name != user}
        for name, path, *privileges in grants:
            self.grant(name, path, *privileges)
        self._held.clear()

    def revoke_privilege(self, user, privilege, path=None):
        """Take one privilege away from a user, everywhere or on one path."""
        self.acl[user] = [(where, privileges - {privilege} if path in (None, where) else privileges)
                          for where, privileges in self.acl.get(user, [])]
        self._held.clear()

    def grant(self, user, path, *privs):
        """Add privileges for a user or token on a path and what is below it."""
        super().grant(user, path, *privs)
        self._held.clear()

    def _granted(self, name, path):
        """What the ACLs of exactly this name give on a path: those of the nearest path above that has any."""
        for where in reversed(prefixes(path)):
            rows = [privileges for at, privileges in self.acl.get(name, ()) if at == where]
            if rows:
                return frozenset().union(*rows)
        return frozenset()

    def privileges(self, user, path):
        """All privileges of a user or token on a path, pools not counted."""
        key = (user, path)
        held = self._held.get(key)
        if held is None:
            owner, bang, _ = user.partition('!')
            if self.acl is None or owner == 'root@pam':
                held = EVERYTHING
            elif bang and user in self.privsep:
                held = self._granted(user, path) & self._granted(owner, path)
            else:
                held = self._granted(owner, path)
            self._held[key] = held
        return held

    def allowed(self, user, path, priv):
        """True if user holds priv on path, there or through a pool that the guest or storage is in."""
        if priv in self.privileges(user, path):
            return True
        kind, _, name = path[1:].partition('/')
        pools = ()
        if self.pools and kind == 'vms' and name.isdigit():
            pools = [pool for pool, ids in self.pools.items() if int(name) in ids]
        elif self.pool_info and kind == 'storage':
            pools = [pool for pool, meta in self.pool_info.items() if name in meta['storage']]
        return any(priv in self.privileges(user, '/pool/' + pool) for pool in pools)

    async def _permissions(self, v, user):
        """GET /access/permissions."""
        who = v.get('userid') or user
        if who not in (user, user.split('!')[0]):
            self.require(user, '/access', 'Sys.Audit')
        if v.get('path') is not None:
            return {v['path']: dict.fromkeys(sorted(self.privileges(who, v['path'])), 1)}
        paths = set(TOP)
        for rows in (self.acl or {}).values():
            for where, _ in rows:
                paths.update(prefixes(where))
        held = {path: self.privileges(who, path) for path in sorted(paths)}
        return {path: dict.fromkeys(sorted(privileges), 1) for path, privileges in held.items() if privileges}

    # ---------------------------------------------------------------- start and back

    def keep_access(self):
        """Remember tokens and grants; restore_access() goes back to them."""
        self._start_access = copy.deepcopy((self.acl, self.apitokens, self.users, self.privsep))

    def restore_access(self):
        """Back to what keep_access() saw: nothing revoked, nobody disabled."""
        self.acl, self.apitokens, self.users, self.privsep = copy.deepcopy(self._start_access)
        self.revoked.clear()
        self.disabled.clear()
        self._held.clear()

    async def _version(self, request):
        self._verify(request, await params(request))
        return ok(self.version_answer())
