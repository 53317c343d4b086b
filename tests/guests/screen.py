#!/usr/bin/env python3
"""Systems on a PC's own screen and keyboard, without a serial console: boots, types, and compares the picture with the one that QEMU showed.

    screen.py [--record] NAME COMMAND [ARGUMENT...]

NAME is one of SCREENS below, COMMAND a machine's command line (QEMU's or ours); the script adds QMP and takes display and serial port away.
The pictures are golden/screen-NAME.ppm.gz. Linux's was recorded with
    screen.py --record i386 qemu-system-i386 -M pc -m 128 -net none -kernel build/guests/i386/vmlinux -initrd build/guests/i386/initrd.gz \\
        -append console=tty0
the firmware's (for tests/web/systems.mjs) in the same way, its menu with this program, whose drives have other names; the installer's are
taken by `system.sh --record`. A cell of the cursor may differ. Prints `ok screen NAME`, or what is wrong with status 1."""
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CELL = 9 * 16
# Bytes that are compared at once.
ROW = 3 * 1280
LEVELS = bytes(n >> 3 for n in range(256))
NAMES = {' ': 'spc', '\n': 'ret', ';': 'semicolon', '-': 'minus', '/': 'slash', '.': 'dot', '\x1b': 'esc'}
# What is typed once the screen is at rest (pixels lit, seconds without a change; pixels white, where it rests before), if anything is.
SCREENS = {
    # Behind the second line nothing is left of the boot.
    'i386': (3000, 8, 'cd /; clear; seq -w 8 12; ls -d bin; echo abc/def.ghi-jkl; md5sum init\n'),
    # Firmware that waits for a key (in QEMU -boot menu=on,splash-time=60000 makes it wait long enough), and its menu.
    'bios': (1000, 4, ''),
    'bios-menu': (1000, 4, '\x1b'),
    # Debian's installer: its first question in text and in graphics, the same on i386 and amd64.
    'installer': (3000, 40, ''),
    'installer-gtk': (3000, 60, '', 20000),
}


def main():
    record = sys.argv[1:2] == ['--record']
    name, *command = sys.argv[2 if record else 1:] or ['']
    if name not in SCREENS or not command:
        sys.exit(__doc__)
    lit, seconds, typed, *white = SCREENS[name]
    golden_file = os.path.join(HERE, 'golden', f'screen-{name}.ppm.gz')
    limit = time.monotonic() + float(os.environ.get('TIMEOUT', '300'))
    picture = os.path.join(tempfile.mkdtemp(prefix='tinamou-screen-'), 'screen.ppm')
    machine = subprocess.Popen(command + ['-display', 'none', '-serial', 'null', '-qmp', 'stdio'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def qmp(name, **arguments):
        machine.stdin.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        machine.stdin.flush()
        while line := machine.stdout.readline():
            answer = json.loads(line)
            if 'error' in answer:
                sys.exit(f'screen.py: {name}: {answer["error"]["desc"]}')
            if 'return' in answer:
                return
        sys.exit(f'screen.py: {name}: the machine is gone')

    def raw():
        qmp('screendump', filename=picture)
        with open(picture, 'rb') as f:
            return f.read()

    def shown():
        # Engines widen 6 bits of a colour to 8 in two ways.
        return raw().translate(LEVELS)

    def until(wanted, what, seconds=1):
        while not wanted():
            if time.monotonic() > limit:
                sys.exit(f'screen.py: {what}')
            time.sleep(seconds)

    def key(name):
        qmp('send-key', keys=[{'type': 'qcode', 'data': name}])
        # The guest's keyboard holds a few keys alone.
        time.sleep(0.15)

    def differs(a, b):
        """Pixels that differ; all if the pictures are not of one kind."""
        if len(a) != len(b):
            return len(b)
        first = len(a) % 3
        rows = (range(row, min(row + ROW, len(a)), 3) for row in range(first, len(a), ROW) if a[row:row + ROW] != b[row:row + ROW])
        return sum(a[i:i + 3] != b[i:i + 3] for row in rows for i in row)

    try:
        machine.stdout.readline()
        qmp('qmp_capabilities')
        # What waits for keys is there when the picture no longer moves.
        last = [b'', 0]

        def still():
            now = shown()
            calm = len(now) - now.count(0) > 3 * lit and differs(last[0], now) <= CELL and all(now.count(LEVELS[255]) >= 3 * n for n in white)
            last[:] = [now, last[1] + 1 if calm else 0]
            return last[1] >= seconds

        if typed or record:
            until(still, 'the screen never came to rest')
        for c in typed:
            key(NAMES.get(c, c))
        if record:
            time.sleep(5)
            with gzip.GzipFile(golden_file, 'wb', mtime=0) as f:
                f.write(raw())
            return print('recorded')
        golden = gzip.open(golden_file).read().translate(LEVELS)
        until(lambda: differs(golden, shown()) <= CELL, f'the screen is not as QEMU showed it ({picture})', 3)
        os.remove(picture)
        print(f'ok screen {name}')
    finally:
        machine.kill()


main()
