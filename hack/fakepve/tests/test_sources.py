"""Templates from an URL, images from a registry, besides what is recorded."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

DOWNLOAD = '/nodes/pve1/storage/local/download-url'
PULL = '/nodes/pve1/storage/local/oci-registry-pull'
CONTENT = b'a template' * 100
SHA512 = hashlib.sha512(CONTENT).hexdigest()
IMAGES = {'docker.io/library/redis:7': 5000, 'docker.io/library/web:1': {
    'size': 7, 'entrypoint': '/web -x', 'env': 'A=1', 'ostype': 'alpine'}}


class Files(BaseHTTPRequestHandler):
    """One file, and 404 for everything else."""

    def do_HEAD(self):
        """Its headers."""
        self.send_response(200 if self.path == '/t.tar.zst' else 404)
        self.send_header('Content-Length', str(len(CONTENT)) if self.path == '/t.tar.zst' else '0')
        self.send_header('Content-Type', 'application/zstd')
        self.end_headers()

    def do_GET(self):
        """Headers and content."""
        self.server.fetched += 1
        self.do_HEAD()
        if self.path == '/t.tar.zst':
            self.wfile.write(CONTENT)

    def log_message(self, *args):
        """Not on the terminal."""


@pytest.fixture
def files():
    """A server of one file on this machine; its address."""
    server = ThreadingHTTPServer(('127.0.0.1', 0), Files)
    server.fetched = 0
    server.url = 'http://127.0.0.1:{0}'.format(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def node(powerful):
    """The double with two images in its registry, for a token that may do all of this."""
    return powerful(oci_images=IMAGES)


def download(node, url, name='t_1_amd64.tar.zst', **more):
    """Download a template; the task's exit status."""
    given = {'content': 'vztmpl', 'filename': name, 'url': url}
    return node.finish(node.call('POST', DOWNLOAD, dict(given, **more)).data)


def templates(node):
    """{name: size} of the templates on `local`."""
    rows = node.get('/nodes/pve1/storage/local/content', content='vztmpl')
    return {row['volid'].partition('/')[2]: row['size'] for row in rows}


def test_a_download_with_the_right_checksum_is_a_template(node, files):
    checksum = {'checksum': SHA512.upper(), 'checksum-algorithm': 'sha512'}
    assert download(node, files.url + '/t.tar.zst', **checksum) == 'OK'
    assert templates(node)['t_1_amd64.tar.zst'] == len(CONTENT)
    assert node.create(700, ostemplate='local:vztmpl/t_1_amd64.tar.zst') == 'OK'
    assert download(node, files.url + '/t.tar.zst', **checksum) == 'OK'
    assert files.fetched == 1


def test_a_wrong_checksum_or_a_missing_file_leaves_nothing(node, files):
    wrong = {'checksum': '0' * 128, 'checksum-algorithm': 'sha512'}
    assert download(node, files.url + '/t.tar.zst', **wrong) == (
        "checksum mismatch: got '{0}' != expect '{1}'".format(SHA512, '0' * 128))
    assert download(node, files.url + '/none.tar.zst').endswith('ERROR 404: Not Found.')
    assert download(node, 'http://example.invalid/t.tar.zst') == (
        "download failed: wget: unable to resolve host address 'example.invalid'")
    assert 't_1_amd64.tar.zst' not in templates(node)


def test_an_existing_file_is_not_replaced(node, files):
    assert download(node, files.url + '/t.tar.zst') == 'OK'
    path = '/var/lib/vz/template/cache/t_1_amd64.tar.zst'
    assert download(node, files.url + '/t.tar.zst') == "refusing to override existing file '{0}'".format(path)
    wrong = {'checksum': 'ab', 'checksum-algorithm': 'md5'}
    assert download(node, files.url + '/t.tar.zst', **wrong).startswith('mismatch (got ')


def test_a_file_name_without_a_known_ending_is_refused(node, files):
    answer = node.call('POST', DOWNLOAD, {'content': 'vztmpl', 'filename': 'x.exe', 'url': files.url + '/t.tar.zst'})
    assert (answer.status, answer.body['errors']) == (400, {'filename': 'wrong file extension'})


def test_the_metadata_of_an_url_are_those_of_its_server(node, files):
    assert node.get('/nodes/pve1/query-url-metadata', url=files.url + '/t.tar.zst') == {
        'filename': 't.tar.zst', 'size': len(CONTENT), 'mimetype': 'application/zstd'}
    answer = node.call('GET', '/nodes/pve1/query-url-metadata', {'url': files.url + '/none'})
    assert (answer.status, answer.reason) == (500, "invalid server response: '404 Not Found'")


def test_an_image_becomes_a_template_and_a_guest_of_it_has_its_entrypoint(node):
    for reference in IMAGES:
        assert node.finish(node.call('POST', PULL, {'reference': reference}).data) == 'OK'
    assert templates(node)['redis_7.tar'] == 5000
    assert node.create(700, ostemplate='local:vztmpl/redis_7.tar', entrypoint='/bin/sh', env='B=2') == 'OK'
    config = node.get('/nodes/pve1/lxc/700/config')
    assert (config['ostype'], config['entrypoint'], config['env']) == ('unmanaged', '/bin/sh', 'B=2')
    assert node.create(701, ostemplate='local:vztmpl/web_1.tar') == 'OK'
    config = node.get('/nodes/pve1/lxc/701/config')
    assert (config['ostype'], config['entrypoint'], config['env']) == ('alpine', '/web -x', 'A=1')


def test_a_pull_names_its_file_and_does_not_replace_one(node):
    given = {'reference': 'docker.io/library/redis:7', 'filename': 'cache.tar'}
    assert node.finish(node.call('POST', PULL, given).data) == 'OK'
    assert 'cache.tar' in templates(node)
    answer = node.call('POST', PULL, given)
    assert (answer.status, answer.reason) == (
        500, "refusing to override existing file '/var/lib/vz/template/cache/cache.tar'")
    assert node.get('/nodes/pve1/query-oci-repo-tags', reference='docker.io/library/redis') == ['7']


def test_an_image_that_does_not_exist_fails_the_task(node):
    upid = node.call('POST', PULL, {'reference': 'docker.io/library/nothing:1'}).data
    assert node.finish(upid).startswith("command 'skopeo copy docker://docker.io/library/nothing:1 oci-archive:")
