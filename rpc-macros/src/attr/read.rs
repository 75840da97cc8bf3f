//! How keys and their values are read, whatever the attribute.

use std::time::Duration;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Meta, Path, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
};

use crate::{duration::parse_duration, errors::Errors, names::Case};

/// What stands in the parentheses of an attribute, if anything.
pub(super) fn arguments(attr: &Attribute, example: &str, errors: &mut Errors) -> Option<TokenStream> {
    match &attr.meta {
        Meta::Path(_) => None,
        Meta::List(list) => Some(list.tokens.clone()),
        Meta::NameValue(meta) => {
            errors.push(meta, format!("keys stand in parentheses, as in `{example}`"));
            None
        }
    }
}

/// Reads `key`, `key = value` and `key(..)`, separated by commas; each mistake is reported and skipped.
pub(super) fn read_keys(
    tokens: TokenStream,
    owner: &str,
    known: &[&str],
    errors: &mut Errors,
    mut read: impl FnMut(&Ident, ParseStream) -> syn::Result<()>,
) {
    let read_all = |input: ParseStream| {
        while !input.is_empty() {
            let result = read_key(input, owner, known, &mut read);
            errors.take(result);
            skip_to_comma(input)?;
        }
        Ok(())
    };
    let result = read_all.parse2(tokens);
    errors.take(result);
}

/// Keys that a later version brings: whose they are, and what to do until then. No list of known keys offers them.
const LATER: [(&str, &str, &str); 2] = [
    ("#[method]", "getter", "leave it out, and clients call the method"),
    ("#[method]", "stream", "leave it out, and return a `Vec`, or a part of it for each call"),
];

fn read_key(
    input: ParseStream,
    owner: &str,
    known: &[&str],
    read: &mut impl FnMut(&Ident, ParseStream) -> syn::Result<()>,
) -> syn::Result<()> {
    let list = list_of(known);
    let Ok(key) = input.call(Ident::parse_any) else {
        return Err(input.error(format!("expected a key: {owner} knows {list}")));
    };
    if !known.iter().any(|name| key == name) {
        if let Some((_, _, instead)) = LATER.iter().find(|(whose, name, _)| *whose == owner && key == name) {
            let message = format!("`{key}` is not available in this version: {instead}");
            return Err(syn::Error::new_spanned(&key, message));
        }
        return Err(syn::Error::new_spanned(&key, format!("unknown key `{key}`: {owner} knows {list}")));
    }
    read(&key, input)?;
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(input.error(format!("expected a comma after `{key}`")))
}

fn skip_to_comma(input: ParseStream) -> syn::Result<()> {
    while !input.is_empty() {
        if input.parse::<Option<Token![,]>>()?.is_some() {
            break;
        }
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// "`a`, `b` and `c`"
pub(super) fn list_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

pub(super) fn set<T>(slot: &mut Option<T>, key: &Ident, value: T) -> syn::Result<()> {
    match slot {
        Some(_) => Err(syn::Error::new_spanned(key, format!("`{key}` is given twice: keep one of them"))),
        None => {
            *slot = Some(value);
            Ok(())
        }
    }
}

/// A key that stands alone.
pub(super) fn flag(key: &Ident, input: ParseStream) -> syn::Result<Ident> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(key.clone());
    }
    if input.peek(Ident::peek_any) {
        return Err(input.error(format!("expected a comma after `{key}`")));
    }
    Err(input.error(format!("`{key}` takes no value: write it alone, or leave it out")))
}

pub(super) fn value<T: syn::parse::Parse>(key: &Ident, input: ParseStream) -> syn::Result<T> {
    let is_there =
        input.parse::<Option<Token![=]>>()?.is_some() && !input.is_empty() && !input.peek(Token![,]);
    if !is_there {
        return Err(syn::Error::new_spanned(key, format!("`{key}` needs a value: write `{key} = …`")));
    }
    input.parse()
}

pub(super) fn string(key: &Ident, input: ParseStream) -> syn::Result<LitStr> {
    let wanted = |at: &dyn ToTokens| {
        let message = format!("`{key}` is text: write `{key} = \"{}\"`", example(key));
        syn::Error::new_spanned(at, message)
    };
    match value::<Expr>(key, input) {
        Ok(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Ok(text),
        Ok(other) => Err(wanted(&other)),
        Err(_) => Err(wanted(key)),
    }
}

/// What the text of a key looks like.
fn example(key: &Ident) -> &'static str {
    match key.to_string().as_str() {
        "alias" => "add",
        "namespace" => "chat",
        "period" | "timeout" => "10s",
        "rate_limit" => "5/1m",
        _ => "camelCase",
    }
}

/// `key = "a"` or `key("a", "b")`.
pub(super) fn strings(key: &Ident, input: ParseStream) -> syn::Result<Vec<LitStr>> {
    if !input.peek(syn::token::Paren) {
        return Ok(vec![string(key, input)?]);
    }
    let hint = format!("write `{key} = \"add\"` or `{key}(\"add\", \"plus\")`");
    let names = Punctuated::<LitStr, Token![,]>::parse_terminated.parse2(parenthesized(input)?);
    match names {
        Ok(names) if names.is_empty() => Err(syn::Error::new_spanned(key, hint)),
        Ok(names) => Ok(names.into_iter().collect()),
        Err(error) => Err(syn::Error::new(error.span(), hint)),
    }
}

pub(super) fn duration(key: &Ident, input: ParseStream) -> syn::Result<Duration> {
    let text = string(key, input)?;
    parse_duration(&text.value()).map_err(|message| syn::Error::new_spanned(&text, message))
}

pub(super) fn count(key: &Ident, input: ParseStream) -> syn::Result<u32> {
    let wanted = format!("`{key}` is a whole number from 1 to {}: write `{key} = 5`", u32::MAX);
    let value: Expr = value(key, input)?;
    let number = match &value {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => LitInt::base10_parse(number).unwrap_or(0),
        _ => 0,
    };
    if number == 0 { Err(syn::Error::new_spanned(&value, wanted)) } else { Ok(number) }
}

/// A way of writing names, as text and as what it means.
pub(super) fn case(key: &Ident, input: ParseStream) -> syn::Result<(LitStr, Case)> {
    let name = string(key, input)?;
    match Case::parse(&name.value()) {
        Some(case) => Ok((name, case)),
        None => {
            let known = list_of(&Case::ALL.map(|(name, _)| name));
            let message = format!("`{}` is no way of writing names: `{key}` knows {known}", name.value());
            Err(syn::Error::new_spanned(name, message))
        }
    }
}

pub(super) fn path(key: &Ident, input: ParseStream) -> syn::Result<Path> {
    let hint = format!(
        "`{key}` is the path of Trunkline: write it without quotes, as in `{key} = my_crate::trunkline`"
    );
    if !input.peek(Token![=]) {
        return Err(syn::Error::new_spanned(key, hint));
    }
    input.parse::<Token![=]>()?;
    input.call(Path::parse_mod_style).map_err(|error| syn::Error::new(error.span(), hint))
}

pub(super) fn parenthesized(input: ParseStream) -> syn::Result<TokenStream> {
    let content;
    syn::parenthesized!(content in input);
    content.parse()
}
