//! Codecs: a Rust value ↔ the bytes of a payload, through serde. They know nothing of messages.
//!
//! While a value is encoded or decoded, [`current`] says by which codec. Types whose form depends on it ([`crate::Bytes`])
//! ask there and not `is_human_readable`, which is true throughout: with a format that claims not to be readable, what
//! serde buffers inside tagged, untagged and flattened types cannot be decoded from MessagePack.

mod json;
mod msgpack;

use std::{cell::Cell, fmt, io};

use serde::{Serialize, de::DeserializeOwned};

use crate::error::{DecodeError, EncodeError};

pub(crate) use self::{json::JsonReader, msgpack::MsgpackReader};

/// How values are written: fixed for a session by its subprotocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// JSON (RFC 8259) in text packets.
    Json,
    /// MessagePack, structs as maps, in binary packets.
    MessagePack,
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::MessagePack => "msgpack",
        })
    }
}

/// The largest integer that a JavaScript number holds exactly: 2^53 − 1.
pub(crate) const LARGEST_SAFE: u64 = (1 << 53) - 1;

/// What is being encoded or decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    MessagePack,
    /// JSON that was MessagePack: bytes are base64 behind [`BYTES`], and are counted.
    Transcoded,
}

/// What stands in front of bytes in JSON that was MessagePack, so that no other text is taken for bytes.
const BYTES: &str = "\0bytes ";

thread_local! {
    static CURRENT: Cell<Form> = const { Cell::new(Form::Json) };
    /// How many times bytes were read as such from JSON that was MessagePack.
    static BYTES_READ: Cell<usize> = const { Cell::new(0) };
}

/// The base64 of bytes in JSON that was MessagePack; `None` if it was another text there.
pub(crate) fn transcoded_bytes(text: &str) -> Option<&str> {
    let base64 = text.strip_prefix(BYTES)?;
    BYTES_READ.set(BYTES_READ.get() + 1);
    Some(base64)
}

/// What the innermost encode or decode on this thread is about.
pub(crate) fn current() -> Form {
    CURRENT.get()
}

/// While it lives, a form is the current one; what was current before is so again afterwards, also after a panic.
#[must_use]
struct Scope(Form);

impl Scope {
    fn of(form: Form) -> Self {
        Self(CURRENT.replace(form))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// A buffer that grows with some room to spare: a large value is written in one piece, and what comes after it must not
/// make the buffer move.
struct Growing<'a>(&'a mut Vec<u8>);

impl io::Write for Growing<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.capacity() - self.0.len() < bytes.len() {
            self.0.reserve(bytes.len() + bytes.len() / 16 + 64);
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes).map(drop)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Appends the encoded value to `buffer`; on an error `buffer` ends where it ended before.
pub(crate) fn encode<T: Serialize + ?Sized>(
    codec: Codec,
    value: &T,
    buffer: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = buffer.len();
    let scope = Scope::of(match codec {
        Codec::Json => Form::Json,
        Codec::MessagePack => Form::MessagePack,
    });
    let result = match codec {
        Codec::Json => json::encode(value, Growing(buffer)),
        Codec::MessagePack => msgpack::encode(value, Growing(buffer)),
    };
    drop(scope);
    if result.is_err() {
        buffer.truncate(start);
    }
    result
}

/// Decodes exactly one value that takes up all of `bytes`, nested at most `depth` deep.
pub(crate) fn decode<T: DeserializeOwned>(
    codec: Codec,
    bytes: &[u8],
    depth: usize,
) -> Result<T, DecodeError> {
    match codec {
        Codec::Json => {
            let mut reader = JsonReader::new(bytes, depth)?;
            let value = reader.value()?;
            reader.end()?;
            Ok(value)
        }
        Codec::MessagePack => {
            let mut reader = MsgpackReader::new(bytes, depth);
            let value = reader.value()?;
            reader.end()?;
            Ok(value)
        }
    }
}

/// Refuses integers that a JavaScript number cannot hold, for a peer that is written in it.
pub(crate) fn check_integers(codec: Codec, bytes: &[u8]) -> Result<(), EncodeError> {
    let offender = match codec {
        Codec::Json => json::unsafe_integer(bytes).map(str::to_owned),
        Codec::MessagePack => msgpack::unsafe_integer(bytes).map(|number| number.to_string()),
    };
    match offender {
        None => Ok(()),
        Some(number) => Err(EncodeError(format!(
            "{number} is beyond ±(2^53 − 1), which the peer cannot represent: use `I64` or `U64` for this field"
        ))),
    }
}

#[cfg(test)]
mod tests;
