//! Trunkline over a WebSocket, in either codec: the server and the client as its users have them.

use std::net::SocketAddr;

use anyhow::Result;
use tokio::net::TcpListener;
use trunkline::{Client, Codec, Server, service};

use crate::doc::Doc;
use crate::rpc::Rpc;

#[service]
trait Bench {
    async fn add(&self, a: i64, b: i64) -> i64;
    async fn doc(&self, doc: Doc) -> Doc;
    async fn blob(&self, blob: String) -> String;
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
}

pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    Server::builder().service(BenchServer::new(Service)).build()?.listen(listener).run().await;
    Ok(())
}

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
