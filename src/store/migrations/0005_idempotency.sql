-- Answers that are repeated for a day to whoever sends the same `idempotency-key` again. Nothing here is evidence: each
-- answer, and each repeat of it, stands in the log.
CREATE TABLE idempotency (
    slot   TEXT    PRIMARY KEY, -- a hash of the API key's id and the header, in hex
    until  INTEGER NOT NULL,    -- from when on it is not repeated
    body   TEXT    NOT NULL,    -- a hash of what was asked, in hex
    beside INTEGER NOT NULL,    -- whether the text stands beside the serve's record, not in a generation's
    answer TEXT    NOT NULL     -- JSON, byte for byte as it was sent
) WITHOUT ROWID;
CREATE INDEX idempotency_until ON idempotency (until);
