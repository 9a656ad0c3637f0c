#!/usr/bin/env bash
# Debian's prometheus-postfix-exporter reads Postfix's log, and has a metric for mail that is deferred (`postfix_smtp_status_deferred`),
# but none for mail that bounced: `status=bounced` is in no counter, not even among the lines that it says it does not support. What
# comes nearest, `postfix_smtp_delivery_delay_seconds`, counts sent, bounced and deferred mail alike. So a relay of which every mail is
# refused has, number for number, the metrics of one that delivers every mail as fast: here all `postfix_` lines are compared.
# Mail that an application hands in on port 587 is out of sight as well, since its lines say `postfix/submission/smtpd`: 0 connections.
# Count the bounces in the log itself (`pflogsumm` does). Needs Debian 12 on amd64.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${exporter:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
apt-get download -qq prometheus-postfix-exporter=0.3.0-4+b3 || { echo "cannot download prometheus-postfix-exporter" >&2; exit 2; }
dpkg -x prometheus-postfix-exporter_*.deb root
cat >mails.py <<'PY'
# Twenty mails of one kind, from a service to the queue's end, as Postfix 3.7 logs them.
import sys
service, result = sys.argv[1:]
dsn, status = {
    "sent": ("2.0.0", "sent (250 2.0.0 OK queued)"),
    "bounced": ("5.1.1", "bounced (host mx.example.net[192.0.2.25] said: 550 5.1.1 user unknown (in reply to RCPT TO command))"),
    "deferred": ("4.2.2", "deferred (host mx.example.net[192.0.2.25] said: 452 4.2.2 mailbox full (in reply to RCPT TO command))"),
}[result]
for n in range(20):
    at, queue = f"Mar  3 10:00:{n:02} mail", f"4QX{n:02}"
    print(f"{at} postfix/{service}[101]: connect from app.example[192.0.2.1]")
    print(f"{at} postfix/{service}[101]: {queue}: client=app.example[192.0.2.1]")
    print(f"{at} postfix/cleanup[102]: {queue}: message-id=<{n}@example.com>")
    print(f"{at} postfix/qmgr[103]: {queue}: from=<shop@example.com>, size=1000, nrcpt=1 (queue active)")
    print(f"{at} postfix/smtp[104]: {queue}: to=<buyer{n}@example.net>, relay=mx.example.net[192.0.2.25]:25, delay=1.1,"
          f" delays=0.1/0/0.5/0.5, dsn={dsn}, status={status}")
    print(f"{at} postfix/{service}[101]: disconnect from app.example[192.0.2.1] ehlo=1 mail=1 rcpt=1 data=1 commands=4")
    if result != "deferred":
        print(f"{at} postfix/qmgr[103]: {queue}: removed")
PY
cat >look.py <<'PY'
import sys, urllib.request
with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/metrics", timeout=20) as answer:
    print(*[line for line in answer.read().decode().splitlines() if line.startswith("postfix_")], sep="\n")
PY
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
value() { awk -v name="$2" '$1 ~ "^" name "([{]|$)" { sum += $NF } END { print sum + 0 }' "$1.metrics"; }
read_log() {
    local name=$1 web
    web=$(port)
    : >"$name.log"
    root/usr/bin/prometheus-postfix-exporter --web.listen-address="127.0.0.1:$web" --postfix.logfile_path="$name.log" \
        --postfix.showq_path=none >"$name.out" 2>&1 &
    exporter=$!
    for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$web") 2>/dev/null && break; sleep 0.1; done
    sleep 1
    python3 mails.py "$2" "$3" >mails
    cat mails >>"$name.log"
    for _ in $(seq 50); do
        sleep 0.5
        python3 look.py "$web" >"$name.metrics"
        [ "$(value "$name" postfix_qmgr_messages_inserted_receipients_count)" != 20 ] || break
    done
    sleep 1
    python3 look.py "$web" >"$name.metrics"
    kill "$exporter"
    wait "$exporter" 2>/dev/null || true
}
read_log sent smtpd sent
read_log bounced smtpd bounced
read_log deferred smtpd deferred
read_log submitted submission/smtpd sent
echo "prometheus-postfix-exporter $(dpkg-deb -f prometheus-postfix-exporter_*.deb Version), twenty mails each"
echo 'guess:     where deferred mail is counted, bounced mail is, or shows up as a difference somewhere'
echo 'behaviour: twenty bounces and twenty deliveries give the same page of metrics'
printf '%-10s %-10s %-10s %-16s %s\n' '' connects deferred 'delivery delays' unsupported
for name in sent bounced deferred submitted; do
    printf '%-10s %-10s %-10s %-16s %s\n' "$name" "$(value "$name" postfix_smtpd_connects_total)" \
        "$(value "$name" postfix_smtp_status_deferred)" "$(value "$name" postfix_smtp_delivery_delay_seconds_count)" \
        "$(value "$name" postfix_unsupported_log_entries_total)"
done
changed=0
if cmp -s sent.metrics bounced.metrics; then echo 'sent and bounced are the same, to the byte'; else
    diff sent.metrics bounced.metrics || changed=1
fi
[ "$(value sent postfix_smtp_delivery_delay_seconds_count)" -gt 0 ] || changed=1
[ "$(value sent postfix_smtpd_connects_total)/$(value submitted postfix_smtpd_connects_total)" = 20/0 ] || changed=1
[ "$(value bounced postfix_smtp_status_deferred)/$(value deferred postfix_smtp_status_deferred)" = 0/20 ] || changed=1
exit "$changed"
