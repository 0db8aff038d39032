//! `echo`: what was given to the model and is not for the page, and the model's talk about itself and its task.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use serde_json::{Map, Value};

use super::super::Ground;
use super::super::fold::{Space, fold_text};
use super::super::patterns::{Style, occurrences};
use super::super::rule::Hit;
use super::super::text::{Text, slice};
use super::lexicon::{self, Lexicon};
use crate::document::{Faults, Fields};

/// What models and templates leave behind, by what it is.
const LEFT_BEHIND: &[(&str, &[&str])] = &[
    (
        "a placeholder",
        &[
            r"\{\{[^{}\n]*\}\}?",
            r"\{%[^{}\n]*%\}",
            r"\$?\{[\p{L}_][\w.\[\]|' -]*\}",
            r"\{\d{1,2}\}",
            r"\[(?:insert|your|the|our|product|brand|customer|user|shopper|reader|first|last|full|company|business|shop|store|name|price|feature|benefit|date|city|location|address|link|url|email|phone|number|title|cta|placeholder|todo|produkt|marke|marken|preis|kunde|kunden|kundin|vorname|nachname|firma|firmen|datum|ort|stadt|ihr|dein|hier)(?:[ _'/-][^\]\n]*)?\]",
            r"\[(?:produkt|marken|firmen|kunden)?(?:name|titel|preis)\]",
            r"(?-i:\[[A-ZÄÖÜ][A-ZÄÖÜ0-9]+(?:[ _][A-ZÄÖÜ0-9]+)*\])",
            r"<(?:name|first name|last name|customer|customer name|product|product name|brand|price|date|company|city|insert [^<>\n]+|your [^<>\n]+|vorname|nachname|kunde|produkt|marke|preis|firma|datum)>",
            r"(?-i:%[A-Z][A-Z_]{2,30}%|\*\|[A-Z_:]{2,30}\|\*|##[A-Z][A-Z_]{2,30}##|__[A-Z][A-Z_]{2,30}__)",
            r"(?-i:%(?:s|d|\([a-z_]+\)s))",
            r"(?:product|user|context|customer|shopper)\.[a-z]+(?:_[a-z0-9]+)+",
            r"(?-i:(?:product|user|context)\.(?:name|id|brand|price|description|features|category|email|age|locale|country))",
            r"lorem ipsum",
            r"(?-i:TODO|TBD|TBC|FIXME|XXX)",
            r"\[object object\]",
            r"insert (?:\w+ ){1,3}here",
        ],
    ),
    (
        "an empty value",
        &[
            r"(?-i:NaN|undefined)",
            r"(?:null|undefined|nil) (?:null|undefined|nil)",
            r"(?:[:=(,] ?|\$|£|€)(?-i:null|None|undefined|nil)",
            r"(?-i:null|None) ?(?:%|€|£|\$|mm|cm|kg|gb|inch|inches|mah|mp|eur|usd|gbp)",
            r"(?:the|with|by|from|of|in|a|for|only|and) (?-i:None)(?:[.,;!]|$| (?:for|and|in|with|by|is))",
        ],
    ),
    (
        "the model's talk of itself",
        &[
            r"as an? (?:ai|a\.i\.|artificial intelligence|(?:large )?language model|chat ?bot|virtual assistant|ai[- ]\w+)",
            r"i(?:'m| am) (?:just |only )?(?:an? )?(?:ai|language model|chat ?bot|virtual assistant|large language model)",
            r"i(?:'m| am) (?:sorry|afraid|unable|not able)",
            r"i(?: do not|'m not|don't| can't| cannot) have (?:access|personal|real-time|the ability|enough information|information)",
            r"i (?:cannot|can't|can not|won't|am unable to|am not able to) (?:help|assist|comply|provide|fulfil|fulfill|write|create|generate|produce|do that|discuss|continue|share|answer|complete|browse|access|verify)",
            r"i apologi[sz]e",
            r"(?:my|the) (?:training data|knowledge cut-?off|last (?:knowledge )?update)",
            r"(?:openai|chatgpt|gpt-[345]\w*|anthropic's claude)(?: policy| policies)?",
            r"als (?:ki|k\.i\.|künstliche intelligenz|sprachmodell|großes sprachmodell|ki-\w+|ai)",
            r"ich bin (?:nur )?(?:ein|eine) (?:ki|sprachmodell|künstliche intelligenz|ki-\w+)",
            r"(?:ich kann|kann ich) (?:dir |ihnen |euch )?(?:leider )?(?:dabei |dazu |damit |das |hier )?(?:leider )?nicht (?:helfen|weiterhelfen|schreiben|erstellen|beantworten|erfüllen|nachkommen)",
            r"es tut mir leid,? (?:aber )?(?:ich|dass ich|ich kann)",
        ],
    ),
    (
        "the model's talk of its task",
        &[
            r"(?:^|[\x22'] ?)(?:sure|certainly|of course|absolutely|great|okay|got it)(?:!|, here|, i)",
            r"(?:sure|certainly|of course|absolutely)[,!:.]? (?:here(?:'s| is| are)|i can|i'd be|i'll)",
            r"here(?:'s| is| are) (?:a|an|the|your|my|some|one|two|three) (?:\w+[ ,-]+){0,5}(?:blurb|copy|description|text|version|draft|rewrite|revision|paragraph|response|answer|output|tagline|headline)s?",
            r"as (?:you )?(?:requested|instructed|asked)(?: by you)?",
            r"(?:i hope|hope) this (?:helps|works|meets)",
            r"let me know if you(?:'d| would)? (?:like|need|want|have)",
            r"feel free to (?:adjust|modify|edit|customi[sz]e|tweak|adapt|ask)",
            r"(?:would you like me|do you want me) to",
            r"i(?:'ve| have) (?:written|rewritten|created|generated|kept|avoided|removed|revised)",
            r"\((?:word|character|zeichen|wort)s?[- ]?(?:count|anzahl|zahl)?:? ?\d+(?: words| characters| wörter| zeichen)?\)",
            r"word count:? ?\d+",
            r"(?:^|\n) ?(?:product description|description|blurb|headline|title|output|answer|response|option \d|version \d|draft|final copy|copy|produktbeschreibung|beschreibung|überschrift|titel|antwort|entwurf|variante \d):",
            r"(?:^|\n) ?(?:assistant|system|user|human|ai|model):",
            r"<\|[a-z_]{2,30}\|>|\[/?inst\]|</?(?:think|thinking|answer|output|s|sys)>|### ?(?:response|instruction|input)",
            r"(?:gerne|natürlich|selbstverständlich|klar|sicher)[!,:.] hier (?:ist|sind|kommt|kommen)",
            r"(?:^|[\x22'] ?)(?:gerne|natürlich|selbstverständlich|klar|aber gerne)!",
            r"hier (?:ist|sind|kommt) (?:ein|eine|der|die|das|dein|deine|ihr|ihre|mein) (?:\w+ ){0,3}(?:\w*text|\w*beschreibung|entwurf|version|vorschlag|antwort|\w*texte)",
            r"wie (?:von (?:ihnen|dir) )?(?:gewünscht|angefordert|angefragt|verlangt|erbeten)",
            r"ich hoffe,? (?:das|dies|es) hilft",
            r"(?:sag|sagen sie|lass|lassen sie) (?:mir |es mich )(?:bescheid|wissen)",
        ],
    ),
    (
        "instructions",
        &[
            r"(?:ignore|disregard|forget|override|bypass) (?:all |any |the |your |these |those |my )*(?:previous|prior|above|earlier|preceding|former|other|existing|system|safety)?(?: of the)? ?(?:instructions?|prompts?|rules|guidelines|directions|commands)",
            r"(?:previous|prior|above|system|hidden|secret|original) (?:instructions?|prompts?)",
            r"(?:my|your|these|the following) (?:instructions|prompt|guidelines) (?:are|is|say|says|state|tell|were)",
            r"you are (?:now )?(?:an? )?(?:helpful |expert |professional |experienced )?(?:assistant|copy ?writer|chat ?bot|ai|language model|dan)",
            r"(?:act|behave|respond) as (?:if you (?:are|were)|a|an) (?:\w+ )?(?:assistant|copy ?writer|ai|expert|dan|developer|admin)",
            r"(?:answer|respond|reply) with (?:the text|only|nothing but)",
            r"jailbreak|developer mode|prompt injection",
            r"(?:ignoriere|vergiss|missachte|ignorieren sie|vergessen sie) (?:\w+ ){0,3}(?:anweisung\w*|instruktion\w*|regeln|vorgaben|befehle|prompts?)",
            r"(?:vorherige|bisherige|obige|frühere)[nr]? (?:anweisung\w*|instruktion\w*|prompts?)",
            r"systemprompts?|system-prompts?|systemanweisung\w*",
        ],
    ),
    (
        "code",
        &[
            r"```\w*",
            r#"\{ ?"[\w -]+" ?:"#,
            r#""(?:text|copy|blurb|description|output|answer|content|response|result|title|headline)" ?: ?["\[{]"#,
            r"(?:^|\n) ?\[?\{ ?$",
            r"\\n\\n|\\u[0-9a-f]{4}",
        ],
    ),
];

/// How many words in a row of the instructions are more than chance.
const RUN: usize = 8;
/// The shortest text of an attribute that is looked for, in characters.
const SHORTEST: usize = 4;
/// The most values that are looked for in one text.
const MAX_VALUES: usize = 200;
/// The most work that goes into looking for them, in bytes of text and facts looked at: 200 values in copy of some
/// hundred kilobytes are not looked for to the end.
const MAX_WORK: usize = 16 * 1024 * 1024;

/// What was given to the model and is not for the page.
#[derive(Debug)]
pub(in crate::guardrail) struct Echo {
    left_behind: Lexicon,
    /// The same without word boundaries: cheap, and most texts have nothing of it.
    loose: regex::Regex,
}

impl Echo {
    /// The kind has no settings of its own.
    pub(in crate::guardrail) fn read(
        fields: &mut Fields<'_>,
        _style: Style,
        faults: &Faults,
    ) -> Option<Self> {
        let all = LEFT_BEHIND.iter().map(|(name, patterns)| (*name, lexicon::own(patterns)));
        let all: Vec<(&'static str, Vec<String>)> = all.collect();
        let left_behind = Lexicon::compile(&all, fields.span(), faults)?;
        let loose = regex::Regex::new(left_behind.loose()).ok()?;
        Some(Self { left_behind, loose })
    }

    pub(super) fn find(&self, text: &Text<'_>, ground: &Ground<'_>) -> Vec<Hit> {
        let mut found: Vec<(Range<usize>, String)> = Vec::new();
        if text.readings().any(|reading| self.loose.is_match(reading.text())) {
            let all = self.left_behind.find(text);
            found
                .extend(all.into_iter().map(|(range, what)| (trimmed(text.given(), range), what.to_owned())));
        }
        let is_english = ground.locale.is_some_and(|locale| locale.language() == "en");
        if is_english {
            // In German it is a number.
            let null = occurrences(text.given(), "null").filter(|range| {
                let after = slice(text.given(), range.end..text.given().len());
                slice(text.given(), range.clone()) == "null" && !after.starts_with(" and void")
            });
            found.extend(null.map(|range| (range, "an empty value".to_owned())));
        }
        inputs(text, ground, &mut found);
        if let Some(instructions) = ground.instructions {
            let runs = runs(text, instructions, ground.facts);
            found.extend(runs.into_iter().map(|range| (range, "the model's instructions".to_owned())));
        }
        found.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut hits: Vec<Hit> = Vec::new();
        for (range, what) in found {
            if hits.last().is_none_or(|last| last.range.end <= range.start) {
                hits.push(Hit { says: vec![what], ..Hit::at(range) });
            }
        }
        hits
    }
}

/// The match without the space, line end or sign in front that its pattern asked for.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let found = slice(text, range.clone());
    let front =
        found.len() - found.trim_start_matches(|c: char| c.is_whitespace() || ":=,".contains(c)).len();
    range.start + front..range.end
}

/// Names and values of attributes of the one it was written for.
fn inputs(text: &Text<'_>, ground: &Ground<'_>, found: &mut Vec<(Range<usize>, String)>) {
    let mut leaves = Vec::new();
    for (key, value) in ground.inputs {
        // What is known of the product is there to be told, and the moment is nobody's.
        if !matches!(key.as_str(), "product" | "context")
            && !key.starts_with("product.")
            && !key.starts_with("context.")
        {
            collect(key, value, &mut leaves);
        }
    }
    if leaves.is_empty() {
        return;
    }
    let (spaced, written) = (text.spaced(), text.written());
    let mut facts = None;
    let mut holds = |wanted: &str, work: &mut usize| {
        let facts = facts.get_or_insert_with(|| all_text(ground.facts));
        *work += facts.len();
        occurrences(facts, wanted).next().is_some()
    };
    let mut work = 0;
    for (name, value) in leaves.into_iter().take(MAX_VALUES) {
        if work > MAX_WORK {
            // What was not looked for may be there.
            found.push((text.beginning(), "too long a text to look for every attribute in".to_owned()));
            return;
        }
        work += 2 * written.text().len();
        if name.contains('_') && name.len() >= SHORTEST {
            let all = occurrences(written.text(), name).map(|range| written.origin(range));
            found.extend(all.map(|range| (range, format!("the name of the attribute `{name}`"))));
            let words = name.replace('_', " ");
            let all = occurrences(spaced.text(), &words).filter(|range| is_labelled(spaced.text(), range));
            found.extend(
                all.map(|range| (spaced.origin(range), format!("the name of the attribute `{name}`"))),
            );
        }
        for wanted in raw(value) {
            let mut all = occurrences(written.text(), &wanted)
                .filter(|range| !is_plain(&wanted) || slice(written.text(), range.clone()) == wanted)
                .map(|range| written.origin(range))
                .peekable();
            work += written.text().len();
            if all.peek().is_some() && !holds(&wanted, &mut work) {
                found.extend(all.map(|range| (range, format!("the value of the attribute `{name}`"))));
            }
        }
    }
}

/// Every name with the text, number or truth below it.
fn collect<'v>(name: &'v str, value: &'v Value, leaves: &mut Vec<(&'v str, &'v Value)>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| collect(key, value, leaves)),
        Value::Array(items) => items.iter().for_each(|item| collect(name, item, leaves)),
        leaf => leaves.push((name.rsplit('.').next().unwrap_or(name), leaf)),
    }
}

/// How a value would stand in copy where somebody pasted it. What is an everyday word is not raw: copy for people who
/// love `hiking` may speak of hiking.
fn raw(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            let text = fold_text(text.trim(), Space::Written);
            let everyday = text.split(' ').count() <= 2 && text.chars().all(|c| c.is_lowercase() || c == ' ');
            let long = text.chars().count() >= SHORTEST;
            if long && !everyday { vec![text] } else { Vec::new() }
        }
        Value::Number(number) => {
            let written = number.to_string();
            let digits = written.chars().filter(char::is_ascii_digit).count();
            let decimals = written.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            let mut all = Vec::new();
            if digits >= 4 || decimals >= 2 {
                all.push(written.clone());
                all.extend(written.contains('.').then(|| written.replace('.', ",")));
            }
            // A share is told in per cent.
            if let Some(share) = number.as_f64().filter(|share| decimals >= 2 && (0.0..1.0).contains(share)) {
                let percent = format!("{:.0}", share * 100.0);
                all.extend([
                    format!("{percent}%"),
                    format!("{percent} %"),
                    format!("{percent} per cent"),
                    format!("{percent} percent"),
                ]);
            }
            all
        }
        _ => Vec::new(),
    }
}

/// Whether a value is one word with a capital, such as a name: where it stands in small letters it is another word.
fn is_plain(value: &str) -> bool {
    value.chars().all(char::is_alphabetic)
}

/// Whether the words of an attribute's name are used as its name: `your discount affinity`, `discount affinity: high`.
fn is_labelled(text: &str, range: &Range<usize>) -> bool {
    const BEFORE: &[&str] = &[
        "your",
        "user",
        "customer",
        "shopper",
        "user's",
        "customer's",
        "high",
        "low",
        "ihr",
        "ihre",
        "ihrer",
        "deine",
        "deiner",
        "dein",
    ];
    let before = slice(text, 0..range.start).trim_end().rsplit(' ').next().unwrap_or_default();
    let after = slice(text, range.end..text.len());
    let value = after.trim_start().trim_start_matches("of ").trim_start_matches("is ");
    BEFORE.iter().any(|word| word.eq_ignore_ascii_case(before))
        || after.trim_start().starts_with([':', '='])
        || value.starts_with(|c: char| c.is_ascii_digit())
}

/// All texts and numbers of the facts, one after the other.
fn all_text(facts: &Map<String, Value>) -> String {
    fn add(value: &Value, out: &mut String) {
        match value {
            Value::Object(map) => map.values().for_each(|value| add(value, out)),
            Value::Array(items) => items.iter().for_each(|item| add(item, out)),
            Value::String(text) => {
                out.push_str(text);
                out.push('\n');
            }
            Value::Number(number) => {
                out.push_str(&number.to_string());
                out.push('\n');
            }
            Value::Bool(_) | Value::Null => {}
        }
    }
    let mut out = String::new();
    facts.values().for_each(|value| add(value, &mut out));
    fold_text(&out, Space::Written)
}

/// Where words of the instructions stand in the text, as many in a row as chance does not bring, unless the facts have
/// them too.
fn runs(text: &Text<'_>, instructions: &str, facts: &Map<String, Value>) -> Vec<Range<usize>> {
    let reading = text.spaced();
    let words = words(reading.text());
    let mut places: HashMap<u64, usize> = HashMap::new();
    for (at, run) in words.windows(RUN).enumerate() {
        places.entry(hash(run.iter().map(|(_, word)| word.as_str()))).or_insert(at);
    }
    if places.is_empty() {
        return Vec::new();
    }
    let matching = |other: &str| -> HashSet<usize> {
        let other = self::words(&fold_text(other, Space::One));
        let same = other.windows(RUN).filter_map(|run| {
            let at = *places.get(&hash(run.iter().map(|(_, word)| word.as_str())))?;
            let here = words.get(at..at + RUN)?;
            here.iter().zip(run).all(|((_, a), (_, b))| a == b).then_some(at)
        });
        same.collect()
    };
    let mut said: Vec<usize> = matching(instructions).into_iter().collect();
    if said.is_empty() {
        return Vec::new();
    }
    let known = matching(&all_text(facts));
    said.retain(|at| !known.contains(at));
    said.sort_unstable();
    let mut runs: Vec<Range<usize>> = Vec::new();
    for at in said {
        let (Some((first, _)), Some((last, _))) = (words.get(at), words.get(at + RUN - 1)) else { continue };
        let range = reading.origin(first.start..last.end);
        match runs.last_mut() {
            Some(before) if range.start <= before.end => before.end = range.end,
            _ => runs.push(range),
        }
    }
    runs
}

/// The words of a text in small letters, with where they stand.
fn words(text: &str) -> Vec<(Range<usize>, String)> {
    let mut at = 0;
    let mut words = Vec::new();
    for piece in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
        let word = piece.trim_end_matches(|c: char| !c.is_alphanumeric());
        if !word.is_empty() {
            words.push((at..at + word.len(), word.to_lowercase()));
        }
        at += piece.len();
    }
    words
}

fn hash<'w>(words: impl Iterator<Item = &'w str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    words.for_each(|word| word.hash(&mut hasher));
    hasher.finish()
}
