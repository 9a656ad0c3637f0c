-- What was learned of when a stream sends mail, so that it is not learned in every cycle: to lose it costs time, nothing else.
CREATE TABLE learned (
    server TEXT NOT NULL,
    -- Empty for all streams together.
    stream TEXT NOT NULL,
    -- Empty for all mail.
    tag TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- A digest of all that it was learned from.
    key BYTEA NOT NULL,
    value BYTEA NOT NULL,
    PRIMARY KEY (server, stream, tag)
);
