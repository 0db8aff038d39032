//! The engines that patterns run on: one that is linear in the text, and for look-around and back-references one that
//! backtracks and gives up after a number of steps.

use std::ops::{ControlFlow, Range};

use fancy_regex::RegexInput;
use regex::{Regex, RegexBuilder};

use super::syntax;

/// The most memory that one compiled pattern may take, in bytes.
pub(super) const MAX_COMPILED: usize = 8 * 1024 * 1024;
/// The most steps back that a backtracking pattern may take at one place: some tenths of a millisecond.
const MAX_STEPS: usize = 10_000;
/// The most work that goes into finding the places at which it is tried in one stretch of text, in bytes looked at.
const MAX_WORK: usize = 64 * 1024 * 1024;
/// What one try counts for.
const TRY: usize = 64;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    /// Linear in the text.
    Linear(Regex),
    /// For what the other does not have. Bounded.
    Backtracking(Box<Backtracking>),
}

/// A pattern that backtracks, and the linear one that says where it is worth a try.
#[derive(Clone, Debug)]
pub(super) struct Backtracking {
    full: fancy_regex::Regex,
    /// Matches wherever the full one does, from the same place on. `None` when it would match anywhere.
    loose: Option<Regex>,
}

impl Backtracking {
    /// The matches in a text, in its order, each as `try_at` has it. Those that are empty are none.
    fn each<'t, T>(
        &self,
        text: &'t str,
        try_at: impl Fn(RegexInput<'t, str>) -> Result<Option<T>, fancy_regex::Error>,
        range: impl Fn(&T) -> Option<Range<usize>>,
        mut found: impl FnMut(T) -> ControlFlow<()>,
    ) -> Result<(), GaveUp> {
        let (mut at, mut work) = (0, 0);
        while at <= text.len() {
            let start = match &self.loose {
                None => at,
                Some(loose) => {
                    let Some(candidate) = loose.find_at(text, at) else { return Ok(()) };
                    work += candidate.end() - at;
                    candidate.start()
                }
            };
            work += TRY;
            if work > MAX_WORK {
                return Err(GaveUp);
            }
            let matched = try_at(RegexInput::new(text).from_pos(start).anchored(true)).map_err(|_| GaveUp)?;
            match matched
                .and_then(|matched| Some((range(&matched).filter(|range| !range.is_empty())?, matched)))
            {
                Some((range, matched)) => {
                    at = range.end;
                    if found(matched).is_break() {
                        return Ok(());
                    }
                }
                None => {
                    at = start
                        + text.get(start..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
                }
            }
        }
        Ok(())
    }
}

/// A pattern took more steps than it may: whether it matches is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GaveUp;

/// Why a pattern does not compile.
#[derive(Debug)]
pub(super) enum Refused {
    /// By the linear engine.
    Linear(regex::Error),
    /// By the backtracking one; what it says.
    Backtracking(String),
}

/// What one match's groups hold.
#[derive(Debug)]
pub(super) enum Groups<'t> {
    Linear(regex::Captures<'t>),
    Backtracking(fancy_regex::Captures<'t, str>),
}

impl Groups<'_> {
    /// Where a group matched; the whole is group 0.
    pub(super) fn range(&self, group: usize) -> Option<Range<usize>> {
        match self {
            Self::Linear(found) => found.get(group).map(|group| group.range()),
            Self::Backtracking(found) => found.get(group).map(|group| group.start()..group.end()),
        }
    }

    /// What a group matched.
    pub(super) fn text(&self, group: usize) -> Option<&str> {
        match self {
            Self::Linear(found) => found.get(group).map(|group| group.as_str()),
            Self::Backtracking(found) => found.get(group).map(|group| group.as_str()),
        }
    }

    /// How many groups there are, the whole included.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Linear(found) => found.len(),
            Self::Backtracking(found) => found.len(),
        }
    }
}

impl Engine {
    /// Compiles a pattern: for the linear engine wherever that has what the pattern asks for.
    ///
    /// # Errors
    ///
    /// What the engine says that the pattern is for.
    pub(super) fn new(pattern: &str) -> Result<Self, Refused> {
        Self::within(pattern, MAX_COMPILED)
    }

    /// The same, within a size of its own for the linear engine, in bytes.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(super) fn within(pattern: &str, size: usize) -> Result<Self, Refused> {
        if syntax::needs_backtracking(pattern) {
            return fancy_regex::RegexBuilder::new(pattern)
                // A long list of words takes a step for each.
                .backtrack_limit(MAX_STEPS + pattern.len())
                .delegate_size_limit(MAX_COMPILED)
                .max_prog_size(MAX_COMPILED / 64)
                .build()
                .map(|full| Self::Backtracking(Box::new(Backtracking { full, loose: loose(pattern) })))
                .map_err(|error| Refused::Backtracking(error.to_string()));
        }
        let linear = RegexBuilder::new(pattern).size_limit(size).build();
        linear.map(Self::Linear).map_err(Refused::Linear)
    }

    /// Whether it matches anywhere.
    pub(super) fn is_match(&self, text: &str) -> Result<bool, GaveUp> {
        match self {
            Self::Linear(engine) => Ok(engine.is_match(text)),
            Self::Backtracking(engine) => {
                let mut matches = false;
                let try_at = |input| engine.full.find_input(input);
                engine.each(
                    text,
                    try_at,
                    |found| Some(found.range()),
                    |_| {
                        matches = true;
                        ControlFlow::Break(())
                    },
                )?;
                Ok(matches)
            }
        }
    }

    /// Where it matches, in the order of the text. An empty match is none.
    pub(super) fn ranges(&self, text: &str) -> Result<Vec<Range<usize>>, GaveUp> {
        match self {
            Self::Linear(engine) => Ok(engine
                .find_iter(text)
                .filter(|found| !found.is_empty())
                .map(|found| found.range())
                .collect()),
            Self::Backtracking(engine) => {
                let mut ranges = Vec::new();
                let try_at = |input| engine.full.find_input(input);
                engine.each(
                    text,
                    try_at,
                    |found| Some(found.range()),
                    |found| {
                        ranges.push(found.range());
                        ControlFlow::Continue(())
                    },
                )?;
                Ok(ranges)
            }
        }
    }

    /// What `read` makes of each match, in the order of the text.
    pub(super) fn captures<T>(
        &self,
        text: &str,
        read: impl Fn(&Groups<'_>) -> Option<T>,
    ) -> Result<Vec<T>, GaveUp> {
        let mut out = Vec::new();
        match self {
            Self::Linear(engine) => {
                out.extend(engine.captures_iter(text).filter_map(|found| read(&Groups::Linear(found))));
            }
            Self::Backtracking(engine) => {
                let whole = |found: &fancy_regex::Captures<'_, str>| found.get(0).map(|whole| whole.range());
                let try_at = |input| engine.full.captures_input(input);
                engine.each(text, try_at, whole, |found| {
                    out.extend(read(&Groups::Backtracking(found)));
                    ControlFlow::Continue(())
                })?;
            }
        }
        Ok(out)
    }

    /// The text with every match replaced; `$1` and `${name}` stand for groups.
    pub(super) fn replace_all(&self, text: &str, replacement: &str) -> Result<String, GaveUp> {
        match self {
            Self::Linear(engine) => Ok(engine.replace_all(text, replacement).into_owned()),
            Self::Backtracking(engine) => engine
                .full
                .try_replacen(text, 0, replacement)
                .map(|text| text.into_owned())
                .map_err(|_| GaveUp),
        }
    }

    /// The number of its groups, the whole included.
    pub(super) fn group_count(&self) -> usize {
        match self {
            Self::Linear(engine) => engine.captures_len(),
            Self::Backtracking(engine) => engine.full.captures_len(),
        }
    }

    /// The number of the group of this name.
    pub(super) fn group_named(&self, name: &str) -> Option<usize> {
        match self {
            Self::Linear(engine) => engine.capture_names().position(|group| group == Some(name)),
            Self::Backtracking(engine) => engine.full.capture_names().position(|group| group == Some(name)),
        }
    }
}

/// What matches wherever a pattern does and does not look around; `None` when that would match anywhere.
fn loose(pattern: &str) -> Option<Regex> {
    let loose = syntax::loosened(pattern);
    let parsed = regex_syntax::Parser::new().parse(&loose).ok()?;
    if parsed.properties().minimum_len() == Some(0) {
        return None;
    }
    RegexBuilder::new(&loose).size_limit(MAX_COMPILED).build().ok()
}
