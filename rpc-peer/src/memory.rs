//! A pair of transports without a network.

use std::{
    collections::VecDeque,
    io,
    num::NonZeroUsize,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_core::Stream;
use futures_sink::Sink;
use trunkline_core::Packet;

use crate::transport::{Transport, TransportError};

/// One end of an in-memory pair.
#[derive(Debug)]
pub struct Memory {
    incoming: Arc<Pipe>,
    outgoing: Arc<Pipe>,
}

/// Two ends of a connection, each of which holds `capacity` packets that the other has not taken.
///
/// A sender waits while that many are there, as it would for a socket.
pub fn memory(capacity: NonZeroUsize) -> (Memory, Memory) {
    let pipe = || Arc::new(Pipe { capacity: capacity.get(), state: Mutex::default() });
    let (one, two) = (pipe(), pipe());
    (
        Memory { incoming: Arc::clone(&one), outgoing: Arc::clone(&two) },
        Memory { incoming: two, outgoing: one },
    )
}

#[derive(Debug)]
struct Pipe {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    packets: VecDeque<Packet>,
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Transport for Memory {}

impl Stream for Memory {
    type Item = Result<Packet, TransportError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.incoming.lock();
        match state.packets.pop_front() {
            Some(packet) => {
                let writer = state.writer.take();
                drop(state);
                writer.into_iter().for_each(Waker::wake);
                Poll::Ready(Some(Ok(packet)))
            }
            None if state.closed => Poll::Ready(None),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Sink<Packet> for Memory {
    type Error = TransportError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        let mut state = self.outgoing.lock();
        if state.closed {
            return Poll::Ready(Err(io::Error::from(io::ErrorKind::BrokenPipe).into()));
        }
        if state.packets.len() < self.outgoing.capacity {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn start_send(self: Pin<&mut Self>, packet: Packet) -> Result<(), TransportError> {
        let mut state = self.outgoing.lock();
        state.packets.push_back(packet);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.outgoing.close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.outgoing.close();
        self.incoming.close();
    }
}
