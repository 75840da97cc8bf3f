//! POST as a client has it that knows only HTTP: bytes on a socket, and what comes back.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::http::Request;
use trunkline::{Connection, Credentials, Error, Registration, Result, Server, ServerBuilder, User, has};

use crate::raw::{serve, within};

/// One request and its answer: status, head, body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(crate) async fn send(addr: SocketAddr, request: &str, headers: &str, body: &[u8]) -> Answer {
    let head = format!("{request} HTTP/1.1\r\nhost: chat.example\r\nconnection: close\r\n{headers}\r\n");
    raw(addr, &[head.as_bytes(), body].concat()).await
}

async fn raw(addr: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    // What is refused by its head may be answered before it was sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = within(stream.read_to_end(&mut answer)).await;
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: answer[end + 4..].to_vec() }
}

async fn post(addr: SocketAddr, media: &str, headers: &str, body: &[u8]) -> Answer {
    let headers = format!("content-type: {media}\r\ncontent-length: {}\r\n{headers}", body.len());
    send(addr, "POST /", &headers, body).await
}

/// The answer to a call by POST to `path`.
pub(crate) async fn call(addr: SocketAddr, path: &str, headers: &str, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": "x", "method": method, "params": params }).to_string();
    let headers = format!("content-type: application/json\r\ncontent-length: {}\r\n{headers}", body.len());
    let answer = send(addr, &format!("POST {path}"), &headers, body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    answer.json()
}

fn build(builder: ServerBuilder) -> Server {
    let server = builder.build().unwrap();
    let public = |name: &str| Registration::new(name).public();
    server.register(public("sum"), |(a, b): (i64, i64)| async move { a + b }).unwrap();
    server.register(public("len"), |(text,): (String,)| async move { text.len() }).unwrap();
    server.register(public("blob"), |(len,): (usize,)| async move { "x".repeat(len) }).unwrap();
    server.register("whoami", |user: User| async move { user.id().to_owned() }).unwrap();
    server
        .register(public("from"), |conn: Connection| async move { conn.remote_addr().ip().to_string() })
        .unwrap();
    server.register(public("staff").requires(has("staff")), async || 1).unwrap();
    server
        .register(public("kick"), |conn: Connection| async move {
            conn.close(4429, "enough");
            std::future::pending::<()>().await;
        })
        .unwrap();
    server
}

fn auth(creds: &Credentials) -> Result<Option<User>> {
    match creds.bearer() {
        Some("down") => Err(Error::unavailable("CANARY-7f3a")),
        token => Ok(token.and_then(|token| token.strip_prefix("tok-")).map(User::new)),
    }
}

#[tokio::test]
async fn a_document_goes_in_and_one_comes_out() {
    let addr = serve(&build(Server::builder())).await;
    assert_eq!(
        call(addr, "/", "", "sum", json!([10, 20])).await,
        json!({ "jsonrpc": "2.0", "id": "x", "result": 30 })
    );
    let answer = post(
        addr,
        "application/json; charset=utf-8",
        "",
        br#"[{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]},{"jsonrpc":"2.0","method":"sum","params":[1,2]},7]"#,
    )
    .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json().as_array().unwrap().len(), 2);
    let nothing =
        post(addr, "application/json", "", br#"{"jsonrpc":"2.0","method":"sum","params":[1,2]}"#).await;
    assert_eq!((nothing.status, nothing.body.len()), (204, 0));
    for (body, code) in
        [(&b"{"[..], -32700), (b"", -32700), (b"\"\xff\"", -32700), (b"[]", -32600), (b"{}", -32600)]
    {
        let answer = post(addr, "application/json", "", body).await;
        assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (200, Some(code)), "{body:?}");
    }
}

#[tokio::test]
async fn a_packet_goes_in_and_one_comes_out() {
    let addr = serve(&build(Server::builder())).await;
    let json = "application/vnd.trunkline.v1+json";
    let answer = post(addr, json, "", b"[3,1,\"sum\",0,[1,2]]\n[4,\"sum\",0,[1,2]]\n[3,3,\"nothing\"]").await;
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains(&format!("content-type: {json}")), "{}", answer.head);
    let body = String::from_utf8(answer.body).unwrap();
    assert!(body.starts_with("[5,1,0,3]\n[7,3,{"), "{body}");
    let msgpack = "application/vnd.trunkline.v1+msgpack";
    // [3, 1, "sum", 0, [1, 2]]
    let frame = b"\x00\x00\x00\x0b\x95\x03\x01\xa3sum\x00\x92\x01\x02";
    let answer = post(addr, msgpack, "", frame).await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"\x00\x00\x00\x05\x94\x05\x01\x00\x03"[..]));
    for (media, body) in
        [(json, &b"[1,{\"v\":1}]"[..]), (json, b"\xff"), (json, b"[3,2,\"sum\"]"), (msgpack, b"\x00\x00\x01")]
    {
        assert_eq!(post(addr, media, "", body).await.status, 400, "{body:?}");
    }
    // The values of all answers are one packet, whatever the packets they were gathered in.
    let frames: Vec<String> =
        (0..4).map(|call| format!("[3,{},\"blob\",0,[300000]]", call * 2 + 1)).collect();
    let answer = post(addr, json, "", frames.join("\n").as_bytes()).await;
    let body = String::from_utf8(answer.body).unwrap();
    let kinds: Vec<u64> = body
        .lines()
        .map(|frame| serde_json::from_str::<Value>(frame).unwrap()[0].as_u64().unwrap())
        .collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == 5).count(), 3, "{kinds:?}");
    assert_eq!(kinds.len(), 4);
}

#[tokio::test]
async fn what_is_no_such_request_is_refused_by_its_status() {
    let addr = serve(&build(Server::builder().path("/rpc").max_message_size(2000))).await;
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]}"#;
    let with = |media: &str, len: usize| format!("content-type: {media}\r\ncontent-length: {len}\r\n");
    let status =
        async |request: &str, headers: &str, body: &[u8]| send(addr, request, headers, body).await.status;
    assert_eq!(status("POST /rpc", &with("application/json", body.len()), body).await, 200);
    assert_eq!(status("POST /", &with("application/json", body.len()), body).await, 404);
    for media in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
        assert_eq!(status("POST /rpc", &with(media, body.len()), body).await, 415, "{media}");
    }
    assert_eq!(status("POST /rpc", &format!("content-length: {}\r\n", body.len()), body).await, 415);
    assert_eq!(status("POST /rpc", &with("application/json", 2001), b"").await, 413);
    let chunked = "content-type: application/json\r\ntransfer-encoding: chunked\r\n";
    let chunk = format!("7d1\r\n{}\r\n", "x".repeat(2001));
    assert_eq!(status("POST /rpc", chunked, chunk.as_bytes()).await, 413);
    let large =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "len", "params": ["x".repeat(1900)] }).to_string();
    let large = format!("{large:2000}");
    assert_eq!(status("POST /rpc", &with("application/json", large.len()), large.as_bytes()).await, 200);
    for method in ["PUT", "DELETE"] {
        let answer = send(addr, &format!("{method} /rpc"), "", b"").await;
        assert_eq!(answer.status, 405, "{method}");
        assert!(answer.head.contains("allow: get, options, post"), "{}", answer.head);
    }
    assert_eq!(status("GET /rpc", "", b"").await, 426);
}

#[tokio::test]
async fn the_door_can_be_closed() {
    let addr = serve(&build(Server::builder().without_post())).await;
    let answer = post(addr, "application/json", "", b"{}").await;
    assert_eq!(answer.status, 405);
    assert!(answer.head.contains("allow: get"), "{}", answer.head);
    let addr = serve(&build(Server::builder().without_json_rpc())).await;
    assert_eq!(post(addr, "application/json", "", b"{}").await.status, 415);
    assert_eq!(
        post(addr, "application/vnd.trunkline.v1+json", "", b"[3,1,\"sum\",0,[1,2]]").await.status,
        200
    );
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_and_allowed_ones_can_read() {
    let addr = serve(&build(Server::builder().allow_origins(["https://app.example"]))).await;
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]}"#;
    let allowed = post(addr, "application/json", "origin: https://app.example\r\n", body).await;
    assert_eq!(allowed.status, 200);
    assert!(allowed.head.contains("access-control-allow-origin: https://app.example"), "{}", allowed.head);
    for origin in ["https://evil.example", "null", "https://app.example\r\norigin: https://app.example"] {
        let refused = post(addr, "application/json", &format!("origin: {origin}\r\n"), body).await;
        assert_eq!(refused.status, 403, "{origin}");
        assert!(!refused.head.contains("access-control"), "{}", refused.head);
    }
    let asks = "origin: https://app.example\r\naccess-control-request-method: POST\r\n";
    let preflight = send(addr, "OPTIONS /", asks, b"").await;
    assert_eq!(preflight.status, 204);
    assert!(
        preflight.head.contains("access-control-allow-headers: authorization, content-type"),
        "{}",
        preflight.head
    );
    assert_eq!(send(addr, "OPTIONS /", "origin: https://evil.example\r\n", b"").await.status, 403);
}

#[tokio::test]
async fn the_credential_is_a_header() {
    let addr = serve(&build(Server::builder().auth(auth))).await;
    assert_eq!(
        call(addr, "/", "authorization: Bearer tok-ada\r\n", "whoami", json!([])).await["result"],
        "ada"
    );
    for headers in ["", "authorization: Bearer wrong\r\n", "cookie: token=tok-ada\r\n"] {
        assert_eq!(call(addr, "/", headers, "whoami", json!([])).await["error"]["code"], -32003, "{headers}");
        assert_eq!(call(addr, "/", headers, "sum", json!([1, 2])).await["result"], 3, "{headers}");
    }
    assert_eq!(call(addr, "/", "", "rpc.login", json!(["tok-ada"])).await["result"]["user"], "ada");
    let down = post(addr, "application/json", "authorization: Bearer down\r\n", b"{}").await;
    assert_eq!(down.status, 503);
    assert!(down.head.contains("retry-after: 1") && !down.head.contains("canary"), "{}", down.head);
    // Whoever shows nothing may send little; whoever is known, as much as the server takes.
    let large =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "len", "params": ["x".repeat(20_000)] }).to_string();
    assert_eq!(post(addr, "application/json", "", large.as_bytes()).await.status, 413);
    let known = "authorization: Bearer tok-ada\r\n";
    assert_eq!(post(addr, "application/json", known, large.as_bytes()).await.json()["result"], 20_000);
}

#[tokio::test]
async fn failed_logins_are_counted_here_too() {
    let addr = serve(&build(Server::builder().auth(auth).failed_logins_per_minute(2))).await;
    for _ in 0..2 {
        call(addr, "/", "authorization: Bearer wrong\r\n", "sum", json!([1, 2])).await;
    }
    let answer = post(addr, "application/json", "authorization: Bearer wrong\r\n", b"{}").await;
    assert_eq!(answer.status, 429);
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
}

#[tokio::test]
async fn a_call_sees_where_it_came_from_and_may_end_its_request() {
    let server = build(Server::builder());
    let addr = serve(&server).await;
    assert_eq!(call(addr, "/", "", "from", json!([])).await["result"], "127.0.0.1");
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"kick"}"#;
    let answer = post(addr, "application/json", "", body).await;
    assert_eq!((answer.status, &answer.body[..]), (429, &b"enough"[..]));
    assert!(server.hub().connections().is_empty());
}

#[tokio::test]
async fn a_client_that_hangs_up_cancels_its_calls() {
    struct Running(Arc<AtomicUsize>);
    impl Drop for Running {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    let server = build(Server::builder());
    let running = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&running);
    let hang = move || {
        let count = Arc::clone(&count);
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            let _running = Running(count);
            std::future::pending::<()>().await;
        }
    };
    server.register("hang", hang).unwrap();
    let addr = serve(&server).await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"hang"}"#;
    let request = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    within(async {
        while running.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await
        }
    })
    .await;
    drop(stream);
    within(async {
        while running.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await
        }
    })
    .await;
}

#[tokio::test]
async fn a_login_that_is_taken_back_ends_what_runs() {
    let server = build(Server::builder().auth(auth).call_timeout(Duration::from_secs(3600)));
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let hang = move || {
        let begun = begun.clone();
        async move {
            let _ = begun.send(());
            std::future::pending::<()>().await;
        }
    };
    server.register("hang", hang).unwrap();
    let addr = serve(&server).await;
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"hang"}"#;
    let asked = tokio::spawn(post(addr, "application/json", "authorization: Bearer tok-ada\r\n", body));
    within(begins.recv()).await.unwrap();
    server.hub().user("ada").revoke();
    assert_eq!(within(asked).await.unwrap().status, 403);
}

#[tokio::test]
async fn a_call_that_runs_when_the_server_stops_has_its_time() {
    let server = build(Server::builder());
    let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let (end, ends) = tokio::sync::watch::channel(false);
    let work = move || {
        let (begun, mut ends) = (begun.clone(), ends.clone());
        async move {
            let _ = begun.send(());
            let _ = ends.wait_for(|end| *end).await;
            "done".to_owned()
        }
    };
    server.register("work", work).unwrap();
    let bound = server.bind("127.0.0.1:0").await.unwrap();
    let addr = bound.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(bound.run_until(async { drop(stopped.await) }));
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"work"}"#;
    let asked = tokio::spawn(post(addr, "application/json", "", body));
    within(begins.recv()).await.unwrap();
    stop.send(()).unwrap();
    within(async { while send(addr, "GET /ready", "", b"").await.status == 200 {} }).await;
    end.send_replace(true);
    assert_eq!(within(asked).await.unwrap().json()["result"], "done");
    within(serving).await.unwrap();
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let addr = serve(&build(Server::builder())).await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]}"#;
    let request = |last: &str| {
        format!(
            "POST / HTTP/1.1\r\nhost: x\r\n{last}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let answer = raw(addr, format!("{}{}", request(""), request("connection: close\r\n")).as_bytes()).await;
    let rest = String::from_utf8(answer.body).unwrap();
    assert_eq!(rest.matches(r#"{"jsonrpc":"2.0","id":1,"result":3}"#).count(), 2, "{rest}");
}

#[tokio::test]
async fn any_http_stack_can_ask() {
    let server = build(Server::builder().auth(auth));
    let request = |media: &str| {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"whoami"}"#;
        let request =
            Request::post("/").header("content-type", media).header("authorization", "Bearer tok-ada");
        request.body(body.into()).unwrap()
    };
    let answer = server.post(request("application/json"), Some(([192, 0, 2, 1], 7).into())).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(&answer.body()[..], br#"{"jsonrpc":"2.0","id":1,"result":"ada"}"#);
    assert_eq!(server.post(request("text/plain"), None).await.status(), 415);
}

#[tokio::test]
async fn guesses_of_one_request_are_judged_one_after_another() {
    let judged = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&judged);
    let auth = move |creds: &Credentials| {
        let (counted, token) = (Arc::clone(&counted), creds.token().is_some());
        async move {
            counted.fetch_add(usize::from(token), Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(None)
        }
    };
    let addr = serve(&build(Server::builder().auth(auth))).await;
    let guesses =
        (0..50).map(|id| json!({ "jsonrpc": "2.0", "id": id, "method": "rpc.login", "params": ["guess"] }));
    let body = Value::from_iter(guesses).to_string();
    let answer = post(addr, "application/json", "", body.as_bytes()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json().as_array().unwrap().len(), 50);
    // As many as may fail on one connection.
    let judged = judged.load(Ordering::SeqCst);
    assert!((1..=3).contains(&judged), "{judged} were judged");
}

#[tokio::test]
async fn a_key_in_a_header_of_the_application_is_a_credential_too() {
    let auth = |creds: &Credentials| {
        Ok(creds.header("x-api-key").filter(|key| *key == "right").map(|_| User::new("ada")))
    };
    let addr = serve(&build(Server::builder().auth(auth).failed_logins_per_minute(2))).await;
    let whoami = |headers: &'static str| call(addr, "/", headers, "whoami", json!([]));
    assert_eq!(whoami("x-api-key: right\r\n").await["result"], "ada");
    for _ in 0..2 {
        whoami("x-api-key: wrong\r\n").await;
    }
    // It would be right, but is not looked at any more.
    assert_eq!(whoami("x-api-key: right\r\n").await["error"]["code"], -32003);
}

#[tokio::test]
async fn messages_of_one_request_after_another_are_counted_together() {
    let addr = serve(&build(Server::builder().limit_messages("5/1m"))).await;
    for _ in 0..5 {
        assert_eq!(call(addr, "/", "", "sum", json!([1, 2])).await["result"], 3);
    }
    let refused = call(addr, "/", "", "sum", json!([1, 2])).await;
    assert_eq!(refused["error"]["data"]["code"], "RESOURCE_EXHAUSTED", "{refused}");
}

#[tokio::test]
async fn bodies_that_arrive_slowly_share_what_may_be_on_its_way() {
    let mut limits = trunkline::Limits::default();
    limits.session.max_packet = 4096;
    limits.max_reassembly = 4096;
    let addr = serve(&build(Server::builder().limits(limits))).await;
    let head = |len: usize| {
        format!(
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len}\r\n\r\n"
        )
    };
    let mut slow = TcpStream::connect(addr).await.unwrap();
    slow.write_all(&[head(4000).as_bytes(), &[b' '; 3000]].concat()).await.unwrap();
    let answer = loop {
        // Until the server has read the other's.
        let answer = post(addr, "application/json", "", &[b' '; 2000]).await;
        if answer.status != 200 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    drop(slow);
    while post(addr, "application/json", "", &[b' '; 2000]).await.status != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_page_whose_name_was_made_to_point_into_a_private_network_is_refused() {
    let server = build(Server::builder());
    let status = async |remote: [u8; 4]| {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"sum","params":[1,2]}"#;
        let request = Request::post("/").header("content-type", "application/json");
        let request = request.header("host", "evil.example").header("origin", "http://evil.example");
        server.post(request.body(body.into()).unwrap(), Some((remote, 7).into())).await.status().as_u16()
    };
    for private in [[10, 0, 0, 9], [127, 0, 0, 1], [100, 64, 0, 1], [192, 168, 1, 1]] {
        assert_eq!(status(private).await, 403, "{private:?}");
    }
    assert_eq!(status([203, 0, 113, 1]).await, 200);
}
