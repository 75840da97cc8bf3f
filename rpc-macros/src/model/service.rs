//! A service: the trait, its methods, their arguments.

use proc_macro2::{Span, TokenStream};
use syn::{
    Attribute, Block, FnArg, Ident, ItemTrait, LitStr, Pat, PatType, Path, Receiver, ReturnType, Signature,
    Token, TraitItem, TraitItemFn, Type, TypeParamBound, Visibility, parse_quote, punctuated::Punctuated,
};

use super::{generic_argument, last_segment};
use crate::{
    attr::{ArgKeys, MethodKeys, ServiceKeys},
    errors::Errors,
    names::{Case, plain},
};

/// A trait under `#[service]`.
pub(crate) struct Service {
    /// Where Trunkline is, if not at `::trunkline`.
    pub(crate) krate: Option<Path>,
    pub(crate) namespace: Option<LitStr>,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) ident: Ident,
    pub(crate) supertraits: Punctuated<TypeParamBound, Token![+]>,
    pub(crate) methods: Vec<Method>,
}

impl Service {
    pub(crate) fn new(args: TokenStream, item: &ItemTrait, errors: &mut Errors) -> Self {
        let keys = ServiceKeys::read(args, errors);
        let functions = item.items.iter().filter_map(|item| match item {
            TraitItem::Fn(function) => Some(function),
            _ => None,
        });
        let methods = functions.map(|function| Method::new(function.clone(), &keys, errors)).collect();
        Self {
            krate: keys.krate,
            namespace: keys.namespace,
            attrs: item.attrs.clone(),
            vis: item.vis.clone(),
            ident: item.ident.clone(),
            supertraits: item.supertraits.clone(),
            methods,
        }
    }

    pub(crate) fn name(&self) -> String {
        plain(&self.ident)
    }
}

/// A method of the trait; its number is its place.
pub(crate) struct Method {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) keys: MethodKeys,
    /// Without the attributes of its arguments.
    pub(crate) sig: Signature,
    pub(crate) body: Option<Block>,
    pub(crate) args: Vec<Arg>,
    pub(crate) wire_names: Vec<WireName>,
}

impl Method {
    fn new(function: TraitItemFn, service: &ServiceKeys, errors: &mut Errors) -> Self {
        let TraitItemFn { mut attrs, mut sig, default: body, .. } = function;
        let keys = MethodKeys::take(&mut attrs, errors);
        let mut args = Vec::new();
        for input in &mut sig.inputs {
            if let FnArg::Typed(input) = input {
                let keys = ArgKeys::take(&mut input.attrs, errors);
                args.push(Arg::new(input, keys, service.rename_all));
            }
        }
        let wire_names = WireName::all(&sig.ident, &keys.aliases, service);
        Self { attrs, keys, sig, body, args, wire_names }
    }

    pub(crate) fn ident(&self) -> &Ident {
        &self.sig.ident
    }

    pub(crate) fn is_async(&self) -> bool {
        self.sig.asyncness.is_some()
    }

    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.sig.inputs.iter().find_map(|input| match input {
            FnArg::Receiver(receiver) => Some(receiver),
            FnArg::Typed(_) => None,
        })
    }

    /// What the method returns; `()` if it says nothing.
    pub(crate) fn output(&self) -> Type {
        match &self.sig.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        }
    }

    pub(crate) fn extractors(&self) -> impl Iterator<Item = &Arg> {
        self.args.iter().filter(|arg| arg.role == Role::Extractor)
    }

    pub(crate) fn params(&self) -> impl Iterator<Item = &Arg> {
        self.args.iter().filter(|arg| arg.role == Role::Param)
    }

    pub(crate) fn body_param(&self) -> Option<&Arg> {
        self.args.iter().find(|arg| arg.role == Role::Body)
    }

    /// Whatever travels: the params, or the body.
    pub(crate) fn travelling(&self) -> impl Iterator<Item = &Arg> {
        self.args.iter().filter(|arg| arg.role != Role::Extractor)
    }
}

/// A name that the method is called by.
pub(crate) struct WireName {
    /// Without the namespace, as the user wrote it or as `rename_all` made it.
    pub(crate) bare: String,
    /// With the namespace.
    pub(crate) full: String,
    pub(crate) span: Span,
}

impl WireName {
    fn all(ident: &Ident, aliases: &[LitStr], service: &ServiceKeys) -> Vec<Self> {
        let new = |bare: String, span| {
            let full = match &service.namespace {
                Some(namespace) => format!("{}.{bare}", namespace.value()),
                None => bare.clone(),
            };
            Self { bare, full, span }
        };
        if aliases.is_empty() {
            return vec![new(renamed(ident, service.rename_all), ident.span())];
        }
        aliases.iter().map(|alias| new(alias.value(), alias.span())).collect()
    }
}

fn renamed(ident: &Ident, case: Option<Case>) -> String {
    let name = plain(ident);
    case.map(|case| case.apply(&name)).unwrap_or(name)
}

/// An argument beside `&self`.
pub(crate) struct Arg {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) keys: ArgKeys,
    pub(crate) pat: Pat,
    pub(crate) ty: Type,
    pub(crate) role: Role,
    /// The name on the wire; empty if the pattern is not a plain name.
    pub(crate) wire_name: String,
}

/// Where an argument comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// From the call's head.
    Extractor,
    /// From the params, by place or name.
    Param,
    /// All params as one value.
    Body,
}

impl Arg {
    fn new(input: &PatType, keys: ArgKeys, case: Option<Case>) -> Self {
        let role = if keys.body.is_some() {
            Role::Body
        } else if keys.extract.is_some() || (is_known_extractor(&input.ty) && keys.param.is_none()) {
            Role::Extractor
        } else {
            Role::Param
        };
        let wire_name = match &*input.pat {
            Pat::Ident(pat) => renamed(&pat.ident, case),
            _ => String::new(),
        };
        Self {
            attrs: input.attrs.clone(),
            keys,
            pat: (*input.pat).clone(),
            ty: (*input.ty).clone(),
            role,
            wire_name,
        }
    }

    /// The name of the argument, without `mut`; `_` if it is a pattern, which `check` refuses.
    pub(crate) fn ident(&self) -> Ident {
        match &self.pat {
            Pat::Ident(pat) => pat.ident.clone(),
            _ => Ident::new("_", Span::call_site()),
        }
    }
}

/// `User`, `Connection`, `Hub` and `Option<User>`, at the end of any path.
fn is_known_extractor(ty: &Type) -> bool {
    let is_named = |ty: &Type, names: &[&str]| {
        last_segment(ty).is_some_and(|it| it.arguments.is_none() && names.iter().any(|name| it.ident == name))
    };
    is_named(ty, &["User", "Connection", "Hub"])
        || generic_argument(ty, "Option").is_some_and(|inner| is_named(inner, &["User"]))
}
