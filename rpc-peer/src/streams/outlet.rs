//! The producing end: a stream becomes a handler that writes items, as far as the consumer takes them.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_core::Stream;
use trunkline_core::{Codec, ItemBatch, Outcome, Payload, Reply};

use crate::dispatch::failed;

/// How much a stream gives before others get the thread.
const ITEMS: u64 = 256;
const BYTES: u64 = 64 << 10;

/// Where the driver and a handler of its hand items over. Only one of them looks at it at a time, for both are one task.
#[derive(Debug)]
pub(crate) struct Outlet {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Not there while the handler writes.
    batch: Option<ItemBatch>,
    /// Items and bytes that may be sent.
    room: (u64, u64),
    /// Whether the handler has stopped because there was no room.
    stalled: bool,
}

impl Outlet {
    pub(crate) fn new(batch: ItemBatch) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { batch: Some(batch), room: (0, 0), stalled: false }) })
    }

    /// Lets the handler send so much, before it is polled.
    pub(crate) fn open(&self, room: (u64, u64)) {
        let mut state = self.lock();
        (state.room, state.stalled) = (room, false);
    }

    /// Hands over what the handler has written, after it was polled; whether it has stopped for want of room.
    pub(crate) fn empty(&self, send: impl FnOnce(&mut ItemBatch)) -> bool {
        let mut state = self.lock();
        if let Some(batch) = state.batch.as_mut().filter(|batch| batch.items() > 0) {
            send(batch);
        }
        state.stalled
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One turn of a handler at its outlet, which gets everything back at the end, also if the stream panics.
struct Turn<'a> {
    outlet: &'a Outlet,
    batch: Option<ItemBatch>,
    room: (u64, u64),
    stalled: bool,
}

impl<'a> Turn<'a> {
    fn new(outlet: &'a Outlet) -> Self {
        let mut state = outlet.lock();
        Self { outlet, batch: state.batch.take(), room: state.room, stalled: false }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.outlet.lock();
        (state.batch, state.room, state.stalled) = (self.batch.take(), self.room, self.stalled);
    }
}

/// Sends all items of a stream; the outcome is its end.
pub(crate) struct Pump<S> {
    outlet: Arc<Outlet>,
    codec: Codec,
    stream: Pin<Box<S>>,
}

impl<S> Pump<S> {
    pub(crate) fn new(outlet: Arc<Outlet>, codec: Codec, stream: S) -> Self {
        Self { outlet, codec, stream: Box::pin(stream) }
    }
}

impl<S: Stream<Item: Reply>> Future for Pump<S> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Self { outlet, codec, stream } = &mut *self;
        let mut turn = Turn::new(outlet);
        let (mut items, mut bytes) = (0, 0);
        loop {
            if turn.room.0 == 0 || turn.room.1 == 0 {
                turn.stalled = true;
                return Poll::Pending;
            }
            if items >= ITEMS || bytes >= BYTES {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let item = match stream.as_mut().poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(Payload::null(*codec))),
                Poll::Ready(Some(item)) => item.into_result(),
            };
            let value = match item {
                Ok(value) => value,
                Err(fault) => return Poll::Ready(Err(failed(*codec, fault))),
            };
            let Some(batch) = &mut turn.batch else { return Poll::Pending };
            match batch.push(&value) {
                Ok(len) => {
                    (items, bytes) = (items + 1, bytes + len);
                    turn.room = (turn.room.0 - 1, turn.room.1.saturating_sub(len));
                }
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}
