//! The driver between two sessions, over in-memory pairs: no deadlock, nothing lost, nobody left waiting.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use trunkline_core::{
    AnyError, AwaitHello, AwaitWelcome, CloseReason, Code, Codec, Hello, KeepAlive, MethodSchema, Outcome,
    ParamSchema, Payload, Protocol, Role, ServiceSchema, Session, SessionConfig, TypeSchema, Welcome,
};
use trunkline_peer::{
    BoxFuture, Call, Connection, ConnectionId, Dispatch, Driver, Expiry, Handle, Incoming, Memory, PeerInfo,
    Router, Services, memory,
};

static ECHO: ServiceSchema = ServiceSchema::__new(
    "Echo",
    None,
    "",
    &[method("echo", &["echo"], PARAM), method("hang", &["hang"], &[])],
);
const PARAM: &[ParamSchema] =
    &[ParamSchema { name: "value", has_default: false, stream: false, ty: || TypeSchema::of::<String>() }];

const fn method(
    name: &'static str,
    wire: &'static [&'static str],
    params: &'static [ParamSchema],
) -> MethodSchema {
    MethodSchema { params, ..MethodSchema::new(name, wire) }
}

/// Gives back what it is sent, or never answers; counts what is running.
#[derive(Default)]
struct Echo {
    running: Arc<AtomicUsize>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Dispatch for Echo {
    fn schema(&self) -> &'static ServiceSchema {
        &ECHO
    }

    fn call(self: Arc<Self>, method: u32, call: Incoming) -> BoxFuture<Outcome> {
        Box::pin(async move {
            self.running.fetch_add(1, Ordering::SeqCst);
            let _running = Running(Arc::clone(&self.running));
            match method {
                0 => {
                    let value = call.params()?.next::<String>()?;
                    call.reply::<String>(value)
                }
                _ => std::future::pending().await,
            }
        })
    }
}

/// Two ends that have said hello and are being driven.
struct Pair {
    client: Handle,
    client_task: tokio::task::JoinHandle<CloseReason>,
    server_task: tokio::task::JoinHandle<CloseReason>,
    running: Arc<AtomicUsize>,
}

fn pair(codec: Codec, capacity: usize, config: SessionConfig) -> Pair {
    let (ours, theirs): (Memory, Memory) = memory(NonZeroUsize::new(capacity).unwrap());
    let protocol = Protocol::Native(codec);
    let now = Instant::now();
    let (hello, packet) = AwaitWelcome::new(protocol, Hello { limits: config.limits(), ..Hello::default() });
    let welcome = Welcome { limits: config.limits(), ..Welcome::default() };
    let link =
        AwaitHello::new(protocol).handle_packet(packet).unwrap().accept(now, KeepAlive::server(), welcome);
    let mut server = Session::new(Role::Server, config.clone(), codec);
    server.attach(link).unwrap();
    let packet = server.poll_transmit(now).unwrap();
    let (_, link) = hello.handle_packet(now, KeepAlive::client(), packet).unwrap();
    let mut client = Session::new(Role::Client, config, codec);
    client.attach(link).unwrap();

    let echo = Echo::default();
    let running = Arc::clone(&echo.running);
    let mut router = Router::default();
    router.add(Arc::new(echo)).unwrap();
    let handle = Handle::new(codec);
    let connection = Connection::new(ConnectionId(1), PeerInfo::local(), handle.clone(), None, None);
    let services = Services {
        router: Arc::new(router),
        connection,
        login_until: None,
        expiry: Expiry::default(),
        limits: Arc::default(),
    };
    let client_handle = Handle::new(codec);
    Pair {
        client_task: tokio::spawn(Driver::new(ours, client, client_handle.clone(), None, Ok(()))),
        server_task: tokio::spawn(Driver::new(theirs, server, handle, Some(services), Ok(()))),
        client: client_handle.owned(),
        running,
    }
}

fn echo(handle: &Handle, value: &str) -> Call<String, AnyError> {
    handle.call_by_name("echo", Payload::encode(handle.codec(), &(value,)))
}

fn hang(handle: &Handle) -> Call<(), AnyError> {
    handle.call_by_name("hang", Payload::encode(handle.codec(), &[(); 0]))
}

/// A pair that hangs fails here instead of hanging the run.
async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("no deadlock")
}

#[tokio::test]
async fn a_one_slot_pair_carries_64_echoes_of_1_mib() {
    for codec in [Codec::Json, Codec::MessagePack] {
        let config = SessionConfig { max_packet: 4 << 20, ..SessionConfig::default() };
        let pair = pair(codec, 1, config);
        let blob = "x".repeat(1 << 20);
        let answers = within(join_all((0..64).map(|_| echo(&pair.client, &blob)))).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap() == blob));
    }
}

#[tokio::test]
async fn ten_thousand_small_calls_are_each_answered_with_their_own_value() {
    let pair = pair(Codec::MessagePack, 2, SessionConfig { max_in_flight: 100, ..SessionConfig::default() });
    let values: Vec<String> = (0..10_000).map(|value| value.to_string()).collect();
    let answers = within(join_all(values.iter().map(|value| echo(&pair.client, value)))).await;
    for (value, answer) in values.iter().zip(answers) {
        assert_eq!(answer.as_ref(), Ok(value));
    }
}

#[tokio::test]
async fn dropping_a_call_drops_the_method() {
    let pair = pair(Codec::Json, 8, SessionConfig::default());
    let call = tokio::spawn(hang(&pair.client));
    within(async {
        while pair.running.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        call.abort();
        while pair.running.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(within(echo(&pair.client, "still here")).await.unwrap(), "still here");
}

#[tokio::test]
async fn a_call_beyond_the_cap_waits_for_its_turn() {
    let pair = pair(Codec::MessagePack, 8, SessionConfig { max_in_flight: 2, ..SessionConfig::default() });
    let mut hanging: Vec<_> = (0..2).map(|_| Box::pin(hang(&pair.client))).collect();
    for call in &mut hanging {
        assert!(futures_util::poll!(call.as_mut()).is_pending());
    }
    let mut third = Box::pin(echo(&pair.client, "third"));
    for _ in 0..100 {
        assert!(futures_util::poll!(third.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    assert_eq!(pair.running.load(Ordering::SeqCst), 2);
    drop(hanging.pop());
    assert_eq!(within(third).await.unwrap(), "third");
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_a_deadline_on_both_sides() {
    let pair = pair(Codec::Json, 8, SessionConfig::default());
    let error = hang(&pair.client).timeout(Duration::from_millis(100)).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::DeadlineExceeded, true));
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(pair.running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_end_of_one_side_ends_the_calls_of_the_other() {
    let pair = pair(Codec::Json, 8, SessionConfig::default());
    let call = tokio::spawn(hang(&pair.client));
    while pair.running.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    pair.server_task.abort();
    let error = within(call).await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::Unavailable, true));
    within(pair.client_task).await.unwrap();
}

#[tokio::test]
async fn dropping_the_last_handle_closes_with_1000() {
    let pair = pair(Codec::Json, 8, SessionConfig::default());
    assert_eq!(within(echo(&pair.client, "x")).await.unwrap(), "x");
    drop(pair.client);
    let reason = within(pair.server_task).await.unwrap();
    assert_eq!(reason.code.0, 1000);
}

#[tokio::test]
async fn a_call_right_behind_a_close_is_ended_with_it() {
    let pair = pair(Codec::Json, 8, SessionConfig::default());
    let (before, after) = (echo(&pair.client, "before"), echo(&pair.client, "after"));
    let mut before = Box::pin(before);
    assert!(futures_util::poll!(before.as_mut()).is_pending());
    pair.client.close(CloseReason::new(trunkline_core::CloseCode::NORMAL, "done"));
    let error = within(after).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::Unavailable, false), "it is not sent");
    assert!(within(before).await.is_err());
    within(pair.client_task).await.unwrap();
}

/// What had to wait for the outbound mark is told of while packets are written, when the turn has looked at events already.
#[tokio::test(start_paused = true)]
async fn those_that_waited_for_the_mark_end_although_nothing_comes_in() {
    static ONEWAY: ServiceSchema = ServiceSchema::__new(
        "Oneway",
        None,
        "",
        &[MethodSchema { oneway: true, ..method("echo", &["echo"], PARAM) }],
    );
    for codec in [Codec::Json, Codec::MessagePack] {
        let config = SessionConfig { outbound_mark: 32 << 10, ..SessionConfig::default() };
        let pair = pair(codec, 64, config);
        let blob = "x".repeat(15 << 10);
        let tell = || pair.client.call::<()>(&ONEWAY, 0, Payload::encode(codec, &(&blob,)));
        let begin = tokio::time::Instant::now();
        let told = within(join_all((0..20).map(|_| tell()))).await;
        assert!(told.into_iter().all(|told| told.is_ok()));
        // The clock stands still as long as anybody has something to do: it did not take a ping to go on.
        assert_eq!(begin.elapsed(), Duration::ZERO);
    }
}
