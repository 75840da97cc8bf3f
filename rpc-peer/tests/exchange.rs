//! A session of one request, and methods that are registered while a router is in use.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use trunkline_core::{
    CloseCode, CloseReason, Code, Codec, Error, KeepAlive, Limits, Link, Per, Protocol, RateLimit, Role,
    Session, SessionConfig,
};
use trunkline_peer::{
    AsHandle, Connection, ConnectionId, Expiry, Handle, PeerInfo, Registration, Router, Services, User,
    answer_once, has,
};

fn router() -> Arc<Router> {
    let router = Router::default();
    router.register("echo", |value: Value| async { value }).unwrap();
    router.register("sum", |(a, b): (i64, i64)| async move { a + b }).unwrap();
    router
        .register("sleep", |(ms,): (u64,)| async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            ms
        })
        .unwrap();
    router
        .register("who", |user: Option<User>| async move { user.map(|user| user.id().to_owned()) })
        .unwrap();
    let login = |conn: Connection, (id,): (String,)| async move { conn.login(User::new(id)) };
    router.register("login", login).unwrap();
    router.register("blob", |(len,): (usize,)| async move { "x".repeat(len) }).unwrap();
    router.register(Registration::new("staff").requires(has("staff")), async || 1).unwrap();
    let limit =
        RateLimit { limit: 1, period: Duration::from_secs(60), per: Per::Connection, disconnect: true };
    router.register(Registration::new("limited").rate_limit(limit), async || 1).unwrap();
    router
        .register("call-back", |conn: Connection| async move {
            let back =
                conn.as_handle().call_by_name::<Value>("x", Ok(trunkline_core::Payload::null(Codec::Json)));
            back.await.map_err(|error| Error::new(error.code(), "no way back"))
        })
        .unwrap();
    Arc::new(router)
}

async fn exchange(router: &Arc<Router>, protocol: Protocol, body: &[u8]) -> (Vec<Vec<u8>>, CloseReason) {
    let keep_alive = KeepAlive { ping_every: None, ..KeepAlive::server() };
    let body = body.to_vec().into();
    let link = Link::without_hello(Instant::now(), protocol, keep_alive, Limits::default(), body);
    let mut session = Session::new(Role::Server, SessionConfig::default(), protocol).with_answers_of(1 << 20);
    let attached = session.attach(link);
    let handle = Handle::new(protocol.codec());
    let peer = PeerInfo::new(([192, 0, 2, 7], 80).into()).without_connection();
    let connection = Connection::new(ConnectionId(1), peer, handle.clone(), None, None);
    let router = Arc::clone(router);
    let services =
        Services { router, connection, login_until: None, expiry: Expiry::default(), limits: Arc::default() };
    let (bodies, reason) = answer_once(session, handle, services, attached).await;
    (bodies.into_iter().map(|body| body.to_vec()).collect(), reason)
}

async fn json_rpc(body: Value) -> Value {
    let (bodies, reason) = exchange(&router(), Protocol::JsonRpc, body.to_string().as_bytes()).await;
    assert_eq!((bodies.len(), reason.code), (1, CloseCode::NORMAL));
    serde_json::from_slice(&bodies[0]).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "reads well with `json!`")]
fn call(id: u64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

#[tokio::test(start_paused = true)]
async fn a_batch_runs_concurrently_and_ends_with_its_last_answer() {
    let began = tokio::time::Instant::now();
    let batch = json!([
        call(1, "sleep", json!([1000])),
        call(2, "sleep", json!([900])),
        call(3, "sum", json!([1, 2]))
    ]);
    let answers = json_rpc(batch).await;
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    let of =
        |id| answers.as_array().unwrap().iter().find(|answer| answer["id"] == id).unwrap()["result"].clone();
    assert_eq!((of(1), of(2), of(3)), (json!(1000), json!(900), json!(3)));
}

#[tokio::test(start_paused = true)]
async fn a_notification_runs_to_its_end_and_nothing_is_said() {
    let began = tokio::time::Instant::now();
    let body = br#"{"jsonrpc":"2.0","method":"sleep","params":[700]}"#;
    let (bodies, reason) = exchange(&router(), Protocol::JsonRpc, body).await;
    assert_eq!((bodies.len(), reason.code), (0, CloseCode::NORMAL));
    assert_eq!(began.elapsed(), Duration::from_millis(700));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_holds_here_too() {
    let answer = json_rpc(call(1, "sleep", json!([3_600_000]))).await;
    assert_eq!(answer["error"]["code"], -32004);
}

#[tokio::test]
async fn what_closes_connections_refuses_a_call_here() {
    let batch = json!([1, 2, 3, 4, 5, 6].map(|id| call(id, "staff", json!([]))));
    let answers = json_rpc(batch).await;
    assert!(answers.as_array().unwrap().iter().all(|answer| answer["error"]["code"] == -32002), "{answers}");
    let answer = json_rpc(call(1, "call-back", json!([]))).await;
    assert_eq!(answer["error"]["data"]["code"], "UNAVAILABLE");
}

#[tokio::test]
async fn what_is_counted_per_connection_is_counted_per_address() {
    let router = router();
    let body = call(1, "limited", json!([])).to_string();
    for expected in [Value::Null, json!(-32000)] {
        let (bodies, _) = exchange(&router, Protocol::JsonRpc, body.as_bytes()).await;
        assert_eq!(serde_json::from_slice::<Value>(&bodies[0]).unwrap()["error"]["code"], expected);
    }
}

#[tokio::test]
async fn a_login_lasts_as_long_as_the_request() {
    let batch = json!([call(1, "login", json!(["ada"])), call(2, "who", json!([]))]);
    assert_eq!(json_rpc(batch).await[1]["result"], "ada");
    assert_eq!(json_rpc(call(1, "who", Value::Null)).await["result"], Value::Null);
}

#[tokio::test]
async fn native_frames_are_answered_as_in_a_packet() {
    let json = Protocol::Native(Codec::Json);
    let body = b"[3,1,\"sum\",0,[1,2]]\n[4,\"sum\",0,[1,2]]\n[3,3,\"who\"]\n[3,5,\"nothing\"]";
    let (bodies, reason) = exchange(&router(), json, body).await;
    let text = String::from_utf8(bodies.join(&b'\n')).unwrap();
    assert_eq!(reason.code, CloseCode::NORMAL);
    assert!(text.starts_with("[5,1,0,3]\n[5,3,0,null]\n[7,5,{\"code\":\"UNIMPLEMENTED\""), "{text}");
    for broken in ["[1,{\"v\":1}]", "[3,2,\"sum\"]", "{}", "[3,1,\"sum\",0,[1,2]]\n\n"] {
        let (_, reason) = exchange(&router(), json, broken.as_bytes()).await;
        assert_eq!(reason.code, CloseCode::BAD_MESSAGE, "{broken}");
    }
}

#[tokio::test]
async fn answers_are_bounded_together() {
    let body: Vec<String> = (0..8).map(|call| format!("[3,{},\"blob\",0,[300000]]", call * 2 + 1)).collect();
    let (bodies, _) = exchange(&router(), Protocol::Native(Codec::Json), body.join("\n").as_bytes()).await;
    let answers: Vec<Value> = bodies
        .iter()
        .flat_map(|body| body.split(|byte| *byte == b'\n'))
        .map(|frame| serde_json::from_slice(frame).unwrap())
        .collect();
    assert_eq!(answers.len(), 8);
    assert_eq!(answers.iter().filter(|answer| answer[0] == 5).count(), 3);
    assert!(
        answers
            .iter()
            .filter(|answer| answer[0] == 7)
            .all(|answer| answer[2]["code"] == "RESOURCE_EXHAUSTED")
    );
}

#[tokio::test]
async fn registered_methods_come_and_go() {
    let router = router();
    let ask = async |body: Value| {
        let (bodies, _) = exchange(&router, Protocol::JsonRpc, body.to_string().as_bytes()).await;
        serde_json::from_slice::<Value>(&bodies[0]).unwrap()
    };
    let taken = router.register("sum", async || 1).unwrap_err().to_string();
    assert!(taken.contains("`sum` is taken"), "{taken}");
    for reserved in ["rpc.discover", ""] {
        assert!(router.register(reserved, async || 1).is_err(), "{reserved}");
    }
    assert_eq!(ask(call(1, "late", Value::Null)).await["error"]["code"], -32601);
    router.register("late", async || 1).unwrap();
    assert_eq!(ask(call(1, "late", Value::Null)).await["result"], 1);
    assert_eq!(ask(call(1, "late", json!([1]))).await["error"]["code"], -32602);
    assert_eq!(ask(call(1, "sum", json!(["a", 2]))).await["error"]["code"], -32602);
    assert!(router.unregister("late") && !router.unregister("late"));
    assert_eq!(ask(call(1, "late", Value::Null)).await["error"]["code"], -32601);
    assert!(!router.unregister("nothing"));

    #[derive(serde::Deserialize)]
    struct Order {
        item: String,
        #[serde(default)]
        count: u32,
    }
    let order = |order: Order| async move {
        if order.item.is_empty() { Err(Error::invalid("which item?")) } else { Ok(order.count + 1) }
    };
    router.register("order", order).unwrap();
    assert_eq!(ask(call(1, "order", json!({ "item": "tea", "count": 2 }))).await["result"], 3);
    let refused = ask(call(1, "order", json!({ "item": 1 }))).await;
    assert!(refused["error"]["message"].as_str().unwrap().contains("item"), "{refused}");
    assert_eq!(
        ask(call(1, "order", json!({ "item": "" }))).await["error"]["data"]["code"],
        json!(Code::InvalidArgument)
    );

    router.register("panics", async || -> u8 { panic!("on purpose") }).unwrap();
    assert_eq!(ask(call(1, "panics", Value::Null)).await["error"]["code"], -32603);
}

#[tokio::test]
async fn a_closure_may_be_registered_again_and_again_without_end() {
    let router = Arc::new(Router::default());
    for _ in 0..1000 {
        router.register("again", async || 1).unwrap();
        assert!(router.unregister("again"));
    }
}
