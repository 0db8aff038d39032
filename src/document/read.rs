//! Readers: from [`Node`]s to what a file means, with a fault for everything that does not fit.

use super::{Faults, Key, Kind, Node};
use crate::diagnostic::{Diagnostic, Span};

/// The keys of one map, taken one by one; what is left over at the end is a fault.
#[derive(Debug)]
pub struct Fields<'n> {
    node: &'n Node,
    entries: &'n [(Key, Node)],
    known: Vec<&'static str>,
    /// The keys that were required and are not there, each with what was said of it.
    missing: Vec<(&'static str, Diagnostic)>,
    what: &'static str,
}

impl<'n> Fields<'n> {
    /// Starts reading a map; `what` names it in messages ("a rule"). `None`, with a fault, when it is none.
    pub fn of(node: &'n Node, what: &'static str, faults: &Faults) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(Self { node, entries, known: Vec::new(), missing: Vec::new(), what }),
            _ => {
                faults.error_with_help(
                    node.span,
                    format!("{what} must be a map, and this is {}", node.noun()),
                    "write `key: value` lines, indented alike",
                );
                None
            }
        }
    }

    /// Where the map stands.
    pub fn span(&self) -> Span {
        self.node.span
    }

    /// Takes a key's value; `None` when the key is not there or holds nothing.
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.known.push(key);
        self.entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// A key that is there and holds nothing.
    pub fn empty(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(k, _)| k.text == key).map(|(_, node)| node).filter(|node| node.is_null())
    }

    /// Takes a key's value; a fault when it is not there, with `help` for what to write.
    pub fn require(&mut self, key: &'static str, help: &str, faults: &Faults) -> Option<&'n Node> {
        let found = self.take(key);
        if found.is_none() {
            let span = Span { start: self.node.span.start, end: self.node.span.start };
            let fault = Diagnostic::error(faults.file(), span, format!("{} needs `{key}`", self.what));
            self.lacks(key, fault.with_help(help), faults);
        }
        found
    }

    /// Notes that a key is needed and not there. [`finish`](Self::finish) takes the fault back when another key turns out
    /// to be this one misspelt; a reader that returns before it leaves the fault said.
    pub fn lacks(&mut self, key: &'static str, fault: Diagnostic, faults: &Faults) {
        self.missing.push((key, fault.clone()));
        faults.push(fault);
    }

    /// The value of a key that is not there, under a name that is close to it and was not asked for so far: to read on
    /// and find more faults. [`finish`](Self::finish) is what says that the name is wrong.
    pub fn misspelt(&self, key: &'static str) -> Option<&'n Node> {
        let unknown = self.entries.iter().filter(|(k, _)| !self.known.contains(&k.text.as_str()));
        let mut close = unknown.filter(|(k, _)| distance(&k.text, key).is_some());
        close.next().map(|(_, node)| node)
    }

    /// A required text.
    pub fn require_text(&mut self, key: &'static str, help: &str, faults: &Faults) -> Option<String> {
        self.require(key, help, faults).and_then(|node| text(node, faults))
    }

    /// An optional text.
    pub fn text(&mut self, key: &'static str, faults: &Faults) -> Option<String> {
        self.take(key).and_then(|node| text(node, faults))
    }

    /// An optional truth value; `default` when it is not there.
    pub fn boolean(&mut self, key: &'static str, default: bool, faults: &Faults) -> bool {
        self.take(key).and_then(|node| boolean(node, faults)).unwrap_or(default)
    }

    /// An optional list of texts; one text alone is a list of one.
    pub fn texts(&mut self, key: &'static str, faults: &Faults) -> Vec<String> {
        self.take(key).map(|node| texts(node, faults)).unwrap_or_default()
    }

    /// Ends the reading: every key that was not taken is a fault, with the likely name. Where that is a key that is
    /// missing, nothing more is said of the missing one.
    pub fn finish(mut self, faults: &Faults) {
        for (key, _) in self.entries.iter().filter(|(key, _)| !self.known.contains(&key.text.as_str())) {
            let message = format!("{} has no key `{}`", self.what, key.text);
            let is_missing = |known: &str| self.missing.iter().position(|(missing, _)| *missing == known);
            let likely = self
                .known
                .iter()
                .filter_map(|known| Some((distance(&key.text, known)?, is_missing(known).is_none(), *known)))
                .min();
            let Some((_, _, likely)) = likely else {
                faults.error_with_help(key.span, message, all_known(self.known.iter().copied()));
                continue;
            };
            faults.error_with_help(key.span, message, format!("write `{likely}`"));
            if let Some(index) = is_missing(likely) {
                let (_, said) = self.missing.swap_remove(index);
                faults.take_back(&said);
            }
        }
    }
}

/// How far a word is from a known one; `None` when it is too far to be meant.
fn distance(word: &str, known: &str) -> Option<usize> {
    let distance = strsim::damerau_levenshtein(&word.to_lowercase(), known);
    (distance <= 1 + known.len() / 4).then_some(distance)
}

fn all_known<'k>(known: impl Iterator<Item = &'k str>) -> String {
    format!("known here: {}", known.map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", "))
}

/// "write `x`" when one of the known words is close to the one given, else all that are known.
pub fn did_you_mean<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    match close_to(word, known.clone()) {
        Some(candidate) => format!("write `{candidate}`"),
        None => all_known(known),
    }
}

/// The known word that was probably meant.
pub fn close_to<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known.filter_map(|candidate| Some((distance(word, candidate)?, candidate))).min().map(|(_, close)| close)
}

impl Faults {
    /// Takes back a fault that another one explains.
    fn take_back(&self, said: &Diagnostic) {
        let mut found = self.found.borrow_mut();
        if let Some(index) = found.iter().position(|diagnostic| diagnostic == said) {
            found.remove(index);
        }
    }
}

/// The text of a scalar, however YAML would read it.
pub fn text(node: &Node, faults: &Faults) -> Option<String> {
    match &node.kind {
        Kind::Scalar { text, .. } => Some(text.clone()),
        _ => {
            match node.cut_at_colon() {
                Some(meant) => not_quoted(node, &meant, faults),
                None => faults.error_with_help(
                    node.span,
                    format!("a text is needed here, and this is {}", node.noun()),
                    "write words alone, in quotes where they begin with a sign",
                ),
            }
            None
        }
    }
}

/// Says that a text was taken apart at its colon.
pub fn not_quoted(node: &Node, meant: &str, faults: &Faults) {
    let help = format!("put it in quotes: {}", super::explain::quoted(meant));
    faults.error_with_help(node.span, "YAML takes the `:` of this text for the end of a key", help);
}

/// `true` or `false`.
pub fn boolean(node: &Node, faults: &Faults) -> Option<bool> {
    match &node.kind {
        Kind::Scalar { text, .. } if text == "true" => Some(true),
        Kind::Scalar { text, .. } if text == "false" => Some(false),
        _ => {
            faults.error_with_help(node.span, "a truth value is needed here", "write `true` or `false`");
            None
        }
    }
}

/// A whole number from 0.
pub fn count(node: &Node, faults: &Faults) -> Option<usize> {
    match &node.kind {
        Kind::Scalar { text, .. } if text.parse::<usize>().is_ok() => text.parse().ok(),
        _ => {
            faults.error_with_help(
                node.span,
                "a whole number is needed here",
                "write digits alone, such as `280`",
            );
            None
        }
    }
}

/// A number.
pub fn number(node: &Node, faults: &Faults) -> Option<f64> {
    match &node.kind {
        Kind::Scalar { text, .. } if text.parse::<f64>().is_ok_and(f64::is_finite) => text.parse().ok(),
        _ => {
            faults.error_with_help(
                node.span,
                "a number is needed here",
                "write digits with a point, such as `0.6`",
            );
            None
        }
    }
}

/// A list of texts; one text alone is a list of one.
pub fn texts(node: &Node, faults: &Faults) -> Vec<String> {
    match &node.kind {
        Kind::List(items) => items.iter().filter_map(|item| text(item, faults)).collect(),
        _ => text(node, faults).into_iter().collect(),
    }
}

/// The items of a list; a fault when it is none.
pub fn list<'n>(node: &'n Node, faults: &Faults) -> &'n [Node] {
    match &node.kind {
        Kind::List(items) => items,
        _ => {
            faults.error_with_help(
                node.span,
                format!("a list is needed here, and this is {}", node.noun()),
                match &node.kind {
                    Kind::Scalar { text, .. } if !node.is_null() && text.len() <= 60 => {
                        format!("write `- ` before each item, or `[{}]`", in_brackets(text))
                    }
                    _ => "begin each item with `- `".to_owned(),
                },
            );
            &[]
        }
    }
}

/// A text as an item between brackets.
fn in_brackets(text: &str) -> String {
    let is_plain =
        text.chars().all(|c| c.is_alphanumeric() || " -_.".contains(c)) && !text.starts_with(['-', ' ']);
    if is_plain { text.to_owned() } else { super::explain::quoted(text) }
}

/// The entries of a map; a fault when it is none.
pub fn entries<'n>(node: &'n Node, faults: &Faults) -> &'n [(Key, Node)] {
    match &node.kind {
        Kind::Map(entries) => entries,
        _ => {
            faults.error_with_help(
                node.span,
                format!("a map is needed here, and this is {}", node.noun()),
                "write `key: value` lines, indented alike",
            );
            &[]
        }
    }
}

/// One of the words that are known here.
pub fn one_of<T: Copy>(node: &Node, words: &[(&str, T)], faults: &Faults) -> Option<T> {
    let given = text(node, faults)?;
    let found = words.iter().find(|(word, _)| *word == given).map(|(_, value)| *value);
    if found.is_none() {
        let help = did_you_mean(&given, words.iter().map(|(word, _)| *word));
        faults.error_with_help(node.span, format!("`{given}` is not known here"), help);
    }
    found
}

/// A day, as `2026-12-01`.
pub fn date(node: &Node, faults: &Faults) -> Option<jiff::civil::Date> {
    let given = text(node, faults)?;
    // The parser would also take a whole timestamp; a rule begins and ends with days.
    let parsed = (given.len() == 10).then(|| given.parse().ok()).flatten();
    if parsed.is_none() {
        let is_digits =
            given.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        let (message, help) = match given.len() == 10 && given.split('-').count() == 3 && is_digits {
            true => (format!("there is no day `{given}`"), "look it up in a calendar: year, month, day"),
            false => (format!("`{given}` is no date"), "write year-month-day, such as `2026-12-01`"),
        };
        faults.error_with_help(node.span, message, help);
    }
    parsed
}

/// A duration such as `250ms`, `8s`, `10m`, `24h`, `7d`.
pub fn duration(node: &Node, faults: &Faults) -> Option<std::time::Duration> {
    let given = text(node, faults)?;
    let parsed = parse_duration(&given);
    if parsed.is_none() {
        let help = "write a number and one of `ms`, `s`, `m`, `h`, `d`, such as `30s`";
        faults.error_with_help(node.span, format!("`{given}` is no duration"), help);
    }
    parsed
}

/// Reads `250ms`, `8s`, `10m`, `24h`, `7d`: a whole number and its unit, up to a hundred years.
pub fn parse_duration(text: &str) -> Option<std::time::Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let millis_each = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let millis = number.parse::<u64>().ok()?.checked_mul(millis_each)?;
    (millis <= 100 * 366 * 86_400_000).then(|| std::time::Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse;

    /// What is said of a map by a reader that requires `tokens` and `level`, takes `token`, and then may finish.
    #[track_caller]
    fn check(text: &str, finishes: bool, expected: &[&str]) {
        let faults = Faults::of("a.yml");
        let node = parse(text, &faults).unwrap();
        let mut fields = Fields::of(&node, "a rule", &faults).unwrap();
        fields.require("tokens", "list them", &faults);
        fields.require("level", "write one", &faults);
        fields.take("token");
        if finishes {
            fields.finish(&faults);
        }
        let said = faults.into_diagnostics().into_iter().map(|fault| {
            assert!(fault.help.is_some(), "{fault:?}");
            format!("{} [{}]", fault.message, fault.help.unwrap_or_default())
        });
        assert_eq!(said.collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn a_misspelt_key_is_said_once_and_a_missing_one_never_goes_unsaid() {
        let (tokens, level) = ("a rule needs `tokens` [list them]", "a rule needs `level` [write one]");
        for (text, finishes, expected) in [
            ("{tokens: x, level: x}", true, &[][..]),
            ("{tokenz: x, level: x}", true, &["a rule has no key `tokenz` [write `tokens`]"]),
            (
                "{Tokens: x, levle: x}",
                true,
                &["a rule has no key `Tokens` [write `tokens`]", "a rule has no key `levle` [write `level`]"],
            ),
            // The near key means something itself.
            ("{token: x, level: x}", true, &[tokens]),
            // Nobody says that the near key is wrong.
            ("{tokenz: x, level: x}", false, &[tokens]),
            // One wrong key stands for one missing key only.
            ("{tokenz: x}", true, &[level, "a rule has no key `tokenz` [write `tokens`]"]),
            (
                "{tokenz: x, tokns: x, level: x}",
                true,
                &[
                    "a rule has no key `tokenz` [write `tokens`]",
                    "a rule has no key `tokns` [write `tokens`]",
                ],
            ),
            // What is far from everything explains nothing.
            (
                "{words: x, level: x}",
                true,
                &[tokens, "a rule has no key `words` [known here: `tokens`, `level`, `token`]"],
            ),
            ("{}", true, &[tokens, level]),
        ] {
            check(text, finishes, expected);
        }
    }
}
