#!/bin/sh
# A throwaway PostgreSQL cluster: `run.sh FOLDER PORT`, on a socket in FOLDER and on 127.0.0.1:PORT with TLS. It ends and is
# deleted when standard input ends, so that it never outlives whoever started it.
set -eu
folder=$1 port=$2 here=$(dirname "$0")
for bin in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV); do PATH=$PATH:$bin; done
command -v initdb >/dev/null && command -v postgres >/dev/null || { echo "no PostgreSQL" >&2; exit 3; }
trap '' INT TERM HUP

as=
mkdir -p "$folder"
cp "$here/server.crt" "$here/server.key" "$folder"
if [ "$(id -u)" = 0 ]; then
    # PostgreSQL does not run as root.
    user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    as="setpriv --reuid=$(id -u "$user") --regid=$(id -g "$user") --clear-groups"
    chown -R "$(id -u "$user"):$(id -g "$user")" "$folder"
fi
chmod 700 "$folder" && chmod 600 "$folder/server.key"
cd "$folder"
$as initdb -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >initdb.log 2>&1
printf 'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n' >data/pg_hba.conf
$as postgres -D data -k "$folder" -p "$port" -c listen_addresses=127.0.0.1 -c ssl=on \
    -c ssl_cert_file="$folder/server.crt" -c ssl_key_file="$folder/server.key" -c max_connections=300 \
    -c shared_buffers=64MB -c fsync=off -c full_page_writes=off -c autovacuum=off -c log_min_messages=fatal \
    >server.log 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT "$server" 2>/dev/null || true
wait "$server" 2>/dev/null || true
cd /
rm -rf "$folder"
