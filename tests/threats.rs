//! Threats of the open internet, as bytes over a raw socket, each with its exact refusal. Which ones is said at each test, by the
//! numbers of the list that Trunkline was designed against: floods of connections, messages and control frames, slow writers,
//! huge and deep values, forged pages, hosts and addresses.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use trunkline::{
    Config, Connection, Credentials, Limits, Rate, Server, ServerBuilder, SessionConfig, User, Value, service,
};

use crate::raw::{End, Raw, http, serve, within};

#[service]
trait Work {
    async fn echo(&self, x: Value) -> Value;
    async fn hang(&self) -> ();
    async fn whence(&self, conn: Connection) -> String;
    #[method(public)]
    async fn login(&self, conn: Connection, name: String) -> trunkline::Result<()>;
}

struct App;

impl Work for App {
    async fn echo(&self, x: Value) -> Value {
        x
    }

    async fn hang(&self) {
        std::future::pending().await
    }

    async fn whence(&self, conn: Connection) -> String {
        conn.remote_addr().ip().to_string()
    }

    async fn login(&self, conn: Connection, name: String) -> trunkline::Result<()> {
        conn.login(User::new(name))
    }
}

fn builder() -> ServerBuilder {
    Server::builder().service(WorkServer::new(App))
}

fn with_logins() -> ServerBuilder {
    builder().auth(|creds: &Credentials| Ok(creds.token().map(User::new)))
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

const UPGRADE: &str = "GET / HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: websocket\n\
                       Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n";

/// The status of an answer, and when to come back.
fn status(answer: &str) -> (u16, Option<u64>) {
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
    let header =
        answer.to_lowercase().lines().find_map(|line| line.strip_prefix("retry-after: ")?.parse().ok());
    (code, header)
}

async fn upgrade(addr: SocketAddr, headers: &str) -> (u16, Option<u64>) {
    status(&http(addr, &format!("{UPGRADE}{headers}\n")).await)
}

/// A connection that stays, and what it was answered.
async fn stay(addr: SocketAddr, headers: &str) -> (TcpStream, (u16, Option<u64>)) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("{UPGRADE}{headers}\n").replace('\n', "\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let len = within(stream.read(&mut answer)).await.unwrap();
    (stream, status(&String::from_utf8_lossy(&answer[..len])))
}

/// The header of a masked frame whose mask changes nothing.
fn header(first: u8, len: usize) -> Vec<u8> {
    let mut bytes = vec![first, 0x80 | 127];
    bytes.extend((len as u64).to_be_bytes());
    bytes.extend([0; 4]);
    bytes
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [header(first, payload.len()), payload.to_vec()].concat()
}

/// 2: names that could be anybody's, where they lead into a private network.
#[tokio::test]
async fn a_page_whose_name_was_made_to_point_here_is_refused() {
    let evil = "Host: evil.example\nOrigin: http://evil.example\n";
    let request = |headers: &str| UPGRADE.replace("Host: localhost\n", headers);
    let addr = serve(&builder().build().unwrap()).await;
    assert_eq!(status(&http(addr, &format!("{}\n", request(evil))).await).0, 403);
    assert_eq!(
        status(&http(addr, &format!("{}\n", request("Host: evil.example\n"))).await).0,
        101,
        "no page"
    );
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let own = format!("Host: {host}\nOrigin: http://{host}\n");
        assert_eq!(status(&http(addr, &format!("{}\n", request(&own))).await).0, 101, "{host}");
    }
    let post = |headers: &str| {
        format!("POST / HTTP/1.1\n{headers}Content-Type: application/json\nContent-Length: 2\n\n{{}}")
    };
    assert_eq!(status(&http(addr, &post(evil)).await).0, 403);

    let addr = serve(&builder().allow_hosts(["chat.example"]).build().unwrap()).await;
    for (headers, expected) in [
        ("Host: chat.example\nOrigin: http://chat.example\n", 101),
        ("Host: CHAT.example:8080\n", 101),
        ("Host: evil.example\n", 403),
        (evil, 403),
        ("Host: chat.example\nHost: chat.example\n", 400),
        ("", 400),
    ] {
        assert_eq!(status(&http(addr, &format!("{}\n", request(headers))).await).0, expected, "{headers}");
    }
    assert_eq!(status(&http(addr, &post("Host: evil.example\n")).await).0, 403);
    assert_eq!(status(&http(addr, "GET /x HTTP/1.1\nHost: evil.example\n\n").await).0, 403);
    assert_eq!(
        status(&http(addr, "GET /health HTTP/1.1\nHost: 10.0.0.1\n\n").await).0,
        200,
        "probes have no name"
    );
}

/// 5: a message, which may neither end nor stop, of whatever frames.
#[tokio::test]
async fn a_message_that_drips_is_cut_off_and_one_that_is_only_slow_is_not() {
    let limits = limits(|limits| limits.message_timeout = Duration::from_millis(600));
    let heartbeat =
        trunkline::Heartbeat::every(Duration::from_millis(150)).timeout(Duration::from_millis(150));
    let server = builder().limits(limits).heartbeat(heartbeat).build().unwrap();
    let addr = serve(&server).await;
    let fragments = [frame(0x01, b"[3,1,"), header(0x80, 5000)].concat();
    for begun in [&header(0x81, 500)[..9], &header(0x81, 5000), &fragments] {
        let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
        raw.bytes(begun).await;
        let mut drops = tokio::time::interval(Duration::from_millis(40));
        let end = loop {
            tokio::select! {
                end = raw.receive() => break end,
                _ = drops.tick() => raw.drip(0).await,
            }
        };
        // Never 4410: what drips is a sign of life.
        assert!(matches!(end, Err(End::Close(4408, _))), "{end:?}");
    }
    // Within its time, a slow one is as good as any, also if it takes longer than a ping may.
    let text = format!(r#"[3,1,"echo",0,["{}"]]"#, "x".repeat(2000));
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    raw.bytes(&header(0x81, text.len())).await;
    for piece in text.as_bytes().chunks(200) {
        tokio::time::sleep(Duration::from_millis(40)).await;
        raw.bytes(piece).await;
    }
    assert!(raw.receive().await.unwrap().starts_with("[5,1,0,\"xxx"));
}

/// 5, 1: heads that are too large, or have too many headers.
#[tokio::test]
async fn heads_are_bounded() {
    let addr = serve(&builder().build().unwrap()).await;
    let large = format!("{UPGRADE}X: {}\n\n", "x".repeat(17 << 10));
    assert_eq!(status(&http(addr, &large).await).0, 431);
    let many: String = (0..61).map(|n| format!("X-{n}: x\n")).collect();
    assert_eq!(upgrade(addr, &many).await.0, 431);
    let some: String = (0..50).map(|n| format!("X-{n}: x\n")).collect();
    assert_eq!(upgrade(addr, &some).await.0, 101);
}

/// 7: sizes, by what a header announces.
#[tokio::test]
async fn what_is_announced_too_large_is_refused_before_it_comes() {
    let session = SessionConfig { max_packet: 64 << 10, ..SessionConfig::default() };
    let limits = limits(|limits| {
        limits.session = session;
        limits.max_fragments = 8;
    });
    let addr = serve(&with_logins().limits(limits).build().unwrap()).await;
    for (bytes, code) in [
        (header(0x81, (64 << 10) + 1), 1009),
        (header(0x81, usize::MAX >> 1), 1009),
        ([frame(0x01, &[b'x'; 40 << 10]), header(0x80, 40 << 10)].concat(), 1009),
        ([frame(0x01, b""), frame(0x00, b"").repeat(8)].concat(), 1008),
    ] {
        let mut raw = Raw::hello(addr, r#"[1,{"v":1,"token":"ada"}]"#).await;
        raw.bytes(&bytes).await;
        assert_eq!(raw.close_code().await, code);
    }
    // Before the login, whatever it is in.
    for bytes in
        [header(0x81, (16 << 10) + 1), [frame(0x01, &[b'x'; 9 << 10]), header(0x80, 8 << 10)].concat()]
    {
        for hello in [Some(r#"[1,{"v":1}]"#), None] {
            let mut raw = match hello {
                Some(hello) => Raw::hello(addr, hello).await,
                None => Raw::connect(addr, "trunkline.v1.json").await,
            };
            raw.bytes(&bytes).await;
            assert_eq!(raw.close_code().await, 4401);
        }
    }
    // A login on the way lifts it.
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    raw.text(r#"[3,1,"login",0,["ada"]]"#).await;
    assert!(raw.receive().await.unwrap().starts_with("[5,1"));
    raw.text(&format!(r#"[3,3,"echo",0,["{}"]]"#, "x".repeat(20 << 10))).await;
    assert!(raw.receive().await.unwrap().starts_with("[5,3"));
}

/// 8: depth, and lengths that lie.
#[tokio::test]
async fn deep_values_and_false_lengths_fail_their_call_alone() {
    let addr = serve(&builder().build().unwrap()).await;
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for (id, (levels, expected)) in [(1, (64, "[5,1,")), (3, (65, "[7,3,")), (5, (100_000, "[7,5,"))] {
        raw.text(&format!(r#"[3,{id},"echo",0,{}]"#, nested(levels))).await;
        let answer = raw.receive().await.unwrap();
        assert!(answer.starts_with(expected), "{levels}: {answer}");
    }
    let mut raw = Raw::connect(addr, "trunkline.v1.msgpack").await;
    let packed = |frame: &[u8]| [&(frame.len() as u32).to_be_bytes(), frame].concat();
    raw.binary(&packed(b"\x92\x01\x81\xa1v\x01")).await;
    assert!(raw.receive().await.is_ok());
    // Four billion items in five bytes.
    raw.binary(&packed(b"\x95\x03\x01\xa4echo\x00\x91\xdd\xff\xff\xff\xff")).await;
    let answer = raw.receive().await.unwrap();
    assert!(answer.len() < 2000, "{answer}");
    raw.binary(&packed(b"\x95\x03\x03\xa4echo\x00\x91\x05")).await;
    assert!(raw.receive().await.is_ok());
}

/// 13: connections, in all.
#[tokio::test]
async fn a_full_server_says_when_to_come_back() {
    let addr = serve(&builder().max_connections(2).build().unwrap()).await;
    let (one, first) = stay(addr, "").await;
    let (_two, second) = stay(addr, "").await;
    assert_eq!((first.0, second.0), (101, 101));
    assert_eq!(upgrade(addr, "").await, (503, Some(5)));
    assert_eq!(status(&http(addr, "GET /ready HTTP/1.1\nHost: x\n\n").await), (503, Some(5)));
    assert_eq!(status(&http(addr, "GET /health HTTP/1.1\nHost: x\n\n").await), (200, None));
    drop(one);
    within(async {
        while upgrade(addr, "").await.0 != 101 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// 4, 13: connections of one address that do not log in.
#[tokio::test]
async fn those_who_do_not_log_in_are_counted_until_they_do() {
    let limits = limits(|limits| limits.max_pending_per_address = 2);
    let addr = serve(&with_logins().limits(limits).build().unwrap()).await;
    let mut one = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    let silent = TcpStream::connect(addr).await.unwrap();
    within(async {
        while upgrade(addr, "").await != (503, Some(5)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    one.text(r#"[3,1,"login",0,["ada"]]"#).await;
    assert!(one.receive().await.unwrap().starts_with("[5,1"));
    let two = within(async {
        loop {
            let (stream, (status, _)) = stay(addr, "").await;
            if status == 101 {
                return stream;
            }
        }
    })
    .await;
    assert_eq!(upgrade(addr, "").await.0, 503);
    drop((silent, two));
}

/// 13: how often an address may come; the sixth in a second is told when it may.
#[tokio::test]
async fn an_address_may_connect_only_so_often() {
    let addr = serve(&builder().limit_connections("5/1m").build().unwrap()).await;
    for _ in 0..5 {
        assert_eq!(upgrade(addr, "").await.0, 101);
    }
    assert_eq!(upgrade(addr, "").await, (429, Some(12)));
}

/// 13: connections of one user.
#[tokio::test]
async fn a_user_may_have_only_so_many_connections() {
    let addr = serve(&with_logins().max_connections_per_user(2).build().unwrap()).await;
    let hello = r#"[1,{"v":1,"token":"ada"}]"#;
    let one = Raw::hello(addr, hello).await;
    let _two = Raw::hello(addr, hello).await;
    assert_eq!(Raw::hello(addr, hello).await.close_code().await, 4413);
    let mut late = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    late.text(r#"[3,1,"login",0,["ada"]]"#).await;
    assert_eq!(late.close_code().await, 4413);
    Raw::hello(addr, r#"[1,{"v":1,"token":"bob"}]"#).await.text(r#"[3,1,"echo",0,[1]]"#).await;
    drop(one);
    within(async {
        loop {
            let mut raw = Raw::hello(addr, hello).await;
            raw.text(r#"[3,1,"echo",0,[1]]"#).await;
            if raw.receive().await.is_ok() {
                return;
            }
        }
    })
    .await;
}

/// 10: calls in flight of one user, on all of its connections.
#[tokio::test]
async fn the_calls_of_a_user_are_counted_over_all_connections() {
    let limits = limits(|limits| limits.max_in_flight_per_user = Some(3));
    let addr = serve(&with_logins().limits(limits).build().unwrap()).await;
    let mut one = Raw::hello(addr, r#"[1,{"v":1,"token":"ada"}]"#).await;
    let mut two = Raw::hello(addr, r#"[1,{"v":1,"token":"ada"}]"#).await;
    one.text("[3,1,\"hang\"]\n[3,3,\"hang\"]\n[3,5,\"echo\",0,[1]]").await;
    assert_eq!(one.receive().await.unwrap(), "[5,5,0,1]");
    two.text("[3,1,\"hang\"]\n[3,3,\"hang\"]").await;
    let refused = two.receive().await.unwrap();
    assert!(refused.starts_with("[7,3,") && refused.contains("RESOURCE_EXHAUSTED"), "{refused}");
    one.text("[9,1]").await;
    assert!(one.receive().await.unwrap().contains("CANCELLED"));
    two.text("[3,5,\"hang\"]\n[3,7,\"echo\",0,[1]]").await;
    let answer = two.receive().await.unwrap();
    assert!(answer.starts_with("[7,7,") && answer.lines().count() == 1, "{answer}");
}

/// 14: messages, and bytes. Whoever goes on although it is refused is sent away.
#[tokio::test]
async fn a_flood_of_messages_is_refused_and_then_cut_off() {
    let addr = serve(&builder().limit_messages("5/1m").build().unwrap()).await;
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    let calls: Vec<String> = (0..8).map(|n| format!("[3,{},\"echo\",0,[1]]", 2 * n + 1)).collect();
    raw.text(&calls.join("\n")).await;
    let answers = raw.receive().await.unwrap();
    assert_eq!(answers.matches("[5,").count(), 5, "{answers}");
    assert_eq!(answers.matches("RESOURCE_EXHAUSTED").count(), 3, "{answers}");
    assert!(answers.contains("\"retry_ms\":12000"), "{answers}");
    // A ping is answered all the same.
    raw.text("[16,7]").await;
    assert_eq!(raw.receive().await.unwrap(), "[17,7]");
    let begin = std::time::Instant::now();
    let mut id = 17;
    let mut calls = tokio::time::interval(Duration::from_millis(100));
    let end = loop {
        tokio::select! {
            end = raw.receive() => if end.is_err() { break end },
            _ = calls.tick() => {
                raw.text(&format!("[3,{id},\"echo\",0,[1]]")).await;
                id += 2;
            }
        }
    };
    assert!(matches!(end, Err(End::Close(4429, _))), "{end:?}");
    assert!(begin.elapsed() >= Duration::from_millis(4900));

    let bytes = limits(|limits| {
        limits.session.max_packet = 2048;
        limits.bytes = Some(Rate::new(2048, Duration::from_secs(60)));
    });
    let addr = serve(&builder().limits(bytes).build().unwrap()).await;
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    let call = |id: u32| format!("[3,{id},\"echo\",0,[\"{}\"]]", "x".repeat(1500));
    raw.text(&call(1)).await;
    assert!(raw.receive().await.unwrap().starts_with("[5,1"));
    raw.text(&call(3)).await;
    let refused = raw.receive().await.unwrap();
    assert!(refused.starts_with("[7,3") && refused.contains("retry_ms"), "{refused}");
}

/// 14: also of messages that are no calls.
#[tokio::test]
async fn a_flood_of_what_cannot_be_refused_is_cut_off() {
    let addr = serve(&builder().limit_messages("5/1m").build().unwrap()).await;
    let mut native = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    let mut json_rpc = Raw::bare(addr, &[]).await;
    json_rpc.text("{}").await;
    assert!(json_rpc.receive().await.unwrap().contains("-32600"));
    let mut floods = tokio::time::interval(Duration::from_millis(100));
    let mut ends = (None, None);
    while ends.0.is_none() || ends.1.is_none() {
        tokio::select! {
            end = native.receive(), if ends.0.is_none() => ends.0 = end.err(),
            end = json_rpc.receive(), if ends.1.is_none() => ends.1 = end.err(),
            _ = floods.tick() => {
                if ends.0.is_none() {
                    native.text("[9,1]\n[9,3]").await;
                }
                if ends.1.is_none() {
                    json_rpc.text("{}").await;
                }
            }
        }
    }
    assert!(matches!(ends, (Some(End::Close(4429, _)), Some(End::Close(4429, _)))), "{ends:?}");
}

/// 15: pings and pongs, asked for or not.
#[tokio::test]
async fn a_flood_of_control_frames_closes_1008() {
    let addr = serve(&builder().build().unwrap()).await;
    for first in [0x89, 0x8a] {
        let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
        raw.bytes(&frame(first, b"x").repeat(20)).await;
        raw.text(r#"[3,1,"echo",0,[1]]"#).await;
        assert_eq!(raw.receive().await.unwrap(), "[5,1,0,1]", "twenty at once are none");
        raw.bytes(&frame(first, b"x").repeat(40)).await;
        assert_eq!(raw.close_code().await, 1008);
    }
}

/// 6: a client that takes nothing is sent away, and others do not notice.
#[tokio::test]
async fn a_client_that_takes_nothing_is_sent_away() {
    let limits = limits(|limits| {
        limits.stall_timeout = Duration::from_millis(300);
        limits.session.outbound_mark = 64 << 10;
        limits.session.max_outbound = 128 << 10;
    });
    let server = builder().limits(limits).build().unwrap();
    let addr = serve(&server).await;
    let mut slow = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    let large = "x".repeat(200_000);
    let sent = async {
        for id in 0..200 {
            slow.text(&format!("[3,{},\"echo\",0,[\"{large}\"]]", 2 * id + 1)).await;
        }
    };
    // It cannot even send all of that, since nobody reads what is answered.
    let _ = tokio::time::timeout(Duration::from_secs(2), sent).await;
    let mut other = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    other.text(r#"[3,1,"echo",0,[1]]"#).await;
    assert_eq!(other.receive().await.unwrap(), "[5,1,0,1]");
    within(async {
        while server.hub().connections().len() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// 23: text that is none, at its first wrong byte.
#[tokio::test]
async fn text_that_is_not_utf_8_closes_1007() {
    let addr = serve(&builder().build().unwrap()).await;
    for bytes in [
        frame(0x81, b"[3,1,\"\xff\"]"),
        frame(0x81, b"[3,1,\"\xed\xa0\x80\"]"),
        frame(0x81, b"[3,1,\"\xc0\xaf\"]"),
        [frame(0x01, b"[3,1,\"\xe2\x82"), frame(0x80, b"\x28\"]")].concat(),
        [frame(0x81, &[b' '; 6000]), frame(0x81, &[&[b' '; 6000][..], b"\xff"].concat())].concat(),
    ] {
        let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
        raw.bytes(&bytes).await;
        let code = raw.close_code().await;
        assert!(code == 1007 || code == 4400 && bytes.len() > 12_000, "{code}");
    }
    // A character that two fragments share is one.
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    raw.bytes(&[frame(0x01, b"[3,1,\"echo\",0,[\"\xe2\x82"), frame(0x80, b"\xac\"]]")].concat()).await;
    assert_eq!(raw.receive().await.unwrap(), "[5,1,0,\"€\"]");
}

/// 24: ids grow, and the last one is the last.
#[tokio::test]
async fn ids_are_used_once() {
    let addr = serve(&builder().build().unwrap()).await;
    for second in [
        "[3,5,\"hang\"]",
        "[3,3,\"hang\"]",
        "[3,2,\"hang\"]",
        "[3,0,\"hang\"]",
        "[3,9007199254740993,\"hang\"]",
    ] {
        let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
        raw.text("[3,5,\"hang\"]").await;
        raw.text(second).await;
        assert_eq!(raw.close_code().await, 4400, "{second}");
    }
}

/// 13: behind a proxy, the client counts; and nobody else can say who it is.
#[tokio::test]
async fn only_a_trusted_proxy_says_who_a_client_is() {
    let whence = |trusted: &'static [&'static str], headers: &'static [(&'static str, &'static str)]| async move {
        let addr = serve(&builder().trusted_proxies(trusted.iter().copied()).build().unwrap()).await;
        let mut raw = Raw::bare(addr, headers).await;
        raw.text("[1,{\"v\":1}]\n[3,1,\"whence\"]").await;
        let mut answer = raw.receive().await.unwrap();
        if !answer.contains("[5,") {
            answer = raw.receive().await.unwrap();
        }
        answer.rsplit('"').nth(1).unwrap_or_default().to_owned()
    };
    let forwarded: &[_] = &[("x-forwarded-for", "6.6.6.6, 203.0.113.9")];
    assert_eq!(whence(&[], forwarded).await, "127.0.0.1");
    assert_eq!(whence(&["10.0.0.0/8"], forwarded).await, "127.0.0.1");
    assert_eq!(whence(&["127.0.0.0/8"], forwarded).await, "203.0.113.9");
    assert_eq!(
        whence(&["127.0.0.1"], &[("forwarded", "for=\"[2001:db8::7]:1\";proto=https")]).await,
        "2001:db8::7"
    );

    let limits = limits(|limits| limits.max_connections_per_address = Some(1));
    let server = builder().limits(limits).trusted_proxies(["127.0.0.1"]).build().unwrap();
    let addr = serve(&server).await;
    let (_one, first) = stay(addr, "X-Forwarded-For: 203.0.113.9\n").await;
    assert_eq!(first.0, 101);
    assert_eq!(upgrade(addr, "X-Forwarded-For: 203.0.113.9\n").await, (503, Some(5)));
    assert_eq!(
        upgrade(addr, "X-Forwarded-For: 6.6.6.6, 203.0.113.9\n").await.0,
        503,
        "what it adds itself is nothing"
    );
    let (_two, other) = stay(addr, "X-Forwarded-For: 203.0.113.10\n").await;
    assert_eq!(other.0, 101);
}

/// What a load balancer asks, while the server runs and while it ends.
#[tokio::test]
async fn a_server_that_ends_lives_and_is_not_ready() {
    let server = builder().build().unwrap();
    let addr = serve(&server).await;
    let get = |path: &'static str| async move {
        status(&http(addr, &format!("GET {path} HTTP/1.1\nHost: x\n\n")).await)
    };
    assert_eq!((get("/health").await.0, get("/ready").await.0), (200, 200));
    let mut raw = Raw::hello(addr, r#"[1,{"v":1}]"#).await;
    raw.text(r#"[3,1,"hang"]"#).await;
    raw.text(r#"[3,3,"echo",0,[1]]"#).await;
    assert_eq!(raw.receive().await.unwrap(), "[5,3,0,1]");
    let ending = tokio::spawn({
        let server = server.clone();
        async move { server.shutdown().await }
    });
    within(async {
        while get("/ready").await != (503, Some(5)) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(get("/health").await, (200, None));
    assert_eq!(upgrade(addr, "").await, (503, Some(5)));
    raw.text("[9,1]").await;
    assert_eq!(raw.close_code().await, 1012);
    within(ending).await.unwrap();
}

/// All of the numbers are of the configuration, and what concerns a client is told to it.
#[tokio::test]
async fn clients_learn_their_limits() {
    let addr = serve(&builder().config(Config::for_tests()).build().unwrap()).await;
    let mut raw = Raw::connect(addr, "trunkline.v1.json").await;
    raw.text(r#"[1,{"v":1}]"#).await;
    let welcome = raw.receive().await.unwrap();
    assert!(welcome.contains(r#""packet":65536"#) && welcome.contains(r#""in_flight":8"#), "{welcome}");
    assert!(welcome.contains(r#""ping_ms":2000"#), "{welcome}");
}
