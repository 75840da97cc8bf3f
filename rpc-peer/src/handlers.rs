//! Methods that have begun and not ended: futures of one session, polled in its task.
//!
//! Unlike `FuturesUnordered` it drops a future by its key at once, which is what cancelling a call means.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use trunkline_core::{MethodSchema, Outcome};

use crate::{dispatch::BoxFuture, router::panicked};

/// A method that has begun.
pub(crate) struct Handler<K> {
    pub(crate) key: K,
    pub(crate) method: &'static MethodSchema,
    pub(crate) future: BoxFuture<Outcome>,
}

/// Polls a method; a panic is its outcome.
pub(crate) fn poll(future: &mut BoxFuture<Outcome>, cx: &mut Context<'_>) -> Poll<Outcome> {
    catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)))
        .unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
}

/// The methods of one session that wait for something.
pub(crate) struct Handlers<K> {
    places: Vec<Place<K>>,
    free: Vec<usize>,
    queue: Arc<Queue>,
    /// Taken from the queue and not polled yet.
    woken: Vec<usize>,
}

struct Place<K> {
    handler: Option<Handler<K>>,
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

impl<K: Copy + PartialEq> Handlers<K> {
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), queue: Arc::default(), woken: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a handler, to be polled soon.
    pub(crate) fn insert(&mut self, handler: Handler<K>) {
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

    /// Drops a handler, which ends it wherever it waits.
    pub(crate) fn remove(&mut self, key: K) {
        let found = self
            .places
            .iter()
            .position(|place| place.handler.as_ref().is_some_and(|handler| handler.key == key));
        if let Some(index) = found {
            drop(self.take(index));
        }
    }

    /// Drops all handlers.
    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.free.clear();
        self.woken.clear();
    }

    /// Begins a round: those that have something to do now are polled in it, each once. `cx` is woken when another has.
    pub(crate) fn begin(&mut self, cx: &Context<'_>) {
        let mut state = self.queue.lock();
        match &mut state.driver {
            Some(driver) => driver.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        // What an interrupted round has left comes first, and the first to be woken is the first to be polled.
        state.woken.reverse();
        state.woken.append(&mut self.woken);
        std::mem::swap(&mut state.woken, &mut self.woken);
    }

    /// Whether the round is not over.
    pub(crate) fn has_woken(&self) -> bool {
        !self.woken.is_empty()
    }

    /// The next handler of this round that has ended.
    pub(crate) fn next(&mut self) -> Option<(Handler<K>, Outcome)> {
        while let Some(index) = self.woken.pop() {
            let Some(place) = self.places.get_mut(index) else { continue };
            place.signal.queued.store(false, Ordering::Release);
            let Some(handler) = &mut place.handler else { continue };
            let waker = Waker::from(Arc::clone(&place.signal));
            if let Poll::Ready(outcome) = poll(&mut handler.future, &mut Context::from_waker(&waker))
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

    fn take(&mut self, index: usize) -> Option<Handler<K>> {
        let handler = self.places.get_mut(index)?.handler.take()?;
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
