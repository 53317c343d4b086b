"""What the benches share: CPU time and memory of processes, consoles of machines, tables."""
import os
import select
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.normpath(os.path.join(HERE, "..", ".."))
GUESTS_DIR = os.environ.get("GUESTS_DIR", os.path.join(TOP, "build/guests"))
TICK = os.sysconf("SC_CLK_TCK")
LIMIT_S = float(os.environ.get("TIMEOUT", "600"))


def tinamou():
    ours = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(TOP, "target")), "release/tinamou")
    return os.environ.get("TINAMOU", ours)


def found(program):
    return any(os.access(os.path.join(p, program), os.X_OK) for p in os.environ["PATH"].split(os.pathsep))


def bundle(name):
    """Whether this part of the page is built."""
    return os.path.exists(os.path.join(TOP, f"www/pkg/{name}/tinamou_web_bg.wasm"))


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
    below, todo = [], list(children.get(pid, []))
    while todo:
        one = todo.pop()
        below.append(one)
        todo += children.get(one, [])
    return below


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

    def expect(self, text, limit=LIMIT_S):
        """CPU time when the text came."""
        raw, deadline = text.encode(), time.monotonic() + limit
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

    def since(self, at):
        """What was said from there to what was expected last."""
        return self.said[at : self.seen].decode("utf-8", "replace")

    def type(self, line):
        # A key at a time, as a hand would: a 16550 without flow control loses what comes faster.
        for key in line.encode() + b"\r":
            self.process.stdin.write(bytes([key]))
            time.sleep(0.004)

    def send(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def timed(self, command):
        """CPU seconds of a command of the guest's shell, and the first line it printed."""
        self.type(f"echo BE''GIN; {command}; echo EN''D")
        start = self.expect("BEGIN\r\n")
        at = self.seen
        end = self.expect("END\r\n")
        line = self.since(at).split("\r\n")[0]
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
        below = browsers_of(self.process.pid) if self.browser else []
        self.process.kill()
        self.process.wait()
        for pid in below:
            try:
                os.kill(pid, 9)
            except OSError:
                pass
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")


def ratio(theirs, ours):
    return f"{theirs / ours:.2f}" if theirs and ours else "-"


def table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print("  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))).rstrip())
