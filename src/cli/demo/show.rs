//! The demo as a person sees it: plain in a pipe, coloured on a terminal.

use std::path::Path;

use serde_json::Value;

use super::story::{Scene, Told};
use super::{DemoKeys, Failure};
use crate::app::App;
use crate::cli::output::{Output, Paint, at, safe};

/// Where copy is wrapped, in characters.
const WIDTH: usize = 76;

pub(super) fn opening(
    out: &Output,
    products: usize,
    catalogue: Option<&Path>,
    app: &App,
) -> Result<(), Failure> {
    let policy = app.shared.desk.pin();
    let from = catalogue.map_or_else(|| "the sample catalogue".to_owned(), |path| path.display().to_string());
    out.line(&out.paint(Paint::Strong, "copyrail demo: product copy from an LLM, kept on rails"))?;
    let rules = policy.guardrails.rules().len();
    let placements: Vec<&str> = policy.copy.prompts.placements().map(|p| p.id.as_str()).collect();
    let about = format!(
        "{products} products from {from}; placements {}; {rules} guardrails in force.",
        placements.join(" and ")
    );
    out.line(&about)?;
    let simulated =
        "The LLM is simulated: it names itself so in every answer. All else is the real service, over HTTP.";
    Ok(out.line(&out.paint(Paint::Faint, simulated))?)
}

pub(super) fn scene(out: &Output, scene: &Scene, told: &Told) -> Result<(), Failure> {
    let answer = &told.answer;
    let text = |field: &str| safe(at(answer, &format!("/{field}")).as_str().unwrap_or_default());
    out.line("")?;
    out.line(&out.paint(Paint::Strong, scene.title))?;
    let product: String = safe(&scene.product).chars().take(60).collect();
    out.line(&out.paint(Paint::Faint, &format!("  {} · {} · {product}", text("placement"), scene.who)))?;
    if let Some(stopped) = &told.finding {
        rejected(out, stopped)?;
    }
    let copy = text("text");
    if copy.is_empty() {
        out.line(&out.paint(Paint::Faint, "  (no text: the page shows nothing)"))?;
    }
    for line in wrapped(&copy) {
        out.line(&format!("  {} {line}", out.paint(Paint::Accent, "│")))?;
    }
    let (paint, word) = match at(answer, "/source").as_str() {
        Some("generated") => (Paint::Good, "generated and checked"),
        Some("cache") => (Paint::Good, "from cache, checked"),
        Some("prewritten") => (Paint::Notice, "pre-written copy"),
        _ => (Paint::Notice, "nothing"),
    };
    let mut notes = vec![format!("segment {}", text("segment")), format!("tier {}", text("tier"))];
    if let Some(reason) = at(answer, "/reason").as_str() {
        notes.push(format!("reason {}", safe(reason)));
    }
    if at(answer, "/pending") == true {
        notes.push("pending".into());
    }
    notes.push(format!("{:.1} ms", told.took.as_secs_f64() * 1e3));
    Ok(out.line(&format!(
        "  {} · {}",
        out.paint(paint, word),
        out.paint(Paint::Faint, &notes.join(" · "))
    ))?)
}

/// The text that was not shown, and what the guardrail found in it.
fn rejected(out: &Output, generation: &Value) -> Result<(), Failure> {
    let raw = at(generation, "/payload/raw_texts")
        .as_array()
        .and_then(|texts| texts.last())
        .and_then(Value::as_str);
    let findings = at(generation, "/findings").as_array();
    let matches = at(generation, "/payload/matches").as_array();
    for line in wrapped(&safe(raw.unwrap_or_default())) {
        out.line(&format!("  {} {}", out.paint(Paint::Bad, "✗"), out.paint(Paint::Faint, &line)))?;
    }
    for (finding, matched) in findings.into_iter().flatten().zip(matches.into_iter().flatten()) {
        if at(finding, "/action") == "note" {
            continue;
        }
        let text = |value: &Value| safe(value.as_str().unwrap_or_default());
        let rule =
            format!("not shown: {} found “{}”.", text(at(finding, "/rule")), text(at(matched, "/match")));
        out.line(&format!("    {}", out.paint(Paint::Bad, &rule)))?;
        for line in wrapped(&text(at(matched, "/message"))) {
            out.line(&format!("    {line}"))?;
        }
    }
    Ok(())
}

pub(super) fn closing(out: &Output, told: &[Told], calls: u64) -> Result<(), Failure> {
    let count = |source: &str| told.iter().filter(|one| at(&one.answer, "/source") == source).count();
    out.line("")?;
    let line = format!(
        "{} requests: {} generated, {} from cache, {} pre-written; {calls} calls to the simulated LLM; nothing unchecked was shown.",
        told.len(),
        count("generated"),
        count("cache"),
        count("prewritten"),
    );
    Ok(out.line(&out.paint(Paint::Strong, &line))?)
}

pub(super) fn addresses(out: &Output, base: &str, keys: &DemoKeys) -> Result<(), Failure> {
    out.line("")?;
    out.line(&format!("Serving on {} until Ctrl-C.", out.paint(Paint::Accent, base)))?;
    let console = format!("{base}/console/");
    out.line(&format!("The reviewers' console: {}", out.paint(Paint::Accent, &console)))?;
    out.line(&format!("  sign in with {}", keys.admin))?;
    out.line("  More requests, some reviews and a stop were added for it.")?;
    out.line("As a page asks:")?;
    out.line(&format!("  curl -s {base}/v1/blurbs -H 'authorization: Bearer {}' \\", keys.serve))?;
    out.line(r#"    -d '{"placement": "why-this", "product": {"name": "Lumo lamp"}, "deadline_ms": 3000}'"#)?;
    out.line("As a reviewer looks into the log:")?;
    out.line(&format!("  curl -s {base}/v1/generations -H 'authorization: Bearer {}'", keys.review))?;
    out.line("As compliance sees what is in force:")?;
    out.line(&format!("  curl -s {base}/v1/policy -H 'authorization: Bearer {}'", keys.compliance))?;
    Ok(())
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
