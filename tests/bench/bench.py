#!/usr/bin/env python3
"""Our speed beside QEMU's, as ratios of CPU time (all threads, user and system), taken side by side in one run.

    bench.py [--guest mipsel|i386|amd64] [--only NAMES] [--hosts NAMES] [--repeat N] [--json FILE] [--scale X]

Every host boots the same kernel and initramfs; the CPU time until GUEST-SHELL is the boot's. Then all machines stay up,
and each work loop is typed at their consoles in turn, so that what else the computer does hits all of them alike. A loop's
time is the CPU time that the machine's process used between two markers that the guest prints around it.
"""
import argparse
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.normpath(os.path.join(HERE, "..", ".."))
TICK = os.sysconf("SC_CLK_TCK")
LIMIT_S = float(os.environ.get("TIMEOUT", "600"))

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


# Guest: QEMU's name of the target, the board, the page's bundle.
GUESTS = {
    "mipsel": ("mipsel", "malta", "mips"),
    "i386": ("i386", "pc", "x86"),
    "amd64": ("x86_64", "pc", "x86"),
}
GUEST = "mipsel"


def guest_files():
    d = os.path.join(os.environ.get("GUESTS_DIR", os.path.join(TOP, "build/guests")), GUEST)
    kernel, initrd = os.path.join(d, "vmlinux"), os.path.join(d, "initrd.gz")
    for f in (kernel, initrd):
        if not os.path.exists(f):
            sys.exit(f"bench: {f} is missing: ./build.sh guests")
    return kernel, initrd


def machine_words():
    kernel, initrd = guest_files()
    append = "console=ttyS0 panic=-1 quiet"
    return ["-M", GUESTS[GUEST][1], "-m", "256", "-kernel", kernel, "-initrd", initrd, "-append", append, "-nographic"]


def found(program):
    return any(os.access(os.path.join(p, program), os.X_OK) for p in os.environ["PATH"].split(os.pathsep))


def cpu_of(pid):
    """CPU seconds of a process, with threads that have ended."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def browsers_of(pid):
    """Pids of the browser's processes below a process."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as f:
                    children.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(entry))
            except OSError:
                pass
    found, todo = [], list(children.get(pid, []))
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


def status_bytes(pid, key):
    try:
        with open(f"/proc/{pid}/status") as f:
            return next((int(line.split()[1]) * 1024 for line in f if line.startswith(key)), 0)
    except OSError:
        return 0


class Console:
    """A machine whose serial console is a process's stdin and stdout; with `browser`, one in a browser that it started."""

    def __init__(self, command, browser=False):
        self.browser, self.gone = browser, {}
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, bufsize=0)
        self.said, self.seen = b"", 0

    def cpu(self):
        """CPU seconds so far; a browser's processes that have ended keep what was last seen of them."""
        if not self.browser:
            return cpu_of(self.process.pid)
        for pid in browsers_of(self.process.pid):
            try:
                self.gone[pid] = cpu_of(pid)
            except OSError:
                pass
        return sum(self.gone.values())

    def peak_rss(self):
        """Of the machine's process; in a browser of its largest, which is the page's renderer."""
        pids = browsers_of(self.process.pid) if self.browser else [self.process.pid]
        return max((status_bytes(pid, "VmHWM") for pid in pids), default=0)

    def expect(self, text):
        """CPU time when the text came."""
        raw, deadline = text.encode(), time.monotonic() + LIMIT_S
        while (at := self.said.find(raw, self.seen)) < 0:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not data:
                self.log.seek(0)
                tail = (self.said[-400:] + self.log.read()[-400:]).decode("utf-8", "replace")
                raise RuntimeError(f"not seen: {text}\n{tail}")
            self.said += data
        self.seen = at + len(raw)
        return self.cpu()

    def type(self, line):
        # A key at a time, as a hand would: a 16550 without flow control loses what comes faster.
        for key in line.encode() + b"\r":
            self.process.stdin.write(bytes([key]))
            time.sleep(0.004)

    def bench(self, name, iterations):
        """CPU seconds and the line the loop printed."""
        self.type(f"echo BE''GIN; bench {name} {iterations}; echo EN''D")
        start = self.expect("BEGIN\r\n")
        at = self.seen
        end = self.expect("END\r\n")
        line = self.said[at : self.seen].decode("utf-8", "replace").split("\r\n")[0]
        self.expect("guest# ")
        return end - start, line

    def close(self):
        """Ends the machine; what it wrote to stderr."""
        if self.browser:
            # It closes the browser and tells what the page saw.
            self.process.stdin.close()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                pass
        self.process.kill()
        self.process.wait()
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")


class Host:
    """Something that runs the guest's programs."""

    def __init__(self, name, command, slow=False, browser=False):
        self.name, self.command, self.slow, self.browser = name, command, slow, browser
        self.console, self.said = None, ""

    def boot(self):
        self.console = Console(self.command, self.browser)
        cpu = self.console.expect("GUEST-SHELL")
        self.console.expect("guest# ")
        return cpu

    def bench(self, name, iterations):
        return self.console.bench(name, iterations)

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
    words = machine_words()
    ours = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(TOP, "target")), "release/tinamou")
    ours = os.environ.get("TINAMOU", ours)
    target, _, bundle = GUESTS[GUEST]
    native = [ours, f"system-{target}", *words]
    if GUEST != "mipsel":
        native += ["-net", "none"]
    all_hosts = {}
    if found(f"qemu-system-{target}"):
        qemu = [f"qemu-system-{target}", "-accel", "tcg", *words, "-net", "none", "-vga", "none", "-no-reboot"]
        all_hosts["qemu"] = Host("qemu", qemu)
    if os.access(ours, os.X_OK):
        all_hosts["jit"] = Host("jit", [*native, "-accel", "jit"])
    if found(f"qemu-{target}-static"):
        all_hosts["qemu-user"] = UserMode()
    if os.access(ours, os.X_OK):
        all_hosts["interp"] = Host("interp", [*native, "-accel", "interp"], slow=True)
    # What starts a browser's machine knows Malta's guest alone.
    if GUEST == "mipsel" and found("node") and os.path.exists(os.path.join(TOP, f"www/pkg/{bundle}/tinamou_web_bg.wasm")):
        all_hosts["node"] = Host("node", ["node", os.path.join(HERE, "node.mjs"), *guest_files()])
        if found("chromium"):
            page = ["node", os.path.join(HERE, "chromium.mjs"), "debian-mipsel"]
            all_hosts["chromium"] = Host("chromium", page, browser=True)
    return [h for name, h in all_hosts.items() if not chosen or name in chosen]


def boots(all_hosts, repeat, note, times):
    """CPU seconds of the boots per host; the machines of the last round stay up."""
    machines = [h for h in all_hosts if isinstance(h, Host)]
    for i in range(repeat):
        for h in machines:
            # The interpreter's boots take long and hardly vary.
            if h.slow and i + 1 < repeat:
                continue
            h.close()
            try:
                times.setdefault(h.name, []).append(h.boot())
                note(f"boot {h.name} {times[h.name][-1]:.2f}")
            except RuntimeError as e:
                note(f"boot {h.name}: {e}")
                h.close()


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
    ours = next((h for h in hosts(["jit"])), None)
    if not ours:
        return {}
    out = subprocess.run([*ours.command, "-x-timing", "-x-exit-on", "GUEST-SHELL"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
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
    names = [h for h in result["hosts"] if h != "qemu"]
    print(f"\nTimes faster than qemu-system-{GUESTS[GUEST][0]} (CPU time of all threads; below 1: slower)\n")
    rows = [["", *names]]
    for row, by in median.items():
        rows.append([row, *(ratio(by.get("qemu"), by.get(h)) for h in names)])
    table(rows)
    if "qemu-user" in names:
        print(f"\nThe same against qemu-{GUESTS[GUEST][0]}-static (no system, no softmmu)\n")
        names.remove("qemu-user")
        rows = [["", *names]]
        for row, by in median.items():
            if "qemu-user" in by:
                rows.append([row, *(ratio(by["qemu-user"], by.get(h)) for h in names)])
        table(rows)
    first = [
        f"{row} {t['jit'][0] / median[row]['jit']:.1f}"
        for row, t in result["seconds"].items()
        if row != "boot" and t.get("jit") and median[row].get("jit")
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
    args.add_argument("--only", help="loops, or `boot`, separated by commas")
    args.add_argument("--hosts", help="of: qemu, jit, qemu-user, interp, node, chromium")
    args.add_argument("--repeat", type=int, default=3)
    args.add_argument("--scale", type=float, default=1, help="multiplies all iteration counts")
    args.add_argument("--json", help="where all times go")
    args.add_argument("--quiet", action="store_true", help="the tables alone")
    args = args.parse_args()
    global GUEST
    GUEST = args.guest
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    note = (lambda s: None) if args.quiet else (lambda s: print(s, file=sys.stderr, flush=True))
    only = args.only.split(",") if args.only else ["boot", *LOOPS]
    all_hosts = hosts(args.hosts.split(",") if args.hosts else None)
    result = {"hosts": [h.name for h in all_hosts], "repeat": args.repeat, "seconds": {}, "rss": {}, "wrong": []}
    try:
        boots(all_hosts, args.repeat if "boot" in only else 1, note, result["seconds"].setdefault("boot", {}))
        up = [h for h in all_hosts if isinstance(h, UserMode) or h.console]
        for name, count in LOOPS.items():
            if name not in only:
                continue
            count = max(1, int(count * args.scale))
            times, said = result["seconds"].setdefault(name, {}), {}
            for _ in range(args.repeat):
                for h in list(up):
                    part = SLOW if h.slow else 1
                    try:
                        seconds, line = h.bench(name, max(1, int(count * part)))
                    except (RuntimeError, OSError) as e:
                        note(f"{name} {h.name}: {e}")
                        up.remove(h)
                        continue
                    note(f"{name} {h.name} {seconds:.2f} {line}")
                    times.setdefault(h.name, []).append(seconds / part)
                    # What it prints depends on the iterations alone.
                    if not line.startswith(f"{name} ") or "WRONG" in line or said.setdefault(part, line) != line:
                        result["wrong"].append(f"{h.name}: {line} (expected {said.get(part)})")
        result["rss"] = {h.name: h.peak_rss() for h in up if isinstance(h, Host)}
    except KeyboardInterrupt:
        note("stopped: the tables hold what was measured")
    finally:
        for h in all_hosts:
            h.close()
    if "jit" in result["hosts"]:
        result["own"] = own_figures()
    for h in all_hosts:
        if isinstance(h, Host) and h.browser:
            result["page"] = page_figures(h)
    summary(result)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(result, f, indent=1)
    sys.exit(1 if result["wrong"] else 0)


main()
