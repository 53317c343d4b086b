#!/usr/bin/env python3
"""Makes the disks of the devices session: disks.py FOLDER writes disk.raw, cd.raw and disk.qcow2 there.

disk.raw has an ext2 file system in its first 4 MiB, then a pattern; cd.raw one of 2 MiB in blocks of 2048 bytes; disk.qcow2 is
disk.raw in QEMU's format (version 3, clusters of 64 KiB, clusters of zeros left out). Needs mke2fs.
"""
import hashlib
import os
import struct
import subprocess
import sys
import tempfile

MIB = 1 << 20
CLUSTER = 1 << 16


def noise(n, seed):
    """n bytes that do not repeat, the same everywhere."""
    out, block = b"", 0
    while len(out) < n:
        out += hashlib.sha256(f"{seed} {block}".encode()).digest()
        block += 1
    return out[:n]


def ext2(path, mib, block, files, label):
    with tempfile.TemporaryDirectory() as d:
        for name, data in files.items():
            with open(os.path.join(d, name), "wb") as f:
                f.write(data)
        uuid = "00000000-0000-4000-8000-000000000001"
        subprocess.run(
            ["mke2fs", "-q", "-F", "-t", "ext2", "-b", str(block), "-L", label, "-U", uuid, "-E", f"root_owner=0:0,hash_seed={uuid}",
             "-O", "^resize_inode,^dir_index", "-d", d, path, f"{mib}M"],
            check=True, env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}, stdout=subprocess.DEVNULL,
        )


def qcow2(raw):
    size, clusters = len(raw), len(raw) // CLUSTER
    header = struct.pack(">IIQIIQIIQQIIQQQQII", 0x514649FB, 3, 0, 0, 16, size, 0, 1, 3 * CLUSTER, CLUSTER, 1, 0, 0, 0, 0, 0, 4, 104)
    image = [header.ljust(CLUSTER, b"\0")]
    # Refcount table, refcount block, L1, L2, then data.
    l2, data = [], []
    for i in range(clusters):
        part = raw[i * CLUSTER : (i + 1) * CLUSTER]
        if part.strip(b"\0"):
            l2.append((5 + len(data)) * CLUSTER | 1 << 63)
            data.append(part)
        else:
            l2.append(0)
    counts = struct.pack(">H", 1) * (5 + len(data))
    for table in (struct.pack(">Q", 2 * CLUSTER), counts, struct.pack(">Q", 4 * CLUSTER | 1 << 63), struct.pack(f">{clusters}Q", *l2)):
        assert len(table) <= CLUSTER
        image.append(table.ljust(CLUSTER, b"\0"))
    return b"".join(image + data)


def main():
    out = sys.argv[1]
    disk, cd = os.path.join(out, "disk.raw"), os.path.join(out, "cd.raw")
    hello = b"Hello from the disk.\n"
    ext2(disk, 4, 1024, {"hello": hello}, "disk")
    with open(disk, "r+b") as f:
        f.seek(4 * MIB)
        f.write(noise(MIB, "pattern") + bytes(3 * MIB))
    ext2(cd, 2, 2048, {"hello": hello.replace(b"disk", b"CD"), "blob": noise(700_001, "blob")}, "cd")
    with open(cd, "r+b") as f:
        f.seek(2 * MIB)
        f.write(noise(MIB, "CD"))
    with open(disk, "rb") as f, open(os.path.join(out, "disk.qcow2"), "wb") as q:
        q.write(qcow2(f.read()))


main()
