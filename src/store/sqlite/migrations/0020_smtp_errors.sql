-- What Postmark's statistics say of the mail that it refused before it became a message, by its days (midnight in New York).
CREATE TABLE smtp_errors (
    server TEXT NOT NULL,
    day INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    -- Recipients of the mail that was taken.
    sent INTEGER NOT NULL,
    -- When the errors were last seen to be more than before; null where they were there when they were first read.
    risen_at INTEGER,
    asked_at INTEGER NOT NULL,
    PRIMARY KEY (server, day)
) WITHOUT ROWID;
-- Since when a rule judges here: what happened before a rule came is no news.
CREATE TABLE rule_starts (
    rule TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;
