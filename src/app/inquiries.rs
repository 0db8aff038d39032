//! What people ask of the log that takes longer than a page may: one of each kind at a time, behind the requests, given up
//! when the service stops; the last answer is kept, with who asked and when.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Shared;
use crate::generate::Generator;
use crate::replay::{self, KeptError, KeptSets, Moments, ShadowReport, SweepReport};

/// How many examples of each rule an answer about rules in shadow holds.
const EXAMPLES: usize = 3;

/// Who asked what, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The name of the person.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What was looked for, in their words; empty where that is everything.
    pub what: String,
}

/// An inquiry under way.
#[derive(Clone, Debug)]
pub struct UnderWay {
    /// Who asked.
    pub asked: Asked,
    /// How far it has come.
    progress: Arc<[AtomicU64; 2]>,
}

impl UnderWay {
    /// How many texts are done, of how many as far as that is known.
    pub fn progress(&self) -> (u64, u64) {
        let [done, of] = &*self.progress;
        (done.load(Ordering::Relaxed), of.load(Ordering::Relaxed))
    }
}

/// What an inquiry came to.
#[derive(Debug)]
pub struct Answered<R> {
    /// Who asked.
    pub asked: Asked,
    /// When it was done.
    pub done: Timestamp,
    /// What was found, or why nothing could be: a sentence.
    pub found: Result<R, String>,
}

/// One kind of inquiry.
#[derive(Debug)]
pub struct Inquiry<R> {
    state: Mutex<State<R>>,
}

#[derive(Debug)]
struct State<R> {
    under_way: Option<UnderWay>,
    last: Option<Arc<Answered<R>>>,
}

impl<R> Default for Inquiry<R> {
    fn default() -> Self {
        Self { state: Mutex::new(State { under_way: None, last: None }) }
    }
}

impl<R> Inquiry<R> {
    fn state(&self) -> std::sync::MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one under way, and what the last one came to.
    pub fn told(&self) -> (Option<UnderWay>, Option<Arc<Answered<R>>>) {
        let state = self.state();
        (state.under_way.clone(), state.last.clone())
    }

    /// Begins one, unless one is under way: then that one is the error.
    fn begin(&self, asked: Asked) -> Result<UnderWay, UnderWay> {
        let mut state = self.state();
        if let Some(under_way) = &state.under_way {
            return Err(under_way.clone());
        }
        let under_way = UnderWay { asked, progress: Arc::default() };
        state.under_way = Some(under_way.clone());
        Ok(under_way)
    }

    /// Ends the one under way; with `None` it was given up.
    fn end(&self, answered: Option<Answered<R>>) {
        let mut state = self.state();
        state.under_way = None;
        if let Some(answered) = answered {
            state.last = Some(Arc::new(answered));
        }
    }
}

/// What can be asked.
#[derive(Debug, Default)]
pub struct Inquiries {
    /// What could be served now.
    pub sweep: Inquiry<SweepReport>,
    /// What rules in shadow would have done.
    pub shadow: Inquiry<ShadowReport>,
}

impl Shared {
    /// Begins to judge all that could be served now, and looks for a phrase in it where one is given.
    ///
    /// # Errors
    /// The sweep that is under way: there is one at a time.
    pub fn begin_sweep(self: &Arc<Self>, by: &str, phrase: Option<String>) -> Result<UnderWay, UnderWay> {
        let now = (self.parts.now)();
        let what = phrase.clone().unwrap_or_default();
        let under_way = self.inquiries.sweep.begin(Asked { by: by.to_owned(), at: now, what })?;
        let (shared, asked, told) = (Arc::clone(self), under_way.asked.clone(), under_way.clone());
        tokio::spawn(async move {
            let providers = shared.parts.generator.as_ref().map(Generator::providers).unwrap_or_default();
            let (settings, moments) = (shared.desk.settings(), Moments { now, at: now });
            let found =
                replay::sweep(&shared.store, settings, providers, phrase.as_deref(), moments, heard(&told));
            let found = shared.unless_it_stops(found).await;
            shared.inquiries.sweep.end(found.map(|found| answered(asked, &shared, found)));
        });
        Ok(under_way)
    }

    /// Begins to count what rules in shadow would have done in the last so many days.
    ///
    /// # Errors
    /// The count that is under way: there is one at a time.
    pub fn begin_shadow(self: &Arc<Self>, by: &str, days: u16) -> Result<UnderWay, UnderWay> {
        let now = (self.parts.now)();
        let since =
            now.checked_sub(SignedDuration::from_hours(i64::from(days) * 24)).unwrap_or(Timestamp::MIN);
        let what = format!("the last {days} days");
        let under_way = self.inquiries.shadow.begin(Asked { by: by.to_owned(), at: now, what })?;
        let (shared, asked, told) = (Arc::clone(self), under_way.asked.clone(), under_way.clone());
        tokio::spawn(async move {
            let kept = KeptSets::new(shared.store.clone(), shared.desk.settings());
            let found = replay::shadow(&shared.store, &kept, since, EXAMPLES, heard(&told));
            let found = shared.unless_it_stops(found).await;
            shared.inquiries.shadow.end(found.map(|found| answered(asked, &shared, found)));
        });
        Ok(under_way)
    }

    /// What some work comes to; `None` where the service stops first.
    async fn unless_it_stops<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.parts.leaving.begun() => None,
            done = work => Some(done),
        }
    }
}

/// Hears how far an inquiry has come.
fn heard(told: &UnderWay) -> impl FnMut(u64, u64) + Send + use<> {
    let progress = Arc::clone(&told.progress);
    move |done, of| {
        let [told_done, told_of] = &*progress;
        told_done.store(done, Ordering::Relaxed);
        told_of.store(of, Ordering::Relaxed);
    }
}

fn answered<R>(asked: Asked, shared: &Shared, found: Result<R, KeptError>) -> Answered<R> {
    let found = found.map_err(|error| {
        tracing::warn!(%error, "an inquiry into the log failed");
        error.to_string()
    });
    Answered { asked, done: (shared.parts.now)(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(by: &str) -> Asked {
        Asked { by: by.into(), at: Timestamp::UNIX_EPOCH, what: String::new() }
    }

    #[test]
    fn one_at_a_time_and_the_last_answer_is_kept() {
        let inquiry = Inquiry::<u8>::default();
        let under_way = inquiry.begin(asked("Ann")).unwrap();
        heard(&under_way)(3, 9);
        let other = inquiry.begin(asked("Bob")).unwrap_err();
        assert_eq!((other.asked.by.as_str(), other.progress()), ("Ann", (3, 9)));
        inquiry.end(Some(Answered { asked: asked("Ann"), done: Timestamp::UNIX_EPOCH, found: Ok(7) }));
        inquiry.begin(asked("Bob")).unwrap();
        // What is given up leaves the answer before it.
        inquiry.end(None);
        let (under_way, last) = inquiry.told();
        assert!(under_way.is_none());
        assert_eq!(last.unwrap().found, Ok(7));
    }
}
