#!/usr/bin/env bash
# Postmark's official Python client repeats whatever ends in its time limit, up to three times: also `POST /email`, for which there is
# no key that would let Postmark tell a repeat from a second mail. The limit is 5 s unless set, and says nothing of what became of the
# request: an answer that is slower than that is a mail that was accepted. One call then sends it four times, each with a correlation
# id of its own, and ends with TimeoutException, after which the application may well call again. A refused connection, of which
# nobody got anything, is the one failure that is not repeated. `ServerClient(token, retries=0)` repeats nothing.
# Who counts mail meets it as a recipient's copies, and as a rise of the volume while Postmark is slow.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --no-compile --only-binary :all: postmark-python==0.4.0 httpx==0.28.1 tenacity==8.5.0
cat >slow.py <<'PY'
import asyncio, http.server, json, logging, sys, threading, time
import postmark

logging.disable(logging.CRITICAL)
accepted = []

class Slow(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        mail = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        accepted.append((mail["To"], self.headers["X-Postmark-Correlation-Id"]))
        time.sleep(delay)
        answer = {"To": mail["To"], "SubmittedAt": "2026-01-01T00:00:00Z", "MessageID": "00000000-0000-4000-8000-%012d" % len(accepted),
                  "ErrorCode": 0, "Message": "OK"}
        body = json.dumps(answer).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # The client left.
    def log_message(self, *_): pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
threading.Thread(target=server.serve_forever, daemon=True).start()

async def send(base):
    async with postmark.ServerClient("token", timeout=1, base_url=base) as client:
        await client.outbound.send({"From": "shop@example.com", "To": "buyer@example.com", "Subject": "Receipt", "TextBody": "Thanks"})

def call(what, base):
    accepted.clear()
    began = time.monotonic()
    try:
        asyncio.run(send(base))
        ended = "sent"
    except postmark.PostmarkException as error:
        ended = type(error).__name__
    seen = (ended, len(accepted), len({id for _, id in accepted}))
    print(f"{what:28} {ended}, {seen[1]} accepted, {seen[2]} correlation ids")
    return seen, time.monotonic() - began

here = f"http://127.0.0.1:{server.server_port}"
delay = 0
quick, _ = call("the answer comes at once:", here)
delay = 1.5
slow, _ = call("it takes 1.5 s, the limit 1:", here)
refused, took = call("the connection is refused:", "http://127.0.0.1:1")
once = took < 5  # The pauses before three repeats are 7 s and more.
print("  and it was tried once" if once else "  and it was tried again")
sys.exit((quick, slow, refused) != (("sent", 1, 1), ("TimeoutException", 4, 4), ("PostmarkException", 0, 0)) or not once)
PY
echo "postmark-python $(venv/bin/python -c 'import postmark; print(postmark.__version__)')"
echo 'guess:     what may have been sent is not sent again without being asked for'
echo 'behaviour: it is sent four times, and the caller is told that it failed'
venv/bin/python slow.py
