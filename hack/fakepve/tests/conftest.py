"""Fixtures of the double's own tests."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import client  # noqa: E402 - after the path is set
import world  # noqa: E402

SEED = json.loads((Path(__file__).parent.parent / 'seeds' / 'zentoria.json').read_text())


SETTINGS = ('time_scale', 'resource_lag', 'lock_wait', 'close_protected', 'auth_delay', 'fw_write_secs', 'fw_lock_wait',
            'oci_images', 'missing_devices')


@pytest.fixture(scope='session')
def process(tmp_path_factory):
    """One running double for all tests that reset it."""
    double = client.Double(tmp_path_factory.mktemp('double'), SEED)
    yield double
    double.stop()


@pytest.fixture
def start(process):
    """start(ct_secs=..., resource_lag=...) gives the double with the demo's seed and these changes."""
    def begin(**changes):
        settings = {key: changes.pop(key) for key in SETTINGS if key in changes}
        process.reset(dict(SEED, settings=dict({'time_scale': 0.01}, **settings), **changes))
        return process
    return begin


@pytest.fixture
def double(start):
    """The double with the demo's seed and quick tasks."""
    return start()


@pytest.fixture
def powerful(start):
    """powerful(...) is start(...) with a token that holds every privilege the tests need, on everything."""
    grants = [['zentoria@pve', '/', *world.AUDITOR, *world.DATASTORE_ADMIN, *world.VM_ADMIN, 'SDN.Use', 'Sys.Modify',
               'Sys.AccessNetwork']]
    return lambda **changes: start(**dict({'grants': grants}, **changes))
