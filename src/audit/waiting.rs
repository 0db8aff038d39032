//! Texts that wait for a person, how many pages wanted them meanwhile, and what people decided: told by the chain as it is
//! indexed, and at once by whoever decides. Evidence of nothing.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::append::{self, Appending};
use super::index::Told;
use super::records::{
    self, Decision, Event, GenerationPayload, GenerationRecord, Outcome, PurgeRecord, Record, ReviewAction,
    ReviewRecord, ServeRecord,
};
use crate::store::index::Indexable;
use crate::store::log::Append;
use crate::store::waiting::{
    self as table, ApprovalRow, AssignmentRow, DecisionRow, JudgedRow, Open, WaitingRow, Wanted,
};
use crate::store::{Store, StoreError};

/// Of how many approvals those drawn are a share.
pub const DRAWN_OF: u32 = 10_000;
/// What is said of a text in whose place a newer one was approved.
const SUPERSEDED: &str = "A newer text for the same question was approved.";
/// How many texts of a group are decided on together.
pub const MOST_TOGETHER: u32 = 200;

/// Which texts that wait are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this placement.
    pub placement: Option<String>,
    /// In this locale.
    pub locale: Option<String>,
    /// With findings, or without.
    pub findings: Option<bool>,
    /// Those that could not be shown now, in place of those that could.
    pub held: bool,
    /// Those of nobody else than this reviewer.
    pub reviewer: Option<String>,
}

impl Filter {
    fn wanted(&self) -> Wanted {
        let Self { placement, locale, findings, held, reviewer } = self.clone();
        Wanted { placement, locale, findings, held, reviewer }
    }
}

/// Equal texts of one placement and locale, decided on together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// A hash of the text.
    pub text: String,
    /// Where it is to stand.
    pub placement: String,
    /// Its locale.
    pub locale: String,
    /// How many questions it answers.
    pub questions: u64,
    /// How many pages wanted it and got another text.
    pub waited: u64,
    /// Since when the oldest waits.
    pub since: Timestamp,
    /// The most findings that one of them has.
    pub findings: u64,
    /// Why one of them could not be shown; empty where all could.
    pub held: String,
    /// The oldest.
    pub first: Uuid,
}

/// A text that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which generation wrote it.
    pub generation: Uuid,
    /// Since when it waits.
    pub since: Timestamp,
    /// Where it is to stand.
    pub placement: String,
    /// Its locale.
    pub locale: String,
    /// A hash of the text.
    pub text: String,
    /// How many findings its record has.
    pub findings: u64,
    /// How many pages wanted it and got another text.
    pub waited: u64,
    /// When one last did.
    pub last: Option<Timestamp>,
    /// Why it could not be shown when it was last looked at; empty where it could.
    pub held: String,
}

/// An approval that a second person is to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondLook {
    /// Of which generation.
    pub generation: Uuid,
    /// When it was approved.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Where it stands.
    pub placement: String,
    /// Whether that person wrote it.
    pub edited: bool,
}

/// Who is to look at the texts of a placement in a locale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The placement.
    pub placement: String,
    /// The locale; empty for all that nobody else has.
    pub locale: String,
    /// Who.
    pub reviewer: String,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What came of looking at a text that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Which generation wrote it.
    pub generation: Uuid,
    /// How many findings it has now; `None` where that is not known.
    pub findings: Option<usize>,
    /// Why it could not be shown now: a sentence; `None` where it could.
    pub held: Option<String>,
}

/// How a text is known among those that wait: equal for equal texts.
pub fn hash_of(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().chars().take(32).collect()
}

/// What a generation draws, from 1 to [`DRAWN_OF`]: the same whoever asks, and like dice among generations.
pub fn draw(generation: Uuid) -> u32 {
    let hash = blake3::hash(generation.as_bytes());
    let bytes = hash.as_bytes();
    let number = bytes.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    u32::try_from(number % u64::from(DRAWN_OF)).unwrap_or(0) + 1
}

/// Follows what an entry tells, within the transaction that says that it is counted.
///
/// # Errors
///
/// When the store cannot be read or written.
pub(super) async fn follow(append: &mut Append, entry: &Indexable, told: &Told) -> Result<(), StoreError> {
    let record = match told {
        Told::Serves(serves) => return waited_for(append, serves).await,
        Told::One(record) => record.as_ref(),
        Told::Nothing => return Ok(()),
    };
    match record {
        Record::Generation(stored) => {
            if let Some(edited) = &stored.record.edited {
                append.await_no_more(&edited.from.to_string()).await?;
            }
            let payload = entry.payload.as_ref().and_then(|payload| payload.bytes.as_deref());
            let payload: GenerationPayload =
                payload.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
            waits(append, entry.seq, &stored.record, &payload).await
        }
        Record::Review(stored) => reviewed(append, &stored.record).await,
        Record::Event(Event::Purge(purge)) => purged(append, purge).await,
        _ => Ok(()),
    }
}

/// Pages wanted texts that wait.
async fn waited_for(append: &mut Append, serves: &[(i64, Box<ServeRecord>)]) -> Result<(), StoreError> {
    let mut pages: HashMap<Uuid, (i64, Timestamp)> = HashMap::new();
    for (_, record) in serves {
        if let Some(generation) = record.awaits {
            let (count, last) = pages.entry(generation).or_insert((0, record.at));
            (*count, *last) = (*count + 1, record.at.max(*last));
        }
    }
    for (generation, (count, last)) in pages {
        append.waited_for(&generation.to_string(), count, last).await?;
    }
    Ok(())
}

/// A text waits from now on, if a person must approve it and it is there.
async fn waits(
    append: &mut Append,
    seq: i64,
    record: &GenerationRecord,
    payload: &GenerationPayload,
) -> Result<(), StoreError> {
    let Some(text) = payload.text.as_deref().filter(|_| record.approval && record.outcome == Outcome::Passed)
    else {
        return Ok(());
    };
    let findings = record.findings.as_array().map_or(0, Vec::len);
    let row = WaitingRow {
        generation: record.id.to_string(),
        seq,
        at: record.finished,
        placement: record.placement.to_string(),
        locale: record.locale.clone(),
        cache_key: record.cache_key.clone(),
        text: hash_of(text),
        findings: i64::try_from(findings).unwrap_or(i64::MAX),
        waited: 0,
        last: None,
        judged: String::new(),
        held: String::new(),
    };
    append.await_review(&row).await
}

/// Follows a review, once its generation is in the tables. To follow it again changes nothing.
///
/// # Errors
///
/// When the store cannot be read or written.
pub(super) async fn reviewed(append: &mut Append, record: &ReviewRecord) -> Result<(), StoreError> {
    let (review, generation) = (record.id.to_string(), record.generation_id.to_string());
    if record.second_look {
        let outcome = if record.action == ReviewAction::Note { "agreed" } else { "overturned" };
        append.keep_second_look((&review, &generation), &record.by, record.at, outcome).await?;
    }
    if let Some(undone) = &record.undoes {
        let waited = append.drop_decision(&undone.review.to_string(), &generation).await?;
        if undone.holds == Some(Decision::Undecided) {
            put_back(append, &generation, (waited, record.at)).await?;
        }
        return match undone.holds {
            Some(holds) => edit_decided(append, &generation, (holds, record.at)).await,
            None => Ok(()),
        };
    }
    let Some(decision) = record.decision() else { return Ok(()) };
    edit_decided(append, &generation, (decision, record.at)).await?;
    let row = DecisionRow {
        review,
        generation,
        at: record.at,
        by: record.by.clone(),
        decision: decision.as_str().to_owned(),
        draw: i64::from(draw(record.generation_id)),
    };
    append.keep_decision(&row).await?;
    append.await_no_more(&row.generation).await?;
    match decision {
        Decision::Approved => append.judge_rivals_anew(&row.generation).await,
        Decision::Rejected | Decision::Undecided => Ok(()),
    }
}

/// Where somebody wrote a text in place of another, that one waits no longer once theirs is approved; and it waits again once
/// theirs is not, or its question would stay without any that people are asked about.
async fn edit_decided(
    append: &mut Append,
    generation: &str,
    (decision, at): (Decision, Timestamp),
) -> Result<(), StoreError> {
    let Some(seq) = append.generation_entry(generation).await? else { return Ok(()) };
    let bytes = append.look().bytes(seq).await?.unwrap_or_default();
    let Ok(Record::Generation(stored)) = records::decode(&bytes) else { return Ok(()) };
    let Some(edited) = &stored.record.edited else { return Ok(()) };
    let from = edited.from.to_string();
    match decision {
        Decision::Approved => append.await_no_more(&from).await,
        Decision::Rejected | Decision::Undecided => put_back(append, &from, (0, at)).await,
    }
}

/// A text on which nobody has decided any more waits again, for as many pages as wanted it before.
async fn put_back(
    append: &mut Append,
    generation: &str,
    (waited, at): (i64, Timestamp),
) -> Result<(), StoreError> {
    let Some(seq) = append.generation_entry(generation).await? else { return Ok(()) };
    let bytes = append.look().bytes(seq).await?.unwrap_or_default();
    let Ok(Record::Generation(stored)) = records::decode(&bytes) else { return Ok(()) };
    let payload = append.look().payload(seq).await?;
    let payload = payload.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    waits(append, seq, &stored.record, &payload).await?;
    if waited > 0 { append.waited_for(generation, waited, at).await } else { Ok(()) }
}

async fn purged(append: &mut Append, purge: &PurgeRecord) -> Result<(), StoreError> {
    let scope = &purge.scope;
    let generation = scope.generation.map(|id| id.to_string());
    let scope = [
        ("product", scope.product.as_deref()),
        ("placement", scope.placement.as_deref()),
        ("segment", scope.segment.as_deref()),
        ("template", scope.template.as_deref()),
        ("id", generation.as_deref()),
    ];
    // An id begins with the millisecond of its making.
    let millis = format!("{:012x}", purge.at.as_millisecond().max(0));
    let (high, low) = millis.split_at_checked(8).unwrap_or((&millis, ""));
    append.await_no_more_of(&format!("{high}-{low}-ffff-ffff-ffffffffffff"), scope).await
}

/// The text of a generation is erased, within the transaction that does so: it waits no longer.
pub(super) async fn forget(append: &mut Append, generation: Uuid) -> Result<(), StoreError> {
    append.await_no_more(&generation.to_string()).await
}

/// The same of a generation that is deleted, with what was decided on it.
pub(super) async fn forget_whole(append: &mut Append, generation: Uuid) -> Result<(), StoreError> {
    forget(append, generation).await?;
    append.forget_decisions(&generation.to_string()).await
}

/// What is put into the log when texts are approved.
#[derive(Clone, Debug, Default)]
pub struct Approval {
    /// A text that the person wrote in place of another one, which is approved by the first of the reviews.
    pub edit: Option<(GenerationRecord, GenerationPayload)>,
    /// Up to which entry of the chain whoever made the edit knows the reviews of its question.
    pub known: i64,
    /// Whether reviews count only of texts that wait: of one that somebody decided on meanwhile there is none then.
    pub waiting_only: bool,
    /// One review of each text, with its note.
    pub reviews: Vec<(ReviewRecord, Option<String>)>,
    /// Generations whose rejection stands in the way no longer.
    pub let_in: Vec<Uuid>,
}

/// Puts approvals into the log in one transaction. Answers the generations that they are of; none, and nothing is put there,
/// when the text that an edit was made from was erased meanwhile, or somebody reviewed it, or another of its question, after
/// what is known of that.
///
/// # Errors
///
/// When the store cannot be written: then nothing is changed.
pub async fn approve(store: &Store, approval: &Approval) -> Result<Vec<Uuid>, StoreError> {
    let unwritable = |error: serde_json::Error| StoreError::Corrupt(error.to_string());
    let mut appending = Appending::begin(store).await?;
    if let Some((record, payload)) = &approval.edit {
        let from = record.edited.as_ref().map_or(record.id, |edited| edited.from).to_string();
        if !appending.within().has_payload(&from).await?
            || appending.within().newest_review_on(&from, &record.cache_key).await? > approval.known
        {
            return Ok(Vec::new());
        }
        appending.record(&append::generation_named(record.clone(), payload).map_err(unwritable)?)?;
        appending.within().await_no_more(&from).await?;
    }
    let mut taken = Vec::with_capacity(approval.reviews.len());
    for (record, note) in &approval.reviews {
        if approval.waiting_only && !appending.within().awaits(&record.generation_id.to_string()).await? {
            continue;
        }
        taken.push(record);
        appending.record(&append::review(record.clone(), note.clone()).map_err(unwritable)?)?;
    }
    let mut let_in = false;
    for generation in &approval.let_in {
        let_in |= appending.within().drop_rejection(&generation.to_string()).await?;
    }
    if let_in {
        appending.within().count_stops().await?;
    }
    appending.insert().await?;
    for record in &taken {
        reviewed(appending.within(), record).await?;
    }
    appending.commit().await?;
    Ok(taken.iter().map(|record| record.generation_id).collect())
}

/// Groups of equal texts that wait, what pages wanted most first, then the oldest.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn groups(store: &Store, filter: &Filter, limit: u32) -> Result<Vec<Group>, StoreError> {
    let rows = table::groups(store, &filter.wanted(), limit).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Group {
                text: row.text,
                placement: row.placement,
                locale: row.locale,
                questions: whole(row.count),
                waited: whole(row.waited),
                since: row.since,
                findings: whole(row.findings),
                held: row.held,
                first: id(&row.first)?,
            })
        })
        .collect()
}

/// How many groups wait, and how many texts that are.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn count(store: &Store, filter: &Filter) -> Result<(u64, u64), StoreError> {
    let (groups, texts) = table::count(store, &filter.wanted()).await?;
    Ok((whole(groups), whole(texts)))
}

/// A text that waits; `None` when it does not.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn one(store: &Store, generation: Uuid) -> Result<Option<Waiting>, StoreError> {
    table::one(store, &generation.to_string()).await?.map(waiting).transpose()
}

/// The texts of generations, as far as they are there: to be shown in a list, and nowhere to be relied on.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn texts(store: &Store, generations: &[Uuid]) -> Result<HashMap<Uuid, String>, StoreError> {
    #[derive(serde::Deserialize)]
    struct Text {
        text: Option<String>,
    }
    let ids: Vec<String> = generations.iter().map(Uuid::to_string).collect();
    let rows = table::payloads(store, &ids).await?;
    let text = |(generation, bytes): (String, Option<Vec<u8>>)| {
        let Text { text } = serde_json::from_slice(&bytes?).ok()?;
        Some((generation.parse().ok()?, text?))
    };
    Ok(rows.into_iter().filter_map(text).collect())
}

/// The texts that wait together with one, itself included, the oldest first; at most [`MOST_TOGETHER`].
///
/// # Errors
///
/// When the store cannot be read.
pub async fn together_with(store: &Store, one: &Waiting) -> Result<Vec<Waiting>, StoreError> {
    let rows = table::members(store, (&one.text, &one.placement, &one.locale), MOST_TOGETHER).await?;
    rows.into_iter().map(waiting).collect()
}

/// Texts that were last looked at under another mark, such as other rules: what is waited for most first.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn to_judge(store: &Store, mark: &str, limit: u32) -> Result<Vec<Uuid>, StoreError> {
    table::to_judge(store, mark, limit).await?.iter().map(|row| id(row)).collect()
}

/// Keeps what came of looking at texts under this mark.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn judged(store: &Store, mark: &str, judged: &[Judged]) -> Result<(), StoreError> {
    let row = |judged: &Judged| JudgedRow {
        generation: judged.generation.to_string(),
        findings: judged.findings.map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
        held: judged.held.clone().unwrap_or_default(),
    };
    table::keep_judged(store, mark, &judged.iter().map(row).collect::<Vec<_>>(), SUPERSEDED).await
}

/// The placements and locales of texts that wait.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn places(store: &Store) -> Result<Vec<(String, String)>, StoreError> {
    table::places(store).await
}

/// How many generations somebody has decided on since then.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn decided_by(store: &Store, by: &str, since: Timestamp) -> Result<u64, StoreError> {
    table::decided_by(store, by, since).await.map(whole)
}

/// The generation that a person approved last for the same product, placement and segment, else by the same template.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn approved_before(store: &Store, record: &GenerationRecord) -> Result<Option<Uuid>, StoreError> {
    let but = record.id.to_string();
    let mut found = None;
    if let Some(product) = &record.product {
        let of = (record.placement.as_str(), record.segment.as_str(), product.as_str());
        found = table::approved_for_product(store, of, &but).await?;
    }
    if found.is_none() {
        found = table::approved_for_template(store, record.template.as_str(), &but).await?;
    }
    found.as_deref().map(id).transpose()
}

/// Approvals from `since` on that a second person is to look at who is not `reader`: edits, and those drawn up to `share` of
/// [`DRAWN_OF`]. The oldest first, and how many there are in all.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn second_looks(
    store: &Store,
    reader: &str,
    share: u32,
    since: Timestamp,
    placement: Option<&str>,
    limit: u32,
) -> Result<(Vec<SecondLook>, u64), StoreError> {
    let placement = placement.map(str::to_owned);
    let open = Open { but: super::desk::person(reader), share: i64::from(share), since, placement };
    let (rows, count) = table::open_looks(store, &open, limit).await?;
    let look = |row: ApprovalRow| {
        let ApprovalRow { generation, at, by, placement, edited } = row;
        Ok(SecondLook { generation: id(&generation)?, at, by, placement, edited })
    };
    Ok((rows.into_iter().map(look).collect::<Result<_, StoreError>>()?, whole(count)))
}

/// The names of those who decided since then.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn deciders(store: &Store, since: Timestamp) -> Result<Vec<String>, StoreError> {
    table::deciders(store, since).await
}

/// Who is to look at what.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn assignments(store: &Store) -> Result<Vec<Assignment>, StoreError> {
    let assignment = |row: AssignmentRow| {
        let AssignmentRow { placement, locale, reviewer, by, at } = row;
        Assignment { placement, locale, reviewer, by, at }
    };
    Ok(table::assignments(store).await?.into_iter().map(assignment).collect())
}

/// Has somebody look at the texts of a placement in a locale; nobody, where the reviewer is empty.
///
/// # Errors
///
/// When the store cannot be written.
pub async fn assign(store: &Store, assignment: Assignment) -> Result<(), StoreError> {
    let Assignment { placement, locale, reviewer, by, at } = assignment;
    if reviewer.is_empty() {
        return table::unassign(store, &placement, &locale).await;
    }
    table::assign(store, &AssignmentRow { placement, locale, reviewer, by, at }).await
}

fn waiting(row: WaitingRow) -> Result<Waiting, StoreError> {
    Ok(Waiting {
        generation: id(&row.generation)?,
        since: row.at,
        placement: row.placement,
        locale: row.locale,
        text: row.text,
        findings: whole(row.findings),
        waited: whole(row.waited),
        last: row.last,
        held: row.held,
    })
}

fn whole(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn id(text: &str) -> Result<Uuid, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt(format!("the queue names a generation `{text}`")))
}
