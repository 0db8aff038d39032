//! What people may order: checked before anything is done, whoever they order it through.

use jiff::Timestamp;

use crate::audit::{PurgeScope, StopKind, StopRecord};
use crate::guardrail::check_phrase;
use crate::words::new_id;

/// The longest name of what is stopped, in characters.
const MAX_NAME: usize = 200;
/// The longest reason, in characters.
pub const MAX_REASON: usize = 500;

/// A stop to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What kind of thing.
    pub kind: StopKind,
    /// Which one.
    pub value: String,
    /// Whether pre-written copy is stopped too.
    pub prewritten: bool,
    /// Why.
    pub reason: String,
    /// Who sets it.
    pub by: String,
}

impl Order {
    /// An order as people give it.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what to write instead.
    pub fn read(
        kind: StopKind,
        value: &str,
        prewritten: Option<bool>,
        reason: &str,
        by: &str,
    ) -> Result<Self, String> {
        let (value, reason) = (value.trim(), reason.trim());
        let name = kind.as_str();
        if kind == StopKind::Phrase {
            check_phrase(value).map_err(|wrong| format!("`phrase`: {wrong}"))?;
        } else {
            named(name, value)?;
        }
        if reason.is_empty() || reason.chars().count() > MAX_REASON {
            return Err(format!("`reason`: say why, in 1 to {MAX_REASON} characters"));
        }
        let everywhere = kind == StopKind::Phrase;
        let prewritten = match (prewritten, kind) {
            (Some(false), StopKind::Phrase) => {
                return Err("`prewritten`: a phrase is stopped wherever it stands; leave this out".into());
            }
            (Some(true), StopKind::Model) => {
                return Err("`prewritten`: no model writes pre-written copy; leave this out".into());
            }
            (prewritten, _) => prewritten.unwrap_or(everywhere),
        };
        let (value, reason, by) = (value.to_owned(), reason.to_owned(), by.to_owned());
        Ok(Self { kind, value, prewritten, reason, by })
    }

    /// What the order comes to at that moment, under an id of its own.
    pub fn record(self, now: Timestamp) -> StopRecord {
        let Self { kind, value, prewritten, reason, by } = self;
        let (id, at, lifted, generation_id) = (new_id(now), now, false, None);
        StopRecord { id, at, by, reason, kind, value, prewritten, lifted, generation_id }
    }
}

/// Whether something can be a name of a thing.
fn named(field: &str, value: &str) -> Result<(), String> {
    let fits = (1..=MAX_NAME).contains(&value.chars().count()) && !value.chars().any(char::is_control);
    fits.then_some(()).ok_or_else(|| format!("`{field}`: write its name in 1 to {MAX_NAME} characters"))
}

/// What a scope of a purge must be.
///
/// # Errors
///
/// What to write instead.
pub fn check_scope(scope: &PurgeScope) -> Result<(), String> {
    if *scope == PurgeScope::default() {
        return Err("Say what to drop: `product`, `placement`, `segment`, `template` or `generation`; of several, what \
                    all of them say."
            .into());
    }
    let PurgeScope { product, placement, segment, template, generation: _ } = scope;
    let fields =
        [("product", product), ("placement", placement), ("segment", segment), ("template", template)];
    fields
        .into_iter()
        .filter_map(|(field, value)| Some((field, value.as_deref()?)))
        .try_for_each(|(field, value)| named(field, value))
}
