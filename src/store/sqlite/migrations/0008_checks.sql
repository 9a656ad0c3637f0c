-- What the list of suppressions of a stream said of an address when it was last asked; reason is null where it was not on it.
CREATE TABLE checks (
    stream INTEGER NOT NULL REFERENCES streams,
    address TEXT NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT,
    since INTEGER,
    PRIMARY KEY (stream, address)
) WITHOUT ROWID;
