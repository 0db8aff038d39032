-- What was spent for each purpose in a UTC day, calls under way counted at what is set aside for them. The log knows what
-- ended; this knows what was under way when a service was killed.
CREATE TABLE ledger (
    day          TEXT    NOT NULL, -- such as 2026-11-22
    purpose      TEXT    NOT NULL,
    spent_micros INTEGER NOT NULL,
    PRIMARY KEY (day, purpose)
) WITHOUT ROWID;
