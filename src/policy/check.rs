//! `check`: everything that people edit below one folder, read as the service would read it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::files::shown;
use super::{MISSING, Standing, load_copy, read_dir, read_file};
use crate::config::PolicySettings;
use crate::diagnostic::{Diagnostic, Span, any_error};
use crate::document::Files;
use crate::guardrail::{self, RuleReport};

/// What a check found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether the files would be put in force.
    pub ok: bool,
    /// Every fault and warning.
    pub diagnostics: Vec<Diagnostic>,
    /// How each rule did on its examples and the labelled cases.
    pub rules: Vec<RuleReport>,
    /// How many files were read.
    pub files: usize,
}

/// Checks the files of a policy as of an instant, and answers the files that it read. Guardrails are checked alone where there are no prompts.
pub fn check(settings: &PolicySettings, now: Timestamp) -> (Report, Files) {
    let mut diagnostics = Vec::new();
    let (mut rule_files, mut copy_files) = (Files::new(), Files::new());
    let mut rules = Vec::new();
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
    if has_rules {
        read_dir(&settings.guardrails, &mut rule_files, &mut diagnostics);
        let (loaded, found) = guardrail::load(&rule_files, &settings.timezone);
        diagnostics.extend(found);
        if let Some(loaded) = loaded {
            let (reports, found) = guardrail::try_cases(&loaded, &rule_files);
            rules = reports;
            diagnostics.extend(found);
            diagnostics.extend(guardrail::expiring(&loaded, now));
            guardrails = Some(loaded);
        }
    }
    if has_copy {
        if there(&settings.prompts) {
            read_dir(&settings.prompts, &mut copy_files, &mut diagnostics);
        }
        if there(&settings.segments) {
            read_file(&settings.segments, &mut copy_files, &mut diagnostics);
        }
        let (segments, prompts) = (shown(&settings.segments), shown(&settings.prompts));
        let found = load_copy(&copy_files, &segments, &prompts, guardrails.as_ref(), Standing::New, now).1;
        // A file that is there and cannot be read is not missing as well.
        let said = diagnostics.iter().any(|fault| fault.file == segments);
        diagnostics.extend(found.into_iter().filter(|fault| !(said && fault.message == MISSING)));
    }
    let files = rule_files.len() + copy_files.len();
    (
        Report { ok: !any_error(&diagnostics), diagnostics, rules, files },
        rule_files.into_iter().chain(copy_files).collect(),
    )
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
