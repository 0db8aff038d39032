//! Bodies: bounded, read within ten seconds, JSON with errors that say where.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

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
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(Problem::malformed("The body is empty; send a JSON object."));
        }
        let mut reader = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let (path, inner) = (error.path().to_string(), error.inner());
            // Only what is wrong is said, never the value that was sent: answers end in callers' logs.
            match inner.classify() {
                serde_json::error::Category::Data if path != "." => {
                    Problem::malformed(format!("`{path}`: {inner}"))
                }
                _ => Problem::malformed(format!("The body is not the JSON object that is expected: {inner}")),
            }
        })?;
        reader.end().map_err(|_| Problem::malformed("Something follows the JSON object; send it alone."))?;
        Ok(Self(value))
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        source = error.source();
    }
    false
}
