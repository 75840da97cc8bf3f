//! The struct of workload (e), about 1 KiB: nested items, strings, floats, options and 64-bit integers.
//!
//! Its sizes are those of the struct that the targets were derived from (1,187 bytes as JSON, 517 and 932 as
//! MessagePack arrays and maps, where this one has 516 and 933). The price 3.7199999999999998 is one that a
//! JSON parser without exact floats hands back as 3.72.

use trunkline::data;

#[data]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Doc {
    pub(crate) id: u64,
    pub(crate) customer: Customer,
    pub(crate) items: Vec<Item>,
    pub(crate) note: String,
    #[data(nullable)]
    pub(crate) coupon: Option<String>,
    pub(crate) total: f64,
    pub(crate) weight_kg: f64,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
    pub(crate) paid: bool,
}

#[data]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Customer {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) email: String,
    #[data(nullable)]
    pub(crate) phone: Option<String>,
}

#[data]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) sku: String,
    pub(crate) title: String,
    pub(crate) quantity: u32,
    pub(crate) unit_price: f64,
    #[data(nullable)]
    pub(crate) discount: Option<f64>,
    pub(crate) warehouse: u32,
    pub(crate) tags: Vec<String>,
}

impl Doc {
    pub(crate) fn sample() -> Self {
        Self {
            id: 9_007_199_254_728_646,
            customer: Customer {
                id: 48_151_623_420,
                name: "Ada Trunkline".into(),
                email: "ada@example.org".into(),
                phone: None,
            },
            items: (0..).zip(GOODS).map(|(at, (title, price))| Item::sample(at, title, price)).collect(),
            note: "Ring twice, the gate sticks when it rains all day.".into(),
            coupon: None,
            total: 123.456_000_000_000_02,
            weight_kg: 18.062_725_1,
            created_at: 1_763_719_200_123_456,
            updated_at: 1_763_719_260_654_321,
            paid: true,
        }
    }
}

impl Item {
    fn sample(at: u32, title: &str, unit_price: f64) -> Self {
        let even = at.is_multiple_of(2);
        let tags: &[&str] = if even { &["copper", "bulk"] } else { &["brass"] };
        Self {
            sku: format!("PL-{:05}-{at}", 10_423 + at * 317),
            title: title.into(),
            quantity: at * 7 + 3,
            unit_price,
            discount: (!even).then_some(0.05),
            warehouse: 1_009 + at * 77,
            tags: tags.iter().map(|&tag| tag.into()).collect(),
        }
    }
}

const GOODS: [(&str, f64); 6] = [
    ("Copper pipe elbow, 22 mm", 3.7199999999999998),
    ("Ball valve, brass, 1/2 in", 12.379999999999999),
    ("Pipe clamp with rubber", 0.85),
    ("Sealing tape, 12 m roll", 1.1),
    ("Flexible hose, 50 cm", 7.25),
    ("Washer set, M8", 21.00925),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_has_the_size_the_targets_were_derived_from_and_survives_json() {
        let json = serde_json::to_vec(&Doc::sample()).unwrap();
        assert_eq!(json.len(), 1_187);
        assert_eq!(serde_json::from_slice::<Doc>(&json).unwrap(), Doc::sample());
    }
}
