//! The pure rooms touch no clock, network, disk or environment: said in the contract, held here.

use std::path::Path;

use crate::support::root;

/// Rooms that take values and return values.
const PURE: &[&str] = &[
    "alerts",
    "fallback",
    "prompt",
    "guardrail",
    "segment",
    "condition",
    "document.rs",
    "diagnostic.rs",
    "words.rs",
];
/// What a pure room has no business with.
const EFFECTS: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::time::Instant",
    "std::time::SystemTime",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "now_v7",
    "std::thread",
    "tokio",
    "reqwest",
    "sqlx",
    "axum",
    "tracing",
    "File::",
    "stdin(",
    "stdout(",
    "stderr(",
    "println!",
    "eprintln!",
];
/// The rooms in their order, those above first: each stands on those below it and knows nothing of those above.
const ORDER: &[&str] = &[
    "cli",
    "app",
    "console",
    "http",
    "simulate",
    "alerts",
    "pipeline",
    "replay",
    "casefile",
    "policy",
    "generate",
    "cache",
    "stops",
    "audit",
    "catalogue",
    "store",
    "fallback",
    "prompt",
    "guardrail",
    "segment",
    "condition",
    "document",
    "diagnostic",
    "telemetry",
];
/// Doors that the order does not have: who knocks, at whose door, and why it is open.
const DOORS: &[(&str, &str, &str)] = &[
    ("http", "app", "handlers take what all of them share; app puts it together"),
    ("console", "app", "so do pages"),
];

/// Every source file of a room, without its tests: those may read data.
fn sources(room: &str) -> Vec<(String, String)> {
    let path = root().join("src").join(room);
    let mut found = Vec::new();
    let mut file = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        found.push((path.strip_prefix(root()).unwrap().display().to_string(), text));
    };
    let module = root().join("src").join(format!("{}.rs", room.trim_end_matches(".rs")));
    if module.exists() {
        file(&module);
    }
    let mut folders = if path.is_dir() { vec![path] } else { Vec::new() };
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" && name != "snapshots" {
                folders.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" && name != "testing.rs" {
                file(&path);
            }
        }
    }
    assert!(!found.is_empty(), "there is no room {room}");
    found
}

/// The lines of code, comments left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(n, line)| (n + 1, line))
}

#[test]
fn pure_rooms_have_no_effects() {
    let mut found = Vec::new();
    for room in PURE {
        for (path, text) in sources(room) {
            for (number, line) in code(&text) {
                found.extend(
                    EFFECTS.iter().filter(|e| line.contains(**e)).map(|e| format!("{path}:{number}: {e}")),
                );
            }
        }
    }
    assert!(found.is_empty(), "pure rooms with effects:\n{}", found.join("\n"));
    // The search itself bites: a room with effects is not pure.
    let effects = |room| {
        sources(room).iter().any(|(_, text)| code(text).any(|(_, l)| EFFECTS.iter().any(|e| l.contains(e))))
    };
    assert!(effects("policy") && effects("audit"));
}

#[test]
fn rooms_know_nothing_of_those_above() {
    let mut found = Vec::new();
    for (at, room) in ORDER.iter().enumerate() {
        for (path, text) in sources(room) {
            for (number, line) in code(&text) {
                for above in &ORDER[..at] {
                    let knows = line.contains(&format!("crate::{above}::"))
                        || line.contains(&format!("crate::{above};"));
                    let open = DOORS.iter().any(|(from, to, _)| from == room && to == above);
                    if knows && !open {
                        found.push(format!("{path}:{number}: {room} knows {above}"));
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "rooms that look up:\n{}", found.join("\n"));
}

#[test]
fn approved_is_made_in_one_place() {
    let mut makers = Vec::new();
    for room in ORDER {
        for (path, text) in sources(room) {
            makers.extend(
                code(&text)
                    .filter(|(_, line)| {
                        line.contains("Approved {") && !line.contains("struct") && !line.contains("impl")
                    })
                    .map(|_| path.clone()),
            );
        }
    }
    makers.sort();
    makers.dedup();
    assert_eq!(makers, ["src/guardrail/approve.rs"]);
}
