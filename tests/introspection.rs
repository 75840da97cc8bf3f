//! What a server tells of itself: whether a client's definitions are of its version, and what its services are.

use serde_json::{Value, json};
use trunkline::{Server, ServerBuilder, Service, service};

use crate::raw::{Raw, serve};

#[service]
trait Shop {
    /// What is on sale.
    #[method(public)]
    async fn offers(&self) -> Vec<String>;
}

struct App;

impl Shop for App {
    async fn offers(&self) -> Vec<String> {
        Vec::new()
    }
}

fn shop() -> ServerBuilder {
    Server::builder().service(ShopServer::new(App))
}

/// The `services` of the welcome to a client that was generated with these hashes.
async fn stale(hashes: &Value) -> Value {
    let addr = serve(&shop().build().unwrap()).await;
    let mut raw = Raw::connect(addr, "trunkline.v1.json").await;
    raw.text(&json!([1, { "v": 1, "services": hashes }]).to_string()).await;
    let welcome: Value = serde_json::from_str(&raw.receive().await.unwrap()).unwrap();
    welcome[1]["services"].clone()
}

#[tokio::test]
async fn a_client_of_another_version_is_told_so() {
    let hash = ShopClient::SCHEMA.hash();
    assert_eq!(stale(&json!({ "Shop": "0123456789abcdef" })).await, json!({ "Shop": hash }));
}

#[tokio::test]
async fn a_client_of_this_version_or_of_other_services_is_not() {
    assert_eq!(
        stale(&json!({ "Shop": ShopClient::SCHEMA.hash(), "Bank": "0123456789abcdef" })).await,
        Value::Null
    );
    assert_eq!(stale(&json!({})).await, Value::Null);
}

#[test]
fn a_server_describes_its_services() {
    let description = shop().build().unwrap().describe();
    let names: Vec<&str> = description.services.iter().map(|service| &*service.name).collect();
    assert_eq!(names, ["Shop"]);
    assert_eq!(description.services[0].hash, ShopClient::SCHEMA.hash());
}

#[cfg(feature = "introspect")]
mod remote {
    use trunkline::{Client, Code, Introspection, Result, User, is};

    use super::*;

    async fn ask(server: ServerBuilder, user: Option<User>, method: &str) -> Result<Value, Code> {
        let server = server.build().unwrap();
        let memory = match user {
            Some(user) => server.in_memory_as(user),
            None => server.in_memory(),
        };
        let client = Client::over(memory).await.unwrap();
        client.call::<Value>(method, ()).await.map_err(|error| error.code())
    }

    #[tokio::test]
    async fn nobody_may_ask_unless_the_operator_says_so() {
        for method in ["rpc.discover", "rpc.typescript"] {
            assert_eq!(ask(shop(), None, method).await, Err(Code::Unimplemented), "{method}");
        }
    }

    #[tokio::test]
    async fn everybody_may_ask_a_public_server_also_before_the_login() {
        let server = || shop().auth(|_: &_| Ok(None)).introspection(Introspection::Public);
        let document = ask(server(), None, "rpc.discover").await.unwrap();
        assert_eq!(document["methods"][0]["name"], "offers");
        let text = ask(server(), None, "rpc.typescript").await.unwrap();
        assert!(
            text.as_str()
                .unwrap()
                .contains("  /** What is on sale. */\n  offers(options?: CallOptions): Call<string[]>;")
        );
    }

    #[tokio::test]
    async fn a_guard_says_who_may_ask() {
        let server = || shop().introspection(Introspection::Requires(is("developer")));
        let ann = User::new("ann");
        assert_eq!(ask(server(), Some(ann.clone()), "rpc.typescript").await, Err(Code::PermissionDenied));
        assert!(ask(server(), Some(ann.with("developer", true)), "rpc.typescript").await.is_ok());
    }
}
