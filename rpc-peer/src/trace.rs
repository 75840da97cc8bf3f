//! W3C Trace Context: where a call belongs in a trace that spans several programs.
//!
//! It travels in the call's meta, under the names of the HTTP headers. Nothing here knows a tracing system: what the
//! application uses gives and takes the context as text. Source: W3C Trace Context, level 1 (REC-trace-context-1).

use std::{
    cell::RefCell,
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Map, Value};

/// The keys in the meta of a call.
const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";
/// How long a `tracestate` may be to be taken: what section 3.3.1.5 asks everybody to pass on.
const MAX_STATE: usize = 512;

/// Where a call belongs in a trace: what `traceparent` and `tracestate` say.
///
/// ```
/// use trunkline_peer::TraceContext;
///
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let context = TraceContext::parse(header).unwrap();
/// assert!(context.is_sampled());
/// assert_eq!(context.to_string(), header);
/// assert_eq!(context.child().trace_id(), context.trace_id());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
    state: Option<Arc<str>>,
}

impl TraceContext {
    /// A trace that begins here, sampled or not.
    pub fn root(sampled: bool) -> Self {
        let trace_id = (u128::from(random()) << 64) | u128::from(random());
        Self { trace_id, span_id: random(), flags: u8::from(sampled), state: None }
    }

    /// What a `traceparent` says; `None` if it is not valid by section 3.2.2. Of later versions, what version 00 has of them
    /// is read.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let bytes = traceparent.as_bytes();
        let (version, rest) = (hex(bytes.get(..2)?)?, bytes.get(55..)?);
        let ends = rest.is_empty() || (version > 0 && rest.first() == Some(&b'-'));
        let dashes = [2, 35, 52].iter().all(|at| bytes.get(*at) == Some(&b'-'));
        if version == 0xff || !ends || !dashes {
            return None;
        }
        let trace_id = hex(bytes.get(3..35)?)?;
        let span_id = u64::try_from(hex(bytes.get(36..52)?)?).ok()?;
        let flags = u8::try_from(hex(bytes.get(53..55)?)?).ok()?;
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, flags, state: None })
    }

    /// The same with a `tracestate`, which is handed on as it is. One that is longer than 512 bytes or not printable ASCII
    /// is left out.
    #[must_use]
    pub fn with_state(mut self, tracestate: &str) -> Self {
        let printable = tracestate.bytes().all(|byte| (b' '..=b'~').contains(&byte) || byte == b'\t');
        let fits = (1..=MAX_STATE).contains(&tracestate.len());
        self.state = (printable && fits).then(|| tracestate.into());
        self
    }

    /// A step within the same trace, under an id of its own.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { span_id: random(), ..self.clone() }
    }

    /// The context of the call in whose method this is called, if its caller sent one; `None` elsewhere, and in tasks that
    /// the method has spawned. Its span id is that of the call on this server.
    pub fn current() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// The trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The step within the trace: 16 hexadecimal digits.
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span_id)
    }

    /// Whether whoever began the trace records it.
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// The `tracestate`, if there is one.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// What the meta of a call says; what is not valid counts as absent.
    pub(crate) fn of_meta(meta: &Map<String, Value>) -> Option<Self> {
        let context = Self::parse(meta.get(PARENT)?.as_str()?)?;
        Some(match meta.get(STATE).and_then(Value::as_str) {
            Some(state) => context.with_state(state),
            None => context,
        })
    }

    /// Whether the meta of a call has one, valid or not.
    pub(crate) fn is_in(meta: &Map<String, Value>) -> bool {
        meta.contains_key(PARENT)
    }

    /// Sends the context with a call.
    pub(crate) fn into_meta(self, meta: &mut Map<String, Value>) {
        meta.insert(PARENT.to_owned(), self.to_string().into());
        match self.state {
            Some(state) => drop(meta.insert(STATE.to_owned(), (*state).into())),
            None => drop(meta.remove(STATE)),
        }
    }

    /// Makes it the [current](Self::current) one as long as `work` runs.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let _restored = Restored(CURRENT.replace(Some(self.clone())));
        work()
    }
}

/// A `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

/// Where the calls that are made here belong, asked as each of them leaves.
pub type TraceSource = dyn Fn() -> Option<TraceContext> + Send + Sync;

thread_local! {
    static CURRENT: RefCell<Option<TraceContext>> = const { RefCell::new(None) };
}

/// What was current before, also if what ran meanwhile has panicked.
struct Restored(Option<TraceContext>);

impl Drop for Restored {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// A number in lower-case hexadecimal; upper case is not valid.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u128::from(digit))
    })
}

/// A number that is not 0. It need not be secret, only unlike all others: a keyed hash of a count, without a system call.
fn random() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static KEYS: RandomState = RandomState::new();
    }
    KEYS.with(|keys| keys.hash_one(COUNT.fetch_add(1, Ordering::Relaxed))).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_by_the_rules_of_the_specification() {
        for valid in [
            VALID,
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-else",
        ] {
            assert!(TraceContext::parse(valid).is_some(), "{valid}");
        }
        for invalid in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e47é6-00f067aa0ba902b7-0",
        ] {
            assert_eq!(TraceContext::parse(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn a_context_travels_in_the_meta_and_comes_back_the_same() {
        let context = TraceContext::parse(VALID).unwrap().with_state("congo=t61rcWkgMzE");
        let mut meta = Map::new();
        context.clone().into_meta(&mut meta);
        assert_eq!(meta.get("traceparent").and_then(Value::as_str), Some(VALID));
        assert_eq!(TraceContext::of_meta(&meta), Some(context));
        // Another without a state leaves none of the one before.
        TraceContext::root(false).into_meta(&mut meta);
        assert_eq!(meta.get("tracestate"), None);

        meta.insert("traceparent".to_owned(), 7.into());
        assert_eq!(TraceContext::of_meta(&meta), None);
    }

    #[test]
    fn a_tracestate_that_nobody_has_to_pass_on_is_left_out() {
        let context = TraceContext::root(true);
        for dropped in ["", "a=\n", "a=é", &"x".repeat(513)] {
            assert_eq!(context.clone().with_state(dropped).state(), None);
        }
        assert!(context.with_state(&"x".repeat(512)).state().is_some());
    }

    #[test]
    fn a_step_belongs_to_the_trace_and_has_an_id_of_its_own() {
        let root = TraceContext::root(true);
        let child = root.child();
        assert_eq!(child.trace_id(), root.trace_id());
        assert_ne!(child.span_id(), root.span_id());
        assert!(child.is_sampled() && TraceContext::parse(&child.to_string()) == Some(child));
    }

    #[test]
    fn the_current_context_is_that_of_the_innermost_work() {
        let (outer, inner) = (TraceContext::root(true), TraceContext::root(true));
        assert_eq!(TraceContext::current(), None);
        outer.within(|| {
            inner.within(|| assert_eq!(TraceContext::current(), Some(inner.clone())));
            assert_eq!(TraceContext::current(), Some(outer.clone()));
        });
        assert_eq!(TraceContext::current(), None);
    }
}
