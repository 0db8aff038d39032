//! The register of claims on real input: every health claim authorised in Great Britain, its wording and its condition.

use copyrail::document::Files;
use copyrail::guardrail::{Guardrails, Judgement, Kind, Opinions, Subject, Verdict, judge, load};
use jiff::tz::TimeZone;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::support::{TestApp, Upstream, copyrail, shared_data, shop};

/// What betrays a statement about health whichever claim it is of.
const FAMILY: &[&str] = &[
    r"immun\w+",
    "bones?",
    "teeth|tooth",
    "hair|skin|nails",
    "hearts?|cardi\\w+",
    "cholesterol|blood pressure|blood sugar",
    r"digest\w+|bowels?|gut",
    r"muscles?|muscular",
    r"tired\w*|fatigue|exhaust\w+",
    r"metabolism|metaboli\w+",
    r"mental\w*|cognit\w+|brain|mind|memory",
    "vision|eyesight|eyes?",
    r"fertil\w+|hormon\w+",
    r"cells?",
    "asleep|sleep",
    "(?:lose|losing) weight|weight loss",
    r"(?:prevent|cure|treat|heal)\w*",
];

/// One claim of the register.
struct Claim {
    id: String,
    nutrient: String,
    wording: String,
    with: Option<String>,
}

fn claims() -> Option<Vec<Claim>> {
    let file = shared_data("gb_authorised_health_claims.jsonl")?;
    let (tag, gap, effect) = (
        Regex::new(r"<[^>]*>").unwrap(),
        Regex::new(r"&lt;.*?&gt;").unwrap(),
        Regex::new(r"(?i)that (the beneficial effect is (?:obtained|achieved)[^.]*)").unwrap(),
    );
    let read = |(index, line): (usize, &str)| {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        let wording = tag.replace_all(&text("claim_text_exact"), "").replace("&nbsp;", " ");
        let wording = gap.replace_all(&wording, "xylitol").replace("sugar*", "sugar");
        let wording = wording.split("\n\n*").next().unwrap().trim().trim_end_matches('.').to_owned();
        let nutrient: String =
            text("substance_canonical").chars().filter(|c| c.is_ascii_alphanumeric()).collect();
        let with = effect.captures(&text("conditions_of_use")).map(|found| {
            let words = found[1].split_whitespace().collect::<Vec<_>>().join(" ");
            format!("T{}.", &words[1..])
        });
        // Some ids stand twice in the source.
        Claim {
            id: format!("{}-{index}", text("claim_id").replace([' ', '_'], "-")),
            nutrient,
            wording,
            with,
        }
    };
    Some(std::fs::read_to_string(file).unwrap().lines().enumerate().map(read).collect())
}

/// The register as a file. JSON is YAML.
fn register(claims: &[Claim]) -> Files {
    let entry = |claim: &Claim| {
        let said = format!("{}. {}", claim.wording, claim.with.as_deref().unwrap_or_default());
        let mut needs = Map::new();
        needs.insert(format!("product.nutrients.{}", claim.nutrient), json!({"$gte": 15}));
        let mut entry = json!({
            "id": claim.id,
            "family": "health",
            "wording": [claim.wording],
            "needs": needs,
            "applies": {"when": {"context.country": "GB"}},
            "reference": "GB NHC Register",
            "examples": {"fail": [claim.wording], "pass": [{"text": said, "facts": facts(claim, 15)}]},
        });
        if let Some(with) = &claim.with {
            entry["with"] = json!(with);
        }
        entry
    };
    let file = json!({
        "families": {"health": {
            "closed": true,
            "triggers": FAMILY,
            "examples": {"fail": ["Boosts your immunity."], "pass": ["A glass jar of 60 tablets."]},
        }},
        "claims": claims.iter().map(entry).collect::<Vec<_>>(),
    });
    Files::from([("guardrails/claims.yml".to_owned(), serde_json::to_string_pretty(&file).unwrap())])
}

fn facts(claim: &Claim, percent: u32) -> Value {
    let mut nutrients = Map::new();
    nutrients.insert(claim.nutrient.clone(), percent.into());
    json!({"id": "0012345", "nutrients": nutrients})
}

fn judged(rules: &Guardrails, text: &str, facts: &Value, country: &str) -> Judgement {
    let context = json!({"country": country});
    let subject = Subject {
        text,
        facts: facts.as_object().unwrap(),
        context: context.as_object().unwrap(),
        placement: None,
        locale: None,
        inputs: &Map::new(),
        instructions: None,
        opinions: Opinions::Unknown,
        at: "2026-12-01T12:00:00Z".parse().unwrap(),
    };
    judge(rules, &subject)
}

#[test]
fn every_authorised_health_claim_may_be_made_on_its_condition_and_only_so() {
    let Some(claims) = claims() else { return };
    assert_eq!(claims.len(), 267);
    let began = std::time::Instant::now();
    let (rules, faults) = load(&register(&claims), &TimeZone::get("Europe/London").unwrap());
    let rules = rules.unwrap_or_else(|| panic!("{faults:#?}"));
    eprintln!("{} claims loaded in {:?}", claims.len(), began.elapsed());
    assert_eq!((rules.rules().len(), faults.len()), (268, 0));

    let accompanied = claims.iter().filter(|claim| claim.with.is_some()).count();
    assert!(accompanied > 30, "{accompanied}");
    let began = std::time::Instant::now();
    for claim in &claims {
        let (enough, too_little) = (facts(claim, 15), facts(claim, 14));
        let with = claim.with.as_deref().unwrap_or_default();
        let text = format!("A good tablet. {}. {with}", claim.wording);
        let passed = judged(&rules, &text, &enough, "GB");
        assert_eq!(passed.verdict, Verdict::Pass, "{text}\n{:#?}", passed.findings);
        // In other capitals and on other lines it is the same claim.
        let shouted = text.to_ascii_uppercase().replace(' ', "\n ");
        assert_eq!(judged(&rules, &shouted, &enough, "GB").verdict, Verdict::Pass, "{shouted}");
        // Too little of it, nothing known of it, another country.
        let rule = format!("claims.{}", claim.id);
        for facts in [&too_little, &json!({})] {
            let refused = judged(&rules, &text, facts, "GB");
            let finding = refused.findings.iter().find(|finding| finding.rule == rule).expect(&text);
            assert_eq!(refused.verdict, Verdict::Block);
            assert_eq!((finding.kind, finding.family.as_deref()), (Kind::Claim, Some("health")));
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(words(&finding.matched), words(&claim.wording));
            // The family leaves it to the claim, and speaks of what comes behind.
            let (start, end) = (finding.start, finding.end);
            let family = refused.findings.iter().filter(|finding| finding.rule == "claims.health");
            assert!(family.clone().all(|other| other.end <= start || end <= other.start), "{text}");
        }
        let elsewhere = judged(&rules, &text, &enough, "US");
        assert_eq!(elsewhere.verdict, Verdict::Block, "{text}");
        assert!(elsewhere.findings.iter().all(|finding| finding.rule == "claims.health"), "{text}");
        // The same words stand twice in the register, once without anything to accompany them.
        let is_twice = claims.iter().filter(|other| other.wording == claim.wording).count() > 1;
        if claim.with.is_some() && !is_twice {
            let alone = judged(&rules, &format!("{}.", claim.wording), &enough, "GB");
            assert_eq!(alone.verdict, Verdict::Block, "{}", claim.wording);
        }
    }
    eprintln!("{} texts judged in {:?}", claims.len() * 5 + accompanied, began.elapsed());
}

#[test]
fn paraphrases_of_health_claims_are_caught_where_the_family_is_closed() {
    let Some(claims) = claims() else { return };
    let (rules, _) = load(&register(&claims), &TimeZone::UTC);
    let rules = rules.unwrap();
    let mut everything = json!({"nutrients": {}});
    for claim in &claims {
        everything["nutrients"][&claim.nutrient] = json!(100);
    }
    for text in [
        "Boosts your immune system with Vitamin C.",
        "Magnesium fights tiredness fast.",
        "Vitamin C contributes to the normal functioning of your immune system!",
        "Keeps your bones strong for life.",
        "Zinc for shiny hair, glowing skin and strong nails.",
        "Lowers cholesterol naturally.",
        "Good for your heart.",
        "Helps you fall asleep in minutes.",
        "Sharpens the mind and lifts your memory.",
        "Stronger muscles in just four weeks.",
        "The smart way to lose weight.",
        "Prevents colds.",
        "Eyesight like an eagle's, thanks to Vitamin A.",
        "A happy gut starts here.",
        "B o o s t s your i m m u n i t y.",
        "Boosts your immun\u{ad}ity.",
    ] {
        let judgement = judged(&rules, text, &everything, "GB");
        assert_eq!(judgement.verdict, Verdict::Block, "{text}");
        assert!(judgement.findings.iter().all(|f| f.family.as_deref() == Some("health")), "{text}");
    }
    for text in [
        "Sixty tablets in a glass jar, made in Wales.",
        "Vitamin C contributes to normal collagen formation for the normal function of bones. Sixty tablets.",
        "Lemon taste, no added sugar.",
    ] {
        let judgement = judged(&rules, text, &everything, "GB");
        assert_eq!(judgement.verdict, Verdict::Pass, "{text} {:#?}", judgement.findings);
    }
}

const PRIZE: &str = r#"families: {award: {closed: true}}
claims:
  - id: prize
    family: award
    wording: [winner of the Lamp Prize]
    triggers: ["award[- ]winning", prize]
    needs: {evidence: prize-1}
    examples:
      fail: [An award-winning lamp.]
      pass: [{text: Winner of the Lamp Prize., facts: {id: L-1}}]
evidence:
  - {id: prize-1, covers: [L-1], document: Letter, accepted_by: jo@example.com, from: 2020-01-01, until: 2100-12-31}
"#;

#[tokio::test]
async fn a_generation_names_the_evidence_that_it_relied_on() {
    let upstream = Upstream::saying("A lamp for the desk, winner of the Lamp Prize.").await;
    let app = TestApp::start_with(&upstream, &[("guardrails/claims.yml", PRIZE)], &[]).await;
    let ask = |id: &str| json!({"placement": "why-this", "product": {"id": id, "name": "Lumo lamp"}, "deadline_ms": 30_000});
    assert_eq!(app.blurb(ask("L-1")).await["source"], "generated");
    // The same words for a product that won nothing.
    assert_eq!(app.blurb(ask("L-2")).await["source"], "prewritten");
    let generations = app.generations().await;
    let told: Vec<_> = generations.iter().map(|g| (&g["product"], &g["outcome"], &g["evidence"])).collect();
    assert_eq!(
        told,
        [
            (&json!("L-2"), &json!("blocked"), &json!([])),
            (&json!("L-1"), &json!("passed"), &json!(["prize-1"]))
        ]
    );

    let check = |id: &str| {
        let body = json!({"text": "Winner of the Lamp Prize.", "facts": {"id": id, "name": "Lumo lamp"}});
        app.post("/v1/check", body)
    };
    let (winner, other) = (check("L-1").await.body, check("L-2").await.body);
    assert_eq!((&winner["verdict"], &winner["evidence"]), (&json!("pass"), &json!(["prize-1"])));
    assert_eq!(winner["valid_until"], "2101-01-01T00:00:00Z");
    assert_eq!((&other["verdict"], &other["evidence"]), (&json!("block"), &Value::Null));
    assert_eq!(other["findings"][0]["family"], "award");
}

#[test]
fn check_warns_of_evidence_that_ends() {
    let folder = shop();
    std::fs::write(folder.path().join("guardrails/claims.yml"), PRIZE).unwrap();
    // The shipped cases name the shipped claims.
    std::fs::remove_file(folder.path().join("guardrails/cases/shop.yml")).unwrap();
    for (day, said) in [
        ("2100-10-31", None),
        ("2100-11-02", Some("evidence `prize-1` ends in 59 days, on 2100-12-31")),
        ("2101-01-01", Some("evidence `prize-1` ended on 2100-12-31")),
    ] {
        let ran = copyrail(folder.path(), &["check", "--as-of", day, "--format", "json"], &[], "");
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let found: Vec<&Value> = report["diagnostics"].as_array().unwrap().iter().collect();
        assert_eq!((ran.code, report["ok"].as_bool()), (Some(0), Some(true)), "{found:?}");
        assert_eq!(found.first().and_then(|fault| fault["message"].as_str()), said, "{day}");
        let line = found.first().map(|fault| fault["line"].clone());
        assert!(line.is_none_or(|line| line == 12), "{found:?}");
    }
}
