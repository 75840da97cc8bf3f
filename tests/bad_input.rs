//! Any bytes on the socket: an error frame or the right close code, and nobody else notices.

use std::time::Duration;

use trunkline::{Client, Server, Value, service};

use crate::raw::{End, Raw, serve, within};

#[service]
trait Echo {
    async fn echo(&self, x: Value) -> Value;
}

struct App;

impl Echo for App {
    async fn echo(&self, x: Value) -> Value {
        x
    }
}

const HELLO: &str = r#"[1,{"v":1}]"#;

async fn server() -> (Server, std::net::SocketAddr, EchoClient) {
    let server = Server::builder()
        .service(EchoServer::new(App))
        .max_message_size(64 << 10)
        .login_timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    let addr = serve(&server).await;
    let client = Client::builder(format!("ws://{addr}")).connect().await.unwrap();
    (server, addr, EchoClient::new(&client))
}

/// A frame below the packets, unmasked or masked with zeros.
fn frame(first: u8, masked: bool, len: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, if masked { 0x80 } else { 0 } | 127];
    bytes.extend(len.to_be_bytes());
    if masked {
        bytes.extend([0; 4]);
    }
    bytes.extend(payload);
    bytes
}

#[tokio::test]
async fn text_that_breaks_the_protocol_closes_with_its_code() {
    let (_, addr, canary) = server().await;
    for (text, code) in [
        ("not json", 4400),
        ("{}", 4400),
        ("[]", 4400),
        ("[99]", 4400),
        ("[-1]", 4400),
        ("[3]", 4400),
        ("[3,0,\"echo\",0,[1]]", 4400),
        ("[3,2,\"echo\",0,[1]]", 4400),
        ("[3,9007199254740993,\"echo\",0,[1]]", 4400),
        ("[3,1,\"echo\",0,[1", 4400),
        ("[3,1,\"echo\",7,[1]]", 4400),
        ("[1,{\"v\":1}]", 4400),
        ("[2,{\"v\":1,\"session\":\"1\"}]", 4400),
        ("[18,{\"reason\":\"x\"}]", 4400),
        ("[3,5,\"echo\",0,[1]]\n[3,3,\"echo\",0,[1]]", 4400),
    ] {
        let mut raw = Raw::hello(addr, HELLO).await;
        raw.text(text).await;
        assert_eq!(raw.close_code().await, code, "{text}");
        canary.echo(trunkline::json!(text)).await.unwrap();
    }
}

#[tokio::test]
async fn frames_below_the_packets_are_judged_too() {
    let (_, addr, canary) = server().await;
    for (what, bytes, code) in [
        ("unmasked", frame(0x81, false, 2, b"[]"), 1002),
        ("a reserved bit", frame(0xc1, true, 2, b"[]"), 1002),
        ("an unknown opcode", frame(0x83, true, 2, b"[]"), 1002),
        ("a continuation of nothing", frame(0x80, true, 2, b"[]"), 1002),
        ("a long ping", frame(0x89, true, 126, &[0; 126]), 1002),
        ("not UTF-8", frame(0x81, true, 2, b"\xff\xfe"), 1007),
        ("larger than allowed, announced only", frame(0x81, true, 64 * 1024 + 1, b""), 1009),
        ("larger than anything", frame(0x81, true, u64::MAX, b""), 1009),
        ("binary on a text subprotocol", frame(0x82, true, 2, b"[]"), 1003),
        (
            "too many fragments",
            [frame(0x01, true, 0, b""), frame(0x00, true, 0, b"").repeat(300)].concat(),
            1008,
        ),
    ] {
        let mut raw = Raw::hello(addr, HELLO).await;
        raw.bytes(&bytes).await;
        assert_eq!(raw.close_code().await, code, "{what}");
        canary.echo(trunkline::json!(what)).await.unwrap();
    }
}

#[tokio::test]
async fn messagepack_that_breaks_the_protocol_closes_with_its_code() {
    let (_, addr, canary) = server().await;
    let hello = b"\0\0\0\x06\x92\x01\x81\xa1v\x01";
    for (what, packet, code) in [
        ("a cut-off length", &b"\0\0"[..], 4400),
        ("a length beyond the packet", b"\0\0\0\x09\x90", 4400),
        ("no array", b"\0\0\0\x01\xc0", 4400),
        ("an unknown kind", b"\0\0\0\x02\x91\x63", 4400),
        ("a request without a name", b"\0\0\0\x03\x92\x03\x01", 4400),
    ] {
        let mut raw = Raw::connect(addr, "trunkline.v1.msgpack").await;
        raw.binary(hello).await;
        raw.receive().await.unwrap();
        raw.binary(packet).await;
        assert_eq!(raw.close_code().await, code, "{what}");
        canary.echo(trunkline::json!(what)).await.unwrap();
    }
}

#[tokio::test]
async fn deep_values_fail_their_call_and_nothing_else() {
    let (_, addr, _) = server().await;
    let mut raw = Raw::hello(addr, HELLO).await;
    for (id, depth) in [(1, 64), (3, 65), (5, 20_000)] {
        // The list of parameters is the outermost level.
        let value = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        raw.text(&format!(r#"[3,{id},"echo",0,[{value}]]"#)).await;
        let answer = raw.receive().await.unwrap();
        let expected = if depth == 64 { "[5," } else { "[7," };
        assert!(answer.starts_with(expected), "{depth}: {answer}");
    }
}

#[tokio::test]
async fn parameters_that_cannot_be_read_fail_their_call_and_nothing_else() {
    let (_, addr, _) = server().await;
    let mut raw = Raw::hello(addr, HELLO).await;
    for (id, params) in [
        (1, "[1"),
        (3, "[1,]"),
        (5, "{\"x\":1,}"),
        (7, "{\"x\" 1}"),
        (9, "[nul]"),
        (11, "[1] [2]"),
        (13, "7"),
    ] {
        raw.text(&format!(r#"[3,{id},"echo",0,{params}]"#)).await;
        let answer = raw.receive().await.unwrap();
        assert!(
            answer.starts_with(&format!("[7,{id},{{\"code\":\"INVALID_ARGUMENT\"")),
            "{params}: {answer}"
        );
    }
}

#[tokio::test]
async fn the_hello_comes_first_and_in_time() {
    let (_, addr, _) = server().await;
    let mut silent = Raw::connect(addr, "trunkline.v1.json").await;
    assert_eq!(silent.close_code().await, 4408);
    let mut early = Raw::connect(addr, "trunkline.v1.json").await;
    early.text(r#"[3,1,"echo",0,[1]]"#).await;
    assert_eq!(early.close_code().await, 4400);
    let mut future = Raw::connect(addr, "trunkline.v1.json").await;
    future.text(r#"[1,{"v":2}]"#).await;
    assert_eq!(
        future.receive().await,
        Err(End::Close(4400, "protocol version 2 is not supported".to_owned()))
    );
}

#[tokio::test]
async fn calls_may_follow_the_hello_in_its_packet() {
    let (_, addr, _) = server().await;
    let mut raw = Raw::connect(addr, "trunkline.v1.json").await;
    raw.text(&format!("{HELLO}\n[3,1,\"echo\",0,[1]]\n[3,3,\"echo\",0,{{\"x\":2}}]")).await;
    assert!(raw.receive().await.unwrap().starts_with("[2,"));
    assert_eq!(raw.receive().await.unwrap(), "[5,1,0,1]\n[5,3,0,2]");
}

#[tokio::test]
async fn what_is_not_built_yet_answers_unimplemented() {
    let (_, addr, _) = server().await;
    let mut raw = Raw::hello(addr, HELLO).await;
    for (id, head) in
        [(1, r#"{"o":7}"#), (3, r#"{"p":[1]}"#), (5, r#"{"k":1}"#), (7, r#"{"s":[9]}"#), (11, r#"{"X":1}"#)]
    {
        raw.text(&format!(r#"[3,{id},"echo",{head},[1]]"#)).await;
        let answer = raw.receive().await.unwrap();
        assert!(answer.contains("UNIMPLEMENTED"), "{head}: {answer}");
    }
    raw.text(r#"[3,13,"echo",{"x":1,"t":1000},[1]]"#).await;
    assert_eq!(raw.receive().await.unwrap(), "[5,13,0,1]", "an unknown lower-case key is ignored");
}

#[tokio::test]
async fn random_bytes_hurt_nobody() {
    let (server, addr, canary) = server().await;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..60 {
        let mut raw = Raw::hello(addr, HELLO).await;
        let bytes: Vec<u8> = (0..random() % 400).map(|_| random() as u8).collect();
        match round % 3 {
            0 => raw.bytes(&bytes).await,
            1 => raw.binary(&bytes).await,
            _ => raw.text(&String::from_utf8_lossy(&bytes)).await,
        }
        drop(raw);
        canary.echo(trunkline::json!(round)).await.unwrap();
    }
    within(async {
        while server.hub().connections().len() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
