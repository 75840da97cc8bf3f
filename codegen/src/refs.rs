//! References between JSON Schemas: how the definitions of a [`Description`] name one another, and the two sets of them
//! made one.
//!
//! A description has a set for what is sent to a service and one for what comes back. A document has room for one: a type
//! that is not the same in both appears in it twice, as `Name` and, for what is sent, as `NameInput`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use trunkline_core::Description;

/// Where descriptions have their definitions.
pub(crate) const COMPONENTS: &str = "#/components/schemas/";

/// Schemas by their names.
pub(crate) type Definitions = BTreeMap<String, Value>;

/// All definitions of a description under one roof.
pub(crate) struct Merged {
    pub(crate) schemas: Definitions,
    /// What those definitions of inputs are called that differ from the output of the same name.
    renamed: BTreeMap<String, String>,
}

impl Merged {
    pub(crate) fn of(description: &Description) -> Self {
        let (inputs, outputs) = (&description.inputs, &description.outputs);
        let mut merged = Self { schemas: outputs.clone(), renamed: BTreeMap::new() };
        for name in differing(inputs, outputs) {
            let free = free_name(&name, |taken| inputs.contains_key(taken) || outputs.contains_key(taken));
            merged.renamed.insert(name, free);
        }
        for (name, schema) in inputs {
            let name = merged.renamed.get(name).unwrap_or(name).clone();
            let schema = merged.input(schema);
            merged.schemas.insert(name, schema);
        }
        merged
    }

    /// A schema of something that is sent, with references to where its definitions are now.
    pub(crate) fn input(&self, schema: &Value) -> Value {
        redirected(schema, &|name| {
            let name = self.renamed.get(name).map_or(name, String::as_str);
            format!("{COMPONENTS}{}", encoded(name))
        })
    }
}

/// The names that stand for something else in `inputs` than in `outputs`: those whose definitions differ, and whatever
/// refers to one of them.
fn differing(inputs: &Definitions, outputs: &Definitions) -> BTreeSet<String> {
    let common: Vec<(&String, &Value, &Value)> = inputs
        .iter()
        .filter_map(|(name, input)| outputs.get(name).map(|output| (name, input, output)))
        .collect();
    let mut differing: BTreeSet<String> = common
        .iter()
        .filter(|(_, input, output)| input != output)
        .map(|(name, ..)| (*name).clone())
        .collect();
    loop {
        let more: Vec<String> = common
            .iter()
            .filter(|(name, input, _)| {
                !differing.contains(*name) && !references(input).is_disjoint(&differing)
            })
            .map(|(name, ..)| (*name).clone())
            .collect();
        if more.is_empty() {
            return differing;
        }
        differing.extend(more);
    }
}

fn free_name(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let plain = format!("{name}Input");
    let numbered = (2_u32..).map(|number| format!("{plain}{number}"));
    std::iter::once(plain.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(plain)
}

/// The definition that a schema refers to, if it does.
pub(crate) fn target(schema: &Value) -> Option<String> {
    decoded(schema.get("$ref")?.as_str()?.strip_prefix(COMPONENTS)?)
}

/// The names that a schema refers to, at any depth.
pub(crate) fn references(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(schema, &mut found);
    found
}

fn collect(schema: &Value, found: &mut BTreeSet<String>) {
    found.extend(target(schema));
    match schema {
        Value::Object(map) => map.values().for_each(|inner| collect(inner, found)),
        Value::Array(items) => items.iter().for_each(|inner| collect(inner, found)),
        _ => {}
    }
}

/// The schema with every reference going where `to` says for its name.
pub(crate) fn redirected(schema: &Value, to: &impl Fn(&str) -> String) -> Value {
    let mut schema = schema.clone();
    redirect(&mut schema, to);
    schema
}

fn redirect(schema: &mut Value, to: &impl Fn(&str) -> String) {
    if let Some(name) = target(schema)
        && let Some(reference) = schema.get_mut("$ref")
    {
        *reference = to(&name).into();
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(|inner| redirect(inner, to)),
        Value::Array(items) => items.iter_mut().for_each(|inner| redirect(inner, to)),
        _ => {}
    }
}

/// A name as part of a JSON pointer in a URI (RFC 6901, section 6).
pub(crate) fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        match byte {
            b'~' => text.push_str("~0"),
            b'/' => text.push_str("~1"),
            b'!' | b'$' | b'&'..=b';' | b'=' | b'?'..=b'Z' | b'_' | b'a'..=b'z' => text.push(byte.into()),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// The name that [`encoded`], or schemars, has written.
fn decoded(reference: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = reference.bytes();
    while let Some(byte) = rest.next() {
        let digits = (byte == b'%').then(|| [rest.next(), rest.next()]);
        bytes.push(match digits {
            None => byte,
            Some(digits) => {
                let digits = [digits[0]?, digits[1]?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?.trim_start(), 16).ok()?
            }
        });
    }
    Some(String::from_utf8(bytes).ok()?.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refer(name: &str) -> Value {
        json!({ "$ref": format!("{COMPONENTS}{name}") })
    }

    #[expect(clippy::needless_pass_by_value, reason = "rows read better with `json!` as it is")]
    fn description(inputs: Value, outputs: Value) -> Description {
        let empty = json!({
            "trunkline": "0", "services": [], "declarations": [], "inputs": inputs, "outputs": outputs
        });
        serde_json::from_value(empty).expect("a description")
    }

    #[test]
    fn what_is_the_same_both_ways_is_there_once() {
        let both = json!({ "A": { "properties": { "b": refer("B") } }, "B": true });
        let merged = Merged::of(&description(both.clone(), both.clone()));
        assert_eq!(json!(merged.schemas), both);
        assert_eq!(merged.input(&refer("A")), refer("A"));
    }

    #[test]
    fn what_differs_and_what_refers_to_it_is_there_twice() {
        let with = |end: Value| {
            // Top refers to End over Middle, and Middle back to Top; Apart has nothing to do with them.
            json!({
                "Top": { "items": refer("Middle") },
                "Middle": { "anyOf": [refer("End"), refer("Top")] },
                "End": end,
                "Apart": true,
            })
        };
        let merged =
            Merged::of(&description(with(json!({ "required": [] })), with(json!({ "required": ["x"] }))));
        let expected = json!({
            "Top": { "items": refer("Middle") },
            "TopInput": { "items": refer("MiddleInput") },
            "Middle": { "anyOf": [refer("End"), refer("Top")] },
            "MiddleInput": { "anyOf": [refer("EndInput"), refer("TopInput")] },
            "End": { "required": ["x"] },
            "EndInput": { "required": [] },
            "Apart": true,
        });
        assert_eq!(json!(merged.schemas), expected);
        assert_eq!(merged.input(&json!([refer("End")])), json!([refer("EndInput")]));
    }

    #[test]
    fn what_is_only_sent_keeps_its_name_and_refers_to_what_is_sent() {
        let merged = Merged::of(&description(
            json!({ "Page": { "items": refer("Row") }, "Row": false }),
            json!({ "Row": true }),
        ));
        let expected = json!({ "Page": { "items": refer("RowInput") }, "Row": true, "RowInput": false });
        assert_eq!(json!(merged.schemas), expected);
    }

    #[test]
    fn a_name_that_is_taken_is_passed_over() {
        let merged =
            Merged::of(&description(json!({ "A": 1, "AInput": 2 }), json!({ "A": 3, "AInput2": 4 })));
        assert_eq!(json!(merged.schemas), json!({ "A": 3, "AInput": 2, "AInput2": 4, "AInput3": 1 }));
    }

    #[test]
    fn names_with_awkward_characters_are_found() {
        for name in ["Plain", "a/b", "~1", "per%cent", "Größe", "a b\"<>"] {
            assert_eq!(decoded(&encoded(name)).as_deref(), Some(name));
            assert_eq!(target(&refer(&encoded(name))).as_deref(), Some(name));
        }
        assert_eq!(decoded("%G0"), None);
        assert_eq!(decoded("%4"), None);
    }
}
