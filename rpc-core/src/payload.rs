//! Encoded arguments or results, opaque to everything between stub and handler.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{self, Codec},
    error::{DecodeError, EncodeError},
};

/// How deep values may be nested where nothing else is configured.
pub(crate) const DEFAULT_DEPTH: u16 = 64;

/// Bytes kept free before a value that is encoded here: enough for the head of its frame, which is written there if the
/// value is too large to be copied for it.
pub(crate) const HEADROOM: usize = 64;

/// A buffer whose content begins after the [`HEADROOM`].
pub(crate) fn buffer() -> Vec<u8> {
    // Most payloads never make it grow, and an allocator has blocks of this size at hand.
    let mut buffer = Vec::with_capacity(512);
    buffer.resize(HEADROOM, 0);
    buffer
}

/// One encoded value and the codec that reads it.
///
/// ```
/// use trunkline_core::{Codec, Payload};
///
/// let payload = Payload::encode(Codec::Json, &["a", "b"]).unwrap();
/// assert_eq!(payload.bytes(), br#"["a","b"]"#);
/// assert_eq!(payload.decode::<Vec<String>>().unwrap(), ["a", "b"]);
/// ```
#[derive(Debug, Clone)]
pub struct Payload {
    codec: Codec,
    depth: u16,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    /// A part of a packet, or bytes from elsewhere.
    Shared(Bytes),
    /// Encoded here, after the headroom.
    Encoded(Vec<u8>),
}

impl Payload {
    /// Wraps bytes that `codec` is to read, nested at most 64 deep; they are not looked at yet.
    pub fn new(codec: Codec, bytes: impl Into<Bytes>) -> Self {
        Self { codec, depth: DEFAULT_DEPTH, body: Body::Shared(bytes.into()) }
    }

    /// A value that is nothing.
    pub fn null(codec: Codec) -> Self {
        let null: &'static [u8] = match codec {
            Codec::Json => b"null",
            Codec::MessagePack => b"\xc0",
        };
        Self::new(codec, null)
    }

    /// Wraps a [`buffer`].
    pub(crate) fn encoded(codec: Codec, buffer: Vec<u8>) -> Self {
        Self { codec, depth: DEFAULT_DEPTH, body: Body::Encoded(buffer) }
    }

    /// Sets how deep the value may be nested: 64 unless set.
    #[must_use]
    pub fn with_depth(mut self, depth: u16) -> Self {
        self.depth = depth;
        self
    }

    /// Encodes `value`.
    ///
    /// # Errors
    ///
    /// If the codec has no form for it, such as a map whose keys are not strings in JSON.
    pub fn encode<T: Serialize + ?Sized>(codec: Codec, value: &T) -> Result<Self, EncodeError> {
        let mut buffer = buffer();
        let result = codec::encode(codec, value, &mut buffer);
        result.map(|()| Self::encoded(codec, buffer))
    }

    /// Decodes the value.
    ///
    /// # Errors
    ///
    /// With the path to the field, if the bytes are not a `T`, not whole, or nested too deep.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        codec::decode(self.codec, self.bytes(), self.depth.into())
    }

    /// Whether it is no value, or null.
    pub(crate) fn is_null(&self) -> bool {
        matches!((self.codec, self.bytes()), (_, []) | (Codec::Json, b"null") | (Codec::MessagePack, [0xc0]))
    }

    /// How the bytes are to be read.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The encoded value.
    pub fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Shared(bytes) => bytes,
            Body::Encoded(buffer) => buffer.get(HEADROOM..).unwrap_or_default(),
        }
    }

    /// The same value in a form whose clones share their bytes.
    #[must_use]
    pub fn into_shared(self) -> Self {
        let body = Body::Shared(self.shared());
        Self { body, ..self }
    }

    /// The encoded value, copied only if it was encoded here.
    pub(crate) fn shared(&self) -> Bytes {
        match &self.body {
            Body::Shared(bytes) => bytes.clone(),
            Body::Encoded(_) => Bytes::copy_from_slice(self.bytes()),
        }
    }

    /// The value between `head` and `tail`, copied only if there is no room around it.
    pub(crate) fn into_frame(self, head: &[u8], tail: &[u8]) -> Bytes {
        if let Body::Encoded(mut buffer) = self.body {
            let start = HEADROOM.saturating_sub(head.len());
            if let Some(place) = buffer.get_mut(start..HEADROOM).filter(|place| place.len() == head.len()) {
                place.copy_from_slice(head);
                buffer.extend_from_slice(tail);
                return Bytes::from(buffer).split_off(start);
            }
            return Bytes::from([head, buffer.get(HEADROOM..).unwrap_or_default(), tail].concat());
        }
        Bytes::from([head, self.bytes(), tail].concat())
    }

    /// Whether a JSON frame can hold the value as it is: between frames stands a line feed.
    pub(crate) fn is_one_line(&self) -> bool {
        self.codec == Codec::MessagePack || memchr::memchr(b'\n', self.bytes()).is_none()
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth.into()
    }

    /// Refuses integers beyond ±(2^53 − 1), which a peer written in JavaScript would round.
    pub(crate) fn check_integers(&self) -> Result<(), EncodeError> {
        codec::check_integers(self.codec, self.bytes())
    }
}

/// Two payloads are equal if they are read alike and have the same bytes.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        (self.codec, self.depth, self.bytes()) == (other.codec, other.depth, other.bytes())
    }
}

impl Eq for Payload {}
