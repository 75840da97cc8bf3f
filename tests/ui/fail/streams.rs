use trunkline::{BoxStream, Stream, Streaming, service};

#[service]
trait Chat {
    fn perhaps(&self) -> Option<impl Stream<Item = u8>>;
    fn of_what(&self) -> impl Stream;
    fn borrowed(&self) -> BoxStream<&str>;
    fn given(&self) -> Streaming<u8>;
    async fn taken(&self, parts: impl Stream<Item = u8>);
    async fn inside(&self, parts: Option<Streaming<u8>>);
    async fn default(&self, #[default(parts())] parts: Streaming<u8>);
    #[method(oneway)]
    async fn oneway(&self, parts: Streaming<u8>);
    #[method(idempotent)]
    async fn idempotent(&self, parts: Streaming<u8>);
}

fn main() {}
