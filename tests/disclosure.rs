//! What is told to whom: clients, and the log.

use std::{collections::HashMap, fmt};

use tracing::Level;
use trunkline::{
    AnyError, CallError, CallHead, Client, Code, ConnectError, Connection, Credentials, Error, FromCall,
    Result, Server, User, Value, data, guard_fn, json, service,
};

use crate::{
    log::Log,
    raw::{Raw, serve, within},
};

#[data(error)]
#[derive(Debug, thiserror::Error)]
enum VaultError {
    #[error("locked")]
    Locked,
    #[error("short of {by}")]
    Short { by: u32 },
}

#[service]
trait Vault {
    async fn detailed(&self) -> Result<()>;
    async fn caused(&self) -> Result<()>;
    async fn unwritable(&self) -> Result<()>;
    async fn extracted(&self, #[extract] broken: Broken) -> ();
    #[method(requires = guard_fn(|_: &Connection| false))]
    async fn denied(&self) -> ();
    #[method(requires = guard_fn(|_: &Connection| async { false }))]
    async fn denied_later(&self) -> ();
    async fn open(&self, by: u32) -> Result<(), VaultError>;
    #[method(oneway)]
    async fn tell(&self, text: String);
}

/// An extractor that panics.
struct Broken;

impl FromCall for Broken {
    async fn from_call(_: &CallHead) -> Result<Self> {
        panic!("CANARY in an extractor")
    }
}

/// An error that cannot be written.
#[derive(Debug)]
struct Unwritable;

impl std::error::Error for Unwritable {}

impl fmt::Display for Unwritable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("CANARY in Display")
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the query failed")]
struct QueryFailed(#[source] std::io::Error);

struct App;

impl Vault for App {
    async fn detailed(&self) -> Result<()> {
        Err(Error::new(Code::NotFound, "no such vault").with_detail("CANARY: looked in /secret/path"))
    }

    async fn caused(&self) -> Result<()> {
        Err(Error::internal().with_detail(QueryFailed(std::io::Error::other("CANARY: disk on fire"))))
    }

    async fn unwritable(&self) -> Result<()> {
        Err(Error::internal().with_detail(Unwritable))
    }

    async fn extracted(&self, _broken: Broken) {}

    async fn denied(&self) {}

    async fn denied_later(&self) {}

    async fn open(&self, by: u32) -> Result<(), VaultError> {
        Err(if by > 0 { VaultError::Short { by } } else { VaultError::Locked })
    }

    async fn tell(&self, _text: String) {}
}

async fn vault(server: &Server) -> (Client, VaultClient) {
    let client = Client::over(server.in_memory()).await.unwrap();
    let vault = VaultClient::new(&client);
    (client, vault)
}

fn server() -> Server {
    Server::builder().service(VaultServer::new(App)).build().unwrap()
}

fn rpc<E: fmt::Debug>(error: CallError<E>) -> Error {
    let CallError::Rpc(error) = error else { panic!("{error:?}") };
    error
}

#[tokio::test]
async fn the_log_has_a_detail_whatever_the_code_and_with_all_of_its_causes() {
    let (log, _logging) = Log::begin(Level::INFO);
    let (_client, vault) = vault(&server()).await;

    let error = rpc(vault.detailed().await.unwrap_err());
    assert_eq!((error.code(), error.message()), (Code::NotFound, "no such vault"));
    let entry = log.entry(error.reference().unwrap());
    assert!(entry.contains("CANARY: looked in /secret/path") && entry.contains("detailed"), "{entry}");

    let error = rpc(vault.caused().await.unwrap_err());
    assert_eq!(error.message(), "internal error");
    let entry = log.entry(error.reference().unwrap());
    assert!(entry.contains("the query failed: CANARY: disk on fire"), "{entry}");
}

#[tokio::test]
async fn a_panic_in_an_extractor_or_in_the_text_of_an_error_fails_its_call_alone() {
    let (log, _logging) = Log::begin(Level::INFO);
    let (client, vault) = vault(&server()).await;
    for error in [vault.unwritable().await.unwrap_err(), vault.extracted().await.unwrap_err()] {
        let error = rpc(error);
        assert_eq!((error.code(), error.message()), (Code::Internal, "internal error"));
        assert!(log.entry(error.reference().unwrap()).contains("a call failed"));
    }
    assert!(log.text().contains("CANARY in an extractor"));
    assert!(!client.is_closed());
}

#[tokio::test]
async fn refusals_pass_the_redaction_whether_their_guard_had_to_wait_or_not() {
    let (log, _logging) = Log::begin(Level::DEBUG);
    let redact = |error: Error| match error.code() {
        Code::PermissionDenied | Code::Unimplemented => Error::new(Code::NotFound, "nothing here"),
        _ => error,
    };
    let server = Server::builder().service(VaultServer::new(App)).redact(redact).build().unwrap();
    let (client, vault) = vault(&server).await;
    let refused = [
        rpc(vault.denied().await.unwrap_err()),
        rpc(vault.denied_later().await.unwrap_err()),
        rpc(client.call::<()>("no_such_method", ()).await.unwrap_err()),
    ];
    for error in refused {
        assert_eq!((error.code(), error.message()), (Code::NotFound, "nothing here"));
        assert!(!error.maybe_executed());
        let entry = log.entry(error.reference().unwrap());
        assert!(entry.contains("DEBUG"), "whoever is refused must not fill the log: {entry}");
    }
    // Without a redaction they are told as they are.
    let (_client, open) = self::vault(&self::server()).await;
    let error = rpc(open.denied().await.unwrap_err());
    assert_eq!((error.code(), error.reference()), (Code::PermissionDenied, None));
}

#[tokio::test]
async fn notifications_without_effect_are_in_the_log_but_do_not_fill_it() {
    let (log, _logging) = Log::begin(Level::INFO);
    let mut raw = Raw::hello(serve(&server()).await, r#"[1,{"v":1}]"#).await;
    let mut frames = vec![r#"[4,"no_such_method",0,[]]"#; 100];
    frames.push(r#"[3,1,"open",0,[0]]"#);
    raw.text(&frames.join("\n")).await;
    assert!(raw.receive().await.unwrap().starts_with("[6,1,"));
    let logged = log.text();
    let entries: Vec<_> = logged.lines().filter(|line| line.contains("had no effect")).collect();
    assert_eq!(entries.len(), 1, "one a minute: {logged}");
    assert!(entries[0].contains("there is no method `no_such_method`"), "{logged}");
}

#[tokio::test]
async fn an_untyped_call_tells_the_code_and_the_data_of_a_typed_error() {
    let (client, _vault) = vault(&server()).await;
    let error = client.call::<()>("open", (3,)).await.unwrap_err();
    let expected = AnyError { code: "SHORT".to_owned(), data: json!({ "by": 3 }) };
    assert_eq!(error.to_string(), "SHORT");
    assert_eq!(error, CallError::App(expected));
    let error = client.call::<()>("open", (0,)).await.unwrap_err();
    assert_eq!(error, CallError::App(AnyError { code: "LOCKED".to_owned(), data: Value::Null }));
}

#[tokio::test]
async fn an_authenticator_that_fails_or_panics_closes_with_a_reason_and_a_log_entry() {
    let (log, _logging) = Log::begin(Level::INFO);
    let server = Server::builder()
        .service(VaultServer::new(App))
        .auth(|creds: &Credentials| -> Result<Option<User>> {
            match creds.token() {
                Some("panic") => panic!("CANARY in an authenticator"),
                _ => {
                    let cause = QueryFailed(std::io::Error::other("CANARY: disk on fire"));
                    Err(Error::unavailable("no accounts").with_detail(cause))
                }
            }
        })
        .build()
        .unwrap();
    let addr = serve(&server).await;
    for (token, code, logged) in
        [("panic", 1011, "CANARY in an authenticator"), ("x", 1013, "the query failed: CANARY: disk on fire")]
    {
        let refused = Client::builder(format!("ws://{addr}")).token(token).connect().await.unwrap_err();
        assert!(
            matches!(&refused, ConnectError::Closed(reason) if reason.code.0 == code && !reason.reason.contains("CANARY")),
            "{refused:?}"
        );
        assert!(log.text().contains(logged), "{}", log.text());
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_sent_beside_the_parameters_fails_its_call() {
    let (_client, vault) = vault(&server()).await;
    let call = vault.open(0).meta("map", HashMap::from([((1, 2), 3)]));
    assert_eq!(within(call).await.unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn a_refused_url_does_not_tell_what_it_was_refused_for() {
    for url in [
        "ws://ada:CANARY@localhost:1/x",
        "wss://ada:CANARY@localhost",
        "ws://ada:CAN/ARY@localhost",
        "ftp://localhost?token=CANARY",
        "ada:CANARY@localhost",
        "ws://ada:CAN?ARY@localhost",
        "ftp://localhost/?token=CANARY#x",
    ] {
        let builder = Client::builder(url);
        let shown = format!("{builder:?}");
        let error = futures_util::FutureExt::now_or_never(builder.connect()).unwrap().unwrap_err();
        let told = format!("{shown} {error} {error:?}");
        assert!(!told.contains("ARY"), "{told}");
        assert!(matches!(error, ConnectError::Url { .. }));
    }
}
