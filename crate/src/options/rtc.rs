//! `-rtc`: what the real-time clock shows at power-on.

use super::keyval::{self, unknown};

/// Where the clock's first reading comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RtcBase {
    /// The host's time, UTC.
    Utc,
    /// The host's local time.
    Localtime,
    /// Seconds since 1970.
    At(u64),
}

/// Reads `-rtc`'s list.
///
/// # Errors
/// A sentence for the user.
pub fn parse(text: &str) -> Result<RtcBase, String> {
    let mut base = RtcBase::Utc;
    for pair in keyval::parse(text, None)? {
        match (pair.key.as_str(), pair.value.as_str()) {
            ("base", "utc") => base = RtcBase::Utc,
            ("base", "localtime") => base = RtcBase::Localtime,
            ("base", date) => {
                base = RtcBase::At(
                    seconds(date)
                        .ok_or("base= expects utc, localtime, 2006-06-17 or 2006-06-17T16:01:21")?,
                )
            }
            // The clock always runs with virtual time, which follows the host's unless -icount says otherwise.
            ("clock", "host" | "vm" | "rt") | ("driftfix", "none") => {}
            ("clock" | "driftfix", other) => {
                return Err(format!("{}={other} is not supported", pair.key));
            }
            _ => return Err(unknown(&pair)),
        }
    }
    Ok(base)
}

/// Seconds since 1970 of `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SS`.
fn seconds(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00"));
    let fields = |s: &str, sep: char| -> Option<[u64; 3]> {
        let mut it = s.split(sep).map(|f| {
            f.parse::<u64>()
                .ok()
                .filter(|_| f.bytes().all(|b| b.is_ascii_digit()))
        });
        let r = [it.next()??, it.next()??, it.next()??];
        it.next().is_none().then_some(r)
    };
    let [year, month, day] = fields(date, '-')?;
    let [h, m, s] = fields(time, ':')?;
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let lengths = [
        31,
        28 + u64::from(leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let length = *lengths.get(month.checked_sub(1)? as usize)?;
    if !(1970..=9999).contains(&year) || day < 1 || day > length || h > 23 || m > 59 || s > 59 {
        return None;
    }
    let years: u64 = (1970..year).map(|y| 365 + u64::from(leap(y))).sum();
    let days = years + lengths[..month as usize - 1].iter().sum::<u64>() + day - 1;
    Some(((days * 24 + h) * 60 + m) * 60 + s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases() {
        for (text, want) in [
            ("base=utc", RtcBase::Utc),
            ("base=localtime,clock=vm", RtcBase::Localtime),
            ("base=1970-01-02", RtcBase::At(86_400)),
            ("base=2006-06-17T16:01:21", RtcBase::At(1_150_560_081)),
            ("base=2020-02-29", RtcBase::At(1_582_934_400)),
        ] {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
        for text in [
            "base=xx",
            "base=2021-02-29",
            "base=2020-13-01",
            "base=2020-01-01T24:00:00",
            "frob=1",
            "clock=x",
            "base=2020-1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
