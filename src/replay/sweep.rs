//! What could be served now: every text that the log holds and that has not run out, every answer that is repeated, and all that
//! people wrote, for every product; judged by the policy and under the stops that the services have in force.
//!
//! A text is held back only where that is certain. What was judged without all that a request would bring, and might pass with
//! it, counts as what could be served.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::ground::{Facts, Origin, Products, Text};
use super::kept::{KeptError, KeptSets};
use super::opinions::KeptOpinions;
use super::report::around;
use crate::audit::index::Pace;
use crate::audit::texts::{self, Judged, Shown, Tally};
use crate::audit::{Decision, GenerationPayload, GenerationRecord};
use crate::catalogue;
use crate::config::{PolicySettings, Provider};
use crate::guardrail::{Action, Ban, Banned, Bans, Finding, Guardrails, Judgement};
use crate::policy::Copy;
use crate::prompt::Chosen;
use crate::stops::{About, Register, Stops};
use crate::store::desk::{self, NodeRow};
use crate::store::{Store, StoreError, idempotency, stops};
use crate::words::{DEFAULT_SEGMENT, LONGEST_KEPT, Locale};

/// How many texts are read and judged together.
const TOGETHER: u32 = 2_000;
/// How many products' pre-written copy is judged together.
const PRODUCTS: u32 = 200;
/// For how long a service may not have been seen for something to be proven of it.
const UNSEEN: SignedDuration = SignedDuration::from_secs(60);
/// How far before the longest time that an answer may be kept serves are looked through: clocks differ.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);
/// The most hits that are told of one by one.
const MOST_HITS: usize = 1_000;

/// A service, and whether anything is proven of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub node: String,
    /// The policy that it has in force.
    pub revision: String,
    /// Since when.
    pub since: Timestamp,
    /// Whether it has taken every stop.
    pub stops_taken: bool,
    /// When it said so last.
    pub seen: Timestamp,
    /// Why nothing is proven of it; `None` where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproven: Option<String>,
}

/// Where a text that could be served comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A generation that passed; nodes have it in memory, or find it in the log.
    Generated,
    /// A generation that was blocked, whose text other rules may pass.
    Blocked,
    /// An answer that is given again to whoever sends the same `idempotency-key`.
    Repeated,
    /// A template's pre-written copy, for one product.
    Prewritten,
    /// A placement's last-resort copy.
    LastResort,
    /// The shop's own.
    Shop,
}

/// How a text stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "standing", content = "by")]
pub enum Standing {
    /// It could be served now.
    Served,
    /// It could be, once a person or a second model has approved of it.
    Awaits(String),
    /// It cannot: the stop, rule, review or purge that holds it back.
    Held(String),
}

/// A text that holds the phrase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// Where it comes from.
    pub kind: Kind,
    /// How it stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// The generation that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Uuid>,
    /// The template whose copy it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The placement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// The product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The locale of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The text around the phrase.
    pub text: String,
    /// Where the phrase begins in that, in characters.
    pub start: usize,
    /// The first character after it.
    pub end: usize,
    /// The last serve of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_serve: Option<LastServe>,
    #[serde(skip)]
    hash: String,
}

/// The last time that a text was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastServe {
    /// When.
    pub at: Timestamp,
    /// The serve.
    pub id: Uuid,
}

/// How many texts there are of one kind, and how they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standings {
    /// All.
    pub texts: u64,
    /// Those that could be served now.
    pub served: u64,
    /// Those that await somebody.
    pub awaits: u64,
    /// Those that are held back.
    pub held: u64,
}

/// What could be served at an instant, and what of it is proven.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SweepReport {
    /// When it was made.
    pub now: Timestamp,
    /// The instant at which texts were judged.
    pub at: Timestamp,
    /// The phrase that was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phrase: Option<String>,
    /// Whether all is proven, and nothing that holds the phrase could be served.
    pub ok: bool,
    /// The services on this store.
    pub nodes: Vec<Node>,
    /// How many texts of each kind.
    pub texts: BTreeMap<Kind, Standings>,
    /// What holds texts back, and how many: a stop or a rule by its name, `review`, `purge`, `rejection`, `template`.
    pub held_by: BTreeMap<String, u64>,
    /// Texts with the phrase that could be served, at once or once somebody approves of them.
    pub hits_served: u64,
    /// Texts with the phrase that are held back.
    pub hits_held: u64,
    /// Texts with the phrase, those that could be served first.
    pub hits: Vec<Hit>,
    /// When the last copy of a text with the phrase runs out that a caller or an edge may have kept, or of one that was erased
    /// since and may have held it; `None` where none was shown that late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
    /// Texts that were judged without the facts that came with their requests.
    pub without_facts: u64,
    /// Texts that some rule catches, and that might pass at another request: they count as what could be served.
    pub uncertain: u64,
    /// Generations whose text was erased: they cannot be served.
    pub without_text: u64,
    /// Entries that cannot be read; `copyrail audit verify` says what is wrong.
    pub unreadable: u64,
}

impl SweepReport {
    /// How many texts were judged.
    pub fn judged(&self) -> u64 {
        self.texts.values().map(|standings| standings.texts).sum()
    }

    /// How many of them could be served, at once or once somebody approves of them.
    pub fn served(&self) -> u64 {
        self.texts.values().map(|standings| standings.served + standings.awaits).sum()
    }

    /// Whether no copy of the phrase can be left with a caller or at an edge.
    pub fn is_over(&self) -> bool {
        self.kept_until.is_none_or(|until| until <= self.now)
    }

    /// What is proven, in one sentence.
    pub fn proven(&self) -> String {
        let at = self.at.strftime("%Y-%m-%d %H:%M:%S UTC");
        let (judged, served) = (self.judged(), self.served());
        let mut said = match (&self.phrase, self.hits_served) {
            (None, _) => {
                format!("As of {at}, {served} of {judged} texts could be served, and no other that is kept.")
            }
            (Some(_), 0) => format!(
                "As of {at}, none of {judged} texts that are kept could be served with the phrase in it; {} that hold it are held back.",
                self.hits_held
            ),
            (Some(_), hits) => {
                format!(
                    "As of {at}, {hits} of {judged} texts that are kept hold the phrase and could be served."
                )
            }
        };
        let unproven: Vec<&str> =
            self.nodes.iter().filter(|node| node.unproven.is_some()).map(|node| node.node.as_str()).collect();
        if !unproven.is_empty() {
            said += &format!(" Nothing is proven of {}.", unproven.join(", "));
        }
        said
    }
}

/// A policy that services have in force.
struct InForce {
    guardrails: Guardrails,
    copy: Arc<Copy>,
    /// What its rules are that may pass a text elsewhere: with other facts, or at a request with another context.
    reads: HashMap<String, (bool, bool)>,
}

impl InForce {
    fn new(guardrails: Guardrails, copy: Arc<Copy>) -> Self {
        let context = !guardrails.context_paths().is_empty();
        let reads = guardrails
            .rules()
            .iter()
            .map(|rule| (rule.id().to_owned(), (rule.may_read_facts(), context && rule.may_read_context())));
        Self { reads: reads.collect(), guardrails, copy }
    }

    /// The finding that keeps a text back whatever else a request may bring; `None` where none does for certain.
    fn certain<'f>(&self, findings: &'f [Finding], facts_known: bool) -> Option<&'f Finding> {
        findings.iter().filter(|f| !f.shadow && !f.unanswered && f.action >= Action::Repair).find(|finding| {
            // What is no rule's is a ban's.
            self.reads.get(&finding.rule).is_none_or(|(facts, context)| (facts_known || !facts) && !context)
        })
    }
}

/// A text that could be served, before it is judged.
struct Candidate {
    kind: Kind,
    text: Text,
    /// What stops may name.
    segment: Option<String>,
    template: Option<String>,
    /// Of what a model wrote.
    written: Option<Written>,
}

/// What is known of a text that a model wrote.
struct Written {
    generation: Uuid,
    /// The one that a model wrote it in: another one where it was judged again.
    written_in: Uuid,
    key: Option<[u8; 32]>,
    models: Vec<String>,
    decision: Option<Decision>,
    approval: bool,
}

/// What is found of one text.
struct Found {
    standing: Standing,
    /// Where the phrase stands in it as it would be served, or as it stands where it is held back.
    phrase: Option<(String, usize, usize)>,
    uncertain: bool,
}

/// What all texts are held against.
struct Sweep {
    policies: Vec<InForce>,
    stops: Stops,
    phrase: Option<Bans>,
    opinions: KeptOpinions,
    at: Timestamp,
}

impl Sweep {
    /// How a text stands with whichever service lets it furthest.
    fn stand(&self, candidate: &Candidate) -> Found {
        let all = self.policies.iter().map(|policy| self.stand_with(candidate, policy));
        let rank = |found: &Found| match found.standing {
            Standing::Served => 2,
            Standing::Awaits(_) => 1,
            Standing::Held(_) => 0,
        };
        let best = all.max_by_key(|found| (rank(found), found.phrase.is_some()));
        best.unwrap_or_else(|| self.held(candidate, "policy".to_owned()))
    }

    fn held(&self, candidate: &Candidate, by: String) -> Found {
        let phrase = self.phrase_in(&candidate.text.text);
        Found { standing: Standing::Held(by), phrase, uncertain: false }
    }

    fn phrase_in(&self, text: &str) -> Option<(String, usize, usize)> {
        let found = self.phrase.as_ref()?.find(text).into_iter().next()?;
        Some(around(text, found.start, found.end))
    }

    fn stand_with(&self, candidate: &Candidate, policy: &InForce) -> Found {
        let Candidate { text, segment, template, written, kind } = candidate;
        let about = About {
            product: text.product.as_deref(),
            placement: text.placement.as_deref(),
            segment: segment.as_deref(),
            template: template.as_deref(),
        };
        let halt = self.stops.over(&about).into_iter().find(|halt| written.is_some() || halt.prewritten);
        if let Some(halt) = halt {
            return self.held(candidate, format!("stop.{}", halt.id));
        }
        let placement = text.placement.as_deref().map(|id| policy.copy.prompts.placement(id));
        if placement.is_some_and(|placement| placement.is_none()) {
            return self.held(candidate, "template".to_owned());
        }
        if let Some(written) = written {
            if let Some(by) = self.stopped(written, &text.text, &about) {
                return self.held(candidate, by);
            }
            let known = placement.flatten().zip(template.as_deref()).is_some_and(|(placement, template)| {
                policy.copy.prompts.templates(&placement.id).any(|known| known.id.as_str() == template)
            });
            if !known && *kind != Kind::Repeated {
                return self.held(candidate, "template".to_owned());
            }
        }
        let judged =
            text.approve(&policy.guardrails, self.stops.bans(), Some(&policy.copy), self.at, &self.opinions);
        let (shown, uncertain) = match judged {
            Ok(approved) => (approved.text().to_owned(), false),
            Err(judgement) if judgement.wants_answers() => {
                let standing = Standing::Awaits("a second model".to_owned());
                let text = judgement.fixed.as_deref().unwrap_or(&text.text);
                return Found { standing, phrase: self.phrase_in(text), uncertain: false };
            }
            Err(Judgement { findings, fixed, .. }) => match policy.certain(&findings, text.facts_known) {
                Some(finding) => return self.held(candidate, finding.rule.clone()),
                None if findings.iter().all(|finding| finding.action < Action::Fix) => {
                    return self.held(candidate, "placement.limits".to_owned());
                }
                None => (fixed.unwrap_or_else(|| text.text.clone()), true),
            },
        };
        let phrase = self.phrase_in(&shown);
        let standing = match written {
            Some(written) if self.awaits(candidate, written, policy) => {
                Standing::Awaits("a person's approval".to_owned())
            }
            _ => Standing::Served,
        };
        Found { standing, phrase, uncertain }
    }

    /// What a person, a purge or a stop on a model says of what a model wrote.
    fn stopped(&self, written: &Written, text: &str, about: &About<'_>) -> Option<String> {
        if written.decision == Some(Decision::Rejected) {
            return Some("review".to_owned());
        }
        if [written.generation, written.written_in].iter().any(|id| self.stops.purged(*id, about)) {
            return Some("purge".to_owned());
        }
        if let Some(halt) = written.models.iter().find_map(|model| self.stops.over_model(model)) {
            return Some(format!("stop.{}", halt.id));
        }
        let rejected = written.key.is_some_and(|key| self.stops.rejected(&key, text));
        rejected.then(|| "rejection".to_owned())
    }

    /// Whether a person must approve it first, and nobody has.
    fn awaits(&self, candidate: &Candidate, written: &Written, policy: &InForce) -> bool {
        if written.decision == Some(Decision::Approved) {
            return false;
        }
        let placement = candidate.text.placement.as_deref();
        let ladder = placement.and_then(|id| policy.copy.prompts.placement(id)).map(|placement| {
            let segment =
                crate::words::SegmentId::new(candidate.segment.as_deref().unwrap_or(DEFAULT_SEGMENT));
            placement.ladder(&segment).approval
        });
        let facts = candidate.text.facts.map();
        let ceiling = policy.guardrails.ceiling(facts, &candidate.text.context, placement);
        written.approval || ladder.unwrap_or(false) || ceiling.is_some_and(|ceiling| ceiling.approval)
    }
}

/// The moments that a sweep goes by.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// When it is made: services must have been seen by then, and copies of answers run out by then.
    pub now: Timestamp,
    /// The instant at which texts are judged.
    pub at: Timestamp,
}

/// Judges all that could be served, and looks for a phrase in it. `progress` hears how many texts are judged, of how
/// many as far as that is known.
///
/// # Errors
///
/// When the store cannot be read, or no set was ever accepted.
pub async fn sweep(
    store: &Store,
    settings: &PolicySettings,
    providers: &[Provider],
    phrase: Option<&str>,
    Moments { now, at }: Moments,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<SweepReport, KeptError> {
    let rows = stops::read(store).await?;
    let mut report = SweepReport { now, at, phrase: phrase.map(str::to_owned), ..SweepReport::default() };
    let policies = policies(store, settings, rows.number, &mut report).await?;
    let asks = policies.iter().any(|policy| policy.guardrails.ask_second_models());
    let opinions =
        if asks { KeptOpinions::read(store, providers, now).await? } else { KeptOpinions::default() };
    let longest = policies.iter().flat_map(|policy| policy.copy.prompts.placements());
    let longest = longest.filter_map(|placement| SignedDuration::try_from(placement.ttl.hard).ok()).max();
    let ban = |phrase: &str| {
        let what = Banned::Phrase(phrase.to_owned());
        Bans::new([Ban { id: "phrase".to_owned(), reason: String::new(), what }])
    };
    let Some(copy) = policies.first().map(|policy| Arc::clone(&policy.copy)) else {
        return Err(KeptError::None("guardrails"));
    };
    let stops = Stops::of(Register::read(&rows)?, 0);
    let sweep = Arc::new(Sweep { policies, stops, phrase: phrase.map(ban), opinions, at });
    let products = Products::new(store.clone(), copy);
    let mut run = Run { store, sweep, products: &products, report, of: 0 };
    run.of = catalogue::count(store).await?;
    let oldest = longest.and_then(|longest| at.checked_sub(longest).ok()).unwrap_or(Timestamp::MIN);
    run.generations(oldest, &mut progress).await?;
    run.repeats(&mut progress).await?;
    run.prewritten(&mut progress).await?;
    run.last_serves().await?;
    let mut report = run.report;
    report.hits.sort_by_key(|hit| matches!(hit.standing, Standing::Held(_)));
    let proven = report.nodes.iter().all(|node| node.unproven.is_none());
    report.ok = proven && report.hits_served == 0;
    Ok(report)
}

/// The policies that the services have in force, each once; the last good sets where no service is known.
async fn policies(
    store: &Store,
    settings: &PolicySettings,
    number: i64,
    report: &mut SweepReport,
) -> Result<Vec<InForce>, KeptError> {
    let kept = KeptSets::new(store.clone(), settings);
    let mut policies: Vec<InForce> = Vec::new();
    let mut known = HashSet::new();
    for node in desk::nodes(store).await? {
        let NodeRow { node, revision, guardrails, prompts, since, stops, seen } = node;
        let ago = report.now.duration_since(seen);
        let mut unproven = match (stops >= number, ago > UNSEEN) {
            (_, true) => Some(format!("it was not seen for {} seconds", ago.as_secs())),
            (false, false) => Some("it has not taken every stop yet".to_owned()),
            (true, false) => None,
        };
        if known.insert((guardrails.clone(), prompts.clone())) {
            let sets = async {
                let rules = kept.guardrails_of(&guardrails).await?;
                Ok::<_, KeptError>(InForce::new(rules, kept.copy_of(&prompts, report.at).await?))
            };
            match sets.await {
                Ok(policy) => policies.push(policy),
                Err(error @ KeptError::Store(_)) => return Err(error),
                Err(error) => {
                    known.remove(&(guardrails, prompts));
                    unproven = Some(error.to_string());
                }
            }
        }
        report.nodes.push(Node { node, revision, since, stops_taken: stops >= number, seen, unproven });
    }
    if policies.is_empty() {
        policies.push(InForce::new(kept.guardrails().await?, kept.copy(report.at).await?));
    }
    Ok(policies)
}

/// One run through all texts.
struct Run<'r> {
    store: &'r Store,
    sweep: Arc<Sweep>,
    products: &'r Products,
    report: SweepReport,
    of: u64,
}

type Whole = (GenerationRecord, Option<GenerationPayload>, Option<Decision>);

impl Run<'_> {
    /// Every generation that has not run out.
    async fn generations(
        &mut self,
        oldest: Timestamp,
        progress: &mut (impl FnMut(u64, u64) + Send),
    ) -> Result<(), StoreError> {
        let mut before = i64::MAX;
        loop {
            let page = texts::servable(self.store, before, oldest, TOGETHER).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = last.seq;
            let candidates = self.read(page).await?;
            self.judge(candidates).await?;
            progress(self.report.judged(), self.of.max(self.report.judged()));
        }
    }

    /// Reads generations; those that have run out are left out.
    async fn read(&mut self, page: Vec<Judged>) -> Result<Vec<Candidate>, StoreError> {
        let all = page.len();
        let read = move || -> Vec<Whole> {
            let read = |one: Judged| {
                let decision = one.decision;
                one.read().ok().map(|(record, payload)| (record, payload, decision))
            };
            page.into_par_iter().filter_map(read).collect()
        };
        let read = tokio::task::spawn_blocking(read).await.map_err(super::backtest::ended)?;
        self.report.unreadable += (all - read.len()) as u64;
        let facts = self.products.of(read.iter().filter_map(|(r, ..)| r.product.clone()).collect()).await?;
        let mut candidates = Vec::with_capacity(read.len());
        for (record, payload, decision) in read {
            let passed = record.outcome == crate::audit::Outcome::Passed;
            let kept = decision == Some(Decision::Approved) || record.approval;
            // What was approved, or waits for that, does not run out.
            if !kept && record.expires.is_some_and(|expires| expires <= self.sweep.at) {
                continue;
            }
            let facts = record.product.as_ref().and_then(|id| facts.get(id)).cloned();
            let text = payload
                .and_then(|payload| Text::of_generation(&record, payload, facts, self.products.copy()));
            match text {
                Some(text) => candidates.push(Candidate {
                    kind: if passed { Kind::Generated } else { Kind::Blocked },
                    text,
                    segment: Some(record.segment.to_string()),
                    template: Some(record.template.to_string()),
                    written: Some(written(&record, decision)),
                }),
                None => self.report.without_text += 1,
            }
        }
        Ok(candidates)
    }

    /// Every answer that is given again.
    async fn repeats(&mut self, progress: &mut (impl FnMut(u64, u64) + Send)) -> Result<(), StoreError> {
        /// What is read of an answer.
        #[derive(Deserialize)]
        struct Answer {
            text: String,
            placement: String,
            locale: String,
            #[serde(default)]
            segment: Option<String>,
            #[serde(default)]
            template: Option<String>,
            #[serde(default)]
            generation_id: Option<Uuid>,
        }
        let mut after = String::new();
        loop {
            let page = idempotency::page(self.store, &after, self.report.now, TOGETHER).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after.clone_from(last);
            let mut answers = Vec::with_capacity(page.len());
            for (_, answer) in &page {
                match serde_json::from_str::<Answer>(answer) {
                    Ok(answer) if !answer.text.is_empty() => answers.push(answer),
                    Ok(_) => {}
                    Err(_) => self.report.unreadable += 1,
                }
            }
            let ids: HashSet<Uuid> = answers.iter().filter_map(|answer| answer.generation_id).collect();
            let ids: Vec<Uuid> = ids.into_iter().collect();
            let generations = self.read_by_id(&ids).await?;
            let candidates = answers.into_iter().map(|answer| {
                let generation = answer.generation_id.and_then(|id| generations.get(&id));
                let ground = generation.map(|(text, _)| text.clone());
                let text = ground.unwrap_or_else(|| Text {
                    origin: Origin::Given(String::new()),
                    at: None,
                    text: String::new(),
                    placement: None,
                    locale: None,
                    product: None,
                    facts: Arc::new(Facts::default()),
                    facts_known: false,
                    context: Map::new(),
                    inputs: Map::new(),
                    instructions: None,
                    prewritten: answer.generation_id.is_none(),
                    used: true,
                    serves: 0,
                });
                let (placement, locale) = (Some(answer.placement), Locale::parse(&answer.locale));
                Candidate {
                    kind: Kind::Repeated,
                    text: Text { text: answer.text, placement, locale, ..text },
                    segment: answer.segment.filter(|_| answer.generation_id.is_some()),
                    template: answer.template,
                    written: answer.generation_id.map(|id| match generation {
                        Some((_, record)) => written(record, None),
                        None => Written {
                            generation: id,
                            written_in: id,
                            key: None,
                            models: Vec::new(),
                            decision: None,
                            approval: false,
                        },
                    }),
                }
            });
            let candidates = candidates.collect();
            self.judge(candidates).await?;
            progress(self.report.judged(), self.of.max(self.report.judged()));
        }
    }

    /// Generations by their ids, as texts to be judged.
    async fn read_by_id(
        &mut self,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, (Text, GenerationRecord)>, StoreError> {
        let page = texts::with_ids(self.store, ids).await?;
        let read: Vec<_> = page.into_iter().filter_map(|one| one.read().ok()).collect();
        let facts = self.products.of(read.iter().filter_map(|(r, _)| r.product.clone()).collect()).await?;
        let texts = read.into_iter().filter_map(|(record, payload)| {
            let facts = record.product.as_ref().and_then(|id| facts.get(id)).cloned();
            let text = Text::of_generation(&record, payload?, facts, self.products.copy())?;
            Some((record.id, (text, record)))
        });
        Ok(texts.collect())
    }

    /// All that people wrote: templates' copy for every product, placements' and the shop's as they stand.
    async fn prewritten(&mut self, progress: &mut (impl FnMut(u64, u64) + Send)) -> Result<(), StoreError> {
        let sweep = Arc::clone(&self.sweep);
        let mut literal = Vec::new();
        for policy in &sweep.policies {
            for placement in policy.copy.prompts.placements() {
                let id = placement.id.as_str();
                for (language, (text, _)) in &placement.last_resort {
                    literal.push(literally(Kind::LastResort, id, language, text));
                }
                for (language, text) in &policy.copy.prompts.shop {
                    literal.push(literally(Kind::Shop, id, language, text));
                }
            }
        }
        self.judge(literal).await?;
        let each: u64 = sweep.policies.iter().map(|policy| copies(&policy.copy)).sum();
        let all = self.report.judged() + catalogue::count(self.store).await? * each;
        let mut after = String::new();
        while let Some((page, last)) = catalogue::page(self.store, &after, PRODUCTS).await? {
            after = last;
            let sweep = Arc::clone(&self.sweep);
            let render = move || -> Vec<Candidate> {
                let rendered = page.into_par_iter().flat_map_iter(|(id, facts)| {
                    let of_policy = |policy: &InForce| {
                        // Of an offer that is over nothing is said.
                        let facts = policy.guardrails.facts_in_force(&facts, sweep.at).into_owned();
                        rendered(&policy.copy, &id, facts)
                    };
                    sweep.policies.iter().flat_map(of_policy).collect::<Vec<_>>()
                });
                rendered.collect()
            };
            let candidates = tokio::task::spawn_blocking(render).await.map_err(super::backtest::ended)?;
            self.judge(candidates).await?;
            progress(self.report.judged(), all.max(self.report.judged()));
        }
        Ok(())
    }

    /// Judges texts, and adds what is found to the report.
    async fn judge(&mut self, candidates: Vec<Candidate>) -> Result<(), StoreError> {
        let sweep = Arc::clone(&self.sweep);
        let judge = move || {
            let found: Vec<Found> = candidates.par_iter().map(|one| sweep.stand(one)).collect();
            (candidates, found)
        };
        let (candidates, found) = tokio::task::spawn_blocking(judge).await.map_err(super::backtest::ended)?;
        for (candidate, found) in candidates.into_iter().zip(found) {
            let report = &mut self.report;
            let standings = report.texts.entry(candidate.kind).or_default();
            standings.texts += 1;
            match &found.standing {
                Standing::Served => standings.served += 1,
                Standing::Awaits(_) => standings.awaits += 1,
                Standing::Held(by) => {
                    standings.held += 1;
                    *report.held_by.entry(by.clone()).or_default() += 1;
                }
            }
            let known = candidate.text.facts_known || candidate.text.prewritten;
            report.without_facts += u64::from(!known);
            report.uncertain += u64::from(found.uncertain);
            let Some((text, start, end)) = found.phrase else { continue };
            match found.standing {
                Standing::Held(_) => report.hits_held += 1,
                Standing::Served | Standing::Awaits(_) => report.hits_served += 1,
            }
            let held = matches!(found.standing, Standing::Held(_));
            if report.hits.len() >= MOST_HITS {
                // What could be served is told before what is held back.
                let place = report.hits.iter().position(|hit| matches!(hit.standing, Standing::Held(_)));
                match place.filter(|_| !held) {
                    Some(place) => _ = report.hits.swap_remove(place),
                    None => continue,
                }
            }
            report.hits.push(Hit {
                kind: candidate.kind,
                standing: found.standing,
                generation: candidate.written.map(|written| written.generation),
                template: candidate.template,
                placement: candidate.text.placement,
                product: candidate.text.product,
                locale: candidate.text.locale.map(|locale| locale.as_str().to_owned()),
                hash: texts::hash_of(&candidate.text.text),
                text,
                start,
                end,
                last_serve: None,
            });
        }
        Ok(())
    }

    /// When each text with the phrase was shown last, and when the last copy of any such text runs out.
    async fn last_serves(&mut self) -> Result<(), StoreError> {
        if self.sweep.phrase.is_none() {
            return Ok(());
        }
        let lately = self.report.now.checked_sub(LONGEST_KEPT + MARGIN).unwrap_or(Timestamp::MIN);
        let since = if self.report.hits.is_empty() { lately } else { Timestamp::MIN };
        let shown = Shown::since(self.store, since, Pace::Alone, |_| true).await?;
        let mut own: HashMap<&str, Tally> = HashMap::new();
        for (text, tally) in &shown.texts {
            own.entry(&text.hash).and_modify(|known| *known = known.and(*tally)).or_insert(*tally);
        }
        // A generation's text was shown as rules corrected it, whatever it was recorded as.
        for (hash, tally) in &shown.corrected {
            own.entry(hash).and_modify(|known| *known = known.and(*tally)).or_insert(*tally);
        }
        let mut latest = None;
        for hit in &mut self.report.hits {
            let of_generation = hit.generation.and_then(|id| shown.generations.get(&id)).copied();
            let tally = of_generation.or_else(|| own.get(hit.hash.as_str()).copied());
            latest = latest.max(tally.map(|tally| tally.last));
            hit.last_serve = tally.map(|tally| LastServe { at: tally.last, id: tally.last_id });
        }
        // What cannot be served any more may still be with those whom it was shown a moment ago.
        let recent = |tally: &Tally| tally.last >= lately;
        let ids: Vec<Uuid> =
            shown.generations.iter().filter(|(_, tally)| recent(tally)).map(|(id, _)| *id).collect();
        for ids in ids.chunks(TOGETHER as usize) {
            let read = self.read_by_id(ids).await?;
            for id in ids {
                // What was erased meanwhile may have held it.
                if read.get(id).is_none_or(|(text, _)| self.sweep.phrase_in(&text.text).is_some()) {
                    latest = latest.max(shown.generations.get(id).map(|tally| tally.last));
                }
            }
        }
        let hashes: Vec<String> =
            own.iter().filter(|(_, tally)| recent(tally)).map(|(hash, _)| (*hash).to_owned()).collect();
        let read = texts::own_texts(self.store, &hashes).await?;
        for hash in &hashes {
            if read.get(hash).is_none_or(|text| self.sweep.phrase_in(text).is_some()) {
                latest = latest.max(own.get(hash.as_str()).map(|tally| tally.last));
            }
        }
        self.report.kept_until = latest.map(|at| at.saturating_add(LONGEST_KEPT).unwrap_or(at));
        Ok(())
    }
}

/// What stops, purges and reviews may say of a generation.
fn written(record: &GenerationRecord, decision: Option<Decision>) -> Written {
    Written {
        generation: record.id,
        written_in: record.rejudged.unwrap_or(record.id),
        key: blake3::Hash::from_hex(&record.cache_key).ok().map(|key| *key.as_bytes()),
        models: record.writers().map(str::to_owned).collect(),
        decision,
        approval: record.approval,
    }
}

/// How many texts of templates' own one product has.
fn copies(copy: &Copy) -> u64 {
    let placements = copy.prompts.placements();
    let templates = placements.flat_map(|placement| copy.prompts.templates(&placement.id));
    templates.map(|template| template.languages().count() as u64).sum()
}

/// A text that stands in the files as it is shown.
fn literally(kind: Kind, placement: &str, language: &str, text: &str) -> Candidate {
    let text = Text {
        origin: Origin::Given(String::new()),
        at: None,
        text: text.to_owned(),
        placement: Some(placement.to_owned()),
        locale: Locale::parse(language),
        product: None,
        facts: Arc::new(Facts::default()),
        // It is shown beside every product.
        facts_known: false,
        context: Map::new(),
        inputs: Map::new(),
        instructions: None,
        prewritten: true,
        used: true,
        serves: 0,
    };
    Candidate { kind, text, segment: None, template: None, written: None }
}

/// Every template's copy for one product; what cannot be rendered for it is not shown either.
fn rendered(copy: &Copy, id: &str, facts: Map<String, Value>) -> Vec<Candidate> {
    let known = Arc::new(Facts::of(facts.clone(), Some(copy)));
    let mut found = Vec::new();
    for placement in copy.prompts.placements() {
        for template in copy.prompts.templates(&placement.id) {
            for locale in template.languages() {
                let Ok(text) = copy.prompts.prewritten(Chosen { template, locale }, &facts) else { continue };
                if text.trim().is_empty() {
                    continue;
                }
                let segment = template.segment.as_str();
                found.push(Candidate {
                    kind: Kind::Prewritten,
                    text: Text {
                        product: Some(id.to_owned()),
                        facts: Arc::clone(&known),
                        facts_known: true,
                        ..literally(Kind::Prewritten, placement.id.as_str(), locale.as_str(), &text).text
                    },
                    // What everybody is shown is not stopped for one segment alone.
                    segment: (segment != DEFAULT_SEGMENT).then(|| segment.to_owned()),
                    template: Some(template.id.to_string()),
                    written: None,
                });
            }
        }
    }
    found
}
