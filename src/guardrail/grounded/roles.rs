//! What each figure of a text is about, by the words around it.

use super::lexicon::{self, Facet, Roles, facets};
use super::numbers::{Figures, Token};
use super::units::Dimension;
use std::ops::Range;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// In sentences.
    Prose,
    /// As in a spec sheet: `64GB 4GB RAM, 128GB 6GB RAM`.
    Terse,
}

/// How many words behind a figure, and before it, may say what it is about.
const BEHIND: usize = 9;
const BEFORE: usize = 14;

impl Figures<'_> {
    /// The roles of a figure of this dimension that stands at a token.
    pub(super) fn roles(&self, at: usize, dimension: Dimension, style: Style) -> Roles {
        let mut asked = facets(dimension).peekable();
        if asked.peek().is_none() {
            return 0;
        }
        let tied = self.is_tied(at, dimension, style);
        let behind = self.behind(at, style, tied);
        let leads = facets(dimension).any(|facet| facet.leads);
        let before = self.before(at, dimension, style, leads);
        let mut roles = 0;
        for facet in asked {
            let behind = || {
                let shared = style == Style::Terse || !facet.apart;
                let own =
                    |index: &usize| shared || self.tokens.get(*index).is_some_and(|t| t.figure.is_none());
                self.first(behind.clone().take_while(own), facet, at)
            };
            let before = || self.first(before.clone().rev(), facet, at);
            let found = if facet.leads || tied { before().or_else(behind) } else { behind().or_else(before) };
            roles |= found.unwrap_or_default();
        }
        roles
    }

    fn first(&self, tokens: impl Iterator<Item = usize>, facet: &Facet, figure: usize) -> Option<Roles> {
        let roles = |at: usize| {
            let token = self.tokens.get(at)?;
            let mut roles = token.roles;
            let of_lens = || self.tokens.get(at + 1).is_some_and(|next| lexicon::is_lens(self.word(next)));
            if at == figure + 1 && matches!(self.gap(at), " " | "-") && !of_lens() {
                roles |= lexicon::roles_beside(self.word(token));
            }
            let mut roles = roles & facet.roles;
            // A discontinued phone of 2013 was not discontinued in 2013.
            let goes_on =
                at + 1 == figure || self.tokens.get(at + 1).is_some_and(|t| lexicon::leads(self.word(t)));
            if facet.leads && !goes_on {
                roles &= !lexicon::endings();
            }
            Some(roles).filter(|roles| *roles != 0)
        };
        tokens.filter_map(roles).next()
    }

    fn dimension_at(&self, token: &Token) -> Option<Dimension> {
        token.figure.and_then(|figure| self.figures.get(figure)).and_then(|figure| figure.dimension())
    }

    fn is_joined(&self, token: &Token) -> bool {
        token.figure.and_then(|figure| self.figures.get(figure)).is_some_and(|figure| figure.joined)
    }

    /// Whether the figure follows what it is about: `RAM of 4 GB`, and in spec sheets `LTE 150/50 Mbps`.
    fn is_tied(&self, at: usize, dimension: Dimension, style: Style) -> bool {
        let mut any = style == Style::Terse;
        for index in (at.saturating_sub(6)..at).rev() {
            let Some(token) = self.tokens.get(index) else { return false };
            let gap = self.gap(index + 1);
            if style == Style::Terse && self.is_joined(token) {
                continue;
            }
            if !gap.chars().all(|c| matches!(c, ' ' | ':' | '-')) || self.dimension_at(token).is_some() {
                return false;
            }
            if facets(dimension).any(|facet| facet.roles & token.roles != 0) {
                return any;
            }
            let word = self.word(token);
            if !lexicon::ties(word) && token.figure.is_none() {
                return false;
            }
            any |= matches!(word, "of" | "is" | "are" | "was" | "at" | "to" | "von") || gap.contains(':');
        }
        false
    }

    /// The tokens behind a figure that may say what it is about.
    fn behind(&self, at: usize, style: Style, tied: bool) -> Range<usize> {
        let first = at + 1;
        let own = self.tokens.get(at).and_then(|token| self.dimension_at(token));
        let start = match style {
            Style::Prose if !tied => self.end_of_row(at, own),
            _ => first,
        };
        let mut opened = false;
        // Brackets with a figure alike in them are about that figure: `50 MP (13 MP in Asia), (wide)`.
        let (mut first, mut aside) = (first, None);
        for index in start..start + BEHIND {
            let Some(token) = self.tokens.get(index) else { return first..aside.unwrap_or(index) };
            let gap = self.gap(index);
            let ends = match style {
                Style::Terse => {
                    gap.contains([';', '\n', '/', '|']) && !is_bracketed(gap, opened) || gap.contains(". ")
                }
                Style::Prose => {
                    gap.contains([',', ';', '\n', '!', '?', ')', '—', '–', ':'])
                        || gap.contains(". ")
                        || (gap.contains('(') && index > start)
                }
            };
            if ends {
                return first..aside.unwrap_or(index);
            }
            opened |= gap.contains('(');
            if aside.is_some() && gap.contains(')') {
                (first, aside) = (index, None);
            }
            if token.figure.is_some() {
                let other = self.dimension_at(token);
                let passes = match style {
                    Style::Terse => other != own || gap.ends_with('('),
                    Style::Prose => other.is_none(),
                };
                if !passes {
                    return first..aside.unwrap_or(index);
                }
                if style == Style::Terse && other == own {
                    aside = Some(index);
                }
            } else if style == Style::Prose && lexicon::breaks_off(self.word(token)) {
                return first..aside.unwrap_or(index);
            }
        }
        first..aside.unwrap_or(start + BEHIND)
    }

    /// Where the row ends that a figure stands in: in `4 GB, 6 GB or 8 GB of RAM` behind `8 GB`. A row ends in `and` or
    /// `or`, or has slashes.
    fn end_of_row(&self, at: usize, own: Option<Dimension>) -> usize {
        let (mut end, mut index) = (at + 1, at + 1);
        while let Some(token) = self.tokens.get(index) {
            let gap = self.gap(index).trim();
            let word = token.figure.is_none().then(|| self.word(token));
            let listed = match word {
                Some(word) => lexicon::lists(word) && matches!(gap, "" | ","),
                None => matches!(gap, "" | "," | "/" | "-" | "–" | "+" | "&"),
            };
            if !listed || index > at + 12 {
                return end;
            }
            if word.is_none() {
                let lists = |before: usize| {
                    self.tokens
                        .get(before)
                        .is_some_and(|t| t.figure.is_none() && lexicon::lists(self.word(t)))
                };
                let other = self.dimension_at(token);
                let closes = lists(index - 1) || matches!(gap, "/" | "-" | "–" | "+" | "&");
                if (other != own && other.is_some()) || (gap.is_empty() && !closes) {
                    return end;
                }
                if closes {
                    end = index + 1;
                }
            }
            index += 1;
        }
        end
    }

    /// Whether a clause begins at this token: with `and` or `while`, or behind a comma unless with `which` or `with`.
    fn begins_clause(&self, at: usize) -> bool {
        let word = self.tokens.get(at).filter(|t| t.figure.is_none()).map_or("", |token| self.word(token));
        let is_comma = self.gap(at).contains(',');
        lexicon::begins_clause(word) || (is_comma && !lexicon::goes_on(word))
    }

    /// The tokens before a figure that may say what it is about: those back to the figure before it of the same
    /// dimension, without the words that belong to that one.
    fn before(&self, at: usize, dimension: Dimension, style: Style, leads: bool) -> Range<usize> {
        let limit = at.saturating_sub(BEFORE);
        for index in (limit..at).rev() {
            let gap = self.gap(index + 1);
            let ends = match style {
                Style::Terse => {
                    (gap.contains([';', '\n', '/', '|', ',']) && gap != "/") || gap.contains(". ")
                }
                Style::Prose => gap.contains([';', '\n', '!', '?']) || gap.contains(". "),
            };
            let Some(token) = self.tokens.get(index).filter(|_| !ends) else { return index + 1..at };
            // What a figure leads on from, other clauses do not say: `a front camera, and records 1080p`.
            if style == Style::Prose && !leads && self.begins_clause(index + 1) {
                return index + 1..at;
            }
            if style == Style::Terse && self.is_joined(token) {
                continue;
            }
            if self.dimension_at(token).is_some_and(|other| is_alike(other, dimension)) {
                let tied = self.is_tied(index, dimension, style);
                let behind = self.behind(index, style, tied);
                return behind.end.clamp(index + 1, at)..at;
            }
        }
        limit..at
    }
}

fn is_alike(a: Dimension, b: Dimension) -> bool {
    a == b || matches!((a, b), (Dimension::Money(_), Dimension::Money(_)))
}

/// A slash within brackets parts nothing.
fn is_bracketed(gap: &str, opened: bool) -> bool {
    opened && gap == "/"
}
