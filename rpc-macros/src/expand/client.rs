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
        #vis struct #client<K = #private::Direct> {
            callee: K,
        }

        #(#conditions)*
        #[allow(dead_code, deprecated, clippy::too_many_arguments, clippy::needless_pass_by_value)]
        impl<__Kind: #private::CalleeKind> #client<__Kind> {
            /// Calls the service at the other end of `callee`: a client, a connection or an audience.
            #vis fn new(callee: &impl #private::Callee<Kind = __Kind>) -> Self {
                Self { callee: callee.callee() }
            }
            #(#methods)*
        }
    }
}

fn method(service: &Service, number: &Literal, method: &Method, private: &Private) -> TokenStream {
    let (vis, ident) = (&service.vis, method.ident());
    let (stream, output) = match method.stream() {
        Some(stream) => (true, stream.reply),
        None => (false, method.output()),
    };
    let attrs = forwarded(&method.attrs);
    let doc = format!("Calls `{}`.", plain(ident));
    let doc = (!is_documented(&attrs)).then(|| quote!(#[doc = #doc]));
    let arguments = method.travelling().map(argument);
    let client = sibling(service, "Client");
    let schema = quote!(<#client as #private::Service>::SCHEMA);
    if method.keys.oneway.is_some() {
        let (owned, params) = (method.travelling().map(own), encode(method, private));
        return quote! {
            #doc
            #(#attrs)*
            #vis fn #ident(&self, #(#arguments),*) -> __Kind::Sent {
                #(#owned)*
                self.callee.send(#schema, #number, #params)
            }
        };
    }
    let params = match method.body_param() {
        Some(arg) => write_body(arg, private),
        None => write_params(method, private),
    };
    let (handle, written) = (local("handle"), local("params"));
    let (what, of) = if stream { ("stream", "StreamOf") } else { ("call", "CallOf") };
    let returns = private.given_by(of, &output);
    let assertion = private.assert_reply(&output);
    let call = private.call(what, &output, &quote!(#handle, #schema, #number, #written));
    quote! {
        #doc
        #(#attrs)*
        #vis fn #ident(&self, #(#arguments),*) -> #returns where __Kind: #private::Answers {
            let #handle = self.callee.handle();
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

/// A closure that encodes the params, of a call that an audience may hear in several codecs.
fn encode(method: &Method, private: &Private) -> TokenStream {
    let (codec, params) = (local("codec"), local("params"));
    if let Some(arg) = method.body_param() {
        let (ident, ty, assertion) = (arg.ident(), &arg.ty, private.assert_wire(&arg.ty));
        let encoded = quote_spanned!(at(ty)=> #private::Payload::encode::<#ty>(#codec, &#ident));
        return quote!(move |#codec| { #assertion #encoded });
    }
    let writes: Vec<TokenStream> =
        method.params().map(|arg| write_param(arg, &arg.ident().to_token_stream(), private)).collect();
    let count = Literal::usize_unsuffixed(writes.len());
    let mutable = (!writes.is_empty()).then(|| quote!(mut));
    quote! {
        move |#codec| {
            let #mutable #params = #private::ParamsWriter::new(#codec, #count);
            #(#writes)*
            #params.finish()
        }
    }
}

/// Makes of an argument what travels.
fn own(arg: &Arg) -> Option<TokenStream> {
    let (ident, ty) = (arg.ident(), &arg.ty);
    is_string(ty).then(|| quote_spanned!(at(ty)=> let #ident: #ty = ::core::convert::Into::into(#ident);))
}

fn write_body(arg: &Arg, private: &Private) -> TokenStream {
    let (ty, handle, params, value) = (&arg.ty, local("handle"), local("params"), value(arg));
    let assertion = private.assert_wire(ty);
    quote_spanned!(at(ty)=> #assertion let #params = #handle.body::<#ty>(&#value);)
}

fn write_params(method: &Method, private: &Private) -> TokenStream {
    let (handle, params) = (local("handle"), local("params"));
    let writes: Vec<TokenStream> =
        method.params().map(|arg| write_param(arg, &value(arg), private)).collect();
    let count = Literal::usize_unsuffixed(writes.len());
    let mutable = (!writes.is_empty()).then(|| quote!(mut));
    let begin = match method.params().any(|arg| arg.upload().is_some()) {
        true => quote!(params_with_uploads),
        false => quote!(params),
    };
    quote! {
        let #mutable #params = #handle.#begin(#count);
        #(#writes)*
    }
}

fn write_param(arg: &Arg, value: &TokenStream, private: &Private) -> TokenStream {
    let (ty, params) = (arg.upload().unwrap_or(&arg.ty), local("params"));
    let assertion = private.assert_wire(ty);
    match arg.upload() {
        Some(_) => quote_spanned!(at(ty)=> #assertion #params.upload::<#ty>(#value);),
        None => quote_spanned!(at(ty)=> #assertion #params.push::<#ty>(&#value);),
    }
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
