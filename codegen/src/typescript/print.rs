//! Writes types as a person would: on one line while they fit, then one member a line.

use super::{
    ast::{Element, Property, Type},
    docs,
};

/// How long a line may get where it can be broken.
const WIDTH: usize = 100;

/// How tightly the surroundings of a type bind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Loose,
    Union,
    Intersection,
    Postfix,
}

/// `export type Page<T> = …;`, where `head` is what stands left of the type.
pub(crate) fn declaration(head: &str, ty: &Type) -> String {
    let body = match ty {
        Type::Object(properties) if !properties.is_empty() => object(properties, 0),
        ty => fitted(ty, head.len() + 1, 0),
    };
    format!("{head}{}{body};\n", gap(&body))
}

/// What stands between a colon or an equals sign and a type.
fn gap(ty: &str) -> &'static str {
    if ty.starts_with('\n') { "" } else { " " }
}

/// The type on one line.
pub(crate) fn flat(ty: &Type) -> String {
    bound(ty, Binding::Loose)
}

/// Whether a line of this text is not too long.
pub(crate) fn fits(text: &str) -> bool {
    !text.contains('\n') && text.chars().count() <= WIDTH
}

/// The name of a property, in quotes if it needs them.
pub(crate) fn key(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    if name.chars().all(is_plain) && name.chars().next().is_some_and(|c| !c.is_ascii_digit()) {
        name.to_owned()
    } else {
        text(name)
    }
}

/// A string literal.
pub(crate) fn text(text: &str) -> String {
    // JSON's strings are JavaScript's, since 2019 without an exception.
    serde_json::Value::from(text).to_string()
}

fn bound(ty: &Type, binding: Binding) -> String {
    let (own, text) = match ty {
        Type::Name(name, args) if args.is_empty() => (Binding::Postfix, name.clone()),
        Type::Name(name, args) => {
            (Binding::Postfix, format!("{name}<{}>", joined(args, ", ", Binding::Loose)))
        }
        Type::Text(it) => (Binding::Postfix, text(it)),
        Type::Literal(it) => (Binding::Postfix, it.clone()),
        Type::TextOf(ty) => (Binding::Postfix, format!("`${{{}}}`", flat(ty))),
        Type::Array(ty) => (Binding::Postfix, format!("{}[]", bound(ty, Binding::Postfix))),
        Type::Tuple(elements) => {
            let elements: Vec<String> = elements
                .iter()
                .map(|it| match it.optional {
                    true => format!("{}?", bound(&it.ty, Binding::Postfix)),
                    false => flat(&it.ty),
                })
                .collect();
            (Binding::Postfix, format!("[{}]", elements.join(", ")))
        }
        Type::Object(properties) if properties.is_empty() => (Binding::Postfix, "{}".to_owned()),
        Type::Object(properties) => {
            let properties: Vec<String> =
                properties.iter().map(|it| format!("{} {}", head(it), flat(&it.ty))).collect();
            (Binding::Postfix, format!("{{ {} }}", properties.join("; ")))
        }
        Type::Record(it) if it.mapped => {
            let mark = if it.partial { "?" } else { "" };
            (Binding::Postfix, format!("{{ [key in {}]{mark}: {} }}", flat(&it.key), flat(&it.value)))
        }
        Type::Record(it) => {
            let record = format!("Record<{}, {}>", flat(&it.key), flat(&it.value));
            (Binding::Postfix, if it.partial { format!("Partial<{record}>") } else { record })
        }
        Type::Union(types) => (Binding::Union, joined(types, " | ", Binding::Union)),
        Type::Intersection(types) => (Binding::Intersection, joined(types, " & ", Binding::Intersection)),
        Type::Raw(text) => (Binding::Loose, text.clone()),
    };
    if own < binding { format!("({text})") } else { text }
}

fn joined(types: &[Type], separator: &str, binding: Binding) -> String {
    let types: Vec<String> = types.iter().map(|ty| bound(ty, binding)).collect();
    types.join(separator)
}

/// A property up to its colon.
fn head(property: &Property) -> String {
    format!("{}{}:", key(&property.name), if property.optional { "?" } else { "" })
}

/// The type on one line if it fits behind `used` characters, else broken, where lines are indented by `indent`.
pub(crate) fn fitted(ty: &Type, used: usize, indent: usize) -> String {
    let flat = flat(ty);
    if !has_docs(ty) && used + flat.chars().count() < WIDTH {
        flat
    } else {
        broken(ty, indent).unwrap_or(flat)
    }
}

/// The type over several lines, if there is a place where it can be broken.
fn broken(ty: &Type, indent: usize) -> Option<String> {
    let inner = " ".repeat(indent + 2);
    match ty {
        Type::Object(properties) if !properties.is_empty() => Some(object(properties, indent)),
        Type::Array(ty) => match &**ty {
            Type::Union(_) => Some(format!("({}\n{})[]", broken(ty, indent)?, " ".repeat(indent))),
            Type::Intersection(_) => Some(enclosed("(", ty, ")[]", indent)),
            ty => Some(format!("{}[]", broken(ty, indent)?)),
        },
        Type::Name(_, args) if args.is_empty() => None,
        Type::Name(name, args) => Some(format!("{name}<{}>", list(args.iter(), indent))),
        Type::Record(it) if it.mapped => {
            let open = format!("{{ [key in {}]{}:", flat(&it.key), if it.partial { "?" } else { "" });
            let value = enclosed("", &it.value, " }", indent);
            Some(format!("{open}{}{value}", gap(&value)))
        }
        Type::Record(it) => {
            let record = format!("Record<{}>", list([&it.key, &it.value], indent));
            Some(if it.partial { format!("Partial<{record}>") } else { record })
        }
        Type::Union(types) => {
            let member = |ty| match bound(ty, Binding::Union) == flat(ty) {
                true => fitted(ty, indent + 4, indent + 4),
                false => bound(ty, Binding::Union),
            };
            Some(types.iter().map(|ty| format!("\n{inner}| {}", member(ty))).collect())
        }
        Type::Intersection(types) => {
            let parts: Vec<String> = types
                .iter()
                .map(|ty| match ty {
                    Type::Union(_) => enclosed("(", ty, ")", indent),
                    ty => fitted(ty, indent, indent),
                })
                .collect();
            Some(parts.join(" & "))
        }
        Type::Tuple(elements) if !elements.is_empty() => {
            let element = |it: &Element| match (it.optional, &it.ty) {
                (true, Type::Union(_) | Type::Intersection(_)) => enclosed("(", &it.ty, ")?", indent + 2),
                (true, ty) => enclosed("", ty, "?", indent + 2),
                (false, ty) => enclosed("", ty, "", indent + 2),
            };
            let lines = elements.iter().map(element).map(|element| match element.starts_with('\n') {
                true => format!("{element},"),
                false => format!("\n{inner}{element},"),
            });
            Some(format!("[{}\n{}]", lines.collect::<String>(), " ".repeat(indent)))
        }
        _ => None,
    }
}

/// The type between two marks, which stand on lines of their own if its members do.
fn enclosed(open: &str, ty: &Type, close: &str, indent: usize) -> String {
    let ty = fitted(ty, indent + open.len(), indent);
    let gap = if ty.starts_with('\n') { format!("\n{}", " ".repeat(indent)) } else { String::new() };
    format!("{open}{ty}{gap}{close}")
}

/// Types with commas between them.
fn list<'a>(types: impl IntoIterator<Item = &'a Type>, indent: usize) -> String {
    let types = types.into_iter().map(|ty| enclosed("", ty, "", indent));
    types.reduce(|list, ty| format!("{list},{}{ty}", gap(&ty))).unwrap_or_default()
}

fn object(properties: &[Property], indent: usize) -> String {
    let inner = " ".repeat(indent + 2);
    let lines = properties.iter().map(|it| {
        let head = head(it);
        let ty = fitted(&it.ty, indent + 2 + head.len() + 1, indent + 2);
        format!("{}{inner}{head}{}{ty};\n", docs::print(&it.docs, &inner), gap(&ty))
    });
    format!("{{\n{}{}}}", lines.collect::<String>(), " ".repeat(indent))
}

fn has_docs(ty: &Type) -> bool {
    let own = matches!(ty, Type::Object(properties) if properties.iter().any(|it| !it.docs.is_empty()));
    own || ty.children().into_iter().any(has_docs)
}
