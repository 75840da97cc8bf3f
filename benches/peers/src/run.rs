//! x
#[derive(clap::Args)]
pub(crate) struct Options {}
pub(crate) fn main(_: &Options) -> anyhow::Result<()> {
    Ok(())
}
