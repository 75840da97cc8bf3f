//! Reads the type expressions that ts-rs writes.
//!
//! What it does not understand, because a user wrote it in `#[ts(type = "..")]`, is kept as it is: from where the
//! expression begins to where a comma or a closing bracket ends it.

use super::{
    ast::{Element, Property, Type},
    docs,
};

/// What stands right of `type` in a declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) params: Vec<Param>,
    pub(crate) body: Type,
}

/// A generic parameter, with its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) default: Option<Type>,
}

/// Reads `type Page<T> = { … };`, or `None` if it is no such declaration.
pub(crate) fn declaration(text: &str, name: &str) -> Option<Parsed> {
    let rest = text.trim().strip_prefix("type ")?.strip_prefix(name)?;
    let rest = rest.strip_suffix(';').unwrap_or(rest);
    let mut parser = Parser { rest };
    let params = parser.params()?;
    parser.expect("=")?;
    Some(Parsed { params, body: parser.all() })
}

/// Reads a type expression.
pub(crate) fn ty(text: &str) -> Type {
    Parser { rest: text }.all()
}

#[derive(Clone, Copy)]
struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// All of the text as one type.
    fn all(mut self) -> Type {
        let text = self.rest.trim();
        let ty = self.union();
        self.skip_space();
        ty.filter(|_| self.rest.is_empty()).unwrap_or_else(|| Type::Raw(text.to_owned()))
    }

    /// A type, up to what ends it in its surroundings.
    fn ty(&mut self) -> Option<Type> {
        let start = *self;
        if let Some(ty) = self.union()
            && self.is_at_end()
        {
            return Some(ty);
        }
        *self = start;
        self.raw()
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.rest.chars().next().is_none_or(|next| ",;)}]>".contains(next))
    }

    fn raw(&mut self) -> Option<Type> {
        let len = raw_len(self.rest);
        let (text, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        let text = text.trim();
        (!text.is_empty()).then(|| Type::Raw(text.to_owned()))
    }

    fn union(&mut self) -> Option<Type> {
        self.eat("|");
        let mut types = vec![self.intersection()?];
        while self.eat("|") {
            types.push(self.intersection()?);
        }
        Some(Type::union(types))
    }

    fn intersection(&mut self) -> Option<Type> {
        self.eat("&");
        let mut types = vec![self.postfix()?];
        while self.eat("&") {
            types.push(self.postfix()?);
        }
        Some(Type::intersection(types))
    }

    fn postfix(&mut self) -> Option<Type> {
        let mut ty = self.primary()?;
        while self.eat("[]") {
            ty = Type::array(ty);
        }
        Some(ty)
    }

    fn primary(&mut self) -> Option<Type> {
        self.skip_space();
        match self.rest.chars().next()? {
            '(' => {
                self.eat("(");
                let ty = self.union()?;
                self.expect(")")?;
                Some(ty)
            }
            '{' => self.braces(),
            '[' => self.tuple(),
            '"' | '\'' => self.quoted().map(Type::Text),
            '`' => {
                self.expect("`${")?;
                let ty = self.union()?;
                self.expect("}")?;
                self.expect("`")?;
                Some(Type::TextOf(Box::new(ty)))
            }
            '-' | '0'..='9' => self.number(),
            _ => self.name_with_args(),
        }
    }

    fn number(&mut self) -> Option<Type> {
        let len = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-+.".contains(c)));
        let (number, rest) = self.rest.split_at_checked(len.unwrap_or(self.rest.len()))?;
        number.parse::<f64>().ok()?;
        self.rest = rest;
        Some(Type::Literal(number.to_owned()))
    }

    fn name_with_args(&mut self) -> Option<Type> {
        let name = self.name()?;
        if UNSUPPORTED.contains(&name) {
            return None;
        }
        let mut args = Vec::new();
        if self.eat("<") {
            args = self.list(">", Self::ty)?;
        }
        Some(match (name, &mut args[..]) {
            ("true" | "false", []) => Type::Literal(name.to_owned()),
            ("Array", [element]) => Type::array(element.clone()),
            ("Record", [key, value]) if !key.is("symbol") => Type::record(key.clone(), value.clone(), false),
            ("Partial", [Type::Record(record)]) => {
                record.partial = true;
                args.swap_remove(0)
            }
            _ => Type::Name(name.to_owned(), args),
        })
    }

    fn name(&mut self) -> Option<&'a str> {
        self.skip_space();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let len = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at_checked(len)?;
        if name.is_empty() || name.starts_with(|c: char| c.is_numeric()) {
            return None;
        }
        self.rest = rest;
        Some(name)
    }

    fn quoted(&mut self) -> Option<String> {
        let quote = self.rest.chars().next()?;
        let rest = self.rest.strip_prefix(quote)?;
        let (text, rest) = rest.split_once(quote)?;
        self.rest = rest;
        Some(text.to_owned())
    }

    fn tuple(&mut self) -> Option<Type> {
        self.expect("[")?;
        self.list("]", |it| {
            let ty = it.union()?;
            Some(Element { ty, optional: it.eat("?") })
        })
        .map(Type::Tuple)
    }

    /// An object, or a map.
    fn braces(&mut self) -> Option<Type> {
        self.expect("{")?;
        if self.eat("[") {
            return self.map();
        }
        self.list("}", Self::property).map(Type::Object)
    }

    fn map(&mut self) -> Option<Type> {
        self.name()?;
        if !self.eat(":") && !self.eat("in ") {
            return None;
        }
        let key = self.ty()?;
        self.expect("]")?;
        let partial = self.eat("?");
        self.expect(":")?;
        let value = self.ty()?;
        let _ = self.eat(",") || self.eat(";");
        self.expect("}")?;
        Some(Type::record(key, value, partial))
    }

    fn property(&mut self) -> Option<Property> {
        let docs = self.docs()?;
        self.skip_space();
        let name = match self.rest.chars().next()? {
            '"' | '\'' => self.quoted()?,
            _ => self.name()?.to_owned(),
        };
        let optional = self.eat("?");
        self.expect(":")?;
        Some(Property { docs, name, optional, ty: self.ty()? })
    }

    /// The comment before a property. ts-rs closes it by a line of its own, and writes whatever the documentation holds
    /// before that, be it the end of a comment.
    fn docs(&mut self) -> Option<Vec<String>> {
        self.skip_space();
        if !self.rest.starts_with("/*") {
            return Some(Vec::new());
        }
        let end = match self.rest.starts_with("/**\n") {
            true => line_end(self.rest, |line| line.trim() == "*/"),
            false => None,
        };
        let end = end.or_else(|| line_end(self.rest, |line| line.trim_end().ends_with("*/")));
        let end = end.or_else(|| Some(self.rest.find("*/")? + 2))?;
        let (comment, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(docs::lines(comment))
    }

    fn params(&mut self) -> Option<Vec<Param>> {
        if !self.eat("<") {
            return Some(Vec::new());
        }
        self.list(">", |it| {
            let name = it.name()?.to_owned();
            let default = if it.eat("=") { Some(it.ty()?) } else { None };
            Some(Param { name, default })
        })
    }

    /// Items with commas or semicolons between them, up to the closing bracket.
    fn list<T>(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(item(self)?);
            if !self.eat(",") && !self.eat(";") {
                self.expect(close)?;
                break;
            }
        }
        Some(items)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Option<()> {
        self.eat(token).then_some(())
    }
}

/// Whether text that is kept as it is can be TypeScript at all: brackets and quotes are closed, and a string has an end that
/// is one. ts-rs writes a quote in a name as it is.
pub(crate) fn is_whole(text: &str) -> bool {
    let (mut open, mut quote, mut before, mut after_quote) = (Vec::new(), None, ' ', false);
    for c in text.chars() {
        if std::mem::take(&mut after_quote) && (c.is_alphanumeric() || "\"'`_".contains(c)) {
            return false;
        }
        match (quote, c) {
            (Some(it), _) if c == it && before != '\\' => (quote, after_quote) = (None, true),
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(') => open.push(')'),
            (None, '[') => open.push(']'),
            (None, '{') => open.push('}'),
            (None, ')' | ']' | '}') if open.pop() != Some(c) => return false,
            _ => {}
        }
        before = c;
    }
    open.is_empty() && quote.is_none()
}

/// Words that begin a kind of type that is kept as it is.
const UNSUPPORTED: [&str; 11] = [
    "abstract", "asserts", "import", "infer", "is", "keyof", "new", "readonly", "typeof", "unique", "extends",
];

/// The end of the first line that is one of these, without its line feed.
fn line_end(text: &str, wanted: impl Fn(&str) -> bool) -> Option<usize> {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if wanted(line) {
            return Some(end + line.trim_end().len());
        }
        end += line.len();
    }
    None
}

/// How far a type goes that is kept as it is.
fn raw_len(text: &str) -> usize {
    let (mut depth, mut quote, mut before) = (0_usize, None, ' ');
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open && before != '\\' => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(' | '{' | '[' | '<') => depth += 1,
            (None, '>') if before == '=' => {}
            (None, ')' | '}' | ']' | '>' | ',' | ';') if depth == 0 => return at,
            (None, ')' | '}' | ']' | '>') => depth -= 1,
            _ => {}
        }
        before = c;
    }
    text.len()
}
