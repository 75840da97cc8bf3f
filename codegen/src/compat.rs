//! What changed between two versions of services, and whether clients of the old one can go on with the new one.
//!
//! The question is always the same: the client is old, the server is new. What is sent to the server may become wider, what
//! comes back narrower. Compared is what is on the wire: a Rust name that changes behind the same wire name is a note, and
//! types with other names are compared by what is in them.
//!
//! | What | Breaks | Only adds |
//! |---|---|---|
//! | method | gone, another name on the wire, an alias gone | new, a further name |
//! | param | new and required, gone, moved, another name, narrower | new and optional, optional now, wider |
//! | stream | a result or a param that is one now, or no longer | |
//! | body, oneway | params packed in another way; no answer any more | an answer where there was none |
//! | public, idempotent | no longer | now |
//! | result, error | a field gone or optional, wider, a new variant, a first typed error | a new field, narrower, a variant gone |
//!
//! Notes are what no program sees or what depends on use: documentation, deprecations, guards, rate limits, timeouts,
//! names in Rust, fields that are sent but no longer read, and a hash that changed for no reason that is seen here.

mod diff;
mod shape;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use trunkline_core::{
    Description, MethodDescription, ParamDescription, RateLimitDescription, ServiceDescription,
    TypeDescription,
};

use self::diff::{Direction, Types};

/// What a change means for clients that were made for the old version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChangeKind {
    /// Some of them no longer work.
    Breaking,
    /// They do not notice.
    Additive,
    /// They work, but somebody may want to know.
    Note,
}

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Change {
    /// What it means for clients.
    pub kind: ChangeKind,
    /// Where: `Chat`, `Chat.say`, `Chat.say.text` for a param, `Message.from` for a field; by its new name.
    pub place: String,
    /// What changed, as a sentence that goes on from the place.
    pub message: String,
}

/// All that changed between two versions.
///
/// Its text is made for the log of a build. A command that compares exits with 1 if [`Self::is_breaking`], else with 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    changes: Vec<Change>,
}

impl Report {
    /// The changes: those that break first, then by place.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether some clients of the old version no longer work.
    pub fn is_breaking(&self) -> bool {
        self.changes.iter().any(|change| change.kind == ChangeKind::Breaking)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.changes.is_empty() {
            return writeln!(f, "nothing changed for clients");
        }
        for kind in [ChangeKind::Breaking, ChangeKind::Additive, ChangeKind::Note] {
            let changes: Vec<&Change> = self.changes.iter().filter(|change| change.kind == kind).collect();
            let title = match (kind, changes.len()) {
                (_, 0) => continue,
                (ChangeKind::Breaking, 1) => "1 change breaks clients of the old version:".to_owned(),
                (ChangeKind::Breaking, count) => format!("{count} changes break clients of the old version:"),
                (ChangeKind::Additive, 1) => "1 change is compatible:".to_owned(),
                (ChangeKind::Additive, count) => format!("{count} changes are compatible:"),
                (ChangeKind::Note, 1) => "1 note:".to_owned(),
                (ChangeKind::Note, count) => format!("{count} notes:"),
            };
            writeln!(f, "{title}")?;
            for change in changes {
                writeln!(f, "  {}: {}", change.place, change.message)?;
            }
        }
        Ok(())
    }
}

/// What changed from `old` to `new`.
pub fn compare(old: &Description, new: &Description) -> Report {
    let mut changes = changes(old, new);
    changes.extend(new.services.iter().filter_map(|service| unexplained(service, old, new)));
    changes.sort();
    changes.dedup();
    Report { changes }
}

fn changes(old: &Description, new: &Description) -> Vec<Change> {
    let mut comparison = Comparison {
        changes: Vec::new(),
        known: methods(old).iter().flat_map(|(_, method)| &method.wire).map(String::as_str).collect(),
        inputs: Types::new(Direction::Input, &old.inputs, &new.inputs),
        outputs: Types::new(Direction::Output, &old.outputs, &new.outputs),
    };
    comparison.services(old, new);
    let Comparison { mut changes, inputs, outputs, .. } = comparison;
    changes.extend(inputs.finish());
    changes.extend(outputs.finish());
    changes
}

/// A note on a service whose hash changed, if nothing that the hash knows of is seen to have: this comparison reads what
/// schemars writes, and had better say so where it does not see enough.
fn unexplained(service: &ServiceDescription, old: &Description, new: &Description) -> Option<Change> {
    let was = old.services.iter().find(|it| it.name == service.name && it.hash != service.hash)?;
    let only = |description: &Description, service: &ServiceDescription| {
        let mut service = service.clone();
        (service.docs, service.deprecated) = (String::new(), None);
        for method in &mut service.methods {
            method.docs.clear();
            (method.public, method.deprecated, method.rate_limit, method.requires) =
                (false, None, None, None);
        }
        Description { services: vec![service], ..description.clone() }
    };
    changes(&only(old, was), &only(new, service)).is_empty().then(|| Change {
        kind: ChangeKind::Note,
        place: service.name.clone(),
        message:
            "the hash changed, though nothing was found that clients would notice: generate again to be sure"
                .to_owned(),
    })
}

/// A limit as one reads it.
fn rate(limit: &RateLimitDescription) -> String {
    let RateLimitDescription { limit, period_ms, per, disconnect } = limit;
    let end = if *disconnect { ", which closes the connection" } else { "" };
    format!("{limit} calls in {period_ms} ms per {per}{end}")
}

struct Comparison<'a> {
    changes: Vec<Change>,
    /// What an old server answers to.
    known: BTreeSet<&'a str>,
    inputs: Types<'a>,
    outputs: Types<'a>,
}

/// A method and the service that it is in.
type Entry<'a> = (&'a ServiceDescription, &'a MethodDescription);

impl Comparison<'_> {
    fn services(&mut self, old: &Description, new: &Description) {
        let (olds, news) = (methods(old), methods(new));
        let pairs = pairs(&olds, &news);
        for (index, (service, method)) in olds.iter().enumerate() {
            match pairs.get(&index).and_then(|&at| news.get(at)) {
                Some((new_service, new_method)) => self.method((service, method), (new_service, new_method)),
                None if has(new, service) => {
                    self.breaks(&place(service, method), "the method is gone");
                }
                None => self.breaks(&service.name, "the service is gone"),
            }
        }
        for (index, (service, method)) in news.iter().enumerate() {
            if pairs.values().any(|&at| at == index) {
                continue;
            }
            match has(old, service) {
                true => self.adds(&place(service, method), "a new method"),
                false => self.adds(&service.name, "a new service"),
            }
        }
        for service in &new.services {
            if let Some(old) = old.services.iter().find(|old| old.name == service.name) {
                self.people(
                    &service.name,
                    (&old.docs, &old.deprecated),
                    (&service.docs, &service.deprecated),
                );
            }
        }
    }

    fn method(&mut self, (old_service, old): Entry<'_>, (new_service, new): Entry<'_>) {
        let at = place(new_service, new);
        let was = place(old_service, old);
        if was != at {
            self.notes(&at, format!("was called `{was}` in Rust"));
        }
        for name in old.wire.iter().filter(|name| !new.wire.contains(name)) {
            self.breaks(&at, format!("no longer answers to `{name}`"));
        }
        for name in new.wire.iter().filter(|name| !old.wire.contains(name)) {
            self.adds(&at, format!("answers to `{name}` as well"));
        }
        if let Some(name) = new.wire.first()
            && !self.known.contains(name.as_str())
        {
            self.notes(&at, format!("new clients send `{name}`, which an old server does not know"));
        }
        match (old.body, new.body) {
            (false, true) => self.breaks(&at, "takes all params as one value now"),
            (true, false) => self.breaks(&at, "takes params one by one now, no longer as one value"),
            (true, true) => {
                if let ([old], [new]) = (&old.params[..], &new.params[..]) {
                    self.inputs.compare(&at, &old.ty.schema, &new.ty.schema);
                }
            }
            (false, false) => self.params(&at, &old.params, &new.params),
        }
        self.answer(&at, old, new);
        self.flags(&at, old, new);
        self.notes_on(&at, old, new);
    }

    /// By position, as clients send them; the names count too, for whoever sends a map.
    fn params(&mut self, at: &str, olds: &[ParamDescription], news: &[ParamDescription]) {
        let named =
            |params: &[ParamDescription], name: &str| params.iter().position(|param| param.name == name);
        for (index, old) in olds.iter().enumerate() {
            let place = format!("{at}.{}", old.name);
            match (named(news, &old.name), news.get(index)) {
                (Some(place_now), Some(new)) if place_now == index => self.param(&place, old, new),
                (Some(place_now), _) => {
                    self.breaks(
                        &place,
                        format!("is param {} now, no longer param {}", place_now + 1, index + 1),
                    );
                }
                (None, Some(new)) if named(olds, &new.name).is_none() => {
                    self.breaks(&format!("{at}.{}", new.name), format!("was called `{}`", old.name));
                    self.param(&format!("{at}.{}", new.name), old, new);
                }
                (None, _) => self.breaks(&place, "the param is gone, and one too many is refused"),
            }
        }
        for (index, new) in news.iter().enumerate() {
            let is_renamed = olds.get(index).is_some_and(|old| named(news, &old.name).is_none());
            if named(olds, &new.name).is_some() || is_renamed {
                continue;
            }
            let place = format!("{at}.{}", new.name);
            match is_optional(new) {
                true => self.adds(&place, "a new optional param"),
                false => self.breaks(&place, "a new param that is required"),
            }
        }
    }

    fn param(&mut self, at: &str, old: &ParamDescription, new: &ParamDescription) {
        match (old.stream, new.stream) {
            (false, true) => return self.breaks(at, "is a stream now"),
            (true, false) => return self.breaks(at, "is no stream any more"),
            _ => {}
        }
        match (is_optional(old), is_optional(new)) {
            (true, false) => self.breaks(at, "is required now"),
            (false, true) => self.adds(at, "is optional now"),
            _ => {}
        }
        // Null stands for a param that is left out where others follow.
        match is_optional(old) || is_optional(new) {
            true => self.inputs.compare_without_null(at, &old.ty.schema, &new.ty.schema),
            false => self.inputs.compare(at, &old.ty.schema, &new.ty.schema),
        }
    }

    fn answer(&mut self, at: &str, old: &MethodDescription, new: &MethodDescription) {
        match (old.oneway, new.oneway) {
            (false, true) => return self.breaks(at, "has no answer any more: it is oneway"),
            (true, false) => return self.adds(at, "has an answer now: it was oneway"),
            (true, true) => return,
            (false, false) => {}
        }
        match (old.stream, new.stream) {
            (false, true) => return self.breaks(at, "gives a stream now, and had one answer before"),
            (true, false) => return self.breaks(at, "has one answer now, and gave a stream before"),
            _ => {}
        }
        self.outputs.compare(&format!("{at} result"), &old.result.schema, &new.result.schema);
        match (&old.error, &new.error) {
            (Some(TypeDescription { schema: old, .. }), Some(TypeDescription { schema: new, .. })) => {
                self.outputs.compare(&format!("{at} error"), old, new);
            }
            (None, Some(error)) => self.breaks(
                at,
                format!("may fail with a `{}` now, and had no typed errors before", error.typescript),
            ),
            (Some(_), None) => self.adds(at, "has no typed errors any more"),
            (None, None) => {}
        }
    }

    fn flags(&mut self, at: &str, old: &MethodDescription, new: &MethodDescription) {
        match (old.public, new.public) {
            (true, false) => self.breaks(at, "needs a login now: it is no longer public"),
            (false, true) => self.adds(at, "needs no login any more: it is public"),
            _ => {}
        }
        match (old.idempotent, new.idempotent) {
            (true, false) => {
                self.breaks(at, "is no longer idempotent, and old clients send it again when in doubt")
            }
            (false, true) => self.adds(at, "is idempotent now"),
            _ => {}
        }
    }

    fn notes_on(&mut self, at: &str, old: &MethodDescription, new: &MethodDescription) {
        self.people(at, (&old.docs, &old.deprecated), (&new.docs, &new.deprecated));
        if old.requires != new.requires {
            let guard =
                |guard: &Option<String>| guard.as_ref().map_or("no guard".to_owned(), |it| format!("`{it}`"));
            self.notes(
                at,
                format!("is guarded by {}, before by {}", guard(&new.requires), guard(&old.requires)),
            );
        }
        if old.timeout_ms != new.timeout_ms {
            let time = |ms: Option<u64>| ms.map_or("the server's".to_owned(), |ms| format!("{ms} ms"));
            self.notes(
                at,
                format!("its timeout is {}, before {}", time(new.timeout_ms), time(old.timeout_ms)),
            );
        }
        if old.rate_limit != new.rate_limit {
            let rate = |limit: &Option<RateLimitDescription>| limit.as_ref().map_or("none".to_owned(), rate);
            let (new, old) = (rate(&new.rate_limit), rate(&old.rate_limit));
            self.notes(at, format!("its rate limit is {new}, before {old}"));
        }
    }

    /// Documentation and deprecation.
    fn people(
        &mut self,
        at: &str,
        (old_docs, old_reason): (&str, &Option<String>),
        (docs, reason): (&str, &Option<String>),
    ) {
        match (old_reason, reason) {
            (None, Some(reason)) => self.notes(at, format!("is deprecated: {reason}").trim_end_matches(": ")),
            (Some(_), None) => self.notes(at, "is no longer deprecated"),
            _ => {}
        }
        if old_docs != docs {
            self.notes(at, "the documentation changed");
        }
    }

    fn breaks(&mut self, place: &str, message: impl Into<String>) {
        self.changed(ChangeKind::Breaking, place, message.into());
    }

    fn adds(&mut self, place: &str, message: impl Into<String>) {
        self.changed(ChangeKind::Additive, place, message.into());
    }

    fn notes(&mut self, place: &str, message: impl Into<String>) {
        self.changed(ChangeKind::Note, place, message.into());
    }

    fn changed(&mut self, kind: ChangeKind, place: &str, message: String) {
        self.changes.push(Change { kind, place: place.to_owned(), message });
    }
}

fn methods(description: &Description) -> Vec<Entry<'_>> {
    let services = description.services.iter();
    services.flat_map(|service| service.methods.iter().map(move |method| (service, method))).collect()
}

/// Which of the new methods takes the place of which old one: that which answers to the name that old clients send, or else
/// that which has the same name in Rust.
fn pairs(olds: &[Entry<'_>], news: &[Entry<'_>]) -> BTreeMap<usize, usize> {
    let mut pairs = BTreeMap::new();
    for (index, (_, old)) in olds.iter().enumerate() {
        let answers = |(_, new): &Entry<'_>| old.wire.first().is_some_and(|name| new.wire.contains(name));
        if let Some(at) = news.iter().position(answers) {
            pairs.insert(index, at);
        }
    }
    for (index, (service, old)) in olds.iter().enumerate() {
        let is_same =
            |(new_service, new): &Entry<'_>| new_service.name == service.name && new.name == old.name;
        if let Some(at) = news.iter().position(is_same)
            && !pairs.contains_key(&index)
            && !pairs.values().any(|&taken| taken == at)
        {
            pairs.insert(index, at);
        }
    }
    pairs
}

fn has(description: &Description, service: &ServiceDescription) -> bool {
    description.services.iter().any(|it| it.name == service.name)
}

fn place(service: &ServiceDescription, method: &MethodDescription) -> String {
    format!("{}.{}", service.name, method.name)
}

fn is_optional(param: &ParamDescription) -> bool {
    param.has_default || param.is_option
}
