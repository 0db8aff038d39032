//! What digits with commas and points in them may mean, by how a language writes decimals.

use std::borrow::Cow;

/// A number and how many decimals it is written with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    pub(super) value: f64,
    pub(super) decimals: u8,
}

/// The languages in which a comma stands before decimals.
pub(in crate::guardrail) fn writes_decimal_comma(language: &str) -> bool {
    matches!(
        language,
        "de" | "fr"
            | "es"
            | "it"
            | "nl"
            | "pl"
            | "pt"
            | "sv"
            | "da"
            | "fi"
            | "nb"
            | "no"
            | "nn"
            | "cs"
            | "sk"
            | "ru"
            | "uk"
            | "tr"
            | "hu"
            | "ro"
            | "bg"
            | "el"
            | "hr"
            | "sl"
            | "et"
            | "lv"
            | "lt"
            | "id"
    )
}

/// What a number's digits and separators may mean: as one number, and as a list.
pub(super) fn read(body: &str, decimal_comma: Option<bool>) -> (Vec<Reading>, Vec<Reading>) {
    let body: Cow<'_, str> = if body.contains('\'') { body.replace('\'', "").into() } else { body.into() };
    let (commas, points) = (body.matches(',').count(), body.matches('.').count());
    let mut readings: Vec<Reading> = match (commas, points) {
        (0, 0) => parse(&body, None).into_iter().collect(),
        (1, 0) | (0, 1) => {
            let (sign, is_comma) = if commas == 1 { (',', true) } else { ('.', false) };
            let decimal = parse(&body, Some(sign));
            let thousands = thousands(&body, sign);
            match decimal_comma {
                Some(comma) if comma == is_comma => vec![decimal],
                Some(_) => vec![thousands.or(decimal)],
                None => vec![thousands, decimal],
            }
            .into_iter()
            .flatten()
            .collect()
        }
        (_, 0) => thousands(&body, ',').into_iter().collect(),
        (0, _) => thousands(&body, '.').into_iter().collect(),
        _ => {
            // With both signs the last one stands before the decimals.
            let (group, decimal) = if body.rfind(',') > body.rfind('.') { ('.', ',') } else { (',', '.') };
            let whole = body.split(decimal).next().unwrap_or_default();
            let fits = body.matches(decimal).count() == 1 && thousands(whole, group).is_some();
            fits.then(|| parse(&body.replace(group, ""), Some(decimal))).flatten().into_iter().collect()
        }
    };
    readings.dedup();
    let items = if commas > 0 {
        body.split(',').filter_map(|item| parse(item, Some('.'))).collect()
    } else {
        Vec::new()
    };
    (readings, items)
}

fn parse(digits: &str, decimal: Option<char>) -> Option<Reading> {
    let (whole, fraction) = decimal.and_then(|sign| digits.split_once(sign)).unwrap_or((digits, ""));
    let value = match (fraction, decimal) {
        ("", _) => whole.parse(),
        (_, Some('.')) => digits.parse(),
        _ => format!("{whole}.{fraction}").parse(),
    };
    let value = value.ok().filter(|value: &f64| value.is_finite())?;
    Some(Reading { value, decimals: u8::try_from(fraction.len()).unwrap_or(u8::MAX) })
}

fn thousands(digits: &str, sign: char) -> Option<Reading> {
    let mut groups = digits.split(sign);
    let first = groups.next()?;
    let fits = (1..=3).contains(&first.len()) && first != "0" && groups.all(|group| group.len() == 3);
    fits.then(|| parse(&digits.replace(sign, ""), None)).flatten()
}
