//! Protocols: message ↔ frame, and frames ↔ the body of a packet. They know nothing of sessions.
//!
//! The native protocol is one grammar over two codecs; JSON-RPC 2.0 is another for the same messages. Each is a variant of
//! [`Protocol`], so that the compiler lists every place that has to know them.

mod fields;
pub(crate) mod jsonrpc;
mod native;

use bytes::Bytes;

pub(crate) use self::{
    jsonrpc::Id,
    native::{decode_item, encode_item, is_item},
};
use crate::{
    codec::Codec,
    error::{Error, ProtocolError},
    message::{Message, RequestHead, RequestId},
    packet::Packet,
    payload::Payload,
};

/// How many bytes of frames go into one packet: 16 KiB, or what the peer takes if that is less. A larger frame travels
/// alone. Even the smallest frames are then fewer than the 4,096 that a packet may have.
pub(crate) const FILL: usize = 16 << 10;

/// How messages become frames on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// `docs/protocol.md`, in JSON or MessagePack.
    Native(Codec),
    /// JSON-RPC 2.0, as `docs/jsonrpc.md` has it: one document per packet, and nothing but calls.
    JsonRpc,
}

impl From<Codec> for Protocol {
    fn from(codec: Codec) -> Self {
        Self::Native(codec)
    }
}

impl Protocol {
    /// What a client speaks that has agreed on nothing, by its first packet: an object, or an array that does not begin with a
    /// value of another kind, is JSON-RPC; anything else is the native protocol, in the codec of the packet's kind.
    ///
    /// ```
    /// use trunkline_core::{Codec, Packet, Protocol};
    ///
    /// assert_eq!(Protocol::told_by(&Packet::Text(r#" [{"jsonrpc": "2.0"}]"#.into())), Protocol::JsonRpc);
    /// assert_eq!(Protocol::told_by(&Packet::Text("[1,{\"v\":1}]".into())), Protocol::Native(Codec::Json));
    /// ```
    pub fn told_by(packet: &Packet) -> Self {
        let Packet::Text(body) = packet else { return Self::Native(Codec::MessagePack) };
        let mut tokens = body.iter().filter(|byte| !byte.is_ascii_whitespace());
        match (tokens.next(), tokens.next()) {
            (Some(b'{'), _) | (Some(b'['), Some(b'{' | b']')) => Self::JsonRpc,
            _ => Self::Native(Codec::Json),
        }
    }

    /// How payloads are encoded.
    pub fn codec(self) -> Codec {
        match self {
            Self::Native(codec) => codec,
            Self::JsonRpc => Codec::Json,
        }
    }

    /// Reads one frame, whose memory its message takes over.
    ///
    /// # Errors
    ///
    /// If the frame is not one of this protocol; the link has to close then. The documents of JSON-RPC are not frames: a
    /// session reads them itself.
    pub fn decode(self, frame: Bytes) -> Result<Message, ProtocolError> {
        match self {
            Self::Native(codec) => native::decode(codec, frame),
            Self::JsonRpc => Err(ProtocolError::BadFrame("it is a document")),
        }
    }

    /// Appends one message, as one more frame, to the body of a packet. Nothing is appended for what the protocol cannot say:
    /// JSON-RPC knows requests and answers, and a session writes those itself.
    pub fn encode(self, message: &Message, body: &mut Vec<u8>) {
        match self {
            Self::Native(codec) => native::encode(codec, message, body),
            Self::JsonRpc => {}
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
            Self::JsonRpc => jsonrpc::encode_request(id, method, params.bytes(), body),
        }
    }

    /// Appends a failure of a call, without making a [`Message`] of it.
    pub(crate) fn encode_failure(self, id: &Id, error: &Error, body: &mut Vec<u8>) {
        match self {
            Self::Native(codec) => native::encode_failure(codec, id.own(), error, body),
            Self::JsonRpc => jsonrpc::encode_failure(id, error, body),
        }
    }

    /// Appends a value that a call gives back, without making a [`Message`] of it.
    pub(crate) fn encode_value(self, kind: ValueKind, id: &Id, value: &Payload, body: &mut Vec<u8>) {
        match self {
            Self::Native(codec) => native::encode_value(codec, kind.into(), id.own(), None, value, body),
            Self::JsonRpc => jsonrpc::encode_value(kind, id, value.bytes(), body),
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
            Self::JsonRpc => jsonrpc::around_request(id, method),
        }
    }

    /// What stands around the value of an answer whose bytes stay where they are.
    pub(crate) fn around_value(self, kind: ValueKind, id: &Id, value: &Payload) -> Around {
        match self {
            Self::Native(codec) => native::around_value(codec, kind.into(), id.own(), value.bytes().len()),
            Self::JsonRpc => jsonrpc::around_value(kind, id, value.bytes()),
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
            Self::Native(Codec::MessagePack) | Self::JsonRpc => 0,
        }
    }

    /// Whether a packet carries many frames, and not one document.
    pub(crate) fn gathers(self) -> bool {
        matches!(self, Self::Native(_))
    }

    /// A packet around `body`.
    pub(crate) fn packet(self, body: impl Into<Bytes>) -> Packet {
        match self {
            Self::Native(Codec::Json) | Self::JsonRpc => Packet::Text(body.into()),
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
        Ok(self.next_place()?.and_then(|place| self.cut_out(place)))
    }

    /// Where the next frame is in the packet.
    pub(crate) fn next_place(&mut self) -> Result<Option<(usize, usize)>, ProtocolError> {
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
        Ok(Some((start, start + len)))
    }

    /// The frame at this place, as [`Self::next`] gives it.
    pub(crate) fn cut_out(&self, (start, end): (usize, usize)) -> Option<Bytes> {
        if end - start < self.body.len() / 8 {
            return self.body.get(start..end).map(Bytes::copy_from_slice);
        }
        Some(self.body.slice(start..end))
    }

    /// The frame at this place, not cut out.
    pub(crate) fn get(&self, (start, end): (usize, usize)) -> &[u8] {
        self.body.get(start..end).unwrap_or_default()
    }

    /// The whole packet.
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    /// Whether there is nothing in the packet at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_empty()
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

    /// The name in `Sec-WebSocket-Protocol`. That of JSON-RPC is for messages only: its clients offer none.
    pub const fn name(self) -> &'static str {
        match self.protocol {
            Protocol::Native(Codec::Json) => "trunkline.v1.json",
            Protocol::Native(Codec::MessagePack) => "trunkline.v1.msgpack",
            Protocol::JsonRpc => "json-rpc",
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
