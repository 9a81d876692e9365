"""What PVE itself does with guests, what its versions know, and several nodes."""

import pytest

GUESTS = [{'vmid': 405, 'name': 'ai', 'status': 'running'}, {'vmid': 406, 'name': 'logs', 'status': 'stopped'}]
NEW = {'vmid': 700, 'ostemplate': 'local:vztmpl/ubuntu-24.04-standard_24.04-2_amd64.tar.zst', 'rootfs': 'local-zfs:1'}
UNKNOWN = 'property is not defined in schema and the schema does not allow additional properties'


@pytest.fixture
def cluster(powerful):
    """A cluster of two nodes: 405 is under HA, 406 is replicated."""
    return powerful(nodes=['pve1', 'pve2'], containers=GUESTS, ha=['ct:405'], replication=[
        {'guest': 406, 'target': 'pve2', 'schedule': '*/5'}], vnets={'tenants': {'zone': 'blue', 'tag': 7}})


def config(double, vmid, node='pve1'):
    """The configuration of a guest."""
    return double.get('/nodes/{0}/lxc/{1}/config'.format(node, vmid))


def test_a_guest_under_ha_is_shown_as_such_and_its_power_goes_through_ha(cluster):
    row = next(row for row in cluster.get('/cluster/resources', type='vm') if row['vmid'] == 405)
    assert row['hastate'] == 'started'
    assert cluster.get('/nodes/pve1/lxc/405/status/current')['ha'] == {'managed': 1, 'state': 'started'}
    assert [row['sid'] for row in cluster.get('/cluster/ha/resources')] == ['ct:405']
    upid = cluster.call('POST', '/nodes/pve1/lxc/405/status/stop').data
    assert upid.split(':')[5] == 'hastop'
    cluster.until('the stop', lambda: cluster.get('/nodes/pve1/lxc/405/status/current')['status'] == 'stopped')
    upid = cluster.call('POST', '/nodes/pve1/lxc/405/status/start').data
    assert upid.split(':')[5] == 'hastart'
    answer = cluster.call('DELETE', '/nodes/pve1/lxc/405')
    assert answer.reason == 'unable to remove CT 405 - used in HA resources and purge parameter not set.'


def test_a_replicated_guest_is_shown_and_goes_with_purge_alone(cluster):
    job = {'id': '406-0', 'guest': 406, 'jobnum': 0, 'target': 'pve2', 'type': 'local', 'schedule': '*/5',
           'source': 'pve1'}
    assert cluster.get('/cluster/replication') == [job]
    state = cluster.get('/nodes/pve1/replication')
    assert [(row['id'], row['fail_count']) for row in state] == [('406-0', 0)]
    assert cluster.get('/nodes/pve2/replication') == []
    answer = cluster.call('DELETE', '/nodes/pve1/lxc/406')
    assert (answer.status, answer.reason) == (
        500, "There is a replication job '406-0' for guest '406' - Please remove that first.")
    assert cluster.finish(cluster.call('DELETE', '/nodes/pve1/lxc/406', {'purge': 1}).data) == 'OK'
    assert cluster.get('/cluster/replication') == []


def test_a_vnet_is_a_bridge_with_rights_of_its_zone(cluster):
    assert cluster.get('/cluster/sdn/vnets') == [{'vnet': 'tenants', 'type': 'vnet', 'zone': 'blue', 'tag': 7}]
    given = dict(NEW, net0='name=eth0,bridge=tenants')
    cluster.do('revoke_privilege', 'zentoria@pve', 'SDN.Use')
    assert cluster.call('POST', '/nodes/pve1/lxc', given).reason == (
        'Permission check failed (/sdn/zones/blue/tenants, SDN.Use)')
    tagged = dict(NEW, net0='name=eth0,bridge=vmbr0,tag=30')
    assert cluster.call('POST', '/nodes/pve1/lxc', tagged).reason == (
        'Permission check failed (/sdn/zones/localnetwork/vmbr0/30, SDN.Use)')
    cluster.do('grant', 'zentoria@pve', '/sdn/zones/localnetwork/vmbr0/30', 'SDN.Use')
    assert cluster.finish(cluster.call('POST', '/nodes/pve1/lxc', tagged).data) == 'OK'


def test_a_guest_migrates_stopped_or_with_a_restart(cluster):
    assert cluster.create(700) == 'OK'
    assert cluster.finish(cluster.call('POST', '/nodes/pve1/lxc/700/migrate', {'target': 'pve2'}).data) == 'OK'
    assert config(cluster, 700, 'pve2')['rootfs'].startswith('local-zfs:subvol-700-disk-0')
    assert cluster.finish(cluster.call('POST', '/nodes/pve2/lxc/700/status/start').data) == 'OK'
    answer = cluster.call('POST', '/nodes/pve2/lxc/700/migrate', {'target': 'pve1'})
    assert answer.status == 500
    given = {'target': 'pve1', 'restart': 1}
    assert cluster.finish(cluster.call('POST', '/nodes/pve2/lxc/700/migrate', given).data) == 'OK'
    assert cluster.get('/nodes/pve1/lxc/700/status/current')['status'] == 'running'
    cluster.do('set_node_offline', 'pve2')
    given = {'target': 'pve2', 'restart': 1}
    assert cluster.finish(cluster.call('POST', '/nodes/pve1/lxc/700/migrate', given).data) == 'migration aborted'


def test_an_early_version_knows_nothing_of_what_came_later(powerful):
    double = powerful(version='8.4.1')
    assert double.get('/version')['version'] == '8.4.1'
    assert double.get('/version')['release'] == '8.4'
    for method, path in (('GET', '/nodes/pve1/query-oci-repo-tags'), ('GET', '/cluster/ha/rules'),
                         ('POST', '/nodes/pve1/storage/local/oci-registry-pull')):
        answer = double.call(method, path)
        assert (answer.status, answer.reason) == (501, "Method '{0} {1}' not implemented".format(method, path))
    assert double.get('/cluster/ha/groups') == []
    assert double.call('POST', '/nodes/pve1/lxc', dict(NEW, entrypoint='/x', env='A=1')).body['errors'] == {
        'entrypoint': UNKNOWN, 'env': UNKNOWN}
    assert double.call('POST', '/nodes/pve1/lxc', dict(NEW, net0='name=eth0,bridge=vmbr0,host-managed=1')).body[
        'errors'] == {'net0': 'invalid format - format error\nnet0.host-managed: {0}\n'.format(UNKNOWN)}
    assert double.create(700) == 'OK'
    assert double.finish(double.call('POST', '/nodes/pve1/lxc/700/status/start').data) == 'OK'
    assert 'pressurecpusome' not in double.get('/nodes/pve1/lxc/700/status/current')


def test_the_nodes_of_a_cluster_may_differ_in_version(powerful):
    double = powerful(nodes={'pve1': {}, 'pve2': {'version': '8.4.14'}})
    assert double.get('/nodes/pve2/version')['version'] == '8.4.14'
    assert double.call('GET', '/nodes/pve2/query-oci-repo-tags').status == 501
    assert double.call('GET', '/nodes/pve1/query-oci-repo-tags').status == 400
    net = {'net0': 'name=eth0,bridge=vmbr0,host-managed=1'}
    assert double.create(700, **net) == 'OK'
    assert 'host-managed=1' in config(double, 700)['net0']


def test_a_guest_with_a_missing_device_does_not_start(powerful):
    double = powerful(missing_devices=['/dev/gone'])
    root = double.root()
    given = dict(NEW, dev0='/dev/gone,mode=0660')
    assert double.finish(double.call('POST', '/nodes/pve1/lxc', given, headers=root).data) == 'OK'
    upid = double.call('POST', '/nodes/pve1/lxc/700/status/start').data
    assert double.finish(upid) == 'Device /dev/gone does not exist'
    answer = double.call('PUT', '/nodes/pve1/lxc/700/config', {'dev1': 'path=/dev/gone'}, headers=root)
    assert (answer.status, answer.reason) == (500, 'Device /dev/gone does not exist')
    assert 'dev1' not in config(double, 700)
