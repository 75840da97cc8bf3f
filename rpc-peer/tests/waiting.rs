//! Calls for which there is no connection yet.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{future::pending, num::NonZeroUsize, time::Duration};

use futures_util::{FutureExt, StreamExt};
use trunkline_core::{
    AnyError, AwaitHello, AwaitWelcome, CloseCode, CloseReason, Code, Codec, Hello, KeepAlive, Packet,
    Payload, Protocol, Role, Session, Welcome,
};
use trunkline_peer::{Call, Driver, Handle, memory, now};

const SECOND: Duration = Duration::from_secs(1);

fn call(handle: &Handle) -> Call<u32, AnyError> {
    handle.call_by_name("m", Payload::encode(handle.codec(), &[(); 0]))
}

fn close(handle: &Handle) {
    handle.close(CloseReason::new(CloseCode::NORMAL, ""));
}

/// A driver over a transport whose other end answers nothing.
async fn drive(handle: &Handle) -> trunkline_peer::Memory {
    let (ours, theirs) = memory(NonZeroUsize::new(8).unwrap());
    let (hello, packet) = AwaitWelcome::new(Protocol::Native(Codec::Json), Hello::default());
    let pending = AwaitHello::new(Protocol::Native(Codec::Json)).handle_packet(packet).unwrap();
    let mut server = Session::new(Role::Server, Default::default(), Codec::Json);
    server.attach(pending.accept(now(), KeepAlive::server(), Welcome::default())).unwrap();
    let packet = server.poll_transmit(now()).unwrap();
    let (_, link) = hello.handle_packet(now(), KeepAlive::client(), packet).unwrap();
    let mut session = Session::new(Role::Client, Default::default(), Codec::Json);
    let attached = session.attach(link);
    tokio::spawn(Driver::new(ours, session, handle.clone(), None, attached));
    theirs
}

async fn next_text(peer: &mut trunkline_peer::Memory) -> String {
    let Some(Ok(Packet::Text(body))) = peer.next().await else { panic!("no text") };
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_call_that_was_given_up_with_the_last_handle_is_a_wish_to_close() {
    let handle = Handle::new(Codec::Json);
    let owned = handle.owned();
    let last = call(&owned);
    drop(owned);
    assert!(last.now_or_never().is_none());
    assert!(!handle.wanted().await, "and does not lock itself out");
}

#[tokio::test]
async fn only_a_call_that_somebody_waits_for_is_wanted() {
    let handle = Handle::new(Codec::Json);
    assert!(call(&handle).now_or_never().is_none());
    assert!(handle.wanted().now_or_never().is_none());
    let mut waiting = Box::pin(call(&handle));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    assert!(handle.wanted().await);
    close(&handle);
    assert!(!handle.wanted().await);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_call_runs_before_there_is_a_connection() {
    let handle = Handle::with_timeout(Codec::Json, 5 * SECOND);
    let work = tokio::spawn({
        let handle = handle.clone();
        async move { handle.meanwhile(pending::<()>()).await }
    });
    let (usual, begin) = (call(&handle), tokio::time::Instant::now());
    let (usual, own) = futures_util::join!(usual, call(&handle).timeout(SECOND));
    for (error, time) in [(usual.unwrap_err(), "5s"), (own.unwrap_err(), "1s")] {
        assert_eq!((error.code(), error.maybe_executed()), (Code::DeadlineExceeded, false));
        assert_eq!(error.to_string(), format!("DEADLINE_EXCEEDED: `m` gave no answer within {time}"));
    }
    assert_eq!(begin.elapsed().as_secs(), 5);
    assert!(!work.is_finished());

    // One that came while nobody dialled.
    work.abort();
    let mut waiting = Box::pin(call(&handle));
    assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    tokio::time::advance(6 * SECOND).await;
    assert!(handle.wanted().now_or_never().is_none(), "it is too late to dial for it");
    assert_eq!(waiting.await.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test(start_paused = true)]
async fn the_time_that_was_waited_is_taken_from_what_the_server_is_told() {
    let handle = Handle::new(Codec::Json);
    let waiting = tokio::spawn(call(&handle).timeout(10 * SECOND));
    tokio::task::yield_now().await;
    assert_eq!(handle.meanwhile(tokio::time::sleep(4 * SECOND)).await, Some(()));
    let begin = tokio::time::Instant::now();
    let mut peer = drive(&handle).await;
    assert_eq!(next_text(&mut peer).await, r#"[3,1,"m",{"t":6000},[]]"#);
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::DeadlineExceeded, true));
    assert_eq!(error.to_string(), "DEADLINE_EXCEEDED: `m` gave no answer within 10s");
    assert_eq!(begin.elapsed().as_secs(), 6);
}

#[tokio::test]
async fn the_server_is_told_what_the_caller_asked_and_not_what_is_usual_here() {
    let handle = Handle::with_timeout(Codec::Json, 7 * SECOND);
    let mut peer = drive(&handle).await;
    let calls = [call(&handle), call(&handle).timeout(3 * SECOND)];
    let calls = calls.map(tokio::spawn);
    let frames = next_text(&mut peer).await;
    assert_eq!(frames, "[3,1,\"m\",0,[]]\n[3,3,\"m\",{\"t\":3000},[]]");
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_call_without_time_is_not_sent() {
    let handle = Handle::new(Codec::Json);
    let mut peer = drive(&handle).await;
    let error = call(&handle).timeout(Duration::ZERO).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::DeadlineExceeded, false));
    let next = tokio::spawn(call(&handle));
    assert_eq!(next_text(&mut peer).await, r#"[3,1,"m",0,[]]"#);
    next.abort();
}

#[tokio::test]
async fn a_close_ends_the_work_that_is_to_bring_a_connection() {
    let handle = Handle::new(Codec::Json);
    let mut work = Box::pin(handle.meanwhile(pending::<()>()));
    assert!(futures_util::poll!(work.as_mut()).is_pending());
    close(&handle);
    assert_eq!(work.await, None);
}

#[tokio::test]
async fn a_value_that_cannot_be_sent_beside_the_parameters_fails_the_call() {
    let handle = Handle::new(Codec::Json);
    let map = std::collections::HashMap::from([((1, 2), 3)]);
    let error = call(&handle).meta("k", map).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::InvalidArgument, false));
    assert!(error.to_string().contains("`k` cannot be sent beside the parameters"), "{error}");
}
