//! The fields of one frame, read in turn: the one place where the two codecs of the native protocol differ.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    codec::{self, Codec, JsonReader, LARGEST_SAFE, MsgpackReader},
    error::{DecodeError, ProtocolError},
    message::{Head, MAX_HEAD, Name},
};

/// How deep the fixed parts of a frame may be nested: application data in a head is the deepest.
const DEPTH: usize = 64;
const NO_END: ProtocolError = ProtocolError::BadFrame("its end is missing");

pub(super) enum Fields<'a> {
    Json { reader: JsonReader<'a>, frame: &'a [u8], first: bool },
    Msgpack { reader: MsgpackReader<'a>, frame: &'a [u8], left: u32 },
}

impl<'a> Fields<'a> {
    /// Begins to read a frame, which is an array.
    pub(super) fn new(codec: Codec, frame: &'a [u8]) -> Result<Self, ProtocolError> {
        match codec {
            Codec::Json => {
                let mut reader = JsonReader::unchecked(frame);
                let open = reader.take(b'[');
                open.then_some(Self::Json { reader, frame, first: true })
            }
            Codec::MessagePack => {
                let mut reader = MsgpackReader::new(frame, DEPTH);
                reader.array().map(|left| Self::Msgpack { reader, frame, left })
            }
        }
        .ok_or(ProtocolError::BadFrame("it is not an array"))
    }

    /// An unsigned integer, at most 2^53 − 1.
    pub(super) fn integer(&mut self) -> Result<u64, ProtocolError> {
        let number = self.advance()?.then(|| match self {
            Self::Json { reader, .. } => reader.integer(),
            Self::Msgpack { reader, .. } => reader.integer(),
        });
        match number.flatten() {
            None => Err(ProtocolError::BadFrame("a number is missing")),
            Some(number) if number > LARGEST_SAFE => {
                Err(ProtocolError::BadFrame("a number is beyond 2^53 − 1"))
            }
            Some(number) => Ok(number),
        }
    }

    /// A string that the application chose: kept as a place in the frame.
    pub(super) fn name(&mut self) -> Result<Name, ProtocolError> {
        let name = self.advance()?.then(|| match self {
            Self::Json { reader, .. } => match reader.str()? {
                Cow::Borrowed(name) => {
                    let end = reader.position() - 1;
                    within(end - name.len(), end)
                }
                Cow::Owned(name) => Some(Name::Owned(name.into())),
            },
            Self::Msgpack { reader, frame, .. } => {
                let name = reader.str()?;
                let end = frame.len() - reader.rest().len();
                within(end - name.len(), end)
            }
        });
        name.flatten().ok_or(ProtocolError::BadFrame("a name is missing"))
    }

    pub(super) fn value<T: DeserializeOwned>(&mut self, missing: &'static str) -> Result<T, ProtocolError> {
        if !self.advance()? {
            return Err(ProtocolError::BadFrame(missing));
        }
        let value = self.skip().and_then(|bytes| codec::decode(self.codec(), bytes, DEPTH));
        value.map_err(|_| ProtocolError::BadFrame(missing))
    }

    /// A map with one-letter keys, or 0 in place of an empty one.
    pub(super) fn head<T: Head>(&mut self) -> Result<Option<Box<T>>, ProtocolError> {
        const BAD: ProtocolError = ProtocolError::BadFrame("its head is neither 0 nor a map");
        if !self.advance()? {
            return Ok(None);
        }
        let number = match self {
            Self::Json { reader, .. } => reader.integer(),
            Self::Msgpack { reader, .. } => reader.integer(),
        };
        match number {
            Some(0) => return Ok(None),
            Some(_) => return Err(BAD),
            None => {}
        }
        let bytes = self.skip().map_err(|_| BAD)?;
        if bytes.len() > MAX_HEAD {
            return Err(ProtocolError::BadFrame("its head is larger than 16 KiB"));
        }
        let is_map = match self {
            Self::Json { .. } => bytes.starts_with(b"{"),
            Self::Msgpack { .. } => MsgpackReader::new(bytes, DEPTH).map().is_some(),
        };
        if !is_map {
            return Err(BAD);
        }
        let map: Map<String, Value> = codec::decode(self.codec(), bytes, DEPTH).map_err(|_| BAD)?;
        T::from_map(map).map(Box::new).map(Some).ok_or(BAD)
    }

    /// Where the last field is, which may be absent: all bytes up to the end of the array.
    pub(super) fn tail(mut self) -> Result<(u32, u32), ProtocolError> {
        let present = self.advance()?;
        let (start, end) = match &mut self {
            Self::Json { reader, frame, .. } => {
                let end = frame.iter().rposition(|byte| !byte.is_ascii_whitespace());
                let end = end.filter(|end| frame.get(*end) == Some(&b']')).ok_or(NO_END)?;
                (reader.position(), end)
            }
            Self::Msgpack { reader, frame, .. } => (frame.len() - reader.rest().len(), frame.len()),
        };
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) if start < end && present => Ok((start, end)),
            (Ok(start), Ok(end)) if start == end && !present => Ok((start, end)),
            _ => Err(NO_END),
        }
    }

    /// Succeeds if the frame ends here. Fields that a later version may have added are ignored.
    pub(super) fn end(mut self) -> Result<(), ProtocolError> {
        while self.advance()? {
            self.skip().map_err(|_| NO_END)?;
        }
        let ended = match self {
            Self::Json { mut reader, .. } => reader.take(b']') && reader.end().is_ok(),
            Self::Msgpack { reader, .. } => reader.end().is_ok(),
        };
        if ended { Ok(()) } else { Err(NO_END) }
    }

    /// Steps to the next field; whether there is one.
    fn advance(&mut self) -> Result<bool, ProtocolError> {
        match self {
            Self::Json { reader, first, .. } => {
                let first = std::mem::take(first);
                let comma = !first && reader.take(b',');
                match reader.peek() {
                    None => Err(NO_END),
                    Some(b']') if comma => Err(NO_END),
                    Some(b']') => Ok(false),
                    Some(_) if first || comma => Ok(true),
                    Some(_) => Err(NO_END),
                }
            }
            Self::Msgpack { left, .. } => {
                let more = *left > 0;
                *left = left.saturating_sub(1);
                Ok(more)
            }
        }
    }

    /// The bytes of the field, which are no more than cut out yet.
    fn skip(&mut self) -> Result<&'a [u8], DecodeError> {
        match self {
            Self::Json { reader, .. } => reader.skip(),
            Self::Msgpack { reader, .. } => reader.skip(),
        }
    }

    fn codec(&self) -> Codec {
        match self {
            Self::Json { .. } => Codec::Json,
            Self::Msgpack { .. } => Codec::MessagePack,
        }
    }
}

fn within(start: usize, end: usize) -> Option<Name> {
    Some(Name::Within(u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}
