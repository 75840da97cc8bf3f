//! Methods that have begun and not ended: futures of one session, polled in its task.
//!
//! Unlike `FuturesUnordered` it drops a future by its key at once, which is what cancelling a call means.

use std::{
    future::pending,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use trunkline_core::{MethodSchema, Outcome, RequestId, Session};

use crate::{
    dispatch::BoxFuture,
    panics::{contain, panicked},
    streams::Outlet,
    watch::Watched,
};

/// A method that has begun.
pub(crate) struct Handler {
    pub(crate) key: RequestId,
    pub(crate) method: &'static MethodSchema,
    pub(crate) future: BoxFuture<Outcome>,
    /// Whether it was polled before.
    pub(crate) begun: bool,
    /// Where its items go, if it gives a stream.
    pub(crate) outlet: Option<Arc<Outlet>>,
    /// Whoever is interested in the call.
    pub(crate) watched: Option<Box<Watched>>,
}

impl Handler {
    /// Sends the items that it has written; whether it has stopped because there is no room for more.
    fn flush(&mut self, session: &mut Session) -> bool {
        let Self { outlet, watched, .. } = self;
        outlet.as_ref().is_some_and(|outlet| {
            outlet.empty(|batch| {
                if let Some(watched) = watched {
                    watched.sent(batch.items(), batch.bytes());
                }
                session.send_items(batch);
            })
        })
    }
}

/// Polls a method; a panic is its outcome. Once it has ended, nothing of it is left.
pub(crate) fn poll(
    future: &mut BoxFuture<Outcome>,
    watched: Option<&Watched>,
    cx: &mut Context<'_>,
) -> Poll<Outcome> {
    let polled = catch_unwind(AssertUnwindSafe(|| Watched::within(watched, || future.as_mut().poll(cx))));
    let polled =
        polled.unwrap_or_else(|panic| Poll::Ready(Err(panicked("method", &*panic).after_execution().into())));
    if polled.is_ready() {
        // What takes its place has no size and so costs nothing.
        discard(mem::replace(future, Box::pin(pending())));
    }
    polled
}

/// Drops a method; what panics on the way out ends nobody else.
fn discard(future: BoxFuture<Outcome>) {
    contain("a method panicked while it was dropped", || drop(future));
}

/// The methods of one session that wait for something.
pub(crate) struct Handlers {
    places: Vec<Place>,
    free: Vec<usize>,
    queue: Arc<Queue>,
    /// Taken from the queue and not polled yet.
    woken: Vec<usize>,
    /// How many were never polled.
    unbegun: usize,
    /// Those that wait until more of their streams may be sent.
    stalled: Vec<usize>,
}

struct Place {
    handler: Option<Handler>,
    signal: Arc<Signal>,
}

/// The places that have something to do.
#[derive(Default)]
struct Queue {
    state: Mutex<QueueState>,
}

#[derive(Default)]
struct QueueState {
    woken: Vec<usize>,
    driver: Option<Waker>,
}

/// Wakes one place, whichever handler stands there: a wake that comes late costs one poll in vain.
struct Signal {
    place: usize,
    queued: AtomicBool,
    queue: Arc<Queue>,
}

impl Handlers {
    pub(crate) fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            queue: Arc::default(),
            woken: Vec::new(),
            unbegun: 0,
            stalled: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there are handlers that were never polled.
    pub(crate) fn has_unbegun(&self) -> bool {
        self.unbegun > 0
    }

    /// Adds a handler, to be polled soon.
    pub(crate) fn insert(&mut self, handler: Handler) {
        self.unbegun += usize::from(!handler.begun);
        let index = self.free.pop().unwrap_or_else(|| {
            let signal = Signal {
                place: self.places.len(),
                queued: AtomicBool::new(false),
                queue: Arc::clone(&self.queue),
            };
            self.places.push(Place { handler: None, signal: Arc::new(signal) });
            self.places.len() - 1
        });
        if let Some(place) = self.places.get_mut(index) {
            place.handler = Some(handler);
            place.signal.wake_by_ref();
        }
    }

    /// Drops a handler, which ends it wherever it waits; whoever is interested is still to be told.
    pub(crate) fn remove(&mut self, key: RequestId) -> Option<Box<Watched>> {
        let found = self
            .places
            .iter()
            .position(|place| place.handler.as_ref().is_some_and(|handler| handler.key == key));
        let handler = found.and_then(|index| self.take(index))?;
        discard(handler.future);
        handler.watched
    }

    /// Drops all handlers of such methods; which those were, and whoever is interested in them.
    pub(crate) fn remove_all(
        &mut self,
        which: impl Fn(&MethodSchema) -> bool,
    ) -> Vec<(RequestId, Option<Box<Watched>>)> {
        let matches = |place: &Place| place.handler.as_ref().is_some_and(|handler| which(handler.method));
        let found: Vec<usize> = self
            .places
            .iter()
            .enumerate()
            .filter_map(|(index, place)| matches(place).then_some(index))
            .collect();
        let removed = found.into_iter().filter_map(|index| self.take(index));
        removed
            .map(|handler| {
                discard(handler.future);
                (handler.key, handler.watched)
            })
            .collect()
    }

    /// Drops all handlers.
    pub(crate) fn clear(&mut self) {
        for place in self.places.drain(..) {
            if let Some(handler) = place.handler {
                discard(handler.future);
            }
        }
        self.free.clear();
        self.woken.clear();
        self.stalled.clear();
        self.unbegun = 0;
    }

    /// Begins a round: those that have something to do now are polled in it, each once. `cx` is woken when another has.
    pub(crate) fn begin(&mut self, cx: &Context<'_>) {
        let mut state = self.queue.lock();
        let earlier = match &state.driver {
            Some(driver) if driver.will_wake(cx.waker()) => None,
            _ => state.driver.replace(cx.waker().clone()),
        };
        // What an interrupted round has left comes first, and the first to be woken is the first to be polled.
        state.woken.reverse();
        state.woken.append(&mut self.woken);
        mem::swap(&mut state.woken, &mut self.woken);
        // Whoever was woken before may own more than a waker: it goes behind the lock.
        drop((state, earlier));
    }

    /// Whether the round is not over.
    pub(crate) fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// Polls a handler no more until there is room for its stream.
    fn stall(&mut self, index: usize) {
        if !self.stalled.contains(&index) {
            self.stalled.push(index);
        }
    }

    /// Wakes those whose streams may be sent on.
    pub(crate) fn wake_stalled(&mut self, session: &Session) {
        let places = &self.places;
        self.stalled.retain(|index| {
            let Some(place) = places.get(*index) else { return false };
            let Some(handler) = place.handler.as_ref().filter(|handler| handler.outlet.is_some()) else {
                return false;
            };
            let (items, bytes) = session.room(handler.key);
            let stays = items == 0 || bytes == 0;
            if !stays {
                place.signal.wake_by_ref();
            }
            stays
        });
    }

    /// The next handler of this round that has ended. What streams give meanwhile goes to the session.
    pub(crate) fn next(&mut self, session: &mut Session) -> Option<(Handler, Outcome)> {
        while let Some(index) = self.woken.pop() {
            let Some(place) = self.places.get_mut(index) else { continue };
            place.signal.queued.store(false, Ordering::Release);
            let Some(handler) = &mut place.handler else { continue };
            // Also the end of a stream waits in the way of the others, and may be large.
            if handler.outlet.is_some() && !session.wants_items() {
                self.stall(index);
                continue;
            }
            if !mem::replace(&mut handler.begun, true) {
                self.unbegun -= 1;
            }
            let waker = Waker::from(Arc::clone(&place.signal));
            if let Some(outlet) = &handler.outlet {
                outlet.open(session.room(handler.key));
            }
            let polled =
                poll(&mut handler.future, handler.watched.as_deref(), &mut Context::from_waker(&waker));
            if handler.flush(session) && polled.is_pending() {
                self.stall(index);
            }
            if let Poll::Ready(outcome) = polled
                && let Some(handler) = self.take(index)
            {
                return Some((handler, outcome));
            }
        }
        None
    }

    /// Frees memory that only a burst needed.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() && self.places.capacity() > 16 {
            *self = Self::new();
        }
    }

    fn take(&mut self, index: usize) -> Option<Handler> {
        let handler = self.places.get_mut(index)?.handler.take()?;
        self.unbegun -= usize::from(!handler.begun);
        self.free.push(index);
        Some(handler)
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // Nothing that holds this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let driver = {
            let mut state = self.queue.lock();
            state.woken.push(self.place);
            state.driver.take()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

#[cfg(test)]
mod tests;
