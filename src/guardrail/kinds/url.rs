//! `url`: links to elsewhere than allowed.

use regex::Regex;

use super::super::Ground;
use super::super::patterns::{Style, compile_linear};
use super::super::rule::Hit;
use super::super::text::{Text, slice};
use crate::diagnostic::Span;
use crate::document::{Faults, Fields, Node, list, text};

/// The endings of hosts in general use.
const GENERIC: &str = "com net org info biz edu gov mil int app dev shop store online site website xyz club blog tech cloud agency \
    digital company global world today link click email mobi asia jobs museum coop aero travel guru ninja group \
    media network space studio design wiki bank law health care fit style fashion beauty top vip win bid loan icu \
    cyou buzz rest bar zip mov рф укр бел срб 中国 公司 网络 香港 台湾 한국";
/// The endings of countries.
const COUNTRIES: &str = "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by bz ca \
    cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr \
    ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm \
    jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq \
    mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr pt pw py qa re \
    ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to \
    tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw";
/// Words with a point in them that are no hosts: names of technologies and files.
const NO_HOSTS: &[&str] = &["asp.net", "ado.net", "vb.net", "paint.net", "readme.md", "main.py", "main.rs"];
/// Schemes that run what they hold: nobody may allow them.
const RUNNING: &[&str] = &["javascript", "vbscript", "data"];

/// One letter or digit of a host's label.
const LETTER: &str = r"[\p{L}\p{N}]";

/// Links to elsewhere than allowed.
#[derive(Debug)]
pub(in crate::guardrail) struct Url {
    pattern: Regex,
    /// A pattern without which nothing is found.
    loose: String,
    allow: Vec<Allowed>,
}

/// Where links may go. What is not said may be anything.
#[derive(Debug, Default, PartialEq)]
struct Allowed {
    scheme: Option<String>,
    host: Option<String>,
    /// Who is written to there, for `mailto:`.
    user: Option<String>,
    /// Whether any host below `host` is meant, and not `host` itself.
    below: bool,
    path: String,
}

/// The sorts of links, each a group of the pattern.
const SORTS: [&str; 6] = ["scheme", "opaque", "mail", "spelt", "host", "relative"];

impl Url {
    /// Reads `allow`, a list of schemes and hosts; nothing is allowed without it.
    pub(in crate::guardrail) fn read(
        fields: &mut Fields<'_>,
        _style: Style,
        faults: &Faults,
    ) -> Option<Self> {
        let before = faults.errors();
        let node = fields.take("allow");
        let items = node.map(|node| list(node, faults)).unwrap_or_default();
        let allow = items.iter().filter_map(|item| allowed(item, faults)).collect();
        let span = node.map_or(fields.span(), |node| node.span);
        let (pattern, loose) = pattern(span, faults)?;
        (faults.errors() == before).then_some(Self { pattern, loose, allow })
    }

    pub(super) fn loose(&self) -> &str {
        &self.loose
    }

    pub(super) fn find(&self, text: &Text<'_>, _ground: &Ground<'_>) -> Vec<Hit> {
        let reading = text.written();
        let mut hits = Vec::new();
        let mut at = 0;
        while let Some(found) = self.pattern.captures_at(reading.text(), at) {
            let Some(whole) = found.get(0).filter(|whole| !whole.is_empty()) else { break };
            at = whole.end();
            let Some(sort) = SORTS.into_iter().find(|sort| found.name(sort).is_some()) else { continue };
            let after = slice(reading.text(), whole.end()..reading.text().len());
            let before = slice(reading.text(), 0..whole.start()).chars().next_back();
            let Some(length) = length(sort, whole.as_str(), before, after) else { continue };
            let link = trimmed(slice(reading.text(), whole.start()..whole.start() + length));
            let length = link.len();
            at = (whole.start() + length).max(at);
            let origin = reading.origin(whole.start()..whole.start() + length);
            // What only reads like an allowed link, `exаmple.com` with a Cyrillic letter, leads elsewhere.
            let as_given = slice(text.given(), origin.clone()) == link;
            if !(as_given && self.allow.iter().any(|allowed| allowed.holds(sort, link))) {
                hits.push(Hit::at(origin));
            }
        }
        hits
    }
}

/// What looks like a link, by sorts. Each is looked at more closely by [`length`].
fn pattern(span: Span, faults: &Faults) -> Option<(Regex, String)> {
    let label = format!("{LETTER}(?:{LETTER}|[-_])*");
    let dot = "[.。｡]";
    let host = format!(r"{label}(?:{dot}(?:{LETTER}|[-_])+)+");
    let spelt = r"(?: ?[\[({] ?(?:\.|dot|punkt|point) ?[\])}] ?| (?:dot|punkt) )";
    let expression = [
        r#"(?P<scheme>[a-z][a-z0-9+.-]+:[/\\]{2}[^\s<>"']+)"#.to_owned(),
        format!(r#"(?P<opaque>(?:{OPAQUE}):[^\s<>"']+|data:[^\s<>"']*[,;/][^\s<>"']+)"#),
        format!(r"(?P<mail>(?:{LETTER}|[._%+'-])+@{host})"),
        format!(r"(?P<spelt>(?:{label}{spelt})+(?:com|net|org|info|biz|io|co|de|at|ch|eu|uk|us|fr|shop|app|dev|online)\b)"),
        format!("(?P<relative>//{host})"),
        format!("(?P<host>{host})"),
    ]
    .join("|");
    let style = Style { ignore_case: true, nonword: true, ..Style::default() };
    let (full, _) = compile_linear(&expression, style, span, faults)?;
    let loose = format!(
        r"(?i){LETTER}{dot}\p{{L}}|\d\.\d+[:/]|@{LETTER}|:[/\\]{{2}}|//{LETTER}|(?:{OPAQUE}|data):\S|[\[({{] ?(?:\.|dot|punkt|point) ?[\])}}]|(?:dot|punkt) [cnoibdaeuf]"
    );
    Some((full, loose))
}

/// The schemes that need no slashes.
const OPAQUE: &str = "mailto|javascript|vbscript|tel|sms|smsto|whatsapp|callto|skype|facetime|blob|about|view-source|\
    magnet|intent|market";

/// A link without the signs of the sentence that it stands in, and without brackets that it does not open itself.
fn trimmed(link: &str) -> &str {
    const BRACKETS: [(char, char); 3] = [('(', ')'), ('[', ']'), ('{', '}')];
    /// More of them end no link that anybody wrote.
    const MOST: usize = 8;
    let mut link = link;
    for _ in 0..MOST {
        let ends = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '"', '\'', '*', '…']);
        let unopened = |(open, close): &(char, char)| {
            ends.ends_with(*close) && ends.matches(*close).count() > ends.matches(*open).count()
        };
        let cut = usize::from(BRACKETS.iter().any(unopened));
        if cut == 0 && ends.len() == link.len() {
            break;
        }
        link = slice(ends, 0..ends.len() - cut);
    }
    link
}

/// How long the link is that begins with what looks like one, in bytes; `None` when it is none: `www.` alone, a missing
/// space after a full stop (`wear.It`), an abbreviation, the name of a file.
fn length(sort: &str, found: &str, before: Option<char>, after: &str) -> Option<usize> {
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '@' | '_' | '$'));
    let whole = || found.len() + rest_length(after);
    let name = match sort {
        "scheme" | "opaque" => return Some(found.len()),
        "spelt" => {
            let first = found.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            // The dot com years, a polka dot.
            let words = ["the", "a", "an", "this", "that", "polka", "each", "one", "der", "die", "das"];
            let is_word =
                !found.contains(['[', '(', '{']) && words.iter().any(|w| w.eq_ignore_ascii_case(first));
            return (!in_word && !is_word).then(whole);
        }
        "relative" => {
            let host = found.trim_start_matches('/');
            return (host_length(host)? == host.len()).then(whole);
        }
        "mail" => found.split_once('@')?.1,
        _ => found,
    };
    if in_word {
        return None;
    }
    let www = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."));
    let numbers = name.split('.').filter(|part| part.parse::<u8>().is_ok()).count();
    let is_address = numbers == 4 && name.split('.').count() == 4;
    if (www || is_address && rest_length(after) > 1) && sort == "host" {
        return Some(whole());
    }
    let length = host_length(name)?;
    // A port or a path belongs to the whole of what stands before it.
    Some(if length == name.len() { whole() } else { found.len() - name.len() + length })
}

/// The length of the port and the path that follow a host.
fn rest_length(after: &str) -> usize {
    let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'');
    let port = after.strip_prefix(':').map_or(0, |rest| {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 { digits + 1 } else { 0 }
    });
    let path = slice(after, port..after.len());
    port + if path.starts_with(['/', '?', '#', '\\']) { path.find(ends).unwrap_or(path.len()) } else { 0 }
}

/// The longest name that a host can have, in bytes of its characters at most.
const MAX_HOST: usize = 253;

/// The longest beginning of a name that is a host with a known ending.
fn host_length(name: &str) -> Option<usize> {
    let ends = name.char_indices().take(MAX_HOST).filter(|(_, c)| is_dot(*c)).map(|(at, _)| at);
    ends.chain((name.len() <= 4 * MAX_HOST).then_some(name.len()))
        .filter(|end| name.get(..*end).is_some_and(is_host))
        .last()
}

fn is_dot(c: char) -> bool {
    matches!(c, '.' | '。' | '｡')
}

fn is_host(name: &str) -> bool {
    let lower = name.to_lowercase();
    let (mut labels, mut ends) = (name.rsplit(is_dot), lower.rsplit(is_dot));
    let (ending, Some(last), Some(end)) = (labels.next().unwrap_or_default(), labels.next(), ends.next())
    else {
        return false;
    };
    let country = COUNTRIES.split_whitespace().any(|known| known == end);
    if !country && !GENERIC.split_whitespace().any(|known| known == end) && !end.starts_with("xn--") {
        return false;
    }
    if name.split(is_dot).any(str::is_empty) || NO_HOSTS.contains(&lower.as_str()) {
        return false;
    }
    // A country's two letters are common words too; a name in front of them is longer, and they are in small letters.
    let in_capitals = !country && !name.chars().any(char::is_lowercase);
    let small = !ending.chars().any(char::is_uppercase);
    let shortest = if country && labels.all(|label| label.chars().count() < 3) { 3 } else { 2 };
    (small || in_capitals) && last.chars().any(char::is_alphabetic) && last.chars().count() >= shortest
}

impl Allowed {
    /// Whether a link of this sort goes where this allows.
    fn holds(&self, sort: &str, link: &str) -> bool {
        let lower = link.to_lowercase();
        let (scheme, rest) = match sort {
            "spelt" => return false,
            "mail" => (Some("mailto"), lower.as_str()),
            "relative" => (None, lower.trim_start_matches('/')),
            "scheme" | "opaque" => match lower.split_once(':') {
                Some((scheme, rest)) => (Some(scheme), rest.trim_start_matches("//")),
                None => (None, lower.as_str()),
            },
            _ => (None, lower.as_str()),
        };
        let is_mail = scheme == Some("mailto");
        // A link that names no scheme becomes a web page's.
        let web = |wanted: &str| matches!(wanted, "http" | "https");
        let same_scheme = match (&self.scheme, scheme) {
            (Some(wanted), Some(scheme)) => wanted == scheme,
            (Some(wanted), None) => web(wanted),
            (None, Some(scheme)) => web(scheme),
            (None, None) => true,
        };
        let Some(wanted) = &self.host else { return same_scheme };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
        let host = match authority.rsplit_once('@') {
            Some((user, host)) if is_mail && self.user.as_ref().is_none_or(|wanted| wanted == user) => host,
            // `https://example.com@elsewhere.com` leads elsewhere, and nobody needs to write a user into a link.
            Some(_) => return false,
            None => authority,
        };
        let host = host.trim_end_matches('.');
        let same_host = match host.strip_suffix(wanted.as_str()) {
            Some(front) if self.below => front.len() > 1 && front.ends_with('.'),
            Some(front) => front.is_empty(),
            None => false,
        };
        // `/shop` allows `/shop/tents` and not `/shopping`, nor a way back up.
        let below = path
            .strip_prefix(self.path.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']));
        let climbs = !self.path.is_empty() && path.contains("..");
        same_scheme && same_host && below && !climbs && !path.contains('\\')
    }
}

/// Reads `mailto:`, `https://example.com/shop`, `example.com`, `*.example.com`.
fn allowed(node: &Node, faults: &Faults) -> Option<Allowed> {
    const HELP: &str =
        "write `https://example.com`, `example.com`, `*.example.com` or a scheme such as `mailto:`";
    let given = text(node, faults)?.to_lowercase();
    let wrong = |message: String| {
        faults.error_with_help(node.span, message, HELP);
        None
    };
    let (scheme, rest) = match given.split_once(':') {
        Some((scheme, rest)) if !rest.starts_with(|c: char| c.is_ascii_digit()) => (Some(scheme), rest),
        _ => (None, given.as_str()),
    };
    if scheme.is_some_and(|scheme| RUNNING.contains(&scheme)) {
        return wrong(format!("`{given}` would allow links that run what they hold"));
    }
    let is_scheme = |s: &str| {
        s.starts_with(|c: char| c.is_ascii_alphabetic())
            && s.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
    };
    if scheme.is_some_and(|scheme| !is_scheme(scheme)) {
        return wrong(format!("`{given}` is neither a scheme nor a host"));
    }
    let rest = rest.trim_start_matches("//");
    if rest.is_empty() && scheme.is_some() {
        return Some(Allowed { scheme: scheme.map(str::to_owned), ..Allowed::default() });
    }
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = match host.split_once('@') {
        Some((user, host)) if scheme == Some("mailto") && !user.is_empty() => (Some(user.to_owned()), host),
        _ => (None, host),
    };
    let (below, host) = match host.strip_prefix("*.") {
        Some(host) => (true, host),
        None => (false, host),
    };
    static HOST: std::sync::LazyLock<Option<Regex>> = std::sync::LazyLock::new(|| {
        Regex::new(r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+(:\d{1,5})?$").ok()
    });
    if !HOST.as_ref().is_some_and(|pattern| pattern.is_match(host)) {
        return wrong(format!("`{given}` is neither a scheme nor a host"));
    }
    let (scheme, path) = (scheme.map(str::to_owned), path.trim_end_matches('/').to_owned());
    Some(Allowed { scheme, host: Some(host.to_owned()), user, below, path })
}
