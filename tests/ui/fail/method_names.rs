use trunkline::service;

#[service]
trait Chat {
    async fn new(&self);
    async fn then(&self);
    async fn result(&self);
    async fn to_json(&self);
    #[method(alias = "catch")]
    async fn attempt(&self);
}

fn main() {}
