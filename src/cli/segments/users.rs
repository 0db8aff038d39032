//! Files of users: one a line, as they were in a request or as flat attributes.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::lines::Lines;
use super::super::{Failure, Shell};

/// The most users of one file.
const MAX_USERS: usize = 1_000_000;

/// One user, with the moment of their request.
#[derive(Debug)]
pub(super) struct User {
    /// The line of the file.
    pub(super) line: u64,
    /// Their reference, where the line gives one.
    pub(super) id: Option<String>,
    /// Their attributes.
    pub(super) user: Map<String, Value>,
    /// Attributes of the moment.
    pub(super) context: Map<String, Value>,
    /// Whether they agreed to personalisation; in a file they did unless it says otherwise.
    pub(super) consent: bool,
    /// When the request was made; now where the line does not say.
    pub(super) at: Option<Timestamp>,
}

/// A line that holds no user, and why.
pub(super) type Faulty = (u64, String);

/// Reads a file of users: `{"id"?, "user", "context"?, "consent"?, "at"?}`, or any other object, whose keys are then the
/// user's attributes. Faulty lines are answered, and hold up no other.
pub(super) fn read(path: &Path, shell: &Shell) -> Result<(Vec<User>, Vec<Faulty>), Failure> {
    let mut lines = Lines::open(path, shell)?;
    let (mut users, mut faulty) = (Vec::new(), Vec::new());
    while let Some(line) = lines.next()? {
        if users.len() == MAX_USERS {
            return Err(Failure::Usage(format!(
                "{} holds more than {MAX_USERS} users; give a sample of them",
                path.display()
            )));
        }
        match line
            .read::<Map<String, Value>>("an object of attributes")
            .and_then(|map| user(line.number, map))
        {
            Ok(user) => users.push(user),
            Err(why) => faulty.push((line.number, why)),
        }
    }
    Ok((users, faulty))
}

fn user(line: u64, mut map: Map<String, Value>) -> Result<User, String> {
    let id = match map.get("id") {
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => None,
    };
    let shaped = ["user", "context", "consent", "at", "id"];
    let is_request = (map.contains_key("user") || map.contains_key("context"))
        && map.keys().all(|key| shaped.contains(&key.as_str()));
    if !is_request {
        map.remove("id");
        return Ok(User { line, id, user: map, context: Map::new(), consent: true, at: None });
    }
    let mut part = |key: &str| match map.remove(key) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(part)) => Ok(part),
        Some(_) => Err(format!("`{key}` is no object")),
    };
    let (mut user, context) = (part("user")?, part("context")?);
    // As in a request, the user may be given with an id and the attributes beside it.
    let id = id.or_else(|| user.get("id").and_then(Value::as_str).map(str::to_owned));
    if let Some(Value::Object(attributes)) = user.get("attributes").cloned()
        && user.keys().all(|key| matches!(key.as_str(), "id" | "attributes"))
    {
        user = attributes;
    }
    let consent = match map.remove("consent") {
        None | Some(Value::Null) => true,
        Some(Value::Bool(consent)) => consent,
        Some(Value::Object(consent)) => consent.get("personalisation") == Some(&Value::Bool(true)),
        Some(_) => return Err("`consent` is neither true nor false".into()),
    };
    let at = match map.remove("at") {
        None | Some(Value::Null) => None,
        Some(at) => {
            let at = at.as_str().and_then(|at| at.parse().ok());
            Some(at.ok_or("`at` is no instant such as 2026-11-20T10:00:00Z")?)
        }
    };
    Ok(User { line, id, user, context, consent, at })
}
