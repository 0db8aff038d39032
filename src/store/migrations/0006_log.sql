-- The key of each user's own, under the keyed hash of the reference that the shop knows them by. Records name a user by a
-- hash under this key: once it is erased, nobody can tell whose records they are.
CREATE TABLE users (
    digest BLOB    PRIMARY KEY,
    key    BLOB    NOT NULL,
    since  INTEGER NOT NULL -- microseconds since 1970, UTC
) WITHOUT ROWID;

-- In which entries the records of a minute stand. Everything in here and in the indexes below can be told from the chain up to
-- entry `meta.indexed`, and is built from it.
CREATE TABLE minutes (
    minute INTEGER PRIMARY KEY, -- since 1970, UTC
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL
);

-- `terms` are hashes of what generations can be found by, `words` their texts. The row's number is the entry's.
CREATE VIRTUAL TABLE generation_index USING fts5 (
    terms, words, content = '', columnsize = 0, tokenize = "unicode61 remove_diacritics 2"
);
-- What is erased leaves the index at once, and not when its pages are merged.
INSERT INTO generation_index (generation_index, rank) VALUES ('secure-delete', 1);

-- The same of serves. The row's number is the entry's times 8192, plus the line's in its block, from 0.
CREATE VIRTUAL TABLE serve_index USING fts5 (
    terms, content = '', columnsize = 0, detail = 'none', tokenize = 'ascii'
);

-- The same of texts that were served and are no generation's.
CREATE TABLE text_rows (
    row  INTEGER PRIMARY KEY, -- in `text_index`
    hash TEXT    NOT NULL UNIQUE
);
CREATE VIRTUAL TABLE text_index USING fts5 (
    words, content = '', columnsize = 0, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO text_index (text_index, rank) VALUES ('secure-delete', 1);

-- How generations stand with those who review: a row for each that passed or was decided on.
CREATE TABLE review_states (
    state TEXT    NOT NULL, -- awaiting, approved or rejected
    seq   INTEGER NOT NULL, -- the generation's entry
    PRIMARY KEY (state, seq)
) WITHOUT ROWID;

-- Which sets of files a revision stands for.
CREATE TABLE revisions (
    revision   TEXT    PRIMARY KEY,
    guardrails TEXT    NOT NULL, -- as in `policies`
    prompts    TEXT    NOT NULL,
    since      INTEGER NOT NULL
) WITHOUT ROWID;

-- What must be neither erased nor deleted for its age, until it is lifted.
CREATE TABLE holds (
    id     TEXT    PRIMARY KEY,
    at     INTEGER NOT NULL,
    by     TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    scope  TEXT    NOT NULL, -- a JSON object: what is held
    lifted INTEGER           -- when
) WITHOUT ROWID;

-- The orders to erase that were carried out in this store. They name nobody, and nothing leads from one to its receipt.
CREATE TABLE erased (
    id TEXT PRIMARY KEY
) WITHOUT ROWID;

-- What says that entries or payloads were taken out on purpose.
CREATE INDEX chain_receipts ON chain (seq) WHERE kind IN ('erasure', 'retention');

INSERT INTO meta (name, value) VALUES
    ('schema', 6),
    ('indexed', 0),
    ('index_format', 1), -- how the indexes are made: they are made anew by a program that makes them otherwise
    ('erasures', 0), -- counts them, so that running services notice
    ('named', (SELECT coalesce(max(seq), 0) FROM chain)), -- up to this entry users are named without keys of their own
    ('running', 0);  -- whether a service is, or ended without saying so

-- Searches go by the indexes above, so these cost each generation two pages more for nothing. A program that does not know the
-- indexes above finds the same without these, by looking longer.
DROP INDEX IF EXISTS generations_placement;
DROP INDEX IF EXISTS generations_product;
