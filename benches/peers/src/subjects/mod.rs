//! The subjects: a file each, and the three matches below that name them.
//!
//! A new RPC subject implements [`Rpc`](crate::rpc::Rpc) and `serve` in its own file, and gets a variant
//! here; the compiler then lists what is left. One of Trunkline's answers [`Subject::spoken`], which holds it
//! to the targets.

mod jsonrpsee;
mod socketioxide;
mod tarpc;
mod trunkline;
mod tung;

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

use ::trunkline::Codec;
use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use self::tung::Flush;
use crate::control::Publications;
use crate::meter::Meter;
use crate::push::Listener;
use crate::rpc;
use crate::workload::{Kind, Load, Workload};

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
    /// Socket.IO, which has no Rust client: for what flows from the server only.
    Socketioxide,
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
    pub(crate) async fn serve(self, listener: TcpListener, publications: Publications) -> Result<()> {
        match self {
            Self::Tung => tung::serve(listener, Flush::WhenIdle, publications).await,
            Self::TungNaive => tung::serve(listener, Flush::EachMessage, publications).await,
            Self::Jsonrpsee => jsonrpsee::serve(listener, publications).await,
            Self::Tarpc => tarpc::serve(listener).await,
            Self::Socketioxide => socketioxide::serve(listener, publications).await,
            Self::TrunklineJson | Self::TrunklineMsgpack | Self::TrunklineJsonrpc => {
                trunkline::serve(listener, publications).await
            }
        }
    }

    /// Whether the subject can be put under `workload`.
    pub(crate) fn does(self, workload: Workload) -> bool {
        match (self, workload.kind()) {
            (Self::Socketioxide, Kind::Calls(_) | Kind::Idle(_)) => false,
            (Self::Socketioxide, _) => true,
            (Self::Tarpc | Self::TrunklineJsonrpc, kind) => matches!(kind, Kind::Calls(_) | Kind::Idle(_)),
            (Self::TungNaive, Kind::Fan(_) | Kind::Slow(_)) => false,
            _ => true,
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
            Self::Socketioxide => bail!("it is not called here"),
        }
    }

    /// Starts reading a stream, until the meter is stopped.
    pub(crate) async fn stream(self, address: SocketAddr, meter: &Arc<Meter>) -> Result<JoinSet<Result<()>>> {
        match self {
            Self::Tung => tung::stream(address, meter, Flush::WhenIdle).await,
            Self::TungNaive => tung::stream(address, meter, Flush::EachMessage).await,
            Self::Jsonrpsee => jsonrpsee::stream(address, meter).await,
            Self::Socketioxide => socketioxide::stream(address, meter).await,
            Self::TrunklineJson => trunkline::stream(address, meter, Codec::Json).await,
            Self::TrunklineMsgpack => trunkline::stream(address, meter, Codec::MessagePack).await,
            Self::Tarpc | Self::TrunklineJsonrpc => bail!("it has no streams"),
        }
    }

    /// Subscribes on so many connections.
    pub(crate) async fn listen(self, address: SocketAddr, connections: usize) -> Result<Vec<Listener>> {
        let mut listeners = Vec::with_capacity(connections);
        for _ in 0..connections {
            listeners.push(match self {
                Self::Tung => tung::listen(address).await?,
                Self::Jsonrpsee => jsonrpsee::listen(address).await?,
                Self::Socketioxide => socketioxide::listen(address, "listen").await?,
                Self::TrunklineJson => trunkline::listen(address, Codec::Json).await?,
                Self::TrunklineMsgpack => trunkline::listen(address, Codec::MessagePack).await?,
                Self::TungNaive | Self::Tarpc | Self::TrunklineJsonrpc => bail!("nothing is published there"),
            });
        }
        Ok(listeners)
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
            Self::Socketioxide => bail!("it is not called here"),
        })
    }

    /// What is spoken if this subject is Trunkline.
    pub(crate) fn spoken(self) -> Option<Spoken> {
        match self {
            Self::Tung | Self::TungNaive | Self::Jsonrpsee | Self::Tarpc | Self::Socketioxide => None,
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
            Self::Socketioxide => "socketioxide",
            Self::TrunklineJson => "trunkline-json",
            Self::TrunklineMsgpack => "trunkline-msgpack",
            Self::TrunklineJsonrpc => "trunkline-jsonrpc",
        }
    }
}
