-- A store as the release with 2 migrations left it: its tables, and a record of each kind that it wrote.

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
-- What people decided on generations. Everything here can be told from the entry of the chain with the same `seq`.
CREATE TABLE reviews (
    seq        INTEGER PRIMARY KEY,
    generation TEXT    NOT NULL,
    decision   TEXT -- approved or rejected; null of a review that decides nothing
);
CREATE INDEX reviews_generation ON reviews (generation, seq);

INSERT INTO texts VALUES ('e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401', 'Made to last.');
INSERT INTO chain VALUES (1, 'policy', 1795000001000000, '0000000000000000000000000000000000000000000000000000000000000000', '1766a98a2c7b9e3f79ca1581b4dcb9d5fa01b593006d34ed1d844390e34b16d4', CAST('{"v":1,"type":"policy","at":"2026-11-18T11:06:41Z","kind":"guardrails","hash":"b3:02","accepted":true,"files":{"brand.yml":"b3:01"},"faults":[],"by":"files"}' AS BLOB));
INSERT INTO chain VALUES (2, 'policy', 1795000002000000, '1766a98a2c7b9e3f79ca1581b4dcb9d5fa01b593006d34ed1d844390e34b16d4', 'ca2f015d38a796586a057da2ba9926563b94dac37260cead7c76ed8bcd149f30', CAST('{"v":1,"type":"policy","at":"2026-11-18T11:06:42Z","kind":"prompts","hash":"b3:03","accepted":true,"files":{"brand.yml":"b3:01"},"faults":[],"by":"files"}' AS BLOB));
INSERT INTO chain VALUES (3, 'key', 1795000003000000, 'ca2f015d38a796586a057da2ba9926563b94dac37260cead7c76ed8bcd149f30', 'b1043742bcd32f4d681a523fc74c9d26a22f9336d16ac64716271154526d91b1', CAST('{"v":1,"type":"key","at":"2026-11-18T11:06:43Z","id":"key1","name":"shop","role":"serve","change":"made"}' AS BLOB));
INSERT INTO chain VALUES (4, 'generation', 1795000010500000, 'b1043742bcd32f4d681a523fc74c9d26a22f9336d16ac64716271154526d91b1', '1db9b36909a8e6cab2d4fb06b57a82b5160fa49a33fd686e4ca59ecc150bf20d', CAST('{"v":1,"type":"generation","id":"01920000-0000-7000-0002-000000000001","started":"2026-11-18T11:06:50Z","finished":"2026-11-18T11:06:50.500000001Z","placement":"why-this","segment":"bargain-hunters","template":"why-this/bargain-hunters","revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","guardrails":"b3:00","product":"p-1","locale":"en","cache_key":"0000000000000000000000000000000000000000000000000000000000000001","outcome":"passed","reason":null,"model":"simulated","attempts":[{"finish_reason":"stop"}],"findings":[],"evidence":["facts.watts"],"cost":25,"trace_id":null,"payload_hash":"264d0c9724256c2d14510e9804bda56ffbba8feb0bbd170d03ebeaca2fefdfed"}' AS BLOB));
INSERT INTO payloads VALUES (4, x'624377f5b33e03a296077c4e1d78db156691a20cd769e730f9e49a25251a0ff7', CAST('{"inputs":{"product":{"name":"Kettle"}},"facts":{"watts":2200},"messages":[{"role":"system","content":"Write copy."},{"role":"user","content":"The kettle, please."}],"raw_texts":["A kettle worth having: it''s quick."],"text":"A kettle worth having: it''s quick.","matches":[]}' AS BLOB));
INSERT INTO generations VALUES (4, '01920000-0000-7000-0002-000000000001', 1795000010500000, '0000000000000000000000000000000000000000000000000000000000000001', 'why-this', 'bargain-hunters', 'p-1', 'why-this/bargain-hunters', 'b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262', 'passed', 25);
INSERT INTO chain VALUES (5, 'serves', 1795000013000000, '1db9b36909a8e6cab2d4fb06b57a82b5160fa49a33fd686e4ca59ecc150bf20d', 'be871dfbe78b3a0a3e2613abaa52c74626a05dede96f45ad92b092804c41666d', CAST('{"v":1,"type":"serve","id":"01920000-0000-7000-0002-0000000003e9","at":"2026-11-18T11:06:51.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":"5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e","tier":"segment","source":"generated","reason":null,"generation_id":"01920000-0000-7000-0002-000000000001","text_hash":null,"latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":"why-this/bargain-hunters","pending":false}
{"v":1,"type":"serve","id":"01920000-0000-7000-0002-0000000003ea","at":"2026-11-18T11:06:52.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":null,"tier":"prewritten","source":"prewritten","reason":"mode","generation_id":null,"text_hash":"e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401","latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":null,"pending":false}
{"v":1,"type":"serve","id":"01920000-0000-7000-0002-0000000003eb","at":"2026-11-18T11:06:53.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":null,"tier":"prewritten","source":"prewritten","reason":"mode","generation_id":null,"text_hash":"e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401","latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":null,"pending":false}
' AS BLOB));
INSERT INTO chain VALUES (6, 'generation', 1795000020500000, 'be871dfbe78b3a0a3e2613abaa52c74626a05dede96f45ad92b092804c41666d', '204300e2536c2d3154904157d2b33976dd6b090cf22fadaff5aceda3509c3b51', CAST('{"v":1,"type":"generation","id":"01920000-0000-7000-0002-000000000002","started":"2026-11-18T11:07:00Z","finished":"2026-11-18T11:07:00.500000001Z","placement":"why-this","segment":"bargain-hunters","template":"why-this/bargain-hunters","revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","guardrails":"b3:00","product":"p-2","locale":"en","cache_key":"0000000000000000000000000000000000000000000000000000000000000002","outcome":"blocked","reason":"guardrail","model":"simulated","attempts":[{"finish_reason":"stop"}],"findings":[],"evidence":["facts.watts"],"cost":25,"trace_id":null,"payload_hash":"dd954e9ecb6b9f9095c47d03e0d2b46fab37331b051585f3b2e13b3560201300"}' AS BLOB));
INSERT INTO payloads VALUES (6, x'e764958833a9c77df9fe356c64697456188a3c6d047218a04b22904a99e6d115', CAST('{"inputs":{"product":{"name":"Kettle"}},"facts":{"watts":2200},"messages":[{"role":"system","content":"Write copy."},{"role":"user","content":"The kettle, please."}],"raw_texts":["The best kettle in the world."],"text":null,"matches":[]}' AS BLOB));
INSERT INTO generations VALUES (6, '01920000-0000-7000-0002-000000000002', 1795000020500000, '0000000000000000000000000000000000000000000000000000000000000002', 'why-this', 'bargain-hunters', 'p-2', 'why-this/bargain-hunters', 'b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262', 'blocked', 25);
INSERT INTO chain VALUES (7, 'gap', 1795000031000000, '204300e2536c2d3154904157d2b33976dd6b090cf22fadaff5aceda3509c3b51', '2ccba9a7bf5ff0b3dc5454107497165c401520b66dd8fd14a88816bf38936b16', CAST('{"v":1,"type":"gap","from":"2026-11-18T11:07:10Z","to":"2026-11-18T11:07:11Z","count":3}' AS BLOB));
INSERT INTO chain VALUES (8, 'review', 1795000040000000, '2ccba9a7bf5ff0b3dc5454107497165c401520b66dd8fd14a88816bf38936b16', '11e003285f37aba204e77e5298aca0a60eca527e55e3269d9c445274a4073a82', CAST('{"v":1,"type":"review","id":"01920000-0000-7000-0002-0000000007d0","generation_id":"01920000-0000-7000-0002-000000000001","action":"approve","at":"2026-11-18T11:07:20Z","by":"jo","payload_hash":"5b7ed68197f72b86a45b278e52770794e3cc3cf90395f2076d8e83b22e8c1a2a"}' AS BLOB));
INSERT INTO payloads VALUES (8, x'15c59cc9d0a7d34666bc0047bf0ac34910072043a7b8572942261cb9b7cc0ac6', CAST('{"note":"Fine by us."}' AS BLOB));
INSERT INTO reviews VALUES (8, '01920000-0000-7000-0002-000000000001', 'approved');

PRAGMA user_version = 2;
