//! What the stand-in writes: a few plain sentences about the facts in the prompt, the same for the same seed and
//! messages. It states only what the facts say, and says nothing of the reader.

mod english;
mod features;
mod german;

use serde_json::Value;

use super::facts::{Facts, instructions};

/// One turn of a prompt.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) role: String,
    pub(super) content: String,
}

/// The characters written where the prompt sets no limit.
const USUAL_LENGTH: usize = 400;

/// What it takes to write in a language. In the sentences `{name}`, `{brand}`, `{noun}` ("a cable") and `{features}`
/// ("wool as its material") stand for what the facts say; no sentence states anything else.
struct Language {
    /// For names of any number: none makes the name the subject of a verb.
    openings: &'static [&'static str],
    /// For names of one thing.
    singular_openings: &'static [&'static str],
    branded_openings: &'static [&'static str],
    with_features: &'static [&'static str],
    with_noun: &'static [&'static str],
    with_both: &'static [&'static str],
    closings: &'static [&'static str],
    /// For prompts that hold no fact.
    nothing_known: &'static [&'static str],
    /// A sentence with a figure, `{n}`, that breaks the rule on purpose.
    invented: &'static str,
    and: &'static str,
    /// A feature in words; `None` for those that do not read well.
    feature: fn(&str, &Value) -> Option<String>,
    /// The kind of thing it is, with its article; `None` where that is not known for sure.
    noun: fn(&str) -> Option<String>,
}

/// Writes copy for a prompt: one to three sentences, within the length that the prompt asks for.
pub(super) fn write(seed: u64, turns: &[Turn]) -> String {
    let language = language(turns);
    let facts = Facts::of(turns);
    let mut dice = Dice::new(seed, turns);
    let limit = limit(&instructions(turns)).unwrap_or(USUAL_LENGTH);
    let Some(name) = &facts.name else {
        return within(limit, vec![dice.pick(language.nothing_known).to_owned()]);
    };
    let noun = facts.class.as_deref().and_then(language.noun);
    // Where the kind of thing follows in a sentence of its own, a catalogue's long title need not say it too.
    let short = noun.as_ref().and_then(|_| facts.short_name());
    let mut sentences = vec![opening(&facts, language, &mut dice)];
    sentences.extend(middle(&facts, noun, short.is_some(), language, &mut dice));
    if sentences.len() == 1 || dice.roll(5) < 3 {
        sentences.push(dice.pick(language.closings).to_owned());
    }
    // The name goes in last, so that nothing in it can be taken for a place to fill.
    let name = short.unwrap_or(name);
    within(limit, sentences.into_iter().map(|sentence| sentence.replace("{name}", name)).collect())
}

/// A sentence with a figure that nothing in the prompt supports.
pub(super) fn invented(turns: &[Turn]) -> String {
    let prompt: String = turns.iter().map(|turn| turn.content.as_str()).collect();
    let unsupported = (37..).find(|n| !prompt.contains(&n.to_string())).unwrap_or(37);
    language(turns).invented.replace("{n}", &unsupported.to_string())
}

fn opening(facts: &Facts, language: &Language, dice: &mut Dice) -> String {
    let name = facts.name.as_deref().unwrap_or_default();
    // A brand that the name already says would be said twice.
    let brand = facts.brand.as_deref().filter(|brand| !name.to_lowercase().contains(&brand.to_lowercase()));
    if let Some(brand) = brand
        && dice.roll(2) == 0
    {
        return dice.pick(language.branded_openings).replace("{brand}", brand);
    }
    // Names end in an `s` in either number; what fits any number is right for all of those.
    let singular = if name.ends_with('s') { 0 } else { language.singular_openings.len() };
    let roll = dice.roll(language.openings.len() + singular);
    language
        .openings
        .iter()
        .chain(language.singular_openings)
        .nth(roll)
        .copied()
        .unwrap_or_default()
        .to_owned()
}

fn middle(
    facts: &Facts,
    noun: Option<String>,
    say_noun: bool,
    language: &Language,
    dice: &mut Dice,
) -> Option<String> {
    let features = features::chosen(&facts.features, language.feature, dice).join(language.and);
    let (patterns, noun) = match (noun, features.is_empty()) {
        (None, true) => return None,
        (Some(noun), true) => (language.with_noun, noun),
        (Some(noun), false) if say_noun || dice.roll(2) == 0 => (language.with_both, noun),
        (_, false) => (language.with_features, String::new()),
    };
    Some(dice.pick(patterns).replace("{noun}", &noun).replace("{features}", &features))
}

/// As many of the sentences as fit; failing even the first, as many words of it.
fn within(limit: usize, mut sentences: Vec<String>) -> String {
    while sentences.len() > 1 && sentences.join(" ").chars().count() > limit {
        sentences.pop();
    }
    let text = sentences.join(" ");
    if text.chars().count() <= limit {
        return text;
    }
    let mut short = String::new();
    for word in text.split(' ') {
        if short.chars().count() + word.chars().count() + 1 > limit {
            break;
        }
        if !short.is_empty() {
            short.push(' ');
        }
        short.push_str(word);
    }
    short
}

/// German where the instructions ask for it, otherwise English. What the data say does not count.
fn language(turns: &[Turn]) -> &'static Language {
    let text = instructions(turns).to_lowercase();
    let tagged =
        text.split("language: de").skip(1).any(|rest| !rest.starts_with(|c: char| c.is_alphabetic()));
    if tagged || text.contains("in german") || text.contains("auf deutsch") {
        &german::LANGUAGE
    } else {
        &english::LANGUAGE
    }
}

/// The characters allowed: `at most 280 characters`, `höchstens 280 Zeichen`, the strictest of them.
fn limit(instructions: &str) -> Option<usize> {
    let text = instructions.to_lowercase();
    let said = |before: &str, after: &str| {
        text.split(before)
            .skip(1)
            .filter_map(|rest| rest.split_once(after)?.0.trim().parse::<usize>().ok())
            .min()
    };
    [said("at most ", "character"), said("höchstens ", "zeichen")].into_iter().flatten().min()
}

/// Chance that is the same for the same seed and messages.
struct Dice(blake3::OutputReader);

impl Dice {
    fn new(seed: u64, turns: &[Turn]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        for part in turns.iter().flat_map(|turn| [&turn.role, &turn.content]) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self(hasher.finalize_xof())
    }

    /// A number below `sides`; 0 for no sides.
    fn roll(&mut self, sides: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % (sides.max(1) as u64)) as usize
    }

    fn pick(&mut self, sentences: &[&'static str]) -> &'static str {
        sentences.get(self.roll(sentences.len())).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_from_the_instructions() {
        assert_eq!(limit("Write at most 280 characters, and at most 3 sentences."), Some(280));
        assert_eq!(limit("Schreibe höchstens 120 Zeichen."), Some(120));
        assert_eq!(limit("At most two sentences."), None);
    }

    #[test]
    fn no_sentence_states_a_figure() {
        for language in [&english::LANGUAGE, &german::LANGUAGE] {
            assert!(
                language.openings.len() + language.singular_openings.len() >= 12
                    && language.closings.len() >= 8
            );
            assert!(language.with_features.len() + language.with_noun.len() >= 12);
            let all = [
                language.openings,
                language.singular_openings,
                language.branded_openings,
                language.with_features,
                language.with_noun,
                language.with_both,
                language.closings,
                language.nothing_known,
            ];
            assert!(!all.concat().concat().contains(|c: char| c.is_ascii_digit()));
        }
    }
}
