-- Spans whose messages were counted, not listed: disjoint [from_at, until_at) of each stream and tag (0: all mail). No
-- message of the stream that was sent in one has a row.
CREATE TABLE counted (
    stream BIGINT NOT NULL REFERENCES streams,
    tag BIGINT NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    last_at BIGINT,
    PRIMARY KEY (stream, tag, from_at)
);
