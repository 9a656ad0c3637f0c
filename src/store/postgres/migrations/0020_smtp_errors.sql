-- What Postmark's statistics say of the mail that it refused before it became a message, by its days (midnight in New York).
CREATE TABLE smtp_errors (
    server TEXT NOT NULL,
    day BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    -- Recipients of the mail that was taken.
    sent BIGINT NOT NULL,
    -- When the errors were last seen to be more than before; null where they were there when they were first read.
    risen_at BIGINT,
    asked_at BIGINT NOT NULL,
    PRIMARY KEY (server, day)
);
-- Since when a rule judges here: what happened before a rule came is no news.
CREATE TABLE rule_starts (
    rule TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);
