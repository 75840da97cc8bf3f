//! The rules for a trait under `#[service]`, and for its methods together.

use std::collections::HashMap;

use syn::{ItemTrait, TraitItem};

use super::method;
use crate::{
    errors::Errors,
    model::{Service, WireName},
};

/// What the names that Trunkline keeps for itself start with.
const RESERVED_PREFIX: &str = "rpc.";

pub(crate) fn service(service: &Service, item: &ItemTrait, errors: &mut Errors) {
    check_head(item, errors);
    for item in &item.items {
        check_item(item, errors);
    }
    let namespace_is_fine = check_namespace(service, errors);
    for method in &service.methods {
        method::method(method, errors);
        for name in &method.wire_names {
            check_wire_name(name, namespace_is_fine, errors);
        }
    }
    check_unique(service, errors);
}

fn check_head(item: &ItemTrait, errors: &mut Errors) {
    if let Some(token) = &item.modifiers.auto_token {
        errors.push(token, "an auto trait has no methods to serve: remove `auto`");
    }
    if let Some(token) = &item.unsafety {
        errors.push(token, "a service is safe to implement: remove `unsafe`");
    }
    if !item.generics.params.is_empty() {
        let message = "a service cannot be generic, for every caller must see the same methods: name the types here, \
                       and make the type that implements the trait generic";
        errors.push(&item.generics.params, message);
    }
    if let Some(clause) = &item.generics.where_clause {
        errors.push(
            clause,
            "a service has no `where` clause: write supertraits after the name, as in `trait Chat: Clone`",
        );
    }
}

fn check_item(item: &TraitItem, errors: &mut Errors) {
    let what = match item {
        TraitItem::Fn(_) => return,
        TraitItem::Const(_) => "constant",
        TraitItem::Type(_) => "associated type",
        TraitItem::Macro(_) => "macro call",
        _ => "item",
    };
    errors.push(item, format!("a service has only methods: move this {what} out of the trait"));
}

/// Reports a bad namespace once, instead of at every method.
fn check_namespace(service: &Service, errors: &mut Errors) -> bool {
    let Some(namespace) = &service.namespace else { return true };
    let text = namespace.value();
    if text.is_empty() {
        errors.push(namespace, "the namespace is empty: leave the key out if names need none");
    } else if text.ends_with('.') {
        errors.push(namespace, "the dot between namespace and name is added for you: leave it out here");
    } else if text == "rpc" || text.starts_with(RESERVED_PREFIX) {
        errors.push(
            namespace,
            "names that start with `rpc.` belong to Trunkline itself: choose another namespace",
        );
    } else {
        return true;
    }
    false
}

fn check_wire_name(name: &WireName, namespace_is_fine: bool, errors: &mut Errors) {
    if name.bare.is_empty() {
        errors.add(syn::Error::new(
            name.span,
            "a method cannot have an empty name on the wire: write `alias = \"name\"`",
        ));
    } else if namespace_is_fine && name.full.starts_with(RESERVED_PREFIX) {
        let message = "names that start with `rpc.` belong to Trunkline itself: choose another alias";
        errors.add(syn::Error::new(name.span, message));
    }
}

fn check_unique(service: &Service, errors: &mut Errors) {
    let mut owners = HashMap::new();
    for method in &service.methods {
        for name in method.wire_names.iter().filter(|name| !name.bare.is_empty()) {
            if let Some(owner) = owners.insert(name.full.as_str(), method.ident()) {
                let message = if owner == method.ident() {
                    format!("`{}` is listed twice: remove one of them", name.full)
                } else {
                    format!(
                        "`{}` is already a name of `{owner}`: give one of the two another `alias`",
                        name.full
                    )
                };
                errors.add(syn::Error::new(name.span, message));
            }
        }
    }
}
