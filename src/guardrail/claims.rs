//! `claims.yml`: what may be claimed, in which words, on which evidence.
//!
//! ```text
//! file → Families + claims + evidence → rules `claims.<claim>`, `claims.<family>`
//! all claims of the set, those of the lists included → Register: what is said, what of it is allowed
//! ```

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::examples::{head, start_of_day};
use super::kinds::{Check, Claim, Kind};
use super::patterns::tokens;
use super::read::{self, Given};
use super::rule::{Applies, Enforcement, Level, Override, Period, Rule};
use super::statement::{Statement, plain, written};
use super::text::Text;
use super::{Ground, Guardrails, TIMELESS};
use crate::condition::{Condition, Scope, Truth};
use crate::diagnostic::{Diagnostic, Span};
use crate::document::{
    Faults, Fields, Key, Kind as NodeKind, Node, boolean, date, did_you_mean, entries, list, parse, text,
    texts,
};

/// The register that the program ships: what a closed family of the same name looks for when it lists no triggers.
const SHIPPED: &str = include_str!("../../guardrails/claims.yml");

/// What betrays a family of the shipped register; nothing of others.
fn shipped(family: &str) -> Vec<(String, Span)> {
    let faults = Faults::of("claims.yml");
    let root = parse(SHIPPED, &faults);
    let triggers = root.as_ref().and_then(|root| root.get("families")?.get(family)?.get("triggers"));
    triggers.and_then(|node| tokens(node, &faults)).unwrap_or_default()
}

/// How long before its end evidence is said to end, in days.
const ENDING_DAYS: i32 = 60;

/// Words that may be said, as given and as looked for.
#[derive(Clone, Debug)]
pub(super) struct Wording {
    pub(super) given: String,
    pub(super) plain: String,
}

impl Wording {
    pub(super) fn of(given: &str) -> Self {
        Self { given: given.split_whitespace().collect::<Vec<_>>().join(" "), plain: plain(given) }
    }
}

/// A piece of evidence in the register.
#[derive(Clone, Debug)]
pub struct RegisteredEvidence {
    id: String,
    covers: Vec<String>,
    document: String,
    sha256: Option<String>,
    accepted_by: String,
    from: Date,
    until: Date,
    period: Period,
    file: String,
    span: Span,
}

impl RegisteredEvidence {
    /// Its id in the register.
    pub fn id(&self) -> &str {
        &self.id
    }
    /// The ids of the products that it covers.
    pub fn covers(&self) -> &[String] {
        &self.covers
    }
    /// What it is.
    pub fn document(&self) -> &str {
        &self.document
    }
    /// The SHA-256 of the document, as given.
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }
    /// The first day on which it holds.
    pub fn from(&self) -> Date {
        self.from
    }
    /// Who accepted it.
    pub fn accepted_by(&self) -> &str {
        &self.accepted_by
    }
    /// The last day on which it holds.
    pub fn until(&self) -> Date {
        self.until
    }
    /// Its file.
    pub fn file(&self) -> &str {
        &self.file
    }
    /// Where it stands there.
    pub fn span(&self) -> Span {
        self.span
    }
}

/// What a claim needs before it may be said.
#[derive(Debug)]
pub(super) enum Needs {
    All(Vec<Needs>),
    Any(Vec<Needs>),
    Not(Box<Needs>),
    /// Evidence of this id.
    Evidence(String, Span),
    /// Something of the facts or the moment.
    When(Condition),
}

/// What needs are held against.
pub(super) struct Asking<'a> {
    scope: Scope<'a>,
    ground: &'a Ground<'a>,
    register: &'a Register,
    product: Option<String>,
}

impl<'a> Asking<'a> {
    pub(super) fn of(ground: &'a Ground<'a>, register: &'a Register) -> Self {
        let scope = Scope::new(None, ground.context, ground.facts, ground.at);
        let product = scope.look_up("product.id").and_then(|id| match id {
            Value::String(id) => Some(id.clone()),
            id => written(id, None),
        });
        Self { scope, ground, register, product }
    }

    /// The moment; none where dates do not matter.
    fn at(&self) -> Option<Timestamp> {
        (self.ground.at != TIMELESS).then_some(self.ground.at)
    }
}

impl Needs {
    /// Reads what a claim needs.
    pub(super) fn read(node: &Node, faults: &Faults) -> Option<Self> {
        const HELP: &str = "write a condition such as `{product.organic: true}`, or `{evidence: id}`";
        let before = faults.errors();
        if !matches!(node.kind, NodeKind::Map(_)) {
            let message = format!("what is needed must be a map, and this is {}", node.noun());
            faults.error_with_help(node.span, message, HELP);
            return None;
        }
        let (mut needs, mut conditions) = (Vec::new(), Vec::new());
        for (key, value) in entries(node, faults) {
            match key.text.as_str() {
                "all" => needs.push(Self::All(each(value, faults))),
                "any" => needs.push(Self::Any(each(value, faults))),
                "not" => needs.extend(Self::read(value, faults).map(|needs| Self::Not(Box::new(needs)))),
                "evidence" => {
                    let ids = texts(value, faults);
                    if ids.is_empty() && faults.errors() == before {
                        faults.error_with_help(value.span, "this names no evidence", HELP);
                    }
                    needs.extend(ids.into_iter().map(|id| Self::Evidence(id, value.span)));
                }
                _ => conditions.push((key.clone(), value.clone())),
            }
        }
        if !conditions.is_empty() {
            let node = Node { span: node.span, kind: NodeKind::Map(conditions) };
            needs.extend(read::when(&node, faults).map(Self::When));
        }
        if needs.is_empty() && faults.errors() == before {
            faults.error_with_help(node.span, "nothing is needed here", HELP);
        }
        if faults.errors() > before {
            return None;
        }
        match needs.len() {
            1 => needs.pop(),
            _ => Some(Self::All(needs)),
        }
    }

    /// Whether they hold. What is not known is not: who claims has to know.
    pub(super) fn truth(&self, asking: &Asking<'_>) -> Truth {
        match self {
            Self::All(all) => all.iter().fold(Truth::True, |so_far, needs| so_far.and(needs.truth(asking))),
            Self::Any(any) => any.iter().fold(Truth::False, |so_far, needs| so_far.or(needs.truth(asking))),
            Self::Not(needs) => needs.truth(asking).negate(),
            Self::When(condition) => condition.evaluate(&asking.scope),
            Self::Evidence(id, _) => match (asking.register.evidence(id), &asking.product) {
                (None, _) => Truth::False,
                (_, None) => Truth::Unknown,
                (Some(evidence), Some(product)) => {
                    let covers = evidence.covers.iter().any(|covered| covered == product);
                    Truth::from(covers && evidence.period.holds(asking.at()))
                }
            },
        }
    }

    /// Whether any evidence is named.
    pub(super) fn names_evidence(&self) -> bool {
        let mut named = false;
        self.each_evidence(&mut |_, _| named = true);
        named
    }

    fn each_evidence<'n>(&'n self, tell: &mut dyn FnMut(&'n str, Span)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each_evidence(tell)),
            Self::Not(needs) => needs.each_evidence(tell),
            Self::Evidence(id, span) => tell(id, *span),
            Self::When(_) => {}
        }
    }

    fn each_condition<'n>(&'n self, tell: &mut dyn FnMut(&'n Condition)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.each_condition(tell)),
            Self::Not(needs) => needs.each_condition(tell),
            Self::When(condition) => tell(condition),
            Self::Evidence(..) => {}
        }
    }

    /// The evidence by which they hold.
    pub(super) fn relied_on<'n>(&'n self, asking: &Asking<'_>, into: &mut Vec<&'n str>) {
        if self.truth(asking) != Truth::True {
            return;
        }
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.relied_on(asking, into)),
            Self::Evidence(id, _) => into.push(id),
            Self::Not(_) | Self::When(_) => {}
        }
    }

    /// The paths of what conditions among them hold by.
    pub(super) fn holds_by(&self, asking: &Asking<'_>) -> Vec<String> {
        let mut paths = Vec::new();
        self.each_condition(&mut |condition| {
            let (_, steps) = condition.explain(&asking.scope);
            let held = steps.into_iter().filter(|step| step.outcome == Truth::True);
            paths.extend(held.map(|step| step.path.to_string()));
        });
        paths.dedup();
        paths
    }

    /// What keeps them from holding, each in a few words.
    pub(super) fn lacking(&self, asking: &Asking<'_>) -> Vec<String> {
        if self.truth(asking) == Truth::True {
            return Vec::new();
        }
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().flat_map(|part| part.lacking(asking)).collect()
            }
            Self::Not(_) => vec!["something holds that must not, or is not known".to_owned()],
            Self::Evidence(id, _) => match (asking.register.evidence(id), &asking.product) {
                (_, None) => vec![format!("evidence `{id}` covers no product without an id")],
                (Some(evidence), Some(product)) if !evidence.covers.contains(product) => {
                    vec![format!("evidence `{id}` does not cover this product")]
                }
                _ => vec![format!("evidence `{id}` is not in force")],
            },
            Self::When(condition) => {
                let (_, steps) = condition.explain(&asking.scope);
                let steps = steps.into_iter().filter(|step| step.outcome != Truth::True);
                let mut said: Vec<String> = steps
                    .map(|step| match step.outcome {
                        Truth::Unknown => format!("`{}` is not known", step.path),
                        _ => format!("`{}` is not as it has to be", step.path),
                    })
                    .collect();
                said.dedup();
                said
            }
        }
    }
}

fn each(node: &Node, faults: &Faults) -> Vec<Needs> {
    let before = faults.errors();
    let items = list(node, faults);
    if items.is_empty() && faults.errors() == before {
        faults.error_with_help(node.span, "this list is empty", "list at least one condition or evidence");
    }
    items.iter().filter_map(|item| Needs::read(item, faults)).collect()
}

/// On what a claim's wording may be said.
#[derive(Debug)]
struct Permission {
    family: Option<Arc<str>>,
    needs: Option<Arc<Needs>>,
    with: Option<Arc<Statement>>,
    applies: Applies,
    effective: Period,
    mode: Enforcement,
    overridden: Override,
}

/// All claims of a set: what each says, whether it may, and the evidence.
#[derive(Debug, Default)]
pub(super) struct Register {
    permissions: Vec<Permission>,
    wordings: Option<AhoCorasick>,
    /// Whose wording each is.
    owners: Vec<usize>,
    evidence: Vec<RegisteredEvidence>,
    by_id: BTreeMap<String, usize>,
}

impl Register {
    /// Puts the claims among the rules together with the evidence, and lets each of them know of the others.
    pub(super) fn put_together(evidence: Vec<RegisteredEvidence>, rules: &mut [Rule]) -> Arc<Self> {
        let (mut permissions, mut words, mut owners) = (Vec::new(), Vec::new(), Vec::new());
        for rule in rules.iter() {
            let Check::Claim(claim) = &rule.check else { continue };
            owners.extend(claim.wordings.iter().map(|_| permissions.len()));
            words.extend(claim.wordings.iter().map(|wording| wording.plain.as_str()));
            permissions.push(Permission {
                family: claim.family.clone(),
                needs: claim.needs.clone(),
                with: claim.with.clone(),
                applies: rule.applies.clone(),
                effective: rule.effective,
                mode: rule.mode,
                overridden: rule.overridden.clone(),
            });
        }
        // Wordings stand within one another, so that all of them are looked for, not the first alone.
        let wordings = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&words).ok();
        let by_id = evidence.iter().enumerate().map(|(index, item)| (item.id.clone(), index)).collect();
        let register = Arc::new(Self { permissions, wordings, owners, evidence, by_id });
        let claims = rules.iter_mut().filter_map(|rule| match &mut rule.check {
            Check::Claim(claim) => Some(claim),
            _ => None,
        });
        claims.enumerate().for_each(|(place, claim)| claim.join(&register, place));
        register
    }

    /// Whether it was put together from so many claims.
    pub(super) fn holds_as_many(&self, claims: usize) -> bool {
        self.permissions.len() == claims
    }

    /// Whether another has the same evidence, in all that claims go by.
    pub(super) fn has_evidence_of(&self, other: &Self) -> bool {
        let goes_by = |item: &RegisteredEvidence| (item.id.clone(), item.covers.clone(), item.period);
        self.evidence.iter().map(goes_by).eq(other.evidence.iter().map(goes_by))
    }

    /// Where wordings of claims stand in a text, each with the claim's place: one pass over the text.
    pub(super) fn said<'t>(&self, text: &'t Text<'_>) -> &'t [(Range<usize>, usize)] {
        let Some(wordings) = self.wordings.as_ref().filter(|_| !self.owners.is_empty()) else { return &[] };
        let plain = text.plain();
        plain.said.get_or_init(|| {
            let found = wordings.find_overlapping_iter(plain.text());
            let said = found.filter_map(|found| {
                let owner = self.owners.get(found.pattern().as_usize())?;
                Some((plain.whole(found.range())?, *owner))
            });
            said.collect()
        })
    }

    /// Whether the wording of the claim at this place may be said: the claim is in force, applies, and has what it needs.
    pub(super) fn allows(&self, claim: usize, asking: &Asking<'_>) -> bool {
        let Some(permission) = self.permissions.get(claim) else { return false };
        let at = asking.at();
        let overridden = Period { from: None, before: permission.overridden.before }.holds(at);
        let mode = permission.overridden.mode.filter(|_| overridden).unwrap_or(permission.mode);
        mode != Enforcement::Off
            && permission.effective.holds(at)
            && permission.applies.holds(asking.ground)
            && permission.needs.as_ref().is_none_or(|needs| needs.truth(asking) == Truth::True)
    }

    /// The family of the claim at this place.
    pub(super) fn family(&self, claim: usize) -> Option<&str> {
        self.permissions.get(claim)?.family.as_deref()
    }

    /// What has to accompany the claim at this place.
    pub(super) fn with(&self, claim: usize) -> Option<&Statement> {
        self.permissions.get(claim)?.with.as_deref()
    }

    fn evidence(&self, id: &str) -> Option<&RegisteredEvidence> {
        self.evidence.get(*self.by_id.get(id)?)
    }

    /// Every piece of evidence, in the order of the file.
    pub(super) fn all_evidence(&self) -> &[RegisteredEvidence] {
        &self.evidence
    }

    /// The instants at which evidence begins or ends.
    pub(super) fn changes(&self) -> impl Iterator<Item = Timestamp> {
        self.evidence.iter().flat_map(|item| [item.period.from, item.period.before]).flatten()
    }

    /// The conditions that claims need.
    pub(super) fn conditions(&self) -> Vec<&Condition> {
        let mut conditions = Vec::new();
        for needs in self.permissions.iter().filter_map(|permission| permission.needs.as_ref()) {
            needs.each_condition(&mut |condition| conditions.push(condition));
        }
        conditions
    }

    /// Evidence that is named and not there, and evidence that nothing names.
    pub(super) fn lint(&self, rules: &[Rule]) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut named = std::collections::BTreeSet::new();
        for rule in rules {
            let Check::Claim(Claim { needs: Some(needs), .. }) = &rule.check else { continue };
            needs.each_evidence(&mut |id, span| {
                if self.evidence(id).is_none() {
                    let help = match self.evidence.is_empty() {
                        true => "list it under `evidence` in claims.yml".to_owned(),
                        false => did_you_mean(id, self.evidence.iter().map(RegisteredEvidence::id)),
                    };
                    let message = format!("there is no evidence `{id}`");
                    found.push(Diagnostic::error(&rule.file, span, message).with_help(help));
                }
                named.insert(id);
            });
        }
        for item in self.evidence.iter().filter(|item| !named.contains(item.id())) {
            let message = format!("no claim needs the evidence `{}`", item.id);
            let help = "name it under a claim's `needs`: `{evidence: id}`, or take it out";
            found.push(Diagnostic::warning(&item.file, item.span, message).with_help(help));
        }
        found
    }
}

/// The claims among the rules that name a piece of evidence, each with its wordings as given.
pub(super) fn on<'r>(rules: &'r [Rule], evidence: &str) -> Vec<(&'r str, Vec<&'r str>)> {
    let claim = |rule: &'r Rule| {
        let Check::Claim(Claim { needs: Some(needs), wordings, .. }) = &rule.check else { return None };
        let mut named = false;
        needs.each_evidence(&mut |id, _| named |= id == evidence);
        named.then(|| (rule.id(), wordings.iter().map(|wording| wording.given.as_str()).collect()))
    };
    rules.iter().filter_map(claim).collect()
}

/// A piece of evidence that has ended or is about to.
#[derive(Clone, Debug)]
pub struct Ending<'g> {
    /// Which.
    pub evidence: &'g RegisteredEvidence,
    /// How many days it still holds, its last one left out; below 0 it has ended.
    pub days: i32,
    /// From which instant on its end is near; `None` where no calendar has that day.
    pub since: Option<Timestamp>,
    /// The claims that cannot be said without it.
    pub claims: Vec<&'g str>,
    /// Who owns those claims.
    pub owners: Vec<&'g str>,
}

impl Ending<'_> {
    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.days < 0
    }

    /// When it ends or ended, in words.
    pub fn told(&self) -> String {
        let RegisteredEvidence { id, until, .. } = self.evidence;
        match self.days {
            ..0 => format!("evidence `{id}` ended on {until}"),
            0 => format!("evidence `{id}` ends today"),
            1 => format!("evidence `{id}` ends tomorrow"),
            days => format!("evidence `{id}` ends in {days} days, on {until}"),
        }
    }
}

/// Evidence that has ended at an instant, or ends within 60 days of its day.
pub fn ending(guardrails: &Guardrails, at: Timestamp) -> Vec<Ending<'_>> {
    let today = at.to_zoned(guardrails.timezone.clone()).date();
    let evidence = guardrails.register.all_evidence().iter().map(|evidence| {
        let days = today.until(evidence.until).map_or(0, |span| span.get_days());
        let near = evidence.until.saturating_sub(jiff::Span::new().days(ENDING_DAYS));
        let since = near.to_zoned(guardrails.timezone.clone()).ok().map(|near| near.timestamp());
        let relies = |rule: &&Rule| match &rule.check {
            Check::Claim(Claim { needs: Some(needs), .. }) => {
                let mut named = false;
                needs.each_evidence(&mut |id, _| named |= id == evidence.id);
                named
            }
            _ => false,
        };
        let rules: Vec<&Rule> = guardrails.rules.iter().filter(relies).collect();
        let claims = rules.iter().map(|rule| rule.id()).collect();
        let owners = rules.iter().filter_map(|rule| rule.owner()).collect();
        Ending { evidence, days, since, claims, owners }
    });
    evidence.filter(|ending| ending.days <= ENDING_DAYS).collect()
}

/// The same as warnings, each where the evidence stands.
pub fn expiring(guardrails: &Guardrails, at: Timestamp) -> Vec<Diagnostic> {
    let warning = |ending: Ending<'_>| {
        let rules: Vec<String> = ending.claims.iter().map(|rule| format!("`{rule}`")).collect();
        let help = match rules.is_empty() {
            true => "take it out".to_owned(),
            false => format!("have it renewed: {} cannot be said without it", rules.join(", ")),
        };
        Diagnostic::warning(&ending.evidence.file, ending.evidence.span, ending.told()).with_help(help)
    };
    ending(guardrails, at).into_iter().map(warning).collect()
}

/// What the file holds.
#[derive(Default)]
pub(super) struct Claims {
    /// Of each claim, then of each closed family.
    pub(super) rules: Vec<Rule>,
    pub(super) evidence: Vec<RegisteredEvidence>,
    /// The faults of single claims, each with its owner.
    pub(super) found: Vec<Diagnostic>,
}

/// Reads the file. `known` holds the ids of the rules that were read before, and is told of these.
pub(super) fn read(
    node: &Node,
    known: &mut dyn FnMut(&str) -> bool,
    timezone: &TimeZone,
    faults: &Faults,
) -> Claims {
    let mut claims = Claims::default();
    let Some(mut fields) = Fields::of(node, "`claims.yml`", faults) else { return claims };
    let families = fields.take("families").map(|node| entries(node, faults)).unwrap_or_default();
    let items = fields.take("claims").map(|node| list(node, faults)).unwrap_or_default();
    let proofs = fields.take("evidence").map(|node| list(node, faults)).unwrap_or_default();
    fields.finish(faults);
    for item in items {
        let own = Faults::of(faults.file());
        let owner = item.get("owner").and_then(|node| text(node, &Faults::of(faults.file())));
        let given = Given {
            what: "a claim",
            name: None,
            kind: Kind::Claim,
            level: Level::Error,
            message:
                "'%s' is a claim that may only be made as the register words it, and with what it needs."
                    .to_owned(),
            needs_examples: true,
            check: &|fields, style, faults| Claim::read(fields, style, faults).map(Check::Claim),
        };
        let rule = read::rule_of(item, "claims", Some(&given), timezone, &own);
        declared(item, families, &own);
        second(item.get("id"), known, &own);
        let own = own.into_diagnostics();
        claims.rules.extend(rule.filter(|_| own.is_empty()));
        claims.found.extend(own.into_iter().map(|fault| Diagnostic { owner: owner.clone(), ..fault }));
    }
    let closed: Vec<Rule> = families
        .iter()
        .filter_map(|(key, node)| {
            let is_sound = claims.found.is_empty();
            let rule = family(key, node, &claims.rules, is_sound, timezone, faults);
            if rule.is_some() && !known(&format!("claims.{}", key.text)) {
                let message = format!("a claim and a family are both called `{}`", key.text);
                faults.error_with_help(key.span, message, "give each a name of its own");
            }
            rule
        })
        .collect();
    claims.rules.extend(closed);
    for item in proofs {
        let read = evidence(item, timezone, faults);
        if let Some(first) = read.as_ref().and_then(|new| claims.evidence.iter().find(|old| old.id == new.id))
        {
            let message = format!("there is a second evidence `{}`", first.id);
            let help =
                format!("give each an id of its own; the first stands in line {}", first.span.start.line);
            faults.error_with_help(head(item.span), message, help);
            continue;
        }
        claims.evidence.extend(read);
    }
    claims
}

/// A claim's family has to be declared: a slip of the pen would take the claim out of a closed one.
fn declared(claim: &Node, families: &[(Key, Node)], faults: &Faults) {
    const HELP: &str = "name it, such as `family: health`, and declare it under `families`";
    let Some(node) = claim.get("family").filter(|node| !node.is_null()) else {
        if matches!(claim.kind, NodeKind::Map(_)) {
            faults.error_with_help(head(claim.span), "a claim needs `family`", HELP);
        }
        return;
    };
    let Some(given) = text(node, &Faults::of(faults.file())) else { return };
    if !families.iter().any(|(key, _)| key.text == given) {
        let help = match families.is_empty() {
            true => format!("declare it: `families: {{{given}: {{closed: false}}}}`"),
            false => did_you_mean(&given, families.iter().map(|(key, _)| key.text.as_str())),
        };
        faults.error_with_help(node.span, format!("there is no family `{given}`"), help);
    }
}

fn second(id: Option<&Node>, known: &mut dyn FnMut(&str) -> bool, faults: &Faults) {
    let Some((node, id)) = id.and_then(|node| Some((node, text(node, &Faults::of(faults.file()))?))) else {
        return;
    };
    if !known(&format!("claims.{id}")) {
        let message = format!("there is a second claim `{id}`");
        faults.error_with_help(node.span, message, "give each a name of its own");
    }
}

/// The rule of a family, when it is closed. Where claims did not load nothing is said of what they would have brought.
fn family(
    key: &Key,
    node: &Node,
    claims: &[Rule],
    is_sound: bool,
    timezone: &TimeZone,
    faults: &Faults,
) -> Option<Rule> {
    if node.is_null() {
        return None;
    }
    // What is no map is said by the reader below.
    let closed = node.get("closed").is_some_and(|node| boolean(node, &Faults::of("")) == Some(true));
    if let (NodeKind::Map(entries), false) = (&node.kind, closed) {
        let said = node.get("closed").map(|node| boolean(node, faults));
        // What is neither open nor closed is said already.
        let others = || entries.iter().filter(|(key, _)| key.text != "closed");
        let is_meant = |key: &Key| did_you_mean(&key.text, ["closed"].into_iter()).starts_with("write");
        let misspelt = others().find(|(key, _)| said.is_none() && is_meant(key));
        if let Some((key, _)) = misspelt {
            let message = format!("a family has no key `{}`", key.text);
            faults.error_with_help(key.span, message, "write `closed`");
        } else if let Some((key, _)) = others().next().filter(|_| said != Some(None)) {
            let message = format!("`{}` does nothing here while the family is open", key.text);
            faults.error_with_help(key.span, message, "add `closed: true`, or take it out");
        }
        return None;
    }
    let members = claims.iter().filter_map(|rule| match &rule.check {
        Check::Claim(claim) if claim.family.as_deref() == Some(key.text.as_str()) => Some(claim),
        _ => None,
    });
    let check = |fields: &mut Fields<'_>, style, faults: &Faults| {
        fields.take("closed");
        let listed = match fields.take("triggers") {
            Some(node) => tokens(node, faults)?,
            None => shipped(&key.text),
        };
        if listed.is_empty() && members.clone().next().is_none() {
            if is_sound {
                let help = "list claims of it under `claims`, or what betrays it under `triggers`";
                faults.error_with_help(head(key.span), "nothing is known of this family to look for", help);
            }
            return None;
        }
        let listed = listed.into_iter().map(|(token, _)| token).collect();
        Claim::of_family(&key.text, listed, members.clone(), style, key.span, faults).map(Check::Claim)
    };
    let given = Given {
        what: "a family",
        name: Some(key),
        kind: Kind::Claim,
        level: Level::Error,
        message: format!("'%s' is a statement of the family `{}` that no claim allows here.", key.text),
        needs_examples: node.get("triggers").is_some(),
        check: &check,
    };
    read::rule_of(node, "claims", Some(&given), timezone, faults)
}

fn evidence(node: &Node, timezone: &TimeZone, faults: &Faults) -> Option<RegisteredEvidence> {
    const HELP: &str = "write `{id: lab-1, covers: [\"0012345\"], document: Assay 1, accepted_by: jo@example.com, \
                        from: 2026-11-01, until: 2027-03-31}`";
    let mut fields = Fields::of(node, "evidence", faults)?;
    let id = fields.require_text("id", HELP, faults);
    let covers_node = fields.require("covers", HELP, faults);
    let covers = covers_node.map(|node| texts(node, faults)).unwrap_or_default();
    if let (Some(node), true) = (covers_node, covers.is_empty()) {
        faults.error_with_help(
            node.span,
            "this covers no product",
            "list their ids: `covers: [\"0012345\"]`",
        );
    }
    let document = fields.require_text("document", HELP, faults);
    let sha256 = fields.take("sha256");
    let accepted_by = fields.require_text("accepted_by", HELP, faults);
    let mut day =
        |key| fields.require(key, HELP, faults).and_then(|node| Some((date(node, faults)?, node.span)));
    let (from, until) = (day("from"), day("until"));
    fields.finish(faults);
    let digest = sha256.and_then(|node| Some((node, text(node, faults)?)));
    if let Some((node, digest)) = &digest
        && digest.bytes().all(|b| b.is_ascii_hexdigit())
        && digest.len() != 64
    {
        let message = format!("a SHA-256 has 64 digits, and this has {}", digest.len());
        let warning = Diagnostic::warning(faults.file(), node.span, message);
        faults.push(warning.with_help("copy it whole from `sha256sum` over the document"));
    }
    let ((from, _), (until, span)) = (from?, until?);
    if until < from {
        let message = format!("the evidence would end on {until}, before it begins on {from}");
        faults.error_with_help(
            span,
            message,
            "give a day on or after `from`; `until` is the last day in force",
        );
        return None;
    }
    let before = until.tomorrow().ok().and_then(|day| start_of_day(day, timezone));
    Some(RegisteredEvidence {
        id: id?,
        covers,
        document: document?,
        sha256: digest.map(|(_, digest)| digest),
        accepted_by: accepted_by?,
        from,
        until,
        period: Period { from: start_of_day(from, timezone), before },
        file: faults.file().to_owned(),
        span: head(node.span),
    })
}
