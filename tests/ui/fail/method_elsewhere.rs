use trunkline::{method, service};

#[service]
trait Chat {
    async fn rooms(&self);
}

struct Rooms;

impl Chat for Rooms {
    #[method(public)]
    async fn rooms(&self) {}
}

trait Forgotten {
    #[method(public)]
    fn rooms(&self);
}

fn main() {}
