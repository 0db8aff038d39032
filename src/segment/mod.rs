//! Who is this: cohorts in order, the first that matches wins. Pure; knows no templates, no products but as facts that
//! conditions may read, and no user beyond one request.

mod attribute;
mod bucket;
mod coverage;
mod load;
mod report;
mod schema;
mod told;

use serde::Serialize;

pub(crate) use attribute::put;
pub use attribute::{Attributes, Class, Declared, Shaped, Type};
pub use bucket::{MAX_VARIATIONS, bucket, choose, hash, ranges};
pub use load::load;
pub use report::{
    Coverage, Metric, Missing, Overlap, Part, Report, Sampled, Size, Split, Splits, Taken, Tally, Undeclared,
};
pub use schema::schema;
pub use told::{Conditions, told};

use crate::condition::{Label, Rules, Scope, Step, Truth};
use crate::words::{DEFAULT_SEGMENT, SegmentId};

/// The segments of a policy, in order, and the attributes that they may read.
#[derive(Clone, Debug)]
pub struct Segments {
    /// The declared attributes.
    pub attributes: Attributes,
    segments: Vec<Segment>,
    /// Who belongs to each, in the same order.
    rules: Rules,
    /// What a record says of each, up to how it came out.
    said: Vec<Said>,
    sets: Vec<SegmentSet>,
}

/// The parts of a record that are the same for every request, as JSON.
#[derive(Clone, Debug)]
struct Said {
    /// `{"segment":"…","outcome":"`
    begins: String,
    /// `{"path":"…","operator":"…","outcome":"`, for each test.
    tests: Vec<String>,
}

/// Segments that belong together, and what was shown of them when the file was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentSet {
    /// What people call it, such as `Lifecycle`.
    pub name: String,
    /// Its segments, in the order written.
    pub segments: Vec<SegmentId>,
    /// Whether everybody whose attributes are all known is in one of them.
    pub exhaustive: bool,
    /// Whether nobody is in two of them.
    pub exclusive: bool,
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
    /// The version of its rule: the beginning of the content hash of its condition. It changes when the condition does.
    pub version: String,
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
    /// The version of its rule.
    pub version: String,
    /// Whether the request belongs to it; only *true* matches.
    pub outcome: Truth,
    /// The attributes whose absence left that unknown.
    pub unknown: Vec<String>,
    /// Each test of its condition.
    pub conditions: Vec<Step>,
}

/// The segment of a request, and how each test on the way to it came out.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// The place of the segment chosen; `None` for the default.
    chosen: Option<usize>,
    /// How the segments came out, up to the one chosen.
    outcomes: Vec<Truth>,
    /// How their tests came out, one segment's after the other's.
    tests: Vec<Truth>,
}

impl Segments {
    fn new(attributes: Attributes, segments: Vec<Segment>, rules: Rules, sets: Vec<SegmentSet>) -> Self {
        // A text as JSON, with its quotes.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let said = |(index, segment): (usize, &Segment)| Said {
            begins: format!("{{\"segment\":{},\"outcome\":\"", quoted(segment.id.as_str())),
            tests: rules
                .labels(index)
                .iter()
                .map(|Label { path, operator }| {
                    format!("{{\"path\":{},\"operator\":\"{operator}\",\"outcome\":\"", quoted(path))
                })
                .collect(),
        };
        let said = segments.iter().enumerate().map(said).collect();
        Self { attributes, segments, rules, said, sets }
    }

    /// All segments in order, without the default.
    pub fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter()
    }

    /// The sets that the file makes of its segments, in the order written.
    pub fn sets(&self) -> &[SegmentSet] {
        &self.sets
    }

    /// Whether a segment of this id exists; the default always does.
    pub fn contains(&self, id: &str) -> bool {
        id == DEFAULT_SEGMENT || self.segments.iter().any(|segment| segment.id.as_str() == id)
    }

    /// The segment of a request: the first that matches, else the default.
    pub fn choose(&self, scope: &Scope<'_>) -> SegmentId {
        let asked = self.rules.ask(scope);
        let first = (0..self.segments.len()).find(|index| asked.truth(*index) == Truth::True);
        self.id_of(first)
    }

    /// The segment of a request, with how every test on the way came out: what is recorded of it.
    pub fn decide(&self, scope: &Scope<'_>) -> Decision {
        let asked = self.rules.ask(scope);
        let mut decision = Decision::default();
        for index in 0..self.segments.len() {
            let outcome = asked.trace(index, &mut decision.tests);
            decision.outcomes.push(outcome);
            if outcome == Truth::True {
                decision.chosen = Some(index);
                break;
            }
        }
        decision
    }

    /// The id of the segment that was decided on.
    pub fn chosen(&self, decision: &Decision) -> SegmentId {
        self.id_of(decision.chosen)
    }

    fn id_of(&self, index: Option<usize>) -> SegmentId {
        let segment = index.and_then(|index| self.segments.get(index));
        segment.map_or_else(|| SegmentId::new(DEFAULT_SEGMENT), |segment| segment.id.clone())
    }

    /// What a decision went by, as JSON: each segment up to the one chosen, how it came out, and how each of its tests
    /// did; no values.
    pub fn record(&self, decision: &Decision) -> String {
        let mut json = String::from("[");
        let mut tests = decision.tests.iter();
        for (segment, outcome) in self.said.iter().zip(&decision.outcomes) {
            let comma = if json.len() > 1 { "," } else { "" };
            json.extend([comma, &segment.begins, outcome.as_str(), "\",\"conditions\":["]);
            for (index, (begins, outcome)) in segment.tests.iter().zip(tests.by_ref()).enumerate() {
                let comma = if index > 0 { "," } else { "" };
                json.extend([comma, begins, outcome.as_str(), "\"}"]);
            }
            json.push_str("]}");
        }
        json.push(']');
        json
    }

    /// How every segment came out for a request, in order.
    pub fn explain(&self, scope: &Scope<'_>) -> Vec<Outcome> {
        let asked = self.rules.ask(scope);
        let explained = self.segments.iter().enumerate().map(|(index, segment)| {
            let (outcome, conditions) = asked.explain(index);
            Outcome {
                segment: segment.id.clone(),
                version: segment.version.clone(),
                outcome,
                unknown: asked.unknown(index).1.into_iter().map(str::to_owned).collect(),
                conditions,
            }
        });
        explained.collect()
    }

    /// The paths that a segment's condition reads; none of a segment that is not there.
    pub fn reads(&self, id: &str) -> Vec<&str> {
        let index = self.segments.iter().position(|segment| segment.id.as_str() == id);
        index.map(|index| self.rules.reads(index)).unwrap_or_default()
    }
}
