//! Keeps `docs/dependencies.md` whole: it has a line for each direct dependency, and for nothing else.

use std::{collections::BTreeSet, fs};

use crate::repo::{Dependency, Package, Repo};

#[test]
fn each_direct_dependency_has_a_line_and_each_line_a_dependency() {
    let repo = Repo::load().unwrap();
    let page = fs::read_to_string(repo.root.join("docs/dependencies.md")).unwrap();
    let (shipped, tools) = page.split_once("\n## Tests, benches and tools").unwrap();

    let written = |dependency: &&Dependency| dependency.kind.as_deref() != Some("dev");
    let normal = names(repo.members().filter(|it| !is_tool(it)), written);
    assert_eq!(rows(shipped), normal, "on the left what the page has, on the right what the manifests have");

    let mut dev = names(repo.members().filter(|it| !is_tool(it)), |it| !written(it));
    dev.extend(names(repo.members().filter(|it| is_tool(it)), |_| true));
    let only_dev: BTreeSet<_> = dev.difference(&normal).copied().collect();
    assert_eq!(rows(tools), only_dev, "on the left what the page has, on the right what the manifests have");
}

/// Whether users of Trunkline never build this package.
fn is_tool(package: &Package) -> bool {
    ["trunkline-contract", "trunkline-fixture", "xtask"].contains(&package.name.as_str())
}

fn names<'a>(
    packages: impl Iterator<Item = &'a Package>,
    wanted: impl Fn(&&Dependency) -> bool,
) -> BTreeSet<&'a str> {
    let dependencies = packages.flat_map(|package| &package.dependencies);
    let foreign = dependencies.filter(|dependency| dependency.path.is_none());
    foreign.filter(wanted).map(|dependency| dependency.name.as_str()).collect()
}

/// The names in the first column of the tables: rows that begin with code.
fn rows(page: &str) -> BTreeSet<&str> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).collect()
}
