//! Who is this: cohorts in order, the first that matches wins. Pure; knows no templates, no products but as facts that
//! conditions may read, and no user beyond one request.

mod attribute;
mod bucket;
mod load;

use serde::Serialize;

pub(crate) use attribute::put;
pub use attribute::{Attributes, Class, Declared, Shaped, Type};
pub use bucket::{bucket, choose, hash, in_namespace, ranges};
pub use load::load;

use crate::condition::{Condition, Scope, Step, Truth};
use crate::words::{DEFAULT_SEGMENT, SegmentId};

/// The segments of a policy, in order, and the attributes that they may read.
#[derive(Clone, Debug)]
pub struct Segments {
    /// The declared attributes.
    pub attributes: Attributes,
    segments: Vec<Segment>,
}

/// A named cohort.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its id.
    pub id: SegmentId,
    /// What people call it.
    pub name: String,
    /// What its condition goes by.
    pub kind: SegmentKind,
    /// Who belongs to it.
    pub when: Condition,
}

/// What a segment's condition goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SegmentKind {
    /// Age, household, region.
    Demographic,
    /// Where in their time with the shop: new, repeat, lapsed.
    Lifecycle,
    /// What they did lately.
    Engagement,
    /// What they seem to care about.
    Persona,
    /// The moment: device, hour, place.
    Context,
    /// Scores that a model gave.
    Predictive,
}

/// How one segment came out for one request.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The segment.
    pub segment: SegmentId,
    /// Whether the request belongs to it; only *true* matches.
    pub outcome: Truth,
    /// Each test of its condition.
    pub conditions: Vec<Step>,
}

impl Segments {
    /// All segments in order, without the default.
    pub fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter()
    }

    /// Whether a segment of this id exists; the default always does.
    pub fn contains(&self, id: &str) -> bool {
        id == DEFAULT_SEGMENT || self.segments.iter().any(|segment| segment.id.as_str() == id)
    }

    /// The segment of a request: the first that matches, else the default.
    pub fn choose(&self, scope: &Scope<'_>) -> SegmentId {
        self.segments
            .iter()
            .find(|segment| segment.when.evaluate(scope) == Truth::True)
            .map_or_else(|| SegmentId::new(DEFAULT_SEGMENT), |segment| segment.id.clone())
    }

    /// How every segment came out for a request, in order.
    pub fn explain(&self, scope: &Scope<'_>) -> Vec<Outcome> {
        self.segments
            .iter()
            .map(|segment| {
                let (outcome, conditions) = segment.when.explain(scope);
                Outcome { segment: segment.id.clone(), outcome, conditions }
            })
            .collect()
    }
}
