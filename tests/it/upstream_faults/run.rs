//! Runs a table of faults through one service: each is what the upstream does to the calls for one product.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use copyrail::app::wall_clock;
use copyrail::audit::Clock;
use copyrail::simulate::{self, Script, Simulator};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::raw;
use crate::support::{TestApp, ask, eventually, listen_among_others};

/// Stands in all that an upstream says wrong: nobody may see it.
pub const MARK: &str = "zibeline";
/// The provider's key, which some upstreams say back.
pub const KEY: &str = "sk-quillon-pellucid";

/// One fault and what is to come of it.
pub struct Fault {
    /// What it is, for people.
    pub name: &'static str,
    does: Does,
    /// How many calls it takes: the fault lasts so long.
    attempts: usize,
    /// What went wrong with each of them that failed; empty where the record need not say.
    kind: &'static str,
    end: End,
    deadline_ms: u64,
}

enum Does {
    /// A script's `do`.
    Simulated(String),
    /// These bytes.
    Raw(Vec<u8>),
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    /// The generation fails, and the page is answered with pre-written copy.
    Failed,
    /// The text does not pass.
    Blocked,
    /// It is no fault, or was over with a retry: copy is served.
    Served,
}

fn fault(name: &'static str, does: &str, attempts: usize, kind: &'static str, end: End) -> Fault {
    Fault { name, does: Does::Simulated(does.to_owned()), attempts, kind, end, deadline_ms: 30_000 }
}

/// The calls fail, each in that way.
pub fn fails(name: &'static str, does: &str, attempts: usize, kind: &'static str) -> Fault {
    fault(name, does, attempts, kind, End::Failed)
}

/// The text comes, and is held back.
pub fn blocked(name: &'static str, does: &str, attempts: usize) -> Fault {
    fault(name, does, attempts, "", End::Blocked)
}

/// Copy comes, from the last of so many calls.
pub fn served(name: &'static str, does: &str, attempts: usize, kind: &'static str) -> Fault {
    fault(name, does, attempts, kind, End::Served)
}

impl Fault {
    /// The upstream says these bytes instead.
    pub fn saying(self, bytes: impl Into<Vec<u8>>) -> Self {
        Self { does: Does::Raw(bytes.into()), ..self }
    }

    /// The page does not wait until it is over.
    pub fn late(self) -> Self {
        Self { deadline_ms: 20, ..self }
    }

    /// How many calls the upstream does it to: a last call that gives copy is none of them.
    fn times(&self) -> usize {
        if self.end == End::Served && !self.kind.is_empty() { self.attempts - 1 } else { self.attempts }
    }
}

/// The product of the fault of that number.
pub fn product(number: usize) -> String {
    const BEGINNINGS: [&str; 12] = ["B", "D", "F", "G", "K", "L", "M", "N", "P", "R", "S", "T"];
    let beginning = BEGINNINGS[number % 12];
    let vowel = ["a", "e", "i", "o", "u"][number / 12 % 5];
    format!("{beginning}{vowel}lumo{} lamp", ["", "ra", "no"][number / 60])
}

fn id(number: usize) -> String {
    format!("p-{number}")
}

fn request(number: usize, deadline_ms: u64) -> Value {
    let mut request = ask(&product(number));
    request["product"]["id"] = json!(id(number));
    request["deadline_ms"] = json!(deadline_ms);
    request
}

fn prewritten(number: usize) -> String {
    format!("{} at a glance: the details on this page show what it is made for.", product(number))
}

/// A service with one provider.
pub struct House {
    pub app: Arc<TestApp>,
    /// Seconds by which its clock is ahead.
    ahead: Arc<AtomicI64>,
}

impl House {
    /// The answers to all these requests, put at once.
    async fn ask_all(&self, requests: impl Iterator<Item = Value>) -> Vec<Value> {
        let mut asked = tokio::task::JoinSet::new();
        for (number, request) in requests.enumerate() {
            let app = Arc::clone(&self.app);
            asked.spawn(async move { (number, app.blurb(request).await) });
        }
        let mut answers = asked.join_all().await;
        answers.sort_by_key(|(number, _)| *number);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// How many generations there are.
    async fn records(&self) -> usize {
        let page = self.app.get("/v1/generations?limit=200", "review").await;
        page.body["items"].as_array().unwrap().len()
    }
}

/// The settings of a provider at that address; `more` are lines of its section, and what follows it.
pub async fn house(base_url: &str, more: &str) -> House {
    let settings = format!(
        "[[llm.providers]]\nname = \"faulty\"\nbase_url = \"{base_url}\"\nmodel = \"scripted\"\n\
         api_key_env = \"FAULTY_KEY\"\n{more}\n"
    );
    let ahead = Arc::new(AtomicI64::new(0));
    let (seconds, wall) = (Arc::clone(&ahead), wall_clock());
    let clock: Clock = Arc::new(move || wall() + SignedDuration::from_secs(seconds.load(Ordering::SeqCst)));
    let files = [("config/copyrail.toml", settings.as_str())];
    let app = TestApp::try_start(&files, &[("FAULTY_KEY", KEY)], clock).await;
    House { app: Arc::new(app.unwrap_or_else(|error| panic!("{error:?}"))), ahead }
}

/// The stand-in with a script.
pub async fn simulator(script: &Value) -> Simulator {
    let script = Script::parse(&script.to_string()).unwrap();
    simulate::start(([127, 0, 0, 1], 0).into(), script, 1).await.unwrap()
}

/// Asks for all at once, of one service and one upstream, and looks at what comes of each, then asks again.
pub async fn check(more: &str, faults: &[Fault]) {
    let lines = Lines::default();
    let _listening = tracing::subscriber::set_default(lines.subscriber());
    let (mut script, mut raw_says) = (Vec::new(), Vec::new());
    for (number, fault) in faults.iter().enumerate() {
        match &fault.does {
            Does::Simulated(does) => {
                let does: Value = serde_json::from_str(does).unwrap();
                script
                    .push(json!({"when": {"contains": product(number)}, "times": fault.times(), "do": does}));
            }
            Does::Raw(bytes) => raw_says.push((product(number), bytes.clone(), fault.times())),
        }
    }
    let simulator = simulator(&Value::Array(script)).await;
    let base_url = match (raw_says.is_empty(), more.contains("azure")) {
        (false, _) => format!("http://{}/v1", raw::start(raw_says).await),
        (true, true) => format!("http://{}", simulator.address),
        (true, false) => simulator.base_url(),
    };
    let house = house(&base_url, more).await;
    let answers =
        house.ask_all(faults.iter().enumerate().map(|(n, fault)| request(n, fault.deadline_ms))).await;
    let mut wrong = Vec::new();
    let mut check = |name: &str, what: Result<(), String>| {
        if let Err(what) = what {
            wrong.push(format!("{name}: {what}"));
        }
    };
    for (number, (fault, answer)) in faults.iter().zip(&answers).enumerate() {
        check(fault.name, check_answer(number, fault, answer));
    }
    // Those that nobody waits for any more go on.
    eventually("each has its record", || async { house.records().await >= faults.len() }).await;
    let records = house.app.generations().await;
    for (number, fault) in faults.iter().enumerate() {
        check(fault.name, check_records(number, fault, &records));
    }
    // The faults are over. What did not pass is not asked again at once.
    house.ahead.fetch_add(120, Ordering::SeqCst);
    let again = house.ask_all((0..faults.len()).map(|number| request(number, 30_000))).await;
    for ((fault, before), after) in faults.iter().zip(&answers).zip(&again) {
        check(fault.name, check_again(fault, before, after));
    }
    let said = lines.said();
    for secret in [MARK, KEY] {
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(secret)).collect();
        check("the log lines", if lines.is_empty() { Ok(()) } else { Err(format!("{lines:#?}")) });
    }
    if faults.iter().any(|fault| fault.end == End::Failed) {
        assert!(said.contains("the LLM gave no text"), "the lines are read");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    simulator.stop().await;
}

fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T, whole: &Value) -> Result<(), String> {
    // Of a record the attempts alone, or the prompt would hide them.
    let whole = whole.get("attempts").unwrap_or(whole);
    if found == expected { Ok(()) } else { Err(format!("{found:?} instead of {expected:?}: {whole}")) }
}

fn hides(whole: &Value, secrets: &[&str]) -> Result<(), String> {
    let text = whole.to_string();
    match secrets.iter().find(|secret| text.contains(**secret)) {
        Some(secret) => Err(format!("it holds `{secret}`: {text}")),
        None => Ok(()),
    }
}

fn check_answer(number: usize, fault: &Fault, answer: &Value) -> Result<(), String> {
    hides(answer, &[MARK, KEY])?;
    let (reason, late) = match (fault.deadline_ms < 1_000, fault.end) {
        (true, _) => (json!("deadline"), true),
        (false, End::Failed) => (json!("upstream"), false),
        (false, End::Blocked) => (json!("guardrail"), false),
        (false, End::Served) => {
            return same((&answer["source"], &answer["reason"]), (&json!("generated"), &json!(null)), answer);
        }
    };
    same((&answer["reason"], &answer["pending"]), (&reason, &json!(late)), answer)?;
    same((&answer["source"], &answer["text"]), (&json!("prewritten"), &json!(prewritten(number))), answer)
}

/// One generation, that ended as it should, after so many calls.
fn check_records(number: usize, fault: &Fault, records: &[Value]) -> Result<(), String> {
    let mut found = records.iter().filter(|record| record["product"] == id(number));
    let (Some(record), None) = (found.next(), found.next()) else {
        return Err("there is not one record".to_owned());
    };
    hides(record, &[KEY])?;
    let (outcome, reason) = match fault.end {
        End::Failed => ("failed", json!("upstream")),
        End::Blocked => ("blocked", json!("guardrail")),
        End::Served => ("passed", json!(null)),
    };
    same((&record["outcome"], &record["reason"]), (&json!(outcome), &reason), record)?;
    let attempts = record["attempts"].as_array().ok_or("no attempts")?;
    same(attempts.len(), fault.attempts, record)?;
    let failed = if fault.end == End::Failed { attempts.len() } else { fault.times() };
    for attempt in attempts.iter().take(failed).filter(|_| !fault.kind.is_empty()) {
        same(&attempt["fault"], &json!(fault.kind), record)?;
    }
    match fault.end {
        End::Served => hides(&record["payload"]["text"], &[MARK]),
        _ => same(&record["payload"]["text"], &Value::Null, record),
    }
}

/// The same question once the fault is over: good copy, and what was served before where that was good.
fn check_again(fault: &Fault, before: &Value, answer: &Value) -> Result<(), String> {
    hides(answer, &[MARK, KEY])?;
    let source = if fault.end == End::Served { "cache" } else { "generated" };
    same((&answer["source"], &answer["reason"]), (&json!(source), &json!(null)), answer)?;
    if before["source"] == "generated" { same(&answer["text"], &before["text"], answer) } else { Ok(()) }
}

/// The log lines of this thread, which is that of the whole service: a test's runtime has one.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub fn subscriber(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        listen_among_others();
        let lines = self.clone();
        tracing_subscriber::fmt()
            .with_env_filter("copyrail=trace")
            .with_ansi(false)
            .with_writer(move || lines.clone())
            .finish()
    }

    pub fn said(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
