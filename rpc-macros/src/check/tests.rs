//! Each rule by its message. How the messages look at their places is for `tests/ui` of the facade.

use syn::{DeriveInput, ItemTrait};
use trunkline_core::Code;

use crate::{
    errors::Errors,
    model::{Data, Service},
};

const FINE: [&str; 0] = [];

fn service(args: &str, item: &str) -> Vec<String> {
    let item: ItemTrait = syn::parse_str(item).unwrap();
    let mut errors = Errors::default();
    let service = Service::new(args.parse().unwrap(), &item, &mut errors);
    super::service(&service, &item, &mut errors);
    errors.messages()
}

fn data(args: &str, item: &str) -> Vec<String> {
    let item: DeriveInput = syn::parse_str(item).unwrap();
    let mut errors = Errors::default();
    let data = Data::new(args.parse().unwrap(), item, &mut errors);
    super::data(&data, &mut errors);
    errors.messages()
}

/// `mistakes` is one, and says `expected`.
#[track_caller]
fn check(item: &str, mistakes: &[String], expected: &str) {
    assert!(
        matches!(mistakes, [only] if only.contains(expected)),
        "{item}\nexpected: {expected}\ngot: {mistakes:#?}"
    );
}

#[track_caller]
fn check_methods(rows: &[(&str, &str)]) {
    for (method, expected) in rows {
        check(method, &service("", &format!("trait Chat {{ {method} }}")), expected);
    }
}

#[track_caller]
fn check_data(args: &str, rows: &[(&str, &str)]) {
    for (item, expected) in rows {
        check(item, &data(args, item), expected);
    }
}

#[test]
fn a_service_that_uses_everything_is_fine() {
    let item = r#"
        pub trait Chat: Clone {
            #[method(alias = "/say ☃", requires = is("vip"), rate_limit = "5/1m", timeout = "5s")]
            async fn say(&self, user: User, #[extract] tenant: Tenant, r#in: String) -> Result<u8>;
            #[method(public)]
            fn count(&self, user: Option<a::User>, #[param] hub: Hub, #[default(1)] by: Cow<'static, str>) -> u8 { 1 }
            #[method(oneway)]
            async fn tell(&self, conn: Connection, #[body] all: Vec<Option<String>>) -> ();
            #[allow(unused)]
            #[deprecated]
            async fn quiet(&self, #[allow(unused)] mut a: u8) {}
        }
    "#;
    assert_eq!(service(r#"namespace = "chat", rename_all = "camelCase""#, item), FINE);
    assert_eq!(service("", "trait Chat {}"), FINE);
}

#[test]
fn heads_of_traits() {
    for (item, expected) in [
        ("auto trait Chat {}", "remove `auto`"),
        ("unsafe trait Chat {}", "remove `unsafe`"),
        ("trait Chat<T> {}", "cannot be generic"),
        ("trait Chat<'a> {}", "cannot be generic"),
        ("trait Chat where Self: Clone {}", "no `where` clause"),
        ("trait Chat { const A: u8; }", "move this constant out"),
        ("trait Chat { type A; }", "move this associated type out"),
        ("trait Chat { a!(); }", "move this macro call out"),
    ] {
        check(item, &service("", item), expected);
    }
}

#[test]
fn a_bad_namespace_is_reported_once() {
    for (namespace, expected) in [
        ("", "is empty"),
        ("chat.", "added for you"),
        ("rpc", "belong to Trunkline"),
        ("rpc.a", "belong to Trunkline"),
    ] {
        let mistakes =
            service(&format!("namespace = {namespace:?}"), "trait Chat { fn a(&self); fn b(&self); }");
        check(namespace, &mistakes, expected);
    }
}

#[test]
fn signatures() {
    check_methods(&[
        ("const fn a(&self);", "remove `const`"),
        ("unsafe fn a(&self);", "remove `unsafe`"),
        (r#"extern "C" fn a(&self);"#, "remove `extern`"),
        ("fn a(&self, ...);", "fixed number"),
        ("fn a<T>(&self);", "cannot be generic"),
        ("fn a<const N: usize>(&self);", "cannot be generic"),
        ("fn a<'a>(&self);", "remove the lifetime"),
        ("fn a(&self) where Self: Clone;", "no `where` clause"),
        ("#[cfg(a)] fn a(&self);", "in every build"),
        ("#[cfg_attr(a, method(public))] fn a(&self);", "in every build"),
    ]);
}

#[test]
fn receivers() {
    check_methods(&[
        ("fn a();", "starts with `&self`: write `fn a(&self, …)`"),
        ("fn a(self);", "share the service"),
        ("fn a(&mut self);", "run at the same time"),
        ("fn a(&'static self);", "write `&self`"),
        ("fn a(self: Arc<Self>);", "share the service"),
    ]);
}

#[test]
fn names() {
    for name in [
        "then",
        "catch",
        "finally",
        "result",
        "to_json",
        "toJSON",
        "to_JSON",
        "to_string",
        "value_of",
        "constructor",
        "_then",
    ] {
        check_methods(&[(&format!("fn {name}(&self);"), "for in TypeScript")]);
        let alias = format!("trait Chat {{ #[method(alias = {name:?})] fn a(&self); }}");
        assert_eq!(service("", &alias), FINE);
    }
    check_methods(&[
        ("fn new(&self);", "cannot be called `new`"),
        (r#"#[method(alias = "")] fn a(&self);"#, "empty name"),
        (r#"#[method(alias = "rpc.a")] fn a(&self);"#, "belong to Trunkline"),
        (r#"#[method(alias("a", "a"))] fn b(&self);"#, "`a` is listed twice"),
        (r#"#[method(alias = "b")] fn a(&self); fn b(&self);"#, "`b` is already a name of `a`"),
    ]);
}

#[test]
fn guards() {
    check_methods(&[(r#"#[method(requires = "vip")] fn a(&self);"#, r#"write `requires = is("vip")`"#)]);
}

#[test]
fn arguments() {
    check_methods(&[
        ("fn a(&self, (b, c): (u8, u8));", "is a plain name"),
        ("fn a(&self, _: u8);", "needs a name"),
        ("fn a(&self, mut b: u8);", "write `mut` in the `impl`"),
        ("fn a(&self, ref b: u8) {}", "is a plain name"),
        ("fn a(&self, #[extract] #[param] b: u8);", "either `#[extract]` or `#[param]`"),
        ("fn a(&self, #[pipelined] b: u8);", "`#[pipelined]` is not available"),
        ("fn a(&self, #[default(1)] b: User);", "does not travel"),
        ("fn a(&self, #[body] #[default(1)] b: u8);", "always there"),
        ("fn a(&self, #[default] b: u8);", "in parentheses"),
        ("fn a(&self, #[extract(b)] b: u8);", "takes no arguments"),
        ("fn a(&self, #[serde(default)] b: u8);", "unknown attribute"),
        ("fn a(&self, #[cfg(a)] b: u8);", "in every build"),
        ("fn a(&self, #[body] b: u8, c: u8);", "takes all params"),
        ("fn a(&self, #[body] b: u8, #[body] c: u8);", "only one argument"),
        ("#[method(public)] fn a(&self, user: trunkline::User);", "write `Option<User>`"),
    ]);
    let camel = r#"rename_all = "camelCase""#;
    let renamed = "trait Chat { fn a(&self, b_c: u8, bC: u8); }";
    check(renamed, &service(camel, renamed), "another argument is called `bC`");
    let nameless = "trait Chat { fn a(&self, __: u8); }";
    check(nameless, &service(camel, nameless), "nothing is left");
}

#[test]
fn types() {
    check_methods(&[
        ("fn a(&self, b: &str);", "an argument owns its data: write `String`"),
        ("fn a(&self, b: Option<&[u8]>);", "write `Vec<u8>`"),
        ("fn a(&self, b: &Order);", "write `Order`"),
        ("fn a(&self) -> &'static str;", "a result owns its data: write `String`"),
        ("fn a(&self, b: Cow<'_, str>);", "without a lifetime"),
        ("fn a(&self, b: impl Into<u8>);", "name it in place of `impl`"),
        ("fn a(&self, b: Vec<_>);", "cannot be inferred"),
        ("fn a(&self) -> Result<Self>;", "`Self` is the service"),
        ("fn a(&self) -> impl Future<Output = u8>;", "write `async fn`"),
        ("fn a(&self) -> impl Iterator<Item = u8>;", "name it in place of `impl`"),
    ]);
}

#[test]
fn what_a_later_version_brings() {
    for method in [
        "#[method(getter)] fn a(&self) -> u8;",
        "fn a(&self) -> Subscription<u8>;",
        "fn a(&self) -> Result<Option<Cap<RoomClient>>, E>;",
        "fn a(&self, b: Option<trunkline::Cap<RoomClient>>);",
        "fn a(&self, b: Callback<u8, u8>);",
    ] {
        check_methods(&[(method, "is not available in this version")]);
    }
    let types_of_the_user = "trait Chat { fn a(&self, b: Subscription) -> Cap; }";
    assert_eq!(service("", types_of_the_user), FINE);
}

#[test]
fn streams_stand_where_they_can() {
    check_methods(&[
        ("fn a(&self) -> Option<impl Stream<Item = u8>>;", "nothing round it"),
        ("fn a(&self) -> impl Stream;", "nothing round it: write `impl Stream<Item = T>`"),
        ("fn a(&self) -> Result<Vec<impl Stream<Item = u8>>>;", "nothing round it"),
        ("fn a(&self) -> impl Stream<Item = impl Stream<Item = u8>>;", "an item of a stream has one type"),
        ("fn a(&self) -> BoxStream<&str>;", "an item of a stream owns its data"),
        ("fn a(&self) -> Result<impl Stream<Item = u8>, &'static str>;", "a result owns its data"),
        ("fn a(&self) -> Streaming<u8>;", "gives a stream as `impl Stream<Item = T>`"),
        ("fn a(&self, b: impl Stream<Item = u8>);", "write that, with the type of its items"),
        ("fn a(&self, b: Option<Streaming<u8>>);", "a stream is a whole argument"),
        ("fn a(&self, b: Streaming<&str>);", "an argument owns its data"),
        ("fn a(&self, #[default(x())] b: Streaming<u8>);", "a stream is always there"),
        ("#[method(oneway)] fn a(&self, b: Streaming<u8>);", "a oneway method takes no stream"),
        ("#[method(idempotent)] fn a(&self, b: Streaming<u8>);", "never sent again"),
        ("#[method(oneway)] fn a(&self) -> impl Stream<Item = u8>;", "has no answer"),
    ]);
    for method in [
        "fn a(&self) -> impl Stream<Item = u8> + Send;",
        "fn a(&self) -> Result<impl futures::Stream<Item = Result<u8, E>>, E>;",
        "async fn a(&self, b: Streaming<u8>, c: trunkline::Streaming<Result<u8>>) -> BoxStream<u8>;",
        "fn a(&self, b: Streaming) -> futures::stream::BoxStream<'static, u8>;",
    ] {
        assert_eq!(service("", &format!("trait Chat {{ {method} }}")), FINE, "{method}");
    }
}

#[test]
fn oneway_methods_answer_nothing() {
    check_methods(&[
        ("#[method(oneway)] fn a(&self) -> u8;", "has no answer: remove the return type"),
        ("#[method(oneway)] fn a(&self) -> Result<()>;", "not even an error"),
        ("#[method(idempotent, oneway)] fn a(&self);", "remove `idempotent`"),
    ]);
}

#[test]
fn mistakes_do_not_hide_one_another() {
    let item = r#"
        trait Chat {
            #[method(timeout = "5")]
            fn a(self, b: &str, _: u8) -> impl Stream<Item = &str>;
            #[method(alias = "a")]
            fn new(&self);
        }
    "#;
    let mistakes = service("namespaces = \"a\"", item);
    assert_eq!(mistakes.len(), 8, "{mistakes:#?}");
}

#[test]
fn data_in_general() {
    check_data(
        "",
        &[
            ("union A { a: u8 }", "a union cannot travel"),
            ("struct A<'a> { a: Cow<'static, str> }", "remove the lifetime"),
            ("struct A { a: &'static str }", "a field owns its data: write `String`"),
            ("#[derive(Debug, serde::Serialize)] struct A;", "already derives `serde::Serialize`"),
            ("#[data(error)] enum A {}", "stands on this type already"),
            ("enum A { #[data(nullable)] B }", "stands on types and fields"),
            ("enum A { #[other] B(u8) }", "write `#[data(error)]`"),
            ("struct A { #[data(nullable)] a: u8 }", "is for a field of type `Option`"),
            ("struct A(#[data(nullable)] Option<u8>);", "is always there"),
            ("struct A { #[data(as = u8)] a: Option<u8> }", "write `as = Option<u8>`"),
            ("struct A { #[data(optional)] a: u8 }", "unknown key `optional`"),
            (r#"#[serde(from = "B", into = "C")] struct A { a: u8 }"#, "a type for each direction"),
            (r#"#[serde(try_from = "B")] struct A { a: B }"#, r#"add `into = "B"`"#),
            (r#"#[serde(into = "B")] struct A(C);"#, r#"add `from = "B"`"#),
        ],
    );
    for item in [
        r#"#[serde(try_from = "String")] struct A(String);"#,
        r#"#[serde(from = "B", into = "B")] struct A { a: Box<str> }"#,
        r#"struct A { #[serde(skip)] a: &'static str, b: Option<Self>, c: Cow<'static, str> }"#,
        "struct A<T, const N: usize>(Option<[T; N]>);",
    ] {
        assert_eq!(data("", item), FINE);
    }
}

#[test]
fn keys_of_data() {
    check_data(
        "errors",
        &[("struct A;", "#[data] knows `error`, `input`, `rename_all`, `rename_all_fields` and `crate`")],
    );
    check_data(
        r#"rename_all = "lowercase""#,
        &[(r#"#[serde(rename_all = "camelCase")] struct A { a: u8 }"#, "says it too")],
    );
    check_data(r#"rename_all = "camel""#, &[("struct A;", "`rename_all` knows `camelCase`")]);
    check_data(r#"rename_all_fields = "camelCase""#, &[("struct A;", "write `rename_all`")]);
    check_data("error", &[("struct A;", "an error is an enum")]);
    check_data("error, input", &[("enum A {}", "remove `input`")]);
    check_data(r#"error, rename_all = "camelCase""#, &[("enum A {}", "remove `rename_all`")]);
}

#[test]
fn errors_of_methods() {
    check_data(
        "error",
        &[
            ("enum A { Internal }", "`INTERNAL` is a code that Trunkline itself"),
            ("enum A { DeadlineExceeded { after: u8 } }", "`DEADLINE_EXCEEDED` is a code"),
            (r#"enum A { #[serde(rename = "UNAVAILABLE")] B }"#, "`UNAVAILABLE` is a code"),
            ("enum A { #[other] B }", "write `B(trunkline::Error)`"),
            ("enum A { #[other] B { error: Error } }", "write `B(trunkline::Error)`"),
            ("enum A { #[other] B(Error, u8) }", "write `B(trunkline::Error)`"),
            ("enum A { #[other(x)] B(Error) }", "takes no arguments"),
            ("enum A { #[other] B(Error), #[other] C(Error) }", "remove `#[other]` here"),
            (r#"#[serde(tag = "kind")] enum A {}"#, "remove `tag`"),
            ("#[serde(untagged)] enum A {}", "remove `untagged`"),
            (r#"#[serde(rename_all = "camelCase")] enum A {}"#, "remove `rename_all`"),
        ],
    );
    for item in [
        r#"enum A { NotFound, #[serde(rename = "FINE")] Internal, B(u8), #[other] Unavailable(Error) }"#,
        r#"#[serde(deny_unknown_fields)] enum A { #[error("gone")] Gone { room: String } }"#,
    ] {
        assert_eq!(data("error", item), FINE);
    }
}

#[test]
fn the_reserved_codes_are_those_of_the_core() {
    for name in [
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ] {
        let code = Code::parse(name);
        assert_eq!(code.as_str(), name);
        let is_refused = data("error", &format!("enum A {{ #[serde(rename = {name:?})] B }}")) != FINE;
        assert_eq!(is_refused, code.is_reserved(), "{name}");
    }
}
