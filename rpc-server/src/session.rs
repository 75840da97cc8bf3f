//! From a transport to a session: hello, authentication, welcome, and then the driver.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use trunkline_core::{
    AwaitHello, CloseCode, CloseReason, Codec, Packet, PendingHello, Protocol, ProtocolError, Role, Session,
    Subprotocol, Welcome,
};
use trunkline_peer::{
    Connection, Driver, Handle, Host, PeerInfo, Services, Transport, TransportError, User, hang_up,
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
    Ok(Box::pin(login(server, transport, arrival)).await?.run().await)
}

/// From the first packet to a session.
pub(crate) async fn login<T: Transport>(
    server: &Arc<Inner>,
    mut transport: T,
    arrival: Arrival,
) -> Result<Started<T>, ServeError> {
    let deadline = Instant::now() + server.login_timeout;
    let welcomed =
        tokio::time::timeout(server.login_timeout, welcome(server, &mut transport, &arrival)).await;
    let late = || Err(Some(CloseReason::from(&ProtocolError::LoginTimeout(server.login_timeout))));
    let reason = match welcomed.unwrap_or_else(|_| late()) {
        Ok((hello, user)) => match start(server, transport, arrival.peer, hello, user, deadline) {
            Ok(started) => return Ok(started),
            Err((returned, error)) => {
                transport = returned;
                CloseReason::from(&error)
            }
        },
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
            auth(credentials).await.map_err(|error| {
                tracing::warn!(%error, "the authenticator is not available");
                Some(CloseReason::new(CloseCode::TRY_LATER, "the login is not available at the moment"))
            })?
        }
    };
    Ok((hello, user))
}

/// A session with all that belongs to it.
pub(crate) struct Started<T> {
    driver: Box<Driver<T>>,
    conn: Connection,
    handle: Handle,
    hub: crate::Hub,
}

impl<T: Transport> Started<T> {
    pub(crate) async fn run(self) -> CloseReason {
        let registered = self.hub.register(&self.conn);
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
        self.handle.end(&trunkline_core::Error::unavailable("the connection was closed"));
    }
}

fn start<T: Transport>(
    server: &Arc<Inner>,
    transport: T,
    peer: PeerInfo,
    hello: PendingHello,
    user: Option<User>,
    login_until: Instant,
) -> Result<Started<T>, (T, ProtocolError)> {
    let id = server.hub.next_id();
    let welcome = Welcome {
        session: id.to_string(),
        user: user.as_ref().map(|user| user.id().to_owned()),
        ping_ms: millis(server.keep_alive.ping_every.unwrap_or_default()),
        limits: server.config.limits(),
        services: server.contract.stale(&hello.hello().services),
        ..Welcome::default()
    };
    let link = hello.accept(Instant::now(), server.keep_alive.clone(), welcome).with_jitter(jitter());
    let handle = Handle::new(link.protocol().codec());
    let mut session = Session::new(Role::Server, server.config.clone(), handle.codec());
    if let Err(error) = session.attach(link) {
        return Err((transport, error));
    }
    let host: Arc<dyn Host> = Arc::new(server.hub.clone());
    let login_until = (server.auth.is_some() && user.is_none()).then_some(login_until);
    let conn = Connection::new(id, peer, handle.clone(), user, Some(host));
    let services = Services { router: Arc::clone(&server.router), connection: conn.clone(), login_until };
    let driver = Box::new(Driver::new(transport, session, handle.clone(), Some(services)));
    Ok(Started { driver, conn, handle, hub: server.hub.clone() })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A number from 0 to 1, so that sessions made together do not ping together.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};

    f64::from(RandomState::new().hash_one(0_u8) as u32) / f64::from(u32::MAX)
}
