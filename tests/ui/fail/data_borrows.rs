use std::borrow::Cow;

use trunkline::data;

#[data]
struct Message<'a> {
    text: Cow<'a, str>,
}

#[data]
struct Title {
    text: &'static str,
}

fn main() {}
