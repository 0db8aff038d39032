//! The syntax of patterns, taken apart: as the engine of public rules reads them, as ours do, and without all that
//! looks around, for the prefilter.

/// One piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part<'p> {
    /// A sign that stands for itself, or `.`, `^`, `$`, `|`.
    Sign(char),
    /// A backslash and what belongs to it.
    Escape(&'p str),
    /// A class with its brackets.
    Class(&'p str),
    /// What opens a group: `(`, `(?:`, `(?=`, `(?<name>`, or flags that open none, such as `(?i)`.
    Open(&'p str),
    /// `)`.
    Close,
    /// `*`, `+`, `?`, `{2,3}`, each with the `?` or `+` after it.
    Quantifier(&'p str),
}

/// Takes a pattern apart. Never fails: what is no syntax stays as it is, for the engine to refuse.
fn parts(pattern: &str) -> Vec<Part<'_>> {
    let mut out = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let (part, length) = match first {
            '\\' => {
                let length = escape_length(rest);
                (Part::Escape(cut(rest, length)), length)
            }
            '[' => match class_length(rest) {
                Some(length) => (Part::Class(cut(rest, length)), length),
                None => (Part::Sign('['), 1),
            },
            '(' => {
                let length = opening_length(rest);
                (Part::Open(cut(rest, length)), length)
            }
            ')' => (Part::Close, 1),
            '*' | '+' | '?' => {
                let length = 1 + usize::from(cut_from(rest, 1).starts_with(['?', '+']));
                (Part::Quantifier(cut(rest, length)), length)
            }
            '{' => match counted_length(rest) {
                Some(length) => {
                    let length = length + usize::from(cut_from(rest, length).starts_with(['?', '+']));
                    (Part::Quantifier(cut(rest, length)), length)
                }
                None => (Part::Sign('{'), 1),
            },
            other => (Part::Sign(other), other.len_utf8()),
        };
        out.push(part);
        rest = cut_from(rest, length);
    }
    out
}

fn cut(text: &str, length: usize) -> &str {
    text.get(..length).unwrap_or(text)
}

fn cut_from(text: &str, length: usize) -> &str {
    text.get(length..).unwrap_or_default()
}

/// `\d`, `\p{Lu}`, `\b{start}`, `\k<name>`, `\x{2019}`, `\12`.
fn escape_length(rest: &str) -> usize {
    let mut chars = rest.chars().skip(1);
    let Some(sign) = chars.next() else { return rest.len() };
    let after = 1 + sign.len_utf8();
    let tail = cut_from(rest, after);
    let closed = |open: char, close: char| {
        tail.strip_prefix(open).and_then(|inner| inner.find(close)).map(|at| after + 1 + at + 1)
    };
    match sign {
        'p' | 'P' | 'x' | 'u' => closed('{', '}').unwrap_or(after),
        // A number of times in braces is no kind of boundary.
        'b' | 'B' if tail.get(1..2).is_some_and(|c| c.starts_with(|c: char| c.is_ascii_lowercase())) => {
            closed('{', '}').unwrap_or(after)
        }
        'k' | 'g' => {
            closed('<', '>').or_else(|| closed('{', '}')).or_else(|| closed('\'', '\'')).unwrap_or(after)
        }
        '1'..='9' => after + tail.bytes().take_while(u8::is_ascii_digit).count(),
        _ => after,
    }
}

/// A class from its bracket to the one that closes it; `]` right behind the opening stands for itself.
fn class_length(rest: &str) -> Option<usize> {
    let mut depth = 0;
    let mut escaped = false;
    let mut opened = 0;
    for (at, c) in rest.char_indices() {
        let first = at == opened + 1 || (at == opened + 2 && rest.get(opened + 1..at) == Some("^"));
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' if at == 0 => depth = 1,
            // Only a subtraction, `[a-z-[aeiou]]`, opens a class within a class.
            '[' if rest.get(..at).is_some_and(|before| before.ends_with('-')) && !first => {
                depth += 1;
                opened = at;
            }
            ']' if first => {}
            ']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn opening_length(rest: &str) -> usize {
    let Some(inner) = rest.strip_prefix("(?") else { return 1 };
    for fixed in ["<=", "<!", ":", "=", "!", ">", "|"] {
        if inner.starts_with(fixed) {
            return 2 + fixed.len();
        }
    }
    if inner.starts_with(['<', 'P', '\'']) {
        let close = if inner.starts_with('\'') { '\'' } else { '>' };
        return inner.char_indices().skip(1).find(|(_, c)| *c == close).map_or(2, |(at, _)| 2 + at + 1);
    }
    // Flags, which may open a group of their own.
    match inner.find(|c: char| !c.is_ascii_alphabetic() && c != '-') {
        Some(at) if inner.get(at..).is_some_and(|end| end.starts_with([':', ')'])) => 2 + at + 1,
        _ => 2,
    }
}

/// `{2}`, `{2,}` or `{2,3}`.
fn counted_length(rest: &str) -> Option<usize> {
    let end = rest.find('}')?;
    let inner = rest.get(1..end)?;
    let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    (!least.is_empty() && digits(least) && digits(most)).then_some(end + 1)
}

/// Whether an opening is one of flags alone, such as `(?i)`.
fn is_flags(open: &str) -> bool {
    open.ends_with(')')
}

fn is_look_around(open: &str) -> bool {
    matches!(open, "(?=" | "(?!" | "(?<=" | "(?<!")
}

/// Whether a pattern needs more than a linear engine has: look-around, back-references, groups that keep what they
/// matched.
pub(super) fn needs_backtracking(pattern: &str) -> bool {
    parts(pattern).iter().any(|part| match part {
        Part::Open(open) => is_look_around(open) || *open == "(?>",
        Part::Escape(escape) => is_reference(escape) || matches!(*escape, r"\G" | r"\Z"),
        Part::Quantifier(quantifier) => quantifier.len() > 1 && quantifier.ends_with('+'),
        _ => false,
    })
}

fn is_reference(escape: &str) -> bool {
    escape.starts_with(r"\k")
        || escape.get(1..2).is_some_and(|digit| matches!(digit.as_bytes(), [b'1'..=b'9']))
}

/// How many groups of a pattern keep what they matched.
pub(super) fn groups(pattern: &str) -> usize {
    let keeps = |part: &&Part<'_>| match part {
        Part::Open(open) => {
            !is_flags(open) && (*open == "(" || open.ends_with(['>', '\'']) && *open != "(?>")
        }
        _ => false,
    };
    parts(pattern).iter().filter(keeps).count()
}

/// A pattern as the engine of public rules (.NET's) reads it, written for ours. Signs that ours give a meaning of their
/// own, such as `[` or `&&` within a class, stay what they are.
pub(super) fn from_dot_net(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    for part in parts(pattern) {
        match part {
            Part::Sign(sign @ ('{' | '}')) => out.extend(['\\', sign]),
            Part::Sign(sign) => out.push(sign),
            Part::Escape(escape) => push_escape(escape, &mut out),
            Part::Class(class) => push_class(class, &mut out),
            Part::Open(open) => match open.strip_prefix("(?'").and_then(|open| open.strip_suffix('\'')) {
                Some(name) => out.push_str(&format!("(?<{name}>")),
                None => out.push_str(open),
            },
            Part::Close => out.push(')'),
            Part::Quantifier(quantifier) => out.push_str(quantifier),
        }
    }
    out
}

fn push_escape(escape: &str, out: &mut String) {
    match escape.chars().nth(1) {
        // To our engines these are the ends of a word, or no escape at all.
        Some(sign @ ('<' | '>')) => out.push(sign),
        Some(sign) if !sign.is_ascii() => out.push(sign),
        Some('e') => out.push_str(r"\x1B"),
        _ => out.push_str(escape),
    }
}

fn push_class(class: &str, out: &mut String) {
    let mut chars = class.chars().peekable();
    let (mut opened, mut before) = (true, ' ');
    // Whether what stands before is many characters at once, such as `\w`: no range begins there.
    let mut many = false;
    out.extend(chars.next());
    while let Some(c) = chars.next() {
        let behind_many = std::mem::take(&mut many);
        match c {
            '\\' => {
                let escape: String = [Some(c), chars.next()].into_iter().flatten().collect();
                // Within a class, `\b` is a backspace.
                if escape == r"\b" {
                    out.push_str(r"\x08")
                } else {
                    push_escape(&escape, out)
                }
                if matches!(escape.as_str(), r"\p" | r"\P" | r"\x" | r"\u") && chars.peek() == Some(&'{') {
                    for c in chars.by_ref() {
                        out.push(c);
                        if c == '}' {
                            break;
                        }
                    }
                }
                many = escape.ends_with(['w', 'W', 'd', 'D', 's', 'S', 'p', 'P']);
                before = ' ';
                opened = false;
                continue;
            }
            '^' if opened && before == ' ' => {
                out.push('^');
                before = '^';
                continue;
            }
            '[' if before == '-' && !opened => {
                out.push_str("-[");
                opened = true;
                before = ' ';
                continue;
            }
            ']' if opened => out.push_str(r"\]"),
            '[' | '&' | '~' => out.extend(['\\', c]),
            // Where no range can be meant, the sign itself is.
            '-' if opened || behind_many || chars.peek() == Some(&']') => out.push_str(r"\-"),
            '-' if chars.peek() == Some(&'-') => out.push('-'),
            '-' if before == '-' => out.push_str(r"\-"),
            _ => out.push(c),
        }
        before = c;
        opened = false;
    }
}

/// A pattern that matches wherever the given one does, and has nothing that looks around: no look-around, boundaries,
/// anchors or back-references. It may match where the given one does not.
pub(super) fn loosened(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut parts = parts(pattern).into_iter().peekable();
    while let Some(part) = parts.next() {
        let mut gone = false;
        match part {
            Part::Open(open) if is_look_around(open) => {
                let mut depth = 1;
                while depth > 0 {
                    match parts.next() {
                        Some(Part::Open(open)) if !is_flags(open) => depth += 1,
                        Some(Part::Close) => depth -= 1,
                        Some(_) => {}
                        None => break,
                    }
                }
                gone = true;
            }
            Part::Open("(?>") => out.push_str("(?:"),
            Part::Open(open) => out.push_str(open),
            Part::Sign('^' | '$') => gone = true,
            Part::Escape(escape) if is_assertion(escape) => gone = true,
            Part::Escape(escape) if is_reference(escape) => out.push_str("(?s:.*?)"),
            Part::Escape(escape) => out.push_str(escape),
            Part::Sign(sign) => out.push(sign),
            Part::Class(class) => out.push_str(class),
            Part::Close => out.push(')'),
            Part::Quantifier(quantifier) => match quantifier.strip_suffix('+') {
                Some(greedy) if !greedy.is_empty() => out.push_str(greedy),
                _ => out.push_str(quantifier),
            },
        }
        if gone {
            // What stood how often does not matter for what is gone, and nothing must take its place before a sign.
            while parts.next_if(|next| matches!(next, Part::Quantifier(_))).is_some() {}
        }
    }
    out
}

fn is_assertion(escape: &str) -> bool {
    let sign = escape.get(1..2).unwrap_or_default();
    matches!(sign, "b" | "B" | "A" | "z" | "Z" | "G" | "<" | ">")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_patterns_are_written_for_our_engines() {
        for (given, expected) in [
            (r"a{2,3}b{c}", r"a{2,3}b\{c\}"),
            (r"{{ \< \– }}", r"\{\{ < – \}\}"),
            ("[^[]", r"[^\[]"),
            ("[[&&~~]", r"[\[\&\&\~\~]"),
            ("[]a]", r"[\]a]"),
            ("[^]a]", r"[^\]a]"),
            ("[a-z-[aeiou]]", "[a-z--[aeiou]]"),
            (r"[\w-]", r"[\w\-]"),
            (r"[-\b]", r"[\-\x08]"),
            (r"[\w-_ ]", r"[\w\-_ ]"),
            (r"[\p{Lu}-z]", r"[\p{Lu}\-z]"),
            (r"(?'n'a)", "(?<n>a)"),
            (r"\p{Lu}[\p{Ll}]", r"\p{Lu}[\p{Ll}]"),
            ("a(?i)b", "a(?i)b"),
        ] {
            assert_eq!(from_dot_net(given), expected, "{given}");
            regex::Regex::new(expected).unwrap();
        }
    }

    #[test]
    fn nothing_looks_around_in_a_loosened_pattern() {
        for (given, expected) in [
            (r"\bit is(?!\.)\b", "it is"),
            (r"(?<=a(?:b|c))d", "d"),
            (r"(\w+)\s\1", r"(\w+)\s(?s:.*?)"),
            (r"^a$|\Ab\z", "a|b"),
            ("(?>a++)b", "(?:a+)b"),
            (r"(?i)(?=x)?a\b{start-half}", "(?i)a"),
            (r"[(?=]a\(?=", r"[(?=]a\(?="),
            ("(?=(?i)b)c", "c"),
        ] {
            assert_eq!(loosened(given), expected, "{given}");
        }
    }

    #[test]
    fn groups_and_what_needs_backtracking() {
        assert_eq!(groups(r"(a)(?:b)(?<n>c)(?=d)\((?i)(?>e)[(]"), 2);
        assert!(needs_backtracking("a(?!b)") && needs_backtracking(r"(a)\1") && needs_backtracking("a++"));
        assert!(!needs_backtracking(r"a+?(?:b)\(?!\d+"));
    }

    proptest::proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[-\\[\\](){}?:=!<>\\\\abkpPx^$|*+,0-9é]{0,40}") {
            from_dot_net(&pattern);
            loosened(&pattern);
            groups(&pattern);
            needs_backtracking(&pattern);
        }
    }
}
