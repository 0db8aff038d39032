//! The overview and the report say what the API's own searches count.

use std::collections::BTreeMap;
use std::time::Instant;

use copyrail::audit::counts::{Counts, What};
use copyrail::audit::index::catch_up;
use copyrail::store::{Access, Store};
use serde_json::{Value, json};
use sqlx::{Row, SqlitePool};

use crate::support::console::sign_in;
use crate::support::{Reply, TestApp, Upstream, ask, eventually, root};

const RULES: &str = "rules:\n  - id: lamp\n    extends: existence\n    tokens: [forbidden]\n    level: error\n    message: \"Not this word.\"\n    examples: {fail: [\"A forbidden lamp.\"], pass: [\"A calm lamp.\"]}\n";

/// What a search of the API finds, by a field.
async fn by(app: &TestApp, path: &str, field: &str) -> BTreeMap<String, u64> {
    let page = app.get(path, "review").await.body;
    let mut found = BTreeMap::new();
    for item in page["items"].as_array().unwrap_or_else(|| panic!("{page}")) {
        *found.entry(item[field].as_str().unwrap_or("").to_owned()).or_default() += 1;
    }
    found
}

/// The lines of a report: section, name and measure, and the value.
fn lines(csv: &str) -> BTreeMap<(String, String, String), String> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let head = reader.headers().unwrap().clone();
    assert_eq!(head.iter().collect::<Vec<_>>(), ["section", "name", "measure", "value", "unit"]);
    let line = |line: csv::StringRecord| {
        let [section, name, measure, value] = [0, 1, 2, 3].map(|at| line[at].to_owned());
        ((section, name, measure), value)
    };
    reader.records().map(|record| line(record.unwrap())).collect()
}

/// The cells of the row of a page's table that begins with these words.
fn row(page: &str, begins: &str) -> Vec<String> {
    let row = page.split("<tr").find(|row| plain(row).trim_start_matches('>').trim().starts_with(begins));
    let row = row.unwrap_or_else(|| panic!("no row begins with {begins}"));
    let row = row.split("</tr>").next().unwrap();
    row.split("<td").skip(1).map(|cell| plain(&format!("<td{cell}")).trim().to_owned()).collect()
}

fn plain(html: &str) -> String {
    let mut inside = false;
    let text = html.chars().filter(|c| {
        let shown = !inside && *c != '<';
        inside = (inside || *c == '<') && *c != '>';
        shown
    });
    text.collect()
}

#[tokio::test]
async fn the_overview_and_the_report_say_what_searches_count() {
    let upstream = Upstream::with(|call, _| {
        Reply::Text(match call % 3 {
            0 => "A forbidden lamp.".into(),
            1 => "A calm lamp.".into(),
            _ => "A warm lamp.".into(),
        })
    })
    .await;
    let app = TestApp::start_with(&upstream, &[("guardrails/extra.yml", RULES)], &[]).await;
    for name in ["Lumo lamp", "Harbour lamp", "Pine lamp", "Lumo lamp", "Lumo lamp"] {
        app.blurb(ask(name)).await;
    }
    app.blurb(json!({"placement": "why-this", "product": {"id": "none-such"}})).await;
    let generations = app.generations().await;
    let passed = generations.iter().find(|generation| generation["outcome"] == "passed");
    let passed = passed.unwrap_or_else(|| panic!("{generations:?}"));
    let id = passed["id"].as_str().unwrap().to_owned();
    for (action, role) in [("approve", "review"), ("takedown", "admin")] {
        let path = format!("/v1/generations/{id}/reviews");
        let request =
            app.client().post(app.url(&path)).bearer_auth(app.key(role)).json(&json!({"action": action}));
        assert_eq!(app.send(request).await.status, 201);
    }
    eventually("all is recorded", || async {
        by(&app, "/v1/serves?limit=500", "tier").await.values().sum::<u64>() == 6
    })
    .await;
    catch_up(&app.app().shared.store).await.unwrap();

    let mut browser = sign_in(&app, "review").await;
    let overview = browser.get("/console/").await;
    assert_eq!(overview.status, 200, "{}", overview.text);
    let report = browser.get("/console/reports").await;
    assert_eq!(report.status, 200, "{}", report.text);
    let csv = browser.get("/console/reports.csv").await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    let lines = lines(&csv.text);
    let line = |section: &str, name: &str, measure: &str| {
        lines.get(&(section.to_owned(), name.to_owned(), measure.to_owned())).map(String::as_str)
    };

    // Serves, by tier and by reason.
    for (tier, n) in by(&app, "/v1/serves?limit=500", "tier").await {
        assert_eq!(line("tiers", &tier, "serves"), Some(n.to_string().as_str()), "{tier}");
    }
    for (reason, n) in
        by(&app, "/v1/serves?limit=500", "reason").await.into_iter().filter(|(r, _)| !r.is_empty())
    {
        let cells = row(&overview.text, &reason);
        assert_eq!(cells[1..3], [n.to_string(), n.to_string()], "{reason}");
        let told: u64 = lines
            .iter()
            .filter(|((section, name, measure), _)| {
                section == "sources" && measure == "serves" && name.ends_with(&format!(", {reason}"))
            })
            .map(|(_, value)| value.parse::<u64>().unwrap())
            .sum();
        assert_eq!(told, n, "{reason}");
    }
    // Generations, by outcome and by rule.
    let outcomes = by(&app, "/v1/generations?limit=500", "outcome").await;
    for (outcome, n) in &outcomes {
        assert_eq!(row(&overview.text, outcome)[1..3], [n.to_string(), n.to_string()], "{outcome}");
    }
    let blocked: u64 = by(&app, "/v1/generations?limit=500&rule=extra.lamp", "outcome").await.values().sum();
    assert!(blocked > 0, "{outcomes:?}");
    assert_eq!(row(&overview.text, "extra.lamp")[1], blocked.to_string());
    assert_eq!(line("rules", "extra.lamp", "blocked"), Some(blocked.to_string().as_str()));
    // What people did.
    let people = ["review", "admin"].map(|name| {
        let name = lines.keys().find(|(section, by, _)| section == "reviewers" && by.contains(name));
        name.map(|(_, by, _)| by.clone()).unwrap_or_else(|| panic!("{lines:?}"))
    });
    assert_eq!(line("reviewers", &people[0], "approved"), Some("1"));
    assert_eq!(line("reviewers", &people[1], "overturned others'"), Some("1"));
    assert_eq!(line("takedowns", &id, "takedowns"), Some("1"));
    assert!(lines.keys().any(|(section, ..)| section == "edits"));
    assert!(report.text.contains(&format!("/console/generations/{id}")));

    // A month that is none, and one in which nothing was.
    assert_eq!(browser.get("/console/reports?month=2026-13").await.status, 400);
    assert_eq!(browser.get("/console/reports.csv?month=%3Cb%3E").await.status, 400);
    let long_ago = browser.get("/console/reports?month=1990-02").await;
    assert!(
        long_ago.text.contains("Report of February 1990")
            && long_ago.text.contains("Nothing was served in this month.")
    );
}

#[tokio::test]
async fn the_overview_says_when_the_store_is_gone() {
    let upstream = Upstream::saying("A lamp.").await;
    let app = TestApp::start(&upstream).await;
    let mut browser = sign_in(&app, "compliance").await;
    assert!(!browser.get("/console/").await.text.contains("The store does not answer"));
    let path = app.store_url().trim_start_matches("sqlite:").to_owned();
    std::fs::rename(&path, format!("{path}.away")).unwrap();
    let _ = app.app().shared.store.look().await;
    let page = browser.get("/console/").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(
        page.text.contains("The store does not answer") && page.text.contains("Policy in force"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn a_store_of_the_release_before_is_counted_whole() {
    for version in 1..=5 {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("copyrail.db").display());
        let script =
            std::fs::read_to_string(root().join(format!("tests/stores/schema-{version}.sql"))).unwrap();
        let old = SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&old).await.unwrap();
        let rows = sqlx::query("SELECT kind, bytes FROM chain ORDER BY seq").fetch_all(&old).await.unwrap();
        let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
        for row in rows {
            let (kind, bytes): (String, Vec<u8>) = (row.get(0), row.get(1));
            let count = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() as u64;
            let what = match kind.as_str() {
                "serves" => "serve",
                "generation" => "generation",
                "policy" => "edit",
                "review" => "review",
                _ => continue,
            };
            *expected.entry(what).or_default() += count;
        }
        old.close().await;
        let store = Store::open(&url, Access::Serve).await.unwrap();
        catch_up(&store).await.unwrap();
        let mut counts = Counts::of(&store).await.unwrap();
        for what in [What::Serve, What::Generation, What::Edit, What::Review] {
            let sums = counts.sums(what, &[(0, 10_000_000)]).await.unwrap();
            let found = sums.iter().map(|sum| sum.n).sum::<u64>();
            assert_eq!(found, expected.get(what.as_str()).copied().unwrap_or(0), "{version}: {what:?}");
        }
        drop(counts);
        assert!(expected.contains_key("serve"), "the sample of {version} has no serves");
        store.close().await;
    }
}

/// How long both pages take over a year of a busy shop: printed, for machines differ.
#[tokio::test]
async fn a_year_of_figures_is_shown() {
    let upstream = Upstream::saying("A lamp.").await;
    let app = TestApp::start(&upstream).await;
    let database = SqlitePool::connect(app.store_url()).await.unwrap();
    let now = this_hour();
    let fill = [
        ("serve", 25, "'user' || char(31) || 'cache' || char(31) || 'r' || k"),
        ("latency", 40, "printf('%03d', k + 20)"),
        (
            "finding",
            40,
            "'rule.' || k || char(31) || 'block' || char(31) || 'enforce' || char(31) || 'why-this'",
        ),
        ("generation", 6, "'passed' || char(31) || 'r' || k"),
        ("cost", 3, "'p' || k"),
        ("attempt", 12, "'page' || char(31) || 'p' || k || char(31) || 'm' || char(31)"),
    ];
    for (what, names, name) in fill {
        let sql = format!(
            "WITH RECURSIVE h (h) AS (SELECT {now} - 8760 UNION ALL SELECT h + 1 FROM h WHERE h < {now}),
                            k (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM k WHERE k < {names})
             INSERT OR IGNORE INTO counts SELECT '{what}', h, {name}, 7, 1000 FROM h, k"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&database).await.unwrap();
    }
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM counts").fetch_one(&database).await.unwrap();
    let mut browser = sign_in(&app, "review").await;
    for path in ["/console/", "/console/reports", "/console/reports.csv"] {
        let mut fastest = f64::INFINITY;
        for _ in 0..3 {
            let began = Instant::now();
            let page = browser.get(path).await;
            assert_eq!(page.status, 200, "{}", page.text);
            fastest = fastest.min(began.elapsed().as_secs_f64() * 1e3);
        }
        eprintln!("{path}: {fastest:.0} ms over {rows} rows");
    }
}

fn this_hour() -> i64 {
    copyrail::app::wall_clock()().as_second() / 3_600
}

/// Keeps the shape of what is read by hand above.
#[test]
fn rows_are_read_from_pages() {
    let page = "<table><tr><td><a href=x>mode</a><br>Why</td><td class=\"number\">7</td></tr></table>";
    assert_eq!(row(page, "mode"), ["modeWhy", "7"]);
    assert_eq!(json!(row(page, "mode")), Value::from(vec!["modeWhy", "7"]));
}
