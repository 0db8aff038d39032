//! The ladder: how far copy may go for a segment on a placement, and who is on which rung. Values of a request come in
//! through a look-up, and only where a share needs one.

use serde::Serialize;
use serde_json::Value;

use crate::condition::Scope;
use crate::document::{self, Faults, Fields, Kind, Node, did_you_mean, one_of};
use crate::guardrail::{Ceiling, MODES, Mode};
use crate::segment::{Attributes, Type, bucket};
use crate::words::{Reason, Tier};

/// The path that is no attribute: the request's own reference of its user.
pub(super) const USER_ID: &str = "user.id";

/// How far copy may go for one segment on one placement.
#[derive(Clone, Debug, PartialEq)]
pub struct Ladder {
    /// The best kind of copy.
    pub mode: Mode,
    /// Whether a person approves each generated text before it is first served.
    pub approval: bool,
    /// Who gets that kind of copy; the rest gets the kind below.
    pub rollout: Share,
    /// Who gets pre-written copy only, to compare with.
    pub holdout: Share,
}

/// A sticky share of requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// Its size, from 0 to 1.
    pub share: f64,
    /// The path whose value decides.
    pub by: String,
    /// The path that is asked when the first has no value.
    pub fallback: Option<String>,
    /// What the value is hashed with: shares of one seed hold the same people first.
    pub seed: String,
}

/// Where a request stands on a ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The best tier allowed.
    pub tier: Tier,
    /// What allows no better one.
    pub why: Reason,
    /// Whether a person must have approved what is generated.
    pub approval: bool,
}

/// A ladder as it was for one request, without any value that it was decided by.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedLadder {
    /// The mode that the files say.
    pub mode: Mode,
    /// Whether the files say that a person approves each text.
    pub approval: bool,
    /// Who gets that mode.
    pub rollout: Lot,
    /// Who gets pre-written copy only.
    pub holdout: Lot,
    /// The guardrails' ceiling over it; none when none applies.
    pub ceiling: Option<Ceiling>,
}

/// Whether a request is inside a share, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lot {
    /// The size of the share, from 0 to 1.
    pub share: f64,
    /// The path that decided; the share's first when neither had a value.
    pub by: String,
    /// The place of its value, from 0 up to 1; none when neither path had one.
    pub place: Option<f64>,
    /// Whether the request is inside.
    pub inside: bool,
}

/// What a share goes by: a text or a number as its plain text. `user_id` is the request's reference of its user, left out
/// where nothing of the user may be read.
pub fn told(scope: &Scope<'_>, user_id: Option<&str>, path: &str) -> Option<String> {
    if path == USER_ID {
        return user_id.map(str::to_owned);
    }
    let text = match scope.look_up(path)? {
        Value::String(text) => text.clone(),
        // 5.0 is 5, as it is to those who count in JavaScript.
        Value::Number(number) => match number.as_f64() {
            Some(whole) if number.is_f64() && whole.fract() == 0.0 => format!("{whole:.0}"),
            _ => number.to_string(),
        },
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

impl Share {
    /// The place of a request, with the path that it was found by. `None` when neither path has a value.
    fn place(&self, value: impl Fn(&str) -> Option<String>) -> Option<(f64, &str)> {
        let paths = std::iter::once(&self.by).chain(&self.fallback);
        paths.into_iter().find_map(|path| Some((bucket(&self.seed, &value(path)?), path.as_str())))
    }

    /// Whether a request is among those that the share holds; without a value it is not.
    fn holds(&self, value: impl Fn(&str) -> Option<String>) -> bool {
        self.share > 0.0 && self.place(value).is_some_and(|(place, _)| place < self.share)
    }

    fn lot(&self, inside: bool, value: impl Fn(&str) -> Option<String>) -> Lot {
        let (place, by) = self.place(value).unzip();
        Lot { share: self.share, by: by.unwrap_or(&self.by).to_owned(), place, inside }
    }
}

impl Ladder {
    /// Where a request stands. `value` answers the text of a path, and nothing of the user without `consent`.
    pub fn standing(
        &self,
        ceiling: Option<Ceiling>,
        consent: bool,
        value: impl Fn(&str) -> Option<String>,
    ) -> Standing {
        let ceiling = ceiling.unwrap_or_default();
        let mut tier = match ceiling.mode.map_or(self.mode, |most| most.min(self.mode)) {
            Mode::Prewritten => Tier::Prewritten,
            Mode::Segment => Tier::Segment,
            Mode::Live => Tier::User,
        };
        let mut why = Reason::Mode;
        if tier > Tier::Prewritten && self.holdout.holds(&value) {
            (tier, why) = (Tier::Prewritten, Reason::Holdout);
        }
        if tier > Tier::Prewritten && !self.is_rolled_out(&value) {
            tier = if tier == Tier::User { Tier::Segment } else { Tier::Prewritten };
            why = Reason::Rollout;
        }
        if tier == Tier::User && !consent {
            (tier, why) = (Tier::Segment, Reason::NoConsent);
        }
        Standing { tier, why, approval: self.approval || ceiling.approval }
    }

    /// What [`standing`](Self::standing) goes by.
    pub fn explain(
        &self,
        ceiling: Option<Ceiling>,
        value: impl Fn(&str) -> Option<String>,
    ) -> ExplainedLadder {
        ExplainedLadder {
            mode: self.mode,
            approval: self.approval,
            rollout: self.rollout.lot(self.is_rolled_out(&value), &value),
            holdout: self.holdout.lot(self.holdout.holds(&value), &value),
            ceiling,
        }
    }

    /// The whole needs no place: it holds those too of whom nothing is known.
    fn is_rolled_out(&self, value: impl Fn(&str) -> Option<String>) -> bool {
        self.rollout.share >= 1.0 || self.rollout.holds(value)
    }

    /// What holds on a placement whose file says its mode alone.
    pub(super) fn of(placement: &str, mode: Mode) -> Self {
        let by_user = |share, seed: String| Share { share, by: USER_ID.into(), fallback: None, seed };
        Self {
            mode,
            approval: false,
            rollout: by_user(1.0, placement.to_owned()),
            // Of a seed of its own, so that the two shares do not hold the same people.
            holdout: by_user(0.0, format!("{placement}-holdout")),
        }
    }

    /// The same, changed by what a file says besides the mode.
    pub(super) fn changed_by(
        self,
        fields: &mut Fields<'_>,
        attributes: &Attributes,
        faults: &Faults,
    ) -> Self {
        // A key that somebody forgot the value of would switch off what they meant to switch on.
        for (key, help) in [
            ("approval", "write `true` or `false`"),
            ("rollout", "write a percentage, such as `10%`"),
            ("holdout", "write a percentage, such as `5%`"),
        ] {
            if let Some(node) = fields.empty(key) {
                faults.error_with_help(node.span, format!("`{key}` stands here without a value"), help);
            }
        }
        let approval = fields.boolean("approval", self.approval, faults);
        let mut changed = |key, share: Share| match fields.take(key) {
            Some(node) => share.changed_by(node, attributes, faults),
            None => share,
        };
        Self {
            mode: self.mode,
            approval,
            rollout: changed("rollout", self.rollout),
            holdout: changed("holdout", self.holdout),
        }
    }
}

/// `prewritten`, `segment` or `live`.
pub(super) fn mode(node: &Node, faults: &Faults) -> Option<Mode> {
    one_of(node, MODES, faults)
}

impl Share {
    /// `10%`, or a map that says more; what it does not say stays as it was.
    fn changed_by(mut self, node: &Node, attributes: &Attributes, faults: &Faults) -> Self {
        if !matches!(node.kind, Kind::Map(_)) {
            self.share = percentage(node, faults).unwrap_or(self.share);
            return self;
        }
        let Some(mut fields) = Fields::of(node, "a share", faults) else { return self };
        let share = fields.require("share", "write how many, such as `share: 10%`", faults);
        self.share = share.and_then(|node| percentage(node, faults)).unwrap_or(self.share);
        self.by = fields.take("by").and_then(|node| path(node, attributes, faults)).unwrap_or(self.by);
        self.fallback =
            fields.take("fallback").and_then(|node| path(node, attributes, faults)).or(self.fallback);
        self.seed = fields.text("seed", faults).unwrap_or(self.seed);
        fields.finish(faults);
        self
    }
}

/// `10%` → 0.1.
fn percentage(node: &Node, faults: &Faults) -> Option<f64> {
    let text = document::text(node, faults)?;
    let percent = text.strip_suffix('%').and_then(|digits| digits.trim().parse::<f64>().ok());
    let share = percent.filter(|percent| (0.0..=100.0).contains(percent)).map(|percent| percent / 100.0);
    if share.is_none() {
        faults.error_with_help(
            node.span,
            format!("`{text}` is no share"),
            "write a percentage, such as `10%`",
        );
    }
    share
}

/// The path of what a share goes by: `user.id`, or a declared attribute of the user or the moment that is one value.
fn path(node: &Node, attributes: &Attributes, faults: &Faults) -> Option<String> {
    let path = document::text(node, faults)?;
    if path == USER_ID {
        return Some(path);
    }
    let fault = |message, help: &str| {
        faults.error_with_help(node.span, message, help);
        None
    };
    if path.starts_with("product.") {
        let message = format!("`{path}` is about the product, and a share is one of visitors");
        return fault(message, "write `user.id`, or a declared attribute of the user or the moment");
    }
    match attributes.find(&path) {
        Some(declared) if declared.path == path && matches!(declared.kind, Type::List | Type::Map) => {
            fault(format!("`{path}` holds many values, and a share goes by one"), "write `user.id`")
        }
        Some(_) => Some(path),
        None => {
            let declared = attributes.iter().map(|declared| declared.path.as_str());
            let known = [USER_ID].into_iter().chain(declared.filter(|path| !path.starts_with("product.")));
            let help = did_you_mean(&path, known.collect::<Vec<_>>().into_iter());
            fault(format!("`{path}` is not declared in the segments file"), &help)
        }
    }
}

#[cfg(test)]
mod tests;
