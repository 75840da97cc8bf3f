//! A side connection that asks the server process what it has spent, without a word on the measured one.
//!
//! The server answers from a thread that is blocked in `read` and costs nothing between questions. One line
//! each: `cpu` and `rss` are answered with a number (ns, bytes), `exit` ends the process, and `publish LEN` has the
//! subject publish so many bytes, without an answer.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::{process, thread};

use anyhow::{Context, Result};
use tokio::sync::mpsc;

use crate::machine;

/// What is to be published: how many bytes.
pub(crate) type Publications = mpsc::UnboundedReceiver<usize>;

/// Starts answering on a port of its own and returns where, and what the subject is to publish.
pub(crate) fn listen() -> Result<(SocketAddr, Publications)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (publish, publications) = mpsc::unbounded_channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let publish = publish.clone();
            thread::spawn(move || answer(stream, &publish));
        }
    });
    Ok((address, publications))
}

fn answer(stream: TcpStream, publish: &mpsc::UnboundedSender<usize>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reply = stream.try_clone()?;
    for question in BufReader::new(stream).lines() {
        let question = question?;
        if let Some(len) = question.strip_prefix("publish ") {
            let _ = publish.send(len.parse()?);
            continue;
        }
        let number = match question.as_str() {
            "cpu" => machine::process_cpu(),
            "rss" => machine::process_rss()?,
            "exit" => process::exit(0),
            other => anyhow::bail!("unknown question {other:?}"),
        };
        reply.write_all(format!("{number}\n").as_bytes())?;
    }
    Ok(())
}

/// The asking end.
pub(crate) struct Control {
    stream: BufReader<TcpStream>,
}

impl Control {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).context("cannot reach the control port")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// CPU time of the server process in ns.
    pub(crate) fn cpu(&mut self) -> Result<u64> {
        self.ask("cpu")
    }

    /// Resident memory of the server process in bytes.
    pub(crate) fn rss(&mut self) -> Result<u64> {
        self.ask("rss")
    }

    /// Ends the server process.
    pub(crate) fn exit(&mut self) -> Result<()> {
        Ok(self.stream.get_mut().write_all(b"exit\n")?)
    }

    /// Has the server publish `len` bytes.
    pub(crate) fn publish(&mut self, len: usize) -> Result<()> {
        Ok(self.stream.get_mut().write_all(format!("publish {len}\n").as_bytes())?)
    }

    // Blocks for one round trip, about 0.1 ms of a window of seconds.
    fn ask(&mut self, question: &str) -> Result<u64> {
        self.stream.get_mut().write_all(format!("{question}\n").as_bytes())?;
        let mut answer = String::new();
        self.stream.read_line(&mut answer)?;
        answer.trim().parse().context("the server ended")
    }
}
