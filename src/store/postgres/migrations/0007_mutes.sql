-- What is not told until then; an empty server or rule stands for every one. One that was ended early ends when it was.
CREATE TABLE mutes (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    server TEXT NOT NULL,
    rule TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    set_by TEXT NOT NULL
);
