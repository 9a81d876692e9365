"""Command line: start a double and its control port, print where they are, and serve until stopped."""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile

from aiohttp import web

from .app import Double
from .control import Control


def arguments(argv=None):
    """The command line."""
    parser = argparse.ArgumentParser(prog='hack/fakepve/run', description=__doc__)
    parser.add_argument('--seed', help='JSON file with what it holds at the start (README.md)')
    parser.add_argument('--host', default='127.0.0.1', help='address to listen on (default: %(default)s)')
    parser.add_argument('--port', type=int, default=0, help='port of the API (default: a free one)')
    parser.add_argument('--ctl-port', type=int, default=0, help='port of the control port (default: a free one)')
    parser.add_argument('--ca-out', help='where to write the PEM of the CA that clients trust')
    parser.add_argument('--info-out', help='where to write the first output line too')
    parser.add_argument('--san', action='append', default=[], help='another name or address in the certificate')
    parser.add_argument('--until-eof', action='store_true', help='stop when standard input is closed')
    parser.add_argument('--time-scale', type=float, help='real seconds for a PVE second (default: the seed, else 0.05)')
    return parser.parse_args(argv)


def write_file(path, text):
    """Write a file whole or not at all, so that a waiting reader never sees half of it."""
    folder = os.path.dirname(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(dir=folder)
    with os.fdopen(handle, 'w') as out:
        out.write(text)
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)


async def serve(args):
    """Serve until SIGTERM or SIGINT."""
    double = Double(host=args.host, port=args.port, names=args.san)
    data = {}
    if args.seed:
        with open(args.seed, encoding='utf-8') as file:
            data = json.load(file)
    if args.time_scale is not None:
        data['settings'] = dict(data.get('settings', {}), time_scale=args.time_scale)
    double.plant(data)
    await double.open()
    control = web.AppRunner(Control(double).app(), access_log=None)
    await control.setup()
    await web.TCPSite(control, '127.0.0.1', args.ctl_port).start()
    if args.ca_out:
        write_file(args.ca_out, double.identity.ca_pem)
    line = json.dumps({'url': double.url, 'ctl': 'http://127.0.0.1:{0}'.format(control.addresses[0][1]),
                       'fingerprint': double.identity.fingerprint})
    if args.info_out:
        write_file(args.info_out, line + '\n')
    print(line, flush=True)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    if args.until_eof:
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), lambda: os.read(sys.stdin.fileno(), 4096) or stopped.set())
    await stopped.wait()
    os._exit(0)     # calls that the barrier holds are not waited for


def main():
    """Entry; exit code 1, with the reason, for a seed that cannot be used or an address that cannot be taken."""
    try:
        asyncio.run(serve(arguments()))
    except (ValueError, KeyError) as error:
        sys.exit('fakepve: the seed cannot be used: {0}'.format(error))
    except OSError as error:
        sys.exit('fakepve: {0}'.format(error))


main()
