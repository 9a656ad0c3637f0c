#!/usr/bin/env bash
# Debian's prometheus-mailexporter sends a mail through a relay at each interval and looks for it in a mailbox; `mail_deliver_success`
# is 1 if it came and 0 if not. But a mail that the relay does not take is not counted as undelivered: the metric keeps what it was,
# which is 1. A relay that answers each mail with 550, or that is down, is therefore a success for as long as it lasts, where one that
# takes the mail and loses it is a failure within the time limit. (The manual's "last successfully sent mail" means just that.)
# Nor is the metric there before the first mail came: an exporter that is started while the relay is down has no series to be 0.
# `time() - mail_last_deliver_time > 900 or absent(mail_last_deliver_time)` notices all of them. Needs Debian 12 on amd64.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${relay:-}" "${exporter:-}" "${late:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
apt-get download -qq prometheus-mailexporter=1.0+git20190716.c60d197-1+b12 || { echo "cannot download prometheus-mailexporter" >&2; exit 2; }
dpkg -x prometheus-mailexporter_*.deb root
cat >relay.py <<'PY'
# A relay that does with each mail what the file `mode` says.
import pathlib, socketserver, sys, time
class Relay(socketserver.StreamRequestHandler):
    def answer(self, line): self.wfile.write(line.encode() + b"\r\n")
    def handle(self):
        self.answer("220 relay.example")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.answer("354 go on")
                mail = b"".join(iter(self.rfile.readline, b".\r\n"))
                mode = pathlib.Path("mode").read_text().strip()
                if mode == "delivers":
                    written = pathlib.Path(f"mailbox/tmp/{time.time_ns()}")
                    written.write_bytes(mail)
                    written.rename(f"mailbox/new/{written.name}")
                self.answer("550 5.7.1 blocked" if mode == "refuses" else "250 queued")
            elif verb == b"QUIT":
                self.answer("221 bye")
                return
            else:
                self.answer("250 relay.example")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
Server(("127.0.0.1", int(sys.argv[1])), Relay).serve_forever()
PY
cat >look.py <<'PY'
import sys, urllib.request
with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/metrics", timeout=20) as answer:
    values = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line.startswith("mail_"))
value = lambda name: values.get(name + '{configname="relay"}', "none")
print(f"mail_deliver_success {value('mail_deliver_success')}, refused: {'yes' if float(value('mail_send_fails_total')) else 'no'}")
PY
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
# Two exporters: one with the relay, one of which the relay is down from the start. Each begins at a moment within 20 s.
start() {
    local name=$1 smtp=$2 web=$3
    mkdir -p "$name/new" "$name/tmp"
    cat >"$name.conf" <<YML
monitoringinterval: 2s
mailchecktimeout: 1s
servers:
- {name: relay, server: 127.0.0.1, port: $smtp, from: probe@example.com, to: probe@example.com, detectiondir: $folder/$name/new}
YML
    root/usr/bin/mailexporter -config.file "$name.conf" -web.listen-address "127.0.0.1:$web" >"$name.log" 2>&1 &
}
smtp=$(port) web=$(port) second=$(port)
start mailbox "$smtp" "$web"; exporter=$!
start other 1 "$second"; late=$!
echo delivers >mode
python3 relay.py "$smtp" & relay=$!
for _ in $(seq 240); do ! grep -q 'Started monitoring' mailbox.log || ! grep -q 'Started monitoring' other.log || break; sleep 0.1; done
echo "prometheus-mailexporter $(dpkg-deb -f prometheus-mailexporter_*.deb Version)"
echo 'guess:     mail_deliver_success is 0 as long as no probe is delivered'
echo 'behaviour: it is 0 only for a mail that the relay took; one that it refuses leaves the value of before'
changed=0
check() {
    local what=$1 port=$2 wanted=$3 seen
    sleep 5
    seen=$(python3 look.py "$port")
    printf '%-42s %s\n' "$what" "$seen"
    [ "$seen" = "$wanted" ] || { changed=1; tail -n 3 ./*.log; }
}
check 'the relay delivers:' "$web" 'mail_deliver_success 1, refused: no'
echo loses >mode
check 'it takes mails and loses them:' "$web" 'mail_deliver_success 0, refused: no'
echo delivers >mode
check 'it delivers again:' "$web" 'mail_deliver_success 1, refused: no'
echo refuses >mode
check 'it answers each mail with 550:' "$web" 'mail_deliver_success 1, refused: yes'
kill "$relay"
check 'it is down:' "$web" 'mail_deliver_success 1, refused: yes'
check 'it was down when the exporter was started:' "$second" 'mail_deliver_success none, refused: yes'
exit "$changed"
