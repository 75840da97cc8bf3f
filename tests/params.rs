//! Parameters by position and by name, defaults, whole bodies, and what is wrong with them.

use std::collections::BTreeMap;

use trunkline::{
    Bytes, CallHead, Client, Code, Codec, Connection, Error, FromCall, I64, Result, Server, U64, Value, data,
    json, service,
};

#[data]
#[derive(Debug, Clone, PartialEq)]
struct Order {
    items: Vec<Item>,
    note: Option<String>,
    kind: Kind,
}

#[data]
#[derive(Debug, Clone, PartialEq)]
struct Item {
    name: String,
    price: f64,
}

#[data]
#[derive(Debug, Clone, PartialEq)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Kind {
    PickUp,
    Delivery { street: String, raw: Bytes },
}

struct Tenant(String);

impl FromCall for Tenant {
    async fn from_call(call: &CallHead) -> Result<Self> {
        call.meta::<String>("tenant").map(Self).ok_or_else(|| Error::invalid("tenant is missing"))
    }
}

#[service]
trait Desk {
    async fn order(
        &self,
        order: Order,
        #[default(1)] count: u32,
        comment: Option<String>,
    ) -> (Order, u32, Option<String>);
    async fn everything(&self, #[body] body: Value) -> Value;
    async fn tenant(&self, #[extract] tenant: Tenant, suffix: String) -> String;
    async fn nothing(&self, _conn: Connection) -> ();
    fn sync(&self, a: u8) -> u8;
    async fn big(&self, a: I64, b: U64, bytes: Bytes) -> (I64, U64, Bytes);
    async fn map(&self, map: BTreeMap<String, f64>) -> BTreeMap<String, f64>;
}

struct Clerk;

impl Desk for Clerk {
    async fn order(&self, order: Order, count: u32, comment: Option<String>) -> (Order, u32, Option<String>) {
        (order, count, comment)
    }

    async fn everything(&self, body: Value) -> Value {
        body
    }

    async fn tenant(&self, tenant: Tenant, suffix: String) -> String {
        tenant.0 + &suffix
    }

    async fn nothing(&self, _conn: Connection) {}

    fn sync(&self, a: u8) -> u8 {
        a
    }

    async fn big(&self, a: I64, b: U64, bytes: Bytes) -> (I64, U64, Bytes) {
        (a, b, bytes)
    }

    async fn map(&self, map: BTreeMap<String, f64>) -> BTreeMap<String, f64> {
        map
    }
}

async fn clients() -> Vec<Client> {
    let server = Server::builder().service(DeskServer::new(Clerk)).build().unwrap();
    let mut clients = Vec::new();
    for codec in [Codec::Json, Codec::MessagePack] {
        clients.push(Client::builder("").codec(codec).over(server.in_memory()).await.unwrap());
    }
    clients
}

fn order() -> Order {
    Order {
        items: vec![Item { name: "tea".into(), price: 3.719_999_999_999_999_8 }],
        note: None,
        kind: Kind::Delivery { street: "x".into(), raw: vec![0, 255, 7].into() },
    }
}

fn pick_up() -> Order {
    Order { kind: Kind::PickUp, ..order() }
}

#[tokio::test]
async fn values_come_back_as_they_were_sent() {
    for client in clients().await {
        let desk = DeskClient::new(&client);
        let (back, count, comment) = desk.order(order(), 2, Some("c".into())).await.unwrap();
        assert_eq!((back, count, comment.as_deref()), (order(), 2, Some("c")));
        desk.nothing().await.unwrap();
        assert_eq!(desk.sync(7).await.unwrap(), 7);
        let bytes = Bytes::from(vec![1, 2, 3]);
        let big = desk.big(I64(i64::MIN), U64(u64::MAX), bytes.clone()).await.unwrap();
        assert_eq!(big, (I64(i64::MIN), U64(u64::MAX), bytes));
        let map: BTreeMap<String, f64> = [("a".into(), 0.1), ("b".into(), -1e300)].into();
        assert_eq!(desk.map(map.clone()).await.unwrap(), map);
    }
}

#[tokio::test]
async fn what_may_be_left_out_may_be_left_out() {
    for client in clients().await {
        // Through a JSON value bytes would be a string, which they are not in MessagePack.
        let full = json!(pick_up());
        type Back = (Order, u32, Option<String>);
        for params in [
            json!([full]),
            json!([full, 1, null]),
            json!({ "order": full }),
            json!({ "count": 1, "order": full }),
        ] {
            let (_, count, comment) = client.call::<Back>("order", params.clone()).await.unwrap();
            assert_eq!((count, comment), (1, None), "{params}");
        }
    }
}

#[tokio::test]
async fn a_body_is_the_whole_payload() {
    for client in clients().await {
        let desk = DeskClient::new(&client);
        for value in
            [json!({ "access_token": "mine", "a": [1, { "b": null }] }), json!([1, 2]), json!(null), json!(0)]
        {
            assert_eq!(desk.everything(value.clone()).await.unwrap(), value);
        }
    }
}

#[tokio::test]
async fn an_extractor_of_ones_own_sees_the_head() {
    for client in clients().await {
        let desk = DeskClient::new(&client);
        assert_eq!(desk.tenant("!").meta("tenant", "acme").await.unwrap(), "acme!");
        let error = desk.tenant("!").await.unwrap_err();
        assert_eq!(error.to_string(), "INVALID_ARGUMENT: tenant is missing");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_path() {
    for client in clients().await {
        for (params, message) in [
            (json!([]), "missing parameter `order`"),
            (json!({ "count": 1 }), "missing parameter `order`"),
            (
                json!({ "order": order(), "colour": 1 }),
                "unknown parameter `colour`: the method takes (order, count, comment)",
            ),
            (json!([pick_up(), 1, null, 4]), "too many parameters: the method takes (order, count, comment)"),
            (json!([pick_up(), "two"]), "count: invalid type: string \"two\", expected u32"),
            (json!("x"), "parameters are an array or a map"),
            (
                json!([{ "items": [{ "name": "x", "price": 1 }, { "name": 7 }], "kind": { "type": "pick_up" } }]),
                "order.items[1].name: invalid type: integer `7`, expected a string",
            ),
            (
                json!([{ "items": [{ "name": "x" }], "kind": { "type": "pick_up" } }]),
                "order.items[0]: missing field `price`",
            ),
        ] {
            let error = client.call::<Value>("order", params.clone()).await.unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument);
            assert_eq!(error.to_string(), format!("INVALID_ARGUMENT: {message}"), "{params}");
            assert!(!error.maybe_executed());
        }
    }
}
