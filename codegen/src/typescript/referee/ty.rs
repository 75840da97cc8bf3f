//! What a TypeScript type says of a value.

use super::shape::{Field, Object, Shape, Text, both};
use crate::typescript::{ast::Type, declarations::Declarations};

/// One of the things that a value may be, and the Rust type that says so, if it has a name.
#[derive(Debug, Clone)]
pub(super) struct Alternative {
    pub(super) shape: Shape<Type>,
    pub(super) owner: Option<String>,
}

/// Types that only stand for each other have no end.
const DEPTH: usize = 64;

/// All that a value may be.
pub(super) fn alternatives(ty: &Type, declarations: &Declarations) -> Vec<Alternative> {
    expand(ty, None, declarations, DEPTH)
}

fn expand(ty: &Type, owner: Option<&str>, declarations: &Declarations, depth: usize) -> Vec<Alternative> {
    let one = |shape| vec![Alternative { shape, owner: owner.map(str::to_owned) }];
    let Some(depth) = depth.checked_sub(1) else { return one(Shape::Anything) };
    if let (Type::Name(name, _), Some(body)) = (ty, declarations.resolve(ty)) {
        let owner = declarations.get(name).map(|declared| declared.rust.as_str());
        return expand(&body, owner, declarations, depth);
    }
    match ty {
        Type::Union(types) => types.iter().flat_map(|ty| expand(ty, owner, declarations, depth)).collect(),
        Type::Intersection(types) => {
            let shapes = types.iter().fold(vec![Shape::Anything], |shapes, ty| {
                let parts = expand(ty, owner, declarations, depth).into_iter().map(|it| it.shape);
                both(&shapes, &parts.collect::<Vec<_>>())
            });
            shapes.into_iter().flat_map(one).collect()
        }
        ty if ty.is("never") => Vec::new(),
        Type::Name(name, args) => one(builtin(name, args)),
        Type::Text(text) => one(Shape::Text(Text::Exactly(text.clone()))),
        Type::Literal(text) if text == "true" || text == "false" => one(Shape::Boolean),
        Type::Literal(_) => one(Shape::Number),
        Type::TextOf(_) => one(Shape::Text(Text::Any)),
        Type::Array(element) => one(Shape::List((**element).clone())),
        Type::Tuple(elements) => one(Shape::Tuple(elements.iter().map(|it| it.ty.clone()).collect())),
        Type::Object(properties) => {
            let fields = properties
                .iter()
                .map(|it| (it.name.clone(), Field { ty: it.ty.clone(), required: !it.optional }));
            one(Shape::Object(Object::of(fields.collect())))
        }
        Type::Record(record) => {
            let object = Object { rest: Some(record.value.clone()), ..Object::of([].into()) };
            one(Shape::Object(object))
        }
        Type::Raw(_) => one(Shape::Anything),
    }
}

fn builtin(name: &str, args: &[Type]) -> Shape<Type> {
    match (name, args) {
        ("null" | "undefined" | "void", []) => Shape::Null,
        ("boolean", []) => Shape::Boolean,
        ("number", []) => Shape::Number,
        ("string", []) => Shape::Text(Text::Any),
        ("bigint", []) => Shape::Text(Text::BigInt),
        ("Uint8Array", []) => Shape::Text(Text::Bytes),
        // ts-rs's word for a struct without fields.
        ("Record", [key, _]) if key.is("symbol") => Shape::Object(Object::of([].into())),
        _ => Shape::Anything,
    }
}
