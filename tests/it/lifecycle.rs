//! Edits in a row while pages ask without pause: no request fails, none sees a mix of two policies, none is answered by rules
//! older than those in force when it was sent, and each refused edit is shown with its line.
//!
//! `COPYRAIL_EDITS=500` makes that many; without it there are fewer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use copyrail::policy::Sources;
use copyrail::words::Revision;
use serde_json::{Value, json};

use crate::support::{Reply, TestApp, Upstream, ask, eventually};

const RULES: &str = "guardrails/marks.yml";
const TEMPLATE: &str = "prompts/why-this/default.prompty";
/// How many callers ask without pause.
const CALLERS: usize = 4;

/// How many edits are made; more when the environment says so.
#[expect(clippy::disallowed_methods, reason = "a longer run is asked for in the environment")]
fn edits() -> usize {
    std::env::var("COPYRAIL_EDITS").map_or(60, |edits| edits.parse().unwrap())
}

/// Rules that ban the words `mark0` to `mark<banned - 1>`.
fn rules(banned: usize) -> String {
    let words: Vec<String> = (0..banned).map(|n| format!("      - mark{n}\n")).collect();
    format!(
        "rules:\n  - id: marks\n    extends: existence\n    message: \"'%s' is not said.\"\n    level: error\n    tokens:\n{}    \
         examples:\n      fail: [Here is mark0.]\n      pass: [Here is nothing.]\n",
        words.concat()
    )
}

/// A template whose pre-written copy names its edition.
fn template(edition: usize) -> String {
    format!(
        "---\nname: Why this\ndescription: For everybody.\nmodel:\n  api: chat\n  parameters: {{temperature: 0.7, max_tokens: 160}}\n\
         inputs:\n  product.name: {{max: 200}}\nsample:\n  product:\n    name: Pocket torch\nprewritten:\n  en: \"edition {edition} of {{{{ product.name }}}}\"\n---\n\
         system:\nYou write copy.\n\nuser:\n{{{{ product | data(\"product\") }}}}\n"
    )
}

/// Settings and files of a shop that reads in no time, so that many edits can be made: its own rules alone.
fn small() -> Vec<(String, String)> {
    let shipped = Sources::read(&copyrail::config::load(None, &BTreeMap::new()).0.unwrap().policy);
    let (rules_of, copy) = (shipped.guardrails.unwrap().unwrap(), shipped.copy.unwrap().unwrap());
    let gone = |path: &&String| path.starts_with("guardrails/") || path.ends_with(".prompty");
    let mut files: Vec<(String, String)> =
        rules_of.keys().chain(copy.keys()).filter(gone).map(|path| (path.clone(), String::new())).collect();
    files.retain(|(path, _)| path != TEMPLATE && path != "guardrails/guardrails.yml");
    files.push((RULES.into(), rules(1)));
    files.push((TEMPLATE.into(), template(0)));
    files.push(("prompts/cta-subtext/default.prompty".into(), template(0)));
    files
}

/// How a file is written.
#[derive(Clone, Copy, Debug)]
enum Hand {
    /// Emptied, then written.
    Truncates,
    /// Written elsewhere and put in its place.
    Renames,
    /// Written in two halves, with a look in between.
    Halves,
    /// A link to a folder is put in the place of another, as Kubernetes does with a ConfigMap.
    Links,
}

const HANDS: [Hand; 4] = [Hand::Truncates, Hand::Renames, Hand::Halves, Hand::Links];

/// Writes a file of the shop. `look` is called whenever somebody might look.
async fn write(folder: &Path, file: &str, text: &str, hand: Hand, number: usize, look: impl AsyncFn()) {
    let path = folder.join(file);
    let below = path.parent().unwrap();
    match hand {
        Hand::Truncates => {
            std::fs::write(&path, "").unwrap();
            std::fs::write(&path, text).unwrap();
        }
        Hand::Renames => {
            let other = below.join(".swap~");
            std::fs::write(&other, text).unwrap();
            std::fs::rename(&other, &path).unwrap();
        }
        Hand::Halves => {
            std::fs::write(&path, &text[..text.len() / 2]).unwrap();
            look().await;
            std::fs::write(&path, text).unwrap();
        }
        Hand::Links => {
            let (name, data) = (path.file_name().unwrap(), format!("..{number}"));
            std::fs::create_dir_all(below.join(&data)).unwrap();
            std::fs::write(below.join(&data).join(name), text).unwrap();
            std::os::unix::fs::symlink(&data, below.join("..new")).unwrap();
            std::fs::rename(below.join("..new"), below.join("..data")).unwrap();
            // The first time the file itself becomes a link too.
            if !path.is_symlink() {
                std::os::unix::fs::symlink(Path::new("..data").join(name), below.join(".link~")).unwrap();
                std::fs::rename(below.join(".link~"), &path).unwrap();
            }
        }
    }
}

/// What holds under a revision.
#[derive(Clone, Copy, Debug)]
struct Holds {
    /// Which in the order in which they came into force.
    number: usize,
    /// How many words are banned.
    banned: usize,
    /// The edition of the pre-written copy.
    edition: usize,
}

/// What was in force, by revision, and how many of that there were when.
#[derive(Default)]
struct History {
    known: Mutex<BTreeMap<String, Vec<Holds>>>,
    landed: AtomicUsize,
}

impl History {
    fn add(&self, revision: &Revision, banned: usize, edition: usize) {
        let number = self.landed.load(Ordering::SeqCst) + 1;
        self.known.lock().unwrap().entry(revision.to_string()).or_default().push(Holds {
            number,
            banned,
            edition,
        });
        self.landed.store(number, Ordering::SeqCst);
    }
}

/// An answer, and how many edits had landed when it was asked for.
struct Answered {
    landed: usize,
    status: u16,
    body: Value,
}

/// The numbers that follow a word in a text.
fn numbers_after(text: &str, word: &str) -> Vec<usize> {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    text.split(word).skip(1).filter_map(|rest| digits(rest).parse().ok()).collect()
}

/// What is wrong with an answer.
fn amiss(answered: &Answered, known: &BTreeMap<String, Vec<Holds>>) -> Option<String> {
    let Answered { landed, status, body } = answered;
    if *status != 200 {
        return Some(format!("status {status}: {body}"));
    }
    let (text, revision) = (body["text"].as_str().unwrap(), body["revision"].as_str().unwrap());
    let Some(held) = known.get(revision) else { return Some(format!("{revision} never was in force")) };
    // The same files may have been in force twice.
    let right = held.iter().any(|Holds { number, banned, edition }| {
        let allowed = numbers_after(text, "mark").iter().all(|word| word >= banned);
        let own = numbers_after(text, "edition ").iter().all(|named| named == edition);
        number >= landed && allowed && own
    });
    (!right).then(|| format!("asked after edit {landed}, under {held:?}: {body}"))
}

/// Callers who ask without pause until they are told to stop.
fn callers(
    app: &TestApp,
    history: &Arc<History>,
    over: &Arc<AtomicBool>,
) -> Vec<tokio::task::JoinHandle<Vec<Answered>>> {
    let (url, key) = (app.url("/v1/blurbs"), app.key("serve").to_owned());
    let caller = |number: usize| {
        let (client, url, key) = (app.client().clone(), url.clone(), key.clone());
        let (history, over) = (Arc::clone(history), Arc::clone(over));
        tokio::spawn(async move {
            let mut answers = Vec::new();
            while !over.load(Ordering::SeqCst) {
                let landed = history.landed.load(Ordering::SeqCst);
                let body = ask(&format!("Lamp {}", (answers.len() + number) % 7));
                let response = client.post(&url).bearer_auth(&key).json(&body).send().await.unwrap();
                let status = response.status().as_u16();
                answers.push(Answered { landed, status, body: response.json().await.unwrap() });
            }
            answers
        })
    };
    (0..CALLERS).map(caller).collect()
}

/// An upstream that says words that are about to be banned: some of its texts pass, and are caught by a later edit.
async fn upstream(banned: &Arc<AtomicUsize>) -> Upstream {
    let banned = Arc::clone(banned);
    Upstream::with(move |call, _| {
        Reply::Text(format!("Here is mark{}.", (banned.load(Ordering::SeqCst) + call % 4).saturating_sub(1)))
    })
    .await
}

async fn start(upstream: &Upstream, variables: &[(&str, &str)]) -> TestApp {
    let files = small();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    TestApp::start_with(upstream, &files, variables).await
}

/// What the answers were, so that a test of nothing shows.
async fn judged(
    callers: Vec<tokio::task::JoinHandle<Vec<Answered>>>,
    history: &History,
) -> BTreeMap<String, usize> {
    let known = history.known.lock().unwrap().clone();
    let (mut sources, mut wrong) = (BTreeMap::new(), BTreeSet::new());
    for caller in callers {
        for answered in caller.await.unwrap() {
            wrong.extend(amiss(&answered, &known));
            *sources.entry(answered.body["source"].as_str().unwrap_or("-").to_owned()).or_default() += 1;
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {sources:?}: {:#?}",
        wrong.len(),
        wrong.iter().take(5).collect::<Vec<_>>()
    );
    sources
}

/// An edit that cannot take effect: the file, what it says now, and the line of the fault.
fn bad(kind: usize, banned: usize, edition: usize) -> (&'static str, String, u64) {
    let broken = |text: String, from: &str, to: &str| {
        assert!(text.contains(from));
        text.replacen(from, to, 1)
    };
    match kind % 6 {
        0 => (RULES, broken(rules(banned), "level: error", "level: errror"), 5),
        1 => (RULES, broken(rules(banned), "      - mark0\n", "      - (mark0\n"), 7),
        2 => (RULES, broken(rules(banned), "id: marks", "id: [marks"), 2),
        3 => (TEMPLATE, broken(template(edition), "temperature: 0.7", "temperature: 70"), 6),
        4 => (TEMPLATE, broken(template(edition), "product.name }}\"", "product.name\""), 13),
        _ => (RULES, broken(rules(banned), "id: marks", "id: remarks"), 1),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_edits_under_load() {
    let edits = edits();
    let (words, history) = (Arc::new(AtomicUsize::new(1)), Arc::new(History::default()));
    let upstream = upstream(&words).await;
    let app = start(&upstream, &[]).await;
    let folder = app.folder.path().to_owned();
    let (mut banned, mut edition, mut refusals, mut mixed) = (1, 0, 0, 0);
    history.add(&app.app().shared.desk.pin().revision, banned, edition);
    let over = Arc::new(AtomicBool::new(false));
    let callers = callers(&app, &history, &over);
    let look = async || app.look().await;
    for number in 1..=edits {
        let hand = HANDS[number / 3 % HANDS.len()];
        let before = app.app().shared.desk.pin();
        let (good_rules, good_copy) = (number % 3 != 0, number % 4 == 0);
        let fault = (number % 3 == 0 || number % 5 == 0).then(|| bad(number / 3, banned + 1, edition + 1));
        let bad_file = fault.as_ref().map(|(file, ..)| *file);
        let (rules_go, copy_goes) =
            (good_rules && bad_file != Some(RULES), good_copy && bad_file != Some(TEMPLATE));
        if rules_go {
            words.store(banned + 1, Ordering::SeqCst);
            write(&folder, RULES, &rules(banned + 1), hand, number, look).await;
        }
        if copy_goes {
            write(&folder, TEMPLATE, &template(edition + 1), hand, number, look).await;
        }
        if let Some((file, text, _)) = &fault {
            write(&folder, file, text, hand, number, look).await;
        }
        // Whoever looked while the edit was being made may have taken its first file already. All that can be in force while
        // the service looks is known before it does.
        let mut after = (banned, edition);
        if rules_go {
            after.0 += 1;
        }
        if copy_goes {
            after.1 += 1;
        }
        let sources = Sources::read(app.app().shared.desk.settings());
        let (file_rules, file_copy) =
            (sources.guardrails.clone().unwrap().unwrap(), sources.copy.clone().unwrap().unwrap());
        let hash_of = |files: &BTreeMap<String, String>| {
            Revision::of(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
        };
        app.app().shared.look_at_files(sources).await;
        let now = app.app().shared.desk.pin();
        // The rules come into force first, so for a moment they stand over the copy from before.
        if rules_go && copy_goes {
            history.add(&Revision::joined([now.guardrails.hash(), &before.copy.revision]), after.0, edition);
            mixed += 1;
        }
        if now.revision != before.revision {
            history.add(&now.revision, after.0, after.1);
        }
        assert_eq!(now.copy.revision == hash_of(&file_copy), bad_file != Some(TEMPLATE), "edit {number}");
        assert_eq!(
            now.guardrails.hash() != before.guardrails.hash(),
            rules_go,
            "edit {number}: {file_rules:#?}"
        );
        (banned, edition) = after;
        let policy = app.get("/v1/policy", "compliance").await.body;
        let refused = policy["refused"].as_array().unwrap();
        if let Some((file, _, line)) = &fault {
            let says =
                |told: &Value| told["file"].as_str().unwrap().ends_with(file) && told["line"] == json!(line);
            assert!(refused.iter().any(says), "edit {number}: {file}:{line} is not in {refused:#?}");
            refusals += 1;
            // Put back, as whoever sees that would.
            let (text, hand) = match *file {
                RULES => (rules(banned), Hand::Renames),
                _ => (template(edition), Hand::Renames),
            };
            write(&folder, file, &text, hand, number, look).await;
            app.look().await;
            assert_eq!(app.app().shared.desk.pin().revision, now.revision, "edit {number}");
        } else {
            assert_eq!(refused, &[] as &[Value], "edit {number}");
        }
    }
    over.store(true, Ordering::SeqCst);
    let sources = judged(callers, &history).await;
    eprintln!(
        "{edits} edits, {refusals} refused, {mixed} of both sets: {sources:?}, {} texts written",
        upstream.calls()
    );
    for source in ["generated", "cache", "prewritten"] {
        assert!(sources.get(source).is_some_and(|n| *n > 0), "{sources:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_that_the_service_finds_by_itself_under_load() {
    let (words, history) = (Arc::new(AtomicUsize::new(1)), Arc::new(History::default()));
    let upstream = upstream(&words).await;
    let app = start(&upstream, &[("COPYRAIL__POLICY__RELOAD", "1s")]).await;
    let folder = app.folder.path().to_owned();
    let since = |app: &TestApp| app.app().shared.desk.pin();
    history.add(&since(&app).revision, 1, 0);
    let over = Arc::new(AtomicBool::new(false));
    let callers = callers(&app, &history, &over);
    let mut slowest = Duration::ZERO;
    for (number, hand) in (1..).zip(HANDS) {
        let before = since(&app).revision.clone();
        words.store(number + 1, Ordering::SeqCst);
        // What comes into force is known by its files before anybody can be served under it.
        let mut files = Sources::read(app.app().shared.desk.settings()).guardrails.unwrap().unwrap();
        let path = files.keys().find(|path| path.ends_with("marks.yml")).unwrap().clone();
        files.insert(path, rules(number + 1));
        let timezone = &app.app().shared.desk.settings().timezone;
        let next = copyrail::guardrail::load(&files, timezone).0.unwrap();
        let next = Revision::joined([next.hash(), &since(&app).copy.revision]);
        history.known.lock().unwrap().entry(next.to_string()).or_default().push(Holds {
            number: number + 1,
            banned: number + 1,
            edition: 0,
        });
        write(&folder, RULES, &rules(number + 1), hand, number, async || {}).await;
        let written = Instant::now();
        eventually("the edit is in force", async || {
            let policy = app.get("/v1/policy", "compliance").await.body;
            policy["revision"] == json!(next.to_string())
        })
        .await;
        slowest = slowest.max(written.elapsed());
        // Whoever asks from now on is answered by it.
        history.landed.store(number + 1, Ordering::SeqCst);
        assert_ne!(before, next);
    }
    over.store(true, Ordering::SeqCst);
    let sources = judged(callers, &history).await;
    eprintln!("in force after {slowest:?} at most: {sources:?}");
}
