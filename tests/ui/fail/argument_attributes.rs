use trunkline::{User, service};

#[service]
trait Chat {
    async fn both(&self, #[extract] #[param] user: User);
    async fn unknown(&self, #[extrakt] room: String);
    async fn loaded(&self, #[param(name = "r")] room: String);
    async fn conditional(&self, #[cfg(unix)] room: String);
    async fn serde(&self, #[serde(default)] room: String);
}

fn main() {}
