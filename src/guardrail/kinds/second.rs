//! `judge`, `moderation`: what a rubric says, decided by a second model; what a moderation service says. Both hold an
//! answer against what the rule asks for. They look for nothing in the text themselves, and know not how the answer
//! came to be known.

use std::sync::Arc;

use super::super::opinions::{Ask, Heard, Opinion, Service};
use super::super::patterns::Style;
use crate::document::{Faults, Fields, Kind, Node, entries, number, text};

/// The most characters of a rubric: it is sent with every text.
const MAX_RUBRIC: usize = 4_000;
/// From what score on copy passes, where a rule does not say.
pub(in crate::guardrail) const DEFAULT_THRESHOLD: f64 = 0.5;

/// What a rubric says, decided by a second model.
#[derive(Debug)]
pub(in crate::guardrail) struct Judge {
    pub(super) asks: Arc<Ask>,
    /// The least score that passes: above 0, up to 1.
    threshold: f64,
}

impl Judge {
    /// Reads the settings that are the kind's own.
    pub(in crate::guardrail) fn read(
        fields: &mut Fields<'_>,
        _style: Style,
        faults: &Faults,
    ) -> Option<Self> {
        const HELP: &str = "say what good copy does, as you would to a colleague: `rubric: The copy speaks of the \
                            product alone, and presumes nothing about the reader.`";
        let before = faults.errors();
        let rubric = fields.require("rubric", HELP, faults);
        let rubric = rubric.and_then(|node| Some((node, text(node, faults)?)));
        if let Some((node, rubric)) = &rubric {
            let length = rubric.chars().count();
            if rubric.trim().is_empty() {
                faults.error_with_help(node.span, "the rubric is empty", HELP);
            } else if length > MAX_RUBRIC {
                let message = format!("the rubric has {length} characters; at most {MAX_RUBRIC} are sent");
                faults.error_with_help(node.span, message, "shorten it, or make it two rules");
            }
        }
        let (provider, model) = whom(fields, faults);
        let threshold = fields.take("threshold").map(|node| threshold(node, faults));
        if faults.errors() > before {
            return None;
        }
        let service = Service::Judge { rubric: rubric?.1.trim().to_owned() };
        let threshold = threshold.flatten().unwrap_or(DEFAULT_THRESHOLD);
        Some(Self { asks: Arc::new(Ask { service, provider, model }), threshold })
    }

    pub(super) fn hear(&self, opinion: &Opinion) -> Heard {
        match opinion {
            // Whoever says both must mean both.
            Opinion::Judge { score, pass, reason } => {
                let passes = *pass != Some(false) && score.is_none_or(|score| score >= self.threshold);
                match (score, pass) {
                    (None, None) => Heard::Unanswered("the model gave no verdict".to_owned()),
                    _ if passes => Heard::Passes,
                    _ => Heard::Fails(reason.clone()),
                }
            }
            Opinion::Moderation { .. } => Heard::Unanswered("the answer is no judge's".to_owned()),
        }
    }
}

/// What a moderation service says.
#[derive(Debug)]
pub(in crate::guardrail) struct Moderation {
    pub(super) asks: Arc<Ask>,
    /// The categories that count, each with the least score that is caught where the rule says one. None: whatever the
    /// service flags.
    categories: Vec<(String, Option<f64>)>,
}

impl Moderation {
    /// Reads the settings that are the kind's own.
    pub(in crate::guardrail) fn read(
        fields: &mut Fields<'_>,
        _style: Style,
        faults: &Faults,
    ) -> Option<Self> {
        let before = faults.errors();
        let node = fields.take("categories");
        let categories = node.map(|node| categories(node, faults)).unwrap_or_default();
        let (provider, model) = whom(fields, faults);
        if let (Some(node), true) = (node, categories.is_empty() && faults.errors() == before) {
            let help = "name some: `categories: [hate, {violence: 0.3}]`; without the setting, all that the service flags \
                        is caught";
            faults.error_with_help(node.span, "these are no categories", help);
        }
        (faults.errors() == before).then(|| {
            let asks = Arc::new(Ask { service: Service::Moderation, provider, model });
            Self { asks, categories }
        })
    }

    pub(super) fn hear(&self, opinion: &Opinion) -> Heard {
        let Opinion::Moderation { flagged, categories, scores } = opinion else {
            return Heard::Unanswered("the answer is no moderation's".to_owned());
        };
        let is_flagged = |name: &String| categories.get(name) == Some(&true);
        let mut caught: Vec<&str> = Vec::new();
        let mut unknown: Vec<&str> = Vec::new();
        for (name, least) in &self.categories {
            match (least, scores.get(name), categories.get(name)) {
                (Some(least), Some(score), _) if score >= least => caught.push(name),
                (Some(_), Some(_), _) => {}
                // Without a score, what the service itself makes of the category is the next best.
                (_, _, Some(true)) => caught.push(name),
                (None, _, Some(false)) => {}
                // A service that tells no categories apart speaks for all of them.
                (None, None, None) if categories.is_empty() && scores.is_empty() && *flagged => {
                    caught.push(name)
                }
                (None, None, None) if categories.is_empty() && scores.is_empty() => {}
                _ => unknown.push(name),
            }
        }
        if self.categories.is_empty() && *flagged {
            caught.extend(categories.keys().filter(|name| is_flagged(name)).map(String::as_str));
        }
        match (caught.is_empty(), unknown.is_empty()) {
            (false, _) => Heard::Fails(caught.join(", ")),
            (true, false) => Heard::Unanswered(format!("the service says nothing of {}", unknown.join(", "))),
            (true, true) if self.categories.is_empty() && *flagged => Heard::Fails("flagged".to_owned()),
            (true, true) => Heard::Passes,
        }
    }
}

/// Takes whom a rule asks: the provider, by its name in the settings, and the model.
fn whom(fields: &mut Fields<'_>, faults: &Faults) -> (Option<String>, Option<String>) {
    let mut name = |key: &'static str, help: &str| {
        let node = fields.take(key)?;
        let given = text(node, faults)?;
        if given.trim().is_empty() {
            faults.error_with_help(node.span, format!("`{key}` is empty"), help);
        }
        Some(given)
    };
    let provider =
        name("provider", "write a provider's name from the settings, or leave it out to ask all of them");
    let model = name("model", "write the model's name, or leave it out to ask the provider's own");
    (provider, model)
}

fn threshold(node: &Node, faults: &Faults) -> Option<f64> {
    let given = number(node, faults)?;
    let fits = given > 0.0 && given <= 1.0;
    if !fits {
        let help = "write a number above 0 and up to 1, such as `0.7`";
        faults.error_with_help(node.span, format!("`{given}` is no threshold for a score of 0 to 1"), help);
    }
    fits.then_some(given)
}

/// `[hate, {violence: 0.3}]`, `{hate: 0.2, violence: 0.3}` or one alone.
fn categories(node: &Node, faults: &Faults) -> Vec<(String, Option<f64>)> {
    let with_thresholds = |node: &Node| -> Vec<(String, Option<f64>)> {
        let each = entries(node, faults).iter();
        each.filter_map(|(key, value)| Some((key.text.clone(), Some(threshold(value, faults)?)))).collect()
    };
    let items = match &node.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    let read = |item: &Node| match &item.kind {
        Kind::Map(_) => with_thresholds(item),
        _ => text(item, faults).map(|name| (name, None)).into_iter().collect(),
    };
    items.iter().flat_map(read).collect()
}
