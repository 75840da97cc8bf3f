//! Rate limits of methods, by GCRA (`governor`).

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use governor::{Quota, clock::Clock, middleware::NoOpMiddleware, state::keyed::HashMapStateStore};
use trunkline_core::{Code, Error, Per, RateLimit};

use crate::{
    clock::now,
    connection::{Connection, ConnectionId},
};

/// Whose budget a call uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Everybody,
    Connection(ConnectionId),
    User(Box<str>),
    Ip(IpAddr),
}

/// The budgets of one method.
#[derive(Debug)]
pub(crate) struct MethodLimiter {
    limit: RateLimit,
    budgets: governor::RateLimiter<Key, HashMapStateStore<Key>, RuntimeClock, NoOpMiddleware<Instant>>,
    /// At how many budgets those that are full again are forgotten.
    sweep_at: AtomicUsize,
}

/// How many budgets are kept without looking through them.
const FEW: usize = 1024;

/// A century: `governor` counts nanoseconds in 64 bits, and panics when they overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl MethodLimiter {
    /// The macro refuses what GCRA cannot count: no call at all, more than one a nanosecond. Such a limit of a service
    /// written by hand becomes the nearest that it can.
    pub(crate) fn new(limit: RateLimit) -> Self {
        let burst = NonZeroU32::new(limit.limit).unwrap_or(NonZeroU32::MIN);
        let interval = limit.period.min(LONGEST) / burst.get();
        let quota = Quota::with_period(interval.max(Duration::from_nanos(1))).expect("it is not zero");
        let quota = quota.allow_burst(burst);
        let budgets = governor::RateLimiter::new(quota, HashMapStateStore::default(), RuntimeClock);
        Self { limit, budgets, sweep_at: AtomicUsize::new(FEW) }
    }

    /// Takes one call out of the caller's budget.
    pub(crate) fn check(&self, conn: &Connection) -> Result<(), Error> {
        self.sweep();
        let Err(refused) = self.budgets.check_key(&self.key(conn)) else { return Ok(()) };
        let message =
            format!("called more than {} times in {}", self.limit.limit, in_words(self.limit.period));
        Err(Error::new(Code::ResourceExhausted, message)
            .with_retry_after(refused.wait_time_from(RuntimeClock.now())))
    }

    /// Forgets budgets that are full again, each time that their number has doubled.
    fn sweep(&self) {
        if self.budgets.len() < self.sweep_at.load(Ordering::Relaxed) {
            return;
        }
        self.budgets.retain_recent();
        self.budgets.shrink_to_fit();
        self.sweep_at.store(FEW.max(self.budgets.len() * 2), Ordering::Relaxed);
    }

    pub(crate) fn disconnects(&self) -> bool {
        self.limit.disconnect
    }

    fn key(&self, conn: &Connection) -> Key {
        let connection = || Key::Connection(conn.id());
        let user = || conn.user().map(|user| Key::User(user.id().into()));
        match self.limit.per {
            Per::Method => Key::Everybody,
            Per::Connection => connection(),
            Per::User | Per::UserOrConnection => user().unwrap_or_else(connection),
            Per::Ip => conn.peer().remote_addr().map_or_else(connection, |addr| Key::Ip(network(addr.ip()))),
        }
    }
}

/// One subscriber's addresses: an IPv4 address, or the /64 that an IPv6 host picks addresses from (RFC 4291, section 2.5.4).
fn network(addr: IpAddr) -> IpAddr {
    match addr.to_canonical() {
        IpAddr::V6(addr) => IpAddr::V6((addr.to_bits() & !u128::from(u64::MAX)).into()),
        addr => addr,
    }
}

fn in_words(period: Duration) -> String {
    match period.as_secs_f64() {
        1.0 => "a second".to_owned(),
        60.0 => "a minute".to_owned(),
        3600.0 => "an hour".to_owned(),
        seconds => format!("{seconds} seconds"),
    }
}

/// The runtime's clock, which tests can stop.
#[derive(Debug, Clone, Copy)]
struct RuntimeClock;

impl Clock for RuntimeClock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        now()
    }
}

#[cfg(test)]
mod tests;
