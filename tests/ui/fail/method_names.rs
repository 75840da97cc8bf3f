use trunkline::service;

#[service]
trait Chat {
    async fn new(&self);
    async fn then(&self);
    async fn catch(&self);
    async fn finally(&self);
    async fn result(&self);
    async fn to_json(&self);
    #[allow(non_snake_case)]
    async fn toJSON(&self);
    async fn constructor(&self);
    async fn to_string(&self);
    async fn value_of(&self);
}

fn main() {}
