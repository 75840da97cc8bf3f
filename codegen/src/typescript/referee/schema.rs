//! What a JSON Schema as schemars writes it says of a value.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::shape::{Field, Object, Shape, Text, both};

/// The definitions that schemas refer to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schemas<'a>(pub(super) &'a BTreeMap<String, Value>);

/// Schemas that only refer to each other have no end.
const DEPTH: usize = 64;

impl Schemas<'_> {
    /// All that a value may be.
    pub(super) fn shapes(self, schema: &Value) -> Vec<Shape<Value>> {
        self.expand(schema, DEPTH)
    }

    fn expand(self, schema: &Value, depth: usize) -> Vec<Shape<Value>> {
        let Some(depth) = depth.checked_sub(1) else { return vec![Shape::Anything] };
        let schema = match schema {
            Value::Object(schema) => schema,
            Value::Bool(false) => return Vec::new(),
            _ => return vec![Shape::Anything],
        };
        if schema.get("not").is_some_and(|not| *not == Value::Object(Map::new())) {
            return Vec::new();
        }
        let mut shapes = own(schema);
        let referred = schema.get("$ref").and_then(Value::as_str);
        if let Some(name) = referred.and_then(|it| it.rsplit('/').next()) {
            let definition = self.0.get(name);
            let inner = definition.map_or_else(|| vec![Shape::Anything], |it| self.expand(it, depth));
            shapes = both(&shapes, &inner);
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            shapes = both(&shapes, &self.expand(part, depth));
        }
        for choice in ["anyOf", "oneOf"] {
            if let Some(members) = schema.get(choice).and_then(Value::as_array) {
                let members: Vec<_> = members.iter().flat_map(|it| self.expand(it, depth)).collect();
                shapes = both(&shapes, &members);
            }
        }
        shapes
    }
}

/// What the schema says by itself.
fn own(schema: &Map<String, Value>) -> Vec<Shape<Value>> {
    let values = schema.get("const").map(std::slice::from_ref);
    if let Some(values) = values.or_else(|| schema.get("enum").and_then(Value::as_array).map(Vec::as_slice)) {
        return values.iter().map(exactly).collect();
    }
    match schema.get("type") {
        Some(Value::String(name)) => vec![of_type(name, schema)],
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).map(|name| of_type(name, schema)).collect()
        }
        _ if schema.contains_key("properties") => vec![object(schema)],
        _ => vec![Shape::Anything],
    }
}

fn exactly(value: &Value) -> Shape<Value> {
    match value {
        Value::Null => Shape::Null,
        Value::Bool(_) => Shape::Boolean,
        Value::Number(_) => Shape::Number,
        Value::String(text) => Shape::Text(Text::Exactly(text.clone())),
        Value::Array(_) | Value::Object(_) => Shape::Anything,
    }
}

fn of_type(name: &str, schema: &Map<String, Value>) -> Shape<Value> {
    match name {
        "null" => Shape::Null,
        "boolean" => Shape::Boolean,
        "number" | "integer" => Shape::Number,
        "string" => Shape::Text(text(schema)),
        "array" => list(schema),
        "object" => object(schema),
        _ => Shape::Anything,
    }
}

/// `Bytes`, `I64` and `U64` are known by what `trunkline-core` says of them.
fn text(schema: &Map<String, Value>) -> Text {
    let is =
        |key, values: &[&str]| schema.get(key).and_then(Value::as_str).is_some_and(|it| values.contains(&it));
    if is("contentEncoding", &["base64"]) {
        Text::Bytes
    } else if is("pattern", &["^-?[0-9]+$", "^[0-9]+$"]) {
        Text::BigInt
    } else {
        Text::Any
    }
}

fn list(schema: &Map<String, Value>) -> Shape<Value> {
    let bound = |key| schema.get(key).and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok());
    match schema.get("items").or_else(|| schema.get("prefixItems")) {
        Some(Value::Array(items)) => Shape::Tuple(items.clone()),
        Some(item) => match (bound("minItems"), bound("maxItems")) {
            (Some(min), Some(max)) if min == max => Shape::Tuple(vec![item.clone(); max]),
            _ => Shape::List(item.clone()),
        },
        None if bound("maxItems") == Some(0) => Shape::List(Value::Bool(false)),
        None => Shape::List(Value::Bool(true)),
    }
}

fn object(schema: &Map<String, Value>) -> Shape<Value> {
    let map = |key| schema.get(key).and_then(Value::as_object).into_iter().flatten();
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let fields = map("properties").map(|(name, ty)| {
        let field = Field { ty: ty.clone(), required: required.contains(&name.as_str()) };
        (name.clone(), field)
    });
    let additional = schema.get("additionalProperties").or_else(|| schema.get("unevaluatedProperties"));
    let patterns = map("patternProperties").map(|(_, ty)| ty);
    let rest = patterns.chain(additional.filter(|it| !it.is_boolean())).next().cloned();
    Shape::Object(Object { fields: fields.collect(), rest, closed: additional == Some(&Value::Bool(false)) })
}
