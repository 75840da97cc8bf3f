//! A call as it comes in, and the one door through which it reaches a service.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use futures_core::Stream;
use serde::de::DeserializeOwned;
use serde_json::Value;
use trunkline_core::{
    Code, Codec, DecodeError, EncodeError, Error, Failure, Fault, MethodSchema, Outcome, Params, Payload,
    Reply, RequestHead, ServiceSchema, Wire,
};

use crate::{
    connection::Connection,
    guard::Guard,
    handle::Pending,
    streams::{Outlet, Pump, Streaming},
    trace::TraceContext,
};

/// A boxed future, of which a call needs one.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A service that can be called by the number of its methods. `#[service]` implements it for `…Server`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be served as it is",
    label = "not a service",
    note = "pass the `…Server` that `#[service]` makes of a trait, with your type in it: `ChatServer::new(rooms)` for a trait \
            `Chat`"
)]
pub trait Dispatch: Send + Sync + 'static {
    /// What the service is.
    fn schema(&self) -> &'static ServiceSchema;

    /// The guard of a method, if it has one. Asked once, when the server is built.
    fn guard(&self, method: u32) -> Option<Guard> {
        let _ = method;
        None
    }

    /// Runs a method. Guards and limits have been passed.
    fn call(self: Arc<Self>, method: u32, call: Incoming) -> BoxFuture<Outcome>;
}

/// A call that has been let in: its head, and its parameters, which nobody has looked at yet.
#[derive(Debug)]
pub struct Incoming {
    head: CallHead,
    params: Payload,
    /// Of methods that give or take streams only.
    streams: Option<Box<CallStreams>>,
}

/// What a call has of streams.
#[derive(Default)]
pub(crate) struct CallStreams {
    /// Where the items go that the method gives.
    pub(crate) outlet: Option<Arc<Outlet>>,
    /// The streams among the parameters; taken one by one.
    pub(crate) uploads: Vec<Option<Arc<Pending>>>,
}

/// What is known of a call without its parameters: what extractors and guards see.
#[derive(Debug)]
pub struct CallHead {
    connection: Connection,
    method: &'static MethodSchema,
    request: Option<Box<RequestHead>>,
}

impl fmt::Debug for CallStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallStreams").field("uploads", &self.uploads.len()).finish_non_exhaustive()
    }
}

impl CallHead {
    pub(crate) fn new(
        connection: Connection,
        method: &'static MethodSchema,
        request: Option<Box<RequestHead>>,
    ) -> Self {
        Self { connection, method, request }
    }

    /// The session that the call came in on.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The method that is called.
    pub fn method(&self) -> &'static MethodSchema {
        self.method
    }

    /// Where the caller says that the call belongs in a trace. Within the method, [`TraceContext::current`] is a step of it.
    pub fn trace(&self) -> Option<TraceContext> {
        TraceContext::of_meta(&self.request.as_ref()?.meta)
    }

    /// What the caller sent beside the parameters, under `key`.
    pub fn meta<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        let value: &Value = self.request.as_ref()?.meta.get(key)?;
        T::deserialize(value).ok()
    }
}

impl Incoming {
    pub(crate) fn new(head: CallHead, params: Payload, streams: Option<Box<CallStreams>>) -> Self {
        Self { head, params, streams }
    }

    /// What is known of the call without its parameters.
    pub fn head(&self) -> &CallHead {
        &self.head
    }

    /// Begins to read the parameters one by one.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] if they are not parameters at all.
    pub fn params(&self) -> Result<Params<'_>, Error> {
        Params::new(&self.params, self.head.method.params)
    }

    /// Reads the parameters as one value.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`], with the path to what does not fit.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.params.decode().map_err(invalid)
    }

    /// Lets go of the encoded parameters, which may keep a whole packet in memory.
    pub fn release(&mut self) {
        self.params = Payload::new(self.params.codec(), Vec::new());
    }

    /// Encodes what the method returned.
    ///
    /// # Errors
    ///
    /// What the method failed with.
    pub fn reply<R: Reply>(&self, reply: R) -> Outcome {
        let codec = self.params.codec();
        match reply.into_result() {
            Ok(value) => encode(codec, &value),
            Err(fault) => Err(failed(codec, fault)),
        }
    }

    /// The stream among the parameters that is next in `params`.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`] if the parameter is no stream, or one that the call does not have.
    pub fn upload<T: Wire>(&mut self, index: Result<usize, Error>) -> Result<Streaming<T>, Error> {
        let uploads = self.streams.as_mut().map(|streams| streams.uploads.as_mut_slice()).unwrap_or_default();
        let pending = uploads.get_mut(index?).and_then(Option::take);
        let missing = || {
            Error::invalid("a stream among the parameters is not one that the call sends, or is there twice")
        };
        pending.map(Streaming::received).ok_or_else(missing)
    }

    /// Sends the items of the stream that the method gives; the output is its end. `R` is what a method would return that gave one
    /// item.
    pub fn stream<R: Reply, S>(self, stream: S) -> impl Future<Output = Outcome> + Send + use<R, S>
    where
        S: Stream<Item: Reply<Ok = R::Ok>> + Send,
    {
        let codec = self.params.codec();
        let outlet = self.streams.and_then(|streams| streams.outlet);
        async move {
            match outlet {
                Some(outlet) => Pump::new(outlet, codec, stream).await,
                None => Err(Error::new(Code::Unimplemented, "there is nowhere to stream to").into()),
            }
        }
    }

    /// As [`Self::stream`], for a method that may fail before there is a stream.
    pub fn try_stream<R: Reply, S, F>(
        self,
        stream: Result<S, F>,
    ) -> impl Future<Output = Outcome> + Send + use<R, S, F>
    where
        S: Stream<Item: Reply<Ok = R::Ok>> + Send,
        F: Fault + Send,
    {
        let codec = self.params.codec();
        let started = stream.map(|stream| self.stream::<R, S>(stream));
        async move {
            match started {
                Ok(items) => items.await,
                Err(fault) => Err(failed(codec, fault)),
            }
        }
    }

    /// The answer to a number that no method has.
    pub fn unimplemented(self) -> BoxFuture<Outcome> {
        Box::pin(async { Err(Error::new(Code::Unimplemented, "there is no such method").into()) })
    }
}

/// What a caller is told of a failure of the method itself.
pub(crate) fn failed<F: Fault>(codec: Codec, fault: F) -> Failure {
    match fault.into_app() {
        Ok(error) => match encode(codec, &error) {
            Ok(error) => Failure::App(error),
            Err(failure) => failure,
        },
        Err(error) => error.after_execution().into(),
    }
}

fn encode<T: serde::Serialize>(codec: Codec, value: &T) -> Outcome {
    Payload::encode(codec, value).map_err(unwritten)
}

#[cold]
fn unwritten(error: EncodeError) -> Failure {
    Error::internal().with_detail(error).after_execution().into()
}

#[cold]
#[expect(clippy::needless_pass_by_value, reason = "reads well in map_err")]
fn invalid(error: DecodeError) -> Error {
    Error::invalid(error.to_string())
}

/// What a method can have injected beside its parameters: who calls, on what session, or anything of your own that is
/// found in the head of the call.
///
/// `User`, `Option<User>`, `Connection` and `Hub` are recognised by name; put `#[extract]` before an argument of any
/// other type.
///
/// ```
/// use trunkline_peer::{CallHead, FromCall};
/// use trunkline_core::Error;
///
/// struct Tenant(String);
///
/// impl FromCall for Tenant {
///     async fn from_call(call: &CallHead) -> Result<Self, Error> {
///         let tenant = call.connection().header("x-tenant").ok_or_else(|| Error::invalid("x-tenant is missing"))?;
///         Ok(Self(tenant.to_owned()))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be extracted from a call",
    label = "not an extractor",
    note = "implement `trunkline::FromCall` for `{Self}`, or leave out `#[extract]` if the client is to send it",
    note = "a type of your own that is called `User`, `Connection` or `Hub` is sent by the client if `#[param]` stands before \
            the argument"
)]
pub trait FromCall: Sized + Send {
    /// Finds the value in the head of a call; an error ends the call before its parameters are decoded.
    fn from_call(call: &CallHead) -> impl Future<Output = Result<Self, Error>> + Send;
}

impl FromCall for Connection {
    async fn from_call(call: &CallHead) -> Result<Self, Error> {
        Ok(call.connection().clone())
    }
}

impl FromCall for crate::User {
    async fn from_call(call: &CallHead) -> Result<Self, Error> {
        call.connection().user().ok_or_else(Error::unauthenticated)
    }
}

impl FromCall for Option<crate::User> {
    async fn from_call(call: &CallHead) -> Result<Self, Error> {
        Ok(call.connection().user())
    }
}

impl fmt::Debug for dyn Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dispatch").field(&self.schema().name).finish()
    }
}
