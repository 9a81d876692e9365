"""Backups and restores besides what is recorded."""

import pytest

CONTENT = '/nodes/pve1/storage/local/content'
NET = 'name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:07,ip=10.10.0.7/24'
JOBS = '/cluster/backup'
JOB = {'id': 'zentoria-1', 'schedule': 'sun 04:00', 'storage': 'local', 'vmid': '700,701', 'remove': 0,
       'comment': 'zentoria.ai/backup estate=test policy=ns/all tier=weekly',
       'notes-template': 'zentoria.ai/backup estate=test policy=ns/all tier=weekly'}


@pytest.fixture
def node(powerful):
    """The double, for a token that may do all of this."""
    return powerful()


@pytest.fixture
def guest(node):
    """The double with a running container 700 that has a net, a mount point, and a firewall rule."""
    assert node.create(700, net0=NET, memory=256, description='d', tags='a;b',
                         mp0='local-zfs:2,mp=/data,backup=1') == 'OK'
    rule = {'type': 'in', 'action': 'ACCEPT', 'enable': 1, 'comment': 'archived'}
    assert node.call('POST', '/nodes/pve1/lxc/700/firewall/rules', rule).status == 200
    assert node.finish(node.call('POST', '/nodes/pve1/lxc/700/status/start').data) == 'OK'
    return node


def back_up(double, vmid=700, **more):
    """Back a guest up; the volume."""
    given = dict({'vmid': vmid, 'storage': 'local', 'compress': 'zstd'}, **more)
    assert double.finish(double.call('POST', '/nodes/pve1/vzdump', given).data) == 'OK'
    return max(row['volid'] for row in double.get(CONTENT, content='backup', vmid=vmid))


def restore(double, volume, vmid, **more):
    """Restore an archive; the task's exit status."""
    given = {'vmid': vmid, 'ostemplate': volume, 'restore': 1, 'storage': 'local-zfs'}
    return double.finish(double.call('POST', '/nodes/pve1/lxc', dict(given, **more)).data)


def test_a_guest_is_locked_while_it_is_backed_up(powerful):
    double = powerful(ct_secs={'backup': 100})
    assert double.create(700) == 'OK'
    upid = double.call('POST', '/nodes/pve1/vzdump', {'vmid': 700, 'storage': 'local'}).data
    double.until('the lock', lambda: double.get('/nodes/pve1/lxc/700/status/current').get('lock') == 'backup')
    row = next(row for row in double.get('/cluster/resources', type='vm') if row['vmid'] == 700)
    assert row['lock'] == 'backup'
    assert double.get(CONTENT, content='backup') == []
    assert double.finish(upid) == 'OK'
    assert 'lock' not in double.get('/nodes/pve1/lxc/700/status/current')


def test_a_restore_brings_configuration_and_firewall_back_and_given_options_win(guest):
    volume = back_up(guest)
    assert restore(guest, volume, 701, hostname='again', memory=512, net0='name=eth0,bridge=vmbr0,ip=dhcp') == 'OK'
    config = guest.get('/nodes/pve1/lxc/701/config')
    assert (config['hostname'], config['memory'], config['tags'], config['description']) == ('again', 512, 'a;b', 'd\n')
    assert 'ip=dhcp' in config['net0'] and 'BC:24:11:00:00:07' not in config['net0']
    assert config['mp0'].startswith('local-zfs:subvol-701-disk-1,mp=/data') and 'size=2G' in config['mp0']
    assert [row['comment'] for row in guest.get('/nodes/pve1/lxc/701/firewall/rules')] == ['archived']
    assert guest.ctl('GET', '/ctl/guests/701')['status'] == 'stopped'


def test_a_restored_net_keeps_its_address_unless_unique(guest):
    volume = back_up(guest)
    assert restore(guest, volume, 701) == 'OK'
    assert guest.get('/nodes/pve1/lxc/701/config')['net0'] == guest.get('/nodes/pve1/lxc/700/config')['net0']
    assert restore(guest, volume, 702, unique=1) == 'OK'
    net = guest.get('/nodes/pve1/lxc/702/config')['net0']
    assert 'ip=10.10.0.7/24' in net and 'BC:24:11:00:00:07' not in net


def test_a_restore_over_a_guest_replaces_its_firewall_and_disk(guest):
    volume = back_up(guest)
    assert guest.finish(guest.call('POST', '/nodes/pve1/lxc/700/status/stop').data) == 'OK'
    guest.call('POST', '/nodes/pve1/lxc/700/firewall/rules', {'type': 'in', 'action': 'DROP', 'comment': 'later'})
    assert restore(guest, volume, 700, force=1) == 'OK'
    assert [row['comment'] for row in guest.get('/nodes/pve1/lxc/700/firewall/rules')] == ['archived']
    assert 'subvol-700-disk-2' in guest.get('/nodes/pve1/lxc/700/config')['rootfs']


def test_a_restore_over_a_running_guest_is_refused_and_a_failed_one_leaves_the_guest(guest):
    volume = back_up(guest)
    given = {'vmid': 700, 'ostemplate': volume, 'restore': 1, 'storage': 'local-zfs', 'force': 1}
    answer = guest.call('POST', '/nodes/pve1/lxc', given)
    assert (answer.status, answer.reason) == (500, "can't overwrite running container")
    assert guest.finish(guest.call('POST', '/nodes/pve1/lxc/700/status/stop').data) == 'OK'
    before = guest.get('/nodes/pve1/lxc/700/config')
    assert restore(guest, volume, 700, force=1, rootfs='local-zfs:100000') == (
        "unable to restore CT 700 - zfs error: cannot create 'rpool/data/subvol-700-disk-2': out of space")
    assert guest.get('/nodes/pve1/lxc/700/config') == before


def test_a_missing_archive_fails_the_task_and_leaves_no_guest(node):
    volume = 'local:backup/vzdump-lxc-700-2026_01_01-00_00_00.tar.zst'
    assert restore(node, volume, 701) == "unable to restore CT 701 - volume '{0}' does not exist".format(volume)
    assert all(row['vmid'] != 701 for row in node.get('/cluster/resources', type='vm'))


def test_archives_of_one_second_do_not_replace_each_other_and_old_ones_are_pruned(node):
    assert node.create(700) == 'OK'
    for _ in range(3):
        back_up(node)
    assert len(node.get(CONTENT, content='backup', vmid=700)) == 3
    last = back_up(node, **{'prune-backups': 'keep-last=1'})
    assert [row['volid'] for row in node.get(CONTENT, content='backup', vmid=700)] == [last]


def test_stop_mode_stops_a_guest_and_starts_it_again(guest):
    back_up(guest, mode='stop')
    state = guest.ctl('GET', '/ctl/guests/700')
    assert (state['status'], state['starts'], state['lock']) == ('running', 2, None)


def test_a_person_backs_a_guest_up_and_moves_its_disk(node):
    assert node.create(700) == 'OK'
    done = node.ctl('POST', '/ctl/person', {'act': 'backup', 'vmid': 700, 'storage': 'local', 'wait': True})
    assert (done['exitstatus'], done['upid'].split(':')[7]) == ('OK', 'root@pam')
    assert len(node.get(CONTENT, content='backup', vmid=700)) == 1
    archive = node.get(CONTENT, content='backup', vmid=700)[0]['volid']
    back = {'act': 'restore', 'vmid': 701, 'archive': archive, 'storage': 'local-zfs', 'wait': True}
    assert node.ctl('POST', '/ctl/person', back)['exitstatus'] == 'OK'
    move = {'act': 'move', 'vmid': 700, 'volume': 'rootfs', 'storage': 'local-zfs', 'delete': 1, 'wait': True}
    assert node.ctl('POST', '/ctl/person', move)['exitstatus'] == 'OK'
    assert 'subvol-700-disk-1' in node.get('/nodes/pve1/lxc/700/config')['rootfs']


def test_a_job_is_shown_as_it_was_made_and_changed(node):
    assert node.call('POST', JOBS, JOB).status == 200
    row, = node.get(JOBS)
    assert {key: row[key] for key in ('id', 'schedule', 'vmid', 'comment')} == {
        key: JOB[key] for key in ('id', 'schedule', 'vmid', 'comment')}
    assert (row['enabled'], int(row['remove']), row['type']) == (1, 0, 'vzdump')
    assert node.call('PUT', JOBS + '/zentoria-1', {'vmid': '700', 'prune-backups': 'keep-last=1'}).status == 200
    row, = node.get(JOBS)
    assert (row['vmid'], row['prune-backups']) == ('700', {'keep-last': '1'})
    assert node.call('PUT', JOBS + '/zentoria-1', {'delete': 'prune-backups'}).status == 200
    assert 'prune-backups' not in node.get(JOBS)[0]
    assert node.call('DELETE', JOBS + '/zentoria-1').status == 200
    assert node.get(JOBS) == []


def test_a_node_names_its_time_zone(node):
    assert node.get('/nodes/pve1/time')['timezone'] == 'UTC'
    node.ctl('POST', '/ctl/set', {'timezone': 'Europe/Amsterdam'})
    assert node.get('/nodes/pve1/time')['timezone'] == 'Europe/Amsterdam'
