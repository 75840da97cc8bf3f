//! Trunkline over a WebSocket, in either codec: the server and the client as its users have them.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, stream};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use trunkline::{Client, Codec, Server, Stream, Subprotocol, service};

use crate::control::Publications;
use crate::doc::Doc;
use crate::meter::Meter;
use crate::push::{self, Listener};
use crate::rpc::Rpc;
use crate::workload::ITEM_LEN;

#[service]
trait Bench {
    async fn add(&self, a: i64, b: i64) -> i64;
    async fn doc(&self, doc: Doc) -> Doc;
    async fn blob(&self, blob: String) -> String;
    fn items(&self) -> impl Stream<Item = String> + Send;
}

struct Service;

impl Bench for Service {
    async fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn doc(&self, doc: Doc) -> Doc {
        doc
    }

    async fn blob(&self, blob: String) -> String {
        blob
    }

    fn items(&self) -> impl Stream<Item = String> + Send {
        let item = push::text(ITEM_LEN);
        stream::repeat_with(move || item.clone())
    }
}

#[service]
trait News {
    #[method(oneway)]
    async fn news(&self, text: String);
}

pub(crate) async fn serve(listener: TcpListener, mut publications: Publications) -> Result<()> {
    let server = Server::builder().service(BenchServer::new(Service)).max_connections(CONNECTIONS).build()?;
    let hub = server.hub();
    tokio::spawn(async move {
        while let Some(len) = publications.recv().await {
            let _ = NewsClient::new(&hub.everyone()).news(push::text(len)).await;
        }
    });
    server.listen(listener).run().await;
    Ok(())
}

pub(crate) async fn listen(address: SocketAddr, codec: Codec) -> Result<Listener> {
    let mut ws = push::dial(address, "/", Some(Subprotocol::native(codec).name())).await?;
    let (hello, publications): (_, fn(&Message) -> u64) = match codec {
        Codec::Json => (Message::text(r#"[1,{"v":1}]"#), lines),
        Codec::MessagePack => (Message::binary(&b"\0\0\0\x06\x92\x01\x81\xa1v\x01"[..]), frames),
    };
    ws.send(hello).await?;
    push::next(&mut ws).await?;
    Ok(Listener { ws, publications })
}

/// How many frames there are in a packet of JSON.
fn lines(message: &Message) -> u64 {
    match message {
        Message::Text(text) => text.as_str().lines().count() as u64,
        _ => 0,
    }
}

/// How many frames there are in a packet of MessagePack.
fn frames(message: &Message) -> u64 {
    let Message::Binary(bytes) = message else { return 0 };
    let (mut rest, mut count) = (&bytes[..], 0);
    while let Some((len, behind)) = rest.split_first_chunk::<4>() {
        rest = behind.get(u32::from_be_bytes(*len) as usize..).unwrap_or_default();
        count += 1;
    }
    count
}

pub(crate) async fn stream(
    address: SocketAddr,
    meter: &Arc<Meter>,
    codec: Codec,
) -> Result<JoinSet<Result<()>>> {
    let mut items = connect(address, codec).await?.items();
    let meter = Arc::clone(meter);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while meter.running() {
            let item = items.next().await.context("the stream has ended")??;
            ensure!(item.len() == ITEM_LEN, "an item of {} bytes", item.len());
            meter.count(1);
        }
        Ok(())
    });
    Ok(tasks)
}

// Raised from 10,000.
const CONNECTIONS: usize = 20_000;

/// A client in one codec; the server speaks both.
#[derive(Clone)]
pub(crate) struct Json(BenchClient);

#[derive(Clone)]
pub(crate) struct MessagePack(BenchClient);

macro_rules! rpc {
    ($peer:ident) => {
        impl Rpc for $peer {
            async fn connect(address: SocketAddr) -> Result<Self> {
                Ok(Self(connect(address, Codec::$peer).await?))
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
    };
}

rpc!(Json);
rpc!(MessagePack);

async fn connect(address: SocketAddr, codec: Codec) -> Result<BenchClient> {
    let client = Client::builder(format!("ws://{address}")).codec(codec).connect().await?;
    Ok(BenchClient::new(&client))
}
