//! Prints the generated code from the model; every decision has been taken before.
//!
//! Code names everything by its full path, ours through `::trunkline::__private`. What a bound may refuse carries the
//! place of the user's type, so that the compiler points there.

mod amend;
mod client;
mod data;
mod schema;
mod server;
mod service;

pub(crate) use data::data;
pub(crate) use service::service;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Path, Type, spanned::Spanned};

use crate::model::{generic_argument, last_segment};

/// Whether types are described to generators. The schema of a service is written in any case: it is empty without.
const SCHEMA: bool = cfg!(feature = "schema");

/// The module that generated code takes everything from.
struct Private {
    path: TokenStream,
    /// Whether the user said where it is, so that the path means something only where it was written.
    is_given: bool,
}

impl Private {
    fn of(krate: Option<&Path>) -> Self {
        let path = krate.map_or_else(|| quote!(::trunkline), ToTokens::to_token_stream);
        Self { path: quote!(#path::__private), is_given: krate.is_some() }
    }

    /// The same, as if it were written at `place`.
    fn at(&self, place: Span) -> TokenStream {
        let moved = |mut token: TokenTree| {
            let hygiene = if self.is_given { token.span() } else { place };
            token.set_span(place.resolved_at(hygiene));
            token
        };
        self.path.clone().into_iter().map(moved).collect()
    }

    /// Fails to compile, at the type, if it cannot travel.
    ///
    /// It stands at the head of each function that takes the type over the wire: of the errors at one place in a function
    /// the compiler prints the first, and equal ones of several functions once. Types that surely travel need none.
    fn assert_wire(&self, ty: &Type) -> Option<TokenStream> {
        let private = self.at(ty.span());
        (!surely_travels(ty)).then(|| quote_spanned!(ty.span()=> #private::assert_wire::<#ty>();))
    }

    /// Fails to compile, at the type, if no method can return it, with the very error that [`Self::given_by`] gives.
    fn assert_reply(&self, ty: &Type) -> Option<TokenStream> {
        let call = self.given_by("CallOf", ty);
        (!surely_travels(ty)).then(|| quote!(let _ = ::core::marker::PhantomData::<#call>;))
    }

    /// `<Result<Message, ChatError> as Reply>::Ok`
    fn of_reply(&self, ty: &Type, name: &str) -> TokenStream {
        let private = self.at(ty.span());
        let name = Ident::new(name, Span::call_site());
        stretched(quote_spanned!(ty.span()=> <#ty as #private::Reply>::#name), ty)
    }

    /// `Handle::call::<Result<Message, ChatError>>(#args)`, or `Handle::stream`
    fn call(&self, what: &str, ty: &Type, args: &TokenStream) -> TokenStream {
        let (private, what) = (self.at(ty.span()), Ident::new(what, Span::call_site()));
        stretched(quote_spanned!(ty.span()=> #private::Handle::#what::<#ty>(#args)), ty)
    }

    /// `CallOf<Result<Message, ChatError>>`, or `StreamOf`
    fn given_by(&self, what: &str, ty: &Type) -> TokenStream {
        let (private, what) = (self.at(ty.span()), Ident::new(what, ty.span()));
        stretched(quote_spanned!(ty.span()=> #private::#what<#ty>), ty)
    }
}

impl ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.path.to_tokens(tokens);
    }
}

/// Whether the type is written as one that has no need of `#[data]`.
fn surely_travels(ty: &Type) -> bool {
    if matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty()) {
        return true;
    }
    const PLAIN: [&str; 17] = [
        "bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "isize", "u8", "u16", "u32", "u64", "usize",
        "String", "Value", "Bytes",
    ];
    let is_plain = last_segment(ty)
        .is_some_and(|it| it.arguments.is_none() && PLAIN.iter().any(|name| it.ident == name));
    let inner = ["Option", "Vec"].into_iter().find_map(|name| generic_argument(ty, name));
    is_plain || inner.is_some_and(surely_travels)
}

/// The place of the user's tokens with our own hygiene, so that lints about the user's code stay away.
fn at(tokens: &impl Spanned) -> Span {
    Span::call_site().located_at(tokens.span())
}

/// The tokens with their last one at the end of `ty`, so that an error at them is underlined like the whole type.
fn stretched(tokens: TokenStream, ty: &Type) -> TokenStream {
    let end = ty.to_token_stream().into_iter().last().map_or_else(Span::call_site, |token| token.span());
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    if let Some(last) = tokens.last_mut() {
        last.set_span(end);
    }
    tokens.into_iter().collect()
}

/// A variable of ours, which no argument of that name can meet.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The attributes that decide whether an item is there at all, for everything that goes with it.
fn conditions(attrs: &[Attribute]) -> Vec<&Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect()
}

#[cfg(test)]
mod tests;
