use trunkline::{Error, data};

#[data(error)]
struct NotAnEnum {
    room: String,
}

#[data(error)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Tagged {
    NoSuchRoom { room: String },
}

#[data(error)]
enum Reserved {
    Internal,
    #[serde(rename = "UNAVAILABLE")]
    Closed,
    DeadlineExceeded(u64),
    NotFound,
}

#[data(error)]
enum Others {
    #[other]
    Unit,
    #[other]
    Two(Error, u8),
    #[other]
    One(Error),
}

#[data(error)]
enum Loaded {
    #[other(transparent)]
    Other(Error),
}

#[data]
enum Plain {
    #[other]
    Other(u8),
}

#[data(error, input, rename_all = "camelCase")]
enum Keys {
    Gone,
}

fn main() {}
