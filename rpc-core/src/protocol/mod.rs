//! Protocols: message ↔ frame, and frames ↔ the body of a packet. They know nothing of sessions.
//!
//! The native protocol is one grammar over two codecs. Other protocols become further variants of [`Protocol`], so that
//! the compiler lists every place that has to know them.

mod fields;
mod native;

use bytes::Bytes;

use crate::{
    codec::Codec,
    error::{Error, ProtocolError},
    message::{Message, RequestHead, RequestId},
    packet::Packet,
    payload::Payload,
};

/// How messages become frames on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// `docs/protocol.md`, in JSON or MessagePack.
    Native(Codec),
}

impl Protocol {
    /// How payloads are encoded.
    pub fn codec(self) -> Codec {
        match self {
            Self::Native(codec) => codec,
        }
    }

    /// Reads one frame, whose memory its message takes over.
    ///
    /// # Errors
    ///
    /// If the frame is not one of this protocol; the link has to close then.
    pub fn decode(self, frame: Bytes) -> Result<Message, ProtocolError> {
        match self {
            Self::Native(codec) => native::decode(codec, frame),
        }
    }

    /// Appends one message, as one more frame, to the body of a packet.
    pub fn encode(self, message: &Message, body: &mut Vec<u8>) {
        match self {
            Self::Native(codec) => native::encode(codec, message, body),
        }
    }

    /// Appends a request, or a notification if it has no id, without making a [`Message`] of it.
    pub(crate) fn encode_request(
        self,
        id: Option<RequestId>,
        method: &str,
        head: Option<&RequestHead>,
        params: &Payload,
        body: &mut Vec<u8>,
    ) {
        match self {
            Self::Native(codec) => native::encode_request(codec, id, method, head, params.bytes(), body),
        }
    }

    /// Appends a failure of a call, without making a [`Message`] of it.
    pub(crate) fn encode_failure(self, id: RequestId, error: &Error, body: &mut Vec<u8>) {
        match self {
            Self::Native(codec) => native::encode_failure(codec, id, error, body),
        }
    }

    /// Appends a value that a call gives back, without making a [`Message`] of it.
    pub(crate) fn encode_value(self, kind: ValueKind, id: RequestId, value: &Payload, body: &mut Vec<u8>) {
        match self {
            Self::Native(codec) => native::encode_value(codec, kind.into(), id, None, value, body),
        }
    }

    /// What stands around the parameters of a request, if they are `len` bytes that stay where they are.
    pub(crate) fn around_request(
        self,
        id: Option<RequestId>,
        method: &str,
        head: Option<&RequestHead>,
        len: usize,
    ) -> Around {
        match self {
            Self::Native(codec) => native::around_request(codec, id, method, head, len),
        }
    }

    /// What stands around the value of an answer, if it is `len` bytes that stay where they are.
    pub(crate) fn around_value(self, kind: ValueKind, id: RequestId, len: usize) -> Around {
        match self {
            Self::Native(codec) => native::around_value(codec, kind.into(), id, len),
        }
    }

    /// The subprotocol's name.
    pub(crate) fn name(self) -> &'static str {
        Subprotocol { protocol: self }.name()
    }

    /// How many bytes stand between the frames of a packet.
    pub(crate) fn separator_len(self) -> usize {
        match self {
            Self::Native(Codec::Json) => 1,
            Self::Native(Codec::MessagePack) => 0,
        }
    }

    /// A packet around `body`.
    pub(crate) fn packet(self, body: impl Into<Bytes>) -> Packet {
        match self {
            Self::Native(Codec::Json) => Packet::Text(body.into()),
            Self::Native(Codec::MessagePack) => Packet::Binary(body.into()),
        }
    }

    /// The frames in the body of a packet.
    pub(crate) fn frames(self, body: Bytes) -> Frames {
        Frames { codec: self.codec(), body, at: 0 }
    }
}

/// A frame without the payload in it.
#[derive(Debug)]
pub(crate) struct Around {
    pub(crate) head: Vec<u8>,
    pub(crate) tail: &'static [u8],
}

/// What kind of answer a value is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ValueKind {
    /// The result.
    Ok,
    /// The application's error.
    App,
}

/// The frames of one packet, one after another.
#[derive(Debug)]
pub(crate) struct Frames {
    codec: Codec,
    body: Bytes,
    at: usize,
}

impl Frames {
    /// The next frame. A small one is copied out, so that it does not keep a large packet in memory.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, ProtocolError> {
        let Some(rest) = self.body.get(self.at..).filter(|rest| !rest.is_empty()) else {
            return Ok(None);
        };
        let (start, len, behind) = match self.codec {
            Codec::Json => {
                let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                (self.at, len, 1)
            }
            Codec::MessagePack => {
                let (head, rest) =
                    rest.split_first_chunk().ok_or(ProtocolError::BadFrame("its length is cut off"))?;
                let len = u32::from_be_bytes(*head) as usize;
                if len > rest.len() {
                    return Err(ProtocolError::BadFrame("it is longer than its packet"));
                }
                (self.at + head.len(), len, 0)
            }
        };
        self.at = start + len + behind;
        let range = start..start + len;
        if len < self.body.len() / 8 {
            return Ok(self.body.get(range).map(Bytes::copy_from_slice));
        }
        Ok(Some(self.body.slice(range)))
    }

    /// What has not been read yet.
    pub(crate) fn into_rest(mut self) -> Bytes {
        self.body.split_off(self.at.min(self.body.len()))
    }
}

/// A WebSocket subprotocol (RFC 6455, section 1.9): the protocol and codec of a link, and whether it is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subprotocol {
    /// What the frames are written in.
    pub protocol: Protocol,
}

impl Subprotocol {
    /// All that this version speaks unsealed, in the order in which a server prefers them.
    pub const ALL: [Self; 2] = [
        Self { protocol: Protocol::Native(Codec::MessagePack) },
        Self { protocol: Protocol::Native(Codec::Json) },
    ];

    /// The native protocol in `codec`.
    pub const fn native(codec: Codec) -> Self {
        Self { protocol: Protocol::Native(codec) }
    }

    /// The name in `Sec-WebSocket-Protocol`.
    pub const fn name(self) -> &'static str {
        match self.protocol {
            Protocol::Native(Codec::Json) => "trunkline.v1.json",
            Protocol::Native(Codec::MessagePack) => "trunkline.v1.msgpack",
        }
    }

    /// The first of the names that a client offers which is spoken here.
    ///
    /// ```
    /// use trunkline_core::{Codec, Subprotocol};
    ///
    /// let chosen = Subprotocol::choose(["chat.v3", "trunkline.v1.json"]);
    /// assert_eq!(chosen, Some(Subprotocol::native(Codec::Json)));
    /// ```
    pub fn choose<'a>(offered: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        offered.into_iter().find_map(|name| Self::ALL.into_iter().find(|known| known.name() == name))
    }
}

#[cfg(test)]
mod tests;
