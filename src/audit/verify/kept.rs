//! What tables keep beside the chain and entries tell of: the files of policies, and legal holds.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::{Fault, FaultKind, Found};
use crate::audit::records::{HoldRecord, HoldScope, PolicyRecord};
use crate::store::log::Snapshot;
use crate::words::Revision;

/// What the entries told of.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// By kind and hash: the entry that says so first, and a hash over what it says of each file.
    policies: HashMap<(String, String), (i64, blake3::Hash)>,
    /// The entry that speaks last of each hold, and what it says.
    holds: BTreeMap<Uuid, (i64, HoldScope, bool)>,
}

impl Kept {
    /// Only what was accepted is kept.
    pub(super) fn policy(&mut self, seq: i64, record: PolicyRecord) {
        if record.accepted && !record.files.is_empty() {
            let files = over(&record.files);
            self.policies.entry((record.kind, record.hash)).or_insert((seq, files));
        }
    }

    pub(super) fn hold(&mut self, seq: i64, record: HoldRecord) {
        self.holds.insert(record.id, (seq, record.scope, record.lifted));
    }

    /// Whether what is kept is what was told.
    pub(super) async fn settle(&self, snapshot: &mut Snapshot) -> Found {
        let holds = snapshot.look().holds(false).await?;
        for (id, (seq, scope, lifted)) in &self.holds {
            let row = holds.iter().find(|row| row.id.parse() == Ok(*id));
            let wrong = match row {
                None => "is gone from the table of holds",
                Some(row) if row.lifted.is_some() != *lifted => match lifted {
                    true => "was lifted, and the table of holds has it in force",
                    false => "was never lifted, and the table of holds says that it was",
                },
                Some(row) if serde_json::from_str(&row.scope).ok().as_ref() != Some(scope) => {
                    "covers something else in the table of holds"
                }
                Some(_) => continue,
            };
            let explanation = format!("the hold {id}, of which entry {seq} tells, {wrong}");
            let record = Some(id.to_string());
            return Ok(Err(Fault { record, ..Fault::of(*seq, FaultKind::Hold, explanation) }));
        }
        let (mut kind, mut hash) = (String::new(), String::new());
        while let Some((next_kind, next_hash, files)) = snapshot.policy_after(&kind, &hash).await? {
            (kind, hash) = (next_kind, next_hash);
            // What no entry tells of stays unproven: it is kept a moment before its entry is written.
            let Some((seq, told)) = self.policies.get(&(kind.clone(), hash.clone())) else { continue };
            let files: Option<BTreeMap<String, String>> = serde_json::from_str(&files).ok();
            let files = files.map(|files| {
                let hashed =
                    |(path, text): (String, String)| (path, Revision::of([("", text.as_str())]).to_string());
                over(&files.into_iter().map(hashed).collect())
            });
            if files != Some(*told) {
                let explanation = format!(
                    "the files kept of the {kind} {hash} are not those that entry {seq} says were put in force"
                );
                return Ok(Err(Fault::of(*seq, FaultKind::Policy, explanation)));
            }
        }
        Ok(Ok(()))
    }
}

/// A hash over the hashes of files, by their paths.
fn over(files: &BTreeMap<String, String>) -> blake3::Hash {
    let files = files.iter().map(|(path, hash)| (path.as_str(), hash.as_str()));
    blake3::hash(Revision::of(files).as_str().as_bytes())
}
