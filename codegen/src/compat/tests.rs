//! A row per rule. The types are real ones, so that what is compared is what schemars writes.

use serde_json::{Value, json};
use trunkline::{Bytes, service};
use trunkline_core::{Description, MethodSchema, ParamSchema, Service, ServiceSchema, TypeSchema, Wire};

use super::{ChangeKind, Report, compare};

/// A service with one method that takes a `T` and gives one back, each in its turn.
struct Of<T>(T);

impl<T: Wire> Of<T> {
    const SENT: &'static ServiceSchema = &ServiceSchema::__new(
        "Sent",
        None,
        "",
        &[MethodSchema {
            params: &[ParamSchema { name: "it", has_default: false, stream: false, ty: TypeSchema::of::<T> }],
            ..METHOD
        }],
    );
    const RECEIVED: &'static ServiceSchema = &ServiceSchema::__new(
        "Received",
        None,
        "",
        &[MethodSchema {
            returns: || (TypeSchema::of::<T>(), TypeSchema::of::<trunkline::Never>()),
            ..METHOD
        }],
    );
}

const METHOD: MethodSchema = MethodSchema::new("call", &["call"]);

/// `!` breaks, `+` adds, `*` is a note; then the place and what it says.
fn lines(report: &Report) -> Vec<String> {
    let sign = |kind| match kind {
        ChangeKind::Breaking => '!',
        ChangeKind::Additive => '+',
        ChangeKind::Note => '*',
    };
    report.changes().iter().map(|it| format!("{} {}: {}", sign(it.kind), it.place, it.message)).collect()
}

#[track_caller]
fn check<Old: Wire, New: Wire>(sent: &[&str], received: &[&str]) {
    let changes = |old, new| lines(&compare(&Description::of([old]), &Description::of([new])));
    assert_eq!(changes(Of::<Old>::SENT, Of::<New>::SENT), sent, "sent");
    assert_eq!(changes(Of::<Old>::RECEIVED, Of::<New>::RECEIVED), received, "received");
    assert_eq!(changes(Of::<New>::SENT, Of::<New>::SENT), [""; 0], "the same, sent");
    assert_eq!(changes(Of::<New>::RECEIVED, Of::<New>::RECEIVED), [""; 0], "the same, received");
}

/// Two versions of types, each in a module of its own, and what their difference means.
macro_rules! types {
    ($($name:ident: { $($old:item)* } => { $($new:item)* } [$($sent:literal),*] [$($received:literal),*])*) => { $(
        #[test]
        fn $name() {
            #[allow(dead_code, unreachable_pub, unused_imports)]
            mod old {
                use {std::collections::*, trunkline::*};
                $($old)*
            }
            #[allow(dead_code, unreachable_pub, unused_imports)]
            mod new {
                use {std::collections::*, trunkline::*};
                $($new)*
            }
            check::<old::T, new::T>(&[$($sent),*], &[$($received),*]);
        }
    )* };
}

types! {
    a_new_field_must_be_optional_where_it_is_sent:
        { #[data] pub struct T { a: u8 } }
        => { #[data] pub struct T { a: u8, b: u8, c: Option<u8> } }
        ["! T.b: a new field that clients have to send", "+ T.c: a new field that clients may send"]
        ["+ T.b: a new field that clients get", "+ T.c: a new field that clients get"]

    a_field_with_a_default_may_be_left_out:
        { #[data] pub struct T { a: u8 } }
        => { #[data(input)] pub struct T { a: u8, #[serde(default)] b: u8 } }
        ["+ T.b: a new field that clients may send"]
        ["+ T.b: a new field that clients get"]

    a_field_that_is_gone_breaks_whoever_reads_it:
        { #[data] pub struct T { a: u8, b: Option<u8>, c: u8 } }
        => { #[data] pub struct T { a: u8 } }
        ["* T.b: is no longer read when clients send it", "* T.c: is no longer read when clients send it"]
        ["! T.b: is gone from what clients get", "! T.c: is gone from what clients get"]

    unknown_fields_may_be_refused:
        { #[data] pub struct T { a: u8, b: u8 } }
        => { #[data] #[serde(deny_unknown_fields)] pub struct T { a: u8 } }
        ["! T: refuses unknown fields now", "! T.b: is refused now"]
        ["! T.b: is gone from what clients get"]

    clients_that_refuse_unknown_fields_notice_new_ones:
        { #[data] #[serde(deny_unknown_fields)] pub struct T { a: u8 } }
        => { #[data] #[serde(deny_unknown_fields)] pub struct T { a: u8, b: Option<u8> } }
        ["+ T.b: a new field that clients may send"]
        ["! T.b: a new field, and clients refuse unknown ones"]

    a_field_becomes_optional:
        { #[data] pub struct T { a: u8 } }
        => { #[data] pub struct T { a: Option<u8> } }
        ["+ T.a: may be left out now (sent)"]
        ["! T.a: may be left out now (received)"]

    a_field_becomes_required:
        { #[data] pub struct T { a: Option<Inner> } #[data] pub struct Inner { x: u8 } }
        => { #[data] pub struct T { a: Inner } #[data] pub struct Inner { x: u8 } }
        ["! T.a: is required now (sent)"]
        ["+ T.a: is always there now (received)"]

    null_becomes_possible:
        { #[data] pub struct T(u8, String); }
        => { #[data] pub struct T(Option<u8>, String); }
        ["+ T[0]: null is accepted as well (sent)"]
        ["! T[0]: null may come now, which clients do not know (received)"]

    null_is_no_longer_possible:
        { #[data] pub struct T { #[data(nullable)] a: Option<Inner> } #[data] pub struct Inner { x: u8 } }
        => { #[data] pub struct T { a: Inner } #[data] pub struct Inner { x: u8 } }
        ["! T.a: is required now (sent)"]
        ["+ T.a: null no longer comes (received)"]

    a_variant_is_new:
        { #[data] pub enum T { A, B } }
        => { #[data] pub enum T { A, B, C } }
        ["+ T: \"C\" is accepted as well (sent)"]
        ["! T: \"C\" may come now, which clients do not know (received)"]

    a_variant_with_docs_is_the_same_variant:
        { #[data] pub enum T { A, B } }
        => { #[data] pub enum T { /** Documented. */ A, B } }
        ["* Sent: the hash changed, though nothing was found that clients would notice: generate again to be sure"]
        ["* Received: the hash changed, though nothing was found that clients would notice: generate again to be sure"]

    a_variant_is_gone:
        { #[data] pub enum T { A, B } }
        => { #[data] pub enum T { A } }
        ["! T: \"B\" is no longer accepted (sent)"]
        ["+ T: \"B\" no longer comes (received)"]

    variants_are_told_apart_by_their_only_field:
        { #[data] pub enum T { A(u8), B { x: u8 }, C } }
        => { #[data] pub enum T { A(u16), B { x: u8, y: Option<u8> }, D(u8) } }
        [
            "! T: \"C\" is no longer accepted (sent)",
            "+ T: \"D\" is accepted as well (sent)",
            "+ T.A: is in 0 to 65535 now, before 0 to 255 (sent)",
            "+ T.B.y: a new field that clients may send"
        ]
        [
            "! T: \"D\" may come now, which clients do not know (received)",
            "! T.A: is in 0 to 65535 now, before 0 to 255 (received)",
            "+ T: \"C\" no longer comes (received)",
            "+ T.B.y: a new field that clients get"
        ]

    variants_are_told_apart_by_their_tag:
        { #[data] #[serde(tag = "type")] pub enum T { A { x: u8 }, B } }
        => { #[data] #[serde(tag = "type")] pub enum T { A { x: String }, C } }
        [
            "! T: type: \"B\" is no longer accepted (sent)",
            "! T (type: \"A\").x: is text now, before an integer",
            "+ T: type: \"C\" is accepted as well (sent)"
        ]
        [
            "! T: type: \"C\" may come now, which clients do not know (received)",
            "! T (type: \"A\").x: is text now, before an integer",
            "+ T: type: \"B\" no longer comes (received)"
        ]

    a_struct_inside_a_tagged_variant_is_looked_into:
        { #[data] #[serde(tag = "type")] pub enum T { A(Inner) } #[data] pub struct Inner { x: u8 } }
        => { #[data] #[serde(tag = "type")] pub enum T { A(Inner) } #[data] pub struct Inner { x: u8, y: u8 } }
        ["! T (type: \"A\").y: a new field that clients have to send"]
        ["+ T (type: \"A\").y: a new field that clients get"]

    variants_with_content_are_told_apart_by_their_tag:
        { #[data] #[serde(tag = "t", content = "c")] pub enum T { A(u8), B } }
        => { #[data] #[serde(tag = "t", content = "c")] pub enum T { A(u8), B, C(u8) } }
        ["+ T: t: \"C\" is accepted as well (sent)"]
        ["! T: t: \"C\" may come now, which clients do not know (received)"]

    untagged_variants_are_told_apart_by_their_form:
        { #[data] #[serde(untagged)] pub enum T { Flag(bool), Text(String) } }
        => { #[data] #[serde(untagged)] pub enum T { Flag(bool), Number(f64), Text(String) } }
        ["+ T: a number is accepted as well (sent)"]
        ["! T: a number may come now, which clients do not know (received)"]

    another_tagging_is_another_type:
        { #[data] pub enum T { A { x: u8 } } }
        => { #[data] #[serde(tag = "type")] pub enum T { A { x: u8 } } }
        ["! T: \"A\" is no longer accepted (sent)", "+ T: type: \"A\" is accepted as well (sent)"]
        [
            "! T: type: \"A\" may come now, which clients do not know (received)",
            "+ T: \"A\" no longer comes (received)"
        ]

    an_integer_takes_in_more:
        { #[data] pub struct T { a: u8, b: i32, c: u32 } }
        => { #[data] pub struct T { a: u16, b: i64, c: f64 } }
        [
            "+ T.a: is in 0 to 65535 now, before 0 to 255 (sent)",
            "+ T.b: is in -9007199254740991 to 9007199254740991 now, before -2147483648 to 2147483647 (sent)",
            "+ T.c: is any number now, before an integer (sent)"
        ]
        [
            "! T.a: is in 0 to 65535 now, before 0 to 255 (received)",
            "! T.b: is in -9007199254740991 to 9007199254740991 now, before -2147483648 to 2147483647 (received)",
            "! T.c: is any number now, before an integer (received)"
        ]

    an_integer_takes_in_less:
        { #[data] pub struct T { a: u64, b: f64 } }
        => { #[data] pub struct T { a: u32, b: u8 } }
        [
            "! T.a: is in 0 to 4294967295 now, before 0 to 9007199254740991 (sent)",
            "! T.b: is an integer now, before any number (sent)"
        ]
        [
            "+ T.a: is in 0 to 4294967295 now, before 0 to 9007199254740991 (received)",
            "+ T.b: is an integer now, before any number (received)"
        ]

    an_integer_takes_in_others:
        { #[data] pub struct T(i8); }
        => { #[data] pub struct T(u8); }
        ["! T: is in 0 to 255 now, before -128 to 127"]
        ["! T: is in 0 to 255 now, before -128 to 127"]

    another_width_with_the_same_values_on_the_wire_is_no_change:
        { #[data] pub struct T { a: u64, b: i64, c: Vec<u8>, d: String } }
        => { #[data] pub struct T { a: usize, b: isize, c: BTreeSet<u8>, d: std::borrow::Cow<'static, str> } }
        ["* Sent: the hash changed, though nothing was found that clients would notice: generate again to be sure"]
        ["* Received: the hash changed, though nothing was found that clients would notice: generate again to be sure"]

    a_number_gets_more_precise:
        { #[data] pub struct T(f32); }
        => { #[data] pub struct T(f64); }
        ["* T: has the precision of a double now, before of a float"]
        ["* T: has the precision of a double now, before of a float"]

    text_gets_a_rule:
        { #[data] pub struct T(String, U64); }
        => { #[data] pub struct T(char, I64); }
        [
            "! T[0]: is text (one character) now, before text (sent)",
            "+ T[1]: is text (^-?[0-9]+$) now, before text (^[0-9]+$) (sent)"
        ]
        [
            "! T[1]: is text (^-?[0-9]+$) now, before text (^[0-9]+$) (received)",
            "+ T[0]: is text (one character) now, before text (received)"
        ]

    bytes_are_no_text:
        { #[data] pub struct T { a: String, b: Vec<u8> } }
        => { #[data] pub struct T { a: Bytes, b: Bytes } }
        ["! T.a: is bytes now, before text", "! T.b: is bytes now, before a list"]
        ["! T.a: is bytes now, before text", "! T.b: is bytes now, before a list"]

    words_become_any_text:
        { #[data] pub struct T { kind: Kind } #[data] pub enum Kind { A, B } }
        => { #[data] pub struct T { kind: String } }
        ["+ T.kind: text is accepted as well (sent)"]
        ["! T.kind: text may come now, which clients do not know (received)"]

    any_text_becomes_words:
        { #[data] pub struct T { kind: String } }
        => { #[data] pub struct T { kind: Kind } #[data] pub enum Kind { A, B } }
        ["! T.kind: text is no longer accepted (sent)"]
        ["+ T.kind: text no longer comes (received)"]

    a_form_becomes_anything:
        { #[data] pub struct T(u8); }
        => { #[data] pub struct T(Value); }
        ["+ T: is anything now, before an integer (sent)"]
        ["! T: is anything now, before an integer (received)"]

    lists_and_maps_are_looked_into:
        { #[data] pub struct T { a: Vec<Vec<u8>>, b: BTreeMap<String, u8>, c: (u8, bool) } }
        => { #[data] pub struct T { a: Vec<Vec<bool>>, b: BTreeMap<String, bool>, c: (bool, bool) } }
        [
            "! T.a[][]: is a boolean now, before an integer",
            "! T.b.*: is a boolean now, before an integer",
            "! T.c[0]: is a boolean now, before an integer"
        ]
        [
            "! T.a[][]: is a boolean now, before an integer",
            "! T.b.*: is a boolean now, before an integer",
            "! T.c[0]: is a boolean now, before an integer"
        ]

    a_list_of_another_length_is_another_type:
        { #[data] pub struct T(u8, u8); }
        => { #[data] pub struct T(u8, u8, u8); }
        ["! T: is a list of 3 now, before a list of 2"]
        ["! T: is a list of 3 now, before a list of 2"]

    the_names_in_a_map_count:
        { #[data] pub struct T { a: BTreeMap<u8, u8>, b: BTreeMap<String, u8> } }
        => { #[data] pub struct T { a: BTreeMap<i8, u8>, b: BTreeMap<u8, u8> } }
        [
            "! T.b: has entries with names of another kind (sent)",
            "+ T.a: has entries with names of another kind (sent)"
        ]
        [
            "! T.a: has entries with names of another kind (received)",
            "+ T.b: has entries with names of another kind (received)"
        ]

    a_further_name_in_a_map_of_words_is_a_further_case:
        {
            #[data] pub struct T { a: BTreeMap<K, u8> }
            #[data] #[derive(PartialEq, Eq, PartialOrd, Ord)] pub enum K { A, B }
        }
        => {
            #[data] pub struct T { a: BTreeMap<K, u8> }
            #[data] #[derive(PartialEq, Eq, PartialOrd, Ord)] pub enum K { A, B, C }
        }
        ["+ T.a.C: a new field that clients may send"]
        ["! T.a.C: a new field, and clients refuse unknown ones"]

    flattened_fields_are_fields:
        { #[data] pub struct T { a: u8, b: u8 } }
        => { #[data] pub struct T { a: u8, #[serde(flatten)] rest: Rest } #[data] pub struct Rest { b: u8, c: Option<u8> } }
        ["+ T.c: a new field that clients may send"]
        ["+ T.c: a new field that clients get"]

    types_with_other_names_are_compared_by_what_is_in_them:
        { #[data] pub struct T { inner: Inner } #[data] pub struct Inner { x: u8 } }
        => { #[data] pub struct T { inner: Other } #[data] pub struct Other { x: u8, y: u8 } }
        [
            "! Other.y: a new field that clients have to send",
            "* T.inner: the type is called `Other` now, before `Inner`"
        ]
        ["+ Other.y: a new field that clients get", "* T.inner: the type is called `Other` now, before `Inner`"]

    a_newtype_is_what_is_in_it:
        { #[data] pub struct T { inner: Inner } #[data] pub struct Inner(String); }
        => { #[data] pub struct T { inner: String } }
        ["* Sent: the hash changed, though nothing was found that clients would notice: generate again to be sure"]
        ["* Received: the hash changed, though nothing was found that clients would notice: generate again to be sure"]

    lists_of_a_type_with_a_name_are_looked_into:
        { #[data] pub struct T { a: Vec<Inner> } #[data] pub struct Inner { x: u8 } }
        => { #[data] pub struct T { a: Vec<Inner> } #[data] pub struct Inner { y: u8 } }
        ["! Inner.y: a new field that clients have to send", "* Inner.x: is no longer read when clients send it"]
        ["! Inner.x: is gone from what clients get", "+ Inner.y: a new field that clients get"]

    maps_to_a_type_with_a_name_are_looked_into:
        { #[data] pub struct T { a: BTreeMap<String, Inner> } #[data] pub struct Inner { x: u8 } }
        => { #[data] pub struct T { a: BTreeMap<String, Inner> } #[data] pub struct Inner { x: bool } }
        ["! Inner.x: is a boolean now, before an integer"]
        ["! Inner.x: is a boolean now, before an integer"]

    structs_in_structs_are_looked_into:
        { #[data] pub struct T { a: A } #[data] pub struct A { b: Option<B>, c: (u8, B) } #[data] pub struct B { x: u8 } }
        => { #[data] pub struct T { a: A } #[data] pub struct A { b: Option<B>, c: (u8, B) } #[data] pub struct B { x: bool } }
        ["! B.x: is a boolean now, before an integer"]
        ["! B.x: is a boolean now, before an integer"]

    variants_that_hold_a_type_with_a_name_are_looked_into:
        { #[data] pub enum T { A(B), C { d: Vec<B> } } #[data] pub struct B { x: u8 } }
        => { #[data] pub enum T { A(B), C { d: Vec<B> } } #[data] pub struct B { x: bool } }
        ["! B.x: is a boolean now, before an integer"]
        ["! B.x: is a boolean now, before an integer"]

    arguments_of_a_generic_type_are_looked_into:
        { #[data] pub struct T(Page<Inner>); #[data] pub struct Page<I> { items: Vec<I> } #[data] pub struct Inner { x: u8 } }
        => { #[data] pub struct T(Page<Inner>); #[data] pub struct Page<I> { items: Vec<I> } #[data] pub struct Inner { x: bool } }
        ["! Inner.x: is a boolean now, before an integer"]
        ["! Inner.x: is a boolean now, before an integer"]

    what_is_the_same_twice_is_told_for_both:
        { #[data] pub struct T { a: (Option<Inner>, u8), b: (Option<Inner>, u8) } #[data] pub struct Inner { x: u8 } }
        => { #[data] pub struct T { a: (Inner, u8), b: (Inner, u8) } #[data] pub struct Inner { x: u8 } }
        [
            "! T.a[0]: null is no longer accepted (sent)",
            "! T.b[0]: null is no longer accepted (sent)"
        ]
        ["+ T.a[0]: null no longer comes (received)", "+ T.b[0]: null no longer comes (received)"]

    recursion_ends:
        { #[data] pub struct T { next: Option<Box<Self>>, all: Vec<Self>, x: u8 } }
        => { #[data] pub struct T { next: Option<Box<Self>>, all: Vec<Self>, x: bool } }
        ["! T.x: is a boolean now, before an integer"]
        ["! T.x: is a boolean now, before an integer"]

    an_enum_that_holds_itself_is_looked_into_once:
        { #[data] #[serde(untagged)] pub enum T { One(u8), Many(Vec<Self>), Named(BTreeMap<String, Self>) } }
        => { #[data] #[serde(untagged)] pub enum T { One(u16), Many(Vec<Self>), Named(BTreeMap<String, Self>) } }
        ["+ T: is in 0 to 65535 now, before 0 to 255 (sent)"]
        ["! T: is in 0 to 65535 now, before 0 to 255 (received)"]
}

/// A method in JSON, with what it has in every test and what it has in this one.
fn described(methods: &Value) -> Description {
    let method = |more: &Value| {
        let mut method = json!({
            "name": "say", "wire": ["say"], "docs": "", "params": [], "body": false, "public": false,
            "idempotent": false, "oneway": false, "result": { "typescript": "null", "schema": { "type": "null" } },
        });
        for (key, value) in more.as_object().expect("a method") {
            method[key] = value.clone();
        }
        method
    };
    let methods: Vec<Value> = methods.as_array().expect("methods").iter().map(method).collect();
    let services = json!([{ "name": "Chat", "docs": "", "hash": "", "methods": methods }]);
    let description =
        json!({ "trunkline": "0", "services": services, "declarations": [], "inputs": {}, "outputs": {} });
    serde_json::from_value(description).expect("a description")
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "rows read better with `json!` as it is")]
fn check_methods(old: Value, new: Value, expected: &[&str]) {
    let (old, new) = (described(&old), described(&new));
    assert_eq!(lines(&compare(&old, &new)), expected);
    assert_eq!(lines(&compare(&new, &new)), [""; 0]);
}

/// A param of text; `?` behind its name makes it an `Option`, `=` gives it a default.
fn params(names: &[&str]) -> Value {
    let param = |name: &&str| {
        let (has_default, is_option) = (name.ends_with('='), name.ends_with('?'));
        let schema =
            if is_option { json!({ "type": ["string", "null"] }) } else { json!({ "type": "string" }) };
        let name = name.trim_end_matches(['?', '=']);
        json!({
            "name": name, "has_default": has_default, "is_option": is_option, "typescript": "string", "schema": schema
        })
    };
    json!([{ "params": names.iter().map(param).collect::<Vec<_>>() }])
}

#[test]
fn params_are_compared_by_place_and_name() {
    let rows: [(&[&str], &[&str], &[&str]); 13] = [
        (&["a"], &["a", "b"], &["! Chat.say.b: a new param that is required"]),
        (&["a"], &["a", "b?"], &["+ Chat.say.b: a new optional param"]),
        (&["a"], &["a", "b="], &["+ Chat.say.b: a new optional param"]),
        (&["a", "b?"], &["a"], &["! Chat.say.b: the param is gone, and one too many is refused"]),
        (
            &["a", "b"],
            &["b", "a"],
            &[
                "! Chat.say.a: is param 2 now, no longer param 1",
                "! Chat.say.b: is param 1 now, no longer param 2",
            ],
        ),
        (
            &["a", "b"],
            &["b"],
            &[
                "! Chat.say.a: the param is gone, and one too many is refused",
                "! Chat.say.b: is param 1 now, no longer param 2",
            ],
        ),
        (
            &["a"],
            &["b", "a"],
            &[
                "! Chat.say.a: is param 2 now, no longer param 1",
                "! Chat.say.b: a new param that is required",
            ],
        ),
        (&["a"], &["b"], &["! Chat.say.b: was called `a`"]),
        (&["a"], &["a?"], &["+ Chat.say.a: is optional now"]),
        (&["a"], &["a="], &["+ Chat.say.a: is optional now"]),
        (&["a?"], &["a"], &["! Chat.say.a: is required now"]),
        (&["a?"], &["a="], &[]),
        (&["a="], &["a?"], &[]),
    ];
    for (old, new, expected) in rows {
        check_methods(params(old), params(new), expected);
    }
}

#[test]
fn methods_are_found_by_what_they_answer_to() {
    let rows = [
        (json!([]), json!([{}]), vec!["+ Chat.say: a new method"]),
        (json!([{}, { "name": "b", "wire": ["b"] }]), json!([{}]), vec!["! Chat.b: the method is gone"]),
        (json!([{}]), json!([{ "name": "shout" }]), vec!["* Chat.shout: was called `Chat.say` in Rust"]),
        (
            json!([{}]),
            json!([{ "wire": ["speak", "say"] }]),
            vec![
                "+ Chat.say: answers to `speak` as well",
                "* Chat.say: new clients send `speak`, which an old server does not know",
            ],
        ),
        (
            json!([{ "wire": ["say", "speak"] }]),
            json!([{}]),
            vec!["! Chat.say: no longer answers to `speak`"],
        ),
        (
            json!([{}]),
            json!([{ "wire": ["chat.say"] }]),
            vec![
                "! Chat.say: no longer answers to `say`",
                "+ Chat.say: answers to `chat.say` as well",
                "* Chat.say: new clients send `chat.say`, which an old server does not know",
            ],
        ),
        // One took over the name of the other.
        (
            json!([{}, { "name": "b", "wire": ["b"] }]),
            json!([{ "wire": ["old_say"] }, { "name": "b", "wire": ["say", "b"] }]),
            vec![
                "+ Chat.b: answers to `b` as well",
                "+ Chat.b: answers to `say` as well",
                "+ Chat.say: a new method",
                "* Chat.b: was called `Chat.say` in Rust",
            ],
        ),
    ];
    for (old, new, expected) in rows {
        check_methods(old, new, &expected);
    }
}

#[test]
fn every_attribute_of_a_method_counts() {
    let error = |codes: &[&str]| {
        let variant = |code: &&str| json!({ "type": "object", "properties": { "code": { "const": code } }, "required": ["code"] });
        let codes: Vec<Value> = codes.iter().map(variant).collect();
        json!([{ "error": { "typescript": "Failed", "schema": { "oneOf": codes } } }])
    };
    let result = |schema: Value| json!([{ "result": { "typescript": "", "schema": schema } }]);
    let body = |schema: Value| {
        let param = json!({ "name": "it", "has_default": false, "is_option": false, "typescript": "", "schema": schema });
        json!([{ "body": true, "params": [param] }])
    };
    let param = |stream: bool| {
        json!([{ "params": [{
            "name": "it", "has_default": false, "is_option": false, "stream": stream, "typescript": "",
            "schema": { "type": "string" },
        }] }])
    };
    let limit = |limit: u32| json!([{ "rate_limit": { "limit": limit, "period_ms": 1000, "per": "user", "disconnect": false } }]);
    let plain = json!([{}]);
    let rows = [
        (json!([{ "public": true }]), plain.clone(), "! Chat.say: needs a login now: it is no longer public"),
        (plain.clone(), json!([{ "public": true }]), "+ Chat.say: needs no login any more: it is public"),
        (
            json!([{ "idempotent": true }]),
            plain.clone(),
            "! Chat.say: is no longer idempotent, and old clients send it again when in doubt",
        ),
        (plain.clone(), json!([{ "idempotent": true }]), "+ Chat.say: is idempotent now"),
        (plain.clone(), json!([{ "oneway": true }]), "! Chat.say: has no answer any more: it is oneway"),
        (json!([{ "oneway": true }]), plain.clone(), "+ Chat.say: has an answer now: it was oneway"),
        (
            plain.clone(),
            json!([{ "stream": true }]),
            "! Chat.say: gives a stream now, and had one answer before",
        ),
        (
            json!([{ "stream": true }]),
            plain.clone(),
            "! Chat.say: has one answer now, and gave a stream before",
        ),
        (param(false), param(true), "! Chat.say.it: is a stream now"),
        (param(true), param(false), "! Chat.say.it: is no stream any more"),
        (plain.clone(), body(json!({ "type": "string" })), "! Chat.say: takes all params as one value now"),
        (
            body(json!({ "type": "string" })),
            plain.clone(),
            "! Chat.say: takes params one by one now, no longer as one value",
        ),
        (
            body(json!({ "type": "string" })),
            body(json!({ "type": "boolean" })),
            "! Chat.say: is a boolean now, before text",
        ),
        (
            result(json!({ "type": "string" })),
            result(json!({ "type": ["string", "null"] })),
            "! Chat.say result: null may come now, which clients do not know (received)",
        ),
        (
            error(&["A", "B"]),
            error(&["A", "B", "C"]),
            "! Chat.say error: code: \"C\" may come now, which clients do not know (received)",
        ),
        (error(&["A", "B"]), error(&["A"]), "+ Chat.say error: code: \"B\" no longer comes (received)"),
        (
            plain.clone(),
            error(&["A"]),
            "! Chat.say: may fail with a `Failed` now, and had no typed errors before",
        ),
        (error(&["A"]), plain.clone(), "+ Chat.say: has no typed errors any more"),
        (
            limit(5),
            limit(6),
            "* Chat.say: its rate limit is 6 calls in 1000 ms per user, before 5 calls in 1000 ms per user",
        ),
        (
            json!([{ "requires": "is(\"a\")" }]),
            plain.clone(),
            "* Chat.say: is guarded by no guard, before by `is(\"a\")`",
        ),
        (json!([{ "timeout_ms": 5 }]), plain.clone(), "* Chat.say: its timeout is the server's, before 5 ms"),
        (plain.clone(), json!([{ "docs": "Says." }]), "* Chat.say: the documentation changed"),
        (plain.clone(), json!([{ "deprecated": "" }]), "* Chat.say: is deprecated"),
        (plain.clone(), json!([{ "deprecated": "use `b`" }]), "* Chat.say: is deprecated: use `b`"),
        (json!([{ "deprecated": "" }]), plain, "* Chat.say: is no longer deprecated"),
    ];
    for (old, new, expected) in rows {
        check_methods(old, new, &[expected]);
    }
}

#[service]
trait Kept {
    /// Is here in both versions.
    async fn stay(&self);
}

#[service]
trait Passing {
    async fn come(&self, name: String);
    async fn go(&self) -> Bytes;
}

#[test]
fn a_service_comes_and_goes_as_one() {
    let small = Description::of([KeptClient::SCHEMA]);
    let large = Description::of([KeptClient::SCHEMA, PassingClient::SCHEMA]);
    assert_eq!(lines(&compare(&small, &large)), ["+ Passing: a new service"]);
    assert_eq!(lines(&compare(&large, &small)), ["! Passing: the service is gone"]);
}

#[test]
fn a_report_reads_well() {
    let old = described(&json!([{ "wire": ["say", "speak"], "public": true }]));
    let new = described(&json!([{ "wire": ["say", "talk"], "docs": "Says." }]));
    let report = compare(&old, &new);
    assert!(report.is_breaking());
    let expected = "\
2 changes break clients of the old version:
  Chat.say: needs a login now: it is no longer public
  Chat.say: no longer answers to `speak`
1 change is compatible:
  Chat.say: answers to `talk` as well
1 note:
  Chat.say: the documentation changed
";
    assert_eq!(report.to_string(), expected);
    let report = compare(&new, &new);
    assert!(!report.is_breaking());
    assert_eq!(report.to_string(), "nothing changed for clients\n");
    assert!(!compare(&described(&json!([])), &new).is_breaking());
}

/// A description whose method gives back a `T0`, of which each holds the next one; the last one holds what is given.
fn nested(depth: usize, last: &Value, hash: &str) -> Description {
    let refer = |number: usize| json!({ "$ref": format!("#/components/schemas/T{number}") });
    let holder =
        |inner: Value| json!({ "type": "object", "properties": { "it": inner }, "required": ["it"] });
    let types = (0..depth).map(|at| {
        let inner =
            if at + 1 == depth { last.clone() } else { json!({ "type": "array", "items": refer(at + 1) }) };
        (format!("T{at}"), holder(inner))
    });
    let mut description = described(&json!([{ "result": { "typescript": "", "schema": refer(0) } }]));
    description.outputs = types.collect();
    description.services[0].hash = hash.to_owned();
    description
}

#[test]
fn nothing_is_too_deep_to_be_compared() {
    for depth in [1, 15, 16, 17, 33, 100, 5_000] {
        let old = nested(depth, &json!({ "type": "boolean" }), "1");
        let new = nested(depth, &json!({ "type": "string" }), "2");
        let expected = format!("! T{}.it: is text now, before a boolean", depth - 1);
        assert_eq!(lines(&compare(&old, &new)), [expected]);
    }
}

#[test]
fn types_that_stand_for_others_are_followed_to_their_end() {
    let chain = |last: Value| {
        let mut description = nested(1, &json!({ "type": "boolean" }), "");
        let refer = |number: usize| json!({ "$ref": format!("#/components/schemas/T{number}") });
        description.outputs = (0..200).map(|at| (format!("T{at}"), refer(at + 1))).collect();
        description.outputs.insert("T200".to_owned(), last);
        description
    };
    let plain = described(&json!([{ "result": { "typescript": "", "schema": { "type": "boolean" } } }]));
    assert_eq!(lines(&compare(&plain, &chain(json!({ "type": "boolean" })))), [""; 0]);
    assert_eq!(
        lines(&compare(&plain, &chain(json!({ "type": "string" })))),
        ["! Chat.say result: is text now, before a boolean"]
    );
    // It has no end, and nothing is said of it.
    let endless = chain(json!({ "$ref": "#/components/schemas/T0" }));
    assert_eq!(lines(&compare(&endless, &endless)), [""; 0]);
}

#[test]
fn unions_of_other_names_that_hold_themselves_end() {
    let union = |names: [&str; 2]| {
        let either =
            json!({ "anyOf": names.map(|name| json!({ "$ref": format!("#/components/schemas/{name}") })) });
        let holder = |tag: &str| json!({ "type": "object", "properties": { "is": { "const": tag }, "it": either }, "required": ["is", "it"] });
        let mut description = described(&json!([{ "result": { "typescript": "", "schema": either } }]));
        description.outputs =
            [(names[0].to_owned(), holder("a")), (names[1].to_owned(), holder("b"))].into_iter().collect();
        description
    };
    assert_eq!(lines(&compare(&union(["A", "B"]), &union(["C", "D"]))), [""; 0]);
}

#[test]
fn a_hash_that_changed_for_no_reason_that_was_found_is_told() {
    let boolean = json!({ "type": "boolean" });
    let (old, mut new) = (nested(2, &boolean, "1"), nested(2, &boolean, "2"));
    let note = "* Chat: the hash changed, though nothing was found that clients would notice: generate again to be sure";
    assert_eq!(lines(&compare(&old, &new)), [note]);
    // What the hash does not know is no reason.
    new.services[0].methods[0].docs = "Says.".to_owned();
    assert_eq!(
        lines(&compare(&old, &new)),
        [
            "* Chat: the hash changed, though nothing was found that clients would notice: generate again to be sure",
            "* Chat.say: the documentation changed"
        ]
    );
    new.services[0].methods[0].timeout_ms = Some(5);
    assert_eq!(lines(&compare(&old, &new)).len(), 2);
}
