-- What a message is known by where it was sent: random, so that no two databases ever share one.
ALTER TABLE outbox ADD COLUMN key TEXT NOT NULL DEFAULT '';
UPDATE outbox SET key = lower(hex(randomblob(16)));

-- An attempt is written before its request goes out, with `at` its begin; `unknown` until it is known how it ended.
ALTER TABLE attempts ADD COLUMN unknown INTEGER NOT NULL DEFAULT 0;
INSERT INTO attempts (outbox, at, outcome, unknown)
    SELECT seq, coalesce(claimed_at, created_at), 'begun', 1 FROM outbox
    WHERE state = 'sending' OR (state = 'pending' AND unknown);
ALTER TABLE outbox DROP COLUMN unknown;
