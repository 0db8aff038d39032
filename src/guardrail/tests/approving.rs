use super::*;

/// A draft with a stamp from another text, made to fit this one: whoever honours it does not judge the text.
fn disguised(bad: &str, good: &Approved) -> Draft {
    let mut draft = Draft::new(bad);
    draft.stamp = Some(approve::tests_only_restamp(good.stamp(), bad));
    draft
}

fn set(date: &str) -> Guardrails {
    let dated = format!(
        "{EVERY_KIND}  - {{id: later, extends: existence, message: m, level: error, tokens: [gift], effective: {{from: {date}}}, \
         applies: {{when: {{context.country: GB}}}}, examples: {{fail: [gift], pass: [x]}}}}\n"
    );
    loaded(&files([("g/house.yml", &dated)]))
}

#[test]
fn a_stamp_that_holds_saves_the_judging() {
    let (guardrails, scene) =
        (set("2027-02-01"), Scene::new(json!({"weight": "7 kg"}), json!({"country": "GB"})));
    let good = scene.approve(&guardrails, &Draft::new("Only 7 kg.")).unwrap();
    assert_eq!(good.stamp().valid_until().map(|at| at.to_string()).as_deref(), Some("2027-02-01T00:00:00Z"));
    let bad = disguised("Guaranteed.", &good);
    assert_eq!(scene.approve(&guardrails, &bad).unwrap().text(), "Guaranteed.");
    assert_eq!(scene.approve(&guardrails, &good.to_draft()).unwrap().stamp(), good.stamp());

    // Whatever the approval depended on has changed: each time the text is judged, and does not pass.
    let judged = |scene: &Scene, guardrails: &Guardrails| {
        let judgement = scene.approve(guardrails, &bad).expect_err("judged again");
        assert_eq!(judgement.verdict, Verdict::Block);
    };
    judged(
        &Scene {
            at: "2027-02-01T00:00:00Z".parse().unwrap(),
            ..Scene::new(json!({"weight": "7 kg"}), json!({"country": "GB"}))
        },
        &guardrails,
    );
    judged(&Scene::new(json!({"weight": "8 kg"}), json!({"country": "GB"})), &guardrails);
    judged(&Scene::new(json!({"weight": "7 kg"}), json!({"country": "DE"})), &guardrails);
    judged(
        &Scene {
            locale: Locale::parse("de"),
            ..Scene::new(json!({"weight": "7 kg"}), json!({"country": "GB"}))
        },
        &guardrails,
    );
    judged(&scene, &set("2027-02-02"));
    // A context that no rule reads does not matter.
    let other = Scene::new(json!({"weight": "7 kg"}), json!({"country": "GB", "device": "mobile"}));
    assert!(other.approve(&guardrails, &bad).is_ok());
}

#[test]
fn a_stamp_is_of_one_text() {
    let (guardrails, scene) = (every_kind(), Scene::bare());
    let good = scene.approve(&guardrails, &Draft::new("A sturdy tent.")).unwrap();
    let moved = Draft { text: "Guaranteed.".into(), stamp: Some(good.stamp().clone()) };
    assert_eq!(scene.approve(&guardrails, &moved).unwrap_err().verdict, Verdict::Block);
}

#[test]
fn corrections_are_applied_once_and_judged() {
    let (guardrails, scene) = (every_kind(), Scene::bare());
    let approved = scene.approve(&guardrails, &Draft::new("Utilise it.")).unwrap();
    assert_eq!(approved.text(), "Use it.");
    assert_eq!(scene.approve(&guardrails, &approved.to_draft()).unwrap().text(), "Use it.");

    let rule = |id: &str, from: &str, to: &str| {
        format!(
            "  - {{id: {id}, extends: substitution, message: m, on_match: fix, swap: {{{from}: {to}}}, examples: {{fail: [{from}], pass: [z]}}}}\n"
        )
    };
    let circle = format!("rules:\n{}{}", rule("there", "a", "b"), rule("back", "b", "a"));
    let circle = loaded(&files([("g/f.yml", &circle)]));
    let judgement = scene.approve(&circle, &Draft::new("a")).unwrap_err();
    assert_eq!((judgement.verdict, judgement.fixed.as_deref()), (Verdict::Repair, Some("b")));
}

#[test]
fn a_set_is_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Guardrails>();
    check::<Approved>();
}

#[test]
fn a_text_that_is_far_too_long_is_not_judged() {
    let rule = "rules:\n  - {id: a, extends: existence, message: m, level: error, tokens: [risky], examples: {fail: [risky], pass: [z]}}\n";
    let (guardrails, scene) = (loaded(&files([("g/f.yml", rule)])), Scene::bare());
    let text = |bytes: usize| "A sturdy tent. ".chars().cycle().take(bytes).collect::<String>();
    assert!(scene.approve(&guardrails, &Draft::new(text(16 * 1024))).is_ok());
    let judgement = scene.approve(&guardrails, &Draft::new(text(16 * 1024 + 1))).unwrap_err();
    assert_eq!((judgement.verdict, judgement.findings[0].rule.as_str()), (Verdict::Block, "copyrail.length"));
}
