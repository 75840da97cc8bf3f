//! The contract: the types that travel, and the service.

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

/// A shop.
#[tarpc::service]
pub trait Shop {
    /// Adds a customer.
    async fn register(
        customer: Customer,
        password: String,
        referrer: Option<u64>,
        newsletter: bool,
    ) -> Result<Customer, ShopError>;

    /// Changes a customer.
    async fn update_customer(
        id: u64,
        customer: Customer,
        fields: Vec<String>,
        reason: Option<String>,
    ) -> Result<Customer, ShopError>;

    /// The customers who live near an address.
    async fn find_customers(near: Address, radius: f64, tags: Vec<String>, limit: u32) -> Vec<Customer>;

    /// Gives a customer another address.
    async fn move_customer(
        id: u64,
        address: Address,
        from: i64,
        keep_old: bool,
    ) -> Result<Customer, ShopError>;

    /// Makes two customers one.
    async fn merge_customers(
        first: Customer,
        second: u64,
        prefer: Option<String>,
        dry_run: bool,
    ) -> Result<Customer, ShopError>;

    /// Adds a product.
    async fn add_product(
        product: Product,
        supplier: u64,
        languages: Vec<String>,
        visible: bool,
    ) -> Result<Product, ShopError>;

    /// Changes the price of a product.
    async fn reprice(
        product: Product,
        price: i64,
        from: Option<i64>,
        reason: String,
    ) -> Result<Product, ShopError>;

    /// The products that a filter finds.
    async fn search(filter: Filter, sort: Option<String>, offset: u32, limit: u32) -> Vec<Product>;

    /// How many products a filter finds.
    async fn count(filter: Filter, shop: String, since: Option<i64>, deleted: bool) -> u64;

    /// Words that complete a search.
    async fn suggest(filter: Filter, prefix: String, language: Option<String>, limit: u32) -> Vec<String>;

    /// Buys.
    async fn place_order(
        order: Order,
        payment: String,
        express: bool,
        voucher: Option<String>,
    ) -> Result<Order, ShopError>;

    /// Changes a line of an order.
    async fn change_items(
        order: u64,
        item: Item,
        position: Option<u32>,
        notify: bool,
    ) -> Result<Order, ShopError>;

    /// What an item would cost.
    async fn quote(item: Item, customer: u64, coupons: Vec<String>, country: String) -> i64;

    /// The orders that went to an address.
    async fn orders(customer: u64, address: Address, status: Option<Status>, limit: u32) -> Vec<Order>;

    /// Takes an order back.
    async fn cancel(
        order: Order,
        reason: String,
        refund: Option<i64>,
        restock: bool,
    ) -> Result<Status, ShopError>;

    /// Sends an order.
    async fn ship(
        shipment: Shipment,
        insured: bool,
        weight: f64,
        remarks: Vec<String>,
    ) -> Result<Shipment, ShopError>;

    /// Where a shipment is.
    async fn track(shipment: Shipment, language: String, since: Option<i64>, detailed: bool) -> Vec<String>;

    /// Says what one thinks of a product.
    async fn review(
        review: Review,
        order: u64,
        anonymous: bool,
        language: Option<String>,
    ) -> Result<Review, ShopError>;

    /// What customers think of the products that a filter finds.
    async fn reviews(filter: Filter, min_stars: u8, language: Option<String>, limit: u32) -> Vec<Review>;

    /// The review that others found most helpful.
    async fn best_review(like: Review, since: i64, verified: bool, shop: Option<String>) -> Option<Review>;
}
