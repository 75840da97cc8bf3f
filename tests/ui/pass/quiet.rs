//! The code that the macros write breaks no lint, however strict.
#![deny(warnings, missing_debug_implementations, missing_docs, unnameable_types, unreachable_pub, unused_qualifications)]
#![deny(elided_lifetimes_in_paths, let_underscore_drop, single_use_lifetimes, trivial_casts, unused_lifetimes)]

use trunkline::{Connection, Error, Hub, Result, User, data, is, service};

/// A message.
#[data]
#[derive(Debug, Clone)]
pub struct Message {
    /// Its number.
    pub id: u64,
    /// What it says.
    pub text: Option<String>,
    /// What it answers.
    pub reply_to: Option<Box<Self>>,
    /// What it said before.
    #[deprecated = "use `text`"]
    pub body: Option<String>,
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
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// There is none.
    #[error("there is no room {room}")]
    NoSuchRoom {
        /// The room.
        room: String,
    },
    /// Anything else.
    #[error("internal")]
    #[other]
    Other(Error),
}

/// Rooms to talk in.
#[service]
pub trait Chat {
    /// Says something.
    #[method(requires = is("vip"), rate_limit = "5/10s")]
    async fn say(&self, user: User, room: String, n: i64) -> Result<Message, ChatError>;

    /// The rooms.
    #[method(public, idempotent)]
    async fn rooms(&self, #[default(String::new())] prefix: String) -> Vec<String>;

    /// The version.
    fn version(&self) -> String {
        "1".to_owned()
    }

    /// Says something to everybody.
    #[method(oneway)]
    async fn announce(&self, conn: Connection, hub: Hub, #[body] message: Message);

    /// Lists messages.
    #[deprecated]
    async fn list(&self, page: Option<Page<Message>>) -> Result<Page<Message>> {
        Ok(page.unwrap_or(Page { items: Vec::new() }))
    }

    /// Adds up.
    #[expect(clippy::too_many_arguments)]
    async fn add(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8) -> u8;
}

/// What nobody uses any more.
#[deprecated]
#[service(namespace = "old", rename_all = "camelCase")]
pub trait Ancient {
    /// Gets it.
    async fn get_it(&self);
}

/// Nothing.
#[service]
pub trait Void {}

mod inner {
    #[trunkline::service]
    pub(super) trait Undocumented {
        async fn it(&self) -> u8;
    }

    #[trunkline::service]
    trait Private {
        async fn it(&self) -> u8;
    }
}

fn main() {}
