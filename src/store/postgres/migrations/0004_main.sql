-- Everything of schema 4. Times are milliseconds since 1970, UTC; truths are 0 and 1; a message id is the 16 bytes of its
-- UUID. Text that is put in order is compared byte by byte, as everywhere else.

CREATE TABLE servers (
    name TEXT COLLATE "C" PRIMARY KEY,
    first_start_at BIGINT NOT NULL,
    last_cycle_at BIGINT,
    last_complete_at BIGINT,
    incomplete_since BIGINT,
    incomplete_cycles BIGINT NOT NULL DEFAULT 0,
    reason TEXT,
    account_id BIGINT,
    left_at BIGINT
);

CREATE TABLE polls (
    server TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    complete BIGINT NOT NULL,
    reason TEXT,
    PRIMARY KEY (server, at)
);

CREATE TABLE streams (
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    server TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    watched BIGINT NOT NULL,
    oldest_sent_at BIGINT,
    UNIQUE (server, id)
);

-- What was polled completely: disjoint [from_at, until_at) of each stream and kind.
CREATE TABLE coverage (
    stream BIGINT NOT NULL REFERENCES streams,
    kind TEXT COLLATE "C" NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    PRIMARY KEY (stream, kind, from_at)
);

CREATE TABLE tags (
    key BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE messages (
    stream BIGINT NOT NULL REFERENCES streams,
    id BYTEA NOT NULL,
    sent_at BIGINT NOT NULL,
    queued BIGINT NOT NULL,
    tag BIGINT REFERENCES tags,
    PRIMARY KEY (stream, id)
);
CREATE INDEX messages_by_time ON messages (stream, sent_at);

-- Aggregates, which the rules read. Only minutes and hours with mail have a row; the tag of all mail is 0.
CREATE TABLE minutes (
    stream BIGINT NOT NULL REFERENCES streams,
    tag BIGINT NOT NULL,
    at BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (stream, tag, at)
);
CREATE TABLE hours (
    stream BIGINT NOT NULL REFERENCES streams,
    tag BIGINT NOT NULL,
    at BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (stream, tag, at)
);

CREATE TABLE bounces (
    stream BIGINT NOT NULL REFERENCES streams,
    id BIGINT NOT NULL,
    message BYTEA,
    type TEXT NOT NULL,
    class TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    sent_at BIGINT,
    recipient TEXT NOT NULL,
    tag BIGINT REFERENCES tags,
    description TEXT NOT NULL,
    PRIMARY KEY (stream, id)
);
CREATE INDEX bounces_by_time ON bounces (stream, at);
CREATE INDEX bounces_without_sending ON bounces (stream, message) WHERE sent_at IS NULL AND message IS NOT NULL;

-- The sample of mail whose delivery is followed; open until it has news or is given up.
CREATE TABLE followed (
    stream BIGINT NOT NULL REFERENCES streams,
    message BYTEA NOT NULL,
    sent_at BIGINT NOT NULL,
    checked_at BIGINT,
    delivered_at BIGINT,
    bounced_at BIGINT,
    open BIGINT NOT NULL DEFAULT 1,
    queued BIGINT NOT NULL DEFAULT 0,
    recipient TEXT NOT NULL,
    tag BIGINT REFERENCES tags,
    PRIMARY KEY (stream, message)
);
CREATE INDEX followed_by_time ON followed (stream, sent_at);
CREATE INDEX followed_open ON followed (stream, sent_at) WHERE open = 1;

-- An incident may be of one tag; '' for all mail of the stream.
CREATE TABLE incidents (
    id TEXT COLLATE "C" PRIMARY KEY,
    server TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL,
    tag TEXT COLLATE "C" NOT NULL,
    rule TEXT COLLATE "C" NOT NULL,
    open BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX incidents_open_once ON incidents (server, stream, tag, rule) WHERE open = 1;
CREATE INDEX incidents_by_key ON incidents (server, stream, tag, rule, opened_at);

CREATE TABLE transitions (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    incident TEXT COLLATE "C" NOT NULL REFERENCES incidents,
    step TEXT NOT NULL,
    told BIGINT NOT NULL,
    text TEXT NOT NULL,
    body TEXT NOT NULL,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX transitions_by_time ON transitions (at);
CREATE INDEX transitions_by_incident ON transitions (incident);
CREATE INDEX transitions_by_recording ON transitions (recorded_at);

-- state: pending, sending (taken for an attempt at claimed_at), sent, replaced (its text is in a later row).
CREATE TABLE outbox (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    incident TEXT,
    channel TEXT NOT NULL,
    text TEXT NOT NULL,
    body TEXT NOT NULL,
    state TEXT COLLATE "C" NOT NULL DEFAULT 'pending',
    attempts BIGINT NOT NULL DEFAULT 0,
    claimed_at BIGINT,
    next_try_at BIGINT,
    sent_at BIGINT,
    sent_channel TEXT,
    sent_ts TEXT,
    key TEXT NOT NULL
);
CREATE INDEX outbox_open ON outbox (seq) WHERE state IN ('pending', 'sending');

-- An attempt is written before its request goes out, with `at` its begin; `unknown` until it is known how it ended.
CREATE TABLE attempts (
    outbox BIGINT NOT NULL REFERENCES outbox ON DELETE CASCADE,
    at BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    unknown BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX attempts_by_row ON attempts (outbox);

CREATE TABLE digests (
    until_at BIGINT PRIMARY KEY,
    from_at BIGINT NOT NULL,
    outbox BIGINT NOT NULL
);

-- What is worth a line in the digest and no alarm.
CREATE TABLE notes (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    server TEXT COLLATE "C" NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX notes_by_time ON notes (at);
