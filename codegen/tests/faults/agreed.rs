//! Attributes that serde, ts-rs and schemars read alike: nothing is refused, and the types are those on the wire.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use trunkline::{U64, Value};

use super::*;

/// The declaration of `name` in the file, on one line.
#[track_caller]
fn declares<C: Service>(name: &str, expected: &str) {
    let file = generated::<C>().unwrap_or_else(|error| panic!("{error}"));
    let (_, rest) = file.split_once(&format!("export type {name}")).unwrap_or_default();
    let (body, _) = rest.split_once(";\n\n").unwrap_or_default();
    let line = body.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(line, expected, "{file}");
}

/// A type in all places where one can be, and its declaration.
macro_rules! row {
    ($name:ident, $ty:ty, $declared:ident $expected:literal, $($item:item)*) => {
        case! { $name,
            $($item)*

            #[service]
            pub trait Row {
                async fn both(&self, value: $ty) -> $ty;
                async fn inside(&self, value: Vec<$ty>) -> HashMap<String, $ty>;
            }

            #[test]
            fn agrees() {
                declares::<RowClient>(stringify!($declared), $expected);
            }
        }
    };
}

row! { alias, E, E "= { a: number; c?: number; }",
    #[data] pub struct E { #[serde(alias = "b")] a: u8, #[serde(alias = "d")] c: Option<u8> }
}

row! { container_default, E, E "= { a: number; b: string | null; c: number[]; }",
    #[data] #[serde(default)] #[derive(Default)] pub struct E { a: u8, b: Option<String>, c: Vec<u8> }
}

row! { container_default_input, E, E "= { a?: number; b: string | null; c?: number[]; }",
    #[data(input)] #[serde(default)] #[derive(Default)] pub struct E { a: u8, b: Option<String>, c: Vec<u8> }
}

row! { deny, E, E "= { a: number; b?: string; }",
    #[data] #[serde(deny_unknown_fields)] pub struct E { a: u8, b: Option<String> }
}

row! { deny_enum, E, E "= { t: \"A\"; a: number; b?: string } | { t: \"B\" } | { t: \"C\" } & In",
    #[data] #[serde(deny_unknown_fields, tag = "t")] pub enum E { A { a: u8, b: Option<String> }, B, C(In) }
    #[data] pub struct In { z: u8 }
}

row! { skip_variant, E, E "= \"A\" | { C: { y: number } }",
    #[data] pub enum E { A, #[serde(skip)] B(u8), C { #[serde(skip)] x: u8, y: u8 } }
}

row! { skip_tuple, E, E "= [number, string]",
    #[data] pub struct E(u8, #[serde(skip)] u8, String);
}

row! { sets, E, E "= { a: string[]; c: number[]; d?: ((number | null)[] | null)[]; f: number | null; }",
    #[data] pub struct E { a: HashSet<String>, c: BTreeSet<u8>, d: Option<Vec<Option<Vec<Option<u8>>>>>, f: Box<Option<u8>> }
}

row! { flat_value, E, E "= { a: number } & Record<string, number | string | boolean | JsonValue[] | Record<string, JsonValue> | null>",
    #[data] pub struct E { a: u8, #[serde(flatten)] rest: HashMap<String, Value> }
}

row! { flat_map, E, E "= { name: string; note?: Note } & Record<string, number | string | Note | undefined>",
    #[data] pub struct E { name: String, note: Option<Note>, #[serde(flatten)] rest: HashMap<String, u8> }
    #[data] pub struct Note { text: String }
}

row! { flat_map_of_a_recursive_type, E, E "= { child?: E } & { [key in string]: number | E | undefined }",
    #[data] pub struct E { child: Option<Box<E>>, #[serde(flatten)] rest: HashMap<String, u8> }
}

row! { flat_map_beside_a_variant, E, E "= ({ k: \"X\" } | { k: \"Y\"; y: I }) & Record<string, boolean | \"X\" | \"Y\" | I>",
    #[data] pub struct E { #[serde(flatten)] one: En, #[serde(flatten)] rest: HashMap<String, bool> }
    #[data] #[serde(tag = "k")] pub enum En { X, Y { y: I } }
    #[data] pub struct I(I64);
}

row! { flat_only_map, E, E "= Record<string, number>",
    #[data] pub struct E { #[serde(flatten)] rest: BTreeMap<String, u8> }
}

row! { flat_generic, E<In>, E "<T> = { a: number } & T",
    #[data] pub struct E<T> { a: u8, #[serde(flatten)] rest: T }
    #[data] pub struct In { z: u8, w: Option<u8> }
}

row! { flat_two, E, E "= { a: number; z: number; w?: number } & ({ k: \"X\" } | { k: \"Y\"; y: number })",
    #[data] pub struct E { a: u8, #[serde(flatten)] one: In, #[serde(flatten)] two: En }
    #[data] pub struct In { z: u8, w: Option<u8> }
    #[data] #[serde(tag="k")] pub enum En { X, Y { y: u8 } }
}

row! { nested_tags, E, E "= { outer: \"A\" } & In | { outer: \"B\" } & In",
    #[data] #[serde(tag="outer")] pub enum E { A(In), B(In) }
    #[data] #[serde(tag="inner")] pub enum In { X { x: u8 }, Y }
}

row! { untagged_nest, E, E "= In | { b: number } | [number, number] | number | null",
    #[data] #[serde(untagged)] pub enum E { A(In), B { b: u8 }, C(u8, u8), D(Option<u8>) }
    #[data] #[serde(untagged)] pub enum In { X { x: u8 }, Y(bool) }
}

row! { ext_unit, E, E "= { A: U } | { B: null } | { C: Em } | { D: Record<symbol, never> } | { F: N }",
    #[data] pub enum E { A(U), B(()), C(Em), D {}, F(N) }
    #[data] pub struct U;
    #[data] pub struct Em {}
    #[data] pub struct N(Option<u8>);
}

row! { rename_both, E, E "= { firstOne: { someField: number } } | { zwei: number } | { third: { A_B: number } }",
    #[data(rename_all = "camelCase", rename_all_fields = "camelCase")] pub enum E { FirstOne { some_field: u8 }, #[serde(rename = "zwei")] SecondOne(u8), #[serde(rename_all = "SCREAMING_SNAKE_CASE")] Third { a_b: u8 } }
}

row! { adj_named, E, E "= | { t: \"first-one\"; c: { some_field?: number } } | { t: \"two\"; c: [number, number | null] } | { t: \"three\"; c: number | null } | { t: \"four\" }",
    #[data] #[serde(tag="t", content="c", rename_all="kebab-case")] pub enum E { FirstOne { some_field: Option<u8> }, Two(u8, Option<u8>), Three(Option<u8>), Four }
}

row! { maps, BTreeMap<K, u8>, K "= string",
    #[data] #[derive(PartialEq, Eq, PartialOrd, Ord)] pub struct K(String);
}

row! { key_enum, BTreeMap<K, Option<u8>>, K "= \"A\" | \"B\"",
    #[data] #[derive(PartialEq, Eq, PartialOrd, Ord)] pub enum K { A, B }
}

row! { generics, E<u8, E<String, bool>>, E "<A, B> = { a: A; b: B[]; m: Record<string, [A, B]>; o?: A; r?: E<A, B>; }",
    #[data] pub struct E<A, B> { a: A, b: Vec<B>, m: BTreeMap<String, (A, B)>, o: Option<A>, r: Option<Box<E<A, B>>> }
}

row! { generic_default, E, E "<T = string> = { a: T; }",
    #[data] pub struct E<T = String> { a: T }
}

row! { generic_enum, E<I64>, E "<T> = { k: \"A\"; v: T } | { k: \"B\"; v: { t: T[] } } | { k: \"C\" }",
    #[data] #[serde(tag="k", content="v")] pub enum E<T> { A(T), B { t: Vec<T> }, C }
}

row! { bounds, E<In>, E "<T> = { a: T; }",
    #[data] pub struct E<T> where T: Clone { a: T }
    #[data] #[derive(Clone)] pub struct In { b: Bytes }
}

row! { inline, E, E "= { a: { /** Doc. */ b: Uint8Array; c?: bigint; }; b: In; }",
    #[data] pub struct E { #[ts(inline)] a: In, b: In }
    #[data] pub struct In { /// Doc.
 b: Bytes, c: Option<U64> }
}

row! { tuple_struct_opt, E, E "= [number | null, string | null]",
    #[data] pub struct E(Option<u8>, Option<String>);
}

row! { transparent, E, E "= { b: number } | null",
    #[data] #[serde(transparent)] pub struct E { x: Option<In> }
    #[data] pub struct In { b: u8 }
}

row! { as_type, E, E "= { a: string[]; }",
    #[data] pub struct E { #[data(as = Vec<String>)] a: BTreeSet<String> }
}

row! { recursive_enum, E, E "= | { Leaf: bigint } | { Node: [E, E] } | { Many: E[] } | { Map: { [key in string]: E } } | { Opt: { next?: E } }",
    #[data] pub enum E { Leaf(I64), Node(Box<E>, Box<E>), Many(Vec<E>), Map(BTreeMap<String, E>), Opt { next: Option<Box<E>> } }
}

row! { recursive_untagged, E, E "= bigint | E[] | number",
    #[data] #[serde(untagged)] pub enum E { Leaf(I64), Many(Vec<E>), Num(f64) }
}

row! { skip_ser_vec, E, E "= { v?: number[]; }",
    #[data] pub struct E { #[serde(default, skip_serializing_if = "Vec::is_empty")] v: Vec<u8> }
}

row! { raw, E, E "= { type: number; fn?: number; }",
    #[data] pub struct E { r#type: u8, r#fn: Option<u8> }
}

row! { one_variant, E, E "= { Only: { a: number }; }",
    #[data] pub enum E { Only { a: u8 } }
}

row! { empty_enum, Option<E>, E "= never",
    #[data] pub enum E {}
}

row! { value_field, E, E "= { v: JsonValue; o?: JsonValue; l: JsonValue[]; }",
    #[data] pub struct E { v: Value, o: Option<Value>, l: Vec<Value> }
}

row! { sbool, E, E "= { ok: \"true\"; a: bigint } | { ok: \"false\" }",
    #[data] #[serde(tag = "ok")] pub enum E { #[serde(rename = "true")] Yes { a: I64 }, #[serde(rename = "false")] No }
}
