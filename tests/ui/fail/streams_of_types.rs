use trunkline::{Error, Stream, Streaming, data, service};

struct Plain;

#[data(error)]
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("full")]
    Full,
}

#[service]
trait Items {
    fn plain(&self) -> impl Stream<Item = Plain>;
}

#[service]
trait Uploads {
    async fn plain(&self, parts: Streaming<Plain>);
}

#[data(error)]
#[derive(Debug, thiserror::Error)]
enum Another {
    #[error("empty")]
    Empty,
}

#[service]
trait Errors {
    async fn two(&self) -> Result<impl Stream<Item = Result<u8, Fault>>, Another>;
    async fn fine(&self) -> Result<impl Stream<Item = Result<u8, Fault>>, Error>;
}

fn main() {}
