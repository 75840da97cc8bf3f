#![allow(
    dead_code,
    deprecated,
    missing_docs,
    missing_debug_implementations,
    unnameable_types,
    unreachable_pub
)]
#![allow(clippy::large_enum_variant, clippy::use_self)]

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use trunkline::{BoxStream, Bytes, I64, Stream, Streaming, U64, Value, data, service};
use uuid::Uuid;

type Result<T> = trunkline::Result<T, ChatError>;

/// Stable user id.
#[data]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserId(u64);

/// A chat user.
///
/// Nested comment terminators */ are escaped.
#[data]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub id: UserId,
    pub name: String,
    /// Absent when never set.
    pub nickname: Option<String>,
    #[deprecated = "use `name`"]
    pub display_name: String,
    pub role: Role,
    pub created_at: DateTime<Utc>,
    pub session: Uuid,
    /// Milliseconds since the epoch: checked to stay within 2^53.
    pub last_seen_ms: i64,
    /// Full 64-bit range.
    pub balance: I64,
    pub avatar: Bytes,
    pub labels: BTreeMap<String, Scalar>,
    pub by_role: BTreeMap<Role, u32>,
    pub position: (f32, f32),
    #[serde(flatten)]
    pub presence: Presence,
    pub r#type: Option<Option<u8>>,
}

#[data]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    pub online: bool,
    /**
     * What they say.
     * - in
     * two lines
     */
    pub status_text: Option<String>,
}

/// Unit variants only: a union of string literals.
#[data]
#[derive(PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    SuperAdmin,
    Member,
}

/// `untagged`.
#[data]
#[serde(untagged)]
pub enum Scalar {
    Bool(bool),
    Number(f64),
    Text(String),
}

/// Externally tagged (serde's default).
#[data]
pub enum Shape {
    /// Nothing to see.
    Empty,
    #[deprecated = "draw a `Rect`"]
    Circle(f64),
    /// With corners.
    Rect {
        w: f64,
        /// Upwards.
        h: f64,
    },
    Picture(Bytes),
}

/// Internally tagged.
#[data]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RoomEvent {
    /// Somebody said something.
    Message(Message),
    Typing {
        user_id: UserId,
    },
    Closed,
}

/// Adjacently tagged.
#[data]
#[serde(tag = "kind", content = "value", rename_all = "camelCase")]
pub enum Attachment {
    Image(Bytes),
    Drawing(Vec<Shape>),
    /// Nothing.
    None,
}

#[data]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub id: U64,
    pub author: User,
    pub text: String,
    pub attachment: Option<Attachment>,
    pub reply_to: Option<Box<Message>>,
}

/// One page of results.
#[data]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next_cursor: Option<String>,
}

#[data(input)]
#[serde(rename_all = "camelCase")]
pub struct PageRequest {
    #[serde(default = "fifty")]
    pub limit: u32,
    pub cursor: Option<String>,
}

fn fifty() -> u32 {
    50
}

#[data]
#[serde(from = "String", into = "String")]
#[derive(Clone)]
pub struct RoomName {
    inner: String,
}

impl From<String> for RoomName {
    fn from(inner: String) -> Self {
        Self { inner }
    }
}

impl From<RoomName> for String {
    fn from(name: RoomName) -> Self {
        name.inner
    }
}

#[data]
#[serde(rename_all = "camelCase")]
pub struct PresenceChanged {
    pub user_id: UserId,
    #[serde(flatten)]
    pub presence: Presence,
}

/// Errors of the chat service.
#[data(error)]
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    #[error("not found")]
    NotFound { room: String },
    #[error("rate limited")]
    RateLimited { retry_after_ms: u32 },
    #[error("closed")]
    Closed,
}

/// Chat rooms.
#[service(namespace = "chat")]
pub trait Chat {
    /// The signed-in user.
    #[method(idempotent)]
    async fn me(&self) -> User;
    /// Lists users, newest first.
    ///
    /// At most 200 per page.
    #[method(idempotent, timeout = "2m")]
    async fn users(&self, page: PageRequest, role: Option<Role>) -> Result<Page<User>>;
    /// Sends a message.
    async fn send(
        &self,
        room: RoomName,
        text: String,
        attachment: Option<Attachment>,
        #[default(false)] silent: bool,
    ) -> Result<Message>;
    #[deprecated = "use `users`"]
    async fn all_users(&self) -> Vec<User>;
    /// Fire and forget.
    #[method(oneway)]
    async fn ping(&self, at: f64);
    async fn events(&self, room: RoomName, since: Option<I64>, limit: u32) -> Result<Vec<RoomEvent>>;
    /// What is said, as it is said.
    fn follow(&self, room: RoomName) -> impl Stream<Item = Result<Message>>;
    /// Once a second.
    fn clock(&self) -> BoxStream<DateTime<Utc>>;
    async fn upload(&self, name: String, parts: Streaming<Bytes>) -> Result<u32>;
    fn transcribe(&self, sound: Streaming<Bytes>, language: Option<String>) -> impl Stream<Item = I64>;
    async fn get_avatar(&self, id: UserId) -> Bytes;
    async fn presence(&self, r#in: Vec<UserId>, options: Option<Value>) -> BTreeMap<UserId, PresenceChanged>;
    async fn shapes(&self) -> Option<(Shape, I64)>;
}

/// What moderators may do.
#[service]
#[deprecated = "rooms moderate themselves"]
pub trait Moderator {
    /// Shows somebody the door.
    #[method(alias = "/kick")]
    async fn kick(&self, #[body] user: UserId) -> Result<()>;
}
