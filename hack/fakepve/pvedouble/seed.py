"""The seed file: what a double holds when it starts (README.md lists the keys)."""

import copy
import re

from fakepve.firewall import empty_conf

from .backups import EXTENSIONS, stamp
from .stores import Store, at

MIB = 1024 ** 2
KEYS = frozenset(('nodes', 'node', 'bridges', 'storages', 'templates', 'pools', 'users', 'tokens', 'grants',
                  'containers', 'ct_secs', 'settings', 'cluster_name', 'firewall', 'datacenter_firewall', 'backups',
                  'ha', 'replication', 'vnets', 'version'))


def store_template(double, storage, spec):
    """Put an OS template on a storage: a name, or {"name", "size", "digests": {"sha256": ...}, "node"}.

    A name with a folder is that volume ("snippets/hook.sh", "iso/rescue.iso"). Without `node` every node has it.
    """
    spec = dict(spec) if isinstance(spec, dict) else {'name': spec}
    content, _, name = spec['name'].rpartition('/')
    content = content or 'vztmpl'
    for node in [spec['node']] if 'node' in spec else sorted(double.nodes):
        with at(node):
            double.store_file(storage, name, spec.get('size', 120 * MIB), content=content)
            if 'digests' in spec:
                double.storages[storage]['volumes']['{0}/{1}'.format(content, name)]['digests'] = spec['digests']


def add_container(double, spec):
    """Add a container as the seed (or POST /ctl/guests) describes it; keys of `many` make several of it."""
    spec = copy.deepcopy(spec)
    for number in range(spec.pop('many', 1)):
        one = dict(spec, vmid=spec['vmid'] + number)
        text = {key: value.replace('{vmid}', str(one['vmid'])) if isinstance(value, str) else value
                for key, value in one.get('config', {}).items()}
        one['config'] = text
        if one.get('name'):
            one['name'] = re.sub(r'\{vmid\}', str(one['vmid']), one['name'])
        firewall = one.pop('firewall', None)
        ct = double.add_ct(**one)
        if firewall:
            double.firewall_config('ct', vmid=ct.vmid).update(firewall)


def add_backup(double, storage, spec):
    """Put an archive on a storage: {"vmid", "time", "config", "firewall", "notes", "protected", "compress", "size",
    "node"}.

    Without `config` it is that of the guest as the seed has it, without `node` it is on the guest's node; `time` is in
    seconds since 1970.
    """
    spec = copy.deepcopy(spec)
    vmid, seconds = spec.pop('vmid'), int(spec.pop('time', double.now()))
    guest = double.ct(vmid)
    config = spec.pop('config', guest.config if guest is not None else {})
    firewall = spec.pop('firewall', None)
    if firewall is not None:
        firewall = dict(empty_conf(), **firewall)
    name = 'vzdump-lxc-{0}-{1}.tar{2}'.format(vmid, stamp(seconds), EXTENSIONS[spec.pop('compress', 'zstd')])
    with at(spec.pop('node', guest.node if guest is not None else None)):
        double.keep_backup(storage, name, vmid, config, firewall, ctime=seconds, **spec)


def plant(double, data):
    """Fill a double from a seed file's dict; ValueError names a key that is not one."""
    unknown = sorted(set(data) - KEYS)
    if unknown:
        raise ValueError('not a seed key: ' + ', '.join(unknown))
    names = data.get('nodes', ['pve1'])
    sizes = data.get('node', {})
    per_node = names if isinstance(names, dict) else {name: {} for name in names}
    double.nodes = {name: {'online': True, **sizes, **own} for name, own in per_node.items()}
    double.bridges = list(data.get('bridges', double.bridges))
    double.cluster_name = data.get('cluster_name', 'zentoria' if len(double.nodes) > 1 else None)
    storages = data.get('storages', double.storages)
    double.storages = {name: Store(dict({'active': 1, 'files': set()}, **options), min(double.nodes))
                       for name, options in storages.items()}
    for storage, files in data.get('templates', {}).items():
        for name in files:
            store_template(double, storage, name)
    double.pools.update((name, set()) for name in data.get('pools', ()))
    plant_access(double, data)
    version = {'version': data['version']} if 'version' in data else {}
    double.change_settings(dict(version, **data.get('settings', {}), ct_secs=data.get('ct_secs', {})))
    for spec in data.get('containers', ()):
        add_container(double, spec)
    double.plant_duties(**{key: data[key] for key in ('ha', 'replication', 'vnets') if key in data})
    for vmid, rules in data.get('firewall', {}).items():
        double.firewall_config('ct', vmid=int(vmid)).update(copy.deepcopy(rules))
    double.firewall_config('cluster').update(copy.deepcopy(data.get('datacenter_firewall', {})))
    for storage, archives in data.get('backups', {}).items():
        for spec in archives:
            add_backup(double, storage, spec)
    double.keep_access()


def plant_access(double, data):
    """Users, tokens (a secret, or {"secret", "privsep"}) and grants."""
    double.users.update(data.get('users', {}))
    for token, spec in data.get('tokens', {}).items():
        if isinstance(spec, dict):
            double.apitokens[token] = spec['secret']
            if spec.get('privsep'):
                double.privsep.add(token)
        else:
            double.apitokens[token] = spec
    if 'grants' in data:
        double.set_grants(data['grants'])
