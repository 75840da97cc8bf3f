//! The rules for the types in a signature, as far as they show in the text.

use quote::ToTokens;
use syn::{
    Lifetime, ReturnType, Type, TypeImplTrait, TypeInfer, TypeParamBound, TypeReference,
    visit_mut::{self, VisitMut},
};

use crate::{
    errors::Errors,
    model::{generic_argument, last_segment},
    names::source_text,
};

/// Types that a later version brings, with what to do until then.
const LATER: [(&str, &str); 4] = [
    ("Cap", "pass an id, and look the object up by it"),
    ("Callback", "return what the callback would be called with"),
    ("Subscription", "let the client ask for what is new with a method"),
    ("Streaming", "take a `Vec`"),
];

/// The type of an argument.
pub(super) fn argument(ty: &Type, errors: &mut Errors) {
    if !is_for_later(ty, errors) {
        look_inside(ty, "an argument", errors);
    }
}

/// What a method returns.
pub(super) fn output(ty: &Type, errors: &mut Errors) {
    if !is_for_later(ty, errors) {
        look_inside(ty, "a result", errors);
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
            Some("Stream") => {
                "a stream is not available in this version: return a `Vec`, or a part of it for each call"
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
