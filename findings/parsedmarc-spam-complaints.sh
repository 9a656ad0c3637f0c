#!/usr/bin/env bash
# parsedmarc files a spam complaint as a DMARC failure. Both come in one format (ARF, RFC 5965), often to one mailbox, and are told apart
# by `Feedback-Type`: `abuse` is a person who pressed "spam", `auth-failure` a receiver that saw DMARC fail. parsedmarc takes every type
# for the second, and as a complaint has no `Auth-Failure` field (RFC 6591 asks for it in the second kind only), it writes "dmarc" there.
# So mail that passed every check and was disliked stands among the mail that somebody forged, and so does `not-spam`, by which a reader
# takes a complaint back. All that one sees is a line in the log: the report lacks a required field.
# `feedback_type` is kept in the result: count failures where it is "auth-failure", and complaints where it is "abuse".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --no-compile parsedmarc==11.1.0
cat >look.py <<'PY'
import logging, sys
import parsedmarc

report = """\
From: reports@example.net
To: loop@example.com
Subject: Report
Date: Tue, 03 Mar 2026 10:00:00 +0000
Message-ID: <{type}@example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="part"

--part
Content-Type: text/plain; charset=us-ascii

This is a report about a message received from 192.0.2.1.

--part
Content-Type: message/feedback-report

Feedback-Type: {type}
User-Agent: Receiver/1.0
Version: 1
Original-Mail-From: <bounce@example.com>
Arrival-Date: Tue, 03 Mar 2026 09:00:00 +0000
Source-IP: 192.0.2.1
Reported-Domain: example.com
Authentication-Results: mx.example.net; dkim={result} header.d=example.com; dmarc={result} header.from=example.com
{more}
--part
Content-Type: message/rfc822

From: shop@example.com
To: buyer@example.net
Subject: Receipt
Date: Tue, 03 Mar 2026 09:00:00 +0000
Message-ID: <receipt@example.com>

Thanks

--part--
"""
told = []
handler = logging.Handler()
handler.emit = lambda record: told.append(record.getMessage())
logging.getLogger("parsedmarc").addHandler(handler)
cases = {
    "auth-failure": ("fail", "Auth-Failure: dmarc\nIdentity-Alignment: none\n", ("failure", ["dmarc"])),
    "abuse": ("pass", "", ("failure", ["dmarc"])),
    "not-spam": ("pass", "", ("failure", ["dmarc"])),
}
changed = False
print(f"{'Feedback-Type':14} DMARC at the receiver   report_type  auth_failure")
for type, (result, more, expected) in cases.items():
    told.clear()
    answer = parsedmarc.parse_report_email(report.format(type=type, result=result, more=more), offline=True)
    seen = answer["report_type"], answer["report"]["auth_failure"]
    print(f"{type:14} {result:23} {seen[0]:12} {seen[1]}")
    print(*(f"{'':14} log: {line}" for line in told if "Auth-Failure" in line), sep="\n", end="\n" if told else "")
    changed |= seen != expected or answer["report"]["feedback_type"] != type
sys.exit(changed)
PY
echo "parsedmarc $(venv/bin/pip show parsedmarc 2>/dev/null | sed -n 's/^Version: //p')"
echo 'guess:     a complaint is refused as no DMARC report, or counted apart'
echo 'behaviour: it is a failure report whose failure is dmarc'
venv/bin/python look.py
