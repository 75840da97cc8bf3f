//! What a server tells of itself to whoever may ask: `rpc.discover` and `rpc.typescript`.
//!
//! It is a service like any other, whose two names are reserved and whose guard is the operator's. Both answers are made when
//! they are first asked for, and kept.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde_json::Value;
use trunkline_codegen::{openrpc, typescript};
use trunkline_core::{
    Code, ConfigError, Description, Error, MethodSchema, Never, Outcome, ServiceSchema, TypeSchema,
};
use trunkline_peer::{BoxFuture, Dispatch, Guard, Incoming, Router};

/// Who may ask a server what its services are.
#[derive(Debug, Clone)]
pub enum Introspection {
    /// Everybody, also before the login. Names, types and documentation of all methods are then no secret.
    Public,
    /// Sessions that fulfil a guard.
    Requires(Guard),
}

/// Adds the two methods to a router, if somebody may call them.
pub(crate) fn introspected(
    mut router: Router,
    who: Option<Introspection>,
    services: &[&'static ServiceSchema],
) -> Result<Router, ConfigError> {
    if let Some(who) = who {
        router.add(Arc::new(Introspect::new(services.to_vec(), who)))?;
    }
    Ok(router)
}

/// The two methods, for the services of one server.
struct Introspect {
    services: Vec<&'static ServiceSchema>,
    who: Introspection,
    discovered: OnceLock<Value>,
    typescript: OnceLock<Result<String, Error>>,
}

impl Introspect {
    fn new(services: Vec<&'static ServiceSchema>, who: Introspection) -> Self {
        Self { services, who, discovered: OnceLock::new(), typescript: OnceLock::new() }
    }

    fn description(&self) -> Description {
        Description::of(self.services.iter().copied())
    }

    fn discover(&self) -> &Value {
        self.discovered.get_or_init(|| openrpc(&self.description()))
    }

    /// Whoever may ask may also know why the services have no TypeScript.
    fn typescript(&self) -> Result<String, Error> {
        let generate = || {
            typescript(&self.description())
                .map_err(|error| Error::new(Code::FailedPrecondition, error.to_string()))
        };
        self.typescript.get_or_init(generate).clone()
    }
}

impl Dispatch for Introspect {
    fn schema(&self) -> &'static ServiceSchema {
        match self.who {
            Introspection::Public => &PUBLIC,
            Introspection::Requires(_) => &GUARDED,
        }
    }

    fn guard(&self, _: u32) -> Option<Guard> {
        match &self.who {
            Introspection::Public => None,
            Introspection::Requires(guard) => Some(guard.clone()),
        }
    }

    fn call(self: Arc<Self>, method: u32, call: Incoming) -> BoxFuture<Outcome> {
        Box::pin(async move {
            call.params()?.end()?;
            match method {
                DISCOVER => call.reply(self.discover().clone()),
                TYPESCRIPT => call.reply(self.typescript()),
                _ => call.unimplemented().await,
            }
        })
    }
}

const DISCOVER: u32 = 0;
const TYPESCRIPT: u32 = 1;

static PUBLIC: ServiceSchema =
    ServiceSchema::__new("Introspection", Some("rpc"), "", &[discover(true), typescript_text(true)]);
static GUARDED: ServiceSchema =
    ServiceSchema::__new("Introspection", Some("rpc"), "", &[discover(false), typescript_text(false)]);

const fn discover(public: bool) -> MethodSchema {
    method("discover", &["rpc.discover"], public, || (TypeSchema::of::<Value>(), TypeSchema::of::<Never>()))
}

const fn typescript_text(public: bool) -> MethodSchema {
    method("typescript", &["rpc.typescript"], public, || {
        (TypeSchema::of::<String>(), TypeSchema::of::<Never>())
    })
}

const fn method(
    name: &'static str,
    wire: &'static [&'static str],
    public: bool,
    returns: fn() -> (TypeSchema, TypeSchema),
) -> MethodSchema {
    MethodSchema { public, idempotent: true, returns, ..MethodSchema::new(name, wire) }
}

impl fmt::Debug for Introspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspect").field("who", &self.who).finish_non_exhaustive()
    }
}
