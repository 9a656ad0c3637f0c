-- How many recipients a listed message has; 0 where it was listed before this was stored. Of a minute: the sum of its messages;
-- less than the messages where one of them is not known.
ALTER TABLE messages ADD COLUMN recipients INTEGER NOT NULL DEFAULT 0;
ALTER TABLE minutes ADD COLUMN recipients INTEGER NOT NULL DEFAULT 0;
