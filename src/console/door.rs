//! What is remembered between requests about who comes in: which sessions were ended early, and who failed to sign in. In
//! memory and bounded; a restart forgets it.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::oidc::Oidc;
use crate::config::ConsoleSettings;

/// How many ended sessions are remembered one by one.
const MOST_ENDED: usize = 50_000;
/// How many addresses, and keys that were tried from them, are remembered.
const MOST_TRIED: usize = 20_000;
/// How long a failure counts.
const COUNTS: SignedDuration = SignedDuration::from_mins(15);
/// After how many failures with one key from one address that key is not looked at from there.
const FAILURES_OF_A_KEY: usize = 5;
/// After how many failures from one address no key is.
const FAILURES_OF_AN_ADDRESS: usize = 30;

/// The door of the console: who was let out, who tried to get in, and who else may say who somebody is.
#[derive(Debug, Default)]
pub struct Door {
    ended: Mutex<Ended>,
    tried: Mutex<Tried>,
    /// The provider of OpenID Connect, where there is one.
    pub(super) oidc: Option<Oidc>,
}

impl Door {
    /// A door as the settings say.
    ///
    /// # Errors
    ///
    /// When the secret for the provider of OpenID Connect cannot be read, or no client be made to ask it.
    pub fn open(settings: &ConsoleSettings) -> anyhow::Result<Self> {
        Ok(Self { oidc: Oidc::open(settings)?, ..Self::default() })
    }

    /// Ends something for good that would have held until `until`: a session, or a sign-in that was begun.
    pub(super) fn end(&self, id: Uuid, until: Timestamp, now: Timestamp) {
        held(&self.ended).end(id, until, now);
    }

    /// Whether something that was begun at `begun` was ended since.
    pub(super) fn is_ended(&self, id: Uuid, begun: Timestamp) -> bool {
        held(&self.ended).is_ended(id, begun)
    }

    /// Lets somebody try to sign in, with a key of that id or in another way; counted as a failure until it is [`forgiven`].
    ///
    /// # Errors
    ///
    /// How long to wait, after too many failures.
    ///
    /// [`forgiven`]: Door::forgive
    pub(super) fn try_once(
        &self,
        from: IpAddr,
        key: Option<&str>,
        now: Timestamp,
    ) -> Result<(), SignedDuration> {
        held(&self.tried).try_once(whose(from), key, now)
    }

    /// Takes back what [`Door::try_once`] counted at `at`, and what this key failed before: it was right.
    pub(super) fn forgive(&self, from: IpAddr, key: Option<&str>, at: Timestamp) {
        held(&self.tried).forgive(whose(from), key, at);
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What stands for whoever has an address: the address itself, of IPv6 its first half, as one person has all of the rest.
fn whose(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

/// What was ended before its time.
#[derive(Debug, Default)]
struct Ended {
    until: HashMap<Uuid, Timestamp>,
    /// Everything that was begun until then is ended too.
    all_until: Option<Timestamp>,
}

impl Ended {
    fn end(&mut self, id: Uuid, until: Timestamp, now: Timestamp) {
        self.until.retain(|_, until| *until > now);
        if self.until.len() >= MOST_ENDED {
            // Rather everybody signs in again than that somebody is let in who signed out.
            self.until.clear();
            self.all_until = Some(now);
        }
        self.until.insert(id, until);
    }

    fn is_ended(&self, id: Uuid, begun: Timestamp) -> bool {
        self.until.contains_key(&id) || self.all_until.is_some_and(|all| begun <= all)
    }
}

/// When somebody failed to sign in: from each address, and there with each key. No more moments than count.
#[derive(Debug, Default)]
struct Tried(HashMap<(IpAddr, Option<String>), VecDeque<Timestamp>>);

impl Tried {
    fn try_once(&mut self, from: IpAddr, key: Option<&str>, now: Timestamp) -> Result<(), SignedDuration> {
        let scopes = scopes(from, key);
        let waits = scopes.iter().filter_map(|(scope, most)| self.wait(scope, *most, now));
        if let Some(wait) = waits.max() {
            return Err(wait);
        }
        for (scope, _) in scopes {
            self.make_room(&scope, now);
            self.0.entry(scope).or_default().push_back(now);
        }
        Ok(())
    }

    /// How long until one of so many failures counts no more.
    fn wait(
        &mut self,
        scope: &(IpAddr, Option<String>),
        most: usize,
        now: Timestamp,
    ) -> Option<SignedDuration> {
        let failures = self.0.get_mut(scope)?;
        while failures.front().is_some_and(|at| now.duration_since(*at) >= COUNTS) {
            failures.pop_front();
        }
        let oldest = failures.front().filter(|_| failures.len() >= most)?;
        Some(COUNTS - now.duration_since(*oldest))
    }

    fn make_room(&mut self, scope: &(IpAddr, Option<String>), now: Timestamp) {
        if self.0.len() < MOST_TRIED || self.0.contains_key(scope) {
            return;
        }
        let last = |failures: &VecDeque<Timestamp>| failures.back().copied().unwrap_or(Timestamp::MIN);
        self.0.retain(|_, failures| now.duration_since(last(failures)) < COUNTS);
        if self.0.len() >= MOST_TRIED
            && let Some(oldest) =
                self.0.iter().min_by_key(|(_, failures)| last(failures)).map(|(scope, _)| scope.clone())
        {
            self.0.remove(&oldest);
        }
    }

    fn forgive(&mut self, from: IpAddr, key: Option<&str>, at: Timestamp) {
        if key.is_some() {
            self.0.remove(&(from, key.map(str::to_owned)));
        }
        if let Some(failures) = self.0.get_mut(&(from, None))
            && let Some(counted) = failures.iter().rposition(|failed| *failed == at)
        {
            failures.remove(counted);
        }
    }
}

/// What a try counts for, and how often each may fail.
fn scopes(from: IpAddr, key: Option<&str>) -> Vec<((IpAddr, Option<String>), usize)> {
    let of_key = key.map(|key| ((from, Some(key.to_owned())), FAILURES_OF_A_KEY));
    of_key.into_iter().chain([((from, None), FAILURES_OF_AN_ADDRESS)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_is_not_looked_at_after_five_failures_and_elsewhere_it_is() {
        let door = Door::default();
        let (here, there) = (ip("192.0.2.1"), ip("192.0.2.2"));
        for second in 0..5 {
            assert_eq!(door.try_once(here, Some("a"), at(second)), Ok(()));
        }
        assert_eq!(door.try_once(here, Some("a"), at(5)), Err(SignedDuration::from_secs(895)));
        assert_eq!(door.try_once(here, Some("b"), at(5)), Ok(()), "another key");
        assert_eq!(door.try_once(there, Some("a"), at(5)), Ok(()), "the right one elsewhere");
        assert_eq!(door.try_once(here, Some("a"), at(899)), Err(SignedDuration::from_secs(1)));
        assert_eq!(door.try_once(here, Some("a"), at(900)), Ok(()), "the first counts no more");
        assert!(door.try_once(here, Some("a"), at(900)).is_err(), "the others do");
    }

    #[test]
    fn an_address_is_not_listened_to_after_thirty_failures() {
        let door = Door::default();
        for n in 0..30 {
            let key = format!("k{n}");
            assert_eq!(door.try_once(ip("2001:db8::1"), (n % 2 == 0).then_some(&key), at(n)), Ok(()));
        }
        assert!(door.try_once(ip("2001:db8::ffff:1"), None, at(30)).is_err(), "of the same network");
        assert_eq!(door.try_once(ip("2001:db8:0:1::1"), None, at(30)), Ok(()), "of another");
        assert_eq!(whose(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
    }

    #[test]
    fn who_succeeds_is_forgiven() {
        let door = Door::default();
        let here = ip("192.0.2.1");
        for second in 0..200 {
            for failure in 0..4 {
                let failed = door.try_once(here, Some("a"), at(1_000 * second + failure));
                assert_eq!(failed, Ok(()));
            }
            assert_eq!(door.try_once(here, Some("a"), at(1_000 * second + 4)), Ok(()));
            door.forgive(here, Some("a"), at(1_000 * second + 4));
        }
        for _ in 0..100 {
            assert_eq!(door.try_once(here, None, at(900_000)), Ok(()), "none of these failed");
            door.forgive(here, None, at(900_000));
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut tried = Tried::default();
        for n in 0..(MOST_TRIED as u32 / 2 + 100) {
            let from = IpAddr::V4(n.into());
            assert_eq!(tried.try_once(from, Some("a"), at(0)), Ok(()));
            assert!(tried.0.len() <= MOST_TRIED);
        }
        tried.try_once(ip("192.0.2.1"), Some("a"), at(900)).unwrap();
        assert_eq!(tried.0.len(), 2, "what counts no more goes first");

        let mut ended = Ended::default();
        let id = |n: u128| Uuid::from_u128(n);
        for n in 0..MOST_ENDED as u128 {
            ended.until.insert(id(n), at(100));
        }
        assert!(ended.is_ended(id(7), at(1)) && !ended.is_ended(id(u128::MAX), at(1)));
        ended.end(id(u128::MAX - 1), at(100), at(50));
        assert_eq!(ended.until.len(), 1);
        assert!(ended.is_ended(id(7), at(1)), "what was ended stays so");
        assert!(ended.is_ended(id(u128::MAX), at(50)), "and so are all that were begun before");
        assert!(!ended.is_ended(id(u128::MAX), at(51)));
        ended.end(id(3), at(300), at(100));
        assert!(ended.is_ended(id(3), at(60)) && ended.until.len() == 1, "the rest ended by itself");
    }
}
