//! Plans for unions: what serde tells apart by trying, a plan has to tell apart by kinds and by tags.

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, Planner, is_special, one_after_the_other};
use crate::{
    GenerateError,
    typescript::{
        ast::{Property, Type},
        declarations::Declarations,
        print::flat,
    },
};

const TELL_APART: &str = "make it an enum that is not untagged, so that each variant is named on the wire";

/// A member of a union that is no union itself.
struct Member {
    /// As it is written.
    ty: Type,
    /// What its name stands for.
    resolved: Type,
}

/// The members of a union by what they are in JSON; the rest needs no plan.
#[derive(Default)]
struct Kinds<'m> {
    texts: Vec<&'m Member>,
    lists: Vec<&'m Member>,
    objects: Vec<&'m Member>,
}

impl Planner<'_> {
    /// Members are handled by what they are at run time: each kind has its own plan, and no plan touches another kind.
    pub(super) fn union(&mut self, types: &[Type]) -> Result<Option<Plan>, GenerateError> {
        let mut members = Vec::new();
        self.members(types, &mut BTreeSet::new(), &mut members);
        members.retain(|member| !member.resolved.is("null"));
        if let [only] = types.iter().filter(|ty| !ty.is("null")).collect::<Vec<_>>()[..] {
            return self.plan(only);
        }
        let Kinds { texts, lists, objects } = self.kinds(&members)?;
        let of_texts = self.texts(&texts)?;
        let of_lists = self.lists(&lists)?;
        let of_objects = self.objects(&objects)?;
        let reaches_objects = matches!(of_lists, Some(Plan::All(_))) && !objects.is_empty();
        let reaches_lists = matches!(of_objects, Some(Plan::All(_))) && !lists.is_empty();
        if reaches_objects || reaches_lists {
            return Err(self.ambiguous("a list and an object stand side by side", TELL_APART));
        }
        Ok(one_after_the_other([of_texts, of_lists, of_objects].into_iter().flatten().collect()))
    }

    fn kinds<'m>(&self, members: &'m [Member]) -> Result<Kinds<'m>, GenerateError> {
        let mut kinds = Kinds::default();
        for member in members {
            match &member.resolved {
                Type::Array(_) | Type::Tuple(_) => kinds.lists.push(member),
                Type::Object(_) | Type::Record(_) | Type::Intersection(_) => kinds.objects.push(member),
                Type::Text(_) | Type::TextOf(_) => kinds.texts.push(member),
                ty if is_special(ty) || ty.is("string") => kinds.texts.push(member),
                Type::Literal(_) => {}
                ty if ["number", "boolean", "undefined", "never"].iter().any(|plain| ty.is(plain)) => {}
                _ => {
                    let why = format!("`{}` may be anything", flat(&member.ty));
                    return Err(self.ambiguous(&why, TELL_APART));
                }
            }
        }
        Ok(kinds)
    }

    fn members(&self, types: &[Type], seen: &mut BTreeSet<Type>, members: &mut Vec<Member>) {
        for ty in types {
            match self.plans.declarations.resolved(ty) {
                Type::Union(types) => {
                    if seen.insert(ty.clone()) {
                        self.members(&types, seen, members);
                    }
                }
                resolved => members.push(Member { ty: ty.clone(), resolved }),
            }
        }
    }

    fn texts(&mut self, members: &[&Member]) -> Result<Option<Plan>, GenerateError> {
        let Some(special) = members.iter().find(|member| is_special(&member.resolved)) else {
            return Ok(None);
        };
        match members.iter().find(|member| member.resolved != special.resolved) {
            None => self.plan(&special.resolved),
            Some(other) => {
                let why = format!("`{}` and `{}` are both text", flat(&special.ty), flat(&other.ty));
                Err(self.ambiguous(&why, TELL_APART))
            }
        }
    }

    fn lists(&mut self, members: &[&Member]) -> Result<Option<Plan>, GenerateError> {
        if !members.iter().any(|member| self.plans.are_needed_for(&member.ty)) {
            return Ok(None);
        }
        let (mut elements, mut tuples) = (Vec::new(), Vec::new());
        for member in members {
            match &member.resolved {
                Type::Array(element) => elements.push((**element).clone()),
                Type::Tuple(of) => tuples.push(of.iter().map(|it| it.ty.clone()).collect::<Vec<_>>()),
                _ => {}
            }
        }
        match (&elements[..], &tuples[..]) {
            (_, []) => self.all(&Type::union(elements)),
            ([], [first, rest @ ..]) if rest.iter().all(|it| it.len() == first.len()) => {
                let plans = (0..first.len()).map(|at| {
                    let types = tuples.iter().filter_map(|tuple| tuple.get(at).cloned());
                    self.plan(&Type::union(types))
                });
                Ok(Some(Plan::Tuple(plans.collect::<Result<_, _>>()?)))
            }
            _ => Err(self.ambiguous("lists of different kinds stand side by side", TELL_APART)),
        }
    }

    fn objects(&mut self, members: &[&Member]) -> Result<Option<Plan>, GenerateError> {
        if !members.iter().any(|member| self.plans.are_needed_for(&member.ty)) {
            return Ok(None);
        }
        if let [only] = members {
            return self.plan(&only.ty);
        }
        let views: Vec<Vec<View>> =
            members.iter().map(|member| views(&member.resolved, self.plans.declarations)).collect();
        match tag(&views) {
            Some((tag, values)) => {
                let mut variants = BTreeMap::new();
                for (member, values) in members.iter().zip(values) {
                    if let Some(plan) = self.plan(&member.ty)? {
                        variants.extend(values.into_iter().map(|value| (value, plan.clone())));
                    }
                }
                Ok(Some(Plan::Variants(tag, variants)))
            }
            None if views.iter().flatten().any(|view| view.is_open) => {
                Err(self.ambiguous("a map and another object stand side by side", TELL_APART))
            }
            None => {
                let mut fields: BTreeMap<String, Vec<Type>> = BTreeMap::new();
                for property in views.into_iter().flatten().flat_map(|view| view.properties) {
                    fields.entry(property.name).or_default().push(property.ty);
                }
                self.fields(fields)
            }
        }
    }
}

/// An object that a type may be.
#[derive(Debug, Clone, Default)]
struct View {
    properties: Vec<Property>,
    /// Whether it may have others.
    is_open: bool,
}

/// Every object that the type may be.
fn views(ty: &Type, declarations: &Declarations) -> Vec<View> {
    match declarations.resolved(ty) {
        Type::Object(properties) => vec![View { properties, is_open: false }],
        // ts-rs's word for a struct without fields.
        Type::Record(record) if record.key.is("symbol") => vec![View::default()],
        Type::Name(name, args) if name == "Record" && args.first().is_some_and(|key| key.is("symbol")) => {
            vec![View::default()]
        }
        Type::Union(types) => types.iter().flat_map(|ty| views(ty, declarations)).collect(),
        Type::Intersection(types) => types.iter().fold(vec![View::default()], |all, ty| {
            let views = views(ty, declarations);
            let both = |one: &View| views.iter().map(|other| one.with(other)).collect::<Vec<_>>();
            all.iter().flat_map(both).collect()
        }),
        _ => vec![View { properties: Vec::new(), is_open: true }],
    }
}

impl View {
    fn with(&self, other: &Self) -> Self {
        let properties = [&self.properties[..], &other.properties[..]].concat();
        Self { properties, is_open: self.is_open || other.is_open }
    }
}

/// The field by whose text the members can be told apart, and its values for each of them.
fn tag(members: &[Vec<View>]) -> Option<(String, Vec<BTreeSet<String>>)> {
    let candidates = &members.first()?.first()?.properties;
    candidates.iter().find_map(|candidate| {
        let values: Option<Vec<BTreeSet<String>>> = members
            .iter()
            .map(|views| views.iter().map(|view| value(&view.properties, &candidate.name)).collect())
            .collect();
        let values = values?;
        let count: usize = values.iter().map(BTreeSet::len).sum();
        let all: BTreeSet<&String> = values.iter().flatten().collect();
        (all.len() == count).then(|| (candidate.name.clone(), values))
    })
}

/// The text that a property always has.
fn value(properties: &[Property], name: &str) -> Option<String> {
    let property = properties.iter().find(|property| property.name == name && !property.optional)?;
    match &property.ty {
        Type::Text(text) => Some(text.clone()),
        _ => None,
    }
}
