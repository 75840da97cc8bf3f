//! `ChatClient`: one function for each method, which puts the params together and starts the call.

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Attribute, Meta, Type, parse_quote};

use super::{Private, at, conditions, local, service::sibling};
use crate::{
    model::{Arg, Method, Service, last_segment},
    names::plain,
};

/// The user's attributes that also make sense on a function of the client.
const FORWARDED: [&str; 3] = ["doc", "deprecated", "allow"];

pub(super) fn client(service: &Service, private: &Private) -> TokenStream {
    let (vis, client) = (&service.vis, sibling(service, "Client"));
    let conditions = conditions(&service.attrs);
    let attrs = forwarded(&service.attrs);
    let doc = format!("Calls a remote `{}`.", service.name());
    let gap = is_documented(&attrs).then(|| quote!(#[doc = ""]));
    let methods = (0..)
        .map(Literal::u32_unsuffixed)
        .zip(&service.methods)
        .map(|(number, method)| self::method(service, &number, method, private));
    quote! {
        #(#conditions)*
        #[doc = #doc]
        #gap
        #(#attrs)*
        #[derive(::core::fmt::Debug, ::core::clone::Clone)]
        #[allow(dead_code)]
        #vis struct #client {
            handle: #private::Handle,
        }

        #(#conditions)*
        #[allow(dead_code, deprecated, clippy::too_many_arguments, clippy::needless_pass_by_value)]
        impl #client {
            /// Calls the service at the other end of `peer`: a client or a connection.
            #vis fn new(peer: &impl #private::AsHandle) -> Self {
                Self { handle: ::core::clone::Clone::clone(peer.as_handle()) }
            }
            #(#methods)*
        }
    }
}

fn method(service: &Service, number: &Literal, method: &Method, private: &Private) -> TokenStream {
    let (vis, ident, output) = (&service.vis, method.ident(), method.output());
    let attrs = forwarded(&method.attrs);
    let doc = format!("Calls `{}`.", plain(ident));
    let doc = (!is_documented(&attrs)).then(|| quote!(#[doc = #doc]));
    let arguments = method.travelling().map(argument);
    let params = match method.body_param() {
        Some(arg) => write_body(arg, private),
        None => write_params(method, private),
    };
    let written = local("params");
    let returns = private.call_of(&output);
    let assertion = private.assert_reply(&output);
    let args = quote!(&self.handle, <Self as #private::Service>::SCHEMA, #number, #written);
    let call = private.call(&output, &args);
    quote! {
        #doc
        #(#attrs)*
        #vis fn #ident(&self, #(#arguments),*) -> #returns {
            #params
            #assertion
            #call
        }
    }
}

fn argument(arg: &Arg) -> TokenStream {
    let (ident, ty) = (arg.ident(), &arg.ty);
    let bound = is_string(ty).then(|| quote_spanned!(at(ty)=> impl ::core::convert::Into<#ty>));
    let ty = bound.unwrap_or_else(|| ty.to_token_stream());
    quote!(#ident: #ty)
}

fn write_body(arg: &Arg, private: &Private) -> TokenStream {
    let (ty, params, value) = (&arg.ty, local("params"), value(arg));
    let assertion = private.assert_wire(ty);
    quote_spanned!(at(ty)=> #assertion let #params = self.handle.body::<#ty>(&#value);)
}

fn write_params(method: &Method, private: &Private) -> TokenStream {
    let params = local("params");
    let writes: Vec<TokenStream> = method.params().map(|arg| write_param(arg, private)).collect();
    let count = Literal::usize_unsuffixed(writes.len());
    let mutable = (!writes.is_empty()).then(|| quote!(mut));
    quote! {
        let #mutable #params = self.handle.params(#count);
        #(#writes)*
    }
}

fn write_param(arg: &Arg, private: &Private) -> TokenStream {
    let (ty, params, value) = (&arg.ty, local("params"), value(arg));
    let assertion = private.assert_wire(ty);
    quote_spanned!(at(ty)=> #assertion #params.push::<#ty>(&#value);)
}

fn value(arg: &Arg) -> TokenStream {
    let ident = arg.ident();
    if is_string(&arg.ty) { quote!(::core::convert::Into::into(#ident)) } else { quote!(#ident) }
}

/// Callers pass whatever becomes a `String`; every other type is passed as it is.
fn is_string(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == "String" && segment.arguments.is_none())
}

fn is_documented(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| attr.path().is_ident("doc") && matches!(attr.meta, Meta::NameValue(_)))
}

/// `expect` becomes `allow`, since what is expected in the trait need not happen here.
fn forwarded(attrs: &[Attribute]) -> Vec<Attribute> {
    attrs
        .iter()
        .filter_map(|attr| match &attr.meta {
            Meta::List(list) if list.path.is_ident("expect") => {
                let lints = &list.tokens;
                Some(parse_quote!(#[allow(#lints)]))
            }
            _ => FORWARDED.iter().any(|name| attr.path().is_ident(name)).then(|| attr.clone()),
        })
        .collect()
}
