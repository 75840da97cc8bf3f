use trunkline::{User, service};

#[service]
trait Chat {
    async fn crowded(&self, #[body] message: String, room: String, count: u8);
    async fn doubled(&self, #[body] message: String, #[body] other: String);
    async fn fine(&self, user: User, #[body] message: String);
}

fn main() {}
