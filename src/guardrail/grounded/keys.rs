//! What attributes are called: the words, the parts and the units in their names.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::lexicon::{self, Roles, all_facets};
use super::units::Unit;

/// The longest key that is read, and the longest path, in bytes: each attribute has its whole path beside it.
const MAX_KEY: usize = 200;
const MAX_PATH: usize = 600;

/// As much of a key as is read below a path.
pub(super) fn within<'k>(path: &str, key: &'k str) -> &'k str {
    let most = MAX_KEY.min(MAX_PATH.saturating_sub(path.len()));
    key.get(..key.floor_char_boundary(most)).unwrap_or_default()
}

/// What the parts of a path say, the deepest first.
pub(super) fn path_roles(words: &str) -> Roles {
    let mut all = 0;
    for part in words.rsplit('.') {
        let mut said = 0;
        let mut last = "";
        let mut last_roles = 0;
        for word in part.split(' ') {
            match lexicon::roles_of_pair(last, word) {
                Some(both) => {
                    said &= !last_roles;
                    last_roles = both;
                }
                None => last_roles = lexicon::roles(word) | lexicon::roles_beside(word),
            }
            said |= last_roles;
            last = word;
        }
        for facet in all_facets() {
            if all & facet.roles == 0 {
                all |= said & facet.roles;
            }
        }
    }
    all
}

/// What the name of an attribute holds that is an amount of money.
static MONEY: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let parts = [
        "price", "cost", "offer", "amount", "saving", "discount", "msrp", "rrp", "fee", "shipping", "deposit",
    ];
    AhoCorasick::new(parts).ok()
});

/// Whether an attribute is an amount of money by its name.
pub(super) fn is_price(words: &str) -> bool {
    MONEY.as_ref().is_some_and(|parts| parts.is_match(words))
}

/// An attribute's name in words of small letters: `batteryCapacity` and `battery_capacity` are both `battery capacity`,
/// and `Launch.Announced` has two parts.
pub(super) fn spoken(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 4);
    let mut before = ' ';
    let mut chars = key.chars().peekable();
    while let Some(c) = chars.next() {
        let next_is_digit = chars.peek().is_some_and(char::is_ascii_digit);
        if c.is_alphanumeric() {
            if c.is_uppercase() && before.is_lowercase() {
                out.push(' ');
            }
            out.extend(c.to_lowercase());
        } else if matches!(c, '.' | '>' | ':' | '|') && !(before.is_ascii_digit() && next_is_digit) {
            out.truncate(out.trim_end().len());
            out.push('.');
        } else if !out.is_empty() && !out.ends_with([' ', '.']) {
            out.push(' ');
        }
        before = c;
    }
    out.truncate(out.trim_end_matches([' ', '.']).len());
    out
}

/// An attribute's name as one would say it: `usb_2_0_ports` is about USB 2.0.
pub(super) fn said(key: &str) -> String {
    let chars: Vec<char> = key.chars().collect();
    let digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
    let say = |(at, c): (usize, &char)| match c {
        '_' if digit(at.checked_sub(1)) && digit(Some(at + 1)) => '.',
        '_' => ' ',
        c => *c,
    };
    chars.iter().enumerate().map(say).collect()
}

/// The unit that an attribute's name ends in: `weight_g`, `price_cents`, `capacity (mAh)`.
pub(super) fn unit_of_name(key: &str) -> Option<Unit> {
    let mut words = key.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let last = words.next_back()?;
    let before = words.next_back()?;
    // The plural of `colour(s)` and the genitive of `kid's` are no seconds.
    let is_ending =
        last == "s" && [format!("{before}(s)"), format!("{before}'s")].iter().any(|it| key.ends_with(it));
    if is_ending { None } else { Unit::named(last) }
}
