//! Reading and printing type expressions, by themselves.

use proptest::prelude::*;

use super::{
    ast::{Element, Property, Type},
    parse, print,
    variants::Variants,
};

/// What ts-rs writes, and how it is printed.
#[test]
fn what_ts_rs_writes_is_printed_as_a_person_would() {
    let rows = [
        ("string", "string"),
        ("Array<Array<number>>", "number[][]"),
        ("Array<number | null>", "(number | null)[]"),
        ("T | null | null", "T | null"),
        ("{ Ok : number } | { Err : string }", "{ Ok: number } | { Err: string }"),
        ("[number, (string)?]", "[number, string?]"),
        ("[]", "[]"),
        ("never[]", "never[]"),
        ("{  }", "{}"),
        ("Record<symbol, never>", "Record<symbol, never>"),
        ("{ [key in string]: Array<User> }", "Record<string, User[]>"),
        ("{ [key in Kind]?: number }", "Partial<Record<Kind, number>>"),
        ("Page<User, Array<T>>", "Page<User, T[]>"),
        ("{ a: number, \"b-c\"?: { d: T, }, }", "{ a: number; \"b-c\"?: { d: T } }"),
        ("{ \"type\": \"typing\", user?: string, }", "{ type: \"typing\"; user?: string }"),
        ("{ \"type\": \"said\" } & Input", "{ type: \"said\" } & Input"),
        ("{ a: number, } & { b: string, }", "{ a: number; b: string }"),
        ("{ a: number, } & ({ b: number, } | \"C\")", "{ a: number } & ({ b: number } | { C: null })"),
        ("{ a: number, } & ({ [key in string]: T })", "{ a: number } & Record<string, T>"),
        // Written by users.
        ("'one' | 'two'", "\"one\" | \"two\""),
        ("{ [id: string]: number; }", "Record<string, number>"),
        ("-1 | 2.5 | true", "-1 | 2.5 | true"),
        ("`${bigint}`", "`${bigint}`"),
        ("keyof typeof table", "keyof typeof table"),
        ("Array<keyof Table>", "(keyof Table)[]"),
        (
            "{ f: (a: string, b: { c: T }) => Array<void>, g: T }",
            "{ f: (a: string, b: { c: T }) => Array<void>; g: T }",
        ),
        ("import(\"x\").Y<Z>", "import(\"x\").Y<Z>"),
        ("`a-${string}` | null", "`a-${string}` | null"),
    ];
    for (written, printed) in rows {
        assert_eq!(print::flat(&parse::ty(written)), printed, "{written}");
    }
}

#[test]
fn documentation_ends_where_ts_rs_ends_it() {
    let text = "type T = { \n/**\n * Ends */ early.\n *\n *   code\n */\na: number, \n/** One line. */\nb: string, \
                \n/**\n     * In a\n     * block.\n     */\nc: boolean, };";
    let parsed = parse::declaration(text, "T").unwrap();
    assert_eq!(
        print::declaration("export type T =", &parsed.body, &Variants::default()),
        "export type T = {\n  /**\n   * Ends *\\/ early.\n   *\n   *   code\n   */\n  a: number;\n  /** One line. */\n  b: \
         string;\n  /**\n   * In a\n   * block.\n   */\n  c: boolean;\n};\n"
    );
}

#[test]
fn a_declaration_may_have_parameters_and_defaults() {
    let parsed =
        parse::declaration("type Page<T = Array<string>, K> = { items: Array<T>, key: K, };", "Page")
            .unwrap();
    assert_eq!(parsed.params.iter().map(|param| param.name.as_str()).collect::<Vec<_>>(), ["T", "K"]);
    assert_eq!(parsed.params[0].default, Some(parse::ty("string[]")));
    assert_eq!(print::flat(&parsed.body), "{ items: T[]; key: K }");
    assert_eq!(parse::declaration("enum Kind { \"A\" }", "Kind"), None);
}

#[test]
fn long_types_are_broken_where_a_person_would() {
    let ty = "{ id: number, choices: Array<{ name: string, value: number } | { name: string, description: string, weight: \
              number }>, nested: { first: Array<string>, second: { third: Array<number>, fourth: Array<boolean>, fifth: \
              string, sixth: bigint } } }";
    assert_eq!(
        print::declaration("export type T =", &parse::ty(ty), &Variants::default()),
        "export type T = {
  id: number;
  choices: (
    | { name: string; value: number }
    | { name: string; description: string; weight: number }
  )[];
  nested: {
    first: string[];
    second: { third: number[]; fourth: boolean[]; fifth: string; sixth: bigint };
  };
};
"
    );
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z_$][a-zA-Z0-9_$]{0,6}", "[a-z][a-z -]{0,6}[a-z0-9]", Just("type".to_owned())]
}

fn docs() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec("[a-z@`]([a-z /]{0,8}[a-z.])?", 1..3)]
}

fn types() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        prop::sample::select(&["string", "number", "bigint", "null", "User", "T", "never"][..])
            .prop_map(Type::name),
        "[a-zA-Z0-9 _-]{0,8}".prop_map(Type::Text),
        prop::sample::select(&["5", "-1.5", "true", "false"][..]).prop_map(|it| Type::Literal(it.to_owned())),
        Just(Type::TextOf(Box::new(Type::name("bigint")))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let several = || prop::collection::vec(inner.clone(), 1..4);
        let element = (inner.clone(), any::<bool>()).prop_map(|(ty, optional)| Element { ty, optional });
        let property = (docs(), name(), any::<bool>(), inner.clone())
            .prop_map(|(docs, name, optional, ty)| Property { docs, name, optional, ty });
        prop_oneof![
            inner.clone().prop_map(Type::array),
            several().prop_map(Type::union),
            several().prop_map(Type::intersection),
            several().prop_map(|args| Type::Name("Page".to_owned(), args)),
            prop::collection::vec(element, 0..3).prop_map(Type::Tuple),
            prop::collection::vec(property, 0..4).prop_map(Type::Object),
            (inner.clone(), inner, any::<bool>())
                .prop_map(|(key, value, partial)| Type::record(key, value, partial)),
        ]
    })
}

fn without_docs(ty: &Type) -> Type {
    match ty.map(&mut without_docs) {
        Type::Object(properties) => {
            let properties = properties.into_iter().map(|it| Property { docs: Vec::new(), ..it });
            Type::Object(properties.collect())
        }
        ty => ty,
    }
}

proptest! {
    #[test]
    fn what_was_printed_is_read_as_it_was(ty in types()) {
        let flat = print::flat(&ty);
        prop_assert_eq!(parse::ty(&flat), without_docs(&ty), "{}", flat);
        let declared = print::declaration("export type It =", &ty, &Variants::default());
        let text = declared.strip_prefix("export ").unwrap();
        let parsed = parse::declaration(text, "It").map(|it| it.body);
        prop_assert_eq!(parsed.as_ref(), Some(&ty), "{}", declared);
        let again = parsed.map(|ty| print::declaration("export type It =", &ty, &Variants::default()));
        prop_assert_eq!(again.as_ref(), Some(&declared));
        prop_assert!(declared.lines().all(|line| line.trim_end() == line));
    }

    #[test]
    fn any_text_is_read_as_something(text in "\\PC*", soup in "[a-z{}\\[\\]<>()|&:,;?\"'`$ \n=/*-]{0,40}") {
        parse::ty(&text);
        parse::ty(&soup);
        parse::declaration(&format!("type It{soup}"), "It");
    }
}
