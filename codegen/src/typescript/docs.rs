//! Documentation: out of the block comments that ts-rs writes, and into those of the file.

/// The lines of a block comment, without its marks.
pub(crate) fn lines(comment: &str) -> Vec<String> {
    let body = comment.trim();
    let body = body.strip_prefix("/**").unwrap_or(body);
    let body = body.strip_suffix("*/").unwrap_or(body);
    tidy(body.lines().map(|line| {
        let line = line.trim_start();
        line.strip_prefix('*').unwrap_or(line)
    }))
}

/// Rust's documentation as lines, with what `#[deprecated]` says at their end.
pub(crate) fn of(docs: &str, deprecated: Option<&str>) -> Vec<String> {
    let mut lines = tidy(docs.lines());
    if let Some(reason) = deprecated {
        lines.extend(tidy(format!("@deprecated {reason}").lines()));
    }
    lines
}

/// Takes off what all lines are indented by, and the empty lines at both ends.
fn tidy<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut lines: Vec<&str> = lines.map(str::trim_end).skip_while(|line| line.is_empty()).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let indent = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let common = lines.iter().filter(|line| !line.is_empty()).map(indent).min().unwrap_or_default();
    lines.into_iter().map(|line| line.get(common..).unwrap_or_default().to_owned()).collect()
}

/// A block comment, each line indented; nothing if there are no lines.
pub(crate) fn print(lines: &[String], indent: &str) -> String {
    let escaped = |line: &String| line.replace("*/", "*\\/");
    match lines {
        [] => String::new(),
        [line] => format!("{indent}/** {} */\n", escaped(line)),
        lines => {
            let lines: Vec<String> = lines
                .iter()
                .map(|line| format!("{indent} * {}", escaped(line)).trim_end().to_owned())
                .collect();
            format!("{indent}/**\n{}\n{indent} */\n", lines.join("\n"))
        }
    }
}
