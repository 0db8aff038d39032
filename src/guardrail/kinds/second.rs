//! `judge`, `moderation`: what a rubric says, decided by a second model.

use super::super::Ground;
use super::super::patterns::Style;
use super::super::rule::Hit;
use super::super::text::Text;
use crate::document::{Faults, Fields};

/// What a rubric says, decided by a second model.
#[derive(Debug)]
pub(in crate::guardrail) struct Judge;

impl Judge {
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

/// What a moderation service says.
#[derive(Debug)]
pub(in crate::guardrail) struct Moderation;

impl Moderation {
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
