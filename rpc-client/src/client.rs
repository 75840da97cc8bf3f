//! A client: one connection and the task that drives it.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use trunkline_core::{AnyError, CloseCode, CloseReason, Error, Role, Session, Wire};
use trunkline_peer::{AsHandle, Call, Driver, Handle, Transport};

use crate::{
    builder::ClientBuilder,
    dial::{self, Joined, Url},
    error::ConnectError,
};

/// A connection to a server. Cheap to clone; all clones, and all stubs made from them, share one WebSocket, which is closed
/// when the last of them is dropped.
#[derive(Clone)]
pub struct Client {
    handle: Handle,
    info: Arc<Info>,
}

/// What the server has said of itself, as of the last welcome.
#[derive(Default)]
struct Info {
    user: Mutex<Option<String>>,
}

impl Client {
    /// Begins to put together a client of the server at `url`, as in `ws://localhost:8080`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(url.into())
    }

    /// Logs in over a transport that is there already, such as `server.in_memory_as(user)`.
    ///
    /// # Errors
    ///
    /// If the server does not accept the client.
    pub async fn over(transport: impl Transport) -> Result<Self, ConnectError> {
        Self::builder("").over(transport).await
    }

    /// Calls a method by its name on the wire, without a generated client. `params` are an array or tuple by position,
    /// or a map or struct by name. An error of the method's own type arrives as [`AnyError`], with its code and data.
    pub fn call<T: Wire>(&self, method: impl Into<String>, params: impl Serialize) -> Call<T, AnyError> {
        self.handle.call_by_name(method, self.handle.body(&params))
    }

    /// Who the server takes this client for; `None` before a login.
    pub fn user(&self) -> Option<String> {
        self.info.user.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes the connection with 1000, for good. What was sent before still arrives; calls in flight, and those that wait
    /// for a connection, fail with `UNAVAILABLE`.
    pub fn close(&self) {
        self.handle.close(CloseReason::new(CloseCode::NORMAL, ""));
    }

    /// Whether calls fail at once because the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    pub(crate) fn spawn<T: Transport>(builder: &ClientBuilder, joined: Joined<T>) -> Self {
        let handle = builder.handle();
        let client = Self { handle: handle.owned(), info: Arc::default() };
        client.info.welcomed(&joined);
        let builder = builder.clone();
        tokio::spawn(async move {
            let _ending = Ending(handle.clone());
            drive(&builder, handle, joined).await;
        });
        client
    }

    pub(crate) fn spawn_lazy(builder: ClientBuilder, url: Url) -> Self {
        let handle = builder.handle();
        let client = Self { handle: handle.owned(), info: Arc::default() };
        let info = Arc::clone(&client.info);
        tokio::spawn(async move {
            let _ending = Ending(handle.clone());
            dial_when_called(&builder, &url, &handle, &info).await;
        });
        client
    }
}

impl Info {
    fn welcomed<T>(&self, joined: &Joined<T>) {
        self.user.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&joined.welcome.user);
    }
}

/// Ends the calls that come after the task.
struct Ending(Handle);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end(&Error::unavailable("the connection is closed"));
    }
}

/// Drives a connection until it ends.
async fn drive<T: Transport>(builder: &ClientBuilder, handle: Handle, joined: Joined<T>) {
    let mut session = Session::new(Role::Client, builder.config.clone(), builder.codec);
    let attached = session.attach(joined.link);
    let reason = Driver::new(joined.transport, session, handle, None, attached).await;
    tracing::debug!(%reason, "the connection has ended");
}

/// Dials whenever there is a call and no connection, until the client is dropped or closed.
async fn dial_when_called(builder: &ClientBuilder, url: &Url, handle: &Handle, info: &Info) {
    while handle.wanted().await {
        match handle.meanwhile(dial::connect(builder, url)).await {
            None => return,
            Some(Ok(joined)) => {
                info.welcomed(&joined);
                drive(builder, handle.clone(), joined).await;
            }
            Some(Err(error)) => {
                let error = Error::unavailable(format!("there is no connection: {error}")).with_detail(error);
                handle.fail_waiting(&error);
            }
        }
    }
}

impl AsHandle for Client {
    fn as_handle(&self) -> &Handle {
        &self.handle
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("user", &self.user()).finish_non_exhaustive()
    }
}
