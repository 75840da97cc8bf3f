//! Why a client did not connect.

use std::{io, time::Duration};

use http::StatusCode;
use trunkline_core::{CloseReason, Code, ConfigError, Error, ProtocolError};
use trunkline_peer::TransportError;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be dialled.
    #[error("`{url}` cannot be dialled: {reason}")]
    Url {
        /// The URL as given, without what may be secret: credentials and query.
        url: String,
        /// What to write instead.
        reason: &'static str,
    },
    /// A header that HTTP forbids was added to the request.
    #[error("the header {0:?} has a name or a value that HTTP forbids")]
    Header(String),
    /// A setting cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server cannot be reached.
    #[error("the server cannot be reached")]
    Io(#[from] io::Error),
    /// The server did not answer in time.
    #[error("no connection within {} seconds", .0.as_secs_f32())]
    Timeout(Duration),
    /// The server answered the HTTP request with something else than an upgrade.
    #[error("the server answered {status}{}{text}", if text.is_empty() { "" } else { ": " })]
    Refused {
        /// The status of the answer.
        status: StatusCode,
        /// The beginning of its text.
        text: String,
    },
    /// The server does not speak WebSocket, or not with the subprotocol that was asked for.
    #[error("not a Trunkline server: {0}")]
    NotWebSocket(&'static str),
    /// The server does not follow the protocol.
    #[error("the server broke the protocol")]
    Protocol(#[from] ProtocolError),
    /// The server closed the connection instead of a welcome.
    #[error("the server closed the connection: {0}")]
    Closed(CloseReason),
    /// The server knows nobody with this token.
    #[error("the server did not accept the token")]
    Unauthenticated,
    /// The token could not be fetched.
    #[error("there is no token")]
    Token(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// For functions that return [`Error`]: `UNAVAILABLE` where another attempt may succeed, else an internal error with the
/// same text. A client of such a function is told nothing of it; the detail is for the log.
impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        match &error {
            ConnectError::Io(_) | ConnectError::Timeout(_) | ConnectError::Closed(_) => {
                Self::unavailable("the server cannot be reached")
            }
            _ => Self::new(Code::Internal, error.to_string()),
        }
        .with_detail(error)
    }
}

impl From<TransportError> for ConnectError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Peer(error) => Self::Protocol(error),
            TransportError::Io(error) => Self::Io(error),
        }
    }
}
