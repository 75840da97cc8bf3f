//! `ChatServer<T>`: takes a call apart, runs the method and answers.
//!
//! Where names of the user's are in scope, `T` is called `__Service`: it would hide a type or a trait `T`.

use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::{Private, at, conditions, local, service::sibling, stretched};
use crate::model::{Arg, Method, Service};

pub(super) fn server(service: &Service, private: &Private) -> TokenStream {
    let (vis, ident) = (&service.vis, &service.ident);
    let (server, client) = (sibling(service, "Server"), sibling(service, "Client"));
    let conditions = conditions(&service.attrs);
    let doc = format!("Serves any [`{}`].", service.name());
    let guard = guard(service, private);
    let call = call(service, private);
    quote! {
        #(#conditions)*
        #[doc = #doc]
        #[derive(::core::fmt::Debug)]
        #[allow(dead_code)]
        #vis struct #server<T> {
            service: T,
        }

        #(#conditions)*
        #[allow(dead_code, deprecated)]
        impl<__Service: #ident> #server<__Service> {
            /// Serves `service`.
            #vis fn new(service: __Service) -> Self {
                Self { service }
            }
        }

        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl<__Service: #ident> #private::Dispatch for #server<__Service> {
            fn schema(&self) -> &'static #private::ServiceSchema {
                <#client as #private::Service>::SCHEMA
            }
            #guard
            #call
        }
    }
}

/// Nothing if no method has a guard: the trait's own answer is that there is none.
fn guard(service: &Service, private: &Private) -> Option<TokenStream> {
    let arms: Vec<TokenStream> = numbered(service)
        .filter_map(|(number, method)| {
            let guard = method.keys.requires.as_ref()?;
            let at = at(guard);
            let private = private.at(at);
            let guard = quote_spanned!(at=> #private::Guard::from(#guard));
            Some(quote!(#number => ::core::option::Option::Some(#guard),))
        })
        .collect();
    let guard = quote! {
        fn guard(&self, method: u32) -> ::core::option::Option<#private::Guard> {
            match method {
                #(#arms)*
                _ => ::core::option::Option::None,
            }
        }
    };
    (!arms.is_empty()).then_some(guard)
}

fn call(service: &Service, private: &Private) -> TokenStream {
    let call = local("call");
    let arms = numbered(service).map(|(number, method)| {
        let body = handle(service, method, private);
        quote!(#number => ::std::boxed::Box::pin(async move { #body }),)
    });
    let arms: Vec<TokenStream> = arms.collect();
    let mutable = (!arms.is_empty()).then(|| quote!(mut));
    let answer = match arms.is_empty() {
        true => quote!({ let _ = method; #call.unimplemented() }),
        false => quote!(match method { #(#arms)* _ => #call.unimplemented() }),
    };
    quote! {
        fn call(
            self: #private::Arc<Self>,
            method: u32,
            #mutable #call: #private::Incoming,
        ) -> #private::BoxFuture<#private::Outcome> {
            #answer
        }
    }
}

fn numbered(service: &Service) -> impl Iterator<Item = (Literal, &Method)> {
    (0..).map(Literal::u32_unsuffixed).zip(&service.methods)
}

/// Extractors, params, the user's method, the answer. A method may run for long, so that the packet it came in is let go.
fn handle(service: &Service, method: &Method, private: &Private) -> TokenStream {
    let call = local("call");
    let extractors = method.extractors().map(|arg| extract(arg, private));
    let params = match method.body_param() {
        Some(arg) => read_body(arg, private),
        None => read_params(method, private),
    };
    let (name, ident) = (&service.ident, method.ident());
    let args = method.args.iter().map(Arg::ident);
    let wait = method.is_async().then(|| quote!(.await));
    let uploads = method.params().filter_map(take_upload);
    let given = quote!(#name::#ident(&self.service, #(#args),*)#wait);
    let stream = method.stream();
    let output = stream.as_ref().map_or_else(|| method.output(), |stream| stream.reply.clone());
    let assertion = private.assert_reply(&output);
    let answer = match &stream {
        None => {
            let reply = quote_spanned!(at(&output)=> #call.reply::<#output>);
            quote!(#reply(#given))
        }
        Some(stream) => {
            let (at, their) = (at(&output), private.at(output.span()));
            let items = match &stream.begins {
                None => quote_spanned!(at=> #call.stream::<#output, _>),
                Some(_) => quote_spanned!(at=> #call.try_stream::<#output, _, _>),
            };
            let fails = stream
                .begins
                .as_ref()
                .map(|begins| quote_spanned!(begins.span()=> #their::assert_fails_as::<#begins, #output>();));
            let item = private.assert_reply(&stream.item);
            let given_at = local("stream");
            quote!(#item #fails let #given_at = #given; #items(#given_at).await)
        }
    };
    quote! {
        #(#extractors)*
        #params
        #(#uploads)*
        #call.release();
        #assertion
        #answer
    }
}

fn extract(arg: &Arg, private: &Private) -> TokenStream {
    let (ident, ty, call, at) = (arg.ident(), &arg.ty, local("call"), arg.ty.span());
    let private = private.at(at);
    let value = quote_spanned!(at=> <#ty as #private::FromCall>::from_call(#call.head()).await);
    let value = stretched(value, ty);
    quote_spanned!(at=> let #ident = #value?;)
}

fn read_body(arg: &Arg, private: &Private) -> TokenStream {
    let (ident, ty, call) = (arg.ident(), &arg.ty, local("call"));
    let assertion = private.assert_wire(ty);
    quote_spanned!(at(ty)=> #assertion let #ident = #call.body::<#ty>()?;)
}

/// The reader ends before the method runs, so that no future holds it.
fn read_params(method: &Method, private: &Private) -> TokenStream {
    let (call, params) = (local("call"), local("params"));
    let reads: Vec<TokenStream> = method.params().map(|arg| read_param(arg, private)).collect();
    if reads.is_empty() {
        return quote!(#call.params()?.end()?;);
    }
    quote! {
        let mut #params = #call.params()?;
        #(#reads)*
        #params.end()?;
    }
}

/// The stream whose place among the params was read before.
fn take_upload(arg: &Arg) -> Option<TokenStream> {
    let (ident, ty, call) = (arg.ident(), arg.upload()?, local("call"));
    Some(quote_spanned!(at(ty)=> let #ident = #call.upload::<#ty>(#ident)?;))
}

fn read_param(arg: &Arg, private: &Private) -> TokenStream {
    if let Some(item) = arg.upload() {
        let (ident, params, assertion) = (arg.ident(), local("params"), private.assert_wire(item));
        return quote_spanned!(at(item)=> #assertion let #ident = #params.next_stream(););
    }
    let (ident, ty, params) = (arg.ident(), &arg.ty, local("params"));
    let assertion = private.assert_wire(ty);
    let value = match &arg.keys.default {
        Some((_, default)) => quote_spanned!(at(ty)=> #params.next_or::<#ty>(|| #default)?),
        None => quote_spanned!(at(ty)=> #params.next::<#ty>()?),
    };
    quote_spanned!(at(ty)=> #assertion let #ident = #value;)
}
