//! What can go wrong, split by who is to blame: the call ([`Error`]), the peer ([`ProtocolError`]), the set-up
//! ([`ConfigError`]).
//!
//! [`Error`] is what travels; a cause that must not travel stays in [`Error::detail`] and reaches the log only.

use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{escaped::Escaped, message::RequestId, wire::Described};

/// Why a call failed, by the names and meanings of gRPC's status codes.
///
/// Trunkline itself emits ten of them (see [`Code::is_reserved`]); the other six are for applications. The source is
/// gRPC's `doc/statuscodes.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Code {
    /// The caller gave up.
    Cancelled,
    /// Nothing more is known; also the code of every typed application error.
    Unknown,
    /// The parameters do not fit the method, whatever the state of the system.
    InvalidArgument,
    /// The deadline passed before the answer arrived.
    DeadlineExceeded,
    /// Something the call asked for does not exist.
    NotFound,
    /// Something the call wanted to create exists.
    AlreadyExists,
    /// The caller is known and may not do this.
    PermissionDenied,
    /// A quota, a rate or a limit is used up; [`Error::retry_after`] may say for how long.
    ResourceExhausted,
    /// The system is not in the state that the call needs.
    FailedPrecondition,
    /// A conflict with another operation.
    Aborted,
    /// A value beyond the valid range.
    OutOfRange,
    /// There is no such method, or it is not available here.
    Unimplemented,
    /// The server failed; [`Error::reference`] finds the cause in its log.
    Internal,
    /// The service cannot be reached at the moment.
    Unavailable,
    /// Data is lost or damaged.
    DataLoss,
    /// The caller has not proven who they are.
    Unauthenticated,
}

impl Code {
    /// The name on the wire, for example `RESOURCE_EXHAUSTED`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }

    /// The code of this name on the wire; a name from a later version is [`Code::Unknown`].
    pub fn parse(name: &str) -> Self {
        match name {
            "CANCELLED" => Self::Cancelled,
            "INVALID_ARGUMENT" => Self::InvalidArgument,
            "DEADLINE_EXCEEDED" => Self::DeadlineExceeded,
            "NOT_FOUND" => Self::NotFound,
            "ALREADY_EXISTS" => Self::AlreadyExists,
            "PERMISSION_DENIED" => Self::PermissionDenied,
            "RESOURCE_EXHAUSTED" => Self::ResourceExhausted,
            "FAILED_PRECONDITION" => Self::FailedPrecondition,
            "ABORTED" => Self::Aborted,
            "OUT_OF_RANGE" => Self::OutOfRange,
            "UNIMPLEMENTED" => Self::Unimplemented,
            "INTERNAL" => Self::Internal,
            "UNAVAILABLE" => Self::Unavailable,
            "DATA_LOSS" => Self::DataLoss,
            "UNAUTHENTICATED" => Self::Unauthenticated,
            _ => Self::Unknown,
        }
    }

    /// Whether Trunkline itself emits this code, so that an application's typed error cannot use its name.
    pub const fn is_reserved(self) -> bool {
        !matches!(
            self,
            Self::NotFound
                | Self::AlreadyExists
                | Self::FailedPrecondition
                | Self::Aborted
                | Self::OutOfRange
                | Self::DataLoss
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failed call, as it travels: a code, a message for humans, and what the caller may do about it.
///
/// The message of an error made with [`Error::new`] and its relatives reaches the client. The text of a foreign error
/// never does: [`ResultExt::or_internal`] keeps it as [`Error::detail`], which goes to the log under the same random
/// [`Error::reference`] that the client is told.
///
/// ```
/// use trunkline_core::{Code, Error};
///
/// let error = Error::new(Code::NotFound, "there is no room lobby");
/// assert_eq!(error.to_string(), "NOT_FOUND: there is no room lobby");
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    message: Cow<'static, str>,
    retry_after: Option<Duration>,
    reference: Option<String>,
    executed: bool,
    /// Whether a repetition does no harm even if the method has run.
    harmless: bool,
    detail: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with this code and a message that the client may read.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code,
            message: message.into(),
            retry_after: None,
            reference: None,
            executed: false,
            harmless: false,
            detail: None,
        }))
    }

    /// The parameters are wrong: [`Code::InvalidArgument`] with this message.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// A bare [`Code::Internal`] that tells nothing.
    pub fn internal() -> Self {
        Self::new(Code::Internal, "internal error")
    }

    /// The caller has to log in first: [`Code::Unauthenticated`].
    pub fn unauthenticated() -> Self {
        Self::new(Code::Unauthenticated, "log in first")
    }

    /// The service cannot be reached: [`Code::Unavailable`] with this message.
    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// Keeps `detail` for the log; it never reaches a client.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.detail = Some(Arc::from(detail.into()));
        self
    }

    /// Tells the caller when a repetition makes sense; sent as whole milliseconds, rounded up.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// Names the log entry that holds the cause.
    #[must_use]
    pub fn with_reference(mut self, reference: impl Into<String>) -> Self {
        self.0.reference = Some(reference.into());
        self
    }

    /// Says that the method may have run, at least in part.
    #[must_use]
    pub fn after_execution(mut self) -> Self {
        self.0.executed = true;
        self
    }

    /// Says that a repetition does no harm, because the method is idempotent. It does not travel.
    #[must_use]
    pub fn of_idempotent(mut self) -> Self {
        self.0.harmless = true;
        self
    }

    /// Whether the same call may succeed later and does nothing twice: it did not run, or it is idempotent.
    pub fn is_retryable(&self) -> bool {
        let may_pass = matches!(self.0.code, Code::Unavailable | Code::ResourceExhausted);
        may_pass && (self.0.harmless || !self.0.executed)
    }

    /// Why the call failed.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The message for humans, which a client may see.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// When a repetition makes sense, if the server said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Finds the cause in the server's log.
    pub fn reference(&self) -> Option<&str> {
        self.0.reference.as_deref()
    }

    /// Whether the method may have run: if not, a repetition cannot do anything twice.
    pub fn maybe_executed(&self) -> bool {
        self.0.executed
    }

    /// The cause, for the log only.
    pub fn detail(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.0.detail.as_deref()
    }

    /// Whether the message or the hidden cause contains one of `words`, in any case.
    ///
    /// ```
    /// use trunkline_core::{Code, Error};
    ///
    /// assert!(Error::new(Code::Aborted, "bad Password").mentions(["password", "token"]));
    /// ```
    pub fn mentions<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> bool {
        let mut text = self.0.message.to_lowercase();
        let mut cause = self.detail().map(|it| it as &dyn std::error::Error);
        while let Some(error) = cause {
            text.push('\n');
            text.push_str(&error.to_string().to_lowercase());
            cause = error.source();
        }
        words.into_iter().any(|word| text.contains(&word.to_lowercase()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)?;
        match &self.0.reference {
            Some(reference) => write!(f, " (reference {reference})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.0.code)
            .field("message", &self.0.message)
            .field("retry_after", &self.0.retry_after)
            .field("reference", &self.0.reference)
            .field("maybe_executed", &self.0.executed)
            .field("detail", &self.0.detail)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.detail().map(|it| it as _)
    }
}

/// Two errors are equal if a client could not tell them apart.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        (self.0.code, &self.0.message, self.0.retry_after, &self.0.reference, self.0.executed)
            == (other.0.code, &other.0.message, other.0.retry_after, &other.0.reference, other.0.executed)
    }
}

impl Eq for Error {}

/// Turns a foreign error into an [`Error`] that hides its text.
pub trait ResultExt<T> {
    /// Fails with [`Code::Internal`]; the text of the cause goes to the log and never to a client.
    ///
    /// ```
    /// use trunkline_core::{Code, ResultExt};
    ///
    /// let error = "x".parse::<u8>().or_internal().unwrap_err();
    /// assert_eq!((error.code(), error.message()), (Code::Internal, "internal error"));
    /// assert_eq!(error.detail().unwrap().to_string(), "invalid digit found in string");
    /// ```
    fn or_internal(self) -> Result<T, Error>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> ResultExt<T> for Result<T, E> {
    fn or_internal(self) -> Result<T, Error> {
        self.map_err(|detail| Error::internal().with_detail(detail))
    }
}

/// The error of a method that has none of its own: it cannot exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Never {}

/// A typed error of the application: an enum under `#[data(error)]`, or [`Never`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that a method may return",
    label = "not an error that can travel",
    note = "put `#[trunkline::data(error)]` on your error enum, or return `trunkline::Error`"
)]
pub trait AppError: Serialize + DeserializeOwned + Described + Send + 'static {}

impl AppError for Never {}

/// A typed error of which the caller has no type: what untyped calls fail with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}")]
pub struct AnyError {
    /// Which error of the method it is, as in `SOLD_OUT`.
    pub code: String,
    /// What the error says beside that; null if nothing.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub data: Value,
}

impl AppError for AnyError {}

/// What a method may fail with: its typed error, or [`Error`] for everything that is not the application's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that a method may return",
    label = "not an error that can travel",
    note = "put `#[trunkline::data(error)]` on your error enum, or return `trunkline::Error`"
)]
pub trait Fault: Sized {
    /// What clients match on.
    type App: AppError;

    /// Tells the application's errors from the rest.
    ///
    /// # Errors
    ///
    /// The inner error if this one is not the application's.
    fn into_app(self) -> Result<Self::App, Error>;
}

/// What a method that gives a stream may fail with before it does, if its items fail with `E`: the same, or [`Error`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a stream whose items fail with `{E}` cannot begin by failing with `{Self}`",
    label = "not the error of the items",
    note = "write one error in both places, as in `Result<impl Stream<Item = Result<T, E>>, E>`, or `trunkline::Error` round the stream"
)]
pub trait FailsAs<E> {}

impl<E: Fault> FailsAs<E> for Error {}

impl Fault for Error {
    type App = Never;

    fn into_app(self) -> Result<Never, Error> {
        Err(self)
    }
}

/// A value does not fit the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EncodeError(pub(crate) String);

/// Bytes do not fit the type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// Where, as in `order.items[2].price`; empty at the top.
    pub path: String,
    /// What was found and what was expected.
    pub message: String,
}

impl DecodeError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self::at(String::new(), message)
    }

    /// Cuts what it is told: both may quote the peer, and an error should not be as large as the packet it is about.
    pub(crate) fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: cut(path.into(), 256), message: cut(message.into(), 256) }
    }

    /// Puts the name of a parameter in front of the path.
    pub(crate) fn under(mut self, name: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{name}{dot}{}", self.path);
        self
    }
}

/// The beginning of a text that a peer chose, as it may stand in messages and logs: at most `chars` of its characters,
/// escaped.
///
/// ```
/// assert_eq!(trunkline_core::shown("a\nb and more", 3), r"a\nb");
/// ```
pub fn shown(text: &str, chars: usize) -> String {
    text.chars().take(chars).flat_map(char::escape_debug).collect()
}

/// The beginning of `text`, of at most `len` bytes.
fn cut(mut text: String, len: usize) -> String {
    let mut end = text.len().min(len);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

impl std::error::Error for DecodeError {}

/// The peer broke a rule of the protocol; the link closes with [`ProtocolError::close_code`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A WebSocket frame that RFC 6455 forbids.
    #[error("not a valid WebSocket frame: {0}")]
    WebSocket(String),
    /// A text frame that is not UTF-8.
    #[error("a text packet is not UTF-8")]
    NotUtf8,
    /// A packet larger than the advertised limit.
    #[error("a packet is larger than {0} bytes")]
    PacketTooLarge(usize),
    /// A message in more fragments than allowed.
    #[error("a packet has more than {0} fragments")]
    TooManyFragments(u32),
    /// More control frames than allowed.
    #[error("too many control frames")]
    TooManyControlFrames,
    /// A text packet on a binary subprotocol, or the other way round.
    #[error("{found} packets do not belong to the subprotocol {expected}")]
    WrongPacketKind {
        /// The subprotocol of this link.
        expected: &'static str,
        /// What arrived.
        found: &'static str,
    },
    /// A frame that cannot be read.
    #[error("a frame cannot be read: {0}")]
    BadFrame(&'static str),
    /// More frames in a packet than allowed.
    #[error("a packet has more than {0} frames")]
    TooManyFrames(usize),
    /// A kind of frame that the protocol does not have.
    #[error("there is no frame of kind {0}")]
    UnknownKind(u64),
    /// A frame that this side of the connection may not send, or not at this moment.
    #[error("a {0} frame has no place here")]
    Unexpected(&'static str),
    /// An id that belongs to the other side.
    #[error("id {0} belongs to the other side")]
    WrongParity(RequestId),
    /// An id that is not above all earlier ones.
    #[error("id {0} was used before: ids only grow")]
    IdReused(RequestId),
    /// An item that the consumer has given no credit for.
    #[error("stream {0} has more items than there was credit for")]
    CreditExceeded(RequestId),
    /// A call with more streams among its parameters than any method has.
    #[error("a call has more than {0} streams among its parameters")]
    TooManyUploads(usize),
    /// The protocol version of the hello.
    #[error("protocol version {0} is not supported")]
    Version(u64),
    /// No hello, or no login, within the time allowed.
    #[error("no login within {} seconds", .0.as_secs_f32())]
    LoginTimeout(Duration),
    /// A message that was begun and not finished within the time allowed.
    #[error("a packet took longer than {} seconds to arrive", .0.as_secs_f32())]
    MessageTimeout(Duration),
    /// The messages of all peers that have not arrived whole take more memory than allowed.
    #[error("there is no room for another large packet at the moment")]
    NoRoom,
    /// Nothing was heard from the peer.
    #[error("nothing heard within {} seconds", .0.as_secs_f32())]
    Silent(Duration),
    /// More than a client may send before it has logged in.
    #[error("too much was sent before the login")]
    TooMuchBeforeLogin,
    /// The peer does not take what is sent to it.
    #[error("the peer reads too slowly")]
    SlowConsumer,
    /// The peer goes on sending more messages, or bytes, than allowed although it was refused.
    #[error("more messages than allowed, for too long")]
    TooManyMessages,
    /// The peer goes on although it was refused.
    #[error("too many refused calls")]
    TooManyDenials,
    /// This side has used up its ids; a new session begins anew.
    #[error("the ids of this session are used up")]
    IdsExhausted,
}

impl ProtocolError {
    /// The close code that tells the peer which rule it broke.
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::WebSocket(_) => CloseCode::PROTOCOL,
            Self::NotUtf8 => CloseCode::INVALID_PAYLOAD,
            Self::PacketTooLarge(_) => CloseCode::TOO_BIG,
            Self::TooManyFragments(_) | Self::TooManyControlFrames => CloseCode::POLICY,
            Self::WrongPacketKind { .. } => CloseCode::UNSUPPORTED,
            Self::Version(_)
            | Self::BadFrame(_)
            | Self::TooManyFrames(_)
            | Self::UnknownKind(_)
            | Self::Unexpected(_)
            | Self::WrongParity(_)
            | Self::IdReused(_)
            | Self::CreditExceeded(_)
            | Self::TooManyUploads(_) => CloseCode::BAD_MESSAGE,
            Self::LoginTimeout(_) | Self::MessageTimeout(_) => CloseCode::AUTH_TIMEOUT,
            Self::NoRoom => CloseCode::TRY_LATER,
            Self::Silent(_) => CloseCode::PONG_TIMEOUT,
            Self::TooMuchBeforeLogin => CloseCode::UNAUTHENTICATED,
            Self::SlowConsumer => CloseCode::SLOW_CONSUMER,
            Self::TooManyMessages | Self::TooManyDenials => CloseCode::RATE,
            Self::IdsExhausted => CloseCode::IDS_EXHAUSTED,
        }
    }
}

/// The number in a WebSocket close frame. Below 4000 as in RFC 6455, section 7.4; 44xx follow HTTP's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The session has ended as planned.
    pub const NORMAL: Self = Self(1000);
    /// The peer goes away.
    pub const GOING_AWAY: Self = Self(1001);
    /// A frame broke RFC 6455.
    pub const PROTOCOL: Self = Self(1002);
    /// A kind of packet that the subprotocol does not have.
    pub const UNSUPPORTED: Self = Self(1003);
    /// A close frame without a code; never sent.
    pub const NO_CODE: Self = Self(1005);
    /// No close frame arrived; never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// Text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// A limit of policy was broken.
    pub const POLICY: Self = Self(1008);
    /// A packet beyond the size limit.
    pub const TOO_BIG: Self = Self(1009);
    /// The server failed.
    pub const INTERNAL: Self = Self(1011);
    /// The server restarts; another one is there.
    pub const RESTART: Self = Self(1012);
    /// Come back later.
    pub const TRY_LATER: Self = Self(1013);
    /// A packet that the protocol forbids.
    pub const BAD_MESSAGE: Self = Self(4400);
    /// Not logged in.
    pub const UNAUTHENTICATED: Self = Self(4401);
    /// The login was taken back.
    pub const REVOKED: Self = Self(4403);
    /// No login, or no whole message, in time.
    pub const AUTH_TIMEOUT: Self = Self(4408);
    /// Silence.
    pub const PONG_TIMEOUT: Self = Self(4410);
    /// Too many connections or table entries.
    pub const TOO_MANY: Self = Self(4413);
    /// Too many messages or refusals.
    pub const RATE: Self = Self(4429);
    /// The peer reads too slowly.
    pub const SLOW_CONSUMER: Self = Self(4431);
    /// No ids are left.
    pub const IDS_EXHAUSTED: Self = Self(4440);

    /// Whether an application may close with this code: 1000, 1001, 1008, 1011 to 1013, or from 3000 to 4999. The others
    /// belong to the protocols, or never stand in a close frame (RFC 6455, section 7.4).
    pub const fn may_be_sent(self) -> bool {
        matches!(self.0, 1000 | 1001 | 1008 | 1011..=1013 | 3000..=4999)
    }

    /// Whether a client should come back by itself after this code. The table is in `docs/protocol.md`.
    pub const fn may_reconnect(self) -> bool {
        matches!(self.0, 1001 | 1005 | 1006 | 1011 | 1012 | 1013 | 4408 | 4410 | 4413 | 4429 | 4431 | 4440)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a link was closed: a code and at most 123 bytes of text (RFC 6455, section 5.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    /// The number in the close frame.
    pub code: CloseCode,
    /// The text beside it.
    pub reason: String,
}

impl CloseReason {
    /// A reason, its text cut to 123 bytes at a character.
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        Self { code, reason: cut(reason.into(), 123) }
    }

    /// The connection ended without a close frame.
    pub fn abnormal() -> Self {
        Self::new(CloseCode::ABNORMAL, "the connection was lost")
    }
}

impl From<&ProtocolError> for CloseReason {
    fn from(error: &ProtocolError) -> Self {
        Self::new(error.close_code(), error.to_string())
    }
}

/// The text is the peer's where the peer has closed: it is escaped.
impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason.as_str() {
            "" => write!(f, "{}", self.code),
            reason => write!(f, "{} {}", self.code, Escaped(reason)),
        }
    }
}

/// A setting that cannot work; says which one and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// For `main` functions that return [`Error`]: an internal error with the same text, which no client is told.
impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::new(Code::Internal, error.0)
    }
}
