//! How much a peer may send and have done at once: on its connection, and all connections of a user together.
//!
//! A message beyond it is refused with the time to wait, and whoever goes on like that is sent away. What is off is not there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use trunkline_core::{Code, Error, ProtocolError};

use crate::rate::{Budget, Rate};

/// How long somebody may send more than allowed before the connection is closed.
const PATIENCE: Duration = Duration::from_secs(5);
/// After how long without a refusal somebody has come to reason.
const REASON: Duration = Duration::from_secs(1);

/// What the side that serves lets a peer do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficLimits {
    /// Messages: no limit unless set. Calls beyond it are refused with `RESOURCE_EXHAUSTED`; whoever goes on like that for 5 s is
    /// closed with 4429, by whatever messages. On one connection; for those of a user together see [`UserLoad`].
    pub messages: Option<Rate>,
    /// Bytes: no limit unless set. The calls in what is beyond are refused like messages.
    pub bytes: Option<Rate>,
    /// Calls in flight of all connections of one user: 4,096 unless set. One more is refused with `RESOURCE_EXHAUSTED`.
    pub in_flight_per_user: Option<usize>,
    /// Calls that guards refuse in one second: 3 unless set. One more closes with 4429.
    pub denials: u32,
    /// Packets before the login: 4 unless set. More close with 4401.
    pub packets_before_login: u32,
    /// Bytes before the login: 16 KiB unless set. More close with 4401.
    pub bytes_before_login: usize,
}

impl Default for TrafficLimits {
    fn default() -> Self {
        Self {
            messages: None,
            bytes: None,
            in_flight_per_user: Some(4096),
            denials: 3,
            packets_before_login: 4,
            bytes_before_login: 16 << 10,
        }
    }
}

/// What all connections of one user have together.
#[derive(Debug)]
pub struct UserLoad {
    max_in_flight: Option<usize>,
    in_flight: AtomicUsize,
    messages: Option<Budget>,
    bytes: Option<Budget>,
    remembers: Duration,
}

impl UserLoad {
    /// None yet. `None` if nothing of a user is limited.
    pub fn new(limits: &TrafficLimits) -> Option<Self> {
        let any = limits.in_flight_per_user.is_some() || limits.messages.is_some() || limits.bytes.is_some();
        any.then(|| Self {
            max_in_flight: limits.in_flight_per_user,
            in_flight: AtomicUsize::new(0),
            messages: limits.messages.map(Budget::new),
            bytes: limits.bytes.map(Budget::new),
            remembers: [limits.messages, limits.bytes]
                .into_iter()
                .flatten()
                .map(Rate::refill)
                .max()
                .unwrap_or_default(),
        })
    }

    /// For how long its rates remember what was done, if nothing more is.
    pub fn remembers(&self) -> Duration {
        self.remembers
    }

    /// Calls in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }
}

/// What one connection counts of it.
#[derive(Debug)]
pub(crate) struct Traffic {
    messages: Option<Budget>,
    bytes: Option<Budget>,
    user: Option<Arc<UserLoad>>,
    /// How many of the user's calls in flight are of this connection, as the others know it.
    told: usize,
    /// How long the bytes of the packet at hand would have had to wait.
    bytes_wait: Option<Duration>,
    /// Since when there were refusals, and the last one.
    over: Option<(Instant, Instant)>,
}

impl Traffic {
    pub(crate) fn new(limits: &TrafficLimits, user: Option<Arc<UserLoad>>) -> Self {
        Self {
            messages: limits.messages.map(Budget::new),
            bytes: limits.bytes.map(Budget::new),
            user,
            told: 0,
            bytes_wait: None,
            over: None,
        }
    }

    /// The peer has logged in as somebody.
    pub(crate) fn set_user(&mut self, user: Option<Arc<UserLoad>>) {
        self.tell(0);
        self.user = user;
    }

    /// A packet has come, of which the calls in it are refused if its bytes are too many.
    ///
    /// # Errors
    ///
    /// If that has gone on for too long.
    pub(crate) fn packet(&mut self, now: Instant, len: usize) -> Result<(), ProtocolError> {
        let shared = self.user.as_ref().and_then(|user| user.bytes.as_ref());
        if self.bytes.is_none() && shared.is_none() {
            return Ok(());
        }
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        self.bytes_wait = taken(self.bytes.as_ref(), shared, len).err();
        if self.bytes_wait.is_some() { self.go_beyond(now) } else { Ok(()) }
    }

    /// Messages have come that are no calls, which cannot be refused.
    ///
    /// # Errors
    ///
    /// If there were more than allowed for too long.
    pub(crate) fn others(&mut self, now: Instant, count: u32) -> Result<(), ProtocolError> {
        let shared = self.user.as_ref().and_then(|user| user.messages.as_ref());
        for _ in 0..count {
            if taken(self.messages.as_ref(), shared, 1).is_err() {
                return self.go_beyond(now);
            }
        }
        Ok(())
    }

    /// A call or a notification has come: why it is refused, if it is.
    ///
    /// # Errors
    ///
    /// If that has gone on for too long.
    pub(crate) fn message(&mut self, now: Instant) -> Result<Option<Error>, ProtocolError> {
        let shared = self.user.as_ref().and_then(|user| user.messages.as_ref());
        let wait = match self.bytes_wait {
            Some(wait) => wait,
            None => match taken(self.messages.as_ref(), shared, 1) {
                Ok(()) => return Ok(None),
                Err(wait) => wait,
            },
        };
        self.go_beyond(now)?;
        let error = Error::new(Code::ResourceExhausted, "more messages or bytes than allowed");
        Ok(Some(error.with_retry_after(wait)))
    }

    /// More has come than allowed.
    fn go_beyond(&mut self, now: Instant) -> Result<(), ProtocolError> {
        let since = match self.over {
            Some((since, last)) if now.saturating_duration_since(last) < REASON => since,
            _ => now,
        };
        self.over = Some((since, now));
        match now.saturating_duration_since(since) >= PATIENCE {
            true => Err(ProtocolError::TooManyMessages),
            false => Ok(()),
        }
    }

    /// Whether another call may run beside `own` of this connection.
    pub(crate) fn has_room(&self, own: usize) -> bool {
        let Some((user, max)) = self.user.as_ref().and_then(|user| Some((user, user.max_in_flight?))) else {
            return true;
        };
        user.in_flight().saturating_sub(self.told).saturating_add(own) < max
    }

    /// What to tell a caller for whom there is no room.
    pub(crate) fn refusal() -> Error {
        Error::new(Code::ResourceExhausted, "too many calls of this user in flight")
    }

    /// Tells the other connections of the user how many calls are in flight on this one.
    pub(crate) fn tell(&mut self, own: usize) {
        let Some(user) = self.user.as_ref().filter(|_| own != self.told) else { return };
        if own > self.told {
            user.in_flight.fetch_add(own - self.told, Ordering::Relaxed);
        } else {
            user.in_flight.fetch_sub(self.told - own, Ordering::Relaxed);
        }
        self.told = own;
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.tell(0);
    }
}

/// Takes out of both budgets, or says how long to wait.
fn taken(own: Option<&Budget>, shared: Option<&Budget>, count: u32) -> Result<(), Duration> {
    own.map_or(Ok(()), |budget| budget.take(count))?;
    shared.map_or(Ok(()), |budget| budget.take(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::now;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> TrafficLimits {
        TrafficLimits {
            messages: Some(Rate::new(10, SECOND)),
            bytes: Some(Rate::new(1000, SECOND)),
            in_flight_per_user: Some(4),
            ..TrafficLimits::default()
        }
    }

    /// How many of `count` messages pass.
    fn passed(traffic: &mut Traffic, count: usize) -> usize {
        (0..count).filter(|_| traffic.message(now()).unwrap().is_none()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_refused_and_then_sent_away() {
        let mut traffic = Traffic::new(&limits(), None);
        assert_eq!(passed(&mut traffic, 20), 10);
        let refused = traffic.message(now()).unwrap().unwrap();
        assert_eq!((refused.code(), refused.retry_after()), (Code::ResourceExhausted, Some(SECOND / 10)));
        // Twice as often as allowed: every second one passes, for five seconds.
        let begin = now();
        let error = loop {
            tokio::time::advance(SECOND / 20).await;
            match traffic.message(now()) {
                Ok(_) => assert!(now() - begin < PATIENCE + SECOND / 10),
                Err(error) => break error,
            }
        };
        assert_eq!(error, ProtocolError::TooManyMessages);
        assert!(now() - begin >= PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_to_reason_is_forgiven() {
        let mut traffic = Traffic::new(&limits(), None);
        for _ in 0..10 {
            assert!(passed(&mut traffic, 20) < 20);
            tokio::time::advance(SECOND).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_refuse_the_calls_in_them() {
        let mut traffic = Traffic::new(&limits(), None);
        traffic.packet(now(), 900).unwrap();
        assert_eq!(passed(&mut traffic, 1), 1);
        traffic.packet(now(), 200).unwrap();
        let refused = traffic.message(now()).unwrap().unwrap();
        assert_eq!(refused.retry_after(), Some(SECOND / 10));
        traffic.packet(now(), 100).unwrap();
        assert_eq!(passed(&mut traffic, 1), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_call_is_counted_too() {
        let mut traffic = Traffic::new(&limits(), None);
        let begin = now();
        while traffic.others(now(), 1).is_ok() {
            tokio::time::advance(SECOND / 20).await;
        }
        let took = now() - begin;
        assert!(took >= PATIENCE && took < PATIENCE + 2 * SECOND, "{took:?}");
        let mut traffic = Traffic::new(&limits(), None);
        let begin = now();
        while traffic.packet(now(), 200).is_ok() {
            tokio::time::advance(SECOND / 20).await;
        }
        assert!(now() - begin >= PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_of_a_user_share_what_is_theirs() {
        let load = UserLoad::new(&limits()).map(Arc::new);
        let mut one = Traffic::new(&limits(), load.clone());
        let mut two = Traffic::new(&limits(), None);
        assert!(two.has_room(100), "nobody is logged in");
        two.set_user(load.clone());
        assert_eq!(passed(&mut one, 6) + passed(&mut two, 6), 10);
        one.tell(1);
        two.tell(2);
        assert!(one.has_room(1) && !one.has_room(2) && two.has_room(2));
        drop(two);
        assert_eq!(load.as_ref().unwrap().in_flight(), 1);
        assert!(one.has_room(3) && !one.has_room(4));
        one.set_user(None);
        assert_eq!(load.unwrap().in_flight(), 0);
    }

    #[test]
    fn what_is_off_is_not_there() {
        let off = TrafficLimits { in_flight_per_user: None, ..TrafficLimits::default() };
        assert!(UserLoad::new(&off).is_none());
    }
}
