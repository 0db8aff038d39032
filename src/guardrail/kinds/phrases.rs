//! `existence` and `substitution`: words that should not be there, and words to be written otherwise.

use std::borrow::Cow;
use std::ops::Range;

use crate::guardrail::correction::listed;
use crate::guardrail::engine::{Engine, GaveUp, Groups};
use crate::guardrail::patterns::Pattern;
use crate::guardrail::rule::Hit;
use crate::guardrail::text::{Reach, Text, slice};

/// Words that should not be there.
#[derive(Debug)]
pub(in crate::guardrail) struct Phrases {
    pub(in crate::guardrail) pattern: Pattern,
    pub(in crate::guardrail) reach: Reach,
}

impl Phrases {
    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        for piece in self.pattern.pieces(text, self.reach) {
            match self.pattern.find(text, &piece) {
                Ok(found) => hits.extend(found.into_iter().map(Hit::at)),
                Err(gave_up) => hits.push(gave_up.hit(piece)),
            }
        }
        hits
    }
}

/// Words to be written otherwise.
#[derive(Debug)]
pub(in crate::guardrail) struct Swaps {
    pub(in crate::guardrail) pattern: Pattern,
    pub(in crate::guardrail) reach: Reach,
    /// What to write for each of the pattern's swaps.
    pub(in crate::guardrail) replacements: Vec<Replacement>,
    /// Whether what is to be written can be put in the match's place.
    pub(in crate::guardrail) corrects: bool,
}

/// What to write for one swap.
#[derive(Debug)]
pub(in crate::guardrail) struct Replacement {
    pub(in crate::guardrail) told: Told,
    pub(in crate::guardrail) wanted: Wanted,
}

/// How it is told that a match is of this swap, and what the swap's groups matched.
#[derive(Debug)]
pub(in crate::guardrail) enum Told {
    /// By the number of the swap's own group in the whole pattern; groups within the swap count from there.
    Group(usize),
    /// By the swap's own pattern, held against a text that begins one character before the match. A group for each swap
    /// would cost memory by the square of their number.
    Behind(Engine),
}

/// What is to be written.
#[derive(Debug)]
pub(in crate::guardrail) enum Wanted {
    /// One or more ways to write it, the first for corrections.
    Written(Vec<Vec<Part>>),
    /// As public rules say it.
    Public(Public),
}

#[derive(Debug, PartialEq)]
pub(in crate::guardrail) enum Part {
    Text(String),
    Group(usize),
}

/// What a public rule wants in a match's place.
#[derive(Debug)]
pub(in crate::guardrail) struct Public {
    /// The text, with `|` between options and `$1` for groups.
    pub(in crate::guardrail) text: String,
    /// The swap alone, where the text asks for its groups.
    pub(in crate::guardrail) alone: Option<Engine>,
    /// What the text accepts as already right, where it is a pattern itself.
    pub(in crate::guardrail) accepts: Option<Engine>,
    /// Whether it takes a capital where the match has one.
    pub(in crate::guardrail) capitalize: bool,
    /// Whether the text lists options that can be put in the match's place.
    pub(in crate::guardrail) replaces: bool,
}

impl Wanted {
    fn has_groups(&self) -> bool {
        match self {
            Self::Written(ways) => ways.iter().flatten().any(|part| matches!(part, Part::Group(_))),
            Self::Public(_) => false,
        }
    }

    /// Each way to write it, with what the match's groups hold; none as public rules say it.
    fn filled<'g>(&self, group: impl Fn(usize) -> Option<&'g str>) -> Vec<String> {
        let Self::Written(ways) = self else { return Vec::new() };
        let fill = |parts: &Vec<Part>| {
            let mut out = String::new();
            for part in parts {
                out.push_str(match part {
                    Part::Text(text) => text,
                    Part::Group(index) => group(*index).unwrap_or_default(),
                });
            }
            out
        };
        ways.iter().map(fill).collect()
    }

    /// Reads a replacement, whose alternatives are separated by `|`. Where the swap's pattern has groups, `$1`, `${1}`
    /// and `$name` stand for what they matched, and `$$` for the sign.
    ///
    /// # Errors
    ///
    /// The first name of a group that the pattern does not have.
    pub(in crate::guardrail) fn read(given: &str, pattern: &Engine) -> Result<Self, String> {
        let alternatives = given.split('|').map(|alternative| parts(alternative, pattern));
        Ok(Self::Written(alternatives.collect::<Result<_, _>>()?))
    }
}

fn parts(given: &str, pattern: &Engine) -> Result<Vec<Part>, String> {
    if pattern.group_count() == 1 {
        return Ok(vec![Part::Text(given.to_owned())]);
    }
    let mut out = Vec::new();
    let mut rest = given;
    while let Some((before, after)) = rest.split_once('$') {
        out.push(Part::Text(before.to_owned()));
        let plain = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let braced = after.strip_prefix('{').and_then(|after| after.split_once('}'));
        let (name, then) = braced.unwrap_or_else(|| after.split_at(plain));
        if name.is_empty() {
            out.push(Part::Text("$".to_owned()));
            rest = after.strip_prefix('$').unwrap_or(after);
            continue;
        }
        let numbered = name.parse().ok().filter(|number| *number < pattern.group_count());
        let group = numbered.or_else(|| pattern.group_named(name));
        out.push(Part::Group(group.ok_or_else(|| name.to_owned())?));
        rest = then;
    }
    out.push(Part::Text(rest.to_owned()));
    Ok(out)
}

/// A match, as the pattern sees it.
struct Met {
    whole: String,
    /// Which of the replacements is for it.
    replacement: usize,
    /// The ways to write it, where these depend on the match's groups.
    written: Vec<String>,
}

impl Swaps {
    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let mut hits = Vec::new();
        let grouped = self.replacements.iter().any(|swap| matches!(swap.told, Told::Group(_)));
        for piece in self.pattern.pieces(text, self.reach) {
            let found = match grouped {
                true => self.pattern.captures(text, &piece, |groups| self.met(groups)),
                false => self.pattern.in_readings(text, &piece, |stretch| self.met_behind(stretch)),
            };
            match found {
                Ok(found) => {
                    hits.extend(found.into_iter().filter_map(|(range, met)| self.hit(text, range, &met)));
                }
                Err(gave_up) => hits.push(gave_up.hit(piece)),
            }
        }
        hits
    }

    fn met(&self, groups: &Groups<'_>) -> Option<(Range<usize>, Met)> {
        let range = groups.range(0).filter(|range| !range.is_empty())?;
        let of = |swap: &Replacement| match swap.told {
            Told::Group(group) => groups.range(group).map(|_| group),
            Told::Behind(_) => None,
        };
        let (replacement, group) =
            self.replacements.iter().enumerate().find_map(|(index, swap)| Some((index, of(swap)?)))?;
        let wanted = &self.replacements.get(replacement)?.wanted;
        let written = wanted.filled(|index| groups.text(group + index));
        Some((range, Met { whole: groups.text(0)?.to_owned(), replacement, written }))
    }

    /// What is met in a stretch: each match is of the swap that is known for it, or else of the first that matches there.
    fn met_behind(&self, stretch: &str) -> Result<Vec<(Range<usize>, Met)>, GaveUp> {
        let mut all = Vec::new();
        for (range, swap) in self.pattern.alternatives(stretch)? {
            let met = match swap.and_then(|index| Some((index, self.replacements.get(index)?))) {
                Some((replacement, swap)) if !swap.wanted.has_groups() => {
                    Some((replacement, swap.wanted.filled(|_| None)))
                }
                known => self.behind(stretch, range.start, known.map(|(index, _)| index))?,
            };
            let whole = || slice(stretch, range.clone()).to_owned();
            all.extend(
                met.map(|(replacement, written)| {
                    (range.clone(), Met { whole: whole(), replacement, written })
                }),
            );
        }
        Ok(all)
    }

    fn behind(
        &self,
        stretch: &str,
        start: usize,
        known: Option<usize>,
    ) -> Result<Option<(usize, Vec<String>)>, GaveUp> {
        let rest = match slice(stretch, 0..start).chars().next_back() {
            Some(before) => Cow::from(slice(stretch, start - before.len_utf8()..stretch.len())),
            None => format!("\n{stretch}").into(),
        };
        for (index, swap) in self.replacements.iter().enumerate() {
            let Told::Behind(pattern) = &swap.told else { continue };
            if known.is_some_and(|known| known != index) {
                continue;
            }
            let fill = |groups: &Groups<'_>| Some(swap.wanted.filled(|index| groups.text(index)));
            if let Some(written) = pattern.captures(&rest, fill)?.into_iter().next() {
                return Ok(Some((index, written)));
            }
        }
        Ok(None)
    }

    fn hit(&self, text: &Text<'_>, range: Range<usize>, met: &Met) -> Option<Hit> {
        let given = slice(text.given(), range.clone());
        let Replacement { wanted, .. } = self.replacements.get(met.replacement)?;
        let (says, options) = match wanted {
            Wanted::Written(_) => {
                if met.written.iter().any(|wanted| wanted == given || *wanted == met.whole) {
                    return None;
                }
                (vec![met.written.join("' or '")], met.written.clone())
            }
            Wanted::Public(public) => match public.instead_of(given.trim()) {
                Ok(wanted) => wanted?,
                Err(gave_up) => return Some(gave_up.hit(range)),
            },
        };
        let replacement = options.first().filter(|_| self.corrects);
        let replacement = replacement.map(|first| with_capital_of(given, first));
        Some(Hit { says, replacement, ..Hit::at(range) })
    }
}

/// What a message says, and what can be written instead.
type Instead = (Vec<String>, Vec<String>);

impl Public {
    /// What is to be written in place of a match; `None` when it is right as it is.
    fn instead_of(&self, observed: &str) -> Result<Option<Instead>, GaveUp> {
        let first = observed.chars().next();
        let initial = self.capitalize && first.is_some_and(|first| first.to_uppercase().eq([first]));
        let capital = |wanted: &str| if initial { capitalised(wanted) } else { wanted.to_owned() };
        let wanted = match &self.alone {
            // As public rules mean it: the swap is applied to the match alone, without what stands around it.
            Some(alone) => alone.replace_all(observed, &capital(&self.text))?,
            None => capital(&self.text),
        };
        if self.replaces {
            let options = options(&wanted);
            if options.iter().any(|option| option == observed) {
                return Ok(None);
            }
            let options: Vec<String> = options.iter().map(|option| capital(option)).collect();
            return Ok(Some((vec![listed(&options), observed.to_owned()], options)));
        }
        let right = match &self.accepts {
            Some(accepts) => accepts.is_match(observed)?,
            None => wanted == observed,
        };
        Ok((!right).then(|| (vec![wanted, observed.to_owned()], Vec::new())))
    }
}

/// `a|b` as two options; `\|` is the sign itself.
fn options(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, out.last_mut()) {
            ('|', _) => out.push(String::new()),
            ('\\', Some(last)) if chars.next_if_eq(&'|').is_some() => last.push('|'),
            (c, Some(last)) => last.push(c),
            _ => {}
        }
    }
    out.retain(|option| !option.is_empty());
    out
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// The replacement with an initial capital where the match has one; a name such as `iPhone` keeps its own spelling.
fn with_capital_of(given: &str, replacement: &str) -> String {
    let mut chars = replacement.chars();
    match chars.next() {
        Some(first)
            if given.starts_with(char::is_uppercase) && !replacement.chars().any(char::is_uppercase) =>
        {
            first.to_uppercase().chain(chars).collect()
        }
        _ => replacement.to_owned(),
    }
}
