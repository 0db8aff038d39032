//! All that the log holds of one person: their serves, and the copy that was written for them alone.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aho_corasick::AhoCorasick;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::index::{self, Field, LINES};
use super::records::{self, GenerationRecord, Record, ServeRecord};
use super::user;
use crate::store::StoreError;
use crate::store::forget::{AboutEntry, GenerationEntry, Look};
use crate::words::Tier;

/// The last entry in which an older version may have named a user.
const NAMED: &str = "named";
/// How many erasures there were.
const ERASURES: &str = "erasures";
/// How many blocks are asked for at once.
const PAGE: u32 = 64;

/// What was found of a person in the log up to one entry.
pub(super) struct Trace {
    /// The names under which their records stand.
    pub(super) names: Vec<String>,
    /// What they were shown.
    pub(super) serves: Vec<ServeRecord>,
    /// Copy for one user that they were shown or that was written for them, and whether somebody else was shown it who was
    /// not erased.
    pub(super) generations: BTreeMap<Uuid, bool>,
    /// Such copy as it stands beside serves, since a rule corrected it, and whether somebody else was, likewise.
    pub(super) texts: BTreeMap<String, bool>,
    /// Whether serves are kept with the outcomes of their conditions.
    whole: bool,
    known: Known,
    upto: i64,
}

/// Whose names can still be told from nobody's: those of people who were erased are nobody's any more.
#[derive(Default)]
struct Known {
    /// Up to this entry older versions named users; those names are not told from each other, and each counts.
    older: i64,
    /// Up to this entry a name counts that is among these. Who was named later was there when they were read.
    upto: i64,
    /// The beginnings of all names that users have now; `None` where nobody was erased yet.
    names: Option<HashSet<u64>>,
}

impl Known {
    async fn read(look: &mut Look<'_>) -> Result<Self, StoreError> {
        let (older, upto) = (look.number(NAMED).await?, look.last().await?);
        if look.number(ERASURES).await? == 0 {
            return Ok(Self { older, upto, names: None });
        }
        let (mut names, mut after) = (HashSet::new(), Vec::new());
        loop {
            let page = look.users(&after).await?;
            let Some((last, _)) = page.last() else { break };
            after.clone_from(last);
            for (digest, own) in &page {
                let (Ok(digest), Ok(own)) = (digest.as_slice().try_into(), own.as_slice().try_into()) else {
                    continue;
                };
                names.extend(
                    [user::reference(own, digest), older_name(digest)]
                        .iter()
                        .filter_map(|name| Self::beginning(name)),
                );
            }
        }
        Ok(Self { older, upto, names: Some(names) })
    }

    fn beginning(name: &str) -> Option<u64> {
        name.get(..16).and_then(|beginning| u64::from_str_radix(beginning, 16).ok())
    }

    /// Whether this is the name of somebody, in this entry.
    fn is_somebody(&self, seq: i64, name: &str) -> bool {
        let Some(names) = self.names.as_ref().filter(|_| seq > self.older && seq <= self.upto) else {
            return true;
        };
        Self::beginning(name).is_none_or(|beginning| names.contains(&beginning))
    }
}

/// A generation that is a person's own, with what stands beside it.
pub(super) struct Own {
    pub(super) seq: i64,
    pub(super) record: GenerationRecord,
    pub(super) entry: GenerationEntry,
    pub(super) about: Vec<AboutEntry>,
}

/// The names under which the log may hold records of the user with this digest.
pub(super) async fn names(look: &mut Look<'_>, digest: &[u8; 32]) -> Result<Vec<String>, StoreError> {
    let own = look.user(digest).await?.map(|own| user::reference(&own, digest));
    Ok(own.into_iter().chain([older_name(digest)]).collect())
}

/// The name that older versions gave the user with this digest.
pub(super) fn older_name(digest: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*digest).to_hex().to_string()
}

impl Trace {
    /// Of a person with these names, with nothing found yet. `whole`: serves are kept with the outcomes of their conditions.
    pub(super) fn of(names: Vec<String>, whole: bool) -> Self {
        let (serves, generations, texts, known) = Default::default();
        Self { names, serves, generations, texts, whole, known, upto: 0 }
    }

    /// Looks at what came since the last look.
    pub(super) async fn extend(&mut self, look: &mut Look<'_>) -> Result<(), StoreError> {
        let (last, indexed) = (look.last().await?, index::reaches(look).await?);
        if self.upto == 0 {
            self.known = Known::read(look).await?;
        }
        let mut entries = BTreeSet::new();
        for name in &self.names {
            let (term, mut before) = (Field::User.term(name), indexed + 1);
            entries.extend(look.generations_with(&term, self.upto).await?);
            loop {
                let page = look.blocks_with(&term, (self.upto, before), LINES, PAGE).await?;
                let Some(oldest) = page.last() else { break };
                before = *oldest;
                entries.extend(page);
            }
        }
        let known = self.shared_by();
        let needles = self.names.iter().chain(known.keys()).cloned().collect();
        let needles = Needles::new(needles)?;
        for seq in entries.range(..=indexed) {
            let bytes = look.bytes(*seq).await?.unwrap_or_default();
            needles.read(*seq, &bytes, |seq, record| self.take(seq, record));
        }
        needles.scan(look, self.upto.max(indexed), |seq, record| self.take(seq, record)).await?;
        // What was known is told of others by what came since; what turned up only now, by all of the log.
        let new: BTreeMap<_, _> =
            self.shared_by().into_iter().filter(|(value, _)| !known.contains_key(value)).collect();
        for (value, field) in &known {
            self.look_for_others(look, (*field, value), (self.upto, indexed + 1)).await?;
        }
        for (value, field) in &new {
            self.look_for_others(look, (*field, value), (0, indexed + 1)).await?;
        }
        let needles = Needles::new(new.into_keys().collect())?;
        needles.scan(look, indexed, |seq, record| self.note_others(seq, &record)).await?;
        self.upto = last;
        Ok(())
    }

    /// Asks the index who else was shown a generation or a text, until somebody is found.
    async fn look_for_others(
        &mut self,
        look: &mut Look<'_>,
        (field, value): (Field, &String),
        (after, mut before): (i64, i64),
    ) -> Result<(), StoreError> {
        let (term, needles) = (field.term(value), Needles::new(vec![value.clone()])?);
        if field == Field::Generation
            && let Some(generation) = look.generation(value).await?
        {
            needles.read(generation.seq, &generation.bytes, |seq, record| self.note_others(seq, &record));
        }
        loop {
            let shared = match field {
                Field::Text => self.texts.get(value).copied(),
                _ => value.parse().ok().and_then(|id: Uuid| self.generations.get(&id).copied()),
            };
            if shared.unwrap_or(true) {
                return Ok(());
            }
            let page = look.blocks_with(&term, (after, before), LINES, PAGE).await?;
            let Some(oldest) = page.last() else { return Ok(()) };
            before = *oldest;
            for seq in page {
                let bytes = look.bytes(seq).await?.unwrap_or_default();
                needles.read(seq, &bytes, |seq, record| self.note_others(seq, &record));
            }
        }
    }

    /// What records of others hold where they were shown the same copy.
    fn shared_by(&self) -> BTreeMap<String, Field> {
        let generations = self.generations.keys().map(|id| (id.to_string(), Field::Generation));
        generations.chain(self.texts.keys().map(|hash| (hash.clone(), Field::Text))).collect()
    }

    fn take(&mut self, seq: i64, record: Record) {
        self.note_others(seq, &record);
        match record {
            Record::Serve(mut serve) if self.is_theirs(serve.user.as_ref()) => {
                if let Some(generation) = serve.generation_id.filter(|_| serve.tier == Tier::User) {
                    self.generations.entry(generation).or_default();
                    if let Some(hash) = &serve.text_hash {
                        self.texts.entry(hash.clone()).or_default();
                    }
                }
                if !self.whole {
                    serve.conditions = RawValue::NULL.to_owned();
                }
                self.serves.push(*serve);
            }
            Record::Generation(stored) if self.is_theirs(stored.record.user.as_ref()) => {
                self.generations.entry(stored.record.id).or_default();
            }
            _ => {}
        }
    }

    fn note_others(&mut self, seq: i64, record: &Record) {
        match record {
            // Somebody who is not known may be anybody.
            Record::Serve(serve) if serve.user.as_ref().is_none_or(|user| self.is_another(seq, user)) => {
                let shown = serve.generation_id.and_then(|id| self.generations.get_mut(&id));
                let text = serve.text_hash.as_ref().and_then(|hash| self.texts.get_mut(hash));
                shown.into_iter().chain(text).for_each(|others| *others = true);
            }
            Record::Generation(stored)
                if stored.record.user.as_ref().is_some_and(|user| self.is_another(seq, user)) =>
            {
                let others = self.generations.get_mut(&stored.record.id);
                others.into_iter().for_each(|others| *others = true);
            }
            _ => {}
        }
    }

    fn is_theirs(&self, user: Option<&String>) -> bool {
        user.is_some_and(|user| self.names.contains(user))
    }

    /// Whether a name is somebody else's who was not erased.
    fn is_another(&self, seq: i64, user: &String) -> bool {
        !self.names.contains(user) && self.known.is_somebody(seq, user)
    }

    /// The generations that are theirs and nobody else's.
    pub(super) fn own(&self) -> impl Iterator<Item = Uuid> {
        self.generations.iter().filter(|(_, others)| !**others).map(|(id, _)| *id)
    }

    /// How many were shown to others too.
    pub(super) fn shared(&self) -> usize {
        self.generations.values().filter(|others| **others).count()
    }

    /// The slots of the answers that are kept for them, and those answers.
    pub(super) async fn answers(&self, look: &mut Look<'_>) -> Result<Vec<(String, String)>, StoreError> {
        #[derive(serde::Deserialize)]
        struct Names {
            generation_id: Option<Uuid>,
            serve_id: Uuid,
        }
        let serves: HashSet<Uuid> = self.serves.iter().map(|serve| serve.id).collect();
        let own: BTreeSet<Uuid> = self.own().collect();
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = look.answers(&after).await?;
            let Some((last, _)) = page.last() else { return Ok(found) };
            after.clone_from(last);
            found.extend(page.into_iter().filter(|(_, answer)| {
                serde_json::from_str::<Names>(answer).is_ok_and(|names| {
                    serves.contains(&names.serve_id)
                        || names.generation_id.is_some_and(|id| own.contains(&id))
                })
            }));
        }
    }
}

/// A generation whole; `None` when retention has deleted it.
pub(super) async fn read_own(look: &mut Look<'_>, id: Uuid) -> Result<Option<Own>, StoreError> {
    let name = id.to_string();
    let Some(entry) = look.generation(&name).await? else { return Ok(None) };
    let record = match records::decode(&entry.bytes) {
        Ok(Record::Generation(stored)) => stored.record,
        _ => return Err(StoreError::Corrupt(format!("entry {} is no generation", entry.seq))),
    };
    let about = look.about(&name).await?;
    Ok(Some(Own { seq: entry.seq, record, entry, about }))
}

/// Words that lines are read for.
pub(super) struct Needles(Option<AhoCorasick>);

impl Needles {
    pub(super) fn new(needles: Vec<String>) -> Result<Self, StoreError> {
        if needles.is_empty() {
            return Ok(Self(None));
        }
        let too_many = |_| StoreError::Corrupt("too much to look for at once".into());
        AhoCorasick::new(needles).map(Some).map(Self).map_err(too_many)
    }

    /// Reads those lines of an entry that hold one of the words.
    fn read(&self, seq: i64, bytes: &[u8], mut found: impl FnMut(i64, Record)) {
        let Some(needles) = self.0.as_ref().filter(|needles| needles.is_match(bytes)) else { return };
        // A record of its own is one line.
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| needles.is_match(*line)) {
            match records::decode(line) {
                Ok(record) => found(seq, record),
                Err(error) => {
                    tracing::error!(%error, seq, "a record cannot be read; run `copyrail audit verify`");
                }
            }
        }
    }

    /// Reads every serve and every generation after entry `after` that holds one of the words.
    pub(super) async fn scan(
        &self,
        look: &mut Look<'_>,
        mut after: i64,
        mut found: impl FnMut(i64, Record),
    ) -> Result<(), StoreError> {
        while self.0.is_some() {
            let page = look.blocks(after).await?;
            let Some((last, ..)) = page.last() else { break };
            after = *last;
            for (seq, _, bytes) in &page {
                self.read(*seq, bytes, &mut found);
            }
        }
        Ok(())
    }
}
