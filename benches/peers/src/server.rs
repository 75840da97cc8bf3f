//! `peers server`: one subject in one process, its runtime on the main thread. It ends with its parent.

use std::net::SocketAddr;

use anyhow::Result;
use clap::Args;
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime;

use crate::subjects::Subject;
use crate::{control, machine};

#[derive(Args)]
pub(crate) struct Options {
    subject: Subject,
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Run on this core only.
    #[arg(long)]
    core: Option<usize>,
}

/// The one line that a server prints, once it accepts connections.
#[derive(Serialize, Deserialize)]
pub(crate) struct Addresses {
    pub(crate) listening: SocketAddr,
    pub(crate) control: SocketAddr,
}

pub(crate) fn main(options: &Options) -> Result<()> {
    options.core.map_or(Ok(()), machine::pin)?;
    machine::raise_open_files()?;
    set_parent_process_death_signal(Some(Signal::TERM))?;
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::bind(options.listen).await?;
        let (control, publications) = control::listen()?;
        let addresses = Addresses { listening: listener.local_addr()?, control };
        println!("{}", serde_json::to_string(&addresses)?);
        options.subject.serve(listener, publications).await
    })
}
