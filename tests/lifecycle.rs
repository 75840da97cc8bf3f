//! From connecting to closing: who is told what, and what is gone afterwards.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use trunkline::{
    Client, Code, ConnectError, Connection, Credentials, Error, Hub, PeerInfo, Server, User, service,
};

use crate::raw::{End, Raw, serve, within};

#[service]
trait Door {
    async fn me(&self, user: User) -> String;
    async fn everyone(&self, hub: Hub) -> usize;
    async fn kick(&self, hub: Hub, user: String) -> usize;
    async fn leave(&self, conn: Connection) -> ();
    async fn header(&self, conn: Connection, name: String) -> Option<String>;
    async fn hang(&self) -> ();
    #[method(idempotent)]
    async fn hang_harmlessly(&self) -> ();
}

/// Knows how many calls hang.
#[derive(Clone, Default)]
struct App(Arc<AtomicUsize>);

impl App {
    async fn never_end(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }

    /// Returns once that many calls have reached the server and hang there.
    async fn hanging(&self, calls: usize) {
        within(async {
            while self.0.load(Ordering::SeqCst) < calls {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

impl Door for App {
    async fn me(&self, user: User) -> String {
        user.id().to_owned()
    }

    async fn everyone(&self, hub: Hub) -> usize {
        hub.everyone().count()
    }

    async fn kick(&self, hub: Hub, user: String) -> usize {
        let audience = hub.user(&user);
        audience.close(4000, "kicked: 👋");
        audience.count()
    }

    async fn leave(&self, conn: Connection) {
        conn.close(4001, "x".repeat(200));
    }

    async fn header(&self, conn: Connection, name: String) -> Option<String> {
        conn.header(&name).map(str::to_owned)
    }

    async fn hang(&self) {
        self.never_end().await
    }

    async fn hang_harmlessly(&self) {
        self.never_end().await
    }
}

fn server() -> Server {
    serving(App::default())
}

fn serving(app: App) -> Server {
    let auth = |creds: &Credentials| match creds.token() {
        Some("outage") => Err(Error::unavailable("the accounts are down")),
        token => Ok(token.and_then(|token| token.strip_prefix("tok-")).map(User::new)),
    };
    let grace = Duration::from_millis(200);
    Server::builder().service(DoorServer::new(app)).auth(auth).shutdown_grace(grace).build().unwrap()
}

async fn url(server: &Server) -> String {
    format!("ws://{}", serve(server).await)
}

#[tokio::test]
async fn connect_resolves_once_the_token_is_accepted() {
    let url = url(&server()).await;
    let ada = Client::builder(&url).token("tok-ada").connect().await.unwrap();
    assert_eq!(ada.user().as_deref(), Some("ada"));
    assert_eq!(DoorClient::new(&ada).me().await.unwrap(), "ada");
    let fetched = Client::builder(&url).token(|| async { Ok::<_, std::io::Error>("tok-bob".to_owned()) });
    assert_eq!(fetched.connect().await.unwrap().user().as_deref(), Some("bob"));

    let refused = Client::builder(&url).token("wrong").connect().await.unwrap_err();
    assert!(matches!(refused, ConnectError::Unauthenticated), "{refused}");
    let outage = Client::builder(&url).token("outage").connect().await.unwrap_err();
    assert!(matches!(&outage, ConnectError::Closed(reason) if reason.code.0 == 1013), "{outage}");
    let failing =
        Client::builder(&url).token(|| async { Err::<String, _>(std::io::Error::other("no login")) });
    assert!(matches!(failing.connect().await.unwrap_err(), ConnectError::Token(_)));
}

#[tokio::test]
async fn the_hub_knows_sessions_by_user_and_closes_them() {
    let server = server();
    let url = url(&server).await;
    let tabs = [
        Client::builder(&url).token("tok-ada").connect().await.unwrap(),
        Client::builder(&url).token("tok-ada").connect().await.unwrap(),
    ];
    let bob = DoorClient::new(&Client::builder(&url).token("tok-bob").connect().await.unwrap());
    assert_eq!(bob.everyone().await.unwrap(), 3);
    let ids: Vec<_> = server.hub().user("ada").connections().iter().map(Connection::id).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(server.hub().connection(ids[0]).unwrap().user().unwrap().id(), "ada");

    assert_eq!(bob.kick("ada").await.unwrap(), 2);
    within(async {
        while server.hub().connections().len() > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert_eq!(server.hub().connection(ids[0]).unwrap_err().code(), Code::NotFound);
    assert_eq!(server.hub().user("ada").count(), 0);
    for tab in &tabs {
        let error = DoorClient::new(tab).me().await.unwrap_err();
        assert_eq!((error.code(), error.maybe_executed()), (Code::Unavailable, false));
    }
    assert_eq!(bob.everyone().await.unwrap(), 1);
}

#[tokio::test]
async fn code_and_reason_of_a_close_reach_the_client_verbatim() {
    let server = server();
    let addr = serve(&server).await;
    let mut raw = Raw::hello(addr, r#"[1,{"v":1,"token":"tok-ada"}]"#).await;
    server.hub().user("ada").close(4000, "kicked: 👋");
    assert_eq!(raw.receive().await, Err(End::Close(4000, "kicked: 👋".to_owned())));

    let mut raw = Raw::hello(addr, r#"[1,{"v":1,"token":"tok-ada"}]"#).await;
    raw.text(r#"[3,1,"leave",0,[]]"#).await;
    assert_eq!(raw.receive().await, Ok("[5,1,0,null]".to_owned()), "the answer goes before the close");
    assert_eq!(raw.receive().await, Err(End::Close(4001, "x".repeat(123))));
}

#[tokio::test]
async fn one_connection_is_shared_and_closed_with_the_last_stub() {
    let server = server();
    let url = url(&server).await;
    let client = Client::builder(&url).token("tok-ada").connect().await.unwrap();
    let (one, two) = (DoorClient::new(&client), DoorClient::new(&client.clone()));
    assert_eq!(server.hub().connections().len(), 1);
    drop((client, one));
    assert_eq!(two.me().await.unwrap(), "ada");
    drop(two);
    within(async {
        while !server.hub().connections().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_lazy_client_dials_when_it_is_called_and_again_after_a_loss() {
    let server = server();
    let url = url(&server).await;
    let client = Client::builder(&url).token("tok-ada").connect_lazy().unwrap();
    let door = DoorClient::new(&client);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(server.hub().connections().is_empty());
    assert_eq!(within(door.me()).await.unwrap(), "ada");
    server.hub().everyone().close(4000, "");
    within(async {
        while !server.hub().connections().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    within(async {
        // The call may still meet the connection that is being closed.
        while door.me().await.is_err() {}
    })
    .await;

    // A call that was given up is no reason to dial.
    server.hub().everyone().close(4000, "");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(futures_util::FutureExt::now_or_never(door.me()).is_none());
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(server.hub().connections().is_empty());

    let nowhere = Client::builder("ws://127.0.0.1:1").connect_lazy().unwrap();
    let error = within(DoorClient::new(&nowhere).me()).await.unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::Unavailable, false));
}

#[tokio::test]
async fn headers_of_the_request_are_on_the_connection() {
    let url = url(&server()).await;
    let client = Client::builder(&url).token("tok-ada").header("X-Tenant", "acme").connect().await.unwrap();
    let door = DoorClient::new(&client);
    assert_eq!(door.header("x-tenant").await.unwrap().as_deref(), Some("acme"));
    assert_eq!(door.header("sec-websocket-key").await.unwrap(), None);
}

#[tokio::test]
async fn a_shutdown_tells_clients_and_returns() {
    let app = App::default();
    let server = serving(app.clone());
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let addr = bound.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(bound.run_until(async { drop(stopped.await) }));
    let mut raw = Raw::hello(addr, r#"[1,{"v":1,"token":"tok-ada"}]"#).await;
    let client = Client::builder(format!("ws://{addr}")).token("tok-ada").connect().await.unwrap();
    let hanging = tokio::spawn(DoorClient::new(&client).hang());
    app.hanging(1).await;

    stop.send(()).unwrap();
    assert_eq!(raw.close_code().await, 1012);
    drop(raw);
    let error = within(hanging).await.unwrap().unwrap_err();
    assert_eq!((error.code(), error.maybe_executed()), (Code::Unavailable, true));
    within(serving).await.unwrap();
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}

#[tokio::test]
async fn two_services_that_share_a_name_do_not_build() {
    #[service]
    trait Mail {
        #[method(alias = "me")]
        async fn address(&self) -> String;
    }
    struct Post;
    impl Mail for Post {
        async fn address(&self) -> String {
            "x".to_owned()
        }
    }
    let error = Server::builder()
        .service(DoorServer::new(App::default()))
        .service(MailServer::new(Post))
        .build()
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`me`") && text.contains("Door::me") && text.contains("Mail::address"), "{text}");
    assert!(text.contains("namespace"), "{text}");
}

#[tokio::test]
async fn a_cut_off_call_may_be_repeated_only_if_it_is_idempotent() {
    let app = App::default();
    let server = serving(app.clone());
    let url = url(&server).await;
    let client = Client::builder(&url).token("tok-ada").connect().await.unwrap();
    let door = DoorClient::new(&client);
    let (once, often) = (tokio::spawn(door.hang()), tokio::spawn(door.hang_harmlessly()));
    app.hanging(2).await;
    server.hub().everyone().close(4000, "");
    for (call, retryable) in [(once, false), (often, true)] {
        let error = within(call).await.unwrap().unwrap_err();
        assert_eq!((error.code(), error.maybe_executed()), (Code::Unavailable, true));
        assert_eq!(error.is_retryable(), retryable);
    }
}

#[tokio::test]
async fn any_byte_stream_can_be_handed_over() {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::{
        WebSocketStream,
        tungstenite::{Message, protocol::Role},
    };

    let server = server();
    let (ours, theirs) = tokio::io::duplex(1024);
    let peer = PeerInfo::new("192.0.2.7:1".parse().unwrap()).user_agent("demo");
    let handled = tokio::spawn(async move { server.handle(ours, peer).await });
    let mut socket = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
    let call = r#"[3,1,"header",0,["user-agent"]]"#;
    socket.send(Message::text(format!("[1,{{\"v\":1,\"token\":\"tok-ada\"}}]\n{call}"))).await.unwrap();
    let welcome = within(socket.next()).await.unwrap().unwrap();
    assert!(welcome.to_text().unwrap().starts_with("[2,"));
    let answer = within(socket.next()).await.unwrap().unwrap();
    assert_eq!(answer.to_text().unwrap(), r#"[5,1,0,"demo"]"#);
    socket.close(None).await.unwrap();
    drop(socket);
    assert!(within(handled).await.unwrap().is_ok());
}
