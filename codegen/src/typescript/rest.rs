//! Maps that are flattened into an object: TypeScript would have every field be a value of the map as well.
//!
//! In `{ name: string } & Record<string, number>` the field `name` is text and a number at once, which nothing is. So the
//! map's values are printed as what any field may be. The looser type is for people only: what travels is judged by the
//! exact one.

use std::collections::BTreeSet;

use super::{
    ast::{Record, Type},
    declarations::{Declarations, Declared},
};

/// A declared type with the maps in its intersections loosened.
pub(crate) fn loosened(declared: &Declared, declarations: &Declarations) -> Type {
    walk(&declared.body, &declared.name, declarations)
}

fn walk(ty: &Type, owner: &str, declarations: &Declarations) -> Type {
    let ty = ty.map(&mut |inner| walk(inner, owner, declarations));
    let Type::Intersection(types) = &ty else { return ty };
    let fields: Vec<Type> =
        types.iter().flat_map(|ty| fields(ty, declarations, &mut BTreeSet::new())).collect();
    Type::intersection(types.iter().map(|ty| match ty {
        Type::Record(record) => {
            let value = Type::union([record.value.clone()].into_iter().chain(fields.clone()));
            let mapped = record.mapped || declarations.reaches(&value, owner);
            Type::Record(Box::new(Record { value, mapped, ..(**record).clone() }))
        }
        ty => ty.clone(),
    }))
}

/// What the fields of an object may be, in any order.
fn fields(ty: &Type, declarations: &Declarations, seen: &mut BTreeSet<Type>) -> Vec<Type> {
    match ty {
        Type::Object(properties) => {
            let absence = properties.iter().any(|it| it.optional).then(|| Type::name("undefined"));
            properties.iter().map(|it| it.ty.clone()).chain(absence).collect()
        }
        Type::Union(types) | Type::Intersection(types) => {
            types.iter().flat_map(|ty| fields(ty, declarations, seen)).collect()
        }
        Type::Name(..) if seen.insert(ty.clone()) => {
            declarations.resolve(ty).map(|ty| fields(&ty, declarations, seen)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}
