//! `copyrail audit export`: the log, or one case, as a file to hand on.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use tempfile::NamedTempFile;
use uuid::Uuid;

use super::super::output::{Paint, counted};
use super::super::{ConfigArgs, Failure, Shell};
use crate::audit::export::{self, Form, Scope, What, Written};
use crate::audit::{Event, ExportRecord, append_beside};
use crate::casefile::{Case, CaseError, Library, page};
use crate::config::Settings;
use crate::store::{Access, Store};
use crate::words::new_id;

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit export --since 30d --out log.jsonl\n  \
    copyrail audit export --type serves --format csv --out serves.csv\n  \
    copyrail audit export --case 0192f3c1-7a2b-7c3d-8e4f-5a6b7c8d9e0f --by 'Ada Example' --out case.html",
    after_help = "JSON Lines are the chain, byte for byte: anybody can check it with public tools. CSV and Parquet hold one record a row. \
    Prompts, inputs, texts, notes and reasons are left out unless `--with-payload` asks for them; that, and every case, is \
    recorded in the log with `--by`. Works beside a running service."
)]
pub(in crate::cli) struct Export {
    /// From this time on: 30d, 2026-11-03, '2026-11-03 14:10', or an instant; the zone is `[policy] timezone`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Up to but not including this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Which records: CSV and Parquet hold one kind, JSON Lines all
    #[arg(long = "type", value_enum, default_value_t)]
    kind: Kind,
    /// How to write it; a case is html or json
    #[arg(long, value_enum)]
    format: Option<As>,
    /// The file; - writes to standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// Prompts, inputs, texts, notes and reasons too: they may hold personal data
    #[arg(long)]
    with_payload: bool,
    /// One serve or generation told whole, with steps to check it
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "until", "kind", "with_payload"])]
    case: Option<Uuid>,
    /// Leave out of a case what went into the prompt, and what stands beside entries
    #[arg(long, requires = "case")]
    masked: bool,
    /// Who asks for it; goes into the log
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

/// Which records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Kind {
    // The words speak for themselves.
    #[default]
    All,
    Generations,
    Serves,
    Reviews,
    Verdicts,
    Events,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum As {
    // The words speak for themselves.
    Jsonl,
    Csv,
    Parquet,
    Html,
    Json,
}

pub(super) async fn run(args: Export, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    match args.case {
        Some(id) => case(args, id, settings, shell).await,
        None => records(args, settings, shell).await,
    }
}

async fn records(args: Export, settings: Settings, shell: &mut Shell) -> Result<(), Failure> {
    let what = match args.kind {
        Kind::All => What::All,
        Kind::Generations => What::Generations,
        Kind::Serves => What::Serves,
        Kind::Reviews => What::Reviews,
        Kind::Verdicts => What::Verdicts,
        Kind::Events => What::Events,
    };
    let form = match args.format.unwrap_or(As::Jsonl) {
        As::Jsonl => Form::Lines,
        As::Csv => Form::Csv,
        As::Parquet => Form::Parquet,
        As::Html | As::Json => return Err(usage("html and json are forms of one case: add `--case ID`")),
    };
    if form == Form::Lines && what != What::All {
        return Err(usage(
            "JSON Lines are the chain, which only the whole run of entries proves: leave `--type` out, or take `--format csv` or `parquet`",
        ));
    }
    if form != Form::Lines && what == What::All {
        return Err(usage("a table holds one kind of record: add `--type serves`, or another"));
    }
    let now = (shell.now)();
    let time = |text: &Option<String>| {
        text.as_deref().map(|text| instant(text, now, &settings.policy.timezone)).transpose()
    };
    let (since, until) = (time(&args.since)?, time(&args.until)?);
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        return Err(usage("`--since` must be before `--until`"));
    }
    let scope = Scope { what, since, until, payload: args.with_payload };
    if form == Form::Parquet && is_standard(&args.out) {
        return Err(usage("Parquet needs a file: add `--out FILE.parquet`"));
    }
    let store = match (args.with_payload, &args.by) {
        (true, None) => {
            return Err(usage("`--with-payload` needs `--by NAME`: who asks for it goes into the log"));
        }
        (true, Some(by)) => {
            let word = |text: &Option<String>, word: &str| {
                text.as_ref().map(|text| format!(" {word} {text}")).unwrap_or_default()
            };
            let kind = value_name(args.kind);
            let of = format!("{kind}{}{}", word(&args.since, "since"), word(&args.until, "until"));
            recorded(&settings, by, "export", of, now).await?
        }
        (false, _) => Store::open(&settings.store_url, Access::ReadOnly).await?,
    };
    let bar = if shell.out.watched { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let progress = |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    };
    let written = match is_standard(&args.out) {
        true => export::export(&store, scope, form, io::stdout(), progress).await.map_err(failed)?,
        false => {
            let mut file = beside(&args.out)?;
            let written =
                export::export(&store, scope, form, io::BufWriter::new(file.as_file_mut()), progress).await;
            let written = written.map_err(failed)?;
            keep(file, &args.out)?;
            written
        }
    };
    bar.finish_and_clear();
    said(&written, form, &args.out, args.with_payload, shell);
    Ok(())
}

async fn case(args: Export, id: Uuid, settings: Settings, shell: &mut Shell) -> Result<(), Failure> {
    let form = args.format.unwrap_or(As::Html);
    if !matches!(form, As::Html | As::Json) {
        return Err(usage("a case is written as html or json"));
    }
    let Some(by) = &args.by else {
        return Err(usage(
            "a case holds prompts and texts: say who asks for it with `--by NAME`, which goes into the log",
        ));
    };
    if is_standard(&args.out) && io::stdout().is_terminal() && form == As::Html {
        return Err(usage("a page is no reading for a terminal: add `--out FILE.html`"));
    }
    let now = (shell.now)();
    let store = Store::open(&settings.store_url, Access::ReadOnly).await?;
    let library = Library::new(store.clone(), settings.policy.timezone.clone());
    let told = Case::of(&store, &library, id, args.masked, now).await;
    let told = match told {
        Ok(told) => told,
        Err(error @ CaseError::Unknown(_)) => {
            shell.out.error(&error.to_string());
            return Err(Failure::NotInOrder);
        }
        Err(CaseError::Store(error)) => return Err(error.into()),
    };
    let text = match form {
        As::Json => serde_json::to_string(&told).map_err(anyhow::Error::from)? + "\n",
        _ => page(&told).map_err(anyhow::Error::from)?,
    };
    let masked = if args.masked { ", masked" } else { "" };
    recorded(&settings, by, "case", format!("{id}{masked}"), now).await?.close().await;
    if is_standard(&args.out) {
        io::stdout().write_all(text.as_bytes())?;
    } else {
        let mut file = beside(&args.out)?;
        file.write_all(text.as_bytes())?;
        keep(file, &args.out)?;
    }
    let done = shell.out.paint(Paint::Good, "written:");
    let name = if is_standard(&args.out) { "standard output".into() } else { args.out.display().to_string() };
    shell.out.talk(&format!(
        "{done} the case of {id} to {name}; it holds {}",
        if args.masked { "no prompt, and what was shown" } else { "prompts and texts: hand it on with care" }
    ));
    Ok(())
}

/// Opens the store beside a running service and leaves a record of what is about to be taken out.
async fn recorded(
    settings: &Settings,
    by: &str,
    what: &str,
    of: String,
    at: Timestamp,
) -> Result<Store, Failure> {
    let store = Store::open(&settings.store_url, Access::Beside).await?;
    let record = ExportRecord { id: new_id(at), at, by: by.to_owned(), what: what.to_owned(), of };
    append_beside(&store, Event::Export(record)).await?;
    Ok(store)
}

fn said(written: &Written, form: Form, out: &Path, payload: bool, shell: &Shell) {
    let done = shell.out.paint(Paint::Good, "written:");
    let what = match form {
        Form::Lines => counted(written.entries, "line"),
        Form::Csv | Form::Parquet => counted(written.rows, "row"),
    };
    let name = if is_standard(out) { "standard output".to_owned() } else { out.display().to_string() };
    let masked =
        if payload { "with prompts and texts: hand it on with care" } else { "without prompts and texts" };
    shell.out.talk(&format!("{done} {what} to {name}, {masked}"));
    if written.unread > 0 {
        let unread = counted(written.unread, "entry").replace("entrys", "entries");
        shell.out.error(&format!("{unread} could not be read and gave no row; run `copyrail audit verify`"));
    }
}

/// A file beside the one asked for, for the owner alone, that takes its name once it is whole.
fn beside(out: &Path) -> Result<NamedTempFile, Failure> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    NamedTempFile::new_in(folder).map_err(|error| {
        Failure::Failed(anyhow::anyhow!("no file can be made in {}: {error}", folder.display()))
    })
}

fn keep(file: NamedTempFile, out: &Path) -> Result<(), Failure> {
    file.as_file().sync_all()?;
    file.persist(out)
        .map_err(|error| anyhow::anyhow!("{} cannot be written: {}", out.display(), error.error))?;
    Ok(())
}

fn is_standard(out: &Path) -> bool {
    out == Path::new("-")
}

fn value_name(kind: Kind) -> String {
    kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn usage(message: &str) -> Failure {
    Failure::Usage(message.to_owned())
}

fn failed(error: export::ExportError) -> Failure {
    match error {
        export::ExportError::Write(error) => error.into(),
        other => Failure::Failed(other.into()),
    }
}

/// The instant that a person means: so many days or hours ago, a day or a time of the zone, or an instant.
fn instant(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Failure> {
    let ago = |unit: char, seconds: i64| -> Option<Timestamp> {
        let number: i64 = text.strip_suffix(unit)?.parse().ok().filter(|number| *number >= 0)?;
        now.checked_sub(jiff::SignedDuration::from_secs(number.checked_mul(seconds)?)).ok()
    };
    let local = |time: DateTime| time.to_zoned(zone.clone()).map(|zoned| zoned.timestamp()).ok();
    ago('d', 86_400)
        .or_else(|| ago('h', 3_600))
        .or_else(|| ago('m', 60))
        .or_else(|| text.parse::<Timestamp>().ok())
        .or_else(|| local(text.parse::<DateTime>().ok()?))
        .or_else(|| local(text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight())))
        .ok_or_else(|| {
            usage(&format!(
                "`{text}` is no time; write 30d, 12h, 2026-11-03, '2026-11-03 14:10' or 2026-11-03T14:10:00Z"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        for (text, expected) in [
            ("30d", Some("2026-10-23T12:00:00Z")),
            ("2h", Some("2026-11-22T10:00:00Z")),
            ("2026-11-03", Some("2026-11-02T23:00:00Z")),
            ("2026-11-03 14:10", Some("2026-11-03T13:10:00Z")),
            ("2026-11-03T14:10:00Z", Some("2026-11-03T14:10:00Z")),
            ("2026-11-03T14:10:00+02:00", Some("2026-11-03T12:10:00Z")),
            ("yesterday", None),
            ("-1d", None),
            ("99999999999999d", None),
        ] {
            let read = instant(text, now, &zone).ok();
            assert_eq!(read, expected.map(|text| text.parse().unwrap()), "{text}");
        }
    }
}
