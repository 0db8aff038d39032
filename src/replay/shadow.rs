//! What rules in shadow would have done with live traffic: as the log tells it, and as one process counted it since its start.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::backtest::ended;
use super::kept::{KeptError, KeptSets};
use super::report::{Count, around};
use crate::audit::index::Pace;
use crate::audit::texts::{self, Pages, Shown};
use crate::audit::{GenerationPayload, GenerationRecord, VerdictMode};
use crate::guardrail::{Action, Enforcement, Finding, Guardrails};
use crate::store::{Store, StoreError};

/// How many generations are read together.
const TOGETHER: u32 = 2_000;
/// The most rules that are counted apart.
const MOST_RULES: usize = 1_000;
/// The most sets of rules that are read: a set that is read costs as much as an edit.
const MOST_SETS: usize = 100;

/// What a rule in shadow would have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowCounts {
    /// Generations that were judged while it was in shadow.
    pub judged: u64,
    /// Those that it would have blocked.
    pub would_block: u64,
    /// Those that it would have sent back.
    pub would_send_back: u64,
    /// Those that it would have corrected.
    pub would_correct: u64,
    /// Those that it would have noted something of, nothing else.
    pub would_note: u64,
}

impl ShadowCounts {
    fn add(&mut self, action: Action) {
        match action {
            Action::Block => self.would_block += 1,
            Action::Repair => self.would_send_back += 1,
            Action::Fix => self.would_correct += 1,
            Action::Note => self.would_note += 1,
        }
    }
}

/// What rules in shadow would have done since a process began.
#[derive(Debug)]
pub struct Shadows {
    since: Timestamp,
    rules: Mutex<BTreeMap<String, ShadowCounts>>,
}

/// The same, told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShadowsTold {
    /// Since when.
    pub since: Timestamp,
    /// Each rule's counts.
    pub rules: BTreeMap<String, ShadowCounts>,
}

impl Shadows {
    /// Nothing is counted yet.
    pub fn new(since: Timestamp) -> Self {
        Self { since, rules: Mutex::default() }
    }

    /// A generation was judged, and this is what was found in it: each rule counts by the strictest of its findings.
    pub fn judged(
        &self,
        guardrails: &Guardrails,
        at: Timestamp,
        placement: &str,
        locale: &str,
        findings: &[Finding],
    ) {
        let in_shadow = in_shadow(guardrails, at, placement, locale);
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        for rule in in_shadow {
            if rules.len() >= MOST_RULES && !rules.contains_key(rule) {
                continue;
            }
            let counts = rules.entry(rule.to_owned()).or_default();
            counts.judged += 1;
            let of_it = findings.iter().filter(|finding| finding.shadow && finding.rule == rule);
            if let Some(action) = of_it.map(|finding| finding.action).max() {
                counts.add(action);
            }
        }
    }

    /// A second model's answer made a rule in shadow find something in a generation.
    pub fn heard(&self, rule: &str, action: Action) {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = rules.get_mut(rule) {
            counts.add(action);
        }
    }

    /// What was counted so far.
    pub fn told(&self) -> ShadowsTold {
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ShadowsTold { since: self.since, rules }
    }
}

/// The rules that are in shadow for such copy at an instant.
fn in_shadow<'g>(
    guardrails: &'g Guardrails,
    at: Timestamp,
    placement: &str,
    locale: &str,
) -> impl Iterator<Item = &'g str> {
    let rules = guardrails.rules().iter().filter(move |rule| {
        let standing = rule.standing(at, placement, Some(locale));
        standing.is_some_and(|standing| standing.mode == Enforcement::Shadow)
    });
    rules.map(|rule| rule.id()).collect::<Vec<_>>().into_iter()
}

/// What rules in shadow would have done in a time, as the log tells it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShadowReport {
    /// From when on.
    pub since: Timestamp,
    /// How many generations were judged in that time.
    pub generations: u64,
    /// How many serves there were.
    pub serves: u64,
    /// Generations under rules that are not kept, or that this version cannot read: which of those were in shadow is not known.
    pub unknown: u64,
    /// Entries that cannot be read; `copyrail audit verify` says what is wrong.
    pub unreadable: u64,
    /// Each rule that was in shadow.
    pub rules: Vec<ShadowRule>,
}

/// What one rule in shadow would have done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShadowRule {
    /// Its name.
    pub rule: String,
    /// Whom to ask about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The first generation in this time that was judged while it was in shadow.
    pub first: Timestamp,
    /// The last one.
    pub last: Timestamp,
    /// Generations that were judged while it was in shadow, and their serves.
    pub judged: Count,
    /// Those that passed, and that it would have blocked.
    pub would_block: Count,
    /// Those that passed, and that it would have sent back.
    pub would_send_back: Count,
    /// Those that passed, and that it would have corrected.
    pub would_correct: Count,
    /// Those that passed, and of which it would have noted something.
    pub would_note: Count,
    /// Those in which it found something, and that did not pass without it.
    pub blocked_anyway: Count,
    /// Some of what it found in those that passed, what was shown most often first.
    pub examples: Vec<ShadowExample>,
}

/// What a rule in shadow found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowExample {
    /// What would have followed.
    pub action: Action,
    /// The generation.
    pub generation: Uuid,
    /// When it ended.
    pub at: Timestamp,
    /// The placement.
    pub placement: String,
    /// The product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// How often its text was shown.
    pub serves: u64,
    /// What it found in the text, with some of the text around it.
    pub text: String,
    /// Where the finding begins in that, in characters.
    pub start: usize,
    /// The first character after it.
    pub end: usize,
    /// What the rule says of it.
    pub message: String,
}

/// One rule's finding in a generation, as its record tells.
#[derive(Deserialize)]
struct Told {
    rule: String,
    action: Action,
    #[serde(default)]
    shadow: bool,
}

/// Counts what the rules that were in shadow since then would have done. `progress` hears how many generations are read, of
/// how many.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn shadow(
    store: &Store,
    kept: &KeptSets<'_>,
    since: Timestamp,
    examples: usize,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<ShadowReport, KeptError> {
    let mut pages = Pages::since(store, since).await?;
    let shown = Shown::since(store, since, Pace::Alone, |_| true).await?;
    let mut gathering = Gathering { kept, sets: HashMap::new(), rules: BTreeMap::new(), examples };
    let mut report = ShadowReport { since, serves: shown.serves, ..ShadowReport::default() };
    let verdicts = verdicts(store, since).await?;
    loop {
        let page = pages.next(store, TOGETHER).await?;
        if page.is_empty() {
            break;
        }
        let all = page.len() as u64;
        let read = move || -> Vec<_> { page.into_par_iter().filter_map(|one| one.read().ok()).collect() };
        let read: Vec<(GenerationRecord, Option<GenerationPayload>)> =
            tokio::task::spawn_blocking(read).await.map_err(ended)?;
        report.generations += read.len() as u64;
        report.unreadable += all - read.len() as u64;
        for (record, payload) in read {
            let Some(set) = gathering.set(&record.guardrails).await? else {
                report.unknown += 1;
                continue;
            };
            let serves = shown.generations.get(&record.id).map_or(0, |tally| tally.serves);
            let heard = verdicts.get(&record.id).map(Vec::as_slice).unwrap_or_default();
            gathering.add(&set, &record, payload.as_ref(), heard, serves);
        }
        progress(report.generations, pages.all);
    }
    report.rules = gathering.rules.into_values().collect();
    for rule in &mut report.rules {
        let ShadowRule {
            judged,
            would_block,
            would_send_back,
            would_correct,
            would_note,
            blocked_anyway,
            ..
        } = rule;
        for count in [judged, would_block, would_send_back, would_correct, would_note, blocked_anyway] {
            count.share_of(report.serves);
        }
    }
    Ok(report)
}

/// By generation, the rules in shadow that a second model's answer made find something.
async fn verdicts(store: &Store, since: Timestamp) -> Result<HashMap<Uuid, Vec<String>>, StoreError> {
    let mut found: HashMap<Uuid, Vec<String>> = HashMap::new();
    let mut after = 0;
    while let Some((page, last)) = texts::verdicts(store, after, since, TOGETHER).await? {
        after = last;
        for verdict in page {
            let failed = verdict
                .rules
                .into_iter()
                .filter(|rule| rule.mode == VerdictMode::Shadow && rule.passed == Some(false));
            found.entry(verdict.generation_id).or_default().extend(failed.map(|rule| rule.rule));
        }
    }
    Ok(found)
}

struct Gathering<'k> {
    kept: &'k KeptSets<'k>,
    /// Sets of rules by their hash; `None` of those that cannot be read.
    sets: HashMap<String, Option<Arc<Guardrails>>>,
    rules: BTreeMap<String, ShadowRule>,
    examples: usize,
}

impl Gathering<'_> {
    /// The rules that judged a generation.
    async fn set(&mut self, hash: &str) -> Result<Option<Arc<Guardrails>>, StoreError> {
        if let Some(known) = self.sets.get(hash) {
            return Ok(known.clone());
        }
        if self.sets.len() >= MOST_SETS {
            return Ok(None);
        }
        let read = match self.kept.guardrails_of(hash).await {
            Ok(read) => Some(Arc::new(read)),
            Err(KeptError::Store(error)) => return Err(error),
            Err(_) => None,
        };
        self.sets.insert(hash.to_owned(), read.clone());
        Ok(read)
    }

    fn add(
        &mut self,
        set: &Guardrails,
        record: &GenerationRecord,
        payload: Option<&GenerationPayload>,
        heard: &[String],
        serves: u64,
    ) {
        let findings: Vec<Option<Told>> = record
            .findings
            .as_array()
            .map(|all| all.iter().map(|one| Told::deserialize(one).ok()).collect())
            .unwrap_or_default();
        let passed = record.outcome == crate::audit::Outcome::Passed;
        for rule in in_shadow(set, record.finished, record.placement.as_str(), &record.locale) {
            if self.rules.len() >= MOST_RULES && !self.rules.contains_key(rule) {
                continue;
            }
            let told = self.rules.entry(rule.to_owned()).or_insert_with(|| ShadowRule {
                rule: rule.to_owned(),
                owner: set.rules().iter().find(|r| r.id() == rule).and_then(|r| r.owner()).map(str::to_owned),
                first: record.finished,
                last: record.finished,
                ..ShadowRule::default()
            });
            told.first = told.first.min(record.finished);
            told.last = told.last.max(record.finished);
            told.judged.add(serves);
            let of_it = findings.iter().enumerate().filter_map(|(place, finding)| {
                let finding = finding.as_ref()?;
                (finding.shadow && finding.rule == rule).then_some((finding.action, Some(place)))
            });
            let second = heard.iter().any(|name| name == rule).then(|| {
                let action =
                    set.rules().iter().find(|r| r.id() == rule).map_or(Action::Note, |r| r.on_match());
                (action, None)
            });
            let Some((action, place)) = of_it.chain(second).max_by_key(|(action, _)| *action) else {
                continue;
            };
            if !passed {
                told.blocked_anyway.add(serves);
                continue;
            }
            match action {
                Action::Block => told.would_block.add(serves),
                Action::Repair => told.would_send_back.add(serves),
                Action::Fix => told.would_correct.add(serves),
                Action::Note => told.would_note.add(serves),
            }
            let least = told.examples.iter().map(|example| example.serves).min();
            if told.examples.len() >= self.examples && least.is_none_or(|least| least >= serves) {
                continue;
            }
            if let Some(payload) = payload {
                told.examples.push(example(record, payload, action, place, serves));
                told.examples.sort_by_key(|example| std::cmp::Reverse(example.serves));
                told.examples.truncate(self.examples);
            }
        }
    }
}

/// What was found, in the text that it was found in as far as that is there.
fn example(
    record: &GenerationRecord,
    payload: &GenerationPayload,
    action: Action,
    place: Option<usize>,
    serves: u64,
) -> ShadowExample {
    let beside = place.and_then(|place| payload.matches.get(place));
    let said =
        |name: &str| beside.and_then(|beside| beside.get(name)).and_then(Value::as_str).unwrap_or_default();
    let (matched, whole) = (said("match"), payload.text.as_deref().unwrap_or_default());
    let (text, start, end) = match whole.find(matched).filter(|_| !matched.is_empty()) {
        Some(at) => {
            let start = whole.get(..at).map_or(0, |before| before.chars().count());
            around(whole, start, start + matched.chars().count())
        }
        None if matched.is_empty() => around(whole, 0, 0),
        None => (matched.to_owned(), 0, matched.chars().count()),
    };
    ShadowExample {
        action,
        generation: record.id,
        at: record.finished,
        placement: record.placement.to_string(),
        product: record.product.clone(),
        serves,
        text,
        start,
        end,
        message: said("message").to_owned(),
    }
}
