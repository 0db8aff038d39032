//! `grounded` on real copy that models wrote, against marks of our own: what is found, and what is left in peace. The
//! marks were made by language models that read each text beside its sheet; no person has checked them.
//!
//! The marks stand in `tests/grounded/marks.jsonl`, by id and span only; the texts and the products are real data.

use std::collections::BTreeMap;
use std::ops::Range;

use copyrail::document::Files;
use copyrail::guardrail::{Finding, Guardrails, Opinions, Subject, Voucher, judge, load, support};
use copyrail::words::Locale;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::support::{root, shared_data};

const RULE: &str = "rules:
  - id: facts
    extends: grounded
    message: \"'%s' is not among the facts.\"
    level: error
    examples:
      fail: [{text: It weighs 290 g., facts: {name: A, weight: 310 g}}]
      pass: [{text: It weighs 310 g., facts: {name: A, weight: 310 g}}]
";

fn rule() -> Guardrails {
    let files: Files = [("guardrails/facts.yml".to_owned(), RULE.to_owned())].into_iter().collect();
    let (guardrails, faults) = load(&files, &TimeZone::UTC);
    guardrails.unwrap_or_else(|| panic!("{faults:?}"))
}

fn find(rule: &Guardrails, text: &str, facts: &Map<String, Value>) -> Vec<Finding> {
    let (empty, locale) = (Map::new(), Locale::parse("en").unwrap());
    let subject = Subject {
        text,
        facts,
        context: &empty,
        placement: None,
        locale: Some(&locale),
        inputs: &empty,
        instructions: None,
        opinions: Opinions::Unknown,
        at: Timestamp::UNIX_EPOCH,
    };
    judge(rule, &subject).findings
}

/// One stretch that a person marked.
struct Mark {
    span: Range<usize>,
    kind: String,
}

/// A text with the facts that it was written from and what is marked in it.
struct Marked {
    id: String,
    text: String,
    facts: Map<String, Value>,
    marks: Vec<Mark>,
}

fn lines(text: &str) -> impl Iterator<Item = Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}

fn marked() -> Option<Vec<Marked>> {
    let read = |name| Some(std::fs::read_to_string(shared_data(name)?).unwrap());
    let texts = read("llm_copy_phones_dev_outputs_300.jsonl")?;
    let facts = read("llm_copy_phones_dev_facts_100.jsonl")?;
    let texts: BTreeMap<String, Value> =
        lines(&texts).map(|text| (text["id"].as_str().unwrap().to_owned(), text)).collect();
    let facts: BTreeMap<String, Value> =
        lines(&facts).map(|facts| (facts["product_id"].as_str().unwrap().to_owned(), facts)).collect();
    let marks = std::fs::read_to_string(root().join("tests/grounded/marks.jsonl")).unwrap();
    let marked = lines(&marks).map(|line| {
        let id = line["id"].as_str().unwrap();
        let text = &texts[id];
        let place = |mark: &Value, key: &str| usize::try_from(mark[key].as_u64().unwrap()).unwrap();
        let mark = |mark: &Value| Mark {
            span: place(mark, "start")..place(mark, "end"),
            kind: mark["kind"].as_str().unwrap().to_owned(),
        };
        Marked {
            id: id.to_owned(),
            text: text["text"].as_str().unwrap().to_owned(),
            facts: facts[text["product_id"].as_str().unwrap()].as_object().unwrap().clone(),
            marks: line["spans"].as_array().unwrap().iter().map(mark).collect(),
        }
    });
    Some(marked.collect())
}

/// How many of how many.
#[derive(Clone, Copy, Default)]
struct Share {
    hits: usize,
    of: usize,
}

impl Share {
    fn count(&mut self, hit: bool) {
        self.hits += usize::from(hit);
        self.of += 1;
    }

    #[track_caller]
    #[allow(clippy::print_stdout, reason = "whoever reads the test's output wants the numbers")]
    fn at_least(self, percent: usize, what: &str) {
        println!("{what}: {} of {}", self.hits, self.of);
        assert!(self.hits * 100 >= self.of * percent, "{what}: less than {percent}%");
    }
}

fn overlaps(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// A few words around a stretch of a text, for whoever reads the test's output.
fn around(text: &str, span: &Range<usize>) -> String {
    let from = span.start.saturating_sub(40);
    let take = |from: usize, to: usize| -> String { text.chars().skip(from).take(to - from).collect() };
    format!("{}[{}]{}", take(from, span.start), take(span.start, span.end), take(span.end, span.end + 30))
}

#[test]
fn what_is_marked_is_found() {
    let Some(texts) = marked() else { return };
    let rule = rule();
    let mut found: BTreeMap<&str, Share> = BTreeMap::new();
    let (mut passed, mut marked_by_somebody) = (Share::default(), Share::default());
    let mut statements_marked_by_somebody = Share::default();
    for Marked { id, text, facts, marks } in &texts {
        let findings = find(&rule, text, facts);
        if marks.is_empty() {
            passed.count(findings.is_empty());
        }
        for mark in marks {
            let hit = findings.iter().any(|finding| overlaps(&(finding.start..finding.end), &mark.span));
            found.entry(&mark.kind).or_default().count(hit);
            if !hit {
                println!("missed {} {id}: {}", mark.kind, around(text, &mark.span));
            }
        }
        for finding in &findings {
            let span = finding.start..finding.end;
            let hit = marks.iter().any(|mark| overlaps(&span, &mark.span));
            if is_figure(&finding.matched) {
                marked_by_somebody.count(hit);
            } else {
                statements_marked_by_somebody.count(hit);
            }
            if !hit {
                println!("unmarked {id}: {} {:?}", around(text, &span), finding.evidence);
            }
        }
    }
    for (kind, share) in &found {
        println!("{kind}s marked: {} of {} found", share.hits, share.of);
    }
    found["figure"].at_least(80, "figures marked that are found");
    passed.at_least(97, "texts without a mark that pass");
    marked_by_somebody.at_least(90, "findings on figures that somebody marked");
    found["feature"].at_least(60, "features marked that are found");
    found["name"].at_least(50, "names marked that are found");
    statements_marked_by_somebody.at_least(80, "findings on features and names that somebody marked");
}

/// Whether a finding is about a number: in digits or as a word.
fn is_figure(matched: &str) -> bool {
    const WORDS: &[&str] = &[
        "single", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "dual",
        "triple", "quad", "hexa", "octa", "penta", "deca",
    ];
    let words: Vec<String> = matched.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).collect();
    matched.chars().any(|c| c.is_ascii_digit()) || words.iter().any(|word| WORDS.contains(&word.as_str()))
}

/// Every scalar among facts.
fn values<'v>(value: &'v Value, into: &mut Vec<&'v Value>) {
    match value {
        Value::Object(map) => map.values().for_each(|value| values(value, into)),
        Value::Array(items) => items.iter().for_each(|value| values(value, into)),
        scalar => into.push(scalar),
    }
}

#[test]
fn what_passes_is_shown_with_the_fact_that_it_passed_by_and_nothing_else() {
    let Some(texts) = marked() else { return };
    let rule = rule();
    let (empty, locale) = (Map::new(), Locale::parse("en").unwrap());
    let mut figures = Share::default();
    let mut holds = Share::default();
    for Marked { id, text, facts, .. } in &texts {
        let subject = Subject {
            text,
            facts,
            context: &empty,
            placement: None,
            locale: Some(&locale),
            inputs: &empty,
            instructions: None,
            opinions: Opinions::Unknown,
            at: Timestamp::UNIX_EPOCH,
        };
        let findings = judge(&rule, &subject).findings;
        let supported = support(&rule, &subject);
        let mut known = Vec::new();
        facts.values().for_each(|value| values(value, &mut known));
        for place in &supported {
            let span = place.start..place.end;
            let there: String = text.chars().skip(place.start).take(place.end - place.start).collect();
            assert_eq!(there, place.said, "{id}");
            for finding in &findings {
                assert!(!overlaps(&span, &(finding.start..finding.end)), "{id}: {}", around(text, &span));
            }
            let Voucher::Fact { path, value } = &place.by else { panic!("{id}: {place:?}") };
            assert!(known.contains(&value), "{id}: {path} is not {value}");
        }
        // Every word with a digit in it was found, or is vouched for; a few say nothing that facts could.
        let mut at = 0;
        for word in text.split_inclusive(char::is_whitespace) {
            let from = at;
            at += word.chars().count();
            let Some(digit) = word.chars().position(|c| c.is_ascii_digit()) else { continue };
            let here = from + digit..from + digit + 1;
            let found = findings.iter().any(|finding| overlaps(&here, &(finding.start..finding.end)));
            let vouched = supported.iter().any(|place| overlaps(&here, &(place.start..place.end)));
            figures.count(found || vouched);
        }
        // Without the product's facts nothing is vouched for but by its name.
        let name: Map<String, Value> =
            facts.get("name").map(|name| ("name".to_owned(), name.clone())).into_iter().collect();
        for place in support(&rule, &Subject { facts: &name, ..subject }) {
            holds.count(matches!(&place.by, Voucher::Fact { path, .. } if path == "name"));
        }
    }
    figures.at_least(97, "figures that are found or vouched for");
    assert_eq!(holds.hits, holds.of);
}
