//! Declared attributes: what a request may say of the user and the moment, and what is kept of it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::condition::{Date, Operator, is_within};

/// The most undeclared attributes that are named of one request.
const MAX_IGNORED: usize = 20;
/// The longest list that an attribute may hold.
const MAX_ITEMS: usize = 1_000;
/// How far ahead of ours the clock of whoever dated a value may be.
const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// The request's own user reference, where a file declares it as an attribute.
pub(super) const USER_ID: &str = "user.id";

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
    /// When those that came with a date were measured.
    pub dates: Vec<Date>,
    /// The paths of the moment that may not be read, since nobody agreed to it.
    pub withheld: Vec<String>,
    /// What was given and left out, and why, in sentences without values.
    pub ignored: Vec<String>,
}

impl Attributes {
    /// The declaration of a path, or the nearest one of a map that the path leads into.
    pub fn find(&self, path: &str) -> Option<&Declared> {
        let leads_here = self.0.iter().filter(|declared| is_within(path, &declared.path));
        leads_here.max_by_key(|declared| declared.path.len())
    }

    /// What is declared as personal at a path, above it or below it: all that would come along with it.
    pub fn personal(&self, path: &str) -> Option<&Declared> {
        let personal = self.0.iter().filter(|declared| declared.class == Class::Personal);
        personal.into_iter().find(|d| is_within(path, &d.path) || is_within(&d.path, path))
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
        // How many keys of each are declared by their own name: where all are, none needs to be looked for.
        let mut known = [0, usize::from(context.contains_key("locale"))];
        for declared in &self.0 {
            let Some((root, name)) = declared.path.split_once('.') else { continue };
            let (given, kept, known) = match (root, &mut known) {
                ("user", [known, _]) => (user, &mut shaped.user, known),
                ("context", [_, known]) => (context, &mut shaped.context, known),
                _ => continue,
            };
            *known += usize::from(declared.path != "context.locale" && given.contains_key(name));
            let Some(value) = crate::condition::look_up(given, name) else { continue };
            match declared.accept(value, now) {
                Ok((value, at)) => {
                    put(kept, name, value.clone());
                    shaped.dates.extend(at.map(|at| (declared.path.clone(), at)));
                }
                Err(why) => shaped.ignored.push(format!("{}: {why}", declared.path)),
            }
        }
        for (root, given, known) in [("user", user, known[0]), ("context", context, known[1])] {
            if known == given.len() {
                continue;
            }
            let undeclared = given.keys().filter(|key| !self.declares(root, key));
            shaped
                .ignored
                .extend(undeclared.take(MAX_IGNORED).map(|key| format!("{root}.{key}: not declared")));
        }
        shaped
    }

    /// Takes away what says of the moment who somebody is, or is of a special class: without consent nothing personal is
    /// read, wherever it came from.
    pub fn withhold(&self, shaped: &mut Shaped) {
        let personal = |declared: &&Declared| matches!(declared.class, Class::Personal | Class::Special);
        for declared in self.0.iter().filter(personal) {
            let Some(name) = declared.path.strip_prefix("context.") else { continue };
            if crate::condition::look_up(&shaped.context, name).is_some() {
                take(&mut shaped.context, name);
                shaped.ignored.push(format!("{}: not read without consent", declared.path));
            }
            shaped.withheld.push(declared.path.clone());
        }
    }

    /// Puts the request's own user reference where the file declares `user.id` and the request gives no other.
    pub fn identify(&self, shaped: &mut Shaped, user_id: &str) {
        if self.0.iter().any(|declared| declared.path == USER_ID) && !shaped.user.contains_key("id") {
            shaped.user.insert("id".into(), user_id.into());
        }
    }

    /// Whether a key of the user's or the moment's attributes is declared, or leads to one that is.
    pub(super) fn declares(&self, root: &str, key: &str) -> bool {
        if root == "context" && key == "locale" {
            return true;
        }
        self.0.iter().any(|declared| {
            let name = declared.path.strip_prefix(root).and_then(|rest| rest.strip_prefix('.'));
            name.is_some_and(|name| is_within(name, key) || is_within(key, name))
        })
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
    /// The value, and when it was measured if that was said; or why it is not taken.
    fn accept<'v>(&self, given: &'v Value, now: Timestamp) -> Result<(&'v Value, Option<Timestamp>), String> {
        let (value, at) = match given {
            Value::Object(map) if self.kind != Type::Map && map.contains_key("value") => {
                let at = map.get("at").filter(|at| !at.is_null());
                let at = at.map(|at| at.as_str().and_then(|at| at.parse::<Timestamp>().ok()).ok_or(()));
                match at.transpose() {
                    Ok(at) => (map.get("value").unwrap_or(&Value::Null), at),
                    Err(()) => return Err("`at` is no instant such as 2026-11-20T10:00:00Z".into()),
                }
            }
            value => (value, None),
        };
        if let Some(at) = at {
            let age = now.duration_since(at);
            if age < -SKEW {
                return Err("dated in the future".into());
            }
            let most = self.max_age.map(|most| SignedDuration::try_from(most).unwrap_or(SignedDuration::MAX));
            if most.is_some_and(|most| age > most) {
                return Err("older than its `max_age`".into());
            }
        }
        self.check(value)?;
        Ok((value, at))
    }

    fn check(&self, value: &Value) -> Result<(), String> {
        if !self.kind.holds(value) {
            return Err(format!("not {}", self.kind.noun()));
        }
        if value.as_array().is_some_and(|items| items.len() > MAX_ITEMS) {
            return Err(format!("longer than {MAX_ITEMS} items"));
        }
        // The file's values are texts; a number is the same however it is written.
        let is = |known: &String| match value {
            Value::String(text) => known == text,
            Value::Number(number) => known.parse().ok() == number.as_f64(),
            Value::Bool(truth) => known.parse() == Ok(*truth),
            _ => false,
        };
        if !self.values.is_empty() && !self.values.iter().any(is) {
            return Err("not one of its declared values".into());
        }
        Ok(())
    }

    /// Whether a browser may say it: it is public, says nothing of the product, and can be written as one text.
    pub fn may_come_from_a_browser(&self) -> bool {
        self.class == Class::Public
            && !self.path.starts_with("product.")
            && !matches!(self.kind, Type::List | Type::Map)
    }

    /// A value that was sent as text, such as a parameter of an address. `None` when it is not of the declared type,
    /// or not one of the declared values.
    pub fn parse(&self, text: &str) -> Option<Value> {
        let value = match self.kind {
            Type::String | Type::Date => Value::from(text),
            Type::Integer => Value::from(text.parse::<i64>().ok()?),
            Type::Number => Value::from(serde_json::Number::from_f64(text.parse().ok()?)?),
            Type::Boolean => Value::from(text.parse::<bool>().ok()?),
            Type::List | Type::Map => return None,
        };
        self.check(&value).ok().map(|()| value)
    }
}

impl Declared {
    /// What is wrong with asking this of the attribute, and what to write instead: such a test could never come out in
    /// two ways. Lists and maps are asked in too many ways to tell.
    pub fn fault_of(&self, operator: Operator, expected: &Value) -> Option<(String, String)> {
        let of_its_type = "compare it with a value of its type, or mend its declaration";
        match operator {
            Operator::Fresh if self.max_age.is_none() && expected == &Value::Bool(true) => {
                let message = format!("`{}` says no `max_age`, so nothing tells what is fresh", self.path);
                return Some((
                    message,
                    "write a duration such as `$fresh: 24h`, or declare its `max_age`".into(),
                ));
            }
            Operator::Within | Operator::OlderThan if self.kind != Type::Date => {
                let message =
                    format!("`{}` is {}, and only dates lie so long ago", self.path, self.kind.noun());
                return Some((message, "declare it as `{type: date}`, or ask for its value".into()));
            }
            Operator::Size | Operator::ElemMatch | Operator::All | Operator::Alli
                if !matches!(self.kind, Type::List | Type::Map) =>
            {
                let message = format!("`{}` is {}, and no list", self.path, self.kind.noun());
                return Some((message, "declare it as `{type: list}`, or compare it with a value".into()));
            }
            _ => {}
        }
        if matches!(self.kind, Type::List | Type::Map) {
            return None;
        }
        let values: Vec<&Value> = match (operator, expected) {
            (Operator::In | Operator::Nin, Value::Array(values)) => values.iter().collect(),
            (Operator::Is | Operator::Eq | Operator::Ne, value) => vec![value],
            (Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte, value) => vec![value],
            _ => return None,
        };
        // What null means is the semantics' affair.
        let values: Vec<&Value> = values.into_iter().filter(|value| !value.is_null()).collect();
        let foreign = values.iter().find(|value| !self.kind.holds(value) && !self.converts(operator, value));
        if let Some(value) = foreign {
            let message = format!("`{}` is {}, and {value} is not", self.path, self.kind.noun());
            return Some((message, of_its_type.into()));
        }
        if !matches!(operator, Operator::Is | Operator::Eq | Operator::Ne | Operator::In | Operator::Nin) {
            return None;
        }
        let unheard = values
            .iter()
            .filter_map(|value| value.as_str())
            .find(|text| !self.values.is_empty() && !self.values.iter().any(|known| known == text))?;
        let help = crate::document::did_you_mean(unheard, self.values.iter().map(String::as_str));
        Some((format!("`{}` is never `{unheard}`", self.path), help))
    }

    /// Whether a value of another type can be told from the attribute's own all the same: a bare value is read as what
    /// stands there is, and a bound that no whole number has can still be compared with.
    fn converts(&self, operator: Operator, value: &Value) -> bool {
        match (operator, self.kind, value) {
            (Operator::Is, Type::Integer | Type::Number, Value::String(text)) => text.parse::<f64>().is_ok(),
            (Operator::Is, Type::Boolean, Value::String(text)) => matches!(text.as_str(), "true" | "false"),
            (Operator::Is, Type::Date, _) => false,
            (Operator::Is, _, value) => value.is_number() || value.is_boolean(),
            (Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte, Type::Integer, value) => {
                value.is_number()
            }
            _ => false,
        }
    }
}

impl Type {
    pub(super) fn holds(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Integer => {
                value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
            }
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Map => value.is_object(),
            Self::Date => value.as_str().is_some_and(|text| match text.len() {
                10 => text.parse::<jiff::civil::Date>().is_ok(),
                _ => text.parse::<Timestamp>().is_ok(),
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
    fn a_value_sent_as_text_is_read_by_its_type_and_closed_values() {
        use Type::{Boolean, Date, Integer, List, Map, Number, String};
        let cases: &[(Type, &[&str], &str, Option<Value>)] = &[
            (String, &["mobile", "desktop"], "mobile", Some(json!("mobile"))),
            (String, &["mobile", "desktop"], "Mobile", None),
            (String, &["mobile", "desktop"], "", None),
            (String, &["2"], "2", Some(json!("2"))),
            (Boolean, &[], "true", Some(json!(true))),
            (Boolean, &[], "1", None),
            (Boolean, &["true"], "false", None),
            (Integer, &["1", "2"], "2", Some(json!(2))),
            (Integer, &["1", "2"], "3", None),
            (Integer, &["1", "2"], "2.0", None),
            (Integer, &["1", "2"], "two", None),
            (Number, &["0.5", "1"], "0.50", Some(json!(0.5))),
            (Number, &["0.5", "1"], "1", Some(json!(1.0))),
            (Number, &["0.5", "1"], "0.4", None),
            (Number, &[], "NaN", None),
            (Number, &[], "inf", None),
            (Date, &["2026-11-27"], "2026-11-27", Some(json!("2026-11-27"))),
            (Date, &["2026-11-27"], "today", None),
            (List, &["a"], "a", None),
            (Map, &["a"], "a", None),
        ];
        for (kind, values, text, expected) in cases {
            let values = values.iter().map(|v| (*v).to_owned()).collect();
            let path = "context.x".into();
            let declared = Declared {
                path,
                kind: *kind,
                class: Class::Public,
                values,
                max_age: None,
                public_trust: false,
            };
            assert_eq!(declared.parse(text), *expected, "{kind:?} {text}");
            let browser = !matches!(kind, List | Map);
            assert_eq!(declared.may_come_from_a_browser(), browser);
            // What is read is accepted in a body too.
            if let Some(value) = expected {
                assert_eq!(declared.accept(value, Timestamp::UNIX_EPOCH), Ok((value, None)));
            }
        }
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
