#!/usr/bin/env python3
"""Drives a machine with qemu.qmp (PyPI) from preconfig to quit: client.py TINAMOU SOCKET. What it prints is client.golden."""

import asyncio
import subprocess
import sys
import time

from qemu.qmp import EventListener, ExecuteError, QMPClient


async def main(program: str, path: str) -> None:
    child = subprocess.Popen(
        [program, "system-mipsel", "--preconfig", "-S", "-display", "none",
         "-qmp", f"unix:{path},server=on,wait=off"], stderr=subprocess.DEVNULL)
    qmp = QMPClient("tinamou")
    while True:
        try:
            await qmp.connect(path)
            break
        except Exception:  # pylint: disable=broad-except
            if child.poll() is not None:
                raise
            time.sleep(0.02)
    events = EventListener()
    qmp.register_listener(events)

    async def run(name, args=None):
        try:
            print(name, await qmp.execute(name, args))
        except ExecuteError as e:
            print(name, e.error_class, str(e))

    print("greeting", qmp.greeting.QMP.version["qemu"]["major"], qmp.greeting.QMP.capabilities)
    await run("query-status")
    await run("cont")
    await run("x-exit-preconfig")
    await run("query-status")
    await run("cont")
    await run("query-status")
    await run("stop")
    await run("no-such-command")
    await run("human-monitor-command", {"command-line": "info status"})
    schema = await qmp.execute("query-qmp-schema")
    print("schema", len(schema) > 200)
    await run("quit")
    try:
        await qmp.disconnect()
    except EOFError:
        pass
    while not events.empty():
        print("event", (await events.get())["event"])
    print("exit", child.wait())


asyncio.run(main(*sys.argv[1:]))
