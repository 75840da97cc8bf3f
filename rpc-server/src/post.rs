//! POST: one document of JSON-RPC, or one packet of the native protocol, in and out. `docs/jsonrpc.md` specifies it.
//!
//! A request is a session of its own. Who it is from is found out by its head, before the body is read, so that nobody unknown
//! fills the memory; its calls then pass the same checks as all others. Nothing here knows which HTTP stack is around it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Buf, Bytes};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts as Head,
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use trunkline_core::{
    CloseCode, CloseReason, Codec, KeepAlive, Link, Protocol, ProtocolError, Role, Session,
};
use trunkline_peer::{Connection, Handle, Host, PeerInfo, Reassembly, Services, User, answer_once, now};

use crate::{
    auth::Credentials,
    http::{Ends, check_page, retry_after},
    logins::Refused,
    server::{Inner, Server},
    shutdown::Stop,
};

/// How often it is asked whether the login of a call that runs was taken back.
const REVOCATION_CHECK: Duration = Duration::from_secs(1);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What is answered.
type Answer = Response<Bytes>;

impl Server {
    /// Answers a POST, or the question of a browser whether its page may send one, for HTTP stacks other than those that
    /// [`Self::serve`] and `axum_route` know: the request has its whole body, and `addr` is where it came from, which limits per
    /// address go by.
    ///
    /// It carries one document of JSON-RPC or one packet of the native protocol, as `docs/jsonrpc.md` says; so do the status codes.
    ///
    /// ```
    /// # use trunkline_server::Server;
    /// # async fn example(server: Server) {
    /// let body = r#"{"jsonrpc": "2.0", "id": 1, "method": "sum", "params": [1, 2]}"#;
    /// let request = http::Request::post("/").header("content-type", "application/json").body(body.into()).unwrap();
    /// let response = server.post(request, None).await;
    /// assert_eq!(response.status(), 200);
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the methods that run.
    pub async fn post(&self, request: Request<Bytes>, addr: Option<SocketAddr>) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        let ends = Ends::of_remote(addr);
        answer(&self.0, &head, http_body_util::Full::new(body), &ends).await
    }
}

/// The body of a request, of whichever HTTP stack.
pub(crate) trait RequestBody: Body<Data: Send, Error: Into<BoxError>> + Send {}

impl<B: Body<Data: Send, Error: Into<BoxError>> + Send> RequestBody for B {}

/// Answers a request that is no upgrade and no GET, and is on the server's path.
pub(crate) async fn answer<B: RequestBody>(server: &Arc<Inner>, head: &Head, body: B, ends: &Ends) -> Answer {
    if let Err(refusal) = check_page(server, ends, &head.headers) {
        return refusal.answer();
    }
    let origin = head.headers.get(header::ORIGIN);
    let answer = match head.method {
        _ if !server.post => not_allowed("GET", "this is a WebSocket endpoint"),
        Method::POST => respond(server, head, body, ends).await.unwrap_or_else(|refused| refused),
        Method::OPTIONS => preflight(),
        _ => not_allowed("GET, OPTIONS, POST", "send a POST, or open a WebSocket by GET"),
    };
    with_cors(answer, origin)
}

async fn respond<B: RequestBody>(
    server: &Arc<Inner>,
    head: &Head,
    body: B,
    ends: &Ends,
) -> Result<Answer, Answer> {
    let media = Media::of(&head.headers).filter(|media| server.json_rpc || *media != Media::JsonRpc);
    let media = media.ok_or_else(|| {
        text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send application/json, application/vnd.trunkline.v1+json or application/vnd.trunkline.v1+msgpack",
        )
    })?;
    if *server.stop.borrow() != Stop::Never {
        return Err(unavailable("the server is shutting down", Duration::from_secs(1)));
    }
    let peer = ends.peer(server, &head.headers).without_connection();
    let caller = identify(server, peer).await?;
    let body = collect(server, &caller, body).await?;
    Ok(exchange(server, media, caller, body).await)
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Media {
    JsonRpc,
    Native(Codec),
}

impl Media {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let name = value.split(';').next()?.trim();
        let all = [Self::JsonRpc, Self::Native(Codec::Json), Self::Native(Codec::MessagePack)];
        all.into_iter().find(|media| media.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::JsonRpc => "application/json",
            Self::Native(Codec::Json) => "application/vnd.trunkline.v1+json",
            Self::Native(Codec::MessagePack) => "application/vnd.trunkline.v1+msgpack",
        }
    }

    fn protocol(self) -> Protocol {
        match self {
            Self::JsonRpc => Protocol::JsonRpc,
            Self::Native(codec) => Protocol::Native(codec),
        }
    }

    /// The bodies of packets as one.
    fn join(self, bodies: Vec<Bytes>) -> Bytes {
        let mut bodies = bodies.into_iter();
        let (first, rest) = (bodies.next().unwrap_or_default(), bodies.collect::<Vec<_>>());
        if rest.is_empty() {
            return first;
        }
        let separator: &[u8] = if self == Self::Native(Codec::Json) { b"\n" } else { b"" };
        rest.iter().fold(first.to_vec(), |all, body| [&all, separator, body].concat()).into()
    }
}

/// Who has sent a request, as far as its head tells.
struct Caller {
    peer: PeerInfo,
    user: Option<User>,
    /// How many logins had been taken back when its credentials were judged.
    revocations: u64,
}

async fn identify(server: &Inner, peer: PeerInfo) -> Result<Caller, Answer> {
    let revocations = server.hub.revocations();
    let Some(logins) = &server.logins else { return Ok(Caller { peer, user: None, revocations }) };
    let credentials = Credentials::new(peer.clone(), None, serde_json::Map::new());
    let shown = credentials.shown();
    let judged =
        tokio::time::timeout(server.config.limits.login_timeout, logins.judge(credentials, None)).await;
    let user = match judged {
        Ok(Ok(user)) => Some(user),
        Ok(Err(Refused::Unknown)) if shown.is_an_attempt() && server.router.closes_unauthenticated() => {
            return Err(unauthorized("nobody is known by these credentials"));
        }
        Ok(Err(Refused::Unknown)) => None,
        Ok(Err(Refused::Throttled(wait))) => {
            return Err(retry_after(text(StatusCode::TOO_MANY_REQUESTS, "too many failed logins"), wait));
        }
        Ok(Err(Refused::Failed(_))) | Err(_) => {
            let reason = "the login is not available at the moment";
            return Err(unavailable(reason, Duration::from_secs(1)));
        }
    };
    Ok(Caller { peer, user, revocations })
}

/// Reads the body, within what the caller may send.
async fn collect<B: RequestBody>(server: &Inner, caller: &Caller, body: B) -> Result<Bytes, Answer> {
    let max = server.config.limits.session.max_packet as usize;
    let is_nobody = server.router.requires_login() && caller.user.is_none();
    let max = if is_nobody { max.min(server.config.limits.max_bytes_before_login) } else { max };
    let too_large = || text(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {max} bytes are taken"));
    if body.size_hint().lower() > max as u64 {
        return Err(too_large());
    }
    let mut body = std::pin::pin!(Limited::new(body, max));
    let mut parts = Parts::of(server.socket_limits.reassembly.as_deref());
    let arrived = tokio::time::timeout(server.config.limits.message_timeout, async {
        while let Some(frame) = body.frame().await {
            let part = frame?.into_data().map(|mut data| data.copy_to_bytes(data.remaining()));
            if !part.map_or(true, |part| parts.push(part)) {
                return Ok(false);
            }
        }
        Ok::<_, BoxError>(true)
    });
    match arrived.await {
        Ok(Ok(true)) => Ok(parts.join()),
        Ok(Ok(false)) => Err(unavailable("too much is arriving at the moment", Duration::from_secs(1))),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(text(StatusCode::BAD_REQUEST, "the body broke off")),
        Err(_) => Err(text(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    }
}

/// A body that has not arrived whole, which counts beside all messages that have not.
struct Parts<'a> {
    total: Option<&'a Reassembly>,
    parts: Vec<Bytes>,
    len: usize,
}

impl<'a> Parts<'a> {
    fn of(total: Option<&'a Reassembly>) -> Self {
        Self { total, parts: Vec::new(), len: 0 }
    }

    /// Adds a part; whether there is room for it.
    fn push(&mut self, part: Bytes) -> bool {
        let len = self.len + part.len();
        let fits = self.total.is_none_or(|total| total.resize(self.len, len));
        if fits {
            self.len = len;
            self.parts.push(part);
        }
        fits
    }

    /// The whole body; of a single part there is no copy.
    fn join(mut self) -> Bytes {
        match self.parts.as_mut_slice() {
            [one] => std::mem::take(one),
            parts => parts.concat().into(),
        }
    }
}

impl Drop for Parts<'_> {
    fn drop(&mut self) {
        if let Some(total) = self.total {
            total.resize(self.len, 0);
        }
    }
}

/// Answers a body in a session that ends with it.
async fn exchange(server: &Arc<Inner>, media: Media, caller: Caller, body: Bytes) -> Answer {
    let Caller { peer, user, revocations } = caller;
    let protocol = media.protocol();
    // Everywhere else a transport has checked that text is text.
    let is_text = media == Media::Native(Codec::MessagePack) || std::str::from_utf8(&body).is_ok();
    let body = match media {
        // No document either, and one is answered.
        Media::JsonRpc if !is_text || body.is_empty() => Bytes::from_static(b" "),
        Media::Native(_) if !is_text => return closed(&CloseReason::from(&ProtocolError::NotUtf8)),
        _ => body,
    };
    let keep_alive = KeepAlive { ping_every: None, silence: None, ..server.keep_alive.clone() };
    let limits = server.config.limits.session.limits_unsaid();
    let link = Link::without_hello(now(), protocol, keep_alive, limits, body);
    let session = Session::new(Role::Server, server.config.limits.session.clone(), protocol);
    let mut session = session.with_answers_of(limits.packet as usize);
    let attached = session.attach(link);
    let handle = Handle::connected(protocol.codec(), server.config.limits.session.call_timeout);
    let host: Arc<dyn Host> = Arc::new(server.hub.clone());
    let connection = Connection::new(server.hub.next_id(), peer, handle.clone(), user, Some(host));
    let services = Services {
        router: Arc::clone(&server.router),
        connection: connection.clone(),
        login_until: None,
        expiry: server.config.expiry,
        limits: Arc::clone(&server.traffic),
    };
    let mut answering = std::pin::pin!(answer_once(session, handle, services, attached));
    let (bodies, reason) = loop {
        let check = tokio::time::sleep(REVOCATION_CHECK);
        tokio::select! {
            answered = &mut answering => break answered,
            () = check => {
                // Who has logged in by one of these calls was not known when it began.
                let user = connection.user();
                if user.is_some_and(|user| server.hub.was_revoked(user.id(), revocations)) {
                    connection.revoke();
                }
            }
        }
    };
    if reason.code != CloseCode::NORMAL {
        return closed(&reason);
    }
    let mut answer = Response::new(media.join(bodies));
    if answer.body().is_empty() {
        *answer.status_mut() = StatusCode::NO_CONTENT;
    } else {
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media.name()));
    }
    answer
}

/// What is answered in place of a close frame.
fn closed(reason: &CloseReason) -> Answer {
    let status = match reason.code {
        CloseCode::UNAUTHENTICATED => return unauthorized(&reason.reason),
        CloseCode::REVOKED => StatusCode::FORBIDDEN,
        CloseCode::TOO_BIG => StatusCode::PAYLOAD_TOO_LARGE,
        CloseCode::RATE | CloseCode::TOO_MANY => StatusCode::TOO_MANY_REQUESTS,
        CloseCode::INTERNAL => StatusCode::INTERNAL_SERVER_ERROR,
        CloseCode::RESTART | CloseCode::TRY_LATER | CloseCode::GOING_AWAY => {
            return unavailable(&reason.reason, Duration::from_secs(1));
        }
        _ => StatusCode::BAD_REQUEST,
    };
    text(status, reason.reason.clone())
}

fn unauthorized(reason: &str) -> Answer {
    let mut answer = text(StatusCode::UNAUTHORIZED, reason.to_owned());
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

fn unavailable(reason: &str, after: Duration) -> Answer {
    retry_after(text(StatusCode::SERVICE_UNAVAILABLE, reason.to_owned()), after)
}

fn not_allowed(allowed: &'static str, reason: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, reason);
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    answer
}

/// What a browser asks before a page of another origin may send a POST: the origin is allowed already.
fn preflight() -> Answer {
    let mut answer = Answer::default();
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let said: [(HeaderName, &'static str); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    answer.headers_mut().extend(said.map(|(name, value)| (name, HeaderValue::from_static(value))));
    answer
}

/// Lets a page of an allowed origin read the answer (<https://fetch.spec.whatwg.org/#http-cors-protocol>). Cookies are never
/// the credential, so it is not allowed to send them.
fn with_cors(mut answer: Answer, origin: Option<&HeaderValue>) -> Answer {
    if let Some(origin) = origin {
        answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
    }
    answer
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer
}
