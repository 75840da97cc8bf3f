//! Text that a peer chose, on its way into a log.

use std::fmt::{self, Write};

/// The most bytes that a text of a peer takes in a log line.
const MAX: usize = 128;

/// A text that a peer chose, as it may stand in a log line: at most 128 bytes, and nothing in it that begins a line, moves a
/// cursor or turns the direction of writing.
///
/// ```
/// use trunkline_core::Escaped;
///
/// assert_eq!(Escaped("lobby\n\u{1b}[31mroot").to_string(), r"lobby\n\u{1b}[31mroot");
/// assert_eq!(Escaped(&"x".repeat(200)).to_string(), format!("{}…", "x".repeat(125)));
/// ```
#[derive(Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whatever has to be cut ends before this, so that the sign for it fits.
        let cut_at = MAX - '…'.len_utf8();
        let (mut written, mut waiting) = (0, String::new());
        for char in self.0.chars() {
            let len = escaped_len(char);
            if written + waiting.len() + len > MAX {
                return f.write_char('…');
            }
            if written + len > cut_at || !waiting.is_empty() {
                escape(char, &mut waiting)?;
            } else {
                escape(char, f)?;
                written += len;
            }
        }
        f.write_str(&waiting)
    }
}

impl fmt::Debug for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

fn escape(char: char, to: &mut impl Write) -> fmt::Result {
    match char {
        '"' | '\'' => to.write_char(char),
        _ => char.escape_debug().try_for_each(|char| to.write_char(char)),
    }
}

fn escaped_len(char: char) -> usize {
    match char {
        '"' | '\'' => 1,
        _ => char.escape_debug().map(char::len_utf8).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_or_a_reader_of_lines_would_obey_is_escaped() {
        for (text, expected) in [
            ("plain text, \"quoted\" and 'so'", "plain text, \"quoted\" and 'so'"),
            ("zwölf Boxkämpfer", "zwölf Boxkämpfer"),
            ("a\r\nb\tc", r"a\r\nb\tc"),
            ("\u{1b}]0;title\u{7}", r"\u{1b}]0;title\u{7}"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("a\u{2028}b\u{202e}c", r"a\u{2028}b\u{202e}c"),
            (r"a\n", r"a\\n"),
        ] {
            assert_eq!(Escaped(text).to_string(), expected);
        }
    }

    #[test]
    fn it_is_cut_at_128_bytes_whatever_it_consists_of() {
        for unit in ["x", "ö", "\n", "\u{1b}", "語", "🦀", "\u{e0001}"] {
            for len in 0..=200 {
                let text = unit.repeat(len);
                let shown = Escaped(&text).to_string();
                assert!(shown.len() <= MAX, "{} bytes of {unit:?}", shown.len());
                let whole: String = text.chars().flat_map(char::escape_debug).collect();
                assert_eq!(shown == whole, whole.len() <= MAX, "{len} of {unit:?}");
                assert!(shown == whole || shown.ends_with('…'));
            }
        }
    }
}
