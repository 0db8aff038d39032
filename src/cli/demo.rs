//! `copyrail demo`: the whole service on a simulated LLM, over real HTTP, with a few real requests shown.

mod shop;
mod show;
mod story;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::output::at;
use super::{Failure, Format, Shell, keys};
use crate::app::{App, StartError};
use crate::config;
use crate::simulate;
use crate::store::keys::Role;
use crate::telemetry;
use story::{Scene, Told};

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail demo --once",
    after_help = "Takes the shop in the working directory (config/, prompts/, guardrails/), or the one built in. Everything it writes \
    goes into a fresh folder that is gone afterwards; it listens on a free port of loopback."
)]
pub(super) struct Demo {
    /// A catalogue of your own: JSON Lines with `id` or `product_id`, and `name`
    #[arg(long, value_name = "F")]
    catalog: Option<PathBuf>,
    /// Show the requests and exit
    #[arg(long)]
    once: bool,
    /// How to write it; json needs --once
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The keys of a demo's people and systems.
struct DemoKeys {
    serve: String,
    review: String,
    compliance: String,
    /// Signs in to the console, where it may do everything.
    admin: String,
}

pub(super) async fn run(args: Demo, shell: &mut Shell) -> Result<(), Failure> {
    if args.format == Format::Json && !args.once {
        return Err(Failure::Usage("--format json needs --once".into()));
    }
    let filter = shell.environment.get("COPYRAIL_LOG").map_or("error", String::as_str);
    let _telemetry = telemetry::start(filter, false, shell.out.colour_talk, None)
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let folder = tempfile::Builder::new().prefix("copyrail-demo-").tempdir()?;
    let products = shop::products(args.catalog.as_deref())?;
    let scenes = story::scenes(&products, (shell.now)());
    let simulator = simulate::start(([127, 0, 0, 1], 0).into(), story::script(&scenes)?, 1).await?;
    let settings = settings(folder.path(), &simulator.base_url())?;
    shop::import(&settings, &products).await?;
    let now = (shell.now)();
    let make = |role, name| keys::make(&settings, role, name, Vec::new(), None, now);
    let demo_keys = DemoKeys {
        serve: make(Role::Serve, "demo pages").await?,
        review: make(Role::Review, "demo reviewer").await?,
        compliance: make(Role::Compliance, "demo compliance").await?,
        admin: make(Role::Admin, "demo visitor").await?,
    };
    let app = match App::start(settings, Arc::clone(&shell.now)).await {
        Ok(app) => app,
        Err(StartError::Policy(faults)) => {
            shell.say(&faults, |file| std::fs::read_to_string(file).ok());
            shell
                .out
                .error("the shop in the working directory is faulty; mend the faults above and try again");
            return Err(Failure::NotInOrder);
        }
        Err(StartError::Other(error)) => return Err(Failure::Failed(error)),
    };
    let base = format!("http://{}", app.address);
    if args.format == Format::Text {
        show::opening(&shell.out, products.lines.len(), args.catalog.as_deref(), &app)?;
    }
    let mut told = Vec::new();
    for scene in &scenes {
        let one = tell(&base, &demo_keys, scene).await?;
        if args.format == Format::Text {
            show::scene(&shell.out, scene, &one)?;
        }
        told.push(one);
    }
    if args.format == Format::Json {
        let answers: Vec<Value> =
            told.iter().map(|one| json!({"request": one.request, "answer": one.answer})).collect();
        shell.out.line(&json!({ "answers": answers }).to_string())?;
    } else {
        show::closing(&shell.out, &told, simulator.calls())?;
    }
    if !args.once {
        let stopped = super::serve::stop_asked()?;
        fill(&base, &demo_keys, &products).await?;
        show::addresses(&shell.out, &base, &demo_keys)?;
        stopped.await;
    }
    app.stop().await;
    simulator.stop().await;
    Ok(())
}

fn settings(folder: &std::path::Path, llm: &str) -> Result<config::Settings, Failure> {
    let below = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let mut environment = std::collections::BTreeMap::from([
        ("COPYRAIL__LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("COPYRAIL__DATA__DIR".to_owned(), below("data")),
        ("COPYRAIL__STORE__URL".to_owned(), format!("sqlite:{}", below("data/copyrail.db"))),
        ("OPENAI_BASE_URL".to_owned(), llm.to_owned()),
        ("OPENAI_MODEL".to_owned(), "simulated".to_owned()),
    ]);
    if !shop::in_working_directory() {
        shop::unpack(folder)?;
        for (variable, path) in
            [("SEGMENTS", "config/segments.yml"), ("PROMPTS", "prompts"), ("GUARDRAILS", "guardrails")]
        {
            environment.insert(format!("COPYRAIL__POLICY__{variable}"), below(path));
        }
    }
    let (settings, faults) = config::load(None, &environment);
    settings.ok_or_else(|| anyhow::anyhow!("the demo's settings are faulty: {faults:?}").into())
}

/// Fills the console: a morning's requests, a few decisions of a reviewer, and a stop.
async fn fill(base: &str, keys: &DemoKeys, products: &shop::Products) -> Result<(), Failure> {
    let client = client()?;
    let send = async |path: &str, key: &str, body: &Value| {
        let sent = client.post(format!("{base}{path}")).bearer_auth(key).json(body).send().await;
        sent.map(drop).map_err(anyhow::Error::from)
    };
    for request in story::morning(products) {
        send("/v1/blurbs", &keys.serve, &request).await?;
    }
    let url = format!("{base}/v1/generations?placement=why-this&outcome=passed&limit=3");
    let response = client.get(url).bearer_auth(&keys.review).send().await.map_err(anyhow::Error::from)?;
    let page: Value = response.json().await.map_err(anyhow::Error::from)?;
    let decisions = [
        json!({"action": "approve", "note": "Reads well."}),
        json!({"action": "flag", "note": "Is the second sentence needed?"}),
        json!({"action": "reject", "note": "Says nothing that the picture does not."}),
    ];
    for (one, decision) in at(&page, "/items").as_array().into_iter().flatten().zip(&decisions) {
        let id = at(one, "/id").as_str().unwrap_or_default();
        send(&format!("/v1/generations/{id}/reviews"), &keys.review, decision).await?;
    }
    let stop = json!({"phrase": "best ever", "reason": "A complaint: nobody can prove it."});
    Ok(send("/v1/stops", &keys.compliance, &stop).await?)
}

fn client() -> Result<reqwest::Client, Failure> {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(40)).build();
    client.map_err(|error| anyhow::Error::from(error).into())
}

/// Sends one scene's request as a page would, and asks the log what became of it as a reviewer would.
async fn tell(base: &str, keys: &DemoKeys, scene: &Scene) -> Result<Told, Failure> {
    let client = client()?;
    if scene.after_the_pending_one {
        wait_until_written(&client, base, keys, scene).await?;
    }
    let started = tokio::time::Instant::now();
    let response =
        client.post(format!("{base}/v1/blurbs")).bearer_auth(&keys.serve).json(&scene.request).send().await;
    let answer: Value = response.map_err(anyhow::Error::from)?.json().await.map_err(anyhow::Error::from)?;
    let took = started.elapsed();
    let finding =
        if at(&answer, "/reason") == "guardrail" { finding(&client, base, keys, scene).await? } else { None };
    Ok(Told { request: scene.request.clone(), answer, took, finding })
}

/// The generation for a page that could not wait ends in the background; its record says when.
async fn wait_until_written(
    client: &reqwest::Client,
    base: &str,
    keys: &DemoKeys,
    scene: &Scene,
) -> Result<(), Failure> {
    for _ in 0..200 {
        if !generations(client, base, keys, scene, "passed").await?.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// What a guardrail found in the text that was not shown, as the log tells a reviewer.
async fn finding(
    client: &reqwest::Client,
    base: &str,
    keys: &DemoKeys,
    scene: &Scene,
) -> Result<Option<Value>, Failure> {
    let Some(summary) = generations(client, base, keys, scene, "blocked").await?.into_iter().next() else {
        return Ok(None);
    };
    let id = at(&summary, "/id").as_str().unwrap_or_default();
    let url = format!("{base}/v1/generations/{id}");
    let response = client.get(url).bearer_auth(&keys.review).send().await.map_err(anyhow::Error::from)?;
    Ok(Some(response.json().await.map_err(anyhow::Error::from)?))
}

async fn generations(
    client: &reqwest::Client,
    base: &str,
    keys: &DemoKeys,
    scene: &Scene,
    outcome: &str,
) -> Result<Vec<Value>, Failure> {
    let product = at(&scene.request, "/product/id").as_str().unwrap_or_default();
    let product: String = product.bytes().map(|b| format!("%{b:02X}")).collect();
    let url = format!("{base}/v1/generations?product={product}&outcome={outcome}&limit=1");
    let response = client.get(url).bearer_auth(&keys.review).send().await.map_err(anyhow::Error::from)?;
    let page: Value = response.json().await.map_err(anyhow::Error::from)?;
    Ok(at(&page, "/items").as_array().cloned().unwrap_or_default())
}
