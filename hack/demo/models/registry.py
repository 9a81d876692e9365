#!/usr/bin/env python3
"""A registry with one model, which it serves slowly, so that its way can be watched.

    registry.py PORT-FILE BYTES BYTES-PER-SECOND

Listens on a free port of loopback and writes it to PORT-FILE. The model, lib/tiny:1b, is true to the form of llama.cpp
(GGUF) and of no use: one tensor of noise.
"""
import hashlib
import json
import os
import random
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json'


def gguf(size):
    """A model of about so many bytes."""
    def text(value):
        return struct.pack('<Q', len(value)) + value.encode()

    floats = size // 4
    keys = {'general.architecture': 'llama', 'general.name': 'tiny', 'llama.context_length': 64,
            'llama.embedding_length': 8, 'llama.block_count': 1, 'llama.attention.head_count': 1,
            'tokenizer.ggml.model': 'llama'}
    out = b'GGUF' + struct.pack('<IQQ', 3, 1, len(keys))
    for key, value in keys.items():
        out += text(key)
        out += struct.pack('<I', 8) + text(value) if isinstance(value, str) else struct.pack('<II', 4, value)
    out += text('token_embd.weight') + struct.pack('<IQIQ', 1, floats, 0, 0)
    out += bytes(-len(out) % 32)
    return out + random.Random(1).randbytes(floats * 4)


def digest(data):
    return 'sha256:' + hashlib.sha256(data).hexdigest()


def contents(size):
    """The manifest, and the parts by digest."""
    config = json.dumps({'model_format': 'gguf', 'model_family': 'llama', 'model_families': ['llama'],
                         'model_type': '1K', 'file_type': 'F32', 'architecture': 'amd64', 'os': 'linux',
                         'rootfs': {'type': 'layers', 'diff_ids': []}}).encode()
    parts = [('model', gguf(size)), ('template', b'{{ .Prompt }}'), ('params', b'{"num_ctx":64}')]

    def entry(kind, data):
        return {'mediaType': kind, 'digest': digest(data), 'size': len(data)}

    manifest = {'schemaVersion': 2, 'mediaType': MANIFEST_TYPE,
                'config': entry('application/vnd.docker.container.image.v1+json', config),
                'layers': [entry('application/vnd.ollama.image.' + kind, data) for kind, data in parts]}
    blobs = {digest(data): data for data in [config] + [data for _, data in parts]}
    return json.dumps(manifest, separators=(',', ':')).encode(), blobs


class Registry(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    manifest, blobs, rate = b'', {}, 0

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        path = self.path.partition('?')[0].rstrip('/')  # what the Location leads to ends with a question mark
        if path == '/v2':
            return self.whole(b'{}', 'application/json', body)
        if path == '/v2/lib/tiny/manifests/1b':
            return self.whole(self.manifest, MANIFEST_TYPE, body)
        data = self.blobs.get(path.rsplit('/', 1)[-1]) if path.startswith('/v2/lib/tiny/blobs/') else None
        if data is None:
            self.send_response(404)
            self.send_header('Content-Length', '0')
            return self.end_headers()
        return self.part(data, body)

    def whole(self, data, kind, body):
        self.send_response(200)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        self.send_header('Location', '?')  # Ollama asks each answer for one
        self.end_headers()
        if body:
            self.wfile.write(data)

    def part(self, data, body):
        first, last, wanted = 0, len(data) - 1, self.headers.get('Range', '')
        if wanted.startswith('bytes='):
            begin, _, end = wanted[len('bytes='):].partition('-')
            first, last = int(begin), min(int(end or last), last)
        self.send_response(206 if wanted else 200)
        self.send_header('Content-Type', 'application/octet-stream')
        self.send_header('Content-Length', str(last + 1 - first))
        self.send_header('Accept-Ranges', 'bytes')
        self.send_header('Location', '?')
        if wanted:
            self.send_header('Content-Range', 'bytes %d-%d/%d' % (first, last, len(data)))
        self.end_headers()
        step = max(self.rate // 10, 1)
        try:
            for begin in range(first, last + 1, step) if body else []:
                self.wfile.write(data[begin:min(begin + step, last + 1)])
                time.sleep(0.1)
        except ConnectionError:
            self.close_connection = True  # Ollama looks at the head of the first answer, and hangs up

    def log_message(self, *_):
        pass


def main():
    port_file, size, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    Registry.manifest, Registry.blobs = contents(size)
    Registry.rate = rate
    server = ThreadingHTTPServer(('127.0.0.1', 0), Registry)
    with open(port_file + '.new', 'w', encoding='utf-8') as file:
        file.write(str(server.server_port))
    os.replace(port_file + '.new', port_file)
    server.serve_forever()


if __name__ == '__main__':
    main()
