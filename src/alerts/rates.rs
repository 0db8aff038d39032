//! How often each rule blocks, and whether that is far more often than it was.
//!
//! The last hour is held against the seven days before it by the conditional test of two Poisson rates (Przyborowski and
//! Wilenski, "Homogeneity of results in testing samples from Poisson series", Biometrika 31, 1940): were the rate the same,
//! each of all those blocks would have come in the last hour with the share of all generations that this hour had, so how
//! many did has a binomial distribution, whose tail is summed exactly. The test takes into account how little a short norm
//! tells, and as generations block or do not, it errs on the quiet side.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

/// How long one stretch of counting is, in seconds.
const STRETCH: i64 = 300;
/// The stretches of the last hour, the one that runs included.
const HOUR: i64 = 3_600 / STRETCH;
/// The stretches of a day.
const DAY: i64 = 24 * HOUR;
/// The stretches before the last hour that make the norm: seven days.
const NORM: i64 = 7 * DAY;
/// How long ago counting may have begun for anything to be said of it, in seconds: seven days and the last hour.
pub const REACH: i64 = (NORM + HOUR) * STRETCH;
/// So many blocks in the hour are the least that raises an alert.
const LEAST: u64 = 10;
/// So many times the norm is the least that is far above it.
const FACTOR: f64 = 2.0;
/// How improbable such an hour must be were the rate what it was. It is asked every few seconds of every rule, so
/// this is far below what would do for a single question.
const IMPROBABLE: f64 = 1e-6;
/// What was raised ends only below this many times the norm, so that it does not come and go.
const ENDS_BELOW: f64 = 1.5;

/// What was counted in one stretch.
#[derive(Clone, Debug, Default)]
struct Stretch {
    judged: u64,
    blocked: BTreeMap<String, u64>,
}

/// Generations judged, and those that each rule blocked, by the time of day of the last seven days and an hour.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    stretches: BTreeMap<i64, Stretch>,
    /// The rules in force, each with the stretch in which it came into force; none for those that were before anybody counted.
    since: BTreeMap<String, Option<i64>>,
}

/// Blocks among generations judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many the rule blocked.
    pub blocked: u64,
    /// How many were judged.
    pub judged: u64,
}

impl Counted {
    /// The share that was blocked, from 0 to 1; 0 where nothing was judged.
    pub fn share(self) -> f64 {
        if self.judged == 0 { 0.0 } else { self.blocked as f64 / self.judged as f64 }
    }
}

/// A rule that blocks far more than it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The rule's name.
    pub rule: String,
    /// The last hour.
    pub hour: Counted,
    /// The seven days before, or since the rule is in force.
    pub norm: Counted,
}

impl Rates {
    /// A generation was judged at this moment, and these rules blocked it.
    pub fn count<R: Into<String>>(&mut self, at: Timestamp, blocked_by: impl IntoIterator<Item = R>) {
        let stretch = self.stretches.entry(stretch_of(at)).or_default();
        stretch.judged += 1;
        let rules: BTreeSet<String> = blocked_by.into_iter().map(Into::into).collect();
        for rule in rules {
            *stretch.blocked.entry(rule).or_default() += 1;
        }
    }

    /// These rules, and no others, are enforced from now on. What is new among them has no norm for a day; those of the
    /// first call have been in force for longer.
    pub fn in_force<'r>(&mut self, rules: impl IntoIterator<Item = &'r str>, now: Timestamp) {
        let since = (!self.since.is_empty()).then(|| stretch_of(now));
        let mut before = std::mem::take(&mut self.since);
        let kept = |rule: &str| (rule.to_owned(), before.remove(rule).unwrap_or(since));
        self.since = rules.into_iter().map(kept).collect();
    }

    /// Forgets what is too old to matter.
    pub fn forget(&mut self, now: Timestamp) {
        self.stretches = self.stretches.split_off(&(hour_of(now) - NORM));
    }

    /// Forgets all that was counted; which rules are in force stays.
    pub fn clear(&mut self) {
        self.stretches.clear();
    }

    /// The last hour of a rule and what it is held against.
    pub fn of(&self, rule: &str, now: Timestamp) -> (Counted, Counted) {
        let hour = hour_of(now);
        let since = self.since.get(rule).copied().flatten().unwrap_or(i64::MIN);
        (self.sum(rule, hour, i64::MAX), self.sum(rule, since.max(hour - NORM), hour))
    }

    /// The rules that block far more than they did. `standing` are those of which that was said before.
    pub fn raised(&self, now: Timestamp, standing: &BTreeSet<&str>) -> Vec<Raised> {
        let hour = hour_of(now);
        // A norm that does not cover a day tells the time of day rather than how the rule does.
        let counted_since = self.stretches.keys().next().copied().unwrap_or(i64::MAX);
        let known = |since: Option<i64>| since.unwrap_or(i64::MIN).max(counted_since) <= hour - DAY;
        let rules = self.since.iter().filter(|(_, since)| known(**since));
        let raised = rules.filter_map(|(rule, _)| {
            let (hour, norm) = self.of(rule, now);
            far_above(hour, norm, standing.contains(&**rule)).then(|| Raised {
                rule: rule.clone(),
                hour,
                norm,
            })
        });
        raised.collect()
    }

    /// What was counted from a stretch on and before another.
    fn sum(&self, rule: &str, from: i64, before: i64) -> Counted {
        let stretches = self.stretches.range(from..before.max(from)).map(|(_, stretch)| stretch);
        stretches.fold(Counted::default(), |sum, stretch| Counted {
            blocked: sum.blocked + stretch.blocked.get(rule).copied().unwrap_or_default(),
            judged: sum.judged + stretch.judged,
        })
    }
}

/// The first stretch of the last hour, which ends with the stretch that runs.
fn hour_of(now: Timestamp) -> i64 {
    stretch_of(now) + 1 - HOUR
}

fn stretch_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(STRETCH)
}

/// Whether an hour is far above the norm; of what was said to be, whether it still is.
fn far_above(hour: Counted, norm: Counted, standing: bool) -> bool {
    if norm.judged == 0 || hour.judged == 0 {
        return false;
    }
    let times = |factor: f64| hour.share() >= factor * norm.share();
    if standing {
        return hour.blocked >= LEAST / 2 && times(ENDS_BELOW);
    }
    let share = hour.judged as f64 / (hour.judged + norm.judged) as f64;
    hour.blocked >= LEAST
        && times(FACTOR)
        && tail(hour.blocked, hour.blocked + norm.blocked, share) < IMPROBABLE
}

/// The probability of at least `least` successes among `trials`, each of probability `p`; 1 where that many are to be
/// expected anyhow.
fn tail(least: u64, trials: u64, p: f64) -> f64 {
    if least as f64 <= trials as f64 * p {
        return 1.0;
    }
    let odds = p / (1.0 - p);
    // The logarithm of how probable exactly `least` are: n! / (k! (n - k)!) p^k (1 - p)^(n - k).
    let ways: f64 = (1..=least).map(|i| ((trials - least + i) as f64 / i as f64).ln()).sum();
    let first = ways + least as f64 * p.ln() + (trials - least) as f64 * (-p).ln_1p();
    let (mut term, mut sum) = (1.0, 1.0);
    for more in least..trials {
        term *= (trials - more) as f64 / (more + 1) as f64 * odds;
        sum += term;
        // Beyond what is to be expected terms fall ever faster.
        if term < sum * 1e-12 {
            break;
        }
    }
    (first.exp() * sum).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from 0 to 1 that are always the same (SplitMix64, by its published constants).
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        }

        /// How many of `n` happen that have a probability of `p` each.
        fn of(&mut self, n: u64, p: f64) -> u64 {
            (0..n).filter(|_| self.roll() < p).count() as u64
        }
    }

    fn at(stretch: i64) -> Timestamp {
        Timestamp::from_second(stretch * STRETCH).unwrap()
    }

    /// Counts so many blocks of `r` among so many generations in one stretch.
    fn add(rates: &mut Rates, stretch: i64, judged: u64, blocked: u64) {
        for n in 0..judged {
            rates.count(at(stretch), (n < blocked).then_some("r"));
        }
    }

    fn is_raised(rates: &Rates, stretch: i64) -> bool {
        !rates.raised(at(stretch), &BTreeSet::new()).is_empty()
    }

    #[test]
    fn the_tail_is_that_of_the_binomial_distribution() {
        // Sums that anybody can make by hand, and a few from tables.
        for (least, trials, p, expected) in [
            (1, 1, 0.25, 0.25),
            (2, 2, 0.5, 0.25),
            (3, 4, 0.5, 5.0 / 16.0),
            (10, 10, 0.1, 1e-10),
            (8, 10, 0.5, 56.0 / 1_024.0),
            (5, 10, 0.5, 1.0),
            (20, 1_000, 0.01, 0.003_288),
        ] {
            let found = tail(least, trials, p);
            assert!((found - expected).abs() <= expected * 2e-3, "{least} of {trials} at {p}: {found}");
        }
        // Very many are summed without end neither in time nor in size.
        assert!(tail(60_000, 1_000_000, 0.05) < 1e-300 && tail(50_100, 1_000_000, 0.05) > 0.3);
    }

    #[test]
    fn what_raises_an_alert_and_what_does_not() {
        let of = |(blocked, judged): (u64, u64)| Counted { blocked, judged };
        for (hour, norm, fresh, standing) in [
            // One block of two says nothing, nor do nine of nine.
            ((1, 2), (0, 10_000), false, false),
            ((9, 9), (0, 10_000), false, true),
            ((10, 10), (0, 10_000), true, true),
            // Without a norm there is nothing to be above.
            ((100, 100), (0, 0), false, false),
            ((10, 1_000), (0, 10), false, true),
            // Twice and a half of a rule that is common, and of one that is rare.
            ((100, 1_000), (6_720, 168_000), true, true),
            ((12, 1_000), (840, 168_000), false, true),
            ((30, 1_000), (1_680, 168_000), true, true),
            // Sure but small: not far above.
            ((1_600, 10_000), (168_000, 1_680_000), false, true),
            ((1_400, 10_000), (168_000, 1_680_000), false, false),
            // It blocks less than ever.
            ((10, 1_000), (16_800, 168_000), false, false),
        ] {
            let found = (far_above(of(hour), of(norm), false), far_above(of(hour), of(norm), true));
            assert_eq!(found, (fresh, standing), "{hour:?} against {norm:?}");
        }
    }

    #[test]
    fn a_rule_is_held_against_its_own_time_in_force_and_after_a_day_of_it() {
        let mut rates = Rates::default();
        rates.in_force(["old"], at(0));
        (0..NORM).for_each(|stretch| add(&mut rates, stretch, 20, 0));
        rates.in_force(["old", "r"], at(NORM));
        let found = |rates: &Rates, stretch| is_raised(rates, stretch);
        // It came into force and blocks a tenth of all: that is what it is for.
        (NORM..NORM + DAY).for_each(|stretch| add(&mut rates, stretch, 20, 2));
        assert!((NORM..NORM + DAY).all(|stretch| !found(&rates, stretch)));
        let (_, norm) = rates.of("r", at(NORM + DAY));
        assert_eq!(
            norm,
            Counted { blocked: 2 * (DAY - HOUR + 1) as u64, judged: 20 * (DAY - HOUR + 1) as u64 }
        );
        // From the second day on it has a norm, and four times that is far above.
        let next = NORM + DAY + HOUR;
        (NORM + DAY..next).for_each(|stretch| add(&mut rates, stretch, 20, 8));
        assert!(found(&rates, next));
        // A rule that is taken out says nothing any more, and is new when it comes back.
        rates.in_force(["old"], at(next));
        assert!(!found(&rates, next));
        rates.in_force(["old", "r"], at(next));
        assert!(!found(&rates, next));
    }

    #[test]
    fn a_log_younger_than_a_day_is_no_norm_and_what_is_old_is_forgotten() {
        let mut rates = Rates::default();
        rates.in_force(["r"], at(0));
        (0..DAY).for_each(|stretch| add(&mut rates, stretch, 20, 0));
        add(&mut rates, DAY, 100, 100);
        assert!(!is_raised(&rates, DAY));
        assert!(is_raised(&rates, DAY + HOUR - 1), "the same a while later");
        rates.forget(at(DAY + NORM + HOUR + 1));
        assert_eq!(rates.stretches.len(), 0);
    }

    #[test]
    fn quiet_hours_raise_one_alert_in_a_hundred_rule_days_at_most_and_a_threefold_rise_is_noticed_within_the_hour()
     {
        // Rules that block a hundredth, a twentieth and a third of 600 generations an hour.
        const AN_HOUR: u64 = 600;
        const HOURS: i64 = 3_400;
        let (mut days, mut alarms, mut dice) = (0.0, 0, Dice(7));
        for share in [0.01, 0.05, 0.33] {
            let mut rates = Rates::default();
            rates.in_force(["r"], at(0));
            for stretch in 0..HOURS * HOUR {
                let judged = AN_HOUR / HOUR as u64;
                let blocked = dice.of(judged, share);
                add(&mut rates, stretch, judged, blocked);
                rates.forget(at(stretch));
                // Three looks an hour are enough to see an hour that would raise one.
                alarms += u32::from(stretch % 4 == 3 && is_raised(&rates, stretch));
            }
            days += (HOURS / 24) as f64;
            // Thrice as often, for an hour; of a third that is all.
            let last = HOURS * HOUR;
            for stretch in last..last + HOUR {
                let judged = AN_HOUR / HOUR as u64;
                let blocked = dice.of(judged, share * 3.0);
                add(&mut rates, stretch, judged, blocked);
            }
            if share >= 0.05 {
                assert!(is_raised(&rates, last + HOUR - 1), "three times {share}");
            }
        }
        assert!(f64::from(alarms) < days / 100.0, "{alarms} false alarms in {days} rule-days");
    }
}
