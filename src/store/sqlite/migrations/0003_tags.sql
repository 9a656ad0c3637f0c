-- Aggregates by tag beside those of all mail, whose tag is 0.
CREATE TABLE minutes_of_tags (
    stream INTEGER NOT NULL REFERENCES streams,
    tag INTEGER NOT NULL,
    at INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (stream, tag, at)
) WITHOUT ROWID;
INSERT INTO minutes_of_tags SELECT stream, 0, at, sent, last_at FROM minutes;
INSERT INTO minutes_of_tags
    SELECT stream, tag, sent_at - sent_at % 60000, count(*), max(sent_at) FROM messages
    WHERE tag IS NOT NULL GROUP BY 1, 2, 3;
DROP TABLE minutes;
ALTER TABLE minutes_of_tags RENAME TO minutes;

CREATE TABLE hours_of_tags (
    stream INTEGER NOT NULL REFERENCES streams,
    tag INTEGER NOT NULL,
    at INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (stream, tag, at)
) WITHOUT ROWID;
INSERT INTO hours_of_tags SELECT stream, 0, at, sent, first_at, last_at FROM hours;
INSERT INTO hours_of_tags
    SELECT stream, tag, sent_at - sent_at % 3600000, count(*), min(sent_at), max(sent_at) FROM messages
    WHERE tag IS NOT NULL GROUP BY 1, 2, 3;
DROP TABLE hours;
ALTER TABLE hours_of_tags RENAME TO hours;

-- An incident may be of one tag; '' for all mail of the stream.
ALTER TABLE incidents ADD COLUMN tag TEXT NOT NULL DEFAULT '';
DROP INDEX incidents_open_once;
DROP INDEX incidents_by_key;
CREATE UNIQUE INDEX incidents_open_once ON incidents (server, stream, tag, rule) WHERE open = 1;
CREATE INDEX incidents_by_key ON incidents (server, stream, tag, rule, opened_at);

-- When a step was recorded, which may be long after the instant that was judged: digests tell what is new to them.
ALTER TABLE transitions ADD COLUMN recorded_at INTEGER NOT NULL DEFAULT 0;
UPDATE transitions SET recorded_at = at;
CREATE INDEX transitions_by_recording ON transitions (recorded_at);
