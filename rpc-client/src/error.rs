//! Why a client did not connect.

use std::{io, time::Duration};

use http::StatusCode;
use trunkline_core::{CloseCode, CloseReason, Code, ConfigError, Error, ProtocolError};
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
    #[error("the server{} cannot be reached", at(url))]
    Io {
        /// The URL, without what may be secret; empty if the client was given a transport.
        url: String,
        /// What the system says.
        source: io::Error,
    },
    /// There is no secure connection: the server's certificate is not trusted, or is not for this host, or the server did not
    /// trust that of the client.
    #[error("there is no secure connection to the server{}", at(url))]
    Tls {
        /// The URL, without what may be secret.
        url: String,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The server did not answer in time.
    #[error("no connection within {} seconds", .0.as_secs_f32())]
    Timeout(Duration),
    /// The server answered the HTTP request with something else than an upgrade.
    #[error("the server{} answered {status}{}{text}", at(url), if text.is_empty() { "" } else { ": " })]
    Refused {
        /// The URL, without what may be secret.
        url: String,
        /// The status of the answer.
        status: StatusCode,
        /// The beginning of its text, with control characters escaped.
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

impl ConnectError {
    /// The code that a call would fail with for this reason: `UNAUTHENTICATED` if the server knows nobody by the token or took
    /// the login back, `PERMISSION_DENIED` if it does not let this client in at all, `RESOURCE_EXHAUSTED` if too much was
    /// tried, `UNAVAILABLE` if another attempt may succeed as it is, and `INTERNAL` for what has to be put right here.
    pub fn code(&self) -> Code {
        match self {
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Closed(reason) => match reason.code {
                CloseCode::UNAUTHENTICATED | CloseCode::REVOKED => Code::Unauthenticated,
                CloseCode::RATE | CloseCode::TOO_MANY => Code::ResourceExhausted,
                _ => Code::Unavailable,
            },
            Self::Refused { status, .. } => match status.as_u16() {
                401 => Code::Unauthenticated,
                403 => Code::PermissionDenied,
                429 => Code::ResourceExhausted,
                500.. => Code::Unavailable,
                _ => Code::Internal,
            },
            Self::Io { .. } | Self::Timeout(_) | Self::Token(_) => Code::Unavailable,
            _ => Code::Internal,
        }
    }

    /// The same, of the server at `url`.
    pub(crate) fn at(self, url: String) -> Self {
        match self {
            Self::Io { source, .. } => Self::Io { url, source },
            Self::Tls { source, .. } => Self::Tls { url, source },
            Self::Refused { status, text, .. } => Self::Refused { url, status, text },
            other => other,
        }
    }

    /// Whether another attempt may succeed without anything being changed.
    pub fn is_retryable(&self) -> bool {
        matches!(self.code(), Code::Unavailable | Code::ResourceExhausted)
    }
}

/// For functions that return [`Error`]: with the code of the [`ConnectError`]. A client of such a function is told no detail;
/// that is for the log.
impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        match error.code() {
            Code::Internal => Self::new(Code::Internal, error.to_string()),
            Code::Unauthenticated => Self::new(Code::Unauthenticated, "the server did not accept the login"),
            code => Self::new(code, "the server cannot be reached"),
        }
        .with_detail(error)
    }
}

impl From<TransportError> for ConnectError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Peer(error) => Self::Protocol(error),
            TransportError::Io(error) => error.into(),
        }
    }
}

#[cfg(feature = "tls")]
impl ConnectError {
    pub(crate) fn tls(source: io::Error) -> Self {
        Self::Tls { url: String::new(), source }
    }
}

impl From<io::Error> for ConnectError {
    fn from(source: io::Error) -> Self {
        Self::Io { url: String::new(), source }
    }
}

/// Where the server is, if that is known.
fn at(url: &str) -> String {
    if url.is_empty() { String::new() } else { format!(" at `{url}`") }
}
