//! The one maker of [`Approved`].
//!
//! ```compile_fail
//! // Nobody else can make one: its fields are private, it has no constructor, and it cannot be read from anywhere.
//! let text = copyrail::guardrail::Approved { text: "Cures everything.".into() };
//! ```
//! ```compile_fail
//! let text: copyrail::guardrail::Approved = serde_json::from_str("{}").unwrap();
//! ```

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::judge::{Corrected, Finding, Judgement, Verdict, judge_and_correct};
use super::{Action, Bans, Ground, Guardrails, Kind, Level, Opinions};
use crate::words::Revision;

/// What an approval held for. It is honoured only for the very text that it was given to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    guardrails: Arc<Revision>,
    ground: [u8; 32],
    text: [u8; 32],
    valid_until: Option<Timestamp>,
}

impl Stamp {
    /// The rules that it was judged by.
    pub fn guardrails(&self) -> &Revision {
        &self.guardrails
    }
    /// The hash of everything that it was judged against: facts, the context that rules read, placement, locale, bans.
    pub fn ground(&self) -> &[u8; 32] {
        &self.ground
    }
    /// The instant from which it holds no more: when a rule, evidence or the product's offer begins or ends. `None` when
    /// nothing is going to change by itself.
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.valid_until
    }
}

/// Text that is not approved, wherever it came from.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The text.
    pub text: Arc<str>,
    /// The stamp of an earlier approval of this text, which may save judging it again.
    pub stamp: Option<Stamp>,
}

impl Draft {
    /// A text that was never approved.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into(), stamp: None }
    }
}

/// Text that passed every rule in force, against these facts, at this moment. Only [`approve`] makes one.
#[derive(Clone, Debug)]
pub struct Approved {
    text: Arc<str>,
    stamp: Stamp,
    findings: Vec<Finding>,
    evidence: Vec<String>,
}

impl Approved {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// What the approval holds for.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }
    /// Notes, and findings of rules in shadow, from when it was judged; empty when only stamps were compared.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
    /// The ids of the evidence that it relied on, from when it was judged; empty when only stamps were compared.
    pub fn evidence(&self) -> &[String] {
        &self.evidence
    }
    /// The text with its stamp, to be kept and approved again later. Copies no text.
    pub fn to_draft(&self) -> Draft {
        Draft { text: Arc::clone(&self.text), stamp: Some(self.stamp.clone()) }
    }
}

/// The longest text that is judged for approval, in bytes: many times the longest copy. What is longer is no copy.
pub(super) const MAX_TEXT: usize = 16 * 1024;

/// The judgement of a text that is too long to be judged.
fn too_long(text: &str) -> Judgement {
    let beginning: String = text.chars().take(1).collect();
    let finding = Finding {
        rule: "copyrail.length".into(),
        kind: Kind::Limit,
        level: Level::Error,
        action: Action::Block,
        family: None,
        start: 0,
        end: 1,
        matched: beginning,
        message: format!("The text is longer than {} KiB, so it is not judged.", MAX_TEXT / 1024),
        evidence: None,
        shadow: false,
        unanswered: false,
        waived: false,
    };
    Judgement {
        verdict: Verdict::Block,
        findings: vec![finding],
        fixed: None,
        evidence: Vec::new(),
        valid_until: None,
    }
}

/// The judgement of a text that a stop bans, whatever the rules say of it.
fn banned(bans: &Bans, text: &str) -> Option<Judgement> {
    let findings = bans.find(text);
    (!findings.is_empty()).then(|| Judgement {
        verdict: Verdict::Block,
        findings,
        fixed: None,
        evidence: Vec::new(),
        valid_until: None,
    })
}

/// Approves a draft: by its stamp when that still holds, else by judging it. A text that a ban catches is never approved, as
/// given or as corrected. A text that only needs correcting is
/// corrected once and judged again.
///
/// # Errors
///
/// The judgement, when the text does not pass; a text of more than 16 KiB never does. When it was corrected and the corrected text does not pass either, the
/// judgement is the corrected text's, `fixed` holds that text, and the verdict is at least [`Verdict::Repair`].
pub fn approve(
    guardrails: &Guardrails,
    bans: &Bans,
    draft: &Draft,
    ground: &Ground<'_>,
) -> Result<Approved, Judgement> {
    let hash = ground_hash(guardrails, bans, ground);
    if let Some(approved) = by_stamp(guardrails, draft, &hash, ground.at) {
        return Ok(approved);
    }
    if draft.text.len() > MAX_TEXT {
        return Err(too_long(&draft.text));
    }
    let approved = |text: Arc<str>, judgement: Judgement| {
        let Judgement { findings, evidence, valid_until, .. } = judgement;
        let stamp = Stamp {
            guardrails: Arc::clone(&guardrails.hash),
            ground: hash,
            text: text_hash(&text),
            valid_until,
        };
        Approved { text, stamp, findings, evidence }
    };
    if let Some(judgement) = banned(bans, &draft.text) {
        return Err(judgement);
    }
    match judge_and_correct(guardrails, &draft.text, ground) {
        Corrected { first, .. } if first.verdict == Verdict::Pass => {
            Ok(approved(Arc::clone(&draft.text), first))
        }
        Corrected { again: Some((fixed, again)), .. } => match again.verdict {
            Verdict::Pass => match banned(bans, &fixed) {
                None => Ok(approved(fixed.into(), again)),
                Some(judgement) => Err(Judgement { fixed: Some(fixed), ..judgement }),
            },
            verdict => Err(Judgement { verdict: verdict.max(Verdict::Repair), fixed: Some(fixed), ..again }),
        },
        Corrected { first, .. } => Err(first),
    }
}

/// Approves a draft by its stamp alone, when that still holds. Reads nothing of the ground's inputs, so that whoever would
/// have to make them first need not.
pub fn still_approved(
    guardrails: &Guardrails,
    bans: &Bans,
    draft: &Draft,
    ground: &Ground<'_>,
) -> Option<Approved> {
    by_stamp(guardrails, draft, &ground_hash(guardrails, bans, ground), ground.at)
}

fn by_stamp(guardrails: &Guardrails, draft: &Draft, ground: &[u8; 32], at: Timestamp) -> Option<Approved> {
    let stamp = draft.stamp.as_ref()?;
    let holds = stamp.guardrails == guardrails.hash
        && stamp.ground == *ground
        && stamp.valid_until.is_none_or(|until| at < until)
        && stamp.text == text_hash(&draft.text);
    holds.then(|| Approved {
        text: Arc::clone(&draft.text),
        stamp: stamp.clone(),
        findings: Vec::new(),
        evidence: Vec::new(),
    })
}

/// The hash of all of a product's facts, for [`Ground::facts_hash`]: BLAKE3 of them as JSON with keys in order.
pub fn facts_hash(facts: &Map<String, Value>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hash_map(&mut hasher, facts);
    *hasher.finalize().as_bytes()
}

fn hash_map(hasher: &mut blake3::Hasher, map: &Map<String, Value>) {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort_unstable();
    hasher.update(b"{").update(&(keys.len() as u64).to_le_bytes());
    for key in keys {
        hash_text(hasher, key);
        hash_value(hasher, map.get(key).unwrap_or(&Value::Null));
    }
}

fn hash_value(hasher: &mut blake3::Hasher, value: &Value) {
    match value {
        Value::Object(map) => hash_map(hasher, map),
        Value::Array(items) => {
            hasher.update(b"[").update(&(items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| hash_value(hasher, item));
        }
        Value::String(text) => {
            hasher.update(b"\"");
            hash_text(hasher, text);
        }
        Value::Number(number) => {
            hasher.update(b"#");
            hash_text(hasher, &number.to_string());
        }
        Value::Bool(truth) => {
            hasher.update(if *truth { b"t" } else { b"f" });
        }
        Value::Null => {
            hasher.update(b"n");
        }
    }
}

/// Lengths go in before texts, so that no two grounds run together into one.
fn hash_text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
}

/// The hash of everything that a text is judged against: facts, the context that rules read, placement, locale, whether
/// people wrote it, and what is banned.
pub fn ground_hash(guardrails: &Guardrails, bans: &Bans, ground: &Ground<'_>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&ground.facts_hash);
    for path in &guardrails.context_paths {
        let value =
            path.strip_prefix("context.").and_then(|rest| crate::condition::look_up(ground.context, rest));
        hash_text(&mut hasher, path);
        hash_value(&mut hasher, value.unwrap_or(&Value::Null));
    }
    for part in [ground.placement, ground.locale.map(crate::words::Locale::as_str)] {
        hasher.update(&[u8::from(part.is_some())]);
        hash_text(&mut hasher, part.unwrap_or_default());
    }
    // What rules that ask a second model do not apply to is no approval of what they do apply to.
    hasher.update(&[u8::from(matches!(ground.opinions, Opinions::Prewritten))]);
    if !bans.is_empty() {
        hasher.update(bans.hash());
    }
    *hasher.finalize().as_bytes()
}

fn text_hash(text: &str) -> [u8; 32] {
    *blake3::hash(text.as_bytes()).as_bytes()
}

/// The same stamp as if it had been given to another text, so that tests can tell comparing from judging.
#[cfg(test)]
pub(super) fn tests_only_restamp(stamp: &Stamp, text: &str) -> Stamp {
    Stamp { text: text_hash(text), ..stamp.clone() }
}
