//! Examples and labelled cases: copy with the facts and the moment to judge it by, as people write them in files.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::judge::hits;
use super::opinions::Opinions;
use super::patterns::Exception;
use super::rule::Rule;
use super::text::{Text, slice};
use super::{Ground, TIMELESS, offer};
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{Faults, Fields, Kind as NodeKind, Node, date, list, text};
use crate::words::Locale;

/// A text and what it is to be judged against. What is not given is unknown.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) text: String,
    pub(super) facts: Map<String, Value>,
    pub(super) context: Map<String, Value>,
    pub(super) inputs: Map<String, Value>,
    pub(super) instructions: Option<String>,
    pub(super) placement: Option<String>,
    pub(super) locale: Option<Locale>,
    /// The moment; without one, dates do not matter.
    pub(super) as_of: Option<Timestamp>,
}

impl Sample {
    /// Takes a sample's keys out of a map.
    pub(super) fn read(fields: &mut Fields<'_>, timezone: &TimeZone, faults: &Faults) -> Option<Self> {
        let text = fields.require_text("text", "write the copy under `text:`", faults);
        let facts_node = fields.take("facts");
        let facts = object(facts_node, faults);
        if let Some(node) = facts_node.and_then(|node| node.get("id")) {
            no_converted_id(node, faults);
        }
        let context = object(fields.take("context"), faults);
        let inputs = object(fields.take("inputs"), faults);
        let instructions = fields.text("instructions", faults);
        let placement = fields.text("placement", faults);
        let locale = fields.take("locale").and_then(|node| locale(node, faults));
        let as_of = fields.take("as_of").and_then(|node| start_of_day(date(node, faults)?, timezone));
        // An offer that has ended is not there for whoever judges on that day.
        let facts = offer::in_force(&facts, timezone, as_of).into_owned();
        Some(Self { text: text?, facts, context, inputs, instructions, placement, locale, as_of })
    }

    pub(super) fn ground(&self) -> Ground<'_> {
        Ground {
            facts: &self.facts,
            facts_hash: [0; 32],
            prepared: None,
            context: &self.context,
            placement: self.placement.as_deref(),
            locale: self.locale.as_ref(),
            inputs: &self.inputs,
            instructions: self.instructions.as_deref(),
            at: self.as_of.unwrap_or(TIMELESS),
            // No second model is asked when files are read.
            opinions: Opinions::Prewritten,
        }
    }
}

/// The first instant of a day where the rules' dates are from.
pub(super) fn start_of_day(day: jiff::civil::Date, timezone: &TimeZone) -> Option<Timestamp> {
    day.to_zoned(timezone.clone()).ok().map(|zoned| zoned.timestamp())
}

/// An id that YAML reads as a number keeps its digits, or is said: evidence is looked up by it.
fn no_converted_id(node: &Node, faults: &Faults) {
    if let (NodeKind::Scalar { text, .. }, Value::Number(number)) = (&node.kind, node.to_json())
        && number.to_string() != *text
    {
        let message = format!("YAML reads this id as the number {number}");
        faults.error_with_help(node.span, message, format!("put it in quotes: \"{text}\""));
    }
}

fn object(node: Option<&Node>, faults: &Faults) -> Map<String, Value> {
    match node.map(|node| (node, node.to_json())) {
        None => Map::new(),
        Some((_, Value::Object(map))) => map,
        Some((node, _)) => {
            faults.error_with_help(node.span, "a map is needed here", "write `{name: value}`");
            Map::new()
        }
    }
}

fn locale(node: &Node, faults: &Faults) -> Option<Locale> {
    let given = text(node, faults)?;
    let locale = Locale::parse(&given);
    if locale.is_none() {
        faults.error_with_help(node.span, format!("`{given}` is no locale"), "write `en`, `en-GB`");
    }
    locale
}

/// The first position of a span: where a diagnostic about something missing points.
pub(super) fn head(span: Span) -> Span {
    Span { end: span.start, ..span }
}

/// One example of a rule.
#[derive(Clone, Debug)]
pub(super) struct Example {
    pub(super) sample: Sample,
    pub(super) span: Span,
    pub(super) expect: Expect,
}

/// What a rule should make of its example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    /// To find nothing.
    Pass,
    /// To find something: this text, where the example says so.
    Fail { matched: Option<String> },
}

/// Reads a rule's `examples`. A rule needs at least one of each sort.
pub(super) fn read(rule: &mut Fields<'_>, timezone: &TimeZone, faults: &Faults) -> Vec<Example> {
    const HELP: &str = "write at least one text that the rule must catch and one that it must leave alone: \
                        `examples: {fail: [\"…\"], pass: [\"…\"]}`";
    let is_map = |node: &&Node| matches!(node.kind, NodeKind::Map(_));
    let node = rule.require("examples", HELP, faults);
    let Some(node) = node.or_else(|| rule.misspelt("examples").filter(is_map)) else { return Vec::new() };
    let Some(mut fields) = Fields::of(node, "`examples`", faults) else { return Vec::new() };
    let mut examples = Vec::new();
    for sort in ["fail", "pass"] {
        let given = fields.take(sort);
        let items = given.map(|node| list(node, faults)).unwrap_or_default();
        if items.is_empty() {
            let message = format!("a rule needs at least one `{sort}` example");
            let fault = Diagnostic::error(faults.file(), head(node.span), message).with_help(HELP);
            match given {
                Some(_) => faults.push(fault),
                None => fields.lacks(sort, fault, faults),
            }
        }
        examples.extend(items.iter().filter_map(|item| example(item, sort == "fail", timezone, faults)));
    }
    fields.finish(faults);
    examples
}

fn example(node: &Node, fails: bool, timezone: &TimeZone, faults: &Faults) -> Option<Example> {
    let expect = |matched| if fails { Expect::Fail { matched } } else { Expect::Pass };
    if let NodeKind::Scalar { text, .. } = &node.kind {
        let sample = Sample { text: text.clone(), ..Sample::default() };
        return Some(Example { sample, span: node.span, expect: expect(None) });
    }
    if let Some(meant) = node.cut_at_colon().filter(|_| node.get("text").is_none()) {
        crate::document::not_quoted(node, &meant, faults);
        return None;
    }
    let mut fields = Fields::of(node, "an example", faults)?;
    let sample = Sample::read(&mut fields, timezone, faults);
    let matched = if fails { fields.text("match", faults) } else { None };
    fields.finish(faults);
    Some(Example { sample: sample?, span: node.span, expect: expect(matched) })
}

/// Runs a rule's examples against that rule alone, whatever its mode. Of a rule that asks a second model it says only
/// which examples the rule would never be asked about: the others are labels until a model is.
pub(super) fn run(rule: &Rule) -> Vec<Diagnostic> {
    if let Some(fault) = let_all_pass(rule) {
        return vec![fault];
    }
    let mut used = Vec::new();
    let mut faults: Vec<Diagnostic> =
        rule.examples.iter().filter_map(|example| run_one(rule, example, &mut used)).collect();
    // When an example went wrong anyway, what it should have shown about exceptions is not known.
    if faults.is_empty() {
        let unused = rule.exceptions.iter().enumerate().filter(|(index, _)| !used.contains(index));
        faults.extend(unused.map(|(_, exception)| {
            let message = format!("no `pass` example needs the exception `{}`", exception.given);
            Diagnostic::error(&rule.file, exception.span, message).with_help(
                "add a `pass` example that the rule would catch without it, or take the exception out",
            )
        }));
    }
    faults
}

/// An exception that covers all that the rule finds in every one of its `fail` examples, which is said once.
fn let_all_pass(rule: &Rule) -> Option<Diagnostic> {
    let fails = || rule.examples.iter().filter(|example| example.expect != Expect::Pass);
    let covers = |exception: &Exception, example: &Example| {
        let (text, ground) = (Text::new(&example.sample.text), example.sample.ground());
        let found = rule.check.find(&text, &ground);
        let applies = rule.effective.holds(example.sample.as_of) && rule.applies.holds(&ground);
        applies && !found.is_empty() && found.iter().all(|hit| exception.covers(&hit.range, &text, &ground))
    };
    let exception =
        rule.exceptions.iter().find(|exception| fails().all(|example| covers(exception, example)))?;
    // One example that is no good shows nothing.
    fails().nth(1)?;
    let message =
        format!("the exception `{}` lets everything pass that `{}` finds", exception.given, rule.id);
    let help = "write it with the words around it that make a match harmless";
    Some(Diagnostic::error(&rule.file, exception.span, message).with_help(help))
}

fn run_one(rule: &Rule, example: &Example, used: &mut Vec<usize>) -> Option<Diagnostic> {
    let fault = |message: String, help: &str| {
        Some(Diagnostic::error(&rule.file, example.span, message).with_help(help))
    };
    let sample = &example.sample;
    let ground = sample.ground();
    let text = Text::new(&sample.text);
    let in_force = rule.effective.holds(sample.as_of);
    let applies = rule.applies.holds(&ground);
    if rule.check.asks().is_some() && (example.expect == Expect::Pass || in_force && applies) {
        return None;
    }
    let mut swallowed_by = None;
    let found = if in_force && applies {
        let hits = hits(rule, &text, &ground);
        swallowed_by = hits.excepted_by.first().and_then(|index| rule.exceptions.get(*index));
        if example.expect == Expect::Pass {
            used.extend(hits.excepted_by);
        }
        hits.found
    } else {
        Vec::new()
    };
    let matches: Vec<&str> = found.iter().map(|hit| slice(text.given(), hit.range.clone())).collect();
    let listed = || matches.iter().map(|m| format!("`{m}`")).collect::<Vec<_>>().join(", ");
    match &example.expect {
        Expect::Pass if found.is_empty() => None,
        Expect::Pass => fault(
            format!("`{}` catches {} in this `pass` example", rule.id, listed()),
            "narrow the rule, or add an exception",
        ),
        Expect::Fail { .. } if found.is_empty() => {
            let (why, help) = match (in_force, applies, swallowed_by) {
                (false, ..) => (
                    ": it is not in force on the day of `as_of`".to_owned(),
                    "correct the day, or the rule's `effective`",
                ),
                (_, false, _) => (
                    ": its `applies` leaves this text out".to_owned(),
                    "correct the example, or the rule's `applies`",
                ),
                (.., Some(exception)) => (
                    format!(": its exception `{}` lets it pass", exception.given),
                    "narrow the exception, or correct the example",
                ),
                _ => (String::new(), "widen the rule, or correct the example"),
            };
            fault(format!("`{}` does not catch this `fail` example{why}", rule.id), help)
        }
        Expect::Fail { matched: Some(wanted) } if !matches.contains(&wanted.as_str()) => fault(
            format!("`{}` catches {} in this example, not `{wanted}`", rule.id, listed()),
            "correct the rule, or the example's `match`",
        ),
        Expect::Fail { .. } => None,
    }
}
