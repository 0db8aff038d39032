//! Why something was shown, in a few sentences and lists: what a reviewer reads beside a serve.

use serde::Serialize;

use super::policy::{self, EvidenceThen, Matched, PolicyThen, RuleThen};
use super::told::{self, SegmentThen};
use super::{Decided, Library, decisions, words};
use crate::audit::search::{self, Generation};
use crate::audit::{GenerationRecord, Outcome, ServeRecord};
use crate::store::{Store, StoreError};
use crate::words::Source;

/// The most rules that are told of one serve, those that found something first.
const MOST_RULES: usize = 100;

/// Why a page showed what it showed.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    /// The whole in sentences.
    pub said: Vec<String>,
    /// How the segments came out, up to the one chosen.
    pub segments: Vec<SegmentThen>,
    /// The rules then in force for such copy, those that found something first; 100 at most.
    pub rules: Vec<RuleThen>,
    /// How many such rules there are in all.
    pub rules_in_force: usize,
    /// The evidence that the text relied on.
    pub evidence: Vec<EvidenceThen>,
    /// Who had decided on the text when it was shown, and what.
    pub reviewed: Option<Decided>,
    /// What was decided on it since, oldest first.
    pub reviewed_since: Vec<Decided>,
    /// What is not known of the rules, and why: a sentence.
    pub missing: Option<String>,
}

/// Why a serve was as it was.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn why(store: &Store, library: &Library, serve: &ServeRecord) -> Result<Why, StoreError> {
    let generation = match serve.generation_id {
        Some(id) => search::generation(store, id).await?,
        None => None,
    };
    let matched = Matched::of(generation.as_ref());
    let mut policy = policy::shown(library, serve, &matched, false).await?;
    let (reviewed, reviewed_since) =
        generation.as_ref().map(|generation| decisions(generation, Some(serve.at))).unwrap_or_default();
    let told = generation
        .as_ref()
        .map(|generation: &Generation| (&generation.record, reviewed.as_ref(), &*reviewed_since));
    let said = sentences(Some(serve), told, std::slice::from_ref(&policy));
    let rules_in_force = policy.rules.len();
    policy.rules.truncate(MOST_RULES);
    Ok(Why {
        said,
        segments: told::segments(serve),
        rules: policy.rules,
        rules_in_force,
        evidence: policy.evidence,
        missing: policy.missing,
        reviewed,
        reviewed_since,
    })
}

/// A record in a few sentences: what, to whom, why, by which rules, who approved.
pub(super) fn sentences(
    serve: Option<&ServeRecord>,
    generation: Option<(&GenerationRecord, Option<&Decided>, &[Decided])>,
    policies: &[PolicyThen],
) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(serve) = serve {
        let product =
            serve.product.as_ref().map(|product| format!(" for product `{product}`")).unwrap_or_default();
        said.push(format!(
            "On {} the placement `{}`{product} was answered for segment `{}` with {}.",
            moment(serve.at),
            serve.placement,
            serve.segment,
            words::tier(serve.tier)
        ));
        if let Some(reason) = serve.reason {
            said.push(format!("Nothing better was shown: {}", lower(words::reason(reason))));
        }
        let chosen = told::segments(serve).into_iter().find(|segment| words::is_true(&segment.outcome));
        said.push(match chosen {
            Some(segment) => {
                format!("The segment was `{}`, the first whose condition held.", segment.segment)
            }
            None => format!("No segment's condition held, so the visitor was in `{}`.", serve.segment),
        });
    }
    if let Some((record, decided, since)) = generation {
        let attempts = record.attempts.as_array().map_or(0, Vec::len);
        let calls = if attempts == 1 { "one call".to_owned() } else { format!("{attempts} calls") };
        let text = match record.outcome {
            Outcome::Passed => "The text was written",
            Outcome::Blocked => "A text was written",
            Outcome::Failed | Outcome::Abandoned => "A text was asked for and did not come",
        };
        let by = record.model.as_ref().map(|model| format!(" by `{model}`")).unwrap_or_default();
        let (on, template) = (moment(record.finished), &record.template);
        said.push(match &record.edited {
            Some(edited) => format!(
                "{} wrote the text on {on}, in place of one from the template `{template}`. No model was called.",
                words::by(&edited.by)
            ),
            None => format!("{text}{by} on {on} from the template `{template}`, in {calls}."),
        });
        let repair = |attempt: &serde_json::Value| attempt.get("repair").and_then(serde_json::Value::as_bool);
        if record.attempts.as_array().into_iter().flatten().any(|attempt| repair(attempt) == Some(true)) {
            said.push("The first text was sent back to the model with what the rules had found.".to_owned());
        }
        if record.outcome != Outcome::Passed || serve.is_none() {
            said.push(words::outcome(record.outcome).to_owned());
        }
        let who = |Decided { approved, by, at, undone, .. }: &Decided, had: &str| {
            let did = match (undone, approved) {
                (false, true) => "approved it",
                (false, false) => "rejected it",
                (true, true) => "undid their approval",
                (true, false) => "undid their rejection",
            };
            format!("{} {had}{did} on {}.", words::by(by), moment(*at))
        };
        match (serve, decided) {
            (Some(_), Some(decided)) => said.push(format!("When it was shown, {}", who(decided, "had "))),
            (None, Some(decided)) => said.push(format!("The latest decision: {}", who(decided, ""))),
            (_, None) if record.outcome != Outcome::Passed => {}
            (Some(_), None) if !since.is_empty() => {
                said.push("When it was shown, no person had approved or rejected it.".to_owned());
            }
            (_, None) => said.push("No person has approved or rejected it.".to_owned()),
        }
        said.extend(since.iter().map(|decided| format!("Since then, {}", who(decided, ""))));
    } else if serve.is_some_and(|serve| serve.source == Source::Prewritten) {
        said.push("People wrote the text: it stands in the prompts' files of that day.".to_owned());
    }
    for policy in policies.iter().filter(|policy| policy.missing.is_none()) {
        let found = policy.rules.iter().filter(|rule| rule.matches > 0).count();
        let found = match (generation.is_some(), found) {
            (false, _) => String::new(),
            (true, 0) => "; none of them found anything".to_owned(),
            (true, 1) => "; one of them found something in what the model wrote".to_owned(),
            (true, found) => format!("; {found} of them found something in what the model wrote"),
        };
        let rules = policy.rules.len();
        let verb = if policy.when.contains(&"shown") { "shown" } else { "written" };
        said.push(format!("When it was {verb}, {rules} rules were in force for such copy{found}."));
    }
    let evidence = policies.first().map(|policy| policy.evidence.as_slice()).unwrap_or_default();
    if !evidence.is_empty() {
        let ids: Vec<_> = evidence.iter().map(|item| format!("`{}`", item.id)).collect();
        said.push(format!("It relied on the evidence {}.", ids.join(", ")));
    }
    said
}

/// A time for people: to the second, in UTC.
pub(super) fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%-d %B %Y at %H:%M:%S UTC").to_string()
}

/// A sentence as it goes on after a colon.
fn lower(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
