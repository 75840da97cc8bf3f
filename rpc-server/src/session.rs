//! From a transport to a session: hello, authentication, welcome, and then the driver.

use std::{
    future::pending,
    sync::Arc,
    time::{Instant, SystemTime},
};

use futures_util::StreamExt;
use trunkline_core::{
    AwaitHello, CloseCode, CloseReason, Codec, Error, Packet, PendingHello, Protocol, ProtocolError, Role,
    Session, Subprotocol, Welcome,
};
use trunkline_peer::{
    Connection, Driver, Handle, Host, PeerInfo, Services, Transport, TransportError, User, after, causes,
    contained, hang_up, now,
};

use crate::{auth::Credentials, listen::ServeError, server::Inner};

/// The largest first packet, in bytes: a hello and the calls that may follow it.
const BEFORE_LOGIN: usize = 16 << 10;

/// A peer that has connected and said nothing.
pub(crate) struct Arrival {
    pub(crate) peer: PeerInfo,
    /// What was agreed on in the HTTP upgrade; if nothing, the first packet tells.
    pub(crate) subprotocol: Option<Subprotocol>,
    /// Who it is, if that needs no proof.
    pub(crate) user: Option<User>,
}

/// Serves one connection until it ends.
///
/// What only the login needs is boxed apart, so that a session costs its driver and little more for the rest of its life.
pub(crate) async fn run<T: Transport>(
    server: &Arc<Inner>,
    transport: T,
    arrival: Arrival,
) -> Result<CloseReason, ServeError> {
    let started = Box::pin(login(server, transport, arrival, pending())).await?;
    Ok(started.run(|| false).await)
}

/// From the first packet to a session, unless `stop` comes before it.
pub(crate) async fn login<T: Transport>(
    server: &Arc<Inner>,
    mut transport: T,
    arrival: Arrival,
    stop: impl Future<Output = ()>,
) -> Result<Started<T>, ServeError> {
    let deadline = after(server.login_timeout);
    let late = || Err(Some(CloseReason::from(&ProtocolError::LoginTimeout(server.login_timeout))));
    let welcomed = tokio::select! {
        () = stop => Err(Some(shutting_down())),
        welcomed = tokio::time::timeout(server.login_timeout, welcome(server, &mut transport, &arrival)) => {
            welcomed.unwrap_or_else(|_| late())
        }
    };
    let reason = match welcomed {
        Ok((hello, user)) => return Ok(start(server, transport, arrival.peer, hello, user, deadline)),
        Err(Some(reason)) => reason,
        Err(None) => return Err(ServeError::NoSession(CloseReason::abnormal())),
    };
    hang_up(transport, reason.clone()).await;
    Err(ServeError::NoSession(reason))
}

/// Reads the hello and finds out who it is from. `Err(None)`: the peer is gone.
async fn welcome<T: Transport>(
    server: &Inner,
    transport: &mut T,
    arrival: &Arrival,
) -> Result<(PendingHello, Option<User>), Option<CloseReason>> {
    let packet = match transport.next().await {
        Some(Ok(packet)) => packet,
        Some(Err(TransportError::Peer(error))) => return Err(Some(CloseReason::from(&error))),
        Some(Err(TransportError::Io(_))) | None => return Err(None),
    };
    let protocol = match (arrival.subprotocol, &packet) {
        (_, Packet::Close(_)) => return Err(None),
        (Some(subprotocol), _) => subprotocol.protocol,
        (None, Packet::Text(_)) => Protocol::Native(Codec::Json),
        (None, Packet::Binary(_)) => Protocol::Native(Codec::MessagePack),
    };
    if packet.len() > BEFORE_LOGIN {
        return Err(Some(CloseReason::from(&ProtocolError::TooMuchBeforeLogin)));
    }
    let hello =
        AwaitHello::new(protocol).handle_packet(packet).map_err(|error| Some(CloseReason::from(&error)))?;
    let user = match (&server.auth, &arrival.user) {
        (_, Some(user)) => Some(user.clone()),
        (None, None) => None,
        (Some(auth), None) => {
            let credentials = Credentials::new(arrival.peer.clone(), hello.hello().token.clone());
            // The closure is called within the future, so that its panic is contained as well.
            let judged = contained("authenticator", async { auth(credentials).await }).await;
            judged.map_err(|panic| refuse_login(&panic, CloseCode::INTERNAL, "the login failed"))?.map_err(
                |error| {
                    let reason = "the login is not available at the moment";
                    refuse_login(&error, CloseCode::TRY_LATER, reason)
                },
            )?
        }
    };
    Ok((hello, user))
}

fn refuse_login(error: &Error, code: CloseCode, reason: &str) -> Option<CloseReason> {
    tracing::warn!(error = causes(error), "the authenticator does not work");
    Some(CloseReason::new(code, reason))
}

/// What connections are told when the server stops.
pub(crate) fn shutting_down() -> CloseReason {
    CloseReason::new(CloseCode::GOING_AWAY, "the server is shutting down")
}

/// A session with all that belongs to it.
pub(crate) struct Started<T> {
    driver: Box<Driver<T>>,
    conn: Connection,
    handle: Handle,
    hub: crate::Hub,
}

impl<T: Transport> Started<T> {
    /// Drives the session until it ends, which is at once if by now it is `too_late` to begin.
    pub(crate) async fn run(self, too_late: impl FnOnce() -> bool) -> CloseReason {
        let registered = self.hub.register(&self.conn);
        // Asked when the hub knows the session: whoever stops the server either finds it there or was here before.
        if too_late() {
            self.handle.close(shutting_down());
        }
        let ended = Ended { handle: self.handle, _registered: registered };
        let reason = self.driver.await;
        tracing::debug!(connection = %self.conn.id(), %reason, "a session has ended");
        drop(ended);
        reason
    }
}

/// What is to be done when a session has ended, also if its task is dropped.
struct Ended {
    handle: Handle,
    _registered: crate::hub::Registered,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.handle.end(&Error::unavailable("the connection was closed"));
    }
}

fn start<T: Transport>(
    server: &Arc<Inner>,
    transport: T,
    peer: PeerInfo,
    hello: PendingHello,
    user: Option<User>,
    login_until: Instant,
) -> Started<T> {
    let id = server.hub.next_id();
    let welcome = Welcome {
        session: id.to_string(),
        user: user.as_ref().map(|user| user.id().to_owned()),
        expires_ms: user.as_ref().and_then(User::expiry).and_then(millis_until),
        limits: server.config.limits(),
        services: server.contract.stale(&hello.hello().services),
        ..Welcome::default()
    };
    let link = hello.accept(now(), server.keep_alive.clone(), welcome).with_jitter(jitter());
    let handle = Handle::new(link.protocol().codec());
    let mut session = Session::new(Role::Server, server.config.clone(), handle.codec());
    let attached = session.attach(link);
    let host: Arc<dyn Host> = Arc::new(server.hub.clone());
    let login_until = (server.auth.is_some() && user.is_none()).then_some(login_until);
    let conn = Connection::new(id, peer, handle.clone(), user, Some(host));
    let services = Services { router: Arc::clone(&server.router), connection: conn.clone(), login_until };
    let driver = Box::new(Driver::new(transport, session, handle.clone(), Some(services), attached));
    Started { driver, conn, handle, hub: server.hub.clone() }
}

/// `None` if that is further away than a number on the wire.
fn millis_until(at: SystemTime) -> Option<u64> {
    let left = at.duration_since(SystemTime::now()).unwrap_or_default();
    u64::try_from(left.as_millis()).ok().filter(|left| *left < 1 << 53)
}

/// A number from 0 to 1, so that sessions made together do not ping together.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};

    f64::from(RandomState::new().hash_one(0_u8) as u32) / f64::from(u32::MAX)
}
