//! MessagePack: rmp-serde with structs as maps. What is added: every value is walked once before it is decoded, which
//! bounds its depth and refuses lengths that the bytes cannot hold; and what does not fit is read once more as the JSON that
//! it would be. That finds the place of the error, or there is none: JavaScript has no other keys than text, so that numbers
//! in front of the values of a map may be text, as in JSON.
//!
//! The format is that of `spec.md` in msgpack/msgpack.

use base64::{display::Base64Display, prelude::BASE64_STANDARD};
use rmp::Marker;
use serde::{Serialize, de::DeserializeOwned};

use super::{BYTES, BYTES_READ, Codec, Form, Growing, JsonReader, LARGEST_SAFE, Scope};
use crate::error::{DecodeError, EncodeError};

pub(super) fn encode<T: Serialize + ?Sized>(value: &T, buffer: Growing<'_>) -> Result<(), EncodeError> {
    let mut serializer = rmp_serde::Serializer::new(buffer).with_human_readable().with_struct_map();
    value.serialize(&mut serializer).map_err(unwritten)
}

#[cold]
#[expect(clippy::needless_pass_by_value, reason = "reads well in map_err")]
fn unwritten(error: rmp_serde::encode::Error) -> EncodeError {
    EncodeError(error.to_string())
}

/// Reads MessagePack values one after another out of a slice.
#[derive(Debug)]
pub(crate) struct MsgpackReader<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> MsgpackReader<'a> {
    pub(crate) fn new(bytes: &'a [u8], depth: usize) -> Self {
        Self { rest: bytes, depth }
    }

    /// Decodes the next value; fails with the path to the field that does not fit.
    pub(crate) fn value<T: DeserializeOwned>(&mut self) -> Result<T, DecodeError> {
        let bytes = self.skip()?;
        let scope = Scope::of(Form::MessagePack);
        let result = T::deserialize(&mut rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable());
        drop(scope);
        result.or_else(|error| as_json(bytes, &error, |mut json| json.value()))
    }

    /// The bytes of the next value, whatever it is.
    pub(crate) fn skip(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = value_len(self.rest, self.depth)?;
        let (value, rest) = self.rest.split_at_checked(len).ok_or_else(truncated)?;
        self.rest = rest;
        Ok(value)
    }

    /// The number of items if an array is next.
    pub(crate) fn array(&mut self) -> Option<u32> {
        let mut rest = self.rest;
        let len = rmp::decode::read_array_len(&mut rest).ok()?;
        self.rest = rest;
        Some(len)
    }

    /// The number of entries if a map is next.
    pub(crate) fn map(&mut self) -> Option<u32> {
        let mut rest = self.rest;
        let len = rmp::decode::read_map_len(&mut rest).ok()?;
        self.rest = rest;
        Some(len)
    }

    /// The next value if it is an unsigned integer, of any width.
    pub(crate) fn integer(&mut self) -> Option<u64> {
        let mut rest = self.rest;
        let value = rmp::decode::read_int(&mut rest).ok()?;
        self.rest = rest;
        Some(value)
    }

    /// The next value if it is a string.
    pub(crate) fn str(&mut self) -> Option<&'a str> {
        let (text, rest) = rmp::decode::read_str_from_slice(self.rest).ok()?;
        self.rest = rest;
        Some(text)
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Succeeds if nothing is left.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        match self.rest {
            [] => Ok(()),
            _ => Err(DecodeError::new("unexpected bytes after the value")),
        }
    }
}

fn truncated() -> DecodeError {
    DecodeError::new("the value is cut off")
}

/// What a marker announces: the length of the head, then bytes to skip or values to follow.
enum Shape {
    Bytes(usize),
    Values(usize),
}

fn shape(bytes: &[u8]) -> Option<(usize, Shape)> {
    let number = |width: usize| {
        let digits = bytes.get(1..=width)?;
        Some(digits.iter().fold(0_usize, |number, digit| (number << 8) | usize::from(*digit)))
    };
    Some(match Marker::from_u8(*bytes.first()?) {
        Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => {
            (1, Shape::Bytes(0))
        }
        Marker::U8 | Marker::I8 => (1, Shape::Bytes(1)),
        Marker::U16 | Marker::I16 => (1, Shape::Bytes(2)),
        Marker::U32 | Marker::I32 | Marker::F32 => (1, Shape::Bytes(4)),
        Marker::U64 | Marker::I64 | Marker::F64 => (1, Shape::Bytes(8)),
        Marker::FixStr(len) => (1, Shape::Bytes(len.into())),
        Marker::Str8 | Marker::Bin8 => (2, Shape::Bytes(number(1)?)),
        Marker::Str16 | Marker::Bin16 => (3, Shape::Bytes(number(2)?)),
        Marker::Str32 | Marker::Bin32 => (5, Shape::Bytes(number(4)?)),
        Marker::FixExt1 => (2, Shape::Bytes(1)),
        Marker::FixExt2 => (2, Shape::Bytes(2)),
        Marker::FixExt4 => (2, Shape::Bytes(4)),
        Marker::FixExt8 => (2, Shape::Bytes(8)),
        Marker::FixExt16 => (2, Shape::Bytes(16)),
        Marker::Ext8 => (3, Shape::Bytes(number(1)?)),
        Marker::Ext16 => (4, Shape::Bytes(number(2)?)),
        Marker::Ext32 => (6, Shape::Bytes(number(4)?)),
        Marker::FixArray(len) => (1, Shape::Values(len.into())),
        Marker::Array16 => (3, Shape::Values(number(2)?)),
        Marker::Array32 => (5, Shape::Values(number(4)?)),
        Marker::FixMap(len) => (1, Shape::Values(usize::from(len) * 2)),
        Marker::Map16 => (3, Shape::Values(number(2)?.saturating_mul(2))),
        Marker::Map32 => (5, Shape::Values(number(4)?.saturating_mul(2))),
        Marker::Reserved => return None,
    })
}

/// The length of the value at the start of `bytes`, which must be whole and nested at most `depth` deep.
fn value_len(bytes: &[u8], depth: usize) -> Result<usize, DecodeError> {
    walk(bytes, 0, 1, depth).map_err(|broken| match broken {
        Broken::CutOff => truncated(),
        Broken::TooDeep => DecodeError::new("nested too deep"),
    })
}

/// Why a value cannot be walked to its end.
enum Broken {
    CutOff,
    TooDeep,
}

/// Where the `values` values that begin at `at` end.
///
/// Recursion is bounded by `depth`, which the configuration keeps small.
fn walk(bytes: &[u8], mut at: usize, values: usize, depth: usize) -> Result<usize, Broken> {
    for _ in 0..values {
        at = match bytes.get(at) {
            // Most values of most documents tell their length in the first byte.
            Some(0..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..) => at + 1,
            Some(marker @ 0xa0..=0xbf) => at + 1 + usize::from(marker & 0x1f),
            _ => walk_one(bytes, at, depth)?,
        };
    }
    if at > bytes.len() { Err(Broken::CutOff) } else { Ok(at) }
}

fn walk_one(bytes: &[u8], at: usize, depth: usize) -> Result<usize, Broken> {
    let rest = bytes.get(at..).unwrap_or_default();
    let (head, content) = shape(rest).ok_or(Broken::CutOff)?;
    match content {
        Shape::Bytes(len) => at.checked_add(head).and_then(|at| at.checked_add(len)).ok_or(Broken::CutOff),
        // Every value takes a byte, so a larger number of them cannot be true.
        Shape::Values(values) if values > rest.len() => Err(Broken::CutOff),
        Shape::Values(values) => walk(bytes, at + head, values, depth.checked_sub(1).ok_or(Broken::TooDeep)?),
    }
}

/// The first integer beyond ±(2^53 − 1).
pub(super) fn unsafe_integer(bytes: &[u8]) -> Option<i128> {
    let mut rest = bytes;
    while let Some((head, content)) = shape(rest) {
        let value = match (rest.first(), rest.get(1..9).and_then(|digits| digits.try_into().ok())) {
            (Some(0xcf), Some(digits)) => i128::from(u64::from_be_bytes(digits)),
            (Some(0xd3), Some(digits)) => i128::from(i64::from_be_bytes(digits)),
            _ => 0,
        };
        if value.unsigned_abs() > LARGEST_SAFE.into() {
            return Some(value);
        }
        let skipped = head + if let Shape::Bytes(len) = content { len } else { 0 };
        rest = rest.get(skipped..).unwrap_or_default();
    }
    None
}

/// Reads a value that does not fit as the JSON that it would be. rmp-serde does not know where the error is, but the same
/// value as JSON fails at the same place; if it does not fail, it is what the peer meant.
#[cold]
fn as_json<T>(
    bytes: &[u8],
    error: &rmp_serde::decode::Error,
    read: fn(JsonReader<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut transcoded = Transcoded { json: Vec::new(), is_exact: true, bytes: 0 };
    if transcoded.value(bytes).is_none() {
        return Err(DecodeError::new(error.to_string()));
    }
    let outer = BYTES_READ.replace(0);
    let result = read(JsonReader::transcoded(&transcoded.json));
    let bytes_read = BYTES_READ.replace(outer);
    match result {
        Ok(value) if transcoded.is_exact && bytes_read >= transcoded.bytes => Ok(value),
        Ok(_) => Err(DecodeError::new(error.to_string())),
        Err(error) if transcoded.is_exact => Err(error),
        Err(error) => Err(renamed(error)),
    }
}

/// What is written for the numbers that JSON does not have: any number will do to find a value that does not fit, and an
/// error about this one can be told from others.
const STAND_INS: [(f64, &str); 3] =
    [(0.500_000_000_071, "NaN"), (0.500_000_000_072, "Infinity"), (0.500_000_000_073, "-Infinity")];

fn stand_in(number: f64) -> Option<f64> {
    let [nan, infinity, negative] = STAND_INS.map(|(number, _)| number);
    match number {
        _ if number.is_nan() => Some(nan),
        f64::INFINITY => Some(infinity),
        f64::NEG_INFINITY => Some(negative),
        _ => None,
    }
}

/// The error with the names of the numbers that others stood in for.
fn renamed(error: DecodeError) -> DecodeError {
    let rename = |text: String| {
        STAND_INS.iter().fold(text, |text, (number, name)| text.replace(&number.to_string(), name))
    };
    DecodeError { path: rename(error.path), message: rename(error.message) }
}

/// MessagePack as JSON.
struct Transcoded {
    json: Vec<u8>,
    /// Whether it is the same value: JSON has no infinity, and no keys but text.
    is_exact: bool,
    /// How many values are bytes, which only bytes may be read from.
    bytes: usize,
}

impl Transcoded {
    /// Writes one well-formed value and returns what follows it; `None` if JSON has no such value.
    fn value<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (head, content) = shape(bytes)?;
        let marker = Marker::from_u8(*bytes.first()?);
        let values = match content {
            Shape::Bytes(len) => {
                let (value, rest) = bytes.split_at_checked(head.checked_add(len)?)?;
                self.scalar(marker, value, value.get(head..)?)?;
                return Some(rest);
            }
            Shape::Values(values) => values,
        };
        let map = matches!(marker, Marker::FixMap(_) | Marker::Map16 | Marker::Map32);
        let mut rest = bytes.get(head..)?;
        self.json.push(if map { b'{' } else { b'[' });
        for index in 0..values {
            let is_key = map && index % 2 == 0;
            if index > 0 {
                self.json.push(if map && !is_key { b':' } else { b',' });
            }
            let start = self.json.len();
            rest = self.value(rest)?;
            // The key of a JSON object is text: 1 becomes "1".
            match self.json.get(start)? {
                _ if !is_key => {}
                b'"' => {}
                b'[' | b'{' => return None,
                _ => {
                    self.is_exact = false;
                    self.json.insert(start, b'"');
                    self.json.push(b'"');
                }
            }
        }
        self.json.push(if map { b'}' } else { b']' });
        Some(rest)
    }

    fn scalar(&mut self, marker: Marker, value: &[u8], data: &[u8]) -> Option<()> {
        let json = &mut self.json;
        let encoded = match marker {
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
                super::encode(Codec::Json, std::str::from_utf8(data).ok()?, json)
            }
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
                self.bytes += 1;
                let base64 = Base64Display::new(data, &BASE64_STANDARD);
                super::encode(Codec::Json, &format!("{BYTES}{base64}"), json)
            }
            Marker::F32 | Marker::F64 => {
                let number: f64 = rmp_serde::from_slice(value).ok()?;
                let stand_in = stand_in(number);
                self.is_exact &= stand_in.is_none();
                super::encode(Codec::Json, &stand_in.unwrap_or(number), json)
            }
            _ => super::encode(Codec::Json, &rmp_serde::from_slice::<serde_json::Value>(value).ok()?, json),
        };
        encoded.ok()
    }
}
