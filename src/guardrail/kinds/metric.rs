//! `metric`, `readability`: a formula over counts of the text that comes out too high or too low.

use super::super::Ground;
use super::super::patterns::Style;
use super::super::rule::Hit;
use super::super::text::Text;
use crate::document::{Faults, Fields};

/// A formula over counts of the text that comes out too high or too low.
#[derive(Debug)]
pub(in crate::guardrail) struct Metric;

impl Metric {
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

/// A text harder to read than a grade allows.
#[derive(Debug)]
pub(in crate::guardrail) struct Readability;

impl Readability {
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
