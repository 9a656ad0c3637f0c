#!/usr/bin/env python3
"""A Postmark with one server and no mail, and a Slack webhook that writes what it gets to a file: for installations on a clean root.

stand-in.py PORT FILE
"""
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STREAM = {"ID": "outbound", "ServerID": 1, "Name": "Transactional", "MessageStreamType": "Transactional", "ArchivedAt": None}
ANSWERS = {
    "/server": {"ID": 1, "Name": "shop", "DeliveryType": "Live", "ApiTokens": []},
    "/message-streams": {"MessageStreams": [STREAM], "TotalCount": 1},
    "/messages/outbound": {"TotalCount": 0, "Messages": []},
    "/bounces": {"TotalCount": 0, "Bounces": []},
    "/message-streams/outbound/suppressions/dump": {"Suppressions": []},
}


class Handler(BaseHTTPRequestHandler):
    def answer(self, code, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.headers.get("X-Postmark-Server-Token") != "stand-in":
            return self.answer(401, {"ErrorCode": 10, "Message": "Bad or missing API token."})
        answer = ANSWERS.get(self.path.split("?")[0])
        self.answer(404 if answer is None else 200, answer or {"ErrorCode": 0, "Message": "no such page"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open(sys.argv[2], "ab") as file:
            file.write(body.replace(b"\n", b" ") + b"\n")
        self.answer(200, b"ok")

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
