-- A store as the release with 3 migrations left it: its tables, and a record of each kind that it wrote.

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

INSERT INTO texts VALUES ('e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401', 'Made to last.');
INSERT INTO chain VALUES (1, 'policy', 1795000001000000, '0000000000000000000000000000000000000000000000000000000000000000', '1766a98a2c7b9e3f79ca1581b4dcb9d5fa01b593006d34ed1d844390e34b16d4', CAST('{"v":1,"type":"policy","at":"2026-11-18T11:06:41Z","kind":"guardrails","hash":"b3:02","accepted":true,"files":{"brand.yml":"b3:01"},"faults":[],"by":"files"}' AS BLOB));
INSERT INTO chain VALUES (2, 'policy', 1795000002000000, '1766a98a2c7b9e3f79ca1581b4dcb9d5fa01b593006d34ed1d844390e34b16d4', 'ca2f015d38a796586a057da2ba9926563b94dac37260cead7c76ed8bcd149f30', CAST('{"v":1,"type":"policy","at":"2026-11-18T11:06:42Z","kind":"prompts","hash":"b3:03","accepted":true,"files":{"brand.yml":"b3:01"},"faults":[],"by":"files"}' AS BLOB));
INSERT INTO chain VALUES (3, 'key', 1795000003000000, 'ca2f015d38a796586a057da2ba9926563b94dac37260cead7c76ed8bcd149f30', 'b1043742bcd32f4d681a523fc74c9d26a22f9336d16ac64716271154526d91b1', CAST('{"v":1,"type":"key","at":"2026-11-18T11:06:43Z","id":"key1","name":"shop","role":"serve","change":"made"}' AS BLOB));
INSERT INTO chain VALUES (4, 'generation', 1795000010500000, 'b1043742bcd32f4d681a523fc74c9d26a22f9336d16ac64716271154526d91b1', '83a8a4670e7bb10c9789994e35b744bdc2da50666bd4dba3838eb71da4d8ff37', CAST('{"v":1,"type":"generation","id":"01920000-0000-7000-0003-000000000001","started":"2026-11-18T11:06:50Z","finished":"2026-11-18T11:06:50.500000001Z","placement":"why-this","segment":"bargain-hunters","template":"why-this/bargain-hunters","revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","guardrails":"b3:00","product":"p-1","locale":"en","cache_key":"0000000000000000000000000000000000000000000000000000000000000001","outcome":"passed","reason":null,"model":"simulated","attempts":[{"finish_reason":"stop"}],"findings":[],"evidence":["facts.watts"],"cost":25,"trace_id":null,"payload_hash":"edf23ad6fb6f1e5edd0b22a1c93e18f78c5880db6a94d4912d3ef139721db02e"}' AS BLOB));
INSERT INTO payloads VALUES (4, x'b444b866b47708a2cc20c3063b19528a8c802d4229a7f3f015fad1c4e8833288', CAST('{"inputs":{"product":{"name":"Kettle"}},"facts":{"watts":2200},"messages":[{"role":"system","content":"Write copy."},{"role":"user","content":"The kettle, please."}],"raw_texts":["A kettle worth having: it''s quick."],"text":"A kettle worth having: it''s quick.","matches":[]}' AS BLOB));
INSERT INTO generations VALUES (4, '01920000-0000-7000-0003-000000000001', 1795000010500000, '0000000000000000000000000000000000000000000000000000000000000001', 'why-this', 'bargain-hunters', 'p-1', 'why-this/bargain-hunters', 'b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262', 'passed', 25);
INSERT INTO chain VALUES (5, 'serves', 1795000013000000, '83a8a4670e7bb10c9789994e35b744bdc2da50666bd4dba3838eb71da4d8ff37', '48142753f2dbcb822a8133cb421641b6d9c33cc07f066ceca7cde473419aec5a', CAST('{"v":1,"type":"serve","id":"01920000-0000-7000-0003-0000000003e9","at":"2026-11-18T11:06:51.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":"5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e","tier":"segment","source":"generated","reason":null,"generation_id":"01920000-0000-7000-0003-000000000001","text_hash":null,"latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":"why-this/bargain-hunters","pending":false}
{"v":1,"type":"serve","id":"01920000-0000-7000-0003-0000000003ea","at":"2026-11-18T11:06:52.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":null,"tier":"prewritten","source":"prewritten","reason":"mode","generation_id":null,"text_hash":"e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401","latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":null,"pending":false}
{"v":1,"type":"serve","id":"01920000-0000-7000-0003-0000000003eb","at":"2026-11-18T11:06:53.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":null,"tier":"prewritten","source":"prewritten","reason":"mode","generation_id":null,"text_hash":"e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401","latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":null,"pending":false}
' AS BLOB));
INSERT INTO chain VALUES (6, 'generation', 1795000020500000, '48142753f2dbcb822a8133cb421641b6d9c33cc07f066ceca7cde473419aec5a', 'a126d3756ee8487ab5f332f39dd15876b973149ccf650703a3e088e335a71e2e', CAST('{"v":1,"type":"generation","id":"01920000-0000-7000-0003-000000000002","started":"2026-11-18T11:07:00Z","finished":"2026-11-18T11:07:00.500000001Z","placement":"why-this","segment":"bargain-hunters","template":"why-this/bargain-hunters","revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","guardrails":"b3:00","product":"p-2","locale":"en","cache_key":"0000000000000000000000000000000000000000000000000000000000000002","outcome":"blocked","reason":"guardrail","model":"simulated","attempts":[{"finish_reason":"stop"}],"findings":[],"evidence":["facts.watts"],"cost":25,"trace_id":null,"payload_hash":"023d812e7a5887fdcd19358195959cbd717e7d56add076462d79e8898a40d111"}' AS BLOB));
INSERT INTO payloads VALUES (6, x'ed4111372f4e378e7dfa7cc6557f0d76b9e3ecb5d1a111edd75cd50c42a2e157', CAST('{"inputs":{"product":{"name":"Kettle"}},"facts":{"watts":2200},"messages":[{"role":"system","content":"Write copy."},{"role":"user","content":"The kettle, please."}],"raw_texts":["The best kettle in the world."],"text":null,"matches":[]}' AS BLOB));
INSERT INTO generations VALUES (6, '01920000-0000-7000-0003-000000000002', 1795000020500000, '0000000000000000000000000000000000000000000000000000000000000002', 'why-this', 'bargain-hunters', 'p-2', 'why-this/bargain-hunters', 'b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262', 'blocked', 25);
INSERT INTO chain VALUES (7, 'gap', 1795000031000000, 'a126d3756ee8487ab5f332f39dd15876b973149ccf650703a3e088e335a71e2e', 'f760df3acec4418c97487055cadafdf3a64b5461083b6bd95b0acd47026f28ae', CAST('{"v":1,"type":"gap","from":"2026-11-18T11:07:10Z","to":"2026-11-18T11:07:11Z","count":3}' AS BLOB));
INSERT INTO chain VALUES (8, 'review', 1795000040000000, 'f760df3acec4418c97487055cadafdf3a64b5461083b6bd95b0acd47026f28ae', 'fb738e0ba3ed8de87a8ce13b66637a6ad860bb5df45d554cf3d270e07a1c8e2b', CAST('{"v":1,"type":"review","id":"01920000-0000-7000-0003-0000000007d0","generation_id":"01920000-0000-7000-0003-000000000001","action":"approve","at":"2026-11-18T11:07:20Z","by":"jo","payload_hash":"5508409423687ed21f464bfd8d574f2707e53a38807c4c2fb726138d700def12"}' AS BLOB));
INSERT INTO payloads VALUES (8, x'94709885ad79b3f4fd2136a24c8c6cf5175049d302371f3998b24d2fd7fa17aa', CAST('{"note":"Fine by us."}' AS BLOB));
INSERT INTO reviews VALUES (8, '01920000-0000-7000-0003-000000000001', 'approved');
INSERT INTO chain VALUES (9, 'verdict', 1795000050000000, 'fb738e0ba3ed8de87a8ce13b66637a6ad860bb5df45d554cf3d270e07a1c8e2b', 'f99848b11a6f931cfa472d1dafeb4656bf871c3c51c61a83ec1a81ff87f7722c', CAST('{"v":1,"type":"verdict","id":"01920000-0000-7000-0003-000000000bb8","generation_id":"01920000-0000-7000-0003-000000000001","at":"2026-11-18T11:07:30.000000789Z","service":"judge","question":"0000000000000000000000000000000000000000000000000000000000000001","guardrails":"b3:00","rules":[{"rule":"brand.tone","mode":"shadow","passed":true}],"opinion":{"score":0.9,"pass":null},"error":null,"attempts":[{"finish_reason":"stop"}],"cost":7,"payload_hash":"c7aa55a6f501558f3cc0852f121b0e9265a180942cfb0bf09e5cdd2fb2d77ef8"}' AS BLOB));
INSERT INTO payloads VALUES (9, x'ee5ae2a55bda2136db4ee8e1c82003bd0c1ccf48b859001845eb383599a3bb89', CAST('{"reason":"It is calm."}' AS BLOB));
INSERT INTO verdicts VALUES (9, '01920000-0000-7000-0003-000000000001', 1795000050000000, 7);
INSERT INTO opinions VALUES ('0000000000000000000000000000000000000000000000000000000000000001', 1795000050000000, '{"score":0.9}');

PRAGMA user_version = 3;
