//! How values that JSON has no word for come back: which bytes and whole 64-bit integers are where in a result.
//!
//! A plan touches text only where the type says bytes or `bigint`, and leaves every value alone that is not of its own kind,
//! so that plans of the members of a union can be applied one after the other. Where text could be either, there is no
//! plan, and the type is refused.

mod union;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    ast::Type,
    declarations::Declarations,
    print::{flat, key, text},
};
use crate::GenerateError;

/// What has to be done to a value, as the client's module `trunkline/revive` reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    Bytes,
    BigInt,
    /// The plan of this name in the service's `plans`.
    Named(String),
    /// For every element of an array, or every value of a map.
    All(Box<Self>),
    Tuple(Vec<Option<Self>>),
    Fields(BTreeMap<String, Self>),
    /// By the text in the field that tells an object's variant.
    Variants(String, BTreeMap<String, Self>),
    /// One after the other.
    Each(Vec<Self>),
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes => f.write_str("1"),
            Self::BigInt => f.write_str("2"),
            Self::Named(name) => f.write_str(&text(name)),
            Self::All(plan) => write!(f, "{{ a: {plan} }}"),
            Self::Tuple(plans) => {
                let plans = plans.iter().map(|plan| plan.as_ref().map_or("0".to_owned(), Self::to_string));
                write!(f, "{{ t: [{}] }}", plans.collect::<Vec<_>>().join(", "))
            }
            Self::Fields(fields) => write!(f, "{{ o: {} }}", by_name(fields)),
            Self::Variants(tag, variants) => write!(f, "{{ u: [{}, {}] }}", text(tag), by_name(variants)),
            Self::Each(plans) => {
                let plans: Vec<String> = plans.iter().map(Self::to_string).collect();
                write!(f, "[{}]", plans.join(", "))
            }
        }
    }
}

fn by_name(plans: &BTreeMap<String, Plan>) -> String {
    let plans = plans.iter().map(|(name, plan)| match name.as_str() {
        // Without brackets it would set the prototype.
        "__proto__" => format!("[\"__proto__\"]: {plan}"),
        name => format!("{}: {plan}", key(name)),
    });
    format!("{{ {} }}", plans.collect::<Vec<_>>().join(", "))
}

/// Makes plans.
#[derive(Debug)]
pub(crate) struct Plans<'a> {
    declarations: &'a Declarations,
    /// The declared types of which some values hold bytes or whole 64-bit integers, whatever their parameters are.
    special: BTreeSet<&'a str>,
}

impl<'a> Plans<'a> {
    pub(crate) fn new(declarations: &'a Declarations) -> Self {
        let mut plans = Self { declarations, special: BTreeSet::new() };
        // Types mention each other in any order, so that one more round may find more.
        loop {
            let more =
                declarations.iter().filter(|it| plans.are_needed_for(&it.body)).map(|it| it.name.as_str());
            let special = more.collect::<BTreeSet<_>>();
            if special.len() == plans.special.len() {
                return plans;
            }
            plans.special = special;
        }
    }

    /// Whether values of a type may hold bytes or whole 64-bit integers.
    pub(crate) fn are_needed_for(&self, ty: &Type) -> bool {
        match ty {
            Type::Name(name, args) => {
                is_special(ty)
                    || self.special.contains(name.as_str())
                    || (self.declarations.get(name).is_some()
                        && args.iter().any(|arg| self.are_needed_for(arg)))
            }
            Type::TextOf(_) => false,
            Type::Record(record) => self.are_needed_for(&record.value),
            ty => ty.children().into_iter().any(|inner| self.are_needed_for(inner)),
        }
    }

    /// The plan of a type that stands in the signature of the method `at`; plans that it refers to are put into `named`.
    pub(crate) fn of(
        &self,
        ty: &Type,
        at: &str,
        named: &mut BTreeMap<String, Plan>,
    ) -> Result<Option<Plan>, GenerateError> {
        let mut planner = Planner { plans: self, at: at.to_owned(), named, depth: 0, later: Vec::new() };
        let plan = planner.plan(ty)?;
        while let Some(ty) = planner.later.pop() {
            planner.make_named(&ty)?;
        }
        Ok(plan)
    }
}

/// Whether it is a type that JSON has no word for.
fn is_special(ty: &Type) -> bool {
    ty.is("bigint") || ty.is("Uint8Array")
}

struct Planner<'p> {
    plans: &'p Plans<'p>,
    /// The method, or the Rust type, that the type at hand is part of.
    at: String,
    named: &'p mut BTreeMap<String, Plan>,
    /// How many types with a name the type at hand is inside of.
    depth: usize,
    /// Types that were too deep to be planned at once.
    later: Vec<Type>,
}

/// How many types inside each other are planned at once: the stack has an end.
const DEPTH: usize = 32;

impl Planner<'_> {
    fn plan(&mut self, ty: &Type) -> Result<Option<Plan>, GenerateError> {
        if !self.plans.are_needed_for(ty) {
            return Ok(None);
        }
        match ty {
            ty if ty.is("bigint") => Ok(Some(Plan::BigInt)),
            ty if ty.is("Uint8Array") => Ok(Some(Plan::Bytes)),
            Type::Name(..) => self.named(ty),
            Type::Array(element) => self.all(element),
            Type::Record(record) => self.all(&record.value),
            Type::Tuple(elements) => {
                let plans: Result<_, _> = elements.iter().map(|element| self.plan(&element.ty)).collect();
                Ok(Some(Plan::Tuple(plans?)))
            }
            Type::Object(properties) => {
                let fields = properties.iter().map(|it| (it.name.clone(), vec![it.ty.clone()]));
                self.fields(fields.collect())
            }
            Type::Union(types) => self.union(types),
            Type::Intersection(types) => self.intersection(types),
            Type::Text(_) | Type::Literal(_) | Type::TextOf(_) | Type::Raw(_) => Ok(None),
        }
    }

    fn named(&mut self, ty: &Type) -> Result<Option<Plan>, GenerateError> {
        let resolved = self.plans.declarations.resolved(ty);
        if is_special(&resolved) {
            return self.plan(&resolved);
        }
        let instance = flat(ty);
        if self.named.contains_key(&instance) {
            return Ok(Some(Plan::Named(instance)));
        }
        // Keeps its place while the plan is made, for a type may be part of itself.
        self.named.insert(instance.clone(), Plan::Each(Vec::new()));
        if self.depth == DEPTH {
            self.later.push(ty.clone());
            return Ok(Some(Plan::Named(instance)));
        }
        self.depth += 1;
        let plan = self.make_named(ty)?;
        self.depth -= 1;
        if matches!(plan, None | Some(Plan::Bytes | Plan::BigInt)) {
            // Shorter than a name for it; nothing at all is left if the values hold nothing of a special parameter.
            self.named.remove(&instance);
            return Ok(plan);
        }
        Ok(Some(Plan::Named(instance)))
    }

    fn make_named(&mut self, ty: &Type) -> Result<Option<Plan>, GenerateError> {
        let declarations = self.plans.declarations;
        let Some(body) = declarations.resolve(ty) else { return Ok(None) };
        let rust = match ty {
            Type::Name(name, _) => declarations.get(name).map(|it| format!("`{}`", it.rust)),
            _ => None,
        };
        let at = std::mem::replace(&mut self.at, rust.unwrap_or_default());
        let plan = self.plan(&body)?;
        self.at = at;
        self.named.extend(plan.iter().map(|plan| (flat(ty), plan.clone())));
        Ok(plan)
    }

    fn all(&mut self, ty: &Type) -> Result<Option<Plan>, GenerateError> {
        Ok(self.plan(ty)?.map(|plan| Plan::All(Box::new(plan))))
    }

    /// The plan for objects whose fields have one of these types each.
    fn fields(&mut self, fields: BTreeMap<String, Vec<Type>>) -> Result<Option<Plan>, GenerateError> {
        let mut plans = BTreeMap::new();
        for (name, types) in fields {
            if let Some(plan) = self.plan(&Type::union(types))? {
                plans.insert(name, plan);
            }
        }
        Ok((!plans.is_empty()).then_some(Plan::Fields(plans)))
    }

    fn intersection(&mut self, types: &[Type]) -> Result<Option<Plan>, GenerateError> {
        let mut plans = Vec::new();
        for ty in types {
            let plan = self.plan(ty)?;
            if plan.is_some() && matches!(self.plans.declarations.resolved(ty), Type::Record(_)) {
                return Err(self.ambiguous(
                    "a map of bytes or whole 64-bit integers is flattened into an object with other fields",
                    "give the map a field of its own: remove `#[serde(flatten)]`",
                ));
            }
            plans.extend(plan);
        }
        Ok(one_after_the_other(plans))
    }

    fn ambiguous(&self, why: &str, advice: &str) -> GenerateError {
        GenerateError::Ambiguous { at: self.at.clone(), why: why.to_owned(), advice: advice.to_owned() }
    }
}

fn one_after_the_other(mut plans: Vec<Plan>) -> Option<Plan> {
    match plans.len() {
        0 => None,
        1 => plans.pop(),
        _ => Some(Plan::Each(plans)),
    }
}
