//! A log as a busy shop would have it, for trying how searches, checks and exports fare on a large one. No model, no page
//! and no person had a part in it: each generation names the model `simulated`, and each review is `by` nobody real.
//!
//! Records come in the order of their time. The same plan gives the same records.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::json;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::audit::bulk::Entry;
use crate::audit::{GenerationPayload, GenerationRecord, Outcome, ReviewAction, ReviewRecord, ServeRecord};
use crate::words::{Micros, PlacementId, Purpose, Reason, Revision, SegmentId, Source, TemplateId, Tier};

/// How large a log, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How many generations.
    pub generations: u64,
    /// How many serves.
    pub serves: u64,
    /// How many users are served.
    pub users: u64,
    /// How many products there are.
    pub products: u64,
    /// When the last record is.
    pub until: Timestamp,
    /// How much time the records are spread over.
    pub span: SignedDuration,
    /// What chance depends on.
    pub seed: u64,
}

/// How many serves stand in a block: what a flush of 50 ms takes at 5,000 a second.
const BLOCK: u64 = 250;
/// How many generations are remembered for serves to be of.
const RECENT: usize = 5_000;
/// One in so many generations is reviewed.
const REVIEWED: u32 = 100;

const PLACEMENTS: [&str; 3] = ["why-this", "cta-subtext", "category-intro"];
const SEGMENTS: [&str; 6] = ["default", "bargain-hunters", "gift-givers", "on-the-go", "loyal", "new-here"];
const RULES: [&str; 5] =
    ["brand.superlatives", "claims.durable", "grounded", "brand.urgency", "personal.data"];
const NOUNS: [&str; 8] = ["lamp", "kettle", "jacket", "backpack", "desk", "blanket", "bottle", "chair"];
const MAKES: [&str; 8] = [
    "spun steel",
    "brushed cotton",
    "solid oak",
    "recycled wool",
    "clear glass",
    "cast iron",
    "soft leather",
    "cork",
];
const PLACES: [&str; 8] =
    ["hallway", "kitchen", "garden", "study", "train", "workshop", "balcony", "camp site"];
const CLOSINGS: [&str; 8] = [
    "It does what it is for.",
    "The details are on this page.",
    "It keeps its shape for years of daily use.",
    "Easy to put away when the day is done.",
    "It comes ready to use.",
    "One for every day of the week.",
    "A plain choice that works.",
    "It goes with what you have.",
];

/// The records of a plan, entry by entry.
pub struct Records {
    plan: Plan,
    random: StdRng,
    revisions: [Revision; 4],
    conditions: Vec<Box<RawValue>>,
    prewritten: Vec<Arc<str>>,
    recent: VecDeque<(Uuid, usize, usize, u64, Option<String>)>,
    blocks: u64,
    made: u64,
    blocks_made: u64,
    pending: Option<Entry>,
}

impl Records {
    /// From the first on.
    pub fn of(plan: Plan) -> Self {
        let revisions = [1, 2, 3, 4].map(|n| Revision::of([("revision", n.to_string().as_str())]));
        let prewritten =
            NOUNS.map(|noun| Arc::from(format!("This {noun} at a glance: see the details on this page.")));
        Self {
            plan,
            random: StdRng::seed_from_u64(plan.seed),
            revisions,
            conditions: SEGMENTS.iter().enumerate().map(|(index, _)| conditions(index)).collect(),
            prewritten: prewritten.into(),
            recent: VecDeque::new(),
            blocks: plan.serves.div_ceil(BLOCK),
            made: 0,
            blocks_made: 0,
            pending: None,
        }
    }

    /// How many entries there are, reviews aside.
    pub fn entries(&self) -> u64 {
        self.plan.generations + self.blocks
    }

    /// When the n-th of so many things is.
    fn at(&self, n: u64, of: u64) -> Timestamp {
        let share = n as f64 / of.max(1) as f64;
        let start = self.plan.until - self.plan.span;
        start + self.plan.span.mul_f64(share)
    }

    fn id(&mut self, at: Timestamp) -> Uuid {
        let mut random = [0; 10];
        self.random.fill_bytes(&mut random);
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// One of so many, the first ones much oftener than the last ones.
    fn favourite(&mut self, of: u64) -> u64 {
        let share: f64 = self.random.random();
        ((share * share * of as f64) as u64).min(of.saturating_sub(1))
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        word(from, self.random.random_range(0..from.len().max(1)))
    }

    fn revision(&self, n: u64, of: u64) -> Revision {
        let index = (n * self.revisions.len() as u64 / of.max(1)) as usize;
        self.revisions.get(index).or(self.revisions.last()).cloned().unwrap_or_else(|| Revision::of([]))
    }

    fn user(&mut self) -> String {
        let number = self.favourite(self.plan.users);
        user(number)
    }

    fn generation(&mut self) -> Entry {
        let n = self.made;
        self.made += 1;
        let at = self.at(n, self.plan.generations);
        let id = self.id(at);
        let (placement, segment) =
            (self.random.random_range(0..PLACEMENTS.len()), self.random.random_range(0..SEGMENTS.len()));
        let (placement_word, segment_word) = (word(&PLACEMENTS, placement), word(&SEGMENTS, segment));
        let product = self.favourite(self.plan.products);
        let noun = word(&NOUNS, (product % NOUNS.len() as u64) as usize);
        let (make, place, closing) = (self.pick(&MAKES), self.pick(&PLACES), self.pick(&CLOSINGS));
        let text = format!(
            "This {noun} of {make} finds its place in the {place}. Number {product} of our range, chosen with care. {closing}"
        );
        let (outcome, reason) = match self.random.random_range(0..100) {
            0..=3 => (Outcome::Blocked, Some(Reason::Guardrail)),
            4..=5 => (Outcome::Failed, Some(Reason::Upstream)),
            _ => (Outcome::Passed, None),
        };
        let findings = match outcome {
            Outcome::Blocked => {
                json!([{"rule": self.pick(&RULES), "kind": "phrases", "level": "error", "action": "block"}])
            }
            _ => json!([]),
        };
        let by_user = (segment == 1 && placement == 0).then(|| self.user());
        let template =
            format!("{placement_word}/{segment_word}{}", if by_user.is_some() { ".user" } else { "" });
        let mut key = [0; 32];
        self.random.fill_bytes(&mut key);
        if outcome == Outcome::Passed {
            self.recent.push_back((id, placement, segment, product, by_user.clone()));
            if self.recent.len() > RECENT {
                self.recent.pop_front();
            }
        }
        let finished = at + SignedDuration::from_millis(self.random.random_range(300..2_000));
        if self.random.random_ratio(1, REVIEWED) && outcome == Outcome::Passed {
            let action =
                if self.random.random_ratio(1, 5) { ReviewAction::Reject } else { ReviewAction::Approve };
            let review = self.id(at);
            let by = format!("simulated reviewer {}", self.random.random_range(1..6));
            self.pending = Some(Entry::Review(ReviewRecord {
                id: review,
                generation_id: id,
                action,
                at: finished,
                by,
                undoes: None,
                second_look: false,
            }));
        }
        let raw = (outcome != Outcome::Failed).then(|| text.clone());
        let record = GenerationRecord {
            id,
            started: at,
            finished,
            placement: PlacementId::new(placement_word),
            segment: SegmentId::new(segment_word),
            template: TemplateId::new(template),
            revision: self.revision(n, self.plan.generations),
            guardrails: format!("b3:{}", blake3::hash(b"simulated").to_hex()),
            product: Some(format!("p-{product:06}")),
            locale: "en".into(),
            cache_key: blake3::Hash::from_bytes(key).to_hex().to_string(),
            outcome,
            reason,
            model: Some("simulated".into()),
            attempts: json!([{"provider": "simulated", "model_asked": "simulated", "model_answering": "simulated", "finish_reason": "stop",
                "repair": false, "usage": {"input": 468, "cached_input": 0, "output": 41}, "cost": 0, "latency_ms": 640,
                "upstream_request_id": format!("req-sim-{n:08}"), "status": 200, "error": null, "fault": null}]),
            findings,
            evidence: json!([]),
            cost: Micros(25),
            trace_id: None,
            purpose: Some(Purpose::Page),
            stale: (outcome == Outcome::Passed).then(|| finished + SignedDuration::from_hours(24)),
            expires: (outcome == Outcome::Passed).then(|| finished + SignedDuration::from_hours(168)),
            user: by_user,
            approval: false,
            rejudged: None,
            written_by: Vec::new(),
            plain_key: None,
            edited: None,
        };
        let payload = GenerationPayload {
            inputs: json!({"product": {"name": format!("Number {product}, a {noun}"), "material": make, "room": place}}),
            messages: json!([
                {"role": "system", "content": "You write short product copy for an online shop. One paragraph of one to three sentences, plain text. State only what the data says, with its own units. No superlatives, no promises, no urgency. Answer with the copy alone."},
                {"role": "user", "content": format!("Write the copy for this product.\n\n<data name=\"product\">\n{{\"name\":\"Number {product}, a {noun}\",\"material\":\"{make}\",\"room\":\"{place}\"}}\n</data>")},
            ]),
            raw_texts: vec![raw],
            text: (outcome == Outcome::Passed).then_some(text),
            ..GenerationPayload::default()
        };
        Entry::Generation(Box::new((record, payload)))
    }

    fn block(&mut self) -> Entry {
        let first = self.blocks_made * BLOCK;
        self.blocks_made += 1;
        let last = (first + BLOCK).min(self.plan.serves);
        Entry::Serves((first..last).map(|n| self.serve(n)).collect())
    }

    fn serve(&mut self, n: u64) -> (ServeRecord, Option<Arc<str>>) {
        let at = self.at(n, self.plan.serves);
        let id = self.id(at);
        let among = self.recent.len();
        let generated = among > 0 && self.random.random_ratio(4, 5);
        let index = self.random.random_range(0..among.max(1));
        let copy = self.recent.get(index).filter(|_| generated).cloned();
        let mut text = None;
        let (placement, segment, product, generation, owner) = match copy {
            Some((id, placement, segment, product, owner)) => (placement, segment, product, Some(id), owner),
            None => {
                let product = self.favourite(self.plan.products);
                text = self.prewritten.get((product % 8) as usize).cloned();
                (
                    self.random.random_range(0..PLACEMENTS.len()),
                    self.random.random_range(0..SEGMENTS.len()),
                    product,
                    None,
                    None,
                )
            }
        };
        let reason = match (generation, self.random.random_range(0..10)) {
            (Some(_), _) => None,
            (None, 0..=5) => Some(Reason::Deadline),
            (None, 6..=7) => Some(Reason::Rollout),
            (None, 8) => Some(Reason::Guardrail),
            (None, _) => Some(Reason::NoConsent),
        };
        let tier = match (&generation, &owner) {
            (None, _) => Tier::Prewritten,
            (Some(_), None) => Tier::Segment,
            (Some(_), Some(_)) => Tier::User,
        };
        let user = match owner {
            Some(owner) => Some(owner),
            None if reason == Some(Reason::NoConsent) => None,
            None => Some(self.user()),
        };
        let (placement, segment_word) = (word(&PLACEMENTS, placement), word(&SEGMENTS, segment));
        let record = ServeRecord {
            id,
            at,
            placement: PlacementId::new(placement),
            segment: SegmentId::new(segment_word),
            conditions: self.conditions.get(segment).cloned().unwrap_or_else(|| RawValue::NULL.to_owned()),
            product: Some(format!("p-{product:06}")),
            user,
            tier,
            source: if generation.is_some() { Source::Cache } else { Source::Prewritten },
            reason,
            generation_id: generation,
            text_hash: None,
            latency_us: self.random.random_range(40..400),
            revision: self.revision(n, self.plan.serves),
            locale: "en".into(),
            template: Some(TemplateId::new(format!("{placement}/{segment_word}"))),
            pending: reason == Some(Reason::Deadline),
            repeats: None,
            awaits: None,
            instead_of: None,
        };
        (record, text)
    }
}

impl Iterator for Records {
    type Item = Entry;

    /// The next entry: whichever of generations and blocks of serves is further behind.
    fn next(&mut self) -> Option<Entry> {
        if let Some(review) = self.pending.take() {
            return Some(review);
        }
        let (generations, blocks) = (self.plan.generations, self.blocks);
        let behind = u128::from(self.made) * u128::from(blocks)
            <= u128::from(self.blocks_made) * u128::from(generations);
        match (self.made < generations, self.blocks_made < blocks) {
            (true, more) if behind || !more => Some(self.generation()),
            (_, true) => Some(self.block()),
            _ => None,
        }
    }
}

/// The name of a user in these records, from 0.
pub fn user(number: u64) -> String {
    blake3::hash(&number.to_le_bytes()).to_hex().to_string()
}

fn word(words: &[&'static str], index: usize) -> &'static str {
    words.get(index).copied().unwrap_or_default()
}

/// What stands in a record of conditions where the segment is the n-th that was asked.
fn conditions(asked: usize) -> Box<RawValue> {
    let outcomes: Vec<_> = SEGMENTS
        .iter()
        .skip(1)
        .take(asked.max(1))
        .enumerate()
        .map(|(index, segment)| {
            let outcome = if index + 1 == asked { "true" } else { "unknown" };
            json!({"segment": segment, "outcome": outcome, "conditions": [{"path": "user.orders_90d", "operator": "$gte", "outcome": outcome}]})
        })
        .collect();
    RawValue::from_string(json!(outcomes).to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_gives_as_many_records_as_it_says_in_order_and_always_the_same() {
        let until = Timestamp::from_second(1_795_000_000).unwrap();
        let plan = Plan {
            generations: 600,
            serves: 2_100,
            users: 50,
            products: 20,
            until,
            span: SignedDuration::from_hours(720),
            seed: 7,
        };
        let entries: Vec<Entry> = Records::of(plan).collect();
        let mut counts = (0, 0, 0);
        let mut last = Timestamp::MIN;
        for entry in &entries {
            match entry {
                Entry::Generation(generation) => {
                    counts.0 += 1;
                    assert!(
                        generation.0.started <= until && generation.0.model.as_deref() == Some("simulated")
                    );
                }
                Entry::Review(_) => counts.1 += 1,
                Entry::Serves(serves) => {
                    counts.2 += serves.len();
                    assert!(serves[0].0.at >= last && serves.len() <= 250);
                    last = serves.last().unwrap().0.at;
                }
            }
        }
        assert_eq!((counts.0, counts.2), (600, 2_100));
        assert!(counts.1 > 0, "some are reviewed");
        assert_eq!(format!("{entries:?}"), format!("{:?}", Records::of(plan).collect::<Vec<_>>()));
    }
}
