use std::collections::BTreeMap;

use super::*;
use crate::prompt::{Placement, placement};
use crate::segment::{self, Segments};
use crate::words::SegmentId;

fn segments() -> Segments {
    let text = "attributes:\n  user.email: {type: string, class: personal}\n  user.tastes: {type: list}\n  \
                user.home: {type: map}\n  context.visitor: {type: string}\n  product.reviews: {type: list, trust: public}\n\
                segments:\n  - {id: hunters, name: H, kind: persona, when: {context.visitor: v}}\n";
    let (segments, faults) = segment::load("s.yml", text);
    assert_eq!(faults, []);
    segments.unwrap()
}

/// Reads the placement `spot` from these lines and what every placement needs.
fn read(lines: &str) -> (Option<Placement>, Vec<String>) {
    let faults = Faults::of("p.yml");
    let node = document::parse(&format!("{lines}\nlast_resort: {{en: A.}}"), &faults).unwrap();
    let placement = placement::read("spot", &node, &segments(), &faults);
    let faults = faults.into_diagnostics();
    assert!(faults.iter().all(|fault| fault.help.is_some()), "{faults:?}");
    let said = faults.iter().map(|f| format!("{} {} [{}]", f.place(), f.message, f.help.as_ref().unwrap()));
    (placement, said.collect())
}

fn share(share: f64, by: &str, fallback: Option<&str>, seed: &str) -> Share {
    Share { share, by: by.into(), fallback: fallback.map(str::to_owned), seed: seed.into() }
}

/// The ladder of a segment, read without a fault.
#[track_caller]
fn ladder(lines: &str, segment: &str) -> Ladder {
    let (placement, faults) = read(lines);
    assert_eq!(faults, [] as [String; 0], "{lines}");
    placement.unwrap().ladder(&SegmentId::new(segment)).clone()
}

#[test]
fn a_ladder_is_read_and_what_a_segment_does_not_say_is_the_placements() {
    let plain = Ladder {
        mode: Mode::Live,
        approval: false,
        rollout: share(1.0, "user.id", None, "spot"),
        holdout: share(0.0, "user.id", None, "spot-holdout"),
    };
    assert_eq!(ladder("mode: live", "hunters"), plain);
    assert_eq!(
        ladder("mode: segment\napproval: true\nrollout: 12.5%\nholdout: 5 %", "default"),
        Ladder {
            mode: Mode::Segment,
            approval: true,
            rollout: share(0.125, "user.id", None, "spot"),
            holdout: share(0.05, "user.id", None, "spot-holdout"),
        }
    );
    let lines = "mode: live\nrollout: {share: 10%, by: user.email, fallback: context.visitor, seed: s}\n\
                 holdout: {share: 5%, seed: autumn}\n\
                 segments:\n  hunters: {mode: segment, rollout: 50%, approval: true, holdout: 0%}\n  default: {}";
    let said = Ladder {
        rollout: share(0.1, "user.email", Some("context.visitor"), "s"),
        holdout: share(0.05, "user.id", None, "autumn"),
        ..plain
    };
    assert_eq!(ladder(lines, "default"), said);
    assert_eq!(ladder(lines, "another"), said);
    assert_eq!(
        ladder(lines, "hunters"),
        Ladder {
            mode: Mode::Segment,
            approval: true,
            rollout: Share { share: 0.5, ..said.rollout.clone() },
            holdout: Share { share: 0.0, ..said.holdout.clone() },
        }
    );
}

#[test]
fn faults_of_a_ladder_are_said_where_they_stand() {
    for (lines, expected) in [
        ("mode: live\nrollout: 10", "p.yml:2:10 `10` is no share [write a percentage, such as `10%`]"),
        ("mode: live\nholdout: 101%", "p.yml:2:10 `101%` is no share [write a percentage, such as `10%`]"),
        (
            "mode: live\nholdout: {by: user.id}",
            "p.yml:2:10 a share needs `share` [write how many, such as `share: 10%`]",
        ),
        (
            "mode: live\nrollout: {share: 10%, bye: user.id}",
            "p.yml:2:23 a share has no key `bye` [write `by`]",
        ),
        (
            "mode: live\nrollout: {share: 10%, by: user.emial}",
            "p.yml:2:27 `user.emial` is not declared in the segments file [write `user.email`]",
        ),
        (
            "mode: live\nrollout: {share: 10%, by: visitor}",
            "p.yml:2:27 `visitor` is not declared in the segments file \
             [known here: `user.id`, `user.email`, `user.tastes`, `user.home`, `context.visitor`]",
        ),
        (
            "mode: live\nrollout: {share: 10%, fallback: product.reviews}",
            "p.yml:2:33 `product.reviews` is about the product, and a share is one of visitors \
             [write `user.id`, or a declared attribute of the user or the moment]",
        ),
        (
            "mode: live\nrollout: {share: 10%, by: user.tastes}",
            "p.yml:2:27 `user.tastes` holds many values, and a share goes by one [write `user.id`]",
        ),
        ("mode: live\napproval: yes", "p.yml:2:11 a truth value is needed here [write `true` or `false`]"),
        (
            "mode: live\nsegments: {huntres: {mode: segment}}",
            "p.yml:2:12 there is no segment `huntres` [write `hunters`]",
        ),
        (
            "mode: live\nsegments: {hunters: {modes: segment}}",
            "p.yml:2:22 what holds for a segment has no key `modes` [write `mode`]",
        ),
        (
            "mode: live\nsegments: {hunters: live}",
            "p.yml:2:21 what holds for a segment must be a map, and this is a text [write `key: value` lines, indented alike]",
        ),
        (
            "approval: true",
            "p.yml:1:1 a placement needs `mode` [write `mode: prewritten`, `segment` or `live`]",
        ),
    ] {
        assert_eq!(read(lines).1, [expected], "{lines}");
    }
    // Part of a map that is declared is one value.
    assert_eq!(
        ladder("mode: live\nrollout: {share: 1%, by: user.home.postcode}", "default").rollout.share,
        0.01
    );
}

/// What is known of a request: its consent and its values, in which those of the user are not given without consent.
struct Asked(bool, BTreeMap<&'static str, String>);

impl Asked {
    fn value(&self, path: &str) -> Option<String> {
        self.1.get(path).filter(|_| self.0 || !path.starts_with("user.")).cloned()
    }
}

/// A text whose place under a seed is inside a share, or is not.
fn whose(seed: &str, share: f64, inside: bool) -> String {
    (0..).map(|n| format!("v-{n}")).find(|value| (bucket(seed, value) < share) == inside).unwrap()
}

#[test]
fn the_strictest_of_mode_ceiling_rollout_holdout_and_consent_decides() {
    const BOTH: &str = "rollout: {share: 20%, fallback: context.visitor, seed: r}\n\
                        holdout: {share: 20%, fallback: context.visitor, seed: h}";
    let value = |rolled_out: bool, held_out: bool| {
        let inside = |v: &String| ((bucket("r", v) < 0.2), (bucket("h", v) < 0.2)) == (rolled_out, held_out);
        (0..).map(|n| format!("v-{n}")).find(inside).unwrap()
    };
    let [both, rolled, held, neither] =
        [value(true, true), value(true, false), value(false, true), value(false, false)];
    let user = |id: &String| BTreeMap::from([("user.id", id.clone())]);
    let visitor = |id: &String| BTreeMap::from([("context.visitor", id.clone())]);
    let pair = |id: &String, other: &String| {
        BTreeMap::from([("user.id", id.clone()), ("context.visitor", other.clone())])
    };
    let none = BTreeMap::new;
    use Mode::{Live, Prewritten as Written, Segment as Cohort};
    use Reason::{Holdout, Mode as Limit, NoConsent, Rollout};
    use Tier::{Prewritten, Segment, User};
    let ceiling = |mode| Some(Ceiling { mode, approval: false });
    for (mode, shares, over, consent, known, expected) in [
        // The mode, and the ceiling over it.
        (Live, "", None, true, none(), (User, Limit)),
        (Cohort, "", None, true, none(), (Segment, Limit)),
        (Written, "", None, true, none(), (Prewritten, Limit)),
        (Live, "", ceiling(Some(Cohort)), true, none(), (Segment, Limit)),
        (Cohort, "", ceiling(Some(Live)), true, none(), (Segment, Limit)),
        (Live, "", ceiling(Some(Written)), true, none(), (Prewritten, Limit)),
        (Live, "", ceiling(None), true, none(), (User, Limit)),
        // Consent.
        (Live, "", None, false, none(), (Segment, NoConsent)),
        (Cohort, "", None, false, none(), (Segment, Limit)),
        // The rollout puts the rest on the tier below.
        (Live, BOTH, None, true, user(&rolled), (User, Limit)),
        (Live, BOTH, None, true, user(&neither), (Segment, Rollout)),
        (Cohort, BOTH, None, true, user(&rolled), (Segment, Limit)),
        (Cohort, BOTH, None, true, user(&neither), (Prewritten, Rollout)),
        (Written, BOTH, None, true, user(&neither), (Prewritten, Limit)),
        // A ceiling comes before the share of what it leaves.
        (Live, BOTH, ceiling(Some(Cohort)), true, user(&neither), (Prewritten, Rollout)),
        // The holdout gets pre-written copy, whatever the rollout says.
        (Live, BOTH, None, true, user(&both), (Prewritten, Holdout)),
        (Live, BOTH, None, true, user(&held), (Prewritten, Holdout)),
        (Cohort, BOTH, None, true, user(&both), (Prewritten, Holdout)),
        (Written, BOTH, None, true, user(&both), (Prewritten, Limit)),
        // Without consent the user's id is not read; the fallback may be.
        (Live, BOTH, None, false, user(&both), (Segment, Rollout)),
        (Cohort, BOTH, None, false, user(&rolled), (Prewritten, Rollout)),
        (Live, BOTH, None, false, visitor(&rolled), (Segment, NoConsent)),
        (Cohort, BOTH, None, false, visitor(&rolled), (Segment, Limit)),
        (Live, BOTH, None, false, visitor(&held), (Prewritten, Holdout)),
        (Live, BOTH, None, false, pair(&rolled, &held), (Prewritten, Holdout)),
        // With consent the fallback is asked only when there is no id.
        (Live, BOTH, None, true, pair(&rolled, &held), (User, Limit)),
        (Live, BOTH, None, true, pair(&held, &rolled), (Prewritten, Holdout)),
        (Live, BOTH, None, true, visitor(&rolled), (User, Limit)),
        // Without both: outside of either.
        (Live, BOTH, None, true, none(), (Segment, Rollout)),
        (Cohort, BOTH, None, false, none(), (Prewritten, Rollout)),
        (Live, "rollout: 0%\nholdout: 100%", None, true, none(), (Segment, Rollout)),
        (Live, "rollout: 100%\nholdout: 0%", None, true, none(), (User, Limit)),
        (Live, "rollout: 100%\nholdout: 100%", None, true, none(), (User, Limit)),
        (Live, "rollout: 100%\nholdout: 100%", None, true, user(&neither), (Prewritten, Holdout)),
        (Live, "rollout: 0%\nholdout: 0%", None, true, user(&both), (Segment, Rollout)),
    ] {
        let ladder = Ladder { mode, ..ladder(&format!("mode: live\n{shares}"), "default") };
        let asked = Asked(consent, known);
        let standing = ladder.standing(over, consent, |path| asked.value(path));
        let row = format!("{mode:?} {shares:?} {over:?} consent {consent} {:?}", asked.1);
        assert_eq!((standing.tier, standing.why), expected, "{row}");
    }
}

#[test]
fn approval_is_needed_when_the_ladder_or_a_ceiling_says_so() {
    for (own, over, expected) in [
        (false, None, false),
        (true, None, true),
        (false, Some(true), true),
        (true, Some(false), true),
        (false, Some(false), false),
    ] {
        let ladder = Ladder { approval: own, ..Ladder::of("spot", Mode::Live) };
        let over = over.map(|approval| Ceiling { mode: None, approval });
        assert_eq!(ladder.standing(over, true, |_| None).approval, expected, "{own} {over:?}");
    }
}

#[test]
fn an_explained_ladder_says_the_places_and_no_value() {
    let lines = "mode: live\nholdout: {share: 5%, fallback: context.visitor}";
    let ladder = ladder(lines, "default");
    let asked = Asked(false, BTreeMap::from([("user.id", "u-17".into()), ("context.visitor", "v-9".into())]));
    let ceiling = Some(Ceiling { mode: Some(Mode::Segment), approval: true });
    let explained = serde_json::to_value(ladder.explain(ceiling, |path| asked.value(path))).unwrap();
    let place = bucket("spot-holdout", "v-9");
    assert_eq!(
        explained,
        serde_json::json!({
            "mode": "live", "approval": false,
            "rollout": {"share": 1.0, "by": "user.id", "place": null, "inside": true},
            "holdout": {"share": 0.05, "by": "context.visitor", "place": place, "inside": place < 0.05},
            "ceiling": {"mode": "segment", "approval": true},
        })
    );
    let held = whose("spot-holdout", 0.05, true);
    let lot = ladder.explain(None, |path| (path == "user.id").then(|| held.clone())).holdout;
    assert!(lot.inside && lot.by == "user.id", "{lot:?}");
}

#[test]
fn a_key_without_a_value_is_no_way_to_switch_it_off() {
    let (_, faults) = read("mode: live\napproval:\nholdout: null\nsegments:\n  hunters: {rollout: }");
    assert_eq!(
        faults,
        [
            "p.yml:2:9 `approval` stands here without a value [write `true` or `false`]",
            "p.yml:3:10 `holdout` stands here without a value [write a percentage, such as `5%`]",
            "p.yml:5:20 `rollout` stands here without a value [write a percentage, such as `10%`]",
        ]
    );
}
