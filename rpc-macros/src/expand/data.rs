//! What `#[data]` adds to a type: the derives, and the traits by which it travels.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    DeriveInput, Fields, Generics, Path, Type, parse_quote,
    visit_mut::{self, VisitMut},
};

use super::{Private, SCHEMA, amend::amended, conditions};
use crate::model::{Data, Variant};

/// Everything that `#[data]` stands for.
pub(crate) fn data(data: &Data) -> TokenStream {
    let private = Private::of(data.krate.as_ref());
    let derives = derives(data, &private);
    let item = amended(data);
    let wire = match &data.keys.error {
        None => implementation(data, &quote!(#private::Wire), &TokenStream::new()),
        Some(_) => error(data, &private),
    };
    let assertions = assertions(data, &private);
    let serialize = is_unit(data).then(|| serialize_unit(data, &private));
    quote! {
        #assertions
        #derives
        #item
        #serialize
        #wire
    }
}

/// Whether this is a struct without fields that is itself on the wire.
fn is_unit(data: &Data) -> bool {
    matches!(&data.item.data, syn::Data::Struct(it) if matches!(it.fields, Fields::Unit))
        && data.converted().is_none()
}

/// Nothing is null in JSON. In MessagePack serde would have it be an empty list, which is not what TypeScript is told.
fn serialize_unit(data: &Data, private: &Private) -> TokenStream {
    let (impl_generics, ty_generics, where_clause) = data.item.generics.split_for_impl();
    let ident = &data.item.ident;
    let conditions = conditions(&data.item.attrs);
    quote! {
        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated)]
        impl #impl_generics #private::serde::Serialize for #ident #ty_generics #where_clause {
            fn serialize<__S: #private::serde::Serializer>(&self, serializer: __S) -> ::core::result::Result<__S::Ok, __S::Error> {
                serializer.serialize_unit()
            }
        }
    }
}

fn derives(data: &Data, private: &Private) -> TokenStream {
    let path = |name: &str| format!("{}::{name}", private.to_token_stream().to_string().replace(' ', ""));
    let serde = path("serde");
    let (ts_rs, schemars) = (path("ts_rs"), path("schemars"));
    let tagging = has_codes(data).then(|| {
        quote! {
            #[serde(tag = "code", content = "data")]
            #[serde(rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
        }
    });
    let schema = SCHEMA.then(|| {
        quote! {
            #[derive(#private::ts_rs::TS, #private::schemars::JsonSchema)]
            #[ts(crate = #ts_rs)]
            #[schemars(crate = #schemars)]
        }
    });
    let serialize = (!is_unit(data)).then(|| quote!(#private::serde::Serialize,));
    quote! {
        #[derive(#serialize #private::serde::Deserialize)]
        #[serde(crate = #serde)]
        #schema
        #tagging
    }
}

/// Whether this is an error with variants that travel.
pub(super) fn has_codes(data: &Data) -> bool {
    data.keys.error.is_some() && data.variants.iter().any(|variant| variant.other.is_none())
}

/// `impl<T: Wire> #name for Page<T> { … }`; in an enum of nothing but `#[other]`, a match has an arm too many.
fn implementation(data: &Data, name: &TokenStream, body: &TokenStream) -> TokenStream {
    let generics = travelling_generics(data);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, ty_generics, _) = data.item.generics.split_for_impl();
    let ident = &data.item.ident;
    let conditions = conditions(&data.item.attrs);
    quote! {
        #(#conditions)*
        #[automatically_derived]
        #[allow(deprecated, unreachable_patterns)]
        impl #impl_generics #name for #ident #ty_generics #where_clause {
            #body
        }
    }
}

fn travelling_generics(data: &Data) -> Generics {
    let private = Private::of(data.krate.as_ref());
    let mut generics = data.item.generics.clone();
    for param in generics.type_params_mut() {
        param.bounds.push(parse_quote!(#private::Wire));
    }
    generics
}

/// The traits of an error enum, and the way into its `#[other]`.
fn error(data: &Data, private: &Private) -> TokenStream {
    let other = data.variants.iter().find(|variant| variant.other.is_some() && variant.fields.len() == 1);
    let app_error = implementation(data, &quote!(#private::AppError), &TokenStream::new());
    let fault = fault(data, other, private);
    let from = other.filter(|other| !has_from(&other.fields)).map(|other| from_error(data, other, private));
    let fails_as = implementation(data, &quote!(#private::FailsAs<Self>), &TokenStream::new());
    quote!(#app_error #fault #fails_as #from)
}

fn fault(data: &Data, other: Option<&Variant>, private: &Private) -> TokenStream {
    let into_app = match other.map(|variant| &variant.ident) {
        None => quote!(::core::result::Result::Ok(self)),
        Some(other) => quote! {
            match self {
                Self::#other(error) => ::core::result::Result::Err(error),
                app => ::core::result::Result::Ok(app),
            }
        },
    };
    let body = quote! {
        type App = Self;

        fn into_app(self) -> ::core::result::Result<Self, #private::Error> {
            #into_app
        }
    };
    implementation(data, &quote!(#private::Fault), &body)
}

fn from_error(data: &Data, other: &Variant, private: &Private) -> TokenStream {
    let other = &other.ident;
    let body = quote! {
        fn from(error: #private::Error) -> Self {
            Self::#other(error)
        }
    };
    implementation(data, &quote!(::core::convert::From<#private::Error>), &body)
}

/// thiserror's `#[from]` writes the conversion itself.
fn has_from(fields: &Fields) -> bool {
    fields.iter().any(|field| field.attrs.iter().any(|attr| attr.path().is_ident("from")))
}

/// A function that compiles only if every field can travel, with the error at the field's type.
fn assertions(data: &Data, private: &Private) -> Option<TokenStream> {
    let converted = data.converted().and_then(|ty| ty.parse::<Type>().ok());
    let fields = data.fields.iter().filter(|field| data.travels(field)).map(|field| field.ty.clone());
    let mut types: Vec<Type> = converted.into_iter().chain(fields).collect();
    let mut name_self = NameSelf::of(&data.item);
    types.iter_mut().for_each(|ty| name_self.visit_type_mut(ty));
    let calls: Vec<TokenStream> = types.iter().filter_map(|ty| private.assert_wire(ty)).collect();
    let generics = travelling_generics(data);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let conditions = conditions(&data.item.attrs);
    let assertions = quote! {
        #(#conditions)*
        #[allow(dead_code, deprecated)]
        const _: () = {
            fn assert_fields_travel #impl_generics () #where_clause {
                #(#calls)*
            }
        };
    };
    (!calls.is_empty()).then_some(assertions)
}

/// Writes the type's name for `Self`, which has no meaning outside of the type.
struct NameSelf(Path);

impl NameSelf {
    fn of(item: &DeriveInput) -> Self {
        let (ident, (_, generics, _)) = (&item.ident, item.generics.split_for_impl());
        Self(parse_quote!(#ident #generics))
    }
}

impl VisitMut for NameSelf {
    fn visit_path_mut(&mut self, path: &mut Path) {
        if path.is_ident("Self") {
            path.clone_from(&self.0);
        } else {
            visit_mut::visit_path_mut(self, path);
        }
    }
}
