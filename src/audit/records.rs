//! What the log says. Every record carries the version of its format and its type; fields are only ever added, and
//! readers pass over those they do not know.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::words::{Micros, PlacementId, Purpose, Reason, Revision, SegmentId, Source, TemplateId, Tier};

/// The format version that records are written with, as `v`.
pub const FORMAT: u32 = 1;

/// How a generation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The guardrails passed the text.
    Passed,
    /// The guardrails blocked it.
    Blocked,
    /// There was no text: the LLM failed, refused or was cut off.
    Failed,
    /// It was given up before it ended, at a time-out or a shutdown.
    Abandoned,
}

impl Outcome {
    /// The word for it, in records and searches.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Blocked => "blocked",
            Outcome::Failed => "failed",
            Outcome::Abandoned => "abandoned",
        }
    }
}

/// The evidence of one generation: nothing in it may hold personal data, for it is never erased.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerationRecord {
    /// Its id, a UUID v7.
    pub id: Uuid,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// For which placement.
    pub placement: PlacementId,
    /// For which segment.
    pub segment: SegmentId,
    /// By which template.
    pub template: TemplateId,
    /// Under which policy.
    pub revision: Revision,
    /// The hash of the guardrails that judged it.
    pub guardrails: String,
    /// The product's id.
    pub product: Option<String>,
    /// The locale it was written for.
    pub locale: String,
    /// The cache key, in lowercase hex.
    pub cache_key: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it did not pass.
    pub reason: Option<Reason>,
    /// The model that wrote the text, as it named itself.
    pub model: Option<String>,
    /// An array: each attempt's model, finish reason, usage, cost, latency, upstream id and error, without its text.
    pub attempts: Value,
    /// An array: each finding's rule, level and action, without what it matched.
    pub findings: Value,
    /// An array: the ids of the evidence on which its claims were allowed.
    pub evidence: Value,
    /// What all attempts cost.
    pub cost: Micros,
    /// The trace it was part of.
    pub trace_id: Option<String>,
    /// What it was for; absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// From when on its text is served only while another one is written; absent where there is no text to serve, and in older
    /// records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stale: Option<Timestamp>,
    /// From when on its text is not served any more; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The user whose page had it written, where it is copy for one user alone: see [`ServeRecord::user`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether a person must approve its text before it is first served.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approval: bool,
    /// The earlier generation that a model wrote this text in, judged again by other rules: nothing was asked of a model for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejudged: Option<Uuid>,
    /// The models that wrote that one, by the names that they were asked and answered under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written_by: Vec<String>,
    /// Where a person must approve its text: the key that the question has while nobody must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain_key: Option<String>,
    /// Of a text that a person wrote in place of another one: whose it took the place of, and who that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<Edited>,
}

/// A person's edit of the text of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edited {
    /// The generation whose text was edited.
    pub from: Uuid,
    /// The name of the key, or of the person, that edited it.
    pub by: String,
}

impl GenerationRecord {
    /// The models that wrote its text, by the names that they were asked and answered under; some more than once.
    pub fn writers(&self) -> impl Iterator<Item = &str> {
        let last = self.attempts.as_array().and_then(|attempts| attempts.last());
        let named = move |field: &str| last.and_then(|attempt| attempt.get(field)).and_then(Value::as_str);
        let names = [named("model_asked"), named("model_answering"), self.model.as_deref()];
        names.into_iter().flatten().chain(self.written_by.iter().map(String::as_str))
    }
}

/// What stands beside a generation's record, and can be erased: it may hold personal data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GenerationPayload {
    /// The declared inputs as banded: all that went into the key.
    pub inputs: Value,
    /// The product facts that were read.
    pub facts: Value,
    /// The messages sent to the model.
    pub messages: Value,
    /// What each attempt wrote, before any rule, or was told instead of an answer; `None` where it was nothing.
    pub raw_texts: Vec<Option<String>>,
    /// The text that passed, as it may be served.
    pub text: Option<String>,
    /// What each finding matched, in the order of the record's findings.
    pub matches: Value,
}

/// A generation's record as it stands in the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredGeneration {
    /// The record.
    #[serde(flatten)]
    pub record: GenerationRecord,
    /// SHA-256 over the payload's salt and bytes, in hex.
    pub payload_hash: String,
}

/// What a person did with a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReviewAction {
    /// Its text may be served where a person must have approved it.
    Approve,
    /// Its text is not served any more.
    Reject,
    /// As reject, of a text that was shown already.
    Takedown,
    /// Somebody should look at it.
    Flag,
    /// Something is said of it.
    Note,
    /// An earlier approval, rejection or flag of the same person holds no longer; what held before it holds again.
    Undo,
}

impl ReviewAction {
    /// What it decides by itself; `None` when nothing.
    pub fn decision(self) -> Option<Decision> {
        match self {
            ReviewAction::Approve => Some(Decision::Approved),
            ReviewAction::Reject | ReviewAction::Takedown => Some(Decision::Rejected),
            ReviewAction::Flag | ReviewAction::Note | ReviewAction::Undo => None,
        }
    }
}

/// What the latest review that decides something decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// A person approved the text.
    Approved,
    /// A person rejected it.
    Rejected,
    /// Whoever decided undid it: it stands as if nobody ever had.
    Undecided,
}

impl Decision {
    /// The word for it, in the index and in searches.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Approved => "approved",
            Decision::Rejected => "rejected",
            Decision::Undecided => "undecided",
        }
    }
}

/// What a person decided on a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewRecord {
    /// Its id, a UUID v7.
    pub id: Uuid,
    /// On which generation.
    pub generation_id: Uuid,
    /// What they did.
    pub action: ReviewAction,
    /// When.
    pub at: Timestamp,
    /// The name of the key that they used.
    pub by: String,
    /// Of an undo: what holds no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<Undone>,
    /// Whether it is a second person's look at an approval: a note agrees with it, a rejection overturns it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second_look: bool,
}

impl ReviewRecord {
    /// What is decided from here on; `None` when that is what was decided before.
    pub fn decision(&self) -> Option<Decision> {
        self.action.decision().or_else(|| self.undoes.as_ref()?.holds)
    }
}

/// What an undo undoes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// The review that holds no longer.
    pub review: Uuid,
    /// What that did.
    pub action: ReviewAction,
    /// The decision that holds again; none of a flag, which decided nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<Decision>,
}

/// What stands beside a review's record, and can be erased: people write what they like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewPayload {
    /// What they said of it.
    pub note: String,
}

/// A review's record as it stands in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredReview {
    /// The record.
    #[serde(flatten)]
    pub record: ReviewRecord,
    /// SHA-256 over the payload's salt and bytes, in hex; none of a review without a note.
    pub payload_hash: Option<String>,
}

/// Whether what a rule makes of an answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictMode {
    /// It decides whether the text is used.
    Enforce,
    /// The rule is only being tried.
    Shadow,
}

/// What one rule made of a second model's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleVerdict {
    /// The rule's name.
    pub rule: String,
    /// Whether it counts.
    pub mode: VerdictMode,
    /// Whether the text passes; `None` without an answer that says so.
    pub passed: Option<bool>,
}

/// What a second model was asked about a generation's text, what it said, and what rules make of that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// Its id, a UUID v7.
    pub id: Uuid,
    /// Of which generation.
    pub generation_id: Uuid,
    /// When.
    pub at: Timestamp,
    /// What it was asked for: `judge` or `moderation`.
    pub service: String,
    /// The hash of what was asked.
    pub question: String,
    /// The hash of the guardrails that asked.
    pub guardrails: String,
    /// What each rule that asked this makes of it.
    pub rules: Vec<RuleVerdict>,
    /// What was answered, without the reason; null when nothing was.
    pub opinion: Value,
    /// Why there is no answer.
    pub error: Option<String>,
    /// An array: each attempt's model, finish reason, usage, cost, latency, upstream id and error, without its text. Empty
    /// when the answer was known already.
    pub attempts: Value,
    /// What all attempts cost.
    pub cost: Micros,
}

/// What stands beside a verdict, and can be erased: a reason may quote copy written for one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictPayload {
    /// Why, in the second model's words.
    pub reason: String,
}

/// A verdict's record as it stands in the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredVerdict {
    /// The record.
    #[serde(flatten)]
    pub record: VerdictRecord,
    /// SHA-256 over the payload's salt and bytes, in hex; none of a verdict without a reason.
    pub payload_hash: Option<String>,
}

/// One answer to a page.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServeRecord {
    /// Its id, a UUID v7.
    pub id: Uuid,
    /// When it was answered.
    pub at: Timestamp,
    /// On which placement.
    pub placement: PlacementId,
    /// To which segment.
    pub segment: SegmentId,
    /// Each condition's outcome, without the values it was decided by: a list, as JSON.
    pub conditions: Box<RawValue>,
    /// The product's id.
    pub product: Option<String>,
    /// The user. Whoever hands the record to the recorder names them by [`UserKey::hash`](super::UserKey::hash); the recorder
    /// puts in its place the hash of that under a key of the user's own, which can be erased. Older records keep the
    /// former.
    pub user: Option<String>,
    /// The kind of copy that was served.
    pub tier: Tier,
    /// Where it came from.
    pub source: Source,
    /// Why it was of a lower tier.
    pub reason: Option<Reason>,
    /// The generation that wrote the text.
    pub generation_id: Option<Uuid>,
    /// SHA-256 of a text that no generation wrote, under which it can be found again. The recorder fills it in.
    pub text_hash: Option<String>,
    /// From headers read to answer made, in microseconds.
    pub latency_us: u64,
    /// Under which policy.
    pub revision: Revision,
    /// The locale of the text.
    pub locale: String,
    /// The template that was chosen.
    pub template: Option<TemplateId>,
    /// Whether better copy was being written meanwhile.
    pub pending: bool,
    /// The serve whose answer this one repeated, for the same `idempotency-key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Uuid>,
    /// The generation whose text waits for a person, in whose place this was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits: Option<Uuid>,
    /// The serve that was recorded and then not shown, as its record was not durable in time: this one was shown instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<Uuid>,
}

/// A set of files was accepted or refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// When.
    pub at: Timestamp,
    /// Which set: `guardrails`, `prompts`.
    pub kind: String,
    /// The set's revision.
    pub hash: String,
    /// Whether it took effect.
    pub accepted: bool,
    /// The content hash of each file, by its path.
    pub files: BTreeMap<String, String>,
    /// An array of what was wrong.
    pub faults: Value,
    /// Who did it: a key's id, or `files` for an edit on disk.
    pub by: String,
}

/// What happened to an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyChange {
    /// It was made.
    Made,
    /// It was revoked.
    Revoked,
}

/// An API key was made or revoked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// When.
    pub at: Timestamp,
    /// The key's id.
    pub id: String,
    /// The person or system it is for.
    pub name: String,
    /// Its role.
    pub role: String,
    /// What happened.
    pub change: KeyChange,
}

/// A time in which answers may have been given that are not in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GapRecord {
    /// When the log could first not take a record.
    pub from: Timestamp,
    /// When it could again.
    pub to: Timestamp,
    /// How many serves were not recorded. 0 when the log failed but all could be written later, and when nobody can know.
    pub count: u64,
    /// Why; absent in older records, where it was the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<GapCause>,
}

/// Why records may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GapCause {
    /// The store could not be written; `count` is exact.
    Store,
    /// The service before this one did not end in order: what it answered in its last moments may be missing, and nobody
    /// counted it.
    Killed,
    /// The store was restored from a backup: what was recorded between that and then is not in it, and nobody can tell how
    /// much that was.
    Restored,
}

/// Entries of the chain by their numbers: the first and the last of a run.
pub type Run = (i64, i64);

/// A person's data was erased: the receipt. Nothing in it tells who they are, nor by which hash records named them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureRecord {
    /// Its id, a UUID v7.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// The name of the key, or of the person, that asked for it; `resumed` of one that was cut off, or carried out again in
    /// a store that was put back: who asked then is not kept.
    pub by: String,
    /// What they call the request, such as a ticket's number.
    pub reference: Option<String>,
    /// The entries whose payload was blanked.
    pub payloads: Vec<Run>,
    /// The hashes of the texts beside serves that were blanked.
    pub texts: Vec<String>,
    /// How many serves cannot be linked to the user any more.
    pub serves: u64,
    /// How many serves of an older version still name them by a hash that can be made again from their reference, until
    /// retention deletes them.
    pub older_serves: u64,
    /// How many generations were shown to others too who were not erased, and kept their text.
    pub shared: u64,
}

/// What retention deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retained {
    /// Blocks of serves: their bytes.
    Serves,
    /// What stands beside entries: prompts, texts, notes, reasons.
    Payload,
    /// Generations, and the reviews and verdicts on them: their bytes, and what they are found by.
    Generations,
}

/// What was too old to be kept was deleted: the receipt. The entries' hashes stay, and the chain holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionRecord {
    /// Its id, a UUID v7.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// What was deleted.
    pub what: Retained,
    /// All of it that was older than this and not held.
    pub before: Timestamp,
    /// Of which entries.
    pub entries: Vec<Run>,
    /// How many those are.
    pub count: u64,
    /// SHA-256 over a line for each of them, in order: its number, a blank, its hash, a line feed. Lowercase hex.
    pub digest: String,
}

/// What a legal hold covers: all that every field given says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HoldScope {
    /// One user, by the hash in their records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// One generation, and the serves of its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<Uuid>,
    /// One product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// One placement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// What is from this time on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What is before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A legal hold was placed or lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRecord {
    /// The hold's id, a UUID v7.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What is held.
    pub scope: HoldScope,
    /// Whether it was lifted.
    pub lifted: bool,
}

/// Payload was taken out of the log for somebody to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRecord {
    /// Its id, a UUID v7.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// What for: `export`, `case`, `subject`.
    pub what: String,
    /// Of what, in the words of the command, without anything of a person.
    pub of: String,
}

/// What a stop bans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopKind {
    /// A phrase, wherever it stands.
    Phrase,
    /// What is generated about a product, by its id.
    Product,
    /// What is generated for a placement.
    Placement,
    /// What is generated for a segment.
    Segment,
    /// What is generated by a template.
    Template,
    /// What a model writes, by the name that it is asked under or answers under.
    Model,
    /// The wording of a text that was taken down, by the hash of its words.
    Text,
}

impl StopKind {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phrase => "phrase",
            Self::Product => "product",
            Self::Placement => "placement",
            Self::Segment => "segment",
            Self::Template => "template",
            Self::Model => "model",
            Self::Text => "text",
        }
    }
}

/// A stop was set or lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRecord {
    /// The stop's id, a UUID v7.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What it bans.
    pub kind: StopKind,
    /// Which one.
    pub value: String,
    /// Whether it stops pre-written copy too. A phrase and a wording are stopped wherever they stand.
    pub prewritten: bool,
    /// Whether it was lifted.
    pub lifted: bool,
    /// The generation that was taken down, for a wording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_id: Option<Uuid>,
}

/// What a purge drops: all that every field given says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PurgeScope {
    /// One product, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// One placement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<String>,
    /// One segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// One template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// One generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<Uuid>,
}

/// Cached copy was dropped: what was begun before is not served any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeRecord {
    /// Its id, a UUID v7.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    /// What was dropped.
    pub scope: PurgeScope,
}

/// What somebody did about a set of files, beside editing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// An edit waits for a second person.
    Proposed,
    /// Somebody approved it.
    Approved,
    /// Somebody sent it back.
    SentBack,
    /// Another edit took its place before it was approved.
    Superseded,
    /// A set that was in force before was put back in force.
    RolledBack,
}

/// What somebody did about a set of files, beside editing it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// When.
    pub at: Timestamp,
    /// Which set: `guardrails`, `prompts`.
    pub kind: String,
    /// The set's revision.
    pub hash: String,
    /// What they did.
    pub step: Step,
    /// Who: the name of a key or of a person, or `files` for an edit on disk.
    pub by: String,
    /// Why, or what they say of it.
    pub note: String,
    /// From when on it is to be in force, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
}

/// A record that stands for itself: no payload, no index.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A set of files was accepted or refused.
    Policy(PolicyRecord),
    /// A key was made or revoked.
    Key(KeyRecord),
    /// Records are missing.
    Gap(GapRecord),
    /// A person's data was erased.
    Erasure(ErasureRecord),
    /// What was too old was deleted.
    Retention(RetentionRecord),
    /// A legal hold was placed or lifted.
    Hold(HoldRecord),
    /// Payload was taken out.
    Export(ExportRecord),
    /// A stop was set or lifted.
    Stop(StopRecord),
    /// Cached copy was dropped.
    Purge(PurgeRecord),
    /// Somebody did something about a set of files.
    Step(StepRecord),
}

impl Event {
    /// The word for its type, as `type`.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Policy(_) => POLICY,
            Event::Key(_) => KEY,
            Event::Gap(_) => GAP,
            Event::Erasure(_) => ERASURE,
            Event::Retention(_) => RETENTION,
            Event::Hold(_) => HOLD,
            Event::Export(_) => EXPORT,
            Event::Step(_) => STEP,
            Event::Purge(_) => PURGE,
            Event::Stop(_) => STOP,
        }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Event::Policy(record) => record.at,
            Event::Key(record) => record.at,
            Event::Gap(record) => record.to,
            Event::Erasure(record) => record.at,
            Event::Retention(record) => record.at,
            Event::Hold(record) => record.at,
            Event::Export(record) => record.at,
            Event::Step(record) => record.at,
            Event::Purge(record) => record.at,
            Event::Stop(record) => record.at,
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        match self {
            Event::Policy(record) => encode(POLICY, record),
            Event::Key(record) => encode(KEY, record),
            Event::Gap(record) => encode(GAP, record),
            Event::Erasure(record) => encode(ERASURE, record),
            Event::Retention(record) => encode(RETENTION, record),
            Event::Hold(record) => encode(HOLD, record),
            Event::Export(record) => encode(EXPORT, record),
            Event::Step(record) => encode(STEP, record),
            Event::Purge(record) => encode(PURGE, record),
            Event::Stop(record) => encode(STOP, record),
        }
    }
}

/// Any record, as read from the log.
#[derive(Clone, Debug)]
pub enum Record {
    /// A generation.
    Generation(Box<StoredGeneration>),
    /// One answer.
    Serve(Box<ServeRecord>),
    /// A review.
    Review(StoredReview),
    /// What rules made of a second model's answer.
    Verdict(Box<StoredVerdict>),
    /// Anything else.
    Event(Event),
}

pub(super) const GENERATION: &str = "generation";
pub(super) const SERVE: &str = "serve";
pub(super) const REVIEW: &str = "review";
pub(super) const VERDICT: &str = "verdict";
/// The kind of an entry that holds a block of serves, one a line.
pub(super) const SERVES: &str = "serves";
const POLICY: &str = "policy";
const KEY: &str = "key";
const GAP: &str = "gap";
pub(super) const ERASURE: &str = "erasure";
pub(super) const RETENTION: &str = "retention";
const HOLD: &str = "hold";
const EXPORT: &str = "export";
const STEP: &str = "policy_step";
const PURGE: &str = "purge";
const STOP: &str = "stop";
/// The kinds of entries that are kept for good.
pub(super) const KEPT: &[&str] = &[POLICY, KEY, GAP, ERASURE, RETENTION, HOLD, EXPORT, STOP, PURGE, STEP];

/// A record as JSON, with its format version and type.
pub(super) fn encode(kind: &str, record: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        v: u32,
        r#type: &'a str,
        #[serde(flatten)]
        record: &'a T,
    }
    serde_json::to_vec(&Envelope { v: FORMAT, r#type: kind, record })
}

/// Reads one record.
pub(super) fn decode(bytes: &[u8]) -> Result<Record, Unreadable> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        v: u32,
        #[serde(borrow)]
        r#type: std::borrow::Cow<'a, str>,
    }
    let Envelope { v, r#type } = serde_json::from_slice(bytes)?;
    if v != FORMAT {
        return Err(Unreadable::Version(v));
    }
    Ok(match r#type.as_ref() {
        GENERATION => Record::Generation(serde_json::from_slice(bytes)?),
        SERVE => Record::Serve(serde_json::from_slice(bytes)?),
        REVIEW => Record::Review(serde_json::from_slice(bytes)?),
        VERDICT => Record::Verdict(serde_json::from_slice(bytes)?),
        POLICY => Record::Event(Event::Policy(serde_json::from_slice(bytes)?)),
        KEY => Record::Event(Event::Key(serde_json::from_slice(bytes)?)),
        GAP => Record::Event(Event::Gap(serde_json::from_slice(bytes)?)),
        ERASURE => Record::Event(Event::Erasure(serde_json::from_slice(bytes)?)),
        RETENTION => Record::Event(Event::Retention(serde_json::from_slice(bytes)?)),
        HOLD => Record::Event(Event::Hold(serde_json::from_slice(bytes)?)),
        EXPORT => Record::Event(Event::Export(serde_json::from_slice(bytes)?)),
        STEP => Record::Event(Event::Step(serde_json::from_slice(bytes)?)),
        PURGE => Record::Event(Event::Purge(serde_json::from_slice(bytes)?)),
        STOP => Record::Event(Event::Stop(serde_json::from_slice(bytes)?)),
        other => return Err(Unreadable::Type(other.to_owned())),
    })
}

/// Reads a line of a block of serves; `None` of one that cannot be read.
pub(super) fn decode_serve(line: &[u8]) -> Option<Box<ServeRecord>> {
    // As this version writes them there is nothing to ask first, and lines are many.
    if line.starts_with(br#"{"v":1,"type":"serve","#) {
        return serde_json::from_slice(line).ok();
    }
    match decode(line) {
        Ok(Record::Serve(record)) => Some(record),
        _ => None,
    }
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it is of format {0}, which this version of copyrail does not know")]
    Version(u32),
    #[error("it is of type `{0}`, which this version of copyrail does not know")]
    Type(String),
    #[error("it cannot be read: {0}")]
    Json(#[from] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn records_are_written_as_they_were_when_released() {
        let gap = Event::Gap(GapRecord { from: policy(1).at, to: policy(2).at, count: 3, cause: None });
        let stored = StoredGeneration { record: generation(1), payload_hash: "00".into() };
        let reviewed =
            StoredReview { record: review(1, 1, ReviewAction::Approve), payload_hash: Some("00".into()) };
        let judged = StoredVerdict { record: verdict(1, 1), payload_hash: None };
        let written = [
            encode(GENERATION, &stored).unwrap(),
            encode(SERVE, &serve(1)).unwrap(),
            Event::Policy(policy(1)).encode().unwrap(),
            Event::Key(key(1)).encode().unwrap(),
            gap.encode().unwrap(),
            encode(REVIEW, &reviewed).unwrap(),
            encode(VERDICT, &judged).unwrap(),
        ];
        insta::assert_snapshot!(written.each_ref().map(|bytes| String::from_utf8_lossy(bytes)).join("\n"));
        let read = written.map(|bytes| decode(&bytes).unwrap());
        assert_eq!(format!("{:?}", read[0]), format!("{:?}", Record::Generation(Box::new(stored))));
        assert_eq!(format!("{:?}", read[1]), format!("{:?}", Record::Serve(Box::new(serve(1)))));
        assert_eq!(format!("{:?}", read[4]), format!("{:?}", Record::Event(gap)));
        assert_eq!(format!("{:?}", read[5]), format!("{:?}", Record::Review(reviewed)));
        assert_eq!(format!("{:?}", read[6]), format!("{:?}", Record::Verdict(Box::new(judged))));
    }

    #[test]
    fn what_a_later_version_wrote_is_named() {
        let fault = |text: &str| decode(text.as_bytes()).unwrap_err().to_string();
        assert!(fault(r#"{"v": 2, "type": "serve"}"#).starts_with("it is of format 2"));
        assert!(fault(r#"{"v": 1, "type": "vote"}"#).starts_with("it is of type `vote`"));
        assert!(fault("{").starts_with("it cannot be read: "));
    }
}
