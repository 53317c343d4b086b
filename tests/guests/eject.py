#!/usr/bin/env python3
"""Plugs cards into a running PC and has its Linux let go of them, by ACPI: eject.py TINAMOU TARGET FOLDER (with vmlinux and initrd.gz).

`device_del` alone only asks; DEVICE_DELETED comes once the kernel has ejected the card. Exit status 0 if all of that came, TIMEOUT
(seconds, 300 unless set) for each step.
"""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

LIMIT = float(os.environ.get("TIMEOUT", "300"))


def connect(path, child):
    while True:
        try:
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            s.settimeout(LIMIT)
            return s
        except OSError:
            if child.poll() is not None:
                sys.exit("it ended")
            time.sleep(0.05)


class Qmp:
    def __init__(self, s):
        self.s, self.lines, self.events = s, s.makefile("r"), []
        self.lines.readline()
        self.run("qmp_capabilities")

    def next(self):
        return json.loads(self.lines.readline())

    def run(self, name, **args):
        self.s.sendall(json.dumps({"execute": name, "arguments": args}).encode())
        while True:
            m = self.next()
            if "event" not in m:
                return m
            self.events.append(m)

    def deleted(self, id):
        while True:
            m = self.events.pop(0) if self.events else self.next()
            if m["event"] == "DEVICE_DELETED" and m["data"].get("device") == id:
                return


def main():
    program, target, folder = sys.argv[1:]
    with tempfile.TemporaryDirectory() as d:
        child = subprocess.Popen(
            [program, target, "-M", "pc", "-m", "256", "-display", "none", "-net", "none",
             "-kernel", f"{folder}/vmlinux", "-initrd", f"{folder}/initrd.gz", "-append", "console=ttyS0 panic=-1 quiet",
             "-serial", f"unix:{d}/serial,server=on,wait=off", "-qmp", f"unix:{d}/qmp,server=on,wait=off"])
        serial, said = connect(f"{d}/serial", child), b""
        qmp = Qmp(connect(f"{d}/qmp", child))

        def until(text):
            nonlocal said
            while text not in said:
                more = serial.recv(65536)
                if not more:
                    sys.exit(f"not seen: {text}")
                said += more
            before, said = said.split(text, 1)
            return before.decode(errors="replace")

        def slot9():
            # What the terminal echoes has no 2 there.
            serial.sendall(b"ls /sys/bus/pci/devices; echo END$((1+1))\n")
            return "0000:00:09.0" in until(b"END2")

        def wait_for(there):
            for _ in range(100):
                if slot9() == there:
                    return
                time.sleep(0.1)
            sys.exit(f"slot 9: not {there}")

        until(b"# ")
        wait_for(False)
        for driver in ("e1000", "virtio-rng-pci"):
            assert qmp.run("device_add", driver=driver, id="card", addr="9") == {"return": {}}
            wait_for(True)
            assert qmp.run("device_del", id="card") == {"return": {}}
            qmp.deleted("card")
            wait_for(False)
        qmp.run("quit")
        sys.exit(child.wait())


main()
