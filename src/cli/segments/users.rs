//! Users as JSON Lines, one a line: as they were in a request, or their attributes alone.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::lines::Lines;
use super::super::{Failure, Shell};

/// The most users of one file.
const MAX_USERS: usize = 1_000_000;

/// One user of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct User {
    /// The line that says so, from 1.
    pub(super) line: u64,
    /// The user's reference.
    pub(super) id: Option<String>,
    /// What is known of them.
    pub(super) user: Map<String, Value>,
    /// What is known of the moment.
    pub(super) context: Map<String, Value>,
    /// Whether they agreed to personalisation; so they did where the line says nothing.
    pub(super) consent: bool,
    /// The moment, where the line says one.
    pub(super) at: Option<Timestamp>,
}

/// The lines that hold no user, and why.
pub(super) type Faults = Vec<(u64, String)>;

/// The users of a file, `-` being standard input, and what is wrong with which lines: the others are read all the same.
/// A bar tells how far it is where a person watches.
pub(super) fn read(path: &Path, shell: &Shell) -> Result<(Vec<User>, Faults), Failure> {
    let mut lines = Lines::open(path, shell)?;
    let (mut users, mut faults) = (Vec::new(), Vec::new());
    while let Some(line) = lines.next()? {
        if users.len() == MAX_USERS {
            let shown = path.display();
            return Err(Failure::Usage(format!("{shown} holds more than {MAX_USERS} users; take a sample")));
        }
        match line.read("an object of attributes").and_then(|all| user(line.number, all)) {
            Ok(user) => users.push(user),
            Err(fault) => faults.push((line.number, fault)),
        }
    }
    Ok((users, faults))
}

/// `{"id"?, "user": {…}, "context"?: {…}, "consent"?, "at"?}`, or an object of the user's attributes.
fn user(line: u64, mut all: Map<String, Value>) -> Result<User, String> {
    let wrapped = ["user", "context"].iter().any(|key| all.get(*key).is_some_and(Value::is_object));
    let id = match all.get("id") {
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        None | Some(Value::Null) => None,
        Some(_) if wrapped => return Err("`id` is neither a text nor a number".into()),
        Some(_) => None,
    };
    if !wrapped {
        if id.is_some() {
            all.remove("id");
        }
        return Ok(User { line, id, user: all, consent: true, ..User::default() });
    }
    let mut map = |key: &str| match all.remove(key) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(_) => Err(format!("`{key}` is not an object")),
    };
    let (mut user, context) = (map("user")?, map("context")?);
    let mut id = id;
    // As in a request, the user may be given as an id and the attributes beside it.
    if user.get("attributes").is_some_and(Value::is_object)
        && user.keys().all(|key| matches!(key.as_str(), "id" | "attributes"))
    {
        id = id.or_else(|| user.get("id").and_then(Value::as_str).map(str::to_owned));
        if let Some(Value::Object(attributes)) = user.remove("attributes") {
            user = attributes;
        }
    }
    let consent = match all.remove("consent") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(consent)) => consent,
        Some(Value::Object(consent)) => consent.get("personalisation") == Some(&Value::Bool(true)),
        Some(_) => return Err("`consent` is neither true nor false".into()),
    };
    let at = match all.remove("at") {
        None | Some(Value::Null) => None,
        Some(at) => {
            let at = at.as_str().and_then(|at| at.parse().ok());
            Some(at.ok_or("`at` is no instant such as 2026-11-20T10:00:00Z")?)
        }
    };
    all.remove("id");
    // A slip of the pen here, such as `consnet`, would count somebody in who did not agree.
    match all.keys().next() {
        Some(key) => Err(format!("`{key}` is not known beside `user`; write id, user, context, consent, at")),
        None => Ok(User { line, id, user, context, consent, at }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(Option<&str>, Value, Value, bool), &str>) {
        let found = user(1, serde_json::from_str(text).unwrap());
        let found = found.map(|u| (u.id, Value::Object(u.user), Value::Object(u.context), u.consent));
        let expected =
            expected.map(|(id, user, context, consent)| (id.map(str::to_owned), user, context, consent));
        assert_eq!(found, expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn a_line_is_a_user() {
        let none = || json!({});
        check(r#"{"age": 5}"#, Ok((None, json!({"age": 5}), none(), true)));
        check(r#"{"id": "u-1", "age": 5}"#, Ok((Some("u-1"), json!({"age": 5}), none(), true)));
        check(r#"{"id": 17}"#, Ok((Some("17"), none(), none(), true)));
        check(r#"{"id": [1]}"#, Ok((None, json!({"id": [1]}), none(), true)));
        check(r#"{"user": "x"}"#, Ok((None, json!({"user": "x"}), none(), true)));
        check(
            r#"{"id": "u", "user": {"a": 1}, "context": {"b": 2}, "consent": false}"#,
            Ok((Some("u"), json!({"a": 1}), json!({"b": 2}), false)),
        );
        check(r#"{"context": {"b": 2}}"#, Ok((None, none(), json!({"b": 2}), true)));
        check(r#"{"user": {}, "context": 5}"#, Err("`context` is not an object"));
        check(r#"{"user": {}, "id": {}}"#, Err("`id` is neither a text nor a number"));
        check(r#"{"user": {}, "consent": "no"}"#, Err("`consent` is neither true nor false"));
        check(r#"{"user": {}, "at": "soon"}"#, Err("`at` is no instant such as 2026-11-20T10:00:00Z"));
        check(
            r#"{"user": {}, "consnet": false}"#,
            Err("`consnet` is not known beside `user`; write id, user, context, consent, at"),
        );
        // As it stood in a request.
        check(
            r#"{"user": {"id": "u", "attributes": {"a": 1}}, "consent": {"personalisation": false}}"#,
            Ok((Some("u"), json!({"a": 1}), none(), false)),
        );
        let line = r#"{"user": {}, "at": "2026-11-20T10:00:00Z"}"#;
        let dated = user(3, serde_json::from_str(line).unwrap()).unwrap();
        assert_eq!((dated.line, dated.at), (3, "2026-11-20T10:00:00Z".parse().ok()));
    }
}
