//! `copyrail render`.

use std::sync::Arc;

use clap::Args;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::output::{Paint, safe};
use super::{ConfigArgs, Failure, Format, Shell};
use crate::catalogue::{self, Product};
use crate::pipeline::{Asked, Case, Laid, Priority, ProductRef, Request};
use crate::policy::{self, Policy};
use crate::prompt::Placement;
use crate::store::{Access, Store};
use crate::words::Tier;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail render --placement why-this --product '{\"name\": \"Lumo lamp\"}' \\\n    \
    --attributes '{\"user\": {\"orders_90d\": 2}, \"context\": {\"locale\": \"de\"}}'",
    after_help = "Calls no model and records nothing. The user counts as having agreed to personalisation."
)]
pub(super) struct Render {
    /// The placement
    #[arg(long, value_name = "P")]
    placement: String,
    /// A product's id in the catalogue, or its facts as JSON
    #[arg(long, value_name = "ID")]
    product: String,
    /// What is known, as JSON: {"user": {…}, "context": {…}}; other keys count as the user's, and `id` is their reference
    #[arg(long, value_name = "J")]
    attributes: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Render, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let now = (shell.now)();
    let policy = Arc::new(load_policy(&settings, shell)?);
    let product = product(&args.product, &settings.store_url).await?;
    let (mut user, context) = attributes(args.attributes.as_deref())?;
    // As in a request, `id` is the shop's reference of the user and no attribute.
    let user_id = user.remove("id").and_then(|id| id.as_str().map(str::to_owned));
    let user_id = user_id.filter(|id| !id.is_empty());
    let placement = placement(&policy, &args.placement)?;
    let request = Request { user_id, user, context, ..request(placement, &product) };
    let case = Case::of(&policy, Arc::default(), placement, &request, Ok(Arc::clone(&product)), now);
    let models =
        settings.providers.iter().map(|provider| provider.model.as_str()).collect::<Vec<_>>().join("\n");
    let Laid { explanation, asked, prewritten } = Laid::of(&case, &models);
    for standby in prewritten.iter().take_while(|standby| !standby.passes) {
        shell.out.talk(&format!("withdrawn by the guardrails: {}", safe(&standby.rung.text)));
    }
    let prewritten = prewritten.into_iter().find(|standby| standby.passes);
    let prewritten = prewritten.map(|standby| standby.rung.text).unwrap_or_default();
    if args.format == Format::Json {
        let (key, messages, fault) = match &asked {
            None => (None, None, None),
            Some(Asked { key, prompt: Ok(prompt) }) => (Some(key.to_string()), Some(&prompt.messages), None),
            Some(Asked { key, prompt: Err(fault) }) => (Some(key.to_string()), None, Some(fault.to_string())),
        };
        let value = json!({
            "placement": args.placement, "segment": explanation.segment, "template": explanation.template,
            "locale": explanation.locale, "tier": explanation.tier, "reason": explanation.reason, "ladder": explanation.ladder,
            "key": key, "messages": messages, "fault": fault, "prewritten": prewritten, "revision": policy.revision,
        });
        return Ok(shell.out.line(&value.to_string())?);
    }
    let heading = |title: &str| shell.out.paint(Paint::Strong, title);
    shell.out.line(&format!("{}   {}", heading("segment"), explanation.segment))?;
    shell.out.line(&format!(
        "{}  {}",
        heading("template"),
        explanation.template.as_deref().unwrap_or("none in this language")
    ))?;
    shell.out.line(&format!("{}    {}", heading("locale"), explanation.locale))?;
    for ignored in &explanation.ignored {
        shell.out.talk(&format!("left out: {ignored}"));
    }
    match asked {
        None => shell.out.line("nothing is asked: this placement serves pre-written copy here")?,
        Some(Asked { key, prompt: Err(fault) }) => {
            shell.out.line(&format!("{}       {key}", heading("key")))?;
            shell.out.error(&format!("the template cannot be rendered for this product: {fault}"));
            return Err(Failure::NotInOrder);
        }
        Some(Asked { key, prompt: Ok(prompt) }) => {
            shell.out.line(&format!("{}       {key}", heading("key")))?;
            for message in prompt.messages {
                let role = json!(message.role);
                shell.out.line(&format!(
                    "\n{}",
                    shell.out.paint(Paint::Accent, role.as_str().unwrap_or_default())
                ))?;
                for line in message.content.lines() {
                    shell.out.line(&safe(line))?;
                }
            }
        }
    }
    shell.out.line(&format!("\n{}", shell.out.paint(Paint::Accent, "pre-written")))?;
    Ok(shell.out.line(&safe(&prewritten))?)
}

/// A placement by its id.
pub(super) fn placement<'p>(policy: &'p Policy, id: &str) -> Result<&'p Placement, Failure> {
    let known = || policy.copy.prompts.placements().map(|placement| placement.id.as_str());
    policy.copy.prompts.placement(id).ok_or_else(|| {
        let known: Vec<&str> = known().collect();
        Failure::Usage(format!("there is no placement `{id}`; there are {}", known.join(", ")))
    })
}

/// A request of somebody who agreed to personalisation and of whom nothing is known, that may start no generation.
pub(super) fn request(placement: &Placement, product: &Arc<Product>) -> Request {
    Request {
        placement: placement.id.clone(),
        product: ProductRef::Facts(Arc::clone(product)),
        user_id: None,
        user: Map::new(),
        context: Map::new(),
        personalisation: true,
        deadline: None,
        received: Instant::now(),
        may_generate: false,
        accept: None,
        best: Tier::User,
        priority: Priority::Page,
        trace_id: None,
    }
}

/// The policy of the files as they are; its faults are shown.
pub(super) fn load_policy(settings: &crate::config::Settings, shell: &Shell) -> Result<Policy, Failure> {
    let source = |file: &str| std::fs::read_to_string(file).ok();
    let refused = |faults: &[crate::diagnostic::Diagnostic]| {
        shell.say(faults, source);
        Failure::NotInOrder
    };
    let sources = policy::Sources::read(&settings.policy);
    let now = (shell.now)();
    match policy::Desk::open(settings.policy.clone(), sources, Default::default(), now) {
        Ok((desk, _)) => {
            Arc::into_inner(desk.into_policy()).ok_or_else(|| anyhow::anyhow!("the policy is in use").into())
        }
        Err(faults) => Err(refused(&faults)),
    }
}

/// A product by its id in the catalogue, or from facts as JSON.
pub(super) async fn product(given: &str, store_url: &str) -> Result<Arc<Product>, Failure> {
    if given.trim_start().starts_with('{') {
        let facts: Value =
            serde_json::from_str(given).map_err(|error| Failure::Usage(format!("--product: {error}")))?;
        return Ok(Arc::new(
            Product::inline(facts).map_err(|error| Failure::Usage(format!("--product: {error}")))?,
        ));
    }
    let store = Store::open(store_url, Access::ReadOnly).await?;
    let found = catalogue::look_up(&store, given).await?;
    found.map(Arc::new).ok_or_else(|| {
        Failure::Failed(anyhow::anyhow!(
            "the catalogue holds no product `{given}`; `copyrail catalog import` fills it"
        ))
    })
}

/// What is known of the user and of the moment.
pub(super) type Attributes = (Map<String, Value>, Map<String, Value>);

/// `{"user": {…}, "context": {…}}`; any other key is the user's.
pub(super) fn attributes(given: Option<&str>) -> Result<Attributes, Failure> {
    let mut all: Map<String, Value> = match given {
        None => Map::new(),
        Some(text) => {
            let example = r#"write a JSON object, such as {"user": {"orders_90d": 2}}"#;
            serde_json::from_str(text)
                .map_err(|error| Failure::Usage(format!("--attributes: {example} ({error})")))?
        }
    };
    let mut part = |key: &str| match all.remove(key) {
        None => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(_) => Err(Failure::Usage(format!("--attributes: write an object below `{key}`"))),
    };
    let (mut user, context) = (part("user")?, part("context")?);
    user.extend(all);
    Ok((user, context))
}
