use trunkline::data;

#[data(errors)]
struct Unknown;

#[data(rename_all = "camel", input = true)]
struct Mistyped;

#[data(rename_all = "camelCase")]
#[serde(rename_all = "snake_case")]
struct Twice;

#[data(rename_all_fields = "camelCase")]
struct NotAnEnum {
    user_name: String,
}

#[data]
#[data(input)]
struct Doubled;

#[data]
struct Fields {
    #[data(optional)]
    a: Option<u8>,
    #[data(nullable)]
    b: u8,
    #[data(as = String)]
    c: Option<u8>,
}

#[data]
enum Variants {
    #[data(rename = "x")]
    A(#[data(nullable)] Option<u8>),
}

fn main() {}
