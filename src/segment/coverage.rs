//! What a file's segments together come to, told before anybody is asked: a rule that nothing can match, a segment that is
//! never chosen, and whether a set of segments leaves somebody out or claims somebody twice.
//!
//! The truth of a condition is constant between the values that its tests compare with, so it is enough to try one value of
//! each stretch ([`Space`] finds them, and searches). What no values stand for, such as a pattern, may come out either way:
//! that nothing matches, or that a segment is never chosen, is said only where it holds whatever such tests come to, and a
//! gap or an overlap that hangs on one is a warning with its name. A gap or an overlap that is an error was put to the
//! ordinary evaluator first.
//!
//! "Never chosen" counts what may be missing in: an earlier segment that reads what is not there does not match. Without
//! consent none of the user's attributes is there, which is looked at by itself. "Exhaustive" speaks of those of whom
//! everything is known: there, of its kind, and as fresh as any test asks.
//!
//! The work is bounded: a file too involved to be searched through is not held back, and only of a set is it said.

use serde_json::Map;

use super::SegmentSet;
use super::attribute::{Attributes, Declared, Type, put};
use crate::condition::{Example, Found, Goal, Known, Rules, Scope, Sort, Space, Truth, Who};
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{self, Faults, Fields, Kind, Node, did_you_mean, list};
use crate::words::SegmentId;

/// The most sets of one file.
const MAX_SETS: usize = 50;
/// The most looks at one test that a question takes that nobody has asked, and that all of those take together.
const UNASKED: Work = Work { each: 100_000, all: 1_000_000 };
/// The most that a question about a set takes, and all of those together.
const ASKED: Work = Work { each: 400_000, all: 3_000_000 };

/// How much may be looked at.
#[derive(Clone, Copy)]
struct Work {
    each: u64,
    all: u64,
}

/// Where a segment stands in the file, in the order of the rules.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) id: SegmentId,
    pub(super) line: u32,
    pub(super) when: Span,
    /// The segments that it asks for.
    pub(super) refers: Vec<String>,
}

/// Where a set stands: its flags (the set itself where one is not written), and each of its segments.
#[derive(Debug)]
pub(super) struct SetPlace {
    exhaustive: Span,
    segments: Vec<Span>,
}

/// Reads the sets. `whole` when every segment of the file could be read.
pub(super) fn sets(
    nodes: &[Node],
    places: &[Place],
    whole: bool,
    faults: &Faults,
) -> Vec<(SegmentSet, SetPlace)> {
    if let Some(node) = nodes.get(MAX_SETS) {
        let help = format!("keep at most {MAX_SETS}");
        faults.error_with_help(node.span, "there are too many sets", help);
    }
    nodes.iter().take(MAX_SETS).filter_map(|node| set(node, places, whole, faults)).collect()
}

fn set(node: &Node, places: &[Place], whole: bool, faults: &Faults) -> Option<(SegmentSet, SetPlace)> {
    let mut fields = Fields::of(node, "a set", faults)?;
    let name = fields.require_text("name", "write `name: Lifecycle`", faults);
    let members = fields.require("segments", "list them: `segments: [first-visit, returning]`", faults);
    let flag = fields.take("exhaustive").map_or(node.span, |flag| flag.span);
    let exhaustive = fields.boolean("exhaustive", false, faults);
    let exclusive = fields.boolean("exclusive", false, faults);
    fields.finish(faults);
    let start = Span { start: node.span.start, end: node.span.start };
    if !exhaustive && !exclusive {
        let help = "write `exhaustive: true` (nobody is in none of them), `exclusive: true` (nobody is in two), or both";
        faults.error_with_help(start, "this set says nothing of its segments", help);
    }
    let members = members?;
    let nodes = list(members, faults);
    if matches!(members.kind, Kind::List(_)) && nodes.len() < 2 {
        faults.error_with_help(
            members.span,
            "a set needs at least two segments",
            "list another, or take the set out",
        );
    }
    let mut set = SegmentSet { name: name?, segments: Vec::new(), exhaustive, exclusive };
    let mut place = SetPlace { exhaustive: flag, segments: Vec::new() };
    for node in nodes {
        let Some(id) = document::text(node, faults) else { continue };
        if set.segments.iter().any(|known| known.as_str() == id) {
            faults.error_with_help(
                node.span,
                format!("`{id}` stands here a second time"),
                "take it out once",
            );
        } else if whole && !places.iter().any(|place| place.id.as_str() == id) {
            let help = did_you_mean(&id, places.iter().map(|place| place.id.as_str()));
            faults.error_with_help(node.span, format!("there is no segment `{id}`"), help);
        }
        set.segments.push(SegmentId::new(id));
        place.segments.push(node.span);
    }
    Some((set, place))
}

/// Says what can never match, what is never chosen, and which sets are not what they promise.
pub(super) fn check(
    rules: &Rules,
    attributes: &Attributes,
    places: &[Place],
    sets: &[(SegmentSet, SetPlace)],
    faults: &Faults,
) {
    let space = Space::new(rules, |path| attributes.known(path));
    let coverage = Coverage { rules, space, places, faults };
    let impossible = coverage.impossible();
    coverage.shadowed(&impossible);
    let asked = Work { all: coverage.space.looks().saturating_add(ASKED.all), ..ASKED };
    for (set, place) in sets {
        let members: Vec<usize> =
            set.segments.iter().filter_map(|id| places.iter().position(|place| place.id == *id)).collect();
        // What nobody is in leaves a gap wherever it was meant to be, and that is said already.
        if set.exhaustive && !members.iter().any(|member| impossible.contains(member)) {
            coverage.gap(set, place, &members, asked);
        }
        if set.exclusive {
            coverage.overlaps(set, place, &members, asked);
        }
    }
}

impl Attributes {
    /// What a request's attribute can be, by its declaration. Facts of products are not held to any.
    pub fn known(&self, path: &str) -> Known {
        let text = Known { sort: Some(Sort::Text), ..Known::default() };
        if path == "context.locale" {
            return text;
        }
        let declared = self.find(path).filter(|declared| declared.path == path);
        let Some(declared) = declared.filter(|_| !path.starts_with("product.")) else {
            return Known::default();
        };
        Known {
            sort: Some(sort(declared)),
            only: declared.values.clone(),
            dated: true,
            max_age: declared.max_age.and_then(|age| age.try_into().ok()),
        }
    }
}

fn sort(declared: &Declared) -> Sort {
    match declared.kind {
        Type::String => Sort::Text,
        Type::Integer => Sort::Whole,
        Type::Number => Sort::Number,
        Type::Boolean => Sort::Truth,
        Type::List => Sort::List,
        Type::Map => Sort::Map,
        Type::Date => Sort::Date,
    }
}

struct Coverage<'c> {
    rules: &'c Rules,
    space: Space<'c>,
    places: &'c [Place],
    faults: &'c Faults,
}

impl Coverage<'_> {
    /// What is left to look at for one question.
    fn left(&self, work: Work) -> u64 {
        work.all.saturating_sub(self.space.looks()).min(work.each)
    }

    fn warn(&self, span: Span, message: String, help: impl Into<String>) {
        self.faults.push(Diagnostic::warning(self.faults.file(), span, message).with_help(help));
    }

    /// Says which rules nothing can match.
    fn impossible(&self) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        for index in 0..self.places.len() {
            let goal = [Goal { rule: index, matches: true }];
            if self.space.find(&goal, Who::Anybody, self.left(UNASKED)) == Found::Nobody {
                found.push(index);
            }
        }
        for place in found.iter().filter_map(|index| self.places.get(*index)) {
            let asked = found.iter().filter_map(|index| self.places.get(*index));
            let asked =
                asked.map(|place| place.id.as_str()).find(|id| place.refers.iter().any(|named| named == id));
            let help = match asked {
                Some(id) => format!("mend `{id}` first, which it asks for: nothing can match that either"),
                None => "its tests contradict one another; loosen one, join them with `$or`, or take the segment out".into(),
            };
            let message = format!("`{}` is a rule that nothing can match", place.id);
            self.faults.error_with_help(place.when, message, help);
        }
        found
    }

    /// Whether nobody is chosen for a segment once those before it had their turn.
    fn is_shadowed(&self, index: usize, by: &[usize]) -> bool {
        let others = by.iter().map(|by| Goal { rule: *by, matches: false });
        let goals: Vec<Goal> = std::iter::once(Goal { rule: index, matches: true }).chain(others).collect();
        [Who::Anybody, Who::WithoutConsent]
            .into_iter()
            .all(|who| self.space.find(&goals, who, self.left(UNASKED)) == Found::Nobody)
    }

    /// Says which segments are never chosen, and because of which.
    fn shadowed(&self, impossible: &[usize]) {
        for (index, place) in self.places.iter().enumerate().filter(|(index, _)| !impossible.contains(index))
        {
            let mut by: Vec<usize> = (0..index).filter(|earlier| !impossible.contains(earlier)).collect();
            if !self.is_shadowed(index, &by) {
                continue;
            }
            if let Some(one) = by.iter().copied().find(|one| self.is_shadowed(index, &[*one])) {
                by = vec![one];
            } else {
                // Those without whom the others still take everybody have no part in it.
                for one in by.clone() {
                    let others: Vec<usize> = by.iter().copied().filter(|other| *other != one).collect();
                    if self.is_shadowed(index, &others) {
                        by = others;
                    }
                }
            }
            let named = by.iter().filter_map(|by| self.places.get(*by));
            let named: Vec<String> = named.map(|by| format!("`{}` (line {})", by.id, by.line)).collect();
            let (before, last) = match named.split_last() {
                Some((last, [])) => {
                    (last.clone(), format!("whenever it matches, {last} before it matches too"))
                }
                Some((last, others)) => {
                    let all = format!("{} and {last}", others.join(", "));
                    (all.clone(), format!("the segments before it take everybody: {all}"))
                }
                None => continue,
            };
            let message = format!("`{}` is never chosen: {last}", place.id);
            let help =
                format!("move it above {before} if it is the narrower one; narrow those, or take it out");
            self.warn(
                place.when,
                message,
                help.replace("those", if by.len() == 1 { "that one" } else { "those" }),
            );
        }
    }

    /// Says whom an exhaustive set leaves out.
    fn gap(&self, set: &SegmentSet, place: &SetPlace, members: &[usize], asked: Work) {
        let name = &set.name;
        let goals: Vec<Goal> = members.iter().map(|rule| Goal { rule: *rule, matches: false }).collect();
        // An example that one would think of says more than the first there is.
        let likely = self.space.find(&goals, Who::Likely, self.left(asked));
        let is_likely = matches!(&likely, Found::Somebody(example) if self.is_so(example, &goals));
        let found = if is_likely { likely } else { self.space.find(&goals, Who::AllKnown, self.left(asked)) };
        match found {
            Found::Nobody => {}
            Found::Somebody(example) if self.is_so(&example, &goals) => {
                let message = format!("nobody in `{name}` claims {}", somebody(&example));
                let help = if is_likely {
                    "widen one of its segments, add one for the rest, or take `exhaustive: true` out"
                } else {
                    "write `{$lte: 0}` for `0`, which takes amounts below 0 too, and `{$not: {$olderThan: 30d}}` for \
                     `{$within: 30d}`, which takes dates to come too"
                };
                self.faults.error_with_help(place.exhaustive, message, help);
            }
            Found::Somebody(example) => {
                let message = format!("`{name}` cannot be shown to be closed{}", hanging(&example));
                let help =
                    "ask for plain values there, add a segment for the rest, or take `exhaustive: true` out";
                self.warn(place.exhaustive, message, help);
            }
            Found::TooMany => {
                let message = format!("`{name}` has too many combinations to check whether it is exhaustive");
                let help = "let its segments read fewer attributes, or name fewer values";
                self.warn(place.exhaustive, message, help);
            }
        }
    }

    /// Says whom an exclusive set claims twice.
    fn overlaps(&self, set: &SegmentSet, place: &SetPlace, members: &[usize], asked: Work) {
        let name = &set.name;
        let placed: Vec<(usize, Span)> =
            members.iter().copied().zip(place.segments.iter().copied()).collect();
        for (at, (second, span)) in placed.iter().enumerate() {
            for (first, _) in placed.iter().take(at) {
                let goals = [*first, *second].map(|rule| Goal { rule, matches: true });
                let id = |index: usize| self.places.get(index).map_or("", |place| place.id.as_str());
                let (first, second) = (id(*first), id(*second));
                match self.space.find(&goals, Who::Anybody, self.left(asked)) {
                    Found::Nobody => {}
                    Found::Somebody(example) if self.is_so(&example, &goals) => {
                        let message = format!(
                            "in `{name}`, `{first}` and `{second}` both claim {}",
                            somebody(&example)
                        );
                        let help = "narrow one of the two, or take `exclusive: true` out";
                        self.faults.error_with_help(*span, message, help);
                    }
                    Found::Somebody(example) => {
                        let hanging = hanging(&example);
                        let message =
                            format!("`{first}` and `{second}` cannot be shown to share nobody{hanging}");
                        let help = "ask for plain values there, or take `exclusive: true` out";
                        self.warn(*span, message, help);
                    }
                    Found::TooMany => {
                        let message = format!(
                            "`{first}` and `{second}` have too many combinations to check for overlaps"
                        );
                        let help = "let them read fewer attributes, or name fewer values";
                        self.warn(*span, message, help);
                    }
                }
            }
        }
    }

    /// Whether the ordinary evaluator agrees.
    fn is_so(&self, example: &Example, goals: &[Goal]) -> bool {
        let mut roots = [("user", Map::new()), ("context", Map::new()), ("product", Map::new())];
        let mut dates = Vec::new();
        for given in &example.given {
            let Some((root, name)) = given.path.split_once('.') else { continue };
            if let Some((_, map)) = roots.iter_mut().find(|(known, _)| *known == root) {
                put(map, name, given.value.clone());
            }
            dates.extend(given.at.map(|at| (given.path.clone(), at)));
        }
        let [(_, user), (_, context), (_, product)] = &roots;
        let scope = Scope::new(Some(user), context, product, example.now).dated(&dates);
        let asked = self.rules.ask(&scope);
        example.hangs_on.is_empty()
            && goals.iter().all(|goal| (asked.truth(goal.rule) == Truth::True) == goal.matches)
    }
}

fn somebody(example: &Example) -> String {
    match example.told.split_last() {
        None => "somebody, whatever is known of them".to_owned(),
        Some((last, [])) => format!("somebody with {last}"),
        Some((last, others)) => format!("somebody with {} and {last}", others.join(", ")),
    }
}

fn hanging(example: &Example) -> String {
    match example.hangs_on.as_slice() {
        [] => String::new(),
        tests => format!(": it hangs on {}", tests.join(" and ")),
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::condition::{Groups, Reader, Semantics, Unlinked};
    use crate::segment::load;

    const DECLARED: &str = "attributes:
  user.n: {type: integer}
  user.x: {type: number, class: score, max_age: 7d}
  user.s: {type: string}
  user.v: {type: string}
  user.b: {type: boolean}
  user.d: {type: date}
  user.l: {type: list}
  user.m: {type: map}
  context.device: {type: string, class: public, values: [mobile, desktop, tablet]}
  context.tier: {type: integer, values: [\"1\", \"2\"]}
groups: {staff: [a, b]}
";

    /// What is said of a file with these segments and sets, each with its line.
    fn said(rest: &str) -> Vec<String> {
        let (_, found) = load("s.yml", &format!("{DECLARED}{rest}"));
        let lines = DECLARED.lines().count();
        found
            .into_iter()
            .map(|fault| {
                assert!(fault.help.is_some(), "{fault:?}");
                let severity = if fault.is_error() { "error" } else { "warning" };
                let line = fault.span.start.line as usize - lines;
                format!("{line}:{} {severity}: {}", fault.span.start.column, fault.message)
            })
            .collect()
    }

    #[track_caller]
    fn check_possible(condition: &str, possible: bool) {
        let expected = (!possible).then(|| "2:19 error: `a` is a rule that nothing can match".to_owned());
        let found = said(&format!("segments:\n  - {{id: a, when: {condition}}}\n"));
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{condition}");
    }

    #[test]
    fn a_rule_that_nothing_can_match() {
        for condition in [
            "{user.n: {$gt: 5, $lt: 3}}",
            "{user.n: {$gt: 5, $lt: 6}}",
            "{user.n: {$gte: 1}, $nor: [{user.n: {$gt: 0}}]}",
            "{user.n: 1.5}",
            "{user.n: 5, $not: {user.n: \"5\"}}",
            "{user.n: 0, $and: [{user.n: true}]}",
            "{user.n: {$in: [1, 2]}, $and: [{user.n: {$in: [3, 4]}}]}",
            "{user.n: {$exists: false, $gte: 1}}",
            "{user.x: {$gt: 0.5, $lte: 0.5}}",
            "{context.device: mobile, $not: {context.device: mobile}}",
            "{context.device: {$nin: [mobile, desktop, tablet]}}",
            "{context.device: {$regex: \"^phone\"}}",
            "{context.device: {$gt: tablet}}",
            "{context.device: {$notRegexi: \"E|O\"}}",
            "{context.device: {$regex: \"^x\", $notRegex: \"^x\"}}",
            "{context.tier: {$gt: 2}}",
            "{user.s: a, $and: [{user.s: {$ne: a}}]}",
            "{user.s: Ab, $not: {user.s: {$ini: [aB]}}}",
            "{user.s: c, $and: [{user.s: {$inGroup: staff}}]}",
            "{user.s: {$regex: \"x\"}, $not: {user.s: {$regex: \"x\"}}}",
            "{user.s: {$gt: m}, $and: [{user.s: {$lte: m}}]}",
            "{user.s: {$type: number}}",
            "{user.v: {$vgt: \"1.2.0\", $vlt: \"1.1.0\"}}",
            "{user.b: true, $nor: [{user.b: {$ne: false}}]}",
            "{user.d: {$within: 7d, $olderThan: 30d}}",
            "{user.d: {$within: 7d}, $not: {user.d: {$within: 30d}}}",
            "{user.x: {$fresh: 8d}, $not: {user.x: {$exists: true}}}",
            "{user.l: {$size: 2}, $not: {user.l: {$size: 2}}}",
            "{$or: [{user.n: {$gt: 5, $lt: 3}}, {user.b: true, user.n: {$exists: false, $gt: 1}}]}",
            "{product.price: {$gt: 5, $lt: 3}}",
            "{product.brand: Acme, $and: [{product.brand: Orla}]}",
        ] {
            check_possible(condition, false);
        }
    }

    #[test]
    fn a_rule_that_something_matches() {
        for condition in [
            "{}",
            "{user.n: {$gt: 5, $lt: 7}}",
            "{user.n: {$gt: 0.5, $lt: 1.5}}",
            "{user.x: {$gt: 0.5, $lt: 0.6}}",
            "{user.n: {$gt: 9007199254740991, $lt: 9007199254740994}}",
            "{user.n: {$exists: false}}",
            "{context.device: {$nin: [mobile, desktop]}}",
            "{context.device: {$regex: \"^tab\"}}",
            "{context.device: {$gt: mobile}}",
            "{context.tier: 2}",
            "{user.s: {$ini: [ab], $nin: [ab, AB]}}",
            "{user.s: {$nin: [a, other]}}",
            "{user.s: {$regex: \"x\"}, $not: {user.s: {$regex: \"y\"}}}",
            "{user.s: 5, $not: {user.s: {$eq: \"5\"}}}",
            "{user.v: {$vgt: \"1.2.0\", $vlt: \"1.2.1\"}}",
            "{user.v: {$vgt: \"1.2\", $vlt: \"2\"}}",
            "{user.d: {$olderThan: 7d}, $not: {user.d: {$olderThan: 30d}}}",
            "{user.d: {$exists: true}, $nor: [{user.d: {$within: 7d}}, {user.d: {$olderThan: 7d}}]}",
            // As days pass, a day named comes to lie within.
            "{user.d: \"2026-01-01\", $and: [{user.d: {$within: 7d}}]}",
            "{user.x: {$gte: 0.6, $fresh: 24h}}",
            "{user.l: {$size: 2}, $not: {user.l: {$size: 3}}}",
            "{user.l: {$in: [a]}, $and: [{user.l: {$in: [b]}}]}",
            "{user.m.deep: {$gt: 3}, $not: {user.m.deep: {$eq: 4}}}",
            "{product.tags: {$in: [a]}, $and: [{product.tags: {$in: [b]}}]}",
            "{product.price: 5, $not: {product.price: {$eq: 5}}}",
            "{product.size: {$gt: 5}, $and: [{product.size: large}]}",
            // False is 0 to a bare value, and no 0.
            "{product.size: 0, $and: [{product.size: {$ne: 0}}, {product.size: {$ne: large}}]}",
            "{context.locale: de, $or: [{user.n: 1}, {user.n: 2}]}",
        ] {
            check_possible(condition, true);
        }
    }

    #[test]
    fn what_is_asked_of_others_and_of_points_counts() {
        assert_eq!(
            said(
                "segments:\n  - {id: a, when: {user.n: {$gt: 5}}}\n  - {id: b, when: {$segment: a, user.n: 3}}\n  \
                  - {id: c, when: {$segment: b, user.b: true}}\n"
            ),
            [
                "3:19 error: `b` is a rule that nothing can match",
                "4:19 error: `c` is a rule that nothing can match",
            ]
        );
        let score =
            "score: [{when: {user.n: {$gte: 3}}, add: 2}, {when: {user.b: true}, add: 1}], at_least: 2";
        assert_eq!(
            said(&format!("segments:\n  - {{id: a, when: {{user.n: 2}}, {score}}}\n")),
            ["2:19 error: `a` is a rule that nothing can match"]
        );
        assert_eq!(said(&format!("segments:\n  - {{id: a, when: {{user.n: 3}}, {score}}}\n")), [""; 0]);
        // What is missing is null to GrowthBook, and null is less than 5.
        let growthbook = |when: &str| {
            said(&format!("segments:\n  - {{id: a, semantics: growthbook, when: {when}}}\n")).len()
        };
        assert_eq!(growthbook("{user.n: {$exists: false, $lt: 5}}"), 0);
        assert_eq!(growthbook("{user.n: {$exists: false, $gt: 5}}"), 1);
        assert_eq!(growthbook("{user.n: {$exits: 1}}"), 1);
    }

    #[test]
    fn segments_that_double_with_each_other_are_held_back() {
        let mut text = "segments:\n  - {id: s0, when: {user.n: 1}}\n".to_owned();
        for index in 1..40 {
            let before = index - 1;
            text += &format!(
                "  - {{id: s{index}, when: {{$or: [{{$segment: s{before}}}, {{$segment: s{before}}}]}}}}\n"
            );
        }
        let found = said(&text);
        assert_eq!(
            found.first().unwrap(),
            "16:21 error: `s14` comes to more than 10000 tests with the segments it asks for"
        );
    }

    #[track_caller]
    fn check_shadow(conditions: &[&str], expected: &[&str]) {
        let segments =
            conditions.iter().zip('a'..).map(|(when, id)| format!("  - {{id: {id}, when: {when}}}\n"));
        let found = said(&format!("segments:\n{}", segments.collect::<String>()));
        assert_eq!(found, expected, "{conditions:?}");
    }

    #[test]
    fn a_segment_that_is_never_chosen() {
        let one =
            ["3:19 warning: `b` is never chosen: whenever it matches, `a` (line 14) before it matches too"];
        check_shadow(&["{}", "{user.n: 1}"], &one);
        check_shadow(&["{user.n: {$gte: 1}}", "{user.n: {$gte: 2}}"], &one);
        check_shadow(&["{user.n: {$gte: 1}}", "{user.n: {$gt: 0}}"], &one);
        check_shadow(&["{user.n: {$gte: 1}}", "{user.n: 2, user.b: true}"], &one);
        check_shadow(&["{user.s: {$regex: x}}", "{user.s: {$regex: x}, user.n: 1}"], &one);
        check_shadow(&["{user.s: {$regex: x}}", "{$not: {user.s: {$notRegex: x}}}"], &one);
        check_shadow(&["{user.d: {$within: 30d}}", "{user.d: {$within: 7d}}"], &one);
        check_shadow(&["{user.x: {$gt: 0.5}}", "{user.x: {$gt: 0.6, $fresh: 1d}}"], &one);
        check_shadow(&["{user.n: {$exists: true}}", "{user.n: {$gt: 0}}"], &one);
        check_shadow(&["{user.b: true}", "{$segment: a, user.n: 1}"], &one);

        check_shadow(&["{user.n: {$gte: 2}}", "{user.n: {$gte: 1}}"], &[]);
        // What the first reads may be missing.
        check_shadow(&["{user.n: {$exists: true}}", "{user.b: true}"], &[]);
        check_shadow(&["{$or: [{user.n: {$gt: 0}}, {user.n: {$lte: 0}}]}", "{user.b: true}"], &[]);
        check_shadow(&["{user.x: {$gt: 0.5, $fresh: 1d}}", "{user.x: {$gt: 0.6}}"], &[]);
        check_shadow(&["{user.s: {$regex: x}}", "{user.s: {$regex: y}}"], &[]);
        // Without consent nobody is known to have a number, or to have none.
        check_shadow(
            &["{user.n: {$exists: false}}", "{user.n: {$exists: true}}", "{context.device: mobile}"],
            &[],
        );
        check_shadow(
            &["{context.device: {$exists: false}}", "{context.device: {$exists: true}}", "{user.n: 1}"],
            &[
                "4:19 warning: `c` is never chosen: the segments before it take everybody: `a` (line 14) and `b` (line 15)",
            ],
        );
        check_shadow(
            &[
                "{user.n: 1}",
                "{context.device: mobile}",
                "{user.b: true}",
                "{context.device: {$in: [desktop, tablet]}}",
                "{context.device: {$exists: true}, user.s: x}",
            ],
            &[
                "6:19 warning: `e` is never chosen: the segments before it take everybody: `b` (line 15) and `d` (line 17)",
            ],
        );
    }

    const LIFE: &str = "segments:
  - {id: new, when: {user.n: {$lte: 0}}}
  - {id: first, when: {user.n: 1}}
  - {id: many, when: {user.n: {$gte: 2}}}
  - {id: gap, when: {user.n: {$gte: 3}}}
  - {id: fan, when: {user.s: {$regex: fan}}}
  - {id: foe, when: {user.s: {$notRegex: fan}}}
  - {id: fad, when: {user.s: {$regex: fad}}}
  - {id: late, when: {user.d: {$olderThan: 30d}}}
  - {id: soon, when: {user.d: {$within: 30d}}}
  - {id: else, when: {user.d: {$not: {$olderThan: 30d}}}}
  - {id: none, when: {user.n: 0}}
  - {id: seen, when: {user.n: {$gte: 1}, context.device: {$in: [mobile, tablet]}}}
";

    /// What is said of one set: its column is counted from the set's own beginning.
    #[track_caller]
    fn check_set(set: &str, expected: &[&str]) {
        let found = said(&format!("{LIFE}sets:\n  - {set}\n"));
        let found: Vec<&str> = found.iter().filter_map(|fault| fault.strip_prefix("15:")).collect();
        assert_eq!(found, expected, "{set}");
    }

    #[test]
    fn sets_hold_what_they_promise() {
        check_set("{name: L, segments: [new, first, many], exhaustive: true, exclusive: true}", &[]);
        check_set("{name: L, segments: [fan, foe], exhaustive: true, exclusive: true}", &[]);
        check_set("{name: L, segments: [late, else], exhaustive: true, exclusive: true}", &[]);
        check_set("{name: L, segments: [late, soon], exclusive: true}", &[]);
        check_set(
            "{name: L, segments: [new, first, gap], exhaustive: true}",
            &["56 error: nobody in `L` claims somebody with user.n 2"],
        );
        check_set(
            "{name: L, segments: [new, seen], exhaustive: true}",
            &["50 error: nobody in `L` claims somebody with user.n 1 and context.device desktop"],
        );
        check_set(
            "{name: L, segments: [late, soon], exhaustive: true}",
            &["51 error: nobody in `L` claims somebody with user.d two days from now"],
        );
        check_set(
            "{name: L, segments: [first, many, gap], exclusive: true}",
            &["39 error: in `L`, `many` and `gap` both claim somebody with user.n 3"],
        );
        check_set(
            "{name: L, segments: [first, late], exclusive: true}",
            &[
                "33 error: in `L`, `first` and `late` both claim somebody with user.n 1 and user.d 31 days ago",
            ],
        );
        check_set(
            "{name: L, segments: [fan, fad], exhaustive: true}",
            &[
                "49 warning: `L` cannot be shown to be closed: it hangs on user.s $regex \"fan\" and user.s $regex \"fad\"",
            ],
        );
        check_set(
            "{name: L, segments: [fan, fad], exclusive: true}",
            &[
                "31 warning: `fan` and `fad` cannot be shown to share nobody: it hangs on user.s $regex \"fan\" and user.s $regex \"fad\"",
            ],
        );
        // What one would think of goes before amounts below nothing.
        check_set(
            "{name: L, segments: [none, first, gap], exhaustive: true}",
            &["57 error: nobody in `L` claims somebody with user.n 2"],
        );
        check_set(
            "{name: L, segments: [none, first, many], exhaustive: true}",
            &["58 error: nobody in `L` claims somebody with user.n -1"],
        );
    }

    #[test]
    fn sets_are_written_rightly() {
        check_set(
            "{name: L, segments: [new, frist], exclusive: true}",
            &["31 error: there is no segment `frist`"],
        );
        check_set(
            "{name: L, segments: [new], exclusive: true}",
            &["25 error: a set needs at least two segments"],
        );
        check_set(
            "{name: L, segments: [new, many, new], exclusive: true}",
            &["37 error: `new` stands here a second time"],
        );
        check_set("{name: L, segments: [new, many]}", &["5 error: this set says nothing of its segments"]);
        check_set("{segments: [new, many], exclusive: true}", &["5 error: a set needs `name`"]);
        let (segments, _) = load(
            "s.yml",
            &format!(
                "{DECLARED}{LIFE}sets:\n  - {{name: Lifecycle, segments: [new, first, many], exhaustive: true}}\n"
            ),
        );
        let set = SegmentSet {
            name: "Lifecycle".into(),
            segments: ["new", "first", "many"].map(SegmentId::new).into(),
            exhaustive: true,
            exclusive: false,
        };
        assert_eq!(segments.unwrap().sets(), [set]);
    }

    #[test]
    fn what_is_too_involved_is_said_of_sets_alone() {
        let paths = (0..40).map(|n| format!("user.a{n}")).collect::<Vec<_>>();
        let declared: String = paths.iter().map(|path| format!("  {path}: {{type: integer}}\n")).collect();
        let parts = paths.iter().map(|path| format!("{{when: {{{path}: {{$gte: 1}}}}, add: 1}}"));
        let parts = parts.collect::<Vec<_>>().join(", ");
        // Half of the points, in as many ways as there are.
        let text = format!(
            "attributes:\n{declared}segments:\n  - {{id: a, score: [{parts}], at_least: 20}}\n  - {{id: b, when: {{$not: {{$segment: a}}}}}}\n\
             sets:\n  - {{name: L, segments: [a, b], exhaustive: true, exclusive: true}}\n",
        );
        let (segments, found) = load("s.yml", &text);
        let found: Vec<String> = found.into_iter().map(|fault| fault.message).collect();
        assert_eq!(
            found,
            [
                "`a` and `b` have too many combinations to check for overlaps",
                "`L` has too many combinations to check whether it is exhaustive",
            ]
        );
        assert!(segments.is_some());
    }

    /// Conditions over a few attributes, now and then of one another.
    fn condition(before: usize) -> impl Strategy<Value = Value> {
        let number =
            prop_oneof![(-1..4).prop_map(|n| json!(n)), (-1..7).prop_map(|n| json!(f64::from(n) / 2.0))];
        let ordered = prop::sample::select(vec!["$gt", "$gte", "$lt", "$lte"]);
        let word = || prop::sample::select(vec!["a", "A", "b", "5", "", "other"]);
        let fresh = prop::sample::select(vec!["1d", "3d", "30d"]);
        let device = || prop::sample::select(vec!["mobile", "desktop", "tablet"]);
        let number_path = || prop::sample::select(vec!["user.n", "user.x", "product.p"]);
        let text_path = || prop::sample::select(vec!["user.s", "product.q"]);
        let leaf = prop_oneof![
            4 => (number_path(), ordered.clone(), number.clone()).prop_map(|(path, op, n)| json!({path: {op: n}})),
            2 => (number_path(), number.clone()).prop_map(|(path, n)| json!({path: n})),
            1 => (number_path(), prop::sample::select(vec!["$eq", "$ne"]), -1..4).prop_map(|(path, op, n)| json!({path: {op: n}})),
            1 => (number_path(), prop::sample::select(vec!["$in", "$nin"]), prop::collection::vec(-1..4, 0..3))
                .prop_map(|(path, op, list)| json!({path: {op: list}})),
            1 => (ordered, number, fresh).prop_map(|(op, n, age)| json!({"user.x": {op: n, "$fresh": age}})),
            1 => (number_path(), any::<bool>()).prop_map(|(path, truth)| json!({path: truth})),
            2 => (prop::sample::select(vec!["user.n", "user.x", "user.s", "user.d", "product.p", "context.device"]), any::<bool>())
                .prop_map(|(path, there)| json!({path: {"$exists": there}})),
            2 => (text_path(), word()).prop_map(|(path, text)| json!({path: text})),
            2 => (text_path(), prop::sample::select(vec!["$in", "$nin", "$ini", "$nini"]), prop::collection::vec(word(), 0..3))
                .prop_map(|(path, op, list)| json!({path: {op: list}})),
            1 => (text_path(), prop::sample::select(vec!["$regex", "$notRegex"]), prop::sample::select(vec!["a", "^$"]))
                .prop_map(|(path, op, text)| json!({path: {op: text}})),
            1 => (0..2).prop_map(|_| json!({"user.s": 5})),
            2 => (prop::sample::select(vec!["$vgt", "$vgte", "$vlt", "$vlte", "$veq", "$vne"]), prop::sample::select(vec!["1.2.0", "1.2.1", "1.3", "2"]))
                .prop_map(|(op, version)| json!({"user.v": {op: version}})),
            2 => (prop::sample::select(vec!["$within", "$olderThan"]), prop::sample::select(vec!["1d", "7d", "36h"]))
                .prop_map(|(op, age)| json!({"user.d": {op: age}})),
            2 => device().prop_map(|device| json!({"context.device": device})),
            1 => prop::collection::vec(device(), 0..3).prop_map(|list| json!({"context.device": {"$nin": list}})),
            1 => (0..before.max(1)).prop_map(move |other| if before == 0 { json!({}) } else { json!({"$segment": format!("s{other}")}) }),
        ];
        leaf.prop_recursive(3, 10, 3, |inner| {
            prop_oneof![
                3 => (prop::sample::select(vec!["$and", "$or", "$nor"]), prop::collection::vec(inner.clone(), 1..4))
                    .prop_map(|(join, all)| json!({join: all})),
                1 => inner.prop_map(|one| json!({"$not": one})),
            ]
        })
    }

    /// A segment: its condition, the points of two parts of a score if any, and whether GrowthBook reads it.
    type Written = (Value, Option<(Value, Value)>, bool);

    fn written(before: usize) -> impl Strategy<Value = Written> {
        let score = prop::option::weighted(0.2, (condition(before), condition(before)));
        (condition(before), score, prop::bool::weighted(0.2))
    }

    fn segments() -> impl Strategy<Value = Vec<Written>> {
        (written(0), written(1), written(2)).prop_map(|(a, b, c)| vec![a, b, c])
    }

    fn rules(written: &[Written]) -> Rules {
        let (faults, groups) = (Faults::of("s.yml"), Groups::new());
        let reader = Reader::new(&|_| Ok(()), &groups, &faults);
        let named = written.iter().enumerate().map(|(index, (when, score, growthbook))| {
            let semantics = if *growthbook { Semantics::GrowthBook } else { Semantics::Strict };
            let read = |when: &Value| reader.when(&Node::from_json(when), semantics);
            let mut rule = read(when);
            if let Some((one, other)) = score {
                let parts: Vec<(Unlinked, f64)> =
                    vec![(read(one), 2.0), (read(other), -1.0), (read(when), 0.5)];
                reader.score(&mut rule, parts, 1.5);
            }
            (format!("s{index}"), rule)
        });
        let named = named.collect();
        reader.link(named)
    }

    /// Somebody: attributes as a request gives them.
    fn anybody() -> impl Strategy<Value = (Value, Value, Value)> {
        fn maybe(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
            prop_oneof![4 => value, 1 => Just(Value::Null)]
        }
        let x = (-4..16, prop::option::of(0..9_i64)).prop_map(|(n, age)| {
            let at = age.map(|days| now() - SignedDuration::from_hours(days * 24));
            json!({"value": f64::from(n) / 4.0, "at": at.map(|at| at.to_string())})
        });
        let d =
            (-3..20_i64).prop_map(|half| json!((now() - SignedDuration::from_hours(half * 12)).to_string()));
        let word = || {
            prop::sample::select(vec!["a", "A", "b", "B", "5", " 5", "", "other", "xa"]).prop_map(Value::from)
        };
        let version = prop::sample::select(vec![
            "1.1.9", "1.2.0", "v1.2.0", "1.2.0-rc", "1.2.1", "1.3", "1.9.9", "2", "3.0", "x",
        ]);
        let odd = || {
            prop::sample::select(vec![
                json!("a"),
                json!("b"),
                json!("5"),
                json!("2"),
                json!([2]),
                json!(["a"]),
                json!(["a", "b"]),
                json!({}),
                json!([]),
                json!(true),
                json!(false),
                json!(""),
                json!(5),
            ])
        };
        let p = prop_oneof![(-2..5).prop_map(|n| json!(n)), odd()];
        (
            (
                maybe((-2..5).prop_map(|n| json!(n))),
                maybe(x),
                maybe(word()),
                maybe(d),
                maybe(version.prop_map(Value::from)),
            ),
            maybe(prop::sample::select(vec!["mobile", "desktop", "tablet"]).prop_map(Value::from)),
            (maybe(p), maybe(prop_oneof![word(), odd()])),
        )
            .prop_map(|((n, x, s, d, v), device, (p, q))| {
                (
                    json!({"n": n, "x": x, "s": s, "d": d, "v": v}),
                    json!({"device": device}),
                    json!({"p": p, "q": q}),
                )
            })
    }

    fn now() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn what_is_said_holds_for_everybody(written in segments(), people in prop::collection::vec(anybody(), 1..60), consent in any::<bool>()) {
            let attributes = load("s.yml", &format!("{DECLARED}segments: []\n")).0.unwrap().attributes;
            let rules = rules(&written);
            let faults = Faults::of("s.yml");
            let space = Space::new(&rules, |path| attributes.known(path));
            let places: Vec<Place> = (0..3).map(|index| {
                Place { id: SegmentId::new(format!("s{index}")), line: 1, when: Span::START, refers: Vec::new() }
            }).collect();
            let coverage = Coverage { rules: &rules, space, places: &places, faults: &faults };
            let impossible = coverage.impossible();
            let shadowed: Vec<usize> = (0..3).filter(|index| coverage.is_shadowed(*index, &(0..*index).collect::<Vec<_>>())).collect();
            let wanted = |list: &[(usize, bool)]| list.iter().map(|(rule, matches)| Goal { rule: *rule, matches: *matches }).collect::<Vec<_>>();
            let gap = coverage.space.find(&wanted(&[(0, false), (1, false), (2, false)]), Who::AllKnown, ASKED.each);
            let overlap = coverage.space.find(&wanted(&[(0, true), (1, true)]), Who::Anybody, ASKED.each);
            // Whoever is found without any guess is there.
            for (found, goals) in [(&gap, wanted(&[(0, false), (1, false), (2, false)])), (&overlap, wanted(&[(0, true), (1, true)]))] {
                if let Found::Somebody(example) = found {
                    prop_assert!(!example.hangs_on.is_empty() || coverage.is_so(example, &goals), "{:?}", example);
                }
            }
            for (user, context, product) in people {
                let shaped = attributes.shape(user.as_object().unwrap(), context.as_object().unwrap(), now());
                prop_assert!(shaped.ignored.iter().all(|why| why.ends_with("older than its `max_age`")));
                let product = product.as_object().unwrap();
                let scope = Scope::new(consent.then_some(&shaped.user), &shaped.context, product, now()).dated(&shaped.dates);
                let asked = rules.ask(&scope);
                let matches: Vec<bool> = (0..3).map(|index| asked.truth(index) == Truth::True).collect();
                for index in &impossible {
                    prop_assert!(!matches[*index]);
                }
                let chosen = matches.iter().position(|matches| *matches);
                prop_assert!(!shadowed.iter().any(|index| chosen == Some(*index)), "{:?} {:?}", shaped.user, shadowed);
                if overlap == Found::Nobody {
                    prop_assert!(!(matches[0] && matches[1]));
                }
                let fresh = shaped.dates.iter().all(|(_, at)| now().duration_since(*at) <= SignedDuration::from_hours(24));
                let sound = matches!(product.get("p"), Some(Value::Number(_))) && matches!(product.get("q"), Some(Value::String(_)));
                if gap == Found::Nobody && consent && fresh && sound && shaped.user.len() == 5 && !shaped.context.is_empty() {
                    prop_assert!(chosen.is_some(), "{:?}", shaped.user);
                }
            }
        }
    }
}
