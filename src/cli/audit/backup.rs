//! `copyrail audit backup` and `copyrail audit restore`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::super::catalog::progress;
use super::super::output::{Paint, counted};
use super::super::{ConfigArgs, Failure, Format, Shell};
use crate::audit::backup;
use crate::store::{Access, Store};

/// The key files that stand beside a store.
const KEYS: [&str; 2] = ["user.key", "head.key"];

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit backup /mnt/backups",
    after_help = "Nothing is held up meanwhile. The file holds all that the log holds, personal data too; `user.key` stays apart from it, since with both \
    anybody can tell which records are whose."
)]
pub(in crate::cli) struct Backup {
    /// A folder, or a file that is not there yet
    #[arg(value_name = "DIR|FILE")]
    target: PathBuf,
    /// Copy the keys beside it too: without them a store on another machine names users anew
    #[arg(long)]
    with_keys: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit restore /mnt/backups/copyrail-20261122T140000Z.db",
    after_help = "The service must be stopped. The store that is there is moved aside, never deleted. Erasures noted in `erasures.jsonl` in the data \
    folder that the backup does not have are carried out again first."
)]
pub(in crate::cli) struct Restore {
    /// The backup
    file: PathBuf,
    /// Prove its whole log, not just the end
    #[arg(long)]
    verify: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Backup, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let store = Store::open(&settings.store_url, Access::ReadOnly).await?;
    let target = match args.target.is_dir() {
        true => args.target.join(format!("copyrail-{}.db", (shell.now)().strftime("%Y%m%dT%H%M%SZ"))),
        false => args.target,
    };
    let bar = progress(0, shell.out.watched);
    let made = backup::backup(&store, &target, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })
    .await;
    bar.finish_and_clear();
    let made = made.map_err(anyhow::Error::from)?;
    let mut keys = Vec::new();
    for name in KEYS.iter().filter(|_| args.with_keys) {
        let from = settings.data_dir.join(name);
        if from.exists() {
            let mut to = target.clone().into_os_string();
            to.push(format!(".{name}"));
            backup::copy_key(&from, &PathBuf::from(&to)).map_err(anyhow::Error::from)?;
            keys.push(PathBuf::from(to));
        }
    }
    if args.format == Format::Json {
        let backup::Backup { file, bytes, sha256, entries, head } = made;
        let value = json!({
            "file": file, "bytes": bytes, "sha256": sha256, "entries": entries, "head": head, "keys": keys,
        });
        return Ok(shell.out.line(&value.to_string())?);
    }
    let size = indicatif::HumanBytes(made.bytes);
    shell.out.line(&format!("{} ({size}, {})", made.file.display(), records(made.entries)))?;
    shell.out.line(&format!("sha256 {}", made.sha256))?;
    shell.out.line(&format!("head {}", made.head.as_deref().unwrap_or("none yet: the log is empty")))?;
    for key in keys {
        shell.out.line(&format!("key {}", key.display()))?;
    }
    shell.out.talk("Keep `erasures.jsonl` of the data folder on another disk as well: a restore erases again what it lists.");
    Ok(())
}

pub(super) async fn restore(args: Restore, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let question =
        format!("This puts {} in the place of the store at {}.", args.file.display(), settings.store_url);
    if !super::agreed(&question, args.yes, shell)? {
        shell.out.error("nothing was restored");
        return Err(Failure::NotInOrder);
    }
    let bar = progress(0, shell.out.watched);
    let now = (shell.now)();
    let restored = backup::restore(
        &settings.store_url,
        &settings.data_dir,
        &args.file,
        args.verify,
        now,
        |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        },
    )
    .await;
    bar.finish_and_clear();
    let restored = restored.map_err(anyhow::Error::from)?;
    if args.format == Format::Json {
        return Ok(shell.out.line(&json!(restored).to_string())?);
    }
    let until = restored
        .until
        .map_or_else(String::new, |until| format!(", up to {}", until.strftime("%Y-%m-%d %H:%M UTC")));
    let done = shell.out.paint(Paint::Good, "restored:");
    shell.out.line(&format!("{done} {}{until}", records(restored.entries)))?;
    shell.out.line(&format!("{} carried out again", counted(restored.erasures as u64, "erasure")))?;
    if let Some(aside) = &restored.aside {
        shell.out.line(&format!("the store before is {}", aside.display()))?;
        shell.out.talk(
            "It holds people's data, and no erasure reaches it any more: delete it once it is not needed.",
        );
    }
    shell.out.talk("The log says that records are missing since the backup. A head signed later than it is not in it: `audit verify` will say so.");
    Ok(())
}

fn records(number: u64) -> String {
    counted(number, "record")
}
