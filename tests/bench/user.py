#!/usr/bin/env python3
"""The user mode beside qemu-user, as ratios of CPU time (all threads, user and system), taken in turn in one run.

    user.py [--guest mipsel|i386|x86_64] [--only NAMES] [--hosts qemu,jit,node,chromium] [--repeat N] [--json FILE] [--scale X]

Natively a row is a process of its own, from its start to its end. In Node and Chromium one process, whose emulator is warm, runs all rows: files
are fetched before; making the program is counted in the starts alone, since a system in a tar file must be unpacked for the others.
"""
import argparse
import hashlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys

from measure import GUESTS_DIR, HERE, TOP, Console, bundle, found, ratio, table, tinamou

# Guest: Debian's name.
GUESTS = {"mipsel": "mipsel", "i386": "i386", "x86_64": "amd64"}
ENV = ["LC_ALL=C", "PATH=/usr/bin:/bin", "HOME=/tmp", "PYTHONHASHSEED=0", "PYTHONDONTWRITEBYTECODE=1", "TERM=dumb"]
PYTHON = "/usr/bin/python3.11"
DATA = "bench-data"
DATA_MIB = 16


class Row:
    """A command; `root` before a path of Debian's, `work` before one of ours. `times` runs are one measurement; a `long` row is measured once.
    `unit`: what it prints counts its work, a number found by this expression, and CPU time for so much is compared."""

    def __init__(self, argv, times=1, tree=False, starts=False, long=False, unit=None):
        self.argv, self.times, self.tree, self.starts, self.long, self.unit = argv, times, tree, starts, long, unit


def rows(guest, scale):
    n = lambda count: str(max(1, int(count * scale)))
    bench = lambda name, count: Row(["{bench}", name, n(count)])
    # It works for so many seconds of its clock: in Node and Chromium they are counted in instructions.
    speed = lambda *what: Row(["{root}/usr/bin/openssl", "speed", "-seconds", "2", "-bytes", "16384", *what], tree=True, unit=r"(\d+) [\w-]+(?: ops)?(?:'s)? in [\d.]+s")
    python = lambda *argv, **how: Row(["{root}" + PYTHON, *argv], tree=True, **how)
    all_rows = {
        "first instruction": Row(["{work}/exit"], times=20, starts=True),
        "static start": Row(["{start}", "a"], times=20, starts=True),
        "/bin/true": Row(["{root}/bin/true"], times=10, starts=True),
        "intmix": bench("intmix", 20000),
        "sha256": bench("sha256", 80000),
        "memcpy": bench("memcpy", 1500),
        "matmul": bench("matmul", 1500),
        "syscalls": bench("syscalls", 600000),
        "forks": bench("forks", 3000),
        "openssl sha256": speed("sha256"),
        "openssl aes-128-cbc": speed("-evp", "aes-128-cbc"),
        "zlib, 16 MiB": python("{work}/deflate.py", "{data}", str(DATA_MIB * scale), long=True),
        "xz -0, 16 MiB": Row(["{root}/usr/bin/xz", "-0", "-k", "-c", "{data}"], tree=True, long=True),
        "sqlite3": Row(["{root}/usr/bin/sqlite3", ":memory:", ".read {work}/inserts.sql"], times=2, tree=True),
        "python start": python("-c", "print(7)", times=4),
        "python loops": python("{work}/loops.py", n(60)),
    }
    if guest == "i386":
        all_rows["matmul, x87"] = Row(["{work}/bench87", "matmul", n(60)])
    return all_rows


def filled(words, places):
    return [re.sub(r"\{(\w+)\}", lambda m: places[m[1]], w) for w in words]


def resolved(root, path):
    """Where a link leads inside a tree whose root is there."""
    while os.path.islink(path):
        to = os.readlink(path)
        path = root + to if to.startswith("/") else os.path.join(os.path.dirname(path), to)
    return path


class Native:
    """A process a run."""

    def __init__(self, name, guest, command):
        arch = GUESTS[guest]
        root = os.path.join(GUESTS_DIR, arch, "bench")
        self.name, self.command = name, [*command, "-L", root]
        self.places = {
            "root": root,
            "work": os.path.join(root, "bench"),
            "bench": os.path.join(TOP, "build/programs", arch, "bench"),
            "start": os.path.join(TOP, "tests/user/images", guest, "start"),
            "data": os.path.join(GUESTS_DIR, DATA),
        }

    def run(self, row):
        command = [*self.command, *filled(row.argv, self.places)]
        env = dict(e.split("=", 1) for e in ENV)
        env["PATH"] = os.environ["PATH"]
        before = os.times()
        for _ in range(row.times):
            out = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=env)
        after = os.times()
        seconds = after.children_user + after.children_system - before.children_user - before.children_system
        text = out.stdout[-600:].decode("utf-8", "replace")
        err = out.stderr[-600:].decode("utf-8", "replace")
        return seconds, {"status": out.returncode, "sum": hashlib.sha256(out.stdout).hexdigest(), "out": text, "err": err}

    def close(self):
        pass


class Page:
    """Node or a browser, which runs programs on request (programs-run.js)."""

    def __init__(self, name, guest, command, browser):
        arch = GUESTS[guest]
        self.name, self.guest, self.command, self.browser = name, guest, command, browser
        self.tar = f"build/guests/{arch}/bench.tar"
        self.places = {"root": "", "work": "/bench", "bench": "/bin/bench", "start": "/bin/start", "data": "/data"}
        self.sources = {
            "/bin/bench": f"build/programs/{arch}/bench",
            "/bin/start": f"tests/user/images/{guest}/start",
            "/bench/exit": f"build/guests/{arch}/bench/bench/exit",
            "/bench/bench87": f"build/guests/{arch}/bench/bench/bench87",
            "/data": f"build/guests/{DATA}",
        }
        self.console = None

    def files(self, row, argv):
        """What the program opens, where there is no tree."""
        if row.argv[0] == "{root}/bin/true":
            top = os.path.join(GUESTS_DIR, GUESTS[self.guest], "bench")
            libraries = [os.path.join(d, f) for d, _, names in os.walk(top) for f in names if re.match(r"(ld.*|libc)\.so", f)]
            found = {"/bin/true": f"{top}/bin/true", **{name[len(top) :]: name for name in libraries}}
            return {name: os.path.relpath(resolved(top, path), TOP) for name, path in found.items()}
        return {a: self.sources[a] for a in argv if a in self.sources}

    def run(self, row):
        if not self.console:
            self.console = Console(self.command, self.browser)
            self.console.expect("HELLO\n")
        argv = filled(row.argv, self.places)
        request = {"target": self.guest, "argv": argv, "env": ENV, "files": self.files(row, argv)}
        if row.tree:
            request["tar"] = self.tar
        if row.starts:
            request["times"] = row.times
        else:
            request["made"] = True
        seconds = 0
        for _ in range(1 if row.starts else row.times):
            at = self.console.seen
            self.console.send(json.dumps(request))
            start = self.console.expect("\n")
            if "READY" not in self.console.since(at):
                raise RuntimeError(self.console.since(at).strip())
            at = self.console.seen
            self.console.send("GO")
            seconds += self.console.expect("\n") - start
            if "DONE" in self.console.since(at):
                at = self.console.seen
                self.console.expect("\n")
            answer = json.loads(self.console.since(at).strip().split(" ", 1)[1])
            if "error" in answer:
                raise RuntimeError(answer["error"])
        answer["status"] = answer["status"] >> 8 if answer["status"] & 0x7F == 0 else -(answer["status"] & 0x7F)
        return seconds, answer

    def close(self):
        if self.console:
            self.console.close()


def hosts(guest, chosen):
    all_hosts = []
    if found(f"qemu-{guest}-static"):
        all_hosts.append(Native("qemu", guest, [f"qemu-{guest}-static"]))
    if os.access(tinamou(), os.X_OK):
        all_hosts.append(Native("jit", guest, [tinamou(), guest]))
    if found("node") and bundle("user"):
        all_hosts.append(Page("node", guest, ["node", os.path.join(HERE, "programs.mjs")], False))
        if found("chromium"):
            all_hosts.append(Page("chromium", guest, ["node", os.path.join(HERE, "chromium.mjs"), "programs"], True))
    return [h for h in all_hosts if not chosen or h.name in chosen]


def measured(host, row):
    """CPU seconds, and what is to be the same on all hosts."""
    seconds, answer = host.run(row)
    if row.unit:
        count = re.search(row.unit, answer["err"] + answer["out"])
        if not count or answer["status"]:
            raise RuntimeError(f"{answer['status']}: {answer['err'][-200:]}")
        return seconds / max(int(count[1]), 1), f"status {answer['status']}"
    return seconds, f"status {answer['status']}, {answer['sum'][:12]}"


def summary(guest, result):
    names = [h for h in result["hosts"] if h != "qemu"]
    median = {row: {h: statistics.median(t) for h, t in by.items() if t} for row, by in result["seconds"].items()}
    print(f"\nTimes faster than qemu-{guest}-static (CPU time of all threads; below 1: slower)\n")
    table([["", *names], *([row, *(ratio(by.get("qemu"), by.get(h)) for h in names)] for row, by in median.items())])
    if "syscalls" in median:
        count = int(result["rows"]["syscalls"].argv[2])
        rates = (f"{h} {count / t / 1e6:.2f} M" for h, t in median["syscalls"].items() if t)
        print(f"\nSystem calls per CPU second: {', '.join(rates)}")
    starts = (f"{row} {1000 * by['qemu'] / result['rows'][row].times:.1f} ms" for row, by in median.items() if "qemu" in by and result["rows"][row].starts)
    seconds = (f"{row} {by['qemu']:.1f}" for row, by in median.items() if "qemu" in by and not result["rows"][row].unit)
    print(f"qemu-user's CPU seconds: {', '.join(seconds)}. A start: {', '.join(starts)}. Medians of {result['repeat']}, long rows once.")
    for line in result["wrong"]:
        print(f"WRONG: {line}")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--guest", choices=GUESTS, default="i386")
    args.add_argument("--only", help="rows, separated by commas")
    args.add_argument("--hosts", help="of: qemu, jit, node, chromium")
    args.add_argument("--repeat", type=int, default=3)
    args.add_argument("--scale", type=float, default=1, help="multiplies all counts and sizes")
    args.add_argument("--json", help="where all times go")
    args.add_argument("--quiet", action="store_true", help="the tables alone")
    args = args.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    note = (lambda s: None) if args.quiet else (lambda s: print(s, file=sys.stderr, flush=True))
    all_rows = rows(args.guest, args.scale)
    # A row's name may have a comma.
    only = [r for r in all_rows if not args.only or any(w in r for w in args.only.split(","))]
    all_hosts = hosts(args.guest, args.hosts.split(",") if args.hosts else None)
    result = {"hosts": [h.name for h in all_hosts], "repeat": args.repeat, "rows": all_rows, "seconds": {}, "wrong": []}
    try:
        for name in only:
            said, times = None, result["seconds"].setdefault(name, {})
            for h in all_hosts * (1 if all_rows[name].long else args.repeat):
                try:
                    seconds, line = measured(h, all_rows[name])
                except (RuntimeError, OSError) as e:
                    note(f"{name} {h.name}: {e}")
                    why = str(e).strip().splitlines() or ["no answer"]
                    result["wrong"].append(f"{h.name}: {name}: {why[-1]}")
                    continue
                note(f"{name} {h.name} {seconds:.3g} {line}")
                times.setdefault(h.name, []).append(seconds)
                said = said or line
                if line != said:
                    result["wrong"].append(f"{h.name}: {name}: {line} (expected {said})")
    except KeyboardInterrupt:
        note("stopped: the tables hold what was measured")
    finally:
        for h in all_hosts:
            h.close()
    summary(args.guest, result)
    if args.json:
        with open(args.json, "w") as f:
            json.dump({k: v for k, v in result.items() if k != "rows"}, f, indent=1)
    sys.exit(1 if result["wrong"] else 0)


main()
