//! What a service is, as constant data: the macro emits it, the dispatcher, generators and introspection read it.

use std::time::Duration;

use crate::{error::Never, wire::Described};

/// A generated client, as the holder of its service's description.
///
/// ```ignore
/// let schema = <ChatClient as trunkline::Service>::SCHEMA;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the client of a service",
    label = "not a generated client",
    note = "name the `…Client` that `#[service]` makes of a trait: `ChatClient` for a trait `Chat`"
)]
pub trait Service {
    /// What the trait under `#[service]` says.
    const SCHEMA: &'static ServiceSchema;
}

/// A service: one trait under `#[service]`.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServiceSchema {
    /// The name of the Rust trait.
    pub name: &'static str,
    /// What stands before the dot of every method's name on the wire, if anything.
    pub namespace: Option<&'static str>,
    /// The trait's documentation.
    pub docs: &'static str,
    /// Where the trait is, as `module_path!()` has it; empty if that is not known.
    pub module: &'static str,
    /// Why the service should no longer be used, if `#[deprecated]` says so; empty if it gives no reason.
    pub deprecated: Option<&'static str>,
    /// The methods; a method's number is its place here.
    pub methods: &'static [MethodSchema],
}

impl ServiceSchema {
    /// For generated code; fields may be added in later versions.
    #[doc(hidden)]
    pub const fn __new(
        name: &'static str,
        namespace: Option<&'static str>,
        docs: &'static str,
        methods: &'static [MethodSchema],
    ) -> Self {
        Self { name, namespace, docs, module: "", deprecated: None, methods }
    }

    /// For generated code, as [`Self::__new`]: what a trait is known by beside its name.
    #[doc(hidden)]
    pub const fn __of(mut self, module: &'static str, deprecated: Option<&'static str>) -> Self {
        (self.module, self.deprecated) = (module, deprecated);
        self
    }
}

/// A method of a service.
#[derive(Debug)]
pub struct MethodSchema {
    /// The name of the Rust method.
    pub name: &'static str,
    /// The names on the wire: all are accepted, the first is what clients send.
    pub wire: &'static [&'static str],
    /// The method's documentation.
    pub docs: &'static str,
    /// Why the method should no longer be called, if `#[deprecated]` says so; empty if it gives no reason.
    pub deprecated: Option<&'static str>,
    /// The parameters that travel, in order; extractors are not among them.
    pub params: &'static [ParamSchema],
    /// Whether one parameter takes all params as one value.
    pub body: bool,
    /// Whether the method may be called before the login.
    pub public: bool,
    /// Whether a repetition does no harm, so that a client may resend it.
    pub idempotent: bool,
    /// Whether the method has no answer.
    pub oneway: bool,
    /// Whether the method gives a stream: [`Self::returns`] is then of its items.
    pub stream: bool,
    /// How long a call may take, if it is not the default.
    pub timeout: Option<Duration>,
    /// How often the method may be called.
    pub rate_limit: Option<RateLimit>,
    /// The guard as written in `requires`, for people; the dispatcher holds the guard itself.
    pub requires: Option<&'static str>,
    /// The type of the result, or of an item of the stream, and of the application's error.
    pub returns: fn() -> (TypeSchema, TypeSchema),
}

impl MethodSchema {
    /// A method without parameters or attributes that returns nothing, for schemas that are written by hand: set the fields that
    /// are otherwise.
    pub const fn new(name: &'static str, wire: &'static [&'static str]) -> Self {
        Self {
            name,
            wire,
            docs: "",
            deprecated: None,
            params: &[],
            body: false,
            public: false,
            idempotent: false,
            oneway: false,
            stream: false,
            timeout: None,
            rate_limit: None,
            requires: None,
            returns: || (TypeSchema::of::<()>(), TypeSchema::of::<Never>()),
        }
    }

    /// What clients send as the method's name.
    pub fn wire_name(&self) -> &'static str {
        self.wire.first().copied().unwrap_or(self.name)
    }

    /// How many streams the caller sends along.
    pub fn uploads(&self) -> usize {
        self.params.iter().filter(|param| param.stream).count()
    }
}

/// A parameter that travels.
#[derive(Debug)]
pub struct ParamSchema {
    /// The name of the parameter on the wire.
    pub name: &'static str,
    /// Whether it may be left out because the method has a default for it.
    pub has_default: bool,
    /// Whether it is a stream that the caller sends: [`Self::ty`] is then of its items.
    pub stream: bool,
    /// The type.
    pub ty: fn() -> TypeSchema,
}

/// What generators need of one Rust type; without the feature `schema` there is nothing.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct TypeSchema {
    /// The type in TypeScript, as it stands in a signature.
    #[cfg(feature = "schema")]
    pub typescript: fn(&ts_rs::Config) -> String,
    /// The TypeScript declarations of the type and of all that it mentions.
    #[cfg(feature = "schema")]
    pub declare: fn(&mut crate::describe::Declarations),
    /// The JSON Schema, with its definitions left in the generator.
    #[cfg(feature = "schema")]
    pub json_schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema,
    /// Whether the type is an `Option`, so that a caller may leave it out.
    #[cfg(feature = "schema")]
    pub is_option: bool,
}

impl TypeSchema {
    /// The descriptions of `T`.
    pub const fn of<T: Described + 'static>() -> Self {
        Self {
            #[cfg(feature = "schema")]
            typescript: <T as ts_rs::TS>::name,
            #[cfg(feature = "schema")]
            declare: crate::describe::Declarations::add::<T>,
            #[cfg(feature = "schema")]
            json_schema: schemars::SchemaGenerator::subschema_for::<T>,
            #[cfg(feature = "schema")]
            is_option: <T as ts_rs::TS>::IS_OPTION,
        }
    }
}

/// How often a method may be called: `limit` calls at once, and one more each `period / limit`.
///
/// This is GCRA: no window whose edges a caller could use, but a budget that comes back call by call. In a `period` there
/// may so be nearly twice `limit` calls: what was saved up, and what comes back meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Calls allowed at once, and how many come back in a period; at least 1, and at most one a nanosecond.
    pub limit: u32,
    /// The time in which the whole budget comes back.
    pub period: Duration,
    /// Who shares the budget.
    pub per: Per,
    /// Whether a call beyond the limit, once answered, closes the connection with 1008.
    pub disconnect: bool,
}

/// Who shares the budget of a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Per {
    /// The user, over all of their connections; before the login, the connection.
    #[default]
    UserOrConnection,
    /// The connection.
    Connection,
    /// The user.
    User,
    /// The address of the peer.
    Ip,
    /// Everybody together.
    Method,
}
