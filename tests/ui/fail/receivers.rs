use trunkline::service;

#[service]
trait Chat {
    async fn none() -> u8;
    async fn value(self) -> u8;
    async fn exclusive(&mut self) -> u8;
    async fn lasting(&'static self) -> u8;
    async fn marked(#[extract] &self) -> u8;
    async fn shared(self: std::sync::Arc<Self>) -> u8;
}

fn main() {}
