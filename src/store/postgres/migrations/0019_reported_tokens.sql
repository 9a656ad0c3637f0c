-- The servers whose missing or refused token was reported to Sentry: once per outage.
CREATE TABLE reported_tokens (
    server TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);
