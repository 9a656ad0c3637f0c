-- Spans whose messages were counted, not listed: disjoint [from_at, until_at) of each stream and tag (0: all mail). No
-- message of the stream that was sent in one has a row.
CREATE TABLE counted (
    stream INTEGER NOT NULL REFERENCES streams,
    tag INTEGER NOT NULL,
    from_at INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    last_at INTEGER,
    PRIMARY KEY (stream, tag, from_at)
) WITHOUT ROWID;
