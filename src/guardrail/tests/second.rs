//! Rules that ask a second model: what they ask, and what follows from what is known of the answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;

const RULES: &str = r#"
rules:
  - id: no-slang
    extends: existence
    message: "No '%s'."
    level: error
    tokens: [innit]
    examples: {fail: ["Nice, innit."], pass: ["Nice."]}
  - id: tone
    extends: judge
    message: "The copy does not sound like us."
    level: error
    mode: enforce
    rubric: The copy is calm and speaks of the product alone.
    threshold: 0.7
    examples: {fail: ["BUY NOW!"], pass: ["A lamp for quiet evenings."]}
  - id: harm
    extends: moderation
    message: "The service objects: %s."
    level: error
    mode: enforce
    categories: [hate, {violence: 0.3}]
    examples: {fail: ["A knife for your enemies."], pass: ["A knife for bread."]}
"#;

/// What every question is answered with, by what it asks for.
#[derive(Debug)]
struct Answers {
    judge: Option<Opinion>,
    moderation: Option<Opinion>,
}

impl Known for Answers {
    fn opinion(&self, question: &Question) -> Option<Arc<Opinion>> {
        let answer = match question.asks.service {
            Service::Judge { .. } => &self.judge,
            Service::Moderation => &self.moderation,
        };
        answer.clone().map(Arc::new)
    }
}

fn score(score: f64) -> Option<Opinion> {
    Some(Opinion::Judge { score: Some(score), pass: None, reason: "It shouts.".into() })
}

fn moderation(flagged: bool, categories: &[(&str, bool)], scores: &[(&str, f64)]) -> Option<Opinion> {
    let categories = categories.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect();
    let scores = scores.iter().map(|(name, score)| ((*name).to_owned(), *score)).collect();
    Some(Opinion::Moderation { flagged, categories, scores })
}

fn clean() -> Option<Opinion> {
    moderation(false, &[("hate", false), ("violence", false)], &[("hate", 0.0), ("violence", 0.1)])
}

fn judged(rules: &str, text: &str, opinions: Opinions<'_>) -> Judgement {
    let guardrails = loaded(&files([("guardrails/brand.yml", rules)]));
    let empty = Map::new();
    let subject = Subject {
        text,
        facts: &empty,
        context: &empty,
        placement: None,
        locale: None,
        inputs: &empty,
        instructions: None,
        at: Scene::bare().at,
        opinions,
    };
    judge(&guardrails, &subject)
}

/// The verdict, and the rule and message of each finding.
#[track_caller]
fn check(rules: &str, opinions: Opinions<'_>, verdict: Verdict, expected: &[(&str, &str)]) {
    let judgement = judged(rules, "A lamp.", opinions);
    let found: Vec<_> = judgement.findings.iter().map(|f| (f.rule.as_str(), f.message.as_str())).collect();
    assert_eq!((judgement.verdict, &found[..]), (verdict, expected));
    assert!(judgement.findings.iter().all(|f| (f.start, f.end, f.matched.as_str()) == (0, 7, "A lamp.")));
}

fn enforced(judge: Option<Opinion>, moderation: Option<Opinion>) -> Answers {
    Answers { judge, moderation }
}

#[test]
fn an_answer_decides_and_a_missing_one_is_not_passed() {
    let known = |answers: &Answers, verdict, expected: &[(&str, &str)]| {
        check(RULES, Opinions::Known(answers), verdict, expected);
    };
    known(&enforced(score(0.7), clean()), Verdict::Pass, &[]);
    let fails = ("brand.tone", "The copy does not sound like us. (It shouts.)");
    known(&enforced(score(0.69), clean()), Verdict::Block, &[fails]);
    let pass = |score, pass| Some(Opinion::Judge { score, pass: Some(pass), reason: "It shouts.".into() });
    known(&enforced(pass(None, true), clean()), Verdict::Pass, &[]);
    known(&enforced(pass(None, false), clean()), Verdict::Block, &[fails]);
    // Whoever says both must mean both.
    known(&enforced(pass(Some(0.9), false), clean()), Verdict::Block, &[fails]);
    known(&enforced(pass(Some(0.1), true), clean()), Verdict::Block, &[fails]);
    let missing =
        "There is no verdict of a second model (nobody has answered yet), so the text is not passed.";
    known(&enforced(None, clean()), Verdict::Block, &[("brand.tone", missing)]);
    known(&enforced(score(1.0), None), Verdict::Block, &[("brand.harm", missing)]);
    check(RULES, Opinions::Unknown, Verdict::Block, &[("brand.tone", missing), ("brand.harm", missing)]);
    // What people wrote is not asked about.
    check(RULES, Opinions::Prewritten, Verdict::Pass, &[]);
}

#[test]
fn categories_are_held_against_scores_and_flags() {
    let check = |moderation: Option<Opinion>, expected: Option<&str>| {
        let judgement = judged(RULES, "A lamp.", Opinions::Known(&enforced(score(1.0), moderation)));
        let message = judgement.findings.first().map(|finding| finding.message.as_str());
        assert_eq!(message, expected);
        assert_eq!(judgement.verdict == Verdict::Pass, expected.is_none());
    };
    let both = [("hate", true), ("violence", false)];
    check(moderation(true, &both, &[("violence", 0.1)]), Some("The service objects: hate."));
    check(moderation(true, &both, &[("violence", 0.3)]), Some("The service objects: hate, violence."));
    // A category that no rule names is nobody's.
    let other = [("hate", false), ("violence", false), ("sexual", true)];
    check(moderation(true, &other, &[("violence", 0.0)]), None);
    // A service that names no category, or not this one.
    check(moderation(true, &[], &[]), Some("The service objects: hate."));
    let unanswered = "There is no verdict of a second model (the service says nothing of violence), so the text is not passed.";
    check(moderation(false, &[], &[]), Some(unanswered));
    check(moderation(false, &[("hate", false)], &[]), Some(unanswered));
    check(moderation(false, &[("hate", false), ("violence", false)], &[]), Some(unanswered));
    // An answer to something else is none.
    check(
        score(1.0),
        Some(
            "There is no verdict of a second model (the answer is no moderation's), so the text is not passed.",
        ),
    );
}

#[test]
fn without_categories_whatever_is_flagged_is_caught() {
    let rules = RULES.replace("    categories: [hate, {violence: 0.3}]\n", "");
    let verdict = |moderation| judged(&rules, "A lamp.", Opinions::Known(&enforced(score(1.0), moderation)));
    assert_eq!(verdict(clean()).verdict, Verdict::Pass);
    let flagged = verdict(moderation(true, &[("sexual", true), ("hate", false)], &[]));
    assert_eq!(flagged.findings[0].message, "The service objects: sexual.");
    assert_eq!(verdict(moderation(true, &[], &[])).verdict, Verdict::Block);
}

#[test]
fn shadow_is_what_holds_until_someone_says_otherwise() {
    let rules = RULES.replace("    mode: enforce\n", "");
    let guardrails = loaded(&files([("guardrails/brand.yml", &rules)]));
    let modes: Vec<_> = guardrails.rules().iter().map(|rule| (rule.id(), rule.mode())).collect();
    let expected = [
        ("brand.no-slang", Enforcement::Enforce),
        ("brand.tone", Enforcement::Shadow),
        ("brand.harm", Enforcement::Shadow),
    ];
    assert_eq!(modes, expected);
    // A missing answer is no finding, and one that speaks against the text changes nothing.
    check(&rules, Opinions::Unknown, Verdict::Pass, &[]);
    let against = enforced(score(0.0), clean());
    let judgement = judged(&rules, "A lamp.", Opinions::Known(&against));
    assert_eq!(judgement.verdict, Verdict::Pass);
    assert!(judgement.findings.iter().map(|f| (&*f.rule, f.shadow)).eq([("brand.tone", true)]));
    // Somebody says otherwise.
    let settings = "rules: {brand.tone: {mode: enforce}}";
    let files = files([("guardrails/brand.yml", &rules), ("guardrails/guardrails.yml", settings)]);
    assert_eq!(loaded(&files).rules()[1].mode(), Enforcement::Enforce);
}

#[test]
fn nobody_is_asked_about_copy_that_another_rule_catches() {
    let judgement = judged(RULES, "Nice, innit.", Opinions::Unknown);
    assert_eq!(judgement.findings.iter().map(|f| &*f.rule).collect::<Vec<_>>(), ["brand.no-slang"]);
    assert!(!judgement.wants_answers());
    assert!(judged(RULES, "Nice.", Opinions::Unknown).wants_answers());
    assert!(!judged(RULES, "Nice.", Opinions::Known(&enforced(score(0.1), clean()))).wants_answers());
    // One speaks against it already: the other's answer would change nothing.
    assert!(!judged(RULES, "Nice.", Opinions::Known(&enforced(score(0.1), None))).wants_answers());
}

#[test]
fn a_note_that_is_not_answered_holds_nothing_up() {
    let rules = RULES.replace("level: error\n    mode: enforce", "level: suggestion\n    mode: enforce");
    let judgement = judged(&rules, "A lamp.", Opinions::Unknown);
    assert_eq!((judgement.verdict, judgement.findings.len()), (Verdict::Pass, 2));
    assert!(judgement.findings.iter().all(|finding| finding.unanswered));
    let warned = RULES.replace(
        "level: error\n    mode: enforce\n    rubric",
        "level: warning\n    mode: enforce\n    rubric",
    );
    let against = enforced(score(0.1), clean());
    assert_eq!(judged(&warned, "A lamp.", Opinions::Known(&against)).verdict, Verdict::Repair);
    assert_eq!(judged(&warned, "A lamp.", Opinions::Unknown).verdict, Verdict::Block, "no wording helps");
}

#[test]
fn a_corrected_text_is_asked_about_as_corrected() {
    let swap = "  - {id: swap, extends: substitution, message: m, on_match: fix, swap: {utilise: use}, examples: {fail: [utilise], pass: [use]}}\n";
    let rules = format!("{RULES}{swap}");
    #[derive(Debug)]
    struct Only(&'static str);
    impl Known for Only {
        fn opinion(&self, question: &Question) -> Option<Arc<Opinion>> {
            (&*question.text == self.0).then_some(())?;
            Answers { judge: score(1.0), moderation: clean() }.opinion(question)
        }
    }
    let corrected = judged(&rules, "To utilise.", Opinions::Known(&Only("To use.")));
    assert_eq!((corrected.verdict, corrected.fixed.as_deref()), (Verdict::Fix, Some("To use.")));
    let judgement = judged(&rules, "To utilise.", Opinions::Known(&Only("To utilise.")));
    assert_eq!(judgement.verdict, Verdict::Block);
    assert!(
        judgement.findings.iter().any(|f| f.unanswered && f.end == "To utilise.".len()),
        "it is said why"
    );
}

#[test]
fn an_approval_of_peoples_own_copy_is_none_of_a_models() {
    let guardrails = loaded(&files([("guardrails/brand.yml", RULES)]));
    let (empty, draft) = (Map::new(), Draft::new("A lamp."));
    let (facts, context, inputs, placement, locale) = (&empty, &empty, &empty, None, None);
    let (facts_hash, instructions, at) = ([0; 32], None, Scene::bare().at);
    let ground = |opinions| Ground {
        facts,
        facts_hash,
        prepared: None,
        context,
        placement,
        locale,
        inputs,
        instructions,
        at,
        opinions,
    };
    let approved =
        approve(&guardrails, &Bans::default(), &draft, &ground(Opinions::Prewritten)).unwrap().to_draft();
    assert!(approve(&guardrails, &Bans::default(), &approved, &ground(Opinions::Prewritten)).is_ok());
    assert!(
        approve(&guardrails, &Bans::default(), &approved, &ground(Opinions::Unknown))
            .unwrap_err()
            .wants_answers()
    );
    let answers = enforced(score(1.0), clean());
    let approved = approve(&guardrails, &Bans::default(), &draft, &ground(Opinions::Known(&answers)))
        .unwrap()
        .to_draft();
    assert!(
        still_approved(&guardrails, &Bans::default(), &approved, &ground(Opinions::Unknown)).is_some(),
        "by its stamp"
    );
    assert!(
        still_approved(&guardrails, &Bans::default(), &draft, &ground(Opinions::Known(&answers))).is_none()
    );
}

#[test]
fn what_is_asked_is_told_apart_by_rubric_model_text_and_facts() {
    let keys = |rules: &str, text: &str, facts: Value, models: &str| -> BTreeMap<String, String> {
        let guardrails = loaded(&files([("guardrails/brand.yml", rules)]));
        let (empty, facts) = (Map::new(), facts.as_object().unwrap().clone());
        let inputs = json!({"product": {"name": "Lamp", "watts": 5}, "user": {"country": "GB"}});
        let ground = Ground {
            facts: &facts,
            facts_hash: [0; 32],
            prepared: None,
            context: &empty,
            placement: None,
            locale: None,
            inputs: inputs.as_object().unwrap(),
            instructions: None,
            at: Scene::bare().at,
            opinions: Opinions::Unknown,
        };
        let asking = questions(&guardrails, text, &ground).into_iter();
        asking.map(|asking| (asking.rule.id().to_owned(), asking.question.key(models).to_string())).collect()
    };
    let facts = || json!({"name": "Lamp", "reviews": ["So nice!"]});
    let first = keys(RULES, "A lamp.", facts(), "m");
    assert_eq!(first.len(), 2);
    let changed = |other: BTreeMap<String, String>| -> Vec<String> {
        other.into_iter().filter(|(rule, key)| first.get(rule) != Some(key)).map(|(rule, _)| rule).collect()
    };
    assert_eq!(changed(keys(RULES, "A lamp.", facts(), "m")), [""; 0]);
    assert_eq!(changed(keys(&RULES.replace("calm", "loud"), "A lamp.", facts(), "m")), ["brand.tone"]);
    let other = RULES.replace("    rubric:", "    model: other\n    rubric:");
    assert_eq!(changed(keys(&other, "A lamp.", facts(), "m")), ["brand.tone"]);
    let other = RULES.replace("    categories:", "    provider: other\n    categories:");
    assert_eq!(changed(keys(&other, "A lamp.", facts(), "m")), ["brand.harm"]);
    assert_eq!(changed(keys(RULES, "A lamp.", facts(), "n")), ["brand.harm", "brand.tone"]);
    assert_eq!(changed(keys(RULES, "Two lamps.", facts(), "m")), ["brand.harm", "brand.tone"]);
    // Only what is both declared and a fact to judge by is shown.
    assert_eq!(changed(keys(RULES, "A lamp.", json!({"name": "Lamp"}), "m")), [""; 0]);
    assert_eq!(changed(keys(RULES, "A lamp.", json!({"name": "Lamp", "watts": 5}), "m")), ["brand.tone"]);
    // A threshold is held against the answer, and asks nothing anew.
    assert_eq!(changed(keys(&RULES.replace("0.7", "0.9"), "A lamp.", facts(), "m")), [""; 0]);
    assert_eq!(changed(keys(&RULES.replace("[hate,", "[sexual,"), "A lamp.", facts(), "m")), [""; 0]);
}

#[test]
fn examples_are_labels_and_only_those_that_nobody_would_be_asked_about_are_faults() {
    let guardrails = loaded(&files([("guardrails/brand.yml", RULES)]));
    let cases = "cases:\n  - {text: BUY, expect: [brand.tone]}\n  - {text: A lamp., expect: pass}\n";
    let all = files([("guardrails/brand.yml", RULES), ("guardrails/cases/c.yml", cases)]);
    let (Tried { rules: reports, .. }, faults) = try_cases(&guardrails, &all);
    assert_eq!(shown(&faults), "");
    let counts: Vec<_> =
        reports.iter().map(|r| (r.caught + r.missed + r.wrongly_caught, r.left_alone, r.not_run)).collect();
    assert_eq!(counts, [(1, 3, 0), (0, 0, 3), (0, 0, 2)]);

    let never = RULES.replace("    rubric:", "    applies: {locale: de}\n    rubric:");
    let never = never.replace("fail: [\"BUY NOW!\"]", "fail: [{text: Buy now., locale: en}]");
    let (none, faults) = load(&files([("guardrails/brand.yml", &never)]), &london());
    assert!(none.is_none());
    assert!(shown(&faults).contains("its `applies` leaves this text out"), "{}", shown(&faults));
}

#[test]
fn settings_that_mean_nothing_are_faults() {
    #[track_caller]
    fn check(kind: &str, settings: &str, expected: &[&str]) {
        let rule = format!(
            "rules:\n  - id: r\n    extends: {kind}\n    message: m\n    level: error\n    {}\n    examples: {{fail: [a], pass: [b]}}\n",
            settings.replace('\n', "\n    ")
        );
        let (guardrails, faults) = load(&files([("g/f.yml", &rule)]), &london());
        let found: Vec<String> = faults.iter().map(|f| format!("{} {}", f.place(), f.message)).collect();
        assert_eq!(found, expected);
        assert_eq!(guardrails.is_some(), expected.is_empty());
        assert!(faults.iter().all(|fault| fault.help.is_some()), "{faults:?}");
    }
    check("judge", "rubric: Calm.\nthreshold: 1\nmodel: gpt-4.1\nprovider: primary", &[]);
    check("judge", "threshold: 0.5", &["g/f.yml:2:5 a rule needs `rubric`"]);
    check("judge", "rubic: Calm.", &["g/f.yml:6:5 a rule has no key `rubic`"]);
    check("judge", "rubric: ' '", &["g/f.yml:6:13 the rubric is empty"]);
    let long = format!("rubric: {}", "calm ".repeat(801));
    check("judge", &long, &["g/f.yml:6:13 the rubric has 4004 characters; at most 4000 are sent"]);
    for (threshold, at) in [("0", "0"), ("1.01", "1.01"), ("-1", "-1")] {
        let expected = format!("g/f.yml:7:16 `{at}` is no threshold for a score of 0 to 1");
        check("judge", &format!("rubric: Calm.\nthreshold: {threshold}"), &[&expected]);
    }
    check("judge", "rubric: Calm.\nthreshold: high", &["g/f.yml:7:16 a number is needed here"]);
    check("judge", "rubric: Calm.\nmodel: ''", &["g/f.yml:7:12 `model` is empty"]);
    check("judge", "rubric: Calm.\ntokens: [x]", &["g/f.yml:7:5 a rule has no key `tokens`"]);
    let excepted =
        "g/f.yml:7:17 a second model's opinion is on the whole text, so no phrase can be excepted from it";
    check("judge", "rubric: Calm.\nexceptions: [x]", &[excepted]);
    check(
        "judge",
        "rubric: Calm.\non_match: fix",
        &["g/f.yml:7:15 this rule has no correction of its own to apply"],
    );
    check("moderation", "provider: primary", &[]);
    check("moderation", "categories: {hate: 0.2, violence/graphic: 0.4}", &[]);
    check("moderation", "categories: []", &["g/f.yml:6:17 these are no categories"]);
    check("moderation", "categories: hate", &[]);
    check(
        "moderation",
        "categories: [{hate: 2}]",
        &["g/f.yml:6:25 `2` is no threshold for a score of 0 to 1"],
    );
    check("moderation", "rubric: Calm.", &["g/f.yml:6:5 a rule has no key `rubric`"]);
}
