//! Reads figures out of text: numbers with their units, dates, and codes such as `SC5600LX`. Keeps the words between
//! them, each with what it may say of a figure beside it.

use std::ops::Range;

use super::dates::{Date, month, quarter_word, year};
use super::decimals::{Reading, read};
use super::lexicon::{self, Roles};
use super::units::{Dimension, Unit, goes_on, number_word};
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
    /// Whether the next belongs to the same range or dimensions.
    pub(super) joined: bool,
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
    Date(Date),
    /// How many of a thing, by a word: `dual camera`, `two colours`.
    Count(f64),
    /// Letters and digits that only mean something as a whole.
    Code,
}

impl What {
    /// How many times it is held against the facts.
    pub(super) fn readings(&self) -> usize {
        match self {
            Self::Number { readings, items, .. } => (readings.len() + items.len()).max(1),
            Self::Date(_) | Self::Count(_) | Self::Code => 1,
        }
    }
}

impl Figure {
    /// What it measures, when it says so.
    pub(super) fn dimension(&self) -> Option<Dimension> {
        match &self.what {
            What::Number { unit, .. } => unit.map(|unit| unit.dimension),
            What::Date(_) => Some(Dimension::Date),
            What::Count(_) | What::Code => None,
        }
    }
}

/// How far a statement may be from the fact, by its own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slack {
    None,
    About,
    Below,
    Above,
}

/// A word of a text, or a figure in its place.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) range: Range<usize>,
    pub(super) roles: Roles,
    /// Its place among the figures; none when it is a word.
    pub(super) figure: Option<usize>,
}

/// A text, read.
#[derive(Debug)]
pub(super) struct Figures<'t> {
    pub(super) text: &'t str,
    /// The same in small letters, byte for byte.
    pub(super) small: String,
    pub(super) figures: Vec<Figure>,
    pub(super) tokens: Vec<Token>,
}

/// Every figure of a text, in order. `decimal_comma` is how the text's language writes decimals; `None` when that is not
/// known, and then numbers are read both ways.
pub(super) fn figures(text: &str, decimal_comma: Option<bool>) -> Figures<'_> {
    let small = text.to_ascii_lowercase();
    // Few words have less than four letters and a space.
    let tokens = Vec::with_capacity(text.len() / 5 + 1);
    let read = Figures { text, small, figures: Vec::new(), tokens };
    let mut reader = Reader { read, decimal_comma, before: [0..0, 0..0] };
    let mut at = 0;
    while let Some(start) = reader.rest(at).find(char::is_alphanumeric).map(|found| at + found) {
        at = reader.token(start).max(start + 1);
    }
    reader.share_units();
    reader.read
}

impl Figures<'_> {
    /// A token's word in small letters.
    pub(super) fn word(&self, token: &Token) -> &str {
        slice(&self.small, token.range.clone())
    }

    /// Reads `1.43 in AMOLED` and `27 in` as inches, as facts write them; in copy `in` is a word.
    pub(super) fn read_inches(&mut self) {
        for figure in &mut self.figures {
            let rest = slice(self.text, figure.range.end..self.text.len());
            let Some(rest) = rest.strip_prefix(" in").filter(|rest| !rest.starts_with(char::is_alphanumeric))
            else {
                continue;
            };
            let next = rest.trim_start_matches(' ');
            let word = slice(next, 0..run(next, 0, char::is_alphabetic));
            let ends = !next.starts_with(char::is_alphanumeric)
                || word.starts_with(char::is_uppercase)
                || matches!(word, "x" | "wide" | "high" | "tall" | "deep" | "long" | "display" | "screen");
            if let What::Number { unit: unit @ None, soft, .. } = &mut figure.what
                && ends
            {
                (*unit, *soft) = (Unit::inch(), true);
            }
        }
    }

    /// What stands between a token and the one before it.
    pub(super) fn gap(&self, at: usize) -> &str {
        let end =
            at.checked_sub(1).and_then(|before| self.tokens.get(before)).map_or(0, |token| token.range.end);
        self.tokens.get(at).map_or("", |token| slice(self.text, end..token.range.start))
    }
}

struct Reader<'t> {
    read: Figures<'t>,
    decimal_comma: Option<bool>,
    /// The last two words without digits: the one before the last first.
    before: [Range<usize>; 2],
}

/// The end of the longest run of such characters from `start`.
fn run(text: &str, start: usize, is: impl Fn(char) -> bool) -> usize {
    slice(text, start..text.len()).find(|c| !is(c)).map_or(text.len(), |length| start + length)
}

/// The lengths of `u2009` and `xa0`.
const ESCAPES: [(char, usize); 2] = [('u', 5), ('x', 3)];

/// How long an escape is that stands here from its letter on: `\u2009` or `\xa0`, a space that somebody wrote down and
/// nobody read.
fn escape(text: &str, at: usize) -> Option<usize> {
    if !slice(text, 0..at).ends_with('\\') {
        return None;
    }
    let stands = |(letter, length): &(char, usize)| {
        let hex = slice(text, at..at + length).strip_prefix(*letter);
        hex.is_some_and(|hex| hex.len() + 1 == *length && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    ESCAPES.into_iter().find(stands).map(|(_, length)| length)
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

impl<'t> Reader<'t> {
    fn text(&self) -> &'t str {
        self.read.text
    }

    fn word(&self, range: &Range<usize>) -> &str {
        slice(&self.read.small, range.clone())
    }

    fn rest(&self, at: usize) -> &'t str {
        slice(self.text(), at..self.text().len())
    }

    /// Reads the token that begins at `start`; answers where to go on.
    fn token(&mut self, start: usize) -> usize {
        let text = self.text();
        if let Some(length) = escape(text, start) {
            return start + length;
        }
        // Of `2x3x4x5` each number is read by itself: what follows is not looked through for each.
        if self.rest(start).starts_with(is_digit) {
            return self.number(start);
        }
        let end = run(text, start, char::is_alphanumeric);
        let letters = run(text, start, |c| c.is_alphanumeric() && !c.is_ascii_digit());
        if letters == end {
            return self.plain_word(start..end);
        }
        let prefix = slice(text, start..letters);
        let counts = matches!(prefix, "x" | "X") || Unit::named(prefix).is_some_and(Unit::is_money);
        let number_end = run(text, letters, is_digit);
        if counts && number_end == end {
            self.before = [0..0, start..letters];
            return self.number(letters);
        }
        if matches!(prefix, "f" | "F" | "ƒ") && number_end == end {
            return self.number(letters);
        }
        self.code(start, end)
    }

    /// Reads a word without digits; answers where to go on.
    fn plain_word(&mut self, range: Range<usize>) -> usize {
        if let Some(end) = self.count_word(&range) {
            return end;
        }
        let end = range.end;
        let word = slice(&self.read.small, range.clone());
        let mut roles = lexicon::roles(word);
        if let Some(last) = self.read.tokens.last_mut()
            && last.figure.is_none()
            && matches!(slice(self.read.text, last.range.end..range.start), " " | "-")
            && let Some(both) = lexicon::roles_of_pair(slice(&self.read.small, last.range.clone()), word)
        {
            (last.roles, roles) = (both, both);
        }
        self.read.tokens.push(Token { range: range.clone(), roles, figure: None });
        let [_, last] = std::mem::take(&mut self.before);
        self.before = [last, range];
        end
    }

    /// Reads a number in words: `two years`, `dual camera`, `twenty-four colours`; answers where it ends.
    fn count_word(&mut self, range: &Range<usize>) -> Option<usize> {
        let word = self.word(range);
        if let Some(value) = number_word(word) {
            let (value, range) = &self.number_words(value, range.clone());
            let value = *value;
            let (unit, end) = self.unit_after(range.end);
            if let Some((unit, _)) = unit.filter(|_| slice(self.text(), range.end..end).len() > 3) {
                let readings = vec![Reading { value, decimals: 0 }];
                let what = What::Number { readings, items: Vec::new(), unit: Some(unit), soft: false };
                self.push(range.start..end, what, false, end);
            } else {
                self.push(range.clone(), What::Count(value), false, range.end);
            }
            return Some(range.end);
        }
        if let Some(value) = multiple(word) {
            self.push(range.clone(), What::Count(value), false, range.end);
            return Some(range.end);
        }
        // `octacore` in one word.
        let value = word.strip_suffix("core").and_then(multiple)?;
        self.push(range.clone(), What::Count(value), false, range.end);
        Some(range.end)
    }

    /// The whole of a number of several words, `twenty-four` or `hundred and twenty`, of which the first is this.
    fn number_words(&self, mut value: f64, mut range: Range<usize>) -> (f64, Range<usize>) {
        // `half a dozen`.
        let [first, last] = &self.before;
        if value == 12.0 && (self.word(first), self.word(last)) == ("half", "a") {
            value = 6.0;
        }
        loop {
            let small = slice(&self.read.small, range.end..self.read.small.len());
            let and = if value % 100.0 == 0.0 { small.strip_prefix(" and ") } else { None };
            let Some(rest) = and.or_else(|| small.strip_prefix([' ', '-'])) else { return (value, range) };
            let start = self.read.small.len() - rest.len();
            let end = run(self.text(), start, char::is_alphabetic);
            let Some(more) = goes_on(value, slice(&self.read.small, start..end)) else {
                return (value, range);
            };
            (value, range.end) = (more, end);
        }
    }

    fn code(&mut self, start: usize, mut end: usize) -> usize {
        while self.rest(end).strip_prefix('.').is_some_and(|rest| rest.starts_with(is_digit)) {
            end = run(self.text(), end + 1, char::is_alphanumeric);
        }
        // `300 cd/m2` has a unit there, not a code.
        if !matches!(slice(self.text(), start..end), "m2" | "m3" | "cm2" | "cm3" | "mm2" | "mm3") {
            self.push(start..end, What::Code, false, end);
        }
        end
    }

    fn number(&mut self, start: usize) -> usize {
        let mut end = run(self.text(), start, is_digit);
        if let Some(end) = self.date(start, end) {
            return end;
        }
        while self.rest(end).starts_with([',', '.', '\'']) && self.rest(end + 1).starts_with(is_digit) {
            end = run(self.text(), end + 1, is_digit);
        }
        if self.is_bullet(start, end) {
            return end;
        }
        if let Some(end) = self.ratio(start, end) {
            return end;
        }
        let body = slice(self.text(), start..end);
        let (mut readings, mut items) = read(body, self.decimal_comma);
        end = self.millions(&mut readings, end);
        // Dimensions such as `320x480`.
        let times =
            self.rest(end).strip_prefix(['x', 'X', '×']).is_some_and(|rest| rest.starts_with(is_digit));
        let is_number = !(readings.is_empty() && items.is_empty());
        let letters_end = if times && is_number { end } else { run(self.text(), end, char::is_alphanumeric) };
        let suffix = slice(self.text(), end..letters_end);
        if !is_number {
            return self.code(start, letters_end);
        }
        let (unit, unit_end) = match suffix {
            _ if times => (None, end),
            "" => self.unit_after(end),
            "st" | "nd" | "rd" | "th" | "s" | "x" | "X" => (None, letters_end),
            "in" => (Unit::inch().map(|unit| (unit, true)), letters_end),
            "p" | "i" => (Unit::named("p").map(|unit| (unit, false)), letters_end),
            _ => match self.unit_word(end) {
                Some((unit, unit_end)) => (unit.map(|unit| (unit, false)), unit_end),
                None => return self.code(start, letters_end),
            },
        };
        // In copy `4,6 kg` is one number, and in German `4,6` without a unit too.
        let decimals =
            body.rsplit_once(',').is_some_and(|(whole, part)| part.len() < 3 && !whole.contains(','));
        if decimals && self.decimal_comma.is_some_and(|comma| comma || unit.is_some()) {
            items.clear();
        }
        let aperture = self.aperture_before(start);
        let before = aperture.or_else(|| self.money_before(start));
        let from = before.as_ref().map_or(start, |(_, from)| *from);
        let (unit, soft) = match (before, unit) {
            (Some((unit, _)), _) => (Some(unit), false),
            (None, Some((unit, soft))) => (Some(unit), soft),
            (None, None) => (None, false),
        };
        let (unit, unit_end) = self.and_minutes(unit, &mut readings, unit_end);
        let joined = times || self.joins(unit_end);
        let end = if times { end } else { unit_end.max(end) };
        let next = if times { end + 1 } else { unit_end };
        self.push(from..end, What::Number { readings, items, unit, soft }, joined, next);
        next
    }

    /// Reads a date of which this is the year, the day or the first number; answers where it ends.
    fn date(&mut self, start: usize, end: usize) -> Option<usize> {
        let text = self.text();
        let mut date = Date::of(year(slice(text, start..end))?);
        let (mut from, mut to) = (start, end);
        if let Some((month, day, after)) = self.iso(end) {
            (date.month, date.day, to) = (Some(month), day, after);
        } else {
            let rest = self.rest(end);
            let goes_on = rest.starts_with(['.', ',']) && self.rest(end + 1).starts_with(is_digit);
            let other = rest.trim_start_matches(' ').starts_with(['x', 'X', '×', '%', '°', '"', ':', '/'])
                || rest.starts_with(|c: char| c.is_alphanumeric())
                || self.unit_after(end).0.is_some()
                || self.money_before(start).is_some();
            let follows = slice(text, 0..start).ends_with(['x', 'X', '×', '/', '-', ':', '.']);
            let before = slice(text, 0..start).trim_end();
            if goes_on || other || (follows && !self.is_after_month()) || before.ends_with(['x', '×', '/']) {
                return None;
            }
            let mut closer = date;
            match self.month_before(start, &mut closer) {
                Some(start) => (from, date) = (start, closer),
                None => to = self.month_after(end, &mut date),
            }
        }
        self.push(from..to, What::Date(date), false, to);
        Some(to)
    }

    fn is_after_month(&self) -> bool {
        self.read.tokens.last().is_some_and(|last| month(self.read.word(last)).is_some())
    }

    /// `-09-12` behind a year.
    fn iso(&self, end: usize) -> Option<(u8, Option<u8>, usize)> {
        let two = |at: usize| {
            let digits_end = run(self.text(), at, is_digit);
            let value: u8 = slice(self.text(), at..digits_end).parse().ok()?;
            (digits_end - at == 2).then_some((value, digits_end))
        };
        let (month, after) = two(self.rest(end).starts_with('-').then_some(end + 1)?)?;
        let month = (1..=12).contains(&month).then_some(month)?;
        match self.rest(after).starts_with('-').then(|| two(after + 1)).flatten() {
            Some((day, after)) => Some((month, Some(day), after)),
            None => Some((month, None, after)),
        }
    }

    /// `12 September`, `September 12,`, `Q3` or `third quarter of` before a year; answers where it begins and takes its
    /// tokens back.
    fn month_before(&mut self, start: usize, date: &mut Date) -> Option<usize> {
        let tokens = &self.read.tokens;
        let back = |nth: usize| tokens.get(tokens.len().checked_sub(nth)?);
        let said = |nth: usize| back(nth).map_or("", |token| self.read.word(token));
        let tied = |nth: usize, by: &[&str]| {
            let next = back(nth - 1).map_or(start, |token| token.range.start);
            back(nth).is_some_and(|token| by.contains(&slice(self.read.text, token.range.end..next).trim()))
        };
        let day = |nth: usize| {
            let digits = said(nth).trim_end_matches(|c: char| c.is_ascii_alphabetic());
            digits.parse::<u8>().ok().filter(|day| (1..=31).contains(day))
        };
        let mut nth = 1;
        if !tied(1, &["", ",", "."]) {
            return None;
        }
        if matches!(said(1), "of" | "in") {
            nth = 2;
            if !tied(2, &[""]) {
                return None;
            }
        }
        if let Some(found) = month(said(nth)) {
            date.month = Some(found);
            if tied(nth + 1, &["", "."]) {
                date.day = day(nth + 1);
                nth += usize::from(date.day.is_some());
            }
        } else if let Some(found) = quarter(said(nth)) {
            date.quarter = Some(found);
        } else if said(nth) == "quarter" && tied(nth + 1, &["", "-"]) {
            nth += 1;
            date.quarter = Some(quarter_word(said(nth))?);
        } else {
            date.day = Some(day(nth)?);
            nth += 1;
            date.month = Some(month(said(nth)).filter(|_| tied(nth, &[""]))?);
        }
        let from = back(nth)?.range.start;
        let kept = tokens.len() - nth;
        Some(self.take_back(kept, from))
    }

    /// Removes the tokens from `count` on, with their figures.
    fn take_back(&mut self, count: usize, start: usize) -> usize {
        let figures = self.read.tokens.iter().skip(count).filter(|token| token.figure.is_some()).count();
        self.read.tokens.truncate(count);
        self.read.figures.truncate(self.read.figures.len().saturating_sub(figures));
        start
    }

    /// `, September 12` or `, Q3` behind a year, as spec sheets write; answers where it ends.
    fn month_after(&self, end: usize, date: &mut Date) -> usize {
        let word_from = |at: usize| {
            let start = run(self.text(), at, |c| matches!(c, ',' | ' '));
            let end = run(self.text(), start, char::is_alphanumeric);
            (end, slice(&self.read.small, start..end))
        };
        let (after, word) = word_from(end);
        if let Some(quarter) = quarter(word) {
            date.quarter = Some(quarter);
            return after;
        }
        let Some(found) = month(word) else { return end };
        date.month = Some(found);
        let (after_day, day) = word_from(after);
        match day.parse::<u8>() {
            Ok(day) if (1..=31).contains(&day) => {
                date.day = Some(day);
                after_day
            }
            _ => after,
        }
    }

    /// `16:9`.
    fn ratio(&mut self, start: usize, end: usize) -> Option<usize> {
        let second =
            self.rest(end).strip_prefix(':').filter(|rest| rest.starts_with(is_digit)).map(|_| end + 1)?;
        let mut to = run(self.text(), second, is_digit);
        if self.rest(to).starts_with('.') && self.rest(to + 1).starts_with(is_digit) {
            to = run(self.text(), to + 1, is_digit);
        }
        let value = |range: Range<usize>| slice(self.text(), range).replace(',', "").parse::<f64>().ok();
        let value = value(start..end)? / value(second..to).filter(|value| *value > 0.0)?;
        let readings = vec![Reading { value, decimals: 3 }];
        let what = What::Number { readings, items: Vec::new(), unit: Unit::named(":"), soft: false };
        self.push(start..to, what, false, to);
        Some(to)
    }

    /// `2 h 30 min`, `5 hours and 40 minutes`: the whole time, in minutes.
    fn and_minutes(&self, unit: Option<Unit>, readings: &mut [Reading], end: usize) -> (Option<Unit>, usize) {
        let hours = unit.filter(|unit| Unit::named("hours") == Some(*unit));
        let more = hours.and_then(|hours| {
            let rest = slice(&self.read.small, end..self.read.small.len());
            let start = [" and ", " und ", ", ", " ", ""]
                .iter()
                .find_map(|gap| rest.strip_prefix(gap)?.starts_with(is_digit).then_some(end + gap.len()))?;
            let digits_end = run(self.text(), start, is_digit);
            let minutes: f64 =
                slice(self.text(), start..digits_end).parse().ok().filter(|minutes| *minutes < 60.0)?;
            let minute = Unit::named("minutes")?;
            let unit_end = match self.unit_after(digits_end) {
                (Some((unit, _)), unit_end) if unit == minute => unit_end,
                _ => return None,
            };
            for reading in readings.iter_mut() {
                reading.value = minute.convert(reading.value, hours).next()? + minutes;
            }
            Some((Some(minute), unit_end))
        });
        more.unwrap_or((unit, end))
    }

    /// `16 million`: the number in full.
    fn millions(&self, readings: &mut [Reading], end: usize) -> usize {
        let start = end + usize::from(self.rest(end).starts_with(' '));
        let word_end = run(self.text(), start, char::is_alphabetic);
        let factor = match slice(&self.read.small, start..word_end) {
            "thousand" => 1e3,
            "million" | "millions" | "millionen" => 1e6,
            "billion" | "milliarden" => 1e9,
            _ => return end,
        };
        for reading in readings {
            reading.value *= factor;
            // Its decimals are those of the millions.
            reading.decimals = 0;
        }
        word_end
    }

    /// `1. ` at the beginning of a line numbers it and states nothing.
    fn is_bullet(&self, start: usize, end: usize) -> bool {
        let (before, after) = (slice(self.text(), 0..start), self.rest(end));
        let begins_line = before.trim_end_matches([' ', '\t']);
        (after.starts_with(". ") || after.starts_with(") "))
            && (begins_line.ends_with('\n') || (begins_line.is_empty() && self.text().contains('\n')))
    }

    /// The unit that follows, whether it is soft, and where it ends.
    fn unit_after(&self, at: usize) -> (Option<(Unit, bool)>, usize) {
        let rest = self.rest(at);
        let gap = rest.len() - rest.strip_prefix([' ', '-']).unwrap_or(rest).len();
        let start = at + gap;
        let sign_end = start + self.rest(start).chars().next().map_or(0, char::len_utf8);
        let sign = slice(self.text(), start..sign_end);
        match sign {
            "%" | "€" => return (Unit::named(sign).map(|unit| (unit, false)), sign_end),
            "$" | "£" | "₹" if gap == 0 => return (Unit::named(sign).map(|unit| (unit, false)), sign_end),
            "\"" if gap == 0 => return (Unit::inch().map(|unit| (unit, true)), sign_end),
            "°" | "˚" => {
                let next = self.rest(sign_end).chars().next();
                return match next {
                    Some('C') => (Unit::named("°c").map(|unit| (unit, false)), sign_end + 1),
                    _ => (Unit::named("°").map(|unit| (unit, false)), sign_end),
                };
            }
            _ => {}
        }
        if self.rest(start).starts_with("''") {
            return (Unit::inch().map(|unit| (unit, true)), start + 2);
        }
        // A single `p` behind a space is no video.
        match self.unit_word(start).filter(|(_, end)| slice(self.text(), start..*end) != "p") {
            // Pounds are money as often as they are a weight.
            Some((Some(unit), end)) => {
                let soft = slice(&self.read.small, start..end).starts_with("pound");
                (Some((unit, soft)), end)
            }
            _ => (None, at),
        }
    }

    /// The unit whose name begins here, and where it ends. What is a part of a rate that is not known, such as `W/kg`, is
    /// a word without a unit.
    fn unit_word(&self, start: usize) -> Option<(Option<Unit>, usize)> {
        let end = run(self.text(), start, char::is_alphanumeric);
        let word = slice(self.text(), start..end);
        if self.rest(end).starts_with('/') {
            let rate_end = run(self.text(), end + 1, char::is_alphanumeric);
            let rate = Unit::named(slice(self.text(), start..rate_end)).map(|unit| (Some(unit), rate_end));
            let part = || Unit::named(word).map(|_| (None, end));
            // `1080p@30/60fps`, `16GB/64GB`: what follows is the next figure.
            let listed = || {
                let unit = self.rest(end + 1).starts_with(is_digit).then(|| Unit::named(word)).flatten()?;
                Some((Some(unit), end))
            };
            return rate.or_else(listed).or_else(part);
        }
        if self.rest(end).starts_with(['²', '³']) {
            return Unit::named(word).map(|_| (None, end));
        }
        let small = self.word(&(start..end));
        let phrase = |words: &str, name: &str| {
            let found = self.read.small.get(start..)?.strip_prefix(words).is_some();
            found.then(|| (Unit::named(name), start + words.len()))
        };
        let phrases: &[(&str, &str)] = match small {
            "pixels" | "pixel" => {
                &[("pixels per inch", "ppi"), ("pixels-per-inch", "ppi"), ("pixel per inch", "ppi")]
            }
            "dots" => &[("dots per inch", "dpi")],
            "frames" => &[("frames per second", "fps"), ("frames-per-second", "fps")],
            "mega" => {
                &[("mega pixels", "mp"), ("mega pixel", "mp"), ("mega-pixels", "mp"), ("mega-pixel", "mp")]
            }
            "degrees" => &[("degrees celsius", "°c")],
            "square" => &[
                ("square metres", "m2"),
                ("square meters", "m2"),
                ("square feet", "sqft"),
                ("square centimeters", "cm2"),
            ],
            "fl" => &[("fl. oz", "floz"), ("fl oz", "floz")],
            "indian" => &[("indian rupees", "inr")],
            _ => &[],
        };
        if let Some(found) = phrases.iter().find_map(|(words, name)| phrase(words, name)) {
            return Some(found);
        }
        Unit::named(word).map(|unit| (Some(unit), end))
    }

    /// `f/` in front, and where it begins.
    fn aperture_before(&self, start: usize) -> Option<(Unit, usize)> {
        let before = slice(&self.read.small, 0..start);
        let sign = ["f/", "f"].iter().find(|sign| before.ends_with(**sign))?;
        let from = start - sign.len();
        let free = !slice(before, 0..from).ends_with(char::is_alphanumeric);
        free.then(|| Unit::named("f/").map(|unit| (unit, from))).flatten()
    }

    /// A currency in front, and where it begins.
    fn money_before(&self, start: usize) -> Option<(Unit, usize)> {
        let before = slice(self.text(), 0..start);
        let trimmed = before.trim_end_matches([' ', '\u{2009}', '\u{a0}']);
        let ends = |(_, length): (char, usize)| {
            trimmed.len().checked_sub(length).filter(|at| escape(trimmed, *at) == Some(length))
        };
        let escaped = ESCAPES.into_iter().find_map(ends);
        let trimmed = escaped.map_or(trimmed, |at| slice(trimmed, 0..at.saturating_sub(1)));
        if escaped.is_none() && before.len() - trimmed.len() > 3 {
            return None;
        }
        let sign = trimmed.chars().next_back()?;
        let name_start = if sign.is_alphabetic() {
            let [_, word] = &self.before;
            let name = slice(self.text(), word.clone());
            (word.end == trimmed.len() && name.chars().all(char::is_uppercase)).then_some(word.start)?
        } else {
            trimmed.len() - sign.len_utf8()
        };
        let unit = Unit::named(slice(self.text(), name_start..trimmed.len()))?;
        unit.is_money().then_some((unit, name_start))
    }

    /// Whether a range or the next dimension goes on here: `5-10`, `5 to 10`, `320 x 480`, `4.5/5`.
    fn joins(&self, at: usize) -> bool {
        let rest = self.rest(at).trim_start_matches(' ');
        ["-", "x", "X", "×", "/", "to ", "bis ", "and ", "und ", "or "]
            .iter()
            .filter_map(|sign| rest.strip_prefix(sign))
            .any(|rest| rest.trim_start_matches(' ').starts_with(is_digit))
    }

    fn push(&mut self, range: Range<usize>, what: What, joined: bool, end: usize) {
        let [first, last] = &self.before;
        let touches = |word: &Range<usize>, start: usize| {
            word.end > 0 && slice(self.text(), word.end..start).len() <= 1 && word.end <= start
        };
        let before = if touches(last, range.start) { last.clone() } else { 0..0 };
        let leading = slice(self.text(), 0..range.start);
        let slack = match (self.word(first), self.word(&before)) {
            (
                _,
                "about" | "around" | "approximately" | "approx" | "roughly" | "nearly" | "almost" | "circa"
                | "ca",
            ) => Slack::About,
            (_, "rund" | "etwa" | "ungefähr" | "zirka" | "knapp") => Slack::About,
            (_, "under" | "below" | "unter") | ("less" | "fewer", "than") | ("weniger", "als") => {
                Slack::Below
            }
            (_, "over" | "above" | "über" | "mindestens")
            | ("more", "than")
            | ("at", "least")
            | ("mehr", "als") => Slack::Above,
            _ if leading.ends_with(['~', '≈']) => Slack::About,
            _ if leading.ends_with(". ") && self.word(last) == "ca" => Slack::About,
            _ if self.rest(end).starts_with('+') => Slack::Above,
            _ => Slack::None,
        };
        let rest = self.rest(end);
        let start = end + (rest.len() - rest.trim_start_matches([' ', '-']).len());
        let after = start..run(self.text(), start, char::is_alphabetic);
        let small = self.word(&range);
        let roles = if matches!(what, What::Code) { lexicon::roles(small) } else { 0 };
        // A currency in letters was a word until its amount came.
        if self.read.tokens.last().is_some_and(|token| token.range.start >= range.start) {
            self.read.tokens.pop();
        }
        self.read.tokens.push(Token { range: range.clone(), roles, figure: Some(self.read.figures.len()) });
        self.read.figures.push(Figure { range, what, neighbours: (before, after), slack, joined });
        self.before = [0..0, 0..0];
    }

    /// In `5-10 mm` the unit is of both numbers. In `2 x 2 GB` it may not be, so what is taken over stays soft.
    fn share_units(&mut self) {
        let mut next: Option<Unit> = None;
        for figure in self.read.figures.iter_mut().rev() {
            let What::Number { unit, soft, .. } = &mut figure.what else {
                next = None;
                continue;
            };
            if unit.is_none() && figure.joined && next.is_some() {
                (*unit, *soft) = (next, true);
            }
            next = *unit;
        }
    }
}

fn quarter(word: &str) -> Option<u8> {
    word.strip_prefix('q')?.parse().ok().filter(|quarter| (1..=4).contains(quarter))
}

/// How many a word makes of a thing.
pub(super) fn multiple(word: &str) -> Option<f64> {
    let count = match word {
        "single" => 1.0,
        "dual" | "twin" => 2.0,
        "triple" | "tri" => 3.0,
        "quad" | "quadruple" => 4.0,
        "penta" => 5.0,
        "hexa" => 6.0,
        "octa" => 8.0,
        "deca" => 10.0,
        _ => return None,
    };
    Some(count)
}
