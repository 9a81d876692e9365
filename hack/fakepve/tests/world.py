"""The node on which the recordings were made: its storages, templates, users and grants, as a seed."""

AUDITOR = ('Sys.Audit', 'Datastore.Audit', 'Pool.Audit', 'VM.Audit', 'Mapping.Audit', 'SDN.Audit',
           'VM.GuestAgent.Audit')
DATASTORE_USER = ('Datastore.AllocateSpace', 'Datastore.Audit')
DATASTORE_ADMIN = ('Datastore.Allocate', 'Datastore.AllocateSpace', 'Datastore.AllocateTemplate', 'Datastore.Audit')
VM_ADMIN = tuple('VM.' + name for name in (
    'Allocate', 'Audit', 'Backup', 'Clone', 'Config.CDROM', 'Config.CPU', 'Config.Cloudinit', 'Config.Disk',
    'Config.HWType', 'Config.Memory', 'Config.Network', 'Config.Options', 'Console', 'GuestAgent.Audit',
    'GuestAgent.FileRead', 'GuestAgent.FileSystemMgmt', 'GuestAgent.FileWrite', 'GuestAgent.Unrestricted', 'Migrate',
    'PowerMgmt', 'Replicate', 'Snapshot', 'Snapshot.Rollback'))
ROLES = (('/', AUDITOR), ('/nodes', AUDITOR), ('/pool', ('Pool.Audit',)),
         ('/sdn/zones/localnetwork', ('SDN.Audit', 'SDN.Use')), ('/storage/local', DATASTORE_ADMIN),
         ('/storage/local-dir', DATASTORE_USER), ('/storage/fast', DATASTORE_USER), ('/vms', VM_ADMIN))
SECRETS = {name: '00000000-0000-4000-8000-00000000000{0}'.format(number) for number, name in enumerate((
    'ops@pve!operator', 'root@pam!automation', 'viewer@pve!token', 'nobody@pve!token'))}
AUTH = {'token': 'ops@pve!operator', 'token:operator': 'ops@pve!operator', 'token:rootpriv': 'root@pam!automation',
        'token:viewer': 'viewer@pve!token', 'token:none': 'nobody@pve!token'}
GIB = 1024 ** 3


def seed(containers=(), no_grants_on=None, **more):
    """The seed of that node, with these containers (and other keys), without the operator's rights on one path."""
    return {
        'nodes': ['pve1'], 'node': {'maxcpu': 2, 'maxmem': 25276502016}, 'bridges': ['vmbr0'],
        'storages': {
            'local': {'type': 'dir', 'path': '/var/lib/vz', 'content': 'snippets,vztmpl,backup,iso',
                      'total': 252 * GIB},
            'local-dir': {'type': 'dir', 'path': '/var/lib/pve-guests', 'content': 'images,rootdir',
                          'total': 252 * GIB},
            'fast': {'type': 'btrfs', 'path': '/var/lib/pve-btrfs', 'content': 'images,rootdir', 'total': 3 * GIB},
            **more.pop('storages', {})},
        'templates': {'local': ['debian-13-standard_13.1-2_amd64.tar.zst', 'alpine-3.22-default_20250617_amd64.tar.xz',
                                'unknown-os_1.0_amd64.tar.gz', 'broken-image_1.0_amd64.tar.gz']},
        'users': {'ops@pve': 'ops-password'},
        'tokens': {token: {'secret': secret, 'privsep': token.startswith('ops@')} for token, secret in SECRETS.items()},
        'grants': [[user, path, *privileges] for user in ('ops@pve', 'ops@pve!operator') for path, privileges in ROLES
                   if path != no_grants_on]
        + [['viewer@pve', '/', *AUDITOR]],
        'settings': {'time_scale': 0.01, 'resource_lag': 0},
        'containers': list(containers), **more}


def headers(double):
    """Request headers by the recordings' names of who asks."""
    out = {name: {'Authorization': 'PVEAPIToken={0}={1}'.format(token, SECRETS[token])} for name, token in AUTH.items()}
    out['root-ticket'] = double.root()
    out['none'] = {}
    for name, token in (('badsecret', 'ops@pve!operator=wrong'), ('nosuch', 'ops@pve!nosuch=x'),
                        ('nouser', 'ghost@pve!x=y'), ('malformed', 'nonsense')):
        out['token:' + name] = {'Authorization': 'PVEAPIToken=' + token}
    out['ticket:bad'] = {'Cookie': 'PVEAuthCookie=PVE:root@pam:00000000::x'}
    out['ticket:badcsrf'] = dict(out['root-ticket'], CSRFPreventionToken='x')
    return out
