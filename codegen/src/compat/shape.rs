//! A JSON Schema as the list of forms that a value may have.
//!
//! It reads what schemars writes for types under `#[data]`, and is not a reader for any schema: what it does not know is
//! taken as no restriction.

use std::{collections::BTreeMap, fmt, ops::RangeInclusive};

use serde_json::{Map, Value};

use crate::refs::{Definitions, target};

/// One form that a value may have.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Any,
    Null,
    Bool,
    Literal(Value),
    Integer(RangeInclusive<i128>),
    /// With its format, `float` or `double`.
    Float(String),
    Text(Text),
    /// With the schema of its items.
    Array(Value),
    Tuple(Vec<Value>),
    Object(Object),
}

/// What a text has to be; empty if it may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Text {
    /// `uuid`, `date-time`, a pattern …
    pub(super) rule: String,
    /// Bytes are no text in MessagePack.
    pub(super) is_bytes: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Object {
    pub(super) fields: BTreeMap<String, Field>,
    /// Further entries: the pattern of their names, and their schema.
    pub(super) entries: Option<(String, Value)>,
    /// Whether unknown fields are refused.
    pub(super) is_closed: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) schema: Value,
    pub(super) is_required: bool,
}

/// What two forms have to have in common to be versions of each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    Any,
    Null,
    Bool,
    Literal(String),
    Number,
    Text,
    Array,
    Tuple,
    Object(Vec<String>),
}

impl Shape {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Any => Key::Any,
            Self::Null => Key::Null,
            Self::Bool => Key::Bool,
            Self::Literal(value) => Key::Literal(value.to_string()),
            Self::Integer(_) | Self::Float(_) => Key::Number,
            Self::Text(_) => Key::Text,
            Self::Array(_) => Key::Array,
            Self::Tuple(_) => Key::Tuple,
            Self::Object(object) => Key::Object(object.tags()),
        }
    }

    /// Whether every value of the form `other`, which has another key, is one of this form too.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Text(text), Self::Literal(Value::String(_))) => *text == Text::default(),
            (Self::Integer(range), Self::Literal(value)) => {
                value.as_i64().is_some_and(|value| range.contains(&value.into()))
            }
            (Self::Float(_), Self::Literal(value)) => value.is_number(),
            _ => false,
        }
    }
}

/// As a reader knows it: `"closed"`, `null`, `type: "said"`, `an integer`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("a boolean"),
            Self::Literal(value) => value.fmt(f),
            Self::Integer(_) => f.write_str("an integer"),
            Self::Float(_) => f.write_str("a number"),
            Self::Text(Text { is_bytes: true, .. }) => f.write_str("bytes"),
            Self::Text(Text { rule, .. }) if rule.is_empty() => f.write_str("text"),
            Self::Text(Text { rule, .. }) => write!(f, "text ({rule})"),
            Self::Array(_) => f.write_str("a list"),
            Self::Tuple(items) => write!(f, "a list of {}", items.len()),
            Self::Object(object) => match object.tags() {
                tags if tags.is_empty() => f.write_str("an object"),
                tags => f.write_str(&tags.join(", ")),
            },
        }
    }
}

impl Object {
    /// What tells it apart from other objects: the fields that can have one value only, or the only field.
    pub(super) fn tags(&self) -> Vec<String> {
        let tags = self.constants();
        match self.fields.first_key_value() {
            Some((name, field))
                if tags.is_empty() && self.is_closed && self.fields.len() == 1 && field.is_required =>
            {
                vec![format!("{name:?}")]
            }
            _ => tags,
        }
    }

    /// The fields that can have one value only.
    pub(super) fn constants(&self) -> Vec<String> {
        let constant = |(name, field): (&String, &Field)| {
            field.schema.get("const").map(|value| format!("{name}: {value}"))
        };
        self.fields.iter().filter_map(constant).collect()
    }

    fn with(mut self, other: Self) -> Self {
        self.fields.extend(other.fields);
        self.entries = self.entries.or(other.entries);
        self.is_closed &= other.is_closed;
        self
    }
}

/// The alternatives of a schema, with references left as they are as long as nothing else is said beside them.
pub(super) fn alternatives(schema: &Value) -> Vec<&Value> {
    let notes = ["title", "description", "deprecated", "default", "examples"];
    let says_only = |key: &str| {
        schema.as_object().is_some_and(|map| map.keys().all(|it| it == key || notes.contains(&it.as_str())))
    };
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(items)) = schema.get(key)
            && says_only(key)
            && (key != "allOf" || items.len() == 1)
        {
            return items.iter().flat_map(alternatives).collect();
        }
    }
    vec![schema]
}

/// All forms that a value of this schema may have.
pub(super) fn shapes(schema: &Value, definitions: &Definitions) -> Vec<Shape> {
    Reader { definitions, inside: &mut Vec::new() }.shapes(schema)
}

struct Reader<'a> {
    definitions: &'a Definitions,
    /// The names that are being followed: one that comes again has no end, and says nothing.
    inside: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn shapes(&mut self, schema: &Value) -> Vec<Shape> {
        let Some(map) = schema.as_object() else {
            return if *schema == Value::Bool(false) { Vec::new() } else { vec![Shape::Any] };
        };
        let mut shapes = own(map);
        if let Some(name) = target(schema) {
            shapes = both(&shapes, &self.named(name));
        }
        for schema in items(map, "allOf") {
            shapes = both(&shapes, &self.shapes(schema));
        }
        for key in ["anyOf", "oneOf"] {
            if map.contains_key(key) {
                let inner: Vec<Shape> = items(map, key).flat_map(|schema| self.shapes(schema)).collect();
                shapes = both(&shapes, &inner);
            }
        }
        match map.get("not") {
            Some(Value::Object(not)) if not.is_empty() => Vec::new(),
            _ => shapes,
        }
    }

    fn named(&mut self, name: String) -> Vec<Shape> {
        let definitions = self.definitions;
        match definitions.get(&name) {
            Some(schema) if !self.inside.contains(&name) => {
                self.inside.push(name);
                let shapes = self.shapes(schema);
                self.inside.pop();
                shapes
            }
            _ => vec![Shape::Any],
        }
    }
}

fn items<'a>(map: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> {
    map.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// The forms that are in `one` and in `other`.
fn both(one: &[Shape], other: &[Shape]) -> Vec<Shape> {
    let pairs = one.iter().flat_map(|one| other.iter().map(move |other| (one, other)));
    pairs
        .filter_map(|pair| match pair {
            (Shape::Any, shape) | (shape, Shape::Any) => Some(shape.clone()),
            (Shape::Object(one), Shape::Object(other)) => {
                Some(Shape::Object(one.clone().with(other.clone())))
            }
            (one, other) => (one.key() == other.key() || one.covers(other)).then(|| other.clone()),
        })
        .collect()
}

/// What the schema says itself, apart from what it refers to.
fn own(map: &Map<String, Value>) -> Vec<Shape> {
    if let Some(value) = map.get("const") {
        return vec![literal(value)];
    }
    if map.contains_key("enum") {
        return items(map, "enum").map(literal).collect();
    }
    let of = |name: &Value| name.as_str().map(|name| of_type(name, map));
    match map.get("type") {
        Some(Value::Array(names)) => names.iter().filter_map(of).collect(),
        Some(name) => of(name).into_iter().collect(),
        None if map.contains_key("properties") => vec![Shape::Object(object(map))],
        None => vec![Shape::Any],
    }
}

fn literal(value: &Value) -> Shape {
    if value.is_null() { Shape::Null } else { Shape::Literal(value.clone()) }
}

fn of_type(name: &str, map: &Map<String, Value>) -> Shape {
    match name {
        "null" => Shape::Null,
        "boolean" => Shape::Bool,
        "integer" => Shape::Integer(range(map)),
        "number" => Shape::Float(string(map, "format")),
        "string" => Shape::Text(text(map)),
        "array" => match (map.get("items"), map.get("prefixItems")) {
            (Some(Value::Array(items)), _) | (_, Some(Value::Array(items))) => Shape::Tuple(items.clone()),
            (items, _) => Shape::Array(items.cloned().unwrap_or(Value::Bool(true))),
        },
        "object" => Shape::Object(object(map)),
        _ => Shape::Any,
    }
}

/// Integers of 64 bits are those that a JavaScript number holds.
fn range(map: &Map<String, Value>) -> RangeInclusive<i128> {
    const SAFE: i128 = (1 << 53) - 1;
    let (least, most) = match map.get("format").and_then(Value::as_str) {
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("uint8") => (0, u8::MAX.into()),
        Some("int16") => (i16::MIN.into(), i16::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("uint" | "uint64") => (0, SAFE),
        _ => (-SAFE, SAFE),
    };
    let limit = |key: &str| map.get(key).and_then(Value::as_i64).map(i128::from);
    limit("minimum").map_or(least, |limit| limit.max(least))
        ..=limit("maximum").map_or(most, |limit| limit.min(most))
}

fn text(map: &Map<String, Value>) -> Text {
    let lengths = ["minLength", "maxLength"].map(|key| map.get(key).and_then(Value::as_u64));
    let lengths = match lengths {
        [None, None] => String::new(),
        [Some(1), Some(1)] => "one character".to_owned(),
        [least, most] => {
            let show = |limit: Option<u64>| limit.map(|limit| limit.to_string()).unwrap_or_default();
            format!("{}..{} characters", show(least), show(most))
        }
    };
    let rules = [string(map, "format"), string(map, "pattern"), lengths];
    let rules: Vec<String> = rules.into_iter().filter(|rule| !rule.is_empty()).collect();
    Text { rule: rules.join(", "), is_bytes: map.contains_key("contentEncoding") }
}

fn object(map: &Map<String, Value>) -> Object {
    let required: Vec<&Value> = items(map, "required").collect();
    let properties = map.get("properties").and_then(Value::as_object).into_iter().flatten();
    let field = |(name, schema): (&String, &Value)| {
        let is_required = required.iter().any(|it| it.as_str() == Some(name));
        (name.clone(), Field { schema: schema.clone(), is_required })
    };
    let patterns = map.get("patternProperties").and_then(Value::as_object);
    let by_pattern = patterns.and_then(|map| map.iter().next()).map(|(key, it)| (key.clone(), it.clone()));
    let others = map.get("additionalProperties");
    let by_any = others.filter(|schema| schema.is_object()).map(|schema| (String::new(), schema.clone()));
    Object {
        fields: properties.map(field).collect(),
        is_closed: others == Some(&Value::Bool(false)) && by_pattern.is_none(),
        entries: by_pattern.or(by_any),
    }
}

fn string(map: &Map<String, Value>, key: &str) -> String {
    map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}
