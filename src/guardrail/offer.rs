//! The product's offer: until when it holds, and that its facts support nothing afterwards.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::examples::start_of_day;
use crate::condition::look_up;

/// When an offer ends, by `offer.valid_until` among the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nothing is said of it.
    Open,
    At(Timestamp),
    /// What is said of it cannot be read; such an offer supports nothing.
    Unreadable,
}

fn end(facts: &Map<String, Value>, timezone: &TimeZone) -> End {
    let Some(value) = look_up(facts, "offer.valid_until") else { return End::Open };
    let read = value.as_str().map(str::trim).and_then(|text| {
        if let Ok(at) = text.parse::<Timestamp>() {
            return Some(at);
        }
        // A whole day is included. The parser of days would take a whole time too.
        if text.len() == 10 {
            return start_of_day(text.parse::<Date>().ok()?.tomorrow().ok()?, timezone);
        }
        let time = text.parse::<DateTime>().ok()?;
        time.to_zoned(timezone.clone()).ok().map(|zoned| zoned.timestamp())
    });
    read.map_or(End::Unreadable, End::At)
}

/// The instant from which the offer holds no more; `None` when none is said, or it cannot be read.
pub(super) fn ends(facts: &Map<String, Value>, timezone: &TimeZone) -> Option<Timestamp> {
    match end(facts, timezone) {
        End::At(at) => Some(at),
        End::Open | End::Unreadable => None,
    }
}

/// The facts that hold at an instant: without the offer once it has ended. Without an instant, whatever its end.
pub(super) fn in_force<'f>(
    facts: &'f Map<String, Value>,
    timezone: &TimeZone,
    at: Option<Timestamp>,
) -> Cow<'f, Map<String, Value>> {
    let over = match (at, end(facts, timezone)) {
        (None, _) | (_, End::Open) => false,
        (Some(at), End::At(end)) => end <= at,
        (Some(_), End::Unreadable) => true,
    };
    if !over {
        return Cow::Borrowed(facts);
    }
    let is_offer = |key: &str| key == "offer" || key.starts_with("offer.");
    let kept = facts.iter().filter(|(key, _)| !is_offer(key));
    Cow::Owned(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_offer_holds_until_it_ends() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        for (valid_until, at, holds) in [
            (json!("2026-12-01T10:00:00Z"), "2026-12-01T09:59:59Z", true),
            (json!("2026-12-01T10:00:00Z"), "2026-12-01T10:00:00Z", false),
            (json!("2026-12-01T10:00:00+01:00"), "2026-12-01T09:00:00Z", false),
            (json!("2026-12-01"), "2026-12-01T22:59:59Z", true),
            (json!("2026-12-01"), "2026-12-01T23:00:00Z", false),
            (json!("2026-12-01T10:00:00"), "2026-12-01T08:59:59Z", true),
            (json!("2026-12-01T10:00:00"), "2026-12-01T09:00:00Z", false),
            (json!(null), "2026-12-01T10:00:00Z", true),
            (json!("soon"), "2026-12-01T10:00:00Z", false),
            (json!(20261201), "2026-12-01T10:00:00Z", false),
        ] {
            for facts in [
                json!({"id": "1", "offer": {"apr": 9, "valid_until": valid_until}}),
                json!({"id": "1", "offer.apr": 9, "offer.valid_until": valid_until}),
            ] {
                let facts = facts.as_object().unwrap();
                let at = at.parse().unwrap();
                let kept = in_force(facts, &berlin, Some(at));
                assert_eq!(look_up(&kept, "offer.apr").is_some(), holds, "{facts:?} {at}");
                assert!(look_up(&kept, "id").is_some());
                assert!(look_up(&in_force(facts, &berlin, None), "offer.apr").is_some());
            }
        }
    }
}
