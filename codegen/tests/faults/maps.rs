//! Keys of maps, which are text on the wire whatever they are in Rust.

use std::collections::{BTreeMap, HashMap};

use super::*;

case! { keys,
    #[data]
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    pub struct Id(I64);

    #[data]
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    pub enum Kind { Small, Big }

    #[data]
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    pub struct Wrapped(Box<Kind>);

    #[data]
    pub struct Table<K: Ord, V> { rows: BTreeMap<K, V> }

    #[data]
    pub struct Tables<K: Ord> { all: Vec<Table<K, u8>> }

    #[data]
    pub struct Maps {
        numbers: BTreeMap<u64, u8>,
        big: BTreeMap<I64, u8>,
        ids: BTreeMap<Id, u8>,
        flags: BTreeMap<bool, u8>,
        kinds: BTreeMap<Kind, u8>,
        boxed: BTreeMap<Box<Kind>, u8>,
        wrapped: BTreeMap<Wrapped, u8>,
        letters: BTreeMap<char, u8>,
        table: Table<Kind, u8>,
        tables: Tables<String>,
    }

    #[service]
    pub trait Keys {
        async fn maps(&self) -> Maps;
        async fn both(&self, by_id: HashMap<I64, Kind>) -> BTreeMap<bool, Kind>;
    }
}

#[test]
fn keys_are_written_so_that_typescript_takes_them() {
    type It = keys::KeysClient;
    has::<It>("numbers: Record<number, number>;");
    has::<It>("big: Record<`${bigint}`, number>;");
    has::<It>("ids: Record<`${Id}`, number>;");
    has::<It>("flags: Partial<Record<`${boolean}`, number>>;");
    has::<It>("kinds: Partial<Record<Kind, number>>;");
    has::<It>("boxed: Partial<Record<Kind, number>>;");
    has::<It>("wrapped: Partial<Record<Wrapped, number>>;");
    has::<It>("letters: Record<string, number>;");
    has::<It>("export type Table<K extends string | number, V> = {");
    has::<It>("rows: Partial<Record<K, V>>;");
    has::<It>("export type Tables<K extends string | number> = {");
    has::<It>("byId: Record<`${bigint}`, Kind>,");
    has::<It>("): Call<Partial<Record<`${boolean}`, Kind>>>;");
    // Keys stay text, so that nothing is to be read from it.
    has::<It>("maps: { p: [] },");
}

case! { no_key,
    #[data]
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    pub struct Point { x: u8 }

    #[data]
    pub struct Board { cells: BTreeMap<Point, u8> }

    #[service]
    pub trait Game { async fn board(&self) -> Board; }
}

case! { no_key_of_a_generic,
    #[data]
    pub struct Table<K: Ord> { rows: BTreeMap<K, u8> }

    #[service]
    pub trait Game { async fn board(&self) -> Table<I64>; }
}

#[test]
fn what_cannot_be_a_key_is_refused() {
    refused::<no_key::GameClient>(
        "`here::Board` cannot be declared in TypeScript: `Point` is the key of a map, and keys are text on the wire; take a \
         string, a number or an enum without data for a key, or make the map a list of pairs",
    );
    refused::<no_key_of_a_generic::GameClient>(
        "`Game::board` cannot be declared in TypeScript: `bigint` is the key of a map, and keys are text on the wire; take \
         a string, a number or an enum without data for a key, or make the map a list of pairs",
    );
}

case! { recursive,
    #[data]
    #[serde(untagged)]
    pub enum Tree { Leaf(u8), Node(BTreeMap<String, Tree>) }

    #[data]
    pub struct Folder { folders: BTreeMap<String, Folder> }

    #[service]
    pub trait Trees {
        async fn tree(&self) -> Tree;
        async fn folder(&self) -> Folder;
    }
}

#[test]
fn a_map_may_hold_the_type_that_it_is_part_of() {
    has::<recursive::TreesClient>("export type Tree = number | { [key in string]: Tree };");
    has::<recursive::TreesClient>("folders: { [key in string]: Folder };");
}

case! { circular,
    #[data]
    pub struct Page<T> { items: Vec<T> }

    #[data]
    #[serde(tag = "type")]
    pub enum Event { More(Page<Event>), End }

    #[service]
    pub trait Events { async fn next(&self) -> Event; }
}

#[test]
fn a_type_that_typescript_cannot_define_by_itself_is_refused() {
    refused::<circular::EventsClient>(
        "`here::Event` cannot be declared in TypeScript: TypeScript cannot define it by itself; put the inner value into a \
         field or a list",
    );
}
