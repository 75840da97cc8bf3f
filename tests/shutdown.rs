//! A server that is told to stop, and what is not a session yet.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot},
};
use trunkline::{Credentials, Server, User, service};

use crate::raw::{End, Raw, within};

#[service]
trait Nothing {
    async fn nothing(&self) -> ();
}

struct App;

impl Nothing for App {
    async fn nothing(&self) {}
}

#[tokio::test]
async fn a_shutdown_reaches_connections_that_are_logging_in() {
    let (asked, mut asks) = mpsc::unbounded_channel();
    let auth = move |_: &Credentials| {
        let _ = asked.send(());
        std::future::pending::<trunkline::Result<Option<User>>>()
    };
    let server = Server::builder().service(NothingServer::new(App)).auth(auth).build().unwrap();
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let addr = bound.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(bound.run_until(async { drop(stopped.await) }));

    let mut asking = Raw::connect(addr, "trunkline.v1.json").await;
    asking.text(r#"[1,{"v":1,"token":"x"}]"#).await;
    within(asks.recv()).await.unwrap();
    let mut silent = Raw::connect(addr, "trunkline.v1.json").await;
    let mut http = TcpStream::connect(addr).await.unwrap();
    http.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 4096];
    assert!(within(http.read(&mut answer)).await.unwrap() > 0, "and it stays open for more");

    stop.send(()).unwrap();
    for raw in [&mut asking, &mut silent] {
        assert!(matches!(raw.receive().await, Err(End::Close(1012, _))));
    }
    assert_eq!(within(http.read(&mut answer)).await.unwrap(), 0);
    drop((asking, silent));
    within(serving).await.unwrap();
    assert_eq!(server.hub().everyone().count(), 0);
}

#[tokio::test]
async fn a_server_whose_listening_is_dropped_goes_on_with_its_sessions() {
    let server = Server::builder().service(NothingServer::new(App)).build().unwrap();
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let addr = bound.local_addr().unwrap();
    let serving = tokio::spawn(bound.run());
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    let mut late = Raw::connect(addr, "trunkline.v1.json").await;
    serving.abort();
    assert!(within(serving).await.unwrap_err().is_cancelled());
    raw.text(r#"[3,1,"nothing",0,[]]"#).await;
    assert_eq!(raw.receive().await, Ok("[5,1,0,null]".to_owned()));
    late.text(r#"[1,{"v":1}]"#).await;
    assert!(late.receive().await.unwrap().starts_with("[2,"));
}

#[service]
trait Naps {
    async fn nap(&self) -> u32;
}

/// A nap ends when it is told to.
struct Bed(std::sync::Arc<tokio::sync::Notify>);

impl Naps for Bed {
    async fn nap(&self) -> u32 {
        self.0.notified().await;
        1
    }
}

#[tokio::test]
async fn a_graceful_shutdown_lets_calls_end_and_no_more_in() {
    let wake = std::sync::Arc::new(tokio::sync::Notify::new());
    let server = Server::builder().service(NapsServer::new(Bed(wake.clone()))).build().unwrap();
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let addr = bound.local_addr().unwrap();
    let serving = tokio::spawn(bound.run());
    let mut busy = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    let mut idle = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    busy.text("[3,1,\"nap\",0,[]]\n[3,3,\"nope\",0,[]]").await;
    assert!(busy.receive().await.unwrap().starts_with("[7,3,"));

    let stopping = server.clone();
    let stopped = tokio::spawn(async move { stopping.shutdown().await });
    for raw in [&mut busy, &mut idle] {
        let goaway = raw.receive().await.unwrap();
        assert!(goaway.starts_with("[18,{") && goaway.contains("\"grace_ms\":15000"), "{goaway}");
    }
    assert_eq!(idle.close_code().await, 1012);
    busy.text(r#"[3,5,"nap",0,[]]"#).await;
    let refused = busy.receive().await.unwrap();
    assert!(refused.contains("UNAVAILABLE") && !refused.contains("executed"), "{refused}");
    assert!(!stopped.is_finished());
    wake.notify_one();
    assert_eq!(busy.receive().await.unwrap(), "[5,1,0,1]");
    assert_eq!(busy.close_code().await, 1012);
    drop((busy, idle));
    within(stopped).await.unwrap();
    within(serving).await.unwrap();
    assert!(TcpStream::connect(addr).await.is_err());
    assert!(trunkline::Client::over(server.in_memory()).await.is_err(), "nor in any other way");
}

#[tokio::test]
async fn a_shutdown_at_once_waits_for_no_call() {
    let server = Server::builder().service(NapsServer::new(Bed(Default::default()))).build().unwrap();
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let addr = bound.local_addr().unwrap();
    let serving = tokio::spawn(bound.run());
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    raw.text("[3,1,\"nap\",0,[]]\n[3,3,\"nope\",0,[]]").await;
    assert!(raw.receive().await.unwrap().starts_with("[7,3,"));
    let graceful = server.clone();
    let graceful = tokio::spawn(async move { graceful.shutdown().await });
    assert!(raw.receive().await.unwrap().starts_with("[18,"));
    let stopping = server.clone();
    let stopped = tokio::spawn(async move { stopping.shutdown_now().await });
    assert!(matches!(raw.receive().await, Err(End::Close(1001, _))));
    drop(raw);
    within(stopped).await.unwrap();
    within(graceful).await.unwrap();
    within(serving).await.unwrap();
    assert_eq!(server.hub().everyone().count(), 0);
}
