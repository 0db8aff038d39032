//! Every shipped file, broken in two hundred ways: what is in force is the last good set or a sound new one, never nothing,
//! and every refusal says where.
//!
//! The ways are the same in each run. All of them are tried with `COPYRAIL_MUTATIONS=all`, every tenth with
//! `COPYRAIL_MUTATIONS=10`; without it a few of each file are, of each others. `COPYRAIL_MUTATIONS_SHOWN=1` prints what
//! became of each at once.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use copyrail::config::PolicySettings;
use copyrail::document::Files;
use copyrail::policy::{Desk, Kept, Outcome, Read, Set, Sources};
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::support::{TestApp, Upstream, ask, copy_dir, root};

/// How many ways there are for each file.
const WAYS: usize = 200;
const NOW: &str = "2026-12-01T12:00:00Z";

/// Numbers that are always the same (SplitMix64, by its published constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % sides.max(1) as u64) as usize
    }

    fn one_of<'t, T>(&mut self, things: &'t [T]) -> Option<&'t T> {
        things.get(self.roll(things.len()))
    }
}

/// A way to break a file: what it is called, and the text that comes of it; `None` takes the file away.
type Way = (&'static str, fn(&str, &mut Dice) -> Option<String>);

const WAYS_TO_BREAK: &[Way] = &[
    ("a key is renamed", |text, dice| {
        Some(in_a_line(text, dice, is_pair, |line, dice| {
            let (before, after) = line.split_once(':').unwrap();
            let letter = ["x", "s", "_", "A"][dice.roll(4)];
            format!("{before}{letter}:{after}")
        }))
    }),
    ("two letters of a key change places", |text, dice| {
        Some(in_a_line(text, dice, is_pair, |line, _| {
            let (before, after) = line.split_once(':').unwrap();
            let mut letters: Vec<char> = before.chars().collect();
            let at = letters.len() - 1;
            if at > 0 && letters[at - 1] != ' ' {
                letters.swap(at - 1, at);
            }
            format!("{}:{after}", letters.into_iter().collect::<String>())
        }))
    }),
    ("a value is of another type", |text, dice| {
        Some(in_a_line(text, dice, is_pair, |line, dice| {
            const OTHERS: &[&str] = &[
                "[x]",
                "{a: b}",
                "17",
                "-1",
                "null",
                "true",
                "\"\"",
                "x",
                "1e999",
                ".nan",
                "[[[]]]",
                "2026-13-45",
                "99999999999999999999",
                "[]",
                "{}",
                "~",
            ];
            format!("{}: {}", line.split_once(':').unwrap().0, dice.one_of(OTHERS).unwrap())
        }))
    }),
    ("an item is of another type", |text, dice| {
        Some(in_a_line(text, dice, is_item, |line, dice| {
            const OTHERS: &[&str] = &["[x]", "{a: b}", "17", "null", "true", "\"\"", "[]", "{}"];
            format!("{}- {}", indent(line), dice.one_of(OTHERS).unwrap())
        }))
    }),
    ("a key stands there twice", |text, dice| {
        Some(in_a_line(text, dice, is_pair, |line, _| match line.trim_start().starts_with("- ") {
            true => format!("{line}\n{}", line.replacen("- ", "  ", 1)),
            false => format!("{line}\n{line}"),
        }))
    }),
    ("a line is gone", |text, dice| Some(in_a_line(text, dice, is_said, |_, _| String::new()))),
    ("a tab stands in the indent", |text, dice| {
        Some(in_a_line(
            text,
            dice,
            |line| line.starts_with("  "),
            |line, _| format!("\t{}", line.trim_start()),
        ))
    }),
    ("a line is moved by one", |text, dice| {
        Some(in_a_line(text, dice, is_said, |line, dice| match (dice.roll(2), line.strip_prefix(' ')) {
            (0, Some(less)) => less.to_owned(),
            _ => format!(" {line}"),
        }))
    }),
    ("a colon is gone", |text, dice| {
        Some(in_a_line(text, dice, is_pair, |line, _| line.replacen(':', "", 1)))
    }),
    ("a colon too many", |text, dice| {
        Some(in_a_line(text, dice, is_said, |line, _| format!("{line}: and: more")))
    }),
    ("a quote is not closed", |text, dice| {
        Some(in_a_line(text, dice, is_pair, |line, dice| {
            let quote = ["\"", "'"][dice.roll(2)];
            format!("{}: {quote}so", line.split_once(':').unwrap().0)
        }))
    }),
    ("a bracket is not closed", |text, dice| {
        Some(in_a_line(text, dice, is_pair, |line, dice| {
            format!("{}: {}a, b", line.split_once(':').unwrap().0, ["[", "{"][dice.roll(2)])
        }))
    }),
    ("cut short", |text, dice| Some(text[..text.floor_char_boundary(dice.roll(text.len()))].to_owned())),
    ("an anchor, an alias, a merge", |text, dice| {
        Some(in_a_line(text, dice, is_pair, |line, dice| {
            const THINGS: &[&str] =
                &["*nobody", "&a *a", "&name", "!!binary x", "!custom {a: b}", "{<<: {a: b}}"];
            format!("{}: {}", line.split_once(':').unwrap().0, dice.one_of(THINGS).unwrap())
        }))
    }),
    ("a merge key", |text, dice| {
        Some(in_a_line(text, dice, is_pair, |line, _| {
            format!("{line}\n{}<<: {{level: error}}", indent(line))
        }))
    }),
    ("a second document", |text, dice| {
        Some(in_a_line(text, dice, is_said, |line, dice| {
            format!("{line}\n{}", ["---", "...", "--- {}"][dice.roll(3)])
        }))
    }),
    ("a pattern that is none", |text, dice| {
        Some(in_a_line(text, dice, is_item, |line, dice| {
            const PATTERNS: &[&str] = &[
                "(unclosed",
                "[z-a]",
                "a{1000}{1000}{1000}",
                "(?<=a)b(?<!c)",
                "\\p{Nope}",
                "(?P<n>",
                "*",
                "a{9999999999}",
                "(a|b",
                "[[:nope:]]",
                "(?i",
                "\\",
                ".*",
                "(?=)",
                "(((((((a*)*)*)*)*)*)*)*$",
            ];
            format!("{}- '{}'", indent(line), dice.one_of(PATTERNS).unwrap())
        }))
    }),
    ("a reference that leads nowhere", |text, dice| {
        const NAMES: &[(&str, &str)] = &[
            ("product.", "product.no-such."),
            ("user.", "user.no_such_"),
            ("context.", "context.no_such_"),
            ("brand.", "brand.no-such-"),
            ("compliance.", "compliance.no-such-"),
            ("claims.", "claims.no-such-"),
            ("why-this", "nowhere"),
            ("health", "no-such-family"),
            ("evidence", "evidences"),
            ("en-GB", "no-SUCH-locale"),
            ("id: ", "id: no-such-"),
            ("name", "no_such_name"),
            ("user:", "wizard:"),
            ("{{", "{{ no_such."),
            ("}}", "| nope }}"),
        ];
        let (from, to) =
            *dice.one_of(&NAMES.iter().filter(|(from, _)| text.contains(from)).collect::<Vec<_>>())?;
        let places: Vec<usize> = text.match_indices(from).map(|(at, _)| at).collect();
        let at = *dice.one_of(&places)?;
        Some(format!("{}{to}{}", &text[..at], &text[at + from.len()..]))
    }),
    ("a template that is none", |text, dice| {
        Some(in_a_line(text, dice, is_said, |line, dice| {
            const PIECES: &[&str] = &[
                "{{ unclosed",
                "{% if x %}",
                "{% endfor %}",
                "{{ x | nope }}",
                "{% include 'x' %}",
                "{{ 1/0 }}",
                "system:",
                "{#",
            ];
            format!("{line}\n{}", dice.one_of(PIECES).unwrap())
        }))
    }),
    ("bytes that nobody sees", |text, dice| {
        const ODD: &[&str] =
            &["\u{0}", "\u{feff}", "\u{200b}", "\u{202e}", "\u{85}", "\u{2028}", "\u{7}", "\u{fffd}"];
        let at = text.floor_char_boundary(dice.roll(text.len()));
        Some(format!("{}{}{}", &text[..at], dice.one_of(ODD).unwrap(), &text[at..]))
    }),
    ("a byte order mark", |text, _| Some(format!("\u{feff}{text}"))),
    ("line ends of another system", |text, _| Some(text.replace('\n', "\r\n"))),
    ("a line of a mebibyte", |text, dice| {
        Some(in_a_line(text, dice, is_said, |line, dice| {
            format!("{line}{}", ["x", " y"][dice.roll(2)].repeat(1 << 19))
        }))
    }),
    ("nothing in it", |_, dice| {
        Some(["", " ", "\n\n", "# nothing\n", "null\n", "[]\n", "{}\n", "---\n"][dice.roll(8)].to_owned())
    }),
    ("gone", |_, _| None),
];

fn is_pair(line: &str) -> bool {
    let line = line.trim_start().trim_start_matches("- ");
    line.split_once(": ").map(|(key, _)| key).or(line.strip_suffix(':')).is_some_and(|key| {
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.$".contains(c))
    })
}

fn is_item(line: &str) -> bool {
    line.trim_start().starts_with("- ")
}

fn is_said(line: &str) -> bool {
    !line.trim().is_empty() && !line.trim_start().starts_with('#')
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

/// The text with one of the lines that are meant changed; as it was where there is none.
fn in_a_line(
    text: &str,
    dice: &mut Dice,
    meant: fn(&str) -> bool,
    change: impl Fn(&str, &mut Dice) -> String,
) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let places: Vec<usize> = (0..lines.len()).filter(|at| meant(&lines[*at])).collect();
    if let Some(at) = dice.one_of(&places) {
        lines[*at] = change(&lines[*at], dice);
    }
    lines.iter().fold(String::new(), |text, line| text + line + "\n")
}

/// What became of a file that was broken in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Became {
    Refused,
    Taken,
    Unchanged,
}

/// The files of a set that could be read.
fn files_of(read: &Option<Read>) -> &Files {
    read.as_ref().unwrap().as_ref().unwrap()
}

fn settings() -> PolicySettings {
    copyrail::config::load(None, &BTreeMap::new()).0.unwrap().policy
}

fn open(shipped: &Sources) -> Desk {
    let (desk, edits) =
        Desk::open(settings(), shipped.clone(), [Kept::default(), Kept::default()], NOW.parse().unwrap())
            .unwrap();
    assert!(edits.iter().all(|edit| matches!(edit.outcome, Outcome::InForce)));
    desk
}

/// The shipped files with one of them as given.
fn with(shipped: &Sources, set: Set, file: &str, text: Option<String>) -> Sources {
    let mut sources = shipped.clone();
    let files: &mut Files = match set {
        Set::Guardrails => sources.guardrails.as_mut().unwrap().as_mut().unwrap(),
        Set::Prompts => sources.copy.as_mut().unwrap().as_mut().unwrap(),
    };
    match text {
        Some(text) => files.insert(file.to_owned(), text),
        None => files.remove(file),
    };
    sources
}

/// The ways that are tried of a file, by their numbers.
#[expect(clippy::disallowed_methods, reason = "a longer run is asked for in the environment")]
fn tried(number: usize) -> impl Iterator<Item = usize> {
    // Not a divisor of the number of ways, so that every file meets many sorts of them.
    let step = match std::env::var("COPYRAIL_MUTATIONS") {
        Ok(which) if which == "all" => 1,
        Ok(which) => which.parse::<usize>().unwrap().clamp(1, WAYS),
        Err(_) => 27,
    };
    (0..WAYS).filter(move |way| way % step == number % step)
}

#[expect(clippy::disallowed_methods, reason = "what was taken is asked for in the environment")]
fn shown() -> bool {
    std::env::var("COPYRAIL_MUTATIONS_SHOWN").is_ok()
}

fn broken(file: &str, text: &str, way: usize) -> (&'static str, Option<String>) {
    let (name, change) = WAYS_TO_BREAK[way % WAYS_TO_BREAK.len()];
    let seed =
        file.bytes().fold(way as u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    (name, change(text, &mut Dice(seed)))
}

/// The first line that differs.
fn difference(before: &str, after: &str) -> String {
    let differs = before.lines().zip(after.lines()).position(|(a, b)| a != b);
    let at = differs.unwrap_or(before.lines().count().min(after.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(end)").chars().take(100).collect::<String>();
    format!("{}: {:?} → {:?}", at + 1, line(before), line(after))
}

/// Breaks one file in all its ways; what became of each, and what is amiss.
#[expect(clippy::disallowed_methods, reason = "this test stands where the service looks")]
fn check(number: usize, set: Set, file: &str, shipped: &Sources) -> (Vec<(Became, String)>, String) {
    let text = match set {
        Set::Guardrails => &files_of(&shipped.guardrails)[file],
        Set::Prompts => &files_of(&shipped.copy)[file],
    };
    let (mut became, mut amiss) = (Vec::new(), String::new());
    let shown = shown();
    let mut note = |what: Became, told: String| {
        if shown {
            eprintln!("{what:?} {told}");
        }
        became.push((what, told));
    };
    let mut desk = open(shipped);
    let rules = desk.pin().guardrails.rules().len();
    for way in tried(number) {
        let (name, changed) = broken(file, text, way);
        let told =
            format!("{file} {way} ({name}) {}", difference(text, changed.as_deref().unwrap_or_default()));
        if changed.as_deref() == Some(text) {
            note(Became::Unchanged, told);
            continue;
        }
        let before = desk.pin();
        let sources = with(shipped, set, file, changed);
        let Ok(edits) = catch_unwind(AssertUnwindSafe(|| desk.look(sources, &|| NOW.parse().unwrap())))
        else {
            writeln!(amiss, "{told}: it panics").unwrap();
            desk = open(shipped);
            continue;
        };
        let after = desk.pin();
        let [edit] = edits.as_slice() else { panic!("{told}: one set changed, and {edits:?}") };
        if after.guardrails.rules().len() < rules || after.copy.prompts.placements().count() == 0 {
            writeln!(amiss, "{told}: {} rules are in force", after.guardrails.rules().len()).unwrap();
        }
        if matches!(edit.outcome, Outcome::InForce) {
            note(Became::Taken, told);
            // Back to the shipped files; where those would now lack a rule, from the beginning.
            desk.look(shipped.clone(), &|| NOW.parse().unwrap());
            if desk.pin().revision != before.revision {
                desk = open(shipped);
            }
            continue;
        }
        if after.revision != before.revision {
            writeln!(amiss, "{told}: refused, and something else is in force").unwrap();
        }
        let faults: Vec<_> = edit.diagnostics.iter().filter(|fault| fault.is_error()).collect();
        let says = |fault: &&copyrail::diagnostic::Diagnostic| {
            !fault.file.is_empty()
                && fault.span.start.line >= 1
                && fault.span.start.column >= 1
                && !fault.message.is_empty()
        };
        let names = faults.iter().any(|fault| fault.file == file);
        if faults.is_empty() || !faults.iter().all(says) || desk.refused().len() != 1 {
            writeln!(amiss, "{told}: it is not said where: {faults:?}").unwrap();
        }
        // What others refer to is missing where they do so.
        let stem = file.rsplit('/').next().unwrap().split('.').next().unwrap();
        let refers = |fault: &&copyrail::diagnostic::Diagnostic| {
            fault.message.contains(stem) || file.ends_with("segments.yml")
        };
        if !names && !faults.iter().any(refers) {
            writeln!(amiss, "{told}: nothing names it: {faults:?}").unwrap();
        }
        note(Became::Refused, format!("{told}: {} {}", faults[0].place(), faults[0].message));
    }
    (became, amiss)
}

#[test]
fn no_broken_file_is_taken_for_a_sound_one_and_none_leaves_the_service_without_rules() {
    let shipped = Sources::read(&settings());
    let of = |set, files: &Files| files.keys().map(|file| (set, file.clone())).collect::<Vec<_>>();
    let mut files = of(Set::Guardrails, files_of(&shipped.guardrails));
    files.extend(of(Set::Prompts, files_of(&shipped.copy)));
    assert!(files.len() > 20, "{files:?}");
    let found: Vec<_> =
        files.par_iter().enumerate().map(|(n, (set, file))| check(n, *set, file, &shipped)).collect();
    let mut counts: BTreeMap<Became, usize> = BTreeMap::new();
    let mut amiss = String::new();
    for (became, wrong) in found {
        amiss += &wrong;
        for (became, _) in became {
            *counts.entry(became).or_default() += 1;
        }
    }
    eprintln!("{counts:?}");
    assert!(amiss.is_empty(), "{amiss}");
    assert!(counts[&Became::Refused] > counts[&Became::Taken], "{counts:?}");
}

/// What no text can be broken into, on a disk.
type OnDisk = (&'static str, fn(&Path, &Path));

const ON_DISK: &[OnDisk] = &[
    ("UTF-16", |path, _| {
        let text = std::fs::read_to_string(path).unwrap();
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(path, [&[0xff, 0xfe][..], &bytes].concat()).unwrap();
    }),
    ("bytes that are no text", |path, _| std::fs::write(path, [b'r', 0xc3, 0x28, 0]).unwrap()),
    ("too large", |path, _| std::fs::write(path, vec![b'#'; (4 << 20) + 1]).unwrap()),
    ("a folder", |path, _| {
        std::fs::remove_file(path).unwrap();
        std::fs::create_dir(path).unwrap();
    }),
    ("a link that leads nowhere", |path, _| {
        std::fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink("nowhere", path).unwrap();
    }),
    ("a link to itself", |path, _| {
        std::fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink(path.file_name().unwrap(), path).unwrap();
    }),
    ("empty", |path, _| std::fs::write(path, "").unwrap()),
    ("the whole folder is gone", |_, top| std::fs::remove_dir_all(top).unwrap()),
    ("the whole folder is empty", |_, top| {
        std::fs::remove_dir_all(top).unwrap();
        std::fs::create_dir(top).unwrap();
    }),
    ("the whole folder is a file", |_, top| {
        std::fs::remove_dir_all(top).unwrap();
        std::fs::write(top, "").unwrap();
    }),
];

#[tokio::test]
async fn a_service_goes_on_whatever_becomes_of_its_files() {
    const FORBIDDEN: &str = "A risk-free choice for the evening.";
    let upstream = Upstream::saying(FORBIDDEN).await;
    let mut app = TestApp::start(&upstream).await;
    let shipped = app.get("/v1/policy", "compliance").await.body;
    let folder = app.folder.path().to_owned();
    let mut asked = 0;
    for file in ["guardrails/compliance.yml", "prompts/why-this/placement.yml", "config/segments.yml"] {
        for (name, change) in ON_DISK {
            let top = file.split('/').next().unwrap();
            change(&folder.join(file), &folder.join(top));
            app.look().await;
            let told = format!("{file}: {name}");
            let policy = app.get("/v1/policy", "compliance").await.body;
            assert_eq!(policy["revision"], shipped["revision"], "{told}");
            let refused = policy["refused"].as_array().unwrap();
            let says = |fault: &Value| {
                fault["line"].as_u64() >= Some(1) && !fault["message"].as_str().unwrap().is_empty()
            };
            // What is missing in the segments file is told where templates refer to it.
            let names = |fault: &Value| {
                fault["file"].as_str().unwrap().contains(top)
                    || (top == "config" && fault["message"].as_str().unwrap().contains("segment"))
            };
            assert!(
                !refused.is_empty() && refused.iter().all(says) && refused.iter().any(names),
                "{told}: {refused:#?}"
            );
            assert_eq!(app.get("/readyz", "serve").await.body["status"], "degraded", "{told}");
            assert_eq!(policy["alerts"][0]["kind"], "edit_refused", "{told}: {}", policy["alerts"]);
            asked += 1;
            let answer = app.blurb(ask(&format!("Lamp {asked}"))).await;
            assert_eq!(answer["reason"], "guardrail", "{told}: rules are in force: {answer}");
            // And so it is after a restart.
            if name.contains("folder") {
                app.restart().await.unwrap();
                let policy = app.get("/v1/policy", "compliance").await.body;
                assert_eq!(policy["revision"], shipped["revision"], "{told}");
            }
            let _ = std::fs::remove_dir_all(folder.join(top));
            let _ = std::fs::remove_file(folder.join(top));
            copy_dir(&root().join(top), &folder.join(top));
            app.look().await;
            let policy = app.get("/v1/policy", "compliance").await.body;
            assert_eq!(
                (&policy["refused"], &policy["revision"]),
                (&json!([]), &shipped["revision"]),
                "{told}"
            );
        }
    }
}

#[tokio::test]
async fn no_service_starts_without_rules() {
    let shipped = Sources::read(&settings());
    let shipped = files_of(&shipped.guardrails);
    let gone: Vec<(&str, &str)> = shipped.keys().map(|file| (file.as_str(), "")).collect();
    let started = TestApp::try_start(&gone, &[], copyrail::app::wall_clock()).await.map(|_| ());
    assert!(matches!(started, Err(copyrail::app::StartError::Policy(_))), "{started:?}");
}
