//! What a search asks for, and whether a record is it.

use jiff::Timestamp;
use uuid::Uuid;

use super::ReviewState;
use crate::audit::index::{Field, rules, word};
use crate::audit::records::{GenerationRecord, Outcome, ServeRecord};
use crate::words::{PlacementId, Reason, Revision, SegmentId, Source, TemplateId, Tier};

/// Which generations to find; absent fields find all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// For this placement.
    pub placement: Option<PlacementId>,
    /// For the product with this id.
    pub product: Option<String>,
    /// For this segment.
    pub segment: Option<SegmentId>,
    /// By this template.
    pub template: Option<TemplateId>,
    /// Under this policy.
    pub revision: Option<Revision>,
    /// That ended like this.
    pub outcome: Option<Outcome>,
    /// That did not pass for this reason.
    pub reason: Option<Reason>,
    /// In which the rule with this name found something.
    pub rule: Option<String>,
    /// For this locale.
    pub locale: Option<String>,
    /// By the model that named itself so.
    pub model: Option<String>,
    /// That stand like this with those who review.
    pub review: Option<ReviewState>,
    /// For the user with one of these names; see [`references`](crate::audit::references).
    pub user: Option<Vec<String>>,
    /// With these words in the text: the one that passed, or the last one written.
    pub words: Option<Words>,
    /// That finished at this time or later.
    pub since: Option<Timestamp>,
    /// That finished before this time.
    pub until: Option<Timestamp>,
}

/// Which serves to find; absent fields find all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServeFilter {
    /// On this placement.
    pub placement: Option<PlacementId>,
    /// For the product with this id.
    pub product: Option<String>,
    /// To this segment.
    pub segment: Option<SegmentId>,
    /// By this template.
    pub template: Option<TemplateId>,
    /// Under this policy.
    pub revision: Option<Revision>,
    /// Of this kind of copy.
    pub tier: Option<Tier>,
    /// From here.
    pub source: Option<Source>,
    /// Of a lower tier for this reason.
    pub reason: Option<Reason>,
    /// In this locale.
    pub locale: Option<String>,
    /// To the user with one of these names; see [`references`](crate::audit::references).
    pub user: Option<Vec<String>>,
    /// Of what this generation wrote.
    pub generation: Option<Uuid>,
    /// With these words in the text that was shown.
    pub words: Option<Words>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// Words to find in texts: all of them, wherever they stand; `"in quotes"` a phrase, `lamp*` whatever begins so. Letters with
/// accents and capital letters are as good as those without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    expression: String,
}

/// Why words cannot be searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWords {
    /// There is nothing but signs.
    #[error("write at least one word")]
    None,
    /// There are too many.
    #[error("write at most {MOST_WORDS} words and phrases, in at most {LONGEST} characters")]
    TooMany,
}

/// The most words and phrases of a search.
const MOST_WORDS: usize = 16;
/// The most characters of its words.
const LONGEST: usize = 200;

impl Words {
    /// Reads what a person wrote.
    ///
    /// # Errors
    ///
    /// When there is no word, or there are too many.
    pub fn parse(text: &str) -> Result<Self, NoWords> {
        if text.chars().count() > LONGEST {
            return Err(NoWords::TooMany);
        }
        let mut pieces = Vec::new();
        // What stands between quotation marks is every second part; a mark that is not closed reaches to the end.
        let parts: Vec<&str> = text.split('"').collect();
        for (number, part) in parts.iter().enumerate() {
            if number % 2 == 1 {
                let prefix = parts.get(number + 1).is_some_and(|next| next.starts_with('*'));
                pieces.extend(piece(part, prefix));
            } else {
                pieces.extend(part.split_whitespace().filter_map(|word| piece(word, word.ends_with('*'))));
            }
        }
        match pieces.len() {
            0 => Err(NoWords::None),
            1..=MOST_WORDS => Ok(Self { expression: pieces.join(" AND ") }),
            _ => Err(NoWords::TooMany),
        }
    }

    /// As an expression of the index's language.
    pub(super) fn expression(&self) -> &str {
        &self.expression
    }
}

/// A word or phrase as a string of the index's language, in which nothing has a meaning of its own.
fn piece(text: &str, prefix: bool) -> Option<String> {
    if !text.contains(char::is_alphanumeric) {
        return None;
    }
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    Some(format!("\"{text}\"{}", if prefix { " *" } else { "" }))
}

/// A time range: whether a time is in it.
fn within(at: Timestamp, since: Option<Timestamp>, until: Option<Timestamp>) -> bool {
    since.is_none_or(|since| at >= since) && until.is_none_or(|until| at < until)
}

/// Whether a field says what is asked for.
fn says<T: PartialEq>(asked: Option<&T>, says: Option<&T>) -> bool {
    asked.is_none_or(|asked| says == Some(asked))
}

fn names(asked: Option<&Vec<String>>, says: Option<&String>) -> bool {
    asked.is_none_or(|asked| says.is_some_and(|says| asked.contains(says)))
}

/// Terms that must all be there, and others of which one must be; `None` when nothing is asked for.
fn all_of<'v>(
    values: impl IntoIterator<Item = (Field, Option<&'v str>)>,
    one_of: Option<(Field, &[String])>,
) -> Option<String> {
    let mut terms: Vec<String> =
        values.into_iter().filter_map(|(field, value)| Some(field.term(value?))).collect();
    if let Some((field, values)) = one_of {
        let values: Vec<String> = values.iter().map(|value| field.term(value)).collect();
        // Where none will do, nothing is found: no value has this term.
        let values = if values.is_empty() { vec!["none".to_owned()] } else { values };
        terms.push(format!("({})", values.join(" OR ")));
    }
    (!terms.is_empty()).then(|| terms.join(" AND "))
}

impl Filter {
    /// What the index of generations is asked for; `None` when it cannot help.
    pub(super) fn expression(&self) -> Option<String> {
        let reason = self.reason.map(word);
        let values = [
            (Field::Placement, self.placement.as_ref().map(PlacementId::as_str)),
            (Field::Product, self.product.as_deref()),
            (Field::Segment, self.segment.as_ref().map(SegmentId::as_str)),
            (Field::Template, self.template.as_ref().map(TemplateId::as_str)),
            (Field::Revision, self.revision.as_ref().map(Revision::as_str)),
            (Field::Outcome, self.outcome.map(Outcome::as_str)),
            (Field::Reason, reason.as_deref()),
            (Field::Rule, self.rule.as_deref()),
            (Field::Locale, self.locale.as_deref()),
            (Field::Model, self.model.as_deref()),
        ];
        let terms = all_of(values, self.user.as_deref().map(|users| (Field::User, users)));
        let terms = terms.map(|terms| format!("terms : ({terms})"));
        let words = self.words.as_ref().map(|words| format!("words : ({})", words.expression()));
        let parts: Vec<String> = terms.into_iter().chain(words).collect();
        (!parts.is_empty()).then(|| parts.join(" AND "))
    }

    /// Whether a record is what is asked for, as far as it tells: the state of its review and its words it does not.
    pub(super) fn finds(&self, record: &GenerationRecord) -> bool {
        within(record.finished, self.since, self.until)
            && says(self.placement.as_ref(), Some(&record.placement))
            && says(self.product.as_ref(), record.product.as_ref())
            && says(self.segment.as_ref(), Some(&record.segment))
            && says(self.template.as_ref(), Some(&record.template))
            && says(self.revision.as_ref(), Some(&record.revision))
            && says(self.outcome.as_ref(), Some(&record.outcome))
            && says(self.reason.as_ref(), record.reason.as_ref())
            && says(self.locale.as_ref(), Some(&record.locale))
            && says(self.model.as_ref(), record.model.as_ref())
            && names(self.user.as_ref(), record.user.as_ref())
            && self.rule.as_ref().is_none_or(|rule| rules(record).any(|found| found == rule))
    }
}

impl ServeFilter {
    /// What the index of serves is asked for; `None` when it cannot help. `texts` are terms of which one must be there.
    pub(super) fn expression(&self, texts: Option<&[String]>) -> Option<String> {
        let reason = self.reason.map(word);
        let (tier, source) = (self.tier.map(word), self.source.map(word));
        let generation = self.generation.map(|id| id.to_string());
        let values = [
            (Field::Placement, self.placement.as_ref().map(PlacementId::as_str)),
            (Field::Product, self.product.as_deref()),
            (Field::Segment, self.segment.as_ref().map(SegmentId::as_str)),
            (Field::Template, self.template.as_ref().map(TemplateId::as_str)),
            (Field::Revision, self.revision.as_ref().map(Revision::as_str)),
            (Field::Tier, tier.as_deref()),
            (Field::Source, source.as_deref()),
            (Field::Reason, reason.as_deref()),
            (Field::Locale, self.locale.as_deref()),
            (Field::Generation, generation.as_deref()),
        ];
        let terms = all_of(values, self.user.as_deref().map(|users| (Field::User, users)));
        let texts = texts.map(|texts| format!("({})", texts.join(" OR ")));
        let parts: Vec<String> = terms.into_iter().chain(texts).collect();
        (!parts.is_empty()).then(|| parts.join(" AND "))
    }

    /// Whether a record is what is asked for, as far as it tells: its words it does not.
    pub(super) fn finds(&self, record: &ServeRecord) -> bool {
        within(record.at, self.since, self.until)
            && says(self.placement.as_ref(), Some(&record.placement))
            && says(self.product.as_ref(), record.product.as_ref())
            && says(self.segment.as_ref(), Some(&record.segment))
            && says(self.template.as_ref(), record.template.as_ref())
            && says(self.revision.as_ref(), Some(&record.revision))
            && says(self.tier.as_ref(), Some(&record.tier))
            && says(self.source.as_ref(), Some(&record.source))
            && says(self.reason.as_ref(), record.reason.as_ref())
            && says(self.locale.as_ref(), Some(&record.locale))
            && says(self.generation.as_ref(), record.generation_id.as_ref())
            && names(self.user.as_ref(), record.user.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_person_types_has_a_meaning_of_its_own() {
        for (typed, expected) in [
            ("lamp", Ok("\"lamp\"")),
            ("Lamp  oak", Ok("\"Lamp\" AND \"oak\"")),
            ("\"solid oak\" lam*", Ok("\"solid oak\" AND \"lam*\" *")),
            ("\"solid oa\"*", Ok("\"solid oa\" *")),
            ("\"never closed", Ok("\"never closed\"")),
            ("a AND NOT (b)", Ok("\"a\" AND \"AND\" AND \"NOT\" AND \"(b)\"")),
            ("terms:x -y ^z", Ok("\"terms:x\" AND \"-y\" AND \"^z\"")),
            ("don't", Ok("\"don't\"")),
            ("nul\0l", Ok("\"nul l\"")),
            ("", Err(NoWords::None)),
            ("\"\" * !!", Err(NoWords::None)),
            (&"a ".repeat(17), Err(NoWords::TooMany)),
            (&"a".repeat(201), Err(NoWords::TooMany)),
        ] {
            let parsed = Words::parse(typed);
            assert_eq!(parsed.as_ref().map(Words::expression).map_err(|error| *error), expected, "{typed}");
        }
    }
}
