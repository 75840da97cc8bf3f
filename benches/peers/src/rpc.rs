//! The load on an RPC subject: tasks that share the subject's own client and call it one after the other.
//!
//! A task sends what it got back with its next call and compares at the end, so every answer is checked
//! without the check weighing on the measurement.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::doc::Doc;
use crate::meter::Meter;
use crate::workload::{BLOB_LEN, Call, Load};

/// The client of an RPC subject, as its users have it; clones share one connection.
pub(crate) trait Rpc: Clone + Send + Sync + 'static {
    fn connect(address: SocketAddr) -> impl Future<Output = Result<Self>> + Send;
    fn add(&self, a: i64, b: i64) -> impl Future<Output = Result<i64>> + Send;
    fn doc(&self, doc: Doc) -> impl Future<Output = Result<Doc>> + Send;
    fn blob(&self, blob: String) -> impl Future<Output = Result<String>> + Send;
}

/// Connects and starts the tasks of `load`; each ends when the meter is stopped.
pub(crate) async fn start<C: Rpc>(
    address: SocketAddr,
    load: Load,
    meter: &Arc<Meter>,
) -> Result<JoinSet<Result<()>>> {
    let mut tasks = JoinSet::new();
    for _ in 0..load.connections {
        let client = C::connect(address).await?;
        for task in 0..load.in_flight {
            let (client, meter) = (client.clone(), Arc::clone(meter));
            match load.call {
                Call::Add => tasks.spawn(add(client, meter, task as i64)),
                Call::Doc => tasks.spawn(doc(client, meter, task as u64)),
                Call::Blob => tasks.spawn(blob(client, meter, task)),
            };
        }
    }
    Ok(tasks)
}

/// Opens idle connections, each after one call so that whatever a first call allocates is there.
pub(crate) async fn hold<C: Rpc>(address: SocketAddr, connections: usize) -> Result<Vec<C>> {
    let mut clients = Vec::with_capacity(connections);
    for _ in 0..connections {
        let client = C::connect(address).await?;
        ensure!(client.add(1, 2).await? == 3, "1 + 2 is not 3");
        clients.push(client);
    }
    Ok(clients)
}

async fn add<C: Rpc>(client: C, meter: Arc<Meter>, task: i64) -> Result<()> {
    let mut started = Instant::now();
    for a in 0.. {
        if !meter.running() {
            break;
        }
        let sum = client.add(a, task).await?;
        started = meter.record(started);
        ensure!(sum == a + task, "{a} + {task} became {sum}");
    }
    Ok(())
}

async fn doc<C: Rpc>(client: C, meter: Arc<Meter>, task: u64) -> Result<()> {
    let sample = Doc { created_at: task, ..Doc::sample() };
    let mut doc = sample.clone();
    let mut started = Instant::now();
    while meter.running() {
        doc = client.doc(doc).await?;
        started = meter.record(started);
        ensure!(doc.created_at == task, "task {task} got the answer to {}", doc.created_at);
    }
    ensure!(doc == sample, "a struct came back changed: {doc:?}");
    Ok(())
}

async fn blob<C: Rpc>(client: C, meter: Arc<Meter>, task: usize) -> Result<()> {
    let sample: String = (0..BLOB_LEN).map(|at| char::from(b'a' + ((at / 7 + task) % 26) as u8)).collect();
    let mut blob = sample.clone();
    let mut started = Instant::now();
    while meter.running() {
        blob = client.blob(blob).await?;
        started = meter.record(started);
        ensure!(blob.len() == BLOB_LEN, "a blob came back with {} bytes", blob.len());
    }
    ensure!(blob == sample, "a blob came back changed");
    Ok(())
}
