//! `consistency`: two ways to write the same, both used.

use super::super::Ground;
use super::super::patterns::Style;
use super::super::rule::Hit;
use super::super::text::Text;
use crate::document::{Faults, Fields};

/// Two ways to write the same, both used.
#[derive(Debug)]
pub(in crate::guardrail) struct Consistency;

impl Consistency {
    /// Reads the settings that are the kind's own.
    pub(in crate::guardrail) fn read(
        _fields: &mut Fields<'_>,
        _style: Style,
        _faults: &Faults,
    ) -> Option<Self> {
        None
    }

    pub(super) fn find(&self, _text: &Text<'_>, _ground: &Ground<'_>) -> Vec<Hit> {
        Vec::new()
    }
}
