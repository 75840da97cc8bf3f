//! What `#[data]` adds to a type: the derives, the attributes that make serde, ts-rs and schemars agree, and `Wire`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, DeriveInput, Expr, ExprLit, Fields, GenericParam, Generics, Lit, Meta, Path, Type,
    parse_quote,
    visit_mut::{self, VisitMut},
};

use super::{Private, conditions};
use crate::{
    model::{Data, Field, Variant},
    names::plain,
};

/// The generators' derives, and the attributes that only they know.
const SCHEMA: bool = cfg!(feature = "schema");

/// Everything that `#[data]` stands for.
pub(crate) fn data(data: &Data) -> TokenStream {
    let private = Private::of(&data.krate);
    let derives = derives(data, &private);
    let item = amended(data);
    let wire = match &data.keys.error {
        None => implementation(data, &quote!(#private::Wire), &TokenStream::new()),
        Some(_) => error(data, &private),
    };
    let assertions = assertions(data, &private);
    quote! {
        #assertions
        #derives
        #item
        #wire
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
    quote! {
        #[derive(#private::serde::Serialize, #private::serde::Deserialize)]
        #[serde(crate = #serde)]
        #schema
        #tagging
    }
}

/// The type with the attributes of its fields and its own put right.
fn amended(data: &Data) -> DeriveInput {
    let mut item = data.item.clone();
    item.attrs.extend(container_attrs(data));
    let mut fields = data.fields.iter();
    let mut amend = |of: &mut Fields| {
        for (field, plan) in of.iter_mut().zip(fields.by_ref()) {
            field.attrs.extend(field_attrs(data, plan));
        }
    };
    match &mut item.data {
        syn::Data::Struct(it) => amend(&mut it.fields),
        syn::Data::Enum(it) => {
            for (variant, plan) in it.variants.iter_mut().zip(&data.variants) {
                amend(&mut variant.fields);
                variant.attrs.extend(variant_attrs(data, plan));
            }
        }
        syn::Data::Union(_) => {}
    }
    Generators.visit_derive_input_mut(&mut item);
    item
}

/// Says in a doc comment what TypeScript shall strike through, or takes out what only generators know.
struct Generators;

impl VisitMut for Generators {
    fn visit_attributes_mut(&mut self, attrs: &mut Vec<Attribute>) {
        if SCHEMA {
            let notes: Vec<Attribute> = attrs.iter().filter_map(deprecation_note).collect();
            attrs.extend(notes);
        } else {
            attrs.retain(|attr| !attr.path().is_ident("ts") && !attr.path().is_ident("schemars"));
        }
    }
}

/// ts-rs drops `#[deprecated]`, but keeps docs. Rust's own docs need no second note.
fn deprecation_note(attr: &Attribute) -> Option<Attribute> {
    if !attr.path().is_ident("deprecated") {
        return None;
    }
    let reason = match &attr.meta {
        Meta::NameValue(meta) => Some(meta.value.clone()),
        Meta::List(_) => crate::attr::foreign_keys(std::slice::from_ref(attr), "deprecated")
            .into_iter()
            .find(|key| key.name == "note")
            .and_then(|key| Some(Expr::Lit(ExprLit { attrs: Vec::new(), lit: Lit::Str(key.value?) }))),
        Meta::Path(_) => None,
    };
    let note = match reason {
        Some(Expr::Lit(ExprLit { lit: Lit::Str(reason), .. })) => format!(" @deprecated {}", reason.value()),
        _ => " @deprecated".to_owned(),
    };
    Some(parse_quote!(#[cfg_attr(not(doc), doc = #note)]))
}

fn container_attrs(data: &Data) -> Vec<Attribute> {
    let mut attrs = Vec::new();
    if let Some((_, case)) = &data.keys.rename_all {
        attrs.push(parse_quote!(#[serde(rename_all = #case)]));
    }
    if let Some((_, case)) = &data.keys.rename_all_fields {
        attrs.push(parse_quote!(#[serde(rename_all_fields = #case)]));
    }
    if data.keys.error.is_some() && !has_codes(data) {
        // ts-rs has no name for an enum of which all variants are skipped.
        attrs.push(parse_quote!(#[ts(type = "never")]));
    }
    if let Some(ty) = described_as(data) {
        attrs.push(parse_quote!(#[ts(as = #ty)]));
    }
    if let Some(name) = name_of_generic(data) {
        attrs.push(parse_quote!(#[schemars(rename = #name)]));
    }
    attrs
}

/// The type that stands for this one on the wire, where ts-rs would print the fields all the same.
fn described_as(data: &Data) -> Option<String> {
    if let Some(converted) = data.converted() {
        let converted = converted.value();
        return (!data.is_newtype_of(&converted)).then_some(converted);
    }
    let is_transparent = data.serde.iter().any(|key| key.name == "transparent");
    if !is_transparent || matches!(&data.fields[..], [field] if !field.is_named) {
        return None;
    }
    data.fields.iter().find(|field| data.travels(field)).map(|field| text(&field.ty))
}

/// schemars would call the second instance of `Page` `Page2`.
fn name_of_generic(data: &Data) -> Option<String> {
    if data.schemars.iter().chain(&data.serde).any(|key| key.name == "rename") {
        return None;
    }
    let params = data.item.generics.params.iter().filter_map(|param| match param {
        GenericParam::Type(param) => Some(&param.ident),
        GenericParam::Const(param) => Some(&param.ident),
        GenericParam::Lifetime(_) => None,
    });
    let params: String = params.map(|param| format!("_{{{param}}}")).collect();
    (!params.is_empty()).then(|| format!("{}{params}", plain(&data.item.ident)))
}

/// Whether this is an error with variants that travel.
fn has_codes(data: &Data) -> bool {
    data.keys.error.is_some() && data.variants.iter().any(|variant| variant.other.is_none())
}

fn variant_attrs(data: &Data, variant: &Variant) -> Vec<Attribute> {
    match variant.other.as_ref().and(data.keys.error.as_ref()) {
        Some(_) => vec![parse_quote!(#[serde(skip)]), parse_quote!(#[ts(skip)])],
        None => Vec::new(),
    }
}

/// See the table in `#[data]`'s documentation.
fn field_attrs(data: &Data, field: &Field) -> Vec<Attribute> {
    let mut attrs = Vec::new();
    let described_as = field.keys.described_as.as_ref().map(text);
    if let Some(ty) = &described_as {
        attrs.push(parse_quote!(#[schemars(with = #ty)]));
    }
    let absence = absence(data, field);
    if absence == Absence::Ours {
        // serde reads a missing `Option` as `None` of itself, unless the user reads it; `default` would ask for `T: Default`.
        let is_read_by_user =
            field.has_serde(&["with", "deserialize_with"]) && !field.has_serde(&["default"]);
        let default = is_read_by_user.then(|| quote!(default,));
        attrs.push(parse_quote!(#[serde(#default skip_serializing_if = "::core::option::Option::is_none")]));
    }
    let ts = match (absence, described_as) {
        _ if field.has_ts(&["as", "type", "optional", "skip", "flatten"]) => None,
        (Absence::Never, ty) => ty.map(|ty| quote!(as = #ty)),
        (Absence::OrNull, ty) => {
            Some(ty.map_or(quote!(optional = nullable), |ty| quote!(as = #ty, optional = nullable)))
        }
        (Absence::Input, None) => Some(quote!(as = "::core::option::Option<_>", optional)),
        (Absence::Input, Some(ty)) => {
            let ty = format!("::core::option::Option<{ty}>");
            Some(quote!(as = #ty, optional))
        }
        (_, ty) => Some(ty.map_or(quote!(optional), |ty| quote!(as = #ty, optional))),
    };
    attrs.extend(ts.map(|keys| parse_quote!(#[ts(#keys)])));
    attrs
}

/// Whether a field may be missing from its object on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    Never,
    /// An `Option` is missing instead of `null`, which we arrange.
    Ours,
    /// The user arranged the same.
    Theirs,
    /// The user skips it in cases of their own.
    OrNull,
    /// A field of an input that has a default.
    Input,
}

fn absence(data: &Data, field: &Field) -> Absence {
    let skip_if = field.serde.iter().find(|key| key.name == "skip_serializing_if");
    let has_default_of_its_own = |key: &crate::attr::ForeignKey| key.name == "default" && key.value.is_some();
    let whole_has_default = data.serde.iter().any(|key| key.name == "default");
    if !field.is_named || field.has_serde(&["skip", "skip_serializing", "skip_deserializing", "flatten"]) {
        Absence::Never
    } else if !field.is_option() {
        let has_default = whole_has_default || field.has_serde(&["default"]);
        if data.keys.input.is_some() && has_default { Absence::Input } else { Absence::Never }
    } else if field.keys.nullable.is_some() {
        Absence::Never
    } else if let Some(skip_if) = skip_if {
        let is_none = skip_if.value.as_ref().is_some_and(|path| path.value().ends_with("Option::is_none"));
        if is_none { Absence::Theirs } else { Absence::OrNull }
    } else if whole_has_default || field.serde.iter().any(has_default_of_its_own) {
        // A missing field is read as that default and not as `None`, so that `None` has to be written out.
        Absence::Never
    } else {
        Absence::Ours
    }
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
    let private = Private::of(&data.krate);
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
    quote!(#app_error #fault #from)
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

fn text(ty: &Type) -> String {
    ty.to_token_stream().to_string()
}
