-- Messages lie in order of time, in one tree that grows at its end, instead of in one by id beside an index by time. When a
-- message was sent never changes, so that a message listed again is the same row.
CREATE TABLE messages_by_sending (
    stream INTEGER NOT NULL REFERENCES streams,
    sent_at INTEGER NOT NULL,
    id BLOB NOT NULL,
    tag INTEGER REFERENCES tags,
    recipients INTEGER NOT NULL,
    PRIMARY KEY (stream, sent_at, id)
) WITHOUT ROWID;
INSERT INTO messages_by_sending (stream, sent_at, id, tag, recipients)
    SELECT stream, sent_at, id, tag, recipients FROM messages ORDER BY stream, sent_at, id;
DROP TABLE messages;
ALTER TABLE messages_by_sending RENAME TO messages;
