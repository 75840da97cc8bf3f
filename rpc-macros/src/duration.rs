//! Durations as text, such as `10s` or `0.5m`, and rate limits such as `5/1m`.
//!
//! Numbers are read digit by digit and never as a float, so that `0.1s` is exactly 100 ms.

use std::time::Duration;

/// The units and their lengths in nanoseconds, for durations of at most 584 years.
const UNITS: [(&str, u64); 5] = [
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

const HINT: &str = "write a number and one of `ms`, `s`, `m`, `h`, `d`, as in `10s` or `0.5m`";

/// Reads `10s`, `250ms`, `0.5m`.
///
/// # Errors
///
/// What is wrong with the text and what to write instead.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.is_empty() {
        return Err(format!("the duration is empty: {HINT}"));
    }
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let Some((_, nanos_per_unit)) = UNITS.iter().find(|(known, _)| *known == unit) else {
        return Err(match unit {
            "" => format!("the duration `{text}` has no unit: {HINT}"),
            unit => format!("`{unit}` is not a unit of time: {HINT}"),
        });
    };
    let nanos = scaled(number, *nanos_per_unit)
        .ok_or_else(|| format!("`{number}` is not a number of {unit}: {HINT}"))?;
    match u64::try_from(nanos) {
        Ok(0) => Err(format!("the duration `{text}` is zero: {HINT}")),
        Ok(nanos) => Ok(Duration::from_nanos(nanos)),
        Err(_) => Err(format!("the duration `{text}` is longer than 584 years: write a shorter one")),
    }
}

/// `number` times `scale`, rounded down; `None` unless the number is `digits` or `digits.digits`.
fn scaled(number: &str, scale: u64) -> Option<u128> {
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (number, ""),
    };
    let whole = u128::from(whole.parse::<u64>().ok()?).checked_mul(scale.into())?;
    let mut rest = u128::from(scale);
    let mut sum = whole;
    for digit in fraction.chars() {
        let digit = digit.to_digit(10)?;
        sum += rest * u128::from(digit) / 10;
        rest /= 10;
    }
    Some(sum)
}

/// Reads `5/1m`: five calls at once, all of which come back within a minute.
///
/// # Errors
///
/// What is wrong with the text and what to write instead.
pub(crate) fn parse_rate(text: &str) -> Result<(u32, Duration), String> {
    let Some((limit, period)) = text.split_once('/') else {
        return Err(format!("`{text}` is not a rate: write how many calls in how long, as in `5/1m`"));
    };
    match limit.parse() {
        Ok(0) => Err("a limit of 0 calls would refuse every call: allow at least 1, as in `1/1m`".to_owned()),
        Ok(limit) => {
            let period = parse_duration(period)?;
            check_rate(limit, period)?;
            Ok((limit, period))
        }
        Err(_) => {
            Err(format!("`{limit}` is not a number of calls up to {}: write it as in `5/1m`", u32::MAX))
        }
    }
}

/// Refuses a rate that a limiter, which counts in nanoseconds, could not tell from no limit.
///
/// # Errors
///
/// What is wrong with the rate and what to write instead.
pub(crate) fn check_rate(limit: u32, period: Duration) -> Result<(), String> {
    let nanos = period.as_nanos();
    if u128::from(limit) > nanos {
        return Err(format!(
            "{limit} calls in {period:?} are more than one a nanosecond, which limits nothing: allow at most {nanos}, or \
             leave the limit out"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_units_are_read_exactly() {
        let rows = [
            ("250ms", Duration::from_millis(250)),
            ("10s", Duration::from_secs(10)),
            ("0.5m", Duration::from_secs(30)),
            ("0.1s", Duration::from_millis(100)),
            ("1.5ms", Duration::from_micros(1500)),
            ("2h", Duration::from_secs(7200)),
            ("1d", Duration::from_secs(86_400)),
        ];
        for (text, expected) in rows {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn whatever_is_no_duration_says_what_to_write() {
        let rows = [
            ("", "is empty"),
            ("5", "has no unit"),
            ("5x", "`x` is not a unit"),
            ("5 s", "` s` is not a unit"),
            ("s", "`` is not a number of s"),
            ("1.s", "`1.` is not a number of s"),
            (".5s", "`.5` is not a number of s"),
            ("1.2.3s", "`1.2.3` is not a number of s"),
            ("-1s", "`-1s` is not a unit"),
            ("0s", "is zero"),
            ("0.00s", "is zero"),
        ];
        for (text, expected) in rows {
            let error = parse_duration(text).unwrap_err();
            assert!(
                error.contains(expected) && error.contains("`ms`, `s`, `m`, `h`, `d`"),
                "{text}: {error}"
            );
        }
        assert!(parse_duration("99999999d").unwrap_err().contains("584 years"));
        assert!(parse_duration("99999999999999999999d").is_err());
    }

    #[test]
    fn a_rate_is_a_count_and_a_period() {
        assert_eq!(parse_rate("5/1m"), Ok((5, Duration::from_secs(60))));
        assert_eq!(parse_rate("1000000/1ms"), Ok((1_000_000, Duration::from_millis(1))));
        for (text, expected) in [
            ("5", "as in `5/1m`"),
            ("0/1m", "at least 1"),
            ("x/1m", "`x` is not a number"),
            ("-1/1m", "`-1` is not a number"),
            ("5000000000/1m", "up to 4294967295"),
            ("1000001/1ms", "1000001 calls in 1ms are more than one a nanosecond"),
            ("4294967295/1s", "allow at most 1000000000, or leave the limit out"),
            ("5/1x", "`x` is not a unit"),
            ("5/", "is empty"),
        ] {
            let error = parse_rate(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
