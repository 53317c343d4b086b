#!/usr/bin/env python3
"""Linux on a PC's own screen and keyboard, without a serial console: boots, types, and compares the picture with the one that QEMU showed.

    screen.py [--record] COMMAND [ARGUMENT...]

COMMAND is a machine's command line (QEMU's or ours) with the i386 guest and `console=tty0`; the script adds QMP and takes the display away.
The picture is golden/screen-i386.ppm.gz, recorded with
    screen.py --record qemu-system-i386 -M pc -m 128 -net none -kernel build/guests/i386/vmlinux -initrd build/guests/i386/initrd.gz \\
        -append console=tty0
A cell of the cursor may differ. Prints `ok screen`, or what is wrong with status 1."""
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, 'golden', 'screen-i386.ppm.gz')
CELL = 9 * 16
LEVELS = bytes(n >> 3 for n in range(256))
NAMES = {' ': 'spc', '\n': 'ret', ';': 'semicolon', '-': 'minus', '/': 'slash', '.': 'dot'}
# Behind the second line nothing is left of the boot.
TYPED = 'cd /; clear; seq -w 8 12; ls -d bin; echo abc/def.ghi-jkl; md5sum init\n'


def main():
    record = sys.argv[1:2] == ['--record']
    command = sys.argv[2 if record else 1:]
    if not command:
        sys.exit(__doc__)
    limit = time.monotonic() + float(os.environ.get('TIMEOUT', '300'))
    picture = os.path.join(tempfile.mkdtemp(prefix='tinamou-screen-'), 'screen.ppm')
    machine = subprocess.Popen(command + ['-display', 'none', '-serial', 'null', '-qmp', 'stdio'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def qmp(name, **arguments):
        machine.stdin.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        machine.stdin.flush()
        while True:
            answer = json.loads(machine.stdout.readline())
            if 'error' in answer:
                sys.exit(f'screen.py: {name}: {answer["error"]["desc"]}')
            if 'return' in answer:
                return

    def raw():
        qmp('screendump', filename=picture)
        with open(picture, 'rb') as f:
            return f.read()

    def shown():
        # Engines widen 6 bits of a colour to 8 in two ways.
        return raw().translate(LEVELS)

    def until(wanted, what):
        while not wanted():
            if time.monotonic() > limit:
                sys.exit(f'screen.py: {what}')
            time.sleep(1)

    def key(name):
        qmp('send-key', keys=[{'type': 'qcode', 'data': name}])
        # The guest's keyboard holds a few keys alone.
        time.sleep(0.15)

    def type_line():
        for c in TYPED:
            key(NAMES.get(c, c))

    def differs(a, b):
        """Pixels that differ; all if the pictures are not of one kind."""
        if len(a) != len(b):
            return len(b)
        return sum(a[i:i + 3] != b[i:i + 3] for i in range(len(a) % 3, len(a), 3))

    try:
        machine.stdout.readline()
        qmp('qmp_capabilities')
        # The shell is there when the picture no longer moves.
        last = [b'', 0]

        def still():
            now = shown()
            calm = now.count(b'\x15') > 3000 and differs(last[0], now) <= CELL
            last[:] = [now, last[1] + 1 if calm else 0]
            return last[1] >= 8

        until(still, 'the screen never came to rest')
        type_line()
        if record:
            time.sleep(5)
            with gzip.GzipFile(GOLDEN, 'wb', mtime=0) as f:
                f.write(raw())
            return print('recorded')
        golden = gzip.open(GOLDEN).read().translate(LEVELS)
        until(lambda: differs(golden, shown()) <= CELL, f'the screen is not as QEMU showed it ({picture})')
        os.remove(picture)
        print('ok screen')
    finally:
        machine.kill()


main()
