-- Servers that the account lists: Postmark's number, and since when it is no longer listed.
ALTER TABLE servers ADD COLUMN account_id INTEGER;
ALTER TABLE servers ADD COLUMN left_at INTEGER;

-- What is worth a line in the digest and no alarm.
CREATE TABLE notes (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    server TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX notes_by_time ON notes (at);
