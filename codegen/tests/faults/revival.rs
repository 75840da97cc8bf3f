//! Bytes and whole 64-bit integers are text in JSON: plans that bring them back, and types for which there is none.

use std::collections::BTreeMap;

use super::*;

case! { planned,
    #[data]
    pub struct Avatar(Bytes);

    #[data]
    pub struct Plain { id: u8 }

    #[data]
    pub struct Page<T> { items: Vec<T>, next: Option<I64> }

    #[data]
    pub struct Node { id: I64, children: Vec<Node>, plain: Plain }

    #[data]
    pub enum External { Empty, Id(I64), Pair(I64, Plain), Named { data: Bytes }, Plain(Plain) }

    #[data]
    #[serde(tag = "type")]
    pub enum Internal { Empty, Node(Node), Named { data: Bytes, #[serde(flatten)] extra: Extra } }

    #[data]
    pub struct Extra { more: I64 }

    #[data]
    #[serde(untagged)]
    pub enum Loose { Id(I64), Count(u8), Flag(bool), List(Vec<I64>), None }

    #[data]
    #[serde(untagged)]
    pub enum Objects { A { a: I64 }, B { b: Bytes, c: u8 }, C { c: bool } }

    #[data(error)]
    #[derive(Debug)]
    pub enum Problem { TooBig { limit: I64 }, Gone }

    #[service]
    pub trait Plans {
        async fn nothing(&self) -> Plain;
        async fn alias(&self) -> Option<Avatar>;
        async fn page(&self) -> Page<Node>;
        async fn plain_page(&self) -> Page<Plain>;
        async fn record(&self) -> BTreeMap<String, Vec<I64>>;
        async fn tuple(&self) -> (u8, I64, Plain);
        async fn external(&self) -> External;
        async fn internal(&self) -> Internal;
        async fn loose(&self) -> Loose;
        async fn objects(&self) -> Objects;
        async fn fails(&self) -> Result<(), Problem>;
        async fn takes(&self, plain: Plain, node: Option<Node>) -> u8;
        async fn takes_nothing(&self, plain: Plain) -> u8;
    }
}

#[test]
fn plans_say_no_more_than_they_must() {
    type It = planned::PlansClient;
    has::<It>("nothing: { p: [] },");
    has::<It>("alias: { p: [], r: [1] },");
    has::<It>("page: { p: [], r: [\"Page<Node>\"] },");
    has::<It>("\"Page<Node>\": { o: { items: { a: \"Node\" }, next: 2 } },");
    has::<It>("Node: { o: { children: { a: \"Node\" }, id: 2 } },");
    has::<It>("plainPage: { n: \"plain_page\", p: [], r: [\"Page<Plain>\"] },");
    has::<It>("\"Page<Plain>\": { o: { next: 2 } },");
    has::<It>("record: { p: [], r: [{ a: { a: 2 } }] },");
    has::<It>("tuple: { p: [], r: [{ t: [0, 2, 0] }] },");
    has::<It>("External: { o: { Id: 2, Named: { o: { data: 1 } }, Pair: { t: [2, 0] } } },");
    has::<It>("Internal: { u: [\"type\", { Named: { o: { data: 1, more: 2 } }, Node: \"Node\" }] },");
    has::<It>("Loose: [2, { a: 2 }],");
    has::<It>("Objects: { o: { a: 2, b: 1 } },");
    has::<It>("fails: { p: [], r: [0, \"Problem\"] },");
    has::<It>("Problem: { u: [\"code\", { TOO_BIG: { o: { data: { o: { limit: 2 } } } } }] },");
    has::<It>("takes: { p: [\"plain\", \"node\"], x: [0, \"Node\"] },");
    has::<It>("takesNothing: { n: \"takes_nothing\", p: [\"plain\"] },");
    has::<It>("import { revive } from \"trunkline/revive\";");
}

case! { mixed,
    #[data]
    #[serde(untagged)]
    pub enum Scalar { Data(Bytes), Text(String) }

    #[data]
    #[serde(untagged)]
    pub enum Both { Data(Bytes), Id(I64) }

    #[data]
    #[serde(untagged)]
    pub enum Fields { A { id: I64 }, B { id: String } }

    #[data]
    #[serde(untagged)]
    pub enum Lists { A(Vec<I64>), B { id: String } }

    #[data]
    pub struct Flat { id: u8, #[serde(flatten)] rest: BTreeMap<String, I64> }

    #[service]
    pub trait Scalars { async fn get(&self) -> Scalar; }
    #[service]
    pub trait Boths { async fn get(&self) -> Both; }
    #[service]
    pub trait FieldsOf { async fn get(&self) -> Fields; }
    #[service]
    pub trait ListsOf { async fn get(&self) -> Lists; }
    #[service]
    pub trait Flats { async fn get(&self) -> Flat; }
    #[service]
    pub trait Takes { async fn put(&self, scalar: Scalar) -> u8; }
}

#[test]
fn text_that_may_be_either_is_refused() {
    let refused_type = |rust: &str, why: &str| {
        format!(
            "`here::{rust}`: {why}, so that what arrives as JSON could not be told apart; make it an enum that is not \
             untagged, so that each variant is named on the wire"
        )
    };
    refused::<mixed::ScalarsClient>(&refused_type("Scalar", "`Uint8Array` and `string` are both text"));
    refused::<mixed::BothsClient>(&refused_type("Both", "`Uint8Array` and `bigint` are both text"));
    refused::<mixed::FieldsOfClient>(&refused_type("Fields", "`bigint` and `string` are both text"));
    refused::<mixed::ListsOfClient>(&refused_type("Lists", "a list and an object stand side by side"));
    refused::<mixed::FlatsClient>(
        "`here::Flat`: a map of bytes or whole 64-bit integers is flattened into an object with other fields, so that what \
         arrives as JSON could not be told apart; give the map a field of its own: remove `#[serde(flatten)]`",
    );
    // The service could not tell them apart either.
    refused::<mixed::TakesClient>(&refused_type("Scalar", "`Uint8Array` and `string` are both text"));
}

case! { told_by_a_tag,
    #[data]
    pub struct Empty {}

    #[data]
    #[serde(tag = "type")]
    pub enum Event { Empty(Empty), Sizes(BTreeMap<String, u8>), Named { data: Bytes }, Unit }

    #[data]
    #[serde(tag = "type")]
    pub enum Ids { Ids(BTreeMap<String, I64>), None }

    #[service]
    pub trait Events { async fn get(&self) -> Event; }

    #[service]
    pub trait AllIds { async fn get(&self) -> Ids; }
}

#[test]
fn a_tag_tells_variants_apart_that_may_have_any_other_field() {
    has::<told_by_a_tag::EventsClient>("Event: { u: [\"type\", { Named: { o: { data: 1 } } }] },");
    refused::<told_by_a_tag::AllIdsClient>(
        "`here::Ids`: a map of bytes or whole 64-bit integers is flattened into an object with other fields, so that what \
         arrives as JSON could not be told apart; give the map a field of its own: remove `#[serde(flatten)]`",
    );
}
