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
