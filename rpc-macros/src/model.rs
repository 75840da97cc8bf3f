//! What the user wrote, as plain data: our attributes are read and taken out, nothing is judged yet.

mod data;
mod service;
mod stream;

pub(crate) use data::{Data, Field, Variant};
pub(crate) use service::{Arg, Method, Role, Service, WireName};
pub(crate) use stream::sent;

use syn::{GenericArgument, PathArguments, Type};

/// The last segment of a plain path.
pub(crate) fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// The first type in the angle brackets of `name<..>`.
pub(crate) fn generic_argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}
