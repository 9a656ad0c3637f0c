-- When the list of a server's streams was last read without a flaw, and for which token and settings (a digest of them).
ALTER TABLE servers ADD COLUMN streams_listed_at INTEGER;
ALTER TABLE servers ADD COLUMN streams_listed_for TEXT;
