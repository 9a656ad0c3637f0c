-- What was delivered of the sampled mail of a whole week as one value, so that three months of it are read in some thirteen rows, with a
-- digest of it. A row says what its messages say, or is not there: whoever changes one of them, whatever version it is, drops it.
CREATE TABLE packed_samples (
    stream INTEGER NOT NULL REFERENCES streams,
    week INTEGER NOT NULL,
    digest BLOB NOT NULL,
    delivered BLOB NOT NULL,
    PRIMARY KEY (stream, week)
);
CREATE TRIGGER followed_inserted AFTER INSERT ON followed BEGIN
    DELETE FROM packed_samples WHERE stream = NEW.stream AND week = NEW.sent_at - NEW.sent_at % 604800000;
END;
CREATE TRIGGER followed_updated AFTER UPDATE ON followed BEGIN
    DELETE FROM packed_samples WHERE stream = OLD.stream AND week = OLD.sent_at - OLD.sent_at % 604800000;
    DELETE FROM packed_samples WHERE stream = NEW.stream AND week = NEW.sent_at - NEW.sent_at % 604800000;
END;
CREATE TRIGGER followed_deleted AFTER DELETE ON followed BEGIN
    DELETE FROM packed_samples WHERE stream = OLD.stream AND week = OLD.sent_at - OLD.sent_at % 604800000;
END;
-- What was not delivered is read by itself.
CREATE INDEX followed_undelivered ON followed (stream, sent_at) WHERE delivered_at IS NULL;
-- What was learned of how a stream's mail is delivered: to lose it costs time, nothing else.
CREATE TABLE learned_deliveries (
    server TEXT NOT NULL,
    stream TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- A digest of all that it was learned from.
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (server, stream)
);
