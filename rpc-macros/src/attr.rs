//! Every attribute of ours and every key in it, read with the key's own span kept.
//!
//! An unknown key names the known ones, and a key that may stand once is refused the second time. Reading goes on after a
//! mistake. Whether keys make sense together and in their place is for `check` to say.

mod foreign;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use foreign::{ForeignKey, deprecation, docs, foreign_keys};

use std::time::Duration;

use proc_macro2::TokenStream;
use syn::{Attribute, Expr, Ident, LitStr, Meta, MetaList, Path, Type, parse::ParseStream};

use self::read::{
    arguments, case, count, duration, flag, list_of, parenthesized, path, read_keys, set, string, strings,
    value,
};
use crate::{
    duration::{check_rate, parse_rate},
    errors::Errors,
    names::Case,
};

/// The keys of `#[service(..)]`.
#[derive(Default)]
pub(crate) struct ServiceKeys {
    pub(crate) namespace: Option<LitStr>,
    pub(crate) rename_all: Option<Case>,
    pub(crate) krate: Option<Path>,
}

impl ServiceKeys {
    const KNOWN: &[&str] = &["namespace", "rename_all", "crate"];

    pub(crate) fn read(args: TokenStream, errors: &mut Errors) -> Self {
        let mut keys = Self::default();
        read_keys(args, "#[service]", Self::KNOWN, errors, |key, input| match key.to_string().as_str() {
            "namespace" => set(&mut keys.namespace, key, string(key, input)?),
            "rename_all" => set(&mut keys.rename_all, key, case(key, input)?.1),
            _ => set(&mut keys.krate, key, path(key, input)?),
        });
        keys
    }
}

/// The keys of all `#[method(..)]` on one method; a flag is the key where it stands.
#[derive(Default)]
pub(crate) struct MethodKeys {
    pub(crate) aliases: Vec<LitStr>,
    pub(crate) requires: Option<Expr>,
    pub(crate) rate_limit: Option<RateLimit>,
    pub(crate) public: Option<Ident>,
    pub(crate) idempotent: Option<Ident>,
    pub(crate) oneway: Option<Ident>,
    pub(crate) timeout: Option<Duration>,
}

impl MethodKeys {
    const KNOWN: &[&str] = &["alias", "requires", "rate_limit", "public", "idempotent", "oneway", "timeout"];

    /// Takes our attributes out of `attrs`.
    pub(crate) fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let mut keys = Self::default();
        for attr in attrs.extract_if(.., |attr| is_method(attr)) {
            keys.read(&attr, errors);
        }
        keys
    }

    fn read(&mut self, attr: &Attribute, errors: &mut Errors) {
        let Some(args) = arguments(attr, "#[method(public)]", errors) else { return };
        read_keys(args, "#[method]", Self::KNOWN, errors, |key, input| match key.to_string().as_str() {
            "alias" => {
                self.aliases.extend(strings(key, input)?);
                Ok(())
            }
            "requires" => set(&mut self.requires, key, value(key, input)?),
            "rate_limit" => set(&mut self.rate_limit, key, RateLimit::read(key, input)?),
            "timeout" => set(&mut self.timeout, key, duration(key, input)?),
            "public" => set(&mut self.public, key, flag(key, input)?),
            "idempotent" => set(&mut self.idempotent, key, flag(key, input)?),
            _ => set(&mut self.oneway, key, flag(key, input)?),
        });
    }
}

/// `#[method]` or `#[trunkline::method]`.
pub(crate) fn is_method(attr: &Attribute) -> bool {
    attr.path().segments.last().is_some_and(|segment| segment.ident == "method")
}

/// How often a method may be called.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RateLimit {
    pub(crate) limit: u32,
    pub(crate) period: Duration,
    /// The variant of `Per`.
    pub(crate) per: &'static str,
    pub(crate) disconnect: bool,
}

impl RateLimit {
    const KNOWN: &[&str] = &["limit", "period", "per", "disconnect"];
    const PER: [(&str, &str); 4] =
        [("connection", "Connection"), ("user", "User"), ("ip", "Ip"), ("method", "Method")];
    const DEFAULT_PER: &str = "UserOrConnection";

    fn read(key: &Ident, input: ParseStream) -> syn::Result<Self> {
        if input.peek(syn::token::Paren) {
            return Self::read_list(key, parenthesized(input)?);
        }
        let text: LitStr = string(key, input)?;
        let (limit, period) =
            parse_rate(&text.value()).map_err(|message| syn::Error::new_spanned(&text, message))?;
        Ok(Self { limit, period, per: Self::DEFAULT_PER, disconnect: false })
    }

    fn read_list(owner: &Ident, list: TokenStream) -> syn::Result<Self> {
        let (mut limit, mut period, mut per, mut disconnect) = (None, None, None, None);
        let mut errors = Errors::default();
        read_keys(list, "rate_limit", Self::KNOWN, &mut errors, |key, input| {
            match key.to_string().as_str() {
                "limit" => set(&mut limit, key, count(key, input)?),
                "period" => set(&mut period, key, duration(key, input)?),
                "per" => set(&mut per, key, Self::read_per(key, input)?),
                _ => set(&mut disconnect, key, flag(key, input)?),
            }
        });
        errors.into_result()?;
        let Some(limit) = limit else {
            let message = "a rate limit needs `limit`, as in `rate_limit(limit = 5, period = \"1m\")`";
            return Err(syn::Error::new_spanned(owner, message));
        };
        let period = period.unwrap_or(Duration::from_secs(1));
        check_rate(limit, period).map_err(|message| syn::Error::new_spanned(owner, message))?;
        Ok(Self { limit, period, per: per.unwrap_or(Self::DEFAULT_PER), disconnect: disconnect.is_some() })
    }

    fn read_per(key: &Ident, input: ParseStream) -> syn::Result<&'static str> {
        let who: Ident = value(key, input)?;
        let known = Self::PER.iter().find(|(name, _)| who == name);
        known.map(|(_, variant)| *variant).ok_or_else(|| {
            let known = list_of(&Self::PER.map(|(name, _)| name));
            syn::Error::new_spanned(&who, format!("`{who}` cannot share a budget: `per` knows {known}"))
        })
    }
}

/// What stands on an argument of a method.
#[derive(Default)]
pub(crate) struct ArgKeys {
    pub(crate) extract: Option<Ident>,
    pub(crate) param: Option<Ident>,
    pub(crate) body: Option<Ident>,
    pub(crate) pipelined: Option<Ident>,
    pub(crate) default: Option<(Ident, Expr)>,
}

impl ArgKeys {
    pub(crate) const KNOWN: &[&str] = &["extract", "param", "body", "default"];
    /// Read only to be refused by name: a later version brings it.
    const LATER: &[&str] = &["pipelined"];
    /// What Rust allows besides.
    pub(crate) const LINTS: &[&str] = &["allow", "deny", "expect", "forbid", "warn"];

    /// Takes our attributes out of `attrs`.
    pub(crate) fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let mut keys = Self::default();
        for attr in attrs.extract_if(.., |attr| is_one_of(attr, Self::KNOWN) || is_one_of(attr, Self::LATER))
        {
            let read = keys.read(&attr);
            errors.take(read);
        }
        keys
    }

    fn read(&mut self, attr: &Attribute) -> syn::Result<()> {
        let key = attr.path().require_ident()?;
        let slot = match key.to_string().as_str() {
            "extract" => &mut self.extract,
            "param" => &mut self.param,
            "body" => &mut self.body,
            "pipelined" => &mut self.pipelined,
            _ => return set(&mut self.default, key, (key.clone(), Self::read_default(attr)?)),
        };
        if !matches!(attr.meta, Meta::Path(_)) {
            return Err(syn::Error::new_spanned(&attr.meta, format!("`#[{key}]` takes no arguments")));
        }
        set(slot, key, key.clone())
    }

    fn read_default(attr: &Attribute) -> syn::Result<Expr> {
        let hint = "write the value in parentheses, as in `#[default(1)]`";
        match &attr.meta {
            Meta::List(list) if !list.tokens.is_empty() => list.parse_args(),
            other => Err(syn::Error::new_spanned(other, hint)),
        }
    }
}

/// `#[cfg]` on a method, or a `#[cfg_attr]` that would give it keys too late for us to see.
pub(crate) fn is_condition(attr: &Attribute) -> bool {
    let is_ours =
        |list: &MetaList| list.tokens.clone().into_iter().any(|token| token.to_string() == "method");
    attr.path().is_ident("cfg")
        || (attr.path().is_ident("cfg_attr") && matches!(&attr.meta, Meta::List(list) if is_ours(list)))
}

/// Whether the attribute is one of these names, such as `#[extract]`.
pub(crate) fn is_one_of(attr: &Attribute, names: &[&str]) -> bool {
    attr.path().get_ident().is_some_and(|ident| names.iter().any(|name| ident == name))
}

/// The keys of `#[data(..)]` on a type.
#[derive(Default)]
pub(crate) struct DataKeys {
    pub(crate) error: Option<Ident>,
    pub(crate) input: Option<Ident>,
    pub(crate) rename_all: Option<(Ident, LitStr)>,
    pub(crate) rename_all_fields: Option<(Ident, LitStr)>,
    pub(crate) krate: Option<Path>,
}

impl DataKeys {
    const KNOWN: &[&str] = &["error", "input", "rename_all", "rename_all_fields", "crate"];

    pub(crate) fn read(args: TokenStream, errors: &mut Errors) -> Self {
        let mut keys = Self::default();
        read_keys(args, "#[data]", Self::KNOWN, errors, |key, input| match key.to_string().as_str() {
            "error" => set(&mut keys.error, key, flag(key, input)?),
            "input" => set(&mut keys.input, key, flag(key, input)?),
            "rename_all" => set(&mut keys.rename_all, key, (key.clone(), case(key, input)?.0)),
            "rename_all_fields" => set(&mut keys.rename_all_fields, key, (key.clone(), case(key, input)?.0)),
            _ => set(&mut keys.krate, key, path(key, input)?),
        });
        keys
    }
}

/// The keys of `#[data(..)]` on a field.
#[derive(Default)]
pub(crate) struct FieldKeys {
    pub(crate) nullable: Option<Ident>,
    /// The type that generators shall describe in place of the field's own.
    pub(crate) described_as: Option<Type>,
}

impl FieldKeys {
    const KNOWN: &[&str] = &["nullable", "as"];

    /// Takes our attributes out of `attrs`.
    pub(crate) fn take(attrs: &mut Vec<Attribute>, errors: &mut Errors) -> Self {
        let mut keys = Self::default();
        for attr in attrs.extract_if(.., |attr| is_data(attr)) {
            let Some(args) = arguments(&attr, "#[data(nullable)]", errors) else { continue };
            read_keys(args, "#[data] on a field", Self::KNOWN, errors, |key, input| {
                match key.to_string().as_str() {
                    "nullable" => set(&mut keys.nullable, key, flag(key, input)?),
                    _ => set(&mut keys.described_as, key, value(key, input)?),
                }
            });
        }
        keys
    }
}

/// `#[data]` or `#[trunkline::data]`.
pub(crate) fn is_data(attr: &Attribute) -> bool {
    attr.path().segments.last().is_some_and(|segment| segment.ident == "data")
}
