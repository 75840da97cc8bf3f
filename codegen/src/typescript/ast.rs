//! TypeScript's types as far as ts-rs writes them.

use std::collections::BTreeMap;

/// A type expression.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Type {
    /// A name with its arguments: `Page<User>`, `string`, `T`.
    Name(String, Vec<Self>),
    /// A string literal, without its quotes.
    Text(String),
    /// A number or boolean literal.
    Literal(String),
    /// `` `${bigint}` ``: the text that values of a type become as keys.
    TextOf(Box<Self>),
    Array(Box<Self>),
    Tuple(Vec<Element>),
    Object(Vec<Property>),
    Record(Box<Record>),
    Union(Vec<Self>),
    Intersection(Vec<Self>),
    /// What a user wrote in `#[ts(type = "..")]` and nothing here understands; goes into the file as it is.
    Raw(String),
}

/// An element of a tuple.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Element {
    pub(crate) ty: Type,
    pub(crate) optional: bool,
}

/// A property of an object type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Property {
    pub(crate) docs: Vec<String>,
    pub(crate) name: String,
    pub(crate) optional: bool,
    pub(crate) ty: Type,
}

/// A map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Record {
    pub(crate) key: Type,
    pub(crate) value: Type,
    /// Whether not every key has to be there.
    pub(crate) partial: bool,
    /// Whether it is written as a mapped type, which may mention the type that it is part of, and not as `Record`, which
    /// may not.
    pub(crate) mapped: bool,
}

impl Type {
    pub(crate) fn name(name: &str) -> Self {
        Self::Name(name.to_owned(), Vec::new())
    }

    pub(crate) fn array(element: Self) -> Self {
        Self::Array(Box::new(element))
    }

    pub(crate) fn record(key: Self, value: Self, partial: bool) -> Self {
        Self::Record(Box::new(Record { key, value, partial, mapped: false }))
    }

    /// Whether it is the built-in type of this name.
    pub(crate) fn is(&self, builtin: &str) -> bool {
        matches!(self, Self::Name(name, args) if name == builtin && args.is_empty())
    }

    /// The union of the types, flat and without repetitions; `never` of none.
    pub(crate) fn union(types: impl IntoIterator<Item = Self>) -> Self {
        let mut members = Vec::new();
        for ty in types {
            match ty {
                Self::Union(inner) => members.extend(inner),
                ty => members.push(ty),
            }
        }
        let mut unique = Vec::new();
        for ty in members {
            if !unique.contains(&ty) {
                unique.push(ty);
            }
        }
        match unique.len() {
            0 => Self::name("never"),
            1 => unique.swap_remove(0),
            _ => Self::Union(unique),
        }
    }

    /// The intersection of the types, with neighbouring objects made one.
    ///
    /// ts-rs writes `{ x: number } & "Point"` for a flattened variant without fields, of which serde makes a field.
    pub(crate) fn intersection(types: impl IntoIterator<Item = Self>) -> Self {
        let mut types: Vec<Self> = types.into_iter().collect();
        if types.len() == 1 {
            return types.swap_remove(0);
        }
        let mut members: Vec<Self> = Vec::new();
        for ty in types {
            let parts = match ty {
                Self::Intersection(parts) => parts,
                ty => vec![ty],
            };
            for part in parts.into_iter().map(Self::flattened) {
                match (members.last_mut(), part) {
                    (Some(Self::Object(properties)), Self::Object(more))
                        if are_disjoint(properties, &more) =>
                    {
                        properties.extend(more);
                    }
                    (_, part) => members.push(part),
                }
            }
        }
        match members.len() {
            0 => Self::name("unknown"),
            1 => members.swap_remove(0),
            _ => Self::Intersection(members),
        }
    }

    fn flattened(self) -> Self {
        match self {
            Self::Text(name) => {
                let ty = Self::name("null");
                Self::Object(vec![Property { docs: Vec::new(), name, optional: false, ty }])
            }
            Self::Union(types) => Self::union(types.into_iter().map(Self::flattened)),
            ty => ty,
        }
    }

    /// The type without one `null`: that of a value which may be left out instead.
    pub(crate) fn without_null(self) -> Self {
        match self {
            Self::Union(types) => Self::union(types.into_iter().filter(|ty| !ty.is("null"))),
            ty => ty,
        }
    }

    /// The types inside.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Name(_, types) | Self::Union(types) | Self::Intersection(types) => types.iter().collect(),
            Self::TextOf(ty) | Self::Array(ty) => vec![ty],
            Self::Tuple(elements) => elements.iter().map(|element| &element.ty).collect(),
            Self::Object(properties) => properties.iter().map(|property| &property.ty).collect(),
            Self::Record(record) => vec![&record.key, &record.value],
            Self::Text(_) | Self::Literal(_) | Self::Raw(_) => Vec::new(),
        }
    }

    /// The same type with every type inside replaced by what `change` makes of it.
    pub(crate) fn map(&self, change: &mut impl FnMut(&Self) -> Self) -> Self {
        match self {
            Self::Name(name, args) => Self::Name(name.clone(), args.iter().map(change).collect()),
            Self::TextOf(ty) => Self::TextOf(Box::new(change(ty))),
            Self::Array(ty) => Self::array(change(ty)),
            Self::Tuple(elements) => Self::Tuple(
                elements.iter().map(|it| Element { ty: change(&it.ty), optional: it.optional }).collect(),
            ),
            Self::Object(properties) => {
                let properties = properties.iter();
                Self::Object(properties.map(|it| Property { ty: change(&it.ty), ..it.clone() }).collect())
            }
            Self::Record(it) => {
                let (key, value) = (change(&it.key), change(&it.value));
                Self::Record(Box::new(Record { key, value, ..**it }))
            }
            Self::Union(types) => Self::union(types.iter().map(change)),
            Self::Intersection(types) => Self::intersection(types.iter().map(change)),
            Self::Text(_) | Self::Literal(_) | Self::Raw(_) => self.clone(),
        }
    }

    /// The type with arguments in the place of generic parameters.
    pub(crate) fn with(&self, args: &BTreeMap<&str, Self>) -> Self {
        match self {
            Self::Name(name, none) if none.is_empty() && args.contains_key(name.as_str()) => {
                args.get(name.as_str()).cloned().unwrap_or_else(|| self.clone())
            }
            ty => ty.map(&mut |inner| inner.with(args)),
        }
    }
}

fn are_disjoint(properties: &[Property], more: &[Property]) -> bool {
    !more.iter().any(|new| properties.iter().any(|old| old.name == new.name))
}
