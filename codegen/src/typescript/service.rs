//! A service as an interface, and as the constant that tells the client what its methods are on the wire.

use std::collections::BTreeMap;

use trunkline_core::{MethodDescription, ParamDescription, ServiceDescription};

use super::{
    ast::Type,
    declarations::Declarations,
    docs,
    names::{camel, params},
    parse,
    plan::{Plan, Plans},
    print::{fits, flat, key, text},
};
use crate::GenerateError;

/// A service with the types of its methods read.
#[derive(Debug)]
pub(crate) struct Service<'a> {
    pub(crate) of: &'a ServiceDescription,
    pub(crate) methods: Vec<Method<'a>>,
}

/// A method with its types read.
#[derive(Debug)]
pub(crate) struct Method<'a> {
    pub(crate) of: &'a MethodDescription,
    pub(crate) params: Vec<Param<'a>>,
    pub(crate) result: Type,
    pub(crate) error: Option<Type>,
}

/// A parameter with its type read.
#[derive(Debug)]
pub(crate) struct Param<'a> {
    pub(crate) of: &'a ParamDescription,
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// Whether a call may leave it out.
    pub(crate) optional: bool,
}

impl<'a> Service<'a> {
    pub(crate) fn read(of: &'a ServiceDescription) -> Self {
        Self { of, methods: of.methods.iter().map(Method::read).collect() }
    }

    /// All types that stand in the signatures.
    pub(crate) fn types_mut(&mut self) -> impl Iterator<Item = (String, &mut Type)> {
        let service = &self.of.name;
        self.methods.iter_mut().flat_map(move |method| {
            let at = format!("{service}::{}", method.of.name);
            let params = method.params.iter_mut().map(|param| &mut param.ty);
            let types = params.chain([&mut method.result]).chain(&mut method.error);
            types.map(move |ty| (at.clone(), ty))
        })
    }

    /// An error type of which every variant is Trunkline's own is none for callers.
    pub(crate) fn forget_errors_that_never_come(&mut self, declarations: &Declarations) {
        for method in &mut self.methods {
            method.error.take_if(|error| declarations.resolved(error).is("never"));
        }
    }

    /// `export interface Chat { … }`
    pub(crate) fn interface(&self) -> String {
        let methods: String = self.methods.iter().map(Method::signature).collect();
        let head = docs::print(&docs::of(&self.of.docs, self.of.deprecated.as_deref()), "");
        format!("{head}export interface {} {{\n{methods}}}\n", self.of.name)
    }

    /// `export const Chat: ServiceDef<Chat> = { … };`
    pub(crate) fn descriptor(&self, plans: &Plans<'_>) -> Result<Descriptor, GenerateError> {
        let mut named = BTreeMap::new();
        let (mut methods, mut revives) = (String::new(), false);
        for method in &self.methods {
            let line = method.descriptor(&self.of.name, plans, &mut named)?;
            revives |= line.revives;
            methods += &format!("    {}: {},\n", key(&camel(&method.of.name)), line.text);
        }
        let name = &self.of.name;
        let revive = if revives { "  revive,\n" } else { "" };
        let plans = if named.is_empty() { String::new() } else { named_plans(&named) };
        let text = format!(
            "export const {name}: ServiceDef<{name}> = {{\n  name: {},\n  hash: {},\n{revive}{plans}  methods: {{\n\
             {methods}  }},\n}};\n",
            text(name),
            text(&self.of.hash),
        );
        Ok(Descriptor { text, revives })
    }
}

/// A piece of a constant.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub(crate) text: String,
    /// Whether it holds something that JSON has no word for.
    pub(crate) revives: bool,
}

fn named_plans(named: &BTreeMap<String, Plan>) -> String {
    let lines = named.iter().map(|(name, plan)| format!("    {}: {plan},\n", key(name)));
    format!("  plans: {{\n{}  }},\n", lines.collect::<String>())
}

impl<'a> Method<'a> {
    fn read(of: &'a MethodDescription) -> Self {
        let names = params(of.params.iter().map(|param| param.name.as_str()));
        let may_be_left_out = |param: &ParamDescription| param.is_option || param.has_default;
        let required = of.params.iter().rposition(|param| !may_be_left_out(param)).map_or(0, |last| last + 1);
        let params = of.params.iter().zip(names).enumerate().map(|(at, (of, name))| {
            let optional = at >= required;
            let ty = parse::ty(&of.ty.typescript);
            let ty = if optional && of.is_option { ty.without_null() } else { ty };
            Param { of, name, ty, optional }
        });
        let result = parse::ty(&of.result.typescript);
        Self {
            of,
            params: params.collect(),
            result: if result.is("null") && !of.stream { Type::name("void") } else { result },
            error: of.error.as_ref().map(|error| parse::ty(&error.typescript)),
        }
    }

    /// `  say(room: string, options?: CallOptions): Call<Message, ChatError>;`
    fn signature(&self) -> String {
        let mut params: Vec<String> = self.params.iter().map(Param::signature).collect();
        params.push(format!("{}?: CallOptions", self.options()));
        let kind = self.returns();
        let returns = match &self.error {
            Some(error) => format!("{kind}<{}, {}>", flat(&self.result), flat(error)),
            None => format!("{kind}<{}>", flat(&self.result)),
        };
        let docs = docs::print(&docs::of(&self.of.docs, self.of.deprecated.as_deref()), "  ");
        let name = key(&camel(&self.of.name));
        let line = format!("  {name}({}): {returns};\n", params.join(", "));
        if fits(line.trim_end()) {
            return docs + &line;
        }
        let params: String = params.iter().map(|param| format!("    {param},\n")).collect();
        format!("{docs}  {name}(\n{params}  ): {returns};\n")
    }

    /// What the type is named that a call gives.
    fn returns(&self) -> &'static str {
        if self.of.stream { "Subscription" } else { "Call" }
    }

    /// The types of the client that its signature names.
    pub(crate) fn imports(&self) -> impl Iterator<Item = &'static str> {
        let streaming = self.params.iter().any(|param| param.of.stream).then_some("Streaming");
        ["CallOptions", self.returns()].into_iter().chain(streaming)
    }

    /// What the options of a call are named beside the parameters.
    fn options(&self) -> String {
        let is_taken = |name: &str| self.params.iter().any(|param| param.name == name);
        let mut name = if is_taken("options") { "callOptions" } else { "options" }.to_owned();
        while is_taken(&name) {
            name.push('_');
        }
        name
    }

    /// `{ p: ["room", "text"], i: 1 }`
    fn descriptor(
        &self,
        service: &str,
        plans: &Plans<'_>,
        named: &mut BTreeMap<String, Plan>,
    ) -> Result<Descriptor, GenerateError> {
        let at = format!("`{service}::{}`", self.of.name);
        let mut keys = Vec::new();
        let wire = self.of.wire.first().unwrap_or(&self.of.name);
        if *wire != camel(&self.of.name) {
            keys.push(format!("n: {}", text(wire)));
        }
        let params: Vec<String> = self.params.iter().map(|param| text(&param.of.name)).collect();
        keys.push(format!("p: [{}]", params.join(", ")));
        for (key, is_set) in [("b", self.of.body), ("k", self.of.oneway), ("i", self.of.idempotent)] {
            if is_set {
                keys.push(format!("{key}: 1"));
            }
        }
        let uploads = self.params.iter().enumerate().filter(|(_, param)| param.of.stream);
        let uploads: Vec<String> = uploads.map(|(at, _)| at.to_string()).collect();
        if self.of.stream || !uploads.is_empty() {
            keys.push(format!("s: {}", if self.of.stream { 1 } else { 2 }));
        }
        if !uploads.is_empty() {
            keys.push(format!("u: [{}]", uploads.join(", ")));
        }
        if let Some(timeout) = self.of.timeout_ms {
            keys.push(format!("t: {timeout}"));
        }
        let encodes = self.params.iter().any(|param| plans.are_needed_for(&param.ty));
        // Parameters say themselves what they are, but a client that implements the service reads them by their types.
        let sent: Result<Vec<_>, _> =
            self.params.iter().map(|param| plans.of(&param.ty, &at, named)).collect();
        let sent = sent?;
        let most = sent.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        if most > 0 {
            let plans =
                sent.iter().take(most).map(|plan| plan.as_ref().map_or("0".to_owned(), Plan::to_string));
            keys.push(format!("x: [{}]", plans.collect::<Vec<_>>().join(", ")));
        } else if encodes {
            keys.push("x: 1".to_owned());
        }
        let result = plans.of(&self.result, &at, named)?;
        let error = self.error.as_ref().map(|error| plans.of(error, &at, named)).transpose()?.flatten();
        let returned = match (&result, &error) {
            (None, None) => None,
            (Some(result), None) => Some(format!("r: [{result}]")),
            (None, Some(error)) => Some(format!("r: [0, {error}]")),
            (Some(result), Some(error)) => Some(format!("r: [{result}, {error}]")),
        };
        let revives = encodes || returned.is_some();
        keys.extend(returned);
        Ok(Descriptor { text: format!("{{ {} }}", keys.join(", ")), revives })
    }
}

impl Param<'_> {
    fn signature(&self) -> String {
        let ty = if self.of.stream { format!("Streaming<{}>", flat(&self.ty)) } else { flat(&self.ty) };
        format!("{}{}: {ty}", self.name, if self.optional { "?" } else { "" })
    }
}
