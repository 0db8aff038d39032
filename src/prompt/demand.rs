//! How many different texts a placement needs for a set of users: the keys that they would make, the inputs that make them
//! many, and the tokens of writing each once. Users are told of one by one; nothing of them is kept but what differs.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::ladder::told;
use super::load::sample_inputs;
use super::{Chosen, Placement, Prompts};
use crate::condition::Scope;
use crate::guardrail::MODES;
use crate::segment::{Part, Segments, Shaped};
use crate::words::{DEFAULT_SEGMENT, Locale, SegmentId, TemplateId, Tier};

/// Characters that make a token, roughly, in European languages.
const CHARACTERS_PER_TOKEN: u64 = 4;
/// An input with more values than this makes copy that hardly anybody shares.
const MANY_VALUES: u64 = 12;

/// What a placement needs for a set of users.
#[derive(Clone, Debug, Serialize)]
pub struct Demand {
    /// The placement.
    pub placement: String,
    /// How far its copy may go.
    pub mode: &'static str,
    /// The share of users, from 0 to 1, who get the best of it; where it goes by what a user does not have, the figures
    /// count them outside.
    pub rollout: f64,
    /// The share of users, from 0 to 1, who get pre-written copy to compare with.
    pub holdout: f64,
    /// The users by the best copy that they may get.
    pub tiers: Tiers,
    /// How many different texts one product needs.
    pub combinations: u64,
    /// How many all products need.
    pub keys: u64,
    /// How many users share the copy of one product, on average; none where nothing is generated.
    pub users_per_key: Option<f64>,
    /// The templates that are asked, the one of most users first.
    pub templates: Vec<Asked>,
    /// What makes texts differ, the input of most values first.
    pub inputs: Vec<FanOut>,
    /// What writing every text once takes.
    pub tokens: Tokens,
}

/// Users by the best copy that they may get.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Tiers {
    /// Copy for those alike to a template that reads the user.
    pub user: Part,
    /// Copy that a segment shares.
    pub segment: Part,
    /// Copy that people wrote.
    pub prewritten: Part,
}

/// One template in one language, and who is asked for with it.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// The template.
    pub template: TemplateId,
    /// The language of its copy.
    pub locale: String,
    /// Its users.
    pub users: Part,
    /// How many different texts one product needs.
    pub combinations: u64,
    /// The estimated tokens of its prompt: of its sample, or of its bare body where it has none.
    pub prompt_tokens: u64,
    /// The most tokens of its answer.
    pub max_tokens: u64,
}

/// How many values an input takes.
#[derive(Clone, Debug, Serialize)]
pub struct FanOut {
    /// The input's path.
    pub path: String,
    /// The templates that see it.
    pub templates: Vec<TemplateId>,
    /// The most values that it takes for one of them, *missing* being one.
    pub values: u64,
    /// Whether bands bound it.
    pub banded: bool,
    /// Whether it takes so many values that copy is hardly shared, and bands or closed values would help.
    pub too_many: bool,
}

/// Estimated tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tokens {
    /// Read.
    pub prompt: u64,
    /// Written, at half of what templates allow.
    pub answer: u64,
    /// Written, at all that templates allow.
    pub answer_at_most: u64,
}

impl std::ops::AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.prompt = self.prompt.saturating_add(other.prompt);
        self.answer = self.answer.saturating_add(other.answer);
        self.answer_at_most = self.answer_at_most.saturating_add(other.answer_at_most);
    }
}

/// A [`Demand`] in the making.
#[derive(Debug)]
pub struct Counter<'p> {
    prompts: &'p Prompts,
    segments: &'p Segments,
    placement: &'p Placement,
    users: u64,
    prewritten: u64,
    /// The template for a segment, a locale and a tier, found before.
    chosen: BTreeMap<(SegmentId, Locale, Tier), Option<Chosen<'p>>>,
    asked: BTreeMap<(&'p str, &'p str), Variants<'p>>,
}

/// The users of one template in one language.
#[derive(Debug)]
struct Variants<'p> {
    chosen: Chosen<'p>,
    users: u64,
    /// What sets its texts apart, for one product.
    texts: HashSet<String>,
    /// The values of each input that is not the product's.
    values: BTreeMap<&'p str, HashSet<String>>,
}

impl<'p> Counter<'p> {
    /// Of no user yet.
    pub fn new(prompts: &'p Prompts, segments: &'p Segments, placement: &'p Placement) -> Self {
        let (chosen, asked) = (BTreeMap::new(), BTreeMap::new());
        Self { prompts, segments, placement, users: 0, prewritten: 0, chosen, asked }
    }

    /// Counts a user: their reference, what is kept of their attributes, whether they let the user's be read, and their
    /// segment.
    pub fn add(
        &mut self,
        id: Option<&str>,
        shaped: &Shaped,
        consent: bool,
        segment: &SegmentId,
        at: jiff::Timestamp,
    ) {
        self.users += 1;
        let nothing = serde_json::Map::new();
        let scope = Scope::new(consent.then_some(&shaped.user), &shaped.context, &nothing, at);
        let id = id.filter(|_| consent);
        let ladder = self.placement.ladder(segment);
        let tier = ladder.standing(None, consent, |path| told(&scope, id, path)).tier;
        let locale = shaped.context.get("locale").and_then(|locale| Locale::parse(locale.as_str()?));
        let locale = locale.unwrap_or_else(|| self.placement.language.clone());
        let (prompts, placement) = (self.prompts, self.placement);
        let chosen = match tier {
            Tier::None | Tier::Prewritten => None,
            _ => *self.chosen.entry((segment.clone(), locale, tier)).or_insert_with_key(
                |(segment, locale, tier)| prompts.choose(&placement.id, segment, locale, *tier),
            ),
        };
        let Some(chosen) = chosen else {
            self.prewritten += 1;
            return;
        };
        let known = (chosen.template.id.as_str(), chosen.locale.as_str());
        let fresh = || Variants { chosen, users: 0, texts: HashSet::new(), values: BTreeMap::new() };
        let variants = self.asked.entry(known).or_insert_with(fresh);
        variants.users += 1;
        let mut text = String::new();
        let inputs = chosen.template.inputs.iter().filter(|input| !input.path.starts_with("product."));
        for input in inputs {
            // JSON holds no line break, so no value can pass for two.
            let value = input.value(&scope).map(|value| value.to_string()).unwrap_or_default();
            text.push_str(&value);
            text.push('\n');
            let values = variants.values.entry(&input.path).or_default();
            if !values.contains(&value) {
                values.insert(value);
            }
        }
        if !variants.texts.contains(&text) {
            variants.texts.insert(text);
        }
    }

    /// What all users told of need, for so many products.
    pub fn demand(self, products: u64) -> Demand {
        let users = self.users;
        let (mut tiers, mut combinations, mut tokens) = ([0, 0], 0_u64, Tokens::default());
        let mut inputs: BTreeMap<&str, FanOut> = BTreeMap::new();
        let mut templates: Vec<Asked> = Vec::new();
        for variants in self.asked.into_values() {
            let Variants { chosen, users: its_users, texts, values } = variants;
            let [user, segment] = &mut tiers;
            *(if chosen.template.tier() == Tier::User { user } else { segment }) += its_users;
            let its = texts.len() as u64;
            combinations += its;
            let prompt_tokens =
                characters(self.prompts, self.segments, chosen).div_ceil(CHARACTERS_PER_TOKEN);
            let max_tokens = u64::from(chosen.template.parameters.token_limit());
            let texts = its.saturating_mul(products);
            tokens += Tokens {
                prompt: texts.saturating_mul(prompt_tokens),
                answer: texts.saturating_mul(max_tokens).div_ceil(2),
                answer_at_most: texts.saturating_mul(max_tokens),
            };
            for input in &chosen.template.inputs {
                let Some(values) = values.get(input.path.as_str()) else { continue };
                let values = values.len() as u64;
                let row = inputs.entry(&input.path).or_insert_with(|| FanOut {
                    path: input.path.clone(),
                    templates: Vec::new(),
                    values: 0,
                    banded: true,
                    too_many: false,
                });
                if !row.templates.contains(&chosen.template.id) {
                    row.templates.push(chosen.template.id.clone());
                }
                row.values = row.values.max(values);
                row.banded &= input.bands.is_some();
                row.too_many |= input.bands.is_none() && values > MANY_VALUES;
            }
            templates.push(Asked {
                template: chosen.template.id.clone(),
                locale: chosen.locale.to_string(),
                users: Part::of(its_users, users),
                combinations: its,
                prompt_tokens,
                max_tokens,
            });
        }
        templates.sort_by_key(|asked| std::cmp::Reverse(asked.users.users));
        let mut inputs: Vec<FanOut> = inputs.into_values().collect();
        inputs.sort_by_key(|input| std::cmp::Reverse(input.values));
        let [user, segment] = tiers;
        let ladder = self.placement.ladder(&SegmentId::new(DEFAULT_SEGMENT));
        let shared = (user + segment) as f64 / combinations as f64;
        Demand {
            placement: self.placement.id.to_string(),
            mode: MODES.iter().find(|(_, mode)| *mode == ladder.mode).map_or("", |(word, _)| word),
            rollout: ladder.rollout.share,
            holdout: ladder.holdout.share,
            tiers: Tiers {
                user: Part::of(user, users),
                segment: Part::of(segment, users),
                prewritten: Part::of(self.prewritten, users),
            },
            combinations,
            keys: combinations.saturating_mul(products),
            users_per_key: (combinations > 0).then(|| (shared * 10.0).round() / 10.0),
            templates,
            inputs,
            tokens,
        }
    }
}

/// How long a template's prompt is, in characters: rendered for its sample, or else its body as it stands.
fn characters(prompts: &Prompts, segments: &Segments, chosen: Chosen<'_>) -> u64 {
    let inputs = sample_inputs(chosen.template, segments);
    let prompt = inputs.and_then(|inputs| prompts.render(chosen, &inputs).ok());
    let characters: usize = match prompt {
        Some(prompt) => prompt.messages.iter().map(|message| message.content.chars().count()).sum(),
        None => chosen.template.turns.iter().map(|turn| turn.source.chars().count()).sum(),
    };
    characters as u64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::document::Files;
    use crate::segment;

    const SEGMENTS: &str = "attributes:\n  user.orders: {type: integer}\n  context.device: {type: string}\nsegments:\n  \
        - {id: buyers, when: {user.orders: {$gte: 2}}}\n";

    fn demand(ladder: &str, input: &str) -> Demand {
        let front = |inputs: &str| {
            format!(
                "---\nmodel: {{parameters: {{max_tokens: 101}}}}\ninputs: {{product.name: , {inputs}}}\n\
                 prewritten: {{en: A product.}}\n---\nuser:\nWrite {{{{ product.name }}}}.\n"
            )
        };
        let placement = format!("{ladder}\nlast_resort: {{en: A product.}}\n");
        let files = Files::from([
            ("p/why/placement.yml".into(), placement),
            ("p/why/default.prompty".into(), front("context.device:")),
            ("p/why/buyers.user.prompty".into(), front(input)),
        ]);
        let segments = segment::load("s.yml", SEGMENTS).0.unwrap();
        let (prompts, faults) = super::super::load("p", &files, &segments);
        assert!(!crate::diagnostic::any_error(&faults), "{faults:?}");
        let mut counter = Counter::new(&prompts, &segments, prompts.placement("why").unwrap());
        let buyers = (2..=16).map(|orders| (json!({"orders": orders}), json!({}), true));
        let others = [
            (json!({"orders": 9}), json!({"device": "mobile"}), false),
            (json!({}), json!({"device": "mobile", "locale": "en-GB"}), true),
            (json!({}), json!({"device": "desktop"}), true),
            // Nothing is written in their language.
            (json!({"orders": 9}), json!({"locale": "de"}), true),
        ];
        let at = jiff::Timestamp::UNIX_EPOCH;
        for (number, (user, context, consent)) in buyers.chain(others).enumerate() {
            let id = format!("u-{number}");
            let user = if consent { user } else { json!({}) };
            let shaped =
                segments.attributes.shape(user.as_object().unwrap(), context.as_object().unwrap(), at);
            let scope =
                Scope::new(consent.then_some(&shaped.user), &shaped.context, user.as_object().unwrap(), at);
            counter.add(Some(&id), &shaped, consent, &segments.choose(&scope), at);
        }
        counter.demand(10)
    }

    #[track_caller]
    fn check(demand: &Demand, tiers: [u64; 3], combinations: u64, inputs: &[(&str, u64, bool)]) {
        let Tiers { user, segment, prewritten } = demand.tiers;
        assert_eq!([user, segment, prewritten].map(|part| part.users), tiers);
        assert_eq!((demand.combinations, demand.keys), (combinations, combinations * 10));
        let found: Vec<_> = demand.inputs.iter().map(|i| (i.path.as_str(), i.values, i.too_many)).collect();
        assert_eq!(found, inputs);
    }

    #[test]
    fn keys_are_what_differs_times_products() {
        let device = ("context.device", 2, false);
        let plain = demand("mode: live", "user.orders: ");
        check(&plain, [15, 3, 1], 17, &[("user.orders", 15, true), device]);
        // 18 users on 17 texts.
        assert_eq!((plain.users_per_key, plain.rollout, plain.mode), (Some(1.1), 1.0, "live"));
        // `Write {{ product.name }}.` and its line break are 26 characters, so 7 tokens; half of 101 is rounded up at the end.
        assert_eq!(plain.tokens, Tokens { prompt: 1190, answer: 8585, answer_at_most: 17170 });
        let banded = demand("mode: live", "user.orders: {bands: [5, 10]}");
        check(&banded, [15, 3, 1], 5, &[("user.orders", 3, false), device]);
        assert!(banded.inputs[0].banded && !banded.inputs[1].banded);
    }

    #[test]
    fn the_mode_says_how_far_copy_may_go() {
        // Whoever buys falls back on the template for everybody, which reads the device: missing is a value too.
        check(&demand("mode: segment", "user.orders: "), [0, 18, 1], 3, &[("context.device", 3, false)]);
        let prewritten = demand("mode: prewritten", "user.orders: ");
        check(&prewritten, [0, 0, 19], 0, &[]);
        assert_eq!((prewritten.users_per_key, prewritten.tokens), (None, Tokens::default()));
    }

    #[test]
    fn shares_of_users_are_counted_by_who_is_in_them() {
        let inside = |seed: &str, share: f64, of: std::ops::Range<u64>| {
            of.filter(|n| crate::segment::bucket(seed, &format!("u-{n}")) < share).count() as u64
        };
        let Tiers { user, segment, .. } = demand("mode: live\nrollout: 50%", "user.orders: ").tiers;
        let rolled_out = inside("why", 0.5, 0..15);
        assert!((3..13).contains(&rolled_out));
        assert_eq!((user.users, segment.users), (rolled_out, 18 - rolled_out));
        let held = demand("mode: live\nholdout: {share: 40%, seed: autumn}", "user.orders: ");
        // The sixteenth did not agree, so nothing tells that they are held out; the last is answered in no language.
        let out = inside("autumn", 0.4, 0..15) + inside("autumn", 0.4, 16..18);
        assert!(out > 2);
        assert_eq!((held.tiers.prewritten.users, held.holdout), (out + 1, 0.4));
    }
}
