//! The contract: what server and clients share, and what `rpc.rs` generates TypeScript from.

use trunkline::{Attr, BoxStream, Connection, Result, User, attr, data, has, service};

/// The room that a session has joined.
pub const ROOM: Attr<String> = attr("room");

/// Something that was said.
#[data]
#[derive(Debug, Clone)]
pub struct Message {
    pub id: u64,
    pub from: String,
    pub text: String,
}

/// Why the chat says no.
#[data(error)]
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    #[error("there is no room {room}")]
    NoSuchRoom { room: String },
}

/// A chat with rooms.
#[service]
pub trait Chat {
    /// The rooms that there are.
    #[method(public, idempotent)]
    async fn rooms(&self) -> Vec<String>;

    /// Enters a room; a session is in one room at a time.
    async fn join(&self, conn: Connection, room: String) -> Result<(), ChatError>;

    /// Says something in the room that was joined: five times in ten seconds.
    #[method(requires = has(ROOM), rate_limit = "5/10s")]
    async fn say(&self, user: User, conn: Connection, text: String) -> Result<Message, ChatError>;

    /// What was said in a room, the latest first.
    async fn history(&self, room: String, #[default(10)] limit: u32) -> Result<Vec<Message>, ChatError>;

    /// What is said in a room from now on.
    async fn watch(&self, room: String) -> Result<BoxStream<Message>, ChatError>;

    /// Gives a room time to think.
    async fn think(&self, seconds: u64) -> String;

    /// Tells that somebody is typing; nobody waits for it.
    #[method(oneway)]
    async fn typing(&self, user: User);
}
