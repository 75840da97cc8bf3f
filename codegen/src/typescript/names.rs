//! Which names the file may use, and how Rust's names become TypeScript's.

use std::collections::BTreeMap;

use trunkline_core::{Description, MethodDescription, ServiceDescription};

use super::declarations::{Declarations, Declared};
use crate::GenerateError;

/// What the file itself imports and uses.
const USED: [&str; 10] = [
    "Array",
    "Call",
    "CallOptions",
    "Partial",
    "Record",
    "ServiceDef",
    "Streaming",
    "Subscription",
    "Uint8Array",
    "revive",
];

/// Names that TypeScript does not let a type have.
const PREDEFINED: [&str; 12] = [
    "any",
    "bigint",
    "boolean",
    "never",
    "null",
    "number",
    "object",
    "string",
    "symbol",
    "undefined",
    "unknown",
    "void",
];

/// Words of the language, in strict code.
const RESERVED: [&str; 49] = [
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// Methods that a stub cannot have, with what they would break.
const TAKEN_BY_STUBS: [(&str, &str); 8] = [
    ("then", "`await` would call it"),
    ("catch", "it would look like a promise"),
    ("finally", "it would look like a promise"),
    ("result", "calls have a method of that name"),
    ("toJSON", "`JSON.stringify` would call it"),
    ("toString", "every object has one, which makes text of it"),
    ("valueOf", "every object has one, which makes a number of it"),
    ("constructor", "every object has one"),
];

/// Refuses names that the file cannot hold.
pub(crate) fn check(description: &Description, declarations: &Declarations) -> Result<(), GenerateError> {
    for declared in declarations.iter() {
        let is_service = description.services.iter().any(|service| service.name == declared.name);
        let is_param = |other: &Declared| other.params.iter().any(|param| param.name == declared.name);
        let why = match declarations.iter().find(|other| is_param(other)) {
            _ if is_service => Some("a service is called so".to_owned()),
            Some(other) => Some(format!("a parameter of `{}` is called so", other.rust)),
            None => objection(&declared.name),
        };
        if let Some(why) = why {
            let (name, rust) = (declared.name.clone(), declared.rust.clone());
            return Err(GenerateError::TypeName { name, rust, why });
        }
        check_params(declared)?;
    }
    for (at, service) in description.services.iter().enumerate() {
        let mut before = description.services.iter().take(at);
        if let Some(other) = before.find(|other| other.name == service.name) {
            let (one, other) = (source(other), source(service));
            return Err(GenerateError::DuplicateService { name: service.name.clone(), one, other });
        }
        if let Some(why) = objection(&service.name) {
            return Err(GenerateError::ServiceName { name: service.name.clone(), why });
        }
        check_methods(service)?;
    }
    Ok(())
}

/// A generic parameter hides what is called like it.
fn check_params(declared: &Declared) -> Result<(), GenerateError> {
    let refused = declared.params.iter().find_map(|param| Some((&param.name, objection(&param.name)?)));
    match refused {
        None => Ok(()),
        Some((name, why)) => {
            let why = format!(
                "its parameter cannot be called `{name}`, for {why}; call it by another name, such as `T`"
            );
            Err(GenerateError::Declaration { rust: declared.rust.clone(), why })
        }
    }
}

/// Where a service comes from, as far as that is known.
fn source(service: &ServiceDescription) -> String {
    if service.rust.is_empty() { service.name.clone() } else { service.rust.clone() }
}

fn check_methods(service: &ServiceDescription) -> Result<(), GenerateError> {
    let mut taken: BTreeMap<String, &MethodDescription> = BTreeMap::new();
    for method in &service.methods {
        let name = camel(&method.name);
        let by_stubs = TAKEN_BY_STUBS.iter().find(|(taken, _)| *taken == name);
        let why = by_stubs.map(|(_, why)| (*why).to_owned());
        let why = why.or_else(|| taken.get(&name).map(|other| format!("`{}` already is", other.name)));
        if let Some(why) = why {
            let (service, method) = (service.name.clone(), method.name.clone());
            return Err(GenerateError::MethodName { service, method, name, why });
        }
        taken.insert(name, method);
    }
    Ok(())
}

/// What stands against a type of this name.
fn objection(name: &str) -> Option<String> {
    if !is_identifier(name) {
        Some("that is no identifier".to_owned())
    } else if USED.contains(&name) {
        Some("the generated file uses that name itself".to_owned())
    } else if PREDEFINED.contains(&name) || RESERVED.contains(&name) {
        Some("that is a word of the language".to_owned())
    } else {
        None
    }
}

fn is_identifier(name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    name.chars().all(is_part) && name.chars().next().is_some_and(|c| !c.is_numeric())
}

/// A method's name in TypeScript.
pub(crate) fn camel(name: &str) -> String {
    let mut words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let first = words.next().map(uncapitalized).unwrap_or_default();
    words.fold(first, |name, word| name + &capitalized(word))
}

/// What the parameters with these names on the wire are called in TypeScript: each by a name of its own.
pub(crate) fn params<'a>(wire: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for wire in wire {
        let screams = !wire.contains(char::is_lowercase);
        let mut name = if screams { camel(&wire.to_lowercase()) } else { camel(wire) };
        if !is_identifier(&name) {
            name.insert(0, '_');
        }
        while RESERVED.contains(&name.as_str()) || names.contains(&name) {
            name.push('_');
        }
        names.push(name);
    }
    names
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

fn uncapitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().into_iter().flat_map(char::to_lowercase).chain(chars).collect()
}
