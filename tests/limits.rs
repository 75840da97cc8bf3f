//! What a connection may do at once, how long it may take, and the order in which that is checked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use trunkline::{Client, Code, Connection, Credentials, Server, User, guard_fn, is, service};

use crate::raw::{End, Raw, serve, within};

#[derive(Default)]
struct Counts {
    running: AtomicUsize,
    most: AtomicUsize,
    ran: AtomicUsize,
}

#[service]
trait Work {
    async fn hang(&self) -> ();
    async fn nap(&self, ms: u64) -> u64;
    #[method(timeout = "50ms")]
    async fn short(&self) -> ();
    #[method(requires = is("vip"), rate_limit = "5/1m")]
    async fn guarded(&self, n: u32) -> u32;
    #[method(requires = guard_fn(|conn: &Connection| { let vip = conn.get::<bool>("vip"); async move { vip == Some(true) } }))]
    async fn guarded_later(&self) -> u32;
    #[method(rate_limit(limit = 2, period = "1m", per = connection, disconnect))]
    async fn strict(&self) -> u32;
    async fn become_vip(&self, conn: Connection) -> ();
    #[method(oneway)]
    async fn tell(&self, n: usize);
    #[method(oneway, timeout = "200ms")]
    async fn drone(&self);
}

#[derive(Clone, Default)]
struct App(Arc<Counts>);

struct Running(Arc<Counts>);

impl App {
    fn run(&self) -> Running {
        self.0.ran.fetch_add(1, Ordering::SeqCst);
        let running = self.0.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.most.fetch_max(running, Ordering::SeqCst);
        Running(Arc::clone(&self.0))
    }

    fn ran(&self) -> usize {
        self.0.ran.load(Ordering::SeqCst)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Work for App {
    async fn hang(&self) {
        let _running = self.run();
        std::future::pending().await
    }

    async fn nap(&self, ms: u64) -> u64 {
        let _running = self.run();
        tokio::time::sleep(Duration::from_millis(ms)).await;
        ms
    }

    async fn short(&self) {
        let _running = self.run();
        std::future::pending().await
    }

    async fn guarded(&self, n: u32) -> u32 {
        let _running = self.run();
        n
    }

    async fn guarded_later(&self) -> u32 {
        let _running = self.run();
        1
    }

    async fn strict(&self) -> u32 {
        1
    }

    async fn become_vip(&self, conn: Connection) {
        conn.set("vip", true);
    }

    async fn drone(&self) {
        let _running = self.run();
        std::future::pending().await
    }

    async fn tell(&self, n: usize) {
        let _running = self.run();
        assert!(n < usize::MAX);
    }
}

fn server() -> (App, Server) {
    let app = App::default();
    let server = Server::builder().service(WorkServer::new(app.clone())).max_in_flight(4).build().unwrap();
    (app, server)
}

#[tokio::test]
async fn a_slow_call_does_not_hold_up_a_fast_one() {
    let (_, server) = server();
    let work = WorkClient::new(&Client::over(server.in_memory()).await.unwrap());
    let (slow, fast) = (work.nap(300), work.nap(0));
    let slow = tokio::spawn(slow);
    assert_eq!(within(fast).await.unwrap(), 0);
    assert!(!slow.is_finished());
    assert_eq!(within(slow).await.unwrap().unwrap(), 300);
}

#[tokio::test]
async fn the_client_waits_at_the_cap_and_the_server_refuses_beyond_it() {
    let (app, server) = server();
    let work = WorkClient::new(&Client::over(server.in_memory()).await.unwrap());
    let naps = within(join_all((0..20).map(|_| work.nap(5)))).await;
    assert!(naps.into_iter().all(|nap| nap.is_ok()));
    assert_eq!(app.0.most.load(Ordering::SeqCst), 4, "never more than the cap");

    // A client that does not keep to it.
    let addr = serve(&server).await;
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    let calls: Vec<String> = (0..6).map(|n| format!(r#"[3,{},"hang",0,[]]"#, 2 * n + 1)).collect();
    raw.text(&calls.join("\n")).await;
    let refusals = raw.receive().await.unwrap();
    assert_eq!(refusals.matches("RESOURCE_EXHAUSTED").count(), 2, "{refusals}");
    // A slot is free when its handler has ended: cancel loops gain nothing.
    raw.text("[9,1]\n[3,13,\"hang\",0,[]]\n[3,15,\"hang\",0,[]]").await;
    let answer = raw.receive().await.unwrap();
    assert!(answer.contains("[7,1,{\"code\":\"CANCELLED\"") && answer.contains("[7,15,"), "{answer}");
    assert!(!answer.contains("[7,13,"), "{answer}");
}

#[tokio::test]
async fn a_method_that_takes_too_long_is_dropped() {
    let (app, server) = server();
    let work = WorkClient::new(&Client::over(server.in_memory()).await.unwrap());
    let error = within(work.short()).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::DeadlineExceeded, true));
    let error = within(work.hang().timeout(Duration::from_millis(50))).await.unwrap_err();
    assert_eq!(error.code(), Code::DeadlineExceeded);
    within(async {
        while app.0.running.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_guard_comes_before_the_rate_limit_and_the_parameters() {
    let (app, server) = server();
    let client = Client::over(server.in_memory()).await.unwrap();
    let work = WorkClient::new(&client);
    // Refused by the guard: parameters that do not fit are not looked at, and no budget is used.
    for _ in 0..2 {
        assert_eq!(client.call::<u32>("guarded", ("x",)).await.unwrap_err().code(), Code::PermissionDenied);
    }
    assert_eq!(work.guarded_later().await.unwrap_err().code(), Code::PermissionDenied);
    work.become_vip().await.unwrap();
    assert_eq!(work.guarded_later().await.unwrap(), 1);
    // The budget is used before the parameters are decoded.
    assert_eq!(client.call::<u32>("guarded", ("x",)).await.unwrap_err().code(), Code::InvalidArgument);
    let before = app.ran();
    for n in 0..4 {
        assert_eq!(work.guarded(n).await.unwrap(), n);
    }
    assert_eq!(work.guarded(5).await.unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!(app.ran() - before, 4);
}

#[tokio::test]
async fn the_fourth_denial_in_a_second_closes_4429() {
    let (_, server) = server();
    let addr = serve(&server).await;
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    let calls: Vec<String> = (0..4).map(|n| format!(r#"[3,{},"guarded",0,[1]]"#, 2 * n + 1)).collect();
    raw.text(&calls.join("\n")).await;
    let denials = raw.receive().await.unwrap();
    assert_eq!(denials.matches("PERMISSION_DENIED").count(), 4, "{denials}");
    assert_eq!(raw.close_code().await, 4429);
}

#[tokio::test]
async fn a_limit_that_disconnects_answers_first_and_closes_1008() {
    let (_, server) = server();
    let addr = serve(&server).await;
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    for id in [1, 3, 5] {
        raw.text(&format!(r#"[3,{id},"strict",0,[]]"#)).await;
    }
    let mut answers = Vec::new();
    let end = loop {
        match raw.receive().await {
            Ok(packet) => answers.extend(packet.lines().map(str::to_owned)),
            Err(end) => break end,
        }
    };
    assert_eq!(answers[..2], ["[5,1,0,1]", "[5,3,0,1]"]);
    assert!(answers[2].contains("RESOURCE_EXHAUSTED") && answers[2].contains("retry_ms"), "{}", answers[2]);
    assert!(matches!(end, End::Close(1008, _)), "{end:?}");
}

#[tokio::test]
async fn before_the_login_only_public_methods_are_there() {
    #[service]
    trait Mixed {
        #[method(public)]
        async fn open(&self, user: Option<User>) -> Option<String>;
        async fn closed(&self) -> u32;
        #[method(public)]
        async fn login(&self, conn: Connection) -> trunkline::Result<()>;
    }
    struct App;
    impl Mixed for App {
        async fn open(&self, user: Option<User>) -> Option<String> {
            user.map(|user| user.id().to_owned())
        }
        async fn closed(&self) -> u32 {
            1
        }
        async fn login(&self, conn: Connection) -> trunkline::Result<()> {
            conn.login(User::new("ada"))
        }
    }
    let server = Server::builder()
        .service(MixedServer::new(App))
        .auth(|creds: &Credentials| Ok(creds.token().map(User::new)))
        .login_timeout(Duration::from_millis(400))
        .build()
        .unwrap();
    let url = format!("ws://{}", serve(&server).await);

    let nobody = Client::builder(&url).connect().await.unwrap();
    let mixed = MixedClient::new(&nobody);
    assert_eq!(mixed.open().await.unwrap(), None);
    let protected = mixed.closed().await.unwrap_err();
    let unknown = nobody.call::<u32>("no_such_method", ()).await.unwrap_err();
    assert_eq!((protected.code(), protected.to_string()), (Code::Unauthenticated, unknown.to_string()));
    mixed.login().await.unwrap();
    assert_eq!((mixed.closed().await.unwrap(), mixed.open().await.unwrap().as_deref()), (1, Some("ada")));
    assert_eq!(server.hub().user("ada").count(), 1);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(!nobody.is_closed(), "whoever has logged in may stay");

    let mut idle = Raw::hello(url.trim_start_matches("ws://").parse().unwrap(), r#"[1,{"v":1}]"#).await;
    assert_eq!(idle.close_code().await, 4408);
    let mut chatty = Raw::hello(url.trim_start_matches("ws://").parse().unwrap(), r#"[1,{"v":1}]"#).await;
    for id in [1, 3, 5, 7, 9] {
        chatty.text(&format!(r#"[3,{id},"open",0,[]]"#)).await;
    }
    assert_eq!(chatty.close_code().await, 4401);
}

#[tokio::test]
async fn oneway_calls_arrive_in_order_and_are_bounded_by_what_is_sent() {
    let (app, server) = server();
    let work = WorkClient::new(&Client::over(server.in_memory()).await.unwrap());
    for n in 0..10_000 {
        within(work.tell(n)).await.unwrap();
    }
    within(work.nap(0)).await.unwrap();
    assert_eq!(app.ran(), 10_001);
}

#[tokio::test]
async fn oneway_methods_that_do_not_end_are_bounded_and_ended() {
    let (app, server) = server();
    let work = WorkClient::new(&Client::over(server.in_memory()).await.unwrap());
    for _ in 0..20 {
        within(work.drone()).await.unwrap();
    }
    // A call would be refused while they hold all slots, so the client's own view has to wait.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(app.0.most.load(Ordering::SeqCst), 4, "never more than the cap");
    within(async {
        while app.0.running.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    within(work.nap(0)).await.unwrap();
}
