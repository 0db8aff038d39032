-- A store as the release with 1 migration left it: its tables, and a record of each kind that it wrote.

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

INSERT INTO texts VALUES ('e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401', 'Made to last.');
INSERT INTO chain VALUES (1, 'policy', 1795000001000000, '0000000000000000000000000000000000000000000000000000000000000000', '1766a98a2c7b9e3f79ca1581b4dcb9d5fa01b593006d34ed1d844390e34b16d4', CAST('{"v":1,"type":"policy","at":"2026-11-18T11:06:41Z","kind":"guardrails","hash":"b3:02","accepted":true,"files":{"brand.yml":"b3:01"},"faults":[],"by":"files"}' AS BLOB));
INSERT INTO chain VALUES (2, 'policy', 1795000002000000, '1766a98a2c7b9e3f79ca1581b4dcb9d5fa01b593006d34ed1d844390e34b16d4', 'ca2f015d38a796586a057da2ba9926563b94dac37260cead7c76ed8bcd149f30', CAST('{"v":1,"type":"policy","at":"2026-11-18T11:06:42Z","kind":"prompts","hash":"b3:03","accepted":true,"files":{"brand.yml":"b3:01"},"faults":[],"by":"files"}' AS BLOB));
INSERT INTO chain VALUES (3, 'key', 1795000003000000, 'ca2f015d38a796586a057da2ba9926563b94dac37260cead7c76ed8bcd149f30', 'b1043742bcd32f4d681a523fc74c9d26a22f9336d16ac64716271154526d91b1', CAST('{"v":1,"type":"key","at":"2026-11-18T11:06:43Z","id":"key1","name":"shop","role":"serve","change":"made"}' AS BLOB));
INSERT INTO chain VALUES (4, 'generation', 1795000010500000, 'b1043742bcd32f4d681a523fc74c9d26a22f9336d16ac64716271154526d91b1', 'dd11cf85e82f1806bed6070fd8c4d2f8aa91b31c7d3579e50ea1f71ef8716430', CAST('{"v":1,"type":"generation","id":"01920000-0000-7000-0001-000000000001","started":"2026-11-18T11:06:50Z","finished":"2026-11-18T11:06:50.500000001Z","placement":"why-this","segment":"bargain-hunters","template":"why-this/bargain-hunters","revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","guardrails":"b3:00","product":"p-1","locale":"en","cache_key":"0000000000000000000000000000000000000000000000000000000000000001","outcome":"passed","reason":null,"model":"simulated","attempts":[{"finish_reason":"stop"}],"findings":[],"evidence":["facts.watts"],"cost":25,"trace_id":null,"payload_hash":"dc3e9611c08d22fbb95eb147ebcd4059fee39f0c139656d5b07d14dcea25c32b"}' AS BLOB));
INSERT INTO payloads VALUES (4, x'ca455b96183a970be44c388026b134ca4b8b950e29c73c03d2beb4e7e50532ce', CAST('{"inputs":{"product":{"name":"Kettle"}},"facts":{"watts":2200},"messages":[{"role":"system","content":"Write copy."},{"role":"user","content":"The kettle, please."}],"raw_texts":["A kettle worth having: it''s quick."],"text":"A kettle worth having: it''s quick.","matches":[]}' AS BLOB));
INSERT INTO generations VALUES (4, '01920000-0000-7000-0001-000000000001', 1795000010500000, '0000000000000000000000000000000000000000000000000000000000000001', 'why-this', 'bargain-hunters', 'p-1', 'why-this/bargain-hunters', 'b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262', 'passed', 25);
INSERT INTO chain VALUES (5, 'serves', 1795000013000000, 'dd11cf85e82f1806bed6070fd8c4d2f8aa91b31c7d3579e50ea1f71ef8716430', '2c413ea8f37ec7ec4dba8bedc77afe3cd9c919d67badf8c5859b88b608cdef4a', CAST('{"v":1,"type":"serve","id":"01920000-0000-7000-0001-0000000003e9","at":"2026-11-18T11:06:51.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":"5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e","tier":"segment","source":"generated","reason":null,"generation_id":"01920000-0000-7000-0001-000000000001","text_hash":null,"latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":"why-this/bargain-hunters","pending":false}
{"v":1,"type":"serve","id":"01920000-0000-7000-0001-0000000003ea","at":"2026-11-18T11:06:52.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":null,"tier":"prewritten","source":"prewritten","reason":"mode","generation_id":null,"text_hash":"e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401","latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":null,"pending":false}
{"v":1,"type":"serve","id":"01920000-0000-7000-0001-0000000003eb","at":"2026-11-18T11:06:53.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":null,"tier":"prewritten","source":"prewritten","reason":"mode","generation_id":null,"text_hash":"e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401","latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":null,"pending":false}
' AS BLOB));
INSERT INTO chain VALUES (6, 'generation', 1795000020500000, '2c413ea8f37ec7ec4dba8bedc77afe3cd9c919d67badf8c5859b88b608cdef4a', '7ca900d62874b74f5f83b3cc44577577c67be50e5964b488f60b0e12b1e3e503', CAST('{"v":1,"type":"generation","id":"01920000-0000-7000-0001-000000000002","started":"2026-11-18T11:07:00Z","finished":"2026-11-18T11:07:00.500000001Z","placement":"why-this","segment":"bargain-hunters","template":"why-this/bargain-hunters","revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","guardrails":"b3:00","product":"p-2","locale":"en","cache_key":"0000000000000000000000000000000000000000000000000000000000000002","outcome":"blocked","reason":"guardrail","model":"simulated","attempts":[{"finish_reason":"stop"}],"findings":[],"evidence":["facts.watts"],"cost":25,"trace_id":null,"payload_hash":"c05b230e7deab21b727dda8236800e291cbc2ab5fe8ce51d02b51eeb73ec96d2"}' AS BLOB));
INSERT INTO payloads VALUES (6, x'9c988ee8dfa5fd8f2f608d3f9ae0dcac88b80bdb84d821ca5f416e9174433ef6', CAST('{"inputs":{"product":{"name":"Kettle"}},"facts":{"watts":2200},"messages":[{"role":"system","content":"Write copy."},{"role":"user","content":"The kettle, please."}],"raw_texts":["The best kettle in the world."],"text":null,"matches":[]}' AS BLOB));
INSERT INTO generations VALUES (6, '01920000-0000-7000-0001-000000000002', 1795000020500000, '0000000000000000000000000000000000000000000000000000000000000002', 'why-this', 'bargain-hunters', 'p-2', 'why-this/bargain-hunters', 'b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262', 'blocked', 25);
INSERT INTO chain VALUES (7, 'gap', 1795000031000000, '7ca900d62874b74f5f83b3cc44577577c67be50e5964b488f60b0e12b1e3e503', '517cdd685527450aaac1ef4f15b311e43e834f92253377578dbba0dd66a5143a', CAST('{"v":1,"type":"gap","from":"2026-11-18T11:07:10Z","to":"2026-11-18T11:07:11Z","count":3}' AS BLOB));

PRAGMA user_version = 1;
