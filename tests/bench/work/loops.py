"""`loops.py N`: what scripts do, N rounds of it: small integers, calls, lists, dictionaries, text, floats. Prints a checksum."""
import sys


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def moved(self, dx):
        return Point(self.x + dx, self.y - dx)


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def round_of(seed):
    total = fib(12)
    for i in range(2000):
        total = (total * 31 + i ^ seed) & 0xFFFFFFF
    words = [f"{(i * 7919 + seed) % 1009:04d}" for i in range(400)]
    count = {}
    for w in words:
        count[w[:2]] = count.get(w[:2], 0) + 1
    text = "-".join(sorted(words)).replace("00", "x").upper()
    total += sum(v * int(k) for k, v in count.items()) + len(text.split("X"))
    p = Point(seed, 1)
    for i in range(300):
        p = p.moved(i % 7)
    s = 0.0
    for i in range(1, 500):
        s += 1.0 / (i * i) - s * 1e-3
    return (total + p.x - p.y + int(s * 1e9)) & 0xFFFFFFF


total = 0
for n in range(int(sys.argv[1])):
    total = (total * 33 + round_of(n)) & 0xFFFFFFF
print("pyloop", sys.argv[1], f"{total:08x}")
