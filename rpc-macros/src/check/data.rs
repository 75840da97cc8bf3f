//! The rules for a type under `#[data]`.

use quote::ToTokens;
use syn::{Fields, GenericParam, Meta};

use super::types;
use crate::{
    attr,
    errors::Errors,
    model::{Data, Field, Variant, generic_argument},
    names::{screaming_snake, source_text},
};

/// The codes that Trunkline itself emits: `Code::is_reserved` in `trunkline-core`, to which a test compares them.
const RESERVED_CODES: [&str; 10] = [
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "UNAUTHENTICATED",
];

pub(crate) fn data(data: &Data, errors: &mut Errors) {
    check_container(data, errors);
    check_keys(data, errors);
    check_conversions(data, errors);
    for field in &data.fields {
        check_field(field, errors);
    }
    for variant in &data.variants {
        check_variant(variant, data, errors);
    }
    if data.keys.error.is_some() {
        check_error(data, errors);
    }
}

fn check_container(data: &Data, errors: &mut Errors) {
    if let syn::Data::Union(it) = &data.item.data {
        errors.push(
            it.union_token,
            "a union cannot travel, for nothing tells which field is in it: write an `enum`",
        );
    }
    for param in &data.item.generics.params {
        if let GenericParam::Lifetime(lifetime) = param {
            let message = "types that travel own their data: remove the lifetime, and use `String` or `Vec` in the fields";
            errors.push(lifetime, message);
        }
    }
    for derive in &data.redundant_derives {
        let name = source_text(derive.to_token_stream());
        errors.push(derive, format!("`#[data]` already derives `{name}`: remove it here"));
    }
    for attr in data.item.attrs.iter().filter(|attr| attr::is_data(attr)) {
        errors.push(
            attr,
            "`#[data]` stands on this type already: put all keys into one, as in `#[data(error)]`",
        );
    }
}

fn check_keys(data: &Data, errors: &mut Errors) {
    let is_enum = matches!(data.item.data, syn::Data::Enum(_));
    for (key, name) in
        [(&data.keys.rename_all, "rename_all"), (&data.keys.rename_all_fields, "rename_all_fields")]
    {
        let Some((key, _)) = key else { continue };
        if data.serde.iter().any(|serde| serde.name == name) {
            errors.push(key, format!("`#[serde({name} = …)]` says it too: keep one of them"));
        }
        if data.keys.error.is_some() {
            errors.push(
                key,
                format!(
                    "an error names its variants `LIKE_THIS` and their fields `likeThis`: remove `{name}`"
                ),
            );
        } else if name == "rename_all_fields" && !is_enum {
            errors.push(key, "`rename_all_fields` is for the variants of an enum: write `rename_all`");
        }
    }
    if let (Some(key), Some(_)) = (&data.keys.input, &data.keys.error) {
        errors.push(key, "an error is never an input: remove `input`");
    }
}

/// `serde(from)` and `serde(into)` have to name one type: TypeScript knows only one for both directions.
fn check_conversions(data: &Data, errors: &mut Errors) {
    let text = |name: &str| data.serde_text(name);
    let from = text("from").or_else(|| text("try_from"));
    match (from, text("into")) {
        (Some(from), Some(into)) if from.value() != into.value() => {
            let message = "this is read from one type and written as another: make a type for each direction";
            errors.push(into, message);
        }
        (Some(from), None) if !data.is_newtype_of(&from.value()) => {
            let message =
                format!("this is read from `{0}` but not written as one: add `into = \"{0}\"`", from.value());
            errors.push(from, message);
        }
        (None, Some(into)) if !data.is_newtype_of(&into.value()) => {
            let message =
                format!("this is written as `{0}` but not read from one: add `from = \"{0}\"`", into.value());
            errors.push(into, message);
        }
        _ => {}
    }
}

fn check_field(field: &Field, errors: &mut Errors) {
    if !field.has_serde(&["skip"]) {
        types::field(&field.ty, errors);
    }
    if let Some(key) = &field.keys.nullable {
        if !field.is_option() {
            errors.push(key, "`nullable` is for a field of type `Option`: remove it");
        } else if !field.is_named {
            errors.push(
                key,
                "an `Option` without a name is always there, as a value or `null`: remove `nullable`",
            );
        }
    }
    if let Some(ty) = &field.keys.described_as
        && field.is_option()
        && generic_argument(ty, "Option").is_none()
    {
        let ty = source_text(ty.to_token_stream());
        errors.push(&field.keys.described_as, format!("the field is an `Option`: write `as = Option<{ty}>`"));
    }
}

fn check_variant(variant: &Variant, data: &Data, errors: &mut Errors) {
    for attr in &variant.misplaced {
        errors.push(attr, "`#[data]` stands on types and fields: write `#[serde(..)]` on a variant");
    }
    let Some(other) = &variant.other else { return };
    if data.keys.error.is_none() {
        return errors
            .push(other, "`#[other]` belongs into an error enum: write `#[data(error)]` on the type");
    }
    if !matches!(other.meta, Meta::Path(_)) {
        errors.push(&other.meta, "`#[other]` takes no arguments");
    }
    if !matches!(&variant.fields, Fields::Unnamed(fields) if fields.unnamed.len() == 1) {
        let name = &variant.ident;
        errors.push(
            name,
            format!("`#[other]` carries one error of Trunkline: write `{name}(trunkline::Error)`"),
        );
    }
}

fn check_error(data: &Data, errors: &mut Errors) {
    if !matches!(data.item.data, syn::Data::Enum(_)) {
        errors.push(
            &data.keys.error,
            "an error is an enum, whose variants are the codes: write `enum`, or plain `#[data]`",
        );
    }
    let others = data.variants.iter().filter(|variant| variant.other.is_some());
    for variant in others.skip(1) {
        errors.push(&variant.other, "one variant carries all other errors already: remove `#[other]` here");
    }
    for key in &data.serde {
        if ["tag", "content", "untagged", "rename_all", "rename_all_fields"].contains(&key.name.as_str()) {
            let message = format!(
                "every error travels as `{{ code, data }}`, which `#[data(error)]` sees to: remove `{}`",
                key.name
            );
            errors.push(&key.tokens, message);
        }
    }
    for variant in data.variants.iter().filter(|variant| variant.other.is_none()) {
        check_code(variant, errors);
    }
}

fn check_code(variant: &Variant, errors: &mut Errors) {
    let renamed = variant.serde.iter().find(|key| key.name == "rename");
    let (code, at) = match renamed.and_then(|key| Some((key.value.as_ref()?.value(), &key.tokens))) {
        Some((code, tokens)) => (code, tokens.clone()),
        None => (screaming_snake(&crate::names::plain(&variant.ident)), variant.ident.to_token_stream()),
    };
    if RESERVED_CODES.contains(&code.as_str()) {
        let message = format!(
            "`{code}` is a code that Trunkline itself answers with, so that callers could not tell the two apart: choose \
             another name, or mark the variant `#[other]` if it holds a `trunkline::Error`"
        );
        errors.push(at, message);
    }
}
