-- The message in Slack that a row goes on with: the row that posted it, which names itself. That row's sent_channel and sent_ts say
-- where the message lives now; null where it has to be posted anew. What the message says from this row on (top, empty: as body),
-- whether the reply is shown in the channel too, who is mentioned, where it goes if its channel refuses, and when the message was
-- edited, after which the reply alone is left to send.
ALTER TABLE outbox ADD COLUMN thread INTEGER;
ALTER TABLE outbox ADD COLUMN top TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN broadcast INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN mention TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN fallback TEXT;
ALTER TABLE outbox ADD COLUMN edited_at INTEGER;
