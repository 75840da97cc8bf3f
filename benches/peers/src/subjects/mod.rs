//! The subjects: a file each, and the three matches below that name them.
//!
//! A new RPC subject implements [`Rpc`](crate::rpc::Rpc) and `serve` in its own file, and gets a variant
//! here; the compiler then lists what is left. One of Trunkline's answers [`Subject::spoken`], which holds it
//! to the targets.

mod jsonrpsee;
mod tarpc;
mod trunkline;
mod tung;

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use self::tung::Flush;
use crate::meter::Meter;
use crate::rpc;
use crate::workload::Load;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// Raw tokio-tungstenite, one flush per wakeup: what all others are measured against.
    Tung,
    /// Raw tokio-tungstenite, one flush per message, as its examples have it.
    TungNaive,
    Jsonrpsee,
    /// tarpc with bincode over TCP.
    Tarpc,
    TrunklineJson,
    TrunklineMsgpack,
    /// Trunkline's server under jsonrpsee's client.
    TrunklineJsonrpc,
}

/// What a Trunkline subject speaks, which decides its targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    Json,
    MessagePack,
    JsonRpc,
}

impl Subject {
    /// Accepts connections until the process ends.
    pub(crate) async fn serve(self, listener: TcpListener) -> Result<()> {
        match self {
            Self::Tung => tung::serve(listener, Flush::WhenIdle).await,
            Self::TungNaive => tung::serve(listener, Flush::EachMessage).await,
            Self::Jsonrpsee => jsonrpsee::serve(listener).await,
            Self::Tarpc => tarpc::serve(listener).await,
            Self::TrunklineJson | Self::TrunklineMsgpack | Self::TrunklineJsonrpc => {
                trunkline::serve(listener).await
            }
        }
    }

    /// Starts the tasks of `load` against a server of this subject; each ends once the meter is stopped.
    pub(crate) async fn start(
        self,
        address: SocketAddr,
        load: Load,
        meter: &Arc<Meter>,
    ) -> Result<JoinSet<Result<()>>> {
        match self {
            Self::Tung => tung::start(address, load, meter, Flush::WhenIdle).await,
            Self::TungNaive => tung::start(address, load, meter, Flush::EachMessage).await,
            Self::Jsonrpsee | Self::TrunklineJsonrpc => {
                rpc::start::<jsonrpsee::Peer>(address, load, meter).await
            }
            Self::Tarpc => rpc::start::<tarpc::Peer>(address, load, meter).await,
            Self::TrunklineJson => rpc::start::<trunkline::Json>(address, load, meter).await,
            Self::TrunklineMsgpack => rpc::start::<trunkline::MessagePack>(address, load, meter).await,
        }
    }

    /// Opens idle connections that live as long as what is returned.
    pub(crate) async fn hold(self, address: SocketAddr, connections: usize) -> Result<Box<dyn Any>> {
        Ok(match self {
            Self::Tung | Self::TungNaive => Box::new(tung::hold(address, connections).await?),
            Self::Jsonrpsee | Self::TrunklineJsonrpc => {
                Box::new(rpc::hold::<jsonrpsee::Peer>(address, connections).await?)
            }
            Self::Tarpc => Box::new(rpc::hold::<tarpc::Peer>(address, connections).await?),
            Self::TrunklineJson => Box::new(rpc::hold::<trunkline::Json>(address, connections).await?),
            Self::TrunklineMsgpack => {
                Box::new(rpc::hold::<trunkline::MessagePack>(address, connections).await?)
            }
        })
    }

    /// What is spoken if this subject is Trunkline.
    pub(crate) fn spoken(self) -> Option<Spoken> {
        match self {
            Self::Tung | Self::TungNaive | Self::Jsonrpsee | Self::Tarpc => None,
            Self::TrunklineJson => Some(Spoken::Json),
            Self::TrunklineMsgpack => Some(Spoken::MessagePack),
            Self::TrunklineJsonrpc => Some(Spoken::JsonRpc),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tung => "tung",
            Self::TungNaive => "tung-naive",
            Self::Jsonrpsee => "jsonrpsee",
            Self::Tarpc => "tarpc",
            Self::TrunklineJson => "trunkline-json",
            Self::TrunklineMsgpack => "trunkline-msgpack",
            Self::TrunklineJsonrpc => "trunkline-jsonrpc",
        }
    }
}
