//! Try it: what a page would get, and what the rules say of any text.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Number, Value};
use tokio::time::Instant;

use super::copy::{MarkedCopy, Note, Vouch};
use super::generation::Look;
use super::page::{Failed, Frame, Place, done, page_or, show};
use super::say::{self, Safe, visible};
use super::session::{Form, Reader};
use crate::app::Shared;
use crate::casefile::words;
use crate::catalogue;
use crate::condition::{Step, Truth};
use crate::guardrail::{Finding, Judgement, Subject, Supported, Verdict, support};
use crate::pipeline::{self, Given, HadWritten, Laid, Priority, ProductRef, Request, Standby, Trial};
use crate::policy::Policy;
use crate::segment::{Class, Declared, Outcome, Type};
use crate::words::{Locale, PlacementId, Reason, Source, Tier};

/// The longest text that is judged, in characters.
const MOST: usize = 20_000;
/// How many products are offered.
const OFFERED: u32 = 12;
/// How long a page waits for copy that somebody has written.
const WRITING: Duration = Duration::from_secs(10);
/// The most facts that are listed.
const FACTS: usize = 100;

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/console/try", get(page).post(judge))
        .route("/console/try/products", get(products))
        .route("/console/try/generation", post(write))
}

/// What somebody tries, as the page's address has it.
#[derive(Clone, Debug, Default)]
struct Tried {
    product: String,
    placement: String,
    locale: String,
    consent: bool,
    /// The attributes by their paths, as typed.
    attributes: BTreeMap<String, String>,
}

impl Tried {
    fn of(fields: Vec<(String, String)>) -> Self {
        let mut tried = Self::default();
        for (name, value) in fields {
            let value = value.trim().to_owned();
            match name.as_str() {
                "product" => tried.product = value,
                "placement" => tried.placement = value,
                "locale" => tried.locale = value,
                "consent" => tried.consent = value == "yes",
                path if !value.is_empty() && (path.starts_with("user.") || path.starts_with("context.")) => {
                    _ = tried.attributes.insert(name, value);
                }
                _ => {}
            }
        }
        tried
    }

    fn read(query: &str) -> Self {
        Self::of(serde_urlencoded::from_str(query).unwrap_or_default())
    }

    /// As it stands in the page's address.
    fn query(&self) -> String {
        let mut fields = vec![("placement", self.placement.as_str()), ("product", &self.product)];
        fields.push(("locale", &self.locale));
        fields.retain(|(_, value)| !value.is_empty());
        if self.consent {
            fields.push(("consent", "yes"));
        }
        fields.extend(self.attributes.iter().map(|(path, value)| (path.as_str(), value.as_str())));
        serde_urlencoded::to_string(fields).unwrap_or_default()
    }

    /// The address of the page.
    fn address(&self) -> String {
        format!("/console/try?{}", self.query())
    }

    /// The request that a page would send; what cannot be meant is told and left out.
    fn request(&self, policy: &Policy) -> (Request, Vec<String>) {
        let (mut user, mut context, mut faults) = (Map::new(), Map::new(), Vec::new());
        for declared in offered(policy) {
            let Some(typed) = self.attributes.get(&declared.path) else { continue };
            match value(declared, typed) {
                Err(fault) => faults.push(format!("{}: {fault}", declared.path)),
                Ok(value) => match declared.path.split_once('.') {
                    Some(("user", path)) => put(&mut user, path, value),
                    Some((_, path)) => put(&mut context, path, value),
                    None => {}
                },
            }
        }
        match Locale::parse(&self.locale) {
            Some(_) => _ = context.insert("locale".to_owned(), self.locale.clone().into()),
            None if self.locale.is_empty() => {}
            None => faults
                .push("Locale: write a language, such as de, or one with a country, such as en-GB.".into()),
        }
        let request = Request {
            placement: PlacementId::new(self.placement.clone()),
            product: ProductRef::Id(self.product.clone()),
            user_id: None,
            user,
            context,
            personalisation: self.consent,
            deadline: None,
            received: Instant::now(),
            may_generate: false,
            accept: None,
            best: Tier::User,
            priority: Priority::Page,
            trace_id: None,
        };
        (request, faults)
    }
}

/// The attributes that a form asks for. What says who somebody is, or is nobody's business, is not typed here: it would stand
/// in the page's address.
fn offered(policy: &Policy) -> impl Iterator<Item = &Declared> {
    let all = policy.copy.segments.attributes.iter();
    all.filter(|declared| !matches!(declared.class, Class::Personal | Class::Special))
        .filter(|declared| declared.path.starts_with("user.") || declared.path.starts_with("context."))
        .filter(|declared| declared.path != "context.locale")
}

/// Puts a value below a path of names with points between them.
fn put(map: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => _ = map.insert(path.to_owned(), value),
        Some((first, rest)) => {
            let below = map.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(below) = below {
                put(below, rest, value);
            }
        }
    }
}

/// What somebody typed, as a value of its type.
fn value(declared: &Declared, typed: &str) -> Result<Value, &'static str> {
    match declared.kind {
        Type::String | Type::Date => Ok(typed.into()),
        Type::Integer => typed.parse::<i64>().map(Value::from).map_err(|_| "write a whole number."),
        Type::Number => {
            let number = typed.parse().ok().and_then(Number::from_f64);
            number.map(Value::Number).ok_or("write a number, such as 0.8.")
        }
        Type::Boolean => match typed {
            "yes" => Ok(true.into()),
            "no" => Ok(false.into()),
            _ => Err("choose yes or no."),
        },
        Type::List | Type::Map => {
            serde_json::from_str(typed).map_err(|_| "write JSON, such as [\"a\", \"b\"] or {\"a\": 1}.")
        }
    }
}

/// One attribute that a form asks for.
struct Field {
    path: String,
    /// What a value looks like.
    like: &'static str,
    /// The values to choose from; none where any can be typed.
    choices: Vec<String>,
    typed: String,
}

impl Field {
    fn of(declared: &Declared, tried: &Tried) -> Self {
        let (like, choices): (_, Vec<String>) = match declared.kind {
            Type::Boolean => ("", vec!["yes".to_owned(), "no".to_owned()]),
            Type::Integer => ("whole number", Vec::new()),
            Type::Number => ("number, such as 0.8", Vec::new()),
            Type::Date => ("date, such as 2026-11-20", Vec::new()),
            Type::List => ("[\"a\", \"b\"]", Vec::new()),
            Type::Map => ("{\"a\": 1}", Vec::new()),
            Type::String => ("", declared.values.clone()),
        };
        let typed = tried.attributes.get(&declared.path).cloned().unwrap_or_default();
        Self { path: declared.path.clone(), like, choices, typed }
    }
}

/// A product that was found.
struct Found {
    id: String,
    name: Safe,
    address: String,
}

/// A segment as it came out.
struct SegmentSeen {
    id: String,
    chosen: bool,
    meaning: &'static str,
    said: &'static str,
    steps: Vec<StepSeen>,
}

struct StepSeen {
    path: String,
    operator: String,
    expected: String,
    actual: String,
    meaning: &'static str,
    said: &'static str,
}

/// A message of the prompt.
struct Said {
    role: String,
    content: Safe,
}

/// The copy that a page would show, with what the rules note.
struct ShownSeen {
    is_empty: bool,
    look: Look,
    badge: &'static str,
    source: &'static str,
    reason: Option<&'static str>,
    generation: Option<String>,
    template: Option<String>,
}

/// What the page tells of a request.
struct Results {
    /// Whether the prompt is left out, as only reviewers see what goes into one.
    withheld: bool,
    shown: ShownSeen,
    segment: String,
    segments: Vec<SegmentSeen>,
    below: Vec<SegmentSeen>,
    template: Option<String>,
    locale: String,
    tier: &'static str,
    reason: Option<&'static str>,
    ladder: Vec<String>,
    ignored: Vec<String>,
    key: Option<String>,
    fault: Option<String>,
    messages: Vec<Said>,
    prewritten: Vec<(String, String, bool)>,
    product: Option<Safe>,
    facts: Vec<(String, Safe)>,
    may_write: bool,
}

#[derive(Template)]
#[template(path = "try_it.html")]
struct TryIt {
    frame: Frame,
    token: String,
    tried: Tried,
    query: String,
    placements: Vec<String>,
    fields: Vec<Field>,
    any_typed: bool,
    faults: Vec<String>,
    /// Products that were meant, where no id was typed.
    found: Option<Vec<Found>>,
    results: Option<Results>,
    text: String,
    judged: Option<Judged>,
}

/// What the rules say of a pasted text.
#[derive(Template)]
#[template(path = "try_it_judged.html")]
pub(super) struct Judged {
    badge: &'static str,
    verdict: &'static str,
    look: Look,
    fixed: Option<MarkedCopy>,
    about: Option<Safe>,
    empty: bool,
}

/// What came of having copy written.
#[derive(Template)]
#[template(path = "try_it_written.html")]
struct WrittenPart {
    badge: &'static str,
    word: &'static str,
    said: String,
    generation: Option<String>,
    shown: Option<ShownSeen>,
    again: bool,
    query: String,
}

async fn page(
    reader: Reader,
    State(shared): State<Arc<Shared>>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    let says_nothing = fields.iter().any(|(_, value)| value.is_empty());
    let tried = Tried::of(fields);
    // A form sends all of its fields; in the address stand those that say something.
    let address = tried.address();
    if says_nothing && !reader.part {
        return Redirect::to(&address).into_response();
    }
    let part = reader.part;
    let mut response = page_or(&reader, made(&reader, &shared, tried, String::new(), None).await);
    if let Ok(address) = HeaderValue::from_str(&address)
        && part
    {
        response.headers_mut().insert("hx-push-url", address);
    }
    response
}

/// The whole page.
async fn made(
    reader: &Reader,
    shared: &Arc<Shared>,
    mut tried: Tried,
    text: String,
    judged: Option<Judged>,
) -> Result<Response, Failed> {
    let policy = shared.desk.pin();
    let placements: Vec<String> =
        policy.copy.prompts.placements().map(|placement| placement.id.to_string()).collect();
    if tried.placement.is_empty() {
        tried.placement = placements.first().cloned().unwrap_or_default();
    }
    let (request, faults) = tried.request(&policy);
    let (mut results, mut found) = (None, None);
    if !tried.product.is_empty() {
        match pipeline::trial(&shared.parts, &policy, &request).await {
            None => return Err(Failed::Missing("There is no such placement.".to_owned())),
            Some(trial) if trial.product.is_err() => found = Some(search(shared, &tried).await?),
            Some(trial) => {
                let mut seen = results_of(&policy, &trial, &request);
                seen.may_write &= reader.reviews();
                if !reader.reviews() {
                    seen.messages.clear();
                    seen.withheld = true;
                }
                results = Some(seen);
            }
        }
    }
    Ok(show(&TryIt {
        frame: Frame::of(reader, Place::TryIt, "Try it"),
        token: reader.token.clone(),
        query: tried.query(),
        fields: offered(&policy).map(|declared| Field::of(declared, &tried)).collect(),
        any_typed: !tried.attributes.is_empty(),
        placements,
        faults,
        found,
        results,
        text,
        judged,
        tried,
    }))
}

async fn search(shared: &Shared, tried: &Tried) -> Result<Vec<Found>, Failed> {
    let found = catalogue::search(&shared.store, &tried.product, OFFERED).await?;
    let of = |(id, facts): (String, Map<String, Value>)| {
        let name = visible(facts.get("name").and_then(Value::as_str).unwrap_or_default());
        let address = Tried { product: id.clone(), ..tried.clone() }.address();
        Found { id, name, address }
    };
    Ok(found.into_iter().map(of).collect())
}

/// The products offered to whoever types.
#[derive(Template)]
#[template(path = "try_it_products.html")]
struct Offered {
    found: Vec<Found>,
}

async fn products(
    reader: Reader,
    State(shared): State<Arc<Shared>>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    let found = search(&shared, &Tried::of(fields)).await;
    page_or(&reader, found.map(|found| show(&Offered { found })))
}

/// What somebody wants to have written.
#[derive(Deserialize)]
struct Write {
    about: String,
}

async fn write(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Form(reader, Write { about }): Form<Write>,
) -> Response {
    if let Err(failed) = reader.must_review() {
        return page_or(&reader, Err(failed));
    }
    let tried = Tried::read(&about);
    let policy = shared.desk.pin();
    let (request, _) = tried.request(&policy);
    let deadline = Instant::now() + WRITING;
    let had = pipeline::have_written(&shared.parts, &policy, &request, deadline).await;
    let Some(had) = had else {
        return page_or(&reader, Err(Failed::Missing("There is no such placement.".to_owned())));
    };
    if !headers.contains_key("hx-request") {
        return Redirect::to(&tried.address()).into_response();
    }
    let (badge, word, said, generation) = match had {
        HadWritten::Passed(id) => ("pass", "passed", "It is written and may be shown.".to_owned(), Some(id)),
        HadWritten::Without(reason, id) => ("block", "no copy", words::reason(reason).to_owned(), id),
        HadWritten::Pending => ("note", "being written", "It takes its time.".to_owned(), None),
    };
    let trial = pipeline::trial(&shared.parts, &policy, &request).await;
    // Why it is no better is said above it.
    let shown = trial.map(|trial| ShownSeen { reason: None, ..shown_of(&trial) });
    let again = had == HadWritten::Pending;
    let part = WrittenPart {
        badge,
        word,
        said: said.clone(),
        generation: generation.map(|id| id.to_string()),
        shown,
        again,
        query: tried.query(),
    };
    done(show(&part), &said, None)
}

/// A text that somebody pasted, and what it is about.
#[derive(Deserialize)]
struct Pasted {
    text: String,
    #[serde(default)]
    about: String,
}

async fn judge(State(shared): State<Arc<Shared>>, Form(reader, pasted): Form<Pasted>) -> Response {
    let made = judged(&shared, &pasted).await;
    if reader.part {
        return made.map_or_else(IntoResponse::into_response, |judged| show(&judged));
    }
    let tried = Tried::read(&pasted.about);
    match made {
        Err(failed) => failed.page(&reader),
        Ok(judged) => page_or(&reader, self::made(&reader, &shared, tried, pasted.text, Some(judged)).await),
    }
}

async fn judged(shared: &Arc<Shared>, pasted: &Pasted) -> Result<Judged, Failed> {
    if pasted.text.chars().count() > MOST {
        let most = say::number(MOST as u64);
        return Err(Failed::Malformed(format!("The text is longer than {most} characters.")));
    }
    let tried = Tried::read(&pasted.about);
    let policy = shared.desk.pin();
    let (request, _) = tried.request(&policy);
    let product = match tried.product.as_str() {
        "" => None,
        id => shared.parts.catalogue.look_up(id).await?,
    };
    let facts = product.as_ref().and_then(|product| product.facts.as_object()).cloned().unwrap_or_default();
    let about = facts.get("name").and_then(Value::as_str).map(visible);
    let given = Given {
        text: pasted.text.clone(),
        facts,
        context: request.context,
        inputs: Map::new(),
        placement: Some(tried.placement.clone()).filter(|placement| !placement.is_empty()),
        locale: None,
    };
    let place = shared.judging.enter();
    let place = place.ok_or_else(|| Failed::NotNow("Too many texts are being judged.".to_owned()))?;
    let (at, stops) = ((shared.parts.now)(), shared.parts.stops.pin());
    let vouched = |policy: &Policy, subject: &Subject<'_>| support(&policy.guardrails, subject);
    let checked = pipeline::check(&policy, stops, place, at, given, vouched).await;
    let (judgement, supported) =
        checked.ok_or_else(|| Failed::NotNow("The text could not be judged.".to_owned()))?;
    Ok(judged_of(&pasted.text, &tried.locale, &judgement, &supported, about))
}

/// A text with what was found in it and what vouches for it.
fn looked_at(text: &str, locale: &str, findings: &[Finding], supported: &[Supported]) -> Look {
    let notes = Note::all_judged(findings);
    Look {
        copy: Some(MarkedCopy::of(text, locale, &notes, supported)),
        vouches: supported.iter().map(Vouch::of).collect(),
        notes,
        ..Look::default()
    }
}

fn judged_of(
    text: &str,
    locale: &str,
    judgement: &Judgement,
    supported: &[Supported],
    about: Option<Safe>,
) -> Judged {
    let (badge, verdict) = match judgement.verdict {
        Verdict::Pass => ("pass", "passes"),
        Verdict::Fix => ("note", "passes once corrected"),
        Verdict::Repair => ("repair", "would be sent back to the model"),
        Verdict::Block => ("block", "blocked"),
    };
    Judged {
        badge,
        verdict,
        look: looked_at(text, locale, &judgement.findings, supported),
        fixed: judgement.fixed.as_deref().map(|fixed| MarkedCopy::of(fixed, locale, &[], &[])),
        about,
        empty: text.trim().is_empty(),
    }
}

fn shown_of(trial: &Trial) -> ShownSeen {
    let shown = &trial.shown;
    let (badge, source) = match shown.source {
        Source::Generated | Source::Cache => ("pass", words::source(Source::Cache)),
        Source::Prewritten => ("note", words::source(Source::Prewritten)),
        Source::None => ("block", words::source(Source::None)),
    };
    ShownSeen {
        is_empty: shown.text.is_empty(),
        look: looked_at(&shown.text, &shown.locale, &shown.findings, &[]),
        badge,
        source,
        reason: shown.reason.map(|reason| match reason {
            Reason::NotAdmitted => "Nothing is written for this yet; a page that asks may have it written.",
            other => words::reason(other),
        }),
        generation: shown.generation.map(|id| id.to_string()),
        template: shown.template.as_ref().map(ToString::to_string),
    }
}

fn results_of(policy: &Policy, trial: &Trial, request: &Request) -> Results {
    let Laid { explanation, asked, prewritten } = &trial.laid;
    let chosen = explanation.segment.as_str();
    let seen =
        |outcome: &Outcome| SegmentSeen { chosen: outcome.segment.as_str() == chosen, ..segment_of(outcome) };
    // What stands below the one chosen decides nothing.
    let asked_of = explanation.segments.iter().position(|outcome| outcome.segment.as_str() == chosen);
    let (segments, below) =
        explanation.segments.split_at(asked_of.map_or(explanation.segments.len(), |at| at + 1));
    let (key, messages, fault) = match asked {
        None => (None, Vec::new(), None),
        Some(asked) => match &asked.prompt {
            Ok(prompt) => (Some(asked.key.to_string()), prompt.messages.clone(), None),
            Err(fault) => (Some(asked.key.to_string()), Vec::new(), Some(fault.to_string())),
        },
    };
    let role = |role| serde_json::to_value(role).ok().and_then(|role| role.as_str().map(str::to_owned));
    let messages = messages.into_iter().map(|message| Said {
        role: role(message.role).unwrap_or_default(),
        content: visible(&message.content),
    });
    let product = trial.product.as_ref().ok();
    let facts = product.and_then(|product| product.facts.as_object());
    let mut lines = Vec::new();
    facts.into_iter().for_each(|facts| flat("", facts, &mut lines));
    let generated = matches!(trial.shown.source, Source::Generated | Source::Cache);
    let mut results = Results {
        withheld: false,
        shown: shown_of(trial),
        segment: chosen.to_owned(),
        segments: segments.iter().map(seen).collect(),
        below: below.iter().map(seen).collect(),
        template: explanation.template.clone(),
        locale: explanation.locale.clone(),
        tier: words::tier(explanation.tier),
        reason: explanation.reason.map(words::reason),
        ladder: ladder(trial),
        ignored: explanation.ignored.clone(),
        may_write: asked.is_some() && fault.is_none() && !generated,
        key,
        fault,
        messages: messages.collect(),
        prewritten: prewritten
            .iter()
            .map(|Standby { rung, passes }| {
                let of = match &rung.template {
                    Some(template) => format!("of the template {template}, in {}", rung.locale),
                    None => format!("last resort, in {}", rung.locale),
                };
                (of, rung.text.clone(), *passes)
            })
            .collect(),
        product: facts.and_then(|facts| facts.get("name")?.as_str().map(visible)),
        facts: lines,
    };
    if !request.personalisation && !request.user.is_empty() {
        results
            .ignored
            .push("Nothing of the visitor was read: they have not agreed to personalisation.".into());
    }
    let named = policy.copy.segments.iter().find(|segment| segment.id.as_str() == chosen);
    if let Some(named) = named {
        results.segment = named.name.clone();
    }
    results
}

/// How far copy may go, in sentences.
fn ladder(trial: &Trial) -> Vec<String> {
    let ladder = &trial.laid.explanation.ladder;
    let mode = serde_json::to_value(ladder.mode).ok().and_then(|mode| mode.as_str().map(str::to_owned));
    let mut said = vec![match mode.as_deref() {
        Some("live") => "The placement allows copy for one visitor.".to_owned(),
        Some("segment") => "The placement allows one text for each segment and product.".to_owned(),
        _ => "The placement allows pre-written copy alone.".to_owned(),
    }];
    if ladder.approval {
        said.push(words::TO_APPROVE.to_owned());
    }
    if ladder.ceiling.is_some() {
        said.push("Compliance sets a ceiling over it.".to_owned());
    }
    for (lot, inside, outside) in [
        (&ladder.rollout, "rolled out to", "The rest gets the kind of copy below."),
        (&ladder.holdout, "held out for comparison", "The rest is not."),
    ] {
        if lot.share > 0.0 && lot.share < 1.0 {
            let here = if lot.inside { "This visitor is inside." } else { "This visitor is outside." };
            said.push(format!("{:.0}% of visitors are {inside}. {outside} {here}", lot.share * 100.0));
        }
    }
    said
}

/// Facts by their paths, each as a page shows it.
fn flat(above: &str, facts: &Map<String, Value>, lines: &mut Vec<(String, Safe)>) {
    for (name, value) in facts {
        if lines.len() >= FACTS {
            return;
        }
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match value {
            Value::Object(below) => flat(&path, below, lines),
            Value::Null => {}
            Value::String(text) => lines.push((path, visible(text))),
            other => lines.push((path, visible(&other.to_string()))),
        }
    }
}

fn segment_of(outcome: &Outcome) -> SegmentSeen {
    let step = |step: &Step| StepSeen {
        path: step.path.clone(),
        operator: words::operator(step.operator).to_owned(),
        expected: plain(&step.expected),
        actual: step.actual.as_ref().map_or_else(|| "not known".to_owned(), plain),
        meaning: meaning(step.outcome),
        said: match step.outcome {
            Truth::True => "holds",
            Truth::False => "does not",
            Truth::Unknown => "unknown",
        },
    };
    SegmentSeen {
        id: outcome.segment.to_string(),
        chosen: false,
        meaning: meaning(outcome.outcome),
        said: words::matched(outcome.outcome.as_str()),
        steps: outcome.conditions.iter().map(step).collect(),
    }
}

fn meaning(truth: Truth) -> &'static str {
    match truth {
        Truth::True => "pass",
        Truth::False => "plain",
        Truth::Unknown => "note",
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
