//! Texts with what they are judged against, as far as the log and the catalogue still tell.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use moka::sync::Cache;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::audit::texts::OwnText;
use crate::audit::{GenerationPayload, GenerationRecord, Outcome};
use crate::catalogue;
use crate::guardrail::{
    Approved, Bans, Difference, Draft, Ground, Guardrails, Judgement, Known, Opinions, Prepared, Subject,
    Verdict, approve, facts_hash,
};
use crate::policy::Copy;
use crate::store::{Store, StoreError};
use crate::words::Locale;

/// How much memory facts may take, in bytes, by rough measure.
const MEMORY: u64 = 256 * 1024 * 1024;
/// How much larger facts are in memory than their texts, with what rules keep of them.
const IN_MEMORY: usize = 12;
/// What one product takes beside its facts, in bytes.
const BESIDE: usize = 1_000;

static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// What is true of a product, without what the public wrote of it.
#[derive(Debug, Default)]
pub struct Facts {
    map: Map<String, Value>,
    hash: [u8; 32],
    prepared: Prepared,
}

impl Facts {
    /// Facts as they were given; what the declared attributes of `copy` call public is taken away.
    pub fn of(map: Map<String, Value>, copy: Option<&Copy>) -> Self {
        let trusted = copy.and_then(|copy| copy.segments.attributes.trusted(&map));
        let map = trusted.unwrap_or(map);
        Self { hash: facts_hash(&map), map, prepared: Prepared::default() }
    }
}

impl Facts {
    /// The facts.
    pub(super) fn map(&self) -> &Map<String, Value> {
        &self.map
    }
}

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A generation wrote it.
    Generation(Uuid),
    /// People wrote it, and it was shown: its hash.
    Own(String),
    /// It was given, under this id.
    Given(String),
}

/// A text with all that it is judged against.
#[derive(Clone, Debug)]
pub struct Text {
    /// Where it comes from.
    pub origin: Origin,
    /// When it was written, or shown last.
    pub at: Option<Timestamp>,
    /// The text.
    pub text: String,
    /// The placement; `None` when that is not known.
    pub placement: Option<String>,
    /// The locale of the text; `None` when that is not known.
    pub locale: Option<Locale>,
    /// The product's id.
    pub product: Option<String>,
    /// What is true of the product.
    pub facts: Arc<Facts>,
    /// Whether those facts are the product's own, not just what its prompt said of it.
    pub facts_known: bool,
    /// The attributes of the moment, as far as they are known.
    pub context: Map<String, Value>,
    /// The declared inputs that were given to the model.
    pub inputs: Map<String, Value>,
    /// The system message that was given to the model.
    pub instructions: Option<String>,
    /// Whether people wrote it.
    pub prewritten: bool,
    /// Whether it was used.
    pub used: bool,
    /// How often it was shown in the time looked at.
    pub serves: u64,
}

impl Text {
    /// What a generation wrote: the text that passed, or the last that was blocked. `None` when that is not there any more.
    pub fn of_generation(
        record: &GenerationRecord,
        payload: GenerationPayload,
        facts: Option<Arc<Facts>>,
        copy: &Copy,
    ) -> Option<Self> {
        let used = record.outcome == Outcome::Passed;
        let text = if used { payload.text } else { payload.raw_texts.into_iter().next_back().flatten() }?;
        let Value::Object(inputs) = payload.inputs else { return None };
        let part = |name: &str| inputs.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let facts_known = facts.is_some();
        let facts = facts.unwrap_or_else(|| Arc::new(Facts::of(part("product"), Some(copy))));
        let messages = payload.messages.as_array().map(Vec::as_slice).unwrap_or_default();
        let system = messages.iter().find(|message| message.get("role").is_some_and(|role| role == "system"));
        let instructions = system.and_then(|message| message.get("content")?.as_str()).map(str::to_owned);
        Some(Self {
            origin: Origin::Generation(record.id),
            at: Some(record.finished),
            text,
            placement: Some(record.placement.to_string()),
            locale: Locale::parse(&record.locale),
            product: record.product.clone(),
            facts,
            facts_known,
            context: part("context"),
            inputs,
            instructions,
            prewritten: false,
            used,
            serves: 0,
        })
    }

    /// What people wrote, where it was shown.
    pub(super) fn of_people(own: &OwnText, text: String, facts: Option<Arc<Facts>>) -> Self {
        Self {
            origin: Origin::Own(own.hash.clone()),
            at: None,
            text,
            placement: Some(own.placement.clone()),
            locale: Locale::parse(&own.locale),
            product: own.product.clone(),
            facts_known: facts.is_some() || own.product.is_none(),
            facts: facts.unwrap_or_default(),
            context: Map::new(),
            inputs: Map::new(),
            instructions: None,
            prewritten: true,
            used: true,
            serves: 0,
        }
    }

    /// What it is judged against at an instant, with what second models are known to have said.
    pub fn ground<'g>(&'g self, at: Timestamp, known: &'g dyn Known) -> Ground<'g> {
        Ground {
            facts: &self.facts.map,
            facts_hash: self.facts.hash,
            prepared: Some(&self.facts.prepared),
            context: &self.context,
            placement: self.placement.as_deref(),
            locale: self.locale.as_ref(),
            inputs: if self.prewritten { &NOTHING } else { &self.inputs },
            instructions: self.instructions.as_deref(),
            at,
            opinions: if self.prewritten { Opinions::Prewritten } else { Opinions::Known(known) },
        }
    }

    /// The same for whoever wants all findings.
    pub(super) fn subject<'g>(&'g self, at: Timestamp, known: &'g dyn Known) -> Subject<'g> {
        let Ground { facts, context, placement, locale, inputs, instructions, at, opinions, .. } =
            self.ground(at, known);
        Subject { text: &self.text, facts, context, placement, locale, inputs, instructions, at, opinions }
    }

    /// Approves it as a page's copy is: by the bans, the rules, then by the placement's own limit.
    ///
    /// # Errors
    /// The judgement, when it does not pass.
    pub fn approve(
        &self,
        guardrails: &Guardrails,
        bans: &Bans,
        copy: Option<&Copy>,
        at: Timestamp,
        known: &dyn Known,
    ) -> Result<Approved, Judgement> {
        let approved = approve(guardrails, bans, &Draft::new(self.text.as_str()), &self.ground(at, known))?;
        let placement = copy.zip(self.placement.as_deref()).and_then(|(copy, id)| copy.prompts.placement(id));
        match placement.and_then(|placement| placement.over_limit(approved.text())) {
            None => Ok(approved),
            Some(_) => Err(Judgement {
                verdict: Verdict::Repair,
                findings: approved.findings().to_vec(),
                fixed: None,
                evidence: Vec::new(),
                valid_until: None,
            }),
        }
    }

    /// Whether two sets of rules are certain to come to the same of it.
    pub(super) fn is_the_same_to(&self, difference: &Difference, at: Timestamp, known: &dyn Known) -> bool {
        difference.says_the_same(&self.text, &self.ground(at, known))
    }

    /// The hash of the text and of all that it is judged against but the moment: what is the same is judged once.
    pub(super) fn hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| _ = hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        part(self.text.as_bytes());
        part(&self.facts.hash);
        part(self.placement.as_deref().unwrap_or_default().as_bytes());
        part(self.locale.as_ref().map(Locale::as_str).unwrap_or_default().as_bytes());
        part(self.instructions.as_deref().unwrap_or_default().as_bytes());
        part(&facts_hash(&self.context));
        part(&facts_hash(&self.inputs));
        part(&[u8::from(self.prewritten), u8::from(self.used)]);
        *hasher.finalize().as_bytes()
    }
}

/// The facts of products, read from the catalogue as it is today.
pub(super) struct Products {
    store: Store,
    copy: Arc<Copy>,
    memory: Cache<String, Option<Arc<Facts>>>,
}

impl Products {
    pub(super) fn new(store: Store, copy: Arc<Copy>) -> Self {
        let weigh = |id: &String, facts: &Option<Arc<Facts>>| {
            let facts = facts.as_ref().map_or(0, |facts| size(&facts.map) * IN_MEMORY);
            u32::try_from(BESIDE + id.len() + facts).unwrap_or(u32::MAX)
        };
        Self { store, copy, memory: Cache::builder().max_capacity(MEMORY).weigher(weigh).build() }
    }

    /// The copy whose attributes say what the public wrote.
    pub(super) fn copy(&self) -> &Copy {
        &self.copy
    }

    /// The facts of these products; those that the catalogue lacks are left out.
    pub(super) async fn of(&self, ids: HashSet<String>) -> Result<HashMap<String, Arc<Facts>>, StoreError> {
        let (mut found, mut asked) = (HashMap::with_capacity(ids.len()), Vec::new());
        for id in ids {
            match self.memory.get(&id) {
                Some(known) => found.extend(known.map(|facts| (id, facts))),
                None => asked.push(id),
            }
        }
        let there = catalogue::look_up_many(&self.store, &asked).await?;
        for (id, map) in there {
            let facts = Arc::new(Facts::of(map, Some(&self.copy)));
            self.memory.insert(id.clone(), Some(Arc::clone(&facts)));
            found.insert(id, facts);
        }
        for id in asked.into_iter().filter(|id| !found.contains_key(id)).collect::<Vec<_>>() {
            self.memory.insert(id, None);
        }
        Ok(found)
    }
}

/// The size of facts, in bytes of their names and texts.
fn size(map: &Map<String, Value>) -> usize {
    fn of(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(of).sum(),
            Value::Object(map) => size(map),
            Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        }
    }
    map.iter().map(|(name, value)| name.len() + of(value)).sum()
}
