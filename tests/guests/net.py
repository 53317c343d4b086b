#!/usr/bin/env python3
"""A Debian guest uses the network of its machine, QEMU's or ours, against servers on this host.

    tests/guests/net.py NAME COMMAND...

COMMAND is a machine's command line without its -nic's hostfwd and without -append: `@NET@` in it becomes `user,hostfwd=...`, and `-append`
is added. The guest is one of initrd-net.gz (net/net.sh). Prints `ok NAME`, or what is wrong, with status 1.
"""

import hashlib
import http.server
import socket
import socketserver
import subprocess
import sys
import threading
import time

FILE = bytes((n * n + (n >> 8)) & 255 for n in range(300_000))
GIVEN = bytes((n * 7 + (n >> 6)) & 255 for n in range(200_000))
PATIENCE = 240


class Web(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(FILE)))
        self.end_headers()
        self.wfile.write(FILE)

    def log_message(self, *_):
        pass


class Tftp(socketserver.BaseRequestHandler):
    """Gives FILE's first 20000 bytes, block by block (RFC 1350), from one socket."""

    def handle(self):
        packet, sock = self.request
        kind = packet[1]
        if kind in (1, 4):
            block = 1 if kind == 1 else int.from_bytes(packet[2:4], "big") + 1
            data = FILE[:20000][(block - 1) * 512:block * 512]
            if data or (block - 1) * 512 == 20000:
                sock.sendto(b"\0\3" + block.to_bytes(2, "big") + data, self.client_address)


def serve(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Guest:
    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = b""
        self.news = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while data := self.process.stdout.read1(65536):
            with self.news:
                self.said += data
                self.news.notify()
        with self.news:
            self.said += b"\n(the machine ended)\n"
            self.news.notify()

    def wait(self, text):
        end = time.monotonic() + PATIENCE
        with self.news:
            while text not in self.said:
                left = end - time.monotonic()
                if left <= 0 or b"(the machine ended)" in self.said:
                    raise RuntimeError(f"not seen: {text.decode()}")
                self.news.wait(left)

    def type(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()


def connect(port):
    """The guest may not listen yet: a connection that is closed at once without a byte is tried again."""
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def run(guest, forwarded):
    guest.wait(b"guest# ")
    guest.type(b"net.sh\n")
    guest.wait(b"NET-LISTENS\r")
    time.sleep(1)
    with connect(forwarded) as s:
        s.sendall(GIVEN)
        s.shutdown(socket.SHUT_WR)
        while s.recv(4096):
            pass
    guest.wait(b"NET-LISTENS-AGAIN\r")
    time.sleep(1)
    back = b""
    with connect(forwarded) as s:
        while data := s.recv(65536):
            back += data
    guest.wait(b"NET-END\r")
    guest.type(b"exit\n")
    guest.wait(b"GUEST-POWEROFF")
    text = guest.said.decode(errors="replace").replace("\r", "")
    digest = lambda data: hashlib.sha256(data).hexdigest()
    for want in [
        "inet addr:10.0.2.15",
        "gateway 10.0.2.2\n",
        "dns 10.0.2.3 host  lease 86400\n",
        "3 packets received\n",
        digest(FILE) + "  /tmp/file\n",
        "can't connect to remote host: Connection refused\n",
        digest(GIVEN) + "  /tmp/taken\n",
        digest(FILE[:20000]) + "  /tmp/datagrams\n",
    ]:
        if want not in text:
            raise RuntimeError(f"not seen: {want!r}")
    if back != GIVEN:
        raise RuntimeError(f"{len(back)} bytes came back, of {len(GIVEN)}")


def main():
    name, command = sys.argv[1], sys.argv[2:]
    port = serve(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web))
    udp = serve(socketserver.UDPServer(("127.0.0.1", 0), Tftp))
    forwarded = free_port()
    net = f"user,hostfwd=tcp:127.0.0.1:{forwarded}-:7000"
    command = [word.replace("@NET@", net) for word in command]
    command += ["-append", f"console=ttyS0 panic=-1 quiet port={port} udp={udp}"]
    guest = Guest(command)
    try:
        run(guest, forwarded)
        print(f"ok net-{name}")
    except (RuntimeError, OSError) as why:
        print(guest.said.decode(errors="replace")[-3000:])
        print(f"FAIL net-{name}: {why}")
        sys.exit(1)
    finally:
        guest.process.kill()


main()
