//! The sans-IO core of Trunkline.
//!
//! A call is a **message** as a value, a **frame** as bytes, and travels with other frames in one **packet**, which is
//! what a WebSocket message carries. [`Link`] is the state of one socket, [`Session`] the state that outlives sockets;
//! both take packets, times and wishes, and give back events, packets and the next deadline. Nothing here knows a
//! runtime, a socket, a thread or a clock: the time is an argument, and the caller moves the bytes.
//!
//! The wire format is specified in `docs/protocol.md`; its vectors are in `tests/vectors/`.

mod codec;
#[cfg(feature = "schema")]
mod describe;
mod error;
mod escaped;
mod items;
mod link;
mod message;
mod packet;
mod params;
mod payload;
mod protocol;
mod schema;
mod session;
mod wire;

pub use codec::Codec;
#[cfg(feature = "schema")]
pub use describe::{
    Declaration, Declarations, Description, MethodDescription, ParamDescription, RateLimitDescription,
    ServiceDescription, TypeDescription,
};
pub use error::{
    AnyError, AppError, CloseCode, CloseReason, Code, ConfigError, DecodeError, EncodeError, Error, FailsAs,
    Fault, Never, ProtocolError, ResultExt, shown,
};
pub use escaped::Escaped;
pub use items::{ItemBatch, Items};
pub use link::{AwaitHello, AwaitWelcome, KeepAlive, Link, PendingHello};
pub use message::{
    Failure, Goaway, Hashes, Hello, Message, Outcome, Publication, Request, RequestHead, RequestId, Resume,
    Target, ValueHead, Welcome,
};
pub use packet::Packet;
pub use params::{Params, ParamsWriter};
pub use payload::Payload;
pub use protocol::{Protocol, Subprotocol};
pub use schema::{MethodSchema, ParamSchema, Per, RateLimit, Service, ServiceSchema, TypeSchema};
pub use session::{CallKey, Event, Expects, Inflow, Limits, Role, Session, SessionConfig};
pub use wire::{Bytes, I64, Reply, U64, Wire};

/// A moment at which a test begins; from there on it turns the clock itself.
#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an `Instant` has to come from somewhere")]
fn some_time() -> std::time::Instant {
    std::time::Instant::now()
}

/// Names for generated code. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use serde;
    #[cfg(feature = "schema")]
    pub use {schemars, ts_rs};

    pub use crate::wire::Described;
}
