//! How times, ids, numbers and shares are written on pages: as HTML that is escaped already.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

use crate::guardrail::is_invisible;
use crate::words::Micros;

/// HTML that is safe to put on a page: made from values that are escaped or cannot hold markup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Safe(pub(super) String);

impl fmt::Display for Safe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Safe {}

/// Text as HTML shows it.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Writes a character of a text that somebody or something wrote, after the one before it. What nobody would see, or what
/// turns the direction of writing, is shown by its number.
pub(super) fn letter(html: &mut String, before: Option<char>, c: char) {
    // What joins and colours the parts of an emoji is seen in it.
    let is_pictured = |c: char| matches!(c, '\u{203c}'..='\u{3299}' | '\u{1f000}'..='\u{1faff}' | '\u{fe0f}');
    let within =
        matches!(c, '\u{200d}' | '\u{fe0f}') && before.is_some_and(|c| is_pictured(c) || c.is_ascii_digit());
    match c {
        '\n' | '\t' => html.push(c),
        c if !within && (c.is_control() || is_invisible(c)) => {
            html.push_str(&format!("<span class=\"unseen\">⟨U+{:04X}⟩</span>", u32::from(c)));
        }
        c => html.push_str(&escape(c.encode_utf8(&mut [0; 4]))),
    }
}

/// Text that models or users wrote, escaped; what cannot be seen, or turns the direction of writing, is shown by its number.
pub(super) fn visible(text: &str) -> Safe {
    let (mut html, mut before) = (String::with_capacity(text.len()), None);
    for c in text.chars() {
        letter(&mut html, before, c);
        before = Some(c);
    }
    Safe(html)
}

/// The beginning of a text: so many characters, and a sign where there is more.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A moment in the reader's zone, to the minute; the whole of it in UTC when pointed at.
pub(super) fn when(at: Timestamp, zone: &TimeZone) -> Safe {
    written(at, zone, "%-d %b %Y, %H:%M")
}

/// The same as short as rows have it: the time of a moment today, the day of one earlier.
pub(super) fn briefly(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Safe {
    let (day, today) = (at.to_zoned(zone.clone()).date(), now.to_zoned(zone.clone()).date());
    let pattern = match (day == today, day.year() == today.year()) {
        (true, _) => "%H:%M",
        (false, true) => "%-d %b",
        (false, false) => "%-d %b %Y",
    };
    written(at, zone, pattern)
}

/// The same to the second.
pub(super) fn exactly(at: Timestamp, zone: &TimeZone) -> Safe {
    written(at, zone, "%-d %b %Y, %H:%M:%S")
}

/// The day alone.
pub(super) fn day(at: Timestamp, zone: &TimeZone) -> Safe {
    written(at, zone, "%-d %b %Y")
}

fn written(at: Timestamp, zone: &TimeZone, pattern: &str) -> Safe {
    let shown = at.to_zoned(zone.clone()).strftime(pattern).to_string();
    let utc = at.round(Unit::Second).unwrap_or(at);
    Safe(format!("<time datetime=\"{at}\" title=\"{utc}\">{}</time>", escape(&shown)))
}

/// How long ago, in the largest unit that says something; `just now` below a minute.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second());
    let (count, unit) = match seconds {
        ..60 => return "just now".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{} ago", counted(u64::try_from(count).unwrap_or(0), unit))
}

/// An id, or any hash, by its end or beginning; the whole is copied when it is pressed.
pub(super) fn id(id: impl fmt::Display) -> Safe {
    let whole = id.to_string();
    // The beginning of a UUID v7 is the time, which rows show anyway.
    let short: String = match whole.len() {
        36 => whole.chars().skip(24).collect(),
        _ => whole.chars().take(15).collect(),
    };
    Safe(format!(
        "<button type=\"button\" class=\"id\" data-copy=\"{0}\" title=\"Copy {0}\">{1}</button>",
        escape(&whole),
        escape(&short)
    ))
}

/// A whole number with thousands apart.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut said = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            said.push(',');
        }
        said.push(digit);
    }
    said
}

/// `1 text`, `2 texts`, `1,204 texts`.
pub(super) fn counted(n: u64, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", number(n)) }
}

/// A share of a whole in per cent; a dash of nothing.
#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^53")]
pub(super) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let percent = part as f64 * 100.0 / whole as f64;
    // What is nearly all is not all, and what is nearly nothing is not nothing.
    match percent {
        p if p > 0.0 && p < 0.1 => "< 0.1%".to_owned(),
        p if p < 100.0 && p > 99.9 => "> 99.9%".to_owned(),
        p if p == 0.0 || p == 100.0 => format!("{p:.0}%"),
        p => format!("{p:.1}%"),
    }
}

/// An amount in the currency of the prices.
pub(super) fn money(amount: Micros) -> String {
    let units = amount.units();
    if units != 0.0 && units < 0.01 { format!("{units:.4}") } else { format!("{units:.2}") }
}

/// Microseconds, in milliseconds or seconds.
#[expect(clippy::cast_precision_loss, reason = "no duration here comes near 2^53 microseconds")]
pub(super) fn took(micros: u64) -> String {
    let millis = micros as f64 / 1e3;
    match millis {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 1_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!([0, 7, 999, 1_000, 1_204_007].map(number), ["0", "7", "999", "1,000", "1,204,007"]);
        assert_eq!([0, 1, 1_204].map(|n| counted(n, "text")), ["0 texts", "1 text", "1,204 texts"]);
        for (part, whole, said) in [
            (0, 0, "–"),
            (0, 7, "0%"),
            (1, 3, "33.3%"),
            (7, 7, "100%"),
            (1, 1_000_000, "< 0.1%"),
            (999_999, 1_000_000, "> 99.9%"),
        ] {
            assert_eq!(share(part, whole), said);
        }
        assert_eq!([420, 12_345, 2_345_678].map(took), ["0.4 ms", "12 ms", "2.3 s"]);
    }

    #[test]
    fn times_are_the_readers_and_tell_utc() {
        let at: Timestamp = "2026-07-01T22:30:05.25Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(
            when(at, &zone).0,
            "<time datetime=\"2026-07-01T22:30:05.25Z\" title=\"2026-07-01T22:30:05Z\">2 Jul 2026, 00:30</time>"
        );
        let now = |seconds| Timestamp::from_second(at.as_second() + seconds).unwrap();
        assert_eq!(
            [-5, 59, 60, 7_300, 172_800].map(|seconds| ago(at, now(seconds))),
            ["just now", "just now", "1 minute ago", "2 hours ago", "2 days ago"]
        );
    }

    #[test]
    fn rows_have_times_as_short_as_can_be() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = "2026-07-01T22:30:00Z".parse().unwrap();
        for (at, shown) in [
            ("2026-07-01T22:05:00Z", ">00:05<"),
            ("2026-07-01T21:05:00Z", ">1 Jul<"),
            ("2025-12-31T22:05:00Z", ">31 Dec 2025<"),
        ] {
            assert!(briefly(at.parse().unwrap(), now, &zone).0.contains(shown), "{at}");
        }
    }

    #[test]
    fn nothing_that_was_written_becomes_markup() {
        assert_eq!(escape("<b onclick='x'>&\"</b>"), "&lt;b onclick=&#39;x&#39;&gt;&amp;&quot;&lt;/b&gt;");
        assert!(!id("\"><script>").0.contains("<script>"));
        assert_eq!(
            visible("a\u{202e}<i>\u{200b}b\n").0,
            "a<span class=\"unseen\">⟨U+202E⟩</span>&lt;i&gt;<span class=\"unseen\">⟨U+200B⟩</span>b\n"
        );
    }
}
