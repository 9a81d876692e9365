"""The barrier stops a client at exactly one call, and the journal lists the calls."""

import threading

import client
import pytest

CREATE = {'vmid': 400, 'ostemplate': client.TEMPLATE, 'rootfs': 'local-zfs:1', 'hostname': 'one'}


def in_background(double, *args):
    """Send a call in a thread; the thread, and a list that gets its answer or its error."""
    result = []

    def send():
        try:
            result.append(double.call(*args))
        except OSError as error:
            result.append(error)
    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread, result


def hit(double):
    """Wait until the barrier is hit; its state."""
    state = double.ctl('GET', '/ctl/barrier?wait=10')
    assert state['hit'], state
    return state


def test_before_the_call_is_never_processed_and_its_connection_is_cut(double):
    double.ctl('POST', '/ctl/barrier', {'at': 2, 'when': 'before', 'mutating_only': True})
    assert double.create(401) == 'OK'
    double.get('/version')
    thread, result = in_background(double, 'POST', '/nodes/pve1/lxc', CREATE)
    state = hit(double)
    assert (state['seen'], state['entry']['path'], state['entry']['status']) == (2, '/nodes/pve1/lxc', None)
    assert result == []
    double.ctl('DELETE', '/ctl/barrier')
    thread.join(10)
    assert isinstance(result[0], OSError)
    assert [guest['vmid'] for guest in double.ctl('GET', '/ctl/guests')] == [401]
    assert double.create(400) == 'OK'


def test_after_the_call_is_processed_fully_but_never_answered(double):
    double.ctl('POST', '/ctl/barrier', {'at': 1, 'when': 'after', 'mutating_only': True})
    thread, result = in_background(double, 'POST', '/nodes/pve1/lxc', CREATE)
    state = hit(double)
    assert (state['entry']['held'], state['entry']['processed']) == ('after', 200)
    guest = double.until('the create that was never answered', lambda: next(
        (g for g in double.ctl('GET', '/ctl/guests') if g['lock'] is None), None))
    assert guest['config']['hostname'] == 'one'
    double.ctl('DELETE', '/ctl/barrier')
    thread.join(10)
    assert isinstance(result[0], OSError)


@pytest.mark.parametrize('when', ['before', 'after'])
def test_later_calls_are_held_too_until_the_barrier_is_dropped(double, when):
    double.ctl('POST', '/ctl/barrier', {'at': 1, 'when': when})
    first, _ = in_background(double, 'GET', '/version')
    hit(double)
    second, result = in_background(double, 'POST', '/nodes/pve1/lxc', CREATE)
    double.until('the second call to be held', lambda: double.ctl('GET', '/ctl/barrier')['held'] == 2)
    double.ctl('DELETE', '/ctl/barrier')
    first.join(10)
    second.join(10)
    assert isinstance(result[0], OSError)
    assert double.ctl('GET', '/ctl/guests') == []


def test_calls_of_another_user_are_neither_counted_nor_held(double):
    double.ctl('POST', '/ctl/barrier', {'at': 1, 'user': 'somebody@pve!else'})
    double.get('/version')
    assert double.ctl('GET', '/ctl/barrier')['seen'] == 0


def test_the_journal_lists_calls_with_user_parameters_and_status(double):
    double.ctl('POST', '/ctl/reset-requests')
    double.call('POST', '/nodes/pve1/lxc', dict(CREATE, password='hunter2'))
    double.call('DELETE', '/nodes/pve1/lxc/999', {'force': 1})
    double.call('GET', '/version', headers={})
    post, delete, version = double.ctl('GET', '/ctl/requests')
    assert (post['n'], post['method'], post['path'], post['status']) == (1, 'POST', '/nodes/pve1/lxc', 200)
    assert post['user'] == 'zentoria@pve!operator'
    assert post['params']['hostname'] == 'one' and post['params']['password'] == '***'
    assert (delete['params'], delete['status']) == ({'force': '1'}, 500)
    assert (version['user'], version['status']) == (None, 401)
    assert [row['n'] for row in double.ctl('GET', '/ctl/requests?mutating=1')] == [1, 2]
    assert len(double.ctl('DELETE', '/ctl/requests')) == 3
    assert double.ctl('GET', '/ctl/requests') == []
