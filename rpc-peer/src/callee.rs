//! What a generated client is built over, and what becomes of its calls there: one peer answers them, an audience hears
//! them.

use std::{
    borrow::Cow,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use trunkline_core::{Codec, EncodeError, Error, Payload, ServiceSchema};

use crate::{
    call::Call,
    connection::Connection,
    dispatch::BoxFuture,
    handle::{AsHandle, CallOf, Handle},
};

/// What a generated client is built over, as in `ChatClient::new(&client)`: a client, a connection, or an audience.
///
/// [`Self::Kind`] becomes the parameter of the generated client: `ChatClient`, which is `ChatClient<Direct>`, or
/// `ChatClient<Cast>`.
#[diagnostic::on_unimplemented(
    message = "no calls go through `{Self}`",
    label = "neither a client nor a connection nor an audience",
    note = "build a stub over a `trunkline::Client` or a `trunkline::Connection`, as in `ChatClient::new(&client)`, or over an \
            audience of a `trunkline::Hub`"
)]
pub trait Callee {
    /// What becomes of calls.
    type Kind: CalleeKind;

    /// The way that calls take.
    fn callee(&self) -> Self::Kind;
}

/// What becomes of the calls of a generated client: [`Direct`] or [`Cast`].
pub trait CalleeKind {
    /// What a method without an answer gives: a future.
    type Sent;

    /// Prepares the call of a method without an answer. `params` encodes its parameters.
    #[doc(hidden)]
    fn send(&self, schema: &'static ServiceSchema, method: usize, params: impl EncodeParams) -> Self::Sent;
}

/// What gives an answer to a call, so that all methods of a service can be called.
#[diagnostic::on_unimplemented(
    message = "the method returns a value, and an audience gives none: call it over a connection, or declare it `oneway`",
    label = "it cannot be called over an audience",
    note = "`hub.user(id)`, `hub.everyone()` and their like are audiences; `for conn in audience.connections()` goes through \
            their connections"
)]
pub trait Answers: CalleeKind {
    /// The way to the driver.
    #[doc(hidden)]
    fn handle(&self) -> &Handle;
}

/// Encodes the parameters of a call.
pub trait EncodeParams: Fn(Codec) -> Result<Payload, EncodeError> + Send + 'static {}
impl<F: Fn(Codec) -> Result<Payload, EncodeError> + Send + 'static> EncodeParams for F {}

/// One peer: the server of a client, or the client at the other end of a connection. Methods give a [`Call`].
#[derive(Debug, Clone)]
pub struct Direct {
    handle: Handle,
}

impl Direct {
    /// Calls whoever the driver of `handle` speaks to.
    pub fn new(handle: &Handle) -> Self {
        Self { handle: handle.clone() }
    }
}

impl CalleeKind for Direct {
    type Sent = CallOf<()>;

    fn send(&self, schema: &'static ServiceSchema, method: usize, params: impl EncodeParams) -> Call<()> {
        self.handle.call::<()>(schema, method, params(self.handle.codec()))
    }
}

impl Answers for Direct {
    fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Callee for Handle {
    type Kind = Direct;

    fn callee(&self) -> Direct {
        Direct::new(self)
    }
}

impl Callee for Connection {
    type Kind = Direct;

    fn callee(&self) -> Direct {
        Direct::new(self.as_handle())
    }
}

/// An audience: many peers that are told the same, and give no answer. Only `oneway` methods can be called; they give a
/// [`Sending`].
#[derive(Clone)]
pub struct Cast(Arc<dyn Broadcast>);

impl Cast {
    /// Tells whoever `audience` reaches.
    pub fn new(audience: impl Broadcast) -> Self {
        Self(Arc::new(audience))
    }
}

impl CalleeKind for Cast {
    type Sent = Sending;

    fn send(&self, schema: &'static ServiceSchema, method: usize, params: impl EncodeParams) -> Sending {
        let method = schema.methods.get(method).map_or("", |method| method.wire_name());
        let (audience, notification) = (Arc::clone(&self.0), Notification::new(method, params));
        Sending(Box::pin(async move { audience.broadcast(notification).await }))
    }
}

impl fmt::Debug for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cast").finish_non_exhaustive()
    }
}

/// Peers that can be told something at once.
pub trait Broadcast: Send + Sync + 'static {
    /// Sends `notification` to those that are present now; how many that are at this node.
    fn broadcast(&self, notification: Notification) -> BoxFuture<Result<usize, Error>>;
}

/// The call of a method without an answer, to be encoded once for all receivers that share a codec.
pub struct Notification {
    method: Cow<'static, str>,
    params: Box<dyn Fn(Codec) -> Result<Payload, EncodeError> + Send>,
}

impl Notification {
    /// The call of `method`, by its name on the wire; `params` encodes the parameters.
    pub fn new(method: impl Into<Cow<'static, str>>, params: impl EncodeParams) -> Self {
        Self { method: method.into(), params: Box::new(params) }
    }

    /// The name of the method on the wire.
    pub fn method(&self) -> Cow<'static, str> {
        self.method.clone()
    }

    /// Encodes the parameters.
    ///
    /// # Errors
    ///
    /// `INVALID_ARGUMENT` if they have no form in the codec.
    pub fn params(&self, codec: Codec) -> Result<Payload, Error> {
        let encoded = (self.params)(codec);
        encoded.map_err(|error| Error::invalid(format!("the parameters cannot be encoded: {error}")))
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notification").field("method", &self.method).finish_non_exhaustive()
    }
}

/// A call to an audience: it leaves when it is first polled, and resolves to how many receivers this node has reached.
///
/// # Errors
///
/// `INVALID_ARGUMENT` if the parameters cannot be encoded, `UNAVAILABLE` if other nodes cannot be reached.
///
/// # Cancel safety
///
/// Dropping it before it was polled sends nothing; after that it has been sent.
#[must_use = "nothing is sent until this is awaited"]
pub struct Sending(BoxFuture<Result<usize, Error>>);

impl Future for Sending {
    type Output = Result<usize, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}
