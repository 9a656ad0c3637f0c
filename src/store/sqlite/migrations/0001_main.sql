-- Times are milliseconds since 1970, UTC. A message id is the 16 bytes of its UUID.

CREATE TABLE servers (
    name TEXT PRIMARY KEY,
    first_start_at INTEGER NOT NULL,
    last_cycle_at INTEGER,
    last_complete_at INTEGER,
    incomplete_since INTEGER,
    incomplete_cycles INTEGER NOT NULL DEFAULT 0,
    reason TEXT
) WITHOUT ROWID;

CREATE TABLE polls (
    server TEXT NOT NULL,
    at INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    reason TEXT,
    PRIMARY KEY (server, at)
) WITHOUT ROWID;

CREATE TABLE streams (
    key INTEGER PRIMARY KEY,
    server TEXT NOT NULL,
    id TEXT NOT NULL,
    watched INTEGER NOT NULL,
    oldest_sent_at INTEGER,
    UNIQUE (server, id)
);

-- What was polled completely: disjoint [from_at, until_at) of each stream and kind.
CREATE TABLE coverage (
    stream INTEGER NOT NULL REFERENCES streams,
    kind TEXT NOT NULL,
    from_at INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    PRIMARY KEY (stream, kind, from_at)
) WITHOUT ROWID;

CREATE TABLE tags (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE messages (
    stream INTEGER NOT NULL REFERENCES streams,
    id BLOB NOT NULL,
    sent_at INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    tag INTEGER REFERENCES tags,
    PRIMARY KEY (stream, id)
) WITHOUT ROWID;
CREATE INDEX messages_by_time ON messages (stream, sent_at);

-- Aggregates, which the rules read. Only minutes and hours with mail have a row.
CREATE TABLE minutes (
    stream INTEGER NOT NULL REFERENCES streams,
    at INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (stream, at)
) WITHOUT ROWID;
CREATE TABLE hours (
    stream INTEGER NOT NULL REFERENCES streams,
    at INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (stream, at)
) WITHOUT ROWID;

CREATE TABLE bounces (
    stream INTEGER NOT NULL REFERENCES streams,
    id INTEGER NOT NULL,
    message BLOB,
    type TEXT NOT NULL,
    class TEXT NOT NULL,
    at INTEGER NOT NULL,
    sent_at INTEGER,
    recipient TEXT NOT NULL,
    tag INTEGER REFERENCES tags,
    description TEXT NOT NULL,
    PRIMARY KEY (stream, id)
) WITHOUT ROWID;
CREATE INDEX bounces_by_time ON bounces (stream, at);
CREATE INDEX bounces_without_sending ON bounces (stream, message) WHERE sent_at IS NULL AND message IS NOT NULL;

-- The sample of mail whose delivery is followed; open until it has news or is given up.
CREATE TABLE followed (
    stream INTEGER NOT NULL REFERENCES streams,
    message BLOB NOT NULL,
    sent_at INTEGER NOT NULL,
    checked_at INTEGER,
    delivered_at INTEGER,
    bounced_at INTEGER,
    open INTEGER NOT NULL DEFAULT 1,
    queued INTEGER NOT NULL DEFAULT 0,
    recipient TEXT NOT NULL,
    tag INTEGER REFERENCES tags,
    PRIMARY KEY (stream, message)
) WITHOUT ROWID;
CREATE INDEX followed_by_time ON followed (stream, sent_at);
CREATE INDEX followed_open ON followed (stream, sent_at) WHERE open = 1;

CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    server TEXT NOT NULL,
    stream TEXT NOT NULL,
    rule TEXT NOT NULL,
    open INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX incidents_open_once ON incidents (server, stream, rule) WHERE open = 1;
CREATE INDEX incidents_by_key ON incidents (server, stream, rule, opened_at);

CREATE TABLE transitions (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    incident TEXT NOT NULL REFERENCES incidents,
    step TEXT NOT NULL,
    told INTEGER NOT NULL,
    text TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX transitions_by_time ON transitions (at);
CREATE INDEX transitions_by_incident ON transitions (incident);

-- state: pending, sending (taken for an attempt at claimed_at), sent, replaced (its text is in a later row).
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    incident TEXT,
    channel TEXT NOT NULL,
    text TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    attempts INTEGER NOT NULL DEFAULT 0,
    unknown INTEGER NOT NULL DEFAULT 0,
    claimed_at INTEGER,
    next_try_at INTEGER,
    sent_at INTEGER,
    sent_channel TEXT,
    sent_ts TEXT
);
CREATE INDEX outbox_open ON outbox (seq) WHERE state IN ('pending', 'sending');

CREATE TABLE attempts (
    outbox INTEGER NOT NULL REFERENCES outbox ON DELETE CASCADE,
    at INTEGER NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX attempts_by_row ON attempts (outbox);

CREATE TABLE digests (
    until_at INTEGER PRIMARY KEY,
    from_at INTEGER NOT NULL,
    outbox INTEGER NOT NULL
);
