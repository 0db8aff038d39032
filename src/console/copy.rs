//! Copy under review as pages show it: word for word, what rules found and what something vouches for marked in place, and
//! beside it the same numbers with what each is about.

use std::collections::BTreeMap;

use askama::Template;
use serde_json::Value;

use super::say::{Safe, letter, visible};
use crate::casefile::FindingThen;
use crate::guardrail::{Action, Evidence, Finding, Supported, Voucher};
use crate::words::Locale;

/// How many characters of a long text are shown before it is unfolded, about.
const SHOWN: usize = 2_000;
/// How many findings, and how many places that are vouched for, are marked in one text.
const MOST: usize = 300;
/// The longest value that is said beside a text, in characters.
const LONGEST: usize = 300;

/// What a mark means, the mildest first: its class in the style sheet.
const MEANINGS: [&str; 4] = ["pass", "note", "repair", "block"];

/// A stretch of a text to be marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Where it begins, in characters of the text.
    pub(super) start: usize,
    /// The first character after it.
    pub(super) end: usize,
    /// Its place among [`MEANINGS`].
    meaning: usize,
    /// The number under which more stands beside the text.
    number: Option<usize>,
}

/// What stands beside a text for one finding.
#[derive(Clone, Debug, Default)]
pub(super) struct Note {
    /// From 1.
    pub(super) number: usize,
    /// The rule's name.
    pub(super) rule: String,
    /// Where more is said of the rule.
    pub(super) link: Option<String>,
    /// One of the four meanings.
    pub(super) class: &'static str,
    /// What follows, as a word.
    pub(super) action: String,
    /// Why, in the words of the rule's author.
    pub(super) message: Option<String>,
    /// What it matched, where that is told.
    pub(super) said: Option<String>,
    /// What the facts say of it.
    pub(super) evidence: Option<String>,
    /// What else is to be known: on trial, waived, not in this text.
    pub(super) besides: Vec<String>,
    /// Where it stands in the text shown.
    span: Option<(usize, usize)>,
}

/// What stands beside a text for one place that something vouches for.
#[derive(Clone, Debug)]
pub(super) struct Vouch {
    /// The words of the text.
    pub(super) said: String,
    /// What vouches for them: a fact's path, or a claim's rule.
    pub(super) by: String,
    /// Where more is said of a claim's rule.
    pub(super) link: Option<String>,
    /// The fact's value.
    pub(super) value: Option<String>,
    /// The wording that allows a claim, and the evidence it stands on.
    pub(super) because: Vec<String>,
}

/// A text with its marks, in two parts where it is long.
#[derive(Clone, Debug, Template)]
#[template(path = "marked_copy.html")]
pub(super) struct MarkedCopy {
    lang: String,
    small: bool,
    head: Safe,
    rest: Option<Safe>,
    /// How many characters it has.
    characters: usize,
    /// How many findings stand in the part that is folded.
    found_in_rest: usize,
}

/// The page where more is said of a rule.
pub(super) fn rule_link(rule: &str) -> Option<String> {
    match rule {
        rule if rule.starts_with("stop.") => Some("/console/compliance/stops".to_owned()),
        rule if rule.starts_with("copyrail.") => None,
        rule => Some(format!("/console/compliance/rules/{}", path_part(rule))),
    }
}

/// A name as a part of an address.
pub(super) fn path_part(name: &str) -> String {
    let mut part = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                part.push(char::from(byte))
            }
            byte => part.push_str(&format!("%{byte:02X}")),
        }
    }
    part
}

/// Which meaning follows from a finding.
fn class(action: Action, counts: bool) -> &'static str {
    match action {
        _ if !counts => "note",
        Action::Note => "note",
        Action::Fix | Action::Repair => "repair",
        Action::Block => "block",
    }
}

impl Note {
    /// Of a finding of the log, beside a text that an attempt wrote, or that passed: see [`Shown`].
    pub(super) fn of_record(finding: &FindingThen, shown: Shown<'_>) -> Self {
        let action = match finding.action.as_str() {
            "block" => Action::Block,
            "repair" => Action::Repair,
            "fix" => Action::Fix,
            _ => Action::Note,
        };
        let counts = !finding.shadow && !finding.waived;
        let class = class(action, counts);
        let mut besides = Vec::new();
        if finding.shadow {
            besides.push("On trial: it changes nothing.".to_owned());
        }
        if finding.waived {
            besides.push("Waived for this very text.".to_owned());
        }
        if finding.unanswered {
            besides.push("A second model gave no answer.".to_owned());
        }
        let span = finding.span.filter(|_| finding.matched.is_some());
        let (span, elsewhere) = match shown {
            Shown::Attempt(number) => (span.filter(|_| finding.attempt == Some(number)), false),
            // What passed holds nothing that had to be put right.
            Shown::Passed(text) => {
                let is_here = class == "note" && span.is_some_and(|span| stands(text, span, finding));
                (span.filter(|_| is_here), !is_here)
            }
        };
        if elsewhere && let Some(attempt) = finding.attempt {
            besides.push(match class {
                "note" => format!("In what call {attempt} wrote, at a place that is another now."),
                _ => format!("In what call {attempt} wrote; the text above is without it."),
            });
        } else if span.is_none() && finding.matched.is_some() {
            besides.push("Where it stood cannot be told.".to_owned());
        }
        if finding.matched.is_none() {
            besides.push("What it matched, and what the rule said of it, was erased.".to_owned());
        }
        Self {
            number: finding.number,
            link: rule_link(&finding.rule),
            rule: finding.rule.clone(),
            class,
            action: finding.action.clone(),
            message: finding.message.clone(),
            said: finding.matched.as_deref().map(bounded),
            evidence: finding.evidence.as_ref().map(evidence),
            besides,
            span,
        }
    }

    /// Of a finding of a text that was judged just now.
    pub(super) fn of_judged(number: usize, finding: &Finding) -> Self {
        let mut besides = Vec::new();
        if finding.shadow {
            besides.push("On trial: it changes nothing.".to_owned());
        }
        if finding.waived {
            besides.push("Waived for this very text.".to_owned());
        }
        Self {
            number,
            link: rule_link(&finding.rule),
            rule: finding.rule.clone(),
            class: class(finding.action, !finding.shadow && !finding.waived),
            action: crate::casefile::words::action(finding.action).to_owned(),
            message: Some(finding.message.clone()),
            said: Some(bounded(&finding.matched)),
            evidence: finding.evidence.as_ref().map(evidence),
            besides,
            span: Some((finding.start, finding.end)),
        }
    }

    /// All findings of a text that was judged just now, numbered.
    pub(super) fn all_judged(findings: &[Finding]) -> Vec<Self> {
        findings.iter().enumerate().map(|(at, finding)| Self::of_judged(at + 1, finding)).collect()
    }
}

/// Whether a finding's match stands at its place in a text.
fn stands(text: &str, (start, end): (usize, usize), finding: &FindingThen) -> bool {
    let there = text.chars().skip(start).take(end.saturating_sub(start));
    finding.matched.as_deref().is_some_and(|matched| there.eq(matched.chars()))
}

/// Which text findings of the log are shown beside.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shown<'t> {
    /// The text that passed.
    Passed(&'t str),
    /// What this attempt wrote, from 1.
    Attempt(usize),
}

impl Note {
    /// What it matched, as it is shown.
    pub(super) fn said_shown(&self) -> Option<Safe> {
        self.said.as_deref().filter(|said| !said.is_empty()).map(visible)
    }

    /// What the rule says, which may quote what it matched.
    pub(super) fn message_shown(&self) -> Option<Safe> {
        self.message.as_deref().map(visible)
    }
}

impl Vouch {
    /// The words of the text, as they are shown.
    pub(super) fn said_shown(&self) -> Safe {
        visible(&self.said)
    }

    /// The fact's value, as it is shown.
    pub(super) fn value_shown(&self) -> Option<Safe> {
        self.value.as_deref().map(visible)
    }

    /// Of what vouches for a place.
    pub(super) fn of(supported: &Supported) -> Self {
        let said = bounded(&supported.said);
        match &supported.by {
            Voucher::Fact { path, value } => Self {
                said,
                by: path.clone(),
                link: None,
                value: Some(value_said(value)),
                because: Vec::new(),
            },
            Voucher::Claim { rule, wording, evidence, facts } => {
                let mut because: Vec<String> = Vec::new();
                because.extend(wording.as_ref().map(|wording| format!("May be said as “{wording}”.")));
                because.extend(evidence.iter().map(|item| {
                    format!(
                        "Evidence {}: {}, until {}.",
                        item.id,
                        item.document,
                        item.until.strftime("%-d %b %Y")
                    )
                }));
                because.extend((!facts.is_empty()).then(|| format!("It holds by {}.", facts.join(", "))));
                Self { said, by: rule.clone(), link: rule_link(rule), value: None, because }
            }
        }
    }
}

/// What the facts say of something that a rule found.
fn evidence(evidence: &Evidence) -> String {
    match (&evidence.attribute, &evidence.value) {
        (Some(path), Some(value)) => format!("The facts say: {path} is {}.", value_said(value)),
        (Some(path), None) => format!("The facts name {path}."),
        (None, _) => "Nothing in the facts supports this.".to_owned(),
    }
}

/// A fact's value as people read it.
pub(super) fn value_said(value: &Value) -> String {
    match value {
        Value::String(text) => bounded(text),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Null => "not known".to_owned(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            bounded(&items.iter().map(value_said).collect::<Vec<_>>().join(", "))
        }
        other => bounded(&other.to_string()),
    }
}

/// The beginning of a long text.
fn bounded(text: &str) -> String {
    let mut chars = text.chars();
    let begins: String = chars.by_ref().take(LONGEST).collect();
    if chars.next().is_some() { format!("{begins}…") } else { begins }
}

impl MarkedCopy {
    /// A text with what rules found in it and what something vouches for. Findings over all of it are not marked: they are
    /// about the whole.
    pub(super) fn of(text: &str, locale: &str, notes: &[Note], supported: &[Supported]) -> Self {
        let length = text.chars().count();
        let marks = marks(length, notes, supported);
        let at = fold_at(text, length);
        let (head, rest) = halves(text, at);
        let found_in_rest = marks.iter().filter(|mark| mark.number.is_some() && mark.start >= at).count();
        Self {
            lang: Locale::parse(locale).map(|locale| locale.to_string()).unwrap_or_default(),
            small: false,
            head: Safe(html(head, 0, &marks)),
            rest: (!rest.is_empty()).then(|| Safe(html(rest, at, &marks))),
            characters: length,
            found_in_rest,
        }
    }

    /// In the size of what stands around it.
    pub(super) fn small(self) -> Self {
        Self { small: true, ..self }
    }

    /// As HTML.
    pub(super) fn html(&self) -> Safe {
        Safe(self.render().unwrap_or_default())
    }

    /// The number of characters, as people write it.
    fn length(&self) -> String {
        super::say::number(u64::try_from(self.characters).unwrap_or(u64::MAX))
    }
}

/// The marks of a text of so many characters.
fn marks(length: usize, notes: &[Note], supported: &[Supported]) -> Vec<Mark> {
    let found = notes.iter().filter_map(|note| {
        let (start, end) = note.span?;
        let whole = start == 0 && end >= length && length > 1;
        let meaning = MEANINGS.iter().position(|class| *class == note.class).unwrap_or(1);
        (!whole && start <= end && end <= length).then_some(Mark {
            start,
            end,
            meaning,
            number: Some(note.number),
        })
    });
    let vouched = supported.iter().filter(|place| place.start < place.end && place.end <= length);
    let vouched = vouched.map(|place| Mark { start: place.start, end: place.end, meaning: 0, number: None });
    found.take(MOST).chain(vouched.take(MOST)).collect()
}

/// Where a long text is folded: behind a blank.
fn fold_at(text: &str, length: usize) -> usize {
    if length <= SHOWN + SHOWN / 4 {
        return length;
    }
    let blanks = text.chars().take(SHOWN).enumerate().filter(|(_, c)| c.is_whitespace());
    blanks.last().map(|(at, _)| at + 1).filter(|at| *at > SHOWN / 2).unwrap_or(SHOWN)
}

/// A text up to a character, and from it on.
fn halves(text: &str, at: usize) -> (&str, &str) {
    let byte = text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    text.split_at_checked(byte).unwrap_or((text, ""))
}

/// A part of a text that begins at this character, as HTML: between two places where any mark begins or ends there is one
/// `mark` at most, of the gravest that covers it, and where a numbered one ends its number stands.
fn html(part: &str, from: usize, marks: &[Mark]) -> String {
    let to = from + part.chars().count();
    let mut begin: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut end: BTreeMap<usize, Vec<&Mark>> = BTreeMap::new();
    let mut points: Vec<usize> = vec![from, to];
    let here = |mark: &&Mark| {
        let whole = mark.start < to && mark.end > from;
        // What has no extent belongs to the part in which its place is.
        whole || (mark.start == mark.end && (from..to.max(from + 1)).contains(&mark.start))
    };
    for mark in marks.iter().filter(here) {
        let (start, stop) = (mark.start.max(from), mark.end.min(to));
        if start < stop {
            begin.entry(start).or_default().push(mark.meaning);
        }
        end.entry(stop).or_default().push(mark);
        points.extend([start, stop]);
    }
    points.sort_unstable();
    points.dedup();
    let mut open = [0_usize; MEANINGS.len()];
    let mut chars = part.chars();
    let mut out = String::with_capacity(part.len() * 2);
    let mut before = None;
    for (index, point) in points.iter().enumerate() {
        let ended = end.get(point).map(Vec::as_slice).unwrap_or_default();
        for mark in ended.iter().filter(|mark| mark.number.is_none() || mark.end <= to) {
            if mark.start.max(from) < *point
                && let Some(count) = open.get_mut(mark.meaning)
            {
                *count = count.saturating_sub(1);
            }
            if let Some(number) = mark.number {
                let meaning = MEANINGS.get(mark.meaning).copied().unwrap_or_default();
                out.push_str(&format!(
                    "<sup class=\"label {meaning}\"><span class=\"visually-hidden\">finding </span>{number}</sup>"
                ));
            }
        }
        for meaning in begin.get(point).into_iter().flatten() {
            if let Some(count) = open.get_mut(*meaning) {
                *count += 1;
            }
        }
        let Some(next) = points.get(index + 1) else { break };
        let gravest = open.iter().rposition(|count| *count > 0).and_then(|at| MEANINGS.get(at));
        if let Some(class) = gravest {
            out.push_str(&format!("<mark class=\"{class}\">"));
        }
        for c in chars.by_ref().take(next - point) {
            letter(&mut out, before, c);
            before = Some(c);
        }
        if gravest.is_some() {
            out.push_str("</mark>");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(number: usize, class: &'static str, span: (usize, usize)) -> Note {
        Note { number, class, span: Some(span), ..Note::default() }
    }

    /// The HTML of a text, with labels written short.
    #[track_caller]
    fn check(text: &str, notes: &[Note], expected: &str) {
        let marks = marks(text.chars().count(), notes, &[]);
        let told = html(text, 0, &marks).replace("<span class=\"visually-hidden\">finding </span>", "");
        assert_eq!(told, expected);
    }

    #[test]
    fn marks_stand_where_findings_are() {
        check("plain <b>", &[], "plain &lt;b&gt;");
        check(
            "the best",
            &[note(1, "block", (4, 8))],
            "the <mark class=\"block\">best</mark><sup class=\"label block\">1</sup>",
        );
        // Overlapping: the gravest covers, and each number stands where its finding ends.
        check(
            "abcdef",
            &[note(1, "note", (0, 4)), note(2, "block", (2, 5))],
            "<mark class=\"note\">ab</mark><mark class=\"block\">cd</mark><sup class=\"label note\">1</sup>\
             <mark class=\"block\">e</mark><sup class=\"label block\">2</sup>f",
        );
        // One within another, and two at the same place.
        check(
            "abcd",
            &[note(1, "repair", (0, 3)), note(2, "note", (1, 2)), note(3, "block", (1, 2))],
            "<mark class=\"repair\">a</mark><mark class=\"block\">b</mark><sup class=\"label note\">2</sup>\
             <sup class=\"label block\">3</sup><mark class=\"repair\">c</mark><sup class=\"label repair\">1</sup>d",
        );
        // A place without an extent, one over the whole, and one that cannot be.
        check("ab", &[note(1, "note", (1, 1))], "a<sup class=\"label note\">1</sup>b");
        check("ab", &[note(1, "block", (0, 2))], "ab");
        check("ab", &[note(1, "block", (1, 9)), note(2, "block", (2, 1))], "ab");
        // Places count characters: an emoji of two bytes of UTF-16, a letter and its accent.
        check(
            "🥤e\u{301} best",
            &[note(1, "block", (4, 8))],
            "🥤e\u{301} <mark class=\"block\">best</mark><sup class=\"label block\">1</sup>",
        );
    }

    #[test]
    fn nothing_that_a_model_wrote_is_markup_or_hidden() {
        check(
            "</mark><script>\u{202e}x\u{200b}",
            &[note(1, "block", (0, 7))],
            "<mark class=\"block\">&lt;/mark&gt;</mark><sup class=\"label block\">1</sup>&lt;script&gt;\
             <span class=\"unseen\">⟨U+202E⟩</span>x<span class=\"unseen\">⟨U+200B⟩</span>",
        );
        // What joins the parts of an emoji is seen in it.
        check("👩\u{200d}🔧 ❤\u{fe0f}", &[], "👩\u{200d}🔧 ❤\u{fe0f}");
    }

    #[test]
    fn long_texts_are_folded_behind_a_word_and_keep_their_marks() {
        let text = "word ".repeat(2_000);
        let copy = MarkedCopy::of(&text, "en-GB", &[note(1, "block", (9_000, 9_004))], &[]);
        let rest = copy.rest.clone().unwrap().0;
        assert!(copy.head.0.len() <= SHOWN && copy.head.0.ends_with("word "), "{}", copy.head.0.len());
        assert!(rest.contains("<mark class=\"block\">word</mark><sup"));
        assert_eq!(copy.found_in_rest, 1);
        // A mark over the fold is marked on both sides, and numbered once.
        let copy = MarkedCopy::of(&text, "en-GB", &[note(1, "block", (1_990, 2_010))], &[]);
        let all = format!("{}{}", copy.head, copy.rest.unwrap());
        assert_eq!((all.matches("<mark").count(), all.matches("<sup").count()), (2, 1));
        // What is not much longer is not folded.
        assert!(MarkedCopy::of(&"a".repeat(2_400), "en", &[], &[]).rest.is_none());
        assert!(MarkedCopy::of(&"a".repeat(10_000), "en", &[], &[]).rest.is_some());
    }

    #[test]
    fn names_in_addresses_lead_nowhere_else() {
        assert_eq!(path_part("claims.energy-yield"), "claims.energy-yield");
        assert_eq!(path_part("a/../b?c#d é"), "a%2F..%2Fb%3Fc%23d%20%C3%A9");
        // What a stop found leads to the stops, and what the service itself holds back to no rule.
        assert_eq!(rule_link("stop.0195").as_deref(), Some("/console/compliance/stops"));
        assert_eq!(rule_link("copyrail.rejected"), None);
        assert_eq!(rule_link("tone.hype").as_deref(), Some("/console/compliance/rules/tone.hype"));
    }
}
