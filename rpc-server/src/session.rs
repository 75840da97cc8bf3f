//! From a transport to a session: hello, authentication, welcome, and then the driver.

use std::{sync::Arc, time::Instant};

use futures_util::StreamExt;
use serde_json::Map;
use trunkline_core::{
    AwaitHello, CloseCode, CloseReason, Code, Codec, Packet, PendingHello, Protocol, ProtocolError, Role,
    Session, Subprotocol, Welcome,
};
use trunkline_peer::{
    Connection, ConnectionState, Driver, Handle, Host, PeerInfo, Services, Transport, TransportError, User,
    after, ended, hang_up, now,
};

use crate::{
    auth::Credentials,
    hub::Registered,
    listen::ServeError,
    logins::{Logins, Refused, millis_until},
    server::Inner,
    shutdown::stopped,
};

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
    let stop = server.stop.subscribe();
    let started = Box::pin(login(server, transport, arrival, stopped(stop.clone()))).await?;
    Ok(started.run(|| stop.borrow().reason()).await)
}

/// From the first packet to a session, unless `stop` comes before it.
pub(crate) async fn login<T: Transport>(
    server: &Arc<Inner>,
    mut transport: T,
    arrival: Arrival,
    stop: impl Future<Output = CloseReason>,
) -> Result<Started<T>, ServeError> {
    let deadline = after(server.login_timeout);
    let late = || Err(Some(CloseReason::from(&ProtocolError::LoginTimeout(server.login_timeout))));
    let welcomed = tokio::select! {
        reason = stop => Err(Some(reason)),
        welcomed = tokio::time::timeout(server.login_timeout, welcome(server, &mut transport, &arrival)) => {
            welcomed.unwrap_or_else(|_| late())
        }
    };
    let reason = match welcomed {
        Ok(accepted) => return Ok(start(server, transport, arrival.peer, accepted, deadline)),
        Err(Some(reason)) => reason,
        Err(None) => return Err(ServeError::NoSession(CloseReason::abnormal())),
    };
    hang_up(transport, reason.clone()).await;
    Err(ServeError::NoSession(reason))
}

/// A client that is to be welcomed.
struct Accepted {
    hello: PendingHello,
    user: Option<User>,
    /// Whether it has shown credentials that are nobody's.
    has_failed: bool,
    /// How many logins had been taken back when its credentials were judged.
    revocations: u64,
}

/// Reads the hello and finds out who it is from. `Err(None)`: the peer is gone.
async fn welcome<T: Transport>(
    server: &Inner,
    transport: &mut T,
    arrival: &Arrival,
) -> Result<Accepted, Option<CloseReason>> {
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
        (None, Packet::Ping | Packet::Pong) => {
            return Err(Some(CloseReason::from(&ProtocolError::Unexpected("first"))));
        }
    };
    if packet.len() > BEFORE_LOGIN {
        return Err(Some(CloseReason::from(&ProtocolError::TooMuchBeforeLogin)));
    }
    let hello =
        AwaitHello::new(protocol).handle_packet(packet).map_err(|error| Some(CloseReason::from(&error)))?;
    let revocations = server.hub.revocations();
    let accepted = Accepted { hello, user: arrival.user.clone(), has_failed: false, revocations };
    match &server.logins {
        Some(logins) if accepted.user.is_none() => {
            judge(server, logins, arrival, accepted).await.map_err(Some)
        }
        _ => Ok(accepted),
    }
}

/// Finds out who the hello is from.
async fn judge(
    server: &Inner,
    logins: &Logins,
    arrival: &Arrival,
    accepted: Accepted,
) -> Result<Accepted, CloseReason> {
    let hello = accepted.hello.hello();
    let credentials = Credentials::new(arrival.peer.clone(), hello.token.clone(), Map::new());
    let has_tried = credentials.is_an_attempt();
    match logins.judge(credentials, hello.uid.as_deref()).await {
        Ok(user) => Ok(Accepted { user: Some(user), ..accepted }),
        Err(Refused::Unknown)
            if has_tried && (server.router.closes_unauthenticated() || logins.per_connection() == 1) =>
        {
            Err(CloseReason::new(CloseCode::UNAUTHENTICATED, "the login has failed"))
        }
        Err(Refused::Unknown) => Ok(Accepted { has_failed: has_tried, ..accepted }),
        Err(Refused::Throttled(_)) => Err(CloseReason::new(CloseCode::RATE, "too many failed logins")),
        Err(Refused::Failed(error)) => {
            let code = match error.code() {
                Code::Unavailable => CloseCode::TRY_LATER,
                _ => CloseCode::INTERNAL,
            };
            Err(CloseReason::new(code, "the login is not available at the moment"))
        }
    }
}

/// A session with all that belongs to it.
pub(crate) struct Started<T> {
    driver: Box<Driver<T>>,
    conn: Connection,
    handle: Handle,
    hub: crate::Hub,
    has_failed: bool,
    revocations: u64,
}

impl<T: Transport> Started<T> {
    /// Drives the session until it ends, which is at once if by now it is `too_late` to begin.
    pub(crate) async fn run(self, too_late: impl FnOnce() -> Option<CloseReason>) -> CloseReason {
        let registered = self.hub.register(&self.conn, u32::from(self.has_failed));
        // Asked when the hub knows the session: whoever stops the server or takes logins back either finds it there or was
        // here before.
        if let Some(reason) = too_late() {
            self.handle.close(reason);
        }
        if self.conn.user().is_some_and(|user| self.hub.was_revoked(user.id(), self.revocations)) {
            self.conn.revoke();
        }
        let mut ended = Ended { handle: self.handle, registered };
        let reason = self.driver.await;
        tracing::debug!(connection = %self.conn.id(), %reason, "a session has ended");
        ended.registered.ended(reason.clone());
        drop(ended);
        reason
    }
}

/// What is to be done when a session has ended, also if its task is dropped.
struct Ended {
    handle: Handle,
    registered: Registered,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.handle.enter(ConnectionState::Error);
        self.handle.end(&ended(self.registered.reason()));
    }
}

fn start<T: Transport>(
    server: &Arc<Inner>,
    transport: T,
    peer: PeerInfo,
    accepted: Accepted,
    login_until: Instant,
) -> Started<T> {
    let Accepted { hello, user, has_failed, revocations } = accepted;
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
    let handle = Handle::connected(link.protocol().codec());
    let mut session = Session::new(Role::Server, server.config.clone(), handle.codec());
    let attached = session.attach(link);
    let host: Arc<dyn Host> = Arc::new(server.hub.clone());
    let login_until = (server.router.requires_login() && user.is_none()).then_some(login_until);
    let conn = Connection::new(id, peer, handle.clone(), user, Some(host));
    let services = Services {
        router: Arc::clone(&server.router),
        connection: conn.clone(),
        login_until,
        expiry: server.expiry,
    };
    let driver = Box::new(Driver::new(transport, session, handle.clone(), Some(services), attached));
    Started { driver, conn, handle, hub: server.hub.clone(), has_failed, revocations }
}

/// A number from 0 to 1, so that sessions made together do not ping together.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};

    f64::from(RandomState::new().hash_one(0_u8) as u32) / f64::from(u32::MAX)
}
