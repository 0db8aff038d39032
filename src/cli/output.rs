//! The terminal: results, talk, colour where a person looks and never as the only carrier.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

/// Where results and talk go.
pub struct Output {
    /// Whether results may be coloured.
    pub colour: bool,
    /// Whether talk may be coloured.
    pub colour_talk: bool,
    /// Whether a person watches the talk.
    pub watched: bool,
}

/// What colours mean.
#[derive(Clone, Copy, Debug)]
pub enum Paint {
    /// A heading.
    Strong,
    /// What matters less.
    Faint,
    /// All is well.
    Good,
    /// Worth a look.
    Notice,
    /// Not in order.
    Bad,
    /// The one accent.
    Accent,
}

impl Output {
    /// This process's own. `NO_COLOR` is obeyed.
    pub fn stdio(environment: &BTreeMap<String, String>) -> Self {
        let wanted = environment.get("NO_COLOR").is_none_or(String::is_empty)
            && environment.get("TERM").is_none_or(|term| term != "dumb");
        Self {
            colour: wanted && io::stdout().is_terminal(),
            colour_talk: wanted && io::stderr().is_terminal(),
            watched: io::stderr().is_terminal(),
        }
    }

    /// Writes one line of result.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub fn line(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")
    }

    /// Writes one line of talk. Should nobody hear it, nothing is lost.
    pub fn talk(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Says what went wrong.
    pub fn error(&self, text: &str) {
        self.talk(&format!("{} {text}", painted(self.colour_talk, Paint::Bad, "error:")));
    }

    /// A text in a colour, where results may be coloured.
    pub fn paint(&self, paint: Paint, text: &str) -> String {
        painted(self.colour, paint, text)
    }
}

/// `1 rule`, `2 rules`.
pub(super) fn counted(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// A text of at most so many characters, with a sign where it is cut.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A text in lines of at most so many characters.
pub(super) fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A text in a colour, or as it is.
pub(super) fn painted(colour: bool, paint: Paint, text: &str) -> String {
    if !colour {
        return text.to_owned();
    }
    let code = match paint {
        Paint::Strong => "1",
        Paint::Faint => "2",
        Paint::Good => "32",
        Paint::Notice => "33",
        Paint::Bad => "31",
        Paint::Accent => "36",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// The value at a JSON pointer such as `/payload/text`; null where nothing is.
pub(super) fn at<'v>(value: &'v serde_json::Value, pointer: &str) -> &'v serde_json::Value {
    value.pointer(pointer).unwrap_or(&serde_json::Value::Null)
}

/// A text as it may be shown on a terminal: control characters, which could move the cursor or recolour the screen,
/// become visible stand-ins.
pub(super) fn safe(text: &str) -> String {
    // What turns the direction of writing or takes no room would show another text than there is.
    let unseen = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    text.chars().map(|c| if c.is_control() || unseen(c) { '\u{fffd}' } else { c }).collect()
}
