//! A log in which everything occurs that a log may hold, and what becomes of it when somebody changes the database behind
//! copyrail's back: each change is found, at the right entry, and called what it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use copyrail::audit::{
    ErasureRecord, Event, GapCause, GapRecord, GenerationPayload, GenerationRecord, Outcome, PolicyRecord,
    Recorder, Retained, RetentionRecord, ReviewAction, ReviewRecord, RuleVerdict, Run, ServeRecord, Settings,
    VerdictMode, VerdictRecord, append_beside,
};
use copyrail::store::{Access, Store};
use copyrail::words::*;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::SqlitePool;
use uuid::Uuid;

use crate::support::{Ran, copyrail};

/// This many seconds into a day in November.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn id(n: u64) -> Uuid {
    Uuid::from_u64_pair(0x0192_0000_0000_7000, n)
}

fn generation(n: u64) -> (GenerationRecord, GenerationPayload) {
    let text = Some(format!("A kettle worth having, number {n}."));
    let record = GenerationRecord {
        id: id(n),
        started: at(n as i64),
        finished: at(n as i64 + 1),
        placement: PlacementId::new("why-this"),
        segment: SegmentId::new("bargain-hunters"),
        template: TemplateId::new("why-this/bargain-hunters"),
        revision: Revision::of([]),
        guardrails: "b3:00".into(),
        product: Some(format!("p-{n}")),
        locale: "en".into(),
        cache_key: format!("{n:064x}"),
        outcome: Outcome::Passed,
        reason: None,
        model: Some("simulated".into()),
        attempts: json!([]),
        findings: json!([]),
        evidence: json!([]),
        cost: Micros(25),
        trace_id: None,
        purpose: None,
        stale: None,
        expires: None,
        user: None,
        approval: false,
        rejudged: None,
        written_by: Vec::new(),
        plain_key: None,
        edited: None,
    };
    let messages = json!([{"role": "user", "content": "Write."}]);
    (record, GenerationPayload { messages, raw_texts: vec![text.clone()], text, ..Default::default() })
}

fn serve(n: u64) -> ServeRecord {
    ServeRecord {
        id: id(1_000 + n),
        at: at(n as i64),
        placement: PlacementId::new("why-this"),
        segment: SegmentId::new("default"),
        conditions: serde_json::value::RawValue::from_string("{}".into()).unwrap(),
        product: None,
        user: None,
        tier: Tier::Prewritten,
        source: Source::Prewritten,
        reason: Some(Reason::Mode),
        generation_id: None,
        text_hash: None,
        latency_us: 90,
        revision: Revision::of([]),
        locale: "en".into(),
        template: None,
        pending: false,
        repeats: None,
        awaits: None,
        instead_of: None,
    }
}

fn policy(n: i64) -> PolicyRecord {
    let (kind, hash, by) = ("guardrails".into(), "b3:02".into(), "files".into());
    PolicyRecord { at: at(n), kind, hash, accepted: true, files: [].into(), faults: json!([]), by }
}

fn erasure(payloads: &[Run], texts: &[String]) -> Event {
    Event::Erasure(ErasureRecord {
        id: id(4_000),
        at: at(200),
        by: "jo".into(),
        reference: Some("ticket 7".into()),
        payloads: payloads.to_vec(),
        texts: texts.to_vec(),
        serves: 1,
        older_serves: 0,
        shared: 0,
    })
}

pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An entry of the chain.
#[derive(Clone, Debug)]
pub struct Entry {
    pub seq: i64,
    pub kind: String,
    at: i64,
    pub prev: String,
    pub hash: String,
    pub bytes: Vec<u8>,
}

pub async fn entries(database: &SqlitePool) -> Vec<Entry> {
    let sql = "SELECT seq, kind, at, prev, hash, CAST(bytes AS BLOB) FROM chain ORDER BY seq";
    let rows: Vec<(i64, String, i64, String, String, Vec<u8>)> =
        sqlx::query_as(sql).fetch_all(database).await.unwrap();
    let entry = |(seq, kind, at, prev, hash, bytes)| Entry { seq, kind, at, prev, hash, bytes };
    rows.into_iter().map(entry).collect()
}

async fn retention(database: &SqlitePool, what: Retained, runs: &[Run]) -> Event {
    let listed: Vec<Entry> = entries(database).await;
    let listed = listed.iter().filter(|e| runs.iter().any(|(first, last)| (first..=last).contains(&&e.seq)));
    let lines: Vec<String> = listed.map(|entry| format!("{} {}\n", entry.seq, entry.hash)).collect();
    let (entries, count, digest) = (runs.to_vec(), lines.len() as u64, sha256(lines.concat()));
    Event::Retention(RetentionRecord {
        id: id(5_000),
        at: at(300),
        what,
        before: at(100),
        entries,
        count,
        digest,
    })
}

pub async fn run(database: &SqlitePool, sql: &str) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(database).await.unwrap();
}

/// Writes this log into `data/copyrail.db` of a folder, and answers its last hash:
///
/// | entries | what |
/// |---|---|
/// | 1 | policy |
/// | 2 | generation 1, its payload erased |
/// | 3, 4 | generation 2 and a block of two serves, deleted for their age |
/// | 5, 6 | review of generation 1 with a note, erased; verdict on generation 2, deleted for its age |
/// | 7, 8 | generation 3, and three serves |
/// | 9 | gap |
/// | 10, 11 | generation 4, its payload deleted for its age; review of it with a note |
/// | 12 to 15 | one erasure, three retentions |
/// | 16, 17 | generation 5, and one serve |
/// | 18 | verdict on generation 5 |
/// | 19 | what a later version wrote |
pub async fn write_log(folder: &Path) -> String {
    let url = store_url(folder);
    let store = Store::open(&url, Access::Serve).await.unwrap();
    let database = SqlitePool::connect(&url).await.unwrap();
    // Serves wait for the generation that is written with them.
    let (capacity, max_delay, retry) = (100, Duration::from_secs(3_600), Duration::from_millis(5));
    let recorder = Recorder::start(
        store.clone(),
        Settings { capacity, max_delay, retry, ..Settings::default() },
        Arc::new(|| at(100)),
    );
    let generate = async |n| {
        let (record, payload) = generation(n);
        recorder.generation(record, payload).await.unwrap();
    };
    let review = async |n: u64, of, note: &str| {
        let (action, by) = (ReviewAction::Approve, "jo".into());
        let record = ReviewRecord {
            id: id(2_000 + n),
            generation_id: id(of),
            action,
            at: at(n as i64),
            by,
            undoes: None,
            second_look: false,
        };
        recorder.review(record, Some(note.into())).await.unwrap();
    };
    let verdict = async |n: u64, of| {
        let rule = "brand.tone".into();
        let record = VerdictRecord {
            id: id(3_000 + n),
            generation_id: id(of),
            at: at(n as i64),
            service: "judge".into(),
            question: format!("{n:064x}"),
            guardrails: "b3:00".into(),
            rules: vec![RuleVerdict { rule, mode: VerdictMode::Shadow, passed: Some(false) }],
            opinion: json!({"pass": false}),
            error: None,
            attempts: json!([]),
            cost: Micros(7),
        };
        recorder.verdict(record, Some("It shouts.".into())).await.unwrap();
    };
    recorder.policy(policy(1)).await.unwrap();
    generate(1).await;
    recorder.serve(serve(1), Some("Yours for good, Alex.".into()));
    recorder.serve(serve(2), Some("Made to last.".into()));
    generate(2).await;
    review(5, 1, "Fine for Alex.").await;
    verdict(6, 2).await;
    for n in 3..=5 {
        recorder.serve(serve(n), Some("Made to last.".into()));
    }
    generate(3).await;
    let gap = GapRecord { from: at(8), to: at(9), count: 17, cause: Some(GapCause::Store) };
    append_beside(&store, Event::Gap(gap)).await.unwrap();
    generate(4).await;
    review(11, 4, "Fine.").await;
    let (alex, blank) =
        (sha256("Yours for good, Alex."), "UPDATE payloads SET salt = NULL, bytes = NULL WHERE seq IN");
    run(&database, &format!("{blank} (2, 5); UPDATE texts SET text = '' WHERE hash = '{alex}'")).await;
    append_beside(&store, erasure(&[(2, 2), (5, 5)], &[alex])).await.unwrap();
    let receipt = retention(&database, Retained::Serves, &[(4, 4)]).await;
    run(&database, "UPDATE chain SET bytes = x'' WHERE seq = 4").await;
    append_beside(&store, receipt).await.unwrap();
    let receipt = retention(&database, Retained::Generations, &[(3, 3), (6, 6)]).await;
    run(
        &database,
        "UPDATE chain SET bytes = x'' WHERE seq IN (3, 6); DELETE FROM generations WHERE seq = 3;
         DELETE FROM verdicts WHERE seq = 6; DELETE FROM payloads WHERE seq IN (3, 6)",
    )
    .await;
    append_beside(&store, receipt).await.unwrap();
    let receipt = retention(&database, Retained::Payload, &[(10, 10)]).await;
    run(&database, &format!("{blank} (10)")).await;
    append_beside(&store, receipt).await.unwrap();
    recorder.serve(serve(17), Some("Built to be used.".into()));
    generate(5).await;
    verdict(18, 5).await;
    recorder.close().await;
    store.close().await;
    let later = br#"{"v":1,"type":"vote","at":"2026-11-18T11:08:20Z","phrase":"free"}"#;
    append(&database, "vote", later).await;
    run(
        &database,
        "INSERT OR IGNORE INTO users (digest, key, since) VALUES (zeroblob(32), zeroblob(32), 0);
         PRAGMA wal_checkpoint(TRUNCATE)",
    )
    .await;
    let head = entries(&database).await.pop().unwrap().hash;
    database.close().await;
    head
}

/// Appends an entry whose bytes are anything.
pub async fn append(database: &SqlitePool, kind: &str, bytes: &[u8]) {
    let head = entries(database).await.pop().unwrap();
    let hash = sha256([head.hash.as_bytes(), b"\n", bytes].concat());
    let insert = "INSERT INTO chain (seq, kind, at, prev, hash, bytes) VALUES ($1, $2, $3, $4, $5, $6)";
    let insert = sqlx::query(insert).bind(head.seq + 1).bind(kind).bind(head.at + 1).bind(head.hash);
    insert.bind(hash).bind(bytes).execute(database).await.unwrap();
}

/// A store's address below a folder.
pub fn store_url(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("data/copyrail.db").display())
}

/// Runs `audit` on the store of a folder.
pub async fn audit(folder: &Path, arguments: &[&str]) -> Ran {
    let folder = folder.to_owned();
    let arguments: Vec<String> = ["audit"].iter().chain(arguments).map(|a| (*a).to_owned()).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        copyrail(&folder, &arguments, &[("COPYRAIL__STORE__URL", &store_url(&folder))], "")
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// What is done to a log.
enum Change {
    /// These statements.
    Sql(&'static str),
    /// This, to its entries.
    Chain(fn(&mut Vec<Entry>)),
}

/// Numbers entries in their order and gives each the hash of the one before it and one of its own.
fn rechain(entries: &mut [Entry], from: usize) {
    for at in from..entries.len() {
        let prev = if at == 0 { "0".repeat(64) } else { entries[at - 1].hash.clone() };
        let entry = &mut entries[at];
        entry.hash = sha256([prev.as_bytes(), b"\n", entry.bytes.as_slice()].concat());
        (entry.prev, entry.seq) = (prev, at as i64 + 1);
    }
}

/// Another text of the same length, so that nothing else shows it.
fn edited(entry: &mut Entry) {
    entry.bytes = String::from_utf8(entry.bytes.clone()).unwrap().replace("why-this", "why-that").into();
}

fn renumber(entries: &mut [Entry]) {
    (1..).zip(entries).for_each(|(seq, entry)| entry.seq = seq);
}

async fn apply(folder: &Path, change: &Change) {
    let database = SqlitePool::connect(&store_url(folder)).await.unwrap();
    match change {
        Change::Sql(sql) => run(&database, sql).await,
        Change::Chain(change) => {
            let mut entries = entries(&database).await;
            change(&mut entries);
            run(&database, "DELETE FROM chain").await;
            for e in entries {
                let sql =
                    "INSERT INTO chain (seq, kind, at, prev, hash, bytes) VALUES ($1, $2, $3, $4, $5, $6)";
                let insert = sqlx::query(sql).bind(e.seq).bind(e.kind).bind(e.at).bind(e.prev);
                insert.bind(e.hash).bind(e.bytes).execute(&database).await.unwrap();
            }
        }
    }
    database.close().await;
}

/// Each kind of tampering: what it is called, what is done, the entry at which it is found and what it is said to be.
const TAMPERING: &[(&str, Change, Option<i64>, &str)] = {
    use Change::{Chain, Sql};
    &[
        // The chain itself.
        (
            "a byte of a record",
            Sql("UPDATE chain SET bytes = replace(bytes, 'why', 'who') WHERE seq = 7"),
            Some(7),
            "changed",
        ),
        ("an entry's hash", Sql("UPDATE chain SET hash = prev WHERE seq = 7"), Some(7), "changed"),
        (
            "a serve taken out of its block",
            Sql("UPDATE chain SET bytes = substr(bytes, instr(bytes, x'0a') + 1) WHERE seq = 8"),
            Some(8),
            "changed",
        ),
        ("an entry removed in the middle", Sql("DELETE FROM chain WHERE seq = 9"), Some(10), "missing"),
        (
            "an entry removed and the rest renumbered",
            Chain(|entries| {
                entries.remove(8);
                renumber(entries);
            }),
            Some(9),
            "missing",
        ),
        ("the first entries removed", Sql("DELETE FROM chain WHERE seq < 3"), Some(3), "missing"),
        (
            "the last entries cut off",
            Sql("DELETE FROM chain WHERE seq > 15; DELETE FROM generations WHERE seq > 15;
                 DELETE FROM verdicts WHERE seq > 15; DELETE FROM payloads WHERE seq > 15"),
            None,
            "truncated",
        ),
        (
            "everything removed",
            Sql("DELETE FROM chain; DELETE FROM generations; DELETE FROM reviews; DELETE FROM verdicts;
                 DELETE FROM payloads"),
            None,
            "truncated",
        ),
        (
            "two entries swapped",
            Chain(|entries| {
                entries.swap(8, 9);
                renumber(entries);
            }),
            Some(9),
            "reordered",
        ),
        (
            "an entry replaced, its own hash made anew",
            Chain(|entries| {
                edited(&mut entries[7]);
                let (prev, bytes) = (entries[7].prev.clone(), entries[7].bytes.clone());
                entries[7].hash = sha256([prev.as_bytes(), b"\n", bytes.as_slice()].concat());
            }),
            Some(9),
            "missing",
        ),
        (
            "an entry changed and all hashes made anew from there on",
            Chain(|entries| {
                entries[18].bytes =
                    br#"{"v":1,"type":"vote","at":"2026-11-18T11:08:20Z","phrase":"fee"}"#.to_vec();
                rechain(entries, 18);
            }),
            None,
            "truncated",
        ),
        (
            "a second successor at the end",
            Chain(|entries| {
                let mut second = entries[17].clone();
                edited(&mut second);
                (second.prev, second.seq) = (entries[16].hash.clone(), 20);
                second.kind = "vote".into();
                second.bytes = br#"{"v":1,"type":"vote"}"#.to_vec();
                second.hash = sha256([second.prev.as_bytes(), b"\n", second.bytes.as_slice()].concat());
                entries.push(second);
            }),
            Some(20),
            "forked",
        ),
        (
            "an entry put in between",
            Chain(|entries| {
                let mut new = entries[8].clone();
                (new.kind, new.bytes) = ("vote".into(), br#"{"v":1,"type":"vote"}"#.to_vec());
                new.hash = sha256([new.prev.as_bytes(), b"\n", new.bytes.as_slice()].concat());
                entries.insert(8, new);
                renumber(entries);
            }),
            Some(10),
            "forked",
        ),
        ("an entry's kind", Sql("UPDATE chain SET kind = 'key' WHERE seq = 9"), Some(9), "index"),
        (
            "an entry's kind, of a later version",
            Sql("UPDATE chain SET kind = 'vote' WHERE seq = 9"),
            Some(9),
            "index",
        ),
        ("an entry's time", Sql("UPDATE chain SET at = at + 1 WHERE seq = 8"), Some(8), "index"),
        ("an entry emptied", Sql("UPDATE chain SET bytes = x'' WHERE seq = 9"), Some(9), "changed"),
        (
            "an entry of no number",
            Sql("INSERT INTO chain SELECT -1, kind, at, prev, hash, bytes FROM chain WHERE seq = 9"),
            Some(-1),
            "index",
        ),
        // What stands beside it.
        (
            "a payload changed",
            Sql("UPDATE payloads SET bytes = replace(bytes, 'worth', 'not worth') WHERE seq = 7"),
            Some(7),
            "payload",
        ),
        ("a salt changed", Sql("UPDATE payloads SET salt = zeroblob(32) WHERE seq = 7"), Some(7), "payload"),
        (
            "a payload blanked without a receipt",
            Sql("UPDATE payloads SET salt = NULL, bytes = NULL WHERE seq = 7"),
            Some(7),
            "payload",
        ),
        ("a salt blanked", Sql("UPDATE payloads SET salt = NULL WHERE seq = 7"), Some(7), "payload"),
        ("a payload removed", Sql("DELETE FROM payloads WHERE seq = 7"), Some(7), "payload"),
        (
            "a payload put beside an entry that has none",
            Sql("INSERT INTO payloads VALUES (9, x'00', '{}')"),
            Some(9),
            "payload",
        ),
        ("a payload of no entry", Sql("INSERT INTO payloads VALUES (99, x'00', '{}')"), Some(99), "payload"),
        (
            "an index row changed",
            Sql("UPDATE generations SET outcome = 'blocked' WHERE seq = 7"),
            Some(7),
            "index",
        ),
        ("an index row removed", Sql("DELETE FROM generations WHERE seq = 7"), Some(7), "index"),
        (
            "an index row added",
            Sql(
                "INSERT INTO generations SELECT 9, 'x', at, cache_key, placement, segment, product, template,
                 revision, outcome, cost_micros FROM generations WHERE seq = 7",
            ),
            Some(9),
            "index",
        ),
        (
            "an index row of a deleted generation",
            Sql(
                "INSERT INTO generations SELECT 3, 'x', at, cache_key, placement, segment, product, template,
                 revision, outcome, cost_micros FROM generations WHERE seq = 7",
            ),
            Some(3),
            "index",
        ),
        (
            "a decision changed",
            Sql("UPDATE reviews SET decision = 'rejected' WHERE seq = 11"),
            Some(11),
            "index",
        ),
        ("a decision added", Sql("INSERT INTO reviews VALUES (20, 'x', 'approved')"), Some(20), "index"),
        ("a verdict moved", Sql("UPDATE verdicts SET seq = 17 WHERE seq = 18"), Some(17), "index"),
        (
            "a text changed",
            Sql("UPDATE texts SET text = 'Made to sell.' WHERE text LIKE 'Made%'"),
            None,
            "text",
        ),
        ("a text removed", Sql("DELETE FROM texts WHERE text LIKE 'Built%'"), Some(17), "text"),
        (
            "a text blanked without a receipt",
            Sql("UPDATE texts SET text = '' WHERE text LIKE 'Built%'"),
            None,
            "text",
        ),
        // What receipts say.
        (
            "an erased payload that came back",
            Sql("UPDATE payloads SET salt = zeroblob(32), bytes = '{}' WHERE seq = 5"),
            Some(5),
            "payload",
        ),
        (
            "a deleted entry that came back",
            Chain(|entries| {
                entries[3].bytes = b"{}\n".to_vec();
            }),
            Some(4),
            "changed",
        ),
        (
            "the hash of a deleted entry",
            Chain(|entries| {
                entries[5].hash = "0".repeat(64);
                rechain(entries, 6);
                // Those emptied keep what hash they are given.
            }),
            Some(14),
            "receipt",
        ),
        (
            "a receipt of another digest",
            Chain(|entries| {
                let text = String::from_utf8(entries[13].bytes.clone()).unwrap();
                let (start, _) = text.split_once("\"digest\":\"").unwrap();
                entries[13].bytes = format!("{start}\"digest\":\"{}\"}}", "0".repeat(64)).into();
                rechain(entries, 13);
            }),
            Some(14),
            "receipt",
        ),
        (
            "a receipt of what is still there",
            Chain(|entries| {
                let text = String::from_utf8(entries[11].bytes.clone()).unwrap();
                entries[11].bytes = text.replace("[[2,2],[5,5]]", "[[2,2],[5,7]]").into();
                rechain(entries, 11);
            }),
            Some(7),
            "receipt",
        ),
        (
            "a receipt of what is kept for good",
            Chain(|entries| {
                let text = String::from_utf8(entries[13].bytes.clone()).unwrap();
                entries[13].bytes = text.replace("[[3,3],[6,6]]", "[[1,1],[3,3],[6,6]]").into();
                entries[0].bytes.clear();
                rechain(entries, 13);
            }),
            Some(14),
            "receipt",
        ),
    ]
};

#[tokio::test]
async fn each_kind_of_tampering_is_found_and_named() {
    let original = tempfile::tempdir().unwrap();
    let head = write_log(original.path()).await;
    let whole = audit(original.path(), &["verify", "--expect-head", &head, "--format", "json"]).await;
    let report: Value = serde_json::from_str(&whole.out).unwrap();
    assert_eq!((whole.code, &report["fault"]), (Some(0), &Value::Null), "{report}");
    let counts = ["records", "serves", "generations", "erased", "pruned", "gaps", "lost", "unknown"];
    assert_eq!(
        counts.map(|count| report[count].clone()),
        [json!(19), json!(4), json!(4), json!(3), json!(3), json!(1), json!(17), json!({"vote": 1})]
    );
    for (name, change, seq, what) in TAMPERING {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::copy(original.path().join("data/copyrail.db"), folder.path().join("data/copyrail.db"))
            .unwrap();
        apply(folder.path(), change).await;
        let found = audit(folder.path(), &["verify", "--expect-head", &head, "--format", "json"]).await;
        let report: Value = serde_json::from_str(&found.out).unwrap_or_else(|_| panic!("{name}: {found:?}"));
        assert_eq!(found.code, Some(1), "{name}: {report}");
        let fault = &report["fault"];
        assert_eq!((&fault["seq"], &fault["what"]), (&json!(seq), &json!(what)), "{name}: {report}");
        // An entry that is there is told with its time.
        let there = seq.is_some_and(|seq| (1..=20).contains(&seq)) && *what != "receipt";
        assert!(!there || fault["at"].is_string() || fault["what"] == "index", "{name}: {report}");
        let told = audit(folder.path(), &["verify", "--expect-head", &head]).await;
        assert_eq!(told.code, Some(1), "{name}");
        assert!(
            told.out.ends_with(&format!("{}\n", fault["advice"].as_str().unwrap())),
            "{name}: {}",
            told.out
        );
        let said = format!("not whole: {}\n", fault["explanation"].as_str().unwrap());
        assert!(told.out.starts_with(&said) && told.out.contains("\nwhat to do: "), "{name}: {}", told.out);
    }
}

#[tokio::test]
async fn what_proves_nothing_of_the_log_may_change() {
    let folder = tempfile::tempdir().unwrap();
    let head = write_log(folder.path()).await;
    for harmless in [
        "DELETE FROM users",
        "INSERT INTO texts VALUES ('2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae', 'foo')",
        "DELETE FROM policies",
    ] {
        apply(folder.path(), &Change::Sql(harmless)).await;
        let whole = audit(folder.path(), &["verify", "--expect-head", &head]).await;
        assert_eq!(whole.code, Some(0), "{harmless}: {}", whole.out);
    }
}
