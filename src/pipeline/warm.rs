//! What was written before a restart, back in memory: newest first, as far as it is still good and there is room. Nothing is
//! served unjudged for it: it comes back as drafts without a stamp, and each is judged when it is asked for.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Parts;
use super::case::reads_offer;
use super::generation::{lifetime_at, models_of};
use crate::audit::{Decision, GenerationRecord};
use crate::cache::{Kept, Key};
use crate::guardrail::{Draft, Enforcement};
use crate::policy::Policy;
use crate::store::StoreError;

/// How many generations are read at once.
const PAGE: u32 = 500;
/// How full memory gets by it, in a hundred parts: what is asked for next needs room too.
const FULL: u64 = 75;

/// Fills memory from the log, and answers how many texts came back. Pages are answered meanwhile.
///
/// # Errors
/// When the store cannot be read; what came back stays.
pub async fn warm(parts: &Parts, policy: &Policy) -> Result<usize, StoreError> {
    let rules = policy.guardrails.rules();
    if rules.iter().any(|rule| rule.mode() == Enforcement::Enforce && rule.asks().is_some()) {
        // What was said of a text is read where somebody waits for it: copy from memory would be withheld until then, copy
        // that is found in the log is not.
        return Ok(0);
    }
    let placements = policy.copy.prompts.placements();
    let Some(longest) = placements.map(|placement| placement.ttl.hard).max() else { return Ok(0) };
    let oldest = before((parts.now)(), longest);
    let (mut below, mut seen, mut came) = (i64::MAX, HashSet::new(), 0);
    while let Some((page, last)) = parts.reviews.passed_before(below, PAGE).await? {
        for (record, text) in &page {
            if record.finished < oldest {
                return Ok(came);
            }
            let Some(key) = Key::parse(&record.cache_key) else { continue };
            // What waits for a person is looked for when it is asked for: one that they approved goes before it.
            if record.approval && parts.reviews.decision(record.id) != Some(Decision::Approved) {
                continue;
            }
            // Of two texts the newer one counts, even where it is not good any more.
            if seen.insert(key)
                && let Some(kept) = kept(parts, policy, record, text.as_deref())
            {
                parts.keep_first(key, &Arc::new(kept));
                came += 1;
            }
        }
        if parts.memory.is_full(FULL) {
            break;
        }
        below = last;
        tokio::task::yield_now().await;
    }
    Ok(came)
}

/// What a generation wrote, if it may still be served as far as its record says.
fn kept(parts: &Parts, policy: &Policy, record: &GenerationRecord, text: Option<&str>) -> Option<Kept> {
    let prompts = &policy.copy.prompts;
    let placement = prompts.placement(record.placement.as_str())?;
    let template = prompts.templates(&placement.id).find(|template| template.id == record.template)?;
    if record.approval {
        let (stale, expires) = (record.stale, record.expires);
        let [stale, expires] = [stale, expires].map(|noted| noted.unwrap_or(Timestamp::MAX));
        return draft(parts, record, text?, (stale, expires));
    }
    if record.expires.is_none() && reads_offer(template) {
        // Nobody noted when the offer ends. Whoever asks for it knows, and finds the text in the log.
        return None;
    }
    let (stale, expires) = lifetime_at(placement, record.finished);
    let capped = |at: Timestamp, noted: Option<Timestamp>| noted.map_or(at, |noted| at.min(noted));
    let (stale, expires) = (capped(stale, record.stale), capped(expires, record.expires));
    draft(parts, record, text?, (stale, expires))
}

/// Copy as it was written, to be judged when it is asked for; none of what has run out.
fn draft(
    parts: &Parts,
    record: &GenerationRecord,
    text: &str,
    (stale, expires): (Timestamp, Timestamp),
) -> Option<Kept> {
    let draft = Draft::new(text);
    ((parts.now)() < expires).then(|| Kept {
        written: draft.text.clone(),
        draft,
        generation: record.id,
        written_in: record.rejudged.unwrap_or(record.id),
        models: models_of(parts, record),
        stale,
        expires,
        elsewhere: false,
    })
}

fn before(now: Timestamp, time: Duration) -> Timestamp {
    SignedDuration::try_from(time).ok().and_then(|time| now.checked_sub(time).ok()).unwrap_or(Timestamp::MIN)
}
