#!/usr/bin/env python3
"""Drives machines with qemu.qmp (PyPI), one from preconfig to its migration and the one that takes it over: client.py TINAMOU SOCKET. What
it prints is client.golden."""

import asyncio
import subprocess
import sys
import time

from qemu.qmp import EventListener, ExecuteError, QMPClient


async def start(program, path, *options):
    child = subprocess.Popen(
        [program, "system-mipsel", "-display", "none", "-qmp", f"unix:{path},server=on,wait=off", *options],
        stderr=subprocess.DEVNULL)
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
    return child, qmp, events


async def run(qmp, name, args=None):
    try:
        print(name, await qmp.execute(name, args))
    except ExecuteError as e:
        print(name, e.error_class, str(e))


async def until(qmp, status):
    """Asks until the migration is so far."""
    while True:
        reply = await qmp.execute("query-migrate")
        if reply.get("status") == status:
            return reply
        await asyncio.sleep(0.01)


async def end(child, qmp, events):
    await run(qmp, "quit")
    try:
        await qmp.disconnect()
    except EOFError:
        pass
    while not events.empty():
        event = await events.get()
        print("event", event["event"], event.get("data", {}).get("status", ""))
    print("exit", child.wait())


async def main(program: str, path: str) -> None:
    first = await start(program, path, "--preconfig", "-S")
    qmp = first[1]
    print("greeting", qmp.greeting.QMP.version["qemu"]["major"], qmp.greeting.QMP.capabilities)
    await run(qmp, "query-status")
    await run(qmp, "cont")
    await run(qmp, "x-exit-preconfig")
    await run(qmp, "query-status")
    await run(qmp, "cont")
    await run(qmp, "query-status")
    await run(qmp, "stop")
    await run(qmp, "no-such-command")
    await run(qmp, "human-monitor-command", {"command-line": "info status"})
    schema = await qmp.execute("query-qmp-schema")
    print("schema", len(schema) > 200)

    second = await start(program, path + "2", "-incoming", f"unix:{path}.state")
    there = second[1]
    await run(there, "query-status")
    on = {"capabilities": [{"capability": "events", "state": True}]}
    for one in (qmp, there):
        await run(one, "migrate-set-capabilities", on)
    await run(qmp, "migrate", {"uri": f"unix:{path}.state"})
    done = await until(qmp, "completed")
    print("remaining", done["ram"]["remaining"])
    await until(there, "completed")
    await run(qmp, "query-status")
    await run(there, "query-status")
    await run(there, "cont")
    await run(there, "query-status")
    await end(*first)
    await end(*second)


asyncio.run(main(*sys.argv[1:]))
