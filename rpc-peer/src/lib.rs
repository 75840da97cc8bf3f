//! What either end of a Trunkline connection needs.
//!
//! A [`Transport`] carries packets, the [`Driver`] joins it to a [`trunkline_core::Session`], and a [`Handle`] is how
//! everybody else reaches the driver. Calls made here are [`Call`]s; calls that come in pass the [`Router`] (guards, rate
//! limits) to a [`Dispatch`], which `#[service]` writes. Nothing here listens, dials or knows HTTP.

mod attr;
mod call;
mod call_log;
mod callee;
mod causes;
mod certificate;
mod clock;
mod connection;
mod dispatch;
mod driver;
mod exchange;
mod expiry;
mod guard;
mod handle;
mod handlers;
mod hang_up;
mod info;
mod link;
mod memory;
#[cfg(feature = "metrics")]
mod meters;
mod panics;
mod quiet;
mod rate;
mod registry;
mod router;
mod state;
mod streams;
mod trace;
mod traffic;
mod transport;
mod user;
mod watch;
mod websocket;

pub use attr::{Attr, AttrKey, AttrName, attr};
pub use call::{Call, CallError};
pub use call_log::{CallLog, CallStatus};
pub use callee::{Answers, Broadcast, Callee, CalleeKind, Cast, Direct, EncodeParams, Notification, Sending};
pub use causes::causes;
pub use certificate::PeerCertificate;
pub use clock::{after, now};
pub use connection::{Connection, ConnectionId, Host, Login, PeerInfo};
pub use dispatch::{BoxFuture, CallHead, Dispatch, FromCall, Incoming};
pub use driver::{Driver, Services, ended};
pub use exchange::answer_once;
pub use expiry::Expiry;
pub use futures_core::Stream;
pub use guard::{Eventual, Guard, Immediate, IntoVerdict, Verdict, all, any, eq, guard_fn, has, is, not};
pub use handle::{AsHandle, CallOf, Handle, IntoParams};
pub use hang_up::hang_up;
pub use info::{LoadInfo, Loaded, UserInfo};
pub use link::{LinkError, LinkEvent};
pub use memory::{Memory, memory};
pub use panics::{contain, contained};
pub use quiet::{Quiet, QuietKinds, Turn};
pub use rate::{Budget, Budgets, Rate, network};
pub use registry::{IntoMethod, Registration, WithParams, WithoutParams};
pub use router::{Router, Untyped};
pub use state::{ConnectionState, Observer, States};
pub use streams::{BoxStream, StreamOf, Streaming, Subscription, Uploads, WithUploads};
pub use trace::{TraceContext, TraceSource};
pub use traffic::{TrafficLimits, UserLoad};
pub use transport::{Transport, TransportError};
pub use user::User;
pub use websocket::{End, Reassembly, SocketLimits, WebSocket};
