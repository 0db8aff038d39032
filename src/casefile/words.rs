//! The records' short words, said in sentences for people who know none of them.

use uuid::Uuid;

use crate::audit::{Edited, Outcome, ReviewAction};
use crate::condition::Truth;
use crate::generate::FaultKind;
use crate::guardrail::{Action, Enforcement, Level};
use crate::words::{Reason, Source, Tier};

/// Who signed a record: the name in it. Earlier versions wrote down the name of a key even where it had none.
pub fn by(name: &str) -> &str {
    if name.trim().is_empty() { "somebody whose key had no name" } else { name }
}

/// Why a lower tier was served.
pub fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Mode => {
            "The placement, a ceiling of compliance, or the languages it is offered in allow no better copy here."
        }
        Reason::Rollout => {
            "This visitor is outside the share of visitors that the placement is rolled out to."
        }
        Reason::Holdout => {
            "This visitor is in a group that is held out for comparison, and gets no personalised copy."
        }
        Reason::NoConsent => {
            "The visitor has not agreed to personalisation, and the moment alone decides nothing better."
        }
        Reason::UnknownProduct => {
            "The product is not in the catalogue, or its facts lack what the template needs."
        }
        Reason::Deadline => "Nothing better was ready in the time that the page could wait.",
        Reason::Guardrail => "What was written did not pass the guardrails, so it was not shown.",
        Reason::Upstream => "The model failed, refused or was cut off, so there was no text to show.",
        Reason::BreakerOpen => {
            "Every provider of models was left alone at that time, after failures in a row."
        }
        Reason::RateLimited => "The sender was over its own limit of requests.",
        Reason::Budget => "The day's budget for models was spent.",
        Reason::Overload => "Too much was waiting to be written already.",
        Reason::StoreUnavailable => {
            "The log could not be written, and nothing is generated that cannot be recorded."
        }
        Reason::AwaitingApproval => "A person had yet to approve the text.",
        Reason::Stopped => "A stop was in force: an immediate ban outside of the files.",
        Reason::NotAdmitted => {
            "This request might not have copy written, or might not get copy written for one visitor."
        }
    }
}

/// What kind of copy an answer carries.
pub fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::User => "copy generated from this visitor's own attributes",
        Tier::Segment => "copy generated for the segment, the same for everybody in it",
        Tier::Prewritten => "copy that people wrote",
        Tier::None => "no copy: the place stayed empty",
    }
}

/// Where an answer's text came from.
pub fn source(source: Source) -> &'static str {
    match source {
        Source::Generated => {
            "written by the model for this request, or for one that asked the same at the same time"
        }
        Source::Cache => "written by the model earlier and kept",
        Source::Prewritten => "written by people",
        Source::None => "nowhere: there was no text",
    }
}

/// How a generation ended.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "The text passed the guardrails.",
        Outcome::Blocked => "The guardrails did not let the text pass; nobody saw it.",
        Outcome::Failed => "There was no text: the model failed, refused or was cut off.",
        Outcome::Abandoned => "It was given up before it ended, at a time-out or as the service closed.",
    }
}

/// What a person did with a text.
pub fn review(action: ReviewAction) -> &'static str {
    match action {
        ReviewAction::Approve => "approved it",
        ReviewAction::Reject => "rejected it",
        ReviewAction::Takedown => "took it down",
        ReviewAction::Flag => "flagged it for somebody to look at",
        ReviewAction::Note => "noted something",
        ReviewAction::Undo => "undid an earlier approval, rejection or flag of theirs",
    }
}

/// How much a rule matters to those who wrote it.
pub fn level(level: Level) -> &'static str {
    match level {
        Level::Suggestion => "suggestion",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

/// What follows from a finding, as a short word.
pub fn action(action: Action) -> &'static str {
    match action {
        Action::Note => "note",
        Action::Fix => "fix",
        Action::Repair => "repair",
        Action::Block => "block",
    }
}

/// Whether a rule's findings count.
pub fn mode(mode: Enforcement) -> &'static str {
    match mode {
        Enforcement::Enforce => "enforced",
        Enforcement::Shadow => "on trial: found and recorded, without effect",
        Enforcement::Off => "turned off",
    }
}

/// What went wrong with a call to a model.
pub fn fault(fault: FaultKind) -> &'static str {
    match fault {
        FaultKind::Unsent => "nothing could be sent",
        FaultKind::Connect => "there was no connection",
        FaultKind::Broken => "the connection broke off",
        FaultKind::Timeout => "it took too long",
        FaultKind::Abandoned => "it was given up",
        FaultKind::Redirect => "the answer pointed elsewhere",
        FaultKind::RateLimited => "it was turned away for now",
        FaultKind::Quota => "the account's money was spent",
        FaultKind::Rejected => "it was turned away",
        FaultKind::Server => "the provider failed",
        FaultKind::TooLarge => "the answer was too large",
        FaultKind::Garbage => "the answer was not one of the protocol",
        FaultKind::Unfinished => "the answer was cut off",
        FaultKind::Refused => "the model refused",
        FaultKind::Filtered => "a filter of the provider held it back",
        FaultKind::Empty => "the answer held no text",
        FaultKind::WrongForm => "the answer was not of the form asked for",
    }
}

/// How a segment came out.
pub fn matched(truth: &str) -> &'static str {
    match truth {
        "true" => "matched",
        "false" => "did not match",
        _ => "could not be told",
    }
}

/// What a condition asks of a value, after `whether user.orders_90d`.
pub fn operator(name: &str) -> &str {
    match name {
        "$eq" | "$veq" => "is the value asked for",
        "$ne" | "$vne" => "is another value",
        "$in" | "$ini" => "is one of those listed",
        "$nin" | "$nini" => "is none of those listed",
        "$inGroup" => "is in the group",
        "$notInGroup" => "is not in the group",
        "$all" | "$alli" => "holds all of those listed",
        "$elemMatch" => "has such an item",
        "$size" => "has so many items",
        "$gt" | "$vgt" => "is greater",
        "$gte" | "$vgte" => "is at least that",
        "$lt" | "$vlt" => "is less",
        "$lte" | "$vlte" => "is at most that",
        "$exists" => "is there as asked",
        "$type" => "is of the kind asked for",
        "$regex" | "$regexi" => "fits the pattern",
        "$notRegex" | "$notRegexi" => "does not fit the pattern",
        "$within" => "is no longer ago than that",
        "$olderThan" => "is longer ago than that",
        "$fresh" => "was measured lately enough",
        "$segment" => "that is named matches",
        other => other,
    }
}

/// The truth that a record says in a word.
pub(super) fn is_true(truth: &str) -> bool {
    truth == Truth::True.as_str()
}

/// The words of a case file, each with what it means.
pub const GLOSSARY: &[(&str, &str)] = &[
    ("answer, serve", "One answer to a page: what was shown at one moment, or that nothing was."),
    ("attempt", "One call to a model."),
    (
        "attributes",
        "What is known of the visitor (user.…) and the moment (context.…: language, country, device).",
    ),
    (
        "chain",
        "The log's entries in order. Each carries a hash over the hash before it and its own bytes, so that no entry can be changed, put in or taken out without all later hashes changing.",
    ),
    ("consent", "Whether the visitor agreed to personalisation. Without it no attribute of theirs is read."),
    ("evidence", "A document, in the shop's register, on which a claim in the copy relies."),
    ("facts", "What is true of the product."),
    ("finding", "A place in a text where a guardrail matched."),
    ("generation", "One piece of work to have copy written and checked, with every attempt and repair."),
    ("guardrail, rule", "A rule that copy must pass before anybody sees it."),
    (
        "hash",
        "A short fingerprint of some bytes. Other bytes give another hash; nobody can find bytes for a given hash.",
    ),
    (
        "head",
        "The hash of the newest entry of the chain. Kept elsewhere, it proves that nothing was cut off since.",
    ),
    ("input", "What the template declares, and nothing else, goes into the prompt."),
    (
        "payload",
        "What stands beside an entry because it may hold personal data: prompts, texts, notes. It can be erased without breaking the chain.",
    ),
    ("placement", "A named spot on a page where copy appears."),
    (
        "policy, revision",
        "All rules, templates and segments in force at a time. The revision is the hash over their content.",
    ),
    ("pre-written copy", "Copy that people wrote; shown when no generated copy may be or is ready."),
    ("prompt", "What the model was told, word for word."),
    ("review", "What a person decided on a generation."),
    (
        "salt",
        "Random bytes hashed together with a payload, so that nothing can be guessed from the hash once both are erased.",
    ),
    (
        "second model",
        "Another model that is asked about a text, such as whether it misleads; a rule holds its answer against a threshold.",
    ),
    ("segment", "A named group of visitors, told by conditions on attributes at the time of the request."),
    ("template", "The prompt's pattern for a placement, a segment and a language."),
    ("tier", "What kind of copy it is: for one visitor, for a segment, pre-written, or none."),
    ("time of writing", "All times are UTC unless another zone is named."),
];

/// The words of the console beside those of a case file, each with what it means.
pub const CONSOLE: &[(&str, &str)] = &[
    (
        "action",
        "What follows from a finding: a note changes nothing, a fix is made by the machine, a repair sends the text back to the model once, a block keeps it from being shown.",
    ),
    (
        "approval",
        "A person's word that a text may be shown. Placements that ask for it hold each text back until then.",
    ),
    (
        "awaiting approval",
        "The text is written and passed the rules, and nobody has decided on it yet; pages show pre-written copy meanwhile.",
    ),
    (
        "backtest",
        "What a changed set of rules would make of texts that are in the log: which it would newly block, and which it would newly let pass.",
    ),
    (
        "ban",
        "A phrase or a wording that no page shows, whatever the rules say: what a stop or a rejection leaves behind.",
    ),
    ("blurb", "The copy served for a placement."),
    (
        "breaker",
        "After failures in a row a provider of models is left alone for a while. The breaker is open then, and pages show what is there.",
    ),
    (
        "budget",
        "What models may cost in a day. Once it is spent nothing is written until the next day, and pages show what is there.",
    ),
    (
        "cache, hit rate",
        "Copy that is kept to be shown again. The hit rate is the share of requests that found copy there.",
    ),
    (
        "ceiling",
        "How far compliance lets copy go at most for some products or countries; no placement can go further.",
    ),
    ("claim", "A statement that needs support: a fact of the product, or evidence in the register."),
    ("deadline", "How long a page waits. When better copy is not ready by then, it gets the best that is."),
    (
        "edition",
        "The rules, or the prompts and segments, as they once were in force. An earlier one can be put back.",
    ),
    ("flag", "A reviewer's mark that somebody should look at a text. It goes on being shown."),
    (
        "gap",
        "A stretch of answers that could not be recorded. They are counted, and the log says how many there were.",
    ),
    ("holdout", "A share of visitors who get pre-written copy alone, to compare with."),
    (
        "key of the question",
        "The hash of all that a prompt is made of. Two visitors with the same key share the copy.",
    ),
    ("level", "How much a rule matters: suggestion, warning or error."),
    (
        "mode",
        "How far copy may go on a placement: pre-written alone, one text for each segment, or live for each visitor. Of a rule: whether it is enforced, on trial, or off.",
    ),
    ("overturn", "A reviewer's decision against the rules: a text that they let pass and a person rejected."),
    ("proposal", "An edit of the rules that a second person must approve before it is in force."),
    ("purge", "Copy that is kept is dropped, and written anew when it is asked for."),
    (
        "reject",
        "A reviewer's decision that a text is not shown again for its question, in any wording under which it was.",
    ),
    ("rollback", "An earlier edition is put back in force."),
    (
        "rollout",
        "The share of visitors for whom a placement goes as far as its mode says; the rest gets the kind of copy below.",
    ),
    (
        "second look",
        "A text that one reviewer approved, shown to another by chance, so that decisions can be compared.",
    ),
    ("shadow, on trial", "A rule that finds and records without any effect, to see what it would do."),
    ("source", "Where an answer's text came from: written now, kept, pre-written, or nowhere."),
    (
        "stop",
        "An immediate ban outside the files, on a phrase, product, placement, segment, template or model, until it is lifted.",
    ),
    ("sweep", "Every text that could be shown, judged now by the rules in force."),
    ("takedown", "A text is taken off every page at once, in every wording under which it was shown."),
    (
        "verdict",
        "What follows from all findings of a text: it passes, is fixed, is sent back, or is blocked.",
    ),
    ("waiver", "A whole text that is let past named rules until the end of a day."),
];

/// What is said of a text that a person must approve.
pub const TO_APPROVE: &str = "A person must approve it before it is first shown.";

/// What is said of a text that a person wrote in place of another.
pub fn edited(edited: Option<&Edited>) -> Option<String> {
    let Edited { from, by } = edited?;
    Some(format!("Its text was edited by {by} from that of generation {from}: no model was asked for it."))
}

/// What is said of a text that an earlier generation wrote.
pub fn rejudged(earlier: Option<Uuid>) -> Option<String> {
    let earlier = earlier?;
    Some(format!(
        "Its text is that of generation {earlier}, judged again by other rules: no model was asked for it, and what was \
         asked for then stands there."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_a_sentence_of_its_own() {
        let all = [
            Reason::Mode,
            Reason::Rollout,
            Reason::Holdout,
            Reason::NoConsent,
            Reason::UnknownProduct,
            Reason::Deadline,
            Reason::Guardrail,
            Reason::Upstream,
            Reason::BreakerOpen,
            Reason::RateLimited,
            Reason::Budget,
            Reason::Overload,
            Reason::StoreUnavailable,
            Reason::AwaitingApproval,
            Reason::Stopped,
            Reason::NotAdmitted,
        ];
        let said: std::collections::BTreeSet<_> = all.into_iter().map(reason).collect();
        assert_eq!(said.len(), all.len());
        assert!(said.iter().all(|said| said.ends_with('.')));
    }

    #[test]
    fn the_glossary_is_in_order_and_says_nothing_twice() {
        let in_order = |list: &[(&str, &str)]| list.iter().is_sorted_by(|(one, _), (next, _)| one < next);
        assert!(in_order(GLOSSARY) && in_order(CONSOLE));
        let both = || GLOSSARY.iter().chain(CONSOLE);
        let words: Vec<_> = both().flat_map(|(word, _)| word.split(", ")).collect();
        let told: std::collections::BTreeSet<_> = words.iter().collect();
        assert_eq!(words.len(), told.len());
        assert!(both().all(|(_, meaning)| meaning.ends_with('.')));
    }
}
