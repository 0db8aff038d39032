//! What may be spent in a UTC day, and on one generation. Money is reserved at the worst case before a call and settled
//! from its usage afterwards, so that calls in flight together cannot overspend what each of them alone could afford.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::civil::Date;
use tokio::sync::Notify;

use super::Terms;
use crate::config::{BudgetSettings, Shares};
use crate::words::{Micros, Purpose};

/// The day's budget, shared by everybody who holds a clone of it.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    per_day: Option<Micros>,
    per_request: Option<Micros>,
    shares: Shares,
    state: Mutex<Day>,
    /// Told of whatever is set aside or settled.
    changed: Notify,
}

/// What is spent of one day, reservations included.
#[derive(Debug)]
struct Day {
    date: Date,
    spent: Spent,
    /// The purposes that the day had no money for when it was last asked.
    refused: Vec<Purpose>,
    /// The purposes of which that was said in the log: once a day is enough.
    told: Vec<Purpose>,
}

impl Day {
    fn new(date: Date, spent: Spent) -> Self {
        Self { date, spent, refused: Vec::new(), told: Vec::new() }
    }
}

/// What was spent for each purpose, calls under way counted at what is set aside for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    page: u64,
    bulk: u64,
    refresh: u64,
}

impl Spent {
    /// For one purpose.
    pub fn on(&self, purpose: Purpose) -> Micros {
        Micros(match purpose {
            Purpose::Page => self.page,
            Purpose::Bulk => self.bulk,
            Purpose::Refresh => self.refresh,
        })
    }

    /// For all of them.
    pub fn all(&self) -> Micros {
        Micros(self.page.saturating_add(self.bulk).saturating_add(self.refresh))
    }

    /// Counts an amount for a purpose.
    pub fn add(&mut self, purpose: Purpose, amount: Micros) {
        let sum = self.sum(purpose);
        *sum = sum.saturating_add(amount.0);
    }

    /// With as much more for pages as makes it come to `total`, where it comes to less.
    #[must_use]
    pub fn at_least(mut self, total: Micros) -> Self {
        self.add(Purpose::Page, Micros(total.0.saturating_sub(self.all().0)));
        self
    }

    fn sum(&mut self, purpose: Purpose) -> &mut u64 {
        match purpose {
            Purpose::Page => &mut self.page,
            Purpose::Bulk => &mut self.bulk,
            Purpose::Refresh => &mut self.refresh,
        }
    }
}

impl Budget {
    /// A budget of `per_day` (`None`: without a limit) that any purpose may take the whole of, and of which `spent_today`
    /// is gone on the UTC day `today`.
    pub fn new(per_day: Option<Micros>, spent_today: Micros, today: Date) -> Self {
        let shares = Shares { pages: 1.0, bulk: 1.0, refresh: 1.0 };
        Self::with(per_day, None, shares, Spent::default().at_least(spent_today), today)
    }

    /// The budget that the settings say, of which `spent` is gone on the UTC day `today`.
    pub fn of(settings: &BudgetSettings, spent: Spent, today: Date) -> Self {
        let BudgetSettings { per_day, per_request, shares } = *settings;
        let (per_day, per_request) = (per_day.map(Micros::from_units), per_request.map(Micros::from_units));
        Self::with(per_day, per_request, shares, spent, today)
    }

    fn with(
        per_day: Option<Micros>,
        per_request: Option<Micros>,
        shares: Shares,
        spent: Spent,
        today: Date,
    ) -> Self {
        let (state, changed) = (Mutex::new(Day::new(today, spent)), Notify::new());
        Self(Arc::new(Inner { per_day, per_request, shares, state, changed }))
    }

    /// Sets `worst` aside, from the day and from the purse that the terms name. `None` when that is more than either has
    /// left, or than the purpose may take of the day; nothing can always be set aside, for calls that are not metered.
    pub fn reserve(&self, worst: Micros, terms: &Terms) -> Option<Reservation> {
        let Terms { purpose, ref purse, .. } = *terms;
        if !purse.take(worst) {
            return None;
        }
        let mut day = self.day(terms.today());
        if !self.0.has(&day, worst, purpose) {
            purse.settle(worst, Micros(0));
            self.refused(day, purpose);
            return None;
        }
        day.spent.add(purpose, worst);
        if worst.0 > 0 {
            day.refused.retain(|refused| *refused != purpose);
        }
        let date = day.date;
        drop(day);
        self.0.changed.notify_one();
        Some(Reservation { budget: self.clone(), purse: purse.clone(), date, purpose, amount: worst })
    }

    /// Whether a call of that worst case could be paid on the UTC day `today`, by a generation that has made none yet.
    pub fn affords(&self, worst: Micros, purpose: Purpose, today: Date) -> bool {
        if !self.purse().affords(worst) {
            return false;
        }
        let day = self.day(today);
        let affords = self.0.has(&day, worst, purpose);
        if !affords {
            self.refused(day, purpose);
        }
        affords
    }

    /// What one generation may cost with all that belongs to it.
    pub fn purse(&self) -> Purse {
        Purse::of(self.0.per_request)
    }

    /// What may be spent in a day; `None` without a limit.
    pub fn per_day(&self) -> Option<Micros> {
        self.0.per_day
    }

    /// What is spent or set aside on the latest day that anything was asked of it.
    pub fn spent(&self) -> Micros {
        self.ledger().1.all()
    }

    /// The same, with that day, by purpose.
    pub fn ledger(&self) -> (Date, Spent) {
        let day = lock(&self.0.state);
        (day.date, day.spent)
    }

    /// The purposes that the UTC day `today` had no money for when it was last asked.
    pub fn refuses(&self, today: Date) -> Vec<Purpose> {
        self.day(today).refused.clone()
    }

    /// Waits until something was set aside or settled since this was last waited for. One may wait at a time.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// The day, begun anew when it is another one.
    fn day(&self, today: Date) -> MutexGuard<'_, Day> {
        let mut day = lock(&self.0.state);
        // A clock that is set back must not open a day's budget for a second time.
        if today > day.date {
            *day = Day::new(today, Spent::default());
        }
        day
    }

    /// Notes that the day has no money for a purpose, and says so the first time.
    fn refused(&self, mut day: MutexGuard<'_, Day>, purpose: Purpose) {
        if !day.refused.contains(&purpose) {
            day.refused.push(purpose);
        }
        if day.told.contains(&purpose) {
            return;
        }
        day.told.push(purpose);
        let (date, spent) = (day.date, day.spent);
        drop(day);
        tracing::warn!(
            purpose = purpose.as_str(),
            day = %date,
            spent = spent.all().units(),
            spent_on_purpose = spent.on(purpose).units(),
            per_day = self.0.per_day.map(Micros::units),
            "the day's budget allows no further call for this purpose; the best copy that is ready is served"
        );
    }
}

impl Inner {
    /// Whether the day, and what the purpose may take of it, have that much left.
    fn has(&self, day: &Day, worst: Micros, purpose: Purpose) -> bool {
        let Some(per_day) = self.per_day.filter(|_| worst.0 > 0) else { return true };
        let share = match purpose {
            Purpose::Page => self.shares.pages,
            Purpose::Bulk => self.shares.bulk,
            Purpose::Refresh => self.shares.refresh,
        };
        let fits = |spent: Micros, most: u64| spent.0.checked_add(worst.0).is_some_and(|sum| sum <= most);
        // A float of that size may be off by a few millionths; the whole day is the whole day.
        let most = if share >= 1.0 { per_day.0 } else { (per_day.0 as f64 * share) as u64 };
        fits(day.spent.all(), per_day.0) && fits(day.spent.on(purpose), most)
    }
}

/// What one generation may cost: its retries, repairs and hedges, and what second models are asked on its way. Clones are
/// the same purse; the default one has no bottom.
#[derive(Clone, Debug, Default)]
pub struct Purse(Option<Arc<Mutex<Pocket>>>);

#[derive(Debug)]
struct Pocket {
    limit: u64,
    spent: u64,
}

impl Purse {
    /// With so much in it; `None` sets no limit.
    pub fn of(limit: Option<Micros>) -> Self {
        Self(limit.map(|limit| Arc::new(Mutex::new(Pocket { limit: limit.0, spent: 0 }))))
    }

    fn affords(&self, worst: Micros) -> bool {
        self.with(true, |pocket| pocket.affords(worst))
    }

    fn take(&self, worst: Micros) -> bool {
        self.with(true, |pocket| {
            let affords = pocket.affords(worst);
            if affords {
                pocket.spent = pocket.spent.saturating_add(worst.0);
            }
            affords
        })
    }

    fn settle(&self, reserved: Micros, actual: Micros) {
        self.with((), |pocket| {
            pocket.spent = pocket.spent.saturating_sub(reserved.0).saturating_add(actual.0);
        });
    }

    fn with<T>(&self, bottomless: T, look: impl FnOnce(&mut Pocket) -> T) -> T {
        self.0.as_ref().map_or(bottomless, |pocket| look(&mut lock(pocket)))
    }
}

impl Pocket {
    fn affords(&self, worst: Micros) -> bool {
        worst.0 == 0 || self.spent.checked_add(worst.0).is_some_and(|sum| sum <= self.limit)
    }
}

/// Money set aside for one call. Dropping it without settling costs all of it: nobody knows what the call used.
#[derive(Debug)]
#[must_use = "a reservation that is dropped costs its whole amount"]
pub struct Reservation {
    budget: Budget,
    purse: Purse,
    date: Date,
    purpose: Purpose,
    amount: Micros,
}

impl Reservation {
    /// The amount set aside.
    pub fn amount(&self) -> Micros {
        self.amount
    }

    /// Replaces the amount set aside by what the call did cost. A call that outlives its day is that day's matter.
    pub fn settle(self, actual: Micros) {
        self.purse.settle(self.amount, actual);
        let mut day = lock(&self.budget.0.state);
        if day.date == self.date {
            let sum = day.spent.sum(self.purpose);
            *sum = sum.saturating_sub(self.amount.0).saturating_add(actual.0);
        }
        drop(day);
        self.budget.0.changed.notify_one();
    }
}

/// Locks, whatever became of the thread that held the lock before: a sum is never half written.
fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use tokio::time::Instant;

    use super::*;

    const MONDAY: Date = date(2026, 11, 23);
    const TUESDAY: Date = date(2026, 11, 24);

    fn on(day: Date) -> Terms {
        Terms::until(Instant::now(), day.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp())
    }

    fn to(purpose: Purpose) -> Terms {
        Terms { purpose, ..on(MONDAY) }
    }

    /// 100 a day, of which work in bulk may take 50 and what is written anew 25.
    fn shared() -> Budget {
        let shares = Shares { pages: 1.0, bulk: 0.5, refresh: 0.25 };
        Budget::with(Some(Micros(100)), Some(Micros(40)), shares, Spent::default(), MONDAY)
    }

    #[test]
    fn calls_in_flight_count_at_their_worst_case() {
        let budget = Budget::new(Some(Micros(100)), Micros(10), MONDAY);
        let monday = on(MONDAY);
        let first = budget.reserve(Micros(60), &monday).unwrap();
        assert!(budget.reserve(Micros(31), &monday).is_none());
        let second = budget.reserve(Micros(30), &monday).unwrap();
        first.settle(Micros(5));
        assert_eq!(budget.spent(), Micros(45));
        drop(second);
        assert!(budget.reserve(Micros(0), &monday).is_some());
        assert_eq!(budget.spent(), Micros(45), "an unsettled reservation costs its amount");
    }

    #[test]
    fn a_day_begins_with_nothing_spent_and_begins_once() {
        let budget = Budget::new(Some(Micros(100)), Micros(100), MONDAY);
        assert!(budget.reserve(Micros(1), &on(MONDAY)).is_none());
        assert_eq!(budget.refuses(MONDAY), [Purpose::Page]);
        assert_eq!(budget.refuses(TUESDAY), []);
        let late = budget.reserve(Micros(100), &on(TUESDAY)).unwrap();
        assert!(budget.reserve(Micros(1), &on(MONDAY)).is_none(), "a clock set back opens nothing");
        late.settle(Micros(40));
        assert_eq!(budget.ledger(), (TUESDAY, Spent { page: 40, ..Spent::default() }));
    }

    #[test]
    fn a_call_that_outlives_its_day_gives_nothing_back_to_the_next() {
        let budget = Budget::new(Some(Micros(100)), Micros(0), MONDAY);
        let old = budget.reserve(Micros(100), &on(MONDAY)).unwrap();
        let new = budget.reserve(Micros(70), &on(TUESDAY)).unwrap();
        old.settle(Micros(0));
        assert_eq!(budget.spent(), Micros(70));
        new.settle(Micros(70));
    }

    #[test]
    fn costing_more_than_the_worst_case_is_counted_too() {
        let budget = Budget::new(None, Micros(0), MONDAY);
        budget.reserve(Micros(1), &on(MONDAY)).unwrap().settle(Micros(9));
        assert_eq!(budget.spent(), Micros(9));
        budget.reserve(Micros(u64::MAX), &on(MONDAY)).unwrap().settle(Micros(u64::MAX));
        assert_eq!(budget.spent(), Micros(u64::MAX));
        budget.reserve(Micros(1), &to(Purpose::Bulk)).unwrap().settle(Micros(u64::MAX));
        assert_eq!(budget.spent(), Micros(u64::MAX), "sums end where numbers do");
        let limited = Budget::new(Some(Micros(u64::MAX)), Micros(u64::MAX), MONDAY);
        assert!(limited.reserve(Micros(1), &on(MONDAY)).is_none());
    }

    #[test]
    fn no_purpose_takes_more_than_its_share_nor_all_of_them_more_than_the_day() {
        let budget = shared();
        let bulk = Terms { purse: Purse::default(), ..to(Purpose::Bulk) };
        let held = budget.reserve(Micros(50), &bulk).unwrap();
        assert!(budget.reserve(Micros(1), &bulk).is_none());
        assert!(!budget.affords(Micros(1), Purpose::Bulk, MONDAY));
        assert!(budget.affords(Micros(25), Purpose::Refresh, MONDAY));
        assert!(budget.reserve(Micros(26), &to(Purpose::Refresh)).is_none());
        assert_eq!(budget.refuses(MONDAY), [Purpose::Bulk, Purpose::Refresh]);
        let _refresh = budget.reserve(Micros(25), &to(Purpose::Refresh)).unwrap();
        assert_eq!(budget.refuses(MONDAY), [Purpose::Bulk]);
        assert!(budget.reserve(Micros(26), &on(MONDAY)).is_none(), "pages have what is left of the day");
        let _page = budget.reserve(Micros(25), &on(MONDAY)).unwrap();
        held.settle(Micros(10));
        assert_eq!(budget.ledger().1, Spent { page: 25, bulk: 10, refresh: 25 });
        assert_eq!((budget.spent(), budget.per_day()), (Micros(60), Some(Micros(100))));
    }

    #[test]
    fn one_generation_costs_no_more_than_its_purse() {
        let budget = shared();
        assert!(!budget.affords(Micros(41), Purpose::Page, MONDAY));
        assert_eq!(budget.refuses(MONDAY), [], "the day has enough");
        let terms = Terms { purse: budget.purse(), ..on(MONDAY) };
        let first = budget.reserve(Micros(30), &terms).unwrap();
        assert!(budget.reserve(Micros(11), &terms).is_none());
        first.settle(Micros(20));
        let second = budget.reserve(Micros(20), &terms.clone()).unwrap();
        assert!(budget.reserve(Micros(1), &terms).is_none());
        assert!(budget.reserve(Micros(0), &terms).is_some());
        drop(second);
        assert_eq!(budget.spent(), Micros(40));
        // Another generation has its own, and what the day refuses is not taken from it.
        let other = Terms { purse: budget.purse(), ..to(Purpose::Refresh) };
        assert!(budget.reserve(Micros(30), &other).is_none());
        assert!(budget.reserve(Micros(25), &other).is_some());
    }

    #[tokio::test]
    async fn whoever_keeps_the_ledger_is_told_of_every_change() {
        let budget = Budget::new(None, Micros(0), MONDAY);
        let held = budget.reserve(Micros(1), &on(MONDAY)).unwrap();
        budget.changed().await;
        held.settle(Micros(1));
        budget.changed().await;
    }

    proptest::proptest! {
        #[test]
        fn what_is_set_aside_never_exceeds_the_day(
            worst in proptest::collection::vec((0u64..50, 0usize..3), 0..40),
            limit in 0u64..300,
            shares in proptest::array::uniform3(0.0f64..=1.0),
        ) {
            let [pages, bulk, refresh] = shares;
            let settings = Shares { pages, bulk, refresh };
            let budget = Budget::with(Some(Micros(limit)), None, settings, Spent::default(), MONDAY);
            let reserve = |(worst, at): &(u64, usize)| {
                budget.reserve(Micros(*worst), &to(Purpose::ALL[*at]))
            };
            let held: Vec<_> = worst.iter().filter_map(reserve).collect();
            proptest::prop_assert!(budget.spent().0 <= limit);
            for (purpose, share) in Purpose::ALL.into_iter().zip(shares) {
                proptest::prop_assert!(budget.ledger().1.on(purpose).0 as f64 <= limit as f64 * share);
            }
            held.into_iter().for_each(|reservation| reservation.settle(Micros(0)));
            proptest::prop_assert_eq!(budget.spent(), Micros(0));
        }
    }
}
