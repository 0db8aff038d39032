//! `copyrail schema`.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{Failure, Shell};
use crate::{guardrail, prompt, segment};

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail schema guardrails > config/schema/guardrails.json",
    after_help = "An editor with a YAML language server checks and completes a file that begins with\n\
    # yaml-language-server: $schema=../config/schema/guardrails.json\n\
    as the shipped files do."
)]
pub(super) struct Schema {
    /// Which files it is for
    #[arg(value_enum, value_name = "KIND")]
    kind: Kind,
}

/// The sorts of files that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// guardrails.yml, and the lists of rules beside it
    Guardrails,
    /// claims.yml: the register of claims and evidence
    Claims,
    /// cases/*.yml: labelled copy
    Cases,
    /// placement.yml
    Placement,
    /// segments.yml
    Segments,
}

pub(super) fn run(args: Schema, shell: &mut Shell) -> Result<(), Failure> {
    let schema = serde_json::to_string_pretty(&args.kind.schema()).map_err(anyhow::Error::from)?;
    Ok(shell.out.line(&schema)?)
}

impl Kind {
    fn schema(self) -> Value {
        match self {
            Self::Guardrails => guardrail::schema::guardrails(),
            Self::Claims => guardrail::schema::claims(),
            Self::Cases => guardrail::schema::cases(),
            Self::Placement => prompt::schema(),
            Self::Segments => segment::schema(),
        }
    }
}
