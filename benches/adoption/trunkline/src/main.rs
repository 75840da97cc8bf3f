//! A shop served and called with Trunkline: every method once, every answer checked.

mod goods;
mod samples;
mod shop;

use samples::{address, customer, filter, item, order_of, product, review_of, shipment, words};
use shop::{Customer, Review, ShopClient, ShopError, ShopServer, Status};
use trunkline::{CallError, Client, Server};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = Server::builder().service(ShopServer::new(goods::Goods)).build()?;
    let bound = server.bind("127.0.0.1:0").await?;
    let url = format!("ws://{}", bound.local_addr()?);
    tokio::spawn(bound.run());

    let client = Client::builder(url).connect().await?;
    let shop = ShopClient::new(&client);

    assert_eq!(
        shop.register(customer(1, address()), "long enough", Some(2), false).await?,
        Customer { points: 100, subscribed: false, ..customer(1, address()) }
    );
    assert_eq!(shop.update_customer(1, customer(1, address()), words(), None).await?, customer(1, address()));
    let found = shop.find_customers(address(), 2.5, words(), 3).await?;
    assert_eq!(found.len(), 3);
    assert_eq!(
        shop.move_customer(1, address(), 5, true).await?,
        Customer { points: 5, ..customer(1, address()) }
    );
    assert_eq!(shop.merge_customers(customer(1, address()), 2, None, true).await?, customer(1, address()));
    assert_eq!(shop.add_product(product(1), 12, words(), true).await?, product(1));
    assert_eq!(shop.reprice(product(1), 400, Some(50), "It is hot.").await?, product(1));
    assert_eq!(shop.search(filter(), Some("Tea".to_owned()), 0, 2).await?, [product(0), product(1)]);
    assert_eq!(shop.count(filter(), "main", None, true).await?, 7);
    assert_eq!(shop.suggest(filter(), "te", None, 1).await?, ["te02"]);
    assert_eq!(
        shop.place_order(order_of(1, vec![item(2)]), "card", false, None).await?,
        order_of(1, vec![item(2)])
    );
    assert_eq!(shop.change_items(1, item(2), Some(900), true).await?, order_of(1, vec![item(2)]));
    assert_eq!(shop.quote(item(2), 1, words(), "PT").await?, 901);
    assert_eq!(shop.orders(1, address(), Some(Status::Placed), 1).await?, [order_of(0, Vec::new())]);
    assert_eq!(shop.cancel(order_of(1, Vec::new()), "late", Some(900), true).await?, Status::Cancelled);
    assert_eq!(shop.ship(shipment(), false, 1.5, vec!["post".to_owned()]).await?, shipment());
    assert_eq!(shop.track(shipment(), "en", None, false).await?, ["abc", "en", "None false"]);
    assert_eq!(shop.review(review_of(1), 1, false, None).await?, review_of(1));
    let found = shop.reviews(filter(), 5, None, 1).await?;
    assert_eq!(found.as_slice(), [Review { photos: words(), ..review_of(0) }]);
    assert_eq!(shop.best_review(review_of(1), 1, true, None).await?, Some(review_of(1)));
    let refused = shop.change_items(1, item(200), None, true).await;
    assert_eq!(refused, Err(CallError::App(ShopError::OutOfStock { sku: "tea".to_owned(), left: 100 })));
    println!("20 methods answered");
    Ok(())
}
