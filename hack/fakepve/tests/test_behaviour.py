"""What a replay of single calls cannot show: time, concurrency and the acts of a person."""

import http.client
import ssl
import threading
import time
from concurrent import futures

import client
import pytest

NODE = '/nodes/pve1'
KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFzentoriazentoriazentoriazentoriazentoria zentoria'


def resources(double, vmid=400):
    """A guest's row of /cluster/resources."""
    return next((row for row in double.get('/cluster/resources', type='vm') if row['vmid'] == vmid), None)


def test_resources_lag_in_name_status_and_size_but_not_in_presence_lock_and_tags(start):
    double = start(resource_lag=100, time_scale=0.01)      # a round is one real second
    assert double.create(400, tags='one') == 'OK'
    new = resources(double)
    if 'name' not in new:       # else a round fell in between
        assert (new['status'], new['tags']) == ('unknown', 'one')
    known = double.until('pvestatd to see the guest', lambda: resources(double).get('name') and resources(double))
    assert (known['name'], known['status'], known['maxmem']) == ('ct400', 'stopped', 512 << 20)
    double.finish(double.call('POST', NODE + '/lxc/400/status/start').data)
    assert double.call('PUT', NODE + '/lxc/400/config', {'memory': 1024, 'tags': 'two', 'hostname': 'x'}).status == 200
    row = resources(double)
    assert row['tags'] == 'two'
    assert (row['status'], row['maxmem'], row['name']) in (
        ('stopped', 512 << 20, 'ct400'), ('running', 1024 << 20, 'x'))
    assert double.get(NODE + '/lxc/400/status/current')['status'] == 'running'
    double.until('pvestatd to see the start', lambda: resources(double)['status'] == 'running')
    assert resources(double)['maxmem'] == 1024 << 20


def test_during_a_create_the_config_has_only_a_digest_and_the_lock(start):
    double = start(ct_secs={'create': 100}, time_scale=0.01)
    upid = double.call('POST', NODE + '/lxc', {
        'vmid': 400, 'ostemplate': client.TEMPLATE, 'rootfs': 'local-zfs:1', 'description': 'mark',
        'ssh-public-keys': KEY}).data
    assert sorted(double.get(NODE + '/lxc/400/config')) == ['digest', 'lock']
    assert sorted(row['key'] for row in double.get(NODE + '/lxc/400/pending')) == ['digest', 'lock']
    assert double.get(NODE + '/lxc/400/status/current')['name'] == 'CT400'
    assert double.get(NODE + '/tasks', source='active')[0]['status'] == 'RUNNING'
    assert double.get(NODE + '/tasks') == []
    assert double.call('DELETE', NODE + '/lxc/400').reason == 'CT is locked (create)'
    assert double.finish(upid) == 'OK'
    guest = double.ctl('GET', '/ctl/guests/400')
    assert (guest['config']['description'], guest['ssh_public_keys']) == ('mark\n', KEY)


def test_a_put_waits_for_the_lock_of_a_running_task_and_then_gives_up(start):
    double = start(lock_wait=10, ct_secs={'start': 100})
    assert double.create(400) == 'OK'
    double.call('POST', NODE + '/lxc/400/status/start')
    begun = time.monotonic()
    answer = double.call('PUT', NODE + '/lxc/400/config', {'description': 'x'})
    assert answer.reason == "can't lock file '/run/lock/lxc/pve-config-400.lock' - got timeout"
    assert 0.1 <= time.monotonic() - begun < 0.9
    double.ctl('POST', '/ctl/set', {'lock_wait': 1000})
    assert double.call('PUT', NODE + '/lxc/400/config', {'description': 'x'}).status == 200


def test_of_two_puts_with_one_digest_the_second_is_refused(double):
    double.create(400)
    digest = double.get(NODE + '/lxc/400/config')['digest']
    answers = [double.call('PUT', NODE + '/lxc/400/config', {'description': text, 'digest': digest})
               for text in ('a', 'b')]
    assert [a.status for a in answers] == [200, 500]
    assert answers[1].reason.startswith('detected modified configuration')


def test_of_two_creates_with_one_vmid_one_wins(double):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(double.call('POST', NODE + '/lxc', {
        'vmid': 400, 'ostemplate': client.TEMPLATE, 'rootfs': 'local-zfs:1'}))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(a.status for a in answers) == [200, 500, 500, 500]


def test_nextid_reserves_nothing(double):
    assert double.get('/cluster/nextid') == double.get('/cluster/nextid') == '100'


def test_a_full_storage_fails_the_task_and_leaves_no_guest(double):
    assert 'out of space' in double.create(400, rootfs='local-zfs:999999')
    assert double.call('GET', NODE + '/lxc/400/config').reason == \
        "Configuration file 'nodes/pve1/lxc/400.conf' does not exist"


def test_the_whole_estate_fits_on_the_demo_node(double):
    for vmid in range(400, 417):
        assert double.create(vmid, rootfs='local-zfs:128', memory=8192) == 'OK'


def test_a_clone_takes_the_firewall_along_and_gets_a_mac_of_its_own(double):
    double.create(400, net0='name=eth0,bridge=vmbr0')
    double.call('POST', NODE + '/lxc/400/firewall/rules', {'type': 'in', 'action': 'ACCEPT', 'enable': 1})
    upid = double.call('POST', NODE + '/lxc/400/clone', {'newid': 401, 'full': 1, 'description': 'copy'}).data
    assert double.finish(upid) == 'OK'
    source, copy = (double.get(NODE + '/lxc/{0}/config'.format(vmid)) for vmid in (400, 401))
    assert copy['description'] == 'copy\n' and copy['net0'] != source['net0']
    assert len(double.get(NODE + '/lxc/401/firewall/rules')) == 1
    double.finish(double.call('DELETE', NODE + '/lxc/401').data)
    assert double.ctl('GET', '/ctl/guests')[0]['vmid'] == 400
    assert double.create(401) == 'OK'
    assert double.get(NODE + '/lxc/401/firewall/rules') == []


def test_pending_changes_are_applied_when_the_guest_stops_or_crashes(double):
    double.create(400)
    for act in ('stop', 'crash'):
        double.ctl('POST', '/ctl/person', {'act': 'start', 'vmid': 400, 'wait': True})
        double.call('PUT', NODE + '/lxc/400/config', {'nameserver': '10.0.0.' + str(len(act))})
        assert double.ctl('GET', '/ctl/guests/400')['pending']
        double.ctl('POST', '/ctl/person', {'act': act, 'vmid': 400, 'wait': True})
        guest = double.ctl('GET', '/ctl/guests/400')
        assert (guest['status'], guest['pending'], guest['config']['nameserver']) == (
            'stopped', {}, '10.0.0.' + str(len(act)))


def test_a_stop_by_a_person_is_in_the_task_list_under_that_name_and_a_crash_is_not(double):
    double.create(400)
    double.ctl('POST', '/ctl/person', {'act': 'start', 'vmid': 400, 'wait': True})
    double.ctl('POST', '/ctl/person', {'act': 'stop', 'vmid': 400, 'wait': True})
    task = double.get(NODE + '/tasks', vmid=400, typefilter='vzstop')[0]
    assert (task['user'], task['status'], task['id']) == ('root@pam', 'OK', '400') and 'tokenid' not in task
    before = len(double.get(NODE + '/tasks', vmid=400))
    double.ctl('POST', '/ctl/person', {'act': 'start', 'vmid': 400, 'wait': True})
    double.ctl('POST', '/ctl/person', {'act': 'crash', 'vmid': 400})
    assert len(double.get(NODE + '/tasks', vmid=400)) == before + 1
    assert double.get(NODE + '/lxc/400/status/current')['status'] == 'stopped'


def test_a_guest_is_migrated_by_hand(start):
    double = start(nodes=['pve1', 'pve2'])
    double.create(400)
    assert double.ctl('POST', '/ctl/person', {'act': 'migrate', 'vmid': 400, 'to': 'pve2', 'wait': True})[
        'exitstatus'] == 'OK'
    assert resources(double)['node'] == 'pve2'
    assert double.call('GET', NODE + '/lxc/400/config').status == 500
    double.do('set_node_offline', 'pve2')
    answer = double.call('GET', '/nodes/pve2/lxc/400/config')
    assert (answer.status, answer.reason, answer.body) == (595, 'No route to host', None)
    assert double.get(NODE + '/lxc') == []
    assert [row['type'] for row in double.get('/cluster/status')] == ['cluster', 'node', 'node']


@pytest.mark.parametrize('mode,guest,lock', [('before', False, None), ('leave', True, 'create'), ('after', True, None),
                                             ('warn', True, None)])
def test_a_create_task_fails_in_each_mode(double, mode, guest, lock):
    double.do('task_fault', type='vzcreate', message='no luck', mode=mode)
    assert double.create(400) == ('WARNINGS: 1' if mode == 'warn' else 'no luck')
    guests = double.ctl('GET', '/ctl/guests')
    assert [g['lock'] for g in guests] == ([lock] if guest else [])
    if guest:
        double.ctl('POST', '/ctl/person', {'act': 'vanish', 'vmid': 400})
    assert double.create(400) == 'OK'


def test_a_lost_upid_is_unknown_and_a_task_can_be_aborted(start):
    double = start(ct_secs={'create': 10000})
    upid = double.call('POST', NODE + '/lxc', {
        'vmid': 400, 'ostemplate': client.TEMPLATE, 'rootfs': 'local-zfs:1'}).data
    assert double.call('DELETE', NODE + '/tasks/' + upid).status == 200
    assert double.finish(upid) == 'unexpected status'
    double.do('forget_tasks', vmid=400)
    assert double.call('GET', NODE + '/tasks/{0}/status'.format(upid)).body['errors'] == {'upid': 'no such task'}


def test_nonsense_answers_are_sent_as_told(double):
    double.do('answer_with', 'GET', '/version', body='<html>', content_type='text/html')
    assert double.call('GET', '/version').body == '<html>'
    double.do('answer_with', 'GET', '/version', body='{"data": null}')
    assert double.call('GET', '/version').data is None
    double.do('answer_with', 'GET', '/version', body='{"data', truncate=True)
    with pytest.raises(http.client.IncompleteRead):
        double.call('GET', '/version')
    double.do('fail', 'GET', '/version', 500, 'boom', times=1)
    assert double.call('GET', '/version').reason == 'boom'
    assert double.call('GET', '/version').status == 200


def test_every_error_closes_the_connection_and_plain_reads_keep_it(double):
    double.create(400)
    connection = double.connect()
    expected = (('/version', 'keep'), (NODE + '/lxc/400/config', 'keep'), (NODE + '/lxc/999/config', 'close'),
                ('/nosuch', 'close'), (NODE + '/lxc/400/status/current', 'close'))
    for path, what in expected:
        answer = double.call('GET', path, connection=connection)
        assert answer.headers.get('connection', 'keep') == what, path
    connection.close()


def test_firewall_writes_that_overlap_wait_for_the_cluster_lock(start):
    double = start(fw_write_secs=300, fw_lock_wait=20)
    double.create(400)

    def write_twice_at_once():
        with futures.ThreadPoolExecutor(2) as pool:
            calls = [pool.submit(double.call, 'PUT', NODE + '/lxc/400/firewall/options', {'enable': enable})
                     for enable in (0, 1)]
            return sorted((call.result() for call in calls), key=lambda answer: answer.status)

    # Which of the two is first is the scheduler's choice; that the later one is refused is not.
    first, second = write_twice_at_once()
    assert (first.status, second.status) == (200, 500)
    assert second.reason == "can't lock file '/etc/pve/firewall/.lock' - got timeout"


def test_a_replaced_certificate_is_seen_at_once_and_the_old_ca_no_longer_fits(double):
    old = double.info['fingerprint']
    new = double.do('replace_certificate', 'new')
    assert new['fingerprint'] != old
    with pytest.raises(ssl.SSLCertVerificationError):
        double.call('GET', '/version')
    double.trust()
    assert double.get('/nodes')[0]['ssl_fingerprint'] == new['fingerprint']
    renewed = double.do('replace_certificate', 'same')
    assert renewed['fingerprint'] != new['fingerprint']
    assert double.get('/version')['version'] == '9.2.11'


def test_the_certificate_names_further_addresses(tmp_path):
    double = client.Double(tmp_path, {}, '--san', '10.10.0.2', '--san', 'pve.example.test')
    try:
        connection = double.connect()
        connection.connect()
        names = {value for _, value in connection.sock.getpeercert()['subjectAltName']}
        connection.close()
    finally:
        double.stop()
    assert names == {'localhost', '127.0.0.1', '10.10.0.2', 'pve.example.test'}


def test_a_reset_leaves_nothing_of_before(double):
    double.create(400)
    double.do('task_fault', message='never seen')
    double.ctl('POST', '/ctl/barrier', {'at': 50})
    double.ctl('POST', '/ctl/reset')
    assert [double.ctl('GET', '/ctl/' + what) for what in ('guests', 'requests', 'tasks')] == [[], [], []]
    assert not double.ctl('GET', '/ctl/barrier')['armed']
    assert double.create(400) == 'OK'


def test_down_means_refused_connections_and_the_guests_come_back_with_it(double):
    double.create(400)
    double.do('go_down')
    with pytest.raises(ConnectionRefusedError):
        double.call('GET', '/version')
    double.do('listen')
    assert double.get(NODE + '/lxc/400/config')['hostname'] == 'ct400'


def test_a_changed_identity_shows_in_name_and_certificates(double):
    before = {row['filename']: row['fingerprint'] for row in double.get(NODE + '/certificates/info')}
    double.do('change_identity', cluster_name='other')
    double.trust()
    after = {row['filename']: row['fingerprint'] for row in double.get(NODE + '/certificates/info')}
    assert before['pve-root-ca.pem'] != after['pve-root-ca.pem']
    assert double.get('/cluster/status')[0]['name'] == 'other'


def test_root_logs_in_with_a_password_and_renews_with_a_ticket(double):
    login = double.call('POST', '/access/ticket', {'username': 'root@pam', 'password': 'secret'}, headers={}).data
    again = double.call('POST', '/access/ticket', {
        'username': 'root@pam', 'password': login['ticket']}, headers={}).data
    assert again['ticket'] != login['ticket']
    double.do('revoke_tickets')
    answer = double.call('GET', '/version', headers={'Cookie': 'PVEAuthCookie=' + again['ticket']})
    assert (answer.status, answer.body) == (401, None)


def test_the_seed_template_and_bridge_are_listed(double):
    assert [row['volid'] for row in double.get(NODE + '/storage/local/content', content='vztmpl')] == [client.TEMPLATE]
    assert [row['iface'] for row in double.get(NODE + '/network', type='any_bridge')] == ['vmbr0']
    double.create(400)
    assert [row['volid'] for row in double.get(NODE + '/storage/local-zfs/content')] == ['local-zfs:subvol-400-disk-0']


def test_the_control_port_names_what_it_does_not_know(double):
    for path, body in (('/ctl/set', {'nonsense': 1}), ('/ctl/call', {'call': '_drop'}), ('/ctl/barrier', {'at': 0}),
                       ('/ctl/person', {'act': 'dance', 'vmid': 400})):
        with pytest.raises(ValueError):
            double.ctl('POST', path, body)


def test_the_guests_locks_are_held_and_clear_drops_every_fault(start):
    double = start(lock_wait=1)
    double.create(400)
    double.do('hold_config_lock', 400, None)
    assert 'got timeout' in double.call('PUT', NODE + '/lxc/400/config', {'onboot': 1}).reason
    double.do('fail', 'GET', '/version', 500, 'boom')
    double.do('fail', 'POST', NODE + '/lxc', error='no_quorum')
    double.do('task_fault', type='vzstart', times=None)
    double.do('set_node_offline', 'pve1')
    double.do('flaky_network', drop_rate=1)
    double.do('slow_network', 0.1)
    double.do('lose_quorum')
    double.do('revoke_token', 'zentoria@pve!operator')
    double.do('clear')
    assert double.get('/version')['release'] == '9.2'
    assert double.call('PUT', NODE + '/lxc/400/config', {'onboot': 1}).status == 200
    assert double.finish(double.call('POST', NODE + '/lxc/400/status/start').data) == 'OK'
    double.do('snapshot_lock', 400, 'backup')
    assert double.call('PUT', NODE + '/lxc/400/config', {'onboot': 1}).reason == 'CT is locked (backup)'
    double.do('unlock', 400)
    assert double.call('PUT', NODE + '/lxc/400/config', {'onboot': 0}).status == 200


def test_no_quorum_and_a_dropped_connection_are_what_a_client_sees(double):
    double.do('lose_quorum')
    answer = double.call('POST', NODE + '/lxc', {'vmid': 400, 'ostemplate': client.TEMPLATE, 'rootfs': 'local-zfs:1'})
    assert (answer.status, answer.reason) == (500, 'cluster not ready - no quorum?')
    double.do('regain_quorum')
    double.do('flaky_network', drop_rate=1)
    with pytest.raises(OSError):
        double.call('GET', '/version')


def test_a_task_of_others_can_be_put_on_record(double):
    double.do('add_task', 'pve1', 'stopall', '', 'root@pam', exitstatus='OK')
    assert [(task['type'], task['user']) for task in double.get(NODE + '/tasks')] == [('stopall', 'root@pam')]
