//! How a rule stands: whether it is enforced, what follows from a finding, when, and for which copy.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::rule::{Action, Applies, Enforcement, Rule, Settings};
use super::super::{Guardrails, Level};
use super::{Effect, Said, told};
use serde_json::Value;

use crate::condition::{self, Found, Goal, Known, Rules, Sort, Space, Who};
use crate::diagnostic::Span;
use crate::document::{Key, Kind as NodeKind, Node};

/// The most looks at one test that the comparison of two conditions takes.
const LOOKS: u64 = 100_000;

/// The most that ever follows from what a rule finds, as the files stand.
pub(super) fn most(rule: &Rule) -> Action {
    let settings = |at| {
        let settings = rule.settings(at);
        if settings.mode == Enforcement::Enforce { settings.action } else { Action::Note }
    };
    let after = rule.overridden.before.map_or(Action::Note, |before| settings(Some(before)));
    settings(Some(Timestamp::MIN)).max(after)
}

/// What changes of mode, action and level, now and once what `guardrails.yml` says of the rule ends.
pub(super) fn changes(before: (&Guardrails, &Rule), after: (&Guardrails, &Rule)) -> Vec<Said> {
    let ((_, then), (rules, now)) = (before, after);
    let ends: BTreeSet<Timestamp> =
        [then.overridden.before, now.overridden.before].into_iter().flatten().collect();
    let from = std::iter::once(None).chain(ends.iter().copied().map(Some));
    let until = ends.iter().copied().map(Some).chain(std::iter::once(None));
    let zone = &rules.timezone;
    let mut said = Vec::new();
    for (from, until) in from.zip(until) {
        let at = from.unwrap_or(Timestamp::MIN);
        let time = match (from, until) {
            (None, None) => String::new(),
            (None, Some(until)) => format!(" until {}", told::until(until, zone)),
            (Some(from), None) => format!(" from {} on", told::from(from, zone)),
            (Some(from), Some(until)) => {
                format!(" from {} until {}", told::from(from, zone), told::until(until, zone))
            }
        };
        let word = word(then, now, at);
        let pair = (then.settings(Some(at)), now.settings(Some(at)));
        said.extend(of_moment(pair, &time).into_iter().map(|(changed, sentence)| {
            let given = (changed.is_mode || now.public).then(|| word.clone()).flatten();
            Said { word: given, ..Said::new(changed.effect, sentence) }
        }));
    }
    said
}

struct Changed {
    effect: Effect,
    /// Whether it is about the mode.
    is_mode: bool,
}

fn of_moment((then, now): (Settings, Settings), time: &str) -> Vec<(Changed, String)> {
    let rank = |mode| match mode {
        Enforcement::Off => 0,
        Enforcement::Shadow => 1,
        Enforcement::Enforce => 2,
    };
    let mut said = Vec::new();
    if then.mode != now.mode {
        let effect = toward(rank(now.mode) < rank(then.mode));
        let sentence = format!("is {}{time} instead of {}", told::mode(now.mode), told::mode(then.mode));
        said.push((Changed { effect, is_mode: true }, sentence));
    }
    if then.mode == Enforcement::Off && now.mode == Enforcement::Off {
        return said;
    }
    if then.action != now.action {
        let effect = toward(now.action < then.action);
        let (was, is) = (told::follows(then.action), told::follows(now.action));
        said.push((
            Changed { effect, is_mode: false },
            format!("has what it finds {is}{time} instead of {was}"),
        ));
    } else if then.level != now.level {
        let effect = toward(now.level < then.level);
        let sentence = format!("is of level `{}`{time} instead of `{}`", level(now.level), level(then.level));
        said.push((Changed { effect, is_mode: false }, sentence));
    }
    said
}

fn toward(looser: bool) -> Effect {
    if looser { Effect::Loosens } else { Effect::Tightens }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Suggestion => "suggestion",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

/// The reason that the files give for how the rule stands at an instant, where they gave none or another before.
fn word(then: &Rule, now: &Rule, at: Timestamp) -> Option<String> {
    let own = |rule: &Rule| rule.written.get("because").map(told::written);
    let over = now.overridden.before.is_none_or(|before| at < before);
    let because = now.overridden.because.clone().filter(|_| over).or_else(|| own(now))?;
    // What was the reason for so long is no reason for longer.
    let known = then.overridden.because.as_ref() == Some(&because) || own(then).as_ref() == Some(&because);
    (!known).then_some(because)
}

/// What changes of the days on which a rule is in force.
pub(super) fn period(before: (&Guardrails, &Rule), after: (&Guardrails, &Rule)) -> Vec<Said> {
    let (then, now) = (before.1.effective, after.1.effective);
    let (old, new) = (&before.0.timezone, &after.0.timezone);
    let begins = match (then.from, now.from) {
        (then, now) if then == now => None,
        (Some(then), Some(now)) => Some((
            toward(now > then),
            format!("begins on {} instead of {}", told::from(now, new), told::from(then, old)),
        )),
        (None, Some(now)) => Some((
            Effect::Loosens,
            format!("only begins on {}; it was in force without a first day", told::from(now, new)),
        )),
        (Some(then), None) => {
            Some((Effect::Tightens, format!("no longer waits for {}", told::from(then, old))))
        }
        (None, None) => None,
    };
    let ends = match (then.before, now.before) {
        (then, now) if then == now => None,
        (Some(then), Some(now)) => Some((
            toward(now < then),
            format!("ends on {} instead of {}", told::until(now, new), told::until(then, old)),
        )),
        (None, Some(now)) => Some((
            Effect::Loosens,
            format!("ends on {}; it was in force without a last day", told::until(now, new)),
        )),
        (Some(then), None) => {
            Some((Effect::Tightens, format!("no longer ends on {}", told::until(then, old))))
        }
        (None, None) => None,
    };
    [begins, ends].into_iter().flatten().map(|(effect, sentence)| Said::new(effect, sentence)).collect()
}

/// What changes of where a rule applies.
pub(super) fn applies(then: &Node, now: &Node, before: &Applies, after: &Applies) -> Vec<Said> {
    let mut said = Vec::new();
    let narrower = !all_covered(&after.locales, &before.locales, is_wider);
    let wider = !all_covered(&before.locales, &after.locales, is_wider);
    said.extend(reach("locale", "locales", (&before.locales, &after.locales), narrower, wider));
    let narrower = !covers(&after.placements, &before.placements);
    let wider = !covers(&before.placements, &after.placements);
    said.extend(reach("placement", "placements", (&before.placements, &after.placements), narrower, wider));
    let of = |node: &Node| node.get("applies").cloned().unwrap_or_else(told::nothing);
    let whens = whens(&of(then), &of(now));
    if whens.changed {
        let told = whens.now.map_or("without a condition".to_owned(), |when| format!("where `{when}`"));
        let was = whens.then.map_or("without a condition".to_owned(), |when| format!("where `{when}`"));
        let effect = match (whens.keeps, whens.adds) {
            (true, Some(false)) => Effect::Neutral,
            (true, _) => Effect::Tightens,
            (false, _) if whens.unknown => Effect::Unclear,
            (false, _) => Effect::Loosens,
        };
        said.push(Said::new(effect, format!("now applies {told}; it applied {was}")));
    }
    said
}

fn reach(
    one: &str,
    many: &str,
    (then, now): (&[String], &[String]),
    narrower: bool,
    wider: bool,
) -> Option<Said> {
    let sentence = match (then, now) {
        _ if !narrower && !wider => return None,
        ([], now) => format!("now applies only to the {} {}", plural(now, one, many), told::names(now)),
        (then, []) => format!("now applies to every {one}, not to {} alone", told::names(then)),
        (then, now) => format!("now applies to {} instead of {}", told::names(now), told::names(then)),
    };
    Some(Said::new(toward(narrower), sentence))
}

fn plural<'w>(names: &[String], one: &'w str, many: &'w str) -> &'w str {
    if names.len() == 1 { one } else { many }
}

/// Whether one list of placements holds all of another; none means all.
pub(super) fn covers(wide: &[String], narrow: &[String]) -> bool {
    all_covered(wide, narrow, |wide, narrow| wide == narrow)
}

fn all_covered(wide: &[String], narrow: &[String], covers: fn(&str, &str) -> bool) -> bool {
    wide.is_empty()
        || (!narrow.is_empty() && narrow.iter().all(|narrow| wide.iter().any(|wide| covers(wide, narrow))))
}

/// Whether a pattern of locales matches whatever another matches. What a pattern does not say it does not ask for.
fn is_wider(wide: &str, narrow: &str) -> bool {
    let mut parts = narrow.split('-');
    wide.split('-').all(|wanted| {
        let given = parts.next().unwrap_or("*");
        wanted == "*" || wanted.eq_ignore_ascii_case(given)
    })
}

/// Where something applies, in words.
pub(super) struct Place {
    pub(super) told: String,
}

impl Place {
    pub(super) fn of(written: &Node, applies: &Applies) -> Self {
        Self { told: told::over(written, &applies.placements) }
    }
}

/// How two conditions on where something applies stand to one another.
pub(super) struct Whens {
    pub(super) changed: bool,
    /// Whether the later one applies wherever the former did.
    pub(super) keeps: bool,
    /// Whether it applies where the former did not; `None` when that cannot be told.
    adds: Option<bool>,
    /// Whether it cannot be told if it keeps.
    unknown: bool,
    then: Option<String>,
    now: Option<String>,
}

/// Compares `when` of two maps. What is unknown applies: each leaves out only that of which it is known not to hold.
pub(super) fn whens(then: &Node, now: &Node) -> Whens {
    let (then, now) = (then.get("when"), now.get("when"));
    let same = then.map(Node::to_json) == now.map(Node::to_json);
    let told = |node: Option<&Node>| node.map(told::written);
    let mut whens = Whens {
        changed: !same,
        keeps: same,
        adds: Some(!same),
        unknown: false,
        then: told(then),
        now: told(now),
    };
    if same {
        return whens;
    }
    let out = |node: &Node| wrapped("$not", node.clone());
    match (then, now) {
        (None, _) => whens.adds = Some(false),
        (_, None) => whens.keeps = true,
        (Some(then), Some(now)) => {
            let (then, now) = (out(then), out(now));
            // Left out now, and was not: `not now` holds and `not then` does not.
            let lost = both(&now, &then);
            (whens.keeps, whens.unknown) = (lost == Some(false), lost.is_none());
            whens.adds = both(&then, &now);
        }
    }
    whens
}

/// A map of one key.
pub(super) fn wrapped(key: &str, node: Node) -> Node {
    let key = Key { text: key.to_owned(), span: Span::START };
    Node { span: Span::START, kind: NodeKind::Map(vec![(key, node)]) }
}

/// Whether anything could be of which the first condition holds and the second does not; `None` when that cannot be told.
pub(super) fn both(holds: &Node, does_not: &Node) -> Option<bool> {
    let rules = condition::together(&[holds.clone(), does_not.clone()])?;
    let goals = [Goal { rule: 0, matches: true }, Goal { rule: 1, matches: false }];
    match Space::new(&rules, |path| known(&rules, path)).find(&goals, Who::Anybody, LOOKS) {
        Found::Nobody => Some(false),
        Found::Somebody(example) if example.hangs_on.is_empty() => Some(true),
        Found::Somebody(_) | Found::TooMany => None,
    }
}

/// What an attribute's values are by what is asked of them: where it is only held against texts, or truth values, it is one.
fn known(rules: &Rules, path: &str) -> Known {
    const PLAIN: [&str; 6] = ["$eq", "$ne", "$in", "$nin", "$exists", "$not"];
    let asks: Vec<_> =
        (0..rules.len()).flat_map(|rule| rules.asks(rule)).filter(|ask| ask.path == path).collect();
    let each = |is: fn(&Value) -> bool| {
        asks.iter().filter(|ask| ask.operator.name() != "$exists").all(|ask| match ask.expected {
            Value::Array(all) => all.iter().all(is),
            one => is(one),
        })
    };
    let plain = asks.iter().all(|ask| PLAIN.contains(&ask.operator.name()));
    let sort = match plain {
        true if each(Value::is_string) => Some(Sort::Text),
        true if each(Value::is_boolean) => Some(Sort::Truth),
        _ => None,
    };
    Known { sort, ..Known::default() }
}
