#!/usr/bin/env bash
# Alertmanager 0.25 repeats a message to Slack after a 500, and gives it up after a 429, which is Slack's "come back in a second"
# with Retry-After, and its answer in just the minute in which much goes wrong: 429 counts as an error of the request, as 404 does.
# The alert is looked at again after group_interval (5 minutes unless set). One that has ended by then was told to nobody, and its
# end is not told either, since there is no message that it would belong to. Watch alertmanager_notifications_failed_total by a rule
# whose receiver is not Slack. Needs Debian 12, and a kernel that lets one mount in a namespace of one's own (the package looks for
# its templates under /usr/share only).
set -euo pipefail
folder=$(mktemp -d)
trap 'wait 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
apt-get download -qq prometheus-alertmanager=0.25.0-1+b4 || { echo "cannot download prometheus-alertmanager" >&2; exit 2; }
dpkg -x prometheus-alertmanager_*.deb root
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
cat >slack.py <<'PY'
# A webhook that answers the first message with the status given, and takes all others.
import http.server, json, sys
port, first = map(int, sys.argv[1:])
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global first
        title = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["attachments"][0]["title"].split("]")[0].strip("[")
        body = {200: b"ok", 429: b"rate_limited", 500: b"rollup_error"}[first]
        print(f"{title.split(':')[0]} {first}", end="; ", flush=True)
        self.send_response(first)
        if first == 429:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        first = 200
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", port), Hook).serve_forever()
PY
cat >watch.py <<'PY'
# An alert that lasts 4 seconds, or more than this takes.
import datetime, json, sys, time, urllib.request
web, lasts = map(int, sys.argv[1:])
def ask(path, data=None):
    request = urllib.request.Request(f"http://127.0.0.1:{web}{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer: return answer.read().decode()
for _ in range(100):
    try: ask("/-/ready"); break
    except OSError: time.sleep(0.1)
at = lambda seconds: (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).isoformat()
ask("/api/v2/alerts", json.dumps([{"labels": {"alertname": "bounces"}, "startsAt": at(0), "endsAt": at(lasts)}]).encode())
time.sleep(16)
failed = [line for line in ask("/metrics").splitlines() if line.startswith('alertmanager_notifications_failed_total{integration="slack"')]
print("given up: " + failed[0].rsplit(" ", 1)[1])
PY
root/usr/bin/prometheus-alertmanager --version 2>&1 | head -n 1
echo 'guess:     of all answers a 429 with Retry-After is the one that is repeated'
echo 'behaviour: a 500 is repeated, a 429 is not, and an alert that ends before group_interval is told to nobody'
changed=0
check() {
    local name=$1 first=$2 lasts=$3 hook web
    trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
    hook=$(port) web=$(port)
    cat >"$name.yml" <<YML
route: {receiver: slack, group_wait: 1s, group_interval: 8s, repeat_interval: 1h}
receivers:
- {name: slack, slack_configs: [{api_url: 'http://127.0.0.1:$hook/', channel: '#mail', send_resolved: true}]}
YML
    python3 slack.py "$hook" "$first" >"$name.told" &
    unshare --map-root-user --mount sh -c 'mount --bind root/usr/share /usr/share && exec "$@"' - root/usr/bin/prometheus-alertmanager \
        --config.file="$name.yml" --storage.path="$name.data" --web.listen-address="127.0.0.1:$web" --cluster.listen-address= >"$name.log" 2>&1 &
    python3 watch.py "$web" "$lasts" >"$name.failed"
}
check short-500 500 4 & a=$!
check short-429 429 4 & b=$!
check long-429 429 60 & c=$!
wait "$a" "$b" "$c"
for row in 'short-500|FIRING 500; FIRING 200; RESOLVED 200; given up: 0' 'short-429|FIRING 429; given up: 1' \
    'long-429|FIRING 429; FIRING 200; given up: 1'; do
    name=${row%%|*} seen="$(cat "${row%%|*}.told")$(cat "${row%%|*}.failed")"
    printf '%-10s %s\n' "$name" "$seen"
    [ "$seen" = "${row#*|}" ] || { changed=1; tail -n 3 "$name.log"; }
done
exit "$changed"
