//! Failed logins of the last minute, by where they come from: whoever has failed too often is judged no more for a while.
//!
//! Attempts are counted when they have failed, so that some more may be under way at the same time: of one session there is
//! only one, and of one address as many as it may have connections that are not logged in.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use trunkline_core::shown;
use trunkline_peer::{PeerInfo, network, now};

/// Whose failures are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// `None`: all of whom not even the address is known.
    Network(Option<IpAddr>),
    /// Whom clients say they are, from wherever they say it.
    Claimed(Box<str>),
}

impl Source {
    pub(crate) fn of(peer: &PeerInfo, claimed: Option<&str>) -> Vec<Self> {
        let network = Self::Network(peer.remote_addr().map(|addr| network(addr.ip())));
        let claimed = claimed.filter(|claimed| !claimed.is_empty());
        [network]
            .into_iter()
            .chain(claimed.map(|claimed| Self::Claimed(shown(claimed, 128).into())))
            .collect()
    }
}

/// What was counted.
#[derive(Debug)]
pub(crate) struct Failures {
    per_minute: u32,
    counted: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    sources: HashMap<Source, Counted>,
    /// When those were last forgotten whose minute is over, while the table is full.
    swept_at: Option<Instant>,
}

#[derive(Debug)]
struct Counted {
    since: Instant,
    failures: u32,
}

impl Counted {
    fn left(&self, now: Instant) -> Duration {
        MINUTE.saturating_sub(now.saturating_duration_since(self.since))
    }
}

const MINUTE: Duration = Duration::from_secs(60);
/// How many sources are counted at most. Of more at once, none is let off that was counted before.
const SOURCES: usize = 1 << 16;
/// How often a full table is looked through for those whose minute is over.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

impl Failures {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute, counted: Mutex::default() }
    }

    /// How long whoever comes from all of these has to wait before the next attempt.
    pub(crate) fn wait(&self, sources: &[Source]) -> Option<Duration> {
        let (now, table) = (now(), self.lock());
        let counted = sources.iter().filter_map(|source| table.sources.get(source));
        let wait =
            counted.filter(|counted| counted.failures >= self.per_minute).map(|counted| counted.left(now));
        wait.max().filter(|left| !left.is_zero())
    }

    /// Counts a failure.
    pub(crate) fn note(&self, sources: &[Source]) {
        let (now, mut table) = (now(), self.lock());
        for source in sources {
            table.note(now, source);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing that holds this lock can panic half-way through a change.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn note(&mut self, now: Instant, source: &Source) {
        let is_full = self.sources.len() >= SOURCES;
        let is_swept = self.swept_at.is_some_and(|at| now.saturating_duration_since(at) < SWEEP_EVERY);
        if self.sources.len() == self.sources.capacity() || (is_full && !is_swept) {
            self.sources.retain(|_, counted| !counted.left(now).is_zero());
            self.swept_at = Some(now);
        }
        if self.sources.len() >= SOURCES && !self.sources.contains_key(source) {
            return;
        }
        let counted = self.sources.entry(source.clone()).or_insert(Counted { since: now, failures: 0 });
        if counted.left(now).is_zero() {
            *counted = Counted { since: now, failures: 0 };
        }
        counted.failures = counted.failures.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn source(number: usize) -> [Source; 1] {
        let bits = u32::try_from(number).unwrap();
        [Source::Network(Some(Ipv4Addr::from_bits(bits).into()))]
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_that_was_full_counts_again_when_the_minute_is_over() {
        let failures = Failures::new(1);
        for number in 0..=SOURCES {
            failures.note(&source(number));
        }
        assert!(failures.wait(&source(0)).is_some(), "it was counted before the table was full");
        assert!(failures.wait(&source(SOURCES)).is_none(), "there was no place for it");
        tokio::time::advance(MINUTE).await;
        failures.note(&source(SOURCES + 1));
        assert!(failures.wait(&source(0)).is_none());
        assert!(failures.wait(&source(SOURCES + 1)).is_some());
        assert_eq!(failures.lock().sources.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn those_without_an_address_are_counted_together() {
        let failures = Failures::new(2);
        let nowhere = || Source::of(&PeerInfo::local(), None);
        failures.note(&nowhere());
        assert_eq!(failures.wait(&nowhere()), None);
        failures.note(&nowhere());
        assert_eq!(failures.wait(&nowhere()), Some(MINUTE));
    }
}
