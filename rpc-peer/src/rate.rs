//! Rates, by GCRA (`governor`): of methods, of messages and bytes, of control frames, of new connections.

use std::{
    fmt,
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    str::FromStr,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use bytesize::ByteSize;
use governor::{
    Quota,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed, keyed::HashMapStateStore},
};
use trunkline_core::{Code, ConfigError, Error, Per, RateLimit};

use crate::{
    clock::now,
    connection::{Connection, ConnectionId},
};

/// How often something may happen: so many times in a period, evenly, and up to a burst at once.
///
/// It is written `"5/1s"`, or `"50/1s burst 100"` where the burst is not the limit itself; for bytes, `"256 KiB/1s burst 1 MiB"`.
///
/// ```
/// use trunkline_peer::Rate;
///
/// let rate: Rate = "50/1s burst 100".parse().unwrap();
/// assert_eq!((rate.limit, rate.burst), (50, 100));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many times, or bytes, in each period.
    pub limit: u32,
    /// The period.
    pub period: Duration,
    /// How many may come at once after a pause.
    pub burst: u32,
}

impl Rate {
    /// `limit` in each `period`, all of them at once if need be.
    pub const fn new(limit: u32, period: Duration) -> Self {
        Self { limit, period, burst: limit }
    }

    /// With another burst than the limit.
    #[must_use]
    pub const fn with_burst(mut self, burst: u32) -> Self {
        self.burst = burst;
        self
    }

    /// Refuses what cannot be counted.
    ///
    /// # Errors
    ///
    /// If the limit, the period or the burst is zero.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.limit == 0 || self.burst == 0 || self.period.is_zero() {
            return Err(ConfigError(format!("the rate {self} lets nothing pass: write it as `5/1s`")));
        }
        Ok(())
    }

    /// How long an empty budget of it takes until it is full.
    pub(crate) fn refill(self) -> Duration {
        (self.period.min(LONGEST) / self.limit.max(1)).saturating_mul(self.burst)
    }

    /// The nearest that GCRA can count: at least one, and not more than one a nanosecond.
    fn quota(self) -> Quota {
        let limit = NonZeroU32::new(self.limit).unwrap_or(NonZeroU32::MIN);
        let interval = self.period.min(LONGEST) / limit.get();
        let quota = Quota::with_period(interval.max(Duration::from_nanos(1))).expect("it is not zero");
        quota.allow_burst(NonZeroU32::new(self.burst).unwrap_or(NonZeroU32::MIN))
    }
}

impl FromStr for Rate {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let wrong =
            || ConfigError(format!("`{text}` is not a rate: write it as `5/1s` or `50/1s burst 100`"));
        let count = |text: &str| {
            let size = text.trim().parse::<ByteSize>().ok()?;
            u32::try_from(size.as_u64()).ok()
        };
        let (rate, burst) = match text.split_once("burst") {
            Some((rate, burst)) => (rate, Some(count(burst).ok_or_else(wrong)?)),
            None => (text, None),
        };
        let (limit, period) = rate.split_once('/').ok_or_else(wrong)?;
        let limit = count(limit).ok_or_else(wrong)?;
        let period = humantime::parse_duration(period.trim()).map_err(|_| wrong())?;
        let rate = Self { limit, period, burst: burst.unwrap_or(limit) };
        rate.check()?;
        Ok(rate)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.limit, humantime::format_duration(self.period))?;
        if self.burst != self.limit {
            write!(f, " burst {}", self.burst)?;
        }
        Ok(())
    }
}

/// One budget of a rate.
#[derive(Debug)]
pub struct Budget(governor::RateLimiter<NotKeyed, InMemoryState, RuntimeClock, NoOpMiddleware<Instant>>);

impl Budget {
    /// A full one.
    pub fn new(rate: Rate) -> Self {
        Self(governor::RateLimiter::direct_with_clock(rate.quota(), RuntimeClock))
    }

    /// Takes `count` out of it.
    ///
    /// # Errors
    ///
    /// If there is less in it, when there will be enough; nothing was taken then. More than the burst is never there, and
    /// comes back after a second.
    pub fn take(&self, count: u32) -> Result<(), Duration> {
        let Some(count) = NonZeroU32::new(count) else { return Ok(()) };
        match self.0.check_n(count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refused)) => Err(refused.wait_time_from(RuntimeClock.now())),
            Err(_) => Err(Duration::from_secs(1)),
        }
    }
}

/// Many budgets of one rate, each under its key. Those that are full again are forgotten.
#[derive(Debug)]
pub struct Budgets<K: Hash + Eq + Clone> {
    budgets: governor::RateLimiter<K, HashMapStateStore<K>, RuntimeClock, NoOpMiddleware<Instant>>,
    /// At how many budgets those that are full again are forgotten.
    sweep_at: AtomicUsize,
}

impl<K: Hash + Eq + Clone> Budgets<K> {
    /// None yet.
    pub fn new(rate: Rate) -> Self {
        let budgets = governor::RateLimiter::new(rate.quota(), HashMapStateStore::default(), RuntimeClock);
        Self { budgets, sweep_at: AtomicUsize::new(FEW) }
    }

    /// Takes one out of the budget of `key`.
    ///
    /// # Errors
    ///
    /// If there is none in it, when there will be.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        self.sweep();
        self.budgets.check_key(key).map_err(|refused| refused.wait_time_from(RuntimeClock.now()))
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
}

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
    budgets: Budgets<Key>,
}

/// How many budgets are kept without looking through them.
const FEW: usize = 1024;

/// A century: `governor` counts nanoseconds in 64 bits, and panics when they overflow.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl MethodLimiter {
    /// The macro refuses what GCRA cannot count: no call at all, more than one a nanosecond. Such a limit of a service
    /// written by hand becomes the nearest that it can.
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, budgets: Budgets::new(Rate::new(limit.limit, limit.period)) }
    }

    /// Takes one call out of the caller's budget.
    pub(crate) fn check(&self, conn: &Connection) -> Result<(), Error> {
        let Err(wait) = self.budgets.take(&self.key(conn)) else { return Ok(()) };
        let message =
            format!("called more than {} times in {}", self.limit.limit, in_words(self.limit.period));
        Err(Error::new(Code::ResourceExhausted, message).with_retry_after(wait))
    }

    pub(crate) fn disconnects(&self) -> bool {
        self.limit.disconnect
    }

    fn key(&self, conn: &Connection) -> Key {
        let connection = || match conn.peer().has_connection() {
            true => Key::Connection(conn.id()),
            // Those of whom not even the address is known share one budget.
            false => Key::Ip(network(conn.remote_addr().ip())),
        };
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
pub fn network(addr: IpAddr) -> IpAddr {
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
