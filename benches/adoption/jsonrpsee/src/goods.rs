//! The implementation; it makes its answers up from what it is asked.

use jsonrpsee::core::{RpcResult, async_trait};

use crate::{
    samples::{customer, order_of, product, review_of},
    shop::{
        Address, Customer, Filter, Item, Order, Product, Review, Shipment, ShopError, ShopServer, Status,
    },
};

/// What is for sale.
pub(crate) struct Goods;

#[async_trait]
impl ShopServer for Goods {
    async fn register(
        &self,
        customer: Customer,
        password: String,
        referrer: Option<u64>,
        newsletter: bool,
    ) -> Result<Customer, ShopError> {
        if password.len() < 8 {
            return Err(ShopError::Refused { reason: "the password is short".to_owned() });
        }
        Ok(Customer { points: referrer.map_or(0, |_| 100), subscribed: newsletter, ..customer })
    }

    async fn update_customer(
        &self,
        id: u64,
        customer: Customer,
        fields: Vec<String>,
        reason: Option<String>,
    ) -> Result<Customer, ShopError> {
        if id != customer.id {
            return Err(ShopError::NotFound { what: "customer".to_owned(), id });
        }
        Ok(Customer { tags: fields, phone: reason, ..customer })
    }

    async fn find_customers(
        &self,
        near: Address,
        radius: f64,
        tags: Vec<String>,
        limit: u32,
    ) -> RpcResult<Vec<Customer>> {
        Ok((0..u64::from(limit))
            .map(|id| Customer { tags: tags.clone(), points: radius as i64, ..customer(id, near.clone()) })
            .collect())
    }

    async fn move_customer(
        &self,
        id: u64,
        address: Address,
        from: i64,
        keep_old: bool,
    ) -> Result<Customer, ShopError> {
        Ok(Customer { points: from, subscribed: keep_old, ..customer(id, address) })
    }

    async fn merge_customers(
        &self,
        first: Customer,
        second: u64,
        prefer: Option<String>,
        dry_run: bool,
    ) -> Result<Customer, ShopError> {
        if first.id == second {
            return Err(ShopError::Refused { reason: "a customer is not merged with themselves".to_owned() });
        }
        Ok(Customer { phone: prefer, subscribed: dry_run, ..first })
    }

    async fn add_product(
        &self,
        product: Product,
        supplier: u64,
        languages: Vec<String>,
        visible: bool,
    ) -> Result<Product, ShopError> {
        Ok(Product { categories: languages, stock: if visible { supplier as u32 } else { 0 }, ..product })
    }

    async fn reprice(
        &self,
        product: Product,
        price: i64,
        from: Option<i64>,
        reason: String,
    ) -> Result<Product, ShopError> {
        if price < 0 {
            return Err(ShopError::Refused { reason });
        }
        Ok(Product { price: price + from.unwrap_or_default(), description: reason, ..product })
    }

    async fn search(
        &self,
        filter: Filter,
        sort: Option<String>,
        offset: u32,
        limit: u32,
    ) -> RpcResult<Vec<Product>> {
        Ok((offset..offset + limit)
            .map(|number| Product {
                name: sort.clone().unwrap_or_default(),
                categories: filter.categories.clone(),
                ..product(number)
            })
            .collect())
    }

    async fn count(&self, filter: Filter, shop: String, since: Option<i64>, deleted: bool) -> RpcResult<u64> {
        Ok(shop.len() as u64 + filter.categories.len() as u64 + since.map_or(0, |_| 10) + u64::from(deleted))
    }

    async fn suggest(
        &self,
        filter: Filter,
        prefix: String,
        language: Option<String>,
        limit: u32,
    ) -> RpcResult<Vec<String>> {
        Ok((0..limit)
            .map(|number| {
                format!(
                    "{prefix}{number}{}{}",
                    language.as_deref().unwrap_or_default(),
                    filter.categories.len()
                )
            })
            .collect())
    }

    async fn place_order(
        &self,
        order: Order,
        payment: String,
        express: bool,
        voucher: Option<String>,
    ) -> Result<Order, ShopError> {
        if payment.is_empty() {
            return Err(ShopError::Refused { reason: "there is no payment".to_owned() });
        }
        Ok(Order { status: if express { Status::Paid } else { Status::Placed }, coupon: voucher, ..order })
    }

    async fn change_items(
        &self,
        order: u64,
        item: Item,
        position: Option<u32>,
        notify: bool,
    ) -> Result<Order, ShopError> {
        if item.quantity > 100 {
            return Err(ShopError::OutOfStock { sku: item.sku, left: 100 });
        }
        Ok(Order {
            total: i64::from(position.unwrap_or_default()),
            status: if notify { Status::Placed } else { Status::Paid },
            ..order_of(order, vec![item])
        })
    }

    async fn quote(
        &self,
        item: Item,
        customer: u64,
        coupons: Vec<String>,
        country: String,
    ) -> RpcResult<i64> {
        Ok(item.price * i64::from(item.quantity) + customer as i64 - coupons.len() as i64
            + country.len() as i64)
    }

    async fn orders(
        &self,
        customer: u64,
        address: Address,
        status: Option<Status>,
        limit: u32,
    ) -> RpcResult<Vec<Order>> {
        Ok((0..u64::from(limit))
            .map(|id| Order {
                customer,
                address: address.clone(),
                status: status.unwrap_or(Status::Shipped),
                ..order_of(id, Vec::new())
            })
            .collect())
    }

    async fn cancel(
        &self,
        order: Order,
        reason: String,
        refund: Option<i64>,
        restock: bool,
    ) -> Result<Status, ShopError> {
        if order.status == Status::Shipped && !restock {
            return Err(ShopError::Refused { reason });
        }
        Ok(if refund.is_some() { Status::Cancelled } else { order.status })
    }

    async fn ship(
        &self,
        shipment: Shipment,
        insured: bool,
        weight: f64,
        remarks: Vec<String>,
    ) -> Result<Shipment, ShopError> {
        if weight > 30.0 {
            return Err(ShopError::Refused { reason: "too heavy".to_owned() });
        }
        Ok(Shipment { carrier: remarks.concat(), arrived_at: insured.then_some(7), ..shipment })
    }

    async fn track(
        &self,
        shipment: Shipment,
        language: String,
        since: Option<i64>,
        detailed: bool,
    ) -> RpcResult<Vec<String>> {
        Ok(vec![shipment.tracking.unwrap_or_default(), language, format!("{since:?} {detailed}")])
    }

    async fn review(
        &self,
        review: Review,
        order: u64,
        anonymous: bool,
        language: Option<String>,
    ) -> Result<Review, ShopError> {
        if review.stars > 5 {
            return Err(ShopError::NotFound { what: "star".to_owned(), id: order });
        }
        Ok(Review { customer: if anonymous { 0 } else { order }, reply: language, ..review })
    }

    async fn reviews(
        &self,
        filter: Filter,
        min_stars: u8,
        language: Option<String>,
        limit: u32,
    ) -> RpcResult<Vec<Review>> {
        Ok((0..limit)
            .map(|number| Review {
                stars: min_stars,
                reply: language.clone(),
                photos: filter.categories.clone(),
                ..review_of(number)
            })
            .collect())
    }

    async fn best_review(
        &self,
        like: Review,
        since: i64,
        verified: bool,
        shop: Option<String>,
    ) -> RpcResult<Option<Review>> {
        Ok(verified.then_some(Review { customer: since as u64, reply: shop, ..like }))
    }
}
