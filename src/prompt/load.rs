//! The prompts' folder → [`Prompts`] and every fault in it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::placement::{self, DEFAULT_LANGUAGE};
use super::render::{self, Engine, RenderError};
use super::template::{self, Template};
use super::{Chosen, Placement, Prompts};
use crate::condition::Scope;
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{self, Faults, Fields, Files};
use crate::segment::Segments;
use crate::words::{DEFAULT_SEGMENT, Locale, PlacementId, Tier};

/// Reads placements and templates, as far as they can be read, and says every fault of every file; prompts with an error
/// are not to be put in force. The keys of `files` are paths as people type them, below `root` (`prompts`).
pub fn load(root: &str, files: &Files, segments: &Segments) -> (Prompts, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let mut prompts = Prompts {
        placements: BTreeMap::new(),
        templates: Vec::new(),
        shop: BTreeMap::new(),
        engine: Engine::new(),
    };
    let mut stems: Vec<(PlacementId, &str, &str, &str)> = Vec::new();
    for (path, text) in files {
        let below = path.strip_prefix(root).map(|rest| rest.trim_start_matches('/')).unwrap_or(path);
        match below.split('/').collect::<Vec<_>>().as_slice() {
            [folder, "placement.yml"] => {
                let faults = Faults::of(path);
                let placement = document::parse(text, &faults)
                    .and_then(|node| placement::read(folder, &node, segments, &faults));
                found.extend(faults.into_diagnostics());
                prompts.placements.extend(placement.map(|placement| (placement.id.clone(), placement)));
            }
            [folder, file] if file.ends_with(".prompty") => {
                stems.push((PlacementId::new(*folder), path, file.trim_end_matches(".prompty"), text));
            }
            ["shop.yml"] => prompts.shop = shop(path, text, &mut found),
            _ => found.push(
                Diagnostic::error(path, Span::START, "nothing reads this file").with_help(
                    "keep `placement.yml` and `*.prompty` files in a folder named after the placement, and take this one out",
                ),
            ),
        }
    }
    let mut has_default = BTreeSet::new();
    for (id, path, stem, text) in stems {
        if stem.split('.').next() == Some(DEFAULT_SEGMENT) {
            has_default.insert(id.clone());
        }
        if !files.contains_key(&format!("{root}/{id}/placement.yml")) {
            let help = format!("add `{root}/{id}/placement.yml` with `mode:` and `last_resort:`");
            found.push(
                Diagnostic::error(path, Span::START, "this template's placement has no file").with_help(help),
            );
        }
        // The templates of a placement that is itself faulty are read all the same: every fault is said at once.
        let language = prompts.placements.get(&id).map(|placement| placement.language.clone());
        let Some(language) = language.or_else(|| Locale::parse(DEFAULT_LANGUAGE)) else { continue };
        let (template, faults) = template::read(path, text, &id, stem, &language, &segments.attributes);
        // Where the inputs cannot be read, all that the body reads would be faulty, for a reason that is already said.
        let unread = crate::diagnostic::any_error(&faults);
        found.extend(faults);
        let template = template.filter(|template| !(unread && template.inputs.is_empty()));
        let Some(template) = template else { continue };
        if !segments.contains(template.segment.as_str()) {
            let ids = segments.iter().map(|s| s.id.as_str()).chain(["default"]).collect::<Vec<_>>();
            found.push(
                Diagnostic::error(path, Span::START, format!("there is no segment `{}`", template.segment))
                    .with_help(format!(
                        "{}; the file's name begins with the segment",
                        document::did_you_mean(template.segment.as_str(), ids.iter().copied())
                    )),
            );
        }
        compile(&template, &mut prompts.engine, &mut found);
        prompts.templates.push(template);
    }
    for placement in prompts.placements.values().filter(|placement| !has_default.contains(&placement.id)) {
        found.push(not_for_everybody(placement));
    }
    let faulty: BTreeSet<String> = found.iter().filter(|d| d.is_error()).map(|d| d.file.clone()).collect();
    for template in prompts.templates.iter().filter(|template| !faulty.contains(&template.file)) {
        try_sample(template, &prompts, segments, &mut found);
        found.extend(inputs_of_no_sample(template, &prompts));
    }
    (prompts, found)
}

/// `shop.yml`: last-resort copy for every placement that has none in a language.
fn shop(path: &str, text: &str, found: &mut Vec<Diagnostic>) -> BTreeMap<String, String> {
    let faults = Faults::of(path);
    let texts = document::parse(text, &faults).and_then(|root| {
        let mut fields = Fields::of(&root, "the shop's file", &faults)?;
        let texts = fields.require("last_resort", "write one text per language, such as `en: …`", &faults);
        let texts = texts.map(|node| placement::texts_by_language(node, &faults)).unwrap_or_default();
        fields.finish(&faults);
        Some(texts)
    });
    found.extend(faults.into_diagnostics());
    texts.unwrap_or_default().into_iter().map(|(language, (text, _))| (language, text)).collect()
}

/// Compiles a template's turns and copy, and holds what they read against what is declared.
fn compile(template: &Template, engine: &mut Engine, found: &mut Vec<Diagnostic>) {
    let declared = |name: &str| {
        matches!(name, "locale" | "language")
            || template.inputs.iter().any(|input| {
                let within =
                    |a: &str, b: &str| a == b || a.strip_prefix(b).is_some_and(|rest| rest.starts_with('.'));
                within(name, &input.path) || within(&input.path, name)
            })
    };
    for (index, turn) in template.turns.iter().enumerate() {
        match engine.add_turn(render::turn_name(template, index), turn.source.clone()) {
            Ok(names) => {
                for name in names.iter().filter(|name| !declared(name)) {
                    let span = where_read(&turn.source, name).moved_down(turn.line);
                    found.push(
                        Diagnostic::error(
                            &template.file,
                            span,
                            format!("`{name}` is not among the declared inputs"),
                        )
                        .with_help(format!("declare it: `inputs:` … `{name}:`, or take it out of the body")),
                    );
                }
            }
            Err(error) => found.push(at_line(&template.file, turn.line, &error)),
        }
    }
    for (language, (source, span)) in &template.prewritten {
        match engine.add_copy(render::copy_name(template, language.as_str()), source.clone()) {
            Ok(names) => {
                let foreign = names.iter().filter(|name| *name != "product" && !name.starts_with("product."));
                for name in foreign {
                    found.push(
                        Diagnostic::error(&template.file, *span, format!("pre-written copy reads `{name}`"))
                            .with_help("read the product's facts alone, such as `{{ product.name }}`"),
                    );
                }
            }
            Err(error) => found.push(
                Diagnostic::error(
                    &template.file,
                    *span,
                    format!("the pre-written copy is faulty: {}", error.message),
                )
                .with_help("mend it, such as `{{ product.name }} is here for you.`"),
            ),
        }
    }
}

/// The first place in a source that mentions a name, as a span within it.
fn where_read(source: &str, name: &str) -> Span {
    for (index, line) in source.lines().enumerate() {
        if let Some(at) = line.find(name) {
            let column = line.get(..at).map_or(0, |before| before.chars().count());
            return Span::at(u32::try_from(index).unwrap_or(0) + 1, u32::try_from(column).unwrap_or(0) + 1);
        }
    }
    Span::at(1, 1)
}

fn at_line(file: &str, lines_before: u32, error: &RenderError) -> Diagnostic {
    let span = Span::at(error.line.unwrap_or(1), 1).moved_down(lines_before);
    Diagnostic::error(file, span, format!("the body is faulty: {}", error.message))
        .with_help("mend the Jinja in this line")
}

/// A placement that serves generated copy needs a template for everybody, in its own language.
fn not_for_everybody(placement: &Placement) -> Diagnostic {
    let file = placement.file.replace("placement.yml", "default.prompty");
    let message = "this placement has no template for everybody else";
    Diagnostic::warning(&placement.file, Span::START, message)
        .with_help(format!("add `{file}`; until then they get the last-resort copy"))
}

/// Renders the sample: the prompt with its declared inputs, the copy in each language.
fn try_sample(template: &Template, prompts: &Prompts, segments: &Segments, found: &mut Vec<Diagnostic>) {
    let (Some((sample, span)), Some(inputs)) = (&template.sample, sample_inputs(template, segments)) else {
        return;
    };
    for input in template.inputs.iter().filter(|input| input.bands.is_some()) {
        let name = input.path.strip_prefix("product.");
        let given = name.and_then(|name| crate::condition::look_up(&sample.product, name));
        if given.is_some_and(|value| !value.is_number()) {
            let message = format!("the bands of `{}` are for numbers, and the sample's is none", input.path);
            let help = "take `bands` out; nothing of such a value would reach the prompt";
            found.push(Diagnostic::error(&template.file, *span, message).with_help(help));
        }
    }
    for locale in template.languages() {
        let chosen = Chosen { template, locale };
        let body = ("body", prompts.render(chosen, &inputs).err());
        let copy = ("pre-written copy", prompts.prewritten(chosen, &sample.product).err());
        for (part, error) in [body, copy].into_iter().filter_map(|(part, error)| Some((part, error?))) {
            let message =
                format!("the {part} cannot be rendered for the sample in `{locale}`: {}", error.message);
            let help = "give the sample what the template reads, or ask in the template whether it is there";
            found.push(Diagnostic::error(&template.file, *span, message).with_help(help));
        }
    }
}

/// Facts that one template alone declares and no sample has: misspelt, as like as not, and nothing of theirs would ever reach
/// the prompt. A catalogue may have them all the same, so this refuses nothing.
fn inputs_of_no_sample(template: &Template, prompts: &Prompts) -> Vec<Diagnostic> {
    if template.sample.is_none() {
        return Vec::new();
    }
    let samples = || prompts.templates.iter().filter_map(|other| Some(&other.sample.as_ref()?.0.product));
    let declared = |path: &str| {
        let mut others = prompts.templates.iter().filter(|other| other.id != template.id);
        others.any(|other| other.inputs.iter().any(|input| input.path == path))
    };
    let names = samples().flat_map(Map::keys).map(String::as_str).collect::<BTreeSet<_>>();
    let mut told = Vec::new();
    for input in &template.inputs {
        let Some(name) = input.path.strip_prefix("product.") else { continue };
        let is_known = samples().any(|product| crate::condition::look_up(product, name).is_some());
        if is_known || declared(&input.path) {
            continue;
        }
        let message = format!("no template's sample has `{}`, so nobody has seen what it does", input.path);
        let help = match document::close_to(name, names.iter().copied()) {
            Some(close) => format!("write `product.{close}`, or give the sample this field"),
            None => "give the sample this field, or take the input out".to_owned(),
        };
        told.push(Diagnostic::warning(&template.file, input.span, message).with_help(help));
    }
    told
}

/// The declared inputs of a template's sample; none where it has no sample.
pub(super) fn sample_inputs(template: &Template, segments: &Segments) -> Option<Map<String, Value>> {
    let (sample, _) = template.sample.as_ref()?;
    let shaped = segments.attributes.shape(&sample.user, &sample.context, Timestamp::UNIX_EPOCH);
    let empty = Map::new();
    let user = if template.tier() == Tier::User { &shaped.user } else { &empty };
    let scope = Scope::new(Some(user), &shaped.context, &sample.product, Timestamp::UNIX_EPOCH);
    Some(template.inputs(&scope))
}

/// A template's pre-written copy, made for its own sample: what `check` judges.
#[derive(Debug)]
pub struct SampleCopy<'p> {
    /// The template.
    pub template: &'p Template,
    /// The language of the copy.
    pub locale: &'p Locale,
    /// Where the copy stands in the template's file.
    pub span: Span,
    /// The sample's facts.
    pub facts: &'p Map<String, Value>,
    /// The copy.
    pub text: String,
}

impl Prompts {
    /// The pre-written copy of every template that has a sample, in each of its languages.
    pub fn samples(&self) -> impl Iterator<Item = SampleCopy<'_>> {
        self.templates.iter().filter_map(|template| Some((template, &template.sample.as_ref()?.0))).flat_map(
            move |(template, sample)| {
                template.prewritten.iter().filter_map(move |(locale, (_, span))| {
                    let text = self.prewritten(Chosen { template, locale }, &sample.product).ok()?;
                    Some(SampleCopy { template, locale, span: *span, facts: &sample.product, text })
                })
            },
        )
    }
}
