use std::{sync::mpsc, time::UNIX_EPOCH};

use trunkline_core::{Codec, Error, Payload};

use super::*;

fn entry(method: &str) -> CallLog {
    CallLog {
        time: UNIX_EPOCH + Duration::from_millis(1_764_039_845_678),
        connection: ConnectionId(7),
        request: Some(3),
        peer: Some("192.0.2.1:5123".parse().unwrap()),
        user: Some("ada".to_owned()),
        service: Some("Echo"),
        method: method.to_owned(),
        status: CallStatus::Success,
        code: None,
        reference: None,
        duration: Duration::from_micros(412),
        request_bytes: 34,
        response_bytes: 56,
        items: 0,
        dropped: 0,
    }
}

#[test]
fn an_entry_is_a_line_for_people_and_an_object_for_programs() {
    assert_eq!(
        entry("echo").to_string(),
        "2025-11-25T03:04:05.678Z echo success 0.412 ms connection=7 user=ada peer=192.0.2.1:5123"
    );
    let failed = CallLog {
        status: CallStatus::Error,
        code: Some(Code::Internal),
        reference: Some("00ab".to_owned()),
        user: None,
        peer: None,
        dropped: 2,
        ..entry("echo")
    };
    assert_eq!(
        failed.to_string(),
        "2025-11-25T03:04:05.678Z echo error INTERNAL 0.412 ms connection=7 ref=00ab dropped=2"
    );
    assert_eq!(
        serde_json::to_string(&entry("echo")).unwrap(),
        r#"{"time":"2025-11-25T03:04:05.678000Z","connection":7,"request":3,"peer":"192.0.2.1:5123","user":"ada","service":"Echo","method":"echo","status":"success","duration_us":412,"request_bytes":34,"response_bytes":56}"#
    );
}

#[test]
fn the_status_tells_a_refusal_from_a_method_that_fails_with_the_same_code() {
    let null = || Payload::null(Codec::Json);
    let rpc = |code| Err(Failure::Rpc(Error::new(code, "")));
    let run = |code| Err(Failure::Rpc(Error::new(code, "").after_execution()));
    for (outcome, status) in [
        (Ok(null()), CallStatus::Success),
        (Err(Failure::App(null())), CallStatus::Error),
        (rpc(Code::Unauthenticated), CallStatus::InvalidAuth),
        (rpc(Code::PermissionDenied), CallStatus::Denied),
        (run(Code::PermissionDenied), CallStatus::Error),
        (rpc(Code::ResourceExhausted), CallStatus::Limited),
        (run(Code::ResourceExhausted), CallStatus::Error),
        (rpc(Code::Unimplemented), CallStatus::NotFound),
        (rpc(Code::DeadlineExceeded), CallStatus::Timeout),
        (rpc(Code::InvalidArgument), CallStatus::Error),
        (run(Code::Internal), CallStatus::Error),
    ] {
        assert_eq!(Ending::of(&outcome).status, status, "{outcome:?}");
    }
}

#[test]
fn a_hook_that_is_too_slow_loses_entries_and_is_told_how_many() {
    let (begun, is_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let (told, heard) = mpsc::channel();
    let hook = Told::new(move |entry| {
        begun.send(()).unwrap();
        may_go_on.recv().unwrap();
        told.send((entry.method.clone(), entry.dropped)).unwrap();
    })
    .unwrap();
    hook.tell(entry("first"));
    is_begun.recv().unwrap();
    // The hook has taken the first and is busy: as many wait as there is room for.
    for _ in 0..WAITING + 5 {
        hook.tell(entry("waits"));
    }
    for _ in 0..=WAITING {
        go_on.send(()).unwrap();
    }
    let heard_of = |count: usize| -> Vec<_> { heard.iter().take(count).collect() };
    assert_eq!(heard_of(1), [("first".to_owned(), 0)]);
    assert!(heard_of(WAITING).iter().all(|(_, dropped)| *dropped == 0));
    hook.tell(entry("behind"));
    hook.tell(entry("last"));
    for _ in 0..2 {
        go_on.send(()).unwrap();
    }
    assert_eq!(heard_of(2), [("behind".to_owned(), 5), ("last".to_owned(), 0)]);
}

#[test]
fn a_hook_that_panics_is_told_of_the_next_entry_and_every_entry_that_was_handed_over_arrives() {
    let (told, heard) = mpsc::channel();
    let hook = Told::new(move |entry| {
        told.send(entry.method.clone()).unwrap();
        assert_ne!(entry.method, "panic", "asked for");
    })
    .unwrap();
    for method in ["panic", "panic", "fine"] {
        hook.tell(entry(method));
    }
    drop(hook);
    assert_eq!(heard.iter().collect::<Vec<_>>(), ["panic", "panic", "fine"]);
}
