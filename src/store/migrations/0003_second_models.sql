-- What second models said of texts, by what tells one question from another. Nothing here is evidence: what is gone is
-- asked anew.
CREATE TABLE opinions (
    question TEXT    PRIMARY KEY, -- a hash, in hex
    at       INTEGER NOT NULL,    -- when it was answered
    opinion  TEXT    NOT NULL     -- JSON
) WITHOUT ROWID;
CREATE INDEX opinions_at ON opinions (at);

-- What rules made of second models' answers. Everything here can be told from the entry of the chain with the same `seq`.
CREATE TABLE verdicts (
    seq         INTEGER PRIMARY KEY,
    generation  TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    cost_micros INTEGER NOT NULL
);
CREATE INDEX verdicts_generation ON verdicts (generation, seq);
CREATE INDEX verdicts_at ON verdicts (at);
