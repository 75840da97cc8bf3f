//! jsonrpsee: JSON-RPC 2.0 over WebSocket, server and client of its macro API.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures_util::SinkExt;
use jsonrpsee::async_client::{Client, ClientBuilder};
use jsonrpsee::client_transport::ws::WsTransportClientBuilder;
use jsonrpsee::core::client::Subscription;
use jsonrpsee::core::{RpcResult, SubscriptionResult, async_trait};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::server::{PendingSubscriptionSink, Server, ServerConfig};
use serde_json::value::{RawValue, to_raw_value};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

use crate::control::Publications;
use crate::doc::Doc;
use crate::meter::Meter;
use crate::push::{self, Listener};
use crate::rpc::Rpc;
use crate::workload::ITEM_LEN;

#[rpc(server, client)]
trait Bench {
    #[method(name = "add")]
    async fn add(&self, a: i64, b: i64) -> RpcResult<i64>;
    #[method(name = "doc")]
    async fn doc(&self, doc: Doc) -> RpcResult<Doc>;
    #[method(name = "blob")]
    async fn blob(&self, blob: String) -> RpcResult<String>;
    #[subscription(name = "items", unsubscribe = "stop_items", item = String)]
    async fn items(&self) -> SubscriptionResult;
    #[subscription(name = "news", unsubscribe = "stop_news", item = String)]
    async fn news(&self) -> SubscriptionResult;
}

struct Service {
    news: broadcast::Sender<Box<RawValue>>,
}

#[async_trait]
impl BenchServer for Service {
    async fn add(&self, a: i64, b: i64) -> RpcResult<i64> {
        Ok(a + b)
    }

    async fn doc(&self, doc: Doc) -> RpcResult<Doc> {
        Ok(doc)
    }

    async fn blob(&self, blob: String) -> RpcResult<String> {
        Ok(blob)
    }

    async fn items(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        let sink = pending.accept().await?;
        let item = push::text(ITEM_LEN);
        while sink.send(to_raw_value(&item)?).await.is_ok() {}
        Ok(())
    }

    async fn news(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        let mut news = self.news.subscribe();
        let sink = pending.accept().await?;
        while let Ok(text) = news.recv().await
            && sink.send(text).await.is_ok()
        {}
        Ok(())
    }
}

pub(crate) async fn serve(listener: TcpListener, mut publications: Publications) -> Result<()> {
    let news = broadcast::Sender::new(WAITING);
    let published = news.clone();
    tokio::spawn(async move {
        while let Some(len) = publications.recv().await {
            // Encoded once for all.
            let _ = to_raw_value(&push::text(len)).map(|text| published.send(text));
        }
    });
    let config = ServerConfig::builder()
        .max_connections(CONNECTIONS)
        .set_message_buffer_capacity(MESSAGE_BUFFER)
        .build();
    let server = Server::builder().set_config(config).build_from_tcp(listener.into_std()?)?;
    server.start(Service { news }.into_rpc()).stopped().await;
    Ok(())
}

pub(crate) async fn listen(address: SocketAddr) -> Result<Listener> {
    let mut ws = push::dial(address, "/", None).await?;
    ws.send(Message::text(r#"{"jsonrpc":"2.0","id":1,"method":"news","params":[]}"#)).await?;
    let answer = push::next(&mut ws).await?;
    ensure!(answer.to_text()?.contains(r#""result""#), "not subscribed: {answer}");
    Ok(Listener { ws, publications: |message| u64::from(message.is_text()) })
}

pub(crate) async fn stream(address: SocketAddr, meter: &Arc<Meter>) -> Result<JoinSet<Result<()>>> {
    let peer = Peer::connect(address).await?;
    let mut items: Subscription<String> = peer.0.items().await?;
    let meter = Arc::clone(meter);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let _connected = peer;
        while meter.running() {
            let item = items.next().await.context("the stream has ended")??;
            ensure!(item.len() == ITEM_LEN, "an item of {} bytes", item.len());
            meter.count(1);
        }
        Ok(())
    });
    Ok(tasks)
}

#[derive(Clone)]
pub(crate) struct Peer(Arc<Client>);

impl Rpc for Peer {
    // What `WsClientBuilder` does, without the crates of TLS.
    async fn connect(address: SocketAddr) -> Result<Self> {
        let url = format!("ws://{address}").parse()?;
        let (sender, receiver) = WsTransportClientBuilder::default().build(url).await?;
        let client = ClientBuilder::new()
            .max_concurrent_requests(IN_FLIGHT)
            .max_buffer_capacity_per_subscription(ITEMS)
            .build_with_tokio(sender, receiver);
        Ok(Self(Arc::new(client)))
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64> {
        Ok(self.0.add(a, b).await?)
    }

    async fn doc(&self, doc: Doc) -> Result<Doc> {
        Ok(self.0.doc(doc).await?)
    }

    async fn blob(&self, blob: String) -> Result<String> {
        Ok(self.0.blob(blob).await?)
    }
}

// Raised from 100, 1,024, 256 and 1,024, so that no default throttles a workload.
const CONNECTIONS: u32 = 20_000;
const MESSAGE_BUFFER: u32 = 4_096;
const IN_FLIGHT: usize = 8_192;
const ITEMS: usize = 1 << 20;
/// Publications that wait for who reads slowly.
const WAITING: usize = 1_024;
