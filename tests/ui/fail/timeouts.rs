use trunkline::service;

#[service]
trait Chat {
    #[method(timeout = "5")]
    async fn unitless(&self);
    #[method(timeout = "")]
    async fn empty(&self);
    #[method(timeout = "0s")]
    async fn zero(&self);
    #[method(timeout = "1m30s")]
    async fn compound(&self);
    #[method(timeout = "five s")]
    async fn words(&self);
    #[method(timeout = "1.s")]
    async fn unfinished(&self);
    #[method(timeout = "300000d")]
    async fn forever(&self);
    #[method(timeout = 5)]
    async fn number(&self);
}

fn main() {}
