"""Volumes that move, become unused, are snapshot and cloned, besides what is recorded."""

import pytest

STORAGES = {'local': {'type': 'dir', 'path': '/var/lib/vz', 'content': 'iso,vztmpl,backup', 'total': 1 << 40},
            'local-zfs': {'type': 'zfspool', 'pool': 'rpool/data', 'content': 'images,rootdir', 'total': 1 << 42},
            'small': {'type': 'dir', 'path': '/small', 'content': 'images,rootdir', 'total': 3 << 30}}
GUEST = '/nodes/pve1/lxc/700'


@pytest.fixture
def node(powerful):
    """The double with two storages for guests, and a stopped container 700 with a mount point."""
    double = powerful(storages=STORAGES)
    assert double.create(700, mp0='local-zfs:1,mp=/data') == 'OK'
    return double


def move(node, volume, storage, **more):
    """Move a volume; the task's exit status."""
    given = dict({'volume': volume, 'storage': storage}, **more)
    return node.finish(node.call('POST', GUEST + '/move_volume', given).data)


def config(node):
    """The configuration of the guest."""
    return node.get(GUEST + '/config')


def test_a_moved_volume_leaves_the_old_one_unused_unless_deleted(node):
    assert move(node, 'mp0', 'small') == 'OK'
    now = config(node)
    assert now['mp0'] == 'small:700/vm-700-disk-0.raw,mp=/data,size=1G'
    assert now['unused0'] == 'local-zfs:subvol-700-disk-1'
    rows = node.get('/nodes/pve1/storage/local-zfs/content', vmid=700)
    assert {row['volid']: row['size'] for row in rows}['local-zfs:subvol-700-disk-1'] == 1 << 30
    assert move(node, 'rootfs', 'small', delete=1) == 'OK'
    assert set(config(node)) & {'unused0', 'unused1'} == {'unused0'}
    assert node.finish(node.call('PUT', GUEST + '/resize', {'disk': 'mp0', 'size': '+512M'}).data) == 'OK'
    assert config(node)['mp0'].endswith('size=1536M')
    assert node.call('PUT', GUEST + '/config', {'delete': 'unused0'}).status == 200
    assert node.get('/nodes/pve1/storage/local-zfs/content', vmid=700) == []


def test_a_move_needs_room_a_stopped_guest_and_a_storage_for_guests(node):
    assert node.finish(node.call('PUT', GUEST + '/resize', {'disk': 'mp0', 'size': '4G'}).data) == 'OK'
    assert move(node, 'mp0', 'small').startswith('unable to create image: qemu-img: ')
    assert move(node, 'mp0', 'local') == "content type 'rootdir' is not available on storage 'local'"
    assert 'lock' not in config(node)
    assert node.finish(node.call('POST', GUEST + '/status/start').data) == 'OK'
    answer = node.call('POST', GUEST + '/move_volume', {'volume': 'mp0', 'storage': 'small'})
    assert (answer.status, answer.reason) == (500, 'cannot move volumes of a running container')


def test_a_mount_point_taken_away_stays_as_an_unused_volume_with_its_size(node):
    free = node.get('/nodes/pve1/storage/local-zfs/status')['avail']
    assert node.call('PUT', GUEST + '/config', {'delete': 'mp0'}).status == 200
    assert config(node)['unused0'] == 'local-zfs:subvol-700-disk-1'
    assert node.get('/nodes/pve1/storage/local-zfs/status')['avail'] == free
    assert node.call('PUT', GUEST + '/config', {'delete': 'unused0'}).status == 200
    assert node.get('/nodes/pve1/storage/local-zfs/status')['avail'] == free + (1 << 30)


def test_a_running_guest_is_cloned_from_a_snapshot(node):
    assert node.finish(node.call('POST', GUEST + '/status/start').data) == 'OK'
    assert node.finish(node.call('POST', GUEST + '/snapshot', {'snapname': 'copy', 'description': 'for'}).data) == 'OK'
    assert [row['name'] for row in node.get(GUEST + '/snapshot')] == ['copy', 'current']
    given = {'newid': 701, 'hostname': 'second', 'full': 1}
    assert node.call('POST', GUEST + '/clone', given).status == 500
    assert node.finish(node.call('POST', GUEST + '/clone', dict(given, snapname='copy')).data) == 'OK'
    new = node.get('/nodes/pve1/lxc/701/config')
    assert new['hostname'] == 'second'
    assert new['mp0'] == 'local-zfs:subvol-701-disk-1,mp=/data,size=1G'
    assert not {'parent', 'snaptime', 'lock'} & set(new)
    answer = node.call('POST', GUEST + '/clone', dict(given, newid=702, full=0, snapname='copy'))
    assert answer.status == 500
    assert answer.reason.startswith("Linked clone feature for 'local-zfs:subvol-700-disk-")


def test_a_guest_with_one_volume_on_a_storage_without_snapshots_has_none(node):
    assert move(node, 'mp0', 'small', delete=1) == 'OK'
    upid = node.call('POST', GUEST + '/snapshot', {'snapname': 'no'}).data
    assert node.finish(upid) == 'snapshot feature is not available'


def test_each_node_has_its_own_files_and_disks_on_a_storage_that_is_not_shared(powerful):
    shared = {'type': 'nfs', 'path': '/mnt/pve/nas', 'content': 'vztmpl,backup', 'shared': 1, 'total': 1 << 40}
    double = powerful(nodes=['pve1', 'pve2'], storages=dict(STORAGES, nas=shared))
    assert double.create(700) == 'OK'
    used = {row['node']: row['disk'] for row in double.get('/cluster/resources', type='storage')
            if row['storage'] == 'local-zfs'}
    assert used == {'pve1': 1 << 30, 'pve2': 0}
    for storage, on_the_other in (('local', 0), ('nas', 1)):
        upid = double.call('POST', '/nodes/pve1/vzdump', {'vmid': 700, 'storage': storage}).data
        assert double.finish(upid) == 'OK'
        seen = {node: double.get('/nodes/{0}/storage/{1}/content'.format(node, storage), content='backup')
                for node in ('pve1', 'pve2')}
        assert (len(seen['pve1']), len(seen['pve2'])) == (1, on_the_other)
        given = {'vmid': 701, 'ostemplate': seen['pve1'][0]['volid'], 'restore': 1, 'storage': 'local-zfs'}
        status = double.finish(double.call('POST', '/nodes/pve2/lxc', given).data)
        assert status == 'OK' if on_the_other else status.endswith('does not exist')
    assert double.finish(double.call('POST', '/nodes/pve1/lxc/700/migrate', {'target': 'pve2'}).data) == 'OK'
    assert [row['vmid'] for row in double.get('/nodes/pve2/storage/local-zfs/content')] == [700, 701]
    assert double.get('/nodes/pve1/storage/local-zfs/content') == []
