//! A chat: one trait, a server, two clients over a real WebSocket, and a transcript of what they say to each other.
//!
//! `cargo run --example quickstart` keeps serving until Ctrl-C; with `-- --once` it ends after the transcript.

#![allow(missing_docs, reason = "an example is its own documentation")]

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::stream;
use tokio::sync::broadcast::{self, error::RecvError};
use trunkline::{
    BoxStream, CallError, Client, Code, Connection, Credentials, Hub, Result, Server, User, service,
};

use crate::contract::{Chat, ChatClient, ChatError, ChatServer, Message, ROOM};

pub mod contract;

// The server: `self` is the state.

struct Rooms {
    rooms: Mutex<BTreeMap<String, Room>>,
}

struct Room {
    messages: Vec<Message>,
    live: broadcast::Sender<Message>,
}

impl Room {
    fn new() -> Self {
        Self { messages: Vec::new(), live: broadcast::Sender::new(64) }
    }
}

impl Rooms {
    fn new(names: &[&str]) -> Self {
        Self { rooms: Mutex::new(names.iter().map(|name| ((*name).to_owned(), Room::new())).collect()) }
    }

    /// Looks at a room, or changes it.
    fn room<T>(&self, room: &str, work: impl FnOnce(&mut Room) -> T) -> Result<T, ChatError> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.get_mut(room).map(work).ok_or_else(|| ChatError::NoSuchRoom { room: room.to_owned() })
    }
}

impl Chat for Rooms {
    async fn rooms(&self) -> Vec<String> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    async fn join(&self, conn: Connection, room: String) -> Result<(), ChatError> {
        self.room(&room, |_| ())?;
        conn.set(ROOM, room);
        Ok(())
    }

    async fn say(&self, user: User, conn: Connection, text: String) -> Result<Message, ChatError> {
        self.room(&conn.get(ROOM).unwrap_or_default(), |room| {
            let message = Message { id: room.messages.len() as u64 + 1, from: user.id().to_owned(), text };
            room.messages.push(message.clone());
            // It is nobody's fault if nobody watches.
            let _ = room.live.send(message.clone());
            message
        })
    }

    async fn history(&self, room: String, limit: u32) -> Result<Vec<Message>, ChatError> {
        self.room(&room, |room| room.messages.iter().rev().take(limit as usize).cloned().collect())
    }

    async fn watch(&self, room: String) -> Result<BoxStream<Message>, ChatError> {
        let live = self.room(&room, |room| room.live.subscribe())?;
        Ok(Box::pin(stream::unfold(live, async |mut live| {
            loop {
                match live.recv().await {
                    Ok(message) => return Some((message, live)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })))
    }

    async fn think(&self, seconds: u64) -> String {
        let _end = OnDrop("           (the server stops thinking)");
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        "42".to_owned()
    }

    async fn typing(&self, user: User) {
        println!("           ({} is typing)", user.id());
    }
}

/// Says something when it is dropped: a cancelled method is a dropped future.
struct OnDrop(&'static str);

impl Drop for OnDrop {
    fn drop(&mut self) {
        println!("{}", self.0);
    }
}

/// Who has which token; a real server would ask its accounts.
fn authenticate(creds: &Credentials) -> Result<Option<User>> {
    Ok(creds.token().and_then(|token| token.strip_prefix("token-of-")).map(User::new))
}

// The clients. They may serve something themselves.

#[service]
pub trait Pager {
    /// Asks whether somebody is there.
    async fn page(&self, question: String) -> String;
}

struct Desk;

impl Pager for Desk {
    async fn page(&self, question: String) -> String {
        format!("you ask \"{question}\"? yes")
    }
}

async fn transcript(url: &str, hub: &Hub) -> Result<(), Box<dyn std::error::Error>> {
    let ann = Client::builder(url).token("token-of-ann").connect().await?;
    let ben = Client::builder(url).token("token-of-ben").expose(PagerServer::new(Desk)).connect().await?;
    let (ann, ben) = (ChatClient::new(&ann), ChatClient::new(&ben));

    println!("ann   rooms()          -> {:?}", ann.rooms().await?);

    // A typed error arrives as the variant that the server returned.
    match ann.join("attic").await {
        Err(CallError::App(ChatError::NoSuchRoom { room })) => {
            println!("ann   join(\"attic\")    -> no room {room}")
        }
        other => return Err(format!("expected a typed error, got {other:?}").into()),
    }

    // The guard on `say` wants a room.
    let refused = ann.say("hello?").await.expect_err("ann is in no room yet");
    println!("ann   say(\"hello?\")    -> {refused}");
    assert_eq!(refused.code(), Code::PermissionDenied);
    ann.join("lobby").await?;
    ben.join("lobby").await?;
    println!("ann   say(\"hello!\")    -> {:?}", ann.say("hello!").await?);
    println!("ben   say(\"hi ann\")    -> {:?}", ben.say("hi ann").await?);
    println!("ben   history(\"lobby\") -> {} messages", ben.history("lobby", 10).await?.len());

    // Five in ten seconds: the sixth is refused, and says when to come back.
    for word in ["one", "two", "three", "four"] {
        ann.say(word).await?;
    }
    let limited = ann.say("five").await.expect_err("the sixth within ten seconds");
    let retry = limited.retry_after().unwrap_or_default();
    println!("ann   say(\"five\")      -> {limited}; again in {:.1} s", retry.as_secs_f32());
    assert_eq!(limited.code(), Code::ResourceExhausted);

    // Dropping a call cancels the method on the server.
    let thought = tokio::time::timeout(Duration::from_millis(50), ben.think(60)).await;
    println!(
        "ben   think(60)        -> {}",
        if thought.is_err() { "given up after 50 ms" } else { "answered" }
    );

    // A oneway call resolves when it is on its way.
    ben.typing().await?;
    println!("ben   typing()         -> sent");
    ben.rooms().await?;

    // The server calls a client as a client calls the server.
    for conn in hub.user("ben").connections() {
        println!("hub   page(\"there?\")   -> {}", PagerClient::new(&conn).page("there?").await?);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let once = std::env::args().any(|arg| arg == "--once");
    let server = Server::builder()
        .service(ChatServer::new(Rooms::new(&["lobby", "kitchen"])))
        .auth(authenticate)
        .path("/rpc")
        .files(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/quickstart/web"))
        .build()?;
    let bound = match server.bind("127.0.0.1:8080").await {
        Ok(bound) if !once => bound,
        // Taken, or not needed: any free port will do.
        _ => server.bind("127.0.0.1:0").await?,
    };
    let addr = bound.local_addr()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(bound.run_until(async { drop(stopped.await) }));

    println!("serving chat on ws://{addr}/rpc\n");
    transcript(&format!("ws://{addr}/rpc"), &server.hub()).await?;

    if !once {
        println!("\nstill serving: open http://{addr}/ in a browser; Ctrl-C ends it");
        tokio::signal::ctrl_c().await?;
    }
    let _ = stop.send(());
    serving.await?;
    Ok(())
}
