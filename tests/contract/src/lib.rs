//! A contract with a bit of everything, as the crate that server and clients share has it.
//!
//! `cargo xtask test features` compiles it under every set of features: what `#[service]` and `#[data]` write has to be
//! there for a client that has no server types, and for a server whose types no generator describes.

use trunkline::{
    Attr, CallHead, Connection, Error, FromCall, Hub, Result, User, attr, data, eq, has, is, service,
};

/// Where a session says which room it is in.
pub const ROOM: Attr<String> = attr("room");

/// A message.
#[data(rename_all = "camelCase")]
#[derive(Debug, Clone)]
pub struct Message {
    /// What it says.
    pub text: String,
    /// What it answers.
    pub reply_to: Option<Box<Self>>,
    /// When it was sent; only generators know the attributes of this field.
    #[ts(type = "Date | string")]
    #[schemars(title = "when")]
    pub sent_at: String,
}

/// A part of a list.
#[data]
#[derive(Debug)]
pub struct Page<T> {
    /// The part.
    pub items: Vec<T>,
}

/// What can go wrong.
#[data(error)]
#[derive(Debug)]
pub enum RoomError {
    /// There is none.
    NoSuchRoom {
        /// The room.
        room: String,
    },
    /// Anything else.
    #[other]
    Other(Error),
}

/// Whose rooms these are: an extractor of one's own.
#[derive(Debug)]
pub struct Tenant(pub String);

impl FromCall for Tenant {
    async fn from_call(call: &CallHead) -> Result<Self> {
        let tenant =
            call.connection().header("x-tenant").ok_or_else(|| Error::invalid("x-tenant is missing"))?;
        Ok(Self(tenant.to_owned()))
    }
}

/// Rooms to talk in.
#[service(namespace = "rooms", rename_all = "camelCase")]
pub trait Rooms {
    /// Says something.
    #[method(requires = has(ROOM) & !eq("team", "red") | is("vip"), rate_limit = "5/10s", timeout = "5s")]
    async fn say(&self, user: User, room: String, text: String) -> Result<Message, RoomError>;

    /// Lists messages.
    #[method(alias = "list", public, idempotent, rate_limit(limit = 100, per = ip, disconnect))]
    async fn messages(&self, #[extract] tenant: Tenant, #[default(1)] page: u32) -> Page<Message>;

    /// Says something to everybody.
    #[method(oneway)]
    async fn announce(&self, conn: Connection, hub: Hub, #[body] message: Message);

    /// Counts the rooms.
    fn count(&self) -> u64 {
        0
    }
}

/// Calls a method, over whatever there is.
///
/// # Errors
///
/// What the call fails with.
pub async fn greet(rooms: &RoomsClient) -> Result<Message, trunkline::CallError<RoomError>> {
    rooms.say("lobby", "hi").await
}

/// Serves the rooms, wherever.
pub fn serve<T: Rooms>(rooms: T) -> RoomsServer<T> {
    RoomsServer::new(rooms)
}

/// Dials and calls.
///
/// # Errors
///
/// If there is no connection, or the call fails.
#[cfg(feature = "client")]
pub async fn call(url: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let client = trunkline::Client::builder(url).connect().await?;
    Ok(RoomsClient::new(&client).count().await?)
}

/// Serves the rooms to a server that was dialled, which needs nothing of a server.
///
/// # Errors
///
/// If there is no connection.
#[cfg(feature = "client")]
pub async fn expose(url: &str, rooms: impl Rooms) -> Result<trunkline::Client, trunkline::ConnectError> {
    trunkline::Client::builder(url).expose(serve(rooms)).connect().await
}

/// Tells everybody.
///
/// # Errors
///
/// If it cannot be sent.
#[cfg(feature = "server")]
pub async fn announce(hub: &Hub, message: Message) -> Result<usize> {
    let rooms: RoomsClient<trunkline::Cast> = RoomsClient::new(&hub.everyone());
    rooms.announce(message).await
}

/// Serves the rooms on a socket.
///
/// # Errors
///
/// If a setting cannot work.
#[cfg(feature = "server")]
pub fn server(rooms: impl Rooms) -> Result<trunkline::Server, trunkline::ConfigError> {
    trunkline::Server::builder().service(serve(rooms)).build()
}
