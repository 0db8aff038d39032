//! `copyrail audit head`.

use clap::Args;

use super::super::{ConfigArgs, Failure, Shell};
use crate::audit::heads::{self, Signer};
use crate::store::{Access, Store};

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit head >> /mnt/elsewhere/heads.jsonl",
    after_help = "Prints one line of JSON, signed with `head.key` in the data folder, which is made at first use. Keep the lines where whoever can write the store cannot: `copyrail audit verify --heads FILE` then finds a log that lost its end or was rewritten."
)]
pub(in crate::cli) struct Head {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Head, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::ReadOnly).await?;
    let signer = Signer::open(&settings.data_dir)
        .map_err(|error| anyhow::anyhow!("the key for signed heads cannot be opened: {error}"))?;
    match heads::now(&store, &signer, (shell.now)()).await? {
        Some(head) => Ok(shell.out.line(&serde_json::to_string(&head).map_err(anyhow::Error::from)?)?),
        None => {
            shell.out.error("the log is empty: there is no head yet");
            Err(Failure::NotInOrder)
        }
    }
}
