-- Who works on what, until when: a server, or the outbox. The fence grows each time one changes hands.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    fence INTEGER NOT NULL,
    until_at INTEGER NOT NULL
) WITHOUT ROWID;
