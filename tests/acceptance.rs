//! The examples that users know, as far as they can be had today: every line of "accept when" that holds.

use trunkline::{
    Attr, CallError, Client, Code, Codec, Connection, Credentials, Error, Result, ResultExt, Server, User,
    Value, attr, data, is, json, service,
};

use crate::{
    log::Log,
    raw::{Raw, serve, within},
};

// A. An echo with an injected user.

#[data]
#[derive(Debug)]
struct EchoPayload {
    message: String,
}

#[data]
#[derive(Debug)]
struct EchoReply {
    status: String,
    response: String,
}

#[service]
trait Echo {
    /// `user` is injected; the body is the whole payload.
    async fn echo(&self, user: User, #[body] body: EchoPayload) -> EchoReply;
    /// The same by name: `{ "info": { "message": … } }`.
    async fn echo2(&self, user: User, info: EchoPayload) -> Result<Value>;
}

struct EchoService;

impl Echo for EchoService {
    async fn echo(&self, _user: User, body: EchoPayload) -> EchoReply {
        EchoReply { status: "ok".into(), response: format!("Your message was: '{}'", body.message) }
    }

    async fn echo2(&self, user: User, info: EchoPayload) -> Result<Value> {
        Ok(json!({ "status": "ok", "message": info.message, "name": user.id() }))
    }
}

#[tokio::test]
async fn a_the_rust_client_gets_its_message_back() {
    let server = Server::builder()
        .service(EchoServer::new(EchoService))
        .auth(|creds: &Credentials| Ok(creds.token().map(|_| User::new("user-123"))))
        .build()
        .unwrap();
    let addr = serve(&server).await;
    for codec in [Codec::Json, Codec::MessagePack] {
        let client = Client::builder(format!("ws://{addr}")).token("t").codec(codec).connect().await.unwrap();
        let echo = EchoClient::new(&client);
        let reply = echo.echo(EchoPayload { message: "Hello, world!".into() }).await.unwrap();
        assert_eq!(
            (reply.status.as_str(), reply.response.as_str()),
            ("ok", "Your message was: 'Hello, world!'")
        );
        let by_name: Value = client.call("echo2", json!({ "info": { "message": "x" } })).await.unwrap();
        assert_eq!(by_name, json!({ "status": "ok", "message": "x", "name": "user-123" }));
        let mistyped = client.call::<Value>("echo2", json!({ "info": { "message": 1 } })).await.unwrap_err();
        let text = mistyped.to_string();
        assert!(text.contains("info.message: invalid type: integer `1`, expected a string"), "{text}");
    }
}

/// The `main` of the page, where nothing is sealed.
async fn a_main(addr: std::net::SocketAddr) -> Result<()> {
    Server::builder()
        .service(EchoServer::new(EchoService))
        .auth(|creds: &Credentials| Ok(creds.token().map(|_| User::new("user-123"))))
        .serve(addr)
        .await
}

#[tokio::test]
async fn a_the_server_of_the_page_serves() {
    // A port that was free a moment ago.
    let addr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let serving = tokio::spawn(a_main(addr));
    let client = within(async {
        loop {
            if let Ok(client) = Client::builder(format!("ws://{addr}/ws")).token("t").connect().await {
                return client;
            }
            assert!(!serving.is_finished());
        }
    });
    let reply = EchoClient::new(&client.await).echo(EchoPayload { message: "Hello, world!".into() }).await;
    assert_eq!(reply.unwrap().response, "Your message was: 'Hello, world!'");
    serving.abort();
}

// B. Guards, session state and rate limits.

const IS_ADMIN: Attr<bool> = attr("is_admin");

#[service]
trait Game {
    #[method(alias = "add")]
    async fn sum(&self, a: i64, b: i64) -> i64;
    #[method(requires = is("is_admin"))]
    async fn secret_function(&self) -> String;
    async fn login(&self, conn: Connection, user_id: String) -> Result<()>;
    async fn whoami(&self, conn: Connection) -> Option<String>;
    #[method(rate_limit = "5/1m")]
    async fn expensive_operation(&self, query: String) -> String;
}

struct Lobby;

impl Game for Lobby {
    async fn sum(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn secret_function(&self) -> String {
        "Sensitive Data".into()
    }

    async fn login(&self, conn: Connection, user_id: String) -> Result<()> {
        conn.set("user_id", user_id);
        conn.set(IS_ADMIN, true);
        Ok(())
    }

    async fn whoami(&self, conn: Connection) -> Option<String> {
        conn.get("user_id")
    }

    async fn expensive_operation(&self, query: String) -> String {
        query
    }
}

async fn game() -> (Server, String) {
    let server = Server::builder().service(GameServer::new(Lobby)).build().unwrap();
    let url = format!("ws://{}", serve(&server).await);
    (server, url)
}

#[tokio::test]
async fn b_ten_and_twenty_are_thirty_in_every_form() {
    let (_, url) = game().await;
    let client = Client::builder(&url).connect().await.unwrap();
    assert_eq!(GameClient::new(&client).sum(10, 20).await.unwrap(), 30);
    assert_eq!(client.call::<i64>("add", (10, 20)).await.unwrap(), 30);
    assert_eq!(client.call::<i64>("add", json!({ "a": 10, "b": 20 })).await.unwrap(), 30);
    let rust_name = client.call::<i64>("sum", (10, 20)).await.unwrap_err();
    assert_eq!(rust_name.code(), Code::Unimplemented, "an alias replaces the Rust name");
}

#[tokio::test]
async fn b_the_secret_is_for_those_who_have_logged_in() {
    let (_, url) = game().await;
    let client = Client::builder(&url).connect().await.unwrap();
    let game = GameClient::new(&client);
    assert_eq!(game.secret_function().await.unwrap_err().code(), Code::PermissionDenied);
    game.login("ada").await.unwrap();
    assert_eq!(game.secret_function().await.unwrap(), "Sensitive Data");
}

#[tokio::test]
async fn b_the_sixth_expensive_operation_is_told_when_to_come_back() {
    let (_, url) = game().await;
    let client = Client::builder(&url).connect().await.unwrap();
    let game = GameClient::new(&client);
    for _ in 0..5 {
        game.expensive_operation("q").await.unwrap();
    }
    let refused = game.expensive_operation("q").await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let retry = refused.retry_after().unwrap().as_secs_f32();
    assert!(retry > 0.0 && retry <= 12.0, "{retry}");
    assert!(refused.is_retryable());
}

#[tokio::test]
async fn b_state_is_each_sessions_own_and_gone_with_it() {
    let (server, url) = game().await;
    let [one, two] =
        [Client::builder(&url).connect().await.unwrap(), Client::builder(&url).connect().await.unwrap()];
    GameClient::new(&one).login("ada").await.unwrap();
    assert_eq!(GameClient::new(&one).whoami().await.unwrap().as_deref(), Some("ada"));
    assert_eq!(GameClient::new(&two).whoami().await.unwrap(), None);
    drop(one);
    while server.hub().connections().len() > 1 {
        tokio::task::yield_now().await;
    }
    let again = Client::builder(&url).connect().await.unwrap();
    assert_eq!(GameClient::new(&again).whoami().await.unwrap(), None);
}

// C. The size of a message.

#[tokio::test]
async fn c_fifty_kib_and_one_byte_close_1009() {
    let server =
        Server::builder().service(GameServer::new(Lobby)).max_message_size(50 * 1024).build().unwrap();
    let addr = serve(&server).await;
    for (len, accepted) in [(50 * 1024, true), (50 * 1024 + 1, false)] {
        let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
        let around = r#"[3,1,"expensive_operation",0,[""]]"#.len();
        raw.text(&format!(r#"[3,1,"expensive_operation",0,["{}"]]"#, "x".repeat(len - around))).await;
        if accepted {
            assert!(raw.receive().await.unwrap().starts_with("[5,1,"));
        } else {
            assert_eq!(raw.close_code().await, 1009);
        }
    }
}

// D. Errors that must not tell.

#[service]
trait Accounts {
    async fn authenticate(&self, token: String) -> Result<String>;
}

struct Leaky;

impl Accounts for Leaky {
    async fn authenticate(&self, token: String) -> Result<String> {
        match token.as_str() {
            "foreign" => Err(std::io::Error::other("connect failed: password=hunter2")).or_internal(),
            "own" => Err(Error::new(Code::FailedPrecondition, "the Password is hunter2")),
            _ => Err(Error::new(Code::NotFound, "no such account")),
        }
    }
}

#[tokio::test]
async fn d_an_error_that_mentions_a_password_is_bare_for_the_client_and_whole_in_the_log() {
    let (log, _logging) = Log::begin(tracing::Level::INFO);
    let server = Server::builder()
        .service(AccountsServer::new(Leaky))
        .redact(
            |error| if error.mentions(["password", "token", "secret"]) { Error::internal() } else { error },
        )
        .build()
        .unwrap();
    let client = Client::over(server.in_memory()).await.unwrap();
    let accounts = AccountsClient::new(&client);

    for token in ["foreign", "own"] {
        let CallError::Rpc(error) = accounts.authenticate(token).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::Internal, "internal error"));
        let entry = log.entry(error.reference().unwrap());
        assert!(entry.contains("hunter2") && entry.contains("authenticate"), "{entry}");
    }
    let CallError::Rpc(harmless) = accounts.authenticate("x").await.unwrap_err();
    assert_eq!((harmless.code(), harmless.message()), (Code::NotFound, "no such account"));
}

#[tokio::test]
async fn d_a_redaction_that_panics_lets_nothing_through() {
    let server = Server::builder()
        .service(AccountsServer::new(Leaky))
        .redact(|_| panic!("no redaction today"))
        .build()
        .unwrap();
    let client = Client::over(server.in_memory()).await.unwrap();
    let CallError::Rpc(error) = AccountsClient::new(&client).authenticate("own").await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Internal, "internal error"));
}
