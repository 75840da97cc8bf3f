//! Puts the attributes of a type under `#[data]` right, so that serde, ts-rs and schemars agree on what it is on the wire.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, DeriveInput, Fields, GenericParam, Type, parse_quote, visit_mut::VisitMut};

use super::{SCHEMA, data::has_codes};
use crate::{
    attr::{ForeignKey, deprecation},
    model::{Data, Field, Variant},
    names::plain,
};

/// The type with the attributes of its fields and its own put right.
pub(super) fn amended(data: &Data) -> DeriveInput {
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
    let reason = deprecation(attr)?;
    let note = format!(" @deprecated {reason}");
    let note = note.trim_end();
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

fn variant_attrs(data: &Data, variant: &Variant) -> Vec<Attribute> {
    match variant.other.as_ref().and(data.keys.error.as_ref()) {
        Some(_) => vec![parse_quote!(#[serde(skip)]), parse_quote!(#[ts(skip)])],
        None => Vec::new(),
    }
}

/// See the table in `#[data]`'s documentation.
fn field_attrs(data: &Data, field: &Field) -> Vec<Attribute> {
    let absence = absence(data, field);
    let serde = (absence == Absence::Ours).then(|| left_out_when_none(field));
    let schemars = field.keys.described_as.as_ref().map(|ty| {
        let ty = text(ty);
        parse_quote!(#[schemars(with = #ty)])
    });
    let ts = ts_keys(field, absence);
    let ts = (!ts.is_empty()).then(|| parse_quote!(#[ts(#(#ts),*)]));
    serde.into_iter().chain(schemars).chain(ts).collect()
}

/// serde reads a missing `Option` as `None` of itself, and `default` would ask for `T: Default`; only where the user reads
/// the field does it need one.
fn left_out_when_none(field: &Field) -> Attribute {
    let needs_default = field.has_serde(&["with", "deserialize_with"]) && !field.has_serde(&["default"]);
    let default = needs_default.then(|| quote!(default,));
    parse_quote!(#[serde(#default skip_serializing_if = "::core::option::Option::is_none")])
}

/// What ts-rs has to be told; nothing where the user tells it.
fn ts_keys(field: &Field, absence: Absence) -> Vec<TokenStream> {
    if field.has_ts(&["as", "optional", "skip", "flatten"]) {
        return Vec::new();
    }
    let optional = match absence {
        Absence::Never => None,
        Absence::OrNull => Some(quote!(optional = nullable)),
        Absence::Ours | Absence::Theirs | Absence::Input => Some(quote!(optional)),
    };
    let described_as = field.keys.described_as.as_ref().map(text);
    let ty = match absence {
        Absence::Input => Some(format!("::core::option::Option<{}>", described_as.as_deref().unwrap_or("_"))),
        _ => described_as,
    };
    let ty = ty.map(|ty| quote!(as = #ty));
    match (field.has_ts(&["type"]), absence) {
        (true, Absence::Input) => Vec::new(),
        (true, _) => optional.into_iter().collect(),
        (false, _) => ty.into_iter().chain(optional).collect(),
    }
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
    let has_default_of_its_own = |key: &ForeignKey| key.name == "default" && key.value.is_some();
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

fn text(ty: &Type) -> String {
    ty.to_token_stream().to_string()
}
