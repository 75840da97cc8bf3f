//! Encoded arguments or results, opaque to everything between stub and handler.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{self, Codec},
    error::{DecodeError, EncodeError},
};

/// How deep values may be nested where nothing else is configured.
pub(crate) const DEFAULT_DEPTH: u16 = 64;

/// One encoded value and the codec that reads it.
///
/// ```
/// use trunkline_core::{Codec, Payload};
///
/// let payload = Payload::encode(Codec::Json, &["a", "b"]).unwrap();
/// assert_eq!(payload.bytes(), br#"["a","b"]"#);
/// assert_eq!(payload.decode::<Vec<String>>().unwrap(), ["a", "b"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    codec: Codec,
    depth: u16,
    bytes: Bytes,
}

impl Payload {
    /// Wraps bytes that `codec` is to read, nested at most 64 deep; they are not looked at yet.
    pub fn new(codec: Codec, bytes: impl Into<Bytes>) -> Self {
        Self { codec, depth: DEFAULT_DEPTH, bytes: bytes.into() }
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
        let mut buffer = Vec::with_capacity(64);
        codec::encode(codec, value, &mut buffer)?;
        Ok(Self::new(codec, buffer))
    }

    /// Decodes the value.
    ///
    /// # Errors
    ///
    /// With the path to the field, if the bytes are not a `T`, not whole, or nested too deep.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        codec::decode(self.codec, &self.bytes, self.depth.into())
    }

    /// How the bytes are to be read.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The encoded value.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The encoded value, without a copy.
    pub(crate) fn shared(&self) -> Bytes {
        self.bytes.clone()
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth.into()
    }

    /// Refuses integers beyond ±(2^53 − 1), which a peer written in JavaScript would round.
    pub(crate) fn check_integers(&self) -> Result<(), EncodeError> {
        codec::check_integers(self.codec, &self.bytes)
    }
}
