//! Searches against a scan of all records, with what makes them differ in between.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;

use super::super::records::{Outcome, ReviewAction, SERVES, ServeRecord};
use super::super::testing::{generation, payload, policy, recorder, review};
use super::super::{Recorder, index, references, testing};
use super::*;
use crate::store::log::Append;
use crate::store::testing::{TestStore, at, test_store};
use crate::words::*;

/// Numbers as they come.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn one<'v>(&mut self, of: &[&'v str]) -> &'v str {
        of[self.roll(of.len() as u64) as usize]
    }

    fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.roll(4) == 0).then(|| value(self))
    }
}

const PLACES: &[&str] = &["why-this", "cta-subtext", "empty-basket"];
const WORDS: &[&str] = &["lamp", "Oak", "kettle", "cafe", "naïve", "steady"];
const ASKED: &[&str] = &["lamp", "OAK kettle", "\"oak lamp\"", "ket*", "café", "naive steady", "nowhere"];

/// What a recorder is handed for a user.
fn digest(user: &str) -> String {
    blake3::hash(user.as_bytes()).to_hex().to_string()
}

/// What records name the users with these digests.
async fn named(store: &Store, digests: Option<&Vec<String>>) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for digest in digests? {
        let digest = blake3::Hash::from_hex(digest).unwrap();
        names.extend(references(store, digest.as_bytes()).await.unwrap());
    }
    Some(names)
}

/// All that was recorded, oldest first, and how it stands.
#[derive(Default)]
struct Model {
    generations: Vec<(GenerationRecord, GenerationPayload)>,
    /// The reviews of each generation that nobody undid.
    reviews: Vec<Vec<super::super::ReviewRecord>>,
    said: u64,
    erased: HashSet<usize>,
    serves: Vec<(ServeRecord, Option<String>)>,
    pruned: HashSet<Uuid>,
}

/// What the index's way with words comes to for the few that are in here.
fn holds(text: &str, asked: &str) -> bool {
    let text = text.to_lowercase().replace('ï', "i").replace('.', "");
    let has = |word: &str| match word.strip_suffix('*') {
        Some(start) => text.split(' ').any(|word| word.starts_with(start)),
        None => text.split(' ').any(|one| one == word),
    };
    match asked.strip_prefix('"') {
        Some(phrase) => format!(" {text} ").contains(&format!(" {} ", phrase.trim_end_matches('"'))),
        None => asked.to_lowercase().replace('é', "e").split(' ').all(has),
    }
}

impl Model {
    fn words(dice: &mut Dice) -> String {
        format!("{} {} {}.", dice.one(WORDS), dice.one(WORDS), dice.one(WORDS))
    }

    async fn grow(&mut self, recorder: &Recorder, dice: &mut Dice) {
        for _ in 0..dice.roll(12) {
            let n = self.generations.len() as u64 + 1;
            let passed = dice.roll(3) > 0;
            let when = at(dice.roll(1_000) as i64);
            let record = GenerationRecord {
                placement: PlacementId::new(dice.one(PLACES)),
                segment: SegmentId::new(dice.one(&["default", "on-the-go"])),
                product: dice.maybe(|dice| format!("p-{}", dice.roll(3))),
                outcome: if passed { Outcome::Passed } else { Outcome::Blocked },
                reason: (!passed).then_some(Reason::Guardrail),
                findings: if passed { json!([]) } else { json!([{"rule": dice.one(&["r.one", "r.two"])}]) },
                finished: when,
                user: dice.maybe(|dice| digest(dice.one(&["aa", "bb"]))),
                approval: dice.roll(2) == 0,
                rejudged: None,
                written_by: Vec::new(),
                plain_key: None,
                edited: None,
                ..generation(n)
            };
            let text = Self::words(dice);
            let payload = GenerationPayload {
                raw_texts: vec![None, Some(text.clone())],
                text: passed.then_some(text),
                ..payload(n)
            };
            recorder.generation(record.clone(), payload.clone()).await.unwrap();
            self.generations.push((record, payload));
            self.reviews.push(Vec::new());
        }
        for _ in 0..dice.roll(40) {
            let n = self.serves.len() as u64 + 1;
            let of = (!self.generations.is_empty() && dice.roll(2) == 0)
                .then(|| dice.roll(self.generations.len() as u64) as usize)
                .filter(|number| self.generations[*number].0.outcome == Outcome::Passed);
            let text = (of.is_none() && dice.roll(3) > 0).then(|| Self::words(dice));
            let when = at(dice.roll(1_000) as i64);
            let record = ServeRecord {
                id: new_id(when),
                at: when,
                placement: PlacementId::new(dice.one(PLACES)),
                product: dice.maybe(|dice| format!("p-{}", dice.roll(3))),
                user: dice.maybe(|dice| digest(dice.one(&["aa", "bb"]))),
                tier: if of.is_some() { Tier::Segment } else { Tier::Prewritten },
                reason: dice.maybe(|_| Reason::Deadline),
                generation_id: of.map(|number| self.generations[number].0.id),
                text_hash: text.as_deref().map(super::super::chain::text_hash),
                ..testing::serve(n)
            };
            recorder.serve(record.clone(), text.as_deref().map(Arc::from));
            let shown = of.and_then(|number| self.generations[number].1.text.clone()).or(text);
            self.serves.push((record, shown));
        }
        for _ in 0..dice.roll(3).min(self.generations.len() as u64) {
            let number = dice.roll(self.generations.len() as u64) as usize;
            const ACTIONS: [ReviewAction; 5] = [
                ReviewAction::Approve,
                ReviewAction::Reject,
                ReviewAction::Note,
                ReviewAction::Flag,
                ReviewAction::Undo,
            ];
            let action = ACTIONS[dice.roll(5) as usize];
            self.said += 1;
            let mut record = super::super::ReviewRecord {
                generation_id: self.generations[number].0.id,
                ..review(self.said, 1, action)
            };
            let held = &mut self.reviews[number];
            if action == ReviewAction::Undo {
                let Some(undone) = held.pop() else { continue };
                let before = held.iter().rev().find_map(|review| review.action.decision());
                record.undoes = Some(super::super::Undone {
                    review: undone.id,
                    action: undone.action,
                    holds: undone.action.decision().map(|_| before.unwrap_or(Decision::Undecided)),
                });
            } else if action != ReviewAction::Note {
                held.push(record.clone());
            }
            recorder.review(record, None).await.unwrap();
        }
        // What was recorded is durable once something that was recorded later is.
        recorder.policy(policy(1)).await.unwrap();
        recorder.policy(policy(2)).await.unwrap();
    }

    /// Erases a generation's payload.
    async fn erase(&mut self, held: &TestStore, dice: &mut Dice) {
        if self.generations.is_empty() {
            return;
        }
        let number = dice.roll(self.generations.len() as u64) as usize;
        if !self.erased.insert(number) {
            return;
        }
        let (record, payload) = &self.generations[number];
        let mut append = Append::begin(&held.store).await.unwrap();
        let seq = append.generation_entry(&record.id.to_string()).await.unwrap().unwrap();
        index::forget_words(&mut append, seq, record, payload).await.unwrap();
        append.commit().await.unwrap();
        held.tamper(&format!("UPDATE payloads SET salt = NULL, bytes = NULL WHERE seq = {seq}")).await;
    }

    /// Deletes a block of serves.
    async fn prune(&mut self, held: &TestStore, dice: &mut Dice) {
        let last = held.number("SELECT coalesce(max(seq), 0) FROM chain").await;
        let from = dice.roll(last as u64 + 1) as i64;
        let mut append = Append::begin(&held.store).await.unwrap();
        let entries = append.indexable(from, 5).await.unwrap();
        let Some(block) = entries.into_iter().find(|entry| entry.kind == SERVES) else { return };
        index::forget(&mut append, block.seq, SERVES, &block.bytes, None).await.unwrap();
        append.commit().await.unwrap();
        held.tamper(&format!("UPDATE chain SET bytes = x'' WHERE seq = {}", block.seq)).await;
        for line in block.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if let Ok(Record::Serve(record)) = records::decode(line) {
                self.pruned.insert(record.id);
            }
        }
    }

    fn generations(&self, filter: &Filter, asked: Option<&str>) -> Vec<Uuid> {
        let all = self.generations.iter().zip(&self.reviews).enumerate().rev();
        let found = all.filter(|(number, ((record, payload), reviews))| {
            let decided = reviews.iter().rposition(|review| review.action.decision().is_some());
            let state = decided.and_then(|at| reviews[at].action.decision());
            let review = match filter.review {
                None => true,
                Some(ReviewState::Awaiting) => {
                    record.approval && record.outcome == Outcome::Passed && state.is_none()
                }
                Some(ReviewState::Flagged) => reviews.len() > decided.map_or(0, |at| at + 1),
                Some(ReviewState::Approved) => state == Some(Decision::Approved),
                Some(ReviewState::Rejected) => state == Some(Decision::Rejected),
            };
            let text = payload.text.as_deref().or(payload.raw_texts[1].as_deref()).unwrap();
            let words = asked.is_none_or(|asked| !self.erased.contains(number) && holds(text, asked));
            review && words && filter.finds(record)
        });
        found.map(|(_, ((record, _), _))| record.id).collect()
    }

    fn text(&self, (record, shown): &(ServeRecord, Option<String>)) -> Option<String> {
        let erased = record.generation_id.is_some_and(|id| {
            self.generations
                .iter()
                .position(|(record, _)| record.id == id)
                .is_some_and(|n| self.erased.contains(&n))
        });
        shown.clone().filter(|_| !erased)
    }

    fn serves(&self, filter: &ServeFilter, asked: Option<&str>) -> Vec<(Uuid, Option<String>)> {
        let all = self.serves.iter().rev().filter(|(record, _)| !self.pruned.contains(&record.id));
        let found = all.filter(|serve| {
            let text = self.text(serve);
            let words = asked.is_none_or(|asked| text.is_some_and(|text| holds(&text, asked)));
            words && filter.finds(&serve.0)
        });
        found.map(|serve| (serve.0.id, self.text(serve))).collect()
    }
}

fn filter(dice: &mut Dice) -> (Filter, Option<&'static str>) {
    let asked = dice.maybe(|dice| dice.one(ASKED));
    let filter = Filter {
        placement: dice.maybe(|dice| PlacementId::new(dice.one(PLACES))),
        segment: dice.maybe(|_| SegmentId::new("default")),
        product: dice.maybe(|_| "p-1".to_owned()),
        outcome: dice.maybe(|dice| [Outcome::Passed, Outcome::Blocked][dice.roll(2) as usize]),
        reason: dice.maybe(|_| Reason::Guardrail),
        rule: dice.maybe(|dice| dice.one(&["r.one", "r.none"]).to_owned()),
        review: dice.maybe(|dice| {
            [ReviewState::Awaiting, ReviewState::Approved, ReviewState::Rejected, ReviewState::Flagged]
                [dice.roll(4) as usize]
        }),
        user: dice.maybe(|_| vec![digest("cc"), digest("aa")]),
        words: asked.map(|asked| Words::parse(asked).unwrap()),
        since: dice.maybe(|dice| at(dice.roll(1_000) as i64)),
        until: dice.maybe(|dice| at(dice.roll(1_000) as i64)),
        ..Filter::default()
    };
    (filter, asked)
}

fn serve_filter(dice: &mut Dice, model: &Model) -> (ServeFilter, Option<&'static str>) {
    let asked = dice.maybe(|dice| dice.one(ASKED));
    let some = model.generations.first().map(|(record, _)| record.id);
    let filter = ServeFilter {
        placement: dice.maybe(|dice| PlacementId::new(dice.one(PLACES))),
        product: dice.maybe(|_| "p-1".to_owned()),
        tier: dice.maybe(|dice| [Tier::Segment, Tier::Prewritten][dice.roll(2) as usize]),
        reason: dice.maybe(|_| Reason::Deadline),
        user: dice.maybe(|_| vec![digest("aa"), digest("cc")]),
        generation: some.filter(|_| dice.roll(12) == 0),
        words: asked.map(|asked| Words::parse(asked).unwrap()),
        since: dice.maybe(|dice| at(dice.roll(1_000) as i64)),
        until: dice.maybe(|dice| at(dice.roll(1_000) as i64)),
        ..ServeFilter::default()
    };
    (filter, asked)
}

#[tokio::test]
async fn an_index_finds_what_a_scan_finds() {
    for seed in 1..=3_u64 {
        let held = test_store().await;
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut model = Model::default();
        let recorder = recorder(&held.store, 4_000);
        for _ in 0..8 {
            model.grow(&recorder, &mut dice).await;
            match dice.roll(5) {
                0 | 1 => drop(index::catch_up(&held.store).await.unwrap()),
                2 => model.erase(&held, &mut dice).await,
                3 => model.prune(&held, &mut dice).await,
                _ => {}
            }
            for _ in 0..8 {
                let (asked, words) = filter(&mut dice);
                let (expected, mut found, mut cursor) = (model.generations(&asked, words), Vec::new(), None);
                let mut grows = dice.roll(8) == 0;
                let asked = Filter { user: named(&held.store, asked.user.as_ref()).await, ..asked };
                loop {
                    let limit = dice.roll(9) as u32 + 1;
                    let page = generations(&held.store, &asked, limit, cursor.as_deref()).await.unwrap();
                    assert!(page.items.len() <= limit as usize);
                    found.extend(page.items.iter().map(|record| record.id));
                    cursor = page.next_cursor;
                    if cursor.is_none() {
                        break;
                    }
                    // While more comes, and the index goes on.
                    if std::mem::take(&mut grows) && asked.review.is_none() {
                        model.grow(&recorder, &mut dice).await;
                        index::catch_up(&held.store).await.unwrap();
                    }
                }
                assert_eq!(found, expected, "seed {seed}: {asked:?}");

                let (asked, words) = serve_filter(&mut dice, &model);
                let (expected, mut found, mut cursor) = (model.serves(&asked, words), Vec::new(), None);
                let mut grows = dice.roll(8) == 0;
                let asked = ServeFilter { user: named(&held.store, asked.user.as_ref()).await, ..asked };
                loop {
                    let limit = dice.roll(9) as u32 + 1;
                    let page = serves(&held.store, &asked, limit, cursor.as_deref()).await.unwrap();
                    assert!(page.items.len() <= limit as usize);
                    found.extend(page.items.into_iter().map(|serve| (serve.record.id, serve.text)));
                    cursor = page.next_cursor;
                    if cursor.is_none() {
                        break;
                    }
                    if std::mem::take(&mut grows) {
                        model.grow(&recorder, &mut dice).await;
                        index::catch_up(&held.store).await.unwrap();
                    }
                }
                assert_eq!(found, expected, "seed {seed}: {asked:?}");
            }
            if let Some((record, shown)) = model.serves.get(dice.roll(30) as usize) {
                let found = serve(&held.store, record.id).await.unwrap();
                let there = !model.pruned.contains(&record.id);
                assert_eq!(found.map(|serve| serve.record.id), there.then_some(record.id), "{shown:?}");
            }
            let (asked, words) = serve_filter(&mut dice, &model);
            let when = at(dice.roll(1_000) as i64);
            let really = ServeFilter { user: named(&held.store, asked.user.as_ref()).await, ..asked.clone() };
            let near = serves_around(&held.store, &really, when, 7).await.unwrap();
            let distance = |id: Uuid| {
                let (record, _) = model.serves.iter().find(|(record, _)| record.id == id).unwrap();
                record.at.duration_since(when).abs()
            };
            let mut expected: Vec<_> =
                model.serves(&asked, words).iter().map(|(id, _)| distance(*id)).collect();
            expected.retain(|distance| *distance <= SignedDuration::from_mins(5));
            expected.sort_unstable();
            expected.truncate(7);
            let near: Vec<_> = near.items.iter().map(|serve| distance(serve.record.id)).collect();
            assert_eq!(near, expected, "seed {seed}: {asked:?}");
        }
        recorder.close().await;
    }
}
