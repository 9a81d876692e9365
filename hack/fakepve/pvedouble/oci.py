"""Images of registries: what a pull makes of a reference, and a create of the image.

Nothing is ever fetched: the setting `oci_images` says what there is, as {"docker.io/library/redis:7": bytes}, or with
{"size", "entrypoint", "env", "ostype"} in the place of the bytes.
"""

from fakepve import PveError, TaskError
from fakepve.storage import die

from .downloads import file_name


def archive_name(reference):
    """The file that a reference becomes: the last part of its name and its tag."""
    name, _, tag = reference.rpartition(':')
    return '{0}_{1}.tar'.format(name.rpartition('/')[2], tag)


class Oci:
    """Mixin: oci-registry-pull, query-oci-repo-tags and what a guest takes over from an image."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._own = {}

    def _routes_oci(self):
        return [('POST', '/nodes/{node}/storage/{storage}/oci-registry-pull', self._oci_pull),
                ('GET', '/nodes/{node}/query-oci-repo-tags', self._oci_tags)]

    async def _oci_tags(self, v, user):
        tags = sorted(image.rpartition(':')[2] for image in self.oci_images
                      if image.rpartition(':')[0] == v['reference'])
        if not tags:
            raise PveError(500, "command 'skopeo list-tags docker://{0}' failed: exit code 1".format(v['reference']))
        return tags

    async def _oci_pull(self, v, user):
        reference, sid = v['reference'], v['storage']
        filename = file_name(v.get('filename') or archive_name(reference))
        if not filename.endswith('.tar'):
            filename += '.tar'
        store, path = self.file_target(sid, v['node'], 'vztmpl', filename)
        volname = 'vztmpl/' + filename
        if volname in store.get('volumes', {}):
            raise die("refusing to override existing file '{0}'".format(path))

        log, number = [], len(self.tasklog)

        async def body():
            await self.pause(self.ct_secs['download'])
            if reference not in self.oci_images:
                log.append('level=fatal msg="initializing source docker://{0}: reading manifest: manifest '
                           'unknown"'.format(reference))
                raise TaskError("command 'skopeo copy docker://{0} oci-archive:{1}.tmp.{2}' failed: exit code 1".format(
                    reference, path, number))
            image = self._image(reference)
            if image['size'] > self._space(store)[2]:
                raise TaskError("command 'skopeo copy docker://{0} oci-archive:{1}.tmp.{2}' failed: exit code 1".format(
                    reference, path, number))
            self.store_file(sid, filename, image['size'], 'vztmpl')
            store['volumes'][volname]['image'] = image
        return await self.task(v['node'], 'ociregistrypull', filename, user, body, log=log)

    def _image(self, reference):
        """{"size", ...} of an image that there is."""
        image = self.oci_images[reference]
        return dict(image) if isinstance(image, dict) else {'size': int(image)}

    # ---------------------------------------------------------------- a guest of an image

    async def _lxc_create(self, user, v):
        sid, _, volname = str(v['ostemplate']).partition(':')
        volume = self.storages.get(sid, {}).get('volumes', {}).get(volname, {})
        own = {key: v[key] for key in ('ostype', 'arch') if key in v}   # else they are those of the template
        if 'image' in volume:
            told = dict({'cmode': 'console', 'entrypoint': '/sbin/init', 'ostype': 'unmanaged'}, **volume['image'])
            own.update((key, v.get(key, value)) for key, value in told.items() if key != 'size')
        self._own[int(v['vmid'])] = {} if v.get('restore') else own
        return await super()._lxc_create(user, v)

    def after_task(self, record, vm):
        """What the image says of itself is in the configuration, unless the call said otherwise."""
        if record['type'] == 'vzcreate' and vm is not None:
            vm.config.update(self._own.pop(vm.vmid, {}))
        super().after_task(record, vm)
