use std::{
    future::{pending, poll_fn, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use trunkline_core::{
    Codec, Failure, MethodSchema, Outcome, Payload, RequestId, Role, Session, SessionConfig,
};

use super::{Handler, Handlers};
use crate::dispatch::BoxFuture;

static METHOD: MethodSchema = MethodSchema::new("m", &["m"]);

fn handler(key: u64, future: BoxFuture<Outcome>) -> Handler {
    Handler { key: RequestId(key), method: &METHOD, future, begun: false, outlet: None, watched: None }
}

fn session() -> Session {
    Session::new(Role::Server, SessionConfig::default(), Codec::Json)
}

fn done() -> Outcome {
    Ok(Payload::new(Codec::Json, &b"1"[..]))
}

/// The keys of the handlers that end in one round.
fn round(handlers: &mut Handlers) -> Vec<u64> {
    handlers.begin(&Context::from_waker(Waker::noop()));
    std::iter::from_fn(|| handlers.next(&mut session())).map(|(handler, _)| handler.key.0).collect()
}

#[test]
fn a_handler_is_polled_when_it_was_woken_and_only_then() {
    let mut handlers = Handlers::new();
    let polls = Arc::new(AtomicUsize::new(0));
    let waker = Arc::new(std::sync::Mutex::new(None::<Waker>));
    let (counted, kept) = (Arc::clone(&polls), Arc::clone(&waker));
    handlers.insert(handler(
        1,
        Box::pin(poll_fn(move |cx| {
            *kept.lock().unwrap() = Some(cx.waker().clone());
            if counted.fetch_add(1, Ordering::Relaxed) == 1 { Poll::Ready(done()) } else { Poll::Pending }
        })),
    ));
    assert!(round(&mut handlers).is_empty());
    assert!(round(&mut handlers).is_empty());
    assert_eq!(polls.load(Ordering::Relaxed), 1);
    waker.lock().unwrap().take().unwrap().wake();
    assert_eq!(round(&mut handlers), [1]);
    assert!(handlers.is_empty());
}

#[test]
fn handlers_that_keep_waking_themselves_do_not_hold_up_the_round() {
    let mut handlers = Handlers::new();
    handlers.insert(handler(
        1,
        Box::pin(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        })),
    ));
    handlers.insert(handler(2, Box::pin(ready(done()))));
    assert_eq!(round(&mut handlers), [2]);
    assert!(round(&mut handlers).is_empty());
}

#[test]
fn removing_drops_the_future_at_once() {
    let mut handlers = Handlers::new();
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    handlers.insert(handler(
        7,
        Box::pin(async move {
            let _held = held;
            pending().await
        }),
    ));
    assert!(round(&mut handlers).is_empty());
    assert_eq!(Arc::strong_count(&alive), 2);
    handlers.remove(RequestId(7));
    assert_eq!((Arc::strong_count(&alive), handlers.len()), (1, 0));
}

#[test]
fn a_panic_is_the_outcome_of_its_handler_alone() {
    let mut handlers = Handlers::new();
    handlers.insert(handler(1, Box::pin(async { panic!("CANARY") })));
    handlers.insert(handler(2, Box::pin(ready(done()))));
    handlers.begin(&Context::from_waker(Waker::noop()));
    let (_, outcome) = handlers.next(&mut session()).unwrap();
    let Err(Failure::Rpc(error)) = outcome else { panic!("no failure") };
    assert_eq!((error.message(), error.maybe_executed()), ("internal error", true));
    assert!(error.detail().unwrap().to_string().contains("CANARY"));
    assert!(handlers.next(&mut session()).unwrap().1.is_ok());
}

#[test]
fn a_panic_on_the_way_out_ends_nobody_else() {
    struct Loud(Arc<AtomicUsize>);
    impl Drop for Loud {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("dropped");
        }
    }
    let mut handlers = Handlers::new();
    let dropped = Arc::new(AtomicUsize::new(0));
    let hang = || {
        let loud = Loud(Arc::clone(&dropped));
        Box::pin(async move {
            let _loud = loud;
            pending().await
        })
    };
    let end = || {
        let loud = Loud(Arc::clone(&dropped));
        Box::pin(async move {
            let held = Some(loud);
            poll_fn(|_| Poll::Ready(())).await;
            std::mem::forget(held);
            done()
        })
    };
    handlers.insert(handler(1, hang()));
    handlers.insert(handler(2, hang()));
    handlers.insert(handler(3, end()));
    assert_eq!(round(&mut handlers), [3]);
    handlers.remove(RequestId(1));
    handlers.clear();
    assert_eq!((dropped.load(Ordering::Relaxed), handlers.len()), (2, 0));
}

#[test]
fn those_that_were_never_polled_are_known_until_they_are() {
    let mut handlers = Handlers::new();
    handlers.insert(handler(1, Box::pin(pending())));
    handlers.insert(handler(2, Box::pin(pending())));
    handlers.insert(Handler { begun: true, ..handler(3, Box::pin(pending())) });
    handlers.remove(RequestId(2));
    assert!(handlers.has_unbegun());
    assert!(round(&mut handlers).is_empty());
    assert!(!handlers.has_unbegun());
    handlers.remove(RequestId(1));
    handlers.insert(handler(4, Box::pin(pending())));
    handlers.clear();
    assert!(!handlers.has_unbegun());
}
