//! The report as one page that needs nothing else: no script, no font, no picture from elsewhere.

use minijinja::value::{Serde, Value as Jinja};
use minijinja::{AutoEscape, Environment, HtmlEscape, UndefinedBehavior, context};

use super::text::pairs;
use super::{Whole, few, percent, thousands};
use crate::cli::Failure;
use crate::cli::output::cut;
use crate::cli::output::safe;

/// The page's template. Every value in it is escaped.
const PAGE: &str = include_str!("page.html");
/// The most segments of the map of overlaps: more do not fit a page, and hardly a mind.
const MAX_MAPPED: usize = 16;

/// How many users two segments share, the share of the smaller of the two, and whether the two are one.
type Cell = (u64, f64, bool);

/// The page.
pub(super) fn html(whole: &Whole) -> Result<String, Failure> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("thousands", thousands);
    environment.add_filter("percent", percent);
    environment.add_filter("few", few);
    environment.add_filter("shown", |text: &str| safe(text));
    environment.add_filter("marked", marked);
    environment.add_filter("cut", |text: &str| cut(text, 24));
    // A length within a chart that is 100 wide, from a share.
    environment.add_filter("wide", |share: f64| format!("{:.2}", share.clamp(0.0, 1.0) * 100.0));
    environment.add_filter("fixed", |number: f64| format!("{number:.2}"));
    let whole_value = serde_json::to_value(whole).map_err(anyhow::Error::from)?;
    let most_keys = whole.placements.iter().flatten().map(|demand| demand.keys).max().unwrap_or(0);
    let context = context! {
        most_keys => most_keys.max(1) as f64,
        next => whole.next(),
        pairs => Jinja::from(Serde(pairs(whole))),
        map => Jinja::from(Serde(map(whole))),
        report => Jinja::from(Serde(whole_value)),
    };
    let page = environment.render_str(PAGE, context).map_err(anyhow::Error::from)?;
    // Lines that held nothing but tags of the template.
    Ok(page.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n"))
}

/// A sentence of ours, what stands between its backquotes shown as code. What it quotes is escaped.
fn marked(sentence: &str) -> Jinja {
    let parts = sentence.split('`').enumerate().map(|(index, part)| {
        let part = HtmlEscape(&safe(part)).to_string();
        if index % 2 == 1 { format!("<code>{part}</code>") } else { part }
    });
    Jinja::from_safe_string(parts.collect())
}

/// The map of overlaps: each segment's name, and for each other one how many users both match and the share of the
/// smaller of the two, from 0 to 1. Without segments that share nobody, and at most so many as fit a page.
fn map(whole: &Whole) -> Vec<(String, Vec<Cell>)> {
    let overlap = &whole.report.overlap;
    let size = |index: usize| overlap.both.get(index).and_then(|row| row.get(index)).copied().unwrap_or(0);
    let shared = |index: usize| {
        let row = overlap.both.get(index).into_iter().flatten().enumerate();
        row.filter(|(other, _)| *other != index).map(|(_, both)| *both).max().unwrap_or(0)
    };
    let mut mapped: Vec<usize> = (0..overlap.segments.len()).filter(|index| shared(*index) > 0).collect();
    mapped.sort_by_key(|index| std::cmp::Reverse(shared(*index)));
    mapped.truncate(MAX_MAPPED);
    mapped.sort_unstable();
    let cell = |row: usize, column: usize| {
        let both = overlap.both.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0);
        let smaller = size(row).min(size(column)).max(1);
        (both, both as f64 / smaller as f64, row == column)
    };
    let row = |index: &usize| {
        let name = overlap.segments.get(*index)?.to_string();
        Some((name, mapped.iter().map(|column| cell(*index, *column)).collect()))
    };
    mapped.iter().filter_map(row).collect()
}
