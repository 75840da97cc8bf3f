use std::future::Future;

use trunkline::service;

#[service]
trait Chat {
    async fn name(&self) -> &str;
    async fn names(&self) -> Option<&'static str>;
    fn later(&self) -> impl Future<Output = u8> + Send;
    fn each(&self) -> impl Iterator<Item = u8>;
    async fn copy(&self) -> Self;
}

fn main() {}
