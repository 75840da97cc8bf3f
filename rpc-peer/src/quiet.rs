//! Log lines that a peer can cause at will: one a minute of each kind, with a count of those that were left out.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    time::{Duration, Instant},
};

/// How long a kind of line is quiet after one was written.
const PAUSE: Duration = Duration::from_secs(60);
/// How many kinds are told apart. What a peer makes of its own texts are kinds as well, so there is an end to them.
const KINDS: usize = 16;

/// One kind of line, for example of one connection.
#[derive(Debug, Default)]
pub struct Quiet {
    spoke_at: Option<Instant>,
    left_out: u64,
}

impl Quiet {
    /// Whether a line may be written at `now`: then how many were left out since the last.
    pub fn speak(&mut self, now: Instant) -> Option<u64> {
        if self.is_silent(now) {
            self.left_out += 1;
            return None;
        }
        self.spoke_at = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }

    /// How many lines were left out and not told of.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    fn is_silent(&self, now: Instant) -> bool {
        self.spoke_at.is_some_and(|at| now.saturating_duration_since(at) < PAUSE)
    }
}

/// Kinds of lines that are only known when they are written, such as the causes of failures: 16 of them a minute are
/// told apart, and what comes beyond is left out.
///
/// A `T` is what stays of the last line of a kind.
#[derive(Debug, Default)]
pub struct QuietKinds<T = ()> {
    known: Vec<(u64, Quiet, T)>,
    beyond: u64,
    keys: RandomState,
}

/// Whether a line is to be written.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn<T> {
    /// It is: with how many were left out since the last.
    Speak(u64),
    /// A line of this kind was written within the minute.
    Said(T),
    /// There are too many kinds.
    TooMany,
}

impl<T: Clone> QuietKinds<T> {
    /// Whether a line of this `kind` may be written at `now`. If so, `say` gives what is to be kept of it.
    pub fn speak(&mut self, now: Instant, kind: impl Hash, say: impl FnOnce() -> T) -> Turn<T> {
        let kind = self.keys.hash_one(kind);
        if let Some((_, quiet, said)) = self.known.iter_mut().find(|(known, ..)| *known == kind) {
            return match quiet.speak(now) {
                None => Turn::Said(said.clone()),
                Some(left_out) => {
                    *said = say();
                    Turn::Speak(left_out)
                }
            };
        }
        let mut left_out = 0;
        if self.known.len() >= KINDS {
            let Some(old) = self.known.iter().position(|(_, quiet, _)| !quiet.is_silent(now)) else {
                self.beyond += 1;
                return Turn::TooMany;
            };
            left_out = self.known.swap_remove(old).1.left_out;
        }
        let mut quiet = Quiet::default();
        quiet.speak(now);
        self.known.push((kind, quiet, say()));
        Turn::Speak(left_out + std::mem::take(&mut self.beyond))
    }

    /// How many lines were left out and not told of.
    pub fn left_out(&self) -> u64 {
        self.beyond + self.known.iter().map(|(_, quiet, _)| quiet.left_out).sum::<u64>()
    }
}

/// The lines about one connection that its peer can cause at will.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Of calls that have failed: under which reference the log has the cause.
    pub(crate) failures: QuietKinds<String>,
    /// Of notifications that had no effect.
    pub(crate) ineffective: Quiet,
}

impl Lines {
    /// How many were left out and not told of.
    pub(crate) fn left_out(&self) -> u64 {
        self.failures.left_out() + self.ineffective.left_out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_says_how_many_were_left_out() {
        let (mut quiet, begin) = (Quiet::default(), Instant::now());
        assert_eq!(quiet.speak(begin), Some(0));
        for second in 0..60 {
            assert_eq!(quiet.speak(begin + Duration::from_secs(second)), None);
        }
        assert_eq!(quiet.speak(begin + PAUSE), Some(60));
        assert_eq!(quiet.speak(begin + PAUSE * 2), Some(0));
    }

    #[test]
    fn kinds_are_quiet_one_by_one_and_there_is_an_end_to_them() {
        let (mut kinds, begin) = (QuietKinds::default(), Instant::now());
        for kind in 0..KINDS {
            assert_eq!(kinds.speak(begin, kind, || kind), Turn::Speak(0));
            assert_eq!(kinds.speak(begin, kind, || 99), Turn::Said(kind));
        }
        assert_eq!(kinds.speak(begin, "one more", || 0), Turn::TooMany);
        assert_eq!(kinds.left_out(), KINDS as u64 + 1);
        // A minute later a new kind takes the place of an old one, and no line is forgotten.
        assert_eq!(kinds.speak(begin + PAUSE, "another", || 0), Turn::Speak(2));
        assert_eq!(kinds.left_out(), KINDS as u64 - 1);
        assert_eq!(kinds.speak(begin + PAUSE, 3, || 7), Turn::Speak(1));
        assert_eq!(kinds.speak(begin + PAUSE, 3, || 8), Turn::Said(7));
    }
}
