//! socketioxide: Socket.IO rooms on axum. It has no Rust client, so its clients are raw tokio-tungstenite.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use axum::Router;
use axum::serve::ListenerExt;
use futures_util::{SinkExt, StreamExt};
use socketioxide::SocketIo;
use socketioxide::extract::SocketRef;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::control::Publications;
use crate::meter::Meter;
use crate::push::{self, Listener};
use crate::workload::ITEM_LEN;

pub(crate) async fn serve(listener: TcpListener, mut publications: Publications) -> Result<()> {
    let (layer, io) = SocketIo::builder()
        .max_buffer_size(BUFFER)
        // Beyond any run: the clients do not answer.
        .ping_interval(FOR_EVER)
        .ping_timeout(FOR_EVER)
        .build_layer();
    io.ns("/", async |socket: SocketRef| {
        socket.on("listen", async |socket: SocketRef| socket.join(ROOM));
        socket.on("items", async |socket: SocketRef| {
            tokio::spawn(items(socket));
        });
    });
    tokio::spawn(async move {
        while let Some(len) = publications.recv().await {
            let _ = io.to(ROOM).emit("item", &push::text(len)).await;
        }
    });
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, Router::new().layer(layer)).await?;
    Ok(())
}

/// Emits while there is room in the socket's buffer.
async fn items(socket: SocketRef) {
    let item = push::text(ITEM_LEN);
    while socket.connected() {
        if socket.emit("item", &item).is_err() {
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) async fn listen(address: SocketAddr, event: &str) -> Result<Listener> {
    let mut ws = push::dial(address, "/socket.io/?EIO=4&transport=websocket", None).await?;
    let open = push::next(&mut ws).await?;
    ensure!(open.to_text()?.starts_with('0'), "no Engine.IO");
    ws.send(Message::text("40")).await?;
    // A ping may come before.
    while !push::next(&mut ws).await?.to_text()?.starts_with("40") {}
    ws.send(Message::text(format!("42[\"{event}\"]"))).await?;
    Ok(Listener { ws, publications: |message| u64::from(event_of(message).is_some()) })
}

fn event_of(message: &Message) -> Option<&str> {
    message.to_text().ok()?.strip_prefix("42")
}

pub(crate) async fn stream(address: SocketAddr, meter: &Arc<Meter>) -> Result<JoinSet<Result<()>>> {
    let (mut ws, meter) = (listen(address, "items").await?.ws, Arc::clone(meter));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while meter.running()
            && let Some(message) = ws.next().await
        {
            let message = message?;
            if let Some(event) = event_of(&message) {
                let (_, item): (&str, &str) = serde_json::from_str(event)?;
                ensure!(item.len() == ITEM_LEN, "an item of {} bytes", item.len());
                meter.count(1);
            }
        }
        Ok(())
    });
    Ok(tasks)
}

const ROOM: &str = "room";
const FOR_EVER: Duration = Duration::from_secs(3600);
// Raised from 128, so that no default throttles a workload.
const BUFFER: usize = 8_192;
