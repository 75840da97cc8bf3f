//! All types that have a name, by that name.

use std::collections::{BTreeMap, BTreeSet};

use trunkline_core::Description;

use super::{
    ast::Type,
    docs,
    parse::{self, Param},
};
use crate::GenerateError;

/// A type that has a name.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) params: Vec<Param>,
    pub(crate) body: Type,
    pub(crate) docs: Vec<String>,
    /// The Rust type, with its path.
    pub(crate) rust: String,
}

/// The types of a description.
#[derive(Debug, Default)]
pub(crate) struct Declarations(BTreeMap<String, Declared>);

impl Declarations {
    pub(crate) fn read(description: &Description) -> Result<Self, GenerateError> {
        let mut found: BTreeMap<String, (&str, Declared)> = BTreeMap::new();
        for it in &description.declarations {
            match found.get(&it.name) {
                Some((typescript, _)) if *typescript == it.typescript => continue,
                Some((_, other)) => {
                    let mut both = [other.rust.clone(), it.rust.clone()];
                    both.sort();
                    let [one, other] = both;
                    return Err(GenerateError::DuplicateType { name: it.name.clone(), one, other });
                }
                None => {}
            }
            let parsed = parse::declaration(&it.typescript, &it.name).ok_or_else(|| undeclarable(it))?;
            if let Some(text) = broken(&parsed.body) {
                let why = format!(
                    "`{text}` is no type, since ts-rs writes a quote in a name as it is; take a name without quotes, or write \
                     the type in `#[ts(type = \"…\")]`"
                );
                return Err(GenerateError::Declaration { rust: it.rust.clone(), why });
            }
            let declared = Declared {
                name: it.name.clone(),
                params: parsed.params,
                body: parsed.body,
                docs: docs::lines(&it.docs),
                rust: it.rust.clone(),
            };
            found.insert(it.name.clone(), (&it.typescript, declared));
        }
        Ok(Self(found.into_iter().map(|(name, (_, declared))| (name, declared)).collect()))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Declared> {
        self.0.values()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Declared> {
        self.0.values_mut()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Declared> {
        self.0.get(name)
    }

    /// What a name stands for, with its arguments put in; `None` for what is not declared here.
    pub(crate) fn resolve(&self, ty: &Type) -> Option<Type> {
        let Type::Name(name, args) = ty else { return None };
        let declared = self.get(name)?;
        if declared.params.is_empty() {
            return Some(declared.body.clone());
        }
        let mut given = args.iter();
        let args = declared.params.iter().filter_map(|param| {
            let arg = given.next().cloned().or_else(|| param.default.clone())?;
            Some((param.name.as_str(), arg))
        });
        Some(declared.body.with(&args.collect()))
    }

    /// The type with all names at its outside replaced by what they stand for.
    pub(crate) fn resolved(&self, ty: &Type) -> Type {
        let mut ty = ty.clone();
        // No more steps than there are names: types that only stand for each other have no end.
        for _ in 0..=self.0.len() {
            match self.resolve(&ty) {
                Some(next) => ty = next,
                None => break,
            }
        }
        ty
    }

    /// The names that these types mention, at whatever distance.
    pub(crate) fn reached<'a>(&'a self, types: impl IntoIterator<Item = &'a Type>) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&Type> = types.into_iter().collect();
        while let Some(ty) = open.pop() {
            open.extend(ty.children());
            if let Type::Name(name, _) = ty
                && let Some(declared) = self.get(name)
                && reached.insert(declared.name.as_str())
            {
                open.push(&declared.body);
            }
        }
        reached
    }

    /// Whether a type mentions a declared name, at whatever distance.
    pub(crate) fn reaches(&self, ty: &Type, name: &str) -> bool {
        self.reached([ty]).contains(name)
    }

    /// Refuses types that TypeScript would have to know before it can know them.
    pub(crate) fn check_cycles(&self) -> Result<(), GenerateError> {
        for declared in self.iter() {
            if self.needs_at_once(&declared.body, &declared.name, &mut BTreeSet::new()) {
                let why = "TypeScript cannot define it by itself; put the inner value into a field or a list"
                    .to_owned();
                return Err(GenerateError::Declaration { rust: declared.rust.clone(), why });
            }
        }
        Ok(())
    }

    /// Whether TypeScript looks at `name` in order to know what `ty` is: it waits with what is inside objects and lists.
    fn needs_at_once<'a>(&'a self, ty: &'a Type, name: &str, seen: &mut BTreeSet<&'a str>) -> bool {
        match ty {
            Type::Name(here, args) => {
                let body = self.get(here).filter(|_| seen.insert(here)).map(|declared| &declared.body);
                here == name || body.into_iter().chain(args).any(|ty| self.needs_at_once(ty, name, seen))
            }
            Type::Record(record) if record.mapped => self.needs_at_once(&record.key, name, seen),
            Type::Object(_) | Type::Array(_) | Type::Tuple(_) => false,
            ty => ty.children().into_iter().any(|inner| self.needs_at_once(inner, name, seen)),
        }
    }
}

/// Text in a type that was kept as it is and cannot be one.
fn broken(ty: &Type) -> Option<&str> {
    match ty {
        Type::Raw(text) => (!parse::is_whole(text)).then_some(text),
        ty => ty.children().into_iter().find_map(broken),
    }
}

fn undeclarable(declaration: &trunkline_core::Declaration) -> GenerateError {
    let why = match declaration.typescript.as_str() {
        "" => "ts-rs can flatten a struct, an enum or a map, and nothing round them; remove `#[serde(flatten)]` from an \
               `Option` or a newtype, or flatten the type that is in it"
            .to_owned(),
        text if text.starts_with("enum ") => {
            "an `enum` has to be compiled, while this file holds only what can be stripped; remove `#[ts(repr(enum))]`, \
             so that it becomes a union of literals"
                .to_owned()
        }
        text => format!("`{text}` is no declaration of a type; give it a name with `#[ts(rename = \"…\")]`"),
    };
    GenerateError::Declaration { rust: declaration.rust.clone(), why }
}
