//! All that is held of a person, for that person: what they were shown, what was written for them alone and from what, and
//! nothing of anybody else.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::hold;
use super::person::{self, Trace};
use super::records::ServeRecord;
use super::search;
use crate::store::log::Snapshot;
use crate::store::{Store, StoreError};

/// A serve with what was shown.
#[derive(serde::Serialize)]
struct Shown<'s> {
    #[serde(flatten)]
    serve: &'s ServeRecord,
    /// `None` where nothing was shown, or it is not kept any more.
    text: Option<String>,
}

/// All that is held of the user with this digest, as one JSON object: `names`, the hashes that their records bear; `serves`,
/// each with its `text` as far as it is kept; `generations`, those that are theirs alone, whole; `answers`, kept for a day
/// for whoever asks again; `holds`, the legal holds on them.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn subject(store: &Store, digest: &[u8; 32]) -> Result<Value, StoreError> {
    let mut snapshot = Snapshot::begin(store).await?;
    let look = &mut snapshot.look();
    let mut trace = Trace::of(person::names(look, digest).await?, true);
    trace.extend(look).await?;
    let answers = trace.answers(look).await?;
    drop(snapshot);
    let mut generations = Vec::new();
    for id in trace.own().collect::<Vec<_>>() {
        if let Some(generation) = search::generation(store, id).await? {
            let mut generation = json!(generation);
            // Who reviewed it is somebody else.
            let reviews = generation.get_mut("reviews").and_then(Value::as_array_mut);
            for review in reviews.into_iter().flatten().filter_map(Value::as_object_mut) {
                review.remove("by");
            }
            generations.push(generation);
        }
    }
    let (mut serves, mut texts) = (Vec::new(), HashMap::<Uuid, Option<String>>::new());
    for serve in &trace.serves {
        let text = match (&serve.text_hash, serve.generation_id) {
            (Some(hash), _) => search::text(store, hash).await?.filter(|text| !text.is_empty()),
            (None, Some(id)) => {
                if let std::collections::hash_map::Entry::Vacant(vacant) = texts.entry(id) {
                    let generation = search::generation(store, id).await?;
                    vacant.insert(generation.and_then(|generation| generation.payload?.text));
                }
                texts.get(&id).cloned().flatten()
            }
            (None, None) => None,
        };
        serves.push(json!(Shown { serve, text }));
    }
    let answers: Vec<Value> =
        answers.iter().filter_map(|(_, answer)| serde_json::from_str(answer).ok()).collect();
    let holds: Vec<_> = hold::list(store)
        .await?
        .into_iter()
        .filter(|hold| hold.scope.user.as_ref().is_some_and(|user| trace.names.contains(user)))
        .collect();
    Ok(json!({
        "names": trace.names, "serves": serves, "generations": generations, "answers": answers, "holds": holds,
    }))
}
