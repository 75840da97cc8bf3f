//! The server as a route of an axum application: what holds elsewhere holds there.

use std::net::SocketAddr;

use ::axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use trunkline::{Client, Codec, Connection, Credentials, Hub, Server, ServerBuilder, User, data, service};

use crate::{
    post::{call, send},
    raw::{Raw, serve, within},
};

#[data]
#[derive(Debug, PartialEq)]
struct EchoPayload {
    message: String,
}

#[data]
#[derive(Debug, PartialEq)]
struct EchoReply {
    status: String,
    response: String,
}

#[service]
trait Echo {
    async fn echo(&self, user: User, #[body] body: EchoPayload) -> EchoReply;
    async fn from(&self, conn: Connection) -> String;
}

struct App;

impl Echo for App {
    async fn echo(&self, _user: User, body: EchoPayload) -> EchoReply {
        EchoReply { status: "ok".into(), response: format!("Your message was: '{}'", body.message) }
    }

    async fn from(&self, conn: Connection) -> String {
        conn.remote_addr().ip().to_string()
    }
}

fn builder() -> ServerBuilder {
    Server::builder()
        .service(EchoServer::new(App))
        .auth(|creds: &Credentials| {
            Ok(creds.bearer().filter(|token| *token == "t").map(|_| User::new("ada")))
        })
        .allow_origins(["https://app.example"])
        .max_message_size(50 * 1024)
}

async fn online(State(hub): State<Hub>) -> String {
    hub.connections().len().to_string()
}

async fn kick(State(hub): State<Hub>, Path(user): Path<String>) -> String {
    let audience = hub.user(&user);
    audience.close(1000, "kicked");
    audience.count().to_string()
}

/// Serves an application with the server on `/deep/rpc`, below other routes with another state.
async fn mount(server: &Server) -> SocketAddr {
    let rpc = Router::new().route("/rpc", server.axum_route()).route("/online", get(online));
    let app = Router::new()
        .nest("/deep", rpc)
        .route("/kick/{user}", post(kick))
        .with_state(server.hub())
        .route("/plain", get(async || "plain"));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { ::axum::serve(listener, app).await });
    addr
}

#[tokio::test]
async fn a_service_answers_alike_alone_and_in_an_application() {
    let server = builder().path("/elsewhere").build().unwrap();
    let alone = format!("ws://{}/elsewhere", serve(&server).await);
    let mounted = format!("ws://{}/deep/rpc", mount(&server).await);
    for codec in [Codec::Json, Codec::MessagePack] {
        let mut answers = Vec::new();
        for url in [&alone, &mounted] {
            let client = Client::builder(url.clone()).token("t").codec(codec).connect().await.unwrap();
            let echo = EchoClient::new(&client);
            let message = "Hello, world!".to_owned();
            let reply = echo.echo(EchoPayload { message }).await.unwrap();
            assert_eq!(reply.response, "Your message was: 'Hello, world!'");
            let mistyped = client.call::<Value>("echo", json!({ "message": 1 })).await.unwrap_err();
            let unknown = client.call::<Value>("nothing", json!([])).await.unwrap_err();
            let large = EchoPayload { message: "x".repeat(40_000) };
            answers.push((
                reply,
                echo.from().await.unwrap(),
                mistyped.to_string(),
                unknown.to_string(),
                echo.echo(large).await.unwrap().response.len(),
            ));
        }
        assert_eq!(answers[0], answers[1]);
    }
}

#[tokio::test]
async fn plain_http_is_served_beside_it_and_has_the_hub() {
    let addr = mount(&builder().build().unwrap()).await;
    let get =
        async |path: &str| String::from_utf8(send(addr, &format!("GET {path}"), "", b"").await.body).unwrap();
    assert_eq!((get("/plain").await, get("/deep/online").await), ("plain".to_owned(), "0".to_owned()));
    let client = Client::builder(format!("ws://{addr}/deep/rpc")).token("t").connect().await.unwrap();
    EchoClient::new(&client).from().await.unwrap();
    assert_eq!(get("/deep/online").await, "1");
    let kicked = send(addr, "POST /kick/ada", "content-length: 0\r\n", b"").await;
    assert_eq!(kicked.body, b"1");
    let ended = EchoClient::new(&client).from().await.unwrap_err();
    assert!(ended.to_string().contains("kicked"), "{ended}");
}

#[tokio::test]
async fn origins_limits_and_logins_hold_in_an_application() {
    let addr = mount(&builder().build().unwrap()).await;
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\norigin: https://evil.example\r\n";
    assert_eq!(send(addr, "GET /deep/rpc", upgrade, b"").await.status, 403);
    assert_eq!(send(addr, "GET /deep/rpc", "", b"").await.status, 426);
    assert_eq!(send(addr, "DELETE /deep/rpc", "", b"").await.status, 405);

    let mut raw = Raw::at(addr, "/deep/rpc", "trunkline.v1.json").await;
    raw.text(r#"[1,{"v":1,"token":"t"}]"#).await;
    assert!(raw.receive().await.unwrap().contains(r#""user":"ada""#));
    raw.text(&"x".repeat(50 * 1024 + 1)).await;
    assert_eq!(raw.close_code().await, 1009);

    let mut raw = Raw::at(addr, "/deep/rpc", "trunkline.v1.json").await;
    raw.text(r#"[1,{"v":1,"token":"wrong"}]"#).await;
    raw.text("[3,1,\"from\"]").await;
    assert!(raw.receive().await.unwrap().starts_with("[2,"));
    assert!(raw.receive().await.unwrap().contains("UNAUTHENTICATED"));
}

#[tokio::test]
async fn below_tungstenite_frames_are_followed_here_too() {
    let addr = mount(&Server::builder().service(EchoServer::new(App)).build().unwrap()).await;
    let mut raw = Raw::at(addr, "/deep/rpc", "trunkline.v1.json").await;
    raw.text(r#"[1,{"v":1}]"#).await;
    raw.receive().await.unwrap();
    // A text of nothing but empty fragments, masked with zeros: more of them than a message may have.
    let fragments: Vec<u8> = (0..300).flat_map(|at| [u8::from(at == 0), 0x80, 0, 0, 0, 0]).collect();
    raw.bytes(&fragments).await;
    assert_eq!(raw.close_code().await, 1008);
}

#[tokio::test]
async fn json_rpc_and_post_are_open_in_an_application() {
    let server = builder().build().unwrap();
    let addr = mount(&server).await;
    let known = "authorization: Bearer t\r\n";
    assert_eq!(call(addr, "/deep/rpc", known, "from", json!([])).await["result"], "127.0.0.1");
    let echoed = call(addr, "/deep/rpc", known, "echo", json!({ "message": "x" })).await;
    assert_eq!(echoed["result"]["response"], "Your message was: 'x'");
    assert_eq!(call(addr, "/deep/rpc", "", "from", json!([])).await["error"]["code"], -32003);
    let mut raw = Raw::at(addr, "/deep/rpc", "").await;
    raw.text(r#"{"jsonrpc":"2.0","id":1,"method":"rpc.login","params":["t"]}"#).await;
    assert!(raw.receive().await.unwrap().contains("ada"));
    let large = vec![b' '; 50 * 1024 + 1];
    let headers = format!("content-type: application/json\r\ncontent-length: {}\r\n{known}", large.len());
    assert_eq!(send(addr, "POST /deep/rpc", &headers, &large).await.status, 413);
    // The sessions end with the server, and not with the application.
    within(server.shutdown()).await;
    assert_eq!(raw.close_code().await, 1012);
    let headers = format!("content-type: application/json\r\ncontent-length: 2\r\n{known}");
    assert_eq!(send(addr, "POST /deep/rpc", &headers, b"{}").await.status, 503);
}

#[data]
struct Notification {
    title: String,
    actions: Vec<String>,
}

/// What the server pushes, implemented by the client.
#[service]
trait Desk {
    #[method(oneway)]
    async fn notification(&self, note: Notification);
}

struct Tab(tokio::sync::mpsc::UnboundedSender<String>);

impl Desk for Tab {
    async fn notification(&self, note: Notification) {
        let _ = self.0.send(format!("{} {:?}", note.title, note.actions));
    }
}

async fn notify(State(hub): State<Hub>, Path(user): Path<String>, body: String) -> String {
    let note = serde_json::from_str::<Notification>(&body).unwrap();
    let tabs = DeskClient::new(&hub.user(&user)).notification(note).await.unwrap();
    json!({ "status": "sent", "tabs": tabs }).to_string()
}

#[tokio::test]
async fn a_route_notifies_every_tab_of_one_user_and_nobody_else() {
    let auth = |creds: &Credentials| Ok(creds.token().map(User::new));
    let server = Server::builder().auth(auth).build().unwrap();
    let app = Router::new()
        .route("/ws", server.axum_route())
        .route("/users/{user}/notify", post(notify))
        .with_state(server.hub());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { ::axum::serve(listener, app).await });
    let mut tabs = Vec::new();
    for user in ["7", "7", "8"] {
        let (told, tells) = tokio::sync::mpsc::unbounded_channel();
        let client =
            Client::builder(format!("ws://{addr}/ws")).token(user).expose(DeskServer::new(Tab(told)));
        tabs.push((client.connect().await.unwrap(), tells));
    }
    crate::peer_services::connections(&server.hub(), 3).await;
    let note = json!({ "title": "hi", "actions": ["open"] }).to_string();
    let headers = format!("content-type: application/json\r\ncontent-length: {}\r\n", note.len());
    let answer = send(addr, "POST /users/7/notify", &headers, note.as_bytes()).await;
    assert_eq!(String::from_utf8(answer.body).unwrap(), r#"{"status":"sent","tabs":2}"#);
    for (_client, told) in &mut tabs[..2] {
        assert_eq!(within(told.recv()).await.unwrap(), r#"hi ["open"]"#);
    }
    let (other, told) = &mut tabs[2];
    // What was sent to it before would be there by now.
    assert!(other.call::<u32>("nothing", ()).await.is_err());
    assert!(told.try_recv().is_err());
}
