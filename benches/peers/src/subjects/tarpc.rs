//! tarpc with bincode over TCP: length-delimited frames, no WebSocket.

use std::net::SocketAddr;

use anyhow::Result;
use futures_util::StreamExt;
use tarpc::client;
use tarpc::context::{self, Context};
use tarpc::serde_transport;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::doc::Doc;
use crate::rpc::Rpc;

#[tarpc::service]
trait Bench {
    async fn add(a: i64, b: i64) -> i64;
    async fn doc(doc: Doc) -> Doc;
    async fn blob(blob: String) -> String;
}

#[derive(Clone)]
struct Service;

impl Bench for Service {
    async fn add(self, _: Context, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn doc(self, _: Context, doc: Doc) -> Doc {
        doc
    }

    async fn blob(self, _: Context, blob: String) -> String {
        blob
    }
}

pub(crate) async fn serve(listener: TcpListener) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let frames = Framed::new(stream, LengthDelimitedCodec::new());
        let transport = serde_transport::new(frames, Bincode::default());
        let channel = BaseChannel::with_defaults(transport);
        tokio::spawn(channel.execute(Service.serve()).for_each(|response| async {
            tokio::spawn(response);
        }));
    }
}

#[derive(Clone)]
pub(crate) struct Peer(BenchClient);

impl Rpc for Peer {
    async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let frames = Framed::new(stream, LengthDelimitedCodec::new());
        let transport = serde_transport::new(frames, Bincode::default());
        let mut config = client::Config::default();
        config.max_in_flight_requests = IN_FLIGHT;
        Ok(Self(BenchClient::new(config, transport).spawn()))
    }

    async fn add(&self, a: i64, b: i64) -> Result<i64> {
        Ok(self.0.add(context::current(), a, b).await?)
    }

    async fn doc(&self, doc: Doc) -> Result<Doc> {
        Ok(self.0.doc(context::current(), doc).await?)
    }

    async fn blob(&self, blob: String) -> Result<String> {
        Ok(self.0.blob(context::current(), blob).await?)
    }
}

// Raised from 1,000, so that no default throttles a workload. The buffers keep their 100: with 8,192 both
// sides take turns at 1,024 in flight and tarpc loses about a sixth of its rate.
const IN_FLIGHT: usize = 8_192;
