import array, base64, bisect, collections, cmath, copy, datetime, decimal, fractions, functools, hashlib, heapq, io, itertools, json, math, mmap, os, random, re, select, signal, socket, sqlite3, statistics, string, struct, subprocess, sys, tempfile, textwrap, threading, time, zlib
print(2**200 % (10**9 + 7), -7 // 2, divmod(-7, 3), int("zz", 36), bin(37), (123456789**20).bit_length(), pow(3, -1, 7))
print(repr(0.1 + 0.2), float("1e308") * 10, -0.0, float.fromhex("0x1.8p3"), (1.1).hex(), round(2.675, 2), math.fsum([0.1] * 10), math.nan != math.nan, 1e22, 5e-324, sys.float_info.max)
print([f(0.7) for f in (math.sin, math.cos, math.tan, math.exp, math.log, math.sqrt, math.atan, math.erf, math.gamma, math.sinh, math.log1p)])
print(cmath.sqrt(-2), abs(3 + 4j), (1 + 2j) ** 3, decimal.Decimal(1) / 7, fractions.Fraction(3, 7) + fractions.Fraction(1, 2), statistics.pstdev([1, 2, 3, 4]))
print(struct.pack("<bhiqfd?3s", -1, -2, -3, -4, 1.5, -2.25, True, b"abc").hex(), struct.unpack(">IHB", b"\1\2\3\4\5\6\7"), array.array("i", [1, 2]).tobytes().hex() if sys.byteorder == "little" else "")
print(json.dumps({"a": [1, 2.5, None, True, "\u263a\n"], "b": {"c": -1e-7}}, sort_keys=True), json.loads('[1e5, "\\u0041", {"x": []}]'))
print(re.sub(r"(\d+)", lambda m: str(int(m[1]) * 2), "a1b22c333"), re.findall(r"(?i)(?<=\s)[a-z]+(?=!)", "Hey you! and Me!"), re.split(r"[,;]\s*", "a, b;c"), bool(re.fullmatch(r"(a+)+b", "a" * 18 + "b")))
for h in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b"): print(h, hashlib.new(h, b"tinamou" * 1000).hexdigest()[:24])
d = bytes(random.Random(1).getrandbits(8) for _ in range(20000)); z = zlib.compress(d + d, 9); print(zlib.crc32(d), zlib.adler32(d), zlib.decompress(z) == d + d, len(z) < 41000, base64.b85encode(d[:8]))
r = random.Random(42); print([r.randint(0, 999) for _ in range(5)], r.random(), r.gauss(0, 1), r.sample(range(100), 4), "".join(r.choices(string.ascii_letters, k=8)))
db = sqlite3.connect(":memory:"); db.execute("create table t(a integer primary key, b real, c text)"); db.executemany("insert into t values(?,?,?)", [(i, i / 7, str(i) * 3) for i in range(500)]); print(db.execute("select count(*), sum(b), max(c) from t where a % 3 = 1").fetchall(), db.execute("select c from t order by b desc limit 2").fetchall())
print(list(itertools.islice(itertools.permutations("abcd"), 5, 8)), collections.Counter("mississippi").most_common(2), functools.reduce(lambda a, b: a * b, range(1, 15)), heapq.nsmallest(3, [5, 1, 4, 2]), bisect.bisect([1, 3, 5], 4))
print(datetime.datetime(2024, 2, 29, 12) + datetime.timedelta(days=366), datetime.date.fromordinal(738000).isoformat(), textwrap.fill("the quick brown fox jumps", 12).split("\n"), f"{1234567.891:,.2f} {255:#x} {'x':>5} {0.5:%}")
class P:
    __slots__ = ("x",)
    def __init__(self, x): self.x = x
    def __lt__(self, o): return self.x < o.x
    def __repr__(self): return f"P({self.x})"
def gen(n):
    a, b = 0, 1
    while n: yield a; a, b, n = b, a + b, n - 1
print(sorted([P(3), P(1)]), list(gen(12)), {k: v for k, v in zip("abc", gen(3))}, copy.deepcopy({"a": [P(1)]}))
try: [][1]
except IndexError as e: print(type(e).__name__, e)
r, w = os.pipe(); pid = os.fork()
if pid == 0: os.write(w, b"child %d" % (os.getppid() > 0)); os._exit(5)
os.close(w); print(os.read(r, 100), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
out = []; lock = threading.Lock(); cond = threading.Condition()
def work(n):
    for i in range(200):
        with lock: out.append(n)
ts = [threading.Thread(target=work, args=(i,)) for i in range(4)]; [t.start() for t in ts]; [t.join() for t in ts]; print(len(out), sorted(collections.Counter(out).values()))
print(subprocess.run(["/bin/bash", "-c", "read x; echo got $x; exit 6"], input=b"in\n", capture_output=True).returncode, subprocess.check_output(["/bin/bash", "-c", "echo $((6*7))"]))
a, b = socket.socketpair(); a.sendall(b"x" * 5000); print(len(b.recv(4096)), select.select([b], [], [], 0)[0] == [b]); a.close(); print(len(b.recv(4096)), b.recv(10))
signal.signal(signal.SIGALRM, lambda s, f: print("alarm", s == signal.SIGALRM)); signal.setitimer(signal.ITIMER_REAL, 0.02); time.sleep(0.1); s = select.epoll(); s.register(r, select.EPOLLIN); print(len(s.poll(0)))
with tempfile.TemporaryFile() as f:
    f.write(b"0123456789" * 1000); f.flush(); m = mmap.mmap(f.fileno(), 0); m[5:10] = b"HELLO"; print(m[:12], m.find(b"90", 100)); m.close(); f.seek(4); print(f.read(7))
print(sum(i * i for i in range(100000)), len([x for x in range(2, 3000) if all(x % y for y in range(2, int(x**0.5) + 1))]), sorted("the quick brown fox".split(), key=lambda w: (len(w), w)), "".join(map(chr, range(97, 105))).translate(str.maketrans("abc", "xyz")), io.StringIO("a\nb").readlines(), bytes(range(5))[::-1].hex())
