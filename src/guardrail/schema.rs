//! Guardrail files as JSON Schema: lists of rules with guardrails.yml, claims.yml, labelled cases.
//!
//! What every rule may say stands in [`rule`]; what is a kind's own, in [`own`].

use serde_json::{Map, Value, json};

use super::correction;
use super::kinds::{CASES, ENTITIES, GRADES, KINDS, KINDS_TO_COME, Kind};
use super::read::{ACTIONS, ENFORCEMENTS, LEVELS, REACHES};
use super::{MODES, Mode};
use crate::condition::{Speech, schema as condition};
use crate::document::schema::{
    Key, count, day, file, list, map, part, set, text, texts, truth, with_examples, words,
};

/// A language or a region of it, with `*` for any.
const LOCALE_PATTERN: &str = r"^(\*|[A-Za-z0-9]{2,3})(-(\*|[A-Za-z0-9]{1,8}))*$";
/// A rule's own name: letters and digits of any script, `-` and `_`. Written without classes that not every validator knows.
const NAME: &str = r"^[^\s!-,./:-@\[-^`{-~]+$";
/// A rule's whole name.
const RULE: &str = r"^[^.\s]+\.[^\s]+$";

/// The schema of guardrails.yml and of the lists of rules beside it: which of the two a file is shows in `rules`, a list in
/// the one and a map in the other.
pub fn guardrails() -> Value {
    let root = json!({
        "type": "object",
        "description": "A list of rules, or, in guardrails.yml, what is in force of them.",
        "if": {"properties": {"rules": {"type": "array"}}, "required": ["rules"]},
        "then": part("list"),
        "else": part("settings"),
    });
    let mut parts = vec![("list", rules()), ("settings", settings()), ("rule", rule())];
    parts.extend([
        ("override", overriding()),
        ("ceiling", ceiling()),
        ("retired", retired()),
        ("waiver", waiver()),
    ]);
    parts.extend(shared());
    file("copyrail: guardrails", root, parts)
}

/// The schema of labelled cases.
pub fn cases() -> Value {
    let root = map(
        "Copy as it might come, and what the rules must make of it.",
        vec![("cases", list("The texts.", &part("case")))],
        &["cases"],
    );
    let mut keys = sample();
    let caught = json!({"type": "array", "minItems": 1, "items": {"type": "string", "pattern": RULE}});
    keys.push((
        "expect",
        json!({
            "description": "pass, or the rules that must catch it.",
            "anyOf": [{"const": "pass"}, caught],
            "examples": ["pass", ["brand.no-slang"]],
        }),
    ));
    file("copyrail: labelled cases", root, vec![("case", map("A labelled text.", keys, &["text", "expect"]))])
}

/// The schema of claims.yml.
pub fn claims() -> Value {
    let families = json!({
        "type": "object",
        "description": "Families of claims, by their names: health, environment, price, comparison, superlative, finance, award, …",
        "additionalProperties": {"anyOf": [{"type": "null"}, part("family")]},
        "examples": [{"health": {"closed": true}}],
    });
    let root = map(
        "The register of claims and of their evidence.",
        vec![
            ("families", families),
            ("claims", list("The claims.", &part("claim"))),
            ("evidence", list("What proves them, and until when.", &part("evidence"))),
        ],
        &[],
    );
    let mut keys = vec![("id", identifier("Its name.", "gb-magnesium-tiredness"))];
    keys.extend(of_any_rule());
    keys.extend(own(Kind::Claim).0);
    let mut claim = map(
        "A claim: how it may be worded, what betrays it, what it needs.",
        keys,
        &["id", "family", "examples"],
    );
    let said = |key: &str| json!({"required": [key]});
    set(&mut claim, "anyOf", json!([said("wording"), said("triggers"), said("tokens")]));
    set(&mut claim, "allOf", json!([off_needs_a_reason()]));
    let mut parts = vec![("claim", claim), ("family", family()), ("evidence", evidence())];
    parts.extend(shared());
    file("copyrail: claims.yml", root, parts)
}

/// A family of claims. While it is open there is nothing else to say of it.
fn family() -> Value {
    let mut keys = vec![
        ("closed", truth("Any statement of the family that no claim's wording allows is caught.")),
        ("triggers", patterns("What betrays the family, besides what betrays its claims.")),
    ];
    keys.extend(of_any_rule());
    let mut schema = map("A family of claims.", keys, &[]);
    let closed = json!({
        "if": {"properties": {"closed": {"const": true}}, "required": ["closed"]},
        "else": {"propertyNames": {"enum": ["closed"]}},
    });
    set(&mut schema, "allOf", json!([closed, off_needs_a_reason()]));
    set(&mut schema, "dependentRequired", json!({"triggers": ["examples"]}));
    schema
}

fn evidence() -> Value {
    let keys = vec![
        ("id", identifier("Its name, as claims name it under `needs`.", "lab-2026-022")),
        ("covers", texts("The ids of the products that it is about, in quotes where they are digits alone.")),
        ("document", with_examples(text("What it is."), json!(["Assay 022"]))),
        ("sha256", text("The document's SHA-256, as `sha256sum` prints it.")),
        ("accepted_by", with_examples(text("Who accepted it."), json!(["legal@example.com"]))),
        ("from", day("The first day on which it holds.")),
        ("until", day("The last day on which it holds.")),
    ];
    map(
        "A document that proves claims about products.",
        keys,
        &["id", "covers", "document", "accepted_by", "from", "until"],
    )
}

/// What a claim needs: a condition, evidence, or several of these.
fn needs() -> Value {
    let mut parts = condition(Speech::Timeless).into_iter();
    let mut schema =
        parts.find_map(|(name, schema)| (name == "condition").then_some(schema)).unwrap_or_default();
    let several = |description: &str| json!({"type": "array", "minItems": 1, "items": part("needs"), "description": description});
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("all".into(), several("All of these."));
        properties.insert("any".into(), several("At least one of these."));
        let mut not = part("needs");
        set(&mut not, "description", "This does not hold.");
        properties.insert("not".into(), not);
        properties.insert(
            "evidence".into(),
            texts("The id of a document under `evidence`, in force and about the product; of several, all."),
        );
    }
    set(&mut schema, "minProperties", 1);
    set(
        &mut schema,
        "description",
        "A condition over facts and context, {evidence: id}, or several of these under all, any or not. What is not known is not fulfilled.",
    );
    let example = json!({"all": [{"product.features.magnesium_nrv_percent": {"$gte": 15}}, {"evidence": "lab-2026-022"}]});
    with_examples(schema, json!([example]))
}

/// What several files have in common.
fn shared() -> Vec<Key> {
    let applies = map(
        "Where the rule applies. What is unknown of a text applies.",
        vec![
            (
                "locale",
                json!({
                    "description": "Locales, with * for any part.",
                    "anyOf": [locale_pattern(), {"type": "array", "items": locale_pattern()}],
                    "examples": [["en-*"]],
                }),
            ),
            ("placement", texts("The placements, by the names of their folders under prompts/.")),
            ("when", part("condition")),
        ],
        &[],
    );
    let effective = map(
        "The days on which the rule is in force, both included, in the time zone of the policy.",
        vec![("from", day("The first day.")), ("until", day("The last day."))],
        &[],
    );
    let examples = map(
        "Texts that are tried whenever the file changes; a rule that gets one of them wrong does not take effect.",
        vec![
            ("fail", example_list("Texts that the rule must catch.", true)),
            ("pass", example_list("Texts that it must leave alone.", false)),
        ],
        &["fail", "pass"],
    );
    let mut parts = vec![("applies", applies), ("effective", effective), ("examples", examples)];
    parts.push(("needs", needs()));
    parts.extend(condition(Speech::Timeless));
    parts
}

fn example_list(description: &str, fails: bool) -> Value {
    let mut keys = sample();
    if fails {
        keys.push(("match", text("The stretch that it must catch.")));
    }
    let example = map("A text, and what it is judged by.", keys, &["text"]);
    json!({"type": "array", "minItems": 1, "description": description, "items": {"anyOf": [{"type": ["string", "number", "boolean"]}, example]}})
}

/// What a text in a file is judged by.
fn sample() -> Vec<Key> {
    let object = |description: &str, example: Value| json!({"type": "object", "description": description, "examples": [example]});
    vec![
        ("text", text("The copy.")),
        (
            "facts",
            object(
                "The product's facts.",
                json!({"name": "Lumo 3 lamp", "features": {"light output": "400 lm"}}),
            ),
        ),
        ("context", object("The attributes of the moment.", json!({"country": "GB"}))),
        ("inputs", object("What the model was told of the user.", json!({"orders_90d": 2}))),
        ("instructions", text("What the model was told to write; copy that repeats it is caught.")),
        ("placement", text("The placement that it is for.")),
        ("locale", with_examples(text("The locale that it is in."), json!(["en-GB"]))),
        ("as_of", day("The day that it is judged on; without one, days do not matter.")),
    ]
}

fn locale_pattern() -> Value {
    json!({"type": "string", "pattern": LOCALE_PATTERN})
}

/// A name that may look like a number.
fn identifier(description: &str, example: &str) -> Value {
    json!({"type": ["string", "number", "boolean"], "description": description, "examples": [example]})
}

fn rules() -> Value {
    map("A list of rules.", vec![("rules", list("The rules.", &part("rule")))], &["rules"])
}

/// What guardrails.yml may say.
fn settings() -> Value {
    let nothing = |schema: Value| json!({"anyOf": [{"type": "null"}, schema]});
    let overrides = json!({
        "type": "object",
        "propertyNames": {"pattern": RULE},
        "additionalProperties": part("override"),
        "examples": [{"brand.hype": {"mode": "shadow", "until": "2027-01-31"}}],
    });
    map(
        "What is in force: styles, overrides, ceilings, retired rules and waivers.",
        vec![
            (
                "styles",
                nothing(list(
                    "Folders of public rules under styles/ that are in force.",
                    &json!({"type": "string"}),
                )),
            ),
            ("rules", nothing(overrides)),
            (
                "ceilings",
                nothing(list("No placement goes beyond these; the strictest wins.", &part("ceiling"))),
            ),
            (
                "retired",
                nothing(list("Rules that were taken out of the files, or became looser.", &part("retired"))),
            ),
            (
                "waivers",
                nothing(list("Single texts that rules do not hold back, until a day.", &part("waiver"))),
            ),
        ],
        &[],
    )
}

/// `mode`, and the reason that `off` needs.
fn mode() -> Vec<Key> {
    vec![
        (
            "mode",
            words(
                "enforce; shadow (judged and recorded, changes nothing); off (needs `because`).",
                ENFORCEMENTS,
            ),
        ),
        ("because", text("Why the rule is off.")),
    ]
}

/// A rule is off only for a reason.
fn off_needs_a_reason() -> Value {
    json!({"if": {"properties": {"mode": {"const": "off"}}, "required": ["mode"]}, "then": {"required": ["because"]}})
}

fn level() -> Key {
    (
        "level",
        words(
            "error blocks, warning sends back once, suggestion notes, unless `on_match` says otherwise.",
            LEVELS,
        ),
    )
}

fn on_match() -> Key {
    (
        "on_match",
        words(
            "What follows from a finding: block, repair (sent back to the model once), fix (the rule's own correction), note.",
            ACTIONS,
        ),
    )
}

fn overriding() -> Value {
    let mut keys = vec![
        level(),
        on_match(),
        ("until", day("The last day; after it the rule is again as its own file says.")),
    ];
    keys.extend(mode());
    let mut schema = map("What holds of a rule instead of what its own file says.", keys, &[]);
    set(&mut schema, "allOf", json!([off_needs_a_reason()]));
    schema
}

fn ceiling() -> Value {
    let modes: Vec<(&str, Mode)> = MODES.to_vec();
    let keys = vec![
        ("when", part("condition")),
        ("placement", texts("The placements that it holds for; all where none is named.")),
        ("mode", words("The furthest that copy may go.", &modes)),
        (
            "approval",
            json!({"const": true, "description": "A person approves each generated text before it is first served."}),
        ),
    ];
    let mut schema = map("How far copy may go, whatever placements say.", keys, &[]);
    set(&mut schema, "anyOf", json!([{"required": ["mode"]}, {"required": ["approval"]}]));
    with_examples(
        schema,
        json!([{"when": {"product.category": "Food supplements"}, "mode": "segment", "approval": true}]),
    )
}

fn retired() -> Value {
    let keys = vec![
        (
            "id",
            json!({"type": "string", "pattern": RULE, "description": "The rule's whole name, such as brand.old-slogan."}),
        ),
        ("reason", text("Why it went, or became looser.")),
        ("by", text("Who decided that.")),
        ("on", day("When.")),
    ];
    let example = json!([{"id": "brand.old-slogan", "reason": "The campaign is over.", "by": "jo@example.com", "on": "2026-11-01"}]);
    with_examples(
        map("A rule that was taken out, or became looser.", keys, &["id", "reason", "by", "on"]),
        example,
    )
}

fn waiver() -> Value {
    let keys = vec![
        ("text", text("The whole text, as it is shown.")),
        ("rules", texts("The rules that let it pass, by their whole names.")),
        ("reason", text("Why it may be shown.")),
        ("by", text("Who decided that.")),
        ("until", day("The last day.")),
    ];
    let example = json!([{"text": "Guaranteed fresh, or your money back.", "rules": ["compliance.no-promises"], "reason": "Agreed with the regulator, letter of 3 November.", "by": "legal@example.com", "until": "2026-12-31"}]);
    let schema =
        map("A text that some rules do not hold back.", keys, &["text", "rules", "reason", "by", "until"]);
    with_examples(schema, example)
}

/// What every rule of a list may say.
fn common() -> Vec<Key> {
    let kinds: Vec<(&str, Kind)> = running().collect();
    let id = json!({
        "type": ["string", "number", "boolean"],
        "pattern": NAME,
        "description": "Its name; the file's name goes in front by itself.",
        "examples": ["no-guarantees"],
    });
    let mut keys = vec![("id", id), ("extends", words("What kind of rule it is.", &kinds))];
    keys.extend(of_any_rule());
    keys
}

/// What may be said of whatever finds something, be it a rule, a claim or a family of claims.
fn of_any_rule() -> Vec<Key> {
    let mut keys = vec![
        (
            "message",
            with_examples(
                text("What is wrong and what to write instead; %s stands for the match."),
                json!(["'%s' promises an outcome; say what the product does instead."]),
            ),
        ),
        level(),
        on_match(),
    ];
    keys.extend(mode());
    keys.extend([
        ("owner", with_examples(text("Whom to ask about it."), json!(["legal@example.com"]))),
        (
            "reference",
            with_examples(text("The law, code or guide that it comes from."), json!(["CAP Code 3.7"])),
        ),
        ("link", text("Where to read more.")),
        ("description", text("What it is for.")),
        ("applies", part("applies")),
        ("effective", part("effective")),
        ("examples", part("examples")),
        ("ignorecase", truth("Capitals and small letters are the same.")),
        ("nonword", truth("Matches may begin and end within words.")),
        (
            "exceptions",
            patterns(
                "Phrases that cover a match, or facts such as product.name; each needs a `pass` example.",
            ),
        ),
        ("limit", count("How many findings there are at most of one text; 0 for all.")),
        ("vocab", json!({"const": false, "description": "The vocabulary is for public rules: list words under `exceptions`."})),
        ("action", action()),
    ]);
    keys
}

/// How a match is corrected.
fn action() -> Value {
    let keys = vec![
        (
            "name",
            words(
                "remove; replace by `params`; edit or convert as `params` say; suggest is no correction.",
                correction::NAMES,
            ),
        ),
        (
            "params",
            texts(
                "What to write instead, or how to edit: [trim, \" \"], [truncate, \",\"], [split, \" \", 0], [regex, a, b].",
            ),
        ),
    ];
    with_examples(map("How a match is corrected.", keys, &["name"]), json!([{"name": "remove"}]))
}

/// The kinds that run.
fn running() -> impl Iterator<Item = (&'static str, Kind)> {
    KINDS.iter().copied().filter(|(word, _)| !KINDS_TO_COME.contains(word))
}

fn patterns(description: &str) -> Value {
    json!({"type": "array", "items": {"type": ["string", "number", "boolean"]}, "description": description})
}

/// A least and a most.
fn bounds() -> Vec<Key> {
    vec![("min", count("The least.")), ("max", count("The most."))]
}

/// A number from 0 to 1.
fn fraction(description: &str) -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 1, "description": description})
}

/// What is a kind's own of a rule, and what of it must be there.
fn own(kind: Kind) -> (Vec<Key>, &'static [&'static str]) {
    let scope = || ("scope", words("What is looked at in one piece.", REACHES));
    let pairs = |description: &str, example: Value| {
        json!({
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "description": description,
            "examples": [example],
        })
    };
    let asked = || {
        [
            (
                "provider",
                text("A provider's name from the settings; all of them, in their order, if not said."),
            ),
            ("model", text("The model that is asked; the provider's own if not said.")),
        ]
    };
    match kind {
        Kind::Existence => (
            vec![
                scope(),
                ("append", truth("`raw` stands behind the tokens, not in front.")),
                ("raw", texts("An expression that stands in front of every token.")),
                ("tokens", patterns("The words or regular expressions to find.")),
            ],
            &[],
        ),
        Kind::Substitution => {
            let swap =
                pairs("What to replace by what; several ways are separated by |.", json!({"utilize": "use"}));
            (vec![scope(), ("swap", swap)], &["swap"])
        }
        Kind::Occurrence => {
            let mut keys = vec![scope(), ("token", text("The expression to count."))];
            keys.extend(bounds());
            (keys, &["token"])
        }
        Kind::Limit => {
            let bound = |what: &str| {
                let mut schema = map(&format!("How many {what}."), bounds(), &[]);
                set(&mut schema, "minProperties", 1);
                with_examples(schema, json!([{"max": 280}]))
            };
            let keys = vec![
                ("characters", bound("characters")),
                ("words", bound("words")),
                ("sentences", bound("sentences")),
                ("words_per_sentence", bound("words in a sentence")),
                ("lines", bound("lines")),
                ("bytes", bound("bytes in UTF-8")),
                ("sms_segments", bound("SMS segments")),
            ];
            (keys, &[])
        }
        Kind::Repetition => (
            vec![
                scope(),
                ("tokens", with_examples(patterns("What a word is."), json!([["[^\\s]+"]]))),
                ("max", count("How often a word may be said again; not at all if not said.")),
                ("alpha", truth("Only words of letters count.")),
            ],
            &["tokens"],
        ),
        Kind::Consistency => {
            let either = pairs(
                "Two ways to write the same, of which a text keeps to one.",
                json!({"colour": "color"}),
            );
            (vec![scope(), ("either", either)], &["either"])
        }
        Kind::Conditional => (
            vec![
                scope(),
                ("first", with_examples(text("What needs the other."), json!([r"\b([A-Z]{3,5})\b"]))),
                (
                    "second",
                    with_examples(
                        text("What is needed; its group says for which."),
                        json!([r"\(([A-Z]{3,5})\)"]),
                    ),
                ),
            ],
            &["first", "second"],
        ),
        Kind::Capitalization => (
            vec![
                scope(),
                (
                    "match",
                    with_examples(
                        text(
                            "How the text is written: $sentence, $title, $lower, $upper or an expression that it matches.",
                        ),
                        json!(["$sentence", "$title", "$lower", "$upper"]),
                    ),
                ),
                ("style", with_examples(text("Whose titles: AP or Chicago."), json!(["AP", "Chicago"]))),
                ("indicators", texts("Ends of words behind which a capital may stand, such as a colon.")),
                ("threshold", fraction("How much of the words must be right, from 0 to 1; 0.8 if not said.")),
                ("prefix", text("An expression for what may stand before the text and is not looked at.")),
            ],
            &["match"],
        ),
        Kind::Metric => (
            vec![
                scope(),
                (
                    "formula",
                    with_examples(
                        text(
                            "What is worked out, of characters, words, long_words, complex_words, polysyllabic_words, syllables, sentences, paragraphs.",
                        ),
                        json!(["words / sentences"]),
                    ),
                ),
                ("condition", with_examples(text("What of the result is found."), json!(["> 25"]))),
            ],
            &["formula", "condition"],
        ),
        Kind::Readability => {
            let mut metrics =
                list("The ways to grade, of which the mean counts.", &words("A way to grade.", GRADES));
            set(&mut metrics, "minItems", 1);
            let grade = json!({"type": "number", "description": "The highest grade allowed: years at school.", "examples": [8]});
            (vec![scope(), ("metrics", metrics), ("grade", grade)], &["metrics", "grade"])
        }
        Kind::Require => {
            let sentences = json!({"type": "integer", "minimum": 1, "description": "How many sentences away it may begin; anywhere if not said."});
            let keys = vec![("sentences", sentences), ("after", truth("It has to come behind."))];
            let mut within = map("Where the disclosure stands, seen from the trigger.", keys, &[]);
            set(&mut within, "minProperties", 1);
            let statement = text("The disclosure, word for word; {product.…} is filled in from the facts.");
            (
                vec![
                    (
                        "trigger",
                        with_examples(patterns("What asks for the disclosure."), json!([["pay monthly"]])),
                    ),
                    ("text", with_examples(statement, json!(["Representative {product.offer.apr}% APR."]))),
                    ("within", with_examples(within, json!([{"sentences": 1, "after": true}]))),
                ],
                &["trigger", "text"],
            )
        }
        Kind::Claim => (
            vec![
                ("family", text("Its family; in claims.yml one of those under `families`.")),
                ("wording", texts("What may be said, in these words, where `needs` holds.")),
                ("triggers", patterns("What betrays the claim in other words.")),
                ("tokens", patterns("Another name for `triggers`.")),
                ("needs", part("needs")),
                (
                    "with",
                    with_examples(
                        text(
                            "The statement that must stand beside it; {product.…} is filled in from the facts.",
                        ),
                        json!([
                            "The beneficial effect is obtained with a daily intake of {product.features.daily_dose}."
                        ]),
                    ),
                ),
            ],
            &[],
        ),
        Kind::Personal => {
            let allow = json!({
                "type": "object",
                "propertyNames": {"pattern": r"^(user|context)\..+$"},
                "additionalProperties": patterns("What may be said by it."),
                "description": "What may be said where the model was told this attribute.",
                "examples": [{"user.orders_90d": ["your (last|latest) order"]}],
            });
            (
                vec![
                    ("tokens", patterns("More statements about the reader, besides those that are known.")),
                    ("never", patterns("More statements that no attribute supports.")),
                    ("allow", allow),
                ],
                &[],
            )
        }
        Kind::Pii => {
            let mut entities = list(
                "What to look for; everything if not said.",
                &words("A sort of personal data.", ENTITIES),
            );
            set(&mut entities, "minItems", 1);
            let threshold = fraction("How sure a finding must be; a lower number finds more.");
            (vec![("entities", entities), ("threshold", threshold)], &[])
        }
        Kind::Url => {
            let allow = with_examples(
                patterns(
                    "Links that may stand: a host, *.host for all below it, a whole address up to a folder, a scheme such as mailto:.",
                ),
                json!([["https://example.com/shop", "*.example.com"]]),
            );
            (vec![("allow", allow)], &[])
        }
        Kind::Language => {
            let min_words = json!({"type": "integer", "minimum": 1, "description": "A text with fewer words is not looked at."});
            let confidence = fraction("How sure it must be; a lower number finds more.");
            (vec![("min_words", min_words), ("confidence", confidence)], &[])
        }
        Kind::Competitor => {
            let keys = vec![
                ("name", text("The name.")),
                ("aliases", texts("What it is called besides.")),
                ("unless", patterns("Phrases in which the name means something else, such as orange juice.")),
                ("case", words("Whether capitals matter; they do for everyday words if not said.", CASES)),
            ];
            let one = json!({"anyOf": [{"type": ["string", "number", "boolean"]}, map("A competitor.", keys, &["name"])]});
            let mut names = list("The competitors, each by its name or as a map with its aliases.", &one);
            set(&mut names, "minItems", 1);
            let example =
                json!([["Acme", {"name": "Orange", "aliases": ["Orange SA"], "unless": ["orange juice"]}]]);
            (vec![("names", with_examples(names, example))], &["names"])
        }
        Kind::Judge => {
            let rubric = with_examples(
                text("What good copy does, as one would tell a colleague."),
                json!(["The copy speaks of the product alone, and presumes nothing about the reader."]),
            );
            let mut threshold =
                fraction("The least score that passes, above 0 and up to 1; 0.5 if not said.");
            set(&mut threshold, "exclusiveMinimum", 0);
            let mut keys = vec![("rubric", rubric), ("threshold", threshold)];
            keys.extend(asked());
            (keys, &["rubric"])
        }
        Kind::Moderation => {
            let mut least = fraction("The least score that is caught.");
            set(&mut least, "exclusiveMinimum", 0);
            let scores = json!({"type": "object", "minProperties": 1, "additionalProperties": least});
            let one = json!({"anyOf": [{"type": "string"}, scores]});
            let categories = json!({
                "description": "The categories that count, with the least score that is caught or by the service's own verdict; whatever it flags if not said.",
                "anyOf": [one, {"type": "array", "minItems": 1, "items": one}],
                "examples": [["hate", {"violence": 0.3}]],
            });
            let mut keys = vec![("categories", categories)];
            keys.extend(asked());
            (keys, &[])
        }
        Kind::Markup | Kind::Grounded | Kind::Echo => (Vec::new(), &[]),
    }
}

/// One rule: what every rule may say, and by its kind what is the kind's own.
fn rule() -> Value {
    let common = common();
    let names: Vec<&str> = common.iter().map(|(key, _)| *key).collect();
    let mut all = Map::new();
    let mut by_kind = vec![off_needs_a_reason()];
    for (word, kind) in running() {
        let (keys, required) = own(kind);
        let mut known = names.clone();
        known.extend(keys.iter().map(|(key, _)| *key));
        for (key, schema) in &keys {
            // An editor offers a key before it knows of which kind the rule is. What means several things says none.
            let described = schema.get("description").map_or(json!({}), |said| json!({"description": said}));
            let known = all.entry(*key).or_insert_with(|| described.clone());
            if *known != described {
                *known = json!({});
            }
        }
        let properties: Map<String, Value> =
            keys.into_iter().map(|(key, schema)| (key.to_owned(), schema)).collect();
        by_kind.push(json!({
            "if": {"properties": {"extends": {"const": word}}, "required": ["extends"]},
            "then": {"properties": properties, "propertyNames": {"enum": known}, "required": required},
        }));
    }
    let mut schema = map("A rule.", common, &["id", "extends", "message", "examples"]);
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        all.into_iter().for_each(|(key, schema)| {
            properties.entry(key).or_insert(schema);
        });
    }
    set(&mut schema, "anyOf", json!([{"required": ["level"]}, {"required": ["on_match"]}]));
    set(&mut schema, "allOf", by_kind);
    with_examples(
        schema,
        json!([{
            "id": "no-guarantees",
            "extends": "existence",
            "message": "'%s' promises an outcome; say what the product does instead.",
            "level": "error",
            "ignorecase": true,
            "tokens": ["guaranteed"],
            "owner": "legal@example.com",
            "examples": {"fail": ["Guaranteed to last."], "pass": ["Made of steel."]},
        }]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::schema::testing::{STRANGER, keys, known};
    use crate::guardrail::tests::{files, london};

    fn faults(path: &str, text: &str) -> Vec<crate::diagnostic::Diagnostic> {
        crate::guardrail::load(&files([(path, text)]), &london()).1
    }

    #[test]
    fn every_kind_has_the_keys_that_its_reader_knows() {
        let schema = guardrails();
        let by_kind = schema["$defs"]["rule"]["allOf"].as_array().unwrap();
        assert!(running().count() > 4);
        for (word, _) in running() {
            // Whatever a kind needs is there, so that its reader gets to the end.
            let text = format!(
                "rules:\n  - {{id: a, extends: {word}, message: m, level: error, {STRANGER}: 1, tokens: [a], swap: {{a: b}}, token: a, max: 1}}\n"
            );
            let found =
                by_kind.iter().find(|rule| rule["if"]["properties"]["extends"]["const"] == word).unwrap();
            let names = found["then"]["propertyNames"]["enum"].as_array().unwrap();
            let mut names: Vec<String> = names.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
            names.sort();
            assert_eq!(names, known(&faults("g/a.yml", &text), "a rule"), "{word}");
        }
    }

    #[test]
    fn other_maps_have_the_keys_that_their_readers_know() {
        let schema = guardrails();
        let parts = &schema["$defs"];
        let settings = format!(
            "{STRANGER}: 1\nrules: {{a.b: {{{STRANGER}: 1}}}}\nceilings: [{{{STRANGER}: 1, approval: true}}]\nretired: [{{{STRANGER}: 1}}]\nwaivers: [{{{STRANGER}: 1}}]\n"
        );
        let found = faults("g/guardrails.yml", &settings);
        assert_eq!(keys(&parts["settings"]), known(&found, "`guardrails.yml`"));
        assert_eq!(keys(&parts["override"]), known(&found, "what is said of a rule"));
        assert_eq!(keys(&parts["ceiling"]), known(&found, "a ceiling"));
        assert_eq!(keys(&parts["retired"]), known(&found, "a retired rule"));
        assert_eq!(keys(&parts["waiver"]), known(&found, "a waiver"));
        let list = format!(
            "{STRANGER}: 1\nrules:\n  - {{id: a, extends: existence, message: m, level: error, tokens: [a], action: {{{STRANGER}: 1}}, \
             applies: {{{STRANGER}: 1}}, effective: {{{STRANGER}: 1}}, examples: {{{STRANGER}: 1}}}}\n  \
             - {{id: b, extends: limit, message: m, level: error, words: {{{STRANGER}: 1}}, examples: {{fail: [{{{STRANGER}: 1, text: x}}]}}}}\n"
        );
        let found = faults("g/a.yml", &list);
        assert_eq!(keys(&parts["list"]), known(&found, "a list of rules"));
        assert_eq!(keys(&parts["applies"]), known(&found, "`applies`"));
        assert_eq!(keys(&parts["effective"]), known(&found, "`effective`"));
        assert_eq!(keys(&parts["examples"]), known(&found, "`examples`"));
        assert_eq!(
            keys(&parts["examples"]["properties"]["fail"]["items"]["anyOf"][1]),
            known(&found, "an example")
        );
        let limit = own(Kind::Limit).0;
        assert_eq!(keys(&limit[0].1), known(&found, "a limit"));
        assert_eq!(keys(&action()), known(&found, "`action`"));
        let nested = format!(
            "rules:\n  - {{id: a, extends: require, message: m, level: error, trigger: [a], text: b, within: {{{STRANGER}: 1}}}}\n  \
             - {{id: b, extends: competitor, message: m, level: error, names: [{{{STRANGER}: 1, name: Acme}}]}}\n"
        );
        let found = faults("g/a.yml", &nested);
        assert_eq!(keys(&own(Kind::Require).0[2].1), known(&found, "`within`"));
        let names = &own(Kind::Competitor).0[0].1;
        assert_eq!(keys(&names["items"]["anyOf"][1]), known(&found, "a competitor"));
        let file = format!("{STRANGER}: 1\ncases: [{{{STRANGER}: 1}}]\n");
        let (found, schema) = (faults("g/cases/a.yml", &file), cases());
        assert_eq!(keys(&schema), known(&found, "a file of cases"));
        assert_eq!(keys(&schema["$defs"]["case"]), known(&found, "a case"));
    }

    #[test]
    fn the_register_has_the_keys_that_its_readers_know() {
        let schema = claims();
        let parts = &schema["$defs"];
        let register = format!(
            "{STRANGER}: 1\nfamilies: {{f: {{closed: true, triggers: [a], {STRANGER}: 1}}}}\nclaims:\n  \
             - {{id: a, family: f, triggers: [a], {STRANGER}: 1}}\nevidence: [{{{STRANGER}: 1}}]\n"
        );
        let found = faults("g/claims.yml", &register);
        assert_eq!(keys(&schema), known(&found, "`claims.yml`"));
        assert_eq!(keys(&parts["family"]), known(&found, "a family"));
        assert_eq!(keys(&parts["claim"]), known(&found, "a claim"));
        assert_eq!(keys(&parts["evidence"]), known(&found, "evidence"));
    }

    #[test]
    fn what_claims_need_has_the_words_that_its_reader_knows() {
        let schema = claims();
        // What is no condition and that the reader takes: all else it reads as an attribute, and says that it is none.
        let words: Vec<String> =
            keys(&schema["$defs"]["needs"]).into_iter().filter(|word| !word.starts_with('$')).collect();
        assert_eq!(words, ["all", "any", "evidence", "not"]);
        for word in words.iter().map(String::as_str).chain([STRANGER]) {
            let needs = if word == "evidence" { "e".to_owned() } else { "[{product.a: 1}]".to_owned() };
            let needs = if word == "not" { "{product.a: 1}".to_owned() } else { needs };
            let text = format!(
                "rules:\n  - {{id: a, extends: claim, message: m, level: error, tokens: [a], needs: {{{word}: {needs}}}, examples: {{fail: [a], pass: [b]}}}}\n"
            );
            let found = faults("g/a.yml", &text);
            let is_none = found.iter().any(|fault| fault.message.contains("is no attribute"));
            assert_eq!(is_none, word == STRANGER, "{word}: {found:#?}");
        }
    }
}
