-- When the first message of this database was written, and whether the database took the place of one that was lost. A database that
-- was in use before had none, and gets none.
CREATE TABLE hello (
    greeted_at INTEGER,
    anew INTEGER NOT NULL
);
INSERT INTO hello (greeted_at, anew) SELECT min(first_start_at), 0 FROM servers HAVING count(*) > 0;

-- What people answered to a message by emoji, as it was read last: the emoji that stood there, each with the first user who set it.
-- The message is that of the row which posted it.
CREATE TABLE reactions (
    thread INTEGER PRIMARY KEY REFERENCES outbox ON DELETE CASCADE,
    read_at INTEGER NOT NULL,
    seen TEXT NOT NULL
) WITHOUT ROWID;

-- The incident that a mute is of, where it is of that alone.
ALTER TABLE mutes ADD COLUMN incident TEXT;
