//! Bodies: bounded, read within ten seconds, JSON with errors that say where.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{MAX_BODY, Problem};

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A body of JSON, read as `T`.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let read = to_bytes(request.into_body(), MAX_BODY);
        let bytes = match tokio::time::timeout(PATIENCE, read).await {
            Err(_elapsed) => return Err(Problem::too_slow()),
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) if is_too_large(&error) => return Err(Problem::too_large(MAX_BODY)),
            Ok(Err(_)) => return Err(Problem::malformed("The body broke off.")),
        };
        if bytes.trim_ascii().is_empty() {
            return Err(Problem::malformed("The body is empty; send a JSON object."));
        }
        // The reader would take a list of the fields' values too.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::malformed("The body is not a JSON object; send one that begins with `{`."));
        }
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let (path, said) = (error.path().to_string(), plainly(&error.inner().to_string()));
            match error.inner().classify() {
                serde_json::error::Category::Data if path != "." => {
                    Problem::malformed(format!("`{path}`: {said}"))
                }
                _ => Problem::malformed(format!("The body is not the JSON object that is expected: {said}")),
            }
        })?;
        reader.end().map_err(|_| Problem::malformed("Something follows the JSON object; send it alone."))?;
        Ok(Self(value))
    }
}

/// An object, or nothing: a derived reader would take a list of the fields' values too, and `[true]` is no consent.
pub(super) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_unit<E>(self) -> Result<Option<T>, E> {
            Ok(None)
        }
        fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Option<T>, M::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }
    deserializer.deserialize_any(Object(PhantomData))
}

/// What the reader says, in the words of those who send JSON, and never the value that was sent: answers end in callers'
/// logs.
fn plainly(said: &str) -> String {
    if said.starts_with("recursion limit exceeded") {
        return "it nests deeper than 127 levels; send flatter facts".to_owned();
    }
    let names_a_value = said.starts_with("invalid ") || said.starts_with("unknown variant ");
    let Some((_, expected)) = said.rsplit_once(", expected ").filter(|_| names_a_value) else {
        return said.to_owned();
    };
    let (expected, place) = expected.rsplit_once(" at line ").unwrap_or((expected, "1"));
    let expected = match expected {
        "a string" => "a text",
        "a boolean" => "true or false",
        "u64" => "a whole number of 0 or more",
        "a map" => "an object",
        structure if structure.starts_with("struct ") => "an object",
        other => other,
    };
    format!("write {expected} (line {place})")
}

/// Whether a body could not be read because it is longer than it may be.
pub(crate) fn is_too_large(error: &axum::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        source = error.source();
    }
    false
}
