//! Values to send and to compare with.

use crate::shop::{Address, Customer, Filter, Item, Order, Product, Review, Shipment, Status};

pub(crate) fn address() -> Address {
    Address {
        street: "Long Street".to_owned(),
        house: 7,
        city: "Porto".to_owned(),
        postcode: "4000-001".to_owned(),
        country: "PT".to_owned(),
        note: None,
    }
}

pub(crate) fn customer(id: u64, address: Address) -> Customer {
    Customer {
        id,
        name: "Ann".to_owned(),
        email: "ann@example.org".to_owned(),
        phone: None,
        address,
        tags: words(),
        points: 10,
        subscribed: true,
    }
}

pub(crate) fn item(quantity: u32) -> Item {
    Item { sku: "tea".to_owned(), quantity, price: 450, discount: Some(0.25), note: None }
}

pub(crate) fn order_of(id: u64, items: Vec<Item>) -> Order {
    Order {
        id,
        customer: 1,
        items,
        address: address(),
        status: Status::Placed,
        coupon: None,
        placed_at: 1_700_000_000,
        total: 900,
    }
}

pub(crate) fn product(number: u32) -> Product {
    Product {
        sku: format!("tea-{number}"),
        name: "Tea".to_owned(),
        description: "It is hot.".to_owned(),
        price: 450,
        stock: 12,
        categories: words(),
        weight: Some(0.5),
        photos: Vec::new(),
    }
}

pub(crate) fn filter() -> Filter {
    Filter {
        text: Some("tea".to_owned()),
        min_price: None,
        max_price: Some(900),
        categories: words(),
        in_stock: true,
    }
}

pub(crate) fn review_of(number: u32) -> Review {
    Review {
        sku: format!("tea-{number}"),
        customer: 1,
        stars: 5,
        title: "Hot".to_owned(),
        text: "It was hot.".to_owned(),
        photos: Vec::new(),
        reply: None,
    }
}

pub(crate) fn shipment() -> Shipment {
    Shipment {
        order: 1,
        carrier: "post".to_owned(),
        tracking: Some("abc".to_owned()),
        parcels: vec![1, 2],
        address: address(),
        sent_at: 1_700_000_000,
        arrived_at: None,
    }
}

pub(crate) fn words() -> Vec<String> {
    vec!["hot".to_owned(), "green".to_owned()]
}
