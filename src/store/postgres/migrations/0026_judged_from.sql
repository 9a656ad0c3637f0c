-- From when on a stream that is new to the list is judged; empty once a complete poll has judged it.
ALTER TABLE streams ADD COLUMN judged_from BIGINT;
