//! `require`: a statement without the disclosure that it needs.
//!
//! The disclosure has to stand in the text with the product's own figures in it. Where a fact that it needs is missing
//! there is no disclosure that would do, and nothing to correct.

use std::ops::Range;

use super::super::Ground;
use super::super::examples::head;
use super::super::patterns::{Style, compile, tokens};
use super::super::prefilter::Loose;
use super::super::rule::{Evidence, Hit};
use super::super::statement::{Statement, plain};
use super::super::text::{Reach, Text};
use super::Phrases;
use crate::document::{Faults, Fields, Node, count};

/// A statement without the disclosure that it needs.
#[derive(Debug)]
pub(in crate::guardrail) struct Require {
    trigger: Phrases,
    statement: Statement,
    within: Within,
}

/// Where a disclosure has to stand, seen from what asks for it.
#[derive(Clone, Copy, Debug, Default)]
struct Within {
    /// How many sentences away it may begin; anywhere in the text when not said.
    sentences: Option<usize>,
    /// Whether it has to come behind.
    after: bool,
}

impl Require {
    /// Reads the settings that are the kind's own.
    pub(in crate::guardrail) fn read(fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Self> {
        const TRIGGER: &str = "list what asks for the disclosure: `trigger: [\"pay monthly\"]`";
        const TEXT: &str = "write the disclosure: `text: \"Representative {product.offer.apr}% APR.\"`";
        let trigger =
            fields.require("trigger", TRIGGER, faults).and_then(|node| phrases(node, style, faults));
        let text = fields.require("text", TEXT, faults);
        let statement = text.and_then(|node| Statement::read(node, faults));
        let within = fields.take("within").map_or(Some(Within::default()), |node| within(node, faults));
        Some(Self { trigger: trigger?, statement: statement?, within: within? })
    }

    /// A pattern without which nothing is found; `None` when it must always look.
    pub(super) fn loose(&self) -> Option<Loose<'_>> {
        self.trigger.pattern.loose()
    }

    /// What asks for the disclosure.
    pub(super) fn asking(&self, text: &Text<'_>) -> Vec<Hit> {
        self.trigger.find(text)
    }

    pub(super) fn find(&self, text: &Text<'_>, ground: &Ground<'_>) -> Vec<Hit> {
        let mut hits = self.asking(text);
        if hits.is_empty() {
            return hits;
        }
        let statement = match self.statement.fill(ground) {
            Ok(statement) => statement,
            Err(path) => {
                hits.iter_mut().for_each(|hit| lacks_fact(hit, path));
                return hits;
            }
        };
        let standing = text.plain().find(&plain(&statement));
        let sentences = self.within.sentences.map(|most| (most, text.pieces(Reach::Sentence)));
        hits.retain(|hit| !self.fits(&hit.range, &standing, sentences.as_ref()));
        let end = text.given().trim_end().len();
        // The statement is put where it serves as many as it can.
        let mut place: Option<(usize, usize)> = None;
        let asking: Vec<usize> = match &sentences {
            Some((_, pieces)) => hits.iter().map(|hit| sentence(pieces, hit.range.start)).collect(),
            None => Vec::new(),
        };
        for hit in &mut hits {
            let at = match &sentences {
                None => end,
                Some((most, pieces)) => {
                    let index = sentence(pieces, hit.range.start);
                    let (last, at) = place.filter(|(last, _)| index <= *last).unwrap_or_else(|| {
                        let reached = index + most.saturating_sub(1);
                        let served = asking.partition_point(|asking| *asking <= reached);
                        let last =
                            served.checked_sub(1).and_then(|at| asking.get(at)).copied().unwrap_or(index);
                        (last, pieces.get(last).map_or(end, |piece| piece.end))
                    });
                    place = Some((last, at));
                    at
                }
            };
            hit.insertion = Some((at, statement.clone()));
        }
        hits
    }

    /// Whether the disclosure, standing at these places in order, stands where this trigger needs it. Of those behind it
    /// and before it the nearest decide.
    fn fits(
        &self,
        trigger: &Range<usize>,
        standing: &[Range<usize>],
        sentences: Option<&(usize, Vec<Range<usize>>)>,
    ) -> bool {
        let next = standing.partition_point(|place| place.start < trigger.end);
        let near = |at: usize| {
            sentences.is_none_or(|(most, pieces)| {
                sentence(pieces, trigger.start).abs_diff(sentence(pieces, at)) <= *most
            })
        };
        let behind = standing.get(next).is_some_and(|place| near(place.start));
        let before = next.checked_sub(1).and_then(|last| standing.get(last));
        behind
            || before.is_some_and(|place| {
                // What asks for the disclosure may be the disclosure.
                let within = place.start <= trigger.start && trigger.end <= place.end;
                within || (!self.within.after && near(place.end.saturating_sub(1)))
            })
    }
}

/// The sentence that a byte stands in, or the one before it.
fn sentence(pieces: &[Range<usize>], at: usize) -> usize {
    pieces.partition_point(|piece| piece.start <= at).saturating_sub(1)
}

/// Says which fact is missing.
pub(super) fn lacks_fact(hit: &mut Hit, path: &str) {
    let attribute = path.strip_prefix("product.").unwrap_or(path).to_owned();
    hit.because = Some(format!("What has to stand with it needs `{path}`, which is not known."));
    hit.evidence = Some(Evidence { attribute: Some(attribute), value: None });
}

/// Reads a list of expressions of which each is looked for. Of two that begin together the longer one is meant.
pub(in crate::guardrail) fn phrases(node: &Node, style: Style, faults: &Faults) -> Option<Phrases> {
    let listed = tokens(node, faults)?;
    let pattern =
        compile(&any_of(listed.into_iter().map(|(token, _)| token).collect()), style, node.span, faults)?;
    Some(Phrases { pattern, reach: Reach::Text })
}

/// One expression for any of several, the longest first.
pub(in crate::guardrail) fn any_of(mut listed: Vec<String>) -> String {
    listed.sort_by_key(|token| std::cmp::Reverse(token.chars().count()));
    listed.iter().map(|token| format!("(?:{token})")).collect::<Vec<_>>().join("|")
}

fn within(node: &Node, faults: &Faults) -> Option<Within> {
    const HELP: &str = "write `within: {sentences: 1, after: true}`";
    let mut fields = Fields::of(node, "`within`", faults)?;
    let given = fields.take("sentences");
    let sentences = given.and_then(|node| count(node, faults));
    let after = fields.boolean("after", false, faults);
    if let (Some(node), Some(0)) = (given, sentences) {
        let message = "a disclosure is a sentence of its own, so it cannot stand in the same one";
        faults.error_with_help(node.span, message, "write `sentences: 1` for the very next");
    }
    if given.is_none() && !after && fields.misspelt("sentences").is_none() {
        faults.error_with_help(head(node.span), "`within` says nothing", HELP);
    }
    fields.finish(faults);
    Some(Within { sentences, after })
}
