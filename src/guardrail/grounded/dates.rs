//! Dates as copy and spec sheets write them: a year, with its quarter, month or day where that is said.

/// A year, as closely as it is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: u16,
    pub(super) quarter: Option<u8>,
    pub(super) month: Option<u8>,
    pub(super) day: Option<u8>,
}

impl Date {
    pub(super) fn of(year: u16) -> Self {
        Self { year, quarter: None, month: None, day: None }
    }

    /// Whether a fact supports all that is said.
    pub(super) fn is_in(self, fact: Self) -> bool {
        let quarter_of = |date: Self| date.quarter.or_else(|| date.month.map(|month| month.div_ceil(3)));
        self.year == fact.year
            && self.day.is_none_or(|day| fact.day == Some(day))
            && self.month.is_none_or(|month| fact.month == Some(month))
            && self.quarter.is_none_or(|quarter| quarter_of(fact) == Some(quarter))
    }
}

/// The year that four digits are.
pub(super) fn year(digits: &str) -> Option<u16> {
    (digits.len() == 4).then(|| digits.parse().ok())?.filter(|year| (1900..=2099).contains(year))
}

const MONTHS: &[&[&str]] = &[
    &["january", "januar", "jan"],
    &["february", "februar", "feb"],
    &["march", "märz", "mar"],
    &["april", "apr"],
    &["may", "mai"],
    &["june", "juni", "jun"],
    &["july", "juli", "jul"],
    &["august", "aug"],
    &["september", "sep", "sept"],
    &["october", "oktober", "oct", "okt"],
    &["november", "nov"],
    &["december", "dezember", "dec", "dez"],
];

/// The month of a name in small letters.
pub(super) fn month(name: &str) -> Option<u8> {
    MONTHS.iter().zip(1_u8..).find(|(names, _)| names.contains(&name)).map(|(_, month)| month)
}

/// The quarter that an ordinal counts.
pub(super) fn quarter_word(word: &str) -> Option<u8> {
    match word {
        "first" | "1st" => Some(1),
        "second" | "2nd" => Some(2),
        "third" | "3rd" => Some(3),
        "fourth" | "4th" | "last" => Some(4),
        _ => None,
    }
}
