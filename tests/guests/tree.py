#!/usr/bin/env python3
"""Makes a ZIP archive of a folder for the page's `tree`: links as links, permissions as they are, nothing that the folder's own bookkeeping needs.

    tree.py FOLDER ARCHIVE
"""
import os
import stat
import sys
import zipfile

root, to = sys.argv[1:]
with zipfile.ZipFile(to + ".new", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
    for folder, dirs, files in os.walk(root):
        dirs.sort()
        # Compiled modules go by the time of their sources, which a ZIP archive has not to the second.
        dirs[:] = [d for d in dirs if d != "__pycache__"]
        links = [d for d in dirs if os.path.islink(os.path.join(folder, d))]
        for name in sorted(dirs + files):
            path = os.path.join(folder, name)
            info = os.lstat(path)
            inside = os.path.relpath(path, root)
            if inside == ".done" or inside.split(os.sep)[0] in ("tmp", "proc", "dev"):
                continue
            is_dir = stat.S_ISDIR(info.st_mode)
            if not (is_dir or stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode)):
                continue
            entry = zipfile.ZipInfo(inside + "/" * is_dir, (2001, 2, 3, 4, 5, 6))
            entry.create_system = 3
            entry.external_attr = info.st_mode << 16
            entry.compress_type = zipfile.ZIP_STORED if is_dir or name in links else zipfile.ZIP_DEFLATED
            if is_dir:
                data = b""
            elif stat.S_ISLNK(info.st_mode):
                data = os.fsencode(os.readlink(path))
            else:
                with open(path, "rb") as file:
                    data = file.read()
            archive.writestr(entry, data)
os.replace(to + ".new", to)
