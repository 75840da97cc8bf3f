//! What stands in the place of a generated `…Server` or `…Client`.
use trunkline::{Client, Server, ServiceSchema, service};

struct Rooms;

#[service]
trait Chat {
    async fn say(&self, text: String);
}

impl Chat for Rooms {
    async fn say(&self, _: String) {}
}

fn serve() {
    let _ = Server::builder().service(Rooms);
}

fn call(client: &Client) {
    let chat = ChatClient::new(client);
    let _ = ChatClient::new(&chat);
}

/// As the generators' `Services::service` does.
fn describe<C: trunkline::Service>() -> &'static ServiceSchema {
    C::SCHEMA
}

fn main() {
    describe::<Rooms>();
}
