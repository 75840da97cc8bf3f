//! A stream as its caller holds it.

use std::{
    fmt,
    future::poll_fn,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_core::Stream;
use serde::Serialize;
use trunkline_core::{AppError, Failure, Fault, Never, Reply, Wire};

use super::consumer::{Consumer, Polled};
use crate::{
    call::{CallError, Exchange, misunderstood, unknown},
    trace::TraceContext,
};

/// What a generated client gives for a method whose stream has items of `R`.
pub type StreamOf<R> = Subscription<<R as Reply>::Ok, <<R as Reply>::Fault as Fault>::App>;

/// What a method gives that gives a stream: items, one after another, until it ends.
///
/// The call leaves when it is first polled. The method is at most as far ahead of the application as the limits `stream_items` (1,024
/// unless set) and `stream_bytes` (256 KiB) allow: a reader that stops holds it there. Unlike calls, streams have no deadline
/// unless [`Self::timeout`] or the method sets one.
///
/// ```ignore
/// let mut live = chat.summarise("lobby");
/// while let Some(line) = live.next().await {
///     println!("{}", line?);
/// }
/// ```
///
/// # Cancel safety
///
/// Dropping it cancels the method on the server, whose stream is dropped. Dropping the future of [`Self::next`] loses no item.
#[must_use = "a stream is only asked for when it is polled"]
pub struct Subscription<T, E = Never> {
    source: Source,
    gives: PhantomData<fn() -> (T, E)>,
}

/// Where the items come from.
enum Source {
    /// A call that gives a stream.
    Call {
        exchange: Exchange,
        consumer: Consumer,
    },
    Over,
}

impl<T, E> Subscription<T, E> {
    pub(crate) fn of_call(exchange: Exchange) -> Self {
        Self { source: Source::Call { exchange, consumer: Consumer::default() }, gives: PhantomData }
    }

    fn exchange(&mut self) -> Option<&mut Exchange> {
        match &mut self.source {
            Source::Call { exchange, .. } => Some(exchange),
            Source::Over => None,
        }
    }

    /// Gives the whole stream this long, from when it is first polled: no limit unless set or its method says. It then ends with
    /// `DEADLINE_EXCEEDED`, and the server drops the method.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        if let Some(exchange) = self.exchange() {
            exchange.set_timeout(timeout);
        }
        self
    }

    /// Sends a value beside the parameters, as [`crate::Call::meta`] does.
    pub fn meta<M: Serialize>(mut self, key: impl Into<String>, value: M) -> Self {
        if let Some(exchange) = self.exchange() {
            exchange.set_meta(key.into(), value);
        }
        self
    }

    /// Sends where the call belongs in a trace, as [`crate::Call::trace`] does.
    pub fn trace(mut self, context: TraceContext) -> Self {
        if let Some(exchange) = self.exchange() {
            exchange.set_trace(context);
        }
        self
    }
}

impl<T: Wire, E: AppError> Subscription<T, E> {
    /// The next item; `None` when the stream has ended.
    ///
    /// # Errors
    ///
    /// The method's typed error, or one of Trunkline's as for a call: refused, cancelled, or `UNAVAILABLE` if the connection was
    /// lost. Nothing comes behind an error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no item.
    pub async fn next(&mut self) -> Option<Result<T, CallError<E>>> {
        poll_fn(|cx| self.poll_item(cx)).await
    }

    fn poll_item(&mut self, cx: &Context<'_>) -> Poll<Option<Result<T, CallError<E>>>> {
        let Source::Call { exchange, consumer } = &mut self.source else { return Poll::Ready(None) };
        exchange.send();
        let failure = match ready!(consumer.poll(exchange.pending(), cx)) {
            Polled::Item(Ok(item)) => return Poll::Ready(Some(Ok(item))),
            // What it cannot read is no longer wanted: the call is given up.
            Polled::Item(Err(error)) => Failure::Rpc(misunderstood(&error)),
            Polled::End(outcome) => match exchange.end(outcome) {
                Ok(_) => {
                    self.source = Source::Over;
                    return Poll::Ready(None);
                }
                Err(failure) => failure,
            },
        };
        self.source = Source::Over;
        Poll::Ready(Some(Err(match failure {
            Failure::Rpc(error) => CallError::Rpc(error),
            Failure::App(error) => match error.decode() {
                Ok(error) => CallError::App(error),
                Err(error) => CallError::Rpc(unknown(error)),
            },
        })))
    }
}

impl<T, E> Unpin for Subscription<T, E> {}

impl<T: Wire, E: AppError> Stream for Subscription<T, E> {
    type Item = Result<T, CallError<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_item(cx)
    }
}

impl<T, E> fmt::Debug for Subscription<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let over = matches!(self.source, Source::Over);
        f.debug_struct("Subscription").field("over", &over).finish_non_exhaustive()
    }
}
