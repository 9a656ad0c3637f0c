#!/usr/bin/env bash
# SQLite's online backup is made to be run in small steps with pauses, so that a writer is not held up: the example in its
# documentation does 5 pages and sleeps 250 ms, and so do the helpers of wrappers (rusqlite's `run_to_completion` asserts that the
# number of pages is positive). But a write by another process makes the next step begin at the first page again. A database that
# is written more often than a whole copy takes is therefore never backed up: no error, no time limit, and the progress that is
# reported falls back each time. In WAL mode the reason for steps is gone: one step (-1 pages) reads one snapshot, and writers go
# on beside it. (A write through the connection that is copied from is applied to the copy instead, so that a test with one
# connection never shows it.)
set -euo pipefail
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
cat >writer.py <<'PY'
import sqlite3, time
c = sqlite3.connect("a.db", isolation_level=None, timeout=10)
worst = n = 0
until = time.time() + 14
while time.time() < until:
    began = time.time(); c.execute("UPDATE t SET n = n + 1 WHERE rowid = 1"); worst = max(worst, time.time() - began); n += 1
    time.sleep(0.1)
print(f"the writer wrote {n} times, the slowest took {worst * 1000:.0f} ms")
PY
cat >backup.py <<'PY'
import sqlite3, sys, time
pages, sleep, limit = int(sys.argv[1]), float(sys.argv[2]), 6
class Late(Exception): pass
began, best, again, last = time.time(), None, 0, None
def progress(status, remaining, total):
    global best, again, last
    again += last is not None and remaining > last
    last, best = remaining, min(best or total, remaining)
    if time.time() - began > limit: raise Late
    time.sleep(sleep)
source, copy = sqlite3.connect("file:a.db?mode=ro", uri=True), sqlite3.connect(sys.argv[3])
try:
    source.backup(copy, pages=pages, progress=progress); ended = "done"
except Late:
    ended = "not done"
print(f"{ended} after {time.time() - began:.1f} s, begun again {again} times")
PY
python3 - <<'PY'
import sqlite3
c = sqlite3.connect("a.db"); c.execute("PRAGMA journal_mode = wal"); c.execute("CREATE TABLE t (n, b)")
c.executemany("INSERT INTO t VALUES (0, ?)", [(bytes(3000),)] * 3000); c.commit()
PY
echo "SQLite $(python3 -c 'import sqlite3; print(sqlite3.sqlite_version)'), $(stat -c %s a.db) bytes, a write of another process each 100 ms"
echo 'guess:     the backup in steps is slower, and ends'
echo 'behaviour: it begins again at each write, and never ends; in one step it is done at once, and holds no writer up'
quiet=$(python3 backup.py 100 0.01 quiet.db)
echo "nobody writes, 100 pages a step:   $quiet"
python3 writer.py & writer=$!
sleep 0.5
steps=$(python3 backup.py 100 0.01 steps.db)
echo "100 pages a step, 10 ms between:   $steps"
one=$(python3 backup.py -1 0 one.db)
echo "all pages in one step:             $one"
wait "$writer"
echo "of the copy in one step: $(python3 -c 'import sqlite3; c = sqlite3.connect("one.db"); print(c.execute("PRAGMA integrity_check").fetchone()[0], c.execute("SELECT count(*) FROM t").fetchone()[0])')"
case "$quiet/$steps/$one" in
done*', begun again 0 times/not done'*'/done'*) ! grep -q 'begun again 0' <<<"$steps" ;;
*) exit 1 ;;
esac
