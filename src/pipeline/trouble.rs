//! How the LLM fared lately, for those who run the service. Decides nothing.

use std::sync::{Mutex, PoisonError};

/// Generations that failed one after the other, and what was wrong with the last.
#[derive(Debug, Default)]
pub struct Trouble(Mutex<(u32, String)>);

impl Trouble {
    /// From how many failures on it is worth a word.
    const WORTH_A_WORD: u32 = 3;

    /// The LLM answered.
    pub(super) fn over(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (0, String::new());
    }

    /// A generation failed for want of an answer.
    pub(super) fn again(&self, error: &str) {
        let mut trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.0 = trouble.0.saturating_add(1);
        error.clone_into(&mut trouble.1);
    }

    /// What to tell, when several generations failed in a row.
    pub fn told(&self) -> Option<String> {
        let trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (failures, error) = &*trouble;
        (*failures >= Self::WORTH_A_WORD).then(|| format!("the last {failures} generations failed: {error}"))
    }
}
