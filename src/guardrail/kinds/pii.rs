//! `pii`: personal data, by pattern, checksum and the words around.
//!
//! Each detector's pattern is worth a score from 0 to 1; what its check refuses is worth nothing, and a word nearby that
//! speaks of such data raises it. What reaches the rule's threshold is found.

use std::collections::BTreeMap;
use std::ops::Range;

use regex::Regex;

use super::super::Ground;
use super::super::patterns::Style;
use super::super::rule::Hit;
use super::super::text::{Text, slice};
use crate::document::{Faults, Fields, Node, list, number, one_of};

/// A sort of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::guardrail) enum Entity {
    Email,
    Phone,
    Card,
    Iban,
    UsSsn,
    UkNino,
    UkNhs,
    DeTaxId,
    Ip,
    Address,
}

pub(in crate::guardrail) const ENTITIES: &[(&str, Entity)] = &[
    ("email", Entity::Email),
    ("phone", Entity::Phone),
    ("card", Entity::Card),
    ("iban", Entity::Iban),
    ("us_ssn", Entity::UsSsn),
    ("uk_nino", Entity::UkNino),
    ("uk_nhs", Entity::UkNhs),
    ("de_tax_id", Entity::DeTaxId),
    ("ip", Entity::Ip),
    ("address", Entity::Address),
];

impl Entity {
    /// What a reader of the finding calls it.
    fn noun(self) -> &'static str {
        match self {
            Self::Email => "e-mail address",
            Self::Phone => "phone number",
            Self::Card => "payment card number",
            Self::Iban => "IBAN",
            Self::UsSsn => "US social security number",
            Self::UkNino => "UK National Insurance number",
            Self::UkNhs => "UK NHS number",
            Self::DeTaxId => "German tax number",
            Self::Ip => "IP address",
            Self::Address => "postal address",
        }
    }

    /// Words nearby that speak of such data.
    fn context(self) -> &'static str {
        match self {
            Self::Email => "e-?mail|mail|contact|write to|kontakt|schreib",
            Self::Phone => {
                "call|calls|tele?|telephone|dial|ring|fax|mobile:|cell:|desk:|office:|home:|whatsapp|sms|text us|hotline|\
                 helpline|phone:|phone number|phone no|contact|office|telefon|telefonnummer|handy:|handynummer|\
                 rufnummer|anrufen|ruf|rufen|durchwahl|mobil:"
            }
            Self::Card => {
                "card|credit|debit|visa|mastercard|amex|american express|cc|karte|kreditkarte|kartennummer"
            }
            Self::Iban => "iban|account|konto|bank|überweis",
            Self::UsSsn => "ssn|social security|social|tax",
            Self::UkNino => "nino|national insurance|ni number|insurance",
            Self::UkNhs => "nhs|patient|health service",
            Self::DeTaxId => {
                "steuer|steuer-id|steuer-idnr|steueridentifikationsnummer|idnr|tin|tax id|steuernummer"
            }
            Self::Ip => "ip|ip address|address|server|host|client|client_ip|blocked|login|logged in|adresse",
            Self::Address => {
                "address|addresses|lives?|living|lived|reside|resides|located|location|ship to|shipping|deliver to|delivery to|\
                 return to|billing|send to|restaurant|office|visit us|wohnt|wohne|wohnhaft|adresse|anschrift|\
                 lieferadresse|liefern an|besuchen sie uns"
            }
        }
    }
}

/// One way to find personal data.
struct Detector {
    entity: Entity,
    /// What it looks like. Its first group is the finding, where it has one.
    pattern: &'static str,
    /// What the pattern alone is worth.
    score: f64,
    /// What a word nearby adds.
    raise: f64,
    /// The fewest digits of a text that may hold it.
    digits: usize,
    /// What such a text holds.
    needs: &'static str,
    /// Whether what looks like it can be it.
    check: fn(&str) -> bool,
}

const STREET: &str =
    r"(?:[Ss]treet|[Rr]oad|[Aa]venue|[Ll]ane|Crescent|Boulevard|Terrace|Rd\.?|Ave\.?|Blvd\.?|St\.?)";
const WEAK_STREET: &str = "(?:Drive|Way|Court|Close|Place|Square|Park|Gardens|Grove|Hill|Row|Walk|Mews|Parade|Quay|Wharf|Dr|Ct|Sq|Ln)";
const STATES: &str = "A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]";

const DETECTORS: &[Detector] = &[
    Detector {
        entity: Entity::Email,
        pattern: r"[\p{L}\p{N}._%+'-]+@(?:[\p{L}\p{N}-]+\.)+\p{L}{2,24}",
        score: 0.9,
        raise: 0.1,
        digits: 0,
        needs: "@",
        check: |_| true,
    },
    Detector {
        entity: Entity::Email,
        pattern: r"(?i)[\p{L}\p{N}._%+-]+ ?(?:[\[({] ?(?:at|ät) ?[\])}]|@) ?(?:[\p{L}\p{N}-]+(?: ?[\[({] ?(?:dot|punkt|\.) ?[\])}] ?|\.| dot | punkt ))+[a-z]{2,6}",
        score: 0.7,
        raise: 0.2,
        digits: 0,
        needs: "",
        check: |_| true,
    },
    Detector {
        entity: Entity::Email,
        pattern: r"(?i)[\p{L}\p{N}._%+-]+ at [\p{L}\p{N}-]+ (?:dot|punkt) (?:[\p{L}]+ (?:dot|punkt) )?(?:com|net|org|info|de|at|ch|co|io|uk|eu)",
        score: 0.6,
        raise: 0.2,
        digits: 0,
        needs: " at ",
        check: |_| true,
    },
    // With the country's code.
    Detector {
        entity: Entity::Phone,
        pattern: r"\+[1-9][0-9]{0,2}[ .-]?(?:\(0?[0-9]{1,4}\)[ .-]?)?[0-9](?:[ ./-]?[0-9]){5,12}(?: ?(?:x|ext\.?) ?[0-9]{1,5})?",
        score: 0.75,
        raise: 0.2,
        digits: 7,
        needs: "+",
        check: |found| (8..=20).contains(&digits(found).count()),
    },
    Detector {
        entity: Entity::Phone,
        pattern: r"00[1-9][0-9]{0,2}[ ./-](?:\(0?\)[ ]?)?[0-9]{2,5}(?:[ ./-][0-9]{2,5}){1,4}(?: ?(?:x|ext\.?) ?[0-9]{1,5})?",
        score: 0.5,
        raise: 0.3,
        digits: 9,
        needs: "",
        check: |found| (10..=20).contains(&digits(found).count()),
    },
    // North American, with its area in brackets or between hyphens, dots or spaces.
    Detector {
        entity: Entity::Phone,
        pattern: r"(?:1[ .-])?\([2-9][0-9]{2}\) ?[0-9]{3}[ .-][0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]{1,5})?",
        score: 0.7,
        raise: 0.2,
        digits: 10,
        needs: "(",
        check: |_| true,
    },
    Detector {
        entity: Entity::Phone,
        pattern: r"(?:1-)?[2-9][0-9]{2}-[0-9]{3}-[0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]{1,5})?",
        score: 0.55,
        raise: 0.3,
        digits: 10,
        needs: "-",
        check: |_| true,
    },
    Detector {
        entity: Entity::Phone,
        pattern: r"[2-9][0-9]{2}[ .][0-9]{3}[ .][0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]{1,5})?",
        score: 0.4,
        raise: 0.3,
        digits: 10,
        needs: "",
        check: |_| true,
    },
    // National, with the 0 in front and the area set off.
    Detector {
        entity: Entity::Phone,
        pattern: r"\(0[0-9]{1,5}\) ?[0-9]{3,4}(?:[ .-]?[0-9]{2,4}){1,3}",
        score: 0.6,
        raise: 0.3,
        digits: 9,
        needs: "(",
        check: |found| (9..=12).contains(&digits(found).count()),
    },
    Detector {
        entity: Entity::Phone,
        pattern: r"0[1-9][0-9]{1,4}[ /][0-9]{3,8}(?:[ -][0-9]{2,6}){0,3}",
        score: 0.5,
        raise: 0.3,
        digits: 9,
        needs: "",
        check: |found| (9..=12).contains(&digits(found).count()),
    },
    Detector {
        entity: Entity::Phone,
        pattern: r"07[0-9]{9}|01[5-7][0-9]{8,9}",
        score: 0.4,
        raise: 0.3,
        digits: 10,
        needs: "",
        check: |_| true,
    },
    // Any digits in groups, where the words around say what they are.
    Detector {
        entity: Entity::Phone,
        pattern: r"\(?[0-9]{2,4}\)?(?:[ .-][0-9]{2,4}){2,4}(?: ?(?:x|ext\.?) ?[0-9]{1,5})?",
        score: 0.1,
        raise: 0.45,
        digits: 7,
        needs: "",
        check: |found| (8..=13).contains(&digits(found.split(['x', 'e']).next().unwrap_or_default()).count()),
    },
    Detector {
        entity: Entity::Card,
        pattern: r"(?:[3-6][0-9]{3}|2[2-7][0-9]{2})(?:[ -]?[0-9]{2,6}){2,4}",
        score: 0.65,
        raise: 0.3,
        digits: 14,
        needs: "",
        check: is_card,
    },
    Detector {
        entity: Entity::Iban,
        pattern: r"(?i)[a-z]{2}[0-9]{2}(?:[ -]?[a-z0-9]){11,30}",
        score: 0.95,
        raise: 0.05,
        digits: 2,
        needs: "",
        check: |_| true,
    },
    Detector {
        entity: Entity::UsSsn,
        pattern: r"[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}",
        score: 0.5,
        raise: 0.4,
        digits: 9,
        needs: "-",
        check: is_ssn,
    },
    Detector {
        entity: Entity::UsSsn,
        pattern: r"[0-8][0-9]{2}(?:[0-9]{6}| [0-9]{2} [0-9]{4})",
        score: 0.1,
        raise: 0.45,
        digits: 9,
        needs: "",
        check: is_ssn,
    },
    Detector {
        entity: Entity::UkNino,
        pattern: r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] [0-9]{2} [0-9]{2} [0-9]{2} [A-D]",
        score: 0.7,
        raise: 0.2,
        digits: 6,
        needs: "",
        check: is_nino,
    },
    Detector {
        entity: Entity::UkNino,
        pattern: r"(?i)[a-ceghj-pr-tw-z][a-ceghj-npr-tw-z] ?[0-9]{6} ?[a-d]",
        score: 0.4,
        raise: 0.4,
        digits: 6,
        needs: "",
        check: is_nino,
    },
    Detector {
        entity: Entity::UkNhs,
        pattern: r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}",
        score: 0.15,
        raise: 0.5,
        digits: 10,
        needs: "",
        check: is_nhs,
    },
    Detector {
        entity: Entity::DeTaxId,
        pattern: r"[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}",
        score: 0.2,
        raise: 0.5,
        digits: 11,
        needs: "",
        check: is_tax_id,
    },
    Detector {
        entity: Entity::Ip,
        pattern: r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
        score: 0.35,
        raise: 0.3,
        digits: 4,
        needs: ".",
        check: is_ip,
    },
    // With long numbers it is hardly a version's.
    Detector {
        entity: Entity::Ip,
        pattern: r"[1-9][0-9]{1,2}(?:\.[0-9]{2,3}){3}",
        score: 0.6,
        raise: 0.3,
        digits: 8,
        needs: ".",
        check: is_ip,
    },
    Detector {
        entity: Entity::Ip,
        pattern: r"(?i)(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?:[0-9a-f]{1,4}:){2,6}(?::[0-9a-f]{1,4}){1,5}|(?:[0-9a-f]{1,4}:){3,7}:",
        score: 0.7,
        raise: 0.2,
        digits: 1,
        needs: ":",
        check: |found| found.parse::<core::net::Ipv6Addr>().is_ok(),
    },
];

/// Postal addresses; `%STREET%` and the like stand for lists of words.
const ADDRESSES: &[(&str, f64, f64)] = &[
    (r"[0-9]{1,5}[A-Za-z]?,?\s(?:\p{Lu}[\p{L}'.-]*\s){1,4}%STREET%", 0.6, 0.3),
    (
        r"(?i)[0-9]{1,5}[a-z]?,?\s(?:[\p{L}'.-]+\s){1,3}(?:street|road|avenue|lane|crescent|boulevard)",
        0.2,
        0.4,
    ),
    (r"[0-9]{1,5}[A-Za-z]?,?\s(?:\p{Lu}[\p{L}'.-]*\s){1,3}%WEAK%", 0.3, 0.4),
    (
        r"[0-9]{1,5}[A-Za-z]?,?\s(?:\p{Lu}[\p{L}'.-]*\s){1,4}(?:%STREET%|%WEAK%)[.,]?\s(?:[\p{L}.'-]+,?\s){0,4}(?:[A-Z]{1,2}[0-9][A-Z0-9]?\s[0-9][A-Z]{2}|(?:%STATES%)\s[0-9]{5})",
        0.85,
        0.1,
    ),
    (r"\p{Lu}[\p{L}'-]+(?:\s\p{Lu}[\p{L}'-]+)?,?\s(?:%STATES%)\s[0-9]{5}(?:-[0-9]{4})?", 0.6, 0.3),
    (r"[A-Z]{1,2}[0-9][A-Z0-9]?\s[0-9][ABD-HJLNP-UW-Z]{2}", 0.3, 0.4),
    (
        r"(?i)(?:zip|zip code|postcode|postal code|plz|postleitzahl):?\s?([0-9]{5}(?:-[0-9]{4})?|[A-Z]{1,2}[0-9][A-Z0-9]?\s[0-9][A-Z]{2})",
        0.6,
        0.2,
    ),
    (
        r"(?:\p{Lu}[\p{L}.-]*\s)?\p{Lu}?[\p{L}-]*(?:straße|strasse|Straße|Strasse|str\.|Str\.|gasse|allee|Allee|straat|gatan)\s[0-9]{1,4}(?:\s?[a-z](?-u:\b))?",
        0.6,
        0.3,
    ),
    (
        r"\p{Lu}[\p{L}-]{3,}(?:weg|platz|ring|damm|ufer|chaussee|gürtel)\s[0-9]{1,4}(?:\s?[a-z](?-u:\b))?",
        0.3,
        0.4,
    ),
    (
        r"\p{Lu}[\p{L}.-]+(?:weg|platz|ring|damm|ufer|straße|strasse|str\.|gasse|allee)\s[0-9]{1,4}(?:\s?[a-z](?-u:\b))?,?\s(?:D-)?[0-9]{5}\s\p{Lu}\p{L}+",
        0.85,
        0.1,
    ),
    (
        r"(?i)[0-9]{1,4},?\s(?:rue|avenue|boulevard|chemin|impasse)\s(?:(?:de|du|des|la|le|l'|d')\s?){0,2}\p{L}{3,}",
        0.5,
        0.3,
    ),
    (r"(?:Calle|Avenida|Via|Viale|Piazza|Corso|Plaza)\s(?:\p{L}+\s){1,3}[0-9]{1,4}", 0.5, 0.3),
    (r"(?i)(?:p\.?\s?o\.?\s?box|postfach|post office box)\s[0-9]{1,6}", 0.7, 0.2),
    (
        r"(?i)(?:address(?:es)?(?: is|:| to)|lives? (?:at|in|on)|located at|adresse(?: ist|:)|wohnt in(?: der)?)\s+((?-i:[0-9]|\p{Lu})(?:[0-9]{0,3}\s)?[\p{L}.]*(?:\s[\p{L}.]+){0,3}\s[0-9]{1,4})",
        0.5,
        0.1,
    ),
];

/// Personal data.
#[derive(Debug)]
pub(in crate::guardrail) struct Pii {
    finders: Vec<Finder>,
    threshold: f64,
}

/// A detector, compiled.
#[derive(Debug)]
struct Finder {
    entity: Entity,
    pattern: Regex,
    context: Regex,
    score: f64,
    raise: f64,
    digits: usize,
    needs: &'static str,
    check: fn(&str) -> bool,
}

/// What is found unless a rule says otherwise: patterns that are worth something alone, the others with a word nearby.
pub(in crate::guardrail) const THRESHOLD: f64 = 0.5;
/// How far around a match words speak of it, in bytes.
const BEFORE: usize = 60;
const AFTER: usize = 24;

impl Pii {
    /// Reads `entities`, all of them when none are named, and `threshold`.
    pub(in crate::guardrail) fn read(
        fields: &mut Fields<'_>,
        _style: Style,
        faults: &Faults,
    ) -> Option<Self> {
        let before = faults.errors();
        let all = || ENTITIES.iter().map(|(_, entity)| *entity).collect();
        let entities: Vec<Entity> = match fields.take("entities") {
            Some(node) => entities(node, faults),
            None => all(),
        };
        let threshold = fields.take("threshold").and_then(|node| {
            let given = number(node, faults)?;
            if !(0.0..=1.0).contains(&given) {
                let help = "write a number from 0 to 1, such as `0.5`; a lower one finds more";
                faults.error_with_help(node.span, format!("{given} is no threshold"), help);
            }
            Some(given)
        });
        let finders: Option<Vec<Finder>> = Finder::all(&entities).collect();
        let Some(finders) = finders else {
            faults.error_with_help(
                fields.span(),
                "this rule's own patterns do not compile",
                "report this fault",
            );
            return None;
        };
        let threshold = threshold.unwrap_or(THRESHOLD);
        (faults.errors() == before).then_some(Self { finders, threshold })
    }

    pub(super) fn loose(&self) -> &'static str {
        // Personal data without a digit is an e-mail address.
        r"(?i)[0-9@]|[\[({] ?(?:at|ät) ?[\])}]| at [^ ]+ (?:dot|punkt) "
    }

    pub(super) fn find(&self, text: &Text<'_>, _ground: &Ground<'_>) -> Vec<Hit> {
        let reading = text.written();
        let read = reading.text();
        let count = digits(read).count();
        let mut found: Vec<(Range<usize>, f64, Entity)> = Vec::new();
        let may_hold = |finder: &&Finder| finder.digits <= count && read.contains(finder.needs);
        for finder in self.finders.iter().filter(may_hold) {
            finder.find(read, self.threshold, &mut found);
        }
        // Of what overlaps the likelier is meant, then the longer.
        found.sort_by(|a, b| {
            b.1.total_cmp(&a.1).then(b.0.len().cmp(&a.0.len())).then(a.0.start.cmp(&b.0.start))
        });
        // By where each begins: none of them overlap, so the last one that begins before another's end is the only one that
        // can reach into it.
        let mut kept: BTreeMap<usize, (usize, Entity)> = BTreeMap::new();
        for (range, _, entity) in found {
            let before = kept.range(..range.end).next_back();
            if before.is_none_or(|(_, (end, _))| *end <= range.start) {
                kept.insert(range.start, (range.end, entity));
            }
        }
        let hit = |(start, (end, entity)): (usize, (usize, Entity))| Hit {
            says: vec![entity.noun().to_owned()],
            ..Hit::at(reading.origin(start..end))
        };
        kept.into_iter().map(hit).collect()
    }
}

fn entities(node: &Node, faults: &Faults) -> Vec<Entity> {
    let before = faults.errors();
    let found: Vec<Entity> =
        list(node, faults).iter().filter_map(|item| one_of(item, ENTITIES, faults)).collect();
    if found.is_empty() && faults.errors() == before {
        let help = "name at least one, such as `email`, or leave `entities` out to look for all";
        faults.error_with_help(node.span, "this list is empty", help);
    }
    found
}

impl Finder {
    /// The finders for some entities; `None` where a pattern, which is a constant, does not compile.
    fn all(entities: &[Entity]) -> impl Iterator<Item = Option<Self>> {
        let context = |entity: Entity| {
            Regex::new(&format!(r"(?i)(?:^|[^\p{{L}}])(?:{})(?:[^\p{{L}}]|$)", entity.context())).ok()
        };
        let plain = DETECTORS.iter().filter(|d| entities.contains(&d.entity)).map(move |detector| {
            let Detector { entity, pattern, score, raise, digits, needs, check } = *detector;
            Some(Self {
                entity,
                pattern: Regex::new(pattern).ok()?,
                context: context(entity)?,
                score,
                raise,
                digits,
                needs,
                check,
            })
        });
        let some = if entities.contains(&Entity::Address) { ADDRESSES } else { &[] };
        plain.chain(some.iter().map(move |(pattern, score, raise)| {
            let pattern = pattern
                .replace("%STREET%", STREET)
                .replace("%WEAK%", WEAK_STREET)
                .replace("%STATES%", STATES);
            Some(Self {
                entity: Entity::Address,
                pattern: Regex::new(&pattern).ok()?,
                context: context(Entity::Address)?,
                score: *score,
                raise: *raise,
                digits: 1,
                needs: "",
                check: |_| true,
            })
        }))
    }

    fn find(&self, text: &str, threshold: f64, found: &mut Vec<(Range<usize>, f64, Entity)>) {
        if self.score + self.raise < threshold {
            return;
        }
        let grouped = self.pattern.captures_len() > 1;
        for whole in self.pattern.find_iter(text) {
            let mut range = whole.range();
            if grouped && let Some(group) = self.pattern.captures_at(text, range.start).and_then(|c| c.get(1))
            {
                range = group.range();
            }
            if self.entity == Entity::Iban {
                match iban_length(slice(text, range.clone())) {
                    Some(length) => range.end = range.start + length,
                    None => continue,
                }
            }
            if !(self.check)(slice(text, range.clone())) || is_cut(text, &range, self.entity) {
                continue;
            }
            let before = text.floor_char_boundary(range.start.saturating_sub(BEFORE));
            let after = text.floor_char_boundary((range.end + AFTER).min(text.len()));
            let speaks = |stretch: Range<usize>| self.context.is_match(slice(text, stretch));
            let mut score = self.score;
            if score < 1.0 && (speaks(before..range.start) || speaks(range.end..after)) {
                score += self.raise;
            }
            if score >= threshold {
                found.push((range, score, self.entity));
            }
        }
    }
}

fn digits(text: &str) -> impl Iterator<Item = u32> {
    text.bytes().filter(u8::is_ascii_digit).map(|digit| u32::from(digit - b'0'))
}

/// Whether what was found is part of something longer, or a measure.
fn is_cut(text: &str, range: &Range<usize>, entity: Entity) -> bool {
    let (before, after) = (slice(text, 0..range.start), slice(text, range.end..text.len()));
    let (mut back, mut on) = (before.chars().rev(), after.chars());
    let (last, next) = (back.next(), on.next());
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    if is_word(last) || is_word(next) {
        return true;
    }
    if matches!(entity, Entity::Email | Entity::Address) {
        return false;
    }
    let joins = |c: Option<char>| c.is_some_and(|c| matches!(c, '.' | ',' | '-' | '/' | ':' | '+' | '_'));
    let money = |c: char| matches!(c, '$' | '£' | '€');
    if (joins(last) && is_word(back.next())) || (joins(next) && is_word(on.next())) || last.is_some_and(money)
    {
        return true;
    }
    const UNITS: &[&str] = &[
        "mm", "cm", "m", "in", "inch", "inches", "g", "kg", "mhz", "ghz", "hz", "gb", "mb", "tb", "px",
        "pixels", "dpi", "mah", "w", "v", "x", "€", "$", "£", "%", "eur", "usd", "gbp", "pcs", "bit",
    ];
    let word = after.trim_start_matches([' ', '\u{a0}']);
    let word =
        word.split(|c: char| !(c.is_alphanumeric() || money(c) || c == '%')).next().unwrap_or_default();
    entity == Entity::Phone && UNITS.iter().any(|unit| unit.eq_ignore_ascii_case(word))
}

/// Luhn's check, over the numbers that are given to payment cards.
fn is_card(found: &str) -> bool {
    let number: Vec<u32> = digits(found).collect();
    let start = |length: usize| number.iter().take(length).fold(0, |sum, digit| sum * 10 + digit);
    let issued = match number.len() {
        14 => matches!(start(2), 36 | 38 | 39) || matches!(start(3), 300..=305),
        15 => matches!(start(2), 34 | 37),
        16 => {
            start(1) == 4
                || matches!(start(2), 35 | 51..=55 | 62 | 65)
                || matches!(start(3), 644..=649)
                || matches!(start(4), 2221..=2720 | 6011)
        }
        18 | 19 => start(1) == 4 || matches!(start(2), 62 | 65),
        _ => false,
    };
    let doubled = |(index, digit): (usize, &u32)| match index % 2 {
        0 => *digit,
        _ if *digit > 4 => digit * 2 - 9,
        _ => digit * 2,
    };
    issued && number.iter().rev().enumerate().map(doubled).sum::<u32>() % 10 == 0
}

/// The lengths of account numbers by country.
const IBANS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 \
    ES24 FI18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 \
    LT20 LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 \
    SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20";

/// The bytes of an IBAN that this begins with, if its country's length and its check digits say that it is one.
fn iban_length(found: &str) -> Option<usize> {
    let country = found.get(..2)?.to_ascii_uppercase();
    let known = IBANS.split_whitespace().find_map(|known| known.strip_prefix(country.as_str()))?;
    let length: usize = known.parse().ok()?;
    let signs: Vec<(usize, u32)> =
        found.char_indices().filter_map(|(at, c)| Some((at, c.to_digit(36)?))).take(length).collect();
    let (last, _) = signs.last().filter(|_| signs.len() == length)?;
    let (front, rest) = signs.split_at_checked(4)?;
    let remainder = rest
        .iter()
        .chain(front)
        .fold(0, |remainder, (_, value)| (remainder * if *value > 9 { 100 } else { 10 } + value) % 97);
    (remainder == 1).then_some(last + 1)
}

fn is_ssn(found: &str) -> bool {
    let number: Vec<u32> = digits(found).collect();
    let part =
        |range: Range<usize>| number.get(range).unwrap_or_default().iter().fold(0, |sum, d| sum * 10 + d);
    let (area, group, serial) = (part(0..3), part(3..5), part(5..9));
    area != 0 && area != 666 && area < 900 && group != 0 && serial != 0
}

fn is_nino(found: &str) -> bool {
    let prefix = found.get(..2).unwrap_or_default().to_ascii_uppercase();
    !["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].contains(&prefix.as_str())
}

fn is_nhs(found: &str) -> bool {
    let number: Vec<u32> = digits(found).collect();
    let sum: u32 = number.iter().take(9).zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
    let check = (11 - sum % 11) % 11;
    number.len() == 10 && number.last() == Some(&check)
}

/// One digit of the first ten stands there twice or three times, and the last is ISO 7064's check digit.
fn is_tax_id(found: &str) -> bool {
    let number: Vec<u32> = digits(found).collect();
    let first = number.get(..10).unwrap_or_default();
    let most = (0..10).map(|digit| first.iter().filter(|d| **d == digit).count()).max();
    let product = first.iter().fold(10, |product, digit| {
        let sum = (digit + product) % 10;
        if sum == 0 { 20 % 11 } else { sum * 2 % 11 }
    });
    number.len() == 11 && matches!(most, Some(2 | 3)) && number.last() == Some(&((11 - product) % 10))
}

/// Whether the four numbers fit, and are not an address that every network has.
fn is_ip(found: &str) -> bool {
    found.parse::<core::net::Ipv4Addr>().is_ok_and(|ip| {
        !(ip.is_loopback()
            || ip.is_private()
            || ip.is_unspecified()
            || ip.is_broadcast()
            || ip.is_link_local())
    })
}
