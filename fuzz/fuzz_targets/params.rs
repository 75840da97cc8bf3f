//! Parameters, read into several types in both codecs; the first byte says which codec.
#![no_main]

use std::collections::{BTreeMap, HashMap};

use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trunkline_core::{Bytes, Codec, I64, ParamSchema, Params, Payload, TypeSchema, U64};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: U64,
    items: Vec<Item>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    photo: Option<Bytes>,
    payment: Payment,
    notes: BTreeMap<String, Option<I64>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Item(u16, String, Option<bool>, char);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Payment {
    Cash,
    Card { number: String },
    Transfer(I64, Bytes),
    Split(Vec<Payment>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    Empty,
    Full { data: Bytes, next: Option<Box<Tagged>> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    Data { data: Bytes },
    Many(Vec<Untagged>),
}

fn param(name: &'static str) -> ParamSchema {
    ParamSchema { name, has_default: false, stream: false, ty: TypeSchema::of::<u8> }
}

fn round_trip<T: Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(payload: &Payload) {
    match payload.decode::<T>() {
        Ok(value) => {
            let again = Payload::encode(payload.codec(), &value).expect("what was decoded can be encoded");
            assert_eq!(again.decode::<T>().expect("and decoded again"), value);
        }
        Err(error) => assert!(error.path.len() <= 256 && error.message.len() <= 256),
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let codec = if choice & 1 == 0 { Codec::Json } else { Codec::MessagePack };
    let payload = Payload::new(codec, bytes.to_vec());

    round_trip::<Value>(&payload);
    round_trip::<Order>(&payload);
    round_trip::<Tagged>(&payload);
    round_trip::<Untagged>(&payload);
    round_trip::<(Order, Tagged)>(&payload);
    round_trip::<HashMap<u32, Vec<Item>>>(&payload);
    round_trip::<Vec<Payment>>(&payload);

    // A method's schema is constant.
    static SCHEMA: std::sync::LazyLock<[ParamSchema; 3]> =
        std::sync::LazyLock::new(|| ["order", "limit", "rest"].map(param));
    if let Ok(mut params) = Params::new(&payload, &*SCHEMA) {
        let _ = params.next::<Order>();
        let _ = params.next_or(|| 5_u8);
        let _ = params.next::<Untagged>();
        let _ = params.end();
    }
});
