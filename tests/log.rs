//! The log, as a test reads it.

use std::sync::{Arc, LazyLock, Mutex};

use tracing::Dispatch;

/// What is written to the log while it is there.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

/// As long as `tracing` knows a single subscriber, a thread without one that comes to an event first makes it forget the
/// event for all threads. So there is always another.
fn keep_interest() {
    static OTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));
    LazyLock::force(&OTHER);
}

impl Log {
    /// Begins to write down what this thread logs, down to `level`, until the guard is dropped.
    pub(crate) fn begin(level: tracing::Level) -> (Self, tracing::subscriber::DefaultGuard) {
        keep_interest();
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The same with a line for every span that closes.
    pub(crate) fn with_spans(level: tracing::Level) -> (Self, tracing::subscriber::DefaultGuard) {
        keep_interest();
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The first entry that contains `text`.
    pub(crate) fn entry(&self, text: &str) -> String {
        let logged = self.text();
        logged.lines().find(|line| line.contains(text)).expect("an entry").to_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
