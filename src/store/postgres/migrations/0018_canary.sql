-- The canary's own mails. The row is written before Postmark is asked; a mail without a message is one whose fate is not known.
CREATE TABLE canary (
    sent_at BIGINT PRIMARY KEY,
    message TEXT,
    -- 'pending', 'delivered', 'bounced' or 'refused'
    outcome TEXT NOT NULL,
    -- What Postmark said where it refused.
    reason TEXT,
    delivered_at BIGINT
);
