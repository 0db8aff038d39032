//! One record told whole: what was shown, to which segment, why, by which rules, on what evidence, and who approved. For a
//! person at a terminal, a reviewer's page, and a file that a regulator can check without copyrail.
//!
//! Reads the log and the policies kept beside it, and judges nothing anew.

mod library;
mod page;
mod policy;
mod told;
mod why;
pub mod words;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

pub use library::{KeptGuardrails, Library, are_those, load};
pub use page::{CHECK_CASE, CHECK_CHAIN, page};
pub use policy::{ClaimThen, EvidenceThen, FileThen, PolicyThen, RuleThen, SetThen};
pub use told::{AttemptThen, FindingThen, MessageThen, SegmentThen, attempts, findings, segments};
pub use why::{Why, why};

use crate::audit::chained::{self, Chained, ChainedServe, Gone, Receipt, ReceiptKind};
use crate::audit::search::{self, Generation, Review, SearchError, SecondVerdict, ServeFilter};
use crate::audit::{Decision, GenerationRecord, Holding, ServeRecord};
use crate::store::{Store, StoreError};
use crate::words::{SegmentId, Source};

/// The longest block of serves that a case carries byte for byte, in bytes. A longer one is named, and found in an export.
const MOST_OF_BLOCK: usize = 256 * 1024;

/// One record told whole.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// What was asked for.
    pub asked: Asked,
    /// When this was put together.
    pub made: Timestamp,
    /// The whole in a few sentences.
    pub in_short: Vec<String>,
    /// The text that was shown, or would have been.
    pub text: TextThen,
    /// The serve that was asked for.
    pub serve: Option<ServeThen>,
    /// The generation that wrote the text.
    pub generation: Option<GenerationThen>,
    /// The latest answers that showed the text, newest first, where a generation was asked for.
    pub shown: Vec<ShownThen>,
    /// Whether there are more of them.
    pub more_shown: bool,
    /// What was in force: when it was shown, and when it was written where that was something else.
    pub policies: Vec<PolicyThen>,
    /// The entries of the chain that all this stands in.
    pub entries: Vec<EntryThen>,
    /// Whether what may hold personal data was left out.
    pub masked: bool,
}

/// What a case is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "id")]
pub enum Asked {
    /// One answer to a page.
    Serve(Uuid),
    /// One piece of writing.
    Generation(Uuid),
}

impl Asked {
    /// The id.
    pub fn id(self) -> Uuid {
        match self {
            Self::Serve(id) | Self::Generation(id) => id,
        }
    }
}

/// A text, or why it is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TextThen {
    /// The text, word for word.
    pub text: Option<String>,
    /// Why there is none: a sentence.
    pub missing: Option<String>,
}

/// One answer to a page.
#[derive(Clone, Debug, Serialize)]
pub struct ServeThen {
    /// The record.
    pub record: ServeRecord,
    /// What kind of copy it was, in words.
    pub tier: String,
    /// Where it came from, in words.
    pub source: String,
    /// Why nothing better was shown: a sentence.
    pub reason: Option<String>,
    /// How the segments came out, up to the one chosen.
    pub segments: Vec<SegmentThen>,
    /// The number of the entry that it stands in.
    pub seq: i64,
    /// Its line there, from 1.
    pub line: usize,
    /// How many lines that entry has.
    pub lines: usize,
}

/// An answer that showed a text, in short.
#[derive(Clone, Debug, Serialize)]
pub struct ShownThen {
    /// The serve.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// To which segment.
    pub segment: SegmentId,
    /// Where the text came from.
    pub source: Source,
}

/// One piece of writing.
#[derive(Clone, Debug, Serialize)]
pub struct GenerationThen {
    /// The record.
    pub record: GenerationRecord,
    /// How it ended: a sentence.
    pub outcome: String,
    /// Why it did not pass: a sentence.
    pub reason: Option<String>,
    /// The prompt, message by message.
    pub messages: Vec<MessageThen>,
    /// What the template declares, as it went into the prompt.
    pub inputs: Value,
    /// Every call to a model.
    pub attempts: Vec<AttemptThen>,
    /// Every place where a rule matched.
    pub findings: Vec<FindingThen>,
    /// What second models were asked, and said.
    pub verdicts: Vec<SecondVerdict>,
    /// What people decided, oldest first.
    pub reviews: Vec<Review>,
    /// Who had decided when it was shown, and what; of a generation that was asked for itself, who decided last.
    pub decided: Option<Decided>,
    /// What was decided after it was shown, oldest first.
    pub decided_since: Vec<Decided>,
    /// Why prompt and texts are not there: a sentence.
    pub missing: Option<String>,
    /// Which generation wrote its text, where it is an earlier one's: a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earlier: Option<String>,
}

/// A decision on a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// Whether it was approved.
    pub approved: bool,
    /// By whom: the name of their key.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they said of it.
    pub note: Option<String>,
    /// Whether that is what they undid.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub undone: bool,
}

/// An entry of the chain, for checking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryThen {
    /// Its number.
    pub seq: i64,
    /// What it is.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// The hash of the entry before it.
    pub prev: String,
    /// Its own.
    pub hash: String,
    /// The exact bytes that were hashed; `None` where they are left out, and why stands in `missing`.
    pub bytes: Option<String>,
    /// Why the bytes are not here: a sentence.
    pub missing: Option<String>,
    /// What stands beside it.
    pub payload: Option<PayloadThen>,
}

/// What stands beside an entry, for checking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PayloadThen {
    /// The hash that the entry keeps of it: over salt and bytes.
    pub hash: Option<String>,
    /// The salt, in lowercase hex.
    pub salt: Option<String>,
    /// The exact bytes.
    pub bytes: Option<String>,
    /// Why they are not here: a sentence.
    pub missing: Option<String>,
}

/// How much of a case is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// All of it, so that it can be checked without copyrail.
    Whole,
    /// What a page shows.
    Brief,
}

/// How many answers that showed a text are listed.
const MOST_SHOWN: u32 = 20;

/// Why a case could not be told.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// The log holds no such record.
    #[error("the log holds no serve and no generation {0}; find one with `copyrail audit search`")]
    Unknown(Uuid),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The latest answers that showed a generation's text, and whether there are more.
async fn shown(store: &Store, generation: Uuid) -> Result<(Vec<ShownThen>, bool), StoreError> {
    let filter = ServeFilter { generation: Some(generation), ..ServeFilter::default() };
    let page = match search::serves(store, &filter, MOST_SHOWN, None).await {
        Ok(page) => page,
        Err(SearchError::Store(error)) => return Err(error),
        // No cursor is given; and what the index cannot find does not keep the rest from being told.
        Err(SearchError::Cursor(_) | SearchError::Index) => return Ok((Vec::new(), false)),
    };
    let more = page.next_cursor.is_some();
    let shown = page.items.into_iter().map(|serve| {
        let ServeRecord { id, at, segment, source, .. } = serve.record;
        ShownThen { id, at, segment, source }
    });
    Ok((shown.collect(), more))
}

impl Case {
    /// Of the serve or the generation with this id.
    ///
    /// # Errors
    ///
    /// When there is neither, or the store cannot be read.
    pub async fn of(
        store: &Store,
        library: &Library,
        id: Uuid,
        masked: bool,
        made: Timestamp,
    ) -> Result<Self, CaseError> {
        Self::with(store, library, id, Depth::Whole, masked, made).await
    }

    /// The same for a page: without the files that were in force, and without the bytes of entries and what stands beside
    /// them.
    ///
    /// # Errors
    ///
    /// As of [`Case::of`].
    pub async fn brief(
        store: &Store,
        library: &Library,
        id: Uuid,
        masked: bool,
        made: Timestamp,
    ) -> Result<Self, CaseError> {
        Self::with(store, library, id, Depth::Brief, masked, made).await
    }

    async fn with(
        store: &Store,
        library: &Library,
        id: Uuid,
        depth: Depth,
        masked: bool,
        made: Timestamp,
    ) -> Result<Self, CaseError> {
        let generation = search::generation(store, id).await?;
        if let Some(generation) = generation {
            return Ok(Self::told(store, library, None, Some(generation), depth, masked, made).await?);
        }
        let serve = chained::serve(store, id).await?.ok_or(CaseError::Unknown(id))?;
        let generation = match serve.record.generation_id {
            Some(id) => search::generation(store, id).await?,
            None => None,
        };
        Ok(Self::told(store, library, Some(serve), generation, depth, masked, made).await?)
    }

    async fn told(
        store: &Store,
        library: &Library,
        serve: Option<ChainedServe>,
        generation: Option<Generation>,
        depth: Depth,
        masked: bool,
        made: Timestamp,
    ) -> Result<Self, StoreError> {
        let asked = match (&serve, &generation) {
            (Some(serve), _) => Asked::Serve(serve.record.id),
            (None, generation) => {
                Asked::Generation(generation.as_ref().map(|found| found.record.id).unwrap_or_default())
            }
        };
        let generation = generation.map(|found| if masked { without_inputs(found) } else { found });
        let mut found = match &generation {
            Some(generation) => chained::of_generation(store, generation.record.id).await?,
            None => Vec::new(),
        };
        let text = text(store, serve.as_ref(), generation.as_ref(), &found).await?;
        if let Some(serve) = &serve {
            found.extend(chained::entry(store, serve.seq).await?);
        }
        found.sort_by_key(|entry| entry.seq);
        let files = depth == Depth::Whole;
        let policies =
            policy::then(library, serve.as_ref().map(|s| &s.record), generation.as_ref(), files).await?;
        let mut entries = Vec::new();
        for entry in &found {
            entries.push(match depth {
                Depth::Whole => entry_then(store, entry, masked).await?,
                Depth::Brief => entry_named(entry),
            });
        }
        let generation = match generation {
            Some(generation) => {
                let shown = serve.as_ref().map(|serve| serve.record.at);
                Some(generation_then(store, generation, shown, &found).await?)
            }
            None => None,
        };
        let (shown, more_shown) = match (&serve, &generation) {
            (None, Some(generation)) => shown(store, generation.record.id).await?,
            _ => Default::default(),
        };
        let serve = serve.map(serve_then);
        let in_short = why::sentences(
            serve.as_ref().map(|serve| &serve.record),
            generation.as_ref().map(|generation| {
                (&generation.record, generation.decided.as_ref(), &*generation.decided_since)
            }),
            &policies,
        );
        Ok(Self {
            asked,
            made,
            in_short,
            text,
            serve,
            generation,
            shown,
            more_shown,
            policies,
            entries,
            masked,
        })
    }
}

/// The same without what went into the prompt.
fn without_inputs(generation: Generation) -> Generation {
    let payload = generation.payload.map(|payload| crate::audit::GenerationPayload {
        inputs: Value::Null,
        facts: Value::Null,
        messages: Value::Null,
        ..payload
    });
    Generation { payload, ..generation }
}

/// The text that was shown, or, of a generation, the text that passed.
async fn text(
    store: &Store,
    serve: Option<&ChainedServe>,
    generation: Option<&Generation>,
    entries: &[Chained],
) -> Result<TextThen, StoreError> {
    let missing = |missing: String| TextThen { text: None, missing: Some(missing) };
    // A text beside the serve is the one shown: pre-written, or corrected after its generation was recorded.
    if let Some(hash) = serve.and_then(|serve| serve.record.text_hash.as_deref()) {
        return Ok(match search::text(store, hash).await? {
            Some(text) => TextThen { text: Some(text), missing: None },
            None => missing(gone(store, Gone::Text(hash), "The text").await?),
        });
    }
    match (serve, generation) {
        (Some(serve), None) if serve.record.generation_id.is_some() => {
            Ok(missing("The generation that wrote the text is not in the log any more.".to_owned()))
        }
        (Some(_), None) => Ok(missing("Nothing was shown: the place stayed empty.".to_owned())),
        (_, Some(generation)) => match &generation.payload {
            Some(payload) => Ok(match payload.text.clone() {
                Some(text) => TextThen { text: Some(text), missing: None },
                None => missing("No text passed, so none was shown.".to_owned()),
            }),
            None => {
                let seq = own_seq(entries);
                Ok(missing(gone(store, Gone::Payload(seq), "The text").await?))
            }
        },
        (None, None) => Ok(TextThen::default()),
    }
}

/// The entry of the generation itself.
fn own_seq(entries: &[Chained]) -> i64 {
    entries.iter().find(|entry| entry.kind == "generation").map_or(0, |entry| entry.seq)
}

/// Why something is not in the log any more: a sentence.
async fn gone(store: &Store, gone: Gone<'_>, what: &str) -> Result<String, StoreError> {
    Ok(match chained::receipt(store, gone).await? {
        Some(receipt) => format!("{what} {}", receipt_said(&receipt)),
        None => format!(
            "{what} is not there, and no record says that it was erased; run `copyrail audit verify`."
        ),
    })
}

fn receipt_said(receipt: &Receipt) -> String {
    let Receipt { seq, at, hash: _, why } = receipt;
    match why {
        ReceiptKind::Erasure { by, reference } => {
            let reference = reference.as_ref().map(|it| format!(" (request {it})")).unwrap_or_default();
            format!(
                "was erased on {at} at a person's request{reference}, asked for by {by}: entry {seq} is the receipt."
            )
        }
        ReceiptKind::Retention { before } => {
            format!(
                "was deleted on {at} with all of its kind older than {before}: entry {seq} is the receipt."
            )
        }
    }
}

fn serve_then(serve: ChainedServe) -> ServeThen {
    let ChainedServe { record, seq, line, of } = serve;
    ServeThen {
        tier: words::tier(record.tier).to_owned(),
        source: words::source(record.source).to_owned(),
        reason: record.reason.map(|reason| words::reason(reason).to_owned()),
        segments: told::segments(&record),
        record,
        seq,
        line,
        lines: of,
    }
}

async fn generation_then(
    store: &Store,
    generation: Generation,
    shown: Option<Timestamp>,
    entries: &[Chained],
) -> Result<GenerationThen, StoreError> {
    let missing = match &generation.payload {
        Some(_) => None,
        None => {
            let seq = own_seq(entries);
            Some(gone(store, Gone::Payload(seq), "What stood beside it (prompt, inputs, texts)").await?)
        }
    };
    let (decided, decided_since) = decisions(&generation, shown);
    Ok(GenerationThen {
        outcome: words::outcome(generation.record.outcome).to_owned(),
        reason: generation.record.reason.map(|reason| words::reason(reason).to_owned()),
        messages: told::messages(&generation),
        inputs: generation.payload.as_ref().map(|payload| payload.inputs.clone()).unwrap_or_default(),
        attempts: told::attempts(&generation),
        findings: told::findings(&generation),
        decided,
        decided_since,
        missing,
        earlier: words::edited(generation.record.edited.as_ref())
            .or_else(|| words::rejudged(generation.record.rejudged)),
        record: generation.record,
        verdicts: generation.verdicts,
        reviews: generation.reviews,
    })
}

/// The decision of a person that stood when a text was shown, and what was decided or undone since; the one that stands
/// where no moment is given.
fn decisions(generation: &Generation, shown: Option<Timestamp>) -> (Option<Decided>, Vec<Decided>) {
    let (before, since): (Vec<&Review>, Vec<&Review>) =
        generation.reviews.iter().partition(|review| shown.is_none_or(|shown| review.record.at <= shown));
    let decided = |review: &&Review| {
        let Review { record, note, .. } = review;
        let undone = record.undoes.as_ref().map(|undone| undone.action);
        Some(Decided {
            approved: undone.unwrap_or(record.action).decision()? == Decision::Approved,
            by: record.by.clone(),
            at: record.at,
            note: note.clone(),
            undone: undone.is_some(),
        })
    };
    let standing = Holding::of(before.iter().map(|review| &review.record)).decided();
    let standing =
        standing.and_then(|(record, _)| before.iter().find(|review| review.record.id == record.id));
    (standing.and_then(decided), since.iter().filter_map(decided).collect())
}

/// An entry without its bytes.
fn entry_named(entry: &Chained) -> EntryThen {
    let Chained { seq, kind, at, prev, hash, .. } = entry;
    let (kind, prev, hash) = (kind.clone(), prev.clone(), hash.clone());
    EntryThen { seq: *seq, kind, at: *at, prev, hash, bytes: None, missing: None, payload: None }
}

async fn entry_then(store: &Store, entry: &Chained, masked: bool) -> Result<EntryThen, StoreError> {
    let (mut bytes, mut missing) = (None, None);
    if entry.bytes.is_empty() {
        missing = Some(gone(store, Gone::Entry(entry.seq), "What stood here").await?);
    } else if entry.kind == "serves" && (masked || entry.bytes.len() > MOST_OF_BLOCK) {
        let why = if masked { "holds the answers to others too" } else { "is long" };
        missing = Some(format!(
            "This entry {why}, and is left out; an export holds it, by its number: `copyrail audit export`."
        ));
    } else {
        match std::str::from_utf8(&entry.bytes) {
            Ok(text) => bytes = Some(text.to_owned()),
            Err(_) => {
                missing =
                    Some("This entry is no text, so it was changed; run `copyrail audit verify`.".into())
            }
        }
    }
    let payload = match &entry.beside {
        None => None,
        Some(beside) => {
            let recorded: Option<Value> = serde_json::from_slice(&entry.bytes).ok();
            let hash = recorded.and_then(|value| Some(value.get("payload_hash")?.as_str()?.to_owned()));
            let missing = match (beside.is_blank(), masked) {
                (true, _) => Some(gone(store, Gone::Payload(entry.seq), "It").await?),
                (false, true) => {
                    Some("It is left out of this file, as it may hold personal data.".to_owned())
                }
                (false, false) => None,
            };
            let shown = missing.is_none();
            Some(PayloadThen {
                hash,
                salt: beside.salt.as_ref().filter(|_| shown).map(|salt| hex(salt)),
                bytes: beside
                    .bytes
                    .as_ref()
                    .filter(|_| shown)
                    .map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
                missing,
            })
        }
    };
    let Chained { seq, kind, at, prev, hash, .. } = entry.clone();
    Ok(EntryThen { seq, kind, at, prev, hash, bytes, missing, payload })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
