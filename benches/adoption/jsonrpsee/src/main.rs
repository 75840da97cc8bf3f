//! A shop served and called with jsonrpsee: every method once, every answer checked.

mod goods;
mod samples;
mod shop;

use jsonrpsee::{core::ClientError, server::Server, ws_client::WsClientBuilder};
use samples::{address, customer, filter, item, order_of, product, review_of, shipment, words};
use shop::{Customer, Review, ShopClient, ShopServer, Status};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let server = Server::builder().build("127.0.0.1:0").await?;
    let url = format!("ws://{}", server.local_addr()?);
    let serving = server.start(goods::Goods.into_rpc());
    tokio::spawn(serving.stopped());

    let shop = WsClientBuilder::default().build(url).await?;

    assert_eq!(
        shop.register(customer(1, address()), "long enough".to_owned(), Some(2), false).await?,
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
    assert_eq!(shop.reprice(product(1), 400, Some(50), "It is hot.".to_owned()).await?, product(1));
    assert_eq!(shop.search(filter(), Some("Tea".to_owned()), 0, 2).await?, [product(0), product(1)]);
    assert_eq!(shop.count(filter(), "main".to_owned(), None, true).await?, 7);
    assert_eq!(shop.suggest(filter(), "te".to_owned(), None, 1).await?, ["te02"]);
    assert_eq!(
        shop.place_order(order_of(1, vec![item(2)]), "card".to_owned(), false, None).await?,
        order_of(1, vec![item(2)])
    );
    assert_eq!(shop.change_items(1, item(2), Some(900), true).await?, order_of(1, vec![item(2)]));
    assert_eq!(shop.quote(item(2), 1, words(), "PT".to_owned()).await?, 901);
    assert_eq!(shop.orders(1, address(), Some(Status::Placed), 1).await?, [order_of(0, Vec::new())]);
    assert_eq!(
        shop.cancel(order_of(1, Vec::new()), "late".to_owned(), Some(900), true).await?,
        Status::Cancelled
    );
    assert_eq!(shop.ship(shipment(), false, 1.5, vec!["post".to_owned()]).await?, shipment());
    assert_eq!(shop.track(shipment(), "en".to_owned(), None, false).await?, ["abc", "en", "None false"]);
    assert_eq!(shop.review(review_of(1), 1, false, None).await?, review_of(1));
    let found = shop.reviews(filter(), 5, None, 1).await?;
    assert_eq!(found.as_slice(), [Review { photos: words(), ..review_of(0) }]);
    assert_eq!(shop.best_review(review_of(1), 1, true, None).await?, Some(review_of(1)));
    let refused = shop.change_items(1, item(200), None, true).await;
    assert!(
        matches!(refused, Err(ClientError::Call(error)) if error.message() == "only 100 of tea are left")
    );
    println!("20 methods answered");
    Ok(())
}
