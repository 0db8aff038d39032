//! `copyrail policy rollback`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::super::output::{Paint, safe};
use super::super::{ConfigArgs, Failure, Format, Shell};
use crate::policy::Set;
use crate::policy::rollback::{RollbackError, carry_out, plan};
use crate::store::{Access, Store};

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail policy rollback 4f2a91 --reason \"The new rules block the offer\" --by jo",
    after_help = "Puts back in force what was in force before; a running service does so within two seconds. It holds, through \
    restarts, until the files on disk are others. Where `[policy] approvals` asks for second persons, guardrails wait for them."
)]
pub(super) struct Rollback {
    /// A revision of the policy, of its guardrails or of its prompts, or the beginning of one
    #[arg(value_name = "REVISION")]
    revision: String,
    /// Only one of the two sets
    #[arg(long, value_name = "SET")]
    set: Option<Which>,
    /// Why
    #[arg(long, value_name = "R")]
    reason: String,
    /// Who does it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    // The words speak for themselves.
    Guardrails,
    Prompts,
}

pub(super) async fn run(args: Rollback, shell: &mut Shell) -> Result<(), Failure> {
    let (by, reason) = (args.by.trim(), args.reason.trim());
    if by.is_empty() || reason.is_empty() {
        return Err(Failure::Usage("a rollback needs a reason and somebody who does it".into()));
    }
    let only = args.set.map(|which| match which {
        Which::Guardrails => Set::Guardrails,
        Which::Prompts => Set::Prompts,
    });
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let now = (shell.now)();
    let planned = plan(&store, &settings.policy, (&args.revision, only), None, now).await;
    let plan = match planned {
        Ok(plan) => plan,
        Err(error) => {
            if let RollbackError::Faulty(diagnostics) = &error {
                shell.say(diagnostics, |_| None);
            }
            return Err(Failure::Failed(error.into()));
        }
    };
    let looser = plan.looser.clone();
    // Over which files it is put says the service that takes it: it has read them.
    let done = carry_out(&store, &settings.policy, plan, (by, reason), Default::default(), now).await?;
    store.close().await;
    if args.format == Format::Json {
        return Ok(shell.out.line(&json!({"sets": done, "looser": looser}).to_string())?);
    }
    for set in &done {
        let state = if set.proposed { "proposed" } else { "rolled back" };
        let state = shell.out.paint(Paint::Good, state);
        shell.out.line(&format!("{state} {} {}", set.set.as_str(), set.hash))?;
    }
    for sentence in &looser {
        shell.out.talk(&format!("looser: {}", safe(sentence)));
    }
    if done.iter().any(|set| set.proposed) {
        shell.out.talk("Guardrails wait for second persons: `copyrail policy approve` lets them in force.");
    }
    if done.iter().any(|set| !set.proposed) {
        shell.out.talk("It holds until the files on disk are others than they are now.");
    }
    Ok(())
}
