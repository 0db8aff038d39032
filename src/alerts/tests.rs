use jiff::tz::TimeZone;

use super::*;
use crate::diagnostic::Span;
use crate::guardrail;
use crate::policy::Set;

const RULES: &str = "rules:\n  - {id: no-drum, extends: existence, message: No., level: error, tokens: [drum], owner: jo@example.com, \
                     examples: {fail: [A drum.], pass: [A harp.]}}\n";
const CLAIMS: &str = "families:\n  award: {closed: true}\nclaims:\n  - {id: organic, family: award, wording: [certified organic], \
                      triggers: [organic], needs: {evidence: cert-7}, owner: ana@example.com, examples: {fail: [All organic.], pass: [\
                      {text: It is certified organic., facts: {id: p1}, as_of: 2026-05-01}]}}\n\
                      evidence:\n  - {id: cert-7, covers: [p1], document: cert.pdf, accepted_by: lee@example.com, from: 2026-01-01, until: 2026-12-31}\n";

fn rules() -> Guardrails {
    let files = [("g/brand.yml", RULES), ("g/claims.yml", CLAIMS)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
    let (loaded, faults) = guardrail::load(&files, &TimeZone::UTC);
    loaded.unwrap_or_else(|| panic!("{faults:#?}"))
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Nothing to be seen, at a moment.
fn quiet<'a>(guardrails: &'a Guardrails, rates: &'a Rates, now: &str) -> Scene<'a> {
    let now = time(now);
    Scene { now, guardrails, refused: &[], withdrawn: &[], rates, nodes: &[], stops: None }
}

/// Each alert as `kind subject since owner`.
fn told(alerts: &[Alert]) -> Vec<String> {
    let line = |alert: &Alert| {
        let owner = alert.owner.as_deref().unwrap_or("nobody");
        format!("{} {} {} {owner}", alert.kind.as_str(), alert.subject, alert.since)
    };
    alerts.iter().map(line).collect()
}

#[test]
fn evidence_is_told_of_from_sixty_days_before_its_end_by_its_claims() {
    let (rules, rates) = (rules(), Rates::default());
    for (now, says) in [
        ("2026-10-31T12:00:00Z", None),
        (
            "2026-11-01T00:00:00Z",
            Some("ends in 60 days, on 2026-12-31; have it renewed: `claims.organic` cannot"),
        ),
        ("2026-12-31T12:00:00Z", Some("ends today; have it renewed")),
        ("2027-01-01T00:00:00Z", Some("ended on 2026-12-31; `claims.organic` is not said any more")),
    ] {
        let found = look(&quiet(&rules, &rates, now), &[]);
        assert_eq!(
            found.first().map(|alert| alert.message.contains(says.unwrap_or("-"))),
            says.map(|_| true),
            "{now} {found:?}"
        );
        let expected = "evidence_ending cert-7 2026-11-01T00:00:00Z ana@example.com";
        assert_eq!(told(&found), says.map(|_| expected.to_owned()).into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn edits_refused_name_the_set_the_first_fault_and_every_owner() {
    let (rules, rates) = (rules(), Rates::default());
    let fault = |line, owner: Option<&str>| {
        let fault = Diagnostic::error("g/brand.yml", Span::at(line, 5), "`errror` is no level");
        Diagnostic { owner: owner.map(str::to_owned), ..fault }
    };
    let diagnostics = vec![
        Diagnostic::warning("g/x.yml", Span::START, "nothing grave"),
        fault(4, Some("jo@example.com")),
        fault(9, Some("ana@example.com")),
        fault(12, None),
    ];
    let refused =
        [Refusal { set: Set::Guardrails, hash: None, since: time("2026-06-01T08:00:00Z"), diagnostics }];
    let found = look(&Scene { refused: &refused, ..quiet(&rules, &rates, "2026-06-01T09:00:00Z") }, &[]);
    assert_eq!(
        told(&found),
        ["edit_refused guardrails 2026-06-01T08:00:00Z ana@example.com, jo@example.com"]
    );
    assert_eq!(
        found[0].message,
        "the newest edit of the guardrails is refused, and what was in force before it stays: g/brand.yml:4:5: \
         `errror` is no level (and 2 more faults); mend the files, or put them back as they were"
    );
}

#[test]
fn nodes_that_differ_are_silent_or_lack_a_stop() {
    let (rules, rates) = (rules(), Rates::default());
    let node = |name: &str, revision: &str, since: &str, seen: &str, stops| Node {
        name: name.into(),
        revision: revision.into(),
        since: time(&format!("2026-06-01T{since}Z")),
        seen: time(&format!("2026-06-01T{seen}Z")),
        stops,
    };
    let stops = |since: &str| Stopped { changes: 3, since: time(&format!("2026-06-01T{since}Z")) };
    let a = node("a", "b3:2", "08:59:40", "08:59:59", 3);
    type Case<'c> = (&'c str, Vec<Node>, Option<Stopped>, &'c [&'c str]);
    let cases: [Case<'_>; 8] = [
        ("one alone", vec![a.clone()], None, &[]),
        ("both have the same", vec![a.clone(), node("b", "b3:2", "08:00:00", "08:59:59", 3)], None, &[]),
        (
            "one has what was before",
            vec![a.clone(), node("b", "b3:1", "08:00:00", "08:59:59", 3)],
            None,
            &["revisions_differ b 2026-06-01T08:59:40Z nobody"],
        ),
        (
            "the newer one is ten seconds old",
            vec![node("a", "b3:2", "08:59:50", "08:59:59", 3), node("b", "b3:1", "08:00:00", "08:59:59", 3)],
            None,
            &[],
        ),
        (
            "one is silent, and what it has in force nobody knows",
            vec![a.clone(), node("b", "b3:1", "08:00:00", "08:58:30", 3)],
            None,
            &["node_unseen b 2026-06-01T08:58:30Z nobody"],
        ),
        ("a minute of silence", vec![a.clone(), node("b", "b3:2", "08:00:00", "08:59:00", 3)], None, &[]),
        ("said two seconds after a stop", vec![Node { stops: 2, ..a.clone() }], Some(stops("08:59:57")), &[]),
        (
            "said three seconds after it",
            vec![Node { stops: 2, ..a.clone() }],
            Some(stops("08:59:56")),
            &["stop_not_taken a 2026-06-01T08:59:56Z nobody"],
        ),
    ];
    for (name, nodes, stops, expected) in cases {
        let scene = Scene { nodes: &nodes, stops, ..quiet(&rules, &rates, "2026-06-01T09:00:00Z") };
        assert_eq!(told(&look(&scene, &[])), expected, "{name}");
        // A node that was silent for a day is no node any more.
        let next_day = Scene { nodes: &nodes, ..quiet(&rules, &rates, "2026-06-02T09:00:00Z") };
        assert_eq!(told(&look(&next_day, &[])), [""; 0], "{name}");
    }
}

#[test]
fn a_rule_that_blocks_far_more_is_told_with_its_numbers_and_its_owner() {
    let (rules, mut rates) = (rules(), Rates::default());
    rates.in_force(rules.rules().iter().map(|rule| rule.id()), time("2026-06-01T00:00:00Z"));
    let hours = |from: i64, n: i64| {
        (from..from + n * 60).map(|minute| Timestamp::from_second(1_780_272_000 + minute * 60).unwrap())
    };
    for (n, at) in hours(0, 48).enumerate() {
        rates.count(at, (n % 100 == 0).then_some("brand.no-drum"));
    }
    for (n, at) in hours(48 * 60, 1).enumerate() {
        rates.count(at, (n % 2 == 0).then_some("brand.no-drum"));
    }
    let mut board = Board::default();
    let scene = quiet(&rules, &rates, "2026-06-03T00:59:30Z");
    let news = board.look(&scene);
    assert_eq!(told(&news.began), ["block_rate brand.no-drum 2026-06-03T00:59:30Z jo@example.com"]);
    assert_eq!(
        news.began[0].message,
        "`brand.no-drum` blocked 30 of 60 texts in the last hour (50 %), against 1.0 % in the seven days before; \
         look at what it blocked in the log, and at what was changed: the rule, a template, the model"
    );
    // It is said once, and stands since then; then it ends once.
    assert_eq!(board.look(&Scene { now: time("2026-06-03T00:59:40Z"), ..scene }), News::default());
    assert_eq!(told(&board.standing), ["block_rate brand.no-drum 2026-06-03T00:59:30Z jo@example.com"]);
    assert_eq!(board.counts().iter().filter(|(_, n)| *n > 0).collect::<Vec<_>>(), [&("block_rate", 1)]);
    let later = board.look(&Scene { now: time("2026-06-03T03:00:00Z"), ..scene });
    assert_eq!((later.began.len(), told(&later.ended)), (0, told(&news.began)));
    assert_eq!(board.standing, []);
}

#[test]
fn withdrawn_copy_is_told_of_where_it_stands() {
    let (rules, rates) = (rules(), Rates::default());
    let withdrawn = [Diagnostic::warning("p/why-this/placement.yml", Span::at(9, 7), "it is withdrawn")
        .with_help("rewrite it")];
    let found = look(&Scene { withdrawn: &withdrawn, ..quiet(&rules, &rates, "2026-06-01T09:00:00Z") }, &[]);
    assert_eq!(told(&found), ["copy_withdrawn p/why-this/placement.yml:9:7 2026-06-01T09:00:00Z nobody"]);
    assert_eq!(found[0].message, "p/why-this/placement.yml:9:7: it is withdrawn; rewrite it");
}
