//! `claim`: a claim without evidence in force.
//!
//! A claim has words that may be said (its wording), words that betray it (its triggers), and conditions on which the
//! first are allowed (its needs). Where it has no wording of its own, its needs allow its triggers. What the wording of
//! another claim of the same family allows is allowed here as well: register and lists of rules are asked together.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::super::Ground;
use super::super::claims::{Asking, Needs, Register, Wording};
use super::super::examples::head;
use super::super::patterns::{Style, compile};
use super::super::rule::Hit;
use super::super::statement::{Cover, Statement, loose, plain};
use super::super::text::{Reach, Text, slice};
use super::Phrases;
use super::require::{any_of, lacks_fact};
use crate::condition::Truth;
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{Faults, Fields, text, texts};

/// A claim without evidence in force.
#[derive(Debug, Default)]
pub(in crate::guardrail) struct Claim {
    pub(in crate::guardrail) family: Option<Arc<str>>,
    pub(in crate::guardrail) wordings: Vec<Wording>,
    pub(in crate::guardrail) needs: Option<Arc<Needs>>,
    /// What betrays the claim, as patterns.
    pub(in crate::guardrail) tokens: Vec<String>,
    triggers: Option<Phrases>,
    /// What has to stand in a text that makes the claim.
    pub(in crate::guardrail) with: Option<Arc<Statement>>,
    loose: Option<String>,
    /// Whether it stands for all claims of its family.
    whole_family: bool,
    register: Arc<Register>,
    /// Its place among the register's permissions.
    place: usize,
}

impl Claim {
    /// Reads the settings that are the kind's own.
    pub(in crate::guardrail) fn read(fields: &mut Fields<'_>, style: Style, faults: &Faults) -> Option<Self> {
        const HELP: &str = "list what betrays the claim: `triggers: [\"award[- ]winning\"]`";
        let before = faults.errors();
        let family = fields.take("family").and_then(|node| text(node, faults)).map(Arc::from);
        let wording_node = fields.take("wording");
        let wordings = wording_node.map(|node| texts(node, faults)).unwrap_or_default();
        let wordings: Vec<Wording> = wordings.iter().map(|given| Wording::of(given)).collect();
        if let Some(node) = wording_node.filter(|_| wordings.iter().any(|wording| wording.plain.is_empty())) {
            faults.error_with_help(
                node.span,
                "this wording says nothing",
                "write the words that may be said",
            );
        }
        if let Some(node) = wording_node.filter(|_| wordings.iter().any(|w| w.given.contains(['{', '}']))) {
            let help = "write the words themselves; facts go into `with`, or into a condition under `needs`";
            faults.error_with_help(node.span, "a wording has no gaps for facts", help);
        }
        let (triggers, tokens) = (fields.take("triggers"), fields.take("tokens"));
        if let (Some(_), Some(node)) = (triggers, tokens) {
            let help = "put all of them under `triggers`";
            faults.error_with_help(node.span, "`tokens` and `triggers` say the same", help);
        }
        let listed = triggers.or(tokens);
        if listed.is_none() && wordings.is_empty() {
            let fault = Diagnostic::error(faults.file(), head(fields.span()), "a claim needs `triggers`");
            fields.lacks("triggers", fault.with_help(HELP), faults);
        }
        let span = listed.or(wording_node).map_or(head(fields.span()), |node| node.span);
        let tokens = match listed {
            Some(node) => super::super::patterns::tokens(node, faults)?,
            None => Vec::new(),
        };
        let needs = fields.take("needs").and_then(|node| Needs::read(node, faults)).map(Arc::new);
        let with = fields.take("with").and_then(|node| Statement::read(node, faults)).map(Arc::new);
        if faults.errors() > before {
            return None;
        }
        let tokens = tokens.into_iter().map(|(token, _)| token).collect();
        let claim = Self { family, wordings, needs, with, ..Self::default() };
        claim.looking_for(tokens, None, style, span, faults)
    }

    /// All claims of a family: what it is betrayed by, and what betrays or words each of its claims.
    pub(in crate::guardrail) fn of_family<'c>(
        family: &str,
        mut tokens: Vec<String>,
        claims: impl Iterator<Item = &'c Claim> + Clone,
        style: Style,
        span: Span,
        faults: &Faults,
    ) -> Option<Self> {
        tokens.extend(claims.clone().flat_map(|claim| claim.tokens.iter().cloned()));
        let wordings = claims.flat_map(|claim| &claim.wordings).map(|wording| loose(&wording.plain));
        let wordings = wordings.collect::<Vec<_>>().join("|");
        let claim = Self { family: Some(family.into()), whole_family: true, ..Self::default() };
        claim.looking_for(tokens, Some(wordings).filter(|w| !w.is_empty()), style, span, faults)
    }

    fn looking_for(
        mut self,
        tokens: Vec<String>,
        wordings: Option<String>,
        style: Style,
        span: Span,
        faults: &Faults,
    ) -> Option<Self> {
        let own = self.wordings.iter().map(|wording| loose(&wording.plain));
        let words = own.chain(wordings).collect::<Vec<_>>().join("|");
        let mut any: Vec<String> = Vec::new();
        let mut always = false;
        if !tokens.is_empty() {
            let pattern = compile(&any_of(tokens.clone()), style, span, faults)?;
            match pattern.loose() {
                Some(loose) => any.push(format!("(?:{})", loose.pattern)),
                None => always = true,
            }
            self.triggers = Some(Phrases { pattern, reach: Reach::Text });
        }
        if !words.is_empty() {
            any.push(format!("(?i:{words})"));
        }
        self.loose = (!always).then(|| any.join("|"));
        self.tokens = tokens;
        Some(self)
    }

    /// Puts the claim among all others, at its place there.
    pub(in crate::guardrail) fn join(&mut self, register: &Arc<Register>, place: usize) {
        self.register = Arc::clone(register);
        self.place = place;
    }

    /// A pattern without which nothing is found; `None` when it must always look.
    pub(super) fn loose(&self) -> Option<&str> {
        self.loose.as_deref()
    }

    /// What betrays the claim.
    pub(super) fn betrayed(&self, text: &Text<'_>) -> Vec<Hit> {
        self.triggers.as_ref().map(|triggers| triggers.find(text)).unwrap_or_default()
    }

    /// Whether its hits may say what to put into the text.
    pub(super) fn corrects(&self) -> bool {
        self.with.is_some()
    }

    /// Whether a claim of the same family that found something at the same place has said all.
    pub(in crate::guardrail) fn is_whole_family(&self) -> bool {
        self.whole_family
    }

    pub(super) fn find(&self, text: &Text<'_>, ground: &Ground<'_>) -> Vec<Hit> {
        let asking = Asking::of(ground, &self.register);
        let (mut allowed, mut own) = (Vec::new(), Vec::new());
        let mut allows = BTreeMap::new();
        for (range, claim) in self.register.said(text) {
            let is_own = !self.whole_family && *claim == self.place;
            if !is_own && !self.is_of_family_of(*claim) {
                continue;
            }
            if *allows.entry(*claim).or_insert_with(|| self.register.allows(*claim, &asking)) {
                allowed.push((range.clone(), *claim));
            } else if self.whole_family {
                own.push(range.clone());
            }
            if is_own {
                own.push(range.clone());
            }
        }
        let found = self.triggers.as_ref().map(|triggers| triggers.find(text)).unwrap_or_default();
        if own.is_empty() && found.is_empty() {
            return found;
        }
        // What has to accompany claims is allowed with them; words that another claim allows, all its own standing with
        // them, lack nothing.
        let (mut with, mut complete) = (Vec::new(), Vec::new());
        for (claim, _) in allows.iter().filter(|(_, allows)| **allows) {
            let statement = self.register.with(*claim);
            let filled = statement.and_then(|statement| statement.fill(ground).ok());
            let places = filled.map(|filled| text.plain().find(&plain(&filled))).unwrap_or_default();
            if *claim != self.place && (statement.is_none() || !places.is_empty()) {
                complete.push(*claim);
            }
            with.extend(places);
        }
        let is_complete = |(_, claim): &&(Range<usize>, usize)| complete.contains(claim);
        let complete =
            Cover::of(allowed.iter().filter(is_complete).map(|(range, _)| range.clone()).collect());
        let allowed = Cover::of(allowed.into_iter().map(|(range, _)| range).chain(with).collect());
        let supported = !self.whole_family && self.is_supported(&asking);
        let mut hits: Vec<Hit> = Vec::new();
        let mut refuse = |ranges: &mut dyn Iterator<Item = Range<usize>>| {
            let mut refused = ranges.filter(|range| !allowed.covers(range)).peekable();
            let because = refused.peek().and_then(|_| self.because(supported, &asking, ground));
            hits.extend(refused.map(|range| self.hit(range, because.clone())));
        };
        // Of wordings within one another the longest is meant.
        own.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut furthest = 0;
        own.retain(|range| {
            let is_new = range.end > furthest;
            furthest = furthest.max(range.end);
            is_new
        });
        let said = own.clone();
        let words = Cover::of(own);
        let triggers = found.into_iter().map(|hit| hit.range).filter(|range| !words.covers(range));
        // What is supported needs what has to accompany it; what is not is refused, unless others allow it.
        let mut accompanied: Vec<Range<usize>> = Vec::new();
        if !supported {
            refuse(&mut said.into_iter());
            refuse(&mut triggers.into_iter());
        } else if self.wordings.is_empty() && self.needs.is_some() {
            accompanied.extend(triggers.filter(|range| !allowed.covers(range)));
        } else {
            accompanied.extend(said);
            refuse(&mut triggers.into_iter());
        }
        accompanied.retain(|range| !complete.covers(range));
        if let Some(lack) = accompanied.first().and_then(|_| self.lack(text, ground)) {
            hits.extend(accompanied.into_iter().map(|range| {
                let mut hit = self.hit(range, None);
                match &lack {
                    Lack::Fact(path) => lacks_fact(&mut hit, path),
                    Lack::Statement(at, statement) => hit.insertion = Some((*at, statement.clone())),
                }
                hit
            }));
        }
        hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
        hits
    }

    /// The evidence in force on which it lets a text pass.
    pub(in crate::guardrail) fn relied_on<'c>(
        &'c self,
        text: &Text<'_>,
        ground: &Ground<'_>,
    ) -> Vec<&'c str> {
        let Some(needs) = self.needs.as_ref().filter(|needs| needs.names_evidence()) else {
            return Vec::new();
        };
        let asking = Asking::of(ground, &self.register);
        let says = || match (self.wordings.is_empty(), &self.triggers) {
            (true, Some(triggers)) => !triggers.find(text).is_empty(),
            _ => self.register.said(text).iter().any(|(_, claim)| *claim == self.place),
        };
        let mut relied = Vec::new();
        if needs.truth(&asking) == Truth::True && says() {
            needs.relied_on(&asking, &mut relied);
        }
        relied
    }

    /// Where the text says what this claim allows, each with the wording that it says. Where the claim has no wording of its
    /// own that is wherever its triggers stand and its needs hold.
    pub(in crate::guardrail) fn said_with_leave<'c>(
        &'c self,
        text: &Text<'_>,
        ground: &Ground<'_>,
    ) -> Vec<(Range<usize>, Option<&'c str>)> {
        let asking = Asking::of(ground, &self.register);
        if self.whole_family || !self.register.allows(self.place, &asking) {
            return Vec::new();
        }
        if self.wordings.is_empty() {
            let found = self.triggers.as_ref().filter(|_| self.needs.is_some());
            let found = found.map(|triggers| triggers.find(text)).unwrap_or_default();
            return found.into_iter().map(|hit| (hit.range, None)).collect();
        }
        let own = self.register.said(text).iter().filter(|(_, claim)| *claim == self.place);
        let wording = |range: &Range<usize>| {
            let said = plain(slice(text.given(), range.clone()));
            self.wordings.iter().find(|wording| wording.plain == said).map(|wording| wording.given.as_str())
        };
        own.map(|(range, _)| (range.clone(), wording(range))).collect()
    }

    /// The facts and attributes of the moment by which its needs hold, as paths.
    pub(in crate::guardrail) fn holds_by(&self, ground: &Ground<'_>) -> Vec<String> {
        let asking = Asking::of(ground, &self.register);
        self.needs.as_ref().map(|needs| needs.holds_by(&asking)).unwrap_or_default()
    }

    fn is_of_family_of(&self, claim: usize) -> bool {
        self.family.is_some() && self.family.as_deref() == self.register.family(claim)
    }

    fn is_supported(&self, asking: &Asking<'_>) -> bool {
        self.needs.as_ref().is_none_or(|needs| needs.truth(asking) == Truth::True)
    }

    /// What has to accompany the claim and does not.
    fn lack<'c>(&'c self, text: &Text<'_>, ground: &Ground<'_>) -> Option<Lack<'c>> {
        match self.with.as_ref()?.fill(ground) {
            Err(path) => Some(Lack::Fact(path)),
            Ok(statement) => {
                let stands = !text.plain().find(&plain(&statement)).is_empty();
                (!stands).then(|| Lack::Statement(text.given().trim_end().len(), statement))
            }
        }
    }

    /// Why the claim may not be made here, or what may be said in its place.
    fn because(&self, supported: bool, asking: &Asking<'_>, ground: &Ground<'_>) -> Option<String> {
        match (&self.needs, self.wordings.first()) {
            (Some(needs), _) if !supported => {
                let lacking = needs.lacking(asking);
                (!lacking.is_empty()).then(|| format!("It is not supported here: {}.", lacking.join("; ")))
            }
            (_, Some(wording)) => {
                let with = self.with.as_ref().and_then(|with| with.fill(ground).ok());
                let with = with.map(|with| format!(" With it: {with}")).unwrap_or_default();
                Some(format!("What may be said: \"{}\".{with}", wording.given))
            }
            _ => None,
        }
    }

    fn hit(&self, range: Range<usize>, because: Option<String>) -> Hit {
        Hit { family: self.family.clone(), because, ..Hit::at(range) }
    }
}

/// What has to accompany a claim and does not.
enum Lack<'c> {
    /// The fact at this path, without which it cannot be written.
    Fact(&'c str),
    /// The statement, and where it may be put in.
    Statement(usize, String),
}
