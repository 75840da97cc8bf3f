//! Which methods give a stream, and which arguments are one: told by how their types are written.

use syn::{
    GenericArgument, PathArguments, Type, TypeImplTrait, TypeParamBound, parse_quote,
    visit_mut::{self, VisitMut},
};

use super::{Arg, Method, Role, generic_argument, last_segment};

/// What a method gives that gives a stream.
pub(crate) struct StreamOutput {
    /// What one item is: a value, or a `Result` of one.
    pub(crate) item: Type,
    /// What a method would return that gave one item: its error is what the stream can fail with.
    pub(crate) reply: Type,
    /// If the stream is inside a `Result`, so that the method may fail before there is one: that `Result` of nothing.
    pub(crate) begins: Option<Type>,
}

impl Method {
    /// What the stream is made of, if the method gives one: `impl Stream<Item = T>`, `BoxStream<T>`, or a `Result` of these.
    pub(crate) fn stream(&self) -> Option<StreamOutput> {
        let output = self.output();
        if let Some(item) = item(&output) {
            return Some(StreamOutput { reply: item.clone(), item, begins: None });
        }
        let item = item(generic_argument(&output, "Result")?)?;
        let is_result = last_segment(&item).is_some_and(|segment| segment.ident == "Result");
        let reply = if is_result { item.clone() } else { with_first_argument(&output, &item)? };
        let begins = Some(with_first_argument(&output, &parse_quote!(()))?);
        Some(StreamOutput { item, reply, begins })
    }
}

/// The type with every `impl Stream` in it made `Send`.
pub(crate) fn sent(mut ty: Type) -> Type {
    struct Sent;
    impl VisitMut for Sent {
        fn visit_type_impl_trait_mut(&mut self, ty: &mut TypeImplTrait) {
            if ty.bounds.iter().any(|bound| item_of_bound(bound).is_some()) {
                ty.bounds.push(parse_quote!(::core::marker::Send));
            }
            visit_mut::visit_type_impl_trait_mut(self, ty);
        }
    }
    Sent.visit_type_mut(&mut ty);
    ty
}

impl Arg {
    /// The type of an item, if the argument is a stream that the caller sends: `Streaming<T>`.
    pub(crate) fn upload(&self) -> Option<&Type> {
        let is_param = self.role == Role::Param && self.keys.param.is_none();
        if is_param { generic_argument(&self.ty, "Streaming") } else { None }
    }
}

/// The type of the items of a stream.
fn item(ty: &Type) -> Option<Type> {
    match ty {
        Type::ImplTrait(ty) => ty.bounds.iter().find_map(item_of_bound),
        Type::Group(group) => item(&group.elem),
        Type::Paren(paren) => item(&paren.elem),
        _ => generic_argument(ty, "BoxStream").cloned(),
    }
}

fn item_of_bound(bound: &TypeParamBound) -> Option<Type> {
    let TypeParamBound::Trait(bound) = bound else { return None };
    let segment = bound.path.segments.last().filter(|segment| segment.ident == "Stream")?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(binding) if binding.ident == "Item" => Some(binding.ty.clone()),
        _ => None,
    })
}

/// `Result<Message, ChatError>` of `Result<impl Stream<Item = Message>, ChatError>`.
fn with_first_argument(ty: &Type, first: &Type) -> Option<Type> {
    let Type::Path(path) = ty else { return None };
    let mut path = path.clone();
    let segment = path.path.segments.last_mut()?;
    let PathArguments::AngleBracketed(arguments) = &mut segment.arguments else { return None };
    let place = arguments.args.iter_mut().find(|argument| matches!(argument, GenericArgument::Type(_)))?;
    *place = GenericArgument::Type(first.clone());
    Some(parse_quote!(#path))
}
