-- A store as the release with 4 migrations left it: its tables, and a record of each kind that it wrote.

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
-- What was spent for each purpose in a UTC day, calls under way counted at what is set aside for them. The log knows what
-- ended; this knows what was under way when a service was killed.
CREATE TABLE ledger (
    day          TEXT    NOT NULL, -- such as 2026-11-22
    purpose      TEXT    NOT NULL,
    spent_micros INTEGER NOT NULL,
    PRIMARY KEY (day, purpose)
) WITHOUT ROWID;

INSERT INTO texts VALUES ('e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401', 'Made to last.');
INSERT INTO chain VALUES (1, 'policy', 1795000001000000, '0000000000000000000000000000000000000000000000000000000000000000', '1766a98a2c7b9e3f79ca1581b4dcb9d5fa01b593006d34ed1d844390e34b16d4', CAST('{"v":1,"type":"policy","at":"2026-11-18T11:06:41Z","kind":"guardrails","hash":"b3:02","accepted":true,"files":{"brand.yml":"b3:01"},"faults":[],"by":"files"}' AS BLOB));
INSERT INTO chain VALUES (2, 'policy', 1795000002000000, '1766a98a2c7b9e3f79ca1581b4dcb9d5fa01b593006d34ed1d844390e34b16d4', 'ca2f015d38a796586a057da2ba9926563b94dac37260cead7c76ed8bcd149f30', CAST('{"v":1,"type":"policy","at":"2026-11-18T11:06:42Z","kind":"prompts","hash":"b3:03","accepted":true,"files":{"brand.yml":"b3:01"},"faults":[],"by":"files"}' AS BLOB));
INSERT INTO chain VALUES (3, 'key', 1795000003000000, 'ca2f015d38a796586a057da2ba9926563b94dac37260cead7c76ed8bcd149f30', 'b1043742bcd32f4d681a523fc74c9d26a22f9336d16ac64716271154526d91b1', CAST('{"v":1,"type":"key","at":"2026-11-18T11:06:43Z","id":"key1","name":"shop","role":"serve","change":"made"}' AS BLOB));
INSERT INTO chain VALUES (4, 'generation', 1795000010500000, 'b1043742bcd32f4d681a523fc74c9d26a22f9336d16ac64716271154526d91b1', 'e49736383c81839c4ccc2797c05419e1a19d00fe35775addbc1849f46e4ee74e', CAST('{"v":1,"type":"generation","id":"01920000-0000-7000-0004-000000000001","started":"2026-11-18T11:06:50Z","finished":"2026-11-18T11:06:50.500000001Z","placement":"why-this","segment":"bargain-hunters","template":"why-this/bargain-hunters","revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","guardrails":"b3:00","product":"p-1","locale":"en","cache_key":"0000000000000000000000000000000000000000000000000000000000000001","outcome":"passed","reason":null,"model":"simulated","attempts":[{"finish_reason":"stop"}],"findings":[],"evidence":["facts.watts"],"cost":25,"trace_id":null,"purpose":"page","payload_hash":"582705f0da977a934c5f8afe9b1fabc054a813dc6580d0814581a67afa10fec3"}' AS BLOB));
INSERT INTO payloads VALUES (4, x'f254688d13beb5419fe5d2866923187794961956d712ef0846bf962ffe3fb723', CAST('{"inputs":{"product":{"name":"Kettle"}},"facts":{"watts":2200},"messages":[{"role":"system","content":"Write copy."},{"role":"user","content":"The kettle, please."}],"raw_texts":["A kettle worth having: it''s quick."],"text":"A kettle worth having: it''s quick.","matches":[]}' AS BLOB));
INSERT INTO generations VALUES (4, '01920000-0000-7000-0004-000000000001', 1795000010500000, '0000000000000000000000000000000000000000000000000000000000000001', 'why-this', 'bargain-hunters', 'p-1', 'why-this/bargain-hunters', 'b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262', 'passed', 25);
INSERT INTO chain VALUES (5, 'serves', 1795000013000000, 'e49736383c81839c4ccc2797c05419e1a19d00fe35775addbc1849f46e4ee74e', 'e1768a42b538f410c69c1ccf24be4847734295fddb1fe8481d32b062df279f68', CAST('{"v":1,"type":"serve","id":"01920000-0000-7000-0004-0000000003e9","at":"2026-11-18T11:06:51.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":"5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e","tier":"segment","source":"generated","reason":null,"generation_id":"01920000-0000-7000-0004-000000000001","text_hash":null,"latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":"why-this/bargain-hunters","pending":false}
{"v":1,"type":"serve","id":"01920000-0000-7000-0004-0000000003ea","at":"2026-11-18T11:06:52.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":null,"tier":"prewritten","source":"prewritten","reason":"mode","generation_id":null,"text_hash":"e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401","latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":null,"pending":false}
{"v":1,"type":"serve","id":"01920000-0000-7000-0004-0000000003eb","at":"2026-11-18T11:06:53.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":null,"tier":"prewritten","source":"prewritten","reason":"mode","generation_id":null,"text_hash":"e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401","latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":null,"pending":false}
' AS BLOB));
INSERT INTO chain VALUES (6, 'generation', 1795000020500000, 'e1768a42b538f410c69c1ccf24be4847734295fddb1fe8481d32b062df279f68', '90d66196181b2b969e396355e909f30dc027672fe0aada631995440ff937239b', CAST('{"v":1,"type":"generation","id":"01920000-0000-7000-0004-000000000002","started":"2026-11-18T11:07:00Z","finished":"2026-11-18T11:07:00.500000001Z","placement":"why-this","segment":"bargain-hunters","template":"why-this/bargain-hunters","revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","guardrails":"b3:00","product":"p-2","locale":"en","cache_key":"0000000000000000000000000000000000000000000000000000000000000002","outcome":"blocked","reason":"guardrail","model":"simulated","attempts":[{"finish_reason":"stop"}],"findings":[],"evidence":["facts.watts"],"cost":25,"trace_id":null,"purpose":"page","payload_hash":"08322d5c9b0b13509399390470885e6e4d5f52c0012870ed99c94a3f859c2e60"}' AS BLOB));
INSERT INTO payloads VALUES (6, x'963a24961b59bb5297c8252b6f0e26d2a57fb8de0616794267a4b1fa6c413ef3', CAST('{"inputs":{"product":{"name":"Kettle"}},"facts":{"watts":2200},"messages":[{"role":"system","content":"Write copy."},{"role":"user","content":"The kettle, please."}],"raw_texts":["The best kettle in the world."],"text":null,"matches":[]}' AS BLOB));
INSERT INTO generations VALUES (6, '01920000-0000-7000-0004-000000000002', 1795000020500000, '0000000000000000000000000000000000000000000000000000000000000002', 'why-this', 'bargain-hunters', 'p-2', 'why-this/bargain-hunters', 'b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262', 'blocked', 25);
INSERT INTO chain VALUES (7, 'gap', 1795000031000000, '90d66196181b2b969e396355e909f30dc027672fe0aada631995440ff937239b', '45dea625f74d66b826c4f63947ebcdfbeb75550d3699de62cbf3013ea00a1ee2', CAST('{"v":1,"type":"gap","from":"2026-11-18T11:07:10Z","to":"2026-11-18T11:07:11Z","count":3}' AS BLOB));
INSERT INTO chain VALUES (8, 'review', 1795000040000000, '45dea625f74d66b826c4f63947ebcdfbeb75550d3699de62cbf3013ea00a1ee2', '23f77770776c5aa6011bd7368b638f6c34cd73d5ba7bccc689438a8258ee472b', CAST('{"v":1,"type":"review","id":"01920000-0000-7000-0004-0000000007d0","generation_id":"01920000-0000-7000-0004-000000000001","action":"approve","at":"2026-11-18T11:07:20Z","by":"jo","payload_hash":"d695b4c812810cc852a0bd78ccb86330369acd256c2224b8ad82829f0ddc524c"}' AS BLOB));
INSERT INTO payloads VALUES (8, x'81478056dfb5cbf4c430971d2febdf32ac988a376a972a4cc6ccbfe080f93f04', CAST('{"note":"Fine by us."}' AS BLOB));
INSERT INTO reviews VALUES (8, '01920000-0000-7000-0004-000000000001', 'approved');
INSERT INTO chain VALUES (9, 'verdict', 1795000050000000, '23f77770776c5aa6011bd7368b638f6c34cd73d5ba7bccc689438a8258ee472b', '9f84db00a768d76c6e9f7b4e5d4d097ed9f0aa6fa984aa2119f08f19133ead79', CAST('{"v":1,"type":"verdict","id":"01920000-0000-7000-0004-000000000bb8","generation_id":"01920000-0000-7000-0004-000000000001","at":"2026-11-18T11:07:30.000000789Z","service":"judge","question":"0000000000000000000000000000000000000000000000000000000000000001","guardrails":"b3:00","rules":[{"rule":"brand.tone","mode":"shadow","passed":true}],"opinion":{"score":0.9,"pass":null},"error":null,"attempts":[{"finish_reason":"stop"}],"cost":7,"payload_hash":"034ce478ec3db19f64c8f62eb935010b9086866f88a001362ffe28a2c55250a0"}' AS BLOB));
INSERT INTO payloads VALUES (9, x'81d73f1cb823a715f24e80fb5fd6354e66a5c48db035c62837216c0e2523329d', CAST('{"reason":"It is calm."}' AS BLOB));
INSERT INTO verdicts VALUES (9, '01920000-0000-7000-0004-000000000001', 1795000050000000, 7);
INSERT INTO opinions VALUES ('0000000000000000000000000000000000000000000000000000000000000001', 1795000050000000, '{"score":0.9}');
INSERT INTO ledger VALUES ('2026-11-18', 'page', 57);

PRAGMA user_version = 4;
