//! Rules in shadow, and what they would have done.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::rules::ShadowSaid;
use super::{Badge, answered, encoded, last_day, marked};
use crate::app::{Shared, UnderWay};
use crate::console::page::{Failed, Frame, Place, page_or, show};
use crate::console::say::{self, Safe, visible};
use crate::console::session::{Form, Reader};
use crate::guardrail::Enforcement;
use crate::replay::{Count, ShadowRule};

/// The most rules that are shown.
const MOST: usize = 200;
/// The longest time that can be looked at, in days.
const LONGEST: u16 = 90;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/console/compliance/shadow", get(page).post(begin))
}

#[derive(Template)]
#[template(path = "compliance/shadow.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    complies: bool,
    token: String,
    since: Safe,
    rules: Vec<InShadow>,
    more: usize,
    under_way: Option<Progress>,
    last: Option<Answer>,
}

struct InShadow {
    counts: ShadowSaid,
    message: Safe,
    owner: String,
    action: Badge,
    until: Option<String>,
}

/// How far something has come.
pub(super) struct Progress {
    pub(super) by: String,
    pub(super) at: Safe,
    pub(super) what: String,
    pub(super) done: u64,
    pub(super) of: u64,
    pub(super) said: String,
}

impl Progress {
    pub(super) fn of(under_way: &UnderWay, reader: &Reader) -> Self {
        let (done, of) = under_way.progress();
        Self {
            by: under_way.asked.by.clone(),
            at: say::when(under_way.asked.at, &reader.zone),
            what: under_way.asked.what.clone(),
            done,
            of: of.max(done),
            said: match of {
                0 => "It begins.".to_owned(),
                of => format!("{} of {} texts.", say::number(done), say::number(of.max(done))),
            },
        }
    }
}

struct Answer {
    by: String,
    at: Safe,
    what: String,
    fault: Option<String>,
    generations: String,
    serves: String,
    unknown: u64,
    rules: Vec<RuleSaid>,
}

struct RuleSaid {
    rule: String,
    path: String,
    owner: String,
    judged: String,
    counts: Vec<(&'static str, &'static str, String, String, String)>,
    anyway: u64,
    examples: Vec<(Badge, String, Safe, Safe, String)>,
}

async fn page(State(shared): State<Arc<Shared>>, reader: Reader) -> Response {
    page_or(&reader, shadow(&shared, &reader))
}

fn shadow(shared: &Shared, reader: &Reader) -> Result<Response, Failed> {
    let (policy, now) = (shared.desk.pin(), (shared.parts.now)());
    let told = shared.parts.shadows.told();
    let rules: Vec<_> = policy
        .guardrails
        .rules()
        .iter()
        .filter(|rule| rule.runs(now) && rule.mode_at(now) == Enforcement::Shadow)
        .collect();
    let more = rules.len().saturating_sub(MOST);
    let rules = rules.into_iter().take(MOST).map(|rule| InShadow {
        counts: ShadowSaid::of(rule.id(), told.rules.get(rule.id()).copied().unwrap_or_default()),
        message: super::message(rule.message()),
        owner: rule.owner().unwrap_or_default().to_owned(),
        action: super::action(rule.on_match()),
        until: rule.overridden_before().map(|before| last_day(shared, before)),
    });
    let (under_way, last) = shared.inquiries.shadow.told();
    let answer = last.map(|last| {
        let report = last.found.as_ref().ok();
        Answer {
            by: last.asked.by.clone(),
            at: say::when(last.done, &reader.zone),
            what: last.asked.what.clone(),
            fault: last.found.as_ref().err().cloned(),
            generations: say::counted(report.map_or(0, |report| report.generations), "generation"),
            serves: say::counted(report.map_or(0, |report| report.serves), "serve"),
            unknown: report.map_or(0, |report| report.unknown),
            rules: report.map_or_else(Vec::new, |r| r.rules.iter().take(MOST).map(rule_said).collect()),
        }
    });
    Ok(show(&Page {
        frame: Frame::of(reader, Place::Compliance, "Rules in shadow"),
        tab: "shadow",
        complies: reader.complies(),
        token: reader.token.clone(),
        since: say::when(told.since, &reader.zone),
        rules: rules.collect(),
        more,
        under_way: under_way.map(|under_way| Progress::of(&under_way, reader)),
        last: answer,
    }))
}

fn rule_said(rule: &ShadowRule) -> RuleSaid {
    let count = |class, said, count: Count| {
        let share = match count.share * 100.0 {
            share if share > 0.0 && share < 0.1 => "< 0.1%".to_owned(),
            share => format!("{share:.1}%"),
        };
        (class, said, say::number(count.texts), say::number(count.serves), share)
    };
    RuleSaid {
        rule: rule.rule.clone(),
        path: encoded(&rule.rule),
        owner: rule.owner.clone().unwrap_or_default(),
        judged: say::counted(rule.judged.texts, "generation"),
        counts: vec![
            count("block", "would be blocked", rule.would_block),
            count("repair", "would be sent back", rule.would_send_back),
            count("repair", "would be corrected", rule.would_correct),
            count("note", "would be noted", rule.would_note),
        ],
        anyway: rule.blocked_anyway.texts,
        examples: rule
            .examples
            .iter()
            .map(|example| {
                let action = super::action(example.action);
                let text = marked(&example.text, example.start, example.end, action.class);
                let about = [Some(example.placement.as_str()), example.product.as_deref()];
                let about = about.into_iter().flatten().collect::<Vec<_>>().join(" · ");
                let about = format!("{about} · {}", say::counted(example.serves, "serve"));
                (action, example.generation.to_string(), text, visible(&example.message), about)
            })
            .collect(),
    }
}

#[derive(Deserialize)]
struct Days {
    days: u16,
}

async fn begin(State(shared): State<Arc<Shared>>, Form(reader, Days { days }): Form<Days>) -> Response {
    let made = (|| {
        reader.must_comply()?;
        let said = match shared.begin_shadow(&reader.name, days.clamp(1, LONGEST)) {
            Ok(_) => "Being counted.".to_owned(),
            Err(under_way) => {
                format!("{} began a count already; its answer comes first.", under_way.asked.by)
            }
        };
        let part = shadow(&shared, &reader)?;
        Ok(answered(&reader, part, &said, None, "/console/compliance/shadow"))
    })();
    page_or(&reader, made)
}
