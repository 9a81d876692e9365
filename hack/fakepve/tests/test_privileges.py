"""Which missing privilege refuses which call, by the recorded table data/privileges.tsv."""

import csv
import json
from pathlib import Path

import pytest
import world

TOKEN = 't@pve!x'
HEADERS = {'Authorization': 'PVEAPIToken={0}=secret'.format(TOKEN)}
PRIVILEGES = sorted(set(world.VM_ADMIN) | set(world.DATASTORE_ADMIN) | set(world.AUDITOR) 
                    | {'SDN.Use', 'Sys.Modify', 'Sys.AccessNetwork'})
GUEST = {'hostname': 'ct160', 'memory': 128, 'rootfs': 'fast:160/vm-160-disk-0.raw,size=256M', 'unprivileged': 1,
         'ostype': 'debian', 'arch': 'amd64'}


# What the table leaves out of a call.
PARAMS = {'put-rootfs': {'rootfs': GUEST['rootfs']}}


def rows():
    """The rows of the table."""
    with open(Path(__file__).parent / 'data' / 'privileges.tsv', encoding='utf-8') as file:
        return list(csv.DictReader(file, delimiter='\t', quoting=csv.QUOTE_NONE))


@pytest.fixture(scope='module')
def node(process):
    """A node with one user, who holds everything on / until a test takes something away."""
    seed = world.seed([{'vmid': vmid, 'config': dict(GUEST, hostname='ct{0}'.format(vmid)), 'defaults': False}
                       for vmid in (160, 162)])
    seed['users']['t@pve'] = 'x'
    seed['tokens'][TOKEN] = 'secret'
    seed['pools'] = ['pp']
    seed['grants'].append(['t@pve', '/', *PRIVILEGES])
    process.reset(seed)
    return process


@pytest.mark.parametrize('row', rows(), ids=lambda row: '{operation}-without-{without_privilege}'.format(**row))
def test_a_call_without_a_privilege_is_refused_as_recorded(node, row):
    vmid = 162 if row['operation'] == 'destroy' else 160
    params = PARAMS.get(row['operation']) if row['params'] == '-' else json.loads(row['params'])
    if row['operation'] == 'clone':
        params['newid'] = 163
    path = row['path'].replace('{vmid}', str(vmid))
    if row['without_privilege'] == '(any one)':
        for privilege in PRIVILEGES:
            assert without(node, privilege, row['method'], path, params).status == 200, privilege
        return
    answer = without(node, row['without_privilege'], row['method'], path, params)
    if row['answer'] == '200, the task fails':
        assert node.finish(answer.data) == row['message']
    else:
        assert (answer.status, answer.reason) == (int(row['answer']), row['message'])


def without(node, privilege, method, path, params):
    """The answer to a call of a user who holds everything but one privilege."""
    node.do('revoke_privilege', 't@pve', privilege)
    try:
        answer = node.call(method, path, params, headers=HEADERS)
        if answer.status == 200 and str(answer.data).startswith('UPID:'):
            node.finish(answer.data)    # a task looks at rights too
    finally:
        node.do('restore_access')
    return answer


def test_lists_are_filtered_and_nothing_is_refused_without_rights(node):
    node.do('set_grants', [], user='t@pve')
    try:
        resources = node.call('GET', '/cluster/resources', headers=HEADERS).data
        assert [row['type'] for row in resources] == ['node']
        assert 'maxmem' not in resources[0]
        assert node.call('GET', '/nodes/pve1/lxc', headers=HEADERS).data == []
        assert node.call('GET', '/nodes/pve1/storage', headers=HEADERS).data == []
        assert node.call('GET', '/nodes/pve1/lxc/160/config', headers=HEADERS).status == 403
        assert node.call('GET', '/access/permissions', headers=HEADERS).data == {}
    finally:
        node.do('restore_access')
    assert len(node.call('GET', '/nodes/pve1/lxc', headers=HEADERS).data) == 2


def test_a_revoked_token_is_refused_at_once_and_works_again_when_restored(node):
    node.do('revoke_token', TOKEN)
    answer = node.call('GET', '/version', headers=HEADERS)
    assert (answer.status, answer.reason, answer.body) == (401, 'Authentication failed!', None)
    assert answer.headers['connection'] == 'close'
    node.do('restore_token', TOKEN)
    assert node.call('GET', '/version', headers=HEADERS).status == 200
