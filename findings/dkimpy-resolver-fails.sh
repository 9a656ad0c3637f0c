#!/usr/bin/env bash
# dkimpy answers False where it could not ask for the key: a resolver's SERVFAIL is taken for "there is no key", and the error that it
# raises when no answer comes is caught by itself a few lines on. authheaders, which writes Authentication-Results with it, has a branch
# that would say `dkim=temperror`, for errors of dnspython; none gets that far, so it writes `dkim=fail`, the word for a signature that
# does not fit, where for the same answer to SPF it writes `spf=temperror`. If the envelope sender is a vendor's, DMARC then fails too.
# RFC 8601 (2.7.1) has temperror for just this, "a temporary inability to retrieve a public key". Who counts the results takes an hour
# in which the resolver limped for an hour of forged mail. `check_dkim` with a `dnsfunc` that lets errors through says the right word.
# Needs openssl.
set -euo pipefail
command -v openssl >/dev/null || { echo "needs openssl" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --no-compile dkimpy==1.1.8 authheaders==0.16.3 pyspf==2.0.14 dnspython==2.9.2
cat >look.py <<'PY'
import base64, re, socketserver, struct, subprocess, sys, threading
import authheaders, dkim, dns.resolver

def openssl(*arguments, given=None): return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout
key, other = (openssl("genrsa", "-traditional", "2048") for _ in range(2))
record = lambda key: b"v=DKIM1; k=rsa; p=" + base64.b64encode(openssl("rsa", "-pubout", "-outform", "DER", given=key))
KEY, SPF = "sel._domainkey.example.com", "example.net"
texts = {KEY: record(key), SPF: b"v=spf1 ip4:192.0.2.1 -all", "_dmarc.example.com": b"v=DMARC1; p=reject"}
broken, how = None, None

class Resolver(socketserver.BaseRequestHandler):
    def handle(self):
        query, socket = self.request
        end = query.index(0, 12)
        labels, at = [], 12
        while at < end:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        name, code, answer = ".".join(labels), 0, b""
        text = texts.get(name)
        if name == broken and how in ("SERVFAIL", "no answer"):
            if how == "no answer":
                return
            code = 2
        elif text is None or (name == broken and how == "NXDOMAIN"):
            code = 3
        else:
            if name == broken and how == "another key":
                text = record(other)
            data = b"".join(bytes([len(text[n:n + 255])]) + text[n:n + 255] for n in range(0, len(text), 255))
            answer = b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 60, len(data)) + data
        socket.sendto(query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, bool(answer), 0, 0) + query[12:end + 5] + answer,
                      self.client_address)

server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Resolver)
threading.Thread(target=server.serve_forever, daemon=True).start()
resolver = dns.resolver.default_resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port, resolver.lifetime, resolver.timeout = ["127.0.0.1"], server.server_address[1], 3, 1

def honest(name, timeout=3):
    """A dnsfunc that lets all but "there is none" through."""
    name = name.decode() if isinstance(name, bytes) else name
    try:
        return b"".join(resolver.resolve(name, "TXT")[0].strings)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return None

mail = (b"From: shop@example.com\r\nTo: buyer@example.org\r\nSubject: Receipt\r\nDate: Tue, 03 Mar 2026 10:00:00 +0000\r\n"
        b"Message-ID: <1@example.com>\r\n\r\nThanks\r\n")
signed = dkim.sign(mail, b"sel", b"example.com", key) + mail

def results(**named):
    header = authheaders.authenticate_message(signed, "mx.example.org", spf=True, ip="192.0.2.1", mail_from="bounce@example.net",
                                              helo="out.example.net", **named)
    return " ".join(f"{method}={re.search(rf'; {method}=([a-z]+)', header)[1]}" for method in ("spf", "dkim", "dmarc"))

wanted = {
    (None, None): (True, "spf=pass dkim=pass dmarc=pass", "pass"),
    (KEY, "another key"): (False, "spf=pass dkim=fail dmarc=fail", "fail"),
    (KEY, "SERVFAIL"): (False, "spf=pass dkim=fail dmarc=fail", "temperror"),
    (KEY, "no answer"): (False, "spf=pass dkim=fail dmarc=fail", "temperror"),
    (SPF, "SERVFAIL"): (True, "spf=temperror dkim=pass dmarc=pass", "pass"),
}
changed = False
print(f"{'the resolver says':42} dkim.verify  authheaders                         with that dnsfunc")
for (broken, how), expected in wanted.items():
    what = f"{how} for {broken}" if how else "what is there"
    seen = dkim.verify(signed), results(), authheaders.check_dkim(signed, dnsfunc=honest).result
    print(f"{what:42} {seen[0]!s:12} {seen[1]:35} dkim={seen[2]}")
    changed |= seen != expected
sys.exit(changed)
PY
version() { venv/bin/pip show "$1" 2>/dev/null | sed -n 's/^Version: //p'; }
echo "dkimpy $(version dkimpy), authheaders $(version authheaders)"
echo 'guess:     a key that cannot be asked for is no verdict: temperror, as with SPF'
echo 'behaviour: it is the verdict of a forged signature'
venv/bin/python look.py
