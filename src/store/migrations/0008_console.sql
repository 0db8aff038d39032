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

-- Texts that wait for a person. Made from the chain likewise.
CREATE TABLE awaiting (
    generation TEXT    PRIMARY KEY,
    seq        INTEGER NOT NULL, -- its entry
    at         INTEGER NOT NULL, -- since when it waits, microseconds since 1970, UTC
    placement  TEXT    NOT NULL,
    locale     TEXT    NOT NULL,
    text       TEXT    NOT NULL, -- a hash of the text: equal where texts are; empty once it was erased
    findings   INTEGER NOT NULL, -- how many findings it has
    waited     INTEGER NOT NULL, -- how many pages wanted it and got another text
    last       INTEGER           -- when one last did
) WITHOUT ROWID;

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
