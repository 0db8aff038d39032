//! What a proposed set of rules would change against the one in force: every text of the log, or of a file, judged by both at
//! the same instant and on the same ground.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use rayon::prelude::*;
use tokio::time::Instant;

use super::ground::{Origin, Products, Text};
use super::opinions::KeptOpinions;
use super::report::{Change, Found, Gathered, LeftOut, Report};
use crate::audit::index::Pace;
use crate::audit::texts::{self, Judged, OwnText, Pages, Shown, Tally};
use crate::audit::{GenerationPayload, GenerationRecord};
use crate::guardrail::{self, Action, Difference, Finding, Guardrails, Judgement, Kind, Level};
use crate::policy::Copy;
use crate::stops::{Register, Stops};
use crate::store::{Store, StoreError, stops};

/// How many texts are read and judged together.
const TOGETHER: u32 = 2_000;
/// Of how many texts it is remembered what was found, so that the same is judged once.
const MOST_KNOWN: usize = 500_000;

/// What is looked at, and how.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The instant at which texts are judged.
    pub at: Timestamp,
    /// From when on.
    pub since: Timestamp,
    /// The most generations, the newest first; all without it.
    pub limit: Option<u64>,
    /// When to stop, with what there is then.
    pub until: Option<Instant>,
    /// How many examples of each change for each rule.
    pub examples: usize,
    /// Whether all processors may be taken: not beside pages that are being answered.
    pub pace: Pace,
}

/// Two sets of rules, and what is found of the texts that they are held against.
pub struct Backtest {
    sides: Arc<Sides>,
    pace: Pace,
    known: HashMap<[u8; 32], Option<Arc<Found>>>,
    distinct: u64,
    gathered: Gathered,
    report: Report,
}

/// What texts are judged by.
pub(super) struct Sides {
    pub(super) before: Arc<Guardrails>,
    pub(super) after: Arc<Guardrails>,
    /// What of them is to be run on a text before it is judged by both.
    pub(super) difference: Difference,
    pub(super) copy: Option<Arc<Copy>>,
    pub(super) opinions: KeptOpinions,
    pub(super) stops: Stops,
    pub(super) at: Timestamp,
}

impl Backtest {
    /// Nothing is judged yet. `copy` says the placements' own limits.
    pub fn new(
        before: Arc<Guardrails>,
        after: Arc<Guardrails>,
        copy: Option<Arc<Copy>>,
        opinions: KeptOpinions,
        plan: &Plan,
    ) -> Self {
        let report = Report {
            at: plan.at,
            since: None,
            before: before.hash().to_string(),
            after: after.hash().to_string(),
            generations: 0,
            prewritten: 0,
            given: 0,
            distinct: 0,
            without_facts: 0,
            left_out: LeftOut::default(),
            serves: 0,
            complete: true,
            back_to: None,
            changes: Default::default(),
            rules: Vec::new(),
        };
        let difference = Difference::of(&before, &after, plan.at);
        let stops = Stops::default();
        Self {
            sides: Arc::new(Sides { before, after, difference, copy, opinions, stops, at: plan.at }),
            pace: plan.pace,
            known: HashMap::new(),
            distinct: 0,
            gathered: Gathered::new(plan.examples),
            report,
        }
    }

    /// Under these stops, which hold over any rules: what they ban is used on neither side. Before anything is judged.
    #[must_use]
    pub fn under(mut self, stops: Stops) -> Self {
        if let Some(sides) = Arc::get_mut(&mut self.sides) {
            sides.stops = stops;
        }
        self
    }

    /// Judges texts, beside whatever else the process does.
    pub async fn judge(&mut self, texts: Vec<Text>) -> Result<(), StoreError> {
        let (sides, pace) = (Arc::clone(&self.sides), self.pace);
        // The same text on the same ground is judged once: first those that nothing is known of.
        let hash = tokio::task::spawn_blocking(move || {
            let hashes = match pace {
                Pace::Alone => texts.par_iter().map(Text::hash).collect::<Vec<_>>(),
                Pace::Beside => texts.iter().map(Text::hash).collect(),
            };
            (texts, hashes)
        });
        let (texts, hashes) = hash.await.map_err(ended)?;
        let mut new = HashSet::new();
        let first: Vec<bool> =
            hashes.iter().map(|hash| !self.known.contains_key(hash) && new.insert(*hash)).collect();
        self.distinct += new.len() as u64;
        let judge = tokio::task::spawn_blocking(move || {
            let found = |(text, first): (&Text, &bool)| first.then(|| sides.compare(text).map(Arc::new));
            let found = match pace {
                Pace::Alone => texts.par_iter().zip(&first).map(found).collect::<Vec<_>>(),
                Pace::Beside => texts.iter().zip(&first).map(found).collect(),
            };
            (texts, found)
        });
        let (texts, found) = judge.await.map_err(ended)?;
        if self.known.len() > MOST_KNOWN {
            self.known.clear();
        }
        for (hash, found) in hashes.iter().zip(found) {
            if let Some(found) = found {
                self.known.insert(*hash, found);
            }
        }
        for (text, hash) in texts.iter().zip(&hashes) {
            match text.origin {
                Origin::Generation(_) => self.report.generations += 1,
                Origin::Own(_) => self.report.prewritten += 1,
                Origin::Given(_) => self.report.given += 1,
            }
            self.report.without_facts += u64::from(!text.facts_known);
            if let Some(Some(found)) = self.known.get(hash) {
                self.gathered.add(text, found, |rule| self.sides.owner(rule));
            }
        }
        Ok(())
    }

    /// What was found.
    pub fn report(self) -> Report {
        let (changes, rules) = self.gathered.told(self.report.serves);
        Report { changes, rules, distinct: self.distinct, ..self.report }
    }
}

pub(super) fn ended(error: tokio::task::JoinError) -> StoreError {
    StoreError::Corrupt(format!("judging ended early: {error}"))
}

impl Sides {
    fn owner(&self, rule: &str) -> Option<String> {
        let mut rules = self.after.rules().iter().chain(self.before.rules());
        rules.find(|known| known.id() == rule)?.owner().map(str::to_owned)
    }

    /// What would become of a text; `None` when nothing changes. Most texts nothing touches that differs between the sets:
    /// those are not judged.
    fn compare(&self, text: &Text) -> Option<Found> {
        if text.is_the_same_to(&self.difference, self.at, &self.opinions) {
            return None;
        }
        self.compare_whole(text)
    }

    /// What would become of a text, judged by both sets whole.
    pub(super) fn compare_whole(&self, text: &Text) -> Option<Found> {
        let approve =
            |rules| text.approve(rules, self.stops.bans(), self.copy.as_deref(), self.at, &self.opinions);
        let (before, after) = (approve(&self.before), approve(&self.after));
        let waited = matches!(&before, Err(judgement) if judgement.wants_answers());
        // Where an answer that was gone by is not kept any more, what the log says counts.
        let used = if waited { text.used } else { before.is_ok() };
        let found = |change, judgement: &Judgement, causes| Found {
            change,
            text: judgement.fixed.clone().unwrap_or_else(|| text.text.clone()),
            causes,
            instead: None,
        };
        match (before, after) {
            (Err(before), Err(after)) if after.wants_answers() => {
                let asked = |judgement: &Judgement| {
                    let unanswered = judgement.findings.iter().filter(|finding| finding.unanswered);
                    unanswered.map(|finding| finding.rule.clone()).collect::<HashSet<_>>()
                };
                let known = if waited { asked(&before) } else { HashSet::new() };
                let new = unanswered(&after).into_iter().filter(|cause| !known.contains(&cause.rule));
                let new: Vec<Finding> = new.collect();
                (!new.is_empty()).then(|| found(Change::WouldBeAsked, &after, new))
            }
            (Ok(_), Err(after)) if after.wants_answers() => {
                Some(found(Change::WouldBeAsked, &after, unanswered(&after)))
            }
            (_, Err(after)) if used => Some(found(Change::NewlyBlocked, &after, causes(&after))),
            (_, Err(_)) => None,
            (Err(before), Ok(_)) if !used => {
                let causes = if waited { unanswered(&before) } else { causes(&before) };
                Some(found(Change::NewlyPassed, &before, causes))
            }
            (Err(_), Ok(_)) => None,
            (Ok(before), Ok(after)) if before.text() == after.text() => None,
            (Ok(_), Ok(after)) => Some(Found {
                change: Change::Changed,
                text: text.text.clone(),
                causes: self.corrections(text),
                instead: Some(after.text().to_owned()),
            }),
        }
    }

    /// The corrections that one set makes in a text and the other does not, one for each rule.
    fn corrections(&self, text: &Text) -> Vec<Finding> {
        let corrections = |rules: &Guardrails| -> Vec<Finding> {
            let judgement = guardrail::judge(rules, &text.subject(self.at, &self.opinions));
            let fixes = judgement.findings.into_iter().filter(|f| !f.shadow && f.action == Action::Fix);
            fixes.collect()
        };
        let (before, after) = (corrections(&self.before), corrections(&self.after));
        let lacks = |others: &[Finding], finding: &Finding| {
            !others.iter().any(|other| {
                (&other.rule, other.start, other.end) == (&finding.rule, finding.start, finding.end)
            })
        };
        let one_sided =
            before.iter().filter(|f| lacks(&after, f)).chain(after.iter().filter(|f| lacks(&before, f)));
        // Where both find the same, they write something else in its place.
        let all: Vec<Finding> = one_sided.cloned().collect();
        one_each(if all.is_empty() { after } else { all })
    }
}

/// The findings that keep a text from being used, one for each rule.
fn causes(judgement: &Judgement) -> Vec<Finding> {
    let of = |least: Action| {
        let findings = judgement.findings.iter().filter(|f| !f.shadow && !f.unanswered && f.action >= least);
        one_each(findings.cloned().collect())
    };
    let mut causes = of(Action::Repair);
    if causes.is_empty() {
        // What its corrections leave would have to be corrected again.
        causes = of(Action::Fix);
    }
    if causes.is_empty() {
        causes.push(Finding {
            rule: "placement.limits".into(),
            kind: Kind::Limit,
            level: Level::Warning,
            action: Action::Repair,
            family: None,
            start: 0,
            end: 0,
            matched: String::new(),
            message: "As corrected, the text is longer than the placement takes.".into(),
            evidence: None,
            shadow: false,
            unanswered: false,
            waived: false,
        });
    }
    causes
}

/// The findings that wait for a second model.
fn unanswered(judgement: &Judgement) -> Vec<Finding> {
    one_each(judgement.findings.iter().filter(|finding| finding.unanswered).cloned().collect())
}

fn one_each(mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut seen = HashSet::new();
    findings.retain(|finding| seen.insert(finding.rule.clone()));
    findings
}

/// What `after` would change against `before`, over every generation that ended since, or was shown since, and every text of
/// people's own that was shown since. `progress` hears how many texts are judged, of how many.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn backtest(
    store: &Store,
    copy: Arc<Copy>,
    rules: (Arc<Guardrails>, Arc<Guardrails>),
    opinions: KeptOpinions,
    plan: &Plan,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Report, StoreError> {
    let in_time = || plan.until.is_none_or(|until| Instant::now() < until);
    let (before, after) = rules;
    let stops = Stops::of(Register::read(&stops::read(store).await?)?, 0);
    let (of, by) = (Arc::clone(&copy), *plan);
    let made = move || Backtest::new(before, after, Some(of), opinions, &by).under(stops);
    let mut test = tokio::task::spawn_blocking(made).await.map_err(ended)?;
    test.report.since = Some(plan.since);
    let mut pages = Pages::since(store, plan.since).await?;
    progress(0, pages.all);
    let mut shown = Shown::since(store, plan.since, plan.pace, |_| in_time()).await?;
    test.report.serves = shown.serves;
    test.report.left_out.serves = shown.not_told_apart;
    let all = pages.all + shown.texts.len() as u64;
    let most = plan.limit.unwrap_or(u64::MAX);
    let products = Products::new(store.clone(), copy);
    let mut reading =
        Reading { store, products: &products, pace: plan.pace, left_out: LeftOut::default(), read: 0 };
    let mut next = Page { more: true, ..Page::default() };
    while next.more {
        test.report.back_to = next.back_to.or(test.report.back_to);
        let texts = std::mem::take(&mut next.texts);
        let wanted = if in_time() { most - reading.read } else { 0 };
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX).min(TOGETHER);
        // The next are read while these are judged.
        let read = async {
            if wanted == 0 {
                return Ok(Page::default());
            }
            let page = pages.next(store, wanted).await?;
            reading.page(page, &mut shown).await
        };
        let (read, judged) = tokio::join!(read, test.judge(texts));
        judged?;
        next = read?;
        progress(test.report.generations, all);
    }
    test.report.complete = in_time() && pages.next(store, 1).await?.is_empty();
    if test.report.complete {
        // What was written before and is still shown.
        let older: Vec<_> = shown.generations.keys().copied().collect();
        for ids in older.chunks(TOGETHER as usize) {
            if !in_time() {
                test.report.complete = false;
                break;
            }
            let page = reading.page(texts::with_ids(store, ids).await?, &mut shown).await?;
            test.judge(page.texts).await?;
            progress(test.report.generations, all.max(test.report.generations));
        }
    }
    let own: Vec<(OwnText, Tally)> = std::mem::take(&mut shown.texts).into_iter().collect();
    for own in own.chunks(TOGETHER as usize) {
        if !in_time() {
            test.report.complete = false;
            break;
        }
        let texts = reading.own(own).await?;
        test.judge(texts).await?;
        progress(test.report.generations + test.report.prewritten, all);
    }
    let LeftOut { without_text, unreadable, serves } = reading.left_out;
    let serves = serves + test.report.left_out.serves;
    test.report.left_out = LeftOut { without_text, unreadable, serves };
    Ok(test.report())
}

/// Texts read from the log, with their facts.
struct Reading<'r> {
    store: &'r Store,
    products: &'r Products,
    pace: Pace,
    left_out: LeftOut,
    read: u64,
}

/// A page of generations.
#[derive(Default)]
struct Page {
    texts: Vec<Text>,
    /// Whether there were any generations.
    more: bool,
    /// When the last of them ended.
    back_to: Option<Timestamp>,
}

type Whole = (GenerationRecord, Option<GenerationPayload>);

impl Reading<'_> {
    /// Reads a page of generations; what was shown of them is taken from `shown`.
    async fn page(&mut self, page: Vec<Judged>, shown: &mut Shown) -> Result<Page, StoreError> {
        let all = page.len();
        self.read += all as u64;
        let pace = self.pace;
        let read = move || -> Vec<Whole> {
            match pace {
                Pace::Alone => page.into_par_iter().filter_map(|one| one.read().ok()).collect(),
                Pace::Beside => page.into_iter().filter_map(|one| one.read().ok()).collect(),
            }
        };
        let read = tokio::task::spawn_blocking(read).await.map_err(ended)?;
        self.left_out.unreadable += (all - read.len()) as u64;
        let back_to = read.iter().map(|(record, _)| record.finished).min();
        let ids = read.iter().filter_map(|(record, _)| record.product.clone()).collect();
        let facts = self.products.of(ids).await?;
        let mut texts = Vec::with_capacity(read.len());
        for (record, payload) in read {
            let tally = shown.generations.remove(&record.id);
            let facts = record.product.as_ref().and_then(|id| facts.get(id)).cloned();
            let text = payload
                .and_then(|payload| Text::of_generation(&record, payload, facts, self.products.copy()));
            match text {
                Some(text) => {
                    texts.push(Text { serves: tally.map_or(0, |tally| tally.serves), ..text });
                }
                None => self.left_out.without_text += 1,
            }
        }
        Ok(Page { texts, more: all > 0, back_to })
    }

    /// Reads texts of people's own.
    async fn own(&mut self, own: &[(OwnText, Tally)]) -> Result<Vec<Text>, StoreError> {
        let hashes: HashSet<&String> = own.iter().map(|(own, _)| &own.hash).collect();
        let hashes: Vec<String> = hashes.into_iter().cloned().collect();
        let texts = texts::own_texts(self.store, &hashes).await?;
        let facts = self.products.of(own.iter().filter_map(|(own, _)| own.product.clone()).collect()).await?;
        let mut read = Vec::with_capacity(own.len());
        for (own, tally) in own {
            let facts = own.product.as_ref().and_then(|id| facts.get(id)).cloned();
            match texts.get(&own.hash) {
                Some(text) => {
                    let at = Some(tally.last);
                    read.push(Text { serves: tally.serves, at, ..Text::of_people(own, text.clone(), facts) });
                }
                None => self.left_out.without_text += 1,
            }
        }
        Ok(read)
    }
}
