//! Raw tokio-tungstenite with its default buffers, echoing opaque bytes: no codec, no dispatch, no task per
//! call.
//!
//! With [`Flush::WhenIdle`] either side feeds its output while input is already buffered, and flushes once
//! when it is about to wait. That is the floor of a WebSocket RPC with one message per call.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};

use crate::control::Publications;
use crate::meter::Meter;
use crate::push::{self, Listener};
use crate::workload::{Call, ITEM_LEN, Load};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    WhenIdle,
    EachMessage,
}

pub(crate) async fn serve(listener: TcpListener, flush: Flush, mut publications: Publications) -> Result<()> {
    let news = broadcast::Sender::new(WAITING);
    let published = news.clone();
    tokio::spawn(async move {
        while let Some(len) = publications.recv().await {
            let _ = published.send(Message::Text(push::text(len).into()));
        }
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let news = news.clone();
        tokio::spawn(async move {
            let mut path = String::new();
            let ws = accept_hdr_async(stream, Asked(&mut path)).await?;
            let socket = Socket { ws, flush };
            match path.as_str() {
                ITEMS => items(socket).await,
                NEWS => tell(socket, news.subscribe()).await,
                _ => echo(socket).await,
            }
        });
    }
}

async fn echo(mut socket: Socket) -> Result<()> {
    while let Some(bytes) = socket.receive().await? {
        socket.send(bytes).await?;
    }
    Ok(())
}

/// Notes what path was asked for.
struct Asked<'a>(&'a mut String);

impl Callback for Asked<'_> {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        request.uri().path().clone_into(self.0);
        Ok(response)
    }
}

/// Sends items for ever.
async fn items(mut socket: Socket) -> Result<()> {
    let item = Bytes::from(push::text(ITEM_LEN));
    loop {
        socket.send(item.clone()).await?;
    }
}

/// Sends what is published: all that there is, then one flush. It also reads, as whoever wants to know when a client goes has to.
async fn tell(mut socket: Socket, mut news: broadcast::Receiver<Message>) -> Result<()> {
    loop {
        let mut next = tokio::select! {
            biased;
            message = news.recv() => Some(message?),
            bytes = socket.receive() => match bytes? {
                Some(_) => continue,
                None => return Ok(()),
            },
        };
        while let Some(message) = next {
            socket.ws.feed(message).await?;
            next = news.try_recv().ok();
        }
        socket.ws.flush().await?;
    }
}

pub(crate) async fn listen(address: SocketAddr) -> Result<Listener> {
    let ws = push::dial(address, NEWS, None).await?;
    Ok(Listener { ws, publications: |message| u64::from(message.is_text()) })
}

pub(crate) async fn stream(
    address: SocketAddr,
    meter: &Arc<Meter>,
    flush: Flush,
) -> Result<JoinSet<Result<()>>> {
    let mut socket = Socket::connect_to(address, ITEMS, flush).await?;
    let meter = Arc::clone(meter);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while meter.running() {
            let item = socket.receive().await?.context("the server hung up")?;
            ensure!(item.len() == ITEM_LEN, "an item of {} bytes", item.len());
            meter.count(1);
        }
        Ok(())
    });
    Ok(tasks)
}

pub(crate) async fn start(
    address: SocketAddr,
    load: Load,
    meter: &Arc<Meter>,
    flush: Flush,
) -> Result<JoinSet<Result<()>>> {
    let mut tasks = JoinSet::new();
    for _ in 0..load.connections {
        tasks.spawn(call(Socket::connect(address, flush).await?, load, Arc::clone(meter)));
    }
    Ok(tasks)
}

pub(crate) async fn hold(address: SocketAddr, connections: usize) -> Result<Vec<impl Sized + 'static>> {
    let mut sockets = Vec::with_capacity(connections);
    for slot in 0..connections {
        let mut socket = Socket::connect(address, Flush::EachMessage).await?;
        let bytes = payload(slot, Call::Add);
        socket.send(bytes.clone()).await?;
        ensure!(socket.receive().await? == Some(bytes), "an echo came back changed");
        sockets.push(socket);
    }
    Ok(sockets)
}

/// Keeps `load.in_flight` messages outstanding; what comes back goes out again, so a changed byte shows at
/// the end.
async fn call(mut socket: Socket, load: Load, meter: Arc<Meter>) -> Result<()> {
    let mut in_flight = VecDeque::with_capacity(load.in_flight);
    for slot in 0..load.in_flight {
        in_flight.push_back((slot, Instant::now()));
        socket.send(payload(slot, load.call)).await?;
    }
    while let Some((slot, started)) = in_flight.pop_front() {
        let bytes = socket.receive().await?.context("the server hung up")?;
        let now = meter.record(started);
        ensure!(
            bytes.starts_with(&tag(slot)) && bytes.len() == load.call.raw_len(),
            "an echo is not the next"
        );
        if meter.running() {
            socket.send(bytes).await?;
            in_flight.push_back((slot, now));
        } else {
            ensure!(bytes == payload(slot, load.call), "an echo came back changed");
        }
    }
    Ok(())
}

fn payload(slot: usize, call: Call) -> Bytes {
    let rest = (0..).map(|at: usize| (at * 31 + slot) as u8);
    tag(slot).into_iter().chain(rest).take(call.raw_len()).collect()
}

fn tag(slot: usize) -> [u8; 8] {
    (slot as u64).to_be_bytes()
}

struct Socket {
    ws: WebSocketStream<TcpStream>,
    flush: Flush,
}

impl Socket {
    async fn connect(address: SocketAddr, flush: Flush) -> Result<Self> {
        Self::connect_to(address, "/", flush).await
    }

    async fn connect_to(address: SocketAddr, path: &str, flush: Flush) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (ws, _) = client_async(format!("ws://{address}{path}"), stream).await?;
        Ok(Self { ws, flush })
    }

    async fn send(&mut self, bytes: Bytes) -> Result<()> {
        let message = Message::Binary(bytes);
        match self.flush {
            Flush::WhenIdle => self.ws.feed(message).await?,
            Flush::EachMessage => self.ws.send(message).await?,
        }
        Ok(())
    }

    /// The next message's bytes; `None` once the other side is gone.
    async fn receive(&mut self) -> Result<Option<Bytes>> {
        let message = poll_fn(|cx| {
            let next = self.ws.poll_next_unpin(cx);
            if next.is_pending()
                && self.flush == Flush::WhenIdle
                && let Poll::Ready(Err(error)) = self.ws.poll_flush_unpin(cx)
            {
                return Poll::Ready(Some(Err(error)));
            }
            next
        });
        Ok(message.await.transpose()?.map(Message::into_data))
    }
}

const ITEMS: &str = "/items";
const NEWS: &str = "/news";
/// Publications that wait for who reads slowly; whoever is further behind is let go.
const WAITING: usize = 1_024;
