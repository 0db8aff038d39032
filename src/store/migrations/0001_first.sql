-- The log. `bytes` are exactly what was hashed; everything beside the chain can be told from it.
CREATE TABLE chain (
    seq   INTEGER PRIMARY KEY,
    kind  TEXT    NOT NULL,
    at    INTEGER NOT NULL, -- microseconds since 1970, UTC
    prev  TEXT    NOT NULL,
    hash  TEXT    NOT NULL,
    bytes BLOB    NOT NULL
);

-- What may hold personal data. Erasing it blanks salt and bytes; the row stays.
CREATE TABLE payloads (
    seq   INTEGER PRIMARY KEY, -- of the entry that it belongs to
    salt  BLOB,
    bytes BLOB
);

CREATE TABLE generations (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    at          INTEGER NOT NULL,
    cache_key   TEXT    NOT NULL,
    placement   TEXT    NOT NULL,
    segment     TEXT    NOT NULL,
    product     TEXT,
    template    TEXT    NOT NULL,
    revision    TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    cost_micros INTEGER NOT NULL
);
CREATE INDEX generations_key ON generations (cache_key, seq) WHERE outcome = 'passed';
CREATE INDEX generations_placement ON generations (placement, seq);
CREATE INDEX generations_product ON generations (product, seq);
CREATE INDEX generations_at ON generations (at, cost_micros);

-- Texts served that no generation holds.
CREATE TABLE texts (
    hash TEXT PRIMARY KEY,
    text TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE keys (
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    origins TEXT NOT NULL, -- a JSON array of strings
    hash    BLOB NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER
) WITHOUT ROWID;

-- An import writes a new edition in short transactions beside the one in use, then `meta.catalogue_edition` names it.
CREATE TABLE catalogue (
    edition    INTEGER NOT NULL,
    product_id TEXT    NOT NULL,
    facts      TEXT    NOT NULL,
    PRIMARY KEY (edition, product_id)
);

CREATE TABLE policies (
    kind        TEXT    NOT NULL,
    hash        TEXT    NOT NULL,
    files       TEXT    NOT NULL, -- a JSON object of path to content
    accepted_at INTEGER NOT NULL,
    position    INTEGER NOT NULL, -- counts acceptances: the clock may stand still or step back
    PRIMARY KEY (kind, hash)
);

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
);
INSERT INTO meta (name, value) VALUES ('catalogue_edition', 0), ('catalogue_last_edition', 0);
