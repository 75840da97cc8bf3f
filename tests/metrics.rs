//! What is counted and measured, as Prometheus reads it.

#![cfg(feature = "prometheus")]

use trunkline::{Client, Credentials, Server, User, service};

use crate::raw::{Raw, http, serve, within};

#[service]
trait Gauged {
    async fn quick(&self) -> u32;
    async fn wrong(&self, n: u32) -> u32;
    async fn hang(&self) -> ();
}

struct App;

impl Gauged for App {
    async fn quick(&self) -> u32 {
        1
    }

    async fn wrong(&self, n: u32) -> u32 {
        n
    }

    async fn hang(&self) {
        std::future::pending().await
    }
}

fn server() -> Server {
    let auth = |creds: &Credentials| {
        Ok((creds.token() == Some("tok-CANARY-7f3a")).then(|| User::new("gauged-user")))
    };
    Server::builder().service(GaugedServer::new(App)).auth(auth).metrics("/metrics").build().unwrap()
}

/// The value of the line that begins with `name`; 0 if there is none yet.
fn value(server: &Server, name: &str) -> f64 {
    let text = server.metrics().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

const QUICK: &str = r#"trunkline_rpc_server_seconds_count{service="Gauged",method="quick",code="OK"}"#;

#[tokio::test]
async fn calls_are_measured_by_method_and_code_and_nothing_a_peer_writes_is_a_label() {
    let server = server();
    let client = Client::over(server.in_memory_as(User::new("gauged-user"))).await.unwrap();
    let gauged = GaugedClient::new(&client);
    for _ in 0..3 {
        gauged.quick().await.unwrap();
    }
    client.call::<u32>("wrong", ("no number",)).await.unwrap_err();
    client.call::<u32>("CANARY-7f3a", ()).await.unwrap_err();
    drop(tokio::time::timeout(std::time::Duration::from_millis(5), gauged.hang()).await);
    gauged.quick().await.unwrap();
    assert_eq!(value(&server, QUICK), 4.0);
    for (method, code) in [("wrong", "INVALID_ARGUMENT"), ("hang", "CANCELLED")] {
        let name = format!(
            r#"trunkline_rpc_server_seconds_count{{service="Gauged",method="{method}",code="{code}"}}"#
        );
        assert_eq!(value(&server, &name), 1.0, "{}", server.metrics().unwrap());
    }
    let unknown = r#"trunkline_rpc_server_seconds_count{service="",method="",code="UNIMPLEMENTED"}"#;
    assert!(value(&server, unknown) >= 1.0);
    let text = server.metrics().unwrap();
    assert!(!text.contains("CANARY") && !text.contains("gauged-user"), "{text}");
}

#[tokio::test]
async fn the_numbers_are_served_at_the_path_of_the_operators_choice_and_nowhere_else() {
    let addr = serve(&server()).await;
    let answer = http(addr, "GET /metrics HTTP/1.1\nhost: localhost\n\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("text/plain; version=0.0.4"), "{answer}");
    let answer = http(addr, "POST /metrics HTTP/1.1\nhost: localhost\ncontent-length: 0\n\n").await;
    assert!(!answer.contains("trunkline_"), "{answer}");

    let silent = Server::builder().service(GaugedServer::new(App)).build().unwrap();
    let answer = http(serve(&silent).await, "GET /metrics HTTP/1.1\nhost: localhost\n\n").await;
    assert!(!answer.contains("trunkline_"), "{answer}");

    let refused = Server::builder().metrics("metrics").build().unwrap_err();
    assert!(refused.to_string().contains("must begin with `/`"), "{refused}");
}

#[tokio::test]
async fn connections_logins_and_refusals_are_counted() {
    let server = server();
    let addr = serve(&server).await;
    // Other tests of this process are counted as well, so these are lower bounds.
    let names = [
        r#"trunkline_auth_total{result="unknown"}"#,
        r#"trunkline_auth_total{result="accepted"}"#,
        r#"trunkline_handshake_rejected_total{reason="4400"}"#,
        r#"trunkline_handshake_rejected_total{reason="403"}"#,
        r#"trunkline_connection_close_total{code="other",side="client"}"#,
        r#"trunkline_connection_close_total{code="4400",side="server"}"#,
        r#"trunkline_handshake_seconds_count{phase="upgrade"}"#,
        r#"trunkline_handshake_seconds_count{phase="login"}"#,
        "trunkline_connection_age_seconds_count",
    ];
    let before = names.map(|name| value(&server, name));

    let mut nobody = Raw::hello(addr, r#"[1,{"v":1,"token":"tok-CANARY-wrong"}]"#).await;
    nobody.close(4999, "CANARY-7f3a").await;
    let mut broken = Raw::hello(addr, r#"[1,{"v":1,"token":"tok-CANARY-7f3a"}]"#).await;
    broken.text("[99]").await;
    assert_eq!(broken.close_code().await, 4400);
    let mut rude = Raw::connect(addr, "trunkline.v1.json").await;
    rude.text("[99]").await;
    assert_eq!(rude.close_code().await, 4400);
    let foreign = "GET / HTTP/1.1\nhost: localhost\nconnection: upgrade\nupgrade: websocket\norigin: https://evil.example\n\n";
    assert!(http(addr, foreign).await.starts_with("HTTP/1.1 403"));

    within(async {
        while names.iter().zip(before).any(|(name, before)| value(&server, name) <= before) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let text = server.metrics().unwrap();
    assert!(!text.contains("CANARY") && !text.contains(r#"code="4999""#), "{text}");
    assert!(text.contains(r#"trunkline_connections{state="authenticated"}"#), "{text}");
    assert!(text.contains("trunkline_rpc_inflight"), "{text}");
}
