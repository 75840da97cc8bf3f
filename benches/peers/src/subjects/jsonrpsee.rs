//! jsonrpsee: JSON-RPC 2.0 over WebSocket, server and client of its macro API.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use jsonrpsee::async_client::{Client, ClientBuilder};
use jsonrpsee::client_transport::ws::WsTransportClientBuilder;
use jsonrpsee::core::{RpcResult, async_trait};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::server::{Server, ServerConfig};
use tokio::net::TcpListener;

use crate::doc::Doc;
use crate::rpc::Rpc;

#[rpc(server, client)]
trait Bench {
    #[method(name = "add")]
    async fn add(&self, a: i64, b: i64) -> RpcResult<i64>;
    #[method(name = "doc")]
    async fn doc(&self, doc: Doc) -> RpcResult<Doc>;
    #[method(name = "blob")]
    async fn blob(&self, blob: String) -> RpcResult<String>;
}

struct Service;

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
}

pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    let config = ServerConfig::builder()
        .max_connections(CONNECTIONS)
        .set_message_buffer_capacity(MESSAGE_BUFFER)
        .build();
    let server = Server::builder().set_config(config).build_from_tcp(listener.into_std()?)?;
    server.start(Service.into_rpc()).stopped().await;
    Ok(())
}

#[derive(Clone)]
pub(crate) struct Peer(Arc<Client>);

impl Rpc for Peer {
    // What `WsClientBuilder` does, without the crates of TLS.
    async fn connect(address: SocketAddr) -> Result<Self> {
        let url = format!("ws://{address}").parse()?;
        let (sender, receiver) = WsTransportClientBuilder::default().build(url).await?;
        let client =
            ClientBuilder::new().max_concurrent_requests(IN_FLIGHT).build_with_tokio(sender, receiver);
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

// Raised from 100, 1,024 and 256, so that no default throttles a workload.
const CONNECTIONS: u32 = 10_000;
const MESSAGE_BUFFER: u32 = 4_096;
const IN_FLIGHT: usize = 8_192;
