//! What travels, as values: the one model that every protocol maps to.
//!
//! Payloads stay encoded here. A request is a window onto the packet that it came in, so that decoding a frame copies
//! nothing but what has to outlive the packet.

use std::{borrow::Cow, collections::BTreeMap, fmt, time::Duration};

use bytes::{Buf, Bytes};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use crate::{
    codec::{Codec, LARGEST_SAFE},
    error::{Code, Error},
    payload::{DEFAULT_DEPTH, Payload},
    session::Limits,
};

/// The number of a request: odd from the client, even from the server, growing, at most 2^53 − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

impl RequestId {
    /// The last number that a JavaScript peer can count to.
    pub(crate) const MAX: Self = Self(LARGEST_SAFE);

    /// Whether this stands for a notification, which has no id on the wire.
    pub const fn is_notification(self) -> bool {
        self.0 > Self::MAX.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One message of the protocol.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// Kind 1: the client opens.
    Hello(Box<Hello>),
    /// Kind 2: the server accepts.
    Welcome(Box<Welcome>),
    /// Kind 3, or kind 4 if it has no id: a call.
    Request(Request),
    /// Kinds 5 to 7: the end of a call.
    Answer {
        /// The call.
        id: RequestId,
        /// What stands beside the value.
        head: Option<Box<ValueHead>>,
        /// How the call ended.
        outcome: Outcome,
    },
    /// Kind 8: an item of a stream.
    Item {
        /// The call that the stream belongs to.
        id: RequestId,
        /// What stands beside the value.
        head: Option<Box<ValueHead>>,
        /// The item.
        value: Payload,
    },
    /// Kind 9: the consumer gives up.
    Cancel(RequestId),
    /// Kind 10: how much of a stream the consumer takes, counted from its beginning.
    Credit {
        /// The stream.
        id: RequestId,
        /// Items in all.
        items: u64,
        /// Bytes in all.
        bytes: u64,
    },
    /// Kind 11: references and kept outcomes that are no longer needed.
    Release {
        /// Capabilities and how often each was received.
        caps: Vec<(u64, u64)>,
        /// Requests whose outcome was kept.
        kept: Vec<RequestId>,
    },
    /// Kind 12: a capability has ended.
    Broken {
        /// The capability.
        cap: u64,
        /// Why.
        error: Error,
    },
    /// Kind 13: a value on a channel.
    Publication(Box<Publication>),
    /// Kind 14: there is nothing more on the channel up to here.
    Position {
        /// The channel.
        channel: String,
        /// The life of the channel's log.
        epoch: String,
        /// Up to here.
        offset: u64,
        /// How many publications were left out.
        missed: u64,
    },
    /// Kind 15: numbered frames taken so far.
    Ack(u64),
    /// Kind 16: are you there?
    Ping(u64),
    /// Kind 17: I am.
    Pong(u64),
    /// Kind 18: the server is about to go.
    Goaway(Box<Goaway>),
}

/// Services by their names, with the hashes of what a caller has to know of them.
pub type Hashes = BTreeMap<String, String>;

/// What the client says first. Its `Debug` form tells no secret.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the protocol: 1.
    pub v: u64,
    /// The client's name and version, for the log.
    #[serde(default)]
    pub client: String,
    /// Who the client says it is; proven by nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The session to go on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<Resume>,
    /// 1 if integers beyond ±(2^53 − 1) cannot be represented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub js: Option<u8>,
    /// What the client takes.
    #[serde(default)]
    pub limits: Limits,
    /// The services that the client was generated for, with their hashes.
    #[serde(default, skip_serializing_if = "Hashes::is_empty")]
    pub services: Hashes,
}

impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello")
            .field("v", &self.v)
            .field("client", &self.client)
            .field("uid", &self.uid)
            .field("token", &self.token.as_ref().map(|_| REDACTED))
            .field("resume", &self.resume)
            .field("js", &self.js)
            .field("limits", &self.limits)
            .field("services", &self.services)
            .finish()
    }
}

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";

/// The session that a hello wants to go on with. Its `Debug` form tells no secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Resume {
    /// The session's id.
    pub session: String,
    /// The token of the last welcome, good for one use.
    pub token: String,
    /// Numbered frames taken by the client.
    pub taken: u64,
}

impl fmt::Debug for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resume")
            .field("session", &self.session)
            .field("token", &REDACTED)
            .field("taken", &self.taken)
            .finish()
    }
}

/// What the server answers to a hello. Its `Debug` form tells no secret.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version of the protocol: 1.
    pub v: u64,
    /// The session's id.
    pub session: String,
    /// Who the server takes the client for; absent before the login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Whether the session goes on.
    #[serde(default)]
    pub resumed: bool,
    /// Numbered frames taken by the server.
    #[serde(default)]
    pub taken: u64,
    /// For the next resume; empty if resume is off.
    #[serde(default)]
    pub token: String,
    /// For how long a lost session can be resumed; 0 if not at all.
    #[serde(default)]
    pub resume_ms: u64,
    /// How often the server pings.
    #[serde(default)]
    pub ping_ms: u64,
    /// Over what time clients should spread their first attempt to reconnect.
    #[serde(default)]
    pub spread_ms: u64,
    /// When the login ends, from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// What the server takes.
    #[serde(default)]
    pub limits: Limits,
    /// Of the services in the hello, those that the server has another hash of: with the server's.
    #[serde(default, skip_serializing_if = "Hashes::is_empty")]
    pub services: Hashes,
}

impl fmt::Debug for Welcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = if self.token.is_empty() { "" } else { REDACTED };
        f.debug_struct("Welcome")
            .field("v", &self.v)
            .field("session", &self.session)
            .field("user", &self.user)
            .field("resumed", &self.resumed)
            .field("taken", &self.taken)
            .field("token", &token)
            .field("resume_ms", &self.resume_ms)
            .field("ping_ms", &self.ping_ms)
            .field("spread_ms", &self.spread_ms)
            .field("expires_ms", &self.expires_ms)
            .field("limits", &self.limits)
            .field("services", &self.services)
            .finish()
    }
}

/// What a call is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A service, by the name of the method.
    Service,
    /// A capability of the callee.
    Capability(u64),
    /// The result of a call that may not have been answered.
    Promise,
}

/// The largest head in bytes: it is decoded before anybody knows whether the call is let in, into many times its size.
pub(crate) const MAX_HEAD: usize = 16 << 10;

/// A head, as a map with one-letter keys.
pub(crate) trait Head: Serialize + Sized {
    /// The head in `map`; `None` if a known key has another type.
    fn from_map(map: Map<String, Value>) -> Option<Self>;

    /// Whether there is anything to write.
    fn is_empty(&self) -> bool;
}

/// What stands between the method's name and the parameters, where there is anything. It takes at most 16 KiB.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestHead {
    /// `t`: the time left for the call.
    pub timeout: Option<Duration>,
    /// `m`: what the application sends beside the parameters.
    pub meta: Map<String, Value>,
    /// `o`: the capability to call.
    pub capability: Option<u64>,
    /// `p`: the request, and the path in its result, to call.
    pub promise: Option<Vec<Value>>,
    /// `k`: keep the outcome until it is released.
    pub keep: bool,
    /// `c`: capabilities in the parameters.
    pub caps: Vec<Value>,
    /// `s`: streams in the parameters.
    pub streams: Vec<Value>,
    /// `r`: parameters that are results of other calls.
    pub refs: Vec<Value>,
    /// `i`: the key under which a repetition is recognised.
    pub idempotency: Option<String>,
    /// An upper-case key that this version does not know, so that the call must fail.
    pub unknown: Option<String>,
}

impl RequestHead {
    /// What the call is made on.
    pub fn target(&self) -> Target {
        match (self.capability, &self.promise) {
            (Some(capability), _) => Target::Capability(capability),
            (None, Some(_)) => Target::Promise,
            (None, None) => Target::Service,
        }
    }

    fn len(&self) -> usize {
        let options = [
            self.timeout.is_some(),
            self.capability.is_some(),
            self.promise.is_some(),
            self.idempotency.is_some(),
        ];
        let lists = [!self.caps.is_empty(), !self.streams.is_empty(), !self.refs.is_empty()];
        let others = [!self.meta.is_empty(), self.keep];
        options.into_iter().chain(lists).chain(others).map(usize::from).sum()
    }
}

impl Head for RequestHead {
    fn from_map(map: Map<String, Value>) -> Option<Self> {
        let mut head = Self::default();
        for (key, value) in map {
            match key.as_str() {
                "t" => head.timeout = Some(Duration::from_millis(value.as_u64()?)),
                "m" => head.meta = object(value)?,
                "o" => head.capability = Some(value.as_u64()?),
                "p" => head.promise = Some(array(value)?),
                "k" => head.keep = value.as_bool().or_else(|| value.as_u64().map(|flag| flag != 0))?,
                "c" => head.caps = array(value)?,
                "s" => head.streams = array(value)?,
                "r" => head.refs = array(value)?,
                "i" => head.idempotency = Some(value.as_str()?.to_owned()),
                _ => head.unknown = head.unknown.or_else(|| must_know(&key)),
            }
        }
        Some(head)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Serialize for RequestHead {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        if let Some(timeout) = self.timeout {
            map.serialize_entry("t", &millis(timeout))?;
        }
        if !self.meta.is_empty() {
            map.serialize_entry("m", &self.meta)?;
        }
        if let Some(capability) = self.capability {
            map.serialize_entry("o", &capability)?;
        }
        if let Some(promise) = &self.promise {
            map.serialize_entry("p", promise)?;
        }
        if self.keep {
            map.serialize_entry("k", &1)?;
        }
        for (key, list) in [("c", &self.caps), ("s", &self.streams), ("r", &self.refs)] {
            if !list.is_empty() {
                map.serialize_entry(key, list)?;
            }
        }
        if let Some(key) = &self.idempotency {
            map.serialize_entry("i", key)?;
        }
        map.end()
    }
}

/// What stands before a value that a call gives back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ValueHead {
    /// `c`: capabilities in the value.
    pub caps: Vec<Value>,
    /// `s`: streams in the value.
    pub streams: Vec<Value>,
    /// `o`: where a stream stands, as epoch and offset.
    pub position: Option<Vec<Value>>,
    /// An upper-case key that this version does not know.
    pub unknown: Option<String>,
}

impl ValueHead {
    fn len(&self) -> usize {
        let lists = [!self.caps.is_empty(), !self.streams.is_empty(), self.position.is_some()];
        lists.into_iter().map(usize::from).sum()
    }
}

impl Head for ValueHead {
    fn from_map(map: Map<String, Value>) -> Option<Self> {
        let mut head = Self::default();
        for (key, value) in map {
            match key.as_str() {
                "c" => head.caps = array(value)?,
                "s" => head.streams = array(value)?,
                "o" => head.position = Some(array(value)?),
                _ => head.unknown = head.unknown.or_else(|| must_know(&key)),
            }
        }
        Some(head)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Serialize for ValueHead {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (key, list) in [("c", &self.caps), ("s", &self.streams)] {
            if !list.is_empty() {
                map.serialize_entry(key, list)?;
            }
        }
        if let Some(position) = &self.position {
            map.serialize_entry("o", position)?;
        }
        map.end()
    }
}

fn object(value: Value) -> Option<Map<String, Value>> {
    if let Value::Object(map) = value { Some(map) } else { None }
}

fn array(value: Value) -> Option<Vec<Value>> {
    if let Value::Array(list) = value { Some(list) } else { None }
}

/// Whole milliseconds, rounded up: a time that is left is never sent as none.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX).min(LARGEST_SAFE)
}

/// Unknown keys are ignored, unless they are written in upper case.
fn must_know(key: &str) -> Option<String> {
    key.starts_with(|first: char| first.is_ascii_uppercase()).then(|| key.to_owned())
}

/// A call as it came in.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to answer under; `None` if no answer is wanted.
    pub id: Option<RequestId>,
    /// What stands between name and parameters.
    pub head: Option<Box<RequestHead>>,
    pub(crate) codec: Codec,
    pub(crate) frame: Bytes,
    pub(crate) method: Name,
    /// Where the parameters are in `frame`.
    pub(crate) params: (u32, u32),
    /// How deep the parameters may be nested.
    pub(crate) depth: u16,
}

/// A name inside a frame, or beside it if it was escaped there.
#[derive(Debug, Clone)]
pub(crate) enum Name {
    Within(u32, u32),
    Owned(Box<str>),
}

impl Request {
    /// A call made here, such as a test needs.
    pub fn new(
        id: Option<RequestId>,
        method: &str,
        head: Option<Box<RequestHead>>,
        params: &Payload,
    ) -> Self {
        let frame = params.shared();
        let end = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        Self {
            id,
            head,
            codec: params.codec(),
            frame,
            method: Name::Owned(method.into()),
            params: (0, end),
            depth: DEFAULT_DEPTH,
        }
    }

    /// The method's name on the wire.
    pub fn method(&self) -> Cow<'_, str> {
        match &self.method {
            Name::Owned(name) => Cow::Borrowed(name),
            Name::Within(start, end) => {
                String::from_utf8_lossy(self.frame.get(*start as usize..*end as usize).unwrap_or_default())
            }
        }
    }

    /// The encoded parameters.
    pub fn into_params(mut self) -> Payload {
        let (start, end) = self.params;
        self.frame.truncate(end as usize);
        self.frame.advance((start as usize).min(self.frame.len()));
        Payload::new(self.codec, self.frame).with_depth(self.depth)
    }

    /// How many bytes the request keeps in memory: its parameters, and with them its name and head.
    pub fn params_len(&self) -> usize {
        self.frame.len()
    }

    /// The time left for the call, as its caller sees it.
    pub fn timeout(&self) -> Option<Duration> {
        self.head.as_ref().and_then(|head| head.timeout)
    }
}

/// Two requests are equal if they say the same, wherever in a frame they say it.
impl PartialEq for Request {
    fn eq(&self, other: &Self) -> bool {
        let same_params = || self.clone().into_params() == other.clone().into_params();
        self.id == other.id && self.head == other.head && self.method() == other.method() && same_params()
    }
}

/// How a call ended: with its encoded result, or not.
pub type Outcome = Result<Payload, Failure>;

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The application's typed error, encoded as `{code, data}`.
    App(Payload),
    /// One of Trunkline's own.
    Rpc(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Rpc(error)
    }
}

/// A value on a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// The channel.
    pub channel: String,
    /// The life of the channel's log.
    pub epoch: String,
    /// The place in the log.
    pub offset: u64,
    /// What kind of value it is.
    pub method: String,
    /// The value.
    pub value: Payload,
}

/// The server is about to go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Goaway {
    /// Why.
    pub reason: String,
    /// When the client should move.
    #[serde(default)]
    pub after_ms: u64,
    /// How long calls in flight have then.
    #[serde(default)]
    pub grace_ms: u64,
    /// Whether there is nowhere to come back to.
    #[serde(default, rename = "final")]
    pub is_final: bool,
}

/// [`Error`] in a `fail` or `broken` frame.
#[derive(Serialize, Deserialize)]
pub(crate) struct WireError<'a> {
    code: Cow<'a, str>,
    #[serde(default)]
    message: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u64>,
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    executed: bool,
}

impl<'a> From<&'a Error> for WireError<'a> {
    fn from(error: &'a Error) -> Self {
        Self {
            code: error.code().as_str().into(),
            message: error.message().into(),
            retry_ms: error.retry_after().map(millis),
            reference: error.reference().map(Cow::Borrowed),
            executed: error.maybe_executed(),
        }
    }
}

impl WireError<'_> {
    /// Not a `From`: the compiler would list it where a user's `?` finds no conversion into [`Error`].
    pub(crate) fn into_error(self) -> Error {
        let mut error = Error::new(Code::parse(&self.code), self.message.into_owned());
        if let Some(retry) = self.retry_ms {
            error = error.with_retry_after(Duration::from_millis(retry));
        }
        if let Some(reference) = self.reference {
            error = error.with_reference(reference);
        }
        if self.executed { error.after_execution() } else { error }
    }
}
