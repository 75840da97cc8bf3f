//! JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>): documents ↔ entries. What an entry means for calls in flight, and
//! when the answers to a batch are complete, is the session's business.
//!
//! A document is what one WebSocket message or one HTTP body carries: an object, or an array of objects. The numbers of
//! errors are in `docs/jsonrpc.md`.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::{Around, ValueKind};
use crate::{
    codec::{self, Codec, JsonReader},
    error::{Code, Error},
    message::{Failure, Name, Outcome, Request, RequestId, millis},
    payload::{DEFAULT_DEPTH, HEADROOM, Payload},
};

/// The longest id in bytes: it is kept until the answer, and sent back with a refusal.
const MAX_ID: usize = 1024;

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
const INTERNAL: i32 = -32603;
const EXHAUSTED: i32 = -32000;
/// An error of the application: `data` has its code and data.
const APPLICATION: i32 = -32001;
const DENIED: i32 = -32002;
const UNAUTHENTICATED: i32 = -32003;
const DEADLINE: i32 = -32004;
const TOO_LARGE: i32 = -32005;
const CANCELLED: i32 = -32006;
const UNAVAILABLE: i32 = -32007;

/// What one message says.
#[derive(Debug)]
pub(crate) enum Document {
    Single(Entry),
    /// Not empty.
    Batch(Vec<Entry>),
    /// It is no document at all, and nothing of it was begun.
    Broken(Broken),
}

/// Why a document has no entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    NotJson,
    EmptyBatch,
    /// More entries than allowed, which is this many.
    TooMany(usize),
    /// Its answers need more room than there is: come back when others are answered.
    NoRoom,
}

/// One object of a document.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A call; a notification if it has no id. The request itself is not numbered yet.
    Request(Option<Id>, Request),
    /// The answer to a call made here; `None` if it is not one.
    Answer(Option<RequestId>, Outcome),
    /// Not one of these; the id as far as it could be read, and the rule that it breaks.
    Invalid(Id, &'static str),
}

impl Entry {
    /// The id of the answer, if there is to be one.
    pub(crate) fn answered_under(&self) -> Option<&Id> {
        match self {
            Self::Request(id, _) => id.as_ref(),
            Self::Invalid(id, _) => Some(id),
            Self::Answer(..) => None,
        }
    }
}

/// What a request is answered under, as the peer wrote it. In the native protocol that is always a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Id {
    Null,
    /// Digits, of which there is only one way to write the number.
    Number(u64),
    /// A string with its quotes and escapes, or a number of another form.
    Other(Box<[u8]>),
}

impl Id {
    /// The id in these bytes, which are one value; `None` if it is of a kind that no id has, or too long.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = JsonReader::unchecked(bytes);
        if let Some(number) = reader.integer().filter(|_| reader.position() == bytes.len()) {
            return Some(Self::Number(number));
        }
        match bytes.first()? {
            b'n' => Some(Self::Null),
            b'"' | b'-' | b'0'..=b'9' if bytes.len() <= MAX_ID => Some(Self::Other(bytes.into())),
            _ => None,
        }
    }

    /// The same as a number of our own; 0, which no request has, if it is none.
    pub(super) fn own(&self) -> RequestId {
        match self {
            Self::Number(number) => RequestId(*number),
            Self::Null | Self::Other(_) => RequestId(0),
        }
    }

    /// Bytes on the wire, at most.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Null => 4,
            Self::Number(_) => 20,
            Self::Other(bytes) => bytes.len(),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Number(number) => scalar(number, out),
            Self::Other(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// The JSON is broken: nothing behind this place can be read.
struct NotJson;

/// Reads one document, of at most `max_batch` entries.
pub(crate) fn decode(body: &Bytes, max_batch: usize) -> Document {
    read(body, max_batch).unwrap_or(Document::Broken(Broken::NotJson))
}

fn read(body: &Bytes, max_batch: usize) -> Result<Document, NotJson> {
    // The parameters are only cut out here, not decoded by recursion, so that their depth does not matter yet.
    let mut reader = JsonReader::unchecked(body);
    if reader.peek() != Some(b'[') {
        let entry = entry(&mut reader, body, 0)?;
        reader.end().map_err(|_| NotJson)?;
        return Ok(Document::Single(entry));
    }
    reader.take(b'[');
    let (mut entries, mut more) = (Vec::new(), !reader.take(b']'));
    while more {
        if entries.len() == max_batch {
            return Ok(Document::Broken(Broken::TooMany(max_batch)));
        }
        reader.peek();
        let start = reader.position();
        entries.push(entry(&mut reader, body, start)?);
        more = reader.take(b',');
        if !more && !reader.take(b']') {
            return Err(NotJson);
        }
    }
    reader.end().map_err(|_| NotJson)?;
    Ok(if entries.is_empty() { Document::Broken(Broken::EmptyBatch) } else { Document::Batch(entries) })
}

/// The members of an object that matter, as far as they have been read.
#[derive(Default)]
struct Members<'a> {
    version: Option<bool>,
    id: Option<&'a [u8]>,
    method: Option<Name>,
    params: Option<(usize, usize)>,
    result: Option<&'a [u8]>,
    error: Option<&'a [u8]>,
    /// The first rule that is broken.
    wrong: Option<&'static str>,
}

/// Reads the next object of `body`, which begins at `start`.
fn entry(reader: &mut JsonReader<'_>, body: &Bytes, start: usize) -> Result<Entry, NotJson> {
    if reader.peek() != Some(b'{') {
        skip(reader)?;
        return Ok(Entry::Invalid(Id::Null, "it is neither an object nor an array of objects"));
    }
    let mut members = Members::default();
    reader.take(b'{');
    let mut more = !reader.take(b'}');
    while more {
        let name = reader.str().ok_or(NotJson)?;
        if !reader.take(b':') {
            return Err(NotJson);
        }
        members.read(reader, &name, start)?;
        more = reader.take(b',');
        if !more && !reader.take(b'}') {
            return Err(NotJson);
        }
    }
    let end = reader.position();
    members.into_entry(|| cut_out(body, start, end))
}

/// The bytes of one entry, copied if they would keep a much larger document in memory.
fn cut_out(body: &Bytes, start: usize, end: usize) -> Bytes {
    match body.get(start..end) {
        Some(bytes) if bytes.len() < body.len() / 8 => Bytes::copy_from_slice(bytes),
        _ => body.slice(start.min(end)..end),
    }
}

impl<'a> Members<'a> {
    fn read(&mut self, reader: &mut JsonReader<'a>, name: &str, start: usize) -> Result<(), NotJson> {
        let first = reader.peek();
        let twice = match name {
            "jsonrpc" => {
                let version = match first {
                    Some(b'"') => reader.str().ok_or(NotJson)? == "2.0",
                    _ => skip(reader).map(|_| false)?,
                };
                self.version.replace(version).is_some()
            }
            "id" => self.id.replace(skip(reader)?).is_some(),
            "method" if first == Some(b'"') => {
                let name = reader.str().ok_or(NotJson)?;
                let end = reader.position() - 1 - start;
                let name = match name {
                    Cow::Borrowed(name) => Name::Within(number(end - name.len())?, number(end)?),
                    Cow::Owned(name) => Name::Owned(name.into()),
                };
                self.method.replace(name).is_some()
            }
            "method" => {
                skip(reader)?;
                self.wrong = self.wrong.or(Some("`method` is a string"));
                false
            }
            "params" => {
                let at = reader.position() - start;
                let len = skip(reader)?.len();
                if !matches!(first, Some(b'[' | b'{' | b'n')) {
                    self.wrong = self.wrong.or(Some("`params` is an array or an object"));
                }
                self.params.replace((at, at + len)).is_some()
            }
            "result" => self.result.replace(skip(reader)?).is_some(),
            "error" => self.error.replace(skip(reader)?).is_some(),
            _ => skip(reader).map(|_| false)?,
        };
        if twice {
            self.wrong = self.wrong.or(Some("a member stands twice"));
        }
        Ok(())
    }

    fn into_entry(self, frame: impl FnOnce() -> Bytes) -> Result<Entry, NotJson> {
        let id = match self.id.map(Id::read) {
            None => None,
            Some(Some(id)) => Some(id),
            Some(None) => {
                return Ok(Entry::Invalid(
                    Id::Null,
                    "`id` is a string, a number or null, of at most 1024 bytes",
                ));
            }
        };
        let wrong = self.wrong.or((self.version != Some(true)).then_some("`jsonrpc` is \"2.0\""));
        if let Some(wrong) = wrong {
            return Ok(Entry::Invalid(id.unwrap_or(Id::Null), wrong));
        }
        let (start, end) = self.params.unwrap_or_default();
        let params = (number(start)?, number(end)?);
        match (self.method, self.result, self.error) {
            (Some(method), ..) => {
                let (head, depth, codec) = (None, DEFAULT_DEPTH, Codec::Json);
                let request = Request { id: None, head, codec, frame: frame(), method, params, depth };
                Ok(Entry::Request(id, request))
            }
            (None, Some(result), None) => {
                let result = Payload::new(Codec::Json, Bytes::copy_from_slice(result));
                Ok(Entry::Answer(own(id.as_ref()), Ok(result)))
            }
            (None, None, Some(error)) => Ok(Entry::Answer(own(id.as_ref()), Err(failure(error)))),
            (None, ..) => Ok(Entry::Invalid(id.unwrap_or(Id::Null), "`method` is missing")),
        }
    }
}

fn skip<'a>(reader: &mut JsonReader<'a>) -> Result<&'a [u8], NotJson> {
    reader.skip().map_err(|_| NotJson)
}

/// A place in a document. None has more than 4 GiB.
fn number(place: usize) -> Result<u32, NotJson> {
    u32::try_from(place).map_err(|_| NotJson)
}

/// The id of a call made here.
fn own(id: Option<&Id>) -> Option<RequestId> {
    match id {
        Some(Id::Number(number)) => Some(RequestId(*number)).filter(|id| *id <= RequestId::MAX),
        _ => None,
    }
}

/// The member `error` of an answer.
fn failure(bytes: &[u8]) -> Failure {
    let error: Value = codec::decode(Codec::Json, bytes, DEFAULT_DEPTH.into()).unwrap_or_default();
    let number = error.get("code").and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok());
    let number = number.unwrap_or(INTERNAL);
    let data = error.get("data").cloned().unwrap_or_default();
    let name = data.get("code").and_then(Value::as_str);
    if number == APPLICATION
        && name.is_some()
        && let Ok(payload) = Payload::encode(Codec::Json, &data)
    {
        return Failure::App(payload);
    }
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
    let code = name.map_or_else(|| code(number), Code::parse);
    let mut error = Error::new(code, message);
    if let Some(after) = data.get("retry_ms").and_then(Value::as_u64) {
        error = error.with_retry_after(Duration::from_millis(after));
    }
    if let Some(reference) = data.get("ref").and_then(Value::as_str) {
        error = error.with_reference(reference);
    }
    let begun = !matches!(number, METHOD_NOT_FOUND | INVALID_PARAMS | INVALID_REQUEST | PARSE_ERROR);
    let executed = match data.get("executed").and_then(Value::as_bool) {
        Some(executed) => executed,
        // Other implementations do not say; ours leaves out what is false.
        None => begun && name.is_none(),
    };
    if executed { error.after_execution() } else { error }.into()
}

/// What a number means that comes without a name.
fn code(number: i32) -> Code {
    match number {
        METHOD_NOT_FOUND => Code::Unimplemented,
        INVALID_PARAMS | INVALID_REQUEST | PARSE_ERROR => Code::InvalidArgument,
        INTERNAL => Code::Internal,
        EXHAUSTED | TOO_LARGE => Code::ResourceExhausted,
        DENIED => Code::PermissionDenied,
        UNAUTHENTICATED => Code::Unauthenticated,
        DEADLINE => Code::DeadlineExceeded,
        CANCELLED => Code::Cancelled,
        UNAVAILABLE => Code::Unavailable,
        _ => Code::Unknown,
    }
}

fn number_of(code: Code) -> i32 {
    match code {
        Code::Unimplemented => METHOD_NOT_FOUND,
        Code::InvalidArgument => INVALID_PARAMS,
        Code::Internal | Code::Unknown => INTERNAL,
        Code::ResourceExhausted => EXHAUSTED,
        Code::PermissionDenied => DENIED,
        Code::Unauthenticated => UNAUTHENTICATED,
        Code::DeadlineExceeded => DEADLINE,
        Code::Cancelled => CANCELLED,
        Code::Unavailable => UNAVAILABLE,
        Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss => APPLICATION,
    }
}

/// Appends the answer to a document that has no entries.
pub(crate) fn encode_broken(broken: Broken, out: &mut Vec<u8>) {
    match broken {
        Broken::NotJson => encode_invalid(&Id::Null, PARSE_ERROR, "the message is not JSON", out),
        Broken::EmptyBatch => {
            encode_invalid(&Id::Null, INVALID_REQUEST, "a batch has at least one entry", out)
        }
        Broken::TooMany(allowed) => {
            let message = format!("a batch has at most {allowed} entries");
            encode_invalid(&Id::Null, INVALID_REQUEST, &message, out);
        }
        Broken::NoRoom => {
            let message = "too many batches are unanswered";
            encode_error(&Id::Null, EXHAUSTED, &Error::new(Code::ResourceExhausted, message), out);
        }
    }
}

/// Appends the answer to an entry that is none.
pub(crate) fn encode_invalid_entry(id: &Id, rule: &'static str, out: &mut Vec<u8>) {
    encode_invalid(id, INVALID_REQUEST, rule, out);
}

fn encode_invalid(id: &Id, code: i32, message: &str, out: &mut Vec<u8>) {
    begin_answer(id, out);
    out.extend_from_slice(b",\"error\":");
    scalar(&ErrorObject { code, message, data: None }, out);
    out.push(b'}');
}

/// Appends a failure of a request.
pub(super) fn encode_failure(id: &Id, error: &Error, out: &mut Vec<u8>) {
    encode_error(id, number_of(error.code()), error, out);
}

/// Appends the answer to a request whose own answer was too large.
pub(crate) fn encode_too_large(id: &Id, error: &Error, out: &mut Vec<u8>) {
    encode_error(id, TOO_LARGE, error, out);
}

/// Appends the answer to an entry of a batch whose answers take too much together.
pub(crate) fn encode_no_room(id: &Id, out: &mut Vec<u8>) {
    let error = Error::new(Code::ResourceExhausted, "the answers to the batch take too much");
    encode_error(id, TOO_LARGE, &error.after_execution(), out);
}

fn encode_error(id: &Id, code: i32, error: &Error, out: &mut Vec<u8>) {
    let data = Data {
        code: error.code(),
        retry_ms: error.retry_after().map(millis),
        reference: error.reference(),
        executed: error.maybe_executed(),
    };
    begin_answer(id, out);
    out.extend_from_slice(b",\"error\":");
    scalar(&ErrorObject { code, message: error.message(), data: Some(data) }, out);
    out.push(b'}');
}

/// Appends a value that a request gives back.
pub(super) fn encode_value(kind: ValueKind, id: &Id, value: &[u8], out: &mut Vec<u8>) {
    let tail = begin_value(kind, id, value, out);
    payload(value, out);
    out.extend_from_slice(tail);
}

/// What stands around a value that stays where it is.
pub(super) fn around_value(kind: ValueKind, id: &Id, value: &[u8]) -> Around {
    let mut head = Vec::with_capacity(HEADROOM);
    let tail = begin_value(kind, id, value, &mut head);
    Around { head, tail }
}

/// Appends what stands before a value, and gives what stands behind it.
fn begin_value(kind: ValueKind, id: &Id, value: &[u8], out: &mut Vec<u8>) -> &'static [u8] {
    begin_answer(id, out);
    match kind {
        ValueKind::Ok => {
            out.extend_from_slice(b",\"result\":");
            b"}"
        }
        ValueKind::App => {
            out.extend_from_slice(b",\"error\":{\"code\":");
            scalar(&APPLICATION, out);
            out.extend_from_slice(b",\"message\":");
            scalar(&app_code(value), out);
            out.extend_from_slice(b",\"data\":");
            b"}}"
        }
    }
}

/// Appends a request, or a notification if it has no id.
pub(super) fn encode_request(id: Option<RequestId>, method: &str, params: &[u8], out: &mut Vec<u8>) {
    begin_request(id, method, out);
    if !params.is_empty() {
        out.extend_from_slice(PARAMS);
        payload(params, out);
    }
    out.push(b'}');
}

/// What stands around parameters that stay where they are.
pub(super) fn around_request(id: Option<RequestId>, method: &str) -> Around {
    let mut head = Vec::with_capacity(HEADROOM);
    begin_request(id, method, &mut head);
    head.extend_from_slice(PARAMS);
    Around { head, tail: b"}" }
}

const PARAMS: &[u8] = b",\"params\":";

fn begin_answer(id: &Id, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    id.write(out);
}

fn begin_request(id: Option<RequestId>, method: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",");
    if let Some(id) = id {
        out.extend_from_slice(b"\"id\":");
        scalar(&id.0, out);
        out.push(b',');
    }
    out.extend_from_slice(b"\"method\":");
    scalar(method, out);
}

/// An empty payload is null.
fn payload(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(if bytes.is_empty() { b"null" } else { bytes });
}

fn scalar<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    // What the protocol itself writes has a form in JSON.
    let _ = codec::encode(Codec::Json, value, out);
}

/// The code of a typed error, which its payload begins with.
fn app_code(bytes: &[u8]) -> Cow<'_, str> {
    let mut reader = JsonReader::unchecked(bytes);
    let code = (reader.take(b'{') && reader.str().is_some_and(|key| key == "code") && reader.take(b':'))
        .then(|| reader.str());
    code.flatten().unwrap_or("an error of the application".into())
}

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: i32,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

/// What stands beside the message of an error of Trunkline's own, by the names of the native protocol.
#[derive(Serialize)]
struct Data<'a> {
    code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u64>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    executed: bool,
}
