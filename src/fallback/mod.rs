//! The ladder of pre-written copy: the template's, the placement's, the shop's. Pure and total: whatever is missing or
//! faulty, the next rung stands, and below the last is the empty text. Knows no rules; its texts are drafts like any other.

use serde_json::{Map, Value};

use crate::prompt::{Chosen, Placement, Prompts};
use crate::words::{Locale, TemplateId};

/// One rung: a text that people wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Rung {
    /// The text.
    pub text: String,
    /// The language or locale it is in.
    pub locale: String,
    /// The template whose copy it is; none for the placement's and the shop's.
    pub template: Option<TemplateId>,
}

/// The rungs for a request, best first. Without facts (the product is unknown) templates' copy is left out: it names the
/// product.
pub fn ladder<'p>(
    prompts: &'p Prompts,
    chosen: Option<Chosen<'p>>,
    placement: &'p Placement,
    locale: &'p Locale,
    facts: Option<&'p Map<String, Value>>,
) -> impl Iterator<Item = Rung> + 'p {
    let template = chosen.zip(facts).and_then(|(chosen, facts)| {
        let text = prompts.prewritten(chosen, facts).ok()?;
        Some(Rung { text, locale: chosen.locale.to_string(), template: Some(chosen.template.id.clone()) })
    });
    let literal =
        |(language, text): (&str, &str)| Rung { text: text.into(), locale: language.into(), template: None };
    let shop = locale
        .candidates()
        .find_map(|l| prompts.shop.get_key_value(l))
        .map(|(l, t)| (l.as_str(), t.as_str()));
    let rungs = [template, placement.last_resort(locale).map(literal), shop.map(literal)];
    rungs.into_iter().flatten().filter(|rung| !rung.text.trim().is_empty())
}
