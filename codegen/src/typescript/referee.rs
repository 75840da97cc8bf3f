//! Compares what ts-rs declares with what schemars says of the same types, which reads attributes as serde does.
//!
//! Whatever may arrive has to be something that TypeScript expects, and whatever TypeScript lets one send has to be
//! something that the service reads. Both descriptions of a signature are walked at once; where they part, the error names
//! the type and the field. What a user wrote in `#[ts(type = "..")]` and nothing here understands is believed.

mod schema;
mod shape;
mod ty;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use trunkline_core::Description;

use self::{
    schema::Schemas,
    shape::{Field, Object, Shape, Text},
    ty::{Alternative, alternatives},
};
use super::{ast::Type, declarations::Declarations, print::flat, service::Service};
use crate::GenerateError;

/// Compares all types in the signatures of the services, and all that these mention.
pub(crate) fn check(
    description: &Description,
    services: &[Service<'_>],
    declarations: &Declarations,
) -> Result<(), GenerateError> {
    let both_ways = both_ways(services, declarations);
    let referee = |direction, schemas| Referee {
        direction,
        schemas: Schemas(schemas),
        declarations,
        both_ways: &both_ways,
        agreed: Vec::new(),
        seen: BTreeSet::new(),
        failed: BTreeMap::new(),
        depth: 0,
        later: Vec::new(),
    };
    let mut inputs = referee(Direction::Input, &description.inputs);
    let mut outputs = referee(Direction::Output, &description.outputs);
    for service in services {
        for method in &service.methods {
            let place = |what: &str| Place::of(format!("`{}::{}`, {what}", service.of.name, method.of.name));
            for param in &method.params {
                let place = place(&format!("parameter `{}`", param.of.name));
                inputs.compare(&param.ty, &param.of.ty.schema, &place, Null::Counts)?;
            }
            outputs.compare(&method.result, &method.of.result.schema, &place("result"), Null::Counts)?;
            if let (Some(ty), Some(error)) = (&method.error, &method.of.error) {
                outputs.compare(ty, &error.schema, &place("error"), Null::Counts)?;
            }
        }
    }
    inputs.finish()?;
    outputs.finish()
}

/// Which way a value goes, as the service sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Input,
    Output,
}

/// Whether a `null` that may arrive is one that TypeScript has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Null {
    Counts,
    /// It stands for a field that is left out instead.
    IsAbsence,
}

/// Where something is.
#[derive(Debug, Clone)]
struct Place {
    /// The Rust type or method.
    owner: String,
    /// By what its variant is known.
    variant: Option<String>,
    path: Vec<String>,
}

impl Place {
    fn of(owner: String) -> Self {
        Self { owner, variant: None, path: Vec::new() }
    }

    fn field(&self, name: &str) -> Self {
        let mut inner = self.clone();
        inner.path.push(name.to_owned());
        inner
    }

    fn text(&self) -> String {
        let variant = self.variant.as_ref().map(|variant| format!(" where {variant}")).unwrap_or_default();
        match &self.path[..] {
            [] => format!("{}{variant}", self.owner),
            path => format!("{}, field `{}`{variant}", self.owner, path.join(".")),
        }
    }
}

/// The Rust types that are both sent and received.
fn both_ways(services: &[Service<'_>], declarations: &Declarations) -> BTreeSet<String> {
    let methods = || services.iter().flat_map(|service| &service.methods);
    let inputs = methods().flat_map(|method| method.params.iter().map(|param| &param.ty));
    let outputs = methods().flat_map(|method| [&method.result].into_iter().chain(&method.error));
    let (inputs, outputs) = (declarations.reached(inputs), declarations.reached(outputs));
    let names = inputs.intersection(&outputs).filter_map(|name| declarations.get(name));
    names.map(|declared| format!("`{}`", declared.rust)).collect()
}

struct Referee<'a> {
    direction: Direction,
    schemas: Schemas<'a>,
    declarations: &'a Declarations,
    /// What is sent as well as received.
    both_ways: &'a BTreeSet<String>,
    /// What agreed already, or is about to be compared: types may be part of themselves.
    seen: BTreeSet<Comparison>,
    /// The same in order: what agreed inside of something that did not may have done so by that alone.
    agreed: Vec<Comparison>,
    /// What did not agree: no alternative makes that good.
    failed: BTreeMap<Comparison, GenerateError>,
    /// How many types the ones at hand are inside of.
    depth: usize,
    /// What was too deep to be compared at once.
    later: Vec<(Type, Value, Place, Null)>,
}

/// A type and a schema, and whether null counts between them.
type Comparison = (Type, String, Null);

/// How many types inside each other are compared at once: the stack has an end.
const DEPTH: usize = 32;

impl Referee<'_> {
    /// Compares what was left for later.
    fn finish(&mut self) -> Result<(), GenerateError> {
        while let Some((ty, schema, place, null)) = self.later.pop() {
            self.compare_now(&ty, &schema, &place, null)?;
        }
        Ok(())
    }

    fn compare(&mut self, ty: &Type, schema: &Value, place: &Place, null: Null) -> Result<(), GenerateError> {
        let comparison = (ty.clone(), schema.to_string(), null);
        if let Some(error) = self.failed.get(&comparison) {
            return Err(error.clone());
        }
        if !self.seen.insert(comparison.clone()) {
            return Ok(());
        }
        let (agreed, later) = (self.agreed.len(), self.later.len());
        self.agreed.push(comparison.clone());
        if self.depth == DEPTH {
            self.later.push((ty.clone(), schema.clone(), place.clone(), null));
            return Ok(());
        }
        self.depth += 1;
        let result = self.compare_now(ty, schema, place, null);
        self.depth -= 1;
        if let Err(error) = &result {
            for comparison in self.agreed.drain(agreed..) {
                self.seen.remove(&comparison);
            }
            self.later.truncate(later);
            self.failed.insert(comparison, error.clone());
        }
        result
    }

    fn compare_now(
        &mut self,
        ty: &Type,
        schema: &Value,
        place: &Place,
        null: Null,
    ) -> Result<(), GenerateError> {
        let types = alternatives(ty, self.declarations);
        let mut shapes = self.schemas.shapes(schema);
        let is_anything = types.iter().any(|it| it.shape == Shape::Anything);
        if is_anything || shapes.contains(&Shape::Anything) {
            return Ok(());
        }
        match self.direction {
            Direction::Output => {
                shapes.retain(|shape| *shape != Shape::Null || null == Null::Counts);
                shapes.iter().try_for_each(|shape| {
                    let pairs: Vec<_> = types.iter().map(|it| (it, shape)).collect();
                    self.any_pair(&pairs, ty, place, &shape.words())
                })
            }
            Direction::Input => types.iter().try_for_each(|it| {
                let pairs: Vec<_> = shapes.iter().map(|shape| (it, shape)).collect();
                self.any_pair(&pairs, ty, place, &it.shape.words())
            }),
        }
    }

    /// One of the pairs has to agree; if none does, the most similar one says why.
    fn any_pair(
        &mut self,
        pairs: &[(&Alternative, &Shape<Value>)],
        ty: &Type,
        place: &Place,
        words: &str,
    ) -> Result<(), GenerateError> {
        let mut similar: Vec<_> =
            pairs.iter().filter(|(one, other)| self.may_agree(&one.shape, other)).collect();
        similar.sort_by_key(|(one, other)| difference(&one.shape, other));
        let mut first = None;
        for (one, other) in similar {
            match self.pair(one, other, place) {
                Ok(()) => return Ok(()),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| {
            let ty = flat(ty);
            let mismatch = match self.direction {
                Direction::Output => format!("{words} may arrive, but TypeScript says `{ty}`"),
                Direction::Input => format!("TypeScript says `{ty}`, but {words} is not read"),
            };
            let advice = "say what is on the wire with `#[data(as = …)]` or `#[ts(type = \"…\")]`";
            self.mismatch(place, mismatch, advice)
        }))
    }

    fn may_agree(&self, ty: &Shape<Type>, shape: &Shape<Value>) -> bool {
        match (ty, shape) {
            (Shape::Null, Shape::Null)
            | (Shape::Boolean, Shape::Boolean)
            | (Shape::Number, Shape::Number) => true,
            (Shape::Text(ty), Shape::Text(text)) => match (ty, text) {
                (Text::Exactly(one), Text::Exactly(other)) => one == other,
                (one, other) => (*one == Text::Bytes) == (*other == Text::Bytes),
            },
            (Shape::List(_) | Shape::Tuple(_), Shape::List(_)) | (Shape::List(_), Shape::Tuple(_)) => true,
            (Shape::Tuple(one), Shape::Tuple(other)) => one.len() == other.len(),
            (Shape::Object(one), Shape::Object(other)) => one.fields.iter().all(|(name, field)| {
                let literals = (literal(&field.ty), other.fields.get(name).and_then(|it| constant(&it.ty)));
                !matches!(literals, (Some(one), Some(other)) if one != other)
            }),
            _ => false,
        }
    }

    /// Compares what is inside of two that are of one kind.
    fn pair(&mut self, one: &Alternative, other: &Shape<Value>, place: &Place) -> Result<(), GenerateError> {
        let place =
            &one.owner.as_ref().map_or_else(|| place.clone(), |owner| Place::of(format!("`{owner}`")));
        match (&one.shape, other) {
            (Shape::List(ty), Shape::List(schema)) => self.compare(ty, schema, place, Null::Counts),
            (Shape::List(ty), Shape::Tuple(schemas)) => {
                schemas.iter().try_for_each(|schema| self.compare(ty, schema, place, Null::Counts))
            }
            (Shape::Tuple(types), Shape::List(schema)) => {
                types.iter().try_for_each(|ty| self.compare(ty, schema, place, Null::Counts))
            }
            (Shape::Tuple(types), Shape::Tuple(schemas)) => {
                let elements = types.iter().zip(schemas).enumerate();
                elements.into_iter().try_for_each(|(at, (ty, schema))| {
                    self.compare(ty, schema, &place.field(&at.to_string()), Null::Counts)
                })
            }
            (Shape::Object(ty), Shape::Object(schema)) => {
                let variant = ty.fields.iter().find_map(|(name, field)| Some((name, literal(&field.ty)?)));
                let variant = variant.map(|(name, value)| format!("`{name}` is `{value:?}`"));
                let place = &Place { variant: variant.or_else(|| place.variant.clone()), ..place.clone() };
                match self.direction {
                    Direction::Output => self.arrives(ty, schema, place)?,
                    Direction::Input => self.is_read(ty, schema, place)?,
                }
                match (&ty.rest, &schema.rest) {
                    (Some(ty), Some(schema)) => self.compare(ty, schema, place, Null::Counts),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// An object that the schema allows is one that TypeScript expects.
    fn arrives(
        &mut self,
        ty: &Object<Type>,
        schema: &Object<Value>,
        place: &Place,
    ) -> Result<(), GenerateError> {
        for (name, field) in &schema.fields {
            let place = place.field(name);
            let null = if field.required { Null::Counts } else { Null::IsAbsence };
            match ty.fields.get(name) {
                Some(expected) if expected.required && !field.required => {
                    let mismatch = "it may be missing, but TypeScript expects it always";
                    let advice = "say `#[ts(as = \"Option<_>\", optional)]`, or let serde always write it";
                    return Err(self.mismatch(&place, mismatch, advice));
                }
                Some(expected) => self.compare(&expected.ty, &field.ty, &place, null)?,
                None => match &ty.rest {
                    Some(rest) => self.compare(rest, &field.ty, &place, null)?,
                    None => {
                        let mismatch = "it arrives, but TypeScript does not know it";
                        let advice = "give it one name for serde and ts-rs, or hide it from both with `#[serde(skip)]`";
                        return Err(self.mismatch(&place, mismatch, advice));
                    }
                },
            }
        }
        let is_missing = |(name, field): &(&String, &Field<Type>)| {
            field.required && !schema.fields.contains_key(*name) && !self.is_tag_of_a_struct(field)
        };
        let missing = ty.fields.iter().find(is_missing);
        match missing {
            None => Ok(()),
            Some((name, _)) => {
                let mismatch = "TypeScript expects it, but it never arrives";
                let advice = "hide it with `#[ts(skip)]`, or let serde write it under that name";
                Err(self.mismatch(&place.field(name), mismatch, advice))
            }
        }
    }

    /// An object that TypeScript allows is one that the schema does.
    fn is_read(
        &mut self,
        ty: &Object<Type>,
        schema: &Object<Value>,
        place: &Place,
    ) -> Result<(), GenerateError> {
        for (name, field) in &ty.fields {
            let place = place.field(name);
            match (schema.fields.get(name), &schema.rest) {
                (Some(Field { required: true, .. }), _) if !field.required => {
                    let mismatch = "TypeScript lets one leave it out, but it has to be there";
                    let advice = "let serde do without with `#[serde(default)]`, or remove `#[ts(optional)]`";
                    return Err(self.mismatch(&place, mismatch, advice));
                }
                (Some(read), _) => self.compare(&field.ty, &read.ty, &place, Null::Counts)?,
                (None, Some(rest)) => self.compare(&field.ty, rest, &place, Null::Counts)?,
                (None, None) if (field.required && !self.is_tag_of_a_struct(field)) || schema.closed => {
                    let mismatch = "TypeScript asks for it, but it is not read";
                    let advice = "hide it with `#[ts(skip)]`, or let serde read it under that name";
                    return Err(self.mismatch(&place, mismatch, advice));
                }
                (None, None) => {}
            }
        }
        let is_unknown = |name: &String| !ty.fields.contains_key(name) && ty.rest.is_none();
        match schema.fields.iter().find(|(name, field)| field.required && is_unknown(name)) {
            None => Ok(()),
            Some((name, _)) => {
                let mismatch = "it has to be there, but TypeScript does not know it";
                let advice =
                    "give it one name for serde and ts-rs, or hide it from both with `#[serde(skip)]`";
                Err(self.mismatch(&place.field(name), mismatch, advice))
            }
        }
    }

    /// schemars does not know `#[serde(tag = "..")]` on a struct; ts-rs does, and takes the struct's name.
    fn is_tag_of_a_struct(&self, field: &Field<Type>) -> bool {
        literal(&field.ty).is_some_and(|text| self.declarations.get(text).is_some())
    }

    fn mismatch(&self, place: &Place, mismatch: impl Into<String>, advice: &str) -> GenerateError {
        let advice = if self.both_ways.contains(&place.owner) {
            format!(
                "{advice}; it is both sent and received, so if the two differ on purpose, make it two types, and put \
                 `#[data(input)]` on the one that clients send"
            )
        } else {
            advice.to_owned()
        };
        GenerateError::Mismatch { at: place.text(), mismatch: mismatch.into(), advice }
    }
}

/// The text that a type is, if it is just one.
fn literal(ty: &Type) -> Option<&str> {
    match ty {
        Type::Text(text) => Some(text),
        _ => None,
    }
}

/// The text that a schema allows, if it is just one.
fn constant(schema: &Value) -> Option<&str> {
    match schema.get("const").or_else(|| schema.get("enum")?.as_array().filter(|it| it.len() == 1)?.first()) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// In how many fields two objects differ.
fn difference(ty: &Shape<Type>, schema: &Shape<Value>) -> usize {
    match (ty, schema) {
        (Shape::Object(ty), Shape::Object(schema)) => {
            let ours = ty.fields.keys().filter(|name| !schema.fields.contains_key(*name)).count();
            ours + schema.fields.keys().filter(|name| !ty.fields.contains_key(*name)).count()
        }
        _ => 0,
    }
}
