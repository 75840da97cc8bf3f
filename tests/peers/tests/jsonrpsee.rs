//! jsonrpsee's own clients, over a WebSocket and over HTTP.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{net::SocketAddr, time::Duration};

use http::{HeaderMap, HeaderValue};
use jsonrpsee::{
    async_client::{Client, ClientBuilder, PingConfig},
    client_transport::ws::WsTransportClientBuilder,
    core::{
        client::{BatchResponse, ClientT, Error, IdKind},
        params::BatchRequestBuilder,
    },
    proc_macros::rpc,
    rpc_params,
};
use jsonrpsee_http_client::{HttpClient, HttpClientBuilder};
use serde_json::{Value, json};
use trunkline_peers_tests::{Order, serve};

#[rpc(client)]
trait Shop {
    #[method(name = "add")]
    async fn sum(&self, a: i64, b: i64) -> Result<i64, ErrorObjectOwned>;
    #[method(name = "order", param_kind = map)]
    async fn order(&self, order: Order) -> Result<Order, ErrorObjectOwned>;
    #[method(name = "whoami")]
    async fn whoami(&self) -> Result<String, ErrorObjectOwned>;
}

fn headers(token: Option<&str>) -> HeaderMap {
    let bearer = token.map(|token| HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    bearer.into_iter().map(|bearer| (http::header::AUTHORIZATION, bearer)).collect()
}

async fn ws(addr: SocketAddr, ids: IdKind, token: Option<&str>) -> Client {
    let transport = WsTransportClientBuilder::default().set_headers(headers(token));
    let (sender, receiver) = transport.build(format!("ws://{addr}").parse().unwrap()).await.unwrap();
    let pings = PingConfig::new().ping_interval(Duration::from_millis(100));
    ClientBuilder::new().id_format(ids).enable_ws_ping(pings).build_with_tokio(sender, receiver)
}

fn over_http(addr: SocketAddr, token: Option<&str>) -> HttpClient {
    HttpClientBuilder::default().set_headers(headers(token)).build(format!("http://{addr}/any/path")).unwrap()
}

fn call(error: Error) -> (i32, Value) {
    let Error::Call(error) = error else { panic!("{error:?}") };
    (error.code(), error.data().map(|data| serde_json::from_str(data.get()).unwrap()).unwrap_or_default())
}

/// What holds however the client is connected.
async fn all_of(client: &(impl ShopClient + Sync)) {
    assert_eq!(client.sum(10, 20).await.unwrap(), 30);
    let order = Order { item: "tea".into(), count: 2 };
    assert_eq!(client.order(order.clone()).await.unwrap(), order);
    let sold_out = client.order(Order { item: "milk".into(), count: 1 }).await.unwrap_err();
    assert_eq!(call(sold_out), (-32001, json!({ "code": "SOLD_OUT", "data": { "left": 0 } })));

    let request = async |method: &str, params| client.request::<Value, _>(method, params).await.unwrap_err();
    assert_eq!(call(request("nothing", rpc_params![]).await).0, -32601);
    let (code, data) = call(request("add", rpc_params!["a", 1]).await);
    assert_eq!((code, &data["code"]), (-32602, &json!("INVALID_ARGUMENT")));
    assert_eq!(call(request("staff", rpc_params![]).await).0, -32002);

    let before: usize = client.request("notes", rpc_params![]).await.unwrap();
    client.notification("note", rpc_params!["x"]).await.unwrap();
    client.notification("nothing", rpc_params![]).await.unwrap();
    let after: usize = client.request("notes", rpc_params![]).await.unwrap();
    assert_eq!(after - before, 1);

    let mut batch = BatchRequestBuilder::new();
    batch.insert("sleep", rpc_params![100]).unwrap();
    batch.insert("add", rpc_params![1, 2]).unwrap();
    batch.insert("nothing", rpc_params![]).unwrap();
    batch.insert("sleep", rpc_params![90]).unwrap();
    let answers: BatchResponse<'_, u64> = client.batch_request(batch).await.unwrap();
    assert_eq!((answers.num_successful_calls(), answers.num_failed_calls()), (3, 1));
    let values: Vec<_> = answers.into_iter().map(|answer| answer.map_err(|error| error.code())).collect();
    assert_eq!(values, [Ok(100), Ok(3), Err(-32601), Ok(90)]);

    let document: Value = client.request("rpc.discover", rpc_params![]).await.unwrap();
    assert!(document["methods"].as_array().unwrap().iter().any(|method| method["name"] == "add"));
}

#[tokio::test]
async fn its_websocket_client_is_served() {
    let addr = serve().await;
    for ids in [IdKind::Number, IdKind::String] {
        let client = ws(addr, ids, Some("tok-ada")).await;
        all_of(&client).await;
        assert_eq!(client.whoami().await.unwrap(), "ada");
    }
    let nobody = ws(addr, IdKind::Number, None).await;
    assert_eq!(nobody.sum(1, 2).await.unwrap(), 3);
    assert_eq!(call(nobody.whoami().await.unwrap_err()).0, -32003);
}

#[tokio::test]
async fn its_http_client_is_served() {
    let addr = serve().await;
    let client = over_http(addr, Some("tok-ada"));
    all_of(&client).await;
    assert_eq!(client.whoami().await.unwrap(), "ada");
    let nobody = over_http(addr, None);
    assert_eq!(nobody.sum(1, 2).await.unwrap(), 3);
    assert_eq!(call(nobody.whoami().await.unwrap_err()).0, -32003);
}

#[tokio::test]
async fn a_limit_says_when_to_come_back_over_either() {
    let addr = serve().await;
    for client in [over_http(addr, Some("tok-ada")), over_http(addr, Some("tok-ada"))] {
        client.request::<String, _>("limited", rpc_params![]).await.unwrap();
    }
    // The budget is the user's, whatever the door.
    let client = ws(addr, IdKind::Number, Some("tok-ada")).await;
    let (code, data) = call(client.request::<String, _>("limited", rpc_params![]).await.unwrap_err());
    assert_eq!((code, &data["code"]), (-32000, &json!("RESOURCE_EXHAUSTED")));
    assert!(data["retry_ms"].as_u64().unwrap() > 1000, "{data}");
}

#[tokio::test]
async fn many_calls_share_a_connection() {
    let client = std::sync::Arc::new(ws(serve().await, IdKind::Number, Some("tok-ada")).await);
    let calls = (0..200_i64).map(|at| {
        let client = std::sync::Arc::clone(&client);
        tokio::spawn(async move { (at, client.sum(at, 1).await.unwrap()) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (at, sum) = call.await.unwrap();
        assert_eq!(sum, at + 1);
    }
}
