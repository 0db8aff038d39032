-- Bans outside the files. Those that were lifted stay, for whoever asks what was in force when.
CREATE TABLE stops (
    id         TEXT    PRIMARY KEY, -- a UUID v7
    at         INTEGER NOT NULL,    -- microseconds since 1970, UTC
    by         TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    kind       TEXT    NOT NULL,    -- phrase, product, placement, segment, template, model or text
    value      TEXT    NOT NULL,
    prewritten INTEGER NOT NULL,    -- whether pre-written copy is stopped too
    generation TEXT,                -- the one that was taken down, of a text
    lifted     INTEGER,             -- when
    lifted_by  TEXT
) WITHOUT ROWID;

-- What was rejected must not come back for the same question. `text` is the hash of the words as they read.
CREATE TABLE rejections (
    generation TEXT    PRIMARY KEY,
    cache_key  TEXT    NOT NULL,
    text       TEXT    NOT NULL
) WITHOUT ROWID;

-- Copy that was begun before such an order is not served any more.
CREATE TABLE purges (
    id    TEXT    PRIMARY KEY, -- a UUID v7
    at    INTEGER NOT NULL,
    by    TEXT    NOT NULL,
    scope TEXT    NOT NULL     -- a JSON object
) WITHOUT ROWID;

-- The services on this store: what each has in force, and since when.
CREATE TABLE nodes (
    node       TEXT    PRIMARY KEY,
    revision   TEXT    NOT NULL,
    guardrails TEXT    NOT NULL,
    prompts    TEXT    NOT NULL,
    since      INTEGER NOT NULL,
    stops      INTEGER NOT NULL, -- `meta.stops` as it has taken it
    seen       INTEGER NOT NULL
) WITHOUT ROWID;

-- Edits of the guardrails that wait for a second person, or did.
CREATE TABLE proposals (
    hash   TEXT    PRIMARY KEY,
    files  TEXT    NOT NULL, -- a JSON object of path to text
    at     INTEGER NOT NULL,
    by     TEXT    NOT NULL, -- who made it: `files` for an edit on disk
    state  TEXT    NOT NULL, -- open, approved, in_force, sent_back or superseded
    report TEXT    NOT NULL  -- a JSON object: what was found of it, and what it would change
) WITHOUT ROWID;

CREATE TABLE approvals (
    hash       TEXT    NOT NULL,
    by         TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    since      INTEGER,          -- from when on it is to be in force
    note       TEXT    NOT NULL,
    PRIMARY KEY (hash, by)
) WITHOUT ROWID;

-- Sets of files that were put back in force: each holds until the files are others than those that it was put over.
CREATE TABLE rollbacks (
    kind   TEXT    PRIMARY KEY, -- guardrails or prompts
    hash   TEXT    NOT NULL,
    over   TEXT    NOT NULL,    -- the hash of the files that it holds over
    at     INTEGER NOT NULL,
    by     TEXT    NOT NULL,
    reason TEXT    NOT NULL
) WITHOUT ROWID;

-- What became of edits is asked for by itself.
CREATE INDEX IF NOT EXISTS chain_edits ON chain (seq) WHERE kind = 'policy';

-- What was not let pass may be by other rules: it is looked for before anything is written anew.
CREATE INDEX IF NOT EXISTS generations_blocked ON generations (cache_key, seq) WHERE outcome = 'blocked';

INSERT INTO meta (name, value) VALUES
    ('stops', 0), -- counts changes of stops, rejections and purges, so that running services notice
    ('desk', 0);  -- the same of proposals, approvals and rollbacks
UPDATE meta SET value = 7 WHERE name = 'schema';
