//! What conditions are asked about, and how a dotted path finds its value there.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// When a dated value was measured, by its path such as `user.discount_affinity`.
pub type Date = (String, Timestamp);

/// What conditions are asked about: the user (absent without consent), the moment, the product.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    source: Source<'a>,
    at: Timestamp,
    dates: &'a [Date],
    withheld: &'a [String],
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    /// Paths begin with `user.`, `context.` or `product.`.
    Rooted {
        user: Option<&'a Map<String, Value>>,
        context: &'a Map<String, Value>,
        product: &'a Map<String, Value>,
    },
    /// Paths begin anywhere.
    Plain(&'a Value),
}

/// A path, its root known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    text: String,
    root: Root,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    User,
    Context,
    Product,
    None,
}

impl Root {
    fn of(path: &str) -> Self {
        match path.split_once('.') {
            Some(("user", _)) => Self::User,
            Some(("context", _)) => Self::Context,
            Some(("product", _)) => Self::Product,
            _ => Self::None,
        }
    }
}

/// What stands at a path, for one request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot<'a> {
    /// A value that is not null, and when it was measured if that was said.
    There(&'a Value, Option<Timestamp>),
    /// How many items a list has, where the path ends in its `length`.
    Length(usize),
    /// Nothing, or null.
    Missing,
    /// What may not be read: the user's attributes without consent.
    Withheld,
}

impl Path {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), root: Root::of(text) }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it leads to what the user's consent is needed for.
    pub(super) fn is_users(&self) -> bool {
        self.root == Root::User
    }
}

impl<'a> Scope<'a> {
    /// A request: the user's attributes (`None` when they may not be read), those of the moment, the product's facts, and
    /// the moment that durations count from.
    pub fn new(
        user: Option<&'a Map<String, Value>>,
        context: &'a Map<String, Value>,
        product: &'a Map<String, Value>,
        at: Timestamp,
    ) -> Self {
        Self { source: Source::Rooted { user, context, product }, at, dates: &[], withheld: &[] }
    }

    /// One object whose own keys paths begin with, as GrowthBook's attributes are.
    pub fn plain(attributes: &'a Value, at: Timestamp) -> Self {
        Self { source: Source::Plain(attributes), at, dates: &[], withheld: &[] }
    }

    /// The same, knowing when some of the values were measured.
    pub fn dated(self, dates: &'a [Date]) -> Self {
        Self { dates, ..self }
    }

    /// The same, with these paths being such as may not be read.
    pub fn withholding(self, withheld: &'a [String]) -> Self {
        Self { withheld, ..self }
    }

    /// The moment that durations count from.
    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    /// The value at a dotted path such as `user.orders_90d`. Null counts as missing. Where a key itself holds dots, as
    /// spec sheets' keys do, the rest of the path as one key goes before its parts.
    pub fn look_up(&self, path: &str) -> Option<&'a Value> {
        self.find(Root::of(path), path)
    }

    pub(super) fn slot(&self, path: &Path) -> Slot<'a> {
        if path.root == Root::User && matches!(self.source, Source::Rooted { user: None, .. }) {
            return Slot::Withheld;
        }
        match self.find(path.root, &path.text) {
            Some(value) => Slot::There(value, self.date_of(path)),
            None if self.withheld.iter().any(|withheld| is_within(&path.text, withheld)) => Slot::Withheld,
            None => self.length(path).map_or(Slot::Missing, Slot::Length),
        }
    }

    fn find(&self, root: Root, path: &str) -> Option<&'a Value> {
        let map = match (self.source, root) {
            (Source::Plain(attributes), _) => {
                return path.split('.').try_fold(attributes, step).filter(|value| !value.is_null());
            }
            (Source::Rooted { user, .. }, Root::User) => user?,
            (Source::Rooted { context, .. }, Root::Context) => context,
            (Source::Rooted { product, .. }, Root::Product) => product,
            (Source::Rooted { .. }, Root::None) => return None,
        };
        look_up(map, path.split_once('.')?.1)
    }

    /// The length of the list that a path leads to, as JavaScript knows it.
    fn length(&self, path: &Path) -> Option<usize> {
        let list = match (path.text.strip_suffix(".length"), self.source) {
            (Some(list), _) => self.find(path.root, list)?,
            (None, Source::Plain(item)) if path.text == "length" => item,
            (None, _) => return None,
        };
        list.as_array().map(Vec::len)
    }

    fn date_of(&self, path: &Path) -> Option<Timestamp> {
        self.dates.iter().find(|(dated, _)| *dated == path.text).map(|(_, at)| *at)
    }
}

/// Whether a path is another one, or leads on from it.
pub(crate) fn is_within(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// One part of a path: a key of an object, a place in a list.
fn step<'a>(value: &'a Value, part: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map.get(part),
        // `01` and `+1` are no places in a list.
        Value::Array(items) if part == "0" || part.starts_with(|c: char| ('1'..='9').contains(&c)) => {
            items.get(part.parse::<usize>().ok()?)
        }
        _ => None,
    }
}

/// The value at a dotted path within a map, as [`Scope::look_up`] finds it.
pub fn look_up<'a>(map: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = map.get(path) {
        return (!value.is_null()).then_some(value);
    }
    let (key, rest) = path.split_once('.')?;
    match map.get(key)? {
        Value::Object(inner) => look_up(inner, rest),
        list => rest.split('.').try_fold(list, step).filter(|value| !value.is_null()),
    }
}
