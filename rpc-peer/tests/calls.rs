//! What becomes of calls that a driver serves: their order, their limits, and panics of the application.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures_util::{SinkExt, StreamExt};
use tokio::sync::Semaphore;
use trunkline_core::{
    AwaitHello, CloseReason, Codec, KeepAlive, MethodSchema, Outcome, Packet, Payload, Per, Protocol,
    RateLimit, Role, ServiceSchema, Session, SessionConfig, Welcome,
};
use trunkline_peer::{
    BoxFuture, Connection, ConnectionId, Dispatch, Driver, Expiry, Guard, Handle, Incoming, Memory, PeerInfo,
    Router, Services, User, guard_fn, memory, now,
};

static METHODS: ServiceSchema = ServiceSchema::__new(
    "Methods",
    None,
    "",
    &[
        MethodSchema::new("a", &["a"]),
        MethodSchema::new("b", &["b"]),
        MethodSchema::new("c", &["c"]),
        MethodSchema::new("large", &["large"]),
        MethodSchema::new("busy", &["busy"]),
        MethodSchema::new("panics_at_once", &["panics_at_once"]),
        MethodSchema::new("panics_when_dropped", &["panics_when_dropped"]),
        MethodSchema::new("guard_panics", &["guard_panics"]),
        MethodSchema::new("guard_panics_later", &["guard_panics_later"]),
        MethodSchema::new("denied_later", &["denied_later"]),
        MethodSchema {
            rate_limit: Some(RateLimit {
                limit: 1,
                period: Duration::from_secs(60),
                per: Per::Connection,
                disconnect: true,
            }),
            ..MethodSchema::new("strict_later", &["strict_later"])
        },
        MethodSchema::new("hang", &["hang"]),
    ],
);

/// Notes what has begun, and what is running.
#[derive(Default)]
struct Methods {
    begun: Arc<Mutex<Vec<&'static str>>>,
    running: Arc<AtomicUsize>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

impl Dispatch for Methods {
    fn schema(&self) -> &'static ServiceSchema {
        &METHODS
    }

    fn guard(&self, method: u32) -> Option<Guard> {
        match METHODS.methods[method as usize].name {
            "guard_panics" => Some(guard_fn(|_: &Connection| -> bool { panic!("in a guard") })),
            "guard_panics_later" => Some(guard_fn(|_: &Connection| async { panic!("in a guard") })),
            "denied_later" => Some(guard_fn(|_: &Connection| async { false })),
            "strict_later" => Some(guard_fn(|_: &Connection| async { true })),
            _ => None,
        }
    }

    fn call(self: Arc<Self>, method: u32, call: Incoming) -> BoxFuture<Outcome> {
        let name = METHODS.methods[method as usize].name;
        assert!(name != "panics_at_once", "in a service");
        Box::pin(async move {
            self.begun.lock().unwrap().push(name);
            self.running.fetch_add(1, Ordering::SeqCst);
            let _running = Running(Arc::clone(&self.running));
            match name {
                "large" => call.reply::<String>("x".repeat(20 << 10)),
                "busy" => {
                    let _permit = Semaphore::new(1).acquire().await.map(tokio::sync::SemaphorePermit::forget);
                    std::future::pending().await
                }
                "hang" => std::future::pending().await,
                "panics_when_dropped" => {
                    let _loud = Loud;
                    std::future::pending().await
                }
                _ => Ok(Payload::new(Codec::Json, &b"1"[..])),
            }
        })
    }
}

/// A driver that serves [`Methods`], and the other end of its transport, on which hello and welcome have been said.
struct Served {
    peer: Memory,
    task: tokio::task::JoinHandle<CloseReason>,
    connection: Connection,
    begun: Arc<Mutex<Vec<&'static str>>>,
    running: Arc<AtomicUsize>,
}

impl Served {
    async fn new(config: SessionConfig) -> Self {
        Self::with(config, None).await
    }

    async fn with(config: SessionConfig, user: Option<User>) -> Self {
        Self::begin(config, user, &[]).await
    }

    /// `behind` are frames in the packet of the hello.
    async fn begin(config: SessionConfig, user: Option<User>, behind: &[&str]) -> Self {
        let (ours, peer) = memory(NonZeroUsize::new(1).unwrap());
        let hello = Packet::Text([&[r#"[1,{"v":1}]"#], behind].concat().join("\n").into());
        let pending = AwaitHello::new(Protocol::Native(Codec::Json)).handle_packet(hello).unwrap();
        let keep_alive = KeepAlive { ping_every: None, ..KeepAlive::server() };
        let mut session = Session::new(Role::Server, config, Codec::Json);
        let attached = session.attach(pending.accept(now(), keep_alive, Welcome::default()));

        let methods = Methods::default();
        let (begun, running) = (Arc::clone(&methods.begun), Arc::clone(&methods.running));
        let mut router = Router::default();
        router.add(Arc::new(methods)).unwrap();
        let handle = Handle::new(Codec::Json);
        let connection = Connection::new(ConnectionId(1), PeerInfo::local(), handle.clone(), user, None);
        let services = Services {
            router: Arc::new(router),
            connection: connection.clone(),
            login_until: None,
            expiry: Expiry::default(),
            limits: Arc::default(),
        };
        let task = tokio::spawn(Driver::new(ours, session, handle, Some(services), attached));
        let mut served = Self { peer, task, connection, begun, running };
        assert!(served.receive().await.starts_with("[2,"), "the welcome");
        served
    }

    async fn send(&mut self, frames: &[&str]) {
        self.peer.send(Packet::Text(frames.join("\n").into())).await.unwrap();
    }

    /// The next packet; a close frame is its code.
    async fn receive(&mut self) -> String {
        match within(self.peer.next()).await.unwrap().unwrap() {
            Packet::Text(body) => String::from_utf8(body.to_vec()).unwrap(),
            Packet::Close(reason) => reason.code.to_string(),
            packet => panic!("{packet:?}"),
        }
    }

    /// Lets the driver do all that it can.
    async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
}

/// What hangs fails here instead of hanging the run.
async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60_000), work).await.expect("it should not take so long")
}

#[tokio::test]
async fn a_panic_in_a_guard_or_a_service_fails_its_call_alone() {
    let mut served = Served::new(SessionConfig::default()).await;
    for (id, name, executed) in
        [(1, "guard_panics", false), (3, "guard_panics_later", false), (5, "panics_at_once", true)]
    {
        served.send(&[&format!(r#"[3,{id},"{name}"]"#)]).await;
        let answer = served.receive().await;
        assert!(answer.starts_with(&format!(r#"[7,{id},{{"code":"INTERNAL""#)), "{answer}");
        assert_eq!(answer.contains(r#""executed":true"#), executed, "{name}: {answer}");
        assert!(!answer.contains("in a "), "{answer}");
    }
    served.send(&[r#"[3,7,"panics_when_dropped"]"#, "[9,7]", r#"[3,9,"a"]"#]).await;
    let answers = served.receive().await;
    assert!(answers.contains(r#"[7,7,{"code":"CANCELLED""#) && answers.contains("[5,9,0,1]"), "{answers}");
}

#[tokio::test]
async fn denials_of_a_guard_that_had_to_wait_count_as_well() {
    let mut served = Served::new(SessionConfig::default()).await;
    let calls = [1, 3, 5, 7].map(|id| format!(r#"[3,{id},"denied_later"]"#));
    served.send(&calls.each_ref().map(String::as_str)).await;
    let answers = served.receive().await;
    assert_eq!(answers.matches("PERMISSION_DENIED").count(), 4, "{answers}");
    assert_eq!(served.receive().await, "4429");
}

#[tokio::test]
async fn a_rate_limit_behind_a_guard_that_had_to_wait_disconnects_as_well() {
    let mut served = Served::new(SessionConfig::default()).await;
    served.send(&[r#"[3,1,"strict_later"]"#, r#"[3,3,"strict_later"]"#]).await;
    let answers = served.receive().await;
    assert!(answers.contains("[5,1,0,1]") && answers.contains(r#"[7,3,{"code":"RESOURCE_EXHAUSTED""#));
    assert_eq!(served.receive().await, "1008");
}

#[tokio::test(start_paused = true)]
async fn methods_that_use_up_the_tasks_budget_do_not_stop_its_timer() {
    let mut served = Served::new(SessionConfig::default()).await;
    let calls: Vec<_> = (0..400).map(|n| format!(r#"[3,{},"busy"]"#, 2 * n + 1)).collect();
    served.send(&calls.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut late = 0;
    while late < 400 {
        late += served.receive().await.matches("DEADLINE_EXCEEDED").count();
    }
    assert_eq!(served.running.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn requests_begin_in_their_order_also_when_answers_cannot_be_sent() {
    let mut served = Served::new(SessionConfig { outbound_mark: 1000, ..SessionConfig::default() }).await;
    // The second answer finds no place in the transport, so what follows has to wait.
    served.send(&[r#"[3,1,"large"]"#, r#"[3,3,"large"]"#, r#"[3,5,"a"]"#]).await;
    served.settle().await;
    assert_eq!(*served.begun.lock().unwrap(), ["large", "large"]);
    served.send(&[r#"[3,7,"b"]"#, r#"[3,9,"c"]"#]).await;
    let mut answers = String::new();
    while !answers.contains("[5,9,") {
        answers.push_str(&served.receive().await);
        answers.push('\n');
    }
    assert_eq!(*served.begun.lock().unwrap(), ["large", "large", "a", "b", "c"]);
}

#[tokio::test]
async fn frames_before_a_broken_one_are_taken() {
    let mut served = Served::new(SessionConfig::default()).await;
    let frames = [[r#"[4,"a"]"#; 100].as_slice(), &[r#"[3,1,"b"]"#, "[99]", r#"[3,3,"c"]"#]].concat();
    served.send(&frames).await;
    assert_eq!(served.receive().await, "[5,1,0,1]");
    assert_eq!(served.receive().await, "4400");
    assert_eq!(served.begun.lock().unwrap()[99..], ["a", "b"]);

    let frames = [r#"[4,"a"]"#, r#"[3,1,"b"]"#, "[99]"];
    let mut served = Served::begin(SessionConfig::default(), None, &frames).await;
    assert_eq!(served.receive().await, "[5,1,0,1]");
    assert_eq!(served.receive().await, "4400");
    assert_eq!(*served.begun.lock().unwrap(), ["a", "b"]);
}

#[tokio::test]
async fn notifications_that_do_not_end_take_no_slot_of_requests() {
    let mut served = Served::new(SessionConfig { max_in_flight: 2, ..SessionConfig::default() }).await;
    served.send(&[r#"[4,"hang"]"#; 5]).await;
    served.send(&[r#"[3,1,"a"]"#]).await;
    assert_eq!(served.receive().await, "[5,1,0,1]");
    assert_eq!(served.running.load(Ordering::SeqCst), 2, "they have a cap of their own");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_login_closes_4401() {
    let hour = Duration::from_secs(3600);
    let user = || User::new("ada").expires_at(SystemTime::now() + hour);
    let (begin, mut served) =
        (tokio::time::Instant::now(), Served::with(SessionConfig::default(), Some(user())).await);
    let notice = served.receive().await;
    assert!(notice.starts_with(r#"[4,"rpc.expiring",0,{"expires_ms":"#), "{notice}");
    assert!(begin.elapsed() <= hour - Duration::from_secs(59), "a minute before: {:?}", begin.elapsed());
    assert_eq!(served.receive().await, "4401");
    assert!(begin.elapsed() <= hour && begin.elapsed() > hour - Duration::from_secs(60));
    assert_eq!(within(served.task).await.unwrap().code.0, 4401);

    // The user of a session that began without one, who then logs in for longer.
    let (begin, mut served) = (tokio::time::Instant::now(), Served::new(SessionConfig::default()).await);
    served.connection.login(user()).unwrap();
    tokio::time::sleep(hour / 2).await;
    served.connection.login(User::new("ada").expires_at(SystemTime::now() + 2 * hour)).unwrap();
    assert!(served.receive().await.contains("rpc.expiring"));
    assert_eq!(served.receive().await, "4401");
    assert!(begin.elapsed() > 2 * hour, "{:?}", begin.elapsed());

    // And one whose login never ends.
    let served = Served::with(SessionConfig::default(), Some(user())).await;
    served.connection.login(User::new("ada")).unwrap();
    tokio::time::sleep(2 * hour).await;
    assert!(!served.task.is_finished());
}

#[tokio::test]
async fn only_codes_that_may_stand_in_a_close_frame_are_sent() {
    for (code, sent) in [(1000, "1000"), (4000, "4000"), (401, "1011"), (1005, "1011"), (1006, "1011")] {
        let mut served = Served::new(SessionConfig::default()).await;
        served.connection.close(code, "");
        assert_eq!(served.receive().await, sent);
    }
}

#[test]
fn an_attribute_that_cannot_be_kept_leaves_nothing_behind() {
    let conn = Connection::new(ConnectionId(1), PeerInfo::local(), Handle::new(Codec::Json), None, None);
    conn.set("vip", true);
    conn.set("vip", std::collections::HashMap::from([((1, 2), 3)]));
    assert!(!conn.contains("vip"));
}

#[test]
fn the_debug_form_of_a_peer_names_its_headers_only() {
    let mut headers = http::HeaderMap::new();
    headers.insert("authorization", "Bearer CANARY-7f3a".parse().unwrap());
    let shown = format!("{:?}", PeerInfo::local().headers(&headers));
    assert!(shown.contains("authorization") && !shown.contains("CANARY"), "{shown}");
}
