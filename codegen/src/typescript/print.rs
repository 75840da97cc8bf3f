//! Writes types as a person would: on one line while they fit, then one member a line.

use super::{
    ast::{Element, Property, Record, Type},
    docs,
    variants::Variants,
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
pub(crate) fn declaration(head: &str, ty: &Type, variants: &Variants) -> String {
    let members = match ty {
        Type::Union(members) => members.as_slice(),
        ty => std::slice::from_ref(ty),
    };
    let body = match ty {
        _ if members.iter().any(|member| !variants.lines(member).is_empty()) => {
            let docs = |member| docs::print(variants.lines(member), "  ");
            let members =
                members.iter().map(|it| format!("\n{}{}", docs(it), member(it, 2).trim_start_matches('\n')));
            members.collect()
        }
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
    let own = match ty {
        Type::Raw(_) => Binding::Loose,
        Type::Union(_) => Binding::Union,
        Type::Intersection(_) => Binding::Intersection,
        _ => Binding::Postfix,
    };
    if own < binding { format!("({})", bare(ty)) } else { bare(ty) }
}

fn bare(ty: &Type) -> String {
    match ty {
        Type::Name(name, args) if args.is_empty() => name.clone(),
        Type::Name(name, args) => format!("{name}<{}>", joined(args, ", ", Binding::Loose)),
        Type::Text(it) => text(it),
        Type::TextOf(ty) => format!("`${{{}}}`", flat(ty)),
        Type::Array(ty) => format!("{}[]", bound(ty, Binding::Postfix)),
        Type::Tuple(elements) => {
            let elements: Vec<String> = elements.iter().map(element).collect();
            format!("[{}]", elements.join(", "))
        }
        Type::Object(properties) if properties.is_empty() => "{}".to_owned(),
        Type::Object(properties) => {
            let properties = properties.iter().map(|it| format!("{} {}", head(it), flat(&it.ty)));
            format!("{{ {} }}", properties.collect::<Vec<_>>().join("; "))
        }
        Type::Record(it) if it.mapped => format!("{} {} }}", mapped_head(it), flat(&it.value)),
        Type::Record(it) => record(it, &format!("{}, {}", flat(&it.key), flat(&it.value))),
        Type::Union(types) => joined(types, " | ", Binding::Union),
        Type::Intersection(types) => joined(types, " & ", Binding::Intersection),
        Type::Literal(text) | Type::Raw(text) => text.clone(),
    }
}

fn element(it: &Element) -> String {
    if it.optional { format!("{}?", bound(&it.ty, Binding::Postfix)) } else { flat(&it.ty) }
}

/// A mapped type up to its colon.
fn mapped_head(record: &Record) -> String {
    format!("{{ [key in {}]{}:", flat(&record.key), if record.partial { "?" } else { "" })
}

fn record(record: &Record, args: &str) -> String {
    if record.partial { format!("Partial<Record<{args}>>") } else { format!("Record<{args}>") }
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
    match ty {
        Type::Object(properties) if !properties.is_empty() => Some(object(properties, indent)),
        Type::Array(ty) => match &**ty {
            Type::Union(_) => Some(format!("({}\n{})[]", broken(ty, indent)?, " ".repeat(indent))),
            Type::Intersection(_) => Some(enclosed("(", ty, ")[]", indent)),
            ty => Some(format!("{}[]", broken(ty, indent)?)),
        },
        Type::Name(name, args) if !args.is_empty() => Some(format!("{name}<{}>", list(args, indent))),
        Type::Record(it) if it.mapped => {
            let value = enclosed("", &it.value, " }", indent);
            Some(format!("{}{}{value}", mapped_head(it), gap(&value)))
        }
        Type::Record(it) => Some(record(it, &list([&it.key, &it.value], indent))),
        Type::Union(types) => Some(types.iter().map(|ty| member(ty, indent + 2)).collect()),
        Type::Intersection(types) => {
            let parts: Vec<String> = types.iter().map(|ty| part(ty, indent)).collect();
            Some(parts.join(" & "))
        }
        Type::Tuple(elements) if !elements.is_empty() => {
            let lines: String = elements.iter().map(|it| element_line(it, indent + 2)).collect();
            Some(format!("[{lines}\n{}]", " ".repeat(indent)))
        }
        _ => None,
    }
}

/// A line of a union.
fn member(ty: &Type, indent: usize) -> String {
    let member = match ty {
        Type::Raw(_) => bound(ty, Binding::Union),
        ty => fitted(ty, indent + 2, indent + 2),
    };
    format!("\n{}| {member}", " ".repeat(indent))
}

/// A part of an intersection.
fn part(ty: &Type, indent: usize) -> String {
    match ty {
        Type::Raw(_) => bound(ty, Binding::Intersection),
        Type::Union(_) => enclosed("(", ty, ")", indent),
        ty => fitted(ty, indent, indent),
    }
}

/// A line of a tuple.
fn element_line(it: &Element, indent: usize) -> String {
    let line = match (it.optional, &it.ty) {
        (true, Type::Raw(_)) => element(it),
        (true, Type::Union(_) | Type::Intersection(_)) => enclosed("(", &it.ty, ")?", indent),
        (true, ty) => enclosed("", ty, "?", indent),
        (false, ty) => enclosed("", ty, "", indent),
    };
    let start = if line.starts_with('\n') { String::new() } else { format!("\n{}", " ".repeat(indent)) };
    format!("{start}{line},")
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
