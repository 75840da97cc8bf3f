//! The native protocol: a frame is an array whose first field is its kind. The table is in `docs/protocol.md`.

use std::ops::Range;

use bytes::{Buf, Bytes};
use serde::Serialize;

use super::{Around, ValueKind, fields::Fields};
use crate::{
    codec::{self, Codec},
    error::{EncodeError, Error, ProtocolError},
    message::{
        Failure, Head, Message, Outcome, Publication, Request, RequestHead, RequestId, ValueHead, WireError,
    },
    payload::{DEFAULT_DEPTH, HEADROOM, Payload},
};

const HELLO: u64 = 1;
const WELCOME: u64 = 2;
const REQUEST: u64 = 3;
const NOTIFY: u64 = 4;
const OK: u64 = 5;
const ERROR: u64 = 6;
const FAIL: u64 = 7;
const ITEM: u64 = 8;
const CANCEL: u64 = 9;
const CREDIT: u64 = 10;
const RELEASE: u64 = 11;
const BROKEN: u64 = 12;
const PUBLICATION: u64 = 13;
const POSITION: u64 = 14;
const ACK: u64 = 15;
const PING: u64 = 16;
const PONG: u64 = 17;
const GOAWAY: u64 = 18;

impl From<ValueKind> for u64 {
    fn from(kind: ValueKind) -> Self {
        match kind {
            ValueKind::Ok => OK,
            ValueKind::App => ERROR,
        }
    }
}

pub(super) fn decode(codec: Codec, frame: Bytes) -> Result<Message, ProtocolError> {
    let mut fields = Fields::new(codec, &frame)?;
    let kind = fields.integer()?;
    match kind {
        REQUEST | NOTIFY => {
            let id = if kind == REQUEST { Some(request_id(&mut fields)?) } else { None };
            let (method, head) = (fields.name()?, fields.head()?);
            let params = fields.tail()?;
            let depth = DEFAULT_DEPTH;
            return Ok(Message::Request(Request { id, head, codec, frame, method, params, depth }));
        }
        OK | ERROR | ITEM => {
            let (id, head) = (request_id(&mut fields)?, fields.head()?);
            let range = fields.tail()?;
            let value = within(codec, frame, range);
            return Ok(match kind {
                OK => Message::Answer { id, head, outcome: Ok(value) },
                ERROR => Message::Answer { id, head, outcome: Err(Failure::App(value)) },
                _ => Message::Item { id, head, value },
            });
        }
        PUBLICATION => {
            let channel = fields.value("the channel is not a string")?;
            let epoch = fields.value("the epoch is not a string")?;
            let offset = fields.integer()?;
            let method = fields.value("the method is not a string")?;
            let range = fields.tail()?;
            let value = within(codec, frame, range);
            return Ok(Message::Publication(Box::new(Publication { channel, epoch, offset, method, value })));
        }
        _ => {}
    }
    let message = match kind {
        HELLO => Message::Hello(fields.value("the hello is not valid")?),
        WELCOME => Message::Welcome(fields.value("the welcome is not valid")?),
        FAIL => {
            let id = request_id(&mut fields)?;
            Message::Answer { id, head: None, outcome: Err(Failure::Rpc(error(&mut fields)?)) }
        }
        CANCEL => Message::Cancel(request_id(&mut fields)?),
        CREDIT => Message::Credit {
            id: request_id(&mut fields)?,
            items: fields.integer()?,
            bytes: fields.integer()?,
        },
        RELEASE => {
            let caps = fields.value("the released capabilities are not a list of pairs")?;
            let kept: Vec<u64> = fields.value("the released requests are not a list of numbers")?;
            Message::Release { caps, kept: kept.into_iter().map(RequestId).collect() }
        }
        BROKEN => Message::Broken { cap: fields.integer()?, error: error(&mut fields)? },
        POSITION => Message::Position {
            channel: fields.value("the channel is not a string")?,
            epoch: fields.value("the epoch is not a string")?,
            offset: fields.integer()?,
            missed: fields.integer()?,
        },
        ACK => Message::Ack(fields.integer()?),
        PING => Message::Ping(fields.integer()?),
        PONG => Message::Pong(fields.integer()?),
        GOAWAY => Message::Goaway(fields.value("the goaway is not valid")?),
        unknown => return Err(ProtocolError::UnknownKind(unknown)),
    };
    fields.end()?;
    Ok(message)
}

/// Whether a frame is an item, as all peers of ours write it. One that is written otherwise takes the longer way.
pub(crate) fn is_item(codec: Codec, frame: &[u8]) -> bool {
    match codec {
        Codec::Json => frame.starts_with(b"[8,"),
        Codec::MessagePack => frame.starts_with(&[0x94, 0x08]),
    }
}

/// Reads an item without making a message of it: the stream, what stands beside the value, and where that is in the frame.
pub(crate) fn decode_item(codec: Codec, frame: &[u8]) -> Result<DecodedItem, ProtocolError> {
    let mut fields = Fields::new(codec, frame)?;
    fields.integer()?;
    Ok((request_id(&mut fields)?, fields.head()?, fields.tail()?))
}

type DecodedItem = (RequestId, Option<Box<ValueHead>>, (u32, u32));

/// Appends an item; where its value is then.
pub(crate) fn encode_item<T: Serialize + ?Sized>(
    codec: Codec,
    id: RequestId,
    value: &T,
    body: &mut Vec<u8>,
) -> Result<Range<usize>, EncodeError> {
    let start = body.len();
    match codec {
        Codec::Json => {
            body.extend_from_slice(if start == 0 { b"[8," } else { b"\n[8," });
            let _ = codec::encode(codec, &id.0, body);
            body.extend_from_slice(b",0,");
        }
        Codec::MessagePack => {
            body.extend_from_slice(&[0, 0, 0, 0, 0x94, 0x08]);
            let _ = codec::encode(codec, &id.0, body);
            body.push(0);
        }
    }
    let payload = body.len();
    if let Err(error) = codec::encode(codec, value, body) {
        body.truncate(start);
        return Err(error);
    }
    let end = body.len();
    match codec {
        Codec::Json => {
            blank_line_feeds(body.get_mut(payload..).unwrap_or_default());
            body.push(b']');
        }
        Codec::MessagePack => set_len(body, start, 0),
    }
    Ok(payload..end)
}

/// Between frames stands a line feed. Inside a payload it can only be white space, as pretty printers write it.
fn blank_line_feeds(payload: &mut [u8]) {
    if memchr::memchr(b'\n', payload).is_some() {
        payload.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    }
}

fn request_id(fields: &mut Fields<'_>) -> Result<RequestId, ProtocolError> {
    match fields.integer()? {
        0 => Err(ProtocolError::BadFrame("ids begin at 1")),
        id => Ok(RequestId(id)),
    }
}

fn error(fields: &mut Fields<'_>) -> Result<Error, ProtocolError> {
    fields.value::<WireError<'static>>("the error is not valid").map(WireError::into_error)
}

/// The payload in this range of the frame; null if there is none. The frame's memory becomes the payload's.
fn within(codec: Codec, mut frame: Bytes, (start, end): (u32, u32)) -> Payload {
    if start == end {
        return Payload::null(codec);
    }
    frame.truncate(end as usize);
    frame.advance(start as usize);
    Payload::new(codec, frame)
}

pub(super) fn encode(codec: Codec, message: &Message, body: &mut Vec<u8>) {
    match message {
        Message::Request(request) => {
            let params = request.clone().into_params();
            encode_request(
                codec,
                request.id,
                &request.method(),
                request.head.as_deref(),
                params.bytes(),
                body,
            );
        }
        Message::Answer { id, head, outcome } => encode_answer(codec, *id, head.as_deref(), outcome, body),
        Message::Item { id, head, value } => encode_value(codec, ITEM, *id, head.as_deref(), value, body),
        Message::Hello(hello) => Writer::frame(codec, body, HELLO, 1, |writer| writer.value(hello)),
        Message::Welcome(welcome) => Writer::frame(codec, body, WELCOME, 1, |writer| writer.value(welcome)),
        Message::Cancel(id) => Writer::frame(codec, body, CANCEL, 1, |writer| writer.value(&id.0)),
        Message::Credit { id, items, bytes } => Writer::frame(codec, body, CREDIT, 3, |writer| {
            writer.value(&id.0);
            writer.value(items);
            writer.value(bytes);
        }),
        Message::Release { caps, kept } => Writer::frame(codec, body, RELEASE, 2, |writer| {
            writer.value(caps);
            writer.value(&kept.iter().map(|id| id.0).collect::<Vec<_>>());
        }),
        Message::Broken { cap, error } => Writer::frame(codec, body, BROKEN, 2, |writer| {
            writer.value(cap);
            writer.value(&WireError::from(error));
        }),
        Message::Publication(it) => Writer::frame(codec, body, PUBLICATION, 5, |writer| {
            writer.value(&it.channel);
            writer.value(&it.epoch);
            writer.value(&it.offset);
            writer.value(&it.method);
            writer.raw(it.value.bytes());
        }),
        Message::Position { channel, epoch, offset, missed } => {
            Writer::frame(codec, body, POSITION, 4, |writer| {
                writer.value(channel);
                writer.value(epoch);
                writer.value(offset);
                writer.value(missed);
            })
        }
        Message::Ack(taken) => Writer::frame(codec, body, ACK, 1, |writer| writer.value(taken)),
        Message::Ping(token) => Writer::frame(codec, body, PING, 1, |writer| writer.value(token)),
        Message::Pong(token) => Writer::frame(codec, body, PONG, 1, |writer| writer.value(token)),
        Message::Goaway(goaway) => Writer::frame(codec, body, GOAWAY, 1, |writer| writer.value(goaway)),
    }
}

pub(super) fn encode_request(
    codec: Codec,
    id: Option<RequestId>,
    method: &str,
    head: Option<&RequestHead>,
    params: &[u8],
    body: &mut Vec<u8>,
) {
    let rest = |writer: &mut Writer<'_>| {
        writer.value(method);
        writer.head(head);
        writer.raw(params);
    };
    match id {
        Some(id) => Writer::frame(codec, body, REQUEST, 4, |writer| {
            writer.value(&id.0);
            rest(writer);
        }),
        None => Writer::frame(codec, body, NOTIFY, 3, rest),
    }
}

fn encode_answer(
    codec: Codec,
    id: RequestId,
    head: Option<&ValueHead>,
    outcome: &Outcome,
    body: &mut Vec<u8>,
) {
    match outcome {
        Ok(value) => encode_value(codec, OK, id, head, value, body),
        Err(Failure::App(value)) => encode_value(codec, ERROR, id, head, value, body),
        Err(Failure::Rpc(error)) => encode_failure(codec, id, error, body),
    }
}

pub(super) fn encode_failure(codec: Codec, id: RequestId, error: &Error, body: &mut Vec<u8>) {
    Writer::frame(codec, body, FAIL, 2, |writer| {
        writer.value(&id.0);
        writer.value(&WireError::from(error));
    });
}

pub(super) fn encode_value(
    codec: Codec,
    kind: u64,
    id: RequestId,
    head: Option<&ValueHead>,
    value: &Payload,
    body: &mut Vec<u8>,
) {
    Writer::frame(codec, body, kind, 3, |writer| {
        writer.value(&id.0);
        writer.head(head);
        writer.raw(value.bytes());
    });
}

/// What stands before and behind the parameters of a request, if they have `len` bytes and are not written here.
pub(super) fn around_request(
    codec: Codec,
    id: Option<RequestId>,
    method: &str,
    head: Option<&RequestHead>,
    len: usize,
) -> Around {
    around(codec, len, |frame| encode_request(codec, id, method, head, PLACEHOLDER, frame))
}

/// What stands before and behind a value that a call gives back, if it has `len` bytes and is not written here.
pub(super) fn around_value(codec: Codec, kind: u64, id: RequestId, len: usize) -> Around {
    around(codec, len, |frame| {
        encode_value(codec, kind, id, None, &Payload::new(codec, PLACEHOLDER), frame);
    })
}

/// One byte that stands for a payload; it is a value in both codecs.
const PLACEHOLDER: &[u8] = b"0";

fn around(codec: Codec, len: usize, write: impl FnOnce(&mut Vec<u8>)) -> Around {
    let mut frame = Vec::with_capacity(HEADROOM);
    write(&mut frame);
    match codec {
        Codec::Json => {
            frame.truncate(frame.len() - PLACEHOLDER.len() - 1);
            Around { head: frame, tail: b"]" }
        }
        Codec::MessagePack => {
            frame.truncate(frame.len() - PLACEHOLDER.len());
            set_len(&mut frame, 0, len);
            Around { head: frame, tail: b"" }
        }
    }
}

/// Sets the length of the MessagePack frame that begins at `start`, of which `missing` bytes are not there.
fn set_len(body: &mut [u8], start: usize, missing: usize) {
    let len = u32::try_from(body.len() - start - 4 + missing).unwrap_or(u32::MAX);
    if let Some(head) = body.get_mut(start..start + 4) {
        head.copy_from_slice(&len.to_be_bytes());
    }
}

/// Writes the fields of one frame.
struct Writer<'a> {
    codec: Codec,
    body: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Appends a frame: its kind and `fields` more.
    fn frame(codec: Codec, body: &'a mut Vec<u8>, kind: u64, fields: u32, write: impl FnOnce(&mut Self)) {
        let start = body.len();
        let mut writer = match codec {
            Codec::Json => {
                body.extend_from_slice(if start == 0 { b"[" } else { b"\n[" });
                Self { codec, body }
            }
            Codec::MessagePack => {
                body.extend_from_slice(&[0; 4]);
                // Writing to a `Vec` cannot fail.
                let _ = rmp::encode::write_array_len(body, fields + 1);
                Self { codec, body }
            }
        };
        writer.scalar(&kind);
        write(&mut writer);
        match codec {
            Codec::Json => writer.body.push(b']'),
            Codec::MessagePack => set_len(writer.body, start, 0),
        }
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) {
        self.comma();
        self.scalar(value);
    }

    fn head<T: Head>(&mut self, head: Option<&T>) {
        match head.filter(|head| !head.is_empty()) {
            Some(head) => self.value(head),
            None => self.value(&0_u8),
        }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.comma();
        match bytes {
            [] => self.scalar(&()),
            bytes => self.body.extend_from_slice(bytes),
        }
        if self.codec == Codec::Json {
            let start = self.body.len() - bytes.len();
            blank_line_feeds(self.body.get_mut(start..).unwrap_or_default());
        }
    }

    fn comma(&mut self) {
        if self.codec == Codec::Json {
            self.body.push(b',');
        }
    }

    fn scalar<T: Serialize + ?Sized>(&mut self, value: &T) {
        // What the protocol itself writes has a form in every codec.
        let _ = codec::encode(self.codec, value, self.body);
    }
}
