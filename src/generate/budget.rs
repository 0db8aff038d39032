//! What may be spent in a UTC day. Money is reserved at the worst case before a call and settled from its usage
//! afterwards, so that calls in flight together cannot overspend what each of them alone could afford.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;

use crate::words::Micros;

/// The day's budget, shared by everybody who holds a clone of it.
#[derive(Clone, Debug)]
pub struct Budget {
    per_day: Option<Micros>,
    state: Arc<Mutex<Day>>,
}

/// What is spent of one day, reservations included.
#[derive(Debug)]
struct Day {
    date: Date,
    spent: u64,
}

impl Budget {
    /// A budget of `per_day` (`None`: without a limit), of which `spent_today` is gone on the UTC day `today`.
    pub fn new(per_day: Option<Micros>, spent_today: Micros, today: Date) -> Self {
        Self { per_day, state: Arc::new(Mutex::new(Day { date: today, spent: spent_today.0 })) }
    }

    /// Sets `worst` aside on the UTC day `today`. `None` when that is more than the day has left; nothing can always
    /// be set aside, for calls that are not metered.
    pub fn reserve(&self, worst: Micros, today: Date) -> Option<Reservation> {
        let mut day = lock(&self.state);
        // A clock that is set back must not open a day's budget for a second time.
        if today > day.date {
            *day = Day { date: today, spent: 0 };
        }
        let after = day.spent.saturating_add(worst.0);
        if worst.0 > 0 && self.per_day.is_some_and(|limit| after > limit.0) {
            return None;
        }
        day.spent = after;
        Some(Reservation { state: Arc::clone(&self.state), date: day.date, amount: worst.0 })
    }

    /// What is spent or set aside on the latest day that anything was reserved on.
    pub fn spent(&self) -> Micros {
        Micros(lock(&self.state).spent)
    }
}

/// Money set aside for one call. Dropping it without settling costs all of it: nobody knows what the call used.
#[derive(Debug)]
#[must_use = "a reservation that is dropped costs its whole amount"]
pub struct Reservation {
    state: Arc<Mutex<Day>>,
    date: Date,
    amount: u64,
}

impl Reservation {
    /// The amount set aside.
    pub fn amount(&self) -> Micros {
        Micros(self.amount)
    }

    /// Replaces the amount set aside by what the call did cost. A call that outlives its day is that day's matter.
    pub fn settle(self, actual: Micros) {
        let mut day = lock(&self.state);
        if day.date == self.date {
            day.spent = day.spent.saturating_sub(self.amount).saturating_add(actual.0);
        }
    }
}

/// Locks, whatever became of the thread that held the lock before: a sum is never half written.
fn lock(state: &Mutex<Day>) -> MutexGuard<'_, Day> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const MONDAY: Date = date(2026, 11, 23);
    const TUESDAY: Date = date(2026, 11, 24);

    #[test]
    fn calls_in_flight_count_at_their_worst_case() {
        let budget = Budget::new(Some(Micros(100)), Micros(10), MONDAY);
        let first = budget.reserve(Micros(60), MONDAY).unwrap();
        assert!(budget.reserve(Micros(31), MONDAY).is_none());
        let second = budget.reserve(Micros(30), MONDAY).unwrap();
        first.settle(Micros(5));
        assert_eq!(budget.spent(), Micros(45));
        drop(second);
        assert!(budget.reserve(Micros(0), MONDAY).is_some());
        assert_eq!(budget.spent(), Micros(45), "an unsettled reservation costs its amount");
    }

    #[test]
    fn a_day_begins_with_nothing_spent_and_begins_once() {
        let budget = Budget::new(Some(Micros(100)), Micros(100), MONDAY);
        assert!(budget.reserve(Micros(1), MONDAY).is_none());
        let late = budget.reserve(Micros(100), TUESDAY).unwrap();
        assert!(budget.reserve(Micros(1), MONDAY).is_none(), "a clock set back opens nothing");
        late.settle(Micros(40));
        assert_eq!(budget.spent(), Micros(40));
    }

    #[test]
    fn a_call_that_outlives_its_day_gives_nothing_back_to_the_next() {
        let budget = Budget::new(Some(Micros(100)), Micros(0), MONDAY);
        let old = budget.reserve(Micros(100), MONDAY).unwrap();
        let new = budget.reserve(Micros(70), TUESDAY).unwrap();
        old.settle(Micros(0));
        assert_eq!(budget.spent(), Micros(70));
        new.settle(Micros(70));
    }

    #[test]
    fn costing_more_than_the_worst_case_is_counted_too() {
        let budget = Budget::new(None, Micros(0), MONDAY);
        budget.reserve(Micros(1), MONDAY).unwrap().settle(Micros(9));
        assert_eq!(budget.spent(), Micros(9));
        budget.reserve(Micros(u64::MAX), MONDAY).unwrap().settle(Micros(u64::MAX));
        assert_eq!(budget.spent(), Micros(u64::MAX));
    }

    proptest::proptest! {
        #[test]
        fn what_is_set_aside_never_exceeds_the_day(worst in proptest::collection::vec(0u64..50, 0..40), limit in 0u64..300) {
            let budget = Budget::new(Some(Micros(limit)), Micros(0), MONDAY);
            let held: Vec<_> = worst.iter().filter_map(|w| budget.reserve(Micros(*w), MONDAY)).collect();
            proptest::prop_assert!(budget.spent().0 <= limit);
            held.into_iter().for_each(|reservation| reservation.settle(Micros(0)));
            proptest::prop_assert_eq!(budget.spent(), Micros(0));
        }
    }
}
