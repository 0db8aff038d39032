//! What a record says, laid out for people: values in, values out.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::words;
use crate::audit::search::Generation;
use crate::audit::{GenerationPayload, ServeRecord};
use crate::generate::{Attempt, blurb_in};
use crate::guardrail::Evidence;

/// How many characters of the text are shown on either side of what a finding matched.
const AROUND: usize = 60;

/// How a segment came out for a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentThen {
    /// The segment.
    pub segment: String,
    /// `true`, `false`, `unknown`.
    pub outcome: String,
    /// The same in words.
    pub said: String,
    /// Each test of its condition in words, without the values it was decided by.
    pub conditions: Vec<String>,
}

/// How the segments came out for a serve, up to the one chosen.
pub fn segments(record: &ServeRecord) -> Vec<SegmentThen> {
    #[derive(serde::Deserialize)]
    struct Segment {
        segment: String,
        outcome: String,
        #[serde(default)]
        conditions: Vec<Condition>,
    }
    #[derive(serde::Deserialize)]
    struct Condition {
        path: String,
        operator: String,
        outcome: String,
    }
    // What cannot be read stands in the record itself all the same.
    let read: Vec<Segment> = serde_json::from_str(record.conditions.get()).unwrap_or_default();
    let said = |Condition { path, operator, outcome }: Condition| {
        let asked = words::operator(&operator);
        match outcome.as_str() {
            "true" => format!("`{path}` {asked}: yes"),
            "false" => format!("`{path}` {asked}: no"),
            _ => format!("`{path}` {asked}: not known"),
        }
    };
    read.into_iter()
        .map(|Segment { segment, outcome, conditions }| SegmentThen {
            said: format!("`{segment}` {}", words::matched(&outcome)),
            conditions: conditions.into_iter().map(said).collect(),
            segment,
            outcome,
        })
        .collect()
}

/// One message of the prompt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageThen {
    /// Who says it: `system`, `user`, `assistant`.
    pub role: String,
    /// What was said, word for word.
    pub content: String,
    /// Whether it was added to have a first text mended.
    pub repair: bool,
}

/// The messages sent to the model; those that a repair added are marked.
pub(super) fn messages(generation: &Generation) -> Vec<MessageThen> {
    /// A repair adds the text that came and what was wrong with it.
    const ADDED: usize = 2;
    let Some(messages) = generation.payload.as_ref().and_then(|payload| payload.messages.as_array()) else {
        return Vec::new();
    };
    let repaired = attempts(generation).iter().any(|attempt| attempt.repair);
    let first_added = if repaired { messages.len().saturating_sub(ADDED) } else { messages.len() };
    let text = |value: &Value, field| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let message = |(index, message): (usize, &Value)| MessageThen {
        role: text(message, "role"),
        content: text(message, "content"),
        repair: index >= first_added,
    };
    messages.iter().enumerate().map(message).collect()
}

/// One call to a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AttemptThen {
    /// From 1.
    pub number: usize,
    /// The provider's name in the settings.
    pub provider: String,
    /// The model asked for.
    pub model_asked: String,
    /// The model that says it answered.
    pub model_answering: Option<String>,
    /// Why the model stopped writing.
    pub finish_reason: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// Tokens of the prompt and tokens written.
    pub tokens: Option<(u64, u64)>,
    /// What it cost, in millionths of the currency of the prices.
    pub cost_micros: u64,
    /// From sending to the last byte read.
    pub latency_ms: u64,
    /// The provider's own id of the call.
    pub upstream_request_id: Option<String>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// Whether it was to mend a text that rules had found wanting.
    pub repair: bool,
    /// What the model wrote, before any rule, or was said instead; `None` when nothing, or once it was erased.
    pub raw: Option<String>,
    /// The copy in it, as rules judged it: without what stood around it. `None` where there is none.
    #[serde(skip)]
    pub copy: Option<String>,
}

/// Every attempt, in order. One that this version cannot read is named as such.
pub fn attempts(generation: &Generation) -> Vec<AttemptThen> {
    let recorded = generation.record.attempts.as_array().map(Vec::as_slice).unwrap_or_default();
    let raw = |index: usize| generation.payload.as_ref().and_then(|p| p.raw_texts.get(index)?.clone());
    let told = |(index, value): (usize, &Value)| {
        let attempt: Option<Attempt> = serde_json::from_value(value.clone()).ok();
        let Some(attempt) = attempt else {
            return AttemptThen {
                number: index + 1,
                provider: "unknown".to_owned(),
                model_asked: "unknown".to_owned(),
                model_answering: None,
                finish_reason: None,
                status: None,
                tokens: None,
                cost_micros: 0,
                latency_ms: 0,
                upstream_request_id: None,
                error: Some("this version cannot read what the record says of it".to_owned()),
                repair: false,
                copy: raw(index).as_deref().and_then(blurb_in),
                raw: raw(index),
            };
        };
        let fault = attempt.fault.map(words::fault).map(str::to_owned);
        let error = match (fault, attempt.error) {
            (Some(fault), Some(error)) => Some(format!("{fault}: {error}")),
            (fault, error) => fault.or(error),
        };
        AttemptThen {
            number: index + 1,
            provider: attempt.provider,
            model_asked: attempt.model_asked,
            model_answering: attempt.model_answering,
            finish_reason: attempt.finish_reason,
            status: attempt.status,
            tokens: attempt.usage.map(|usage| (usage.input, usage.output)),
            cost_micros: attempt.cost.0,
            latency_ms: attempt.latency_ms,
            upstream_request_id: attempt.upstream_request_id,
            error,
            repair: attempt.repair,
            copy: raw(index).as_deref().and_then(blurb_in),
            raw: raw(index),
        }
    };
    recorded.iter().enumerate().map(told).collect()
}

/// One place where a rule matched.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FindingThen {
    /// From 1.
    pub number: usize,
    /// The rule's name.
    pub rule: String,
    /// What the rule looks for.
    pub kind: String,
    /// How much the rule matters.
    pub level: String,
    /// What follows from it.
    pub action: String,
    /// The family of claims.
    pub family: Option<String>,
    /// Whether the rule was only being tried.
    pub shadow: bool,
    /// Whether the rule could not run, for want of a second model's answer.
    pub unanswered: bool,
    /// Whether a waiver for that very text made it a note.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub waived: bool,
    /// What the facts say instead.
    pub evidence: Option<Evidence>,
    /// What it matched; `None` once it was erased.
    pub matched: Option<String>,
    /// What it says; likewise.
    pub message: Option<String>,
    /// The text before and after what was matched; `None` where the text is not known.
    pub around: Option<(String, String)>,
    /// Of which attempt's text, from 1; `None` where that cannot be told.
    pub attempt: Option<usize>,
    /// Where it stands in that attempt's copy, in characters; `None` where nothing stands there that it could have matched.
    #[serde(skip)]
    pub span: Option<(usize, usize)>,
}

/// Every finding, in order, with the text around what it matched.
pub fn findings(generation: &Generation) -> Vec<FindingThen> {
    let recorded = generation.record.findings.as_array().map(Vec::as_slice).unwrap_or_default();
    let payload = generation.payload.as_ref();
    let beside = |index: usize, field: &str| {
        let matches = payload?.matches.as_array()?;
        Some(matches.get(index)?.get(field)?.as_str()?.to_owned())
    };
    let text = |value: &Value, field| value.get(field).and_then(Value::as_str).map(str::to_owned);
    let yes = |value: &Value, field| value.get(field).and_then(Value::as_bool).unwrap_or(false);
    let number = |value: &Value, field| {
        value.get(field).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok())
    };
    let texts: Vec<(usize, String)> = payload.map(judged_texts).unwrap_or_default();
    // Findings stand in the order of the texts that were judged, and of their places in each.
    let mut first = 0;
    let mut last: Option<(usize, usize)> = None;
    let mut seen: BTreeSet<(String, usize, usize)> = BTreeSet::new();
    let mut told = |(index, value): (usize, &Value)| {
        let matched = beside(index, "match");
        let span = number(value, "start").zip(number(value, "end"));
        let rule = text(value, "rule").unwrap_or_default();
        if let Some((start, end)) = span {
            let again = !seen.insert((rule.clone(), start, end));
            if again || last.is_some_and(|last| (start, end) < last) {
                (first, seen) = ((first + 1).min(texts.len().saturating_sub(1)), BTreeSet::new());
            }
            last = Some((start, end));
        }
        let later = texts.get(first..).unwrap_or_default();
        let place = matched.as_deref().zip(span).and_then(|(matched, span)| place_of(matched, span, later));
        if let Some(place) = &place {
            first = texts.iter().position(|(attempt, _)| *attempt == place.attempt).unwrap_or(first);
        }
        FindingThen {
            number: index + 1,
            rule,
            kind: text(value, "kind").unwrap_or_default(),
            level: text(value, "level").unwrap_or_default(),
            action: text(value, "action").unwrap_or_default(),
            family: text(value, "family"),
            shadow: yes(value, "shadow"),
            unanswered: yes(value, "unanswered"),
            waived: yes(value, "waived"),
            evidence: value.get("evidence").and_then(|value| serde_json::from_value(value.clone()).ok()),
            message: beside(index, "message"),
            attempt: place.as_ref().map(|place| place.attempt),
            span: place.as_ref().map(|place| place.span),
            around: place.map(|place| (place.before, place.after)),
            matched,
        }
    };
    recorded.iter().enumerate().map(&mut told).collect()
}

struct Place {
    attempt: usize,
    span: (usize, usize),
    before: String,
    after: String,
}

/// What each attempt wrote, as it was judged: without what stood around it. With the attempt's number, from 1.
fn judged_texts(payload: &GenerationPayload) -> Vec<(usize, String)> {
    let written = payload.raw_texts.iter().enumerate();
    let judged = |raw: &str| blurb_in(raw).unwrap_or_else(|| raw.trim().to_owned());
    written.filter_map(|(index, text)| Some((index + 1, judged(text.as_deref()?)))).collect()
}

/// Where a finding stands. Its place counts in the text as it was judged, so the text that has the match right there is
/// looked for first, and else the first that has it at all.
fn place_of(matched: &str, (start, end): (usize, usize), judged: &[(usize, String)]) -> Option<Place> {
    let texts = || judged.iter().map(|(attempt, text)| (*attempt, text.as_str()));
    let place = |attempt: usize, text: &str, start: usize, end: usize| {
        let before: Vec<char> = text.chars().take(start).collect();
        let cut = before.len() > AROUND;
        let before: String = before.iter().skip(before.len().saturating_sub(AROUND)).collect();
        let after: String = text.chars().skip(end).take(AROUND).collect();
        let more = text.chars().count() > end.saturating_add(AROUND);
        Place {
            attempt,
            span: (start, end),
            before: if cut { format!("…{before}") } else { before },
            after: if more { format!("{after}…") } else { after },
        }
    };
    let here = |(attempt, text): (usize, &str)| {
        let there: String = text.chars().skip(start).take(end.saturating_sub(start)).collect();
        (there == matched).then(|| place(attempt, text, start, end))
    };
    let anywhere = |(attempt, text): (usize, &str)| {
        let start = text.split_once(matched)?.0.chars().count();
        Some(place(attempt, text, start, start + matched.chars().count()))
    };
    let found = texts().find_map(here);
    found.or_else(|| texts().filter(|_| !matched.is_empty()).find_map(anywhere))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_stands_in_the_text_that_it_was_found_in() {
        let payload = GenerationPayload {
            raw_texts: vec![
                None,
                Some(" Ein große Lampe, ganz große Lampe.\n".into()),
                Some("\"quoted große\"".into()),
            ],
            ..GenerationPayload::default()
        };
        let check = |matched: &str, span, expected: Option<(usize, &str, &str)>| {
            let place = place_of(matched, span, &judged_texts(&payload));
            let told = place.as_ref().map(|p| (p.attempt, p.before.as_str(), p.after.as_str()));
            assert_eq!(told, expected, "{matched} {span:?}");
        };
        check("große", (4, 9), Some((2, "Ein ", " Lampe, ganz große Lampe.")));
        check("große", (22, 27), Some((2, "Ein große Lampe, ganz ", " Lampe.")));
        check("quoted", (0, 6), Some((3, "", " große")));
        check("", (3, 3), Some((2, "Ein", " große Lampe, ganz große Lampe.")));
        check("nowhere", (0, 7), None);
        check("große", (usize::MAX - 1, usize::MAX), Some((2, "Ein ", " Lampe, ganz große Lampe.")));
    }
}
