//! A stream that a caller sends along with its call.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use serde::Serialize;
use trunkline_core::{Code, EncodeError, Error, Failure, Outcome, ParamsWriter, Payload, Wire};

use super::{
    BoxStream,
    consumer::{Consumer, Polled},
    outlet::{Outlet, Pump},
};
use crate::{
    dispatch::BoxFuture,
    handle::{IntoParams, Pending},
};

/// A stream as a parameter of a method: the caller sends its items while the method runs.
///
/// In a trait under `#[service]` it stands as the whole type of an argument: `lines: Streaming<String>`. A caller makes one of any
/// stream by [`Self::new`]; the method takes the items by [`Self::next`], or as a [`Stream`]. The caller is at most as far ahead
/// as the limits `stream_items` (1,024 unless set) and `stream_bytes` (256 KiB) of the method's side allow, and stops there until the
/// method has taken items.
///
/// A method that drops it wants no more, and the caller's stream is dropped. When the method returns, so it is as well. The other
/// way round, a caller that gives its call up ends the method.
///
/// ```
/// use futures_util::stream;
/// use trunkline_peer::Streaming;
///
/// let lines = Streaming::new(stream::iter(["one".to_owned(), "two".to_owned()]));
/// # let _ = lines;
/// ```
pub struct Streaming<T> {
    source: Origin<T>,
}

enum Origin<T> {
    /// Made here, to be sent.
    Own(BoxStream<Result<T, Error>>),
    /// Sent by the peer.
    Peers {
        pending: Arc<Pending>,
        consumer: Consumer,
    },
    Over,
}

impl<T> Streaming<T> {
    /// Sends the items of `stream`.
    pub fn new(stream: impl Stream<Item = T> + Send + 'static) -> Self
    where
        T: 'static,
    {
        Self::of_results(Succeeding(Box::pin(stream)))
    }

    /// Sends the items of `stream` up to the first error, with which the method's stream ends too.
    pub fn of_results(stream: impl Stream<Item = Result<T, Error>> + Send + 'static) -> Self {
        Self { source: Origin::Own(Box::pin(stream)) }
    }

    pub(crate) fn received(pending: Arc<Pending>) -> Self {
        Self { source: Origin::Peers { pending, consumer: Consumer::default() } }
    }
}

impl<T: Wire> Streaming<T> {
    /// The next item; `None` when the caller's stream has ended.
    ///
    /// # Errors
    ///
    /// The error with which the caller has ended it; `UNAVAILABLE` if the connection was lost, `CANCELLED` if the call is over,
    /// `INVALID_ARGUMENT` for an item that is no `T`. Nothing comes behind an error.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no item.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        let item = match &mut self.source {
            Origin::Own(stream) => return stream.as_mut().poll_next(cx),
            Origin::Over => return Poll::Ready(None),
            Origin::Peers { pending, consumer } => ready!(consumer.poll(pending, cx)),
        };
        Poll::Ready(match item {
            Polled::Item(Ok(item)) => Some(Ok(item)),
            Polled::Item(Err(error)) => {
                self.leave();
                Some(Err(Error::invalid(format!("an item of the stream does not fit: {error}"))))
            }
            Polled::End(outcome) => {
                self.source = Origin::Over;
                match outcome {
                    Ok(_) => None,
                    Err(Failure::Rpc(error)) => Some(Err(error)),
                    Err(Failure::App(_)) => {
                        Some(Err(Error::new(Code::Unknown, "the caller ended the stream with an error")))
                    }
                }
            }
        })
    }
}

impl<T> Streaming<T> {
    fn leave(&mut self) {
        if let Origin::Peers { pending, .. } = std::mem::replace(&mut self.source, Origin::Over) {
            pending.give_up();
        }
    }
}

impl<T> Drop for Streaming<T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T> Unpin for Streaming<T> {}

impl<T: Wire> Stream for Streaming<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_item(cx)
    }
}

impl<T> fmt::Debug for Streaming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").finish_non_exhaustive()
    }
}

/// A stream each of whose items is a success.
struct Succeeding<S>(Pin<Box<S>>);

impl<S: Stream> Stream for Succeeding<S> {
    type Item = Result<S::Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx).map(|item| item.map(Ok))
    }
}

/// What sends a stream once its call has left.
pub(crate) type Source = Box<dyn FnOnce(Arc<Outlet>) -> BoxFuture<Outcome> + Send>;

/// What sends the streams among the parameters of a call.
#[derive(Default)]
pub struct Uploads(pub(crate) Vec<Source>);

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Uploads").field(&self.0.len()).finish()
    }
}

/// The parameters of a call that sends streams along, written one by one.
pub struct WithUploads {
    params: ParamsWriter,
    sources: Vec<Source>,
}

impl WithUploads {
    pub(crate) fn new(params: ParamsWriter) -> Self {
        Self { params, sources: Vec::new() }
    }

    /// Adds a parameter that is a value.
    pub fn push<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.params.push(value);
    }

    /// Adds a parameter that is a stream.
    pub fn upload<T: Wire>(&mut self, stream: Streaming<T>) {
        let codec = self.params.codec();
        self.params.push_stream(self.sources.len());
        self.sources.push(Box::new(move |outlet| Box::pin(Pump::new(outlet, codec, stream))));
    }
}

impl IntoParams for WithUploads {
    fn into_params(self) -> Result<Payload, EncodeError> {
        self.params.finish()
    }

    fn take_uploads(&mut self) -> Uploads {
        Uploads(std::mem::take(&mut self.sources))
    }
}

impl fmt::Debug for WithUploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithUploads").finish_non_exhaustive()
    }
}
