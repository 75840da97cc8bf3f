//! The constant that describes a service, and what makes a type that cannot travel an error at its place.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use super::{Private, at, conditions, service::sibling, stretched};
use crate::{
    attr::{self, RateLimit},
    model::{Arg, Method, Service},
    names::{plain, source_text},
};

pub(super) fn schema(service: &Service, private: &Private) -> TokenStream {
    let client = sibling(service, "Client");
    let conditions = conditions(&service.attrs);
    let (name, docs) = (service.name(), attr::docs(&service.attrs));
    let namespace = option(service.namespace.as_ref());
    let deprecated = option(service.attrs.iter().find_map(attr::deprecation));
    let methods = service.methods.iter().map(|method| self::method(method, private));
    quote! {
        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl #private::Service for #client {
            const SCHEMA: &'static #private::ServiceSchema =
                &#private::ServiceSchema::__new(#name, #namespace, #docs, &[#(#methods),*])
                    .__of(::core::module_path!(), #deprecated);
        }
    }
}

fn method(method: &Method, private: &Private) -> TokenStream {
    let keys = &method.keys;
    let (name, docs) = (plain(method.ident()), attr::docs(&method.attrs));
    let deprecated = option(method.attrs.iter().find_map(attr::deprecation));
    let wire = method.wire_names.iter().map(|name| &name.full);
    let params = method.travelling().map(|arg| param(arg, private));
    let body = method.body_param().is_some();
    let (public, idempotent, oneway) =
        (keys.public.is_some(), keys.idempotent.is_some(), keys.oneway.is_some());
    let stream = method.stream().is_some();
    let timeout = option(keys.timeout.map(|timeout| duration(timeout, private)));
    let rate_limit = option(keys.rate_limit.as_ref().map(|limit| rate_limit(limit, private)));
    let requires = option(keys.requires.as_ref().map(|guard| source_text(guard.to_token_stream())));
    let returns = returns(method, private);
    quote! {
        #private::MethodSchema {
            name: #name,
            wire: &[#(#wire),*],
            docs: #docs,
            deprecated: #deprecated,
            params: &[#(#params),*],
            body: #body,
            public: #public,
            idempotent: #idempotent,
            oneway: #oneway,
            stream: #stream,
            timeout: #timeout,
            rate_limit: #rate_limit,
            requires: #requires,
            returns: #returns,
        }
    }
}

fn param(arg: &Arg, private: &Private) -> TokenStream {
    let (name, has_default) = (&arg.wire_name, arg.keys.default.is_some());
    let ty = type_of(arg, private);
    let stream = arg.upload().is_some();
    quote!(#private::ParamSchema { name: #name, has_default: #has_default, stream: #stream, ty: || #ty })
}

fn type_of(arg: &Arg, private: &Private) -> TokenStream {
    let ty = arg.upload().unwrap_or(&arg.ty);
    let at = at(ty);
    let their = private.at(at);
    let schema = quote_spanned!(at=> #their::TypeSchema::of::<#ty>());
    match private.assert_wire(ty) {
        Some(assertion) => quote_spanned!(at=> { #assertion #schema }),
        None => schema,
    }
}

/// The types of the result and of the application's error.
fn returns(method: &Method, private: &Private) -> TokenStream {
    let output = method.stream().map_or_else(|| method.output(), |stream| stream.reply);
    let (ok, fault) = (private.of_reply(&output, "Ok"), private.of_reply(&output, "Fault"));
    let at = output.span();
    let their = private.at(at);
    let app = stretched(quote_spanned!(at=> <#fault as #their::Fault>::App), &output);
    quote_spanned!(at=> || (#their::TypeSchema::of::<#ok>(), #their::TypeSchema::of::<#app>()))
}

fn rate_limit(limit: &RateLimit, private: &Private) -> TokenStream {
    let RateLimit { limit, period, per, disconnect } = limit;
    let period = duration(*period, private);
    let per = quote::format_ident!("{per}");
    quote! {
        #private::RateLimit {
            limit: #limit,
            period: #period,
            per: #private::Per::#per,
            disconnect: #disconnect,
        }
    }
}

/// In the largest unit that gives a whole number, as a person would write it.
fn duration(duration: Duration, private: &Private) -> TokenStream {
    let (secs, nanos) = (duration.as_secs(), duration.subsec_nanos());
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if nanos == 0 {
        quote!(#private::Duration::from_secs(#secs))
    } else if nanos % 1_000_000 == 0 {
        quote!(#private::Duration::from_millis(#millis))
    } else {
        quote!(#private::Duration::new(#secs, #nanos))
    }
}

fn option(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
