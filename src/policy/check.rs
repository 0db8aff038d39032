//! `check`: everything that people edit below one folder, read as the service would read it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::files::{read_folder, shown};
use super::{Copy, MISSING, Standing, load_copy, read_dir, read_file};
use crate::config::PolicySettings;
use crate::diagnostic::{Diagnostic, Span, any_error};
use crate::document::Files;
use crate::guardrail::{self, Enforcement, Guardrails, RuleReport, Spot, Surroundings, Tried};
use crate::prompt::Prompts;
use crate::words::Locale;

/// What a running service would do with the files, if they were an edit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// It takes them: it looks at no labelled text.
    Takes,
    /// It takes the guardrails, of whose effect on last-resort copy it only warns, and refuses to take an edit of that
    /// copy.
    TakesGuardrails,
    /// It keeps what is in force.
    #[default]
    Refuses,
}

/// What a check found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Whether nothing is amiss.
    pub ok: bool,
    /// What a running service would do.
    pub service: Service,
    /// Every fault and warning.
    pub diagnostics: Vec<Diagnostic>,
    /// How each rule did on its examples and the labelled cases.
    pub rules: Vec<RuleReport>,
    /// What the labelled cases leave untried.
    pub coverage: Coverage,
    /// How many files were read.
    pub files: usize,
}

/// What the labelled cases try, beyond the rules' own examples, and what they leave untried.
#[derive(Debug, Default, Serialize)]
pub struct Coverage {
    /// How many labelled cases there are.
    pub cases: usize,
    /// How many rules are named by at least one of them. Those that are off are not counted.
    pub rules: usize,
    /// The rules that none of them names. Those of public styles are not counted.
    pub rules_without_cases: Vec<String>,
    /// The placements that none of them names.
    pub placements_without_cases: Vec<String>,
    /// The languages of copy that none of them is in.
    pub languages_without_cases: Vec<String>,
}

impl Coverage {
    fn of(tried: &Tried, guardrails: &Guardrails, copy: Option<&Copy>) -> Self {
        let mut coverage = Self { cases: tried.cases, ..Self::default() };
        for (rule, report) in guardrails.rules().iter().zip(&tried.rules) {
            match report.cases {
                _ if rule.mode() == Enforcement::Off => {}
                // Public rules are many, and nobody writes a case for each.
                0 if report.public => {}
                0 => coverage.rules_without_cases.push(report.rule.clone()),
                _ => coverage.rules += 1,
            }
        }
        let Some(Copy { prompts, .. }) = copy else { return coverage };
        let ids = prompts.placements().map(|placement| placement.id.to_string());
        coverage.placements_without_cases = ids.filter(|id| !tried.placements.contains(id)).collect();
        let tried: BTreeSet<&str> = tried.locales.iter().map(Locale::language).collect();
        let all: BTreeSet<&str> =
            languages(prompts).into_iter().filter_map(|locale| locale.split('-').next()).collect();
        coverage.languages_without_cases =
            all.difference(&tried).map(|language| (*language).to_owned()).collect();
        coverage
    }
}

/// The locales that copy is written in: of templates, and of what stands in for them.
fn languages(prompts: &Prompts) -> BTreeSet<&str> {
    let mut found: BTreeSet<&str> = prompts.shop.keys().map(String::as_str).collect();
    for placement in prompts.placements() {
        found.insert(placement.language.as_str());
        found.extend(placement.last_resort.keys().map(String::as_str));
        let templates = prompts.templates(&placement.id);
        found.extend(templates.flat_map(|template| template.languages().map(Locale::as_str)));
    }
    found
}

/// Checks the files of a policy as of an instant, and answers the files that it read. Guardrails are checked alone where
/// there are no prompts.
pub fn check(settings: &PolicySettings, now: Timestamp) -> (Report, Files) {
    let mut diagnostics = Vec::new();
    let (mut rule_files, mut copy_files) = (Files::new(), Files::new());
    let mut tried = Tried::default();
    let there = |path: &Path| path.exists();
    let (has_rules, has_copy) =
        (there(&settings.guardrails), there(&settings.prompts) || there(&settings.segments));
    if !has_rules {
        let dir = shown(&settings.guardrails);
        let (message, help) = if has_copy {
            ("there is no folder of guardrails", "put it back; without rules nothing generated may be shown")
        } else {
            (
                "there is nothing here to check",
                "name a folder that holds `guardrails/`, `prompts/` or `config/segments.yml`",
            )
        };
        diagnostics.push(Diagnostic::error(dir, Span::START, message).with_help(help));
    }
    let mut guardrails = None;
    // Errors that a running service makes less of.
    let (mut of_cases, mut of_last_resort) = (0, 0);
    let errors = |found: &[Diagnostic]| found.iter().filter(|fault| fault.is_error()).count();
    if has_rules {
        read_folder(&settings.guardrails, &mut rule_files, &mut diagnostics);
        let (loaded, found) = guardrail::load(&rule_files, &settings.timezone);
        diagnostics.extend(found);
        if let Some(loaded) = loaded {
            let (all, found) = guardrail::try_cases(&loaded, &rule_files);
            tried = all;
            of_cases = errors(&found);
            diagnostics.extend(found);
            diagnostics.extend(guardrail::expiring(&loaded, now));
            guardrails = Some(loaded);
        }
    }
    let mut copy = None;
    if has_copy {
        if there(&settings.prompts) {
            read_folder(&settings.prompts, &mut copy_files, &mut diagnostics);
        }
        if there(&settings.segments) {
            read_file(&settings.segments, &mut copy_files, &mut diagnostics);
        }
        let (segments, prompts) = (shown(&settings.segments), shown(&settings.prompts));
        let read = |standing| load_copy(&copy_files, &segments, &prompts, guardrails.as_ref(), standing, now);
        let (loaded, found) = read(Standing::New);
        if any_error(&found) {
            of_last_resort = errors(&found).saturating_sub(errors(&read(Standing::InForce).1));
        }
        copy = loaded;
        // A file that is there and cannot be read is not missing as well.
        let said = diagnostics.iter().any(|fault| fault.file == segments);
        diagnostics.extend(found.into_iter().filter(|fault| !(said && fault.message == MISSING)));
    }
    let mut coverage = Coverage::default();
    if let Some(guardrails) = &guardrails {
        coverage = Coverage::of(&tried, guardrails, copy.as_ref());
        diagnostics.extend(lints(guardrails, &rule_files, copy.as_ref(), now));
    }
    let files = rule_files.len() + copy_files.len();
    let service = match errors(&diagnostics).saturating_sub(of_cases) {
        0 => Service::Takes,
        rest if rest == of_last_resort => Service::TakesGuardrails,
        _ => Service::Refuses,
    };
    let ok = !any_error(&diagnostics);
    (
        Report { ok, service, diagnostics, rules: tried.rules, coverage, files },
        rule_files.into_iter().chain(copy_files).collect(),
    )
}

/// What an edit must not do by accident, by the guardrails in force before it; nothing where either does not load.
pub fn accidents(settings: &PolicySettings, before: Option<&Guardrails>) -> Vec<Diagnostic> {
    let mut files = Files::new();
    read_dir(&settings.guardrails, &mut files, &mut Vec::new());
    let after = guardrail::load(&files, &settings.timezone).0;
    before.zip(after.as_ref()).map(|(before, after)| guardrail::accidents(before, after)).unwrap_or_default()
}

/// What the guardrails say that nobody can have meant, given what stands beside them.
fn lints(guardrails: &Guardrails, files: &Files, copy: Option<&Copy>, now: Timestamp) -> Vec<Diagnostic> {
    let surroundings = copy.map(|Copy { segments, prompts, .. }| {
        let spot = |id, max_characters| Spot { id, max_characters };
        let spots =
            prompts.placements().map(|placement| spot(placement.id.as_str(), placement.max_characters));
        Surroundings {
            placements: spots.collect(),
            locales: languages(prompts).into_iter().collect(),
            attributes: Some(&segments.attributes),
        }
    });
    guardrail::lint(guardrails, files, surroundings.as_ref(), now)
}

/// The same settings for the files below another folder.
pub fn below(settings: &PolicySettings, dir: &Path) -> PolicySettings {
    let join = |path: &PathBuf| if dir == Path::new(".") { path.clone() } else { dir.join(path) };
    let mut below = PolicySettings {
        segments: join(&settings.segments),
        prompts: join(&settings.prompts),
        guardrails: join(&settings.guardrails),
        ..settings.clone()
    };
    // Somebody who names the guardrails' own folder means it.
    if !below.guardrails.exists() && dir.join("guardrails.yml").exists() {
        below.guardrails = dir.to_path_buf();
    }
    below
}
