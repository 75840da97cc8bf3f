//! The runtime's clock, which tests can stop: nothing at either end asks another one.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

/// So far ahead that it does not matter, and still within every clock: 30 years.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// The time by the runtime's clock. With tokio's clock paused, it stands still and jumps like all timers do.
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The time `duration` from now, or years ahead if the clock does not go so far.
pub fn after(duration: Duration) -> Instant {
    let now = now();
    now.checked_add(duration).or_else(|| now.checked_add(FAR)).unwrap_or(now)
}

/// One sleep, moved only when it would come too late: deadlines of calls that end in time cost nothing.
#[derive(Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
    /// Who is woken by it.
    waker: Option<Waker>,
}

impl Timer {
    /// Wakes `cx` at `at`, or earlier; ready if that has passed.
    pub(crate) fn arm(&mut self, cx: &mut Context<'_>, now: Instant, at: Option<Instant>) -> Poll<()> {
        let Some(at) = at else { return Poll::Pending };
        if at <= now {
            return Poll::Ready(());
        }
        let at = tokio::time::Instant::from_std(at);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        let early = sleep.deadline() <= at && !sleep.is_elapsed();
        if early && self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        if !early {
            sleep.as_mut().reset(at);
        }
        self.waker = Some(cx.waker().clone());
        // A task that has used up its budget would be told to come back before the sleep knows whom to wake.
        pin!(tokio::task::unconstrained(sleep.as_mut())).poll(cx)
    }
}
