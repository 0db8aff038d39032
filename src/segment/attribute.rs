//! Declared attributes: what a request may say of the user and the moment, and what is kept of it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

/// The most undeclared attributes that are named of one request.
const MAX_IGNORED: usize = 20;

/// The attributes that a policy declares, by path.
#[derive(Clone, Debug, Default)]
pub struct Attributes(pub(super) Vec<Declared>);

/// One declared attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// Its path, such as `user.orders_90d`.
    pub path: String,
    /// What its values are.
    pub kind: Type,
    /// How it may be used.
    pub class: Class,
    /// The only values it takes; empty when any are taken.
    pub values: Vec<String>,
    /// How old a dated value may be before it counts as missing.
    pub max_age: Option<Duration>,
    /// Whether its text comes from the public, so that it may be prompted but supports no claim.
    pub public_trust: bool,
}

/// What an attribute's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A truth value.
    Boolean,
    /// A list.
    List,
    /// A map.
    Map,
    /// A date or an instant, as ISO 8601 text.
    Date,
}

/// How an attribute may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nothing special.
    Plain,
    /// Closed values that a browser may send.
    Public,
    /// A number that a model gave.
    Score,
    /// Says who somebody is: never in a prompt.
    Personal,
    /// Health, religion and the like: refused without a reason.
    Special,
}

/// What is kept of a request's attributes.
#[derive(Clone, Debug, Default)]
pub struct Shaped {
    /// The declared attributes of the user that were given and are of their type.
    pub user: Map<String, Value>,
    /// The declared attributes of the moment, likewise.
    pub context: Map<String, Value>,
    /// What was given and left out, and why, in sentences without values.
    pub ignored: Vec<String>,
}

impl Attributes {
    /// The declaration of a path, or of the map that the path leads into.
    pub fn find(&self, path: &str) -> Option<&Declared> {
        self.0.iter().find(|declared| {
            path.strip_prefix(declared.path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// Facts without those whose text comes from the public; `None` when nothing is taken away. Public text may be prompted and supports no claim.
    pub fn trusted(&self, facts: &Map<String, Value>) -> Option<Map<String, Value>> {
        let public = self.0.iter().filter(|declared| declared.public_trust);
        let names: Vec<&str> = public.filter_map(|declared| declared.path.strip_prefix("product.")).collect();
        if !names.iter().any(|name| crate::condition::look_up(facts, name).is_some()) {
            return None;
        }
        let mut trusted = facts.clone();
        names.iter().for_each(|name| take(&mut trusted, name));
        Some(trusted)
    }

    /// All declarations, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = &Declared> {
        self.0.iter()
    }

    /// Keeps what is declared, of its type, and fresh. The rest is unknown and reported, never an error. A value may be
    /// given as `{"value": …, "at": …}`; without `at` it is as of `now`. `context.locale` needs no declaration.
    pub fn shape(&self, user: &Map<String, Value>, context: &Map<String, Value>, now: Timestamp) -> Shaped {
        let mut shaped = Shaped::default();
        if let Some(locale) = context.get("locale").filter(|locale| locale.is_string()) {
            shaped.context.insert("locale".into(), locale.clone());
        }
        for declared in &self.0 {
            let Some((root, name)) = declared.path.split_once('.') else { continue };
            let (given, kept) = match root {
                "user" => (user, &mut shaped.user),
                "context" => (context, &mut shaped.context),
                _ => continue,
            };
            let Some(value) = crate::condition::look_up(given, name) else { continue };
            match declared.accept(value, now) {
                Ok(value) => put(kept, name, value),
                Err(why) => shaped.ignored.push(format!("{}: {why}", declared.path)),
            }
        }
        for (root, given) in [("user", user), ("context", context)] {
            let undeclared = given.keys().map(|name| format!("{root}.{name}")).filter(|path| {
                let below = |declared: &Declared| declared.path.starts_with(&format!("{path}."));
                path != "context.locale" && self.find(path).is_none() && !self.0.iter().any(below)
            });
            shaped.ignored.extend(undeclared.take(MAX_IGNORED).map(|path| format!("{path}: not declared")));
        }
        shaped
    }
}

/// Puts a value at a dotted path, making the maps on the way.
pub(crate) fn put(map: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            map.insert(path.into(), value);
        }
        Some((key, rest)) => {
            let inner = map.entry(key).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// Takes the value at a dotted path away, found as [`crate::condition::look_up`] finds it.
fn take(map: &mut Map<String, Value>, path: &str) {
    if map.remove(path).is_some() {
        return;
    }
    if let Some((key, rest)) = path.split_once('.')
        && let Some(Value::Object(inner)) = map.get_mut(key)
    {
        take(inner, rest);
    }
}

impl Declared {
    fn accept(&self, given: &Value, now: Timestamp) -> Result<Value, String> {
        let (value, at) = match given {
            Value::Object(map) if self.kind != Type::Map && map.contains_key("value") => {
                let at =
                    map.get("at").map(|at| at.as_str().and_then(|at| at.parse::<Timestamp>().ok()).ok_or(()));
                match at.transpose() {
                    Ok(at) => (map.get("value").unwrap_or(&Value::Null), at),
                    Err(()) => return Err("`at` is no instant such as 2026-11-20T10:00:00Z".into()),
                }
            }
            value => (value, None),
        };
        if let (Some(max_age), Some(at)) = (self.max_age, at) {
            let age = now.duration_since(at);
            if age > jiff::SignedDuration::try_from(max_age).unwrap_or(jiff::SignedDuration::MAX) {
                return Err("older than its `max_age`".into());
            }
        }
        if !self.kind.holds(value) {
            return Err(format!("not {}", self.kind.noun()));
        }
        if !self.values.is_empty()
            && !value.as_str().is_some_and(|text| self.values.iter().any(|v| v == text))
        {
            return Err("not one of its declared values".into());
        }
        Ok(value.clone())
    }
}

impl Declared {
    /// What is wrong with comparing this attribute with a value, and what to write instead: such a test could never
    /// hold. Lists and maps are compared in too many ways to tell.
    pub(super) fn fault_of(&self, value: &Value) -> Option<(String, String)> {
        if matches!(self.kind, Type::List | Type::Map) {
            return None;
        }
        if !self.kind.holds(value) {
            let message = format!("`{}` is {}, and {value} is not", self.path, self.kind.noun());
            return Some((message, "compare it with a value of its type, or mend its declaration".into()));
        }
        let text = value.as_str().filter(|_| !self.values.is_empty())?;
        if self.values.iter().any(|known| known == text) {
            return None;
        }
        let help = crate::document::did_you_mean(text, self.values.iter().map(String::as_str));
        Some((format!("`{}` is never `{text}`", self.path), help))
    }
}

impl Type {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => {
                value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
            }
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Map => value.is_object(),
            Self::Date => value.as_str().is_some_and(|text| {
                text.parse::<Timestamp>().is_ok() || text.parse::<jiff::civil::Date>().is_ok()
            }),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::String => "a text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "a truth value",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Date => "a date",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn public(path: &str) -> Attributes {
        let kind = Type::List;
        let values = Vec::new();
        Attributes(vec![Declared {
            path: path.into(),
            kind,
            class: Class::Plain,
            values,
            max_age: None,
            public_trust: true,
        }])
    }

    #[test]
    fn public_text_supports_nothing() {
        let facts = json!({"name": "Kettle", "reviews": ["Boils 9 litres"], "more": {"questions": ["7?"], "volume": 1}});
        let facts = facts.as_object().unwrap();
        let trusted = |path| public(path).trusted(facts).map(Value::Object);
        assert_eq!(
            trusted("product.reviews"),
            Some(json!({"name": "Kettle", "more": {"questions": ["7?"], "volume": 1}}))
        );
        assert_eq!(
            trusted("product.more.questions"),
            Some(json!({"name": "Kettle", "reviews": ["Boils 9 litres"], "more": {"volume": 1}}))
        );
        assert_eq!(trusted("product.brand"), None);
    }
}
