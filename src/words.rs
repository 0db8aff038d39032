//! The contract's words as types, and the ids made of them. Knows nothing of what they are used for.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

macro_rules! word {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it stands.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

word! {
    /// A named spot on a page or channel where copy appears, such as `why-this`.
    PlacementId
}
word! {
    /// A named cohort. `default` always exists and holds everybody whom no other segment claims.
    SegmentId
}
word! {
    /// A template's name: its placement and its file's name without the ending, such as `why-this/bargain-hunters.de`.
    TemplateId
}
word! {
    /// A content hash of files that are in force, written `b3:` and 64 hexadecimal digits.
    Revision
}

/// How long callers, and whatever stands between them and their readers, may keep an answer at most: no `expires_at` and no
/// `max-age` reaches beyond it.
pub const LONGEST_KEPT: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// The segment of everybody whom no other segment claims.
pub const DEFAULT_SEGMENT: &str = "default";

impl Revision {
    /// The revision of a set of files: BLAKE3 over each path and content, lengths included, in the order given.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for (path, content) in files {
            for part in [path, content] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        Self(format!("b3:{}", hasher.finalize().to_hex()))
    }

    /// One revision that stands for several, in the order given.
    pub fn joined<'a>(revisions: impl IntoIterator<Item = &'a Revision>) -> Self {
        Self::of(revisions.into_iter().map(|revision| ("", revision.as_str())))
    }
}

/// A language or a language with a region: `de`, `de-AT`. Written with `-`, language in small letters, region in capitals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Locale(String);

impl Locale {
    /// Reads `de`, `de-AT`, `de_at`, `zh-Hant-TW`. `None` when the text is no locale: a language of two or three
    /// letters, then parts of one to eight letters or digits, 35 characters in all.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 35 {
            return None;
        }
        let mut parts = text.split(['-', '_']);
        let language = parts.next().filter(|l| (2..=3).contains(&l.len()))?;
        if !language.bytes().all(|b| b.is_ascii_alphabetic()) {
            return None;
        }
        let mut out = language.to_ascii_lowercase();
        for part in parts {
            if !(1..=8).contains(&part.len()) || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return None;
            }
            out.push('-');
            match part.len() {
                2 => out.push_str(&part.to_ascii_uppercase()),
                4 if part.bytes().all(|b| b.is_ascii_alphabetic()) => {
                    let (head, tail) = part.split_at(1);
                    out.push_str(&head.to_ascii_uppercase());
                    out.push_str(&tail.to_ascii_lowercase());
                }
                _ => out.push_str(&part.to_ascii_lowercase()),
            }
        }
        Some(Self(out))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language alone: `de` of `de-AT`.
    pub fn language(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }

    /// The locale itself, then its language, each once: what `de-AT` may be answered with, best first.
    pub fn candidates(&self) -> impl Iterator<Item = &str> {
        let language = (self.language() != self.0).then(|| self.language());
        std::iter::once(self.0.as_str()).chain(language)
    }
}

impl std::fmt::Display for Locale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kind of copy an answer carries, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// The empty text.
    None,
    /// Copy that people wrote.
    Prewritten,
    /// Generated for a segment; no user attribute was read.
    Segment,
    /// Generated from the user's own attributes.
    User,
}

/// Where the text of an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Written by the LLM for this request, or for one that it shared a flight with.
    Generated,
    /// Written earlier and kept.
    Cache,
    /// Written by people.
    Prewritten,
    /// The empty text.
    None,
}

/// Why a lower tier was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The placement's mode, a ceiling, or the languages it is offered in allow no more.
    Mode,
    /// Outside the share of users that the placement is rolled out to.
    Rollout,
    /// In a holdout.
    Holdout,
    /// No consent to personalisation, and the context alone decides nothing better.
    NoConsent,
    /// The product is not in the catalogue, or its facts lack what the template needs.
    UnknownProduct,
    /// Nothing better was ready in time.
    Deadline,
    /// A guardrail did not pass the text.
    Guardrail,
    /// The LLM failed, refused or was cut off.
    Upstream,
    /// Every provider's circuit breaker is open.
    BreakerOpen,
    /// This key is over its own limit.
    RateLimited,
    /// The budget is spent.
    Budget,
    /// Too many generations wait already.
    Overload,
    /// The log cannot be written, so nothing new is generated.
    StoreUnavailable,
    /// A person has yet to approve the text.
    AwaitingApproval,
    /// A stop is in force.
    Stopped,
    /// This request may not start a generation, or may not get copy written for one user.
    NotAdmitted,
}

/// What a model is asked for: each purpose has a share of its own in the day's budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// A page that asked and had nothing as good.
    #[default]
    Page,
    /// Work in bulk.
    Bulk,
    /// Copy that is there and due to be written anew, and what second models are asked about copy that is kept.
    Refresh,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Page, Self::Bulk, Self::Refresh];

    /// The word for it, in records, the ledger and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Bulk => "bulk",
            Self::Refresh => "refresh",
        }
    }
}

/// An amount of money in millionths of the currency the prices are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub u64);

impl Micros {
    /// From an amount in whole units; negative and not-a-number become zero.
    pub fn from_units(units: f64) -> Self {
        Self((units.max(0.0) * 1e6).round() as u64)
    }

    /// In whole units, for people to read.
    pub fn units(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// The day of a time in UTC: what budgets and counts go by.
pub fn utc_day(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

/// A new UUID v7 whose time is `at`: ids sort by when they were made.
pub fn new_id(at: Timestamp) -> uuid::Uuid {
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &rand::random()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_locale(text: &str, expected: Option<&str>) {
        assert_eq!(Locale::parse(text).as_ref().map(Locale::as_str), expected, "{text}");
    }

    #[test]
    fn locales_are_written_one_way() {
        check_locale("de", Some("de"));
        check_locale("DE_at", Some("de-AT"));
        check_locale("zh-hant-tw", Some("zh-Hant-TW"));
        check_locale("es-419", Some("es-419"));
        check_locale("", None);
        check_locale("e", None);
        check_locale("en-", None);
        check_locale("../../etc", None);
    }

    #[test]
    fn revisions_tell_path_from_content() {
        assert_ne!(Revision::of([("ab", "c")]), Revision::of([("a", "bc")]));
        assert_ne!(Revision::of([("a", "b"), ("c", "d")]), Revision::of([("c", "d"), ("a", "b")]));
    }

    #[test]
    fn ids_sort_by_time() {
        let early = new_id(Timestamp::from_millisecond(1_000).unwrap());
        let late = new_id(Timestamp::from_millisecond(2_000).unwrap());
        assert!(early < late);
    }
}
