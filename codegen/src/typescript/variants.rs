//! The documentation of variants, which ts-rs drops and schemars keeps.
//!
//! A variant is found by what it is known by on the wire: its text, its only field, or its tag. One without a tag has nothing
//! of its own, and goes without.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use trunkline_core::Description;

use super::{ast::Type, declarations::Declared, docs};

/// The lines on each variant, by what it is known by.
#[derive(Debug, Default)]
pub(crate) struct Variants(BTreeMap<String, Vec<String>>);

impl Variants {
    /// What the schemas say of a declared type; `names` are those of all declared types.
    pub(crate) fn of(declared: &Declared, names: &BTreeSet<&str>, description: &Description) -> Self {
        let is_it = |name: &str| {
            let is_instance = || {
                let rest = name.strip_prefix(&declared.name).is_some_and(|rest| rest.starts_with('_'));
                rest && !declared.params.is_empty() && !names.contains(name)
            };
            name == declared.name || is_instance()
        };
        let schemas = description.outputs.iter().chain(&description.inputs).filter(|(name, _)| is_it(name));
        let mut found = BTreeMap::new();
        for member in schemas.flat_map(|(_, schema)| members(schema)) {
            let lines = member.get("description").and_then(Value::as_str).map(|text| docs::of(text, None));
            for key in keys_of_schema(member) {
                found.extend(lines.clone().map(|lines| (key, lines)));
            }
        }
        Self(found)
    }

    /// The lines on one member of the union; empty if there are none.
    pub(crate) fn lines(&self, member: &Type) -> &[String] {
        keys(member).iter().find_map(|key| self.0.get(key)).map(Vec::as_slice).unwrap_or_default()
    }
}

fn members(schema: &Value) -> impl Iterator<Item = &Value> {
    ["oneOf", "anyOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten()
}

fn tag(name: &str, text: &str) -> String {
    format!("{name}: {text:?}")
}

fn keys(member: &Type) -> Vec<String> {
    match member {
        Type::Text(text) => vec![format!("{text:?}")],
        Type::Object(properties) => {
            let tags = properties.iter().filter_map(|it| match &it.ty {
                Type::Text(text) => Some(tag(&it.name, text)),
                _ => None,
            });
            let tags: Vec<String> = tags.collect();
            match &properties[..] {
                [only] if tags.is_empty() => vec![only.name.clone()],
                _ => tags,
            }
        }
        Type::Intersection(types) => types.iter().flat_map(keys).filter(|key| key.contains(": ")).collect(),
        _ => Vec::new(),
    }
}

fn keys_of_schema(member: &Value) -> Vec<String> {
    if let Some(text) = literal(member) {
        return vec![format!("{text:?}")];
    }
    let Some(properties) = member.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let tags: Vec<String> =
        properties.iter().filter_map(|(name, schema)| Some(tag(name, literal(schema)?))).collect();
    match properties.keys().next() {
        Some(only) if tags.is_empty() && properties.len() == 1 => vec![only.clone()],
        _ => tags,
    }
}

/// The text that a schema allows, if it is just one.
fn literal(schema: &Value) -> Option<&str> {
    let only = || schema.get("enum")?.as_array().filter(|values| values.len() == 1)?.first();
    schema.get("const").or_else(only)?.as_str()
}
