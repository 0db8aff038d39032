//! Rendering: templates compiled once, values that can neither break out of their place nor run for long.

use std::borrow::Cow;
use std::sync::Arc;

use minijinja::value::{Object, ObjectRepr, Serde, Value as Jinja};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior};
use serde_json::{Map, Value};

use super::{Message, Template};
use crate::words::Locale;

/// The most work that rendering one text may take, in the engine's instructions.
const FUEL: u64 = 50_000;
/// The longest prompt, in bytes.
const MAX_PROMPT: usize = 64 * 1024;
/// The longest pre-written copy, in bytes.
const MAX_COPY: usize = 8 * 1024;

/// Why a template could not be rendered for a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderError {
    /// What is wrong, without any value of the request.
    pub message: String,
    /// The line within the text that was rendered, from 1.
    pub line: Option<u32>,
}

/// All templates of a policy, compiled: prompts, and pre-written copy with its own rules for values.
pub(super) struct Engine {
    prompts: Environment<'static>,
    copy: Environment<'static>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    pub(super) fn new() -> Self {
        let mut prompts = environment();
        prompts.set_formatter(write_as_data);
        prompts.add_filter("data", data_block);
        // They would promise what does not hold here: only a block of data is written as it is.
        for filter in ["safe", "escape", "e"] {
            prompts.remove_filter(filter);
        }
        Self { prompts, copy: environment() }
    }

    /// Compiles one turn of a template's body. The error's line is within `source`.
    pub(super) fn add_turn(&mut self, name: String, source: String) -> Result<Vec<String>, RenderError> {
        add(&mut self.prompts, name, source)
    }

    /// Compiles pre-written copy.
    pub(super) fn add_copy(&mut self, name: String, source: String) -> Result<Vec<String>, RenderError> {
        add(&mut self.copy, name, source)
    }

    pub(super) fn messages(
        &self,
        template: &Template,
        locale: &Locale,
        inputs: &Map<String, Value>,
    ) -> Result<Vec<Message>, RenderError> {
        let mut context = inputs.clone();
        context.insert("locale".into(), locale.as_str().into());
        context.insert("language".into(), language_name(locale.language()).into());
        let context = Jinja::from(Serde(context));
        let mut left = MAX_PROMPT;
        let mut messages = Vec::with_capacity(template.turns.len());
        for (index, turn) in template.turns.iter().enumerate() {
            let content = render(&self.prompts, &turn_name(template, index), context.clone(), left)?;
            left = left.saturating_sub(content.len());
            messages.push(Message { role: turn.role, content: without_marks(content.trim()).into_owned() });
        }
        Ok(messages)
    }

    pub(super) fn prewritten(
        &self,
        template: &Template,
        locale: &Locale,
        facts: &Map<String, Value>,
    ) -> Result<String, RenderError> {
        let context = minijinja::context! { product => Jinja::from(Serde(facts)) };
        let text = render(&self.copy, &copy_name(template, locale.as_str()), context, MAX_COPY)?;
        // Copy is one paragraph; the line breaks are the file's.
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// The name under which a turn is compiled.
pub(super) fn turn_name(template: &Template, index: usize) -> String {
    format!("{}#{index}", template.id)
}

/// The name under which pre-written copy is compiled.
pub(super) fn copy_name(template: &Template, language: &str) -> String {
    format!("{}@{language}", template.id)
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(32);
    // A template stands alone: no value may name another one that it is to include.
    environment.set_path_join_callback(|_, _| "".into());
    environment
}

/// Compiles a text and returns the names that it reads, dotted.
fn add(
    environment: &mut Environment<'static>,
    name: String,
    source: String,
) -> Result<Vec<String>, RenderError> {
    environment.add_template_owned(name.clone(), source).map_err(|error| explain(&error))?;
    let template = environment.get_template(&name).map_err(|error| explain(&error))?;
    let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
    names.sort();
    Ok(names)
}

/// Renders a text of at most `most` bytes.
fn render(
    environment: &Environment<'static>,
    name: &str,
    context: Jinja,
    most: usize,
) -> Result<String, RenderError> {
    let mut out = Bounded { text: Vec::new(), most, full: false };
    let template = environment.get_template(name).map_err(|error| explain(&error))?;
    let rendered = template.render_captured_to(context, &mut out).map(drop);
    if out.full {
        return Err(RenderError { message: "it makes a text that is too long to use".into(), line: None });
    }
    rendered.map_err(|error| explain(&error))?;
    String::from_utf8(out.text)
        .map_err(|_| RenderError { message: "what it makes is no text".into(), line: None })
}

/// What was rendered so far; takes no more than it may hold.
struct Bounded {
    text: Vec<u8>,
    most: usize,
    full: bool,
}

impl std::io::Write for Bounded {
    fn write(&mut self, more: &[u8]) -> std::io::Result<usize> {
        if self.text.len() + more.len() > self.most {
            self.full = true;
            return Err(std::io::ErrorKind::WriteZero.into());
        }
        self.text.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn explain(error: &minijinja::Error) -> RenderError {
    let message = match error.kind() {
        ErrorKind::UndefinedError => {
            let name = error.detail().and_then(|detail| detail.split('`').nth(1));
            let (what, name) =
                name.map_or(("a value".into(), "product.brand"), |name| (format!("`{name}`"), name));
            format!("it reads {what}, which is not there; ask first: `{{% if {name} is defined %}}`")
        }
        ErrorKind::OutOfFuel => "it takes too much work to render; make its loops shorter".into(),
        // These are about the template alone; what is said of other kinds may quote a value of the request.
        kind @ (ErrorKind::SyntaxError
        | ErrorKind::UnknownFilter
        | ErrorKind::UnknownTest
        | ErrorKind::UnknownFunction
        | ErrorKind::UnknownMethod
        | ErrorKind::MissingArgument
        | ErrorKind::TooManyArguments) => {
            error.detail().map_or_else(|| kind.to_string(), |detail| format!("{kind}: {detail}"))
        }
        kind => kind.to_string(),
    };
    RenderError { message, line: error.line().and_then(|line| u32::try_from(line).ok()) }
}

/// Writes a value into a prompt as one line of data: line breaks become spaces and angle brackets look-alikes, so that
/// no value can end the block it stands in or open another. Nothing that a filter makes of a value is trusted more.
fn write_as_data(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Jinja,
) -> Result<(), minijinja::Error> {
    if let Some(Block(block)) = value.downcast_object_ref() {
        return out.write_str(block).map_err(minijinja::Error::from);
    }
    if value.is_undefined() || value.is_number() {
        return minijinja::escape_formatter(out, state, value);
    }
    let line: String = value
        .to_string()
        .chars()
        .map(|c| match c {
            '<' => '‹',
            '>' => '›',
            '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
            other => other,
        })
        .collect();
    out.write_str(&line).map_err(minijinja::Error::from)
}

/// A block of data: the one value that is written as it is. Whatever a template does to it makes a plain text of it.
#[derive(Debug)]
struct Block(String);

impl Object for Block {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// `{{ product | data("product") }}`: a value as JSON between labelled tags. The JSON holds no angle bracket, so only
/// the house can close the block.
fn data_block(value: &Jinja, name: &str) -> Result<Jinja, minijinja::Error> {
    if value.is_undefined() {
        return Err(minijinja::Error::from(ErrorKind::UndefinedError));
    }
    let json = serde_json::to_string(value)
        .map_err(|error| minijinja::Error::new(ErrorKind::BadSerialization, error.to_string()))?;
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    let json = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    Ok(Jinja::from_object(Block(format!("<data name=\"{name}\">\n{json}\n</data>"))))
}

/// The text of a turn without lines that would begin another for a reader that looks for them. The house's own divide the
/// body before anything is rendered, so what is left of them is made of values.
fn without_marks(content: &str) -> Cow<'_, str> {
    let is_mark = |line: &str| matches!(line.trim(), "system:" | "user:" | "assistant:");
    if !content.lines().any(is_mark) {
        return content.into();
    }
    let unmark = |line: &str| if is_mark(line) { line.replace(':', " :") } else { line.to_owned() };
    content.split('\n').map(unmark).collect::<Vec<_>>().join("\n").into()
}

/// What English calls a language; its code where the house has no name for it.
fn language_name(code: &str) -> &str {
    match code {
        "en" => "English",
        "de" => "German",
        "fr" => "French",
        "es" => "Spanish",
        "it" => "Italian",
        "nl" => "Dutch",
        "pl" => "Polish",
        "pt" => "Portuguese",
        "sv" => "Swedish",
        "da" => "Danish",
        "fi" => "Finnish",
        "cs" => "Czech",
        other => other,
    }
}
