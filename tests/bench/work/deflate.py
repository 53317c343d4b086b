"""`deflate.py FILE MIB`: zlib packs and unpacks so much of the file. Prints a checksum."""
import sys
import zlib

with open(sys.argv[1], "rb") as f:
    data = f.read(int(float(sys.argv[2]) * (1 << 20)))
packed = zlib.compress(data, 6)
assert zlib.decompress(packed) == data
print("zlib", len(data), len(packed), f"{zlib.crc32(packed):08x}")
