//! Everything that the attributes say stands in the schema.
use std::time::Duration;

use trunkline::{Connection, Per, RateLimit, Service, User, data, eq, has, is, service};

#[data]
struct Order {
    count: u8,
}

/// A shop.
///
/// It sells.
#[service(namespace = "shop", rename_all = "camelCase")]
trait Shop {
    /// Buys.
    #[method(alias = "buy", alias("/buy", "buy ☃"), idempotent, timeout = "0.5m")]
    #[method(requires = is("vip") & !eq("team", "red"), rate_limit = "5/1m")]
    async fn place_order(&self, user: User, order_no: u64, #[default(1)] count: u8, #[param] r#in: String) -> Order;

    #[method(public, rate_limit(limit = 100, period = "250ms", per = ip, disconnect))]
    async fn list_all(&self, conn: Connection, user: Option<User>) -> Vec<Order>;

    #[method(oneway, requires = has("a"), rate_limit(limit = 1))]
    fn tell_it(&self, #[body] order: Order);
}

fn main() {
    let schema = ShopClient::SCHEMA;
    assert_eq!((schema.name, schema.namespace, schema.docs), ("Shop", Some("shop"), "A shop.\n\nIt sells."));
    let [place, list, tell] = schema.methods else { panic!("there are three methods") };

    assert_eq!((place.name, place.docs), ("place_order", "Buys."));
    assert_eq!(place.wire, ["shop.buy", "shop./buy", "shop.buy ☃"]);
    let params: Vec<_> = place.params.iter().map(|param| (param.name, param.has_default)).collect();
    assert_eq!(params, [("orderNo", false), ("count", true), ("in", false)]);
    assert_eq!(place.requires, Some(r#"is("vip") & !eq("team", "red")"#));
    assert_eq!((place.idempotent, place.timeout), (true, Some(Duration::from_secs(30))));
    let limit = |limit, period, per, disconnect| Some(RateLimit { limit, period, per, disconnect });
    assert_eq!(place.rate_limit, limit(5, Duration::from_secs(60), Per::UserOrConnection, false));

    assert_eq!((list.wire, list.public, list.params.len()), (&["shop.listAll"][..], true, 0));
    assert_eq!(list.rate_limit, limit(100, Duration::from_millis(250), Per::Ip, true));

    assert_eq!((tell.oneway, tell.body, tell.params[0].name), (true, true, "order"));
    assert_eq!(tell.rate_limit, limit(1, Duration::from_secs(1), Per::UserOrConnection, false));
}
