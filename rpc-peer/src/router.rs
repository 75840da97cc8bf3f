//! All services of one side, by the names of their methods on the wire; and what a call has to pass before its method
//! runs.

use std::{
    any::Any,
    collections::{HashMap, hash_map::Entry},
    fmt,
    future::ready,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use arc_swap::ArcSwap;
use serde::de::DeserializeOwned;
use trunkline_core::{
    Code, ConfigError, Error, MethodSchema, Never, Outcome, Payload, RateLimit, Request, ServiceSchema,
    TypeSchema, shown,
};

use crate::{
    call_log::CallLog,
    causes::causes,
    clock::now,
    connection::Connection,
    dispatch::{BoxFuture, CallHead, CallStreams, Dispatch, Incoming},
    guard::{Guard, Verdict},
    handle::{AsHandle, Wish},
    panics::{contained, panicked},
    quiet::{Lines, QuietKinds, Turn},
    rate::MethodLimiter,
    registry::{self, IntoMethod, Registration, Run},
    watch::Watch,
};

/// Rewrites errors on their way to a client.
type Redact = dyn Fn(Error) -> Error + Send + Sync;

/// What one side serves. Built once and shared by all of its sessions.
#[derive(Default)]
pub struct Router {
    routes: HashMap<String, Arc<Route>>,
    services: Vec<Arc<dyn Dispatch>>,
    /// What was added since the server runs: looked at where nothing else has the name, without a lock.
    registered: ArcSwap<HashMap<String, Arc<Route>>>,
    requires_login: bool,
    /// Whether a connection is closed when it calls something that it has to log in for.
    closes_unauthenticated: bool,
    /// What takes messages that no service takes.
    untyped: Option<Arc<Route>>,
    redact: Option<Box<Redact>>,
    watch: Watch,
}

/// Where a name leads.
/// One for all names of a method, so that they share its budget.
pub(crate) struct Route {
    leads_to: Target,
    pub(crate) schema: &'static MethodSchema,
    guard: Option<Guard>,
    limiter: Option<MethodLimiter>,
    /// How many streams the caller sends along.
    pub(crate) uploads: usize,
    #[cfg(feature = "metrics")]
    pub(crate) meters: crate::meters::ByCode,
}

enum Target {
    /// A method of a service, by its number.
    Method(Arc<dyn Dispatch>, u32),
    /// What was registered under the name.
    Registered(Box<Run>),
    /// What takes messages that no service takes.
    Untyped(Box<TakeUntyped>),
}

impl Target {
    /// The name of the service, if it is one.
    fn name(&self) -> &'static str {
        match self {
            Self::Method(service, _) => service.schema().name,
            Self::Registered(_) | Self::Untyped(_) => "",
        }
    }
}

type TakeUntyped = dyn Fn(&Connection, Untyped) -> BoxFuture<Outcome> + Send + Sync;

/// A message of a name that no service has: a call, or a notification such as an event of the application.
#[derive(Debug, Clone)]
pub struct Untyped {
    method: String,
    params: Payload,
    is_call: bool,
}

impl Untyped {
    fn new(request: Request) -> Self {
        let (method, is_call) = (request.method().into_owned(), request.id.is_some());
        Self { method, params: request.into_params(), is_call }
    }

    /// The name.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Whether the peer waits for an answer, which is `UNIMPLEMENTED`.
    pub fn is_call(&self) -> bool {
        self.is_call
    }

    /// The parameters as one value: an array or a map, as the peer has sent them.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidArgument`], with the path to what does not fit.
    pub fn params<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.params.decode().map_err(|error| Error::invalid(error.to_string()))
    }
}

/// The method of messages that no service takes.
static UNTYPED: MethodSchema = MethodSchema {
    returns: || (TypeSchema::of::<serde_json::Value>(), TypeSchema::of::<Never>()),
    ..MethodSchema::new("", &[""])
};

/// What became of a call that was let in.
pub(crate) enum Admitted {
    /// The method's future, which has not been polled.
    Running(BoxFuture<Outcome>),
    /// The call was refused.
    Refused(Refusal),
}

/// Why a call does not run, and what that means for its connection.
pub(crate) struct Refusal {
    pub(crate) error: Error,
    pub(crate) penalty: Penalty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Penalty {
    None,
    /// One of the few refusals that a connection may collect in a second.
    Denial,
    /// The connection is closed once the answer is sent, because nobody has logged in.
    Unauthenticated,
    /// The connection is closed once the answer is sent.
    Disconnect,
}

impl Router {
    /// Serves `service` too.
    ///
    /// # Errors
    ///
    /// If one of its names is taken, with both methods that want it.
    pub fn add(&mut self, service: Arc<dyn Dispatch>) -> Result<(), ConfigError> {
        let schema = service.schema();
        for (method, number) in schema.methods.iter().zip(0_u32..) {
            let leads_to = Target::Method(Arc::clone(&service), number);
            let route = Arc::new(Route::new(leads_to, method, service.guard(number), method.rate_limit));
            for name in method.wire {
                match self.routes.entry((*name).to_owned()) {
                    Entry::Vacant(entry) => drop(entry.insert(Arc::clone(&route))),
                    Entry::Occupied(entry) => return Err(taken(entry.get(), schema, method, name)),
                }
            }
        }
        self.services.push(service);
        Ok(())
    }

    /// Serves a closure under a name from now on, also on sessions that there are already.
    ///
    /// # Errors
    ///
    /// If the name is taken, or reserved for the protocol.
    pub fn register<Kind>(
        &self,
        method: impl Into<Registration>,
        run: impl IntoMethod<Kind>,
    ) -> Result<(), ConfigError> {
        let method = method.into();
        method.check()?;
        if let Some(known) = self.routes.get(&method.name) {
            let owner = known.leads_to.name();
            return Err(registered_twice(&method.name, &format!("{owner}::{} has it", known.schema.name)));
        }
        let leads_to = Target::Registered(registry::boxed(run));
        let route = Arc::new(Route::new(leads_to, method.schema(), method.guard, method.rate_limit));
        let mut taken = false;
        self.registered.rcu(|known| {
            taken = known.contains_key(&method.name);
            if taken {
                return Arc::clone(known);
            }
            let mut more = HashMap::clone(known);
            more.insert(method.name.clone(), Arc::clone(&route));
            Arc::new(more)
        });
        match taken {
            false => Ok(()),
            true => Err(registered_twice(&method.name, "unregister the other first")),
        }
    }

    /// Serves a registered closure no longer; whether there was one. Calls of it that run go on.
    pub fn unregister(&self, name: &str) -> bool {
        let mut found = false;
        self.registered.rcu(|known| {
            found = known.contains_key(name);
            if !found {
                return Arc::clone(known);
            }
            let mut fewer = HashMap::clone(known);
            fewer.remove(name);
            Arc::new(fewer)
        });
        found
    }

    /// Lets only public methods be called before the login.
    pub fn require_login(&mut self) {
        self.requires_login = true;
    }

    /// Whether only public methods can be called before the login.
    pub fn requires_login(&self) -> bool {
        self.requires_login
    }

    /// Closes a connection with 4401 that calls something before the login that is not public, once the call is answered.
    pub fn close_unauthenticated(&mut self) {
        self.closes_unauthenticated = true;
    }

    /// Whether a connection that is not logged in is closed rather than only refused.
    pub fn closes_unauthenticated(&self) -> bool {
        self.closes_unauthenticated
    }

    /// Hands messages that no service takes to `take`: calls and notifications of names that are not known, from peers that
    /// may call something. What it gives back is the answer to a call.
    pub fn untyped(
        &mut self,
        take: impl Fn(&Connection, Untyped) -> BoxFuture<Outcome> + Send + Sync + 'static,
    ) {
        let leads_to = Target::Untyped(Box::new(take));
        self.untyped = Some(Arc::new(Route::new(leads_to, &UNTYPED, None, None)));
    }

    /// Rewrites every error that is not the application's before it reaches a client: those of methods, extractors and
    /// guards, and the refusals of calls. The log has it as it was. What the session itself says of a call that was
    /// cancelled, came too late or has too large an answer does not pass here.
    pub fn redact(&mut self, redact: impl Fn(Error) -> Error + Send + Sync + 'static) {
        self.redact = Some(Box::new(redact));
    }

    /// Has `hook` told of every call that has ended, on a thread of its own; see [`CallLog`].
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn on_log(&mut self, hook: impl Fn(&CallLog) + Send + 'static) -> Result<(), ConfigError> {
        self.watch.on_log(hook)
    }

    /// Who is told of calls.
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The services, in the order in which they were added.
    pub fn services(&self) -> impl Iterator<Item = &'static ServiceSchema> {
        self.services.iter().map(|service| service.schema())
    }

    /// Whether nothing was registered, and nobody takes messages that no service takes.
    pub fn has_services_only(&self) -> bool {
        self.registered.load().is_empty() && self.untyped.is_none()
    }

    /// Whether `conn` has to log in before it may call anything but public methods.
    pub(crate) fn wants_login(&self, conn: &Connection) -> bool {
        self.requires_login && conn.user().is_none()
    }

    /// Finds the method. Before the login an unknown name and a protected one are the same.
    pub(crate) fn find(&self, conn: &Connection, name: &str) -> Result<Arc<Route>, Refusal> {
        let route = self.routes.get(name).cloned();
        let route = route.or_else(|| self.registered.load().get(name).cloned());
        if !route.as_ref().is_some_and(|route| route.schema.public) && self.wants_login(conn) {
            let closes = self.closes_unauthenticated;
            let penalty = if closes { Penalty::Unauthenticated } else { Penalty::None };
            return Err(Refusal { error: Error::unauthenticated(), penalty });
        }
        route.or_else(|| self.untyped.clone()).ok_or_else(|| {
            let error = Error::new(Code::Unimplemented, format!("there is no method `{}`", shown(name, 64)));
            Refusal { error, penalty: Penalty::None }
        })
    }

    /// What the peer is told of an error: whatever is not meant for it goes to the log, under a reference. `lines` are those
    /// that the log has of such errors of this peer.
    pub(crate) fn disclose(&self, method: &str, original: Error, lines: &mut Option<Box<Lines>>) -> Error {
        let is_open = original.code() != Code::Internal && original.detail().is_none();
        let rewritten = match &self.redact {
            None if is_open => return original,
            None => original.clone(),
            // What fails to rewrite an error must not let it through.
            Some(redact) => catch_unwind(AssertUnwindSafe(|| redact(original.clone())))
                .unwrap_or_else(|_| Error::internal()),
        };
        if is_open && rewritten == original {
            return rewritten;
        }
        let reference = log(method, &original, &mut lines.get_or_insert_default().failures);
        let disclosed = match rewritten.code() {
            Code::Internal => Error::internal(),
            _ => rewritten,
        };
        let disclosed = disclosed.with_reference(reference);
        if original.maybe_executed() { disclosed.after_execution() } else { disclosed }
    }
}

impl Route {
    fn new(
        leads_to: Target,
        schema: &'static MethodSchema,
        guard: Option<Guard>,
        rate_limit: Option<RateLimit>,
    ) -> Self {
        Self {
            leads_to,
            schema,
            guard,
            limiter: rate_limit.map(MethodLimiter::new),
            uploads: schema.uploads(),
            #[cfg(feature = "metrics")]
            meters: crate::meters::ByCode::default(),
        }
    }

    /// The trait of the method, if it is one of a service.
    pub(crate) fn service(&self) -> Option<&'static str> {
        match &self.leads_to {
            Target::Method(service, _) => Some(service.schema().name),
            Target::Registered(_) | Target::Untyped(_) => None,
        }
    }

    /// Passes guard and rate limit, in this order, and starts the method.
    pub(crate) fn admit(
        self: &Arc<Self>,
        conn: &Connection,
        request: Request,
        streams: Option<Box<CallStreams>>,
    ) -> Admitted {
        let incoming = |mut request: Request| {
            let head = CallHead::new(conn.clone(), self.schema, request.head.take());
            Incoming::new(head, request.into_params(), streams)
        };
        if let Target::Untyped(take) = &self.leads_to {
            let message = Untyped::new(request);
            let taken = catch_unwind(AssertUnwindSafe(|| take(conn, message)));
            return Admitted::Running(taken.unwrap_or_else(|panic| has_panicked(&*panic)));
        }
        match self.ask_guard(conn) {
            Ok(Verdict::Now(holds)) => match self.pass(holds, conn) {
                Ok(()) => Admitted::Running(self.start(incoming(request))),
                Err(refusal) => Admitted::Refused(refusal),
            },
            Ok(Verdict::Later(answer)) => {
                let (route, incoming) = (Arc::clone(self), incoming(request));
                Admitted::Running(Box::pin(async move {
                    let holds = contained("guard", answer).await?;
                    if let Err(refusal) = route.pass(holds, incoming.head().connection()) {
                        // The driver took the call for one that runs: it has to be told that it did not.
                        incoming.head().connection().as_handle().push(Wish::Punish(refusal.penalty));
                        return Err(refusal.error.into());
                    }
                    route.start(incoming).await
                }))
            }
            Err(error) => Admitted::Refused(Refusal { error, penalty: Penalty::None }),
        }
    }

    fn ask_guard(&self, conn: &Connection) -> Result<Verdict, Error> {
        let Some(guard) = &self.guard else { return Ok(Verdict::Now(true)) };
        catch_unwind(AssertUnwindSafe(|| guard.check(conn))).map_err(|panic| panicked("guard", &*panic))
    }

    /// What a call has to pass once its guard has answered.
    fn pass(&self, holds: bool, conn: &Connection) -> Result<(), Refusal> {
        if holds {
            return self.check_rate(conn);
        }
        Err(Refusal { error: self.denied(), penalty: Penalty::Denial })
    }

    fn start(&self, incoming: Incoming) -> BoxFuture<Outcome> {
        // What the macro writes only boxes a future, but a service may be written by hand.
        let started = catch_unwind(AssertUnwindSafe(|| match &self.leads_to {
            Target::Method(service, method) => Arc::clone(service).call(*method, incoming),
            Target::Registered(run) => run(incoming),
            Target::Untyped(_) => incoming.unimplemented(),
        }));
        started.unwrap_or_else(|panic| has_panicked(&*panic))
    }

    fn check_rate(&self, conn: &Connection) -> Result<(), Refusal> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.check(conn).map_err(|error| {
            let penalty = if limiter.disconnects() { Penalty::Disconnect } else { Penalty::None };
            Refusal { error, penalty }
        })
    }

    fn denied(&self) -> Error {
        Error::new(Code::PermissionDenied, format!("not allowed to call `{}`", self.schema.wire_name()))
    }
}

fn has_panicked(panic: &(dyn Any + Send)) -> BoxFuture<Outcome> {
    Box::pin(ready(Err(panicked("method", panic).after_execution().into())))
}

fn registered_twice(name: &str, what: &str) -> ConfigError {
    ConfigError(format!("the method name `{name}` is taken: {what}"))
}

fn taken(known: &Route, schema: &ServiceSchema, method: &MethodSchema, name: &str) -> ConfigError {
    let other = known.leads_to.name();
    ConfigError(format!(
        "the method name `{name}` is taken twice, by {}::{} and {}::{}: set `#[service(namespace = \"…\")]` on one of the \
         services or `#[method(alias = \"…\")]` on one of the methods",
        other, known.schema.name, schema.name, method.name
    ))
}

/// A random name for a log entry.
fn reference() -> String {
    let mut bytes = [0; 8];
    // Without randomness the entry is found by its time.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}

/// Writes down what a client is not told, and gives the reference under which it is found. What has failed for the same cause
/// within the minute is there already, under the reference of that time.
fn log(method: &str, error: &Error, lines: &mut QuietKinds<String>) -> String {
    let detail = error.detail().map(|detail| causes(detail));
    let (code, text) = (error.code().as_str(), error.message());
    let mut new = String::new();
    // Whoever is refused can repeat that at will, so it is no error of ours.
    let is_ours = detail.is_some() || error.code() == Code::Internal || error.maybe_executed();
    let turn = is_ours.then(|| {
        lines.speak(now(), (method, code, text, &detail), || {
            new = reference();
            new.clone()
        })
    });
    match turn {
        Some(Turn::Speak(left_out)) => {
            tracing::error!(method, reference = new, code, error = text, detail, left_out, "a call failed");
            new
        }
        Some(Turn::Said(reference)) => {
            tracing::debug!(method, reference, code, error = text, "a call failed again");
            reference
        }
        Some(Turn::TooMany) => {
            let reference = reference();
            tracing::debug!(method, reference, code, error = text, detail, "a call failed");
            reference
        }
        None => {
            let reference = reference();
            tracing::debug!(method, reference, code, error = text, "a call was refused");
            reference
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("services", &self.services).finish_non_exhaustive()
    }
}
