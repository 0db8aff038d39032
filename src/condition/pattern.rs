//! ECMAScript's patterns, without its `u` flag, in linear time: translated for the `regex` crate.
//!
//! ```text
//! source → UTF-16 units → Translator → regex over units ← units of the text ([`matches`])
//! ```
//!
//! Such a pattern knows no characters but UTF-16 code units: `.` is half of an emoji. To agree to the last case, units
//! stand in for characters, in the pattern and in the text alike; see [`scalar`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::LazyLock;

use regex::{Regex, RegexBuilder};

/// The longest pattern, in characters.
const MAX_LENGTH: usize = 1_000;
/// The most groups within each other.
const MAX_DEPTH: usize = 50;
/// The most memory that a pattern may take once translated, in bytes.
const MAX_SIZE: usize = 1 << 20;
/// A count from which ECMAScript's implementations say "any number".
const MANY: u32 = i32::MAX.cast_unsigned();

/// ECMAScript's WhiteSpace and LineTerminator, as ranges of code points.
pub(super) const SPACES: &[(u32, u32)] = &[
    (0x09, 0x0d),
    (0x20, 0x20),
    (0xa0, 0xa0),
    (0x1680, 0x1680),
    (0x2000, 0x200a),
    (0x2028, 0x2029),
    (0x202f, 0x202f),
    (0x205f, 0x205f),
    (0x3000, 0x3000),
    (0xfeff, 0xfeff),
];

/// Translates a pattern. Ask the outcome through [`matches`], never by itself.
///
/// # Errors
///
/// A sentence: for what JavaScript refuses as well, for look-around and back-references, which cannot run in linear time,
/// and for patterns that are too long or too big.
pub(super) fn compile(source: &str, ignore_case: bool) -> Result<Regex, String> {
    if source.chars().count() > MAX_LENGTH {
        return Err(format!(
            "this pattern is longer than {MAX_LENGTH} characters: write several tests instead"
        ));
    }
    let source: Vec<u16> = source.encode_utf16().collect();
    let (groups, names) = count_groups(&source);
    let translator = Translator {
        source: &source,
        ignore_case,
        groups,
        names: names.then(Vec::new),
        ..Translator::default()
    };
    RegexBuilder::new(&translator.translate()?)
        .size_limit(MAX_SIZE)
        .build()
        .map_err(|_| "this pattern takes too much memory: repeat less of it, or fewer times".to_owned())
}

/// Whether a pattern of [`compile`] matches anywhere in a text.
pub(super) fn matches(pattern: &Regex, text: &str) -> bool {
    pattern.is_match(&subject(text))
}

/// A text with one character for each of its UTF-16 code units.
fn subject(text: &str) -> Cow<'_, str> {
    // The characters that take two units are those that take four bytes, and those bytes alone begin with 0xf0 and up.
    if text.bytes().all(|byte| byte < 0xf0) {
        return text.into();
    }
    text.encode_utf16().map(scalar).collect::<String>().into()
}

/// The character that stands for a unit: itself, or for half of a pair, one of the private use area that ends Unicode. In
/// a text those stand for nothing else, being pairs themselves.
fn scalar(unit: u16) -> char {
    let unit = u32::from(unit);
    char::from_u32(unit).or_else(|| char::from_u32(0x10_0000 + unit)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The unit of a character of the Basic Multilingual Plane.
fn unit(c: char) -> u16 {
    u16::try_from(u32::from(c)).unwrap_or(u16::MAX)
}

/// How many groups capture, and whether one of them has a name.
fn count_groups(source: &[u16]) -> (u32, bool) {
    let (mut groups, mut named, mut class) = (0, false, false);
    let mut units = source.iter().map(|unit| scalar(*unit)).peekable();
    while let Some(c) = units.next() {
        match c {
            '\\' => _ = units.next(),
            '[' => class = true,
            ']' => class = false,
            '(' if !class => {
                let mut capturing = units.peek() != Some(&'?');
                if !capturing && units.clone().nth(1) == Some('<') {
                    capturing = !matches!(units.clone().nth(2), Some('=' | '!'));
                    named |= capturing;
                }
                groups += u32::from(capturing);
            }
            _ => {}
        }
    }
    (groups, named)
}

#[derive(Default)]
struct Translator<'s> {
    source: &'s [u16],
    ignore_case: bool,
    /// How many groups capture in the whole pattern.
    groups: u32,
    /// The names of groups so far; `None` when there are none in the whole pattern.
    names: Option<Vec<String>>,
    /// How many groups are open.
    depth: usize,
    /// Whether what was written last may be repeated.
    repeatable: bool,
    into: String,
}

/// What one place of a class stands for.
enum Member {
    One(u16),
    Set(Units),
}

impl Translator<'_> {
    fn translate(mut self) -> Result<String, String> {
        loop {
            let before = self.source;
            let Some(c) = self.next() else { break };
            match c {
                '|' => self.write("|", false),
                '(' => self.open()?,
                ')' => {
                    self.depth = self
                        .depth
                        .checked_sub(1)
                        .ok_or("this pattern closes a group that it did not open")?;
                    self.write(")", true);
                }
                '^' => self.write(r"\A", false),
                '$' => self.write(r"\z", false),
                '*' => self.repeat(0, MANY)?,
                '+' => self.repeat(1, MANY)?,
                '?' => self.repeat(0, 1)?,
                '{' => match self.counts() {
                    Some((least, most)) => self.repeat(least, most)?,
                    None => self.one(unit('{')),
                },
                '.' => {
                    let ends = ['\n', '\r', '\u{2028}', '\u{2029}'].map(unit);
                    self.set(&Units::of(ends.map(|end| (end, end))).complement());
                }
                '[' => self.class()?,
                '\\' => self.escape()?,
                _ => self.one(before.first().copied().unwrap_or_default()),
            }
        }
        if self.depth > 0 {
            return Err("this pattern does not close a group that it opened".to_owned());
        }
        Ok(self.into)
    }

    fn peek(&self) -> Option<char> {
        self.source.first().map(|unit| scalar(*unit))
    }

    fn next(&mut self) -> Option<char> {
        let (first, rest) = self.source.split_first()?;
        self.source = rest;
        Some(scalar(*first))
    }

    fn eat(&mut self, c: char) -> bool {
        let there = self.peek() == Some(c);
        if there {
            self.next();
        }
        there
    }

    fn write(&mut self, text: &str, repeatable: bool) {
        self.into.push_str(text);
        self.repeatable = repeatable;
    }

    fn one(&mut self, unit: u16) {
        self.set(&Units::of([(unit, unit)]));
    }

    /// Any unit of a set, in either case if case does not matter.
    fn set(&mut self, units: &Units) {
        let text = if self.ignore_case { units.in_either_case().text() } else { units.text() };
        self.write(&text, true);
    }

    fn open(&mut self) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("this pattern has more than {MAX_DEPTH} groups within each other"));
        }
        if self.eat('?') {
            match self.next() {
                Some(':') => {}
                Some('=' | '!') => return Err(look_around("ahead")),
                Some('<') if matches!(self.peek(), Some('=' | '!')) => return Err(look_around("behind")),
                Some('<') => self.name()?,
                _ => {
                    return Err("this pattern has a group that begins with `(?` and nothing known".to_owned());
                }
            }
        }
        self.write("(?:", false);
        Ok(())
    }

    /// The name of a group, up to its `>`.
    fn name(&mut self) -> Result<(), String> {
        let fault = || "this pattern has a group whose name is no name, or does not end with `>`".to_owned();
        let mut units = Vec::new();
        loop {
            match self.next().ok_or_else(fault)? {
                '>' => break,
                '\\' => {
                    let braced = self.source.get(1) == Some(&unit('{'));
                    if !self.eat('u') {
                        return Err(fault());
                    }
                    let code = if braced { self.braced_code() } else { self.hexadecimal(4) };
                    let code = code.ok_or_else(fault)?;
                    match (u16::try_from(code), char::from_u32(code)) {
                        (Ok(unit), _) => units.push(unit),
                        (_, Some(c)) => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
                        _ => return Err(fault()),
                    }
                }
                // The stand-ins go back to what they stand for.
                c => units.push(u16::try_from(u32::from(c) & 0xffff).unwrap_or_default()),
            }
        }
        let name = String::from_utf16(&units).map_err(|_| fault())?;
        let is_name = Regex::new(r"\A[\p{ID_Start}$_][\p{ID_Continue}$\u{200c}\u{200d}]*\z");
        if !is_name.is_ok_and(|pattern| pattern.is_match(&name)) {
            return Err(fault());
        }
        let names = self.names.get_or_insert_default();
        if names.contains(&name) {
            return Err(format!("this pattern has two groups of the name `{name}`"));
        }
        names.push(name);
        Ok(())
    }

    fn braced_code(&mut self) -> Option<u32> {
        let mut code: u32 = 0;
        if !self.eat('{') || self.peek() == Some('}') {
            return None;
        }
        while !self.eat('}') {
            code = code.checked_mul(16)?.checked_add(self.next()?.to_digit(16)?)?;
        }
        Some(code)
    }

    /// So many hexadecimal digits, or none at all.
    fn hexadecimal(&mut self, count: usize) -> Option<u32> {
        let digits = self.source.get(..count)?;
        let code = digits.iter().try_fold(0, |code, digit| Some(code * 16 + scalar(*digit).to_digit(16)?))?;
        self.source = self.source.get(count..)?;
        Some(code)
    }

    /// What follows a `{`, if together they say how often: `2}`, `2,}` or `2,5}`.
    fn counts(&mut self) -> Option<(u32, u32)> {
        let before = self.source;
        let counts = self.try_counts();
        if counts.is_none() {
            self.source = before;
        }
        counts
    }

    fn try_counts(&mut self) -> Option<(u32, u32)> {
        let least = self.count()?;
        let most = if !self.eat(',') {
            least
        } else if self.peek() == Some('}') {
            MANY
        } else {
            self.count()?
        };
        self.eat('}').then_some((least, most))
    }

    fn count(&mut self) -> Option<u32> {
        let mut count = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.next();
            count = Some(count.unwrap_or(0_u32).saturating_mul(10).saturating_add(digit).min(MANY));
        }
        count
    }

    fn repeat(&mut self, least: u32, most: u32) -> Result<(), String> {
        if !self.repeatable {
            return Err(
                "this pattern has nothing to repeat before one of its `*`, `+`, `?` or `{…}`".to_owned()
            );
        }
        if least > most {
            return Err(format!("this pattern repeats at least {least} and at most {most} times"));
        }
        let lazy = if self.eat('?') { "?" } else { "" };
        let most = if most == MANY { String::new() } else { most.to_string() };
        self.write(&format!("{{{least},{most}}}{lazy}"), false);
        Ok(())
    }

    /// What follows a `\`, outside of classes.
    fn escape(&mut self) -> Result<(), String> {
        match self.peek() {
            Some('b' | 'B') => {
                let text = if self.next() == Some('b') { r"(?-u:\b)" } else { r"(?-u:\B)" };
                self.write(text, false);
                return Ok(());
            }
            Some('1'..='9') if self.refers_back() => return Err(back_reference()),
            _ => {}
        }
        match self.member(false)? {
            Member::One(unit) => self.one(unit),
            Member::Set(units) => self.set(&units),
        }
        Ok(())
    }

    /// Whether the decimal number that follows is that of a group.
    fn refers_back(&mut self) -> bool {
        let before = self.source;
        let number = self.count();
        self.source = before;
        number.is_some_and(|number| number <= self.groups)
    }

    /// What follows a `\`, where it stands for units.
    fn member(&mut self, in_class: bool) -> Result<Member, String> {
        let Some(c) = self.peek() else { return Err("this pattern ends with a `\\`".to_owned()) };
        let before = self.source;
        self.next();
        let one = |c: char| Member::One(unit(c));
        Ok(match c {
            'd' => Member::Set(Units::digits()),
            'D' => Member::Set(Units::digits().complement()),
            's' => Member::Set(Units::spaces()),
            'S' => Member::Set(Units::spaces().complement()),
            'w' => Member::Set(Units::words()),
            'W' => Member::Set(Units::words().complement()),
            'b' if in_class => one('\u{8}'),
            'f' => one('\u{c}'),
            'n' => one('\n'),
            'r' => one('\r'),
            't' => one('\t'),
            'v' => one('\u{b}'),
            'c' => match self.peek() {
                Some(c) if c.is_ascii_alphabetic() || in_class && (c.is_ascii_digit() || c == '_') => {
                    self.next();
                    Member::One(unit(c) & 0x1f)
                }
                _ => {
                    self.source = before;
                    one('\\')
                }
            },
            'x' => self.hexadecimal(2).map_or(one('x'), |code| Member::One(u16::try_from(code).unwrap_or(0))),
            'u' => self.hexadecimal(4).map_or(one('u'), |code| Member::One(u16::try_from(code).unwrap_or(0))),
            '0'..='7' => {
                self.source = before;
                Member::One(self.octal())
            }
            'k' if self.names.is_some() && !in_class => return Err(back_reference()),
            'k' if self.names.is_some() => {
                return Err("this pattern has a `\\k` in a class: write `k`".to_owned());
            }
            _ => Member::One(before.first().copied().unwrap_or_default()),
        })
    }

    /// Up to three octal digits, below 256.
    fn octal(&mut self) -> u16 {
        let mut code = 0;
        for _ in 0..3 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(8)).filter(|_| code < 32) else { break };
            self.next();
            code = code * 8 + u16::try_from(digit).unwrap_or_default();
        }
        code
    }

    /// What follows a `[`.
    fn class(&mut self) -> Result<(), String> {
        let negated = self.eat('^');
        let mut ranges = Vec::new();
        let mut add = |member: Member| match member {
            Member::One(unit) => ranges.push((unit, unit)),
            Member::Set(units) => ranges.extend(units.0),
        };
        while !self.eat(']') {
            let first = self.place()?;
            if !self.eat('-') {
                add(first);
                continue;
            }
            if self.peek() == Some(']') {
                add(first);
                add(Member::One(unit('-')));
                continue;
            }
            match (first, self.place()?) {
                (Member::One(first), Member::One(last)) if first <= last => {
                    add(Member::Set(Units::of([(first, last)])));
                }
                (Member::One(_), Member::One(_)) => {
                    return Err("this pattern has a class with a range that ends before it begins".to_owned());
                }
                // Next to a set a `-` is no range but itself.
                (first, last) => [first, Member::One(unit('-')), last].into_iter().for_each(&mut add),
            }
        }
        let units = Units::of(ranges);
        let units = if self.ignore_case { units.in_either_case() } else { units };
        let text = if negated { units.complement().text() } else { units.text() };
        self.write(&text, true);
        Ok(())
    }

    /// One place of a class.
    fn place(&mut self) -> Result<Member, String> {
        let before = self.source;
        match self.next() {
            Some('\\') => self.member(true),
            Some(_) => Ok(Member::One(before.first().copied().unwrap_or_default())),
            None => Err("this pattern has a class without its `]`".to_owned()),
        }
    }
}

fn look_around(way: &str) -> String {
    format!(
        "this pattern looks {way}, which cannot run in linear time: \
         write several tests instead, `$not` or `$notRegex` for what must not be there"
    )
}

fn back_reference() -> String {
    "this pattern refers back to a group, which cannot run in linear time: \
     write out what may be repeated, as in `aa|bb`"
        .to_owned()
}

/// A set of units: ranges in order, apart from each other, first and last included.
struct Units(Vec<(u16, u16)>);

impl Units {
    fn of(ranges: impl IntoIterator<Item = (u16, u16)>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().collect();
        ranges.sort_unstable();
        let mut apart: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match apart.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => apart.push((first, last)),
            }
        }
        Self(apart)
    }

    fn digits() -> Self {
        Self::of([('0', '9')].map(|(first, last)| (unit(first), unit(last))))
    }

    fn words() -> Self {
        Self::of(
            [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')].map(|(first, last)| (unit(first), unit(last))),
        )
    }

    fn spaces() -> Self {
        let unit = |code: u32| u16::try_from(code).unwrap_or_default();
        Self::of(SPACES.iter().map(|(first, last)| (unit(*first), unit(*last))))
    }

    fn complement(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut from = Some(0);
        for (first, last) in &self.0 {
            if let Some(from) = from
                && let Some(end) = first.checked_sub(1)
                && from <= end
            {
                gaps.push((from, end));
            }
            from = last.checked_add(1);
        }
        gaps.extend(from.map(|from| (from, u16::MAX)));
        Self(gaps)
    }

    fn contains(&self, unit: u16) -> bool {
        let place = self.0.partition_point(|(_, last)| *last < unit);
        self.0.get(place).is_some_and(|(first, _)| *first <= unit)
    }

    /// With the units that ECMAScript takes for the same when case does not matter.
    fn in_either_case(&self) -> Self {
        let same = SAME.iter().filter(|same| same.iter().any(|unit| self.contains(*unit)));
        Self::of(self.0.iter().copied().chain(same.flatten().map(|unit| (*unit, *unit))))
    }

    fn text(&self) -> String {
        if self.0.is_empty() {
            return r"[^\x{0}-\x{10ffff}]".to_owned();
        }
        let mut text = "[".to_owned();
        // Halves of pairs have their stand-ins elsewhere, so ranges are cut where those begin and end.
        for (from, to) in [(0, 0xd7ff), (0xd800, 0xdfff), (0xe000, 0xffff)] {
            for (first, last) in &self.0 {
                let (first, last) = (*first.max(&from), *last.min(&to));
                if first <= last {
                    let (first, last) = (u32::from(scalar(first)), u32::from(scalar(last)));
                    // Writing to a text cannot fail.
                    _ = write!(text, r"\x{{{first:x}}}-\x{{{last:x}}}");
                }
            }
        }
        text.push(']');
        text
    }
}

/// The units that are the same when case does not matter, by ECMAScript's Canonicalize: those with the same capital
/// letter, where it takes one unit and does not turn a letter beyond ASCII into one of ASCII.
static SAME: LazyLock<Vec<Vec<u16>>> = LazyLock::new(|| {
    let mut same: BTreeMap<u16, Vec<u16>> = BTreeMap::new();
    for unit in 0..=u16::MAX {
        same.entry(canonical(unit)).or_default().push(unit);
    }
    same.into_values().filter(|same| same.len() > 1).collect()
});

fn canonical(unit: u16) -> u16 {
    let Some(c) = char::from_u32(unit.into()) else { return unit };
    let mut capital = c.to_uppercase();
    match (capital.next().map(|c| u16::try_from(u32::from(c))), capital.next()) {
        (Some(Ok(capital)), None) if unit < 128 || capital >= 128 => capital,
        _ => unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, hits: &[&str], misses: &[&str]) {
        check_case(source, false, hits, misses);
    }

    #[track_caller]
    fn check_case(source: &str, ignore_case: bool, hits: &[&str], misses: &[&str]) {
        let pattern = compile(source, ignore_case).unwrap();
        for text in hits {
            assert!(matches(&pattern, text), "{source} should match {text:?}");
        }
        for text in misses {
            assert!(!matches(&pattern, text), "{source} should not match {text:?}");
        }
    }

    #[track_caller]
    fn refused(source: &str, why: &str) {
        let message = compile(source, false).unwrap_err();
        assert!(message.contains(why), "{source}: {message}");
    }

    #[test]
    fn plain_patterns() {
        check("", &["", "anything"], &[]);
        check("^sale", &["sale", "sale now"], &["on sale", "\nsale"]);
        check("^(gold|silver)$", &["gold", "silver"], &["gold\n", "goldsilver"]);
        check("a|", &["", "b"], &[]);
        check("^a{2,3}?$", &["aa", "aaa"], &["a", "aaaa"]);
        check("^(?<tier>vip)-(?:x|y)+$", &["vip-x", "vip-xyx"], &["vip-"]);
        check("/shoes\\/", &["/shoes/"], &["shoes"]);
    }

    #[test]
    fn classes_mean_what_they_mean_to_javascript() {
        check(r"^\d$", &["7"], &["٣", "x"]);
        check(r"^\w$", &["z", "_"], &["é", "-"]);
        check(r"^\s$", &["\u{a0}", "\u{feff}", "\u{2029}", "\u{b}"], &["\u{85}", "\u{180e}"]);
        check(r"^\S\D\W$", &["ab-"], &[" b-"]);
        check(r"é\b", &["éa"], &["é", "é "]);
        check(r"^\B$", &[""], &[]);
        check(r"a\Bb", &["ab"], &["a b"]);
        check(r"é\B", &["é", "éé"], &["éa"]);
        check("^.$", &["x", "\u{85}"], &["\n", "\r", "\u{2028}", "\u{2029}", ""]);
        check("^[^]$", &["\n", "x"], &[""]);
        check("[]", &[], &["", "x"]);
        check("^[[a&&b]$", &["[", "a", "&", "b"], &["[a", "c"]);
        check("^[+--~~z]$", &["+", ",", "-", "~", "z"], &["b", "."]);
        check(r"^[\]\-\\^]+$", &[r"]-\^"], &["a"]);
        check(r"^[a-\d]$", &["a", "-", "5"], &["b"]);
        check(r"^[^\d-]$", &["a"], &["-", "5"]);
        check(r"^[\b\cA\c_\x41\u0042\101-\103]$", &["\u{8}", "\u{1}", "\u{1f}", "A", "B", "C"], &["D", "b"]);
    }

    #[test]
    fn escapes() {
        check(r"^\x41\u00e9\cJ\0\t\v\f$", &["Aé\n\0\t\u{b}\u{c}"], &[]);
        check(r"^\xg\ug\u{2}\-\é$", &["xguguu-é"], &[]);
        check(r"^\101\8\k$", &["A8k"], &[]);
        check(r"^(a)\2$", &["a\u{2}"], &["aa"]);
        check(r"^\c$", &[r"\c"], &[]);
        check(r"^x{$|^{,2}]}$|^x{1$", &["x{", "{,2}]}", "x{1"], &[]);
    }

    #[test]
    fn characters_beyond_the_first_plane_are_two() {
        check("^..$", &["😀", "ab"], &["a"]);
        check("^😀$", &["😀"], &["😁", "\u{10d83d}\u{10de00}"]);
        check(r"^\ud83d\ude00$", &["😀"], &["😁"]);
        check("😀+$", &["😀"], &["😀😀x"]);
        check("^[😀]+$", &["😀"], &["😁"]);
        check("^[^a]$", &["é"], &["😀"]);
        check(r"^[\u0000-\uffff]{2}$", &["😀"], &["é"]);
    }

    #[test]
    fn case() {
        check_case("^straße$", true, &["STRAßE", "straße"], &["STRASSE", "strasse"]);
        check_case("^k$", true, &["K"], &["\u{212a}"]);
        check_case(r"^\w$", true, &["s"], &["\u{17f}", "\u{212a}"]);
        check_case("^[^a-c]$", true, &["d"], &["B", "b"]);
        check_case("^[a-zé]+$", true, &["CAFÉ"], &["CAFÈ"]);
        check_case("ς", true, &["Σ", "σ"], &["s"]);
        check_case("^[^]$", true, &["x"], &[]);
    }

    #[test]
    fn what_cannot_run_in_linear_time() {
        for source in ["(?=a)", "(?!a)", "x(?<=a)", "(?<!a)"] {
            refused(source, "looks ");
        }
        refused(r"(a)\1", "refers back");
        refused(r"(?<a>b)\k<a>", "refers back");
        assert!(compile(&"a".repeat(1_000), false).is_ok());
        refused(&"a".repeat(1_001), "longer than 1000 characters");
        refused("((a{1000}){1000}){1000}", "too much memory");
        assert!(compile(&format!("{}a{}", "(".repeat(50), ")".repeat(50)), true).is_ok());
        refused(&format!("{}a{}", "(".repeat(51), ")".repeat(51)), "within each other");
    }

    #[test]
    fn what_javascript_refuses() {
        for source in ["*", "a**", "^+", r"\b?", "a{2}{3}", "{1}", "(?:*)", "a???"] {
            refused(source, "nothing to repeat");
        }
        refused("a{3,2}", "at least 3 and at most 2");
        refused("a)", "did not open");
        refused("(a", "does not close");
        refused("[a", "without its `]`");
        refused("[b-a]", "ends before it begins");
        refused("[😀-😂]", "ends before it begins");
        refused("\\", "ends with");
        refused("(?a)", "nothing known");
        refused("(?i:a)", "nothing known");
        refused("(?<1>a)", "no name");
        refused("(?<a", "no name");
        refused("(?<a>b)(?<a>c)", "two groups");
        refused(r"(?<a>b)[\k]", "in a class");
        assert!(compile(r"(?<\u0061>b)(?<\u{62}c>d)(?<ñ$_1>e)(?<𝒜>f)", false).is_ok());
    }
}
