//! Every kind of type, and what it is on the wire and in TypeScript.
#![deny(warnings)]
#![allow(dead_code)]

use std::{collections::BTreeMap, marker::PhantomData};

use trunkline::{
    __private::{
        schemars::SchemaGenerator,
        serde::{self, Deserialize, Serialize},
        ts_rs::{self, TS},
    },
    Error, Fault, Value, Wire, data, json,
};

#[data]
struct Unit;

#[data]
struct Newtype(Option<u8>);

#[data]
struct Tuple(u8, Option<u8>);

#[data(rename_all = "camelCase")]
struct Optional {
    user_name: Option<String>,
    #[data(nullable)]
    nick_name: Option<String>,
    #[serde(default)]
    level: Option<u8>,
    #[serde(default = "five")]
    lives: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    team: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    score: Option<u8>,
}

fn five() -> Option<u8> {
    Some(5)
}

fn is_zero(score: &Option<u8>) -> bool {
    *score == Some(0)
}

#[data]
#[derive(Default)]
#[serde(default)]
struct Defaulted {
    a: Option<u8>,
    b: u8,
}

#[data(input)]
struct Input {
    #[serde(default)]
    limit: u32,
    cursor: Option<String>,
}

#[data]
#[serde(transparent)]
struct Transparent {
    inner: String,
    #[serde(skip)]
    marker: PhantomData<u8>,
}

#[data]
#[derive(Clone)]
#[serde(from = "String", into = "String")]
struct Converted {
    inner: Box<str>,
}

impl From<String> for Converted {
    fn from(text: String) -> Self {
        Self { inner: text.into() }
    }
}

impl From<Converted> for String {
    fn from(it: Converted) -> Self {
        it.inner.into()
    }
}

#[data]
#[serde(try_from = "String")]
struct Checked(String);

impl TryFrom<String> for Checked {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(text))
    }
}

#[data]
struct Generic<T: Ord, const N: usize>
where
    T: Clone,
{
    items: BTreeMap<String, T>,
    next: Option<Box<Self>>,
}

struct Foreign;

mod foreign {
    use super::{Foreign, serde::*};

    pub fn serialize<S: Serializer>(_: &Foreign, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("foreign")
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Foreign, D::Error> {
        String::deserialize(deserializer).map(|_| Foreign)
    }
}

#[data]
struct WithForeign {
    #[data(as = String)]
    #[serde(with = "foreign")]
    foreign: Foreign,
    #[serde(skip)]
    skipped: Option<std::time::Instant>,
    #[deprecated(note = "use `foreign`")]
    old: bool,
    #[ts(type = "Date")]
    when: Option<String>,
}

#[data]
#[serde(tag = "type", rename_all = "camelCase")]
enum Event {
    Closed,
    Typing { user: Option<String> },
    Said(Input),
}

#[data(error)]
#[derive(Debug, thiserror::Error)]
enum GameError {
    #[error("stale")]
    Stale,
    #[error("update to {user_name:?}")]
    NoSuchUser { user_name: Option<String> },
    #[error("full")]
    Full(u32),
    #[error(transparent)]
    #[other]
    Other(#[from] Error),
}

#[data(error)]
enum GenericError<T> {
    Taken(T),
}

#[data(error)]
enum OnlyOthers {
    #[other]
    Other(Error),
}

fn check<T: Serialize + for<'de> Deserialize<'de>>(value: &T, on_the_wire: Value) {
    let written = trunkline::json!(value);
    assert_eq!(written, on_the_wire);
    let read: T = T::deserialize(written).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(json!(read), on_the_wire);
}

fn typescript<T: TS>(expected: &str) {
    assert_eq!(T::decl(&ts_rs::Config::default()), expected);
}

fn travels<T: Wire>() {}

fn main() {
    travels::<(Unit, Newtype, Tuple, Optional)>();
    travels::<(Input, Transparent, Converted, Checked, Defaulted)>();
    travels::<(Generic<u8, 3>, WithForeign, Event)>();

    let none = Optional { user_name: None, nick_name: None, level: None, lives: None, team: None, score: None };
    check(&none, json!({ "nickName": null, "lives": null, "score": null }));
    check(&Defaulted { a: None, b: 1 }, json!({ "a": null, "b": 1 }));
    check(&Transparent { inner: "x".to_owned(), marker: PhantomData }, json!("x"));
    check(&Generic::<u8, 3> { items: BTreeMap::new(), next: None }, json!({ "items": {} }));
    check(&Event::Typing { user: None }, json!({ "type": "typing" }));
    check(&GameError::Stale, json!({ "code": "STALE" }));
    check(&GameError::NoSuchUser { user_name: None }, json!({ "code": "NO_SUCH_USER", "data": {} }));
    check(&GameError::Full(5), json!({ "code": "FULL", "data": 5 }));
    check(&GenericError::Taken(5), json!({ "code": "TAKEN", "data": 5 }));

    assert!(matches!(GameError::Stale.into_app(), Ok(GameError::Stale)));
    assert_eq!(GameError::from(Error::invalid("x")).into_app().unwrap_err(), Error::invalid("x"));
    assert_eq!(OnlyOthers::from(Error::internal()).into_app().err(), Some(Error::internal()));

    typescript::<Optional>(
        "type Optional = { userName?: string, nickName: string | null, level?: number, lives: number | null, \
         team?: string, score?: number | null, };",
    );
    typescript::<Defaulted>("type Defaulted = { a: number | null, b: number, };");
    typescript::<Input>("type Input = { limit?: number, cursor?: string, };");
    typescript::<Transparent>("type Transparent = string;");
    typescript::<Converted>("type Converted = string;");
    typescript::<Checked>("type Checked = string;");
    typescript::<Generic<u8, 3>>("type Generic<T> = { items: { [key in string]: T }, next?: Generic<T>, };");
    typescript::<WithForeign>(
        "type WithForeign = { foreign: string, \n/**\n * @deprecated use `foreign`\n */\nold: boolean, when?: Date, };",
    );
    typescript::<Event>(
        "type Event = { \"type\": \"closed\" } | { \"type\": \"typing\", user?: string, } | { \"type\": \"said\" } & Input;",
    );
    typescript::<GameError>(
        "type GameError = { \"code\": \"STALE\" } | { \"code\": \"NO_SUCH_USER\", \"data\": { userName?: string, } } | \
         { \"code\": \"FULL\", \"data\": number };",
    );

    let mut schemas = SchemaGenerator::default();
    schemas.subschema_for::<Generic<u8, 3>>();
    schemas.subschema_for::<Generic<String, 4>>();
    let names: Vec<String> = schemas.take_definitions(true).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Generic_string_4", "Generic_uint8_3"]);
}
