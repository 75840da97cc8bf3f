//! Clients that dial when they are called.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use futures_util::FutureExt;
use trunkline::{Client, Code, Server, service};

use crate::raw::{serve, within};

#[service]
trait Clock {
    async fn tick(&self) -> u32;
    #[method(timeout = "5m")]
    async fn slow(&self, seconds: u64) -> u64;
    async fn usual(&self, seconds: u64) -> u64;
}

struct App;

impl Clock for App {
    async fn tick(&self) -> u32 {
        1
    }

    async fn slow(&self, seconds: u64) -> u64 {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        seconds
    }

    async fn usual(&self, seconds: u64) -> u64 {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        seconds
    }
}

fn server() -> Server {
    Server::builder().service(ClockServer::new(App)).build().unwrap()
}

/// Listens, and answers nobody.
fn silent() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Waits until the tasks of all clients have ended.
async fn tasks_end() {
    within(async {
        while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_idle_client_that_is_dropped_or_closed_does_not_dial() {
    let (listener, addr) = silent();
    let dropped = Client::builder(format!("ws://{addr}")).connect_lazy().unwrap();
    let closed = Client::builder(format!("ws://{addr}")).connect_lazy().unwrap();
    let given_up = Client::builder(format!("ws://{addr}")).connect_lazy().unwrap();
    drop(dropped);
    closed.close();
    let call = ClockClient::new(&given_up).tick();
    drop(given_up);
    assert!(call.now_or_never().is_none());
    tasks_end().await;
    assert!(closed.is_closed());
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_close_while_it_dials_ends_the_calls_that_wait() {
    let (_listener, addr) = silent();
    let client = Client::builder(format!("ws://{addr}")).connect_lazy().unwrap();
    let mut call = Box::pin(ClockClient::new(&client).tick());
    assert!((&mut call).now_or_never().is_none());
    tokio::task::yield_now().await;
    client.close();
    let error = within(call).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::Unavailable, false));
    assert!(client.is_closed());
}

#[tokio::test]
async fn it_dials_again_whatever_the_server_ended_the_connection_with() {
    let server = server();
    let client = Client::builder(format!("ws://{}", serve(&server).await)).connect_lazy().unwrap();
    let clock = ClockClient::new(&client);
    for code in [1000, 1001, 1008, 4000, 4401, 4403] {
        assert_eq!(within(clock.tick()).await.unwrap(), 1, "before {code}");
        server.hub().everyone().close(code, "");
        within(async {
            // The call may still meet the connection that is being closed.
            while clock.tick().await.is_err() {}
        })
        .await;
    }
    client.close();
    within(async {
        while !client.is_closed() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(clock.tick().await.unwrap_err().code(), Code::Unavailable, "its own close is for good");
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_call_runs_while_it_dials() {
    let (_listener, addr) = silent();
    let client = Client::builder(format!("ws://{addr}"))
        .connect_timeout(Duration::from_secs(3600))
        .connect_lazy()
        .unwrap();
    let begin = tokio::time::Instant::now();
    let error = ClockClient::new(&client).tick().timeout(Duration::from_secs(5)).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::DeadlineExceeded, false));
    assert_eq!(begin.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_methods_own_time_out_wins_over_the_usual_one_of_either_end() {
    let server = Server::builder()
        .service(ClockServer::new(App))
        .call_timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    let client = Client::builder("").call_timeout(Duration::from_secs(10)).over(server.in_memory());
    let client = client.await.unwrap();
    let clock = ClockClient::new(&client);
    assert_eq!(clock.slow(290).await.unwrap(), 290);
    assert_eq!(clock.slow(310).await.unwrap_err().code(), Code::DeadlineExceeded);
    let begin = tokio::time::Instant::now();
    assert_eq!(clock.usual(15).await.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(begin.elapsed().as_secs(), 10);
    let begin = tokio::time::Instant::now();
    let asked = clock.usual(60).timeout(Duration::from_secs(60));
    assert_eq!(asked.await.unwrap_err().code(), Code::DeadlineExceeded);
    assert_eq!(begin.elapsed().as_secs(), 20, "the server never gives more than its own limit");
}
