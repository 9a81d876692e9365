"""What can be set at start (seed key "settings") and at run time (POST /ctl/set), with its defaults.

Times are PVE seconds: multiplied by time_scale they are real ones. At time_scale 0 every task ends before its request
returns and nothing ever waits.
"""

import copy

DEFAULTS = {
    'time_scale': 0.05,
    # pvestatd: /cluster/resources shows names, states and sizes as they were at the last of its rounds.
    'resource_lag': 10.0,
    # A failed authentication is answered this late.
    'auth_delay': 3.0,
    # How long a write or a task waits for a guest's lock file.
    'lock_wait': 10.0,
    # pveproxy closes the connection after every answer that pvedaemon gave (all writes, status/current, tasks).
    'close_protected': True,
    # pvedaemon is down: pveproxy still answers /version and /cluster/resources, all else is 595.
    'daemon_down': False,
    # How long a firewall write holds the cluster-wide lock, and how long the next one waits for it.
    'fw_write_secs': 0.0,
    'fw_lock_wait': 10.0,
    'quorate': True,
    'shutdown_default_timeout': 60,
    # None: a standalone node, which has no cluster row in /cluster/status.
    'cluster_name': None,
    'bridges': ['vmbr0'],
    # Seconds since 1970 that archives are named after; None: the real time.
    'clock': None,
    # The time zone that nodes say they are in; their clocks show UTC all the same.
    'timezone': 'UTC',
    # Of PVE: calls and parameters that came later are unknown.
    'version': '9.2.11',
    # Paths of devices that no node has: a guest with one of them as devN does not start.
    'missing_devices': [],
    # What a pull from a registry finds: {"docker.io/library/redis:7": bytes}.
    'oci_images': {},
}

# fakepve's own durations plus those of the power tasks, in PVE seconds.
DURATIONS = ('create', 'clone', 'destroy', 'snapshot', 'delsnapshot', 'rollback', 'template', 'resize', 'migrate',
             'start', 'stop', 'shutdown', 'backup', 'restore', 'move', 'download')

# Attributes of one container that POST /ctl/set may change.
GUEST = ('start_secs', 'stop_secs', 'shutdown_secs', 'start_error', 'status', 'node', 'config', 'pending', 'stats',
         'ha_state', 'pool')


class Settings:
    """Mixin: the settings as attributes, and how to put them back."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        vars(self).update(copy.deepcopy(DEFAULTS))
        self.ct_secs.update(dict.fromkeys(DURATIONS, 0))
        self._start_settings = None

    def change_settings(self, values):
        """Change settings by name; ct_secs is merged. ValueError names what is not known."""
        values = dict(values)
        durations = values.pop('ct_secs', {})
        unknown = sorted((set(values) - set(DEFAULTS)) | (set(durations) - set(DURATIONS)))
        if unknown:
            raise ValueError('not a setting: ' + ', '.join(unknown))
        vars(self).update(values)
        self.ct_secs.update(durations)

    def settings(self):
        """All settings as they are now."""
        return dict({key: getattr(self, key) for key in DEFAULTS}, ct_secs=dict(self.ct_secs))

    def keep_settings(self):
        """Remember the settings; restore_settings() goes back to them."""
        self._start_settings = copy.deepcopy(self.settings())

    def restore_settings(self):
        """Back to what keep_settings() saw."""
        self.change_settings(copy.deepcopy(self._start_settings))
