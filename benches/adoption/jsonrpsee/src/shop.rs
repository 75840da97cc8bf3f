//! The contract: the types that travel, and the service.

use jsonrpsee::{
    core::RpcResult,
    proc_macros::rpc,
    types::{ErrorObjectOwned, error::ErrorObject},
};
use serde::{Deserialize, Serialize};

/// An address to send parcels to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Address {
    pub street: String,
    pub house: u32,
    pub city: String,
    pub postcode: String,
    pub country: String,
    pub note: Option<String>,
}

/// Somebody who buys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    pub id: u64,
    pub name: String,
    pub email: String,
    pub phone: Option<String>,
    pub address: Address,
    pub tags: Vec<String>,
    pub points: i64,
    pub subscribed: bool,
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub sku: String,
    pub quantity: u32,
    pub price: i64,
    pub discount: Option<f64>,
    pub note: Option<String>,
}

/// What somebody bought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub id: u64,
    pub customer: u64,
    pub items: Vec<Item>,
    pub address: Address,
    pub status: Status,
    pub coupon: Option<String>,
    pub placed_at: i64,
    pub total: i64,
}

/// Something that can be bought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    pub sku: String,
    pub name: String,
    pub description: String,
    pub price: i64,
    pub stock: u32,
    pub categories: Vec<String>,
    pub weight: Option<f64>,
    pub photos: Vec<String>,
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    pub text: Option<String>,
    pub min_price: Option<i64>,
    pub max_price: Option<i64>,
    pub categories: Vec<String>,
    pub in_stock: bool,
}

/// What a customer thinks of a product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    pub sku: String,
    pub customer: u64,
    pub stars: u8,
    pub title: String,
    pub text: String,
    pub photos: Vec<String>,
    pub reply: Option<String>,
}

/// A number of parcels on their way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shipment {
    pub order: u64,
    pub carrier: String,
    pub tracking: Option<String>,
    pub parcels: Vec<u32>,
    pub address: Address,
    pub sent_at: i64,
    pub arrived_at: Option<i64>,
}

/// How far an order is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Status {
    Placed,
    Paid,
    Shipped,
    Cancelled,
}

/// Why the shop says no.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum ShopError {
    #[error("there is no {what} {id}")]
    NotFound { what: String, id: u64 },
    #[error("only {left} of {sku} are left")]
    OutOfStock { sku: String, left: u32 },
    #[error("{reason}")]
    Refused { reason: String },
}

impl From<ShopError> for ErrorObjectOwned {
    fn from(error: ShopError) -> Self {
        ErrorObject::owned(1, error.to_string(), Some(error))
    }
}

/// A shop.
#[rpc(client, server)]
pub trait Shop {
    /// Adds a customer.
    #[method(name = "register")]
    async fn register(
        &self,
        customer: Customer,
        password: String,
        referrer: Option<u64>,
        newsletter: bool,
    ) -> Result<Customer, ShopError>;

    /// Changes a customer.
    #[method(name = "update_customer")]
    async fn update_customer(
        &self,
        id: u64,
        customer: Customer,
        fields: Vec<String>,
        reason: Option<String>,
    ) -> Result<Customer, ShopError>;

    /// The customers who live near an address.
    #[method(name = "find_customers")]
    async fn find_customers(
        &self,
        near: Address,
        radius: f64,
        tags: Vec<String>,
        limit: u32,
    ) -> RpcResult<Vec<Customer>>;

    /// Gives a customer another address.
    #[method(name = "move_customer")]
    async fn move_customer(
        &self,
        id: u64,
        address: Address,
        from: i64,
        keep_old: bool,
    ) -> Result<Customer, ShopError>;

    /// Makes two customers one.
    #[method(name = "merge_customers")]
    async fn merge_customers(
        &self,
        first: Customer,
        second: u64,
        prefer: Option<String>,
        dry_run: bool,
    ) -> Result<Customer, ShopError>;

    /// Adds a product.
    #[method(name = "add_product")]
    async fn add_product(
        &self,
        product: Product,
        supplier: u64,
        languages: Vec<String>,
        visible: bool,
    ) -> Result<Product, ShopError>;

    /// Changes the price of a product.
    #[method(name = "reprice")]
    async fn reprice(
        &self,
        product: Product,
        price: i64,
        from: Option<i64>,
        reason: String,
    ) -> Result<Product, ShopError>;

    /// The products that a filter finds.
    #[method(name = "search")]
    async fn search(
        &self,
        filter: Filter,
        sort: Option<String>,
        offset: u32,
        limit: u32,
    ) -> RpcResult<Vec<Product>>;

    /// How many products a filter finds.
    #[method(name = "count")]
    async fn count(&self, filter: Filter, shop: String, since: Option<i64>, deleted: bool) -> RpcResult<u64>;

    /// Words that complete a search.
    #[method(name = "suggest")]
    async fn suggest(
        &self,
        filter: Filter,
        prefix: String,
        language: Option<String>,
        limit: u32,
    ) -> RpcResult<Vec<String>>;

    /// Buys.
    #[method(name = "place_order")]
    async fn place_order(
        &self,
        order: Order,
        payment: String,
        express: bool,
        voucher: Option<String>,
    ) -> Result<Order, ShopError>;

    /// Changes a line of an order.
    #[method(name = "change_items")]
    async fn change_items(
        &self,
        order: u64,
        item: Item,
        position: Option<u32>,
        notify: bool,
    ) -> Result<Order, ShopError>;

    /// What an item would cost.
    #[method(name = "quote")]
    async fn quote(&self, item: Item, customer: u64, coupons: Vec<String>, country: String)
    -> RpcResult<i64>;

    /// The orders that went to an address.
    #[method(name = "orders")]
    async fn orders(
        &self,
        customer: u64,
        address: Address,
        status: Option<Status>,
        limit: u32,
    ) -> RpcResult<Vec<Order>>;

    /// Takes an order back.
    #[method(name = "cancel")]
    async fn cancel(
        &self,
        order: Order,
        reason: String,
        refund: Option<i64>,
        restock: bool,
    ) -> Result<Status, ShopError>;

    /// Sends an order.
    #[method(name = "ship")]
    async fn ship(
        &self,
        shipment: Shipment,
        insured: bool,
        weight: f64,
        remarks: Vec<String>,
    ) -> Result<Shipment, ShopError>;

    /// Where a shipment is.
    #[method(name = "track")]
    async fn track(
        &self,
        shipment: Shipment,
        language: String,
        since: Option<i64>,
        detailed: bool,
    ) -> RpcResult<Vec<String>>;

    /// Says what one thinks of a product.
    #[method(name = "review")]
    async fn review(
        &self,
        review: Review,
        order: u64,
        anonymous: bool,
        language: Option<String>,
    ) -> Result<Review, ShopError>;

    /// What customers think of the products that a filter finds.
    #[method(name = "reviews")]
    async fn reviews(
        &self,
        filter: Filter,
        min_stars: u8,
        language: Option<String>,
        limit: u32,
    ) -> RpcResult<Vec<Review>>;

    /// The review that others found most helpful.
    #[method(name = "best_review")]
    async fn best_review(
        &self,
        like: Review,
        since: i64,
        verified: bool,
        shop: Option<String>,
    ) -> RpcResult<Option<Review>>;
}
