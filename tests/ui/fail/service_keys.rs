use trunkline::service;

#[service(name = "chat", namespace)]
trait Unknown {}

#[service(namespace = chat, rename_all = "camel")]
trait Mistyped {}

#[service(namespace = "chat", namespace = "talk")]
trait Twice {}

#[service(crate = "my::trunkline")]
trait Quoted {}

fn main() {}
