-- Whether a mute keeps back what an incident has to tell: of a server that left, nothing else says that it is still owed.
ALTER TABLE incidents ADD COLUMN withheld BIGINT NOT NULL DEFAULT 0;
UPDATE incidents SET withheld = 1 WHERE (body::jsonb ->> 'withheld')::boolean;
CREATE INDEX incidents_withheld ON incidents (server) WHERE withheld = 1;
