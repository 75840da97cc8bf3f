#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use serde_json::{Value, json};
#[cfg(feature = "client")]
pub use trunkline_client::{Client, ClientBuilder, ClientState, ConnectError};
/// Generators: TypeScript, OpenRPC and JSON Schema of your services, and the command line of a binary that writes them.
#[cfg(feature = "codegen")]
#[cfg_attr(docsrs, doc(cfg(feature = "codegen")))]
pub use trunkline_codegen as codegen;
pub use trunkline_core::{
    AnyError, AppError, Bytes, CloseCode, CloseReason, Code, Codec, ConfigError, Error, Fault, I64,
    MethodSchema, Never, ParamSchema, Per, RateLimit, Reply, ResultExt, Service, ServiceSchema,
    SessionConfig, Subprotocol, U64, Wire,
};
#[cfg(feature = "schema")]
pub use trunkline_core::{
    Declaration, Description, MethodDescription, ParamDescription, RateLimitDescription, ServiceDescription,
    TypeDescription,
};
pub use trunkline_macros::{data, method, service};
pub use trunkline_peer::{
    Attr, AttrKey, AttrName, BoxStream, Call, CallError, CallHead, CallLog, CallStatus, Callee, Cast,
    Connection, ConnectionId, ConnectionState, Direct, Expiry, FromCall, Guard, IntoMethod, LinkError,
    LinkEvent, Memory, PeerCertificate, PeerInfo, Rate, Registration, Sending, States, Stream, Streaming,
    Subscription, TraceContext, Untyped, User, all, any, attr, eq, guard_fn, has, is, memory, not,
};
#[cfg(feature = "introspect")]
#[cfg_attr(docsrs, doc(cfg(feature = "introspect")))]
pub use trunkline_server::Introspection;
#[cfg(all(feature = "server", feature = "tls"))]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use trunkline_server::Tls;
#[cfg(feature = "server")]
pub use trunkline_server::{
    Audience, Authenticator, Bound, Config, Credentials, Heartbeat, Hub, Limits, Serve, ServeError, Server,
    ServerBuilder, Unauthenticated,
};
#[cfg(feature = "jwt")]
#[cfg_attr(docsrs, doc(cfg(feature = "jwt")))]
pub use trunkline_server::{Jwt, JwtKey};

/// The result of a method that has no typed error of its own.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The sessions of a server. Without the feature `server` there are none; the name is here so that a contract that has a
/// hub injected compiles for clients too.
#[cfg(not(feature = "server"))]
#[derive(Debug)]
pub enum Hub {}

#[cfg(not(feature = "server"))]
impl FromCall for Hub {
    async fn from_call(_: &CallHead) -> Result<Self> {
        Err(Error::new(Code::Unimplemented, "only a server has a hub"))
    }
}

/// What the macros name. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use std::{sync::Arc, time::Duration};

    #[cfg(feature = "schema")]
    pub use trunkline_core::__private::{schemars, ts_rs};
    pub use trunkline_core::{
        __private::serde, AppError, Error, FailsAs, Fault, MethodSchema, Outcome, ParamSchema, ParamsWriter,
        Payload, Per, RateLimit, Reply, Service, ServiceSchema, TypeSchema, Wire,
    };
    pub use trunkline_peer::{
        Answers, BoxFuture, CallOf, Callee, CalleeKind, Direct, Dispatch, FromCall, Guard, Handle, Incoming,
        StreamOf,
    };

    /// Compiles if a method may begin a stream by failing as `B` does, whose items are `R`.
    pub const fn assert_fails_as<B: Reply, R: Reply>()
    where
        B::Fault: FailsAs<R::Fault>,
    {
    }

    /// Compiles if `T` may travel.
    pub const fn assert_wire<T: Wire>() {}
}
