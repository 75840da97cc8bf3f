//! Two versions of a type, compared in one direction.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Change, ChangeKind,
    shape::{Field, Object, Shape, Text, alternatives, shapes},
};
use crate::refs::{Definitions, references, target};

/// Who writes the values and who reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Old clients write, the new server reads.
    Input,
    /// The new server writes, old clients read.
    Output,
}

/// Compares types, each pair with names once.
pub(super) struct Types<'a> {
    direction: Direction,
    old: &'a Definitions,
    new: &'a Definitions,
    compared: BTreeSet<(String, String)>,
    /// What is still to be compared: types hold each other to any depth, and the stack has an end.
    open: Vec<Pair>,
    /// What the pair at hand is inside of.
    trail: Trail,
    pub(super) changes: Vec<Change>,
}

/// Two schemas that take each other's place.
struct Pair {
    at: String,
    old: Value,
    new: Value,
    null: Null,
    trail: Trail,
}

/// The pairs round another one that refer to types which have no partner by name: where one comes again, it has no end.
type Trail = Vec<(Value, Value)>;

/// Whether it counts that a value may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Null {
    Counts,
    /// It stands for a value that is left out.
    IsAbsence,
}

impl<'a> Types<'a> {
    pub(super) fn new(direction: Direction, old: &'a Definitions, new: &'a Definitions) -> Self {
        let (compared, open, trail, changes) = (BTreeSet::new(), Vec::new(), Vec::new(), Vec::new());
        Self { direction, old, new, compared, open, trail, changes }
    }

    pub(super) fn compare(&mut self, at: &str, old: &Value, new: &Value) {
        self.later(at, old, new, Null::Counts);
    }

    /// Compares what the two are apart from null.
    pub(super) fn compare_without_null(&mut self, at: &str, old: &Value, new: &Value) {
        self.later(at, old, new, Null::IsAbsence);
    }

    /// Compares all that was given, and what that refers to.
    pub(super) fn finish(mut self) -> Vec<Change> {
        while let Some(Pair { at, old, new, null, trail }) = self.open.pop() {
            self.trail = trail;
            match null {
                Null::Counts => self.alternatives(&at, &alternatives(&old), &alternatives(&new)),
                Null::IsAbsence => {
                    let (old, new) = (without_null(&old), without_null(&new));
                    let is_something = |schema: &&Value| **schema != serde_json::json!({ "type": "null" });
                    let all =
                        |schema| alternatives(schema).into_iter().filter(is_something).collect::<Vec<_>>();
                    self.alternatives(&at, &all(&old), &all(&new));
                }
            }
        }
        self.changes
    }

    fn later(&mut self, at: &str, old: &Value, new: &Value, null: Null) {
        // Without a reference, the same schema is the same type.
        if old == new && references(old).is_empty() {
            return;
        }
        let (at, trail) = (at.to_owned(), self.trail.clone());
        self.open.push(Pair { at, old: old.clone(), new: new.clone(), null, trail });
    }

    /// Pairs those of both sides that have names, and compares the rest by form.
    fn alternatives(&mut self, at: &str, olds: &[&Value], news: &[&Value]) {
        let pairs = named_pairs(olds, news);
        let rest = |schemas: &[&Value], is_paired: &dyn Fn(&String) -> bool| {
            let rest = schemas.iter().filter(|schema| !target(schema).is_some_and(|name| is_paired(&name)));
            rest.map(|schema| (*schema).clone()).collect::<Vec<_>>()
        };
        let olds = rest(olds, &|name| pairs.iter().any(|(old, _)| old == name));
        let news = rest(news, &|name| pairs.iter().any(|(_, new)| new == name));
        for (old, new) in &pairs {
            self.named(at, old, new);
        }
        if olds.iter().chain(&news).any(|schema| target(schema).is_some()) {
            let step = (Value::from(olds.clone()), Value::from(news.clone()));
            if self.trail.contains(&step) {
                return;
            }
            self.trail.push(step);
        }
        let forms = |schemas: &[Value], definitions: &Definitions| {
            let mut forms: Vec<Shape> = schemas.iter().flat_map(|it| shapes(it, definitions)).collect();
            forms.dedup();
            forms
        };
        self.forms(at, forms(&olds, self.old), forms(&news, self.new));
    }

    fn named(&mut self, at: &str, old: &str, new: &str) {
        if !self.compared.insert((old.to_owned(), new.to_owned())) {
            return;
        }
        if old != new {
            self.changed(ChangeKind::Note, at, format!("the type is called `{new}` now, before `{old}`"));
        }
        if let (Some(old), Some(schema)) = (self.old.get(old), self.new.get(new)) {
            let trail = std::mem::take(&mut self.trail);
            self.compare(new, old, schema);
            self.trail = trail;
        }
    }

    fn forms(&mut self, at: &str, mut olds: Vec<Shape>, mut news: Vec<Shape>) {
        let same: Vec<Shape> = olds.iter().filter(|old| news.contains(old)).cloned().collect();
        if same.contains(&Shape::Any) {
            return;
        }
        for shape in &same {
            olds.retain(|old| old != shape);
            news.retain(|new| new != shape);
            // What it refers to may have changed all the same.
            self.pair(at, shape, shape);
        }
        let (mut gone, mut added) = (Vec::new(), news);
        for old in olds {
            match added.iter().position(|new| new.key() == old.key()) {
                Some(partner) => {
                    let new = added.remove(partner);
                    self.pair(at, &old, &new);
                }
                None => gone.push(old),
            }
        }
        match (&gone[..], &added[..]) {
            // Nothing else that either could be.
            ([old @ Shape::Object(one)], [new @ Shape::Object(other)])
                if one.tags().is_empty() || other.tags().is_empty() =>
            {
                self.pair(at, old, new);
            }
            // One form became another one.
            ([old], [new]) if !is_case(old) && !is_case(new) => self.replaced(at, old, new),
            _ => self.cases(at, &gone, &added, &same),
        }
    }

    /// Forms that are on one side only; those that another one includes are no news.
    fn cases(&mut self, at: &str, gone: &[Shape], added: &[Shape], same: &[Shape]) {
        for old in gone.iter().filter(|old| !added.iter().chain(same).any(|new| new.covers(old))) {
            self.narrower(at, &old.to_string());
        }
        for new in added.iter().filter(|new| !gone.iter().chain(same).any(|old| old.covers(new))) {
            self.wider(at, &new.to_string());
        }
    }

    fn replaced(&mut self, at: &str, old: &Shape, new: &Shape) {
        let message = format!("is {new} now, before {old}");
        match (old, new) {
            (old, new) if new.covers(old) => self.changed_by_width(at, Width::Wider, &message),
            (old, new) if old.covers(new) => self.changed_by_width(at, Width::Narrower, &message),
            _ => self.changed(ChangeKind::Breaking, at, message),
        }
    }

    /// Two versions of one form.
    fn pair(&mut self, at: &str, old: &Shape, new: &Shape) {
        match (old, new) {
            (Shape::Array(_) | Shape::Tuple(_) | Shape::Object(_), _) => self.inside(at, old, new),
            (old, new) if old == new => {}
            (Shape::Integer(old), Shape::Integer(new)) => {
                let (least, most) = (new.start().cmp(old.start()), new.end().cmp(old.end()));
                let message = format!(
                    "is in {} to {} now, before {} to {}",
                    new.start(),
                    new.end(),
                    old.start(),
                    old.end()
                );
                match (least.is_le() && most.is_ge(), least.is_ge() && most.is_le()) {
                    (true, _) => self.changed_by_width(at, Width::Wider, &message),
                    (_, true) => self.changed_by_width(at, Width::Narrower, &message),
                    _ => self.changed(ChangeKind::Breaking, at, message),
                }
            }
            (Shape::Integer(_), Shape::Float(_)) => {
                self.changed_by_width(at, Width::Wider, "is any number now, before an integer");
            }
            (Shape::Float(_), Shape::Integer(_)) => {
                self.changed_by_width(at, Width::Narrower, "is an integer now, before any number");
            }
            (Shape::Float(old), Shape::Float(new)) => {
                self.changed(
                    ChangeKind::Note,
                    at,
                    format!("has the precision of a {new} now, before of a {old}"),
                );
            }
            (Shape::Text(old), Shape::Text(new)) => self.text(at, old, new),
            (old, new) => self.became(at, old, new),
        }
    }

    /// Two versions of something that holds other types.
    fn inside(&mut self, at: &str, old: &Shape, new: &Shape) {
        match (old, new) {
            (Shape::Array(old), Shape::Array(new)) => self.compare(&format!("{at}[]"), old, new),
            (Shape::Tuple(old), Shape::Tuple(new)) if old.len() == new.len() => {
                for (index, (old, new)) in old.iter().zip(new).enumerate() {
                    self.compare(&format!("{at}[{index}]"), old, new);
                }
            }
            (Shape::Object(old), Shape::Object(new)) => {
                let tags = new.constants();
                let at = if tags.is_empty() { at.to_owned() } else { format!("{at} ({})", tags.join(", ")) };
                self.object(&at, old, new);
            }
            (old, new) => self.became(at, old, new),
        }
    }

    fn became(&mut self, at: &str, old: &Shape, new: &Shape) {
        self.changed(ChangeKind::Breaking, at, format!("is {new} now, before {old}"));
    }

    fn text(&mut self, at: &str, old: &Text, new: &Text) {
        let message = format!("is {} now, before {}", Shape::Text(new.clone()), Shape::Text(old.clone()));
        match (old, new) {
            _ if old.is_bytes != new.is_bytes => self.changed(ChangeKind::Breaking, at, message),
            (_, new) if new.rule.is_empty() => self.changed_by_width(at, Width::Wider, &message),
            (old, _) if old.rule.is_empty() => self.changed_by_width(at, Width::Narrower, &message),
            // Whole integers: all that have no sign are among those that may have one.
            (old, new) if with_sign(&old.rule) == new.rule => {
                self.changed_by_width(at, Width::Wider, &message)
            }
            (old, new) if with_sign(&new.rule) == old.rule => {
                self.changed_by_width(at, Width::Narrower, &message)
            }
            _ => self.changed(ChangeKind::Breaking, at, message),
        }
    }

    fn object(&mut self, at: &str, old: &Object, new: &Object) {
        for (name, old_field) in &old.fields {
            let place = format!("{at}.{name}");
            match new.fields.get(name) {
                Some(new_field) => self.field(&place, old_field, new_field),
                None => self.field_is_gone(&place, new),
            }
        }
        for (name, field) in new.fields.iter().filter(|(name, _)| !old.fields.contains_key(*name)) {
            self.field_is_new(&format!("{at}.{name}"), field, old);
        }
        match (&old.entries, &new.entries) {
            (Some((old_names, old)), Some((new_names, new))) => {
                if old_names != new_names {
                    self.names(at, old_names, new_names);
                }
                self.compare(&format!("{at}.*"), old, new);
            }
            (Some(_), None) => {
                self.changed(ChangeKind::Breaking, at, "has no entries of any name any more".to_owned())
            }
            (None, Some(_)) => {
                self.changed(ChangeKind::Additive, at, "may have entries of any name now".to_owned())
            }
            (None, None) => {}
        }
        if self.direction == Direction::Input && new.is_closed && !old.is_closed {
            self.changed(ChangeKind::Breaking, at, "refuses unknown fields now".to_owned());
        }
    }

    fn field(&mut self, at: &str, old: &Field, new: &Field) {
        let is_required = match (old.is_required, new.is_required) {
            (true, false) => "may be left out now",
            (false, true) => "is always there now",
            _ => return self.compare(at, &old.schema, &new.schema),
        };
        let width = if old.is_required { Width::Wider } else { Width::Narrower };
        let message = match (self.direction, width) {
            (Direction::Input, Width::Narrower) => "is required now",
            _ => is_required,
        };
        self.changed_by_width(at, width, message);
        // An `Option` may be null besides, which is no second change.
        self.compare_without_null(at, &old.schema, &new.schema);
    }

    fn field_is_gone(&mut self, at: &str, new: &Object) {
        match self.direction {
            Direction::Output => {
                self.changed(ChangeKind::Breaking, at, "is gone from what clients get".to_owned())
            }
            Direction::Input if new.is_closed => {
                self.changed(ChangeKind::Breaking, at, "is refused now".to_owned());
            }
            Direction::Input if new.entries.is_some() => {
                self.changed(ChangeKind::Note, at, "has no meaning of its own any more".to_owned());
            }
            Direction::Input => {
                self.changed(ChangeKind::Note, at, "is no longer read when clients send it".to_owned());
            }
        }
    }

    fn field_is_new(&mut self, at: &str, field: &Field, old: &Object) {
        let (kind, message) = match self.direction {
            Direction::Input if field.is_required => {
                (ChangeKind::Breaking, "a new field that clients have to send")
            }
            Direction::Input => (ChangeKind::Additive, "a new field that clients may send"),
            Direction::Output if old.is_closed => {
                (ChangeKind::Breaking, "a new field, and clients refuse unknown ones")
            }
            Direction::Output => (ChangeKind::Additive, "a new field that clients get"),
        };
        self.changed(kind, at, message.to_owned());
    }

    /// The names of a map's entries.
    fn names(&mut self, at: &str, old: &str, new: &str) {
        let message = "has entries with names of another kind".to_owned();
        match (old, new) {
            (_, "") => self.changed_by_width(at, Width::Wider, &message),
            ("", _) => self.changed_by_width(at, Width::Narrower, &message),
            _ if with_sign(old) == new => self.changed_by_width(at, Width::Wider, &message),
            _ if with_sign(new) == old => self.changed_by_width(at, Width::Narrower, &message),
            _ => self.changed(ChangeKind::Breaking, at, message),
        }
    }

    /// A case that was possible before is no longer so.
    fn narrower(&mut self, at: &str, case: &str) {
        let message = match self.direction {
            Direction::Input => format!("{case} is no longer accepted"),
            Direction::Output => format!("{case} no longer comes"),
        };
        self.changed_by_width(at, Width::Narrower, &message);
    }

    /// A case is possible that was not before.
    fn wider(&mut self, at: &str, case: &str) {
        let message = match self.direction {
            Direction::Input => format!("{case} is accepted as well"),
            Direction::Output => format!("{case} may come now, which clients do not know"),
        };
        self.changed_by_width(at, Width::Wider, &message);
    }

    fn changed_by_width(&mut self, at: &str, width: Width, message: &str) {
        let kind = match (self.direction, width) {
            (Direction::Input, Width::Narrower) | (Direction::Output, Width::Wider) => ChangeKind::Breaking,
            (Direction::Input, Width::Wider) | (Direction::Output, Width::Narrower) => ChangeKind::Additive,
        };
        let whose = match self.direction {
            Direction::Input => "sent",
            Direction::Output => "received",
        };
        self.changed(kind, at, format!("{message} ({whose})"));
    }

    fn changed(&mut self, kind: ChangeKind, at: &str, message: String) {
        self.changes.push(Change { kind, place: at.to_owned(), message });
    }
}

/// A schema of several types without that of null.
fn without_null(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(Value::Array(names)) = schema.get_mut("type") {
        names.retain(|name| name != "null");
    }
    schema
}

/// Whether there are more or fewer possible values than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    Wider,
    Narrower,
}

/// Whether a form is one case of several by its nature, such as a variant of an enum.
fn is_case(shape: &Shape) -> bool {
    match shape {
        Shape::Literal(_) | Shape::Null => true,
        Shape::Object(object) => !object.tags().is_empty(),
        _ => false,
    }
}

fn with_sign(pattern: &str) -> String {
    pattern.replacen('^', "^-?", 1)
}

/// Names that take each other's place: equal ones, and the last one on either side.
fn named_pairs(olds: &[&Value], news: &[&Value]) -> BTreeMap<String, String> {
    let mut olds: Vec<String> = olds.iter().filter_map(|schema| target(schema)).collect();
    let mut news: Vec<String> = news.iter().filter_map(|schema| target(schema)).collect();
    let mut pairs: BTreeMap<String, String> =
        olds.iter().filter(|name| news.contains(name)).map(|name| (name.clone(), name.clone())).collect();
    olds.retain(|name| !pairs.contains_key(name));
    news.retain(|name| !pairs.contains_key(name));
    if let ([old], [new]) = (&olds[..], &news[..]) {
        pairs.insert(old.clone(), new.clone());
    }
    pairs
}
