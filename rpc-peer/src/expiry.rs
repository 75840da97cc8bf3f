//! How long before and after the end of a login what happens.

use std::time::{Duration, Instant, SystemTime};

use crate::clock::now;

/// The name of the notification that tells a client how soon its login ends.
pub(crate) const EXPIRING: &str = "rpc.expiring";

/// What a server does around the end of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// How long before its end the client is told: 60 s unless set, at most half of the time that is left when it logs in;
    /// zero for never.
    pub notice: Duration,
    /// How long after its end the client may still log in again on the same connection, before that is closed with 4401:
    /// 30 s unless set; zero for not at all.
    pub grace: Duration,
}

impl Default for Expiry {
    fn default() -> Self {
        Self { notice: Duration::from_secs(60), grace: Duration::from_secs(30) }
    }
}

/// The end of one login, by the runtime's clock and by the calendar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoginEnd {
    pub(crate) at: Instant,
    pub(crate) date: SystemTime,
    /// When the client is to be told.
    pub(crate) notice_at: Option<Instant>,
}

impl LoginEnd {
    /// `None` if the end is beyond every clock.
    pub(crate) fn new(date: SystemTime, expiry: Expiry) -> Option<Self> {
        let (now, left) = (now(), date.duration_since(SystemTime::now()).unwrap_or_default());
        let at = now.checked_add(left)?;
        let told = !expiry.notice.is_zero() && !left.is_zero();
        let notice_at = at.checked_sub(expiry.notice.min(left / 2)).filter(|_| told);
        Some(Self { at, date, notice_at })
    }

    /// When something is to be done next.
    pub(crate) fn next(&self) -> Instant {
        self.notice_at.unwrap_or(self.at)
    }
}
