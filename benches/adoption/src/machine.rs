//! How long something takes, and whether others had the machine meanwhile. Linux only: it reads `/proc`.

use std::{fs, thread, time::Duration};

use anyhow::{Context, Result};

/// What building something took, in seconds.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: f64,
    /// Of all processes that took part.
    pub(crate) cpu: f64,
}

/// The least disturbed of several tries; one that others disturbed little is taken at once.
pub(crate) fn quietly(work: impl Fn() -> Result<Cost>) -> Result<Cost> {
    let mut best: Option<(f64, Cost)> = None;
    for _ in 0..TRIES {
        wait_until_quiet()?;
        let before = busy()? - children()?;
        let cost = work()?;
        let foreign = (busy()? - children()? - before) / cost.wall;
        if best.is_none_or(|(least, _)| foreign < least) {
            best = Some((foreign, cost));
        }
        if foreign <= FOREIGN_AT_MOST {
            break;
        }
        eprintln!("disturbed: others took {foreign:.2} of a core");
    }
    Ok(best.context("nothing was tried")?.1)
}

/// Waits until the machine idles, or 20 s.
fn wait_until_quiet() -> Result<()> {
    for _ in 0..40 {
        let before = busy()?;
        thread::sleep(Duration::from_millis(500));
        if busy()? - before <= FOREIGN_AT_MOST / 2.0 {
            break;
        }
    }
    Ok(())
}

/// Seconds that all cores together have worked.
fn busy() -> Result<f64> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().context("/proc/stat is empty")?;
    let fields = ticks(line.split_whitespace().skip(1))?;
    // user, nice, system; then idle and waiting, which are not work; then interrupts.
    Ok(fields.iter().enumerate().filter(|(at, _)| [0, 1, 2, 5, 6].contains(at)).map(|(_, ticks)| ticks).sum())
}

/// Seconds that finished children of this process, and theirs, have worked.
pub(crate) fn children() -> Result<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = text.rsplit_once(')').context("/proc/self/stat names no program")?;
    // The 16th and 17th field of proc_pid_stat(5), of which two stand before the bracket.
    Ok(ticks(fields.split_whitespace().skip(13).take(2))?.iter().sum())
}

fn ticks<'a>(fields: impl Iterator<Item = &'a str>) -> Result<Vec<f64>> {
    fields.map(|field| Ok(field.parse::<f64>()? / TICKS_PER_SECOND)).collect()
}

/// Linux tells times to programs in hundredths of a second, whatever it counts with itself.
const TICKS_PER_SECOND: f64 = 100.0;
/// How much of one core others may take of a build.
const FOREIGN_AT_MOST: f64 = 0.1;
const TRIES: usize = 4;
