-- Which incidents a message tells of: one, or several at once. Of those written before, the incidents that their text names.
CREATE TABLE outbox_incidents (
    seq BIGINT NOT NULL REFERENCES outbox ON DELETE CASCADE,
    incident TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (seq, incident)
);
CREATE INDEX outbox_incidents_by_incident ON outbox_incidents (incident);
INSERT INTO outbox_incidents (seq, incident) SELECT seq, incident FROM outbox WHERE incident IS NOT NULL;
INSERT INTO outbox_incidents (seq, incident)
    SELECT o.seq, i.id FROM outbox o JOIN incidents i ON strpos(o.text, i.id) > 0 WHERE o.incident IS NULL;
