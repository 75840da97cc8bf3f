//! The rules for the types in a signature, as far as they show in the text.

use quote::ToTokens;
use syn::{
    GenericArgument, Lifetime, PathArguments, ReturnType, Type, TypeImplTrait, TypeInfer, TypeParamBound,
    TypeReference,
    visit_mut::{self, VisitMut},
};

use crate::{
    errors::Errors,
    model::{Arg, Method, generic_argument, last_segment},
    names::source_text,
};

/// Types that a later version brings, with what to do until then.
const LATER: [(&str, &str); 3] = [
    ("Cap", "pass an id, and look the object up by it"),
    ("Callback", "return what the callback would be called with"),
    ("Subscription", "let the client ask for what is new with a method"),
];

/// The type of an argument.
pub(super) fn argument(arg: &Arg, errors: &mut Errors) {
    let ty = arg.upload().unwrap_or(&arg.ty);
    if !is_for_later(ty, errors) {
        look_inside(ty, "an argument", errors);
    }
}

/// What a method returns.
pub(super) fn output(method: &Method, errors: &mut Errors) {
    let output = method.output();
    if is_for_later(&output, errors) {
        return;
    }
    let Some(stream) = method.stream() else { return look_inside(&output, "a result", errors) };
    look_inside(&stream.item, "an item of a stream", errors);
    // What may stand beside the item is the error.
    if stream.begins.is_some()
        && let Some(segment) = last_segment(&output)
        && let PathArguments::AngleBracketed(arguments) = &segment.arguments
    {
        for argument in arguments.args.iter().skip(1) {
            if let GenericArgument::Type(error) = argument {
                look_inside(error, "a result", errors);
            }
        }
    }
}

/// A field of a type under `#[data]`.
pub(super) fn field(ty: &Type, errors: &mut Errors) {
    look_inside(ty, "a field", errors);
}

/// Reports a type that is not available yet, also inside `Result` and `Option`.
fn is_for_later(ty: &Type, errors: &mut Errors) -> bool {
    let inner = ["Result", "Option"].into_iter().find_map(|name| generic_argument(ty, name));
    if inner.is_some_and(|inner| is_for_later(inner, errors)) {
        return true;
    }
    let Some(segment) = last_segment(ty).filter(|segment| !segment.arguments.is_none()) else { return false };
    let Some((name, instead)) = LATER.iter().find(|(name, _)| segment.ident == name) else { return false };
    errors.push(ty, format!("`{name}` is not available in this version: {instead}"));
    true
}

fn look_inside(ty: &Type, place: &'static str, errors: &mut Errors) {
    Look { place, errors }.visit_type_mut(&mut ty.clone());
}

/// Goes through a type and reports what can be no part of one that travels.
struct Look<'a> {
    place: &'static str,
    errors: &'a mut Errors,
}

impl VisitMut for Look<'_> {
    fn visit_type_reference_mut(&mut self, ty: &mut TypeReference) {
        let place = self.place;
        self.errors.push(&ty, format!("{place} owns its data: write `{}`", owned(&ty.elem)));
    }

    fn visit_type_impl_trait_mut(&mut self, ty: &mut TypeImplTrait) {
        let message = match ty.bounds.iter().find_map(bound_name).as_deref() {
            Some("Stream") if self.place == "an argument" => {
                "a caller sends a stream as `Streaming<T>`: write that, with the type of its items".to_owned()
            }
            Some("Stream") if self.place == "a result" => {
                "a method gives a stream, or a `Result` of one, and nothing round it: write `impl Stream<Item = T>`"
                    .to_owned()
            }
            Some("Future") => {
                "`#[service]` writes the future itself: write `async fn`, and the type of its value"
                    .to_owned()
            }
            _ => format!("{} has one type that both ends know: name it in place of `impl`", self.place),
        };
        self.errors.push(ty, message);
    }

    fn visit_type_infer_mut(&mut self, ty: &mut TypeInfer) {
        self.errors.push(ty, "the type cannot be inferred here: name it");
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident != "static" {
            self.errors
                .push(lifetime, format!("{} owns its data: use a type without a lifetime", self.place));
        }
    }

    fn visit_path_mut(&mut self, path: &mut syn::Path) {
        let last = path.segments.last().filter(|segment| !segment.arguments.is_none());
        if last.is_some_and(|segment| segment.ident == "Streaming") {
            let message = match self.place {
                "an argument" => {
                    "a stream is a whole argument, and no part of another: take a `Streaming<T>` beside it"
                }
                _ => "`Streaming` is what a caller sends: a method gives a stream as `impl Stream<Item = T>`",
            };
            return self.errors.push(path, message);
        }
        match path.segments.first() {
            Some(first) if first.ident == "Self" && self.place != "a field" => {
                self.errors.push(path, "`Self` is the service, which cannot travel: name the type");
            }
            _ => visit_mut::visit_path_mut(self, path),
        }
    }

    // What a function pointer takes and gives does not travel with it; that it cannot travel at all, the compiler says.
    fn visit_return_type_mut(&mut self, _: &mut ReturnType) {}
}

fn bound_name(bound: &TypeParamBound) -> Option<String> {
    match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// The owned counterpart of what a reference points to.
fn owned(ty: &Type) -> String {
    match ty {
        Type::Slice(slice) => format!("Vec<{}>", source_text(slice.elem.to_token_stream())),
        _ if last_segment(ty).is_some_and(|segment| segment.ident == "str") => "String".to_owned(),
        _ => source_text(ty.to_token_stream()),
    }
}
