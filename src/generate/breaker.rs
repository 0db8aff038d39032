//! The circuit breaker: a provider that fails again and again is left alone for a while, then tried with one call. A state
//! machine into which time and chance come as values.

use std::time::Duration;

use tokio::time::Instant;

use super::{BreakerSettings, FaultKind};

/// Whether a provider is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It is.
    Closed,
    /// It failed too often, and is left alone.
    Open,
    /// It was left alone long enough: one call may try it, or does.
    HalfOpen,
}

/// What a call says of its provider's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It answers, whatever the answer is worth.
    Well,
    /// It fails.
    Ill {
        /// How.
        fault: FaultKind,
        /// For how long it is to be left alone at once, where one failure is enough to know.
        hold: Option<Duration>,
    },
    /// Nothing: the call was given up, or never made.
    Unknown,
}

/// Leave to make one call. It must be reported on, or given back as [`Health::Unknown`].
#[derive(Debug)]
pub(super) struct Ticket {
    turn: u64,
    trial: bool,
}

/// What a report changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The provider is left alone from now on, for that long.
    Opened(Duration),
    /// It is asked again.
    Closed,
}

/// The breaker of one provider.
#[derive(Debug)]
pub(super) struct Circuit {
    settings: BreakerSettings,
    state: State,
    /// Failures in a row.
    failures: u32,
    /// Openings in a row, each of which doubles the time.
    openings: u32,
    /// Counts openings and closings: what was begun before one has nothing to say on what came after it.
    turn: u64,
    fault: Option<FaultKind>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    Open { until: Instant, trial: bool },
}

impl Circuit {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: State::Closed, failures: 0, openings: 0, turn: 0, fault: None }
    }

    /// Whether a call would be let through.
    pub(super) fn admits(&self, now: Instant) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until, trial } => !trial && now >= until,
        }
    }

    /// Lets a call through, or does not.
    pub(super) fn admit(&mut self, now: Instant) -> Option<Ticket> {
        if !self.admits(now) {
            return None;
        }
        let trial = match &mut self.state {
            State::Closed => false,
            State::Open { trial, .. } => {
                *trial = true;
                true
            }
        };
        Some(Ticket { turn: self.turn, trial })
    }

    /// Takes in what a call said of the provider. `jitter`, in thousandths up to 1000, says how much of a tenth is added
    /// to the time that the provider is left alone.
    pub(super) fn report(
        &mut self,
        ticket: Ticket,
        health: Health,
        now: Instant,
        jitter: u32,
    ) -> Option<Change> {
        if ticket.turn != self.turn {
            self.late(health, now);
            return None;
        }
        match health {
            Health::Well => {
                self.failures = 0;
                let was_open = matches!(self.state, State::Open { .. });
                if was_open {
                    self.state = State::Closed;
                    self.openings = 0;
                    self.turn = self.turn.wrapping_add(1);
                }
                was_open.then_some(Change::Closed)
            }
            Health::Ill { fault, hold } => {
                self.failures = self.failures.saturating_add(1);
                self.fault = Some(fault);
                let usual = (ticket.trial || self.failures >= self.settings.failures).then(|| self.usual());
                let time = usual.max(hold)?;
                Some(Change::Opened(self.open(time, now, jitter)))
            }
            Health::Unknown => {
                if let State::Open { trial, .. } = &mut self.state {
                    *trial = false;
                }
                None
            }
        }
    }

    /// A call that was begun before the breaker last opened or closed: all it can do is have the provider left alone longer.
    fn late(&mut self, health: Health, now: Instant) {
        if let (State::Open { until, .. }, Health::Ill { hold: Some(hold), .. }) = (&mut self.state, health) {
            *until = (*until).max(now + hold.min(BreakerSettings::LONGEST_OPEN));
        }
    }

    /// For how long the provider is left alone when it has failed too often.
    fn usual(&self) -> Duration {
        self.settings.open_for.saturating_mul(2_u32.saturating_pow(self.openings))
    }

    fn open(&mut self, time: Duration, now: Instant, jitter: u32) -> Duration {
        let time = time.min(BreakerSettings::LONGEST_OPEN);
        let time = time + time * jitter.min(1000) / 10_000;
        self.openings = self.openings.saturating_add(1);
        self.turn = self.turn.wrapping_add(1);
        self.state = State::Open { until: now + time, trial: false };
        time
    }

    /// Where it stands, and for how long the provider is left alone still.
    pub(super) fn state(&self, now: Instant) -> (BreakerState, Option<Duration>) {
        match self.state {
            State::Closed => (BreakerState::Closed, None),
            State::Open { until, .. } if now < until => (BreakerState::Open, Some(until - now)),
            State::Open { .. } => (BreakerState::HalfOpen, None),
        }
    }

    /// How many failures there were in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// How the last failure went.
    pub(super) fn fault(&self) -> Option<FaultKind> {
        self.fault
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const ILL: Health = Health::Ill { fault: FaultKind::Server, hold: None };

    fn circuit(failures: u32, open_for: Duration) -> Circuit {
        Circuit::new(BreakerSettings { failures, open_for })
    }

    fn held(hold: Duration) -> Health {
        Health::Ill { fault: FaultKind::Quota, hold: Some(hold) }
    }

    impl Circuit {
        /// One call, begun and ended at once.
        fn call(&mut self, health: Health, now: Instant) -> Option<Change> {
            let ticket = self.admit(now).unwrap();
            self.report(ticket, health, now, 0)
        }
    }

    #[test]
    fn so_many_failures_in_a_row_open_it_and_a_success_between_does_not() {
        let (mut circuit, now) = (circuit(3, 10 * SECOND), Instant::now());
        for health in [ILL, ILL, Health::Well, ILL, ILL, Health::Unknown] {
            assert_eq!(circuit.call(health, now), None);
        }
        assert_eq!((circuit.failures(), circuit.state(now)), (2, (BreakerState::Closed, None)));
        assert_eq!(circuit.call(ILL, now), Some(Change::Opened(10 * SECOND)));
        assert_eq!(circuit.state(now), (BreakerState::Open, Some(10 * SECOND)));
        assert!(circuit.admit(now + 9 * SECOND).is_none());
        assert_eq!(circuit.fault(), Some(FaultKind::Server));
    }

    #[test]
    fn one_trial_decides() {
        let (mut circuit, mut now) = (circuit(1, 10 * SECOND), Instant::now());
        circuit.call(ILL, now);
        for expected in [20, 40, 80, 160, 300, 300] {
            now += circuit.state(now).1.unwrap();
            assert_eq!(circuit.state(now), (BreakerState::HalfOpen, None));
            let trial = circuit.admit(now).unwrap();
            assert!(circuit.admit(now).is_none(), "one at a time");
            assert_eq!(
                circuit.report(trial, ILL, now, 0),
                Some(Change::Opened(expected * SECOND)),
                "twice as long, up to five minutes"
            );
        }
        now += 300 * SECOND;
        let given_up = circuit.admit(now).unwrap();
        assert_eq!(circuit.report(given_up, Health::Unknown, now, 0), None);
        assert_eq!(circuit.call(Health::Well, now), Some(Change::Closed), "its place was free again");
        assert_eq!(circuit.call(ILL, now), Some(Change::Opened(10 * SECOND)), "and it begins anew");
    }

    #[test]
    fn one_failure_is_enough_where_it_says_for_how_long() {
        let now = Instant::now();
        for (hold, expected) in [(60, 60), (1, 1), (100_000, 300)] {
            let mut circuit = circuit(5, 10 * SECOND);
            assert_eq!(circuit.call(held(hold * SECOND), now), Some(Change::Opened(expected * SECOND)));
        }
        let mut circuit = circuit(1, 10 * SECOND);
        assert_eq!(circuit.call(held(SECOND), now), Some(Change::Opened(10 * SECOND)), "the longer counts");
    }

    #[test]
    fn what_was_begun_before_it_opened_opens_and_closes_nothing() {
        let (mut circuit, now) = (circuit(1, 10 * SECOND), Instant::now());
        let early: Vec<_> = (0..4).map(|_| circuit.admit(now).unwrap()).collect();
        circuit.call(ILL, now);
        for (ticket, health, open_for) in early
            .into_iter()
            .zip([Health::Well, ILL, Health::Unknown, held(60 * SECOND)])
            .zip([10, 10, 10, 60])
            .map(|((ticket, health), open_for)| (ticket, health, open_for))
        {
            assert_eq!(circuit.report(ticket, health, now, 0), None);
            assert_eq!(circuit.state(now), (BreakerState::Open, Some(open_for * SECOND)), "{health:?}");
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Wait(u64),
        Begin,
        End(usize, Health),
    }

    fn step() -> impl Strategy<Value = Step> {
        let health = prop_oneof![
            2 => Just(Health::Well),
            5 => Just(ILL),
            1 => Just(Health::Unknown),
            1 => (0u64..1_000_000).prop_map(|ms| held(Duration::from_millis(ms))),
        ];
        prop_oneof![
            2 => (0u64..200_000).prop_map(Step::Wait),
            3 => Just(Step::Begin),
            3 => (any::<usize>(), health).prop_map(|(at, health)| Step::End(at, health)),
        ]
    }

    proptest! {
        #[test]
        fn whatever_happens_when(
            steps in prop::collection::vec(step(), 0..200),
            failures in 1u32..5,
            open_for in 0u64..1_000_000,
            jitter in 0u32..2000,
        ) {
            let mut circuit = circuit(failures, Duration::from_millis(open_for));
            let mut now = Instant::now();
            let mut under_way: Vec<Ticket> = Vec::new();
            let mut until: Option<(u64, Instant)> = None;
            for step in steps {
                match step {
                    Step::Wait(ms) => now += Duration::from_millis(ms),
                    Step::Begin => {
                        let (state, admits) = (circuit.state(now).0, circuit.admits(now));
                        let ticket = circuit.admit(now);
                        prop_assert_eq!(ticket.is_some(), admits);
                        match state {
                            BreakerState::Open => prop_assert!(ticket.is_none(), "nothing goes through while open"),
                            BreakerState::Closed => prop_assert!(ticket.is_some()),
                            BreakerState::HalfOpen => {
                                prop_assert_eq!(ticket.is_some(), !under_way.iter().any(|t| t.trial));
                            }
                        }
                        under_way.extend(ticket);
                    }
                    Step::End(at, health) if !under_way.is_empty() => {
                        let ticket = under_way.swap_remove(at % under_way.len());
                        let current = ticket.turn == circuit.turn;
                        circuit.report(ticket, health, now, jitter);
                        if current && health == Health::Well {
                            prop_assert_eq!(circuit.state(now).0, BreakerState::Closed);
                            prop_assert_eq!(circuit.failures(), 0);
                        }
                    }
                    Step::End(..) => {}
                }
                prop_assert!(under_way.iter().filter(|t| t.trial).count() <= 1, "one trial at a time");
                let bound = BreakerSettings::LONGEST_OPEN + BreakerSettings::LONGEST_OPEN / 10;
                prop_assert!(circuit.state(now).1.is_none_or(|left| left <= bound));
                if let State::Open { until: new, .. } = circuit.state {
                    if let Some((turn, old)) = until && turn == circuit.turn {
                        prop_assert!(new >= old, "what is said to be left alone is not asked sooner");
                    }
                    until = Some((circuit.turn, new));
                }
            }
        }
    }
}
