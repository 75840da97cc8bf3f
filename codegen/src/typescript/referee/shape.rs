//! What a value may look like, in terms that TypeScript and JSON Schema share.

use std::collections::BTreeMap;

/// One of the things that a value may be; what is inside is described by `T`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape<T> {
    Anything,
    Null,
    Boolean,
    Number,
    Text(Text),
    List(T),
    Tuple(Vec<T>),
    Object(Object<T>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text {
    Any,
    Exactly(String),
    Bytes,
    BigInt,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object<T> {
    pub(super) fields: BTreeMap<String, Field<T>>,
    /// What fields of other names hold, if there may be some.
    pub(super) rest: Option<T>,
    /// Whether fields of other names are refused.
    pub(super) closed: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field<T> {
    pub(super) ty: T,
    pub(super) required: bool,
}

/// Beyond this many alternatives, a type counts as anything.
const MANY: usize = 512;

/// What is both one of these and one of those.
pub(super) fn both<T: Clone + PartialEq>(these: &[Shape<T>], those: &[Shape<T>]) -> Vec<Shape<T>> {
    if these.len().saturating_mul(those.len()) > MANY {
        return vec![Shape::Anything];
    }
    these.iter().flat_map(|one| those.iter().filter_map(|other| merged(one, other))).collect()
}

fn merged<T: Clone + PartialEq>(one: &Shape<T>, other: &Shape<T>) -> Option<Shape<T>> {
    match (one, other) {
        (Shape::Anything, shape) | (shape, Shape::Anything) => Some(shape.clone()),
        (Shape::Object(one), Shape::Object(other)) => {
            let mut fields = one.fields.clone();
            for (name, field) in &other.fields {
                let required = field.required || fields.get(name).is_some_and(|field| field.required);
                fields.insert(name.clone(), Field { required, ..field.clone() });
            }
            let rest = one.rest.clone().or_else(|| other.rest.clone());
            Some(Shape::Object(Object { fields, rest, closed: one.closed || other.closed }))
        }
        (Shape::Text(Text::Any), shape @ Shape::Text(_))
        | (shape @ Shape::Text(_), Shape::Text(Text::Any)) => Some(shape.clone()),
        (one, other) => (one == other).then(|| one.clone()),
    }
}

impl<T> Object<T> {
    pub(super) fn of(fields: BTreeMap<String, Field<T>>) -> Self {
        Self { fields, rest: None, closed: false }
    }
}

impl<T> Shape<T> {
    /// In words, for messages.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Anything => "anything".to_owned(),
            Self::Null => "`null`".to_owned(),
            Self::Boolean => "a boolean".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Text(Text::Any) => "a string".to_owned(),
            Self::Text(Text::Exactly(text)) => format!("the string {text:?}"),
            Self::Text(Text::Bytes) => "bytes".to_owned(),
            Self::Text(Text::BigInt) => "a whole 64-bit integer".to_owned(),
            Self::List(_) | Self::Tuple(_) => "a list".to_owned(),
            Self::Object(object) if object.fields.is_empty() => "a map".to_owned(),
            Self::Object(object) => {
                let names: Vec<&str> = object.fields.keys().map(String::as_str).collect();
                format!("an object with `{}`", names.join("`, `"))
            }
        }
    }
}
