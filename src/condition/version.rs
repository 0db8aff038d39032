//! Versions as GrowthBook compares them: padded, so that their texts stand in the order of the versions.

use std::cmp::Ordering;

use serde_json::Value;

use super::script;

/// A version's padded text. Numbers count as their text; what is no text, or an empty one, counts as `0`.
///
/// A leading `v` and what follows a `+` go; the rest is split at `-` and `.`, numbers are filled up with blanks to five
/// places, and three parts alone get a fourth that stands behind every pre-release.
pub(super) fn padded(value: &Value) -> String {
    let text = match value {
        Value::Number(_) => script::text_of(value),
        Value::String(text) if !text.is_empty() => text.into(),
        _ => "0".into(),
    };
    let text = without_build(text.strip_prefix('v').unwrap_or(&text));
    let mut parts: Vec<&str> = text.split(['-', '.']).collect();
    if parts.len() == 3 {
        parts.push("~");
    }
    let mut padded = String::with_capacity(text.len() + parts.len() * 5);
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            padded.push('-');
        }
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            (part.len()..5).for_each(|_| padded.push(' '));
        }
        padded.push_str(part);
    }
    padded
}

/// Two padded texts in the order of their versions.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    script::compare_texts(a, b)
}

/// The text up to the first `+` of its last line; GrowthBook's pattern reaches over no line's end.
fn without_build(text: &str) -> &str {
    let line = text.rfind(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(0);
    let (before, last) = text.split_at_checked(line).unwrap_or(("", text));
    let kept = before.len() + last.find('+').unwrap_or(last.len());
    text.get(..kept).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn padding() {
        let check = |value: Value, text: &str| assert_eq!(padded(&value), text, "{value}");
        check(json!("1.2.3"), "    1-    2-    3-~");
        check(json!("v10.2.3-rc.1+linux"), "   10-    2-    3-rc-    1");
        check(json!("1.2"), "    1-    2");
        check(json!(7), "    7");
        check(json!(1.5), "    1-    5");
        check(json!("123456.x"), "123456-x");
        for value in [json!(null), json!(true), json!(""), json!([1]), json!({}), json!(0)] {
            check(value, "    0");
        }
        check(json!("v"), "");
        check(json!("vv1"), "v1");
        check(json!("1+a\n2+b+c"), "1+a\n2");
        check(json!("-"), "-");
        check(json!("a..b"), "a--b-~");
    }

    #[test]
    fn order() {
        let versions =
            ["0.9.9", "1.0.0-alpha.2", "1.0.0-beta", "1.0.0", "1.0.10", "1.2.0", "1.10.0", "10.0.0"];
        for (place, lower) in versions.iter().enumerate() {
            for (other, higher) in versions.iter().enumerate() {
                let order = compare(&padded(&json!(lower)), &padded(&json!(higher)));
                assert_eq!(order, place.cmp(&other), "{lower} {higher}");
            }
        }
    }
}
