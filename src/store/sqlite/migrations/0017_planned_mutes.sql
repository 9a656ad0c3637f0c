-- Whether a mute was set for a time to come: it begins at from_at. Others hold from before they were set, for what is judged late.
ALTER TABLE mutes ADD COLUMN planned INTEGER NOT NULL DEFAULT 0;
