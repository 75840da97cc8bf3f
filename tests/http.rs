//! The HTTP before the WebSocket: origins, subprotocols, paths, files.

use std::time::Duration;

use trunkline::{Client, ConnectError, Server, service};

use crate::raw::{http, serve, within};

#[service]
trait Ping {
    async fn ping(&self) -> String;
}

struct App;

impl Ping for App {
    async fn ping(&self) -> String {
        "pong".to_owned()
    }
}

const UPGRADE: &str = "GET / HTTP/1.1
Host: chat.example
Connection: keep-alive, Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
";

async fn status(addr: std::net::SocketAddr, request: &str) -> String {
    let answer = http(addr, &format!("{request}\n")).await;
    answer.lines().next().unwrap_or_default().trim_start_matches("HTTP/1.1 ").to_owned()
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_before_the_upgrade() {
    let server = Server::builder()
        .service(PingServer::new(App))
        .allow_origins(["https://app.example"])
        .allow_hosts(["chat.example"])
        .build()
        .unwrap();
    let addr = serve(&server).await;
    for (origin, expected) in [
        ("", "101 Switching Protocols"),
        ("Origin: https://app.example\n", "101 Switching Protocols"),
        ("Origin: http://chat.example\n", "101 Switching Protocols"),
        ("Origin: https://evil.example\n", "403 Forbidden"),
        ("Origin: null\n", "403 Forbidden"),
        ("Origin: https://app.example\nOrigin: https://app.example\n", "403 Forbidden"),
    ] {
        assert_eq!(status(addr, &format!("{UPGRADE}{origin}")).await, expected, "{origin}");
    }
}

#[tokio::test]
async fn an_upgrade_is_what_the_rfc_says() {
    let server = Server::builder().service(PingServer::new(App)).path("/rpc").build().unwrap();
    let addr = serve(&server).await;
    let upgrade = UPGRADE.replace("GET /", "GET /rpc");
    let answer = http(addr, &format!("{upgrade}Sec-WebSocket-Protocol: x, trunkline.v1.json\n\n"))
        .await
        .to_lowercase();
    // The key and its answer are those of RFC 6455, section 1.3.
    assert!(answer.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
    assert!(answer.contains("sec-websocket-protocol: trunkline.v1.json"), "{answer}");
    for (request, expected) in [
        (upgrade.replace("Version: 13", "Version: 8"), "426 Upgrade Required"),
        (upgrade.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n", ""), "400 Bad Request"),
        (format!("{upgrade}Sec-WebSocket-Protocol: chat.v3\n"), "400 Bad Request"),
        (UPGRADE.replace("GET /", "GET /other"), "404 Not Found"),
        ("GET /rpc HTTP/1.1\nHost: x\n".to_owned(), "426 Upgrade Required"),
        ("GET / HTTP/1.1\nHost: x\n".to_owned(), "404 Not Found"),
    ] {
        assert_eq!(status(addr, &request).await, expected, "{request}");
    }
}

#[tokio::test]
async fn files_are_served_from_their_folder_and_from_nowhere_else() {
    let folder = std::env::temp_dir().join(format!("trunkline-files-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("site/.hidden")).unwrap();
    std::fs::write(folder.join("site/index.html"), "<h1>hello</h1>").unwrap();
    std::fs::write(folder.join("site/.hidden/x"), "secret").unwrap();
    std::fs::write(folder.join("secret.txt"), "secret").unwrap();
    let server = Server::builder().service(PingServer::new(App)).files(folder.join("site")).build().unwrap();
    let addr = serve(&server).await;
    let index = http(addr, "GET / HTTP/1.1\nHost: x\n\n").await;
    assert!(index.contains("text/html") && index.ends_with("<h1>hello</h1>"), "{index}");
    for path in
        ["/../secret.txt", "/%2e%2e/secret.txt", "/.hidden/x", "//secret.txt", "/nothing", "/..\\secret.txt"]
    {
        assert_eq!(status(addr, &format!("GET {path} HTTP/1.1\nHost: x\n")).await, "404 Not Found", "{path}");
    }
    assert_eq!(status(addr, UPGRADE).await, "101 Switching Protocols");
    let server = Server::builder().service(PingServer::new(App)).path("/rpc").files(folder.join("site"));
    let addr = serve(&server.build().unwrap()).await;
    assert_eq!(status(addr, "GET /rpc HTTP/1.1\nHost: x\n").await, "426 Upgrade Required");
    assert_eq!(status(addr, "GET /nothing HTTP/1.1\nHost: x\n").await, "404 Not Found");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let server = Server::builder()
        .service(PingServer::new(App))
        .head_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let addr = serve(&server).await;
    for head in ["", "GET / HTTP/1.1\r\nHost: x\r\nX: "] {
        let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A byte now and then does not extend the deadline.
        let dripped = async {
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if !head.is_empty() && stream.write_all(b"x").await.is_err() {
                    break;
                }
                let mut chunk = [0; 512];
                match tokio::time::timeout(Duration::from_millis(1), stream.read(&mut chunk)).await {
                    Ok(Ok(0) | Err(_)) => break,
                    Ok(Ok(len)) => answer.extend_from_slice(&chunk[..len]),
                    Err(_) => {}
                }
            }
        };
        within(dripped).await;
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
}

#[tokio::test]
async fn a_client_says_why_it_does_not_connect() {
    let server = Server::builder().service(PingServer::new(App)).path("/rpc").build().unwrap();
    let addr = serve(&server).await;
    assert!(Client::builder(format!("ws://{addr}/rpc")).connect().await.is_ok());
    let refused = Client::builder(format!("ws://{addr}/nope")).connect().await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("the server at `ws://{addr}/nope` answered 404 Not Found: not found")
    );
    assert!(Client::builder(format!("http://{addr}/rpc")).connect().await.is_ok());
    for (url, text) in [
        ("ftp://x", "it must begin with `ws://` or `wss://`"),
        #[cfg(not(feature = "tls"))]
        ("https://x", "TLS needs the feature `tls`"),
        #[cfg(not(feature = "tls"))]
        ("wss://x", "TLS needs the feature `tls`"),
        #[cfg(feature = "tls")]
        ("wss://x:port", "the port is a number"),
        ("localhost:8080", "it must begin with `ws://` or `wss://`"),
        ("ws://me:secret@x", "credentials do not belong into the URL"),
    ] {
        let error = Client::builder(url).connect().await.unwrap_err();
        assert!(matches!(error, ConnectError::Url { .. }) && error.to_string().contains(text), "{error}");
        assert!(Client::builder(url).connect_lazy().is_err());
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let black_hole = format!("ws://{}", listener.local_addr().unwrap());
    let late =
        Client::builder(black_hole).connect_timeout(Duration::from_millis(100)).connect().await.unwrap_err();
    assert!(matches!(late, ConnectError::Timeout(_)), "{late}");
}
