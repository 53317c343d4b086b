"""Prints SQL: a table, 5000 rows one statement each, an index, questions."""
print("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);\nBEGIN;")
seed = 1
for i in range(5000):
    seed = (seed * 1664525 + 1013904223) & 0xFFFFFFFF
    print(f"INSERT INTO t VALUES({i}, 'row {seed >> 8:x} of some length', {(seed >> 16) / 8});")
print("COMMIT;\nCREATE INDEX u ON t(b);")
print("SELECT count(*), sum(a), sum(c), max(b) FROM t WHERE b > 'row 4';\nSELECT count(*) FROM t AS x JOIN t AS y ON x.b = y.b;")
