//! Without the derives, the compiler also says what each of them misses; the error below is always the first.
use trunkline::{
    __private::{schemars, serde, ts_rs},
    data,
};

#[derive(serde::Serialize, serde::Deserialize, ts_rs::TS, schemars::JsonSchema)]
#[serde(crate = "trunkline::__private::serde")]
#[ts(crate = "trunkline::__private::ts_rs")]
#[schemars(crate = "trunkline::__private::schemars")]
struct Author {
    name: String,
}

#[data]
struct Message {
    text: String,
    authors: Vec<Author>,
}

fn main() {}
