//! `metric`, `readability`: a formula over counts of the text that comes out too high or too low.

use std::sync::LazyLock;

use regex::Regex;

use super::super::patterns::Style;
use super::super::read;
use super::super::rule::Hit;
use super::super::sentences;
use super::super::text::{Reach, Text, slice};
use crate::diagnostic::Span;
use crate::document::{Faults, Fields, did_you_mean, list, number, text};

/// A formula over counts of the text that comes out too high or too low.
#[derive(Debug)]
pub(in crate::guardrail) struct Metric {
    formula: Formula,
    /// What holds of the result where there is something to be found.
    condition: Formula,
    pub(super) reach: Reach,
    given: bool,
}

/// A text harder to read than a grade allows.
#[derive(Debug)]
pub(in crate::guardrail) struct Readability {
    metrics: Vec<Grade>,
    /// The highest grade allowed.
    grade: f64,
    pub(super) reach: Reach,
    given: bool,
}

/// A way to grade how hard a text is to read.
#[derive(Clone, Copy, Debug)]
pub(in crate::guardrail) enum Grade {
    GunningFog,
    ColemanLiau,
    FleschKincaid,
    Smog,
    AutomatedReadability,
}

pub(in crate::guardrail) const GRADES: &[(&str, Grade)] = &[
    ("Gunning Fog", Grade::GunningFog),
    ("Coleman-Liau", Grade::ColemanLiau),
    ("Flesch-Kincaid", Grade::FleschKincaid),
    ("SMOG", Grade::Smog),
    ("Automated Readability", Grade::AutomatedReadability),
];

impl Metric {
    /// Reads the settings that are the kind's own.
    pub(in crate::guardrail) fn read(fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Self> {
        let reach = read::reach(fields, style, faults);
        let formula = fields.require("formula", "write `formula: words / sentences`", faults);
        let condition = fields.require("condition", "say what is too much: `condition: \"> 25\"`", faults);
        let formula = formula.and_then(|node| {
            let written = text(node, faults)?.replace("heading.h", "heading_h");
            Formula::read(&written, false).map_err(|fault| fault.say(node.span, faults)).ok()
        });
        let condition = condition.and_then(|node| {
            Formula::read(&text(node, faults)?, true).map_err(|fault| fault.say(node.span, faults)).ok()
        });
        Some(Self { formula: formula?, condition: condition?, reach, given: style.given })
    }

    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let judge = |counts: &Counts| {
            let result = self.formula.value(counts, 0.0);
            (self.condition.value(counts, result) != 0.0).then_some(result)
        };
        found(text, self.reach, self.given, judge)
    }
}

impl Readability {
    /// Reads the settings that are the kind's own.
    pub(in crate::guardrail) fn read(fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Self> {
        let reach = read::reach(fields, style, faults);
        let metrics = fields.require("metrics", "say how to grade: `metrics: [Flesch-Kincaid]`", faults);
        let grade = fields.require("grade", "say how hard it may be at most: `grade: 8`", faults);
        let before = faults.errors();
        let metrics: Vec<Grade> = metrics
            .map(|node| list(node, faults))
            .unwrap_or_default()
            .iter()
            .filter_map(|node| crate::document::one_of(node, GRADES, faults))
            .collect();
        let grade = number(grade?, faults)?;
        if metrics.is_empty() && faults.errors() == before {
            faults.error_with_help(
                fields.span(),
                "no way to grade is named",
                "write `metrics: [Flesch-Kincaid]`",
            );
        }
        (faults.errors() == before).then_some(Self { metrics, grade, reach, given: style.given })
    }

    pub(super) fn find(&self, text: &Text<'_>) -> Vec<Hit> {
        let judge = |counts: &Counts| {
            let sum: f64 = self.metrics.iter().map(|metric| metric.of(counts)).sum();
            let grade = sum / self.metrics.len() as f64;
            (grade > self.grade).then_some(grade)
        };
        found(text, self.reach, self.given, judge)
    }
}

/// Finds the pieces of which `judge` answers a result. It is about all of them, and stands at their beginning.
fn found(text: &Text<'_>, reach: Reach, given: bool, judge: impl Fn(&Counts) -> Option<f64>) -> Vec<Hit> {
    let pieces = if given { text.pieces_given(reach) } else { text.pieces(reach) };
    let judge = |piece: std::ops::Range<usize>| {
        let stretch = slice(text.given(), piece.clone());
        let result = judge(&Counts::of(stretch).filter(|counts| counts.words > 0.0)?)?;
        let first = stretch.chars().next().map_or(0, char::len_utf8);
        Some(Hit { says: vec![format!("{result:.2}")], ..Hit::at(piece.start..piece.start + first) })
    };
    pieces.into_iter().filter_map(judge).collect()
}

impl Grade {
    fn of(self, counts: &Counts) -> f64 {
        let Counts { characters, words, sentences, syllables, polysyllabic_words, complex_words, .. } =
            *counts;
        match self {
            Self::GunningFog => 0.4 * (words / sentences + 100.0 * complex_words / words),
            Self::ColemanLiau => 5.88 * characters / words - 29.6 * sentences / words - 15.8,
            Self::FleschKincaid => 0.39 * words / sentences + 11.8 * syllables / words - 15.59,
            Self::Smog => 1.043 * (polysyllabic_words * 30.0 / sentences).sqrt() + 3.1291,
            Self::AutomatedReadability => 4.71 * characters / words + 0.5 * words / sentences - 21.43,
        }
    }
}

/// What formulas count.
#[derive(Debug, Default)]
struct Counts {
    characters: f64,
    words: f64,
    long_words: f64,
    complex_words: f64,
    polysyllabic_words: f64,
    syllables: f64,
    sentences: f64,
    paragraphs: f64,
}

/// What counts as a word. A constant, which a test compiles.
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?:[A-Z]\.){2,}|[\p{N}\p{L}']+").ok());

impl Counts {
    fn of(text: &str) -> Option<Self> {
        let mut counts = Self::default();
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
            counts.paragraphs += 1.0;
            counts.sentences += sentences::of(paragraph).len() as f64;
            for word in WORD.as_ref()?.find_iter(paragraph).map(|word| word.as_str()) {
                counts.words += 1.0;
                counts.characters += word.chars().filter(|c| c.is_alphanumeric()).count() as f64;
                counts.long_words += f64::from(u8::from(word.len() > 6));
                let syllables = syllables(word);
                counts.syllables += syllables as f64;
                counts.polysyllabic_words += f64::from(u8::from(syllables > 2));
                let ending = ["es", "ed", "ing"].iter().any(|ending| word.ends_with(ending));
                counts.complex_words += f64::from(u8::from(syllables - usize::from(ending) > 2));
            }
        }
        Some(counts)
    }

    fn get(&self, name: Variable) -> f64 {
        match name {
            Variable::Characters => self.characters,
            Variable::Words => self.words,
            Variable::LongWords => self.long_words,
            Variable::ComplexWords => self.complex_words,
            Variable::PolysyllabicWords => self.polysyllabic_words,
            Variable::Syllables => self.syllables,
            Variable::Sentences => self.sentences,
            Variable::Paragraphs => self.paragraphs,
            Variable::None => 0.0,
        }
    }
}

/// About how many syllables a word has: its groups of vowels, without the endings that are not spoken.
fn syllables(word: &str) -> usize {
    let word = word.to_lowercase();
    let letters: Vec<char> = word.chars().filter(|c| c.is_alphabetic()).collect();
    if letters.len() < 3 {
        return 1;
    }
    let is_vowel = |c: &char| "aeiouyáàâäãåéèêëíìîïóòôöõúùûü".contains(*c);
    let groups =
        letters.chunk_by(|a, b| is_vowel(a) == is_vowel(b)).filter(|run| run.first().is_some_and(is_vowel));
    let mut count = groups.count();
    let ending = |end: &str| word.trim_end_matches('\'').ends_with(end);
    let before = |back: usize| letters.len().checked_sub(back + 1).and_then(|at| letters.get(at));
    let after_consonant = |back: usize| before(back).is_some_and(|c| !is_vowel(c));
    // A final e is silent, and so it is before s and d, but not in `tables`, `boxes`, `started`.
    let silent = if ending("e") {
        after_consonant(1) && !(before(1) == Some(&'l') && after_consonant(2))
    } else if ending("es") {
        let spoken = matches!(before(2), Some('s' | 'x' | 'z' | 'c' | 'g'))
            || ["ches", "shes"].into_iter().any(ending)
            || (before(2) == Some(&'l') && after_consonant(3));
        after_consonant(2) && !spoken
    } else {
        ending("ed") && after_consonant(2) && !matches!(before(2), Some('t' | 'd'))
    };
    count -= usize::from(silent && count > 1);
    // Two vowels that are spoken one by one.
    let apart =
        ["ia", "io", "eo", "iu", "ua", "ui"].iter().map(|pair| word.matches(pair).count()).sum::<usize>();
    let together = ["tio", "sio", "cia", "tia", "cio", "gio", "qua", "gua", "qui", "gui", "uit", "uil"];
    let together = together.iter().map(|run| word.matches(run).count()).sum::<usize>();
    (count + apart.saturating_sub(together)).max(1)
}

/// A count that formulas may name.
#[derive(Clone, Copy, Debug)]
enum Variable {
    Characters,
    Words,
    LongWords,
    ComplexWords,
    PolysyllabicWords,
    Syllables,
    Sentences,
    Paragraphs,
    /// Of parts that plain text does not have.
    None,
}

const VARIABLES: &[(&str, Variable)] = &[
    ("characters", Variable::Characters),
    ("words", Variable::Words),
    ("long_words", Variable::LongWords),
    ("complex_words", Variable::ComplexWords),
    ("polysyllabic_words", Variable::PolysyllabicWords),
    ("syllables", Variable::Syllables),
    ("sentences", Variable::Sentences),
    ("paragraphs", Variable::Paragraphs),
    ("pre", Variable::None),
    ("list", Variable::None),
    ("blockquote", Variable::None),
    ("heading_h1", Variable::None),
    ("heading_h2", Variable::None),
    ("heading_h3", Variable::None),
    ("heading_h4", Variable::None),
    ("heading_h5", Variable::None),
    ("heading_h6", Variable::None),
];

/// What is worked out of one number.
type Function = fn(f64) -> f64;

const FUNCTIONS: &[(&str, Function)] = &[
    ("math.abs", f64::abs),
    ("math.cbrt", f64::cbrt),
    ("math.ceil", f64::ceil),
    ("math.exp", f64::exp),
    ("math.floor", f64::floor),
    ("math.log", f64::ln),
    ("math.log10", f64::log10),
    ("math.log2", f64::log2),
    ("math.round", f64::round),
    ("math.sqrt", f64::sqrt),
    ("math.trunc", f64::trunc),
];

/// The most signs and names of one formula.
const MAX_STEPS: usize = 500;
/// The deepest brackets of one formula.
const MAX_DEPTH: usize = 32;

/// A formula, ready to be worked out: each step takes from those before it, as on a calculator without brackets.
#[derive(Debug)]
struct Formula(Vec<Step>);

#[derive(Clone, Copy, Debug)]
enum Step {
    Number(f64),
    Count(Variable),
    /// The result that a condition is about.
    Result,
    Function(Function),
    Negate,
    Not,
    Two(Operator),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

/// Every operator, how closely it binds, and longer ones first.
const OPERATORS: &[(&str, Operator, u8)] = &[
    ("||", Operator::Or, 1),
    ("&&", Operator::And, 2),
    ("==", Operator::Equal, 3),
    ("!=", Operator::Unequal, 3),
    ("<=", Operator::LessOrEqual, 3),
    (">=", Operator::GreaterOrEqual, 3),
    ("**", Operator::Power, 6),
    ("<", Operator::Less, 3),
    (">", Operator::Greater, 3),
    ("+", Operator::Add, 4),
    ("-", Operator::Subtract, 4),
    ("*", Operator::Multiply, 5),
    ("/", Operator::Divide, 5),
    ("%", Operator::Remainder, 5),
];

impl Operator {
    fn of(self, a: f64, b: f64) -> f64 {
        let truth = |holds: bool| f64::from(u8::from(holds));
        match self {
            Self::Or => truth(a != 0.0 || b != 0.0),
            Self::And => truth(a != 0.0 && b != 0.0),
            Self::Equal => truth(a == b),
            Self::Unequal => truth(a != b),
            Self::Less => truth(a < b),
            Self::LessOrEqual => truth(a <= b),
            Self::Greater => truth(a > b),
            Self::GreaterOrEqual => truth(a >= b),
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Remainder => a % b,
            Self::Power => a.powf(b),
        }
    }
}

/// What is wrong with a formula.
#[derive(Debug, PartialEq)]
struct Wrong {
    /// The character at which it goes wrong, from 1.
    at: usize,
    what: String,
    help: String,
}

impl Wrong {
    fn say(&self, span: Span, faults: &Faults) {
        let message = format!("this formula goes wrong at its character {}: {}", self.at, self.what);
        faults.error_with_help(span, message, self.help.clone());
    }
}

impl Formula {
    /// Reads a formula; a condition begins with what the result is held against.
    fn read(written: &str, condition: bool) -> Result<Self, Wrong> {
        let mut reader = Reader { written, at: 0, steps: Vec::new(), depth: 0 };
        if condition {
            reader.steps.push(Step::Result);
            reader.operations(0)?;
        } else {
            reader.expression(0)?;
        }
        reader.skip_space();
        if reader.at < written.len() {
            return Err(reader.wrong("nothing is expected here"));
        }
        Ok(Self(reader.steps))
    }

    fn value(&self, counts: &Counts, result: f64) -> f64 {
        let mut stack: Vec<f64> = Vec::new();
        for step in &self.0 {
            let value = match step {
                Step::Number(number) => *number,
                Step::Count(variable) => counts.get(*variable),
                Step::Result => result,
                Step::Function(function) => function(stack.pop().unwrap_or_default()),
                Step::Negate => -stack.pop().unwrap_or_default(),
                Step::Not => f64::from(u8::from(stack.pop().unwrap_or_default() == 0.0)),
                Step::Two(operator) => {
                    let second = stack.pop().unwrap_or_default();
                    operator.of(stack.pop().unwrap_or_default(), second)
                }
            };
            stack.push(value);
        }
        stack.pop().unwrap_or_default()
    }
}

struct Reader<'f> {
    written: &'f str,
    at: usize,
    steps: Vec<Step>,
    depth: usize,
}

impl<'f> Reader<'f> {
    fn rest(&self) -> &'f str {
        self.written.get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip_space();
        let there = self.rest().starts_with(sign);
        self.at += if there { sign.len() } else { 0 };
        there
    }

    fn wrong(&self, what: &str) -> Wrong {
        let at = 1 + self.written.get(..self.at).unwrap_or_default().chars().count();
        let help =
            "write numbers, counts such as `words`, `+ - * / ( )` and functions such as `math.sqrt(…)`";
        Wrong { at, what: what.to_owned(), help: help.to_owned() }
    }

    fn push(&mut self, step: Step) -> Result<(), Wrong> {
        self.steps.push(step);
        if self.steps.len() > MAX_STEPS { Err(self.wrong("it is too long")) } else { Ok(()) }
    }

    fn expression(&mut self, binds: u8) -> Result<(), Wrong> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong("its brackets are too deep"));
        }
        self.operand()?;
        self.operations(binds)?;
        self.depth -= 1;
        Ok(())
    }

    /// What follows an operand: operators that bind more closely than `binds`, each with an operand of its own.
    fn operations(&mut self, binds: u8) -> Result<(), Wrong> {
        loop {
            self.skip_space();
            let found = OPERATORS.iter().find(|(sign, ..)| self.rest().starts_with(sign));
            let Some((sign, operator, closeness)) = found.filter(|(.., closeness)| *closeness > binds) else {
                return Ok(());
            };
            self.at += sign.len();
            self.expression(*closeness)?;
            self.push(Step::Two(*operator))?;
        }
    }

    fn operand(&mut self) -> Result<(), Wrong> {
        for (sign, step) in [("-", Some(Step::Negate)), ("+", None), ("!", Some(Step::Not))] {
            if self.take(sign) {
                self.expression(5)?;
                return step.map_or(Ok(()), |step| self.push(step));
            }
        }
        if self.take("(") {
            self.expression(0)?;
            return if self.take(")") { Ok(()) } else { Err(self.wrong("a `)` is missing")) };
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let length = self.rest().find(|c| !is_name(c)).unwrap_or(self.rest().len());
        let name = self.rest().get(..length).unwrap_or_default();
        if name.is_empty() {
            return Err(self.wrong("a number or a count is missing"));
        }
        if let Ok(number) = name.parse::<f64>() {
            self.at += length;
            return self.push(Step::Number(number));
        }
        if let Some((_, variable)) = VARIABLES.iter().find(|(word, _)| *word == name) {
            self.at += length;
            return self.push(Step::Count(*variable));
        }
        let Some((_, function)) = FUNCTIONS.iter().find(|(word, _)| *word == name) else {
            let known =
                VARIABLES.iter().map(|(word, _)| *word).chain(FUNCTIONS.iter().map(|(word, _)| *word));
            return Err(Wrong {
                help: did_you_mean(name, known),
                ..self.wrong(&format!("`{name}` is neither a number nor a count"))
            });
        };
        self.at += length;
        if !self.take("(") {
            return Err(self.wrong("a `(` is missing"));
        }
        self.expression(0)?;
        self.push(Step::Function(*function))?;
        if self.take(")") { Ok(()) } else { Err(self.wrong("a `)` is missing")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(formula: &str, expected: f64) {
        let counts = Counts { words: 10.0, sentences: 2.0, ..Counts::default() };
        let value = Formula::read(formula, false).unwrap().value(&counts, 0.0);
        assert!((value - expected).abs() < 1e-9, "{formula} = {value}");
    }

    #[test]
    fn formulas_are_worked_out() {
        check("1 + 2 * 3 - 4 / 2", 5.0);
        check("(0.39 * (words / sentences)) - 15.59", -13.64);
        check("-2 * -(3 - 5)", -4.0);
        check("math.sqrt(words * 10) + heading_h1", 10.0);
        check("words > 5 && sentences <= 2 || 0", 1.0);
        check("10 % 4 * 2", 4.0);
        check("10 - 4 - 3", 3.0);
        let condition = Formula::read("> 5 && words == 10", true).unwrap();
        let counts = Counts { words: 10.0, ..Counts::default() };
        assert_eq!(condition.value(&counts, 6.0), 1.0);
        assert_eq!(condition.value(&counts, 5.0), 0.0);
    }

    #[test]
    fn what_is_no_formula_is_said() {
        for (formula, at, what) in [
            ("1 +", 4, "a number or a count is missing"),
            ("wrods / 2", 1, "`wrods` is neither a number nor a count"),
            ("(1", 3, "a `)` is missing"),
            ("1 2", 3, "nothing is expected here"),
            ("math.sqrt 2", 11, "a `(` is missing"),
        ] {
            let wrong = Formula::read(formula, false).unwrap_err();
            assert_eq!((wrong.at, wrong.what.as_str()), (at, what), "{formula}");
        }
        assert!(Formula::read(&"(".repeat(500), false).is_err());
        assert!(Formula::read(&"1+".repeat(5_000), false).is_err());
    }

    #[test]
    fn texts_are_counted() {
        let counts =
            Counts::of("The U.S. lamp lasts. It's a wonderful, extraordinary light.\n\nBuy two.").unwrap();
        assert_eq!((counts.words, counts.sentences, counts.paragraphs), (11.0, 3.0, 2.0));
        assert_eq!((counts.long_words, counts.polysyllabic_words), (2.0, 2.0));
    }

    #[test]
    fn syllables_are_about_right() {
        for (word, expected) in [
            ("the", 1),
            ("lamp", 1),
            ("table", 2),
            ("released", 2),
            ("started", 2),
            ("boxes", 2),
            ("phones", 1),
            ("display", 2),
            ("resolution", 4),
            ("wonderful", 3),
            ("quality", 3),
            ("5", 1),
        ] {
            assert_eq!(syllables(word), expected, "{word}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_formula_panics(formula in "[-+*/%()<>=&|!. a-z0-9]{0,40}", condition: bool) {
            if let Ok(formula) = Formula::read(&formula, condition) {
                formula.value(&Counts::default(), 1.0);
            }
        }
    }
}
