//! `language`: another language than the one asked for.
//!
//! Short copy has few letters to go by, and names of products are in no language. So what counts first are the small
//! words that every sentence needs; statistics over letters only confirm what these say too little of. Copy in another
//! script needs neither.

use std::collections::HashSet;
use std::ops::Range;

use whatlang::{Detector, Lang, Script, detect_script};

use super::super::Ground;
use super::super::patterns::Style;
use super::super::rule::Hit;
use super::super::text::{Reach, Text, slice};
use crate::document::{Faults, Fields, count, number};

/// The small words of languages, by the code of the language.
const SMALL_WORDS: &[(&str, &str)] = &[
    (
        "en",
        "a about after all also an and any are as at be because been before both but by can could does during each even \
         every for from get gets had has have he here how i if in into is it its just keep keeps less like made make makes \
         more most much my no not now of off on one only or our out over own she should so some such than that the their \
         them then there these they this those through to too under until up us use very was we well were what when where \
         whether which while who why will with within without would you your yours",
    ),
    (
        "de",
        "aber alle allem allen aller alles als also am an auch auf aus bei beim bereits besonders bis da damit dank dann \
         das dass dein deine deinem deinen deiner dem den denn der des dich die dies diese diesem diesen dieser dieses dir \
         doch du durch ein eine einem einen einer eines einfach er erst es etwas euch euer eure für ganz gegen hat haben \
         hier ich ihm ihn ihr ihre ihrem ihren ihrer im immer in ist jede jedem jeden jeder jedes jetzt kann kein keine \
         keinen können lässt macht man mehr mein mit nach nicht noch nur ob oder ohne sehr sein seine sich sie sind so \
         sorgt sowie statt über um und uns unser unsere unter vom von vor war was weil wenn werden wie wieder wir wird wo \
         wurde zu zum zur zwischen bleibt darauf dafür daran darin drei gut gute guten gutes groß große großen hält heiß \
         klein kleine kleinen lang lange langen leicht leichte macht neu neue neuen neuer neues passt schnell tag tage vier \
         weniger wenigen zwei",
    ),
    (
        "fr",
        "à au aussi aux avec c'est ce cela ces cet cette chez comme dans de des du elle en est et être grâce il ils je la le \
         les leur lui mais même ne nos notre nous on ou où par pas plus pour qu que qui sa sans se ses son sont sous sur \
         toujours tous tout toute toutes très tu un une vos votre vous y",
    ),
    (
        "es",
        "a al ante aunque cada como con cual cuando de del desde donde el ella en entre es esta este esto estos fácil gracias \
         ha hasta hay la las le lo los más mi mientras mucho muy nos o para pero por porque que se ser si siempre sin sobre \
         son su sus también te tiene todo todos tu un una y ya",
    ),
    (
        "it",
        "a ai al alla anche che chi ci come con cui da dal dalla degli dei del della delle di e è ed gli grazie ha i il in \
         la le lo ma molto nei nel nella non ogni per perché più può quando quella quello questa questo se sempre senza si \
         sono su sua sul sulla suo tra tu tua tuo tutti tutto un una uno vostra",
    ),
    (
        "nl",
        "aan al als altijd bij dan dat de deze die dit door een en er gemakkelijk geen haar heeft het hij ik in is je jouw \
         kan kunt maar meer met mijn naar niet nog nu of om onder ons onze ook op over te tot tussen u uit uw van veel voor \
         waar wanneer wat we werd wij worden wordt zich zij zijn zo zonder zodat",
    ),
    (
        "pt",
        "a ao aos as até cada com como da das de do dos e é ela ele em entre essa esse esta este foi fácil há isso já mais \
         mas muito na nas não no nos o os ou para pela pelo por porque qualquer quando que se sem ser seu seus sobre sua \
         suas também tem todo todos um uma você",
    ),
    (
        "sv",
        "alla att av bara blir de den det detta din dig du efter eller en ett för från gör han har hon i inte jag kan man \
         med mer mot mycket när och också om på samt sig sin som så till under upp utan vara vi vid vår är över",
    ),
    (
        "da",
        "af alle at bliver da de den der det dette dig din du efter eller en er et for fra gør han har hun i ikke jeg kan \
         man med meget men mere mod når og også om op på samt sig sin skal som så til uden under ved vi vil være",
    ),
    (
        "no",
        "alle at av ble bli da de den denne der det deg din du eller en er et etter for fra gjør han har hun i ikke jeg kan \
         man med men mer mot mye når og også om opp på seg sin skal som så til under uten ved vi vil være",
    ),
    (
        "pl",
        "aby albo ale bardzo bez być czy dla do gdy i ich im jak jako jego jej jest jeśli już każdy kiedy która które który \
         lub ma może można na nad nie o od oraz po pod przez przy są się tak także tego ten to twój tylko w we więc wszystkie \
         z za ze że żeby",
    ),
    (
        "fi",
        "ei eivät että hän ilman ja jo joka jos jotta kaikki kanssa kuin kun me mikä mitä mutta myös nyt oli olla on ovat \
         sekä se sen sinun siitä sitä tai tämä tämän vain voi voit yli",
    ),
    (
        "cs",
        "a aby ale ani až bez být by co do i jak jako je jeho jejich jen jsou k kde která které který má na nad nebo není o \
         od po pod pro při s se si své tak také to toto u v ve však vám váš více z za ze že",
    ),
    (
        "tr",
        "ama ancak bir bu çok da daha de en gibi hem her için ile ise kadar ki mi ne olan olarak olduğu sizin sonra tüm ve \
         veya ya",
    ),
    (
        "ro",
        "a acest această ai al ale am are au ca că care ce cea cel cele cu dar de deja din este fi foarte fără i în la mai \
         nu o ori pe pentru prin sau să se si și sunt tău un una unei unui",
    ),
    (
        "hu",
        "a az azt csak de egy el és ez ezt fel hogy ha is ki kell lesz már meg mely mert mint minden most nagy nem nincs \
         össze pedig s sem szerint től után van vagy való volt",
    ),
];

/// Codes of two letters, and what they are called by where languages have three.
const CODES: &str = "af afr|am amh|ar ara|az aze|be bel|bg bul|bn ben|ca cat|cs ces|cy cym|da dan|de deu|el ell|en eng|eo epo|\
    es spa|et est|fa pes|fi fin|fr fra|gu guj|he heb|hi hin|hr hrv|hu hun|hy hye|id ind|it ita|ja jpn|jv jav|ka kat|km khm|\
    kn kan|ko kor|la lat|lt lit|lv lav|mk mkd|ml mal|mr mar|my mya|nb nob|ne nep|nl nld|nn nob|no nob|or ori|pa pan|pl pol|\
    pt por|ro ron|ru rus|si sin|sk slk|sl slv|sn sna|sr srp|sv swe|ta tam|te tel|th tha|tk tuk|tl tgl|tr tur|uk ukr|ur urd|\
    uz uzb|vi vie|yi yid|zh cmn|zu zul";

/// Languages so close that small words and letters do not tell them apart in a blurb.
const CLOSE: &[&[&str]] = &[
    &["da", "no", "nb", "nn"],
    &["cs", "sk"],
    &["hr", "sr", "bs", "sl"],
    &["es", "gl", "ca"],
    &["nl", "af"],
    &["id", "ms"],
];

/// The fewest words that are judged by their language.
pub(in crate::guardrail) const MIN_WORDS: usize = 4;
/// How sure the statistics must be to confirm what small words say too little of.
pub(in crate::guardrail) const CONFIDENCE: f64 = 0.5;
/// Of how many words one at least is a small one.
const LEAST_SHARE: usize = 7;
/// The fewest letters of another script that are judged; signs of one syllable say more each.
const MIN_LETTERS: usize = 4;
const MIN_SIGNS: usize = 2;

/// Another language than the one asked for.
#[derive(Debug)]
pub(in crate::guardrail) struct Language {
    min_words: usize,
    confidence: f64,
    /// The small words of each language.
    small: Vec<(&'static str, HashSet<&'static str>)>,
}

/// What a text seems to be in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seems {
    In(&'static str),
    Written(Script),
}

impl Language {
    /// Reads `min_words` and `confidence`.
    pub(in crate::guardrail) fn read(
        fields: &mut Fields<'_>,
        _style: Style,
        faults: &Faults,
    ) -> Option<Self> {
        let before = faults.errors();
        let min_words = fields.take("min_words").and_then(|node| {
            let given = count(node, faults)?;
            if given == 0 {
                let help = "write a number from 1, such as `4`";
                faults.error_with_help(node.span, "no words are in no language", help);
            }
            Some(given)
        });
        let confidence = fields.take("confidence").and_then(|node| {
            let given = number(node, faults)?;
            if !(0.0..=1.0).contains(&given) {
                let help = "write a number from 0 to 1, such as `0.5`; a lower one finds more";
                faults.error_with_help(node.span, format!("{given} is no confidence"), help);
            }
            Some(given)
        });
        let small =
            SMALL_WORDS.iter().map(|(code, words)| (*code, words.split_whitespace().collect())).collect();
        let (min_words, confidence) = (min_words.unwrap_or(MIN_WORDS), confidence.unwrap_or(CONFIDENCE));
        (faults.errors() == before).then_some(Self { min_words, confidence, small })
    }

    pub(super) fn find(&self, text: &Text<'_>, ground: &Ground<'_>) -> Vec<Hit> {
        let Some(wanted) = ground.locale.map(|locale| locale.language()) else { return Vec::new() };
        let names = names(ground);
        let hit = |range: Range<usize>, seems: Seems| {
            let says = match seems {
                Seems::In(code) => lang(code).map_or(code, Lang::eng_name).to_owned(),
                Seems::Written(script) => format!("{script} script"),
            };
            Hit { says: vec![says], ..Hit::at(range) }
        };
        let all = self.seems(text.spaced().text(), wanted, &names, true);
        let pieces = text.pieces(Reach::Sentence);
        let sentence = |piece: &Range<usize>| slice(text.given(), piece.clone());
        if let Some(seems) = all
            && !pieces.iter().any(|piece| self.is_in(sentence(piece), wanted))
        {
            let given = text.given();
            let (end, start) = (given.trim_end().len(), given.len() - given.trim_start().len());
            return if start < end { vec![hit(start..end, seems)] } else { Vec::new() };
        }
        if pieces.len() < 2 {
            return Vec::new();
        }
        let found = pieces.into_iter().filter_map(|piece| {
            // Among others a sentence need not be as clear when the text as a whole seems to be in another language.
            let seems = self.seems(sentence(&piece), wanted, &names, all.is_some())?;
            Some(hit(piece, seems))
        });
        found.collect()
    }

    /// Whether a sentence is in this language by two of its small words at least, and by more than of any other.
    fn is_in(&self, sentence: &str, wanted: &str) -> bool {
        let counted = |small: &HashSet<&str>| {
            let words = sentence.split(|c: char| !c.is_alphabetic());
            words.filter(|word| small.contains(word.to_lowercase().as_str())).count()
        };
        let own = self.small.iter().find(|(code, _)| *code == wanted).map_or(0, |(_, small)| counted(small));
        own >= 2 && self.small.iter().all(|(code, small)| *code == wanted || counted(small) < own)
    }

    /// What a text, or one sentence of it, is in, when that is not what is wanted. A sentence has to be clearer: a
    /// slogan of three words is a name.
    fn seems(&self, text: &str, wanted: &str, names: &HashSet<String>, whole: bool) -> Option<Seems> {
        if let Some(script) = other_script(text, wanted) {
            return Some(Seems::Written(script));
        }
        let words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric())
            // What is all in capitals or has them inside, has figures in it or is one letter, is no small word.
            .filter(|word| word.chars().nth(1).is_some() && word.chars().all(char::is_alphabetic))
            .filter(|word| !word.chars().skip(1).any(char::is_uppercase))
            .map(str::to_lowercase)
            .filter(|word| !names.contains(word))
            .collect();
        if words.len() < self.min_words {
            return None;
        }
        let known = self.small.iter().find(|(code, _)| is_close(code, wanted)).map(|(_, small)| small);
        let others = self.small.iter().filter(|(code, _)| !is_close(code, wanted));
        // A word that both languages have speaks for neither.
        let counted = |small: &HashSet<&str>, not: Option<&HashSet<&str>>| {
            let counts = |word: &&str| small.contains(word) && !not.is_some_and(|not| not.contains(word));
            words.iter().map(String::as_str).filter(counts).count()
        };
        let (most, other, small) = others
            .map(|(code, small)| (counted(small, known), *code, small))
            .max_by_key(|(count, ..)| *count)?;
        let own = known.map_or(0, |known| counted(known, Some(small)));
        // Lists of features have hardly any small words; sentences are full of them.
        let dense = most * LEAST_SHARE >= words.len();
        let strange =
            || wanted == "en" && words.iter().any(|word| word.chars().any(|c| "äöüßñõåøæœłşğ".contains(c)));
        let clear = match (known, whole) {
            (Some(_), true) => dense && most > 2 * own && (most >= 2 || strange()),
            (Some(_), false) => dense && most >= 3 && own == 0,
            // Of a language whose small words are not known nothing can be said for it.
            (None, _) => false,
        };
        if clear {
            return Some(Seems::In(other));
        }
        let least = match (known, whole) {
            (None, _) => 3,
            (Some(_), true) => 1,
            (Some(_), false) => 2,
        };
        let likely = own == 0 && dense && most >= least;
        // With hardly a small word of either only a longer text says enough.
        let bare = whole && own == 0 && !dense && words.len() >= 2 * self.min_words;
        if !likely && !bare {
            return None;
        }
        // What the statistics do not know in Latin letters, Serbian for one, they take for something else.
        let wanted_lang = lang(wanted).filter(|wanted| Script::Latin.langs().contains(wanted))?;
        let candidates = self.small.iter().filter(|(code, _)| *code == wanted || !is_close(code, wanted));
        let mut candidates: Vec<Lang> = candidates.filter_map(|(code, _)| lang(code)).collect();
        if !candidates.contains(&wanted_lang) {
            candidates.push(wanted_lang);
        }
        let found = Detector::with_allowlist(candidates).detect(&words.join(" "))?;
        let sure = if bare { self.confidence.max(0.95) } else { self.confidence };
        let code = self.small.iter().map(|(code, _)| *code).find(|code| lang(code) == Some(found.lang()))?;
        let agrees = bare || known.is_none() || code == other;
        (found.lang() != wanted_lang && found.confidence() >= sure && agrees).then_some(Seems::In(code))
    }
}

fn is_close(code: &str, wanted: &str) -> bool {
    code == wanted || CLOSE.iter().any(|group| group.contains(&code) && group.contains(&wanted))
}

fn lang(code: &str) -> Option<Lang> {
    let known = CODES.split('|').filter_map(|pair| pair.trim().split_once(' '));
    let (_, long) = known.into_iter().find(|(short, _)| *short == code)?;
    Lang::from_code(long)
}

/// The script that most of a text is in, when the language is not written in it. Languages that are not known are in no
/// script that could be wrong.
fn other_script(text: &str, wanted: &str) -> Option<Script> {
    if text.is_ascii() && SMALL_WORDS.iter().any(|(code, _)| *code == wanted) {
        return None;
    }
    let script = detect_script(text)?;
    let lang = lang(wanted)?;
    let syllables = matches!(script, Script::Mandarin | Script::Hangul | Script::Hiragana | Script::Katakana);
    let fits = script.langs().contains(&lang)
        || (wanted == "ja" && syllables && script != Script::Hangul)
        || (matches!(wanted, "sr" | "az" | "uz" | "tk")
            && matches!(script, Script::Latin | Script::Cyrillic));
    // A name or a figure's unit in Latin letters stands in the copy of any language.
    let of_script = |c: &char| c.is_alphabetic() && (script == Script::Latin) == is_latin(*c);
    let letters = text.chars().filter(of_script).count();
    let enough = match script {
        Script::Latin => {
            text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).count() >= MIN_WORDS
        }
        _ if syllables => letters >= MIN_SIGNS,
        _ => letters >= MIN_LETTERS,
    };
    (!fits && enough).then_some(script)
}

fn is_latin(c: char) -> bool {
    c < '\u{250}' || ('\u{1e00}'..='\u{1eff}').contains(&c)
}

/// The words of the product's names, in small letters: they are in no language.
fn names(ground: &Ground<'_>) -> HashSet<String> {
    let values = ["name", "brand", "manufacturer"].iter().filter_map(|key| ground.facts.get(*key)?.as_str());
    let words = values.flat_map(|value| value.split(|c: char| !c.is_alphabetic()));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}
