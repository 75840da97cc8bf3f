//! What flows from the server: publications to many connections, read by raw tokio-tungstenite whatever the subject is, so that
//! the difference is the server's.
//!
//! The next one goes out when all connections have the last one, so that no server can gather two of them in one `send`: what a
//! delivery costs is what is measured. The server is asked for it over the control connection, which is the same for all
//! subjects.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::control::Control;
use crate::meter::Meter;

/// A connection that has subscribed, and how many publications one of its messages carries.
pub(crate) struct Listener {
    pub(crate) ws: WebSocketStream<TcpStream>,
    pub(crate) publications: fn(&Message) -> u64,
}

/// What is published: text that no codec has to escape.
pub(crate) fn text(len: usize) -> String {
    (0..len).map(|at| char::from(b'a' + (at % 26) as u8)).collect()
}

/// Opens a WebSocket to read from, with a buffer that ten thousand of them can have.
pub(crate) async fn dial(
    address: SocketAddr,
    path: &str,
    subprotocol: Option<&'static str>,
) -> Result<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut request = format!("ws://{address}{path}").into_client_request()?;
    if let Some(subprotocol) = subprotocol {
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(subprotocol));
    }
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    Ok(client_async_with_config(request, stream, Some(config)).await?.0)
}

/// The next message of a connection that is being set up.
pub(crate) async fn next(ws: &mut WebSocketStream<TcpStream>) -> Result<Message> {
    Ok(ws.next().await.context("the server hung up")??)
}

/// Reads on all connections, and has the server publish.
pub(crate) fn fan(
    listeners: Vec<Listener>,
    control: Control,
    len: usize,
    meter: &Arc<Meter>,
) -> JoinSet<Result<()>> {
    let (mut tasks, pace) = (JoinSet::new(), Pace::of(listeners.len()));
    for listener in listeners {
        tasks.spawn(read(listener, Arc::clone(&pace), Arc::clone(meter)));
    }
    tasks.spawn(publish(control, len, pace, Arc::clone(meter)));
    tasks
}

/// As [`fan`], but the last connection reads no more as soon as the flag is set. Nobody waits for it.
pub(crate) fn fan_with_one_slow(
    mut listeners: Vec<Listener>,
    control: Control,
    len: usize,
    meter: &Arc<Meter>,
) -> (JoinSet<Result<()>>, Arc<AtomicBool>) {
    let (slow, deaf) = (listeners.pop(), Arc::new(AtomicBool::new(false)));
    let mut tasks = fan(listeners, control, len, meter);
    let heard = Arc::clone(&deaf);
    tasks.spawn(async move {
        let mut slow = slow.context("there is nobody to be slow")?;
        while !heard.load(Relaxed) {
            next(&mut slow.ws).await?;
        }
        std::future::pending().await
    });
    (tasks, deaf)
}

/// How far all have come.
struct Pace {
    connections: u64,
    received: AtomicU64,
    /// Told whenever all have received one more.
    more: Notify,
}

impl Pace {
    fn of(connections: usize) -> Arc<Self> {
        let connections = connections as u64;
        Arc::new(Self { connections, received: AtomicU64::new(0), more: Notify::new() })
    }

    fn received(&self, publications: u64) {
        let before = self.received.fetch_add(publications, Relaxed);
        if before / self.connections != (before + publications) / self.connections {
            self.more.notify_one();
        }
    }

    /// How many publications are over.
    fn over(&self) -> u64 {
        self.received.load(Relaxed) / self.connections
    }
}

async fn read(mut listener: Listener, pace: Arc<Pace>, meter: Arc<Meter>) -> Result<()> {
    while let Some(message) = listener.ws.next().await {
        let publications = (listener.publications)(&message?);
        meter.count(publications);
        pace.received(publications);
    }
    bail!("the server hung up")
}

async fn publish(mut control: Control, len: usize, pace: Arc<Pace>, meter: Arc<Meter>) -> Result<()> {
    let mut published = 0;
    while meter.running() {
        while published <= pace.over() {
            control.publish(len)?;
            published += 1;
        }
        pace.more.notified().await;
    }
    Ok(())
}

const READ_BUFFER: usize = 4096;
