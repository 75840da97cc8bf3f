//! What is left to print when something is wrong: the user's own item, so that a mistake in an attribute makes one error
//! and not one more at every use.
//!
//! A service without `ChatServer` and `ChatClient` is quiet, for the compiler does not report names that an erroneous
//! macro may have been meant to make. A type is printed with its derives if it can have them, for a missing trait would be
//! reported at every use.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, FnArg, GenericParam, ItemTrait, Pat, Signature, TraitItem, Type, TypeReference, parse_quote,
    visit_mut::{self, VisitMut},
};

use crate::{
    attr::{self, ArgKeys},
    expand,
    model::Data,
};

/// The trait without our attributes, and without what Rust itself would refuse once more.
pub(crate) fn service(mut item: ItemTrait) -> TokenStream {
    item.modifiers.auto_token = None;
    for item in &mut item.items {
        if let TraitItem::Fn(function) = item {
            function.attrs.retain(|attr| !attr::is_condition(attr));
            settle(&mut function.sig, function.default.is_some());
        }
    }
    Strip.visit_item_trait_mut(&mut item);
    quote! {
        #[allow(async_fn_in_trait)]
        #item
    }
}

fn settle(sig: &mut Signature, has_body: bool) {
    sig.constness = None;
    sig.variadic = None;
    for input in &mut sig.inputs {
        if let FnArg::Typed(input) = input
            && !has_body
            && !matches!(&*input.pat, Pat::Ident(pat) if pat.by_ref.is_none() && pat.mutability.is_none())
        {
            *input.pat = Pat::Verbatim(quote!(_));
        }
    }
}

/// An item that cannot be a service, without our attributes.
pub(crate) fn other_item(mut item: syn::Item) -> TokenStream {
    Strip.visit_item_mut(&mut item);
    item.into_token_stream()
}

/// The type with as much of what `#[data]` gives it as it can have.
pub(crate) fn data(mut data: Data) -> TokenStream {
    if borrows(&data) || matches!(data.item.data, syn::Data::Union(_)) {
        StripHelpers.visit_derive_input_mut(&mut data.item);
        return data.item.into_token_stream();
    }
    data.item.attrs.retain(|attr| !attr::is_data(attr));
    if data.keys.error.is_some() {
        data.item.attrs.retain(|attr| !attr.path().is_ident("serde"));
    }
    (data.keys.rename_all, data.keys.rename_all_fields) = (None, None);
    for field in &mut data.fields {
        if field.is_option() {
            field.keys.described_as = None;
        }
    }
    expand::data(&data)
}

/// Whether serde's own errors would follow on ours.
fn borrows(data: &Data) -> bool {
    let mut find = FindReference(false);
    for field in &data.fields {
        find.visit_type_mut(&mut field.ty.clone());
    }
    find.0 || data.item.generics.params.iter().any(|param| matches!(param, GenericParam::Lifetime(_)))
}

struct FindReference(bool);

impl VisitMut for FindReference {
    fn visit_type_reference_mut(&mut self, _: &mut TypeReference) {
        self.0 = true;
    }
}

/// Takes out the attributes that only `#[service]` knows.
struct Strip;

impl VisitMut for Strip {
    fn visit_attributes_mut(&mut self, attrs: &mut Vec<Attribute>) {
        attrs.retain(|attr| !attr::is_method(attr));
    }

    fn visit_fn_arg_mut(&mut self, arg: &mut FnArg) {
        let attrs = match arg {
            FnArg::Typed(arg) => &mut arg.attrs,
            FnArg::Receiver(receiver) => &mut receiver.attrs,
        };
        attrs.retain(|attr| attr::is_one_of(attr, ArgKeys::LINTS));
        visit_mut::visit_fn_arg_mut(self, arg);
    }

    fn visit_type_mut(&mut self, ty: &mut Type) {
        match ty {
            Type::Infer(_) => *ty = parse_quote!(()),
            _ => visit_mut::visit_type_mut(self, ty),
        }
    }
}

/// Takes out the attributes that only `#[data]` and its derives know.
struct StripHelpers;

impl VisitMut for StripHelpers {
    fn visit_attributes_mut(&mut self, attrs: &mut Vec<Attribute>) {
        attrs.retain(|attr| !attr::is_data(attr) && !attr::is_one_of(attr, &["serde", "ts", "schemars"]));
    }
}
