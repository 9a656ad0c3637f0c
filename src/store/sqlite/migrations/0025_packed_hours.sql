-- The hours of a whole week as one value, so that a year is read in some fifty rows, with a digest of these hours. A row says what its
-- hours say, or is not there: whoever changes one of them, whatever version it is, drops it.
CREATE TABLE packed_hours (
    stream INTEGER NOT NULL REFERENCES streams,
    tag INTEGER NOT NULL,
    week INTEGER NOT NULL,
    digest BLOB NOT NULL,
    hours BLOB NOT NULL,
    PRIMARY KEY (stream, tag, week)
);
CREATE TRIGGER hours_inserted AFTER INSERT ON hours BEGIN
    DELETE FROM packed_hours WHERE stream = NEW.stream AND tag = NEW.tag AND week = NEW.at - NEW.at % 604800000;
END;
CREATE TRIGGER hours_updated AFTER UPDATE ON hours BEGIN
    DELETE FROM packed_hours WHERE stream = OLD.stream AND tag = OLD.tag AND week = OLD.at - OLD.at % 604800000;
    DELETE FROM packed_hours WHERE stream = NEW.stream AND tag = NEW.tag AND week = NEW.at - NEW.at % 604800000;
END;
CREATE TRIGGER hours_deleted AFTER DELETE ON hours BEGIN
    DELETE FROM packed_hours WHERE stream = OLD.stream AND tag = OLD.tag AND week = OLD.at - OLD.at % 604800000;
END;
