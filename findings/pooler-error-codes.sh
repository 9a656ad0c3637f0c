#!/usr/bin/env bash
# PgBouncer 1.18 answers a wrong password, an unknown database and a full pooler with one and the same SQLSTATE, 08P01
# (protocol_violation), where PostgreSQL says 28P01, 3D000 and 53300. Class 08 is "connection exception", which clients retry:
# a watcher that sorts errors by their SQLSTATE takes a wrong password for a passing fault and never tells anybody.
# Only the text tells them apart. Needs Debian 12.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${pooler:-}" "${server:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
apt-get download -qq postgresql-15=15.18-0+deb12u1 libpq5=15.18-0+deb12u1 pgbouncer=1.18.0-1+deb12u1 \
    libevent-2.1-7=2.1.12-stable-8 libc-ares2 libxslt1.1 libicu72 libldap-2.5-0 libxml2 libsasl2-2 || { echo "cannot download PostgreSQL and PgBouncer" >&2; exit 2; }
for package in *.deb; do dpkg -x "$package" root; done
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pg8000==1.31.5
LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH LC_ALL=C
bin=$folder/root/usr/lib/postgresql/15/bin
mkdir data pooler
as=
if [ "$(id -u)" = 0 ]; then chown nobody data pooler; as="setpriv --reuid=nobody --regid=nogroup --clear-groups"; fi
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
direct=$(port) pooled=$(port)

echo correct >password; chmod 644 password
$as "$bin/initdb" -N -D "$folder/data" -U someone -A scram-sha-256 --pwfile="$folder/password" >/dev/null
$as "$bin/postgres" -D "$folder/data" -p "$direct" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
    -c jit=off -c max_connections=2 -c superuser_reserved_connections=0 -c max_wal_senders=0 >/dev/null 2>&1 &
server=$!
echo '"someone" "correct"' >pooler/users
cat >pooler/ini <<INI
[databases]
postgres = host=127.0.0.1 port=$direct
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $pooled
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $folder/pooler/users
max_client_conn = 4
default_pool_size = 1
pool_mode = transaction
INI
chmod 644 pooler/*
$as "$folder/root/usr/sbin/pgbouncer" -q pooler/ini >/dev/null 2>&1 &
pooler=$!
for at in "$direct" "$pooled"; do
    for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$at") 2>/dev/null && break; sleep 0.1; done
done
sleep 1
"$bin/postgres" --version; "$folder/root/usr/sbin/pgbouncer" --version | head -n 1
echo 'guess:     a pooler that speaks the protocol answers with the codes of the server: 28P01, 3D000, 53300'
echo 'behaviour: PgBouncer answers each with 08P01'
venv/bin/python - "$direct" "$pooled" <<'PY'
import sys, time
import pg8000.native as pg

def connect(port, password="correct", database="postgres"):
    return pg.Connection("someone", host="127.0.0.1", port=port, password=password, database=database, timeout=20)

def refusal(*arguments, **named):
    try:
        connect(*arguments, **named).close()
    except pg.DatabaseError as error:
        return error.args[0]["C"], error.args[0]["M"]
    return "none", "let in"

wanted = {
    "wrong password": ("28P01", "08P01"),
    "unknown database": ("3D000", "08P01"),
    "no connection left": ("53300", "08P01"),
}
seen = {}
for place, port in enumerate(map(int, sys.argv[1:])):
    answers = [refusal(port, password="wrong"), refusal(port, database="absent")]
    time.sleep(0.5)
    if place == 1:
        assert connect(port).run("SELECT 1") == [[1]], "the right password must work"
        time.sleep(0.5)
    held, answer = [], None
    while answer is None and len(held) < 9:
        try:
            held.append(connect(port))
        except pg.DatabaseError as error:
            answer = error.args[0]["C"], error.args[0]["M"]
    answers.append(answer or ("none", "let in"))
    for connection in held:
        connection.close()
    time.sleep(0.5)
    for case, answer in zip(wanted, answers):
        print(f"{'PgBouncer' if place else 'PostgreSQL':10} {case:18} {answer[0]}  {answer[1]}")
        seen.setdefault(case, []).append(answer[0])
sys.exit({case: tuple(codes) for case, codes in seen.items()} != wanted)
PY
