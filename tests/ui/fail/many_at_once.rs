//! Each of these is reported in one go.
use trunkline::{User, service};

#[service(namespaces = "chat")]
trait Chat {
    #[method(timeout = "5", rate_limit = "5/1x")]
    async fn say(&mut self, text: &str) -> impl Iterator<Item = u8>;
    #[method(public, oneway)]
    async fn new(&self, user: User, (a, b): (u8, u8)) -> u8;
}

fn main() {}
