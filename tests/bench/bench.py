#!/usr/bin/env python3
"""Our speed beside QEMU's, as ratios of CPU time (all threads, user and system), taken side by side in one run.

    bench.py [--guest mipsel|i386|amd64] [--only NAMES] [--hosts NAMES] [--repeat N] [--boots N] [--together] [--json FILE] [--scale X]

Every host boots the same kernel and initramfs; the CPU time until GUEST-SHELL is the boot's. Then all machines stay up,
and each work loop is typed at their consoles in turn, so that what else the computer does hits all of them alike. A loop's
time is the CPU time that the machine's process used between two markers that the guest prints around it.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from measure import GUESTS_DIR, HERE, TOP, Console, bundle, found, ratio, table, tinamou

# Iterations for which qemu-system 7.2 takes 2 to 4 CPU seconds on a computer of 2024, and what fraction of them the slow
# hosts run (their times are scaled up).
LOOPS = {
    "intmix": 30000,
    "sha256": 260000,
    "qsort": 1200,
    "memcpy": 2500,
    "chase": 1800,
    "matmul": 800,
    "syscalls": 4000000,
    "forks": 4000,
}
SLOW = 0.1

# Debian's programs (work/row.sh), on the PC's guests: how often.
PROGRAMS = {
    "matmul87": 100,
    "gzip": 8,
    "xz": 4,
    "7z": 3,
    "sqlite3": 3,
    "pystart": 8,
    "pyloop": 60,
    "pipes": 120,
}


# Guest: QEMU's name of the target, the board, the page's bundle.
GUESTS = {
    "mipsel": ("mipsel", "malta", "mips"),
    "i386": ("i386", "pc", "x86"),
    "amd64": ("x86_64", "pc", "x86"),
}
GUEST = "mipsel"


def guest_file(name):
    f = os.path.join(GUESTS_DIR, GUEST, name)
    if not os.path.exists(f):
        sys.exit(f"bench: {f} is missing: ./build.sh guests, tests/bench/guest.sh")
    return f


def machine_words(initrd):
    append = "console=ttyS0 panic=-1 quiet"
    return ["-M", GUESTS[GUEST][1], "-m", "256", "-kernel", guest_file("vmlinux"), "-initrd", initrd, "-append", append, "-nographic"]


class Host:
    """Something that runs the guest's programs; `command` makes its command line for an initramfs."""

    def __init__(self, name, command, slow=False, browser=False):
        self.name, self.command, self.slow, self.browser = name, command, slow, browser
        self.console, self.said = None, ""

    def boot(self, initrd):
        self.console = Console(self.command(initrd), self.browser)
        cpu = self.console.expect("GUEST-SHELL")
        self.console.expect("guest# ")
        return cpu

    def bench(self, name, iterations):
        program = "/bench/row" if name in PROGRAMS else "bench" if GUEST == "mipsel" else "/bench/bench"
        return self.console.timed(f"{program} {name} {iterations}")

    def peak_rss(self):
        return self.console.peak_rss()

    def close(self):
        if self.console:
            self.said = self.console.close()
        self.console = None


class UserMode:
    """qemu-user: the program alone."""

    name, slow = "qemu-user", False

    def bench(self, name, iterations):
        if name in PROGRAMS:
            raise OSError("in user.py")
        program = os.path.join(TOP, "build/programs", GUEST, "bench")
        before = os.times()
        out = subprocess.run([f"qemu-{GUESTS[GUEST][0]}-static", program, name, str(iterations)], capture_output=True, text=True)
        after = os.times()
        return (
            after.children_user + after.children_system - before.children_user - before.children_system,
            out.stdout.split("\n")[0],
        )

    def close(self):
        pass


def hosts(chosen):
    ours = tinamou()
    target, _, part = GUESTS[GUEST]
    kernel = guest_file("vmlinux")
    no_net = [] if GUEST == "mipsel" else ["-net", "none"]
    all_hosts = {}
    if found(f"qemu-system-{target}"):
        words = ["-net", "none", "-vga", "none", "-no-reboot"]
        all_hosts["qemu"] = Host("qemu", lambda i: [f"qemu-system-{target}", "-accel", "tcg", *machine_words(i), *words])
    if os.access(ours, os.X_OK):
        all_hosts["jit"] = Host("jit", lambda i: [ours, f"system-{target}", *machine_words(i), *no_net, "-accel", "jit"])
    if found(f"qemu-{target}-static"):
        all_hosts["qemu-user"] = UserMode()
    if os.access(ours, os.X_OK) and chosen and "interp" in chosen:
        all_hosts["interp"] = Host("interp", lambda i: [ours, f"system-{target}", *machine_words(i), *no_net, "-accel", "interp"], slow=True)
    browser = ["node", os.path.join(HERE, "chromium.mjs")]
    if found("node") and bundle(part):
        all_hosts["node"] = Host("node", lambda i: ["node", os.path.join(HERE, "node.mjs"), target, kernel, i])
        if found("chromium"):
            all_hosts["chromium"] = Host("chromium", lambda i: [*browser, target, kernel, i], browser=True)
    if found("node") and GUEST == "i386" and os.path.exists(os.path.join(HERE, "node_modules/v86")):
        all_hosts["v86-node"] = Host("v86-node", lambda i: ["node", os.path.join(HERE, "v86.mjs"), kernel, i])
        if found("chromium"):
            all_hosts["v86-chromium"] = Host("v86-chromium", lambda i: [*browser, "v86", kernel, i], browser=True)
    return [h for name, h in all_hosts.items() if not chosen or name in chosen]


def boot(host, initrd, times, note):
    """One boot; the machine stays up. On a computer that has no time for it, Linux may find that its timer does not tick: once more, then."""
    for attempt in range(3):
        host.close()
        try:
            cpu = host.boot(initrd)
        except RuntimeError as e:
            note(f"boot {host.name}, attempt {attempt + 1}: {e}")
            host.close()
            continue
        times.setdefault(host.name, []).append(cpu)
        note(f"boot {host.name} {cpu:.2f}")
        return


def each(hosts, together, what):
    """Calls it with every host: in turn, or at the same time."""
    if not together:
        for h in hosts:
            what(h)
        return
    with ThreadPoolExecutor(max(1, len(hosts))) as pool:
        list(pool.map(what, hosts))


def boots(all_hosts, repeat, together, note, seconds, only):
    """CPU seconds of the boots per host; the machines of the last round stay up."""
    machines = [h for h in all_hosts if isinstance(h, Host)]
    large = GUEST != "mipsel"
    for i in range(repeat):
        # The interpreter's boots take long and hardly vary.
        now = [h for h in machines if not h.slow or i + 1 == repeat]
        each(now, together, lambda h: boot(h, guest_file("initrd.gz"), seconds.setdefault("boot", {}), note))
    if not large or not only & {*LOOPS, *PROGRAMS}:
        return

    # The PC's loops want the larger initramfs.
    def larger(h):
        boot(h, guest_file("initrd-bench.gz"), seconds.setdefault("boot, 12 MB of initramfs", {}), note)
        if h.console:
            h.console.timed("/bench/row prepare")

    each(machines, together, larger)


def page_figures(host):
    """What the page saw of its machine, and how soon a warm page's lab guest speaks."""
    lines = [s for s in host.said.splitlines() if s.startswith("{")]
    figures = json.loads(lines[-1]) if lines else {}
    first = subprocess.run(["node", os.path.join(HERE, "chromium.mjs"), "--first-byte", "lab"], capture_output=True, text=True)
    if first.returncode == 0:
        figures["warmFirstByteMs"] = float(first.stdout)
    return figures


def own_figures():
    """One boot with -x-timing, up to the shell."""
    ours = next(iter(hosts(["jit"])), None)
    if not ours:
        return {}
    out = subprocess.run([*ours.command(guest_file("initrd.gz")), "-x-timing", "-x-exit-on", "GUEST-SHELL"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    lines = [s for s in (out.stdout + out.stderr).splitlines() if s.startswith("{")]
    return json.loads(lines[-1]) if lines else {}


def ratio(theirs, ours):
    return f"{theirs / ours:.2f}" if theirs and ours else "-"


def table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))).rstrip())


def summary(result):
    """Ratios only: how many times faster than qemu-system each host is."""
    median = {row: {h: statistics.median(t) for h, t in by.items() if t} for row, by in result["seconds"].items()}
    names = [h for h in result["hosts"] if h not in ("qemu", "qemu-user")]
    print(f"\nTimes faster than qemu-system-{GUESTS[GUEST][0]} (CPU time of all threads; below 1: slower)\n")
    rows = [["", *names]]
    for row, by in median.items():
        rows.append([row, *(ratio(by.get("qemu"), by.get(h)) for h in names)])
    table(rows)
    for mine in ("node", "chromium"):
        theirs = f"v86-{mine}"
        if mine in names and theirs in names:
            print(f"\nTimes faster than v86 in the same {mine}\n")
            table([[row, ratio(by.get(theirs), by.get(mine))] for row, by in median.items()])
    if "qemu-user" in result["hosts"]:
        print(f"\nThe same against qemu-{GUESTS[GUEST][0]}-static (no system, no softmmu)\n")
        rows = [["", *names]]
        for row, by in median.items():
            if "qemu-user" in by:
                rows.append([row, *(ratio(by["qemu-user"], by.get(h)) for h in names)])
        table(rows)
    first = [
        f"{row} {t['jit'][0] / median[row]['jit']:.1f}"
        for row, t in result["seconds"].items()
        if not row.startswith("boot") and t.get("jit") and median[row].get("jit")
    ]
    if first:
        print("\nFirst run of a loop against its median (natively; compiling included):", ", ".join(first))
    own = result.get("own")
    if own:
        mib, insns = 1 << 20, max(own["insns"], 1)
        print("\nOur boot to the shell, natively")
        print(f"  interpreted               {100 * own['interpreted'] / insns:.1f} % of {own['insns'] / 1e6:.0f} M instructions")
        print(f"  lifted                    {own['lifted'] / 1e3:.0f} k blocks, {own['blocks']} kept")
        print(f"  modules, regions          {own['modules']}, {own['regions']}; {own['module_bytes'] / mib:.1f} MiB of wasm; flushes {own['flushes']}")
        for key in ("calls", "resumes", "slow_accesses", "exceptions"):
            print(f"  {key.replace('_', ' '):24}  one in {insns / max(own[key], 1):.0f} instructions ({own[key] / 1e6:.2f} M)")
        if timing := own.get("timing"):
            total = sum(v for k, v in timing.items() if k != "compile_seconds")
            part = lambda key: f"{100 * timing[key + '_seconds'] / max(total, 1e-9):.0f} %"
            print(
                f"  its thread's time         interpreting {part('interpret')}, compiled code {part('run')}, lifting {part('lift')}, "
                f"making modules {part('build')}, rest {part('other')}"
            )
            print(f"  the engine's compilation  {100 * timing['compile_seconds'] / max(total, 1e-9):.0f} % of the same, on other threads")
    if page := result.get("page"):
        print("\nChromium, from boot to the last loop")
        print(f"  longest slice, longest gap in which the page did not react: {page.get('longestSliceMs', 0):.0f} ms, {page.get('longestGapMs', 0):.0f} ms")
        print(f"  modules, wasm             {page.get('modules', 0)}, {page.get('moduleBytes', 0) / (1 << 20):.1f} MiB")
        if "warmFirstByteMs" in page:
            print(f"  first serial output of the lab guest on a warm page: {page['warmFirstByteMs']:.0f} ms")
    for name, rss in result.get("rss", {}).items():
        print(f"  peak RSS, {name:14}  {rss / (1 << 20):.0f} MiB at the end, the guest's 256 MiB included where touched")
    footnote = ", ".join(f"{row} {by['qemu']:.1f}" for row, by in median.items() if by.get("qemu"))
    print(f"\nqemu-system's CPU seconds: {footnote}. Medians of {result['repeat']}; ratios of a busy computer vary by 15 %.")
    for line in result["wrong"]:
        print(f"WRONG: {line}")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--guest", choices=GUESTS, default="mipsel", help="Debian's kernel of this architecture")
    args.add_argument("--only", help="rows, or `boot`, separated by commas")
    args.add_argument("--hosts", help="of: qemu, jit, qemu-user, interp, node, chromium, v86-node, v86-chromium")
    args.add_argument("--repeat", type=int, default=3)
    args.add_argument("--boots", type=int, help="boots, if not so many as runs of the loops")
    args.add_argument("--together", action="store_true", help="all hosts at the same time, not in turn")
    args.add_argument("--scale", type=float, default=1, help="multiplies all iteration counts")
    args.add_argument("--json", help="where all times go")
    args.add_argument("--quiet", action="store_true", help="the tables alone")
    args = args.parse_args()
    global GUEST
    GUEST = args.guest
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    note = (lambda s: None) if args.quiet else (lambda s: print(s, file=sys.stderr, flush=True))
    loops = LOOPS if GUEST == "mipsel" else {**LOOPS, **PROGRAMS}
    only = {*(args.only.split(",") if args.only else ["boot", *loops])}
    all_hosts = hosts(args.hosts.split(",") if args.hosts else None)
    stopped = False
    result = {"hosts": [h.name for h in all_hosts], "repeat": args.repeat, "seconds": {}, "rss": {}, "wrong": []}
    try:
        boots(all_hosts, (args.boots or args.repeat) if "boot" in only else 0 if GUEST != "mipsel" else 1, args.together, note, result["seconds"], only)
        up = [h for h in all_hosts if isinstance(h, UserMode) or h.console]
        for name, count in loops.items():
            if name not in only:
                continue
            count = max(1, int(count * args.scale))
            times, said = result["seconds"].setdefault(name, {}), {}

            def measure(h):
                part = SLOW if h.slow else 1
                try:
                    seconds, line = h.bench(name, max(1, int(count * part)))
                except (RuntimeError, OSError) as e:
                    note(f"{name} {h.name}: {e}")
                    if isinstance(h, Host):
                        up.remove(h)
                    return
                note(f"{name} {h.name} {seconds:.2f} {line}")
                times.setdefault(h.name, []).append(seconds / part)
                # What it prints depends on the iterations alone.
                if not line.startswith(f"{name} ") or "WRONG" in line or said.setdefault(part, line) != line:
                    result["wrong"].append(f"{h.name}: {line} (expected {said.get(part)})")

            for _ in range(args.repeat):
                each(list(up), args.together, measure)
        result["rss"] = {h.name: h.peak_rss() for h in up if isinstance(h, Host)}
    except KeyboardInterrupt:
        note("stopped: the tables hold what was measured")
        stopped = True
    finally:
        for h in all_hosts:
            h.close()
    if "jit" in result["hosts"] and not stopped:
        result["own"] = own_figures()
    for h in all_hosts:
        if h.name == "chromium" and not stopped:
            result["page"] = page_figures(h)
    summary(result)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(result, f, indent=1)
    sys.exit(1 if result["wrong"] else 0)


main()
