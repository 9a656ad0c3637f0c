-- Messages lie in order of time, in one index that grows at its end, instead of in one by id beside one by time. When a
-- message was sent never changes, so that a message listed again is the same row.
DROP INDEX messages_by_time;
ALTER TABLE messages DROP CONSTRAINT messages_pkey, DROP COLUMN queued, ADD PRIMARY KEY (stream, sent_at, id);
