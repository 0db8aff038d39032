//! `require`, `claim`, the register of claims, and until when what is judged holds.

use super::*;

const UK_CREDIT: &str = r#"
rules:
  - id: uk-credit
    extends: require
    trigger: ["pay monthly", "on credit", "buy now,? pay later"]
    text: "Representative {product.offer.apr}% APR. Credit subject to status. UK residents 18+."
    within: {sentences: 1, after: true}
    on_match: fix                                      # appends it; a missing fact is not passed
    message: "A credit offer needs the representative statement."
    applies: {when: {product.offer.type: credit, context.country: GB}}
    examples:
      fail: [{text: "Pay monthly.", facts: {offer: {type: credit, apr: 29.9}}, context: {country: GB}}]
      pass: [{text: "Pay in full.", facts: {offer: {type: credit, apr: 29.9}}, context: {country: GB}}]
"#;

pub(super) const CLAIMS: &str = r#"
families:                                  # health, environment, price, comparison, superlative, finance, award, …
  health: {closed: true}                   # any statement of the family that no claim's wording allows is caught
claims:
  - id: gb-magnesium-tiredness
    family: health
    wording: ["contributes to a reduction of tiredness and fatigue"]     # may be said, if …
    triggers: ["fights tiredness", "tiredness", "fatigue"]               # … and what betrays the claim in other words
    needs: {all: [{product.features.magnesium_nrv_percent: {$gte: 15}}, {evidence: lab-2026-022}]}
    with: "The beneficial effect is obtained with a daily intake of {product.features.daily_dose}."
    applies: {when: {context.country: GB}}
    owner: legal@example.com
    reference: GB NHC Register
    examples:
      fail: ["Fights tiredness fast."]
      pass: [{text: "Magnesium contributes to a reduction of tiredness and fatigue. The beneficial effect is obtained with a daily intake of 2 tablets.", facts: {id: "0012345", features: {magnesium_nrv_percent: 100, daily_dose: 2 tablets}}, context: {country: GB}, as_of: 2026-12-01}]
evidence:
  - {id: lab-2026-022, covers: ["0012345"], document: "Assay 022", sha256: "9f…", accepted_by: legal@example.com, from: 2026-11-01, until: 2027-03-31}
"#;

fn credit(offer: Value) -> Scene {
    Scene::new(json!({"offer": offer}), json!({"country": "GB"}))
}

/// What is judged of a text: the verdict, what is found, and the corrected text.
#[track_caller]
fn check(
    rules: &Guardrails,
    scene: &Scene,
    text: &str,
    verdict: Verdict,
    found: &[&str],
    fixed: Option<&str>,
) {
    let judgement = scene.judge(rules, text);
    let shown: Vec<&str> = judgement.findings.iter().map(|finding| finding.matched.as_str()).collect();
    assert_eq!(
        (judgement.verdict, shown.as_slice(), judgement.fixed.as_deref()),
        (verdict, found, fixed),
        "{text}\n{:?}",
        judgement.findings
    );
    if let Some(fixed) = fixed {
        let again = scene.judge(rules, fixed);
        assert_eq!((again.verdict, again.fixed), (Verdict::Pass, None), "{fixed}");
    }
}

#[test]
fn a_disclosure_is_appended_with_the_products_own_figures() {
    let rules = loaded(&files([("guardrails/compliance.yml", UK_CREDIT)]));
    let scene = credit(json!({"type": "credit", "apr": 29.9}));
    let statement = "Representative 29.9% APR. Credit subject to status. UK residents 18+.";
    for (text, verdict, found, fixed) in [
        ("Pay in full.", Verdict::Pass, &[][..], None),
        ("Pay monthly.", Verdict::Fix, &["Pay monthly"], Some(format!("Pay monthly. {statement}"))),
        // Without a full stop of its own.
        (
            "Buy now, pay later ",
            Verdict::Fix,
            &["Buy now, pay later"],
            Some(format!("Buy now, pay later. {statement} ")),
        ),
        ("“Pay monthly.”", Verdict::Fix, &["Pay monthly"], Some(format!("“Pay monthly.” {statement}"))),
        // Right behind what asks for it, not at the end.
        (
            "Pay monthly. A good tent. Light too.",
            Verdict::Fix,
            &["Pay monthly"],
            Some(format!("Pay monthly. {statement} A good tent. Light too.")),
        ),
        // Once for two in one sentence, twice for two sentences: one comes behind the statement.
        (
            "Pay monthly or on credit.",
            Verdict::Fix,
            &["Pay monthly", "on credit"],
            Some(format!("Pay monthly or on credit. {statement}")),
        ),
        (
            "Pay monthly. Or on credit!",
            Verdict::Fix,
            &["Pay monthly", "on credit"],
            Some(format!("Pay monthly. {statement} Or on credit! {statement}")),
        ),
        // There, in other capitals and with other spaces.
        (
            "Pay monthly! representative 29.9 % APR.\nCredit subject to status. UK residents 18+",
            Verdict::Pass,
            &[],
            None,
        ),
        // Too far, before, another figure, half of it.
        (
            &format!("Pay monthly. A tent. {statement}"),
            Verdict::Fix,
            &["Pay monthly"],
            Some(format!("Pay monthly. {statement} A tent. {statement}")),
        ),
        (
            &format!("{statement} Pay monthly."),
            Verdict::Fix,
            &["Pay monthly"],
            Some(format!("{statement} Pay monthly. {statement}")),
        ),
        (
            "Pay monthly. Representative 9.9% APR. Credit subject to status. UK residents 18+.",
            Verdict::Fix,
            &["Pay monthly"],
            Some(format!(
                "Pay monthly. {statement} Representative 9.9% APR. Credit subject to status. UK residents 18+."
            )),
        ),
        // Disguised, and given back as given.
        ("Pаy mοnthly", Verdict::Fix, &["Pаy mοnthly"], Some(format!("Pаy mοnthly. {statement}"))),
    ] {
        check(&rules, &scene, text, verdict, found, fixed.as_deref());
    }
    // Elsewhere nothing is asked for; where the country is not known, it is.
    let mut elsewhere = credit(json!({"type": "credit", "apr": 29.9}));
    elsewhere.context.insert("country".into(), "DE".into());
    check(&rules, &elsewhere, "Pay monthly.", Verdict::Pass, &[], None);
    elsewhere.context.clear();
    check(
        &rules,
        &elsewhere,
        "Pay monthly.",
        Verdict::Fix,
        &["Pay monthly"],
        Some(&format!("Pay monthly. {statement}")),
    );
}

#[test]
fn a_disclosure_without_its_fact_is_not_passed() {
    let rules = loaded(&files([("guardrails/compliance.yml", UK_CREDIT)]));
    for offer in [
        json!({"type": "credit"}),
        json!({"type": "credit", "apr": ["9"]}),
        json!({"type": "credit", "apr": " "}),
    ] {
        let scene = credit(offer);
        let text = "Pay monthly. Representative % APR. Credit subject to status. UK residents 18+.";
        check(&rules, &scene, text, Verdict::Repair, &["Pay monthly"], None);
        let finding = scene.judge(&rules, text).findings.remove(0);
        assert_eq!(
            finding.message,
            "A credit offer needs the representative statement. What has to stand with it needs `product.offer.apr`, \
             which is not known."
        );
        assert_eq!(finding.evidence, Some(Evidence { attribute: Some("offer.apr".into()), value: None }));
        assert_eq!(finding.action, Action::Repair);
        assert!(scene.approve(&rules, &Draft::new(text)).is_err());
    }
    // As severe as the rule's level.
    let strict = UK_CREDIT.replace("on_match: fix ", "level: error\n    on_match: fix ");
    let strict = loaded(&files([("guardrails/compliance.yml", &strict)]));
    check(
        &strict,
        &credit(json!({"type": "credit"})),
        "Pay monthly.",
        Verdict::Block,
        &["Pay monthly"],
        None,
    );
}

#[test]
fn a_disclosure_stands_anywhere_unless_said() {
    let loose = UK_CREDIT.replace("    within: {sentences: 1, after: true}\n", "");
    let rules = loaded(&files([("guardrails/compliance.yml", &loose)]));
    let scene = credit(json!({"type": "credit", "apr": 1200}));
    let statement = "Representative 1200% APR. Credit subject to status. UK residents 18+.";
    check(&rules, &scene, &format!("{statement} A tent. Light. Pay monthly."), Verdict::Pass, &[], None);
    let fixed = format!("Pay monthly. A tent. {statement}");
    check(&rules, &scene, "Pay monthly. A tent.", Verdict::Fix, &["Pay monthly"], Some(&fixed));
    let after = UK_CREDIT.replace("{sentences: 1, after: true}", "{after: true}");
    let rules = loaded(&files([("guardrails/compliance.yml", &after)]));
    let fixed = format!("{statement} Pay monthly. A tent. {statement}");
    check(
        &rules,
        &scene,
        &format!("{statement} Pay monthly. A tent."),
        Verdict::Fix,
        &["Pay monthly"],
        Some(&fixed),
    );
    // The writer is told what to add where the machine does not.
    let repair = loose.replace("on_match: fix ", "on_match: repair ");
    let rules = loaded(&files([("guardrails/compliance.yml", &repair)]));
    let judgement = scene.judge(&rules, "Pay monthly.");
    assert_eq!(judgement.verdict, Verdict::Repair);
    assert_eq!(
        judgement.findings[0].message,
        format!("A credit offer needs the representative statement. Add: {statement}")
    );
}

#[test]
fn what_is_put_in_is_judged_like_any_text() {
    let more = "  - {id: short, extends: limit, message: long, level: warning, characters: {max: 60}, examples: {fail: [\"0123456789012345678901234567890123456789012345678901234567890\"], pass: [x]}}\n";
    let rules = loaded(&files([("guardrails/compliance.yml", &format!("{UK_CREDIT}{more}"))]));
    let scene = credit(json!({"type": "credit", "apr": 29.9}));
    check(&rules, &scene, "Pay monthly.", Verdict::Repair, &["Pay monthly", "Pay monthly."], None);
    let german = UK_CREDIT.replace("{product.offer.apr}%", "{product.offer.apr} %");
    let rules = loaded(&files([("guardrails/compliance.yml", &german)]));
    let mut scene = credit(json!({"type": "credit", "apr": 29.9}));
    scene.locale = Locale::parse("de-DE");
    let fixed = "Pay monthly. Representative 29,9 % APR. Credit subject to status. UK residents 18+.";
    check(&rules, &scene, "Pay monthly.", Verdict::Fix, &["Pay monthly"], Some(fixed));
}

fn magnesium() -> Scene {
    Scene::new(
        json!({"id": "0012345", "features": {"magnesium_nrv_percent": 100, "daily_dose": "2 tablets"}}),
        json!({"country": "GB"}),
    )
}

const ALLOWED: &str = "Magnesium contributes to a reduction of tiredness and fatigue. \
                       The beneficial effect is obtained with a daily intake of 2 tablets.";

#[track_caller]
fn caught(rules: &Guardrails, scene: &Scene, text: &str, expected: &[(&str, &str)]) {
    let judgement = scene.judge(rules, text);
    let found: Vec<(&str, &str)> =
        judgement.findings.iter().map(|finding| (finding.rule.as_str(), finding.matched.as_str())).collect();
    assert_eq!(found, expected, "{text}");
    assert_eq!(judgement.verdict == Verdict::Pass, expected.is_empty(), "{text}");
    assert!(judgement.findings.iter().all(|finding| finding.family.as_deref() == Some("health")), "{text}");
}

#[test]
fn a_claim_is_allowed_in_its_words_with_its_evidence() {
    let rules = loaded(&files([("guardrails/claims.yml", CLAIMS)]));
    let rule = "claims.gb-magnesium-tiredness";
    let scene = magnesium();
    caught(&rules, &scene, ALLOWED, &[]);
    assert_eq!(scene.judge(&rules, ALLOWED).evidence, ["lab-2026-022"]);
    assert_eq!(scene.approve(&rules, &Draft::new(ALLOWED)).unwrap().evidence(), ["lab-2026-022"]);
    assert_eq!(scene.judge(&rules, "A good tablet.").evidence, [""; 0]);
    // In other words, and one finding for each place.
    caught(&rules, &scene, "Fights tiredness fast.", &[(rule, "Fights tiredness")]);
    caught(&rules, &scene, &format!("{ALLOWED} No more fatigue!"), &[(rule, "fatigue")]);
    caught(
        &rules,
        &scene,
        "It CONTRIBUTES to a  reduction of tiredness\nand fatigue. The beneficial effect is obtained with a daily intake of 2 tablets",
        &[],
    );
    // Without what has to stand with it.
    let words = "contributes to a reduction of tiredness and fatigue";
    caught(&rules, &scene, &format!("Magnesium {words}."), &[(rule, words)]);
    let finding = scene.judge(&rules, &format!("Magnesium {words}.")).findings.remove(0);
    assert!(
        finding.message.ends_with("Add: The beneficial effect is obtained with a daily intake of 2 tablets."),
        "{}",
        finding.message
    );
    assert_eq!((finding.level, finding.action), (Level::Error, Action::Block));

    // What it needs: more of it, evidence that covers this product and is in force.
    type Change = fn(&mut Scene);
    let refused: &[(Change, &str)] = &[
        (
            |s| {
                drop(
                    s.facts["features"]
                        .as_object_mut()
                        .unwrap()
                        .insert("magnesium_nrv_percent".into(), json!(14)),
                )
            },
            "`product.features.magnesium_nrv_percent` is not as it has to be",
        ),
        (
            |s| drop(s.facts["features"].as_object_mut().unwrap().remove("magnesium_nrv_percent")),
            "`product.features.magnesium_nrv_percent` is not known",
        ),
        (
            |s| drop(s.facts.insert("id".into(), json!("12345"))),
            "evidence `lab-2026-022` does not cover this product",
        ),
        (|s| drop(s.facts.remove("id")), "evidence `lab-2026-022` covers no product without an id"),
        (|s| s.at = "2026-10-31T23:59:59Z".parse().unwrap(), "evidence `lab-2026-022` is not in force"),
        // The day ends an hour earlier in summer time.
        (|s| s.at = "2027-03-31T23:00:00Z".parse().unwrap(), "evidence `lab-2026-022` is not in force"),
    ];
    for (change, said) in refused {
        let mut scene = magnesium();
        change(&mut scene);
        caught(&rules, &scene, ALLOWED, &[(rule, words)]);
        let judgement = scene.judge(&rules, ALLOWED);
        assert!(judgement.findings[0].message.contains(said), "{said}: {}", judgement.findings[0].message);
        assert_eq!(judgement.evidence, [""; 0]);
    }
    for at in ["2026-11-01T00:00:00Z", "2027-03-31T22:59:59Z"] {
        let scene = Scene { at: at.parse().unwrap(), ..magnesium() };
        caught(&rules, &scene, ALLOWED, &[]);
    }
    // Where the fact that has to be said is missing, the claim cannot be.
    let mut scene = magnesium();
    scene.facts["features"].as_object_mut().unwrap().remove("daily_dose");
    caught(&rules, &scene, ALLOWED, &[(rule, words)]);
    assert!(scene.judge(&rules, ALLOWED).findings[0].message.contains("`product.features.daily_dose`"));

    // Elsewhere the claim is not there: what is said falls to the closed family.
    let mut scene = magnesium();
    scene.context.insert("country".into(), "US".into());
    caught(&rules, &scene, ALLOWED, &[("claims.health", words)]);
    caught(&rules, &scene, "Fights tiredness.", &[("claims.health", "Fights tiredness")]);
    // Unknown, it applies.
    scene.context.clear();
    caught(&rules, &scene, ALLOWED, &[]);
    caught(&rules, &scene, "Fights tiredness.", &[(rule, "Fights tiredness")]);
}

#[test]
fn both_files_of_the_rules_load_together() {
    let rules = loaded(&files([("guardrails/claims.yml", CLAIMS), ("guardrails/compliance.yml", UK_CREDIT)]));
    let ids: Vec<&str> = rules.rules().iter().map(Rule::id).collect();
    assert_eq!(ids, ["compliance.uk-credit", "claims.gb-magnesium-tiredness", "claims.health"]);
    let claim = &rules.rules()[1];
    assert_eq!(
        (claim.kind(), claim.owner(), claim.reference()),
        (Kind::Claim, Some("legal@example.com"), Some("GB NHC Register"))
    );
    assert_eq!(rules.evidence()[0].covers(), ["0012345"]);
    assert!(rules.context_paths().contains("context.country"));
}

#[test]
fn the_accompanying_statement_is_appended() {
    let fix = CLAIMS.replace("    owner: legal@example.com\n", "    on_match: fix\n");
    let rules = loaded(&files([("guardrails/claims.yml", &fix)]));
    let words = "contributes to a reduction of tiredness and fatigue";
    check(
        &rules,
        &magnesium(),
        &format!("Magnesium {words}. Nice."),
        Verdict::Fix,
        &[words],
        Some(&format!(
            "Magnesium {words}. Nice. The beneficial effect is obtained with a daily intake of 2 tablets."
        )),
    );
    // What is in other words cannot be put right by it.
    check(&rules, &magnesium(), "Fights tiredness.", Verdict::Repair, &["Fights tiredness"], None);
}

const MORE: &str = r#"
families:
  health: {closed: true, triggers: ["boosts?", "cures?"], on_match: repair, owner: health@example.com, examples: {fail: ["Cures all."], pass: ["A tablet."]}}
  award:
claims:
  - id: vitamin-c
    family: health
    wording: ["contributes to the normal function of the immune system"]
    triggers: ["immune system", "immunity"]
    needs: {product.vitamin_c: {$gte: 15}}
    examples: {fail: [Good for immunity.], pass: [Good.]}
  - id: zinc
    family: health
    wording: ["contributes to the normal function of the immune system", "zinc for the immune system"]
    triggers: ["immune system"]
    needs: {any: [{product.zinc: {$gte: 10}}, {all: [{not: {product.recalled: true}}, {evidence: zinc-1}]}]}
    examples: {fail: [Good for the immune system.], pass: [Good.]}
  - id: prize
    family: award
    triggers: ["award[- ]winning"]
    needs: {evidence: prize-1}
    examples: {fail: [Award-winning taste.], pass: [{text: Award-winning taste., facts: {id: 7}}]}
evidence:
  - {id: zinc-1, covers: [7], document: a, accepted_by: b, from: 2026-01-01, until: 2026-12-31}
  - {id: prize-1, covers: [7, 0012345], document: a, accepted_by: b, from: 2026-01-01, until: 2027-12-31}
"#;

#[test]
fn claims_of_one_family_know_of_one_another() {
    let rules = loaded(&files([("guardrails/claims.yml", MORE)]));
    let words = "contributes to the normal function of the immune system";
    let text = format!("It {words}.");
    let scene = |facts| Scene::new(facts, json!({}));
    // Either nutrient allows the words; the other's triggers are silent.
    caught(&rules, &scene(json!({"zinc": 10})), &text, &[]);
    caught(&rules, &scene(json!({"vitamin_c": 15})), &text, &[]);
    caught(
        &rules,
        &scene(json!({"vitamin_c": 15})),
        "Zinc for the immune system.",
        &[("claims.zinc", "Zinc for the immune system"), ("claims.vitamin-c", "immune system")],
    );
    caught(&rules, &scene(json!({})), &text, &[("claims.vitamin-c", words), ("claims.zinc", words)]);
    // What is left to the family, and is its own.
    caught(&rules, &scene(json!({"zinc": 10})), "Boosts your health.", &[("claims.health", "Boosts")]);
    let finding = scene(json!({})).judge(&rules, "Cures all.").findings.remove(0);
    assert_eq!((finding.action, finding.family.as_deref()), (Action::Repair, Some("health")));
    assert_eq!(finding.message, "'Cures' is a statement of the family `health` that no claim allows here.");
    // Evidence has ended, and what must not be is not known not to be.
    let mut tablet = scene(json!({"id": 7, "recalled": false}));
    caught(&rules, &tablet, &text, &[("claims.vitamin-c", words), ("claims.zinc", words)]);
    tablet.at = "2026-12-31T12:00:00Z".parse().unwrap();
    caught(&rules, &tablet, &text, &[]);
    assert_eq!(tablet.judge(&rules, &text).evidence, ["zinc-1"]);
    tablet.facts.remove("recalled");
    caught(&rules, &tablet, &text, &[("claims.vitamin-c", words), ("claims.zinc", words)]);
}

#[test]
fn a_place_is_found_once_and_by_whoever_is_stricter() {
    // Two claims of the same words, one of which has them twice over.
    let twice =
        MORE.replace("\"zinc for the immune system\"", "\"to the normal function of the immune system\"");
    let rules = loaded(&files([("guardrails/claims.yml", &twice.replace("    triggers: [\"immune system\"]\n", "    triggers: [\"immune system\"]\n    applies: {when: {context.country: GB}}\n").replace("    triggers: [\"immune system\", \"immunity\"]\n", "    triggers: [\"immune system\", \"immunity\"]\n    applies: {when: {context.country: GB}}\n"))]));
    let words = "contributes to the normal function of the immune system";
    let here = Scene::new(json!({}), json!({"country": "GB"}));
    caught(&rules, &here, &format!("It {words}."), &[("claims.vitamin-c", words), ("claims.zinc", words)]);
    let elsewhere = Scene::new(json!({}), json!({"country": "US"}));
    caught(&rules, &elsewhere, &format!("It {words}."), &[("claims.health", words)]);

    // A milder rule of the lists takes nothing from the family; a claim of the register speaks for it.
    let list = "rules:\n  - {id: boost, extends: claim, family: health, message: m, level: suggestion, triggers: [boosts], examples: {fail: [Boosts.], pass: [x]}}\n";
    let rules = loaded(&files([("guardrails/claims.yml", MORE), ("guardrails/brand.yml", list)]));
    caught(&rules, &here, "Boosts you.", &[("brand.boost", "Boosts"), ("claims.health", "Boosts")]);
    let mild = MORE.replace(
        "    triggers: [\"immune system\", \"immunity\"]\n",
        "    triggers: [\"immune system\", \"immunity\"]\n    level: suggestion\n",
    );
    let rules = loaded(&files([("guardrails/claims.yml", &mild)]));
    let judgement = here.judge(&rules, "Good for immunity.");
    assert_eq!((judgement.verdict, judgement.findings.len()), (Verdict::Pass, 1));
}

#[test]
fn a_faulty_register_is_said_where_it_is_faulty_alone() {
    for (from, to, expected) in [
        (
            "until: 2027-03-31",
            "until: 2027-3-31",
            "g/claims.yml:18:140 `2027-3-31` is no date [write year-month-day, such as `2026-12-01`]\n",
        ),
        ("  - {id: lab", "  - [id: lab", "g/claims.yml:18:150 the bracket `}` closes nothing here"),
        (
            "    with: \"The",
            "    wiht: \"The",
            "g/claims.yml:10:5 a claim has no key `wiht` [write `with`]\n",
        ),
    ] {
        let (_, faults) = load(&files([("g/claims.yml", &CLAIMS.replace(from, to))]), &london());
        assert!(shown(&faults).starts_with(expected) && faults.len() == 1, "{}", shown(&faults));
    }
}

#[test]
fn what_an_offer_says_supports_a_claim_until_it_ends() {
    let list = "rules:\n  - {id: sale, extends: claim, family: price, message: m, level: error, triggers: [sale], needs: {product.offer.type: sale}, examples: {fail: [Sale.], pass: [{text: Sale., facts: {offer: {type: sale}}}]}}\n";
    let rules = loaded(&files([("guardrails/brand.yml", list)]));
    let mut scene = Scene::new(json!({"offer": {"type": "sale", "valid_until": "2027-01-15"}}), json!({}));
    assert_eq!(scene.judge(&rules, "Sale.").verdict, Verdict::Pass);
    scene.at = "2027-01-16T00:00:00Z".parse().unwrap();
    assert_eq!(scene.judge(&rules, "Sale.").verdict, Verdict::Block);
    let ended = list
        .replace("offer: {type: sale}", "offer: {type: sale, valid_until: 2026-01-01}")
        .replace("text: Sale., facts", "text: Sale., as_of: 2026-01-02, facts");
    let (_, faults) = load(&files([("g/brand.yml", &ended)]), &london());
    assert!(
        shown(&faults).contains("`brand.sale` catches `Sale` in this `pass` example"),
        "{}",
        shown(&faults)
    );
}

#[test]
fn needs_without_words_allow_the_triggers() {
    let rules = loaded(&files([("guardrails/claims.yml", MORE)]));
    let winner = Scene::new(json!({"id": "0012345"}), json!({}));
    let judgement = winner.judge(&rules, "Award-winning taste.");
    assert_eq!(
        (judgement.verdict, judgement.evidence.as_slice()),
        (Verdict::Pass, ["prize-1".to_owned()].as_slice())
    );
    let other = Scene::bare().judge(&rules, "Award-winning taste.");
    assert_eq!(other.verdict, Verdict::Block);
    assert_eq!(other.findings[0].family.as_deref(), Some("award"));
}

#[test]
fn claims_in_lists_name_their_family_and_know_the_register() {
    let list = r#"
rules:
  - id: best
    extends: claim
    family: superlative
    message: "'%s' claims first place."
    level: error
    tokens: ["the best", "number one"]
    needs: {product.awards: {$exists: true}}
    examples: {fail: [The best tent.], pass: [{text: The best tent., facts: {awards: [x]}}]}
  - id: immunity
    extends: claim
    family: health
    message: "'%s' is a health claim."
    level: warning
    triggers: ["immune"]
    examples: {fail: [Good for immune cells.], pass: [Good.]}
"#;
    let all = files([("guardrails/claims.yml", MORE), ("guardrails/brand.yml", list)]);
    let rules = loaded(&all);
    let zinc = Scene::new(json!({"zinc": 10}), json!({}));
    caught(&rules, &zinc, "It contributes to the normal function of the immune system.", &[]);
    caught(&rules, &zinc, "Immune cells.", &[("brand.immunity", "Immune")]);
    let finding = zinc.judge(&rules, "The best tent.").findings.remove(0);
    assert_eq!((finding.rule.as_str(), finding.family.as_deref()), ("brand.best", Some("superlative")));
    assert_eq!(
        finding.message,
        "'The best' claims first place. It is not supported here: `product.awards` is not as it has to be."
    );
    // Switched off, a claim allows nothing.
    let off = "rules: {claims.zinc: {mode: off, because: under review}}";
    let all = files([("guardrails/claims.yml", MORE), ("guardrails/guardrails.yml", off)]);
    caught(
        &loaded(&all),
        &zinc,
        "It contributes to the normal function of the immune system.",
        &[("claims.vitamin-c", "contributes to the normal function of the immune system")],
    );
    // In shadow, it leaves the family to say what counts.
    let shadow = "rules: {claims.zinc: {mode: shadow}, claims.vitamin-c: {mode: shadow}}";
    let all = files([("guardrails/claims.yml", MORE), ("guardrails/guardrails.yml", shadow)]);
    let judgement = Scene::bare().judge(&loaded(&all), "Good for the immune system.");
    let found: Vec<(&str, bool)> = judgement.findings.iter().map(|f| (f.rule.as_str(), f.shadow)).collect();
    assert_eq!(found, [("claims.vitamin-c", true), ("claims.zinc", true), ("claims.health", false)]);
    assert_eq!(judgement.verdict, Verdict::Repair);
}

#[test]
fn an_offer_that_ended_supports_nothing() {
    let rules = loaded(&files([("guardrails/compliance.yml", UK_CREDIT)]));
    let statement = "Pay monthly. Representative 29.9% APR. Credit subject to status. UK residents 18+.";
    let mut scene = credit(json!({"type": "credit", "apr": 29.9, "valid_until": "2027-01-20"}));
    let end: Timestamp = "2027-01-21T00:00:00Z".parse().unwrap();
    assert_eq!(scene.judge(&rules, statement).valid_until, Some(end));
    let draft = scene.approve(&rules, &Draft::new(statement)).unwrap();
    assert_eq!(draft.stamp().valid_until(), Some(end));
    scene.at = end;
    assert!(scene.approve(&rules, &draft.to_draft()).is_err());
    check(&rules, &scene, statement, Verdict::Repair, &["Pay monthly"], None);
    assert_eq!(scene.judge(&rules, statement).valid_until, None);
    assert!(rules.offer_ends(&scene.facts) == Some(end));
}

#[test]
fn what_is_judged_holds_until_evidence_begins_or_ends() {
    let rules = loaded(&files([("guardrails/claims.yml", CLAIMS)]));
    let at = |day: &str| Some(day.parse::<Timestamp>().unwrap());
    let mut scene = magnesium();
    for (now, until) in [
        ("2026-10-01T00:00:00Z", at("2026-11-01T00:00:00Z")),
        ("2026-11-01T00:00:00Z", at("2027-03-31T23:00:00Z")),
        ("2027-03-31T23:00:00Z", None),
    ] {
        scene.at = now.parse().unwrap();
        assert_eq!(scene.judge(&rules, ALLOWED).valid_until, until, "{now}");
    }
}

#[test]
fn evidence_that_ends_soon_is_said() {
    let rules = loaded(&files([("guardrails/claims.yml", CLAIMS)]));
    for (day, expected) in [
        ("2027-01-29T12:00:00Z", None),
        ("2027-01-30T12:00:00Z", Some("evidence `lab-2026-022` ends in 60 days, on 2027-03-31")),
        ("2027-03-30T12:00:00Z", Some("evidence `lab-2026-022` ends tomorrow")),
        ("2027-03-31T12:00:00Z", Some("evidence `lab-2026-022` ends today")),
        ("2027-03-31T23:00:00Z", Some("evidence `lab-2026-022` ended on 2027-03-31")),
    ] {
        let found = expiring(&rules, day.parse().unwrap());
        assert_eq!(found.first().map(|fault| fault.message.as_str()), expected, "{day}");
        for fault in found {
            assert_eq!((fault.place().as_str(), fault.is_error()), ("guardrails/claims.yml:18:5", false));
            assert_eq!(
                fault.help.unwrap(),
                "have it renewed: `claims.gb-magnesium-tiredness` cannot be said without it"
            );
        }
    }
}

/// The faults of `claims.yml`, each with where it stands.
#[track_caller]
fn check_faults(content: &str, expected: &[&str]) {
    let (guardrails, faults) = load(&files([("g/claims.yml", content)]), &london());
    let found: Vec<String> = faults
        .iter()
        .map(|f| format!("{} {} [{}]", f.place(), f.message, f.help.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(found, expected, "{content}");
    assert_eq!(guardrails.is_none(), faults.iter().any(Diagnostic::is_error));
}

const DAYS: &str = "accepted_by: jo, from: 2026-01-01, until: 2026-12-31";

#[test]
fn faults_of_the_register_say_the_way_out() {
    const EXAMPLES: &str = "examples: {fail: [x], pass: [y]}";
    let claim = |more: &str| {
        format!(
            "families: {{health: , price: }}\nclaims:\n  - {{id: a, triggers: [x], {more}, {EXAMPLES}}}\n"
        )
    };
    for (content, expected) in [
        (claim("family: health"), &[][..]),
        (claim("family: helth"), &["g/claims.yml:3:36 there is no family `helth` [write `health`]"]),
        (
            claim("owner: x"),
            &[
                "g/claims.yml:3:5 a claim needs `family` [name it, such as `family: health`, and declare it under `families`]",
            ],
        ),
        (
            claim("family: health, level: warning, on_match: fix"),
            &[
                "g/claims.yml:3:70 this rule has no correction of its own to apply [write `on_match: repair`, or what has to stand with the claim under `with`]",
            ],
        ),
        (
            claim("family: health, needs: {evidence: lab-1}"),
            &["g/claims.yml:3:62 there is no evidence `lab-1` [list it under `evidence` in claims.yml]"],
        ),
        (
            claim("family: health, needs: {}"),
            &[
                "g/claims.yml:3:51 nothing is needed here [write a condition such as `{product.organic: true}`, or `{evidence: id}`]",
            ],
        ),
        (
            claim("family: health, needs: {al: []}"),
            &[
                "g/claims.yml:3:52 `al` is no attribute [write `product.al` for a fact, `context.al` for the moment]",
            ],
        ),
        (
            claim("family: health, needs: {all: []}"),
            &["g/claims.yml:3:57 this list is empty [list at least one condition or evidence]"],
        ),
        (
            claim("family: health, needs: {user.age: 18}"),
            &[
                "g/claims.yml:3:52 `user.age` is about the user, and guardrails know no user [ask about `product.…` or `context.…`]",
            ],
        ),
        (
            claim("family: health, with: 'Take {dose}.'"),
            &["g/claims.yml:3:50 `{dose}` is no fact of the product [write `{product.dose}`]"],
        ),
        (
            claim("family: health, wording: ['{product.x} helps']"),
            &[
                "g/claims.yml:3:53 a wording has no gaps for facts [write the words themselves; facts go into `with`, or into a condition under `needs`]",
            ],
        ),
        (
            claim("family: health, tokens: [x]"),
            &["g/claims.yml:3:52 `tokens` and `triggers` say the same [put all of them under `triggers`]"],
        ),
        (
            "families: {rental: {closed: true}}\n".into(),
            &[
                "g/claims.yml:1:12 nothing is known of this family to look for [list claims of it under `claims`, or what betrays it under `triggers`]",
            ],
        ),
        (
            "families: {health: {triggers: [x]}}\n".into(),
            &[
                "g/claims.yml:1:21 `triggers` does nothing here while the family is open [add `closed: true`, or take it out]",
            ],
        ),
        (
            "families: {health: {closed: yes}}\n".into(),
            &["g/claims.yml:1:29 a truth value is needed here [write `true` or `false`]"],
        ),
        (
            "families: {health: {closed: true, triggers: [x]}}\n".into(),
            &[
                "g/claims.yml:1:20 a family needs `examples` [write at least one text that the rule must catch and one that it must leave alone: `examples: {fail: [\"…\"], pass: [\"…\"]}`]",
            ],
        ),
        (
            "families: [health]\n".into(),
            &[
                "g/claims.yml:1:11 a map is needed here, and this is a list [write `key: value` lines, indented alike]",
            ],
        ),
        ("familys: {}\n".into(), &["g/claims.yml:1:1 `claims.yml` has no key `familys` [write `families`]"]),
        (
            format!("families: {{health: }}\nclaims:\n  - {{id: a, family: health, {EXAMPLES}}}\n"),
            &[
                "g/claims.yml:3:5 a claim needs `triggers` [list what betrays the claim: `triggers: [\"award[- ]winning\"]`]",
            ],
        ),
        (
            "families: {health: }\nclaims:\n  - {id: a, family: health, triggers: [x]}\n".into(),
            &[
                "g/claims.yml:3:5 a claim needs `examples` [write at least one text that the rule must catch and one that it must leave alone: `examples: {fail: [\"…\"], pass: [\"…\"]}`]",
            ],
        ),
        (
            format!(
                "families: {{a: {{closed: true}}}}\nclaims:\n  - {{id: a, family: a, triggers: [x], {EXAMPLES}}}\n  - {{id: a, family: a, triggers: [x], {EXAMPLES}}}\n"
            ),
            &[
                "g/claims.yml:1:12 a claim and a family are both called `a` [give each a name of its own]",
                "g/claims.yml:4:10 there is a second claim `a` [give each a name of its own]",
            ],
        ),
        (
            format!(
                "evidence:\n  - {{id: a, covers: [1], document: x, {DAYS}}}\n  - {{id: a, covers: [1], document: x, {DAYS}}}\n"
            ),
            &[
                "g/claims.yml:3:5 there is a second evidence `a` [give each an id of its own; the first stands in line 2]",
            ],
        ),
        (
            format!(
                "evidence:\n  - {{id: a, covers: [], document: x, sha256: 9f, {}}}\n",
                DAYS.replace("2026-01-01", "2027-01-01")
            ),
            &[
                "g/claims.yml:2:21 this covers no product [list their ids: `covers: [\"0012345\"]`]",
                "g/claims.yml:2:46 a SHA-256 has 64 digits, and this has 2 [copy it whole from `sha256sum` over the document]",
                "g/claims.yml:2:92 the evidence would end on 2026-12-31, before it begins on 2027-01-01 [give a day on or after `from`; `until` is the last day in force]",
            ],
        ),
        (
            format!(
                "evidence:\n  - {{id: a, covers: [1], document: x, {}}}\n",
                DAYS.replace("2026-12-31", "31/12/2026")
            ),
            &["g/claims.yml:2:81 `31/12/2026` is no date [write year-month-day, such as `2026-12-01`]"],
        ),
    ] {
        check_faults(&content, expected);
    }
}

#[test]
fn evidence_that_nothing_needs_is_a_warning() {
    let (rules, faults) = load(
        &files([("g/claims.yml", &format!("evidence:\n  - {{id: a, covers: [1], document: x, {DAYS}}}\n"))]),
        &london(),
    );
    assert!(rules.is_some());
    assert_eq!(
        shown(&faults),
        "g/claims.yml:2:5 no claim needs the evidence `a` [name it under a claim's `needs`: `{evidence: id}`, or take it out]\n"
    );
}

#[test]
fn of_two_claims_in_the_same_words_either_may_be_accompanied() {
    let file = MORE
        .replace(
            "    needs: {product.vitamin_c: {$gte: 15}}\n",
            "    needs: {product.vitamin_c: {$gte: 15}}\n    with: Take one.\n",
        )
        .replace(
            "    triggers: [\"immune system\"]\n",
            "    triggers: [\"immune system\"]\n    with: Take two.\n",
        );
    let rules = loaded(&files([("guardrails/claims.yml", &file)]));
    let scene = Scene::new(json!({"vitamin_c": 15, "zinc": 10}), json!({}));
    let words = "contributes to the normal function of the immune system";
    caught(&rules, &scene, &format!("It {words}. Take one."), &[]);
    caught(&rules, &scene, &format!("It {words}. Take two."), &[]);
    caught(&rules, &scene, &format!("It {words}."), &[("claims.vitamin-c", words), ("claims.zinc", words)]);
    let scene = Scene::new(json!({"zinc": 10}), json!({}));
    caught(&rules, &scene, &format!("It {words}. Take one."), &[("claims.zinc", words)]);
}

#[test]
fn faults_of_a_claim_name_its_owner_and_its_examples_are_run() {
    let wrong = CLAIMS.replace("Fights tiredness fast.", "Fights sleep.");
    let (_, faults) = load(&files([("g/claims.yml", &wrong)]), &london());
    assert_eq!(
        shown(&faults),
        "g/claims.yml:15:14 `claims.gb-magnesium-tiredness` does not catch this `fail` example [widen the rule, or correct the example]\n"
    );
    assert_eq!(faults[0].owner.as_deref(), Some("legal@example.com"));
    let wrong = CLAIMS.replace("as_of: 2026-12-01", "as_of: 2027-04-01");
    let (_, faults) = load(&files([("g/claims.yml", &wrong)]), &london());
    assert_eq!(
        shown(&faults),
        "g/claims.yml:16:14 `claims.gb-magnesium-tiredness` catches `contributes to a reduction of tiredness and fatigue` in this `pass` example [narrow the rule, or add an exception]\n"
    );
}

#[test]
fn faults_of_disclosures_say_the_way_out() {
    let loaded = |from: &str, to: &str| {
        assert!(UK_CREDIT.contains(from), "{from}");
        shown(&load(&files([("g/a.yml", &UK_CREDIT.replace(from, to))]), &london()).1)
    };
    for (from, to, expected) in [
        (
            "{product.offer.apr}",
            "{offer.apr}",
            "g/a.yml:6:11 `{offer.apr}` is no fact of the product [write `{product.offer.apr}`]\n",
        ),
        (
            "{product.offer.apr}",
            "{product.offer.apr",
            "g/a.yml:6:11 a `{` stands here without its `}` [name a fact between the braces, such as `{product.offer.apr}`]\n",
        ),
        ("    trigger: [", "    triggers: [", "g/a.yml:5:5 a rule has no key `triggers` [write `trigger`]\n"),
        (
            "{sentences: 1, after: true}",
            "{sentences: 0}",
            "g/a.yml:7:25 a disclosure is a sentence of its own, so it cannot stand in the same one [write `sentences: 1` for the very next]\n",
        ),
        (
            "{sentences: 1, after: true}",
            "{}",
            "g/a.yml:7:13 `within` says nothing [write `within: {sentences: 1, after: true}`]\n",
        ),
        (
            "{sentences: 1, after: true}",
            "{sentence: 1}",
            "g/a.yml:7:14 `within` has no key `sentence` [write `sentences`]\n",
        ),
        (
            "{sentences: 1, after: true}",
            "{sentences: one}",
            "g/a.yml:7:25 a whole number is needed here [write digits alone, such as `280`]\n",
        ),
        (
            "\"on credit\"",
            "\"on(credit\"",
            "g/a.yml:5:30 this pattern goes wrong at its character 3: unclosed group [write a backslash before a sign that stands for itself, such as `\\(`]\n",
        ),
    ] {
        assert_eq!(loaded(from, to), expected);
    }
}

#[test]
fn a_case_may_name_a_claim_or_its_family() {
    let cases = "cases:\n  - {text: Good for the immune system., expect: [claims.health]}\n  - {text: Good for the immune system., expect: [claims.vitamin-c, claims.zinc]}\n  - {text: Boosts you., expect: [claims.health]}\n  - {text: Good., expect: [claims.health]}\n  - {text: Good for the immune system., expect: [claims.zinc]}\n";
    let files = files([("g/claims.yml", MORE), ("g/cases/a.yml", cases)]);
    let (Tried { rules: reports, .. }, faults) = try_cases(&loaded(&files), &files);
    assert_eq!(
        shown(&faults),
        "g/cases/a.yml:5:28 `claims.health` does not catch this text [widen the rule, or correct the case]\n\
         g/cases/a.yml:6:5 `claims.vitamin-c` catches `immune system` in a text that it should leave alone [narrow the rule, or name it under `expect`]\n"
    );
    let counts = |id: &str| {
        let report = reports.iter().find(|report| report.rule == id).unwrap();
        (report.caught, report.missed, report.wrongly_caught, report.left_alone)
    };
    assert_eq!(counts("claims.health"), (3, 1, 0, 3));
    assert_eq!(counts("claims.zinc"), (4, 0, 0, 3));
    assert_eq!(counts("claims.vitamin-c"), (3, 0, 1, 3));
}

#[test]
fn what_accompanies_a_claim_may_name_what_betrays_it() {
    let with = CLAIMS.replace("beneficial effect", "effect on tiredness");
    let rules = loaded(&files([("guardrails/claims.yml", &with)]));
    let allowed = ALLOWED.replace("beneficial effect", "effect on tiredness");
    caught(&rules, &magnesium(), &allowed, &[]);
    let alone = "The effect on tiredness is obtained with a daily intake of 2 tablets.";
    caught(&rules, &magnesium(), alone, &[("claims.gb-magnesium-tiredness", "tiredness")]);
}

#[test]
fn the_register_reads_as_lawyers_write() {
    let written = CLAIMS
        .replace("lab-2026-022", "0022")
        .replace("\"0012345\"", "0012345")
        .replace("\"Assay 022\"", "no")
        .replace("\"9f…\"", "1e5")
        .replace("country: GB", "country: NO")
        .replace("owner: legal@example.com", "owner: off");
    let rules = loaded(&files([("guardrails/claims.yml", &written)]));
    assert_eq!(rules.rules()[0].owner(), Some("off"));
    let evidence = &rules.evidence()[0];
    assert_eq!(
        (evidence.id(), evidence.document(), evidence.covers()),
        ("0022", "no", &["0012345".to_owned()][..])
    );
    let mut scene = magnesium();
    scene.context.insert("country".into(), "NO".into());
    caught(&rules, &scene, ALLOWED, &[]);

    let cut = CLAIMS.replace("\"Assay 022\"", "Assay #22");
    let (_, faults) = load(&files([("g/claims.yml", &cut)]), &london());
    assert_eq!(faults[0].message, "YAML cuts this text at ` #`: it would read `Assay`");
    assert_eq!((faults[0].span.start.line, faults.len()), (18, 1));
    // What reads as a number keeps its digits, or is said.
    let kept = CLAIMS.replace("\"0012345\"", "12e4");
    assert_eq!(loaded(&files([("g/claims.yml", &kept)])).evidence()[0].covers(), ["12e4"]);
    for (id, number) in [("12.50", "12.5"), ("1.2e4", "12000.0"), ("7.0e0", "7.0")] {
        let converted = CLAIMS.replace("id: \"0012345\"", &format!("id: {id}"));
        let (_, faults) = load(&files([("g/claims.yml", &converted)]), &london());
        assert_eq!(faults[0].message, format!("YAML reads this id as the number {number}"));
        assert_eq!(faults[0].help.as_deref(), Some(format!("put it in quotes: \"{id}\"").as_str()));
    }
}

use proptest::prelude::*;

/// Texts put together from what asks for statements, the statements, halves of them and whatever stands between.
fn composed() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "Pay monthly",
        "on credit",
        "pаy  monthly",
        "Representative 29.9% APR. Credit subject to status. UK residents 18+.",
        "representative 29.9 % apr.\nCredit subject to status. UK residents 18+",
        "Representative 29.9",
        "contributes to a reduction of tiredness and fatigue",
        "The beneficial effect is obtained with a daily intake of 2 tablets.",
        "fatigue",
        "A light tent",
        "2.5 kg",
        "e.g",
        "£5",
        "é",
        "😀",
        "…",
        "No",
    ]);
    let between = prop::sample::select(vec![
        " ", ". ", "! ", "\n", "\n\n", "", ", ", ".", "\u{200b}", "” ", " “", "?) ", " - ", "。", ": ",
    ]);
    prop::collection::vec((piece, between), 0..8)
        .prop_map(|parts| parts.into_iter().map(|(piece, between)| format!("{piece}{between}")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_lacks_a_disclosure_can_be_put_right(text in composed()) {
        static RULES: std::sync::LazyLock<[Guardrails; 3]> = std::sync::LazyLock::new(|| {
            ["{sentences: 1, after: true}", "{sentences: 2}", "{after: true}"].map(|within| {
                let file = UK_CREDIT.replace("{sentences: 1, after: true}", within);
                loaded(&files([("g/a.yml", &file)]))
            })
        });
        let scene = credit(json!({"type": "credit", "apr": 29.9}));
        for rules in RULES.iter() {
            let judgement = scene.judge(rules, &text);
            prop_assert!(matches!(judgement.verdict, Verdict::Pass | Verdict::Fix), "{text:?} {judgement:?}");
            let approved = scene.approve(rules, &Draft::new(text.as_str())).unwrap();
            let again = scene.approve(rules, &Draft::new(approved.text())).unwrap();
            prop_assert_eq!(approved.text(), again.text());
        }
    }

    #[test]
    fn nothing_is_found_but_what_stands_there_and_nothing_is_missed(text in composed()) {
        static RULES: std::sync::LazyLock<Guardrails> = std::sync::LazyLock::new(|| {
            loaded(&files([("g/claims.yml", CLAIMS), ("g/a.yml", UK_CREDIT)]))
        });
        for scene in [magnesium(), Scene::bare()] {
            let judgement = scene.judge(&RULES, &text);
            for finding in &judgement.findings {
                let stretch: String = text.chars().skip(finding.start).take(finding.end - finding.start).collect();
                prop_assert_eq!(&stretch, &finding.matched);
            }
            // What is left out before rules are run would have found nothing.
            let (given, inputs) = (super::super::text::Text::new(&text), Map::new());
            let Scene { facts, context, at, .. } = &scene;
            let ground = Ground { facts, facts_hash: [0; 32], prepared: None, context, placement: None, locale: None, inputs: &inputs, instructions: None, opinions: Opinions::Unknown, at: *at };
            for rule in RULES.rules().iter().filter(|rule| rule.id() != "claims.health") {
                let hits = super::super::judge::hits(rule, &given, &ground).found.len();
                let found = judgement.findings.iter().filter(|finding| finding.rule == rule.id()).count();
                prop_assert_eq!(hits, found, "{}", rule.id());
            }
        }
    }
}

#[test]
fn long_texts_full_of_claims_are_judged() {
    let rules = loaded(&files([("g/claims.yml", CLAIMS), ("g/a.yml", UK_CREDIT)]));
    let scene = credit(json!({"type": "credit", "apr": 29.9}));
    for (piece, each) in [
        ("contributes to a reduction of tiredness and fatigue. ", 1),
        ("fatigue ", 1),
        ("Pay monthly. ", 1),
        ("Pay monthly ", 1),
        ("Pay monthly. Representative 29.9% APR. Credit subject to status. UK residents 18+. ", 0),
        ("The beneficial effect is obtained with a daily intake of 2 tablets. Fatigue. ", 1),
    ] {
        let times = 60_000 / piece.len();
        assert_eq!(scene.judge(&rules, &piece.repeat(times)).findings.len(), each * times, "{piece}");
    }
}

#[test]
fn a_closed_family_of_the_shipped_register_is_known_without_words_of_its_own() {
    let rules = loaded(&files([("g/claims.yml", "families: {health: {closed: true}}\n")]));
    for (text, verdict) in [
        ("It cures cancer.", Verdict::Block),
        ("Clinically proven to work.", Verdict::Block),
        ("Boosts your immune system.", Verdict::Block),
        ("A soft pillow.", Verdict::Pass),
    ] {
        assert_eq!(Scene::bare().judge(&rules, text).verdict, verdict, "{text}");
    }
}
