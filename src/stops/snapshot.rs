//! The snapshot: everything that is stopped, rejected and purged at one moment, ready to be asked for each answer.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use uuid::Uuid;

use super::register::{Register, Stop, wordings};
use crate::audit::{PurgeScope, StopKind};
use crate::guardrail::{Ban, Banned, Bans, Wording, Wordings};

/// What copy is about, as far as a stop or a purge may name it.
#[derive(Clone, Copy, Debug, Default)]
pub struct About<'a> {
    /// The product's id.
    pub product: Option<&'a str>,
    /// The placement.
    pub placement: Option<&'a str>,
    /// The segment.
    pub segment: Option<&'a str>,
    /// The template.
    pub template: Option<&'a str>,
}

/// A stop that holds copy back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Halt {
    /// Its id.
    pub id: Uuid,
    /// What kind of thing is stopped.
    pub kind: StopKind,
    /// Whether pre-written copy is stopped too.
    pub prewritten: bool,
}

/// All that is in force at one moment. [`Default`] stops nothing. Requests pin it from start to end, and look once more before they let go of a text.
#[derive(Debug, Default)]
pub struct Stops {
    bans: Bans,
    halts: HashMap<(StopKind, String), Halt>,
    models: BTreeSet<String>,
    rejected: HashMap<[u8; 32], Rejected>,
    purges: Purges,
    /// Whether no product, placement, segment, template or model is stopped.
    nothing_halts: bool,
    /// Of what it was made.
    register: Register,
    /// Which of the snapshots of this process it is, from 0.
    pub(super) edition: u64,
    /// How many answers that were looked over under it are on their way out.
    pub(super) leaving: AtomicUsize,
}

impl Stops {
    /// The snapshot of what is in force.
    pub fn of(register: Register, edition: u64) -> Self {
        let mut bans = Vec::new();
        let (mut halts, mut models) = (HashMap::new(), BTreeSet::new());
        for stop in register.in_force() {
            let Stop { id, kind, value, prewritten, reason, .. } = stop;
            let ban = |what| Ban { id: id.to_string(), reason: reason.clone(), what };
            match kind {
                StopKind::Phrase => bans.push(ban(Banned::Phrase(value.clone()))),
                StopKind::Text => {
                    let wordings = wordings(value).unwrap_or_default();
                    bans.extend(wordings.into_iter().map(|wording| ban(Banned::Wording(wording))));
                }
                StopKind::Model => {
                    models.insert(model(value));
                }
                StopKind::Product | StopKind::Placement | StopKind::Segment | StopKind::Template => {}
            }
            if !matches!(kind, StopKind::Phrase | StopKind::Text) {
                let name = if *kind == StopKind::Model { model(value) } else { value.clone() };
                let halt =
                    halts.entry((*kind, name)).or_insert(Halt { id: *id, kind: *kind, prewritten: false });
                if *prewritten && !halt.prewritten {
                    *halt = Halt { id: *id, kind: *kind, prewritten: true };
                }
            }
        }
        let mut rejected: HashMap<[u8; 32], Vec<Wording>> = HashMap::new();
        for rejection in register.rejections.values() {
            for key in rejection.cache_key.split(' ').filter_map(|key| blake3::Hash::from_hex(key).ok()) {
                rejected.entry(*key.as_bytes()).or_default().extend(&rejection.wordings);
            }
        }
        let rejected = rejected.into_iter().map(|(key, all)| (key, Rejected::of(all))).collect();
        let purges =
            Purges::of(register.purges.values().map(|purge| (&purge.scope, purge.at.as_millisecond())));
        let nothing_halts = halts.is_empty();
        Self {
            bans: Bans::new(bans),
            halts,
            models,
            rejected,
            purges,
            nothing_halts,
            register,
            edition,
            leaving: AtomicUsize::new(0),
        }
    }

    /// Whether it was made of the same.
    pub(super) fn is_of(&self, register: &Register) -> bool {
        self.register == *register
    }

    /// The stop of that id, whether it is in force or not.
    pub fn stop(&self, id: Uuid) -> Option<&Stop> {
        self.register.stops.get(&id)
    }

    /// All that it was made of.
    pub fn register(&self) -> &Register {
        &self.register
    }

    /// The bans on texts.
    pub fn bans(&self) -> &Bans {
        &self.bans
    }

    /// Whether any product, placement, segment, template or model is stopped.
    pub fn halt_anything(&self) -> bool {
        !self.nothing_halts
    }

    /// The stops that hold back copy about this; the first is one that stops pre-written copy too, where any does.
    pub fn over(&self, about: &About<'_>) -> Vec<Halt> {
        if self.nothing_halts {
            return Vec::new();
        }
        let About { product, placement, segment, template } = *about;
        let named = [
            (StopKind::Product, product),
            (StopKind::Placement, placement),
            (StopKind::Segment, segment),
            (StopKind::Template, template),
        ];
        let mut all: Vec<Halt> = named
            .into_iter()
            .filter_map(|(kind, name)| self.halts.get(&(kind, name?.to_owned())).copied())
            .collect();
        all.sort_by_key(|halt| !halt.prewritten);
        all
    }

    /// The stop that bans a text as one that was taken down.
    pub fn taken_down(&self, text: &str) -> Option<Uuid> {
        let stops = self.bans.find(text).into_iter();
        let ids = stops.filter_map(|finding| finding.rule.strip_prefix("stop.")?.parse().ok());
        ids.into_iter().find(|id| self.stop(*id).is_some_and(|stop| stop.kind == StopKind::Text))
    }

    /// The stop on a model, by the name that it was asked or answered under.
    pub fn over_model(&self, name: &str) -> Option<Halt> {
        if self.models.is_empty() {
            return None;
        }
        self.halts.get(&(StopKind::Model, model(name))).copied()
    }

    /// The models that are not to write.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(String::as_str)
    }

    /// Whether a person rejected a text for the question of that key: the same words, or more around five of them or more.
    pub fn rejected(&self, key: &[u8; 32], text: &str) -> bool {
        !self.rejected.is_empty() && self.rejected.get(key).is_some_and(|all| all.wordings.catch(text))
    }

    /// The hash of a ground, told apart by what was rejected for that key: what came to nothing on account of that may not
    /// once it is approved.
    pub fn ground_of(&self, key: &[u8; 32], ground: [u8; 32]) -> [u8; 32] {
        match self.rejected.get(key).filter(|_| !self.rejected.is_empty()) {
            None => ground,
            Some(rejected) => {
                *blake3::Hasher::new().update(&ground).update(&rejected.hash).finalize().as_bytes()
            }
        }
    }

    /// Whether any generation was purged by its id.
    pub fn purged_by_id(&self) -> bool {
        self.purges.named.iter().any(|named| named & 1 << 4 != 0)
    }

    /// Whether copy that a generation wrote was purged.
    pub fn purged(&self, generation: Uuid, about: &About<'_>) -> bool {
        if self.purges.named.is_empty() {
            return false;
        }
        let begun = generation.get_timestamp().map_or(0, |at| {
            let (seconds, nanos) = at.to_unix();
            i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000) + i64::from(nanos / 1_000_000)
        });
        self.purges.cover(begun, generation, about)
    }

    /// How many answers that were looked over under it are on their way out.
    pub(super) fn on_their_way(&self) -> usize {
        self.leaving.load(Ordering::SeqCst)
    }
}

/// A model's name as it is compared: servers do not agree on its capitals.
fn model(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

/// What was rejected for one question.
#[derive(Debug)]
struct Rejected {
    wordings: Wordings,
    hash: [u8; 32],
}

impl Rejected {
    fn of(all: Vec<Wording>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for wording in &all {
            hasher.update(wording.to_string().as_bytes()).update(b" ");
        }
        Self { wordings: all.into_iter().collect(), hash: *hasher.finalize().as_bytes() }
    }
}

/// The latest purge of each scope.
#[derive(Debug, Default)]
struct Purges {
    /// By what is named: bit 0 product, 1 placement, 2 segment, 3 template, 4 generation.
    named: BTreeSet<u8>,
    latest: HashMap<[u8; 32], i64>,
    /// The latest of all, in milliseconds since 1970; what was begun later is covered by none.
    newest: i64,
}

impl Purges {
    fn of<'p>(purges: impl Iterator<Item = (&'p PurgeScope, i64)>) -> Self {
        let mut all = Self { newest: i64::MIN, ..Self::default() };
        for (scope, at) in purges {
            let PurgeScope { product, placement, segment, template, generation } = scope;
            let generation = generation.map(|id| id.to_string());
            let parts = [product, placement, segment, template, &generation].map(Option::as_deref);
            let named =
                parts.iter().enumerate().fold(0, |bits, (i, part)| bits | u8::from(part.is_some()) << i);
            all.named.insert(named);
            let latest = all.latest.entry(scope_key(named, &parts)).or_insert(at);
            *latest = (*latest).max(at);
            all.newest = all.newest.max(at);
        }
        all
    }

    fn cover(&self, begun: i64, generation: Uuid, about: &About<'_>) -> bool {
        if begun > self.newest {
            return false;
        }
        let generation = generation.to_string();
        let parts =
            [about.product, about.placement, about.segment, about.template, Some(generation.as_str())];
        let covers = |named: &u8| self.latest.get(&scope_key(*named, &parts)).is_some_and(|at| begun <= *at);
        self.named.iter().any(covers)
    }
}

/// The hash of the parts that are named.
fn scope_key(named: u8, parts: &[Option<&str>; 5]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[named]);
    for (_, part) in parts.iter().enumerate().filter(|(i, _)| named & 1 << i != 0) {
        hasher.update(&[u8::from(part.is_some())]);
        let part = part.unwrap_or_default();
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    *hasher.finalize().as_bytes()
}
