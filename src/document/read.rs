//! Readers: from [`Node`]s to what a file means, with a fault for everything that does not fit.

use super::{Faults, Key, Kind, Node};
use crate::diagnostic::Span;

/// The keys of one map, taken one by one; what is left over at the end is a fault.
#[derive(Debug)]
pub struct Fields<'n> {
    node: &'n Node,
    entries: &'n [(Key, Node)],
    known: Vec<&'static str>,
    what: &'static str,
}

impl<'n> Fields<'n> {
    /// Starts reading a map; `what` names it in messages ("a rule"). `None`, with a fault, when it is none.
    pub fn of(node: &'n Node, what: &'static str, faults: &Faults) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(Self { node, entries, known: Vec::new(), what }),
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

    /// Takes a key's value; a fault when it is not there, with `help` for what to write.
    pub fn require(&mut self, key: &'static str, help: &str, faults: &Faults) -> Option<&'n Node> {
        let found = self.take(key);
        if found.is_none() {
            let span = Span { start: self.node.span.start, end: self.node.span.start };
            faults.error_with_help(span, format!("{} needs `{key}`", self.what), help);
        }
        found
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

    /// Ends the reading: every key that was not taken is a fault, with the likely name.
    pub fn finish(self, faults: &Faults) {
        for (key, _) in self.entries.iter().filter(|(key, _)| !self.known.contains(&key.text.as_str())) {
            let message = format!("{} has no key `{}`", self.what, key.text);
            faults.error_with_help(key.span, message, did_you_mean(&key.text, self.known.iter().copied()));
        }
    }
}

/// "write `x`" when one of the known words is close to the one given, else all that are known.
pub fn did_you_mean<'k>(word: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    let close = known
        .clone()
        .map(|candidate| (strsim::damerau_levenshtein(&word.to_lowercase(), candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4);
    match close {
        Some((_, candidate)) => format!("write `{candidate}`"),
        None => format!("known here: {}", known.map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// The text of a scalar, however YAML would read it.
pub fn text(node: &Node, faults: &Faults) -> Option<String> {
    match &node.kind {
        Kind::Scalar { text, .. } => Some(text.clone()),
        _ => {
            faults.error(node.span, format!("a text is needed here, and this is {}", node.noun()));
            None
        }
    }
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
                "begin each item with `- `",
            );
            &[]
        }
    }
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
        let help = "write year-month-day, such as `2026-12-01`";
        faults.error_with_help(node.span, format!("`{given}` is no date"), help);
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
