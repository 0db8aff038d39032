//! What an edit of segments, placements and templates changes, in sentences.
//!
//! The files are compared as they are written, key by key, so that sets of older versions can be told from one another too.

use std::collections::BTreeMap;

use crate::diagnostic::Span;
use crate::document::{Faults, Files, Kind, Node, parse, parse_duration};
use crate::guardrail::{Change, Effect, told};

/// What of a placement goes how far, the least first.
const MODES: [&str; 3] = ["prewritten", "segment", "live"];

/// What changes from one set of files to another. Both have the same paths: `segments` is the segments' file, and all else
/// is of prompts. What lets copy go further than before loosens.
pub fn copy_changes(before: &Files, after: &Files, segments: &str) -> Vec<Change> {
    let mut all = Vec::new();
    let empty = String::new();
    let paths = after.keys().chain(before.keys().filter(|path| !after.contains_key(*path)));
    for path in paths {
        let (then, now) = (before.get(path), after.get(path));
        if then == now {
            continue;
        }
        let text = |given: Option<&String>| given.unwrap_or(&empty).clone();
        let mut edit = Edit { file: path, about: about(path), all: &mut all };
        match (then, now) {
            _ if path == segments => edit.segments(&text(then), &text(now)),
            (Some(_), None) => edit.say(Effect::Neutral, "is gone"),
            (None, Some(_)) => edit.say(Effect::Neutral, "is new"),
            _ if path.ends_with(".prompty") => edit.template(&text(then), &text(now)),
            _ if path.ends_with("/placement.yml") => edit.placement(&text(then), &text(now)),
            _ => edit.others(&text(then), &text(now)),
        }
    }
    all.sort_by_key(|change| change.effect);
    all
}

/// What a file is about: `why-this/default`, `why-this`, `shop`.
fn about(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [.., placement, "placement.yml"] => (*placement).to_owned(),
        [.., placement, file] if file.ends_with(".prompty") => {
            format!("{placement}/{}", file.trim_end_matches(".prompty"))
        }
        [.., file] => file.split('.').next().unwrap_or(file).to_owned(),
        [] => path.to_owned(),
    }
}

struct Edit<'a> {
    file: &'a str,
    about: String,
    all: &'a mut Vec<Change>,
}

/// The values of a map, by their keys.
fn entries(node: Option<&Node>) -> BTreeMap<String, Node> {
    match node.map(|node| &node.kind) {
        Some(Kind::Map(entries)) => {
            entries.iter().map(|(key, value)| (key.text.clone(), value.clone())).collect()
        }
        _ => BTreeMap::new(),
    }
}

fn same(then: Option<&Node>, now: Option<&Node>) -> bool {
    then.map(told::bare) == now.map(told::bare)
}

fn read(text: &str) -> Option<Node> {
    parse(text, &Faults::of(""))
}

/// What it does to claims that an attribute's text comes from the public, or does no longer.
fn trust(then: Option<&Node>, now: Option<&Node>) -> (Effect, &'static str) {
    let public = |node: Option<&Node>| {
        node.and_then(|node| node.get("trust")).is_some_and(|trust| told::written(trust) == "public")
    };
    match (public(then), public(now)) {
        (true, false) => (Effect::Loosens, ": what the public wrote there may support claims"),
        (false, true) => (Effect::Tightens, ": what stands there supports no claim any more"),
        _ => (Effect::Neutral, ""),
    }
}

/// A value, or that there is none.
fn value(node: Option<&Node>) -> String {
    node.map_or("nothing".to_owned(), |node| format!("`{}`", told::written(node)))
}

impl Edit<'_> {
    fn say(&mut self, effect: Effect, what: impl std::fmt::Display) {
        self.of(&self.about.clone(), effect, what, Span::START);
    }

    fn of(&mut self, about: &str, effect: Effect, what: impl std::fmt::Display, span: Span) {
        self.all.push(Change {
            about: about.to_owned(),
            effect,
            sentence: format!("`{about}` {what}"),
            owner: None,
            reference: None,
            file: self.file.to_owned(),
            span,
            word: None,
            gone: false,
        });
    }

    fn segments(&mut self, then: &str, now: &str) {
        let (then, now) = (read(then), read(now));
        let of = |root: &Option<Node>, key: &str| root.as_ref().and_then(|root| root.get(key)).cloned();
        let (old, new) =
            (entries(of(&then, "attributes").as_ref()), entries(of(&now, "attributes").as_ref()));
        for (path, node) in &new {
            let known = old.get(path);
            if same(known, Some(node)) {
                continue;
            }
            let what = match known {
                None => "is declared".to_owned(),
                Some(known) => {
                    format!("is declared as {} instead of {}", value(Some(node)), value(Some(known)))
                }
            };
            let (effect, so) = trust(known, Some(node));
            self.of(path, effect, format!("{what}{so}"), node.span);
        }
        for (path, known) in old.iter().filter(|(path, _)| !new.contains_key(*path)) {
            let (effect, so) = trust(Some(known), None);
            self.of(path, effect, format!("is no longer declared{so}"), Span::START);
        }
        let list = |root: &Option<Node>| match of(root, "segments").map(|node| node.kind) {
            Some(Kind::List(items)) => items,
            _ => Vec::new(),
        };
        let id = |node: &Node| node.get("id").map(told::written).unwrap_or_default();
        let (old, new) = (list(&then), list(&now));
        for node in &new {
            let about = format!("segment {}", id(node));
            let Some(known) = old.iter().find(|known| id(known) == id(node)) else {
                let what = format!("is new: {}", value(node.get("when")));
                self.of(&about, Effect::Neutral, what, node.span);
                continue;
            };
            let mut others = Vec::new();
            let (then, now) = (entries(Some(known)), entries(Some(node)));
            for key in now.keys().chain(then.keys().filter(|key| !now.contains_key(*key))) {
                let (then, now) = (then.get(key), now.get(key));
                if same(then, now) {
                    continue;
                }
                match key.as_str() {
                    "when" => {
                        let what = format!("holds {} instead of {}", value(now), value(then));
                        self.of(&about, Effect::Neutral, what, node.span);
                    }
                    _ => others.push(key.clone()),
                }
            }
            if !others.is_empty() {
                let what = format!("changed: {}", told::names(&others));
                self.of(&about, Effect::Neutral, what, node.span);
            }
        }
        for node in old.iter().filter(|node| !new.iter().any(|known| id(known) == id(node))) {
            self.of(&format!("segment {}", id(node)), Effect::Neutral, "is gone", Span::START);
        }
        let order = |all: &[Node], others: &[Node]| -> Vec<String> {
            let ids = all.iter().map(id);
            ids.filter(|this| others.iter().any(|other| id(other) == *this)).collect()
        };
        if order(&old, &new) != order(&new, &old) {
            let what = format!("are asked in another order: {}", told::names(&order(&new, &old)));
            self.of("segments", Effect::Neutral, what, Span::START);
        }
        self.rest(&entries(then.as_ref()), &entries(now.as_ref()), &["attributes", "segments"]);
    }

    fn placement(&mut self, then: &str, now: &str) {
        let (then, now) = (entries(read(then).as_ref()), entries(read(now).as_ref()));
        self.ladder("", &then, &now);
        let (old, new) = (entries(then.get("segments")), entries(now.get("segments")));
        for segment in new.keys().chain(old.keys().filter(|segment| !new.contains_key(*segment))) {
            let (old, new) = (entries(old.get(segment)), entries(new.get(segment)));
            // What a segment does not say is as for all others.
            let over =
                |all: &BTreeMap<String, Node>, own: BTreeMap<String, Node>| -> BTreeMap<String, Node> {
                    let ladder = ["mode", "approval", "rollout", "holdout"];
                    let all = all.iter().filter(|(key, _)| ladder.contains(&key.as_str()));
                    let mut all: BTreeMap<String, Node> = all.map(|(k, v)| (k.clone(), v.clone())).collect();
                    all.extend(own);
                    all
                };
            let of = format!(" for the segment `{segment}`");
            if old != new {
                self.ladder(&of, &over(&then, old), &over(&now, new));
            }
        }
        self.texts("the last-resort copy", then.get("last_resort"), now.get("last_resort"));
        self.limits(then.get("limits"), now.get("limits"));
        const TOLD: &[&str] =
            &["mode", "approval", "rollout", "holdout", "segments", "last_resort", "limits"];
        self.rest(&then, &now, TOLD);
    }

    /// How far copy may go: what goes further loosens.
    fn ladder(&mut self, of: &str, then: &BTreeMap<String, Node>, now: &BTreeMap<String, Node>) {
        let toward = |further: bool| if further { Effect::Loosens } else { Effect::Tightens };
        let changed = |key: &str| (!same(then.get(key), now.get(key))).then(|| (then.get(key), now.get(key)));
        if let Some((then, now)) = changed("mode") {
            let rank = |node: Option<&Node>| {
                node.and_then(|node| MODES.iter().position(|mode| *mode == told::written(node)))
            };
            let what = format!("goes up to {}{of} instead of {}", value(now), value(then));
            self.say(toward(rank(now) > rank(then)), what);
        }
        if let Some((then, now)) = changed("approval") {
            let needed = |node: Option<&Node>| node.is_some_and(|node| told::written(node) == "true");
            if needed(then) != needed(now) {
                let what = match needed(now) {
                    true => format!("waits for a person before each text's first serve{of}"),
                    false => format!("no longer waits for a person before each text's first serve{of}"),
                };
                self.say(toward(needed(then)), what);
            }
        }
        for (key, more_is_further) in [("rollout", true), ("holdout", false)] {
            let Some((then, now)) = changed(key) else { continue };
            let share = |node: Option<&Node>| {
                let text = node.map(|node| told::written(node.get("share").unwrap_or(node)));
                let share = text.and_then(|text| text.trim_end_matches('%').trim().parse::<f64>().ok());
                share.unwrap_or(if key == "rollout" { 100.0 } else { 0.0 })
            };
            let what = format!("has for `{key}` {}{of} instead of {}", value(now), value(then));
            let effect = match share(now).total_cmp(&share(then)) {
                std::cmp::Ordering::Equal => Effect::Neutral,
                order => toward(order.is_gt() == more_is_further),
            };
            self.say(effect, what);
        }
    }

    fn limits(&mut self, then: Option<&Node>, now: Option<&Node>) {
        if same(then, now) {
            return;
        }
        let most = |node: Option<&Node>| {
            let most = node.and_then(|node| node.get("characters"));
            most.and_then(|node| told::written(node).parse::<f64>().ok()).unwrap_or(f64::INFINITY)
        };
        let effect = if most(now) > most(then) { Effect::Loosens } else { Effect::Tightens };
        self.say(effect, format!("has for `limits` {} instead of {}", value(now), value(then)));
    }

    /// Texts that people wrote, by language or alone: the old and the new.
    fn texts(&mut self, what: &str, then: Option<&Node>, now: Option<&Node>) {
        if same(then, now) {
            return;
        }
        let by_language = |node: Option<&Node>| -> BTreeMap<String, String> {
            match node.map(|node| &node.kind) {
                Some(Kind::Map(_)) => entries(node)
                    .iter()
                    .map(|(key, node)| (format!(" in `{key}`"), told::written(node)))
                    .collect(),
                Some(_) => node.map(|node| (String::new(), told::written(node))).into_iter().collect(),
                None => BTreeMap::new(),
            }
        };
        let (then, now) = (by_language(then), by_language(now));
        for language in now.keys().chain(then.keys().filter(|key| !now.contains_key(*key))) {
            let told = match (then.get(language), now.get(language)) {
                (then, now) if then == now => continue,
                (Some(then), Some(now)) => {
                    format!("has {what}{language} {} instead of {}", told::quoted(now), told::quoted(then))
                }
                (None, Some(now)) => format!("has {what}{language} that is new: {}", told::quoted(now)),
                (Some(then), None) => format!("no longer has {what}{language} {}", told::quoted(then)),
                (None, None) => continue,
            };
            self.say(Effect::Neutral, told);
        }
    }

    fn template(&mut self, then: &str, now: &str) {
        let ((old, before), (new, after)) = (parted(then), parted(now));
        let (then, now) = (entries(read(old).as_ref()), entries(read(new).as_ref()));
        if before != after {
            self.say(Effect::Neutral, "asks the model in other words");
        }
        let of = |all: &BTreeMap<String, Node>, key: &str| all.get(key).cloned();
        let parameters = |all| of(all, "model").and_then(|model| model.get("parameters").cloned());
        let (old, new) = (parameters(&then), parameters(&now));
        if !same(old.as_ref(), new.as_ref()) {
            let (old, new) = (value(old.as_ref()), value(new.as_ref()));
            self.say(Effect::Neutral, format!("asks with the parameters {new} instead of {old}"));
        }
        let (old, new) = (entries(then.get("inputs")), entries(now.get("inputs")));
        let less = |a: &BTreeMap<String, Node>, b: &BTreeMap<String, Node>| -> Vec<String> {
            a.keys().filter(|path| !b.contains_key(*path)).cloned().collect()
        };
        let shaped: Vec<String> = new
            .iter()
            .filter(|(path, node)| old.get(*path).is_some_and(|old| !same(Some(old), Some(node))))
            .map(|(path, _)| path.clone())
            .collect();
        for (paths, what) in [
            (less(&new, &old), "now tells the model of"),
            (less(&old, &new), "no longer tells the model of"),
            (shaped, "tells the model in another shape of"),
        ] {
            if !paths.is_empty() {
                self.say(Effect::Neutral, format!("{what} {}", told::names(&paths)));
            }
        }
        self.texts("pre-written copy", then.get("prewritten"), now.get("prewritten"));
        self.rest(&then, &now, &["model", "inputs", "prewritten"]);
    }

    fn others(&mut self, then: &str, now: &str) {
        let (then, now) = (entries(read(then).as_ref()), entries(read(now).as_ref()));
        let is_text = |key: &String| key == "last_resort";
        for key in
            now.keys().chain(then.keys().filter(|key| !now.contains_key(*key))).filter(|key| is_text(key))
        {
            self.texts("the last-resort copy", then.get(key), now.get(key));
        }
        self.rest(&then, &now, &["last_resort"]);
    }

    /// Whatever else changed, by its key: durations in the unit in which they were given.
    fn rest(&mut self, then: &BTreeMap<String, Node>, now: &BTreeMap<String, Node>, told_of: &[&str]) {
        let keys = now.keys().chain(then.keys().filter(|key| !now.contains_key(*key)));
        for key in keys.filter(|key| !told_of.contains(&key.as_str())) {
            let (then, now) = (then.get(key), now.get(key));
            let length = |node: Option<&Node>| node.and_then(|node| parse_duration(&told::written(node)));
            let as_long = length(then).is_some() && length(then) == length(now);
            if !same(then, now) && !as_long {
                let what = format!("has for `{key}` {} instead of {}", value(now), value(then));
                self.say(Effect::Neutral, what);
            }
        }
    }
}

/// A template's front matter and its body.
fn parted(text: &str) -> (&str, &str) {
    let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some((_, rest)) = rest.split_once('\n').filter(|(first, _)| first.trim_end() == "---") else {
        return ("", text);
    };
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "---" {
            let body = rest.get(at + line.len()..).unwrap_or_default();
            return (rest.get(..at).unwrap_or_default(), body);
        }
        at += line.len();
    }
    ("", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENTS: &str = "config/segments.yml";

    #[track_caller]
    fn check(path: &str, before: &str, after: &str, expected: &[&str]) {
        let files = |text: &str| Files::from([(path.to_owned(), text.to_owned())]);
        let found = copy_changes(&files(before), &files(after), SEGMENTS);
        let told: Vec<String> =
            found.iter().map(|change| format!("{}: {}", change.effect.as_str(), change.sentence)).collect();
        assert_eq!(told, expected, "{before} -> {after}");
        assert!(copy_changes(&files(after), &files(after), SEGMENTS).is_empty());
    }

    #[test]
    fn placements_are_told_by_how_far_copy_goes() {
        for (before, after, expected) in [
            ("mode: segment", "mode: live", "loosens: `why-this` goes up to `live` instead of `segment`"),
            (
                "mode: live",
                "mode: prewritten",
                "tightens: `why-this` goes up to `prewritten` instead of `live`",
            ),
            (
                "approval: true",
                "mode: live",
                "loosens: `why-this` no longer waits for a person before each text's first serve",
            ),
            ("rollout: 10%", "rollout: 20%", "loosens: `why-this` has for `rollout` `20%` instead of `10%`"),
            ("rollout: 10%", "", "loosens: `why-this` has for `rollout` nothing instead of `10%`"),
            ("holdout: 5%", "holdout: 10%", "tightens: `why-this` has for `holdout` `10%` instead of `5%`"),
            (
                "limits: {characters: 100}",
                "limits: {characters: 120}",
                "loosens: `why-this` has for `limits` `characters: 120` instead of `characters: 100`",
            ),
            (
                "last_resort: {en: Old.}",
                "last_resort: {en: New.}",
                "neutral: `why-this` has the last-resort copy in `en` “New.” instead of “Old.”",
            ),
            (
                "ttl: {soft: 1d, hard: 7d}",
                "ttl: {soft: 2d, hard: 7d}",
                "neutral: `why-this` has for `ttl` `soft: 2d, hard: 7d` instead of `soft: 1d, hard: 7d`",
            ),
        ] {
            let found = &copy_changes(
                &Files::from([("prompts/why-this/placement.yml".to_owned(), before.to_owned())]),
                &Files::from([("prompts/why-this/placement.yml".to_owned(), after.to_owned())]),
                SEGMENTS,
            );
            let told: Vec<String> =
                found.iter().map(|c| format!("{}: {}", c.effect.as_str(), c.sentence)).collect();
            assert!(told.iter().any(|told| told == expected), "{told:?}");
        }
        check(
            "prompts/why-this/placement.yml",
            "mode: segment\nsegments: {vip: {mode: segment}}",
            "mode: segment\nsegments: {vip: {mode: live}}",
            &["loosens: `why-this` goes up to `live` for the segment `vip` instead of `segment`"],
        );
        check("prompts/why-this/placement.yml", "deadline: 60s", "deadline: 1m", &[]);
    }

    #[test]
    fn templates_and_segments_are_told_by_what_they_say() {
        check(
            "prompts/why-this/default.prompty",
            "---\nname: a\nmodel: {parameters: {temperature: 0.2}}\ninputs: {product.name: , product.price: }\nprewritten: {en: Old.}\n---\nuser:\nOne.\n",
            "---\nname: a\nmodel: {parameters: {temperature: 0.4}}\ninputs: {product.name: {max: 9}, user.visits: }\nprewritten: {en: New.}\n---\nuser:\nTwo.\n",
            &[
                "neutral: `why-this/default` asks the model in other words",
                "neutral: `why-this/default` asks with the parameters `temperature: 0.4` instead of `temperature: 0.2`",
                "neutral: `why-this/default` now tells the model of `user.visits`",
                "neutral: `why-this/default` no longer tells the model of `product.price`",
                "neutral: `why-this/default` tells the model in another shape of `product.name`",
                "neutral: `why-this/default` has pre-written copy in `en` “New.” instead of “Old.”",
            ],
        );
        let reviews = |trust: &str| format!("attributes: {{product.reviews: {{type: list{trust}}}}}\n");
        check(
            SEGMENTS,
            &reviews(", trust: public"),
            &reviews(""),
            &[
                "loosens: `product.reviews` is declared as `type: list` instead of `type: list, trust: public`: \
               what the public wrote there may support claims",
            ],
        );
        check(
            SEGMENTS,
            &reviews(", trust: public"),
            "segments: []\n",
            &[
                "loosens: `product.reviews` is no longer declared: what the public wrote there may support claims",
            ],
        );
        check(
            SEGMENTS,
            &reviews(", trust: shop"),
            &reviews(", trust: public"),
            &["tightens: `product.reviews` is declared as `type: list, trust: public` instead of \
               `type: list, trust: shop`: what stands there supports no claim any more"],
        );
        check(
            SEGMENTS,
            "attributes: {user.a: {type: integer}}\nsegments:\n  - {id: x, when: {user.a: 1}}\n  - {id: y, when: {user.a: 2}}\n  - {id: z, name: Zed, when: {user.a: 3}}\n",
            "attributes: {user.a: {type: number}, user.b: {type: string}}\nsegments:\n  - {id: z, name: Zett, when: {user.a: 3}}\n  - {id: x, when: {user.a: {$gte: 1}}}\n  - {id: w, when: {user.b: q}}\n",
            &[
                "neutral: `user.a` is declared as `type: number` instead of `type: integer`",
                "neutral: `user.b` is declared",
                "neutral: `segment z` changed: `name`",
                "neutral: `segment x` holds `user.a: {$gte: 1}` instead of `user.a: 1`",
                "neutral: `segment w` is new: `user.b: q`",
                "neutral: `segment y` is gone",
                "neutral: `segments` are asked in another order: `z` and `x`",
            ],
        );
    }
}
