//! `personal`: statements about the reader that nothing given supports, or that should not be said though true.

use std::ops::Range;

use regex::Regex;
use serde_json::Value;

use super::super::Ground;
use super::super::patterns::{Style, compile_linear, tokens};
use super::super::rule::Hit;
use super::super::text::{Text, slice};
use super::lexicon::{self, Lexicon};
use crate::condition::look_up;
use crate::document::{Faults, Fields, Node, entries};

/// What is said of readers by those who watch them. An attribute may support it.
const OBSERVED: &[(&str, &[&str])] = &[
    (
        "purchases",
        &[
            r"your (?:very )?(?:last|latest|recent|previous|past|earlier) (?:\w+ )?(?:orders?|purchases?|basket|delivery|checkout|shop)",
            r"your (?:order|purchase|shopping|buying) history",
            r"you(?:'ve| have)? (?:just |recently |previously |already |often |usually |frequently |last )+(?:bought|ordered|purchased)",
            r"you(?:'ve| have)? (?:bought|ordered|purchased) (?:\w+ ){0,4}(?:before|last|earlier|recently|again|from us)",
            r"you(?:'ve| have|'re| are)? (?:\w+ )?(?:order|buy)(?:ed|ing) (?:it |this |them )?again",
            r"(?:because|since|as|now that) you(?:'ve| have)? (?:\w+ )?(?:bought|ordered|purchased|own|shopped)",
            r"(?:left|waiting|still) in your (?:basket|cart|bag|wish ?list)",
            r"your (?:basket|cart|wish ?list) (?:is|has|still|awaits|misses)",
            r"your (?:subscription|loyalty points|reward points|points balance|rewards balance)",
            r"(?:ihre?[rnms]?|deine?[rnms]?) (?:letzte[nrms]?|jüngste[nrms]?|frühere[nrms]?|vorherige[nrms]?|vergangene[nrms]?|vorige[nrms]?) (?:\w+ )?(?:bestellung(?:en)?|käufen?|kaufs?|einkaufs?|einkäufen?|lieferung)",
            r"(?:weil|da|nachdem) (?:sie|du) (?:[\w-]+ ){0,6}(?:gekauft|bestellt|erworben)(?: haben| hast)?",
            r"(?:sie haben|du hast|haben sie|hast du) (?:\w+ ){0,2}(?:zuletzt|kürzlich|bereits|schon|neulich|vor kurzem) (?:[\w-]+ ){0,4}(?:gekauft|bestellt|erworben)",
            r"in (?:ihrem|deinem) warenkorb",
            r"(?:ihr|dein)e?[rnms]? (?:bestellhistorie|kaufhistorie|bestellverlauf|treuepunkte|kundenkonto)",
        ],
    ),
    (
        "browsing",
        &[
            r"you(?:'ve| have)? (?:recently |just |previously |last )+(?:viewed|browsed|looked at|searched|clicked|visited)",
            r"you(?:'ve| have)? (?:viewed|browsed|looked at|clicked on)",
            r"you(?:'ve| have) been (?:browsing|eyeing|viewing|looking at)",
            r"your (?:recent |last |latest )?(?:browsing|search|viewing|click)(?:ing)? (?:history|activity|behaviou?r|habits)",
            r"your (?:recent|recently|last|latest|previous) (?:visits?|search(?:es)?|views?|viewed|sessions?|activity|clicks?)",
            r"based on (?:your|what you(?:'ve| have)?) (?:\w+ ){0,2}(?:purchases?|orders?|browsing|browsed|bought|viewed|history|interests?|visits?|searches|activity|profile|data|behaviou?r|tastes?|likes?|liked|shopping|location|age|lifestyle)",
            r"we(?:'ve| have)? (?:also )?(?:noticed|saw|seen|remember(?:ed)?) (?:that )?your?",
            r"we(?: can)? see (?:that )?you(?:'ve|'re| have| are| like| love)",
            r"we know (?:that )?you(?:'ve|'re| have| are| like| love| enjoy| prefer| live| need| want)?",
            r"(?:uns|mir) ist aufgefallen",
            r"wir haben (?:bemerkt|gesehen|gemerkt|festgestellt),? dass (?:sie|du)",
            r"wir (?:wissen|sehen|merken),? dass (?:sie|du)",
            r"(?:aufgrund|auf basis|auf grundlage|basierend auf|anhand|passend zu) (?:ihre[rnms]?|deine[rnms]?) (?:\w+ )?(?:käufen?|einkäufen?|bestellungen|interessen|vorlieben|suchen?|suchanfragen|suchverlauf\w*|verhaltens?|verlaufs?|profils?|besuche[ns]?)",
            r"(?:sie|du) (?:sich |dir )?(?:zuletzt|kürzlich|neulich) (?:\w+ ){0,3}(?:angesehen|angeschaut|gesucht|besucht)",
            r"(?:ihr|dein)e?[rnms]? (?:suchverlauf|browserverlauf|surfverhalten|letzte[rnms]? (?:besuch|suche))",
        ],
    ),
    (
        "relationship to the shop",
        &[
            r"as (?:a|an|our|one of our) (?:\w+ ){0,2}(?:returning|loyal|regular|valued|long-?time|existing|new|vip|gold|premium|platinum|silver|repeat|frequent|esteemed|first-time) (?:\w+ )?(?:customers?|shoppers?|visitors?|members?|buyers?|guests?|clients?|subscribers?)",
            r"(?:for being|you're|you are|you've been|you have been) (?:a|an|our|one of our) (?:\w+ ){0,2}(?:customers?|shoppers?|members?|subscribers?)",
            r"your (?:continued )?(?:loyalty|custom|membership)",
            r"your (?:gold|vip|silver|platinum|premium|member) status",
            r"welcome back",
            r"(?:good|great|nice|lovely) to (?:see you again|have you back)",
            r"we(?:'ve| have)? missed you",
            r"(?:shoppers|customers|people|others|users|families|readers|someone) like you",
            r"als (?:\w+ )?(?:treue[rn]?|geschätzte[rn]?|langjährige[rn]?|unsere?[rn]?) (?:kund\w+|mitglied\w*)",
            r"als (?:stammkund\w+|premiumkund\w+|mitglied)",
            r"(?:ihre|deine)[rn]? (?:treue|mitgliedschaft)",
            r"willkommen zurück",
            r"schön,? dass (?:sie|du) wieder (?:da|hier)",
            r"(?:kunden|kundinnen|menschen|leute|käufer) wie (?:sie|dich|du|ihnen|dir)",
        ],
    ),
    (
        "interests",
        &[
            r"(?:because|since|given that|knowing(?: that)?|seeing (?:that|as)|now that) you (?:\w+ly |always |really |also |so )?(?:love|like|enjoy|prefer|adore|care about|appreciate|favou?r|hike|run|cycle|camp|cook|bake|travel|play|train|collect|ski|swim|climb|garden|read|paint|fish|dance)",
            r"(?:because|since|given that|knowing(?: that)?|seeing (?:that|as)|now that) you(?:'re| are) (?:\w+ )?(?:into|keen on|fond of|a fan|a lover|passionate|interested|an? \w+ (?:hiker|runner|cyclist|camper|cook|fan|lover|enthusiast))",
            r"as you (?:clearly|obviously|evidently|already|so) (?:love|like|enjoy|prefer|know)",
            r"as (?:a|an) (?:avid|keen|passionate|dedicated|devoted|enthusiastic|lifelong|regular|frequent|fellow) \w+(?: \w+)?,? you",
            r"(?:knowing|given|to match|matches|matching|suits|reflects) your (?:love|passion|interests?|fondness|enthusiasm|hobby|hobbies|obsession)",
            r"your (?:love|fondness|enthusiasm|obsession) (?:of|for|with)",
            r"(?:weil|da) (?:sie|du) (?:[\w-]+ ){0,4}(?:lieb(?:en|st)|mögen|magst|gerne?|begeister\w+|bevorzug\w+|schätz(?:en|t)|interessier\w+)",
            r"(?:ihre|deine)[rn]? (?:leidenschaft|vorliebe|begeisterung|schwäche) (?:für|zu|zum|zur)",
            r"als (?:begeisterte[rn]?|leidenschaftliche[rn]?|passionierte[rn]?) \w+",
        ],
    ),
    (
        "profile",
        &[
            r"(?:hand-?picked|picked|chosen|selected|recommended|curated|personali[sz]ed|suggested) (?:just |especially |specially |only |personally )?for you",
            r"(?:picks|recommendations|suggestions) (?:just |especially )?for you",
            r"your (?:customer |user |shopper )?(?:profile|segment|persona)",
            r"your (?:data|account|preferences) (?:shows?|says?|tells?|suggests?|indicates?)",
            r"(?:speziell |extra |persönlich |nur |eigens )?für (?:sie|dich) (?:persönlich )?(?:ausgesucht|ausgewählt|zusammengestellt|empfohlen)",
            r"(?:ihr|dein)e?[ms]? (?:kunden|nutzer)?profil",
        ],
    ),
    (
        "location",
        &[
            r"(?:popular|trending|weather|stores?|shops?|others|people|neighbours|neighbors|customers|shoppers|selling|loved) (?:\w+ ){0,2}(?:in|near|around) your (?:area|city|town|neighbou?rhood|region|postcode|county|village)",
            r"where you live",
            r"(?:because|since|as|now that) you(?:'re| are)? (?:\w+ )?(?:live|living|based|located) (?:in|near|by)",
            r"you(?:'re| are)? (?:live|living) (?:in|near) (?-i:\p{Lu})\w+",
            r"your (?:home address|postcode|zip code|home town|hometown)",
            r"in (?:ihrer|deiner) (?:nähe|stadt|region|gegend|nachbarschaft)",
            r"(?:ihr|dein)e?[mns]? (?:wohnort|heimatort)\w*",
            r"wo (?:sie wohnen|du wohnst|sie leben|du lebst)",
            r"(?:weil|da) (?:sie|du) in \w+ (?:wohn\w+|leb\w+)",
        ],
    ),
];

/// What should not be said of a reader though it be true. No attribute supports it.
const SENSITIVE: &[(&str, &[&str])] = &[
    (
        "age",
        &[
            r"at your (?:\w+ )?age",
            r"(?:someone|anyone|people|women|men|shoppers|those|others) (?:of )?your (?:own )?age",
            r"your age (?:group|bracket|range)",
            r"in your (?:early |mid-?|late )?(?:\d0s|twenties|thirties|forties|fifties|sixties|seventies|eighties|teens)",
            r"as you(?:'re| are)? (?:get|getting|grow|growing) older",
            r"(?:now that|since|because) you(?:'re| are|'ve| have) (?:\w+ )?(?:retired|older|old|young|elderly|\d+|turned)",
            r"your (?:golden years|advanced years|senior years|upcoming birthday|\d+(?:st|nd|rd|th) birthday)",
            r"as (?:a|an) (?:\w+ )?(?:senior|pensioner|teenager|millennial|retiree|boomer|\d{2}[- ]year[- ]old)(?: citizen)?",
            r"for (?:a|an) \d{2}[- ]year[- ]old like you",
            r"in (?:ihrem|deinem) alter",
            r"(?:ihr|dein)e?[ms]? (?:hohe[sn]? |junge[sn]? )?(?:alters?|lebensabend)",
            r"(?:menschen|frauen|männer|personen) (?:ihres|deines|in ihrem|in deinem) alters?",
            r"als (?:rentner|senior|pensionär)(?:in)?",
        ],
    ),
    (
        "sexuality",
        &[
            r"your (?:sexuality|sexual \w+|sex life|love life|gender identity|same-sex \w+)",
            r"(?:as|being|you're|you are) (?:a |an )?(?:gay|lesbian|bisexual|queer|transgender|homosexual|lgbtq?\+?)(?: \w+)?",
            r"(?:ihre?|deine?)[rnms]? (?:sexualität|sexuelle[nrms]? (?:orientierung|vorlieben|neigung)|liebesleben|sexleben|sexualleben)",
            r"als (?:schwule[rn]?|lesbe|lesbische[rn]?|bisexuelle[rn]?|homosexuelle[rn]?|queere[rn]?)",
        ],
    ),
    (
        "gender",
        &[
            r"(?:as|being|you're|you are) a (?:\w+ )?(?:woman|man|girl|lady|guy|gentleman|female|male)",
            r"(?:women|men|ladies|guys|girls|gentlemen) like (?:you|yourself)",
            r"your (?:femininity|masculinity|gender)",
            r"als (?:frau|mann|dame|mädchen|junge)",
        ],
    ),
    (
        "family",
        &[
            r"your (?:new baby|newborn|new arrival|new addition|new grandchild|growing family|expanding family|divorce|ex-?(?:husband|wife|partner))",
            r"(?:now that|since|because|as) you(?:'re| are|'ve| have) (?:\w+ ){0,2}(?:children|kids|a family|a baby|married|divorced|single|widowed|parents?|mum|mom|dad|mother|father|engaged)",
            r"as (?:a|an|new) (?:\w+ ){0,2}(?:parents?|mothers?|fathers?|mums?|moms?|dads?|grandparents?|grandmothers?|grandfathers?|widow|widower|husband|wife)",
            r"(?:families|a family|households?|a household) like yours",
            r"your (?:two|three|four|five|\d) (?:young |little |small )?(?:children|kids|sons|daughters|boys|girls)",
            r"(?:ihr|dein)e?[nmrs]? (?:neugeborene[sn]?|neue[sn]? baby|wachsende[nr]? familie|nachwuchs|scheidung)",
            r"als (?:junge |frischgebackene |stolze )?(?:eltern|mutter|mama|papa|alleinerziehende\w*|großeltern)",
        ],
    ),
    (
        "pregnancy",
        &[
            r"your (?:pregnancy|baby bump|due date|unborn|maternity|trimester)",
            r"you(?:'re| are) (?:pregnant|expecting (?:a baby|your|soon)|trying (?:for a baby|to conceive))",
            r"(?:now that|since|because) you(?:'re| are) expecting",
            r"as an? (?:expectant|expecting|pregnant) \w+",
            r"(?:mums?|moms?|mothers?)-to-be like you",
            r"(?:ihre|deine)[rn]? schwangerschaft",
            r"(?:ihr|dein)e?[nm]? babybauch",
            r"als werdende (?:mutter|eltern|mama|mutti)",
            r"(?:weil|da|jetzt,? wo) (?:sie|du) (?:\w+ )?schwanger",
        ],
    ),
    (
        "health",
        &[
            r"your (?:\w+ )?(?:medical condition|health condition|skin condition|health problems?|illness|disease|disorder|diagnosis|disability|disabilities|symptoms?|medication|allerg(?:y|ies)|asthma|diabetes|eczema|psoriasis|arthritis|cancer|anxiety|depression|insomnia|adhd|autism|migraines?|back pain|joint pain|chronic pain|surgery|addiction|infertility|menopause|incontinence|obesity|weight (?:problem|loss|gain|issue)s?|blood pressure|cholesterol|mental health|hearing loss|poor eyesight)",
            r"your (?:condition|injury|injuries)",
            r"(?:because|since|as|now that) you(?:'re| are|'ve| have)? (?:\w+ )?(?:suffer|suffering|struggle|struggling|live with|living with|diagnosed|recovering|ill|sick|disabled|overweight|obese|diabetic|allergic|in pain)",
            r"you(?:'re| are) (?:\w+ )?(?:overweight|obese|diabetic|depressed|disabled|asthmatic)",
            r"as (?:a|an) (?:\w+ )?(?:diabetic|asthmatic|patient|coeliac|(?:\w+ )?sufferer)",
            r"(?:sufferers|patients|diabetics) like you",
            r"you suffer from",
            r"(?:ihr|dein)e?[nmrs]? (?:krankheit|erkrankung|beschwerden|diagnose|behinderung|allergien?|asthma|diabetes|rückenschmerzen|schmerzen|depression(?:en)?|medikamente|therapie|übergewichts?|gewichtsprobleme|migräne|schlafstörungen|gesundheitszustand)",
            r"(?:weil|da) (?:sie|du) (?:[\w-]+ ){0,4}(?:leide(?:n|st)|krank|erkrankt)",
            r"als (?:diabetiker|allergiker|asthmatiker|patient)(?:in)?",
        ],
    ),
    (
        "money",
        &[
            r"your (?:\w+ )?(?:income|salary|wages?|paychecks?|paycheques?|payday|earnings|debts?|mortgage|overdraft|finances|net worth|wealth|pension)",
            r"your (?:financial (?:situation|circumstances|position|worries)|credit (?:score|rating|history|limit)|bank (?:account|balance))",
            r"your (?:tight |small |limited |low |modest |healthy |generous |student )?budget",
            r"(?:easy|easier|kind|kinder|gentle|gentler|light|lighter|hard) on your (?:wallet|purse|pocket)",
            r"within your means",
            r"you can(?:'t|not)? (?:\w+ )?afford",
            r"as (?:a|an) (?:(?:high|low|top|big)[- ](?:earner|spender|roller)|bargain[- ]hunter|saver|homeowner)",
            r"(?:bargain hunters?|savers?|spenders?|earners?) like you",
            r"(?:ihr|dein)e?[nmrs]? (?:einkommens?|gehalts?|lohns?|verdiensts?|schulden|finanzen|finanzielle[nrms]? (?:lage|situation)|kontostands?|geldbeutels?|budgets?|rente|kredit(?:würdigkeit|rahmen)|bonität)",
            r"was (?:sie sich|du dir) leisten (?:können|kannst)",
        ],
    ),
    (
        "religion",
        &[
            r"your (?:faith|religion|religious \w+|church|mosque|synagogue|parish|baptism|bar mitzvah|bat mitzvah|hajj)",
            r"as (?:a|an) (?:\w+ )?(?:christian|muslim|jew|jewish \w+|hindu|buddhist|sikh|catholic|protestant|atheist|believer)",
            r"you(?:'re| are) (?:a |an )?(?:\w+ )?(?:christian|muslim|jewish|hindu|buddhist|sikh|catholic)",
            r"(?:ihr|dein)e?[nmrs]? (?:glaubens?|religion|kirche|moschee|religiöse[nrms]? \w+)",
            r"als (?:gläubige[rn]? )?(?:christ|muslim|moslem|jude|jüdin|katholik|protestant|buddhist)(?:in)?",
        ],
    ),
    (
        "origin or opinion",
        &[
            r"your (?:ethnicity|ethnic \w+|nationality|skin colou?r|immigration status|political \w+|trade union|union membership)",
            r"people of your (?:background|origin|kind|race|colou?r)",
            r"as (?:a|an) (?:\w+ )?(?:immigrant|refugee|migrant|democrat|republican|socialist|trade unionist|tory|conservative voter)",
            r"(?:ihre|deine)[rn]? (?:ethnische[nr]? )?(?:herkunft|hautfarbe|ethnie|nationalität|staatsangehörigkeit|politische[nr]? \w+)",
            r"als (?:migrant|ausländer|flüchtling)(?:in)?",
        ],
    ),
];

/// What a rule's own `tokens` and `never` are called.
const TOKENS: &str = "the reader";
const NEVER: &str = "what should not be said";

/// Words after which nothing is said of the reader: it may be so or not.
const OPEN: &[&str] = &[
    "if",
    "whether",
    "whatever",
    "no matter",
    "regardless of",
    "when",
    "wenn",
    "falls",
    "ob",
    "egal",
    "unabhängig von",
];

/// Statements about the reader.
#[derive(Debug)]
pub(in crate::guardrail) struct Personal {
    observed: Lexicon,
    sensitive: Lexicon,
    loose: String,
    /// What may be said where an attribute supports it.
    allow: Vec<(String, Regex)>,
}

impl Personal {
    /// Reads `allow`, patterns by the attribute that supports them, and the patterns that come on top of those that are
    /// known: `tokens`, and `never` for what no attribute supports.
    pub(in crate::guardrail) fn read(
        fields: &mut Fields<'_>,
        _style: Style,
        faults: &Faults,
    ) -> Option<Self> {
        let before = faults.errors();
        let (tokens_node, never_node) = (fields.take("tokens"), fields.take("never"));
        let read = |node: &Node| tokens(node, faults).unwrap_or_default();
        let own =
            |words: Vec<(String, _)>| words.into_iter().map(|(word, _)| format!("(?:{word})")).collect();
        let extra: Vec<String> = own(tokens_node.map(read).unwrap_or_default());
        let never: Vec<String> = own(never_node.map(read).unwrap_or_default());
        let allow = fields.take("allow").map(|node| allowed(node, faults)).unwrap_or_default();
        let lexicon =
            |known: &[(&'static str, &'static [&'static str])], name, own: &[String], node: Option<&Node>| {
                // A rule's own words come first: they say most exactly what is meant.
                let known = known.iter().map(|(name, patterns)| (*name, lexicon::own(patterns)));
                let all: Vec<(&'static str, Vec<String>)> =
                    std::iter::once((name, own.to_vec())).chain(known).collect();
                Lexicon::compile(&all, node.map_or(fields.span(), |node| node.span), faults)
            };
        let observed = lexicon(OBSERVED, TOKENS, &extra, tokens_node);
        let sensitive = lexicon(SENSITIVE, NEVER, &never, never_node);
        if faults.errors() > before {
            return None;
        }
        let (observed, sensitive) = (observed?, sensitive?);
        // Both use the same names for their groups, and a pattern has each name once.
        let unnamed = |loose: &str| loose.replace("?P<c", "?P<s");
        let loose = format!("(?:{})|(?:{})", observed.loose(), unnamed(sensitive.loose()));
        Some(Self { observed, sensitive, loose, allow })
    }

    pub(super) fn loose(&self) -> &str {
        &self.loose
    }

    pub(super) fn find(&self, text: &Text<'_>, ground: &Ground<'_>) -> Vec<Hit> {
        let mut found = self.sensitive.find(text);
        for (range, category) in self.observed.find(text) {
            let overlaps =
                |(other, _): &(Range<usize>, _)| range.start < other.end && other.start < range.end;
            if !found.iter().any(overlaps) && !self.allows(&range, text, ground) {
                found.push((range, category));
            }
        }
        found.retain(|(range, _)| !is_open(slice(text.given(), 0..range.start)));
        found.sort_by_key(|(range, _)| range.start);
        let hit = |(range, category): (_, &str)| Hit { says: vec![category.to_owned()], ..Hit::at(range) };
        found.into_iter().map(hit).collect()
    }

    /// Whether an attribute that the model was given supports what is said here.
    fn allows(&self, range: &Range<usize>, text: &Text<'_>, ground: &Ground<'_>) -> bool {
        let supported =
            self.allow.iter().filter(|(path, _)| look_up(ground.inputs, path).is_some_and(says_something));
        let mut patterns = supported.map(|(_, pattern)| pattern);
        patterns.any(|pattern| {
            let reading = text.spaced();
            let mut found = pattern.find_iter(reading.text()).map(|found| reading.origin(found.range()));
            found.any(|found| found.start < range.end && range.start < found.end)
        })
    }
}

/// Whether an attribute's value supports anything: nought, `false` and nothing do not.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// Whether what follows is left open: `if you …`, `whatever your …`.
fn is_open(before: &str) -> bool {
    let before = before.trim_end();
    OPEN.iter().any(|word| {
        let start = before.len().checked_sub(word.len());
        let ends =
            start.and_then(|start| before.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(word));
        let cut = start
            .and_then(|start| before.get(..start))
            .is_some_and(|rest| rest.ends_with(char::is_alphanumeric));
        ends && !cut
    })
}

fn allowed(node: &Node, faults: &Faults) -> Vec<(String, Regex)> {
    let mut all = Vec::new();
    for (key, value) in entries(node, faults) {
        let known = key
            .text
            .split_once('.')
            .is_some_and(|(root, rest)| matches!(root, "user" | "context") && !rest.is_empty());
        if !known {
            let message = format!("`{}` is no attribute of a reader", key.text);
            faults.error_with_help(key.span, message, format!("write `user.{}` or `context.…`", key.text));
            continue;
        }
        let Some(words) = tokens(value, faults) else { continue };
        let words: Vec<String> = words.into_iter().map(|(word, _)| format!("(?:{word})")).collect();
        let style = Style { ignore_case: true, ..Style::default() };
        let pattern = compile_linear(&words.join("|"), style, value.span, faults);
        all.extend(pattern.map(|(pattern, _)| (key.text.clone(), pattern)));
    }
    all
}
