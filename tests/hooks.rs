//! What the application is told of sessions, in which order, and how often.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use trunkline::{
    Client, Connection, Credentials, Heartbeat, LinkError, LinkEvent, Registration, Result, Server,
    ServerBuilder, Untyped, User, has, service,
};

use crate::{
    duplex::Duplex,
    log::Log,
    raw::{Raw, serve, within},
};

#[service]
trait Plain {
    async fn plain(&self) -> u32;
    #[method(public)]
    async fn enter(&self, conn: Connection, name: String) -> Result<()>;
}

#[service(rename_all = "camelCase")]
trait Worker {
    async fn scan_games(&self, games: Vec<u64>) -> usize;
}

struct App;

impl Plain for App {
    async fn plain(&self) -> u32 {
        1
    }

    async fn enter(&self, conn: Connection, name: String) -> Result<()> {
        conn.login(User::new(name))
    }
}

/// What hooks were told, in that order.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    async fn until(&self, last: &str) -> Vec<String> {
        let told = async {
            while !self.all().iter().any(|told| told.starts_with(last)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        within(told).await;
        self.all()
    }

    fn of(&self, server: ServerBuilder) -> ServerBuilder {
        let [connect, authenticated, disconnect, link, error, message] = [(); 6].map(|()| self.clone());
        server
            .on_connect(move |conn| {
                let told = connect.clone();
                async move { told.note(format!("connect {}", conn.id())) }
            })
            .on_authenticated(move |conn| {
                let told = authenticated.clone();
                async move {
                    told.note(format!("authenticated {}", conn.user_id()));
                    Ok(())
                }
            })
            .on_disconnect(move |conn, close| {
                let told = disconnect.clone();
                async move { told.note(format!("disconnect {} {close}", conn.user_id())) }
            })
            .on_link(move |_, event: LinkEvent| {
                let told = link.clone();
                async move { told.note(format!("link {event:?}")) }
            })
            .on_error(move |_, problem: LinkError| {
                let told = error.clone();
                async move { told.note(format!("error {problem}")) }
            })
            .on_message(move |conn, said: Untyped| {
                let told = message.clone();
                async move {
                    let (id, params) = (conn.id(), said.params::<Vec<u32>>()?);
                    told.note(format!("message {id} {} {params:?} {}", said.method(), said.is_call()));
                    Ok(())
                }
            })
    }
}

fn builder() -> ServerBuilder {
    Server::builder()
        .service(PlainServer::new(App))
        .auth(|creds: &Credentials| Ok(creds.token().map(User::new)))
}

const HELLO: &str = r#"[1,{"v":1}]"#;
const ADA: &str = r#"[1,{"v":1,"token":"ada"}]"#;

#[tokio::test]
async fn a_session_is_told_of_from_its_beginning_to_its_end_and_each_thing_once() {
    let told = Told::default();
    let server = told.of(builder()).build().unwrap();
    let addr = serve(&server).await;
    let mut raw = Raw::hello(addr, ADA).await;
    // A message that no service takes; renewing a login is no login.
    raw.text(r#"[4,"custom",0,[1,2]]"#).await;
    raw.text(r#"[3,1,"rpc.refresh",0,["ada"]]"#).await;
    assert!(raw.receive().await.unwrap().starts_with("[5,1,"));
    raw.text(r#"[3,3,"rename",0,[3]]"#).await;
    let answer = raw.receive().await.unwrap();
    assert!(answer.contains("UNIMPLEMENTED") && answer.contains("`rename`"), "{answer}");
    raw.close(4001, "bye").await;
    let all = told.until("disconnect").await;
    let expected = [
        "connect 1",
        "authenticated ada",
        "message 1 custom [1, 2] false",
        "message 1 rename [3] true",
        "disconnect ada 4001 bye",
    ];
    // Messages run with the calls, and not behind the other hooks.
    let of = |begin: &str| all.iter().filter(|told| told.starts_with(begin)).cloned().collect::<Vec<_>>();
    assert_eq!(all.len(), expected.len(), "{all:?}");
    assert_eq!(of("message"), expected[2..4]);
    let sessions: Vec<_> = all.iter().filter(|told| !told.starts_with("message")).collect();
    assert_eq!(sessions, [expected[0], expected[1], expected[4]]);
}

#[tokio::test]
async fn a_public_method_that_logs_in_is_told_of_once() {
    let told = Told::default();
    let server = told.of(builder()).build().unwrap();
    let client = Client::over(server.in_memory()).await.unwrap();
    let plain = PlainClient::new(&client);
    // Nobody is told of messages from those who may call nothing.
    assert!(client.call::<u32>("unknown", ()).await.is_err());
    plain.enter("ada").await.unwrap();
    plain.enter("ada").await.unwrap();
    assert!(plain.enter("bob").await.is_err());
    client.close();
    assert_eq!(told.until("disconnect").await, ["connect 1", "authenticated ada", "disconnect ada 1000"]);
}

#[tokio::test]
async fn a_connection_that_breaks_is_an_error_once() {
    let told = Told::default();
    let server = told.of(builder()).build().unwrap();
    let addr = serve(&server).await;
    let mut raw = Raw::hello(addr, ADA).await;
    raw.text("garbage\nmore garbage").await;
    assert_eq!(raw.close_code().await, 4400);
    let all = told.until("disconnect").await;
    assert_eq!(all.len(), 4, "{all:?}");
    assert!(all[2].starts_with("error a frame cannot be read"), "{all:?}");
    assert!(all[3].starts_with("disconnect ada 4400"), "{all:?}");

    told.0.lock().unwrap().clear();
    drop(Raw::hello(addr, ADA).await);
    assert_eq!(
        told.until("disconnect").await[1..],
        [
            "authenticated ada",
            "link Lost",
            "error the connection was lost",
            "disconnect ada 1006 the connection was lost"
        ]
    );

    // Being closed is none.
    told.0.lock().unwrap().clear();
    let _raw = Raw::hello(addr, ADA).await;
    server.hub().user("ada").revoke();
    let all = told.until("disconnect").await;
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all[2].starts_with("disconnect ada 4403"), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_ignores_pings_is_told_of_as_an_error_and_as_gone_once_each() {
    let told = Told::default();
    let heartbeat = Heartbeat::every(Duration::from_secs(30)).timeout(Duration::from_secs(10));
    let server = told.of(builder()).heartbeat(heartbeat).build().unwrap();
    let (_silent, _) = Duplex::hello(&server, ADA).await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    let all = told.until("disconnect").await;
    assert_eq!(all.len(), 4, "{all:?}");
    assert!(all[2].starts_with("error nothing heard within 10 seconds"), "{all:?}");
    assert!(all[3].starts_with("disconnect ada 4410"), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_log_in_is_an_error() {
    let told = Told::default();
    let server = told.of(builder()).build().unwrap();
    let (mut idle, _) = Duplex::hello(&server, HELLO).await;
    assert_eq!(idle.receive().await, "4408");
    let expected = ["connect 1", "error no login in time", "disconnect  4408 no login in time"];
    assert_eq!(told.until("disconnect").await, expected);
}

#[tokio::test]
async fn a_hook_that_panics_or_fails_is_logged_and_holds_nobody_up() {
    let (log, _logging) = Log::begin(tracing::Level::INFO);
    let told = Told::default();
    let builder = builder()
        .on_connect(|_| async { panic!("CANARY in a hook") })
        .on_connect(|conn| {
            assert!(conn.id().0 == 0, "CANARY in the closure of a hook");
            async {}
        })
        .on_connect(|_| async { Err(trunkline::Error::internal().with_detail("CANARY from a hook")) })
        // As long as the session and longer.
        .on_connect(|_| std::future::pending::<()>());
    let server = told.of(builder).build().unwrap();
    let client = Client::builder("").token("ada").over(server.in_memory()).await.unwrap();
    assert_eq!(PlainClient::new(&client).plain().await.unwrap(), 1);
    client.close();
    assert_eq!(told.until("disconnect").await, ["connect 1", "authenticated ada", "disconnect ada 1000"]);
    for canary in ["CANARY in a hook", "CANARY in the closure of a hook", "CANARY from a hook"] {
        let entry = log.entry(canary);
        assert!(entry.contains("a hook failed") && entry.contains("on_connect"), "{entry}");
    }
}

#[tokio::test]
async fn a_hook_may_call_the_client() {
    let told = Told::default();
    let noted = told.clone();
    let server = builder()
        .on_connect(move |conn| {
            let told = noted.clone();
            async move {
                let accepted = WorkerClient::new(&conn).scan_games(vec![1, 2]).await?;
                told.note(format!("{} accepted {accepted}", conn.remote_addr().ip()));
                Ok(())
            }
        })
        .build()
        .unwrap();
    let mut raw = Raw::hello(serve(&server).await, ADA).await;
    assert_eq!(raw.receive().await.unwrap(), r#"[3,2,"scanGames",0,[[1,2]]]"#);
    raw.text("[5,2,0,2]").await;
    assert_eq!(told.until("127").await, ["127.0.0.1 accepted 2"]);
}

#[tokio::test]
async fn a_connection_that_never_was_a_session_is_not_told_of() {
    let told = Told::default();
    let server = told.of(builder()).build().unwrap();
    let addr = serve(&server).await;
    let mut raw = Raw::connect(addr, "trunkline.v1.json").await;
    raw.text("no hello").await;
    assert_eq!(raw.close_code().await, 4400);
    let _raw = Raw::hello(addr, HELLO).await;
    assert_eq!(told.until("connect").await, ["connect 1"]);
}

#[tokio::test]
async fn what_on_connect_sets_is_there_for_the_first_call_also_of_clients_that_begin_with_one() {
    let server = Server::builder()
        .on_connect(|conn| async move { conn.set("guest", true) })
        .auth(|creds: &Credentials| Ok(creds.bearer().map(User::new)))
        .on_authenticated(|conn| async move { conn.set("member", true) })
        .build()
        .unwrap();
    let requires = |name: &'static str| Registration::new(name).requires(has(name));
    server.register(requires("guest").public(), async || 1).unwrap();
    server.register(requires("member"), async || 2).unwrap();
    let addr = serve(&server).await;
    for _ in 0..20 {
        let mut raw = Raw::bare(addr, &[("authorization", "Bearer ada")]).await;
        let calls =
            ["guest", "member"].map(|name| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{name}"}}"#));
        raw.text(&format!("[{}]", calls.join(","))).await;
        let answers = raw.receive().await.unwrap();
        assert!(answers.contains(r#""result":1"#) && answers.contains(r#""result":2"#), "{answers}");
    }
}
