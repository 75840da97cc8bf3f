//! Which types may travel ([`Wire`]), what a method may return ([`Reply`]), and the types whose form on the wire depends
//! on the codec: bytes and whole 64-bit integers.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    hash::{BuildHasher, Hash},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::{Deref, DerefMut},
    sync::Arc,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::DeserializeOwned};

use crate::{
    codec::{self, Form},
    error::{Error, Fault},
};

/// The bounds that the feature `schema` adds to every type that travels.
#[cfg(feature = "schema")]
#[doc(hidden)]
pub trait Described: ts_rs::TS + schemars::JsonSchema {}
#[cfg(feature = "schema")]
#[diagnostic::do_not_recommend]
impl<T: ts_rs::TS + schemars::JsonSchema + ?Sized> Described for T {}

/// The bounds that the feature `schema` adds to every type that travels.
#[cfg(not(feature = "schema"))]
#[doc(hidden)]
pub trait Described {}
#[cfg(not(feature = "schema"))]
impl<T: ?Sized> Described for T {}

/// A type that may travel as a parameter, as a result, or inside one.
///
/// Do not implement it by hand: `#[trunkline::data]` on your type does, together with everything that it needs. A type of
/// another crate travels as a field of yours that says what it is on the wire:
///
/// ```ignore
/// #[data]
/// pub struct Wait(#[data(as = f64)] #[serde(with = "seconds")] pub std::time::Duration);   // a module `seconds` of yours
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel",
    label = "this type cannot be sent",
    note = "put `#[trunkline::data]` on `{Self}` if it is yours",
    note = "if it is another crate's, make it a field of a type of yours, with `#[data(as = String)]`, which says what it is on the \
            wire, and `#[serde(with = \"…\")]` where its own serde traits write something else or are missing",
    note = "put `#[extract]` before an argument that the server finds in the head of the call, by `trunkline::FromCall`"
)]
pub trait Wire: Serialize + DeserializeOwned + Described + Send + 'static {}

/// What a method may return: a value that can travel, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "a method cannot return `{Self}`",
    label = "this type cannot be sent back",
    note = "return a type that has `#[trunkline::data]`, or a `Result` of one whose error is `trunkline::Error` or has `#[trunkline::data(error)]`"
)]
pub trait Reply: Sized {
    /// What a successful call gives.
    type Ok: Wire;
    /// What it may fail with.
    type Fault: Fault;

    /// The reply as a result.
    fn into_result(self) -> Result<Self::Ok, Self::Fault>;
}

impl<T: Wire> Reply for T {
    type Ok = T;
    type Fault = Error;

    fn into_result(self) -> Result<T, Error> {
        Ok(self)
    }
}

impl<T: Wire, E: Fault> Reply for Result<T, E> {
    type Ok = T;
    type Fault = E;

    fn into_result(self) -> Self {
        self
    }
}

macro_rules! wire {
    ($($ty:ty),* $(,)?) => { $(impl Wire for $ty {})* };
}

wire!(
    bool,
    char,
    f32,
    f64,
    i8,
    i16,
    i32,
    i64,
    isize,
    u8,
    u16,
    u32,
    u64,
    usize,
    String,
    (),
    serde_json::Value,
    Bytes,
    I64,
    U64,
    IpAddr,
    Ipv4Addr,
    Ipv6Addr
);
#[cfg(feature = "chrono")]
wire!(chrono::DateTime<chrono::Utc>, chrono::NaiveDate, chrono::NaiveDateTime, chrono::NaiveTime);
#[cfg(feature = "uuid")]
wire!(uuid::Uuid);

impl<T: Wire> Wire for Option<T> {}
impl<T: Wire> Wire for Vec<T> {}
/// As many as serde, ts-rs and schemars know: up to 32.
impl<T: Wire, const N: usize> Wire for [T; N] where Self: Described + Serialize + DeserializeOwned {}
impl<T: Wire> Wire for Box<T> {}
impl<T: Wire + Ord> Wire for BTreeSet<T> {}
impl<T: Wire + Eq + Hash, S: BuildHasher + Default + Send + 'static> Wire for HashSet<T, S> where
    Self: Described
{
}
impl<K: Wire + Ord, V: Wire> Wire for BTreeMap<K, V> {}
impl<K: Wire + Eq + Hash, V: Wire, S: BuildHasher + Default + Send + 'static> Wire for HashMap<K, V, S> where
    Self: Described
{
}
impl Wire for Cow<'static, str> {}

macro_rules! wire_tuples {
    ($(($($name:ident)+))*) => { $(impl<$($name: Wire),+> Wire for ($($name,)+) {})* };
}
wire_tuples!((A)(A B)(A B C)(A B C D)(A B C D E)(A B C D E F)(A B C D E F G)(A B C D E F G H));

/// Bytes: `Uint8Array` in TypeScript, MessagePack's `bin` or base64 in JSON (RFC 4648, section 4).
///
/// A `Vec<u8>` travels too, but as an array of numbers, at a multiple of the size.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes(pub bytes::Bytes);

impl<T: Into<bytes::Bytes>> From<T> for Bytes {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match codec::current() {
            Form::MessagePack => serializer.serialize_bytes(&self.0),
            Form::Json | Form::Transcoded => {
                serializer.collect_str(&base64::display::Base64Display::new(&self.0, &BASE64_STANDARD))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match codec::current() {
            Form::MessagePack => deserializer.deserialize_byte_buf(BytesVisitor),
            Form::Json | Form::Transcoded => deserializer.deserialize_str(BytesVisitor),
        }
    }
}

struct BytesVisitor;

impl de::Visitor<'_> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes, or base64 in JSON")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
        let base64 = match codec::current() {
            Form::Json => Some(text),
            Form::MessagePack => None,
            Form::Transcoded => codec::transcoded_bytes(text),
        };
        let base64 = base64.ok_or_else(|| E::invalid_type(de::Unexpected::Str(text), &self))?;
        BASE64_STANDARD
            .decode(base64)
            .map(Bytes::from)
            .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(bytes::Bytes::copy_from_slice(bytes)))
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(bytes.into())
    }
}

macro_rules! big_integer {
    ($name:ident, $int:ty, $kind:literal) => {
        #[doc = concat!("A whole `", stringify!($int), "`: `bigint` in TypeScript, a decimal string on the wire.")]
        ///
        #[doc = concat!("A plain `", stringify!($int), "` is a `number` there and refused beyond ±(2^53 − 1).")]
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $int);

        impl From<$int> for $name {
            fn from(value: $int) -> Self {
                Self(value)
            }
        }

        impl Deref for $name {
            type Target = $int;

            fn deref(&self) -> &$int {
                &self.0
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut $int {
                &mut self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($kind)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        let value = if text.starts_with('+') { None } else { text.parse().ok() };
                        value.map($name).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
                    }
                }
                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

big_integer!(I64, i64, "a string with a signed 64-bit integer in decimal");
big_integer!(U64, u64, "a string with an unsigned 64-bit integer in decimal");

#[cfg(feature = "schema")]
mod schemas {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use super::{Bytes, I64, U64};
    use crate::error::{AnyError, Never};

    macro_rules! described {
        ($($ty:ident => $typescript:literal, $schema:tt;)*) => { $(
            impl ts_rs::TS for $ty {
                type WithoutGenerics = Self;
                type OptionInnerType = Self;

                fn name(_: &ts_rs::Config) -> String {
                    $typescript.to_owned()
                }

                fn inline(_: &ts_rs::Config) -> String {
                    $typescript.to_owned()
                }
            }

            impl JsonSchema for $ty {
                fn schema_name() -> std::borrow::Cow<'static, str> {
                    stringify!($ty).into()
                }

                fn inline_schema() -> bool {
                    true
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!($schema)
                }
            }
        )* };
    }

    described! {
        Bytes => "Uint8Array", { "type": "string", "contentEncoding": "base64" };
        I64 => "bigint", { "type": "string", "pattern": "^-?[0-9]+$" };
        U64 => "bigint", { "type": "string", "pattern": "^[0-9]+$" };
        Never => "never", { "not": {} };
        AnyError => "{ code: string, data?: unknown }", {
            "type": "object",
            "properties": { "code": { "type": "string" }, "data": true },
            "required": ["code"],
        };
    }
}

/// A shared value travels as the value itself.
impl<T: Wire + Sync> Wire for Arc<T> where Self: Described + DeserializeOwned + Serialize {}
