-- The hours of a whole week as one value, so that a year is read in some fifty rows, with a digest of these hours. A row says what its
-- hours say, or is not there: whoever changes one of them, whatever version it is, drops it.
CREATE TABLE packed_hours (
    stream BIGINT NOT NULL REFERENCES streams,
    tag BIGINT NOT NULL,
    week BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    hours BYTEA NOT NULL,
    PRIMARY KEY (stream, tag, week)
);
CREATE FUNCTION drop_packed_hours() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM hushwatch.packed_hours;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM hushwatch.packed_hours
            WHERE stream = OLD.stream AND tag = OLD.tag AND week = OLD.at - OLD.at % 604800000;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        DELETE FROM hushwatch.packed_hours
            WHERE stream = NEW.stream AND tag = NEW.tag AND week = NEW.at - NEW.at % 604800000;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER hours_changed AFTER INSERT OR UPDATE OR DELETE ON hours FOR EACH ROW EXECUTE FUNCTION drop_packed_hours();
CREATE TRIGGER hours_truncated AFTER TRUNCATE ON hours FOR EACH STATEMENT EXECUTE FUNCTION drop_packed_hours();
