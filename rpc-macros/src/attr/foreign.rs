//! Attributes that are not ours, as far as we have to know what they say.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, MetaNameValue, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
};

/// A key inside somebody else's attribute, such as `tag = "code"` in `#[serde(..)]`.
pub(crate) struct ForeignKey {
    pub(crate) name: String,
    pub(crate) value: Option<LitStr>,
    pub(crate) tokens: TokenStream,
}

/// The keys in all attributes called `owner`. What cannot be read is left out: its owner reports it.
pub(crate) fn foreign_keys(attrs: &[Attribute], owner: &str) -> Vec<ForeignKey> {
    let mut keys = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(owner)) {
        let Meta::List(list) = &attr.meta else { continue };
        let read = |input: ParseStream| {
            while !input.is_empty() {
                keys.push(foreign_key(input)?);
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(())
        };
        // The derive macro that owns the attribute reads it again and says what is wrong.
        let _ = read.parse2(list.tokens.clone());
    }
    keys
}

fn foreign_key(input: ParseStream) -> syn::Result<ForeignKey> {
    let name = input.call(Ident::parse_any)?;
    let mut key = ForeignKey { name: name.to_string(), value: None, tokens: name.to_token_stream() };
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?.to_tokens(&mut key.tokens);
        let value: Expr = input.parse()?;
        value.to_tokens(&mut key.tokens);
        if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = value {
            key.value = Some(text);
        }
    } else if input.peek(syn::token::Paren) {
        input.parse::<TokenTree>()?.to_tokens(&mut key.tokens);
    }
    Ok(key)
}

/// The text of all doc comments, without the space that follows `///`.
pub(crate) fn docs(attrs: &[Attribute]) -> String {
    let lines = attrs.iter().filter(|attr| attr.path().is_ident("doc")).filter_map(|attr| {
        let Meta::NameValue(doc) = &attr.meta else { return None };
        let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &doc.value else { return None };
        let text = text.value();
        Some(text.strip_prefix(' ').unwrap_or(&text).to_owned())
    });
    lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// The reason in `#[deprecated = ".."]` or `#[deprecated(note = "..")]`, empty if there is none; `None` for another attribute.
pub(crate) fn deprecation(attr: &Attribute) -> Option<String> {
    if !attr.path().is_ident("deprecated") {
        return None;
    }
    if let Meta::NameValue(MetaNameValue { value: Expr::Lit(ExprLit { lit: Lit::Str(text), .. }), .. }) =
        &attr.meta
    {
        return Some(text.value());
    }
    let keys = foreign_keys(std::slice::from_ref(attr), "deprecated");
    let note = keys.into_iter().find(|key| key.name == "note").and_then(|key| key.value);
    Some(note.map(|note| note.value()).unwrap_or_default())
}
