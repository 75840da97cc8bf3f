//! What a value costs on its way into a payload and out of it.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench fails by panicking")]

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use trunkline_core::{Codec, ParamSchema, Params, ParamsWriter, Payload, TypeSchema};

const CODECS: [Codec; 2] = [Codec::Json, Codec::MessagePack];

/// About 1 KiB of an order.
#[derive(Clone, Serialize, Deserialize)]
struct Order {
    id: u64,
    customer: String,
    items: Vec<Item>,
    total: f64,
    paid: bool,
}

#[derive(Clone, Serialize, Deserialize)]
struct Item {
    sku: String,
    title: String,
    quantity: u32,
    price: f64,
    tags: Vec<String>,
}

fn order() -> Order {
    let item = |n: u32| Item {
        sku: format!("PL-{n:05}"),
        title: "Copper pipe elbow, 22 mm".to_owned(),
        quantity: n * 7,
        price: 3.719_999_999_999_999_8 + f64::from(n),
        tags: vec!["copper".to_owned(), "bulk".to_owned()],
    };
    Order {
        id: 9_007_199_254_728_646,
        customer: "Ada".to_owned(),
        items: (0..8).map(item).collect(),
        total: 123.456,
        paid: true,
    }
}

const ADD: &[ParamSchema] = &[
    ParamSchema { name: "a", has_default: false, stream: false, ty: || TypeSchema::of::<i64>() },
    ParamSchema { name: "b", has_default: false, stream: false, ty: || TypeSchema::of::<i64>() },
];

fn add(codec: Codec) -> Payload {
    let mut writer = ParamsWriter::new(codec, 2);
    writer.push(&divan::black_box(123_456_i64));
    writer.push(&divan::black_box(-7_i64));
    writer.finish().unwrap()
}

#[divan::bench(args = CODECS)]
fn encode_two_integers(codec: Codec) -> Payload {
    add(codec)
}

#[divan::bench(args = CODECS)]
fn decode_two_integers(bencher: divan::Bencher<'_, '_>, codec: Codec) {
    let payload = add(codec);
    bencher.bench(|| {
        let mut params = Params::new(&payload, ADD).unwrap();
        let sum = params.next::<i64>().unwrap() + params.next::<i64>().unwrap();
        params.end().unwrap();
        sum
    });
}

#[divan::bench(args = CODECS)]
fn encode_a_kilobyte(bencher: divan::Bencher<'_, '_>, codec: Codec) {
    let order = order();
    bencher.bench(|| Payload::encode(codec, &order).unwrap());
}

#[divan::bench(args = CODECS)]
fn decode_a_kilobyte(bencher: divan::Bencher<'_, '_>, codec: Codec) {
    decode::<Order>(bencher, codec, &order());
}

#[divan::bench(args = CODECS)]
fn encode_64_kib_of_text(bencher: divan::Bencher<'_, '_>, codec: Codec) {
    let text = "x".repeat(64 << 10);
    bencher.bench(|| Payload::encode(codec, &text).unwrap());
}

#[divan::bench(args = CODECS)]
fn decode_64_kib_of_text(bencher: divan::Bencher<'_, '_>, codec: Codec) {
    decode::<String>(bencher, codec, &"x".repeat(64 << 10));
}

fn decode<T: Serialize + DeserializeOwned>(bencher: divan::Bencher<'_, '_>, codec: Codec, value: &T) {
    let payload = Payload::encode(codec, value).unwrap();
    bencher.bench(|| payload.decode::<T>().unwrap());
}

fn main() {
    divan::main();
}
