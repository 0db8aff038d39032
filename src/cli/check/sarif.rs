//! The report as SARIF 2.1.0, the OASIS standard that code hosts show beside the lines of a change.

use std::path::Path;

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Severity};
use crate::document::Files;
use crate::guardrail::LINTS;
use crate::policy::Report;

/// The faults that have no name of their own, by the folder or file that they stand in: the end of its path, the name, and
/// what such a fault is.
const AREAS: &[(&str, &str, &str)] = &[
    ("/cases/", "cases", "A labelled text that does not come out as it says, or that cannot be read"),
    ("guardrails.yml", "settings-of-rules", "What guardrails.yml says cannot be put in force"),
    ("claims.yml", "claims", "The register of claims cannot be put in force"),
    ("placement.yml", "placement", "A placement that cannot be put in force"),
    (".prompty", "template", "A template or its pre-written copy that cannot be used"),
    ("shop.yml", "shop-copy", "The shop's own last-resort copy cannot be used"),
    ("segments.yml", "segments", "Segments or attributes that cannot be put in force"),
    ("copyrail.toml", "service-settings", "A setting of the service that cannot be used"),
];
/// Everything else is a rule's, or a file that stands where none is read.
const RULES: (&str, &str) = ("rules", "A rule that cannot be put in force, or one of whose examples fails");

/// One run with one result for each diagnostic.
pub(super) fn write(report: &Report, sources: &Files) -> Value {
    let codes: Vec<(&str, &str)> = AREAS
        .iter()
        .map(|(_, code, help)| (*code, *help))
        .chain([RULES])
        .chain(LINTS.iter().copied())
        .collect();
    let rules: Vec<Value> = codes.iter().map(|(code, help)| rule(code, help)).collect();
    let result = |diagnostic: &Diagnostic| {
        let code = code_of(diagnostic);
        let index = codes.iter().position(|(known, _)| *known == code);
        result(diagnostic, code, index, sources.contains_key(&diagnostic.file))
    };
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "copyrail",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The folder that the command was run in"}}},
            "invocations": [{"executionSuccessful": true}],
            "results": report.diagnostics.iter().map(result).collect::<Vec<_>>(),
        }]
    })
}

fn rule(code: &str, help: &str) -> Value {
    let is_lint = LINTS.iter().any(|(lint, _)| *lint == code);
    json!({
        "id": code,
        "shortDescription": {"text": format!("{help}.")},
        "help": {"text": match is_lint {
            true => "A warning: the files are put in force all the same. Each result says what to write instead.",
            false => "An edit with such a fault is refused, and what was in force stays. Each result says what to write instead.",
        }},
        "defaultConfiguration": {"level": if is_lint { "warning" } else { "error" }},
    })
}

fn result(diagnostic: &Diagnostic, code: &str, index: Option<usize>, has_text: bool) -> Value {
    let Diagnostic { severity, span, message, help, .. } = diagnostic;
    let text = match help {
        Some(help) => format!("{} To mend it: {}", sentence(&capital(message)), sentence(help)),
        None => sentence(&capital(message)),
    };
    let (start, end) = (span.start, span.end);
    let file = location(&diagnostic.file);
    let place = match (has_text || diagnostic.file.ends_with(".toml"), end > start) {
        (false, _) => json!({"artifactLocation": file}),
        (true, false) => {
            json!({"artifactLocation": file, "region": {"startLine": start.line, "startColumn": start.column}})
        }
        (true, true) => json!({"artifactLocation": file, "region": {
            "startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column,
        }}),
    };
    json!({
        "ruleId": code,
        "ruleIndex": index,
        "level": match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    })
}

fn code_of(diagnostic: &Diagnostic) -> &'static str {
    let file = format!("/{}", diagnostic.file);
    let fits = |part: &str| if part.ends_with('/') { file.contains(part) } else { file.ends_with(part) };
    let area = || AREAS.iter().find(|(part, _, _)| fits(part)).map_or(RULES.0, |(_, code, _)| code);
    diagnostic.code.unwrap_or_else(area)
}

/// A path below the folder that the command runs in; another one as a whole address.
fn location(file: &str) -> Value {
    let here = std::env::current_dir().ok();
    let path = Path::new(file);
    let below = here.as_deref().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path);
    let uri = encoded(&below.to_string_lossy());
    match below.is_absolute() {
        true => json!({"uri": format!("file://{uri}")}),
        false => json!({"uri": uri, "uriBaseId": "SRCROOT"}),
    }
}

/// A path with everything that has a meaning in addresses written as its bytes.
fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(byte as char)
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A sentence ends with a full stop, unless what it quotes does.
fn sentence(text: &str) -> String {
    let ends = text.ends_with(['.', '…']);
    format!("{text}{}", if ends { "" } else { "." })
}

/// A sentence begins with a capital, unless it begins with what somebody wrote.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_addresses() {
        assert_eq!(encoded("guardrails/our rules/ä#1.yml"), "guardrails/our%20rules/%C3%A4%231.yml");
        assert_eq!(location("guardrails/a.yml"), json!({"uri": "guardrails/a.yml", "uriBaseId": "SRCROOT"}));
        assert_eq!(location("/nowhere/a b.yml"), json!({"uri": "file:///nowhere/a%20b.yml"}));
    }
}
