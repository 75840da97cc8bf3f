//! Methods that are added while the server runs: a name and a closure, without a trait.
//!
//! They pass the same checks as methods of services: login, slots, guard, rate limit, decoding. Generated clients and descriptions
//! do not know them; whoever calls them does so by name.

use std::{
    collections::HashMap,
    future::Future,
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::de::DeserializeOwned;
use trunkline_core::{ConfigError, MethodSchema, Never, Outcome, RateLimit, Reply, TypeSchema};

use crate::{
    dispatch::{BoxFuture, FromCall, Incoming},
    guard::Guard,
};

/// What a method is called and who may call it. A plain name is one that only who is logged in may call, where a login is
/// required at all.
///
/// ```
/// use std::time::Duration;
/// use trunkline_peer::{Registration, has};
///
/// let method = Registration::new("reports.build").requires(has("staff")).timeout(Duration::from_secs(120));
/// # let _ = method;
/// ```
#[derive(Debug, Clone)]
pub struct Registration {
    pub(crate) name: String,
    public: bool,
    pub(crate) guard: Option<Guard>,
    pub(crate) rate_limit: Option<RateLimit>,
    timeout: Option<Duration>,
}

impl Registration {
    /// A method of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), public: false, guard: None, rate_limit: None, timeout: None }
    }

    /// May be called before the login.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// May be called by sessions that fulfil this guard.
    #[must_use]
    pub fn requires(mut self, guard: impl Into<Guard>) -> Self {
        self.guard = Some(guard.into());
        self
    }

    /// May be called so often.
    #[must_use]
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.rate_limit = Some(limit);
        self
    }

    /// May take so long, in place of the server's `call_timeout`.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Refuses names that nobody could call, or that are not the application's.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let name = &self.name;
        match name.as_str() {
            "" => Err(ConfigError("a method is registered under a name that is not empty".to_owned())),
            name if name.starts_with("rpc.") => Err(ConfigError(format!(
                "the name `{name}` is reserved for the protocol: take one that does not begin with `rpc.`"
            ))),
            _ => Ok(()),
        }
    }

    /// What the rest of the crate knows a method by. It lives for ever, and a method that is registered again is the same one:
    /// registering and unregistering in a loop takes no memory.
    pub(crate) fn schema(&self) -> &'static MethodSchema {
        static KNOWN: Mutex<Option<HashMap<Key, &'static MethodSchema>>> = Mutex::new(None);
        // Nothing that holds this lock can panic half-way through a change.
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (self.name.clone(), self.public, self.timeout);
        known.get_or_insert_default().entry(key).or_insert_with(|| Box::leak(Box::new(self.new_schema())))
    }

    fn new_schema(&self) -> MethodSchema {
        let name: &'static str = Box::leak(self.name.clone().into_boxed_str());
        MethodSchema {
            body: true,
            public: self.public,
            timeout: self.timeout,
            returns: || (TypeSchema::of::<serde_json::Value>(), TypeSchema::of::<Never>()),
            ..MethodSchema::new(name, Box::leak(Box::new([name])))
        }
    }
}

/// What of a registration is in its schema.
type Key = (String, bool, Option<Duration>);

impl<T: Into<String>> From<T> for Registration {
    fn from(name: T) -> Self {
        Self::new(name)
    }
}

/// An `async fn`, or a closure that gives a future: up to four extractors ([`FromCall`]: `Connection`, `User`, `Hub`, your own),
/// then maybe one argument for all the parameters of the call, which is a tuple for those by position, or a structure for
/// those by name. It returns what methods of services may.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be registered as a method",
    note = "pass an `async fn`, or a closure `|conn: Connection, params: (i64, i64)| async move {{ … }}`: extractors first, then \
            at most one argument that can be deserialized; it returns a value that can travel, or a `Result` of one"
)]
pub trait IntoMethod<Kind>: Send + Sync + 'static {
    /// Runs one call.
    #[doc(hidden)]
    fn run(self: Arc<Self>, call: Incoming) -> BoxFuture<Outcome>;
}

/// Marks closures that take extractors only.
#[derive(Debug)]
pub struct WithoutParams<Extractors>(PhantomData<Extractors>);

/// Marks closures whose last argument are the parameters.
#[derive(Debug)]
pub struct WithParams<Extractors, P>(PhantomData<(Extractors, P)>);

macro_rules! methods {
    ($(($($name:ident $E:ident)*))*) => { $(
        impl<F, R, Fut, $($E,)*> IntoMethod<WithoutParams<($($E,)*)>> for F
        where
            F: Fn($($E),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: Reply + 'static,
            $($E: FromCall + 'static,)*
        {
            fn run(self: Arc<Self>, call: Incoming) -> BoxFuture<Outcome> {
                Box::pin(async move {
                    $(let $name = $E::from_call(call.head()).await?;)*
                    call.params()?.end()?;
                    let reply = self($($name),*).await;
                    call.reply(reply)
                })
            }
        }

        impl<F, R, Fut, P, $($E,)*> IntoMethod<WithParams<($($E,)*), P>> for F
        where
            F: Fn($($E,)* P) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: Reply + 'static,
            P: DeserializeOwned + Send + 'static,
            $($E: FromCall + 'static,)*
        {
            fn run(self: Arc<Self>, mut call: Incoming) -> BoxFuture<Outcome> {
                Box::pin(async move {
                    $(let $name = $E::from_call(call.head()).await?;)*
                    let params: P = call.body()?;
                    call.release();
                    let reply = self($($name,)* params).await;
                    call.reply(reply)
                })
            }
        }
    )* };
}

methods! { () (a A) (a A b B) (a A b B c C) (a A b B c C d D) }

/// A registered closure without its type.
pub(crate) type Run = dyn Fn(Incoming) -> BoxFuture<Outcome> + Send + Sync;

pub(crate) fn boxed<Kind>(method: impl IntoMethod<Kind>) -> Box<Run> {
    let method = Arc::new(method);
    Box::new(move |call| Arc::clone(&method).run(call))
}
