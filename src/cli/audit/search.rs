//! `copyrail audit search`: what was shown, and what was generated.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::super::output::{Paint, counted, folded, safe};
use super::super::{ConfigArgs, Failure, Format, Shell};
use crate::audit::index::Pace;
use crate::audit::search::{self, Filter, SearchError, Serve, ServeFilter, Words};
use crate::audit::{GenerationRecord, index, references};
use crate::casefile::words;
use crate::config::Settings;
use crate::document::parse_duration;
use crate::store::copies::is_served;
use crate::store::{Access, Store};
use crate::words::{PlacementId, Revision, SegmentId, Source, TemplateId};

/// How wide lines are where nothing says how wide the terminal is.
const WIDTH: usize = 100;
/// How many entries may be looked through one by one without a word about it.
const MANY: u64 = 2_000;

/// What is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum What {
    /// What pages were answered
    #[default]
    Serves,
    /// What was written by a model, or tried
    Generations,
}

#[derive(Debug, Args)]
#[command(
    before_help = "Example:\n  copyrail audit search --user u-17 --at '2026-11-03 14:10'\n  \
                   copyrail audit search generations --rule brand.tone --since 7d --words 'solid oak'",
    after_help = "Newest first; with --at nearest first. TIME is a local time of `[policy] timezone` such as '2026-11-03 14:10', a date, an \
    instant such as 2026-11-03T14:10:00Z, or how long ago: 30d, 12h. Words are all found, in any order; \"quoted\" they are a phrase, \
    lamp* is whatever begins so."
)]
pub(in crate::cli) struct Search {
    #[arg(
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "serves|generations",
        help = "What to look for"
    )]
    what: What,
    /// The user, as pages send them in `user.id`
    #[arg(long, value_name = "U")]
    user: Option<String>,
    /// The user, by the hash in a record
    #[arg(long, value_name = "HASH", conflicts_with = "user")]
    user_hash: Option<String>,
    /// Serves within five minutes of this time
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// From this time on
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// With these words in the text
    #[arg(long, value_name = "WORDS")]
    words: Option<String>,
    #[arg(long, value_name = "P", help = "For this placement")]
    placement: Option<String>,
    #[arg(long, value_name = "ID", help = "For this product")]
    product: Option<String>,
    #[arg(long, value_name = "S", help = "For this segment")]
    segment: Option<String>,
    #[arg(long, value_name = "T", help = "By this template")]
    template: Option<String>,
    #[arg(long, value_name = "R", help = "Under this policy")]
    revision: Option<String>,
    #[arg(long, value_name = "L", help = "In this locale")]
    locale: Option<String>,
    #[arg(long, value_name = "REASON", help = "Of a lower tier, or not passed, for this reason")]
    reason: Option<String>,
    /// Serves: user, segment, prewritten or none
    #[arg(long, value_name = "TIER")]
    tier: Option<String>,
    /// Serves: generated, cache, prewritten or none
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Serves of what this generation wrote
    #[arg(long, value_name = "ID")]
    generation: Option<Uuid>,
    /// Generations: passed, blocked, failed or abandoned
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Generations in which this rule found something
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,
    /// Generations: awaiting, approved, rejected or flagged
    #[arg(long, alias = "state", value_name = "STATE")]
    review: Option<String>,
    /// Generations by this model
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Where the search before this one stopped
    #[arg(long, value_name = "C", conflicts_with = "at")]
    cursor: Option<String>,
    /// First make the indexes of the log anew
    #[arg(long)]
    rebuild_index: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) async fn run(args: Search, shell: &mut Shell) -> Result<(), Failure> {
    let settings = shell.settings(&args.config.config)?;
    let access = if args.rebuild_index { Access::Beside } else { Access::ReadOnly };
    args.fits()?;
    let store = Store::open(&settings.store_url, access).await?;
    if args.rebuild_index {
        let pace = if is_served(&settings.store_url) { Pace::Beside } else { Pace::Alone };
        let entries = index::rebuild(&store, pace).await?;
        shell.out.talk(&format!("the indexes were made anew from {entries} entries"));
    }
    let behind = index::behind(&store).await?;
    if behind > MANY {
        shell.out.talk(&format!(
            "{behind} entries of the log are not in its indexes yet and looked through one by one, which takes long: let `copyrail serve` run, or add `--rebuild-index`"
        ));
    }
    let asked = Asked { args: &args, settings: &settings, now: (shell.now)() };
    let user = asked.user(&store).await?;
    let view = View {
        shell,
        format: args.format,
        zone: settings.policy.timezone.clone(),
        width: shell.columns().unwrap_or(WIDTH).clamp(40, 200),
    };
    let (found, cursor) = match args.what {
        What::Serves => asked.serves(&store, user, &view).await?,
        What::Generations => asked.generations(&store, user, &view).await?,
    };
    let what = match args.what {
        What::Serves => "serve",
        What::Generations => "generation",
    };
    shell.out.talk(&match (found, &cursor) {
        (0, None) => format!("no {what} found"),
        (found, None) => format!("{}; `copyrail audit show ID` tells one whole", counted(found, what)),
        (found, Some(cursor)) => {
            format!("{}; there may be more: add `--cursor {cursor}`", counted(found, what))
        }
    });
    Ok(())
}

impl Search {
    /// Refuses what is asked of the wrong kind of record.
    fn fits(&self) -> Result<(), Failure> {
        let (what, other, of_other) = match self.what {
            What::Serves => (
                "serves",
                "generations",
                [
                    ("--outcome", self.outcome.is_some()),
                    ("--rule", self.rule.is_some()),
                    ("--review", self.review.is_some()),
                    ("--model", self.model.is_some()),
                ],
            ),
            What::Generations => (
                "generations",
                "serves",
                [
                    ("--tier", self.tier.is_some()),
                    ("--source", self.source.is_some()),
                    ("--generation", self.generation.is_some()),
                    ("--at", self.at.is_some()),
                ],
            ),
        };
        match of_other.into_iter().find(|(_, given)| *given) {
            Some((flag, _)) => {
                let said = format!(
                    "{what} have no `{flag}`: leave it out, or write `copyrail audit search {other} …`"
                );
                Err(Failure::Usage(said))
            }
            None => Ok(()),
        }
    }
}

/// What the command line asks for, read.
struct Asked<'a> {
    args: &'a Search,
    settings: &'a Settings,
    now: Timestamp,
}

impl Asked<'_> {
    async fn user(&self, store: &Store) -> Result<Option<Vec<String>>, Failure> {
        if let Some(user) = &self.args.user {
            let digest = super::user_key(self.settings)?.digest(user);
            return Ok(Some(references(store, &digest).await?));
        }
        Ok(self.args.user_hash.clone().map(|hash| vec![hash]))
    }

    fn time(&self, flag: &str, written: Option<&String>) -> Result<Option<Timestamp>, Failure> {
        let Some(written) = written else { return Ok(None) };
        let read = time(written, self.now, &self.settings.policy.timezone);
        let fault = || {
            Failure::Usage(format!(
                "`{flag} {written}` is no time; write '2026-11-03 14:10', 2026-11-03, 2026-11-03T14:10:00Z, or how long ago, such as 30d"
            ))
        };
        read.map(Some).ok_or_else(fault)
    }

    fn words(&self) -> Result<Option<Words>, Failure> {
        let words = self.args.words.as_deref().map(Words::parse).transpose();
        words.map_err(|error| Failure::Usage(format!("`--words`: {error}")))
    }

    async fn serves(
        &self,
        store: &Store,
        user: Option<Vec<String>>,
        view: &View<'_>,
    ) -> Result<(u64, Option<String>), Failure> {
        let args = self.args;
        let filter = ServeFilter {
            placement: args.placement.clone().map(PlacementId::new),
            product: args.product.clone(),
            segment: args.segment.clone().map(SegmentId::new),
            template: args.template.clone().map(TemplateId::new),
            revision: args.revision.clone().map(Revision::new),
            tier: word("--tier", args.tier.as_ref(), "user, segment, prewritten or none")?,
            source: word("--source", args.source.as_ref(), "generated, cache, prewritten or none")?,
            reason: word("--reason", args.reason.as_ref(), REASONS)?,
            locale: args.locale.clone(),
            user,
            generation: args.generation,
            words: self.words()?,
            since: self.time("--since", args.since.as_ref())?,
            until: self.time("--until", args.until.as_ref())?,
        };
        if let Some(at) = self.time("--at", args.at.as_ref())? {
            let page = search::serves_around(store, &filter, at, args.limit).await.map_err(failed)?;
            for serve in &page.items {
                view.serve(serve)?;
            }
            return Ok((page.items.len() as u64, None));
        }
        let (mut left, mut cursor) = (args.limit, args.cursor.clone());
        loop {
            let page = search::serves(store, &filter, left, cursor.as_deref()).await.map_err(failed)?;
            for serve in &page.items {
                view.serve(serve)?;
            }
            left = left.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
            cursor = page.next_cursor;
            if left == 0 || cursor.is_none() {
                return Ok((u64::from(args.limit - left), cursor));
            }
        }
    }

    async fn generations(
        &self,
        store: &Store,
        user: Option<Vec<String>>,
        view: &View<'_>,
    ) -> Result<(u64, Option<String>), Failure> {
        let args = self.args;
        let filter = Filter {
            placement: args.placement.clone().map(PlacementId::new),
            product: args.product.clone(),
            segment: args.segment.clone().map(SegmentId::new),
            template: args.template.clone().map(TemplateId::new),
            revision: args.revision.clone().map(Revision::new),
            outcome: word("--outcome", args.outcome.as_ref(), "passed, blocked, failed or abandoned")?,
            reason: word("--reason", args.reason.as_ref(), REASONS)?,
            rule: args.rule.clone(),
            locale: args.locale.clone(),
            model: args.model.clone(),
            review: word("--review", args.review.as_ref(), "awaiting, approved, rejected or flagged")?,
            user,
            words: self.words()?,
            since: self.time("--since", args.since.as_ref())?,
            until: self.time("--until", args.until.as_ref())?,
        };
        let (mut left, mut cursor) = (args.limit, args.cursor.clone());
        loop {
            let page = search::generations(store, &filter, left, cursor.as_deref()).await.map_err(failed)?;
            for record in &page.items {
                view.generation(record, store).await?;
            }
            left = left.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
            cursor = page.next_cursor;
            if left == 0 || cursor.is_none() {
                return Ok((u64::from(args.limit - left), cursor));
            }
        }
    }
}

/// What to write for a reason.
const REASONS: &str = "a reason that answers give, such as guardrail or deadline";

/// A value that is one of a few words.
fn word<T: DeserializeOwned>(
    flag: &str,
    written: Option<&String>,
    words: &str,
) -> Result<Option<T>, Failure> {
    let read = |written: &String| {
        let read = serde_json::from_value(written.as_str().into());
        read.map_err(|_| Failure::Usage(format!("`{flag} {written}`: write {words}")))
    };
    written.map(read).transpose()
}

/// A time as people write it: a local time or date in a zone, an instant, or how long ago.
fn time(written: &str, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    if let Some(ago) = parse_duration(written) {
        return now.checked_sub(ago).ok();
    }
    if let Ok(instant) = written.parse::<Timestamp>() {
        return Some(instant);
    }
    let local: DateTime = written.parse().ok()?;
    zone.to_ambiguous_timestamp(local).compatible().ok()
}

fn failed(error: SearchError) -> Failure {
    match error {
        SearchError::Cursor(_) => Failure::Usage(error.to_string()),
        error => Failure::Failed(error.into()),
    }
}

/// How what was found is written.
struct View<'a> {
    shell: &'a Shell,
    format: Format,
    zone: TimeZone,
    width: usize,
}

impl View<'_> {
    fn serve(&self, serve: &Serve) -> Result<(), Failure> {
        if self.format == Format::Json {
            return Ok(self.shell.out.line(&serde_json::to_string(serve).map_err(anyhow::Error::from)?)?);
        }
        let Serve { record, text, text_erased, text_changed } = serve;
        let text = match text {
            Some(text) => Ok(text.as_str()),
            None if *text_erased => Err("the text was erased, or deleted for its age"),
            None if *text_changed => {
                Err("what stands in the text's place is not what was shown; run `copyrail audit verify`")
            }
            None => Err("nothing was shown"),
        };
        let mut how = words::tier(record.tier).to_owned();
        if record.source == Source::Cache {
            how = format!("{how}, kept from earlier");
        }
        if let Some(reason) = record.reason {
            how = format!("{how} ({})", index::word(reason));
        }
        let head =
            [Some(record.placement.as_str()), record.product.as_deref(), Some(record.segment.as_str())];
        self.item(record.at, &head, &how, text, &record.id.to_string())
    }

    async fn generation(&self, record: &GenerationRecord, store: &Store) -> Result<(), Failure> {
        if self.format == Format::Json {
            return Ok(self.shell.out.line(&serde_json::to_string(record).map_err(anyhow::Error::from)?)?);
        }
        let payload = search::generation(store, record.id).await?.and_then(|whole| whole.payload);
        let text = match &payload {
            Some(payload) => match index::text_of(payload) {
                "" => Err("nothing was written"),
                text => Ok(text),
            },
            None => Err("what was written was erased, or deleted for its age"),
        };
        let mut how = record.outcome.as_str().to_owned();
        if let Some(reason) = record.reason {
            how = format!("{how} ({})", index::word(reason));
        }
        if let Some(earlier) = record.rejudged {
            how = format!("{how}, the text of {earlier} judged again");
        }
        let head =
            [Some(record.placement.as_str()), record.product.as_deref(), Some(record.segment.as_str())];
        self.item(record.finished, &head, &how, text, &record.id.to_string())
    }

    /// The time and where; how; the text at reading width; the id.
    fn item(
        &self,
        at: Timestamp,
        head: &[Option<&str>],
        how: &str,
        text: Result<&str, &str>,
        id: &str,
    ) -> Result<(), Failure> {
        let out = &self.shell.out;
        let when = at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string();
        let head: Vec<String> = head.iter().flatten().map(|part| safe(part)).collect();
        out.line(&format!("{}  {}", out.paint(Paint::Strong, &when), head.join("  ")))?;
        out.line(&format!("  {how}"))?;
        for line in folded(&safe(text.unwrap_or_else(|why| why)), self.width.saturating_sub(2)) {
            let line = if text.is_ok() { line } else { out.paint(Paint::Faint, &line) };
            out.line(&format!("  {line}"))?;
        }
        out.line(&format!("  {}\n", out.paint(Paint::Faint, id)))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now: Timestamp = "2026-11-20T10:00:00Z".parse().unwrap();
        for (written, expected) in [
            ("2026-11-03 14:10", Some("2026-11-03T13:10:00Z")),
            ("2026-07-03T14:10:30", Some("2026-07-03T12:10:30Z")),
            ("2026-11-03", Some("2026-11-02T23:00:00Z")),
            ("2026-11-03T14:10:00Z", Some("2026-11-03T14:10:00Z")),
            ("2026-11-03T14:10:00+05:00", Some("2026-11-03T09:10:00Z")),
            ("30d", Some("2026-10-21T10:00:00Z")),
            ("12h", Some("2026-11-19T22:00:00Z")),
            ("yesterday", None),
            ("14:10", None),
            ("", None),
        ] {
            let read = time(written, now, &zone).map(|at| at.to_string());
            assert_eq!(read.as_deref(), expected, "{written}");
        }
    }
}
