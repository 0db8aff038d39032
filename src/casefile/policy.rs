//! What was in force when something was shown or written: the rules, the evidence, the files.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;

use super::{KeptGuardrails, Library, words};
use crate::audit::ServeRecord;
use crate::audit::search::Generation;
use crate::document::Files;
use crate::guardrail::{Guardrails, RegisteredEvidence, Rule};
use crate::policy::Set;
use crate::store::StoreError;
use crate::words::Revision;

/// The most of one set's files that a case carries in full, in bytes; of the others it says name and hash.
const MOST_OF_FILES: usize = 4 * 1024 * 1024;

/// What was in force at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyThen {
    /// Which moment: `shown`, `written`, or both.
    pub when: Vec<&'static str>,
    /// The moment.
    pub at: Timestamp,
    /// The revision of the whole.
    pub revision: Revision,
    /// The guardrails; `None` where their files are not kept.
    pub guardrails: Option<SetThen>,
    /// Segments and prompts; likewise.
    pub prompts: Option<SetThen>,
    /// The rules that stood for copy of this placement and language, those that found something first.
    pub rules: Vec<RuleThen>,
    /// How many rules stood in the files and were not for such copy, not in force yet or any more, or turned off.
    pub others: usize,
    /// The evidence that the text relied on.
    pub evidence: Vec<EvidenceThen>,
    /// What is not known, and why: a sentence.
    pub missing: Option<String>,
}

/// A set of files that was in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetThen {
    /// Its revision.
    pub hash: String,
    /// When it was last accepted.
    pub accepted_at: Option<Timestamp>,
    /// Its files.
    pub files: Vec<FileThen>,
}

/// A file of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileThen {
    /// Its path.
    pub path: String,
    /// The hash of its content, as the record of the policy change has it.
    pub hash: String,
    /// Its content; `None` where that is left out.
    pub text: Option<String>,
}

/// A rule as it stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleThen {
    /// Its name.
    pub id: String,
    /// What it looks for.
    pub kind: String,
    /// How much it mattered.
    pub level: String,
    /// What followed from a finding.
    pub action: String,
    /// Whether its findings counted.
    pub mode: String,
    /// What it says, with `%s` where the match goes.
    pub message: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whom to ask about it.
    pub owner: Option<String>,
    /// The law, code or guide that it comes from.
    pub reference: Option<String>,
    /// Where it stands.
    pub file: String,
    /// The line there.
    pub line: u32,
    /// Whether it asked more of facts or the moment before it applied.
    pub conditional: bool,
    /// How often it matched the texts of this generation.
    pub matches: usize,
    /// What it made of a second model's answer: `passed`, `not passed`, `no answer`.
    pub second: Option<&'static str>,
}

/// A piece of evidence as it stood in the register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvidenceThen {
    /// Its id.
    pub id: String,
    /// What it is; `None` where the register of that day does not say.
    pub document: Option<String>,
    /// The SHA-256 of the document.
    pub sha256: Option<String>,
    /// Who accepted it.
    pub accepted_by: Option<String>,
    /// The first day on which it holds.
    pub from: Option<Date>,
    /// The last.
    pub until: Option<Date>,
    /// The claims that rest on it.
    pub claims: Vec<ClaimThen>,
}

/// A claim that rests on evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimThen {
    /// The rule's name.
    pub rule: String,
    /// The words that may be said.
    pub wordings: Vec<String>,
}

/// What a text's own records say of rules.
pub(super) struct Matched {
    findings: BTreeMap<String, usize>,
    second: BTreeMap<String, &'static str>,
    evidence: Vec<String>,
}

impl Matched {
    pub(super) fn of(generation: Option<&Generation>) -> Self {
        let mut matched = Self { findings: BTreeMap::new(), second: BTreeMap::new(), evidence: Vec::new() };
        let Some(generation) = generation else { return matched };
        for finding in generation.record.findings.as_array().into_iter().flatten() {
            if let Some(rule) = finding.get("rule").and_then(Value::as_str) {
                *matched.findings.entry(rule.to_owned()).or_default() += 1;
            }
        }
        for verdict in generation.verdicts.iter().flat_map(|verdict| &verdict.record.rules) {
            let said = match verdict.passed {
                Some(true) => "passed",
                Some(false) => "not passed",
                None => "no answer",
            };
            matched.second.insert(verdict.rule.clone(), said);
        }
        let evidence = generation.record.evidence.as_array().into_iter().flatten();
        matched.evidence = evidence.filter_map(|id| id.as_str().map(str::to_owned)).collect();
        matched
    }
}

/// The copy that rules stood towards.
#[derive(Clone, Copy)]
pub(super) struct Copy<'a> {
    pub(super) placement: &'a str,
    pub(super) locale: &'a str,
    pub(super) at: Timestamp,
}

/// What was in force when it was shown; the files too where `files` says so.
pub(super) async fn shown(
    library: &Library,
    serve: &ServeRecord,
    matched: &Matched,
    files: bool,
) -> Result<PolicyThen, StoreError> {
    let copy = Copy { placement: serve.placement.as_str(), locale: &serve.locale, at: serve.at };
    let mut then = rules(library, "shown", &serve.revision, None, copy, matched).await?;
    if files {
        let template = serve.template.as_ref().map(|template| template.as_str());
        add_files(library, &mut then, None, copy, template).await?;
    }
    Ok(then)
}

/// What was in force when it was shown, and when it was written where that was something else; the files too where `files`
/// says so.
pub(super) async fn then(
    library: &Library,
    serve: Option<&ServeRecord>,
    generation: Option<&Generation>,
    files: bool,
) -> Result<Vec<PolicyThen>, StoreError> {
    let matched = Matched::of(generation);
    let mut all: Vec<PolicyThen> = Vec::new();
    if let Some(serve) = serve {
        all.push(shown(library, serve, &matched, files).await?);
    }
    if let Some(generation) = generation {
        let record = &generation.record;
        match all.first_mut().filter(|shown| shown.revision == record.revision) {
            Some(shown) => shown.when.push("written"),
            None => {
                let copy = Copy {
                    placement: record.placement.as_str(),
                    locale: &record.locale,
                    at: record.finished,
                };
                let guardrails = Some(record.guardrails.as_str());
                let mut then =
                    rules(library, "written", &record.revision, guardrails, copy, &matched).await?;
                if files {
                    add_files(library, &mut then, guardrails, copy, Some(record.template.as_str())).await?;
                }
                all.push(then);
            }
        }
    }
    Ok(all)
}

async fn rules(
    library: &Library,
    when: &'static str,
    revision: &Revision,
    guardrails: Option<&str>,
    copy: Copy<'_>,
    matched: &Matched,
) -> Result<PolicyThen, StoreError> {
    let mut then = PolicyThen {
        when: vec![when],
        at: copy.at,
        revision: revision.clone(),
        guardrails: None,
        prompts: None,
        rules: Vec::new(),
        others: 0,
        evidence: matched.evidence.iter().map(|id| evidence(id, None)).collect(),
        missing: None,
    };
    let sets = library.sets_of(revision, guardrails).await?;
    let Some(hash) = sets.as_ref().map(|sets| sets.guardrails.as_str()).or(guardrails) else {
        then.missing = Some("The store does not say which files this revision stands for.".to_owned());
        return Ok(then);
    };
    match library.guardrails(hash).await?.as_deref() {
        None => then.missing = Some("The files of these guardrails are not kept in the store.".to_owned()),
        Some(KeptGuardrails { rules: None, .. }) => {
            let unread = "This version of copyrail does not read these guardrails as they were; their files are kept in full.";
            then.missing = Some(unread.to_owned());
        }
        Some(KeptGuardrails { rules: Some(rules), .. }) => {
            then.rules = standing(rules, copy, matched);
            then.others = rules.rules().len().saturating_sub(then.rules.len());
            then.evidence = matched.evidence.iter().map(|id| evidence(id, Some(rules))).collect();
        }
    }
    Ok(then)
}

/// Adds the files: all guardrails, and of segments and prompts in full those that had a part in the text.
async fn add_files(
    library: &Library,
    then: &mut PolicyThen,
    guardrails: Option<&str>,
    copy: Copy<'_>,
    template: Option<&str>,
) -> Result<(), StoreError> {
    let sets = library.sets_of(&then.revision, guardrails).await?;
    if let Some(hash) = sets.as_ref().map(|sets| sets.guardrails.as_str()).or(guardrails)
        && let Some(kept) = library.guardrails(hash).await?
    {
        let accepted_at = library.accepted(Set::Guardrails, hash).await?;
        then.guardrails = Some(set(hash, accepted_at, &kept.files, |_| true));
    }
    if let Some(hash) = sets.map(|sets| sets.prompts)
        && let Some(files) = library.prompts(&hash).await?
    {
        let accepted_at = library.accepted(Set::Prompts, &hash).await?;
        let placement = format!("/{}/placement.yml", copy.placement);
        let template = template.map(|template| format!("/{template}.prompty"));
        // Segments stand where the settings say, outside of the prompts' folder.
        let had_a_part = |path: &str| {
            let path = format!("/{path}");
            path.ends_with("segments.yml")
                || path.ends_with(&placement)
                || template.as_ref().is_some_and(|template| path.ends_with(template.as_str()))
        };
        then.prompts = Some(set(&hash, accepted_at, &files, had_a_part));
    }
    Ok(())
}

/// The rules that stood for some copy, those that found something first.
pub(super) fn standing(guardrails: &Guardrails, copy: Copy<'_>, matched: &Matched) -> Vec<RuleThen> {
    let Copy { placement, locale, at } = copy;
    let then = |rule: &Rule| {
        let standing = rule.standing(at, placement, Some(locale).filter(|locale| !locale.is_empty()))?;
        Some(RuleThen {
            id: rule.id().to_owned(),
            kind: word(&rule.kind()),
            level: words::level(standing.level).to_owned(),
            action: words::action(standing.action).to_owned(),
            mode: words::mode(standing.mode).to_owned(),
            message: rule.message().to_owned(),
            description: rule.description().map(str::to_owned),
            owner: rule.owner().map(str::to_owned),
            reference: rule.reference().map(str::to_owned),
            file: rule.file().to_owned(),
            line: rule.span().start.line,
            conditional: standing.conditional,
            matches: matched.findings.get(rule.id()).copied().unwrap_or_default(),
            second: matched.second.get(rule.id()).copied(),
        })
    };
    let mut rules: Vec<RuleThen> = guardrails.rules().iter().filter_map(then).collect();
    rules.sort_by_key(|rule| (rule.matches == 0, rule.second.is_none()));
    rules
}

fn evidence(id: &str, guardrails: Option<&Guardrails>) -> EvidenceThen {
    let item: Option<&RegisteredEvidence> =
        guardrails.and_then(|rules| rules.evidence().iter().find(|item| item.id() == id));
    let claims = guardrails.map(|rules| rules.claims_on(id)).unwrap_or_default();
    EvidenceThen {
        id: id.to_owned(),
        document: item.map(|item| item.document().to_owned()),
        sha256: item.and_then(|item| item.sha256().map(str::to_owned)),
        accepted_by: item.map(|item| item.accepted_by().to_owned()),
        from: item.map(RegisteredEvidence::from),
        until: item.map(RegisteredEvidence::until),
        claims: claims
            .into_iter()
            .map(|(rule, wordings)| ClaimThen {
                rule: rule.to_owned(),
                wordings: wordings.into_iter().map(str::to_owned).collect(),
            })
            .collect(),
    }
}

fn set(hash: &str, accepted_at: Option<Timestamp>, files: &Files, in_full: impl Fn(&str) -> bool) -> SetThen {
    let mut left = MOST_OF_FILES;
    let file = |(path, text): (&String, &String)| {
        let fits = in_full(path) && text.len() <= left;
        if fits {
            left -= text.len();
        }
        FileThen {
            path: path.clone(),
            hash: Revision::of([("", text.as_str())]).to_string(),
            text: fits.then(|| text.clone()),
        }
    };
    let files = files.iter().map(file).collect();
    SetThen { hash: hash.to_owned(), accepted_at, files }
}

/// A value's own word, as records have it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
