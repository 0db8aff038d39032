-- How often things happened, by the hour: what pages of figures are made of. Told by the chain, made behind the recorder's
-- back, and evidence of nothing. Holds no words of texts and nothing of a user.
CREATE TABLE counts (
    what  TEXT    NOT NULL, -- which figure: see audit/counts.rs
    hour  INTEGER NOT NULL, -- hours since 1970, UTC
    name  TEXT    NOT NULL, -- of what; parts stand apart by U+001F
    n     INTEGER NOT NULL, -- how often
    total INTEGER NOT NULL, -- of what is added up: micros of the currency, microseconds
    PRIMARY KEY (what, hour, name)
) WITHOUT ROWID;

-- Texts that wait for a person. Made from the chain likewise. What was erased does not wait.
CREATE TABLE awaiting (
    generation TEXT    PRIMARY KEY,
    seq        INTEGER NOT NULL, -- its entry
    at         INTEGER NOT NULL, -- since when it waits, microseconds since 1970, UTC
    placement  TEXT    NOT NULL,
    locale     TEXT    NOT NULL,
    cache_key  TEXT    NOT NULL, -- of the question that it answers
    text       TEXT    NOT NULL, -- a hash of the text: equal where texts are
    findings   INTEGER NOT NULL, -- how many findings it has
    waited     INTEGER NOT NULL, -- how many pages wanted it and got another text
    last       INTEGER,          -- when one last did
    judged     TEXT    NOT NULL, -- by which rules and under which stops it was last looked at; empty: by none
    held       TEXT    NOT NULL  -- why it could not be shown then, approved or not; empty: it could
) WITHOUT ROWID;
CREATE INDEX awaiting_text ON awaiting (text);
CREATE INDEX awaiting_key ON awaiting (cache_key);

-- What people decided, one row a decision, and whether a second person has looked at an approval. Made from the chain
-- likewise.
CREATE TABLE decisions (
    review     TEXT    PRIMARY KEY, -- the review's id, a UUID v7
    generation TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    by         TEXT    NOT NULL,
    decision   TEXT    NOT NULL, -- approved or rejected
    stands     INTEGER NOT NULL, -- whether it is the latest on its generation
    placement  TEXT    NOT NULL,
    segment    TEXT    NOT NULL,
    product    TEXT,
    template   TEXT    NOT NULL,
    draw       INTEGER NOT NULL, -- 1 to 10,000 by the generation's id; 0 of a text that a person edited
    waited     INTEGER NOT NULL, -- how many pages wanted it by then
    looked_by  TEXT,             -- the second person who looked at it
    looked_at  INTEGER,
    outcome    TEXT              -- agreed or overturned
) WITHOUT ROWID;
CREATE INDEX decisions_generation ON decisions (generation);
CREATE INDEX decisions_by ON decisions (by, at);
CREATE INDEX decisions_open ON decisions (at) WHERE decision = 'approved' AND stands = 1 AND looked_by IS NULL;
CREATE INDEX decisions_product ON decisions (product, placement, segment, at) WHERE decision = 'approved' AND stands = 1;
CREATE INDEX decisions_template ON decisions (template, at) WHERE decision = 'approved' AND stands = 1;

-- Searches that people keep under a name.
CREATE TABLE filters (
    id    TEXT    PRIMARY KEY, -- a UUID v7
    owner TEXT    NOT NULL,    -- the name of the person
    page  TEXT    NOT NULL,    -- generations or serves
    name  TEXT    NOT NULL,
    query TEXT    NOT NULL,    -- as it stands in the page's address
    at    INTEGER NOT NULL
) WITHOUT ROWID;

-- Who is to look at the texts of a placement in a language.
CREATE TABLE assignments (
    placement TEXT    NOT NULL,
    locale    TEXT    NOT NULL, -- empty: all that have no reviewer of their own
    reviewer  TEXT    NOT NULL,
    by        TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (placement, locale)
) WITHOUT ROWID;

-- Products by what is in their name, in small letters.
CREATE INDEX catalogue_name
    ON catalogue (edition, lower(CASE WHEN json_valid(facts) THEN facts ->> 'name' END), product_id);

INSERT INTO meta (name, value) VALUES
    ('counted', 0); -- up to which entry of the chain `counts` and `awaiting` tell
UPDATE meta SET value = 8 WHERE name = 'schema';
