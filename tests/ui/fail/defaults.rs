use trunkline::{User, service};

#[service]
trait Chat {
    async fn bare(&self, #[default] count: u8);
    async fn assigned(&self, #[default = 1] count: u8);
    async fn twice(&self, #[default(1)] #[default(2)] count: u8);
    async fn user(&self, #[default(None)] user: Option<User>);
    async fn body(&self, #[body] #[default(1)] count: u8);
}

#[service]
trait Typed {
    async fn greet(&self, #[default("hello")] greeting: String);
}

fn main() {}
