use std::time::Duration;

use schemars::JsonSchema;
use serde_json::json;
use ts_rs::TS;

use super::*;
use crate::{Never, RateLimit};

/// A page of something.
#[derive(Serialize, Deserialize, TS, JsonSchema)]
struct Page<T> {
    items: Vec<T>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    next: Option<String>,
    #[serde(default)]
    total: u64,
}

#[derive(Serialize, Deserialize, TS, JsonSchema)]
struct Item {
    id: i64,
}

static LIST: MethodSchema = MethodSchema {
    name: "list_items",
    wire: &["list", "ls"],
    docs: "Lists items.",
    deprecated: Some("use `find`"),
    params: &[ParamSchema {
        name: "after",
        has_default: true,
        stream: false,
        ty: TypeSchema::of::<Option<Page<Item>>>,
    }],
    body: false,
    public: true,
    idempotent: true,
    oneway: false,
    stream: false,
    timeout: Some(Duration::from_millis(1500)),
    rate_limit: Some(RateLimit { limit: 5, period: Duration::from_secs(10), per: Per::Ip, disconnect: true }),
    requires: Some("is(\"vip\")"),
    returns: || (TypeSchema::of::<Page<Item>>(), TypeSchema::of::<Never>()),
};

fn list_returning(returns: fn() -> (TypeSchema, TypeSchema)) -> &'static ServiceSchema {
    let method = MethodSchema { returns, params: LIST.params, ..copy(&LIST) };
    leak("Shop", "", method)
}

fn copy(method: &MethodSchema) -> MethodSchema {
    MethodSchema { ..*method }
}

fn leak(name: &'static str, docs: &'static str, method: MethodSchema) -> &'static ServiceSchema {
    let methods = Box::leak(Box::new([method]));
    Box::leak(Box::new(ServiceSchema::__new(name, Some("shop"), docs, methods)))
}

#[test]
fn a_description_has_everything_that_the_trait_says() {
    let description = Description::of([leak("Shop", "A shop.", copy(&LIST))]);
    let service = description.services.first().unwrap();
    assert_eq!(
        (&*service.name, service.namespace.as_deref(), &*service.docs),
        ("Shop", Some("shop"), "A shop.")
    );

    let method = &service.methods[0];
    assert_eq!(method.wire, ["list", "ls"]);
    assert_eq!(method.deprecated.as_deref(), Some("use `find`"));
    assert!(method.public && method.idempotent && !method.oneway && !method.body);
    assert_eq!(method.timeout_ms, Some(1500));
    assert_eq!(
        method.rate_limit,
        Some(RateLimitDescription { limit: 5, period_ms: 10_000, per: "ip".to_owned(), disconnect: true })
    );
    assert_eq!(method.params[0].ty.typescript, "Page<Item> | null");
    assert!(method.params[0].is_option && method.params[0].has_default);
    assert_eq!(method.result.typescript, "Page<Item>");
    assert_eq!(method.error, None);

    let names: Vec<&str> = description.declarations.iter().map(|declaration| &*declaration.name).collect();
    assert_eq!(names, ["Item", "Page"]);
    assert_eq!(description.declarations[0].typescript, "type Item = { id: number, };");
    assert!(description.declarations[1].docs.contains("A page of something."));
    assert!(description.declarations[1].rust.ends_with("Page<trunkline_core::describe::tests::Item>"));
}

#[test]
fn a_default_is_optional_on_the_way_in_and_there_on_the_way_out() {
    let description = Description::of([leak("Shop", "", copy(&LIST))]);
    let required = |schemas: &BTreeMap<String, Value>| {
        let page = schemas.iter().find(|(name, _)| name.starts_with("Page")).unwrap().1;
        page["required"].clone()
    };
    assert_eq!(required(&description.inputs), json!(["items"]));
    assert_eq!(required(&description.outputs), json!(["items", "total"]));
}

#[test]
fn a_description_survives_its_json() {
    let description = Description::of([leak("Shop", "A shop.", copy(&LIST))]);
    let text = serde_json::to_string(&description).unwrap();
    assert_eq!(serde_json::from_str::<Description>(&text).unwrap(), description);
}

#[test]
fn the_hash_knows_types_and_not_docs() {
    let hash = leak("Shop", "A shop.", copy(&LIST)).hash();
    assert_eq!(hash.len(), 16);
    let documented = MethodSchema { docs: "Other words.", deprecated: None, ..copy(&LIST) };
    assert_eq!(leak("Shop", "Other words.", documented).hash(), hash);
    let aliased = MethodSchema { wire: &["list"], ..copy(&LIST) };
    assert_ne!(leak("Shop", "A shop.", aliased).hash(), hash);
    let slower = MethodSchema { timeout: Some(Duration::from_secs(9)), ..copy(&LIST) };
    assert_ne!(leak("Shop", "A shop.", slower).hash(), hash);
    let other = list_returning(|| (TypeSchema::of::<Page<String>>(), TypeSchema::of::<Never>()));
    assert_ne!(other.hash(), hash);
}

#[test]
fn a_property_that_is_called_like_a_note_counts() {
    let mut schema = json!({
        "description": "about it", "title": "It", "deprecated": true,
        "properties": { "title": { "type": "string", "description": "of the book" }, "description": true },
    });
    strip_notes(&mut schema);
    assert_eq!(schema, json!({ "properties": { "title": { "type": "string" }, "description": true } }));
}
