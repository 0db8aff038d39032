//! Statements that have to stand in a text as they are written: a disclosure, what accompanies a claim, the wording of a
//! claim. Capitals, whitespace and forms of signs are the writer's; words and numbers are exact.

use std::cell::OnceCell;
use std::ops::Range;

use serde_json::Value;

use super::Ground;
use super::fold::{Space, fold_text};
use super::grounded::writes_decimal_comma;
use super::text::{Reading, slice};
use crate::condition::Scope;
use crate::document::{Faults, Node, text};
use crate::words::Locale;

/// The longest fact that is put into a statement, in characters.
const MAX_FACT: usize = 500;

/// A statement with gaps that a product's facts fill.
#[derive(Debug)]
pub(super) struct Statement {
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq)]
enum Part {
    Text(String),
    /// A path such as `product.offer.apr`.
    Fact(String),
}

impl Statement {
    /// Reads a statement; `{product.path}` stands for a fact.
    pub(super) fn read(node: &Node, faults: &Faults) -> Option<Self> {
        let given = text(node, faults)?;
        let read = parts(given.trim());
        match read {
            Ok(parts) if !parts.is_empty() => return Some(Self { parts }),
            Ok(_) => {
                faults.error_with_help(node.span, "this statement is empty", "write what has to be said")
            }
            Err((message, help)) => faults.error_with_help(node.span, message, help),
        }
        None
    }

    /// The statement about this product, its numbers as the copy's language writes them.
    ///
    /// # Errors
    ///
    /// The path of the first fact that is not there, or is neither a short text nor a number.
    pub(super) fn fill(&self, ground: &Ground<'_>) -> Result<String, &str> {
        let scope = Scope::new(None, ground.context, ground.facts, ground.at);
        let fill = |part: &'_ Part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Fact(path) => scope.look_up(path).and_then(|value| written(value, ground.locale)),
        };
        let mut out = String::new();
        for part in &self.parts {
            match (fill(part), part) {
                (Some(text), _) => out.push_str(&text),
                (None, Part::Fact(path) | Part::Text(path)) => return Err(path),
            }
        }
        Ok(out)
    }
}

fn parts(given: &str) -> Result<Vec<Part>, (String, String)> {
    const HELP: &str = "name a fact between the braces, such as `{product.offer.apr}`";
    let mut parts = Vec::new();
    let mut rest = given;
    loop {
        let (before, after) = rest.split_once('{').unwrap_or((rest, ""));
        if before.contains('}') {
            return Err(("a `}` stands here without its `{`".to_owned(), HELP.to_owned()));
        }
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        if before.len() == rest.len() {
            return Ok(parts);
        }
        let Some((path, then)) = after.split_once('}') else {
            return Err(("a `{` stands here without its `}`".to_owned(), HELP.to_owned()));
        };
        let path = path.trim();
        let names = |rest: &str| {
            rest.split('.').all(|part| {
                !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || "_- ".contains(c))
            })
        };
        match path.strip_prefix("product.") {
            Some(rest) if names(rest) => parts.push(Part::Fact(path.to_owned())),
            _ => {
                let likely = format!("write `{{product.{path}}}`");
                let help =
                    if names(path) && !path.starts_with("context.") { likely } else { HELP.to_owned() };
                return Err((format!("`{{{path}}}` is no fact of the product"), help));
            }
        }
        rest = then;
    }
}

/// A fact as people write it: a text as it is, a number without a trailing `.0` or an exponent.
pub(super) fn written(value: &Value, locale: Option<&Locale>) -> Option<String> {
    let text = match value {
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Value::Number(number) => {
            let text = match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(integer), ..) => integer.to_string(),
                (_, Some(integer), _) => integer.to_string(),
                (.., Some(number)) if number.is_finite() => number.to_string(),
                _ => return None,
            };
            match locale.is_some_and(|locale| writes_decimal_comma(locale.language())) {
                true => text.replace('.', ","),
                false => text,
            }
        }
        _ => return None,
    };
    let fits = !text.is_empty() && text.chars().nth(MAX_FACT).is_none();
    fits.then_some(text)
}

/// A text as statements are looked for in it: folded, in small letters, with spaces only between two words or numbers.
/// `29.9 %` and `29.9%` are the same there.
#[derive(Debug)]
pub(super) struct Plain {
    text: String,
    /// Where each of its characters begins, and the bytes as given that it came from.
    origins: Vec<(usize, Range<usize>)>,
    /// The wordings of claims that stand in it. A text is held against one register.
    pub(super) said: OnceCell<Vec<(Range<usize>, usize)>>,
}

/// The plain form of a statement, without the full stop at its end.
pub(super) fn plain(statement: &str) -> String {
    let mut text = String::with_capacity(statement.len());
    squeeze(&fold_text(statement, Space::One), |c, _| text.extend(c.to_lowercase()));
    let end = text.trim_end_matches(['.', '!', ' ']).len();
    text.truncate(end);
    text
}

/// Passes on each character of a folded text with its range there, without the spaces beside signs.
fn squeeze(folded: &str, mut put: impl FnMut(char, Range<usize>)) {
    let mut before = None;
    let mut chars = folded.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if c != ' ' || (is_word(before) && is_word(chars.peek().map(|(_, next)| *next))) {
            put(c, at..at + c.len_utf8());
        }
        before = Some(c);
    }
}

impl Plain {
    pub(super) fn of(reading: &Reading<'_>) -> Self {
        let (mut text, mut origins) = (String::with_capacity(reading.text().len()), Vec::new());
        squeeze(reading.text(), |c, range| {
            origins.push((text.len(), reading.origin(range)));
            text.extend(c.to_lowercase());
        });
        Self { text, origins, said: OnceCell::new() }
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where a plain statement stands as a whole, as bytes of the text as given.
    pub(super) fn find(&self, statement: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(at) = self.text.get(from..).and_then(|rest| rest.find(statement)) {
            let range = from + at..from + at + statement.len();
            from = range.start + slice(&self.text, range.clone()).chars().next().map_or(1, char::len_utf8);
            found.extend(self.whole(range));
        }
        found
    }

    /// The bytes as given of a range of this text; `None` when it cuts a word or a number in two, or is empty.
    pub(super) fn whole(&self, range: Range<usize>) -> Option<Range<usize>> {
        let first = self.origins.binary_search_by_key(&range.start, |(at, _)| *at).ok()?;
        let last = self.origins.partition_point(|(at, _)| *at < range.end).checked_sub(1)?;
        let found = self.origins.get(first)?.1.start..self.origins.get(last)?.1.end;
        let cuts = first.checked_sub(1).is_some_and(|before| self.joins(before)) || self.joins(last);
        (!cuts && found.start < found.end).then_some(found)
    }

    /// Whether a character and the next are of one word or one number.
    fn joins(&self, index: usize) -> bool {
        let at = |index: usize| {
            let (start, origin) = self.origins.get(index)?;
            Some((slice(&self.text, *start..self.text.len()).chars().next()?, origin))
        };
        let (Some((one, one_from)), Some((next, next_from))) = (at(index), at(index + 1)) else {
            return false;
        };
        if one.is_alphanumeric() && next.is_alphanumeric() {
            return true;
        }
        // The sign of a number joins two digits: `2.5`, but not `2. 5`.
        let digit = |index: Option<usize>| {
            index.and_then(at).filter(|(c, _)| c.is_numeric()).map(|(_, origin)| origin.clone())
        };
        let joined = |a: &Range<usize>, b: &Range<usize>| a.end == b.start;
        if !joined(one_from, next_from) {
            return false;
        }
        match (one, next) {
            (d, '.' | ',') if d.is_numeric() => {
                digit(Some(index + 2)).is_some_and(|after| joined(next_from, &after))
            }
            ('.' | ',', d) if d.is_numeric() => {
                digit(index.checked_sub(1)).is_some_and(|before| joined(&before, one_from))
            }
            _ => false,
        }
    }
}

/// Stretches of a text, to ask whether one of them covers another stretch.
#[derive(Debug)]
pub(super) struct Cover {
    /// Where each begins, in order, and the furthest end of it and all before it.
    reach: Vec<(usize, usize)>,
}

impl Cover {
    pub(super) fn of(mut ranges: Vec<Range<usize>>) -> Self {
        ranges.sort_by_key(|range| range.start);
        let mut furthest = 0;
        let reach = ranges.into_iter().map(|range| {
            furthest = furthest.max(range.end);
            (range.start, furthest)
        });
        Self { reach: reach.collect() }
    }

    /// Whether the stretch has something in common with one of them.
    pub(super) fn touches(&self, range: &Range<usize>) -> bool {
        let before = self.reach.partition_point(|(start, _)| *start < range.end);
        let last = before.checked_sub(1).and_then(|last| self.reach.get(last));
        last.is_some_and(|(_, furthest)| range.start < *furthest)
    }

    /// Whether the stretch lies within one of them.
    pub(super) fn covers(&self, range: &Range<usize>) -> bool {
        let before = self.reach.partition_point(|(start, _)| *start <= range.start);
        let last = before.checked_sub(1).and_then(|last| self.reach.get(last));
        last.is_some_and(|(_, furthest)| range.end <= *furthest)
    }
}

/// A pattern that matches wherever the first words of a plain statement stand, in any capitals.
pub(super) fn loose(plain: &str) -> String {
    const ENOUGH: usize = 32;
    let mut out = String::with_capacity(plain.len() * 2);
    let mut before: Option<char> = None;
    for c in plain.chars().take(ENOUGH) {
        let between_words =
            |a: char, b: char| a == ' ' || b == ' ' || (a.is_alphanumeric() && b.is_alphanumeric());
        if before.is_some_and(|before| !between_words(before, c)) {
            out.push_str(" ?");
        }
        out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
        before = Some(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::text::Text;
    use super::*;

    #[track_caller]
    fn check(text: &str, statement: &str, expected: &[&str]) {
        let read = Text::new(text);
        let found = Plain::of(read.spaced()).find(&plain(statement));
        let found: Vec<&str> = found.into_iter().map(|range| slice(text, range)).collect();
        assert_eq!(found, expected, "{text:?} {statement:?}");
        let pattern = regex::Regex::new(&format!("(?i){}", loose(&plain(statement)))).unwrap();
        assert!(found.is_empty() || pattern.is_match(read.spaced().text()), "{pattern} {text:?}");
    }

    #[test]
    fn statements_are_found_as_people_write_them() {
        let apr = "Representative 29.9% APR. Credit subject to status.";
        check(
            "So: REPRESENTATIVE 29.9 % APR.\nCredit  subject to status!",
            apr,
            &["REPRESENTATIVE 29.9 % APR.\nCredit  subject to status"],
        );
        check("Representative 29.95% APR. Credit subject to status.", apr, &[]);
        check("Representative 129.9% APR. Credit subject to status.", apr, &[]);
        check("Representative 29,9% APR. Credit subject to status.", apr, &[]);
        check("9.9% a. 19.9% b. 9.9 % c", "9.9%", &["9.9%", "9.9 %"]);
        check("1,229.9", "229.9", &[]);
        check("take 2.5 a day", "take 2", &[]);
        check("take 2.5 a day", "Take 2.", &[]);
        check("Take 2. 5 are left.", "take 2.", &["Take 2"]);
        check("Take 2, 5 are left.", "take 2", &["Take 2"]);
        check("Take 2,5", "take 2", &[]);
        check("a “Best” “buy”", "\"best\" \"buy\"", &["“Best” “buy”"]);
        check("tested energy - yielding", "energy-yielding", &["energy - yielding"]);
        check("one two", "onetwo", &[]);
        check("Größe XL", "GRÖßE xl", &["Größe XL"]);
        check("", "a", &[]);
    }

    #[test]
    fn facts_are_written_as_people_write_them() {
        let de = Locale::parse("de-DE");
        for (value, locale, expected) in [
            (serde_json::json!(29.9), None, Some("29.9")),
            (serde_json::json!(29.9), de.as_ref(), Some("29,9")),
            (serde_json::json!(100.0), None, Some("100")),
            (serde_json::json!(1e21), None, Some("1000000000000000000000")),
            (serde_json::json!("2  tablets\n"), None, Some("2 tablets")),
            (serde_json::json!(u64::MAX), None, Some("18446744073709551615")),
            (serde_json::json!(" "), None, None),
            (serde_json::json!(null), None, None),
            (serde_json::json!(true), None, None),
            (serde_json::json!([1]), None, None),
        ] {
            assert_eq!(written(&value, locale).as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn gaps_name_facts() {
        assert_eq!(
            parts("A {product.offer.apr}% b"),
            Ok(vec![
                Part::Text("A ".into()),
                Part::Fact("product.offer.apr".into()),
                Part::Text("% b".into())
            ])
        );
        for (bad, message, help) in [
            ("{offer.apr}%", "`{offer.apr}` is no fact of the product", "write `{product.offer.apr}`"),
            ("{product.}", "`{product.}` is no fact of the product", "name a fact"),
            ("{}", "`{}` is no fact of the product", "name a fact"),
            ("{user.name}", "`{user.name}` is no fact of the product", "write `{product.user.name}`"),
            ("{{ x }}", "`{{ x}` is no fact of the product", "name a fact"),
            ("50} off", "a `}` stands here without its `{`", "name a fact"),
            ("50{ off", "a `{` stands here without its `}`", "name a fact"),
        ] {
            let (said, way_out) = parts(bad).unwrap_err();
            assert_eq!(said, message);
            assert!(way_out.starts_with(help), "{way_out}");
        }
    }
}
