"""What one would put into cron instead: the last hour's mail and bounces, kept in SQLite, and a line where something is wrong.

It needs `postmarker`, the client of Postmark that PyPI knows longest, and the lightest.
"""

import os
import sqlite3
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from postmarker.core import PostmarkClient

EASTERN = ZoneInfo("America/New_York")
now = datetime.fromtimestamp(int(os.environ["NOW_MS"]) / 1000, timezone.utc)
since = now - timedelta(hours=1)
span = {
    key: at.astimezone(EASTERN).strftime("%Y-%m-%dT%H:%M:%S")
    for key, at in (("fromdate", since), ("todate", now - timedelta(seconds=1)))
}
client = PostmarkClient(os.environ["POSTMARK_SERVER_TOKEN"], root_api_url=os.environ["URL"])
db = sqlite3.connect("cron.db")
db.executescript(
    """CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, sent_at TEXT NOT NULL, status TEXT, tag TEXT);
       CREATE INDEX IF NOT EXISTS by_time ON messages (sent_at);
       CREATE TABLE IF NOT EXISTS bounces (id INTEGER PRIMARY KEY, at TEXT NOT NULL, type TEXT);"""
)
messages = client.messages.outbound.all(count=10000, **span)
bounces = client.bounces.all(count=10000, **span)
with db:
    rows = [(m.MessageID, m.ReceivedAt, m.Status, getattr(m, "Tag", None)) for m in messages]
    db.executemany("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?)", rows)
    rows = [(b.ID, b.BouncedAt, b.Type) for b in bounces]
    db.executemany("INSERT OR IGNORE INTO bounces VALUES (?, ?, ?)", rows)
week = (now - timedelta(days=7)).isoformat()
(usual,) = db.execute("SELECT count(*) / 168.0 FROM messages WHERE sent_at >= ?", (week,)).fetchone()
if usual > 1 and not messages:
    print("nothing was sent")
if len(bounces) > 0.05 * max(len(messages), 20):
    print("mail bounces")
