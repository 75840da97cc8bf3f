//! The fields of one frame, read in turn: the one place where the two codecs of the native protocol differ.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::native::Head;
use crate::{
    codec::{Codec, JsonReader, MsgpackReader},
    error::ProtocolError,
    message::Name,
};

/// How deep the fixed parts of a frame may be nested: application data in a head is the deepest.
const DEPTH: usize = 64;

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

    pub(super) fn integer(&mut self) -> Result<u64, ProtocolError> {
        self.advance()
            .and_then(|()| match self {
                Self::Json { reader, .. } => reader.integer(),
                Self::Msgpack { reader, .. } => reader.integer(),
            })
            .ok_or(ProtocolError::BadFrame("a number is missing"))
    }

    /// A string that the application chose: kept as a place in the frame.
    pub(super) fn name(&mut self) -> Result<Name, ProtocolError> {
        self.advance()
            .and_then(|()| match self {
                Self::Json { reader, .. } => match reader.str()? {
                    std::borrow::Cow::Borrowed(name) => {
                        let end = reader.position() - 1;
                        within(end - name.len(), end)
                    }
                    std::borrow::Cow::Owned(name) => Some(Name::Owned(name.into())),
                },
                Self::Msgpack { reader, frame, .. } => {
                    let name = reader.str()?;
                    let end = frame.len() - reader.rest().len();
                    within(end - name.len(), end)
                }
            })
            .ok_or(ProtocolError::BadFrame("a name is missing"))
    }

    pub(super) fn value<T: DeserializeOwned>(&mut self, missing: &'static str) -> Result<T, ProtocolError> {
        self.advance()
            .and_then(|()| match self {
                Self::Json { reader, .. } => reader.value().ok(),
                Self::Msgpack { reader, .. } => reader.value().ok(),
            })
            .ok_or(ProtocolError::BadFrame(missing))
    }

    /// A map with one-letter keys, or 0 in place of an empty one.
    pub(super) fn head<T: Head>(&mut self) -> Result<Option<Box<T>>, ProtocolError> {
        const BAD: ProtocolError = ProtocolError::BadFrame("its head is neither 0 nor a map");
        if self.advance().is_none() {
            return Ok(None);
        }
        let zero = match self {
            Self::Json { reader, .. } => reader.peek() == Some(b'0') && reader.take(b'0'),
            Self::Msgpack { reader, .. } => reader.rest().first() == Some(&0) && reader.integer().is_some(),
        };
        if zero {
            return Ok(None);
        }
        let map: Map<String, Value> = match self {
            Self::Json { reader, .. } => reader.value(),
            Self::Msgpack { reader, .. } => reader.value(),
        }
        .map_err(|_| BAD)?;
        T::from_map(map).map(Box::new).map(Some).ok_or(BAD)
    }

    /// Where the last field is, which may be absent: all bytes up to the end of the array.
    pub(super) fn tail(mut self) -> Result<(u32, u32), ProtocolError> {
        const BAD: ProtocolError = ProtocolError::BadFrame("its end is missing");
        let present = self.advance().is_some();
        let (start, end) = match &mut self {
            Self::Json { reader, frame, .. } => {
                let closing = frame.iter().rposition(|byte| !byte.is_ascii_whitespace()).ok_or(BAD)?;
                if frame.get(closing) != Some(&b']') {
                    return Err(BAD);
                }
                (if present { reader.position() } else { closing }, closing)
            }
            Self::Msgpack { left, .. } if *left > 0 => {
                return Err(ProtocolError::BadFrame("it has too many fields"));
            }
            Self::Msgpack { reader, frame, .. } => (frame.len() - reader.rest().len(), frame.len()),
        };
        match (u32::try_from(start), u32::try_from(end)) {
            (Ok(start), Ok(end)) if start <= end => Ok((start, end)),
            _ => Err(BAD),
        }
    }

    /// Succeeds if the frame ends here. Fields that a later version may add are ignored.
    pub(super) fn end(self) -> Result<(), ProtocolError> {
        if let Self::Json { mut reader, first: false, .. } = self
            && reader.peek() != Some(b']')
            && !reader.take(b',')
        {
            return Err(ProtocolError::BadFrame("its end is missing"));
        }
        Ok(())
    }

    /// Steps to the next field; `None` if there is none.
    fn advance(&mut self) -> Option<()> {
        match self {
            Self::Json { reader, first, .. } => {
                let more = std::mem::take(first) || reader.take(b',');
                (more && reader.peek() != Some(b']')).then_some(())
            }
            Self::Msgpack { left, .. } => {
                *left = left.checked_sub(1)?;
                Some(())
            }
        }
    }
}

fn within(start: usize, end: usize) -> Option<Name> {
    Some(Name::Within(u32::try_from(start).ok()?, u32::try_from(end).ok()?))
}
