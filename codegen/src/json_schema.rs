//! A JSON Schema for each type with a name, that stands by itself: for validators, forms and documentation.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use trunkline_core::Description;

use crate::refs::{Definitions, Merged, encoded, redirected, references};

/// The dialect: draft 7, as in OpenRPC.
const DIALECT: &str = "http://json-schema.org/draft-07/schema#";

/// The types of services by their names, each as a schema of draft 7 that holds all that it refers to.
///
/// A type that is not the same for what is sent and for what comes back is there twice, as `Name` and `NameInput`, like in
/// [`crate::openrpc()`].
pub fn json_schemas(description: &Description) -> BTreeMap<String, Value> {
    let schemas = Merged::of(description).schemas;
    schemas.keys().map(|name| (name.clone(), by_itself(name, &schemas))).collect()
}

fn by_itself(name: &str, schemas: &Definitions) -> Value {
    let here = |schema: &Value| {
        redirected(schema, &|target| match target == name {
            true => "#".to_owned(),
            false => format!("#/definitions/{}", encoded(target)),
        })
    };
    // A schema of `true` or `false` is no object, but the same can be said in one.
    let mut document = match schemas.get(name).map(here) {
        Some(Value::Object(map)) => map,
        Some(Value::Bool(false)) => Map::from_iter([("not".to_owned(), json!({}))]),
        _ => Map::new(),
    };
    document.insert("$schema".to_owned(), DIALECT.into());
    document.entry("title").or_insert_with(|| name.into());
    let definitions: Map<String, Value> = reachable(name, schemas)
        .into_iter()
        .filter_map(|target| schemas.get(&target).map(|schema| (target.clone(), here(schema))))
        .collect();
    if !definitions.is_empty() {
        document.insert("definitions".to_owned(), definitions.into());
    }
    let mut document = Value::Object(document);
    document.sort_all_objects();
    document
}

/// The names that a schema needs, apart from its own.
fn reachable(name: &str, schemas: &Definitions) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![name.to_owned()];
    while let Some(next) = open.pop() {
        let more = schemas.get(&next).map(references).unwrap_or_default();
        open.extend(more.into_iter().filter(|name| found.insert(name.clone())));
    }
    found.remove(name);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refer(name: &str) -> Value {
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    #[test]
    fn a_schema_holds_what_it_refers_to_and_nothing_else() {
        let description = json!({
            "trunkline": "0", "services": [], "declarations": [], "inputs": {}, "outputs": {
                "Tree": { "properties": { "leaf": refer("Leaf"), "more": { "items": refer("Tree") } } },
                "Leaf": { "title": "A leaf", "properties": { "back": refer("Tree"), "id": refer("Id") } },
                "Id": { "type": "integer" },
                "Anything": true,
            },
        });
        let schemas = json_schemas(&serde_json::from_value(description).expect("a description"));
        let expected = json!({
            "Tree": {
                "$schema": DIALECT,
                "title": "Tree",
                "properties": { "leaf": { "$ref": "#/definitions/Leaf" }, "more": { "items": { "$ref": "#" } } },
                "definitions": {
                    "Leaf": {
                        "title": "A leaf",
                        "properties": { "back": { "$ref": "#" }, "id": { "$ref": "#/definitions/Id" } },
                    },
                    "Id": { "type": "integer" },
                },
            },
            "Leaf": {
                "$schema": DIALECT,
                "title": "A leaf",
                "properties": { "back": { "$ref": "#/definitions/Tree" }, "id": { "$ref": "#/definitions/Id" } },
                "definitions": {
                    "Tree": { "properties": { "leaf": { "$ref": "#" }, "more": { "items": { "$ref": "#/definitions/Tree" } } } },
                    "Id": { "type": "integer" },
                },
            },
            "Id": { "$schema": DIALECT, "title": "Id", "type": "integer" },
            "Anything": { "$schema": DIALECT, "title": "Anything" },
        });
        assert_eq!(json!(schemas), expected);
    }
}
