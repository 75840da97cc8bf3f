use trunkline::service;

#[service(namespace = "")]
trait Empty {
    async fn a(&self);
}

#[service(namespace = "chat.")]
trait Dotted {
    async fn a(&self);
}

#[service(namespace = "rpc")]
trait Reserved {
    async fn a(&self);
    async fn b(&self);
}

fn main() {}
