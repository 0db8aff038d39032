//! `placement.yml`: a named spot on a page, and how far copy there may go.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ladder::{self, Ladder};
use crate::diagnostic::Span;
use crate::document::{self, Faults, Fields, Node, did_you_mean, entries};
use crate::guardrail::Mode;
use crate::segment::Segments;
use crate::words::{DEFAULT_SEGMENT, Locale, PlacementId, SegmentId};

/// The language of placements that name none.
pub(super) const DEFAULT_LANGUAGE: &str = "en";

/// The most requests that copy may be made to wait for: counters of requests are small.
pub(super) const MOST_ADMIT: u8 = 100;

/// A named spot on a page or channel where copy appears.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Its id: the name of its folder.
    pub id: PlacementId,
    /// Where the copy goes, such as `web` or `email`.
    pub channel: String,
    /// How far its copy may go, for segments of which the file says nothing else.
    ladder: Ladder,
    /// How far it may go for those of which it does.
    ladders: BTreeMap<SegmentId, Ladder>,
    /// Its own default deadline.
    pub deadline: Option<Duration>,
    /// How long generated copy is kept.
    pub ttl: Ttl,
    /// Copy is written at the request of this number: 1 is the first.
    pub admit: u8,
    /// The language of requests that name no locale, and of templates that say none.
    pub language: Locale,
    /// The most characters of a text.
    pub max_characters: Option<usize>,
    /// Last-resort copy by language, with where each stands: literal text.
    pub last_resort: BTreeMap<String, (String, Span)>,
    /// Its file.
    pub file: String,
}

/// How long generated copy is kept: served as it is until `soft`, served while a new text is written until `hard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ttl {
    /// From here on it is refreshed.
    pub soft: Duration,
    /// From here on it is gone.
    pub hard: Duration,
}

impl Default for Ttl {
    fn default() -> Self {
        Self { soft: Duration::from_secs(24 * 3600), hard: Duration::from_secs(7 * 24 * 3600) }
    }
}

impl Placement {
    /// How far copy may go for a segment.
    pub fn ladder(&self, segment: &SegmentId) -> &Ladder {
        self.ladders.get(segment).unwrap_or(&self.ladder)
    }

    /// By how many characters a text is over the placement's limit; `None` when it is within.
    pub fn over_limit(&self, text: &str) -> Option<usize> {
        let length = text.chars().count();
        self.max_characters.filter(|max| length > *max).map(|max| length - max)
    }

    /// The last-resort copy for a locale, and the locale it is in.
    pub fn last_resort(&self, locale: &Locale) -> Option<(&str, &str)> {
        locale
            .candidates()
            .find_map(|candidate| self.last_resort.get_key_value(candidate))
            .map(|(language, (text, _))| (language.as_str(), text.as_str()))
    }
}

/// Reads a placement's file; `id` is its folder's name.
pub(super) fn read(id: &str, node: &Node, segments: &Segments, faults: &Faults) -> Option<Placement> {
    let mut fields = Fields::of(node, "a placement", faults)?;
    let _ = fields.text("name", faults);
    let _ = fields.text("description", faults);
    let channel = fields.text("channel", faults).unwrap_or_else(|| "web".into());
    let mode = fields.require("mode", "write `mode: prewritten`, `segment` or `live`", faults);
    let mode = mode.and_then(|node| ladder::mode(node, faults));
    // A placement without a mode is refused; its ladder is read on all the same, for its other faults.
    let ladder = Ladder::of(id, mode.unwrap_or(Mode::Prewritten)).changed_by(
        &mut fields,
        &segments.attributes,
        faults,
    );
    let ladders = fields.take("segments").map(|node| ladders(node, &ladder, segments, faults));
    let deadline = fields.take("deadline").and_then(|node| document::duration(node, faults));
    let ttl = fields.take("ttl").and_then(|node| ttl(node, faults)).unwrap_or_default();
    let admit = fields.take("admit").and_then(|node| admit(node, faults)).unwrap_or(1);
    let language = fields.take("language").and_then(|node| locale(node, faults));
    let max_characters = fields.take("limits").and_then(|node| {
        let mut fields = Fields::of(node, "the limits", faults)?;
        let characters = fields.take("characters").and_then(|node| document::count(node, faults));
        fields.finish(faults);
        characters
    });
    let last_resort = fields.require(
        "last_resort",
        "write `last_resort:` with one text per language, such as `en: …`",
        faults,
    );
    let last_resort = last_resort.map(|node| texts_by_language(node, faults)).unwrap_or_default();
    fields.finish(faults);
    Some(Placement {
        id: PlacementId::new(id),
        channel,
        ladder: mode.map(|_| ladder)?,
        ladders: ladders.unwrap_or_default(),
        deadline,
        ttl,
        admit,
        language: language.or_else(|| Locale::parse(DEFAULT_LANGUAGE))?,
        max_characters,
        last_resort,
        file: faults.file().to_owned(),
    })
}

/// What holds for single segments instead: what is not said of one is the placement's.
fn ladders(
    node: &Node,
    placement: &Ladder,
    segments: &Segments,
    faults: &Faults,
) -> BTreeMap<SegmentId, Ladder> {
    let read = |(key, node): &(document::Key, Node)| {
        if !segments.contains(&key.text) {
            let ids: Vec<&str> = segments.iter().map(|s| s.id.as_str()).chain([DEFAULT_SEGMENT]).collect();
            let help = did_you_mean(&key.text, ids.into_iter());
            faults.error_with_help(key.span, format!("there is no segment `{}`", key.text), help);
        }
        let mut fields = Fields::of(node, "what holds for a segment", faults)?;
        let mode = fields.take("mode").and_then(|node| ladder::mode(node, faults));
        let placement = Ladder { mode: mode.unwrap_or(placement.mode), ..placement.clone() };
        let ladder = placement.changed_by(&mut fields, &segments.attributes, faults);
        fields.finish(faults);
        Some((SegmentId::new(&key.text), ladder))
    };
    entries(node, faults).iter().filter_map(read).collect()
}

/// A map of language to text.
pub(super) fn texts_by_language(node: &Node, faults: &Faults) -> BTreeMap<String, (String, Span)> {
    entries(node, faults)
        .iter()
        .filter_map(|(key, node)| {
            let Some(locale) = Locale::parse(&key.text) else {
                faults.error_with_help(
                    key.span,
                    format!("`{}` is no language", key.text),
                    "write `en`, `de` or `de-AT`",
                );
                return None;
            };
            Some((locale.as_str().to_owned(), (document::text(node, faults)?, node.span)))
        })
        .collect()
}

fn locale(node: &Node, faults: &Faults) -> Option<Locale> {
    let text = document::text(node, faults)?;
    let locale = Locale::parse(&text);
    if locale.is_none() {
        faults.error_with_help(node.span, format!("`{text}` is no language"), "write `en`, `de` or `de-AT`");
    }
    locale
}

/// At which request copy is written.
fn admit(node: &Node, faults: &Faults) -> Option<u8> {
    let count = document::count(node, faults)?;
    let within = u8::try_from(count).ok().filter(|count| (1..=MOST_ADMIT).contains(count));
    if within.is_none() {
        faults.error_with_help(
            node.span,
            format!("copy cannot be written at request number {count}"),
            format!("write a number from 1, the first request, to {MOST_ADMIT}"),
        );
    }
    within
}

fn ttl(node: &Node, faults: &Faults) -> Option<Ttl> {
    let default = Ttl::default();
    let mut fields = Fields::of(node, "the ttl", faults)?;
    let soft = fields.take("soft").and_then(|node| document::duration(node, faults));
    let hard = fields.take("hard").and_then(|node| document::duration(node, faults));
    let span = fields.span();
    fields.finish(faults);
    let hard = hard.unwrap_or_else(|| default.hard.max(soft.unwrap_or_default()));
    let soft = soft.unwrap_or_else(|| default.soft.min(hard));
    if soft > hard {
        faults.error_with_help(
            span,
            "`soft` is longer than `hard`",
            "copy is refreshed at `soft` and gone at `hard`: swap them",
        );
    }
    Some(Ttl { soft, hard })
}
