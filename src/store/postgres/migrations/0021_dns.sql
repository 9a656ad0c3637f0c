-- The domains from which a server's newest messages were sent.
CREATE TABLE sending_domains (
    server TEXT NOT NULL,
    domain TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (server, domain)
);
-- When that was last asked.
CREATE TABLE senders_asked (
    server TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);
-- What the DNS holds of each of these domains, beside what was last seen good.
CREATE TABLE dns_records (
    domain TEXT NOT NULL,
    -- Such as 'DKIM key at selector pm', 'Return-Path' and 'DMARC policy'.
    record TEXT NOT NULL,
    -- What it said when it was last good; null where it never was, or a person accepted that it is broken.
    good TEXT,
    strength BIGINT,
    good_at BIGINT,
    -- Why it is broken; null where it is not.
    why TEXT,
    broken_since BIGINT,
    -- Whether a second answer said the same.
    confirmed BIGINT,
    asked_at BIGINT NOT NULL,
    PRIMARY KEY (domain, record)
);
