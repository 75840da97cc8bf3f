//! JSON: serde_json with exact floats. What is added: a depth limit that holds in skipped values too, and the path to
//! the place of an error.

use std::borrow::Cow;

use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

use super::{Form, Growing, LARGEST_SAFE, Scope};
use crate::error::{DecodeError, EncodeError};

pub(super) fn encode<T: Serialize + ?Sized>(value: &T, buffer: Growing<'_>) -> Result<(), EncodeError> {
    serde_json::to_writer(buffer, value).map_err(unwritten)
}

#[cold]
#[expect(clippy::needless_pass_by_value, reason = "reads well in map_err")]
fn unwritten(error: serde_json::Error) -> EncodeError {
    EncodeError(error.to_string())
}

/// Reads JSON values one after another out of a slice whose depth was checked.
#[derive(Debug)]
pub(crate) struct JsonReader<'a> {
    bytes: &'a [u8],
    at: usize,
    form: Form,
}

impl<'a> JsonReader<'a> {
    pub(crate) fn new(bytes: &'a [u8], depth: usize) -> Result<Self, DecodeError> {
        check_depth(bytes, depth)?;
        Ok(Self { bytes, at: 0, form: Form::Json })
    }

    /// Reads text whose depth does not matter, because nothing in it is decoded by recursion.
    pub(crate) fn unchecked(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, form: Form::Json }
    }

    /// Reads what was MessagePack, the depth of which was checked.
    pub(super) fn transcoded(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, form: Form::Transcoded }
    }

    /// The next value if it is an unsigned integer of at most 19 digits.
    pub(crate) fn integer(&mut self) -> Option<u64> {
        self.peek();
        let rest = self.rest();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = rest.split_at_checked(digits)?;
        if number.is_empty() || (number.len() > 1 && number.starts_with(b"0")) || number.len() > 19 {
            return None;
        }
        if matches!(rest.first(), Some(b'.' | b'e' | b'E')) {
            return None;
        }
        self.at += digits;
        Some(number.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
    }

    /// The next value if it is a string, without a copy unless it has escapes.
    pub(crate) fn str(&mut self) -> Option<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return None;
        }
        let len = string_len(self.rest())?;
        let quoted = self.rest().get(..len)?;
        let inner = quoted.get(1..len.checked_sub(1)?)?;
        self.at += len;
        if inner.iter().any(|byte| *byte == b'\\' || *byte < 0x20) {
            return serde_json::from_slice::<String>(quoted).ok().map(Cow::Owned);
        }
        std::str::from_utf8(inner).ok().map(Cow::Borrowed)
    }

    /// Where reading goes on.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Decodes the next value; fails with the path to the field that does not fit.
    pub(crate) fn value<T: DeserializeOwned>(&mut self) -> Result<T, DecodeError> {
        let rest = self.rest();
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<T>();
        let scope = Scope::of(self.form);
        let next = values.next();
        drop(scope);
        match next {
            Some(Ok(value)) => {
                self.at += values.byte_offset();
                Ok(value)
            }
            Some(Err(error)) => Err(explain(rest, &error)),
            None => Err(missing()),
        }
    }

    /// The bytes of the next value, whatever it is.
    pub(crate) fn skip(&mut self) -> Result<&'a [u8], DecodeError> {
        self.peek();
        let start = self.at;
        self.value::<IgnoredAny>()?;
        Ok(self.bytes.get(start..self.at).unwrap_or_default())
    }

    /// The next byte that is not white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let blanks =
            self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += blanks;
        self.rest().first().copied()
    }

    /// Takes `byte` if it is the next one.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Succeeds if nothing but white space is left.
    pub(crate) fn end(&mut self) -> Result<(), DecodeError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(DecodeError::new("unexpected characters after the value")),
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}

/// Refuses text nested deeper than `limit`.
///
/// Text with no more brackets than that cannot be, and counting them is a fraction of the cost of reading.
fn check_depth(bytes: &[u8], limit: usize) -> Result<(), DecodeError> {
    // So many bytes at a time that their count fits into one, and without checks for overflow, which it cannot have: the
    // compiler then counts many at once.
    let count = |bytes: &[u8]| {
        bytes.iter().fold(0_u8, |count, byte| count.wrapping_add(u8::from(byte | 0x20 == b'{')))
    };
    let brackets: usize = bytes.chunks(usize::from(u8::MAX)).map(|bytes| usize::from(count(bytes))).sum();
    if brackets <= limit || depth(bytes) <= limit {
        return Ok(());
    }
    Err(DecodeError::new("nested too deep"))
}

fn depth(bytes: &[u8]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for token in Tokens::new(bytes) {
        match token.first {
            b'[' | b'{' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The first number that is an integer beyond ±(2^53 − 1), as text.
pub(super) fn unsafe_integer(bytes: &[u8]) -> Option<&str> {
    Tokens::new(bytes)
        .filter(|token| matches!(token.first, b'-' | b'0'..=b'9') && token.text.len() >= 16)
        .filter_map(|token| std::str::from_utf8(token.text).ok())
        .filter(|text| !text.contains(['.', 'e', 'E']))
        .find(|text| text.trim_start_matches('-').parse::<u64>().map_or(true, |value| value > LARGEST_SAFE))
}

/// One string, number, word or punctuation mark.
struct Token<'a> {
    start: usize,
    first: u8,
    text: &'a [u8],
}

/// Cuts JSON into tokens without judging it; on text that is not JSON it ends or gives nonsense, but never fails.
struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.bytes.get(self.at..)?;
        let start = self.at + rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let rest = self.bytes.get(start..)?;
        let first = *rest.first()?;
        let len = match first {
            b'"' => string_len(rest).unwrap_or(rest.len()),
            b'[' | b']' | b'{' | b'}' | b',' | b':' => 1,
            _ => rest.iter().position(|byte| b"[]{},:\" \t\r\n".contains(byte)).unwrap_or(rest.len()),
        };
        self.at = start + len;
        Some(Token { start, first, text: rest.get(..len)? })
    }
}

/// The length of the string at the start of `bytes`, both quotes included; `None` if it does not end.
fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)? + 1;
        if bytes.get(at - 1) == Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

#[cold]
fn missing() -> DecodeError {
    DecodeError::new("a value is missing")
}

/// Adds the path to serde_json's error, which knows only the position, and drops the position.
fn explain(bytes: &[u8], error: &serde_json::Error) -> DecodeError {
    let text = error.to_string();
    let message = text.rfind(" at line ").and_then(|end| text.get(..end)).unwrap_or(&text);
    let line_start = match error.line().checked_sub(2) {
        None => 0,
        Some(newlines) => memchr::memchr_iter(b'\n', bytes).nth(newlines).map_or(0, |at| at + 1),
    };
    // An error that comes from a conversion gets its place late: in an array, behind the comma that follows the element.
    // A bracket that does not fit is noticed before it is read, so that the comma before it counts.
    let at_bracket =
        message.starts_with("invalid type: map") || message.starts_with("invalid type: sequence");
    let late = error.is_data() && !at_bracket;
    let path = path_at(bytes, line_start + error.column(), late);
    let message = if message == "trailing characters" { "more elements than expected" } else { message };
    DecodeError::at(path, message)
}

/// The path to the value that ends, or is being read, at `offset`: `items[2].price`. If `late`, a comma there belongs to
/// the value before it.
fn path_at(bytes: &[u8], offset: usize, late: bool) -> String {
    enum Place<'a> {
        Item(usize),
        Key(&'a [u8]),
        Field(&'a [u8]),
    }
    let mut places: Vec<Place<'_>> = Vec::new();
    let mut tokens = Tokens::new(bytes).take_while(|token| token.start < offset).peekable();
    while let Some(token) = tokens.next() {
        match (token.first, places.last_mut()) {
            (b'[', _) => places.push(Place::Item(0)),
            (b'{', _) => places.push(Place::Key(b"")),
            (b']' | b'}', _) => drop(places.pop()),
            (b',', _) if late && tokens.peek().is_none() => {}
            (b',', Some(Place::Item(index))) => *index += 1,
            (b',', Some(place @ Place::Field(_))) => *place = Place::Key(b""),
            (b'"', Some(Place::Key(key))) => *key = token.text,
            (b':', Some(place)) => {
                if let Place::Key(key) = place {
                    *place = Place::Field(key);
                }
            }
            _ => {}
        }
    }
    let mut path = String::new();
    for place in &places {
        match place {
            Place::Item(index) => path.push_str(&format!("[{index}]")),
            Place::Key(_) => {}
            Place::Field(key) => {
                let key = serde_json::from_slice::<String>(key).unwrap_or_default();
                path.push_str(if path.is_empty() { "" } else { "." });
                path.push_str(&key);
            }
        }
    }
    path
}
