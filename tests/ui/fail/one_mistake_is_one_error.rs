//! The trait stays there, and what would have come from it is not missed.
use trunkline::{Connection, User, service};

#[service]
pub trait Chat {
    #[method(rate_limit = "5/1x")]
    async fn say(&self, user: User, #[param] conn: Connection, #[default(1)] count: u8) -> String;
    async fn rooms(&self) -> Vec<String>;
}

struct Rooms;

impl Chat for Rooms {
    async fn say(&self, user: User, _: Connection, _: u8) -> String {
        user.id().to_owned()
    }

    async fn rooms(&self) -> Vec<String> {
        Vec::new()
    }
}

struct App {
    chat: ChatClient,
}

impl App {
    async fn run(&self) -> String {
        let server = ChatServer::new(Rooms);
        drop(server);
        self.chat.say("hi").await.unwrap()
    }
}

fn main() {}
