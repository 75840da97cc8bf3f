//! The lines in which two texts differ, for people to read.

/// How many lines are shown; the rest is counted.
const SHOWN: usize = 40;

/// How many lines stand around a change.
const CONTEXT: usize = 2;

/// Beyond this many pairs of lines the texts are not compared line by line.
const PAIRS: usize = 4_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// What `new` changes in `old`, with two lines around each change.
pub(crate) fn diff(old: &str, new: &str) -> String {
    let lines = compare(&old.lines().collect::<Vec<_>>(), &new.lines().collect::<Vec<_>>());
    let is_change = |line: &Line<'_>| !matches!(line, Line::Same(_));
    let near = |at: usize| {
        let around = lines.iter().take(at + CONTEXT + 1).skip(at.saturating_sub(CONTEXT));
        around.into_iter().any(is_change)
    };
    let (mut shown, mut number, mut gap) = (Vec::new(), 0, true);
    for (at, line) in lines.iter().enumerate() {
        if !matches!(line, Line::New(_)) {
            number += 1;
        }
        if !near(at) {
            gap = true;
            continue;
        }
        if std::mem::take(&mut gap) {
            shown.push(format!("@@ line {}", number.max(1)));
        }
        shown.push(match line {
            Line::Same(line) => format!("  {line}"),
            Line::Old(line) => format!("- {line}"),
            Line::New(line) => format!("+ {line}"),
        });
    }
    if shown.len() > SHOWN {
        let more = shown.len() - SHOWN;
        shown.truncate(SHOWN);
        shown.push(format!("… and {more} more lines"));
    }
    shown.join("\n")
}

fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (head, old) = old.split_at(start);
    let (_, new) = new.split_at(start);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, tail) = old.split_at(old.len() - end);
    let (new, _) = new.split_at(new.len() - end);
    let same = |lines: &[&'a str]| lines.iter().map(|line| Line::Same(line)).collect::<Vec<_>>();
    [same(head), between(old, new), same(tail)].concat()
}

/// The longest common subsequence, by dynamic programming.
fn between<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    if old.len().saturating_mul(new.len()) > PAIRS {
        let lines = old.iter().map(|line| Line::Old(line));
        return lines.chain(new.iter().map(|line| Line::New(line))).collect();
    }
    let width = new.len() + 1;
    let mut common = vec![0_usize; (old.len() + 1) * width];
    let at = |common: &[usize], i: usize, j: usize| common.get(i * width + j).copied().unwrap_or_default();
    for (i, old) in old.iter().enumerate().rev() {
        for (j, new) in new.iter().enumerate().rev() {
            let longest = if old == new {
                at(&common, i + 1, j + 1) + 1
            } else {
                at(&common, i + 1, j).max(at(&common, i, j + 1))
            };
            if let Some(cell) = common.get_mut(i * width + j) {
                *cell = longest;
            }
        }
    }
    let (mut lines, mut i, mut j) = (Vec::new(), 0, 0);
    loop {
        match (old.get(i), new.get(j)) {
            (Some(old), Some(new)) if old == new => {
                lines.push(Line::Same(old));
                (i, j) = (i + 1, j + 1);
            }
            (Some(old), new) if new.is_none() || at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                lines.push(Line::Old(old));
                i += 1;
            }
            (_, Some(new)) => {
                lines.push(Line::New(new));
                j += 1;
            }
            (_, None) => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_stand_between_the_lines_around_them() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n";
        assert_eq!(diff(old, new), "@@ line 3\n  3\n  4\n- 5\n+ five\n  6\n  7\n  8\n  9\n+ 10");
    }

    #[test]
    fn changes_far_apart_are_apart() {
        let lines = |first: &str, last: &str| format!("{first}\na\nb\nc\nd\ne\nf\n{last}\n");
        assert_eq!(
            diff(&lines("1", "2"), &lines("one", "two")),
            "@@ line 1\n- 1\n+ one\n  a\n  b\n@@ line 6\n  e\n  f\n- 2\n+ two"
        );
    }

    #[test]
    fn a_long_diff_is_cut() {
        let new: String = (0..100).map(|number| format!("{number}\n")).collect();
        assert!(diff("", &new).ends_with("+ 38\n… and 61 more lines"));
    }
}
