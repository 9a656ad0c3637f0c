-- What a person said last of an incident: `real` or `false_alarm`.
CREATE TABLE feedback (
    incident TEXT COLLATE "C" PRIMARY KEY REFERENCES incidents ON DELETE CASCADE,
    verdict TEXT COLLATE "C" NOT NULL,
    by_whom TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL
);
