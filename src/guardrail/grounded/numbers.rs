//! Reads figures out of text: numbers with their units, and codes such as `SC5600LX`.

use std::ops::Range;

use super::decimals::{Reading, read};
use super::units::{Unit, number_word};
use crate::guardrail::text::slice;

/// One figure in a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    /// Its bytes, unit included.
    pub(super) range: Range<usize>,
    pub(super) what: What,
    /// The word before it and the word after it, if only a space or hyphen is between.
    pub(super) neighbours: (Range<usize>, Range<usize>),
    pub(super) slack: Slack,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    Number {
        /// What it may mean: `1.299` is one number in English and another in German.
        readings: Vec<Reading>,
        /// What it may be besides: a list without spaces, as in `2.5,3.5`.
        items: Vec<Reading>,
        unit: Option<Unit>,
        /// Whether the unit may be none after all: taken from a neighbour, or a quote that looks like inches.
        soft: bool,
    },
    /// Letters and digits that only mean something as a whole.
    Code,
}

/// How far a statement may be from the fact, by its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slack {
    None,
    About,
    Below,
    Above,
}

/// Every figure of a text, in order. `decimal_comma` is how the text's language writes decimals; `None` when that is not
/// known, and then numbers are read both ways.
pub(super) fn figures(text: &str, decimal_comma: Option<bool>) -> Vec<Figure> {
    let has_words = || text.split(|c: char| !c.is_alphanumeric()).any(|word| number_word(word).is_some());
    if !text.bytes().any(|b| b.is_ascii_digit()) && !has_words() {
        return Vec::new();
    }
    let mut reader =
        Reader { text, decimal_comma, figures: Vec::new(), joined: Vec::new(), before: [0..0, 0..0] };
    let mut at = 0;
    while let Some(start) = slice(text, at..text.len()).find(char::is_alphanumeric).map(|found| at + found) {
        at = reader.token(start).max(start + 1);
    }
    reader.share_units();
    reader.figures
}

struct Reader<'t> {
    text: &'t str,
    decimal_comma: Option<bool>,
    figures: Vec<Figure>,
    /// For each figure, whether the next belongs to the same range or dimensions.
    joined: Vec<bool>,
    /// The last two words without digits: the one before the last first.
    before: [Range<usize>; 2],
}

/// The end of the longest run of such characters from `start`.
fn run(text: &str, start: usize, is: impl Fn(char) -> bool) -> usize {
    slice(text, start..text.len()).find(|c| !is(c)).map_or(text.len(), |length| start + length)
}

impl Reader<'_> {
    fn word(&self, range: &Range<usize>) -> &str {
        slice(self.text, range.clone())
    }

    fn rest(&self, at: usize) -> &str {
        slice(self.text, at..self.text.len())
    }

    /// Reads the token that begins at `start`; answers where to go on.
    fn token(&mut self, start: usize) -> usize {
        let end = run(self.text, start, char::is_alphanumeric);
        let token = slice(self.text, start..end);
        if token.starts_with(|c: char| c.is_ascii_digit()) {
            return self.number(start);
        }
        let letters = run(self.text, start, |c| c.is_alphanumeric() && !c.is_ascii_digit());
        if letters == end {
            self.number_word(start..end);
            let [_, last] = std::mem::take(&mut self.before);
            self.before = [last, start..end];
            return end;
        }
        let prefix = slice(self.text, start..letters);
        let counts = matches!(prefix, "x" | "X") || Unit::named(prefix).is_some_and(Unit::is_money);
        let number_end = run(self.text, letters, |c| c.is_ascii_digit());
        if counts && number_end == end {
            self.before = [0..0, start..letters];
            return self.number(letters);
        }
        self.code(start, end)
    }

    fn code(&mut self, start: usize, mut end: usize) -> usize {
        while self
            .rest(end)
            .strip_prefix('.')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        {
            end = run(self.text, end + 1, char::is_alphanumeric);
        }
        // `300 cd/m2` has a unit there, not a code.
        if !matches!(slice(self.text, start..end), "m2" | "m3" | "cm2" | "cm3" | "mm2" | "mm3") {
            self.push(start..end, What::Code, false, end);
        }
        end
    }

    fn number_word(&mut self, range: Range<usize>) {
        let Some(value) = number_word(self.word(&range)) else { return };
        let reading = Reading { value, decimals: 0 };
        let (unit, end) = self.unit_after(range.end);
        if let Some((unit, _)) = unit.filter(|_| slice(self.text, range.end..end).len() > 3) {
            let what =
                What::Number { readings: vec![reading], items: Vec::new(), unit: Some(unit), soft: false };
            self.push(range.start..end, what, false, end);
        }
    }

    fn number(&mut self, start: usize) -> usize {
        let is_digit = |c: char| c.is_ascii_digit();
        let mut end = run(self.text, start, is_digit);
        while self.rest(end).starts_with([',', '.', '\'']) && self.rest(end + 1).starts_with(is_digit) {
            end = run(self.text, end + 1, is_digit);
        }
        let body = slice(self.text, start..end);
        if self.is_bullet(start, end) {
            return end;
        }
        let (readings, items) = read(body, self.decimal_comma);
        let letters_end = run(self.text, end, char::is_alphanumeric);
        let suffix = slice(self.text, end..letters_end);
        if readings.is_empty() && items.is_empty() {
            return self.code(start, letters_end);
        }
        // Dimensions such as `320x480`.
        let times = suffix.strip_prefix(['x', 'X', '×']).is_some_and(|rest| rest.starts_with(is_digit));
        let (unit, unit_end) = match suffix {
            _ if times => (None, end),
            "" => self.unit_after(end),
            "st" | "nd" | "rd" | "th" | "s" | "x" | "X" => (None, letters_end),
            "in" => (Unit::inch().map(|unit| (unit, true)), letters_end),
            _ => match Unit::named(suffix) {
                Some(_) if self.rest(letters_end).starts_with(['/', '²', '³']) => (None, letters_end),
                Some(unit) => (Some((unit, false)), letters_end),
                None => return self.code(start, letters_end),
            },
        };
        let money = self.money_before(start);
        let from = money.as_ref().map_or(start, |(_, from)| *from);
        let (unit, soft) = match (money, unit) {
            (Some((unit, _)), _) => (Some(unit), false),
            (None, Some((unit, soft))) => (Some(unit), soft),
            (None, None) => (None, false),
        };
        let joined = times || self.joins(unit_end);
        let mut range = from..unit_end;
        if unit.is_none() {
            range.end = if times { end } else { unit_end.max(end) };
        }
        self.push(
            range,
            What::Number { readings, items, unit, soft },
            joined,
            if times { end + 1 } else { unit_end },
        );
        if times { end + 1 } else { unit_end }
    }

    /// `1. ` at the beginning of a line numbers it and states nothing.
    fn is_bullet(&self, start: usize, end: usize) -> bool {
        let (before, after) = (slice(self.text, 0..start), self.rest(end));
        let begins_line = before.trim_end_matches([' ', '\t']);
        (after.starts_with(". ") || after.starts_with(") "))
            && (begins_line.is_empty() || begins_line.ends_with('\n'))
            && self.text.contains('\n')
    }

    /// The unit that follows, whether it is soft, and where it ends.
    fn unit_after(&self, at: usize) -> (Option<(Unit, bool)>, usize) {
        let rest = self.rest(at);
        let gap = rest.len() - rest.strip_prefix([' ', '-']).unwrap_or(rest).len();
        let start = at + gap;
        let sign_end = start + self.rest(start).chars().next().map_or(0, char::len_utf8);
        let sign = slice(self.text, start..sign_end);
        match sign {
            "%" | "€" => return (Unit::named(sign).map(|unit| (unit, false)), sign_end),
            "$" | "£" if gap == 0 => return (Unit::named(sign).map(|unit| (unit, false)), sign_end),
            "\"" if gap == 0 => return (Unit::inch().map(|unit| (unit, true)), sign_end),
            _ => {}
        }
        if self.rest(start).starts_with("''") {
            return (Unit::inch().map(|unit| (unit, true)), start + 2);
        }
        let start = if sign == "°" { sign_end } else { start };
        let end = run(self.text, start, char::is_alphanumeric);
        let word = slice(self.text, start..end);
        // A speed, an area or a volume is no length.
        if self.rest(end).starts_with(['/', '²', '³']) {
            return (None, at);
        }
        match Unit::named(word) {
            // Pounds are money as often as they are a weight.
            Some(unit) => (Some((unit, word.starts_with("pound"))), end),
            None => (None, at),
        }
    }

    /// A currency in front, and where it begins.
    fn money_before(&self, start: usize) -> Option<(Unit, usize)> {
        let before = slice(self.text, 0..start);
        let trimmed = before.strip_suffix(' ').unwrap_or(before);
        let sign = trimmed.chars().next_back()?;
        let name_start = if sign.is_alphabetic() {
            let [_, word] = &self.before;
            (word.end == trimmed.len() && self.word(word).chars().all(char::is_uppercase))
                .then_some(word.start)?
        } else {
            trimmed.len() - sign.len_utf8()
        };
        let unit = Unit::named(slice(self.text, name_start..trimmed.len()))?;
        unit.is_money().then_some((unit, name_start))
    }

    /// Whether a range or the next dimension goes on here: `5-10`, `5 to 10`, `320 x 480`, `4.5/5`.
    fn joins(&self, at: usize) -> bool {
        let rest = self.rest(at).trim_start_matches(' ');
        ["-", "x", "X", "×", "/", "to ", "bis ", "and ", "und ", "or "]
            .iter()
            .filter_map(|sign| rest.strip_prefix(sign))
            .any(|rest| rest.trim_start_matches(' ').starts_with(|c: char| c.is_ascii_digit()))
    }

    fn push(&mut self, range: Range<usize>, what: What, joined: bool, end: usize) {
        let [first, last] = &self.before;
        let touches = |word: &Range<usize>, start: usize| {
            word.end > 0 && slice(self.text, word.end..start).len() <= 1 && word.end <= start
        };
        let before = if touches(last, range.start) { last.clone() } else { 0..0 };
        let slack =
            match (self.word(first).to_lowercase().as_str(), self.word(&before).to_lowercase().as_str()) {
                (
                    _,
                    "about" | "around" | "approximately" | "approx" | "roughly" | "nearly" | "almost"
                    | "circa" | "ca",
                ) => Slack::About,
                (_, "rund" | "etwa" | "ungefähr" | "zirka" | "knapp") => Slack::About,
                (_, "under" | "below" | "unter") | ("less" | "fewer", "than") | ("weniger", "als") => {
                    Slack::Below
                }
                (_, "over" | "above" | "über" | "mindestens")
                | ("more", "than")
                | ("at", "least")
                | ("mehr", "als") => Slack::Above,
                _ if slice(self.text, 0..range.start).ends_with(['~', '≈']) => Slack::About,
                _ if slice(self.text, 0..range.start).ends_with(". ") && self.word(last) == "ca" => {
                    Slack::About
                }
                _ if self.rest(end).starts_with('+') => Slack::Above,
                _ => Slack::None,
            };
        let rest = self.rest(end);
        let start = end + (rest.len() - rest.trim_start_matches([' ', '-']).len());
        let after = start..run(self.text, start, char::is_alphabetic);
        self.figures.push(Figure { range, what, neighbours: (before, after), slack });
        self.joined.push(joined);
        self.before = [0..0, 0..0];
    }

    /// In `5-10 mm` the unit is of both numbers. In `2 x 2 GB` it may not be, so what is taken over stays soft.
    fn share_units(&mut self) {
        let mut next: Option<Unit> = None;
        for (figure, joined) in self.figures.iter_mut().zip(&self.joined).rev() {
            let What::Number { unit, soft, .. } = &mut figure.what else {
                next = None;
                continue;
            };
            if unit.is_none() && *joined && next.is_some() {
                (*unit, *soft) = (next, true);
            }
            next = *unit;
        }
    }
}
