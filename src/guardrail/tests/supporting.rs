//! What vouches for what a text says, held against what `judge` finds in it.

use super::claims::CLAIMS;
use super::*;

const FACTS: &str = r#"
rules:
  - id: facts
    extends: grounded
    message: "'%s' is not among the facts."
    level: error
    examples:
      fail: [{text: It weighs 290 g., facts: {name: A, weight: 310 g}}]
      pass: [{text: It weighs 310 g., facts: {name: A, weight: 310 g}}]
"#;

/// What vouches for a text, each place as `words <- path = value` or `words <- rule (evidence)`.
#[track_caller]
fn check(scene: &Scene, text: &str, expected: &[&str]) {
    let rules = loaded(&files([("guardrails/facts.yml", FACTS), ("guardrails/claims.yml", CLAIMS)]));
    let findings = scene.judge(&rules, text).findings;
    let told = scene.support(&rules, text).into_iter().map(|place| {
        let there: String = text.chars().skip(place.start).take(place.end - place.start).collect();
        assert_eq!(there, place.said);
        for finding in &findings {
            assert!(place.end <= finding.start || finding.end <= place.start, "{place:?} {finding:?}");
        }
        match place.by {
            Voucher::Fact { path, value } => format!("{there} <- {path} = {value}"),
            Voucher::Claim { rule, evidence, facts, .. } => {
                let ids: Vec<_> = evidence.into_iter().map(|item| item.id).collect();
                format!("{there} <- {rule} ({}; {})", ids.join(", "), facts.join(", "))
            }
        }
    });
    assert_eq!(told.collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn figures_are_vouched_for_by_the_fact_that_they_pass_by() {
    let sheet = Scene::new(
        json!({
            "name": "Nimbus X4 phone",
            "features": {
                "weight": "310 g", "battery capacity": "5000 mAh", "main camera": "12 MP", "selfie camera": "8 MP",
                "nfc": true, "chipset": "Snapdragon 888", "colors": "black, white", "year": 2021
            }
        }),
        json!({}),
    );
    check(
        &sheet,
        "It weighs 310 g and has 5,000 mAh.",
        &["310 g <- features.weight = \"310 g\"", "5,000 mAh <- features.battery capacity = \"5000 mAh\""],
    );
    // Of several alike the one that it is about.
    check(
        &sheet,
        "The 8 MP selfie camera.",
        &["8 MP <- features.selfie camera = \"8 MP\"", "selfie camera <- features.selfie camera = \"8 MP\""],
    );
    // Names are found in the attribute that holds them, by their number where it may be a multiple; so are features.
    check(&sheet, "The X4 has NFC.", &["4 <- name = \"Nimbus X4 phone\"", "NFC <- features.nfc = true"]);
    check(
        &sheet,
        "🥤 e\u{301}: the Snapdragon 888 chipset.",
        &[
            "Snapdragon <- features.chipset = \"Snapdragon 888\"",
            "888 <- features.chipset = \"Snapdragon 888\"",
        ],
    );
    // Nothing that is found is vouched for, nor what the facts do not speak of.
    check(&sheet, "It weighs 290 g.", &[]);
    check(&sheet, "A 310 g phone, 40 W fast.", &["310 g <- features.weight = \"310 g\""]);
    check(&sheet, "Two straps.", &[]);
    check(&sheet, "Nothing to count.", &[]);
    check(&Scene::bare(), "It weighs 310 g.", &[]);
}

#[test]
fn claims_are_vouched_for_while_they_may_be_made() {
    let facts =
        json!({"id": "0012345", "features": {"magnesium_nrv_percent": 100, "daily_dose": "2 tablets"}});
    let scene = Scene::new(facts.clone(), json!({"country": "GB"}));
    let text = "Magnesium contributes to a reduction of tiredness and fatigue. The beneficial effect is obtained with a \
                daily intake of 2 tablets.";
    let claim = "contributes to a reduction of tiredness and fatigue <- claims.gb-magnesium-tiredness (lab-2026-022; \
                 product.features.magnesium_nrv_percent)";
    check(&scene, text, &[claim, "2 <- features.daily_dose = \"2 tablets\""]);
    // Without what has to stand with it, after the evidence has ended, or of another product it is refused.
    check(&scene, "It contributes to a reduction of tiredness and fatigue.", &[]);
    let later =
        Scene { at: "2027-06-01T00:00:00Z".parse().unwrap(), ..Scene::new(facts, json!({"country": "GB"})) };
    check(&later, "It contributes to a reduction of tiredness and fatigue.", &[]);
    check(&scene, "Fights tiredness fast.", &[]);
}
