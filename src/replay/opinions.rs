//! What second models said of texts, as the store keeps it.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::Provider;
use crate::guardrail::{Known, Opinion, Question};
use crate::store::{Store, StoreError, opinions};

/// The most answers that are read; the newest count.
const MOST: u32 = 500_000;

/// Answers that are still kept. Nobody is asked anew.
#[derive(Debug, Default)]
pub struct KeptOpinions {
    /// Each provider's name and model.
    models: Vec<(String, String)>,
    said: HashMap<String, Arc<Opinion>>,
}

impl KeptOpinions {
    /// Reads them: those that are young enough at `now` to be gone by. `providers` are those that would be asked.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn read(store: &Store, providers: &[Provider], now: Timestamp) -> Result<Self, StoreError> {
        let said = opinions::all(store, now, MOST).await?;
        let said = said.into_iter().filter_map(|(question, opinion)| {
            // One that cannot be read would be asked for anew.
            Some((question, Arc::new(serde_json::from_str(&opinion).ok()?)))
        });
        let models = providers.iter().map(|p| (p.name.clone(), p.model.clone())).collect();
        Ok(Self { models, said: said.collect() })
    }
}

impl Known for KeptOpinions {
    fn opinion(&self, question: &Question) -> Option<Arc<Opinion>> {
        self.said.get(&question.key_among(&self.models).to_string()).cloned()
    }
}
