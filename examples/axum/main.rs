//! An axum application with a Trunkline server on one of its routes, beside plain HTTP.
//!
//! `cargo run --example axum --features axum` serves on port 3000:
//!
//! ```sh
//! curl http://127.0.0.1:3000/online
//! curl -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"add","params":[10,20]}' http://127.0.0.1:3000/rpc
//! ```
//!
//! With `--once` it calls itself in every way that there is, and ends.

#![allow(missing_docs, reason = "an example is its own documentation")]

use std::{error::Error, net::SocketAddr};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use tokio::net::TcpListener;
use trunkline::{Client, Connection, Hub, Result, Server, json, service};

#[service]
pub trait Desk {
    #[method(alias = "add")]
    async fn sum(&self, a: i64, b: i64) -> i64;
    /// Takes a name, under which plain HTTP finds the connection.
    async fn sign_in(&self, conn: Connection, name: String);
}

struct App;

impl Desk for App {
    async fn sum(&self, a: i64, b: i64) -> i64 {
        a + b
    }

    async fn sign_in(&self, conn: Connection, name: String) {
        conn.set("name", name);
    }
}

/// `GET /online`: the hub of the server is a state of the application.
async fn online(State(hub): State<Hub>) -> String {
    let names = hub.connections().into_iter().filter_map(|conn| conn.get::<String>("name"));
    names.collect::<Vec<_>>().join(", ")
}

/// `POST /sign-out/{name}`: an ordinary handler ends a connection.
async fn sign_out(State(hub): State<Hub>, Path(name): Path<String>) -> StatusCode {
    let mut found =
        hub.connections().into_iter().filter(|conn| conn.get::<String>("name").as_ref() == Some(&name));
    match found.next() {
        None => StatusCode::NOT_FOUND,
        Some(conn) => {
            conn.close(1000, "signed out");
            StatusCode::NO_CONTENT
        }
    }
}

fn app(server: &Server) -> Router {
    Router::new()
        .route("/rpc", server.axum_route())
        .route("/online", get(online))
        .route("/sign-out/{name}", post(sign_out))
        .with_state(server.hub())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::builder().service(DeskServer::new(App)).build()?;
    // A method without a trait, also on connections that there are already.
    server.register("greet", |(name,): (String,)| async move { format!("hello, {name}") })?;

    let once = std::env::args().any(|arg| arg == "--once");
    let listener = TcpListener::bind(if once { "127.0.0.1:0" } else { "127.0.0.1:3000" }).await?;
    let addr = listener.local_addr()?;
    println!("listening on http://{addr}");
    // With the addresses of peers, by which limits go.
    let app = app(&server).into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    if !once {
        return Ok(serving.await??);
    }
    tour(addr).await?;
    server.shutdown().await;
    Ok(())
}

/// What `--once` does.
async fn tour(addr: SocketAddr) -> Result<(), Box<dyn Error>> {
    let client = Client::builder(format!("ws://{addr}/rpc")).connect().await?;
    let desk = DeskClient::new(&client);
    println!("over a WebSocket: {}", desk.sum(10, 20).await?);
    println!("a registered method: {}", client.call::<String>("greet", json!(["ada"])).await?);
    desk.sign_in("ada").await?;

    let sum = json!({ "jsonrpc": "2.0", "id": 1, "method": "add", "params": [10, 20] });
    println!("by POST: {}", http(addr, "POST /rpc", Some(&sum.to_string())).await?);
    println!("GET /online: {}", http(addr, "GET /online", None).await?);
    println!("POST /sign-out/ada: {}", http(addr, "POST /sign-out/ada", Some("")).await?);
    let error = desk.sum(1, 2).await.expect_err("the connection was closed");
    println!("and then: {error}");
    Ok(())
}

/// The last line of an answer, or its status if it has no body.
async fn http(addr: SocketAddr, request: &str, body: Option<&str>) -> Result<String, Box<dyn Error>> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = tokio::net::TcpStream::connect(addr).await?;
    let body = body.map_or_else(String::new, |body| {
        format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    });
    let end = if body.is_empty() { "\r\n" } else { "" };
    let head = format!("{request} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n");
    stream.write_all(format!("{head}{body}{end}").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let status = head.lines().next().unwrap_or_default().trim_start_matches("HTTP/1.1 ");
    Ok(if body.is_empty() { status.to_owned() } else { body.to_owned() })
}
