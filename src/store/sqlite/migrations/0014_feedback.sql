-- What a person said last of an incident: `real` or `false_alarm`.
CREATE TABLE feedback (
    incident TEXT PRIMARY KEY REFERENCES incidents ON DELETE CASCADE,
    verdict TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;
