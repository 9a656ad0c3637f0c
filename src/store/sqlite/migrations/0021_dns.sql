-- The domains from which a server's newest messages were sent.
CREATE TABLE sending_domains (
    server TEXT NOT NULL,
    domain TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (server, domain)
) WITHOUT ROWID;
-- When that was last asked.
CREATE TABLE senders_asked (
    server TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;
-- What the DNS holds of each of these domains, beside what was last seen good.
CREATE TABLE dns_records (
    domain TEXT NOT NULL,
    -- Such as 'DKIM key at selector pm', 'Return-Path' and 'DMARC policy'.
    record TEXT NOT NULL,
    -- What it said when it was last good; null where it never was, or a person accepted that it is broken.
    good TEXT,
    strength INTEGER,
    good_at INTEGER,
    -- Why it is broken; null where it is not.
    why TEXT,
    broken_since INTEGER,
    -- Whether a second answer said the same.
    confirmed INTEGER,
    asked_at INTEGER NOT NULL,
    PRIMARY KEY (domain, record)
) WITHOUT ROWID;
