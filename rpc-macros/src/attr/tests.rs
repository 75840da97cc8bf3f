use quote::quote;
use syn::parse_quote;

use super::*;

fn method(attrs: &mut Vec<Attribute>) -> (MethodKeys, Vec<String>) {
    let mut errors = Errors::default();
    let keys = MethodKeys::take(attrs, &mut errors);
    (keys, errors.messages())
}

fn mistakes(attr: Attribute) -> Vec<String> {
    method(&mut vec![attr]).1
}

fn rate_limit(attr: Attribute) -> Option<RateLimit> {
    let (keys, mistakes) = method(&mut vec![attr]);
    assert_eq!(mistakes, [""; 0]);
    keys.rate_limit
}

#[test]
fn every_key_of_a_method_is_read_and_other_attributes_stay() {
    let mut attrs: Vec<Attribute> = vec![
        parse_quote!(#[doc = "Adds."]),
        parse_quote!(#[method(alias = "add", requires = is("vip") | any([a, b]), public, idempotent)]),
        parse_quote!(#[trunkline::method(alias("plus", "sum"), timeout = "5s", oneway)]),
    ];
    let (keys, mistakes) = method(&mut attrs);
    assert_eq!(mistakes, [""; 0]);
    assert_eq!(keys.aliases.iter().map(LitStr::value).collect::<Vec<_>>(), ["add", "plus", "sum"]);
    assert_eq!(keys.timeout, Some(Duration::from_secs(5)));
    assert!(keys.requires.is_some() && keys.public.is_some() && keys.idempotent.is_some());
    assert!(keys.oneway.is_some());
    assert_eq!(attrs.len(), 1);
}

#[test]
fn a_rate_limit_is_text_or_a_list() {
    let limit = |per, disconnect| RateLimit { limit: 5, period: Duration::from_secs(60), per, disconnect };
    assert_eq!(
        rate_limit(parse_quote!(#[method(rate_limit = "5/1m")])),
        Some(limit("UserOrConnection", false))
    );
    assert_eq!(
        rate_limit(parse_quote!(#[method(rate_limit(per = ip, limit = 5, disconnect, period = "1m"))])),
        Some(limit("Ip", true))
    );
    let period = rate_limit(parse_quote!(#[method(rate_limit(limit = 5))])).map(|limit| limit.period);
    assert_eq!(period, Some(Duration::from_secs(1)));
}

#[test]
fn each_mistake_is_reported_and_the_rest_is_read() {
    let (keys, mistakes) = method(&mut vec![
        parse_quote!(#[method(publik, timeout = 5, oneway = true, alias = "a", alias = 1 + 1)]),
    ]);
    assert_eq!(keys.aliases.len(), 1);
    assert_eq!(
        mistakes,
        [
            "unknown key `publik`: #[method] knows `alias`, `requires`, `rate_limit`, `public`, `idempotent`, `oneway` \
             and `timeout`",
            "`timeout` is text: write `timeout = \"10s\"`",
            "`oneway` takes no value: write it alone, or leave it out",
            "`alias` is text: write `alias = \"add\"`",
        ]
    );
}

#[test]
fn a_key_with_one_value_is_refused_the_second_time() {
    let mut attrs = vec![
        parse_quote!(#[method(public)]),
        parse_quote!(#[method(public, timeout = "1s", timeout = "2s")]),
    ];
    let (_, mistakes) = method(&mut attrs);
    assert_eq!(
        mistakes,
        ["`public` is given twice: keep one of them", "`timeout` is given twice: keep one of them"]
    );
}

#[test]
fn what_a_rate_limit_cannot_be() {
    let rows: [(Attribute, &str); 7] = [
        (parse_quote!(#[method(rate_limit)]), "`rate_limit` is text"),
        (parse_quote!(#[method(rate_limit = "5/1x")]), "`x` is not a unit of time"),
        (parse_quote!(#[method(rate_limit(period = "1m"))]), "needs `limit`"),
        (parse_quote!(#[method(rate_limit(limit = 0))]), "`limit` is a whole number from 1"),
        (
            parse_quote!(#[method(rate_limit(limit = 1, per = nobody))]),
            "`per` knows `connection`, `user`, `ip` and `method`",
        ),
        (parse_quote!(#[method(rate_limit(limits = 1))]), "unknown key `limits`"),
        (parse_quote!(#[method(rate_limit(limit = 2000000000))]), "more than one a nanosecond"),
    ];
    for (attr, expected) in rows {
        let mistakes = mistakes(attr);
        assert!(mistakes.iter().any(|it| it.contains(expected)), "{expected}: {mistakes:?}");
    }
}

#[test]
fn keys_of_a_service_are_text_or_paths() {
    let mut errors = Errors::default();
    let keys = ServiceKeys::read(
        quote!(namespace = "chat", rename_all = "camelCase", crate = crate::a),
        &mut errors,
    );
    assert!(errors.is_empty());
    assert_eq!(keys.namespace.map(|it| it.value()).as_deref(), Some("chat"));
    assert_eq!(keys.rename_all, Some(Case::Camel));
    assert!(keys.krate.is_some());

    ServiceKeys::read(quote!(rename_all = "Camel", crate = "a", , 5), &mut errors);
    let mistakes = errors.messages();
    assert_eq!(mistakes.len(), 4, "{mistakes:?}");
}

#[test]
fn foreign_keys_are_read_with_their_values() {
    let attrs: Vec<Attribute> = vec![parse_quote!(#[serde(tag = "code", rename(serialize = "a"), default)])];
    let keys = foreign_keys(&attrs, "serde");
    assert_eq!(keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["tag", "rename", "default"]);
    assert_eq!(keys.first().and_then(|key| key.value.as_ref()).map(LitStr::value).as_deref(), Some("code"));
}

#[test]
fn docs_lose_the_space_that_follows_the_slashes() {
    let item: syn::ItemStruct = parse_quote! {
        /// One.
        ///
        ///   Two.
        struct A;
    };
    assert_eq!(docs(&item.attrs), "One.\n\n  Two.");
}
