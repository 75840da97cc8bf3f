//! The trait, and the parts round it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Ident, parse_quote};

use super::{Private, at, client, schema, server};
use crate::model::{Method, Service, sent};

/// Everything that `#[service]` stands for.
pub(crate) fn service(service: &Service) -> TokenStream {
    let private = Private::of(service.krate.as_ref());
    let definition = definition(service);
    let server = server::server(service, &private);
    let client = client::client(service, &private);
    let schema = schema::schema(service, &private);
    quote! {
        #definition
        #server
        #client
        #schema
    }
}

/// The trait as the user wrote it, its futures made `Send`. A program that only calls the service implements it nowhere.
fn definition(service: &Service) -> TokenStream {
    let Service { attrs, vis, ident, .. } = service;
    let supertraits = service.supertraits.iter();
    let methods = service.methods.iter().map(method);
    quote! {
        #(#attrs)*
        #[allow(dead_code)]
        #vis trait #ident: ::core::marker::Send + ::core::marker::Sync + 'static #(+ #supertraits)* {
            #(#methods)*
        }
    }
}

fn method(method: &Method) -> TokenStream {
    let Method { attrs, sig, .. } = method;
    let (ident, inputs) = (&sig.ident, &sig.inputs);
    if !method.is_async() {
        let body = method.body.as_ref().map_or_else(|| quote!(;), ToTokens::to_token_stream);
        let mut sig = sig.clone();
        if method.stream().is_some() {
            let output = sent(method.output());
            sig.output = parse_quote!(-> #output);
        }
        return quote!(#(#attrs)* #sig #body);
    }
    let output = sent(method.output());
    let body = method.body.as_ref().map_or_else(|| quote!(;), |body| quote!({ async move #body }));
    // At the user's type, for a future that is not `Send` is reported at this bound.
    let future = quote_spanned! {at(&output)=>
        impl ::core::future::Future<Output = #output> + ::core::marker::Send
    };
    quote!(#(#attrs)* fn #ident(#inputs) -> #future #body)
}

/// `ChatServer`, `ChatClient`.
pub(super) fn sibling(service: &Service, suffix: &str) -> Ident {
    quote::format_ident!("{}{suffix}", service.ident)
}
