-- What was delivered of the sampled mail of a whole week as one value, so that three months of it are read in some thirteen rows, with a
-- digest of it. A row says what its messages say, or is not there: whoever changes one of them, whatever version it is, drops it.
CREATE TABLE packed_samples (
    stream BIGINT NOT NULL REFERENCES streams,
    week BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    delivered BYTEA NOT NULL,
    PRIMARY KEY (stream, week)
);
CREATE FUNCTION drop_packed_samples() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM hushwatch.packed_samples;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM hushwatch.packed_samples
            WHERE stream = OLD.stream AND week = OLD.sent_at - OLD.sent_at % 604800000;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        DELETE FROM hushwatch.packed_samples
            WHERE stream = NEW.stream AND week = NEW.sent_at - NEW.sent_at % 604800000;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER followed_changed AFTER INSERT OR UPDATE OR DELETE ON followed FOR EACH ROW EXECUTE FUNCTION drop_packed_samples();
CREATE TRIGGER followed_truncated AFTER TRUNCATE ON followed FOR EACH STATEMENT EXECUTE FUNCTION drop_packed_samples();
-- What was not delivered is read by itself.
CREATE INDEX followed_undelivered ON followed (stream, sent_at) WHERE delivered_at IS NULL;
-- What was learned of how a stream's mail is delivered: to lose it costs time, nothing else.
CREATE TABLE learned_deliveries (
    server TEXT NOT NULL,
    stream TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- A digest of all that it was learned from.
    key BYTEA NOT NULL,
    value BYTEA NOT NULL,
    PRIMARY KEY (server, stream)
);
