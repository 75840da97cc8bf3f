//! What needs to be put right, so that a compiler of TypeScript sees that it is.

#![allow(dead_code, missing_docs, missing_debug_implementations, unnameable_types, unreachable_pub)]
#![allow(clippy::large_enum_variant, clippy::use_self)]

use std::collections::BTreeMap;

use trunkline::{Bytes, I64, U64, data, service};

/// A key that is a `bigint` elsewhere.
#[data]
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(I64);

#[data]
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub enum Size {
    Small,
    Large,
}

#[data]
pub struct Keys {
    numbers: BTreeMap<u64, u8>,
    big: BTreeMap<I64, u8>,
    ids: BTreeMap<Id, Id>,
    flags: BTreeMap<bool, u8>,
    boxed: BTreeMap<Box<Size>, u8>,
    tables: Tables<Size>,
}

#[data]
pub struct Table<K: Ord, V = String> {
    rows: BTreeMap<K, V>,
}

#[data]
pub struct Tables<K: Ord> {
    all: Vec<Table<K, Bytes>>,
    none: Option<Table<String>>,
}

#[data]
#[serde(untagged)]
pub enum Tree {
    Leaf(u8),
    Node(BTreeMap<String, Tree>),
}

#[data]
pub struct Folder {
    name: String,
    parent: Option<Box<Folder>>,
    #[serde(flatten)]
    sizes: BTreeMap<String, u8>,
}

#[data]
pub enum Shape {
    Point,
    Circle { r: u8 },
}

#[data]
pub struct Placed {
    x: u8,
    #[serde(flatten)]
    shape: Shape,
}

/// Text on the wire only where it says so.
#[data]
#[serde(untagged)]
pub enum Amount {
    Whole(U64),
    Part(f64),
    Named { amount: I64, unit: String },
}

#[data]
#[serde(tag = "is")]
pub enum Deep {
    Data {
        data: Bytes,
        #[serde(flatten)]
        more: More,
    },
    More(More),
    Choice {
        #[serde(rename = "the choice")]
        choice: Choice<U64>,
    },
    Nothing,
}

#[data]
pub struct More {
    pairs: Vec<(String, Option<I64>)>,
    deeper: Option<Box<Deep>>,
    #[serde(rename = "__proto__")]
    proto: Option<U64>,
}

#[data]
pub enum Choice<T> {
    Neither,
    One(T),
    Both { one: T, other: Option<T> },
}

#[data]
pub struct Empty {}

#[data]
pub struct Unit;

/// Types that need a second look.
#[service]
pub trait Odd {
    async fn keys(&self, keys: Keys) -> Keys;
    async fn tree(&self, tree: Tree) -> BTreeMap<bool, Tree>;
    async fn folder(&self, folder: Folder) -> Folder;
    async fn placed(&self, r#for: Vec<Placed>, options: Option<u8>) -> (Placed, Empty, Unit, ());
    async fn amount(&self, amount: Amount) -> Amount;
    async fn deep(&self) -> Result<Deep, OddError>;
    async fn fails(&self) -> Result<Option<()>, Never>;
}

#[data(error)]
#[derive(Debug)]
pub enum OddError {
    TooMuch {
        limit: U64,
    },
    #[other]
    Other(trunkline::Error),
}

/// An error of which callers see none.
#[data(error)]
#[derive(Debug)]
pub enum Never {
    #[other]
    Other(trunkline::Error),
}
