//! Logging in: who judges, and the reserved methods `rpc.login` and `rpc.refresh`.
//!
//! The two methods are a service like any other, in front of which every server with an authenticator puts them.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value, json};
use trunkline_core::{CloseCode, Code, Error, MethodSchema, Never, Outcome, ServiceSchema, TypeSchema};
use trunkline_peer::{BoxFuture, Connection, ConnectionState, Dispatch, Incoming, User, causes, contained};

use crate::{
    auth::{Auth, Credentials},
    failures::{Failures, Source},
    hub::Hub,
    lines::Lines,
    meters::{self, Judged},
};

/// How often logging in may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FailedLogins {
    pub(crate) per_connection: u32,
    pub(crate) per_minute: u32,
}

/// Why somebody is not logged in.
pub(crate) enum Refused {
    /// Nobody has these credentials.
    Unknown,
    /// Too many attempts have failed: when the next may be made.
    Throttled(Duration),
    /// It cannot be found out at the moment, or the authenticator has panicked.
    Failed(Error),
}

/// Who judges credentials on one server.
pub(crate) struct Logins {
    auth: RwLock<Arc<Auth>>,
    allowed: FailedLogins,
    failures: Failures,
    lines: Lines,
}

impl Logins {
    pub(crate) fn new(auth: Auth, allowed: FailedLogins) -> Self {
        Self {
            auth: RwLock::new(Arc::new(auth)),
            allowed,
            failures: Failures::new(allowed.per_minute),
            lines: Lines::default(),
        }
    }

    /// Has another judge from now on.
    pub(crate) fn set_auth(&self, auth: Auth) {
        let mut current = self.auth.write().unwrap_or_else(PoisonError::into_inner);
        let earlier = std::mem::replace(&mut *current, Arc::new(auth));
        drop((current, earlier));
    }

    /// How often logging in may fail on one connection.
    pub(crate) fn per_connection(&self) -> u32 {
        self.allowed.per_connection
    }

    /// Judges credentials; `claimed` is who the client says it is. Whoever shows nothing at all has not failed.
    pub(crate) async fn judge(&self, creds: Credentials, claimed: Option<&str>) -> Result<User, Refused> {
        let shown = creds.shown();
        let judged = self.ask(creds, claimed).await;
        let attempt = shown.is_an_attempt();
        match &judged {
            Ok(_) => meters::judged(Judged::Accepted),
            Err(Refused::Unknown) if !attempt => {}
            Err(Refused::Unknown) => meters::judged(Judged::Unknown),
            Err(Refused::Throttled(_)) => meters::judged(Judged::Throttled),
            Err(Refused::Failed(_)) => meters::judged(Judged::Failed),
        }
        judged
    }

    async fn ask(&self, creds: Credentials, claimed: Option<&str>) -> Result<User, Refused> {
        let (shown, from) = (creds.shown(), Source::of(creds.peer(), claimed));
        if let Some(wait) = self.failures.wait(&from) {
            // Whoever shows nothing that is known as a credential may still show one in a header of the application's.
            return Err(if shown.is_an_attempt() { Refused::Throttled(wait) } else { Refused::Unknown });
        }
        let auth = Arc::clone(&self.auth.read().unwrap_or_else(PoisonError::into_inner));
        // The closure is called within the future, so that its panic is contained as well.
        let judged = contained("authenticator", async { auth(creds).await }).await;
        match judged.and_then(|judged| judged.map_err(|error| unavailable(&error))) {
            Ok(Some(user)) => Ok(user),
            Ok(None) => {
                if shown.is_an_attempt() {
                    self.failures.note(&from);
                }
                Err(Refused::Unknown)
            }
            Err(error) => {
                let error_text = causes(&error);
                if let Some(left_out) = self.lines.speak(&error_text) {
                    tracing::warn!(error = error_text, left_out, "the authenticator does not work");
                }
                Err(Refused::Failed(error))
            }
        }
    }
}

/// What a client is told when its credentials cannot be judged at the moment.
fn unavailable(error: &Error) -> Error {
    Error::unavailable("the login is not available at the moment").with_detail(causes(error))
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

/// `rpc.login` and `rpc.refresh`.
pub(crate) struct LoginService {
    logins: Arc<Logins>,
    hub: Hub,
    /// Whether a connection is closed as soon as logging in has failed.
    strict: bool,
}

impl LoginService {
    pub(crate) fn new(logins: Arc<Logins>, hub: Hub, strict: bool) -> Self {
        Self { logins, hub, strict }
    }

    /// How many logins may fail on one connection.
    fn allowed(&self) -> u32 {
        if self.strict { 1 } else { self.logins.per_connection() }
    }

    fn begin<'a>(&self, conn: &'a Connection) -> Result<Judging<'a>, Error> {
        let failed = conn.begin_login().ok_or_else(|| {
            Error::new(Code::ResourceExhausted, "another login of this connection is being judged")
                .with_retry_after(Duration::from_secs(1))
        })?;
        let judging = Judging(conn);
        conn.enter(ConnectionState::Authenticating);
        match failed < self.allowed() {
            true => Ok(judging),
            // The connection is being closed.
            false => Err(Error::unauthenticated()),
        }
    }

    async fn login(&self, conn: &Connection, shown: Shown) -> Result<Value, Error> {
        let Shown { token, mut extra } = shown;
        let claimed = extra.remove("uid").and_then(|uid| uid.as_str().map(str::to_owned));
        let creds = Credentials::new(conn.peer().clone(), token, extra);
        let since = self.hub.revocations();
        let _judging = self.begin(conn)?;
        match self.logins.judge(creds, claimed.as_deref()).await {
            Ok(user) => {
                let answer = logged_in(&user);
                conn.login(user.clone())?;
                // Asked when the hub knows of the login: whoever takes logins back finds it there, or was here before.
                if self.hub.was_revoked(user.id(), since) {
                    conn.revoke();
                }
                Ok(answer)
            }
            Err(Refused::Throttled(wait)) => {
                let error = Error::new(Code::ResourceExhausted, "too many failed logins");
                Err(error.with_retry_after(wait))
            }
            Err(Refused::Failed(error)) => Err(error),
            Err(Refused::Unknown) => {
                if conn.failed_login() >= self.allowed() {
                    conn.close(CloseCode::UNAUTHENTICATED.0, "the login has failed");
                }
                Err(Error::new(Code::Unauthenticated, "nobody is known by these credentials"))
            }
        }
    }
}

/// The time while credentials are judged that were shown on a session.
struct Judging<'a>(&'a Connection);

impl Drop for Judging<'_> {
    fn drop(&mut self) {
        let Self(conn) = self;
        conn.end_login();
        if !conn.is_authenticated() {
            conn.enter(ConnectionState::Connected);
        }
    }
}

impl Dispatch for LoginService {
    fn schema(&self) -> &'static ServiceSchema {
        &SCHEMA
    }

    fn call(self: Arc<Self>, method: u32, call: Incoming) -> BoxFuture<Outcome> {
        Box::pin(async move {
            let conn = call.head().connection().clone();
            if method == REFRESH && !conn.is_authenticated() && !conn.has_expired() {
                // As if it were not there.
                return Err(Error::unauthenticated().into());
            }
            let shown = call.body()?;
            let answer = self.login(&conn, shown).await;
            if method == REFRESH {
                meters::refreshed(answer.is_ok());
            }
            call.reply(answer)
        })
    }
}

/// What `rpc.login` and `rpc.refresh` are called with: `[token]`, or `{token, …}`.
#[derive(Default)]
struct Shown {
    token: Option<String>,
    extra: Map<String, Value>,
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShownVisitor)
    }
}

struct ShownVisitor;

impl<'de> Visitor<'de> for ShownVisitor {
    type Value = Shown;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`{token}` or `[token]`")
    }

    fn visit_unit<E>(self) -> Result<Shown, E> {
        Ok(Shown::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shown, A::Error> {
        let token = seq.next_element::<Option<String>>()?.flatten();
        if seq.next_element::<serde::de::IgnoredAny>()?.is_some() {
            return Err(serde::de::Error::custom("one parameter, the token, is expected"));
        }
        Ok(Shown { token, ..Shown::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shown, A::Error> {
        let mut extra = Map::deserialize(MapAccessDeserializer::new(map))?;
        let token = match extra.remove("token") {
            None | Some(Value::Null) => None,
            Some(Value::String(token)) => Some(token),
            Some(_) => return Err(serde::de::Error::custom("the token is a string")),
        };
        Ok(Shown { token, extra })
    }
}

/// What both methods answer: who is logged in, and for how long.
fn logged_in(user: &User) -> Value {
    match user.expiry().and_then(millis_until) {
        Some(expires_ms) => json!({ "user": user.id(), "expires_ms": expires_ms }),
        None => json!({ "user": user.id() }),
    }
}

/// `None` if that is further away than a number on the wire.
pub(crate) fn millis_until(at: SystemTime) -> Option<u64> {
    let left = at.duration_since(SystemTime::now()).unwrap_or_default();
    u64::try_from(left.as_millis()).ok().filter(|left| *left < 1 << 53)
}

const REFRESH: u32 = 1;

/// Both are public: a refresh is also possible for a while after the login has expired.
static SCHEMA: ServiceSchema = ServiceSchema::__new(
    "Login",
    Some("rpc"),
    "",
    &[method("login", &["rpc.login"]), method("refresh", &["rpc.refresh"])],
);

const fn method(name: &'static str, wire: &'static [&'static str]) -> MethodSchema {
    MethodSchema {
        body: true,
        public: true,
        idempotent: true,
        returns: || (TypeSchema::of::<Value>(), TypeSchema::of::<Never>()),
        ..MethodSchema::new(name, wire)
    }
}
