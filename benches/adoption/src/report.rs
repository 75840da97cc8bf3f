//! The table: a column for each adopter, the ratios, and the aims.

use crate::{machine::Cost, subject::Subject};

/// What was measured of one adopter.
pub(crate) struct Row {
    pub(crate) subject: Subject,
    pub(crate) check: Vec<Cost>,
    pub(crate) release: Vec<Cost>,
    pub(crate) crates: usize,
    pub(crate) expanded: usize,
}

impl Row {
    pub(crate) fn new(subject: Subject) -> Self {
        Self { subject, check: Vec::new(), release: Vec::new(), crates: 0, expanded: 0 }
    }

    /// Says on standard error what the last round gave.
    pub(crate) fn tell(&self, round: usize) {
        let last = |costs: &[Cost]| costs.last().map_or(0.0, |cost| cost.wall);
        let (check, release) = (last(&self.check), last(&self.release));
        eprintln!("round {round} {:9} check {check:.2} s, release {release:.2} s", self.subject.name());
    }
}

/// The bound that Trunkline's number is to keep.
enum Aim {
    None,
    TimesTarpc(f64),
    BelowJsonrpsee,
}

pub(crate) fn print([trunkline, tarpc, jsonrpsee]: &[Row; 3]) {
    println!(
        "| the adopter alone | Trunkline | tarpc | jsonrpsee | Trunkline/tarpc | Trunkline/jsonrpsee | aim |"
    );
    println!("|---|---:|---:|---:|---:|---:|---|");
    let line = |name: &str, of: &dyn Fn(&Row) -> f64, digits: usize, aim: &Aim| {
        let numbers = [of(trunkline), of(tarpc), of(jsonrpsee)];
        println!("{}", row(name, numbers, digits, aim));
    };
    let wall = |costs: &[Cost]| median(costs.iter().map(|cost| cost.wall));
    let cpu = |costs: &[Cost]| median(costs.iter().map(|cost| cost.cpu));
    line("`cargo check`, s", &|row| wall(&row.check), 2, &Aim::TimesTarpc(1.2));
    line("`cargo check`, CPU s", &|row| cpu(&row.check), 2, &Aim::None);
    line("`cargo build --release`, s", &|row| wall(&row.release), 2, &Aim::TimesTarpc(1.5));
    line("`cargo build --release`, CPU s", &|row| cpu(&row.release), 2, &Aim::None);
    line("crates below it", &|row| row.crates as f64, 0, &Aim::BelowJsonrpsee);
    line("lines, expanded", &|row| row.expanded as f64, 0, &Aim::None);
}

fn row(name: &str, [trunkline, tarpc, jsonrpsee]: [f64; 3], digits: usize, aim: &Aim) -> String {
    let (to_tarpc, to_jsonrpsee) = (trunkline / tarpc, trunkline / jsonrpsee);
    let aim = match aim {
        Aim::None => String::new(),
        Aim::TimesTarpc(most) => format!("{} at most {most} × tarpc's", mark(to_tarpc <= *most)),
        Aim::BelowJsonrpsee => format!("{} fewer than jsonrpsee's", mark(trunkline < jsonrpsee)),
    };
    format!(
        "| {name} | {trunkline:.digits$} | {tarpc:.digits$} | {jsonrpsee:.digits$} | {to_tarpc:.2} | {to_jsonrpsee:.2} | {aim} |"
    )
}

fn mark(kept: bool) -> char {
    if kept { '✓' } else { '✗' }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_ratios_and_says_whether_the_aim_is_kept() {
        let row = |aim| row("x", [1.2, 1.0, 2.4], 2, &aim);
        assert_eq!(
            row(Aim::TimesTarpc(1.2)),
            "| x | 1.20 | 1.00 | 2.40 | 1.20 | 0.50 | ✓ at most 1.2 × tarpc's |"
        );
        assert!(row(Aim::TimesTarpc(1.1)).ends_with("| ✗ at most 1.1 × tarpc's |"));
        assert!(row(Aim::BelowJsonrpsee).ends_with("| ✓ fewer than jsonrpsee's |"));
    }

    #[test]
    fn a_median_is_not_moved_by_one_slow_build() {
        assert_eq!(median([1.0, 9.0, 2.0].into_iter()), 2.0);
    }
}
