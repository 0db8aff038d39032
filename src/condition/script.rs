//! How JavaScript reads JSON values: the abstract operations of ECMAScript that conditions come down to.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

/// `String(value)`, ECMAScript's ToString: the items of a list with commas between them, nulls among them empty.
pub(super) fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => "null".into(),
        Value::Bool(true) => "true".into(),
        Value::Bool(false) => "false".into(),
        Value::Number(number) => number_text(double(number)).into(),
        Value::String(text) => text.into(),
        Value::Array(items) => {
            let text = |item| if matches!(item, &Value::Null) { Cow::Borrowed("") } else { text_of(item) };
            let items: Vec<_> = items.iter().map(text).collect();
            items.join(",").into()
        }
        Value::Object(_) => "[object Object]".into(),
    }
}

/// `Number(value)`, ECMAScript's ToNumber: lists and objects through their text; not a number where nothing fits.
pub(super) fn number_of(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::Number(number) => double(number),
        Value::String(text) => number_in(text),
        Value::Array(_) | Value::Object(_) => number_in(&text_of(value)),
    }
}

/// `!!value`, ECMAScript's ToBoolean.
pub(super) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => double(number) != 0.0,
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// `a === b`, ECMAScript's IsStrictlyEqual, between values that were read separately: two lists or two objects are never
/// the same one.
pub(super) fn identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => double(a) == double(b),
        (Value::String(a), Value::String(b)) => a == b,
        _ => false,
    }
}

/// What `<`, `<=`, `>` and `>=` go by, ECMAScript's IsLessThan: two texts (lists and objects are texts here) by their
/// UTF-16 code units, anything else as numbers. `None` when one of those is not a number: then none of the four holds.
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    // What is compared most needs no conversion.
    if let (Value::Number(a), Value::Number(b)) = (a, b) {
        return double(a).partial_cmp(&double(b));
    }
    match (primitive_text(a), primitive_text(b)) {
        (Some(a), Some(b)) => Some(compare_texts(&a, &b)),
        _ => number_of(a).partial_cmp(&number_of(b)),
    }
}

/// Texts in the order that JavaScript puts them: by UTF-16 code units, which is not the order of their characters.
pub(super) fn compare_texts(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

/// `JSON.stringify(value)`, ECMAScript's SerializeJSONProperty: keys as written, but those that could be the index of a
/// list first and ascending, as the properties of an object are enumerated.
pub(super) fn json_text(value: &Value) -> String {
    let mut text = String::new();
    write_json(value, &mut text);
    text
}

/// `text.toLowerCase()`.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return text.into();
    }
    text.to_lowercase().into()
}

/// Every number is a double.
fn double(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

/// ECMAScript's ToPrimitive, where it gives a text.
fn primitive_text(value: &Value) -> Option<Cow<'_, str>> {
    matches!(value, Value::String(_) | Value::Array(_) | Value::Object(_)).then(|| text_of(value))
}

/// ECMAScript's Number::toString: the fewest digits that tell the number from its neighbours, written out between
/// 10^-6 and 10^21 and with an exponent beyond.
fn number_text(number: f64) -> String {
    // JSON knows no number that is not finite.
    let Some(written) = Number::from_f64(number.abs()) else { return "NaN".to_owned() };
    // The same fewest digits, though not the same way to write them; those of `{:e}` go up where two are as near, and
    // JavaScript's to the even one.
    let written = written.to_string();
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let leading = all.len() - digits.len();
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return "0".to_owned();
    }
    let sign = if number < 0.0 { "-" } else { "" };
    // Where the point is, counted from the first digit.
    let signed = |length: usize| i32::try_from(length).unwrap_or_default();
    let point = signed(whole.len()) - signed(leading) + exponent.parse::<i32>().unwrap_or_default();
    let places = usize::try_from(point.abs()).unwrap_or_default();
    match (point, digits.split_at_checked(places)) {
        (1..=21, Some((whole, ""))) => format!("{sign}{whole}"),
        (1..=21, Some((whole, fraction))) => format!("{sign}{whole}.{fraction}"),
        (1..=21, None) => format!("{sign}{digits:0<places$}"),
        (-5..=0, _) => format!("{sign}0.{}{digits}", "0".repeat(places)),
        _ => {
            let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
            let dot = if rest.is_empty() { "" } else { "." };
            format!("{sign}{first}{dot}{rest}e{:+}", point - 1)
        }
    }
}

/// ECMAScript's StringToNumber.
fn number_in(text: &str) -> f64 {
    let text = text.trim_matches(is_space);
    let radix = |prefixes: [&str; 2]| prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
    if text.is_empty() {
        0.0
    } else if let Some(digits) = radix(["0x", "0X"]) {
        binary_number(digits, 4)
    } else if let Some(digits) = radix(["0o", "0O"]) {
        binary_number(digits, 3)
    } else if let Some(digits) = radix(["0b", "0B"]) {
        binary_number(digits, 1)
    } else {
        decimal_number(text)
    }
}

/// Digits of `bits` bits each, rounded to the nearest double, ties to even.
fn binary_number(digits: &str, bits: u32) -> f64 {
    if digits.is_empty() {
        return f64::NAN;
    }
    // The leading bits, with the lowest of them standing for all that were dropped: rounding asks no more of those.
    let (mut leading, mut dropped): (u128, i32) = (0, 0);
    for digit in digits.chars() {
        let Some(digit) = digit.to_digit(1 << bits) else { return f64::NAN };
        if leading >> 100 == 0 {
            leading = (leading << bits) | u128::from(digit);
        } else {
            leading |= u128::from(digit != 0);
            dropped = dropped.saturating_add(bits.cast_signed());
        }
    }
    // Rounds to the nearest double, ties to even; times a power of two that stays the nearest.
    #[allow(clippy::cast_precision_loss)]
    let leading = leading as f64;
    leading * 2f64.powi(dropped)
}

/// `Infinity`, or a decimal literal; each may have a sign. The library's own reading takes more words than that.
fn decimal_number(text: &str) -> f64 {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "Infinity" {
        return if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return f64::NAN;
    }
    text.parse().unwrap_or(f64::NAN)
}

/// ECMAScript's WhiteSpace and LineTerminator.
fn is_space(c: char) -> bool {
    super::pattern::SPACES.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(c)))
}

fn write_json(value: &Value, into: &mut String) {
    match value {
        Value::Array(items) => {
            into.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    into.push(',');
                }
                write_json(item, into);
            }
            into.push(']');
        }
        Value::Object(map) => {
            into.push('{');
            for (place, (key, item)) in enumerated(map).into_iter().enumerate() {
                if place > 0 {
                    into.push(',');
                }
                write_text(key, into);
                into.push(':');
                write_json(item, into);
            }
            into.push('}');
        }
        Value::String(text) => write_text(text, into),
        _ => into.push_str(&text_of(value)),
    }
}

/// ECMAScript's QuoteJSONString, which for texts without half characters is what everybody writes.
fn write_text(text: &str, into: &mut String) {
    into.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// ECMAScript's OrdinaryOwnPropertyKeys.
fn enumerated(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    // The sort is stable, so that the keys that are no index stay as they were written.
    entries.sort_by_key(|(key, _)| index(key).map_or((true, 0), |index| (false, index)));
    entries
}

/// A key that could be the index of a list, written as its number would be.
fn index(key: &str) -> Option<u32> {
    let plain = key == "0" || key.starts_with(|c: char| matches!(c, '1'..='9'));
    key.parse().ok().filter(|index| plain && *index < u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts() {
        let check = |value: Value, text: &str| assert_eq!(text_of(&value), text, "{value}");
        check(json!(null), "null");
        check(json!(true), "true");
        check(json!("a"), "a");
        check(json!({}), "[object Object]");
        check(json!([]), "");
        check(json!([null]), "");
        check(json!([1, [2, null, ["x"]], {}]), "1,2,,x,[object Object]");
        check(json!(1.0), "1");
        check(json!(-0.0), "0");
        check(json!(-1.5), "-1.5");
        check(json!(1e20), "100000000000000000000");
        check(json!(1e21), "1e+21");
        check(json!(1.25e21), "1.25e+21");
        check(json!(123_456.789), "123456.789");
        check(json!(1e-6), "0.000001");
        check(json!(1.5e-6), "0.0000015");
        check(json!(1e-7), "1e-7");
        check(json!(-1.5e-7), "-1.5e-7");
        check(json!(9_007_199_254_740_993_u64), "9007199254740992");
        check(json!(u64::MAX), "18446744073709552000");
        check(json!(5e-324), "5e-324");
        // Halfway between the two nearest texts: the even digit.
        check(json!("1474271686747670.25".parse::<f64>().unwrap()), "1474271686747670.2");
    }

    #[test]
    fn numbers() {
        let check = |value: Value, number: f64| assert_eq!(number_of(&value), number, "{value}");
        check(json!(null), 0.0);
        check(json!(true), 1.0);
        check(json!(""), 0.0);
        check(json!("\u{feff}\u{2029}\u{a0} 12\t\n"), 12.0);
        check(json!("1."), 1.0);
        check(json!(".5"), 0.5);
        check(json!("-1e3"), -1000.0);
        check(json!("0x1F"), 31.0);
        check(json!("0O17"), 15.0);
        check(json!("0b101"), 5.0);
        check(json!("0x20000000000001"), 9_007_199_254_740_992.0);
        check(json!("0x20000000000003"), 9_007_199_254_740_996.0);
        check(
            json!(format!("0x80000000000004{}1", "0".repeat(40))),
            36_028_797_018_963_976.0 * 2f64.powi(164),
        );
        check(json!("Infinity"), f64::INFINITY);
        check(json!("-Infinity"), f64::NEG_INFINITY);
        check(json!(format!("0x{}", "f".repeat(300))), f64::INFINITY);
        check(json!([]), 0.0);
        check(json!([[" 7 "]]), 7.0);
        for text in [
            "inf", "nan", "infinity", "1_0", "-0x1", "0x", "0b2", ".", "e5", "1e", "1n", "1 2", "+",
            "\u{85}1",
        ] {
            assert!(number_of(&json!(text)).is_nan(), "{text}");
        }
        assert!(number_of(&json!([1, 2])).is_nan());
        assert!(number_of(&json!({})).is_nan());
    }

    #[test]
    fn truths() {
        for value in [json!(null), json!(false), json!(0), json!(-0.0), json!("")] {
            assert!(!truthy(&value), "{value}");
        }
        for value in [json!(true), json!(0.1), json!("0"), json!([]), json!({})] {
            assert!(truthy(&value), "{value}");
        }
    }

    #[test]
    fn identities() {
        assert!(identical(&json!(1), &json!(1.0)));
        assert!(identical(&json!(0), &json!(-0.0)));
        assert!(identical(&json!(9_007_199_254_740_993_u64), &json!(9_007_199_254_740_992_u64)));
        assert!(identical(&json!(null), &json!(null)));
        assert!(!identical(&json!("1"), &json!(1)));
        assert!(!identical(&json!([]), &json!([])));
        assert!(!identical(&json!({}), &json!({})));
    }

    #[test]
    fn comparisons() {
        use Ordering::{Equal, Greater, Less};
        let check = |a: Value, b: Value, order| assert_eq!(compare(&a, &b), order, "{a} {b}");
        check(json!(2), json!("10"), Some(Less));
        check(json!("2"), json!("10"), Some(Greater));
        check(json!(null), json!(0), Some(Equal));
        check(json!(null), json!(-1), Some(Greater));
        check(json!(true), json!("1"), Some(Equal));
        check(json!([2]), json!([10]), Some(Greater));
        check(json!([2]), json!(10), Some(Less));
        check(json!({}), json!("[object Object]"), Some(Equal));
        check(json!("x"), json!(1), None);
        check(json!(null), json!("x"), None);
        // The first is half of a pair in UTF-16, and so goes before.
        check(json!("😀"), json!("\u{ff01}"), Some(Less));
    }

    #[test]
    fn json_texts() {
        let check = |value: Value, text: &str| assert_eq!(json_text(&value), text);
        check(json!([1.0, -0.0, 1e21, null]), "[1,0,1e+21,null]");
        check(
            json!("\"\\\u{8}\u{c}\n\r\t\u{1f}\u{7f}\u{2028}é"),
            "\"\\\"\\\\\\b\\f\\n\\r\\t\\u001f\u{7f}\u{2028}é\"",
        );
        check(json!({"b": 1, "10": {}, "a": [], "9": "x"}), r#"{"9":"x","10":{},"b":1,"a":[]}"#);
        check(json!({"01": 1, "4294967295": 2, "4294967294": 3, "-1": 4}), {
            r#"{"4294967294":3,"01":1,"4294967295":2,"-1":4}"#
        });
    }

    #[test]
    fn lower_case() {
        assert!(matches!(lower("blue 7"), Cow::Borrowed("blue 7")));
        assert_eq!(lower("ÄRGER"), "ärger");
        assert_eq!(lower("ΟΔΟΣ"), "οδος");
        assert_eq!(lower("İ"), "i\u{307}");
    }
}
