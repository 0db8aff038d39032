//! Reading settings. What the environment says is laid over the file; its faults name the variable.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::{
    AuditSettings, BudgetSettings, Limits, PolicySettings, Provider, REFERENCE, Retention, Settings, Shares,
    console, provider, toml_node,
};
use crate::diagnostic::{Diagnostic, Position, Span};
use crate::document::{self, Faults, Fields, Key, Kind, Node};

const PREFIX: &str = "COPYRAIL__";

/// Reads the settings. `file` is the file's name and text, when there is one; `environment` all variables. `None` when
/// anything is faulty.
pub fn load(
    file: Option<(&str, &str)>,
    environment: &BTreeMap<String, String>,
) -> (Option<Settings>, Vec<Diagnostic>) {
    let (name, text) = file.unwrap_or((super::DEFAULT_PATH, ""));
    let faults = Faults::of(name);
    let reference = toml_node::parse(REFERENCE, &faults);
    let root = toml_node::parse(text, &faults);
    let settings = reference.zip(root).and_then(|(reference, root)| {
        let variables: Vec<(&str, &str)> = environment
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value.as_str())))
            .collect();
        let root = variables.iter().enumerate().fold(root, |root, (index, (path, value))| {
            let parts: Vec<String> = path.split("__").map(str::to_lowercase).collect();
            laid_over(root, &parts, value, environment_span(index))
        });
        let settings = read(&filled(root, &reference), environment, &faults);
        settings.filter(|_| faults.errors() == 0)
    });
    let variables: Vec<&String> = environment.keys().filter(|name| name.starts_with(PREFIX)).collect();
    let mut diagnostics = faults.into_diagnostics();
    for diagnostic in &mut diagnostics {
        if diagnostic.span.start.line == 0
            && let Some(variable) = variables.get(diagnostic.span.start.column as usize)
        {
            diagnostic.file = format!("environment variable {variable}");
            diagnostic.span = Span::START;
        }
    }
    (settings, diagnostics)
}

/// Line 0 marks what came from the environment; the column tells the variable.
fn environment_span(index: usize) -> Span {
    let position = Position { line: 0, column: u32::try_from(index).unwrap_or(u32::MAX) };
    Span { start: position, end: position }
}

fn laid_over(node: Node, path: &[String], value: &str, span: Span) -> Node {
    let Some((first, rest)) = path.split_first() else {
        return Node { span, kind: Kind::Scalar { text: value.to_owned(), plain: false } };
    };
    let mut entries = match node.kind {
        Kind::Map(entries) => entries,
        _ => Vec::new(),
    };
    let at = entries.iter().position(|(key, _)| key.text == *first);
    let (key, inner) = match at {
        Some(at) => entries.swap_remove(at),
        None => (Key { text: first.clone(), span }, Node { span, kind: Kind::Map(Vec::new()) }),
    };
    entries.push((key, laid_over(inner, rest, value, span)));
    Node { span: node.span, kind: Kind::Map(entries) }
}

/// A map with the reference's entries wherever it has none of its own.
fn filled(node: Node, reference: &Node) -> Node {
    match (node.kind, &reference.kind) {
        (Kind::Map(mut entries), Kind::Map(defaults)) => {
            for (key, default) in defaults {
                match entries.iter_mut().find(|(k, _)| k.text == key.text) {
                    Some((_, own)) => {
                        let taken =
                            std::mem::replace(own, Node { span: own.span, kind: Kind::List(Vec::new()) });
                        *own = filled(taken, default);
                    }
                    None => entries.push((key.clone(), default.clone())),
                }
            }
            Node { span: node.span, kind: Kind::Map(entries) }
        }
        (kind, _) => Node { span: node.span, kind },
    }
}

fn read(root: &Node, environment: &BTreeMap<String, String>, faults: &Faults) -> Option<Settings> {
    let mut fields = Fields::of(root, "the settings file", faults)?;
    let listen = fields.take("listen").and_then(|node| parsed(node, "an address", "127.0.0.1:8080", faults));
    let data_dir = section(&mut fields, "data", faults, |fields| fields.text("dir", faults)).flatten();
    let policy = section(&mut fields, "policy", faults, |fields| policy(fields, faults)).flatten();
    let store_url = section(&mut fields, "store", faults, |fields| {
        let node = fields.take("url")?;
        let url = document::text(node, faults)?;
        let help = "write `sqlite:data/copyrail.db`; this version keeps its log in SQLite alone";
        match url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")) {
            None => {
                let message = format!("`{}` is no store of this version", scheme(&url));
                faults.error_with_help(node.span, message, help);
            }
            Some(path) if path.is_empty() || path.starts_with(':') => {
                faults.error_with_help(node.span, "the store is a file, and none is named", help);
            }
            Some(_) => {}
        }
        Some(url)
    });
    let audit = section(&mut fields, "audit", faults, |fields| audit(fields, faults)).flatten();
    let cache_bytes = section(&mut fields, "cache", faults, |fields| {
        fields.take("bytes").and_then(|node| bytes(node, faults))
    });
    let limits = section(&mut fields, "limits", faults, |fields| limits(fields, faults)).flatten();
    let llm = section(&mut fields, "llm", faults, |fields| {
        let providers = fields.take("providers").map(|node| providers(node, environment, faults));
        let providers = providers.unwrap_or_default();
        let budget = section(fields, "budget", faults, |fields| budget(fields, faults));
        let hedge_after = fields.take("hedge_after").and_then(|node| document::duration(node, faults));
        (providers, budget.flatten(), hedge_after.filter(|after| !after.is_zero()))
    });
    let metrics_listen = section(&mut fields, "metrics", faults, |fields| {
        let node = fields.take("listen")?;
        let off = document::text(node, faults).is_some_and(|listen| listen.is_empty());
        if off { None } else { parsed(node, "an address", "127.0.0.1:9090", faults) }
    });
    let console =
        section(&mut fields, "console", faults, |fields| console::read(fields, environment, faults))
            .flatten();
    let otlp = section(&mut fields, "telemetry", faults, |fields| otlp(fields, faults)).flatten();
    fields.finish(faults);
    let (mut providers, budget, hedge_after) = llm?;
    if providers.is_empty() {
        providers.extend(provider::from_environment(environment));
    }
    Some(Settings {
        listen: listen?,
        data_dir: PathBuf::from(data_dir?),
        policy: policy?,
        store_url: store_url.flatten()?,
        audit: audit?,
        cache_bytes: cache_bytes.flatten()?,
        limits: limits?,
        providers,
        budget: budget?,
        hedge_after,
        metrics_listen: metrics_listen.flatten(),
        console: console?,
        otlp,
    })
}

/// The least that a spool is of use with.
const LEAST_SPOOL: u64 = 64 * 1024;

fn audit(fields: &mut Fields<'_>, faults: &Faults) -> Option<AuditSettings> {
    let strict = fields.take("strict").and_then(|node| document::boolean(node, faults));
    let spool_bytes = fields.take("spool").and_then(|node| {
        let size = bytes(node, faults)?;
        if size < LEAST_SPOOL {
            let help = "write `64KiB` or more, such as `64MiB`";
            faults.error_with_help(node.span, "the spool is too small to hold anything", help);
        }
        Some(size)
    });
    let heads = fields.text("heads", faults);
    let heads_every = fields.take("heads_every").and_then(|node| some_time(node, faults));
    let retention = section(fields, "retention", faults, |fields| {
        let mut days = |key| {
            let node = fields.take(key)?;
            let time = document::duration(node, faults)?;
            if time.as_secs() % DAY != 0 || time.subsec_nanos() > 0 {
                let help = "write it as `30d`, or `0d` to keep it for good";
                faults.error_with_help(node.span, "records are kept for whole days", help);
            }
            Some(Some(time).filter(|time| !time.is_zero()))
        };
        let (serves, payload, generations) = (days("serves"), days("payload"), days("generations"));
        Some(Retention { serves: serves?, payload: payload?, generations: generations? })
    });
    Some(AuditSettings {
        strict: strict?,
        spool_bytes: spool_bytes?,
        heads: Some(heads?).filter(|heads| !heads.is_empty()),
        heads_every: heads_every?,
        retention: retention.flatten()?,
    })
}

/// A day in seconds.
const DAY: u64 = 24 * 60 * 60;

fn otlp(fields: &mut Fields<'_>, faults: &Faults) -> Option<String> {
    let node = fields.take("otlp")?;
    let endpoint = document::text(node, faults).filter(|endpoint| !endpoint.is_empty())?;
    if !cfg!(feature = "otlp") {
        let help = "write `otlp = \"\"`, or build copyrail with `--features otlp`";
        faults.error_with_help(node.span, "this build sends no traces", help);
    } else if !(endpoint.starts_with("http://") || endpoint.starts_with("https://")) {
        let help = "write the collector's address as `http://127.0.0.1:4318`";
        faults.error_with_help(node.span, format!("`{endpoint}` is no http or https address"), help);
    }
    Some(endpoint)
}

/// The store's address without what may hold a password.
fn scheme(url: &str) -> &str {
    url.split(':').next().unwrap_or_default()
}

/// Reads the providers, and holds each to a name of its own.
fn providers(node: &Node, environment: &BTreeMap<String, String>, faults: &Faults) -> Vec<Provider> {
    let Kind::List(items) = &node.kind else {
        let help = "write each provider under a heading `[[llm.providers]]`, in two brackets";
        faults.error_with_help(
            node.span,
            format!("`providers` must be a list of tables, and this is {}", noun(node)),
            help,
        );
        return Vec::new();
    };
    let mut named: BTreeMap<&str, u32> = BTreeMap::new();
    for item in items {
        if let Some(Node { span, kind: Kind::Scalar { text, .. } }) = item.get("name")
            && let Some(line) = named.insert(text, span.start.line)
        {
            let message =
                format!("`{text}` is the name of two providers: of this one, and of that in line {line}");
            faults.error_with_help(
                *span,
                message,
                "give each a name of its own; records and metrics go by it",
            );
        }
    }
    items.iter().filter_map(|item| provider::read(item, environment, faults)).collect()
}

/// What a reader of TOML would call a value.
fn noun(node: &Node) -> &'static str {
    match node.kind {
        Kind::Scalar { .. } => "a single value",
        Kind::List(_) => "a list",
        Kind::Map(_) => "a table",
    }
}

/// Starts reading a table; `what` names it, and `help` says how it is written in TOML. `None`, with a fault, when it is
/// none.
pub(super) fn table<'n>(
    node: &'n Node,
    what: &'static str,
    help: &str,
    faults: &Faults,
) -> Option<Fields<'n>> {
    if matches!(node.kind, Kind::Map(_)) {
        return Fields::of(node, what, faults);
    }
    faults.error_with_help(node.span, format!("{what} must be a table, and this is {}", noun(node)), help);
    None
}

/// A duration above zero.
pub(super) fn some_time(node: &Node, faults: &Faults) -> Option<Duration> {
    let time = document::duration(node, faults)?;
    if time.is_zero() {
        let help = "write `1ms` or more, such as `8s`";
        faults.error_with_help(node.span, "nothing can be done in no time", help);
    }
    Some(time)
}

/// Reads a section of a map, and holds it to the keys that were taken.
pub(super) fn section<'n, T>(
    fields: &mut Fields<'n>,
    key: &'static str,
    faults: &Faults,
    read: impl FnOnce(&mut Fields<'n>) -> T,
) -> Option<T> {
    let help =
        format!("write `name = value` lines under a heading for `{key}`, or `{key} = {{name = value}}`");
    let mut inner = table(fields.take(key)?, "this section", &help, faults)?;
    let value = read(&mut inner);
    inner.finish(faults);
    Some(value)
}

fn parsed<T: std::str::FromStr>(node: &Node, what: &str, example: &str, faults: &Faults) -> Option<T> {
    let text = document::text(node, faults)?;
    let value = text.parse().ok();
    if value.is_none() {
        faults.error_with_help(
            node.span,
            format!("`{text}` is not {what}"),
            format!("write it as `{example}`"),
        );
    }
    value
}

/// The most persons who can be asked to approve an edit.
const MOST_APPROVALS: usize = 9;

fn policy(fields: &mut Fields<'_>, faults: &Faults) -> Option<PolicySettings> {
    let mut path = |key| fields.text(key, faults).map(PathBuf::from);
    let (segments, prompts, guardrails) = (path("segments"), path("prompts"), path("guardrails"));
    let reload = fields.take("reload").and_then(|node| document::duration(node, faults));
    let timezone = fields.take("timezone").and_then(|node| {
        let name = document::text(node, faults)?;
        let zone = TimeZone::get(&name).ok();
        if zone.is_none() {
            faults.error_with_help(
                node.span,
                format!("`{name}` is no time zone"),
                "write it as `Europe/London`",
            );
        }
        zone
    });
    let approvals = fields.take("approvals").and_then(|node| {
        let approvals = document::count(node, faults)?;
        if approvals > MOST_APPROVALS {
            let help = "write how many other persons must approve an edit of the guardrails, such as 1";
            faults.error_with_help(node.span, format!("at most {MOST_APPROVALS} can be asked for"), help);
        }
        Some(approvals)
    });
    let reload = reload?.max(Duration::from_millis(50));
    Some(PolicySettings {
        segments: segments?,
        prompts: prompts?,
        guardrails: guardrails?,
        reload,
        timezone: timezone?,
        approvals: approvals?,
    })
}

/// The most questions a second that may be put to second models about copy that is there already.
const MOST_CHECKS: usize = 10_000;

fn limits(fields: &mut Fields<'_>, faults: &Faults) -> Option<Limits> {
    let mut count = |key| {
        let node = fields.take(key)?;
        Some((node.span, document::count(node, faults)?))
    };
    let (deadline, max_deadline) = (count("deadline_ms"), count("max_deadline_ms"));
    let (concurrency, queue) = (count("concurrency"), count("queue"));
    let user_generations = count("user_generations_per_day").map(|(_, most)| most).filter(|most| *most > 0);
    let checks = count("checks_per_second");
    if let Some((span, checks)) = checks
        && !(1..=MOST_CHECKS).contains(&checks)
    {
        let help = format!("write 1 to {MOST_CHECKS}");
        faults.error_with_help(span, "copy would be withheld for ever, or too much asked at once", &help);
    }
    let drain = fields.take("drain").and_then(|node| document::duration(node, faults));
    let generation_timeout = fields.take("generation_timeout").and_then(|node| some_time(node, faults));
    let ((_, deadline), (_, max_deadline)) = (deadline?, max_deadline?);
    let (concurrency_at, concurrency) = concurrency?;
    if concurrency == 0 {
        let help = "write 1 or more; `mode: prewritten` in placements stops generation";
        faults.error_with_help(concurrency_at, "no generation could ever run", help);
    }
    let millis = |n: usize| Duration::from_millis(n as u64);
    Some(Limits {
        deadline: millis(deadline),
        max_deadline: millis(max_deadline),
        generation_timeout: generation_timeout?,
        concurrency,
        queue: queue?.1,
        user_generations_per_day: user_generations.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
        checks_per_second: u32::try_from(checks?.1).unwrap_or(u32::MAX),
        drain: drain?,
    })
}

fn budget(fields: &mut Fields<'_>, faults: &Faults) -> Option<BudgetSettings> {
    let mut money = |key| {
        let node = fields.take(key)?;
        let amount = document::number(node, faults)?;
        if amount < 0.0 {
            let help = "write 0 or more";
            faults.error_with_help(node.span, "a budget cannot be below nothing", help);
        }
        Some(amount)
    };
    let (per_day, per_request) = (money("per_day"), money("per_request"));
    let shares = section(fields, "shares", faults, |fields| {
        let mut share =
            |key| share(fields.take(key)?, "write a part of the day's budget, from 0 to 1", faults);
        let (pages, bulk, refresh) = (share("pages"), share("bulk"), share("refresh"));
        Some(Shares { pages: pages?, bulk: bulk?, refresh: refresh? })
    });
    // Nothing for one generation would be no limit that anybody can want: it stands for none.
    let per_request = per_request.filter(|amount| *amount > 0.0);
    Some(BudgetSettings { per_day, per_request, shares: shares.flatten()? })
}

/// A share, from 0 to 1.
pub(super) fn share(node: &Node, help: &str, faults: &Faults) -> Option<f64> {
    let given = document::text(node, faults)?;
    let share = given.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    if share.is_none() {
        faults.error_with_help(node.span, format!("`{given}` is no share"), help);
    }
    share
}

fn bytes(node: &Node, faults: &Faults) -> Option<u64> {
    let text = document::text(node, faults)?;
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let each = match unit.trim() {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let bytes = number.parse::<u64>().ok().zip(each).and_then(|(number, each)| number.checked_mul(each));
    if bytes.is_none() {
        faults.error_with_help(node.span, format!("`{text}` is no size"), "write it as `256MiB`");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[track_caller]
    fn check_faults(text: &str, variables: &[(&str, &str)], expected: &[(&str, &str)]) {
        let (settings, faults) = load(Some(("c.toml", text)), &environment(variables));
        assert!(settings.is_none());
        let found: Vec<_> = faults.iter().map(|d| (d.place(), d.message.clone())).collect();
        let found: Vec<_> = found.iter().map(|(p, m)| (p.as_str(), m.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_reference_is_the_default() {
        let (settings, faults) = load(None, &BTreeMap::new());
        assert_eq!(faults, []);
        let settings = settings.unwrap();
        assert_eq!(settings.limits.deadline, Duration::from_millis(150));
        assert_eq!(settings.cache_bytes, 256 << 20);
        assert!(settings.providers.is_empty());
        assert!(settings.listen.ip().is_loopback());
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let variables = environment(&[
            ("COPYRAIL__LIMITS__DEADLINE_MS", "75"),
            ("COPYRAIL__LISTEN", "127.0.0.1:9"),
            ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1/"),
        ]);
        let (settings, faults) =
            load(Some(("c.toml", "[limits]\ndeadline_ms = 10\nqueue = 3\n")), &variables);
        assert_eq!(faults, []);
        let settings = settings.unwrap();
        assert_eq!(settings.limits.deadline, Duration::from_millis(75));
        assert_eq!(settings.limits.queue, 3);
        assert_eq!(settings.listen.port(), 9);
        assert_eq!(settings.providers[0].base_url, "http://127.0.0.1:1/v1");
    }

    #[test]
    fn the_commented_provider_of_the_reference_is_true() {
        let shown: String = REFERENCE
            .lines()
            .skip_while(|line| !line.starts_with("# [[llm.providers]]"))
            .take_while(|line| line.starts_with('#'))
            .map(|line| format!("{}\n", line.trim_start_matches("# ")))
            .collect();
        let (settings, faults) =
            load(Some(("c.toml", &shown)), &environment(&[("OPENAI_API_KEY", "sk-secret")]));
        assert_eq!(faults, []);
        let settings = settings.unwrap();
        assert_eq!(
            settings.providers[0].price,
            Some(crate::config::Price { input: 0.40, cached_input: 0.10, output: 1.60 })
        );
        assert!(!format!("{settings:?}").contains("sk-secret"));
    }

    #[test]
    #[cfg(not(feature = "otlp"))]
    fn traces_are_not_sent_by_a_build_that_cannot() {
        check_faults(
            "[telemetry]\notlp = \"http://127.0.0.1:4318\"\n",
            &[],
            &[("c.toml:2:8", "this build sends no traces")],
        );
    }

    #[test]
    #[cfg(feature = "otlp")]
    fn traces_are_sent_over_http() {
        check_faults(
            "[telemetry]\notlp = \"127.0.0.1:4318\"\n",
            &[],
            &[("c.toml:2:8", "`127.0.0.1:4318` is no http or https address")],
        );
    }

    #[test]
    fn every_fault_is_found_in_one_go() {
        check_faults(
            "listen = \"here\"\n[limits]\ndeadlin_ms = 1\nqueue = -1\n[policy]\ntimezone = \"Mars\"\n[store]\nurl = \"postgres://me:pw@db/x\"\n",
            &[("COPYRAIL__CACHE__BYTES", "lots"), ("COPYRAIL__LIMITS__QEUE", "1")],
            &[
                ("environment variable COPYRAIL__CACHE__BYTES:1:1", "`lots` is no size"),
                ("environment variable COPYRAIL__LIMITS__QEUE:1:1", "this section has no key `qeue`"),
                ("c.toml:1:10", "`here` is not an address"),
                ("c.toml:3:1", "this section has no key `deadlin_ms`"),
                ("c.toml:4:9", "a whole number is needed here"),
                ("c.toml:6:12", "`Mars` is no time zone"),
                ("c.toml:8:7", "`postgres` is no store of this version"),
            ],
        );
        check_faults(
            "listen = ",
            &[],
            &[("c.toml:1:10", "this is no TOML: string values must be quoted, expected literal string")],
        );
    }

    #[test]
    fn what_a_section_cannot_mean_is_told_where_it_stands() {
        #[track_caller]
        fn check(text: &str, place: &str, message: &str) {
            check_faults(text, &[], &[(&format!("c.toml:{place}"), message)]);
        }
        let no_time = "nothing can be done in no time";
        check("[limits]\ngeneration_timeout = \"0s\"", "2:22", no_time);
        check("[llm]\nbudget = {shares = {pages = nan}}", "2:29", "`nan` is no share");
        check("[llm]\nbudget = {shares = {bulk = 1.5}}", "2:28", "`1.5` is no share");
        let no_file = "the store is a file, and none is named";
        for url in ["sqlite:", "sqlite://", "sqlite::memory:"] {
            check(&format!("[store]\nurl = \"{url}\""), "2:7", no_file);
        }
        check("limits = 5", "1:10", "this section must be a table, and this is a single value");
        let providers = "`providers` must be a list of tables, and this is a table";
        check("[llm.providers]\nname = \"a\"", "1:1", providers);
        check("[llm]\nproviders = [1]", "2:14", "a provider must be a table, and this is a single value");
    }

    #[test]
    fn what_a_provider_cannot_mean_is_told_where_it_stands() {
        const PROVIDER: &str = "[[llm.providers]]\nname = \"a\"\nmodel = \"m\"\n";
        #[track_caller]
        fn check(line: &str, column: u32, message: &str) {
            let address = if line.contains("base_url") { "" } else { "\nbase_url = \"http://a\"" };
            let place = format!("c.toml:4:{column}");
            check_faults(&format!("{PROVIDER}{line}{address}"), &[], &[(&place, message)]);
        }
        let no_time = "nothing can be done in no time";
        check("timeout = \"0s\"", 11, no_time);
        check("connect_timeout = \"0ms\"", 19, no_time);
        check("first_byte_timeout = \"0h\"", 22, no_time);
        check("breaker = {open_for = \"0s\"}", 23, no_time);
        let too_long = "no provider is left alone for longer than five minutes";
        check("breaker = {open_for = \"301s\"}", 23, too_long);
        check("breaker = 5", 11, "this section must be a table, and this is a single value");
        check("api_version = \"\"", 15, "this names no version");
        check("price_per_million = {input = -1, output = 1}", 30, "a price cannot be below nothing");
        check("price_per_million = {input = 1}", 21, "this section needs `output`");
        let (no_http, no_user, no_query, no_path) = (
            "a provider's address begins with https:// or http://",
            "a provider's address holds no user and no password",
            "a provider's address ends with its path",
            "the address of an Azure resource has no path",
        );
        for (url, message) in [
            ("a.example/v1", no_http),
            ("ftp://a.example", no_http),
            ("https://", no_http),
            ("https://me@a.example/v1", no_user),
            ("https://me:pw@a.example/v1", no_user),
            ("https://a.example/v1?key=k", no_query),
            ("https://a.example/v1?", no_query),
            ("https://a.example/v1#top", no_query),
        ] {
            check(&format!("base_url = \"{url}\""), 12, message);
        }
        let azure = |path| format!("base_url = \"https://a.example{path}\"\nkind = \"azure\"");
        check(&azure("/openai"), 12, no_path);
        for path in ["", "/"] {
            let (settings, faults) =
                load(Some(("c.toml", &format!("{PROVIDER}{}", azure(path)))), &BTreeMap::new());
            assert_eq!((settings.is_some(), faults), (true, Vec::new()));
        }
        check_faults(
            &format!("{PROVIDER}base_url = \"http://a\"\n{PROVIDER}base_url = \"http://b\"\n"),
            &[],
            &[("c.toml:6:8", "`a` is the name of two providers: of this one, and of that in line 2")],
        );
    }

    #[test]
    fn the_commented_provider_of_signing_in_is_true() {
        let shown: String = REFERENCE
            .lines()
            .skip_while(|line| !line.starts_with("# [console.oidc]"))
            .take_while(|line| line.starts_with('#'))
            .map(|line| format!("{}\n", line.trim_start_matches("# ")))
            .collect();
        let text = format!("[console]\naddress = \"https://Copy.example.com:443/\"\n{shown}");
        let environment = environment(&[("COPYRAIL_OIDC_SECRET", "hush-hush")]);
        let (settings, faults) = load(Some(("c.toml", &text)), &environment);
        assert_eq!(faults, []);
        let console = settings.unwrap().console;
        assert_eq!(console.address.as_deref(), Some("https://copy.example.com"));
        assert!(console.is_https() && !format!("{console:?}").contains("hush"));
        let oidc = console.oidc.unwrap();
        assert_eq!((oidc.name_claim.as_str(), oidc.role_claim.as_str()), ("name", "groups"));
        assert_eq!(oidc.roles.review, ["copy-reviewers"]);
    }

    #[test]
    fn the_console_can_be_set_from_the_environment_alone() {
        let environment = environment(&[
            ("COPYRAIL__CONSOLE__ADDRESS", "http://127.0.0.1:8080"),
            ("COPYRAIL__CONSOLE__SESSION", "5m"),
            ("COPYRAIL__CONSOLE__IDLE", "1m"),
            ("COPYRAIL__CONSOLE__OIDC__ISSUER", "http://127.0.0.1:9/realm"),
            ("COPYRAIL__CONSOLE__OIDC__CLIENT_ID", "copyrail"),
            ("COPYRAIL__CONSOLE__OIDC__ROLES__COMPLIANCE", "legal"),
        ]);
        let (settings, faults) = load(None, &environment);
        assert_eq!(faults, []);
        let console = settings.unwrap().console;
        assert_eq!(console.second_looks, 0.02);
        assert!(!console.is_https() && !console.forwarded);
        let oidc = console.oidc.unwrap();
        assert_eq!((oidc.scopes.as_str(), oidc.client_secret.is_none()), ("openid profile email", true));
        assert_eq!(oidc.roles.compliance, ["legal"]);
    }

    #[test]
    fn what_the_console_cannot_mean_is_told_where_it_stands() {
        #[track_caller]
        fn check(text: &str, place: &str, message: &str) {
            let text = format!("[console]\n{text}");
            check_faults(&text, &[], &[(&format!("c.toml:{place}"), message)]);
        }
        let not_reached = "this is not where browsers reach the service: scheme, host and nothing behind it";
        for address in ["copy.example.com", "ftp://a.example", "https://a.example/x", "https://me@a.example"]
        {
            check(&format!("address = \"{address}\""), "2:11", not_reached);
        }
        let lasts = "a session lasts from five minutes to seven days";
        check("session = \"8d\"", "2:11", lasts);
        let idle = "a session that nobody uses ends after a minute or more, and no later than any other";
        check("idle = \"59s\"", "2:8", idle);
        check("session = \"30m\"\nidle = \"31m\"", "3:8", idle);
        check("second_looks = 1.5", "2:16", "`1.5` is no share");
        let provider = |lines: &str| {
            format!("address = \"https://a.example\"\n[console.oidc]\nclient_id = \"c\"\n{lines}")
        };
        let roles = "roles = {review = \"r\"}\n";
        let no_issuer =
            "an issuer is an https address without user, query and fragment, or one of this machine";
        for issuer in
            ["http://a.example", "https://a.example?x", "https://me@a.example", "a.example", "file:///a"]
        {
            check(&provider(&format!("{roles}issuer = \"{issuer}\"")), "6:10", no_issuer);
        }
        let good = |lines: &str| provider(&format!("issuer = \"https://i.example\"\n{lines}"));
        check(&good("roles = {}"), "6:9", "nobody could ever sign in");
        check(&good("roles = {review = [\"\"]}"), "6:9", "the empty text gives no role");
        check(
            &good(&format!("{roles}scopes = \"email\"")),
            "7:10",
            "without `openid` a provider says nothing of who somebody is",
        );
        check(&good(&format!("{roles}name_claim = \"\"")), "7:14", "this names no claim");
        check(
            &good(&format!("{roles}client_secret_env = \"NOT_SET\"")),
            "7:21",
            "the variable NOT_SET is not set",
        );
        let no_way_back =
            "the provider of `[console.oidc]` has to lead people back, and nothing says where to";
        let text = "address = \"\"\n[console.oidc]\nissuer = \"http://localhost:1\"\nclient_id = \"c\"\nroles = {admin = \"a\"}";
        check(text, "2:11", no_way_back);
    }

    #[test]
    fn nobody_is_told_to_write_yaml() {
        let provider = "[[llm.providers]]\nbreaker = 5\n";
        for text in ["limits = 5", "[llm]\nproviders = 5", "[llm]\nproviders = [5]", provider] {
            let (_, faults) = load(Some(("c.toml", text)), &BTreeMap::new());
            let advice: Vec<_> = faults.iter().filter_map(|fault| fault.help.as_deref()).collect();
            assert!(
                !advice.iter().any(|help| help.contains("indented") || help.contains("- ")),
                "{advice:?}"
            );
        }
    }

    #[test]
    fn shares_that_are_not_given_are_those_of_the_reference() {
        let text = "[llm]\nbudget = {shares = {pages = 0.75}}";
        let (settings, faults) = load(Some(("c.toml", text)), &BTreeMap::new());
        assert_eq!(faults, []);
        let shares = Shares { pages: 0.75, bulk: 0.5, refresh: 0.25 };
        assert_eq!(settings.unwrap().budget.shares, shares);
    }
}
