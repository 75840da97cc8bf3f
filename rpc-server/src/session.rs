//! From a transport to a session: hello, authentication, welcome, and then the driver.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::Map;
use tracing::{Instrument, Span, field};
use trunkline_core::{
    AwaitHello, CloseCode, CloseReason, Code, Escaped, Link, Packet, PendingHello, Protocol, ProtocolError,
    Role, Session, Subprotocol, Welcome,
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
    meters::{self, Measured, Phase},
    server::Inner,
    shutdown::stopped,
};

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
    let pending = server.hub.arrive();
    let stop = server.stop.subscribe();
    let started = Box::pin(login(server, transport, arrival, stopped(stop.clone()))).await?;
    drop(pending);
    Ok(started.run(|| stop.borrow().reason()).await)
}

/// From the first packet to a session, unless `stop` comes before it.
pub(crate) async fn login<T: Transport>(
    server: &Arc<Inner>,
    mut transport: T,
    arrival: Arrival,
    stop: impl Future<Output = CloseReason>,
) -> Result<Started<T>, ServeError> {
    let deadline = after(server.config.limits.login_timeout);
    let measured = Measured::begin();
    let welcomed = tokio::select! {
        biased;
        reason = stop => Err(Some(reason)),
        welcomed = welcome(server, &mut transport, &arrival, deadline) => welcomed,
    };
    let reason = match welcomed {
        Ok(accepted) => {
            measured.end(Phase::Login);
            return Ok(start(server, transport, arrival.peer, accepted, deadline));
        }
        Err(Some(reason)) => reason,
        Err(None) => {
            meters::hung_up(CloseCode::ABNORMAL);
            return Err(ServeError::NoSession(CloseReason::abnormal()));
        }
    };
    meters::hung_up(reason.code);
    hang_up(transport, reason.clone()).await;
    Err(ServeError::NoSession(reason))
}

/// How a client begins.
enum Opening {
    /// By a hello, which wants a welcome.
    Hello(Box<PendingHello>),
    /// Without one: JSON-RPC, and its first document, empty if it has not said anything.
    JsonRpc(Bytes),
}

/// A client that is to be let in.
struct Accepted {
    opening: Opening,
    user: Option<User>,
    /// Whether it has shown credentials that are nobody's.
    has_failed: bool,
    /// How many logins had been taken back when its credentials were judged.
    revocations: u64,
}

/// Who a client is, as far as its credentials tell.
struct Judged {
    user: Option<User>,
    has_failed: bool,
    revocations: u64,
}

/// Finds out how a client begins and who it is, before `deadline`. `Err(None)`: the peer is gone.
async fn welcome<T: Transport>(
    server: &Inner,
    transport: &mut T,
    arrival: &Arrival,
    deadline: Instant,
) -> Result<Accepted, Option<CloseReason>> {
    let late = || Some(CloseReason::from(&ProtocolError::LoginTimeout(server.config.limits.login_timeout)));
    let left = || deadline.saturating_duration_since(now());
    let may_be_json_rpc = server.json_rpc && arrival.subprotocol.is_none();
    let early = if may_be_json_rpc {
        let judged = tokio::time::timeout(left(), judge_early(server, arrival)).await;
        judged.map_err(|_| late())?.map_err(Some)?
    } else {
        None
    };
    let is_known = early.as_ref().is_some_and(|judged| judged.user.is_some()) || arrival.user.is_some();
    let may_call = is_known || !server.router.requires_login();
    if may_be_json_rpc && may_call {
        // Its first packet may be a call.
        transport.logged_in();
    }
    let opening = match tokio::time::timeout(left(), opening(server, transport, arrival)).await {
        Ok(opening) => opening?,
        // A client of JSON-RPC need not begin by saying something.
        Err(_) if may_be_json_rpc && may_call => Opening::JsonRpc(Bytes::new()),
        Err(_) => return Err(late()),
    };
    let judged = match (early, &opening) {
        (Some(judged), Opening::JsonRpc(_)) => judged,
        (Some(judged), Opening::Hello(hello)) if hello.hello().token.is_none() => judged,
        _ => {
            let judged = tokio::time::timeout(left(), judge(server, arrival, &opening)).await;
            judged.map_err(|_| late())?.map_err(Some)?
        }
    };
    if let Opening::JsonRpc(first) = &opening
        && first.len() > server.config.limits.max_bytes_before_login
        && judged.user.is_none()
        && server.router.requires_login()
    {
        return Err(Some(CloseReason::from(&ProtocolError::TooMuchBeforeLogin)));
    }
    let Judged { user, has_failed, revocations } = judged;
    Ok(Accepted { opening, user, has_failed, revocations })
}

/// Reads the first packet.
async fn opening<T: Transport>(
    server: &Inner,
    transport: &mut T,
    arrival: &Arrival,
) -> Result<Opening, Option<CloseReason>> {
    let packet = match transport.next().await {
        Some(Ok(Packet::Close(_))) => return Err(None),
        Some(Ok(packet)) => packet,
        Some(Err(TransportError::Peer(error))) => return Err(Some(CloseReason::from(&error))),
        Some(Err(TransportError::Io(_))) | None => return Err(None),
    };
    let protocol = match arrival.subprotocol {
        Some(subprotocol) => subprotocol.protocol,
        None => Protocol::told_by(&packet),
    };
    match (protocol, packet) {
        (Protocol::JsonRpc, Packet::Text(first)) if server.json_rpc => Ok(Opening::JsonRpc(first)),
        (Protocol::JsonRpc, _) => {
            Err(Some(CloseReason::new(CloseCode::UNSUPPORTED, "JSON-RPC is not spoken here")))
        }
        (_, packet) if packet.len() > server.config.limits.max_bytes_before_login => {
            Err(Some(CloseReason::from(&ProtocolError::TooMuchBeforeLogin)))
        }
        (protocol, packet) => {
            let hello = AwaitHello::new(protocol).handle_packet(packet);
            let hello = hello.map_err(|error| Some(CloseReason::from(&error)))?;
            Ok(Opening::Hello(Box::new(hello)))
        }
    }
}

/// Who a client is that shows something in its upgrade, so that it may send more than a hello.
async fn judge_early(server: &Inner, arrival: &Arrival) -> Result<Option<Judged>, CloseReason> {
    let credentials = Credentials::new(arrival.peer.clone(), None, Map::new());
    match &server.logins {
        Some(logins) if arrival.user.is_none() && credentials.shown().is_an_attempt() => {
            judge_credentials(server, logins, credentials, None).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// Finds out who the client is.
async fn judge(server: &Inner, arrival: &Arrival, opening: &Opening) -> Result<Judged, CloseReason> {
    let (token, uid) = match opening {
        Opening::Hello(hello) => (hello.hello().token.clone(), hello.hello().uid.as_deref()),
        Opening::JsonRpc(_) => (None, None),
    };
    match &server.logins {
        Some(logins) if arrival.user.is_none() => {
            let credentials = Credentials::new(arrival.peer.clone(), token, Map::new());
            judge_credentials(server, logins, credentials, uid).await
        }
        _ => {
            let revocations = server.hub.revocations();
            Ok(Judged { user: arrival.user.clone(), has_failed: false, revocations })
        }
    }
}

async fn judge_credentials(
    server: &Inner,
    logins: &Logins,
    credentials: Credentials,
    claimed: Option<&str>,
) -> Result<Judged, CloseReason> {
    let revocations = server.hub.revocations();
    let shown = credentials.shown();
    let judged = logins.judge(credentials, claimed).await;
    let has_tried = shown.is_an_attempt();
    match judged {
        Ok(user) => Ok(Judged { user: Some(user), has_failed: false, revocations }),
        Err(Refused::Unknown)
            if has_tried && (server.router.closes_unauthenticated() || logins.per_connection() == 1) =>
        {
            Err(CloseReason::new(CloseCode::UNAUTHENTICATED, "the login has failed"))
        }
        Err(Refused::Unknown) => Ok(Judged { user: None, has_failed: has_tried, revocations }),
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
        if self.has_failed {
            self.conn.failed_login();
        }
        let registered = self.hub.register(&self.conn);
        // Asked when the hub knows the session: whoever stops the server or takes logins back either finds it there or was
        // here before.
        if let Some(reason) = too_late() {
            self.handle.close(reason);
        }
        if self.conn.user().is_some_and(|user| self.hub.was_revoked(user.id(), self.revocations)) {
            self.conn.revoke();
        }
        let mut ended = Ended { handle: self.handle, registered };
        let span = span(&self.conn);
        let reason = self.driver.instrument(span.clone()).await;
        span.record("close", reason.code.0);
        span.in_scope(|| tracing::debug!(connection = self.conn.id().0, %reason, "a session has ended"));
        ended.registered.ended(reason.clone());
        drop(ended);
        reason
    }
}

/// What is logged for a session says whose it is.
fn span(conn: &Connection) -> Span {
    let span = tracing::info_span!(
        target: "trunkline::connection",
        parent: None,
        "connection",
        id = conn.id().0,
        peer = field::Empty,
        user = field::Empty,
        close = field::Empty,
    );
    if !span.is_disabled() {
        if let Some(addr) = conn.peer().remote_addr() {
            span.record("peer", field::display(addr));
        }
        if let Some(user) = conn.user() {
            span.record("user", field::display(Escaped(user.id())));
        }
    }
    span
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
    let Accepted { opening, user, has_failed, revocations } = accepted;
    let id = server.hub.next_id();
    let keep_alive = server.keep_alive.clone();
    let link = match opening {
        Opening::Hello(hello) => {
            let welcome = Welcome {
                session: id.to_string(),
                user: user.as_ref().map(|user| user.id().to_owned()),
                expires_ms: user.as_ref().and_then(User::expiry).and_then(millis_until),
                limits: server.config.limits.session.limits(),
                services: server.contract.stale(&hello.hello().services),
                ..Welcome::default()
            };
            hello.accept(now(), keep_alive, welcome)
        }
        Opening::JsonRpc(first) => Link::without_hello(
            now(),
            Protocol::JsonRpc,
            keep_alive,
            server.config.limits.session.limits_unsaid(),
            first,
        ),
    };
    let link = link.with_jitter(jitter(server.config.heartbeat.every));
    let handle = Handle::connected(link.protocol().codec(), server.config.limits.session.call_timeout);
    let mut session = Session::new(Role::Server, server.config.limits.session.clone(), link.protocol());
    let attached = session.attach(link);
    let host: Arc<dyn Host> = Arc::new(server.hub.clone());
    let login_until = (server.router.requires_login() && user.is_none()).then_some(login_until);
    let conn = Connection::new(id, peer, handle.clone(), user, Some(host));
    let services = Services {
        router: Arc::clone(&server.router),
        connection: conn.clone(),
        login_until,
        expiry: server.config.expiry,
        limits: Arc::clone(&server.traffic),
    };
    let driver = Box::new(Driver::new(transport, session, handle.clone(), Some(services), attached));
    Started { driver, conn, handle, hub: server.hub.clone(), has_failed, revocations }
}

/// At which part of its first interval a session pings: a number from 0 to 1.
///
/// It is random, so that sessions made together do not ping together; but all that ping in the same tenth of a second do it at
/// once, so that the process wakes up once for all of them. Waking up is most of what an idle connection costs.
fn jitter(every: Duration) -> f64 {
    use std::hash::{BuildHasher, RandomState};

    static BEGIN: OnceLock<Instant> = OnceLock::new();
    let now = now();
    let slot = PINGS_TOGETHER.min(every / 40).max(Duration::from_nanos(1));
    let slots = (every.as_nanos() / slot.as_nanos()).max(1);
    let which = u128::from(RandomState::new().hash_one(0_u8)) % slots;
    let since_begin = now.saturating_duration_since(*BEGIN.get_or_init(|| now));
    let into_slot = (since_begin.as_nanos() % slot.as_nanos()) as f64;
    let first = slot.as_nanos() as f64 * (which + 1) as f64 - into_slot;
    1.0 - first / every.as_nanos() as f64
}

/// Pings that are due within this time of each other are sent at once.
const PINGS_TOGETHER: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn first_pings_are_spread_and_gathered() {
        let every = Duration::from_secs(25);
        let begin = now();
        jitter(every);
        let mut slots = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let first = every.mul_f64(1.0 - jitter(every));
            assert!(!first.is_zero() && first <= every, "{first:?}");
            let at = (now() - begin + first).as_micros();
            let offset = at % 100_000;
            assert!(offset <= 1 || offset >= 99_999, "{offset} µs beside");
            slots.insert((at + 50_000) / 100_000);
            tokio::time::advance(Duration::from_millis(7)).await;
        }
        assert!(slots.len() > 200, "{}", slots.len());
        for every in [Duration::from_millis(1), Duration::from_nanos(1), Duration::from_secs(1 << 40)] {
            let jitter = jitter(every);
            assert!((0.0..=1.0).contains(&jitter), "{jitter}");
        }
    }
}
