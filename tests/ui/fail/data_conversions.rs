use trunkline::data;

#[data]
#[derive(Clone)]
#[serde(from = "String", into = "u8")]
struct Torn {
    inner: String,
}

#[data]
#[serde(try_from = "String")]
struct Name {
    inner: String,
}

#[data]
#[derive(Clone)]
#[serde(into = "String")]
struct Written {
    inner: String,
}

impl From<Written> for String {
    fn from(it: Written) -> Self {
        it.inner
    }
}

impl From<String> for Torn {
    fn from(inner: String) -> Self {
        Self { inner }
    }
}

impl From<Torn> for u8 {
    fn from(_: Torn) -> Self {
        0
    }
}

impl TryFrom<String> for Name {
    type Error = std::convert::Infallible;

    fn try_from(inner: String) -> Result<Self, Self::Error> {
        Ok(Self { inner })
    }
}

fn main() {}
