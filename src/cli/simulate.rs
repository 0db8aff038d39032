//! `copyrail simulate-llm`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

use super::{Failure, Shell, serve};
use crate::simulate::{self, Script};

const AFTER: &str = r#"A script says what is done instead of writing copy, such as
  [{"when": {"share": 0.1}, "do": {"status": 503}}, {"do": {"delay_ms": [200, 900]}}]
`copyrail simulate-llm --script-help` tells of everything that it can say."#;

#[derive(Debug, Args)]
#[command(before_help = "Example:\n  copyrail simulate-llm --port 9100 --script faults.json", after_help = AFTER)]
pub(super) struct SimulateLlm {
    /// The port on loopback; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 9100)]
    port: u16,
    /// A script of faults, as JSON
    #[arg(long, value_name = "F")]
    script: Option<PathBuf>,
    /// What its choice of words depends on
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print how a script is written, and end
    #[arg(long)]
    script_help: bool,
}

pub(super) async fn run(args: SimulateLlm, shell: &mut Shell) -> Result<(), Failure> {
    if args.script_help {
        return Ok(shell.out.line(simulate::SCRIPT.trim_end())?);
    }
    let script = match &args.script {
        None => Script::empty(),
        Some(path) => {
            let shown = path.display();
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::Usage(format!("the script {shown} cannot be read: {error}")))?;
            Script::parse(&text).map_err(|error| Failure::Usage(format!("the script {shown}: {error}")))?
        }
    };
    let stopped = serve::stop_asked()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let simulator = simulate::start(address, script, args.seed)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {address}: {error}; choose another `--port`"))?;
    shell.out.line(&format!("simulated LLM on {}", simulator.base_url()))?;
    shell.out.talk(
        "No model runs here: it writes from a fixed stock of sentences and says `simulated` in every answer.",
    );
    shell.out.talk(&format!("Try it: OPENAI_BASE_URL={} copyrail serve", simulator.base_url()));
    stopped.await;
    shell.out.talk(&format!("{} calls answered", simulator.calls()));
    simulator.stop().await;
    Ok(())
}
