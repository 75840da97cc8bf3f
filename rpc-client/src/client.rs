//! A client: one connection and the task that drives it.

use std::fmt;

use serde::Serialize;
use tokio::task::AbortHandle;
use trunkline_core::{AnyError, CloseCode, CloseReason, Code, Error, Role, Session, Wire};
use trunkline_peer::{
    AsHandle, Call, Callee, ConnectionState, Direct, Driver, Handle, States, Subscription, Transport,
};

use crate::{
    builder::ClientBuilder,
    dial::{self, Joined, Url},
    error::ConnectError,
    line::{ClientState, Line},
    login,
};

/// A connection to a server. Cheap to clone; all clones, and all stubs made from them, share one WebSocket, which is closed
/// when the last of them is dropped.
#[derive(Clone)]
pub struct Client {
    /// With the last of these the connection is closed.
    handle: Handle,
    line: Line,
}

impl Client {
    /// Begins to put together a client of the server at `url`, as in `ws://localhost:8080`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(url.into())
    }

    /// Logs in over a transport that is there already, such as `server.in_memory_as(user)`. What it exposes, among other
    /// settings, is said by a [builder](ClientBuilder::over).
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

    /// Asks for the stream of a method by its name on the wire, as [`Self::call`] does for one result. It leaves when it is first
    /// polled, and is cancelled when it is dropped.
    pub fn stream<T: Wire>(
        &self,
        method: impl Into<String>,
        params: impl Serialize,
    ) -> Subscription<T, AnyError> {
        self.handle.stream_by_name(method, self.handle.body(&params))
    }

    /// Who the server takes this client for; `None` before a login.
    pub fn user(&self) -> Option<String> {
        self.line.info.state().user
    }

    /// Where the client stands: the state of its connection, who it is, and why the last connection has ended.
    pub fn state(&self) -> ClientState {
        self.line.info.state()
    }

    /// The states of the connection from the present one on; see also [`ClientBuilder::on_state`].
    pub fn watch_state(&self) -> States {
        self.handle.watch_state()
    }

    /// Logs in on this connection, where the server did not know the client yet, or goes on as the same user with another
    /// token.
    ///
    /// # Errors
    ///
    /// `UNAUTHENTICATED` if the server knows nobody by the token: another may be tried, but the server closes the connection
    /// after some that have failed. `PERMISSION_DENIED` if it is somebody else's. `UNIMPLEMENTED` if the server knows no
    /// logins.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves it open whether the server has logged the client in.
    pub async fn login(&self, token: impl AsRef<str>) -> Result<(), Error> {
        login::log_in(&self.line, "rpc.login", token.as_ref()).await
    }

    /// Renews the login with another token of the same user: for new claims, or before the login ends. With a
    /// [token](ClientBuilder::token) that is a closure, a client does that by itself in time.
    ///
    /// # Errors
    ///
    /// As [`Self::login`], and `UNAUTHENTICATED` if nobody is logged in.
    ///
    /// # Cancel safety
    ///
    /// As [`Self::login`].
    pub async fn refresh(&self, token: impl AsRef<str>) -> Result<(), Error> {
        login::log_in(&self.line, "rpc.refresh", token.as_ref()).await
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

    pub(crate) fn spawn<T: Transport>(builder: ClientBuilder, line: Line, joined: Joined<T>) -> Self {
        let client = Self { handle: line.handle.owned(), line: line.clone() };
        tokio::spawn(async move {
            let ending = Ending(line);
            drive(&builder, &ending.0, joined).await;
        });
        client
    }

    pub(crate) fn spawn_lazy(builder: ClientBuilder, line: Line, url: Url) -> Self {
        let client = Self { handle: line.handle.owned(), line: line.clone() };
        tokio::spawn(async move {
            let ending = Ending(line);
            dial_when_called(&builder, &url, &ending.0).await;
        });
        client
    }
}

/// Ends the calls that come after the task.
struct Ending(Line);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.enter(ConnectionState::Disconnected);
        self.0.handle.end(&self.0.end_of_calls());
    }
}

/// Drives a connection until it ends.
async fn drive<T: Transport>(builder: &ClientBuilder, line: &Line, joined: Joined<T>) {
    let mut session = Session::new(Role::Client, builder.config.clone(), builder.codec);
    let attached = session.attach(joined.link);
    let services = builder.exposed.session(joined.id, joined.server, line.handle.clone());
    let driver = Driver::new(joined.transport, session, line.handle.clone(), services, attached);
    // A task of its own, so that calls need not pass by it.
    let (kept, token) = (line.clone(), builder.token.clone());
    let _keeping =
        Aborted(tokio::spawn(async move { login::keep(&kept, token.as_ref()).await }).abort_handle());
    let reason = driver.await;
    tracing::debug!(%reason, "the connection has ended");
}

/// A task that ends when this is dropped.
struct Aborted(AbortHandle);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Dials whenever there is a call and no connection, until the client is dropped or closed.
async fn dial_when_called(builder: &ClientBuilder, url: &Url, line: &Line) {
    while line.handle.wanted().await {
        match line.handle.meanwhile(dial::connect(builder, url, line)).await {
            None => return,
            Some(Ok(joined)) => drive(builder, line, joined).await,
            Some(Err(error)) => {
                let code = match error.code() {
                    code @ (Code::Unauthenticated | Code::PermissionDenied) => code,
                    _ => Code::Unavailable,
                };
                let message = format!("there is no connection: {error}");
                line.handle.fail_waiting(&Error::new(code, message).with_detail(error));
            }
        }
    }
}

impl Callee for Client {
    type Kind = Direct;

    fn callee(&self) -> Direct {
        Direct::new(&self.handle)
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
