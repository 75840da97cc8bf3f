//! Names: how a Rust name becomes one on the wire, and how a guard reads in the schema.

use proc_macro2::{Delimiter, LineColumn, TokenStream, TokenTree};
use syn::{Ident, ext::IdentExt};

/// A way of writing names, as in serde's `rename_all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Camel,
    Snake,
    Kebab,
    Pascal,
    ScreamingSnake,
    ScreamingKebab,
    Lower,
    Upper,
}

impl Case {
    pub(crate) const ALL: [(&str, Self); 8] = [
        ("camelCase", Self::Camel),
        ("snake_case", Self::Snake),
        ("kebab-case", Self::Kebab),
        ("PascalCase", Self::Pascal),
        ("SCREAMING_SNAKE_CASE", Self::ScreamingSnake),
        ("SCREAMING-KEBAB-CASE", Self::ScreamingKebab),
        ("lowercase", Self::Lower),
        ("UPPERCASE", Self::Upper),
    ];

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, case)| *case)
    }

    /// Rewrites a name in Rust's `snake_case`.
    pub(crate) fn apply(self, name: &str) -> String {
        let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
        match self {
            Self::Camel => uncapitalized(&words.iter().map(|word| capitalized(word)).collect::<String>()),
            Self::Snake => name.to_owned(),
            Self::Kebab => words.join("-"),
            Self::Pascal => words.iter().map(|word| capitalized(word)).collect(),
            Self::ScreamingSnake => words.join("_").to_uppercase(),
            Self::ScreamingKebab => words.join("-").to_uppercase(),
            Self::Lower => words.concat().to_lowercase(),
            Self::Upper => words.concat().to_uppercase(),
        }
    }
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

fn uncapitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().into_iter().flat_map(char::to_lowercase).chain(chars).collect()
}

/// A variant's name as serde's `SCREAMING_SNAKE_CASE` writes it.
pub(crate) fn screaming_snake(variant: &str) -> String {
    let mut name = String::new();
    for (at, letter) in variant.char_indices() {
        if at > 0 && letter.is_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// The name without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// The tokens as the user wrote them, with every gap narrowed to one space.
///
/// `TokenStream::to_string` would give `Role :: Member`.
pub(crate) fn source_text(tokens: TokenStream) -> String {
    let mut text = String::new();
    write_source(tokens, &mut None, &mut text);
    text
}

fn write_source(tokens: TokenStream, end: &mut Option<LineColumn>, text: &mut String) {
    for token in tokens {
        let (start, stop) = (token.span().start(), token.span().end());
        let TokenTree::Group(group) = token else {
            write_token(&token.to_string(), start, stop, end, text);
            continue;
        };
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::None => {
                write_source(group.stream(), end, text);
                continue;
            }
        };
        // A group that went through syn has no places of its own for its delimiters.
        let opened = LineColumn { column: start.column.saturating_add(1), ..start };
        let closing = LineColumn { column: stop.column.saturating_sub(1), ..stop };
        write_token(open, start, opened, end, text);
        write_source(group.stream(), end, text);
        write_token(close, closing, stop, end, text);
    }
}

fn write_token(
    token: &str,
    start: LineColumn,
    stop: LineColumn,
    end: &mut Option<LineColumn>,
    text: &mut String,
) {
    if end.is_some_and(|end| end != start) {
        text.push(' ');
    }
    text.push_str(token);
    *end = Some(stop);
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    #[test]
    fn every_case_rewrites_a_snake_case_name() {
        let rows = [
            ("camelCase", "validateGame2"),
            ("snake_case", "validate_game2"),
            ("kebab-case", "validate-game2"),
            ("PascalCase", "ValidateGame2"),
            ("SCREAMING_SNAKE_CASE", "VALIDATE_GAME2"),
            ("SCREAMING-KEBAB-CASE", "VALIDATE-GAME2"),
            ("lowercase", "validategame2"),
            ("UPPERCASE", "VALIDATEGAME2"),
        ];
        assert_eq!(rows.map(|(case, _)| case), Case::ALL.map(|(case, _)| case));
        for (case, expected) in rows {
            assert_eq!(
                Case::parse(case).map(|case| case.apply("validate_game2")).as_deref(),
                Some(expected),
                "{case}"
            );
        }
        assert_eq!(Case::parse("camelcase"), None);
    }

    #[test]
    fn a_leading_underscore_does_not_capitalize() {
        assert_eq!(Case::Camel.apply("_room_name"), "roomName");
        assert_eq!(Case::Camel.apply("x"), "x");
        assert_eq!(Case::Camel.apply(""), "");
    }

    #[test]
    fn variants_are_screamed_as_serde_does_it() {
        for (variant, expected) in
            [("NoSuchRoom", "NO_SUCH_ROOM"), ("Stale", "STALE"), ("IOError", "I_O_ERROR")]
        {
            assert_eq!(screaming_snake(variant), expected);
        }
    }

    #[test]
    fn a_raw_identifier_loses_its_prefix() {
        assert_eq!(plain(&syn::parse_str("r#type").unwrap()), "type");
    }

    #[test]
    fn a_guard_reads_as_it_was_written() {
        for source in [
            r#"ROLE.eq(Role::Member) | is("vip")"#,
            r#"!has("a") & guard_fn(|conn| conn.n() > -1)"#,
            "any([TEAM.eq::<str>(x), b])",
        ] {
            assert_eq!(source_text(source.parse().unwrap()), source);
            let parsed: syn::Expr = syn::parse_str(source).unwrap();
            assert_eq!(source_text(parsed.to_token_stream()), source);
        }
        assert_eq!(source_text("is(\n    \"vip\"\n)  |  b".parse().unwrap()), r#"is( "vip" ) | b"#);
    }
}
