-- Who works on what, until when: a server, or the outbox. The fence grows each time one changes hands.
CREATE TABLE leases (
    name TEXT COLLATE "C" PRIMARY KEY,
    holder TEXT NOT NULL,
    fence BIGINT NOT NULL,
    until_at BIGINT NOT NULL
);
