//! What compliance looks after: the policy in force, proposals, rules, stops, evidence, editions. Each page is a module;
//! what they share is here: how changes, faults and source lines are shown.

mod editions;
mod evidence;
mod placements;
mod proposals;
mod rules;
mod segments;
mod shadow;
mod stops;
mod summary;
mod sweep;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::page::{Failed, done, led};
use super::say::{self, Safe, cut, escape, visible};
use super::session::Reader;
use crate::app::Shared;
use crate::audit::counts::{self, Counts, What};
use crate::diagnostic::{Diagnostic, Span};
use crate::document::Files;
use crate::guardrail::{Action, Change, Effect, Enforcement, Level};
use crate::policy::{Set, unified};
use crate::store::policies;

/// How far back pages count.
const DAYS: i64 = 30;
/// The most lines of source that a page shows of one thing.
const MOST_LINES: u32 = 80;
/// The most characters of a line that are shown.
const MOST_OF_LINE: usize = 400;
/// The most lines of text differences on a page, of all files together.
const MOST_DIFF: usize = 2_000;
/// The most changes that a page lists of each effect.
const MOST_CHANGES: usize = 200;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .merge(summary::routes())
        .merge(proposals::routes())
        .merge(rules::routes())
        .merge(placements::routes())
        .merge(segments::routes())
        .merge(stops::routes())
        .merge(shadow::routes())
        .merge(sweep::routes())
        .merge(evidence::routes())
        .merge(editions::routes())
}

/// Answers a form: the page anew for its script, with a sentence of what was done; without one, the way back to the page.
fn answered(reader: &Reader, part: Response, said: &str, undo: Option<&str>, to: &str) -> Response {
    if !reader.part {
        return led(to, said, undo);
    }
    let mut response = done(part, said, undo);
    // Whatever asked for it, also an undo, all of the page is anew.
    let headers = [
        ("hx-push-url", to),
        ("hx-retarget", "#content"),
        ("hx-reselect", "#content"),
        ("hx-reswap", "outerHTML"),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// What did not come to pass, for a form's page.
fn interrupted<T>(_: T) -> Failed {
    Failed::NotNow("The service was interrupted.".to_owned())
}

/// Any serialised value's word, such as a rule's kind.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

/// A badge: its class, and its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Badge {
    class: &'static str,
    said: &'static str,
}

/// What follows from a rule's finding.
fn action(action: Action) -> Badge {
    let (class, said) = match action {
        Action::Block => ("block", "blocks"),
        Action::Repair => ("repair", "sends back"),
        Action::Fix => ("repair", "corrects"),
        Action::Note => ("note", "notes"),
    };
    Badge { class, said }
}

/// Whether a rule's findings count.
fn mode(mode: Enforcement) -> Badge {
    let (class, said) = match mode {
        Enforcement::Enforce => ("pass", "enforced"),
        Enforcement::Shadow => ("note", "in shadow"),
        Enforcement::Off => ("plain", "off"),
    };
    Badge { class, said }
}

fn level(level: Level) -> &'static str {
    crate::casefile::words::level(level)
}

/// A day as people write it.
fn date(day: Date) -> String {
    day.strftime("%-d %b %Y").to_string()
}

/// The last day before an instant at which something ends, where the rules' dates are from.
fn last_day(shared: &Shared, before: Timestamp) -> String {
    let day = before.to_zoned(shared.desk.settings().timezone.clone()).date();
    date(day.yesterday().unwrap_or(day))
}

/// The day that begins at an instant.
fn first_day(shared: &Shared, from: Timestamp) -> String {
    date(from.to_zoned(shared.desk.settings().timezone.clone()).date())
}

/// So many days before an instant.
fn days_before(now: Timestamp, days: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(days * 24)).unwrap_or(Timestamp::MIN)
}

/// A value as it stands in an address's path or query.
fn encoded(value: &str) -> String {
    serde_urlencoded::to_string([("v", value)]).unwrap_or_default().split_off(2).replace('+', "%20")
}

/// A text with the part that a finding is about marked. Positions are in characters.
fn marked(text: &str, start: usize, end: usize, class: &str) -> Safe {
    let part =
        |from: usize, to: usize| text.chars().skip(from).take(to.saturating_sub(from)).collect::<String>();
    let (start, end) = (start, end.max(start));
    if start == end {
        return visible(text);
    }
    Safe(format!(
        "{}<mark class=\"{}\">{}</mark>{}",
        visible(&part(0, start)),
        escape(class),
        visible(&part(start, end)),
        visible(&part(end, usize::MAX))
    ))
}

/// A sentence of the program's own about what people wrote: with a capital letter, names in the marks of code set as code, and
/// nothing hidden.
fn sentence(text: &str) -> Safe {
    let mut said = String::new();
    for (place, part) in text.split('`').enumerate() {
        let begins = part.chars().next().filter(|first| place == 0 && first.is_lowercase());
        let part = match begins {
            // A file's name, with a dot before the first blank, stays as it is.
            Some(first) if !part.split(' ').next().unwrap_or_default().contains(['.', '/', ':']) => {
                let rest = part.get(first.len_utf8()..).unwrap_or_default();
                visible(&first.to_uppercase().chain(rest.chars()).collect::<String>())
            }
            _ => visible(part),
        };
        match place % 2 {
            1 => said += &format!("<code>{part}</code>"),
            _ => said += &part.0,
        }
    }
    Safe(said)
}

/// A rule's message, with dots where its match goes.
fn message(text: &str) -> Safe {
    visible(&cut(text, 600).replace("%s", "…"))
}

/// What an edit changes, by what it does, what loosens first.
struct Changes {
    groups: Vec<ChangeGroup>,
}

struct ChangeGroup {
    title: &'static str,
    class: &'static str,
    count: usize,
    changes: Vec<ChangeSaid>,
}

struct ChangeSaid {
    /// The rule's page, where it is about a rule that is in force.
    to: Option<String>,
    sentence: Safe,
    who: String,
    place: String,
    word: Option<String>,
    needs_word: bool,
}

impl Changes {
    fn of(changes: &[Change], known: impl Fn(&str) -> bool) -> Self {
        const EFFECTS: [(Effect, &str, &str); 4] = [
            (Effect::Loosens, "Loosens", "block"),
            (Effect::Unclear, "May loosen", "repair"),
            (Effect::Tightens, "Tightens", "pass"),
            (Effect::Neutral, "Leaves what passes as it is", "note"),
        ];
        let said = |change: &Change| ChangeSaid {
            to: known(&change.about).then(|| format!("/console/compliance/rules/{}", encoded(&change.about))),
            sentence: sentence(&change.sentence),
            who: [change.owner.as_deref(), change.reference.as_deref()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" · "),
            place: format!("{}:{}", change.file, change.span.start.line),
            word: change.word.clone(),
            needs_word: change.effect.needs_word(),
        };
        let group = |(effect, title, class): (Effect, &'static str, &'static str)| {
            let of_it: Vec<&Change> = changes.iter().filter(|change| change.effect == effect).collect();
            let count = of_it.len();
            let changes = of_it.into_iter().take(MOST_CHANGES).map(said).collect();
            (count > 0).then_some(ChangeGroup { title, class, count, changes })
        };
        Self { groups: EFFECTS.into_iter().filter_map(group).collect() }
    }

    /// `2 loosen, 1 tightens`: the whole in a few words.
    fn in_short(&self) -> String {
        let said: Vec<String> = self
            .groups
            .iter()
            .map(|group| {
                let verb = match (group.title, group.count) {
                    ("Loosens", 1) => "loosens",
                    ("Loosens", _) => "loosen",
                    ("May loosen", _) => "may loosen",
                    ("Tightens", 1) => "tightens",
                    ("Tightens", _) => "tighten",
                    (_, 1) => "leaves what passes as it is",
                    _ => "leave what passes as it is",
                };
                format!("{} {verb}", say::counted(group.count as u64, "change"))
            })
            .collect();
        if said.is_empty() { "Nothing changes in the rules".to_owned() } else { said.join(", ") }
    }

    /// How many loosen, or may.
    fn loosening(&self) -> usize {
        let of = |group: &&ChangeGroup| matches!(group.title, "Loosens" | "May loosen");
        self.groups.iter().filter(of).map(|group| group.count).sum()
    }

    /// How many tighten.
    fn tightening(&self) -> usize {
        self.groups.iter().filter(|group| group.title == "Tightens").map(|group| group.count).sum()
    }
}

/// How the text of one file changes.
struct FileDiff {
    path: String,
    added: usize,
    gone: usize,
    /// Each line with its class: `new`, `gone`, `at`, or none.
    lines: Vec<(&'static str, Safe)>,
    /// How many more lines there are than are shown.
    more: usize,
}

/// How the texts of two sets of files differ, file by file. Takes its time with long files.
fn file_diffs(before: &Files, after: &Files) -> Vec<FileDiff> {
    let paths: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut room = MOST_DIFF;
    let mut all = Vec::new();
    for path in paths {
        let of = |files: &Files| files.get(path).cloned();
        let lines = unified(path, of(before).as_deref(), of(after).as_deref());
        if lines.is_empty() {
            continue;
        }
        // The first two name the file.
        let lines: Vec<&String> = lines.iter().skip(2).collect();
        let class = |line: &str| match line.as_bytes().first() {
            Some(b'+') => "new",
            Some(b'-') => "gone",
            Some(b'@') => "at",
            _ => "",
        };
        let counted = |wanted: &str| lines.iter().filter(|line| class(line) == wanted).count();
        let shown = lines.len().min(room);
        room -= shown;
        all.push(FileDiff {
            path: path.clone(),
            added: counted("new"),
            gone: counted("gone"),
            more: lines.len() - shown,
            lines: lines
                .iter()
                .take(shown)
                .map(|line| (class(line), visible(&cut(line, MOST_OF_LINE))))
                .collect(),
        });
    }
    all
}

/// Lines of a file with their numbers, and a caret under the place that is meant.
struct Excerpt {
    lines: Vec<(u32, Safe)>,
    /// After which line, and what stands under it.
    caret: Option<(u32, String)>,
    /// How many more lines there are than are shown.
    more: u32,
}

/// The lines of a span; `None` where the text has no such line.
fn lines_of(text: &str, span: Span) -> Option<Excerpt> {
    let (first, last) = (span.start.line.max(1), span.end.line.max(span.start.line));
    // A span that ends before a line's first character ends with the line before.
    let last = if span.end.column <= 1 && last > first { last - 1 } else { last };
    let shown = last.min(first.saturating_add(MOST_LINES - 1));
    let lines: Vec<(u32, Safe)> = (1_u32..)
        .zip(text.lines())
        .skip(first as usize - 1)
        .take((shown - first) as usize + 1)
        .map(|(number, line)| (number, visible(&cut(line, MOST_OF_LINE))))
        .collect();
    (!lines.is_empty()).then_some(Excerpt { lines, caret: None, more: last - shown })
}

/// The line of a fault with a caret under what is wrong, and one line before it.
fn caret_at(text: &str, span: Span) -> Option<Excerpt> {
    let (line, column) = (span.start.line, span.start.column.max(1) as usize);
    let wrong = text.lines().nth(line.checked_sub(1)? as usize)?;
    if column > MOST_OF_LINE {
        return None;
    }
    let width = match span.end.line == line {
        true => (span.end.column as usize).saturating_sub(column),
        false => wrong.chars().count().saturating_sub(column - 1),
    };
    let indent: String = wrong.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let caret = format!("{indent}{}", "^".repeat(width.clamp(1, 60)));
    let before = span.start.line.saturating_sub(1).max(1);
    let lines = (1_u32..)
        .zip(text.lines())
        .filter(|(number, _)| (before..=line).contains(number))
        .map(|(number, line)| (number, visible(&cut(line, MOST_OF_LINE))))
        .collect();
    Some(Excerpt { lines, caret: Some((line, caret)), more: 0 })
}

/// A fault of a file that people edit.
struct Fault {
    class: &'static str,
    word: &'static str,
    place: String,
    message: Safe,
    help: Option<Safe>,
    owner: Option<String>,
    excerpt: Option<Excerpt>,
}

impl Fault {
    /// With its line, where the files are at hand.
    fn of(diagnostic: &Diagnostic, files: &Files) -> Self {
        let error = diagnostic.is_error();
        Self {
            class: if error { "block" } else { "repair" },
            word: if error { "error" } else { "warning" },
            place: diagnostic.place(),
            message: sentence(&diagnostic.message),
            help: diagnostic.help.as_deref().map(sentence),
            owner: diagnostic.owner.clone(),
            excerpt: files.get(&diagnostic.file).and_then(|text| caret_at(text, diagnostic.span)),
        }
    }
}

/// The files of a set in force, as the store keeps them; nothing where it does not.
async fn files_in_force(shared: &Shared, set: Set, hash: &str) -> Result<Files, Failed> {
    Ok(policies::by_hash(&shared.store, set.as_str(), hash).await?.unwrap_or_default())
}

/// What was counted of a figure in the last 30 days, by the first part of its name. Where it cannot be read a page does without.
async fn counted(shared: &Shared, what: What, now: Timestamp) -> Option<BTreeMap<String, u64>> {
    let span = (counts::hour(days_before(now, DAYS)), counts::hour(now) + 1);
    let sums = async { Counts::of(&shared.store).await?.sums(what, &[span]).await };
    match sums.await {
        Ok(sums) => {
            let mut all: BTreeMap<String, u64> = BTreeMap::new();
            for sum in &sums {
                *all.entry(sum.part(0).to_owned()).or_default() += sum.n;
            }
            Some(all)
        }
        Err(error) => {
            tracing::warn!(%error, "a page cannot read what was counted");
            None
        }
    }
}

/// In how many generations of the last 30 days each rule found something; `None` where that cannot be read.
async fn caught(shared: &Shared, now: Timestamp) -> Option<BTreeMap<String, u64>> {
    counted(shared, What::Finding, now).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Position;

    fn span(start: (u32, u32), end: (u32, u32)) -> Span {
        let at = |(line, column)| Position { line, column };
        Span { start: at(start), end: at(end) }
    }

    #[test]
    fn a_fault_stands_under_its_line() {
        let text = "rules:\n\t- id: <b>\n";
        let excerpt = caret_at(text, span((2, 4), (2, 6))).unwrap();
        assert_eq!(
            excerpt.lines.iter().map(|(_, line)| line.0.as_str()).collect::<Vec<_>>(),
            ["rules:", "\t- id: &lt;b&gt;"]
        );
        assert_eq!(excerpt.caret, Some((2, "\t  ^^".to_owned())));
        // What the file does not have, and positions that no line has, break nothing.
        for (start, end) in [((9, 1), (9, 2)), ((0, 0), (0, 0)), ((2, 900), (2, 901))] {
            assert!(caret_at(text, span(start, end)).is_none(), "{start:?}");
        }
        assert!(caret_at("", Span::START).is_none());
    }

    #[test]
    fn a_span_shows_its_lines_and_no_more() {
        let text = "a\nb\nc\nd\n";
        let lines = |start, end| {
            let excerpt = lines_of(text, span(start, end));
            excerpt.map(|e| {
                e.lines.into_iter().map(|(number, line)| format!("{number}{line}")).collect::<String>()
            })
        };
        assert_eq!(lines((2, 3), (3, 2)).as_deref(), Some("2b3c"));
        assert_eq!(lines((2, 3), (4, 1)).as_deref(), Some("2b3c"));
        assert_eq!(lines((4, 1), (9, 1)).as_deref(), Some("4d"));
        assert_eq!(lines((7, 1), (9, 1)), None);
        assert_eq!(lines_of(&"x\n".repeat(500), span((1, 1), (500, 2))).unwrap().more, 500 - MOST_LINES);
    }

    #[test]
    fn what_is_marked_is_escaped_all_the_same() {
        let said = marked("a <b> c", 2, 5, "block").0;
        assert_eq!(said, "a <mark class=\"block\">&lt;b&gt;</mark> c");
        assert_eq!(marked("ab", 9, 12, "block").0, "ab<mark class=\"block\"></mark>");
        assert_eq!(marked("a<", 1, 1, "note").0, "a&lt;");
    }

    #[test]
    fn sentences_begin_with_a_capital_letter_and_set_names_as_code() {
        assert_eq!(
            sentence("no key `<b>`; write `mode`").0,
            "No key <code>&lt;b&gt;</code>; write <code>mode</code>"
        );
        assert_eq!(sentence("`a` is gone").0, "<code>a</code> is gone");
        assert_eq!(sentence("brand.yml is gone ` x").0, "brand.yml is gone <code> x</code>");
        assert_eq!(sentence("").0, "");
        assert_eq!(message("'%s' <i>").0, "&#39;…&#39; &lt;i&gt;");
    }

    #[test]
    fn values_stand_in_addresses_as_they_are() {
        assert_eq!(encoded("claims.a b/c&d?e#<>"), "claims.a%20b%2Fc%26d%3Fe%23%3C%3E");
        assert_eq!(encoded(""), "");
    }

    #[test]
    fn differences_of_files_are_bounded() {
        let files = |text: &str| -> Files { [("a.yml".to_owned(), text.to_owned())].into() };
        let diffs = file_diffs(&files("x\n"), &files(&"y\n".repeat(9_000)));
        let [diff] = diffs.as_slice() else { panic!() };
        assert_eq!((diff.added, diff.gone, diff.lines.len()), (9_000, 1, MOST_DIFF));
        assert_eq!(diff.more, 9_002 - MOST_DIFF);
        assert!(file_diffs(&files("x"), &files("x")).is_empty());
    }
}
