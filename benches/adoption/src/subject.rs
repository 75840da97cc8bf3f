//! The adopters, and how each quantity is had from cargo.

use std::{
    collections::BTreeSet,
    env,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Instant, SystemTime},
};

use anyhow::{Context, Result, ensure};

use crate::machine::{self, Cost};

#[derive(Clone, Copy)]
pub(crate) enum Subject {
    Trunkline,
    Tarpc,
    Jsonrpsee,
}

impl Subject {
    pub(crate) const ALL: [Self; 3] = [Self::Trunkline, Self::Tarpc, Self::Jsonrpsee];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trunkline => "trunkline",
            Self::Tarpc => "tarpc",
            Self::Jsonrpsee => "jsonrpsee",
        }
    }

    fn package(self) -> String {
        format!("{}-adopter", self.name())
    }

    pub(crate) fn check(self) -> Result<Cost> {
        self.build(&["check"])
    }

    pub(crate) fn release(self) -> Result<Cost> {
        self.build(&["build", "--release"])
    }

    /// Builds the adopter after a touch, and whatever it stands on if that is not built yet.
    fn build(self, args: &[&str]) -> Result<Cost> {
        let main = folder().join(self.name()).join("src/main.rs");
        File::options().append(true).open(main)?.set_modified(SystemTime::now())?;
        let mut cargo = self.cargo(args);
        cargo.args(["--quiet", "--locked", "--package", &self.package()]);
        let (cpu, started) = (machine::children()?, Instant::now());
        run(&mut cargo)?;
        Ok(Cost { wall: started.elapsed().as_secs_f64(), cpu: machine::children()? - cpu })
    }

    /// Starts the adopter, which serves, calls every method and compares the answers.
    pub(crate) fn run(self) -> Result<()> {
        let mut cargo =
            self.cargo(&["run", "--release", "--quiet", "--locked", "--package", &self.package()]);
        output(&mut cargo).map(drop)
    }

    /// How many crates stand below the adopter here, libraries of the build among them, each version once.
    pub(crate) fn crates(self) -> Result<usize> {
        let mut cargo = self.cargo(&["tree", "--locked", "--package", &self.package()]);
        cargo.args(["--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
        let tree = output(&mut cargo)?;
        let packages: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
        Ok(packages.len() - 1)
    }

    /// How many lines the adopter has once all macros are expanded, as the compiler prints it.
    pub(crate) fn expanded_lines(self) -> Result<usize> {
        let mut cargo = self.cargo(&["rustc", "--profile=check", "--quiet", "--locked"]);
        cargo.args(["--package", &self.package(), "--", "-Zunpretty=expanded"]);
        Ok(output(cargo.env("RUSTC_BOOTSTRAP", "1"))?.lines().count())
    }

    fn cargo(self, args: &[&str]) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(folder()).args(args).env("CARGO_INCREMENTAL", "0").stderr(Stdio::inherit());
        cargo
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn run(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?} ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
