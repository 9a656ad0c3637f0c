-- What the list of suppressions of a stream said of an address when it was last asked; reason is null where it was not on it.
CREATE TABLE checks (
    stream BIGINT NOT NULL REFERENCES streams,
    address TEXT NOT NULL,
    at BIGINT NOT NULL,
    reason TEXT,
    since BIGINT,
    PRIMARY KEY (stream, address)
);
