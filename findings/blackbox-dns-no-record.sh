#!/usr/bin/env bash
# The DNS prober of Prometheus' blackbox_exporter asks whether the server answers, not whether the record is there: a name of which
# the DKIM key was removed, while something else is still at it, is probe_success 1. Looking at probe_dns_answer_rrs does not help
# where the name is an alias of a vendor's, as many DKIM keys are: the alias is a record, so the number is 1 with nothing behind it.
# Nor does the rule that comes to mind: `fail_if_not_matches_regexp` must match each record of the answer, the alias included, so
# it fails of a healthy key. And a text is matched as a zone file writes it, in quotes and cut at 255 bytes, so that the whole of a
# key of 2048 bits never matches. `fail_if_none_matches_regexp` with a piece of the first 255 bytes tells healthy ones from others.
# Needs Debian 12.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${server:-}" "${exporter:-}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
apt-get download -qq prometheus-blackbox-exporter=0.23.0-4+b4 || { echo "cannot download prometheus-blackbox-exporter" >&2; exit 2; }
dpkg -x prometheus-blackbox-exporter_*.deb root
cat >server.py <<'PY'
# A resolver: `key` has a key of 2048 bits, `removed` has other records only, and two names are aliases of these at a vendor.
import socketserver, struct, sys
text = b"v=DKIM1; k=rsa; p=" + b"MIIB" * 98
key = bytes([255]) + text[:255] + bytes([len(text) - 255]) + text[255:]
vendor = b"".join(bytes([len(label)]) + label for label in (b"dkim", b"vendor", b"example", b""))
def record(name, kind, data): return name + struct.pack("!HHIH", kind, 1, 60, len(data)) + data
class Answers(socketserver.BaseRequestHandler):
    def handle(self):
        query, socket = self.request
        label = query[13:13 + query[12]].decode()
        asked = query[12:query.index(0, 12) + 5]
        answer, name = [], b"\xc0\x0c"
        if label.startswith("alias"):
            answer.append(record(name, 5, vendor))
            name = struct.pack("!H", 0xC000 + 12 + len(asked) + 12)
        if label.endswith("key"):
            answer.append(record(name, 16, key))
        socket.sendto(query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(answer), 0, 0) + asked + b"".join(answer), self.client_address)
socketserver.ThreadingUDPServer(("127.0.0.1", int(sys.argv[1])), Answers).serve_forever()
PY
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
dns=$(port) web=$(port)
echo 'modules:' >modules
for name in key removed alias-key alias-removed; do
    dns_of="prober: dns, dns: {query_name: $name._domainkey.shop.example, query_type: TXT, preferred_ip_protocol: ip4"
    {
        echo "  $name/asked: {$dns_of}}"
        echo "  $name/each: {$dns_of, validate_answer_rrs: {fail_if_not_matches_regexp: ['v=DKIM1']}}}"
        echo "  $name/whole: {$dns_of, validate_answer_rrs: {fail_if_none_matches_regexp: ['p=(MIIB){98}']}}}"
        echo "  $name/piece: {$dns_of, validate_answer_rrs: {fail_if_none_matches_regexp: ['p=(MIIB){9}']}}}"
    } >>modules
done
python3 server.py "$dns" &
server=$!
root/usr/bin/prometheus-blackbox-exporter --config.file=modules --web.listen-address="127.0.0.1:$web" 2>log &
exporter=$!
for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$web") 2>/dev/null && break; sleep 0.1; done
sleep 1
root/usr/bin/prometheus-blackbox-exporter --version 2>&1 | head -n 1
echo 'guess:     a probe for a TXT record fails where there is none, and an expression is matched against the text'
echo 'behaviour: an empty answer is a success, an alias is a record, and a long text is matched in its pieces'
cat >look.py <<'PY'
import sys, urllib.request
dns, web = sys.argv[1:]
wanted = {
    "key": ("1 record ", "1", "1", "0", "1"),
    "removed": ("0 records", "1", "0", "0", "0"),
    "alias-key": ("2 records", "1", "0", "0", "1"),
    "alias-removed": ("1 record ", "1", "0", "0", "0"),
}
changed = False
print(f"{'probe_success of':18}{'':11}no rule   each: v=DKIM1   any: whole key   any: a piece")
for name, expected in wanted.items():
    seen = []
    for rule in ("asked", "each", "whole", "piece"):
        with urllib.request.urlopen(f"http://127.0.0.1:{web}/probe?target=127.0.0.1:{dns}&module={name}/{rule}", timeout=20) as answer:
            values = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#"))
        if not seen:
            count = int(values["probe_dns_answer_rrs"])
            seen.append(f"{count} record{' ' if count == 1 else 's'}")
        seen.append(values["probe_success"])
    print(f"{name:18}{seen[0]:11}{seen[1]:10}{seen[2]:16}{seen[3]:17}{seen[4]}")
    changed |= tuple(seen) != expected
sys.exit(changed)
PY
python3 look.py "$dns" "$web"
