#!/usr/bin/env python3
"""Types into a machine's serial console and prints what it said.

    drive.py SCRIPT -- COMMAND [ARGUMENT...]

SCRIPT holds one step per line:
    expect TEXT     wait until TEXT has been printed, after what earlier steps waited for
    send TEXT       type TEXT and a carriage return (\\xNN, \\b and so on are understood)
    type TEXT       the same without the carriage return
    end             wait for the machine to end by itself
    # ...           a comment
Without `end` the machine is stopped after the last step. The transcript goes to stdout with carriage returns
removed; the exit status is 0 if every step was met, 1 with a line on stderr otherwise.
TIMEOUT (seconds, 300 unless set) limits each step; KEY_TIME (0.002) passes between two keys.
"""
import os
import select
import subprocess
import sys
import time


def main():
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        sys.exit(__doc__)
    limit_s = float(os.environ.get("TIMEOUT", "300"))
    key_s = float(os.environ.get("KEY_TIME", "0.002"))
    steps = [line.rstrip("\n") for line in open(sys.argv[1])]
    steps = [s for s in steps if s and not s.startswith("#")]
    guest = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    said, seen, error = b"", 0, None

    def listen(deadline):
        """Reads once; False at the end of the output or at the deadline."""
        nonlocal said
        ready, _, _ = select.select([guest.stdout], [], [], max(0, deadline - time.monotonic()))
        data = os.read(guest.stdout.fileno(), 65536) if ready else b""
        said += data
        return bool(data)

    for step in steps:
        verb, _, text = step.partition(" ")
        raw = text.encode().decode("unicode_escape").encode("latin-1")
        deadline = time.monotonic() + limit_s
        if verb == "expect":
            while (at := said.find(raw, seen)) < 0:
                if not listen(deadline):
                    error = f"not seen: {text}"
                    break
            seen = at + len(raw)
        elif verb in ("send", "type"):
            # A key at a time, as a hand would: a 16550 without flow control loses what comes faster.
            for key in raw + (b"\r" if verb == "send" else b""):
                guest.stdin.write(bytes([key]))
                time.sleep(key_s)
        elif verb == "end":
            while listen(deadline):
                pass
            if guest.poll() is None and time.monotonic() >= deadline:
                error = "did not end"
        else:
            error = f"unknown step: {step}"
        if error:
            break
    guest.kill()
    guest.wait()
    sys.stdout.write(said.replace(b"\r", b"").decode("utf-8", "replace"))
    if error:
        sys.exit(f"drive.py: {error}")


main()
