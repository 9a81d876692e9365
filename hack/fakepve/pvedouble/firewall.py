"""The firewall's API, where fakepve differs from the recordings."""

import re

from fakepve import FakePve, PveError
from fakepve.firewall import clean_cidr

MIXED = 'detected mixed ipv4/ipv6 addresses in rule'


def plain_address(cidr):
    """An address without the prefix that says nothing (/32, /128), a network without host bits."""
    return re.sub(r'/128$' if ':' in cidr else r'/32$', '', clean_cidr(cidr))


class Firewall:
    """Mixin: forms of answers; what is kept is fakepve's."""

    async def _fw_rule_get(self, scope, v, user):
        rule = await super()._fw_rule_get(scope, v, user)
        return dict(rule, pos=str(rule['pos']))     # a string here, a number in the list

    def _check_rule(self, scope, rule, conf):
        try:
            return super()._check_rule(scope, rule, conf)
        except PveError as error:
            if error.message == MIXED:
                raise PveError(400, 'Parameter verification failed.', {'dest': MIXED}) from None
            if error.errors:    # the message of a format ends its line
                error.errors = {key: text + '\n' if text.startswith('invalid format - ') else text
                                for key, text in error.errors.items()}
            raise

    @staticmethod
    def _copy_rule_data(rule, v):
        v = dict(v)
        if v.get('enable') is not None:
            v['enable'] = 1 if v['enable'] else 0
        return FakePve._copy_rule_data(rule, v)

    async def _fw_alias_create(self, scope, v, user):
        return await super()._fw_alias_create(scope, dict(v, cidr=plain_address(v['cidr'])), user)

    async def _fw_ipset_get(self, scope, v, user):
        entries = await super()._fw_ipset_get(scope, v, user)
        return sorted(entries, key=lambda entry: entry['cidr'])
