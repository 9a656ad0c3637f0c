-- Which of Postmark's servers is behind a name: its number, and whether it is a Sandbox (null until it was asked). Of one that
-- gave its name to another: the name it had. Its streams go by a name that no server of the configuration has.
ALTER TABLE servers ADD COLUMN number INTEGER;
ALTER TABLE servers ADD COLUMN sandbox INTEGER;
ALTER TABLE servers ADD COLUMN former_name TEXT;
