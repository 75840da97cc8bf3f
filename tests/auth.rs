//! Who gets in: credentials at every door, what is there before the login, and how a login ends.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::sync::{Notify, mpsc};
use trunkline::{
    Attr, Client, Code, ConnectError, Connection, Credentials, Error, Expiry, Heartbeat, Result, Server,
    ServerBuilder, Unauthenticated, User, attr, service,
};

use crate::{
    duplex::Duplex,
    log::Log,
    raw::{End, Raw, http, serve, within},
};

const ROLE: Attr<String> = attr("role");

#[service(rename_all = "camelCase")]
trait Games {
    #[method(public)]
    async fn ping(&self) -> String;
    async fn validate_game(&self, title: String) -> bool;
    async fn whoami(&self, user: User) -> String;
    async fn hang(&self) -> ();
    #[method(requires = ROLE.eq("admin"))]
    async fn administer(&self) -> String;
}

struct Arcade;

impl Games for Arcade {
    async fn ping(&self) -> String {
        "pong".to_owned()
    }

    async fn validate_game(&self, title: String) -> bool {
        !title.is_empty()
    }

    async fn whoami(&self, user: User) -> String {
        user.id().to_owned()
    }

    async fn hang(&self) {
        std::future::pending().await
    }

    async fn administer(&self) -> String {
        "done".to_owned()
    }
}

/// Knows `tok-USER`, `admin-USER`, and `4s-USER`, which lives four seconds; `outage` cannot be judged.
fn judge(creds: &Credentials) -> Result<Option<User>> {
    let token = creds.bearer();
    if token == Some("outage") {
        return Err(Error::internal().with_detail("CANARY-db: connection refused"));
    }
    Ok(token.and_then(|token| match token.split_once('-')? {
        ("tok", user) => Some(User::new(user)),
        ("admin", user) => Some(User::new(user).with(ROLE, "admin".to_owned())),
        ("4s", user) => Some(User::new(user).expires_at(SystemTime::now() + Duration::from_secs(4))),
        _ => None,
    }))
}

fn builder() -> ServerBuilder {
    Server::builder().service(GamesServer::new(Arcade)).auth(judge)
}

const HELLO: &str = r#"[1,{"v":1}]"#;

fn code(answer: &str) -> &str {
    answer.split_once(r#""code":""#).map_or(answer, |(_, rest)| rest.split('"').next().unwrap_or_default())
}

#[tokio::test]
async fn a_bad_token_is_unauthenticated_and_the_connection_may_try_again() {
    let server = builder().build().unwrap();
    let addr = serve(&server).await;
    let mut raw = Raw::hello(addr, r#"[1,{"v":1,"token":"wrong"}]"#).await;
    for (call, answer) in [
        (r#"[3,1,"rpc.login",0,{"token":"also wrong"}]"#, "UNAUTHENTICATED"),
        (r#"[3,3,"rpc.login",0,{"token":"tok-ada"}]"#, r#"[5,3,0,{"user":"ada"}]"#),
        (r#"[3,5,"whoami",0,[]]"#, r#"[5,5,0,"ada"]"#),
        (r#"[3,7,"rpc.login",0,["tok-ada"]]"#, r#"[5,7,0,{"user":"ada"}]"#),
    ] {
        raw.text(call).await;
        assert_eq!(code(&raw.receive().await.unwrap()), answer, "{call}");
    }
    assert_eq!(server.hub().user("ada").count(), 1);
    let conn = &server.hub().connections()[0];
    assert_eq!((conn.user_id().as_str(), conn.is_authenticated()), ("ada", true));
}

#[tokio::test]
async fn the_third_failed_login_of_a_connection_closes_4401() {
    let server = builder().build().unwrap();
    let addr = serve(&server).await;
    let mut raw = Raw::hello(addr, HELLO).await;
    for id in [1, 3, 5] {
        raw.text(&format!(r#"[3,{id},"rpc.login",0,["wrong"]]"#)).await;
        let answer = raw.receive().await.unwrap();
        assert!(answer.starts_with(&format!("[7,{id},")) && code(&answer) == "UNAUTHENTICATED", "{answer}");
    }
    assert_eq!(raw.close_code().await, 4401);

    // The hello counts as well.
    let mut raw = Raw::hello(addr, r#"[1,{"v":1,"token":"wrong"}]"#).await;
    raw.text("[3,1,\"rpc.login\",0,[\"wrong\"]]\n[3,3,\"rpc.login\",0,[\"wrong\"]]").await;
    assert_eq!(raw.close_code().await, 4401);
}

#[tokio::test]
async fn many_logins_at_once_are_no_more_attempts_than_one_after_the_other() {
    let judged = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&judged);
    let auth = move |creds: &Credentials| {
        let counted = Arc::clone(&counted);
        let (token, waits) = (creds.token().is_some(), creds.extra("wait").is_some());
        async move {
            counted.fetch_add(usize::from(token), Ordering::SeqCst);
            if waits {
                std::future::pending::<()>().await;
            }
            Ok(None)
        }
    };
    let server = Server::builder().service(GamesServer::new(Arcade)).auth(auth).build().unwrap();
    let addr = serve(&server).await;
    for (params, attempts) in [(r#"{"token":"guess"}"#, 3), (r#"{"token":"guess","wait":1}"#, 1)] {
        let mut raw = Raw::hello(addr, HELLO).await;
        let logins = (0..100).map(|n| format!(r#"[3,{},"rpc.login",0,{params}]"#, 2 * n + 1));
        raw.text(&logins.collect::<Vec<_>>().join("\n")).await;
        // With guesses that wait, one is judged and the others are told that.
        if params.contains("wait") {
            raw.text(r#"[3,1001,"ping",0,[]]"#).await;
            let mut answers = String::new();
            while !answers.contains("pong") {
                answers += &raw.receive().await.unwrap();
            }
            assert_eq!(answers.matches("RESOURCE_EXHAUSTED").count(), 99, "{answers}");
        } else {
            assert_eq!(raw.close_code().await, 4401);
        }
        assert_eq!(judged.swap(0, Ordering::SeqCst), attempts);
    }
}

#[tokio::test]
async fn before_the_login_only_public_methods_are_there_and_the_others_look_alike() {
    let server = builder().build().unwrap();
    let addr = serve(&server).await;
    let mut answers = Vec::new();
    for name in ["validateGame", "no.such.method", "rpc.refresh", "administer", "rpc.nothing"] {
        let mut raw = Raw::hello(addr, HELLO).await;
        raw.text(&format!(r#"[3,1,"{name}",0,["Pong"]]"#)).await;
        answers.push(raw.receive().await.unwrap());
        raw.text(r#"[3,3,"ping",0,[]]"#).await;
        assert_eq!(raw.receive().await.unwrap(), r#"[5,3,0,"pong"]"#, "the connection stays");
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(code(&answers[0]), "UNAUTHENTICATED");
}

#[tokio::test]
async fn before_the_login_four_packets_and_16_kib_may_be_sent() {
    let server = builder().build().unwrap();
    let addr = serve(&server).await;
    let mut raw = Raw::hello(addr, HELLO).await;
    for id in [1, 3, 5, 7] {
        raw.text(&format!(r#"[3,{id},"rpc.refresh",0,["tok-ada"]]"#)).await;
        assert_eq!(code(&raw.receive().await.unwrap()), "UNAUTHENTICATED");
    }
    raw.text(r#"[3,9,"ping",0,[]]"#).await;
    assert_eq!(raw.close_code().await, 4401);

    let mut raw = Raw::hello(addr, HELLO).await;
    let padded = |id: u32| format!(r#"[3,{id},"validateGame",0,["{}"]]"#, "x".repeat(9 << 10));
    raw.text(&padded(1)).await;
    assert_eq!(code(&raw.receive().await.unwrap()), "UNAUTHENTICATED");
    raw.text(&padded(3)).await;
    assert_eq!(raw.close_code().await, 4401);

    // Whoever has logged in by then is not concerned.
    let mut raw = Raw::hello(addr, HELLO).await;
    raw.text(r#"[3,1,"rpc.login",0,["tok-ada"]]"#).await;
    assert!(raw.receive().await.unwrap().starts_with("[5,1,"));
    for id in [3, 5, 7, 9, 11] {
        raw.text(&padded(id)).await;
        assert!(raw.receive().await.unwrap().starts_with("[5,"));
    }
}

#[tokio::test]
async fn a_policy_closes_whoever_is_not_logged_in_at_once() {
    let server = builder().unauthenticated(Unauthenticated::Close).build().unwrap();
    let addr = serve(&server).await;
    let mut raw = Raw::hello(addr, HELLO).await;
    raw.text(r#"[3,1,"ping",0,[]]"#).await;
    assert_eq!(raw.receive().await.unwrap(), r#"[5,1,0,"pong"]"#);
    raw.text(r#"[3,3,"validateGame",0,["x"]]"#).await;
    assert_eq!(code(&raw.receive().await.unwrap()), "UNAUTHENTICATED");
    assert_eq!(raw.close_code().await, 4401);

    let mut raw = Raw::hello(addr, HELLO).await;
    raw.text(r#"[3,1,"rpc.login",0,["wrong"]]"#).await;
    assert_eq!(code(&raw.receive().await.unwrap()), "UNAUTHENTICATED");
    assert_eq!(raw.close_code().await, 4401);

    let mut raw = Raw::connect(addr, "trunkline.v1.json").await;
    raw.text(r#"[1,{"v":1,"token":"wrong"}]"#).await;
    assert!(matches!(raw.receive().await, Err(End::Close(4401, _))));
    let refused = Client::builder(format!("ws://{addr}")).token("wrong").connect().await.unwrap_err();
    assert!(matches!(refused, ConnectError::Unauthenticated), "{refused}");
}

#[tokio::test]
async fn a_login_may_be_optional() {
    let server = builder().optional_login().login_timeout(Duration::from_millis(50)).build().unwrap();
    let nobody = Client::over(server.in_memory()).await.unwrap();
    let games = GamesClient::new(&nobody);
    assert!(games.validate_game("Pong").await.unwrap());
    assert_eq!(games.administer().await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(games.whoami().await.unwrap_err().code(), Code::Unauthenticated);
    nobody.login("admin-ada").await.unwrap();
    assert_eq!(games.administer().await.unwrap(), "done");
}

#[tokio::test]
async fn credentials_come_in_headers_the_hello_or_a_call() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let auth = move |creds: &Credentials| {
        noted.lock().unwrap().push(format!(
            "{:?} {:?} {:?} {:?}",
            creds.token(),
            creds.bearer(),
            creds.extra("device"),
            creds.header("cookie")
        ));
        let user = creds.bearer().map(User::new);
        async move { Ok(user) }
    };
    let server = Server::builder().service(GamesServer::new(Arcade)).auth(auth).build().unwrap();
    let url = format!("ws://{}", serve(&server).await);
    let by_header = Client::builder(&url).header("Authorization", "Bearer ada").header("Cookie", "id=ada");
    assert_eq!(by_header.connect().await.unwrap().user().as_deref(), Some("ada"));
    assert_eq!(Client::builder(&url).token("bob").connect().await.unwrap().user().as_deref(), Some("bob"));
    let mut raw = Raw::hello(url.trim_start_matches("ws://").parse().unwrap(), HELLO).await;
    raw.text(r#"[3,1,"rpc.login",0,{"token":"cy","device":"phone"}]"#).await;
    assert_eq!(raw.receive().await.unwrap(), r#"[5,1,0,{"user":"cy"}]"#);
    raw.text(r#"[3,3,"rpc.login",0,{"token":3}]"#).await;
    assert_eq!(code(&raw.receive().await.unwrap()), "INVALID_ARGUMENT");
    assert_eq!(
        *seen.lock().unwrap(),
        [
            r#"None Some("ada") None None"#,
            r#"Some("bob") Some("bob") None None"#,
            "None None None None",
            r#"Some("cy") Some("cy") Some(String("phone")) None"#,
        ]
    );
}

#[tokio::test]
async fn an_outage_is_unavailable_and_no_failed_login() {
    let (log, _logging) = Log::begin(tracing::Level::TRACE);
    let server = builder().build().unwrap();
    let nobody = Client::over(server.in_memory()).await.unwrap();
    for _ in 0..3 {
        let error = nobody.login("outage").await.unwrap_err();
        assert_eq!(error.code(), Code::Unavailable);
        assert!(!error.to_string().contains("CANARY"), "{error}");
        assert!(log.entry(error.reference().unwrap()).contains("CANARY-db"));
    }
    nobody.login("tok-ada").await.unwrap();
    assert_eq!(nobody.user().as_deref(), Some("ada"));
}

#[tokio::test(start_paused = true)]
async fn ten_failed_logins_in_a_minute_are_enough_for_an_address() {
    let server = builder().max_failed_logins(100).build().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    for n in 0..10 {
        let mut peer = Duplex::open(&server, &format!("192.0.2.7:{}", 1000 + n)).await;
        assert!(peer.ask(r#"[1,{"v":1,"token":"wrong"}]"#).await.starts_with("[2,"));
        asked.fetch_add(1, Ordering::SeqCst);
    }
    let mut blocked = Duplex::open(&server, "192.0.2.7:2000").await;
    assert_eq!(blocked.ask(r#"[1,{"v":1,"token":"tok-ada"}]"#).await, "4429");
    // Whoever shows nothing is let in, and told when to come back.
    let mut blocked = Duplex::open(&server, "192.0.2.7:2001").await;
    assert!(blocked.ask(HELLO).await.starts_with("[2,"));
    let answer = blocked.ask(r#"[3,1,"rpc.login",0,["tok-ada"]]"#).await;
    assert!(code(&answer) == "RESOURCE_EXHAUSTED" && answer.contains(r#""retry_ms":"#), "{answer}");
    // Others are not concerned.
    let mut other = Duplex::open(&server, "192.0.2.8:1000").await;
    assert!(other.ask(r#"[1,{"v":1,"token":"tok-bob"}]"#).await.contains(r#""user":"bob""#));

    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut again = Duplex::open(&server, "192.0.2.7:3000").await;
    assert!(again.ask(r#"[1,{"v":1,"token":"tok-ada"}]"#).await.contains(r#""user":"ada""#));
}

#[tokio::test(start_paused = true)]
async fn ten_failed_logins_in_a_minute_are_enough_for_who_somebody_says_to_be() {
    let server = builder().build().unwrap();
    for n in 0..10 {
        let mut peer = Duplex::open(&server, &format!("198.51.100.{n}:1000")).await;
        assert!(peer.ask(r#"[1,{"v":1,"uid":"ada","token":"wrong"}]"#).await.starts_with("[2,"));
    }
    let mut blocked = Duplex::open(&server, "203.0.113.1:1000").await;
    assert_eq!(blocked.ask(r#"[1,{"v":1,"uid":"ada","token":"wrong"}]"#).await, "4429");
    let mut other = Duplex::open(&server, "203.0.113.1:1000").await;
    assert!(other.ask(r#"[1,{"v":1,"uid":"bob","token":"tok-bob"}]"#).await.contains(r#""user":"bob""#));
}

#[tokio::test]
async fn another_judge_is_for_those_who_come_after() {
    let server = builder().build().unwrap();
    let before = Client::builder("").token("tok-ada").over(server.in_memory()).await.unwrap();
    server
        .set_auth(|creds: &Credentials| Ok(creds.token().filter(|token| *token == "new").map(User::new)))
        .unwrap();
    assert_eq!(GamesClient::new(&before).whoami().await.unwrap(), "ada");
    assert!(Client::builder("").token("tok-ada").over(server.in_memory()).await.is_err());
    assert!(Client::builder("").token("new").over(server.in_memory()).await.is_ok());
    let open = Server::builder().service(GamesServer::new(Arcade)).build().unwrap();
    assert!(open.set_auth(judge).is_err());
}

#[tokio::test]
async fn an_identity_never_changes() {
    let server = builder().build().unwrap();
    let ada = Client::builder("").token("tok-ada").over(server.in_memory()).await.unwrap();
    for error in [ada.refresh("tok-bob").await.unwrap_err(), ada.login("tok-bob").await.unwrap_err()] {
        assert_eq!(error.code(), Code::PermissionDenied, "{error}");
    }
    let games = GamesClient::new(&ada);
    assert_eq!(games.whoami().await.unwrap(), "ada");

    // The same user with other claims is what a refresh is for.
    assert_eq!(games.administer().await.unwrap_err().code(), Code::PermissionDenied);
    ada.refresh("admin-ada").await.unwrap();
    assert_eq!(games.administer().await.unwrap(), "done");
    ada.refresh("tok-ada").await.unwrap();
    assert_eq!(games.administer().await.unwrap_err().code(), Code::PermissionDenied);
}

fn expiring() -> ServerBuilder {
    // Nobody answers pings while a test sleeps.
    let heartbeat = Heartbeat::every(Duration::from_secs(3600));
    builder()
        .expiry(Expiry { notice: Duration::from_secs(2), grace: Duration::from_secs(2) })
        .heartbeat(heartbeat)
}

#[tokio::test(start_paused = true)]
async fn a_login_that_ends_has_a_notice_a_grace_and_then_4401() {
    let server = expiring().build().unwrap();
    let begin = tokio::time::Instant::now();
    let (mut peer, welcome) = Duplex::hello(&server, r#"[1,{"v":1,"token":"4s-ada"}]"#).await;
    assert!(welcome.contains(r#""expires_ms":3"#) || welcome.contains(r#""expires_ms":4000"#), "{welcome}");
    peer.send(r#"[3,1,"hang",0,[]]"#).await;
    let notice = peer.receive().await;
    assert!(notice.starts_with(r#"[4,"rpc.expiring",0,{"expires_ms":"#), "{notice}");
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    let ended = peer.receive().await;
    assert!(ended.starts_with("[7,1,") && code(&ended) == "UNAUTHENTICATED", "{ended}");
    assert!(ended.contains(r#""executed":true"#), "{ended}");
    assert_eq!(server.hub().user("ada").count(), 0);

    // In the grace it is as before the login, but for nobody else.
    assert_eq!(code(&peer.ask(r#"[3,3,"whoami",0,[]]"#).await), "UNAUTHENTICATED");
    assert_eq!(peer.ask(r#"[3,5,"ping",0,[]]"#).await, r#"[5,5,0,"pong"]"#);
    assert_eq!(code(&peer.ask(r#"[3,7,"rpc.refresh",0,["tok-bob"]]"#).await), "PERMISSION_DENIED");
    assert_eq!(peer.receive().await, "4401");
    assert!(begin.elapsed() < Duration::from_secs(7), "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_refresh_in_time_keeps_what_runs_and_one_in_the_grace_lets_in_again() {
    let server = expiring().build().unwrap();
    let (mut peer, _) = Duplex::hello(&server, r#"[1,{"v":1,"token":"4s-ada"}]"#).await;
    peer.send(r#"[3,1,"hang",0,[]]"#).await;
    assert!(peer.receive().await.contains("rpc.expiring"));
    let answer = peer.ask(r#"[3,3,"rpc.refresh",0,{"token":"4s-ada"}]"#).await;
    assert!(answer.starts_with(r#"[5,3,0,{"#) && answer.contains(r#""expires_ms":"#), "{answer}");
    assert!(peer.receive().await.contains("rpc.expiring"), "and nothing has ended before");
    assert!(peer.receive().await.starts_with("[7,1,"));
    assert!(peer.ask(r#"[3,5,"rpc.refresh",0,{"token":"tok-ada"}]"#).await.starts_with("[5,5,"));
    assert_eq!(server.hub().user("ada").count(), 1);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(peer.ask(r#"[3,7,"whoami",0,[]]"#).await, r#"[5,7,0,"ada"]"#);
}

#[tokio::test]
async fn a_login_ends_on_a_real_socket_too() {
    let auth = |creds: &Credentials| {
        Ok(creds.token().map(|id| User::new(id).expires_at(SystemTime::now() + Duration::from_millis(100))))
    };
    let expiry = Expiry { notice: Duration::ZERO, grace: Duration::from_millis(50) };
    let server =
        Server::builder().service(GamesServer::new(Arcade)).auth(auth).expiry(expiry).build().unwrap();
    let mut raw = Raw::hello(serve(&server).await, r#"[1,{"v":1,"token":"ada"}]"#).await;
    raw.text(r#"[3,1,"hang",0,[]]"#).await;
    assert_eq!(code(&raw.receive().await.unwrap()), "UNAUTHENTICATED");
    assert_eq!(raw.close_code().await, 4401);
}

#[tokio::test]
async fn a_revoked_user_is_gone_at_once_and_so_are_its_calls() {
    let server = builder().build().unwrap();
    let addr = serve(&server).await;
    let mut tabs = Vec::new();
    for _ in 0..2 {
        let mut tab = Raw::hello(addr, r#"[1,{"v":1,"token":"tok-ada"}]"#).await;
        tab.text(r#"[3,1,"hang",0,[]]"#).await;
        tab.text(r#"[3,3,"ping",0,[]]"#).await;
        assert!(tab.receive().await.unwrap().contains("pong"), "the other call runs by now");
        tabs.push(tab);
    }
    let mut bob = Raw::hello(addr, r#"[1,{"v":1,"token":"tok-bob"}]"#).await;
    assert_eq!(server.hub().user("ada").revoke(), 2);
    for mut tab in tabs {
        let ended = tab.receive().await.unwrap();
        assert!(ended.starts_with("[7,1,") && code(&ended) == "UNAUTHENTICATED", "{ended}");
        assert_eq!(tab.close_code().await, 4403);
    }
    bob.text(r#"[3,1,"whoami",0,[]]"#).await;
    assert_eq!(bob.receive().await.unwrap(), r#"[5,1,0,"bob"]"#);

    // By session; and what a client is told.
    let cy = Client::builder(format!("ws://{addr}")).token("tok-cy").connect().await.unwrap();
    let hanging = tokio::spawn(GamesClient::new(&cy).hang());
    assert_eq!(GamesClient::new(&cy).whoami().await.unwrap(), "cy");
    let conn = server.hub().user("cy").connections().remove(0);
    server.hub().connection(conn.id()).unwrap().revoke();
    assert_eq!(within(hanging).await.unwrap().unwrap_err().code(), Code::Unauthenticated);
    let error = within(GamesClient::new(&cy).whoami()).await.unwrap_err();
    assert_eq!((error.code(), error.is_retryable()), (Code::Unauthenticated, false));
    assert_eq!(conn.login(User::new("cy")).unwrap_err().code(), Code::Unauthenticated);
    assert!(conn.is_revoked());
}

#[tokio::test]
async fn a_login_that_is_judged_while_it_is_taken_back_does_not_slip_in() {
    let (asked, mut asks) = mpsc::unbounded_channel();
    let answer = Arc::new(Notify::new());
    let answered = Arc::clone(&answer);
    let auth = move |creds: &Credentials| {
        let user = creds.token().map(User::new);
        let (asked, answered) = (asked.clone(), Arc::clone(&answered));
        async move {
            if user.is_some() {
                asked.send(()).unwrap();
                answered.notified().await;
            }
            Ok(user)
        }
    };
    let server = Server::builder().service(GamesServer::new(Arcade)).auth(auth).build().unwrap();
    let addr = serve(&server).await;
    let mut by_hello = Raw::connect(addr, "trunkline.v1.json").await;
    by_hello.text(r#"[1,{"v":1,"token":"ada"}]"#).await;
    within(asks.recv()).await.unwrap();
    server.hub().user("ada").revoke();
    answer.notify_one();
    assert_eq!(by_hello.close_code().await, 4403);

    let mut by_call = Raw::hello(addr, HELLO).await;
    by_call.text(r#"[3,1,"rpc.login",0,["ada"]]"#).await;
    within(asks.recv()).await.unwrap();
    server.hub().user("ada").revoke();
    answer.notify_one();
    assert_eq!(by_call.close_code().await, 4403);

    // What was taken back before does not count.
    let mut later = Raw::connect(addr, "trunkline.v1.json").await;
    later.text(r#"[1,{"v":1,"token":"ada"}]"#).await;
    within(asks.recv()).await.unwrap();
    server.hub().user("bob").revoke();
    answer.notify_one();
    assert!(later.receive().await.unwrap().contains(r#""user":"ada""#));
}

#[derive(Debug, Clone, PartialEq)]
struct Profile {
    full_name: String,
}

#[service]
trait Profiles {
    async fn name(&self, user: User) -> Result<String>;
    async fn wrong(&self, user: User) -> Result<u32>;
}

struct Desk;

impl Profiles for Desk {
    async fn name(&self, user: User) -> Result<String> {
        let profile: Profile = user.info().await?;
        Ok(profile.full_name)
    }

    async fn wrong(&self, user: User) -> Result<u32> {
        user.info().await
    }
}

#[tokio::test]
async fn what_is_known_of_a_user_is_loaded_once_for_all_of_its_sessions() {
    let loads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&loads);
    let server = Server::builder()
        .service(ProfilesServer::new(Desk))
        .user_info(move |user: &User| {
            counted.fetch_add(1, Ordering::SeqCst);
            Profile { full_name: user.id().to_uppercase() }
        })
        .build()
        .unwrap();
    let client = Client::over(server.in_memory_as(User::new("ada"))).await.unwrap();
    let profiles = ProfilesClient::new(&client);
    for _ in 0..3 {
        assert_eq!(profiles.name().await.unwrap(), "ADA");
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    let other_tab = Client::over(server.in_memory_as(User::new("ada"))).await.unwrap();
    assert_eq!(ProfilesClient::new(&other_tab).name().await.unwrap(), "ADA");
    assert_eq!(loads.load(Ordering::SeqCst), 1);
    let bob = Client::over(server.in_memory_as(User::new("bob"))).await.unwrap();
    assert_eq!(ProfilesClient::new(&bob).name().await.unwrap(), "BOB");
    assert_eq!(loads.load(Ordering::SeqCst), 2);
    assert_eq!(profiles.wrong().await.unwrap_err().code(), Code::Internal);

    // It goes with the last session, so that it cannot grow old.
    drop((client, profiles, other_tab));
    within(async {
        while server.hub().user("ada").count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let again = Client::over(server.in_memory_as(User::new("ada"))).await.unwrap();
    within(async {
        while loads.load(Ordering::SeqCst) < 3 {
            assert_eq!(ProfilesClient::new(&again).name().await.unwrap(), "ADA");
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_loaded_is_tried_again_and_a_panic_fails_its_call() {
    let loads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&loads);
    let server = Server::builder()
        .service(ProfilesServer::new(Desk))
        .user_info(move |user: &User| {
            let (id, load) = (user.id().to_owned(), counted.fetch_add(1, Ordering::SeqCst));
            async move {
                match load {
                    0 => Err(Error::unavailable("the profiles are down")),
                    1 => panic!("CANARY in user_info"),
                    _ => {
                        tokio::task::yield_now().await;
                        Ok(Profile { full_name: id })
                    }
                }
            }
        })
        .build()
        .unwrap();
    let client = Client::over(server.in_memory_as(User::new("ada"))).await.unwrap();
    let profiles = ProfilesClient::new(&client);
    assert_eq!(profiles.name().await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(profiles.name().await.unwrap_err().code(), Code::Internal);
    let names = futures_util::future::join_all((0..3).map(|_| profiles.name())).await;
    assert!(names.into_iter().all(|name| name.unwrap() == "ada"));
    assert_eq!(loads.load(Ordering::SeqCst), 3);

    let none = Server::builder().service(ProfilesServer::new(Desk)).build().unwrap();
    let client = Client::over(none.in_memory_as(User::new("ada"))).await.unwrap();
    assert_eq!(ProfilesClient::new(&client).name().await.unwrap_err().code(), Code::Internal);
}

#[tokio::test]
async fn no_token_is_in_any_log_error_or_debug_form() {
    const CANARY: &str = "CANARY-token-5f0e";
    let (log, _logging) = Log::begin(tracing::Level::TRACE);
    let server = builder().build().unwrap();
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let addr = bound.local_addr().unwrap();
    tokio::spawn(bound.run());
    let builder = Client::builder(format!("ws://{addr}"));
    let builder = builder.token(CANARY).header("Authorization", format!("Bearer {CANARY}"));
    let shown = format!("{builder:?} {server:?} {:?}", server.hub());
    let error = builder.connect().await.unwrap_err();
    let nobody = Client::builder(format!("ws://{addr}")).connect().await.unwrap();
    let failed = nobody.login(CANARY).await.unwrap_err();
    let mut raw = Raw::hello(addr, HELLO).await;
    raw.text(&format!(r#"[3,1,"rpc.login",0,{{"token":["{CANARY}"]}}]"#)).await;
    let refused = raw.receive().await.unwrap();
    let head = http(addr, &format!("GET / HTTP/1.1\nHost: x\nAuthorization: Bearer {CANARY}\n\n")).await;
    let said = format!("{shown} {error} {error:?} {failed} {failed:?} {refused} {head} {}", log.text());
    assert!(!said.contains(CANARY), "{said}");
    let conn: Connection = server.hub().connections().remove(0);
    assert!(!format!("{conn:?}").contains(CANARY));
}

#[cfg(feature = "jwt")]
#[tokio::test]
async fn a_json_web_token_logs_in() {
    // Of the secret below, about `ada` with the role `admin`, until the year 2286.
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEiLCJleHAiOjk5OTk5OTk5OTksInJvbGUiOiJhZG1pbiJ9.b027QuvsVKUYGFXWzewqkU2JQ1V8nZUKfbbDwss44UQ";
    let server = Server::builder()
        .service(GamesServer::new(Arcade))
        .auth(trunkline::Jwt::hs256("a secret of at least 32 bytes, please"))
        .build()
        .unwrap();
    let addr = serve(&server).await;
    let mut raw = Raw::hello(addr, HELLO).await;
    let (signed, signature) = TOKEN.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    raw.text(&format!(r#"[3,1,"rpc.login",0,["{forged}"]]"#)).await;
    assert_eq!(code(&raw.receive().await.unwrap()), "UNAUTHENTICATED");
    raw.text(&format!(r#"[3,3,"rpc.login",0,["{TOKEN}"]]"#)).await;
    assert!(raw.receive().await.unwrap().starts_with(r#"[5,3,0,{"#));
    raw.text(r#"[3,5,"administer",0,[]]"#).await;
    assert_eq!(raw.receive().await.unwrap(), r#"[5,5,0,"done"]"#);
    let by_header =
        Client::builder(format!("ws://{addr}")).header("Authorization", format!("Bearer {TOKEN}"));
    assert_eq!(by_header.connect().await.unwrap().user().as_deref(), Some("ada"));
}
