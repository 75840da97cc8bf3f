//! The parameters of a call: an array by position or a map by name, read one by one by generated code.
//!
//! Each parameter is decoded by itself, so that a type is compiled once per codec and not once per method.

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{self, Codec, JsonReader, MsgpackReader},
    error::{DecodeError, EncodeError, Error, shown},
    payload::{self, Payload},
    schema::ParamSchema,
};

/// Reads the parameters of one call in the order of its method.
#[derive(Debug)]
pub struct Params<'a> {
    payload: &'a Payload,
    schema: &'static [ParamSchema],
    /// How many were asked for.
    asked: usize,
    source: Source<'a>,
}

#[derive(Debug)]
enum Source<'a> {
    /// By position in JSON; `more` is false behind the closing bracket.
    Json { reader: JsonReader<'a>, more: bool },
    /// By position in MessagePack, and how many are left.
    Msgpack { reader: MsgpackReader<'a>, left: u32 },
    /// By name: the bytes of each parameter, by its place in the schema.
    Named(Vec<Option<&'a [u8]>>),
}

impl<'a> Params<'a> {
    /// Begins to read `payload` as the parameters named in `schema`; an empty payload has none.
    ///
    /// # Errors
    ///
    /// [`crate::Code::InvalidArgument`] if it is neither an array nor a map, or names a parameter that does not exist.
    pub fn new(payload: &'a Payload, schema: &'static [ParamSchema]) -> Result<Self, Error> {
        let source = match payload.codec() {
            Codec::Json => Source::json(payload, schema),
            Codec::MessagePack => Source::msgpack(payload, schema),
        };
        Ok(Self { payload, schema, asked: 0, source: source.map_err(invalid)? })
    }

    /// The next parameter.
    ///
    /// # Errors
    ///
    /// [`crate::Code::InvalidArgument`], with the path, if it is missing or does not fit. A missing one is taken as null, so
    /// an `Option` may be left out.
    #[expect(clippy::should_implement_trait, reason = "each parameter has a type of its own")]
    pub fn next<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        match self.take()? {
            Some(value) => Ok(value),
            None => self.missing(),
        }
    }

    /// The next parameter, or what `default` gives if it is missing: left out, or null where the type has no null, which
    /// is how a caller by position leaves out one that others follow.
    ///
    /// # Errors
    ///
    /// As [`Self::next`].
    pub fn next_or<T: DeserializeOwned>(&mut self, default: impl FnOnce() -> T) -> Result<T, Error> {
        if self.is_null() {
            self.take::<()>()?;
            return Ok(null().unwrap_or_else(|_| default()));
        }
        Ok(self.take()?.unwrap_or_else(default))
    }

    /// The next parameter, which is a stream: its place among those that the caller sends along.
    ///
    /// # Errors
    ///
    /// [`crate::Code::InvalidArgument`] if it is missing, or no stream.
    pub fn next_stream(&mut self) -> Result<usize, Error> {
        let bytes = self.skip()?;
        let index = match self.payload.codec() {
            Codec::Json => json_stream(bytes),
            Codec::MessagePack => msgpack_stream(bytes),
        };
        let name = || self.name(self.asked - 1);
        index.ok_or_else(|| Error::invalid(format!("parameter `{}` is a stream", name())))
    }

    /// The bytes of the next parameter, whatever it is; none if it was left out.
    fn skip(&mut self) -> Result<&'a [u8], Error> {
        let index = self.asked;
        self.asked += 1;
        let bytes = match &mut self.source {
            Source::Json { more: false, .. } | Source::Msgpack { left: 0, .. } => return Ok(&[]),
            Source::Json { reader, .. } => reader.skip(),
            Source::Msgpack { reader, .. } => reader.skip(),
            Source::Named(values) => return Ok(values.get(index).copied().flatten().unwrap_or_default()),
        };
        match bytes {
            Ok(bytes) => self.step().map(|()| bytes),
            Err(error) => Err(self.misfit(error)),
        }
    }

    /// Succeeds if no parameter is left.
    ///
    /// # Errors
    ///
    /// [`crate::Code::InvalidArgument`], naming what the method takes.
    pub fn end(self) -> Result<(), Error> {
        // What is there but no value at all is not one too many.
        match self.source {
            Source::Json { more: false, mut reader } => return reader.end().map_err(invalid),
            Source::Json { mut reader, .. } => drop(reader.skip().map_err(invalid)?),
            Source::Msgpack { left: 0, reader } => return reader.end().map_err(invalid),
            Source::Msgpack { mut reader, .. } => drop(reader.skip().map_err(invalid)?),
            Source::Named(_) => return Ok(()),
        }
        let names: Vec<&str> = self.schema.iter().map(|param| param.name).collect();
        Err(Error::invalid(format!("too many parameters: the method takes ({})", names.join(", "))))
    }

    fn is_null(&mut self) -> bool {
        match &mut self.source {
            Source::Json { reader, more } => *more && reader.peek() == Some(b'n'),
            Source::Msgpack { reader, left } => *left > 0 && reader.rest().first() == Some(&0xc0),
            Source::Named(values) => match values.get(self.asked).copied().flatten() {
                Some(value) => value == b"null" || value == [0xc0],
                None => false,
            },
        }
    }

    /// The next parameter if it was not left out.
    fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Error> {
        let index = self.asked;
        self.asked += 1;
        let value = match &mut self.source {
            Source::Json { more: false, .. } | Source::Msgpack { left: 0, .. } => return Ok(None),
            Source::Json { reader, .. } => reader.value(),
            Source::Msgpack { reader, .. } => reader.value(),
            Source::Named(values) => match values.get(index) {
                Some(Some(bytes)) => codec::decode(self.payload.codec(), bytes, self.payload.depth()),
                _ => return Ok(None),
            },
        };
        match value {
            Ok(value) => self.step().map(|()| Some(value)),
            Err(error) => Err(self.misfit(error)),
        }
    }

    /// Goes on to the next parameter of a list.
    fn step(&mut self) -> Result<(), Error> {
        match &mut self.source {
            Source::Json { reader, more } => {
                *more = reader.take(b',');
                if !*more && !reader.take(b']') {
                    return Err(self.misfit(DecodeError::new("the list of parameters is cut off")));
                }
            }
            Source::Msgpack { left, .. } => *left -= 1,
            Source::Named(_) => {}
        }
        Ok(())
    }

    /// The parameter that was asked for last is not what the method takes.
    #[cold]
    fn misfit(&self, error: DecodeError) -> Error {
        invalid(error.under(self.name(self.asked - 1)))
    }

    #[cold]
    fn missing<T: DeserializeOwned>(&self) -> Result<T, Error> {
        null().map_err(|_| self.absent())
    }

    fn absent(&self) -> Error {
        Error::invalid(format!("missing parameter `{}`", self.name(self.asked - 1)))
    }

    fn name(&self, index: usize) -> &'static str {
        self.schema.get(index).map_or("params", |param| param.name)
    }
}

impl<'a> Source<'a> {
    fn json(payload: &'a Payload, schema: &[ParamSchema]) -> Result<Self, DecodeError> {
        let mut reader = JsonReader::new(payload.bytes(), payload.depth())?;
        match reader.peek() {
            None => Ok(Self::Json { reader, more: false }),
            Some(b'n') => {
                reader.value::<()>()?;
                Ok(Self::Json { reader, more: false })
            }
            Some(b'[') => {
                reader.take(b'[');
                let more = !reader.take(b']');
                Ok(Self::Json { reader, more })
            }
            Some(b'{') => {
                let mut named = Named::new(schema);
                reader.take(b'{');
                let mut more = reader.peek() != Some(b'}');
                while more {
                    let name = reader.str().ok_or_else(no_name)?;
                    if !reader.take(b':') {
                        return Err(DecodeError::new(format!(
                            "parameter `{}` has no value",
                            shown(&name, 64)
                        )));
                    }
                    named.insert(&name, reader.skip()?)?;
                    more = reader.take(b',');
                }
                if !reader.take(b'}') {
                    return Err(DecodeError::new("the map of parameters is cut off"));
                }
                reader.end()?;
                Ok(Self::Named(named.values))
            }
            Some(_) => Err(not_params()),
        }
    }

    fn msgpack(payload: &'a Payload, schema: &[ParamSchema]) -> Result<Self, DecodeError> {
        // The array or map around the parameters is one level of its own.
        let mut reader = MsgpackReader::new(payload.bytes(), payload.depth().saturating_sub(1));
        if payload.bytes().is_empty() {
            return Ok(Self::Msgpack { reader, left: 0 });
        }
        if payload.bytes() == [0xc0] {
            reader.skip()?;
            return Ok(Self::Msgpack { reader, left: 0 });
        }
        if let Some(left) = reader.array() {
            return Ok(Self::Msgpack { reader, left });
        }
        let mut named = Named::new(schema);
        for _ in 0..reader.map().ok_or_else(not_params)? {
            let name = reader.str().ok_or_else(no_name)?;
            named.insert(name, reader.skip()?)?;
        }
        reader.end()?;
        Ok(Self::Named(named.values))
    }
}

/// Collects parameters given by name.
struct Named<'a, 's> {
    schema: &'s [ParamSchema],
    values: Vec<Option<&'a [u8]>>,
}

impl<'a, 's> Named<'a, 's> {
    fn new(schema: &'s [ParamSchema]) -> Self {
        Self { schema, values: vec![None; schema.len()] }
    }

    fn insert(&mut self, name: &str, value: &'a [u8]) -> Result<(), DecodeError> {
        let index = self.schema.iter().position(|param| param.name == name);
        let Some(slot) = index.and_then(|index| self.values.get_mut(index)) else {
            let names: Vec<&str> = self.schema.iter().map(|param| param.name).collect();
            let message =
                format!("unknown parameter `{}`: the method takes ({})", shown(name, 64), names.join(", "));
            return Err(DecodeError::new(message));
        };
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(DecodeError::new(format!("parameter `{name}` is given twice"))),
        }
    }
}

/// The index in `{"$stream": 0}`.
fn json_stream(bytes: &[u8]) -> Option<usize> {
    let mut reader = JsonReader::unchecked(bytes);
    let begins = reader.take(b'{') && reader.str()? == "$stream" && reader.take(b':');
    let index = begins.then(|| reader.integer()).flatten()?;
    (reader.take(b'}') && reader.end().is_ok()).then(|| usize::try_from(index).ok()).flatten()
}

/// The index in an extension of type 2.
fn msgpack_stream(mut bytes: &[u8]) -> Option<usize> {
    let meta = rmp::decode::read_ext_meta(&mut bytes).ok().filter(|meta| meta.typeid == STREAM)?;
    let mut reader = MsgpackReader::new(bytes, 1);
    let index = if bytes.len() == meta.size as usize { reader.integer()? } else { return None };
    reader.end().ok()?;
    usize::try_from(index).ok()
}

/// The type of MessagePack's extension for streams.
const STREAM: i8 = 2;

/// What null means for a type, if anything; the same in every codec.
fn null<T: DeserializeOwned>() -> Result<T, DecodeError> {
    codec::decode(Codec::Json, b"null", 1)
}

fn no_name() -> DecodeError {
    DecodeError::new("the name of a parameter is missing")
}

fn not_params() -> DecodeError {
    DecodeError::new("parameters are an array or a map")
}

#[expect(clippy::needless_pass_by_value, reason = "reads well in map_err")]
fn invalid(error: DecodeError) -> Error {
    Error::invalid(error.to_string())
}

/// Writes the parameters of one call by position.
#[derive(Debug)]
pub struct ParamsWriter {
    codec: Codec,
    buffer: Vec<u8>,
    failure: Option<EncodeError>,
}

impl ParamsWriter {
    /// Begins a list of `len` parameters.
    pub fn new(codec: Codec, len: u32) -> Self {
        let mut buffer = payload::buffer();
        match codec {
            Codec::Json => buffer.push(b'['),
            Codec::MessagePack => {
                // Writing to a `Vec` cannot fail.
                let _ = rmp::encode::write_array_len(&mut buffer, len);
            }
        }
        Self { codec, buffer, failure: None }
    }

    /// Adds the next parameter; a failure is kept for [`Self::finish`].
    pub fn push<T: Serialize + ?Sized>(&mut self, value: &T) {
        if self.codec == Codec::Json && self.buffer.len() > payload::HEADROOM + 1 {
            self.buffer.push(b',');
        }
        if let Err(error) = codec::encode(self.codec, value, &mut self.buffer) {
            self.failure.get_or_insert(error);
        }
    }

    /// Adds the next parameter, which is a stream: the one at this place among those that are sent along.
    pub fn push_stream(&mut self, index: usize) {
        match self.codec {
            Codec::Json => self.push(&serde_json::json!({ "$stream": index })),
            Codec::MessagePack => {
                let mut data = Vec::new();
                // Writing to a `Vec` cannot fail.
                let _ = rmp::encode::write_uint(&mut data, index as u64);
                let _ = rmp::encode::write_ext_meta(&mut self.buffer, data.len() as u32, STREAM);
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    /// How the parameters are encoded.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The finished list.
    ///
    /// # Errors
    ///
    /// If a parameter had no form in the codec.
    pub fn finish(mut self) -> Result<Payload, EncodeError> {
        if self.codec == Codec::Json {
            self.buffer.push(b']');
        }
        match self.failure {
            None => Ok(Payload::encoded(self.codec, self.buffer)),
            Some(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
