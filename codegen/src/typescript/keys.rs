//! The keys of maps: on the wire they are always text, whatever type they have in Rust.

use std::collections::BTreeSet;

use super::{
    ast::{Record, Type},
    declarations::{Declarations, Declared},
    print::flat,
};
use crate::GenerateError;

/// What values of a type are as keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// Any text or number: the type as it is.
    Open,
    /// One of some texts, so that a map need not have them all.
    Finite,
    /// A type whose text is the key.
    AsText,
    /// Boolean: as text, and one of two.
    Boolean,
    /// A generic parameter.
    Param,
    /// Nothing that can be a key.
    None,
}

/// Writes the maps in a type so that TypeScript accepts them.
pub(crate) struct Keys<'a> {
    declarations: &'a Declarations,
    owner: Option<&'a Declared>,
    at: &'a str,
}

impl<'a> Keys<'a> {
    /// For the body of a declaration.
    pub(crate) fn of_declared(owner: &'a Declared, declarations: &'a Declarations) -> Self {
        Self { declarations, owner: Some(owner), at: &owner.rust }
    }

    /// For a type in the signature of a method.
    pub(crate) fn of_signature(at: &'a str, declarations: &'a Declarations) -> Self {
        Self { declarations, owner: None, at }
    }

    pub(crate) fn repaired(&self, ty: &Type) -> Result<Type, GenerateError> {
        let mut error = None;
        let repaired = self.walk(ty, &mut error);
        error.map_or(Ok(repaired), Err)
    }

    fn walk(&self, ty: &Type, error: &mut Option<GenerateError>) -> Type {
        let ty = ty.map(&mut |inner| self.walk(inner, error));
        let repaired = match &ty {
            Type::Record(record) => self.record(record),
            Type::Name(name, args) => self.check_args(name, args).map(|()| ty.clone()),
            _ => return ty,
        };
        repaired.unwrap_or_else(|broken| {
            error.get_or_insert(broken);
            ty
        })
    }

    fn record(&self, record: &Record) -> Result<Type, GenerateError> {
        let key = || Type::TextOf(Box::new(record.key.clone()));
        let (key, partial) = match self.key(&record.key) {
            Key::Open => (record.key.clone(), record.partial),
            Key::Finite | Key::Param => (record.key.clone(), true),
            Key::AsText => (key(), record.partial),
            Key::Boolean => (key(), true),
            Key::None => return Err(self.no_key(&record.key)),
        };
        let is_part_of_itself = |owner: &Declared| {
            self.declarations.reaches(&record.value, &owner.name)
                || self.declarations.reaches(&key, &owner.name)
        };
        let mapped = self.owner.is_some_and(is_part_of_itself);
        Ok(Type::Record(Box::new(Record { key, value: record.value.clone(), partial, mapped })))
    }

    /// What stands for a parameter that is the key of a map has to be one.
    fn check_args(&self, name: &str, args: &[Type]) -> Result<(), GenerateError> {
        let Some(declared) = self.declarations.get(name) else { return Ok(()) };
        for (param, arg) in declared.params.iter().zip(args) {
            let fits = matches!(self.key(arg), Key::Open | Key::Finite | Key::Param);
            if !fits && is_key(&param.name, declared, self.declarations) {
                return Err(self.no_key(arg));
            }
        }
        Ok(())
    }

    fn no_key(&self, key: &Type) -> GenerateError {
        let why = format!(
            "`{}` is the key of a map, and keys are text on the wire; take a string, a number or an enum without data \
             for a key, or make the map a list of pairs",
            flat(key)
        );
        GenerateError::Declaration { rust: self.at.to_owned(), why }
    }

    fn key(&self, ty: &Type) -> Key {
        match self.declarations.resolved(ty) {
            Type::Text(_) | Type::Literal(_) => Key::Finite,
            Type::TextOf(_) => Key::Open,
            Type::Union(types) => {
                let keys: Vec<Key> = types.iter().map(|ty| self.key(ty)).collect();
                match &keys[..] {
                    keys if keys.iter().all(|key| *key == Key::Finite) => Key::Finite,
                    keys if keys.iter().all(|key| matches!(key, Key::Finite | Key::Open)) => Key::Open,
                    _ => Key::None,
                }
            }
            ty if ty.is("bigint") => Key::AsText,
            ty if ty.is("boolean") => Key::Boolean,
            ty if ["null", "Uint8Array"].iter().any(|name| ty.is(name)) => Key::None,
            Type::Name(name, args) if args.is_empty() && self.is_param(&name) => Key::Param,
            // `string`, `number`, and what only the user knows.
            Type::Name(..) | Type::Raw(_) => Key::Open,
            Type::Array(_) | Type::Tuple(_) | Type::Object(_) | Type::Record(_) | Type::Intersection(_) => {
                Key::None
            }
        }
    }

    fn is_param(&self, name: &str) -> bool {
        self.owner.is_some_and(|owner| owner.params.iter().any(|param| param.name == name))
    }
}

/// Whether a parameter is the key of a map, here or in a type that it is handed on to.
pub(crate) fn is_key(param: &str, declared: &Declared, declarations: &Declarations) -> bool {
    is_key_in(param, &declared.body, declarations, &mut BTreeSet::new())
}

fn is_key_in(
    param: &str,
    ty: &Type,
    declarations: &Declarations,
    seen: &mut BTreeSet<(String, String)>,
) -> bool {
    let is_it = match ty {
        Type::Record(record) => record.key.is(param),
        Type::Name(name, args) => declarations.get(name).is_some_and(|declared| {
            let mut handed_on = declared.params.iter().zip(args).filter(|(_, arg)| arg.is(param));
            handed_on.any(|(inner, _)| {
                seen.insert((name.clone(), inner.name.clone()))
                    && is_key_in(&inner.name, &declared.body, declarations, seen)
            })
        }),
        _ => false,
    };
    is_it || ty.children().into_iter().any(|inner| is_key_in(param, inner, declarations, seen))
}
