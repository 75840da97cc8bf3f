//! A shop served and called with tarpc: every method once, every answer checked.

mod goods;
mod samples;
mod shop;

use futures::prelude::*;
use samples::{address, customer, filter, item, order_of, product, review_of, shipment, words};
use shop::{Customer, Review, Shop, ShopClient, ShopError, Status};
use tarpc::{
    client, context, serde_transport,
    server::{BaseChannel, Channel},
    tokio_serde::formats::Json,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut listener = serde_transport::tcp::listen("127.0.0.1:0", Json::default).await?;
    let address_of_server = listener.local_addr();
    tokio::spawn(async move {
        while let Some(Ok(transport)) = listener.next().await {
            let channel = BaseChannel::with_defaults(transport);
            tokio::spawn(channel.execute(goods::Goods.serve()).for_each(|response| async {
                tokio::spawn(response);
            }));
        }
    });

    let transport = serde_transport::tcp::connect(address_of_server, Json::default).await?;
    let shop = ShopClient::new(client::Config::default(), transport).spawn();

    assert_eq!(
        shop.register(context::current(), customer(1, address()), "long enough".to_owned(), Some(2), false)
            .await??,
        Customer { points: 100, subscribed: false, ..customer(1, address()) }
    );
    assert_eq!(
        shop.update_customer(context::current(), 1, customer(1, address()), words(), None).await??,
        customer(1, address())
    );
    let found = shop.find_customers(context::current(), address(), 2.5, words(), 3).await?;
    assert_eq!(found.len(), 3);
    assert_eq!(
        shop.move_customer(context::current(), 1, address(), 5, true).await??,
        Customer { points: 5, ..customer(1, address()) }
    );
    assert_eq!(
        shop.merge_customers(context::current(), customer(1, address()), 2, None, true).await??,
        customer(1, address())
    );
    assert_eq!(shop.add_product(context::current(), product(1), 12, words(), true).await??, product(1));
    assert_eq!(
        shop.reprice(context::current(), product(1), 400, Some(50), "It is hot.".to_owned()).await??,
        product(1)
    );
    assert_eq!(
        shop.search(context::current(), filter(), Some("Tea".to_owned()), 0, 2).await?,
        [product(0), product(1)]
    );
    assert_eq!(shop.count(context::current(), filter(), "main".to_owned(), None, true).await?, 7);
    assert_eq!(shop.suggest(context::current(), filter(), "te".to_owned(), None, 1).await?, ["te02"]);
    assert_eq!(
        shop.place_order(context::current(), order_of(1, vec![item(2)]), "card".to_owned(), false, None)
            .await??,
        order_of(1, vec![item(2)])
    );
    assert_eq!(
        shop.change_items(context::current(), 1, item(2), Some(900), true).await??,
        order_of(1, vec![item(2)])
    );
    assert_eq!(shop.quote(context::current(), item(2), 1, words(), "PT".to_owned()).await?, 901);
    assert_eq!(
        shop.orders(context::current(), 1, address(), Some(Status::Placed), 1).await?,
        [order_of(0, Vec::new())]
    );
    assert_eq!(
        shop.cancel(context::current(), order_of(1, Vec::new()), "late".to_owned(), Some(900), true)
            .await??,
        Status::Cancelled
    );
    assert_eq!(
        shop.ship(context::current(), shipment(), false, 1.5, vec!["post".to_owned()]).await??,
        shipment()
    );
    assert_eq!(
        shop.track(context::current(), shipment(), "en".to_owned(), None, false).await?,
        ["abc", "en", "None false"]
    );
    assert_eq!(shop.review(context::current(), review_of(1), 1, false, None).await??, review_of(1));
    let found = shop.reviews(context::current(), filter(), 5, None, 1).await?;
    assert_eq!(found.as_slice(), [Review { photos: words(), ..review_of(0) }]);
    assert_eq!(shop.best_review(context::current(), review_of(1), 1, true, None).await?, Some(review_of(1)));
    let refused = shop.change_items(context::current(), 1, item(200), None, true).await?;
    assert_eq!(refused, Err(ShopError::OutOfStock { sku: "tea".to_owned(), left: 100 }));
    println!("20 methods answered");
    Ok(())
}
