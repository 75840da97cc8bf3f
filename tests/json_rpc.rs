//! JSON-RPC 2.0 over a WebSocket, as a client has it that knows nothing of Trunkline.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use trunkline::{
    Connection, Credentials, Error, Registration, Result, Server, ServerBuilder, User, data, has, service,
};

use crate::raw::{End, Raw, serve, within};

#[data(error)]
#[derive(Debug, thiserror::Error)]
enum ShopError {
    #[error("sold out")]
    SoldOut { left: u32 },
}

#[service]
trait Shop {
    #[method(alias = "add", public)]
    async fn sum(&self, a: i64, b: i64) -> i64;
    #[method(public)]
    async fn buy(&self) -> Result<(), ShopError>;
    #[method(public)]
    async fn boom(&self) -> String;
    #[method(public)]
    async fn hang(&self) -> String;
    #[method(public, rate_limit(limit = 2, period = "1m", disconnect))]
    async fn limited(&self) -> String;
    #[method(requires = has("staff"), public)]
    async fn staff(&self) -> String;
    #[method(public)]
    async fn login(&self, conn: Connection, id: String) -> Result<()>;
    async fn whoami(&self, user: User) -> String;
    #[method(oneway, public)]
    async fn note(&self, text: String);
    #[method(public)]
    async fn notes(&self) -> usize;
}

#[derive(Default)]
struct App {
    notes: AtomicUsize,
    hanging: Arc<AtomicUsize>,
}

/// A call of `hang` that runs.
struct Hanging(Arc<AtomicUsize>);

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shop for App {
    async fn sum(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn buy(&self) -> Result<(), ShopError> {
        Err(ShopError::SoldOut { left: 0 })
    }

    async fn boom(&self) -> String {
        panic!("CANARY-7f3a")
    }

    async fn hang(&self) -> String {
        self.hanging.fetch_add(1, Ordering::SeqCst);
        let _hanging = Hanging(Arc::clone(&self.hanging));
        std::future::pending().await
    }

    async fn limited(&self) -> String {
        "ok".to_owned()
    }

    async fn staff(&self) -> String {
        "ok".to_owned()
    }

    async fn login(&self, conn: Connection, id: String) -> Result<()> {
        conn.login(User::new(id))
    }

    async fn whoami(&self, user: User) -> String {
        user.id().to_owned()
    }

    async fn note(&self, _text: String) {
        self.notes.fetch_add(1, Ordering::SeqCst);
    }

    async fn notes(&self) -> usize {
        self.notes.load(Ordering::SeqCst)
    }
}

fn open() -> ServerBuilder {
    Server::builder().service(ShopServer::new(App::default()))
}

fn with_login() -> ServerBuilder {
    open()
        .auth(|creds: &Credentials| Ok(creds.bearer().and_then(|it| it.strip_prefix("tok-")).map(User::new)))
}

/// The answer to one document.
async fn ask(raw: &mut Raw, document: Value) -> Value {
    raw.text(&document.to_string()).await;
    serde_json::from_str(&raw.receive().await.unwrap()).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "reads well with `json!`")]
fn call(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

#[tokio::test]
async fn a_client_that_knows_only_json_calls() {
    let addr = serve(&open().build().unwrap()).await;
    let mut raw = Raw::bare(addr, &[]).await;
    raw.text(r#"{"jsonrpc": "2.0", "id": 1, "method": "add", "params": [10, 20]}"#).await;
    assert_eq!(raw.receive().await.unwrap(), r#"{"jsonrpc":"2.0","id":1,"result":30}"#);
    assert_eq!(ask(&mut raw, call("add", json!({ "b": 1, "a": 2 }))).await["result"], 3);
    let error = ask(&mut raw, call("add", json!([1]))).await["error"].clone();
    assert_eq!(
        (error["code"].as_i64(), error["data"]["code"].as_str()),
        (Some(-32602), Some("INVALID_ARGUMENT"))
    );
    assert!(error["message"].as_str().unwrap().contains("`b`"), "{error}");
    let error = ask(&mut raw, call("buy", Value::Null)).await["error"].clone();
    assert_eq!(
        error,
        json!({ "code": -32001, "message": "SOLD_OUT", "data": { "code": "SOLD_OUT", "data": { "left": 0 } } })
    );
    let boom = ask(&mut raw, call("boom", Value::Null)).await;
    assert_eq!(boom["error"]["code"], -32603);
    assert!(boom["error"]["data"]["ref"].is_string() && !boom.to_string().contains("CANARY"), "{boom}");
    assert_eq!(ask(&mut raw, call("sum", json!([1, 2]))).await["error"]["code"], -32601);
    // Whatever was wrong, the connection goes on.
    raw.text("nonsense").await;
    assert!(raw.receive().await.unwrap().contains("-32700"));
    assert_eq!(ask(&mut raw, call("add", json!([1, 2]))).await["result"], 3);
}

#[tokio::test]
async fn the_first_message_tells() {
    let addr = serve(&open().build().unwrap()).await;
    let mut batch = Raw::bare(addr, &[]).await;
    assert_eq!(ask(&mut batch, json!([call("add", json!([1, 2]))])).await[0]["result"], 3);
    let mut native = Raw::bare(addr, &[]).await;
    native.text("[1,{\"v\":1}]\n[3,1,\"add\",0,[1,2]]").await;
    assert!(native.receive().await.unwrap().starts_with("[2,"));
    assert_eq!(native.receive().await.unwrap(), "[5,1,0,3]");
    let mut native = Raw::bare(addr, &[]).await;
    native.text("hello").await;
    assert_eq!(native.close_code().await, 4400);
    // A subprotocol has told already.
    let mut native = Raw::connect(addr, "trunkline.v1.json").await;
    native.text(r#"{"jsonrpc":"2.0","id":1,"method":"add"}"#).await;
    assert_eq!(native.close_code().await, 4400);
}

#[tokio::test]
async fn the_door_can_be_closed() {
    let addr = serve(&open().without_json_rpc().build().unwrap()).await;
    let mut raw = Raw::bare(addr, &[]).await;
    raw.text(&call("add", json!([1, 2])).to_string()).await;
    assert_eq!(raw.receive().await.unwrap_err(), End::Close(1003, "JSON-RPC is not spoken here".to_owned()));
}

#[tokio::test]
async fn a_batch_runs_at_the_same_time_and_each_entry_counts() {
    let server = open().max_in_flight(2).call_timeout(Duration::from_millis(200)).build().unwrap();
    let mut raw = Raw::bare(serve(&server).await, &[]).await;
    let entry = |id: u32, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method });
    let answers =
        ask(&mut raw, json!([entry(1, "hang"), entry(2, "hang"), entry(3, "hang"), entry(4, "notes")])).await;
    let codes: Vec<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["id"].as_u64().unwrap(), it["error"]["code"].as_i64()))
        .collect();
    assert_eq!(codes, [(3, Some(-32000)), (4, Some(-32000)), (1, Some(-32004)), (2, Some(-32004))]);
}

#[tokio::test]
async fn notifications_have_an_effect_and_no_answer() {
    let mut raw = Raw::bare(serve(&open().build().unwrap()).await, &[]).await;
    let note = json!({ "jsonrpc": "2.0", "method": "note", "params": ["x"] });
    raw.text(&note.to_string()).await;
    raw.text(&json!([note, note, { "jsonrpc": "2.0", "method": "nothing" }]).to_string()).await;
    assert_eq!(ask(&mut raw, call("notes", Value::Null)).await["result"], 3);
}

#[tokio::test]
async fn calls_end_with_their_connection() {
    let app = App::default();
    let hanging = Arc::clone(&app.hanging);
    let addr = serve(&Server::builder().service(ShopServer::new(app)).build().unwrap()).await;
    let mut raw = Raw::bare(addr, &[]).await;
    raw.text(&json!([call("hang", Value::Null), call("hang", Value::Null)]).to_string()).await;
    within(async {
        while hanging.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await
        }
    })
    .await;
    drop(raw);
    within(async {
        while hanging.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await
        }
    })
    .await;
}

#[tokio::test]
async fn limits_answer_before_they_close() {
    let mut raw = Raw::bare(serve(&open().build().unwrap()).await, &[]).await;
    for _ in 0..2 {
        assert_eq!(ask(&mut raw, call("limited", Value::Null)).await["result"], "ok");
    }
    let limited = ask(&mut raw, call("limited", Value::Null)).await;
    assert_eq!(limited["error"]["code"], -32000);
    assert!(limited["error"]["data"]["retry_ms"].as_u64().is_some_and(|ms| ms > 1000), "{limited}");
    assert_eq!(raw.close_code().await, 1008);
}

#[tokio::test]
async fn the_fourth_denial_in_a_second_closes_here_too() {
    let mut raw = Raw::bare(serve(&open().build().unwrap()).await, &[]).await;
    for _ in 0..3 {
        assert_eq!(ask(&mut raw, call("staff", Value::Null)).await["error"]["code"], -32002);
    }
    raw.text(&call("staff", Value::Null).to_string()).await;
    assert_eq!(raw.close_code().await, 4429);
}

#[tokio::test]
async fn a_header_of_the_upgrade_is_the_credential() {
    let addr = serve(&with_login().build().unwrap()).await;
    let mut raw = Raw::bare(addr, &[("authorization", "Bearer tok-ada")]).await;
    assert_eq!(ask(&mut raw, call("whoami", Value::Null)).await["result"], "ada");
    // A first message of a known client may be as large as any other.
    let mut raw = Raw::bare(addr, &[("authorization", "Bearer tok-ada")]).await;
    assert_eq!(ask(&mut raw, call("note", json!(["x".repeat(100_000)]))).await["result"], Value::Null);
    let mut raw = Raw::bare(addr, &[("authorization", "Bearer wrong")]).await;
    assert_eq!(ask(&mut raw, call("whoami", Value::Null)).await["error"]["code"], -32003);
    assert_eq!(ask(&mut raw, call("login", json!(["bob"]))).await["result"], Value::Null);
    assert_eq!(ask(&mut raw, call("whoami", Value::Null)).await["result"], "bob");
}

#[tokio::test]
async fn before_the_login_a_protected_name_and_an_unknown_one_are_the_same() {
    let addr = serve(&with_login().build().unwrap()).await;
    let mut raw = Raw::bare(addr, &[]).await;
    raw.text(r#"{"jsonrpc":"2.0","id":1,"method":"whoami"}"#).await;
    let protected = raw.receive().await.unwrap();
    raw.text(r#"{"jsonrpc":"2.0","id":1,"method":"nothing"}"#).await;
    assert_eq!(raw.receive().await.unwrap(), protected);
    assert!(protected.contains("-32003"), "{protected}");
    assert_eq!(
        ask(&mut raw, call("rpc.login", json!({ "token": "tok-ada" }))).await["result"]["user"],
        "ada"
    );
    assert_eq!(ask(&mut raw, call("whoami", Value::Null)).await["result"], "ada");
}

#[tokio::test]
async fn a_large_first_message_of_nobody_is_refused() {
    let mut raw = Raw::bare(serve(&with_login().build().unwrap()).await, &[]).await;
    raw.text(&call("note", json!(["x".repeat(17_000)])).to_string()).await;
    assert_eq!(raw.close_code().await, 4401);
}

#[tokio::test]
async fn a_silent_client_may_call_later_where_nobody_has_to_log_in() {
    let server = open().login_timeout(Duration::from_millis(50)).build().unwrap();
    let (addr, hub) = (serve(&server).await, server.hub());
    let mut raw = Raw::bare(addr, &[]).await;
    within(async {
        while hub.connections().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await
        }
    })
    .await;
    assert_eq!(ask(&mut raw, call("add", json!([1, 2]))).await["result"], 3);
    // Where a login is required, silence ends.
    let server = with_login().login_timeout(Duration::from_millis(50)).build().unwrap();
    let mut raw = Raw::bare(serve(&server).await, &[]).await;
    assert_eq!(raw.close_code().await, 4408);
    let server = with_login().login_timeout(Duration::from_millis(50)).build().unwrap();
    let (addr, hub) = (serve(&server).await, server.hub());
    let mut raw = Raw::bare(addr, &[("authorization", "Bearer tok-ada")]).await;
    within(async {
        while hub.connections().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await
        }
    })
    .await;
    assert_eq!(ask(&mut raw, call("whoami", Value::Null)).await["result"], "ada");
}

#[tokio::test]
async fn the_server_pings_below_the_documents() {
    use trunkline::Heartbeat;

    let heartbeat = Heartbeat::every(Duration::from_millis(20)).timeout(Duration::from_secs(20));
    let mut raw = Raw::bare(serve(&open().heartbeat(heartbeat).build().unwrap()).await, &[]).await;
    assert_eq!(ask(&mut raw, call("add", json!([1, 2]))).await["result"], 3);
    assert!(raw.is_pinged().await);
    assert_eq!(ask(&mut raw, call("add", json!([1, 2]))).await["result"], 3);
}

#[tokio::test]
async fn methods_can_be_registered_while_clients_are_connected() {
    let server = with_login().build().unwrap();
    let addr = serve(&server).await;
    let mut raw = Raw::bare(addr, &[("authorization", "Bearer tok-ada")]).await;
    assert_eq!(ask(&mut raw, call("greet", json!(["x"]))).await["error"]["code"], -32601);
    let greet = |user: User, (greeting,): (String,)| async move { format!("{greeting}, {}", user.id()) };
    server.register("greet", greet).unwrap();
    assert_eq!(ask(&mut raw, call("greet", json!(["hi"]))).await["result"], "hi, ada");
    server.register(Registration::new("open").public(), async || 1).unwrap();
    server.register(Registration::new("admin").requires(has("admin")), async || 1).unwrap();
    let fails = async || -> Result<(), ShopError> { Err(ShopError::SoldOut { left: 1 }) };
    server.register("fails", fails).unwrap();
    server.register("internal", async || Err::<(), _>(Error::internal())).unwrap();
    let error = ask(&mut raw, call("fails", Value::Null)).await["error"].clone();
    assert_eq!(error["data"], json!({ "code": "SOLD_OUT", "data": { "left": 1 } }));
    assert_eq!(ask(&mut raw, call("admin", Value::Null)).await["error"]["code"], -32002);
    assert_eq!(ask(&mut raw, call("internal", Value::Null)).await["error"]["code"], -32603);
    let mut nobody = Raw::bare(addr, &[]).await;
    assert_eq!(ask(&mut nobody, call("open", Value::Null)).await["result"], 1);
    assert_eq!(ask(&mut nobody, call("greet", json!(["hi"]))).await["error"]["code"], -32003);
    let taken = server.register("add", async || 1).unwrap_err().to_string();
    assert!(taken.contains("Shop::sum"), "{taken}");
    assert!(!server.unregister("add"), "methods of services stay");
    assert!(server.unregister("greet"));
    assert_eq!(ask(&mut raw, call("greet", json!(["hi"]))).await["error"]["code"], -32601);
}

#[cfg(feature = "introspect")]
#[tokio::test]
async fn services_are_discovered_through_this_door() {
    use trunkline::Introspection;

    let server = open().introspection(Introspection::Public).build().unwrap();
    let mut raw = Raw::bare(serve(&server).await, &[]).await;
    let document = ask(&mut raw, call("rpc.discover", json!([]))).await["result"].clone();
    assert!(document["openrpc"].is_string(), "{document}");
}
