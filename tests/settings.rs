//! Settings that cannot work are refused where they are made, and say what to write.

use std::time::Duration;

use futures_util::FutureExt;
use trunkline::{
    Client, ClientBuilder, Code, Config, ConnectError, Error, Heartbeat, Limits, Server, ServerBuilder,
    SessionConfig,
};

use crate::raw::within;

fn refused(builder: ClientBuilder) -> ConnectError {
    let at_once = builder.clone().connect().now_or_never().expect("before anything is dialled").unwrap_err();
    let server = Server::builder().build().unwrap();
    let over = builder.clone().over(server.in_memory()).now_or_never();
    if !matches!(at_once, ConnectError::Url { .. }) {
        assert_eq!(over.expect("before anything is said").unwrap_err().to_string(), at_once.to_string());
    }
    assert_eq!(builder.connect_lazy().unwrap_err().to_string(), at_once.to_string());
    at_once
}

#[tokio::test]
async fn a_client_refuses_what_cannot_work() {
    let client = || Client::builder("ws://localhost:1");
    for (builder, rule) in [
        (client().max_message_size(3), "max_packet"),
        (client().limits(SessionConfig { outbound_mark: 0, ..SessionConfig::default() }), "outbound_mark"),
        (client().call_timeout(Duration::ZERO), "call_timeout"),
        (client().connect_timeout(Duration::ZERO), "connect_timeout"),
    ] {
        let error = refused(builder);
        assert!(matches!(error, ConnectError::Config(_)) && error.to_string().contains(rule), "{error}");
    }
    for (name, value) in [("x y", "z"), ("x-token", "CANARY\r\n")] {
        let error = refused(client().header(name, value));
        assert!(matches!(&error, ConnectError::Header(header) if header == name), "{error}");
        assert!(!format!("{error:?}").contains("CANARY"));
    }
    for url in ["ws://localhost:80801", "ws://localhost:x", "ws://[::1]:99999/"] {
        let error = refused(Client::builder(url));
        assert!(matches!(error, ConnectError::Url { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_server_refuses_what_cannot_work() {
    for (builder, rule) in [
        (of_session(SessionConfig { max_frames: 1, ..SessionConfig::default() }), "max_frames"),
        (of_session(SessionConfig { max_outbound: 1, ..SessionConfig::default() }), "max_outbound"),
        (Server::builder().limits(Limits { max_head: 1, ..Limits::default() }), "max_head"),
        (Server::builder().max_connections(0), "max_connections"),
        (Server::builder().max_connections_per_user(0), "max_connections_per_user"),
        (Server::builder().limit_connections("five"), "limit_connections: `five` is not a rate"),
        (Server::builder().limit_messages("0/1s"), "limit_messages"),
        (Server::builder().limit_bytes("1 KiB/1s"), "the burst of `bytes`"),
        (Server::builder().allow_hosts(["https://x"]), "is not a host"),
        (Server::builder().allow_origins(["x"]), "is not an origin"),
        (Server::builder().trusted_proxies(["x"]), "is not an address"),
        (Server::builder().path("rpc"), "the path `rpc` must begin with `/`: write `/rpc`"),
        (Server::builder().config(Config { host: String::new(), ..Config::default() }), "host is empty"),
        (Server::builder().heartbeat(Heartbeat::every(Duration::ZERO)), "the heartbeat: ping_every"),
        (
            Server::builder().heartbeat(Heartbeat::every(Duration::from_secs(1)).timeout(Duration::ZERO)),
            "the heartbeat: pong_within",
        ),
        (Server::builder().login_timeout(Duration::ZERO), "login_timeout"),
    ] {
        let error = builder.build().unwrap_err();
        assert!(error.to_string().contains(rule), "{error}");
    }
    let nowhere = Server::builder().files("no such folder").build().unwrap_err();
    assert_eq!(nowhere.to_string(), "`no such folder` is not a folder, whose files could be served");
    let limits = SessionConfig { max_params: 10, ..SessionConfig::default() };
    assert!(of_session(limits).max_in_flight(7).build().is_ok());
}

fn of_session(session: SessionConfig) -> ServerBuilder {
    Server::builder().limits(Limits { session, ..Limits::default() })
}

#[tokio::test]
async fn the_builder_has_the_last_word_whenever_the_configuration_is_given() {
    let config = Config::from_toml(
        "port = 0\nmax_in_flight = 7\nmax_depth = 9\nallow_origins = [\"https://a.example\"]",
    );
    let config = config.unwrap();
    for builder in [
        Server::builder().config(config.clone()).max_in_flight(8).allow_origins(["https://b.example"]),
        Server::builder().max_in_flight(8).allow_origins(["https://b.example"]).config(config),
    ] {
        let server = builder.build().unwrap();
        let session = &server.config().limits.session;
        assert_eq!((session.max_in_flight, session.max_depth), (8, 9));
        assert_eq!(server.config().allow_origins, ["https://a.example", "https://b.example"]);
        let printed = server.config().to_string();
        assert!(
            printed.contains("max_in_flight = 8\n") && printed.contains("max_message_size = \"1 MiB\"\n"),
            "{printed}"
        );
        assert_eq!(&Config::from_toml(&printed).unwrap(), server.config());
    }
}

#[tokio::test]
async fn a_server_runs_on_its_configured_port() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = Config::from_vars([("TRUNKLINE_PORT", free.port().to_string())]).unwrap();
    let server = Server::builder().config(config).build().unwrap();
    let running = tokio::spawn({
        let server = server.clone();
        async move { server.run().await }
    });
    let client = async {
        loop {
            match Client::builder(format!("ws://{free}")).connect().await {
                Ok(client) => return client,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    drop(within(client).await);
    let second = Server::builder().config(server.config().clone()).build().unwrap();
    assert_eq!(second.run().await.unwrap_err().message(), format!("cannot listen on {free}"));
    server.shutdown_now().await;
    assert!(within(running).await.unwrap().is_ok());
}

#[tokio::test]
async fn errors_of_the_set_up_are_errors_that_main_can_return() {
    let config = Error::from(Server::builder().max_depth(0).build().unwrap_err());
    assert_eq!((config.code(), config.message()), (Code::Internal, "max_depth is from 1 to 127"));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let serve = Server::builder().serve(addr).await.unwrap_err();
    assert_eq!(
        (serve.code(), serve.message()),
        (Code::Internal, format!("cannot listen on {addr}").as_str())
    );
    assert!(serve.mentions(["in use"]), "{serve:?}");

    drop(taken);
    let dial = Client::builder(format!("ws://{addr}")).connect().await.unwrap_err();
    assert_eq!(dial.to_string(), format!("the server at `ws://{addr}` cannot be reached"));
    let dial = Error::from(dial);
    assert_eq!((dial.code(), dial.message()), (Code::Unavailable, "the server cannot be reached"));
    assert!(dial.mentions(["refused"]), "{dial:?}");
}
