#!/usr/bin/env bash
# node_exporter's textfile collector reads each file of a folder, and two programs may well write the same metric for different
# labels: two instances of one watcher, say. The text after HELP must then be the same, letter for letter. Where it differs, or only one
# file has it, the samples of one file vanish from the answer, and nothing that an alert could look at says so:
# node_textfile_scrape_error is 0, the collector's success 1, the file's mtime fresh, the answer 200. An upgrade of one of the two that
# rewords a sentence is enough. Only the exporter's log has a line. `absent()` does not see it either, as the metric is still there.
# Needs Debian 12.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${exporter:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
apt-get download -qq prometheus-node-exporter=1.5.0-1+b6 || { echo "cannot download prometheus-node-exporter" >&2; exit 2; }
dpkg -x prometheus-node-exporter_*.deb root
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir files
root/usr/bin/prometheus-node-exporter --collector.disable-defaults --collector.textfile --collector.textfile.directory=files \
    --web.listen-address="127.0.0.1:$port" 2>log &
exporter=$!
for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
root/usr/bin/prometheus-node-exporter --version 2>&1 | head -n 1
echo 'guess:     the samples of both files are there, under one of the two texts; else the error metric of the collector is 1'
echo 'behaviour: the samples of one file are gone, and the error metric is 0'
cat >look.py <<'PY'
import sys, urllib.request
with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/metrics", timeout=20) as answer:
    lines, status = answer.read().decode().splitlines(), answer.status
def of(name): return [line.rsplit(" ", 1)[-1] for line in lines if line.startswith(name)]
mtimes = len(of("node_textfile_mtime_seconds"))
print(f"{len(of('mail_last_sent_seconds{'))} of 2 samples, files with an mtime {mtimes}, error {of('node_textfile_scrape_error ')[0]},",
      f"success {of('node_scrape_collector_success')[0]}, HTTP {status}")
PY
metric=$'# TYPE mail_last_sent_seconds gauge\nmail_last_sent_seconds'
changed=0
check() {
    local what=$1 help=$2 wanted=$3 seen
    printf '# HELP mail_last_sent_seconds When mail was last sent.\n%s{server="a"} 1\n' "$metric" >files/a.prom
    printf '%s%s{server="b"} 2\n' "$help" "$metric" >files/b.prom
    seen=$(python3 look.py "$port")
    printf '%-20s %s\n' "$what" "$seen"
    [ "$seen" = "$wanted, files with an mtime 2, error 0, success 1, HTTP 200" ] || changed=1
}
check 'the same text:' $'# HELP mail_last_sent_seconds When mail was last sent.\n' '2 of 2 samples'
check 'another text:' $'# HELP mail_last_sent_seconds When the last mail was sent.\n' '1 of 2 samples'
check 'no text in one:' '' '1 of 2 samples'
echo "the log: $(grep -o 'has help.*' log | head -n 1)"
grep -q 'has help.*but should have' log || changed=1
exit "$changed"
