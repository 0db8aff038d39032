//! Days and months as spans of whole hours, and what is made of figures over them. Pure: values in, values out.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::audit::counts::{Sum, hour};
use crate::casefile::words;
use crate::words::{Reason, Source, Tier};

/// Days in a zone, oldest first, each as the hours since 1970 that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Days {
    pub(super) dates: Vec<Date>,
    pub(super) spans: Vec<(i64, i64)>,
}

impl Days {
    /// The last `count` days in a zone, today included.
    pub(super) fn last(now: Timestamp, zone: &TimeZone, count: i64) -> Self {
        let today = now.to_zoned(zone.clone()).date();
        Self::from(today.saturating_sub(Span::new().days((count - 1).clamp(0, 400))), today, zone)
    }

    /// The days from one to another, both included.
    pub(super) fn from(first: Date, last: Date, zone: &TimeZone) -> Self {
        let dates: Vec<Date> = first.series(1.day()).take_while(|date| *date <= last).take(400).collect();
        let spans = dates.iter().map(|date| (begins(*date, zone), begins(next(*date), zone))).collect();
        Self { dates, spans }
    }

    /// All of them as one span.
    pub(super) fn whole(&self) -> (i64, i64) {
        let first = self.spans.first().map_or(0, |span| span.0);
        (first, self.spans.last().map_or(first, |span| span.1))
    }

    /// The last of them.
    pub(super) fn today(&self) -> (i64, i64) {
        self.spans.last().copied().unwrap_or_default()
    }

    /// Their names, as charts write them.
    pub(super) fn names(&self) -> Vec<String> {
        self.dates.iter().map(|date| date.strftime("%-d %b").to_string()).collect()
    }

    /// A value for each day: what `of` makes of its sums.
    pub(super) fn each<T>(&self, sums: &[Sum], mut of: impl FnMut(&[&Sum]) -> T) -> Vec<T> {
        let mut by_day: Vec<Vec<&Sum>> = vec![Vec::new(); self.spans.len()];
        for sum in sums {
            if let Some(day) = by_day.get_mut(sum.span) {
                day.push(sum);
            }
        }
        by_day.iter().map(|day| of(day)).collect()
    }
}

fn next(date: Date) -> Date {
    date.saturating_add(1.day())
}

/// The whole hour in UTC in which a day begins in a zone.
fn begins(date: Date, zone: &TimeZone) -> i64 {
    date.to_zoned(zone.clone()).map_or(0, |midnight| hour(midnight.timestamp()))
}

/// Whether days in a zone begin within an hour of UTC, so that the figures of a day begin up to an hour before it.
pub(super) fn begins_within_hours(at: Timestamp, zone: &TimeZone) -> bool {
    zone.to_offset(at).seconds() % 3_600 != 0
}

/// A month in a zone, by `2026-11`.
pub(super) fn month(text: &str, zone: &TimeZone) -> Option<Days> {
    let (year, month) = text.split_once('-')?;
    if year.len() != 4 || month.len() != 2 {
        return None;
    }
    let first = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
    Some(Days::from(first, first.last_of_month(), zone))
}

/// The months from one time to another in a zone, the newest first, as `2026-11`: at most so many.
pub(super) fn months(from: Timestamp, to: Timestamp, zone: &TimeZone, most: usize) -> Vec<String> {
    let date = |at: Timestamp| at.to_zoned(zone.clone()).date().first_of_month();
    let (first, mut at) = (date(from), date(to));
    let mut found = Vec::new();
    while at >= first && found.len() < most {
        found.push(at.strftime("%Y-%m").to_string());
        at = at.saturating_sub(1.month());
    }
    found
}

/// The contract's value for a word; `None` of a word that a later version wrote.
pub(super) fn read<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(Value::String(word.to_owned())).ok()
}

/// What a reason's word means.
pub(super) fn reason(word: &str) -> &'static str {
    read::<Reason>(word).map_or("No reason is recorded.", words::reason)
}

/// What a source's word means.
pub(super) fn source(word: &str) -> &'static str {
    read::<Source>(word).map_or("of an unknown source", words::source)
}

/// What a tier is called in charts, from the best down.
pub(super) fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::User => "for one visitor",
        Tier::Segment => "for a segment",
        Tier::Prewritten => "pre-written",
        Tier::None => "empty",
    }
}

/// How often, over all.
pub(super) fn count<'s>(sums: impl IntoIterator<Item = &'s Sum>) -> u64 {
    sums.into_iter().map(|sum| sum.n).sum()
}

/// How much, over all.
pub(super) fn total<'s>(sums: impl IntoIterator<Item = &'s Sum>) -> u64 {
    sums.into_iter().map(|sum| sum.total).fold(0, u64::saturating_add)
}

/// How often, by one of the parts of the name; sorted by that.
pub(super) fn by_part<'s>(
    sums: impl IntoIterator<Item = &'s Sum>,
    part: usize,
) -> BTreeMap<&'s str, (u64, u64)> {
    let mut found = BTreeMap::new();
    for sum in sums {
        let (n, total): &mut (u64, u64) = found.entry(sum.part(part)).or_default();
        (*n, *total) = (*n + sum.n, total.saturating_add(sum.total));
    }
    found
}

/// Of serves whose copy a model wrote: how many were answered with copy that was kept already, and how many there were.
pub(super) fn kept<'s>(serves: impl IntoIterator<Item = &'s Sum>) -> (u64, u64) {
    let by_source = by_part(serves, 1);
    let of = |source: &str| by_source.get(source).map_or(0, |(n, _)| *n);
    (of("cache"), of("cache") + of("generated"))
}

/// What rules found, a rule a row: those that blocked most first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) rule: String,
    /// In so many generations its strictest finding blocked.
    pub(super) blocked: u64,
    /// … had the text written again.
    pub(super) repaired: u64,
    /// … was corrected by the machine.
    pub(super) fixed: u64,
    /// … was noted.
    pub(super) noted: u64,
    /// In so many it found something while it was only tried.
    pub(super) shadow: u64,
}

impl Found {
    /// In how many generations it found something that counts.
    pub(super) fn all(&self) -> u64 {
        self.blocked + self.repaired + self.fixed + self.noted
    }
}

/// What rules found, by the sums of `What::Finding`.
pub(super) fn found(sums: &[Sum]) -> Vec<Found> {
    let mut rules: BTreeMap<&str, Found> = BTreeMap::new();
    for sum in sums {
        let found = rules.entry(sum.part(0)).or_default();
        match (sum.part(2), sum.part(1)) {
            ("shadow", _) => found.shadow += sum.n,
            (_, "block") => found.blocked += sum.n,
            (_, "repair") => found.repaired += sum.n,
            (_, "fix") => found.fixed += sum.n,
            _ => found.noted += sum.n,
        }
    }
    let mut rules: Vec<Found> =
        rules.into_iter().map(|(rule, found)| Found { rule: rule.to_owned(), ..found }).collect();
    rules.sort_by(|a, b| {
        (b.blocked, b.all(), b.shadow, &a.rule).cmp(&(a.blocked, a.all(), a.shadow, &b.rule))
    });
    rules
}

/// The middle one of some values, and the largest; `None` of none.
pub(super) fn middle_and_largest(mut values: Vec<u64>) -> Option<(u64, u64)> {
    values.sort_unstable();
    Some((*values.get(values.len().saturating_sub(1) / 2)?, *values.last()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn sum(span: usize, parts: &[&str], n: u64) -> Sum {
        Sum { span, parts: parts.iter().map(|part| (*part).to_owned()).collect(), n, total: 10 * n }
    }

    #[test]
    fn days_are_the_zones_and_follow_its_clock() {
        for (now, name, count, first, hours) in [
            ("2026-11-22T23:30:00Z", "UTC", 2, "2026-11-21T00:00:00Z", vec![24, 24]),
            ("2026-11-22T23:30:00Z", "Europe/Berlin", 2, "2026-11-21T23:00:00Z", vec![24, 24]),
            ("2026-10-25T12:00:00Z", "Europe/London", 2, "2026-10-23T23:00:00Z", vec![24, 25]),
            ("2026-03-29T12:00:00Z", "Europe/London", 1, "2026-03-29T00:00:00Z", vec![23]),
            ("2026-11-22T12:00:00Z", "Asia/Kolkata", 1, "2026-11-21T18:00:00Z", vec![24]),
        ] {
            let days = Days::last(at(now), &zone(name), count);
            assert_eq!(days.whole().0, hour(at(first)), "{now} {name}");
            assert_eq!(
                days.spans.iter().map(|(from, to)| to - from).collect::<Vec<_>>(),
                hours,
                "{now} {name}"
            );
            assert!(days.spans.windows(2).all(|pair| pair[0].1 == pair[1].0));
        }
        assert!(begins_within_hours(at("2026-11-22T12:00:00Z"), &zone("Asia/Kolkata")));
        assert!(!begins_within_hours(at("2026-11-22T12:00:00Z"), &zone("Europe/London")));
    }

    #[test]
    fn months_are_read_and_listed() {
        let london = zone("Europe/London");
        let days = month("2026-02", &london).unwrap();
        assert_eq!((days.dates.len(), days.whole().0), (28, hour(at("2026-02-01T00:00:00Z"))));
        for wrong in ["", "2026", "2026-13", "2026-00", "26-02", "2026-2", "-001-02", "2026-11-01", "☃-02"]
        {
            assert_eq!(month(wrong, &london), None, "{wrong}");
        }
        assert!(month("9999-12", &london).is_some());
        let listed = months(at("2026-10-31T23:30:00Z"), at("2027-01-05T00:00:00Z"), &london, 10);
        assert_eq!(listed, ["2027-01", "2026-12", "2026-11", "2026-10"]);
        let listed =
            months(at("2026-10-31T23:30:00Z"), at("2027-01-05T00:00:00Z"), &zone("Europe/Berlin"), 10);
        assert_eq!(listed, ["2027-01", "2026-12", "2026-11"]);
        assert_eq!(months(at("1970-01-01T00:00:00Z"), at("2027-01-05T00:00:00Z"), &london, 3).len(), 3);
    }

    #[test]
    fn sums_become_figures() {
        let serves = [
            sum(0, &["user", "cache", ""], 6),
            sum(0, &["segment", "generated", "deadline"], 2),
            sum(1, &["prewritten", "prewritten", "mode"], 5),
        ];
        assert_eq!(kept(&serves), (6, 8));
        assert_eq!((count(&serves), total(&serves)), (13, 130));
        assert_eq!(by_part(&serves, 2)["mode"], (5, 50));
        let days = Days { dates: vec![Date::ZERO; 3], spans: vec![(0, 24), (24, 48), (48, 72)] };
        assert_eq!(days.each(&serves, |day| count(day.iter().copied())), [8, 5, 0]);
    }

    #[test]
    fn rules_that_block_most_come_first() {
        let sums = [
            sum(0, &["a", "note", "enforce", "x"], 90),
            sum(0, &["b", "block", "enforce", "x"], 1),
            sum(0, &["b", "block", "enforce", "y"], 2),
            sum(0, &["b", "repair", "enforce", "y"], 4),
            sum(0, &["c", "block", "shadow", "y"], 50),
        ];
        let told: Vec<_> = found(&sums)
            .into_iter()
            .map(|found| (found.rule.clone(), found.blocked, found.all(), found.shadow))
            .collect();
        assert_eq!(told, [("b".into(), 3, 7, 0), ("a".into(), 0, 90, 0), ("c".into(), 0, 0, 50)]);
    }

    #[test]
    fn the_middle_is_one_of_them() {
        assert_eq!(middle_and_largest(vec![]), None);
        assert_eq!(middle_and_largest(vec![9]), Some((9, 9)));
        assert_eq!(middle_and_largest(vec![9, 1, 4, 2]), Some((2, 9)));
    }

    #[test]
    fn unknown_words_are_said_to_be_unknown() {
        assert_eq!(reason("deadline"), "Nothing better was ready in the time that the page could wait.");
        assert_eq!(reason("a later one"), "No reason is recorded.");
    }
}
