//! Stores of every released version are brought up to date, proven, shown and served from; and the release before this one
//! reads and goes on writing what this one wrote.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use sqlx::{Row, SqlitePool};

use crate::support::{Serving, client, copyrail, root, shop};
use crate::tampering::{audit, entries, run, sha256, store_url, write_log};

/// A shop whose store is the one that the release with so many migrations left.
async fn shop_of(version: u32) -> tempfile::TempDir {
    let folder = shop();
    std::fs::create_dir_all(folder.path().join("data")).unwrap();
    let script = std::fs::read_to_string(root().join(format!("tests/stores/schema-{version}.sql"))).unwrap();
    let database = create(folder.path()).await;
    run(&database, &script).await;
    run(&database, "PRAGMA journal_mode = WAL").await;
    database.close().await;
    folder
}

async fn create(folder: &Path) -> SqlitePool {
    SqlitePool::connect(&format!("{}?mode=rwc", store_url(folder))).await.unwrap()
}

/// What tables, indexes and columns a store has.
async fn schema(folder: &Path) -> BTreeMap<String, String> {
    let database = SqlitePool::connect(&store_url(folder)).await.unwrap();
    let sql =
        "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'";
    let rows: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&database).await.unwrap();
    database.close().await;
    rows.into_iter().collect()
}

/// Runs a command in a shop's folder, which must succeed.
async fn done(folder: &Path, arguments: &[&str]) -> String {
    let (folder, arguments) =
        (folder.to_owned(), arguments.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
    let command = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        copyrail(&folder, &arguments, &[], "")
    };
    let ran = tokio::task::spawn_blocking(command).await.unwrap();
    assert_eq!(ran.code, Some(0), "{} {}", ran.out, ran.err);
    ran.out
}

#[tokio::test]
async fn a_store_of_every_release_is_brought_up_to_date_proven_shown_and_served_from() {
    let fresh = shop();
    done(fresh.path(), &["keys", "list"]).await;
    for (version, records) in [(1, 7), (2, 8), (3, 9), (4, 9), (5, 9)] {
        let folder = shop_of(version).await;
        let refused = audit(folder.path(), &["verify"]).await;
        assert!(refused.err.contains("was written by an older copyrail; run"), "{version}: {}", refused.err);
        let made = done(folder.path(), &["keys", "new", "--role", "review"]).await;
        assert_eq!(schema(folder.path()).await, schema(fresh.path()).await, "{version}");

        let whole = audit(folder.path(), &["verify", "--format", "json"]).await;
        let report: Value = serde_json::from_str(&whole.out).unwrap();
        assert_eq!((whole.code, &report["fault"]), (Some(0), &Value::Null), "{version}: {report}");
        // The new key is a record too.
        let counts = ["records", "serves", "generations", "gaps", "lost"].map(|count| report[count].clone());
        assert_eq!(counts, [records + 1, 3, 2, 1, 3].map(|count| json!(count)), "{version}");

        let id = format!("01920000-0000-7000-{version:04x}-000000000001");
        let shown = done(folder.path(), &["audit", "show", &id, "--format", "json"]).await;
        assert!(shown.contains("A kettle worth having: it's quick."), "{version}: {shown}");
        assert_eq!(shown.contains("Fine by us."), version >= 2, "{version}: {shown}");
        assert_eq!(shown.contains("It is calm."), version >= 3, "{version}: {shown}");

        let mut serving = Serving::start(folder.path(), &[]);
        let key = made.trim();
        let url = format!("http://{}/v1/generations?placement=why-this&outcome=passed", serving.address);
        let found: Value = client().get(url).bearer_auth(key).send().await.unwrap().json().await.unwrap();
        let ids: Vec<_> = found["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
        assert_eq!(ids, [json!(id)], "{version}: {found}");
        assert_eq!(serving.terminate(), Some(0), "{version}");
        let head = report["head"].as_str().unwrap();
        let after = audit(folder.path(), &["verify", "--expect-head", head]).await;
        assert_eq!(after.code, Some(0), "{version}: {}", after.out);
    }
}

/// The statements of the release before this one, as they were.
mod before {
    pub const KNOWN: i64 = 5;
    pub const PAGE: &str = "SELECT c.seq, c.kind, c.at AS entry_at, c.prev, c.hash, c.bytes,
                    g.seq AS index_seq, g.id, g.at, g.cache_key, g.placement, g.segment, g.product, g.template,
                    g.revision, g.outcome, g.cost_micros,
                    r.seq AS review_seq, r.generation AS review_generation, r.decision AS review_decision,
                    v.seq AS verdict_seq, v.generation AS verdict_generation, v.at AS verdict_at,
                    v.cost_micros AS verdict_cost,
                    p.seq AS payload_seq, p.salt AS payload_salt, p.bytes AS payload_bytes
             FROM chain c
             LEFT JOIN generations g ON g.seq = c.seq
             LEFT JOIN reviews r ON r.seq = c.seq
             LEFT JOIN verdicts v ON v.seq = c.seq
             LEFT JOIN payloads p ON p.seq = c.seq
             WHERE c.seq > $1 ORDER BY c.seq LIMIT $2";
    pub const SEARCH: &str =
        "SELECT c.seq, c.bytes FROM generations g JOIN chain c ON c.seq = g.seq WHERE TRUE
             AND g.placement = $1 ORDER BY g.seq DESC LIMIT $2";
    pub const HEAD: &str = "SELECT seq, hash FROM chain ORDER BY seq DESC LIMIT 1";
    pub const ENTRY: &str =
        "INSERT INTO chain (seq, kind, at, prev, hash, bytes) VALUES ($1, $2, $3, $4, $5, $6)";
    pub const INDEX: &str = "INSERT INTO generations (seq, id, at, cache_key, placement, segment, product, template, revision,
                                            outcome, cost_micros) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    pub const PAYLOAD: &str = "INSERT INTO payloads (seq, salt, bytes) VALUES ($1, $2, $3)";
    pub const TEXT: &str = "INSERT INTO texts (hash, text) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    pub const TABLES: &[&str] = &[
        "INSERT INTO reviews (seq, generation, decision) SELECT 99, 'x', 'approved' WHERE FALSE",
        "INSERT INTO verdicts (seq, generation, at, cost_micros) SELECT 99, 'x', 0, 0 WHERE FALSE",
        "INSERT INTO opinions (question, at, opinion) SELECT '', 0, '' WHERE FALSE",
        "INSERT INTO ledger (day, purpose, spent_micros) SELECT '', '', 0 WHERE FALSE",
        "INSERT INTO idempotency (slot, until, body, beside, answer) SELECT '', 0, '', 0, '' WHERE FALSE",
        "INSERT INTO policies (kind, hash, files, accepted_at, position) SELECT '', '', '', 0, 0 WHERE FALSE",
        "INSERT INTO keys (id, name, role, origins, hash, created, expires, revoked) SELECT '', '', '', '', x'', 0, 0, 0 WHERE FALSE",
        "UPDATE meta SET value = value + 1 WHERE name = 'catalogue_last_edition'",
    ];
}

#[tokio::test]
async fn the_release_before_reads_what_this_one_wrote_and_this_one_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let head = write_log(folder.path()).await;
    let database = SqlitePool::connect(&store_url(folder.path())).await.unwrap();
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&database).await.unwrap();
    assert!(version <= before::KNOWN, "it would say that a newer copyrail wrote it");

    // Its proof: every entry that still has bytes has its hash, and the one before it.
    let page = sqlx::query(before::PAGE).bind(0).bind(100).fetch_all(&database).await.unwrap();
    let mut prev = "0".repeat(64);
    for row in &page {
        let (bytes, hash): (Vec<u8>, String) = (row.get("bytes"), row.get("hash"));
        assert_eq!(row.get::<String, _>("prev"), prev);
        assert!(bytes.is_empty() || sha256([prev.as_bytes(), b"\n", bytes.as_slice()].concat()) == hash);
        prev = hash;
    }
    assert_eq!((page.len(), &prev), (19, &head));
    let search = sqlx::query(before::SEARCH).bind("why-this").bind(100);
    let found = search.fetch_all(&database).await.unwrap();
    let ids: Vec<_> = found
        .iter()
        .map(|row| serde_json::from_slice::<Value>(&row.get::<Vec<u8>, _>("bytes")).unwrap()["id"].clone())
        .collect();
    assert_eq!(ids.len(), 4, "{ids:?}");

    // It goes on with the chain, as it always did.
    for statement in before::TABLES {
        run(&database, statement).await;
    }
    let last = sqlx::query(before::HEAD).fetch_one(&database).await.unwrap();
    let (seq, prev): (i64, String) = (last.get("seq"), last.get("hash"));
    let (salt, payload) = (
        [7u8; 32],
        br#"{"inputs":null,"facts":null,"messages":[],"raw_texts":["Quick."],"text":"Quick.","matches":[]}"#,
    );
    let written = json!({"v": 1, "type": "generation", "id": "01920000-0000-7000-0000-0000000000ff",
        "started": "2026-11-19T09:00:00Z", "finished": "2026-11-19T09:00:01Z", "placement": "why-this",
        "segment": "default", "template": "why-this/default", "revision": "b3:00", "guardrails": "b3:00", "product": null,
        "locale": "en", "cache_key": "ff", "outcome": "passed", "reason": null, "model": null, "attempts": [],
        "findings": [], "evidence": [], "cost": 1, "trace_id": null, "payload_hash": sha256([&salt[..], payload].concat())})
    .to_string();
    let hash = sha256(format!("{prev}\n{written}"));
    let at = 1_795_078_801_000_000i64;
    let insert = sqlx::query(before::ENTRY).bind(seq + 1).bind("generation").bind(at).bind(prev);
    insert.bind(&hash).bind(written.into_bytes()).execute(&database).await.unwrap();
    let insert = sqlx::query(before::INDEX)
        .bind(seq + 1)
        .bind("01920000-0000-7000-0000-0000000000ff")
        .bind(at)
        .bind("ff");
    let insert =
        insert.bind("why-this").bind("default").bind(None::<String>).bind("why-this/default").bind("b3:00");
    insert.bind("passed").bind(1).execute(&database).await.unwrap();
    let insert = sqlx::query(before::PAYLOAD).bind(seq + 1).bind(&salt[..]).bind(&payload[..]);
    insert.execute(&database).await.unwrap();
    sqlx::query(before::TEXT).bind(sha256("Quick.")).bind("Quick.").execute(&database).await.unwrap();
    assert_eq!(entries(&database).await.len(), 20);
    database.close().await;
    let after = audit(folder.path(), &["verify", "--expect-head", &head]).await;
    assert_eq!(after.code, Some(0), "{}", after.out);
    assert!(after.out.contains(&format!("head {hash}")), "{}", after.out);
}
