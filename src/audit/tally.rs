//! What rules made of generations, as the log tells it: for those who count, in the order in which it was written.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;

use crate::guardrail::Action;
use crate::store::log;
use crate::store::{Store, StoreError};

/// A generation that was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Its place in the chain.
    pub seq: i64,
    /// When it ended.
    pub at: Timestamp,
    /// The rules that kept its text back, none where it passed.
    pub blocked_by: BTreeSet<String>,
}

/// The place in the chain before the newest `most` generations; 0 where there are no more than that.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn before_newest(store: &Store, most: u32) -> Result<i64, StoreError> {
    log::before_newest(store, most).await
}

/// The next generations after a place in the chain that passed or were blocked since an instant, in order.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn judged(
    store: &Store,
    after: i64,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Judged>, StoreError> {
    let rows = log::judged(store, after, since, limit).await?;
    let judged = rows.into_iter().map(|(seq, at, blocked)| {
        let blocked_by = blocked.map(|bytes| blocked_by(&bytes)).unwrap_or_default();
        Judged { seq, at, blocked_by }
    });
    Ok(judged.collect())
}

/// The rules whose findings block, as a record tells; none of a record that cannot be read, of which `audit verify` tells.
fn blocked_by(record: &[u8]) -> BTreeSet<String> {
    #[derive(Deserialize)]
    struct Told {
        findings: Vec<Finding>,
    }
    #[derive(Deserialize)]
    struct Finding {
        rule: String,
        action: Action,
        #[serde(default)]
        shadow: bool,
    }
    let findings = serde_json::from_slice::<Told>(record).map(|told| told.findings).unwrap_or_default();
    let blocks = |finding: &Finding| finding.action == Action::Block && !finding.shadow;
    findings.into_iter().filter(blocks).map(|finding| finding.rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_block_are_told_once_each() {
        let told = |record: &str| blocked_by(record.as_bytes()).into_iter().collect::<Vec<_>>();
        let record = r#"{"v":1,"findings":[{"rule":"a","action":"block"},{"rule":"a","action":"block"},
            {"rule":"b","action":"repair"},{"rule":"c","action":"block","shadow":true},{"rule":"d","action":"block"}]}"#;
        assert_eq!(told(record), ["a", "d"]);
        assert_eq!((told("{}"), told("[")), (vec![], vec![]));
    }
}
