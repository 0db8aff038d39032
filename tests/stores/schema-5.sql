-- A store as the release with 5 migrations left it: its tables, and a record of each kind that it wrote.

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
-- Answers that are repeated for a day to whoever sends the same `idempotency-key` again. Nothing here is evidence: each
-- answer, and each repeat of it, stands in the log.
CREATE TABLE idempotency (
    slot   TEXT    PRIMARY KEY, -- a hash of the API key's id and the header, in hex
    until  INTEGER NOT NULL,    -- from when on it is not repeated
    body   TEXT    NOT NULL,    -- a hash of what was asked, in hex
    beside INTEGER NOT NULL,    -- whether the text stands beside the serve's record, not in a generation's
    answer TEXT    NOT NULL     -- JSON, byte for byte as it was sent
) WITHOUT ROWID;
CREATE INDEX idempotency_until ON idempotency (until);

INSERT INTO texts VALUES ('e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401', 'Made to last.');
INSERT INTO chain VALUES (1, 'policy', 1795000001000000, '0000000000000000000000000000000000000000000000000000000000000000', '1766a98a2c7b9e3f79ca1581b4dcb9d5fa01b593006d34ed1d844390e34b16d4', CAST('{"v":1,"type":"policy","at":"2026-11-18T11:06:41Z","kind":"guardrails","hash":"b3:02","accepted":true,"files":{"brand.yml":"b3:01"},"faults":[],"by":"files"}' AS BLOB));
INSERT INTO chain VALUES (2, 'policy', 1795000002000000, '1766a98a2c7b9e3f79ca1581b4dcb9d5fa01b593006d34ed1d844390e34b16d4', 'ca2f015d38a796586a057da2ba9926563b94dac37260cead7c76ed8bcd149f30', CAST('{"v":1,"type":"policy","at":"2026-11-18T11:06:42Z","kind":"prompts","hash":"b3:03","accepted":true,"files":{"brand.yml":"b3:01"},"faults":[],"by":"files"}' AS BLOB));
INSERT INTO chain VALUES (3, 'key', 1795000003000000, 'ca2f015d38a796586a057da2ba9926563b94dac37260cead7c76ed8bcd149f30', 'b1043742bcd32f4d681a523fc74c9d26a22f9336d16ac64716271154526d91b1', CAST('{"v":1,"type":"key","at":"2026-11-18T11:06:43Z","id":"key1","name":"shop","role":"serve","change":"made"}' AS BLOB));
INSERT INTO chain VALUES (4, 'generation', 1795000010500000, 'b1043742bcd32f4d681a523fc74c9d26a22f9336d16ac64716271154526d91b1', '93119205cdeb633b75a8f9c8b259e51f8b9254e9f86402e3533f452236b71b2c', CAST('{"v":1,"type":"generation","id":"01920000-0000-7000-0005-000000000001","started":"2026-11-18T11:06:50Z","finished":"2026-11-18T11:06:50.500000001Z","placement":"why-this","segment":"bargain-hunters","template":"why-this/bargain-hunters","revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","guardrails":"b3:00","product":"p-1","locale":"en","cache_key":"0000000000000000000000000000000000000000000000000000000000000001","outcome":"passed","reason":null,"model":"simulated","attempts":[{"finish_reason":"stop"}],"findings":[],"evidence":["facts.watts"],"cost":25,"trace_id":null,"purpose":"page","payload_hash":"e34dee2ff110fd767eedf2355832a4b4aefaac2240c7ccdcf56e03aca7a9b5ac"}' AS BLOB));
INSERT INTO payloads VALUES (4, x'27139f1a421944d321fdff620ab30f96831063ea8587cdc6ef6e5aee12b41666', CAST('{"inputs":{"product":{"name":"Kettle"}},"facts":{"watts":2200},"messages":[{"role":"system","content":"Write copy."},{"role":"user","content":"The kettle, please."}],"raw_texts":["A kettle worth having: it''s quick."],"text":"A kettle worth having: it''s quick.","matches":[]}' AS BLOB));
INSERT INTO generations VALUES (4, '01920000-0000-7000-0005-000000000001', 1795000010500000, '0000000000000000000000000000000000000000000000000000000000000001', 'why-this', 'bargain-hunters', 'p-1', 'why-this/bargain-hunters', 'b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262', 'passed', 25);
INSERT INTO chain VALUES (5, 'serves', 1795000013000000, '93119205cdeb633b75a8f9c8b259e51f8b9254e9f86402e3533f452236b71b2c', '7d0d3dec0a1daa44834aed945cdc8f282fece37ba4e7efabe1360e23cba260ff', CAST('{"v":1,"type":"serve","id":"01920000-0000-7000-0005-0000000003e9","at":"2026-11-18T11:06:51.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":"5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e","tier":"segment","source":"generated","reason":null,"generation_id":"01920000-0000-7000-0005-000000000001","text_hash":null,"latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":"why-this/bargain-hunters","pending":false}
{"v":1,"type":"serve","id":"01920000-0000-7000-0005-0000000003ea","at":"2026-11-18T11:06:52.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":null,"tier":"prewritten","source":"prewritten","reason":"mode","generation_id":null,"text_hash":"e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401","latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":null,"pending":false}
{"v":1,"type":"serve","id":"01920000-0000-7000-0005-0000000003eb","at":"2026-11-18T11:06:53.000000789Z","placement":"why-this","segment":"default","conditions":{},"product":null,"user":null,"tier":"prewritten","source":"prewritten","reason":"mode","generation_id":null,"text_hash":"e0a3a167fb8cb231fe88483cd6f66031e457c2065d9ea97c9e42ace5ef1db401","latency_us":90,"revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","locale":"en","template":null,"pending":false,"repeats":"01920000-0000-7000-0005-0000000003e9"}
' AS BLOB));
INSERT INTO chain VALUES (6, 'generation', 1795000020500000, '7d0d3dec0a1daa44834aed945cdc8f282fece37ba4e7efabe1360e23cba260ff', 'd584fe2ac05dc5c047dda4ee1adb90ff2e1813cead30170fa3462a70e7261e85', CAST('{"v":1,"type":"generation","id":"01920000-0000-7000-0005-000000000002","started":"2026-11-18T11:07:00Z","finished":"2026-11-18T11:07:00.500000001Z","placement":"why-this","segment":"bargain-hunters","template":"why-this/bargain-hunters","revision":"b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262","guardrails":"b3:00","product":"p-2","locale":"en","cache_key":"0000000000000000000000000000000000000000000000000000000000000002","outcome":"blocked","reason":"guardrail","model":"simulated","attempts":[{"finish_reason":"stop"}],"findings":[],"evidence":["facts.watts"],"cost":25,"trace_id":null,"purpose":"page","payload_hash":"4d08d18daf9cd190fda3f9c5afb3627dffe7e406a8def6056bb28f894100411b"}' AS BLOB));
INSERT INTO payloads VALUES (6, x'82c9c6eb286d90b644d5473d1ed78f7de7a9691a97a9f5d070f39a67be57615e', CAST('{"inputs":{"product":{"name":"Kettle"}},"facts":{"watts":2200},"messages":[{"role":"system","content":"Write copy."},{"role":"user","content":"The kettle, please."}],"raw_texts":["The best kettle in the world."],"text":null,"matches":[]}' AS BLOB));
INSERT INTO generations VALUES (6, '01920000-0000-7000-0005-000000000002', 1795000020500000, '0000000000000000000000000000000000000000000000000000000000000002', 'why-this', 'bargain-hunters', 'p-2', 'why-this/bargain-hunters', 'b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262', 'blocked', 25);
INSERT INTO chain VALUES (7, 'gap', 1795000031000000, 'd584fe2ac05dc5c047dda4ee1adb90ff2e1813cead30170fa3462a70e7261e85', 'bff7847ba16773010dd269f86e6e7b209f40845508bcef4d8d6ac199450385c2', CAST('{"v":1,"type":"gap","from":"2026-11-18T11:07:10Z","to":"2026-11-18T11:07:11Z","count":3}' AS BLOB));
INSERT INTO chain VALUES (8, 'review', 1795000040000000, 'bff7847ba16773010dd269f86e6e7b209f40845508bcef4d8d6ac199450385c2', 'acbb32aac56d6574a85aaaaf9eacec4c9db8bb3b6720279cfbd2b3e3cf965b04', CAST('{"v":1,"type":"review","id":"01920000-0000-7000-0005-0000000007d0","generation_id":"01920000-0000-7000-0005-000000000001","action":"approve","at":"2026-11-18T11:07:20Z","by":"jo","payload_hash":"8d4d87a5540a59b90f2791eca4ca4b31c2c9c71d6cb172dab868e641aedf45ad"}' AS BLOB));
INSERT INTO payloads VALUES (8, x'988718aa814981656acc439960e84266965458c5c9599931f996cd439bd8fbd9', CAST('{"note":"Fine by us."}' AS BLOB));
INSERT INTO reviews VALUES (8, '01920000-0000-7000-0005-000000000001', 'approved');
INSERT INTO chain VALUES (9, 'verdict', 1795000050000000, 'acbb32aac56d6574a85aaaaf9eacec4c9db8bb3b6720279cfbd2b3e3cf965b04', '8cf57f09873127280910ce27b9f8ea0631668278f22b56f3d0fc7538a4183380', CAST('{"v":1,"type":"verdict","id":"01920000-0000-7000-0005-000000000bb8","generation_id":"01920000-0000-7000-0005-000000000001","at":"2026-11-18T11:07:30.000000789Z","service":"judge","question":"0000000000000000000000000000000000000000000000000000000000000001","guardrails":"b3:00","rules":[{"rule":"brand.tone","mode":"shadow","passed":true}],"opinion":{"score":0.9,"pass":null},"error":null,"attempts":[{"finish_reason":"stop"}],"cost":7,"payload_hash":"507e21ee86f14f721c5936325a832b02d2fd060105c90fa316f943bb15aa369e"}' AS BLOB));
INSERT INTO payloads VALUES (9, x'7fc074fcb7ccc723658c4fa325c7745d57ec273e78bfb1671080323ff8fc51c6', CAST('{"reason":"It is calm."}' AS BLOB));
INSERT INTO verdicts VALUES (9, '01920000-0000-7000-0005-000000000001', 1795000050000000, 7);
INSERT INTO opinions VALUES ('0000000000000000000000000000000000000000000000000000000000000001', 1795000050000000, '{"score":0.9}');
INSERT INTO ledger VALUES ('2026-11-18', 'page', 57);
INSERT INTO idempotency VALUES ('abababababababababababababababababababababababababababababababab', 1795086400000000, 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', 0, '{}');

PRAGMA user_version = 5;
